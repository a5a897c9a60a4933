from odoo import api, models

from ...core.billing import to_seconds
from ...core.reconcile import Entry


class HubLedgerTime(models.AbstractModel):
    """Approved hours of a time tracker against approved time in Odoo, in seconds by the day of the work."""

    _name = "hub.ledger.time"
    _inherit = "hub.ledger"
    _description = "Time Ledgers"

    _entity = "time_entry"

    @api.model
    def _entry(self, key, hours, day, approval, reference):
        approved = approval == "approved"
        return Entry(
            key,
            to_seconds(hours) if approved else 0,
            "h",
            day,
            status="approved" if approved else "not_approved",
            reference=reference,
        )

    @api.model
    def _there(self, run):
        rows = [(key, v) for key, v in self._listed(run) if not v.get("running")]
        projects = {str(v["project"].external_id) for _k, v in rows if v.get("project")}
        companies = self._companies(run, "project", projects)
        own = self._companies(run, self._entity, [key for key, _v in rows])
        return [
            self._entry(
                key, v.get("hours") or 0, self._day(run, v.get("date")), v.get("approval"), None
            )
            for key, v in rows
            if self._is_ours(
                run,
                own.get(key)
                or companies.get(str(v["project"].external_id) if v.get("project") else None),
            )
        ]

    @api.model
    def _here(self, run, there):
        self.env["account.analytic.line"].flush_model()
        self.env.cr.execute(
            """
            SELECT l.external_id, coalesce(a.hub_source_hours, a.unit_amount)::text, a.date, a.hub_approval
              FROM hub_link l
              JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'time_entry'
              JOIN account_analytic_line a ON a.id = l.res_id
             WHERE l.system_id = %s AND l.res_model = 'account.analytic.line' AND a.company_id = %s
               AND (a.date BETWEEN %s AND %s OR l.external_id = ANY(%s))
            """,
            [
                run.system_id.id,
                run.company_id.id,
                run.date_from,
                run.date_to,
                [entry.key for entry in there],
            ],
        )
        return [
            self._entry(key, hours, day.isoformat(), approval, None)
            for key, hours, day, approval in self.env.cr.fetchall()
        ]
