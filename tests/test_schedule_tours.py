from odoo.tests import tagged

from .schedule_common import ScheduleCase
from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestScheduleTours(ScheduleCase, HubScreens, HubBrowser):
    """A resolver writes a schedule, starts it and proposes a run; an approver bills it."""

    def test_a_schedule_is_written_billed_and_approved(self):
        for user in (self.resolver, self.approver):
            user.password = user.login
        self.company.hub_four_eyes_limit = 1
        contract = self._draft(
            {"kind": "schedule", "name": "Rollout", "unit_price": 90000},
            self._service(1000, "2025-03-15", "2025-06-14"),
        )
        url = f"/odoo/hub-contracts/{contract.id}"
        self.start_tour(url, "hub_schedule_write", login=self.resolver.login, timeout=180)
        self._fresh(contract)
        self.assertEqual(contract.state, "active")
        fee = contract.line_ids.filtered(lambda line: line.kind == "schedule")
        self.assertEqual(fee.instalment_ids.mapped("amount"), [30000.0, 60000.0])
        batch = self.env["hub.billing.batch"].search([("company_id", "=", self.company.id)])
        # 30,000.00 of the fee, 548.39 of March
        self.assertEqual((batch.line_ids.amount, batch.state), (30548.39, "proposed"))
        url = f"/odoo/hub-billing-runs/{batch.id}"
        self.start_tour(url, "hub_schedule_approve", login=self.approver.login, timeout=180)
        self._fresh(contract)
        self.assertEqual(contract.move_ids.state, "posted")
        self.assertEqual(contract.move_ids.amount_untaxed, 30548.39)
