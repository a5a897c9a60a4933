"""Terms of contracts: figures worked out by hand, and what must hold for any work."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.billing import rounded
from lead_to_cash_hub.core.terms import (
    Plan,
    Rounding,
    Work,
    billed_seconds,
    percent,
    plan,
    reached,
)

MONDAY = date(2025, 6, 2)
MINUTE = 60


def work(key, minutes, day=MONDAY, group="Cora", line="Consulting"):
    return Work(key, minutes * MINUTE, day, group, line)


@pytest.mark.parametrize(
    ("level", "minutes", "direction", "worked", "billed"),
    [
        # 3 x 20 min: 1.00 h by the day, 1.50 h by the entry in half hours, 0.75 in quarters to the nearest
        ("day", 15, "up", [20, 20, 20], 60),
        ("entry", 30, "up", [20, 20, 20], 90),
        ("entry", 15, "nearest", [20, 20, 20], 45),
        ("day", 30, "up", [20, 20, 21], 90),
        ("day", 30, "nearest", [20, 20, 21], 60),
        ("entry", 6, "up", [1, 6, 7], 24),
        ("invoice", 60, "up", [20, 20, 21], 120),
        ("none", 15, "up", [20, 20, 21], 61),
        ("entry", 15, "nearest", [7, 8, 22, 23], 15 + 15 + 30),  # 7 -> 0, 7.5 up
    ],
)
def test_rounding_by_hand(level, minutes, direction, worked, billed):
    works = [work(number, each) for number, each in enumerate(worked)]
    parts = billed_seconds(works, Rounding(level, minutes, direction))
    assert sum(parts.values()) == billed * MINUTE


def test_people_and_days_are_rounded_apart():
    works = [work(1, 20), work(2, 20, group="Arno"), work(3, 20, MONDAY + timedelta(1))]
    parts = billed_seconds(works, Rounding("day", 30))
    assert parts == {1: 1800, 2: 1800, 3: 1800}


def test_invoice_lines_are_rounded_apart():
    # 30 and 70 min, whoever worked when: one and two hours; to the nearest one each
    works = [
        work(1, 15),
        work(2, 35, line="Travel time"),
        work(3, 15, MONDAY + timedelta(1)),
        work(4, 35, group="Arno", line="Travel time"),
    ]
    parts = billed_seconds(works, Rounding("invoice", 60))
    assert parts == {1: 1800, 2: 3600, 3: 1800, 4: 3600}
    parts = billed_seconds(works, Rounding("invoice", 60, "nearest"))
    assert parts == dict.fromkeys((1, 2, 3, 4), 1800)


def test_what_was_billed_of_a_day_before_counts():
    # 20 min were billed as 30; 10 more fill the half hour, 11 start another one
    before = {("Cora", MONDAY): (1200, 1800)}
    half = Rounding("day", 30)
    assert billed_seconds([work(1, 10)], half, before) == {1: 0}
    assert billed_seconds([work(1, 11)], half, before) == {1: 1800}


def test_the_cap_is_kept_in_the_order_of_the_work():
    # 1,000.00 left at 60.00 an hour: 600 + 300 fit, 150 do not, and the 50 behind them wait too
    works = [
        work(key, minutes, MONDAY + timedelta(day))
        for day, key, minutes in ((4, "d", 50), (1, "a", 600), (3, "c", 150), (2, "b", 300))
    ]
    lines = {"Consulting": (Decimal(60), 3600)}
    for room, over in ((1000, ["c", "d"]), (None, []), (0, ["a", "b", "c", "d"])):
        assert plan(works, Rounding(), lines, room).over == over
    assert plan(works, Rounding(), lines, Decimal(-5)).over == ["a", "b", "c", "d"]


@pytest.mark.parametrize("level", ["day", "invoice"])
def test_what_fits_below_the_cap_is_rounded_without_what_is_over(level):
    # 60.00 an hour, whole hours: 15 + 15 min are billed as an hour; with the 35 min they would be two
    works = [work(1, 15), work(2, 15), work(3, 35)]
    lines = {"Consulting": (Decimal(60), 3600)}
    result = plan(works, Rounding(level, 60), lines, Decimal(60))
    assert result == Plan({1: Decimal("0.5"), 2: Decimal("0.5")}, [3])
    again = plan(works[:2], Rounding(level, 60), lines, Decimal(60))
    assert again == Plan(result.billed, []), "the same when it is billed"


def test_a_plan_by_hand():
    # 150.00 an hour, quarters up: 0.75 + 1.00 h = 262.50 of 300.00; 0.50 h more would be 337.50
    works = [work(1, 40), work(2, 60), work(3, 16)]
    lines = {"Consulting": (Decimal(150), 3600)}
    result = plan(works, Rounding("entry", 15), lines, Decimal(300))
    assert result.billed == {1: Decimal("0.75"), 2: Decimal(1)}
    assert result.over == [3]


@pytest.mark.parametrize("price", [1, 100, "133.33", 150])
@pytest.mark.parametrize("minutes", [20, 40, 70])
@pytest.mark.parametrize("unit", [3600, 27000])
def test_what_comes_to_the_cap_exactly_fits(price, minutes, unit):
    # thirds of an hour, of a day of 7.5 h: no rest of a division keeps the last of them out
    works = [work(key, minutes) for key in range(9)]
    cap = Decimal(price) * 9 * minutes * MINUTE / unit
    if cap == rounded(cap):
        assert plan(works, Rounding(), {"Consulting": (Decimal(price), unit)}, cap).over == []


def test_lines_that_are_rounded_up_stay_below_the_cap():
    # two lines of 0.335 = 0.34 each, together 0.68 of 0.67
    works = [work(1, 1, line="a"), work(2, 1, line="b")]
    lines = dict.fromkeys("ab", (Decimal("20.1"), 3600))
    assert plan(works, Rounding(), lines, Decimal("0.67")).over == [2]
    assert plan(works, Rounding(), lines, Decimal("0.68")).over == []


def test_notices_are_told_once():
    assert percent(0, 0) == 0 and percent(Decimal("99.99"), 100) == 99
    assert [reached(used, 100) for used in (79, 80, 99, 100, 120)] == [0, 80, 80, 100, 100]
    assert reached(90, 100, told=80) == 0 and reached(100, 100, told=80) == 100


works_of_a_contract = st.lists(
    st.tuples(st.integers(1, 600), st.integers(0, 9), st.sampled_from(["Cora", "Arno"])),
    min_size=1,
    max_size=12,
)
roundings = st.builds(
    Rounding,
    st.sampled_from(["none", "entry", "day", "invoice"]),
    st.sampled_from([1, 6, 15, 30, 60]),
    st.sampled_from(["up", "nearest"]),
)
prices = st.lists(st.decimals("0.01", "400", places=2), min_size=2, max_size=2)
steps = st.sampled_from([Decimal("0.01"), Decimal("1"), Decimal("0.001")])  # USD and EUR, JPY, KWD


def _facts(drawn, two):
    works = [
        work(key, m, MONDAY + timedelta(d), who, line=who) for key, (m, d, who) in enumerate(drawn)
    ]
    return works, {"Cora": (two[0], 3600), "Arno": (two[1], 3600)}


def _amount(result, works, lines, step):
    sums = defaultdict(Decimal)
    for key, quantity in result.billed.items():
        line = works[key].line
        sums[line] += quantity * lines[line][0]
    return sum((rounded(value, step) for value in sums.values()), Decimal(0))


@given(works_of_a_contract, roundings, prices, st.integers(0, 5000), steps, st.randoms())
def test_nothing_is_lost_and_the_order_of_arrival_does_not_matter(
    drawn, rounding, two, room, step, chance
):
    works, lines = _facts(drawn, two)
    result = plan(works, rounding, lines, Decimal(room), step=step)
    keys = {one.key for one in works}
    assert set(result.billed) | set(result.over) == keys, "approved = billed + over"
    assert not set(result.billed) & set(result.over), "nothing twice"
    assert _amount(result, works, lines, step) <= room, "never over the cap"
    shuffled = list(works)
    chance.shuffle(shuffled)
    assert plan(shuffled, rounding, lines, Decimal(room), step=step) == result
    if result.over:
        first = min(result.over, key=lambda key: (works[key].day, key))
        assert all((works[k].day, k) < (works[first].day, first) for k in result.billed)


@given(works_of_a_contract, roundings, st.integers(1, 11))
def test_a_day_comes_to_the_same_whether_billed_at_once_or_in_two_runs(drawn, rounding, cut):
    works, _lines = _facts(drawn, [Decimal(1), Decimal(1)])
    by_day = Rounding("day", rounding.minutes, rounding.direction)
    whole = sum(billed_seconds(works, by_day).values())
    early, late = works[:cut], works[cut:]
    first = billed_seconds(early, by_day)
    before = defaultdict(lambda: (0, 0))
    for one in early:
        worked, paid = before[one.group, one.day]
        before[one.group, one.day] = (worked + one.seconds, paid + first[one.key])
    second = billed_seconds(late, by_day, before)
    assert sum(first.values()) + sum(second.values()) == whole


@given(works_of_a_contract, roundings)
def test_what_rounding_adds_is_less_than_a_step_a_sum(drawn, rounding):
    works, _lines = _facts(drawn, [Decimal(1), Decimal(1)])
    billed, worked = billed_seconds(works, rounding), sum(one.seconds for one in works)
    sums = {"entry": len(works), "day": len({(w.group, w.day) for w in works})}
    sums["invoice"] = len({w.line for w in works})
    assert (
        abs(sum(billed.values()) - worked) < rounding.minutes * 60 * sums.get(rounding.level, 0)
        or sum(billed.values()) == worked
    )
