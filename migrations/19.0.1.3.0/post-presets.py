"""Lines that presets have since this version, for systems that copied theirs before."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

# what invoices are compared by with an accounting ledger
LINES = (
    "line_quickbooks_invoice_in_ledger_date",
    "line_quickbooks_invoice_in_ledger_tax",
    "line_xero_invoice_in_ledger_date",
    "line_xero_invoice_in_ledger_tax",
)


def migrate(cr, version):
    """Add them to each copy that maps nothing to their field yet; what an admin mapped stays."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    lines = env["hub.mapping.line"]
    for name in LINES:
        lines |= env.ref(f"lead_to_cash_hub.{name}", raise_if_not_found=False) or lines
    for preset, added in lines.grouped("mapping_id").items():
        copies = env["hub.mapping"].search(
            [
                ("system_id.product", "=", preset.product),
                ("entity_id", "=", preset.entity_id.id),
                ("direction", "=", preset.direction),
            ]
        )
        for copy in copies:
            for line in added:
                if line.field_id not in copy.line_ids.field_id:
                    line.copy({"mapping_id": copy.id})
    keep_the_admins(env)  # fields that are new with this version are the admin's from now on
