from odoo import api, fields, models
from odoo.tools import SQL

from .cursors import short_cursor
from .replay_line import OUTCOMES, UNDER_WAY
from .replay_plan import DOING, SHOWN

# A line that has not come to an end is judged by its message; a composed one by what came of its record.
_LIVE = """
    SELECT l.id, CASE
               WHEN l.verdict = 'compose' THEN CASE
                    WHEN EXISTS (SELECT 1 FROM hub_outbox o WHERE o.id = l.outbox_id) THEN 'queued'
                    WHEN n.id IS NULL THEN 'unchanged'
                    WHEN n.state IN ('pending', 'sending', 'received')
                        THEN CASE WHEN n.attempts > 0 THEN 'retry' ELSE 'queued' END
                    WHEN n.state IN ('waiting', 'held') THEN 'waiting'
                    WHEN n.state IN ('failed', 'dead') THEN 'failed'
                    ELSE n.state END
               WHEN m.state IN ('received', 'pending', 'sending')
                    THEN CASE WHEN m.attempts > 0 THEN 'retry' ELSE 'queued' END
               WHEN m.state IN ('waiting', 'held') THEN 'waiting'
               WHEN m.state IN ('failed', 'dead') THEN 'failed'
               WHEN m.state = 'skipped' AND m.reason = 'unchanged' THEN 'unchanged'
               ELSE m.state END AS outcome,
           coalesce(n.reason, m.reason) AS reason
      FROM hub_replay_line l
      JOIN hub_replay r ON r.id = l.replay_id
      JOIN hub_message m ON m.id = l.message_id
      LEFT JOIN LATERAL (
            SELECT x.id, x.state, x.reason, x.attempts FROM hub_message x
             WHERE l.verdict = 'compose' AND x.res_model = m.res_model AND x.res_id = m.res_id
               AND x.direction = 'out' AND x.order_key = m.order_key AND x.id > r.after_id
             ORDER BY x.id DESC LIMIT 1) n ON TRUE
     WHERE l.outcome IS NULL AND l.verdict = ANY(%(doing)s)
"""


class HubReplayRun(models.Model):
    """The run of a replay. Progress is read from the messages; nobody counts."""

    _inherit = "hub.replay"

    settled_count = fields.Integer(compute="_compute_progress", string="Finished")
    progress = fields.Float(compute="_compute_progress", help="Part that came to an end, 0 to 100.")
    progress_text = fields.Char(compute="_compute_progress", string="So Far")
    result_html = fields.Html(compute="_compute_result_html", string="Result", sanitize=False)

    @api.model
    def _run(self, messages, why, issue=None):
        """Plan and start at once: for a fix, whose form has said what goes on.

        :return: the ``hub.replay``.
        """
        replay = self._of(messages, why=why, issue=issue)
        replay._start()
        return replay

    # -- start and end -------------------------------------------------------------------------------

    def _start(self):
        """Bring the planned messages back into the flow with a clean count of tries.

        Undelivered and failed outbound messages keep their key, so the product recognises a repeat. What
        was sent or replaced is composed anew instead: old values never go out over newer ones.
        """
        cr = self.env.cr
        self.env.flush_all()
        self._settle_lines(
            cr, "m.id IN (SELECT message_id FROM hub_replay_line WHERE replay_id = %(replay)s)"
        )
        # What happened since the plan counts; a message is in one run at a time, under its row's lock.
        cr.execute(
            SQL(
                """
                WITH due AS (
                    SELECT m.id, m.state, m.reason, m.params, m.done_at FROM hub_message m
                     WHERE m.id IN (SELECT message_id FROM hub_replay_line
                                     WHERE replay_id = %(replay)s AND verdict IN %(doing)s)
                       AND m.id IN %(readable)s
                       AND m.state IN ('failed', 'dead', 'waiting', 'held', 'skipped', 'done')
                     ORDER BY m.id FOR NO KEY UPDATE
                )
                UPDATE hub_replay_line l
                   SET former_state = due.state, former_reason = due.reason, former_params = due.params,
                       former_done_at = due.done_at,
                       verdict = CASE WHEN l.verdict = 'send' AND due.state IN ('done', 'skipped')
                                      THEN 'compose' ELSE l.verdict END
                  FROM due WHERE l.replay_id = %(replay)s AND l.message_id = due.id AND l.verdict IN %(doing)s
                RETURNING l.message_id, l.verdict, l.system_id, l.company_id
                """,
                replay=self.id,
                doing=DOING,
                readable=self.env["hub.message"]._search([]).subselect(),
            )
        )
        taken = cr.fetchall()
        ids = {code: [row[0] for row in taken if row[1] == code] for code in DOING}
        cr.execute(
            """UPDATE hub_replay_line SET verdict = 'moved'
                WHERE replay_id = %s AND verdict = ANY(%s) AND NOT message_id = ANY(%s)""",
            [self.id, list(DOING), [row[0] for row in taken]],
        )
        self._requeue(cr, ids["fetch"], ids["apply"] + ids["send"])
        self._give_way(cr, ids["compose"])
        self._mark(cr)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "replay",
                    "message_id": message_id,
                    "system_id": system_id,
                    "company_id": company_id,
                    "res_model": "hub.message",
                    "res_id": message_id,
                    "values": {"why": self.why, "replay": self.id},
                }
                for message_id, _verdict, system_id, company_id in taken
            ]
        )
        cr.execute("SELECT coalesce(max(id), 0) FROM hub_message")
        self._keep(
            {
                "state": "running",
                "started_at": fields.Datetime.now(),
                "started_by": self.env.uid,
                "after_id": cr.fetchone()[0],
                "todo_count": len(taken),
                "left_out_count": self.message_count - len(taken),
            }
        )
        self.env["hub.message"].invalidate_model()
        self.env["hub.exception"].invalidate_model()
        self.env["hub.engine"]._wake_after_commit()

    def _requeue(self, cr, fetch, again):
        """These are tried as if for the first time."""
        cr.execute(
            """
            UPDATE hub_message m
               SET state = CASE WHEN m.id = ANY(%(fetch)s) THEN 'received' ELSE 'pending' END,
                   stream_id = coalesce(m.stream_id, s.id),
                   next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC', done_at = NULL,
                   attempts = 0, crashes = 0, reason = NULL, params = NULL, wait_key = NULL
              FROM unnest(%(all)s::int[]) u(id)
              JOIN hub_message o ON o.id = u.id
              LEFT JOIN LATERAL (
                    SELECT id FROM hub_stream
                     WHERE system_id = o.system_id AND entity_id = o.entity_id AND direction = o.direction
                       AND active LIMIT 1) s ON TRUE
             WHERE m.id = u.id
            """,
            {"fetch": fetch, "all": fetch + again},
        )

    def _give_way(self, cr, composed):
        """What is composed anew, or stands behind a newer one, does not stay before a person."""
        cr.execute(
            """
            UPDATE hub_message m SET state = 'skipped', reason = 'superseded', params = NULL, wait_key = NULL,
                   done_at = clock_timestamp() AT TIME ZONE 'UTC'
             WHERE (m.id = ANY(%s)
                    OR m.id IN (SELECT message_id FROM hub_replay_line
                                 WHERE replay_id = %s AND verdict IN ('newer', 'same_record')))
               AND m.state IN ('failed', 'dead', 'waiting', 'held')
            RETURNING m.id
            """,
            [composed, self.id],
        )
        self.env["hub.exception"]._close(cr, [row[0] for row in cr.fetchall()], "superseded")

    def _mark(self, cr):
        """Today's values of these records are to be composed; each line keeps its own mark."""
        cr.execute(
            """
            WITH marks AS (
                SELECT l.id AS line, nextval('hub_outbox_id_seq') AS mark, m.res_model, m.res_id
                  FROM hub_replay_line l JOIN hub_message m ON m.id = l.message_id
                 WHERE l.replay_id = %s AND l.verdict = 'compose'
            ), outbox AS (
                INSERT INTO hub_outbox (id, model, res_id) SELECT mark, res_model, res_id FROM marks
            )
            UPDATE hub_replay_line l SET outbox_id = marks.mark FROM marks WHERE l.id = marks.line
            """,
            [self.id],
        )

    def _cancel(self):
        """What nobody has tried yet is as it was before; what is being tried comes to its end."""
        cr = self.env.cr
        self._settle_lines(cr, "l.replay_id = %(replay)s")
        cr.execute(
            """
            WITH free AS (
                SELECT m.id, l.id AS line, l.former_state, l.former_reason, l.former_params, l.former_done_at
                  FROM hub_message m JOIN hub_replay_line l ON l.message_id = m.id
                 WHERE l.replay_id = %s AND l.outcome IS NULL AND l.verdict IN ('apply', 'fetch', 'send')
                   AND m.state IN ('received', 'pending') AND m.attempts = 0 AND m.reason IS NULL
                 ORDER BY m.id FOR NO KEY UPDATE OF m SKIP LOCKED
            ), back AS (
                UPDATE hub_message m SET state = f.former_state, reason = f.former_reason, params = f.former_params,
                       done_at = f.former_done_at
                  FROM free f WHERE m.id = f.id
            )
            UPDATE hub_replay_line l SET outcome = 'returned' FROM free f WHERE l.id = f.line
            """,
            [self.id],
        )
        cr.execute(
            """
            WITH free AS (
                SELECT o.id FROM hub_outbox o JOIN hub_replay_line l ON l.outbox_id = o.id
                 WHERE l.replay_id = %s FOR UPDATE OF o SKIP LOCKED
            ), gone AS (DELETE FROM hub_outbox WHERE id IN (SELECT id FROM free))
            UPDATE hub_replay_line SET outcome = 'returned'
             WHERE replay_id = %s AND outbox_id IN (SELECT id FROM free)
            """,
            [self.id, self.id],
        )
        self._keep(
            {"state": "cancelled", "ended_at": fields.Datetime.now(), "cancelled_by": self.env.uid}
        )
        self._log("cancel", {"why": self.why, "replay": self.id})
        self.env["hub.replay.line"].invalidate_model()
        self.env["hub.message"].invalidate_model()

    # -- the engine's own ----------------------------------------------------------------------------

    def _settle(self):
        """Keep what became of each message as soon as it came to an end, because a later replay may
        change it again; runs with nothing left are finished. Called each quarter of a minute."""
        with short_cursor(self.env) as cr:
            cr.execute("SELECT 1 FROM hub_replay WHERE state IN ('running', 'cancelled') LIMIT 1")
            if not cr.fetchone():
                return
            self._settle_lines(cr, "r.state IN ('running', 'cancelled')")
            cr.execute(
                """
                UPDATE hub_replay r SET state = 'done', ended_at = clock_timestamp() AT TIME ZONE 'UTC'
                 WHERE r.id IN (SELECT id FROM hub_replay WHERE state = 'running'
                                 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
                   AND NOT EXISTS (SELECT 1 FROM hub_replay_line l
                                    WHERE l.replay_id = r.id AND l.verdict = ANY(%s) AND l.outcome IS NULL)
                """,
                [list(DOING)],
            )

    def _settle_lines(self, cr, which):
        """:param which: condition on the lines ``l``, their messages ``m`` and replays ``r``."""
        cr.execute(
            f"""
            WITH live AS ({_LIVE} AND r.state IN ('running', 'cancelled') AND {which}),
            ended AS (SELECT l.id, live.outcome, live.reason FROM hub_replay_line l JOIN live USING (id)
                       WHERE NOT live.outcome = ANY(%(under_way)s)
                       ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED)
            UPDATE hub_replay_line l SET outcome = ended.outcome, outcome_reason = ended.reason
              FROM ended WHERE l.id = ended.id
            """,
            {"doing": list(DOING), "under_way": list(UNDER_WAY), "replay": self.id},
        )

    # -- shown ---------------------------------------------------------------------------------------

    @api.depends("state")
    def _compute_progress(self):
        counts = {}
        started = self.filtered("started_at")
        if started:
            self.env.cr.execute(
                f"""
                WITH live AS ({_LIVE} AND l.replay_id = ANY(%(ids)s))
                SELECT l.replay_id, coalesce(l.outcome, live.outcome), count(*)
                  FROM hub_replay_line l LEFT JOIN live USING (id)
                 WHERE l.replay_id = ANY(%(ids)s) AND l.verdict = ANY(%(doing)s)
                 GROUP BY 1, 2
                """,
                {"ids": started.ids, "doing": list(DOING)},
            )
            for replay_id, outcome, count in self.env.cr.fetchall():
                counts.setdefault(replay_id, {})[outcome] = count
        labels = dict(_outcome_labels(self.env))
        for replay in self:
            own = counts.get(replay.id, {})
            total = sum(own.values())
            replay.settled_count = total - sum(own.get(code, 0) for code in UNDER_WAY)
            replay.progress = 100.0 * replay.settled_count / total if total else 0.0
            replay.progress_text = ", ".join(
                f"{labels[code]}: {own[code]}" for code, _label in OUTCOMES if own.get(code)
            )

    @api.depends("state", "started_at")
    def _compute_result_html(self):
        labels = _outcome_labels(self.env)
        for replay in self:
            replay.result_html = False
            if replay.started_at:
                rows, rest = replay._result_rows(labels)
                replay.result_html = self.env["ir.qweb"]._render(
                    "lead_to_cash_hub.replay_table",
                    {"rows": rows, "rest": rest, "with_plan": False},
                )

    def _result_rows(self, labels):
        """Groups of what became of the messages, by outcome and by the cause they have now."""
        self.env.cr.execute(
            f"""
            WITH live AS ({_LIVE} AND l.replay_id = %(replay)s), result AS (
                SELECT coalesce(l.outcome, live.outcome) AS outcome,
                       coalesce(l.outcome_reason, live.reason) AS reason, l.amount_company, l.currency_id, m.params,
                       CASE WHEN coalesce(l.outcome, live.outcome) = 'failed' THEN e.issue_id END AS issue_id
                  FROM hub_replay_line l LEFT JOIN live USING (id)
                  JOIN hub_message m ON m.id = l.message_id
                  LEFT JOIN hub_exception e ON e.message_id = m.id AND e.state = 'open'
                 WHERE l.replay_id = %(replay)s AND l.verdict = ANY(%(doing)s))
            SELECT outcome, NULL, reason, issue_id, currency_id, count(*), sum(amount_company),
                   min(params::text), count(DISTINCT params::text),
                   count(*) OVER () - %(shown)s, sum(count(*)) OVER ()
              FROM result GROUP BY outcome, reason, issue_id, currency_id
             ORDER BY array_position(%(order)s::varchar[], outcome), count(*) DESC
             LIMIT %(shown)s
            """,
            {
                "replay": self.id,
                "doing": list(DOING),
                "shown": SHOWN,
                "order": [code for code, _label in OUTCOMES],
            },
        )
        return self._table_rows(self.env.cr.fetchall(), dict(labels))


def _outcome_labels(env):
    """Labels of all outcomes in the reader's language; a line stores the last ones only."""
    _ = env._
    return [
        ("queued", _("In the queue")),
        ("retry", _("Tried, will be tried again")),
        ("waiting", _("Waits for another record")),
        ("done", _("Done")),
        ("unchanged", _("Nothing to change")),
        ("skipped", _("Left out by a rule")),
        ("failed", _("Failed again")),
        ("returned", _("Given back")),
    ]
