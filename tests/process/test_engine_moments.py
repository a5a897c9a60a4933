"""Moments of the engine, met on purpose in real transactions and processes: deaths before a commit, a deadlock,
a lane that is changed while its messages wait."""

import json

import pytest

from devtools import databases
from devtools.running import Running
from devtools.supervisor import Supervisor

SET_UP = r"""
import json, os, random, signal, sys, threading, time
from odoo import SUPERUSER_ID, api, sql_db
from odoo.addons.lead_to_cash_hub.connectors.parts import Outcome
from odoo.addons.lead_to_cash_hub.models.flow.cursors import short_cursor
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming

registry, database = env.registry, env.cr.dbname
system = env["hub.system"].search([("name", "=", "Moments")]) or env["hub.system"].create({
    "name": "Moments", "product": "hubspot", "base_url": "https://api.hubapi.com",
    "account_ref": "1", "environment": "sandbox"})
system.state = "connected"
system.stream_ids.poll = False
system.action_grant_write_back()
env["hub.stream"].with_context(active_test=False).search(
    [("system_id", "=", system.id), ("direction", "=", "out")]).active = False
env.cr.commit()
SYSTEM, LANE = system.id, 1


def rows(query, parameters=()):
    with short_cursor(env) as cr:
        cr.execute(query, parameters)
        return cr.fetchall()


def receive(*given):
    # given: (external id, version, name)
    incoming = [Incoming("customer", key, f"{key}:{number}:{name}".encode(), "snapshot", "change", None,
                         f"{number:06}", json.dumps({"id": key, "properties": {"name": name}}).encode())
                for key, number, name in given]
    with short_cursor(env) as cr:
        env["hub.receive"]._store(cr, SYSTEM, "1", incoming, lane=LANE)


def once(model, *arguments):
    # one slice, in a transaction of its own
    with registry.cursor() as cr:
        return api.Environment(cr, SUPERUSER_ID, {})[model]._slice(*arguments)


def partners(prefix):
    found = rows("SELECT external_id, res_id FROM hub_link WHERE system_id = %s AND external_id LIKE %s",
                 [SYSTEM, prefix + "%"])
    return dict(found)


def tell(**seen):
    print("RESULT" + json.dumps(seen))
"""

DEATHS = (
    SET_UP
    + r"""
calls, execute = [], sql_db.Cursor.execute


class Product:
    def deliver(self, entity, writes):
        calls.extend(write.key for write in writes)
        return [Outcome(write.key, True, write.external_id) for write in writes]


registry["hub.system"]._connector = lambda self: Product()
registry["hub.handler.customer"]._hub_compose = lambda self, records, system: {
    record.id: {"balance": record.name} for record in records}


def process(work):
    # What the work says (``tell``), and the signal that ended it. It has connections of its own, and what it began
    # is over in PostgreSQL too when this returns.
    sys.stdout.flush()
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            kept = registry._db, sql_db._Pool  # the parent's connections: neither used nor closed here
            sql_db._Pool = None
            registry._db = sql_db.db_connect(database)
            work(lambda value: os.write(write, f"{value}\n".encode()))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = [int(line) for line in pipe]
    _pid, status = os.waitpid(pid, 0)
    while rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", said[:1]):
        pass
    return said[1:], os.WTERMSIG(status)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def backend(cr):
    return cr._cnx.info.backend_pid


def rename(name, commit):
    # T1: a person's write, with its mark in the outbox, in one transaction
    def work(say):
        with registry.cursor() as cr:
            say(backend(cr))
            own = api.Environment(cr, SUPERUSER_ID, {})
            own["res.partner"].browse(PARTNER).name = name
            own.flush_all()
            cr.execute("SELECT count(*) FROM hub_outbox")
            say(cr.fetchone()[0])
            if commit:
                cr.commit()
            die()
    return process(work)


def lease(say):
    # T2: "sending" with key and attempt; it dies after the statement and before the commit
    def dying(cr, query, *args, **kwargs):
        result = execute(cr, query, *args, **kwargs)
        if "SET state = 'sending'" in getattr(query, "code", str(query)):
            say(backend(cr))
            say(cr.rowcount)
            die()
        return result

    sql_db.Cursor.execute = dying
    once("hub.deliver")


def state():
    found = rows("SELECT m.state, m.attempts, m.maybe_sent, m.attempt_token,"
                 " (SELECT count(*) FROM hub_attempt a WHERE a.message_id = m.id)"
                 " FROM hub_message m WHERE m.direction = 'out' ORDER BY m.id")
    name = rows("SELECT name FROM res_partner WHERE id = %s", [PARTNER])[0][0]
    return {"messages": found, "marks": rows("SELECT count(*) FROM hub_outbox")[0][0], "name": name,
            "calls": len(calls)}


def work_off():
    while once("hub.compose") or once("hub.deliver"):
        pass


receive(("d1", 1, "First"))
once("hub.apply", LANE, 100)
PARTNER = partners("d1")["d1"]
env["hub.stream"].with_context(active_test=False).search([
    ("system_id", "=", SYSTEM), ("entity_id.code", "=", "customer"), ("direction", "=", "out")]).active = True
env.cr.execute("DELETE FROM hub_outbox")
env.cr.commit()
seen = {}
seen["T1 died"] = rename("Never", commit=False)
work_off()
seen["after T1 died"] = state()
seen["T1 stood"] = rename("Second", commit=True)
seen["before the poll"] = state()
while once("hub.compose"):
    pass
seen["T2 died"] = process(lease)
seen["after T2 died"] = state()
work_off()
seen["at rest"] = state()
seen["keys"] = len(set(calls))
tell(**seen)
"""
)

DEADLOCK = (
    SET_UP
    + r"""
import psycopg2
KEYS = [f"k{number}" for number in range(6)]
receive(*((key, 1, f"{int(key[1:]) * 7919 % 99991:x} {key}") for key in KEYS))
once("hub.apply", LANE, 100)
ids = partners("k")
apply, faults = registry["hub.apply"], []
apply_rows = apply._apply_rows


def watched(self, *arguments, **options):
    try:
        return apply_rows(self, *arguments, **options)
    except psycopg2.Error as error:
        faults.append(error.pgcode)
        raise


apply._apply_rows = watched


def waits(pid):
    return rows("SELECT 1 FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND %s = ANY(pg_blocking_pids(pid))", [pid])


for turn in range(2, 12):
    receive(*((key, turn, f"{int(key[1:]) * 7919 % 99991:x} {key} r{turn}") for key in KEYS))
    with sql_db.db_connect(database).cursor() as rival:
        rival.execute("SELECT pg_backend_pid()")
        (pid,) = rival.fetchone()
        rival.execute("UPDATE res_partner SET ref = 'rival' WHERE id = %s", [max(ids.values())])
        worker = threading.Thread(target=once, args=["hub.apply", LANE, 100])
        worker.start()
        while worker.is_alive() and not waits(pid):
            pass
        try:
            # it holds the others and waits for ours; now we wait for it, and it looks for deadlocks first
            rival.execute("UPDATE res_partner SET ref = 'rival' WHERE id = ANY(%s)",
                          [sorted(ids.values())], log_exceptions=False)
            rival.commit()
        except psycopg2.Error:
            rival.rollback()
    worker.join()
    if "40P01" in faults:
        break
before = rows("SELECT DISTINCT state, attempts, coalesce(crashes, 0) FROM hub_message WHERE version = %s",
              [f"{turn:06}"])
with short_cursor(env) as cr:
    cr.execute("UPDATE hub_message SET next_attempt_at = next_attempt_at - interval '1 minute'")
once("hub.apply", LANE, 100)
env.cr.rollback()
tell(faults=faults, before=before,
     after=rows("SELECT state, attempts, coalesce(crashes, 0), count(*) FROM hub_message WHERE version = %s"
                " GROUP BY 1, 2, 3", [f"{turn:06}"]),
     names=rows("SELECT count(*) FROM res_partner WHERE id = ANY(%s) AND name LIKE %s",
                [sorted(ids.values()), f"% r{turn}"])[0][0],
     audits=rows("SELECT count(*), count(DISTINCT message_id) FROM hub_audit a JOIN hub_message m"
                 " ON m.id = a.message_id WHERE m.version = %s", [f"{turn:06}"])[0],
     exceptions=rows("SELECT count(*) FROM hub_exception")[0][0])
"""
)

LANES = (
    SET_UP
    + r"""
RECORDS, VERSIONS, WORKERS = 40, 12, 4
rng = random.Random(20260301)
apply, claim = registry["hub.apply"], registry["hub.claim"]
apply_rows, lock_parts = apply._apply_rows, claim._lock_parts
guard, busy, met = threading.Lock(), {}, {"twice": 0, "side by side": 0, "slices": 0, "faults": []}


def watched(self, cr, claimed, effects, *arguments, **options):
    # Nobody else may have one of these records in work meanwhile.
    keys, me = {row["order_key"] for row in claimed}, threading.get_ident()
    with guard:
        met["twice"] += any(keys & others for others in busy.values())
        met["side by side"] += bool(busy)
        met["slices"] += 1
        busy[me] = keys
    try:
        return apply_rows(self, cr, claimed, effects, *arguments, **options)
    finally:
        with guard:
            del busy[me]


apply._apply_rows = watched
over = threading.Event()


def work():
    while not over.is_set():
        try:
            once("hub.apply", LANE, 7)
        except Exception as error:
            met["faults"].append(repr(error))


threads = [threading.Thread(target=work) for _turn in range(WORKERS)]
for thread in threads:
    thread.start()
lane = env["hub.lane"].search([("number", "=", LANE)])
names = {key: f"{number * 7919 % 99991:x}" for number, key in enumerate(f"l{n}" for n in range(RECORDS))}
given = [(key, number, f"{name} r{number}") for number in range(VERSIONS) for key, name in names.items()]
changes = 0
while given:
    part, given = given[:15], given[15:]
    rng.shuffle(part)
    receive(*part)
    # an admin changes the form while messages wait and are in work
    lane.write({"workers": rng.choice([1, 2, 3, 4, 16]), "slice_size": rng.choice([1, 20, 1000])})
    env.cr.commit()
    changes += 1
OPEN = "SELECT 1 FROM hub_message WHERE state IN ('pending', 'waiting') AND system_id = %s LIMIT 1"
end = time.monotonic() + 240
while rows(OPEN, [SYSTEM]) and time.monotonic() < end:
    pass
over.set()
for thread in threads:
    thread.join()
written = {}
for res_id, name in rows(
        "SELECT a.res_id, v.body -> 'name' ->> 1 FROM hub_audit a JOIN hub_audit_value v ON v.audit_id = a.id"
        " JOIN hub_link l ON l.res_model = a.res_model AND l.res_id = a.res_id AND l.external_id LIKE 'l%%'"
        " WHERE a.action = 'apply' AND v.body ? 'name' ORDER BY a.id"):
    written.setdefault(res_id, []).append(int(name.rpartition(" r")[2]))
last = rows("SELECT count(*) FROM res_partner WHERE id = ANY(%s) AND name LIKE %s",
            [sorted(partners("l").values()), f"% r{VERSIONS - 1}"])[0][0]
tell(**met, changes=changes, last=last, records=RECORDS,
     left=rows("SELECT state, reason, count(*) FROM hub_message WHERE external_id LIKE 'l%%'"
               " AND state NOT IN ('done', 'skipped') GROUP BY 1, 2"),
     disorder=[seen for seen in written.values() if seen != sorted(set(seen))])
"""
)


@pytest.fixture(scope="module")
def running(hub_env):
    """A database without a server: only the scripts work in it."""
    with databases.lent(hub_env, "process") as name:
        odoo = Supervisor(hub_env, name)
        yield Running(odoo)
        odoo.stop()


def seen(running, script):
    return json.loads(running.shell(script).split("RESULT", 1)[1].splitlines()[0])


def test_a_death_before_the_business_write_or_the_mark_is_committed_leaves_nothing(running):
    told = seen(running, DEATHS)
    assert told["T1 died"] == [[1], 9], "it had written, and marked its record"
    nothing = {"messages": [], "marks": 0, "name": "First", "calls": 0}
    assert told["after T1 died"] == nothing
    # The same, committed: nobody was woken, and the next poll finds it.
    assert told["T1 stood"] == [[1], 9]
    assert told["before the poll"] == nothing | {"marks": 1, "name": "Second"}
    assert told["T2 died"] == [[1], 9], "one message was marked as sending"
    assert told["after T2 died"]["messages"] == [["pending", 0, None, None, 0]]
    assert told["after T2 died"]["calls"] == 0
    assert told["at rest"]["messages"][0][:2] == ["done", 1]
    assert (told["at rest"]["calls"], told["keys"]) == (1, 1), "sent once"


def test_a_deadlock_brings_the_whole_batch_again(running):
    told = seen(running, DEADLOCK)
    assert told["faults"][-1] == "40P01", told
    assert told["before"] == [["pending", 0, 0]], "of no message any try is counted"
    assert told["after"] == [["done", 1, 0, 6]]
    assert told["names"] == 6
    assert told["audits"] == [6, 6]
    assert told["exceptions"] == 0


def test_a_lane_is_changed_while_its_messages_wait_and_are_in_work(running):
    told = seen(running, LANES)
    assert told["faults"] == []
    assert told["changes"] == 32
    assert told["side by side"] > 0, "workers did work at once"
    assert told["twice"] == 0, "no record was in work twice at once"
    assert told["disorder"] == [], "each record's versions in their order, each once"
    assert (told["last"], told["left"]) == (told["records"], [])
