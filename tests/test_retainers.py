from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from lxml.html import fromstring
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import file_path

from .business_common import BusinessCase

JUNE, JULY = date(2025, 6, 30), date(2025, 7, 31)


@tagged("post_install", "-at_install")
class TestRetainers(BusinessCase):
    """Prepaid hours and money: statements and invoices worked out by hand."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()  # 150.00 an hour

    def _retainer(self, **values):
        return self.env["hub.retainer"].create(
            {
                "contract_id": self.contract.id,
                "allowance": 20,
                "fee": 2500,
                "product_id": self.milestone_service.id,
                "date_from": date(2025, 6, 1),
                "date_to": JULY,
                **values,
            }
        )

    def _run(self, cut_off):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(self.resolver)
            .create({"company_id": self.company.id, "date_to": cut_off})
        )
        batch.action_propose()
        return self._fresh(batch).line_ids

    def _approve_run(self, line):
        line.with_user(self.approver).action_approve()
        self._fresh(line)
        self.assertEqual(line.state, "billed", line.failure)
        return line.move_id

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _statement(self, retainer):
        names = ("opening", "added", "used", "expired", "closing", "over")
        return [tuple(period[name] for name in names) for period in retainer.period_ids]

    def test_two_months_with_roll_over_and_overage(self):
        retainer = self._retainer(carry="limited", carry_limit=3, overage_allowed=True)
        self._book(self.contract, "10", "6", day=date(2025, 6, 10))
        line = self._run(JUNE)
        # The fee alone is billed; 16 h are covered, 3 of the 4 h that are left are carried over.
        self.assertEqual((line.amount, line.source_count), (2500.0, 1))
        self.assertEqual(self._statement(retainer), [(0, 20, 16, 1, 3, 0)])
        self.assertEqual(self._approve_run(line).amount_untaxed, 2500.0)
        self.assertEqual(self.contract.sale_order_id.order_line[0].qty_to_invoice, 0)
        self._book(self.contract, "20", "5", day=date(2025, 7, 10))
        line = self._run(JULY)
        # 3 + 20 h are there: 2 of 25 h are overage, 300.00 beside the fee.
        self.assertEqual((line.amount, line.source_count), (2800.0, 2))
        self.assertEqual(self._statement(retainer)[1], (3, 20, 23, 0, 0, 2))
        move = self._approve_run(line)
        self.assertEqual(move.amount_untaxed, 2800.0)
        row = move.hub_billing_ids.filtered("entry_id")
        self.assertEqual((row.quantity, row.worked, row.consumed, row.amount), (2, 5, 3, 300))
        retainer.action_refresh()
        self.assertEqual(self._statement(retainer)[1], (3, 20, 23, 0, 0, 2), "the same afterwards")
        self.assertEqual(self._run(JULY).mapped("amount"), [], "nothing is billed twice")

    def test_without_overage_it_waits(self):
        self._retainer()
        self._book(self.contract, "18", day=date(2025, 6, 10))
        self._book(self.contract, "4", day=date(2025, 6, 11))
        self._book(self.contract, "1", day=date(2025, 6, 12))
        line = self._run(JUNE)
        self.assertEqual((line.amount, line.finding_ids.code), (2500.0, "retainer_over"))
        self.assertEqual((line.finding_ids.hours, line.finding_ids.amount), (5.0, 750.0))
        self._approve_run(line)
        self.assertEqual(self.contract.move_ids.amount_untaxed, 2500.0)

    def test_closed_period_is_settled_and_late_time_counts_in_the_next(self):
        retainer = self._retainer(overage_allowed=True)
        entry = self._book(self.contract, "16", day=date(2025, 6, 10))
        retainer._refresh(JULY)
        june, july = retainer.period_ids
        with self.assertRaises(UserError):
            july.action_close()
        june.action_close()
        self._fresh(retainer)
        row = entry.hub_billing_id
        self.assertEqual((row.state, row.consumed, row.amount), ("consumed", 16.0, 0.0))
        self.assertEqual(self._change(entry, hours=9).problem.code, "changed_after_billing")
        self._book(self.contract, "3", day=date(2025, 6, 30))
        retainer._refresh(JULY)
        self.assertEqual(self._statement(retainer), [(0, 20, 16, 4, 0, 0), (0, 20, 3, 17, 0, 0)])

    # --- late and changed time ------------------------------------------------------------------------

    def _overage(self):
        """Hours that are billed beyond the balance, on drafts and posted."""
        rows = self.env["hub.billing"].search(
            [("contract_id", "=", self.contract.id), ("entry_id", "!=", False)]
        )
        return sum(rows.filtered(lambda row: row.state != "released").mapped("quantity"))

    def test_late_time_is_billed_as_if_it_had_come_in_time(self):
        retainer = self._retainer(allowance=23, overage_allowed=True)
        self._book(self.contract, "20", day=date(2025, 6, 10))
        beyond = self._book(self.contract, "5", day=date(2025, 6, 11))
        self._approve_run(self._run(JUNE))
        self.assertEqual(self._overage(), 2.0)
        self._book(self.contract, "4", day=date(2025, 6, 5))
        line = self._run(JUNE)
        self.assertEqual(line.amount, 600.0, "29 h worked, 23 h covered, 2 h were billed")
        self._approve_run(line)
        self.assertEqual(self._overage(), 6.0)
        self.assertEqual(self._statement(retainer), [(0, 23, 23, 0, 0, 6)])
        self.assertEqual(beyond.hub_billing_id.consumed, 3.0)
        self.assertFalse(self._run(JUNE))

    def test_late_time_does_not_take_what_the_next_period_was_billed_with(self):
        retainer = self._retainer(carry="all", overage_allowed=True)
        self._book(self.contract, "16", day=date(2025, 6, 10))
        self._book(self.contract, "25", day=date(2025, 7, 10))
        self._approve_run(self._run(JULY))
        self._book(self.contract, "3", day=date(2025, 6, 20))
        self.assertEqual(self._run(JULY).amount, 450.0, "June's 4 h are July's by now")
        self.assertEqual(self._statement(retainer), [(0, 20, 16, 0, 4, 3), (4, 20, 24, 0, 0, 1)])

    def test_thirds_of_an_hour_are_covered_to_the_second(self):
        self._retainer(allowance=1, overage_allowed=True)
        self._book(self.contract, "0.333333", day=date(2025, 6, 10))
        beyond = self._book(self.contract, "1.333333", day=date(2025, 6, 11))
        self._approve_run(self._run(JUNE))
        self.assertAlmostEqual(beyond.hub_billing_id.consumed, 0.666667, 6)
        self._book(self.contract, "0.333333", day=date(2025, 6, 9))
        self.assertEqual(self._run(JUNE).amount, 50.0)

    def test_changed_entry_on_a_draft_is_billed_beyond_the_balance_only(self):
        retainer = self._retainer(overage_allowed=True)
        self._book(self.contract, "18", day=date(2025, 6, 10))
        first = self._book(self.contract, "5", day=date(2025, 6, 11))
        second = self._book(self.contract, "4", day=date(2025, 6, 12))
        retainer._refresh(JUNE)
        invoice = self._bill(self.contract)
        self.assertEqual((invoice.amount_untaxed, self._overage()), (3550.0, 7.0))
        for hours, own, other, untaxed in (
            ("6", (4, 2), (4, 0), 3700.0),
            ("1.5", None, (3.5, 0.5), 3025.0),  # covered whole: it leaves the draft
        ):
            self._change(first, hours=Decimal(hours))
            self._fresh(invoice)
            for entry, expected in ((first, own), (second, other)):
                row = entry.hub_billing_id
                self.assertEqual((row.quantity, row.consumed) if row else None, expected)
            self.assertEqual(invoice.amount_untaxed, untaxed)
            self.assertTrue(all(invoice.hub_billing_ids.filtered("entry_id").mapped("of_retainer")))
            self.assertEqual(invoice.hub_approval, "to_approve")
        self._approve(invoice)
        retainer._refresh(JUNE)
        self.assertEqual(self._statement(retainer), [(0, 20, 20, 0, 0, 3.5)])

    def test_all_lines_of_a_draft_follow_a_changed_entry(self):
        self.contract = self._start_deal(
            [
                self._line(self.consulting, 10, "150.00"),
                self._line(self.architecture, 10, "200.00"),
            ]
        )
        retainer = self._retainer(overage_allowed=True)
        tasks = {
            task.sale_line_id.product_id: task.id for task in self.contract.project_id.task_ids
        }
        first = self._book(self.contract, "22", day=date(2025, 6, 11), task=tasks[self.consulting])
        self._book(self.contract, "4", day=date(2025, 6, 12), task=tasks[self.architecture])
        retainer._refresh(JUNE)
        invoice = self._bill(self.contract)
        self.assertEqual(invoice.amount_untaxed, 2500 + 300 + 800)
        self._change(first, hours=Decimal(19))
        self._fresh(invoice)
        self.assertEqual((invoice.amount_untaxed, self._overage()), (2500 + 600, 3.0))
        self._change(first, hours=Decimal(21))
        self._fresh(invoice)
        self.assertEqual(
            self._overage(), 3.0, "what has left the draft is billed with the next run"
        )
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300.0)

    # --- closed periods, and such as are not open yet ----------------------------------------------------

    def test_a_closed_period_keeps_what_it_covered(self):
        retainer = self._retainer(carry="all", overage_allowed=True)
        self._book(self.contract, "18.333333", day=date(2025, 6, 10))
        entry = self._book(self.contract, "5", day=date(2025, 6, 11))
        retainer._refresh(JULY)
        retainer.period_ids[0].action_close()
        self._fresh(retainer)
        self.assertAlmostEqual(entry.hub_retainer_covered, 1.666667, 6)
        self.assertFalse(entry.hub_billing_id, "3.33 h of it are still to be billed")
        self.assertFalse(self._change(entry, hours=Decimal(6)).problem)
        self._book(self.contract, "4", day=date(2025, 6, 5))  # late: July covers it
        line = self._run(JULY)
        self.assertEqual(line.amount, 2500 + 2500 + 650.0)
        self.assertEqual(self._statement(retainer)[1], (0, 20, 4, 0, 16, 0))
        self._approve_run(line)
        row = entry.hub_billing_id
        self.assertAlmostEqual(row.quantity + row.consumed, 6, 6)
        self.assertEqual(
            retainer._work()[self.contract.id][0][:2],
            [self.contract.project_id.timesheet_ids.sorted("date")[0].id, date(2025, 6, 5)],
            "what is settled in a closed period is not read again",
        )

    def test_time_of_a_period_that_is_not_open_yet_waits(self):
        retainer = self._retainer(overage_allowed=True)
        self._book(self.contract, "5", day=date(2025, 6, 11))
        self.assertFalse(self._bill(self.contract), "the allowance will cover it")
        retainer._refresh(JUNE)
        retainer.period_ids.action_close()
        self._book(self.contract, "4", day=date(2025, 6, 12))
        line = self._run(JUNE)
        self.assertEqual((line.amount, line.finding_ids.hours), (2500.0, 4.0), "July covers it")
        self._book(self.contract, "1", day=date(2025, 8, 1))  # after the retainer
        line = self._run(date(2025, 8, 31))
        self.assertEqual(
            line.amount, 2500.0 + 150.0, "July's fee and it; June's is in the run before"
        )

    def test_late_time_after_the_last_period_is_overage(self):
        for allowed, amount in ((True, 5600.0), (False, 5000.0)):
            self.contract = self._start_deal()
            retainer = self._retainer(overage_allowed=allowed)
            retainer._refresh(JULY)
            retainer.period_ids.action_close()
            self._book(self.contract, "4", day=date(2025, 6, 12))
            line = self._run(JULY).filtered(lambda line: line.contract_id == self.contract)
            self.assertEqual(line.amount, amount)
            self.assertEqual(len(line.finding_ids), 1 - allowed)

    def test_what_overage_was_billed_by_is_kept(self):
        retainer = self._retainer(fee=0, overage_allowed=True)
        self._book(self.contract, "21", day=date(2025, 6, 11))
        self._approve_run(self._run(JUNE))
        with self.assertRaises(UserError):
            retainer.allowance = 30

    def test_money_instead_of_hours(self):
        retainer = self._retainer(basis="amount", allowance=1000, fee=1000, overage_allowed=True)
        self._book(self.contract, "8", day=date(2025, 6, 10))  # 1,200.00
        line = self._run(JUNE)
        self.assertEqual(line.amount, 1200.0)  # the fee and 200.00 beyond it
        self.assertEqual(self._statement(retainer), [(0, 1000, 1000, 0, 0, 200)])
        self.assertEqual(self._approve_run(line).amount_untaxed, 1200.0)

    def test_notices(self):
        retainer = self._retainer(overage_allowed=True)
        told = []
        for hours in ("15", "1", "4", "9"):  # 75, 80, 100, 145 %
            self._book(self.contract, hours, day=date(2025, 6, 10))
            retainer._refresh(JUNE)
            told.append(retainer.period_ids.told)
        self.assertEqual(told, [0, 80, 100, 100])
        self.assertEqual(len(self.contract.activity_ids), 2)

    def test_of_another_balance_people_are_told_anew(self):
        retainer = self._retainer(overage_allowed=True)
        entry = self._book(self.contract, "20", day=date(2025, 6, 10))

        def after(**values):
            retainer.write(values)
            retainer._refresh(JUNE)
            return retainer.period_ids.told, len(self.contract.activity_ids)

        self.assertEqual(after(), (100, 1))
        self.assertEqual(after(allowance=24), (80, 2), "83 % of the new one")
        self.assertEqual(after(), (80, 2))
        self.assertEqual(after(allowance=20), (100, 3))
        entry.hub_approval = "rejected"
        self.assertEqual(after(), (0, 3), "nothing is used any more")
        entry.hub_approval = "approved"
        self.assertEqual(after(), (100, 4))

    def test_after_the_update_people_are_not_told_again(self):
        retainer = self._retainer(overage_allowed=True)
        self._book(self.contract, "20", day=date(2025, 6, 10))
        retainer._refresh(JUNE)
        self.env.flush_all()
        self.env.cr.execute("UPDATE hub_retainer_period SET told_of = NULL")
        path = file_path("lead_to_cash_hub/migrations/19.0.1.3.0/post-retainers.py")
        load_script(path, "post-retainers").migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        retainer._refresh(JUNE)
        self.assertEqual(len(self.contract.activity_ids), 1)

    def test_what_is_agreed_and_worked_out_is_kept(self):
        retainer = self._retainer()
        self._approve_run(self._run(JUNE))
        with self.assertRaises(UserError):
            retainer.allowance = 30
        retainer.date_to = date(2025, 12, 31)
        with self.assertRaises(UserError):
            retainer.unlink()
        period = retainer.period_ids
        for user in (self.resolver, self.approver, self.viewer):
            with self.assertRaises(AccessError):
                period.with_user(user).write({"used": 0.0})
        with self.assertRaises(AccessError):
            period.with_user(self.viewer).action_close()
        with self.assertRaises(ValidationError):
            self.contract.cap_amount = 100
        with self.assertRaises(ValidationError):
            self._retainer(allowance=0, contract_id=self._start_deal().id)

    def test_queries_do_not_grow_with_entries(self):
        self._retainer(allowance=10_000)

        def cost(count, day):
            self._book(self.contract, *["0.5"] * count, day=day)
            self._fresh(self.contract)
            before = self.env.cr.sql_log_count
            self._run(day)
            return self.env.cr.sql_log_count - before

        cost(2, date(2025, 6, 2))
        few, many = cost(30, date(2025, 6, 3)), cost(60, date(2025, 6, 4))
        self.assertLessEqual(many - few, 3)

    # --- fees, and what fails ---------------------------------------------------------------------------

    def test_no_fee_is_lost_when_the_contract_starts_later(self):
        retainer = self._retainer()
        links = {name: self.contract[name].id for name in ("sale_order_id", "project_id")}
        self.contract.write(dict.fromkeys(links, False))
        retainer._refresh(JUNE)
        self.assertFalse(retainer.period_ids)
        self.contract.write(links)
        self.assertEqual(self._run(JULY).amount, 5000.0)
        self.assertEqual(len(retainer.period_ids.milestone_id), 2)

    def test_a_fee_is_billed_one_period_ahead_and_not_more(self):
        today = date.today()
        first = today.replace(day=1)
        retainer = self._retainer(date_from=first, date_to=False)
        for _again in range(2):
            line = self._run(first + relativedelta(months=6))
            self.assertEqual(line.amount, 5000.0)
            line.batch_id.action_discard()
            now, ahead = retainer.period_ids
            self.assertEqual(ahead.date_from, first + relativedelta(months=1))
            self.assertEqual(ahead.milestone_id.hub_accepted_on, today)
            self.assertEqual(now.milestone_id.hub_accepted_on, first)

    def test_a_retainer_that_fails_does_not_stop_the_others(self):
        broken, sound = self._retainer(), self._retainer(contract_id=self._start_deal().id)
        bill_fees = type(self.env["hub.retainer.period"])._bill_fees

        def fail(periods):
            if broken in periods.retainer_id:
                raise UserError(self.env._("The order is locked."))
            return bill_fees(periods)

        self.patch(type(self.env["hub.retainer.period"]), "_bill_fees", fail)
        for _night in range(2):
            self.env["hub.retainer"]._run()
        self.assertFalse(broken.period_ids)
        self.assertTrue(sound.period_ids)
        activity = self.contract.activity_ids
        self.assertEqual(len(activity), 1, "told once")
        self.assertIn("The order is locked.", activity.note)
        self._book(self.contract, "5", day=date(2025, 6, 11))
        line = self._run(JUNE)
        self.assertEqual(line.contract_id, sound.contract_id)
        self.assertIn(self.contract.display_name, line.batch_id.message_ids[:1].body)

    # --- who is told ------------------------------------------------------------------------------------

    def test_somebody_is_told_who_can_act(self):
        lead = self.contract.lead_id
        salesperson = self._make_user("sally", "base.group_user", "sales_team.group_sale_salesman")
        manager = self._make_user("mona", "base.group_user", "project.group_project_manager")
        lead.user_id = salesperson
        self.contract.project_id.user_id = manager
        self.contract.sale_order_id.user_id = self.technical
        told = []
        for _one in range(3):
            self.contract._hub_tell("Look", "Please")
            told.append(self.contract.activity_ids.user_id)
            self.contract.activity_ids.unlink()
            told[-1].active = False
        self.assertEqual(told[:2], [salesperson, manager])
        self.assertTrue(told[2].has_group("lead_to_cash_hub.group_hub_billing_approver"))
        self.assertNotIn(self.technical, told)

    def test_where_nobody_can_act_it_stands_on_the_contract(self):
        self.env.ref("lead_to_cash_hub.group_hub_billing_approver").all_user_ids.active = False
        self.contract.lead_id.user_id = self.contract.sale_order_id.user_id = self.technical
        self.contract.project_id.user_id = False
        self.contract._hub_tell("Look", "Please")
        self.assertFalse(self.contract.activity_ids)
        self.assertIn("Please", self.contract.message_ids[:1].body)

    def test_the_fee_is_untaxed(self):
        included = self.env["account.tax"].create(
            {
                "name": "Included",
                "amount": 19,
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        self.milestone_service.taxes_id = included
        with self.assertRaisesRegex(ValidationError, "include their tax"):
            self._retainer()

    # --- the customer's statement -----------------------------------------------------------------------

    def _printed(self, retainer):
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "lead_to_cash_hub.retainer_statement", retainer.ids
        )
        return [cell.text_content().strip() for cell in fromstring(html).xpath("//tbody//td")]

    def test_the_statement_goes_to_the_billing_contact(self):
        retainer = self._retainer(carry="limited", carry_limit=3, overage_allowed=True)
        self._book(self.contract, "16", day=date(2025, 6, 10))
        self._book(self.contract, "25", day=date(2025, 7, 10))
        retainer._refresh(JULY)
        action = retainer.with_user(self.resolver).action_send_statement()
        compose = (
            self.env["mail.compose.message"]
            .with_user(self.resolver)
            .with_context(**action["context"])
        ).create({})
        self.assertEqual(compose.partner_ids, self.contract.bill_partner_id)
        self.assertIn(self.contract.code, compose.subject)
        self.assertEqual(len(compose.attachment_ids), 1)
        cells = self._printed(retainer)
        self.assertEqual(cells[1:7], ["0.00", "20.00", "16.00", "1.00", "3.00", "0.00"])
        self.assertEqual(cells[8:14], ["3.00", "20.00", "23.00", "0.00", "0.00", "2.00"])

    def test_a_running_period_has_not_expired(self):
        self.enterContext(freeze_time("2025-06-10"))
        retainer = self._retainer()
        self._book(self.contract, "5", day=date(2025, 6, 3))
        retainer._refresh(date(2025, 6, 10))
        self.assertEqual(
            self._printed(retainer)[1:7], ["0.00", "20.00", "5.00", "", "15.00", "0.00"]
        )
        june = retainer.period_ids[0]
        self.assertEqual((june.ended, june.lapsed, june.left), (False, 0.0, 15.0))
        self.enterContext(freeze_time("2025-07-01"))
        self._fresh(retainer)
        self.assertEqual((june.ended, june.lapsed, june.left), (True, 15.0, 0.0))
        self.assertEqual(
            self._printed(retainer)[1:7], ["0.00", "20.00", "5.00", "15.00", "0.00", "0.00"]
        )

    def test_a_statement_in_money_names_its_currency(self):
        retainer = self._retainer(basis="amount", allowance=1000, fee=1000)
        retainer._refresh(JUNE)
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "lead_to_cash_hub.retainer_statement", retainer.ids
        )
        self.assertIn("1,000.00", html.decode())
        later = self._retainer(
            contract_id=self._start_deal().id, date_from="2199-01-01", date_to=False
        )
        with self.assertRaises(UserError):
            later.action_send_statement()
