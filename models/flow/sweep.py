import json
from datetime import datetime, timedelta, timezone

from odoo import fields, models
from odoo.exceptions import UserError

from ...connectors.errors import ConnectorError
from .cursors import short_cursor
from .fault import unforeseen
from .receive import Incoming


class HubSweep(models.AbstractModel):
    """Deletions of a source that tells of none: a proven full listing of a period, compared with the
    links. What is missing is quarantined, never deleted; an incomplete listing changes nothing."""

    _name = "hub.sweep"
    _description = "Sweep for Deletions"

    def _run(self):
        """Sweep every stream whose product can list a period completely. Called by a nightly cron."""
        streams = self.env["hub.stream"].search(
            [
                ("direction", "=", "in"),
                ("system_id.state", "=", "connected"),
                ("paused", "=", False),
                ("sweep_days", ">", 0),
            ]
        )
        for stream in streams:
            connector_class = stream.system_id._connector_class()
            if hasattr(connector_class, "sweep") and not stream.system_id.paused:
                self._stream(stream)
        return True

    def _stream(self, stream):
        """Compare one stream's period.

        :return: number of records that are gone from the source.
        """
        system, entity = stream.system_id, stream.entity_id
        until = fields.Date.context_today(stream)
        since = until - timedelta(days=stream.sweep_days)
        try:
            listed = system._connector().sweep(entity.code, since, until)
        except Exception as error:
            # Whatever it is: the streams after this one have their look all the same.
            if not isinstance(error, (ConnectorError, UserError)):
                error = unforeseen(error)
            with short_cursor(self.env) as cr:
                cr.execute(
                    "UPDATE hub_cursor SET last_error = %s WHERE stream_id = %s",
                    [getattr(error, "kind", "sign_in"), stream.id],
                )
            return 0
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                SELECT external_id, version FROM hub_link
                 WHERE system_id = %s AND entity_id = %s AND base ->> 'date' BETWEEN %s AND %s
                """,
                [system.id, entity.id, str(since), str(until)],
            )
            gone = [
                (external_id, version)
                for external_id, version in cr.fetchall()
                if external_id not in listed
            ]
            now = datetime.now(timezone.utc)
            self.env["hub.receive"]._store(
                cr,
                system.id,
                system.account_ref or "",
                [
                    Incoming(
                        entity.code,
                        external_id,
                        f"swept:{entity.code}:{external_id}:{version}".encode(),
                        "event",
                        "delete",
                        now,
                        None,
                        json.dumps({"id": external_id, "deleted": True}).encode(),
                    )
                    for external_id, version in gone
                ],
            )
        if gone:
            self.env["hub.engine"]._wake()
        return len(gone)
