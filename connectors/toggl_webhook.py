"""Toggl Track's webhooks: how one is proved, and what an event hints at.

The whole body is signed with the subscription's secret. No time is signed, so the event's id is what a repeat is
known by. A subscription sends nothing before its address is validated: Toggl pings it with a code, and reads the
code in the answer.

Source: Toggl Track API documentation, "Webhooks": "Validating Received Events", "URL Endpoint Validation",
"Request Examples".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core import strict_json
from .errors import BadBody, BadSignature
from .parts import Notice, WebhookRequest
from .times import parse_iso

_OF = {"time_entry": "time_entry", "project": "project", "client": "customer"}
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def check_signature(request: WebhookRequest, secrets: Sequence[str]) -> None:
    """Raise :class:`BadSignature` unless the body is signed with one of the secrets. A secret may list those of
    several subscriptions, divided by spaces, commas or lines."""
    keys = [key for secret in secrets for key in re.split(r"[\s,;]+", secret or "") if key]
    if not keys:
        raise BadSignature("no_secret")
    given = request.header("X-Webhook-Signature-256")
    if not given:
        raise BadSignature("missing")
    if not re.fullmatch(r"sha256=[0-9a-f]{64}", given.strip()):
        raise BadSignature("malformed")
    mine = [
        "sha256=" + hmac.new(key.encode(), request.body, hashlib.sha256).hexdigest() for key in keys
    ]
    # all are compared: the time tells nothing of which one came near
    matches = [hmac.compare_digest(given.strip(), one) for one in mine]
    if not any(matches):
        raise BadSignature("mismatch")


def _body(request: WebhookRequest) -> dict:
    try:
        body = strict_json.loads(request.body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    if not isinstance(body, dict):
        raise BadBody(400, "not_an_event")
    return body


def validation(request: WebhookRequest) -> str | None:
    """The code of a ping that wants its address validated. Only of a body that is proved."""
    body = _body(request)
    code = body.get("validation_code")
    ping = body.get("payload") == "ping"
    return code if ping and isinstance(code, str) and _CODE.fullmatch(code) else None


def read(request: WebhookRequest, settings: Mapping[str, Any]) -> list[Notice]:
    """The notice of an event.

    :raise BadBody: 400 for what is no event, 403 for another workspace's.
    """
    body = _body(request)
    event, made = body.get("event_id"), str(body.get("created_at") or "")
    key = f"{body.get('subscription_id')}:{event}:{made}".encode()[:200]
    if body.get("payload") == "ping":
        return [Notice("time_entry", "", key, "notice", None, None, b"{}", "ignored", "ping")]
    said, row = body.get("metadata"), body.get("payload")
    if not isinstance(said, dict) or not isinstance(row, dict) or not isinstance(event, int):
        raise BadBody(400, "not_an_event")
    space = said.get("workspace_id") or row.get("workspace_id") or row.get("wid")
    if str(space or "") != str(settings.get("account_id") or "-"):
        raise BadBody(403, "other_account")
    record = str(row.get("id") or "")
    entity, action = _OF.get(str(said.get("model"))), str(said.get("action"))
    name = f"{said.get('model')} {action}"[:60]
    if entity is None or (action == "deleted" and entity != "time_entry"):
        return [Notice("time_entry", record, key, "notice", None, None, b"{}", "ignored", name)]
    if not re.fullmatch(r"[0-9]{1,30}", record):
        raise BadBody(400, "not_an_event")
    hint = strict_json.dumps({"id": int(record), "event": name})
    if action == "deleted":
        return [Notice(entity, record, key, "event", parse_iso(made), None, hint, "delete")]
    return [Notice(entity, record, key, "notice", None, None, hint)]
