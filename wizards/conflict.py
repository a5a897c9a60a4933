from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.flow.apply_merge import _comparable, seen


class HubConflict(models.TransientModel):
    """One record whose fields changed both in Odoo and in a system: a person chooses, field by field."""

    _name = "hub.conflict"
    _description = "Decide a Conflict"

    exception_id = fields.Many2one("hub.exception", required=True, readonly=True)
    system_id = fields.Many2one(related="exception_id.system_id")
    sentence = fields.Char(related="exception_id.sentence")
    record_name = fields.Char(readonly=True)
    line_ids = fields.One2many("hub.conflict.line", "conflict_id", string="Fields")
    reason = fields.Char(help="Kept with the message and in the audit.")

    @api.model
    def _link_of(self, exception):
        """The link that a conflict is about; its record must be readable for the caller."""
        message = exception.message_id
        link = self.env["hub.link"].search(
            [
                ("system_id", "=", message.system_id.id),
                ("entity_id", "=", message.entity_id.id),
                ("external_id", "=", message.external_id),
            ]
        )
        if link:
            self.env[link.res_model].browse(link.res_id).check_access("read")
        return link

    @api.model
    def _open(self, exception):
        """The form for one exception; the values are read now, by the server, for this reader."""
        self.env["hub.message"]._require_resolver()
        exception.check_access("read")
        link = self._link_of(exception)
        if not link:
            raise UserError(
                self.env._("Odoo has no record for this yet, so nothing of it is in dispute.")
            )
        conflict = self.create(
            {
                "exception_id": exception.id,
                "record_name": link.record_name,
                "line_ids": [fields.Command.create(line) for line in self._lines_of(link)],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Decide"),
            "res_model": self._name,
            "res_id": conflict.id,
            "views": [[False, "form"]],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    @api.model
    def _lines_of(self, link):
        """The three columns of each disputed field, as values of lines."""
        # The agreed values belong to the record, which the caller was checked to read.
        stored = link.sudo()
        disputed = (stored.unsettled or {}).get("disputed") or {}
        entity, system = link.entity_id, link.system_id
        handler = self.env[entity.handler]
        bound = handler._hub_readable(entity)
        record = self.env[link.res_model].browse(link.res_id)
        today = handler._hub_current(record, bound).get(record.id, {})
        lines = []
        for field in entity.field_ids.filtered(lambda f: f.name in disputed and f.name in bound):
            odoo, incoming = _comparable(today.get(field.name)), disputed[field.name]
            lines.append(
                {
                    "field_id": field.id,
                    "base": handler._hub_base_text(system, stored.base or {}, field),
                    "odoo": handler._hub_odoo_text(record, field, odoo),
                    "incoming": handler._hub_odoo_text(record, field, incoming),
                    "seen": seen(incoming, odoo),
                }
            )
        return lines

    def action_confirm(self):
        """Keep the choices with the message and try it again; propose what shall always hold."""
        self.ensure_one()
        exception = self.exception_id
        message = exception.message_id
        message._require_resolver()
        link = self._link_of(exception)
        if exception.state != "open":
            raise UserError(self.env._("It was decided already."))
        if not self.line_ids or any(not line.take for line in self.line_ids):
            raise UserError(self.env._("Choose a value for each field."))
        if not (self.reason or "").strip():
            raise UserError(self.env._("Give a reason; it is kept with the message."))
        reason = self.reason.strip()
        message._decide(
            {
                "merge": {
                    line.field_id.name: {"take": line.take, "seen": line.seen}
                    for line in self.line_ids
                },
                "why": reason,
            }
        )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "decide",
                    "system_id": message.system_id.id,
                    "message_id": message.id,
                    "company_id": message.company_id.id or None,
                    "res_model": link.res_model,
                    "res_id": link.res_id,
                    "values": {
                        "why": reason,
                        "take": {line.field_id.name: line.take for line in self.line_ids},
                    },
                }
            ]
        )
        self.env["hub.ownership.proposal"]._propose(
            [line._proposal(link, reason) for line in self.line_ids if line.always]
        )
        message._replay(reason)
        return {"type": "ir.actions.act_window_close"}


class HubConflictLine(models.TransientModel):
    _name = "hub.conflict.line"
    _description = "Field in Dispute"

    conflict_id = fields.Many2one("hub.conflict", required=True, ondelete="cascade")
    field_id = fields.Many2one(
        "hub.entity.field", string="Canonical Field", required=True, readonly=True
    )
    label = fields.Char(related="field_id.label", string="Field")
    base = fields.Char(string="Last Agreed", readonly=True)
    odoo = fields.Char(string="In Odoo", readonly=True)
    incoming = fields.Char(string="In the Source", readonly=True)
    seen = fields.Char(readonly=True)
    take = fields.Selection([("odoo", "Odoo"), ("source", "The source")])
    always = fields.Boolean(
        string="Always So",
        help="Propose it as the rule of this field. Another integration manager confirms it.",
    )

    def _proposal(self, link, reason):
        """The rule that would have decided like this."""
        source = self.take == "source"
        entity = self.field_id.entity_id
        return {
            "field_id": self.field_id.id,
            "company_id": link.company_id.id if entity.company_mode != "shared" else False,
            "rule": "system" if source else "odoo",
            "owner_id": link.system_id.id if source else False,
            "reason": reason,
        }
