import hashlib

from odoo import models
from odoo.exceptions import AccessError, UserError

from ...core import strict_json
from ...core.mapping import to_canonical
from ...core.paths import keys_read
from ...core.table import UPLOADED, Columns, read_table
from .cursors import short_cursor
from .receive import Incoming

BATCH = 500


class HubUpload(models.AbstractModel):
    """A table of text on its way into a stream: the same way that a product's records take, from
    stored bytes to Odoo records."""

    _name = "hub.upload"
    _description = "Upload Records"

    def _read(self, stream, data, delimiter="", encoding="", decimal="", form="", days=""):
        """What a file holds for one stream.

        :return: ``(table, columns, entries)``; each entry has values or a problem.
        :raise Problem: the file is no table for this stream.
        """
        table = read_table(data, delimiter, encoding)
        lines = self._mapping(stream)._lines()
        lines = next(iter(lines.values()), [])
        columns = Columns(
            table.header,
            self._column_kinds(stream),
            {line.path: (line.kind, line.transform) for line in lines if line.path},
            form,
            stream._key_columns(),
        )
        entries = columns.entries(table, decimal, days)
        by_entity = self._lines_by_entity()
        linked = self._linked(stream, [entry.key for entry in entries])
        for entry in entries:
            if entry.problem is None:
                if columns.form == "canonical":
                    direct = stream.entity_id._direct_lines(entry.values, entry.key in linked)
                    _values, problems = to_canonical(direct, entry.values, by_entity)
                else:
                    payload = self._payload(columns, entry)
                    _values, problems = to_canonical(lines, payload, by_entity)
                entry.problem = next(iter(problems), None)
        return table, columns, entries

    def _mapping(self, stream):
        return self.env["hub.mapping"].search(
            [
                ("system_id", "=", stream.system_id.id),
                ("entity_id", "=", stream.entity_id.id),
                ("direction", "=", "in"),
            ]
        )

    def _column_kinds(self, stream):
        """Canonical columns of an entity and of its lines: name → type."""
        result = {}
        for field in stream.entity_id.field_ids.filtered(lambda f: f.direction != "out"):
            base, _sep, target = field.kind.partition(":")
            if base == "lines":
                below = self.env["hub.entity"].search([("code", "=", target)])
                result |= {f"{field.name}.{inner.name}": inner.kind for inner in below.field_ids}
            else:
                result[field.name] = field.kind
        return result

    def _column_names(self, stream):
        """The columns that a file for this stream may have, its id first: those of the mapping where a product's
        records come in files only, else the canonical ones."""
        if not stream.system_id._connector_class().by_file:
            return ["external_id", *self._column_kinds(stream)]
        names = list(stream._key_columns() or ["external_id"])
        for path in self._mapping(stream).line_ids.sorted("sequence").mapped("path"):
            names += keys_read(path) if path else []
        return list(dict.fromkeys(names))

    def _linked(self, stream, keys):
        """Which of these ids Odoo knows already: there, a file may hold only what changes."""
        self.env.cr.execute(
            """SELECT external_id FROM hub_link
                WHERE system_id = %s AND entity_id = %s AND external_id = ANY(%s)""",
            [stream.system_id.id, stream.entity_id.id, keys],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    def _lines_by_entity(self):
        entities = self.env["hub.entity"].search([])
        return {entity.code: entity._direct_lines() for entity in entities}

    def _payload(self, columns, entry):
        if columns.form == "canonical":
            return {UPLOADED: entry.values}
        return {"id": entry.key} | entry.values

    def _store(self, stream, columns, entries, name, number):
        """Store the good entries as messages. They have no version and no time of change: how old a
        file's values are, nobody knows.

        :param number: of this upload: the same row of another upload is another message, for what was
            true before may be true again; of this one it is not taken twice.
        :return: number of messages; the others were received before.
        """
        self._require(stream)
        incoming = []
        for entry in entries:
            body = strict_json.dumps(self._payload(columns, entry))
            content = hashlib.sha256(body).hexdigest()
            key = f"upload:{number}:{stream.entity_id.code}:{entry.key}:{content}"
            incoming.append(
                Incoming(
                    stream.entity_id.code,
                    entry.key,
                    key.encode(),
                    "snapshot",
                    "change",
                    None,
                    None,
                    body,
                )
            )
        system, count = stream.system_id, 0
        for start in range(0, len(incoming), BATCH):
            with short_cursor(self.env) as cr:
                part = incoming[start : start + BATCH]
                # Whoever brings values approves none of them.
                count += self.env["hub.receive"]._store(
                    cr, system.id, system.account_ref or "", part, author=self.env.uid
                )
        self.env["hub.audit"]._append(
            [
                {
                    "action": "upload",
                    "system_id": system.id,
                    "res_model": stream._name,
                    "res_id": stream.id,
                    "values": {"file": name or "", "records": len(incoming), "new": count},
                }
            ]
        )
        self.env["hub.engine"]._wake_after_commit()
        return count

    def _require(self, stream):
        """Who may feed which stream."""
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_resolver"):
            raise AccessError(
                self.env._("Ask a user with the right “Resolver” of the Lead-to-Cash Hub.")
            )
        stream.check_access("read")
        if not stream.system_id or stream.direction != "in" or not stream.active:
            raise UserError(self.env._("Choose an inbound stream of a system that is switched on."))
        entity = stream.entity_id
        if (
            entity.handler
            and not self.env.user.has_group("lead_to_cash_hub.group_hub_manager")
            and not self.env[entity.handler]._hub_may_upload(entity)
        ):
            raise AccessError(
                self.env._(
                    "What is uploaded to “%s” is booked, approved or kept by few in Odoo: ask somebody who may do "
                    "that there, or an integration manager.",
                    stream.name,
                )
            )


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = params or {}
        return super()._known(params) | {
            "table_too_large": (
                _("The file is larger than %s MB.", p.get("limit", "")),
                _("Split it."),
            ),
            "table_too_many_rows": (
                _("The file has more than %s rows.", p.get("limit", "")),
                _("Split it."),
            ),
            "table_too_wide": (_("The file has more than %s columns.", p.get("limit", "")), ""),
            "table_empty": (_("The file has no rows below its header."), ""),
            "table_encoding": (
                _("The characters of the file cannot be read as %s.", p.get("encoding", "")),
                _("Save it as CSV in UTF-8."),
            ),
            "table_unreadable": (
                _("The file is not CSV: see line %s.", p.get("line", "")),
                _("Save it as CSV in UTF-8."),
            ),
            "table_ragged": (
                _(
                    "Line %(line)s has more cells than the header's %(columns)s.",
                    line=p.get("line", ""),
                    columns=p.get("columns", ""),
                ),
                _("Choose another delimiter, or put quotes around cells that contain it."),
            ),
            "table_column_twice": (_("The column “%s” stands twice.", p.get("column", "")), ""),
            "table_no_id": (
                _(
                    "The file needs %s, or a column that is called “external_id” or “id”.",
                    ", ".join(f"“{name}”" for name in p["wanted"]),
                )
                if p.get("wanted")
                else _("No column is called “external_id” or “id”."),
                _("It says which record of the product a row is."),
            ),
            "table_no_columns": (
                _("No column is a field of this stream."),
                _("Use canonical names, or the paths of the mapping."),
            ),
            "table_no_key": (_("The row has no id."), ""),
            "table_twice": (
                _("The same id stands in line %s with other values.", p.get("other", "")),
                "",
            ),
            "day_unclear": (
                _(
                    "“%(value)s” (%(field)s) can mean two days.",
                    value=p.get("value", ""),
                    field=p.get("field", ""),
                ),
                _("Choose how days are written."),
            ),
            "number_unclear": (
                _(
                    "“%(value)s” (%(field)s) can mean two numbers.",
                    value=p.get("value", ""),
                    field=p.get("field", ""),
                ),
                _("Choose the decimal mark."),
            ),
        }
