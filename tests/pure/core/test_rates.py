"""Rate cards: which rate decides, worked out by hand, and what must hold for any card."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.rates import Rate, Work, deciding, ended, overlapping

JAN, JUNE, JULY, DEC = date(2025, 1, 1), date(2025, 6, 30), date(2025, 7, 1), date(2025, 12, 31)
CARD = [
    Rate("all", JAN, DEC),
    Rate("training", JAN, DEC, service="training"),
    Rate("senior until June", JAN, JUNE, role="senior"),
    Rate("senior from July", JULY, None, role="senior"),
    Rate("senior training", JAN, DEC, role="senior", service="training"),
    Rate("Cora", JULY, DEC, person="Cora"),
    Rate("Cora training", JULY, DEC, person="Cora", service="training"),
]


def work(day, person="Arno", role=None, service="consulting"):
    roles = role if isinstance(role, (set, frozenset)) else {role} - {None}
    return Work(day, person, frozenset(roles), service)


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        (work(JAN), "all"),
        (work(JAN, service="training"), "training"),
        (work(JUNE, role="senior"), "senior until June"),
        (work(JULY, role="senior"), "senior from July"),
        (work(JUNE, role="senior", service="training"), "senior training"),
        (work(JUNE, "Cora", "senior"), "senior until June"),
        (work(JULY, "Cora", "senior"), "Cora"),
        (work(JULY, "Cora", "senior", "training"), "Cora training"),
        (work(DEC + timedelta(1), role="senior"), "senior from July"),
    ],
)
def test_the_most_specific_valid_rate_decides(asked, key):
    assert [rate.key for rate in deciding(CARD, asked)] == [key]


def test_no_rate_and_what_it_was_before():
    late = work(DEC + timedelta(1), "Cora")
    assert deciding(CARD, late) == []
    assert ended(CARD, late).key == "Cora"
    assert ended(CARD, work(JAN)) is None


def test_a_person_of_two_roles_is_asked_about():
    card = [Rate(1, JAN, role="senior"), Rate(2, JAN, role="junior"), Rate(3, JAN, person="Cora")]
    both = {"senior", "junior"}
    assert [rate.key for rate in deciding(card, work(JAN, role=both))] == [1, 2]
    # what is said of the person goes first, whatever the roles
    assert [rate.key for rate in deciding(card, work(JAN, "Cora", both))] == [3]


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((JAN, JUNE), (JULY, None), False),
        ((JAN, JULY), (JULY, None), True),
        ((JAN, None), (JULY, DEC), True),
        ((JULY, DEC), (JAN, JUNE), False),
        ((JAN, JAN), (JAN, JAN), True),
    ],
)
def test_overlaps(first, second, overlap):
    assert bool(overlapping([Rate(1, *first), Rate(2, *second)])) is overlap
    assert not overlapping([Rate(1, *first), Rate(2, *second, role="senior")])


def test_one_within_another_is_found_behind_a_third():
    rates = [Rate(1, JAN, None), Rate(2, JULY, JULY), Rate(3, DEC, DEC)]
    assert [(a.key, b.key) for a, b in overlapping(rates)] == [(1, 2), (1, 3)]


days = st.integers(0, 40).map(lambda number: JAN + timedelta(number))
names = st.sampled_from([None, "a", "b"])


@st.composite
def cards(draw):
    rates = []
    for key in range(draw(st.integers(0, 12))):
        start = draw(days)
        end = draw(st.none() | st.integers(0, 20).map(lambda n, start=start: start + timedelta(n)))
        rate = Rate(key, start, end, draw(names), draw(names), draw(names))
        rates.append(rate)
    return rates


works = st.builds(
    Work, days, st.sampled_from("ab"), st.sampled_from("ab").map(lambda r: frozenset({r})), names
)


@given(cards(), works)
def test_at_most_one_decides_where_none_overlap(card, asked):
    kept = []
    for rate in card:
        if not overlapping([*kept, rate]):
            kept.append(rate)
    found = deciding(kept, asked)
    assert len(found) <= 1
    fitting = [rate for rate in kept if rate.is_for(asked) and rate.is_valid(asked.day)]
    assert bool(found) == bool(fitting)
    for rate in found:
        assert rate in fitting
        assert all(other.place < rate.place for other in fitting if other != rate)


@given(cards())
def test_overlaps_are_found_as_by_comparing_all(card):
    common = [
        (one, other)
        for number, one in enumerate(card)
        for other in card[number + 1 :]
        if one.whose == other.whose and (one.is_valid(other.start) or other.is_valid(one.start))
    ]
    assert bool(overlapping(card)) == bool(common)
