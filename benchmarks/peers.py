"""Lines: the same companies through the hub and through OCA's connector, with as many workers.

Both are measured from the first payload that is given to them to the last that is applied, by real workers.
A job takes its time whatever their number is, so the peer gets the first tenth of the payloads.
"""

import contextlib
import time

from . import oca
from .frame import Line
from .size import wait_until_done

CHANGED = 10  # each so many-th comes back with other values


class HubWithWorkers:
    """The hub with two real drainers, and companies for it."""

    def __init__(self, running, worker):
        self.running = running
        self.worker = worker
        self.system = worker.call("customers:connect")
        worker.call("hub:pause", paused=False)

    def rate(self, first, count, version, edition=0, changed=1):
        """Payloads a second, from the first that is received to the last that is applied."""
        started = time.perf_counter()
        self.worker.call(
            "customers:store",
            system=self.system,
            first=first,
            count=count,
            version=version,
            edition=edition,
            changed=changed,
        )
        self.worker.call("hub:wake")
        wait_until_done(self.running, self.system, first, count)
        return count / (time.perf_counter() - started)


@contextlib.contextmanager
def both(bench):
    """The hub and the peer, each with its workers warmed up."""
    with (
        bench.server(max_cron_threads=oca.JOBS) as running,
        bench.another(running.database) as worker,
        oca.running(bench.session) as peer,
    ):
        hub = HubWithWorkers(running, worker)
        hub.rate(90_000_000, 300, 1)
        peer.rate(list(range(90_000_000, 90_000_020)))
        yield hub, peer


def bench_create(bench):
    """New customers."""
    n, theirs = bench.size((5000, 500), (200, 20))
    with both(bench) as (hub, peer):
        return bench.alternate(
            lambda number: hub.rate(1_000_000 * (number + 1), n, 1),
            lambda number: peer.rate(
                list(range(1_000_000 * (number + 1), 1_000_000 * (number + 1) + theirs))
            ),
            unit="customers/s",
            n=n,
        )


def bench_resync(bench):
    """All customers come again; each tenth has changed."""
    n, theirs = bench.size((5000, 500), (200, 20))
    first = 1_000_000
    with both(bench) as (hub, peer):
        hub.rate(first, n, 1)
        peer.rate(list(range(first, first + theirs)))
        return bench.alternate(
            lambda number: hub.rate(first, n, number + 2, edition=number + 1, changed=CHANGED),
            lambda number: peer.rate(
                list(range(first, first + theirs)), changed=CHANGED, edition=number + 1
            ),
            unit="customers/s",
            n=n,
        )


LINES = {
    "peer_create": Line(bench_create, "new customers, beside OCA's connector and queue_job", 10),
    "peer_resync": Line(bench_resync, "all again, a tenth changed, beside the same", 50),
}
