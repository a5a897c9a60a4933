"""`./hub year`: the command line, and the year from its first deal to the last comparison."""

import argparse
import contextlib
import dataclasses
import time

import psutil

from .. import paths, sandboxes
from ..context import Context, Recorder
from ..running import odoo_on_clone
from ..session import free_port
from ..steps import say, step
from . import books, firm
from .house import House
from .judge import judge
from .plan import make

SEED = 2025
RESULT = paths.STATE / "year.json"


def year(session, arguments):
    """Play the year, print its ledgers side by side, and return 0 if nothing is left unexplained."""
    parser = argparse.ArgumentParser(prog="hub year")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which year it is ({SEED})")
    parser.add_argument(
        "--scale", default="1", help="size of the firm; below 0.25 a quarter of its year"
    )
    parser.add_argument("--twice", action="store_true", help="and again: it must end the same")
    parser.add_argument("--keep-db", action="store_true", help="leave the database behind")
    options = parser.parse_args(arguments)
    plan = make(options.seed, options.scale)
    say(
        f"Seed {plan.seed}: {len(plan.contracts)} contracts, {len(plan.entries)} entries, "
        f"{len(plan.cutoffs)} billing runs a company"
    )
    ends = [play(session, plan, options.keep_db) for _turn in range(1 + options.twice)]
    for end in ends:
        print(f"\n{end.text()}\n", flush=True)
    if options.twice:
        same = ends[0].rows == ends[1].rows
        print(
            "The second year ended as the first did."
            if same
            else "The second year ended otherwise."
        )
        return 0 if same and all(end.agrees for end in ends) else 1
    return 0 if ends[0].agrees else 1


def play(session, plan, keep=False):
    """Play a year on a fresh database.

    :param plan: :class:`.plan.Plan`
    :return: :class:`.books.End`
    """
    verdict = judge(plan)
    with contextlib.ExitStack() as stack:
        tag = f"year-{free_port()}"
        with step("Starting the products"):
            urls = {
                house: stack.enter_context(
                    sandboxes.running(f"{tag}-{place}", firm.products(house))
                )
                for place, house in enumerate(firm.HOUSES)
            }
        with step("Starting Odoo on a fresh database"):
            hosts = [url.removeprefix("http://") for own in urls.values() for url in own.values()]
            running = stack.enter_context(
                odoo_on_clone(session, "year", keep=keep, hub_local_hosts=",".join(hosts))
            )
        return _tell(running, urls, plan, verdict)


def _tell(running, urls, plan, verdict):
    clock, memory = time.monotonic(), Memory(running)
    with step("Two companies are set up"):
        made = firm.set_up(running, urls, plan)
    context = Context(running.url, running.database, {}, running, Recorder(RESULT))
    houses = [
        House(dataclasses.replace(context, sandboxes=urls[name]), name, made[name], plan, verdict)
        for name in urls
    ]
    with step("Deals are won, contracts begin"):
        for house in houses:
            house.sign()
    for turn, last in enumerate(plan.cutoffs):
        with step(f"Work, billing and payments up to {last}"):
            for act in ("work", "arrive", "bill", "pay"):
                for house in houses:
                    getattr(house, act)(*([] if act == "arrive" else [turn]))
            memory.look()
    with step("What was told is told again, in another order"):
        for house in houses:
            house.world.crm.deliver(again=True, shuffle=plan.seed + 2, split=3)
            house.world.provider.deliver(again=True, shuffle=plan.seed + 3)
        for house in houses:
            house.quiet()
    with step("The ledgers are compared"):
        end = books.close(houses)
    end.seconds, end.memory = time.monotonic() - clock, memory.most
    return end


class Memory:
    """The most memory that Odoo's workers took together, in MB, as seen after each run."""

    def __init__(self, running):
        self.running, self.most = running, 0

    def look(self):
        total = 0
        for pid in self.running.odoo.workers():
            with contextlib.suppress(psutil.Error):
                total += psutil.Process(pid).memory_info().rss
        self.most = max(self.most, total >> 20)
