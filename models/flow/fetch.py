import json
from collections import defaultdict
from datetime import datetime

from odoo import models
from odoo.exceptions import UserError

from ...connectors.errors import ConnectorError
from ...core import retry
from ...core.keys import digest
from ...core.problem import Problem
from .cursors import short_cursor

LEASE = 120
MAX_IDS = 100


class HubFetch(models.AbstractModel):
    """Fetch: thin notices become full records. No business transaction is open meanwhile."""

    _name = "hub.fetch"
    _description = "Fetch Records"

    def _lease(self):
        """Take the notices of one system and entity, the most urgent lane first.

        A lease that lapses (its worker died) is simply taken again: reading twice does no harm.
        """
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                WITH head AS (
                    SELECT m.system_id, m.entity_id, m.lane FROM hub_message m
                      JOIN hub_system y ON y.id = m.system_id
                      LEFT JOIN hub_stream s ON s.id = m.stream_id
                      LEFT JOIN hub_process p ON p.id = s.process_id
                      LEFT JOIN hub_circuit k ON k.system_id = y.id
                     WHERE m.state = 'received' AND m.next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                       AND y.state = 'connected' AND NOT coalesce(y.paused OR s.paused OR p.paused, FALSE)
                       AND NOT coalesce(k.state = 'open' AND k.retry_at > clock_timestamp() AT TIME ZONE 'UTC', FALSE)
                     ORDER BY m.lane, m.next_attempt_at LIMIT 1
                ), due AS (
                    SELECT m.id FROM hub_message m JOIN head h USING (system_id, entity_id)
                     WHERE m.state = 'received' AND m.next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                     ORDER BY m.lane, m.id LIMIT %s FOR NO KEY UPDATE OF m SKIP LOCKED
                )
                UPDATE hub_message m
                   SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                  FROM due WHERE m.id = due.id
                RETURNING m.id, m.system_id, m.entity_id, m.stream_id, m.external_id, m.order_key, m.attempts, m.version,
                          m.company_id
                """,
                [MAX_IDS, LEASE],
            )
            return cr.dictfetchall()

    def _slice(self):
        """Fetch one batch.

        :return: number of notices handled.
        """
        rows = self._lease()
        if not rows:
            return 0
        system = self.env["hub.system"].browse(rows[0]["system_id"])
        entity = self.env["hub.entity"].browse(rows[0]["entity_id"])
        by_id = defaultdict(list)
        for row in rows:
            by_id[row["external_id"]].append(row)
        try:
            records = system._connector().fetch(entity.code, sorted(by_id))
        except (ConnectorError, UserError) as error:
            self._failed(system, entity, rows, error)
            return len(rows)
        self._store(system, entity, by_id, records)
        self.env["hub.circuit"]._reset(system.id)
        return len(rows)

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
                        SELECT * FROM unnest(%s::int[], %s::varchar[], %s::timestamp[], %s::bytea[], %s::varchar[], %s::varchar[],
                                             %s::varchar[]) u(id, version, changed_at, payload, digest, action, merged_into)
                    ), body AS (
                        INSERT INTO hub_payload (system_id, digest, body) SELECT %s, digest, payload FROM u RETURNING id, digest
                    )
                    UPDATE hub_message m
                       SET state = 'pending', payload_id = (SELECT min(body.id) FROM body WHERE body.digest = u.digest),
                           version = coalesce(u.version, m.version), changed_at = coalesce(u.changed_at, m.changed_at),
                           kind = CASE WHEN u.action = 'change' THEN 'snapshot' ELSE 'event' END, action = u.action,
                           merged_into = u.merged_into, next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC', attempts = 0
                      FROM u WHERE m.id = u.id AND m.state = 'received'
                    """,
                    [*map(list, zip(*payloads, strict=True)), system.id],
                )
            if superseded:
                cr.execute(
                    """UPDATE hub_message SET state = 'skipped', reason = 'superseded', done_at = clock_timestamp() AT TIME ZONE 'UTC'
                        WHERE id = ANY(%s) AND state = 'received'""",
                    [superseded],
                )
            for row in missing:
                self._fail(
                    cr,
                    system,
                    row,
                    Problem(
                        "not_found_at_source",
                        kind="reference",
                        cause=row["external_id"],
                        entity=entity.name,
                        id=row["external_id"],
                        system=system.name,
                    ),
                )
        if missing:
            self.env["hub.issue"]._refresh()

    def _failed(self, system, entity, rows, error):
        kind = getattr(error, "kind", "sign_in")
        now = datetime.utcnow()
        with short_cursor(self.env) as cr:
            for row in rows:
                # A fault of the system is not the message's: it keeps its tries.
                attempts = row["attempts"] + (kind not in ("sign_in", "permission", "connection"))
                if kind in ("sign_in", "permission", "schema"):
                    wait = 60.0
                else:
                    decision = retry.decide(
                        kind, max(attempts, 1), now, retry_after=getattr(error, "retry_after", None)
                    )
                    if decision.retry_at is None:
                        self._fail(
                            cr,
                            system,
                            row,
                            Problem(
                                f"error_{kind}",
                                kind=kind,
                                cause=getattr(error, "code", ""),
                                code=getattr(error, "code", ""),
                                status=getattr(error, "status", None),
                            ),
                        )
                        continue
                    wait = (decision.retry_at - now).total_seconds()
                cr.execute(
                    """UPDATE hub_message SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second',
                              attempts = %s, reason = %s, params = %s WHERE id = %s AND state = 'received'""",
                    [
                        wait,
                        attempts,
                        f"error_{kind}",
                        json.dumps({"status": getattr(error, "status", None)}),
                        row["id"],
                    ],
                )
            cr.execute(
                """INSERT INTO hub_attempt (message_id, stage, at, outcome, params)
                   SELECT id, 'fetch', clock_timestamp() AT TIME ZONE 'UTC', %s, %s FROM unnest(%s::int[]) id""",
                [
                    f"error_{kind}",
                    json.dumps({"status": getattr(error, "status", None)}),
                    [row["id"] for row in rows],
                ],
            )
        self.env["hub.outage"]._report(system, kind)

    def _fail(self, cr, system, row, problem):
        cr.execute(
            """UPDATE hub_message SET state = 'failed', reason = %s, params = %s, done_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE id = %s AND state = 'received'""",
            [problem.code, json.dumps(problem.params), row["id"]],
        )
        stream = self.env["hub.stream"].browse(row["stream_id"] or ())
        self.env["hub.exception"]._open(
            cr,
            [
                self.env["hub.apply"]._exception_row(
                    row,
                    problem,
                    process_id=stream.process_id.id or None,
                    owner_id=system.owner_id.id,
                )
            ],
        )
