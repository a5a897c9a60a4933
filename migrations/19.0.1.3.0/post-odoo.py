"""Another Odoo exchanges projects, time and invoices both ways: systems of before get the lines, switched off."""

from odoo import SUPERUSER_ID, api

ENTITIES = ("project", "time_entry", "invoice")


def migrate(cr, version):
    """Copy the mappings and streams that a system does not have; nobody is read or written anew by an update."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    systems = env["hub.system"].with_context(active_test=False).search([("product", "=", "odoo")])
    for model, values in (("hub.mapping", {}), ("hub.stream", {"active": False})):
        rows = env[model].with_context(active_test=False)
        presets = rows.search(
            [
                ("product", "=", "odoo"),
                ("system_id", "=", False),
                ("entity_id.code", "in", ENTITIES),
            ]
        )
        has = {
            (row.system_id, row.entity_id, row.direction)
            for row in rows.search([("system_id", "in", systems.ids)])
        }
        for system in systems:
            for preset in presets:
                if (system, preset.entity_id, preset.direction) not in has:
                    preset.copy({"system_id": system.id, "product": False, **values})
