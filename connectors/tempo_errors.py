"""Errors of Tempo and of Jira in our classes.

Tempo answers 401 and 403 as pages, all else as ``{"errors": {"message"}}`` or a list of such; Jira as
``{"errorMessages": [...], "errors": {field: text}}``. 429 tells seconds in ``Retry-After``.

Source: Tempo REST API documentation version 4, "Errors"; Tempo Knowledge Base, "Best Practices for Tempo Cloud REST
API" (5 calls a second, wait at least a second after 429); Jira Cloud platform REST API, "Status codes", "Rate
limiting".
"""

from __future__ import annotations

import re

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text

WAIT = 5.0  # seconds after a 429 that tells none
_TAKEN = re.compile(r"already (?:exists?|in use|taken|been taken)|must be unique|duplicate", re.I)
_GONE = re.compile(r"not found|does ?n.t exist|does not exist", re.I)


def words(answer: Answer) -> str:
    """The sentences of a refusal; nothing if a page or nothing came."""
    details = answer.details()
    said = [*(details.get("errorMessages") or ())]
    errors = details.get("errors")
    if isinstance(errors, dict):
        said += errors.values()
    elif isinstance(errors, list):
        said += [one.get("message") if isinstance(one, dict) else one for one in errors]
    text = "; ".join(one for one in said if isinstance(one, str))
    return mask_text(text[:300])


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    status = answer.status
    if status == 429:
        error.retry_after = error.retry_after or WAIT
        return error
    if status >= 500 or status in (408, 425):
        return error
    text = words(answer)
    params = {"message": text} if text else {}
    if status == 401:
        return ConnectorError("sign_in", "token_invalid", status=status, params=params)
    if status == 403:
        return ConnectorError("permission", "not_allowed", status=status, params=params)
    if not answer.structured:
        return error
    if status in (400, 409, 422) and _TAKEN.search(text):
        return ConnectorError("conflict", "already_exists", status=status, params=params)
    if status in (404, 410) or (status == 400 and _GONE.search(text)):
        return ConnectorError("reference", "not_found", status=status, params=params)
    if status in (400, 422):
        return ConnectorError("data", "validation", status=status, params=params)
    return error
