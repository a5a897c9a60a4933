from odoo import api, fields, models


class HubClaimWizard(models.TransientModel):
    """Say which record of a product an Odoo record is."""

    _name = "hub.claim.wizard"
    _description = "Claim an External Id"

    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        model_field="res_model", required=True, readonly=True, string="Odoo Record"
    )
    record_name = fields.Char(compute="_compute_record_name", string="Record")
    system_id = fields.Many2one("hub.system", required=True)
    entity_id = fields.Many2one(
        "hub.entity",
        required=True,
        string="What It Is There",
        compute="_compute_entity_id",
        store=True,
        precompute=True,
        readonly=False,
        domain="[('model_name', '=', res_model)]",
    )
    external_id = fields.Char(required=True, string="Id There")
    look_up = fields.Boolean(
        default=True,
        string="Ask the Product First",
        help="Untick it while the product cannot be reached.",
    )

    @api.model
    def default_get(self, names):
        """The record from whose action menu it was opened."""
        values = super().default_get(names)
        context = self.env.context
        values.setdefault("res_model", context.get("active_model"))
        values.setdefault("res_id", context.get("active_id"))
        return values

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        for wizard in self:
            wizard.record_name = wizard._record().display_name

    @api.depends("res_model", "res_id")
    def _compute_entity_id(self):
        """A person is a contact, a company a customer; else the only one there is."""
        for wizard in self:
            entities = self.env["hub.entity"].search([("model_name", "=", wizard.res_model)])
            if wizard.res_model == "res.partner":
                code = "customer" if wizard._record().is_company else "contact"
                entities = entities.filtered(lambda e, code=code: e.code == code)
            wizard.entity_id = entities if len(entities) == 1 else False

    def _record(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id)

    def action_claim(self):
        """Link it, after asking the product if that is wanted."""
        self.ensure_one()
        self.env["hub.message"]._require_resolver()
        links = self.env["hub.link"]
        if self.look_up:
            links._look_up(self.system_id, self.entity_id, self.external_id)
        links._claim(self._record(), self.system_id, self.entity_id, self.external_id)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(record)s is %(id)s in %(system)s from now on.",
                    record=self.record_name,
                    id=self.external_id.strip(),
                    system=self.system_id.name,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
