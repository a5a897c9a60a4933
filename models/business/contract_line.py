from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..guard import is_own_code, refuse_guarded

# What was signed, and what carries it out.
TERMS = {
    "contract_id",
    "kind",
    "product_id",
    "quantity",
    "unit_price",
    "discount",
    "amount",
    "sale_line_id",
    "external_id",
}
SOURCE = ("external_id",)  # which line of the deal it was


class HubContractLine(models.Model):
    """One promise of a contract and the order line that carries it out."""

    _name = "hub.contract.line"
    _description = "Contract Line"
    _order = "contract_id, sequence, id"
    _check_company_auto = True

    contract_id = fields.Many2one(
        "hub.contract", required=True, ondelete="cascade", index=True, check_company=True
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="contract_id.currency_id", store=True)
    sequence = fields.Integer(default=10)
    name = fields.Char(string="Description", required=True)
    kind = fields.Selection(
        [
            ("time_material", "Time and Materials"),
            ("milestone", "Milestone"),
            ("reimbursable", "Reimbursable Expenses"),
        ],
        required=True,
        help="Time is billed as worked and approved, a milestone when it is reached, expenses at "
        "cost when they are approved.",
    )
    product_id = fields.Many2one(
        "product.product", string="Service", required=True, check_company=True
    )
    quantity = fields.Float(digits="Product Unit", min_display_digits=2, default=1.0)
    unit_price = fields.Monetary()
    discount = fields.Float(string="Discount (%)", digits="Discount")
    amount = fields.Monetary(compute="_compute_amount", store=True, readonly=False)
    sale_line_id = fields.Many2one(
        "sale.order.line", string="Order Line", check_company=True, copy=False, index=True
    )
    external_id = fields.Char(string="Source Line", copy=False, readonly=True)

    @api.constrains("discount")
    def _check_discount(self):
        if any(not 0 <= line.discount <= 100 for line in self):
            raise ValidationError(self.env._("A discount is between 0 and 100 percent."))

    def _hub_net_price(self):
        """What one unit costs after discount."""
        self.ensure_one()
        return self.unit_price * (100 - self.discount) / 100

    @api.depends("quantity", "unit_price", "discount", "currency_id")
    def _compute_amount(self):
        for line in self:
            amount = line.quantity * line._hub_net_price()
            line.amount = line.currency_id.round(amount) if line.currency_id else amount

    def _hub_refuse_started(self, contracts):
        """What a started contract promises is not changed by hand: invoices are checked by it."""
        started = contracts.filtered(lambda contract: contract.state != "draft")
        if started and not self.env.su and not is_own_code(self.env):
            raise UserError(
                self.env._(
                    "%(contracts)s: the terms of a started contract are kept as signed.",
                    contracts=", ".join(started.mapped("display_name")),
                )
            )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, SOURCE)
        lines = super().create(vals_list)
        lines._hub_refuse_started(lines.contract_id)
        return lines

    def write(self, vals):
        refuse_guarded(self, vals, SOURCE)
        if TERMS & vals.keys():
            self._hub_refuse_started(self.contract_id)
        result = super().write(vals)
        if "contract_id" in vals:
            self._hub_refuse_started(self.contract_id)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_started(self):
        self._hub_refuse_started(self.contract_id)
