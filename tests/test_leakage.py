from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestLeakage(BusinessCase):
    """Each kind of revenue that may be lost, with its amount, and nothing twice."""

    def setUp(self):
        super().setUp()
        self.today = fields.Date.context_today(self.env.user)
        self.contract = self._start_deal()
        self.contract.date_start = False
        self.env.cr.execute("UPDATE hub_contract SET create_date = now(), won_at = now()")

    def _rows(self, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        rows = (
            self.env["hub.leakage"]
            .with_user(user or self.viewer)
            .search([("company_id", "=", self.company.id)])
        )
        return sorted((r.kind, round(r.hours, 2), round(r.amount, 2)) for r in rows)

    def _ago(self, days):
        return self.today - timedelta(days=days)

    def test_approved_and_not_billed_from_the_companys_day_on(self):
        self.company.hub_unbilled_days = 20
        self._book(self.contract, "2", day=self._ago(20))
        self.assertEqual(self._rows(), [])
        self._book(self.contract, "3", day=self._ago(21))
        self.assertEqual(self._rows(), [("unbilled", 3.0, 450.0)])
        self._approve(self._bill(self.contract, None, self._ago(21)))
        self.assertEqual(self._rows(), [])

    def test_not_approved_after_its_month(self):
        last = self.today.replace(day=1) - timedelta(days=1)
        self._book(self.contract, "1", day=self.today, approval="submitted")
        self._book(self.contract, "2", day=last, approval="submitted")
        self.assertEqual(self._rows(), [("unapproved", 2.0, 300.0)])

    def test_billable_work_that_bills_nothing(self):
        entry = self._book(self.contract, "2", day=self.today)
        entry.write({"is_so_line_edited": True, "so_line": False})
        self.assertEqual(self._rows(), [("no_line", 2.0, 300.0)])

    def test_work_without_a_contract(self):
        project = self.env["project.project"].create(
            {
                "name": "Favour",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "allow_billable": True,
                "allow_timesheets": True,
            }
        )
        self.env["account.analytic.line"].create(
            {
                "project_id": project.id,
                "employee_id": self.consultant.id,
                "date": self.today,
                "name": "work",
                "unit_amount": 4.0,
            }
        )
        self.assertEqual(self._rows(), [("no_contract", 4.0, 0.0)])

    def test_contract_without_work(self):
        self.contract.date_start = self._ago(31)
        self.assertEqual(self._rows(), [("no_work", 0.0, 15000.0)])
        self._book(self.contract, "1", day=self.today)
        self.assertEqual(self._rows(), [])

    def test_retainer_that_expired(self):
        first = (self.today.replace(day=1) - timedelta(days=1)).replace(day=1)
        retainer = self.env["hub.retainer"].create(
            {
                "contract_id": self.contract.id,
                "allowance": 20,
                "fee": 2500,
                "product_id": self.milestone_service.id,
                "date_from": first,
            }
        )
        self._book(self.contract, "16", day=first)
        retainer._refresh(self.today)
        # 4 of 20 h expired, a fifth of 2,500.00; what is covered waits for no invoice.
        self.assertIn(("expired", 4.0, 500.0), self._rows())

    def test_who_sees_it(self):
        with self.assertRaises(AccessError):
            self._rows(self.consultant_user)
        self.company.hub_unbilled_days = 1
        self._book(self.contract, "2", day=self._ago(5))
        other = self.env["res.company"].create({"name": "Another"})
        stranger = self._make_user("stranger", "lead_to_cash_hub.group_hub_viewer")
        stranger.write({"company_id": other.id, "company_ids": [(6, 0, other.ids)]})
        theirs = self.env["hub.leakage"].with_user(stranger)
        self.assertFalse(theirs.with_context(allowed_company_ids=other.ids).search([]))
