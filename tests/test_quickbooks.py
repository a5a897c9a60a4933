"""QuickBooks Online through the whole engine: an invoice goes out once, is paid there, and comes back paid."""

from datetime import timedelta
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from sandbox.quickbooks import QuickBooksSandbox

from ..connectors import quickbooks
from .hub_common import HubMixin
from .ledger_common import REALM, QuickBooksCase


@tagged("post_install", "-at_install")
class TestQuickBooks(QuickBooksCase):
    def test_an_invoice_goes_out_once_is_paid_there_and_comes_back_paid(self):
        # the answer to the invoice is lost: it was made, and nobody here knows
        self.sandbox.faults.add({"kind": "reset_after", "method": "POST", "path": "invoice"})
        move = self.posted()
        self.settle()
        self.assertIn("error_unknown", self.tries(move))
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        self.assertEqual(self.message(move).state, "done", self.message(move).explanation)
        (customer,) = self.sandbox.rows["Customer"].values()
        self.assertEqual(customer["DisplayName"], "Acme Ltd")
        self.assertEqual(self.partner_of(customer["Id"], system=self.ledger), self.customer)
        self.assertEqual(move.hub_ledger_state, "open")
        self.assertEqual(move.hub_ledger_open, move.amount_total)

        paid = self.sandbox.pay(self._key(move))["id"]
        self.settle()
        self.assertEqual(
            move.payment_state, self.env["account.move"]._get_invoice_in_payment_state()
        )
        self.assertEqual((move.hub_ledger_state, move.hub_ledger_open), ("paid", 0.0))
        payment = self.partner_of(paid, "payment", self.ledger)
        self.assertEqual(payment._name, "account.payment")
        self.assertEqual(payment.amount, move.amount_total)
        # what came back is sent nowhere, and nothing is done twice
        self.settle()
        self.assertEqual(len(self.message(move)), 1)
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_a_payment_that_a_provider_reported_already_is_not_booked_twice(self):
        move = self.posted()
        self.drain()
        self._apply(self._item("payment", self._pay(move, fee="12.00", reference="ch_known12345")))
        self.env.invalidate_all()
        self.sandbox.pay(self._key(move), reference="ch_known12345")
        self.settle()
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
        # one that nobody can tell from it is a question, and no second booking
        self.sandbox.pay(self._key(move), amount=move.amount_total, reference="1053")
        self.settle()
        self.assertEqual(self.issues().mapped("code"), ["invoice_already_paid"])
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )

    def test_a_credit_note_goes_out_as_a_credit_memo(self):
        move = self.posted()
        self.drain()
        credit = self.credited(move)
        self.settle()
        (memo,) = self.sandbox.rows["CreditMemo"].values()
        self.assertEqual((memo["DocNumber"], memo["TotalAmt"]), (credit.name, credit.amount_total))
        # set off against its invoice there, by a payment of nothing that is no payment here
        invoice = self.sandbox.rows["Invoice"][self._key(move)]
        self.assertEqual((memo["Balance"], invoice["Balance"]), (0, 0))
        self.assertEqual((move.hub_ledger_state, move.hub_ledger_open), ("paid", 0.0))
        self.assertFalse(self.env["account.payment"].search([("journal_id", "=", self.journal.id)]))
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_what_odoo_books_a_cent_beside_the_line_goes_out_as_it_is_booked(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        prices = {"Consulting": ("99.72", "32.52"), "Review": ("202.85", "64.77")}
        contract = self._start_deal(
            [self._line(self.consulting, 100, price, n) for n, (price, _h) in prices.items()]
        )
        for task in contract.project_id.task_ids.filtered("sale_line_id"):
            if task.name in prices:
                self._book(contract, prices[task.name][1], task=task.id)
        move = self._approve(self._bill(contract))
        # 3242.8944 + 13138.5945 are rounded together; the lines say 3242.89 and 13138.59
        self.assertEqual(move.amount_untaxed, 16381.49)
        self.assertEqual(sum(move.invoice_line_ids.mapped("price_subtotal")), 16381.48)
        self.settle()
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])

    def test_a_word_that_is_missing_is_asked_for_and_the_invoice_goes_then(self):
        self.env["hub.vocabulary.term"].search([("code", "=", "TAX")]).unlink()
        move = self.posted()
        self.drain()
        self.assertFalse(self.documents())
        exception = self.assertExplained(self.message(move), "ledger_word_missing")
        self.assertIn(self.tax.display_name, exception.sentence)
        self.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_tax_code").id,
                "code": "TAX",
                "name": "Taxable",
                "res_id": self.tax.id,
            }
        )
        exception.message_id.action_replay()
        self.settle()
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        self.assertFalse(self.issues())

    def test_a_line_without_product_is_told_what_it_needs(self):
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2025-06-30",
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Sundries", "price_unit": 10, "tax_ids": [Command.clear()]}
                    )
                ],
            }
        )
        move.action_post()
        self.drain()
        exception = self.assertExplained(self.message(move), "ledger_word_missing")
        self.assertIn("“Sundries” names nothing", exception.sentence)
        self.assertIn("product in Odoo", exception.advice)
        self.assertNotIn("none", exception.advice, "no word stands for “no product”")

    def test_closed_books_there_are_a_question_with_a_sentence(self):
        self.sandbox.settings["closed_until"] = "2099-12-31"
        move = self.posted()
        self.drain()
        exception = self.assertExplained(self.message(move), "error_data")
        self.assertIn("books are closed", exception.sentence)
        self.assertFalse(self.documents())

    def test_what_is_void_or_deleted_there_is_asked_about(self):
        move = self.posted()
        other = self.posted("2", "100.00")
        self.drain()
        self.sandbox.void("Invoice", self._key(move))
        self.sandbox.delete("Invoice", self._key(other))
        with patch.object(quickbooks, "DELETIONS_EVERY", timedelta()):
            self.settle()
        self.assertEqual(
            set(self.issues().mapped("code")), {"invoice_void_outside", "deleted_at_source"}
        )
        self.assertEqual((move | other).mapped("state"), ["posted", "posted"])

    def test_what_is_cancelled_here_is_asked_about_where_nobody_granted_to_void_it(self):
        grants = self.env["hub.grant"].search([("system_id", "=", self.ledger.id)])
        grants.filtered(lambda grant: grant.field_id.name == "void").action_revoke()
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2026-01-05",
                "invoice_line_ids": [
                    (0, 0, {"product_id": self.consulting.id, "quantity": 2, "price_unit": 50,
                            "tax_ids": [(6, 0, self.tax.ids)]})
                ],
            }
        )  # fmt: skip
        move.action_post()
        self.drain()
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        move.button_draft()
        move.button_cancel()
        self.drain()
        self.assertExplained(self.message(move)[0], "ledger_cancelled_here")
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])

    def test_what_was_there_before_is_not_sent(self):
        self.ledger.start_date = "2099-01-01"
        move = self.posted()
        self.drain()
        self.assertFalse(self.message(move))
        self.ledger.start_date = "2020-01-01"
        self.assertFalse(self.documents())

    def test_other_entries_of_the_books_are_nobodys_business(self):
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2026-01-05",
                "invoice_line_ids": [
                    (0, 0, {"name": "Rent", "quantity": 1, "price_unit": 10, "tax_ids": []})
                ],
            }
        )
        bill.action_post()
        self.drain()
        self.assertFalse(self.message(bill))

    def test_two_companies_on_one_ledger_use_their_own_words(self):
        other = self.collect_company_accounting_data(self._create_company(name="GmbH"))
        self.ledger.user_id.company_ids |= other["company"]
        self.ledger.company_ids |= other["company"]
        terms = self.env["hub.vocabulary.term"]
        taxes = self.env.ref("lead_to_cash_hub.vocabulary_tax_code")
        tax = terms.create(
            {
                "vocabulary_id": taxes.id,
                "code": "DE19",
                "name": "DE19",
                "res_id": other["default_tax_sale"].id,
            }
        )
        none = terms.search([("vocabulary_id", "=", taxes.id), ("code", "=", "none")])
        item = terms.search([("code", "=", "Services")])

        def word(text, term, company=None):
            return self.env["hub.vocabulary.word"].create(
                {"term_id": term.id, "system_id": self.ledger.id, "word": text,
                 "company_id": company.id if company else False}
            )  # fmt: skip

        def said():
            found = self.env["hub.handler.invoice"]._hub_compose(moves, self.ledger)
            return [
                [(line["item"], line["tax"]) for line in found[move.id]["lines"]] for move in moves
            ]

        moves = self.env["account.move"]
        companies = ((self.company, self.tax), (other["company"], other["default_tax_sale"]))
        for company, own_tax in companies:
            line = {"product_id": self.consulting.id, "quantity": 2, "price_unit": 50}
            moves |= moves.with_company(company).create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "invoice_date": "2026-01-05",
                    "invoice_line_ids": [
                        (0, 0, {**line, "tax_ids": [(6, 0, own_tax.ids)]}),
                        (0, 0, {**line, "tax_ids": [(6, 0, [])]}),
                    ],
                }
            )  # fmt: skip
        moves.action_post()
        here, there = word("Inc", item, self.company), word("GmbH", item, other["company"])
        word("0DE", none, other["company"])
        word("Own19", tax, other["company"])
        word("All19", tax)
        self.assertEqual(
            said(), [[("Inc", "TAX"), ("Inc", "NON")], [("GmbH", "Own19"), ("GmbH", "0DE")]]
        )
        word("Common", item)
        here.unlink()
        self.assertEqual(said()[0][0][0], "Common", "what all companies say, where it has no own")
        self.assertEqual(said()[1][0][0], "GmbH")
        item.word_ids.filtered(lambda one: one.word == "Common").unlink()
        self.assertEqual(said()[0][0][0], "Services", "never the word of another company")
        there.unlink()
        self.assertEqual(said()[1][0][0], "Services")

    def test_composing_asks_as_much_for_many_as_for_few(self):
        contract = self._start_deal()
        moves = self.env["account.move"]
        for hours in ("1", "2", "3", "4"):
            moves |= self._invoice(contract, hours)
        handler = self._handler("invoice")

        def cost(some):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records = handler.env["account.move"].browse(some.ids)
            self.assertEqual(len(handler._hub_compose(records, self.ledger)), len(some))
            return self.env.cr.sql_log_count - before

        cost(moves[:1])
        self.assertLessEqual(cost(moves), cost(moves[:2]))


@tagged("post_install", "-at_install")
class TestQuickBooksDoor(HubMixin, HttpCase):
    """Webhooks through the real route."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls.system = cls.env["hub.system"].create(
            {"name": "Books", "product": "quickbooks", "account_ref": REALM,
             "environment": "sandbox", "company_ids": [(6, 0, cls.company.ids)]}
        )  # fmt: skip
        cls.env["hub.credential"].create(
            {
                "system_id": cls.system.id,
                "name": "verifier_token",
                "secret": "verifier-token-sandbox",
            }
        )

    def test_a_delivery_is_stored_once_and_a_wrong_one_not_at_all(self):
        books = QuickBooksSandbox()
        books.seed({"Customer": [{"DisplayName": "Initech"}]})
        url = f"{self.base_url()}/hub/webhook/{self.system.webhook_token}"
        body = books.webhook_body(books.sender.events)
        good = books.webhook_headers(url, body, books.now(), "verifier-token-sandbox")
        kind = {"Content-Type": "application/json"}
        own = [("system_id", "=", self.system.id)]
        for headers in ({}, {"intuit-signature": "x" * 44}):
            answer = self.opener.post(url, data=body, headers={**kind, **headers}, timeout=30)
            self.assertEqual(answer.status_code, 401)
        self.assertEqual(self.env["hub.message"].search_count(own), 0)
        for _turn in range(2):
            answer = self.opener.post(url, data=body, headers={**kind, **good}, timeout=30)
            self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(self.env["hub.message"].search_count(own), 1)
