from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_collections_dunning import DunningCase


@tagged("post_install", "-at_install")
class TestCreditHold(DunningCase):
    """Proposed by a person or the last level, decided by a billing approver, seen by those who sell."""

    def _hold(self, user=None, partner=None, reason="Three invoices overdue"):
        partner = (partner or self.customer).with_user(user or self.accountant)
        action = partner.action_hub_credit_hold()
        wizard = self.env[action["res_model"]].with_user(user or self.accountant)
        wizard.with_context(**action["context"]).create({"words": reason}).action_confirm()
        self._fresh()
        return self.env["hub.credit.hold"].search([("partner_id", "=", self.customer.id)], limit=1)

    def test_proposed_held_shown_and_lifted(self):
        contract = self._start_deal()
        lead, project = contract.lead_id, contract.project_id
        contact = self.env["res.partner"].create({"name": "Pat", "parent_id": self.customer.id})
        hold = self._hold(partner=contact)
        self.assertEqual((hold.state, hold.author_id), ("proposed", self.accountant))
        self.assertFalse(lead.hub_credit_hold, "nothing is held before somebody decides")
        self.assertIn(self.approver, hold.activity_ids.user_id)
        hold.with_user(self.accountant).message_post(body="Called them.")
        hold.with_user(self.approver).action_approve()
        self._fresh()
        self.assertFalse(hold.activity_ids, "nobody is asked any more")
        self.assertEqual((hold.state, hold.decided_by_id), ("held", self.approver))
        seller = self._make_user("seller", "sales_team.group_sale_salesman_all_leads")
        for record in (lead, project, self.customer, contact):
            reader = self.env.user if record == project else seller
            self.assertEqual(record.with_user(reader).hub_credit_hold, "Three invoices overdue")
        move = self._invoice(contract, "2")
        self.assertEqual(move.amount_untaxed, 300, "billing goes on")
        hold.with_user(self.approver).action_lift()
        self._fresh()
        self.assertFalse(lead.hub_credit_hold)
        self.assertEqual(self._hold().state, "proposed", "it can be proposed again")

    def test_who_may_decide_holds_at_once(self):
        self.assertEqual(self._hold(self.approver).state, "held")

    def test_one_at_a_time_with_a_reason_and_by_who_invoices(self):
        with self.assertRaises(UserError):
            self._hold(reason=" ")
        hold = self._hold()
        with self.assertRaises(UserError):
            self._hold()
        with self.assertRaises(AccessError):
            self._hold(self.resolver)
        for user in (self.accountant, self.resolver, self.viewer):
            for act in ("action_approve", "action_refuse", "action_lift"):
                with self.assertRaises(AccessError):
                    getattr(hold.with_user(user), act)()
        with self.assertRaises(AccessError):
            hold.with_user(self.approver).write({"state": "held"})
        hold.with_user(self.approver).action_refuse()
        self.assertEqual(hold.state, "refused")

    def test_the_last_level_proposes_it_once(self):
        self.call.credit_hold = True
        self._open(1000, 100)
        for days in (0, 10):
            self._send(self._run(days))
        self.assertFalse(self.env["hub.credit.hold"].search([]))
        self._send(self._run(17))
        hold = self.env["hub.credit.hold"].search([])
        self.assertEqual(
            (hold.partner_id, hold.company_id, hold.state),
            (self.customer, self.company, "proposed"),
        )
        self.assertIn(self.approver, hold.activity_ids.user_id)
        self.assertIn("Call", hold.reason)

    def test_a_merge_lifts_no_hold(self):
        twin = self._make_customer("Acme Limited")
        held = self._hold(self.approver)
        proposed = self.env["hub.credit.hold"]._propose(twin, self.company, "Late once")
        proposed._tell()
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        merge._merge((twin + self.customer).ids, twin, extra_checks=False)
        self._fresh()
        self.assertEqual((held.partner_id, held.state, proposed.state), (twin, "held", "refused"))
        self.assertFalse(proposed.activity_ids)
        self.assertEqual(twin.hub_credit_hold, held.reason)

    def test_another_company_is_not_concerned(self):
        hold = self._hold(self.approver)
        other = self.env["res.company"].create({"name": "Other Ltd"})
        stranger = self._make_user("stranger", "base.group_user", "account.group_account_invoice")
        stranger.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        seen = hold.with_user(stranger).with_context(allowed_company_ids=other.ids)
        self.assertFalse(seen.search([]))
        customer = self.customer.with_user(stranger).with_context(allowed_company_ids=other.ids)
        self.assertFalse(customer.hub_credit_hold)
