"""Which messages are delivered next: the lease, and what becomes of messages whose worker died."""

import uuid

from odoo import models
from odoo.tools import SQL

from ...core import strict_json
from .claim import CRASHED_BATCH, CRASHES_UNTIL_DEAD
from .cursors import short_cursor
from .due import TO_SEND, due, next_head

LEASE = 120  # seconds


class HubDeliver(models.AbstractModel):
    _inherit = "hub.deliver"

    def _lease(self, most_of):
        """Mark the next messages of one stream as sending, of the most urgent lane.

        :param most_of: function from a system id to how many can be sent in one slice.
        :return: ``(rows as dicts, with the stored bytes; leave to call)``.
        """
        token = uuid.uuid4().hex
        with short_cursor(self.env) as cr:
            head = next_head(cr, TO_SEND)
            leave = head and self.env["hub.circuit"]._admit(cr, head[0])
            leave = self.env["hub.place"]._take(cr, leave)
            if not leave:
                cr.rollback()
                return [], None
            crashes, lapsed = self._due(cr, head, 1 if leave.probing else most_of(head[0]))
            taken, given_up = self._spare_the_others(crashes, lapsed)
            self._give_up(cr, given_up, crashes)
            cr.execute(
                """
                WITH due AS (
                    SELECT m.id, (SELECT l.external_id FROM hub_link l
                                   WHERE l.system_id = m.system_id AND l.entity_id = m.entity_id
                                     AND l.res_model = m.res_model AND l.res_id = m.res_id
                                   ORDER BY l.id DESC LIMIT 1) AS known
                      FROM hub_message m WHERE m.id = ANY(%s)
                ), mine AS (
                    UPDATE hub_message m
                       SET state = 'sending', attempt_token = %s, attempts = m.attempts + 1,
                           maybe_sent = m.maybe_sent OR m.state = 'sending',
                           crashes = coalesce(m.crashes, 0) + (m.state = 'sending')::int,
                           external_id = coalesce(m.external_id, due.known),
                           action = CASE WHEN due.known IS NULL THEN m.action ELSE 'update' END,
                           next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second'
                      FROM due WHERE m.id = due.id
                    RETURNING m.id, m.system_id, m.entity_id, m.stream_id, m.external_id, m.action,
                              m.res_model, m.res_id, m.company_id, m.idempotency_key, m.attempts,
                              m.payload_id, m.order_key, due.known,
                              EXISTS (SELECT 1 FROM hub_attempt a
                                       WHERE a.message_id = m.id AND a.stage = 'deliver')
                              OR EXISTS (SELECT 1 FROM hub_message e
                                          WHERE e.order_key = m.order_key AND e.maybe_sent
                                            AND e.direction = 'out' AND e.id < m.id) AS tried,
                              extract(epoch FROM clock_timestamp() AT TIME ZONE 'UTC' - greatest(
                                  (SELECT max(a.at) FROM hub_attempt a
                                    WHERE a.message_id = m.id AND a.stage = 'deliver'),
                                  (SELECT max(a.at) FROM hub_message e JOIN hub_attempt a ON a.message_id = e.id
                                    WHERE e.order_key = m.order_key AND e.maybe_sent AND e.direction = 'out'
                                      AND e.id < m.id AND a.stage = 'deliver')))::float AS waited
                ), tried AS (
                    INSERT INTO hub_attempt (message_id, stage, at, outcome)
                    SELECT id, 'deliver', clock_timestamp() AT TIME ZONE 'UTC', 'sending' FROM mine
                )
                SELECT mine.*, q.body FROM mine JOIN hub_payload q ON q.id = mine.payload_id
                 ORDER BY mine.id
                """,
                [taken, token, LEASE],
            )
            rows = cr.dictfetchall()
            if not rows and not given_up:
                cr.rollback()  # others took them: the trial is not used up
            for row in rows:
                row["token"] = token
                row["values"] = strict_json.loads(bytes(row["body"]))
        if given_up and not rows:
            self.env["hub.circuit"]._not_tried(leave, 1)
            self.env["hub.place"]._give_back(leave)
        return rows, leave

    def _due(self, cr, head, limit):
        """Lock the messages of one stream and lane that are due, of the entity that is its turn.

        :return: ``({id: crashes, with the one that a lapsed lease tells of}, ids of lapsed ones)``.
        """
        system, stream, lane, entity = head
        cr.execute(
            SQL(
                """
            SELECT m.id, coalesce(m.crashes, 0) + (m.state = 'sending')::int, m.state = 'sending'
              FROM hub_message m WHERE %s AND m.entity_id = %s
             ORDER BY m.next_attempt_at, m.id LIMIT %s FOR NO KEY UPDATE OF m SKIP LOCKED
            """,
                due(TO_SEND, system, stream, lane),
                entity,
                limit,
            )
        )
        found = cr.fetchall()
        return {row[0]: row[1] for row in found}, {row[0] for row in found if row[2]}

    @staticmethod
    def _spare_the_others(crashes, lapsed):
        """A message whose worker died is sent in ever smaller company, at last alone.

        :param crashes: ``{id: how often its worker died}``, in the order of sending.
        :return: ``(ids to send now, ids that killed their worker even alone)``.
        """
        given_up = [key for key in lapsed if crashes[key] > CRASHES_UNTIL_DEAD]
        left = {key: count for key, count in crashes.items() if key not in given_up}
        most = max(left.values(), default=0)
        taken = [key for key, count in left.items() if count == most]
        return (taken[: CRASHED_BATCH.get(most, 1)] if most else taken), given_up

    def _give_up(self, cr, message_ids, crashes):
        """These stand before a person; nobody knows whether the product has them."""
        if not message_ids:
            return
        cr.execute(
            """UPDATE hub_message SET crashes = %s, reason = 'kills_worker', maybe_sent = TRUE
                WHERE id = ANY(%s)""",
            [max(crashes[key] for key in message_ids), message_ids],
        )
        self.env["hub.apply"]._give_up(cr, message_ids)
