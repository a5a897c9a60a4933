from odoo import models

from ...core.keys import fingerprint
from .cursors import short_cursor


class HubOutage(models.AbstractModel):
    """Faults of a whole system are one issue and one circuit, not one a message."""

    _name = "hub.outage"
    _description = "System Faults"

    def _report(self, system, kind):
        """A call failed for a reason that lies with the system.

        Sign-in and permission faults stop the system until a person mends it; the messages that
        wait keep their tries.
        """
        if kind in ("connection", "product_down", "unknown"):
            self.env["hub.circuit"]._failed(system.id)
        if kind != "sign_in":
            return
        with short_cursor(self.env) as cr:
            cr.execute("UPDATE hub_system SET state = 'error' WHERE id = %s AND state = 'connected'", [system.id])
            cr.execute(
                """
                INSERT INTO hub_issue (fingerprint, code, kind, params, system_id, owner_id, impact, state, opened_at,
                                       exception_count, waiting_count, at_risk, create_date, write_date)
                VALUES (%s, 'reconnect', 'sign_in', '{}', %s, %s, 'high', 'open', now() AT TIME ZONE 'UTC', 0, 0, 0,
                        now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
                ON CONFLICT (fingerprint) WHERE state = 'open' DO NOTHING
                """,
                [fingerprint(system.id, "sign_in"), system.id, system.owner_id.id],
            )
