"""The next dunning level, on plain data."""

from datetime import date, timedelta

import pytest

from lead_to_cash_hub.core.dunning import Level, Sent, next_level

TODAY = date(2025, 7, 31)
FIRST, SECOND, LAST = Level(1, 5, 0), Level(2, 20, 10), Level(3, 40, 7)
LEVELS = (LAST, FIRST, SECOND)


def ago(days):
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("overdue", "sent", "expected"),
    [
        (4, [], None),
        (5, [], FIRST),
        (90, [], FIRST),  # the first one is never skipped, however late it is
        (90, [Sent(1, 5, ago(9))], None),  # ten days between
        (90, [Sent(1, 5, ago(10))], SECOND),
        (19, [Sent(1, 5, ago(14))], None),
        (90, [Sent(1, 5, ago(40)), Sent(2, 20, ago(6))], None),
        (90, [Sent(2, 20, ago(7)), Sent(1, 5, ago(40))], LAST),
        (90, [Sent(3, 40, ago(30))], None),  # nothing comes after the last
        (90, [Sent(9, 30, ago(7))], LAST),  # a level that is gone since counts as reached
        (90, [Sent(2, 3, ago(7))], FIRST),  # its days were changed since: none is skipped
        (90, [Sent(1, 5, ago(40)), Sent(3, 6, ago(20))], SECOND),  # and none comes twice
        (90, [Sent(1, 3, ago(40)), Sent(2, 4, ago(40)), Sent(3, 6, ago(20))], None),
    ],
)
def test_the_next_level_comes_after_the_former_and_in_time(overdue, sent, expected):
    assert next_level(LEVELS, overdue, sent, TODAY) == expected


def test_a_level_of_no_days_waits_for_the_day_after():
    levels = [Level(9, 0, 0)]
    assert next_level(levels, 0, [], TODAY) is None
    assert next_level(levels, 1, [], TODAY) == levels[0]


def test_without_levels_nobody_is_reminded():
    assert next_level([], 400, [], TODAY) is None
