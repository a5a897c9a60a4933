import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from ...core.circle import circle
from ...core.schema import TYPES
from .entity import GENERIC

# Bindings decide what a message can write: they are for Settings administrators alone.
_BINDING = frozenset(["odoo_field", "binding", "identity", "kind", "entity_id", "direction"])


class HubEntityField(models.Model):
    _name = "hub.entity.field"
    _description = "Canonical Field"
    _inherit = ["hub.governed"]
    _order = "entity_id, sequence, id"
    _hub_key = ("entity_id", "name")
    _hub_portable = (
        "label", "kind", "required", "direction", "data_class", "unit", "identity", "binding", "odoo_field", "sequence"
    )  # fmt: skip

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
    unit = fields.Char(
        help="Unit of a number (h, min, d, %), or the field that names the currency of an amount: of the same record, "
        "for lines also of the record that has them. Of another record: company.currency, contract.currency."
    )
    identity = fields.Boolean(
        help="Its value names one record: a record of Odoo with the same value is the same one."
    )
    binding = fields.Selection(
        [("handler", "By the entity's own rules"), ("field", "Straight into the Odoo field")],
        default="handler",
        required=True,
        string="Written",
    )
    odoo_field = fields.Char(help="Technical name of the Odoo field that it becomes.")

    _name_unique = models.Constraint(
        "UNIQUE(entity_id, name)", "Each field of an entity has its own name."
    )

    @api.model_create_multi
    def create(self, vals_list):
        binds = ("odoo_field", "identity")
        if any(vals.get("binding") == "field" or any(map(vals.get, binds)) for vals in vals_list):
            self._require_settings()
        created = super().create(vals_list)
        created.entity_id._changed()
        return created

    def write(self, vals):
        # A field of a handler's own names an Odoo field too: merges read it, and it can be sent.
        if _BINDING & set(vals) and (
            "field" in self.mapped("binding")
            or vals.get("binding") == "field"
            or vals.get("identity")
            or "odoo_field" in vals
            or ("entity_id" in vals and any(self.mapped("odoo_field")))
        ):
            self._require_settings()
        entities = self.entity_id
        result = super().write(vals)
        if {"name", "required", *_BINDING} & set(vals):
            (entities | self.entity_id)._changed()
        elif {"label", "data_class", "unit"} & set(vals):
            self.entity_id._publish()
        return result

    def unlink(self):
        entities = self.entity_id
        result = super().unlink()
        entities._changed()
        return result

    def _hub_systems(self):
        return self.entity_id._hub_systems()

    def _hub_named(self):
        return f"{self.entity_id.name} › {self.label}"

    @api.model
    def _require_settings(self):
        if not (self.env.su or self.env.user.has_group("base.group_system")):
            raise AccessError(
                self.env._(
                    "Which Odoo field a canonical field is bound to is for users with the Settings right."
                )
            )

    @api.constrains("name", "kind")
    def _check_kind(self):
        for field in self:
            base, _sep, target = field.kind.partition(":")
            if base not in TYPES or bool(target) != (base in ("ref", "refs", "term", "lines")):
                raise ValidationError(
                    self.env._("%(kind)s is not a canonical type.", kind=field.kind)
                )
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", field.name):
                raise ValidationError(
                    self.env._(
                        "“%(name)s” is no technical word: small letters, digits and _ only.",
                        name=field.name,
                    )
                )

    @api.constrains("binding", "odoo_field", "kind", "direction", "identity", "entity_id")
    def _check_binding(self):
        """The rules of ``hub.binding``, whatever way the values came in."""
        rules = self.env["hub.binding"]
        for field in self:
            if field.binding != "field":
                if field.entity_id.handler == GENERIC:
                    raise ValidationError(
                        self.env._(
                            "%(entity)s has no rules of its own: bind %(field)s to an Odoo field.",
                            entity=field.entity_id.name,
                            field=field.label,
                        )
                    )
                reason = rules._refuse_read(field.entity_id.model_name, field.odoo_field)
                if reason:
                    raise ValidationError(
                        self.env._("%(field)s: %(reason)s", field=field.label, reason=reason)
                    )
                continue
            model = field.entity_id.model_name
            if not model or not field.odoo_field:
                raise ValidationError(
                    self.env._("%(field)s needs the Odoo field it is bound to.", field=field.label)
                )
            reason = rules._refuse_model(model) or rules._refuse_field(
                model, field.odoo_field, field.kind, writes=field.direction != "out"
            )
            if reason:
                raise ValidationError(
                    self.env._("%(field)s: %(reason)s", field=field.label, reason=reason)
                )

    @api.constrains("binding", "odoo_field", "direction", "entity_id")
    def _check_one_writer(self):
        """Two canonical fields that write one Odoo field would undo each other."""
        for field in self.filtered(lambda f: f.odoo_field and f.direction != "out"):
            others = field.entity_id.field_ids.filtered(
                lambda f, field=field: (
                    f != field and f.odoo_field == field.odoo_field and f.direction != "out"
                )
            )
            if others and "field" in (field + others).mapped("binding"):
                raise ValidationError(
                    self.env._(
                        "%(field)s is already written by %(other)s.",
                        field=field.odoo_field,
                        other=others[0].label,
                    )
                )

    @api.constrains("kind", "required", "direction", "entity_id")
    def _check_circle(self):
        """Records that must name each other could never be made: each would wait for the other."""
        fields_ = self.search(
            [("required", "=", True), ("direction", "!=", "out"), ("kind", "=like", "ref%:%")]
        )
        needs = {}
        for field in fields_:
            needs.setdefault(field.entity_id.code, set()).add(field.kind.partition(":")[2])
        for entity in self.entity_id:
            found = circle(needs, entity.code)
            if found:
                names = {e.code: e.name for e in entity.search([("code", "in", found)])}
                raise ValidationError(
                    self.env._(
                        "Each of these requires the next one, in a circle: %(names)s. None of their records could ever "
                        "be the first.",
                        names=" → ".join(names[code] for code in found),
                    )
                )

    @api.depends("label", "name")
    def _compute_display_name(self):
        for field in self:
            field.display_name = f"{field.label} ({field.name})"
