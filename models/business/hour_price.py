from odoo import api, fields, models

from ...core.billing import SECONDS_PER_HOUR, exact
from ..guard import refuse_guarded


class SaleOrderLine(models.Model):
    """What time costs on an order line, whatever the line's unit, discount and taxes.

    Time is in hours, a line may be in days; caps, retainers, purchase orders and findings are untaxed, a price may
    include taxes. Who multiplies hours with a price does it with one of these.
    """

    _inherit = "sale.order.line"

    hub_hour_price = fields.Float(
        string="Untaxed Price of an Hour",
        compute="_compute_hub_hour_price",
        store=True,  # for views of the database and sums over entries
        precompute=True,
        digits=0,  # a third of a price is not cut
        help="After discount, without taxes that the price includes.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_guarded(self, vals, {"hub_hour_price"})
        return super().create(vals_list)

    def write(self, vals):
        refuse_guarded(self, vals, {"hub_hour_price"})
        return super().write(vals)

    @api.depends("price_unit", "discount", "tax_ids", "product_uom_id")
    def _compute_hub_hour_price(self):
        for line in self:
            price = line._hub_untaxed_price() * SECONDS_PER_HOUR / line._hub_unit_seconds()
            line.hub_hour_price = float(price)

    def _hub_hour_price_at(self, rate):
        """The price of an hour at a rate, after the discount of this line; taxes that prices include are in it."""
        unit = self.env.ref(f"uom.product_uom_{rate.unit}")
        hours = unit._compute_quantity(1.0, self.env.ref("uom.product_uom_hour"), round=False)
        return exact(rate.price) * (100 - exact(self.discount or 0)) / 100 / exact(hours)

    def _hub_net_price(self):
        """The price of one unit after discount as it was agreed, included taxes in it; a ``Decimal``."""
        return exact(self.price_unit) * (100 - exact(self.discount or 0)) / 100

    def _hub_untaxed_price(self):
        """The same without the taxes that it includes, by Odoo's own computation and not rounded."""
        self.ensure_one()
        if not any(tax.price_include for tax in self.tax_ids.flatten_taxes_hierarchy()):
            return self._hub_net_price()
        base = self._prepare_base_line_for_taxes_computation(quantity=1.0)
        self.env["account.tax"]._add_tax_details_in_base_line(
            base, self.company_id or self.env.company, rounding_method="round_globally"
        )
        return exact(base["tax_details"]["raw_total_excluded_currency"])

    def _hub_worth(self, quantity):
        """What a quantity in the line's unit comes to, untaxed and not rounded."""
        return float(exact(quantity) * self._hub_untaxed_price())

    def _hub_unit_seconds(self):
        """Seconds of one unit of this line: 3600 of an hour, as many as the firm's day has of a day."""
        hour = self.env.ref("uom.product_uom_hour")
        units = hour._compute_quantity(
            1.0, self.product_uom_id, round=False, raise_if_failure=False
        )
        return round(SECONDS_PER_HOUR / units) if units else SECONDS_PER_HOUR
