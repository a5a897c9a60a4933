"""Lines: webhooks through the door, beside routes of the same server that do less."""

import contextlib
import statistics

from devtools import paths

from .frame import Line
from .sending import ACCOUNT, SECRET, Sender, events

SET_UP = f"""
env["ir.module.module"].update_list()
env["ir.module.module"].search([("name", "=", "hub_bench")]).button_immediate_install()
env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", URL)
system = env["hub.system"].create({{
    "name": "HubSpot", "product": "hubspot", "base_url": "https://api.hubapi.com",
    "account_ref": "{ACCOUNT}", "environment": "sandbox"}})
env["hub.credential"].create(
    {{"system_id": system.id, "name": "client_secret", "secret": "{SECRET}"}})
# As under any load: a drainer is awake. It works elsewhere; here only the doors are measured.
env["ir.config_parameter"].set_param("lead_to_cash_hub.paused", "1")
env["hub.engine"]._sign("bench", 86400)
env.cr.commit()
print("RESULT", system.webhook_url)
"""

# werkzeug waits up to 10 ms for more of a body before it closes a connection. With fewer workers than
# these the processors would idle meanwhile, and every route would look alike.
WORKERS = 8


class Doors:
    """A prefork Odoo whose drainers rest, with a door and two routes to compare it with.

    :param running: :class:`devtools.running.Running`
    """

    def __init__(self, running):
        self.running = running
        printed = running.shell(SET_UP.replace("URL", repr(running.url)))
        self.door = Sender(printed.split("RESULT", 1)[1].strip())
        self.raw = Sender(f"{running.url}/hub_bench/raw")
        self.empty = Sender(f"{running.url}/hub_bench/empty")
        for sender in (self.door, self.raw, self.empty):
            self.measure(sender, 100)

    def measure(self, sender, count, size=1):
        """Requests a second, of ``size`` events each, all of them new."""
        requests = [sender.request(events(size)) for _number in range(count)]
        before = self._stored()
        rate = sender.rate(requests, threads=2 * WORKERS)
        stored = self._stored() - before
        if sender is self.door and stored != count * size:
            raise RuntimeError(f"{count * size} were sent, {stored} are stored")
        return rate

    def _stored(self):
        return self.running.sql("SELECT count(*) FROM hub_message")[0][0]


@contextlib.contextmanager
def doors(bench):
    """Doors on a server of their own."""
    addons = ",".join(
        [*bench.session.odoo.addons_path, str(paths.ADDONS), str(paths.ROOT / "benchmarks/addons")]
    )
    with bench.server(workers=WORKERS, max_cron_threads=1, addons_path=addons) as running:
        yield Doors(running)


def bench_ingest(bench):
    """Signed webhooks, stored and answered, beside one raw INSERT; the empty route is told too."""
    n = bench.size(1500, 60)
    nothing = []
    with doors(bench) as server:

        def reference(number):
            nothing.append(server.measure(server.empty, n))
            return server.measure(server.raw, n)

        figure = bench.alternate(
            lambda number: server.measure(server.door, n), reference, unit="requests/s", n=n
        )
    empty = statistics.median(nothing)
    bench.note(
        f"an empty route: {empty:,.1f} requests/s; ingest is {figure.value / empty:.2f} of it"
    )
    return figure


def bench_events(bench):
    """Events that come a hundred a request, beside requests with one."""
    n = bench.size(10_000, 400)
    with doors(bench) as server:
        return bench.alternate(
            lambda number: 100 * server.measure(server.door, n // 100, size=100),
            lambda number: server.measure(server.door, n // 10),
            unit="events/s",
            n=n,
        )


LINES = {
    "ingest": Line(bench_ingest, "webhooks stored and answered, beside one raw INSERT", 0.85),
    "ingest_events": Line(bench_events, "events a hundred a request, beside one a request", 20),
}
