from datetime import date
from decimal import Decimal

from odoo.tests import tagged

from ..core.problem import Term
from .payout_common import PayoutCase, moment


@tagged("post_install", "-at_install")
class TestDisputeProvider(PayoutCase):
    """A customer's bank takes a payment back: the invoice is open again, until it is won, lost, or for good."""

    def setUp(self):
        super().setUp()
        self.invoice = self.invoices[2]  # of 40.00
        self.paid = self._charge(self.invoice, "1.46")

    def _values(self, status="open", taken="40.00", back=None, **values):
        result = {
            "payment": self.paid.id,
            "amount": Decimal(taken or "40.00"),
            "currency": "USD",
            "status": Term(status),
            "reason": "product_not_received",
            "reference": "du_1",
            "due_by": moment(25),
            **values,
        }
        if taken:
            result |= {
                "settlement_currency": "USD",
                "withdrawn_at": moment(17),
                "withdrawn_net": -Decimal(taken) - 15,
                "withdrawn_fee": Decimal(15),
                "withdrawn_reference": "txn_taken",
            }
        if back:
            result |= {
                "reinstated_at": moment(29),
                "reinstated_net": Decimal(back),
                "reinstated_fee": Decimal(taken) - Decimal(back),
                "reinstated_reference": "txn_back",
            }
        return result

    def _dispute(self, *args, **values):
        item = self._done("dispute", self._values(*args, **values))
        return self.env["hub.dispute"].browse(item.res_id)

    def _then(self, dispute, *args, **values):
        self._done("dispute", self._values(*args, **values), record=dispute, changed=["status"])

    def _open_amount(self):
        return self.invoice.payment_state, self.invoice.amount_residual

    def test_what_is_taken_opens_the_invoice_again_and_holds_it(self):
        self.assertEqual(self._open_amount(), ("paid", 0))
        fees = self._balance(self.fee_account)
        dispute = self._dispute()
        self.assertEqual(self._open_amount(), ("blocked", 40))
        self.assertIn("product not received", self.invoice.hub_disputed)
        self.assertEqual(self.customer.with_user(self.accountant).hub_dispute_count, 1)
        self.assertEqual(
            (dispute.state, dispute.amount, dispute.payment_id.id), ("open", 40, self.paid.id)
        )
        taken = dispute.withdrawal_id
        self.assertEqual((taken.amount, taken.date), (55, date(2025, 7, 17)))
        self.assertEqual(round(self._balance(self.fee_account) - fees, 2), 15)
        self.assertEqual(self._balance(self.journal.default_account_id), -16.46)  # 38.54 - 55.00
        self.assertEqual(self.customer._hub_balance()[self.customer.id]["balance"], 390.5)
        self.assertTrue(taken.is_reconciled and self.paid.is_reconciled)
        again = self._dispute()
        self.assertEqual((again, again.withdrawal_id), (dispute, taken))
        self.env["hub.dispute"]._look()
        self.assertEqual(dispute.state, "open")

    def test_won_the_money_comes_back_and_pays_the_invoice(self):
        dispute = self._dispute()
        self._then(dispute, "won", back="55.00")
        self.assertEqual(self._open_amount(), ("paid", 0))
        self.assertEqual((dispute.state, dispute.reinstatement_id.amount), ("closed", 55))
        self.assertIn("Won", dispute.outcome)
        self.assertFalse(self.invoice.hub_disputed)
        self.assertEqual(self._balance(self.journal.default_account_id), 38.54)
        self._then(dispute, "won", back="55.00")
        self.assertEqual(self._balance(self.journal.default_account_id), 38.54)

    def test_won_without_the_fee(self):
        dispute = self._dispute()
        fees = self._balance(self.fee_account)
        self._then(dispute, "won", back="40.00")
        self.assertEqual(self._open_amount(), ("paid", 0))
        self.assertEqual(self._balance(self.fee_account), fees)
        self.assertEqual(self._balance(self.journal.default_account_id), 23.54)

    def test_lost_the_invoice_is_a_debt_like_any_other(self):
        dispute = self._dispute()
        self._then(dispute, "lost")
        self.assertEqual(self._open_amount(), ("not_paid", 40))
        self.assertIn("Lost", dispute.outcome)
        self.assertFalse(self.invoice.hub_disputed)
        self.assertEqual(self.customer.with_user(self.accountant).hub_dispute_count, 0)

    def test_seen_for_the_first_time_when_it_is_over(self):
        dispute = self._dispute("won", back="55.00")
        self.assertEqual(self._open_amount(), ("paid", 0))
        self.assertTrue(dispute.withdrawal_id and dispute.reinstatement_id)
        self.assertEqual(dispute.state, "closed")

    def test_a_part_that_is_disputed_leaves_the_rest_paid(self):
        dispute = self._dispute(taken="10.00")
        self.assertEqual(self._open_amount(), ("blocked", 10))
        self._then(dispute, "won", taken="10.00", back="25.00")
        self.assertEqual(self._open_amount(), ("paid", 0))

    def test_an_inquiry_is_seen_and_takes_nothing(self):
        dispute = self._dispute(taken=None)
        self.assertEqual(self._open_amount(), ("paid", 0))
        self.assertTrue(self.invoice.hub_disputed)
        self.env["hub.dispute"]._look()
        self.assertEqual(dispute.state, "open")
        self._then(dispute, "closed", taken=None)
        self.assertFalse(self.invoice.hub_disputed)

    def test_beside_a_dispute_that_a_person_opened(self):
        dispute = self._dispute()
        own = self.env["hub.dispute"].create({"move_id": self.invoice.id, "reason": "by phone"})
        self._then(dispute, "lost")
        self.assertEqual(self._open_amount(), ("blocked", 40))
        self.env["hub.dispute"]._close_of(self.invoice, "agreed")
        self.assertEqual((own.state, self.invoice.payment_state), ("closed", "not_paid"))

    def test_a_payout_that_carries_a_dispute(self):
        rest = [
            self._charge(*pair) for pair in zip(self.invoices[:2], ("3.21", "7.55"), strict=True)
        ]
        refund = self._refund(rest[1], "25.00")
        self._dispute()
        parts = [
            self._part("charge", "97.29", rest[0].hub_reference, "3.21"),
            self._part("charge", "242.45", rest[1].hub_reference, "7.55"),
            self._part("charge", "38.54", self.paid.hub_reference, "1.46"),
            self._part("refund", "-25.00", refund.hub_reference),
            self._part("dispute", "-55.00", "du_1", "15.00", key="txn_taken"),
        ]
        payout = self._booked("298.28", parts)
        self.assertEqual(len(payout.hub_part_ids.payment_id), 5)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)
        unknown = [self._part("dispute_reversal", "55.00", "du_1", "-15.00", key="txn_back")]
        values = self._payout("55.00", unknown, reference="po_2")
        problem = self._problem("payout_part_missing", values, "dispute won du_1 of 55.00")
        message, _issue = self._waits(problem.params)
        self.assertEqual(self._mended(message), "failed")
        self._dispute("won", back="55.00")
        self.assertEqual(self._mended(message), "pending")
        self._done("payout", values)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)

    def test_a_withdrawal_that_was_booked_by_hand_is_a_part_of_its_payout(self):
        parts = [
            self._part("charge", "38.54", self.paid.hub_reference, "1.46"),
            self._part("dispute", "-55.00", "du_1", "15.00", key="txn_taken"),
        ]
        values = self._payout("-16.46", parts)
        problem = self._problem("payout_part_missing", values, "(txn_taken)")
        advice = self.env["hub.sentence"]._advice(problem.code, problem.params)
        self.assertIn("found by its Memo", advice)
        message, _issue = self._waits(problem.params)
        hand = self._by_hand("outbound", "55.00", "Chargeback")
        self.assertEqual(self._mended(message), "failed")
        hand.memo = "txn_taken"
        self.assertEqual(self._mended(message), "pending")
        payout = self._booked("-16.46", parts)
        self.assertEqual(payout.hub_part_ids[1].payment_id, hand)
        self.assertFalse(any(payout.hub_part_ids.mapped("rest")))
        self.assertEqual(self._balance(self.journal.default_account_id), 0)

    def test_one_that_a_person_closed_is_open_again_when_the_money_is_taken(self):
        dispute = self._dispute(taken=None)
        self.env["hub.dispute"]._close_of(self.invoice, "they withdrew it by phone")
        self._then(dispute, taken=None)
        self.assertEqual(dispute.state, "closed")
        self._then(dispute)
        self.assertEqual(self._open_amount(), ("blocked", 40))
        self.assertEqual((dispute.state, dispute.outcome), ("open", False))
        self.env["hub.dispute"]._close_of(self.invoice, "we let it go")
        self._then(dispute)
        self.assertEqual((dispute.state, self.invoice.payment_state), ("closed", "not_paid"))

    def test_two_disputes_of_one_payment(self):
        # due before anything was taken: else Odoo would give the rest back to the first by itself
        self.invoice.line_ids.filtered("date_maturity").date_maturity = date(2025, 7, 1)
        first = self._dispute(taken="10.00")
        second = {**self._values(taken="30.00", reference="du_2"), "withdrawn_reference": "txn_2"}
        self._done("dispute", second)
        self.assertEqual(self._open_amount(), ("blocked", 40))
        self.assertTrue(first.withdrawal_id.is_reconciled and self.paid.is_reconciled)
        self._then(first, "won", taken="10.00", back="25.00")
        self.assertEqual(self._open_amount(), ("blocked", 30))

    def test_what_a_won_dispute_gave_back_is_refunded(self):
        dispute = self._dispute()
        values = self._refund_values(self.paid, "40.00")
        item = self._apply(self._item("refund", values))
        self.assertEqual(item.problem.code, "refund_exceeds_payment")
        self._then(dispute, "won", back="55.00")
        refund = self._refund(self.paid, "40.00")
        note = self.env["account.move"].search([("hub_refund_payment_id", "=", refund.id)])
        self.assertEqual((note.reversed_entry_id, note.amount_total), (self.invoice, 40))
        again = self._apply(self._item("refund", {**values, "reference": "re_again"}))
        self.assertEqual(again.problem.code, "refund_exceeds_payment")

    def _refused(self, code, values, *words):
        item = self._apply(self._item("dispute", values))
        self.assertTrue(item.problem, item.skip)
        self.assertEqual(item.problem.code, code)
        sentence = self.env["hub.sentence"]._sentence(code, item.problem.params)
        for word in words:
            self.assertIn(word, sentence)
        self.assertFalse(self.env["hub.dispute"].search([("reference", "=", "du_1")]))

    def test_what_cannot_be_booked_is_a_question(self):
        values = self._values()
        self.env.ref("base.EUR").active = True
        self._refused("settlement_currency", {**values, "settlement_currency": "EUR"}, "EUR")
        self._refused("dispute_movements", {**values, "unclear": "txn_1, txn_2"}, "txn_1, txn_2")
        self.company.fiscalyear_lock_date = date(2025, 7, 31)
        self._refused("period_closed", values, "40.00")
        self.company.fiscalyear_lock_date = False
        self.system.fee_account_id = False
        self._refused("no_fee_account", values, "15.00")
        self.system.journal_id = False
        self._refused("no_payment_journal", values)
        other = self.env["account.payment"].create(
            {"amount": 5, "journal_id": self.journal.id, "partner_id": self.customer.id}
        )
        other.action_post()
        without = {**values, "payment": other.id}
        self._refused("dispute_without_invoice", without, "du_1")

    def test_whole_yen(self):
        self.invoice = self._in_yen()
        self.invoice.action_post()
        self.paid = self._charge(self.invoice, "290")
        values = {"currency": "JPY", "settlement_currency": "JPY", "taken": "10000"}
        values |= {"withdrawn_net": Decimal(-11500), "withdrawn_fee": Decimal(1500)}
        taken = values.pop("taken")
        full = {**self._values(taken=taken), **values}
        dispute = self.env["hub.dispute"].browse(self._done("dispute", full).res_id)
        self.assertEqual(self._open_amount(), ("blocked", 10000))
        self.assertEqual(dispute.withdrawal_id.amount, 11500)
        self.assertEqual(
            self._balance(self.journal.default_account_id, "amount_currency"), 9710 - 11500
        )
