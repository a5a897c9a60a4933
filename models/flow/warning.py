import json

from odoo import api, fields, models


class HubWarning(models.Model):
    """What a rule warns of in a record today. It goes when the record comes again and is right."""

    _name = "hub.warning"
    _description = "Warning"
    _log_access = False
    _order = "id desc"

    rule_id = fields.Many2one(
        "hub.rule", required=True, readonly=True, ondelete="cascade", index=True
    )
    message_id = fields.Many2one(
        "hub.message", readonly=True, ondelete="set null", index="btree_not_null"
    )
    system_id = fields.Many2one("hub.system", readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field="res_model", readonly=True, string="Record")
    facts = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    since = fields.Datetime(readonly=True)
    sentence = fields.Char(compute="_compute_sentence", string="What Is Not Right")
    record_name = fields.Char(compute="_compute_record_name")

    _record_unique = models.UniqueIndex("(res_model, res_id, rule_id)")

    @api.depends_context("lang")
    def _compute_sentence(self):
        for row in self:
            # With sudo: the sentence of a rule is for whoever may see the warning.
            facts = row.sudo().facts or {}
            row.sentence = row.sudo().rule_id._read_sentence(
                facts.get("facts") or {}, facts.get("failed") or ""
            )

    def _compute_record_name(self):
        for model, rows in self.grouped("res_model").items():
            records = self.env[model].browse(rows.mapped("res_id")) if model in self.env else None
            readable = records.exists()._filtered_access("read") if records is not None else ()
            names = {record.id: record.display_name for record in readable}
            for row in rows:
                row.record_name = names.get(row.res_id)

    def action_open_record(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [[False, "form"]],
        }

    @api.model
    def _renew(self, cr, judged):
        """Keep what is wrong of records, and forget what is right again. Two statements, however many.

        :param judged: ``[(res_model, res_id, ids of the rules that looked, findings, message id, system id,
            company id)]``.
        """
        if not judged:
            return
        looked = [(row[0], row[1], rule) for row in judged for rule in row[2]]
        wrong = {
            (row[0], row[1], found.rule.id): (row, found) for row in judged for found in row[3]
        }
        right = [key for key in looked if key not in wrong]
        if right:
            cr.execute(
                """DELETE FROM hub_warning w USING unnest(%s::varchar[], %s::int[], %s::int[]) u(model, id, rule)
                    WHERE w.res_model = u.model AND w.res_id = u.id AND w.rule_id = u.rule""",
                [list(column) for column in zip(*right, strict=True)],
            )
        if wrong:
            rows = [
                (
                    *key,
                    row[4],
                    row[5],
                    row[6] or None,
                    json.dumps({"facts": found.facts, "failed": found.failed}),
                )
                for key, (row, found) in sorted(wrong.items())
            ]
            cr.execute(
                """
                INSERT INTO hub_warning (res_model, res_id, rule_id, message_id, system_id, company_id, facts, since)
                SELECT u.*, clock_timestamp() AT TIME ZONE 'UTC'
                  FROM unnest(%s::varchar[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::jsonb[]) u
                ON CONFLICT (res_model, res_id, rule_id) DO UPDATE
                   SET message_id = EXCLUDED.message_id, facts = EXCLUDED.facts
                """,
                [list(column) for column in zip(*rows, strict=True)],
            )
