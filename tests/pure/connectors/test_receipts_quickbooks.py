"""Receipts to QuickBooks Online: the writing half of the contract, and what only payments have."""

from dataclasses import replace
from decimal import Decimal

import pytest
from contract import Contract
from test_contract_quickbooks import QuickBooksSubject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.quickbooks import QuickBooksSandbox


class Receipts(QuickBooksSubject):
    """Each receipt pays the invoice of its number, which stands there."""

    write_entity = "receipt"

    def invoice(self, number, total="517.50", customer=None):
        """An invoice that stands there; its id."""
        rows = self.sandbox.rows
        for row in rows["Invoice"].values():
            if row["DocNumber"] == f"INV/{number}":
                return row["Id"]
        if not rows["Customer"]:
            self.sandbox.seed({"Customer": [{"DisplayName": "Acme"}]}, quiet=True)
        owner = customer or next(iter(rows["Customer"]))
        row = {
            "DocNumber": f"INV/{number}",
            "TxnDate": "2026-01-31",
            "CustomerRef": {"value": owner},
        }
        row |= {"Line": [{"Amount": total}], "CurrencyRef": {"value": "USD"}}
        return self.sandbox.seed({"Invoice": [row]}, quiet=True)["Invoice"][0]

    def write(self, number=1):
        self.invoice(number)
        return receipt(number, **{f"INV/{number}": "517.50"})

    def bad_write(self, number):
        return receipt(number, **{"INV/nowhere": "517.50"})

    def effects(self, write):
        rows = self.sandbox.rows["Payment"].values()
        return sum(row.get("PaymentRefNum") == write.values["number"] for row in rows)


def receipt(number=1, **applied):
    values = {
        "number": f"BNK/{number}",
        "date": "2026-02-10",
        "currency": "USD",
        "reference": "ch_12345678",
        "amount": str(sum(Decimal(one) for one in applied.values())),
        "applied": [{"invoice": name, "amount": one} for name, one in applied.items()],
    }
    return Write(f"key-{number}", "receipt", "create", None, values)


def update(write, key, outcome, **applied):
    later = receipt(1, **applied)
    return replace(write, key=key, operation="update", external_id=outcome, values=later.values)


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
    running = served.setdefault("quickbooks", None) or QuickBooksSandbox().start()
    served["quickbooks"] = running
    running.sandbox.reset()
    return Receipts(running.sandbox, running)


def sent(product, write):
    (outcome,) = product.connector().deliver("receipt", [write])
    return outcome


def test_one_payment_with_a_line_for_each_invoice(product):
    first, second = product.invoice(1), product.invoice(2, "100.00")
    account = {"Name": "Checking", "AcctNum": "1010", "AccountType": "Bank"}
    (bank,) = product.sandbox.seed({"Account": [account]}, quiet=True)["Account"]
    write = receipt(1, **{"INV/1": "517.50", "INV/2": "40.00"})
    write.values["account"] = "1010"
    outcome = sent(product, write)
    assert outcome.ok, outcome.error
    (payment,) = product.sandbox.rows["Payment"].values()
    assert (payment["TotalAmt"], payment["TxnDate"]) == (557.5, "2026-02-10")
    assert payment["PaymentRefNum"] == "BNK/1" and "ch_12345678" in payment["PrivateNote"]
    assert payment["DepositToAccountRef"] == {"value": bank}
    rows = product.sandbox.rows["Invoice"]
    assert (rows[first]["Balance"], rows[second]["Balance"]) == (0, 60)


def test_applied_in_another_way_it_is_changed_and_taken_back_it_is_void(product):
    first, second = product.invoice(1), product.invoice(2, "100.00")
    write = product.write(1)
    key = sent(product, write).external_id
    rows = product.sandbox.rows["Invoice"]
    moved = update(write, "k2", key, **{"INV/1": "17.50", "INV/2": "100.00"})
    outcome = sent(product, moved)
    assert (outcome.ok, outcome.external_id) == (True, key), outcome.error
    assert (rows[first]["Balance"], rows[second]["Balance"]) == (500, 0)
    assert sent(product, moved).ok, "the same again changes nothing"
    back = update(write, "k3", key)
    assert sent(product, back).ok and sent(product, back).ok
    (payment,) = product.sandbox.rows["Payment"].values()
    assert payment["TotalAmt"] == 0 and payment["PrivateNote"].startswith("Voided")
    assert (rows[first]["Balance"], rows[second]["Balance"]) == (517.5, 100)
    # applied again: another payment, as what is void stays void
    again = sent(product, update(write, "k4", key, **{"INV/1": "517.50"}))
    assert again.ok and again.external_id != key
    assert rows[first]["Balance"] == 0


def test_a_lost_answer_to_taking_back_is_settled(product):
    write = product.write(1)
    key = sent(product, write).external_id
    product.fault("reset_after", path="payment")
    back = update(write, "k2", key)
    assert sent(product, back).error.kind == "unknown"
    assert sent(product, back).ok
    (payment,) = product.sandbox.rows["Payment"].values()
    assert payment["TotalAmt"] == 0


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda p: p.sandbox.pay(p.invoice(1), amount="500"), "ledger_settled"),
        (lambda p: p.sandbox.settings.update(closed_until="2026-12-31"), "ledger_period_closed"),
        (lambda p: p.sandbox.void("Invoice", p.invoice(1)), "ledger_not_found"),
        (lambda p: p.sandbox.delete("Invoice", p.invoice(1)), "ledger_not_found"),
    ],
)
def test_what_the_books_refuse_is_a_persons_matter(product, prepare, code):
    write = product.write(1)
    prepare(product)
    outcome = sent(product, write)
    assert (outcome.ok, outcome.error.code, outcome.error.transient) == (False, code, False)


def test_what_is_deposited_or_of_a_closed_period_is_not_taken_back(product):
    write = product.write(1)
    key = sent(product, write).external_id
    product.sandbox.settings["deposited"] = (key,)
    assert sent(product, update(write, "k2", key)).error.code == "ledger_deposited"
    product.sandbox.settings.update(deposited=(), closed_until="2026-12-31")
    assert sent(product, update(write, "k3", key)).error.code == "ledger_period_closed"


def test_invoices_of_two_customers_are_no_payment_there(product):
    product.invoice(1)
    (other,) = product.sandbox.seed({"Customer": [{"DisplayName": "Initech"}]})["Customer"]
    product.invoice(2, customer=other)
    outcome = sent(product, receipt(1, **{"INV/1": "10.00", "INV/2": "10.00"}))
    assert (outcome.error.kind, outcome.error.code) == ("data", "ledger_payers")


def test_a_payment_of_this_number_that_says_something_else_is_not_taken_for_it(product):
    product.write(1)
    row = {"TotalAmt": 3, "PaymentRefNum": "BNK/1", "TxnDate": "2026-02-10", "Line": []}
    product.sandbox.seed({"Payment": [row]}, quiet=True)
    outcome = sent(product, product.write(1))
    assert (outcome.error.kind, outcome.error.code) == ("identity", "ledger_number_taken")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.pop("applied"),
        lambda values: values.update(amount="1.00"),
        lambda values: values.pop("date"),
        lambda values: values["applied"][0].pop("invoice"),
    ],
)
def test_what_is_incomplete_is_never_sent_in_part(product, spoil):
    write = product.write(1)
    spoil(write.values)
    assert sent(product, write).error.code == "ledger_incomplete"
    assert not product.sandbox.rows["Payment"]


# -- documents that are cancelled ---------------------------------------------------------------------


def cancelled(product, key, external_id):
    write = Write(key, "invoice", "update", external_id, {"number": "INV/1", "void": True})
    (outcome,) = product.connector().deliver("invoice", [write])
    return outcome


def test_a_cancelled_invoice_is_void_there_once(product):
    key = product.invoice(1)
    product.fault("reset_after", path="invoice")
    assert cancelled(product, "v1", key).error.kind == "unknown"
    assert cancelled(product, "v1", key).ok
    row = product.sandbox.rows["Invoice"][key]
    assert (row["TotalAmt"], row["SyncToken"]) == (0, "1")
    assert cancelled(product, "v2", key).ok, "void is void"
    values = {"number": "INV/1", "void": False, "due_date": "2026-03-31"}
    (again,) = product.connector().deliver(
        "invoice", [Write("v3", "invoice", "update", key, values)]
    )
    assert (again.error.kind, again.error.code) == ("identity", "ledger_void")
    assert cancelled(product, "v4", "99999").ok, "what is gone is as it should be"


def test_what_is_paid_closed_or_a_credit_memo_is_not_voided(product):
    key = product.invoice(1)
    product.sandbox.pay(key, amount="10")
    assert cancelled(product, "v1", key).error.code == "ledger_paid"
    product.sandbox.settings["closed_until"] = "2026-12-31"
    other = product.invoice(2)
    assert cancelled(product, "v2", other).error.code == "ledger_period_closed"
    memo = {"DocNumber": "C/1", "TxnDate": "2026-01-31", "Line": [{"Amount": "5"}]}
    (memo,) = product.sandbox.seed({"CreditMemo": [memo]}, quiet=True)["CreditMemo"]
    outcome = cancelled(product, "v3", f"cm-{memo}")
    assert (outcome.error.kind, outcome.error.code) == ("conflict", "ledger_void_by_hand")
