from odoo import api, fields, models
from odoo.exceptions import UserError

from ..guard import refuse_guarded


class SaleOrder(models.Model):
    _inherit = "sale.order"

    hub_contract_ids = fields.One2many("hub.contract", "sale_order_id")
    hub_contract_id = fields.Many2one(
        "hub.contract",
        string="Contract",
        compute="_compute_hub_contract_id",
        store=True,
        compute_sudo=True,
        index="btree_not_null",
        help="Orders with a contract are billed through the billing ledger.",
    )

    @api.depends("hub_contract_ids")
    def _compute_hub_contract_id(self):
        for order in self:
            order.hub_contract_id = order.hub_contract_ids[:1]

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"hub_contract_id"})
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"hub_contract_id"})
        return super().write(vals)

    def _action_cancel(self):
        """An order with a posted invoice is not cancelled: the invoice would stay alone."""
        billed = self.filtered(
            lambda order: (
                order.hub_contract_id
                and any(move.state == "posted" for move in order.sudo().invoice_ids)
            )  # to look only
        )
        if billed:
            raise UserError(
                self.env._(
                    "%(orders)s: invoices of the contract are posted. Credit them first, or close "
                    "the contract: then nothing more is billed.",
                    orders=", ".join(billed.mapped("name")),
                )
            )
        return super()._action_cancel()

    def _prepare_invoice(self):
        """Invoices of a contract wait for approval, whoever creates them."""
        values = super()._prepare_invoice()
        contract = self.sudo().hub_contract_id  # salespeople may invoice without reading contracts
        if contract:
            values.update(hub_contract_id=contract.id, hub_approval="to_approve")
            if contract.po_number:
                values["ref"] = contract.po_number
            if contract.bill_partner_id:
                values["partner_id"] = contract.bill_partner_id.id
            if contract.payment_term_id:
                values["invoice_payment_term_id"] = contract.payment_term_id.id
        return values
