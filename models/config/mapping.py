import uuid

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ...core.mapping import TRANSFORMS, CompiledMapping, Line, compile_all
from ...core.problem import Problem
from ..guard import own_code


class HubMapping(models.Model):
    _name = "hub.mapping"
    _description = "Mapping"
    _inherit = ["hub.governed"]
    _order = "system_id, entity_id, direction"
    _hub_key = ("system_id", "entity_id", "direction")

    name = fields.Char(compute="_compute_name", store=True)
    # A mapping without a system is a product's preset: copied to each system that is connected.
    system_id = fields.Many2one("hub.system", ondelete="cascade", index=True)
    product = fields.Char(help="Product of a preset, for example hubspot.")
    entity_id = fields.Many2one("hub.entity", required=True, ondelete="restrict")
    direction = fields.Selection(
        [("in", "Inbound"), ("out", "Outbound")], default="in", required=True
    )
    line_ids = fields.One2many("hub.mapping.line", "mapping_id", copy=True, string="Lines")
    revision = fields.Integer(default=1, readonly=True, copy=False, help="Grows with each change.")
    # Names these lines for ever: two transactions may both make a revision 7, of which one is undone.
    stamp = fields.Char(default=lambda self: uuid.uuid4().hex, readonly=True, copy=False)

    _mapping_unique = models.UniqueIndex(
        "(COALESCE(system_id, 0), COALESCE(product, ''), entity_id, direction)",
        "There is already a mapping for this system, entity and direction.",
    )

    @api.depends("system_id.name", "product", "entity_id.name", "direction")
    def _compute_name(self):
        directions = dict(self._fields["direction"].selection)
        for mapping in self:
            source = mapping.system_id.name or mapping.product or ""
            mapping.name = f"{source}: {mapping.entity_id.name or ''} ({directions.get(mapping.direction, '')})"

    @api.constrains("system_id", "product")
    def _check_scope(self):
        for mapping in self:
            if bool(mapping.system_id) == bool(mapping.product):
                raise ValidationError(
                    self.env._("A mapping belongs to one system, or to a product as a preset.")
                )

    def write(self, vals):
        if {"entity_id", "direction", "system_id"} & set(vals):
            self._grow()
        return super().write(vals)

    def _grow(self):
        """A changed mapping makes equal payloads worth another look."""
        for mapping in self:
            own_code(mapping).write({"revision": mapping.revision + 1, "stamp": uuid.uuid4().hex})
        self.env.registry.clear_cache()  # what may be pushed depends on it

    # -- as rules on plain data --------------------------------------------------------------------

    @api.model
    def _compiled_of(self, system, direction):
        """The mappings of a system, ready to be used: ``{entity code: (CompiledMapping, revision)}``.

        One query; the lines are read and compiled once for each change of them. Outbound, the lines
        that an inbound mapping marks as serving both ways are there as well.
        """
        mappings = self.search_fetch(
            [("system_id", "=", system.id)], ["entity_id", "direction", "revision", "stamp"]
        )
        own = mappings.filtered(lambda m: m.direction == direction)
        both = mappings - own if direction == "out" else self.browse()
        revisions = {mapping.entity_id.id: mapping.revision for mapping in (both | own)}
        stamps = tuple(sorted((m.id, m.stamp) for m in own | both))
        return {
            code: (compiled, revisions[entity_id])
            for code, entity_id, compiled in self._compile(stamps, direction)
        }

    @api.model
    @tools.ormcache("stamps", "direction")
    def _compile(self, stamps, direction):
        """``((entity code, entity id, CompiledMapping), …)`` of the mappings that ``stamps`` names."""
        mappings = self.browse(mapping_id for mapping_id, _stamp in stamps)
        own = mappings.filtered(lambda m: m.direction == direction)
        lines = own._lines()
        by_entity = {mapping.entity_id: lines[mapping.id] for mapping in own}
        for mapping in mappings - own:
            returning = mapping._returning(by_entity.get(mapping.entity_id, ()))
            if returning:
                by_entity.setdefault(mapping.entity_id, []).extend(returning)
        compiled = compile_all({entity.code: own for entity, own in by_entity.items()})
        return tuple((entity.code, entity.id, compiled[entity.code]) for entity in by_entity)

    def _returning(self, lines):
        """Lines of an inbound mapping that serve both ways, but for fields that outbound ``lines`` map."""
        mapped = {line.field for line in lines}
        return [
            line._line()
            for line in self.line_ids
            if line.both_ways and line.field_id.name not in mapped
        ]

    def _lines(self):
        """The lines as plain data, for the rules in ``core``: ``{mapping id: [Line]}``."""
        result = {mapping.id: [] for mapping in self}
        for line in self.line_ids:
            result[line.mapping_id.id].append(line._line())
        return result

    def _missing_required(self):
        """Required inbound fields that no line maps, as a recordset of fields."""
        self.ensure_one()
        if self.direction != "in":
            return self.env["hub.entity.field"]
        needed = self.entity_id.field_ids.filtered(lambda f: f.required and f.direction != "out")
        return needed - self.line_ids.field_id


class HubMappingLine(models.Model):
    _name = "hub.mapping.line"
    _description = "Mapping Line"
    _inherit = ["hub.governed"]
    _order = "mapping_id, sequence, id"
    _hub_key = ("mapping_id", "field_id")
    _hub_portable = ("sequence", "path", "transform", "argument", "both_ways")

    mapping_id = fields.Many2one("hub.mapping", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    entity_id = fields.Many2one(related="mapping_id.entity_id")
    direction = fields.Selection(related="mapping_id.direction")
    field_id = fields.Many2one(
        "hub.entity.field",
        required=True,
        ondelete="restrict",
        domain="[('entity_id', '=', entity_id)]",
        string="Canonical Field",
    )
    path = fields.Char(
        string="External Path", help="JMESPath into the payload, for example properties.amount."
    )
    transform = fields.Selection(
        selection=lambda self: self._selection_transform(), default="none", required=True
    )
    argument = fields.Char(
        help="What the transform needs: a fixed value, a second path, a time zone, a sample of the notation, "
        "a table (open = 1; closed = 2), an expression on value and record."
    )
    both_ways = fields.Boolean(
        help="This line of an inbound mapping also sends the value, turned round, where the entity is sent.",
    )

    _field_unique = models.Constraint(
        "UNIQUE(mapping_id, field_id)", "This field is already mapped."
    )

    @api.model
    def _selection_transform(self):
        names = {
            "none": self.env._("as it is"),
            "constant": self.env._("constant"),
            "default": self.env._("default"),
            "choose": self.env._("choose (a = b; c = d; else = e)"),
            "lower": self.env._("lower case"),
            "upper": self.env._("upper case"),
            "join": self.env._("concatenate a list"),
            "pair": self.env._("pair of ids"),
            "by_key": self.env._("find by identity field"),
            "number": self.env._("number in a notation (1.234,56)"),
            "minor_units": self.env._("amount in minor units"),
            "date_format": self.env._("date in a notation (DD.MM.YYYY)"),
            "local_time": self.env._("clock of a time zone"),
            "local_date": self.env._("day in a time zone"),
            "day_end": self.env._("end of a day in a time zone"),
            "epoch_seconds": self.env._("epoch seconds"),
            "epoch_ms": self.env._("epoch milliseconds"),
            "duration": self.env._("span to hours (seconds, minutes, days:8, iso, hh:mm)"),
            "phone": self.env._("phone to E.164"),
            "email": self.env._("e-mail address"),
            "vat": self.env._("tax number"),
            "country_code": self.env._("country to its code"),
            "state_code": self.env._("state without its country"),
            "language_code": self.env._("language to its code"),
            "html_to_text": self.env._("HTML to text"),
            "first_name": self.env._("first name of a full name"),
            "last_name": self.env._("last name of a full name"),
            "expression": self.env._("expression"),
        }
        return [(name, names[name]) for name in TRANSFORMS]

    def _hub_systems(self):
        return self.mapping_id.system_id

    def _hub_named(self):
        return f"{self.mapping_id.name} › {self.field_id.label}"

    def _line(self):
        """This line as plain data."""
        self.ensure_one()
        return Line(
            field=self.field_id.name,
            kind=self.field_id.kind,
            path=self.path or "",
            transform=self.transform,
            argument=self.argument or "",
            required=self.field_id.required,
        )

    @api.constrains("path", "argument", "transform", "both_ways", "mapping_id", "field_id")
    def _check_line(self):
        """What could not work for any payload is refused when it is saved."""
        sentences = self.env["hub.sentence"]
        for line in self:
            if line.field_id.entity_id != line.mapping_id.entity_id:
                raise ValidationError(
                    self.env._(
                        "%(field)s is no field of %(entity)s.",
                        field=line.field_id.label,
                        entity=line.mapping_id.entity_id.name,
                    )
                )
            plain = line._line()
            try:
                plain.check(line.mapping_id.direction)
                if line.both_ways:
                    plain.check("out")
                CompiledMapping([plain])
            except Problem as problem:
                raise ValidationError(
                    self.env._(
                        "%(field)s: %(reason)s",
                        field=line.field_id.label,
                        reason=sentences._sentence(problem.code, problem.params),
                    )
                ) from problem

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._grow()
        return lines

    def write(self, vals):
        result = super().write(vals)
        self._grow()
        return result

    def unlink(self):
        mappings = self.mapping_id
        result = super().unlink()
        mappings._grow()
        return result

    def _grow(self):
        self.mapping_id._grow()


class HubEntityField(models.Model):
    _inherit = "hub.entity.field"

    def _hub_mapping_systems(self):
        """Systems with a mapping that names one of these."""
        lines = self.env["hub.mapping.line"].search([("field_id", "in", self._origin.ids)])
        return lines.mapping_id.system_id
