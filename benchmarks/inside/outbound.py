"""Inside Odoo: changes that wait to be sent, and the drainers' way of sending them."""

import time

import requests
from odoo.addons.lead_to_cash_hub.core import strict_json
from odoo.addons.lead_to_cash_hub.core.keys import order_key
from odoo.addons.lead_to_cash_hub.core.merge import plain

# product -> (entity, path of one call, secret)
SHAPES = {
    "hubspot": ("customer", "access_token"),
    "stripe": ("payment", "api_key"),
}


def connect(env, product, url):
    """Make a system at the local server, which may be called as often as one likes; its id."""
    _entity, secret = SHAPES[product]
    system = env["hub.system"].create(
        {
            "name": product,
            "product": product,
            "base_url": url,
            "account_ref": "1",
            "environment": "sandbox",
        }
    )
    env["hub.credential"].create({"system_id": system.id, "name": secret, "secret": "bench"})
    system.state = "connected"
    system.stream_ids.poll = False
    system.limit_ids.write({"calls": 100_000, "seconds": 1.0, "reserve": 0})
    env.cr.commit()
    return system.id


def _external(product, number):
    return str(number) if product == "hubspot" else f"pi_{number:012}"


def _values(product, number):
    if product == "hubspot":
        return {"hub_balance": f"{number}.25", "hub_overdue": "0", "hub_currency": "USD"}
    return {"metadata": {"hub_invoice": f"INV/2026/{number}", "hub_state": "paid"}}


def prepare(env, system, product, first, count):
    """Links that were agreed on, and a message for each that waits to be sent."""
    entity = env["hub.entity"].search([("code", "=", SHAPES[product][0])])
    stream = env["hub.stream"].with_context(active_test=False).search(
        [("system_id", "=", system), ("entity_id", "=", entity.id), ("direction", "=", "out")],
        limit=1,
    ) or env["hub.stream"].search([("system_id", "=", system)], limit=1)
    numbers = range(first, first + count)
    env["hub.link"]._store(
        env.cr,
        [
            {
                "system_id": system,
                "entity_id": entity.id,
                "entity": entity.code,
                "external_id": _external(product, number),
                "company_id": None,
                "res_model": entity.model_name,
                "res_id": number,
            }
            for number in numbers
        ],
    )
    rows = []
    for number in numbers:
        content = plain(_values(product, number))
        rows.append(
            {
                "external_id": _external(product, number),
                "res_id": number,
                "key": order_key(system, entity.code, f"{entity.model_name},{number}", "out"),
                "body": strict_json.dumps(content),
                "content": content,
                "offers": None,
                "company_id": None,
            }
        )
    env["hub.compose"]._store(env, stream, rows)
    # Some shipped products send nothing of this entity: what is measured is the sending.
    env.cr.execute(
        "UPDATE hub_message SET entity_id = %s WHERE system_id = %s AND state = 'pending'",
        [entity.id, system],
    )
    env.cr.commit()
    env.cr.execute("ANALYZE hub_message; ANALYZE hub_link; ANALYZE hub_payload")


def deliver(env):
    """Send all that waits, slice by slice as a drainer does; the seconds it took."""
    engine = env["hub.engine"]
    started = time.perf_counter()
    while True:
        env.cr.commit()
        env.invalidate_all()
        if not engine._once():
            return time.perf_counter() - started


def proof(env, system, first, count):
    """Fail unless each of these was sent once, and its link says so."""
    env.cr.execute(
        """SELECT count(*), count(DISTINCT m.res_id), sum(m.attempts), count(l.sent)
             FROM hub_message m LEFT JOIN hub_link l
               ON l.system_id = m.system_id AND l.external_id = m.external_id
            WHERE m.system_id = %s AND m.res_id >= %s AND m.res_id < %s AND m.state = 'done'""",
        [system, first, first + count],
    )
    seen = env.cr.fetchone()
    if seen != (count, count, count, count):
        raise AssertionError(f"expected {count} deliveries, but saw {seen}")


def plainly(env, product, url, first, count):
    """The same calls with plain requests in one session; the seconds they took."""
    session = requests.Session()
    started = time.perf_counter()
    if product == "hubspot":
        for start in range(first, first + count, 100):
            inputs = [
                {
                    "id": _external(product, number),
                    "properties": _values(product, number),
                    "objectWriteTraceId": f"{number:064}",
                }
                for number in range(start, min(start + 100, first + count))
            ]
            answer = session.post(
                f"{url}/crm/v3/objects/companies/batch/update",
                json={"inputs": inputs},
                headers={"Authorization": "Bearer bench"},
                timeout=30,
            )
            answer.raise_for_status()
            answer.json()
    else:
        for number in range(first, first + count):
            answer = session.post(
                f"{url}/v1/payment_intents/{_external(product, number)}",
                data={
                    f"metadata[{name}]": value
                    for name, value in _values(product, number)["metadata"].items()
                },
                headers={"Authorization": "Bearer bench", "Idempotency-Key": f"{number:064}"},
                timeout=30,
            )
            answer.raise_for_status()
            answer.json()
    return time.perf_counter() - started
