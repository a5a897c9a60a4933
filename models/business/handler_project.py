from odoo import api, models

from ...core.billing import SECONDS_PER_HOUR, exact


class HubHandlerProject(models.AbstractModel):
    """Projects for the time tracker: composed from today's project."""

    _name = "hub.handler.project"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Projects"

    @api.model
    def _hub_roots(self, model, ids):
        """The projects of contracts that are concerned when ``ids`` of ``model`` changed."""
        path = {
            "project.project": "id",
            "project.task": "task_ids",
            "hub.contract": "hub_contract_ids",
            "sale.order.line": "task_ids.sale_line_id",
            "res.partner": "partner_id",
        }.get(model)
        if not path or not ids:
            return []
        # Asked with sudo: what has to be sent does not depend on who changed it.
        projects = self.env["project.project"].sudo().with_context(active_test=False)
        served = ("company_id", "in", [*projects.env.companies.ids, False])
        domain = [(path, "in", list(ids)), ("hub_contract_id", "!=", False), served]
        return projects.search(domain).ids

    @api.model
    def _hub_compose(self, records, system):
        """Canonical ``project`` dicts of the projects that have a contract."""
        result = {}
        for project in records:
            contract = project.hub_contract_id
            if not contract:
                continue
            hourly = contract.line_ids.filtered(lambda line: line.kind == "time_material")
            # What is sold in days is told in hours; without an order line the contract's own price counts.
            rates = {
                self._rate(line.sale_line_id)
                if line.sale_line_id
                else exact(line.currency_id.round(line._hub_net_price()))
                for line in hourly
            }
            # Then time has the price of its person and day. With sudo: a term, whoever asks.
            carded = bool(contract.sudo().rate_card_id)
            seconds = sum(line.quantity * line.sale_line_id._hub_unit_seconds() for line in hourly)
            result[project.id] = {
                "code": contract.code,
                "name": project.name,
                "customer": {"key": contract.partner_id.id, "name": contract.partner_id.name},
                "billable": project.allow_billable,
                "hourly_rate": rates.pop() if len(rates) == 1 and not carded else None,
                "budget_hours": exact(seconds / SECONDS_PER_HOUR) or None,
                "start_date": project.date_start or contract.date_start or None,
                "note": contract.name,
                "tasks": [self._task(task, carded) for task in project.task_ids],
                "people": self._people(project),
                # no more hours are wanted: a tracker that can archives the project
                "active": project.active and contract.state != "closed",
            }
        return result

    @api.model
    def _task(self, task, carded):
        line = task.sale_line_id
        hourly = line.qty_delivered_method == "timesheet" and not carded
        return {
            "key": task.id,
            "name": task.name,
            "billable": bool(line),
            "hourly_rate": self._rate(line) if hourly else None,
        }

    @api.model
    def _rate(self, line):
        """What an hour on this order line costs, in the cents of its currency."""
        return exact(line.currency_id.round(line.hub_hour_price))

    @api.model
    def _people(self, project):
        """The team and whoever is assigned to a task, with the address they sign in with."""
        # Read with sudo: name and work address of the team, which the tracker needs; no HR rights.
        users = project.task_ids.user_ids.sudo()
        employees = project.hub_team_ids.sudo() | users.employee_ids.filtered(
            lambda employee: employee.company_id == project.company_id
        )
        return [
            {"key": employee.id, "email": (employee.work_email or "").lower(), "hourly_rate": None}
            for employee in employees
            if employee.active and employee.work_email
        ]
