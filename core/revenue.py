"""Revenue on plain numbers: what of a price is earned by a day, and how a position moves from one month to the next.

Everything is reckoned *to date*: what a month recognises is what is earned by its last day less what was earned by the
last day of the month before. So months add up to the price however they are cut, and the last takes what rounding left.

A **position** is what is earned less what is billed, without taxes: above zero it is accrued income (work in progress),
below zero deferred income.
"""

from calendar import monthrange
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .billing import exact, rounded

NOTHING = Decimal(0)


def months(first, last) -> Fraction:
    """Months from ``first`` to ``last``, both days included; a part of a month counts by its days."""
    whole = (last.year - first.year) * 12 + last.month - first.month
    ended = Fraction(last.day, monthrange(last.year, last.month)[1])
    not_begun = Fraction(first.day - 1, monthrange(first.year, first.month)[1])
    return whole + ended - not_begun


def elapsed(first, last, day) -> Fraction:
    """The part of a service period that is over at the end of ``day``: 0 before it, 1 from its last day on."""
    if day < first:
        return Fraction(0)
    if day >= last:
        return Fraction(1)
    return months(first, day) / months(first, last)


def progress(done, left) -> Fraction:
    """How far work is that took ``done`` and will take ``left`` more, in one unit; 0 while nothing is done."""
    done, left = max(Fraction(exact(done)), Fraction(0)), Fraction(exact(left))
    return done / (done + left) if done else Fraction(0)


def earned(price, share, step=Decimal("0.01")) -> Decimal:
    """What is earned of ``price`` when ``share`` of it (a ``Fraction`` of at most 1) is done, rounded once."""
    if share >= 1:
        return exact(price)
    return rounded(exact(price) * share.numerator / share.denominator, step)


@dataclass(frozen=True)
class Standing:
    """How a contract line stands at the end of a day, to date and without taxes.

    :param earned: in the currency of the contract
    :param billed: likewise, less what was credited
    :param booked: what was billed, in the company's currency, as it was booked
    :param worth: the position in the company's currency
    """

    earned: Decimal = NOTHING
    billed: Decimal = NOTHING
    booked: Decimal = NOTHING
    worth: Decimal = NOTHING

    @property
    def position(self) -> Decimal:
        return self.earned - self.billed


def standing(before, earned, billed, booked, rate, step=Decimal("0.01")) -> Standing:
    """How a line stands now, with what its position is worth.

    Accrued income will be billed: it is worth what the day's rate says. Deferred income is money that was booked
    already and is never converted again: what is left of it is worth its share of what was deferred and of what was
    billed since, beyond what had been earned before.

    :param before: the :class:`Standing` of the last month
    :param rate: what one unit of the contract's currency is worth in the company's on that day
    :param step: the smallest amount of the company's currency
    """
    position = earned - billed
    deferred = max(-before.position, NOTHING)
    worth = -before.worth if deferred else NOTHING
    new, new_booked = billed - before.billed, booked - before.booked
    settled = _settled(before, new)
    deferred += new - settled
    worth += new_booked - (settled * new_booked / new if settled else NOTHING)
    value = worth * position / deferred if position < 0 < deferred else position * exact(rate)
    if position < 0:
        # Credited at another rate than it was billed with: what is owed is no asset for all that.
        value = min(value, NOTHING)
    return Standing(earned, billed, booked, rounded(value, step))


def _settled(before, billed):
    """What of accrued income is billed by now."""
    return min(max(billed, NOTHING), max(before.position, NOTHING))


@dataclass(frozen=True)
class Roll:
    """How a position moved, in the company's currency: ``opening + recognised - billed + exchange = closing``.

    Who reckons in deferred income reads the same with the other sign: opening + billed - recognised ± exchange.
    """

    opening: Decimal
    recognised: Decimal
    billed: Decimal
    exchange: Decimal
    closing: Decimal


def roll(before, now, rate, step=Decimal("0.01")) -> Roll:
    """What lies between two standings of one contract line.

    Exchange is what the accrued income of the opening gained or lost: until it was billed, at the rate it was billed
    with, or until today, at today's rate. Deferred income has none. All the rest is revenue.
    """
    booked = now.booked - before.booked
    exchange = NOTHING
    if before.position > 0:
        billed = now.billed - before.billed
        settled = _settled(before, billed)
        worth = (before.position - settled) * exact(rate)
        if settled:
            worth += settled * booked / billed
        exchange = rounded(worth - before.worth, step)
    recognised = now.worth - before.worth + booked - exchange
    return Roll(before.worth, recognised, booked, exchange, now.worth)
