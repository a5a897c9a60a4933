from odoo import api, fields, models


class HubResolve(models.TransientModel):
    """The record is chosen from the one model that fits, not from a list of models."""

    _inherit = "hub.resolve"

    record_id = fields.Many2oneReference(model_field="model_name", string="Record in Odoo")
    record_ref = fields.Reference(compute="_compute_record_ref", store=True, readonly=False)
    at_risk = fields.Monetary(related="issue_id.at_risk", currency_field="currency_id")
    currency_id = fields.Many2one(related="issue_id.currency_id")
    advice = fields.Char(related="issue_id.advice")

    @api.model
    def _selection_model(self):
        # Names of models are taken from the code: only Settings users may read ir.model.
        models_ = self.env["hub.entity"].search([]).mapped("model_name")
        return [
            (model, self.env[model]._description)
            for model in sorted(set(filter(None, models_)))
            if model in self.env
        ]

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
