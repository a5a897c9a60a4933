from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.addons.base.models.res_partner import _tz_get
from odoo.exceptions import UserError, ValidationError

from ...core.hours import Window, is_open, next_change
from ..guard import own_code
from .cursors import short_cursor

# How finely records are divided: part of stored messages and of their index. What is set in the form is how many
# workers share these out (docs/architecture.md, "Partitions").
PARTS = 64
MOST_WORKERS = 16
MOST_SLICE = 1000
REAL_TIME, BATCH = 0, 2  # numbers of presets
PRESETS = 3  # lanes that are always there

DAYS = [
    ("all", "Every day"),
    ("week", "Monday to Friday"),
    ("weekend", "Saturday and Sunday"),
    *((str(day), name) for day, name in enumerate(
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    )),
]  # fmt: skip
_SETS = {"all": range(7), "week": range(5), "weekend": (5, 6)}


class HubLane(models.Model):
    """How urgent a stream is, when it may run, and how many workers may serve it at once.

    Lanes are rows, never a cron job each: every drainer serves them all, the most urgent first.
    """

    _name = "hub.lane"
    _description = "Lane"
    _inherit = ["hub.governed"]
    _order = "priority, number"
    _hub_money = False

    name = fields.Char(required=True, translate=True)
    number = fields.Integer(
        readonly=True, required=True, copy=False, help="What messages of this lane carry."
    )
    priority = fields.Integer(
        default=50, required=True, help="The lowest is served first, between any two batches."
    )
    slice_size = fields.Integer(
        string="Messages a Batch",
        default=1000,
        required=True,
        help="At most: a batch ends after about half a second in any case, so that more urgent messages "
        "can pass.",
    )
    workers = fields.Integer(
        string="Workers at Once",
        default=2,
        required=True,
        help="How many workers may apply messages of this lane at the same time. Its records are divided among "
        "them: no two ever have the same record in work. It can be changed at any time and counts with the next batch.",
    )
    time_zone = fields.Selection(
        _tz_get, required=True, default=lambda self: self.env.user.tz or "UTC"
    )
    window_ids = fields.One2many(
        "hub.lane.window",
        "lane_id",
        string="Hours",
        copy=True,
        help="Without hours the lane always runs.",
    )
    # Kept by the engine: whether it runs now, and when that changes (UTC).
    closed = fields.Boolean(readonly=True, copy=False)
    changes_at = fields.Datetime(readonly=True, copy=False)
    opened_at = fields.Datetime(readonly=True, copy=False)
    stream_ids = fields.One2many("hub.stream", "lane_id", string="Streams")
    waiting_count = fields.Integer(compute="_compute_waiting_count", string="In the Queue")
    state_text = fields.Char(compute="_compute_state_text", string="Now")

    _number_unique = models.UniqueIndex("(number)")

    def _hub_systems(self):
        return self._hub_streams().system_id

    def _hub_entities(self):
        return self._hub_streams().entity_id

    def _hub_streams(self):
        ids = self._origin.ids
        return self.env["hub.stream"].search(
            ["|", ("lane_id", "in", ids), ("webhook_lane_id", "in", ids)]
        )

    @api.constrains("slice_size", "workers")
    def _check_limits(self):
        for lane in self:
            if not 1 <= lane.slice_size <= MOST_SLICE or not 1 <= lane.workers <= MOST_WORKERS:
                raise ValidationError(
                    self.env._(
                        "A batch holds 1 to %(slice)s messages, and 1 to %(workers)s workers serve a lane.",
                        slice=MOST_SLICE,
                        workers=MOST_WORKERS,
                    )
                )

    def _compute_waiting_count(self):
        self.env.cr.execute(
            """SELECT lane, count(*) FROM hub_message
                WHERE lane = ANY(%s)
                  AND state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')
                  AND state = ANY(%s) GROUP BY lane""",
            # The first list is that of the index of open messages.
            [self.mapped("number"), ["received", "pending", "waiting", "held", "sending"]],
        )
        counts = dict(self.env.cr.fetchall())
        for lane in self:
            lane.waiting_count = counts.get(lane.number, 0)

    @api.depends("closed", "changes_at", "window_ids", "time_zone")
    @api.depends_context("lang")
    def _compute_state_text(self):
        for lane in self:
            lane.state_text = lane._state_text()

    def _state_text(self):
        """What the lane does now, by the clock of its own zone."""
        self.ensure_one()
        if not self.window_ids:
            return self.env._("Runs at all hours")
        if not self.changes_at:
            return self.env._("Runs at all hours") if not self.closed else self.env._("Never runs")
        moment = fields.Datetime.context_timestamp(
            self.with_context(tz=self.time_zone), self.changes_at
        )
        when = f"{moment:%Y-%m-%d %H:%M} ({self.time_zone})"
        if self.closed:
            return self.env._("Waits: opens %s", when)
        return self.env._("Runs: closes %s", when)

    # -- editing -----------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        self.env.cr.execute("SELECT coalesce(max(number), -1) FROM hub_lane")
        number = self.env.cr.fetchone()[0]
        for vals in vals_list:
            self._hub_refuse_kept(vals)
        numbered = [{**vals, "number": number} for number, vals in enumerate(vals_list, number + 1)]
        lanes = super(HubLane, own_code(self)).create(numbered).with_env(self.env)
        lanes.flush_recordset()
        lanes._make_parts()
        lanes._settle()
        return lanes

    def write(self, vals):
        self._hub_refuse_kept(vals)
        # What messages carry never changes, whoever asks for it.
        result = super().write({key: value for key, value in vals.items() if key != "number"})
        if {"window_ids", "time_zone"} & set(vals):
            self._settle()
        if not {"closed", "changes_at"} & set(vals):
            self.env["hub.engine"]._wake_after_commit()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        if any(lane.number < PRESETS for lane in self):
            raise UserError(
                self.env._("This lane comes with the hub: change it, or do not use it.")
            )
        self.env.cr.execute(
            "SELECT 1 FROM hub_message WHERE lane = ANY(%s) LIMIT 1", [self.mapped("number")]
        )
        if self.env.cr.fetchone():
            # A message of a lane that is gone would never be served again.
            raise UserError(self.env._("This lane has messages: it is kept as long as they are."))

    def unlink(self):
        numbers = self.mapped("number")
        result = super().unlink()
        self.env.cr.execute("DELETE FROM hub_lane_part WHERE lane = ANY(%s)", [numbers])
        return result

    def _make_parts(self):
        """The rows that workers lock: partitions from 0 up, and a place for each worker below."""
        self.env.cr.execute(
            """INSERT INTO hub_lane_part (lane, part)
               SELECT lane, part FROM unnest(%s::int[]) lane, generate_series(%s, %s) part
               ON CONFLICT DO NOTHING""",
            [self.mapped("number"), -MOST_WORKERS, PARTS - 1],
        )

    # -- the engine's own --------------------------------------------------------------------------

    def _settle(self, now=None):
        """Note whether each lane runs now, and when that changes."""
        now = now or datetime.now(timezone.utc)
        for lane in self:
            windows = [window._window() for window in lane.window_ids]
            change = next_change(windows, lane.time_zone, now)
            closed = not is_open(windows, lane.time_zone, now)
            vals = {"closed": closed, "changes_at": change and change.replace(tzinfo=None)}
            if lane.closed and not closed:
                vals["opened_at"] = now.replace(tzinfo=None)
            own_code(lane).write(vals)

    @api.model
    def _turn(self):
        """Open and close the lanes whose time has come; in a short transaction of its own."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """SELECT id FROM hub_lane WHERE changes_at <= clock_timestamp() AT TIME ZONE 'UTC'
                      FOR NO KEY UPDATE SKIP LOCKED"""
            )
            ids = [row[0] for row in cr.fetchall()]
            if ids:
                self.with_env(self.env(cr=cr)).browse(ids)._settle()

    @api.model
    def _running(self):
        """Lanes that may run now, the most urgent first.

        :return: list of ``(number, messages a batch)``.
        """
        self.env.cr.execute(
            "SELECT number, slice_size FROM hub_lane WHERE NOT coalesce(closed, FALSE) ORDER BY priority, number"
        )
        return self.env.cr.fetchall()

    @api.model
    def _of_first_loads(self):
        """Number of the lane of bulk work; None while it is closed: a first load does not wait for the night."""
        lane = self.env.ref("lead_to_cash_hub.lane_batch", raise_if_not_found=False)
        return lane.number if lane and not lane.closed else None


class HubLaneWindow(models.Model):
    """Hours in which a lane runs; over midnight if they end before they begin."""

    _name = "hub.lane.window"
    _description = "Hours of a Lane"
    _inherit = ["hub.governed"]
    _hub_money = False
    _order = "lane_id, days, hour_from"

    lane_id = fields.Many2one("hub.lane", required=True, ondelete="cascade", index=True)
    days = fields.Selection(DAYS, required=True, default="all")
    hour_from = fields.Float(string="From", required=True, default=20.0)
    hour_to = fields.Float(
        string="Until", required=True, default=6.0, help="Before “From”: on the next day."
    )

    def _hub_systems(self):
        return self.lane_id._hub_systems()

    def _hub_entities(self):
        return self.lane_id._hub_entities()

    def _hub_named(self):
        return f"{self.lane_id.name} › {dict(DAYS)[self.days]}"

    @api.constrains("hour_from", "hour_to")
    def _check_hours(self):
        for window in self:
            if not (0 <= window.hour_from < 24 and 0 <= window.hour_to <= 24):
                raise ValidationError(self.env._("Hours lie between 00:00 and 24:00."))

    @api.model_create_multi
    def create(self, vals_list):
        windows = super().create(vals_list)
        windows.lane_id._settle()
        return windows

    def write(self, vals):
        lanes = self.lane_id
        result = super().write(vals)
        (lanes | self.lane_id)._settle()
        return result

    def unlink(self):
        lanes = self.lane_id
        result = super().unlink()
        lanes.exists()._settle()
        return result

    def _window(self):
        self.ensure_one()
        days = _SETS[self.days] if self.days in _SETS else (int(self.days),)
        return Window(frozenset(days), round(self.hour_from * 60), round(self.hour_to * 60))


class HubLanePart(models.Model):
    """A partition of a lane: its row is locked while its messages are applied. Below zero: the
    places of the workers that serve the lane at once."""

    _name = "hub.lane.part"
    _description = "Partition of a Lane"
    _log_access = False

    lane = fields.Integer(required=True, readonly=True)
    part = fields.Integer(required=True, readonly=True)
    low_water = fields.Datetime(readonly=True)
    scanned_at = fields.Datetime(readonly=True)

    def init(self):
        # the streams whose messages the low water passed over, because they were paused
        self.env.cr.execute("ALTER TABLE hub_lane_part ADD COLUMN IF NOT EXISTS passed int[]")

    _part_unique = models.UniqueIndex("(lane, part)")
