from typing import NamedTuple

from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, ValidationError

from ...core.mapping import Line
from ...core.published import Field, json_schema

GENERIC = "hub.handler.generic"
# Models of the hub that only these rules write.
BY_ITS_RULES = (
    ("hub.contract", "hub.handler.contract"),
    ("hub.dispute", "hub.handler.dispute"),
)


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
    _inherit = ["hub.governed"]
    _order = "sequence, id"
    _hub_key = ("code",)
    _hub_portable = (
        "name",
        "sequence",
        "handler",
        "model_id",
        "on_missing",
        "company_mode",
        "missing_code",
    )

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
    create_records = fields.Boolean(
        default=True,
        string="Make New Records",
        help="Generic rules only. Off: records are found by what identifies them, and what is not found is left out.",
    )
    field_ids = fields.One2many("hub.entity.field", "entity_id", string="Fields")
    version_ids = fields.One2many("hub.entity.version", "entity_id", string="Published Versions")
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint("UNIQUE(code)", "Each canonical entity has its own code.")

    def _hub_systems(self):
        wholes = self._origin._wholes()
        return self.env["hub.mapping"].search([("entity_id", "in", wholes.ids)]).system_id

    def _as_lines(self):
        """Fields that have records of these as their lines."""
        codes = [f"lines:{code}" for code in self.mapped("code")]
        return self.env["hub.entity.field"].search([("kind", "in", codes)])

    def _wholes(self):
        """These, and the entities whose records have them as lines."""
        return self | self._as_lines().entity_id

    def _hub_entities(self):
        return self

    @api.model
    def _selection_handler(self):
        # Abstract helpers of handlers are none; the generic one comes first.
        names = [
            name
            for name, model in self.env.registry.items()
            if name.startswith("hub.handler.")
            and name not in ("hub.handler.partner", "hub.handler.known")
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
        elif "name" in vals:
            self._publish()
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
            # Contracts are written by their own rules alone, which leave what was signed; disputes too.
            if entity.model_id and (entity.model_name, entity.handler) not in BY_ITS_RULES:
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
        if self.handler != GENERIC or not self.create_records:
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
        self._publish()

    def _publish(self):
        """Keep what these, and what has them as lines, say now as a version, if it is another one."""
        if self.env.registry.ready:  # else at the end of the addon's data, once
            self.env["hub.entity.version"]._publish(self._wholes())
