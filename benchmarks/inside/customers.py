"""Inside Odoo: a HubSpot account whose companies become customers, and the same work by Odoo alone."""

import json
import time

from odoo import api
from odoo.addons.lead_to_cash_hub.models.flow.context import HUB_CONTEXT
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming

from ..payloads import company

ACCOUNT = "49648261"


def connect(env, lane=1):
    """Make the system; its id."""
    system = env["hub.system"].create(
        {
            "name": "HubSpot",
            "product": "hubspot",
            "base_url": "https://api.hubapi.com",
            "account_ref": ACCOUNT,
            "environment": "sandbox",
        }
    )
    system.state = "connected"
    chosen = env["hub.lane"].search([("number", "=", lane)])
    system.stream_ids.write({"poll": False, "lane_id": chosen.id})
    env.cr.commit()
    return system.id


def store(env, system, first, count, version, edition=0, lane=1):
    """Receive companies, as a poll does: stored, and due."""
    for start in range(first, first + count, 1000):
        numbers = range(start, min(start + 1000, first + count))
        incoming = [_incoming(number, version, edition) for number in numbers]
        with short_cursor(env) as cr:
            env["hub.receive"]._store(cr, system, ACCOUNT, incoming, lane=lane)


def _incoming(number, version, edition):
    body = json.dumps(company(number, edition=edition)).encode()
    key = f"{number}:{version}".encode()
    stamp = f"2026-03-01T00:00:{version:02}.000Z"
    return Incoming("customer", str(number), key, "snapshot", "change", None, stamp, body)


def drain(env):
    """Apply all that is due, slice by slice as a drainer does; the seconds it took."""
    engine = env["hub.engine"]
    started = time.perf_counter()
    while True:
        env.cr.commit()
        env.invalidate_all()
        if not engine._once(online=False):
            return time.perf_counter() - started


def proof(env, first, count, reason, version):
    """Fail unless each of these messages has come to the expected end, and each customer is linked once."""
    env.cr.execute(
        """SELECT coalesce(m.reason, m.state), count(DISTINCT l.res_id)
             FROM hub_message m LEFT JOIN hub_link l ON l.external_id = m.external_id
            WHERE m.external_id::int >= %s AND m.external_id::int < %s AND m.version = %s GROUP BY 1""",
        [first, first + count, f"2026-03-01T00:00:{version:02}.000Z"],
    )
    seen = dict(env.cr.fetchall())
    if seen != {reason: count}:
        raise AssertionError(f"expected {count} × {reason}, but saw {seen}")


# -- the same by Odoo alone ------------------------------------------------------------------------


def plain_env(env, system):
    """The environment that the hub applies in: same user, same companies, same flags."""
    system = env["hub.system"].browse(system)
    context = {**HUB_CONTEXT, "allowed_company_ids": system.company_ids.ids}
    return api.Environment(env.cr, system.user_id.id, context)


def values(env, first, count, edition=0):
    """The values of ``res.partner`` that the hub comes to for the same companies."""
    us = env.ref("base.us")
    states = {state.code: state.id for state in us.state_ids}
    return [
        {
            "name": properties["name"],
            "phone": properties["phone"],
            "website": properties["website"],
            "street": properties["address"],
            "city": properties["city"],
            "zip": properties["zip"],
            "state_id": states[properties["state"]],
            "country_id": us.id,
            "lang": "en_US",
            "is_company": True,
        }
        for properties in (
            company(number, edition=edition)["properties"] for number in range(first, first + count)
        )
    ]


def create(env, system, first, count, batch):
    """Create the customers in batches, each committed; seconds, and the ids."""
    vals = values(env, first, count)
    env = plain_env(env, system)
    ids, started = [], time.perf_counter()
    for start in range(0, count, batch):
        ids += env["res.partner"].create(vals[start : start + batch]).ids
        env.cr.commit()
        env.invalidate_all()
    return time.perf_counter() - started, ids


def write(env, system, ids, first, edition, batch):
    """Write each customer's changed values, one by one; seconds. A commit after each batch."""
    vals = [
        {name: entry[name] for name in ("phone", "street", "zip")}
        for entry in values(env, first, len(ids), edition=edition)
    ]
    env = plain_env(env, system)
    started = time.perf_counter()
    for start in range(0, len(ids), batch):
        for partner, entry in zip(
            env["res.partner"].browse(ids[start : start + batch]),
            vals[start : start + batch],
            strict=True,
        ):
            partner.write(entry)
        env.cr.commit()
        env.invalidate_all()
    return time.perf_counter() - started


def alike(env, first, count, edition=0):
    """Fail unless the hub's customers hold the very values that Odoo alone was given."""
    wanted = values(env, first, count, edition=edition)
    env.cr.execute(
        """SELECT external_id::int, res_id FROM hub_link
            WHERE external_id::int >= %s AND external_id::int < %s""",
        [first, first + count],
    )
    links = dict(env.cr.fetchall())
    partners = env["res.partner"].browse([links[first + place] for place in range(count)])
    for seen, entry in zip(partners.read(list(wanted[0]), load=None), wanted, strict=True):
        del seen["id"]
        if seen != entry:
            raise AssertionError(f"not the same: {seen} and {entry}")
