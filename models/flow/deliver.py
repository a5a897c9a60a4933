import uuid

from odoo import models
from odoo.exceptions import UserError

from ...connectors.base import Outcome, Write
from ...connectors.errors import ConnectorError
from ...core import strict_json
from ...core.keys import order_key
from ...core.merge import plain
from .cursors import short_cursor
from .fault import Fault, unforeseen

LEASE = 120


class HubDeliver(models.AbstractModel):
    """Deliver: marked as sending, with the stored bytes, and committed before the call.

    Whatever happens after that commit and before the answer is stored is one case, "unknown": the
    lease lapses and the same bytes go out again under the same key, which the product honours, or
    which the connector settles by looking first.
    """

    _name = "hub.deliver"
    _description = "Deliver Messages"

    def _lease(self, batch_of):
        """Mark the next batch of one system and entity as sending.

        :param batch_of: function from a system id to how many writes one call takes.
        :return: rows as dicts, with the stored bytes.
        """
        token = uuid.uuid4().hex
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                SELECT m.system_id, m.entity_id FROM hub_message m
                  JOIN hub_system y ON y.id = m.system_id
                  LEFT JOIN hub_stream s ON s.id = m.stream_id
                  LEFT JOIN hub_process p ON p.id = s.process_id
                  LEFT JOIN hub_circuit k ON k.system_id = y.id
                 WHERE m.direction = 'out' AND m.state IN ('pending', 'sending')
                   AND m.next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                   AND m.lane NOT IN (SELECT number FROM hub_lane WHERE closed)
                   AND y.state = 'connected' AND NOT coalesce(y.paused OR s.paused OR p.paused, FALSE)
                   AND NOT coalesce(k.state = 'open' AND
                                    k.retry_at > clock_timestamp() AT TIME ZONE 'UTC', FALSE)
                   -- one that waits for an earlier one of its record must not hold up all others
                   AND NOT EXISTS (
                       SELECT 1 FROM hub_message e
                        WHERE e.order_key = m.order_key AND e.direction = 'out' AND e.id <> m.id
                          AND (e.state = 'sending' OR e.state = 'pending' AND e.id < m.id))
                 ORDER BY m.lane, m.next_attempt_at LIMIT 1
                """
            )
            head = cr.fetchone()
            if not head:
                return []
            system_id, entity_id = head
            cr.execute(
                """
                WITH due AS (
                    SELECT m.id, (SELECT l.external_id FROM hub_link l
                                   WHERE l.system_id = m.system_id AND l.entity_id = m.entity_id
                                     AND l.res_model = m.res_model AND l.res_id = m.res_id
                                   ORDER BY l.id DESC LIMIT 1) AS known
                      FROM hub_message m
                     WHERE m.direction = 'out' AND m.state IN ('pending', 'sending')
                       AND m.system_id = %s AND m.entity_id = %s
                       AND m.lane NOT IN (SELECT number FROM hub_lane WHERE closed)
                       AND m.next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                       AND NOT EXISTS (
                           SELECT 1 FROM hub_message e
                            WHERE e.order_key = m.order_key AND e.direction = 'out' AND e.id <> m.id
                              AND (e.state = 'sending' OR e.state = 'pending' AND e.id < m.id))
                     ORDER BY m.lane, m.id LIMIT %s FOR NO KEY UPDATE OF m SKIP LOCKED
                )
                UPDATE hub_message m
                   SET state = 'sending', attempt_token = %s, attempts = m.attempts + 1,
                       external_id = coalesce(m.external_id, due.known),
                       action = CASE WHEN due.known IS NULL THEN m.action ELSE 'update' END,
                       next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                  FROM due, hub_payload q WHERE m.id = due.id AND q.id = m.payload_id
                RETURNING m.id, m.system_id, m.entity_id, m.stream_id, m.external_id, m.action,
                          m.res_model, m.res_id, m.company_id, m.idempotency_key, m.attempts,
                          q.body, m.order_key
                """,
                [system_id, entity_id, batch_of(system_id), token, LEASE],
            )
            rows = cr.dictfetchall()
            for row in rows:
                row["token"] = token
            if rows:
                cr.execute(
                    """INSERT INTO hub_attempt (message_id, stage, at, outcome)
                       SELECT id, 'deliver', clock_timestamp() AT TIME ZONE 'UTC', 'sending'
                         FROM unnest(%s::int[]) id""",
                    [[row["id"] for row in rows]],
                )
            return rows

    def _slice(self):
        """Deliver one batch.

        :return: number of messages sent.
        """
        rows = self._lease(
            lambda system_id: (
                self.env["hub.system"].browse(system_id)._connector_class().batch_write
            )
        )
        if not rows:
            return 0
        system = self.env["hub.system"].browse(rows[0]["system_id"])
        entity = self.env["hub.entity"].browse(rows[0]["entity_id"])
        writes = [
            Write(
                row["idempotency_key"],
                entity.code,
                row["action"],
                row["external_id"],
                strict_json.loads(bytes(row["body"])),
                row["attempts"],
            )
            for row in rows
        ]
        try:
            outcomes = system._connector().deliver(entity.code, writes)
        except ConnectorError as error:
            outcomes = [Outcome(write.key, False, error=error) for write in writes]
        except UserError:
            outcomes = [
                Outcome(write.key, False, error=ConnectorError("sign_in", "no_secret"))
                for write in writes
            ]
        except Exception as error:
            fault = unforeseen(error)
            outcomes = [Outcome(write.key, False, error=fault) for write in writes]
        self._answer(system, entity, rows, {outcome.key: outcome for outcome in outcomes})
        return len(rows)

    def _answer(self, system, entity, rows, outcomes):
        """Store what became of each write. Hub rows only: business fields follow as messages."""
        done, faults = [], []
        for row in rows:
            outcome = outcomes.get(row["idempotency_key"]) or Outcome(
                row["idempotency_key"], False, error=ConnectorError("unknown", "no_outcome")
            )
            (done if outcome.ok else faults).append((row, outcome))
        with short_cursor(self.env) as cr:
            confirmed = self._confirm(cr, system, entity, done)
            asked = self.env["hub.fault"]._settle(
                cr, system, "deliver", [Fault(row, outcome.error) for row, outcome in faults]
            )
        for error in {outcome.error.kind: outcome.error for _row, outcome in faults}.values():
            self.env["hub.outage"]._report(system, error)
        if confirmed:
            self.env["hub.circuit"]._reset(system.id)
            self.env["hub.apply"]._after(_Woken(confirmed))
        if asked:
            self.env["hub.issue"]._refresh(([row["id"] for row, _outcome in faults], []))

    def _confirm(self, cr, system, entity, done):
        """Messages whose attempt is still ours are done; their links carry what was sent."""
        if not done:
            return set()
        cr.execute(
            """UPDATE hub_message
                  SET state = 'done', reason = 'sent', params = NULL,
                      done_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE id = ANY(%s) AND state = 'sending' AND attempt_token = %s RETURNING id""",
            [[row["id"] for row, _outcome in done], done[0][0]["token"]],
        )
        mine = {row[0] for row in cr.fetchall()}
        links, sent, woken, audits = [], [], set(), []
        entities = {e.code: e for e in self.env["hub.entity"].search([])}
        for row, outcome in done:
            if row["id"] not in mine:
                continue  # a late answer: another worker has taken the message over
            external_id = outcome.external_id or row["external_id"]
            common = {"system_id": system.id, "company_id": row["company_id"]}
            links.append(
                common
                | {
                    "entity_id": entity.id,
                    "entity": entity.code,
                    "external_id": external_id,
                    "res_model": row["res_model"],
                    "res_id": row["res_id"],
                }
            )
            sent.append((system.id, entity.id, external_id, bytes(row["body"]).decode()))
            for name, other_id in outcome.links.items():
                code, _sep, key = name.partition(":")
                if code in entities and key.isdigit():
                    links.append(
                        common
                        | {
                            "entity_id": entities[code].id,
                            "entity": code,
                            "external_id": other_id,
                            "res_model": entities[code].model_name,
                            "res_id": int(key),
                        }
                    )
            audits.append(
                {
                    "action": "deliver",
                    "system_id": system.id,
                    "message_id": row["id"],
                    "company_id": row["company_id"],
                    "res_model": row["res_model"],
                    "res_id": row["res_id"],
                    "values": plain(strict_json.loads(bytes(row["body"]))),
                }
            )
        self.env["hub.link"]._store(cr, links)
        woken.update(order_key(system.id, link["entity"], link["external_id"]) for link in links)
        if sent:
            cr.execute(
                """UPDATE hub_link l SET sent = u.body FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::jsonb[])
                          u(system_id, entity_id, external_id, body)
                    WHERE l.system_id = u.system_id AND l.entity_id = u.entity_id AND l.external_id = u.external_id""",
                [list(column) for column in zip(*sent, strict=True)],
            )
        cr.execute(
            """UPDATE hub_cursor SET last_success_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE stream_id = ANY(%s)""",
            [[row["stream_id"] for row, _outcome in done if row["stream_id"]]],
        )
        self.env["hub.audit"]._append(audits, cr)
        self.env["hub.exception"]._close(cr, mine, "sent")
        return woken


class _Woken:
    """What a delivery leaves for ``hub.apply._after``."""

    def __init__(self, keys):
        self.wake = set(keys)
        self.touched = None  # compose may have closed others of the same records
        self.parked = []
        self.dirty = True
