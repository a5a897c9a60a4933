"""Line: messages through the simulation of a Change, beside the same through the engine."""

from .frame import Line
from .inbound import Customers


def bench_simulate(bench):
    """A Change of one mapping line looked at on known customers, with today's configuration and with its own.

    The reference applies as many changed customers for good. A simulation treats each message twice, and asks
    PostgreSQL what each would have written.
    """
    n = bench.size(2000, 40)
    with bench.worker() as worker:
        customers = Customers(worker)
        _rate, first = customers.through_hub(n)

        def ours(_number):
            return n / worker.call("customers:simulate", system=customers.system, count=n)

        def reference(number):
            return customers.again(first, n, number + 2, number + 1, "applied")

        return bench.alternate(ours, reference, unit="messages/s", n=n)


# No ratio to reach: the reference only says how fast this machine is.
LINES = {"simulate": Line(bench_simulate, "messages through a Change's simulation, beside apply")}
