"""Revenue: what is earned by a day, and how positions move; by hand and for drawn contracts."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.revenue import (
    Roll,
    Standing,
    earned,
    elapsed,
    months,
    progress,
    roll,
    standing,
)

CENT, YEN, FILS = Decimal("0.01"), Decimal(1), Decimal("0.001")
D = Decimal


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2025, 1, 1), date(2025, 12, 31), Fraction(12)),
        (date(2025, 1, 15), date(2025, 1, 20), Fraction(6, 31)),
        (date(2025, 1, 16), date(2025, 3, 15), Fraction(16, 31) + 1 + Fraction(15, 31)),
        (date(2024, 2, 1), date(2024, 2, 29), Fraction(1)),
        (date(2025, 6, 30), date(2025, 6, 30), Fraction(1, 30)),
    ],
)
def test_months_by_hand(first, last, expected):
    assert months(first, last) == expected


@pytest.mark.parametrize(
    ("price", "step", "by_month"),
    [
        # a price that three months do not divide: the last month takes the rest
        ("100.00", CENT, ["33.33", "33.34", "33.33"]),
        ("1000", YEN, ["333", "334", "333"]),
        ("100.000", FILS, ["33.333", "33.334", "33.333"]),
        ("-100.00", CENT, ["-33.33", "-33.34", "-33.33"]),
    ],
)
def test_three_months_by_hand(price, step, by_month):
    first, last = date(2025, 1, 1), date(2025, 3, 31)
    to_date, found = D(0), []
    for day in (date(2025, 1, 31), date(2025, 2, 28), last):
        now = earned(price, elapsed(first, last, day), step)
        found.append(now - to_date)
        to_date = now
    assert found == [D(amount) for amount in by_month]
    assert to_date == D(price)


@pytest.mark.parametrize(
    ("done", "left", "share"),
    [
        (0, 0, 0),
        (0, 40, 0),
        (10, 30, Fraction(1, 4)),
        (40, 0, 1),
        (-2, 10, 0),
        ("0.5", "1", Fraction(1, 3)),
    ],
)
def test_progress_by_hand(done, left, share):
    assert progress(done, left) == share


# Company in USD, contract in EUR. Each row: what was earned and billed to date, what was booked for it in USD, the rate
# of the day, and then the position in USD and how it moved: opening, recognised, billed, exchange, closing.
EUROS = [
    # 1,000 EUR of work at 1.10, nothing billed: 1,100 USD accrued
    (("1000", "0", "0", "1.10"), ("0", "1100", "0", "0", "1100")),
    # billed in July at 1.20: 100 USD of exchange; 500 EUR more at 1.25
    (("1500", "1000", "1200", "1.25"), ("1100", "625", "1200", "100", "625")),
    # nothing happened but the rate: 500 EUR at 1.30
    (("1500", "1000", "1200", "1.30"), ("625", "0", "0", "25", "650")),
    # 2,500 EUR more are billed at 1.40 (3,500 USD), 500 EUR of them settle what was accrued: 700 - 650 = 50; the
    # 2,000 EUR beyond are deferred as they were booked, 2,800 USD. Nothing is earned
    (("1500", "3500", "4700", "1.40"), ("650", "0", "3500", "50", "-2800")),
    # the rate never moves deferred income: 1,000 EUR of it are earned, half of it
    (("2500", "3500", "4700", "2.00"), ("-2800", "1400", "0", "0", "-1400")),
    # 500 EUR more are billed for 1,600 USD: 1,500 EUR for 3,000 USD are deferred, 500 EUR of them are earned
    (("3000", "4000", "6300", "3.20"), ("-1400", "1000", "1600", "0", "-2000")),
    # all of it: nothing is left, whatever was rounded
    (("4000", "4000", "6300", "3.00"), ("-2000", "2000", "0", "0", "0")),
]


def test_a_contract_in_a_foreign_currency_by_hand():
    before = Standing()
    for (done, billed, booked, rate), expected in EUROS:
        now = standing(before, D(done), D(billed), D(booked), rate)
        assert roll(before, now, rate) == Roll(*map(D, expected))
        before = now


def test_a_second_invoice_at_another_rate_alters_nothing_of_the_first():
    # 100 EUR billed for 200 USD and earned; then 100 EUR for 400 USD, of which nothing is earned
    first = standing(Standing(), D(100), D(100), D(200), 2)
    second = standing(first, D(100), D(200), D(600), 4)
    assert roll(first, second, 4) == Roll(D(0), D(0), D(400), D(0), D(-400))


def test_what_is_owed_is_no_asset_where_a_credit_note_took_another_rate():
    # 10,000.00 billed at 0.90 and 9,900.00 credited at 0.95: 100.00 are left, booked as -405.00
    now = standing(Standing(), D(0), D(100), D("-405"), D("0.95"))
    assert (now.position, now.worth) == (D(-100), D(0))
    moved = roll(Standing(), now, D("0.95"))
    assert (moved.billed, moved.recognised, moved.exchange) == (D("-405"), D("-405"), D(0))


def test_a_credit_note_above_what_was_billed_leaves_a_position_at_the_rate_of_the_day():
    assert standing(Standing(), D("-50"), D("0"), D("0"), "2").worth == D("-100")


days = st.dates(date(2024, 1, 1), date(2026, 12, 31))
steps = st.sampled_from([CENT, YEN, FILS])


@given(st.integers(-(10**9), 10**9), steps, days, st.integers(0, 900), st.lists(days, max_size=12))
def test_months_add_up_to_the_price_however_they_are_cut(units, step, first, length, cuts):
    price, last = units * step, first + timedelta(length)
    total, so_far = D(0), D(0)
    for day in [*sorted(cuts), date(2030, 1, 1)]:
        now = earned(price, elapsed(first, last, day), step)
        total += now - so_far
        assert now % step == 0
        assert abs(now) >= abs(so_far), "what is earned is never taken back"
        so_far = now
    assert total == price


moves = st.tuples(
    st.integers(-(10**6), 10**7),  # earned of the month
    st.integers(-(10**6), 10**7),  # billed of the month
    st.integers(50, 200),  # rate of the month, in hundredths
)


@given(st.lists(moves, min_size=1, max_size=12), steps, steps)
def test_each_closing_is_the_next_opening_and_all_that_moved_adds_up(history, step, company_step):
    before = Standing()
    sums = [D(0), D(0), D(0)]
    for more, billed, hundredths in history:
        rate = D(hundredths) / 100
        booked = (billed * step * rate).quantize(company_step)
        now = standing(
            before,
            before.earned + more * step,
            before.billed + billed * step,
            before.booked + booked,
            rate,
            company_step,
        )
        moved = roll(before, now, rate, company_step)
        assert moved.opening == before.worth
        assert (
            moved.closing
            == moved.opening + moved.recognised - moved.billed + moved.exchange
            == now.worth
        )
        for place, part in enumerate((moved.recognised, moved.billed, moved.exchange)):
            sums[place] += part
        before = now
    assert before.worth == sums[0] - sums[1] + sums[2]


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=12),
    steps,
)
def test_one_currency_knows_no_exchange_and_recognises_what_was_earned(history, step):
    before = Standing()
    for more, billed in history:
        done, total = before.earned + more * step, before.billed + billed * step
        now = standing(before, done, total, total, 1, step)
        moved = roll(before, now, 1, step)
        assert (moved.exchange, moved.recognised, moved.closing) == (0, more * step, done - total)
        before = now


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=8),
    st.randoms(),
)
def test_the_order_of_the_work_does_not_matter(work, random):
    """Hours and estimates are known to date: whoever books first, the same is earned."""
    left = work[-1][1]
    shuffled = [hours for hours, _left in work]
    random.shuffle(shuffled)
    share = progress(sum(hours for hours, _left in work), left)
    assert progress(sum(shuffled), left) == share
    assert earned("9999.99", share) <= D("9999.99")
