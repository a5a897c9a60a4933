from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models

from ...core.billing import exact, line_amount
from ...core.merge import WRITE
from ...core.problem import Money, Problem, Term

KIND_OF_POLICY = {"delivered_timesheet": "time_material", "delivered_milestones": "milestone"}


class HubHandlerOpportunityCheck(models.AbstractModel):
    """What can be known of a deal before anything is written."""

    _name = "hub.handler.opportunity"
    _inherit = "hub.handler"
    _description = "Lead-to-Cash Hub: Deals"

    _hub_together = (("amount", "currency"),)
    _hub_in_company_currency = {"amount": "currency"}  # as the lead's expected revenue
    _hub_signed = {
        "amount",
        "currency",
        "lines",
    }  # what a started deal says no more than what was signed

    @api.model
    def _hub_all_or_nothing(self, item):
        """A deal that is about to start a contract starts with what is agreed, or not yet."""
        stage = item.outcomes.get("stage")
        return bool(stage) and stage.action == WRITE and self._stage(item) == "won"

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
        found = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "in", list(codes))])
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
        elif self._starts(item, lead):
            self._check_complete(item)
            self._check_lines(item, currency)

    @api.model
    def _stage(self, item):
        stage = item.values.get("stage")
        return stage.code if isinstance(stage, Term) else stage

    @api.model
    def _new_stage(self, item, lead):
        """The stage that this item brings; None while Odoo's own stays, as it did not change at the
        source or is not the source's to say."""
        return self._stage(item) if not lead or "stage" in item.changed else None

    @api.model
    def _starts(self, item, lead):
        """Whether the contract is due: the deal is won for the source, and is or becomes so in Odoo.
        While something of it is in dispute it is not."""
        won = self._stage(item) == "won" and not item.conflicts
        return won and (self._new_stage(item, lead) == "won" or lead.won_status == "won")

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
            if exact(line["quantity"]) <= 0 or exact(line["unit_price"]) < 0:
                raise Problem(
                    "negative_deal",
                    kind="rule",
                    cause=item.external_id,
                    name=values["name"],
                    line=line.get("name") or product.display_name or "",
                    quantity=str(line["quantity"]),
                    price=str(line["unit_price"]),
                )
            total += self._line_total(line, step)
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
    def _line_total(self, line, step):
        """What a line of the deal is worth."""
        return line_amount(line["quantity"], line["unit_price"], step)

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
        if stage == "won" and "payment_terms" in item.changed:
            self._check_terms(item, contract)
        if not self._hub_signed & item.changed or stage != "won":
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
    def _check_terms(self, item, contract):
        """Payment terms that were signed stay until people agree others; the customer's own ask nothing."""
        agreed = self._payment_terms(item).get("payment_term_id")
        if agreed and agreed != contract.payment_term_id.id:
            raise Problem(
                "terms_changed_after_start",
                kind="conflict",
                theirs=self.env["account.payment.term"].browse(agreed).display_name,
                ours=contract.payment_term_id.display_name or "",
                **self._facts(contract),
            )

    @api.model
    def _line_set(self, item):
        return sorted(
            (
                self._product(line).id,
                exact(line["quantity"]).normalize(),
                exact(line["unit_price"]).normalize(),
            )
            for line in item.values.get("lines") or []
        )

    @api.model
    def _contract_set(self, contract):
        return sorted(
            (
                line.product_id.id,
                exact(line.quantity).normalize(),
                exact(line.unit_price).normalize(),
            )
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
