from odoo import fields, models
from odoo.tools import clean_context

from ... import connectors

# Where records of an entity belong, if no shipped stream tells it.
PROCESS = "lead_to_cash_hub.process_master_data"


class HubSystem(models.Model):
    """What a system of a declared product gets beside the presets: streams, empty mappings, secrets to fill."""

    _inherit = "hub.system"

    is_declared = fields.Boolean(compute="_compute_is_declared")
    all_stream_ids = fields.One2many(
        "hub.stream",
        "system_id",
        context={"active_test": False},
        string="Streams, Those Switched Off Too",
    )

    def _compute_is_declared(self):
        for system in self:
            system.is_declared = bool(system.product) and system.product not in connectors.PRODUCTS

    def _add_declared_streams(self):
        """A stream for each read and write that is declared and that a system has none for. They are off
        until somebody maps them."""
        systems = self.filtered(lambda s: s.product not in connectors.PRODUCTS)
        if not systems:
            return
        # defaults of the form that is being saved (a product, a name) are not those of streams
        systems = systems.with_context(clean_context(self.env.context))
        entities = {entity.code: entity for entity in self.env["hub.entity"].search([])}
        processes = self._processes_of_entities()
        streams, mappings, secrets = [], [], []
        for system in systems:
            cls = system._connector_class()
            own = system.with_context(active_test=False)
            there = {(s.entity_id.code, s.direction) for s in own.stream_ids}
            mapped = {(m.entity_id.code, m.direction) for m in own.mapping_ids}
            for direction, codes in (("in", cls.entities_in), ("out", cls.entities_out)):
                for code in codes:
                    key = (code, direction)
                    if code not in entities:
                        continue
                    entity = {"entity_id": entities[code].id, "direction": direction}
                    if key not in there:
                        streams.append(
                            {
                                **entity,
                                "system_id": system.id,
                                "process_id": processes[key],
                                "active": False,
                                "poll": direction == "in",
                                "create_missing": direction == "out",
                            }
                        )
                    if key not in mapped:
                        mappings.append({**entity, "system_id": system.id})
            stored = set(system.credential_ids.mapped("name"))
            secrets += [
                {"system_id": system.id, "name": secret.name}
                for secret in cls.auth
                if secret.required and secret.name not in stored
            ]
        systems.env["hub.mapping"].create(mappings)
        systems.env["hub.stream"].create(streams)
        systems.env["hub.credential"].create(secrets)

    def _processes_of_entities(self):
        """``{(entity code, direction): process id}`` as the shipped streams have them; the rest is master
        data."""
        rows = self.env["hub.stream"].search([("product", "in", list(connectors.PRODUCTS))])
        found = {(row.entity_id.code, row.direction): row.process_id.id for row in rows}
        found |= {
            (code, "out"): found.get((code, "out"), process)
            for (code, _d), process in found.items()
        }
        usual = self.env.ref(PROCESS).id
        return {
            (code, direction): found.get((code, direction), usual)
            for code in self.env["hub.entity"].search([]).mapped("code")
            for direction in ("in", "out")
        }
