from odoo import api, fields, models

KINDS = [
    ("charge", "Payment"),
    ("refund", "Refund"),
    ("fee", "Fee of the provider"),
    ("dispute", "Dispute"),
    ("dispute_reversal", "Dispute won"),
    ("payout_reversal", "Payout returned"),
    ("adjustment", "Adjustment"),
]


class HubPayoutPart(models.Model):
    """One movement of the provider's balance that a payout carried to the bank, and what it is in the books.

    Written by code only.
    """

    _name = "hub.payout.part"
    _description = "Part of a Payout"
    _order = "payout_id, id"
    _rec_name = "key"

    payout_id = fields.Many2one(
        "account.payment", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="payout_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="payout_id.currency_id")
    key = fields.Char(string="Id at the Provider", required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    reference = fields.Char(string="About", readonly=True)
    gross = fields.Monetary(readonly=True)
    fee = fields.Monetary(readonly=True)
    net = fields.Monetary(readonly=True)
    payment_id = fields.Many2one(
        "account.payment",
        string="Stands For",
        readonly=True,
        index="btree_not_null",
        help="The payment, refund or return in Odoo that this part is.",
    )
    rest = fields.Monetary(
        string="Posted Here",
        readonly=True,
        help="What was posted with the payout, since nothing else in the books is this part, or for another amount.",
    )
    account_id = fields.Many2one("account.account", string="Posted On", readonly=True)

    _key_unique = models.UniqueIndex("(payout_id, key)", "A payout carries each movement once.")

    @api.model
    def _mend(self):
        """Payouts that waited for parts which are booked since are tried again. Called by the watch."""
        waiting = self.env["hub.exception"].search(
            [("code", "=", "payout_part_missing"), ("state", "=", "open")]
        )
        # One that was booked for another amount is corrected by a person, who then tries it again.
        wanted = {
            one: [part["names"] for part in one.params["parts"]]
            for one in waiting
            if all(part["booked"] is None for part in one.params["parts"])
        }
        names = {name for parts in wanted.values() for part in parts for name in part}
        there = self.env["hub.handler.payout"]._booked_of(names, waiting.system_id.journal_id)
        ready = [
            one
            for one, parts in wanted.items()
            if all(any((one.system_id.journal_id, name) in there for name in p) for p in parts)
        ]
        if ready:
            self.env["hub.message"].union(*(one.message_id for one in ready))._replay(
                self.env._("What the payout consists of is booked")
            )
