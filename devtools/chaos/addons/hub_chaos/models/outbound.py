"""What goes out in a trial: figures that follow from what came in, so that each effect can be counted."""

from odoo import models


class HubHandlerCustomer(models.AbstractModel):
    _inherit = "hub.handler.customer"

    def _hub_compose(self, records, system):
        """The revision in a customer's name ("Word r12") goes back as its balance."""
        result = {}
        for partner in records:
            _word, _space, revision = (partner.name or "").rpartition(" r")
            if revision.isdigit():
                result[partner.id] = {"balance": int(revision), "overdue": 0}
        return result


class HubHandlerProject(models.AbstractModel):
    _inherit = "hub.handler.project"

    def _hub_compose(self, records, system):
        """Projects without a contract, so that a trial needs no deals."""
        return {
            project.id: {
                "code": f"CH-{project.id}",
                "name": project.name,
                "customer": {"key": project.partner_id.id, "name": project.partner_id.name},
                "billable": True,
                "tasks": [],
                "people": [],
            }
            for project in records
            if project.partner_id
        }
