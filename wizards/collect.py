from odoo import api, fields, models
from odoo.exceptions import UserError


class HubCollect(models.TransientModel):
    """What somebody learned about an open invoice or its customer, with the words that stay with it."""

    _name = "hub.collect"
    _description = "Note on an Open Invoice"

    mode = fields.Selection(
        [
            ("promise", "Promise to pay"),
            ("dispute", "Open a dispute"),
            ("close", "Close the dispute"),
            ("hold", "Credit hold"),
        ],
        required=True,
        readonly=True,
        default="promise",
    )
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    currency_id = fields.Many2one(related="move_id.currency_id")
    date = fields.Date(string="Will Be Paid By")
    amount = fields.Monetary(compute="_compute_amount", store=True, readonly=False)
    words = fields.Char(string="What Was Said")

    @api.depends("move_id")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.move_id.amount_residual

    def action_confirm(self):
        """Keep it with the invoice, and in its chatter."""
        self.ensure_one()
        if self.mode == "hold":
            self.env["hub.credit.hold"]._ask(self.partner_id, self.words)
        elif not self.move_id:
            raise UserError(self.env._("Which invoice is it about? Open this from the invoice."))
        elif self.mode == "promise":
            self.env["hub.promise"]._take(self.move_id, self.date, self.amount, self.words)
        elif self.mode == "dispute":
            self.env["hub.dispute"]._open(self.move_id, self.words)
        else:
            self.env["hub.dispute"]._close_of(self.move_id, self.words)
        return True
