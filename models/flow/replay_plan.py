import json

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from .replay_line import LEFT_OUT, TODO

DOING = tuple(code for code, _label in TODO)
PLAIN = ("unchanged", "superseded", "stale", "no_stream", "not_linked", "no_match", "made_in_odoo")
SHOWN = 12  # causes in the table of a plan; the rest are counted


class HubReplayPlan(models.Model):
    """The plan of a replay: what a start would do with each message, and why some are left out.

    Four statements, however many messages there are.
    """

    _inherit = "hub.replay"

    message_count = fields.Integer(readonly=True, copy=False, string="Messages")
    todo_count = fields.Integer(readonly=True, copy=False, string="Tried Again")
    left_out_count = fields.Integer(readonly=True, copy=False, string="Left Out")
    plan_html = fields.Html(compute="_compute_plan_html", string="Plan", sanitize=False)
    notice = fields.Text(compute="_compute_plan_html", string="Before You Start")

    def _make_plan(self):
        """Decide about each message of the filter and keep it as a line."""
        self._forget_plan()
        self.env.flush_all()
        self.env.cr.execute(self._plan_query())
        self.env.cr.execute(
            """SELECT count(*), count(*) FILTER (WHERE verdict = ANY(%s)) FROM hub_replay_line WHERE replay_id = %s""",
            [list(DOING), self.id],
        )
        count, todo = self.env.cr.fetchone()
        self._keep(
            {
                "state": "planned",
                "planned_at": fields.Datetime.now(),
                # The filter may be older than the companies that are chosen now: the plan shows theirs.
                "company_ids": self.env.companies.ids,
                "message_count": count,
                "todo_count": todo,
                "left_out_count": count - todo,
            }
        )
        self.env["hub.replay.line"].invalidate_model()

    def _forget_plan(self):
        self.env.cr.execute("DELETE FROM hub_replay_line WHERE replay_id = %s", [self.id])
        self.env["hub.replay.line"].invalidate_model()
        if self.state == "planned":
            self._keep({"state": "draft", "planned_at": False})

    def _plan_query(self):
        """One INSERT: facts of each message, the verdict, and of several of one record only the newest."""
        return SQL(
            """
            WITH fact AS (
                SELECT m.id, m.order_key, m.direction, m.kind, m.version, m.state, m.reason, m.params, m.done_at,
                       m.system_id, m.entity_id, m.company_id, e.issue_id,
                       CASE WHEN m.state IN ('failed', 'dead', 'waiting', 'held') THEN m.amount_company END AS amount,
                       coalesce(e.company_currency_id, c.currency_id) AS currency_id,
                       CASE WHEN m.state IN ('received', 'pending', 'sending') THEN 'running'
                            WHEN m.entity_id IS NULL OR m.action = 'ignored' THEN 'ignored'
                            WHEN s.id IS NULL THEN 'no_stream'
                            WHEN m.direction = 'in' THEN
                                CASE WHEN m.kind = 'event' AND m.payload_id IS NULL THEN 'erased'
                                     WHEN m.kind = 'notice' OR m.payload_id IS NULL THEN 'fetch'
                                     WHEN m.kind <> 'event' AND (l.version > m.version OR later.id > 0)
                                         THEN 'newer'
                                     ELSE 'apply' END
                            WHEN m.state IN ('failed', 'dead', 'waiting') AND m.payload_id IS NOT NULL
                                THEN 'send'
                            WHEN m.res_id IS NULL THEN 'no_record'
                            ELSE 'compose' END AS verdict
                  FROM hub_message m
                  LEFT JOIN hub_link l ON l.system_id = m.system_id AND l.entity_id = m.entity_id
                                      AND l.external_id = m.external_id AND m.direction = 'in'
                  LEFT JOIN hub_exception e ON e.message_id = m.id AND e.state = 'open'
                  LEFT JOIN res_company c ON c.id = m.company_id
                  LEFT JOIN LATERAL (
                        SELECT id FROM hub_stream
                         WHERE system_id = m.system_id AND entity_id = m.entity_id AND direction = m.direction
                           AND active LIMIT 1) s ON TRUE
                  LEFT JOIN LATERAL (  -- without a version on both sides, what arrived later is newer
                        SELECT n.id FROM hub_message n
                         WHERE n.external_id = m.external_id AND n.system_id = m.system_id
                           AND n.entity_id = m.entity_id AND n.direction = 'in' AND n.kind = 'snapshot'
                           AND n.id > m.id AND n.state = 'done'
                           AND (n.version IS NULL OR m.version IS NULL) LIMIT 1) later ON m.direction = 'in'
                 WHERE m.id IN %(messages)s
            ), placed AS (
                SELECT *, row_number() OVER (
                           PARTITION BY verdict IN %(doing)s, direction, order_key,
                                        CASE WHEN direction = 'in' AND kind = 'event' THEN id END
                           ORDER BY version DESC NULLS LAST, id DESC) AS place
                  FROM fact
            )
            INSERT INTO hub_replay_line (replay_id, message_id, verdict, former_state, former_reason, former_params,
                                         former_done_at, issue_id, system_id, entity_id, company_id, amount_company,
                                         currency_id)
            SELECT %(replay)s, id, CASE WHEN verdict IN %(doing)s AND place > 1 THEN 'same_record' ELSE verdict END,
                   state, reason, params, done_at, issue_id, system_id, entity_id, company_id, amount, currency_id
              FROM placed ORDER BY id
            """,
            messages=self._messages_query().subselect(),
            doing=DOING,
            replay=self.id,
        )

    # -- shown ---------------------------------------------------------------------------------------

    @api.depends("state", "planned_at")
    def _compute_plan_html(self):
        for replay in self:
            replay.plan_html = replay.notice = False
            if replay.planned_at:
                rows, rest = replay._plan_rows()
                replay.plan_html = self.env["ir.qweb"]._render(
                    "lead_to_cash_hub.replay_table", {"rows": rows, "rest": rest, "with_plan": True}
                )
                if replay.state in ("planned", "running"):
                    replay.notice = "\n".join(replay._plan_notices()) or False

    def _plan_rows(self):
        """Groups of the plan, what is done first: dicts for the table, and a sentence on the rest."""
        self.env.cr.execute(
            """
            SELECT verdict, former_state, former_reason, issue_id, currency_id, count(*),
                   sum(amount_company), min(former_params::text), count(DISTINCT former_params::text),
                   count(*) OVER () - %(shown)s, sum(count(*)) OVER ()
              FROM hub_replay_line WHERE replay_id = %(replay)s
             GROUP BY verdict, former_state, former_reason, issue_id, currency_id
             ORDER BY verdict = ANY(%(doing)s) DESC, sum(amount_company) DESC NULLS LAST, count(*) DESC, verdict
             LIMIT %(shown)s
            """,
            {"shown": SHOWN, "replay": self.id, "doing": list(DOING)},
        )
        found = self.env.cr.fetchall()  # at once: labels in the reader's language are queries too
        verdicts = self.env["hub.replay.line"]._fields["verdict"]._description_selection(self.env)
        return self._table_rows(found, dict(verdicts))

    def _table_rows(self, found, labels):
        """Rows of a table from groups: dicts of its columns, and a sentence on the groups left out."""
        states = dict(self.env["hub.message"]._fields["state"]._description_selection(self.env))
        issues = self.env["hub.issue"].browse({row[3] for row in found} - {None})
        readable = set(issues.exists()._filtered_access("read").ids)
        rows = {}
        for code, state, reason, issue_id, currency_id, count, amount, params, kinds in (
            group[:9] for group in found
        ):
            issue = issues.browse(issue_id) if issue_id in readable else self.env["hub.issue"]
            cause = issue.sentence or self._cause(reason, params if kinds == 1 else None)
            row = rows.setdefault(
                (code, state, cause),
                {
                    "label": labels.get(code, code),
                    "muted": code in dict(LEFT_OUT),
                    "state": states.get(state, state),
                    "cause": cause,
                    "count": 0,
                    "money": "",
                },
            )
            row["count"] += count
            row["money"] = ", ".join(filter(None, [row["money"], self._money(amount, currency_id)]))
        rows = list(rows.values())
        further = found[0][-2] if found else 0
        rest = ""
        if further > 0:
            rest = self.env._(
                "And %(count)s further causes with %(records)s records: see the list of records.",
                count=further,
                records=found[0][-1] - sum(row["count"] for row in rows),
            )
        return rows, rest

    def _cause(self, reason, params):
        """A reason as a sentence, unless its parameters differ from record to record."""
        if not reason or not (params or reason in PLAIN):
            return ""
        return self.env["hub.sentence"]._sentence(reason, json.loads(params or "{}"))

    def _money(self, amount, currency_id):
        if not amount:
            return ""
        currency = self.env["res.currency"].browse(currency_id or ())
        return formatLang(self.env, float(amount), currency_obj=currency or None)

    def _plan_notices(self):
        """What a person should know before the start: systems that will not answer now."""
        self.env.cr.execute(
            """
            SELECT y.name, count(*), coalesce(y.paused, FALSE)
              FROM hub_replay_line l JOIN hub_system y ON y.id = l.system_id
             WHERE l.replay_id = %s AND l.verdict = ANY(%s)
               AND (y.paused OR y.state <> 'connected' AND l.verdict <> 'apply')
             GROUP BY y.id ORDER BY y.id
            """,
            [self.id, list(DOING)],
        )
        return [
            self.env._(
                "%(system)s is paused: its %(count)s records go on when it is resumed.",
                system=name,
                count=count,
            )
            if paused
            else self.env._(
                "%(system)s is not connected: its %(count)s records go on when it is.",
                system=name,
                count=count,
            )
            for name, count, paused in self.env.cr.fetchall()
        ]
