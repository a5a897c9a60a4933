"""Reading windows of days again, page by page, where rows are paged by their number.

A number moves when an earlier row appears or goes. So each page begins with the last row of the one before: if another
row stands there, the window is read anew. What was read before is recognised by its content, further on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ..core import strict_json
from .errors import ConnectorError
from .parts import Page, Record

AGAIN = 3  # times that a window is read anew because its rows moved


class RowWindows:
    """What a product adds: the windows of a run, a page of a window, its records, a row's key."""

    def begin(self, cursor: dict, now: datetime) -> dict:
        """The cursor of a new run: ``windows`` (each plain JSON), ``again`` (0), ``deep`` (the day on which it last
        reached far back) and ``since`` (when the run began)."""
        raise NotImplementedError

    def page(self, window: Sequence, row: int | None = None) -> tuple[list[dict], int]:
        """Rows of a page from number ``row`` on, and the number of the row after them, 0 at the end."""
        raise NotImplementedError

    def records(self, rows: Sequence[Mapping], window: Sequence) -> list[Record]:
        """Records of rows."""
        raise NotImplementedError

    def key_of(self, row: Mapping) -> str:
        """The id of a row.

        :raise ConnectorError: kind ``schema``, if it has none.
        """
        raise NotImplementedError

    def poll(self, cursor: dict, now: datetime) -> Page:
        """The next page of the running windows; at the end, where the next run begins."""
        if not cursor.get("windows"):
            cursor = self.begin(cursor, now)
        if not cursor["windows"]:
            return Page([], {}, False)  # it starts in the future: the first run is still to come
        window, row, last = cursor["windows"][0], cursor.get("row"), cursor.get("last")
        rows, following = self.page(window, row)
        keys = [self.key_of(one) for one in rows]
        after = {name: cursor[name] for name in ("windows", "again", "deep", "since")}
        if row is not None:
            moved = keys[:1] != [last]
            if moved and cursor["again"] < AGAIN:
                # someone added or deleted while we turned the pages: rows may have slipped past
                return Page([], {**after, "again": cursor["again"] + 1}, True)
            rows, keys = (rows, keys) if moved else (rows[1:], keys[1:])
        records = self.records(rows, window)
        if following and keys:
            return Page(records, {**after, "row": following - 1, "last": keys[-1]}, True)
        after.update(windows=cursor["windows"][1:], again=0)
        if after["windows"]:
            return Page(records, after, True)
        return Page(records, {"deep": after["deep"], "since": after["since"]}, False)


def of_days(
    parts: Iterable[tuple[list[Record], bool]], since: datetime, until: datetime
) -> Iterator[list[Record]]:
    """What of a listing is of these days, the last one too.

    :param parts: records with a ``date`` of their own, and whether what was read is proved to be all.
    :raise ConnectorError: kind ``connection``, code ``listing_incomplete``, after the last part.
    """
    first, last = since.date().isoformat(), until.date().isoformat()
    proved, count = True, 0
    for records, agrees in parts:
        proved, count = proved and agrees, count + len(records)
        yield [r for r in records if first <= strict_json.loads(r.payload)["date"] <= last]
    if not proved:
        raise ConnectorError("connection", "listing_incomplete", params={"read": count})


def row_key(row: Mapping, name: str) -> str:
    """A row's numeric id, as text.

    :raise ConnectorError: kind ``schema``, code ``no_id``.
    """
    key = row.get(name)
    if not isinstance(key, int) or isinstance(key, bool):
        raise ConnectorError("schema", "no_id")
    return str(key)
