from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ...core.billing import exact, rounded, to_seconds
from ..guard import called_by_people, is_own_code, own_code

# Questions about billed time that are answered by a correction.
CORRECTED = ("changed_after_billing", "approval_withdrawn_after_billing")


class AccountAnalyticLine(models.Model):
    """What was billed is frozen; what the source says since then is an entry of its own beside it."""

    _inherit = "account.analytic.line"

    hub_adjusts_id = fields.Many2one(
        "account.analytic.line",
        string="Corrects",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The billed entry that this one corrects; both together are what the source says.",
    )
    hub_adjusted = fields.Float(
        string="Corrected By (hours)",
        readonly=True,
        copy=False,
        digits=0,
        help="The hours of the entries that correct this one.",
    )

    def write(self, vals):
        if "unit_amount" in vals and not is_own_code(self.env) and self.hub_adjusts_id:
            self._refuse_correction()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_correction(self):
        if self.hub_adjusts_id:
            self._refuse_correction()

    def _refuse_correction(self):
        raise UserError(
            self.env._(
                "This entry corrects a billed one: both together are what the time tracker says. Correct it there."
            )
        )

    def _hub_correct(self, seconds, day, billable, why):
        """An entry beside this billed one with the difference to what the source says.

        :param seconds: how much more the source says; less than nothing: how much less
        :param day: when it is booked
        :param billable: whether it is billed as this one was
        :return: the new entry, with sudo
        """
        self.ensure_one()
        # With sudo and by own code: who decides need not be somebody who books the time of others.
        entry = own_code(self.sudo())
        source = entry.hub_source_hours
        values = {
            "name": why,
            "project_id": entry.project_id.id,
            "task_id": entry.task_id.id,
            "employee_id": entry.employee_id.id,
            "date": day,
            "unit_amount": seconds / 3600,
            "hub_approval": "approved",
            "hub_billable": "yes" if billable else "no",
            "is_so_line_edited": True,
            "so_line": entry.so_line.id if billable else False,
            "hub_adjusts_id": entry.id,
        }
        made = entry.create(values)
        total = entry.hub_adjusted + seconds / 3600
        entry.write(
            {
                "hub_adjusted": total,
                **({"hub_source_hours": source + seconds / 3600} if source else {}),
            }
        )
        return called_by_people(made)


class AccountMove(models.Model):
    _inherit = "account.move"

    hub_correction_message_ids = fields.Many2many(
        "hub.message",
        relation="hub_move_correction_rel",
        string="Changes That Wait",
        readonly=True,
        copy=False,
        help="What the source changed of billed time; it is taken over when this credit note is posted.",
    )

    def _hub_apply_credit(self):
        result = super()._hub_apply_credit()
        # Who approves a credit note need not be a resolver; a resolver decided what goes on with it.
        for note in self.sudo().filtered("hub_correction_message_ids"):
            messages = note.hub_correction_message_ids.with_user(SUPERUSER_ID)
            messages.filtered(lambda message: message.state in ("failed", "dead"))._replay(
                self.env._("Credited by %s", note.name)
            )
        return result


class HubBilling(models.Model):
    _inherit = "hub.billing"

    def _credit_note(self, part, day, kind, messages, why):
        """A draft credit note of a part of this row, taxed and priced as the invoice line was.

        :param part: of its quantity, a ``Decimal`` of at most 1
        :param kind: what it means, as ``hub_credit_kind``
        :param messages: ``hub.message`` records that go on when it is posted
        :return: the note, with its checks
        """
        self.ensure_one()
        line, invoice = self.invoice_line_id, self.move_id
        quantity = rounded(exact(self.quantity) * part, exact("0.000001"))
        values = {
            "move_type": "out_refund",
            "partner_id": invoice.partner_id.id,
            "company_id": invoice.company_id.id,
            "journal_id": invoice.journal_id.id,
            "currency_id": invoice.currency_id.id,
            "fiscal_position_id": invoice.fiscal_position_id.id,
            "invoice_date": day,
            "ref": why,
            "invoice_origin": invoice.name,
            "reversed_entry_id": invoice.id,
            "hub_contract_id": invoice.hub_contract_id.id,
            "hub_credit_kind": kind,
            "hub_credited_entry_ids": [Command.set(self.entry_id.ids if kind == "hours" else [])],
            "hub_correction_message_ids": [Command.set(messages.ids if kind == "hours" else [])],
            "hub_author_ids": [Command.link(self.env.uid)],
            "invoice_line_ids": [
                Command.create(
                    {
                        "product_id": line.product_id.id,
                        "name": why,
                        "quantity": float(quantity),
                        "product_uom_id": line.product_uom_id.id,
                        "price_unit": line.price_unit,
                        "discount": line.discount,
                        "account_id": line.account_id.id,
                        "tax_ids": [Command.set(line.tax_ids.ids)],
                        "analytic_distribution": line.analytic_distribution,
                        "sale_line_ids": [Command.set(line.sale_line_ids.ids)],
                    }
                )
            ],
        }
        # With sudo and by own code: a billing approver decides about it, whoever prepares it.
        note = called_by_people(own_code(self.env["account.move"].sudo()).create(values))
        note._hub_run_checks()
        return note


class HubIssue(models.Model):
    _inherit = "hub.issue"

    can_correct = fields.Boolean(compute="_compute_fixes")

    def _compute_fixes(self):
        result = super()._compute_fixes()
        for issue in self:
            issue.can_correct = issue.state == "open" and issue.code in CORRECTED
        return result

    def action_correct(self):
        """Each billed entry is corrected by itself."""
        self.ensure_one()
        found = self.exception_ids.filtered(lambda exception: exception.state == "open")
        return found.action_correct() if len(found) == 1 else self.action_decide()


class HubException(models.Model):
    _inherit = "hub.exception"

    can_correct = fields.Boolean(related="issue_id.can_correct")

    def action_correct(self):
        """Choose what becomes of the billed version."""
        self.message_id._require_resolver()
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Correct a Billed Entry"),
            "res_model": "hub.correct",
            "views": [[False, "form"]],
            "target": "new",
            "context": {"default_exception_id": self.id},
        }

    def _billed_entry(self):
        """The billed time entry that this is about, with sudo; empty for another one.

        With sudo: whoever resolves exceptions need not see the time of all people, only what was billed of it.
        """
        params = self.params or {}
        known = self.code in CORRECTED and params.get("entry")
        return self.env["account.analytic.line"].sudo().browse(known or ()).exists()

    def _more_seconds(self):
        """How much more the source says than stands in Odoo, None where it changed anything but the hours."""
        params = self.params or {}
        hours_only = params.get("fields") and set(params["fields"]) <= {"hours", "billable_hours"}
        whole = params.get("new_billable") == params.get("new_hours")
        if self.code != "changed_after_billing" or not hours_only or not whole:
            return None
        entry = self._billed_entry()
        if entry.hub_source_billable_hours:
            return None  # what is billed of other hours is for the source to say
        return to_seconds(params["new_hours"]) - to_seconds(entry.unit_amount + entry.hub_adjusted)
