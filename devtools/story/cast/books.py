"""Accounting ledgers: what Odoo posts arrives there."""

import base64
import json
import urllib.parse
import urllib.request
from decimal import Decimal

from .player import Player, control


class Books(Player):
    """An accounting ledger."""

    kind = "books"

    # where documents stand: (the sandbox's list, the name of the number, the name of the total)
    lists = ()

    def documents(self):
        """Invoices and credit notes that stand there: `[number, total]` each, in order."""
        state = self.control("state")
        return sorted(
            [row[number], f"{row[total]:.2f}"]
            for name, number, total in self.lists
            for row in state[name].values()
        )

    def totals(self):
        """What stands there, by list and currency: `{(list, currency): [number of documents, sum of totals]}`."""
        state, found = self.control("state"), {}
        for name, _number, total in self.lists:
            for row in state[name].values():
                sums = found.setdefault((name, self.currency(row)), [0, Decimal(0)])
                sums[0] += 1
                sums[1] += Decimal(str(row[total]))
        return found

    def currency(self, row):
        """The currency of a document."""
        raise NotImplementedError


class QuickBooks(Books):
    """A company: lines name items, and the account is that of the item."""

    name, label = "quickbooks", "QuickBooks Online"
    account = "9341453474484455"
    settings = {"client_id": "qbo-client"}
    terms = (("tax_code", "TAX", "tax"),)
    lists = (("Invoice", "DocNumber", "TotalAmt"), ("CreditMemo", "DocNumber", "TotalAmt"))

    def currency(self, row):
        return row["CurrencyRef"]["value"]

    @classmethod
    def secrets(cls, url):
        # the firm sells by codes, which are the names of the items there
        items = [{"Name": code, "Type": "Service"} for code in ("CONS", "MILESTONE", "TRAVEL")]
        control(url, "objects", {"Item": items})
        return {"access_token": "qbo-sandbox-token", "verifier_token": "verifier-token-sandbox"}


class Xero(Books):
    """An organisation: lines name accounts and tax rates."""

    name, label = "xero", "Xero"
    account = "c2cc9b6e-5b7a-4d5f-9c53-0f3a1b2c3d4e"
    settings = {"client_id": "xero-client"}
    terms = (("ledger_account", "200", "income"), ("tax_code", "OUTPUT", "tax"))
    lists = (
        ("Invoices", "InvoiceNumber", "Total"),
        ("CreditNotes", "CreditNoteNumber", "Total"),
    )

    def currency(self, row):
        return row["CurrencyCode"]

    @classmethod
    def secrets(cls, url):
        # Odoo knows one place that gives tokens for Xero, and it is not here: so the token is entered
        pair = base64.b64encode(b"xero-client:xero-client-secret").decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        request = urllib.request.Request(
            f"{url}/connect/token", form, {"Authorization": f"Basic {pair}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            token = json.load(answer)["access_token"]
        return {"access_token": token, "webhook_key": "xero-webhook-key"}
