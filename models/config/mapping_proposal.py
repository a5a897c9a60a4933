from odoo import models
from odoo.fields import Command

from ...core.paths import is_writable
from ...core.suggest import Wanted, suggest


class HubMapping(models.Model):
    _inherit = "hub.mapping"

    def _propose(self, payload):
        """Map what no line maps yet, by likeness of names and values, in one payload of the product.

        Nothing moves by it: a person looks at the lines before the stream is switched on.

        :param payload: a record as the product gives it (inbound) or takes it (outbound).
        :return: the new lines.
        """
        self.ensure_one()
        wanted = [
            Wanted(field.name, field.label, field.kind)
            for field in self.entity_id.field_ids - self.line_ids.field_id
            if field.direction in (self.direction, "both")
        ]
        ids = {field.name: field.id for field in self.entity_id.field_ids}
        found = suggest(wanted, payload, [line.path for line in self.line_ids if line.path])
        if self.direction == "out":
            found = [one for one in found if one.transform == "none" and is_writable(one.path)]
        order = {one.name: number for number, one in enumerate(wanted, len(self.line_ids) + 1)}
        return self.env["hub.mapping.line"].create(
            [
                {
                    "mapping_id": self.id,
                    "field_id": ids[one.field],
                    "sequence": 10 * order[one.field],
                    "path": one.path,
                    "transform": one.transform,
                    "argument": one.argument or False,
                }
                for one in sorted(found, key=lambda one: order[one.field])
            ]
        )

    def _keep_as_preset(self):
        """Give these lines to every system of the product that is connected later.

        :return: the preset.
        """
        self.ensure_one()
        product = self.system_id.product
        preset = self.search(
            [
                ("product", "=", product),
                ("system_id", "=", False),
                ("entity_id", "=", self.entity_id.id),
                ("direction", "=", self.direction),
            ]
        )
        if not preset:
            return self.copy({"system_id": False, "product": product})
        preset.line_ids.unlink()
        preset.line_ids = [Command.create(vals) for vals in self.line_ids.copy_data()]
        return preset


class HubConnector(models.Model):
    _inherit = "hub.connector"

    def _propose_mappings(self):
        """Presets for what is read and written, out of the records that the product's file describes."""
        for connector in self:
            samples = {
                stream.entity_id: stream.sample
                for stream in connector.stream_ids
                if stream.entity_id and stream.sample
            }
            for parts, direction in ((connector.stream_ids, "in"), (connector.write_ids, "out")):
                for entity in parts.filtered("active").entity_id:
                    if entity not in samples:
                        continue
                    preset = self.env["hub.mapping"].create(
                        {
                            "product": connector.code,
                            "entity_id": entity.id,
                            "direction": direction,
                        }
                    )
                    preset._propose(samples[entity])
