import re

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...core import strict_json
from ...core.shape import look, shape
from ..guard import own_code

SAMPLE = 50  # payloads of a stream that one look reads


class HubShape(models.Model):
    """Which paths the payloads of a stream have had, with their types. No values."""

    _name = "hub.shape"
    _description = "Shape of Payloads"
    _log_access = False

    stream_id = fields.Many2one("hub.stream", required=True, readonly=True, ondelete="cascade")
    last_message = fields.Integer(readonly=True)
    known = fields.Json(readonly=True)
    recent = fields.Json(
        readonly=True, help="The same of payloads since it was judged last what is no longer sent."
    )

    _stream_unique = models.Constraint("UNIQUE(stream_id)", "This stream has its shape already.")


class HubDrift(models.Model):
    """A difference between what a source sends now and what it sent before: a proposal to look."""

    _name = "hub.drift"
    _description = "Schema Drift"
    _inherit = ["hub.kept"]
    _order = "state, is_mapped desc, id desc"

    stream_id = fields.Many2one(
        "hub.stream", required=True, readonly=True, copy=False, ondelete="cascade", index=True
    )
    system_id = fields.Many2one(related="stream_id.system_id", store=True, index=True)
    entity_id = fields.Many2one(related="stream_id.entity_id", store=True)
    path = fields.Char(required=True, readonly=True, copy=False)
    change = fields.Selection(
        [("appeared", "New field"), ("vanished", "No longer sent"), ("type", "Another type")],
        required=True,
        readonly=True,
        copy=False,
    )
    was = fields.Char(readonly=True, copy=False, string="Type Before")
    now = fields.Char(readonly=True, copy=False, string="Type Now")
    is_mapped = fields.Boolean(
        readonly=True, copy=False, string="Mapped", help="A line of the mapping reads it."
    )
    state = fields.Selection(
        [("open", "Open"), ("done", "Looked at")],
        default="open",
        required=True,
        readonly=True,
        copy=False,
    )

    @api.model
    def _look(self):
        """Compare a sample of what each stream received since the last look; keep what differs.

        Runs each hour as OdooBot over all companies, away from the hot path; it keeps paths and types. What it costs
        grows with the streams that got something since, not with the messages that these got.
        """
        Shape = self.env["hub.shape"]
        shapes = {one.stream_id: one for one in Shape.search([])}
        for stream, newest in self._with_news():
            known = shapes.get(stream) or Shape.create({"stream_id": stream.id})
            found = self._sample(stream, known.last_message)
            known.last_message = newest
            if not found:
                continue
            drifts, before, recent = look(known.known or {}, known.recent or {}, found)
            known.write({"known": before, "recent": recent})
            if not drifts:
                continue
            mapping = self.env["hub.mapping"].search(
                [
                    ("system_id", "=", stream.system_id.id),
                    ("entity_id", "=", stream.entity_id.id),
                    ("direction", "=", "in"),
                ]
            )
            read = " ".join(path for path in mapping.line_ids.mapped("path") if path)
            self.create(
                [
                    {"stream_id": stream.id, "path": one.path, "change": one.change, "was": one.was, "now": one.now,
                     "is_mapped": _reads(read, one.path)}
                    for one in drifts
                ]
            )  # fmt: skip

    def _with_news(self):
        """Inbound streams that got messages since they were looked at: ``[(stream, id of its newest message)]``."""
        self.env["hub.shape"].flush_model()
        self.env.cr.execute(
            """SELECT s.id, m.newest FROM hub_stream s
                 LEFT JOIN hub_shape h ON h.stream_id = s.id
                 JOIN LATERAL (SELECT max(id) AS newest FROM hub_message WHERE stream_id = s.id) m ON TRUE
                WHERE s.direction = 'in' AND s.system_id IS NOT NULL AND s.active
                  AND m.newest > coalesce(h.last_message, 0)
                ORDER BY s.id"""
        )
        streams = self.env["hub.stream"]
        return [(streams.browse(stream_id), newest) for stream_id, newest in self.env.cr.fetchall()]

    def _sample(self, stream, after):
        """Shapes of the newest payloads of a stream."""
        self.env.cr.execute(
            """SELECT p.body FROM hub_message m JOIN hub_payload p ON p.id = m.payload_id
                WHERE m.stream_id = %s AND m.id > %s AND m.direction = 'in' AND m.kind = 'snapshot'
                ORDER BY m.id DESC LIMIT %s""",
            [stream.id, after, SAMPLE],
        )
        found = []
        for (body,) in self.env.cr.fetchall():
            try:
                found.append(shape(strict_json.loads(bytes(body or b""))))
            except strict_json.BadJson:
                continue  # its own message says so
        return found

    def action_done(self):
        """It was looked at: nothing more is to do."""
        self.check_access("write")
        own_code(self).write({"state": "done"})

    def action_propose(self):
        """Make a proposal of it: a line for a field that is new, none for one that is gone, another
        transform for another type. It counts when another person has approved it."""
        self.check_access("write")
        self.ensure_one()
        mapping = self._mapping()
        reading = mapping.line_ids.filtered(lambda line: line.path and _reads(line.path, self.path))
        if self.change == "vanished" and reading:
            change = self.env["hub.change"]._propose(
                lambda env: reading.with_env(env).unlink(), self._title()
            )
        else:
            change = self._propose_line(mapping, reading)
        own_code(self).write({"state": "done"})
        return change._open()

    def _propose_line(self, mapping, reading):
        """A line for the path as the newest payload has it, where a field resembles it."""
        found = mapping._suggest(self.path, reading)
        if not found:
            raise UserError(
                self.env._(
                    "No field of %(entity)s resembles “%(path)s” by its name and its values: map it beside a "
                    "payload.",
                    entity=self.entity_id.name,
                    path=self.path,
                )
            )
        field, values = found
        line = reading.filtered(lambda one: one.field_id == field)

        def act(env):
            if line:
                line.with_env(env).write(values)
            else:
                env["hub.mapping.line"].create(
                    {"mapping_id": mapping.id, "field_id": field.id, **values}
                )

        return self.env["hub.change"]._propose(act, self._title())

    def _title(self):
        label = dict(self._fields["change"]._description_selection(self.env))[self.change]
        return f"{self.stream_id.name}: {self.path} ({label})"

    def action_mapping(self):
        """The mapping of this stream, beside a payload."""
        self.check_access("read")
        self.ensure_one()
        return self._mapping().action_editor()

    def _mapping(self):
        mapping = self.env["hub.mapping"].search(
            [("system_id", "=", self.system_id.id), ("entity_id", "=", self.entity_id.id), ("direction", "=", "in")]
        )  # fmt: skip
        if not mapping:
            raise UserError(self.env._("%s has no mapping yet.", self.stream_id.name))
        return mapping


def _reads(paths, path):
    """Whether some JMESPath of ``paths`` (joined) reads exactly this path."""
    return re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", paths) is not None
