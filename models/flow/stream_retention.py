from odoo import api, fields, models
from odoo.exceptions import ValidationError


class HubStream(models.Model):
    """How long what a stream carries is kept."""

    _inherit = "hub.stream"

    payload_days = fields.Integer(
        string="Keep Payloads", help="Days. 0: as its data classes say (Configuration, Retention)."
    )
    message_days = fields.Integer(
        string="Keep Messages", help="Days. 0: as its data classes say (Configuration, Retention)."
    )
    retention_text = fields.Char(compute="_compute_retention_text", string="Kept")

    @api.constrains("payload_days", "message_days")
    def _check_retention(self):
        for stream in self:
            if stream.payload_days < 0 or stream.message_days < 0:
                raise ValidationError(self.env._("Days to keep are not negative."))

    @api.depends("payload_days", "message_days", "entity_id")
    @api.depends_context("lang")
    def _compute_retention_text(self):
        days = self.env["hub.retention"]._days(self)
        for stream in self:
            payload, message = days[stream.id]
            stream.retention_text = self.env._(
                "payloads %(payload)s days, messages %(message)s days",
                payload=payload,
                message=message,
            )
