import json
import logging
import random
import time
import traceback
from collections import defaultdict

from odoo import api, models

from ...core import strict_json
from ...core.keys import digest, idempotency_key, order_key
from ...core.problem import Problem
from .apply import CONCURRENCY
from .bound import Bound
from .context import HUB_CONTEXT
from .cursors import business_cursor, short_cursor
from .marker import adopt
from .rests import Busy

_logger = logging.getLogger(__name__)

BATCH = 500
TOUCHED = "hub_touched"


class HubCompose(models.AbstractModel):
    """Compose: marked records become outbound messages with today's values; only what is mapped
    leaves, and only if it differs from what was sent last."""

    _name = "hub.compose"
    _description = "Compose Outbound Messages"

    def _slice(self):
        """Compose for one batch of marks.

        One worker at a time, and its snapshot is younger than the lock: two that compose one record
        at once would not see each other's message, and the older values could go out last.

        :return: number of marks handled.
        :raise Busy: another transaction holds what is needed; the marks stay.
        """
        with short_cursor(self.env) as lock:
            lock.execute(
                """SELECT pg_try_advisory_xact_lock(hashtext('hub.compose'))
                     FROM (SELECT FROM hub_outbox LIMIT 1) marks"""
            )
            row = lock.fetchone()
            if row and not row[0]:
                raise Busy(random.uniform(0.1, 0.8))
            return self._compose_marks() if row else 0

    def _compose_marks(self):
        with business_cursor(self.env) as cr:
            try:
                cr.execute(
                    """SELECT id, model, res_id, coalesce(user_id, 0) FROM hub_outbox
                        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED""",
                    [BATCH],
                    log_exceptions=False,
                )
                marks = cr.fetchall()
                if not marks:
                    return 0
                changed, authors = defaultdict(set), defaultdict(set)
                for _id, model, res_id, user_id in marks:
                    changed[model].add(res_id)
                    authors[user_id, model].add(res_id)
                self._compose(cr, changed, authors)
                cr.execute(
                    "DELETE FROM hub_outbox WHERE id = ANY(%s)", [[mark[0] for mark in marks]]
                )
                touched = list(cr.postcommit.data.pop(TOUCHED, ()))
                cr.hub_commit()
            except CONCURRENCY as error:
                cr.rollback()
                raise Busy(random.uniform(0.1, 0.8)) from error
        if touched:
            self.env["hub.issue"]._refresh((touched, []))
        return len(marks)

    def _compose(self, cr, changed, authors):
        """:param authors: ``{(user id, model): ids}``, who changed what."""
        cr.execute(
            """
            SELECT s.id, y.user_id
              FROM hub_stream s
              JOIN hub_system y ON y.id = s.system_id
              JOIN hub_process p ON p.id = s.process_id
             WHERE s.direction = 'out' AND s.active AND y.active AND y.state <> 'draft' AND p.active
             ORDER BY s.sequence, s.id
            """
        )
        for stream_id, user_id in cr.fetchall():
            env = api.Environment(cr, user_id, dict(HUB_CONTEXT))
            marks = [(model, res_id) for model, ids in changed.items() for res_id in sorted(ids)]
            self._try_stream(env, env["hub.stream"].browse(stream_id), marks, authors)

    def _try_stream(self, env, stream, marks, authors):
        """Compose for one stream; a batch that one record spoils is halved until it stands alone.

        :param marks: list of ``(model, id)``.
        """
        changed = defaultdict(set)
        for model, res_id in marks:
            changed[model].add(res_id)
        try:
            with env.cr.savepoint():
                self._compose_stream(env, stream, changed, authors)
                env.flush_all()
            return
        except CONCURRENCY:
            raise  # a savepoint keeps the stale snapshot: the whole batch starts again
        except Problem as error:
            problem = error
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = {"type": type(error).__name__, "place": f"{place.name}:{place.lineno}"}
            _logger.error("A record cannot be composed: %s in %s", fault["type"], fault["place"])
            problem = Problem("bug", kind="bug", cause=fault["place"], **fault)
        if len(marks) == 1:
            self._give_up(env, stream, *marks[0], problem)
            return
        middle = len(marks) // 2
        self._try_stream(env, stream, marks[:middle], authors)
        self._try_stream(env, stream, marks[middle:], authors)

    def _give_up(self, env, stream, model, res_id, problem):
        """One record cannot be composed: a message without content stands for it before a person."""
        system, entity = stream.system_id, stream.entity_id
        key = order_key(system.id, entity.code, f"{model},{res_id}", "out")
        self._supersede(env, [key])
        env.cr.execute(
            """
            INSERT INTO hub_message (system_id, stream_id, entity_id, order_key, part, lane, direction, kind, action,
                                     res_model, res_id, state, reason, params, configuration, done_at)
            VALUES (%(system)s, %(stream)s, %(entity)s, %(key)s, (%(key)s & 63)::smallint, %(lane)s, 'out',
                    'snapshot', 'update', %(model)s, %(res)s, 'failed', %(reason)s, %(params)s,
                    (SELECT max(id) FROM hub_version),
                    clock_timestamp() AT TIME ZONE 'UTC')
            RETURNING id
            """,
            {
                "system": system.id,
                "stream": stream.id,
                "entity": entity.id,
                "key": key,
                "lane": stream.lane,
                "model": model,
                "res": res_id,
                "reason": problem.code,
                "params": json.dumps(problem.params, default=str),
            },
        )
        row = {"id": env.cr.fetchone()[0], "system_id": system.id, "entity_id": entity.id}
        self._touch(env, [row["id"]])
        env["hub.exception"]._open(
            env.cr,
            [
                env["hub.apply"]._exception_row(
                    row,
                    problem,
                    process_id=stream.process_id.id,
                    owner_id=system.owner_id.id or None,
                )
            ],
        )

    def _compose_stream(self, env, stream, changed, authors):
        """Messages of one outbound stream for everything that changed."""
        system = stream.system_id
        env = env(context=dict(env.context, allowed_company_ids=system.company_ids.ids))
        entity = stream.entity_id
        handler = env[entity.handler]
        roots = set()
        for model, ids in changed.items():
            roots.update(
                ids if model == entity.model_name else handler._hub_roots(model, sorted(ids))
            )
        if not roots:
            return 0
        env.cr.execute(
            """SELECT DISTINCT ON (res_id) res_id, external_id, base, held, unsettled, sent, erased
                 FROM hub_link
                WHERE system_id = %s AND entity_id = %s AND res_model = %s AND res_id = ANY(%s)
                ORDER BY res_id, id DESC""",
            [system.id, entity.id, entity.model_name, list(roots)],
        )
        links = {row["res_id"]: row for row in env.cr.dictfetchall()}
        if stream.create_missing:
            links |= adopt(env, system, entity, roots - links.keys())
        roots -= {res_id for res_id, link in links.items() if link["erased"]}
        if not stream.create_missing:
            roots &= set(links)
        keys = {
            res_id: order_key(system.id, entity.code, f"{entity.model_name},{res_id}", "out")
            for res_id in roots
        }
        records = env[entity.model_name].browse(sorted(roots)).exists()
        records = self._served(records, system)
        strangers = records.filtered(lambda record: record.id not in links)
        records -= strangers - handler._hub_new(strangers, system)
        mapping, _revision = (
            env["hub.mapping"]._compiled_of(system, "out").get(entity.code, (None, 0))
        )
        if not records:
            self._supersede(env, list(keys.values()))
        if not records or not mapping:
            return 0
        self._refuse_region(stream)
        sendable = self._sendable(env, stream, mapping)
        if not sendable:
            return 0
        rows = []
        companies = {r.id: r.company_id.id for r in records} if "company_id" in records else {}
        values_of, today_of = self._values_today(handler, entity, records, system, sendable)
        in_doubt = self._in_doubt(env, keys.values())
        for res_id, values in values_of.items():
            link = links.get(res_id)
            content, offers = sendable.content(
                companies.get(res_id),
                values,
                today_of.get(res_id, {}),
                link,
                in_doubt.get(keys[res_id], ()),
            )
            if not content:
                continue
            rows.append(
                {
                    "external_id": link["external_id"] if link else None,
                    "offers": json.dumps(offers) if offers else None,
                    "res_id": res_id,
                    "key": keys.pop(res_id),
                    "body": strict_json.dumps(content),
                    "content": content,
                    "company_id": companies.get(res_id) or None,
                }
            )
        self._govern(env, stream, rows, values_of, authors)
        self._store(env, stream, rows)
        # What was to be sent of the others was taken back before it left.
        self._supersede(env, list(keys.values()))
        return len(rows)

    def _served(self, records, system):
        """Those of the companies that the system serves."""
        # With sudo: it is asked before a record of another company is read.
        served = records.sudo().filtered(
            lambda r: (
                "company_id" not in r or not r.company_id or r.company_id in system.company_ids
            )
        )
        return records.browse(served.ids)

    def _values(self, handler, entity, records, system):
        """Canonical values of today: the handler's own, and what is bound straight to Odoo fields."""
        composed = handler._hub_compose(records, system)
        if not composed or not entity._bound_fields():
            return composed
        bound = Bound(handler.env, entity, "out").read(records.browse(composed), system)
        return {res_id: bound.get(res_id, {}) | values for res_id, values in composed.items()}

    def _store(self, env, stream, rows):
        """Store outbound messages; an older one that has not been sent is superseded by today's values."""
        if not rows:
            return
        keys = [row["key"] for row in rows]
        env.cr.execute(
            """
            SELECT DISTINCT ON (m.order_key) m.order_key, q.digest
              FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id
             WHERE m.order_key = ANY(%s) AND m.direction = 'out'
               AND m.state IN ('pending', 'held', 'sending', 'failed', 'dead')
             ORDER BY m.order_key, m.id DESC
            """,
            [keys],
        )
        on_its_way = dict(env.cr.fetchall())
        rows = [row for row in rows if on_its_way.get(row["key"]) != digest(row["body"].decode())]
        rows = self._without_refused(env, rows)
        if not rows:
            return
        keys = [row["key"] for row in rows]
        self._supersede(env, keys)
        self._settle_first(env, keys)
        # It names this database; it is no secret.
        database = env["ir.config_parameter"].sudo().get_param("database.uuid")
        # The same value sent again later is another delivery; a repeat of this one keeps its stored key.
        moment = time.time_ns()
        env.cr.execute(
            """
            WITH u AS (
                SELECT * FROM unnest(
                    %(external)s::varchar[], %(res)s::int[], %(order)s::bigint[], %(body)s::bytea[],
                    %(digest)s::varchar[], %(company)s::int[], %(idem)s::varchar[],
                    %(offers)s::jsonb[], %(state)s::varchar[], %(reason)s::varchar[], %(params)s::jsonb[]
                ) u(external_id, res_id, order_key, body, digest, company_id, idem, offers, state, reason, params)
            ), body AS (
                -- What a rule blocks has no content: tried again, it is composed and judged anew.
                INSERT INTO hub_payload (system_id, digest, body)
                SELECT %(system)s, digest, body FROM u WHERE state <> 'failed' RETURNING id, digest
            )
            INSERT INTO hub_message (
                system_id, stream_id, entity_id, external_id, order_key, part, lane, direction,
                kind, action, res_model, res_id, company_id, payload_id, state, idempotency_key,
                offers, configuration, reason, params, done_at)
            SELECT %(system)s, %(stream)s, %(entity)s, u.external_id, u.order_key,
                   (u.order_key & 63)::smallint, %(lane)s, 'out', 'snapshot',
                   CASE WHEN u.external_id IS NULL THEN 'create' ELSE 'update' END,
                   %(model)s, u.res_id, u.company_id,
                   CASE WHEN u.state <> 'failed' THEN
                       (SELECT min(body.id) FROM body WHERE body.digest = u.digest) END, u.state, u.idem,
                   u.offers, (SELECT max(id) FROM hub_version), u.reason, u.params,
                   CASE WHEN u.state IN ('failed', 'skipped') THEN clock_timestamp() AT TIME ZONE 'UTC' END
              FROM u RETURNING id, order_key
            """,
            {
                "system": stream.system_id.id,
                "stream": stream.id,
                "entity": stream.entity_id.id,
                "lane": stream.lane,
                "model": stream.entity_id.model_name,
                "external": [row["external_id"] for row in rows],
                "res": [row["res_id"] for row in rows],
                "order": [row["key"] for row in rows],
                "body": [row["body"] for row in rows],
                "digest": [digest(row["body"].decode()) for row in rows],
                "company": [row["company_id"] for row in rows],
                "offers": [row["offers"] for row in rows],
                "state": [row.get("state", "pending") for row in rows],
                "reason": [row.get("reason") for row in rows],
                "params": [row.get("params") for row in rows],
                "idem": [
                    idempotency_key(
                        database,
                        stream.id,
                        str(row["res_id"]),
                        f"{digest(row['content'])}:{moment}",
                    )
                    for row in rows
                ],
            },
        )
        self._stand(env, stream, rows, {key: found for found, key in env.cr.fetchall()})

    def _supersede(self, env, keys):
        """What was not sent gives way to today's values, unless it may have taken effect."""
        env.cr.execute(
            """
            UPDATE hub_message
               SET state = 'skipped', reason = 'superseded',
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
             WHERE order_key = ANY(%s) AND direction = 'out'
               AND state IN ('pending', 'held', 'failed', 'dead')
               AND NOT coalesce(maybe_sent, FALSE)
            RETURNING id
            """,
            [keys],
        )
        self._close(env, [row[0] for row in env.cr.fetchall()])

    def _settle_first(self, env, keys):
        """What may have taken effect goes again before the next, under its own key, even if it was
        given up."""
        env.cr.execute(
            """
            UPDATE hub_message
               SET state = 'pending', reason = 'error_unknown', attempts = 0, done_at = NULL,
                   next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
             WHERE order_key = ANY(%s) AND direction = 'out' AND state IN ('failed', 'dead')
               AND maybe_sent
            RETURNING id
            """,
            [keys],
        )
        self._close(env, [row[0] for row in env.cr.fetchall()])

    def _close(self, env, message_ids):
        self._touch(env, env["hub.exception"]._close(env.cr, message_ids, "superseded"))
        env["hub.approval"]._void(env.cr, message_ids)

    def _touch(self, env, message_ids):
        """Remember whose exceptions changed: the totals of their issues follow after the commit."""
        env.cr.postcommit.data.setdefault(TOUCHED, set()).update(message_ids)

    def _mark_all(self, model, ids):
        """Mark records whose outbound values change with time alone (overdue amounts)."""
        self.env.cr.execute(
            "INSERT INTO hub_outbox (model, res_id) SELECT %s, id FROM unnest(%s::int[]) id",
            [model, list(ids)],
        )
