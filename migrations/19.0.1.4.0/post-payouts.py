"""Payouts and disputes of Stripe: systems of before get the lines, switched off, because they book money."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

ENTITIES = ("payout", "payout_part", "dispute")


def migrate(cr, version):
    """Copy the mappings and streams that a system does not have."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    systems = env["hub.system"].with_context(active_test=False).search([("product", "=", "stripe")])
    for model, values in (("hub.mapping", {}), ("hub.stream", {"active": False})):
        rows = env[model].with_context(active_test=False)
        presets = rows.search(
            [
                ("product", "=", "stripe"),
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
    keep_the_admins(env)  # entities, fields and words that are new are the admin's from now on
