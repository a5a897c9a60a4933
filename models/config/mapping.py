from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...core.mapping import TRANSFORMS, Line, compile_path
from ...core.problem import Problem


class HubMapping(models.Model):
    _name = "hub.mapping"
    _description = "Mapping"
    _order = "system_id, entity_id, direction"

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
        if "entity_id" in vals:
            self._grow()
        return super().write(vals)

    def _grow(self):
        """A changed mapping makes equal payloads worth another look."""
        for mapping in self:
            mapping.revision += 1

    def _lines(self):
        """The lines as plain data, for the rules in ``core``: ``{mapping id: [Line]}``."""
        result = {mapping.id: [] for mapping in self}
        for line in self.line_ids:
            result[line.mapping_id.id].append(
                Line(
                    field=line.field_id.name,
                    kind=line.field_id.kind,
                    path=line.path or "",
                    transform=line.transform,
                    argument=line.argument or "",
                    required=line.field_id.required,
                )
            )
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
    _order = "mapping_id, sequence, id"

    mapping_id = fields.Many2one("hub.mapping", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    entity_id = fields.Many2one(related="mapping_id.entity_id")
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
        [(name, name.replace("_", " ")) for name in TRANSFORMS] + [("epoch_ms", "epoch ms")],
        default="none",
        required=True,
    )
    argument = fields.Char()

    _field_unique = models.Constraint(
        "UNIQUE(mapping_id, field_id)", "This field is already mapped."
    )

    @api.constrains("path", "argument", "transform")
    def _check_path(self):
        for line in self:
            try:
                for path in (
                    line.path,
                    line.argument if line.transform in ("minor_units", "pair") else "",
                ):
                    if path:
                        compile_path(path)
            except Problem as problem:
                raise ValidationError(
                    self.env._("%(path)s is not a valid path.", path=problem.params.get("path"))
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
