from datetime import date
from decimal import Decimal

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import tagged

from ..core.problem import Term
from .business_common import JUNE, BusinessCase

JULY = date(2025, 7, 1), date(2025, 7, 31)


@tagged("post_install", "-at_install")
class TestBusinessTime(BusinessCase):
    """Hours are billed at most once, exactly, and only when they are approved."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()

    # --- exactness --------------------------------------------------------------------------------

    def test_forty_times_twenty_minutes(self):
        third = Decimal(1200) / Decimal(3600)
        self._book(self.contract, *[third] * 40)
        invoice = self._bill(self.contract)
        self.assertEqual(invoice.invoice_line_ids.quantity, 13.333333)
        self.assertEqual(invoice.amount_untaxed, 2000.0)
        self.env.cr.execute(
            "SELECT SUM(quantity), SUM(amount), COUNT(*) FROM hub_billing WHERE move_id = %s",
            [invoice.id],
        )
        self.assertEqual(self.env.cr.fetchone(), (13.333333, 2000.0, 40))

    def test_hundredths_of_hours_are_kept_as_sent(self):
        entry = self._book(self.contract, "0.33")
        self.assertEqual(entry.hub_source_hours, 0.33)
        self.assertEqual(entry.unit_amount, 0.33)

    def test_too_few_digits_refuse_to_bill(self):
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 2
        self._book(self.contract, "1")
        with self.assertRaisesRegex(UserError, "1,999.50"):
            self._bill(self.contract)
        with self.assertRaises(UserError):
            self.env["hub.billing"].with_user(self.resolver).action_set_unit_precision()
        admin = self.env.ref("base.user_admin")
        # Who may mend it is offered to.
        with self.assertRaises(RedirectWarning) as offered:
            self.env["hub.billing"].with_user(admin)._check_unit_precision()
        self.env["ir.actions.server"].with_user(admin).browse(offered.exception.args[1]).run()
        self.assertTrue(self._bill(self.contract))

    # --- approval (F8) ----------------------------------------------------------------------------

    def test_unapproved_time_is_neither_billed_nor_lost(self):
        approved = self._book(self.contract, *["1"] * 31)
        waiting = self._book(self.contract, *["1"] * 9, approval="submitted")
        self.assertEqual(self.contract.sale_order_id.order_line.qty_delivered, 31)
        invoice = self._bill(self.contract)
        self.assertEqual(invoice.invoice_line_ids.quantity, 31)
        self.assertEqual(approved.timesheet_invoice_id, invoice)
        self.assertFalse(waiting.timesheet_invoice_id)
        left_out = invoice.hub_check_ids.filtered(lambda check: check.code == "left_out")
        self.assertEqual(left_out.severity, "warning")
        self.assertEqual(left_out.params["amount"], "1,350.00")
        self._approve(invoice)
        for entry in waiting:
            self._change(entry, approval=Term("approved"))
        self.assertEqual(self._bill(self.contract).invoice_line_ids.quantity, 9)

    def test_native_invoicing_of_the_order_obeys_the_ledger_too(self):
        self._book(self.contract, *["1"] * 3)
        self._book(self.contract, "1", approval="draft")
        invoice = self.contract.sale_order_id._create_invoices()
        self.assertEqual(invoice.invoice_line_ids.quantity, 3)
        self.assertEqual(invoice.hub_approval, "to_approve")
        self.assertEqual(len(invoice.hub_billing_ids), 3)

    def test_only_approvers_approve(self):
        self.company.hub_timesheet_approval = True
        mine = (
            self.env["account.analytic.line"]
            .with_user(self.consultant_user)
            .create(
                {
                    "project_id": self.contract.project_id.id,
                    "name": "work",
                    "unit_amount": 2,
                    "employee_id": self.consultant.id,
                    "hub_approval": "approved",
                    "task_id": self.contract.project_id.task_ids[0].id,
                }
            )
        )
        self.assertEqual(mine.hub_approval, "draft")
        with self.assertRaises(AccessError):
            mine.hub_approval = "approved"
        mine.action_hub_submit()
        self.assertTrue(mine.hub_submitted_at)
        mine.sudo().action_hub_approve_time()
        self.assertTrue(mine.hub_approved_at)
        mine.unit_amount = 3
        self.assertEqual(mine.hub_approval, "draft")

    def test_without_approval_nothing_is_lost(self):
        mine = (
            self.env["account.analytic.line"]
            .with_user(self.consultant_user)
            .create(
                {
                    "project_id": self.contract.project_id.id,
                    "name": "work",
                    "unit_amount": 2,
                    "employee_id": self.consultant.id,
                    "task_id": self.contract.project_id.task_ids[0].id,
                }
            )
        )
        self.assertEqual(mine.hub_approval, "approved")
        self.assertEqual(self.contract.sale_order_id.order_line.qty_delivered, 2)

    # --- what Odoo would refuse (F6) or bill wrongly ----------------------------------------------

    def _refused(self, code, **values):
        good = self._item("time_entry", self._time(self.contract, "1"))
        bad = self._item("time_entry", self._time(self.contract, "2") | values)
        self._apply(good, bad)
        self.assertTrue(good.res_id)
        self.assertEqual(bad.problem.code, code)
        sentence = self.env["hub.sentence"]._sentence(code, bad.problem.params)
        self.assertNotEqual(sentence, code)
        return bad

    def test_archived_employee(self):
        self.architect.active = False
        bad = self._refused("employee_archived", employee=self.architect.id)
        self.assertEqual(bad.at_risk.amount, 300)

    def test_leaver(self):
        self.architect.departure_date = date(2025, 6, 5)
        self._refused("employee_left", employee=self.architect.id)
        item = self._item(
            "time_entry",
            self._time(self.contract, "1", employee=self.architect.id, day=date(2025, 6, 5)),
        )
        self.assertFalse(self._apply(item).problem)

    def test_colleague_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.architect.company_id = other
        self._refused("employee_wrong_company", employee=self.architect.id)

    def test_no_order_line(self):
        task = self.env["project.task"].create(
            {"name": "Internal", "project_id": self.contract.project_id.id}
        )
        self.contract.project_id.sale_line_id = False
        task.sale_line_id = False
        self._refused("no_valid_contract", task=task.id)
        item = self._item(
            "time_entry", self._time(self.contract, "1", task=task.id, billable=False)
        )
        self.assertFalse(self._apply(item).problem)

    def test_no_rate(self):
        self.contract.sale_order_id.order_line.price_unit = 0
        item = self._apply(self._item("time_entry", self._time(self.contract, "1")))
        self.assertEqual(item.problem.code, "no_rate")

    def test_after_the_contract(self):
        self.contract.date_end = date(2025, 6, 9)
        item = self._apply(self._item("time_entry", self._time(self.contract, "1")))
        self.assertEqual(item.problem.code, "outside_contract")

    def test_negative_hours(self):
        self._refused("negative_hours", hours=Decimal(-1))

    def test_running_timer_is_left_out(self):
        item = self._item("time_entry", self._time(self.contract, "0", running=True))
        self.assertEqual(self._apply(item).skip, "running")

    def test_not_billable_in_the_tracker(self):
        entry = self._book(self.contract, "3", billable=False)
        self.assertFalse(entry.so_line)
        self.assertEqual(entry.hub_billable, "no")
        self._change(entry, billable=True)
        self.assertTrue(entry.so_line)

    # --- cost (F7) --------------------------------------------------------------------------------

    def test_correcting_hours_does_not_price_history_anew(self):
        entry = self._book(self.contract, "8")
        self.assertEqual(entry.amount, -480)
        self.consultant.hourly_cost = 75
        self._change(entry, hours=Decimal(6))
        self.assertEqual(entry.amount, -360)
        self._change(entry, employee=self.architect.id)
        self.assertEqual(entry.amount, -480)  # 6 h of somebody else, at 80

    def test_a_new_entry_is_priced_without_a_second_write(self):
        written = []
        lines = type(self.env["account.analytic.line"])
        write = lines.write

        def noted(records, vals):
            written.append(vals)
            return write(records, vals)

        self.patch(lines, "write", noted)
        entry = self._book(self.contract, "8")
        self.assertFalse([vals for vals in written if "amount" in vals])
        self.assertEqual((entry.amount, entry.hub_hourly_cost), (-480, 60))

    def test_a_rate_of_the_project_wins_over_the_foreseen_cost(self):
        project = self.contract.project_id
        self.env["project.sale.line.employee.map"].create(
            {
                "project_id": project.id,
                "employee_id": self.consultant.id,
                "sale_line_id": project.sale_line_id.id
                or self.contract.sale_order_id.order_line[0].id,
                "cost": 90,
            }
        )
        entry = self._book(self.contract, "8")
        self.assertEqual((entry.amount, entry.hub_hourly_cost), (-720, 90))

    # --- orders without a contract stay Odoo's ----------------------------------------------------

    def test_order_without_a_contract_is_billed_as_before(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "order_line": [
                    fields.Command.create(
                        {"product_id": self.consulting.id, "product_uom_qty": 10, "price_unit": 100}
                    )
                ],
            }
        )
        project = self.env["project.project"].create(
            {"name": "Plain", "allow_billable": True, "partner_id": self.customer.id}
        )
        order.action_confirm()
        project.sale_line_id = order.order_line
        self.env["account.analytic.line"].create(
            {
                "project_id": project.id,
                "employee_id": self.consultant.id,
                "unit_amount": 4,
                "name": "work",
                "date": JUNE[0],
            }
        )
        invoice = order._create_invoices()
        self.assertEqual(invoice.invoice_line_ids.quantity, 4)
        self.assertEqual(invoice.hub_approval, "none")
        invoice.action_post()
        self.assertFalse(invoice.hub_billing_ids)

    def test_contract_for_an_order_that_was_billed_before(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "order_line": [
                    fields.Command.create(
                        {"product_id": self.consulting.id, "product_uom_qty": 10, "price_unit": 100}
                    )
                ],
            }
        )
        project = self.env["project.project"].create(
            {"name": "Plain", "allow_billable": True, "partner_id": self.customer.id}
        )
        order.action_confirm()
        project.sale_line_id = order.order_line
        entry = self.env["account.analytic.line"].create(
            {
                "project_id": project.id,
                "employee_id": self.consultant.id,
                "unit_amount": 4,
                "name": "work",
                "date": JUNE[0],
            }
        )
        order._create_invoices().action_post()
        contract = self.env["hub.contract"].create(
            {
                "name": "Old",
                "partner_id": self.customer.id,
                "sale_order_id": order.id,
                "project_id": project.id,
                "state": "active",
            }
        )
        self.assertEqual(contract.billing_ids.entry_id, entry)
        self.assertEqual(contract.billing_ids.state, "posted")
        self.assertFalse(self._bill(contract, None, JULY[1]))

    # --- edited by a person -----------------------------------------------------------------------

    def test_approved_entry_that_a_person_edits_waits_again(self):
        contract = self._start_deal()
        entry = self._book(contract, "8")
        boss = self._make_user("timeboss", "hr_timesheet.group_timesheet_manager")
        mine = entry.with_user(boss)
        mine.write({"name": "better words", "unit_amount": 8.0})
        self.assertEqual(entry.hub_approval, "approved")
        mine.write({"unit_amount": 9.0})
        self.assertEqual(entry.hub_approval, "submitted")
        self.assertEqual(contract.sale_order_id.order_line.qty_to_invoice, 0)
        mine.action_hub_approve_time()
        self._change(entry, hours=Decimal("7"))
        self.assertEqual((entry.unit_amount, entry.hub_approval), (7, "approved"))
        mine.write({"date": "2025-06-11"})
        self.assertEqual(entry.hub_approval, "submitted")
