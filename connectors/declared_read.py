"""Reading a declared stream: pages, changes since, deletions, records by id.

How nothing is lost: a window starts ``overlap`` seconds before the last one began, and what is read
twice has no second effect. Along a token or a link the product keeps the place. By number, pages
shift when a row leaves the part that was read, so an offset goes on a few rows before the end of the
last page. The paging ``since`` asks anew after each page, for what changed at or after the last row
seen (see :mod:`.window`): it needs a list that is sorted by the time of change, the oldest first,
and is the one that a list by change should have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from ..core import strict_json
from ..core.paths import reader as path_reader
from ..core.problem import Problem
from .base import Connector, chunks, path_id
from .errors import ConnectorError
from .parts import Page, Record
from .times import from_epoch, iso, parse_iso, to_epoch

ID = r"[A-Za-z0-9_][A-Za-z0-9_.:@~-]{0,119}"
OVERLAP = 300  # seconds
MOST_PAGES = 2000  # of one walk; a product that never ends its list is not followed for ever


def at(value: Any, path: str | None) -> Any:
    """What a JMESPath finds; the value itself for an empty one; None where it does not fit."""
    if not path:
        return value
    try:
        return path_reader(path)(value)
    except Problem:
        return None


def listed(body: Any, path: str | None) -> list:
    """The rows of an answer.

    :raise ConnectorError: kind ``schema``, code ``no_list``: there is no list at that path.
    """
    rows = at(body, path)
    if not isinstance(rows, list):
        raise ConnectorError("schema", "no_list", params={"list": path or ""})
    return rows


def moment_of(value: Any) -> datetime | None:
    """A time as products write it: ISO text, or seconds or milliseconds since 1970."""
    if value is None or value == "" or isinstance(value, (bool, dict, list)):
        return None
    text = str(value)
    if text.lstrip("-").replace(".", "", 1).isdigit() and len(text.split(".")[0]) > 8:
        whole = int(text.split(".")[0])
        return from_epoch(whole, 1000 if abs(whole) > 10**11 else 1)
    return parse_iso(text)


def safe_id(value: Any) -> str:
    """An id that is safe inside a path: letters, digits and ``_.:@~-``.

    :raise ConnectorError: kind ``data``, code ``bad_id``.
    """
    return path_id(value, ID)


def filled(path: str, values: Mapping[str, Any]) -> str:
    """A path with its holes filled by ids.

    :raise ConnectorError: kind ``data``, code ``bad_id``: a value is missing or no id.
    """
    for name in [part.partition("}")[0] for part in path.split("{")[1:]]:
        path = path.replace(f"{{{name}}}", safe_id(values.get(name, "")))
    return path


class Reader:
    """One declared stream, read for a connector."""

    def __init__(self, stream: dict, connector: Connector):
        self.stream, self.connector = stream, connector
        self._call = connector._call
        self.entity = stream["entity"]
        self.paging = stream.get("paging") or {"kind": "none"}
        self.since = stream.get("since")
        start = parse_iso(connector.settings.get("start_date"))
        self.start = to_epoch(start, 1000) if start else None

    # -- asking -------------------------------------------------------------------------------

    def first_call(self):
        """The answer to the first page of all: what a test of the connection asks."""
        return self._call("GET", self.stream["path"], query=self._query({"since": self.start}))

    def _query(self, state: dict) -> dict[str, Any]:
        """What to ask for a page.

        :param state: ``since`` (ms) and ``page`` (number, offset or token).
        """
        query: dict[str, Any] = dict(self.stream.get("query") or {})
        paging = self.paging
        if paging.get("size_parameter"):
            query[paging["size_parameter"]] = paging["size"]
        if self.since and state.get("since") is not None:
            query[self.since["parameter"]] = self._time(state["since"])
        if state.get("page") is not None and paging.get("parameter"):
            query[paging["parameter"]] = state["page"]
        elif paging["kind"] == "page":
            query[paging["parameter"]] = paging.get("first", 1)
        return query

    def _time(self, ms: int) -> Any:
        kind = self.since.get("format") or "iso"
        moment = from_epoch(ms, 1000)
        return {
            "iso": lambda: iso(moment, 0),
            "iso_ms": lambda: iso(moment),
            "date": lambda: moment.date().isoformat(),
            "epoch": lambda: ms // 1000,
            "epoch_ms": lambda: ms,
        }[kind]()

    def _ask(self, path: str, state: dict) -> tuple[Any, list]:
        """Body and rows of a page."""
        if self.paging["kind"] == "link" and state.get("page"):
            # as a browser would; the session refuses what leaves the product's own address
            answer = self._call("GET", urljoin(self.connector.base_url + path, str(state["page"])))
        else:
            answer = self._call("GET", path, query=self._query(state))
        body = answer.json()
        return body, listed(body, self.stream.get("items"))

    def _following(self, body: Any, rows: list, state: dict) -> Any:
        """Where the next page is, or None after the last."""
        paging, kind = self.paging, self.paging["kind"]
        size = paging.get("size")
        if kind in ("token", "link"):
            following = at(body, paging["next"])
            if following in (None, "", False) or following == state.get("page"):
                return None
            if not isinstance(following, (str, int)):
                raise ConnectorError("schema", "no_next_page")
            return following
        if kind in ("none", "since") or not rows or (size and len(rows) < size):
            return None
        if kind == "page":
            if paging.get("next") and not at(body, paging["next"]):
                return None
            return int(state.get("page") or paging.get("first", 1)) + 1
        # some rows before the end: what moved up meanwhile is not skipped
        return int(state.get("page") or 0) + max(1, size - size // 10)

    # -- changes ------------------------------------------------------------------------------

    def poll(self, cursor: dict | None, now: datetime) -> Page:
        """A page of changes. A stored place that the product refuses is left, once: the window is read anew.

        ``cursor``: ``since`` (ms of the window's start), ``started`` (ms when it was begun), ``page``,
        ``pages`` (read so far); for paging ``since`` also ``at``.
        """
        cursor = dict(cursor or {})
        if "started" not in cursor:
            anew = {"anew": True} if cursor.get("anew") else {}
            since = cursor.get("since", self.start)
            cursor = {"since": since, "started": to_epoch(now, 1000), **anew}
        try:
            body, rows = self._ask(self.stream["path"], cursor | {"since": self._from(cursor)})
        except ConnectorError as error:
            refused = error.kind in ("data", "reference") and cursor.get("page") is not None
            if not refused or cursor.get("anew"):
                raise
            return Page([], {"since": cursor["since"], "anew": True}, True)
        if "pages" not in cursor:
            cursor["started"] = to_epoch(self.connector._begun(now), 1000)
        records = [self.record(row) for row in rows]
        if self.paging["kind"] == "since":
            following = self._later(records, cursor)
        else:
            following = self._following(body, rows, cursor)
            following = None if following is None else cursor | {"page": following}
        if following is not None:
            following["pages"] = cursor.get("pages", 0) + 1
            if following["pages"] > MOST_PAGES:
                raise ConnectorError("schema", "endless_list", params={"list": self.entity})
            return Page(records, following, True)
        if not self.since:
            return Page(records, {}, False)
        overlap = (self.since.get("overlap", OVERLAP)) * 1000
        return Page(records, {"since": cursor["started"] - overlap}, False)

    def _from(self, cursor: dict) -> int | None:
        return cursor.get("at", cursor.get("since"))

    def _later(self, records: list[Record], cursor: dict) -> dict | None:
        """The next question of paging ``since``: from the time of the last row seen on."""
        if len(records) < self.paging["size"]:
            return None
        if any(record.changed_at is None for record in records):
            raise ConnectorError("schema", "no_time_of_change", params={"object": self.entity})
        times = [to_epoch(record.changed_at, 1000) for record in records]
        if times != sorted(times):
            raise ConnectorError("schema", "not_sorted", params={"object": self.entity})
        asked = self._from(cursor)
        last = {"at": times[-1]}
        if asked is None or self._time(times[-1]) != self._time(asked):
            return {name: value for name, value in cursor.items() if name != "page"} | last
        # more than a page of what the parameter takes for one time: on by number, where there is one
        if not self.paging.get("parameter"):
            raise ConnectorError("schema", "same_instant", params={"object": self.entity})
        return cursor | {"page": int(cursor.get("page") or self.paging.get("first", 1)) + 1}

    def poll_deleted(self, cursor: dict | None, now: datetime) -> Page:
        """The list of deleted records, read like the stream itself; every row is a deletion."""
        path = (self.stream.get("deleted") or {}).get("list")
        if not path:
            return Page([], cursor or {}, False)
        gone = Reader({**self.stream, "path": path, "deleted": {}}, self.connector)
        page = gone.poll(cursor, now)
        for record in page.records:
            record.deleted = True
        return page

    def walk(self, since: int | None, now: datetime) -> Iterator[list[Record]]:
        """All pages of one window."""
        cursor: dict | None = {"since": since, "started": to_epoch(now, 1000)}
        while cursor is not None:
            page = self.poll(cursor, now)
            yield page.records
            cursor = page.cursor if page.more else None

    def listing(self, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """What changed in a window, page by page."""
        for records in self.walk(to_epoch(since, 1000), until):
            yield [r for r in records if r.changed_at is None or since <= r.changed_at < until]

    # -- records ------------------------------------------------------------------------------

    def record(self, row: Any) -> Record:
        """A row as a record.

        :raise ConnectorError: kind ``schema``, code ``no_id``: it has none.
        """
        stream = self.stream
        key = at(row, stream["id"]) if isinstance(row, dict) else None
        if key is None or key == "" or isinstance(key, (bool, dict, list)):
            raise ConnectorError("schema", "no_id", params={"object": self.entity})
        changed = moment_of(at(row, stream["changed_at"])) if stream.get("changed_at") else None
        version = iso(changed) if changed else None
        if stream.get("version"):
            version = at(row, stream["version"])
            # numbers sort as texts once they have one length
            version = f"{version:020d}" if type(version) is int else version and str(version)
        merged = at(row, stream["merged_into"]) if stream.get("merged_into") else None
        return Record(
            self.entity,
            str(key),
            version or None,
            changed,
            strict_json.dumps(row),
            deleted=self._is_deleted(row),
            merged_into=str(merged) if merged not in (None, "", False) else None,
        )

    def _is_deleted(self, row: dict) -> bool:
        deleted = self.stream.get("deleted") or {}
        if not deleted.get("path"):
            return False
        found = at(row, deleted["path"])
        if deleted.get("value"):
            return str(found).casefold() == deleted["value"].casefold()
        return found not in (None, False, "", 0, [], {})

    def fetch(self, ids: Sequence[str], now: datetime) -> dict[str, Record]:
        """Records by id; a missing one is left out."""
        read, asked = self.stream.get("read") or {}, list(dict.fromkeys(str(i) for i in ids))
        if read.get("together"):
            return self._together(read, asked)
        if read:
            found = (self._one(read, key) for key in asked)
            return {record.external_id: record for record in found if record}
        wanted, result = set(asked), {}
        for records in self.walk(None, now):
            result |= {r.external_id: r for r in records if r.external_id in wanted}
            if len(result) == len(wanted):
                break
        return result

    def _one(self, read: dict, key: str) -> Record | None:
        try:
            path = filled(read["path"], {"id": key})
            row = at(self._call("GET", path).json(), read.get("item"))
        except ConnectorError as error:
            if error.kind == "reference" or error.code == "bad_id":
                return None
            raise
        record = self.record(row) if row else None
        if record is not None and record.external_id != key:
            raise ConnectorError("schema", "other_record", params={"object": self.entity})
        return record

    def _together(self, read: dict, asked: list[str]) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for part in chunks([key for key in asked if _is_id(key)], read["most"]):
            query = {**(self.stream.get("query") or {}), read["together"]: ",".join(part)}
            paging = self.paging
            if paging.get("size_parameter"):
                query[paging["size_parameter"]] = max(paging["size"], len(part))
            body = self._call("GET", self.stream["path"], query=query).json()
            rows = [self.record(row) for row in listed(body, self.stream.get("items"))]
            found |= {r.external_id: r for r in rows if r.external_id in part}
        return found


def _is_id(key: str) -> bool:
    try:
        return bool(safe_id(key))
    except ConnectorError:
        return False
