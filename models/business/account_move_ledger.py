from odoo import fields, models

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
