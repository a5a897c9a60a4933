import logging
import os
import time
import traceback

from odoo import api, models
from odoo.tools import SQL

from .circuit import callable_at
from .claim import IDENTITY
from .cursors import short_cursor
from .due import TO_READ, TO_SEND, heads
from .low_water import low_water
from .rests import Busy, Rests

_logger = logging.getLogger(__name__)

RUN_SECONDS = 8.0  # a drainer's run; the cron's own limit is 10 s
LINGER = 2.0  # seconds that a drainer stays awake after the last message
ALIVE = 3  # seconds that a sign of life counts
BUSY = 1.0  # seconds of work without a rest, and the other drainers are needed too
WAKE_EVERY = 0.2
WAITING = 5000  # messages that one chore wakes

DRAINERS = ("lead_to_cash_hub.cron_drainer_1", "lead_to_cash_hub.cron_drainer_2")

_last_wake = {}
_rests = {}  # of this process, by database


class HubEngine(models.AbstractModel):
    """The drainers: identical jobs. The most urgent lane comes first; then reading, composing, sending,
    the other lanes and asking for changes have a slice in turns, so that none starves another."""

    _name = "hub.engine"
    _description = "Engine"

    def _drain(self):
        """Work until there is nothing to do, or the run is over. Called by the drainer crons.

        Never raises: a cron that fails is switched off by Odoo.
        """
        name = f"{self.env.context.get('cron_id', 0)}"
        started = time.monotonic()
        last_work = last_rest = started
        last_sign = last_chores = last_turn = last_raise = 0.0
        online = not self.env["hub.epoch"]._held()
        self._guarded(self.env["hub.place"]._free, name)
        rests = _rests.setdefault(self.env.cr.dbname, Rests())
        while True:
            now = time.monotonic()
            if now - last_sign > 1:
                self._sign(name, ALIVE)
                last_sign = now
                if now - last_rest > BUSY:
                    self._wake_others(name)
            if self._paused():
                break
            # What this transaction has cached may be old: others change systems, streams and words.
            self.env.cr.commit()  # pylint: disable=invalid-commit
            self.env.invalidate_all()
            if now - last_turn > 1:
                last_turn = now
                self._guarded(self.env["hub.lane"]._turn)
            if now - last_chores > 15:
                last_chores = now
                self._guarded(self._chores)
            if now - last_raise > 2:
                last_raise = now
                self._guarded(self.env["hub.low.water"]._raise)
            worked = self._once(online, rests)
            if worked:
                last_work = time.monotonic()
            if time.monotonic() - started > RUN_SECONDS:
                break
            if time.monotonic() - last_work > LINGER and not self._has_work(online, rests):
                break
            if not worked:
                last_rest = time.monotonic()
                time.sleep(0.1)
        self._sign(name, 0)
        # Between the last look and the sign-off a door may have trusted us: look once more, at what is
        # there now. Work that is due soon keeps a drainer awake too: a trigger in the future wakes nobody.
        self.env.cr.commit()  # pylint: disable=invalid-commit
        if not self._paused() and self._has_work(online, rests):
            self.env["ir.cron"].browse(self.env.context.get("cron_id") or ())._trigger()

    def _guarded(self, work, *arguments, failed=None):
        """Do one kind of work; one that is broken must not stop the others or switch the cron off."""
        try:
            return work(*arguments)
        except Busy:
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            # Class and place only: the text of an error can hold personal data.
            _logger.error(
                "A part of the engine failed: %s in %s:%s",
                type(error).__name__,
                place.name,
                place.lineno,
            )
            self.env.cr.rollback()
            if failed:
                failed(error)
            return 0

    def _part(self, part, rests, *arguments):
        """A slice of one part, unless it rests after a failure. Parts are named as their model, the
        applying ones with their lane."""
        if part in rests:
            return 0
        failures = []
        try:
            done = self._guarded(
                self.env[part.partition(":")[0]]._slice, *arguments, failed=failures.append
            )
        except Busy as busy:
            rests.pause(part, busy.seconds)
            return 0
        if failures:
            rests.failed(part)
        else:
            rests.worked(part)
        return done

    def _once(self, online=True, rests=None):
        """One slice: of the most urgent lane, else of whose turn it is.

        :param online: whether products may be called (not from a copied database).
        :param rests: parts that rest, and whose turn it is; both are renewed.
        :return: truthy if there was something to do.
        """
        rests = Rests() if rests is None else rests
        lanes = self.env["hub.lane"]._running()
        steps = [(f"hub.apply:{number}", number, size) for number, size in lanes]
        done = self._first(steps[:1], rests)
        if done:
            return done
        # of the other lanes the most urgent that has work
        turns = [[("hub.compose",)], steps[1:]]
        if online:
            turns = [[("hub.fetch",)], turns[0], [("hub.deliver",)], turns[1], [("hub.poll",)]]
        turns.append([("hub.shadow",)])
        begin = rests.turn
        for turn in range(begin, begin + len(turns)):
            done = self._first(turns[turn % len(turns)], rests)
            if done:
                rests.turn = (turn + 1) % len(turns)
                return done
        return 0

    def _first(self, steps, rests):
        """A slice of the first of these parts that has work."""
        for step in steps:
            done = self._part(step[0], rests, *step[1:])
            if done:
                return done
        return 0

    def _has_work(self, online=True, rests=()):
        """Whether anything is due now or within the time that a drainer stays awake.

        What waits for a person (a paused or signed-out system) is no work: it must not keep
        drainers turning. Nor is what a resting part would do.
        """
        lanes = [
            number
            for number, _size in self.env["hub.lane"]._running()
            if f"hub.apply:{number}" not in rests
        ]
        paused = self.env["hub.claim"]._paused_streams(self.env.cr)
        at = SQL("(SELECT at FROM soon)")
        self.env.cr.execute(
            SQL(
                """
            WITH soon AS (SELECT clock_timestamp() AT TIME ZONE 'UTC' + interval '5 seconds' AS at)
            SELECT %(compose)s AND EXISTS (SELECT 1 FROM hub_outbox)
                OR EXISTS (
                    SELECT 1 FROM hub_lane_part l CROSS JOIN LATERAL (
                        SELECT 1 FROM hub_message m
                         WHERE m.state = 'pending' AND m.direction = 'in' AND m.lane = l.lane AND m.part = l.part
                           AND m.next_attempt_at >= %(low_water)s AND m.next_attempt_at <= %(at)s
                           AND NOT coalesce(m.stream_id = ANY(%(paused)s), FALSE)
                         ORDER BY m.next_attempt_at LIMIT 1) due
                     WHERE l.lane = ANY(%(lanes)s) AND l.part >= 0)
                OR %(shadow)s AND EXISTS (
                    SELECT 1 FROM hub_process p JOIN hub_stream s ON s.process_id = p.id AND s.direction = 'in'
                      JOIN hub_message m ON m.stream_id = s.id
                     WHERE p.mode = 'shadow' AND NOT coalesce(p.paused OR s.paused, FALSE)
                       AND m.state = 'pending' AND m.direction = 'in' AND m.next_attempt_at <= %(at)s)
                OR %(fetch)s AND EXISTS (%(to_read)s)
                OR %(deliver)s AND EXISTS (%(to_send)s)
                OR %(poll)s AND EXISTS (
                    SELECT 1 FROM hub_cursor c JOIN hub_stream s ON s.id = c.stream_id
                      JOIN hub_system y ON y.id = s.system_id AND y.active AND y.state = 'connected'
                                       AND NOT coalesce(y.paused, FALSE)
                      LEFT JOIN hub_circuit k ON k.system_id = y.id
                      LEFT JOIN hub_process p ON p.id = s.process_id
                      JOIN hub_lane n ON n.id = s.lane_id AND NOT coalesce(n.closed, FALSE)
                     WHERE s.active AND s.poll AND s.direction = 'in' AND p.active
                       AND NOT coalesce(s.paused OR p.paused, FALSE) AND %(callable)s
                       AND c.next_poll_at <= %(at)s
                       AND coalesce(c.lease_until, '-infinity') <= %(at)s)
            """,
                compose="hub.compose" not in rests,
                shadow="hub.shadow" not in rests,
                fetch=online and "hub.fetch" not in rests,
                deliver=online and "hub.deliver" not in rests,
                poll=online and "hub.poll" not in rests,
                lanes=lanes,
                paused=paused,
                low_water=low_water("l", paused),
                to_read=heads(TO_READ, at),
                to_send=heads(TO_SEND, at),
                callable=callable_at(at),
                at=at,
            )
        )
        return self.env.cr.fetchone()[0]

    def _chores(self):
        """Every quarter of a minute: nothing waits for a signal alone."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                UPDATE hub_message SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                 WHERE id IN (
                       SELECT id FROM hub_message
                        WHERE state = 'waiting' AND next_attempt_at <= statement_timestamp() AT TIME ZONE 'UTC'
                        ORDER BY next_attempt_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
                """,
                [WAITING],
            )
            # Which record of Odoo an id means was asked of a person, and has been told meanwhile: by a merge
            # in the source, by another question. Without a link only a match asks, so none comes here twice.
            cr.execute(
                """
                UPDATE hub_message m
                   SET state = 'pending', attempts = 0, next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                  FROM hub_exception x
                 WHERE x.message_id = m.id AND x.state = 'open' AND x.code = ANY(%s)
                   AND m.state = 'failed' AND m.direction = 'in'
                   AND EXISTS (SELECT 1 FROM hub_link l
                                WHERE l.order_key = m.order_key AND l.system_id = m.system_id
                                  AND l.entity_id = m.entity_id AND l.external_id = m.external_id)
                """,
                [list(IDENTITY)],
            )
        self.env["hub.issue"]._refresh()
        self._guarded(self.env["hub.replay"]._settle)
        self._guarded(self.env["hub.change"]._apply_due)
        self._guarded(self.env["hub.alert"]._send)
        self._guarded(self.env["hub.alert"]._put_away)
        self._guarded(self.env["hub.approval"]._chore)
        self._guarded(self.env["hub.watch"]._watched)

    def _paused(self):
        """ "Pause the hub" makes drainers return at once, so that modules can be installed."""
        with short_cursor(self.env) as cr:
            cr.execute(
                "SELECT value FROM ir_config_parameter WHERE key = 'lead_to_cash_hub.paused'"
            )
            row = cr.fetchone()
        return bool(row and row[0] in ("1", "True", "true"))

    def _sign(self, name, seconds=ALIVE):
        with short_cursor(self.env) as cr:
            cr.execute(
                """INSERT INTO hub_drainer (name, alive_until, reported_at)
                   VALUES (%s, clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second',
                           clock_timestamp() AT TIME ZONE 'UTC')
                   ON CONFLICT (name) DO UPDATE
                      SET alive_until = EXCLUDED.alive_until, reported_at = EXCLUDED.reported_at""",
                [name, seconds],
            )

    def _wake(self, cr=None):
        """Wake a drainer, if none is awake. Call it after the message was committed.

        Whether one is awake is read in a new transaction; only the waking itself is limited to once
        in 200 ms a process, because each opens a connection.

        :param cr: a cursor without an open transaction, of someone who commits it; else its own.
        """
        if cr is None:
            with short_cursor(self.env) as own:
                self._wake(own)
            return
        cr.execute(
            "SELECT 1 FROM hub_drainer WHERE alive_until > clock_timestamp() AT TIME ZONE 'UTC' LIMIT 1"
        )
        if cr.fetchone():
            return
        key = (cr.dbname, os.getpid())
        now = time.monotonic()
        if now - _last_wake.get(key, -1.0) < WAKE_EVERY:
            return
        _last_wake[key] = now
        # A door has no user; waking the drainer is all that it may do with the scheduler.
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        drainers = [env.ref(name) for name in DRAINERS]
        cr.execute(
            "SELECT name FROM hub_place WHERE until > clock_timestamp() AT TIME ZONE 'UTC'"
        )  # who is inside a long call hears nothing
        deaf = {row[0] for row in cr.fetchall()}
        next((one for one in drainers if str(one.id) not in deaf), drainers[0])._trigger()

    def _wake_others(self, name):
        """Wake drainers that are not awake: doors wake only one, and the worker of one that was killed
        would sleep for a minute before it looks."""
        self.env.cr.execute(
            "SELECT name FROM hub_drainer WHERE alive_until > clock_timestamp() AT TIME ZONE 'UTC'"
        )
        awake = {row[0] for row in self.env.cr.fetchall()} | {name}
        for drainer in DRAINERS:
            cron = self.env.ref(drainer)
            if str(cron.id) not in awake:
                cron._trigger()

    def _wake_after_commit(self):
        """The same for a person's action: when it is committed."""
        self.env.cr.postcommit.add(self.env["hub.engine"]._wake)

    def _health(self):
        """Whether the engine works.

        :return: dict for ``/hub/health``: ``ok``, seconds since a drainer reported, age of the oldest
            message that is due, database is neutralized or not.
        """
        self.env.cr.execute(
            """
            SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - max(reported_at)) FROM hub_drainer
            """
        )
        silent = self.env.cr.fetchone()[0]
        self.env.cr.execute(
            """SELECT coalesce(extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - min(next_attempt_at)), 0)
                 FROM hub_message WHERE state IN ('received', 'pending', 'sending')
                  AND next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'"""
        )
        overdue = float(self.env.cr.fetchone()[0])
        paused = self._paused()
        return {
            "ok": silent is not None and silent < 90 and not paused,
            "drainer_silent_seconds": None if silent is None else round(float(silent), 1),
            "oldest_due_seconds": round(overdue, 1),
            "paused": paused,
        }
