import logging
import time
from datetime import datetime, timezone

from odoo import models, tools

from ...connectors.errors import ConnectorError
from ...connectors.http import Session

_logger = logging.getLogger(__name__)

# A worker does not sleep longer than this for a slot; the message waits instead.
MAX_PACE_WAIT = 5.0


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
        """A session for one system."""
        cls = system._connector_class()
        system_id = system.id
        pace = self.env["hub.pace"]

        def before_call(bucket):
            calls, seconds = cls.pace.get(bucket) or cls.pace["default"]
            wait = pace._reserve(system_id, bucket, calls, seconds)
            if wait > MAX_PACE_WAIT:
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

        agent = (
            f"Lead-to-Cash Hub ({system.contact_email})"
            if system.contact_email
            else "Lead-to-Cash Hub"
        )
        return Session(
            user_agent=agent,
            local_hosts=self._local_hosts(),
            before_call=before_call,
            on_call=on_call,
        )
