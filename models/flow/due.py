"""Whose messages are read or sent next. Work is looked for by stream and lane: what may not be called now
(paused, signed out, an open circuit, a closed lane) is not walked over, however much of it waits."""

import time

from odoo.tools import SQL

from .circuit import callable_at

NOW = SQL("(statement_timestamp() AT TIME ZONE 'UTC')")

TO_READ = SQL("m.state = 'received'")
# One that waits for an earlier one of its record must not hold up all others.
TO_SEND = SQL(
    """m.direction = 'out' AND m.state IN ('pending', 'sending') AND NOT EXISTS (
           SELECT 1 FROM hub_message e
            WHERE e.order_key = m.order_key AND e.direction = 'out' AND e.id <> m.id
              AND (e.state = 'sending' OR e.state = 'pending' AND e.id < m.id))"""
)

_turns = {}  # of this process: when each stream was served last


def heads(what, at=NOW):
    """The first message of each stream in each lane that is due and may be called about.

    :param what: :data:`TO_READ` or :data:`TO_SEND`; :param at: due at this time (SQL)
    :return: a query with the columns priority, lane, system_id, stream_id (0: of a stream that is gone),
        entity_id, next_attempt_at, known (whether anything is known of how quick it is)
    """
    return SQL(
        """
        SELECT n.priority, n.number AS lane, y.id AS system_id, s.id AS stream_id,
               head.entity_id, head.next_attempt_at, k.quick_from IS NOT NULL AS known
          FROM hub_system y
          LEFT JOIN hub_circuit k ON k.system_id = y.id
         CROSS JOIN LATERAL (
               SELECT t.id FROM hub_stream t LEFT JOIN hub_process p ON p.id = t.process_id
                WHERE t.system_id = y.id AND NOT coalesce(t.paused OR p.paused, FALSE)
                UNION ALL SELECT 0) s
          JOIN hub_lane n ON NOT coalesce(n.closed, FALSE)
         CROSS JOIN LATERAL (
               SELECT m.entity_id, m.next_attempt_at FROM hub_message m
                WHERE %(due)s
                ORDER BY m.next_attempt_at, m.id LIMIT 1) head
         WHERE y.active AND y.state = 'connected' AND NOT coalesce(y.paused, FALSE)
           AND %(callable)s
        """,
        due=due(what, SQL("y.id"), SQL("s.id"), SQL("n.number"), at),
        callable=callable_at(at),
    )


def due(what, system, stream, lane, at=NOW):
    """Condition on messages ``m`` of one stream in one lane; its order is ``m.next_attempt_at, m.id``."""
    return SQL(
        """%s AND m.system_id = %s AND coalesce(m.stream_id, 0) = %s AND m.lane = %s
           AND m.next_attempt_at <= %s""",
        what,
        system,
        stream,
        lane,
        at,
    )


def next_head(cr, what):
    """The head that is served next: of the most urgent lane; there, a system that was never called first (it may
    be quick, and would else stand behind all that waits for slow ones), then the stream that this process served
    longest ago: what an outage of one has left is no queue for the others.

    :return: ``(system id, stream id or 0, lane, entity id)``, or None
    """
    cr.execute(
        SQL(
            """SELECT priority, lane, known, system_id, stream_id, entity_id FROM (%s) head
                ORDER BY priority, lane, known, next_attempt_at""",
            heads(what),
        )
    )
    rows = cr.fetchall()
    if not rows:
        return None
    alike = [row[3:] for row in rows if row[:3] == rows[0][:3]]
    turns = _turns.setdefault((cr.dbname, what is TO_READ), {})
    system, stream, entity = min(alike, key=lambda head: turns.get(head[:2], 0.0))
    turns[system, stream] = time.monotonic()
    return system, stream, rows[0][1], entity
