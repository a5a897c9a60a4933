"""What the tests of accounting ledgers share: a firm whose invoices go to one, and what must be seen there."""

from unittest.mock import patch

from odoo import tools
from odoo.fields import Command

from ..connectors import get_connector_class
from .business_common import BusinessCase
from .hub_common import HubMixin


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
