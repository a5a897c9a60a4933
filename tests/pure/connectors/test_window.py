"""The search window against a source that changes while it is read."""

import random

import pytest

from lead_to_cash_hub.connectors import window

LIMIT = 5


def search(rows, cursor):
    """A search like HubSpot's: filtered, sorted by one property, first page only."""
    if cursor.get("by_id") is not None:
        found = [r for r in rows if r[0] == cursor["at"] and int(r[1]) > int(cursor["by_id"])]
        found.sort(key=lambda row: int(row[1]))
    else:
        found = sorted((r for r in rows if r[0] >= cursor["at"]), key=lambda row: row[0])
    return found[:LIMIT]


def drain(source, cursor, now, *, touch=None, crash=None):
    """Read a window to its end; ``touch`` changes the source between pages."""
    seen, pages = [], 0
    while True:
        cursor = window.begin(cursor, now=now, first=0)
        rows = search([(moment, key) for key, moment in source.items()], cursor)
        new, following, more = window.advance(cursor, rows, limit=LIMIT, overlap=10)
        pages += 1
        assert pages < 500, "the window does not end"
        if crash and crash(pages):
            continue  # the page was read but not stored: the old cursor stands
        seen += [rows[index] for index in new]
        cursor = following
        if touch:
            touch(pages)
        if not more:
            return seen, cursor


def test_reads_all_once_and_next_window_overlaps():
    source = {str(n): n * 7 for n in range(1, 33)}
    seen, cursor = drain(source, {}, 1000)
    assert sorted(key for _moment, key in seen) == sorted(source)
    assert len(seen) == len(source)
    assert cursor == {"next": 990}
    source["99"] = 991
    assert drain(source, cursor, 1100)[0] == [(991, "99")]


@pytest.mark.parametrize("count", [4, 5, 6, 11, 40])
def test_one_instant_with_more_rows_than_a_page(count):
    source = {str(n): 500 for n in range(1, count + 1)}
    source["900"] = 499
    source["901"] = 501
    seen, _cursor = drain(source, {}, 1000)
    assert {key for _moment, key in seen} == set(source)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_skipped_while_rows_change_and_pages_crash(seed):
    dice = random.Random(seed)
    source = {str(n): dice.randint(1, 12) for n in range(1, 60)}
    clock = [100]

    def touch(_page):
        for key in dice.sample(sorted(source), 3):
            clock[0] += dice.choice([0, 1])
            source[key] = clock[0]

    def crash(page):
        return dice.random() < 0.2

    def limited(page):
        return touch(page) if page < 40 else None

    before = dict(source)
    seen, cursor = drain(source, {}, 50, touch=limited, crash=crash)
    assert {key for _moment, key in seen} == set(before)
    # the state that each row has now was seen, in this window or by the next one
    again, _cursor = drain(source, cursor, clock[0] + 100)
    assert {(moment, key) for key, moment in source.items()} <= set(seen) | set(again)
