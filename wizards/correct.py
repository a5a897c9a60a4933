from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_date, formatLang

from ..core.billing import to_seconds


class HubCorrect(models.TransientModel):
    """What becomes of a billed entry that its source changed: a choice, with what each would do."""

    _name = "hub.correct"
    _description = "Correct a Billed Entry"

    exception_id = fields.Many2one("hub.exception", required=True, readonly=True)
    sentence = fields.Char(related="exception_id.sentence")
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

    @api.depends("exception_id")
    def _compute_facts(self):
        for wizard in self:
            entry = wizard.exception_id._billed_entry()
            wizard.move_id = entry.hub_billing_id.move_id
            wizard.hours_only = bool(wizard.exception_id._more_seconds())
            notes = wizard.move_id.reversal_move_ids
            wizard.waiting_id = notes.filtered(
                lambda note, wizard=wizard: (
                    note.state == "draft"
                    and wizard.exception_id.message_id in note.hub_correction_message_ids
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
        row = self.exception_id._billed_entry().hub_billing_id
        more = self.exception_id._more_seconds() or 0
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
                "A draft credit note of %(hours)s h, and an entry that takes them off the time worked. The rest stays "
                "billed.",
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
        if self.choice != "credit":
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
        if self.choice == "credit":
            note = row._credit_note(1, self.day, "hours", messages, why)
            return self.env["account.move"].browse(note.id)
        more = self.exception_id._more_seconds()
        made = entry._hub_correct(more, self.day, billable=more > 0, why=why)
        if self.choice == "leave" and more > 0:
            return self.env["hub.write.off"]._propose(made, why)
        if self.choice == "adjust" and more < 0:
            # Of what was billed as much as of what was worked, whatever the contract's rounding made of it.
            part = min(Decimal(-more) / (to_seconds(row.worked) or -more), Decimal(1))
            note = row._credit_note(part, self.day, "price", messages, why)
            return self.env["account.move"].browse(note.id)
        return self.env["account.analytic.line"].browse(made.id)
