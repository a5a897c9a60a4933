"""Clockify's webhooks: a token in a header, and what an event hints at.

Each webhook has a token of its own, sent as it is; the body is not signed and names no time and no event. So
an event is a hint: the record is read anew, and the minute is part of the event's key, or a change that is
taken back would look like the first delivery. A deletion is told to a person only, never carried out.

Source: Clockify API, "Webhooks" ("a new token which can be used to verify that the webhook being sent was
sent by Clockify, as it will always be present in the header", the list of events); CAKE.com Developer
documentation, "Webhooks" (``Clockify-Signature``, ``Clockify-Webhook-Event-Type``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core import strict_json
from .errors import BadBody, BadSignature
from .parts import Notice, WebhookRequest

HEX_ID = r"[0-9a-f]{24}"
# event -> (entity, names of its id in the body)
_OF = {
    "NEW_TIME_ENTRY": "time_entry",
    "TIMER_STOPPED": "time_entry",
    "TIME_ENTRY_UPDATED": "time_entry",
    "TIME_ENTRY_SPLIT": "time_entry",
    "TIME_ENTRY_RESTORED": "time_entry",
    "TIME_ENTRY_DELETED": "time_entry",
    "EXPENSE_CREATED": "expense",
    "EXPENSE_UPDATED": "expense",
    "EXPENSE_RESTORED": "expense",
    "EXPENSE_DELETED": "expense",
    "NEW_PROJECT": "project",
    "PROJECT_UPDATED": "project",
    "NEW_CLIENT": "customer",
    "CLIENT_UPDATED": "customer",
}
_DELETIONS = ("TIME_ENTRY_DELETED", "EXPENSE_DELETED")


def check_token(request: WebhookRequest, secrets: Sequence[str]) -> None:
    """Raise :class:`BadSignature` unless the header holds one of the tokens. A secret may list those of
    several webhooks, divided by spaces, commas or lines."""
    tokens = [token for secret in secrets for token in re.split(r"[\s,;]+", secret or "") if token]
    if not tokens:
        raise BadSignature("no_secret")
    given = request.header("Clockify-Signature")
    if not given:
        raise BadSignature("missing")
    given = given.strip().encode("utf-8", "replace")
    # all are compared: the time tells nothing of which one came near
    matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
    if not any(matches):
        raise BadSignature("mismatch")


def read(request: WebhookRequest, settings: Mapping[str, Any], now: datetime) -> list[Notice]:
    """The notice of an event.

    :raise BadBody: 400 for what is no event, 403 for another workspace's.
    """
    try:
        body = strict_json.loads(request.body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    event = (request.header("Clockify-Webhook-Event-Type") or "").strip()
    if not isinstance(body, dict) or not re.fullmatch(r"[A-Z_]{3,60}", event):
        raise BadBody(400, "not_an_event")
    if body.get("workspaceId") != settings.get("account_id"):
        raise BadBody(403, "other_account")
    minute = now.strftime("%Y-%m-%dT%H:%M")
    key = f"{event}:{hashlib.sha256(request.body).hexdigest()}:{minute}".encode()
    entity = _OF.get(event)
    record = str(body.get("expenseId") or body.get("id") or "")
    if entity is None:
        # an approval is found by the next poll: the event names a period, not its entries
        return [Notice("time_entry", record, key, "notice", None, None, b"{}", "ignored", event)]
    if not re.fullmatch(HEX_ID, record):
        raise BadBody(400, "not_an_event")
    hint = strict_json.dumps({"id": record, "event": event})
    if event in _DELETIONS:
        return [Notice(entity, record, key, "event", now, None, hint, "delete")]
    return [Notice(entity, record, key, "notice", None, None, hint)]
