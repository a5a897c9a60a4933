import json
import time

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .cursors import rolled_back_cursor
from .take_back import Result, TakeBack
from .undo_line import TAKEN

STEP_SECONDS = 2.0
SLICE = 100
MOST = 5000  # writes of a plan; a record begun is taken in full
ALREADY = SQL(
    "EXISTS (SELECT 1 FROM hub_undo_line t WHERE t.audit_id = a.id AND t.outcome IN %s)", TAKEN
)


class HubUndo(models.Model):
    """A run taken back: its writes that nobody has touched since and that Odoo allows."""

    _name = "hub.undo"
    _description = "Undo"
    _order = "id desc"
    _rec_name = "why"

    why = fields.Char(string="Reason")
    replay_id = fields.Many2one("hub.replay", readonly=True, ondelete="restrict")
    company_ids = fields.Many2many("res.company", readonly=True)
    state = fields.Selection(
        [("planned", "Planned"), ("running", "Running"), ("done", "Finished")],
        default="planned",
        required=True,
        readonly=True,
    )
    started_at = fields.Datetime(readonly=True)
    started_by = fields.Many2one("res.users", readonly=True, ondelete="restrict")
    ended_at = fields.Datetime(readonly=True)
    line_ids = fields.One2many("hub.undo.line", "undo_id", readonly=True)
    line_count = fields.Integer(compute="_compute_figures", string="Writes")
    further_count = fields.Integer(
        readonly=True,
        string="Further Writes",
        help="Writes of these messages for which this plan had no room; plan another undo for them.",
    )
    progress = fields.Float(compute="_compute_figures")
    report_html = fields.Html(compute="_compute_figures", sanitize=False, string="Report")

    @api.depends("why")
    def _compute_display_name(self):
        for undo in self:
            undo.display_name = undo.why or self.env._("Undo %s", undo.id or "")

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(self.env._("Begin an undo from a replay or from messages."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and set(vals) != {"why"}:
            raise AccessError(self.env._("An undo is planned and started with its buttons."))
        if not self.env.su and any(undo.state != "planned" for undo in self):
            raise UserError(self.env._("This undo was started; it is kept as it is."))
        return super().write(vals)

    def unlink(self):
        if any(undo.state != "planned" for undo in self):
            raise UserError(
                self.env._("An undo that was started is kept: it says who did it and why.")
            )
        return super().unlink()

    # -- plan ----------------------------------------------------------------------------------------

    @api.model
    def _of(self, messages_query, *, replay=None):
        """A planned undo of what messages wrote.

        :param messages_query: ``Query`` of ``hub.message`` that the user may read.
        :param replay: only what was written since this run began.
        """
        self.env["hub.message"]._require_resolver()
        entries, further = self._newest(
            SQL(
                "a.message_id IN %s AND a.at >= %s",
                messages_query.subselect(),
                replay.started_at if replay else fields.Datetime.to_datetime("1970-01-01"),
            )
        )
        if not entries:
            raise UserError(
                self.env._("These messages have written nothing that could still be taken back.")
            )
        # With sudo: an undo is made by this method only, which has asked for the right.
        undo = self.sudo().create(
            {
                "replay_id": replay.id if replay else False,
                "further_count": further,
                "company_ids": [fields.Command.set(self.env.companies.ids)],
            }
        )
        # The plan is a trial: it is done, looked at, and rolled back, so Odoo itself says what it refuses.
        with rolled_back_cursor(self.env, 60) as cr:
            env = api.Environment(cr, self.env.uid, self.env.context, self.env.su)
            results = TakeBack(env, entries).run()
        self.env["hub.undo.line"]._append(undo.id, entries, results)
        return undo.sudo(False)

    def _newest(self, where):
        """Writes that no undo has taken back, record by record, as many as a plan has room for.

        All writes of a record are in one plan: whether it may go is judged by all of them. Records of
        which an undo has left something come last.

        :return: ``(entries, number of further writes)``
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH due AS (
                    SELECT a.id, a.res_model, a.res_id,
                           EXISTS (SELECT 1 FROM hub_undo_line l JOIN hub_undo u ON u.id = l.undo_id
                                    WHERE l.audit_id = a.id AND u.state <> 'planned') AS judged
                      FROM hub_audit a
                     WHERE a.action = 'apply' AND a.res_id IS NOT NULL AND %s AND NOT %s
                ), record AS (
                    SELECT array_agg(id) AS ids, bool_and(judged) AS judged, max(id) AS newest, count(*) AS writes
                      FROM due GROUP BY res_model, res_id
                ), placed AS (
                    SELECT ids, sum(writes) OVER (ORDER BY judged, newest DESC) - writes AS before,
                           sum(writes) OVER () AS total
                      FROM record
                )
                SELECT unnest(ids), total FROM placed WHERE before < %s
                """,
                where,
                ALREADY,
                MOST,
            )
        )
        found = self.env.cr.fetchall()
        if not found:
            return [], 0
        return self._entries([row[0] for row in found]), int(found[0][1]) - len(found)

    def _entries(self, audit_ids):
        """Writes that no undo has taken back, the newest first, with what taking them back needs."""
        self.env.cr.execute(
            SQL(
                """
                SELECT a.id AS audit_id, a.at, a.user_id, a.message_id, a.system_id, a.company_id, a.res_model,
                       a.res_id, v.trace, m.entity_id, m.external_id
                  FROM hub_audit a
                  JOIN hub_message m ON m.id = a.message_id
                  LEFT JOIN hub_audit_value v ON v.audit_id = a.id
                 WHERE a.id = ANY(%s) AND NOT %s
                 ORDER BY a.id DESC
                """,
                audit_ids,
                ALREADY,
            )
        )
        return self.env.cr.dictfetchall()

    # -- do ------------------------------------------------------------------------------------------

    def action_start(self):
        """Take back what the plan lists; each write is judged once more before."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("write")
        if self.state != "planned":
            raise UserError(self.env._("This undo was started already."))
        if not (self.why or "").strip():
            raise UserError(self.env._("Give a reason; it is kept with the records."))
        # With sudo: only these methods write it.
        self.sudo().write(
            {"state": "running", "started_at": fields.Datetime.now(), "started_by": self.env.uid}
        )
        return True

    def action_step(self):
        """Go on for some seconds; the page calls it until everything is done."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        self.check_access("write")
        started = time.monotonic()
        # With the rights of who started it.
        while self.state == "running" and self.started_by == self.env.user:
            if not self._slice():
                self.sudo().write({"state": "done", "ended_at": fields.Datetime.now()})
            if time.monotonic() - started > STEP_SECONDS:
                break
        return True

    def _slice(self):
        """Take back some records' writes.

        :return: number of lines judged.
        """
        cr = self.env.cr
        cr.execute(
            """
            SELECT id, audit_id FROM hub_undo_line
             WHERE undo_id = %s AND outcome IS NULL AND verdict = ANY(%s) AND (res_model, res_id) IN (
                   SELECT DISTINCT res_model, res_id FROM hub_undo_line
                    WHERE undo_id = %s AND outcome IS NULL AND verdict = ANY(%s) ORDER BY 1, 2 LIMIT %s)
            """,
            [self.id, list(TAKEN), self.id, list(TAKEN), SLICE],
        )
        lines = {audit_id: line_id for line_id, audit_id in cr.fetchall()}
        if not lines:
            return 0
        entries = self._entries(list(lines))
        results = TakeBack(self.env, entries).run()
        for audit_id in lines:
            results.setdefault(audit_id, Result("left", "taken"))
        self.env["hub.undo.line"]._settle(self.id, results)
        taken = [entry for entry in entries if results[entry["audit_id"]].verdict in TAKEN]
        self._restore_links(taken, results)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "undo",
                    "system_id": entry["system_id"],
                    "message_id": entry["message_id"],
                    "company_id": entry["company_id"],
                    "res_model": entry["res_model"],
                    "res_id": entry["res_id"],
                    "values": {"why": self.why} | results[entry["audit_id"]].done,
                }
                for entry in taken
            ]
        )
        return len(lines)

    def _restore_links(self, entries, results):
        """What was agreed on before counts again, so that the next message is judged as if these writes
        had never been; a record that is gone is forgotten."""
        cr = self.env.cr
        deleted = [e for e in entries if results[e["audit_id"]].verdict == "delete"]
        if deleted:
            keys = [[e["res_model"] for e in deleted], [e["res_id"] for e in deleted]]
            cr.execute(
                """
                WITH gone AS (SELECT DISTINCT * FROM unnest(%s::varchar[], %s::int[]) u(res_model, res_id)),
                     links AS (DELETE FROM hub_link l USING gone g
                                WHERE l.res_model = g.res_model AND l.res_id = g.res_id),
                     keys AS (DELETE FROM hub_identity k USING gone g, hub_entity e
                               WHERE e.code = k.entity AND e.model_name = g.res_model AND k.res_id = g.res_id)
                DELETE FROM hub_record r USING gone g WHERE r.res_model = g.res_model AND r.res_id = g.res_id
                """,
                keys,
            )
        rows, stamps, settled = {}, {}, {}
        for (
            entry
        ) in entries:  # the newest first: the oldest value that was agreed on is what remains
            result = results[entry["audit_id"]]
            if result.verdict != "write":
                continue
            trace = entry["trace"]
            back = {c for c, name in (trace.get("names") or {}).items() if name in result.done}
            base, held, names = rows.setdefault(
                (entry["system_id"], entry["entity_id"], entry["external_id"]), ({}, {}, set())
            )
            base.update({c: v for c, v in (trace.get("base") or {}).items() if c in back})
            for canonical in back:
                held.pop(canonical, None)
            held.update({c: v for c, v in (trace.get("held") or {}).items() if c in back})
            names.update(back)
            stamps.setdefault((entry["res_model"], entry["res_id"]), set()).update(back)
            settled.setdefault(entry["res_model"], {}).setdefault(entry["res_id"], set()).update(
                result.done
            )
        if not rows:
            return
        cr.execute(
            """
            UPDATE hub_link l
               SET base = coalesce(l.base, '{}'::jsonb) || u.base, payload_digest = NULL,
                   held = (coalesce(l.held, '{}'::jsonb) - ARRAY(SELECT jsonb_array_elements_text(u.names))) || u.held
              FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::jsonb[], %s::jsonb[], %s::jsonb[])
                   u(system_id, entity_id, external_id, base, held, names)
             WHERE l.system_id = u.system_id AND l.entity_id = u.entity_id AND l.external_id = u.external_id
            """,
            [
                [key[0] for key in rows],
                [key[1] for key in rows],
                [key[2] for key in rows],
                [json.dumps(base) for base, _held, _names in rows.values()],
                [json.dumps(held) for _base, held, _names in rows.values()],
                [json.dumps(sorted(names)) for _base, _held, names in rows.values()],
            ],
        )
        for model, names_by_id in settled.items():
            # It is no edit over the source's value, but the value from before: nothing is in dispute.
            self.env["hub.edit"]._settle(model, names_by_id)
        stamp = {
            "system": None,
            "message": None,
            "undo": self.id,
            "by": self.env.uid,
            "at": fields.Datetime.to_string(fields.Datetime.now()),
        }
        cr.execute(
            """
            UPDATE hub_record r SET provenance = coalesce(r.provenance, '{}'::jsonb) || u.provenance
              FROM unnest(%s::varchar[], %s::int[], %s::jsonb[]) u(res_model, res_id, provenance)
             WHERE r.res_model = u.res_model AND r.res_id = u.res_id
            """,
            [
                [key[0] for key in stamps],
                [key[1] for key in stamps],
                [json.dumps(dict.fromkeys(names, stamp)) for names in stamps.values()],
            ],
        )

    # -- shown ---------------------------------------------------------------------------------------

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Undo"),
            "res_model": "hub.undo",
            "res_id": self.id,
            "views": [[False, "form"]],
        }

    def action_view_lines(self):
        """Open the single writes."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Writes of this Undo"),
            "res_model": "hub.undo.line",
            "views": [[False, "list"]],
            "domain": [("undo_id", "=", self.id)],
        }

    @api.depends("state")
    def _compute_figures(self):
        fields_ = self.env["hub.undo.line"]._fields
        labels = dict(fields_["verdict"]._description_selection(self.env))
        reasons = dict(fields_["reason"]._description_selection(self.env))
        for undo in self:
            self.env.cr.execute(
                """
                SELECT coalesce(outcome, verdict), CASE WHEN coalesce(outcome, verdict) = 'left' THEN reason END,
                       res_model, count(*), count(outcome), count(*) FILTER (WHERE verdict = ANY(%s))
                  FROM hub_undo_line WHERE undo_id = %s GROUP BY 1, 2, 3
                 ORDER BY coalesce(outcome, verdict) = 'left', 4 DESC
                """,
                [list(TAKEN), undo.id],
            )
            found = self.env.cr.fetchall()
            undo.line_count = sum(row[3] for row in found)
            todo = sum(row[5] for row in found)
            undo.progress = 100.0 * sum(row[4] for row in found) / todo if todo else 100.0
            rows = [
                {
                    "label": labels.get(verdict, verdict),
                    "muted": verdict == "left",
                    "cause": reasons.get(reason, ""),
                    "what": self.env[model]._description if model in self.env else model,
                    "count": count,
                }
                for verdict, reason, model, count, _outcomes, _todo in found
            ]
            undo.report_html = self.env["ir.qweb"]._render(
                "lead_to_cash_hub.undo_table", {"rows": rows, "planned": undo.state == "planned"}
            )
