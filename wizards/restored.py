from odoo import fields, models
from odoo.exceptions import UserError


class HubRestored(models.TransientModel):
    """What a person says about a restore that nothing proves: that there was one, as a restored disk looks like
    the database that it was; or that a stream may send again which cannot be compared with its product."""

    _name = "hub.restored"
    _description = "Restored Database"

    stream_ids = fields.Many2many("hub.stream", readonly=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        reason = (self.reason or "").strip()
        if not reason:
            raise UserError(self.env._("Give a reason; it is kept in the audit."))
        if self.stream_ids:
            self.stream_ids.action_reopen(reason)
        else:
            self.env["hub.epoch"]._confirm(reason)
        return self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_stream_action_restored"
        )
