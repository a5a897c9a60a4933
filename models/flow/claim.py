from collections import Counter

from odoo import models
from odoo.tools import SQL

from ...core import order
from .lane import PARTS
from .low_water import claimed, low_water

# While a message with crashes is in a claim, the batch shrinks until the guilty one stands alone.
CRASHED_BATCH = {1: 32, 2: 8}
CRASHES_UNTIL_DEAD = 3
# Questions which record of Odoo an external id means.
IDENTITY = ("possible_duplicate", "ambiguous_match")

_COLUMNS = (
    "id, system_id, stream_id, entity_id, external_id, order_key, kind, action, version, changed_at, "
    "payload_id, attempts, crashes, decision, merged_into, lane, reason, params"
)


class HubClaim(models.AbstractModel):
    """Which messages a worker may apply now (facts "Claim": partition lock + lateral)."""

    _name = "hub.claim"
    _description = "Claim of Messages"

    def _paused_streams(self, cr):
        """Streams whose messages are not applied: until a person resumes them, or sets them live."""
        cr.execute(
            """
            SELECT s.id FROM hub_stream s
              JOIN hub_process p ON p.id = s.process_id
              LEFT JOIN hub_system y ON y.id = s.system_id
             WHERE s.paused OR p.paused OR y.paused
                OR p.mode = 'shadow' AND s.direction = 'in'  -- see hub.shadow
            """
        )
        return sorted(row[0] for row in cr.fetchall())

    def _lock_parts(self, cr, lane):
        """Lock partitions of a lane that have work, until their messages are applied, and one of the
        places that its workers have.

        :param cr: a READ COMMITTED cursor of its own.
        """
        paused = self._paused_streams(cr)
        cr.execute(
            SQL(
                """
            SELECT l.part FROM hub_lane_part l CROSS JOIN LATERAL (
                   SELECT m.id FROM hub_message m
                    WHERE m.state = 'pending' AND m.direction = 'in' AND m.lane = l.lane AND m.part = l.part
                      AND m.next_attempt_at >= %(low_water)s
                      AND m.next_attempt_at <= statement_timestamp() AT TIME ZONE 'UTC'
                      AND NOT coalesce(m.stream_id = ANY(%(paused)s), FALSE)
                    ORDER BY m.next_attempt_at LIMIT 1) due
             WHERE l.lane = %(lane)s AND l.part >= 0
             ORDER BY random()
             LIMIT (SELECT ceil(%(parts)s::float / workers) FROM hub_lane WHERE number = %(lane)s)
               FOR NO KEY UPDATE OF l SKIP LOCKED
            """,
                lane=lane,
                paused=paused,
                low_water=low_water("l", paused),
                parts=PARTS,
            )
        )
        parts = [row[0] for row in cr.fetchall()]
        if parts:
            cr.execute(
                """
                SELECT 1 FROM hub_lane_part
                 WHERE lane = %(lane)s AND part BETWEEN
                       -(SELECT workers FROM hub_lane WHERE number = %(lane)s) AND -1
                 LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
                """,
                {"lane": lane},
            )
        return parts if parts and cr.rowcount else []

    def _bury(self, cr, lane, parts):
        """A run left behind by a dead worker: count it against its messages.

        A restart of Odoo leaves runs behind too, so only one that died alone is given up.

        :return: ids of the messages that are given up, or None if no run was left behind.
        """
        cr.execute(
            "DELETE FROM hub_run WHERE lane = %s AND parts && %s::smallint[] RETURNING message_ids",
            [lane, parts],
        )
        runs = [row[0] for row in cr.fetchall() if row[0]]
        if not runs:
            return None
        found = [message for run in runs for message in run]
        alone = {run[0] for run in runs if len(run) == 1}
        cr.execute(
            """
            UPDATE hub_message SET crashes = crashes + 1, reason = 'kills_worker'
             WHERE id = ANY(%s) AND state = 'pending' RETURNING id, crashes
            """,
            [found],
        )
        return [
            message
            for message, crashes in cr.fetchall()
            if crashes >= CRASHES_UNTIL_DEAD and message in alone
        ]

    def _read(self, cr, message_ids):
        """Messages as :meth:`_claim` gives them, whatever their state, tried for the first time; nothing
        is locked."""
        cr.execute(
            f"""
            SELECT c.*, q.digest AS payload_digest, FALSE AS blocked
              FROM (SELECT {_COLUMNS} FROM hub_message WHERE id = ANY(%s)) c
              LEFT JOIN hub_payload q ON q.id = c.payload_id
             ORDER BY c.id
            """,
            [list(message_ids)],
        )
        return [
            row | {"attempts": 0, "crashes": 0, "reason": None, "params": None}
            for row in cr.dictfetchall()
        ]

    def _claim(self, cr, lane, parts, limit):
        """Lock and read messages that are due, with what blocks them.

        A record (full snapshot) is blocked only by an earlier open event of the same record; an event
        by anything earlier that is open, but a merge not by the question which record its id means. Where
        one of two snapshots has no version, arrival alone says which is newer: then the later one is blocked
        as long as the earlier one is to be tried again.

        :return: list of dicts in the order of arrival.
        """
        # By the index of what is ready, part by part: while statistics are older than a flood of messages
        # the planner would rather read the index of all that is open, once for each part.
        cr.execute("SET LOCAL enable_bitmapscan = off")
        paused = self._paused_streams(cr)
        cr.execute(
            SQL(
                """
            WITH c AS MATERIALIZED (
                SELECT x.* FROM hub_lane_part l
                 CROSS JOIN LATERAL (
                       SELECT %(columns)s, part FROM hub_message
                        WHERE state = 'pending' AND direction = 'in' AND lane = l.lane AND part = l.part
                          AND next_attempt_at >= %(low_water)s
                          AND next_attempt_at <= statement_timestamp() AT TIME ZONE 'UTC'
                          AND NOT coalesce(stream_id = ANY(%(paused)s), FALSE)
                        ORDER BY next_attempt_at, id LIMIT %(limit)s
                          FOR NO KEY UPDATE SKIP LOCKED) x
                 WHERE l.lane = %(lane)s AND l.part = ANY(%(parts)s::int[]))
            SELECT c.*, q.digest AS payload_digest,
                   EXISTS (SELECT 1 FROM hub_message e
                            WHERE e.order_key = c.order_key AND e.id < c.id AND e.direction = 'in'
                              AND e.state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')
                              AND (e.kind = 'event' OR c.kind = 'event'
                                   OR (e.version IS NULL OR c.version IS NULL)
                                      AND (e.state = 'pending'
                                           OR e.state = 'waiting' AND e.reason = 'waits_for_earlier'))
                              -- a merge answers the question which record its id means
                              AND NOT (c.action = 'merge' AND e.kind <> 'event' AND e.state = 'failed'
                                       AND e.reason = ANY(%(identity)s))
                              AND e.id NOT IN (SELECT id FROM c)) AS blocked
              FROM c LEFT JOIN hub_payload q ON q.id = c.payload_id
             ORDER BY c.id
            """,
                columns=SQL(_COLUMNS),
                low_water=low_water("l", paused),
                paused=paused,
                identity=list(IDENTITY),
                limit=max(1, -(-limit // len(parts))),
                lane=lane,
                parts=parts,
            ),
            log_exceptions=False,
        )
        rows = cr.dictfetchall()
        cr.execute("SET LOCAL enable_bitmapscan = on")
        claimed(cr.dbname, lane, Counter(row.pop("part") for row in rows))
        most = max((row["crashes"] for row in rows), default=0)
        if most > max(CRASHED_BATCH):
            return order.alone(rows, next(row for row in rows if row["crashes"] == most))
        return rows[: CRASHED_BATCH.get(most, len(rows))]
