import time
from collections import defaultdict
from datetime import timedelta

import pytz
from odoo import fields, models

from ...core.keys import fingerprint
from ...core.watch import Facts, judge
from ..guard import own_code
from .cursors import short_cursor

ENGINE_SILENT = 180  # seconds; a drainer is called each minute
WATCH_SILENT = 1800
MARKS_LATE = 900  # seconds that a change in Odoo may wait to be looked at for sending
POLL_MINIMUM = 900  # a poll may fail for so long before it is a matter for a person
MOST_QUIET = timedelta(days=60)  # working time further back need not be counted
# Jobs that run each night, and that nobody misses by day.
NIGHTLY = (
    "cron_snapshot",
    "cron_sweep",
    "cron_gap",
    "cron_retention",
    "cron_early",
    "cron_retainer",
)
# When this process looked first, by database: what was overdue when Odoo started may run before it is missed.
_first_look = {}
UNFINISHED = ("received", "pending", "waiting", "sending")


class HubStream(models.Model):
    """What is expected of a stream; without it, silence cannot be told from calm."""

    _inherit = "hub.stream"

    expected_hours = fields.Float(
        string="Expected Every",
        help="So many hours without anything new are a fault. 0: no rhythm is expected.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        ondelete="restrict",
        help="Only these hours count as silence, holidays left out. Empty: all hours.",
    )
    empty_limit = fields.Integer(
        string="Empty Polls",
        help="So many polls in a row without anything new are a fault. 0: never.",
    )
    lag_limit = fields.Integer(
        string="Most Lag",
        default=60,
        help="Minutes that the oldest unfinished message may have, those that wait included. 0: no limit.",
    )
    watched_from = fields.Datetime(
        readonly=True, copy=False, help="Silence before this moment does not count."
    )
    issue_ids = fields.One2many(
        "hub.issue", "stream_id", domain=[("state", "=", "open")], string="Open Issues"
    )

    def write(self, vals):
        # What was paused, switched off or not expected until now was not silent.
        result = super().write(vals)
        if {"paused", "active", "expected_hours", "calendar_id"} & set(vals):
            own = own_code(self)
            super(HubStream, own).write({"watched_from": fields.Datetime.now()})
        return result


class HubWatch(models.AbstractModel):
    """No silence: a stream that stands still, and an engine that does, are found by the clock."""

    _name = "hub.watch"
    _description = "Watch"

    def _run(self):
        """Look at every stream and at the engine. Called by a cron job of its own, because an engine
        that is dead cannot say so."""
        found, calm = [], []
        for row in self._streams():
            verdict = judge(self._facts(row))
            cause = fingerprint("watch", row["id"])
            if verdict:
                found.append(self._issue(row, cause, *verdict))
            else:
                calm.append(cause)
        self.env["hub.issue"]._stand(found)
        self.env["hub.issue"]._lift([*calm, *self._unwatched()])
        self.env["hub.gap"]._mend()
        self.env["hub.payout.part"]._mend()
        self._engine()
        # The drainers tell people; when they are silent, nobody else would.
        self.env["hub.alert"]._send()
        self.env["hub.alert"]._put_away()
        return True

    # -- streams -----------------------------------------------------------------------------------

    def _streams(self):
        """What the tables know of each stream that should run now, in one query."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                WITH open AS (
                    SELECT stream_id, min(received_at) AS oldest FROM hub_message
                     WHERE state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')
                       AND state = ANY(%s) GROUP BY stream_id)
                SELECT s.id, s.name, s.direction, s.system_id, y.name AS system, s.entity_id,
                       s.process_id, s.calendar_id, coalesce(p.owner_id, y.owner_id) AS owner_id,
                       p.impact, now() AT TIME ZONE 'UTC' AS now,
                       s.poll AND s.direction = 'in' AS polled, s.interval,
                       coalesce(s.expected_hours, 0) AS expected_hours,
                       coalesce(s.empty_limit, 0) AS empty_limit,
                       coalesce(c.empty_runs, 0) AS empty_runs,
                       coalesce(s.lag_limit, 0) AS lag_limit, open.oldest,
                       greatest(s.watched_from, s.create_date, n.opened_at) AS since,
                       c.last_success_at, latest.received_at AS latest
                  FROM hub_stream s
                  JOIN hub_system y ON y.id = s.system_id
                  JOIN hub_process p ON p.id = s.process_id
                  JOIN hub_lane n ON n.id = s.lane_id
                  LEFT JOIN hub_cursor c ON c.stream_id = s.id
                  LEFT JOIN open ON open.stream_id = s.id
                  LEFT JOIN LATERAL (
                        SELECT received_at FROM hub_message m
                         WHERE m.stream_id = s.id ORDER BY m.id DESC LIMIT 1) latest ON TRUE
                 WHERE s.active AND y.active AND p.active AND y.state = 'connected'
                   AND NOT coalesce(s.paused OR y.paused OR p.paused OR n.closed, FALSE)
                 ORDER BY s.id
                """,
                [list(UNFINISHED)],
            )
            return cr.dictfetchall()

    def _facts(self, row):
        now = row["now"]

        def age(moment):
            """Seconds since then, but none before the stream was watched."""
            start = max(filter(None, (moment, row["since"])), default=now)
            return max(0.0, (now - start).total_seconds())

        expected = row["expected_hours"]
        return Facts(
            poll_silence=age(row["last_success_at"]) if row["polled"] else None,
            poll_limit=max(POLL_MINIMUM, 3 * row["interval"]),
            lag=age(row["oldest"]) if row["oldest"] else 0,
            lag_limit=60 * row["lag_limit"],
            quiet=self._working_seconds(row, now) if expected else 0,
            quiet_limit=3600 * expected,
            empty_runs=row["empty_runs"],
            empty_limit=row["empty_limit"],
        )

    def _working_seconds(self, row, now):
        """Time since the last message, in the stream's working hours."""
        start = max(filter(None, (row["latest"], row["since"])), default=now)
        if not row["calendar_id"]:
            return (now - start).total_seconds()
        calendar = self.env["resource.calendar"].browse(row["calendar_id"])
        start = max(start, now - MOST_QUIET)
        return 3600 * calendar.get_work_hours_count(
            pytz.utc.localize(start), pytz.utc.localize(now)
        )

    def _issue(self, row, cause, code, measured):
        params = {
            "stream": row["name"],
            "limit": row["empty_limit"],
            "expected": row["expected_hours"],
        }
        if code == "empty_runs":
            params["runs"] = row["empty_runs"]
        else:
            # In steps, so that an issue is not rewritten at each look.
            params["minutes"] = round(measured / 60, -1) if measured < 7200 else None
            params["hours"] = round(measured / 3600) if measured >= 7200 else None
        return {
            "fingerprint": cause,
            "code": f"watch_{code}",
            "kind": "connection",
            "params": params,
            "stream_id": row["id"],
            **{
                name: row[name]
                for name in ("system_id", "entity_id", "process_id", "owner_id", "impact")
            },
        }

    def _unwatched(self):
        """Open causes of streams that need not run now: paused, switched off, outside their hours."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                SELECT i.fingerprint FROM hub_issue i
                  JOIN hub_stream s ON s.id = i.stream_id
                  JOIN hub_system y ON y.id = s.system_id
                  JOIN hub_process p ON p.id = s.process_id
                  JOIN hub_lane n ON n.id = s.lane_id
                 WHERE i.state = 'open' AND i.standing AND i.code LIKE 'watch\\_%%'
                   AND NOT (s.active AND y.active AND p.active AND y.state = 'connected'
                            AND NOT coalesce(s.paused OR y.paused OR p.paused OR n.closed, FALSE))
                """
            )
            return [row[0] for row in cr.fetchall()]

    # -- the engine --------------------------------------------------------------------------------

    def _engine(self):
        """Drainers that do not report, and jobs of the night that did not run."""
        found, calm = [], []
        with short_cursor(self.env) as cr:
            cr.execute(
                """SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - max(reported_at))
                     FROM hub_drainer"""
            )
            silent = cr.fetchone()[0]
        cause = fingerprint("engine_silent")
        if self._in_use() and (silent is None or silent > ENGINE_SILENT):
            minutes = None if silent is None else round(float(silent) / 60)
            found.append(self._own_issue(cause, "watch_engine", minutes=minutes))
        else:
            calm.append(cause)
        late, cause = self._oldest_mark(), fingerprint("marks_late")
        if self._in_use() and late > MARKS_LATE:
            found.append(self._own_issue(cause, "watch_marks", minutes=round(late / 60, -1)))
        else:
            calm.append(cause)
        for name, label in self._jobs_that_sleep().items():
            cause = fingerprint("job_silent", name)
            if label:
                found.append(self._own_issue(cause, "watch_job", job=label))
            else:
                calm.append(cause)
        self.env["hub.issue"]._stand(found)
        self.env["hub.issue"]._lift(calm)

    def _oldest_mark(self):
        """Seconds that the oldest change in Odoo waits to be looked at, 0 if none does."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """SELECT extract(epoch FROM (clock_timestamp() AT TIME ZONE 'UTC') - marked_at)
                     FROM hub_outbox ORDER BY id LIMIT 1"""
            )
            row = cr.fetchone()
        return float(row[0]) if row else 0.0

    def _in_use(self):
        """Whether a connected system expects the engine to run."""
        if self.env["hub.engine"]._paused():
            return False
        return bool(self.env["hub.system"].search_count([("state", "=", "connected")], limit=1))

    def _jobs_that_sleep(self):
        """Nightly jobs by name: their label if they are switched off or two days late, else None."""
        result = {}
        if not self._settled_in():
            return result
        limit = fields.Datetime.now() - timedelta(days=2)
        for name in NIGHTLY:
            job = self.env.ref(f"lead_to_cash_hub.{name}", raise_if_not_found=False)
            if job:
                late = (job.lastcall or job.create_date) < limit
                result[name] = job.name if late or not job.active else None
        return result

    def _settled_in(self):
        """Whether this process has run long enough to miss somebody."""
        now = time.monotonic()
        return now - _first_look.setdefault(self.env.cr.dbname, now) >= WATCH_SILENT

    def _watched(self):
        """The drainers' look at the watch itself: each would miss the other."""
        job = self.env.ref("lead_to_cash_hub.cron_watch", raise_if_not_found=False)
        if not job or not self._settled_in():
            return
        limit = fields.Datetime.now() - timedelta(seconds=WATCH_SILENT)
        cause = fingerprint("watch_silent")
        if not job.active or (job.lastcall or job.create_date) < limit:
            self.env["hub.issue"]._stand([self._own_issue(cause, "watch_job", job=job.name)])
        else:
            self.env["hub.issue"]._lift([cause])

    def _own_issue(self, cause, code, **params):
        """An issue of the hub itself; told to who owns the first system."""
        system = self.env["hub.system"].search([("owner_id", "!=", False)], limit=1)
        return {
            "fingerprint": cause,
            "code": code,
            "kind": "bug",
            "params": params,
            "owner_id": system.owner_id.id,
            "impact": "high",
        }


class HubSentence(models.AbstractModel):
    _inherit = "hub.sentence"

    def _known(self, params):
        _ = self.env._
        p = defaultdict(str, params or {})
        time = self._span(params or {})
        return super()._known(params) | {
            "watch_poll_silent": (
                _("%(stream)s has not been read for %(time)s.", stream=p["stream"], time=time),
                _("Test the connection of its system; see the last error on the stream."),
            ),
            "watch_lagging": (
                _(
                    "%(stream)s is behind: its oldest unfinished message is %(time)s old.",
                    stream=p["stream"],
                    time=time,
                ),
                _("Open its messages: the explanation says what the oldest ones wait for."),
            ),
            "watch_quiet": (
                _(
                    "%(stream)s has been silent for %(time)s of working time; something is expected every "
                    "%(expected)s hours.",
                    stream=p["stream"],
                    time=time,
                    expected=p["expected"],
                ),
                _(
                    "Look in the product whether there is really nothing new, then compare the stream with it."
                ),
            ),
            "watch_empty_runs": (
                _(
                    "%(stream)s was read %(runs)s times in a row without anything new.",
                    stream=p["stream"],
                    runs=p["runs"],
                ),
                _(
                    "Look in the product whether there is really nothing new, then compare the stream with it."
                ),
            ),
            "watch_engine": (
                _(
                    "The engine has been silent for %s minutes: nothing is read, applied or sent.",
                    p["minutes"],
                )
                if p["minutes"]
                else _("The engine has never run: nothing is read, applied or sent."),
                _(
                    "Start Odoo's cron workers, or switch the hub's drainers on under Scheduled Actions."
                ),
            ),
            "watch_marks": (
                _(
                    "Changes made in Odoo have waited for %s to be looked at: what other systems should "
                    "learn of them is not sent.",
                    time,
                ),
                _(
                    "Nothing is lost. Odoo's log names the part of the engine that failed; when it works "
                    "again, this goes away by itself."
                ),
            ),
            "watch_job": (
                _("The scheduled action “%s” is switched off or has not run in time.", p["job"]),
                _("Switch it on under Settings, Technical, Scheduled Actions."),
            ),
        }

    def _span(self, params):
        if params.get("hours"):
            return self.env._("%s hours", params["hours"])
        return self.env._("%s minutes", int(params.get("minutes") or 0))
