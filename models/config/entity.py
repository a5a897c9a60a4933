import re
from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, ValidationError

from ...core.mapping import Line
from ...core.published import Field, json_schema
from ...core.schema import TYPES

GENERIC = "hub.handler.generic"
# Bindings decide what a message can write: they are for Settings administrators alone.
_BINDING = frozenset(["odoo_field", "binding", "identity", "kind", "entity_id", "direction"])


class BoundField(NamedTuple):
    """A canonical field that goes straight into an Odoo field."""

    name: str
    kind: str
    odoo_field: str
    direction: str
    identity: bool


class HubEntity(models.Model):
    _name = "hub.entity"
    _description = "Canonical Entity"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Technical word used by mappings and connectors.")
    # The order in which records of one batch are applied: a customer before its contacts.
    sequence = fields.Integer(default=10, required=True)
    handler = fields.Selection(
        selection=lambda self: self._selection_handler(),
        string="Rules",
        help="What writes this entity into Odoo. Empty: part of another entity.",
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
    version_ids = fields.One2many("hub.entity.version", "entity_id", string="Published Versions")
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint("UNIQUE(code)", "Each canonical entity has its own code.")

    @api.model
    def _selection_handler(self):
        # Abstract helpers of handlers are none; the generic one comes first.
        names = [
            name
            for name, model in self.env.registry.items()
            if name.startswith("hub.handler.") and name != "hub.handler.partner"
        ]
        return [(GENERIC, self.env._("Generic: by its bindings"))] + [
            (name, self.env[name]._description) for name in sorted(names) if name != GENERIC
        ]

    @api.model_create_multi
    def create(self, vals_list):
        self._require_settings(
            {name for vals in vals_list for name, value in vals.items() if value}
        )
        return super().create(vals_list)

    def write(self, vals):
        self._require_settings(vals)
        result = super().write(vals)
        if {"code", "handler", "model_id"} & set(vals):
            self._changed()
        return result

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

    def _direct_lines(self, names=None, known=False):
        """Lines that take a payload whose keys are the canonical fields themselves.

        :param names: only these fields, and those that are required. All if not given.
        :param known: the record exists, so what is required may be left out.
        """
        self.ensure_one()
        return [
            Line(field.name, field.kind, field.name, required=field.required and not known)
            for field in self.field_ids
            if field.direction != "out"
            and (names is None or field.name in names or (field.required and not known))
        ]

    @api.constrains("model_id", "handler")
    def _check_bound_model(self):
        for entity in self:
            if entity.model_id:
                reason = self.env["hub.binding"]._refuse_model(entity.model_id.model or "")
                if reason:
                    raise ValidationError(reason)
            if not entity.handler:
                continue
            # A selection made by a method is not checked by Odoo itself.
            if entity.handler not in dict(self._selection_handler()):
                raise ValidationError(self.env._("%(name)s is no handler.", name=entity.handler))
            if entity.handler == GENERIC and not entity.model_id:
                raise ValidationError(
                    self.env._("%(name)s needs the Odoo model of its records.", name=entity.name)
                )

    # -- bindings ----------------------------------------------------------------------------------

    @tools.ormcache("self.id")
    def _bound_fields(self):
        """What of this entity goes straight into Odoo fields and back, as plain data."""
        self.ensure_one()
        return tuple(
            BoundField(f.name, f.kind, f.odoo_field, f.direction, f.identity)
            for f in self.field_ids
            if f.binding == "field"
        )

    def _unfilled(self):
        """Fields that Odoo requires of a new record and nothing fills: a generic entity without them
        could not create one."""
        self.ensure_one()
        if self.handler != GENERIC:
            return []
        model = self.env[self.model_name]
        bound = {bound.odoo_field for bound in self._bound_fields() if bound.direction != "out"}
        given = model.default_get(list(model._fields))
        return sorted(
            field.get_description(self.env, ["string"])["string"]
            for name, field in model._fields.items()
            if field.required
            and field.store
            and not field.compute
            and not field.inherited
            and name not in bound
            and name not in given
            and name != "company_id"
        )

    # -- the published model ------------------------------------------------------------------------

    def _published(self):
        """Fields as they are published (``core.published.Field``)."""
        return [
            Field(
                name=f.name,
                label=f.label,
                kind=f.kind,
                required=f.required,
                data_class=f.data_class,
                direction=f.direction,
                identity=f.identity,
                unit=f.unit or "",
            )
            for f in self.with_context(lang=None).field_ids
        ]

    def _json_schema(self):
        """JSON Schema of this entity as it is today, without the version's ``$id``."""
        self.ensure_one()
        lines = {
            kind.partition(":")[2]
            for kind in self.field_ids.mapped("kind")
            if kind.startswith("lines:")
        }
        parts = {
            part.code: part._published() for part in self.search([("code", "in", list(lines))])
        }
        entity = self.with_context(lang=None)
        return json_schema(
            self.code, entity.name, self._published(), {line: parts.get(line, []) for line in lines}
        )

    def _changed(self):
        """Fields of these entities changed: mappings are compiled anew, equal payloads looked at again."""
        self.field_ids.flush_recordset()
        self.env.registry.clear_cache()
        self.env["hub.mapping"].search([("entity_id", "in", self.ids)])._grow()


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
    unit = fields.Char(
        help="Unit of a number (h, d, %), or the field that names the currency of an amount."
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
        if {
            "name",
            "kind",
            "required",
            "direction",
            "binding",
            "odoo_field",
            "entity_id",
            "identity",
        } & set(vals):
            (entities | self.entity_id)._changed()
        return result

    def unlink(self):
        entities = self.entity_id
        result = super().unlink()
        entities._changed()
        return result

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

    @api.depends("label", "name")
    def _compute_display_name(self):
        for field in self:
            field.display_name = f"{field.label} ({field.name})"
