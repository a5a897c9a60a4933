from odoo import fields, models
from odoo.exceptions import UserError


class HubRefuse(models.TransientModel):
    """Refuse what waits for approval, with a reason that whoever brought it can read."""

    _name = "hub.refuse"
    _description = "Refuse"

    approval_ids = fields.Many2many("hub.approval", required=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why it is refused."))
        self.approval_ids._decide("refused", self.reason.strip())
        return {"type": "ir.actions.act_window_close"}
