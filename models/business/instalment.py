from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

from ...core.billing import exact, rounded
from ...core.schedule import ScheduleError, Share, instalments
from ..guard import is_own_code
from .contract import SEE_LINES

# What of a milestone decides when and how much of an instalment is billed.
OF_THE_SCHEDULE = {
    *("is_reached", "reached_date", "sale_line_id", "quantity_percentage", "product_uom_qty"),
    "project_id",
}


class HubInstalment(models.Model):
    """One instalment of a fee by schedule, or one period of a recurring service: billed once, as a milestone.

    Instalments are written by people while the contract is a draft, and by a change order afterwards; periods are
    opened by the hub when they are due.
    """

    _name = "hub.instalment"
    _description = "Instalment"
    _inherit = ["hub.kept"]
    _order = "date, id"
    _check_company_auto = True

    line_id = fields.Many2one(
        "hub.contract.line", string="Contract Line", required=True, ondelete="cascade", index=True
    )
    kind = fields.Selection(related="line_id.kind", store=True)
    contract_id = fields.Many2one(related="line_id.contract_id", store=True, index=True)
    company_id = fields.Many2one(related="line_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="line_id.currency_id")
    partner_id = fields.Many2one(related="contract_id.partner_id")
    name = fields.Char(string="Label", required=True, help="Printed on the invoice.")
    date = fields.Date(
        string="Due On", required=True, index=True, help="From this day on a billing run bills it."
    )
    date_from = fields.Date(
        string="Service From",
        help="What is paid for is done from this day on; printed on the invoice.",
    )
    date_to = fields.Date(string="Service To")
    percent = fields.Float(digits=(16, 6), help="Of the fee.")
    fixed = fields.Monetary(
        string="Or Amount",
        help="One instalment without percent and amount takes the rest of the fee.",
    )
    amount = fields.Monetary(
        string="Comes To", compute="_compute_amount", store=True, help="Untaxed."
    )
    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    milestone_id = fields.Many2one(
        "project.milestone", readonly=True, copy=False, index="btree_not_null", ondelete="restrict"
    )
    dropped = fields.Boolean(readonly=True, copy=False, help="It is not billed any more.")
    dropped_by_id = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict")
    reason = fields.Char(string="Why Dropped", readonly=True, copy=False)
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("due", "Due"),
            ("draft", "On a draft"),
            ("billed", "Billed"),
            ("credited", "Credited"),
            ("dropped", "Dropped"),
        ],
        string="Status",
        compute="_compute_state",
        compute_sudo=True,
        search="_search_state",
    )
    invoice = fields.Char(compute="_compute_state", compute_sudo=True)

    _period_unique = models.UniqueIndex(
        "(line_id, date_from) WHERE kind = 'recurring'", "A period of a service is billed once."
    )

    @api.depends(
        "percent",
        "fixed",
        "date",
        "line_id.amount",
        "line_id.instalment_ids.percent",
        "line_id.instalment_ids.fixed",
        "line_id.instalment_ids.date",
    )
    def _compute_amount(self):
        """Of a draft by percent, amount and rest; once it has started, an amount stays what was agreed."""
        for line, rows in self.grouped("line_id").items():
            step = exact(line.currency_id.rounding or 0.01)
            if line.kind == "recurring" or line.contract_id.state not in (False, "draft"):
                for row in rows:
                    row.amount = row.fixed if not row.percent and row.fixed else row.amount
                continue
            every = line.instalment_ids._hub_by_day()
            try:
                parts = instalments(line.amount, every._hub_shares(), step)
            except ScheduleError:  # as far as it is written; it cannot start like that
                fee = exact(line.amount)
                parts = [
                    rounded(fee * exact(row.percent) / 100 if row.percent else row.fixed, step)
                    for row in every
                ]
            amounts = dict(zip(every, parts, strict=True))
            for row in rows:
                row.amount = float(amounts.get(row, row.fixed))

    @api.depends("dropped", "date", "contract_id.state", "milestone_id.hub_billing_id.state")
    def _compute_state(self):
        today = fields.Date.context_today(self)
        states = {"draft": "draft", "credited": "credited"}
        for row in self:
            billing = row.milestone_id.hub_billing_id
            move = billing.move_id
            row.invoice = move.name or (move and self.env._("Draft")) or ""
            if billing:
                row.state = states.get(billing.state, "billed")
            elif row.dropped:
                row.state = "dropped"
            else:
                due = row.date and row.date <= today and row.contract_id.state != "draft"
                row.state = "due" if due else "planned"

    @api.model
    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        billed = Domain("milestone_id.hub_billing_id", "!=", False)
        state = "milestone_id.hub_billing_id.state"
        today = fields.Date.context_today(self)
        free = ~billed & Domain("dropped", "=", False)
        due = Domain("date", "<=", today) & Domain("contract_id.state", "!=", "draft")
        found = {
            "planned": free & ~due,
            "due": free & due,
            "dropped": ~billed & Domain("dropped", "=", True),
            "draft": Domain(state, "=", "draft"),
            "credited": Domain(state, "=", "credited"),
            "billed": billed & Domain(state, "not in", ("draft", "credited")),
        }
        # With sudo: whether it is billed stands on milestones, which not everybody may read.
        rows = self.sudo()._search(Domain.OR(found[name] for name in value if name in found))
        return Domain("id", "in", rows)

    @api.constrains("date_from", "date_to", "percent", "fixed")
    def _check_figures(self):
        for row in self:
            if row.percent < 0 or row.percent > 100 or row.fixed < 0:
                raise ValidationError(
                    self.env._("An instalment is not less than nothing, nor more than the fee.")
                )
            if bool(row.date_from) != bool(row.date_to) or (
                row.date_from and row.date_to < row.date_from
            ):
                raise ValidationError(
                    self.env._(
                        "%s: give the first and the last day of the service, or none.", row.name
                    )
                )

    # --- who may write them -------------------------------------------------------------------------

    def _hub_refuse_by_hand(self):
        if self.env.su or is_own_code(self.env):
            return
        self.line_id._hub_refuse_started(self.contract_id)
        if any(line.kind == "recurring" for line in self.line_id):
            raise UserError(
                self.env._(
                    "Periods of a recurring service are opened by the hub when they are due."
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        rows._hub_refuse_by_hand()
        return rows

    def write(self, vals):
        self._hub_refuse_by_hand()
        result = super().write(vals)
        if "line_id" in vals:
            self._hub_refuse_by_hand()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_started(self):
        self._hub_refuse_by_hand()

    def _hub_by_day(self):
        return self.sorted(lambda row: (row.date or fields.Date.today(), row.id or 0))

    def _hub_shares(self):
        """Instalments as they are written (``core.schedule.Share``), by their days."""
        return [
            Share(percent=exact(row.percent))
            if row.percent
            else Share(amount=exact(row.fixed))
            if row.fixed
            else Share()
            for row in self._hub_by_day()
        ]

    # --- words --------------------------------------------------------------------------------------

    def _hub_description(self):
        """What stands on order, milestone and invoice, in the customer's language."""
        self.ensure_one()
        row = self.with_context(lang=self.partner_id.lang or self.env.lang)
        if not row.date_from or row.kind == "recurring":  # a period is called by its days
            return f"{row.line_id.name}: {row.name}"
        service = row.env._(
            "%(first)s to %(last)s",
            first=format_date(row.env, row.date_from),
            last=format_date(row.env, row.date_to),
        )
        return f"{row.line_id.name}: {row.name} ({service})"

    def action_view_contract(self):
        """The contract that this was agreed in."""
        self.ensure_one()
        return self.contract_id.get_formview_action()


class ProjectMilestone(models.Model):
    _inherit = "project.milestone"

    hub_instalment_ids = fields.One2many(
        "hub.instalment", "milestone_id", string="Instalment", groups=SEE_LINES
    )

    def _hub_refuse_scheduled(self):
        """The day on which an instalment is billed is that of the contract, whoever marks a milestone as reached."""
        if self.env.su or is_own_code(self.env):
            return
        rows = self.sudo().hub_instalment_ids  # to look only
        if rows:
            raise UserError(
                self.env._(
                    "%(milestones)s: billed by the schedule of %(contracts)s, on the day that was agreed there. "
                    "Change the schedule of the contract instead.",
                    milestones=", ".join(rows.milestone_id.mapped("name")),
                    contracts=", ".join(rows.contract_id.mapped("code")),
                )
            )

    def write(self, vals):
        if OF_THE_SCHEDULE & vals.keys():
            self._hub_refuse_scheduled()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_scheduled(self):
        self._hub_refuse_scheduled()


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    hub_instalment_ids = fields.One2many(
        "hub.instalment", "sale_line_id", string="Instalments", groups=SEE_LINES
    )
    hub_service_from = fields.Date(
        string="Service From", compute="_compute_hub_service", compute_sudo=True
    )
    hub_service_to = fields.Date(
        string="Service To", compute="_compute_hub_service", compute_sudo=True
    )

    @api.depends("hub_instalment_ids.date_from", "hub_instalment_ids.date_to")
    def _compute_hub_service(self):
        """From which day to which the service runs that is paid for; of an instalment or period."""
        for line in self:
            row = line.hub_instalment_ids[:1]
            line.hub_service_from, line.hub_service_to = row.date_from, row.date_to

    def _hub_agreed_price(self):
        row = self.sudo().hub_instalment_ids[:1]  # a price, shown on the invoice anyway
        return row.amount if row else super()._hub_agreed_price()


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    hub_service_from = fields.Date(
        string="Service From", compute="_compute_hub_service", compute_sudo=True
    )
    hub_service_to = fields.Date(
        string="Service To", compute="_compute_hub_service", compute_sudo=True
    )

    @api.depends("sale_line_ids.hub_service_from", "sale_line_ids.hub_service_to")
    def _compute_hub_service(self):
        """The same of an invoice line, for who defers its revenue."""
        for line in self:
            source = line.sale_line_ids[:1]
            line.hub_service_from, line.hub_service_to = (
                source.hub_service_from,
                source.hub_service_to,
            )
