import json
import logging
import traceback
from datetime import datetime
from typing import NamedTuple

from odoo import models

from ...connectors.errors import ConnectorError
from ...core import retry
from ...core.problem import Problem

_logger = logging.getLogger(__name__)

# The product has judged these very values, and has not taken them. What is said of the network, the
# account or another writer tells nothing of a try before.
REFUSED = ("data", "reference", "rule")


class Fault(NamedTuple):
    """One message whose call failed. ``error`` is a ``ConnectorError``."""

    row: dict
    error: Exception


def unforeseen(error):
    """What no connector should raise, as an error that a person sees. Class and place only."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    _logger.error("A connector failed: %s in %s:%s", type(error).__name__, place.name, place.lineno)
    params = {"type": type(error).__name__, "place": f"{place.name}:{place.lineno}"}
    return ConnectorError("bug", "unforeseen", params=params)


class HubFault(models.AbstractModel):
    """What becomes of messages whose call to a product failed: tried again, or before a person."""

    _name = "hub.fault"
    _description = "Faults of Calls"

    def _settle(self, cr, system, stage, faults):
        """Decide about all faults of one batch, in one statement a step.

        :param stage: ``fetch`` (rows in state received) or ``deliver`` (rows in state sending, whose
            attempt must still be ours).
        :param faults: list of :class:`Fault`; rows carry id, attempts, stream_id, and token.
        :return: whether a person has to look at one of them.
        """
        if not faults:
            return False
        now = datetime.utcnow()
        policies = self._policies(faults)
        again, over = [], []
        for fault in faults:
            decision, tried = self._decide(stage, fault, policies, now)
            (again if decision.retry_at else over).append((fault, decision, tried))
        self._retry(cr, stage, again, now)
        failed = self._fail(cr, system, stage, over)
        cr.execute(
            """INSERT INTO hub_attempt (message_id, stage, at, outcome, params)
               SELECT u.id, %s, clock_timestamp() AT TIME ZONE 'UTC', u.code, u.params
                 FROM unnest(%s::int[], %s::varchar[], %s::jsonb[]) u(id, code, params)""",
            [
                stage,
                [fault.row["id"] for fault in faults],
                [self._code(fault) for fault in faults],
                [json.dumps(self._params(fault, system), default=str) for fault in faults],
            ],
        )
        return bool(failed)

    def _policies(self, faults):
        streams = self.env["hub.stream"].browse({f.row["stream_id"] for f in faults} - {None})
        return {stream.id: stream._retry_policy() for stream in streams}

    def _decide(self, stage, fault, policies, now):
        """When to try again, and the number of tries that count."""
        # A delivery was counted when it was marked as sending; a fetch is counted here.
        before = fault.row["attempts"] - (stage == "deliver")
        decision = retry.decide(
            fault.error.kind,
            before + 1,
            now,
            policy=policies.get(fault.row["stream_id"]) or retry.Policy(),
            retry_after=fault.error.retry_after,
            reading=stage == "fetch",
        )
        return decision, before + decision.counts

    def _code(self, fault):
        return f"error_{fault.error.kind}"

    def _maybe_sent(self, fault):
        """Whether the write may have taken effect, or None if this fault tells nothing of it."""
        if fault.error.kind == "unknown":
            return True
        return False if fault.error.kind in REFUSED else None

    def _params(self, fault, system):
        error = fault.error
        return dict(error.params) | {
            "status": error.status,
            "code": error.code,
            "system": system.name,
        }

    def _retry(self, cr, stage, again, now):
        if not again:
            return
        cr.execute(
            """
            UPDATE hub_message m
               SET state = %s, reason = u.code, attempts = u.tried,
                   maybe_sent = coalesce(u.maybe_sent, m.maybe_sent),
                   next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                                     + u.seconds * interval '1 second'
              FROM unnest(%s::int[], %s::varchar[], %s::int[], %s::float[], %s::varchar[],
                          %s::boolean[]) u(id, code, tried, seconds, token, maybe_sent)
             WHERE m.id = u.id AND m.state = %s
               AND m.attempt_token IS NOT DISTINCT FROM coalesce(u.token, m.attempt_token)
            """,
            [
                "received" if stage == "fetch" else "pending",
                [fault.row["id"] for fault, _decision, _tried in again],
                [self._code(fault) for fault, _decision, _tried in again],
                [tried for _fault, _decision, tried in again],
                [max(0.05, (d.retry_at - now).total_seconds()) for _fault, d, _tried in again],
                [fault.row.get("token") for fault, _decision, _tried in again],
                [self._maybe_sent(fault) for fault, _decision, _tried in again],
                "received" if stage == "fetch" else "sending",
            ],
        )

    def _fail(self, cr, system, stage, over):
        """These need a person.

        :return: ids of the messages that failed now.
        """
        if not over:
            return set()
        cr.execute(
            """
            UPDATE hub_message m
               SET state = u.state, reason = u.code, params = u.params, attempts = u.tried,
                   maybe_sent = coalesce(u.maybe_sent, m.maybe_sent),
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
              FROM unnest(%s::int[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::int[],
                          %s::varchar[], %s::boolean[])
                   u(id, state, code, params, tried, token, maybe_sent)
             WHERE m.id = u.id AND m.state = %s
               AND m.attempt_token IS NOT DISTINCT FROM coalesce(u.token, m.attempt_token)
            RETURNING m.id
            """,
            [
                [fault.row["id"] for fault, _decision, _tried in over],
                ["dead" if d.dead else "failed" for _fault, d, _tried in over],
                [self._code(fault) for fault, _decision, _tried in over],
                [json.dumps(self._params(fault, system), default=str) for fault, _d, _t in over],
                [tried for _fault, _decision, tried in over],
                [fault.row.get("token") for fault, _decision, _tried in over],
                [self._maybe_sent(fault) for fault, _decision, _tried in over],
                "received" if stage == "fetch" else "sending",
            ],
        )
        failed = {row[0] for row in cr.fetchall()}
        streams = self.env["hub.stream"].browse(
            {fault.row["stream_id"] for fault, _decision, _tried in over} - {None}
        )
        processes = {stream.id: stream.process_id.id for stream in streams}
        self.env["hub.exception"]._open(
            cr,
            [
                self.env["hub.apply"]._exception_row(
                    fault.row,
                    Problem(
                        self._code(fault),
                        kind=fault.error.kind,
                        cause=fault.error.code,
                        **self._params(fault, system),
                    ),
                    process_id=processes.get(fault.row["stream_id"]),
                    owner_id=system.owner_id.id or None,
                )
                for fault, _decision, _tried in over
                if fault.row["id"] in failed
            ],
        )
        return failed
