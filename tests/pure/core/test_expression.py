"""An admin's expression: what it can say, and what it refuses to be."""

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.expression import FUNCTIONS, MAX_LENGTH, Failed, compile_expression
from lead_to_cash_hub.core.problem import Problem

RECORD = {
    "a": {"b": ["x", "y"]},
    "n": 3,
    "amount": Decimal("12.50"),
    "name": "Ann Lee",
    "off": False,
}


def run(text, value=None, record=RECORD):
    return compile_expression(text)(value, record)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("value", "v"),
        ("record['a']['b'][1]", "y"),
        ("record['a']['missing']['more']", None),
        ("record['a']['b'][9]", None),
        ("find('a.b[0]')", "x"),
        ("find('a.b | length(@)') + 1", Decimal(3)),
        ("record['n'] * 2 - 1", Decimal(5)),
        ("0.1 + 0.2", Decimal("0.3")),
        ("number('1.10') * 3", Decimal("3.30")),
        ("round(record['amount'] / 3, 2)", Decimal("4.17")),
        ("round(0.5)", Decimal(1)),
        ("7 // 2", Decimal(3)),
        ("7 % 4", Decimal(3)),
        ("-record['n']", Decimal(-3)),
        ("upper(value) + '-' + text(record['n'])", "V-3"),
        ("text(1.50)", "1.5"),
        ("'yes' if record['n'] > 2 else 'no'", "yes"),
        ("1 < record['n'] <= 3", True),
        ("record['n'] == 3.0", True),
        ("'Ann' in record['name'] and not record['off']", True),
        ("value in ['v', 'w']", True),
        ("split(record['name'], ' ')[-1]", "Lee"),
        ("record['name'][:3]", "Ann"),
        ("join(record['a']['b'], '/')", "x/y"),
        ("replace(record['name'], ' ', '_')", "Ann_Lee"),
        ("first(record['none'], '', 'last')", "last"),
        ("sum([1, 2.5, '3'])", Decimal("6.5")),
        ("max(1, 2) - min(3, 1) + abs(-2) + len('ab')", Decimal(5)),
        ("starts_with(value, 'v') and ends_with(value, 'v') and contains(value, '')", True),
        ("title(lower('ANN')) + strip(' b ')", "Annb"),
        ("record['n'] or 5", 3),
        ("None", None),
    ],
)
def test_what_an_expression_can_say(text, expected):
    found = run(text, "v")
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, (int, Decimal))


@pytest.mark.parametrize(
    "text",
    [
        # ways out of the box
        "value.__class__", "().__class__.__bases__", "''.join(['a'])", "record.get('a')",
        "'{0.__globals__}'.format(value)", "f'{value}'", "f'{value.__class__}'", "__import__('os')",
        "eval('1')", "open('/etc/passwd')", "globals()", "getattr(value, 'x')", "type(value)",
        "lambda: 1", "(lambda: 1)()", "[x for x in record]", "{x: 1 for x in record}", "(x := 1)",
        "value if value else (yield)", "await value", "*value", "print", "text", "text(*record)",
        "text(value=1)", "len", "record['a'](1)", "(value)(1)", "find(value)", "find('a', 'b')",
        "find('a.[')", "{'a': 1}", "{1, 2}", "...", "b'x'", "1j", "`1`", "import os", "a = 1",
        "value; value", "",
        # ways to run for ever, or to fill the memory
        "9 ** 9 ** 9", "1 << 99999999", "1 >> 1", "1 | 1", "1 & 1", "1 ^ 1", "~1", "value @ value",
        "sum(range(10 ** 12))", "1e999999", "9" * 41, "1e41",
        "(" * 100 + "1" + ")" * 100 + "+" * 0 + " and (" * 1,
        "not " * 100 + "1", "-" * 200 + "1", "value" + "[0]" * 60, "value[::2]",
        "1 if 1 else " * 40 + "1",
        "+".join(["1"] * 200), "x" * (MAX_LENGTH + 1), "is value", "value is None",
    ],
)  # fmt: skip
def test_what_is_refused_before_it_runs(text):
    with pytest.raises(Problem) as caught:
        compile_expression(text)
    assert caught.value.code in ("bad_expression", "bad_path")
    assert caught.value.kind == "schema"


@pytest.mark.parametrize(
    "text",
    [
        "'%999999999d' % 1", "'x' * 1000000000", "[0] * 1000000000", "1 / 0", "1 % 0", "1 // 0",
        "number('9' )  * 1" + "0" * 38 + " * 1" + "0" * 38, "number('NaN')", "number('1e999999')",
        "number('Infinity')", "value + 1", "upper(1)", "len(1)", "1 < 'x'", "'a' < ['a']", "-'x'",
        "sum('abc')", "sum([[1]])", "join('abc', '')", "round(1, 99)", "round(1, 0.5)",
        "1 in 5", "1 in 'text'", "replace('aa', '', 'b')", "split('a', '')", "'abc'['b']", "True + 1",
        "text([1])", "min('a')",
    ],
)  # fmt: skip
def test_what_fails_on_its_values_fails_alone(text):
    with pytest.raises(Failed):
        run(text, "v")


def test_no_result_grows_without_bound():
    big = "x" * 15_000
    for text in (
        "value + value",
        "replace(value, 'x', value)",
        "join([value, value], value)",
        "text(value) + text(value) + text(value)",
        "split(value, 'x') + split(value, 'x')",
    ):
        tracemalloc.start()
        try:
            with pytest.raises(Failed):
                run(text, big)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()


def test_an_evaluation_has_a_budget_of_work():
    """No clock: the same expression on the same record ends the same way on any machine."""
    text = " and ".join(["record in record"] * 20)
    with pytest.raises(Failed) as caught:
        run(text, "y", "x" * 19_000)
    assert caught.value.why == "too_long"


WORDS = [
    *FUNCTIONS, "value", "record", "find", "1", "2.5", "'x'", "'a.b'", "(", ")", "[", "]", "+", "-", "*", "/",
    "//", "%", "**", "<<", ",", ".", "if", "else", "and", "or", "not", "in", "==", "<", "lambda", "for", "x",
    ":", "f'{value}'", "__class__", "is", "None", "True", "~",
]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.text(max_size=5)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), VALUES)
def test_whatever_is_typed_is_refused_or_gives_a_plain_value(text, value):
    try:
        found = run(text, value, {"a": {"b": value}})
    except (Problem, Failed):
        return
    assert found is None or isinstance(found, (bool, int, str, Decimal, list, dict))


@given(st.text(max_size=60))
def test_no_text_crashes_the_reader(text):
    try:
        compile_expression(text)
    except Problem:
        pass
