import json
from datetime import datetime

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ...core import strict_json
from ...core.brief import brief
from ...core.mapping import TRANSFORMS, CompiledMapping, Line, compile_all
from ...core.schema import Ref, Word
from ...core.suggest import Wanted, suggest

SAMPLES = 20
MAX_SHOWN = 200


class HubMapping(models.Model):
    """The mapping editor: lines beside a real payload, with what they make of it."""

    _inherit = "hub.mapping"

    def action_editor(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "lead_to_cash_hub.mapping_editor",
            "name": self.name,
            "params": {"mapping_id": self.id},
        }

    @api.readonly
    def get_data_editor(self):
        """All that the editor shows before a message is chosen."""
        self.check_access("read")
        self.ensure_one()
        return {
            "id": self.id,
            "name": self.name,
            "entity": self.entity_id.name,
            "direction": self.direction,
            "can_edit": self.has_access("write"),
            "controlled": bool(self._hub_controlled()),
            "fields": [
                {
                    "id": field.id,
                    "name": field.name,
                    "label": field.label,
                    "kind": field.kind,
                    "required": field.required,
                    "data_class": field.data_class,
                    "odoo_field": field.odoo_field or "",
                }
                for field in self.entity_id.field_ids
                if field.direction in (self.direction, "both")
            ],
            "lines": [
                {
                    "id": line.id,
                    "field_id": line.field_id.id,
                    "path": line.path or "",
                    "transform": line.transform,
                    "argument": line.argument or "",
                }
                for line in self.line_ids
            ],
            "transforms": [
                {"name": name, "label": label, "argument": TRANSFORMS[name].argument}
                for name, label in self.line_ids._selection_transform()
            ],
            "samples": self._samples() if self.direction == "in" else [],
        }

    def _samples(self):
        """The newest messages of this entity whose payload the user may read."""
        looked = [
            {"id": -line.id, "name": self.env._("%s · just read", line.external_id)}
            for line in self._looked_at()[:SAMPLES]
        ]
        return looked + self._stored_samples()

    def _looked_at(self):
        """Records that the user read to look at them: a mapping can be made before anything moves."""
        lines = self.env["hub.look.line"]
        if not self.system_id or self.direction != "in" or not lines.has_access("read"):
            return lines
        return lines.search(
            [
                ("create_uid", "=", self.env.uid),
                ("look_id.stream_id.system_id", "=", self.system_id.id),
                ("look_id.stream_id.entity_id", "=", self.entity_id.id),
            ],
            order="id desc",
        )

    def _stored_samples(self):
        Message = self.env["hub.message"]
        if not self.env["hub.payload"].has_access("read"):
            return []
        domain = fields.Domain(
            [("entity_id", "=", self.entity_id.id), ("direction", "=", "in"), ("payload_id", "!=", False),
             ("kind", "!=", "notice")]
        )  # fmt: skip
        if self.system_id:
            domain &= fields.Domain("system_id", "=", self.system_id.id)
        else:
            domain &= fields.Domain("system_id.product", "=", self.product)
        states = dict(Message._fields["state"]._description_selection(self.env))
        return [
            {"id": message.id, "name": f"{message.external_id or ''} · {states[message.state]}"}
            for message in Message.search(domain, limit=SAMPLES)
        ]

    # -- what the lines make of a payload -----------------------------------------------------------

    def get_data_preview(self, message_id=False, lines=()):
        """A stored payload, and what ``lines`` (not saved yet) make of it.

        :param lines: ``[{field_id, path, transform, argument}]``
        :return: ``payload`` (JSON), ``results`` by field id (``raw``, ``value``, ``odoo``, ``problem``)
            and ``suggestions`` for fields without a line.
        :raise AccessError: the user may not read this payload.
        """
        self.check_access("read")
        self.ensure_one()
        if message_id and message_id < 0:
            line = self._looked_at().filtered(lambda line: line.id == -message_id)
            if not line:
                raise UserError(self.env._("Read the page again: it is not kept for long."))
            return self._preview(strict_json.loads(line.payload.encode()), self.system_id, lines)
        message = self.env["hub.message"].browse(message_id).exists()
        if not message or message.entity_id != self.entity_id or (
            message.system_id != self.system_id if self.system_id
            else message.system_id.product != self.product
        ):  # fmt: skip
            raise UserError(self.env._("Choose a message of this mapping's system and entity."))
        return self._preview(self._read_payload(message), message.system_id, lines)

    def _preview(self, payload, system, lines):
        """What :meth:`get_data_preview` gives."""
        by_id = {field.id: field for field in self.entity_id.field_ids}
        plain = self._plain_lines(lines)
        siblings = self.search(
            [("direction", "=", "in")]
            + ([("system_id", "=", self.system_id.id)] if self.system_id else [("product", "=", self.product)])
        )  # fmt: skip
        below = {m.entity_id.code: own for m in siblings for own in [siblings._lines()[m.id]]}
        explained = CompiledMapping(plain, compile_all(below)).explain(payload)
        ids = {field.name: field.id for field in by_id.values()}
        shown = self._in_odoo([found.value for found in explained], system)
        sentences = self.env["hub.sentence"]
        mapped = {line.field for line in plain}
        return {
            "payload": json.loads(strict_json.dumps(payload)),
            "results": {
                ids[found.field]: {
                    "raw": self._short(found.raw),
                    "value": self._short(_as_text(found.value)),
                    "odoo": in_odoo["text"],
                    "problem": sentences._sentence(found.problem.code, found.problem.params)
                    if found.problem
                    else in_odoo["problem"],
                }
                for found, in_odoo in zip(explained, shown, strict=True)
            },
            "suggestions": [
                {
                    "field_id": ids[one.field],
                    "path": one.path,
                    "transform": one.transform,
                    "argument": one.argument,
                    "value": self._short(_as_text(one.value)),
                }
                for one in suggest(
                    [
                        Wanted(f.name, f.label, f.kind)
                        for f in by_id.values()
                        if f.name not in mapped and f.direction != "out"
                    ],
                    payload,
                    [line.path for line in plain],
                )
            ],
        }

    def _plain_lines(self, lines):
        """Lines of the editor as those of ``core``; what names no field or transform is left out."""
        by_id = {field.id: field for field in self.entity_id.field_ids}
        return [
            Line(
                field=by_id[line["field_id"]].name,
                kind=by_id[line["field_id"]].kind,
                path=str(line.get("path") or ""),
                transform=str(line.get("transform") or "none"),
                argument=str(line.get("argument") or ""),
                required=by_id[line["field_id"]].required,
            )
            for line in lines
            if line.get("field_id") in by_id and line.get("transform") in TRANSFORMS
        ]

    def _suggest(self, path, lines):
        """What the newest payload says a path may be.

        :param lines: lines that read it today; their fields are looked for again.
        :return: ``(field, values of a line)`` or None.
        """
        samples = self._samples()
        if not samples:
            return None
        payload = self._read_payload(self.env["hub.message"].browse(samples[0]["id"]))
        others = self.line_ids - lines
        free = self.entity_id.field_ids - others.field_id
        wanted = [Wanted(f.name, f.label, f.kind) for f in free if f.direction != "out"]
        for one in suggest(wanted, payload, others.filtered("path").mapped("path")):
            if one.path == path:
                field = free.filtered(lambda f, one=one: f.name == one.field)
                return field, {
                    "path": one.path,
                    "transform": one.transform,
                    "argument": one.argument or False,
                }
        return None

    def _read_payload(self, message):
        """The payload of a message as JSON; that it was read is kept, once an hour for each reader."""
        self._require_payload_reader()
        payload = message.payload_id
        payload.check_access("read")
        if not payload:
            raise UserError(self.env._("The content of this message is not kept any more."))
        self._note_reading(message.system_id, message_id=message.id)
        try:
            return strict_json.loads((payload.text or "").encode())
        except strict_json.BadJson as error:
            raise UserError(self.env._("What the source sent is not valid JSON.")) from error

    def _require_payload_reader(self):
        messages = self.env["hub.message"]
        if not messages._has_field_access(messages._fields["payload_id"], "read"):
            raise AccessError(self.env._("Payloads are for integration managers and auditors."))

    def _note_reading(self, system, **what):
        """Keep that the user read ``what`` (a message, or a record on its way out): once an hour."""
        conditions = SQL(" AND ").join(
            SQL("%s = %s", SQL.identifier(name), value) for name, value in what.items()
        )
        self.env.cr.execute(
            SQL(
                """SELECT 1 FROM hub_audit WHERE action = 'read_payload' AND %s AND user_id = %s
                      AND system_id = %s AND at > (now() AT TIME ZONE 'UTC') - interval '1 hour' LIMIT 1""",
                conditions,
                self.env.uid,
                system.id,
            )
        )
        if not self.env.cr.fetchone():
            self.env["hub.audit"]._append(
                [{"action": "read_payload", "system_id": system.id, **what}]
            )

    def _in_odoo(self, values, system):
        """What canonical values are in Odoo: the term, the linked record; a query a kind."""
        words, _overlays = self.env["hub.vocabulary.word"]._words_of(system)
        key_of = self.env["hub.vocabulary.word"]._key
        terms = self.env["hub.vocabulary.term"]
        entities = {entity.code: entity for entity in self.env["hub.entity"].search([])}
        refs = [
            ref
            for value in values
            for ref in (value if isinstance(value, list) else [value])
            if isinstance(ref, Ref)
        ]
        links = self.env["hub.link"]._load(
            self.env.cr,
            [(system.id, entities[r.entity].id, r.external_id) for r in refs if not r.key and r.entity in entities],
        )  # fmt: skip

        def of_ref(ref):
            link = (
                links.get((system.id, entities[ref.entity].id, ref.external_id))
                if ref.entity in entities
                else None
            )
            if not link or link["res_model"] not in self.env:
                return None
            record = self.env[link["res_model"]].browse(link["res_id"]).exists()
            return record._filtered_access("read").display_name if record else None

        result = []
        for value in values:
            text, problem = self._short(_as_text(value)), ""
            if isinstance(value, Word):
                found = words.get((value.vocabulary, key_of(value.text)))
                text = terms.browse(found[0]).display_name if found else ""
                if not found:
                    problem = self.env._(
                        "“%(word)s” is not known in the vocabulary yet.", word=value.text
                    )
            elif isinstance(value, Ref):
                text = of_ref(value) or self.env._("not linked yet")
            elif isinstance(value, list) and value and isinstance(value[0], Ref):
                text = ", ".join(of_ref(ref) or self.env._("not linked yet") for ref in value[:5])
            elif isinstance(value, datetime):
                text = fields.Datetime.to_string(value.replace(tzinfo=None))
            result.append({"text": text, "problem": problem})
        return result

    def _short(self, value):
        """A value as a line of text."""
        return "" if value is None else brief(value, MAX_SHOWN)

    def action_save_editor(self, lines=()):
        """Keep the lines of the editor, or propose them where the system is under change control.

        :param lines: ``[{id?, field_id, path, transform, argument}]``
        :return: as :meth:`get_data_editor`; or ``{"change": action}``.
        """
        self.check_access("write")
        self.ensure_one()
        change = self.env["hub.change"]._carry_out(
            lambda env: self.with_env(env)._save_editor(lines), self.env._("Mapping %s", self.name)
        )
        return {"change": change._open()} if change else self.get_data_editor()

    def _save_editor(self, lines):
        """Changed lines are written, new ones created, others removed."""
        kept = {line["id"]: line for line in lines if line.get("id")}
        names = ("path", "transform", "argument")
        (self.line_ids - self.line_ids.browse(kept)).unlink()
        for line in self.line_ids:
            vals = {
                name: kept[line.id].get(name) or False
                for name in names
                if (kept[line.id].get(name) or "") != (line[name] or "")
            }
            if vals:
                line.write(vals)
        self.env["hub.mapping.line"].create(
            [
                {"mapping_id": self.id, "field_id": line["field_id"], "sequence": 10 * number}
                | {name: line.get(name) or False for name in names}
                for number, line in enumerate(lines, len(self.line_ids) + 1)
                if not line.get("id")
            ]
        )


def _as_text(value):
    """A canonical value as JSON data that a person can read."""
    if isinstance(value, Ref):
        return value.external_id
    if isinstance(value, Word):
        return value.text
    if isinstance(value, list):
        return [_as_text(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _as_text(entry) for key, entry in value.items()}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return str(value)
