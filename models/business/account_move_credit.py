from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import float_compare

from ...core.billing import UNIT_DIGITS
from .billing import LIVE


class AccountMove(models.Model):
    """Credit notes: a person says what they mean; nothing becomes billable by itself."""

    _inherit = "account.move"

    hub_credit_kind = fields.Selection(
        [
            ("price", "Price only"),
            ("goodwill", "Goodwill"),
            ("hours", "Hours are billable again"),
        ],
        string="What Is Credited",
        default="price",
        copy=False,
        help="Price and goodwill leave the work billed. Only when hours are credited to be billed "
        "again do their entries return to the billing run.",
    )
    hub_credited_entry_ids = fields.Many2many(
        "account.analytic.line",
        "hub_move_credited_entry_rel",
        string="Credited Entries",
        copy=False,
        help="Which entries are billable again; empty means all of the credited lines.",
    )
    hub_refund_payment_id = fields.Many2one(
        "account.payment",
        string="Refund Paid",
        readonly=True,
        copy=False,
        check_company=True,
        help="The money that left with this credit note; they are reconciled when it is posted.",
    )

    def _hub_apply_credit(self):
        """After posting: the ledger follows a credit note, and a refund is settled with it."""
        for note in self.filtered(lambda move: move.move_type == "out_refund"):
            if note.hub_contract_id and note.reversed_entry_id:
                note._hub_credit_ledger()
            if note.hub_refund_payment_id:
                note._hub_settle_refund()

    def _hub_credit_ledger(self):
        origin = self.reversed_entry_id
        rows = origin.sudo().hub_billing_ids.filtered(  # the ledger is written by code only
            lambda row: row.state in LIVE
        )
        if self.hub_credit_kind == "hours":
            self._hub_release_credited(rows)
        elif not self.currency_id.compare_amounts(self.amount_total, origin.amount_total):
            rows.write({"state": "credited", "reason": self.name, "credit_id": self.id})

    def _hub_take_back_credit(self):
        """Before a posted credit note goes back to draft: the ledger is as it was before it."""
        notes = self.filtered(lambda move: move.move_type == "out_refund")
        # The ledger is written by code only.
        rows = self.env["hub.billing"].sudo().search([("credit_id", "in", notes.ids)])
        rows._restore()

    def _hub_release_credited(self, rows):
        # Read with sudo: a billing approver need not see the time entries of others.
        entries = self.sudo().hub_credited_entry_ids
        for line in self.invoice_line_ids.filtered("sale_line_ids"):
            chosen = rows.filtered(lambda row, line=line: row.sale_line_id in line.sale_line_ids)
            if entries:
                chosen = chosen.filtered(lambda row: not row.entry_id or row.entry_id in entries)
            quantity = sum(chosen.mapped("quantity"))
            if float_compare(quantity, line.quantity, precision_digits=UNIT_DIGITS):
                raise UserError(
                    self.env._(
                        "%(line)s: %(credited)s are credited, but the chosen entries come to "
                        "%(chosen)s. Choose the entries that shall be billable again, or say that "
                        "only the price is credited.",
                        line=line.name,
                        credited=f"{line.quantity:g}",
                        chosen=f"{quantity:g}",
                    )
                )
            chosen.entry_id._hub_refuse_adjusted(self.reversed_entry_id)
            chosen._release(self.name, self)

    def _hub_settle_refund(self):
        payment = self.hub_refund_payment_id
        account = payment.destination_account_id
        lines = (self.line_ids | payment.move_id.line_ids).filtered(
            lambda line: line.account_id == account and not line.reconciled
        )
        lines.reconcile()
