"""What would be sent of records, whether their system has it already or not. Nothing is stored."""

import json
from collections import defaultdict
from dataclasses import dataclass

from odoo import api, models

from ...core import strict_json
from ...core.paths import leaves
from ...core.problem import Problem
from .compose_merge import Sendable
from .context import HUB_CONTEXT
from .cursors import rolled_back_cursor
from .difference import Change
from .simulate import SECONDS


@dataclass
class Explanation:
    """What mapped fields become of one record on its way out.

    :attr lines: list of :class:`~core.mapping.Explained`; ``content`` is what they make together.
    :attr values: names of the fields that Odoo has a value of; ``granted``: those whose write-back is granted;
        ``allowed``: those that would leave.
    :attr verdict: what rules, checkpoints and the process say of it, see :meth:`HubCompose._verdict`.
    """

    lines: list
    content: dict
    values: set
    granted: set
    allowed: set
    verdict: dict


class HubCompose(models.AbstractModel):
    _inherit = "hub.compose"

    def _would_send(self, reader, message_ids):
        """What the records of outgoing messages would be sent with the configuration of this transaction, which
        is rolled back.

        :param reader: environment of the same cursor, with the rights of who is going to read.
        :return: ``({message id: state, reason and params}, list of Change)``; the values of a change are
            ``{"<system>:<field>:<path>": [None, value]}``.
        """
        cr = self.env.cr
        cr.execute(
            """SELECT system_id, entity_id, array_agg(id ORDER BY id), array_agg(res_id ORDER BY id)
                 FROM hub_message WHERE id = ANY(%s) GROUP BY system_id, entity_id""",
            [list(message_ids)],
        )
        states, sent = {}, defaultdict(dict)
        for system_id, entity_id, ids, res_ids in cr.fetchall():
            # As in the engine: the technical user is the transaction's own, not a superuser.
            system = self.env["hub.system"].sudo().browse(system_id)
            context = {**HUB_CONTEXT, "allowed_company_ids": system.company_ids.ids}
            env = api.Environment(cr, system.user_id.id, context)
            stream = env["hub.stream"].search(
                [("system_id", "=", system_id), ("entity_id", "=", entity_id), ("direction", "=", "out")]
            )  # fmt: skip
            rows = self._try_would_send(env, stream, sorted(set(res_ids))) if stream else {}
            fields_ = {field.name: field.id for field in stream.entity_id.field_ids}
            for message_id, res_id in zip(ids, res_ids, strict=True):
                row = rows.get(res_id, {"state": "unsent"})
                params = row.get("params")
                states[message_id] = {
                    "state": row.get("state", "sent"),
                    "reason": row.get("reason"),
                    "params": json.loads(params) if params else None,
                }
                for name, part in row.get("parts", {}).items():
                    for path, value in leaves(*part).items():
                        key = f"{system_id}:{fields_[name]}:{path}"
                        sent[stream.entity_id.model_name, res_id][key] = [None, value]
        return states, self._sent_changes(reader, sent)

    def _sent_changes(self, reader, sent):
        """:param sent: ``{(model, record id): values}``."""
        ids = defaultdict(list)
        for model, res_id in sent:
            ids[model].append(res_id)
        changes = []
        for model, found in ids.items():
            allowed = set(reader[model].browse(found)._filtered_access("read").ids)
            # With sudo: what would be sent is listed whole; each reader sees what his rights allow.
            for record in self.env[model].sudo().browse(found):
                company = record.company_id.id or None if "company_id" in record else None
                values = dict(sorted(sent[model, record.id].items()))
                changes.append(
                    Change("send", model, record.id, record.display_name, company, values, None, None, None,
                           record.id in allowed)
                )  # fmt: skip
        return changes

    def _try_would_send(self, env, stream, ids):
        """As :meth:`_would_send_rows`, by record; a batch that one record spoils is halved until it stands alone."""
        try:
            with env.cr.savepoint():
                return {row["res_id"]: row for row in self._would_send_rows(env, stream, ids)}
        except Problem as problem:
            if len(ids) == 1:
                params = json.dumps(problem.params, default=str)
                return {ids[0]: {"state": "failed", "reason": problem.code, "params": params}}
        middle = len(ids) // 2
        return self._try_would_send(env, stream, ids[:middle]) | self._try_would_send(
            env, stream, ids[middle:]
        )

    def _would_send_rows(self, env, stream, ids):
        """Rows of records of one stream, judged by rules and checkpoints.

        :raise Problem: a record cannot be composed.
        """
        system, entity = stream.system_id, stream.entity_id
        records = self._served(env[entity.model_name].browse(ids).exists(), system)
        compiled = env["hub.mapping"]._compiled_of(system, "out").get(entity.code)
        if not records or not compiled:
            return []
        self._refuse_region(stream)
        sendable = self._sendable(env, stream, compiled[0])
        if not sendable:
            return []
        rows, values_of = self._whole_rows(env, stream, records, sendable)
        self._govern(env, stream, rows, values_of, {})
        return rows

    def _whole_rows(self, env, stream, records, sendable):
        """What the system would get of records that it knows nothing of.

        :return: ``(rows as rules and checkpoints judge them, {record id: canonical values})``
        :raise Problem: a record cannot be composed.
        """
        system, entity = stream.system_id, stream.entity_id
        values_of, _today = self._values_today(
            env[entity.handler], entity, records, system, sendable
        )
        companies = {r.id: r.company_id.id for r in records} if "company_id" in records else {}
        rows = []
        for res_id, values in values_of.items():
            content, parts = sendable.everything(companies.get(res_id), values)
            if content:
                rows.append(
                    {
                        "res_id": res_id,
                        "company_id": companies.get(res_id) or None,
                        "body": strict_json.dumps(content),
                        "content": content,
                        "parts": parts,
                    }
                )
        return rows, values_of

    def _explain(self, system_id, entity_id, res_id, mapping, hidden):
        """What lines that are not in force would send of one record, and what they would not.

        :param mapping: ``CompiledMapping``; its fields are explained whether they are granted or not.
        :param hidden: see :meth:`Sendable.explain`.
        :return: :class:`Explanation`, or None if nothing is sent of this record.
        :raise Problem: the record cannot be composed, or nothing may go to the region of the system.
        """
        with rolled_back_cursor(self.env, SECONDS) as cr:
            # As in the engine: the technical user is the transaction's own, not a superuser.
            system = self.env(cr=cr)["hub.system"].sudo().browse(system_id)
            context = {**HUB_CONTEXT, "allowed_company_ids": system.company_ids.ids}
            env = api.Environment(cr, system.user_id.id, context)
            system, entity = (
                env["hub.system"].browse(system_id),
                env["hub.entity"].browse(entity_id),
            )
            compose, handler = env["hub.compose"], env[entity.handler]
            stream = (
                env["hub.stream"]
                .with_context(active_test=False)
                .search(
                    [("system_id", "=", system_id), ("entity_id", "=", entity_id), ("direction", "=", "out")],
                    limit=1,
                )
            )  # fmt: skip
            if stream:
                compose._refuse_region(stream)
            record = compose._served(env[entity.model_name].browse(res_id).exists(), system)
            if not record:
                return None
            granted = env["hub.grant"]._granted(system, entity) & mapping.fields
            values_of, _today = compose._values_today(
                handler,
                entity,
                record,
                system,
                Sendable(env, system, entity, mapping, mapping.fields),
            )
            values = values_of.get(res_id)
            if not values:
                return None
            company = record.company_id.id if "company_id" in record else None
            sendable = Sendable(env, system, entity, mapping, granted)
            lines, allowed, content = sendable.explain(company, values, hidden)
            verdict = compose._verdict(env, stream, record, sendable) if stream else {}
            return Explanation(lines, content, set(values), granted, allowed, verdict)

    def _verdict(self, env, stream, record, sendable):
        """The row of one record as :meth:`_govern` leaves it; nothing where nothing would be sent anyway.

        ``reason`` is ``out_of_scope`` if the process is not switched on for the record.
        """
        try:
            rows, values_of = self._whole_rows(env, stream, record, sendable)
        except Problem:
            return {}  # its line says why
        judged = list(rows)
        self._govern(env, stream, judged, values_of, {})
        if rows and not judged:
            return {"reason": "out_of_scope"}
        return judged[0] if judged else {}
