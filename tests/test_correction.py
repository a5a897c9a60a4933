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

    def test_hours_are_taken_off_with_the_credit_note_and_not_before(self):
        exception = self._changed(hours=6)
        for undo in ("unlink", "button_cancel"):
            note = self._correct(exception, "adjust")
            self.assertIn("300.00", self.says)
            self.assertEqual((note.amount_untaxed, note.state), (300.0, "draft"))
            self.assertEqual((self._worked(), exception.message_id.state), (8.0, "failed"))
            with self.assertRaisesRegex(UserError, "waits for approval"):
                self._correct(exception, "leave")
            getattr(note.sudo(), undo)()
            self.assertEqual((self._worked(), exception.state), (8.0, "open"), undo)
        note = self._correct(exception, "adjust")
        self._approve(note)
        self.assertEqual((self._worked(), exception.message_id.state), (6.0, "pending"))
        with self.assertRaisesRegex(UserError, "taken off"):
            note.button_draft()

    def test_a_credit_note_of_what_the_source_took_back_is_not_posted(self):
        exception = self._changed(hours=6)
        note = self._correct(exception, "adjust")
        exception.message_id._replay("Mended at the source")
        with self.assertRaisesRegex(UserError, "decide anew"):
            self._approve(note)

    def test_what_was_adjusted_is_not_credited_once_more(self):
        self._approve(self._correct(self._changed(hours=6), "adjust"))
        other = self._start_deal()
        exception = self._changed(
            hours=6, project=other.project_id.id, task=other.project_id.task_ids[:1].id
        )
        with self.assertRaisesRegex(UserError, "-2 h"):
            self._correct(exception, "credit")
        note = self._by_hand()
        with self.assertRaisesRegex(UserError, "-2 h"):
            self._approve(note)

    def _by_hand(self):
        """A credit note of the whole invoice, made with Odoo's own wizard: its hours are billable again."""
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=self.invoice.ids)
            .create({"journal_id": self.invoice.journal_id.id, "date": JULY})
        )
        note = self.env["account.move"].browse(reversal.reverse_moves()["res_id"])
        note.hub_credit_kind = "hours"
        return note

    def test_an_invoice_stands_while_a_credit_note_stands_on_it(self):
        note = self._approve(self._by_hand())
        self.assertEqual(self.entry.hub_billing_ids.state, "released")
        for step in ("button_draft", "button_cancel"):
            with self.assertRaisesRegex(UserError, "credit note to draft first"):
                getattr(self.invoice, step)()
        note.button_draft()
        self.assertEqual(self.entry.hub_billing_id.state, "posted")

    def test_what_moved_on_since_it_was_credited_does_not_come_back(self):
        note = self._approve(self._by_hand())
        self._change(self.entry, hours=6)
        with self.assertRaisesRegex(UserError, "any more"):
            note.button_draft()
        self.assertEqual(self._bill(self.contract).amount_untaxed, 900.0)

    def test_the_cap_gets_back_what_is_credited(self):
        self.contract.cap_amount = 1200
        self.env.flush_all()
        self._approve(self._correct(self._changed(hours=6), "adjust"))
        self.contract.invalidate_recordset()
        self.assertEqual((self.contract.cap_used, self.contract.cap_percent), (900.0, 75))
        self.assertEqual(self.contract._hub_worked_of_caps()[self.contract.id], 900.0)
        self._book(self.contract, "2")
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300.0)

    def test_of_a_retainer_what_is_beyond_it_is_credited_first(self):
        contract = self._start_deal()
        self.env["hub.retainer"].create(
            {
                "contract_id": contract.id,
                "allowance": 6,
                "fee": 0,
                "product_id": self.milestone_service.id,
                "date_from": date(2025, 6, 1),
                "date_to": date(2025, 6, 30),
                "overage_allowed": True,
            }
        )._refresh(date(2025, 6, 30))
        self.entry = self._book(contract, "8")
        invoice = self._approve(self._bill(contract))
        self.assertEqual(invoice.amount_untaxed, 300.0)
        note = self._correct(self._changed(hours=7), "adjust")
        self.assertEqual(note.amount_untaxed, 150.0)

    def test_a_correction_costs_what_the_entry_did(self):
        self.assertEqual(self.entry.amount, -480.0)
        self.consultant.hourly_cost = 90
        more = self._correct(self._changed(hours=9), "adjust")
        self.assertEqual(more.amount, -60.0)

    def test_of_who_left_it_says_what_to_do(self):
        exception = self._changed(hours=6)
        self.consultant.active = False
        for choice in ("adjust", "leave"):
            with self.assertRaisesRegex(UserError, "archived"):
                self._correct(exception, choice)
        self.assertEqual(self._correct(exception, "credit").amount_untaxed, 1200.0)

    def test_only_what_is_billed_is_corrected(self):
        exception = self._changed(hours=6)
        self.assertTrue(exception.can_correct and exception.issue_id.can_correct)
        self.assertIn("was billed on", exception.sentence)
        self.entry = self._book(self.contract, "2")
        self.env["hub.write.off"]._propose(self.entry, "A gift").with_user(
            self.approver
        ).action_approve()
        self.env.flush_all()
        self.env.invalidate_all()
        other = self._changed(hours=1)
        self.assertFalse(other.can_correct or other.issue_id.can_correct)
        self.assertIn("is written off (A gift)", other.sentence)
        self.assertIn("billable again", other.issue_id.advice)

    def test_figures_of_another_company_are_not_shown(self):
        exception = self._changed(hours=6)
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self._make_user(
            "stranger", "base.group_user", "lead_to_cash_hub.group_hub_resolver"
        )
        stranger.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        wizards = (
            self.env["hub.correct"].with_user(stranger).with_context(allowed_company_ids=other.ids)
        )
        values = {"exception_id": exception.id, "choice": "credit", "reason": "x"}
        with self.assertRaises(AccessError):
            wizards.create(values)
        shown = wizards.new(values)
        self.assertFalse(shown.consequence)
        self.assertFalse(shown.move_id)

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
