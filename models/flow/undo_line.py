import json

from odoo import api, fields, models
from odoo.exceptions import UserError

TAKEN = ("write", "delete", "archive")
VERDICTS = [
    ("write", "Former values are set back"),
    ("delete", "The created record is deleted"),
    ("archive", "The created record is archived"),
    ("left", "Left as it is"),
]
REASONS = [
    ("changed_since", "Somebody changed the fields since"),
    ("touched", "Somebody worked on the created record since"),
    ("referenced", "Other records refer to it"),
    ("closed", "It is posted, confirmed, billed or cancelled"),
    ("order_line", "Its price stands on an order line as well"),
    ("taken", "Another undo has taken it back"),
    ("refused", "Odoo's rules do not allow it"),
    ("no_right", "You may not change this record"),
    ("gone", "The record is not there any more"),
    ("nothing", "It changed no field that the hub knows how to set back"),
    ("no_trace", "It was written before writes could be taken back"),
]


class HubUndoLine(models.Model):
    """One write of one message: whether it can be taken back, and whether it was."""

    _name = "hub.undo.line"
    _description = "Write of an Undo"
    _log_access = False
    _order = "id"

    undo_id = fields.Many2one(
        "hub.undo", required=True, readonly=True, ondelete="cascade", index=True
    )
    audit_id = fields.Many2one(
        "hub.audit", required=True, readonly=True, ondelete="cascade", index=True
    )
    message_id = fields.Many2one("hub.message", index=True, readonly=True, ondelete="set null")
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True, string="Record")
    record_name = fields.Char(compute="_compute_shown", string="Name")
    verdict = fields.Selection(VERDICTS, readonly=True, string="Plan")
    outcome = fields.Selection(VERDICTS, readonly=True, string="Result")
    reason = fields.Selection(REASONS, readonly=True)
    # Values are those of the record: shown to whom the record is shown.
    values = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    left = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    difference = fields.Text(compute="_compute_shown", string="Now → Back To")

    def write(self, vals):
        raise UserError(self.env._("What an undo did is kept as it is."))

    def _append(self, undo_id, entries, results):
        """Keep the plan in one statement."""
        rows = [(entry, results[entry["audit_id"]]) for entry in entries]
        self.env.cr.execute(
            """
            INSERT INTO hub_undo_line (undo_id, audit_id, message_id, res_model, res_id, verdict, reason,
                                       values, "left")
            SELECT %s, u.* FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::int[], %s::varchar[], %s::varchar[],
                                       %s::jsonb[], %s::jsonb[]) u
            """,
            [
                undo_id,
                [entry["audit_id"] for entry, _r in rows],
                [entry["message_id"] for entry, _r in rows],
                [entry["res_model"] for entry, _r in rows],
                [entry["res_id"] for entry, _r in rows],
                [result.verdict for _e, result in rows],
                [result.reason or None for _e, result in rows],
                [json.dumps(result.done, default=str) for _e, result in rows],
                [json.dumps(result.left) for _e, result in rows],
            ],
        )
        self.invalidate_model()

    def _settle(self, undo_id, results):
        """Keep what was done."""
        self.env.cr.execute(
            """
            UPDATE hub_undo_line l SET outcome = u.outcome, reason = u.reason, values = u.values, "left" = u.left_
              FROM unnest(%s::int[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::jsonb[])
                   u(audit_id, outcome, reason, values, left_)
             WHERE l.undo_id = %s AND l.audit_id = u.audit_id
            """,
            [
                list(results),
                [result.verdict for result in results.values()],
                [result.reason or None for result in results.values()],
                [json.dumps(result.done, default=str) for result in results.values()],
                [json.dumps(result.left) for result in results.values()],
                undo_id,
            ],
        )
        self.invalidate_model()

    @api.depends("values")
    def _compute_shown(self):
        for line in self:
            line.record_name = line.difference = False
        for model, lines in self.grouped("res_model").items():
            if model not in self.env:
                continue
            records = (
                self.env[model].browse(lines.mapped("res_id")).exists()._filtered_access("read")
            )
            names = {record.id: record.display_name for record in records}
            for line in lines.filtered(lambda one, names=names: one.res_id in names):
                line.record_name = names[line.res_id]
                line.difference = line._lines(self.env[model])

    def _lines(self, model):
        """What is set back, and what is left, of the fields that the reader may see."""
        # With sudo: the reader may read the record, as the caller found.
        content = self.sudo()
        lines = []
        for name, (now, back) in (content.values or {}).items():
            if label := self._label(model, name):
                now, back = ("–" if value is None else value for value in (now, back))
                lines.append(f"{label}: {now} → {back}")
        for name in content.left or []:
            if label := self._label(model, name):
                lines.append(self.env._("%s: changed since, left", label))
        return "\n".join(lines)

    def _label(self, model, name):
        field = model._fields.get(name)
        if field is None or not model._has_field_access(field, "read"):
            return None
        return field._description_string(self.env)

    def action_open_record(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [[False, "form"]],
        }
