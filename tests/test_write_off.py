from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestWriteOff(BusinessCase):
    """Approved work that is not billed: who decides, what the ledger keeps, and that it is never billed."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()  # 150.00 an hour
        # Who may read the time of others is for Odoo to say.
        reads_time = self.env.ref("hr_timesheet.group_hr_timesheet_approver")
        for user in (self.resolver, self.approver):
            user.group_ids += reads_time

    def _propose(self, entries, user=None, reason="Agreed with the customer"):
        ask = self.env["hub.write.off.ask"].with_user(user or self.resolver)
        action = ask.create({"entry_ids": entries.ids, "reason": reason}).action_confirm()
        return self.env["hub.write.off"].browse(action["res_id"])

    def _fresh(self):
        self.env.flush_all()
        self.env.invalidate_all()

    def test_what_is_written_off_is_kept_and_never_billed(self):
        first, second = self._book(self.contract, "2", "3")
        one = self._propose(first)
        self.assertEqual((one.state, one.hours, one.amount), ("proposed", 2.0, 300.0))
        self.assertFalse(first.hub_billing_id, "billable until somebody has decided")
        one.with_user(self.approver).action_approve()
        self._fresh()
        row = first.hub_billing_id
        self.assertEqual(
            (row.state, row.written_off, row.amount, row.worked, row.reason, row.write_off_id),
            ("written_off", 300.0, 0.0, 2.0, "Agreed with the customer", one),
        )
        move = self._bill(self.contract)
        self.assertEqual((move.amount_untaxed, move.hub_billing_ids.entry_id), (450.0, second))
        self.assertEqual(self._change(first, hours=9).problem.code, "changed_after_billing")
        leak = self.env["hub.leakage"].search(
            [("contract_id", "=", self.contract.id), ("kind", "=", "written_off")]
        )
        self.assertEqual((leak.hours, leak.amount), (2.0, 300.0))
        one.with_user(self.approver).action_undo()
        self._fresh()
        self.assertEqual((one.state, row.state), ("undone", "released"))
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300.0)

    def test_the_form_counts_hours_of_time_alone(self):
        expense = self.env["account.analytic.line"].create({"name": "Flight", "unit_amount": 3})
        entries = self._book(self.contract, "2") + expense
        ask = self.env["hub.write.off.ask"].create({"entry_ids": entries.ids, "reason": "x"})
        self.assertEqual((ask.entry_count, ask.hours), (2, 2.0))

    def test_from_the_limit_on_another_one_decides(self):
        self.company.hub_four_eyes_limit = 300
        small, large = self._book(self.contract, "1", "2")
        small, large = self._propose(small, self.approver), self._propose(large, self.approver)
        small.with_user(self.approver).action_approve()
        with self.assertRaises(AccessError):
            large.with_user(self.approver).action_approve()
        other = self._make_user(
            "other", "base.group_user", "lead_to_cash_hub.group_hub_billing_approver"
        )
        large.with_user(other).action_approve()
        self.assertEqual(large.decided_by_id, other)

    def test_the_limit_counts_what_was_approved_piece_by_piece(self):
        self.company.hub_four_eyes_limit = 300
        ones = [self._propose(entry, self.approver) for entry in self._book(self.contract, 1, 1)]
        ones[0].with_user(self.approver).action_approve()
        with self.assertRaisesRegex(AccessError, "300.00"):
            ones[1].with_user(self.approver).action_approve()
        ones[0].with_user(self.approver).action_undo()
        ones[1].with_user(self.approver).action_approve()

    def test_what_is_written_off_is_not_edited(self):
        entry = self._book(self.contract, "2")
        one = self._propose(entry)
        one.with_user(self.approver).action_approve()
        self._fresh()
        manager = self._make_user("boss", "base.group_user", "hr_timesheet.group_timesheet_manager")
        mine = entry.with_user(manager)
        for values in ({"unit_amount": 9}, {"unit_amount": 9, "hub_approval": "approved"}):
            with self.assertRaisesRegex(UserError, "written off"):
                mine.write(values)
        mine.write({"name": "Another text", "unit_amount": 2.0})
        one.with_user(self.approver).action_undo()
        self._fresh()
        mine.unit_amount = 9

    def test_only_approvers_decide_and_nobody_edits(self):
        one = self._propose(self._book(self.contract, "2"))
        for user in (self.resolver, self.viewer):
            with self.assertRaises(AccessError):
                one.with_user(user).action_approve()
            with self.assertRaises(AccessError):
                one.with_user(user).write({"reason": "another"})
        with self.assertRaises(AccessError):
            one.with_user(self.viewer).action_refuse()
        one.with_user(self.resolver).action_refuse()
        self.assertEqual(one.state, "refused", "whoever proposed it takes it back")
        with self.assertRaises(AccessError):
            self.env["hub.write.off.ask"].with_user(self.viewer).create({"reason": "x"})

    def test_what_was_changed_or_billed_since_is_not_written_off(self):
        billed, changed = self._book(self.contract, "2", "3")
        one, two = self._propose(billed), self._propose(changed)
        with self.assertRaises(UserError):
            self._propose(billed)  # in another proposal
        self._change(changed, hours=4)
        with self.assertRaises(UserError):
            two.with_user(self.approver).action_approve()
        self._approve(self._bill(self.contract))
        with self.assertRaises(UserError):
            one.with_user(self.approver).action_approve()
        with self.assertRaises(UserError):
            self._propose(billed)
        with self.assertRaises(UserError):
            self._propose(self._book(self.contract, "1", approval="submitted"))
        with self.assertRaises(UserError):
            self._propose(self._book(self.contract, "1"), reason="  ")

    def test_what_a_milestone_pays_is_nothing_to_write_off(self):
        contract = self._start_deal([self._line(self.milestone_service, 1, "12345.67", "Design")])
        milestone = contract.project_id.milestone_ids
        task = self.env["project.task"].create(
            {
                "name": "Draw",
                "project_id": contract.project_id.id,
                "milestone_id": milestone.id,
                "sale_line_id": milestone.sale_line_id.id,
            }
        )
        entry = self._book(contract, "8", task=task.id)
        with self.assertRaises(UserError):
            self._propose(entry)

    def test_work_over_a_cap(self):
        self.contract.cap_amount = 300
        _first, over = self._book(self.contract, "2", "3")
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300.0)
        self._propose(over).with_user(self.approver).action_approve()
        self._fresh()
        self.contract.cap_amount = 1000
        self.assertFalse(self._bill(self.contract), "also when the cap is raised")

    def test_of_a_retainer_what_is_beyond_it(self):
        retainer = self.env["hub.retainer"].create(
            {
                "contract_id": self.contract.id,
                "allowance": 20,
                "fee": 0,
                "product_id": self.milestone_service.id,
                "date_from": date(2025, 6, 1),
                "date_to": date(2025, 6, 30),
                "overage_allowed": True,
            }
        )
        covered = self._book(self.contract, "18", day=date(2025, 6, 10))
        beyond = self._book(self.contract, "5", day=date(2025, 6, 11))
        retainer._refresh(date(2025, 6, 30))
        with self.assertRaises(UserError):
            self._propose(covered)
        one = self._propose(beyond)
        self.assertEqual((one.hours, one.amount), (3.0, 450.0))
        one.with_user(self.approver).action_approve()
        self._fresh()
        self.assertEqual(
            (beyond.hub_billing_id.consumed, beyond.hub_billing_id.written_off), (2.0, 450.0)
        )
        retainer._refresh(date(2025, 6, 30))
        self.assertEqual(retainer.period_ids.used, 20.0)
        self.assertFalse(self._bill(self.contract))
