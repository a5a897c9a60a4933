"""Races of the engine, forced: each round meets at the one moment at which something could be lost.

First: a contact looks for its company and finds nothing; the company arrives, commits and wakes; only
then the contact is parked. Second: a door commits a message while a drainer signs off, and trusts it.
Third: a drainer has read a record to send it, the record changes, and the other drainer composes it.
"""

import json

SCRIPT = r"""
import json, threading
from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.models.flow import engine
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming
from odoo.addons.lead_to_cash_hub.models.flow.rests import Busy

SYSTEM, COUNT = PARAMS
registry = env.registry
env["ir.config_parameter"].set_param("lead_to_cash_hub.paused", "0")
env.cr.commit()
looked, arrived = threading.Event(), threading.Event()
apply, record = registry["hub.apply"], registry["hub.apply"]._record


def incoming(entity, key, payload):
    body = json.dumps({"id": key, **payload}).encode()
    return Incoming(entity, key, f"race:{entity}:{key}".encode(), "snapshot", "change", None, "1", body)


def company(number):
    name = f"{number * 7919 % 99991:x}{number:x}"
    values = {"name": name, "domain": f"race{number}.example"}
    return incoming("customer", f"race{number}", {"properties": values})


def contact(number):
    values = {"firstname": "Pat", "lastname": str(number), "email": f"race{number}@x.example"}
    payload = {"properties": values, "companies": [f"race{number}"]}
    return incoming("contact", f"race{number}", payload)


def store(one, lane):
    with short_cursor(env) as cr:
        env["hub.receive"]._store(cr, SYSTEM, "race", [one], lane=lane)


def run(lane):
    with registry.cursor() as cr:
        api.Environment(cr, SUPERUSER_ID, {})["hub.apply"]._slice(lane, 100)


def meet(self, cr, own, batch, effects):
    if batch.entity.code == "contact" and not arrived.is_set():
        looked.set()  # it has looked for its company, and found nothing
        arrived.wait(30)
    return record(self, cr, own, batch, effects)


def rows(query, parameters=()):
    with short_cursor(env) as cr:
        cr.execute(query, parameters)
        return cr.fetchall()


def state(key):
    return rows("SELECT m.state FROM hub_message m JOIN hub_entity e ON e.id = m.entity_id"
                " WHERE m.external_id = %s ORDER BY e.code = 'contact' DESC, m.id LIMIT 1", [key])[0][0]


# 1: park, commit, look again
parked = lost = 0
apply._record = meet
for number in range(COUNT):
    looked.clear(); arrived.clear()
    store(contact(number), 0)
    thread = threading.Thread(target=run, args=[0])
    thread.start()
    parked += looked.wait(30)
    store(company(number), 1)
    run(1)  # commits, and wakes those who wait
    arrived.set()
    thread.join()
    if state(f"race{number}") == "waiting":
        lost += 1
    run(0)
    run(0)
apply._record = record

# 2: look, sign off, look again
cls, sign = registry["hub.engine"], registry["hub.engine"]._sign
drainer = env.ref(engine.DRAINERS[0]).id
engine.LINGER, trusted, unwoken, due = 0.0, 0, 0, []


def door():
    # Commits its message, then looks whether somebody is awake.
    store(company(COUNT + due.pop()), 0)
    with registry.cursor() as cr:
        api.Environment(cr, SUPERUSER_ID, {})["hub.engine"]._wake()


def signing_off(self, name, seconds):
    if not seconds and due and due[0] % 2:
        door()  # just before
    result = sign(self, name, seconds)
    if not seconds and due:
        door()  # just after
    return result


with registry.cursor() as cr:  # to a product that was never called a drainer signs off before it calls
    api.Environment(cr, SUPERUSER_ID, {"cron_id": drainer})["hub.engine"]._drain()
cls._sign = signing_off
# Its chores look at all that is open in the copy, and have no part in this race.
chores, cls._chores = cls._chores, lambda self: None
drainers = [env.ref(name).id for name in engine.DRAINERS]
for number in range(COUNT):
    due.append(number)
    with short_cursor(env) as cr:
        cr.execute("DELETE FROM ir_cron_trigger WHERE cron_id = ANY(%s)", [drainers])
    engine._last_wake.clear()
    with registry.cursor() as cr:
        api.Environment(cr, SUPERUSER_ID, {"cron_id": drainer})["hub.engine"]._drain()
    waits = state(f"race{COUNT + number}") == "pending"
    trusted += waits
    woken = rows("SELECT count(*) FROM ir_cron_trigger WHERE cron_id = ANY(%s)", [drainers])[0][0]
    unwoken += waits and not woken
    run(0)
cls._sign, cls._chores = sign, chores

# 3: read, change, compose by another, store
env.cr.rollback()  # what was read before is old
compose, customer, stale, composed = registry["hub.compose"], registry["hub.handler.customer"], 0, 0
store_messages, read, changed = compose._store, threading.Event(), threading.Event()
stream = env["hub.stream"].with_context(active_test=False).search(
    [("system_id", "=", SYSTEM), ("entity_id.code", "=", "customer"), ("direction", "=", "out")])
stream.write({"active": True, "create_missing": True})
partner = env["res.partner"].create({"name": "Race", "is_company": True})
env.flush_all()
env.cr.execute("DELETE FROM hub_outbox")
env.cr.commit()
customer._hub_compose = lambda self, records, system: {r.id: {"balance": r.ref} for r in records}


def storing(self, own, stream, rows):
    if not read.is_set():
        read.set()  # it has read the record as it was
        changed.wait(30)
    return store_messages(self, own, stream, rows)


def compose_now():
    with registry.cursor() as cr:
        try:
            return api.Environment(cr, SUPERUSER_ID, {})["hub.compose"]._slice()
        except Busy:
            return 0


def save(value):
    partner.ref = value
    env["hub.compose"]._mark_all("res.partner", partner.ids)
    env.cr.commit()


compose._store = storing
for number in range(COUNT):
    read.clear(); changed.clear()
    save(f"{number}.1")
    thread = threading.Thread(target=compose_now)
    thread.start()
    met = read.wait(30)
    save(f"{number}.2")
    compose_now()
    changed.set()
    thread.join()
    while compose_now():
        pass
    last = rows("SELECT convert_from(q.body, 'UTF8') FROM hub_message m JOIN hub_payload q ON q.id = m.payload_id"
                " WHERE m.direction = 'out' AND m.res_model = 'res.partner' AND m.res_id = %s"
                " AND m.state = 'pending' ORDER BY m.id", [partner.id])
    composed += met
    stale += [f'{number}.2' in body for body, in last] != [True]
    env.cr.execute("UPDATE hub_message SET state = 'skipped' WHERE direction = 'out' AND res_id = %s"
                   " AND res_model = 'res.partner'", [partner.id])
    env.cr.commit()
compose._store = store_messages
del customer._hub_compose
stream.active = False
env.cr.commit()
print("RESULT" + json.dumps({"parked": parked, "lost": lost, "trusted": trusted, "unwoken": unwoken,
                            "composed": composed, "stale": stale}))
"""


def run(running, system, count, timeout=1800):
    """Force each race so many times. No drainer may work in the database meanwhile.

    :param running: :class:`devtools.running.Running`; :param system: id of a HubSpot system
    :return: `parked`, `trusted` and `composed`, how often the moment was met; `lost`, `unwoken` and
        `stale`, what must be 0
    """
    script = SCRIPT.replace("PARAMS", repr((system, count)))
    printed = running.shell(script, timeout=timeout)
    return json.loads(printed.split("RESULT", 1)[1].splitlines()[0])
