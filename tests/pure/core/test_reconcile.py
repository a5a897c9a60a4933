"""Two ledgers compared: every difference has its reason, and the reasons add up to the control totals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.reconcile import Entry, Terms, compare, former_seal, seal

MARCH = Terms("2026-03-01", "2026-03-31")


def entry(key="a", amount=1000, unit="USD", day="2026-03-10", **more):
    return Entry(key, amount, unit, day, **more)


def reasons(result):
    return [(d.reason, d.key, d.amount) for d in result.differences]


def test_what_is_the_same_agrees():
    result = compare([entry(), entry("b", 5)], [entry("b", 5), entry()], MARCH)
    assert (result.agreed, result.differences, result.proved) == (2, [], True)
    total = result.totals["USD"]
    assert (total.here_count, total.here, total.there_count, total.there) == (2, 1005, 2, 1005)


def test_parts_have_control_totals_too():
    result = compare([entry(part=190), entry("b", part=5)], [entry(part=189), entry("b")], MARCH)
    total = result.totals["USD"]
    assert (total.here_part, total.there_part, total.difference) == (195, 189, 0)


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ([entry()], [], [("missing_there", "a", 1000)]),
        ([], [entry()], [("missing_here", "a", -1000)]),
        ([entry(), entry()], [entry()], [("duplicate_here", "a", 1000)]),
        ([entry()], [entry(), entry()], [("duplicate_there", "a", -1000)]),
        ([entry(amount=990)], [entry()], [("amount", "a", -10)]),
        ([entry(amount=990, part=90)], [entry(part=100)], [("part", "a", -10)]),
        ([entry(part=90)], [entry(part=100)], [("part", "a", 0)]),
        ([entry(unit="EUR")], [entry()], [("currency", "a", 1000), ("currency", "a", -1000)]),
        ([entry(day="2026-04-01")], [entry()], [("period", "a", -1000)]),
        ([entry()], [entry(day="2026-02-28")], [("period", "a", 1000)]),
        ([entry(status="paid")], [entry(status="open")], [("status", "a", 0)]),
        (
            [entry(amount=0, status="submitted")],
            [entry(status="approved")],
            [("status", "a", -1000)],
        ),
    ],
)
def test_each_difference_has_its_reason(here, there, expected):
    result = compare(here, there, MARCH)
    assert reasons(result) == expected
    assert result.proved


def test_a_day_counts_where_days_are_compared():
    here, there = [entry(day="2026-03-11")], [entry()]
    assert compare(here, there, MARCH).agreed == 1
    days = Terms("2026-03-01", "2026-03-31", days=True)
    assert reasons(compare(here, there, days)) == [("date", "a", 0)]


def test_a_difference_within_the_tolerance_is_rounding():
    result = compare([entry(amount=1001)], [entry()], Terms(tolerance=1))
    assert reasons(result) == [("rounding", "a", 1)]
    assert reasons(compare([entry(amount=1002)], [entry()], Terms(tolerance=1))) == [
        ("amount", "a", 2)
    ]


def test_what_is_outside_on_both_sides_takes_no_part():
    old = entry("old", day="2026-01-05")
    result = compare([old], [old, entry("older", day="2026-01-01")], MARCH)
    assert (result.agreed, result.differences, result.totals) == (0, [], {})


def test_the_lines_of_a_document_say_where_it_differs():
    here = entry(amount=300, lines=(("1", 100), ("2", 200)))
    there = entry(amount=350, lines=(("1", 100), ("3", 250)))
    (difference,) = compare([here], [there]).differences
    assert difference.detail == (("2", 200), ("3", -250))
    (other,) = compare([here], [entry(amount=350, lines=(("1", 1),))]).differences
    assert other.detail == ()  # its lines do not make its amount: they explain nothing


def test_a_pair_under_two_names_is_recognised_where_it_is_the_only_one():
    here = [entry("x", reference="INV/1"), entry("y", 70, day="2026-03-02")]
    there = [entry("1", reference="INV/1"), entry("2", 70, day="2026-03-02")]
    result = compare(here, there, MARCH)
    assert reasons(result) == [("reference", "x", 0), ("reference", "y", 0)]
    assert result.differences[0].detail == ("x", "1")


def test_two_possibilities_are_no_pair():
    result = compare([entry("x"), entry("y")], [entry("1")], MARCH)
    assert sorted(reason for reason, *_ in reasons(result)) == [
        "missing_here",
        "missing_there",
        "missing_there",
    ]


def test_differences_come_in_the_order_in_which_they_matter():
    here = [entry("a", 1), entry("b", 900), entry("c", 10)]
    there = [entry("c", 11), entry("d", 5)]
    assert [d.key for d in compare(here, there, MARCH).differences] == ["d", "b", "a", "c"]


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.sampled_from("abcdefgh"),
        st.integers(-500, 500),
        st.sampled_from(["USD", "JPY"]),
        st.sampled_from(["2026-02-27", "2026-03-01", "2026-03-31", "2026-04-02"]),
        st.integers(-3, 3),
        st.sampled_from([None, "paid", "open"]),
        st.sampled_from([None, "r1", "r2"]),
    ),
    max_size=12,
)


@given(ENTRIES, ENTRIES, st.booleans(), st.integers(0, 2))
def test_the_differences_are_the_difference_of_the_totals(here, there, days, tolerance):
    terms = Terms("2026-03-01", "2026-03-31", tolerance, days)
    result = compare(here, there, terms)
    assert result.proved
    inside = [e for e in (*here, *there) if terms.inside(e)]
    for unit in {e.unit for e in inside}:
        total = result.totals[unit]
        assert total.here == sum(e.amount for e in here if e.unit == unit and terms.inside(e))
        assert total.there_count == sum(e.unit == unit and terms.inside(e) for e in there)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_a_ledger_agrees_with_itself_in_any_order(entries, chance):
    unique = list({e.key: e for e in entries}.values())
    shuffled = chance.sample(unique, len(unique))
    result = compare(unique, shuffled, MARCH)
    assert not result.differences
    assert result.agreed == sum(map(MARCH.inside, unique))


@given(ENTRIES, ENTRIES)
def test_the_other_way_round_is_the_mirror(here, there):
    one, other = compare(here, there, MARCH), compare(there, here, MARCH)
    amounts = sorted((d.unit, d.amount) for d in one.differences)
    assert amounts == sorted((d.unit, -d.amount) for d in other.differences)


def test_a_seal_knows_parts_and_the_former_one_does_not():
    one = compare([entry(part=190)], [entry(part=189)], MARCH)
    same = compare([entry(part=190)], [entry(part=189)], MARCH)
    other = compare([entry(part=190)], [entry(part=0)], MARCH)
    assert seal(one) == seal(same) != seal(other)
    assert former_seal(one) == former_seal(other)
