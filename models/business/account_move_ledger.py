from odoo import api, fields, models
from odoo.exceptions import UserError

# Read from outside; that a document is paid there is what a reconciliation rests on.
SAID_OUTSIDE = ("hub_ledger_state", "hub_ledger_open")


class AccountMove(models.Model):
    """What an accounting ledger outside says of a customer document that it has as well."""

    _inherit = "account.move"

    hub_ledger_state = fields.Selection(
        [("draft", "Draft"), ("open", "Open"), ("paid", "Paid"), ("void", "Void")],
        string="In the Ledger",
        readonly=True,
        copy=False,
        help="How far the ledger outside has come with this document when it was read last.",
    )
    hub_ledger_open = fields.Monetary(
        string="Open in the Ledger",
        readonly=True,
        copy=False,
        help="What the ledger outside still expects to be paid.",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_a_ledger(self):
        """An entry of money that a ledger has as a payment is taken back there before it is gone here: deleted,
        nobody could tell the ledger."""
        for move, system in self._hub_in_a_ledger().items():
            raise UserError(
                self.env._(
                    "%(entry)s stands in %(system)s as a payment. Cancel it, or take back what it pays, and wait until "
                    "it is taken back there; then delete it.",
                    entry=move.name,
                    system=system,
                )
            )

    def _hub_in_a_ledger(self):
        """Entries of money that pay something in a ledger outside: ``{move: name of the system}``, in one query."""
        self.env.cr.execute(
            """SELECT one.res_id, one.name FROM (
                   -- the last link is the one that the record is known by
                   SELECT DISTINCT ON (l.system_id, l.res_id) l.res_id, y.name, l.sent
                     FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id AND e.code = 'receipt'
                     JOIN hub_system y ON y.id = l.system_id AND y.active
                    WHERE l.res_model = 'account.move' AND l.res_id = ANY(%s)
                    ORDER BY l.system_id, l.res_id, l.id DESC) one
                WHERE one.sent->'applied' <> '[]'::jsonb""",
            [self.ids],
        )
        return {self.browse(move_id): name for move_id, name in self.env.cr.fetchall()}


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def action_cancel(self):
        """Odoo deletes the draft entry of a payment that is cancelled. One that a ledger has stays, cancelled: by it
        the payment is taken back there."""
        there = self.env["account.move"].union(*self.move_id._hub_in_a_ledger())
        kept = self.filtered(lambda payment: payment.move_id in there)
        if kept:
            kept.move_id.button_cancel()
            kept.state = "canceled"
        return super(AccountPayment, self - kept).action_cancel()
