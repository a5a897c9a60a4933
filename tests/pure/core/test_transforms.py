"""Every transform, both ways, without a database."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core import transforms_text, transforms_words
from lead_to_cash_hub.core.mapping import Line, to_canonical, to_external
from lead_to_cash_hub.core.paths import is_writable, put, reader
from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.transforms import TRANSFORMS, make
from lead_to_cash_hub.core.unfit import Unfit

UTC = timezone.utc
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Africa/Cairo",
    "UTC",
)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
DAYS = st.dates(date(1971, 1, 1), date(2100, 1, 1))
AMOUNTS = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=2)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False) | DAYS | MOMENTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
# for each transform an argument that means something
ARGUMENTS = {
    "constant": "fixed", "default": "else", "choose": "a = b; c = d", "pair": "other", "by_key": "email",
    "number": "1.234,56", "minor_units": "currency", "date_format": "DD.MM.YYYY", "phone": "DE",
    "local_time": "Europe/Berlin", "day_end": "Europe/Berlin", "local_date": "Europe/Berlin",
    "duration": "minutes", "vat": "DE", "state_code": "US", "expression": "value",
}  # fmt: skip


def both(name, argument=""):
    inward, outward = make(name, argument)
    return (lambda value, payload=None: inward(value, payload or {})), (
        outward and (lambda value, record=None: outward(value, record or {}))
    )


def round_trip(name, argument, value, record=None):
    """A canonical value goes out and comes back."""
    inward, outward = both(name, argument)
    return inward(outward(value, record), record)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@given(value=ANYTHING)
def test_a_transform_takes_a_value_or_says_what_it_expected(name, value):
    inward, outward = both(name, ARGUMENTS.get(name, ""))
    for change in filter(None, (inward, outward)):
        try:
            change(value, {"other": 1, "currency": "EUR"})
        except Unfit as unfit:
            assert unfit.expected
        except Problem as problem:
            assert name == "expression" and problem.code == "expression_failed"


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@given(argument=st.text(max_size=30))
def test_an_argument_is_taken_or_refused_when_the_line_is_saved(name, argument):
    try:
        make(name, argument)
    except Problem as problem:
        assert problem.code in ("bad_argument", "bad_path", "bad_expression")
        assert problem.kind == "schema"


# -- both ways ------------------------------------------------------------------------------------


@given(
    AMOUNTS, st.sampled_from(["1.234,56", "1,234.56", "1 234,56", "1'234.56", "1234.56", "1234,5"])
)
def test_numbers_in_any_notation(amount, sample):
    assert round_trip("number", sample, amount) == amount


@pytest.mark.parametrize(
    ("sample", "text", "expected"),
    [
        ("1.234,56", "1.234.567,80", "1234567.80"), ("1.234,56", "-12,5", "-12.5"),
        ("1,234.56", "1,234", "1234"), ("1 234,56", "1\u202f234,5", "1234.5"), ("1234,56", "7", "7"),
        ("1.234,56", "1234,56", "1234.56"),
    ],
)  # fmt: skip
def test_a_sample_says_how_numbers_are_written(sample, text, expected):
    assert both("number", sample)[0](text) == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["1,234.56", "12.34,5", "1.2345,6", "1,2,3", "", "eins", "1,", "1" * 41]
)
def test_another_notation_is_refused_and_not_guessed(text):
    with pytest.raises(Unfit):
        both("number", "1.234,56")[0](text)


@given(
    st.integers(-(10**15), 10**15),
    st.sampled_from(["USD", "EUR", "JPY", "KWD", "jpy"]),
)
def test_minor_units_come_back_as_they_were(units, currency):
    inward, outward = both("minor_units", "c")
    assert outward(inward(units, {"c": currency}), {"c": currency}) == units


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "USD"), ("0.5", "JPY"), ("1", "")])
def test_an_amount_without_its_currency_or_finer_than_it_does_not_leave(amount, currency):
    with pytest.raises(Unfit):
        both("minor_units", "c")[1](Decimal(amount), {"c": currency})


@given(MOMENTS, st.sampled_from(ZONES))
def test_a_moment_keeps_its_instant_through_any_zone(moment, zone):
    assert round_trip("local_time", zone, moment) == moment


@given(DAYS, st.sampled_from(ZONES))
def test_a_day_stays_that_day_through_any_zone(day, zone):
    assert round_trip("local_date", zone, day) == day


@given(DAYS, st.sampled_from(ZONES))
def test_the_end_of_a_day_is_that_day_again(day, zone):
    inward, outward = both("day_end", zone)
    end = inward(day.isoformat())
    assert outward(end) == day.isoformat()
    midnight = both("local_time", zone)[0]((day + timedelta(days=1)).isoformat())
    assert timedelta(0) < midnight - end <= timedelta(hours=2), "nothing of the next day"


def test_a_clock_is_no_end_of_a_day():
    inward, outward = both("day_end", "Europe/Berlin")
    assert inward("2026-07-01") == datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC)
    assert inward("2026-07-01 12:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert outward(datetime(2026, 7, 1, 10, tzinfo=UTC)) == "2026-07-01T12:00:00+02:00"


def test_clocks_without_an_offset_are_read_in_their_zone():
    inward = both("local_time", "Europe/Berlin")[0]
    assert inward("2026-07-01T12:00:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert inward("2026-01-01T12:00:00") == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert inward("2026-07-01T12:00:00Z") == datetime(2026, 7, 1, 12, tzinfo=UTC)
    late = both("local_date", "America/New_York")[0]
    assert late("2026-07-02T03:00:00Z") == date(2026, 7, 1)


@given(MOMENTS)
def test_epochs_come_back(moment):
    second = moment.replace(microsecond=0)
    milli = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert round_trip("epoch_seconds", "", second) == second
    assert round_trip("epoch_ms", "", milli) == milli


@given(DAYS, st.sampled_from(["DD.MM.YYYY", "MM/DD/YYYY", "YYYYMMDD", "YYYY年MM月DD日"]))
def test_days_in_any_notation(day, pattern):
    assert round_trip("date_format", pattern, day) == day


@given(MOMENTS)
def test_clocks_in_a_notation(moment):
    moment = moment.replace(microsecond=0)
    assert round_trip("date_format", "DD.MM.YYYY HH:mm:ss", moment) == moment


@given(st.integers(0, 10**8), st.sampled_from(["seconds", "milliseconds", "iso", "hh:mm"]))
def test_spans_of_whole_seconds_come_back(seconds, unit):
    hours = both("duration", "seconds")[0](seconds)
    again = round_trip("duration", unit, hours)
    assert round(again * 3600) == seconds


@given(st.integers(0, 10**6), st.sampled_from(["minutes", "hours", "days:8", "days:7.5"]))
def test_spans_are_hours_and_back(amount, unit):
    inward, outward = both("duration", unit)
    assert abs(outward(inward(amount)) - amount) < Decimal("1e-6")


@pytest.mark.parametrize(
    ("unit", "value", "hours"),
    [
        ("seconds", 5400, "1.5"), ("minutes", 90, "1.5"), ("minutes", "90", "1.5"), ("iso", "PT1H30M", "1.5"),
        ("hh:mm", "1:30", "1.5"), ("days:8", Decimal("0.5"), "4"), ("iso", "P1D", "24"), ("hh:mm", "-0:30", "-0.5"),
        ("seconds", 360000, "100"),
    ],
)  # fmt: skip
def test_spans_in_any_unit(unit, value, hours):
    assert str(both("duration", unit)[0](value)) == hours


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), min_size=1), st.data())
def test_a_table_turns_round_where_no_two_choices_meet(table, data):
    argument = "; ".join(f"{left} = {right}" for left, right in table.items())
    inward, outward = both("choose", argument)
    left = data.draw(st.sampled_from(sorted(table)))
    assert inward(left) == table[left]
    if len(set(table.values())) == len(table):
        assert outward(inward(left)) == left
    else:
        assert outward is None


def test_a_table_may_name_what_is_left():
    inward, outward = both("choose", "true = open; else = closed")
    assert (inward(True), inward("x"), outward) == ("open", "closed", None)
    with pytest.raises(Unfit):
        both("choose", "a = b")[0]("c")


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]),
        min_size=1,
        max_size=40,
    )
)
def test_text_survives_as_html(value):
    value = value.strip()
    assert round_trip("html_to_text", "", value) == value


def test_html_is_read_as_a_person_sees_it():
    inward = both("html_to_text")[0]
    assert (
        inward("<p>Hi&nbsp;<b>Ann</b></p><script>x()</script><ul><li>1<li>2</ul>") == "Hi Ann\n1\n2"
    )
    assert inward("a<br/>b") == "a\nb"
    assert inward("<img src=x onerror=alert(1)>text") == "text"


@given(
    st.sampled_from(sorted(set(transforms_words._countries()[0].values()))),
    st.sampled_from(["alpha2", "alpha3", "name"]),
)
def test_countries_in_any_code(code, form):
    try:
        assert round_trip("country_code", form, code) == code
    except Unfit:
        assert form != "alpha2"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Germany", "DE"),
        ("deutschland", "DE"),
        ("DEU", "DE"),
        (276, "DE"),
        ("UK", "GB"),
        ("usa", "US"),
        ("de", "DE"),
    ],
)
def test_a_country_by_any_of_its_names(value, code):
    assert both("country_code")[0](value) == code


def test_codes_of_states_and_languages():
    assert both("state_code", "US")[0]("US-CA") == "CA"
    assert both("state_code", "US")[1]("CA") == "US-CA"
    assert both("state_code", "country")[1]("CA", {"country": "USA"}) == "US-CA"
    assert both("state_code", "US")[0]("DE-BY") == "DE-BY"
    language = both("language_code", "-")
    assert [language[0](x) for x in ("German", "de-DE", "deu", "pt_BR")] == [
        "de",
        "de_DE",
        "de",
        "pt_BR",
    ]
    assert language[1]("de_DE") == "de-DE"
    with pytest.raises(Unfit):
        language[0]("Klingonese")


def test_phones_addresses_and_tax_numbers():
    assert both("phone", "DE")[0]("030 901820") == "+4930901820"
    assert both("phone", "land")[0]("030 901820", {"land": "Germany"}) == "+4930901820"
    assert both("phone", "")[0]("ask Ann") == "ask Ann"
    assert both("email")[0]("Ann Lee <Ann@Firm.example>") == "ann@firm.example"
    assert both("vat", "DE")[0]("136.695 976") == "DE136695976"
    assert both("vat", "")[0]("no-12 3") == "NO123"


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ann Lee", "Ann", "Lee"), ("Lee, Ann Mary", "Ann Mary", "Lee"), ("Cher", "", "Cher"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"), ("Ann Mary Lee", "Ann Mary", "Lee"),
    ],
)  # fmt: skip
def test_names_are_split(name, first, last):
    assert (both("first_name")[0](name), both("last_name")[0](name)) == (first, last)


# -- a line, both ways ------------------------------------------------------------------------------

LINES = [
    Line("currency", "currency", "money.currency", "lower"),
    Line("amount", "money", "money.cents", "minor_units", "money.currency"),
    Line("hours", "decimal", "span", "duration", "minutes"),
    Line("start", "date", "start", "date_format", "DD.MM.YYYY"),
    Line("country", "country", "land", "country_code", "alpha3"),
    Line("state", "text", "status", "choose", "1 = open; 2 = closed"),
]


@given(
    st.sampled_from(["USD", "JPY"]), st.integers(0, 10**9), st.integers(0, 10**5), DAYS,
    st.sampled_from(["DE", "US", "FR"]), st.sampled_from(["open", "closed"]),
)  # fmt: skip
def test_the_same_lines_serve_both_directions(currency, units, minutes, start, country, state):
    values = {
        "currency": currency, "amount": Decimal(units).scaleb(0 if currency == "JPY" else -2),
        "hours": transforms_text._hours(Decimal(minutes * 60)), "start": start, "country": country, "state": state,
    }  # fmt: skip
    again, problems = to_canonical(LINES, to_external(LINES, values))
    assert not problems
    again["hours"], values["hours"] = round(again["hours"] * 60), round(values["hours"] * 60)
    assert again == values


@pytest.mark.parametrize(
    "line",
    [
        Line("f", "text", "a[0]"), Line("f", "text", "a || b"), Line("f", "text", "a", "first_name"),
        Line("f", "text", "a", "expression", "value"), Line("f", "text", ""),
    ],
)  # fmt: skip
def test_what_has_no_way_back_is_refused_when_it_is_saved(line):
    line.check("in")
    with pytest.raises(Problem) as caught:
        line.check("out")
    assert caught.value.code == "not_reversible"


def test_a_reference_may_be_named_by_a_key():
    lines = [Line("customer", "ref:customer", "mail", "by_key", "email")]
    found = to_canonical(lines, {"mail": "a@b.de"})[0]["customer"]
    assert (found.entity, found.external_id, found.key) == ("customer", "a@b.de", "email")


# -- paths ------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c_1"])
TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
PATHS = st.builds(
    lambda first, rest: first + "".join(rest),
    KEYS,
    st.lists(
        KEYS.map(lambda key: f".{key}") | st.integers(-3, 3).map(lambda at: f"[{at}]"), max_size=4
    ),
)


@given(TREES, PATHS)
def test_a_plain_path_reads_as_jmespath_does(tree, path):
    assert reader(path)(tree) == jmespath.search(path, tree)


@given(st.lists(KEYS, min_size=1, max_size=4).map(".".join), st.integers())
def test_what_is_put_is_found(path, value):
    record = {}
    assert is_writable(path)
    put(record, path, value)
    assert reader(path)(record) == value


def test_days_go_out_as_the_midnight_of_their_day():
    inward, outward = both("local_date", "Europe/Berlin")
    assert outward(date(2026, 7, 1)) == "2026-07-01T00:00:00+02:00"
    assert inward("2026-07-01") == "2026-07-01"
    assert both("epoch_ms")[1](date(2026, 2, 3)) == str(
        int(timedelta(days=20487).total_seconds() * 1000)
    )
