from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..guard import own_code

LINE_STATES = [
    ("proposed", "To approve"),
    ("left_out", "Left out"),
    ("approved", "Being billed"),
    ("billed", "Billed"),
    ("failed", "Failed"),
    ("discarded", "Discarded"),
]


class HubBillingBatchLine(models.Model):
    """One proposed invoice of a billing run: what it would bill, what was found, what became of it.

    Rows are written by code only.
    """

    _name = "hub.billing.batch.line"
    _description = "Proposed Invoice"
    _order = "batch_id desc, rank, amount_company desc, id"
    _rec_name = "contract_id"
    _check_company_auto = True

    batch_id = fields.Many2one(
        "hub.billing.batch",
        string="Billing Run",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    contract_id = fields.Many2one(
        "hub.contract",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    partner_id = fields.Many2one("res.partner", string="Bill To", readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = fields.Monetary(string="Untaxed", readonly=True)
    amount_total = fields.Monetary(string="Total", readonly=True, help="Taxes included.")
    amount_company = fields.Monetary(
        string="Untaxed (company)", currency_field="company_currency_id", readonly=True
    )
    total_company = fields.Monetary(
        string="Total (company)", currency_field="company_currency_id", readonly=True
    )
    previous_amount = fields.Monetary(
        string="Last Period",
        readonly=True,
        help="Untaxed, what was billed under the contract for the period before.",
    )
    previous_company = fields.Monetary(
        string="Last Period (company)", currency_field="company_currency_id", readonly=True
    )
    difference = fields.Monetary(compute="_compute_difference", store=True)
    hours = fields.Float(readonly=True)
    source_count = fields.Integer(string="Sources", readonly=True)
    state = fields.Selection(
        LINE_STATES,
        string="Status",
        required=True,
        readonly=True,
        default="proposed",
        index=True,
    )
    rank = fields.Integer(readonly=True, help="Blocked ones first, then warnings, then the rest.")
    has_warning = fields.Integer(readonly=True)
    finding_ids = fields.One2many("hub.billing.finding", "line_id", string="Findings")
    blocked = fields.Boolean(
        readonly=True, help="It cannot be billed before what the finding names is mended."
    )
    note = fields.Text(compute="_compute_note", string="What Was Found")
    reasons = fields.Text(
        compute="_compute_note", help="In a few words; the sentences stand below."
    )
    source_ids = fields.One2many("hub.billing.batch.source", "line_id")
    left_by_id = fields.Many2one("res.users", string="Left Out By", readonly=True)
    taken_in_by_id = fields.Many2one(
        "res.users",
        readonly=True,
        help="Who had it billed although a rule leaves it out.",
    )
    approved_by_id = fields.Many2one("res.users", readonly=True)
    approved_at = fields.Datetime(string="Approved On", readonly=True)
    move_id = fields.Many2one(
        "account.move", string="Invoice", readonly=True, index=True, ondelete="set null"
    )
    failure = fields.Text(readonly=True)

    _contract_once = models.UniqueIndex(
        "(batch_id, contract_id) WHERE state != 'discarded'",
        "A run has one line a contract.",
    )

    @api.depends("amount", "previous_amount")
    def _compute_difference(self):
        for line in self:
            line.difference = line.amount - line.previous_amount

    @api.depends("finding_ids", "failure")
    @api.depends_context("lang")
    def _compute_note(self):
        for line in self:
            findings = line.finding_ids.sorted("rank")
            found = findings.mapped("sentence")
            line.note = "\n".join([line.failure, *found] if line.failure else found)
            words = dict(findings._fields["code"]._description_selection(self.env))
            line.reasons = line.failure or ", ".join(words[finding.code] for finding in findings)

    def _keep(self, vals):
        # With sudo: what allows it was looked at by who calls; nobody writes a proposal by hand.
        own_code(self.sudo()).write(vals)

    # --- one by one -------------------------------------------------------------------------------

    def action_leave_out(self):
        """Bill nothing of these in this run; they stay billable."""
        self.batch_id._check_may_prepare()
        lines = self.filtered(lambda line: line.state in ("proposed", "failed"))
        lines._keep({"state": "left_out", "left_by_id": self.env.uid, "taken_in_by_id": False})
        self.batch_id._settle()
        return True

    def action_take_in(self):
        """Propose again what a person or a rule left out; who takes in what a rule holds is its author."""
        self.batch_id._check_may_prepare()
        lines = self.filtered(lambda line: line.state == "left_out")
        closed = lines.filtered(
            lambda line: line.blocked or not line.source_count or line.batch_id.state == "discarded"
        )
        if closed:
            raise UserError(
                "\n".join(
                    self.env._(
                        "%(contract)s cannot be billed in this run: %(why)s",
                        contract=line.contract_id.display_name,
                        why=line.note or self.env._("there is nothing to bill."),
                    )
                    for line in closed
                )
            )
        held = lines.filtered(
            lambda line: any(finding.severity == "hold" for finding in line.finding_ids)
        )
        held._keep({"taken_in_by_id": self.env.uid})
        lines._keep({"state": "proposed", "left_by_id": False})
        self.batch_id._settle()
        return True

    def action_view_sources(self):
        """The entries, expenses and milestones that this invoice would bill."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Sources of %s", self.contract_id.display_name),
            "res_model": "hub.billing.batch.source",
            "view_mode": "list,pivot",
            "domain": [("line_id", "=", self.id)],
        }

    def action_view_invoice(self):
        """The invoice that was made."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }

    def action_view_contract(self):
        """Where what is missing is mended."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.contract",
            "res_id": self.contract_id.id,
            "view_mode": "form",
        }

    def _authors(self):
        """Who had a hand in what this invoice says; ids."""
        self.ensure_one()
        return set((self.sudo().batch_id.author_ids | self.sudo().taken_in_by_id).ids)

    def _author_commands(self):
        return [Command.set(sorted(self._authors()))]
