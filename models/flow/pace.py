import threading
import time

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...connectors import PRODUCTS, get_connector_class
from ..guard import own_code
from .cursors import short_cursor

MAX_WAIT = 5.0  # seconds; a worker does not wait longer for a slot: the message does
MOST_SLOTS = 20  # reserved at once
KEPT = 1.0  # seconds that a reserved slot may be used late
AHEAD = 0.5  # seconds of the pace that a worker reserves at once, if that is less

_held = {}  # this process's reserved slots: (database, system, bucket) ->
# (moment of the next, step, how many, until when)
_lock = threading.Lock()


class HubPaceLimit(models.Model):
    """How many calls a product allows, and how many of them are left to others."""

    _name = "hub.pace.limit"
    _description = "Call Limit"
    _inherit = ["hub.kept"]
    _order = "system_id, id"

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", index=True)
    bucket = fields.Selection(
        selection="_selection_bucket",
        required=True,
        readonly=True,
        copy=False,
        string="Which",
        help="Products count some calls apart.",
    )
    calls = fields.Integer(required=True, help="By the product, in one window.")
    seconds = fields.Float(required=True, string="Window (s)")
    reserve = fields.Integer(
        default=10,
        string="To Others (%)",
        help="Share of the product's limit that other users and apps of the account keep.",
    )

    _bucket_unique = models.UniqueIndex(
        "(system_id, bucket)", "This system already has a limit for these calls."
    )

    @api.model
    def _selection_bucket(self):
        known = {"default": self.env._("All other calls"), "search": self.env._("Searches")}
        buckets = {b for product in PRODUCTS for b in get_connector_class(product).pace}
        return [(bucket, known.get(bucket, bucket)) for bucket in sorted(buckets)]

    @api.constrains("calls", "seconds", "reserve")
    def _check_numbers(self):
        for limit in self:
            if (
                limit.calls < 1
                or not 0.01 <= limit.seconds <= 86400
                or not 0 <= limit.reserve <= 90
            ):
                raise ValidationError(
                    self.env._(
                        "At least 1 call in a window of 0.01 seconds to a day is allowed, and at most "
                        "90 % of the calls can be left to others."
                    )
                )

    @api.model
    def _ensure(self, systems):
        """Give systems the limits of their products; what an admin set stays."""
        there = {(limit.system_id.id, limit.bucket) for limit in systems.limit_ids}
        own_code(self).create(
            [
                {"system_id": system.id, "bucket": bucket, "calls": calls, "seconds": seconds}
                for system in systems
                for bucket, (calls, seconds) in system._connector_class().pace.items()
                if (system.id, bucket) not in there
            ]
        )


class HubPace(models.Model):
    """One row a system and bucket: when the next call may leave (generic cell rate algorithm).

    Slots are reserved some at a time, by short transactions, so that workers neither wait for each
    other's transactions nor ask before each call.
    """

    _name = "hub.pace"
    _description = "Pace"
    _log_access = False

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", readonly=True)
    bucket = fields.Char(required=True, readonly=True)
    tat = fields.Datetime(readonly=True)
    blocked_until = fields.Datetime(readonly=True)

    _bucket_unique = models.UniqueIndex("(system_id, bucket)")

    def _next(self, system_id, bucket, calls, seconds, reserve=10):
        """Take the next slot for a call; it is shared out among all workers.

        In any window at most ``calls`` leave: the steady pace leaves the reserve free, and after a
        silence no more than the reserve may go at once.

        :param calls: the product's limit in ``seconds``; ``reserve``: percent of it left to others.
        :return: seconds to wait before the call. Above ``MAX_WAIT`` no slot was taken: nothing may
            be sent before.
        """
        step = seconds / (calls * (1 - reserve / 100))
        key = (self.env.cr.dbname, system_id, bucket)
        now = time.monotonic()
        with _lock:
            moment = self._pop(key, now)
        if moment is not None:
            return max(0.0, moment - now)
        slots = max(1, min(MOST_SLOTS, int(AHEAD / step)))
        wait, taken = self._reserve(
            system_id, bucket, slots, step, burst=int(calls * reserve / 100) * step
        )
        if not taken:
            return max(wait, MAX_WAIT + 0.1)
        if slots > 1:
            with _lock:
                until = now + max(wait, 0.0) + slots * step + KEPT
                _held[key] = (now + wait + step, step, slots - 1, until)
        return max(0.0, wait)

    @staticmethod
    def _pop(key, now):
        """The moment of the next slot that this process holds, or None. Slots that were not used in
        time are lost: kept, they would leave all at once."""
        moment, step, left, until = _held.pop(key, (0.0, 0.0, 0, 0.0))
        if not left or now > until:
            return None
        if left > 1:
            _held[key] = (moment + step, step, left - 1, until)
        return moment

    def _reserve(self, system_id, bucket, slots, step, burst):
        """Reserve slots, unless the product asked us to wait or the queue is long.

        :return: ``(seconds until the first slot, whether they are ours)``.
        """
        values = {
            "system": system_id,
            "bucket": bucket,
            "length": slots * step,
            "burst": burst,
            "most": MAX_WAIT,
        }
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_pace AS p (system_id, bucket, tat)
                VALUES (%(system)s, %(bucket)s,
                        clock_timestamp() AT TIME ZONE 'UTC' + %(length)s * interval '1 second')
                ON CONFLICT (system_id, bucket) DO UPDATE
                   SET tat = greatest(p.tat, clock_timestamp() AT TIME ZONE 'UTC'
                                             - %(burst)s * interval '1 second')
                             + %(length)s * interval '1 second'
                 WHERE coalesce(p.blocked_until, '-infinity') <= clock_timestamp() AT TIME ZONE 'UTC'
                   AND coalesce(p.tat, '-infinity')
                       <= clock_timestamp() AT TIME ZONE 'UTC' + %(most)s * interval '1 second'
                RETURNING extract(epoch FROM tat - %(length)s * interval '1 second'
                                  - clock_timestamp() AT TIME ZONE 'UTC')
                """,
                values,
            )
            row = cr.fetchone()
            if row:
                return float(row[0]), True
            cr.execute(
                """SELECT extract(epoch FROM greatest(
                              CASE WHEN tat > clock_timestamp() AT TIME ZONE 'UTC'
                                              + %(most)s * interval '1 second' THEN tat END,
                              blocked_until) - clock_timestamp() AT TIME ZONE 'UTC')
                     FROM hub_pace WHERE system_id = %(system)s AND bucket = %(bucket)s""",
                values,
            )
            return float(cr.fetchone()[0] or 0.0), False

    def _block(self, system_id, seconds):
        """The product said when it wants to hear from us again: no worker calls before."""
        self._drop(system_id)
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_pace AS p (system_id, bucket, tat, blocked_until)
                SELECT %(system)s, bucket, clock_timestamp() AT TIME ZONE 'UTC',
                       clock_timestamp() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 second'
                  FROM (SELECT bucket FROM hub_pace_limit WHERE system_id = %(system)s
                         UNION SELECT 'default') b
                ON CONFLICT (system_id, bucket) DO UPDATE
                   SET blocked_until = greatest(p.blocked_until, EXCLUDED.blocked_until)
                """,
                {"system": system_id, "seconds": seconds},
            )

    def _heed(self, system_id, bucket, allowances, reserve):
        """Slow down where the product says that little is left: spread the rest over its window.

        :param allowances: :class:`~connectors.parts.Allowance` of an answer's headers.
        """
        wait = max(
            (
                one.seconds / (one.remaining + 1)
                for one in allowances
                if one.remaining <= one.most * reserve / 100
            ),
            default=0.0,
        )
        if not wait:
            return
        self._drop(system_id)
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_pace
                      SET tat = greatest(tat, clock_timestamp() AT TIME ZONE 'UTC'
                                              + %s * interval '1 second')
                    WHERE system_id = %s AND bucket = %s""",
                [wait, system_id, bucket],
            )

    def _drop(self, system_id):
        """Give up the slots that this process holds."""
        with _lock:
            for key in [key for key in _held if key[:2] == (self.env.cr.dbname, system_id)]:
                del _held[key]
