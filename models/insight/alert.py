from odoo import api, models

from ..flow.cursors import short_cursor

# How long causes of one owner are collected before an alert, by impact.
COLLECT = {"high": "0", "normal": "1 hour", "low": "1 day"}


class HubAlert(models.AbstractModel):
    """New causes of failure, grouped: one activity and one e-mail an owner, never one a message."""

    _name = "hub.alert"
    _description = "Alerts"

    @api.model
    def _send(self):
        """Alert the owners of open issues that nobody was told about and whose time has come.

        The first statement claims them, so two workers never tell the same person twice.
        """
        with short_cursor(self.env) as cr:
            cr.execute(
                """
                WITH due AS (
                    SELECT DISTINCT owner_id FROM hub_issue
                     WHERE state = 'open' AND alerted_at IS NULL AND owner_id IS NOT NULL
                       AND opened_at <= clock_timestamp() AT TIME ZONE 'UTC' - CASE coalesce(impact, 'normal')
                           WHEN 'high' THEN %s WHEN 'normal' THEN %s ELSE %s END::interval)
                UPDATE hub_issue i SET alerted_at = clock_timestamp() AT TIME ZONE 'UTC'
                  FROM due WHERE i.owner_id = due.owner_id AND i.state = 'open' AND i.alerted_at IS NULL
                RETURNING i.id
                """,
                [COLLECT["high"], COLLECT["normal"], COLLECT["low"]],
            )
            ids = [row[0] for row in cr.fetchall()]
            if ids:
                # Mails and activities go out as OdooBot.
                env = api.Environment(cr, api.SUPERUSER_ID, {})
                for owner, issues in env["hub.issue"].browse(ids).grouped("owner_id").items():
                    self._tell(env, owner, issues.with_context(lang=owner.lang))
        return len(ids)

    @api.model
    def _put_away(self):
        """An issue that is resolved needs nobody any more: its activities are done."""
        with short_cursor(self.env) as cr:
            cr.execute(
                """SELECT a.id FROM mail_activity a JOIN hub_issue i ON i.id = a.res_id
                    WHERE a.res_model = 'hub.issue' AND a.active AND i.state = 'resolved'
                      FOR NO KEY UPDATE OF a SKIP LOCKED"""
            )
            ids = [row[0] for row in cr.fetchall()]
            if ids:
                env = api.Environment(cr, api.SUPERUSER_ID, {})  # as OdooBot, who made them
                env["mail.activity"].browse(ids).action_feedback(
                    feedback=env._("Resolved: nothing waits for it any more.")
                )

    def _tell(self, env, owner, issues):
        """One activity on the weightiest issue, and one e-mail that lists all of them."""
        issues = issues.sorted(lambda issue: -issue.at_risk)
        sentences = [issue.sentence for issue in issues]
        summary = (
            env._("%(count)s new causes of failure", count=len(issues))
            if len(issues) > 1
            else sentences[0]
        )
        issues[0].activity_schedule(
            "mail.mail_activity_data_todo",
            user_id=owner.id,
            summary=summary[:200],
            note=env["ir.qweb"]._render("lead_to_cash_hub.alert_body", {"issues": issues}),
        )
        if owner.email:
            env["mail.mail"].create(
                {
                    "subject": f"Lead-to-Cash Hub: {summary}"[:250],
                    "email_to": owner.email_formatted,
                    "body_html": env["ir.qweb"]._render(
                        "lead_to_cash_hub.alert_body",
                        {"issues": issues, "base": env["hub.system"]._public_url()},
                    ),
                    "auto_delete": True,
                }
            )
