from collections import defaultdict

from odoo import models
from odoo.fields import Command

from ...core.billing import exact
from ...core.problem import Problem
from .schedule_terms import SCHEDULED


class HubContractStart(models.Model):
    """From a signed contract to a confirmed order and one project with tasks and a team.

    Odoo's own project generation makes a project for each kind of service on an order, so it is
    switched off here; the project comes from the template of the deal's service line, by Odoo's
    own template function, and the order's lines are tied to its tasks and milestones.
    """

    _inherit = "hub.contract"

    def _hub_start(self, templates):
        """Start the draft contracts of ``self``; all or nothing for each.

        :param templates: ``{contract id: project.project template}``
        :raise Problem: when an order would not come to the signed amount
        """
        orders = self._hub_create_orders()
        self._hub_check_totals()
        tentative = self.env["project.project"]._hub_tentative_of(self.lead_id)
        for contract in self:
            project = contract._hub_create_project(
                templates[contract.id], tentative.get(contract.lead_id.id)
            )
            contract.project_id = project
            contract.sale_order_id.project_id = project  # before confirming: one project a deal
        orders.with_context(disable_project_task_generation=True).action_confirm()
        for contract in self:
            contract._hub_link_tasks()
        self.write({"state": "active"})
        self.project_id._hub_mark_ready()

    # --- order ------------------------------------------------------------------------------------

    def _hub_create_orders(self):
        pricelists = {
            currency: self._hub_pricelist(currency) for currency in self.mapped("currency_id")
        }
        orders = self.env["sale.order"].create(
            [contract._hub_order_values(pricelists[contract.currency_id]) for contract in self]
        )
        for contract, order in zip(self, orders, strict=True):
            contract.sale_order_id = order
            ordered = contract._hub_ordered_lines()
            for line, order_line in zip(ordered, order.order_line, strict=True):
                line.sale_line_id = order_line
        return orders

    def _hub_ordered_lines(self):
        """Lines that stand on the order from the first day on; instalments and periods come as they are opened."""
        return self.line_ids.filtered(lambda line: line.kind not in SCHEDULED)

    def _hub_order_values(self, pricelist):
        self.ensure_one()
        return {
            "partner_id": self.partner_id.id,
            "partner_invoice_id": self.bill_partner_id.id or self.partner_id.id,
            "company_id": self.company_id.id,
            "pricelist_id": pricelist.id,
            "payment_term_id": self.payment_term_id.id,
            "client_order_ref": self.po_number,
            "origin": self.code,
            "opportunity_id": self.lead_id.id,
            "user_id": self.lead_id.user_id.id,
            "order_line": [
                Command.create(line._hub_order_line_values()) for line in self._hub_ordered_lines()
            ],
        }

    def _hub_pricelist(self, currency):
        """A price list that only says the currency; prices are those of the deal."""
        company = self.env.company
        pricelists = self.env["product.pricelist"].search(
            [("currency_id", "=", currency.id), ("company_id", "in", (False, company.id))],
            order="company_id, sequence, id",
        )
        plain = pricelists.filtered(lambda pricelist: not pricelist.item_ids)
        if plain:
            return plain[0]
        if currency == company.currency_id:
            # Without a price list, Odoo takes the company's currency.
            return pricelists.browse()
        # Made with sudo: it holds no price, only the currency that Odoo wants to read from a list.
        return (
            pricelists.sudo()
            .create(
                {
                    "name": self.env._("Deals in %(currency)s", currency=currency.name),
                    "currency_id": currency.id,
                    "company_id": company.id,
                }
            )
            .with_env(self.env)
        )

    def _hub_check_totals(self):
        """The order is worth what was signed, to the cent (taxes may be included in prices)."""
        for contract in self:
            order = contract.sale_order_id
            signed = sum(contract._hub_ordered_lines().mapped("amount"))
            if order.currency_id != contract.currency_id or contract.currency_id.compare_amounts(
                order.amount_untaxed, signed
            ):
                raise Problem(
                    "deal_total_differs",
                    kind="rule",
                    name=contract.name,
                    amount=str(exact(contract.currency_id.round(signed))),
                    lines=str(exact(order.currency_id.round(order.amount_untaxed))),
                    currency=contract.currency_id.name,
                    order_currency=order.currency_id.name,
                )

    # --- project ----------------------------------------------------------------------------------

    def _hub_create_project(self, template, tentative=None):
        """:param tentative: a project that the deal has already, which becomes the contract's if it was made of
        the same template
        """
        self.ensure_one()
        roles = template.task_ids.role_ids
        team = self._hub_team(roles)
        filled = {role: employee for role, employee in team.items() if employee}
        mapping = self.env["project.template.role.to.users.map"].create(
            [
                {"role_id": role.id, "user_ids": [Command.set(employee.user_id.ids)]}
                for role, employee in filled.items()
                if employee.user_id
            ]
        )
        values = {
            "name": f"{self.code} {self.name}",
            "partner_id": self.partner_id.id,
            "company_id": self.company_id.id,
            "allow_billable": True,
            "allow_timesheets": True,
            # Odoo's project has both dates or none.
            "date_start": self.date_start if self.date_end else False,
            "date": self.date_end if self.date_start else False,
            "hub_team_ids": [Command.set([employee.id for employee in filled.values()])],
        }
        if tentative and tentative.hub_tentative_template_id == template:
            project = tentative._hub_convert(template, values, filled)
        else:
            (tentative or self.env["project.project"])._hub_let_go()
            project = template.action_create_from_template(values, role_to_users_mapping=mapping)
        project._hub_request_roles(template, [role for role in roles if role not in filled])
        return project

    def _hub_team(self, roles):
        """Who takes which role: the one active person of the company who has it, or nobody yet.

        :return: ``{role: employee (with sudo) or None}``
        """
        team = {}
        for role in roles:
            # Employees are read with sudo: the technical user has no rights in HR.
            people = role.sudo().hub_employee_ids.filtered(
                lambda employee: employee.active and employee.company_id == self.company_id
            )
            team[role] = people if len(people) == 1 else None
        return team

    # --- tasks and milestones ---------------------------------------------------------------------

    def _hub_link_tasks(self):
        """Tie order lines to the project's tasks and milestones, so that time finds its rate."""
        self.ensure_one()
        project, lines = self.project_id, self.line_ids
        hourly = lines.filtered(lambda line: line.kind == "time_material")
        self._hub_link_milestones(lines.filtered(lambda line: line.kind == "milestone"))
        tasks_by_line = defaultdict(lambda: self.env["project.task"])
        for task in project.task_ids:
            line = self._hub_line_of_task(task, hourly)
            if line:
                tasks_by_line[line] |= task
        for line in hourly:
            tasks = tasks_by_line.get(line)
            if tasks:
                tasks.write({"sale_line_id": line.sale_line_id.id})
            else:
                tasks = self.env["project.task"].create(
                    {
                        "name": line.name,
                        "project_id": project.id,
                        "sale_line_id": line.sale_line_id.id,
                        "partner_id": self.partner_id.id,
                    }
                )
            line.sale_line_id.task_id = tasks[:1]
        order_lines = lines.sale_line_id
        order_lines.project_id = project
        project.reinvoiced_sale_order_id = self.sale_order_id
        if len(hourly) == 1 and all(task.sale_line_id for task in project.task_ids):
            # Time without a task finds its rate only when there is no choice.
            project.sale_line_id = hourly.sale_line_id

    def _hub_line_of_task(self, task, hourly):
        """The hourly line that a task from the template is billed by, if one fits."""
        none = self.env["hub.contract.line"]
        if task.milestone_id.sale_line_id:
            return none
        if task.hub_product_id:
            return hourly.filtered(lambda line: line.product_id == task.hub_product_id)[:1]
        if len(hourly) == 1:
            return hourly
        name = (task.name or "").casefold()
        return hourly.filtered(
            lambda line: name in (line.name.casefold(), line.product_id.name.casefold())
        )[:1]

    def _hub_link_milestones(self, lines):
        """One milestone a line: the template's of that name, else its next one, else a new one."""
        if not lines:
            return
        project = self.project_id
        project.allow_milestones = True
        free = project.milestone_ids.filtered(lambda milestone: not milestone.sale_line_id)
        for line in lines:
            milestone = free.filtered(
                lambda milestone, line=line: milestone.name.casefold() == line.name.casefold()
            )[:1]
            if milestone:
                self._hub_tie_milestone(milestone, line)
                free -= milestone
        for line in lines.filtered(lambda line: not line.sale_line_id.hub_milestone_ids):
            milestone = free[:1] or self.env["project.milestone"].create(
                {"name": line.name, "project_id": project.id}
            )
            self._hub_tie_milestone(milestone, line)
            free -= milestone

    def _hub_tie_milestone(self, milestone, line):
        # Quantity 1 of a line that is worth the whole amount: shares of a quantity would be
        # rounded and not add up to what was signed.
        milestone.write(
            {"name": line.name, "sale_line_id": line.sale_line_id.id, "quantity_percentage": 1.0}
        )
        if milestone.task_ids:
            milestone.task_ids.write({"sale_line_id": line.sale_line_id.id})


class HubContractLine(models.Model):
    _inherit = "hub.contract.line"

    def _hub_order_line_values(self):
        """The order line of a contract line, in the deal's price.

        A milestone is one line of quantity 1. Expenses are ordered as an allowance: what is billed
        are the expenses themselves, each on its own line.
        """
        self.ensure_one()
        milestone = self.kind == "milestone"
        return {
            "product_id": self.product_id.id,
            "name": self.name,
            "product_uom_qty": 1.0 if milestone else self.quantity,
            "price_unit": self.amount if milestone else self.unit_price,
            # The amount of a milestone is what is left of it after its discount.
            "discount": 0.0 if milestone else self.discount,
            "is_expense": self.kind == "reimbursable",
        }
