"""Schedules of fees and recurring services: figures by hand, and what holds for any terms."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.schedule import (
    DAY,
    ScheduleError,
    Share,
    Terms,
    add_months,
    instalments,
    last_day,
    periods,
    price_on,
    share,
    spans,
    value,
)

D = Decimal
CENT, YEN, FILS = D("0.01"), D(1), D("0.001")


def percent(*parts):
    return [Share(percent=D(part)) for part in parts]


# --- instalments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee", "step", "shares", "parts"),
    [
        # a third each of 100,000.00: the last takes the cent
        ("100000.00", CENT, percent("33.333333", "33.333333", "33.333334"), ("33333.33", "33333.33", "33333.34")),
        ("10000", YEN, percent("33.33", "33.33", "33.34"), ("3333", "3333", "3334")),
        ("1000.000", FILS, percent("12.34567", "87.65433"), ("123.457", "876.543")),
        ("90000.00", CENT, [Share(amount=D(30000)), Share(percent=D(50)), Share()], ("30000", "45000", "15000")),
        ("90000.00", CENT, [Share(), Share(amount=D("0.01"))], ("89999.99", "0.01")),
        ("0.01", CENT, percent("50", "50"), ("0.01", "0.00")),  # half a cent is rounded up
    ],
)  # fmt: skip
def test_instalments_by_hand(fee, step, shares, parts):
    assert instalments(D(fee), shares, step) == [D(part) for part in parts]


@pytest.mark.parametrize(
    "shares",
    [
        percent("50", "40"),  # 90 %
        [Share(amount=D(60)), Share(amount=D(50))],  # 110.00 of 100.00
        [Share(amount=D(120)), Share()],  # a rest below nothing
        [Share(), Share()],  # whose is the rest?
        [],
    ],
)
def test_a_schedule_that_does_not_come_to_its_fee(shares):
    with pytest.raises(ScheduleError):
        instalments(D(100), shares)


@given(
    st.integers(1, 10**9),
    st.sampled_from([CENT, YEN, FILS]),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=40),
)
def test_instalments_come_to_the_fee(fee, step, weights):
    fee *= step
    whole = sum(weights)
    shares = [Share(percent=D(weight) * 100 / whole) for weight in weights]
    parts = instalments(fee, shares, step)
    assert sum(parts) == fee
    assert all(part % step == 0 and part >= 0 for part in parts)


def test_rounding_leaves_no_instalment_below_nothing():
    # four times 0.005 are rounded to 0.01 each: 0.04 of 0.02
    assert instalments(D("0.02"), [Share(percent=D(25))] * 4) == [CENT, CENT, D(0), D(0)]


# --- periods --------------------------------------------------------------------------------------


def of(first, last, months=1, **terms):
    return Terms(date.fromisoformat(first), last and date.fromisoformat(last), months, **terms)


def rows(terms, until=None):
    return [
        (str(p.start), str(p.end), str(p.amount), str(p.due))
        for p in periods(terms, until and date.fromisoformat(until))
    ]


def test_calendar_months_with_a_broken_first_and_last():
    # 17 of 31 days of March, 14 of 30 of June, at 1,000.00
    assert rows(of("2026-03-15", "2026-06-14", price=D(1000))) == [
        ("2026-03-15", "2026-03-31", "548.39", "2026-03-15"),
        ("2026-04-01", "2026-04-30", "1000.00", "2026-04-01"),
        ("2026-05-01", "2026-05-31", "1000.00", "2026-05-01"),
        ("2026-06-01", "2026-06-14", "466.67", "2026-06-01"),
    ]


def test_from_the_last_day_of_a_month_and_in_arrears():
    terms = of("2024-01-31", None, price=D(100), aligned=False, advance=False)
    assert rows(terms, "2024-05-01") == [
        ("2024-01-31", "2024-02-28", "100.00", "2024-02-28"),  # until the day before 29 February
        ("2024-02-29", "2024-03-30", "100.00", "2024-03-30"),
        ("2024-03-31", "2024-04-29", "100.00", "2024-04-29"),
    ]


def test_quarters_and_years_of_a_leap_year():
    # from 10 February: 51 of 91 days of the first quarter of 2028, 326 of the year's 366
    assert rows(of("2028-02-10", "2028-06-30", 3, price=D("910.00")))[0][2] == "510.00"
    assert rows(of("2028-02-10", "2028-12-31", 12, price=D(3660)))[0][2] == "3260.00"


def test_indexation_from_a_day_on_is_rounded_and_compounds():
    terms = of(
        "2026-01-01", "2026-12-31", price=D("999.99"),
        prices=((date(2026, 4, 1), D("2.5"), None), (date(2026, 6, 16), D(10), None)),
    )  # fmt: skip
    # 1,024.98975 becomes 1,024.99; 10 % more 1,127.489, so 1,127.49
    assert [str(price_on(terms, date(2026, m, 30))) for m in (3, 4, 6)] == [
        "999.99", "1024.99", "1127.49"
    ]  # fmt: skip
    june = list(periods(terms))[5]
    # 15 days at 1,024.99 (512.495, rounded up) and 15 at 1,127.49 (1,127.49 - 563.75)
    assert (june.amount, june.days) == (D("512.50") + D("563.74"), 30)


def test_a_pause_costs_nothing():
    terms = of(
        "2026-01-01", "2026-04-30", price=D(310),
        pauses=((date(2026, 1, 11), date(2026, 1, 20)), (date(2026, 3, 1), date(2026, 3, 31))),
    )  # fmt: skip
    assert [(str(p.amount), p.days) for p in periods(terms)] == [
        ("210.00", 21), ("310.00", 28), ("0", 0), ("310.00", 30)
    ]  # fmt: skip
    assert value(terms) == D(830)


@pytest.mark.parametrize(
    ("step", "price", "parts"),
    [
        (CENT, "100.01", ("51.62", "48.39")),  # 16 days: 51.618; the rest of 100.01
        (YEN, "10001", ("5162", "4839")),
        (FILS, "100.001", ("51.613", "48.388")),
    ],
)
def test_a_month_in_two_parts_by_the_smallest_coin(step, price, parts):
    whole = date(2026, 1, 1), date(2026, 1, 31)
    cut = date(2026, 1, 16)
    assert share(D(price), whole, whole[0], cut, step) == D(parts[0])
    assert share(D(price), whole, cut + DAY, whole[1], step) == D(parts[1])


def test_the_value_until_cancelled_is_that_of_a_year():
    terms = of("2026-03-15", None, price=D(1000), aligned=False)
    assert value(terms) == 12000
    assert value(replace(terms, last=date(2026, 9, 14))) == 6000


@pytest.mark.parametrize(
    ("received", "months", "whole", "end"),
    [
        ("2026-05-10", 1, True, "2026-06-30"),  # a month on is 10 June: to the end of June
        ("2026-05-10", 1, False, "2026-06-10"),
        ("2026-05-31", 3, True, "2026-08-31"),
        ("2025-01-01", 0, False, "2026-01-01"),  # not before it began
        ("2026-11-20", 3, True, "2026-12-31"),  # not after its own end
    ],
)
def test_notice(received, months, whole, end):
    terms = of("2026-01-01", "2026-12-31", price=D(1))
    assert str(last_day(terms, date.fromisoformat(received), months, whole)) == end


DAYS = st.dates(date(1999, 1, 1), date(2101, 1, 1))
TERMS = st.tuples(DAYS, st.integers(0, 1500), st.sampled_from([1, 3, 12]), st.booleans())


@given(TERMS)
def test_periods_tile_the_term(term):
    first, length, months, aligned = term
    last = first + timedelta(days=length)
    found = list(spans(first, last, months, aligned))
    assert (found[0][0], found[-1][1]) == (first, last)
    for (_s, end, _ws, whole_end), (start, _e, whole_start, _we) in pairwise(found):
        assert start == end + DAY
        assert whole_start == whole_end + DAY
    assert all(ws <= s <= e <= we for s, e, ws, we in found)
    # What is known until a day does not change when the end moves later.
    longer = list(spans(first, last + timedelta(days=400), months, aligned))
    assert longer[: len(found) - 1] == found[:-1]


@given(TERMS, st.integers(1, 10**9), st.sampled_from([CENT, YEN, FILS]), st.lists(DAYS, max_size=6))
def test_parts_of_a_split_period_add_up(term, price, step, cuts):
    first, length, months, aligned = term
    price *= step
    for _start, _end, *whole in spans(first, first + timedelta(days=length), months, aligned):
        edges = sorted({whole[0], whole[1] + DAY, *(c for c in cuts if whole[0] < c <= whole[1])})
        parts = [share(price, whole, a, b - DAY, step) for a, b in pairwise(edges)]
        assert sum(parts) == price
        assert all(part >= 0 and part % step == 0 for part in parts)


@given(TERMS, st.integers(1, 10**7), st.booleans(), DAYS)
def test_billing_in_steps_comes_to_the_value(term, price, advance, day):
    """Whatever days are cut off at, every period is due once, and all of them come to the value."""
    first, length, months, aligned = term
    terms = Terms(
        first, first + timedelta(days=length), months, price * CENT, aligned, advance,
        prices=((day, D("2.5"), None),), pauses=((day, day + timedelta(days=9)),),
    )  # fmt: skip
    early, every = list(periods(terms, day)), list(periods(terms))
    assert early == every[: len(early)]
    assert all(period.due <= day for period in early)
    assert all(period.due > day for period in every[len(early) :])
    assert sum(period.amount for period in every) == value(terms)


@given(DAYS, st.integers(0, 600))
def test_months_end_with_the_month(day, months):
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later + DAY).day == 1
