from odoo import SUPERUSER_ID, api, models

from .cursors import short_cursor

MOST = 50  # approvals that people are told of in one turn
MOST_PEOPLE = 20


class HubApproval(models.Model):
    """What the clock does with approvals: tell people, escalate, and let nothing be forgotten."""

    _inherit = "hub.approval"

    def _chore(self):
        """Each quarter of a minute. Cheap where nothing is held."""
        with short_cursor(self.env) as cr:
            cr.execute("SELECT 1 FROM hub_message WHERE state = 'held' LIMIT 1")
            held = bool(cr.fetchone())
            cr.execute("SELECT 1 FROM hub_approval WHERE state = 'waiting' LIMIT 1")
            if not held and not cr.fetchone():
                return
            ended = self._end_orphans(cr)
            env = api.Environment(cr, SUPERUSER_ID, {})  # activities are OdooBot's
            if ended:
                env["hub.approval"].browse(ended)._put_away()
            env["hub.approval"]._tell()
            env["hub.approval"]._escalate()

    def _end_orphans(self, cr):
        """What is asked of a message that does not wait any more is void; a message that waits with nothing
        asked (its rule is gone) is judged anew.

        :return: ids of the approvals that are void now.
        """
        cr.execute(
            """UPDATE hub_approval a SET state = 'void'
                 FROM hub_message m
                WHERE m.id = a.message_id AND a.state = 'waiting' AND m.state NOT IN ('held', 'pending')
            RETURNING a.id"""
        )
        ended = [row[0] for row in cr.fetchall()]
        cr.execute(
            """
            WITH free AS (
                SELECT m.id, m.direction FROM hub_message m
                 WHERE m.state = 'held' AND NOT EXISTS (
                       SELECT 1 FROM hub_approval a WHERE a.message_id = m.id AND a.state = 'waiting')
                   FOR NO KEY UPDATE SKIP LOCKED
            ), again AS (
                UPDATE hub_message m SET state = CASE free.direction WHEN 'in' THEN 'pending' ELSE 'skipped' END,
                       reason = CASE free.direction WHEN 'out' THEN 'superseded' END, params = NULL,
                       next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC'
                  FROM free WHERE m.id = free.id
                RETURNING m.direction, m.res_model, m.res_id
            )
            INSERT INTO hub_outbox (model, res_id)
            SELECT res_model, res_id FROM again WHERE direction = 'out' AND res_id IS NOT NULL
            """
        )
        return ended

    def _tell(self):
        """One activity an approver and record, for what nobody was told about yet."""
        self.env.cr.execute(
            """SELECT a.id FROM hub_approval a LEFT JOIN hub_checkpoint c ON c.id = a.checkpoint_id
                WHERE a.state = 'waiting' AND a.told_at IS NULL
                  AND c.batch IS NULL  -- of what is decided in batches, the batch tells
                ORDER BY a.id LIMIT %s FOR NO KEY UPDATE OF a SKIP LOCKED""",
            [MOST],
        )
        for approval in self.browse(row[0] for row in self.env.cr.fetchall()):
            authors = set(approval.authors or ()) if approval._gate().four_eyes else set()
            people = approval._approvers().filtered(lambda u, a=authors: u.id not in a)
            deputies = self.env["hub.delegation"]._deputies(people, approval._gate())
            approval._ask_people(people | deputies.filtered(lambda u, a=authors: u.id not in a))
            approval._keep({"told_at": self.env.cr.now()})

    def _escalate(self):
        """What is overdue is told to whom its gate names, once."""
        self.env.cr.execute(
            """SELECT a.id FROM hub_approval a LEFT JOIN hub_checkpoint c ON c.id = a.checkpoint_id
                WHERE a.state = 'waiting' AND a.escalated_at IS NULL AND c.batch IS NULL
                  AND a.due_at < clock_timestamp() AT TIME ZONE 'UTC'
                ORDER BY a.id LIMIT %s FOR NO KEY UPDATE OF a SKIP LOCKED""",
            [MOST],
        )
        for approval in self.browse(row[0] for row in self.env.cr.fetchall()):
            approval._ask_people(
                approval._gate().escalate_id,
                self.env._("Overdue: nobody has decided in time."),
            )
            approval._keep({"escalated_at": self.env.cr.now()})

    def _ask_people(self, users, note=""):
        day = self.due_at.date() if self.due_at else None
        for user in users[:MOST_PEOPLE]:
            mine = self.with_context(lang=user.lang)
            mine.activity_schedule(
                "mail.mail_activity_data_todo",
                date_deadline=day,
                summary=mine.env._("Approve: %s", mine.subject)[:200],
                note=note,
                user_id=user.id,
            )
