"""The command line of a trial."""

import argparse
import random

from ..steps import say
from .stage import stage
from .trial import Trial

FULL = 20_000


def chaos(session, arguments):
    """Run a trial, print its report, and return 0 if nothing was lost and all came back in time."""
    parser = argparse.ArgumentParser(prog="hub chaos")
    parser.add_argument("--n", type=int, default=FULL, help=f"events under faults ({FULL})")
    parser.add_argument("--seed", type=int, help="the same seed breaks the same things")
    options = parser.parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    say(f"Seed {seed}")
    with stage(session) as built:
        report = Trial(built, options.n, seed).run()
    print(report.text(), flush=True)
    return 0 if report.clean and report.quick else 1
