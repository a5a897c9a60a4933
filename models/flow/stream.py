from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...core import retry


class HubStream(models.Model):
    """One entity of one system in one direction, and how far it has come."""

    _name = "hub.stream"
    _description = "Stream"
    _inherit = ["mail.thread", "hub.governed"]
    _order = "system_id, sequence, id"
    # Stopping something has to work at once; what the register says of it is no rule of it.
    _hub_free = frozenset(
        ["paused", "business_owner_id", "technical_owner_id", "criticality", "review_at"]
    )
    _hub_key = ("system_id", "entity_id", "direction")
    _hub_portable = (
        "process_id", "lane_id", "webhook_lane_id", "active", "poll", "interval", "sweep_days", "create_missing",
        "retry_budget", "retry_base", "retry_cap", "sequence", "key_columns",
    )  # fmt: skip

    name = fields.Char(compute="_compute_name", store=True)
    sequence = fields.Integer(
        default=10, help="The place among the streams of its system: a smaller number comes first."
    )
    system_id = fields.Many2one("hub.system", ondelete="cascade", index=True)
    product = fields.Char(help="Product of a preset; empty on a system's own stream.")
    company_ids = fields.Many2many(related="system_id.company_ids")
    entity_id = fields.Many2one("hub.entity", required=True, ondelete="restrict")
    direction = fields.Selection(
        [("in", "Inbound"), ("out", "Outbound")], required=True, default="in"
    )
    process_id = fields.Many2one("hub.process", required=True, ondelete="restrict", index=True)
    lane_id = fields.Many2one(
        "hub.lane",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref("lead_to_cash_hub.lane_near_real_time"),
        tracking=True,
        help="How urgent its messages are, and at which hours they may run.",
    )
    webhook_lane_id = fields.Many2one(
        "hub.lane",
        required=True,
        ondelete="restrict",
        string="Lane of Webhooks",
        default=lambda self: self.env.ref("lead_to_cash_hub.lane_real_time"),
        tracking=True,
        help="What a product tells of itself may be more urgent than what is read at an interval.",
    )
    # Numbers as messages carry them; they never change.
    lane = fields.Integer(related="lane_id.number", store=True, string="Lane Number")
    webhook_lane = fields.Integer(
        related="webhook_lane_id.number", store=True, string="Lane Number of Webhooks"
    )
    active = fields.Boolean(default=True)
    paused = fields.Boolean(tracking=True, copy=False)
    poll = fields.Boolean(
        default=True, help="Ask the product for changes at an interval, beside its webhooks."
    )
    interval = fields.Integer(default=300, help="Seconds between two polls.")
    sweep_days = fields.Integer(
        default=60,
        string="Look for Deletions",
        help="Each night so many days are listed completely, to find what was deleted at the source. 0: never.",
    )
    create_missing = fields.Boolean(
        help="Outbound: also create records that the product does not have yet."
    )
    key_columns = fields.Char(
        string="Columns That Name a Record",
        help="In files that are uploaded: the column with the record's id there, or several that name it together, "
        "with commas between them. Empty, or where a file has them not: external_id or id.",
    )
    retry_budget = fields.Integer(
        default=12, string="Tries", help="Tries before a person is asked."
    )
    retry_base = fields.Float(
        default=2.0,
        string="First Wait (s)",
        help="About so long it waits before the second try; each further wait may be twice as long.",
    )
    retry_cap = fields.Integer(
        default=3600, string="Longest Wait (s)", help="No wait between two tries is longer."
    )

    cursor_ids = fields.One2many("hub.cursor", "stream_id")
    last_success_at = fields.Datetime(compute="_compute_sync_state", string="Last Success")
    last_error = fields.Char(compute="_compute_sync_state")
    waiting_count = fields.Integer(compute="_compute_sync_state", string="In the Queue")
    attention_count = fields.Integer(compute="_compute_sync_state", string="Need a Person")
    lag = fields.Integer(
        compute="_compute_sync_state",
        string="Lag (s)",
        help="Age of the oldest message that is not finished, those that wait included.",
    )
    health = fields.Selection(
        [
            ("ok", "In step"),
            ("late", "Behind"),
            ("attention", "Needs a person"),
            ("closed", "Outside its hours"),
            ("paused", "Paused"),
        ],
        compute="_compute_sync_state",
    )
    waits_text = fields.Char(compute="_compute_waits_text", string="Why It Waits")

    _stream_unique = models.UniqueIndex(
        "(COALESCE(system_id, 0), COALESCE(product, ''), entity_id, direction)",
        "This system already has a stream for that entity and direction.",
    )

    @api.depends("system_id.name", "product", "entity_id.name", "direction")
    def _compute_name(self):
        for stream in self:
            arrow = "→ Odoo" if stream.direction == "in" else "← Odoo"
            stream.name = f"{stream.system_id.name or stream.product or ''}: {stream.entity_id.name or ''} {arrow}"

    def _key_columns(self):
        """Columns of a file that name its records."""
        names = (name.strip() for name in (self.key_columns or "").split(","))
        return [name for name in names if name]

    def _retry_policy(self):
        """How messages of this stream (or of none) are tried again.

        :return: ``core.retry.Policy``
        """
        if not self:
            return retry.Policy()
        return retry.Policy(self.retry_base, self.retry_cap, self.retry_budget)

    @api.constrains("interval", "retry_budget", "retry_base", "retry_cap")
    def _check_numbers(self):
        for stream in self:
            if (
                not 1 <= stream.retry_budget <= 50
                or not 0.1 <= stream.retry_base <= 300
                or not stream.retry_base <= stream.retry_cap <= 86400
            ):
                raise ValidationError(
                    self.env._(
                        "Between 1 and 50 tries, a first wait of 0.1 to 300 seconds, and a longest wait "
                        "from there up to a day (86,400 seconds) are possible."
                    )
                )
            if stream.interval < 5:
                raise ValidationError(self.env._("A poll interval is at least 5 seconds."))

    @api.constrains("system_id", "product")
    def _check_scope(self):
        for stream in self:
            if bool(stream.system_id) == bool(stream.product):
                raise ValidationError(
                    self.env._("A stream belongs to one system, or to a product as a preset.")
                )

    @api.constrains("direction", "entity_id", "active", "system_id")
    def _check_mapping(self):
        """What is required but not mapped is refused when the stream is switched on."""
        for stream in self.filtered(lambda s: s.system_id and s.active and s.direction == "in"):
            mapping = self.env["hub.mapping"].search(
                [
                    ("system_id", "=", stream.system_id.id),
                    ("entity_id", "=", stream.entity_id.id),
                    ("direction", "=", "in"),
                ]
            )
            if not mapping:
                raise ValidationError(
                    self.env._(
                        "%s has no mapping yet: add one before the stream is switched on.",
                        stream.name,
                    )
                )
            unfilled = stream.entity_id._unfilled()
            if unfilled:
                raise ValidationError(
                    self.env._(
                        "%(stream)s cannot be switched on: Odoo requires %(fields)s of each record, "
                        "and no field of the entity is bound to it.",
                        stream=stream.name,
                        fields=", ".join(unfilled),
                    )
                )
            missing = mapping._missing_required()
            if missing:
                raise ValidationError(
                    self.env._(
                        "%(stream)s cannot be switched on: %(fields)s must be mapped.",
                        stream=stream.name,
                        fields=", ".join(missing.mapped("label")),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        streams = super().create(vals_list)
        self.env["hub.cursor"]._ensure(streams)
        self.env.registry.clear_cache()
        return streams

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    @api.depends("paused", "system_id.paused", "process_id.paused", "interval", "lane_id.closed")
    @api.depends_context("uid")
    def _compute_sync_state(self):
        # Counts by stream are no secret of one record; the list itself is under record rules.
        self.env.cr.execute(
            """
            SELECT s.id, c.last_success_at, c.last_error, m.waiting, m.attention, m.lag,
                   EXISTS (SELECT 1 FROM hub_issue i WHERE i.stream_id = s.id AND i.state = 'open')
              FROM hub_stream s
              LEFT JOIN hub_cursor c ON c.stream_id = s.id
              LEFT JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE state IN ('received', 'pending', 'waiting',
                                                            'held', 'sending')) AS waiting,
                           count(*) FILTER (WHERE state IN ('failed', 'dead')) AS attention,
                           extract(epoch FROM (now() AT TIME ZONE 'UTC') - min(received_at)
                               FILTER (WHERE state IN ('received', 'pending', 'waiting', 'sending')))::int AS lag
                      FROM hub_message
                     WHERE stream_id = s.id
                       AND state IN ('received', 'pending', 'waiting', 'held', 'sending', 'failed', 'dead')
                   ) m ON TRUE
             WHERE s.id = ANY(%s)
            """,
            [self.ids],
        )
        rows = {row[0]: row[1:] for row in self.env.cr.fetchall()}
        for stream in self:
            success, error, waiting, attention, lag, issue = rows.get(
                stream.id, (None, None, 0, 0, 0, False)
            )
            stream.last_success_at = success
            stream.last_error = self.env["hub.sentence"]._sentence(error, {}) if error else False
            stream.waiting_count = waiting or 0
            stream.attention_count = attention or 0
            stream.lag = lag or 0
            stream.health = (
                "paused"
                if stream.paused or stream.system_id.paused or stream.process_id.paused
                else "attention"
                if attention
                else "closed"
                if stream.lane_id.closed
                else "late"
                if error or issue or (lag or 0) > 2 * stream.interval
                else "ok"
            )

    @api.depends(
        "paused", "system_id.paused", "process_id.paused", "lane_id.closed", "lane_id.changes_at"
    )
    @api.depends_context("lang")
    def _compute_waits_text(self):
        """Why nothing moves although nothing is broken."""
        for stream in self:
            lane = stream.lane_id
            stream.waits_text = (
                self.env._("The system is paused: messages are kept and wait.")
                if stream.system_id.paused
                else self.env._("The process is paused: messages are kept and wait.")
                if stream.process_id.paused
                else self.env._("The stream is paused: messages are kept and wait.")
                if stream.paused
                else self.env._(
                    "Its lane “%(lane)s” is outside its hours. %(state)s",
                    lane=lane.name,
                    state=lane.state_text,
                )
                if lane.closed
                else False
            )

    def action_pause(self):
        self.write({"paused": True})

    def action_resume(self):
        self.write({"paused": False})
        self.env["hub.engine"]._wake_after_commit()

    def action_poll_now(self):
        """Ask the product for changes with the next drainer."""
        self.check_access("write")
        self.env["hub.cursor"]._poll_now(self)
        self.env["hub.engine"]._wake_after_commit()
        return True

    def action_by_hand(self):
        """Export what waits to be sent, and mark what a person has entered."""
        self.ensure_one()
        self.env["hub.message"]._require_sender(self)
        return self.env["hub.by.hand"].create({"stream_id": self.id})._again()

    def action_messages(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "hub.message",
            "views": [[False, "list"], [False, "form"]],
            "domain": [("stream_id", "=", self.id)],
        }
