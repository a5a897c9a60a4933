"""What Clockify sends, in the shapes that our mappings read. Pure: rows go in, payloads come out.

An entry is shown by two hosts in two shapes (a duration is ``PT1H30M`` at one, whole seconds at the other);
here it is one, so that what is read by id equals what a poll brings.

Source: Clockify API, "Time entry", "Detailed report", "Expense", "User".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import ConnectorError
from .times import iso, parse_iso

_DURATION = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?"
)
# what is not work: breaks, holidays and leave stand in the same list
REGULAR = (None, "REGULAR")


def seconds_of(duration: object) -> Decimal:
    """Seconds of an ISO 8601 duration (``PT1H30M``, ``PT20M15S``) or of a number of seconds.

    :raise ConnectorError: kind ``schema``, code ``bad_duration``.
    """
    if isinstance(duration, (int, Decimal)) and not isinstance(duration, bool):
        return Decimal(duration)
    match = _DURATION.fullmatch(str(duration or ""))
    if not match or not any(match.groups()):
        raise ConnectorError("schema", "bad_duration")
    days, hours, minutes, seconds = (Decimal(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def duration_of(hours: object) -> str:
    """Hours as Clockify takes an estimate: 7.5 is ``PT7H30M``.

    :raise ConnectorError: kind ``data``, code ``bad_number``.
    """
    try:
        seconds = int((Decimal(str(hours)) * 3600).to_integral_value())
    except (InvalidOperation, OverflowError):
        raise ConnectorError("data", "bad_number", params={"field": "budget"}) from None
    if seconds < 0:
        raise ConnectorError("data", "bad_number", params={"field": "budget"})
    whole, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(whole, "H"), (minutes, "M"), (rest, "S")]
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


def hours_of(seconds: Decimal) -> Decimal:
    """Seconds as hours; whole seconds can be had back from it."""
    return (seconds / 3600).quantize(Decimal("1e-8")).normalize() + 0


def zone_of(*names: object) -> ZoneInfo:
    """The first zone of the names that is one, else UTC."""
    for name in names:
        try:
            if name:
                return ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def person(row: Mapping, workspace: str) -> dict:
    """A user: who it is, whether it still works here, its zone and rates. What it set up for its own
    screens is left out."""
    member = next(
        (
            one
            for one in row.get("memberships") or ()
            if one.get("membershipType") == "WORKSPACE" and one.get("targetId") == workspace
        ),
        {},
    )
    here = member.get("membershipStatus") in (None, "ACTIVE", "PENDING")
    account = row.get("status") in (None, "ACTIVE", "PENDING_EMAIL_VERIFICATION", "LIMITED")
    return {
        "id": row["id"],
        "name": row.get("name"),
        "email": row.get("email"),
        "active": here and account,
        # not there before the person has finished signing up
        "timeZone": (row.get("settings") or {}).get("timeZone"),
        "hourlyRate": _rate(member.get("hourlyRate")),
        "costRate": _rate(member.get("costRate")),
    }


def project(row: Mapping) -> dict:
    """A project or task without what moves with each hour that is tracked."""
    shown = {name: value for name, value in row.items() if name != "duration"}
    shown["rate"] = _rate(row.get("hourlyRate"))
    return shown


def _rate(rate: Mapping | None) -> Decimal | None:
    """A rate in units of its currency: Clockify's are hundredths."""
    amount = (rate or {}).get("amount")
    return None if amount is None else Decimal(str(amount)) / 100


def key_of(row: Mapping) -> str:
    """The id of a row of a report; the published description and the answers name it differently."""
    key = row.get("_id") or row.get("id") or row.get("get_id")
    if not isinstance(key, str):
        raise ConnectorError("schema", "no_id")
    return key


def entry(
    row: Mapping,
    people: Mapping[str, dict],
    state: str,
    fallback: object = None,
    approver: str | None = None,
) -> dict:
    """A time entry. ``date`` is the day it was for the person who worked: Clockify keeps UTC, and the
    profile says in which zone it was meant.

    :param row: of a report or of the list, or both laid over each other.
    :param people: users by id, as :func:`person` makes them.
    :param state: what the report says of its approval, see :func:`approval`.
    :param fallback: the zone of people whose profile has none.
    :param approver: id of the user who approved it, where it is known.
    """
    who = people.get(row.get("userId") or "") or {}
    interval = row.get("timeInterval") or {}
    start, end = parse_iso(interval.get("start")), parse_iso(interval.get("end"))
    if start is None:
        raise ConnectorError("schema", "bad_time")
    zone = zone_of(who.get("timeZone"), fallback)
    duration = interval.get("duration")
    if end is None:
        seconds = Decimal(0)
    elif duration is None:
        seconds = Decimal((end - start) // timedelta(seconds=1))
    else:
        seconds = seconds_of(duration)
    project_id, task_id = row.get("projectId") or None, row.get("taskId") or None
    return {
        "id": key_of(row),
        "description": row.get("description") or "",
        "billable": row.get("billable"),
        "userId": row.get("userId"),
        "userName": who.get("name") or row.get("userName"),
        "projectId": project_id,
        "projectName": row.get("projectName"),
        "taskId": task_id,
        "taskName": row.get("taskName") if task_id else None,
        "project_task": f"{project_id}/{task_id}" if project_id and task_id else None,
        "start": iso(start, 0),
        "end": iso(end, 0) if end else None,
        "timeZone": zone.key,
        "date": start.astimezone(zone).date().isoformat(),
        "hours": hours_of(seconds),
        "running": end is None,
        "approvalStatus": state,
        "approverId": approver,
        "approverName": (people.get(approver or "") or {}).get("name"),
    }


def approval(row: Mapping, state: str) -> str:
    """APPROVED, PENDING (handed in) or UNSUBMITTED.

    :param state: the filter by which the report was asked. What is not approved and belongs to a request is
        taken for handed in; a rejected or withdrawn one is not told apart, and neither is billed.
    """
    if state == "APPROVED":
        return state
    return "PENDING" if row.get("approvalRequestId") else "UNSUBMITTED"


def expense(row: Mapping, names: Mapping[str, str], state: str) -> dict:
    """An expense. Clockify states its total in hundredths, and its day as the person entered it.

    :param row: of the list (whole objects inside) or read by id (only ids).
    :param names: of users, projects and categories, by id.
    """
    category = row.get("category") or {"id": row.get("categoryId")}
    where = row.get("project") or {"id": row.get("projectId")}
    total = row.get("total")
    if total is None or not row.get("date"):
        raise ConnectorError("schema", "bad_shape", params={"entity": "expense"})
    return {
        "id": row["id"],
        "date": str(row["date"])[:10],
        "userId": row.get("userId"),
        "userName": names.get(row.get("userId") or ""),
        "projectId": where.get("id"),
        "projectName": where.get("name") or names.get(where.get("id") or ""),
        "categoryId": category.get("id"),
        "categoryName": category.get("name") or names.get(category.get("id") or ""),
        "quantity": row.get("quantity"),
        "amount": Decimal(str(total)) / 100,
        "billable": row.get("billable"),
        "notes": row.get("notes") or "",
        "receiptId": row.get("fileId") or None,
        "approvalStatus": state,
    }


def windows(start: datetime, end: datetime, days: int = 30) -> list[list]:
    """``[from, to, None]`` of a period in parts that every plan may ask a report for, newest first."""
    parts = []
    while end > start:
        begin = max(start, end - timedelta(days=days))
        parts.append([iso(begin, 0), iso(end, 0), None])
        end = begin
    return parts


def midnight(day: date) -> datetime:
    """The beginning of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
