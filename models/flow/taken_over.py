import json

from odoo import models
from odoo.exceptions import AccessError, UserError

from ...core import strict_json
from ...core.keys import order_key
from ...core.table import flat, write_table

# What waits for an approval leaves by no other way.
SENDABLE = ("pending", "failed", "dead")
MOST = 2000  # messages in one file


class HubMessage(models.Model):
    """What waits to be sent, taken over by a person: exported, entered in the product, marked as sent."""

    _inherit = "hub.message"

    def _to_send_by_hand(self, stream):
        """Messages of a stream that a person may send; not those whose answer was lost, because they
        may have taken effect.

        :raise UserError: the stream still sends by itself.
        """
        self._require_sender(stream)
        return self.search(
            [
                ("stream_id", "=", stream.id),
                ("direction", "=", "out"),
                ("state", "in", SENDABLE),
                ("maybe_sent", "=", False),
                ("payload_id", "!=", False),
            ],
            order="id",
            limit=MOST,
        )

    def _require_sender(self, stream):
        """Who sees all values of an outbound stream may send it by hand, while nothing else does."""
        if not self.env.user.has_group("lead_to_cash_hub.group_hub_manager"):
            raise AccessError(
                self.env._("Ask an integration manager: the file shows all values of the stream.")
            )
        stream.check_access("write")
        if stream.direction != "out" or not stream.system_id:
            raise UserError(self.env._("Choose an outbound stream of a system."))
        still = stream.system_id.state == "connected" and not (
            stream.paused or stream.system_id.paused or stream.process_id.paused
        )
        if still:
            raise UserError(
                self.env._(
                    "Pause %s first: else the hub and you could send the same twice.", stream.name
                )
            )

    def _export_by_hand(self):
        """These messages as CSV, one line each, with the values that the product would get.

        :return: bytes, UTF-8; cells that a spreadsheet would run as a formula are guarded.
        """
        self.payload_id.check_access("read")
        self.env.cr.execute(
            "SELECT id, body FROM hub_payload WHERE id = ANY(%s)", [self.payload_id.ids]
        )
        bodies = {key: strict_json.loads(bytes(body)) for key, body in self.env.cr.fetchall()}
        names = self._names_of_records()
        rows, columns = [], {}
        for message in self:
            values = flat(bodies.get(message.payload_id.id) or {})
            columns |= dict.fromkeys(values)
            rows.append(
                {
                    "message": message.id,
                    "action": message.action,
                    "external_id": message.external_id or "",
                    "record": names.get((message.res_model, message.res_id), ""),
                    **values,
                }
            )
        header = list(dict.fromkeys(["message", "action", "external_id", "record", *columns]))
        self.env["hub.audit"]._append(
            [
                {
                    "action": "export",
                    "system_id": self.system_id[:1].id,
                    "res_model": "hub.stream",
                    "res_id": self.stream_id[:1].id,
                    "values": {"messages": len(rows)},
                }
            ]
        )
        return write_table(header, rows)

    def _names_of_records(self):
        """Names of the records of these messages, as far as the user may read them."""
        names = {}
        for model, messages in self.grouped("res_model").items():
            if model in self.env:
                records = self.env[model].browse(set(messages.mapped("res_id"))).exists()
                for record in records._filtered_access("read"):
                    names[model, record.id] = record.display_name
        return names

    def _sent_by_hand(self, external_ids):
        """A person has entered these in the product.

        :param external_ids: ``{message id: id in the product}``; what is created there needs one.
        :raise UserError: an id is missing or taken, or a message changed meanwhile.
        """
        stream = self.stream_id
        stream.ensure_one()
        self._require_sender(stream)
        system, entity = stream.system_id, stream.entity_id
        ids = {}
        for message in self:
            given = external_ids.get(message.id) or message.external_id
            if not given:
                raise UserError(
                    self.env._(
                        "Which id did %s get in the product? Without it, it would be made again.",
                        message.display_name or message.id,
                    )
                )
            ids[message.id] = self.env["hub.link"]._checked_id(given)
        self._refuse_taken(system, entity, ids)
        self.env.cr.execute(
            """
            UPDATE hub_message m
               SET state = 'done', reason = 'sent_by_hand', params = %s, external_id = u.external_id,
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
              FROM unnest(%s::int[], %s::varchar[]) u(id, external_id)
             WHERE m.id = u.id AND m.direction = 'out' AND m.state = ANY(%s)
               AND NOT coalesce(m.maybe_sent, FALSE)
            RETURNING m.id
            """,
            [
                json.dumps({"who": self.env.user.name}),
                list(ids),
                list(ids.values()),
                list(SENDABLE),
            ],
        )
        if self.env.cr.rowcount < len(ids):
            raise UserError(
                self.env._("Some of these were replaced or sent meanwhile. Export again.")
            )
        self._link_sent(system, entity, ids)
        self.env["hub.exception"]._close(self.env.cr, list(ids), "sent_by_hand")
        self.env["hub.audit"]._append(
            [
                {
                    "action": "sent_by_hand",
                    "system_id": system.id,
                    "message_id": message.id,
                    "company_id": message.company_id.id or None,
                    "res_model": message.res_model,
                    "res_id": message.res_id,
                    "values": {"external_id": ids[message.id]},
                }
                for message in self
            ]
        )
        self.invalidate_recordset()
        self.env["hub.engine"]._wake_after_commit()

    def _refuse_taken(self, system, entity, ids):
        """An id that is another record's already would join two records."""
        records = {ids[message.id]: (message.res_model, message.res_id) for message in self}
        if len(records) < len(ids):
            raise UserError(self.env._("Two of these have the same id."))
        # With sudo: a link that the user cannot see is taken nevertheless; only its id is told.
        links = (
            self.env["hub.link"]
            .sudo()
            .search(
                [
                    ("system_id", "=", system.id),
                    ("entity_id", "=", entity.id),
                    ("external_id", "in", list(records)),
                ]
            )
        )
        for link in links:
            if (link.res_model, link.res_id) != records[link.external_id]:
                raise UserError(
                    self.env._("%s is the id of another record already.", link.external_id)
                )

    def _link_sent(self, system, entity, ids):
        """Links carry what was sent, so that the same values do not go out again."""
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {
                    "system_id": system.id,
                    "entity_id": entity.id,
                    "entity": entity.code,
                    "external_id": ids[message.id],
                    "company_id": message.company_id.id or None,
                    "res_model": message.res_model,
                    "res_id": message.res_id,
                }
                for message in self
            ],
        )
        self.env.cr.execute(
            """
            UPDATE hub_link l SET sent = coalesce(l.sent, '{}'::jsonb) || convert_from(q.body, 'UTF8')::jsonb
              FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id
             WHERE m.id = ANY(%s) AND l.system_id = m.system_id AND l.entity_id = m.entity_id
               AND l.external_id = m.external_id
            """,
            [list(ids)],
        )
        self.env["hub.link"]._offered(self.env.cr, ids)
        keys = [order_key(system.id, entity.code, key) for key in ids.values()]
        self.env.cr.execute(
            """UPDATE hub_message
                  SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE state = 'waiting' AND wait_key = ANY(%s)""",
            [keys],
        )


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        who = (params or {}).get("who", "")
        return super()._known(params) | {
            "sent_by_hand": (self.env._("Entered in the product by hand by %s.", who), ""),
        }
