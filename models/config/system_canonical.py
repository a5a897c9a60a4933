from odoo import models
from odoo.fields import Command
from odoo.tools import clean_context

from ...connectors.canonical import Canonical

# What most partners push: on from the beginning. The rest is one click away.
ON = ("customer", "contact", "opportunity")
# With its lines an invoice is composed for a ledger, which needs a word for each of them: who wants that maps it.
LEFT_OUT = {("out", "invoice", "lines"), ("out", "invoice", "customer")}


class HubSystem(models.Model):
    """What a system of the canonical API gets instead of presets: every entity, each field by its own name."""

    _inherit = "hub.system"

    def _load_presets(self):
        systems = self.filtered(lambda system: system.product == Canonical.product)
        # defaults of the form that is being saved are not those of streams
        systems.with_context(clean_context(self.env.context))._add_canonical()
        return super()._load_presets()

    def _add_canonical(self):
        """In both directions: a mapping of each entity, and of the lines within, by the names of the canonical
        fields; and its stream."""
        if not self:
            return
        processes = self._processes_of_entities()
        mappings, streams = [], []
        for entity in self.env["hub.entity"].search([]):
            for direction, other in (("in", "out"), ("out", "in")):
                by_name = [
                    Command.create(
                        {"field_id": field.id, "path": field.name, "sequence": field.sequence}
                    )
                    for field in entity.field_ids
                    if field.direction != other
                    and (direction, entity.code, field.name) not in LEFT_OUT
                ]
                if not by_name or (direction == "out" and not entity.handler):
                    continue
                common = {"entity_id": entity.id, "direction": direction}
                stream = {
                    "process_id": processes[entity.code, direction],
                    "active": direction == "in" and entity.code in ON,
                    "poll": False,
                    "sweep_days": 0,
                    "create_missing": direction == "out",
                }
                for system in self:
                    own = {**common, "system_id": system.id}
                    mappings.append({**own, "line_ids": by_name})
                    if entity.handler:
                        streams.append({**own, **stream})
        self.env["hub.mapping"].create(mappings)
        self.env["hub.stream"].create(streams)
