from odoo import api, fields, models

from ..guard import refuse_guarded

# What the provider said; payments are known again and refunds are counted by it.
GUARDED = (
    "hub_reference",
    "hub_gross",
    "hub_currency_id",
    "hub_fee",
    "hub_net",
    "hub_original_payment_id",
    "hub_payout",
    "hub_trace",
)


class AccountPayment(models.Model):
    _inherit = "account.payment"

    hub_reference = fields.Char(
        string="Provider Reference",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The payment's own id at the provider.",
    )
    hub_gross = fields.Monetary(
        string="Paid by the Customer", currency_field="hub_currency_id", readonly=True, copy=False
    )
    hub_currency_id = fields.Many2one("res.currency", string="Paid In", readonly=True, copy=False)
    hub_fee = fields.Monetary(string="Fee", readonly=True, copy=False)
    hub_net = fields.Monetary(string="Received", readonly=True, copy=False)
    hub_original_payment_id = fields.Many2one(
        "account.payment",
        string="Refund Of",
        readonly=True,
        copy=False,
        check_company=True,
        index="btree_not_null",
    )
    hub_refund_ids = fields.One2many("account.payment", "hub_original_payment_id", string="Refunds")

    hub_payout = fields.Boolean(
        string="Payout to the Bank",
        readonly=True,
        copy=False,
        help="Money that the provider sent to the bank, or that came back of it.",
    )
    hub_trace = fields.Char(
        string="Named by the Bank",
        readonly=True,
        copy=False,
        help="By what the bank statement names the payout, where the provider knows it.",
    )
    hub_part_ids = fields.One2many("hub.payout.part", "payout_id", string="Parts")
    hub_carried_ids = fields.One2many("hub.payout.part", "payment_id", string="Paid Out With")

    hub_payout_state = fields.Selection(
        [("on_the_way", "On its way"), ("arrived", "At the bank"), ("returned", "Returned")],
        string="Payout",
        compute="_compute_hub_payout_state",
    )

    @api.depends("hub_payout", "is_reconciled", "hub_refund_ids")
    def _compute_hub_payout_state(self):
        for payment in self:
            if not payment.hub_payout:
                payment.hub_payout_state = False
            elif payment.hub_refund_ids:
                payment.hub_payout_state = "returned"
            else:
                payment.hub_payout_state = "arrived" if payment.is_reconciled else "on_the_way"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        return super().write(vals)
