from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ...core.schema import TYPES

# What a message may never write, whatever an admin binds (security: escalation by mapping).
DENIED_PREFIXES = (
    "ir.",
    "hub.",
    "base.",
    "auth",
    "res.users",
    "res.groups",
    "mail.template",
    "mail.alias",
)


class HubEntity(models.Model):
    _name = "hub.entity"
    _description = "Canonical Entity"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Technical word used by mappings and connectors.")
    # The order in which records of one batch are applied: a customer before its contacts.
    sequence = fields.Integer(default=10, required=True)
    handler = fields.Char(
        help="Model that writes this entity into Odoo. Empty: part of another entity."
    )
    model_id = fields.Many2one("ir.model", ondelete="cascade", help="Odoo model of its records.")
    model_name = fields.Char(related="model_id.model", store=True, string="Odoo Model")
    on_missing = fields.Selection(
        [("fetch", "Fetch it from the source and wait"), ("ask", "Ask a person")],
        default="fetch",
        required=True,
        string="When a Reference Is Missing",
    )
    company_mode = fields.Selection(
        [
            ("shared", "Shared by all companies"),
            ("rule", "Decided for each record by a rule"),
            ("follow", "That of its project"),
            ("journal", "That of the system's payment journal"),
        ],
        default="rule",
        required=True,
        string="Company",
    )
    missing_code = fields.Char(
        default="reference_missing",
        required=True,
        help="Sentence shown when a record of this entity is unknown.",
    )
    field_ids = fields.One2many("hub.entity.field", "entity_id", string="Fields")
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint("UNIQUE(code)", "Each canonical entity has its own code.")

    @api.model_create_multi
    def create(self, vals_list):
        self._require_settings({name for vals in vals_list for name in vals})
        return super().create(vals_list)

    def write(self, vals):
        self._require_settings(vals)
        return super().write(vals)

    @api.model
    def _require_settings(self, names):
        """Which model messages write into is decided by Settings administrators alone."""
        if {"model_id", "handler"} & set(names) and not (
            self.env.su or self.env.user.has_group("base.group_system")
        ):
            raise AccessError(
                self.env._(
                    "Which Odoo model an entity is bound to is for users with the Settings right."
                )
            )

    @api.constrains("model_id", "handler")
    def _check_bound_model(self):
        for entity in self:
            model = entity.model_id.model or ""
            if model.startswith(DENIED_PREFIXES):
                raise ValidationError(
                    self.env._(
                        "Messages may not write %(model)s: it governs access or the system itself.",
                        model=model,
                    )
                )
            if entity.handler and not entity.handler.startswith("hub.handler"):
                raise ValidationError(self.env._("%(name)s is no handler.", name=entity.handler))


class HubEntityField(models.Model):
    _name = "hub.entity.field"
    _description = "Canonical Field"
    _order = "entity_id, sequence, id"

    entity_id = fields.Many2one("hub.entity", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    name = fields.Char(
        required=True, string="Field", help="Technical word, for example unit_price."
    )
    label = fields.Char(required=True, translate=True)
    kind = fields.Char(
        required=True,
        default="text",
        string="Type",
        help="text, money, date, ref:customer, term:service_item …",
    )
    required = fields.Boolean()
    direction = fields.Selection(
        [("in", "Inbound"), ("out", "Outbound"), ("both", "Both")], default="in", required=True
    )
    data_class = fields.Selection(
        [
            ("public", "Public"),
            ("internal", "Internal"),
            ("confidential", "Confidential"),
            ("personal", "Personal"),
            ("financial", "Financial"),
        ],
        default="internal",
        required=True,
    )
    odoo_field = fields.Char(
        help="The Odoo field it becomes, for the reader; the handler writes it."
    )

    _name_unique = models.Constraint(
        "UNIQUE(entity_id, name)", "Each field of an entity has its own name."
    )

    @api.constrains("kind")
    def _check_kind(self):
        for field in self:
            if field.kind.partition(":")[0] not in TYPES:
                raise ValidationError(
                    self.env._("%(kind)s is not a canonical type.", kind=field.kind)
                )

    @api.depends("label", "name")
    def _compute_display_name(self):
        for field in self:
            field.display_name = f"{field.label} ({field.name})"
