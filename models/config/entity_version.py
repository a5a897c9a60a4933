from odoo import api, fields, models

from ...core.keys import digest


class HubEntityVersion(models.Model):
    """The canonical model as it was published: another program names the version it was made for."""

    _name = "hub.entity.version"
    _description = "Published Entity"
    _order = "entity_id, number desc"
    _log_access = False

    entity_id = fields.Many2one(
        "hub.entity", required=True, readonly=True, ondelete="cascade", index=True
    )
    number = fields.Integer(required=True, readonly=True)
    schema = fields.Json(required=True, readonly=True)
    digest = fields.Char(required=True, readonly=True)
    published_at = fields.Datetime(readonly=True, default=fields.Datetime.now)

    _number_unique = models.Constraint("UNIQUE(entity_id, number)", "This version is published.")

    @api.depends("entity_id", "number")
    def _compute_display_name(self):
        for version in self:
            version.display_name = f"{version.entity_id.name} {version.number}"

    @api.model
    def _publish(self, entities):
        """Keep the schema of each entity as its next version, unless nothing changed.

        :return: ``{entity id: its newest version}``.
        """
        newest = {}
        # With sudo: versions are written by the hub alone, whoever changed a field or asks for it.
        for version in self.sudo().search([("entity_id", "in", entities.ids)], order="number"):
            newest[version.entity_id.id] = version
        for entity in entities:
            schema = entity._json_schema()
            last = newest.get(entity.id)
            if last and last.digest == digest(schema):
                continue
            newest[entity.id] = self.sudo().create(
                {
                    "entity_id": entity.id,
                    "number": (last.number if last else 0) + 1,
                    "schema": schema,
                    "digest": digest(schema),
                }
            )
            self.env.registry.clear_cache()  # what is pushed is judged by it
        return newest

    @api.model
    def _publish_all(self):
        """Of every entity, once the addon's data are in place."""
        self._publish(self.env["hub.entity"].search([]))

    @api.model
    def _numbered(self, code, number=None):
        """A version of an entity by its code; the newest without a number. Empty if there is none."""
        # With sudo: a program that pushes has no rights of the hub.
        domain = [("entity_id.code", "=", code)] + ([("number", "=", number)] if number else [])
        return self.sudo().search(domain, order="number desc", limit=1)
