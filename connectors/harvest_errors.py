"""Harvest's errors in our classes. Source: Harvest API V2 documentation, "General" and "Rate
limiting"."""

from __future__ import annotations

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None. 429 tells seconds in ``Retry-After``."""
    error = answer.plain_error(write)
    if error is None:
        return None
    details = answer.details()
    if answer.status == 401:
        expired = details.get("error") == "invalid_token"
        error.code = "token_expired" if expired else "token_invalid"
    elif answer.status == 429:
        # the window is 15 seconds long
        error.retry_after = error.retry_after or 15.0
    elif answer.status in (400, 422) and answer.structured:
        message = mask_text(str(details.get("message") or details.get("error_description") or ""))
        if "already been taken" in message or "already assigned" in message:
            return ConnectorError(
                "conflict", "already_exists", status=answer.status, params={"message": message}
            )
        return ConnectorError(
            "data", "validation", status=answer.status, params={"message": message}
        )
    return error
