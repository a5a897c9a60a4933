"""Xero's errors in our classes, and what its headers say of the limits.

A refused call is ``{"ErrorNumber", "Type", "Message", "Elements": [{"ValidationErrors": [{"Message"}]}]}``; with
``summarizeErrors=false`` a good answer holds the refusals, one an element. Xero numbers validation errors hardly at
all, so what a person can mend is told apart by words.

Source: Xero Developer, "API response codes", "Rate limits" (60 calls a minute, a limit of the day by tier, 5 at a time;
``X-Rate-Limit-Problem``, ``Retry-After``), OpenAPI description of the Accounting API 16.1 (``Error``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text
from .parts import Allowance

DAY = 86400.0
# a part of a message, in small letters -> (kind, our code); the order matters
_WORDS = (
    ("lock date", ("data", "ledger_period_closed")),
    ("must be unique", ("identity", "ledger_number_taken")),
    ("already assigned to another contact", ("identity", "ledger_name_taken")),
    ("contact name already", ("identity", "ledger_name_taken")),
    ("not a valid code", ("reference", "ledger_word")),
    ("does not exist or cannot be used", ("reference", "ledger_word")),
    ("taxtype code", ("reference", "ledger_word")),
    ("could not be found", ("reference", "ledger_not_found")),
    ("not of valid status", ("conflict", "ledger_stale")),
    ("cannot be modified", ("conflict", "ledger_stale")),
    ("exceeds the amount outstanding", ("conflict", "ledger_settled")),
    ("line total", ("data", "ledger_amounts")),
    ("subscribed to currency", ("data", "ledger_rule")),
)
# what ``X-Rate-Limit-Problem`` says -> seconds to wait if it names none
_WAITS = {"minute": 60.0, "appminute": 60.0, "concurrent": 5.0, "day": DAY}


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    if answer.status == 429:
        problem = answer.headers.get("X-Rate-Limit-Problem", "").strip().lower()
        error.code = "daily_limit" if problem == "day" else "rate_limited"
        told = error.retry_after or _WAITS.get(problem, 60.0)
        error.retry_after = min(max(told, 1.0), DAY)
        return error
    details = answer.details()
    if answer.status in (401, 403):
        return _refused_sign_in(answer.status, str(details.get("Detail") or ""))
    if answer.status in (412, 501):
        return ConnectorError("product_down", "server_error", status=answer.status)
    elements = details.get("Elements")
    if error.kind == "data" and isinstance(elements, list) and elements:
        first = elements[0] if isinstance(elements[0], dict) else {}
        return of_element(first, answer.status)
    if error.kind in ("data", "conflict"):
        return _by_words(str(details.get("Message") or details.get("Detail") or ""), answer.status)
    return error


def _refused_sign_in(status: int, detail: str) -> ConnectorError:
    said = detail.lower()
    if "authorizationunsuccessful" in said or "insufficient_scope" in said:
        return ConnectorError("permission", "missing_scopes", status=status)
    if status == 403:
        # the organisation was disconnected from the app, or is another one
        return ConnectorError("sign_in", "other_account", status=status)
    return ConnectorError("sign_in", "token_expired", status=status)


def of_element(element: Mapping, status: int | None = None) -> ConnectorError:
    """The error of one element."""
    errors = element.get("ValidationErrors")
    messages = [
        str(one.get("Message") or "")
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict)
    ]
    return _by_words(" ".join(messages), status)


def _by_words(message: str, status: int | None) -> ConnectorError:
    small = message.lower()
    kind, code = next(
        (found for part, found in _WORDS if part in small), ("data", "ledger_refused")
    )
    params: dict[str, Any] = {"message": mask_text(message)}
    if code == "ledger_word":
        params |= {"word": params["message"], "object": ""}
    return ConnectorError(kind, code, status=status, params=params)


def allowances(answer: Answer) -> list[Allowance]:
    """What is left of the minute and of the day. The day's limit depends on the app's tier and is told nowhere."""
    found = []
    minute, day = _number(answer, "X-MinLimit-Remaining"), _number(answer, "X-DayLimit-Remaining")
    if minute is not None:
        found.append(Allowance(minute, max(60, minute), 60.0))
    if day is not None:
        found.append(Allowance(day, 1000 if day <= 1000 else max(5000, day), DAY))
    return found


def _number(answer: Answer, name: str) -> int | None:
    text = answer.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
