import uuid
from datetime import timedelta

from odoo import api, fields, models

from ...connectors.errors import ConnectorError
from ..flow.cursors import short_cursor

LEASE = 90  # seconds; longer than the total deadline of a call
STORE_TRIES = 5


class HubToken(models.Model):
    """Who renews a system's OAuth token now.

    A lease, not a row lock: if our connection breaks after the provider rotated the token, the answer
    is still in memory and is stored on a new connection.
    """

    _name = "hub.token"
    _description = "Token Lease"
    _log_access = False

    system_id = fields.Many2one("hub.system", required=True, ondelete="cascade", readonly=True)
    owner = fields.Char(readonly=True)
    lease_until = fields.Datetime(readonly=True)

    _system_unique = models.UniqueIndex("(system_id)")

    @api.model
    def _secrets(self, system, spent=None):
        """The system's secrets, with an access token that is valid for a while.

        :param spent: an access token that the product does not take any more, whatever its end says.
        :raise ConnectorError: ``sign_in`` if the provider refuses to renew it; ``connection`` while
            another worker renews an expired one.
        """
        secrets, valid, fresh = self._read(system, spent)
        names = system._connector_class().renews_with
        if fresh or not any(secrets.get(name) for name in names):
            return secrets
        me = uuid.uuid4().hex
        if not self._lease(system, me):
            if valid:
                return secrets
            raise ConnectorError("connection", "token_is_renewed", retry_after=2)
        # Another worker may have renewed it since we looked. Its predecessor is spent: a provider that
        # sees it again takes it for stolen and revokes them all.
        with short_cursor(self.env) as cr:
            secrets, _valid, fresh = self.with_env(self.env(cr=cr))._read(system, spent)
        if fresh:
            self._release(system, me)
            return secrets
        try:
            answer = system._connector_with(secrets).refresh(secrets)
        except ConnectorError as error:
            self._release(system, me)
            if error.kind == "sign_in":
                self.env["hub.outage"]._sign_in_lost(system)
            raise
        if self._keep(system, me, answer):
            return {**secrets, "access_token": answer.access}
        with short_cursor(self.env) as cr:
            return self.with_env(self.env(cr=cr))._read(system)[0]

    def _read(self, system, spent=None):
        """What is stored now.

        :return: ``(secrets, whether the access token is valid, whether it needs no renewal yet)``; it is
            renewed at half of its life, so that a slow provider never leaves us without one.
        """
        credentials = self.env["hub.credential"]
        system = system.with_env(self.env)
        secrets = {name: values[0] for name, values in credentials._read_all(system).items()}
        access = credentials.search([("system_id", "=", system.id), ("name", "=", "access_token")])
        now = fields.Datetime.now()
        token = secrets.get("access_token")
        known = bool(token and token != spent and access.expires_at)
        return (
            secrets,
            known and now < access.expires_at,
            known and now < access.expires_at - self._early(access),
        )

    def _early(self, access):
        life = access.expires_at - (access.changed_at or access.expires_at)
        return max(timedelta(seconds=60), life / 2)

    def _admit(self, system, answer, me):
        """Store the first tokens of a person's consent; what was there before is spent.

        :param me: holder of the lease, which is given back.
        """
        credentials = self.env["hub.credential"].search([("system_id", "=", system.id)])
        self._store(credentials, system, answer)
        self._release(system, me)

    def _store(self, credentials, system, answer):
        def one(name):
            found = credentials.filtered(lambda credential: credential.name == name)
            return found or credentials.create({"system_id": system.id, "name": name})

        access = one("access_token")
        access._store(answer.access)
        access.expires_at = answer.expires_at.replace(tzinfo=None)
        if answer.refresh:
            one("refresh_token")._store(answer.refresh, keep_previous=True)

    def _lease(self, system, me):
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_token AS t (system_id, owner, lease_until)
                VALUES (%(system)s, %(me)s, clock_timestamp() AT TIME ZONE 'UTC' + %(lease)s * interval '1 second')
                ON CONFLICT (system_id) DO UPDATE SET owner = EXCLUDED.owner, lease_until = EXCLUDED.lease_until
                 WHERE coalesce(t.lease_until, '-infinity') < clock_timestamp() AT TIME ZONE 'UTC'
                RETURNING id
                """,
                {"system": system.id, "me": me, "lease": LEASE},
            )
            return bool(cr.fetchone())

    def _release(self, system, me):
        with short_cursor(self.env) as cr:
            cr.execute(
                "UPDATE hub_token SET lease_until = NULL WHERE system_id = %s AND owner = %s",
                [system.id, me],
            )

    def _keep(self, system, me, answer):
        """Store a rotated token, on new connections until it sticks: the old one is spent.

        :return: whether it was ours to store. A provider that took longer than the lease has answered
            another worker since; what that one stored stays.
        """
        for attempt in range(STORE_TRIES):
            try:
                with short_cursor(self.env) as cr:
                    cr.execute(
                        """UPDATE hub_token SET lease_until = NULL
                            WHERE system_id = %s AND owner = %s RETURNING id""",
                        [system.id, me],
                    )
                    if not cr.fetchone():
                        return False
                    # The engine keeps the token for every later call, whoever made this one.
                    env = api.Environment(cr, api.SUPERUSER_ID, {})
                    credentials = env["hub.credential"].search([("system_id", "=", system.id)])
                    self._store(credentials, system, answer)
                return True
            except Exception:
                if attempt == STORE_TRIES - 1:
                    raise
