from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

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
