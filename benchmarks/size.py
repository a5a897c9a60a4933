"""Lines: what more messages, more workers and more time do to the rate, and to the memory."""

import time

from .frame import Figure, Line
from .inbound import Customers
from .plot import curve


def bench_backlog(bench):
    """New customers with a million other messages in the table, beside ten thousand."""
    n = bench.size(2000, 60)
    sizes = bench.size((10_000, 1_000_000), (100, 1000))
    with bench.worker() as small, bench.worker() as large:
        both = [Customers(small), Customers(large)]
        for customers, size in zip(both, sizes, strict=True):
            customers.worker.call(
                "hub:backlog",
                system=customers.system,
                done=size * 9 // 10,
                pending=size // 10,
            )
        few, many = ((lambda _n, c=c: c.in_lane(n, 1)) for c in both)
        return bench.alternate(many, few, unit="customers/s", n=n)


def bench_scale(bench):
    """New customers through real cron workers: two, beside one."""
    n = bench.size(4000, 400)
    first = iter(range(1_000_000, 99_000_000, 1_000_000))

    def rate(workers):
        with (
            bench.server(max_cron_threads=workers) as running,
            bench.another(running.database) as worker,
        ):
            worker.call("hub:pause", paused=True)
            system = worker.call("customers:connect")
            # The first ones warm the workers up.
            for count in (300 * workers, n):
                span = {"system": system, "first": next(first), "count": count, "version": 1}
                worker.call("customers:store", **span)
                worker.call("hub:pause", paused=False)
                wait_until_done(running, system, span["first"], count)
                worker.call("hub:pause", paused=True)
            worker.call("hub:proof", entity="customer", reason="applied", **span)
            return _rate(running, span["first"])

    return bench.alternate(
        lambda _number: rate(2), lambda _number: rate(1), unit="customers/s", n=n
    )


def wait_until_done(running, system, first, count, timeout=300):
    """Wait until so many messages from this number on are decided."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        time.sleep(0.1)
        (left,) = running.sql(
            """SELECT count(*) FROM hub_message WHERE system_id = %s AND done_at IS NULL
                  AND external_id::int >= %s AND external_id::int < %s""",
            (system, first, first + count),
        )[0]
        if not left:
            return
    raise TimeoutError(f"{left} of {count} messages are not applied after {timeout} s")


def _rate(running, first):
    """Messages a second between the first batch that was decided and the last."""
    count, seconds = running.sql(
        """
        WITH d AS (SELECT done_at FROM hub_message WHERE external_id::int >= %s)
        SELECT count(*) FILTER (WHERE done_at > (SELECT min(done_at) FROM d)),
               extract(epoch FROM max(done_at) - min(done_at)) FROM d
        """,
        (first,),
    )[0]
    return count / float(seconds)


def bench_memory(bench):
    """What a worker's resident memory grows by while it applies new, changed and unchanged customers."""
    rounds, each = bench.size((10, 2500), (2, 50))
    with bench.worker() as worker, bench.another(worker.database) as feeder:
        customers = Customers(worker)
        before = worker.memory
        for number in range(rounds):
            first = 50_000_000 + number * each
            # new, changed, and twice the same again
            for version, edition in ((1, 0), (2, 1), (3, 1), (4, 1)):
                feeder.call(
                    "customers:store",
                    system=customers.system,
                    first=first,
                    count=each,
                    version=version,
                    edition=edition,
                )
                worker.call("hub:drain")
            bench.note(f"{(number + 1) * 4 * each:,} messages: {worker.memory - before:+.1f} MB")
        feeder.call(
            "hub:proof",
            system=customers.system,
            entity="customer",
            first=50_000_000,
            count=rounds * each,
            reason="unchanged",
            version=4,
        )
        return Figure(worker.memory - before, 150, "MB", rounds * each * 4)


def bench_growth(bench):
    """New customers in a database that has 50,000 of them, beside one that has none."""
    sizes = bench.size((1000, 10_000, 50_000), (50, 100, 200))
    points = []
    with bench.worker() as worker:
        customers = Customers(worker)
        done = 0
        for size in sizes:
            rate, _first = customers.through_hub(size - done)
            theirs, _ids, _first = customers.through_odoo(min(1000, sizes[0]))
            points.append((size, rate, theirs))
            bench.note(f"up to {size:,}: {rate:,.0f}/s; Odoo alone {theirs:,.0f}/s")
            done = size
    if bench.plots:
        bench.plots.mkdir(parents=True, exist_ok=True)
        title = "New customers a second, by how many there are already"
        (bench.plots / "growth.svg").write_text(
            curve(title, "customers/s", ("through the hub", "Odoo's create() alone"), points)
        )
    return Figure(points[-1][1], points[0][1], "customers/s", sizes[-1])


LINES = {
    "backlog_1m": Line(bench_backlog, "beside a million other messages, or ten thousand", 0.90),
    "scale_2": Line(bench_scale, "two cron workers, beside one", 1.6),
    "memory": Line(bench_memory, "a worker's growth over 100,000 messages", 1.0, at_most=True),
    "growth": Line(bench_growth, "the way from 10,000 to 50,000 customers, beside the first 1,000"),
}
