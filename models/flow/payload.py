from odoo import fields, models
from odoo.exceptions import AccessError, UserError


class HubPayload(models.Model):
    """Raw bytes as they came or went. Immutable; read by integration managers and auditors only,
    and only if they may read the Odoo record that came of it."""

    _name = "hub.payload"
    _description = "Payload"
    _log_access = False

    system_id = fields.Many2one("hub.system", readonly=True, ondelete="restrict", index=True)
    digest = fields.Char(readonly=True)
    # Reading a column asks record rules only, never the linked record: the bytes are shown by `text`.
    body = fields.Binary(attachment=False, readonly=True, groups=fields.NO_ACCESS)
    text = fields.Text(compute="_compute_text", string="Content")
    message_ids = fields.One2many("hub.message", "payload_id")

    def _check_access(self, operation):
        """Access follows the record that the payload became, as it does for attachments."""
        result = super()._check_access(operation)
        if result is not None or not self or self.env.su:
            return result
        self.env.cr.execute(
            """SELECT payload_id, res_model, array_agg(res_id) FROM hub_message
                WHERE payload_id = ANY(%s) AND res_id IS NOT NULL GROUP BY payload_id, res_model""",
            [self.ids],
        )
        forbidden = [
            payload
            for payload, model, ids in self.env.cr.fetchall()
            if model in self.env
            and len(self.env[model].browse(ids).exists()._filtered_access("read")) < len(set(ids))
        ]
        if forbidden:
            return self.browse(forbidden), lambda: AccessError(
                self.env._("You may not read the record that this payload belongs to.")
            )
        return None

    def _compute_text(self):
        self.check_access("read")
        self.env.cr.execute("SELECT id, body FROM hub_payload WHERE id = ANY(%s)", [self.ids])
        bodies = {key: bytes(body or b"") for key, body in self.env.cr.fetchall()}
        for payload in self:
            payload.text = bodies.get(payload.id, b"").decode("utf-8", "replace")

    def write(self, vals):
        raise UserError(self.env._("A payload is evidence: it is not changed."))

    def unlink(self):
        raise UserError(
            self.env._("A payload is evidence: it is removed only by the retention rule.")
        )
