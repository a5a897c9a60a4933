"""Real cron workers while all lanes are full, and after that: asleep, or dead."""

import re
import statistics
import time

import pytest

from benchmarks.latency import FILL
from benchmarks.sending import ACCOUNT, SECRET, Sender, events
from devtools.running import odoo_on_clone
from sandbox.hubspot import HubSpotSandbox

FULL_FOR = 30  # seconds; drainers that would not come back would work on and on
BACKLOG = 30_000  # messages in each of two lanes, more than can be applied meanwhile
NEVER = 10  # seconds; a real-time message that had to wait for a worker's poll would wait for 60

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
full = system("Another portal", "2", "https://api.hubapi.com")
env.cr.commit()
print("RESULT", live.id, full.id, live.webhook_url)
"""


def until(check, seconds, what):
    """Wait for something; fail if it does not come within so many seconds."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"after {seconds} s: {what}"
        time.sleep(0.1)
    return found


class Hub:
    """A running Odoo with two cron workers, a HubSpot account, and a system that fills lanes."""

    def __init__(self, running, product, sandbox):
        self.running, self.sandbox = running, sandbox
        script = SET_UP
        names = {"URL": running.url, "TOKEN": sandbox.settings["token"], "ADDRESS": product.url}
        for name, value in names.items():
            script = script.replace(name, repr(value))
        live, full, url = running.shell(script).split("RESULT", 1)[1].split()
        self.live, self.full = int(live), int(full)
        self.sender, self.numbers = Sender(url), iter(range(5_000_000, 6_000_000))

    def fill(self, *lanes):
        fill = FILL.replace("SYSTEM", str(self.full)).replace("COUNT", str(BACKLOG))
        self.running.shell(fill.replace("LANES", repr(list(lanes))))

    def count(self, query, *parameters):
        return self.running.sql(query, parameters)[0][0]

    def send(self):
        """A webhook about a new company; its id."""
        number = next(self.numbers)
        name = f"{number * 7919 % 99991:x}{number:x}"
        self.sandbox.store.create("companies", {"name": name}, id=number, quiet=True)
        assert self.sender.post(self.sender.request(events(1, first=number))) == 200
        return number

    def seconds(self, number):
        """From the webhook to the customer, by PostgreSQL's clock; None if it is not there yet."""
        rows = self.running.sql(
            """SELECT extract(epoch FROM done_at - received_at)::float FROM hub_message
                WHERE system_id = %s AND external_id = %s AND state = 'done'""",
            [self.live, str(number)],
        )
        return rows[0][0] if rows else None

    def log(self):
        """What Odoo logged so far."""
        return self.running.odoo.log.read_text(errors="replace")

    def applied_after_a_webhook(self):
        """Send one, and wait until it is applied; the seconds it took."""
        number = self.send()
        return until(lambda: self.seconds(number), NEVER, "nobody was woken")

    def waits(self):
        return self.count(
            "SELECT count(*) FROM hub_message WHERE system_id = %s AND state = 'pending'", self.full
        )

    def awake(self):
        return self.count(
            "SELECT count(*) FROM hub_drainer WHERE alive_until > clock_timestamp() AT TIME ZONE 'UTC'"
        )

    def listening(self):
        """How many cron workers would hear a wake-up: each has told PostgreSQL so, and committed."""
        names = [f"odoo-{pid}" for pid in self.running.odoo.workers("cron")]
        return self.count(
            """SELECT count(*) FROM pg_stat_activity
                WHERE application_name = ANY(%s) AND datname = 'postgres' AND query ILIKE 'commit%%'""",
            names,
        )


@pytest.fixture(scope="module")
def hub(hub_env):
    sandbox = HubSpotSandbox()
    with (
        sandbox.start() as product,
        odoo_on_clone(
            hub_env,
            "process",
            workers=2,
            max_cron_threads=2,
            hub_local_hosts=product.host,
        ) as running,
    ):
        yield Hub(running, product, sandbox)


def test_full_lanes_hold_up_no_webhook_and_get_no_worker_killed(hub):
    workers, begin = set(hub.running.odoo.workers("cron")), len(hub.log())
    hub.fill(1, 2)
    sent, end = [], time.monotonic() + FULL_FOR
    while time.monotonic() < end:
        sent.append(hub.send())
        time.sleep(1)
    assert hub.waits(), "the lanes were full all the time"
    seconds = [until(lambda n=n: hub.seconds(n), NEVER, f"{n} is not applied") for n in sent]
    assert statistics.median(seconds) <= 1.0, seconds
    assert max(seconds) < NEVER, seconds
    log = hub.log()[begin:]
    runs = [float(took) for took in re.findall(r"drainer \d' .*duration ([\d.]+)s", log)]
    assert len(runs) >= 2 and max(runs) < 20, (
        f"a run ends by itself, far below Odoo's limits: {runs}"
    )
    assert "time limit" not in log and "timeout after" not in log, "no watchdog killed a worker"
    assert set(hub.running.odoo.workers("cron")) == workers


def test_who_sleeps_or_was_killed_is_woken_by_the_next_webhook(hub):
    # As if a minute had passed: nothing is left to do, and nobody is awake.
    hub.running.sql("UPDATE hub_message SET state = 'skipped' WHERE state = 'pending'")
    until(lambda: not hub.awake(), 30, "a drainer is still awake")
    assert hub.applied_after_a_webhook() < NEVER
    until(lambda: not hub.awake(), 30, "a drainer is still awake")
    before = set(hub.running.odoo.workers("cron"))
    for _worker in before:
        hub.running.odoo.kill_worker("cron")
    until(
        lambda: len(set(hub.running.odoo.workers("cron")) - before) == 2, 30, "workers are missing"
    )
    until(lambda: hub.listening() == 2, 30, "the new workers do not listen yet")
    assert hub.applied_after_a_webhook() < NEVER
