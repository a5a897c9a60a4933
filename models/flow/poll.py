import hashlib
import json
import logging
from datetime import datetime, timezone

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...connectors.errors import ConnectorError
from ...connectors.parts import Page
from ...core import retry
from ...core.keys import digest
from .circuit import callable_at
from .cursors import short_cursor
from .due import NOW
from .fault import unforeseen
from .receive import Incoming

_logger = logging.getLogger(__name__)

LEASE = 180


class HubPoll(models.AbstractModel):
    """Poll: changes since the cursor, page by page; the page and the new cursor are one commit."""

    _name = "hub.poll"
    _description = "Poll Streams"

    def _lease(self):
        """Take the stream that has been due longest.

        :return: ``(stream id, position, failures, leave to call)`` or None.
        """
        with short_cursor(self.env) as cr:
            cr.execute(
                SQL(
                    """
                UPDATE hub_cursor SET lease_until = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                 WHERE id = (
                       SELECT c.id FROM hub_cursor c
                         JOIN hub_stream s ON s.id = c.stream_id
                         JOIN hub_system y ON y.id = s.system_id
                         JOIN hub_process p ON p.id = s.process_id
                         JOIN hub_entity e ON e.id = s.entity_id
                         JOIN hub_lane n ON n.id = s.lane_id AND NOT coalesce(n.closed, FALSE)
                         LEFT JOIN hub_circuit k ON k.system_id = y.id
                        WHERE s.active AND s.poll AND s.direction = 'in'
                          AND y.active AND y.state = 'connected' AND p.active
                          AND NOT coalesce(s.paused OR y.paused OR p.paused, FALSE)
                          AND c.next_poll_at <= clock_timestamp() AT TIME ZONE 'UTC'
                          AND coalesce(c.lease_until, '-infinity') <= clock_timestamp() AT TIME ZONE 'UTC'
                          AND %s
                        ORDER BY c.next_poll_at, e.sequence LIMIT 1
                          FOR NO KEY UPDATE OF c SKIP LOCKED)
                RETURNING stream_id, position, failures,
                          (SELECT system_id FROM hub_stream WHERE id = stream_id)
                """,
                    LEASE,
                    callable_at(NOW),
                )
            )
            row = cr.fetchone()
            if not row:
                return None
            leave = self.env["hub.circuit"]._admit(cr, row[3])
            leave = self.env["hub.place"]._take(cr, leave)
            if not leave:
                cr.rollback()
                return None
            return (*row[:3], leave)

    def _slice(self):
        """Read one page of one due stream.

        :return: whether there was a stream to read.
        """
        leased = self._lease()
        if not leased:
            return False
        stream_id, position, failures, leave = leased
        stream = self.env["hub.stream"].browse(stream_id)
        system = stream.system_id
        try:
            with self.env["hub.place"]._calls(leave):
                page = self._page(system._connector(), stream.entity_id.code, position or {})
        except (ConnectorError, UserError) as error:
            self._failed(stream, failures or 0, error, leave)
            return True
        except Exception as error:
            self._failed(stream, failures or 0, unforeseen(error), leave)
            return True
        incoming = self._incoming(system, stream.entity_id, page.records)
        # The first time all is read: the live traffic of others goes before it.
        lane = None if (position or {}).get("phase") else self.env["hub.lane"]._of_first_loads()
        with short_cursor(self.env) as cr:
            new = self.env["hub.receive"]._store(
                cr, system.id, system.account_ref or "", incoming, lane=lane
            )
            cr.execute(
                """
                UPDATE hub_cursor
                   SET position = %s, lease_until = NULL, failures = 0, last_error = NULL,
                       empty_runs = CASE WHEN %s > 0 THEN 0 WHEN %s THEN empty_runs
                                         ELSE coalesce(empty_runs, 0) + 1 END,
                       last_success_at = clock_timestamp() AT TIME ZONE 'UTC',
                       next_poll_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                 WHERE stream_id = %s
                """,
                [
                    json.dumps(page.cursor),
                    new,
                    page.more,
                    0 if page.more else stream.interval,
                    stream_id,
                ],
            )
        self.env["hub.outage"]._works(system, leave, stream.entity_id)
        return True

    def _incoming(self, system, entity, records):
        """What is stored of records that were read, those left out that brought nothing new.

        :return: list of :class:`~.receive.Incoming`
        """
        return [
            Incoming(
                record.entity,
                record.external_id,
                # Versions have whole seconds in some products, and associations change without one.
                f"{record.entity}:{record.external_id}:{record.version}:{hashlib.sha256(record.payload).hexdigest()}{after}".encode(),
                "event" if record.deleted or record.merged_into else "snapshot",
                "merge" if record.merged_into else "delete" if record.deleted else "change",
                record.changed_at,
                record.version,
                record.payload,
                None,
                record.merged_into,
            )
            for record, after in self._new(system, entity, records)
        ]

    def _new(self, system, entity, records):
        """The records to take, each with what its key needs to be its own.

        Of a source that tells no version a record is new if it is not what was received last: one that
        changes and changes back would else be taken for its own first state, for good.

        :return: ``(record, suffix of the key)`` pairs.
        """
        bare = [record for record in records if record.version is None and not record.deleted]
        if not bare:
            return [(record, "") for record in records]
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                SELECT DISTINCT ON (m.external_id) m.external_id, m.id, p.digest
                  FROM hub_message m LEFT JOIN hub_payload p ON p.id = m.payload_id
                 WHERE m.external_id = ANY(%s) AND m.system_id = %s AND m.entity_id = %s
                   AND m.direction = 'in'
                 ORDER BY m.external_id, m.id DESC
                """,
                [[record.external_id for record in bare], system.id, entity.id],
            )
            last = {key: (number, body) for key, number, body in cr.fetchall()}
        taken = []
        for record in records:
            number, body = last.get(record.external_id, (None, None))
            if record.version is not None or record.deleted or number is None:
                taken.append((record, ""))
            elif body != digest(record.payload.decode("utf-8", "replace")):
                taken.append((record, f":{number}"))
        return taken

    def _page(self, connector, entity, position):
        """The next page: changes first, then what the source lists as deleted.

        ``position`` is ``{"changes": cursor, "deleted": cursor, "phase": "changes" | "deleted"}``.
        """
        now = datetime.now(timezone.utc)
        position = dict(position)
        if position.get("phase") != "deleted":
            page = connector.poll(entity, position.get("changes") or {}, now)
            position["changes"] = page.cursor
            if not page.more:
                position["phase"] = "deleted"
            return Page(page.records, position, True)
        page = connector.poll_deleted(entity, position.get("deleted") or {}, now)
        if page.cursor.get("resync"):
            # What is unchanged was seen before, and is not stored again.
            position.pop("changes", None)
        position["deleted"] = {key: page.cursor[key] for key in page.cursor if key != "resync"}
        if not page.more:
            position["phase"] = "changes"
        return Page(page.records, position, page.more)

    def _failed(self, stream, failures, error, leave):
        kind = getattr(error, "kind", "sign_in")
        decision = retry.decide(
            # Whatever went wrong, a poll goes on: it is for no message that could be given up.
            kind if kind in ("rate", "product_down") else "connection",
            min(failures + 1, 8),
            datetime.utcnow(),
            policy=retry.Policy(stream.retry_base, stream.retry_cap),
            reading=True,
            retry_after=getattr(error, "retry_after", None),
        )
        seconds = max(1.0, (decision.retry_at - datetime.utcnow()).total_seconds())
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_cursor SET lease_until = NULL, failures = failures + 1, last_error = %s,
                          next_poll_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                    WHERE stream_id = %s""",
                [kind, seconds, stream.id],
            )
        self.env["hub.outage"]._report(stream.system_id, error, leave, stream.entity_id, poll=True)
