from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_date, formatLang

from ..core.billing import exact, to_seconds


class HubCorrect(models.TransientModel):
    """What becomes of a billed entry that its source changed: a choice, with what each would do."""

    _name = "hub.correct"
    _description = "Correct a Billed Entry"

    exception_id = fields.Many2one("hub.exception", required=True, readonly=True)
    sentence = fields.Char(related="exception_id.sentence", related_sudo=False)
    choice = fields.Selection(
        [
            ("credit", "Credit and bill again"),
            ("adjust", "Adjust with the next invoice"),
            ("leave", "Leave the invoice as it is, write the difference off"),
        ],
        default="credit",
        required=True,
        string="What to Do",
    )
    day = fields.Date(
        string="Booked On",
        required=True,
        default=fields.Date.context_today,
        help="The day of the credit note or of the corrected hours; never one of a closed period.",
    )
    reason = fields.Char(required=True)
    move_id = fields.Many2one(
        "account.move", compute="_compute_facts", compute_sudo=True, string="Invoice"
    )
    waiting_id = fields.Many2one(
        "account.move", compute="_compute_facts", compute_sudo=True, string="Waits For"
    )
    hours_only = fields.Boolean(compute="_compute_facts", compute_sudo=True)
    consequence = fields.Char(compute="_compute_consequence", compute_sudo=True, string="Then")
    locked = fields.Char(compute="_compute_consequence", compute_sudo=True)

    @api.model_create_multi
    def create(self, vals_list):
        wizards = super().create(vals_list)
        wizards.exception_id.check_access("read")
        return wizards

    def write(self, vals):
        result = super().write(vals)
        self.exception_id.check_access("read")
        return result

    def _seen(self):
        """The exception, where the user may see it: invoice and figures are shown with sudo."""
        return self.exception_id.sudo(False)._filtered_access("read").sudo()

    @api.depends("exception_id")
    def _compute_facts(self):
        for wizard in self:
            exception = wizard._seen()
            entry = exception._billed_entry()
            wizard.move_id = entry.hub_billing_id.move_id
            wizard.hours_only = bool(exception._more_seconds())
            notes = wizard.move_id.reversal_move_ids
            wizard.waiting_id = notes.filtered(
                lambda note, exception=exception: (
                    note.state == "draft"
                    and exception.message_id in note.hub_correction_message_ids
                )
            )[:1]

    @api.depends("choice", "day", "exception_id")
    def _compute_consequence(self):
        for wizard in self:
            wizard.locked = wizard._closed_period()
            wizard.consequence = wizard._says()

    def _closed_period(self):
        move = self.move_id
        violations = move and self.day and move._get_violated_lock_dates(self.day, True)
        if not violations:
            return False
        return self.env._(
            "%(day)s lies in a closed period (%(locks)s). Choose a later day.",
            day=format_date(self.env, self.day),
            locks=self.env["res.company"]._format_lock_dates(violations),
        )

    def _says(self):
        row = self._seen()._billed_entry().hub_billing_id
        more = self._seen()._more_seconds() or 0
        hours = f"{abs(more) / 3600:g}"
        if not row:
            return False
        if self.choice == "credit":
            return self.env._(
                "A draft credit note of %(amount)s on %(invoice)s. When it is approved, the entry takes over what the "
                "source says, and the next billing run bills it anew.",
                amount=formatLang(self.env, row.amount, currency_obj=row.currency_id),
                invoice=row.move_id.name or "",
            )
        if self.choice == "adjust" and more > 0:
            return self.env._(
                "An entry of %(hours)s h on %(day)s, which the next billing run bills.",
                hours=hours,
                day=format_date(self.env, self.day),
            )
        if self.choice == "adjust":
            return self.env._(
                "A draft credit note of %(amount)s on %(invoice)s. When it is approved, an entry takes %(hours)s h off "
                "the time worked. The rest stays billed.",
                amount=formatLang(
                    self.env,
                    row.currency_id.round(row.amount * float(self._part(row, more))),
                    currency_obj=row.currency_id,
                ),
                invoice=row.move_id.name or "",
                hours=hours,
            )
        if more > 0:
            return self.env._(
                "An entry of %(hours)s h on %(day)s, and a proposal to write it off, which a billing approver decides "
                "about.",
                hours=hours,
                day=format_date(self.env, self.day),
            )
        return self.env._(
            "An entry that takes %(hours)s h off the time worked. Nothing is credited.", hours=hours
        )

    def action_confirm(self):
        """Carry out the choice; the change of the source goes on."""
        self.ensure_one()
        exception = self.exception_id
        exception.message_id._require_resolver()
        entry = exception._billed_entry()
        row = entry.hub_billing_id
        if exception.state != "open" or row.state != "posted" or not row.invoice_line_id:
            raise UserError(
                self.env._(
                    "This is not billed on a posted invoice any more, or was decided meanwhile. Replay it instead."
                )
            )
        if row.move_id.company_id not in self.env.companies:
            raise UserError(self.env._("Switch to the company of the invoice first."))
        if self.waiting_id:
            raise UserError(
                self.env._(
                    "A draft credit note waits for approval already. Delete it to decide anew."
                )
            )
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say why. The reason stands on what is made."))
        if self.locked:
            raise UserError(self.locked)
        if self.choice != "credit" and not self.hours_only:
            raise UserError(
                self.env._(
                    "More than the hours changed: it can only be credited and billed again, or left with a reason."
                )
            )
        if self.choice == "credit":
            entry._hub_refuse_adjusted(row.move_id)
        else:
            entry._hub_refuse_archived()
        made = self._carry_out(entry, row)
        self.env["hub.audit"]._append(
            [
                {
                    "action": "decide",
                    "system_id": exception.system_id.id,
                    "message_id": exception.message_id.id,
                    "res_model": entry._name,
                    "res_id": entry.id,
                    "values": {
                        "issue": exception.code,
                        "decision": self.choice,
                        "why": self.reason,
                    },
                }
            ]
        )
        if made._name != "account.move":  # else it goes on when the credit note is posted
            exception.message_id._replay(self.reason, issue=exception.issue_id)
        if not made._filtered_access("read"):
            return {"type": "ir.actions.act_window_close"}
        return {
            "type": "ir.actions.act_window",
            "res_model": made._name,
            "res_id": made.id,
            "views": [[False, "form"]],
        }

    def _carry_out(self, entry, row):
        """Do it; the record that shows it, with the user's rights."""
        messages, why = self.exception_id.message_id, self.reason.strip()
        more = self.exception_id._more_seconds()
        note = None
        if self.choice == "credit":
            note = row._credit_note(Decimal(1), self.day, messages, why)
        elif self.choice == "adjust" and more < 0:
            note = row._credit_note(self._part(row, more), self.day, messages, why, more)
        if note:
            return self.env["account.move"].browse(note.id)
        made = entry._hub_correct(more, self.day, billable=more > 0, why=why)
        if self.choice == "leave" and more > 0:
            return self.env["hub.write.off"]._propose(made, why)
        return self.env["account.analytic.line"].browse(made.id)

    @api.model
    def _part(self, row, more):
        """What part of ``row`` is credited when the source says less, by ``more`` seconds (less than nothing).

        Of a retainer only what is beyond the balance was billed, and it was worked last. Of other time as much of what
        was billed as of what was worked, whatever the contract's rounding made of it.
        """
        less = Decimal(-more)
        if row.of_retainer:
            billed = exact(row.quantity) * row.sale_line_id._hub_unit_seconds()
        else:
            billed = to_seconds(row.worked)
        return min(less / (billed or less), Decimal(1))
