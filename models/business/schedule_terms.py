from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date, formatLang

from ...core.billing import exact, rounded
from ...core.schedule import INTERVALS, ScheduleError, Terms, instalments, periods, spans, value

SCHEDULED = ("schedule", "recurring")
# What was signed of them; what changes later is an event of its own.
SIGNED = {
    "interval",
    "aligned",
    "bill_when",
    "billed_from",
    "billed_to",
    "notice_months",
    "notice_whole",
}
SHOWN = 12  # coming periods in the form


class HubContractLine(models.Model):
    """Fixed fees by schedule, and services that are billed each month, quarter or year (``core.schedule``).

    Neither stands on the order line by line of the contract: each instalment and each period is an order line and a
    milestone of its own, so that the ledger bills it once and a credit note gives it back.
    """

    _inherit = "hub.contract.line"

    kind = fields.Selection(
        selection_add=[("schedule", "Fixed Fee by Schedule"), ("recurring", "Recurring Service")],
        ondelete={"schedule": "cascade", "recurring": "cascade"},
        help="Time is billed as worked and approved, a milestone when it is reached, expenses at cost when they are "
        "approved, a fee by schedule by instalments of fixed days, a recurring service period by period.",
    )
    interval = fields.Selection(
        [("month", "Month"), ("quarter", "Quarter"), ("year", "Year")],
        string="Each",
        default="month",
    )
    aligned = fields.Selection(
        [("calendar", "Of the calendar"), ("start", "From the first day on")],
        string="Periods Run",
        default="calendar",
        help="Of the calendar: a service from 15 March has a broken first month, charged by days. From the first day "
        "on: its months run from the 15th to the 14th and are whole.",
    )
    bill_when = fields.Selection(
        [("advance", "In advance"), ("arrears", "In arrears")],
        string="Billed",
        default="advance",
        help="In advance a period is due on its first day, in arrears on its last.",
    )
    billed_from = fields.Date(string="First Day", help="Of the service.")
    billed_to = fields.Date(
        string="Last Day", help="Empty: until it is cancelled, or until the end of the contract."
    )
    notice_months = fields.Integer(
        string="Notice (months)", help="How long the service still runs once it is cancelled."
    )
    notice_whole = fields.Boolean(
        string="To the End of a Period",
        default=True,
        help="Once cancelled, it runs until the end of the period that the notice ends in.",
    )
    ends_on = fields.Date(
        compute="_compute_ends_on", help="The last day that is billed, by all that is agreed."
    )
    instalment_ids = fields.One2many("hub.instalment", "line_id", string="Instalments")
    change_ids = fields.One2many("hub.recurring.change", "line_id", string="Changes")
    unplanned = fields.Monetary(
        string="Still to Plan",
        compute="_compute_unplanned",
        help="What the instalments still lack to the fee; below zero: what they are over it.",
    )
    started = fields.Boolean(compute="_compute_started")
    coming_html = fields.Html(compute="_compute_coming_html", string="Periods")

    # --- terms --------------------------------------------------------------------------------------

    @api.depends("billed_to", "contract_id.date_end", "change_ids.kind", "change_ids.date_to")
    def _compute_ends_on(self):
        for line in self:
            line.ends_on = line._hub_last_day() or False

    @api.depends("contract_id.state")
    def _compute_started(self):
        for line in self:
            line.started = line.contract_id.state not in (False, "draft")

    def _hub_last_day(self):
        """The last day of the service: its own, that of the contract, or what a cancellation left; None while open."""
        cancelled = self.change_ids.filtered(lambda change: change.kind == "cancel")
        days = (self.billed_to, self.contract_id.date_end, *cancelled.mapped("date_to"))
        return min(filter(None, days), default=None)

    def _hub_terms(self):
        """The recurring service as :class:`core.schedule.Terms`; None while its first day is not known."""
        self.ensure_one()
        if not self.billed_from or not self.currency_id or not self.interval:
            return None
        step = exact(self.currency_id.rounding)
        net = exact(self.quantity) * exact(self.unit_price) * (100 - exact(self.discount)) / 100
        dated = self.change_ids.filtered("date_from")
        prices = dated.filtered(lambda change: change.kind in ("index", "price"))
        return Terms(
            first=self.billed_from,
            last=self._hub_last_day(),
            months=INTERVALS[self.interval],
            price=rounded(net, step),
            aligned=self.aligned == "calendar",
            advance=self.bill_when == "advance",
            prices=tuple(
                (change.date_from, exact(change.percent), None)
                if change.kind == "index"
                else (change.date_from, None, exact(change.price))
                for change in prices
            ),
            pauses=tuple(
                (change.date_from, change.date_to or None)
                for change in dated
                if change.kind == "pause"
            ),
            step=step,
        )

    @api.depends(
        "kind",
        "interval",
        "aligned",
        "billed_from",
        "billed_to",
        "contract_id.date_end",
        "change_ids.kind",
        "change_ids.date_from",
        "change_ids.date_to",
        "change_ids.percent",
        "change_ids.price",
    )
    def _compute_amount(self):
        """A recurring service is worth all its periods; until it is cancelled, those of a year."""
        recurring = self.filtered(lambda line: line.kind == "recurring")
        result = super(HubContractLine, self - recurring)._compute_amount()
        for line in recurring:
            terms = line._hub_terms()
            line.amount = float(value(terms)) if terms else 0.0
        return result

    @api.depends("amount", "instalment_ids.amount", "instalment_ids.dropped")
    def _compute_unplanned(self):
        for line in self:
            planned = sum(row.amount for row in line.instalment_ids if not row.dropped)
            line.unplanned = line.amount - planned if line.kind == "schedule" else 0.0

    @api.constrains("kind", "product_id")
    def _check_billed_service(self):
        """Instalments and periods are billed as reached milestones, at a price without its tax."""
        for line in self.filtered(lambda line: line.kind in SCHEDULED):
            product = line.product_id
            if product.service_policy != "delivered_milestones":
                raise ValidationError(
                    self.env._(
                        "%(service)s cannot be billed by schedule or period. Choose a service whose invoicing policy "
                        "is “Based on Milestones”.",
                        service=product.display_name,
                    )
                )
            taxes = product.taxes_id._filter_taxes_by_company(line.company_id)
            if any(tax.price_include for tax in taxes.flatten_taxes_hierarchy()):
                raise ValidationError(
                    self.env._(
                        "Prices of %s include their tax, and fees are untaxed. Choose a service with a tax that is "
                        "added to its price.",
                        product.display_name,
                    )
                )

    @api.constrains("billed_from", "billed_to", "notice_months")
    def _check_billed_days(self):
        for line in self:
            if line.notice_months < 0:
                raise ValidationError(self.env._("Notice is not less than nothing."))
            if line.billed_to and (not line.billed_from or line.billed_to < line.billed_from):
                raise ValidationError(
                    self.env._("%s: a service ends after its first day.", line.name or "")
                )

    def write(self, vals):
        if SIGNED & vals.keys():
            self._hub_refuse_started(self.contract_id)
        return super().write(vals)

    def _hub_period_name(self, period):
        """What a period of a service is called, in the customer's language."""
        line = self.with_context(lang=self.contract_id.partner_id.lang or self.env.lang)
        figures = {
            "first": format_date(line.env, period.start),
            "last": format_date(line.env, period.end),
            "days": period.days,
            "whole": period.whole,
        }
        if period.days == period.whole:
            return line.env._("%(first)s to %(last)s", **figures)
        return line.env._("%(first)s to %(last)s (%(days)s of %(whole)s days)", **figures)

    # --- what a contract needs before it starts -----------------------------------------------------

    def _hub_incomplete(self):
        """Why this line cannot be billed by schedule or period yet, as a sentence; None if it can."""
        self.ensure_one()
        if self.kind == "recurring":
            terms = self._hub_terms()
            if not terms:
                return self.env._("say from which day on “%s” is billed.", self.name)
            if terms.price <= 0:
                return self.env._("“%s” has no price a period.", self.name)
            return None
        rows = self.instalment_ids
        if not rows:
            return self.env._("“%s” has no instalments.", self.name)
        try:
            instalments(self.amount, rows._hub_shares(), exact(self.currency_id.rounding))
        except ScheduleError as error:
            return self.env._(
                "the instalments of “%(line)s” come to %(planned)s, and its fee is %(fee)s. Leave percent and amount "
                "of one of them empty: it takes the rest.",
                line=self.name,
                planned=self._hub_money(error.planned),
                fee=self._hub_money(error.fee),
            )
        if any(row.amount <= 0 for row in rows):
            return self.env._("an instalment of “%s” comes to nothing.", self.name)
        return None

    def _hub_money(self, amount):
        return formatLang(self.env, float(amount), currency_obj=self.currency_id)

    # --- what people press --------------------------------------------------------------------------

    def action_view_schedule(self):
        """The terms, instalments and periods of this line."""
        self.ensure_one()
        if self.kind not in SCHEDULED:
            raise UserError(
                self.env._(
                    "Only fees by schedule and recurring services have instalments or periods."
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
        }

    def action_spread(self):
        """Equal instalments from the first day to the last, one a period; what was planned is replaced."""
        self.check_access("write")
        for line in self.filtered(lambda line: line.kind == "schedule"):
            if not line.billed_from or not line.billed_to:
                raise UserError(
                    self.env._(
                        "Say from which day to which the fee is spread, and over which periods."
                    )
                )
            term = list(
                spans(line.billed_from, line.billed_to, INTERVALS[line.interval], aligned=False)
            )
            each = rounded(exact(line.amount) / len(term), exact(line.currency_id.rounding))
            line.instalment_ids.unlink()
            self.env["hub.instalment"].create(
                [
                    {
                        "line_id": line.id,
                        "name": self.env._(
                            "Instalment %(number)s of %(all)s", number=number, all=len(term)
                        ),
                        "date": start if line.bill_when == "advance" else end,
                        "date_from": start,
                        "date_to": end,
                        "fixed": float(each)
                        if number < len(term)
                        else 0.0,  # the last takes the rest
                    }
                    for number, (start, end, _first, _last) in enumerate(term, 1)
                ]
            )
        return True

    def action_change_schedule(self):
        """Agree other instalments for what is not billed yet."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change What Is Coming"),
            "res_model": "hub.schedule.change",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_id": self.id},
        }

    # --- shown ----------------------------------------------------------------------------------------

    @api.depends(
        "amount",
        "quantity",
        "unit_price",
        "discount",
        "bill_when",
        "change_ids.date_from",
        "instalment_ids.state",
    )
    @api.depends_context("lang")
    def _compute_coming_html(self):
        for line in self:
            terms = line._hub_terms() if line.kind == "recurring" else None
            line.coming_html = line._hub_coming(terms) if terms else False

    def _hub_coming(self, terms):
        """What was billed of a service lately and the periods that come, as a table."""
        states = dict(self.env["hub.instalment"]._fields["state"]._description_selection(self.env))
        known = {row.date_from: row for row in self.instalment_ids}
        today = fields.Date.context_today(self)
        rows, coming = [], 0
        for period in periods(terms, today + timedelta(days=366 * INTERVALS[self.interval])):
            row = known.get(period.start)
            coming += period.due > today
            if coming > SHOWN:
                break
            state = row.state if row else "due" if period.due <= today else "planned"
            if not period.amount and not row:
                state = "paused"
            amount = (
                row.amount
                if row and row.state in ("draft", "billed", "credited")
                else period.amount
            )
            days = "" if period.days == period.whole else f"{period.days}/{period.whole}"
            rows.append(
                (
                    format_date(self.env, period.start),
                    format_date(self.env, period.end),
                    days,
                    format_date(self.env, period.due),
                    self._hub_money(amount),
                    states.get(state) or self.env._("Paused"),
                )
            )
        _ = self.env._
        heads = (_("From"), _("To"), _("Days"), _("Due On"), _("Amount"), _("Status"))
        return Markup(
            "<table class='table table-sm'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>"
        ) % (
            Markup().join(Markup("<th>%s</th>") % head for head in heads),
            Markup().join(
                Markup("<tr>%s</tr>") % Markup().join(Markup("<td>%s</td>") % cell for cell in row)
                for row in rows[-SHOWN - 6 :]
            ),
        )
