"""Line: 25,000 approved entries from open to posted invoices, beside Odoo's own invoicing of the same orders."""

from .frame import Line

ORDERS = 50


def bench_billing(bench):
    """A billing run (proposed, approved, made, posted) beside ``_create_invoices`` and ``action_post``.

    Both sides bill orders of the same make with the same entries; each round is undone, so that all rounds find
    the same. The run also reads what is left out, keeps the sources, compares them again, writes the ledger and runs
    the checks of each invoice.
    """
    orders = bench.size(ORDERS, 3)
    each = bench.size(25_000, 60) // orders
    entries = orders * each
    with bench.worker() as worker:
        facts = worker.call("billing:prepare", orders=orders, entries=each)
        amounts = set()

        def rate(function):
            seconds, amount = worker.call(f"billing:{function}", facts=facts, entries=entries)
            amounts.add(round(amount, 2))
            return entries / seconds

        figure = bench.alternate(
            lambda _number: rate("by_run"),
            lambda _number: rate("by_odoo"),
            unit="entries/s",
            n=entries,
        )
    assert len(amounts) == 1, f"the two sides billed different amounts: {amounts}"
    return figure


LINES = {
    "billing": Line(
        bench_billing, "approved time to posted invoices, beside Odoo's own _create_invoices", 0.70
    )
}
