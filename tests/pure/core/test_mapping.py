"""Payloads to canonical records and back, by the lines that an admin edits."""

from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from lead_to_cash_hub.core.mapping import (
    TRANSFORMS,
    CompiledMapping,
    Line,
    compile_path,
    to_canonical,
    to_external,
)
from lead_to_cash_hub.core.paths import reader
from lead_to_cash_hub.core.problem import Problem


def one(path, payload, kind="text", **more):
    values, problems = to_canonical([Line("field", kind, path, **more)], payload)
    return values.get("field"), [problem.code for problem in problems]


def test_a_path_is_followed():
    assert one("a.b[0].c", {"a": {"b": [{"c": "x"}]}}) == ("x", [])
    assert one("a.b[0].c", {"a": None}) == (None, [])


def test_all_problems_of_a_record_are_told_together():
    lines = [
        Line("one", "date", "a"),
        Line("two", "decimal", "b"),
        Line("three", "text", "c", required=True),
    ]
    values, problems = to_canonical(lines, {"a": "soon", "b": "many"})
    assert values == {}
    assert {(p.code, p.params["field"]) for p in problems} == {
        ("bad_value", "one"), ("bad_value", "two"), ("missing_value", "three")
    }  # fmt: skip


@pytest.mark.parametrize("path", ["a.[", "a[", "&&", "a..b", "x" * 301])
def test_a_path_that_is_none_is_a_problem_not_a_crash(path):
    with pytest.raises(Problem) as caught:
        compile_path(path)
    assert caught.value.code == "bad_path"
    assert one(path, {"a": 1})[1] == ["bad_path"]


def test_a_function_on_the_wrong_type_is_a_problem_not_a_crash():
    assert one("length(a)", {"a": 5})[1] == ["bad_path"]
    assert one("sort_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]})[1] == ["bad_path"]


@pytest.mark.parametrize(
    "path",
    [
        "@.a" + " | [@, @][]" * 20, "[" + ", ".join(["a"] * 90) + "]", "a[][][][][]",
        "|".join(["[@,@]"] * 20), "|".join(["{a:@,b:@}"] * 9), "|".join(["to_string([@])"] * 12),
        "map(&map(&[@,@,@,@], @), [[a,a,a,a,a]]) | [@,@,@,@]", "join(to_string(@), a[].to_string(@))",
    ],
)  # fmt: skip
def test_a_path_whose_result_could_fill_the_memory_is_refused(path):
    assert one(path, {"a": [1] * 100})[1] == ["bad_path"]


def test_a_value_that_does_not_fit_is_named_without_being_written_out():
    big = "x"
    for _level in range(60):
        big = [big, big]
    values, problems = to_canonical([Line("field", "text", "a")], {"a": big})
    assert values == {} and problems[0].params["value"] == "[" * 60 + '"x","x"],["x","x"]],' + "…"
    for value, text in (
        (["ä", 1, None], '["ä",1,null]'),
        ({"k": {"l": False}}, '{"k":{"l":false}}'),
    ):
        _values, (problem,) = to_canonical([Line("field", "text", "a")], {"a": value})
        assert problem.params["value"] == text


def test_a_path_of_usual_size_is_read():
    wide = "{id: id, name: join(' ', [first, last]), at: {city: city, zip: zip}, rows: rows[].{q: q, p: p}}"
    assert reader(wide)({"first": "Ann", "last": "Lee"})["name"] == "Ann Lee"
    payload = {"a": [{"b": [1, 2]}, {"b": [3]}]}
    assert one("join(',', a[].b[].to_string(@))", payload) == ("1,2,3", [])


@pytest.mark.parametrize("payload", [{"lines": 5}, {"lines": "text"}, {"lines": {"a": 1}}])
def test_lines_that_are_no_list_are_refused(payload):
    assert one("lines", payload, "lines:part")[1] == ["bad_value"]


def test_lines_have_lines_of_their_own():
    sub = {"part": [Line("quantity", "decimal", "q", required=True)]}
    values, problems = to_canonical(
        [Line("lines", "lines:part", "rows")], {"rows": [{"q": "2"}, {"q": "x"}, {}]}, sub
    )
    assert values["lines"][0] == {"quantity": Decimal(2)}
    assert [p.code for p in problems] == ["bad_value", "missing_value"]


def test_lines_that_are_no_objects_are_no_crash():
    sub = {"part": [Line("quantity", "decimal", "q")]}
    assert (
        to_canonical([Line("lines", "lines:part", "rows")], {"rows": [5, None, "x"]}, sub)[1] == []
    )


def test_a_required_field_may_not_be_blank():
    for value in (None, "", "  ", []):
        kind = "refs:x" if value == [] else "text"
        assert one("a", {"a": value}, kind, required=True)[1] == ["missing_value"]


def test_minor_units_know_their_currency():
    for currency, amount in (("usd", "12.34"), ("JPY", "1234"), ("KWD", "1.234")):
        payload = {"a": 1234, "c": currency}
        assert one("a", payload, "money", transform="minor_units", argument="c") == (
            Decimal(amount),
            [],
        )
    for value in ("1234", 12.5, True, None):
        found = one("a", {"a": value, "c": "usd"}, "money", transform="minor_units", argument="c")
        assert found[0] is None and found[1] == ([] if value is None else ["bad_value"])


@pytest.mark.parametrize("value", ["x", True, 10**20, -(10**20), 1.5])
def test_seconds_out_of_range_are_refused(value):
    assert one("a", {"a": value}, "datetime", transform="epoch_seconds")[1] == ["bad_value"]


def test_seconds_since_1970():
    moment = datetime(2026, 2, 3, 10, tzinfo=timezone.utc)
    assert one("a", {"a": 1770112800}, "datetime", transform="epoch_seconds") == (moment, [])


def test_constants_defaults_case_joins_and_pairs():
    assert one("", {}, transform="constant", argument="fixed") == ("fixed", [])
    assert one("a", {}, transform="default", argument="else") == ("else", [])
    assert one("a", {"a": "x"}, transform="default", argument="else") == ("x", [])
    assert one("a", {"a": "Ab"}, transform="upper") == ("AB", [])
    assert one("a", {"a": ["x", None, "y"]}, transform="join") == ("x y", [])
    assert one("t", {"t": 7, "p": {"id": 3}}, transform="pair", argument="p.id") == ("3/7", [])
    assert one("t", {"t": 7}, transform="pair", argument="p.id") == (None, [])


@pytest.mark.parametrize("transform", sorted(TRANSFORMS))
@pytest.mark.parametrize(
    "value", [None, 0, 1, "", "x", [], [None], {}, True, 10**30, Decimal("1.5")]
)
def test_no_transform_crashes_on_any_value(transform, value):
    one("a", {"a": value}, transform=transform, argument="a")


def test_the_country_of_a_record_reads_its_phone_number():
    lines = [Line("phone", "phone", "p"), Line("country", "country", "c")]
    assert to_canonical(lines, {"p": "030 901820", "c": "DE"})[0]["phone"] == "+4930901820"


def test_only_what_is_mapped_leaves():
    lines = [
        Line("balance", "money", "properties.odoo_balance"),
        Line("due", "date", "properties.due", transform="epoch_ms"),
    ]
    values = {"balance": Decimal("1.50"), "due": date(2026, 2, 3), "secret": "x"}
    assert to_external(lines, values) == {
        "properties": {"odoo_balance": "1.50", "due": "1770076800000"}
    }


def test_no_value_clears_and_a_missing_one_is_left_alone():
    lines = [Line("a", "text", "a"), Line("b", "text", "b")]
    assert to_external(lines, {"a": None}) == {"a": ""}


def test_going_out_each_line_is_explained_by_itself():
    lines = [
        Line("a", "decimal", "x.a"),
        Line("b", "text", "x.b", "epoch_ms"),
        Line("c", "text", "x.a.c"),
        Line("d", "text", "x[0]"),
        Line("e", "text", "e"),
    ]
    values = {"a": Decimal("1.50"), "b": "soon", "c": "way", "d": "d"}
    explained, record = CompiledMapping(lines).explain_external(values)
    assert record == {"x": {"a": "1.50"}}
    assert {one.field: one.problem and one.problem.code for one in explained} == {
        "a": None,
        "b": "bad_value",
        "c": "bad_path",
        "d": "not_reversible",
        "e": None,
    }
    assert [one.raw for one in explained] == ["1.50", None, None, None, None]


def test_a_value_where_keys_are_needed_is_a_problem():
    with pytest.raises(Problem) as caught:
        to_external([Line("a", "text", "a"), Line("b", "text", "a.b")], {"a": "1", "b": "2"})
    assert caught.value.code == "bad_path"
