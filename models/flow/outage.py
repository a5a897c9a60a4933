from odoo import models

from ...connectors.errors import NOT_THERE_YET, ConnectorError
from ...core.keys import fingerprint
from ...core.retry import transient
from .cursors import short_cursor

BLOCKING = ("permission", "schema")
# The product was not reached, or is down; any other fault is an answer.
DOWN = ("connection", "product_down", "unknown")
# Our own reasons not to call: they say nothing about the product.
NOT_CALLED = ("own_pace", "token_is_renewed")


class HubOutage(models.AbstractModel):
    """Faults of a whole system are one issue and one circuit, not one a message."""

    _name = "hub.outage"
    _description = "System Faults"

    def _report(self, system, error, leave, entity=None, poll=False):
        """A call failed for a reason that lies with the system.

        A sign-in fault stops the system until a person mends it; the messages that wait keep their
        tries. What an account may not read, or an answer that is no answer, is one issue for all that
        waits: it goes on by itself, and the issue closes, when a call works again.

        :param leave: the :class:`~.circuit.Pass` under which the call was made.
        :param entity: what was read, a ``hub.entity`` record.
        :param poll: the call was for no message, so no exception tells of the fault.
        """
        kind, code = getattr(error, "kind", "sign_in"), getattr(error, "code", "no_secret")
        circuit = self.env["hub.circuit"]
        if code in NOT_CALLED or kind == "bug" or not isinstance(error, ConnectorError):
            circuit._not_tried(leave, getattr(error, "retry_after", None) or 5.0)
        elif kind in DOWN and code != NOT_THERE_YET:
            circuit._failed(leave)
        else:
            circuit._answered(leave)
        if kind in ("rate", "product_down") and error.retry_after and code not in NOT_CALLED:
            # All workers wait, not only the one that was told.
            self.env["hub.pace"]._block(system.id, error.retry_after)
        if kind == "sign_in" and not self._expire_token(system):
            self._sign_in_lost(system)
        if entity and (kind in BLOCKING or (poll and kind != "sign_in" and not transient(kind))):
            self._open_issue(
                system,
                fingerprint(system.id, entity.id, "blocked"),
                f"error_{kind}",
                kind,
                {
                    "system": system.name,
                    "code": error.code,
                    "status": error.status,
                },
                entity,
            )

    def _works(self, system, leave, entity):
        """A call worked: the circuit closes, and so does the issue about what could not be read."""
        self.env["hub.circuit"]._answered(leave)
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_issue SET state = 'resolved', resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
                    WHERE fingerprint = %s AND state = 'open'""",
                [fingerprint(system.id, entity.id, "blocked")],
            )

    def _expire_token(self, system):
        """An OAuth token that is refused may have expired early: it is renewed once before we give up.

        :return: whether a renewal is worth trying.
        """
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                UPDATE hub_credential a SET expires_at = clock_timestamp() AT TIME ZONE 'UTC'
                 WHERE a.system_id = %s AND a.name = 'access_token'
                   AND coalesce(a.changed_at, '-infinity')
                       < clock_timestamp() AT TIME ZONE 'UTC' - interval '60 seconds'
                   AND EXISTS (
                       SELECT 1 FROM hub_credential r
                        WHERE r.system_id = a.system_id AND r.name = ANY(%s)
                          AND r.envelope IS NOT NULL)
                """,
                [system.id, list(system._connector_class().renews_with)],
            )
            return bool(cr.rowcount)

    def _sign_in_lost(self, system):
        """One issue for the whole system; what waits keeps its tries until a person reconnects."""
        with short_cursor(self.env) as cr:
            cr.execute(
                "UPDATE hub_system SET state = 'error' WHERE id = %s AND state = 'connected'",
                [system.id],
            )
        self._open_issue(system, fingerprint(system.id, "sign_in"), "reconnect", "sign_in", {})

    def _open_issue(self, system, cause, code, kind, params, entity=None):
        """An issue without messages of its own, open once a cause."""
        self.env["hub.issue"]._stand(
            [
                {
                    "fingerprint": cause,
                    "code": code,
                    "kind": kind,
                    "params": params,
                    "system_id": system.id,
                    "entity_id": entity.id if entity else None,
                    "owner_id": system.owner_id.id,
                    "impact": "high",
                }
            ]
        )

    def _mended(self, system):
        """The connection works again: the circuit closes, and so does the issue."""
        self.env["hub.circuit"]._close(system.id)
        self.env.cr.execute(
            """UPDATE hub_issue SET state = 'resolved', resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE fingerprint = %s AND state = 'open'""",
            [fingerprint(system.id, "sign_in")],
        )
        self.env["hub.issue"].invalidate_model()
        self.env["hub.cursor"]._poll_now(system.stream_ids)
        self.env["hub.engine"]._wake_after_commit()
