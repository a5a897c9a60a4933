import logging

from dateutil.relativedelta import relativedelta
from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import plaintext2html

from .billing_carry_out import GROUP
from .invoicing import class_and_place
from .locked import locked

MOST = 200  # invoices of one turn
MOST_PEOPLE = 20

_logger = logging.getLogger(__name__)


class HubBillingBatch(models.Model):
    """What the clock does with billing runs. Whatever breaks, the rest goes on, and a person is told."""

    _inherit = "hub.billing.batch"

    @api.model
    def _run(self):
        """Make approved invoices in the background, each in the name of who approved it; then propose what is due."""
        self._carry_out()
        self._guarded(self._propose_due)
        self._guarded(self.env["hub.contract"]._hub_tell_limits)
        self._guarded(self.env["hub.purchase.order"]._tell)
        self._guarded(self.env["hub.finance.batch"]._clock)

    def _guarded(self, step, *arguments):
        """Do one step; one that is broken must not stop the others or switch the cron off."""
        try:
            with self.env.cr.savepoint():
                step(*arguments)
        except Exception as error:
            _logger.error(
                "A step of billing failed, until the next run: %s", class_and_place(error)
            )

    # --- what was approved --------------------------------------------------------------------------

    @api.model
    def _carry_out(self):
        cron = self.env["ir.cron"]
        lines = self.env["hub.billing.batch.line"]
        waiting = lines.search([("state", "=", "approved")], order="id", limit=MOST)
        left = lines.search_count([("state", "=", "approved")])
        for (batch, approver), own in waiting.grouped(
            lambda line: (line.batch_id, line.approved_by_id)
        ).items():
            for start in range(0, len(own), GROUP):
                group = own[start : start + GROUP]
                batch._bill_as(approver, group)
                left -= len(group)
                if not cron._commit_progress(len(group), remaining=left):
                    return

    def _bill_as(self, approver, lines):
        """Bill approved lines of this run as who approved them: afterwards each is billed, left out or failed."""
        mine = lines.with_user(approver).with_context(
            allowed_company_ids=self.company_id.ids, lang=approver.lang
        )
        try:
            with self.env.cr.savepoint():
                if not approver:  # without a user it would be made with all rights
                    raise UserError(self.env._("Who approved it is gone. Propose again."))
                locked(mine, "approved")._bill()
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            # Somebody changed the same rows at this moment: it is tried again with the next turn.
            self.env.cr.rollback()
            return
        except Exception as error:
            mine._fail(mine.env["hub.invoicing"]._why(error))
        self._settle()
        if self.state in ("proposed", "done"):
            self._guarded(self._tell, approver)

    def _tell(self, approver):
        """What became of it, in the run's own thread; what was not billed is before who approved it."""
        missed = self.line_ids.filtered(
            lambda line: (
                line.approved_at and not line.left_by_id and line.state in ("failed", "left_out")
            )
        )
        text = self.env._(
            "%(billed)s invoices are posted, %(failed)s could not be billed.",
            billed=self.billed_count,
            failed=len(missed),
        )
        self.message_post(body=text)
        if missed:
            mine = self.env["account.move"].with_user(approver)
            self._ask_people(
                approver if approver and mine._hub_may_decide() else self._approvers(),
                self.env._("Approved invoices that could not be made"),
                text + " " + self.env._("The reason stands on each. Mend it, then propose again."),
            )

    # --- what is due --------------------------------------------------------------------------------

    @api.model
    def _propose_due(self):
        """Propose last month for companies that want it, once a month, from their day on."""
        today = fields.Date.context_today(self)
        for company in self.env["res.company"].search([("hub_billing_day", ">", 0)]):
            mine = self.with_company(company).with_context(allowed_company_ids=company.ids)
            if today.day < company.hub_billing_day or mine._month_is_proposed(company):
                continue
            batch = mine.create({"company_id": company.id, "date_to": mine._last_month_end()})
            try:
                with self.env.cr.savepoint():
                    batch.action_propose()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise  # all of it is tried again with the next run
            except Exception as error:
                why = self.env["hub.invoicing"]._why(error)
                batch.message_post(body=why)
                batch._ask_people(
                    batch._approvers(),
                    self.env._("Last month could not be proposed"),
                    why + " " + self.env._("Mend it, then press Propose Invoices."),
                )

    @api.model
    def _month_is_proposed(self, company):
        """Whether the clock made the run of last month, or somebody has proposed all of it since it ended.

        The clock's counts whatever people made of it; one of theirs that they discarded does not.
        """
        last = self._last_month_end()
        of_the_clock = Domain("create_uid", "=", SUPERUSER_ID)
        of_people = Domain(
            [
                ("state", "in", ("proposed", "working", "done")),
                ("proposed_at", ">=", last + relativedelta(days=1)),
                ("contract_domain", "in", (False, "[]")),
                "|",
                ("date_from", "=", False),
                ("date_from", "<=", last + relativedelta(day=1)),
            ]
        )
        months = Domain("company_id", "=", company.id) & Domain("date_to", ">=", last)
        return bool(self.search_count(months & (of_the_clock | of_people), limit=1))

    # --- people -------------------------------------------------------------------------------------

    def _approvers(self):
        """Who approves invoices of the run's company."""
        # With sudo: who holds the right is looked up by the clock.
        users = self.env.ref("lead_to_cash_hub.group_hub_billing_approver").sudo().all_user_ids
        return users.filtered(lambda user: user.active and self.company_id in user.company_ids)

    def _ask_people(self, users, summary, note):
        for user in users[:MOST_PEOPLE]:
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                user_id=user.id,
                summary=summary,
                note=plaintext2html(note),
            )
