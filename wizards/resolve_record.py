from odoo import api, fields, models
from odoo.exceptions import UserError

# Causes that are decided by an invoice instead of the Odoo record that the message becomes.
ASK_INVOICE = ("payment_unmatched",)


class HubResolve(models.TransientModel):
    """What a person chooses: a record of the one model that fits, never a model first."""

    _inherit = "hub.resolve"

    record_id = fields.Many2oneReference(model_field="model_name", string="Record in Odoo")
    record_ref = fields.Reference(compute="_compute_record_ref", store=True, readonly=False)
    asks_invoice = fields.Boolean(compute="_compute_asks_invoice")
    invoice_id = fields.Many2one(
        "account.move",
        domain=[
            ("move_type", "=", "out_invoice"),
            ("state", "=", "posted"),
            ("payment_state", "in", ("not_paid", "partial")),
        ],
    )
    at_risk = fields.Monetary(related="issue_id.at_risk", currency_field="currency_id")
    currency_id = fields.Many2one(related="issue_id.currency_id")

    @api.depends("issue_id")
    def _compute_asks_invoice(self):
        for wizard in self:
            wizard.asks_invoice = wizard.issue_id.code in ASK_INVOICE

    @api.depends("record_id", "model_name")
    def _compute_record_ref(self):
        for wizard in self:
            if wizard.record_id and wizard.model_name:
                wizard.record_ref = f"{wizard.model_name},{wizard.record_id}"
            elif not wizard.record_ref:
                wizard.record_ref = False

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        model, _comma, record = (values.get("record_ref") or "").partition(",")
        if model and record:
            values["record_id"] = int(record)
        return values

    def action_confirm(self):
        """Carry out the decision; a payment is told its invoice."""
        self.ensure_one()
        if self.mode == "link" and self.asks_invoice:
            self._settle_with_invoice()
            return {"type": "ir.actions.act_window_close"}
        return super().action_confirm()

    def _settle_with_invoice(self):
        """Let the payment of this issue be booked on the chosen invoice."""
        invoice = self.invoice_id
        if not invoice:
            raise UserError(self.env._("Choose the invoice that was paid."))
        messages = self.issue_id._messages()
        messages._require_resolver()
        invoice.check_access("read")
        messages._decide({"invoice": invoice.id})
        self.env["hub.audit"]._append(
            [
                {
                    "action": "decide",
                    "system_id": self.issue_id.system_id.id,
                    "res_model": invoice._name,
                    "res_id": invoice.id,
                    "values": {"issue": self.issue_id.code, "decision": "invoice"},
                }
            ]
        )
        messages._replay(self.env._("Booked on %s", invoice.display_name), issue=self.issue_id)
