"""Lines: customers through apply, beside the same values through Odoo's own ``create`` and ``write``.

Ours and the reference get customers of their own, all different. Odoo alone acts as the same user with the
same context; what the hub wrote is compared with what Odoo was given.
"""

import itertools

from .frame import Line

BATCH = 1000  # records a batch of the reference: what suits it best (docs/benchmarks.md)


class Customers:
    """A worker with a HubSpot account, and fresh customers for each round.

    :param worker: the :class:`~benchmarks.worker.Worker`
    """

    def __init__(self, worker):
        self.worker = worker
        self.system = worker.call("customers:connect")
        self._first = itertools.count(1_000_000, 1_000_000)
        self.through_odoo(200)
        self.through_hub(200)

    def through_odoo(self, count):
        """Create customers with Odoo alone: ``(rate, ids, first number)``."""
        first = next(self._first)
        seconds, ids = self.worker.call(
            "customers:create", system=self.system, first=first, count=count, batch=BATCH
        )
        return count / seconds, ids, first

    def through_hub(self, count):
        """Create customers through the hub: ``(rate, first number)``."""
        first = next(self._first)
        return self.again(first, count, 1, 0, "applied"), first

    def in_lane(self, count, lane):
        """Create customers through one lane, whatever others hold: the rate."""
        first = next(self._first)
        span = {"system": self.system, "first": first, "count": count, "version": 1}
        self.worker.call("customers:store", lane=lane, **span)
        seconds = self.worker.call("hub:drain_lane", lane=lane)
        self.worker.call("hub:proof", entity="customer", reason="applied", **span)
        return count / seconds

    def again(self, first, count, version, edition, reason):
        """Companies come again; the rate, after a look that each came to this end."""
        span = {"system": self.system, "first": first, "count": count, "version": version}
        self.worker.call("customers:store", edition=edition, **span)
        seconds = self.worker.call("hub:drain")
        self.worker.call("hub:proof", entity="customer", reason=reason, **span)
        self.worker.call("customers:alike", first=first, count=min(count, 100), edition=edition)
        return count / seconds


def bench_timesheets(bench):
    """Approved time entries of a billable project."""
    n = bench.size(5000, 60)
    with bench.worker() as worker:
        facts = worker.call("timesheets:connect")
        first = itertools.count(1_000_000, 100_000)

        def reference(_number):
            return n / worker.call(
                "timesheets:create", facts=facts, first=next(first), count=n, batch=BATCH
            )

        def ours(_number):
            span = {"first": next(first), "count": n}
            worker.call("timesheets:store", facts=facts, **span)
            seconds = worker.call("hub:drain")
            worker.call(
                "hub:proof",
                system=facts["system"],
                entity="time_entry",
                reason="applied",
                version=1,
                **span,
            )
            worker.call("timesheets:alike", facts=facts, first=span["first"], count=min(n, 100))
            return n / seconds

        return bench.alternate(ours, reference, unit="entries/s", n=n)


def bench_create(bench):
    """New customers."""
    n = bench.size(5000, 60)
    with bench.worker() as worker:
        customers = Customers(worker)
        return bench.alternate(
            lambda number: customers.through_hub(n)[0],
            lambda number: customers.through_odoo(n)[0],
            unit="customers/s",
            n=n,
        )


def bench_update(bench):
    """Known customers, each with another phone, street and ZIP."""
    n = bench.size(5000, 60)
    with bench.worker() as worker:
        customers = Customers(worker)
        _rate, first = customers.through_hub(n)
        _rate, ids, odoos = customers.through_odoo(n)

        def ours(number):
            return customers.again(first, n, number + 2, number + 1, "applied")

        def reference(number):
            return n / worker.call(
                "customers:write",
                system=customers.system,
                ids=ids,
                first=odoos,
                edition=number + 1,
                batch=BATCH,
            )

        return bench.alternate(ours, reference, unit="customers/s", n=n)


def bench_unchanged(bench):
    """Known customers that come again as they were, beside new ones through the hub."""
    n = bench.size(5000, 60)
    with bench.worker() as worker:
        customers = Customers(worker)
        last = {}

        def reference(number):
            rate, last["first"] = customers.through_hub(n)
            return rate

        def ours(number):
            return customers.again(last["first"], n, 2, 0, "unchanged")

        return bench.alternate(ours, reference, unit="customers/s", n=n)


LINES = {
    "inbound_create": Line(bench_create, "new customers, beside create() in batches", 0.70),
    "inbound_update": Line(bench_update, "changed customers, beside write() one by one", 0.80),
    "inbound_unchanged": Line(bench_unchanged, "unchanged customers, beside new ones", 8),
    "timesheet_create": Line(
        bench_timesheets, "approved time entries, beside create() of timesheets in batches", 0.70
    ),
}
