"""Toggl Track's errors in our classes.

A body is a sentence, as JSON text or plain, never an object. 402 says two things: the quota of the hour is used up
(told by ``X-Toggl-Quota-Remaining`` and by its words), or the plan lacks what was asked for. A token that is
not known is refused with 401 or with 403 and words about the password.

Source: Toggl Track API documentation, "Overview" (status codes, API quotas), "Approvals" (402); words of the
quota and of a refused token as published clients quote them.
"""

from __future__ import annotations

import re

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text

WAIT = 5.0  # seconds after 429: the bucket lets one call a second through
HOUR = 3600.0  # the window of the quota
_QUOTA = re.compile(r"hourly limit|quota", re.I)
_RESET = re.compile(r"reset in (\d{1,5}) sec", re.I)
_TOKEN = re.compile(r"username|password|api.?token|unauthori[sz]ed", re.I)
_TAKEN = re.compile(r"already (?:been taken|exists?|taken)", re.I)
_GONE = re.compile(r"not found|does ?n.t exist|does not exist|was deleted", re.I)


def words(answer: Answer) -> str:
    """The sentence of a refusal; nothing if a page or nothing came."""
    text = answer.body[:2000].decode("utf-8", "replace").strip()
    if text.startswith(("<", "{", "[")):
        return ""
    return mask_text(text.strip('"').strip()[:300])


def number(value: object) -> float | None:
    """A header's number of seconds or calls."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if 0 <= found < 1e6 else None


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    text, status = words(answer), answer.status
    if status == 402:
        return _payment(answer, text)
    if status == 429:
        error.retry_after = error.retry_after or WAIT
        return error
    if not text or status >= 500 or status in (408, 425):
        return error
    params = {"message": text}
    if status == 401 or (status == 403 and _TOKEN.search(text)):
        return ConnectorError("sign_in", "token_invalid", status=status, params=params)
    if status == 403:
        return ConnectorError("permission", "not_allowed", status=status, params=params)
    if status in (400, 409) and _TAKEN.search(text):
        return ConnectorError("conflict", "already_exists", status=status, params=params)
    if status in (404, 410) or (status == 400 and _GONE.search(text)):
        return ConnectorError("reference", "not_found", status=status, params=params)
    if status in (400, 422):
        return ConnectorError("data", "validation", status=status, params=params)
    return error


def _payment(answer: Answer, text: str) -> ConnectorError:
    left = number(answer.headers.get("X-Toggl-Quota-Remaining"))
    if left == 0 or _QUOTA.search(text):
        said = _RESET.search(text)
        wait = number(answer.headers.get("X-Toggl-Quota-Resets-In"))
        wait = wait if wait is not None else number(said[1]) if said else HOUR
        return ConnectorError("rate", "rate_limited", status=402, retry_after=max(wait or 0.0, 1.0))
    return ConnectorError("permission", "not_in_plan", status=402, params={"message": text})
