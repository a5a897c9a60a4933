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

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, GUARDED)
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, GUARDED)
        return super().write(vals)
