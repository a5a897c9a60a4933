"""Fees by schedule and recurring services on plain numbers: which period, from when to when, how much, due when.

Days are ``date``; money is ``Decimal``. A period is cut by days, and each cut is the difference of two rounded sums, so
that the parts of a period add up to it exactly wherever it is cut.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from .billing import exact, rounded

#: Months of an interval.
INTERVALS = {"month": 1, "quarter": 3, "year": 12}
#: Of a service until it is cancelled, what stands in the contract's value.
OPEN_MONTHS = 12
DAY = timedelta(days=1)
#: No service has more periods: 100 years of months.
MOST = 1200


class ScheduleError(ValueError):
    """A schedule that does not come to its fee: ``planned`` and ``fee``."""

    def __init__(self, planned, fee):
        super().__init__(f"{planned} is planned of {fee}")
        self.planned, self.fee = planned, fee


@dataclass(frozen=True)
class Share:
    """One instalment as it is written: a percent of the fee, an amount, or (both None) the rest."""

    percent: Decimal | None = None
    amount: Decimal | None = None


def instalments(fee, shares, step=Decimal("0.01")) -> list[Decimal]:
    """What each instalment comes to; together the fee, exactly.

    Percents are rounded one by one and the last instalment in percent takes what rounding left; one that is written as
    the rest takes what the others leave.

    :param fee: untaxed, a multiple of ``step``
    :param shares: :class:`Share`, in the order of their days; at most one is the rest
    :raise ScheduleError: when they do not come to the fee, or one of them is less than nothing
    """
    fee, step = exact(fee), exact(step)
    parts = [
        rounded(fee * exact(share.percent) / 100, step)
        if share.percent is not None
        else rounded(share.amount, step)
        if share.amount is not None
        else None
        for share in shares
    ]
    rest = [place for place, part in enumerate(parts) if part is None]
    by_percent = [place for place, share in enumerate(shares) if share.percent is not None]
    planned = sum((part for part in parts if part is not None), Decimal(0))
    if len(rest) == 1:
        parts[rest[0]] = fee - planned
    elif not rest and by_percent and abs(fee - planned) <= step * len(by_percent) / 2:
        difference = fee - planned
        for place in reversed(by_percent):  # none becomes less than nothing by it
            taken = max(difference, -parts[place])
            parts[place] += taken
            difference -= taken
    if rest[1:] or sum(part or 0 for part in parts) != fee or any(part < 0 for part in parts):
        raise ScheduleError(planned, fee)
    return parts


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or its last day: 31 January and one month are 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _begin(day, months, aligned):
    """The first day of the calendar's period that ``day`` is in; ``day`` itself where periods begin with it."""
    if not aligned:
        return day
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def spans(first, last, months, aligned):
    """Periods of a term, without gap or overlap: ``(start, end, whole start, whole end)``, the last day included.

    :param last: None until cancelled: the caller stops
    :param aligned: periods of the calendar, of which the first and the last may be broken; else each begins on the day
        of the month on which the term began (31 January, 28 February, 31 March)
    """
    anchor = _begin(first, months, aligned)
    for number in range(MOST):
        whole = add_months(anchor, number * months), add_months(anchor, (number + 1) * months) - DAY
        start, end = max(whole[0], first), min(whole[1], last or whole[1])
        if last and start > last:
            return
        yield start, end, *whole


def share(price, whole, start, end, step) -> Decimal:
    """What the days from ``start`` to ``end`` come to of a period that costs ``price``.

    :param whole: first and last day of the unbroken period
    """
    days = (whole[1] - whole[0]).days + 1

    def until(day):
        return rounded(exact(price) * (day - whole[0]).days / days, step)

    return until(end + DAY) - until(start)


@dataclass(frozen=True)
class Terms:
    """A recurring service as it is agreed.

    :param first: the first day of the service
    :param last: the last day; None until cancelled
    :param months: of one period, see ``INTERVALS``
    :param price: of one unbroken period, untaxed
    :param aligned: see :func:`spans`
    :param advance: due on the first day of a period; else on its last
    :param prices: ``[(day, percent or None, price or None)]``: from that day on so many percent more, or that price
    :param pauses: ``[(first day, last day or None)]``: days that cost nothing
    :param step: the smallest amount of the currency
    """

    first: date
    last: date | None
    months: int
    price: Decimal
    aligned: bool = True
    advance: bool = True
    prices: tuple = ()
    pauses: tuple = ()
    step: Decimal = Decimal("0.01")


@dataclass(frozen=True)
class Period:
    """One period of a service: what it comes to, and when it is due.

    :param days: that cost something; ``whole`` of them make an unbroken period
    """

    start: date
    end: date
    amount: Decimal
    due: date
    days: int
    whole: int


def price_on(terms, day) -> Decimal:
    """The price of an unbroken period on ``day``: each indexation is rounded, and the next one counts from it."""
    price = exact(terms.price)
    for since, percent, new in sorted(terms.prices, key=lambda change: change[0]):
        if since > day:
            break
        more = price * (100 + exact(percent)) / 100 if new is None else exact(new)
        price = rounded(more, terms.step)
    return price


def _stretches(terms, start, end):
    """The days from ``start`` to ``end`` that cost something, in pieces of one price: ``[(first, last)]``."""
    edges = {start, end + DAY}
    edges |= {since for since, _percent, _price in terms.prices if start < since <= end}
    for since, until in terms.pauses:
        edges |= {day for day in (since, until and until + DAY) if day and start < day <= end}
    edges = sorted(edges)
    for first, following in pairwise(edges):
        if not any(
            since <= first and (not until or first <= until) for since, until in terms.pauses
        ):
            yield first, following - DAY


def periods(terms, until=None):
    """The periods of a service that are due by ``until``, in order; all of them without it.

    :param until: needed where the service has no end
    """
    for start, end, *whole in spans(terms.first, terms.last, terms.months, terms.aligned):
        due = start if terms.advance else end
        if until and due > until:
            return
        amount, days = Decimal(0), 0
        for first, last in _stretches(terms, start, end):
            amount += share(price_on(terms, first), whole, first, last, terms.step)
            days += (last - first).days + 1
        yield Period(start, end, amount, due, days, (whole[1] - whole[0]).days + 1)


def value(terms) -> Decimal:
    """What a service comes to from its first day to its last; without one, for ``OPEN_MONTHS``."""
    last = terms.last or add_months(terms.first, OPEN_MONTHS) - DAY
    return sum((period.amount for period in periods(replace(terms, last=last))), Decimal(0))


def last_day(terms, received, notice_months, whole_periods) -> date:
    """The last day of a service that is cancelled.

    :param received: when notice was given
    :param notice_months: how long it still runs from then on
    :param whole_periods: it runs until the end of the period that this falls into
    """
    end = max(add_months(received, notice_months), terms.first)
    if whole_periods:
        for start, _end, _first, until in spans(terms.first, None, terms.months, terms.aligned):
            if start <= end <= until:
                end = until
                break
    return min(end, terms.last) if terms.last else end
