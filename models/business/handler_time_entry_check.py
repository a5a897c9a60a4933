from odoo import api, fields, models

from ...core.billing import exact, rounded, to_hours, to_seconds
from ...core.problem import Money, Problem, Term

# Changes that an invoice depends on; a new note never touches one.
BILLED_FIELDS = frozenset(
    {"project", "task", "employee", "date", "hours", "billable_hours", "approval", "billable"}
)
READ = [
    "employee_id",
    "project_id",
    "task_id",
    "so_line",
    "date",
    "unit_amount",
    "hub_adjusted",
    "name",
    "hub_approval",
    "hub_billing_id",
    "hub_billable_quantity",
    "hub_entered_by_id",
    "hub_approved_by_id",
    "company_id",
]


class HubHandlerTimeEntryCheck(models.AbstractModel):
    """Time from a tracker: what Odoo would refuse or bill wrongly is known before anything is written."""

    _name = "hub.handler.time_entry"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Time Entries"

    _hub_together = (("project", "task"), ("hours", "billable_hours"))
    _hub_optional = frozenset({"enterer", "approver"})

    @api.model
    def _hub_may_upload(self, entity):
        return self.env["account.analytic.line"]._hub_may_approve()

    @api.model
    def _hub_check(self, items):
        """Sort out before the batch what Odoo would refuse or bill wrongly."""
        items = [item for item in items if item.open]
        for item in items:
            if item.values.get("running"):
                item.skip = "running"
        items = [item for item in items if item.open]
        facts = self._facts(items)
        for item in items:
            line = self._sale_line(item, facts)
            item.at_risk = self._worth_by(line, item.values, facts["rate"].get(id(item)))
            try:
                self._check_entry(item, line, facts)
            except Problem as problem:
                item.problem = problem

    @api.model
    def _hub_worth(self, items):
        """Time of an unknown person has a project and a task already: its order line says the rest."""
        items = [item for item in items if isinstance(item.values.get("project"), int)]
        facts = self._facts(items) if items else {}
        for item in items:
            line = self._sale_line(item, facts)
            if line:
                item.at_risk = self._worth_by(line, item.values, facts["rate"].get(id(item)))

    @api.model
    def _worth_by(self, line, values, decided=None):
        """What time is worth that an order line bills; nothing without one.

        :param decided: where the contract has a rate card, what it says of this time
        """
        currency = line.currency_id or self.env.company.currency_id
        rate = line.hub_hour_price if line.qty_delivered_method == "timesheet" else 0
        if decided and len(decided[0]) == 1:
            rate = line._hub_hour_price_at(decided[0])
        amount = self._to_bill(values) * exact(rate)
        return Money(rounded(amount, exact(currency.rounding)), currency.name)

    @api.model
    def _facts(self, items):
        """The records that the checks of all items need, one query a model."""
        values = [item.values for item in items]
        # Odoo itself checks the employee of a timesheet with sudo: whoever books time for others
        # has no rights in HR. Only activity, company and last day are looked at.
        employees = (
            self.env["hr.employee"]
            .sudo()
            .with_context(active_test=False)
            .search_fetch(
                [("id", "in", [v["employee"] for v in values if v.get("employee")])],
                ["active", "company_id", "name", "departure_date"],
            )
        )
        projects = (
            self.env["project.project"]
            .with_context(active_test=False)
            .search_fetch(
                [("id", "in", [v["project"] for v in values if v.get("project")])],
                ["allow_billable", "company_id", "sale_line_id", "name", "hub_contract_id"],
            )
        )
        tasks = (
            self.env["project.task"]
            .with_context(active_test=False)
            .search_fetch(
                [("id", "in", [v["task"] for v in values if v.get("task")])],
                # The company for Odoo's create(): it would read it task by task.
                ["sale_line_id", "project_id", "name", "company_id"],
            )
        )
        ids = [self._known_id(item) for item in items if self._known_id(item)]
        entries = self.env["account.analytic.line"].search_fetch([("id", "in", ids)], READ)
        projects.sale_line_employee_ids.fetch(["employee_id", "sale_line_id"])
        (tasks.sale_line_id | projects.sale_line_id | entries.so_line).fetch(
            ["price_unit", "hub_hour_price", "currency_id", "order_id", "qty_delivered_method"]
        )
        entries.sudo().hub_billing_id.fetch(["state", "move_id", "quantity", "amount"])
        facts = {
            "employee": {record.id: record for record in employees},
            "project": {record.id: record for record in projects},
            "task": {record.id: record for record in tasks},
            "entry": {record.id: record for record in entries},
        }
        facts["rate"] = self._rates(items, facts)
        return facts

    @api.model
    def _rates(self, items, facts):
        """What the rate cards of contracts say of the time on hand: ``{id(item): as hub.rate.card decides}``."""
        asked = {}
        for item in items:
            line, values = self._sale_line(item, facts), item.values
            project = facts["project"].get(values.get("project"))
            # With sudo: terms of a contract, whoever sends its time.
            card = project.hub_contract_id.sudo().rate_card_id if line else None
            employee = facts["employee"].get(values.get("employee"))
            if (
                card
                and employee
                and values.get("date")
                and line.qty_delivered_method == "timesheet"
            ):
                product = (line.sudo().hub_rated_from_id or line).product_id  # as above
                day = fields.Date.to_date(values["date"])
                asked[id(item)] = (card, project, employee, product, day)
        decided = self.env["hub.rate.card"]._hub_decide(list(asked.values())) if asked else ()
        return dict(zip(asked, decided, strict=True))

    @api.model
    def _known_id(self, item):
        return item.link.res_id if item.link else item.res_id

    @api.model
    def _sale_line(self, item, facts):
        """The order line this time would be billed by, as Odoo chooses it; maybe empty."""
        values = item.values
        project = facts["project"].get(values.get("project"))
        task = facts["task"].get(values.get("task"))
        none = self.env["sale.order.line"]
        if not project or not project.allow_billable or self._billable(values) is False:
            return none
        for mapping in project.sale_line_employee_ids:
            if mapping.employee_id.id == values.get("employee"):
                return mapping.sale_line_id
        return (task.sale_line_id if task else none) or (none if task else project.sale_line_id)

    @api.model
    def _check_entry(self, item, line, facts):
        values = item.values
        hours = exact(values.get("hours") or 0)
        entry = facts["entry"].get(self._known_id(item))
        if entry:
            self._check_billed(item, entry)
        if hours <= 0:
            raise Problem("negative_hours", hours=str(hours), **self._names(item, facts))
        if not entry or {"employee", "project", "date"} & item.changed:
            self._check_employee(item, facts)
        if not entry or {"project", "task", "date", "billable"} & item.changed:
            self._check_contract(item, line, facts)
        if id(item) in facts["rate"] and (
            not entry or {"project", "task", "date", "billable", "employee"} & item.changed
        ):
            self._check_rate(item, line, facts)

    @api.model
    def _names(self, item, facts):
        """Who, where and when, for a sentence."""
        values = item.values
        employee = facts["employee"].get(values.get("employee"))
        project = facts["project"].get(values.get("project"))
        return {
            "employee": employee.name if employee else "",
            "project": project.name if project else "",
            "date": str(values.get("date") or ""),
        }

    @api.model
    def _check_employee(self, item, facts):
        """One leaver or colleague of another company would sink a whole batch in Odoo."""
        values = item.values
        employee = facts["employee"].get(values["employee"])
        project = facts["project"].get(values["project"])
        names = {**self._names(item, facts), "hours": str(exact(values["hours"]))}
        if not employee:
            raise Problem("employee_missing", kind="reference", **names)
        cause = str(employee.id)
        company = (project.company_id if project else None) or self.env.company
        if employee.company_id != company:
            raise Problem(
                "employee_wrong_company",
                kind="rule",
                cause=cause,
                company=company.name,
                other=employee.company_id.name,
                **names,
            )
        left = employee.departure_date
        date = fields.Date.to_date(values["date"])
        if left and date > left:
            raise Problem("employee_left", kind="rule", cause=cause, left=str(left), **names)
        if not employee.active:
            raise Problem(
                "employee_archived", kind="rule", cause=cause, left=str(left or ""), **names
            )

    @api.model
    def _check_contract(self, item, line, facts):
        """Billable time needs an order line, a price and a contract that covers its day."""
        values = item.values
        project = facts["project"].get(values["project"])
        if not project or not self._billable(values):
            return
        names = {**self._names(item, facts), "hours": str(exact(values["hours"]))}
        task = facts["task"].get(values.get("task"))
        names["task"] = task.name if task else ""
        contract = project.hub_contract_id
        names["contract"] = contract.code or ""
        if not line:
            raise Problem(
                "no_valid_contract",
                kind="reference",
                cause=f"{project.id}/{task.id if task else 0}",
                **names,
            )
        date = fields.Date.to_date(values["date"])
        for edge, outside in (
            (contract.date_end, contract.date_end and date > contract.date_end),
            (contract.date_start, contract.date_start and date < contract.date_start),
        ):
            if outside:
                raise Problem(
                    "outside_contract",
                    kind="rule",
                    cause=contract.code,
                    edge=str(edge),
                    start=str(contract.date_start or ""),
                    end=str(contract.date_end or ""),
                    **names,
                )
        if (
            id(item) not in facts["rate"]
            and line.qty_delivered_method == "timesheet"
            and line.currency_id.is_zero(line.price_unit)
        ):
            raise Problem(
                "no_rate",
                kind="rule",
                cause=str(line.id),
                line=line.name,
                order=line.order_id.name,
                **names,
            )

    @api.model
    def _check_rate(self, item, line, facts):
        """Time of a contract with a rate card has exactly one rate on its day."""
        lines, last, roles = facts["rate"][id(item)]
        if len(lines) == 1:
            return
        project = facts["project"][item.values["project"]]
        # With sudo: names and the terms that somebody is told about.
        card = project.hub_contract_id.sudo().rate_card_id
        service = (line.sudo().hub_rated_from_id or line).product_id.name
        raise Problem(
            "no_rate",
            kind="rule",
            cause=f"card {card.id}/{','.join(map(str, roles.ids)) or item.values['employee']}",
            card=card.name,
            roles=", ".join(roles.mapped("name")),
            service=service,
            several=bool(lines),
            ended=str(last.date_to or ""),
            price=f"{last.price:.2f}" if last else "",
            unit=last.unit or "",
            currency=card.currency_id.name,
            hours=str(exact(item.values["hours"])),
            **self._names(item, facts),
        )

    @api.model
    def _check_billed(self, item, entry):
        """A billed version is frozen: a person decides how to correct it."""
        row = entry.sudo().hub_billing_id  # the ledger is read, whoever sends the change
        if row.state not in ("posted", "credited", "consumed", "written_off"):
            return
        changed = BILLED_FIELDS & item.changed
        if not changed or not self._differs(item, entry):
            return
        withdrawn = self._approval(item) != "approved"
        raise Problem(
            "approval_withdrawn_after_billing" if withdrawn else "changed_after_billing",
            kind="conflict",
            cause=row.move_id.name or row.reason or "",
            invoice=row.move_id.name or row.reason or "",
            invoice_state=row.move_id.payment_state or "",
            settled=row.state,
            employee=entry.employee_id.sudo().name,  # a name, no HR data
            project=entry.project_id.name,
            date=str(entry.date),
            fields=sorted(changed),
            entry=entry.id,
            old_hours=f"{to_hours(self._said(entry)).normalize():f}",
            new_hours=f"{exact(item.values.get('hours') or 0).normalize():f}",
            new_billable=f"{self._to_bill(item.values).normalize():f}",
            amount=f"{row.amount:.2f}",
            currency=row.currency_id.name,
        )

    @api.model
    def _differs(self, item, entry):
        """Whether Odoo's entry is not what the source says (a change may have been undone)."""
        values = item.values
        billable = self._billable(values)
        return (
            to_seconds(values.get("hours") or 0) != self._said(entry)
            or (
                "billable_hours" in item.changed
                and to_seconds(self._to_bill(values))
                != to_seconds(entry.hub_billable_quantity + entry.hub_adjusted)
            )
            or fields.Date.to_date(values.get("date")) != entry.date
            or values.get("project") != entry.project_id.id
            or (values.get("task") or False) != entry.task_id.id
            or values.get("employee") != entry.employee_id.id
            or self._approval(item) != entry.hub_approval
            or (billable is False and bool(entry.so_line))
        )

    @api.model
    def _said(self, entry):
        """Seconds that Odoo holds of an entry: its own, and of those that correct it since it was billed."""
        return to_seconds(entry.unit_amount + entry.hub_adjusted)

    @api.model
    def _billable(self, values):
        """Whether the time is billed, as the source says: True, False, or None where it does not say."""
        said = values.get("billable_hours")
        return False if said is not None and exact(said) == 0 else values.get("billable")

    @api.model
    def _to_bill(self, values):
        """The hours that are billed of those worked."""
        return exact(values.get("billable_hours") or values.get("hours") or 0)

    @api.model
    def _approval(self, item):
        term = item.values.get("approval")
        code = term.code if isinstance(term, Term) else term
        return code or "draft"
