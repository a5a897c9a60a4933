"""Retainers on plain numbers: what a period brings, uses, loses and carries over.

A retainer brings an allowance each period, in hours (as whole seconds) or money (as ``Decimal``); whatever the
unit, the arithmetic is the same. What is not used may be carried over, up to a limit and for some periods; the oldest
is used first. What is worked beyond the balance is overage where that is allowed, else it waits. The balance is never
negative.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """How a retainer is carried over.

    :param limit: the most that is carried into the next period; None without a limit
    :param periods: for how many periods after its own an allowance may be used; None until the end
    :param overage: whether work beyond the balance is billed; it waits otherwise
    """

    limit: object = 0
    periods: int | None = None
    overage: bool = False


@dataclass(frozen=True)
class Row:
    """One period of a statement: ``closing = opening + added - used - expired``.

    :param used: taken from the balance
    :param over: worked beyond it: billed as overage, or waiting where that is not allowed
    """

    opening: object
    added: object
    used: object
    expired: object
    closing: object
    over: object


def statement(added, works, terms, settled=None):
    """Periods of a retainer, and what of each entry the balance covers.

    What is billed or closed already stays as it was said, whatever arrives late: its share is set aside first, in later
    periods too, and the rest is covered from what is left. Where overage is billed, it so comes to the same
    altogether whenever time arrives.

    :param added: the allowance of each period, in order
    :param works: ``[(period, day, key, amount)]`` in any order; the period is its place in ``added``
    :param terms: :class:`Terms`
    :param settled: ``{key: amount taken from the balance}`` of works whose share is fixed
    :return: ``(rows, covered, waiting)``: a :class:`Row` a period; ``{key: amount taken from the balance}`` of each
        entry that is settled (less than its amount: the rest is overage); keys of entries that wait because overage
        is not allowed. An entry waits whole, and so does all work behind it in its period.
    """
    nothing = 0 * (added[0] if added else 0)
    settled = settled or {}
    by_period, fixed = [[] for _ in added], [nothing for _ in added]
    lots, rows, covered, waiting = [], [], {}, []  # lots: [period they are of, what is left]
    for period, day, key, amount in works:
        by_period[period].append((day, key, amount))
        if key in settled:
            covered[key] = settled[key]
            fixed[period] += settled[key]
    reserved = _reserved(added, fixed, nothing)
    for period, allowance in enumerate(added):
        opening = sum((left for _of, left in lots), nothing)
        lots.append([period, allowance])
        used = min(fixed[period], opening + allowance)
        over = fixed[period] - used
        balance = max(opening + allowance - used - reserved[period], nothing)
        stopped = False
        for _day, key, amount in sorted(by_period[period], key=lambda work: work[:2]):
            if key in settled:
                over += amount - settled[key]
                continue
            if stopped or (amount > balance and not terms.overage):
                stopped = True
                waiting.append(key)
                over += amount
                continue
            take = min(amount, balance)
            covered[key] = take
            balance -= take
            used += take
            over += amount - take
        _take(lots, used)
        before = sum((left for _of, left in lots), nothing)
        lots = _carried(lots, period, terms, nothing)
        closing = sum((left for _of, left in lots), nothing)
        rows.append(Row(opening, allowance, used, before - closing, closing, over))
    return rows, covered, waiting


def _reserved(added, fixed, nothing):
    """What each period has to leave for what is settled in later ones: as little as they do not bring themselves."""
    reserved, need = [], nothing
    for allowance, later in zip(reversed(added), reversed(fixed), strict=True):
        reserved.insert(0, need)
        need = max(need + later - allowance, nothing)
    return reserved


def _take(lots, amount):
    """Use the oldest first."""
    for lot in lots:
        part = min(lot[1], amount)
        lot[1] -= part
        amount -= part


def _carried(lots, period, terms, nothing):
    """What goes into the next period: not too old, and not more than the limit; the newest is kept."""
    lots = [
        lot
        for lot in lots
        if lot[1] and (terms.periods is None or period + 1 - lot[0] <= terms.periods)
    ]
    if terms.limit is None:
        return lots
    kept, room = [], terms.limit
    for of, left in reversed(lots):
        part = min(left, room)
        room -= part
        if part:
            kept.insert(0, [of, part])
    return kept
