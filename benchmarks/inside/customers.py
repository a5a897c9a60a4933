"""Inside Odoo: companies of a HubSpot account that become customers, and the same by Odoo alone."""

import time

from ..payloads import company
from . import hub


def connect(env, lane=1):
    """Make the HubSpot account; its id."""
    return hub.connect(env, "hubspot", "https://api.hubapi.com", lane=lane)


def store(env, system, first, count, version, edition=0, lane=1, changed=1):
    """Receive companies.

    :param changed: each so many-th comes in this edition, the others as at first
    """
    records = [
        (str(number), company(number, edition=0 if number % changed else edition))
        for number in range(first, first + count)
    ]
    hub.receive(env, system, "customer", records, version, lane=lane)


# -- the same by Odoo alone ------------------------------------------------------------------------


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
    return hub.in_batches(hub.plain_env(env, system), "res.partner", vals, batch)


def write(env, system, ids, first, edition, batch):
    """Write each customer's changed values, one by one; seconds. A commit after each batch."""
    vals = [
        {name: entry[name] for name in ("phone", "street", "zip")}
        for entry in values(env, first, len(ids), edition=edition)
    ]
    env = hub.plain_env(env, system)
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


def simulate(env, system, count):
    """Simulate a Change of one mapping line on the newest messages of ``count`` customers; the seconds it took."""
    line = env["hub.mapping.line"].search(
        [
            ("mapping_id.system_id", "=", system),
            ("mapping_id.direction", "=", "in"),
            ("entity_id.code", "=", "customer"),
            ("field_id.name", "=", "city"),
        ]
    )
    change = env["hub.change"]._propose(
        lambda draft: line.with_env(draft).write({"path": "properties.zip"}), "Bench"
    )
    change.sample = count
    simulation = env["hub.simulation"].browse(change.action_simulate()["res_id"])
    env.cr.commit()  # as the request of the button does; the transactions that are taken back are others
    started = time.perf_counter()
    simulation._run()
    seconds = time.perf_counter() - started
    found = simulation.message_count, simulation.record_count
    if found != (count, count):
        raise AssertionError(f"expected {count} messages and records, but saw {found}")
    change.unlink()
    env.cr.commit()
    return seconds
