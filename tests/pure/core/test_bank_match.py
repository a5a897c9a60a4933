"""What a movement settles: certain only by reference and amount, else proposed, with what speaks for and against it."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.bank_match import INVOICE, PAYMENT, Item, Movement, Open

DAY = date(2026, 3, 10)


def invoice(key, amount, name=None, partner=1, kind=INVOICE, **more):
    return Item(
        key,
        kind,
        Decimal(amount),
        (name or f"INV/2026/{key:05}",),
        partner=partner,
        name="Acme",
        **more,
    )


def movement(amount, text="", **more):
    return Movement(Decimal(amount), DAY, (text,), **more)


def match(items, *movements):
    found = Open(items).match(movements)
    return found if len(movements) > 1 else found[0]


def codes(found):
    return [code for code, _value in found.evidence]


def test_reference_and_amount_are_certain_however_it_is_written():
    items = [invoice(12, "250.00"), invoice(13, "250.00")]
    for text in (
        "INV/2026/00012",
        "Rechnung INV-2026-00012 vom 1.3.",
        "inv 2026 00012",
        "INV202600012",
        "paid:INV/2026/00 012;thanks",
    ):
        found = match(items, movement("250.00", text))
        assert (found.keys, found.certain) == ((12,), True), text
        assert codes(found)[:2] == ["reference", "amount_exact"]


def test_a_number_inside_a_longer_one_is_not_named():
    for text in ("INV/2026/000121", "XINV/2026/00012", "1INV/2026/00012"):
        assert not match([invoice(12, "250.00")], movement("250.00", text)).certain


def test_structured_references_count():
    item = Item(1, INVOICE, Decimal(5), ("RF18539007547034",), partner=1)
    assert match([item], Movement(Decimal(5), DAY, references=("RF18 5390 0754 7034",))).certain


def test_all_are_named_and_the_sum_is_exact():
    items = [invoice(1, "100.00"), invoice(2, "50.00"), invoice(3, "-30.00"), invoice(4, "120.00")]
    found = match(items, movement("120.00", "INV/2026/00001 INV/2026/00002 ./. INV/2026/00003"))
    assert (found.keys, found.certain) == ((1, 2, 3), True)


def test_less_and_more_are_proposed_with_the_difference():
    items = [invoice(1, "100.00")]
    less, more = (match(items, movement(a, "INV/2026/00001")) for a in ("98.00", "103.50"))
    assert (less.keys, less.certain, less.evidence[-1]) == ((1,), False, ("paid_less", "2.00"))
    assert (more.keys, more.certain, more.evidence[-1]) == ((1,), False, ("paid_more", "3.50"))
    assert not match(items, movement("-100.00", "INV/2026/00001")).keys


def test_a_reference_that_several_have_is_not_certain():
    items = [invoice(1, "100.00", "PO-77001"), invoice(2, "60.00", "PO-77001")]
    found = match(items, movement("60.00", "PO-77001"))
    assert (found.keys, found.certain) == ((2,), False)
    assert "reference_shared" in codes(found)
    order = [Item(1, INVOICE, Decimal(60), ("INV1000",), ("PO-77001",), 1)]
    assert not match(order, movement("60", "PO-77001")).certain


def test_the_payer_narrows_amounts_down():
    items = [invoice(1, "60.00"), invoice(2, "40.00"), invoice(3, "100.00", partner=2)]
    together = match(items, movement("100.00", payers=frozenset([1])))
    assert (together.keys, together.certain) == ((1, 2), False)
    assert codes(together) == ["amount_together", "account_known"]
    named = match([invoice(1, "60.00")], movement("60.00", name="ACME Ltd."))
    assert codes(named) == ["amount_exact", "name_same"]
    alone = match(items, movement("40.00"))
    assert (alone.keys, codes(alone)) == ((2,), ["amount_only"])
    assert not match([*items, invoice(4, "40.00")], movement("40.00")).keys
    assert not match(items, movement("41.00", payers=frozenset([1]))).keys


def test_what_forbids_certainty():
    item, text = invoice(1, "60.00"), "INV/2026/00001"
    assert (
        codes(match([item], movement("60.00", text, payers=frozenset([9]))))[-1]
        == "account_of_other"
    )
    assert not match([item], movement("60.00", text, payers=frozenset([9]))).certain
    assert not match([item], movement("60.00", text, reversal=True)).certain
    assert not match([invoice(1, "60.00", day=date(2026, 9, 1))], movement("60.00", text)).certain
    other = [item, invoice(2, "40.00", partner=2)]
    both = match(other, movement("100.00", f"{text} INV/2026/00002"))
    assert (both.keys, both.certain) == ((1, 2), False)


def test_a_payment_in_odoo_comes_before_an_invoice():
    items = [
        Item(-7, PAYMENT, Decimal(60), ("PAY/2026/7", "INV/2026/00009"), partner=1),
        invoice(1, "60.00"),
    ]
    found = match(items, movement("60.00", "INV/2026/00009"))
    assert (found.keys, found.certain, codes(found)[0]) == ((-7,), True, "payment")
    unnamed = match(items, movement("60.00", payers=frozenset([1])))
    assert (unnamed.keys, unnamed.certain) == ((-7,), False)
    # One that is named by its own number is what it is.
    assert match(items, movement("60.00", "INV/2026/00001")).keys == (1,)


def test_what_two_movements_name_is_certain_for_none():
    first, second = match([invoice(1, "60.00")], *[movement("60.00", "INV/2026/00001")] * 2)
    assert not first.certain and not second.certain
    assert "wanted_twice" in codes(first)


def test_what_is_certain_for_one_is_proposed_to_no_other():
    items = [invoice(1, "60.00")]
    sure, other = match(items, movement("60.00", "INV/2026/00001"), movement("60.00"))
    assert (sure.certain, other.keys) == (True, ())


@given(
    st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(-2, 2), st.booleans()), max_size=12),
)
def test_certain_matches_settle_each_item_once_and_exactly(amounts, payments):
    items = [
        invoice(n, amount, kind=PAYMENT if waits else INVOICE)
        for n, (amount, waits) in enumerate(amounts)
    ]
    movements = [
        movement(
            max(1, items[place % len(items)].amount + extra),
            f"INV/2026/{place % len(items):05}" if named else "",
        )
        for place, extra, named in payments
    ]
    found = Open(items).match(movements)
    settled = [key for one in found if one.certain for key in one.keys]
    assert len(settled) == len(set(settled))
    for one, paid in zip(found, movements, strict=True):
        if one.certain:
            assert sum(Open(items).items[key].amount for key in one.keys) == paid.amount
