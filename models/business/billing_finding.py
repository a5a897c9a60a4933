from odoo import api, fields, models

from .finding_sentences import FINDING_SENTENCES

CODES = [
    ("purchase_order", "Purchase order number missing"),
    ("customer_data", "Billing address incomplete"),
    ("po_used_up", "Purchase order used up or expired"),
    ("billing_contact", "Billing contact missing"),
    ("period_lock", "Closed period"),
    ("service_code", "No service code"),
    ("rate", "Another price than agreed"),
    ("held", "Billing held"),
    ("disputed", "Disputed"),
    ("minimum", "Below the smallest invoice"),
    ("unapproved", "Not approved"),
    ("not_accepted", "Milestone not accepted"),
    ("no_rate", "No rate"),
    ("earlier", "Before the period"),
    ("other_run", "In another run"),
    ("over_cap", "Over the cap"),
    ("retainer_over", "Beyond the retainer"),
    ("negative", "Less than nothing"),
    ("outside", "Billed by the order itself"),
    ("missed", "Missed before"),
    ("unusual", "Unlike the last period"),
]


class HubBillingFinding(models.Model):
    """What was seen of a contract when a billing run was proposed: what is left out and why, what to look at."""

    _name = "hub.billing.finding"
    _description = "Finding of a Billing Run"
    _order = "rank, amount_company desc, id"
    _rec_name = "code"

    line_id = fields.Many2one(
        "hub.billing.batch.line", required=True, readonly=True, ondelete="cascade", index=True
    )
    batch_id = fields.Many2one(related="line_id.batch_id", store=True, index=True)
    company_id = fields.Many2one(related="line_id.company_id", store=True, index=True)
    contract_id = fields.Many2one(related="line_id.contract_id", store=True)
    currency_id = fields.Many2one(related="line_id.currency_id")
    company_currency_id = fields.Many2one(
        related="line_id.company_currency_id", string="Company Currency"
    )
    code = fields.Selection(CODES, string="Reason", required=True, readonly=True)
    severity = fields.Selection(
        [
            ("blocking", "Blocks"),
            ("hold", "Left out"),
            ("waiting", "Not included"),
            ("warning", "Look at it"),
        ],
        required=True,
        readonly=True,
        help="Blocks: not billed before it is mended. Left out: billed only if somebody takes it in. Not "
        "included: the rest of the contract is billed without it. Look at it: it is billed.",
    )
    rank = fields.Integer(compute="_compute_rank", store=True)
    count = fields.Integer(string="Entries", readonly=True)
    hours = fields.Float(readonly=True)
    amount = fields.Monetary(readonly=True, help="Untaxed, in the currency of the contract.")
    amount_company = fields.Monetary(
        string="Amount (company)", currency_field="company_currency_id", readonly=True
    )
    params = fields.Json(readonly=True)
    sentence = fields.Text(compute="_compute_sentence", string="Finding")

    @api.depends("severity")
    def _compute_rank(self):
        ranks = {"blocking": 0, "hold": 1, "waiting": 2, "warning": 3}
        for finding in self:
            finding.rank = ranks[finding.severity]

    @api.depends("code", "params", "amount", "count", "hours")
    @api.depends_context("lang")
    def _compute_sentence(self):
        for finding in self:
            finding.sentence = FINDING_SENTENCES[finding.code](finding)

    def action_open(self):
        """The contract: most of what is found is mended there."""
        return self.line_id.action_view_contract()
