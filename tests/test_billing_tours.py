from odoo.tests import tagged

from .business_common import BusinessCase
from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestBillingTours(BusinessCase, HubScreens, HubBrowser):
    """Two people: one proposes a billing run, a correction, a write-off, the other decides."""

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

    def test_a_billed_entry_is_corrected(self):
        for user in (self.resolver, self.approver):
            user.password = user.login
        contract = self._start_deal()
        entry = self._book(contract, "8")
        self._approve(self._bill(contract))
        problem = self._change(entry, hours=6).problem
        tracker = self.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "environment": "sandbox",
                "base_url": "https://harvest.invalid",
                "account_ref": "1",
                "user_id": self.technical.id,
                "company_ids": self.company.ids,
            }
        )
        message = self.receive(tracker, "time_entry", "changed")
        issue = self.need_person(message, problem.code, dict(problem.params), 1200.0)
        self.start_tour(
            "/odoo/hub-exceptions", "hub_correct_billed", login=self.resolver.login, timeout=180
        )
        note = contract.move_ids.filtered(lambda move: move.move_type == "out_refund")
        self.assertEqual((note.amount_untaxed, note.hub_approval), (1200.0, "to_approve"))
        self.assertEqual(
            issue.exception_ids.state, "open", "nothing is changed before the approval"
        )
        url = f"/odoo/account.move/{note.id}"
        self.start_tour(url, "hub_correct_approve", login=self.approver.login, timeout=180)
        self.env.invalidate_all()
        self.assertEqual((note.state, message.state), ("posted", "pending"))
        self.assertEqual(self._change(entry, hours=6).problem, None)
        self.assertEqual(self._bill(contract).amount_untaxed, 900.0)

    def test_work_is_written_off(self):
        self.approver.password = self.approver.login
        entry = self._book(self._start_deal(), "2")
        self.env["hub.write.off"].with_user(self.resolver)._propose(entry, "Goodwill of June")
        url = "/odoo/hub-write-offs"
        self.start_tour(url, "hub_write_off_approve", login=self.approver.login, timeout=180)
        self.env.invalidate_all()
        self.assertEqual(entry.hub_billing_id.written_off, 300.0)
