from datetime import date

from odoo.tests import tagged

from .revenue_common import MONTHS, RevenueCase
from .view_common import HubBrowser


@tagged("post_install", "-at_install")
class TestRevenueTours(RevenueCase, HubBrowser):
    """Two people: one proposes the revenue of a month, the other looks and has it posted."""

    def test_revenue_is_proposed_by_one_and_approved_by_another(self):
        for user in (self.resolver, self.approver):
            user.password = user.login
        self.company.hub_four_eyes_limit = 1
        contract = self._contract(self._hourly(), self._fixed(1000))
        self._book(contract, "2", day=date(2025, 6, 10))
        self._method(contract.line_ids[1], "hours")
        run = self.env["hub.revenue.run"].with_user(self.resolver)
        run = run.create({"company_id": self.company.id, "date_to": MONTHS[5]})
        url = f"/odoo/hub-revenue-runs/{run.id}"
        self.start_tour(url, "hub_revenue_propose", login=self.resolver.login, timeout=180)
        self.start_tour(url, "hub_revenue_approve", login=self.approver.login, timeout=180)
        run = self._fresh(run)
        self.assertEqual((run.state, run.author_ids), ("posted", self.resolver))
        self.assertEqual((run.closing, run.difference), (300.0, 0.0))
        self.assertEqual(run.move_id.line_ids.mapped("create_uid"), self.approver)
        self.assertEqual(contract.line_ids[1].estimate_hours, 40.0)
