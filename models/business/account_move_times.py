from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

TIMES = ("hub_drafted_at", "hub_posted_at", "hub_sent_at", "hub_paid_at")


class AccountMove(models.Model):
    """When a customer document reached each step for the first time.

    Billing lag and close-won-to-cash are measured from these. They cannot be made later, so they
    are kept for every customer document, and never change once set.
    """

    _inherit = "account.move"

    hub_drafted_at = fields.Datetime(
        string="Drafted On", compute="_compute_hub_drafted_at", store=True, copy=False
    )
    hub_posted_at = fields.Datetime(
        string="Posted On", compute="_compute_hub_posted_at", store=True, copy=False
    )
    hub_sent_at = fields.Datetime(
        string="Sent On", compute="_compute_hub_sent_at", store=True, copy=False
    )
    hub_paid_at = fields.Datetime(
        string="Paid On", compute="_compute_hub_paid_at", store=True, copy=False
    )

    def _auto_init(self):
        # Without this, installing would stamp every invoice of the past with today's time.
        for name in TIMES:
            if not column_exists(self.env.cr, "account_move", name):
                create_column(self.env.cr, "account_move", name, "timestamp")
        return super()._auto_init()

    def _hub_first(self, name, reached):
        now = fields.Datetime.now()
        for move in self:
            first = move[name] or (now if move.is_sale_document() and reached(move) else False)
            move[name] = first

    @api.depends("move_type")
    def _compute_hub_drafted_at(self):
        self._hub_first("hub_drafted_at", lambda move: True)

    @api.depends("state", "move_type")
    def _compute_hub_posted_at(self):
        self._hub_first("hub_posted_at", lambda move: move.state == "posted")

    @api.depends("is_move_sent", "move_type")
    def _compute_hub_sent_at(self):
        self._hub_first("hub_sent_at", lambda move: move.is_move_sent)

    @api.depends("payment_state", "move_type")
    def _compute_hub_paid_at(self):
        self._hub_first("hub_paid_at", lambda move: move.payment_state in ("paid", "in_payment"))
