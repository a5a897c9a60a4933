"""What the engine asks for since this version, for systems that were connected before it."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

# Canonical fields of a deal that have an Odoo field of their own now, so that a merge can compare them.
BOUND = {
    "field_opportunity_currency": "hub_currency_id",
    "field_opportunity_start_date": "hub_start_date",
}


def migrate(cr, version):
    """Carry over what was in use; nothing leaves that did not leave before."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    keep_the_admins(env)  # rows that are new with this version are the admin's from now on, too
    env["hub.lane"].search([])._make_parts()
    systems = env["hub.system"].with_context(active_test=False).search([])
    env["hub.pace.limit"]._ensure(systems)
    _bind_fields(env)
    _mark_standing(cr)
    if not env["hub.grant"].with_context(active_test=False).search_count([], limit=1):
        for system in systems:
            _carry_over(system)


def _bind_fields(env):
    for name, odoo_field in BOUND.items():
        field = env.ref(f"lead_to_cash_hub.{name}", raise_if_not_found=False)
        if field and not field.odoo_field:
            field.odoo_field = odoo_field


def _mark_standing(cr):
    """Open issues about a whole system have no messages: without this mark they would be closed for it."""
    cr.execute(
        """UPDATE hub_issue SET standing = TRUE
            WHERE state = 'open' AND (code = 'reconnect' OR coalesce(params ? 'blocked', FALSE))"""
    )


def _carry_over(system):
    """Grant the write-back that the former version did without being asked.

    These are the fields of the outbound mappings whose stream, process and system were switched on: the
    very condition under which it composed messages. Without the grants the next changes in Odoo
    would be dropped in silence. What was switched off stays without one.
    """
    if not system.active or system.state == "draft":
        return
    system = system.with_context(active_test=True)
    streams = system.stream_ids.filtered(
        lambda s: s.direction == "out" and s.active and s.process_id.active
    )
    mapped = system._outbound_fields().filtered(lambda f: f.entity_id in streams.entity_id)
    granted = mapped & system._proposed_grants()
    system.env["hub.grant"].create(
        [{"system_id": system.id, "field_id": field.id} for field in granted]
    )
    _say(system, granted, mapped - granted)


def _say(system, granted, left):
    """Leave a note where the grants are looked at: nobody has approved them yet."""
    env = system.env
    if granted:
        system.message_post(
            body=env._(
                "The update to 19.0.1.1.0 granted the write-back of what was sent before it: %s. "
                "Look through it in the matrix of ownership, and revoke what should not leave.",
                _names(granted),
            )
        )
    if left:
        system.message_post(
            body=env._(
                "Not sent any more since the update to 19.0.1.1.0, because they only come in: %s. "
                "If they should leave, change their direction and grant them.",
                _names(left),
            )
        )


def _names(fields):
    return ", ".join(f"{field.entity_id.name}: {field.label}" for field in fields)
