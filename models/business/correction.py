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

    def _hourly_cost(self):
        """What corrects an entry costs what the entry did."""
        return self.hub_adjusts_id.hub_hourly_cost or super()._hourly_cost()

    def _hub_refuse_adjusted(self, invoice):
        """What corrects an entry stays where it is billed or credited: with all of the entry it would count twice."""
        for entry in self:
            if to_seconds(entry.hub_adjusted):
                raise UserError(
                    self.env._(
                        "%(entry)s was corrected by %(hours)s h since it was billed: credited as a whole, they would "
                        "count twice. Credit what is left of it on %(invoice)s by hand (price only), enter the work "
                        "where it belongs, and skip the change with this reason.",
                        entry=entry.display_name,
                        hours=f"{entry.hub_adjusted:+g}",
                        invoice=invoice.display_name,
                    )
                )

    def _hub_refuse_archived(self):
        """Odoo books no time of who is archived."""
        employee = self.employee_id.sudo()  # whether somebody is there, and a name
        if not employee.active:
            raise UserError(
                self.env._(
                    "%s is archived, and Odoo books no hours of archived people. Credit it and bill it again instead, "
                    "or ask somebody of HR to unarchive the employee until this is done.",
                    employee.name,
                )
            )

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
        self._hub_refuse_archived()
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

    hub_adjusts_id = fields.Many2one(
        "account.analytic.line",
        string="Corrected Entry",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The billed entry of which this credits a part; its hours are taken off when this is posted.",
    )
    hub_adjusts_hours = fields.Float(
        string="Hours Taken Off", readonly=True, copy=False, digits=0, help="Less than nothing."
    )

    def _hub_apply_credit(self):
        result = super()._hub_apply_credit()
        # Who approves a credit note need not be a resolver; a resolver decided what goes on with it.
        notes = self.sudo().filtered(
            lambda note: note.hub_correction_message_ids or note.hub_adjusts_id
        )
        for note in notes:
            messages = note.hub_correction_message_ids.with_user(SUPERUSER_ID)
            waiting = messages.filtered(lambda message: message.state in ("failed", "dead"))
            if note.hub_adjusts_id:
                note._hub_take_hours_off(waiting)
            waiting._replay(self.env._("Credited by %s", note.name))
        return result

    def _hub_take_hours_off(self, waiting):
        """With the credit note, not before: a draft that is deleted or cancelled leaves everything as it was."""
        entry = self.hub_adjusts_id
        row = entry.hub_billing_id
        if not waiting or row.state != "posted" or row.move_id != self.reversed_entry_id:
            raise UserError(
                self.env._(
                    "What is billed of %(entry)s, or what its source says, is not what this credit note was made for "
                    "any more. Delete it and decide anew.",
                    entry=entry.display_name,
                )
            )
        entry._hub_correct(
            to_seconds(self.hub_adjusts_hours),
            self.invoice_date,
            billable=False,
            why=self.ref or "/",
        )

    def _hub_take_back_credit(self):
        done = self.filtered(lambda move: move.state == "posted" and move.sudo().hub_adjusts_id)
        if done:
            raise UserError(
                self.env._(
                    "%s: the hours are taken off by now. If they were worked after all, correct them in the time "
                    "tracker: what is more is billed again.",
                    ", ".join(done.mapped("display_name")),
                )
            )
        return super()._hub_take_back_credit()


class HubBilling(models.Model):
    _inherit = "hub.billing"

    def _credit_note(self, part, day, messages, why, seconds=0):
        """A draft credit note of a part of this row, taxed and priced as the invoice line was.

        :param part: of its quantity, a ``Decimal`` of at most 1
        :param messages: ``hub.message`` records that go on when it is posted
        :param seconds: less than nothing: so much is taken off the entry then, and the rest stays billed; else the
            entry is billable again
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
            "hub_credit_kind": "price" if seconds else "hours",
            "hub_credited_entry_ids": [Command.set([] if seconds else self.entry_id.ids)],
            "hub_adjusts_id": self.entry_id.id if seconds else False,
            "hub_adjusts_hours": seconds / 3600,
            "hub_correction_message_ids": [Command.set(messages.ids)],
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
        asked = self.filtered(lambda issue: issue.state == "open" and issue.code in CORRECTED)
        correctable = asked.exception_ids.filtered("can_correct").issue_id
        for issue in self:
            issue.can_correct = issue in correctable
        return result

    def action_correct(self):
        """Each billed entry is corrected by itself."""
        self.ensure_one()
        found = self.exception_ids.filtered(lambda exception: exception.state == "open")
        return found.action_correct() if len(found) == 1 else self.action_decide()


class HubException(models.Model):
    _inherit = "hub.exception"

    can_correct = fields.Boolean(compute="_compute_can_correct")

    @api.depends("state", "code", "params")
    def _compute_can_correct(self):
        """What is billed is corrected; what is written off, credited or covered by a closed period is not."""
        asked = self.filtered(lambda one: one.state == "open" and one.code in CORRECTED)
        entries = {one: (one.params or {}).get("entry") for one in asked}
        rows = (
            self.env["hub.billing"]
            .sudo()  # as in _billed_entry
            ._read_group(
                [
                    ("entry_id", "in", list(filter(None, entries.values()))),
                    ("state", "=", "posted"),
                ],
                ["entry_id"],
            )
        )
        billed = {entry.id for (entry,) in rows}
        for one in self:
            one.can_correct = entries.get(one) in billed

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
