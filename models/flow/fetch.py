import json
from collections import defaultdict

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...connectors.errors import ConnectorError
from ...core.keys import digest
from ...core.problem import Problem
from .cursors import short_cursor
from .due import TO_READ, due, next_head
from .fault import Fault
from .reading import Reading

LEASE = 45  # seconds; a lapsed one is taken again, and reading twice does no harm
MAX_IDS = 100  # of one slice; more where the product reads more in a call
LOOK = 10  # notices that are looked through for each record that is read
SECONDS = 1.0  # of reading in one slice, call after call


class HubFetch(models.AbstractModel):
    """Fetch: thin notices become full records. No business transaction is open meanwhile."""

    _name = "hub.fetch"
    _description = "Fetch Records"

    def _lease(self):
        """Take the notices of one stream, of the most urgent lane: all that there are of each record, due or
        not, as one reading answers them. After an outage most of what waits is about the same records.

        A lease that lapses (its worker died) is simply taken again: reading twice does no harm.

        :return: ``(rows, leave to call)``; no rows if there is nothing to read.
        """
        with short_cursor(self.env) as cr:
            head = next_head(cr, TO_READ)
            leave = head and self.env["hub.circuit"]._admit(cr, head[0])
            leave = self.env["hub.place"]._take(cr, leave)
            if not leave:
                cr.rollback()
                return [], None
            system, stream, lane, entity = head
            most = 1 if leave.probing else self._most(system)
            cr.execute(
                SQL(
                    """
                WITH due AS (
                    SELECT m.order_key, m.next_attempt_at FROM hub_message m
                     WHERE %(due)s AND m.entity_id = %(entity)s
                     ORDER BY m.next_attempt_at, m.id LIMIT %(looked)s
                ), records AS (
                    SELECT order_key FROM due GROUP BY order_key ORDER BY min(next_attempt_at) LIMIT %(most)s
                ), notices AS (
                    SELECT m.id FROM records r JOIN hub_message m ON m.order_key = r.order_key
                     WHERE m.state = 'received' AND m.entity_id = %(entity)s AND m.lane = %(lane)s
                       AND coalesce(m.stream_id, 0) = %(stream)s
                       FOR NO KEY UPDATE OF m SKIP LOCKED
                )
                UPDATE hub_message m
                   SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second'
                  FROM notices WHERE m.id = notices.id
                RETURNING m.id, m.system_id, m.entity_id, m.stream_id, m.external_id, m.order_key,
                          m.attempts, m.version, m.company_id, m.lane
                """,
                    due=due(TO_READ, system, stream, lane),
                    entity=entity,
                    lane=lane,
                    stream=stream,
                    most=most,
                    looked=LOOK * most,
                    lease=LEASE,
                )
            )
            rows = cr.dictfetchall()
            if not rows:
                cr.rollback()  # others took them: the trial is not used up
            return rows, leave

    def _most(self, system_id):
        """How many records one slice reads: no call of the product stays half empty."""
        size = self.env["hub.system"].browse(system_id)._connector_class().batch_read
        return max(MAX_IDS, size)

    def _slice(self):
        """Fetch one batch.

        :return: number of notices handled.
        """
        rows, leave = self._lease()
        if not rows:
            return 0
        with self.env["hub.place"]._calls(leave):
            self._read(rows, leave)
        return len(rows)

    def _read(self, rows, leave):
        """Read what was leased, call after call, and store it."""
        system = self.env["hub.system"].browse(rows[0]["system_id"])
        entity = self.env["hub.entity"].browse(rows[0]["entity_id"])
        by_id = defaultdict(list)
        for row in sorted(rows, key=lambda row: (row["lane"], row["external_id"])):
            by_id[row["external_id"]].append(row)
        try:
            reading = Reading(
                system._connector(), entity.code, list(by_id), system._connector_class().batch_read
            )
        except (ConnectorError, UserError) as error:
            self._failed(system, entity, rows, error, leave)
            return
        for ids, records, error in reading.calls(SECONDS):
            part = {key: by_id[key] for key in ids}
            if error is None:
                # After each call: what was read is kept, whatever becomes of this worker.
                self._store(system, entity, part, records)
            else:
                self._failed(system, entity, part[ids[0]], error, leave)
        if reading.worked:
            self.env["hub.outage"]._works(system, leave, entity)
        left = [row for key in reading.left for row in by_id[key]]
        if reading.fault is not None:
            self._failed(system, entity, left, reading.fault, leave)
        else:
            self._release(left)

    def _release(self, rows):
        """The time was over before these were read: anyone may take them now."""
        if rows:
            with short_cursor(self.env) as cr:
                cr.execute(
                    """UPDATE hub_message SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                        WHERE id = ANY(%s) AND state = 'received'""",
                    [[row["id"] for row in rows]],
                )

    def _store(self, system, entity, by_id, records):
        """The newest notice of each record carries what was read; the older ones are superseded."""
        payloads, missing, superseded = [], [], []
        for external_id, rows in by_id.items():
            newest = max(rows, key=lambda row: row["id"])
            superseded += [row["id"] for row in rows if row is not newest]
            record = records.get(external_id)
            if record is None:
                missing.append(newest)
                continue
            action = "merge" if record.merged_into else "delete" if record.deleted else "change"
            payloads.append(
                (
                    newest["id"],
                    record.version,
                    record.changed_at.replace(tzinfo=None) if record.changed_at else None,
                    record.payload,
                    digest(record.payload.decode("utf-8", "replace")),
                    action,
                    record.merged_into,
                )
            )
        with short_cursor(self.env) as cr:
            if payloads:
                cr.execute(
                    """
                    WITH u AS (
                        SELECT * FROM unnest(
                            %s::int[], %s::varchar[], %s::timestamp[], %s::bytea[], %s::varchar[],
                            %s::varchar[], %s::varchar[]
                        ) u(id, version, changed_at, payload, digest, action, merged_into)
                    ), body AS (
                        -- a lapsed lease, or a person: bytes that no message names would stay for ever
                        INSERT INTO hub_payload (system_id, digest, body)
                        SELECT %s, u.digest, u.payload
                          FROM u JOIN hub_message m ON m.id = u.id AND m.state = 'received'
                        RETURNING id, digest
                    )
                    UPDATE hub_message m
                       SET state = 'pending', action = u.action, merged_into = u.merged_into,
                           payload_id = (SELECT min(body.id) FROM body WHERE body.digest = u.digest),
                           version = coalesce(u.version, m.version),
                           changed_at = coalesce(u.changed_at, m.changed_at),
                           kind = CASE WHEN u.action = 'change' THEN 'snapshot' ELSE 'event' END,
                           next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC', attempts = 0
                      FROM u WHERE m.id = u.id AND m.state = 'received'
                    """,
                    [*map(list, zip(*payloads, strict=True)), system.id],
                )
            if superseded:
                cr.execute(
                    """UPDATE hub_message
                          SET state = 'skipped', reason = 'superseded',
                              done_at = clock_timestamp() AT TIME ZONE 'UTC'
                        WHERE id = ANY(%s) AND state = 'received'""",
                    [superseded],
                )
                # What was parked behind them waits for nothing now.
                cr.execute(
                    """UPDATE hub_message
                          SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                        WHERE state = 'waiting' AND reason = 'waits_for_earlier' AND wait_key = ANY(%s)""",
                    [[row["order_key"] for rows in by_id.values() for row in rows]],
                )
                # A person may have replayed one whose exception is still open.
                self.env["hub.exception"]._close(cr, superseded, "superseded")
            self._not_found(cr, system, entity, missing)
        if missing or superseded:
            touched = [*superseded, *(row["id"] for row in missing)]
            self.env["hub.issue"]._refresh((touched, []))

    def _failed(self, system, entity, rows, error, leave):
        """The whole call failed: each notice is tried again, or goes to a person."""
        fault = error
        if not isinstance(error, ConnectorError):
            fault = ConnectorError("sign_in", "no_secret")
        with short_cursor(self.env) as cr:
            asked = self.env["hub.fault"]._settle(
                cr, system, "fetch", [Fault(row, fault) for row in rows]
            )
        self.env["hub.outage"]._report(system, error, leave, entity)
        if asked:
            self.env["hub.issue"]._refresh(([row["id"] for row in rows], []))

    def _not_found(self, cr, system, entity, rows):
        """Notices of records that the source does not have go to a person."""
        if not rows:
            return
        problems = {
            row["id"]: Problem(
                "not_found_at_source",
                kind="reference",
                cause=row["external_id"],
                entity=entity.name,
                id=row["external_id"],
                system=system.name,
            )
            for row in rows
        }
        cr.execute(
            """UPDATE hub_message m SET state = 'failed', reason = 'not_found_at_source',
                      params = u.params, done_at = clock_timestamp() AT TIME ZONE 'UTC'
                 FROM unnest(%s::int[], %s::jsonb[]) u(id, params)
                WHERE m.id = u.id AND m.state = 'received'""",
            [list(problems), [json.dumps(problem.params) for problem in problems.values()]],
        )
        streams = self.env["hub.stream"].browse({row["stream_id"] for row in rows} - {None})
        processes = {stream.id: stream.process_id.id for stream in streams}
        self.env["hub.exception"]._open(
            cr,
            [
                self.env["hub.apply"]._exception_row(
                    row,
                    problems[row["id"]],
                    process_id=processes.get(row["stream_id"]),
                    owner_id=system.owner_id.id or None,
                )
                for row in rows
            ],
        )
