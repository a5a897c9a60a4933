"""Narrow tables of the engine: written in SQL by short transactions, apart from what admins edit.

A row that several workers update must not share a transaction with business records (facts "Apply").
"""

from odoo import fields, models

from .cursors import short_cursor


class HubCursor(models.Model):
    """How far a stream has been read, and who reads it now."""

    _name = "hub.cursor"
    _description = "Stream Position"
    _log_access = False

    stream_id = fields.Many2one("hub.stream", required=True, ondelete="cascade", readonly=True)
    position = fields.Json(readonly=True)
    next_poll_at = fields.Datetime(readonly=True)
    lease_until = fields.Datetime(readonly=True)
    failures = fields.Integer(readonly=True)
    last_success_at = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)
    empty_runs = fields.Integer(readonly=True, help="Polls in a row that brought nothing new.")

    _stream_unique = models.UniqueIndex("(stream_id)")

    def _ensure(self, streams):
        self.env.cr.execute(
            """INSERT INTO hub_cursor (stream_id, position, next_poll_at, failures)
               SELECT id, '{}', clock_timestamp() AT TIME ZONE 'UTC', 0 FROM hub_stream
                WHERE id = ANY(%s) AND system_id IS NOT NULL
               ON CONFLICT DO NOTHING""",
            [streams.ids],
        )

    def _poll_now(self, streams):
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_cursor SET next_poll_at = clock_timestamp() AT TIME ZONE 'UTC', failures = 0
                    WHERE stream_id = ANY(%s)""",
                [streams.ids],
            )


class HubSeen(models.Model):
    """Keys of events that were received; outlives the messages themselves."""

    _name = "hub.seen"
    _description = "Seen Event"
    _log_access = False

    system_id = fields.Integer(required=True, readonly=True)
    seen_at = fields.Datetime(readonly=True)

    def init(self):
        self.env.cr.execute(
            """
            ALTER TABLE hub_seen ADD COLUMN IF NOT EXISTS key bytea NOT NULL,
                ALTER COLUMN seen_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC');
            CREATE UNIQUE INDEX IF NOT EXISTS hub_seen_key ON hub_seen(system_id, key);
            """
        )


class HubIdentity(models.Model):
    """Sure keys of business records: two workers cannot create one customer twice."""

    _name = "hub.identity"
    _description = "Identity Key"
    _log_access = False

    company_id = fields.Integer(required=True, readonly=True)
    entity = fields.Char(required=True, readonly=True)
    kind = fields.Char(required=True, readonly=True)
    value = fields.Char(required=True, readonly=True)
    res_id = fields.Integer(required=True, readonly=True)

    _key_unique = models.UniqueIndex("(company_id, entity, kind, value)")


class HubRuleTurn(models.Model):
    """Values by which a rule compares records with each other: two workers that judge records of one value
    at once touch one row, so that one of them begins again and sees what the other wrote."""

    _name = "hub.rule.turn"
    _description = "Turn of a Rule"
    _log_access = False

    rule_id = fields.Many2one("hub.rule", required=True, readonly=True, ondelete="cascade")
    value = fields.Char(required=True, readonly=True)
    turns = fields.Integer(readonly=True)

    _value_unique = models.UniqueIndex("(rule_id, value)")

    def _take(self, rule_id, values):
        self.env.cr.execute(
            """INSERT INTO hub_rule_turn (rule_id, value, turns)
               SELECT %s, v, 1 FROM unnest(%s::varchar[]) v
               ON CONFLICT (rule_id, value) DO UPDATE SET turns = (hub_rule_turn.turns + 1) %% 1000000""",
            [rule_id, sorted(values)],
        )


class HubRun(models.Model):
    """A batch in work. One that is left behind names the messages that killed their worker."""

    _name = "hub.run"
    _description = "Run"
    _log_access = False

    lane = fields.Integer(readonly=True)
    started_at = fields.Datetime(readonly=True)

    def init(self):
        self.env.cr.execute(
            """ALTER TABLE hub_run ADD COLUMN IF NOT EXISTS parts smallint[],
                                   ADD COLUMN IF NOT EXISTS message_ids bigint[]"""
        )


class HubOutbox(models.Model):
    """An Odoo record that changed, marked in the transaction that changed it. Insert only, so that
    it can never make a user's own transaction fail."""

    _name = "hub.outbox"
    _description = "Outbox"
    _log_access = False

    model = fields.Char(required=True, readonly=True)
    res_id = fields.Integer(required=True, readonly=True)
    # Who changed it: whoever typed a value does not approve that it is sent. No foreign key, as a mark is gone soon.
    user_id = fields.Integer(readonly=True)

    def init(self):
        # By PostgreSQL itself, so that a mark costs its writers no more than before.
        self.env.cr.execute(
            """ALTER TABLE hub_outbox ADD COLUMN IF NOT EXISTS marked_at timestamp
               DEFAULT (now() AT TIME ZONE 'UTC')"""
        )


class HubDrainer(models.Model):
    """Who is awake: a door wakes a drainer only if none is."""

    _name = "hub.drainer"
    _description = "Drainer"
    _log_access = False

    name = fields.Char(required=True, readonly=True)
    alive_until = fields.Datetime(readonly=True)
    reported_at = fields.Datetime(readonly=True)

    _name_unique = models.UniqueIndex("(name)")
