from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.hours import Window, is_open, next_change

BERLIN = "Europe/Berlin"
NIGHTS = [Window(frozenset(range(5)), 20 * 60, 6 * 60)]  # Monday to Friday, over midnight
OFFICE = [Window(frozenset(range(5)), 9 * 60, 17 * 60)]


def berlin(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


def test_without_windows_it_is_always_open_and_never_changes():
    now = berlin("2026-03-04T03:00")
    assert is_open([], BERLIN, now)
    assert next_change([], BERLIN, now) is None


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins():
    assert not is_open(NIGHTS, BERLIN, berlin("2026-03-06T19:59"))  # Friday
    assert is_open(NIGHTS, BERLIN, berlin("2026-03-06T20:00"))
    assert is_open(NIGHTS, BERLIN, berlin("2026-03-07T05:59"))  # Saturday morning
    assert not is_open(NIGHTS, BERLIN, berlin("2026-03-07T06:00"))
    assert not is_open(NIGHTS, BERLIN, berlin("2026-03-08T23:00"))  # Sunday
    assert not is_open(NIGHTS, BERLIN, berlin("2026-03-09T03:00"))  # Monday before its first night


def test_it_opens_again_after_the_weekend():
    assert next_change(NIGHTS, BERLIN, berlin("2026-03-07T07:00")) == berlin("2026-03-09T20:00")


def test_hours_are_those_of_the_zone_in_summer_and_winter():
    for day in ("2026-01-05", "2026-07-06"):
        change = next_change(OFFICE, BERLIN, berlin(f"{day}T08:00"))
        assert change == berlin(f"{day}T09:00")


def test_a_time_that_the_clock_leaves_out_begins_at_the_jump():
    half_past_two = [Window(frozenset(range(7)), 150, 240)]
    jump = datetime(2026, 3, 29, 1, tzinfo=timezone.utc)  # 02:00 becomes 03:00
    assert next_change(half_past_two, BERLIN, jump - timedelta(minutes=45)) == jump


def test_equal_ends_mean_the_whole_day():
    windows = [Window(frozenset([6]), 0, 0)]  # Sunday
    assert is_open(windows, BERLIN, berlin("2026-03-08T12:00"))
    assert not is_open(windows, BERLIN, berlin("2026-03-09T00:00"))


WINDOWS = st.lists(
    st.builds(
        Window,
        st.frozensets(st.integers(0, 6), min_size=1),
        st.integers(0, 1439),
        st.integers(0, 1440),
    ),
    min_size=1,
    max_size=3,
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc))


@given(WINDOWS, MOMENTS, st.sampled_from([BERLIN, "UTC", "America/New_York", "Asia/Kathmandu"]))
def test_the_next_change_changes_and_nothing_changes_before(windows, now, zone):
    change = next_change(windows, zone, now)
    state = is_open(windows, zone, now)
    until = change or now + timedelta(days=8)
    moment = now
    while moment < until:
        assert is_open(windows, zone, moment) == state
        moment += timedelta(minutes=97)
    if change:
        assert is_open(windows, zone, change) != state
