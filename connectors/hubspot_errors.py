"""HubSpot's errors in our classes. Source: HubSpot API documentation, "Error handling", "Usage
details"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text
from .parts import Allowance


def from_answer(answer: Answer, write: bool, now: datetime, zone: str) -> ConnectorError | None:
    """The error of an answer, or None.

    :param zone: the account's time zone, at whose midnight the daily quota starts anew.
    """
    error = answer.plain_error(write)
    if error is None:
        return None
    details = answer.details()
    category = str(details.get("category") or "")
    if answer.status == 429:
        return _rate(answer, details, now, zone)
    if answer.status == 423:
        # a record under heavy writing; HubSpot asks for two seconds at least
        return ConnectorError("rate", "locked", status=423, retry_after=error.retry_after or 2.0)
    if answer.status == 477:
        return ConnectorError(
            "product_down", "migrating", status=477, retry_after=error.retry_after or 3600.0
        )
    if answer.status == 401:
        expired = category == "EXPIRED_AUTHENTICATION"
        error.code = "token_expired" if expired else "token_invalid"
    elif category == "MISSING_SCOPES":
        error.code = "missing_scopes"
        error.params["scopes"] = _scopes(details)
    elif error.kind == "data":
        return from_item(details, answer.status)
    elif answer.status == 409:
        return from_item(details, 409)
    return error


def from_item(details: dict, status: int | None = None) -> ConnectorError:
    """The error of one record, alone (400, 409) or inside a 207."""
    category = str(details.get("category") or "")
    message = str(details.get("message") or "")
    if category == "OBJECT_NOT_FOUND":
        return ConnectorError("reference", "not_found", status=status)
    existing = re.search(r"Existing ID: ?([0-9]+)", message)
    if category == "CONFLICT":
        params = {"existing_id": existing[1]} if existing else {}
        code, kind = ("already_exists", "identity") if existing else ("conflict", "conflict")
        return ConnectorError(kind, code, status=status, params=params)
    params = {"message": mask_text(message), "properties": _properties(details)}
    return ConnectorError("data", "validation", status=status, params=params)


def _rate(answer: Answer, details: dict, now: datetime, zone: str) -> ConnectorError:
    # Unlike everybody else, HubSpot's Retry-After counts milliseconds. Not less than a second:
    # should it count seconds one day, we come too early by little and not too often.
    retry_after = answer.retry_after(0.001)
    if retry_after is not None:
        retry_after = max(retry_after, 1.0)
    policy = str(details.get("policyName") or "")
    if policy == "DAILY" or answer.headers.get("X-HubSpot-RateLimit-Daily-Remaining") == "0":
        return ConnectorError(
            "rate", "daily_limit", status=429, retry_after=_until_midnight(now, zone)
        )
    if retry_after is None:
        retry_after = 1.0 if policy == "SECONDLY" else 10.0
    return ConnectorError("rate", "rate_limited", status=429, retry_after=retry_after)


def allowances(answer: Answer, now: datetime, zone: str) -> list[Allowance]:
    """What is left of the ten seconds and of the day. Searches, and apps with OAuth, are told nothing
    of the one or the other."""
    found = []
    for prefix, seconds in (
        ("", _number(answer, "Interval-Milliseconds", 0.001)),
        ("Daily-", _until_midnight(now, zone)),
    ):
        most = _number(answer, prefix.rstrip("-") or "Max")
        remaining = _number(answer, prefix + "Remaining")
        if most and remaining is not None and seconds:
            found.append(Allowance(int(remaining), int(most), seconds))
    return found


def _number(answer: Answer, name: str, unit: float = 1.0) -> float | None:
    text = answer.headers.get(f"X-HubSpot-RateLimit-{name}", "")
    return int(text) * unit if text.isascii() and text.isdigit() and len(text) < 12 else None


def _until_midnight(now: datetime, zone: str) -> float:
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        local = now.astimezone(timezone.utc)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max((midnight - local).total_seconds(), 60.0)


def _scopes(details: dict) -> list[str]:
    found: set[str] = set()
    for item in [details, *_dicts(details.get("errors"))]:
        context = item.get("context")
        for name in ("requiredGranularScopes", "requiredScopes", "missingScopes"):
            values = context.get(name) if isinstance(context, dict) else None
            found.update(str(value) for value in values or () if isinstance(value, str))
    return sorted(found)[:20]


def _properties(details: dict) -> list[str]:
    """Names of the properties that were refused; the values stay with HubSpot."""
    found: set[str] = set()
    for item in [details, *_dicts(details.get("errors"))]:
        context = item.get("context")
        names = context.get("propertyName") if isinstance(context, dict) else None
        found.update(name for name in names or () if isinstance(name, str))
    found.update(re.findall(r'"name" ?: ?"(\w{1,100})"', str(details.get("message") or "")))
    return sorted(found)[:20]


def _dicts(value) -> list[dict]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
