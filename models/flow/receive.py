import logging
from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from ...core.keys import digest, event_key, order_key
from .cursors import short_cursor

_logger = logging.getLogger(__name__)


class Incoming(NamedTuple):
    """One thing to store: from a webhook (notice) or a poll (record)."""

    entity: str
    external_id: str
    provider_key: bytes
    kind: str
    action: str
    changed_at: object
    version: str | None
    payload: bytes
    reason: str | None = None
    merged_into: str | None = None


class HubReceive(models.AbstractModel):
    """Receive: what came in is stored once, whatever is delivered again."""

    _name = "hub.receive"
    _description = "Receive Messages"

    def _store(self, cr, system_id, account, incoming, *, lane=None, webhook=False):
        """Store new messages with their payloads in one statement.

        :param cr: a READ COMMITTED cursor, so that a duplicate committed a moment ago is seen.
        :param incoming: list of :class:`Incoming`.
        :param lane: overrides the lanes of the streams.
        :param webhook: take the lane that each stream has for its webhooks.
        :return: number of new messages; the others were received before.
        """
        rows = {}
        for one in incoming:
            key = event_key(system_id, account, one.provider_key)
            rows[key] = (
                key,
                one.entity,
                str(one.external_id),
                order_key(system_id, one.entity, one.external_id),
                one.kind,
                one.action,
                one.changed_at.replace(tzinfo=None) if one.changed_at else None,
                one.version,
                one.payload,
                digest(one.payload.decode("utf-8", "replace")),
                one.reason,
                one.merged_into,
                len(rows),
            )
        if not rows:
            return 0
        # Keys in one order everywhere: two deliveries with the same events cannot deadlock.
        columns = [
            list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)
        ]
        cr.execute(
            """
            WITH u AS (
                SELECT * FROM unnest(
                    %(key)s::bytea[], %(entity)s::varchar[], %(external)s::varchar[],
                    %(order)s::bigint[], %(kind)s::varchar[], %(action)s::varchar[],
                    %(changed)s::timestamp[], %(version)s::varchar[], %(payload)s::bytea[],
                    %(digest)s::varchar[], %(reason)s::varchar[], %(merged)s::varchar[],
                    %(place)s::int[]
                ) u(key, entity, external_id, order_key, kind, action,
                    changed_at, version, payload, digest, reason, merged_into, place)
            ), fresh AS (
                INSERT INTO hub_seen (system_id, key)
                SELECT %(system)s, key FROM u ON CONFLICT DO NOTHING RETURNING key
            ), body AS (
                INSERT INTO hub_payload (system_id, digest, body)
                SELECT %(system)s, u.digest, u.payload FROM u JOIN fresh USING (key)
                RETURNING id, digest
            )
            INSERT INTO hub_message (
                system_id, stream_id, entity_id, external_id, order_key, part, lane, direction,
                kind, action, changed_at, version, payload_id, state, reason, params, merged_into,
                done_at)
            SELECT %(system)s, s.id, e.id, u.external_id, u.order_key, (u.order_key & 63)::smallint,
                   coalesce(%(lane)s, CASE WHEN %(webhook)s THEN s.webhook_lane ELSE s.lane END, 1),
                   'in', u.kind, u.action,
                   u.changed_at, u.version,
                   (SELECT min(body.id) FROM body WHERE body.digest = u.digest),
                   CASE WHEN u.action = 'ignored' OR s.id IS NULL THEN 'skipped'
                        WHEN u.kind = 'notice' THEN 'received' ELSE 'pending' END,
                   CASE WHEN u.action = 'ignored' THEN 'ignored_event'
                        WHEN s.id IS NULL THEN 'no_stream' END,
                   CASE WHEN u.action = 'ignored' THEN jsonb_build_object('type', u.reason) END,
                   u.merged_into,
                   CASE WHEN u.action = 'ignored' OR s.id IS NULL
                        THEN clock_timestamp() AT TIME ZONE 'UTC' END
              FROM u JOIN fresh USING (key)
              LEFT JOIN hub_entity e ON e.code = u.entity
              LEFT JOIN hub_stream s ON s.system_id = %(system)s AND s.entity_id = e.id
                                    AND s.direction = 'in' AND s.active
             ORDER BY u.place  -- ids say in which order they arrived
            """,
            {
                "system": system_id,
                "lane": lane,
                "webhook": webhook,
                "key": columns[0],
                "entity": columns[1],
                "external": columns[2],
                "order": columns[3],
                "kind": columns[4],
                "action": columns[5],
                "changed": columns[6],
                "version": columns[7],
                "payload": columns[8],
                "digest": columns[9],
                "reason": columns[10],
                "merged": columns[11],
                "place": columns[12],
            },
            # A conflict would otherwise write the whole payload into the log.
            log_exceptions=False,
        )
        return cr.rowcount

    def _receive(self, system_id, account, notices):
        """Store the notices of one webhook, in a transaction of its own, and wake a drainer."""
        incoming = [
            Incoming(
                n.entity,
                n.external_id,
                n.event_key,
                n.kind,
                n.action,
                n.changed_at,
                n.version,
                n.payload,
                n.reason or None,
                n.merged_into,
            )
            for n in notices
        ]
        with short_cursor(self.env) as cr:
            count = self._store(cr, system_id, account, incoming, webhook=True)
        if count:
            self.env["hub.engine"]._wake()
        return count

    def _find(self, token):
        """The system behind a webhook address, in the one query that a door may make.

        :return: ``hub.system`` record (superuser: a door has no user; only its own fields are read), or
            an empty recordset.
        """
        self.env.cr.execute(
            SQL("SELECT id FROM hub_system WHERE webhook_token = %s AND active", token)
        )
        found = self.env.cr.fetchone()
        return self.env["hub.system"].sudo().browse(found[0] if found else ())
