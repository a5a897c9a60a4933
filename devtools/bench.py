"""`./hub bench`: run the lines of `benchmarks/` and print them beside what is to be reached."""

import argparse
import json
import os
import time
import traceback
from pathlib import Path

import benchmarks
from benchmarks.frame import Bench

from . import databases, paths
from .steps import Stop, say


def bench(session, arguments):
    """Measure the lines named, or all; 0 when each could be measured and reaches its ratio.

    A quick run judges no ratio: its numbers are too small to mean anything.
    """
    known = benchmarks.lines()
    parser = argparse.ArgumentParser(prog="hub bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file as well")
    parser.add_argument(
        "--quick", action="store_true", help="small numbers, one round: only shows that it works"
    )
    parser.add_argument("--plots", metavar="FOLDER", type=Path, help="write pictures to a folder")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        raise Stop(f"There is no line {', '.join(unknown)}.", f"The lines are: {', '.join(known)}.")
    with paths.locked("template"):
        databases.ensure_template(session)
    figures, failed, started, load = {}, [], time.monotonic(), _load()
    for name in options.names or known:
        line = known[name]
        say(f"• {name}: {line.text} …")
        began = time.monotonic()
        try:
            figures[name] = line.run(Bench(session, options.quick, options.plots))
        except Exception:
            failed.append(name)
            say(traceback.format_exc())
        say(f"  done in {time.monotonic() - began:.1f} s, load {_load()}")
        if options.json:
            _write(options.json, figures)
    print(_table(known, figures))
    print(
        f"{time.monotonic() - started:.0f} s on {os.cpu_count()} cores;"
        f" load average {load} before, {_load()} after"
    )
    if failed:
        print(f"Could not be measured: {', '.join(failed)}")
    short = [name for name, figure in figures.items() if not known[name].holds(figure.ratio)]
    return 1 if failed or (short and not options.quick) else 0


def _load():
    """How busy the machine is, over 1 and 5 minutes."""
    return "{:.1f}/{:.1f}".format(*os.getloadavg()[:2])


def _write(path, figures):
    """The figures as JSON: name, value, reference, ratio, unit, n."""
    rows = [
        {
            "name": name,
            "value": round(figure.value, 3),
            "reference": round(figure.reference, 3),
            "ratio": round(figure.ratio, 3),
            "unit": figure.unit,
            "n": figure.n,
        }
        for name, figure in figures.items()
    ]
    with open(path, "w") as out:
        out.write(json.dumps(rows, indent=2) + "\n")


def _table(known, figures):
    """The figures as a table in text."""
    rows = [("", "line", "ours", "reference", "unit", "n", "ratio", "wanted")]
    for name, figure in figures.items():
        line = known[name]
        wanted = "" if line.wanted is None else f"{'≤' if line.at_most else '≥'} {line.wanted:g}"
        rows.append(
            (
                "✓" if line.holds(figure.ratio) else "✗",
                name,
                f"{figure.value:,.1f}",
                f"{figure.reference:,.1f}",
                figure.unit,
                f"{figure.n:,}",
                f"{figure.ratio:.2f}",
                wanted,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in (2, 3, 5, 6) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
