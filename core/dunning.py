"""Which reminder of an open amount comes next. Plain data; the day is passed in."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Level:
    """A dunning level of a company.

    days: days after the due date from which it applies; the order of the levels of a company.
    between: days that have to pass after the previous level was sent.
    """

    id: int
    days: int
    between: int


@dataclass(frozen=True)
class Sent:
    """A reminder that went out: its level, the days of the level at that time, and when."""

    level: int
    days: int
    on: date


def next_level(levels, overdue, sent, today):
    """The level of which a reminder is due today, or None.

    :param levels: those of the company, in any order
    :param overdue: days past the due date
    :param sent: :class:`Sent` of the same amount and due date, in any order
    :return: the level after the last one that was sent, once its days have come and the previous is long enough ago;
        levels are never skipped, however late an amount is, and none comes twice, whatever days it was given since
    """
    reached = max((one.days for one in sent), default=-1)
    gone = {one.level for one in sent}
    coming = min(
        (one for one in levels if one.days > reached and one.id not in gone),
        key=lambda one: one.days,
        default=None,
    )
    if coming is None or overdue < max(coming.days, 1):
        return None
    if sent and (today - max(one.on for one in sent)).days < coming.between:
        return None
    return coming
