import json
from datetime import datetime, timezone

from odoo import fields, models
from odoo.exceptions import UserError

from ..connectors.errors import ConnectorError
from ..core import strict_json

SHOWN = 10


class HubLook(models.TransientModel):
    """One page of a product, read to look at it: what the mapping would make of it. Nothing is stored but
    this page, and that not for long."""

    _name = "hub.look"
    _description = "One Page, Looked At"

    stream_id = fields.Many2one("hub.stream", required=True, ondelete="cascade")
    system_id = fields.Many2one(related="stream_id.system_id")
    mapping_id = fields.Many2one("hub.mapping", compute="_compute_mapping_id")
    line_ids = fields.One2many("hub.look.line", "look_id", readonly=True)
    count = fields.Integer(readonly=True, string="Records on the Page")
    more = fields.Boolean(readonly=True)
    fault = fields.Char(readonly=True)

    def _compute_mapping_id(self):
        for look in self:
            stream = look.stream_id
            look.mapping_id = self.env["hub.mapping"].search(
                [
                    ("system_id", "=", stream.system_id.id),
                    ("entity_id", "=", stream.entity_id.id),
                    ("direction", "=", "in"),
                ]
            )

    def _read(self):
        """Ask the product for its first page, and map what comes."""
        self.ensure_one()
        stream = self.stream_id
        self.line_ids.unlink()
        try:
            page = stream.system_id._connector().poll(
                stream.entity_id.code, {}, datetime.now(timezone.utc)
            )
        except ConnectorError as error:
            # Only the class of the fault is shown: never what the other side answered.
            params = {**error.params, "status": error.status, "code": error.code}
            self.fault = self.env["hub.sentence"]._sentence(f"error_{error.kind}", params)
            return
        self.write(
            {
                "fault": False,
                "count": len(page.records),
                "more": page.more,
                "line_ids": [
                    fields.Command.create(
                        {
                            "external_id": record.external_id,
                            "version": record.version or False,
                            "deleted": record.deleted or bool(record.merged_into),
                            "payload": record.payload.decode(),
                        }
                    )
                    for record in page.records[:SHOWN]
                ],
            }
        )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "look",
                    "system_id": stream.system_id.id,
                    "res_model": "hub.stream",
                    "res_id": stream.id,
                    "values": {"records": len(page.records)},
                }
            ]
        )

    def _shown(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.stream_id.name,
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }

    def action_read(self):
        self._read()
        return self._shown()

    def action_propose(self):
        """Map what is not mapped yet, by the first record of the page."""
        self.ensure_one()
        if not self.line_ids:
            raise UserError(self.env._("There is no record to propose lines from."))
        mapping = self.mapping_id or self.env["hub.mapping"].create(
            {
                "system_id": self.system_id.id,
                "entity_id": self.stream_id.entity_id.id,
                "direction": "in",
            }
        )
        mapping._propose(self.line_ids[0]._payload())
        return self._shown()

    def action_map(self):
        """Open the mapping editor, with these records at its left."""
        self.ensure_one()
        if not self.mapping_id:
            self.action_propose()
        return self.mapping_id.action_editor()

    def action_keep(self):
        """Keep the mapping for later systems of this product."""
        self.ensure_one()
        if not self.mapping_id.line_ids:
            raise UserError(self.env._("There is no mapping to keep yet."))
        self.mapping_id._keep_as_preset()
        return self._shown()


class HubLookLine(models.TransientModel):
    _name = "hub.look.line"
    _description = "Record, Looked At"

    look_id = fields.Many2one("hub.look", required=True, ondelete="cascade", index=True)
    external_id = fields.Char(readonly=True, string="Id There")
    version = fields.Char(readonly=True)
    deleted = fields.Boolean(readonly=True, string="Gone")
    payload = fields.Text(readonly=True)
    result = fields.Text(compute="_compute_result", string="What the Mapping Makes of It")
    problems = fields.Text(compute="_compute_result", string="What Is Wrong")

    def _payload(self):
        """The record as the product gave it."""
        self.ensure_one()
        return json.loads(self.payload)

    def _compute_result(self):
        sentences = self.env["hub.sentence"]
        for look in self.look_id:
            system, entity = look.stream_id.system_id, look.stream_id.entity_id
            compiled = self.env["hub.mapping"]._compiled_of(system, "in")
            mapping = compiled.get(entity.code, (None, 0))[0]
            labels = {field.name: field.label for field in entity.field_ids}
            for line in self.filtered(lambda line, look=look: line.look_id == look):
                if mapping is None:
                    line.result = line.problems = False
                    continue
                explained = mapping.explain(strict_json.loads(line.payload.encode()))
                shown = look.mapping_id._in_odoo([found.value for found in explained], system)
                result, problems = [], []
                for found, in_odoo in zip(explained, shown, strict=True):
                    label = labels.get(found.field, found.field)
                    problem = (
                        sentences._sentence(found.problem.code, found.problem.params)
                        if found.problem
                        else in_odoo["problem"]
                    )
                    if problem:
                        problems.append(f"{label}: {problem}")
                    elif in_odoo["text"]:
                        result.append(f"{label}: {in_odoo['text']}")
                line.result, line.problems = "\n".join(result), "\n".join(problems)


class HubStream(models.Model):
    _inherit = "hub.stream"

    def action_look(self):
        """Read one page now, and show what the mapping makes of it; nothing is applied."""
        self.ensure_one()
        self.check_access("write")
        if self.direction != "in" or not self.system_id:
            raise UserError(self.env._("Only what comes in from a system can be looked at."))
        look = self.env["hub.look"].create({"stream_id": self.id})
        return look.action_read()

    def action_map(self):
        """Open the mapping of this stream, a new one if there is none."""
        self.ensure_one()
        self.check_access("write")
        own = {
            "system_id": self.system_id.id,
            "entity_id": self.entity_id.id,
            "direction": self.direction,
        }
        mapping = self.env["hub.mapping"].search([(name, "=", own[name]) for name in own])
        mapping = mapping or self.env["hub.mapping"].create(own)
        if self.direction == "in":
            return mapping.action_editor()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.mapping",
            "res_id": mapping.id,
            "views": [[False, "form"]],
        }

    def action_switch_on(self):
        """Let it read or send from now on; what is required but not mapped is refused."""
        self.write({"active": True})
        self.env["hub.engine"]._wake_after_commit()
