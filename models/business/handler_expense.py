from odoo import api, fields, models

from ...core.billing import exact
from ...core.problem import Money, Problem, Term
from ..guard import own_code


class HubHandlerExpense(models.AbstractModel):
    """Approved expenses of a project, re-invoiced at cost.

    Each becomes one analytic line (the project's cost) on one expense line of the order (price =
    cost, delivered quantity 1), which is how Odoo re-invoices a vendor bill. Nothing is booked in
    the ledger: that the firm owes the money to the employee is the matter of payroll or of Odoo's
    expense app, and booking it here as well would double it.
    """

    _name = "hub.handler.expense"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Expenses"

    _hub_together = (("amount", "currency"),)

    @api.model
    def _hub_may_upload(self, entity):
        return self.env["account.analytic.line"]._hub_may_approve()

    @api.model
    def _known_id(self, item):
        return item.link.res_id if item.link else item.res_id

    @api.model
    def _approval(self, item):
        term = item.values.get("approval")
        return (term.code if isinstance(term, Term) else term) or "draft"

    @api.model
    def _hub_check(self, items):
        items = [item for item in items if item.open]
        codes = {item.values.get("currency") for item in items} - {None, ""}
        currencies = {
            currency.name: currency
            for currency in self.env["res.currency"].search([("name", "in", list(codes))])
        }
        rates = self.env["hub.handler.opportunity"]._newest_rates(currencies.values())
        for item in items:
            values = item.values
            own = self.env.company.currency_id.name
            item.at_risk = Money(exact(values["amount"]), values.get("currency") or own)
            known = self._known_id(item)
            if not known and self._approval(item) != "approved":
                item.skip = "not_approved"
                continue
            try:
                self._check_expense(item, currencies, rates)
                if known:
                    self._check_billed(item)
                    self._check_moved(item)
            except Problem as problem:
                item.problem = problem

    @api.model
    def _check_expense(self, item, currencies, rates):
        values = item.values
        code = values.get("currency")
        project = self.env["project.project"].browse(values["project"])
        contract = project.hub_contract_id
        params = {
            "amount": str(values["amount"]),
            "currency": code or self.env.company.currency_id.name,
            "project": project.display_name,
            "date": str(values["date"]),
        }
        if code and code not in currencies:
            raise Problem("currency_not_active", cause=code, currency=code)
        if exact(values["amount"]) <= 0:
            raise Problem("negative_expense", **params)
        day = fields.Date.to_date(values["date"])
        opportunity = self.env["hub.handler.opportunity"]
        wanted = [currencies[code]] if code else []
        if contract:
            wanted.append(contract.currency_id)
        for currency in wanted:
            if currency.id not in rates and currency != self.env.company.currency_id:
                rates = {**rates, **opportunity._newest_rates([currency])}
            opportunity._check_rate(currency, day, rates)
        if values.get("billable") is False:
            return
        if not contract or contract.sale_order_id.state != "sale":
            raise Problem(
                "no_valid_contract",
                kind="reference",
                cause=f"{project.id}/0",
                contract=contract.code or "",
                task="",
                employee="",
                hours="",
                **params,
            )
        if contract.sale_order_id.locked:
            raise Problem(
                "order_locked",
                kind="rule",
                cause=contract.code,
                order=contract.sale_order_id.name,
                **params,
            )
        if not self._product(item, contract):
            raise Problem(
                "no_reimbursable_line",
                kind="rule",
                cause=contract.code,
                contract=contract.code,
                **params,
            )

    @api.model
    def _check_billed(self, item):
        entry = self.env["account.analytic.line"].browse(self._known_id(item))
        row = entry.sudo().hub_billing_id  # the ledger is read, whoever sends the change
        if row.state in ("posted", "credited", "written_off") and (
            {"amount", "date", "project", "billable", "approval", "currency"} & item.changed
        ):
            withdrawn = self._approval(item) != "approved"
            raise Problem(
                "approval_withdrawn_after_billing" if withdrawn else "changed_after_billing",
                kind="conflict",
                cause=row.move_id.name or row.reason or "",
                invoice=row.move_id.name or row.reason or "",
                invoice_state=row.move_id.payment_state or "",
                settled=row.state,
                employee="",
                project=entry.so_line.order_id.project_id.name or "",
                date=str(entry.date),
                fields=sorted(item.changed),
                old_hours="",
                new_hours="",
                new_amount=str(item.values["amount"]),
                amount=f"{row.amount:.2f}",
                currency=row.currency_id.name,
            )

    @api.model
    def _check_moved(self, item):
        """Another project, service or billable flag means another order line: a person decides."""
        entry = self.env["account.analytic.line"].browse(self._known_id(item))
        project = self.env["project.project"].browse(item.values["project"])
        service = item.values.get("service")
        service = service.res_id if isinstance(service, Term) else service
        moved = {
            "project": any(
                entry[name] != project[name] for name in project._get_plan_fnames() if project[name]
            ),
            "billable": (item.values.get("billable") is not False) != bool(entry.so_line),
            "service": bool(service) and service != entry.product_id.id,
        }
        fields_moved = sorted(name for name in item.changed if moved.get(name))
        if fields_moved:
            raise Problem(
                "expense_moved",
                kind="conflict",
                name=entry.name,
                date=str(entry.date),
                fields=fields_moved,
                project=project.display_name,
                amount=str(item.values["amount"]),
                currency=item.values.get("currency") or self.env.company.currency_id.name,
            )

    @api.model
    def _product(self, item, contract):
        """The expense product: the one named, else that of the contract's reimbursable line."""
        term = item.values.get("service")
        product_id = term.res_id if isinstance(term, Term) else term
        if product_id:
            return self.env["product.product"].browse(product_id)
        lines = contract.line_ids.filtered(lambda line: line.kind == "reimbursable")
        return lines.product_id[:1]

    @api.model
    def _hub_write(self, items):
        items = [item for item in items if item.open]
        new = []
        for item in items:
            known = self._known_id(item)
            if known:
                item.res_id = known
                self._update(item)
            else:
                new.append(item)
        sale_lines = self._create_sale_lines(new)
        entries = own_code(self.env["account.analytic.line"]).create(
            [self._entry_values(item, sale_lines.get(item.message_id)) for item in new]
        )
        for item, entry in zip(new, entries, strict=True):
            item.res_id = entry.id
            item.audit.update({name: (None, value) for name, value in item.values.items()})

    @api.model
    def _create_sale_lines(self, items):
        billable = [item for item in items if item.values.get("billable") is not False]
        values = []
        for item in billable:
            contract = self.env["project.project"].browse(item.values["project"]).hub_contract_id
            product = self._product(item, contract)
            values.append(
                {
                    "order_id": contract.sale_order_id.id,
                    "product_id": product.id,
                    "name": self._name_of(item, product),
                    "product_uom_qty": 0.0,  # the order keeps the value that was signed
                    "price_unit": self._amount_in(item, contract.currency_id),
                    "discount": 0.0,
                    "is_expense": True,
                    "sequence": 900,
                }
            )
        lines = self.env["sale.order.line"].create(values)
        return {item.message_id: line for item, line in zip(billable, lines, strict=True)}

    @api.model
    def _name_of(self, item, product):
        note = item.values.get("note")
        date = fields.Date.to_string(fields.Date.to_date(item.values["date"]))
        return f"{date} {note or product.display_name}"

    @api.model
    def _amount_in(self, item, currency):
        values, company = item.values, self.env.company
        source = company.currency_id
        if values.get("currency"):
            source = source.search([("name", "=", values["currency"])], limit=1)
        return source._convert(
            float(values["amount"]), currency, company, fields.Date.to_date(values["date"])
        )

    @api.model
    def _entry_values(self, item, sale_line):
        values = item.values
        project = self.env["project.project"].browse(values["project"])
        product = (
            sale_line.product_id if sale_line else self._product(item, project.hub_contract_id)
        )
        when = item.changed_at.replace(tzinfo=None) if item.changed_at else fields.Datetime.now()
        return {
            **{name: project[name].id for name in project._get_plan_fnames()},
            "name": values.get("note") or product.display_name or "/",
            "date": values["date"],
            "amount": -self._amount_in(item, self.env.company.currency_id),
            "unit_amount": 1.0,
            "product_id": product.id,
            "product_uom_id": sale_line.product_uom_id.id if sale_line else product.uom_id.id,
            "employee_id": values.get("employee"),
            "company_id": self.env.company.id,
            "partner_id": project.partner_id.id,
            "so_line": sale_line.id if sale_line else False,
            "is_so_line_edited": True,  # Odoo's own choice of a line is for time only
            "hub_approval": self._approval(item),
            "hub_approved_at": when,
            "hub_billable": "yes" if sale_line else "no",
        }

    @api.model
    def _update(self, item):
        entry = own_code(self.env["account.analytic.line"]).browse(item.res_id)
        changed, values = item.changed, {}
        if "employee" in changed:
            values["employee_id"] = item.values.get("employee") or False
        if "note" in changed:
            values["name"] = item.values.get("note") or entry.name
        if "date" in changed:
            values["date"] = item.values["date"]
        if {"amount", "currency", "date"} & changed:
            values["amount"] = -self._amount_in(item, self.env.company.currency_id)
        if "approval" in changed:
            values["hub_approval"] = self._approval(item)
        for name in changed & item.values.keys():
            item.audit[name] = (None, item.values[name])
        with entry._hub_taken_off_drafts(self.env._("changed in the time tracker")):
            if {"amount", "currency", "date"} & changed and entry.so_line:
                entry.so_line.price_unit = self._amount_in(item, entry.so_line.currency_id)
            entry.write(values)

    @api.model
    def _hub_delete(self, items):
        for item in items:
            entry = self.env["account.analytic.line"].browse(self._known_id(item) or ()).exists()
            if not item.open:
                continue
            if not entry:
                item.skip = "unknown"
                continue
            row = entry.sudo().hub_billing_id  # as in _check_billed
            item.problem = Problem(
                "deleted_at_source",
                kind="conflict",
                name=entry.name,
                employee="",
                date=str(entry.date),
                hours="",
                invoice=row.move_id.display_name or "",
            )
