from odoo import models
from odoo.exceptions import UserError


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def _hub_method_line(self, payment_type):
        """The payment method line of this journal that books on the journal's own account.

        With Odoo's shared outstanding account the journal's balance would never be the balance
        that the payment provider reports.
        """
        self.ensure_one()
        lines = (
            self.inbound_payment_method_line_ids
            if payment_type == "inbound"
            else self.outbound_payment_method_line_ids
        )
        return lines.filtered(lambda line: line.payment_account_id == self.default_account_id)[:1]

    def action_hub_use_own_account(self):
        """Let payments of this journal be booked on its own account, in both directions."""
        for journal in self:
            if not journal.default_account_id:
                raise UserError(
                    self.env._(
                        "Journal %(journal)s has no account of its own.",
                        journal=journal.display_name,
                    )
                )
            for lines in (
                journal.inbound_payment_method_line_ids,
                journal.outbound_payment_method_line_ids,
            ):
                if lines and not lines.filtered(
                    lambda line, journal=journal: (
                        line.payment_account_id == journal.default_account_id
                    )
                ):
                    lines[0].payment_account_id = journal.default_account_id
        return True
