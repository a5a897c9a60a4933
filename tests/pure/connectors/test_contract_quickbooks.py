"""QuickBooks Online under the contract of all connectors."""

import re
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors import quickbooks_write
from lead_to_cash_hub.connectors.parts import Write
from sandbox.quickbooks import OBJECTS, QuickBooksSandbox, stamp

EPOCH = 1_700_000_000


class QuickBooksSubject(Subject):
    product = "quickbooks"
    sandbox_class = QuickBooksSandbox
    settings = {"account_id": "9341453474484455", "client_id": "qbo-client", "live_mode": False}
    secrets = {
        "access_token": "qbo-sandbox-token",
        "refresh_token": "qbo-refresh-1",
        "client_secret": "qbo-client-secret",
        "verifier_token": "verifier-token-sandbox",
    }
    token_path = "/oauth2/v1/tokens/bearer"
    entity = "payment"
    page = 500
    write_entity = "invoice"
    patience = 8
    creates = renews = True
    missing_rights = tuple(
        ({"hidden_objects": (name,)}, {"code": "read", "entity": name})
        for name in ("Customer", "Item", "TaxCode", "Account", "Invoice", "CreditMemo", "Payment")
    )

    def __init__(self, sandbox, running):
        super().__init__(sandbox, running)
        quickbooks_write._words.clear()

    def _payments(self, count, at, **values):
        row = {"TotalAmt": 100, "TxnDate": "2026-01-02", "at": stamp(at), **values}
        return self.sandbox.seed({"Payment": [row] * count}, quiet=True)["Payment"]

    def seed(self, count, at):
        return self._payments(count, at)

    def touch(self, key, at):
        row = dict(self.sandbox.rows["Payment"][key], PrivateNote="Later")
        self.sandbox._store("Payment", row, at)

    def delete(self, key):
        self.sandbox.delete("Payment", key)

    def seed_text(self, text, at):
        return self._payments(1, at, PrivateNote=text)[0]

    def text_of(self, payload):
        return payload["PrivateNote"]

    def seed_money(self, amount, currency, at):
        values = {"TotalAmt": float(amount), "CurrencyRef": {"value": currency}}
        return "payment", self._payments(1, at, **values)[0]

    def money_of(self, payload):
        return Decimal(str(payload["TotalAmt"]))

    def lazily(self, count):
        def listing(request, realm):
            text = request.args["query"]
            since = re.search(r">= '([^']+)'", text)[1]
            first = max(0, int(_epoch(since)) - EPOCH)
            rows = [
                {
                    "Id": str(number + 1),
                    "TotalAmt": number,
                    "TxnDate": "2026-01-02",
                    "MetaData": {"LastUpdatedTime": _stamp(EPOCH + number)},
                }
                for number in range(first, min(first + 500, count))
            ]
            found = {"Payment": rows} if rows else {}
            return {"QueryResponse": found, "time": _stamp(EPOCH)}

        return [("GET", r"/v3/company/(?P<realm>\d+)/query", listing)]

    def write(self, number=1):
        values = {
            "kind": "invoice",
            "number": f"INV/{number}",
            "date": "2026-01-31",
            "due_date": "2026-02-28",
            "currency": "USD",
            "customer": {"key": number, "name": f"Customer {number}", "email": "a@b.example"},
            "lines": [
                {
                    "name": "Work",
                    "quantity": "3",
                    "unit_price": "150.00",
                    "untaxed": "450.00",
                    "item": "Services",
                    "tax": "TAX",
                }
            ],
            "untaxed": "450.00",
            "total": "517.50",
        }
        return Write(f"key-{number}", "invoice", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, "invoice", "create", None, {**write.values, "date": "soon"})

    def effects(self, write):
        rows = self.sandbox.rows["Invoice"].values()
        made = sum(row["DocNumber"] == write.values["number"] for row in rows)
        names = [row["DisplayName"] for row in self.sandbox.rows["Customer"].values()]
        assert len(names) == len(set(names))
        return made


def _stamp(seconds):
    from datetime import datetime, timezone

    return stamp(datetime.fromtimestamp(seconds, timezone.utc))


def _epoch(text):
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class TestQuickBooks(Contract):
    subject = QuickBooksSubject


def test_the_sandbox_has_what_the_connection_test_asks_for():
    assert set(OBJECTS) >= {"TaxCode", "Account"}
