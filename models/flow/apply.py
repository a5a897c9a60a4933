import json
import logging
import traceback
from collections import defaultdict
from datetime import datetime, timedelta

import psycopg2.errors
from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from ...core import retry
from ...core.keys import fingerprint
from ...core.merge import plain
from ...core.problem import Problem
from .apply_batch import ApplyBatch
from .context import HUB_CONTEXT
from .cursors import business_cursor, short_cursor

_logger = logging.getLogger(__name__)

WAIT_LIMIT = timedelta(hours=24)
CONCURRENCY = (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, psycopg2.errors.LockNotAvailable)


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
        if error is not None:
            self._isolate(error.message_ids, error)
        self._after(effects)
        return count

    def _apply_locked(self, lane, parts, limit, effects):
        """Claim and apply in one transaction.

        :return: ``(run id, number of messages, error that no single message explains)``.
        """
        run_id = None
        with business_cursor(self.env) as cr:
            try:
                rows = self.env["hub.claim"]._claim(cr, lane, parts, limit)
                if not rows:
                    return None, 0, None
                run_id = self._open_run(lane, parts, [row["id"] for row in rows])
                self._apply_rows(cr, rows, effects)
                cr.hub_commit()
            except CONCURRENCY:
                cr.rollback()
                effects.clear()
                return run_id, 1, None
            except Exception as error:
                cr.rollback()
                effects.clear()
                error.message_ids = [row["id"] for row in rows]
                return run_id, 1, error
            return run_id, len(rows), None

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
            dead = [message for message, crashes in cr.fetchall() if crashes >= 3]
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

    def _exception_row(self, row, problem, **more):
        params = json.dumps(problem.params, default=str)
        return {
            "message_id": row["id"],
            "fingerprint": fingerprint(
                row["system_id"], row["entity_id"], problem.code, problem.cause
            ),
            "code": problem.code,
            "kind": problem.kind,
            "params": params,
            "issue_params": params,
            "system_id": row["system_id"],
            "entity_id": row["entity_id"],
            "process_id": None,
            "owner_id": None,
            "company_id": row.get("company_id"),
            "amount": None,
            "currency_id": None,
            "amount_company": None,
            "company_currency_id": None,
        } | more

    # -- one batch -----------------------------------------------------------------------------------

    def _apply_rows(self, cr, rows, effects):
        rows = self._newest_only(cr, rows, effects)
        cr.execute(
            "SELECT id, user_id FROM hub_system WHERE id = ANY(%s)",
            [[row["system_id"] for row in rows]],
        )
        users = dict(cr.fetchall())
        groups = defaultdict(list)
        for row in rows:
            groups[row["system_id"], row["entity_id"]].append(row)
        order = self._entity_order(cr)
        for system_id, entity_id in sorted(groups, key=lambda key: order[key[1]]):
            # The technical user is the transaction's own user: nothing runs as superuser by default.
            env = api.Environment(cr, users[system_id], dict(HUB_CONTEXT))
            batch = ApplyBatch(env, system_id, entity_id, groups[system_id, entity_id])
            batch.run()
            self._record(cr, env, batch, effects)

    def _entity_order(self, cr):
        cr.execute("SELECT id, sequence FROM hub_entity")
        return dict(cr.fetchall())

    def _newest_only(self, cr, rows, effects):
        """Park what is blocked; of several full records of one thing keep the newest."""
        newest, kept, blocked, skipped = {}, [], [], []
        for row in rows:
            if row["blocked"]:
                blocked.append(row)
            elif row["kind"] == "event":
                kept.append(row)
            else:
                former = newest.get(row["order_key"])
                if former is None or (row["version"] or "", row["id"]) >= (
                    former["version"] or "",
                    former["id"],
                ):
                    if former:
                        # What a person decided about the record holds for its newer version too.
                        row["decision"] = row["decision"] or former["decision"]
                        skipped.append(former)
                    newest[row["order_key"]] = row
                else:
                    skipped.append(row)
        for row in blocked:
            effects.states.append(
                _state(row, "waiting", "waits_for_earlier", wait_key=row["order_key"], seconds=60)
            )
            effects.parked.append((row["id"], row["order_key"]))
        for row in skipped:
            effects.states.append(_state(row, "skipped", "superseded"))
        self._store_states(cr, effects)
        return sorted([*kept, *newest.values()], key=lambda row: row["id"])

    # -- results -------------------------------------------------------------------------------------

    def _record(self, cr, env, batch, effects):
        """Write what became of each message: states, links, audit, exceptions, fetch requests."""
        links, audits, exceptions, superseded = [], [], [], []
        now = datetime.utcnow()
        budget = batch.retry_budget
        for row, item in zip(batch.rows, batch.items, strict=True):
            wait = batch.waits.get(item.message_id)
            if item.problem is None and wait is not None:
                since = _waiting_since(row) or now
                if now - since > WAIT_LIMIT:
                    item.problem = Problem(
                        "reference_missing",
                        kind="reference",
                        cause=f"{wait.entity}:{wait.external_id}",
                        entity=batch.entity_name(wait.entity),
                        id=wait.external_id,
                    )
                else:
                    effects.states.append(
                        _state(
                            row,
                            "waiting",
                            "waits_for",
                            params={
                                "entity": batch.entity_name(wait.entity),
                                "id": wait.external_id,
                                "since": since.isoformat(),
                            },
                            wait_key=wait.key,
                            seconds=60,
                            amount=batch.money(item),
                        )
                    )
                    effects.parked.append((row["id"], wait.key))
                    effects.dirty = True
                    continue
            if item.kind != "event":
                superseded.append(row)
            if item.problem is not None:
                decision = retry.decide(
                    item.problem.kind, row["attempts"] + 1, now, policy=retry.Policy(budget=budget)
                )
                if decision.retry_at:
                    effects.states.append(
                        _state(
                            row,
                            "pending",
                            item.problem.code,
                            params=item.problem.params,
                            seconds=(decision.retry_at - now).total_seconds(),
                        )
                    )
                    continue
                amounts = batch.money(item)
                effects.states.append(
                    _state(
                        row,
                        "dead" if decision.dead else "failed",
                        item.problem.code,
                        params=item.problem.params,
                        company_id=item.company_id,
                        amount=amounts,
                    )
                )
                exceptions.append(
                    self._exception_row(
                        row,
                        item.problem,
                        company_id=item.company_id,
                        process_id=batch.process_id,
                        owner_id=batch.owner_id,
                        params=json.dumps(plain(item.problem.params), default=str),
                        issue_params=json.dumps(plain(item.problem.params), default=str),
                        **amounts,
                    )
                )
                effects.dirty = True
                continue
            state, reason = ("skipped", item.skip) if item.skip else ("done", "applied")
            effects.states.append(
                _state(
                    row,
                    state,
                    reason,
                    res_model=batch.model if item.res_id else None,
                    res_id=item.res_id,
                    company_id=item.company_id,
                )
            )
            effects.finished.append(row["id"])
            effects.wake.add(row["order_key"])
            if item.res_id and item.action == "change":
                links.append(batch.link_row(row, item))
            if not item.skip:
                audits.append(
                    {
                        "action": "apply",
                        "system_id": item.system_id,
                        "message_id": item.message_id,
                        "company_id": item.company_id,
                        "res_model": batch.model,
                        "res_id": item.res_id,
                        "values": batch.audit_values(item),
                    }
                )
        self._store_states(cr, effects)
        env["hub.link"]._store(cr, links)
        env["hub.audit"]._append(audits, cr)
        env["hub.exception"]._open(cr, exceptions)
        env["hub.exception"]._close(cr, effects.finished, "applied")
        effects.finished.clear()
        self._supersede(cr, env, superseded, effects)
        batch.request_missing(cr)

    def _supersede(self, cr, env, rows, effects):
        """A full record that was decided takes the place of older ones that failed or wait."""
        if not rows:
            return
        cr.execute(
            """
            UPDATE hub_message m SET state = 'skipped', reason = 'superseded', params = NULL,
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
              FROM unnest(%s::bigint[], %s::bigint[]) n(id, order_key)
             WHERE m.order_key = n.order_key AND m.id < n.id AND m.direction = 'in' AND m.kind <> 'event'
               AND m.state IN ('failed', 'dead', 'waiting') RETURNING m.id
            """,
            [[row["id"] for row in rows], [row["order_key"] for row in rows]],
        )
        closed = [row[0] for row in cr.fetchall()]
        if closed:
            env["hub.exception"]._close(cr, closed, "superseded")
            effects.dirty = True

    def _store_states(self, cr, effects):
        """All changes of state in one statement."""
        states, effects.states = effects.states, []
        if not states:
            return
        columns = list(zip(*states, strict=True))
        cr.execute(
            """
            UPDATE hub_message m
               SET state = u.state, reason = u.reason, params = u.params, wait_key = u.wait_key,
                   res_model = coalesce(u.res_model, m.res_model),
                   res_id = coalesce(u.res_id, m.res_id),
                   company_id = coalesce(u.company_id, m.company_id),
                   attempts = m.attempts + u.tried,
                   amount = coalesce(u.amount, m.amount),
                   amount_company = coalesce(u.amount_company, m.amount_company),
                   next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                                     + u.seconds * interval '1 second',
                   done_at = CASE WHEN u.state IN ('done', 'skipped', 'failed', 'dead')
                                  THEN clock_timestamp() AT TIME ZONE 'UTC' END
              FROM unnest(
                       %s::int[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::bigint[],
                       %s::float[], %s::int[], %s::varchar[], %s::int[], %s::int[],
                       %s::numeric[], %s::numeric[]
                   ) u(id, state, reason, params, wait_key, seconds, tried, res_model, res_id,
                       company_id, amount, amount_company)
             WHERE m.id = u.id
            """,
            [list(column) for column in columns],
        )
        effects.count += len(states)

    def _after(self, effects):
        """After the commit: wake what waited for these records; look again at what was parked."""
        if effects.wake or effects.parked:
            with short_cursor(self.env) as cr:
                cr.execute(
                    """
                    UPDATE hub_message m
                       SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                     WHERE m.state = 'waiting'
                       AND (m.wait_key = ANY(%(wake)s)
                            OR m.id = ANY(%(parked)s) AND EXISTS (
                               SELECT 1 FROM hub_link l
                                WHERE l.order_key = m.wait_key AND m.reason = 'waits_for'))
                    """,
                    {
                        "wake": list(effects.wake),
                        "parked": [message for message, _key in effects.parked],
                    },
                )
        if effects.dirty or effects.wake:
            self.env["hub.issue"]._refresh()


def _waiting_since(row):
    """When this message began to wait, if it has waited before; a replay begins anew."""
    text = (row["params"] or {}).get("since") if row["reason"] == "waits_for" else None
    return datetime.fromisoformat(text) if text else None


class Effects:
    """What a batch leaves to be done."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.states = []
        self.finished = []
        self.parked = []
        self.wake = set()
        self.dirty = False
        self.count = 0


def _state(
    row,
    state,
    reason,
    *,
    params=None,
    wait_key=None,
    seconds=0.0,
    res_model=None,
    res_id=None,
    company_id=None,
    amount=None,
):
    """One row of the state update."""
    tried = 0 if state == "waiting" else 1
    return (
        row["id"],
        state,
        reason,
        json.dumps(plain(params), default=str) if params else None,
        wait_key,
        seconds,
        tried,
        res_model,
        res_id,
        company_id,
        (amount or {}).get("amount"),
        (amount or {}).get("amount_company"),
    )
