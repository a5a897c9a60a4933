from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.fields import Command

from ...core.billing import exact, line_amount
from ...core.problem import Money, Problem, Term

# Canonical fields that a lead holds, and where.
LEAD_FIELDS = {
    "name": "name",
    "customer": "partner_id",
    "close_date": "date_deadline",
    "start_date": "hub_start_date",
    "owner_email": "hub_owner_email",
}
KIND_OF_POLICY = {"delivered_timesheet": "time_material", "delivered_milestones": "milestone"}


class HubHandlerOpportunity(models.AbstractModel):
    """Deals of the CRM: leads while they are open; contract, order and project once won."""

    _name = "hub.handler.opportunity"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Deals"

    # --- check ------------------------------------------------------------------------------------

    @api.model
    def _hub_check(self, items):
        """All that can be known of a deal before anything is written."""
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        leads = self._leads(items)
        rates = self._newest_rates(currencies.values())
        for item in items:
            amount = item.values.get("amount")
            if amount is not None:
                item.at_risk = Money(exact(amount), item.values.get("currency") or "")
            try:
                self._check_deal(item, leads.get(self._known_id(item)), currencies, rates)
            except Problem as problem:
                item.problem = problem

    @api.model
    def _known_id(self, item):
        return item.link.res_id if item.link else item.res_id

    @api.model
    def _leads(self, items):
        ids = [self._known_id(item) for item in items if self._known_id(item)]
        leads = self.env["crm.lead"].with_context(active_test=False).search([("id", "in", ids)])
        leads.hub_contract_id.fetch(["amount_total", "currency_id", "state", "code"])
        return {lead.id: lead for lead in leads}

    @api.model
    def _currencies(self, items):
        codes = {item.values.get("currency") for item in items} - {None, ""}
        found = self.env["res.currency"].with_context(active_test=False).search(
            [("name", "in", list(codes))]
        )
        return {currency.name: currency for currency in found}

    @api.model
    def _newest_rates(self, currencies):
        """Days with an exchange rate, by currency; one query."""
        foreign = [c.id for c in currencies if c != self.env.company.currency_id]
        if not foreign:
            return {}
        groups = self.env["res.currency.rate"]._read_group(
            [
                ("currency_id", "in", foreign),
                ("company_id", "in", (False, self.env.company.root_id.id)),
            ],
            ["currency_id"],
            ["name:array_agg"],
        )
        return {currency.id: days for currency, days in groups}

    @api.model
    def _check_deal(self, item, lead, currencies, rates):
        values = item.values
        currency = currencies.get(values.get("currency"))
        if values.get("currency") and (not currency or not currency.active):
            raise Problem(
                "currency_not_active", cause=values["currency"], currency=values["currency"]
            )
        if currency:
            self._check_rate(currency, self._deal_day(item), rates)
        contract = lead.hub_contract_id if lead else None
        if contract:
            self._check_started(item, contract, currency)
        elif self._stage(item) == "won":
            self._check_complete(item)
            self._check_lines(item, currency)

    @api.model
    def _stage(self, item):
        stage = item.values.get("stage")
        return stage.code if isinstance(stage, Term) else stage

    @api.model
    def _deal_day(self, item):
        won = item.values.get("won_at")
        if self._stage(item) == "won" and won:
            return fields.Date.to_date(won)
        return fields.Date.context_today(self)

    @api.model
    def _check_rate(self, currency, day, rates):
        """A foreign amount needs a rate of its day: without one Odoo would count it 1:1."""
        company = self.env.company
        if currency == company.currency_id:
            return
        oldest = day - timedelta(days=company.hub_rate_max_age)
        if not any(oldest <= known <= day for known in rates.get(currency.id, ())):
            raise Problem(
                "no_exchange_rate",
                cause=f"{currency.name} {day}",
                currency=currency.name,
                company_currency=company.currency_id.name,
                date=str(day),
                company=company.name,
            )

    @api.model
    def _check_complete(self, item):
        values = item.values
        template = self._template(item)
        missing = [
            name
            for name, present in (
                ("name", values.get("name")),
                ("customer", values.get("customer")),
                ("amount", values.get("amount") is not None),
                ("currency", values.get("currency")),
                ("lines", values.get("lines")),
                ("service_line", template),
            )
            if not present
        ]
        if missing:
            raise Problem(
                "deal_incomplete",
                name=values.get("name") or item.external_id,
                amount=str(values.get("amount") or ""),
                currency=values.get("currency") or "",
                owner=values.get("owner_email") or "",
                missing=missing,
            )
        customer = self.env["res.partner"].browse(values["customer"])
        for record in (customer, template):
            if record.company_id and record.company_id != self.env.company:
                raise Problem(
                    "wrong_company",
                    kind="rule",
                    name=record.display_name,
                    company=self.env.company.name,
                    other=record.company_id.name,
                )

    @api.model
    def _template(self, item):
        """The project template that the deal's service line stands for, or an empty record."""
        projects = self.env["project.project"]
        term = item.values.get("service_line")
        if isinstance(term, Term) and term.res_model == "project.project" and term.res_id:
            return projects.browse(term.res_id).exists()
        return projects

    @api.model
    def _check_lines(self, item, currency):
        """The lines are services that can be billed, and add up to the amount to the cent."""
        values = item.values
        step = exact(currency.rounding)
        total = Decimal(0)
        for line in values["lines"]:
            product = self._product(line)
            if not self._kind(product):
                raise Problem(
                    "service_not_billable",
                    kind="rule",
                    cause=str(product.id),
                    name=line.get("name") or product.display_name or "",
                    product=product.display_name or "",
                    deal=values["name"],
                )
            total += line_amount(line["quantity"], line["unit_price"], step)
        if total != exact(values["amount"]):
            raise Problem(
                "deal_total_differs",
                kind="rule",
                name=values["name"],
                amount=str(values["amount"]),
                lines=str(total),
                currency=currency.name,
                order_currency=currency.name,
            )

    @api.model
    def _product(self, line):
        service = line.get("service")
        product_id = service.res_id if isinstance(service, Term) else service
        return self.env["product.product"].browse(product_id or ())

    @api.model
    def _kind(self, product):
        """How a service is billed: time_material, milestone, reimbursable, or None."""
        if not product:
            return None
        if product.expense_policy in ("cost", "sales_price"):
            return "reimbursable"
        return KIND_OF_POLICY.get(product.service_policy)

    @api.model
    def _check_started(self, item, contract, currency):
        """A deal that was started is never undone or changed silently."""
        values, stage = item.values, self._stage(item)
        if "stage" in item.changed and stage in ("open", "lost"):
            code = "deal_reopened" if stage == "open" else "deal_lost_after_start"
            raise Problem(code, kind="conflict", **self._facts(contract))
        if not {"amount", "currency", "lines"} & item.changed or stage != "won":
            return
        amount = exact(values.get("amount") or 0)
        signed = exact(contract.currency_id.round(contract.amount_total))
        if amount != signed or currency != contract.currency_id:
            raise Problem(
                "amount_changed_after_start",
                kind="conflict",
                new=str(amount),
                new_currency=values.get("currency"),
                **self._facts(contract),
            )
        if "lines" in item.changed and self._line_set(item) != self._contract_set(contract):
            raise Problem("lines_changed_after_start", kind="conflict", **self._facts(contract))

    @api.model
    def _line_set(self, item):
        return sorted(
            (self._product(line).id, exact(line["quantity"]).normalize(),
             exact(line["unit_price"]).normalize())
            for line in item.values.get("lines") or []
        )

    @api.model
    def _contract_set(self, contract):
        return sorted(
            (line.product_id.id, exact(line.quantity).normalize(),
             exact(line.unit_price).normalize())
            for line in contract.line_ids
        )

    @api.model
    def _facts(self, contract):
        """What a person needs to know to decide about a started deal."""
        groups = self.env["account.analytic.line"]._read_group(
            [("project_id", "=", contract.project_id.id), ("project_id", "!=", False)],
            [],
            ["unit_amount:sum", "amount:sum"],
        )
        hours, cost = groups[0] if groups else (0.0, 0.0)
        totals = contract._hub_totals()[contract.id]
        return {
            "contract": contract.code,
            "name": contract.name,
            "old": str(exact(contract.currency_id.round(contract.amount_total))),
            "currency": contract.currency_id.name,
            "invoiced": str(totals["invoiced_amount"]),
            "hours": f"{hours or 0:.2f}",
            "cost": f"{-(cost or 0):.2f}",
            "company_currency": contract.company_id.currency_id.name,
        }

    # --- write ------------------------------------------------------------------------------------

    @api.model
    def _hub_write(self, items):
        """Create and update leads, and start what was won."""
        items = [item for item in items if item.open]
        currencies = self._currencies(items)
        owners = self._owners(items)
        leads = self._leads(items)
        new = []
        for item in items:
            lead = leads.get(self._known_id(item))
            values = self._lead_values(item, lead, currencies, owners)
            if lead:
                item.res_id = lead.id
                if values:
                    lead.write(values)
            else:
                new.append((item, values))
        created = self.env["crm.lead"].create([values for _item, values in new])
        for (item, _values), lead in zip(new, created, strict=True):
            item.res_id = lead.id
            leads[lead.id] = lead
        self._set_stages(items, leads)
        self._start(items, leads, currencies)
        self._follow(items, leads)

    @api.model
    def _owners(self, items):
        emails = {item.values.get("owner_email") for item in items} - {None, ""}
        users = self.env["res.users"].search(
            [("share", "=", False), ("company_ids", "in", self.env.company.ids),
             "|", ("login", "in", list(emails)), ("email_normalized", "in", list(emails))]
        )
        owners = {}
        for user in users:
            for email in {user.login, user.email_normalized} & emails:
                owners[email] = user.id if email not in owners else False
        return owners

    @api.model
    def _lead_values(self, item, lead, currencies, owners):
        """What to write on the lead: all of a new one, what changed of a known one."""
        values, result = item.values, {}
        for name, field in LEAD_FIELDS.items():
            if name in values and (not lead or name in item.changed):
                result[field] = values[name]
        if "owner_email" in values and (not lead or "owner_email" in item.changed):
            owner = owners.get(values["owner_email"])
            if owner or not lead:
                result["user_id"] = owner or False
        currency = currencies.get(values.get("currency"))
        if currency and values.get("amount") is not None and (
            not lead or {"amount", "currency"} & item.changed
        ):
            company = self.env.company
            amount = float(values["amount"])
            result["hub_amount"] = amount
            result["hub_currency_id"] = currency.id
            result["expected_revenue"] = currency._convert(
                amount, company.currency_id, company, self._deal_day(item)
            )
        if not lead:
            result.update(type="opportunity", company_id=self.env.company.id)
        else:
            result = self._differing(lead, result)
        for name in values:
            if not lead or name in item.changed:
                item.audit.setdefault(name, (None, values[name]))
        return result

    @api.model
    def _differing(self, record, values):
        """``values`` without those that ``record`` has already: an unchanged write is noise."""
        result = {}
        for name, value in values.items():
            field = record._fields[name]
            old = record[name].id if field.relational else record[name]
            if (old or False) != (value or False):
                result[name] = value
        return result

    @api.model
    def _set_stages(self, items, leads):
        won = lost = self.env["crm.lead"]
        stages = {}
        for item in items:
            lead, stage = leads[item.res_id], self._stage(item)
            if stage == "won" and lead.won_status != "won":
                won |= lead
                if item.values.get("won_at"):
                    lead.hub_won_at = item.values["won_at"].replace(tzinfo=None)  # UTC
            elif stage == "lost" and lead.won_status != "lost":
                lost |= lead
            elif stage == "open":
                target = self._open_stage(item)
                if lead.won_status != "pending" or (target and lead.stage_id.id != target):
                    stages.setdefault(target, self.env["crm.lead"])
                    stages[target] |= lead
        if won:
            won.action_set_won()
        if lost:
            lost.action_set_lost()
        for target, group in stages.items():
            group.filtered(lambda lead: not lead.active).action_unarchive()
            if target:
                group.write({"stage_id": target})

    @api.model
    def _open_stage(self, item):
        term = item.values.get("stage")
        if isinstance(term, Term) and term.res_model == "crm.stage":
            return term.res_id
        return None

    @api.model
    def _start(self, items, leads, currencies):
        """Contracts, orders and projects of the deals that are won and not yet started."""
        starting = [
            item
            for item in items
            if self._stage(item) == "won" and not leads[item.res_id].hub_contract_id
        ]
        if not starting:
            return
        contracts = self.env["hub.contract"].create(
            [self._contract_values(item, leads[item.res_id], currencies) for item in starting]
        )
        templates = {
            contract.id: self._template(item)
            for contract, item in zip(contracts, starting, strict=True)
        }
        contracts._hub_start(templates)

    @api.model
    def _contract_values(self, item, lead, currencies):
        values = item.values
        return {
            "name": values["name"],
            "company_id": self.env.company.id,
            "currency_id": currencies[values["currency"]].id,
            "partner_id": values["customer"],
            "contact_ids": [Command.set(values.get("contacts") or [])],
            "lead_id": lead.id,
            "po_number": values.get("po_number"),
            "date_start": values.get("start_date"),
            "won_at": lead.hub_won_at,
            "line_ids": [
                Command.create(self._line_values(line, sequence))
                for sequence, line in enumerate(values["lines"])
            ],
        }

    @api.model
    def _line_values(self, line, sequence):
        product = self._product(line)
        return {
            "sequence": sequence,
            "name": line.get("name") or product.display_name,
            "kind": self._kind(product),
            "product_id": product.id,
            "quantity": float(line["quantity"]),
            "unit_price": float(line["unit_price"]),
            "external_id": line.get("external_id"),
        }

    @api.model
    def _follow(self, items, leads):
        """Changes of a started deal that its contract takes over without asking."""
        for item in items:
            contract = leads[item.res_id].hub_contract_id
            if not contract or not item.link:
                continue
            values = {}
            if "po_number" in item.changed:
                values["po_number"] = item.values.get("po_number")
            if "contacts" in item.changed:
                values["contact_ids"] = [Command.set(item.values.get("contacts") or [])]
            if values:
                contract.write(values)
            if "po_number" in values and contract.sale_order_id:
                contract.sale_order_id.client_order_ref = values["po_number"]

    # --- delete and send --------------------------------------------------------------------------

    @api.model
    def _hub_delete(self, items):
        """A deal that disappears from the CRM takes nothing with it."""
        leads = self._leads(items)
        for item in items:
            lead = leads.get(self._known_id(item))
            contract = lead.hub_contract_id if lead else None
            if not item.open:
                continue
            if contract:
                item.problem = Problem(
                    "deal_deleted_after_start", kind="conflict", **self._facts(contract)
                )
            else:
                item.problem = Problem(
                    "deleted_at_source",
                    kind="conflict",
                    name=lead.display_name if lead else item.external_id,
                )

    @api.model
    def _hub_roots(self, model, ids):
        """The deals behind changed invoices, contracts and projects."""
        if model == "crm.lead":
            return list(ids)
        path = {
            "hub.contract": "id",
            "account.move": "move_ids",
            "account.move.line": "move_ids.line_ids",
            "sale.order": "sale_order_id",
            "project.project": "project_id",
        }.get(model)
        if not path or not ids:
            return []
        # Asked with sudo: which deal an invoice belongs to does not depend on who paid it.
        groups = self.env["hub.contract"].sudo()._read_group(
            [(path, "in", list(ids)), ("lead_id", "!=", False)], ["lead_id"]
        )
        return [lead.id for (lead,) in groups]

    @api.model
    def _hub_compose(self, records, system):
        """Where each deal stands in contract, billing and payment."""
        contracts = records.hub_contract_id
        totals = contracts._hub_totals()
        result = {}
        for lead in records:
            contract = lead.hub_contract_id
            if not contract:
                continue
            sums = totals[contract.id]
            result[lead.id] = {
                "contract_state": contract.state,
                "contracted_amount": exact(contract.currency_id.round(contract.amount_total)),
                "invoiced_amount": exact(sums["invoiced_amount"]),
                "paid_amount": exact(sums["paid_amount"]),
                "overdue_amount": exact(sums["overdue_amount"]),
                "last_invoice": sums["last_invoice"] or None,
                "last_invoice_date": sums["last_invoice_date"] or None,
                "next_due_date": sums["next_due_date"] or None,
                "project_code": contract.code,
            }
        return result
