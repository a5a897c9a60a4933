import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import plaintext2html
from odoo.tools.misc import format_date, formatLang

from .approvers import APPROVER
from .invoicing import class_and_place
from .locked import locked
from .promise import INVOICING

_logger = logging.getLogger(__name__)

GROUP = 25  # reminders of one savepoint; as many are sent while who approves them waits
MOST = 500  # reminders of one turn of the clock


class HubDunningReminder(models.Model):
    """From approved to sent: looked at again, mailed or given to a person, kept."""

    _inherit = "hub.dunning.reminder"

    def _approve(self, user, at_once=True):
        """These may go out, those that failed again; few at once, many in the background."""
        # With sudo: nobody writes this by hand; whoever calls has looked at the right to decide.
        chosen = locked(self, "proposed", "failed").sudo()
        chosen.write({"state": "approved", "approved_by_id": user.id, "why": False})
        chosen.run_id._settle()
        if at_once and len(chosen) <= GROUP:
            for company, mine in chosen.grouped("company_id").items():
                company._hub_days(mine)._send()
        elif at_once:
            # Its own row is read with sudo; it is only asked to begin.
            self.env.ref("lead_to_cash_hub.cron_reminders").sudo()._trigger()

    @api.model
    def _send_waiting(self):
        """Send what was approved, some at a time."""
        cron = self.env["ir.cron"]
        waiting = self.search([("state", "=", "approved")], order="id", limit=MOST)
        left = self.search_count([("state", "=", "approved")])
        if not cron._commit_progress(remaining=left):  # what was done before stays, whatever comes
            return
        for company, mine in waiting.grouped("company_id").items():
            mine = company._hub_days(mine)
            for start in range(0, len(mine), GROUP):
                group = mine[start : start + GROUP]
                try:
                    locked(group, "approved")._send()
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    # Somebody changed the same rows at this moment: tried again with the next turn.
                    self.env.cr.rollback()
                    continue
                left -= len(group)
                if not cron._commit_progress(len(group), remaining=left):
                    return

    def _send(self):
        """Send these, locked and approved, of one company; what breaks alone fails alone."""
        try:
            with self.env.cr.savepoint():
                self._send_group()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # all of it is tried again
        except Exception as error:
            if len(self) > 1:
                for reminder in self:
                    reminder._send()
                return
            self.write({"state": "failed", "why": self._sentence_of(error)})
        self.run_id._settle()

    def _sentence_of(self, error):
        """An error as a sentence; one that nobody thought of is logged too."""
        if isinstance(error, UserError):
            return str(error.args[0])
        where = class_and_place(error)
        _logger.error("A reminder could not be sent: %s", where)
        return self.env._("An unexpected error stopped it (%s). The next run tries again.", where)

    def _send_group(self):
        today = fields.Date.context_today(self)
        still = self._look_again(today)
        for (kind, template), group in still.grouped(
            lambda reminder: (reminder.kind, reminder.level_id.template_id)
        ).items():
            if kind == "mail":
                group._mail(template)
            else:
                group._ask()
        for level, items in still.item_ids.grouped("level_id").items():
            if level:
                items.write({"sent_on": today, "level_days": level.days})
        still.write({"state": "sent", "sent_at": fields.Datetime.now(), "why": False})
        return still

    def _look_again(self, today):
        """What is due of these at this moment; the rest is left out. Lists and amounts are today's."""
        still = self.browse()
        values = {}
        for company, reminders in self.grouped("company_id").items():
            found = self._due(company, today, reminders.partner_id)
            for reminder in reminders:
                approved = {
                    (item.move_id.id, item.due, item.level_id.id)
                    for item in reminder.item_ids.filtered("level_id")
                }
                _level, items = found.get((reminder.partner_id.id, reminder.kind), (None, []))
                for item in items:
                    if (item["move_id"], item["due"], item["level_id"]) not in approved:
                        item["level_id"] = False  # only listed: nobody approved it
                if any(item["level_id"] for item in items):
                    still |= reminder
                    values[reminder] = items
        (self - still)._left_out(self.env._("paid, in dispute, promised or reminded of meanwhile"))
        still.item_ids.unlink()
        self.env["hub.dunning.item"].create(
            [{**item, "reminder_id": one.id} for one, items in values.items() for item in items]
        )
        for reminder in still:
            highest = reminder.item_ids.level_id.sorted("days")[-1:]
            if reminder.level_id != highest:
                reminder.level_id = highest
        return still

    def _mail(self, template):
        """One mail a customer, put into Odoo's queue."""
        for reminder in self:
            if not reminder.recipient_id.email_normalized:
                raise UserError(
                    self.env._("%s has no valid e-mail address.", reminder.partner_id.name)
                )
        return template.send_mail_batch(self.ids, email_layout_xmlid="mail.mail_notification_light")

    def _ask(self):
        """A person calls; who it is stands on the level."""
        for reminder in self:
            caller = reminder.level_id.user_id
            if caller not in reminder.company_id._hub_holders(APPROVER, INVOICING):
                raise UserError(
                    self.env._(
                        "%s: choose who calls. Who stands there may not see invoices any more.",
                        reminder.level_id.name,
                    )
                )
            lines = [
                f"{item.move_id.name} · {format_date(self.env, item.due)} · "
                f"{formatLang(self.env, item.amount, currency_obj=item.currency_id)}"
                for item in reminder.item_ids
            ]
            reminder.activity_schedule(
                "mail.mail_activity_data_call",
                user_id=caller.id,
                summary=reminder.name,
                note=plaintext2html("\n".join([reminder.level_id.sentence or "", *lines])),
            )
