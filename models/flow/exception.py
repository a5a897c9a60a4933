from odoo import api, fields, models


class HubException(models.Model):
    """One message that needs a person."""

    _name = "hub.exception"
    _description = "Exception"
    _log_access = False
    _order = "state, amount_company desc nulls last, id desc"

    issue_id = fields.Many2one(
        "hub.issue", required=True, readonly=True, ondelete="cascade", index=True
    )
    message_id = fields.Many2one(
        "hub.message", required=True, readonly=True, ondelete="cascade", index=True
    )
    system_id = fields.Many2one(related="message_id.system_id", store=True)
    entity_id = fields.Many2one(related="message_id.entity_id")
    external_id = fields.Char(related="message_id.external_id")
    company_id = fields.Many2one("res.company", readonly=True)
    code = fields.Char(readonly=True)
    params = fields.Json(readonly=True)
    sentence = fields.Char(compute="_compute_sentence", string="What Happened")
    advice = fields.Char(compute="_compute_sentence", string="What to Do")
    amount = fields.Monetary(currency_field="currency_id", readonly=True, string="Money at Risk")
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount_company = fields.Monetary(
        currency_field="company_currency_id", readonly=True, string="In Company Currency"
    )
    company_currency_id = fields.Many2one("res.currency", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("resolved", "Resolved")], default="open", readonly=True, required=True
    )
    resolution = fields.Char(readonly=True)
    resolution_text = fields.Char(compute="_compute_sentence", string="How It Ended")
    opened_at = fields.Datetime(readonly=True, string="Since")
    resolved_at = fields.Datetime(readonly=True)
    can_map = fields.Boolean(related="issue_id.can_map")
    can_link = fields.Boolean(related="issue_id.can_link")
    can_create = fields.Boolean(related="issue_id.can_create")
    can_decide = fields.Boolean(related="issue_id.can_decide")

    _open_unique = models.UniqueIndex("(message_id) WHERE state = 'open'")

    def init(self):
        self.env.cr.execute(
            "ALTER TABLE hub_exception ALTER COLUMN opened_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')"
        )

    @api.depends("code", "params", "resolution")
    @api.depends_context("lang")
    def _compute_sentence(self):
        sentences = self.env["hub.sentence"]
        endings = {
            "applied": self.env._("It went through."),
            "superseded": self.env._("Fixed at the source: a newer version arrived."),
            "by_person": self.env._("Skipped by a person."),
        }
        for exception in self:
            params = (exception.params or {}) | {"system": exception.system_id.name}
            exception.sentence = sentences._sentence(exception.code, params)
            exception.advice = sentences._advice(exception.code, params)
            exception.resolution_text = endings.get(exception.resolution) or (
                sentences._sentence(exception.resolution, {}) if exception.resolution else False
            )

    @api.depends("sentence")
    def _compute_display_name(self):
        for exception in self:
            exception.display_name = exception.sentence or exception.code

    def action_map(self):
        return self.issue_id.action_map()

    def action_link(self):
        return self.issue_id.action_link()

    def action_create_record(self):
        return self.issue_id.action_create_record()

    def action_skip(self):
        return self.issue_id.action_skip()

    def action_plan_replay(self):
        return self.message_id.action_plan_replay()

    def action_decide(self):
        """Choose a value for each field in dispute."""
        self.ensure_one()
        return self.env["hub.conflict"]._open(self)

    def action_replay(self):
        return self.message_id.action_replay()

    def action_open_issue(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.issue",
            "res_id": self.issue_id.id,
            "views": [[False, "form"]],
        }

    def action_open_message(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.message",
            "res_id": self.message_id.id,
            "views": [[False, "form"]],
        }

    # -- the engine's own --------------------------------------------------------------------------

    def _open(self, cr, rows):
        """Open one exception a failed message, under the issue of its root cause.

        :param rows: dicts with message_id, fingerprint, code, kind, params (JSON text), issue_params,
            system_id, entity_id, process_id, company_id, owner_id, amount, currency_id, amount_company,
            company_currency_id. Two statements whatever their number; no total is updated here.
        """
        if not rows:
            return
        issues = {row["fingerprint"]: row for row in rows}
        ordered = [issues[key] for key in sorted(issues)]  # one order everywhere: no deadlock
        cr.execute(
            """
            INSERT INTO hub_issue (fingerprint, code, kind, params, system_id, entity_id, process_id, company_id,
                                   owner_id, impact, state, opened_at, exception_count, waiting_count, at_risk,
                                   create_date, write_date)
            SELECT u.f, u.c, u.k, u.p, u.s, u.e, u.pr, u.co, coalesce(p.owner_id, u.o), p.impact,
                   'open', now() AT TIME ZONE 'UTC', 0, 0, 0,
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM unnest(%s::varchar[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::int[], %s::int[], %s::int[],
                          %s::int[], %s::int[]) u(f, c, k, p, s, e, pr, co, o)
              LEFT JOIN hub_process p ON p.id = u.pr
            ON CONFLICT (fingerprint) WHERE state = 'open' DO NOTHING
            """,
            [
                [row["fingerprint"] for row in ordered],
                [row["code"] for row in ordered],
                [row["kind"] for row in ordered],
                [row["issue_params"] for row in ordered],
                [row["system_id"] for row in ordered],
                [row["entity_id"] for row in ordered],
                [row["process_id"] for row in ordered],
                [row["company_id"] for row in ordered],
                [row["owner_id"] for row in ordered],
            ],
            log_exceptions=False,  # another worker opened the same one: the batch starts again
        )
        cr.execute(
            """
            INSERT INTO hub_exception (issue_id, message_id, system_id, company_id, code, params, amount, currency_id,
                                       amount_company, company_currency_id, state)
            SELECT i.id, u.m, u.s, u.co, u.c, u.p, u.a, u.cu, u.ac, u.cc, 'open'
              FROM unnest(%s::varchar[], %s::int[], %s::int[], %s::int[], %s::varchar[], %s::jsonb[], %s::numeric[],
                          %s::int[], %s::numeric[], %s::int[]) u(f, m, s, co, c, p, a, cu, ac, cc)
              JOIN hub_issue i ON i.fingerprint = u.f AND i.state = 'open'
            ON CONFLICT (message_id) WHERE state = 'open' DO UPDATE
               SET issue_id = EXCLUDED.issue_id, code = EXCLUDED.code, params = EXCLUDED.params,
                   amount = EXCLUDED.amount, amount_company = EXCLUDED.amount_company
            """,
            [
                [row["fingerprint"] for row in rows],
                [row["message_id"] for row in rows],
                [row["system_id"] for row in rows],
                [row["company_id"] for row in rows],
                [row["code"] for row in rows],
                [row["params"] for row in rows],
                [row["amount"] for row in rows],
                [row["currency_id"] for row in rows],
                [row["amount_company"] for row in rows],
                [row["company_currency_id"] for row in rows],
            ],
        )

    def _close(self, cr, message_ids, resolution):
        """Close what these messages had open.

        :return: ids of the messages that had something open.
        """
        if not message_ids:
            return []
        cr.execute(
            """UPDATE hub_exception SET state = 'resolved', resolution = %s,
                      resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
                WHERE message_id = ANY(%s) AND state = 'open' RETURNING message_id""",
            [resolution, list(message_ids)],
        )
        return [row[0] for row in cr.fetchall()]
