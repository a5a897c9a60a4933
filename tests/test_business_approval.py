from datetime import date

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessApproval(BusinessCase):
    """The hub prepares, a billing approver decides, and only what is right is posted."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()
        self._book(self.contract, "8")
        self.invoice = self._bill(self.contract)

    def _blocked_by(self, code):
        with self.assertRaises(UserError) as refused:
            self._approve(self.invoice)
        checks = self.invoice._hub_run_checks()
        blocking = checks.filtered(lambda check: check.severity == "blocking")
        self.assertEqual(blocking.mapped("code"), [code])
        self.assertIn(blocking.sentence, str(refused.exception))

    # --- rights -----------------------------------------------------------------------------------

    def test_nobody_else_approves(self):
        for user in (self.technical, self.resolver, self.viewer, self.accountant):
            with self.assertRaises(AccessError):
                self.invoice.with_user(user).action_hub_approve()
        self.assertEqual(self.invoice.state, "draft")

    def test_from_a_limit_on_another_person_approves(self):
        hub = "lead_to_cash_hub.group_hub_"
        second = self._make_user("second", "base.group_user", hub + "billing_approver")
        # The approver changes a text of the draft, somebody else does so afterwards.
        self.invoice.with_user(self.approver).invoice_line_ids[0].name = "Consulting, as agreed"
        self.invoice.with_user(self.accountant).invoice_line_ids[0].name = "Consulting"
        self.assertIn(self.approver, self.invoice.hub_author_ids)
        with self.assertRaises(AccessError):
            self.invoice.with_user(self.approver).write({"hub_author_ids": [(5,)]})
        self.company.hub_four_eyes_limit = self.invoice.amount_total
        with self.assertRaisesRegex(AccessError, "another billing approver"):
            self._approve(self.invoice)
        self.invoice.with_user(second).action_hub_approve()
        self.assertEqual((self.invoice.state, self.invoice.hub_approved_by_id), ("posted", second))
        self.assertNotIn(second, self.invoice.hub_author_ids, "approving is no authorship")

    def test_below_the_limit_every_approver_may(self):
        self.invoice.with_user(self.approver).invoice_line_ids[0].name = "Consulting, as agreed"
        self.company.hub_four_eyes_limit = self.invoice.amount_total + 0.01
        self._approve(self.invoice)
        self.assertEqual(self.invoice.state, "posted")

    def test_nobody_posts_without_approval(self):
        for user in (self.technical, self.accountant, self.approver):
            with self.assertRaises(UserError):
                self.invoice.with_user(user).action_post()
        with self.assertRaises(UserError):
            self.invoice.action_post()  # not even the superuser

    def test_status_cannot_be_written_around(self):
        clerk = self._make_user("clerk", "base.group_user", "account.group_account_invoice")
        forged = {"hub_own_code": True, "hub_posting": True}
        for user in (clerk, self.technical, self.approver):
            invoice = self.invoice.with_user(user)
            for move in (invoice, invoice.with_context(**forged)):
                with self.assertRaises(UserError):
                    move.write({"state": "posted"})
        self.assertEqual(self.invoice.state, "draft")
        self._approve(self.invoice)
        for state in ("draft", "cancel"):
            with self.assertRaises(UserError):
                self.invoice.with_user(clerk).write({"state": state})
        self.invoice.with_user(clerk).button_draft()
        self.invoice.with_user(clerk).button_cancel()
        self.assertEqual(self.invoice.state, "cancel")
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 8)

    def test_approval_cannot_be_written_around(self):
        for values in (
            {"hub_approval": "approved"},
            {"hub_approval": "none"},
            {"hub_contract_id": False},
            {"hub_refund_payment_id": 1},
            {"hub_period_to": False},
            {"hub_posted_at": "2025-01-01"},
        ):
            for user in (self.technical, self.accountant, self.approver):
                with self.assertRaises(AccessError):
                    self.invoice.with_user(user).write(values)
        with self.assertRaises(UserError):
            self.invoice.with_user(self.approver).write({"hub_approval": "approved"})
            self.invoice.invoice_line_ids.quantity = 7
            self.invoice.with_user(self.approver).action_post()

    def test_new_document_of_a_contract_always_waits(self):
        move = (
            self.env["account.move"]
            .with_user(self.accountant)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "hub_contract_id": self.contract.id,
                    "hub_approval": "approved",
                }
            )
        )
        self.assertEqual(move.hub_approval, "to_approve")

    def test_approval_comes_with_no_new_document(self):
        moves = self.env["account.move"].with_user(self.accountant)
        values = {"move_type": "out_invoice", "partner_id": self.customer.id}
        for name, value in (
            ("hub_approved_by_id", self.approver.id),
            ("hub_approved_at", "2025-01-01"),
            ("hub_author_ids", [(6, 0, self.resolver.ids)]),
            ("hub_period_to", "2025-01-31"),
        ):
            with self.assertRaises(AccessError):
                moves.create({**values, "hub_contract_id": self.contract.id, name: value})
        for context in (
            {"default_hub_contract_id": self.contract.id, "default_hub_approval": "approved"},
            {"default_hub_contract_id": self.contract.id},
            {"default_hub_approved_by_id": self.approver.id},
        ):
            with self.assertRaises(AccessError):
                moves.with_context(**context).create(values)
        self._book(self.contract, "1")
        order = self.contract.sale_order_id.with_context(
            default_hub_approved_by_id=self.approver.id
        )
        with self.assertRaises(AccessError):  # nor through code that creates with sudo
            order._create_invoices()

    def test_approver_is_the_one_who_posts(self):
        self._approve(self.invoice)
        self.assertEqual(self.invoice.hub_approved_by_id, self.approver)
        self.assertTrue(self.invoice.hub_approved_at)
        self.assertTrue(self.invoice.hub_posted_at)
        self.assertTrue(self.invoice.hub_drafted_at)

    def test_first_times_stay(self):
        self._approve(self.invoice)
        first = self.invoice.hub_posted_at
        self.env.cr.execute(
            "UPDATE account_move SET hub_posted_at = '2025-01-01' WHERE id = %s",
            [self.invoice.id],
        )
        self.invoice.invalidate_recordset()
        self.invoice.button_draft()
        self._approve(self.invoice)
        self.assertTrue(first)
        self.assertEqual(str(self.invoice.hub_posted_at), "2025-01-01 00:00:00")

    def test_order_with_a_posted_invoice_is_not_cancelled(self):
        self._approve(self.invoice)
        with self.assertRaises(UserError):
            self.contract.sale_order_id._action_cancel()
        self.assertEqual(self.contract.sale_order_id.state, "sale")

    def test_draft_again_needs_approval_again(self):
        self._approve(self.invoice)
        self.invoice.with_user(self.accountant).button_draft()
        self.assertEqual(self.invoice.hub_approval, "to_approve")
        with self.assertRaises(UserError):
            self.invoice.with_user(self.accountant).action_post()

    # --- checks -----------------------------------------------------------------------------------

    def test_all_is_well(self):
        self.assertEqual(set(self.invoice.hub_check_ids.mapped("severity")), {"ok"})
        self.assertEqual((self.invoice.hub_blocking_count, self.invoice.hub_warning_count), (0, 0))

    def test_service_code(self):
        self.consulting.default_code = False
        self._blocked_by("service_code")

    def test_price_is_the_price_of_the_contract(self):
        self.invoice.invoice_line_ids.price_unit = 140
        self._blocked_by("rate")

    def test_price_of_the_order_is_not_the_price_of_the_contract(self):
        self.contract.sale_order_id.order_line.price_unit = 140
        self.invoice.invoice_line_ids.price_unit = 140
        self._blocked_by("rate")
        self.assertEqual(self.contract.line_ids.unit_price, 150)

    def test_no_tax_without_a_reason(self):
        self.invoice.invoice_line_ids.tax_ids = False
        self.company.account_sale_tax_id = self.tax
        self._blocked_by("tax")
        self.invoice.fiscal_position_id = self.env["account.fiscal.position"].create(
            {"name": "Export", "company_id": self.company.id}
        )
        self.invoice.invoice_line_ids.tax_ids = False
        self._approve(self.invoice)

    def test_billing_address(self):
        self.customer.street = False
        self._blocked_by("customer_data")

    def test_purchase_order(self):
        self.contract.po_required = True
        self._blocked_by("purchase_order")
        self.contract.po_number = "PO-7"
        self._approve(self.invoice)

    def test_purchase_order_of_the_customer_is_required_on_new_contracts(self):
        self.customer.hub_po_required = True
        self.assertTrue(self._start_deal().po_required)

    def test_locked_period_is_a_finding_and_not_another_date(self):
        self.company.sale_lock_date = date(2025, 6, 30)
        self.invoice.invoice_date = date(2025, 6, 30)
        self._blocked_by("period_lock")
        self.invoice.invoice_date = date(2025, 7, 1)
        self._approve(self.invoice)
        self.assertEqual(self.invoice.date, date(2025, 7, 1))

    def test_unapproved_time_on_the_invoice(self):
        # Only possible past every rule; the check stands on its own.
        self.env.cr.execute(
            "UPDATE account_analytic_line SET hub_approval = 'draft' WHERE id = %s",
            [self.invoice.hub_billing_ids.entry_id.id],
        )
        self.env.invalidate_all()
        self._blocked_by("approval")

    # --- the run ----------------------------------------------------------------------------------

    def test_run_of_all_contracts_makes_one_invoice_each(self):
        first, second = self._start_deal(), self._start_deal()
        self._book(first, "1")
        self._book(second, "2")
        moves = self._bill()
        self.assertEqual(len(moves), 2)
        self.assertEqual(moves.hub_contract_id, first | second)

    def test_period_restricts_and_late_time_comes_with_the_next(self):
        self._book(self.contract, "1", day=date(2025, 7, 2))
        self._book(self.contract, "2", day=date(2025, 6, 30))
        july = self._bill(self.contract, date(2025, 7, 1), date(2025, 7, 31))
        self.assertEqual(july.invoice_line_ids.quantity, 1)
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 2)
        rest = self._bill(self.contract, None, date(2025, 7, 31))
        self.assertEqual(rest.invoice_line_ids.quantity, 2)

    def test_contract_that_fails_does_not_stop_the_others(self):
        broken = self._start_deal()
        self._book(broken, "1")
        healthy = self._start_deal()
        self._book(healthy, "1")
        self.env.cr.execute(
            "UPDATE sale_order SET partner_invoice_id = partner_id, currency_id = %s WHERE id = %s",
            [self.env.ref("base.EUR").id, broken.sale_order_id.id],
        )
        self.env.invalidate_all()
        moves, failures = (
            self.env["hub.billing.run"]
            .with_user(self.resolver)
            ._run(self.company, None, date(2025, 6, 30), broken | healthy)
        )
        self.assertEqual(moves.hub_contract_id, healthy)
        self.assertEqual(failures[0]["contract"], broken.display_name)

    def test_the_form_says_which_contracts_were_left_out(self):
        broken, healthy = self._start_deal(), self._start_deal()
        self._book(broken, "1")
        self._book(healthy, "1")
        self.env.cr.execute(
            "UPDATE sale_order SET partner_invoice_id = partner_id, currency_id = %s WHERE id = %s",
            [self.env.ref("base.EUR").id, broken.sale_order_id.id],
        )
        self.env.invalidate_all()
        run = (
            self.env["hub.billing.run"]
            .with_user(self.approver)
            .create({"date_to": date(2025, 6, 30), "company_id": self.company.id})
        )
        run.contract_ids = broken | healthy
        action = run.action_run()
        self.assertEqual((action["res_model"], action["res_id"]), (run._name, run.id))
        self.assertEqual(run.state, "done")
        self.assertIn(f"{broken.display_name} was left out", run.result)
        self.assertEqual(run.action_show()["domain"], [("id", "in", run.move_ids.ids)])
        self.assertEqual(run.move_ids.hub_contract_id, healthy)

    def test_an_invoice_prints_quantities_as_people_write_them(self):
        line = self.invoice.invoice_line_ids
        self.assertEqual(line._fields["quantity"].get_digits(self.env)[1], 6)
        report = self.env["ir.actions.report"]
        html = report._render_qweb_html("account.report_invoice", self.invoice.ids)[0].decode()
        self.assertIn(">8.00<", html)
        self.assertNotIn("8.000000", html)
        line.quantity = 13.333333
        printed = self.env["ir.qweb.field.float"]
        self.assertEqual(printed.record_to_html(line, "quantity", {}), "13.333333")
        options = {"decimal_precision": "Product Unit"}
        self.assertEqual(printed.value_to_html(8.5, options), "8.50")
        self.assertEqual(
            self.contract.line_ids._fields["quantity"].get_min_display_digits(self.env), 2
        )

    def test_wizard_shows_what_it_made(self):
        self._book(self.contract, "1")
        run = (
            self.env["hub.billing.run"]
            .with_user(self.resolver)
            .create({"date_to": date(2025, 6, 30), "company_id": self.company.id})
        )
        self.assertEqual(run.action_run()["res_id"], run.id)  # may not read invoices
        self.assertEqual(run.move_count, 1)
        self.assertIn("1 draft", run.result)
        again = self.env["hub.billing.run"].with_user(self.approver)
        self._book(self.contract, "1")
        again = again.create({"date_to": date(2025, 6, 30), "company_id": self.company.id})
        self.assertEqual(again.action_run()["domain"], [("id", "in", again.move_ids.ids)])
        with self.assertRaises(UserError):
            run.copy().action_run()
        with self.assertRaises(AccessError):
            self.env["hub.billing.run"].with_user(self.viewer).create(
                {"date_to": fields.Date.today()}
            )

    def test_unlimited_draft_is_unlinked_without_trace(self):
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 0)
        self.invoice.invoice_line_ids.unlink()
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 8)
