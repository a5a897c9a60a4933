"""Values of a source, as canonical types: taken as they are meant, or refused with a sentence."""

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.schema import TYPES, Ref, Word, coerce

UTC = timezone.utc


def refused(kind, value, code="bad_value"):
    with pytest.raises(Problem) as caught:
        coerce("field", kind, value)
    assert caught.value.code == code
    assert caught.value.params["field"] == "field"
    return caught.value


@pytest.mark.parametrize("kind", [k for k in TYPES if k not in ("lines", "ref", "refs", "term")])
@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_no_value_of_any_type(kind, value):
    assert coerce("field", kind, value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12.50", "12.50"),
        (" 7 ", "7"),
        ("-3.1", "-3.1"),
        ("+4", "4"),
        (5, "5"),
        (Decimal("1.10"), "1.10"),
        ("0", "0"),
    ],
)
def test_a_number_and_a_number_as_text_are_exact(value, number):
    assert str(coerce("field", "decimal", value)) == number


@pytest.mark.parametrize(
    "value",
    [
        "1e5",
        "NaN",
        "Infinity",
        "1,5",
        "1.234,50",
        "0x10",
        "ten",
        "--1",
        "1 000",
        True,
        [1],
        {},
        "9" * 40,
        ".",
    ],
)
def test_what_is_no_plain_number_is_refused_not_guessed(value):
    refused("decimal", value)
    refused("money", value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-02-03T10:00:00Z", datetime(2026, 2, 3, 10, tzinfo=UTC)),
        ("2026-02-03T10:00:00+02:00", datetime(2026, 2, 3, 8, tzinfo=UTC)),
        ("2026-02-03T10:00:00", datetime(2026, 2, 3, 10, tzinfo=UTC)),
        (1770112800000, datetime(2026, 2, 3, 10, tzinfo=UTC)),
        ("1770112800000", datetime(2026, 2, 3, 10, tzinfo=UTC)),
    ],
)
def test_times_are_aware_and_in_utc(value, moment):
    assert coerce("field", "datetime", value) == moment


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "2026-02-30T10:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        10**30,
        -(10**30),
        True,
        [],
        {},
    ],
)
def test_a_time_that_is_none_or_out_of_range_is_refused(value):
    refused("datetime", value)


def test_a_day_stays_that_day_whatever_its_time_zone():
    for text in ("2026-02-03", "2026-02-03T23:30:00-08:00", "2026-02-03 00:10:00+05:00"):
        assert coerce("field", "date", text) == date(2026, 2, 3)


@pytest.mark.parametrize(
    "value", ["2026-02-30", "03.02.2026", "2026-2-3", "20260203", "2026-02-03x", True, 5]
)
def test_a_day_that_is_none_is_refused(value):
    refused("date", value)


@pytest.mark.parametrize("value", ["dollars", "US", "12", ["USD"], "U$D"])
def test_a_currency_that_is_none_is_refused(value):
    refused("currency", value)


def test_a_currency_is_written_large():
    assert coerce("field", "currency", " usd ") == "USD"


@pytest.mark.parametrize(
    "value", ["no address", "a@b", "a b@c.de", "a@@b.de", "<a@b.de>", "x" * 250 + "@b.de"]
)
def test_an_address_that_is_none_is_refused(value):
    refused("email", value)


@pytest.mark.parametrize(
    "value",
    ["javascript:alert(1)", " JavaScript:alert(1)", "java\tscript:alert(1)", "\x01javascript:x", "data:text/html,x",
     "vbscript:x", "file:///etc/passwd", "javascript:1/alert(1)//.example"],
)  # fmt: skip
def test_a_link_that_runs_something_is_no_web_address(value):
    refused("url", value)


@pytest.mark.parametrize(
    "value",
    ["https://firm.example/a?b=c:d", "HTTP://firm.example", "www.firm.example", "firm.example:8080/x", "n/a", "none",
     "firm.example/javascript:x"],
)  # fmt: skip
def test_what_is_only_written_strangely_stays(value):
    assert coerce("website", "url", value) == value


def test_text_keeps_emoji_and_loses_outer_blanks():
    assert coerce("field", "text", "  Zoë 🚀  ") == "Zoë 🚀"
    assert coerce("field", "text", "   ") is None
    assert coerce("field", "text", 7) == "7"


def test_text_that_is_too_long_or_no_text_is_refused():
    assert refused("text", "x" * 4001, "too_long").params["length"] == 4001
    for value in (["a"], {"a": 1}, True):
        refused("text", value)


def test_a_refused_value_is_shown_short():
    assert len(refused("date", "x" * 5000).params["value"]) <= 81


@pytest.mark.parametrize(("value", "result"), [(True, True), ("false", False), ("TRUE", True)])
def test_true_and_false(value, result):
    assert coerce("field", "boolean", value) is result


@pytest.mark.parametrize("value", ["yes", 1, 0, "1"])
def test_what_is_neither_true_nor_false_is_refused(value):
    refused("boolean", value)


def test_phone_numbers_are_international_where_the_country_is_known():
    assert coerce("field", "phone", "(415) 555-0100", "US") == "+14155550100"
    assert coerce("field", "phone", "+49 30 901820") == "+4930901820"
    assert coerce("field", "phone", "ring twice", "US") == "ring twice"


def test_references_and_words_name_what_they_point_to():
    assert coerce("field", "ref:customer", 77) == Ref("customer", "77")
    assert coerce("field", "term:stage", "won") == Word("stage", "won")
    assert coerce("field", "refs:contact", [1, "2"]) == [Ref("contact", "1"), Ref("contact", "2")]


def test_blank_references_and_words_point_to_nothing():
    assert coerce("field", "ref:customer", "  ") is None
    assert coerce("field", "term:stage", " ") is None
    assert coerce("field", "refs:contact", [None, "", " ", "1"]) == [Ref("contact", "1")]


@pytest.mark.parametrize("value", [{"id": 1}, [1], True])
def test_a_reference_that_is_none_is_refused(value):
    refused("ref:customer", value)


def test_references_that_are_no_list_are_refused():
    refused("refs:contact", "1,2")
