"""Clockify's errors in our classes.

The body is ``{"message": ..., "code": number}``. 501 says that a request is refused for what it names (also:
that it does not belong to the workspace, which is how a deleted record answers, with HTTP 400), 1000 that no
key was sent, 4003 and 4017 that it is not known, 3000 is said of routes and of parameters alike.

Source: Clockify API, "Rate limiting"; the codes are not in it: the open-source project "clockify-ts-sdk",
"Discrepancies" (probes of a live workspace, 2026-08), and "API and webhook settings" of Clockify's help (30
calls in an hour on the free plan).
"""

from __future__ import annotations

import re

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text

WAIT = 10.0  # seconds: Clockify says "Too many requests" and not for how long
KEYS = {1000: "token_missing", 4003: "token_invalid", 4017: "token_invalid"}
_GONE = re.compile(r"doesn.t belong to|does ?n.t exist|not found|cannot find", re.I)
_TAKEN = re.compile(r"already exists?", re.I)
_LOCKED = 4005  # an approved or locked entry that shall be changed


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    if answer.status == 429:
        error.retry_after = error.retry_after or WAIT
        return error
    if not answer.structured or answer.status not in (400, 401, 403, 404, 405):
        return error
    details = answer.details()
    code = details.get("code")
    message = mask_text(str(details.get("message") or ""))
    params = {"message": message, "code": code} if isinstance(code, int) else {"message": message}
    if answer.status == 401 or code in KEYS:
        return _error("sign_in", KEYS.get(code, "token_invalid"), answer, params)
    if code == _LOCKED:
        return _error("conflict", "locked", answer, params)
    if _TAKEN.search(message):
        return _error("conflict", "already_exists", answer, params)
    if answer.status in (400, 404) and _GONE.search(message):
        return _error("reference", "not_found", answer, params)
    if answer.status == 400:
        return _error("data", "validation", answer, params)
    error.params = params
    return error


def _error(kind: str, code: str, answer: Answer, params: dict) -> ConnectorError:
    return ConnectorError(kind, code, status=answer.status, params=params)
