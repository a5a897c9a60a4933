from odoo.tests import tagged

from .test_ownership_deal import DealCase


@tagged("post_install", "-at_install")
class TestEarlyRequests(DealCase):
    """From an agreed stage on, a deal's owner is asked for what its first invoice will need."""

    def test_the_owner_is_asked_once_until_nothing_is_missing(self):
        first, second = self.env["crm.stage"].create(
            [{"name": "Early", "sequence": 1}, {"name": "Agreed", "sequence": 50}]
        )
        self.company.hub_early_stage_id = second
        customer = self.env["res.partner"].create(
            {"name": "Acme", "is_company": True, "hub_po_required": True}
        )
        lead = self.env["crm.lead"].create(
            {
                "name": "Rollout",
                "type": "opportunity",
                "partner_id": customer.id,
                "user_id": self.seller.id,
                "company_id": self.company.id,
                "stage_id": first.id,
            }
        )
        ask = self.env["crm.lead"]._hub_ask_early
        self.assertEqual(ask(), 0, "not yet agreed")
        lead.stage_id = second
        self.assertEqual(ask(), 1)
        activity = lead.activity_ids
        self.assertEqual(activity.user_id, self.seller)
        for text in ("tax number", "purchase order", "billing contact"):
            self.assertIn(text, activity.summary)
        self.assertEqual(ask(), 0, "nobody is asked twice")
        self.assertEqual(lead.activity_ids, activity)
        customer.email = "billing@acme.example"
        self.assertEqual(ask(), 1)
        self.assertNotIn("billing contact", lead.activity_ids.summary)
        self.assertEqual(len(lead.activity_ids), 1)
        customer.write({"vat": "BE0477472701", "hub_po_required": False})
        ask()
        self.assertFalse(lead.activity_ids)

    def test_without_a_stage_nobody_is_asked(self):
        self.assertFalse(self.company.hub_early_stage_id)
        self.assertEqual(self.env["crm.lead"]._hub_ask_early(), 0)
