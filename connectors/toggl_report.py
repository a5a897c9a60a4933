"""Time entries of a whole workspace from the detailed report, and their approval from the timesheets.

The list ``me/time_entries`` has one person's entries; the detailed report has everybody's, but no filter by the time of
change, no word of what was deleted and none of approval. So a poll reads a window of days again, and what did not
change is recognised by its content:

* each time the last 24 days (and 7 ahead), once a day the last 92, the first time all since the start date;
* the period of each timesheet that was handed in, approved or rejected since, back to 400 days.

Rows are paged by their number (:mod:`.row_windows`).

A timesheet is a person's period. What lies in an approved one is approved; time of somebody without a timesheet setup
is in none, and stays ``open``. A plan without approvals answers 402 to the question, and all its time is ``open``.

Source: Toggl Track API documentation, "Detailed reports" ("Search time entries", "Load totals detailed report"),
"Approvals" ("Get timesheets").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ..core import strict_json
from .base import chunks
from .clockify_shapes import hours_of, midnight, windows, zone_of
from .errors import ConnectorError
from .http import Answer
from .parts import Record
from .row_windows import RowWindows, row_key
from .times import iso, parse_iso

if TYPE_CHECKING:
    from .toggl import Toggl

PAGE = 500  # rows of a page; if the report gives fewer, it says where it goes on all the same
SPAN = 92  # days of a window
RECENT, AHEAD, DEEP, FIRST = (timedelta(days=days) for days in (24, 7, 92, 1096))
LATE = timedelta(days=400)  # how old a timesheet may be that is approved only now
LONGEST = timedelta(days=40)  # of a timesheet's period
MOST_LATE = 200  # older periods that one poll reads again; with more, the daily window has them
DAY = timedelta(days=1)
STATES = ("approved", "submitted", "rejected")
OPEN = "open"  # in no timesheet, or in one that is not handed in


class Approvals:
    """Timesheets by person, as far as they were asked for."""

    def __init__(self, connector: Toggl):
        self._of = connector
        self._known: list[tuple[date, date]] = []
        self._sheets: dict[tuple, dict] = {}
        self._by_user: dict[str, list[tuple[str, str, dict]]] = {}

    def know(self, first: date, last: date) -> None:
        """Read the timesheets that touch these days, unless they are known."""
        if any(start <= first and last <= end for start, end in self._known):
            return
        # the interface takes the day on which a timesheet begins, without saying whether it counts itself
        query = {
            "after": (first - LONGEST).isoformat(),
            "before": (last + 2 * DAY).isoformat(),
            "per_page": 1000,
        }
        for sheet in self._read(query):
            key = (sheet.get("timesheet_setup_id"), sheet.get("member_id"), sheet.get("start_date"))
            self._sheets[key] = sheet
        self._known.append((first, last))
        self._by_user = {}
        for sheet in self._sheets.values():
            begin, end = period(sheet)
            if begin and end:
                self._by_user.setdefault(str(sheet.get("member_id")), []).append(
                    (begin, end, sheet)
                )

    def _read(self, query: Mapping) -> Iterator[dict]:
        page, seen = 1, 0
        while True:
            try:
                body = self._of.below("GET", "/timesheets", query={**query, "page": page}).json()
            except ConnectorError as error:
                if error.code == "not_in_plan":
                    return  # the connection test says so
                raise  # of a right that was lost: else all that is approved would be taken back
            # described as a list of one such object, and as the object itself
            if isinstance(body, list) and len(body) == 1 and "data" in (body[0] or ()):
                body = body[0]
            rows = body.get("data", body) if isinstance(body, dict) else body
            if rows is None:
                return
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ConnectorError("schema", "no_list", params={"list": "timesheets"})
            yield from rows
            seen += len(rows)
            total = body.get("total_count") if isinstance(body, dict) else seen
            if not rows or seen >= int(total or 0):
                return
            page += 1

    def of(self, user: object, day: str) -> tuple[str, str | None]:
        """The state of a person's day, and who decided it."""
        for begin, end, sheet in self._by_user.get(str(user), ()):
            if begin <= day <= end:
                state = str(sheet.get("status") or "").lower()
                who = sheet.get("approved_or_rejected_id") or None
                if state in STATES:
                    return state, str(who) if who and state == "approved" else None
        return OPEN, None

    def decided(self, since: datetime) -> list[tuple[str, str, str]]:
        """``(first day, last day, user)`` of the known timesheets that were handed in or decided since."""
        found = []
        for user, sheets in self._by_user.items():
            for begin, end, sheet in sheets:
                moments = [
                    parse_iso(sheet.get(name))
                    for name in ("submitted_at", "approved_or_rejected_at")
                ]
                if any(moment and moment >= since for moment in moments):
                    found.append((begin, end, user))
        return found


def period(sheet: Mapping) -> tuple[str, str]:
    """First and last day of a timesheet; empty texts if it does not say them."""
    first = sheet.get("start_date") or sheet.get("period_start") or ""
    last = sheet.get("end_date") or sheet.get("period_end") or ""
    return str(first)[:10], str(last)[:10]


class Entries(RowWindows):
    """Reads the entries of a connector's workspace."""

    def __init__(self, connector: Toggl):
        self._of = connector
        self.approvals = Approvals(connector)

    # -- the report -------------------------------------------------------------------------------

    def answer(self, window: Sequence, row: int | None = None, **more) -> Answer:
        """One page of the report.

        :param window: ``[first day, last day, user id or None]``. :param row: number of the first row.
        """
        body = {
            "start_date": window[0][:10],
            "end_date": window[1][:10],
            "enrich_response": True,
            "grouped": False,
            "order_by": "date",
            "order_dir": "ASC",
            "page_size": PAGE,
            "rounding": 0,
            **more,
        }
        if window[2]:
            body["user_ids"] = [int(window[2])]
        if row is not None:
            # never with first_id: together they answer nothing
            body["first_row_number"] = row
        return self._of.report("/search/time_entries", body)

    def page(self, window: Sequence, row: int | None = None, **more) -> tuple[list[dict], int]:
        """Entries of a page (each with what its row says), and the number of the next row, 0 at the end."""
        answer = self.answer(window, row, **more)
        found = answer.json()
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ConnectorError("schema", "no_list", params={"list": "time_entries"})
        flat = []
        for one in found:
            entries = one.get("time_entries")
            if not isinstance(entries, list):
                raise ConnectorError("schema", "no_list", params={"list": "time_entries"})
            flat += [{**one, **entry} for entry in entries]
        following = answer.headers.get("X-Next-Row-Number") or ""
        return flat, int(following) if following.isdigit() else 0

    def whole(self, window: Sequence, **more) -> tuple[list[dict], bool]:
        """All entries of a window, and whether they agree with Toggl's own sum of their seconds."""
        rows: list[dict] = []
        row = None
        while True:
            part, following = self.page(window, row, **more)
            rows += part
            if not following or not part:
                break
            row = following
        keys = {self.key_of(one) for one in rows}
        body = {"start_date": window[0][:10], "end_date": window[1][:10], "rounding": 0}
        total = self._of.report("/search/time_entries/totals", body).json()
        if not isinstance(total, dict):
            raise ConnectorError("schema", "no_list", params={"list": "totals"})
        seconds = sum(_seconds(one) for one in rows)
        return rows, len(keys) == len(rows) and int(total.get("seconds") or 0) == seconds

    # -- polling ----------------------------------------------------------------------------------

    def begin(self, cursor: dict, now: datetime) -> dict:
        """The windows of a new run."""
        today, end = now.date().isoformat(), now + AHEAD
        start = self._of.first_day()
        daily = cursor.get("deep") != today
        if not cursor.get("deep"):
            begin = start or now - FIRST
        else:
            begin = now - (DEEP if daily else RECENT)
            begin = max(begin, start or begin)
        spans = windows(begin, end, SPAN)
        since, begun = parse_iso(cursor.get("since")), now
        if since:
            self.approvals.know((now - (LATE if daily else DEEP)).date(), end.date())
            late = dict.fromkeys(
                (max(first, start.date().isoformat()) if start else first, last, user)
                for first, last, user in self.approvals.decided(since)
                if first < begin.date().isoformat()
            )
            spans += [list(key) for key in late if key[0] <= key[1]][:MOST_LATE]
            begun = self._of.begun(now)
        overlap = timedelta(seconds=int(self._of.settings.get("overlap_seconds") or 300))
        return {"windows": spans, "again": 0, "deep": today, "since": iso(begun - overlap, 0)}

    # -- records ----------------------------------------------------------------------------------

    def records(self, rows: Sequence[Mapping], window: Sequence) -> list[Record]:
        """Records of entries, none from before the start date."""
        if not rows:
            return []
        first = date.fromisoformat(window[0][:10]) - DAY
        self.approvals.know(first, date.fromisoformat(window[1][:10]) + DAY)
        start, made = self._of.first_day(), []
        oldest = (start + DAY).date().isoformat() if start else ""
        for row in rows:
            payload = self._payload(row)
            if payload["date"] >= oldest:
                made.append(
                    Record("time_entry", payload["id"], None, None, strict_json.dumps(payload))
                )
        return made

    def _payload(self, row: Mapping) -> dict:
        """An entry. ``date`` is the day it was for the person who worked, by the zone of the profile."""
        people, user = self._of.people(), str(row.get("user_id") or "")
        who = people.get(user) or {}
        start, stop = parse_iso(row.get("start")), parse_iso(row.get("stop"))
        if start is None:
            raise ConnectorError("schema", "bad_time")
        zone = zone_of(who.get("timezone"), self._of.settings.get("time_zone"))
        day = start.astimezone(zone).date().isoformat()
        state, approver = self.approvals.of(user, day)
        project, task = row.get("project_id") or None, row.get("task_id") or None
        rate = row.get("hourly_rate_in_cents")
        return {
            "id": self.key_of(row),
            "description": row.get("description") or "",
            "billable": row.get("billable"),
            "user_id": user,
            "user_name": who.get("name") or row.get("username"),
            "project_id": project,
            "project_name": row.get("project_name"),
            "task_id": task,
            "task_name": row.get("task_name") if task else None,
            "project_task": f"{project}/{task}" if project and task else None,
            "start": iso(start, 0),
            "stop": iso(stop, 0) if stop else None,
            "time_zone": zone.key,
            "date": day,
            "hours": hours_of(Decimal(_seconds(row))),
            "running": stop is None,
            "billed_rate": None if rate is None else Decimal(str(rate)) / 100,
            "currency": row.get("currency"),
            "approval_status": state,
            "approver_id": approver,
            "approver_name": (people.get(approver or "") or {}).get("name"),
        }

    def fetch(self, keys: Sequence[str]) -> dict[str, Record]:
        """Entries by id, read together. The report wants days: the last year is asked first, then the years before."""
        found: dict[str, Record] = {}
        now = self._of.clock()
        for part in chunks(list(keys), self._of.batch_read):
            end = now + AHEAD
            begin = (self._of.first_day() or now - FIRST) - DAY
            for window in windows(begin, end, 365):
                left = [int(key) for key in part if key not in found]
                if not left:
                    break
                rows, _following = self.page(window, time_entry_ids=left)
                for record in self.records(rows, window):
                    if record.external_id in part:
                        found[record.external_id] = record
        return found

    def key_of(self, row: Mapping) -> str:
        """An entry's id, as text."""
        return row_key(row, "id")

    # -- proofs -----------------------------------------------------------------------------------

    def listing(self, start: datetime, end: datetime) -> Iterator[tuple[list[Record], bool]]:
        """All entries of a period, window by window, and whether each window was proved."""
        for window in windows(start, end - DAY, SPAN):
            rows, proved = self.whole(window)
            yield self.records(rows, window), proved

    def ids(self, first: date, last: date) -> set[str]:
        """Ids of all entries of a period, and of a day around it.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``.
        """
        keys: set[str] = set()
        for window in windows(midnight(first) - DAY, midnight(last) + DAY, SPAN):
            rows, proved = self.whole(window)
            if not proved:
                raise ConnectorError("connection", "listing_incomplete", params={"read": len(rows)})
            keys.update(self.key_of(row) for row in rows)
        return keys


def _seconds(row: Mapping) -> int:
    """Seconds of an entry; a timer that runs has none yet (Toggl shows it as a negative number)."""
    seconds = row.get("seconds")
    if not isinstance(seconds, (int, Decimal)) or isinstance(seconds, bool):
        raise ConnectorError("schema", "bad_duration")
    return max(int(seconds), 0) if row.get("stop") else 0
