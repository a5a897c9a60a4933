"""Low water: before this time nothing is pending in a partition any more.

What was applied leaves dead entries in the index of pending messages. As long as an old snapshot is open
somewhere (a dump, a report) PostgreSQL cannot remove them, and a claim that began at the oldest would
walk over all of them again and again (facts "Claim"). It begins at the low water instead.
"""

from odoo import models
from odoo.tools import SQL

from .cursors import short_cursor

RAISE_AFTER = 50  # messages claimed from a partition: so many dead entries a claim may walk over
RESCAN = (
    300  # seconds after which a partition is looked through from its beginning, for what came late
)
RESCAN_PARTS = 16  # of them at once

_claimed = {}  # of this process: messages claimed since the low water was raised, by database, lane, part


def low_water(part, paused):
    """Where a claim begins.

    It holds only as long as the streams are paused whose messages it passed over, and only if
    the clock was not set back.

    :param part: alias of ``hub_lane_part``; :param paused: ids of the streams that are paused now
    """
    return SQL(
        """(CASE WHEN %(part)s.passed <@ %(paused)s::int[]
                  AND %(part)s.low_water <= statement_timestamp() AT TIME ZONE 'UTC'
                 THEN %(part)s.low_water ELSE '-infinity' END)""",
        part=SQL.identifier(part),
        paused=paused,
    )


def claimed(dbname, lane, counts):
    """Remember how many messages were claimed, by partition."""
    for part, count in counts.items():
        key = (dbname, lane, part)
        _claimed[key] = _claimed.get(key, 0) + count


class HubLowWater(models.AbstractModel):
    """Keeps the low water of partitions."""

    _name = "hub.low.water"
    _description = "Low Water of Partitions"

    def _raise(self):
        """Raise it where much was claimed; some other partitions are looked through from their beginning.
        Called by a drainer between two slices."""
        mine = [key for key, count in _claimed.items() if count >= RAISE_AFTER]
        mine = [key for key in mine if key[0] == self.env.cr.dbname]
        with short_cursor(self.env) as cr:
            horizon = self._horizon(cr)
            paused = self.env["hub.claim"]._paused_streams(cr)
            stale = SQL(
                """(scanned_at IS NULL OR passed IS DISTINCT FROM %s::int[]
                    OR scanned_at < statement_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 second'
                    OR scanned_at > statement_timestamp() AT TIME ZONE 'UTC')""",
                paused,
                RESCAN,
            )
            cr.execute(
                SQL(
                    """
                SELECT id, lane, part, %(stale)s FROM hub_lane_part
                 WHERE part >= 0 AND (
                       (lane, part) IN (SELECT * FROM unnest(%(lanes)s::int[], %(parts)s::int[]))
                       OR id IN (SELECT id FROM hub_lane_part WHERE part >= 0 AND %(stale)s
                                  ORDER BY scanned_at NULLS FIRST LIMIT %(some)s))
                   FOR NO KEY UPDATE SKIP LOCKED
                """,
                    stale=stale,
                    lanes=[lane for _dbname, lane, _part in mine],
                    parts=[part for _dbname, _lane, part in mine],
                    some=RESCAN_PARTS,
                )
            )
            rows = cr.fetchall()
            if not rows:
                return
            cr.execute(
                SQL(
                    """
                UPDATE hub_lane_part l
                   SET low_water = least(%(horizon)s, (
                           SELECT m.next_attempt_at FROM hub_message m
                            WHERE m.state = 'pending' AND m.direction = 'in'
                              AND m.lane = l.lane AND m.part = l.part
                              AND m.next_attempt_at >= CASE WHEN u.anew THEN '-infinity' ELSE %(low_water)s END
                              AND NOT coalesce(m.stream_id = ANY(%(paused)s), FALSE)
                            ORDER BY m.next_attempt_at LIMIT 1)),
                       passed = %(paused)s::int[],
                       scanned_at = CASE WHEN u.anew THEN statement_timestamp() AT TIME ZONE 'UTC'
                                         ELSE l.scanned_at END
                  FROM unnest(%(ids)s::int[], %(anew)s::boolean[]) u(id, anew)
                 WHERE l.id = u.id
                """,
                    horizon=horizon,
                    paused=paused,
                    low_water=low_water("l", paused),
                    ids=[row[0] for row in rows],
                    anew=[row[3] for row in rows],
                )
            )
        for _id, lane, part, _stale in rows:
            _claimed.pop((self.env.cr.dbname, lane, part), None)

    def _horizon(self, cr):
        """A time before which no message can become pending any more.

        Each becomes due at or after the statement that makes it so, never before; so only transactions that
        are writing messages now can still bring earlier ones. It is asked before the messages are
        looked at: what is committed in between is seen there.
        """
        cr.execute(
            """
            SELECT coalesce(min(a.xact_start), clock_timestamp()) AT TIME ZONE 'UTC'
              FROM pg_locks k JOIN pg_stat_activity a ON a.pid = k.pid
             WHERE k.relation = 'hub_message'::regclass AND k.mode = 'RowExclusiveLock'
               AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """
        )
        return cr.fetchone()[0]
