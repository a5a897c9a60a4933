from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .contract import SEE_MONEY


class HubContract(models.Model):
    """What a contract asks of its invoices before there may be one."""

    _inherit = "hub.contract"

    billing_held = fields.Boolean(
        tracking=True,
        copy=False,
        help="Time still arrives; billing runs leave the contract out until this is taken off.",
    )
    billing_held_reason = fields.Char(string="Why Billing Is Held", tracking=True, copy=False)
    billing_contact_required = fields.Boolean(
        tracking=True,
        help="Invoices go to a contact that was chosen for them, not to the customer's own address.",
    )
    invoice_minimum = fields.Monetary(
        string="Smallest Invoice",
        tracking=True,
        groups=SEE_MONEY,
        help="Untaxed. What comes to less waits for the next period. 0: everything is billed.",
    )

    @api.constrains("billing_held", "billing_held_reason")
    def _check_billing_held(self):
        for contract in self:
            if contract.billing_held and not (contract.billing_held_reason or "").strip():
                raise ValidationError(
                    self.env._("Say why billing of %s is held.", contract.display_name)
                )

    @api.constrains("invoice_minimum")
    def _check_invoice_minimum(self):
        for contract in self.sudo():  # the amount is not shown to everybody who edits a contract
            if contract.invoice_minimum < 0:
                raise ValidationError(self.env._("The smallest invoice is not less than nothing."))
