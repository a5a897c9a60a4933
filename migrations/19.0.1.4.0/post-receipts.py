"""Payments to accounting ledgers, and voiding there what is cancelled here: systems of before get the mapping, not
granted, and the stream, switched off. So they go on as before until somebody wants it."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

PRODUCTS = ("quickbooks", "xero")


def migrate(cr, version):
    """Copy what a system does not have."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    systems = env["hub.system"].search([("product", "in", PRODUCTS)])
    for model, values in (("hub.mapping", {}), ("hub.stream", {"active": False})):
        rows = env[model]
        has = {
            row.system_id
            for row in rows.search(
                [("system_id", "in", systems.ids), ("entity_id.code", "=", "receipt")]
            )
        }
        for system in systems.filtered(lambda system, has=has: system not in has):
            preset = rows.search(
                [
                    ("product", "=", system.product),
                    ("system_id", "=", False),
                    ("entity_id.code", "=", "receipt"),
                ]
            )
            for one in preset:
                one.copy({"system_id": system.id, "product": False, **values})
    for system in systems:
        line = env.ref(f"lead_to_cash_hub.line_{system.product}_invoice_out_void")
        mapping = system.mapping_ids.filtered(
            lambda m: m.direction == "out" and m.entity_id.code == "invoice"
        )
        if mapping and line.field_id not in mapping.line_ids.field_id:
            line.copy({"mapping_id": mapping[:1].id})
    keep_the_admins(env)  # entities, fields and presets that are new are the admin's from now on
