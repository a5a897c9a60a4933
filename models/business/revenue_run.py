from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import format_date

STATES = [
    ("draft", "Draft"),
    ("proposed", "To Approve"),
    ("posted", "Posted"),
    ("discarded", "Discarded"),
    ("undone", "Taken Back"),
]
# What was proposed rests on these.
ASKED = {"company_id", "date_to"}


class HubRevenueRun(models.Model):
    """Revenue of a month: how each contract line stands at its end, proposed, decided by a person, then posted.

    Nothing is posted before somebody approves it. What is posted is a balanced entry on the last day of the month
    with its reversal on the first of the next: so at each month's end the accounts show earned and not billed, billed
    and not earned, and invoices are booked as ever.
    """

    _name = "hub.revenue.run"
    _description = "Revenue Run"
    _inherit = ["hub.kept", "mail.thread", "mail.activity.mixin"]
    _order = "date_to desc, id desc"
    _check_company_auto = True

    name = fields.Char(compute="_compute_name", store=True)
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_to = fields.Date(
        string="Month's End",
        required=True,
        default=lambda self: fields.Date.context_today(self) + relativedelta(day=1, days=-1),
        help="The last day of the month.",
    )
    date_from = fields.Date(string="From", compute="_compute_date_from")
    state = fields.Selection(
        STATES, default="draft", required=True, readonly=True, copy=False, index=True, tracking=True
    )
    line_ids = fields.One2many("hub.revenue.line", "run_id", string="Positions", readonly=True)
    finding_ids = fields.One2many("hub.revenue.finding", "run_id", string="Findings", readonly=True)
    blocking_count = fields.Integer(string="Blocks", compute="_compute_findings")
    warning_count = fields.Integer(string="Look at It", compute="_compute_findings")
    author_ids = fields.Many2many(
        "res.users", "hub_revenue_run_author_rel", string="Proposed By", readonly=True, copy=False
    )
    proposed_at = fields.Datetime(string="Proposed On", readonly=True, copy=False)
    approved_by_id = fields.Many2one("res.users", readonly=True, copy=False, tracking=True)
    approved_at = fields.Datetime(string="Approved On", readonly=True, copy=False)
    journal_id = fields.Many2one("account.journal", readonly=True, copy=False)
    accrued_account_id = fields.Many2one(
        "account.account", string="Accrued Income Account", readonly=True, copy=False
    )
    deferred_account_id = fields.Many2one(
        "account.account", string="Deferred Income Account", readonly=True, copy=False
    )
    move_id = fields.Many2one("account.move", string="Entry", readonly=True, copy=False)
    reversal_id = fields.Many2one("account.move", readonly=True, copy=False)
    exchange_move_id = fields.Many2one(
        "account.move", string="Exchange Entry", readonly=True, copy=False
    )
    # The roll-forward, in the company's currency.
    opening = fields.Monetary(compute="_compute_totals")
    recognised = fields.Monetary(compute="_compute_totals")
    billed = fields.Monetary(compute="_compute_totals", help="Untaxed, as it was booked.")
    exchange = fields.Monetary(compute="_compute_totals")
    closing = fields.Monetary(
        compute="_compute_totals",
        help="Opening + recognised - billed + exchange: accrued less deferred income.",
    )
    accrued = fields.Monetary(string="Accrued Income", compute="_compute_totals")
    deferred = fields.Monetary(string="Deferred Income", compute="_compute_totals")
    ledger_balance = fields.Monetary(
        string="In the Accounts",
        compute="_compute_ledger",
        compute_sudo=True,  # a balance, for whoever sees the run
        help="What Odoo's two accounts hold on the last day of the month, posted entries only.",
    )
    difference = fields.Monetary(
        compute="_compute_ledger",
        compute_sudo=True,
        help="What the accounts hold and this run does not explain.",
    )

    _month_once = models.UniqueIndex(
        "(company_id, date_to) WHERE state IN ('draft', 'proposed', 'posted')",
        "There is a revenue run of this month already.",
    )

    @api.depends("date_to")
    def _compute_name(self):
        for run in self:
            run.name = run.date_to and format_date(self.env, run.date_to, date_format="MMMM yyyy")

    @api.depends("date_to")
    def _compute_date_from(self):
        for run in self:
            run.date_from = run.date_to and run.date_to + relativedelta(day=1)

    @api.constrains("date_to")
    def _check_month(self):
        for run in self:
            if run.date_to != run.date_to + relativedelta(day=31):
                raise ValidationError(
                    self.env._(
                        "A revenue run ends with a month: %(day)s is not the last day of one.",
                        day=format_date(self.env, run.date_to),
                    )
                )

    @api.depends("finding_ids.severity")
    def _compute_findings(self):
        groups = self.env["hub.revenue.finding"]._read_group(
            [("run_id", "in", self.ids)], ["run_id", "severity"], ["__count"]
        )
        found = {(run.id, severity): count for run, severity, count in groups}
        for run in self:
            run.blocking_count = found.get((run.id, "blocking"), 0)
            run.warning_count = found.get((run.id, "warning"), 0)

    def _compute_totals(self):
        """One query for all runs."""
        names = ("opening", "recognised", "billed", "exchange", "closing", "accrued", "deferred")
        groups = self.env["hub.revenue.line"]._read_group(
            [("run_id", "in", self.ids)], ["run_id"], [f"{name}_company:sum" for name in names]
        )
        found = {run.id: sums for run, *sums in groups}
        for run in self:
            for name, amount in zip(names, found.get(run.id, [0.0] * len(names)), strict=True):
                run[name] = amount

    @api.depends("state")
    def _compute_ledger(self):
        for run in self:
            accounts = run.accrued_account_id | run.deferred_account_id
            run.ledger_balance = run._ledger_of(accounts)
            posted = run.state == "posted"  # before, a finding says what is there already
            rest = run.ledger_balance - run.closing if posted else 0.0
            run.difference = run.currency_id.round(rest)

    def _ledger_of(self, accounts):
        [(balance,)] = self.env["account.move.line"]._read_group(
            [
                ("account_id", "in", accounts.ids),
                ("company_id", "=", self.company_id.id),
                ("parent_state", "=", "posted"),
                ("date", "<=", self.date_to),
            ],
            [],
            ["balance:sum"],
        )
        return balance or 0.0

    # --- writing ----------------------------------------------------------------------------------

    def write(self, vals):
        if ASKED & vals.keys() and any(run.state != "draft" for run in self):
            raise UserError(
                self.env._("What was proposed rests on its month. Discard it and make another one.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if any(run.state != "draft" for run in self):
            raise UserError(self.env._("A run that was proposed is kept. Discard it instead."))

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls; nobody writes this by hand.
        self.sudo().write(vals)

    # --- what people do ---------------------------------------------------------------------------

    def _check_may_prepare(self):
        allowed = any(
            self.env.user.has_group(f"lead_to_cash_hub.group_hub_{name}")
            for name in ("resolver", "billing_approver")
        )
        if not allowed:
            raise AccessError(
                self.env._("Only resolvers and billing approvers prepare revenue runs.")
            )
        self.check_access("write")

    def action_propose(self):
        """Work out how each contract line stands; again, where it was done before."""
        for run in self:
            run._check_may_prepare()
            if run.state not in ("draft", "proposed"):
                raise UserError(
                    self.env._("%s is posted or was discarded. Make another run.", run.name)
                )
            run._propose()
            run._keep(
                {
                    "state": "proposed",
                    "author_ids": [Command.link(self.env.uid)],
                    "proposed_at": fields.Datetime.now(),
                }
            )
        return True

    def action_discard(self):
        """Nothing of this run is posted."""
        for run in self:
            run._check_may_prepare()
            if run.state not in ("draft", "proposed"):
                raise UserError(
                    self.env._("%s is posted: take its entries back instead.", run.name)
                )
            run._keep({"state": "discarded"})
        return True

    # --- ways -------------------------------------------------------------------------------------

    def action_view_lines(self):
        """The positions in a list of their own."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_revenue_line_action"
        )
        return {**action, "domain": [("run_id", "=", self.id)], "context": {}}

    def action_view_entries(self):
        """The entries that this run posted."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("account.action_move_journal_line")
        moves = self.move_id | self.reversal_id | self.exchange_move_id
        return {**action, "domain": [("id", "in", moves.ids)], "context": {}}
