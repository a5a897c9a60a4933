"""Real cron workers while all lanes are full, and after that: asleep, or dead."""

import re
import statistics
import threading
import time

import pytest
import requests

from benchmarks.latency import FILL
from benchmarks.sending import ACCOUNT, SECRET, Sender, events
from devtools.running import odoo_on_clone
from sandbox.hubspot import HubSpotSandbox

pytestmark = pytest.mark.alone

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
slow = system("A slow portal", "3", SLOWLY)
env.cr.commit()
print("RESULT", live.id, full.id, slow.id, live.webhook_url)
"""

NOTICES = """
from odoo.addons.lead_to_cash_hub.models.flow.receive import Incoming
env["hub.receive"]._store(env.cr, SYSTEM, "3", [
    Incoming("customer", str(n), b"slow:%d" % n, "notice", "change", None, None, b"{}")
    for n in range(1, COUNT + 1)], lane=0)
env.cr.commit()
env["hub.engine"]._wake()
"""


class Slow(HubSpotSandbox):
    """A portal that takes long for each answer, and looks meanwhile what Odoo leaves open."""

    seconds, running = 5.0, None

    def __init__(self):
        super().__init__()
        self.left_open, self.ends = [], threading.Event()

    def _serve(self, request):
        self.ends.wait(self.seconds)
        # The cron's own row is locked by Odoo as long as its job lasts.
        self.left_open += self.running.sql(
            """SELECT query FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%%'
                  AND state_change < clock_timestamp() - interval '1 second'
                  AND query NOT LIKE '%%ir_cron%%'"""
        )
        return super()._serve(request)


def until(check, seconds, what):
    """Wait for something; fail if it does not come within so many seconds."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, f"after {seconds} s: {what}"
        time.sleep(0.1)
    return found


class Hub:
    """A running Odoo with two cron workers, a HubSpot account, and a system that fills lanes."""

    def __init__(self, running, product, sandbox, slow_url, slow):
        self.running, self.sandbox, self.slow = running, sandbox, slow
        slow.running = running
        script = SET_UP
        names = {"URL": running.url, "TOKEN": sandbox.settings["token"], "ADDRESS": product.url}
        names["SLOWLY"] = slow_url
        for name, value in names.items():
            script = script.replace(name, repr(value))
        live, full, slow_id, url = running.shell(script).split("RESULT", 1)[1].split()
        self.live, self.full, self.slow_id = int(live), int(full), int(slow_id)
        self.webhook_url = url
        self.sender, self.numbers = Sender(url), iter(range(5_000_000, 6_000_000))

    def fill(self, *lanes):
        fill = FILL.replace("SYSTEM", str(self.full)).replace("COUNT", str(BACKLOG))
        self.running.shell(fill.replace("LANES", repr(list(lanes))))

    def notices_of_the_slow_one(self, count):
        script = NOTICES.replace("SYSTEM", str(self.slow_id)).replace("COUNT", str(count))
        self.running.shell(script)

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
    sandbox, slow = HubSpotSandbox(), Slow()
    with (
        sandbox.start() as product,
        slow.start() as slowly,
        odoo_on_clone(
            hub_env,
            "process",
            workers=2,
            max_cron_threads=2,
            hub_local_hosts=f"{product.host},{slowly.host}",
        ) as running,
    ):
        yield Hub(running, product, sandbox, slowly.url, slow)
        slow.ends.set()


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


def test_after_an_idle_minute_a_webhook_is_applied_within_a_second(hub):
    hub.running.sql("UPDATE hub_message SET state = 'skipped' WHERE state = 'pending'")
    until(lambda: not hub.awake(), 30, "a drainer is still awake")
    threading.Event().wait(60)  # the minute is what is tried
    until(lambda: not hub.awake(), 30, "a drainer is still awake")
    assert hub.applied_after_a_webhook() <= 1.0


def test_who_was_killed_is_woken_by_the_next_webhook(hub):
    hub.running.sql("UPDATE hub_message SET state = 'skipped' WHERE state = 'pending'")
    until(lambda: not hub.awake(), 30, "a drainer is still awake")
    before = set(hub.running.odoo.workers("cron"))
    for worker in before:
        hub.running.odoo.kill_worker("cron", pick=lambda _workers, worker=worker: worker)
    until(
        lambda: len(set(hub.running.odoo.workers("cron")) - before) == 2, 30, "workers are missing"
    )
    until(lambda: hub.listening() == 2, 30, "the new workers do not listen yet")
    assert hub.applied_after_a_webhook() < NEVER


def test_a_slow_product_holds_up_no_webhook_of_another(hub):
    hub.applied_after_a_webhook()
    hub.notices_of_the_slow_one(1000)
    until(lambda: hub.slow.journal, 30, "the slow product is not called")
    sent, end = [], time.monotonic() + FULL_FOR
    while time.monotonic() < end:
        sent.append(hub.send())
        time.sleep(1)
    seconds = [until(lambda n=n: hub.seconds(n), NEVER, f"{n} is not applied") for n in sent]
    assert statistics.median(seconds) <= 1.0, seconds
    assert max(seconds) < hub.slow.seconds / 2, seconds
    assert len(hub.slow.journal) > FULL_FOR / hub.slow.seconds / 2, "it was called all the time"
    assert not hub.slow.left_open, "no transaction is open over a call"


def test_a_webhook_wakes_who_is_not_inside_a_call(hub):
    hub.slow.seconds = 12.0
    hub.notices_of_the_slow_one(1000)
    calls = len(hub.slow.journal)
    until(lambda: len(hub.slow.journal) > calls + 1 and not hub.awake(), 60, "a drainer is awake")
    assert hub.applied_after_a_webhook() < hub.slow.seconds / 2


def test_no_secret_of_an_address_is_in_the_log(hub):
    assert hub.sender.post(hub.sender.request(events(1, first=next(hub.numbers)))) == 200
    # Signed out, so the way back from a consent leads over the page of sign-in.
    page = requests.get(
        f"{hub.running.url}/hub/oauth/return",
        params={"state": "abc", "code": "SECRETCODE"},
        timeout=30,
    )
    assert page.status_code == 200 and "/web/login" in page.url and "SECRETCODE" in page.url
    log = until(lambda: hub.log() if "/web/login" in hub.log() else "", 10, "nothing is logged")
    assert "POST /hub/webhook/" in log and "GET /hub/oauth/return" in log, "the lines are there"
    assert hub.webhook_url.rsplit("/", 1)[1] not in log
    assert "SECRETCODE" not in log
