"""Whether a day of a person is approved: Tempo approves a person's timesheet of a period, not a worklog.

Periods (weeks or months, as Tempo is set) are asked for once. Timesheets are read team by team, for a period at a time;
who is in no team is asked for alone, when there is time of that person. Without the right to see approvals all
time is ``OPEN``; the connection test says so.

A timesheet that was handed in, approved, rejected or opened again says when (``status.updatedAt``): so the time of a
period is read again although none of its worklogs changed.

Source: Tempo REST API documentation version 4, "Periods", "Teams", "Timesheet Approvals"; Tempo Knowledge Base,
"Timesheet approval REST API on Cloud" (approvals by user and period, not by worklog).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from .errors import ConnectorError
from .times import parse_iso

if TYPE_CHECKING:
    from .tempo import Tempo

OPEN = "OPEN"  # not handed in, opened again, or nothing is known
STATES = {
    "IN_REVIEW": "IN_REVIEW",
    "WAITING_FOR_APPROVAL": "IN_REVIEW",
    "APPROVED": "APPROVED",
    "REJECTED": "REJECTED",
}


class Timesheets:
    """Timesheets by person and first day, as far as they were asked for."""

    def __init__(self, connector: Tempo):
        self._of = connector
        self._hidden = False
        self._teams: list[str] | None = None
        self._spans: list[tuple[str, str]] = []  # days whose periods are known
        self._periods: dict[str, str] = {}  # first day -> last day
        self._read: set[str] = set()  # periods whose teams were read
        self._sheets: dict[tuple[str, str], Mapping] = {}

    def know(self, first: str, last: str) -> None:
        """Read the timesheets of all teams that touch these days, unless they are known."""
        if self._hidden or any(begin <= first and last <= end for begin, end in self._spans):
            return
        try:
            query = {"from": first, "to": last}
            body = self._of.tempo("GET", "/periods", query=query).json()
            periods = body.get("periods") if isinstance(body, dict) else None
            if not isinstance(periods, list):
                raise ConnectorError("schema", "no_list", params={"list": "periods"})
            self._periods.update({str(one["from"]): str(one["to"]) for one in periods})
            for begin in sorted({str(one["from"]) for one in periods} - self._read):
                for team in self._team_ids():
                    self._know_team(team, begin)
                self._read.add(begin)
        except ConnectorError as error:
            if error.kind != "permission":
                raise
            self._hidden = True
        self._spans.append((first, last))

    def _team_ids(self) -> list[str]:
        if self._teams is None:
            try:
                self._teams = [str(team["id"]) for team in self._of.every("/teams")]
            except ConnectorError as error:
                if error.kind != "permission":
                    raise
                self._teams = []  # each person is asked for alone
        return self._teams

    def _know_team(self, team: str, begin: str) -> None:
        query = {"from": begin, "to": self._periods[begin]}
        try:
            sheets = self._of.rows("GET", f"/timesheet-approvals/team/{team}", query=query)[0]
        except ConnectorError as error:
            if error.kind != "reference":
                raise
            return  # the team was deleted since
        for sheet in sheets:
            self._sheets[(_user(sheet), begin)] = sheet

    def of(self, user: str, day: str) -> tuple[str, str | None]:
        """The state of a person's day, and who approved it."""
        begin = next((b for b, end in self._periods.items() if b <= day <= end), None)
        if self._hidden or begin is None or not user:
            return OPEN, None
        if (user, begin) not in self._sheets:
            self._sheets[(user, begin)] = self._alone(user, begin)
        status = self._sheets[(user, begin)].get("status") or {}
        state = STATES.get(str(status.get("key")), OPEN)
        who = (status.get("actor") or {}).get("accountId") if state == "APPROVED" else None
        return state, who

    def _alone(self, user: str, begin: str) -> Mapping:
        query = {"from": begin, "to": self._periods[begin]}
        try:
            path = f"/timesheet-approvals/user/{self._of.user_path(user)}"
            sheet = self._of.tempo("GET", path, query=query).json()
        except ConnectorError as error:
            if error.kind not in ("permission", "reference"):
                raise
            return {}
        if not isinstance(sheet, dict) or not isinstance(sheet.get("status") or {}, dict):
            raise ConnectorError("schema", "bad_shape", params={"error": "timesheet"})
        return sheet

    def decided(self, since: datetime, first: date) -> list[tuple[str, str, str]]:
        """``(first day, last day, user)`` of the known timesheets, from ``first`` on, that changed since."""
        found = []
        for (user, begin), sheet in self._sheets.items():
            moment = parse_iso((sheet.get("status") or {}).get("updatedAt"))
            if moment and moment >= since and self._periods[begin] >= first.isoformat():
                found.append((begin, self._periods[begin], user))
        return found


def _user(sheet: Mapping) -> str:
    try:
        return str(sheet["user"]["accountId"])
    except (KeyError, TypeError):
        raise ConnectorError("schema", "no_id") from None
