from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.billing import (
    UNIT_STEP,
    allocate,
    exact,
    exact_combinations,
    line_amount,
    net_of_gross,
    rounded,
    to_hours,
    to_seconds,
)

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [("0.33", 1188), ("0.01", 36), ("7.5", 27000), (Decimal(1) / 3, 1200), (0.1, 360), (0, 0)],
)
def test_hours_are_whole_seconds(hours, seconds):
    assert to_seconds(hours) == seconds


def test_forty_times_twenty_minutes_are_two_thousand():
    hours = to_hours(40 * to_seconds(Decimal(20) / 60))
    assert hours == Decimal("13.333333")
    assert line_amount(hours, "150") == Decimal("2000.00")


def test_halves_round_away_from_zero():
    assert rounded("2.345") == Decimal("2.35")
    assert rounded("-2.345") == Decimal("-2.35")


def test_yen_have_no_cents():
    assert line_amount("1.5", "333", Decimal(1)) == Decimal(500)


def test_largest_remainder():
    assert allocate("100.00", [1, 1, 1]) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert allocate("-100.00", [1, 1, 1])[0] == Decimal("-33.34")
    assert allocate("0.01", [0, 5]) == [Decimal(0), CENT]
    assert allocate("1.00", [0, 0]) == [Decimal("0.50"), Decimal("0.50")]
    assert allocate("1.00", []) == []


@given(
    cents=st.integers(-(10**9), 10**9),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=60).filter(any),
)
def test_parts_always_add_up_and_are_fair(cents, weights):
    total = Decimal(cents) * CENT
    parts = allocate(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / whole) < CENT


@given(seconds=st.lists(st.integers(1, 86400), min_size=1, max_size=200))
def test_quantities_of_entries_are_the_quantity_of_the_line(seconds):
    line = to_hours(sum(seconds))
    assert sum(allocate(line, seconds, UNIT_STEP)) == line


@given(
    gross=st.integers(1, 10**7),
    rate=st.sampled_from(["0", "0.07", "0.15", "0.19", "0.081", "0.25"]),
)
def test_net_of_gross_misses_by_a_cent_at_most(gross, rate):
    gross, rate = Decimal(gross) * CENT, exact(rate)
    net = net_of_gross(gross, 1, 1 + rate)
    assert abs(net + rounded(net * rate) - gross) <= CENT


def test_untaxed_gross_is_net():
    assert net_of_gross("10.00", 0, 0) == Decimal("10.00")


def test_exact_combinations():
    documents = {1: "100.00", 2: "250.00", 3: "350.00", 4: "99.99"}
    assert exact_combinations("250.00", documents) == [(2,)]
    assert exact_combinations("449.99", documents) == [(3, 4), (1, 2, 4)]
    assert exact_combinations("350.00", documents) == [(3,), (1, 2)]
    assert exact_combinations("1.00", documents) == []
    assert exact_combinations("100.00", {1: "100.00", 2: "100.00"}) == [(1,), (2,)]


def test_combinations_are_bounded():
    documents = {key: Decimal(1) for key in range(500)}
    assert len(exact_combinations("3.00", documents)) == 2
