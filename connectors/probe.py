"""Pieces of "Test connection": each thing that must hold becomes one line, by class, never by
body."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from .errors import ConnectorError
from .http import Answer
from .parts import CheckItem

CLOCK_TOLERANCE = 60  # seconds; signatures of webhooks are good for 300


def probe(
    items: list[CheckItem],
    code: str,
    call: Callable[[], Answer],
    params: dict | None = None,
    needed: bool = True,
) -> Answer | None:
    """Make a call and add the line that tells how it went.

    :param needed: whether a missing right is a fault; else the line only tells of it.
    :return: the answer, or None if it failed.
    """
    params = dict(params or {})
    try:
        answer = call()
    except ConnectorError as error:
        if not needed and error.kind == "permission":
            items.append(CheckItem("optional", True, params))
            return None
        failed = {"kind": error.kind, "error": error.code, "status": error.status}
        items.append(CheckItem(code, False, {**params, **failed, **error.params}))
        return None
    items.append(CheckItem(code, True, params))
    return answer


def clock_item(answer: Answer, now: datetime) -> CheckItem:
    """Whether our clock agrees with the product's: a wrong one makes every signature "too old"."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        return CheckItem("clock", True)
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=timezone.utc)
    seconds = round((now - theirs).total_seconds())
    return CheckItem("clock", abs(seconds) <= CLOCK_TOLERANCE, {"seconds": seconds})
