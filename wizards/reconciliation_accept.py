from odoo import fields, models


class HubReconciliationAccept(models.TransientModel):
    """Why differences between two ledgers are right as they are."""

    _name = "hub.reconciliation.accept"
    _description = "Explain a Difference"

    line_ids = fields.Many2many("hub.reconciliation.line", string="Differences", required=True)
    note = fields.Char(string="Explanation", required=True)

    def action_accept(self):
        self.ensure_one()
        self.line_ids._accept(self.note)
        return True
