from odoo import fields, models

from ..models.business.revenue_terms import METHODS


class HubRevenueChange(models.TransientModel):
    """Another method or service period of a contract line, with the reason."""

    _name = "hub.revenue.change"
    _description = "How Revenue Is Earned"

    line_id = fields.Many2one("hub.contract.line", string="Contract Line", required=True)
    method = fields.Selection(METHODS, string="Revenue Is Earned", required=True)
    service_from = fields.Date()
    service_to = fields.Date()
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Change it; what is posted stays, and the next run catches up."""
        self.ensure_one()
        self.line_id._change_revenue(self.method, self.service_from, self.service_to, self.reason)
        return {"type": "ir.actions.act_window_close"}
