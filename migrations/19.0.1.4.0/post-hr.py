"""Why somebody is away is for HR: its class of data, and the names of leaves in the calendar."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins


def migrate(cr, version):
    env = api.Environment(cr, SUPERUSER_ID, {})
    kind = env.ref("lead_to_cash_hub.field_leave_kind", raise_if_not_found=False)
    if kind and kind.data_class == "personal":
        kind.data_class = "confidential"
    leaves = env["hub.leave"].search([("calendar_leave_id", "!=", False)])
    leaves.calendar_leave_id.name = env._("Time off")
    keep_the_admins(env)  # words that are new with this version are the admin's from now on
