from dateutil.relativedelta import relativedelta
from odoo import fields, models
from odoo.exceptions import AccessError

from ...core.billing import exact
from ...core.revenue import roll, standing
from .revenue_look import RevenueLook

SETTINGS = {
    "journal_id": "hub_revenue_journal_id",
    "accrued_account_id": "hub_accrued_account_id",
    "deferred_account_id": "hub_deferred_account_id",
}


class HubRevenueRun(models.Model):
    """Proposing: read everything once for all contracts, write the positions and what was found."""

    _inherit = "hub.revenue.run"

    def _propose(self):
        """Replace what was proposed by how things stand now. Queries do not grow with contract lines."""
        self.ensure_one()
        if self.company_id not in self.env.companies:
            name = self.company_id.sudo().name  # a name, in a refusal
            raise AccessError(self.env._("%(company)s is not one of your companies.", company=name))
        # With sudo: figures do not depend on who proposes, and rows are written by code only.
        run = self.sudo().with_company(self.company_id)
        company = run.company_id
        run.write({own: company[name].id for own, name in SETTINGS.items()})
        carried = {line.contract_line_id.id: line.carried_by_id for line in run.line_ids}
        run.finding_ids.unlink()
        run.line_ids.unlink()
        values, found = run._positions(carried)
        lines = self.env["hub.revenue.line"].sudo().create(values)  # as above
        findings = [
            {**finding, "run_id": run.id, "line_id": line.id, "contract_id": line.contract_id.id}
            for line, own in zip(lines, found, strict=True)
            for finding in own
        ]
        findings += [{**finding, "run_id": run.id} for finding in run._look_at_run(lines)]
        for finding in findings:
            finding.setdefault("currency_id", company.currency_id.id)
        self.env["hub.revenue.finding"].sudo().create(findings)  # as above
        self.invalidate_recordset()

    def _contracts(self):
        """Started contracts; of closed ones those that still have a position."""
        contracts = self.env["hub.contract"].search(
            [("company_id", "=", self.company_id.id), ("state", "!=", "draft")]
        )
        closed = contracts.filtered(lambda contract: contract.state == "closed")
        last = self.env["hub.revenue.line"]._last_of(closed.line_ids, self.date_to)
        open_ = {row.contract_id for row in last.values() if row.position}
        return contracts.filtered(lambda one: one.state == "active" or one in open_)

    def _positions(self, carried):
        """How each contract line stands: values of the lines, and of the findings of each.

        :param carried: ``{contract line id: who decided that it is left as it was}``
        """
        contracts = self._contracts()
        look = RevenueLook(self, contracts)
        last = self.env["hub.revenue.line"]._last_of(look.lines, self.date_to)
        nothing = self.env["hub.revenue.line"]
        values, found, told = [], [], set()
        for line in look.lines:
            row = last.get(line.id, nothing)
            user = carried.get(line.id)
            own, findings = self._position(look, line, row, user)
            if line.contract_id not in told:
                told.add(line.contract_id)
                findings += self._of_contract(look, line.contract_id)
            if findings or any(own[name] for name in ("earned", "billed", "opening", "position")):
                values.append(own)
                found.append(findings)
        return values, found

    def _position(self, look, line, row, user):
        before = row._standing()
        company = self.company_id
        figures = look.figures(line, before)
        findings = []

        def find(code, severity="warning", amount=0.0, **params):
            findings.append(
                {
                    "code": code,
                    "severity": severity,
                    "amount": float(amount),
                    "params": params,
                    "currency_id": line.currency_id.id,
                }
            )

        done, billed = figures["earned"], figures["billed"]
        if line.contract_id.state == "closed":
            if done != billed:
                find("closed", amount=done - billed)
            done = billed
        elif user:
            find("carried", user=user.name)
            done = before.earned
        elif figures["missing"]:
            find(figures["missing"], "blocking", hours=float(figures["hours"]))
        rate, young = look.rates[line.currency_id]
        step = exact(company.currency_id.rounding)
        now = standing(before, done, billed, figures["booked"], rate, step)
        moved = roll(before, now, rate, step)
        if not young and (now.position > 0 or before.position > 0):
            find(
                "no_rate",
                "blocking",
                currency=line.currency_id.name,
                day=str(self.date_to),
                age=company.hub_rate_max_age,
            )
        if "price" in figures and billed > figures["price"] >= 0:
            find("over_price", amount=billed - figures["price"])
        first, to = figures["period"]
        straight = line.revenue_method == "straight_line"
        old = line.estimate_on and line.estimate_on < self.date_from
        if line.revenue_method == "hours" and old and figures["share"] < 1:
            find("old_estimate", hours=line.estimate_hours, day=str(line.estimate_on))
        if row and (
            row.method != line.revenue_method
            or (straight and (row.service_from, row.service_to) != (first, to))
        ):
            find("changed")
        income = self._income_account(line)
        if (now.worth or moved.exchange) and not income:
            find("no_income", "blocking", service=line.product_id.display_name)
        return {
            "run_id": self.id,
            "company_id": company.id,
            "contract_id": line.contract_id.id,
            "contract_line_id": line.id,
            "partner_id": line.contract_id.partner_id.commercial_partner_id.id,
            "currency_id": line.currency_id.id,
            "method": line.revenue_method,
            "service_from": first if straight else False,
            "service_to": to if straight else False,
            "percent": float(figures["share"] * 100) if figures["share"] is not None else 0.0,
            "hours": float(figures["hours"]),
            "estimate_hours": line.estimate_hours,
            "income_account_id": income.id,
            "earned": float(now.earned),
            "billed": float(now.billed),
            "position": float(now.position),
            "opening": float(before.position),
            "recognised": float(now.earned - before.earned),
            "billed_month": float(now.billed - before.billed),
            "booked": float(now.booked),
            "opening_company": float(moved.opening),
            "recognised_company": float(moved.recognised),
            "billed_company": float(moved.billed),
            "exchange_company": float(moved.exchange),
            "closing_company": float(moved.closing),
            "accrued_company": float(max(moved.closing, 0)),
            "deferred_company": float(max(-moved.closing, 0)),
            "carried_by_id": user.id if user else False,
        }, findings

    def _of_contract(self, look, contract):
        """What is told once of a contract."""
        findings = []
        waiting = look.waiting.get(contract.sale_order_id)
        if waiting:
            findings.append(
                {
                    "code": "unapproved",
                    "severity": "warning",
                    "amount": contract.currency_id.round(waiting["amount"]),
                    "params": {"count": waiting["count"], "hours": waiting["hours"]},
                    "currency_id": contract.currency_id.id,
                }
            )
        if contract.id in look.elsewhere:
            findings.append(
                {
                    "code": "elsewhere",
                    "severity": "warning",
                    "amount": look.elsewhere[contract.id],
                    "params": {},
                    "currency_id": contract.currency_id.id,
                }
            )
        return findings

    def _income_account(self, line):
        """The account that invoices of this line are booked on, by Odoo's own choice."""
        order = line.contract_id.sale_order_id
        template = line.product_id.product_tmpl_id.with_company(self.company_id)
        return template.get_product_accounts(order.fiscal_position_id)["income"]

    # --- the run as a whole -------------------------------------------------------------------------

    def _look_at_run(self, lines):
        """Findings of no single contract."""
        company = self.company_id
        missing = [name for own, name in SETTINGS.items() if not self[own]]
        if missing:
            yield {"code": "no_account", "severity": "blocking", "params": {"fields": missing}}
        lock = self._lock()
        if lock:
            yield {"code": "period_lock", "severity": "blocking", "params": lock}
        exchange = sum(abs(line.exchange_company) for line in lines)
        accounts = (
            company.income_currency_exchange_account_id,
            company.expense_currency_exchange_account_id,
        )
        if exchange and not all(accounts):
            yield {"code": "no_exchange_account", "severity": "blocking", "amount": exchange}
        # What the accounts hold before this run is posted; the run before is reversed by then.
        balance = self._ledger_of(self.accrued_account_id | self.deferred_account_id)
        if company.currency_id.round(balance):
            yield {"code": "ledger", "severity": "warning", "amount": balance}
        before = self._last_posted()
        if before and before.date_to + relativedelta(days=1) < self.date_from:
            params = {"last": fields.Date.to_string(before.date_to)}
            yield {"code": "gap", "severity": "warning", "params": params}

    def _last_posted(self):
        return self.search(
            [("company_id", "=", self.company_id.id), ("state", "=", "posted")],
            order="date_to desc",
            limit=1,
        )

    def _lock(self):
        """The lock on the day of the entry or of its reversal, for who looks; Odoo would move either in silence."""
        company, journal = self.company_id, self.journal_id
        for day in (self.date_to, self.date_to + relativedelta(days=1)):
            locks = company._get_violated_lock_dates(day, False, journal)
            if locks:
                return {
                    "date": fields.Date.to_string(day),
                    "locks": company._format_lock_dates(locks),
                }
        return None
