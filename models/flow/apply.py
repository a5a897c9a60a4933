import json
import logging
import time
import traceback
from collections import defaultdict

import psycopg2.errors
from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...core.order import choose
from ...core.problem import Problem
from ...core.slices import Costs
from .apply_batch import ApplyBatch
from .context import HUB_CONTEXT
from .cursors import business_cursor, short_cursor
from .effects import Effects, state_row
from .rests import Busy

_logger = logging.getLogger(__name__)

BUSY_SECONDS = 1.0  # that a lane rests in this process after a record was held by another for long
SECONDS = 0.5  # so long a slice may keep a worker from what is more urgent
_costs = Costs()  # of this process

CONCURRENCY = (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, psycopg2.errors.LockNotAvailable)
# PostgreSQL went away: no message is to blame. A statement that took too long is no lost connection.
LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)


def _is_lost(error):
    return isinstance(error, LOST) and not isinstance(error, psycopg2.errors.QueryCanceled)


class HubApply(models.AbstractModel):
    """Apply: one transaction for many messages, from stored bytes to Odoo records."""

    _name = "hub.apply"
    _description = "Apply Messages"

    def _slice(self, lane, limit):
        """Apply one batch of a lane.

        The partitions are locked by a transaction of their own, which outlives the one that applies:
        that one's snapshot is younger than the lock, so it sees all that was done to these records.

        :param limit: how many messages at most.
        :return: number of messages that were decided, 0 if there is nothing to do.
        :raise Busy: somebody holds a record for long; what was claimed is looked at again in some seconds.
        """
        claim = self.env["hub.claim"]
        effects = Effects()
        with short_cursor(self.env) as lock:
            parts = claim._lock_parts(lock, lane)
            if not parts:
                return 0
            given_up = claim._bury(lock, lane, parts)
            if given_up is not None:
                self._give_up(lock, given_up)
                return 1
            run_id, count, error = self._apply_locked(lane, parts, limit, effects)
            # Gone with the same commit that frees the partitions: nobody takes it for a dead one's.
            lock.execute("DELETE FROM hub_run WHERE id = %s", [run_id])
        if isinstance(error, Busy):
            raise error
        if error is not None:
            self._isolate(error.message_ids, error)
        self._after(effects)
        return count

    def _apply_locked(self, lane, parts, limit, effects):
        """Claim and apply in one transaction.

        :return: ``(run id, number of messages, error that no single message explains)``.
        """
        run_id, rows, place = None, [], (self.env.cr.dbname, lane)
        if SECONDS:
            limit = min(limit, _costs.claim(place))
        try:
            with business_cursor(self.env) as cr:
                try:
                    rows = self.env["hub.claim"]._claim(cr, lane, parts, limit)
                    if not rows:
                        return None, 0, None
                    run_id = self._open_run(lane, parts, [row["id"] for row in rows])
                    self._apply_rows(cr, rows, effects, SECONDS)
                    cr.hub_commit()
                except CONCURRENCY as error:
                    cr.rollback()
                    effects.clear()
                    if isinstance(error, psycopg2.errors.LockNotAvailable):
                        self._defer([row["id"] for row in rows])
                        # Else lane after lane would wait for it, and nothing be read or sent meanwhile.
                        return run_id, 0, Busy(BUSY_SECONDS)
                    return run_id, 1, None
                except Exception as error:
                    if _is_lost(error):
                        raise
                    cr.rollback()
                    error.message_ids = effects.working or [row["id"] for row in rows]
                    effects.clear()
                    return run_id, 1, error
                _costs.decided(place, effects.count)
                return run_id, effects.count, None
        except LOST as error:
            effects.clear()
            # Class only: the text of an error can hold personal data.
            _logger.warning("The database went away in a batch: %s", type(error).__name__)
            return run_id, 0, None

    def _defer(self, message_ids):
        """Somebody holds a record for long: look again in some seconds, not all at the same moment."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_message
                      SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                                            + (2 + 4 * random()) * interval '1 second'
                    WHERE id = ANY(%s) AND state = 'pending'""",
                [message_ids],
            )

    # -- runs ----------------------------------------------------------------------------------------

    def _open_run(self, lane, parts, message_ids):
        """Commit what is about to be worked on, so that a killed worker leaves a trace."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """INSERT INTO hub_run (lane, parts, message_ids, started_at)
                   VALUES (%s, %s, %s, now() AT TIME ZONE 'UTC') RETURNING id""",
                [lane, parts, message_ids],
            )
            return cr.fetchone()[0]

    def _isolate(self, message_ids, error):
        """An error that no single message explains: smaller batches until one stands alone."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        # Class and place only: the text of an error can hold personal data.
        _logger.error(
            "Applying %s messages failed: %s at %s:%s",
            len(message_ids),
            type(error).__name__,
            place.filename,
            place.lineno,
        )
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                UPDATE hub_message
                   SET crashes = crashes + 1, reason = 'bug',
                       params = %s, next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + interval '2 seconds'
                 WHERE id = ANY(%s) AND state = 'pending' RETURNING id, crashes
                """,
                [
                    json.dumps(
                        {"type": type(error).__name__, "place": f"{place.name}:{place.lineno}"}
                    ),
                    message_ids,
                ],
            )
            dead = [m for m, crashes in cr.fetchall() if crashes >= 3 and len(message_ids) == 1]
            self._give_up(cr, dead, code="bug")

    def _give_up(self, cr, message_ids, code="kills_worker"):
        if not message_ids:
            return
        cr.execute(
            """UPDATE hub_message SET state = 'dead', done_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE id = ANY(%s) RETURNING id, system_id, entity_id, stream_id, company_id, params""",
            [message_ids],
        )
        rows = cr.dictfetchall()
        self.env["hub.exception"]._open(
            cr,
            [
                self._exception_row(row, Problem(code, kind="bug", **(row["params"] or {})))
                for row in rows
            ],
        )

    # -- one batch -----------------------------------------------------------------------------------

    def _apply_rows(self, cr, rows, effects, seconds=None, anew=False):
        """Apply claimed messages; what became of them is written, what is left to do is in ``effects``.

        :param seconds: what this time does not suffice for stays as it is, and is claimed again; None for
            as long as it takes.
        :param anew: judge what was applied before as if it came for the first time (simulation).
        """
        cr.execute(
            "SELECT id, user_id FROM hub_system WHERE id = ANY(%s)",
            [[row["system_id"] for row in rows]],
        )
        users = dict(cr.fetchall())
        groups = defaultdict(list)
        for row in self._newest_only(cr, rows, effects):
            groups[row["system_id"], row["entity_id"]].append(row)
        order = self._entity_order(cr)
        end = time.monotonic() + seconds if seconds else None
        for system_id, entity_id in sorted(groups, key=lambda key: order[key[1]]):
            # The technical user is the transaction's own user: nothing runs as superuser by default.
            env = api.Environment(cr, users[system_id], dict(HUB_CONTEXT))
            batch = ApplyBatch(env, system_id, entity_id, anew=anew)
            kind, rest = (cr.dbname, system_id, entity_id), groups[system_id, entity_id]
            # Parts are sized by what writing costs: what needs none is decided at once, not in many parts.
            settled, rest = batch.split(rest)
            if settled:
                effects.working = [row["id"] for row in settled]
                batch.run(settled)
                self._record(cr, env, batch, effects)
            while rest:
                size = len(rest) if end is None else _costs.size(kind, end - time.monotonic())
                part, rest = rest[:size], rest[size:]
                effects.working = [row["id"] for row in part]
                batch.run(part)
                self._record(cr, env, batch, effects)
                _costs.took(kind, batch.written, batch.seconds)
                if end is not None and time.monotonic() > end - seconds / 3:
                    return  # a small part costs nearly as much as a large one

    def _entity_order(self, cr):
        cr.execute("SELECT id, sequence FROM hub_entity")
        return dict(cr.fetchall())

    def _newest_only(self, cr, rows, effects):
        """Park what has to wait; of several full records of one thing keep the newest.

        :return: the rows to apply now; those in whose place one stands end when it does.
        """
        chosen = choose(rows)
        for row in chosen.later:
            effects.states.append(
                state_row(
                    row, "waiting", "waits_for_earlier", wait_key=row["order_key"], seconds=60
                )
            )
            effects.parked.append((row["id"], row["order_key"]))
        self._store_states(cr, effects)
        return chosen.now
