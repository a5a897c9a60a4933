"""Xero through the whole engine: an invoice goes out once, is paid there, and comes back paid."""

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from sandbox.xero import XeroSandbox

from .hub_common import HubMixin
from .ledger_common import TENANT, XeroCase


@tagged("post_install", "-at_install")
class TestXero(XeroCase):
    def test_an_invoice_goes_out_once_is_paid_there_and_comes_back_paid(self):
        # the answer to the invoice is lost: it was made, and nobody here knows
        self.sandbox.faults.add({"kind": "reset_after", "method": "PUT", "path": "Invoices"})
        move = self.posted()
        self.settle()
        self.assertIn("error_unknown", self.tries(move))
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        self.assertEqual(self.message(move).state, "done", self.message(move).explanation)
        (contact,) = self.sandbox.rows["Contacts"].values()
        self.assertEqual(self.partner_of(contact["ContactID"], system=self.ledger), self.customer)
        self.assertEqual(move.hub_ledger_state, "open")

        paid = self.sandbox.pay(self._key(move))["id"]
        self.settle()
        done = self.env["account.move"]._get_invoice_in_payment_state()
        self.assertEqual((move.payment_state, move.hub_ledger_state), (done, "paid"))
        payment = self.partner_of(paid, "payment", self.ledger)
        self.assertEqual((payment._name, payment.amount), ("account.payment", move.amount_total))
        said = self.env["hub.vocabulary.term"].search(
            [("res_id", "=", self.revenue.id), ("code", "=", "200")]
        )
        with self.assertRaisesRegex(UserError, "in use"), self.env.cr.savepoint():
            said.unlink()  # no word and no field names it, but a document was sent in it

        self.settle()
        self.assertEqual(len(self.message(move)), 1)
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
        self.assertGreater(self.sandbox.refreshes, 0)

    def test_many_invoices_go_in_few_calls_and_one_bad_one_stops_no_other(self):
        contract = self._start_deal()
        moves = self.env["account.move"]
        for hours in ("1", "2", "3"):
            moves |= self._invoice(contract, hours)
        self.sandbox.seed(
            {"Invoices": [{"Type": "ACCREC", "InvoiceNumber": moves[1].name, "Total": 1,
                           "CurrencyCode": "USD", "Status": "AUTHORISED"}]}
        )  # fmt: skip
        self.drain()
        self.assertEqual(len(self.documents()), 3)
        exception = self.assertExplained(self.message(moves[1]), "error_identity")
        self.assertIn("another document with the number", exception.sentence)
        puts = [call for call in self.sandbox.journal if call["method"] == "PUT"]
        self.assertLessEqual(len(puts), 3)
        self.assertEqual((moves - moves[1]).mapped("payment_state"), ["not_paid"] * 2)

    def test_a_credit_note_and_a_voided_invoice(self):
        move = self.posted()
        self.drain()
        credit = self.credited(move)
        self.settle()
        (note,) = self.sandbox.rows["CreditNotes"].values()
        self.assertEqual(
            (note["CreditNoteNumber"], note["Total"]), (credit.name, credit.amount_total)
        )
        invoice = self.sandbox.rows["Invoices"][self._key(move)]
        self.assertEqual((note["RemainingCredit"], invoice["AmountDue"]), (0, 0))
        self.assertEqual((move.hub_ledger_state, move.hub_ledger_open), ("paid", 0.0))
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
        self.sandbox.set_status("Invoices", self._key(move), "VOIDED")
        self.settle()
        self.assertEqual(self.issues().mapped("code"), ["invoice_void_outside"])

    def test_the_limit_of_the_day_parks_the_system_until_it_says(self):
        self.sandbox.faults.add(
            {"kind": "status", "status": 429, "times": 99,
             "headers": {"X-Rate-Limit-Problem": "day", "Retry-After": "40000"}}
        )  # fmt: skip
        move = self.posted()
        self.drain()
        message = self.message(move)
        self.assertEqual((message.state, message.reason), ("pending", "error_rate"))
        self.sandbox.faults.clear()
        self.later(3600)
        self.drain()
        self.assertFalse(self.documents(), "the day is not over yet")
        self.later(40000)
        self.drain()
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])


@tagged("post_install", "-at_install")
class TestXeroDoor(HubMixin, HttpCase):
    """Webhooks through the real route: what Xero asks of a receiver."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls.system = cls.env["hub.system"].create(
            {"name": "Books", "product": "xero", "account_ref": TENANT,
             "environment": "sandbox", "company_ids": [(6, 0, cls.company.ids)]}
        )  # fmt: skip
        cls.env["hub.credential"].create(
            {"system_id": cls.system.id, "name": "webhook_key", "secret": "xero-webhook-key"}
        )

    def test_the_question_of_intent_is_answered_as_xero_wants_it(self):
        url = f"{self.base_url()}/hub/webhook/{self.system.webhook_token}"
        books = XeroSandbox()
        for secret, status in (("xero-webhook-key", 200), ("another-key", 401)):
            body = books.webhook_body([])
            headers = books.webhook_headers(url, body, books.now(), secret)
            headers["Content-Type"] = "application/json"
            answer = self.opener.post(url, data=body, headers=headers, timeout=30)
            self.assertEqual((answer.status_code, answer.content), (status, b""))
            self.assertNotIn("Set-Cookie", answer.headers)
        self.assertFalse(self.env["hub.message"].search([("system_id", "=", self.system.id)]))

    def test_events_are_stored_once(self):
        books = XeroSandbox()
        books.seed({"Contacts": [{"Name": "Initech"}]})
        url = f"{self.base_url()}/hub/webhook/{self.system.webhook_token}"
        body = books.webhook_body(books.sender.events)
        headers = books.webhook_headers(url, body, books.now(), "xero-webhook-key")
        headers["Content-Type"] = "application/json"
        for _turn in range(2):
            answer = self.opener.post(url, data=body, headers=headers, timeout=30)
            self.assertEqual((answer.status_code, answer.content), (200, b""))
        message = self.env["hub.message"].search([("system_id", "=", self.system.id)])
        self.assertEqual((len(message), message.state), (1, "received"))
