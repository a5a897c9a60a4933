"""A payout and its parts, with figures by hand."""

from decimal import Decimal

from lead_to_cash_hub.core.payout import Part, leaves, missing, unproved


def part(kind, net, booked=None):
    booked = None if booked is None else Decimal(booked)
    return Part(f"txn_{kind}_{net}", kind, Decimal(net), booked)


# 3 charges (100.50, 250.00, 40.00, each less 2.9 % and 0.30), a refund of 25.00, a dispute of 40.00 with a fee of
# 15.00, and a fee of the provider's own of 2.00: 97.29 + 242.45 + 38.54 - 25.00 - 55.00 - 2.00 = 296.28
WHOLE = [
    part("charge", "97.29", "97.29"),
    part("charge", "242.45", "242.45"),
    part("charge", "38.54", "38.54"),
    part("refund", "-25.00", "-25.00"),
    part("dispute", "-55.00", "-55.00"),
    part("fee", "-2.00"),
]


def test_a_payout_is_the_sum_of_its_parts():
    assert unproved(Decimal("296.28"), WHOLE) == 0
    assert missing(WHOLE) == []
    assert leaves(Decimal("296.28"), [WHOLE[-1]]) == Decimal("298.28")


def test_the_parts_that_are_missing_are_named():
    parts = [*WHOLE[:2], part("charge", "38.54"), *WHOLE[3:]]
    assert unproved(Decimal("296.28"), parts) == 0
    assert missing(parts) == [part("charge", "38.54")]


def test_a_part_that_was_booked_for_another_amount_is_missing_by_the_difference():
    wrong = part("charge", "97.29", "100.50")  # booked without the fee
    assert missing([wrong]) == [wrong]
    assert wrong.rest == Decimal("-3.21")
    assert leaves(Decimal("97.29"), [wrong]) == Decimal("100.50")


def test_a_fee_that_somebody_booked_is_looked_at_like_any_other_part():
    right, wrong = part("fee", "-2.00", "-2.00"), part("fee", "-2.00", "-1.50")
    assert missing([right, wrong]) == [wrong]
    assert (right.own_fee, wrong.own_fee, WHOLE[-1].own_fee) == (False, False, True)
    assert wrong.rest == Decimal("-0.50")


def test_a_part_of_nothing_still_has_to_stand_for_something():
    assert missing([part("charge", "0.00")]) == [part("charge", "0.00")]
    assert missing([part("charge", "0.00", "0.00")]) == []


def test_a_payout_that_is_more_than_its_parts():
    assert unproved(Decimal("300.00"), WHOLE) == Decimal("3.72")
    assert unproved(Decimal("0"), []) == 0


def test_whole_yen_and_a_payout_that_takes_money_from_the_bank():
    parts = [part("charge", "9710", "9710"), part("refund", "-12000", "-12000")]
    assert unproved(Decimal("-2290"), parts) == 0
    assert leaves(Decimal("-2290"), []) == Decimal("-2290")
