"""Rules and checkpoints of what is to be sent: judged when it is composed, before anything leaves."""

import json

from odoo import fields, models

from ...core.facts import facts_of
from ...core.keys import digest
from ...core.merge import plain
from .apply_gates import Stop, in_company_currency, rule_problem, shown_of
from .whereabouts import Whereabouts


class HubCompose(models.AbstractModel):
    _inherit = "hub.compose"

    def _govern(self, env, stream, rows, values_of, authors):
        """Say of each row what stops it: ``state``, ``reason`` and ``params``, ``problem`` or ``stops``.

        What is already on its way is judged too; where nothing governs the entity, this is one query.

        :param values_of: ``{record id: {canonical field: value of today}}``.
        :param authors: ``{(user id, model): ids}``, who changed what.
        """
        gates = None
        if rows:
            gates = env["hub.gate"]._gates(stream.system_id, stream.entity_id, "out")
        if gates is None:
            return
        scope = gates.scopes.get(stream.process_id.id)
        if scope:
            self._leave_out(env, stream, scope, gates, rows, values_of)
        today = fields.Date.today()
        for row in rows:
            values = {name: plain(value) for name, value in values_of[row["res_id"]].items()}
            record = facts_of(values, gates.kinds)
            company = row["company_id"]
            checks, points = gates.of(company, stream.process_id.id, stream.system_id.id)
            self._judge(env, stream, row, record, values, checks, points, today)
            if scope and scope.shadow and row.get("state") != "failed":
                # Worked out and shown; it is neither sent nor asked for.
                row |= {"state": "skipped", "reason": "shadow", "params": None, "stops": []}
                row["model"] = stream.entity_id.model_name
        held = [row for row in rows if row.get("state") == "held"]
        if held:
            people = self._people(env, stream, authors)
            for row in held:
                row["people"] = people.get(row["res_id"], ())

    def _leave_out(self, env, stream, scope, gates, rows, values_of):
        """Nothing is composed of records that the process is not switched on for yet."""
        entity = stream.entity_id
        where = Whereabouts(env, entity)
        places = {}
        if scope.countries or scope.teams:
            places = where.of({row["res_id"]: (row["res_id"], {}) for row in rows})

        def record(res_id):
            values = {name: plain(value) for name, value in values_of[res_id].items()}
            return facts_of(values, gates.kinds)

        rows[:] = [
            row
            for row in rows
            if not scope.leaves_out(
                entity.code,
                row["company_id"],
                *places.get(row["res_id"], (None, None)),
                record=lambda row=row: record(row["res_id"]),
                placed=where.placed,
            )
        ]

    def _judge(self, env, stream, row, record, values, checks, points, today):
        seal = digest(row["body"].decode())
        stops, row["warned_by"], row["warnings"] = [], [], []
        for check in checks:
            effect = check.rule.effect
            if effect == "warn":
                row["warned_by"].append(check.rule.id)
            found = check.judge(record, today)
            if found is None:
                continue
            if effect == "block":
                row["problem"] = problem = rule_problem(found)
                row |= {
                    "state": "failed",
                    "reason": problem.code,
                    "params": json.dumps(problem.params),
                }
                return
            if effect == "warn":
                row["warnings"].append(found)
            else:
                stops.append(Stop("rule", check.rule.id, seal, found.facts, found.failed))
        company = env["res.company"].browse(
            row["company_id"] or stream.system_id.company_ids[:1].id
        )
        for point in points:

            def worth(point=point):
                name = point.amount or "amount"
                return in_company_currency(env, record.get(name), record.get("currency"), company)

            if point.stops(record, record.keys(), worth):
                stops.append(Stop("checkpoint", point.id, seal))
        if stops:
            amount = in_company_currency(env, record.get("amount"), record.get("currency"), company)
            row |= {
                "state": "held",
                "reason": "held_for",
                "params": json.dumps({"gates": [[stop.kind, stop.id] for stop in stops]}),
                "stops": stops,
                "shown": shown_of(values.keys(), {}, values),
                "amount": amount,
                "currency_id": company.currency_id.id if amount is not None else None,
            }

    def _people(self, env, stream, authors):
        """Who changed the records that are composed: ``{record id: {user ids}}``; a query a person and model."""
        entity = stream.entity_id
        handler = env[entity.handler]
        result = {}
        for (user_id, model), ids in authors.items():
            if not user_id:
                continue
            roots = ids if model == entity.model_name else handler._hub_roots(model, sorted(ids))
            for res_id in roots:
                result.setdefault(res_id, set()).add(user_id)
        return result

    def _without_refused(self, env, rows):
        """What somebody refused to send is not asked again, as long as it stays the same."""
        rows = self._without_shadowed(env, rows)
        if not any(row.get("stops") for row in rows):
            return rows
        env.cr.execute(
            """
            SELECT DISTINCT ON (a.order_key) a.order_key, a.digest, a.state, m.reason FROM hub_approval a
              JOIN hub_message m ON m.id = a.message_id
             WHERE a.order_key = ANY(%s) ORDER BY a.order_key, a.message_id DESC, a.state = 'refused' DESC
            """,
            [[row["key"] for row in rows]],
        )
        refused = {
            key: seal
            for key, seal, state, reason in env.cr.fetchall()
            if state == "refused" and reason == "refused"
        }
        return [
            row
            for row in rows
            if not row.get("stops") or refused.get(row["key"]) != row["stops"][0].digest
        ]

    def _without_shadowed(self, env, rows):
        """What a process in shadow would have sent already is not shown once more."""
        shadowed = [row["key"] for row in rows if row.get("reason") == "shadow"]
        if not shadowed:
            return rows
        env.cr.execute(
            """SELECT DISTINCT ON (m.order_key) m.order_key, q.digest
                 FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id
                WHERE m.res_model = %s AND m.res_id = ANY(%s) AND m.order_key = ANY(%s)
                  AND m.reason = 'shadow' ORDER BY m.order_key, m.id DESC""",
            [
                next(row["model"] for row in rows if row.get("reason") == "shadow"),
                [row["res_id"] for row in rows if row.get("reason") == "shadow"],
                shadowed,
            ],
        )
        last = dict(env.cr.fetchall())
        return [
            row
            for row in rows
            if row.get("reason") != "shadow" or last.get(row["key"]) != digest(row["body"].decode())
        ]

    def _stand(self, env, stream, rows, ids):
        """Exceptions, approvals and warnings of messages that were just stored.

        :param ids: ``{order key: message id}``.
        """
        system, entity = stream.system_id, stream.entity_id
        blocked, held, judged = [], [], []
        for row in rows:
            message_id = ids[row["key"]]
            if row.get("problem"):
                blocked.append(
                    env["hub.apply"]._exception_row(
                        {
                            "id": message_id,
                            "system_id": system.id,
                            "entity_id": entity.id,
                            "company_id": row["company_id"],
                        },
                        row["problem"],
                        process_id=stream.process_id.id,
                        owner_id=system.owner_id.id or None,
                    )
                )
            elif row.get("stops"):
                held.append(row | {"message_id": message_id})
            if row.get("warned_by") and not row.get("problem"):
                judged.append(
                    (
                        *(entity.model_name, row["res_id"], row["warned_by"], row["warnings"]),
                        *(message_id, system.id, row["company_id"]),
                    )
                )
        env["hub.exception"]._open(env.cr, blocked)
        self._touch(env, [row["message_id"] for row in blocked])
        env["hub.approval"]._ask(env.cr, held)
        env["hub.warning"]._renew(env.cr, judged)
