"""Schema drift is looked for each hour."""


def migrate(cr, version):
    """Where it still runs nightly as it was shipped; a rhythm that somebody chose stays."""
    cr.execute(
        """UPDATE ir_cron c
              SET interval_type = 'hours', nextcall = least(nextcall, now() AT TIME ZONE 'UTC' + interval '1 hour')
             FROM ir_model_data d
            WHERE d.module = 'lead_to_cash_hub' AND d.name = 'cron_drift' AND d.res_id = c.id
              AND c.interval_number = 1 AND c.interval_type = 'days'"""
    )
