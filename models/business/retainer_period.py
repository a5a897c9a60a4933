from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare, format_date

from ...core.billing import UNIT_DIGITS
from ...core.terms import reached


class HubRetainerPeriod(models.Model):
    """One period of a retainer's statement. Rows are written by code; a closed one never changes."""

    _name = "hub.retainer.period"
    _description = "Period of a Retainer"
    _order = "retainer_id, date_from"
    _rec_name = "date_from"

    retainer_id = fields.Many2one(
        "hub.retainer", required=True, readonly=True, ondelete="cascade", index=True
    )
    contract_id = fields.Many2one(related="retainer_id.contract_id", store=True, index=True)
    company_id = fields.Many2one(related="retainer_id.company_id", store=True, index=True)
    basis = fields.Selection(related="retainer_id.basis")
    date_from = fields.Date(string="From", required=True, readonly=True)
    date_to = fields.Date(string="To", required=True, readonly=True)
    opening = fields.Float(readonly=True, digits=(16, UNIT_DIGITS))
    added = fields.Float(readonly=True, digits=(16, UNIT_DIGITS))
    used = fields.Float(readonly=True, digits=(16, UNIT_DIGITS))
    expired = fields.Float(readonly=True, digits=(16, UNIT_DIGITS))
    closing = fields.Float(readonly=True, digits=(16, UNIT_DIGITS))
    over = fields.Float(
        string="Beyond",
        readonly=True,
        digits=(16, UNIT_DIGITS),
        help="Worked beyond the balance: billed as overage, or waiting where that is not allowed.",
    )
    ended = fields.Boolean(compute="_compute_left")
    lapsed = fields.Float(
        string="Expired So Far",
        compute="_compute_left",
        digits=(16, UNIT_DIGITS),
        help="What expired; nothing has before the period ends.",
    )
    left = fields.Float(
        compute="_compute_left",
        digits=(16, UNIT_DIGITS),
        help="What was carried over; while the period runs, what may still be used.",
    )
    used_percent = fields.Integer(string="Used (%)", compute="_compute_used_percent")
    told = fields.Integer(readonly=True)
    told_of = fields.Float(
        readonly=True, digits=(16, 3), help="The balance that people were told of last."
    )
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")], default="open", required=True, readonly=True
    )
    milestone_id = fields.Many2one("project.milestone", string="Fee", readonly=True)
    invoice = fields.Char(compute="_compute_invoice", compute_sudo=True)
    closed_by_id = fields.Many2one("res.users", readonly=True)

    _period_unique = models.UniqueIndex("(retainer_id, date_from)")

    @api.depends("date_to", "opening", "added", "used", "expired", "closing")
    def _compute_left(self):
        """The statement of a running period says already what would expire if nothing more was worked."""
        today = fields.Date.context_today(self)
        for period in self:
            period.ended = bool(period.date_to and period.date_to < today)
            period.lapsed = period.expired if period.ended else 0.0
            running = round(period.opening + period.added - period.used, UNIT_DIGITS)
            period.left = period.closing if period.ended else running

    def _compute_used_percent(self):
        for period in self:
            whole = period.opening + period.added
            period.used_percent = int(100 * period.used / whole) if whole else 0

    def _compute_invoice(self):
        for period in self:
            move = period.milestone_id.hub_billing_id.move_id
            period.invoice = move.name or (move and self.env._("Draft")) or ""

    def _bill_fees(self):
        """One order line and one reached milestone a period: the ledger bills it once, like any other."""
        today = fields.Date.context_today(self)
        for one, periods in self.grouped("retainer_id").items():
            contract = one.contract_id
            order = contract.sale_order_id.with_context(disable_project_task_generation=True)
            if not one.fee:
                continue
            names = {
                period: self.env._(
                    "Retainer %(first)s to %(last)s",
                    first=format_date(self.env, period.date_from),
                    last=format_date(self.env, period.date_to),
                )
                for period in periods
            }
            lines = (
                self.env["sale.order.line"]
                .sudo()
                .with_context(**order.env.context)
                .create(
                    [
                        {
                            "order_id": order.id,
                            "product_id": one.product_id.id,
                            "name": names[period],
                            "product_uom_qty": 1.0,
                            "price_unit": one.fee,
                            "project_id": contract.project_id.id,
                        }
                        for period in periods
                    ]
                )
            )
            contract.project_id.sudo().allow_milestones = True
            milestones = (
                self.env["project.milestone"]
                .sudo()
                .create(
                    [
                        {
                            "name": names[period],
                            "project_id": contract.project_id.id,
                            "sale_line_id": line.id,
                            "quantity_percentage": 1.0,
                            "deadline": period.date_from,
                            "is_reached": True,
                            "reached_date": period.date_from,
                            "hub_accepted_on": min(period.date_from, today),
                            "hub_accepted_by": one.partner_id.display_name,
                            "hub_evidence": self.env._("Agreed in the retainer"),
                        }
                        for period, line in zip(periods, lines, strict=True)
                    ]
                )
            )
            for period, milestone in zip(periods, milestones, strict=True):
                # Paid in advance: due on the first day of its period, whenever it was made.
                milestone.reached_date = period.date_from
                period.milestone_id = milestone

    def _tell(self):
        """An activity at 80 and 100 % of a period's balance; each once.

        Anew of a balance that became larger, and of one of which less is used by now.
        """
        for period in self.filtered(lambda period: period.state == "open"):
            used = round(1000 * (period.used + period.over))
            whole = round(1000 * (period.opening + period.added))
            more = float_compare(whole / 1000, period.told_of, precision_digits=3) > 0
            told = 0 if more else min(period.told, reached(used, whole))
            notice = reached(used, whole, told)
            figures = {"told": notice or told, "told_of": whole / 1000}
            new = {name: value for name, value in figures.items() if period[name] != value}
            if new:
                period.sudo().write(new)  # written by code only
            if notice:
                period.contract_id._hub_tell(
                    self.env._("%(percent)s %% of the retainer is used", percent=notice),
                    self.env._(
                        "Period from %(first)s: %(used)s of %(whole)s used, %(over)s beyond it.",
                        first=format_date(self.env, period.date_from),
                        used=f"{period.used:g}",
                        whole=f"{period.opening + period.added:g}",
                        over=f"{period.over:g}",
                    ),
                )

    def action_close(self):
        """Close the period: what it covered is settled; late time counts in the next one."""
        self.retainer_id.check_access("write")
        self.env["hub.billing.turn"]._take(self.contract_id)
        for period in self.sorted("date_from"):
            one = period.retainer_id
            if period.state == "closed":
                continue
            if period.date_to >= fields.Date.context_today(self):
                raise UserError(self.env._("The period has not ended yet."))
            if any(p.state == "open" and p.date_from < period.date_from for p in one.period_ids):
                raise UserError(self.env._("Close the periods before this one first."))
            one._refresh(period.date_to)
            period._settle_entries()
            # With sudo: a statement is written by code.
            period.sudo().write({"state": "closed", "closed_by_id": self.env.uid})
        return True

    def _settle_entries(self):
        """Tie the entries that this period covers to it, and write those covered whole into the ledger."""
        one = self.retainer_id
        _rows, shares, _waiting = one._state()[one]
        # With sudo: the ledger and what ties entries to it are written by code.
        entries = (
            self.env["account.analytic.line"]
            .sudo()
            .search_fetch(
                [
                    ("id", "in", list(shares)),
                    ("date", "<=", self.date_to),
                    ("hub_retainer_period_id", "=", False),
                ],
                ["so_line", "date", "employee_id", "hub_billable_quantity", "hub_billing_id"],
            )
        )
        entries.write({"hub_retainer_period_id": self.id})
        whole = entries.filtered(
            lambda entry: shares[entry.id][0] == shares[entry.id][1] and not entry.hub_billing_id
        )
        # Whatever becomes of the others, the period covered so much of them and not more.
        for covered, group in (entries - whole).grouped(lambda entry: shares[entry.id][0]).items():
            group.write({"hub_retainer_covered": one._as_float(covered)})
        reason = self.env._("Retainer from %s", format_date(self.env, self.date_from))
        self.env["hub.billing"].sudo().create(
            [
                {
                    "company_id": self.company_id.id,
                    "contract_id": self.contract_id.id,
                    "sale_line_id": entry.so_line.id,
                    "entry_id": entry.id,
                    "date": entry.date,
                    "employee_id": entry.employee_id.id,
                    "quantity": 0.0,
                    "worked": entry.hub_billable_quantity,
                    "of_retainer": True,
                    "consumed": one._as_float(shares[entry.id][0]),
                    "amount": 0.0,
                    "currency_id": self.contract_id.currency_id.id,
                    "state": "consumed",
                    "reason": reason,
                    "user_id": self.env.uid,
                }
                for entry in whole
            ]
        )
