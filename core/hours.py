"""Hours of the week in which something may run: pure, with the time passed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

DAY = 24 * 60


@dataclass(frozen=True)
class Window:
    """Hours on some days of the week.

    :param days: weekdays on which it begins, Monday is 0.
    :param start: minute of the day at which it begins.
    :param end: minute at which it ends; not after ``start``: on the next day.
    """

    days: frozenset[int]
    start: int
    end: int


def is_open(windows: Sequence[Window], zone: str, now: datetime) -> bool:
    """Whether ``now`` (aware) lies in one of the windows, by the clocks of ``zone``.

    No window at all means no limit.
    """
    if not windows:
        return True
    local = now.astimezone(ZoneInfo(zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    for window in windows:
        if window.start < window.end:
            if day in window.days and window.start <= minute < window.end:
                return True
        elif (day in window.days and minute >= window.start) or (
            (day - 1) % 7 in window.days and minute < window.end
        ):
            return True
    return False


def next_change(windows: Sequence[Window], zone: str, now: datetime) -> datetime | None:
    """When it opens or closes next (aware, UTC); None if it never does.

    Clocks that are put forward or back are respected: the answer is a moment, not a time of day.
    """
    if not windows:
        return None
    place, state = ZoneInfo(zone), is_open(windows, zone, now)
    midnight = now.astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    moments = set()
    for day in range(-1, 9):
        for minute in {m % DAY for window in windows for m in (window.start, window.end)}:
            local = midnight + timedelta(days=day, minutes=minute)
            for fold in (0, 1):
                moments.add(local.replace(tzinfo=place, fold=fold).astimezone(timezone.utc))
    # A time of day that a clock put forward leaves out begins at the jump, on a full half hour.
    jump = now.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    moments.update(jump + timedelta(minutes=30 * step) for step in range(9 * 48))
    for moment in sorted(moments):
        if moment > now and is_open(windows, zone, moment) != state:
            return moment
    return None
