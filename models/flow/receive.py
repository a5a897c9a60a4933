from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL, ormcache

from ...core.keys import digest, event_key, order_key
from .cursors import NOTHING, own_transaction

FEW = 16  # for so many messages at once a plan made for some is good enough

# What a statement that stores messages is given, and its type: of the delivery, then of each message.
_GIVEN = {
    "system": "int",
    "lane": "int",
    "webhook": "boolean",
    "key": "bytea[]",
    "entity": "varchar[]",
    "external": "varchar[]",
    "order": "bigint[]",
    "kind": "varchar[]",
    "action": "varchar[]",
    "changed": "timestamp[]",
    "version": "varchar[]",
    "payload": "bytea[]",
    "digest": "varchar[]",
    "reason": "varchar[]",
    "merged": "varchar[]",
    "place": "int[]",
}
_CALL = f"SELECT hub_store({', '.join(f'%s::{kind}' for kind in _GIVEN.values())})"
_PARTS = """
    WITH u AS (
        SELECT * FROM unnest(
            %(key)s, %(entity)s, %(external)s, %(order)s, %(kind)s, %(action)s, %(changed)s,
            %(version)s, %(payload)s, %(digest)s, %(reason)s, %(merged)s, %(place)s
        ) u(key, entity, external_id, order_key, kind, action,
            changed_at, version, payload, digest, reason, merged_into, place)
    ), fresh AS (
        INSERT INTO hub_seen (system_id, key)
        SELECT %(system)s, key FROM u ON CONFLICT DO NOTHING RETURNING key
    ), body AS (
        INSERT INTO hub_payload (system_id, digest, body)
        SELECT %(system)s, u.digest, u.payload FROM u JOIN fresh USING (key)
        RETURNING id, digest
    )
"""
_INSERT = """
    INSERT INTO hub_message (
        system_id, stream_id, entity_id, external_id, order_key, part, lane, direction,
        kind, action, changed_at, version, payload_id, state, reason, params, merged_into,
        author_id, schema_version, done_at)
    SELECT %(system)s, s.id, e.id, u.external_id, u.order_key, (u.order_key & 63)::smallint,
           coalesce(%(lane)s, CASE WHEN %(webhook)s THEN s.webhook_lane ELSE s.lane END, 1),
           'in', u.kind, u.action,
           u.changed_at, u.version,
           (SELECT min(body.id) FROM body WHERE body.digest = u.digest),
           CASE WHEN u.action = 'ignored' OR s.id IS NULL THEN 'skipped'
                WHEN u.kind = 'notice' THEN 'received' ELSE 'pending' END,
           CASE WHEN u.action = 'ignored' THEN 'ignored_event'
                WHEN s.id IS NULL THEN 'no_stream' END,
           CASE WHEN u.action = 'ignored' THEN jsonb_build_object('type', u.reason) END,
           u.merged_into, %(author)s::int, %(schema)s::int,
           CASE WHEN u.action = 'ignored' OR s.id IS NULL
                THEN clock_timestamp() AT TIME ZONE 'UTC' END
      FROM u JOIN fresh USING (key)
      LEFT JOIN hub_entity e ON e.code = u.entity
      LEFT JOIN hub_stream s ON s.system_id = %(system)s AND s.entity_id = e.id
                            AND s.direction = 'in' AND s.active
     ORDER BY u.place  -- ids say in which order they arrived
"""
_STORE = f"{_PARTS} {_INSERT}"
_STORE_AND_TELL = f"{_PARTS}, stored AS ({_INSERT}) SELECT key FROM fresh"

DOOR_SETTINGS = ("account_id", "live_mode")  # what ``Connector.verify`` may ask for


class Incoming(NamedTuple):
    """One thing to store: from a webhook (notice) or a poll (record)."""

    entity: str
    external_id: str
    provider_key: bytes
    kind: str
    action: str
    changed_at: object
    version: str | None
    payload: bytes
    reason: str | None = None
    merged_into: str | None = None


class HubReceive(models.AbstractModel):
    """Receive: what came in is stored once, whatever is delivered again."""

    _name = "hub.receive"
    _description = "Receive Messages"

    def _store(
        self,
        cr,
        system_id,
        account,
        incoming,
        *,
        lane=None,
        webhook=False,
        settling=NOTHING,
        author=None,
        schema=None,
        tell=False,
    ):
        """Store new messages with their payloads in one statement.

        :param cr: a READ COMMITTED cursor, so that a duplicate committed a moment ago is seen.
        :param incoming: list of :class:`Incoming`.
        :param lane: overrides the lanes of the streams.
        :param webhook: take the lane that each stream has for its webhooks.
        :param settling: SQL in front of the statement, see ``own_transaction``.
        :param author: id of the user who brings the values, and therefore approves none of them.
        :param schema: number of the published version of the entity that they were judged by.
        :param tell: whether the caller has to know which ones are new.
        :return: number of new messages (``tell``: the set of their provider keys); the others were received
            before. Of several with one key the last counts.
        """
        rows, named = {}, {}
        for one in incoming:
            key = event_key(system_id, account, one.provider_key)
            named[key] = one.provider_key
            rows[key] = (
                key,
                one.entity,
                str(one.external_id),
                order_key(system_id, one.entity, one.external_id),
                one.kind,
                one.action,
                one.changed_at.replace(tzinfo=None) if one.changed_at else None,
                one.version,
                one.payload,
                digest(one.payload.decode("utf-8", "replace")),
                one.reason,
                one.merged_into,
                len(rows),
            )
        if not rows:
            return set() if tell else 0
        # Keys in one order everywhere: two deliveries with the same events cannot deadlock.
        columns = zip(*(rows[key] for key in sorted(rows)), strict=True)
        values = [system_id, lane, webhook, *map(list, columns)]
        # A conflict would otherwise write the whole payload into the log.
        if len(rows) <= FEW and not tell and author is None and schema is None:
            cr.execute(SQL("%s %s", settling, SQL(_CALL, *values)), log_exceptions=False)
            return cr.fetchone()[0]
        given = {
            name: SQL(f"%s::{kind}", value)
            for (name, kind), value in zip(_GIVEN.items(), values, strict=True)
        }
        statement = SQL(_STORE_AND_TELL if tell else _STORE, author=author, schema=schema, **given)
        cr.execute(SQL("%s %s", settling, statement), log_exceptions=False)
        return {named[bytes(row[0])] for row in cr.fetchall()} if tell else cr.rowcount

    def init(self):
        """The statement as a function, of which PostgreSQL keeps the plan: planning would cost a door nearly
        as much as storing one message."""
        arguments = ", ".join(f"p_{name} {kind}" for name, kind in _GIVEN.items())
        self.env.cr.execute(
            SQL(
                """
            CREATE OR REPLACE FUNCTION hub_store(%s) RETURNS integer LANGUAGE plpgsql
               SET plan_cache_mode TO force_generic_plan AS $$
            DECLARE stored integer;
            BEGIN
                %s;
                GET DIAGNOSTICS stored = ROW_COUNT;
                RETURN stored;
            END $$
            """,
                SQL(arguments),
                SQL(
                    _STORE, author=None, schema=None, **{name: SQL(f"p_{name}") for name in _GIVEN}
                ),
            )
        )

    def _receive(self, door, notices):
        """Store the notices of one webhook, in a transaction of its own, and wake a drainer."""
        incoming = [
            Incoming(
                n.entity,
                n.external_id,
                n.event_key,
                n.kind,
                n.action,
                n.changed_at,
                n.version,
                n.payload,
                n.reason or None,
                n.merged_into,
            )
            for n in notices
        ]
        with own_transaction(self.env.cr) as settling:
            count = self._store(
                self.env.cr, door.system_id, door.account, incoming, webhook=True, settling=settling
            )
        if count:
            self.env["hub.engine"]._wake(self.env.cr)
        return count

    def _find(self, token):
        """What a door has to know of the system behind its address. Asks the database once for each
        change of the configuration, in each process; for unknown addresses each time.

        :return: :class:`Door`, or None.
        """
        try:
            return self._door(token)
        except LookupError:
            return None

    @api.model
    @ormcache("token")
    def _door(self, token):
        """As :meth:`_find`.

        :raise LookupError: nobody has this address; that is not kept, or strangers could fill the cache.
        """
        # A door has no user; only what belongs to the door is read.
        system = self.env["hub.system"].sudo().search([("webhook_token", "=", token)])
        if not system:
            raise LookupError(token)
        settings = system._settings()
        wanted = system._connector_class().webhook_secret_field
        credential = system.credential_ids.filtered(lambda c: c.name == wanted and c.envelope)
        return Door(
            system.id,
            system._connector_class(),
            system.account_ref or "",
            tuple((name, settings[name]) for name in DOOR_SETTINGS),
            credential._sealed() if credential else None,
            frozenset(system.api_user_ids.ids),
        )

    def _forget_doors(self):
        """The configuration changed: all processes read it anew, whatever made the change."""
        self.env.registry.clear_cache()
        self.env.cr.postcommit.add(self.env.registry.signal_changes)


class Door(NamedTuple):
    """A webhook address in memory: no secret in it is readable without the key."""

    system_id: int
    connector: type
    account: str
    settings: tuple
    sealed: object
    users: frozenset  # whose API keys may push

    def secrets(self, keys):
        """The secrets that may have signed; none if none is stored.

        :raise envelope.NotBound, envelope.NoKey: they cannot be opened.
        """
        return self.sealed.open(keys) if self.sealed else []
