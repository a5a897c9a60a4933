from odoo import api, models

from ...core import identity
from ...core.problem import Problem


class HubHandlerContact(models.AbstractModel):
    _name = "hub.handler.contact"
    _inherit = "hub.handler.partner"
    _description = "Contact Handler"

    _hub_plain = {"name": "name", "email": "email", "job_title": "function"}

    @api.model
    def _hub_match(self, items):
        """One person with this e-mail address is the same person."""
        emails = {identity.email_key(item.values.get("email")) for item in items} - {None}
        found = {}
        if emails:
            for partner in self.env["res.partner"].search(
                [("email_normalized", "in", list(emails)), ("is_company", "=", False)]
            ):
                found[partner.email_normalized] = (
                    found.get(partner.email_normalized, self.env["res.partner"]) | partner
                )
        for item in items:
            partners = found.get(
                identity.email_key(item.values.get("email")), self.env["res.partner"]
            )
            if len(partners) > 1 and item.values.get("customer"):
                partners = (
                    partners.filtered(
                        lambda p, item=item: p.parent_id.id == item.values["customer"]
                    )
                    or partners
                )
            if len(partners) == 1:
                item.res_id = partners.id
            elif partners:
                item.problem = Problem(
                    "ambiguous_match",
                    kind="identity",
                    cause=item.external_id,
                    name=item.values.get("name"),
                    count=len(partners),
                    key="e-mail",
                    candidates=partners.ids,
                )

    @api.model
    def _hub_write(self, items):
        prepared = self._hub_prepare(items)
        for item in items:
            if "customer" in item.changed and item.values.get("customer"):
                prepared[item.message_id]["parent_id"] = item.values["customer"]
            if item.res_id is None:
                prepared[item.message_id]["is_company"] = False
        self._hub_save([item for item in items if item.open], prepared)

    @api.model
    def _hub_new(self, records, system):
        return records.filtered(lambda partner: not partner.is_company and partner.parent_id)
