import json
from datetime import datetime, timedelta

from odoo import models

from ...core import retry
from ...core.arrays import array
from ...core.keys import fingerprint, order_key
from ...core.merge import plain
from .apply_batch import AGREED
from .apply_gates import shown_of, warned_params
from .cursors import short_cursor
from .effects import state_row
from .marker import leave

WAIT_LIMIT = timedelta(hours=24)


class HubApplyResults(models.AbstractModel):
    """What became of each message of a batch, written in the transaction that applied it."""

    _inherit = "hub.apply"

    def _record(self, cr, env, batch, effects):
        """Write what became of each message: states, links, audit, exceptions, fetch requests."""
        rows = _Rows()
        now = datetime.utcnow()
        for row, item in zip(batch.rows, batch.items, strict=True):
            for former in row["instead_of"]:
                effects.states.append(state_row(former, "skipped", "superseded"))
                rows.superseded.append(former["id"])
            wait = batch.waits.get(item.message_id)
            if item.problem is None and wait is not None:
                since = _waiting_since(row) or now
                if now - since <= WAIT_LIMIT:
                    self._record_wait(row, batch, item, wait, now, since, effects)
                    continue
                if item.action == "merge":
                    item.skip = "not_linked"  # neither of the two has come: nobody misses them
                else:
                    item.problem = batch.unknown(item, wait.entity, wait.external_id)
            if item.kind != "event":
                rows.superseding.append((row, item.partial))
            if item.problem is not None:
                self._record_problem(row, batch, item, now, rows, effects)
            elif item.stops:
                self._record_held(row, batch, item, rows, effects)
            elif item.conflicts:
                self._record_conflict(row, batch, item, now, rows, effects)
            else:
                self._record_done(row, batch, item, rows, effects)
        env["hub.link"]._store(cr, rows.links)
        leave(env, batch.system, batch.entity, rows.fresh)
        env["hub.link"]._renew(cr, rows.renewed)
        # Before the states: PostgreSQL locks each message that an audit row names, and its claim has
        # locked it already as long as it is as it was.
        env["hub.audit"]._append(rows.audits, cr)
        env["hub.approval"]._ask(cr, rows.held)
        env["hub.warning"]._renew(cr, rows.judged)
        self._store_states(cr, effects)
        env["hub.exception"]._open(cr, rows.exceptions)
        env["hub.exception"]._close(cr, [row["message_id"] for row in rows.held], "held_for")
        env["hub.exception"]._close(cr, effects.finished, "applied")
        effects.touched.update(effects.finished)
        effects.finished.clear()
        if rows.superseded:
            # A person may have replayed one whose exception is still open.
            env["hub.exception"]._close(cr, rows.superseded, "superseded")
            effects.dirty = True
            effects.touched.update(rows.superseded)
        self._supersede(cr, env, rows.superseding, effects)
        batch.mark_owed()
        batch.request_missing(cr)

    def _record_wait(self, row, batch, item, wait, now, since, effects):
        """It waits for another record."""
        effects.states.append(
            state_row(
                row,
                "waiting",
                "waits_for",
                params={
                    "entity": batch.entity_name(wait.entity),
                    "id": wait.external_id,
                    "since": since.isoformat(),
                },
                wait_key=wait.key,
                # Its arrival wakes it; this is for a signal that was lost.
                seconds=min(900, max(60, (now - since).total_seconds() / 4)),
                amount=batch.money(item),
            )
        )
        effects.parked.append((row["id"], wait.key))
        effects.dirty = True

    def _record_problem(self, row, batch, item, now, rows, effects):
        """It is tried again by itself, or a person has to look at it."""
        problem = item.problem
        decision = retry.decide(problem.kind, row["attempts"] + 1, now, policy=batch.retry_policy)
        if decision.retry_at:
            effects.states.append(
                state_row(
                    row,
                    "pending",
                    problem.code,
                    params=problem.params,
                    seconds=(decision.retry_at - now).total_seconds(),
                )
            )
            return
        amounts = batch.money(item)
        effects.states.append(
            state_row(
                row,
                "dead" if decision.dead else "failed",
                problem.code,
                params=problem.params,
                company_id=item.company_id,
                amount=amounts,
            )
        )
        params = json.dumps(plain(problem.params), default=str)
        rows.exceptions.append(
            self._exception_row(
                row,
                problem,
                company_id=item.company_id,
                process_id=batch.process_id,
                owner_id=batch.owner_id,
                params=params,
                issue_params=params,
                **amounts,
            )
        )
        effects.dirty = True
        effects.touched.add(row["id"])

    def _record_held(self, row, batch, item, rows, effects):
        """Nothing of it was written; somebody has to let it through."""
        amounts = batch.money(item)
        effects.states.append(
            state_row(
                row,
                "held",
                "held_for",
                params={"gates": [[stop.kind, stop.id] for stop in item.stops]},
                company_id=item.company_id,
                amount=amounts,
            )
        )
        now = batch.plain[item.message_id]
        base = (item.link.base if item.link else None) or {}
        rows.held.append(
            {
                "message_id": row["id"],
                "company_id": item.company_id,
                "stops": item.stops,
                "shown": shown_of(item.changed, base, now),
                "amount": amounts["amount_company"],
                "currency_id": amounts["company_currency_id"],
            }
        )
        effects.touched.add(row["id"])
        effects.dirty = True

    def _record_conflict(self, row, batch, item, now, rows, effects):
        """Some of its fields were written; a person decides about the others."""
        item.problem = batch.conflict_problem(item)
        self._record_problem(row, batch, item, now, rows, effects)
        effects.wake.add(row["order_key"])
        rows.links.append(batch.link_row(row, item))
        if item.changed:
            rows.audits.append(self._audit_row(batch, item))

    def _audit_row(self, batch, item):
        return {
            "action": "apply",
            "system_id": item.system_id,
            "message_id": item.message_id,
            "company_id": item.company_id,
            "res_model": batch.model,
            "res_id": item.res_id,
            "values": batch.audit_values(item),
            "trace": item.trace,
        }

    def _record_done(self, row, batch, item, rows, effects):
        """It was applied, or there was a reason to leave it out."""
        state, reason = ("skipped", item.skip) if item.skip else ("done", "applied")
        effects.states.append(
            state_row(
                row,
                state,
                reason,
                res_model=batch.model if item.res_id else None,
                res_id=item.res_id,
                company_id=item.company_id,
                params=_told(batch, item),
            )
        )
        looked = item.warnings or (item.warned_by and item.link)  # a new record has none to forget
        if looked and item.res_id and item.skip in AGREED:
            rows.judged.append(
                (
                    *(batch.model, item.res_id, item.warned_by, item.warnings),
                    *(row["id"], item.system_id, item.company_id),
                )
            )
        effects.finished.append(row["id"])
        effects.wake.add(row["order_key"])
        if item.skip == "merge_followed":
            # The survivor is linked too.
            survivor = item.values["merged_into"]
            effects.wake.add(order_key(item.system_id, batch.entity.code, survivor))
        left_out = item.skip not in AGREED
        if item.skip == "unchanged" and not item.outcomes and batch.agrees(item):
            rows.renewed.append((item.link.id, item.version, batch.seal(row)))
        elif item.res_id and item.action == "change" and not (left_out and item.link):
            rows.links.append(batch.link_row(row, item))
            if not item.link and not item.own:
                rows.fresh.append((item.external_id, item.res_id))
        if not item.skip:
            rows.audits.append(self._audit_row(batch, item))

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
                   -- it was decided, so whatever killed a worker was another: batches need not stay small for it
                   crashes = 0,
                   amount = coalesce(u.amount, m.amount),
                   amount_company = coalesce(u.amount_company, m.amount_company),
                   -- the snapshot that read the configuration names its version: one value a batch
                   configuration = (SELECT max(id) FROM hub_version),
                   -- Giving a field back holds once: what is typed afterwards is somebody's own again.
                   decision = CASE WHEN u.state IN ('done', 'skipped') OR u.reason = 'merge_conflict'
                                   THEN m.decision - 'release' ELSE m.decision END,
                   -- what waits does not come back all at once
                   next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + u.seconds * interval '1 second'
                                     * CASE WHEN u.state = 'waiting' THEN 1 + random() / 4 ELSE 1 END,
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
            [array(column) for column in columns],
        )
        effects.count += len(states)

    def _after(self, effects):
        """After the commit: wake what waited for these records; look again at what was parked."""
        if effects.wake or effects.parked:
            with short_cursor(self.env) as cr:
                if effects.parked:
                    self._hurry(cr, [message for message, _key in effects.parked])
                cr.execute(
                    """
                    UPDATE hub_message m
                       SET state = 'pending', next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                     WHERE m.state = 'waiting'
                       AND (m.wait_key = ANY(%(wake)s)
                            OR m.id = ANY(%(parked)s) AND (
                               m.reason = 'waits_for' AND EXISTS (
                                   SELECT 1 FROM hub_link l WHERE l.order_key = m.wait_key)
                               OR m.reason = 'waits_for_earlier' AND NOT EXISTS (
                                   SELECT 1 FROM hub_message e
                                    WHERE e.order_key = m.wait_key AND e.id < m.id AND e.direction = 'in'
                                      AND e.state IN ('received', 'pending', 'waiting', 'held', 'sending',
                                                      'failed', 'dead'))))
                    """,
                    {
                        "wake": list(effects.wake),
                        "parked": [message for message, _key in effects.parked],
                    },
                )
        if effects.dirty or effects.wake:
            keys = effects.wake | {key for _message, key in effects.parked}
            self.env["hub.issue"]._refresh(
                None if effects.touched is None else (list(effects.touched), list(keys))
            )

    def _hurry(self, cr, message_ids):
        """What holds one of these back is as urgent as it: else a webhook would wait for a batch lane's night."""
        cr.execute(
            """
            UPDATE hub_message e
               SET lane = h.lane, next_attempt_at = CASE e.state WHEN 'pending'
                   -- never earlier than now: a claim of the other lane may have passed that moment
                   THEN greatest(e.next_attempt_at, clock_timestamp() AT TIME ZONE 'UTC')
                   ELSE e.next_attempt_at END
              FROM (SELECT e.id, (array_agg(m.lane ORDER BY urgent.priority, urgent.number))[1] AS lane
                      FROM hub_message m
                      JOIN hub_lane urgent ON urgent.number = m.lane
                      JOIN hub_message e ON e.order_key = m.order_key AND e.id < m.id AND e.direction = 'in'
                                        AND e.state IN ('received', 'pending')
                      JOIN hub_lane slow ON slow.number = e.lane
                     WHERE m.id = ANY(%s) AND m.state = 'waiting' AND m.reason = 'waits_for_earlier'
                       AND (urgent.priority, urgent.number) < (slow.priority, slow.number)
                     GROUP BY e.id ORDER BY e.id) h
             WHERE e.id = h.id AND e.state IN ('received', 'pending')
            """,
            [message_ids],
        )

    def _exception_row(self, row, problem, **more):
        """One row for ``hub.exception._open``."""
        params = json.dumps(problem.params, default=str)
        return {
            "message_id": row["id"],
            # Users of one company do not see causes of another: they share no issue.
            "fingerprint": fingerprint(
                row["system_id"],
                row["entity_id"],
                problem.code,
                problem.cause,
                more.get("company_id", row.get("company_id")) or "",
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


class _Rows:
    """What a batch adds to the hub's tables, collected for one statement a table."""

    def __init__(self):
        self.links = []
        self.fresh = []  # what was linked for the first time: (external id, our id)
        self.audits = []
        self.exceptions = []
        self.superseding = []
        self.superseded = []
        self.renewed = []
        self.held = []
        self.judged = []


def _told(batch, item):
    """What a message that came to its end keeps for its reader: fields that stayed, rules that warn."""
    kept = item.skip_params or batch.kept(item)
    if not item.warnings:
        return kept
    return (kept or {}) | {"warned": warned_params(item.warnings)}


def _waiting_since(row):
    """When this message began to wait, if it has waited before; a replay begins anew."""
    text = (row["params"] or {}).get("since") if row["reason"] == "waits_for" else None
    return datetime.fromisoformat(text) if text else None
