"""Validation rules, by examples and by properties that hold for every record."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.facts import facts_of, fill, placeholders, typed
from lead_to_cash_hub.core.problem import Problem
from lead_to_cash_hub.core.rule import (
    EFFECTS,
    OPERATORS,
    TESTS,
    UNMAPPED,
    Check,
    Rule,
    compile_rules,
)

TODAY = date(2026, 3, 2)
LINES = {
    "quantity": "decimal",
    "unit_price": "money",
    "unit_cost": "money",
    "service": "term:service_item",
}
KINDS = {
    "name": "text",
    "amount": "money",
    "close_date": "date",
    "won_at": "datetime",
    "stage": "term:deal_stage",
    "lines": LINES,
}
DEAL = {
    "name": "Rollout",
    "amount": "1000.00",
    "close_date": "2026-06-30",
    "won_at": "2026-02-01 23:30:00+00:00",
    "stage": "won",
    "lines": [
        {"quantity": "3", "unit_price": "300.10", "service": "consulting"},
        {"quantity": "1", "unit_price": "99.70", "service": "travel"},
    ],
}


def rule(test, effect="block", **values):
    return Rule(1, test, effect, **values)


def judge(test, record=None, answer=None, **values):
    return Check(rule(test, **values)).judge(
        facts_of(DEAL if record is None else record, KINDS), TODAY, answer
    )


def test_a_field_is_present_or_not():
    assert judge("present", field="name") is None
    assert judge("present", field="po_number")
    assert judge("present", {"amount": "0"}, field="amount", kind="money") is None, "0 is a value"


def test_a_field_of_every_line():
    assert judge("present", field="service", part="lines") is None
    deal = DEAL | {"lines": [*DEAL["lines"], {"quantity": "1", "unit_price": "0"}]}
    assert judge("present", deal, field="service", part="lines")


@pytest.mark.parametrize(
    ("least", "most", "right"),
    [("1000", "", True), ("1000.01", "", False), ("", "1000", True), ("", "999.99", False)],
)
def test_a_range_holds_its_bounds(least, most, right):
    found = judge("range", field="amount", kind="money", least=least, most=most)
    assert (found is None) is right


def test_days_are_counted_from_today_and_a_time_counts_by_its_day():
    assert judge("range", field="close_date", kind="date", least="today") is None
    assert judge("range", field="close_date", kind="date", most="today + 30")
    late = {"won_at": "2026-03-02 23:59:59+00:00"}
    assert judge("range", late, field="won_at", kind="datetime", most="today") is None


def test_what_is_blank_is_in_every_range():
    assert judge("range", {"amount": None}, field="amount", kind="money", least="1") is None


def test_words():
    stages = {"field": "stage", "kind": "term:deal_stage"}
    assert judge("words", words=frozenset(["won", "lost"]), **stages) is None
    assert judge("words", words=frozenset(["open"]), **stages)


def test_two_fields_are_compared_by_their_days_if_one_has_a_time():
    fields = {"field": "won_at", "kind": "datetime", "other": "close_date", "other_kind": "date"}
    assert judge("compare", operator="<=", **fields) is None
    found = judge("compare", operator=">", sentence="{won_at}, {other}", **fields)
    assert found.facts == {"won_at": DEAL["won_at"], "other": "2026-06-30"}


def test_the_lines_add_up_to_the_cent():
    fields = {
        "field": "amount",
        "kind": "money",
        "other": "lines",
        "other_kind": "lines:deal_line",
        "formula": 'value["quantity"] * value["unit_price"]',
    }
    assert judge("sum", **fields) is None
    found = judge("sum", DEAL | {"amount": "1000.01"}, sentence="{amount} {sum}", **fields)
    assert found.facts == {"amount": "1000.01", "sum": "1000.00"}
    assert judge("sum", DEAL | {"amount": "1000.01"}, tolerance=Decimal("0.01"), **fields) is None
    assert judge("sum", {"amount": "0", "lines": []}, **fields) is None


@pytest.mark.parametrize(
    ("operator", "right", "wrong"),
    [
        (">=", ("1000.00", "1000.01", "999.50"), ("999.49",)),
        (">", ("1000.01", "999.51"), ("999.50",)),
        ("<=", ("1000.00", "1000.50"), ("1000.51",)),
        ("<", ("999", "1000.49"), ("1000.50",)),
        ("!=", ("1000.51", "999.49"), ("1000", "1000.50")),
    ],
)
def test_an_amount_is_compared_with_the_sum_of_the_lines(operator, right, wrong):
    fields = {
        "field": "amount",
        "kind": "money",
        "other": "lines",
        "other_kind": "lines:deal_line",
        "formula": 'value["quantity"] * value["unit_price"]',
        "operator": operator,
        "tolerance": Decimal("0.5"),
    }
    for amount in right:
        assert judge("sum", DEAL | {"amount": amount}, **fields) is None
    for amount in wrong:
        assert judge("sum", DEAL | {"amount": amount}, **fields)


def test_a_margin_floor():
    """Sold for at least what it costs with the margin; a line whose cost nobody knows lets nothing through."""
    fields = {
        "field": "amount",
        "kind": "money",
        "other": "lines",
        "other_kind": "lines:deal_line",
        "formula": 'value["quantity"] * value["unit_cost"] / 0.7',
        "operator": ">=",
    }
    deal = DEAL | {"amount": "1000", "lines": [{"quantity": "10", "unit_cost": "70"}]}
    assert judge("sum", deal, **fields) is None
    found = judge("sum", deal | {"amount": "999.99"}, sentence="{amount} {sum}", **fields)
    assert found.facts == {"amount": "999.99", "sum": "1000"}
    unknown = deal | {"lines": [{"quantity": "10", "unit_cost": None}]}
    assert judge("sum", unknown, **fields).failed


def test_others_are_counted_elsewhere():
    assert judge("others", answer=0, field="name") is None
    assert judge("others", answer=1, field="name", sentence="{count}").facts == {"count": "1"}
    assert judge("others", answer=1, field="name", most_others=1) is None
    assert judge("others", {}, answer=9, field="name") is None


def test_a_record_that_it_leads_to_is_looked_at_elsewhere():
    fields = {"field": "service", "part": "lines", "kind": "term:service_item"}
    assert judge("points", answer="", **fields) is None
    found = judge("points", answer="Consulting: Taxes", sentence="{value}", **fields)
    assert found.facts == {"value": "Consulting: Taxes"}
    assert Check(rule("points", **fields)).concerns(facts_of(DEAL, KINDS))
    assert not Check(rule("points", **fields)).concerns(facts_of({"lines": []}, KINDS))


def test_an_expression_says_what_is_right():
    assert judge("expression", formula='record["amount"] >= 1000') is None
    assert judge("expression", formula='record["amount"] > 1000')


def test_a_rule_that_cannot_be_judged_does_not_pass():
    assert judge("expression", {"name": "x"}, formula='record["amount"] > 1').failed == "type"
    assert judge("expression", formula='record["amount"]').failed == "type"
    assert judge("expression", formula='"a" + record["name"] * 2 == ""').failed == "type"


def test_a_rule_holds_only_when_it_says_so():
    only = 'record["stage"] == "won"'
    assert judge("present", field="po_number", when=only)
    assert judge("present", DEAL | {"stage": "open"}, field="po_number", when=only) is None


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("bad_expression", {"test": "expression", "formula": "record.__class__"}),
        ("bad_expression", {"test": "expression", "formula": "9 ** 9 ** 9"}),
        ("bad_expression", {"test": "expression", "formula": "[x for x in record]"}),
        ("bad_expression", {"test": "expression", "formula": 'open("/etc/passwd")'}),
        ("bad_path", {"test": "expression", "formula": 'find("a[") == 1'}),
        ("bad_expression", {"test": "present", "field": "name", "when": "while True: pass"}),
        ("rule_bad_bound", {"test": "range", "field": "a", "kind": "money", "least": "ten"}),
        ("rule_bad_bound", {"test": "range", "field": "a", "kind": "money", "least": "NaN"}),
        ("rule_bad_bound", {"test": "range", "field": "a", "kind": "date", "least": "2026-13-01"}),
        (
            "rule_empty_range",
            {"test": "range", "field": "a", "kind": "money", "least": "2", "most": "1"},
        ),
        ("rule_wrong_type", {"test": "range", "field": "a", "kind": "text", "least": "1"}),
        ("rule_wrong_type", {"test": "words", "field": "a", "kind": "money", "words": {"1"}}),
        (
            "rule_wrong_type",
            {"test": "compare", "field": "a", "kind": "money", "other": "b", "other_kind": "date"},
        ),
        (
            "rule_wrong_type",
            {
                "test": "compare",
                "field": "a",
                "kind": "text",
                "other": "b",
                "other_kind": "text",
                "operator": "<",
            },
        ),
        (
            "rule_wrong_type",
            {
                "test": "sum",
                "field": "a",
                "kind": "money",
                "other": "b",
                "other_kind": "text",
                "formula": "1",
            },
        ),
        ("rule_incomplete", {"test": "range", "field": "a", "kind": "money"}),
        ("rule_incomplete", {"test": "words", "field": "a"}),
        ("rule_incomplete", {"test": "present"}),
        ("rule_incomplete", {"test": "expression"}),
    ],
)
def test_what_could_never_be_judged_is_refused(code, values):
    with pytest.raises(Problem) as caught:
        Check(Rule(1, effect="block", **values))
    assert caught.value.code == code


def test_blocking_rules_are_asked_first():
    checks = compile_rules(
        Rule(n, "present", effect, field="x") for n, effect in enumerate(EFFECTS[::-1])
    )
    assert [check.rule.effect for check in checks] == list(EFFECTS)


def test_a_sentence_knows_names_in_braces_and_nothing_else():
    assert placeholders("{amount} of {name!r} {x.__class__}") == {"amount"}
    assert fill("{amount}: {gone} {x.__class__}", {"amount": "5"}) == "5: … {x.__class__}"


def test_scopes():
    check = Check(rule("present", field="x", company=1, system=2))
    assert check.applies(1, 7, 2)
    assert not check.applies(2, 7, 2)
    assert not check.applies(1, 7, 3)


# -- for every record ---------------------------------------------------------------------------------

amounts = st.decimals(-(10**9), 10**9, places=2)
plain_values = st.one_of(
    st.none(), st.text("ab é1", max_size=8), st.booleans(), st.integers(-9, 9), amounts.map(str)
)
records = st.dictionaries(st.sampled_from([*KINDS, "x"]), plain_values, max_size=6)


@given(records, st.sampled_from(sorted(set(TESTS))), st.sampled_from(OPERATORS))
def test_no_record_can_break_a_rule(record, test, operator):
    """Whatever a source says, a rule holds, does not, or says that it could not be judged."""
    check = Check(
        rule(
            test,
            field="amount" if test != "words" else "name",
            kind="ref:customer" if test == "points" else "money" if test != "words" else "text",
            least="-5" if test == "range" else "",
            words=frozenset("ab"),
            operator=operator,
            other="lines" if test == "sum" else "amount",
            other_kind="lines:deal_line" if test == "sum" else "money",
            formula='value["quantity"]' if test == "sum" else 'record["x"] != record["name"]',
            sentence="{amount} {value} {name}",
        )
    )
    record = record | {
        "lines": [] if not isinstance(record.get("lines"), list) else record["lines"]
    }
    found = check.judge(facts_of(record, KINDS), TODAY, 1)
    if found is not None:
        assert all(isinstance(value, str) for value in found.facts.values())


@given(amounts, amounts, amounts)
def test_a_range_is_what_lies_between(value, one, other):
    low, high = sorted((one, other))
    found = judge(
        "range",
        {"amount": str(value)},
        field="amount",
        kind="money",
        least=str(low),
        most=str(high),
    )
    assert (found is None) == (low <= value <= high)


@given(amounts, amounts)
def test_a_comparison_and_its_opposite_never_both_hold(one, other):
    opposite = {"=": "!=", "<": ">=", ">": "<="}
    kinds = {"field": "amount", "kind": "money", "other": "x", "other_kind": "money"}
    record = {"amount": one, "x": other}
    for operator, against in opposite.items():
        found = [
            Check(rule("compare", operator=o, **kinds)).judge(record, TODAY)
            for o in (operator, against)
        ]
        assert [f is None for f in found].count(True) == 1


@given(st.lists(st.tuples(amounts, st.integers(0, 50)), max_size=6))
def test_a_sum_is_exact(lines):
    total = sum((price * quantity for price, quantity in lines), Decimal(0))
    deal = {
        "amount": str(total),
        "lines": [{"quantity": str(q), "unit_price": str(p)} for p, q in lines],
    }
    fields = {
        "field": "amount",
        "kind": "money",
        "other": "lines",
        "other_kind": "lines:deal_line",
        "formula": 'value["quantity"] * value["unit_price"]',
    }
    assert judge("sum", deal, **fields) is None
    assert judge("sum", deal | {"amount": str(total + Decimal("0.01"))}, **fields)


@given(st.integers(-400, 400), st.integers(0, 400))
def test_a_day_counted_from_today(days, limit):
    day = (TODAY + timedelta(days=days)).isoformat()
    found = judge(
        "range", {"close_date": day}, field="close_date", kind="date", most=f"today+{limit}"
    )
    assert (found is None) == (days <= limit)


@given(st.text("0123456789.eE-+NaIinfsnity ", max_size=12))
def test_a_number_is_a_number_or_nothing(text):
    value = typed("money", text)
    assert value is None or value.is_finite()


def test_what_nothing_maps_is_not_blank():
    """A field that no line tells cannot be judged; one that is told and blank is."""

    def says(record, test="words", **values):
        rule = Rule(id=1, test=test, effect="hold", mapped=True, **values)
        return Check(rule).judge(record, TODAY)

    terms = {"field": "payment_terms", "kind": "term:payment_terms", "words": frozenset(["ours"])}
    found = says({"name": "x"}, **terms)
    assert (found.failed, found.facts) == (UNMAPPED, {"field": "payment_terms"})
    assert says({"payment_terms": None}, **terms) is None
    assert says({"payment_terms": "net60"}, **terms).failed == ""
    assert says({}, when="1 == 2", **terms) is None, "it is not about this record"
    days = {"field": "a", "kind": "date", "other": "b", "other_kind": "date", "operator": "<="}
    assert says({"a": "2026-01-01"}, "compare", **days).facts == {"field": "b"}
    cost = {"field": "unit_cost", "kind": "money", "part": "lines"}
    assert says({"lines": [{"unit_cost": None}]}, "present", **cost).failed == ""
    assert says({"lines": [{"quantity": 1}]}, "present", **cost).facts == {"field": "unit_cost"}
    assert says({"lines": None}, "present", **cost) is None
    assert says({}, "present", **cost).facts == {"field": "lines"}
