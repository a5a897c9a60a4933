from odoo import api, fields, models
from odoo.fields import Command, Domain

from ...core import identity
from ...core.problem import Problem

# canonical field → Odoo field, of anybody's word; and of where people come from
SAID = {"job_title": "job_title", "target_hours": "hub_target_hours"}
SAID_BY_HR = {"name": "name", "email": "work_email", "active": "active"}


class HubHandlerEmployee(models.AbstractModel):
    """Employees are matched by e-mail. Who works here is decided in Odoo, or by the system that keeps people: that one
    makes employees, and archives those who left."""

    _name = "hub.handler.employee"
    _inherit = "hub.handler"
    _description = "Employee Handler"

    _hub_together = (("cost_rate", "currency", "cost_from"),)

    @api.model
    def _hub_may_upload(self, entity):
        """What people cost is for who may keep it in Odoo."""
        return self.env["hub.cost.rate"].has_access("write")

    @api.model
    def _hub_keeps_people(self, items):
        return self.env["hub.system"].browse(items[0].system_id).keeps_people

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
            .search(Domain.OR([("work_email", "=ilike", email)] for email in emails))
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
        if self._hub_keeps_people(items):
            self._hub_one_number(items)
            self._hub_welcome([item for item in items if item.skip == "no_match"])

    @api.model
    def _hub_one_number(self, items):
        """Two numbers with one e-mail address are a question: a person who came back, or a wrong address. A number
        that somebody had before, in a list with the one of today, stays out."""
        matched = [item for item in items if item.res_id]
        today = {item.res_id for item in matched if item.values.get("active")}
        for item in matched:
            if item.values.get("active") is False and item.res_id in today:
                item.res_id, item.skip = None, "no_match"
        matched = [item for item in matched if item.res_id]
        links = self.env["hub.link"].search(
            [
                ("system_id", "=", items[0].system_id),
                ("entity_id.code", "=", items[0].entity),
                ("res_id", "in", [item.res_id for item in matched]),
            ]
        )
        known = {link.res_id: link.external_id for link in links}
        for item in matched:
            if known.setdefault(item.res_id, item.external_id) != item.external_id:
                employee = self.env["hr.employee"].browse(item.res_id)
                item.res_id = None
                self._hub_ask_who(item, [employee.name], employee.ids)

    @api.model
    def _hub_welcome(self, items):
        """Whom Odoo does not know becomes an employee; somebody of the same name is a question first. Who left
        before Odoo knew of them stays out."""
        names = [item.values["name"] for item in items]
        employees = self.env["hr.employee"].with_context(active_test=False)
        namesakes = employees.search([("name", "in", names)]).grouped("name")
        first = {}
        for item in items:
            if item.values.get("active") is False:
                continue
            item.skip = None
            name, email = item.values["name"], identity.email_key(item.values.get("email"))
            if found := namesakes.get(name):
                self._hub_ask_who(item, found.mapped("name"), found.ids)
            elif email and first.setdefault(email, item) is not item:
                self._hub_ask_who(item, [first[email].values["name"]], [])

    @api.model
    def _hub_ask_who(self, item, names, candidates):
        item.problem = Problem(
            "possible_duplicate",
            kind="identity",
            cause=item.external_id,
            name=item.values["name"],
            candidates=candidates,
            candidate_names=", ".join(f"“{name}”" for name in names[:3]),
        )

    @api.model
    def _hub_make(self, items):
        """Employees of those whom Odoo does not know, without a user: that is decided in Odoo."""
        system = self.env["hub.system"].browse(items[0].system_id) if items else None
        for item in items:
            term = item.values.get("selling_company")
            company = system.company_ids.filtered(
                lambda c, term=term: not term or c.id == term.res_id
            )
            if len(company) != 1:
                raise Problem("company_unknown", kind="reference")
            vals = {
                "name": item.values["name"],
                "work_email": item.values.get("email"),
                "company_id": company.id,
            }
            if system.owner_id.has_group("hr.group_hr_user"):
                vals["hr_responsible_id"] = system.owner_id.id  # else the technical user would be
            employee = self.env["hr.employee"].create(vals)
            item.res_id = employee.id
            item.audit = {"name": [None, employee.name], "company_id": [None, company.id]}

    @api.model
    def _hub_check_company(self, item, employee):
        """Another company than Odoo's is a person's decision: time, rates and calendars are kept in it.

        :raise Problem: ``employee_company``
        """
        company = item.values.get("selling_company")
        if (
            "selling_company" in item.changed
            and company
            and company.res_id not in (None, employee.company_id.id)
        ):
            # With sudo: a word may stand for a company where the technical user does not work; its name is no secret.
            theirs = self.env["res.company"].sudo().browse(company.res_id)
            raise Problem(
                "employee_company",
                kind="conflict",
                cause=item.external_id,
                name=employee.name,
                theirs=theirs.name,
                ours=employee.company_id.name,
            )

    @api.model
    def _hub_check_login(self, employee):
        """The address of somebody who signs in is changed in Odoo alone: Odoo writes it on to the user, and a new
        password is sent there.

        :raise Problem: ``employee_login``
        """
        # With sudo: whether there is a user, whom HR need not see; an archived one may come back.
        contact = employee.work_contact_id.sudo().with_context(active_test=False)
        if employee.user_id or contact.user_ids:
            raise Problem("employee_login", kind="conflict", name=employee.name)

    @api.model
    def _hub_set_active(self, employee, active):
        """As in Odoo's form: who leaves is nobody's manager any more, who comes back has not departed."""
        if active:
            employee.action_unarchive()
        else:
            employee.with_context(no_wizard=True).action_archive()

    @api.model
    def _hub_write(self, items):
        """What a source says of people: title, role, target, and dated cost; the HR data also who works here."""
        items = [item for item in items if item.open]
        if not items:
            return
        said = dict(SAID)
        if self._hub_keeps_people(items):
            self._hub_make([item for item in items if not item.res_id])
            said |= SAID_BY_HR
        known = [item for item in items if item.res_id]
        employees = self.env["hr.employee"].browse([item.res_id for item in known])
        for item, employee in zip(known, employees, strict=True):
            self._hub_check_company(item, employee)
            vals = {}
            for name, column in said.items():
                value = item.values.get(name)
                if name in item.changed and value is not None:
                    value = float(value) if column == "hub_target_hours" else value
                    if employee[column] != value:
                        item.audit = {**item.audit, column: [employee[column] or None, value]}
                        vals[column] = value
            if "work_email" in vals:
                self._hub_check_login(employee)
            if "active" in vals:
                self._hub_set_active(employee, vals.pop("active"))
            if vals:
                employee.write(vals)
            self._hub_keep_role(item, employee)
        self._hub_keep_rates(known)

    @api.model
    def _hub_keep_role(self, item, employee):
        """The role that the source names, in place of the one that it named before; others are Odoo's own."""
        role = item.values.get("role")
        if "role" not in item.changed or not role or not role.res_id:
            return
        role = self.env["project.role"].browse(role.res_id)
        if before := item.link and item.link.base.get("role"):
            term = self.env["hub.vocabulary.term"].search(
                [("vocabulary_id.code", "=", "role"), ("code", "=", before)]
            )
            left = self.env["project.role"].browse(term.res_id or ()).exists() - role
            left.hub_employee_ids = [Command.unlink(employee.id)]
        role.hub_employee_ids = [Command.link(employee.id)]

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
