import base64

from odoo import api, fields, models
from odoo.exceptions import UserError


class HubByHand(models.TransientModel):
    """Send by hand what waits in an outbound stream: a file with the values, then what was entered."""

    _name = "hub.by.hand"
    _description = "Send by Hand"

    stream_id = fields.Many2one("hub.stream", required=True, readonly=True)
    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)
    line_ids = fields.One2many("hub.by.hand.line", "wizard_id")
    line_count = fields.Integer(compute="_compute_line_count")

    @api.depends("line_ids")
    def _compute_line_count(self):
        for wizard in self:
            wizard.line_count = len(wizard.line_ids)

    @api.model_create_multi
    def create(self, vals_list):
        """What waits now; later changes of Odoo make new messages."""
        wizards = super().create([{"stream_id": vals.get("stream_id")} for vals in vals_list])
        for wizard in wizards:
            messages = self.env["hub.message"]._to_send_by_hand(wizard.stream_id)
            names = messages._names_of_records()
            wizard.line_ids = [
                fields.Command.create(
                    {
                        "message_id": message.id,
                        "record_name": names.get((message.res_model, message.res_id)),
                        "action": message.action,
                        "external_id": message.external_id,
                    }
                )
                for message in messages
            ]
        return wizards

    def action_export(self):
        """The file with all values that the product would get."""
        self.ensure_one()
        self.env["hub.message"]._require_sender(self.stream_id)
        if not self.line_ids:
            raise UserError(self.env._("Nothing waits to be sent."))
        data = self.line_ids.message_id._export_by_hand()
        name = f"{self.stream_id.entity_id.code}-{fields.Date.today()}.csv"
        self.write({"file": base64.b64encode(data), "file_name": name})
        return self._again()

    def action_sent(self):
        """The ticked lines stand in the product now."""
        self.ensure_one()
        lines = self.line_ids.filtered("sent")
        if not lines:
            raise UserError(self.env._("Tick the lines that you have entered in the product."))
        lines.message_id._sent_by_hand({line.message_id.id: line.external_id for line in lines})
        lines.unlink()
        return self._again() if self.line_ids else {"type": "ir.actions.act_window_close"}

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send by Hand"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }


class HubByHandLine(models.TransientModel):
    _name = "hub.by.hand.line"
    _description = "Message to Send by Hand"

    wizard_id = fields.Many2one("hub.by.hand", required=True, ondelete="cascade")
    message_id = fields.Many2one(
        "hub.message", index=True, required=True, readonly=True, ondelete="cascade"
    )
    record_name = fields.Char(readonly=True, string="Odoo Record")
    action = fields.Selection(
        [("create", "Create it"), ("update", "Change it")], readonly=True, string="What to Do"
    )
    external_id = fields.Char(string="Id in the Product")
    sent = fields.Boolean(string="Entered")
