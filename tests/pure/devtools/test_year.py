"""The plan and the judge of `./hub year`: the same seed is the same year, and each hour ends in one place."""

from datetime import date
from decimal import Decimal

import pytest

from devtools.year import judge, plan
from devtools.year.plan import Contract, Entry, Plan

FATES = ("billed", "waiting", "over", "consumed", "not billable")


def contract(kind, lines, **more):
    return Contract("c", "Northwind Advisory", kind, "USD", "Acme", lines, date(2025, 1, 2), **more)


def entry(key, day, hours, approved=0, turn=0, code="CONS"):
    return Entry(key, "c", 0, code, date(2025, 1, day), Decimal(hours), True, turn, approved)


def judged(
    one, entries, cutoffs=(date(2025, 1, 15), date(2025, 1, 31)), paying="whole", expenses=()
):
    how = {(one.key, turn): paying for turn in range(len(cutoffs))}
    made = Plan(1, [one], {}, entries, list(expenses), list(cutoffs), how)
    verdict = judge.judge(made)
    lines = {turn: [str(a) for a in i.lines] for (_c, turn), i in verdict.invoices.items()}
    return lines, verdict.hours["Northwind Advisory", "USD"], judge.money(made, verdict)


CONSULTING = ("CONS", "Consulting", 100, Decimal("99.99"))


@pytest.mark.parametrize("scale", ["0.05", "0.3", "1"])
def test_the_same_seed_is_the_same_year_and_hours_add_up(scale):
    one, two, other = plan.make(7, scale), plan.make(7, scale), plan.make(8, scale)
    assert one == two != other
    verdict = judge.judge(one)
    assert len(one.entries) == round(25_000 * float(scale) * (1 if float(scale) >= 0.25 else 0.25))
    for fate in verdict.hours.values():
        assert sum(fate[name] for name in FATES) == fate["approved"]
    assert {c.currency for c in one.contracts} >= {"USD", "EUR", "GBP"}


def test_time_is_rounded_once_a_line_and_late_time_waits_for_its_run():
    entries = [entry(1, 3, "0.33"), entry(2, 4, "0.34"), entry(3, 5, "2.00", approved=1)]
    lines, fate, money = judged(contract("time", [CONSULTING]), entries)
    # 0.67 h × 99.99 = 66.9933; 2 h × 99.99
    assert lines == {0: ["66.99"], 1: ["199.98"]}
    assert fate["billed"] == Decimal("2.67")
    # 15 % of 66.99 are 10.0485, of 199.98 29.997
    assert money["Northwind Advisory", "USD"].invoiced == Decimal("77.04") + Decimal("229.98")


def test_behind_what_does_not_fit_below_the_cap_nothing_is_billed():
    entries = [entry(1, 3, "1.00"), entry(2, 4, "3.00"), entry(3, 5, "0.50")]
    lines, fate, _money = judged(contract("capped", [CONSULTING], cap=Decimal(250)), entries)
    assert lines == {0: ["99.99"]}
    assert (fate["billed"], fate["over"]) == (Decimal("1.00"), Decimal("3.50"))


def test_each_entry_is_rounded_up():
    lines, _fate, _money = judged(
        contract("rounded", [CONSULTING], rounding=15), [entry(1, 3, "0.26"), entry(2, 3, "0.25")]
    )
    assert lines == {0: ["74.99"]}  # 0.50 + 0.25 h


def test_a_retainer_covers_first_and_bills_or_keeps_what_is_beyond():
    terms = {"hours": 10, "fee": Decimal("500.00"), "overage": True, "carry": 0}
    entries = [entry(1, 3, "8.00"), entry(2, 20, "5.00", approved=1, turn=1)]
    lines, fate, _money = judged(contract("retainer", [CONSULTING], retainer=terms), entries)
    assert lines == {0: ["500.00"], 1: ["299.97"]}
    assert (fate["consumed"], fate["billed"]) == (10, 3)
    lines, fate, _money = judged(
        contract("prepaid", [CONSULTING], retainer={**terms, "overage": False}), entries
    )
    assert lines == {0: ["500.00"]}
    assert (fate["consumed"], fate["over"]) == (8, 5)


def test_while_an_invoice_is_disputed_nothing_is_billed():
    cutoffs = (date(2025, 1, 10), date(2025, 1, 20), date(2025, 1, 31))
    entries = [entry(1, 3, "1.00"), entry(2, 15, "1.00", 1, 1), entry(3, 25, "1.00", 2, 2)]
    lines, _fate, _money = judged(contract("time", [CONSULTING]), entries, cutoffs, "disputed")
    assert lines == {0: ["99.99"], 2: ["199.98"]}


def test_what_goes_back_is_credited():
    _lines, _fate, money = judged(
        contract("time", [CONSULTING]), [entry(1, 3, "1.00")], paying="refunded"
    )
    sums = money["Northwind Advisory", "USD"]
    assert (sums.paid, sums.refunded, sums.credited, sums.open) == (
        Decimal("114.99"), Decimal("28.75"), Decimal("28.75"), 0,
    )  # fmt: skip
