from odoo import api, models
from odoo.exceptions import UserError

from ...core.brief import MASK
from ...core.mapping import CompiledMapping
from ...core.paths import put
from ...core.problem import Problem
from .mapping_editor import SAMPLES

# Problems that tell what stands in the line, and nothing of a value.
OF_THE_LINE = ("bad_path", "bad_argument", "bad_expression", "not_reversible")
LOOKED_THROUGH = 200  # records among which one that fits is looked for


class HubMapping(models.Model):
    """The mapping editor of what leaves: lines beside an Odoo record, and the payload that they make of it."""

    _inherit = "hub.mapping"

    @api.readonly
    def get_data_editor(self):
        """With the Odoo model that is sent and the record that is shown first."""
        data = super().get_data_editor()
        record = self._first_sent()
        return data | {
            "model": record is not None and record._name,
            "record_id": bool(record) and record.id,
        }

    def _sending_system(self):
        """The system that gets what this mapping makes; of a preset, one of its product."""
        return self.system_id or self.env["hub.system"].search(
            [("product", "=", self.product)], limit=1
        )

    def _first_sent(self):
        """The record of the last message sent that the user may read, else the first one that fits.

        :return: a recordset of the entity's model, of one record or none; None if no payload may be shown.
        """
        entity, system = self.entity_id, self._sending_system()
        model = self.env.get(entity.model_name or "")
        if self.direction != "out" or not system or model is None or not model.has_access("read"):
            return None
        if not self.env["hub.payload"].has_access("read"):
            return None
        sent = self.env["hub.message"].search(
            [
                ("system_id", "=", system.id),
                ("entity_id", "=", entity.id),
                ("direction", "=", "out"),
                ("res_model", "=", model._name),
                ("res_id", "!=", False),
            ],
            limit=SAMPLES,
        )
        found = model.browse(sent.mapped("res_id")).exists()._filtered_access("read")
        if not found:
            served = "company_id" in model._fields and [
                ("company_id", "in", [False, *system.company_ids.ids])
            ]
            records = model.search(served or [], limit=LOOKED_THROUGH)
            # With sudo: which of the records that he may read fit is decided by fields that he may not.
            fitting = self.env[entity.handler].sudo()._hub_new(records.sudo(), system.sudo())
            found = model.browse(fitting.ids)
        return found[:1]

    def get_data_preview_sent(self, record_id=False, lines=()):
        """What ``lines`` (not saved yet) would send of an Odoo record. Nothing is written or sent.

        :param lines: ``[{field_id, path, transform, argument}]``
        :return: ``payload`` (JSON), ``results`` by field id (``value``, ``path``, ``sent``, ``problem``, and
            ``left_out``: why it would not leave), ``note``, what stops the whole record, and ``verdict``, what
            rules and checkpoints say of it (:meth:`_verdict_shown`).
        :raise AccessError: the user may read no payloads, or not this record.
        """
        self.check_access("read")
        self.ensure_one()
        self._require_payload_reader()
        entity, system = self.entity_id, self._sending_system()
        model = self.env.get(entity.model_name or "")
        if self.direction != "out" or not system or model is None:
            raise UserError(self.env._("Nothing is sent by this mapping."))
        record = model.browse(record_id).exists()
        if not record:
            raise UserError(self.env._("Choose a record of this mapping's entity."))
        record.check_access("read")
        self._note_reading(system, res_model=record._name, res_id=record.id)
        plain = self._plain_lines(lines) + self._lines_both_ways(lines)
        hidden = self._hidden_fields(model)
        try:
            found = self.env["hub.compose"]._explain(
                system.id, entity.id, record.id, CompiledMapping(plain), hidden
            )
        except Problem as problem:
            raise UserError(
                self.env["hub.sentence"]._sentence(problem.code, problem.params)
            ) from problem
        if not found:
            raise UserError(
                self.env._(
                    "Nothing of this record is sent to %s: it is of another company, or there is nothing to say.",
                    system.name,
                )
            )
        return self._shown_sent(found, {line.field: line.path for line in plain}, hidden)

    def _shown_sent(self, found, paths, hidden):
        """What :meth:`get_data_preview_sent` gives."""
        sentences = self.env["hub.sentence"]
        ids = {field.name: field.id for field in self.entity_id.field_ids}
        results = {}
        for line in found.lines:
            masked = line.field in hidden and line.field in found.values
            problem = line.problem and sentences._sentence(line.problem.code, line.problem.params)
            if masked and problem and line.problem.code not in OF_THE_LINE:
                problem = self.env._("It fails on a value that you are not shown.")
            if masked and not problem and line.field in found.allowed:
                try:
                    put(found.content, paths[line.field], MASK)
                except Problem as bad:
                    problem = sentences._sentence(bad.code, bad.params)
            results[ids[line.field]] = {
                "value": MASK if masked else self._short(line.value),
                "path": paths[line.field],
                "sent": MASK if masked and not problem else self._short(line.raw),
                "problem": problem or "",
                "left_out": self._left_out(found, line.field),
            }
        note = ""
        if any(row["problem"] for row in results.values()):
            note = self.env._("Nothing of this record would leave while a line fails.")
        elif not found.content:
            note = self.env._("Nothing of this record would leave.")
        verdict = self._verdict_shown(found.verdict, hidden)
        return {"payload": found.content, "results": results, "note": note, "verdict": verdict}

    def _left_out(self, found, name):
        """Why a mapped field would not leave, as a sentence."""
        if name in found.allowed:
            return ""
        if name not in found.granted:
            return self.env._("Not sent: nobody has granted its write-back.")
        if name not in found.values:
            return self.env._("Not sent: Odoo has no value of it for this record.")
        return self.env._("Not sent: another system owns it, or nobody exchanges it.")

    def _lines_both_ways(self, lines):
        """Lines of the inbound mapping of the same entity that send as well."""
        inbound = self.search(
            [
                ("system_id", "=", self.system_id.id),
                ("product", "=", self.product),
                ("entity_id", "=", self.entity_id.id),
                ("direction", "=", "in"),
            ]
        )
        return inbound._returning(self._plain_lines(lines))

    def _hidden_fields(self, model):
        """Names of canonical fields whose values the user is not shown: by their class or their Odoo field."""
        hidden = self.env["hub.retention"]._hidden(self.entity_id)
        return {
            field.name
            for field in self.entity_id.field_ids
            if field.data_class in hidden
            or (
                (column := model._fields.get(field.odoo_field or "")) is not None
                and not model._has_field_access(column, "read")
            )
        }
