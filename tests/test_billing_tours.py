from odoo.tests import tagged

from .business_common import BusinessCase
from .view_common import HubBrowser


@tagged("post_install", "-at_install")
class TestBillingTours(BusinessCase, HubBrowser):
    """Two people and a billing run: one proposes, the other leaves a line out and approves."""

    def test_a_run_is_proposed_by_one_and_approved_by_another(self):
        for user in (self.resolver, self.approver):
            user.password = user.login
        self.company.hub_four_eyes_limit = 1
        agreed, disagreed, blocked = (
            self._start_deal(name=name) for name in ("Agreed", "Disagreed", "Blocked")
        )
        blocked.po_required = True
        for contract in (agreed, disagreed, blocked):
            self._book(contract, "2")
        self._book(agreed, "1", approval="submitted")
        url = "/odoo/hub-billing-runs"
        self.start_tour(url, "hub_billing_propose", login=self.resolver.login, timeout=180)
        batch = self.env["hub.billing.batch"].search([("company_id", "=", self.company.id)])
        self.assertEqual((batch.state, batch.author_ids), ("proposed", self.resolver))
        self.start_tour(url, "hub_billing_approve", login=self.approver.login, timeout=180)
        self.env.invalidate_all()
        states = {line.contract_id: line.state for line in batch.line_ids}
        self.assertEqual(states, {agreed: "billed", disagreed: "left_out", blocked: "left_out"})
        move = agreed.move_ids
        self.assertEqual((move.state, move.hub_approved_by_id), ("posted", self.approver))
        self.assertFalse((disagreed | blocked).move_ids)
