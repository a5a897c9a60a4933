from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models.guard import own_code


class HubScheduleChange(models.TransientModel):
    """Agree another fee or other instalments of a started contract; what is billed stays as it was billed."""

    _name = "hub.schedule.change"
    _description = "Change of a Schedule"

    line_id = fields.Many2one("hub.contract.line", required=True, readonly=True)
    currency_id = fields.Many2one(related="line_id.currency_id")
    fee = fields.Monetary(required=True, help="What is agreed in all, untaxed: billed and coming.")
    billed = fields.Monetary(
        compute="_compute_billed", help="Billed, on a draft or credited; it stays."
    )
    unplanned = fields.Monetary(compute="_compute_unplanned", string="Still to Plan")
    reason = fields.Char(
        required=True, help="The change order: its number, a letter, a mail of a day."
    )
    row_ids = fields.One2many("hub.schedule.change.row", "change_id", string="Coming")

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        line = self.env["hub.contract.line"].browse(values.get("line_id"))
        if line:
            line.check_access("read")
            values["fee"] = line.amount
            values["row_ids"] = [
                Command.create(
                    {
                        "instalment_id": row.id,
                        "name": row.name,
                        "date": row.date,
                        "date_from": row.date_from,
                        "date_to": row.date_to,
                        "amount": row.amount,
                    }
                )
                for row in self._coming(line)
            ]
        return values

    @api.model
    def _coming(self, line):
        return line.sudo().instalment_ids._hub_open().sudo(False)  # what is billed, to look only

    @api.depends("line_id")
    def _compute_billed(self):
        for change in self:
            rows = change.line_id.instalment_ids
            kept = rows.filtered(lambda row: not row.dropped) - self._coming(change.line_id)
            change.billed = sum(kept.mapped("amount"))

    @api.depends("fee", "billed", "row_ids.amount")
    def _compute_unplanned(self):
        for change in self:
            change.unplanned = change.fee - change.billed - sum(change.row_ids.mapped("amount"))

    def action_confirm(self):
        """Write what is agreed: coming instalments, the fee and the contract's value."""
        self.ensure_one()
        line = self.line_id
        contract = line.contract_id
        line.check_access("write")
        self._check_agreed(contract)
        coming = self._coming(line)
        kept, values, new = self.env["hub.instalment"], {}, []
        for row in self.row_ids:
            figures = {
                "name": row.name,
                "date": row.date,
                "date_from": row.date_from,
                "date_to": row.date_to,
                "percent": 0.0,
                "fixed": row.amount,
            }
            if row.instalment_id in coming:
                kept |= row.instalment_id
                values[row.instalment_id] = figures
            else:
                new.append({"line_id": line.id, **figures})
        before = line.amount
        # With sudo: the schedule, order lines and milestones of a started contract are written by code; whether this
        # user may was asked above.
        own = own_code(coming.sudo())
        (own - kept)._hub_drop(self.reason, self.env.user)
        for row, figures in values.items():
            own_code(row.sudo()).write(figures)
        own_code(kept.sudo())._hub_replan()
        own.create(new)
        own_code(line.sudo()).write({"quantity": 1.0, "discount": 0.0, "unit_price": self.fee})
        contract._hub_open_due(None)
        contract.message_post(
            body=self.env._(
                "Schedule of “%(line)s” changed: %(before)s becomes %(after)s. %(reason)s",
                line=line.name,
                before=line._hub_money(before),
                after=line._hub_money(self.fee),
                reason=self.reason,
            )
        )
        return {"type": "ir.actions.act_window_close"}

    def _check_agreed(self, contract):
        line = self.line_id
        if line.kind != "schedule" or contract.state != "active":
            raise UserError(
                self.env._("Only a fee by schedule of an active contract is changed here.")
            )
        if not (self.reason or "").strip():
            raise UserError(self.env._("Say what was agreed: the change order, a letter, a mail."))
        if any(row.amount <= 0 for row in self.row_ids):
            raise UserError(
                self.env._("An instalment comes to something; remove those that do not.")
            )
        if not line.currency_id.is_zero(self.unplanned):
            raise UserError(
                self.env._(
                    "%(billed)s are billed and %(coming)s are planned, %(all)s in all; the fee is %(fee)s. Change the "
                    "instalments or the fee until they agree.",
                    billed=line._hub_money(self.billed),
                    coming=line._hub_money(self.fee - self.billed - self.unplanned),
                    all=line._hub_money(self.fee - self.unplanned),
                    fee=line._hub_money(self.fee),
                )
            )


class HubScheduleChangeRow(models.TransientModel):
    """One coming instalment, as it shall be."""

    _name = "hub.schedule.change.row"
    _description = "Coming Instalment"
    _order = "date, id"

    change_id = fields.Many2one("hub.schedule.change", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="change_id.currency_id")
    instalment_id = fields.Many2one("hub.instalment", readonly=True)
    name = fields.Char(string="Label", required=True)
    date = fields.Date(string="Due On", required=True)
    date_from = fields.Date(string="Service From")
    date_to = fields.Date(string="Service To")
    amount = fields.Monetary(required=True)
