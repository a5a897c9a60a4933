"""What customers paid goes to the ledger, once, gross and applied; what is taken back here is taken back there."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .ledger_common import QuickBooksReceiptsCase, XeroReceiptsCase


class ReceiptsMixin:
    """The same story in both products."""

    # -- once, gross, after its invoice -------------------------------------------------------------

    def test_a_payment_follows_its_invoice_gross_and_is_not_booked_again(self):
        move = self.posted()
        entry = self.paid(move, fee="12.00")
        self.settle()
        self.assertEqual(self.payments(), [(entry.name, move.name, move.amount_total)])
        self.assertEqual(self.message(entry).state, "done", self.message(entry).explanation)
        self.settle()
        self.assertEqual(move.hub_ledger_state, "paid")
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )
        self.assertEqual(len(self.message(entry)), 1, "what came back is sent nowhere")
        self.assertQuiet()

    def test_a_lost_answer_is_settled_and_the_poll_in_between_books_nothing(self):
        move = self.posted()
        self.drain()
        self.lose_answer()
        entry = self.paid(move)
        self.settle()
        self.assertIn("error_unknown", self.tries(entry))
        self.assertEqual(self.payments(), [(entry.name, move.name, move.amount_total)])
        self.settle()
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )
        self.assertEqual(self.message(entry).state, "done")
        self.assertQuiet()

    def test_one_payment_of_two_invoices_and_one_invoice_in_two_payments(self):
        first, second = self.posted("4", "100.00"), self.posted("2", "100.00")
        self.drain()
        both = self.env["account.payment"].create(
            {
                "partner_id": self.customer.id,
                "amount": first.amount_total + 50,
                "journal_id": self.journal.id,
                "date": "2025-07-15",
            }
        )
        both.action_post()
        both = both.move_id
        for move in (first, second):
            (both.line_ids | move.line_ids).filtered(
                lambda one: one.account_id.account_type == "asset_receivable" and not one.reconciled
            ).reconcile()
        rest = self.registered(second)
        self.settle()
        self.assertEqual(
            self.payments(),
            sorted(
                [
                    (both.name, first.name, first.amount_total),
                    (both.name, second.name, 50.0),
                    (rest.name, second.name, second.amount_total - 50),
                ]
            ),
        )
        self.assertEqual((first | second).mapped("hub_ledger_state"), ["paid", "paid"])
        self.assertQuiet()

    def test_a_bank_line_that_settles_an_invoice_is_a_receipt(self):
        move = self.posted()
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.journal.id,
                "date": "2025-07-20",
                "payment_ref": move.name,
                "amount": move.amount_total,
            }
        )
        items = move.line_ids.filtered(
            lambda one: one.account_id.account_type == "asset_receivable"
        )
        line._hub_settle({line.id: items})
        self.settle()
        self.assertEqual(self.payments(), [(line.move_id.name, move.name, move.amount_total)])
        self.assertQuiet()

    # -- taken back ------------------------------------------------------------------------------------

    def test_what_pays_nothing_any_more_is_taken_back_there(self):
        move = self.posted()
        entry = self.paid(move)
        self.settle()
        self.unapply(entry)
        self.settle()
        self.assertEqual(self.payments(), [])
        self.assertEqual(move.hub_ledger_state, "open")
        (entry.line_ids | move.line_ids).filtered(
            lambda one: one.account_id.account_type == "asset_receivable"
        ).reconcile()
        self.settle()
        self.assertEqual(self.payments(), [(entry.name, move.name, move.amount_total)])
        self.assertQuiet()

    def test_a_cancelled_payment_is_taken_back_before_it_can_be_deleted(self):
        move = self.posted()
        entry = self.registered(move)
        payment = entry.origin_payment_id
        self.settle()
        payment.action_draft()
        payment.action_cancel()
        self.assertEqual((payment.state, entry.state), ("canceled", "cancel"))
        with (
            self.assertRaisesRegex(UserError, "stands in Ledger as a payment"),
            self.env.cr.savepoint(),
        ):
            payment.unlink()
        self.settle()
        self.assertEqual(self.payments(), [])
        payment.action_draft()
        payment.unlink()
        self.settle()
        self.assertQuiet()

    def test_what_was_taken_back_there_is_asked_about(self):
        move = self.posted()
        entry = self.paid(move)
        self.settle()
        self.take_back_there()
        self.settle()
        exception = self.env["hub.exception"].search([("code", "=", "receipt_taken_back_outside")])
        self.assertIn(entry.name, exception.sentence)
        self.assertIn("cancel the payment in Odoo", exception.advice)
        self.assertEqual(
            self.env["account.payment"].search_count([("journal_id", "=", self.journal.id)]), 1
        )

    # -- what is not sent ---------------------------------------------------------------------------------

    def test_a_payment_that_the_ledger_reported_is_not_sent_back(self):
        move = self.posted()
        self.drain()
        self.sandbox.pay(self._key(move))
        self.settle()
        self.assertNotEqual(move.payment_state, "not_paid")
        (payment,) = self.env["account.payment"].search([("journal_id", "=", self.journal.id)])
        self.settle()
        self.assertFalse(self.message(payment.move_id))
        self.assertEqual(len(self.payments()), 1)
        self.assertQuiet()

    def test_what_both_sides_entered_is_a_question_and_no_second_payment(self):
        move = self.posted()
        self.drain()
        self.stream.action_pause()
        entry = self.paid(move)
        self.drain()
        self.sandbox.pay(self._key(move), reference="by hand")
        self.stream.action_resume()
        self.settle()
        exception = self.assertExplained(self.message(entry), "error_conflict")
        self.assertIn("Somebody entered the payment", exception.advice)
        self.assertEqual(len(self.payments()), 1)

    def test_documents_and_money_of_before_are_not_sent(self):
        self.ledger.start_date = "2099-01-01"
        old = self.posted()
        old_entry = self.paid(old)
        self.settle()
        self.assertFalse(self.message(old))
        self.assertFalse(self.message(old_entry))
        self.assertEqual(self.payments(), [])
        self.assertQuiet()

    def test_closed_books_are_a_question_with_a_way_out(self):
        move = self.posted()
        self.drain()
        self.close_books()
        entry = self.paid(move)
        self.settle()
        exception = self.assertExplained(self.message(entry), "error_data")
        self.assertIn("books are closed", exception.sentence)
        self.assertIn("skip this with a reason", exception.advice)

    # -- compared ---------------------------------------------------------------------------------------

    def compared(self, entry):
        run = self.env["hub.reconciliation"].create(
            {
                "kind": "payment",
                "company_id": self.company.id,
                "system_id": self.ledger.id,
                "date_from": entry.date,
                "date_to": entry.date,
            }
        )
        run._compare()
        self.assertNotEqual(run.state, "failed", run.sentence)
        self.assertTrue(run.proved)
        return run

    def test_what_was_sent_is_compared_and_what_is_gone_there_is_seen(self):
        first, second = self.posted("4", "100.00"), self.posted("2", "100.00")
        entry = self.registered(first | second)
        self.settle()
        run = self.compared(entry)
        # Nothing is left unexplained; where a message explains what the comparison itself finds equal, both are true.
        self.assertIn(run.state, ("agreed", "explained"), run.line_ids.mapped("sentence"))
        self.all_gone_there()
        run = self.compared(entry)
        (line,) = run.line_ids
        self.assertEqual((line.reason, line.reference), ("missing_there", entry.name))
        total = first.amount_total + second.amount_total
        self.assertEqual(line.difference, f"{total:,.2f} USD")
        self.assertEqual((line.res_model, line.res_id), ("account.move", entry.id))

    # -- cost -----------------------------------------------------------------------------------------

    def test_composing_asks_as_much_for_many_as_for_few(self):
        contract = self._start_deal()
        entries = self.env["account.move"]
        for hours in ("1", "2", "3", "4"):
            entries |= self.paid(self._invoice(contract, hours))
        self.settle()
        handler = self._handler("receipt")

        def cost(some):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records = handler.env["account.move"].browse(some.ids)
            self.assertEqual(len(handler._hub_compose(records, self.ledger)), len(some))
            return self.env.cr.sql_log_count - before

        cost(entries[:1])
        self.assertLessEqual(cost(entries), cost(entries[:2]))


@tagged("post_install", "-at_install")
class TestQuickBooksReceipts(ReceiptsMixin, QuickBooksReceiptsCase):
    def test_the_money_goes_to_the_account_of_the_journal(self):
        self.paid(self.posted())
        self.settle()
        (payment,) = self.sandbox.rows["Payment"].values()
        self.assertEqual(payment["DepositToAccountRef"], {"value": self.bank_key})


@tagged("post_install", "-at_install")
class TestXeroReceipts(ReceiptsMixin, XeroReceiptsCase):
    def test_without_a_word_for_the_account_it_is_asked_and_goes_then(self):
        self.term.unlink()
        entry = self.paid(self.posted())
        self.settle()
        exception = self.assertExplained(self.message(entry), "ledger_account_missing")
        self.assertIn(self.journal.name, exception.sentence)
        self.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_ledger_account").id,
                "code": "090",
                "name": "Bank",
                "res_id": self.bank_account.id,
            }
        )
        exception.message_id.action_replay()
        self.settle()
        self.assertEqual(len(self.payments()), 1)
        self.assertQuiet()

    def test_parts_of_one_payment_are_known_when_they_come_back(self):
        first, second = self.posted("4", "100.00"), self.posted("2", "100.00")
        entry = self.registered(first | second)
        self.settle()
        links = self.env["hub.link"].search(
            [("entity_id.code", "=", "receipt"), ("res_id", "=", entry.id)]
        )
        self.assertEqual(
            set(links.mapped("external_id")), set(self.sandbox.rows["Payments"]), "both of them"
        )
        self.unapply(entry)
        self.settle()
        self.assertEqual(self.payments(), [])
        self.assertQuiet()
