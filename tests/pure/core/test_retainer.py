"""Retainers: statements worked out by hand, and what must hold for any work."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.retainer import Row, Terms, statement

HOUR = 3600


def hours(*figures):
    return Row(*(int(figure * HOUR) for figure in figures))


def test_nothing_is_carried_over():
    # 20 h a month; 15 h worked in May, 22 h in June: 5 h expire, 2 h are overage
    works = [(0, 10, "a", 15 * HOUR), (1, 40, "b", 18 * HOUR), (1, 41, "c", 4 * HOUR)]
    rows, covered, waiting = statement([20 * HOUR] * 2, works, Terms(0, None, True))
    assert rows == [hours(0, 20, 15, 5, 0, 0), hours(0, 20, 20, 0, 0, 2)]
    assert covered == {"a": 15 * HOUR, "b": 18 * HOUR, "c": 2 * HOUR}
    assert waiting == []


def test_overage_that_is_not_allowed_waits_whole():
    works = [(0, 1, "a", 18 * HOUR), (0, 2, "b", 4 * HOUR), (0, 3, "c", 1 * HOUR)]
    rows, covered, waiting = statement([20 * HOUR], works, Terms())
    assert rows == [hours(0, 20, 18, 2, 0, 5)]
    assert (covered, waiting) == ({"a": 18 * HOUR}, ["b", "c"])


def test_roll_over_has_a_limit():
    # 20 h each, 8 h used: 12 h left, 10 h may be carried
    works = [(0, 1, "a", 8 * HOUR), (1, 1, "b", 25 * HOUR)]
    rows, _covered, _waiting = statement([20 * HOUR] * 2, works, Terms(10 * HOUR, None, True))
    assert rows == [hours(0, 20, 8, 2, 10, 0), hours(10, 20, 25, 0, 5, 0)]


def test_roll_over_expires_and_the_oldest_is_used_first():
    # one period: what May left (12 h) may be used in June, not in July
    works = [(0, 1, "a", 8 * HOUR), (1, 1, "b", 5 * HOUR), (2, 1, "c", 1 * HOUR)]
    rows, _c, _w = statement([20 * HOUR] * 3, works, Terms(None, 1, True))
    assert rows == [
        hours(0, 20, 8, 0, 12, 0),
        hours(12, 20, 5, 7, 20, 0),  # 5 of May's 12 used, 7 expire, June's 20 stay
        hours(20, 20, 1, 19, 20, 0),
    ]


def test_amounts_instead_of_hours():
    rows, covered, _w = statement(
        [Decimal("5000.00")], [(0, 1, "a", Decimal("5125.50"))], Terms(0, None, True)
    )
    assert rows == [
        Row(
            Decimal(0),
            Decimal("5000.00"),
            Decimal("5000.00"),
            Decimal(0),
            Decimal(0),
            Decimal("125.50"),
        )
    ]
    assert covered == {"a": Decimal("5000.00")}


works_of_a_retainer = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 40)), max_size=15
)
terms = st.builds(
    Terms,
    st.one_of(st.none(), st.integers(0, 60)),
    st.one_of(st.none(), st.integers(0, 3)),
    st.booleans(),
)


@given(
    works_of_a_retainer, st.lists(st.integers(0, 60), min_size=4, max_size=4), terms, st.randoms()
)
def test_every_hour_is_somewhere_and_the_balance_is_never_negative(drawn, added, terms_, chance):
    works = [(period, day, key, amount) for key, (period, day, amount) in enumerate(drawn)]
    rows, covered, waiting = statement(added, works, terms_)
    opening = 0
    for row in rows:
        assert row.opening == opening
        assert row.closing == row.opening + row.added - row.used - row.expired
        assert min(vars(row).values()) >= 0
        assert terms_.limit is None or row.closing <= terms_.limit
        opening = row.closing
    worked = sum(amount for _p, _d, _k, amount in works)
    assert sum(row.used + row.over for row in rows) == worked, (
        "approved = used + overage or waiting"
    )
    assert sum(covered.values()) == sum(row.used for row in rows)
    assert set(covered) | set(waiting) == {key for _p, _d, key, _a in works}
    assert not set(covered) & set(waiting)
    if terms_.overage:
        assert not waiting
    else:
        assert all(covered[k] == works[k][3] for k in covered), "nothing is billed unasked"
    shuffled = list(works)
    chance.shuffle(shuffled)
    assert statement(added, shuffled, terms_)[:2] == (rows, covered)


@given(
    works_of_a_retainer,
    st.lists(st.integers(0, 60), min_size=4, max_size=4),
    terms,
    st.lists(st.integers(-1, 3), min_size=15, max_size=15),
    st.randoms(),
)
def test_it_does_not_matter_when_time_arrives(drawn, added, terms_, cut_offs, chance):
    """Entries arrive in any order; after each, what is beyond is billed up to some period, or nothing is."""
    terms_ = replace(terms_, overage=True)
    works = [(period, day, key, amount) for key, (period, day, amount) in enumerate(drawn)]
    chance.shuffle(works)
    settled, billed = {}, {}
    for count, cut_off in zip(range(1, len(works) + 1), cut_offs, strict=False):
        rows, covered, _w = statement(added, works[:count], terms_, settled)
        opening = 0
        for row in rows:
            assert row.opening == opening
            assert row.closing == row.opening + row.added - row.used - row.expired
            assert min(vars(row).values()) >= 0
            opening = row.closing
        assert sum(row.used for row in rows) == sum(covered.values()), "no hour is covered twice"
        assert all(covered[key] == share for key, share in settled.items()), "what is billed stays"
        for period, _day, key, amount in works[:count]:
            if period <= cut_off and covered[key] < amount:
                settled.setdefault(key, covered[key])
                billed.setdefault(key, amount - covered[key])
    rows, covered, _w = statement(added, works, terms_, settled)
    for _p, _d, key, amount in works:
        billed.setdefault(key, amount - covered[key])
        assert covered[key] + billed[key] == amount, "no hour is lost, none is billed and covered"
    once, _c, _w = statement(added, works, terms_)
    assert sum(billed.values()) == sum(row.over for row in once), "as if all had come in time"


def test_late_time_does_not_take_what_billed_time_was_covered_with():
    # 20 h, nothing carried over; 25 h worked: 5 h billed. 4 h of an earlier day come late: they are beyond as well.
    works = [(0, 2, "a", 20 * HOUR), (0, 3, "b", 5 * HOUR)]
    works += [(0, 1, "late", 4 * HOUR)]
    rows, covered, _w = statement([20 * HOUR], works, Terms(0, None, True), {"b": 0})
    assert rows == [hours(0, 20, 20, 0, 0, 9)]
    assert covered == {"late": 4 * HOUR, "a": 16 * HOUR, "b": 0}, "4 h of a are beyond instead"


def test_a_period_leaves_what_later_ones_were_billed_with():
    # May left 5 h, with which June's 25 h were billed: time of May that comes late is beyond
    works = [(0, 1, "a", 15 * HOUR), (1, 1, "b", 27 * HOUR), (0, 2, "late", 4 * HOUR)]
    rows, covered, _w = statement([20 * HOUR] * 2, works, Terms(None, None, True), {"b": 25 * HOUR})
    assert rows == [hours(0, 20, 15, 0, 5, 4), hours(5, 20, 25, 0, 0, 2)]
    assert covered == {"a": 15 * HOUR, "late": 0, "b": 25 * HOUR}
