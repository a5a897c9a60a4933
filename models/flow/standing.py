import json

from odoo import fields, models

from .cursors import short_cursor


class HubIssue(models.Model):
    """Issues about a stream, a system or the engine itself: no message stands behind them, and what
    found them closes them."""

    _inherit = "hub.issue"

    standing = fields.Boolean(readonly=True, help="Closes by itself when the cause is gone.")
    stream_id = fields.Many2one(
        "hub.stream", readonly=True, ondelete="cascade", index="btree_not_null"
    )

    def _stand(self, rows):
        """Open these issues, or renew what the open ones say. One statement, whatever their number.

        :param rows: dicts with fingerprint, code, kind and params, and where they are known stream_id,
            system_id, entity_id, process_id, owner_id and impact.
        """
        if not rows:
            return
        rows = sorted(rows, key=lambda row: row["fingerprint"])  # one order everywhere: no deadlock
        names = ("stream_id", "system_id", "entity_id", "process_id", "owner_id", "impact")
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                INSERT INTO hub_issue AS i (
                    fingerprint, code, kind, params, stream_id, system_id, entity_id, process_id,
                    owner_id, impact, standing, state, opened_at, exception_count, waiting_count,
                    at_risk, create_date, write_date)
                SELECT u.*, TRUE, 'open', now() AT TIME ZONE 'UTC', 0, 0, 0,
                       now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
                  FROM unnest(%s::varchar[], %s::varchar[], %s::varchar[], %s::jsonb[], %s::int[],
                              %s::int[], %s::int[], %s::int[], %s::int[], %s::varchar[]) u
                ON CONFLICT (fingerprint) WHERE state = 'open' DO UPDATE
                   SET code = EXCLUDED.code, kind = EXCLUDED.kind, params = EXCLUDED.params
                 WHERE (i.code, i.params) IS DISTINCT FROM (EXCLUDED.code, EXCLUDED.params)
                """,
                [
                    [row["fingerprint"] for row in rows],
                    [row["code"] for row in rows],
                    [row["kind"] for row in rows],
                    [json.dumps(row["params"]) for row in rows],
                    *([row.get(name) or None for row in rows] for name in names),
                ],
            )

    def _lift(self, fingerprints):
        """The causes are gone."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """UPDATE hub_issue SET state = 'resolved', resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
                    WHERE fingerprint = ANY(%s) AND state = 'open'""",
                [list(fingerprints)],
            )

    def action_open_stream(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "hub.stream",
            "res_id": self.stream_id.id,
            "views": [[False, "form"]],
        }
