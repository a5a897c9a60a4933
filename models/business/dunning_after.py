from odoo import api, models

from .locked import locked

CALL = "mail.mail_activity_data_call"


class HubDunningReminder(models.Model):
    """What became of reminders that were sent: mails that were not delivered, calls about what is paid meanwhile."""

    _inherit = "hub.dunning.reminder"

    @api.model
    def _look_for_refused(self):
        """Mails that could not be delivered reminded nobody: failed, with the reason, and due again."""
        mails = self.env["mail.mail"].search(
            [
                ("model", "=", self._name),
                ("state", "=", "exception"),
                ("is_notification", "=", False),
            ]
        )
        reasons = {mail.res_id: mail.failure_reason or mail.failure_type for mail in mails}
        failed = locked(self.browse(reasons).exists(), "sent")
        for reminder in failed:
            why = self.env._("The mail could not be delivered: %s", reasons[reminder.id] or "")
            reminder.write({"state": "failed", "why": why, "sent_at": False})
        failed.item_ids.write({"sent_on": False, "level_days": 0})
        mails.cancel()  # the reminder is tried again, by its button or the next run, not the mail
        for run in failed.run_id:
            run._tell_failed()

    @api.model
    def _put_away_calls(self):
        """Nobody is asked to call about what is settled meanwhile."""
        calls = self.search(
            [("kind", "=", "person"), ("state", "=", "sent"), ("activity_ids", "!=", False)]
        )
        about = {call: call.item_ids.filtered("level_id") for call in calls}
        rows = self.env["hub.receivable"].search(
            [("move_id", "in", calls.item_ids.move_id.ids), ("kind", "=", "invoice")]
        )
        open_ = {(row.move_id, row.due) for row in rows}
        for call, items in about.items():
            if not any((item.move_id, item.due) in open_ for item in items):
                call.activity_unlink([CALL])
