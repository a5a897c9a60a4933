"""What the tests of accounting ledgers share: a firm whose invoices go to one, and what must be seen there."""

from unittest.mock import patch

from odoo import tools
from odoo.fields import Command

from sandbox.quickbooks import QuickBooksSandbox
from sandbox.xero import XeroSandbox

from ..connectors import get_connector_class, quickbooks_write
from .business_common import BusinessCase
from .hub_common import HubMixin

REALM = "9341453474484455"
TENANT = "c2cc9b6e-5b7a-4d5f-9c53-0f3a1b2c3d4e"


class LedgerCase(HubMixin, BusinessCase):
    """A firm with a served ledger. A subclass says which, and how its documents are read."""

    speaks = ""
    sandbox_class = None
    tenant = ""
    client_name = ""
    stored = {}
    # where the sandbox gives tokens
    token_path = ""
    words = ()  # (vocabulary, code, attribute of the test that is the record)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.revenue = cls.company_data["default_account_revenue"]
        cls.env["hub.vocabulary.term"].create(
            [
                {
                    "vocabulary_id": cls.env.ref(f"lead_to_cash_hub.vocabulary_{name}").id,
                    "code": code,
                    "name": code,
                    "res_id": getattr(cls, record).id,
                }
                for name, code, record in cls.words
            ]
        )
        cls.ledger = cls.env["hub.system"].create(
            {
                "name": "Ledger",
                "product": cls.speaks,
                "account_ref": cls.tenant,
                "client_id": cls.client_name,
                "environment": "sandbox",
                "start_date": "2020-01-01",
                "company_ids": [Command.set(cls.company.ids)],
                "journal_id": cls.journal.id,
            }
        )
        cls.ledger.action_grant_write_back()
        cls.ledger.limit_ids.write({"calls": 100_000, "seconds": 1.0})  # nobody waits in tests

    def setUp(self):
        super().setUp()
        self._start_engine()
        running = self.sandbox_class().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        token_url = running.url + self.token_path
        for patcher in (
            patch.dict(tools.config.options, {"hub_local_hosts": running.host}),
            patch.object(get_connector_class(self.speaks), "token_url", token_url),
        ):
            patcher.start()
            self.addCleanup(patcher.stop)
        self.ledger.base_url = running.url + self.base_path
        self.env["hub.credential"].create(
            [
                {"system_id": self.ledger.id, "name": name, "secret": secret}
                for name, secret in self.stored.items()
            ]
        )
        self.env.flush_all()
        self.ledger.action_test_connection()
        self.assertEqual(self.ledger.state, "connected", self.ledger.check_text)

    base_path = ""

    def documents(self):
        """Invoices and credit notes in the ledger: ``[(number, total)]``."""
        raise NotImplementedError

    def posted(self, hours="4", price="150.00"):
        contract = self._start_deal([self._line(self.consulting, 100, price)])
        return self._invoice(contract, hours)

    def document(self, day="2025-07-05"):
        """A posted invoice of a day that is over."""
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": day,
                "invoice_line_ids": [
                    (0, 0, {"product_id": self.consulting.id, "quantity": 2, "price_unit": 50,
                            "tax_ids": [(6, 0, self.tax.ids)]})
                ],
            }
        )  # fmt: skip
        move.action_post()
        return move

    def credited(self, move):
        """The credit note of an invoice, approved and thereby posted."""
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id})
        )
        credit = self.env["account.move"].browse(wizard.reverse_moves()["res_id"])
        self._approve(credit)
        return credit

    def message(self, move, direction="out"):
        return self.env["hub.message"].search(
            [
                ("system_id", "=", self.ledger.id),
                ("res_model", "=", "account.move"),
                ("res_id", "=", move.id),
                ("direction", "=", direction),
            ],
            order="id desc",
        )

    def tries(self, move):
        """What became of each try to send a document."""
        message = self.message(move)
        found = self.env["hub.attempt"].search([("message_id", "in", message.ids)])
        return found.mapped("outcome")

    def settle(self):
        """The engine, until nothing is due, after the waits of retries and polls."""
        for _turn in range(2):
            self.later()
            self.drain()
        self.env.invalidate_all()


class QuickBooksCase(LedgerCase):
    speaks = "quickbooks"
    sandbox_class = QuickBooksSandbox
    tenant = REALM
    client_name = "qbo-client"
    stored = {
        "refresh_token": "qbo-refresh-1",
        "client_secret": "qbo-client-secret",
        "verifier_token": "verifier-token-sandbox",
    }
    token_path = "/oauth2/v1/tokens/bearer"
    words = (("service_item", "Services", "consulting"), ("tax_code", "TAX", "tax"))

    def setUp(self):
        quickbooks_write._words.clear()
        super().setUp()

    def documents(self):
        rows = [*self.sandbox.rows["Invoice"].values(), *self.sandbox.rows["CreditMemo"].values()]
        return sorted((row["DocNumber"], row["TotalAmt"]) for row in rows)

    def _key(self, move):
        (row,) = [r for r in self.sandbox.rows["Invoice"].values() if r["DocNumber"] == move.name]
        return row["Id"]


class XeroCase(LedgerCase):
    speaks = "xero"
    sandbox_class = XeroSandbox
    tenant = TENANT
    client_name = "xero-client"
    stored = {
        "refresh_token": "xero-refresh-1",
        "client_secret": "xero-client-secret",
        "webhook_key": "xero-webhook-key",
    }
    token_path = "/connect/token"
    words = (("ledger_account", "200", "revenue"), ("tax_code", "OUTPUT", "tax"))

    def documents(self):
        rows = [
            (row["InvoiceNumber"], row["Total"]) for row in self.sandbox.rows["Invoices"].values()
        ]
        notes = self.sandbox.rows["CreditNotes"].values()
        return sorted(rows + [(row["CreditNoteNumber"], row["Total"]) for row in notes])

    def _key(self, move):
        rows = self.sandbox.rows["Invoices"].values()
        (row,) = [one for one in rows if one["InvoiceNumber"] == move.name]
        return row["InvoiceID"]


class ReceiptsMixin:
    """Payments are sent as well."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bank_account = cls.journal.default_account_id
        cls.term = cls.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": cls.env.ref("lead_to_cash_hub.vocabulary_ledger_account").id,
                "code": "090",
                "name": "Bank",
                "res_id": cls.bank_account.id,
            }
        )
        streams = cls.ledger.with_context(active_test=False).stream_ids
        cls.stream = streams.filtered(lambda s: s.entity_id.code == "receipt")
        assert not cls.stream.active, "shipped switched off"
        cls.stream.active = True
        cls.ledger.action_grant_write_back()

    def paid(self, move, amount=None, fee="0.00", **values):
        """A payment that a provider reported: its entry."""
        item = self._apply(self._item("payment", self._pay(move, amount, fee, **values)))
        self.assertFalse(item.problem, item.problem)
        return self.env["account.payment"].browse(item.res_id).move_id

    def registered(self, moves):
        """A payment that a person registered on invoices: its entry."""
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({"journal_id": self.journal.id, "group_payment": True})
        )
        return wizard._create_payments().move_id

    def unapply(self, entry):
        lines = entry.line_ids.filtered(
            lambda one: one.account_id.account_type == "asset_receivable"
        )
        lines.remove_move_reconcile()

    def assertQuiet(self):
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))


class QuickBooksReceiptsCase(ReceiptsMixin, QuickBooksCase):
    def setUp(self):
        super().setUp()
        account = {"Name": "Checking", "AcctNum": "090", "AccountType": "Bank"}
        (self.bank_key,) = self.sandbox.seed({"Account": [account]}, quiet=True)["Account"]

    def payments(self):
        numbers = {key: row["DocNumber"] for key, row in self.sandbox.rows["Invoice"].items()}
        return sorted(
            (
                row.get("PaymentRefNum"),
                numbers[line["LinkedTxn"][0]["TxnId"]],
                float(line["Amount"]),
            )
            for row in self.sandbox.rows["Payment"].values()
            if row["TotalAmt"]
            for line in row["Line"]
        )

    def lose_answer(self):
        self.sandbox.faults.add({"kind": "reset_after", "method": "POST", "path": "payment"})

    def lose_answer_to_void(self):
        self.sandbox.faults.add({"kind": "reset_after", "method": "POST", "path": "invoice"})

    def take_back_there(self):
        (key,) = [key for key, row in self.sandbox.rows["Payment"].items() if row["TotalAmt"]]
        self.sandbox._unlink(self.sandbox.rows["Payment"][key])
        self.sandbox.void("Payment", key)

    def all_gone_there(self):
        for key in list(self.sandbox.rows["Payment"]):
            self.sandbox.delete("Payment", key)

    def close_books(self):
        self.sandbox.settings["closed_until"] = "2099-12-31"

    def is_void(self, key):
        return self.sandbox.rows["Invoice"][key]["TotalAmt"] == 0


class XeroReceiptsCase(ReceiptsMixin, XeroCase):
    def payments(self):
        rows = self.sandbox.rows
        return sorted(
            (
                row["Reference"],
                rows["Invoices"][row["_invoice"]]["InvoiceNumber"],
                float(row["Amount"]),
            )
            for row in rows["Payments"].values()
            if row["Status"] != "DELETED"
        )

    def lose_answer(self):
        self.sandbox.faults.add({"kind": "reset_after", "method": "PUT", "path": "Payments"})

    def lose_answer_to_void(self):
        self.sandbox.faults.add({"kind": "reset_after", "method": "POST", "path": "Invoices"})

    def take_back_there(self):
        rows = self.sandbox.rows["Payments"]
        (key,) = [key for key, row in rows.items() if row["Status"] != "DELETED"]
        self.sandbox._delete_payment(None, key)

    def all_gone_there(self):
        for key in list(self.sandbox.rows["Payments"]):
            self.sandbox._delete_payment(None, key)

    def close_books(self):
        self.sandbox.settings["lock_date"] = "2099-12-31"

    def is_void(self, key):
        return self.sandbox.rows["Invoices"][key]["Status"] == "VOIDED"
