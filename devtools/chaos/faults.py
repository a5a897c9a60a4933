"""What goes wrong in a trial, and when: a schedule that the seed decides."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter

import psycopg2

from ..steps import say

PROCESSES = ("http", "cron", "backends", "master", "postgres")
# How a product fails. `taken`: the call has its effect first, and the answer comes late.
PRODUCT = (
    {"kind": "timeout", "seconds": 1.5, "taken": True},
    {"kind": "timeout", "seconds": 1.5},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "malformed"},
    {"kind": "truncated"},
    {"kind": "doubled"},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "1000"}},
    {"kind": "status", "status": 500},
    {"kind": "html", "status": 502},
)
# What each of them is called where they are counted; a status goes by its number.
ANSWERS = {
    "timeout": "delayed",
    "reset_before": "cut",
    "malformed": "cut",
    "truncated": "cut",
    "doubled": "doubled",
    "html": "HTML",
    "reset_after": "lost after the effect",
}
KINDS = ("delayed", "cut", "doubled", "429", "500", "HTML", "lost after the effect")
READS, WRITES = r"/batch/read$", r"/batch/update$|/clients|/projects"
# One call in so many fails: five in a row would open the circuit for 20 seconds.
APART = 5
MANY = 25  # chunks of a long trial


class Faults:
    """Strikes while chunks of events are sent.

    :param stage: the :class:`~.stage.Stage`
    :param chunks: how many chunks the trial sends
    :param seed: decides which fault strikes when
    :attr done: how often each process was struck
    """

    def __init__(self, stage, chunks, seed):
        self.stage, self.rng = stage, random.Random(seed)
        self.long = chunks >= MANY
        self.done = dict.fromkeys(PROCESSES, 0)
        self.schedule = self._schedule(chunks)
        # each kind has its turn, in an order that the seed decides
        self._turns = itertools.cycle(self.rng.sample(PRODUCT, len(PRODUCT)))
        self._threads = []

    def _schedule(self, chunks):
        """For each chunk the names of what strikes: everything at least once, the heavy ones rarely."""
        plan = [[] for _chunk in range(chunks)]
        places = list(range(1, chunks))
        for name, share in {
            "http": 0.3, "cron": 0.3, "backends": 0.4, "master": 0.1, "postgres": 0.1
        }.items():  # fmt: skip
            for place in self.rng.sample(places, max(1, round(share * len(places)))):
                plan[place].append(name)
        return plan

    def strike(self, chunk):
        """Let loose what this chunk has to bear; it strikes while the chunk is sent."""
        self._spoil_answers()
        for name in self.schedule[chunk]:
            thread = threading.Timer(self.rng.uniform(0, 1.5), self._strike, [name])
            thread.start()
            self._threads.append(thread)

    def settle(self):
        """Wait until all that was let loose has struck."""
        for thread in self._threads:
            thread.join()
        self._threads = []

    def end(self):
        """The products answer properly again."""
        for sandbox in self._products:
            with sandbox.lock:
                sandbox.faults.clear()

    @property
    def _products(self):
        return (self.stage.hubspot, self.stage.harvest)

    def answers(self):
        """How often each kind of bad answer reached Odoo, by the products' own journals.

        :return: ``{kind: times}``, with all :data:`KINDS`
        """
        struck = Counter(dict.fromkeys(KINDS, 0))
        for sandbox in self._products:
            for call in list(sandbox.journal):
                if call["fault"]:
                    struck[ANSWERS.get(call["fault"], str(call["status"]))] += 1
        return dict(struck)

    # -- one fault each --------------------------------------------------------------------------

    def _strike(self, name):
        self.stage.odoo.wait_until_ready()
        if self._kill(name):
            self.done[name] += 1
            say(f"  ⚡ {name}")

    def _kill(self, name):
        odoo = self.stage.odoo
        if name == "master":
            return odoo.kill_master()
        if name == "postgres":
            self.stage.cluster.restart("immediate")
            return True
        if name == "backends":
            return self._cut_connections()
        return odoo.kill_worker(name, pick=self.rng.choice)

    def _cut_connections(self):
        """Some connections end as if the network had failed."""
        with contextlib.suppress(psycopg2.Error):
            return bool(
                self.stage.sql(
                    """SELECT pg_terminate_backend(pid) FROM (
                           SELECT pid FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()
                            ORDER BY random() LIMIT 3) found"""
                )
            )

    def _spoil_answers(self):
        """Some of the next answers of the products are late, cut, doubled, refused or lost.

        A long trial spoils only where none of the former ones waits: each call counts for all that wait, so several
        sets would strike in a row, and the trial measure how much a product that never answers leaves behind. A short
        one has no time for that, if each kind is to strike.
        """
        faults = list(itertools.islice(self._turns, 4))
        for path in (READS, WRITES):
            if not self.long or not self._waits(self.stage.hubspot, path):
                self._spoil(self.stage.hubspot, path, faults, APART)
        if not self._waits(self.stage.harvest, WRITES):
            self._spoil(self.stage.harvest, WRITES, PRODUCT[2:5], APART if self.long else 0)

    @staticmethod
    def _waits(sandbox, path):
        with sandbox.lock:
            return any(fault.path == path for fault in sandbox.faults.queue)

    @staticmethod
    def _spoil(sandbox, path, faults, apart):
        sandbox.faults.add(
            [
                {**fault, "method": "POST", "path": path, "skip": place * apart}
                for place, fault in enumerate(faults)
            ]
        )


def wait_until(check, timeout, pause=0.1):
    """Call `check` until it is true; a database that is starting again is "not yet".

    :return: what it said last
    """
    end = time.monotonic() + timeout
    while True:
        answer = None
        with contextlib.suppress(psycopg2.Error):
            answer = check()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)
