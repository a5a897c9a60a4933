"""Lines: deliveries to a server that answers in 20 ms, beside the same calls with plain ``requests``.

Ours are sent by two drainers, as the addon ships them, with limits that are never reached; the reference
is one session, one call after the other.
"""

import contextlib
import itertools
import subprocess
import threading
import time
import urllib.error
import urllib.request

from devtools import paths
from devtools.processes import leashed
from devtools.session import free_port

from .frame import Line


@contextlib.contextmanager
def answering():
    """The local server; its address."""
    port = free_port()
    process = subprocess.Popen(
        leashed([paths.PYTHON, "-m", "benchmarks.answering", str(port)]), cwd=paths.ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url, seconds=20):
    until = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.URLError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _measure(bench, product, n):
    with (
        answering() as url,
        bench.worker(hub_local_hosts=url.removeprefix("http://")) as first,
        bench.another(first.database, hub_local_hosts=url.removeprefix("http://")) as second,
    ):
        system = first.call("outbound:connect", product=product, url=url)
        start = itertools.count(1_000_000, 1_000_000)

        def ours(number):
            span = {"first": next(start), "count": n}
            first.call("outbound:prepare", system=system, product=product, **span)
            began = time.perf_counter()
            drainers = [
                threading.Thread(target=worker.call, args=("outbound:deliver",))
                for worker in (first, second)
            ]
            for drainer in drainers:
                drainer.start()
            for drainer in drainers:
                drainer.join()
            seconds = time.perf_counter() - began
            first.call("outbound:proof", system=system, **span)
            return n / seconds

        def reference(number):
            span = {"first": next(start), "count": n}
            return n / first.call("outbound:plainly", product=product, url=url, **span)

        ours(-1)
        return bench.alternate(ours, reference, unit="deliveries/s", n=n)


def bench_batches(bench):
    """A hundred records a call (HubSpot)."""
    return _measure(bench, "hubspot", bench.size(5_000, 300))


def bench_singly(bench):
    """One record a call (Stripe)."""
    return _measure(bench, "stripe", bench.size(300, 20))


LINES = {
    "outbound": Line(
        bench_batches, "deliveries a hundred a call by two drainers, beside one session", 0.80
    ),
    "outbound_singly": Line(
        bench_singly, "deliveries one a call by two drainers, beside one session", 0.80
    ),
}
