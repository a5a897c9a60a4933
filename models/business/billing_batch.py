import ast

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tools import format_date

from ..guard import own_code, refuse_guarded
from .locked import locked

STATES = [
    ("draft", "Draft"),
    ("proposed", "To Approve"),
    ("working", "Being Billed"),
    ("done", "Done"),
    ("discarded", "Discarded"),
]
# What was proposed rests on these.
ASKED = {"company_id", "date_from", "date_to", "invoice_date", "contract_domain"}


class HubBillingBatch(models.Model):
    """A billing run: what could be billed up to a day, proposed contract by contract, decided by a person.

    Nothing is invoiced before somebody approves it. A proposal names the exact entries and milestones; what is
    approved is exactly these, or the contract is left out with the reason.
    """

    _name = "hub.billing.batch"
    _description = "Billing Run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_to desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        compute="_compute_name", store=True, readonly=False, required=True, precompute=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_from = fields.Date(
        string="From",
        help="Empty: everything up to the cut-off that is approved and not billed yet, late time of earlier "
        "periods included.",
    )
    date_to = fields.Date(
        string="Cut-off",
        required=True,
        default=lambda self: self._last_month_end(),
        help="The last day of work that is billed.",
    )
    invoice_date = fields.Date(help="Empty: the day the invoice is approved.")
    contract_domain = fields.Char(
        string="Contracts", default="[]", help="Empty: all active contracts of the company."
    )
    state = fields.Selection(
        STATES, default="draft", required=True, readonly=True, copy=False, index=True, tracking=True
    )
    line_ids = fields.One2many("hub.billing.batch.line", "batch_id", string="Proposed Invoices")
    finding_ids = fields.One2many("hub.billing.finding", "batch_id", string="Findings")
    author_ids = fields.Many2many(
        "res.users", "hub_billing_batch_author_rel", string="Proposed By", readonly=True, copy=False
    )
    proposed_at = fields.Datetime(string="Proposed On", readonly=True, copy=False)
    to_approve_count = fields.Integer(string="To Approve", compute="_compute_totals")
    billed_count = fields.Integer(string="Billed", compute="_compute_totals")
    left_count = fields.Integer(string="Left Out", compute="_compute_totals")
    failed_count = fields.Integer(string="Failed", compute="_compute_totals")
    working_count = fields.Integer(string="Being Billed", compute="_compute_totals")
    warning_count = fields.Integer(string="With Warnings", compute="_compute_totals")
    amount = fields.Monetary(
        string="Proposed",
        compute="_compute_totals",
        help="Untaxed, in the company's currency: what waits for approval and what was billed.",
    )
    billed_amount = fields.Monetary(compute="_compute_totals")
    left_amount = fields.Monetary(
        string="Left Out Amount",
        compute="_compute_totals",
        help="What could be billed and is left out; see the findings for what waits besides.",
    )
    previous_amount = fields.Monetary(string="Last Period", compute="_compute_totals")

    @api.model
    def _last_month_end(self):
        return fields.Date.context_today(self) + relativedelta(day=1, days=-1)

    @api.depends("date_from", "date_to")
    def _compute_name(self):
        for batch in self:
            first, last = (
                format_date(self.env, day) if day else ""
                for day in (batch.date_from, batch.date_to)
            )
            batch.name = (
                self.env._("%(first)s to %(last)s", first=first, last=last)
                if first
                else self.env._("Up to %(last)s", last=last)
            )

    def _compute_totals(self):
        """One query for all runs."""
        groups = self.env["hub.billing.batch.line"]._read_group(
            [("batch_id", "in", self.ids)],
            ["batch_id", "state"],
            ["__count", "amount_company:sum", "previous_company:sum", "has_warning:sum"],
        )
        found = {}
        for batch, state, count, amount, previous, warned in groups:
            found[batch.id, state] = (count, amount, previous, warned)
        nothing = (0, 0.0, 0.0, 0)

        def total(batch, states, column):
            return sum(found.get((batch.id, state), nothing)[column] for state in states)

        for batch in self:
            batch.to_approve_count = total(batch, ["proposed"], 0)
            batch.working_count = total(batch, ["approved"], 0)
            batch.billed_count = total(batch, ["billed"], 0)
            batch.left_count = total(batch, ["left_out"], 0)
            batch.failed_count = total(batch, ["failed"], 0)
            batch.warning_count = total(batch, ["proposed"], 3)
            batch.amount = total(batch, ["proposed", "approved", "billed"], 1)
            batch.billed_amount = total(batch, ["billed"], 1)
            batch.left_amount = total(batch, ["left_out", "failed"], 1)
            batch.previous_amount = total(batch, ["proposed", "approved", "billed"], 2)

    @api.constrains("date_from", "date_to")
    def _check_period(self):
        for batch in self:
            if batch.date_from and batch.date_from > batch.date_to:
                raise ValidationError(self.env._("The period ends before it begins."))

    @api.constrains("contract_domain")
    def _check_contract_domain(self):
        for batch in self:
            batch._contract_filter()

    def _contract_filter(self):
        """The filter of contracts as a domain; plain values only, nothing is evaluated."""
        try:
            domain = Domain(ast.literal_eval(self.contract_domain or "[]"))
            domain.validate(self.env["hub.contract"])
        except (ValueError, SyntaxError, TypeError) as error:
            raise ValidationError(
                self.env._(
                    "The filter of contracts cannot be read. Choose fixed values in it: what is worked out, such "
                    "as today's date, is not possible here."
                )
            ) from error
        return domain

    # --- writing ----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"state", "author_ids", "proposed_at"})
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"state", "author_ids", "proposed_at"})
        if ASKED & vals.keys() and any(batch.state != "draft" for batch in self):
            raise UserError(
                self.env._(
                    "What was proposed rests on its period and contracts. Discard this run and make "
                    "another one."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if any(batch.state != "draft" for batch in self):
            raise UserError(
                self.env._("A run that was proposed is kept. Discard it; nothing of it is billed.")
            )

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls; nobody writes this by hand.
        own_code(self.sudo()).write(vals)

    # --- what people do ---------------------------------------------------------------------------

    def _may_prepare(self):
        return self.env.su or any(
            self.env.user.has_group(f"lead_to_cash_hub.group_hub_{name}")
            for name in ("resolver", "billing_approver")
        )

    def _check_may_prepare(self):
        if not self._may_prepare():
            raise AccessError(
                self.env._("Only resolvers and billing approvers prepare billing runs.")
            )
        self.check_access("write")

    def action_propose(self):
        """Look at all contracts of the run and propose what can be billed; again, where it was done before."""
        for batch in self:
            batch._check_may_prepare()
            if batch.state not in ("draft", "proposed", "done"):
                raise UserError(
                    self.env._("This run is being billed or was discarded. Make another one.")
                )
            batch._propose()
            batch._keep(
                {
                    "author_ids": [Command.link(self.env.uid)],
                    "proposed_at": fields.Datetime.now(),
                }
            )
            batch._settle()
        return True

    def action_approve(self):
        """Bill everything of the run that waits for approval."""
        return self.line_ids.filtered(lambda line: line.state == "proposed").action_approve()

    def action_discard(self):
        """Nothing more of this run is billed, approved or not; what was billed stays."""
        for batch in self:
            batch._check_may_prepare()
            lines = batch.line_ids
            locked(lines, "approved")  # what is being made at this moment is waited for
            rest = lines.filtered(lambda line: line.state != "billed")
            rest._keep({"state": "discarded"})
            batch._keep({"state": "done" if lines - rest else "discarded"})
        return True

    def _settle(self):
        """The state that follows from the lines; what was discarded stays so."""
        self.invalidate_recordset()
        for batch in self.filtered(lambda batch: batch.state != "discarded"):
            if batch.working_count:
                state = "working"
            elif batch.to_approve_count or not batch.billed_count:
                state = "proposed"
            else:
                state = "done"
            if batch.state != state:
                batch._keep({"state": state})

    # --- ways -------------------------------------------------------------------------------------

    def action_view_lines(self):
        """The proposed invoices in a list of their own, to choose from."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_billing_batch_line_action"
        )
        chosen = {"search_default_proposed": 1} if self.to_approve_count else {}
        return {**action, "domain": [("batch_id", "=", self.id)], "context": chosen}

    def action_view_findings(self):
        """What is left out or to be looked at, by reason."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_billing_finding_action"
        )
        return {**action, "domain": [("batch_id", "=", self.id)]}

    def action_view_invoices(self):
        """The invoices that this run made."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("account.action_move_out_invoice_type")
        moves = self.line_ids.move_id
        return {**action, "domain": [("id", "in", moves.ids)], "context": {}}
