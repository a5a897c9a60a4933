from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .business_common import BusinessCase
from .view_common import HubScreens

JULY = date(2025, 7, 4)


@tagged("post_install", "-at_install")
class TestCorrection(BusinessCase, HubScreens):
    """Billed time changes in its source: what each choice makes of it, to the cent and the second."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()  # the hub's short transactions stay in the test

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()  # 150.00 an hour
        self.entry = self._book(self.contract, "8")
        self.invoice = self._bill(self.contract)
        self._approve(self.invoice)
        # A resolver of finance: reading time and documents is for Odoo to grant.
        for right in ("hr_timesheet.group_hr_timesheet_approver", "account.group_account_readonly"):
            self.resolver.group_ids += self.env.ref(right)
        self.tracker = self.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "environment": "sandbox",
                "base_url": "https://harvest.invalid",
                "account_ref": "1",
                "user_id": self.technical.id,
                "company_ids": [Command.set(self.company.ids)],
            }
        )

    def _changed(self, **values):
        """The exception of a change that arrives after billing."""
        item = self._change(self.entry, **values)
        problem = item.problem
        message = self.receive(self.tracker, "time_entry", f"t{item.message_id}")
        return self.need_person(message, problem.code, dict(problem.params), 1200.0).exception_ids

    def _correct(self, exception, choice, day=JULY, user=None):
        wizard = Form(
            self.env["hub.correct"]
            .with_user(user or self.resolver)
            .with_context(default_exception_id=exception.id)
        )
        if wizard.choice != choice:
            wizard.choice = choice
        wizard.day = day
        wizard.reason = "Agreed with Acme"
        self.says = wizard.consequence
        action = wizard.save().action_confirm()
        self.env.flush_all()
        self.env.invalidate_all()
        return self.env[action["res_model"]].browse(action["res_id"])

    def _worked(self):
        return sum(self.contract.project_id.timesheet_ids.mapped("unit_amount"))

    def test_credit_and_bill_again(self):
        exception = self._changed(hours=6)
        note = self._correct(exception, "credit")
        self.assertIn("1,200.00", self.says)
        self.assertEqual(
            (
                note.move_type,
                note.state,
                note.hub_approval,
                note.amount_untaxed,
                note.hub_credit_kind,
            ),
            ("out_refund", "draft", "to_approve", 1200.0, "hours"),
        )
        self.assertEqual(exception.message_id.state, "failed", "it waits for the approval")
        with self.assertRaises(UserError):
            self._correct(exception, "credit")  # decided once
        self._approve(note)
        self.assertEqual(exception.message_id.state, "pending")
        self.assertFalse(self._change(self.entry, hours=6).problem)
        self.assertEqual(self.entry.unit_amount, 6.0)
        self.assertEqual(self._bill(self.contract).amount_untaxed, 900.0)

    def test_more_hours_are_billed_with_the_next_invoice(self):
        exception = self._changed(hours=9)
        more = self._correct(exception, "adjust")
        self.assertEqual(
            (more.unit_amount, more.date, more.so_line, more.hub_adjusts_id),
            (1.0, JULY, self.entry.so_line, self.entry),
        )
        self.assertEqual(exception.message_id.state, "pending")
        item = self._change(self.entry, hours=9)
        self.assertFalse(item.problem, "what the source says stands in Odoo by now")
        self.assertEqual((self.entry.unit_amount, self._worked()), (8.0, 9.0))
        self.assertFalse(self._bill(self.contract), "nothing more in June")
        self.assertEqual(self._bill(self.contract, JULY, JULY).amount_untaxed, 150.0)
        params = self._change(self.entry, hours=10).problem.params
        self.assertEqual((params["old_hours"], params["new_hours"]), ("9", "10"))

    def test_less_hours_are_credited_and_the_rest_stays_billed(self):
        note = self._correct(self._changed(hours=6.5), "adjust")
        self.assertEqual((note.hub_credit_kind, note.amount_untaxed), ("price", 225.0))
        self._approve(note)
        self.assertFalse(self._change(self.entry, hours=6.5).problem)
        self.assertEqual((self._worked(), self.entry.hub_billing_id.state), (6.5, "posted"))
        self.assertFalse(self._bill(self.contract, end=JULY))

    def test_the_difference_is_written_off(self):
        one = self._correct(self._changed(hours=9), "leave")
        self.assertEqual((one._name, one.hours, one.amount), ("hub.write.off", 1.0, 150.0))
        one.with_user(self.approver).action_approve()
        self.assertFalse(self._change(self.entry, hours=9).problem)
        self.assertEqual(self._worked(), 9.0)
        self.assertFalse(self._bill(self.contract, end=JULY))

    def test_the_invoice_stays_although_less_was_worked(self):
        less = self._correct(self._changed(hours=5), "leave")
        self.assertEqual((less.unit_amount, less.hub_billable), (-3.0, "no"))
        self.assertFalse(less.so_line)
        self.assertFalse(self._change(self.entry, hours=5).problem)
        self.assertEqual((self._worked(), self.invoice.amount_untaxed), (5.0, 1200.0))

    def test_more_than_the_hours_can_only_be_credited(self):
        exception = self._changed(date=date(2025, 6, 12))
        with self.assertRaises(UserError):
            self.env["hub.correct"].with_user(self.resolver).create(
                {"exception_id": exception.id, "choice": "adjust", "reason": "x"}
            ).action_confirm()
        self.assertEqual(self._correct(exception, "credit").amount_untaxed, 1200.0)

    def test_nothing_is_booked_in_a_closed_period(self):
        exception = self._changed(hours=9)
        self.company.sudo().sale_lock_date = date(2025, 6, 30)
        for choice in ("credit", "adjust"):
            with self.assertRaises(UserError) as caught:
                self._correct(exception, choice, day=date(2025, 6, 30))
            self.assertIn("closed period", str(caught.exception))
        self.assertTrue(self._correct(exception, "adjust"))

    def test_who_may_and_what_is_kept(self):
        exception = self._changed(hours=9)
        with self.assertRaises(AccessError):
            self._correct(exception, "adjust", user=self.viewer)
        more = self._correct(exception, "adjust")
        manager = self._make_user("boss", "base.group_user", "hr_timesheet.group_timesheet_manager")
        with self.assertRaises(UserError):
            more.with_user(manager).unit_amount = 3
        with self.assertRaises(UserError):
            more.with_user(manager).unlink()

    def test_part_of_a_rounded_entry_is_credited_as_it_was_billed(self):
        contract = self._start_deal()
        contract.write({"round_level": "entry", "round_minutes": 60})
        self.entry = self._book(contract, "1.5")
        self._approve(self._bill(contract))  # two hours
        note = self._correct(self._changed(hours=0.75), "adjust")
        self.assertEqual(note.amount_untaxed, 150.0)
