from odoo import api, models

SHOWN = (
    2  # digits that a quantity has at least, as Odoo prints it before billing asks for more of them
)


class IrQwebFieldFloat(models.AbstractModel):
    """Quantities on printed documents: with the digits they have, not with all that could be kept."""

    _inherit = "ir.qweb.field.float"

    @api.model
    def value_to_html(self, value, options):
        if options.get("decimal_precision") == "Product Unit":
            options = {"min_precision": SHOWN, **options}
        return super().value_to_html(value, options)
