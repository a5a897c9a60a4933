from odoo import api, fields, models
from odoo.fields import Command

from ...core import identity
from ...core.problem import Problem


class HubHandlerEmployee(models.AbstractModel):
    """Employees are matched, never made: who works here is decided in Odoo."""

    _name = "hub.handler.employee"
    _inherit = "hub.handler"
    _description = "Employee Handler"

    _hub_together = (("cost_rate", "currency", "cost_from"),)

    @api.model
    def _hub_compared(self, entity):
        """A cost is compared with the newest dated one that is kept; Odoo's own rate is only what that is today."""
        cost = {"cost_rate": ("hourly_cost", "money")}
        return {**super()._hub_compared(entity), **cost}

    @api.model
    def _hub_today(self, records, bound):
        result = super()._hub_today(records, bound)
        if "cost_rate" in bound:
            newest = {}
            rates = self.env["hub.cost.rate"].search_fetch(
                [("employee_id", "in", records.ids)],
                ["employee_id", "hourly_cost"],
                order="date_from",
            )
            for rate in rates:
                newest[rate.employee_id.id] = self._hub_value(rate, "hourly_cost", "money")
            for record_id, values in result.items():
                values["cost_rate"] = newest.get(record_id)
        return result

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
        """What a source says of people that Odoo knows: title, role, target, and dated cost."""
        known = [item for item in items if item.open and item.res_id]
        employees = self.env["hr.employee"].browse([item.res_id for item in known])
        for item, employee in zip(known, employees, strict=True):
            vals = {}
            for name, column in (("job_title", "job_title"), ("target_hours", "hub_target_hours")):
                value = item.values.get(name)
                if name in item.changed and value is not None:
                    value = float(value) if column == "hub_target_hours" else value
                    if employee[column] != value:
                        item.audit = {**item.audit, column: [employee[column] or None, value]}
                        vals[column] = value
            if vals:
                employee.write(vals)
            role = item.values.get("role")
            if "role" in item.changed and role and role.res_id:
                self.env["project.role"].browse(role.res_id).hub_employee_ids = [
                    Command.link(employee.id)
                ]
        self._hub_keep_rates(known)

    @api.model
    def _hub_keep_rates(self, items):
        """Cost rates by the day from which they hold; a rate of that day takes the newer value."""
        wanted = {}
        for item in items:
            cost = item.values.get("cost_rate")
            if not {"cost_rate", "cost_from"} & item.changed or cost is None:
                continue
            employee = self.env["hr.employee"].browse(item.res_id)
            currency = item.values.get("currency") or employee.currency_id.name
            if currency != employee.currency_id.name:
                raise Problem(
                    "cost_currency",
                    cause=currency,
                    name=employee.name,
                    theirs=currency,
                    ours=employee.currency_id.name,
                )
            day = item.values.get("cost_from") or fields.Date.context_today(employee)
            wanted[employee.id, day] = float(cost)
            item.audit = {**item.audit, "hourly_cost": [None, f"{cost} from {day}"]}
        if not wanted:
            return
        rates = self.env["hub.cost.rate"]
        there = {
            (rate.employee_id.id, rate.date_from): rate
            for rate in rates.search([("employee_id", "in", [key[0] for key in wanted])])
        }
        for key, cost in wanted.items():
            if key in there and there[key].hourly_cost != cost:
                there[key].hourly_cost = cost
        rates.create(
            [
                {"employee_id": key[0], "date_from": key[1], "hourly_cost": cost}
                for key, cost in wanted.items()
                if key not in there
            ]
        )
