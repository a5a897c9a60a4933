"""Two ledgers held against each other: control totals first, then every difference with its reason.

Amounts are whole numbers of the smallest step of their unit (cents of a currency, seconds of work), so nothing
is rounded here. A difference is always *here* less *there*; what is missing there counts with its whole amount.
By construction the differences of a unit add up to the difference of its control totals: :attr:`Result.proved`
checks it, against totals that were counted apart.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .keys import digest

# Why two ledgers differ, in the order in which a person should look at them.
REASONS = (
    "missing_here",
    "missing_there",
    "duplicate_here",
    "duplicate_there",
    "reference",
    "currency",
    "amount",
    "part",
    "rounding",
    "period",
    "date",
    "status",
)


class Entry(NamedTuple):
    """One record of a ledger.

    :param key: what both ledgers know it by.
    :param amount: in whole steps of ``unit``.
    :param unit: currency code, or ``"h"`` where work is compared (then in seconds).
    :param day: ISO date; None where one of the two ledgers has none (then in both).
    :param part: a share of ``amount`` that is compared by itself: the tax of an invoice, the fee of a payment.
    :param status: a word that both ledgers use.
    :param reference: a second name (a document's number, a customer) by which a pair may be recognised.
    :param lines: ``(key, amount)`` of what it is made of.
    """

    key: str
    amount: int
    unit: str
    day: str | None = None
    part: int = 0
    status: str | None = None
    reference: str | None = None
    lines: tuple[tuple[str, int], ...] = ()


class Difference(NamedTuple):
    """One difference.

    :param amount: here less there, in whole steps of ``unit``.
    :param detail: for lines: ``((line key, amount), …)`` that add up to ``amount``; for statuses and days both values.
    """

    reason: str
    key: str
    here: Entry | None
    there: Entry | None
    amount: int
    unit: str
    detail: tuple = ()


@dataclass(slots=True)
class Total:
    """Control totals of a unit, counted before anything was paired; parts are taxes or fees."""

    here_count: int = 0
    here: int = 0
    there_count: int = 0
    there: int = 0
    here_part: int = 0
    there_part: int = 0

    @property
    def difference(self) -> int:
        return self.here - self.there


@dataclass(slots=True)
class Result:
    """:param agreed: number of pairs without any difference."""

    totals: dict[str, Total] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    agreed: int = 0

    @property
    def proved(self) -> bool:
        """Whether the differences of each unit are exactly that of its control totals."""
        left = {unit: total.difference for unit, total in self.totals.items()}
        for difference in self.differences:
            left[difference.unit] = left.get(difference.unit, 0) - difference.amount
        return not any(left.values())


@dataclass(frozen=True, slots=True)
class Terms:
    """What counts as the same.

    :param since, until: ISO dates, both inside. Entries outside take part only as the other half of a pair; without
        them everything is inside.
    :param tolerance: steps that are called rounding.
    :param days: whether days have to be the same.
    :param pair_unknown: whether what is left on both sides is paired by reference or by amount and day, where that is
        the only possibility.
    """

    since: str | None = None
    until: str | None = None
    tolerance: int = 0
    days: bool = False
    pair_unknown: bool = True

    def inside(self, entry: Entry) -> bool:
        day = entry.day
        if day is None or (self.since is None and self.until is None):
            return True
        return (self.since is None or day >= self.since) and (
            self.until is None or day <= self.until
        )


def compare(here: Iterable[Entry], there: Iterable[Entry], terms: Terms | None = None) -> Result:
    """Compare two ledgers.

    :param here, there: entries; a key that comes twice in a ledger is a duplicate.
    :return: :class:`Result`, differences in the order of :data:`REASONS`, the largest first.
    """
    terms = terms or Terms()
    result = Result()
    here, there = list(here), list(there)
    result.totals = _totals(here, there, terms)
    ours, extra_here = _by_key(here)
    theirs, extra_there = _by_key(there)
    inside, found = terms.inside, result.differences
    unpaired = []
    for key, mine in ours.items():
        yours = theirs.pop(key, None)
        if yours is None:
            if inside(mine):
                unpaired.append(mine)
        elif mine == yours or _same(mine, yours, terms):
            result.agreed += inside(mine)
        else:
            _pair(mine, yours, terms, found)
    rest = [entry for entry in theirs.values() if inside(entry)]
    if terms.pair_unknown and unpaired and rest:
        unpaired, rest = _recognise(unpaired, rest, terms, found)
    found += [Difference("missing_there", e.key, e, None, e.amount, e.unit) for e in unpaired]
    found += [Difference("missing_here", e.key, None, e, -e.amount, e.unit) for e in rest]
    for entry in filter(inside, extra_here):
        found.append(Difference("duplicate_here", entry.key, entry, None, entry.amount, entry.unit))
    for entry in filter(inside, extra_there):
        found.append(
            Difference("duplicate_there", entry.key, None, entry, -entry.amount, entry.unit)
        )
    rank = {reason: number for number, reason in enumerate(REASONS)}
    found.sort(key=lambda d: (rank[d.reason], -abs(d.amount), d.key))
    return result


def _by_key(entries):
    """The first entry of each key, and the others."""
    found = {entry.key: entry for entry in entries}
    if len(found) == len(entries):
        return found, []
    found, extras = {}, []
    for entry in entries:
        if entry.key in found:
            extras.append(entry)
        else:
            found[entry.key] = entry
    return found, extras


def _totals(here, there, terms):
    """Control totals by unit, before anything is paired."""
    numbers: dict[str, Total] = defaultdict(Total)
    inside = terms.inside
    for entry in here:
        if inside(entry):
            total = numbers[entry.unit]
            total.here_count += 1
            total.here += entry.amount
            total.here_part += entry.part
    for entry in there:
        if inside(entry):
            total = numbers[entry.unit]
            total.there_count += 1
            total.there += entry.amount
            total.there_part += entry.part
    return dict(sorted(numbers.items()))


def _same(mine: Entry, yours: Entry, terms: Terms) -> bool:
    """Whether nothing that counts differs: names and lines do not, where amounts agree."""
    return (
        mine.amount == yours.amount
        and mine.unit == yours.unit
        and mine.part == yours.part
        and (mine.status == yours.status or mine.status is None or yours.status is None)
        and (
            mine.day == yours.day or (not terms.days and terms.inside(mine) == terms.inside(yours))
        )
    )


def _pair(mine, yours, terms, found):
    """The differences of two entries that are the same thing."""
    in_mine, in_yours = terms.inside(mine), terms.inside(yours)
    key = mine.key
    if in_mine != in_yours:
        counted, amount = (mine, mine.amount) if in_mine else (yours, -yours.amount)
        found.append(
            Difference("period", key, mine, yours, amount, counted.unit, (mine.day, yours.day))
        )
        return
    if not in_mine:
        return
    if mine.unit != yours.unit:
        found.append(Difference("currency", key, mine, yours, mine.amount, mine.unit))
        found.append(Difference("currency", key, mine, yours, -yours.amount, yours.unit))
        return
    other_status = bool(mine.status and yours.status and mine.status != yours.status)
    if other_status:
        # What is approved on one side only counts there only: the status is why the amounts differ.
        found.append(
            Difference(
                "status",
                key,
                mine,
                yours,
                mine.amount - yours.amount,
                mine.unit,
                (mine.status, yours.status),
            )
        )
    elif amount := mine.amount - yours.amount:
        found.append(
            Difference(
                _amount_reason(mine, yours, terms),
                key,
                mine,
                yours,
                amount,
                mine.unit,
                _lines(mine, yours),
            )
        )
    elif mine.part != yours.part:
        found.append(Difference("part", key, mine, yours, 0, mine.unit, (mine.part, yours.part)))
    if terms.days and mine.day and yours.day and mine.day != yours.day:
        found.append(Difference("date", key, mine, yours, 0, mine.unit, (mine.day, yours.day)))


def _amount_reason(mine, yours, terms):
    amount = mine.amount - yours.amount
    if abs(amount) <= terms.tolerance:
        return "rounding"
    return "part" if mine.part - yours.part == amount else "amount"


def _lines(mine, yours):
    """Which lines differ, if both sides have lines that add up to their amounts."""
    if not mine.lines or not yours.lines:
        return ()
    left: Counter[str] = Counter()
    for sign, lines in ((1, mine.lines), (-1, yours.lines)):
        for key, amount in lines:
            left[key] += sign * amount
    detail = tuple((key, amount) for key, amount in sorted(left.items()) if amount)
    same = sum(amount for _key, amount in detail) == mine.amount - yours.amount
    return detail if same else ()


def _recognise(ours, theirs, terms, found):
    """Pairs among what is left, where there is only one possibility: by reference, else by amount and day."""
    for name in (
        lambda e: e.reference and (e.unit, e.reference),
        lambda e: e.day and (e.unit, e.amount, e.part, e.day),
    ):
        mine, yours = _lonely(ours, name), _lonely(theirs, name)
        pairs = [(mine[word], yours[word]) for word in mine.keys() & yours.keys()]
        for one, other in pairs:
            amount = one.amount - other.amount
            found.append(
                Difference("reference", one.key, one, other, amount, one.unit, (one.key, other.key))
            )
        gone_here, gone_there = {p[0].key for p in pairs}, {p[1].key for p in pairs}
        ours = [entry for entry in ours if entry.key not in gone_here]
        theirs = [entry for entry in theirs if entry.key not in gone_there]
    return ours, theirs


def _lonely(entries, name):
    """Entries by a name that only one of them has."""
    counts = Counter(word for entry in entries if (word := name(entry)))
    return {word: entry for entry in entries if (word := name(entry)) and counts[word] == 1}


def seal(result: Result) -> str:
    """Digest of what was compared: totals and differences, without what is known of them."""
    return digest(
        [
            {
                unit: [t.here_count, t.here, t.here_part, t.there_count, t.there, t.there_part]
                for unit, t in result.totals.items()
            },
            sorted(
                [d.reason, d.key, d.unit, d.amount, json.dumps(d.detail)]
                for d in result.differences
            ),
        ]
    )


def former_seal(result: Result) -> str:
    """The seal as it was made until 19.0.1.2.0, without parts and details: of what was signed off then."""
    return digest(
        [
            {
                unit: [t.here_count, t.here, t.there_count, t.there]
                for unit, t in result.totals.items()
            },
            sorted([d.reason, d.key, d.unit, d.amount] for d in result.differences),
        ]
    )
