"""What a line is given: databases, Odoo processes, and the alternating measurement."""

import contextlib
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from devtools import databases
from devtools.running import odoo_on_clone
from devtools.steps import say

from .worker import Worker

ROUNDS = 3


@dataclass(frozen=True)
class Line:
    """One line of the table.

    :param run: gets a :class:`Bench`, returns a :class:`Figure`
    :param text: what is compared with what, for the reader of the table
    :param wanted: the ratio to reach, None where the ratio is only shown
    :param at_most: the ratio must not be above ``wanted`` (times, memory), instead of not below
    """

    run: Callable
    text: str
    wanted: float | None = None
    at_most: bool = False

    def holds(self, ratio):
        """Whether a ratio is good enough."""
        if self.wanted is None:
            return True
        return ratio <= self.wanted if self.at_most else ratio >= self.wanted


@dataclass(frozen=True)
class Figure:
    """What was measured: our value and its reference, in ``unit``, for ``n`` pieces of work."""

    value: float
    reference: float
    unit: str
    n: int

    @property
    def ratio(self):
        """Our value divided by its reference."""
        return self.value / self.reference


class Bench:
    """The hands of a line.

    :param session: the :class:`devtools.session.Session`
    :param quick: small numbers and one round: shows that the line works, says nothing about speed
    :param plots: folder for pictures (:class:`pathlib.Path`), None where none are wanted
    """

    def __init__(self, session, quick=False, plots=None):
        self.session = session
        self.quick = quick
        self.plots = plots

    def size(self, full, quick):
        """A number of pieces: ``full``, or ``quick`` for a smoke run."""
        return quick if self.quick else full

    def note(self, text):
        """Tell the reader something beside the table."""
        say(f"    {text}")

    @contextlib.contextmanager
    def worker(self, **options):
        """An Odoo process on a fresh clone, without HTTP and crons; both end with the block.

        :param options: values for Odoo's configuration file
        :return: a :class:`~benchmarks.worker.Worker`
        """
        with databases.lent(self.session, "bench") as name, self.another(name, **options) as worker:
            yield worker

    @contextlib.contextmanager
    def another(self, database, **options):
        """One more Odoo process on a database."""
        worker = Worker(self.session, database, **options)
        try:
            yield worker
        finally:
            worker.stop()

    def server(self, **options):
        """A supervised prefork Odoo on a fresh clone: a context with a :class:`devtools.running.Running`."""
        return odoo_on_clone(self.session, "bench", **options)

    def alternate(self, ours, reference, *, unit, n):
        """Measure both in turn, three rounds, and take the median of each.

        :param ours: function of the round's number that returns a value in ``unit``; ``reference`` too
        :return: a :class:`Figure`
        """
        pairs = []
        for number in range(1 if self.quick else ROUNDS):
            theirs = reference(number)
            pairs.append((ours(number), theirs))
            self.note(f"round {number + 1}: {pairs[-1][0]:,.1f} beside {theirs:,.1f} {unit}")
        value, compared = (statistics.median(column) for column in zip(*pairs, strict=True))
        return Figure(value, compared, unit, n)
