"""Xero under the contract of all connectors."""

from datetime import datetime, timezone
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.xero import API, SCOPES, XeroSandbox, stamp

EPOCH = 1_700_000_000
TENANT = "c2cc9b6e-5b7a-4d5f-9c53-0f3a1b2c3d4e"
ALL = sorted({*SCOPES.values(), "offline_access"})


def without(*scopes):
    """Scopes, some of them for reading only or not at all."""
    kept = [scope for scope in ALL if scope not in scopes]
    return kept


class XeroSubject(Subject):
    product = "xero"
    sandbox_class = XeroSandbox
    settings = {"account_id": TENANT, "client_id": "xero-client", "live_mode": False}
    secrets = {
        "refresh_token": "xero-refresh-1",
        "client_secret": "xero-client-secret",
        "webhook_key": "xero-webhook-key",
    }
    entity = "customer"
    page = 500
    write_entity = "invoice"
    patience = 8
    writing_method = "PUT"
    creates = merges = renews = batches = True
    deletions = None
    other_account = "aaaaaaaa-5b7a-4d5f-9c53-0f3a1b2c3d4e"
    wrong_environment = ({"live_mode": True}, {})
    missing_rights = (
        *(
            ({"scopes": without(SCOPES[name])}, {"code": "read", "entity": name})
            for name in ("Contacts", "Invoices", "CreditNotes", "Payments", "Accounts", "TaxRates")
        ),
        (
            {"scopes": [*without("accounting.invoices"), "accounting.invoices.read"]},
            {"code": "write", "entity": "Invoices"},
        ),
        (
            {"scopes": [*without("accounting.contacts"), "accounting.contacts.read"]},
            {"code": "write", "entity": "Contacts"},
        ),
    )

    token_path = "/connect/token"

    def connector(self, *, secrets=None, **options):
        if secrets is None:
            secrets = {**self.secrets, "refresh_token": self.sandbox.settings["refresh_token"]}
            if self.sandbox.settings["scopes"] == ALL:
                secrets["access_token"] = next(iter(self.sandbox.tokens))
        return super().connector(secrets=secrets, **options)

    def _contacts(self, count, at, **values):
        when = at.astimezone(timezone.utc).isoformat()
        rows = [{"Name": f"Contact {n}", **values, "at": when} for n in range(count)]
        return self.sandbox.seed({"Contacts": rows}, quiet=True)["Contacts"]

    def seed(self, count, at):
        return self._contacts(count, at)

    def touch(self, key, at):
        row = {**self.sandbox.rows["Contacts"][key], "Name": "Later"}
        self.sandbox._store("Contacts", row, at, quiet=True)

    def merge(self, winner, loser):
        return self.sandbox.merge(winner, loser)["id"]

    def seed_text(self, text, at):
        return self._contacts(1, at, Name=text)[0]

    def text_of(self, payload):
        return payload["Name"]

    def seed_money(self, amount, currency, at):
        row = {"Type": "ACCREC", "InvoiceNumber": "M", "Total": float(amount)}
        row |= {"CurrencyCode": currency, "Status": "AUTHORISED", "at": at.isoformat()}
        return "invoice", self.sandbox.seed({"Invoices": [row]}, quiet=True)["Invoices"][0]

    def money_of(self, payload):
        return Decimal(str(payload["Total"]))

    def lazily(self, count):
        def listing(request):
            size, page = int(request.args["pageSize"]), int(request.args["page"])
            first = (page - 1) * size
            rows = [
                {
                    "ContactID": f"{number:08x}-0000-0000-0000-000000000000",
                    "Name": f"C{number}",
                    "UpdatedDateUTC": stamp(datetime.fromtimestamp(EPOCH + number, timezone.utc)),
                }
                for number in range(first, min(first + size, count))
            ]
            paging = {"page": page, "pageSize": size, "itemCount": count}
            paging["pageCount"] = -(-count // size)
            return {"pagination": paging, "Contacts": rows}

        return [("GET", f"{API}/Contacts", listing)]

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
                    "tax_amount": "67.50",
                    "account": "200",
                    "tax": "OUTPUT",
                }
            ],
            "untaxed": "450.00",
            "total": "517.50",
        }
        return Write(f"key-{number}", "invoice", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        write.values["lines"][0]["account"] = "999"
        return write

    def effects(self, write):
        rows = self.sandbox.rows["Invoices"].values()
        names = [row["Name"] for row in self.sandbox.rows["Contacts"].values()]
        assert len(names) == len(set(names))
        return sum(row["InvoiceNumber"] == write.values["number"] for row in rows)


class TestXero(Contract):
    subject = XeroSubject
