"""Reading "all that changed since" from a search, without ever skipping a row.

Paging by offset over rows that are sorted by their time of change loses rows: whoever changes while
we read moves to the end, and all behind it move up by one, across the border of a page. So each
page asks anew for "changed at or after the last one seen" and drops those of that instant that it
had already. A search that answers at most 10,000 rows is no limit then, since only first pages are
asked for. If one instant has more rows than a page (an import), they are read in the order of their
ids.

All functions are pure: a cursor goes in, a cursor comes out; both are plain JSON. Times are whole
milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence


def begin(cursor: dict | None, *, now: int, first: int) -> dict:
    """The cursor of the running window: the stored one, or a new window up to ``now``.

    :param first: where the very first window starts.
    """
    cursor = dict(cursor or {})
    if "upto" in cursor:
        return cursor
    return {"at": cursor.get("next", first), "seen": [], "upto": now}


def advance(
    cursor: dict, rows: Sequence[tuple[int, str]], *, limit: int, overlap: int
) -> tuple[list[int], dict, bool]:
    """Take one page.

    :param rows: ``(time, id)`` of each row, in the order in which the search was asked to sort.
    :param limit: rows that a full page has; a shorter page is the last one.
    :param overlap: milliseconds that the next window looks back, for rows that reach the search's
        index late. Rows read twice carry the same version, so they have no second effect.
    :return: the indexes of the new rows, the next cursor, and whether the window goes on.
    """
    full = len(rows) >= limit
    if cursor.get("by_id") is not None:
        if full:
            return list(range(len(rows))), {**cursor, "by_id": rows[-1][1]}, True
        after = {"at": cursor["at"] + 1, "seen": [], "upto": cursor["upto"]}
        return list(range(len(rows))), after, True
    seen = set(cursor["seen"])
    new = [
        index
        for index, (moment, key) in enumerate(rows)
        if not (moment == cursor["at"] and key in seen)
    ]
    if not full:
        return new, {"next": cursor["upto"] - overlap}, False
    last = rows[-1][0]
    if last <= cursor["at"] and seen:
        # a whole page of one instant, and not its first: go on by id
        return new, {**cursor, "seen": [], "by_id": "0"}, True
    same = [key for moment, key in rows if moment == last]
    return new, {"at": last, "seen": same, "upto": cursor["upto"]}, True
