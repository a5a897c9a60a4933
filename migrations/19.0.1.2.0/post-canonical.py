"""Canonical fields and entities that mean more since this version."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

GENERIC = "hub.handler.generic"


def migrate(cr, version):
    """Bring what an admin may have edited, and an update therefore leaves alone, up to this version."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    # A customer's website is a web address: `javascript:` and its like are refused from now on.
    website = env.ref("lead_to_cash_hub.field_customer_website", raise_if_not_found=False)
    if website and website.kind == "text":
        website.kind = "url"
    # Tasks and service items were only linked; now they can be read as well.
    for name in ("task", "service_item"):
        entity = env.ref(f"lead_to_cash_hub.entity_{name}", raise_if_not_found=False)
        if entity and not entity.handler:
            entity.handler = GENERIC
            entity.create_records = name == "task"
    keep_the_admins(env)  # rows that are new with this version are the admin's from now on, too
