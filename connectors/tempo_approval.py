"""Whether a day of a person is approved: Tempo approves a person's timesheet of a period, not a worklog.

Periods (weeks or months, as Tempo is set) are asked for once. Timesheets are read team by team, for a period at a time;
who is in no team, or one of few people, is asked for alone, when there is time of that person. What may not be seen is
no answer: without the right to approvals no time is read, and nothing that was approved is taken back. Of whom Tempo
does not know any more no state is said, so what was known of that time stays, and a person is asked.

A timesheet that was handed in, approved, rejected or opened again says when (``status.updatedAt``): so the time of a
period is read again although none of its worklogs changed.

Source: Tempo REST API documentation version 4, "Periods", "Teams", "Timesheet Approvals"; Tempo Knowledge Base,
"Timesheet approval REST API on Cloud" (approvals by user and period, not by worklog).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from .errors import ConnectorError
from .times import parse_iso

if TYPE_CHECKING:
    from .tempo import Tempo

NEAR = timedelta(days=31)  # between two days whose periods are asked for together
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
        self.connector = connector
        self.begun: datetime | None = None  # when those of all teams began to be read
        self._teams: list[str] | None = None
        self._spans: list[tuple[str, str]] = []  # days whose periods are known
        self._periods: dict[str, str] = {}  # first day -> last day
        self._read: set[tuple[str, str]] = set()  # team, first day
        self._sheets: dict[tuple[str, str], Mapping | None] = {}

    def know_all(self, first: str, last: str, now: datetime) -> None:
        """Read the timesheets of all teams that touch these days."""
        self._know_periods(first, last)
        self.begun = self.begun or self.connector.begun(now)
        for begin, end in sorted(self._periods.items()):
            if begin <= last and first <= end:
                self._know_teams(begin)

    def know(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read what these days of people lie in, team by team where that takes fewer calls than person by person.

        :param wanted: ``(user, day)`` pairs. A day may be far from all others: nothing between them is read.
        """
        wanted, people = set(wanted), defaultdict(set)
        for first, last in _stretches({day for _user, day in wanted if not self._begin(day)}):
            self._know_periods(first, last)
        for user, day in wanted:
            begin = self._begin(day)
            if user and begin and (user, begin) not in self._sheets:
                people[begin].add(user)
        for begin, users in sorted(people.items()):
            if len(users) > 1 and len(users) > len(self._team_ids()):
                self._know_teams(begin)

    def _know_periods(self, first: str, last: str) -> None:
        if any(begin <= first and last <= end for begin, end in self._spans):
            return
        query = {"from": first, "to": last}
        body = self.connector.tempo("GET", "/periods", query=query).json()
        periods = body.get("periods") if isinstance(body, dict) else None
        if not isinstance(periods, list):
            raise ConnectorError("schema", "no_list", params={"list": "periods"})
        self._periods.update({str(one["from"]): str(one["to"]) for one in periods})
        self._spans.append((first, last))

    def _begin(self, day: str) -> str | None:
        """The first day of a day's period."""
        return next((begin for begin, end in self._periods.items() if begin <= day <= end), None)

    def _team_ids(self) -> list[str]:
        if self._teams is None:
            try:
                self._teams = [str(team["id"]) for team in self.connector.every("/teams")]
            except ConnectorError as error:
                if error.kind != "permission":
                    raise
                self._teams = []  # each person is asked for alone
        return self._teams

    def _know_teams(self, begin: str) -> None:
        for team in self._team_ids():
            if (team, begin) not in self._read:
                self._know_team(team, begin)
                self._read.add((team, begin))

    def _know_team(self, team: str, begin: str) -> None:
        query = {"from": begin, "to": self._periods[begin]}
        try:
            path = f"/timesheet-approvals/team/{team}"
            sheets = self.connector.rows("GET", path, query=query)[0]
        except ConnectorError as error:
            if error.kind != "reference":
                raise
            return  # the team was deleted since
        for sheet in sheets:
            self._sheets[(_user(sheet), begin)] = sheet

    def of(self, user: str, day: str) -> tuple[str | None, str | None]:
        """The state of a person's day, and who approved it; no state where Tempo does not know the person any more."""
        begin = self._begin(day)
        if begin is None or not user:
            return OPEN, None
        if (user, begin) not in self._sheets:
            self._sheets[(user, begin)] = self._alone(user, begin)
        sheet = self._sheets[(user, begin)]
        if sheet is None:
            return None, None
        status = sheet.get("status") or {}
        state = STATES.get(str(status.get("key")), OPEN)
        who = (status.get("actor") or {}).get("accountId") if state == "APPROVED" else None
        return state, who

    def _alone(self, user: str, begin: str) -> Mapping | None:
        query = {"from": begin, "to": self._periods[begin]}
        path = f"/timesheet-approvals/user/{self.connector.user_path(user)}"
        try:
            sheet = self.connector.tempo("GET", path, query=query).json()
        except ConnectorError as error:
            if error.kind != "reference":
                raise
            return None
        if not isinstance(sheet, dict) or not isinstance(sheet.get("status") or {}, dict):
            raise ConnectorError("schema", "bad_shape", params={"error": "timesheet"})
        return sheet

    def decided(self, since: datetime, first: date) -> list[tuple[str, str, str]]:
        """``(first day, last day, user)`` of the known timesheets, from ``first`` on, that changed since."""
        found = []
        for (user, begin), sheet in self._sheets.items():
            moment = parse_iso(((sheet or {}).get("status") or {}).get("updatedAt"))
            if moment and moment >= since and self._periods[begin] >= first.isoformat():
                found.append((begin, self._periods[begin], user))
        return found


def _stretches(days: Iterable[str]) -> list[tuple[str, str]]:
    """First and last days of what lies close together."""
    stretches: list[tuple[str, str]] = []
    for day in sorted(days):
        if stretches and date.fromisoformat(day) - date.fromisoformat(stretches[-1][1]) <= NEAR:
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches


def _user(sheet: Mapping) -> str:
    try:
        return str(sheet["user"]["accountId"])
    except (KeyError, TypeError):
        raise ConnectorError("schema", "no_id") from None
