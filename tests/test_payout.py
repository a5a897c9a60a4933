from datetime import date
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..core.problem import Term
from .bank_common import camt
from .payout_common import PayoutCase, moment


@tagged("post_install", "-at_install")
class TestPayout(PayoutCase):
    """What a provider sends to the bank: the sum of its parts, each in the books, and the bank line that meets it."""

    def test_three_charges_a_refund_and_a_fee_come_to_the_bank(self):
        parts = self._whole()
        self.assertEqual(self._balance(self.journal.default_account_id), 353.28)
        fees = self._balance(self.fee_account)
        payout = self._booked("351.28", parts)
        self.assertEqual((payout.state, payout.date), ("paid", date(2025, 7, 18)))
        self.assertEqual(self._balance(self.journal.default_account_id), 0)
        self.assertEqual(self._balance(self.transfers), 351.28)
        self.assertEqual(round(self._balance(self.fee_account) - fees, 2), 2.00)
        self.assertEqual((payout.hub_gross, payout.hub_fee, payout.amount), (351.28, 2.0, 353.28))
        self.assertEqual(round(sum(payout.hub_part_ids.mapped("net")), 2), 351.28)
        self.assertEqual(
            payout.hub_part_ids.payment_id.mapped("hub_reference"),
            [part["reference"] for part in parts[:4]],
        )
        (fee,) = payout.hub_part_ids.filtered(lambda part: not part.payment_id)
        self.assertEqual((fee.rest, fee.account_id), (-2.0, self.fee_account))
        self.assertEqual(payout.hub_payout_state, "on_the_way")
        line = self._bank("351.28", "STRIPE TRACE4711 PAYOUT")
        self.assertEqual(line.hub_match, "matched")
        self.assertEqual(line.hub_documents, payout.name)
        self.assertEqual(self._balance(self.transfers), 0)
        self.assertEqual(self._balance(self.bank.default_account_id), 351.28)
        self.env.invalidate_all()
        self.assertEqual(payout.hub_payout_state, "arrived")

    def test_the_same_payout_again_is_not_booked_again(self):
        values = self._payout("351.28", self._whole())
        first = self._done("payout", values)
        again = self._done("payout", values)
        self.assertEqual(again.res_id, first.res_id)
        record = self.env["account.payment"].browse(first.res_id)
        other = {**values, "amount": Decimal("350.00")}
        problem = self._problem("payment_changed", other, "351.28", record=record)
        self.assertEqual(problem.kind, "conflict")

    def test_the_amount_alone_is_only_proposed_and_less_stays_open(self):
        payout = self._booked("351.28", self._whole())
        line = self._bank("351.28", "incoming", ref="A")
        self.assertEqual((line.hub_match, line.hub_documents), ("proposed", payout.name))
        less = self._bank("346.28", "STRIPE po_77001", ref="B")
        self.assertEqual(less.hub_match, "proposed")
        self.assertIn("5.00 less", less.hub_explanation)
        less.with_user(self.cashier).action_hub_accept()
        self.assertEqual(self._balance(self.transfers), 5)
        less.with_user(self.cashier).action_hub_undo()
        self.assertEqual(self._balance(self.transfers), 351.28)

    def test_a_missing_part_is_named_and_nothing_is_booked_until_it_is_there(self):
        parts = self._whole()
        lost = self.env["account.payment"].search([("hub_reference", "=", parts[2]["reference"])])
        lost.action_draft()
        lost.action_cancel()
        lost.sudo().hub_reference = "ch_gone"  # it never came
        values = self._payout("351.28", parts)
        problem = self._problem(
            "payout_part_missing", values, "po_77001", "351.28", parts[2]["reference"], "38.54"
        )
        self.assertEqual((problem.params["count"], problem.params["all"]), (1, 5))
        self._charge(self.invoices[2], "1.46")
        self.assertEqual(self._balance(self.journal.default_account_id), 353.28)
        self._done("payout", values)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)

    def test_a_part_that_was_booked_without_its_fee_differs(self):
        parts = self._whole()
        self.env["account.payment"].search(
            [("hub_reference", "=", parts[0]["reference"])]
        ).sudo().hub_reference = "ch_gone"
        self.env["account.payment"].create(
            {
                "amount": 100.5,
                "journal_id": self.journal.id,
                "payment_method_line_id": self.journal._hub_method_line("inbound").id,
                "date": "2025-07-15",
                "partner_id": self.customer.id,
                "hub_reference": parts[0]["reference"],
            }
        ).action_post()
        self._problem("payout_part_missing", self._payout("351.28", parts), "booked as 100.50")

    def test_a_person_chooses_the_account_of_what_is_nowhere_in_the_books(self):
        parts = [*self._whole(), self._part("adjustment", "4.72", "adj_1")]
        values = self._payout("356.00", parts)
        self._problem("payout_part_missing", values, "adjustment adj_1 of 4.72")
        item = self._item("payout", values)
        income = self.company_data["default_account_revenue"]
        before = self._balance(income)
        item.decision = {"account": income.id}
        self._apply(item)
        self.assertFalse(item.problem)
        self.assertEqual(round(self._balance(income) - before, 2), -4.72)
        self.assertEqual(self._balance(self.transfers), 356)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)

    def _asked(self):
        """A payout that waits for a payment of ours, as the engine leaves it; its message and issue."""
        charge = self._part("charge", "97.29", f"ch_{self.invoices[0].id}", "3.21", key="txn_1")
        problem = self._problem("payout_part_missing", self._payout("97.29", [charge]))
        return self._waits(problem.params)

    def test_it_goes_on_by_itself_when_the_part_is_booked(self):
        message, issue = self._asked()
        self.assertIn("97.29", issue.sentence)
        self.assertEqual(self._mended(message), "failed")
        self._charge(self.invoices[0], "3.21")
        self.system.journal_id = self.bank
        self.assertEqual(self._mended(message), "failed", "it stands in another journal")
        self.system.journal_id = self.journal
        self.assertEqual(self._mended(message), "pending")

    def test_the_account_is_chosen_by_who_may_post(self):
        message, issue = self._asked()
        wizard = self.env["hub.resolve"].create({"issue_id": issue.id, "mode": "link"})
        self.assertTrue(issue.can_link and wizard.asks_account)
        with self.assertRaisesRegex(UserError, "Choose the account"):
            wizard.action_confirm()
        revenue = self.company_data["default_account_revenue"]
        values = {"issue_id": issue.id, "mode": "link", "account_id": revenue.id}
        theirs = self.env["hub.resolve"].with_user(self.resolver).create(values)
        with self.assertRaisesRegex(UserError, "may post"):
            theirs.action_confirm()
        other = self.env["res.company"].create({"name": "Elsewhere"})
        account = self.env["account.account"].create(
            {"name": "X", "code": "999999", "account_type": "expense", "company_ids": other.ids}
        )
        wizard.account_id = account
        with self.assertRaisesRegex(UserError, "no account of"):
            wizard.action_confirm()
        wizard.account_id = revenue
        wizard.action_confirm()
        message.invalidate_recordset()
        self.assertEqual(message.state, "pending")
        self.assertEqual(message.decision["account"], wizard.account_id.id)

    def test_parts_that_do_not_come_to_the_payout(self):
        parts = self._whole()
        self._problem(
            "payout_sum_differs", self._payout("360.00", parts), "360.00", "351.28", "8.72"
        )
        self._problem("payout_sum_differs", self._payout("353.28", [*parts, parts[-1]]))
        foreign = [*parts[:-1], {**parts[-1], "currency": "EUR"}]
        self._problem("payout_sum_differs", self._payout("351.28", foreign), parts[-1]["key"])
        self._problem("payout_sum_differs", self._payout("351.28", None))

    def test_missing_configuration(self):
        values = self._payout("351.28", self._whole())
        self.system.fee_account_id = False
        self._problem("no_fee_account", values, "2.00")
        self.company.transfer_account_id = False
        self._problem("no_transfer_account", values, self.company.name)
        self.company.fiscalyear_lock_date = date(2025, 7, 31)
        self._problem("period_closed", values)
        self.company.fiscalyear_lock_date = False
        self._problem("currency_not_active", {**values, "currency": "XAU"})
        self.env.ref("base.EUR").active = True
        self._problem("settlement_currency", {**values, "currency": "EUR"}, "EUR")
        self.system.journal_id = False
        self._problem("no_payment_journal", values)

    def test_what_is_not_at_the_bank_is_waited_for(self):
        parts = self._whole()
        for values in (
            {"status": Term("pending")},
            {"reconciliation": "in_progress"},
            {"reconciliation": None},
        ):
            item = self._apply(self._item("payout", self._payout("351.28", parts, **values)))
            self.assertEqual((item.skip, item.problem), ("payout_pending", None))
        failed = self._payout("351.28", parts, status=Term("failed"))
        self.assertEqual(self._apply(self._item("payout", failed)).skip, "payout_failed")

    def test_an_amount_that_somebody_chose_has_no_parts(self):
        self._whole()
        payout = self._booked("50.00", None, reconciliation="not_applicable")
        self.assertFalse(payout.hub_part_ids)
        self.assertEqual(self._balance(self.journal.default_account_id), 303.28)
        self.assertEqual(self._bank("50.00", "po 77001").hub_match, "matched")

    def test_a_balance_below_zero_is_filled_up_from_the_bank(self):
        (charge, *_rest) = self._whole()
        refund = self._refund(
            self.env["account.payment"].search([("hub_reference", "=", charge["reference"])]),
            "100.50",
        )
        payout = self._booked("-100.50", [self._part("refund", "-100.50", refund.hub_reference)])
        self.assertEqual(payout.payment_type, "inbound")
        self.assertEqual(self._balance(self.transfers), -100.5)
        self.assertEqual(self._bank("-100.50", "STRIPE TRACE4711").hub_match, "matched")
        self.assertEqual(self._balance(self.transfers), 0)

    def _returned(self, payout, parts):
        values = self._payout(
            "351.28",
            parts,
            status=Term("failed"),
            returned_at=moment(22),
            return_reference="txn_back",
        )
        self._done("payout", values, record=payout, changed=["status", "returned_at"])
        return payout.hub_refund_ids

    def test_a_payout_that_fails_brings_the_money_back_and_into_the_next_one(self):
        parts = self._whole()
        payout = self._booked("351.28", parts)
        reversal = self._part("payout_reversal", "351.28", "po_77001", key="txn_back")
        following = self._payout("351.28", [reversal], reference="po_77002")
        problem = self._problem("payout_part_missing", following, "po_77001", "txn_back")
        message, _issue = self._waits(problem.params)
        self.assertEqual(self._mended(message), "failed", "the payout is not its own return")
        back = self._returned(payout, parts)
        self.assertEqual(self._mended(message), "pending")
        self.assertEqual((back.amount, back.date), (351.28, date(2025, 7, 22)))
        self.assertEqual(self._balance(self.transfers), 0)
        self.assertEqual(self._balance(self.journal.default_account_id), 351.28)
        self.assertEqual(payout.hub_payout_state, "returned")
        self.assertTrue(all(payout.move_id.line_ids.mapped("reconciled")[1:2]))
        self._returned(payout, parts)
        self.assertEqual(payout.hub_refund_ids, back)
        again = self._booked("351.28", [reversal], reference="po_77002")
        self.assertEqual(again.hub_part_ids.payment_id, back)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)

    def test_a_payout_that_comes_back_after_it_was_at_the_bank(self):
        parts = self._whole()
        payout = self._booked("351.28", parts)
        self.assertEqual(self._bank("351.28", "STRIPE po_77001").hub_match, "matched")
        self._returned(payout, parts)
        self.assertEqual(self._balance(self.transfers), -351.28)
        out = self._bank("-351.28", "RETURN TXN BACK STRIPE", ref="B")
        self.assertEqual(out.hub_match, "proposed")
        out.with_user(self.cashier).action_hub_accept()
        self.assertEqual(self._balance(self.transfers), 0)
        self.assertEqual(self._balance(self.bank.default_account_id), 0)

    def test_one_that_a_person_took_back_has_no_return(self):
        parts = self._whole()
        payout = self._booked("351.28", parts)
        payout.action_draft()
        payout.action_cancel()
        self.assertFalse(self._returned(payout, parts))
        self.assertEqual(self._balance(self.journal.default_account_id), 353.28)
        self.assertEqual(self._balance(self.transfers), 0)

    def test_a_refund_that_failed_is_no_second_part_of_it(self):
        parts = self._whole()
        failed = self._part("adjustment", "25.00", parts[3]["reference"], key="txn_failed")
        values = self._payout("376.28", [*parts, failed])
        problem = self._problem("payout_part_missing", values, "txn_failed", "Together 25.00")
        self.assertEqual(problem.params["count"], 1)
        message, _issue = self._waits(problem.params)
        self.assertEqual(self._mended(message), "failed")
        back = self._by_hand("inbound", "25.00", "txn_failed")
        self.assertEqual(self._mended(message), "pending")
        payout = self._booked("376.28", [*parts, failed])  # 353.28 + 25.00 - 2.00
        self.assertEqual(payout.hub_part_ids[-1].payment_id, back)
        self.assertEqual(self._balance(self.journal.default_account_id), 0)
        again = [{**failed, "net": Decimal("25.00"), "key": "txn_other"}, {**parts[3], "key": "t"}]
        values = self._payout("0.00", again, reference="po_77002")
        problem = self._problem("payout_part_missing", values, "25.00", "-25.00")
        self.assertEqual(problem.params["count"], 2, "what a payout carried is in no other one")

    def test_two_payouts_at_once_do_not_share_a_part(self):
        charge = self._whole()[0]
        first, second = self._apply(
            *(
                self._item("payout", self._payout("97.29", [{**charge, "key": key}], reference=key))
                for key in ("po_1", "po_2")
            )
        )
        self.assertFalse(first.problem)
        self.assertEqual(second.problem.code, "payout_part_missing")
        self.assertEqual(self._balance(self.transfers), 97.29)

    def test_a_fee_that_was_booked_by_hand(self):
        parts = self._whole()
        fees = self._balance(self.fee_account)
        wrong = self._by_hand("outbound", "1.50", parts[4]["key"])
        values = self._payout("351.28", parts)
        self._problem("payout_part_missing", values, "booked as -1.50", "Together -0.50")
        wrong.memo = "something else"
        right = self._by_hand("outbound", "2.00", parts[4]["key"])
        payout = self._booked("351.28", parts)
        self.assertEqual(payout.hub_part_ids[-1].payment_id, right)
        self.assertEqual(self._balance(self.fee_account), fees)
        self.assertEqual(self._balance(self.journal.default_account_id), -1.5)

    def test_one_that_failed_before_it_was_seen_is_booked_with_its_return(self):
        parts = self._whole()
        payout = self._booked(
            "351.28",
            parts,
            status=Term("failed"),
            returned_at=moment(22),
            return_reference="txn_back",
        )
        self.assertEqual(payout.hub_refund_ids.hub_reference, "txn_back")
        self.assertEqual(self._balance(self.transfers), 0)

    def test_yen_of_a_company_in_dollars(self):
        invoice = self._in_yen()
        invoice.action_post()
        payment = self._charge(invoice, "290")
        self.assertEqual(payment.amount, 9710)
        parts = [self._part("charge", "9710", payment.hub_reference, "290", currency="JPY")]
        payout = self._booked("9710", parts, currency="JPY")
        own = self.journal.default_account_id
        self.assertEqual(self._balance(own, "amount_currency"), 0)
        self.assertEqual(self._balance(own), 0)  # in and out at 150
        line = self._import(
            camt(
                [{"amount": "9710", "text": "po_77001", "day": "2025-07-21"}],
                account="JP0001",
                currency="JPY",
                opening="0",
            )
        )
        self.assertEqual((line.hub_match, line.hub_documents), ("matched", payout.name))
        self.assertEqual(self._balance(self.transfers, "amount_currency"), 0)
        # 64.73 left at 150 yen a dollar, 60.69 came in at 160: the difference is Odoo's exchange loss
        self.assertEqual(self._balance(self.transfers), 0)
        self.assertEqual(self._balance(self.bank.default_account_id), 60.69)

    def test_parts_are_kept_by_the_hub_and_seen_by_accounting_of_the_company(self):
        payout = self._booked("351.28", self._whole())
        part = payout.hub_part_ids[0]
        self.assertTrue(part.with_user(self.accountant).net)
        with self.assertRaises(AccessError):
            part.with_user(self.accountant).write({"net": 1})
        with self.assertRaises(AccessError):
            part.with_user(self.consultant_user).read(["net"])
        with self.assertRaises(AccessError):
            payout.with_user(self.accountant).hub_payout = False
        other = self._make_user("elsewhere", "base.group_user", "account.group_account_manager")
        company = self.env["res.company"].create({"name": "Elsewhere"})
        other.write({"company_ids": [(6, 0, company.ids)], "company_id": company.id})
        with self.assertRaises(AccessError):
            part.with_user(other).read(["net"])
