from odoo import api, fields, models

from .check_sentences import CHECK_SENTENCES


class HubInvoiceCheck(models.Model):
    """What was looked at on an invoice before it may be approved, and what was found."""

    _name = "hub.invoice.check"
    _description = "Invoice Check"
    _order = "rank, id"
    _check_company_auto = True

    move_id = fields.Many2one(
        "account.move", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="move_id.company_id", store=True, index=True)
    code = fields.Char(required=True, readonly=True)
    severity = fields.Selection(
        [("blocking", "Blocks"), ("warning", "Warning"), ("ok", "Fine")],
        required=True,
        readonly=True,
    )
    rank = fields.Integer(compute="_compute_rank", store=True)
    params = fields.Json(readonly=True)
    sentence = fields.Text(compute="_compute_sentence", string="Finding")

    @api.depends("severity")
    def _compute_rank(self):
        ranks = {"blocking": 0, "warning": 1, "ok": 2}
        for check in self:
            check.rank = ranks.get(check.severity, 2)

    @api.depends("code", "params", "severity")
    @api.depends_context("lang")
    def _compute_sentence(self):
        for check in self:
            make = CHECK_SENTENCES.get(check.code)
            ok = check.severity == "ok"
            params = check.params or {}
            check.sentence = make(self.env, params, ok) if make else check.code
