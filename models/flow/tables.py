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


class HubDrainer(models.Model):
    """Who is awake: a door wakes a drainer only if none is."""

    _name = "hub.drainer"
    _description = "Drainer"
    _log_access = False

    name = fields.Char(required=True, readonly=True)
    alive_until = fields.Datetime(readonly=True)
    reported_at = fields.Datetime(readonly=True)

    _name_unique = models.UniqueIndex("(name)")


class HubPace(models.Model):
    """One row a system and bucket: when the next call may leave (generic cell rate algorithm)."""

    _name = "hub.pace"
    _description = "Pace"
    _log_access = False

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", readonly=True)
    bucket = fields.Char(required=True, readonly=True)
    tat = fields.Datetime(readonly=True)
    blocked_until = fields.Datetime(readonly=True)

    _bucket_unique = models.UniqueIndex("(system_id, bucket)")

    def _reserve(self, system_id, bucket, calls, seconds):
        """Reserve one slot for a call, shared by all workers.

        :return: seconds to wait before the call; above the burst of one window it grows.
        """
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_pace AS p (system_id, bucket, tat)
                VALUES (%(system)s, %(bucket)s, clock_timestamp() AT TIME ZONE 'UTC')
                ON CONFLICT (system_id, bucket) DO UPDATE
                   SET tat = greatest(p.tat, clock_timestamp() AT TIME ZONE 'UTC' - %(burst)s * interval '1 second')
                             + %(step)s * interval '1 second'
                RETURNING extract(epoch FROM greatest(tat, coalesce(blocked_until, tat))
                                  - clock_timestamp() AT TIME ZONE 'UTC')
                """,
                {"system": system_id, "bucket": bucket, "burst": seconds, "step": seconds / calls},
            )
            return max(0.0, float(cr.fetchone()[0]))

    def _block(self, system_id, bucket, seconds):
        """The product said when it wants to hear from us again."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """INSERT INTO hub_pace (system_id, bucket, tat, blocked_until)
                   VALUES (%(system)s, %(bucket)s, clock_timestamp() AT TIME ZONE 'UTC',
                           clock_timestamp() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 second')
                   ON CONFLICT (system_id, bucket) DO UPDATE SET blocked_until = EXCLUDED.blocked_until""",
                {"system": system_id, "bucket": bucket, "seconds": seconds},
            )


class HubCircuit(models.Model):
    """Whether a system answers at all. While it is open, messages keep their tries."""

    _name = "hub.circuit"
    _description = "Circuit"
    _log_access = False

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", readonly=True)
    state = fields.Selection([("closed", "Closed"), ("open", "Open")], readonly=True)
    failures = fields.Integer(readonly=True)
    retry_at = fields.Datetime(readonly=True)

    _system_unique = models.UniqueIndex("(system_id)")

    OPEN_AFTER = 5
    OPEN_SECONDS = 20

    def _failed(self, system_id):
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_circuit AS c (system_id, state, failures) VALUES (%(system)s, 'closed', 1)
                ON CONFLICT (system_id) DO UPDATE
                   SET failures = c.failures + 1,
                       state = CASE WHEN c.failures + 1 >= %(limit)s THEN 'open' ELSE c.state END,
                       retry_at = clock_timestamp() AT TIME ZONE 'UTC' + interval '1 second' * least(
                           %(seconds)s * power(2, least(greatest(c.failures - %(limit)s, 0), 5)), 600)
                """,
                {"system": system_id, "limit": self.OPEN_AFTER, "seconds": self.OPEN_SECONDS},
            )

    def _reset(self, system_id):
        with short_cursor(self.env) as cr:
            cr.execute(
                "UPDATE hub_circuit SET state = 'closed', failures = 0 WHERE system_id = %s AND failures > 0",
                [system_id],
            )
