"""Worklogs of a whole site, with their account, their issue and the approval of their day.

``updatedFrom`` knows days only, and neither an approval nor another account of the issue moves a worklog's time of
change. So a poll reads

* what changed since the day before the last run;
* the period of each timesheet that was decided or opened again since (:mod:`.tempo_approval`), of the last 35 days at
  each poll and of the last 92 once a day;
* once a day the last 92 days whole, the first time all since the start date.

Whether a worklog's account is said by itself (a work attribute of type *Account*) or by its issue (the field *Account*
in Jira) depends on the site; the worklog's own word counts first.

Source: Tempo REST API documentation version 4, "Worklogs" (``updatedFrom``, ``orderBy``, offset and limit), "Work
Attributes"; Tempo Help Center, "Worklog REST APIs for Jira Cloud" (``updatedFrom`` goes with no other filter), "Account
REST APIs for Jira Cloud" (the field ``io.tempo.jira__account``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

from ..core import strict_json
from . import tempo_memory
from .clockify_shapes import hours_of
from .errors import ConnectorError
from .parts import Page, Record
from .row_windows import RowWindows, row_key
from .tempo_approval import Timesheets
from .times import iso, parse_iso

if TYPE_CHECKING:
    from .tempo import Tempo

PAGE = 500  # rows of a page: what the engine stores in one transaction
SPAN = timedelta(days=92)  # of a window
RECENT, AHEAD, DEEP, FIRST = (timedelta(days=days) for days in (35, 31, 92, 1096))
DAY, WEEK = timedelta(days=1), timedelta(days=7)


class Worklogs(RowWindows):
    """Reads the worklogs of a connector's site. A window is ``[first day, last day, user]``; without a last day, it
    is what changed since the first."""

    def __init__(self, connector: Tempo):
        self._of = connector

    @property
    def sheets(self) -> Timesheets:
        """The timesheets that are known."""
        return self._of.known.sheets

    def poll(self, cursor: dict, now: datetime) -> Page:
        """The next page, with what was read for those before it."""
        self._of.known, after = tempo_memory.take(self._of, cursor), cursor
        try:
            page = super().poll(cursor, now)
            after = page.cursor if page.more else None
            return page
        finally:
            if after is not None:
                tempo_memory.keep(self._of, after, self._of.known)

    def page(self, window: Sequence, row: int | None = None, size: int = PAGE):
        """Worklogs of a page in the order of their ids, from ``row`` on, and the number of the row after them."""
        first, last, user = window
        path = f"/worklogs/user/{self._of.user_path(user)}" if user else "/worklogs"
        asked = {"from": first[:10], "to": last[:10]} if last else {"updatedFrom": first[:10]}
        if not user:
            asked["orderBy"] = "ID"  # new ones come last; of one person, Tempo sorts by day and id
        query = {**asked, "offset": row or 0, "limit": size}
        rows, more = self._of.rows("GET", path, query=query)
        return rows, (row or 0) + len(rows) if more else 0

    def key_of(self, row: Mapping) -> str:
        """A worklog's id in Tempo, as text."""
        return row_key(row, "tempoWorklogId")

    def begin(self, cursor: dict, now: datetime) -> dict:
        """The windows of a new run."""
        today, end, start = now.date().isoformat(), now + AHEAD, self._of.start()
        daily, since = cursor.get("deep") != today, parse_iso(cursor.get("since"))
        overlap = timedelta(seconds=int(self._of.settings.get("overlap_seconds") or 300))
        if since is None:
            spans = _windows(start or now - FIRST, end)
        else:
            # a day more: it is not said in whose zone the day of a change is meant
            spans = [[(since - DAY).date().isoformat(), None, None]]
            oldest = now - (DEEP if daily else RECENT)
            oldest = max(oldest, start or oldest)
            if daily:
                spans += _windows(oldest, end)
            else:
                first, last = oldest.date().isoformat(), (now + WEEK).date().isoformat()
                self.sheets.know_all(first, last, now)
                spans += [list(key) for key in self.sheets.decided(since, oldest.date())]
        begun = self.sheets.begun or min(self._of.known.begun, now)
        return {"windows": spans, "again": 0, "deep": today, "since": iso(begun - overlap, 0)}

    # -- records ----------------------------------------------------------------------------------

    def records(self, rows: Sequence[Mapping], window: Sequence = ()) -> list[Record]:
        """Records of worklogs, none of work before the start date. What they need is read together."""
        start = self._of.start()
        oldest = start.date().isoformat() if start else ""
        rows = [row for row in rows if _day(row) >= oldest]
        if not rows:
            return []
        self.sheets.know((_author(row), _day(row)) for row in rows)
        self._of.directory.know_issues({_issue(row) for row in rows} - {None})
        made = []
        for row in rows:
            payload = self._payload(row)
            made.append(Record("time_entry", payload["id"], None, None, strict_json.dumps(payload)))
        return made

    def _payload(self, row: Mapping) -> dict:
        """A worklog. Its day is the one that the person chose. What was worked and what is to be billed stay two
        numbers; where Tempo does not show what is to be billed, nothing is said of it."""
        known, user = self._of.directory, _author(row)
        issue = known.issue(_issue(row))
        account = known.account_of(row, issue) or {}
        state, approver = self.sheets.of(user, _day(row))
        people = known.people()
        billable = row.get("billableSeconds")
        about = " ".join(filter(None, (issue.get("key"), issue.get("summary")))) or None
        return {
            "id": self.key_of(row),
            "description": row.get("description") or "",
            "user_id": user,
            "user_name": (people.get(user) or {}).get("name"),
            "project_id": account.get("id"),
            "project_name": account.get("name"),
            "issue_id": _issue(row),
            "issue_key": issue.get("key"),
            "issue_summary": issue.get("summary"),
            "issue_name": about,
            # the issue is no task of Odoo's, so the note says what the work was on
            "note": ": ".join(filter(None, (about, row.get("description")))),
            "jira_project": issue.get("project"),
            "date": _day(row),
            "start_time": row.get("startTime"),
            "hours": hours_of(_seconds(row.get("timeSpentSeconds"))),
            "billable_hours": None if billable is None else hours_of(_seconds(billable)),
            "billable": None if billable is None else _seconds(billable) > 0,
            "approval_status": state,
            "approver_id": approver,
            "approver_name": (people.get(approver or "") or {}).get("name"),
        }

    def fetch(self, keys: Sequence[str]) -> dict[str, Record]:
        """Worklogs by id: Tempo gives them one by one. A deleted one is left out."""
        rows = [self._of.one(f"/worklogs/{key}", "tempoWorklogId") for key in keys]
        made = self.records([row for row in rows if row is not None])
        return {record.external_id: record for record in made}

    def listing(self, start: datetime, end: datetime) -> Iterator[tuple[list[Record], bool]]:
        """All worklogs of a period, page by page, and whether no row moved while the pages were turned."""
        for window in _windows(start, end):
            row, last = None, None
            while True:
                rows, following = self.page(window, row)
                still = row is None or [self.key_of(one) for one in rows[:1]] == [last]
                yield self.records(rows, window), still
                if not following or len(rows) < 2:
                    break
                row, last = following - 1, self.key_of(rows[-1])


def _windows(start: datetime, end: datetime) -> list[list]:
    """``[first day, last day, None]`` of a period in parts, newest first. Tempo counts both days in, so no two parts
    share one."""
    oldest, last = (moment.astimezone(timezone.utc).date() for moment in (start, end))
    parts = []
    while last >= oldest:
        first = max(oldest, last - SPAN + DAY)
        parts.append([first.isoformat(), last.isoformat(), None])
        last = first - DAY
    return parts


def _day(row: Mapping) -> str:
    day = row.get("startDate")
    if not isinstance(day, str) or parse_iso(day) is None:
        raise ConnectorError("schema", "bad_time")
    return day[:10]


def _author(row: Mapping) -> str:
    return str((row.get("author") or {}).get("accountId") or "")


def _issue(row: Mapping) -> str | None:
    key = (row.get("issue") or {}).get("id")
    return None if key is None else str(key)


def _seconds(value: object) -> Decimal:
    if not isinstance(value, (int, Decimal)) or isinstance(value, bool) or value < 0:
        raise ConnectorError("schema", "bad_duration")
    return Decimal(value)
