from odoo import api, fields, models

ISSUED = ("hub_issued_name", "hub_issued_vat")


class AccountMove(models.Model):
    """Whom a posted document was issued to, where the customer was merged into another one since."""

    _inherit = "account.move"

    hub_issued_name = fields.Char(string="Issued To", readonly=True, copy=False)
    hub_issued_vat = fields.Char(string="Tax Number Then", readonly=True, copy=False)
    hub_issued_other = fields.Boolean(compute="_compute_hub_issued_other")

    @api.depends(
        "hub_issued_name", "hub_issued_vat", "commercial_partner_id.vat", "partner_id.name"
    )
    def _compute_hub_issued_other(self):
        """Whether the customer's name or tax number is another one today."""
        for move in self:
            today = (move.partner_id.display_name, move.commercial_partner_id.vat or "")
            then = (move.hub_issued_name, move.hub_issued_vat or "")
            move.hub_issued_other = bool(move.hub_issued_name) and then != today
