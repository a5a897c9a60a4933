from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from .approvers import APPROVER, ask_approvers
from .locked import locked


class HubDunningRun(models.Model):
    """The reminders of a day in a company: proposed, approved by a person (or by the company's setting), sent.

    Written by code only; people leave out, approve and discard. One run of a company is open at a time.
    """

    _name = "hub.dunning.run"
    _description = "Dunning Run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _mail_post_access = "read"  # rows are written by code only; who sees one may note what was said
    _order = "date desc, id desc"

    name = fields.Char(compute="_compute_name", string="Run")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(required=True, readonly=True)
    state = fields.Selection(
        [
            ("proposed", "To approve"),
            ("working", "Sending"),
            ("done", "Done"),
            ("discarded", "Discarded"),
        ],
        default="proposed",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    reminder_ids = fields.One2many("hub.dunning.reminder", "run_id", readonly=True)
    reminder_count = fields.Integer(string="Reminders", compute="_compute_totals")
    amount = fields.Monetary(string="Overdue", compute="_compute_totals")

    _open_unique = models.UniqueIndex(
        "(company_id) WHERE state IN ('proposed', 'working')",
        "A dunning run of this company is open: approve or discard it first.",
    )

    @api.depends("company_id", "date")
    def _compute_name(self):
        for run in self:
            run.name = f"{run.company_id.name} {fields.Date.to_string(run.date) or ''}"

    @api.depends("reminder_ids.item_ids.company_amount", "reminder_ids.state")
    def _compute_totals(self):
        """A mail and a call to one customer may list the same: it counts once."""
        for run in self:
            run.reminder_count = len(run.reminder_ids)
            once = {}
            for reminder in run.reminder_ids.filtered(lambda one: one.state != "left_out"):
                for key, items in reminder.item_ids.grouped(
                    lambda item: (item.move_id, item.due)
                ).items():
                    once[key] = sum(items.mapped("company_amount"))
            run.amount = run.currency_id.round(sum(once.values()))

    def _check_may_decide(self):
        if not self.env.user.has_group(APPROVER):
            raise AccessError(self.env._("Only billing approvers decide about reminders."))
        self.check_access("read")

    # --- what people press --------------------------------------------------------------------------

    def action_propose(self):
        """Look for reminders that are due in the company of the environment; its run."""
        self._check_may_decide()
        company = self.env.company
        run = company._hub_days(self.sudo())._propose(company)  # written by code only
        if not run:
            raise UserError(
                self.env._(
                    "No reminder of %s is due: nothing is overdue for its next level.",
                    self.env.company.name,
                )
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": run.id,
            "views": [[False, "form"]],
        }

    def action_approve(self):
        """Send what is proposed; what was paid, contested or promised meanwhile is left out."""
        self._check_may_decide()
        for run in self:
            run.reminder_ids._approve(self.env.user)
        return True

    def action_discard(self):
        """Send nothing of it. The next run looks anew."""
        self._check_may_decide()
        for run in self.sudo():  # written by code only
            waiting = locked(run.reminder_ids, "proposed", "approved")
            waiting._left_out(self.env._("the run was discarded"))
            if run.state in ("proposed", "working"):
                sent = run.reminder_ids.filtered(lambda reminder: reminder.state == "sent")
                run.state = "done" if sent else "discarded"
                run._put_away()
        return True

    # --- what code does -----------------------------------------------------------------------------

    @api.model
    def _propose(self, company):
        """A run of what is due today; empty if nothing is."""
        today = fields.Date.context_today(self)
        found = self.env["hub.dunning.reminder"]._due(company, today)
        if not found:
            return self.browse()
        run = self.create({"company_id": company.id, "date": today})
        self.env["hub.dunning.reminder"].create(
            [
                {
                    "run_id": run.id,
                    "partner_id": partner_id,
                    "kind": kind,
                    "level_id": level.id,
                    "item_ids": [Command.create(item) for item in items],
                }
                for (partner_id, kind), (level, items) in found.items()
            ]
        )
        return run

    def _settle(self):
        """What the run is, by its reminders. Who approves learns at its end which could not be sent."""
        for run in self.sudo():  # written by code only
            states = set(run.reminder_ids.mapped("state"))
            state = "proposed" if "proposed" in states else "done"
            if "approved" in states:
                state = "working"
            ends = run.state in ("proposed", "working") and run.state != state
            if ends:
                run.state = state
            if ends or "failed" not in states:
                run._put_away()
            if ends and state == "done" and "failed" in states:
                run._tell_failed()

    def _put_away(self):
        """Nobody is asked about it any more."""
        if self.state in ("done", "discarded"):
            self.activity_unlink(["mail.mail_activity_data_todo"])

    def _tell_failed(self):
        """Who approves learns of reminders that could not be sent; of a company the last such run asks."""
        standing = self.search(
            [
                ("company_id", "=", self.company_id.id),
                ("state", "in", ("done", "discarded")),
                ("activity_ids", "!=", False),
            ]
        )
        standing.activity_unlink(["mail.mail_activity_data_todo"])
        failed = self.reminder_ids.filtered(lambda reminder: reminder.state == "failed")
        said = self.env._(
            "%(count)s reminders could not be sent: %(names)s",
            count=len(failed),
            names=", ".join(failed.partner_id[:5].mapped("name")),
        )
        ask_approvers(self, lambda _run: said)

    @api.model
    def _nightly(self):
        """What became of promises, disputes, mails and calls; the reminders of the day; those that wait to be sent."""
        guarded = self.env["hub.billing.batch"]._guarded  # what is broken stops nothing else
        promises, reminders = self.env["hub.promise"], self.env["hub.dunning.reminder"]
        guarded(self.env["hub.dispute"]._look)
        guarded(reminders._look_for_refused)
        guarded(reminders._put_away_calls)
        promised = promises.search([("state", "=", "open")]).company_id
        for company in promised | self.env["hub.dunning.level"].search([]).company_id:
            mine = company._hub_days(self)
            today = fields.Date.context_today(mine)
            guarded(promises._look, company, today)
            guarded(mine._propose_today, company, today)
        reminders._send_waiting()

    @api.model
    def _propose_today(self, company, today):
        """One run a day, none while another one is open; sent unseen where the company wants it."""
        standing = [
            ("company_id", "=", company.id),
            "|",
            ("date", "=", today),
            ("state", "in", ("proposed", "working")),
        ]
        if self.search_count(standing, limit=1):
            return
        run = self._propose(company)
        if run and company.hub_dunning_auto:
            run.reminder_ids._approve(self.env.user, at_once=False)
        elif run:
            ask_approvers(
                run, lambda one: self.env._("%s reminders to approve", one.reminder_count)
            )
