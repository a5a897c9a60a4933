"""Receipts to Xero: the writing half of the contract, and what only payments have."""

from dataclasses import replace
from decimal import Decimal

import pytest
from contract import Contract
from test_contract_xero import XeroSubject, without

from lead_to_cash_hub.connectors.parts import Write
from sandbox.xero import XeroSandbox


class Receipts(XeroSubject):
    """Each receipt pays the invoice of its number, which stands there."""

    write_entity = "receipt"

    def invoice(self, number, total=517.5, status="AUTHORISED"):
        """An invoice that stands there; its id."""
        for key, row in self.sandbox.rows["Invoices"].items():
            if row["InvoiceNumber"] == f"INV/{number}":
                return key
        row = {
            "Type": "ACCREC",
            "InvoiceNumber": f"INV/{number}",
            "Total": total,
            "AmountDue": total,
        }
        row |= {"AmountPaid": 0, "Status": status, "CurrencyCode": "USD", "Date": "2026-01-31"}
        return self.sandbox.seed({"Invoices": [row]}, quiet=True)["Invoices"][0]

    def write(self, number=1):
        self.invoice(number)
        return receipt(number, **{f"INV/{number}": "517.50"})

    def bad_write(self, number):
        return receipt(number, **{"INV/nowhere": "517.50"})

    def effects(self, write):
        return len(self.payments(write.values["number"]))

    def payments(self, reference="BNK/1"):
        rows = self.sandbox.rows["Payments"].values()
        return [r for r in rows if r["Reference"] == reference and r["Status"] != "DELETED"]

    def due(self, number):
        return self.sandbox.rows["Invoices"][self.invoice(number)]["AmountDue"]


def receipt(number=1, **applied):
    values = {
        "number": f"BNK/{number}",
        "date": "2026-02-10",
        "currency": "USD",
        "account": "090",
        "amount": str(sum(Decimal(one) for one in applied.values())),
        "applied": [{"invoice": name, "amount": one} for name, one in applied.items()],
    }
    return Write(f"key-{number}", "receipt", "create", None, values)


def update(write, key, outcome, **applied):
    later = receipt(1, **applied)
    return replace(
        write, key=key, operation="update", external_id=outcome.external_id, values=later.values
    )


class TestReceipts:
    """What all connectors keep when they write."""

    subject = Receipts
    product = Contract.product
    writer = Contract.writer
    for _name in dir(Contract):
        if "write" in _name or _name == "test_a_lost_answer_doubles_nothing":
            locals()[_name] = getattr(Contract, _name)
    del _name


@pytest.fixture
def product(served):
    running = served.setdefault("xero", None) or XeroSandbox().start()
    served["xero"] = running
    running.sandbox.reset()
    return Receipts(running.sandbox, running)


def sent(product, *writes):
    outcomes = product.connector().deliver("receipt", list(writes))
    return outcomes[0] if len(writes) == 1 else outcomes


def test_one_payment_for_each_invoice_all_under_one_reference(product):
    product.invoice(1), product.invoice(2, 100)
    outcome = sent(product, receipt(1, **{"INV/1": "517.50", "INV/2": "40.00"}))
    assert outcome.ok, outcome.error
    rows = product.payments()
    assert sorted(row["Amount"] for row in rows) == [40, 517.5]
    assert {outcome.external_id, *outcome.more} == {row["PaymentID"] for row in rows}
    assert (product.due(1), product.due(2)) == (0, 60)


def test_many_go_in_few_calls(product):
    outcomes = sent(product, *[product.write(number) for number in range(1, 21)])
    assert all(outcome.ok for outcome in outcomes)
    assert len(product.calls_to("Payments")) == 2 and len(product.calls_to("Invoices")) == 1


def test_applied_in_another_way_it_is_made_anew_and_taken_back_it_is_deleted(product):
    product.invoice(2, 100)
    write = product.write(1)
    first = sent(product, write)
    moved = update(write, "k2", first, **{"INV/1": "17.50", "INV/2": "100.00"})
    product.fault("reset_after", method="PUT", path="Payments")
    assert sent(product, moved).error.kind == "unknown"
    second = sent(product, moved)
    assert second.ok, second.error
    assert (product.due(1), product.due(2)) == (500, 0)
    assert len(product.payments()) == 2
    # one part goes, the other stays as it is
    part = sent(product, update(write, "k3", second, **{"INV/2": "100.00"}))
    assert part.ok and not part.more
    assert (product.due(1), product.due(2)) == (517.5, 0)
    back = update(write, "k4", part)
    product.fault("reset_after", method="POST", path="Payments")
    assert sent(product, back).error.kind == "unknown"
    assert sent(product, back).ok
    assert not product.payments() and (product.due(1), product.due(2)) == (517.5, 100)


def test_one_that_is_refused_in_part_leaves_nothing_there(product):
    product.invoice(1), product.invoice(2, 100, status="SUBMITTED")
    outcome = sent(product, receipt(1, **{"INV/1": "517.50", "INV/2": "40.00"}))
    assert (outcome.ok, outcome.error.code) == (False, "ledger_stale")
    assert not product.payments() and product.due(1) == 517.5
    # mended there, the same bytes go again, and no old answer is taken for a new one
    product.sandbox.set_status("Invoices", product.invoice(2), "AUTHORISED")
    again = sent(product, receipt(1, **{"INV/1": "517.50", "INV/2": "40.00"}))
    assert again.ok, again.error
    assert len(product.payments()) == 2 and (product.due(1), product.due(2)) == (0, 60)


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda p: p.sandbox.pay(p.invoice(1), amount="500"), "ledger_settled"),
        (lambda p: p.sandbox.settings.update(lock_date="2026-12-31"), "ledger_period_closed"),
        (lambda p: p.sandbox.set_status("Invoices", p.invoice(1), "VOIDED"), "ledger_settled"),
        (lambda p: p.sandbox.set_status("Invoices", p.invoice(1), "DELETED"), "ledger_not_found"),
        (lambda p: p.sandbox.banks.clear(), "ledger_word"),
    ],
)
def test_what_the_books_refuse_is_a_persons_matter(product, prepare, code):
    write = product.write(1)
    prepare(product)
    outcome = sent(product, write)
    assert (outcome.ok, outcome.error.code, outcome.error.transient) == (False, code, False)
    assert not product.payments()


def test_one_that_is_reconciled_with_the_bank_there_is_not_taken_back(product):
    write = product.write(1)
    first = sent(product, write)
    product.sandbox.rows["Payments"][first.external_id]["IsReconciled"] = True
    assert sent(product, update(write, "k2", first)).error.code == "ledger_stale"
    assert len(product.payments()) == 1


def test_without_an_account_nothing_is_sent(product):
    write = product.write(1)
    del write.values["account"]
    assert sent(product, write).error.code == "ledger_incomplete"


def test_the_scope_is_asked_for_where_payments_are_sent(product):
    reading = [*without("accounting.payments"), "accounting.payments.read"]
    product.sandbox.settings["scopes"] = reading
    product.sandbox.tokens.clear()

    def missing(**settings):
        connector = product.connector(settings=settings)
        connector.secrets = {
            **connector.secrets,
            "access_token": connector.refresh(connector.secrets).access,
        }
        return [i.params.get("entity") for i in connector.check() if i.code == "write" and not i.ok]

    assert missing() == []
    assert missing(sent=["invoice", "receipt"]) == ["Payments"]


# -- documents that are cancelled ---------------------------------------------------------------------


def cancelled(product, key, external_id, void=True):
    write = Write(key, "invoice", "update", external_id, {"number": "INV/1", "void": void})
    (outcome,) = product.connector().deliver("invoice", [write])
    return outcome


def made(product, number, **values):
    write = XeroSubject.write(product, number)
    write.values.update(values)
    (outcome,) = product.connector().deliver("invoice", [write])
    assert outcome.ok, outcome.error
    return outcome.external_id


def test_a_cancelled_invoice_or_credit_note_is_void_there_once(product):
    key = made(product, 1)
    product.fault("reset_after", method="POST", path="Invoices")
    assert cancelled(product, "v1", key).error.kind == "unknown"
    assert cancelled(product, "v1", key).ok and cancelled(product, "v2", key).ok
    assert product.sandbox.rows["Invoices"][key]["Status"] == "VOIDED"
    again = cancelled(product, "v3", key, void=False)
    assert (again.error.kind, again.error.code) == ("identity", "ledger_void")
    note = made(product, 2, kind="credit_note", total="-517.50", untaxed="-450.00")
    assert cancelled(product, "v4", note).ok
    assert product.sandbox.rows["CreditNotes"][note[3:]]["Status"] == "VOIDED"


def test_what_is_paid_or_locked_is_not_voided(product):
    key = made(product, 1)
    product.sandbox.pay(key, amount="10")
    assert cancelled(product, "v1", key).error.code == "ledger_paid"
    other = made(product, 2)
    product.sandbox.settings["lock_date"] = "2026-12-31"
    assert cancelled(product, "v2", other).error.code == "ledger_period_closed"
