import logging
import threading
import time
from datetime import datetime, timezone

from odoo import models, tools

from ...connectors.errors import ConnectorError
from ...connectors.http import Session
from .cursors import is_simulated, let_go
from .pace import MAX_WAIT

_logger = logging.getLogger(__name__)

KEEP_OPEN = 20.0  # seconds that an unused connection is kept; products close theirs later
_sessions = threading.local()  # of this thread: a session knows which call it is making


class HubHttp(models.AbstractModel):
    """The one hardened session that goes out, with pacing shared by all workers."""

    _name = "hub.http"
    _description = "Outgoing HTTP"

    def _clock(self):
        return datetime.now(timezone.utc)

    def _local_hosts(self):
        """Sandboxes on this machine that may be called, from Odoo's configuration file only."""
        text = tools.config.get("hub_local_hosts") or ""
        return [entry.strip() for entry in str(text).split(",") if entry.strip()]

    def _session(self, system):
        """A session for one system. Its connections outlive this transaction: a new one for each
        batch would cost a TLS handshake each time.

        :raise RuntimeError: in a simulation, of which nothing may leave.
        """
        if is_simulated(self.env.cr):
            raise RuntimeError("a module tried to call a product in a simulation")
        cls = system._connector_class()
        system_id = system.id
        pace = self.env["hub.pace"]
        limits = {
            limit.bucket: (limit.calls, limit.seconds, limit.reserve) for limit in system.limit_ids
        }

        def limit_of(bucket):
            return limits.get(bucket) or cls.pace.get(bucket) or cls.pace["default"]

        def before_call(bucket):
            if not let_go(self.env.cr):
                raise ConnectorError("rate", "own_pace")
            wait = pace._next(system_id, bucket, *limit_of(bucket))
            if wait > MAX_WAIT:
                raise ConnectorError("rate", "own_pace", retry_after=wait)
            if wait > 0:
                time.sleep(wait)

        def on_call(report):
            _logger.debug(
                "%s %s %s %.3fs %s",
                report.method,
                report.path,
                report.status,
                report.seconds,
                report.error_kind,
            )
            if report.allowances:
                limit = limit_of(report.bucket)
                pace._heed(system_id, report.bucket, report.allowances, *limit[2:])

        agent = (
            f"Lead-to-Cash Hub ({system.contact_email})"
            if system.contact_email
            else "Lead-to-Cash Hub"
        )
        session = self._kept((self.env.cr.dbname, system_id, agent, tuple(self._local_hosts())))
        session.before_call, session.on_call = before_call, on_call
        return session

    def _kept(self, key):
        """This thread's session with that key; what was not used for a while is closed."""
        now = time.monotonic()
        kept = _sessions.__dict__
        for other, (session, used) in list(kept.items()):
            if now - used > KEEP_OPEN:
                session.close()
                del kept[other]
        session = kept[key][0] if key in kept else Session(user_agent=key[2], local_hosts=key[3])
        kept[key] = (session, now)
        return session
