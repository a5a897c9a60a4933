"""What may be done with data of a class: who is shown it, and to which regions it never goes."""

import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

from ...core.brief import MASK


class HubRegion(models.Model):
    """Where a system keeps what it gets."""

    _name = "hub.region"
    _description = "Region"
    _order = "sequence, name"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True)
    sequence = fields.Integer(default=10)

    _code_unique = models.Constraint("UNIQUE(code)", "Each region has its own code.")


class HubRetention(models.Model):
    _inherit = "hub.retention"

    reader_ids = fields.Many2many(
        "res.groups",
        string="Shown To",
        help="Of stored payloads these see the values of this class; others who may read the payload see "
        "them masked. Empty: whoever may read the payload.",
    )
    forbidden_region_ids = fields.Many2many(
        "hub.region",
        string="Never Sent To",
        help="No field of this class is sent to a system of these regions, nor to one that names none.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        rows = super().create(vals_list)
        self._classes_changed()
        return rows

    def write(self, vals):
        result = super().write(vals)
        if {"forbidden_region_ids", "reader_ids", "data_class"} & vals.keys():
            self._classes_changed()
        return result

    def unlink(self):
        result = super().unlink()
        self._classes_changed()
        return result

    def _classes_changed(self):
        """What waits to be sent is composed anew under the new rules; nothing leaves under the old ones."""
        self.env.flush_all()
        self.env.registry.clear_cache()
        # As superuser: the rule holds for systems of every company.
        self.env["hub.grant"].sudo().search([])._take_back()

    @api.model
    @ormcache()
    def _forbidden(self):
        """``{data class: ids of regions it is never sent to}``; only classes with any."""
        # A rule of the firm, read whoever writes the record that is sent.
        rows = self.sudo().search([("forbidden_region_ids", "!=", False)])
        return {row.data_class: tuple(row.forbidden_region_ids.ids) for row in rows}

    @api.model
    def _hidden(self, entity=None):
        """Data classes that the user of the environment is not shown.

        :param entity: of the record that is looked at: who may read none of its kind in Odoo is not shown what is
            confidential of it, as long as there is no record of its own to ask for the right.
        """
        rows = self.sudo().search([("reader_ids", "!=", False)])  # whom it is shown to is no secret
        groups = set(self.env.user.all_group_ids.ids)
        hidden = {row.data_class for row in rows if not groups.intersection(row.reader_ids.ids)}
        model = entity and entity.model_name
        if model in self.env and not self.env[model].has_access("read"):
            hidden.add("confidential")
        return hidden


class HubSystem(models.Model):
    _inherit = "hub.system"

    region_id = fields.Many2one(
        "hub.region",
        tracking=True,
        help="Where the product keeps the data of this account. Some classes of data may not go there.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "region_id" in vals:
            self.env.flush_all()
            self.grant_ids.filtered("active")._take_back()
            self.stream_ids._check_region()
        return result

    def _refused_fields(self, fields_sent):
        """Which of these canonical fields may not go where this system keeps its data."""
        self.ensure_one()
        forbidden = self.env["hub.retention"]._forbidden()
        # A class with a ban needs to know where it goes: no region is as good as a forbidden one.
        return fields_sent.filtered(
            lambda field: (
                field.data_class in forbidden
                and (not self.region_id or self.region_id.id in forbidden[field.data_class])
            )
        )

    def _refused_text(self, refused):
        """One sentence for a person: what may not go where, and what to do."""
        classes = dict(refused._fields["data_class"]._description_selection(self.env))
        values = {
            "system": self.name,
            "fields": ", ".join(refused.mapped("label")),
            "classes": ", ".join(sorted({classes[name] for name in refused.mapped("data_class")})),
            "region": self.region_id.name,
        }
        if not self.region_id:
            return self.env._(
                "%(system)s names no region, and data of the class %(classes)s may not go everywhere: "
                "say where it keeps its data, or take %(fields)s out of what is sent.",
                **values,
            )
        return self.env._(
            "%(system)s keeps its data in %(region)s, where data of the class %(classes)s may not go: "
            "take %(fields)s out of what is sent.",
            **values,
        )


class HubGrant(models.Model):
    _inherit = "hub.grant"

    def _check_sense(self):
        result = super()._check_sense()
        refused = self.system_id._refused_fields(self.field_id)
        if refused:
            raise ValidationError(self.system_id._refused_text(refused))
        return result


class HubStream(models.Model):
    _inherit = "hub.stream"

    @api.constrains("active", "direction", "system_id", "entity_id")
    def _check_region(self):
        """An outbound stream whose granted fields may not go there is not switched on."""
        for stream in self.filtered(lambda s: s.system_id and s.active and s.direction == "out"):
            refused = stream.system_id._refused_fields(stream._sent_fields())
            if refused:
                raise ValidationError(stream.system_id._refused_text(refused))

    def _sent_fields(self):
        """Fields of this entity whose write-back is granted."""
        self.ensure_one()
        # Asked with sudo: what may leave does not depend on who asks.
        grants = self.system_id.sudo().grant_ids.filtered("active")
        return grants.field_id.filtered(lambda field: field.entity_id == self.entity_id)


class HubPayload(models.Model):
    _inherit = "hub.payload"

    @api.depends_context("uid")
    def _compute_text(self):
        """Values of a class that the reader is not shown are masked; what is not mapped has no class
        and is masked with them."""
        result = super()._compute_text()
        retention, shown = self.env["hub.retention"], {}
        for payload in self:
            # Whose content it is decides; the reader's right to the payload was asked before.
            message = payload.sudo().message_ids[:1]
            key = (message.system_id, message.entity_id, message.direction)
            if key not in shown:
                hidden = retention._hidden(message.entity_id)
                shown[key] = self._shown_paths(*key, hidden) if hidden else None
            if shown[key] is not None:
                payload.text = _masked(payload.text, shown[key])
        return result

    @api.model
    def _shown_paths(self, system, entity, direction, hidden):
        """Paths of a payload whose values the reader is shown; None: all of them."""
        if not hidden.intersection(entity.field_ids.mapped("data_class")):
            return None
        # The mapping is no secret to who reads payloads; it is read for any company.
        lines = (
            self.env["hub.mapping"]
            .sudo()
            .search(
                [
                    ("system_id", "=", system.id),
                    ("entity_id", "=", entity.id),
                    ("direction", "=", direction),
                ]
            )
            .line_ids
        )
        closed = {line.path for line in lines if line.field_id.data_class in hidden}
        return {
            tuple(line.path.split("."))
            for line in lines
            if line.path
            and line.path not in closed
            and all(map(str.isidentifier, line.path.split(".")))
        } | {("id",)}


def _masked(text, shown):
    try:
        data = json.loads(text or "")
    except ValueError:
        return MASK

    def mask(value, path):
        if path in shown:
            return value
        if isinstance(value, dict):
            return {key: mask(entry, (*path, key)) for key, entry in value.items()}
        if isinstance(value, list):
            return [mask(entry, path) for entry in value]
        return value if value is None or value == "" else MASK

    return json.dumps(mask(data, ()), ensure_ascii=False)
