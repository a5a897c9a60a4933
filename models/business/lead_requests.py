from collections import defaultdict

from odoo import api, fields, models

ACTIVITY = "mail.mail_activity_data_todo"


class CrmLead(models.Model):
    """From an agreed stage on, the owner of a deal is asked for what its first invoice will need."""

    _inherit = "crm.lead"

    hub_asked = fields.Char(
        readonly=True, copy=False, help="What the deal's owner was asked for, as machine words."
    )
    hub_asked_activity_id = fields.Many2one(
        "mail.activity", readonly=True, copy=False, ondelete="set null"
    )

    @api.model
    def _hub_ask_early(self):
        """One activity a deal that lacks something; done by itself when nothing is missing. Each night.

        :return: number of deals whose owner was asked.
        """
        asked = 0
        companies = self.env["res.company"].search([("hub_early_stage_id", "!=", False)])
        for company in companies:
            deals = self.with_company(company).search(
                [
                    ("company_id", "=", company.id),
                    ("type", "=", "opportunity"),
                    ("won_status", "=", "pending"),
                    ("stage_id.sequence", ">=", company.hub_early_stage_id.sequence),
                    ("partner_id", "!=", False),
                    ("user_id", "!=", False),
                ]
            )
            missing = deals._hub_missing_early()
            for deal in deals:
                words = ",".join(missing[deal.id])
                if words == (deal.hub_asked or ""):
                    continue
                deal.hub_asked_activity_id.unlink()
                if words:
                    deal._hub_ask_owner(missing[deal.id])
                    asked += 1
                deal.hub_asked = words or False
        return asked

    def _hub_missing_early(self):
        """What the customers of these deals lack: ``{deal id: [words]}``; a query for the contacts of all."""
        customers = self.partner_id.commercial_partner_id
        billed = set(
            self.env["res.partner"]
            .search([("parent_id", "in", customers.ids), ("type", "=", "invoice")])
            .parent_id.ids
        )
        result = defaultdict(list)
        for deal in self:
            customer = deal.partner_id.commercial_partner_id
            if not customer.vat:
                result[deal.id].append("vat")
            if customer.hub_po_required:
                result[deal.id].append("po")
            if customer.id not in billed and not customer.email:
                result[deal.id].append("billing")
        return result

    def _hub_ask_owner(self, words):
        mine = self.with_context(lang=self.user_id.lang)
        labels = {
            "vat": mine.env._("the customer's tax number"),
            "po": mine.env._("a purchase order, which this customer asks for"),
            "billing": mine.env._("a billing contact or an e-mail address for invoices"),
        }
        self.hub_asked_activity_id = mine.activity_schedule(
            ACTIVITY,
            summary=mine.env._("Ask early: %s", ", ".join(labels[word] for word in words)),
            note=mine.env._(
                "The first invoice will need it; asked now, nothing waits for it later."
            ),
            user_id=self.user_id.id,
        )
