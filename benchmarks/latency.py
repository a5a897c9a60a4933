"""Line: from a webhook to the changed customer, in real Odoo workers that have other work besides."""

import statistics
import threading
import time

from devtools import paths
from sandbox.hubspot import HubSpotSandbox

from .frame import Figure, Line
from .payloads import company
from .sending import ACCOUNT, SECRET, Sender, events

EVERY = 0.1  # seconds between two events
LOOK = 0.02  # seconds between two looks at what is done: so much the figures may be too high
FIRST = 7_000_000

SET_UP = f"""
env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", URL)
def system(name, account, address):
    record = env["hub.system"].create({{
        "name": name, "product": "hubspot", "base_url": address, "account_ref": account,
        "environment": "sandbox"}})
    env["hub.credential"].create([
        {{"system_id": record.id, "name": "access_token", "secret": TOKEN}},
        {{"system_id": record.id, "name": "client_secret", "secret": "{SECRET}"}}])
    record.state = "connected"
    record.stream_ids.poll = False
    return record
live = system("HubSpot", "{ACCOUNT}", ADDRESS)
# What HubSpot allows a private app of its larger plans.
live.limit_ids.filtered(lambda limit: limit.bucket == "default").calls = 190
full = system("Another portal", "2", "https://api.hubapi.com")
batch = env.ref("lead_to_cash_hub.lane_batch")
other = batch.copy({{"name": "Batch, the other one", "number": 7, "priority": 40}})
env.cr.commit()
print("RESULT", live.id, full.id, batch.number, other.number, live.webhook_url)
"""

FILL = f"""
import sys
sys.path.insert(0, {str(paths.ROOT)!r})
from benchmarks.inside.customers import store
for place, lane in enumerate(LANES):
    store(env, SYSTEM, 1_000_000 * (place + 1), COUNT, 1, lane=lane)
env.cr.commit()
"""


class Watch(threading.Thread):
    """Looks which of the expected changes can be seen, and notes when."""

    def __init__(self, running, system, after):
        super().__init__(daemon=True)
        self.seen, self.problem, self.enough = {}, None, threading.Event()
        self._running, self._system, self._after = running, system, after

    def run(self):
        connection = self._running.connect()
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self.enough.is_set():
                cursor.execute(
                    """SELECT external_id, state FROM hub_message
                        WHERE system_id = %s AND id > %s AND state NOT IN ('received', 'pending', 'waiting')""",
                    [self._system, self._after],
                )
                now = time.monotonic()
                for external_id, state in cursor.fetchall():
                    if state != "done":
                        self.problem = f"company {external_id} is {state}"
                    self.seen.setdefault(int(external_id), now)
                self.enough.wait(LOOK)
        connection.close()


def bench_latency(bench):
    """Ten changes a second; the time within which 95 of 100 could be seen."""
    seconds = bench.size(60, 5)
    count = round(seconds / EVERY)
    sandbox = HubSpotSandbox()
    with (
        sandbox.start() as product,
        bench.server(workers=2, max_cron_threads=2, hub_local_hosts=product.host) as running,
    ):
        names = {"URL": running.url, "TOKEN": sandbox.settings["token"], "ADDRESS": product.url}
        script = SET_UP
        for name, value in names.items():
            script = script.replace(name, repr(value))
        printed = running.shell(script)
        live, full, *lanes, url = printed.split("RESULT", 1)[1].split()
        sender = Sender(url)
        numbers = range(FIRST, FIRST + count)
        for number in numbers:
            sandbox.store.create("companies", company(number)["properties"], id=number, quiet=True)
        _make_known(running, sender, int(live), numbers)
        backlog = bench.size(80_000, 200)
        fill = FILL.replace("SYSTEM", full).replace("COUNT", str(backlog))
        running.shell(fill.replace("LANES", f"[{', '.join(lanes)}]"))
        last = running.sql("SELECT max(id) FROM hub_message")[0][0]
        watch = Watch(running, int(live), last)
        watch.start()
        sent = _send(sandbox, sender, numbers)
        _until(lambda: len(watch.seen) == count or watch.problem, 60)
        watch.enough.set()
        watch.join()
        if watch.problem or len(watch.seen) != count:
            raise RuntimeError(watch.problem or f"{len(watch.seen)} of {count} were applied")
        left = running.sql(
            "SELECT lane, count(*) FROM hub_message WHERE state = 'pending' AND system_id = %s GROUP BY 1",
            [int(full)],
        )
        _proof(running, int(live), numbers)
        empty = {int(lane) for lane in lanes} - {lane for lane, count in left}
        if empty and not bench.quick:
            raise RuntimeError(
                f"lanes {sorted(empty)} ran out of work: give them more than {backlog:,}"
            )
    delays = sorted(watch.seen[number] - sent[number] for number in numbers)
    p95 = delays[int(0.95 * (count - 1))]
    bench.note(
        f"median {statistics.median(delays):.2f} s, 95 of 100 within {p95:.2f} s, slowest {delays[-1]:.2f} s;"
        f" left in the batch lanes: {', '.join(f'{lane}: {n:,}' for lane, n in left) or 'nothing'}"
    )
    return Figure(p95, 1.0, "s", count)


def _make_known(running, sender, system, numbers):
    """The companies arrive a first time."""
    for start in range(0, len(numbers), 100):
        part = numbers[start : start + 100]
        if sender.post(sender.request(events(len(part), first=part[0]))) != 200:
            raise RuntimeError("the door refused the first delivery")
    query = "SELECT count(*) FROM hub_link WHERE system_id = %s"
    _until(lambda: running.sql(query, [system])[0][0] >= len(numbers), 180)


def _send(sandbox, sender, numbers):
    """Change one company after the other and say so; when each was sent."""
    sent, began = {}, time.monotonic()
    for index, number in enumerate(numbers):
        time.sleep(max(0.0, began + index * EVERY - time.monotonic()))
        changed = company(number, edition=1)["properties"]
        with sandbox.lock:
            sandbox.store.update("companies", str(number), {"phone": changed["phone"]})
        request = sender.request(events(1, first=number))
        sent[number] = time.monotonic()
        if sender.post(request) != 200:
            raise RuntimeError("the door refused a delivery")
    return sent


def _proof(running, system, numbers):
    """Each customer has its new phone number."""
    found = dict(
        running.sql(
            """SELECT l.external_id::int, regexp_replace(p.phone, '[^0-9]', '', 'g')
                 FROM hub_link l JOIN res_partner p ON p.id = l.res_id WHERE l.system_id = %s""",
            [system],
        )
    )
    wanted = {n: company(n, edition=1)["properties"]["phone"].lstrip("+") for n in numbers}
    wrong = [number for number in numbers if found.get(number) != wanted[number]]
    if wrong:
        raise RuntimeError(f"{len(wrong)} customers do not have their new number, as {wrong[:3]}")


def _until(check, seconds):
    """Wait until ``check`` says something true, at most so long."""
    until = time.monotonic() + seconds
    while not check() and time.monotonic() < until:
        time.sleep(0.1)


LINES = {
    "latency_p95": Line(
        bench_latency, "webhook to changed customer beside two full batch lanes", 1.0, at_most=True
    )
}
