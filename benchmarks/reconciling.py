"""Line: two ledgers reconciled in ``core``, beside an outer join of the same rows in pandas."""

import gc
import random
import sys
import time

import psutil

from core.reconcile import Entry, Terms, compare
from devtools import paths
from devtools.steps import run_logged, step

from .frame import Line

FOLDER = paths.STATE / "pandas"
PACKAGES = ("pandas==2.2.3", "numpy==1.26.4")
YEAR = Terms("2026-01-01", "2026-12-31", tolerance=1, days=True)


def _ledgers(count):
    """Invoices and payments of a year on both sides; one in a hundred differs, one in two hundred is missing."""
    chance = random.Random(7)
    here = [
        Entry(
            f"{'INV' if number % 2 else 'PAY'}/{number:06}",
            chance.randrange(1, 10**7),
            ("USD", "EUR", "JPY")[number % 3],
            f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}",
            chance.randrange(1000),
            "paid" if number % 4 else "open",
            f"customer {number % 500}",
        )
        for number in range(count)
    ]
    there = [
        # Values of their own, as another system's answer has: nothing is equal by being the same object.
        Entry("".join([*entry.key]), entry.amount + (not number % 100), *entry[2:])
        for number, entry in enumerate(here)
        if number % 200 != 1
    ]
    chance.shuffle(there)
    return here, there


def _pandas():
    """The library, fetched into `.odoo/pandas` at the first run: nothing of the hub needs it."""
    if not (FOLDER / "pandas").is_dir():
        with step("Fetching pandas"):
            run_logged(
                [paths.PYTHON, "-m", "pip", "install", "--target", FOLDER, *PACKAGES],
                paths.LOGS / "pandas.log",
                "Check that pip reaches a package index.",
            )
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    import pandas

    return pandas


def bench_reconcile(bench):
    """Ledgers of 100,000 invoices and payments each, from rows in memory to the list of differences."""
    pandas = _pandas()
    n = bench.size(100_000, 2_000)
    here, there = _ledgers(n)
    process, grown = psutil.Process(), []

    def ours(_number):
        gc.collect()
        before, began = process.memory_info().rss, time.perf_counter()
        result = compare(here, there, YEAR)
        seconds = time.perf_counter() - began
        grown.append(process.memory_info().rss - before)
        assert result.proved and len(result.differences) == n // 100 + n // 200
        return n / seconds

    def reference(_number):
        gc.collect()
        began = time.perf_counter()
        left, right = (pandas.DataFrame(rows, columns=Entry._fields) for rows in (here, there))
        both = left.merge(right, on="key", how="outer", suffixes=("", "_there"), indicator=True)
        paired = both["_merge"] == "both"
        names = ("amount", "unit", "day", "part", "status")
        other = (both[list(names)].values != both[[f"{name}_there" for name in names]].values).any(
            1
        )
        assert (paired & other).sum() + (~paired).sum() == n // 100 + n // 200
        return n / (time.perf_counter() - began)

    figure = bench.alternate(ours, reference, unit="records/s", n=n)
    bench.note(f"memory grew by at most {max(grown) / 2**20:.0f} MB (500 MB are allowed)")
    return figure


LINES = {
    "reconcile": Line(
        bench_reconcile, "two ledgers with reasons and control totals, beside a join in pandas", 0.5
    )
}
