from odoo import api, models

from ...core import identity
from ...core.problem import Problem


class HubHandlerEmployee(models.AbstractModel):
    """Employees are matched, never made: who works here is decided in Odoo."""

    _name = "hub.handler.employee"
    _inherit = "hub.handler"
    _description = "Employee Handler"

    @api.model
    def _hub_match(self, items):
        emails = {identity.email_key(item.values.get("email")) for item in items} - {None}
        found = {}
        # Archived ones too: their old entries keep their owner.
        for employee in (
            self.env["hr.employee"]
            .with_context(active_test=False)
            .search([("work_email", "in", list(emails))])
        ):
            key = identity.email_key(employee.work_email)
            found[key] = found.get(key, self.env["hr.employee"]) | employee
        for item in items:
            employees = found.get(
                identity.email_key(item.values.get("email")), self.env["hr.employee"]
            )
            if len(employees) == 1:
                item.res_id = employees.id
            elif employees:
                item.problem = Problem(
                    "ambiguous_match",
                    kind="identity",
                    cause=item.external_id,
                    name=item.values.get("name"),
                    count=len(employees),
                    key="e-mail",
                    candidates=employees.ids,
                )
            else:
                item.skip = "no_match"

    @api.model
    def _hub_write(self, items):
        """Nothing to write: the link is the result."""
