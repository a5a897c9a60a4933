"""Time entries of a whole workspace, from the detailed report.

Clockify lists entries person by person, tells no time of change, and does not say in an entry whether it is
approved. The detailed report has all people, the filter by approval and the total to prove a listing by. So a
poll reads a window again, and what did not change is recognised by its content:

* each time the last 24 days (and 7 ahead), once a day the last 92, the first time all since the start date;
* the period of each approval request that was decided since, however old.

Windows have at most 30 days: more is refused on some plans. Each is read twice, first what is not approved,
then what is: who is approved in between is seen twice, and the later state counts.

Source: Clockify API, "Detailed report" (filters, the zone of its dates, 31 days on the free plan), "API URLs",
"Get approval requests".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..core import strict_json
from . import clockify_shapes as shapes
from .errors import ConnectorError
from .http import Answer
from .parts import Page, Record
from .times import iso, parse_iso

if TYPE_CHECKING:
    from .clockify import Clockify

PAGE = 500  # rows of a poll's page; the report gives up to 1,000
SIZE = 1000
RECENT, AHEAD, DEEP, FIRST = (timedelta(days=days) for days in (24, 7, 92, 1096))
STATES = ("UNAPPROVED", "APPROVED")
DECIDED = ("APPROVED", "WITHDRAWN_APPROVAL", "PENDING")
MOST_LATE = 200  # older periods that one poll reads again; with more, the nightly window has them
MOST_REQUESTS = 1000  # approvals that are looked through for who gave them
EVER = datetime(2000, 1, 1, tzinfo=timezone.utc)
AGAIN = 3  # times that a window is read anew because it moved


class Entries:
    """Reads the entries of a connector's workspace."""

    def __init__(self, connector: Clockify):
        self._of = connector

    # -- the report -------------------------------------------------------------------------------

    def address(self) -> str:
        """Where the reports are: on a host of their own, or below the region's."""
        base = self._of.base_url
        if urlsplit(base).hostname == "api.clockify.me":
            return "https://reports.api.clockify.me/v1"
        parts = urlsplit(base)
        return f"{parts.scheme}://{parts.netloc}/report/v1"

    def answer(self, name: str, window: Sequence, state: str, paging: dict) -> Answer:
        """One page of a report.

        :param window: ``[from, to, user id or None]``, UTC.
        """
        start, end, user = window
        body = {
            # the zone is said, or Clockify takes the times for those of the key's owner
            "timeZone": "UTC",
            "dateRangeStart": start.rstrip("Z"),
            "dateRangeEnd": end.rstrip("Z"),
            "approvalState": state,
            "exportType": "JSON",
            "rounding": False,
            "sortOrder": "ASCENDING",
            **paging,
        }
        if user:
            body["users"] = {"contains": "CONTAINS", "ids": [user], "status": "ALL"}
        return self._of.elsewhere(self.address(), f"{self._of.workspace()}/reports/{name}", body)

    def ask(self, name: str, window: Sequence, state: str, paging: dict) -> dict:
        """The same, as the answer's object."""
        found = self.answer(name, window, state, paging).json()
        if not isinstance(found, dict):
            raise ConnectorError("schema", "no_list", params={"list": name})
        return found

    @staticmethod
    def detailed(page: int, size: int) -> dict:
        """How the detailed report is asked for a page."""
        options = {"page": page, "pageSize": size, "sortColumn": "ID"}
        return {"detailedFilter": {**options, "options": {"totals": "CALCULATE"}}}

    def page(self, window: Sequence, state: str, page: int, size: int = SIZE):
        """``(rows, how many entries the whole window has)`` of the detailed report."""
        found = self.ask("detailed", window, state, self.detailed(page, size))
        rows, totals = found.get("timeentries"), found.get("totals")
        if not isinstance(rows, list) or not isinstance(totals, list):
            raise ConnectorError("schema", "no_list", params={"list": "timeentries"})
        # an empty window has no totals, or an empty one
        total = totals[0] if totals and isinstance(totals[0], dict) else {}
        return rows, int(total.get("entriesCount") or 0)

    def whole(self, window: Sequence, state: str) -> tuple[list[dict], bool]:
        """All rows of a window, and whether they agree with Clockify's own count on each page."""
        rows: list[dict] = []
        counts, page = set(), 1
        while True:
            part, count = self.page(window, state, page)
            rows += part
            counts.add(count)
            if len(part) < SIZE:
                keys = {shapes.key_of(row) for row in rows}
                return rows, counts == {len(keys)} and len(keys) == len(rows)
            page += 1

    # -- polling ----------------------------------------------------------------------------------

    def poll(self, cursor: dict, now: datetime) -> Page:
        """The next page of the running windows; at the end, where the next run begins."""
        cursor = _renamed(cursor)
        if not cursor.get("windows"):
            cursor = self._begin(cursor, now)
        window, state, page = cursor["windows"][0], cursor["state"], cursor["page"]
        rows, count = self.page(window, state, page, PAGE)
        records = self.records((row, state) for row in rows)
        first = count if page == 1 else cursor["count"]
        if len(rows) >= PAGE:
            return Page(records, {**cursor, "page": page + 1, "count": first}, True)
        after = {**cursor, "page": 1, "again": 0}
        after.pop("count", None)
        if page > 1 and first != count and cursor["again"] < AGAIN:
            # someone added or deleted while we turned the pages: rows may have slipped past
            after["again"] = cursor["again"] + 1
        elif state == STATES[0]:
            after["state"] = STATES[1]
        else:
            after.update(state=STATES[0], windows=cursor["windows"][1:])
        if after["windows"]:
            return Page(records, after, True)
        return Page(records, {"deep": after["deep"], "since": after["since"]}, False)

    def _begin(self, cursor: dict, now: datetime) -> dict:
        """The windows of a new run."""
        today, end = now.date().isoformat(), now + AHEAD
        start = self._of.first_day()
        if not cursor.get("deep"):
            begin = start or now - FIRST
        else:
            begin = now - (RECENT if cursor["deep"] == today else DEEP)
            begin = max(begin, start or begin)
        windows = shapes.windows(begin, end)
        since, begun = parse_iso(cursor.get("since")), now
        if since:
            windows += self._decided(since, begin, start)
            begun = self._of.begun(now)
        overlap = timedelta(seconds=int(self._of.settings.get("overlap_seconds") or 300))
        return {
            "windows": windows,
            "state": STATES[0],
            "page": 1,
            "again": 0,
            "deep": today,
            "since": iso(begun - overlap, 0),
        }

    def _decided(self, since: datetime, begin: datetime, start: datetime | None) -> list[list]:
        """Periods of approval requests that changed since, as far as they lie before ``begin``."""
        late: dict[tuple, None] = {}
        for state in DECIDED:
            for request in self._requests(state, since):
                period = request.get("dateRange") or {}
                first, last = parse_iso(period.get("start")), parse_iso(period.get("end"))
                if first is None or last is None or first >= begin:
                    continue
                user = (request.get("owner") or {}).get("userId")
                # a period may be one instant, and its end belongs to it
                last += timedelta(seconds=1)
                for part in shapes.windows(max(first, start or first), last):
                    late[(*part[:2], user)] = None
        return [list(key) for key in late][:MOST_LATE]

    def _requests(self, state: str, since: datetime) -> Iterator[Mapping]:
        """Approval requests of a state, the last changed first, down to ``since``."""
        page = 1
        while True:
            query = {
                "status": state,
                "sort-column": "UPDATED_AT",
                "sort-order": "DESCENDING",
                "page": page,
                "page-size": 50,
            }
            try:
                rows, last = self._of.rows("/approval-requests", query)
            except ConnectorError as error:
                if error.kind in ("permission", "reference"):
                    return  # the plan has no approvals: the connection test says so
                raise
            for row in rows:
                request = row.get("approvalRequest") or {}
                changed = parse_iso((request.get("status") or {}).get("updatedAt"))
                if changed and changed < since:
                    return
                yield request
            if last:
                return
            page += 1

    def _approvers(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Who approved these requests, by request; of those that are not found, nobody. Read once, the last
        approved first: an entry itself does not say it."""
        known, keys = self._of.approvers, set(keys)
        if keys - known.keys():
            for request in islice(self._requests("APPROVED", EVER), MOST_REQUESTS):
                known[str(request.get("id"))] = (request.get("status") or {}).get("updatedBy")
                if not keys - known.keys():
                    break
            known.update(dict.fromkeys(keys - known.keys()))
        return known

    # -- records ----------------------------------------------------------------------------------

    def records(self, rows) -> list[Record]:
        """Records of ``(row, state)``: of work only, and none from before the start date."""
        start, made, rows = self._of.first_day(), [], list(rows)
        approvers = self._approvers(
            row["approvalRequestId"]
            for row, state in rows
            if state == "APPROVED" and row.get("approvalRequestId")
        )
        for row, state in rows:
            if row.get("type") not in shapes.REGULAR:
                continue
            payload = shapes.entry(
                row,
                self._of.people(),
                shapes.approval(row, state),
                self._of.settings.get("time_zone"),
                approvers.get(row.get("approvalRequestId")) if state == "APPROVED" else None,
            )
            if start is None or payload["date"] >= (start + timedelta(days=1)).date().isoformat():
                made.append(
                    Record("time_entry", payload["id"], None, None, strict_json.dumps(payload))
                )
        return made

    def fetch(self, keys: Sequence[str]) -> dict[str, Record]:
        """Entries by id: each is read alone, and whether they are approved for each person at once.

        The report may lag behind; what the entry itself says counts, the report adds the rest.
        """
        found: dict[str, dict] = {}
        for key in keys:
            row = self._of.one(f"/time-entries/{key}")
            if row is not None:
                found[key] = row
        spans: dict[str, list[datetime]] = {}
        for row in found.values():
            start = parse_iso((row.get("timeInterval") or {}).get("start"))
            if start is None:
                raise ConnectorError("schema", "bad_time")
            spans.setdefault(str(row.get("userId") or ""), []).append(start)
        reported: dict[str, tuple[dict, str]] = {}
        minute = timedelta(minutes=1)
        for user, starts in spans.items():
            for window in shapes.windows(min(starts) - minute, max(starts) + minute):
                window[2] = user
                for state in STATES:
                    for row in self.whole(window, state)[0]:
                        reported[shapes.key_of(row)] = (row, state)
        rows = []
        for key, own in found.items():
            row, state = reported.get(key, ({}, STATES[0]))
            if row.get("projectId") != own.get("projectId"):
                row = {**row, "projectName": None}
            if row.get("taskId") != own.get("taskId"):
                row = {**row, "taskName": None}
            rows.append(({**row, **own}, state))
        return {record.external_id: record for record in self.records(rows)}

    # -- proofs -----------------------------------------------------------------------------------

    def listing(self, start: datetime, end: datetime) -> Iterator[tuple[list[Record], bool]]:
        """All entries of a period, window by window, and whether each window was proved."""
        for window in shapes.windows(start, end):
            latest = {}
            for state in STATES:
                for row in self.whole(window, state)[0]:
                    latest[shapes.key_of(row)] = (row, state)
            _rows, count = self.page(window, "ALL", 1, 1)
            yield self.records(latest.values()), count == len(latest)

    def ids(self, start: datetime, end: datetime) -> set[str]:
        """Ids of all entries of a period.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``.
        """
        keys: set[str] = set()
        for window in shapes.windows(start, end):
            rows, proved = self.whole(window, "ALL")
            if not proved:
                raise ConnectorError("connection", "listing_incomplete", params={"read": len(rows)})
            keys.update(shapes.key_of(row) for row in rows)
        return keys


def _renamed(cursor: dict) -> dict:
    """A cursor whose windows go by their name: up to 19.0.1.2.0 they were stored as "todo", and a run that was
    under way at the update goes on where it stood."""
    if "todo" not in cursor:
        return cursor
    cursor = dict(cursor)
    return {"windows": cursor.pop("todo"), **cursor}
