from bisect import bisect_right

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, plaintext2html

from ...core.billing import UNIT_DIGITS, exact, rounded, to_seconds
from ...core.retainer import Terms, statement
from .apart import apart

MONTHS = {"month": 1, "quarter": 3}
# What the statement rests on; kept once a period is closed or its fee is billed.
AGREED = {
    *("contract_id", "basis", "period", "allowance", "date_from", "carry", "carry_limit"),
    *("carry_periods", "overage_allowed"),
}


class HubRetainer(models.Model):
    """An allowance of hours or money that a customer pays for in advance, period by period (``core.retainer``).

    The fee is billed as a reached milestone of each period; approved time uses the allowance up, oldest first. What is
    beyond it is billed at the price of its order line where that is allowed, else it waits.
    """

    _name = "hub.retainer"
    _description = "Retainer"
    _inherit = ["mail.thread"]
    _rec_name = "contract_id"
    _order = "date_from desc, id desc"
    _check_company_auto = True

    contract_id = fields.Many2one(
        "hub.contract", required=True, ondelete="restrict", index=True, check_company=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="contract_id.currency_id")
    partner_id = fields.Many2one(related="contract_id.partner_id")
    basis = fields.Selection(
        [("hours", "Hours"), ("amount", "Money")], default="hours", required=True, tracking=True
    )
    period = fields.Selection(
        [("month", "Month"), ("quarter", "Quarter")], default="month", required=True
    )
    allowance = fields.Float(
        string="Allowance a Period",
        digits=(16, 3),
        required=True,
        tracking=True,
        help="Hours, or an untaxed amount that approved time uses up at the price of its order line.",
    )
    fee = fields.Monetary(
        string="Fee a Period", required=True, tracking=True, help="Untaxed; billed in advance."
    )
    product_id = fields.Many2one(
        "product.product",
        string="Billed As",
        required=True,
        check_company=True,
        domain=[("service_type", "=", "milestones")],
        help="A service that is billed by milestones.",
    )
    date_from = fields.Date(string="From", required=True)
    date_to = fields.Date(string="Until", help="Empty: until the end of the contract.")
    carry = fields.Selection(
        [("none", "Expires"), ("limited", "Carried over up to a limit"), ("all", "Carried over")],
        string="What Is Not Used",
        default="none",
        required=True,
        tracking=True,
    )
    carry_limit = fields.Float(string="At Most", digits=(16, 3), tracking=True)
    carry_periods = fields.Integer(
        string="Usable For (periods)",
        tracking=True,
        help="How many periods after its own it may be used. 0: until the end.",
    )
    overage_allowed = fields.Boolean(
        string="Bill Overage",
        tracking=True,
        help="Time beyond the balance is billed at the price of its order line. Without this it waits.",
    )
    period_ids = fields.One2many("hub.retainer.period", "retainer_id", string="Statement")
    balance = fields.Float(compute="_compute_balance", digits=(16, 3))

    _contract_unique = models.UniqueIndex("(contract_id)", "A contract has one retainer.")

    @api.depends("period_ids.opening", "period_ids.added", "period_ids.used")
    def _compute_balance(self):
        today = fields.Date.context_today(self)
        for retainer in self:
            now = retainer.period_ids.filtered(lambda p: p.date_from <= today <= p.date_to)
            retainer.balance = now.opening + now.added - now.used

    @api.constrains("allowance", "fee", "carry_limit", "carry_periods", "date_from", "date_to")
    def _check_terms(self):
        for one in self:
            if one.allowance <= 0 or one.fee < 0 or one.carry_limit < 0 or one.carry_periods < 0:
                raise ValidationError(
                    self.env._("A retainer has an allowance; no figure of it is less than nothing.")
                )
            if one.date_to and one.date_to < one.date_from:
                raise ValidationError(self.env._("A retainer ends after it begins."))

    @api.constrains("product_id", "fee", "contract_id")
    def _check_taxes(self):
        """The fee is untaxed: as a price that includes its tax it would be billed too low."""
        for one in self.filtered("fee"):
            taxes = one.product_id.taxes_id._filter_taxes_by_company(one.company_id)
            if any(tax.price_include for tax in taxes.flatten_taxes_hierarchy()):
                raise ValidationError(
                    self.env._(
                        "Prices of %s include their tax, and the fee is untaxed. Choose a service with a tax that is "
                        "added to its price.",
                        one.product_id.display_name,
                    )
                )

    @api.constrains("contract_id")
    def _check_contract(self):
        for contract in self.contract_id.sudo():  # amounts are not shown to everybody
            if contract.cap_amount or contract.round_level != "none":
                raise ValidationError(
                    self.env._(
                        "%s has a cap or rounds its time: a retainer counts time as it was worked.",
                        contract.display_name,
                    )
                )

    def write(self, vals):
        if AGREED & vals.keys() and (
            any(
                period.state == "closed" or period.milestone_id.sudo().hub_billing_id
                for period in self.period_ids
            )
            or self.contract_id.sudo().billing_ids.filtered(  # to look only
                lambda row: row.of_retainer and row.state != "released"
            )
        ):
            raise UserError(
                self.env._("A period is billed or closed: what was agreed for it is kept.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if self.period_ids:
            raise UserError(self.env._("A retainer with a statement is kept. Give it an end."))

    # --- periods ------------------------------------------------------------------------------------

    def _open_until(self, day):
        """Periods, and the milestones that bill their fees, up to the one that ``day`` falls into.

        Billed in advance, and not more than that: one period that has not begun. What begins before its contract
        is started opens with it, so that no fee is left out.

        With sudo: order lines and milestones of a started contract are made by code.
        """
        made = []
        today = fields.Date.context_today(self)
        for one in self:
            contract = one.contract_id
            if not contract.sale_order_id or not contract.project_id:
                continue
            next_one = today + relativedelta(months=MONTHS[one.period])
            end = min(filter(None, (day, one.date_to, contract.date_end, next_one)))
            start = max(one.period_ids.mapped("date_to"), default=None)
            start = start + relativedelta(days=1) if start else one.date_from
            while start <= end:
                last = start + relativedelta(day=1, months=MONTHS[one.period], days=-1)
                made.append({"retainer_id": one.id, "date_from": start, "date_to": last})
                start = last + relativedelta(days=1)
        if made:
            self.env["hub.retainer.period"].sudo().create(made)._bill_fees()

    def _refresh(self, day):
        """Open what has begun by ``day`` and write the statement of what is not closed."""
        self._open_until(day)
        for one, (rows, _covered, _waiting) in self._state().items():
            periods = one.period_ids.sorted("date_from")
            for period, row in zip(periods, rows, strict=True):
                figures = {
                    n: round(one._as_float(value), UNIT_DIGITS) for n, value in vars(row).items()
                }
                new = {n: value for n, value in figures.items() if period[n] != value}
                if period.state == "open" and new:
                    period.sudo().write(new)  # a statement is written by code
        self.period_ids._tell()

    def _refresh_apart(self, day):
        """The same; one that fails stands alone, and who answers for its contract is told.

        :return: those that failed
        """
        return apart(
            self, lambda some: some._refresh(day), lambda one, error: one._tell_failure(error)
        )

    def _tell_failure(self, error):
        why = self.env["hub.invoicing"]._why(error)
        summary = self.env._("The retainer could not be worked out")
        if summary not in self.contract_id.activity_ids.mapped("summary"):
            self.contract_id._hub_tell(
                summary,
                plaintext2html(
                    self.env._(
                        "%(why)s Until it is mended, its contract is left out of billing runs. Mend it, then choose "
                        "Work Out Again on the retainer.",
                        why=why,
                    )
                ),
            )

    def _as_float(self, value):
        return value / 3600 if self.basis == "hours" else float(value)

    def _state(self):
        """Statements worked out anew: ``{retainer: (rows, {entry id: (covered, worked)}, waiting ids)}``.

        One query for the work of all. Of a closed period only what it used is looked at, and what is billed
        already keeps its share. Other work belongs to the period of its day, or to the first open one where that
        is closed. Work of a period that is not open yet waits.
        """
        work = self._work()
        return {one: one._worked_out(work.get(one.contract_id.id, ())) for one in self}

    def _worked_out(self, work):
        periods = self.period_ids.sorted("date_from")
        starts, last = periods.mapped("date_from"), periods[-1:].date_to
        closed = periods.filtered(lambda period: period.state == "closed")  # the first ones
        ends = min(filter(None, (self.date_to, self.contract_id.date_end)), default=None)
        settled = {period: self._measure(period.used, 1) for period in closed}
        works = [(n, period.date_to, period, settled[period]) for n, period in enumerate(closed)]
        shares, worked, waiting = {}, {}, set()
        for entry, day, hours, price, of_closed, covered, billed in work:
            amount = self._measure(hours, price)
            if covered is not None:
                covered = self._measure(covered, 1)
            if of_closed:
                shares[entry] = (min(covered, amount), amount)
                continue
            number = bisect_right(starts, day) - 1 if last and day <= last else len(periods)
            number = max(number, len(closed))
            if number < len(periods):
                if covered is not None:
                    settled[entry] = covered
                    if self.basis == "amount":  # the price may have changed since it was billed
                        amount = covered + self._measure(billed, 1)
                worked[entry] = amount
                works.append((number, day, entry, amount))
            elif not ends or day <= ends:  # after its end time is billed like any other
                if self.overage_allowed and ends and last and last >= ends:
                    shares[entry] = (0, amount)  # no period will come that could cover it
                else:
                    waiting.add(entry)
        added = [self._measure(self.allowance, 1)] * len(periods)
        rows, covered, late = statement(added, works, self._terms(), settled)
        shares.update((e, (covered[e], worked[e])) for e in worked if e in covered)
        return rows, shares, waiting.union(late)

    def _measure(self, hours, price):
        if self.basis == "hours":
            return to_seconds(hours)
        return rounded(exact(hours) * exact(price), exact(self.currency_id.rounding))

    def _terms(self):
        limit = None if self.carry == "all" else self.carry_limit if self.carry == "limited" else 0
        if limit is not None:
            limit = self._measure(limit, 1)
        return Terms(limit, self.carry_periods or None, self.overage_allowed)

    def _work(self):
        """Approved time that is not billed otherwise, nor settled in a closed period.

        Time that waits for a rate uses no money up: what it costs is not known yet. It counts later, as late time.

        :return: ``{contract id: [(entry, day, hours, price, whether its period is closed, what was covered of it or
            None while that is open, amount billed)]}``
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id, a.id, a.date, COALESCE(b.worked, a.hub_billable_quantity), l.hub_hour_price,
                       a.hub_retainer_period_id IS NOT NULL,
                       CASE WHEN b.id IS NOT NULL THEN b.consumed
                            WHEN a.hub_retainer_period_id IS NOT NULL THEN COALESCE(a.hub_retainer_covered, 0) END,
                       b.amount
                  FROM hub_retainer r
                  JOIN hub_contract c ON c.id = r.contract_id
                  JOIN sale_order_line l ON l.order_id = c.sale_order_id AND l.qty_delivered_method = 'timesheet'
                  JOIN account_analytic_line a ON a.so_line = l.id AND a.project_id IS NOT NULL
             LEFT JOIN hub_billing b ON b.entry_id = a.id AND b.state != 'released'
                 WHERE r.id = ANY(%(ids)s) AND a.hub_approval = 'approved' AND a.hub_billable_quantity > 0
                   AND a.date >= r.date_from
                   AND (b.id IS NULL OR b.of_retainer AND a.hub_retainer_period_id IS NULL)
                   AND (r.basis = 'hours' OR c.rate_card_id IS NULL OR l.hub_rated_from_id IS NOT NULL
                        OR a.is_so_line_edited OR b.id IS NOT NULL)
                """,
                ids=self.ids,
            )
        )
        result = {}
        for contract, *work in rows:
            result.setdefault(contract, []).append(work)
        return result

    # --- what the clock and people do ---------------------------------------------------------------

    @api.model
    def _run(self):
        """Each night: open periods that have begun, write statements, tell at 80 and 100 %."""
        today = fields.Date.context_today(self)
        active = self.search([("contract_id.state", "=", "active"), ("date_from", "<=", today)])
        active._refresh_apart(today)

    def action_refresh(self):
        """Work the statement out again."""
        self.check_access("write")
        self._refresh(fields.Date.context_today(self))
        return True


class HubContract(models.Model):
    _inherit = "hub.contract"

    retainer_ids = fields.One2many("hub.retainer", "contract_id", string="Retainers")
    retainer_count = fields.Integer(compute="_compute_retainer_count")

    @api.depends("retainer_ids")
    def _compute_retainer_count(self):
        for contract in self:
            contract.retainer_count = len(contract.retainer_ids)

    @api.constrains("cap_amount", "round_level")
    def _check_retainer(self):
        self.retainer_ids._check_contract()

    def _hub_has_terms(self):
        return super()._hub_has_terms() | self.filtered("retainer_ids")

    def action_view_retainer(self):
        """The retainer of this contract, or a new one."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Retainer"),
            "res_model": "hub.retainer",
            "res_id": self.retainer_ids.id,
            "view_mode": "form",
            "context": {"default_contract_id": self.id},
        }
