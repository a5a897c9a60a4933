"""Terms of contracts on plain numbers: rounding of time, not-to-exceed caps, purchase orders.

Worked time is whole seconds, money is ``Decimal``; nothing here is a float. Each rule keeps what it was given: what is
billed and what is over add up to it.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .billing import allocate, exact, rounded

LEVELS = ("none", "entry", "day", "invoice")
DIRECTIONS = ("up", "nearest")
#: Percent of a limit at which people are told.
NOTICES = (80, 100)


@dataclass(frozen=True)
class Rounding:
    """How worked time becomes billed time.

    :param level: one of ``LEVELS``: what is rounded, each entry, the sum of a person's day or of an invoice line
    :param minutes: the step, 1 to 480
    :param direction: ``up``, or to the ``nearest`` step with halves up
    """

    level: str = "none"
    minutes: int = 15
    direction: str = "up"

    def total(self, seconds):
        """Billed seconds of one sum of worked seconds; never less than nothing."""
        if self.level == "none" or seconds <= 0:
            return seconds
        step = self.minutes * 60
        whole, rest = divmod(seconds, step)
        more = rest > 0 if self.direction == "up" else 2 * rest >= step
        return (whole + more) * step


@dataclass(frozen=True)
class Work:
    """One entry.

    :param key: what it is called; also its place among entries of one day
    :param seconds: worked
    :param day: the date of work
    :param group: what is summed up for a day (the person and the order line)
    :param line: the order line, and so the line of the invoice, that it is billed on
    """

    key: object
    seconds: int
    day: object
    group: object = None
    line: object = None


def billed_seconds(works, rounding, before=None):
    """Billed seconds of each entry.

    What rounding adds to a sum is shared out over its entries, so that the parts add up. On the level of a day, what
    was worked and billed of that day before counts, so that it does not matter when an entry arrives.

    :param works: list of :class:`Work`
    :param rounding: :class:`Rounding`
    :param before: ``{(group, day): (worked seconds, billed seconds)}`` of a day that is billed already
    :return: ``{key: seconds}``
    """
    if rounding.level in ("none", "entry"):
        return {work.key: rounding.total(work.seconds) for work in works}
    sums = defaultdict(list)
    for work in works:
        sums[(work.group, work.day) if rounding.level == "day" else work.line].append(work)
    billed = {}
    for place, group in sums.items():
        worked, paid = (before or {}).get(place, (0, 0))
        total = rounding.total(worked + sum(work.seconds for work in group)) - paid
        group = sorted(group, key=lambda work: (work.day, work.key))
        parts = allocate(max(total, 0), [max(work.seconds, 0) for work in group], 1)
        billed.update((work.key, int(part)) for work, part in zip(group, parts, strict=True))
    return billed


def percent(used, limit) -> int:
    """How much of a limit is used, as whole percent; 0 where there is no limit."""
    if not limit:
        return 0
    return int(exact(used) * 100 / exact(limit))


def reached(used, limit, told=0) -> int:
    """The highest notice of ``NOTICES`` that is reached and was not told yet, else 0.

    :param told: the highest notice that people were told of
    """
    share = percent(used, limit)
    new = [notice for notice in NOTICES if share >= notice > told]
    return max(new, default=0)


@dataclass(frozen=True)
class Plan:
    """What becomes of approved work: each entry is in exactly one of the two.

    :param billed: ``{key: billed quantity}``, a ``Decimal`` in the unit of its line
    :param over: keys of what is over the cap, in the order of the work
    """

    billed: dict
    over: list


def plan(works, rounding, lines, room=None, before=None, step=Decimal("0.01")):
    """Round the work of a contract and keep it below the cap.

    In the order of the work an entry is billed whole or waits whole, and behind the first that does not fit nothing is
    billed, so that later work is not paid before earlier work. What fits is rounded without what does not.

    :param works: list of :class:`Work`, of all lines that the cap is for
    :param lines: ``{line: (price, seconds of its unit)}``, the price untaxed as the cap is
    :param room: what is left of the cap, untaxed; None where there is no cap
    :param before: see :func:`billed_seconds`
    :param step: the smallest amount of the currency
    :return: :class:`Plan`; the lines, each rounded once, come to ``room`` at most
    """
    ordered = sorted(works, key=lambda work: (work.day, work.key))

    def amount(count):
        """What the first ``count`` come to; in fractions, so that thirds of an hour come to the cap exactly."""
        seconds = billed_seconds(ordered[:count], rounding, before)
        sums = defaultdict(Fraction)
        for work in ordered[:count]:
            price, unit = lines[work.line]
            sums[work.line] += Fraction(price) * seconds[work.key] / unit
        return sum(
            (rounded(Decimal(one.numerator) / one.denominator, step) for one in sums.values()),
            Decimal(0),
        )

    fitting = len(ordered)
    if room is not None:
        # More work comes to no less. Where hours are negative fewer may fit than could, never too many.
        fitting = max(bisect_right(range(fitting + 1), room, key=amount) - 1, 0)
    seconds = billed_seconds(ordered[:fitting], rounding, before)
    return Plan(
        {work.key: Decimal(seconds[work.key]) / lines[work.line][1] for work in ordered[:fitting]},
        [work.key for work in ordered[fitting:]],
    )
