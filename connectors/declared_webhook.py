"""Webhooks of a declared product: proof of origin by its scheme, and its events as thin notices.

What an event says of a record is a hint: the record is read before anything is applied. So a scheme
that does not sign the body (a fixed secret in a header) can at most make us read too often.

Source of ``standard``: the Standard Webhooks specification (headers ``webhook-id``,
``webhook-timestamp``, ``webhook-signature``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core import strict_json
from .declared_read import at, moment_of
from .errors import BadBody, BadSignature, ConnectorError
from .parts import Notice, WebhookRequest
from .times import iso, to_epoch

TOLERANCE = 300  # seconds, to both sides
MAX_EVENTS = 1000
MAX_SIGNATURES = 20
STANDARD = {
    "kind": "standard",
    "header": "webhook-signature",
    "algorithm": "sha256",
    "encoding": "base64",
    "prefix": "v1,",
    "signed": "{id}.{timestamp}.{body}",
    "time_header": "webhook-timestamp",
    "time_unit": "s",
}


def notices(
    declared: dict | None,
    request: WebhookRequest,
    secrets: Sequence[str],
    settings: Mapping[str, Any],
    now: datetime,
) -> list[Notice]:
    """The events of a delivery.

    :raise BadSignature: it is not proved, no secret is stored, or no scheme is declared.
    :raise BadBody: it is proved and cannot be read.
    """
    if not declared or declared["kind"] == "none":
        raise BadSignature("no_webhooks")
    prove({**declared, **STANDARD} if declared["kind"] == "standard" else declared,
          request, secrets, now)  # fmt: skip
    try:
        body = strict_json.loads(request.body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    events = at(body, declared.get("events"))
    events = events if isinstance(events, list) else [events]
    if len(events) > MAX_EVENTS or not all(isinstance(event, dict) for event in events):
        raise BadBody(400, "not_a_list")
    account = str(settings.get("account_id") or "")
    delivery = request.header("webhook-id") if declared["kind"] == "standard" else None
    result = []
    for number, event in enumerate(events):
        if declared.get("account") and not _is_ours(declared, body, event, account):
            raise BadBody(403, "other_account" if account else "account_not_set")
        result.append(_notice(declared, event, f"{delivery}:{number}" if delivery else None))
    return result


def _is_ours(declared: dict, body: Any, event: dict, account: str) -> bool:
    """Whether an event, or the delivery around it, names our account."""
    found = at(body, declared["account"])
    found = at(event, declared["account"]) if found is None else found
    return bool(account) and str(found) == account


# -- proof of origin -------------------------------------------------------------------------------


def prove(declared: dict, request: WebhookRequest, secrets: Sequence[str], now: datetime) -> None:
    """Raise :class:`BadSignature` unless one of the secrets proves this request."""
    secrets = [secret for secret in secrets if secret]
    if not secrets:
        raise BadSignature("no_secret")
    given = request.header(declared["header"])
    if not given:
        raise BadSignature("missing")
    if not given.isascii():
        raise BadSignature("malformed")
    if declared["kind"] == "secret":
        value = given.removeprefix(declared.get("prefix") or "")
        matches = [hmac.compare_digest(secret.encode(), value.encode()) for secret in secrets]
    else:
        message = _signed(declared, request, given, now)
        candidates = _candidates(declared, given)
        matches = [
            hmac.compare_digest(signature(declared, secret, message), one)
            for secret in secrets
            for one in candidates
        ]
    if not any(matches):
        raise BadSignature("mismatch")


def signature(declared: dict, secret: str, message: bytes) -> str:
    """The signature of a message, without prefix."""
    kind = declared.get("key") or "text"
    try:
        if declared["kind"] == "standard":
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        elif kind == "base64":
            key = base64.b64decode(secret, validate=True)
        else:
            key = bytes.fromhex(secret) if kind == "hex" else secret.encode()
    except (binascii.Error, ValueError):
        raise BadSignature("no_secret") from None
    digest = hmac.new(key, message, getattr(hashlib, declared.get("algorithm") or "sha256"))
    if (declared.get("encoding") or "hex") == "hex":
        return digest.hexdigest()
    return base64.b64encode(digest.digest()).decode()


def _candidates(declared: dict, given: str) -> list[str]:
    """The signatures in the header: all of it, or each part that begins with the prefix."""
    prefix = declared.get("prefix") or ""
    if declared["kind"] == "standard":
        parts = given.split()
    elif declared.get("time_part"):
        parts = [part.strip() for part in given.split(",")]
    else:
        parts = [given.strip()]
    found = [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]
    lower = (declared.get("encoding") or "hex") == "hex"
    return [part.lower() if lower else part for part in found[:MAX_SIGNATURES]]


def _signed(declared: dict, request: WebhookRequest, given: str, now: datetime) -> bytes:
    """The bytes that were signed, once their time is near enough to ours."""
    timed = declared.get("time_header") or declared.get("time_part")
    stamp = _timestamp(declared, request, given, now) if timed else ""
    values = {
        "timestamp": stamp.encode(),
        "url": request.url.encode(),
        "method": request.method.encode(),
        "id": (request.header("webhook-id") or "").encode(),
        "body": request.body,
    }
    if declared["kind"] == "standard" and not values["id"]:
        raise BadSignature("missing")
    template = declared.get("signed") or "{body}"
    parts = re.split(r"\{(\w+)\}", template)
    return b"".join(
        values[part] if number % 2 else part.encode() for number, part in enumerate(parts)
    )


def _timestamp(declared: dict, request: WebhookRequest, given: str, now: datetime) -> str:
    if declared.get("time_part"):
        name = declared["time_part"] + "="
        parts = [part.strip() for part in given.split(",")]
        stamps = [part.removeprefix(name) for part in parts if part.startswith(name)]
        stamp = stamps[0] if len(stamps) == 1 else None
    else:
        stamp = request.header(declared["time_header"])
    if not stamp:
        raise BadSignature("missing")
    if not re.fullmatch(r"[0-9]{9,14}", stamp):
        raise BadSignature("malformed")
    unit = 1000 if declared.get("time_unit") == "ms" else 1
    age = to_epoch(now, unit) - int(stamp)
    if abs(age) > declared.get("tolerance", TOLERANCE) * unit:
        raise BadSignature("too_old" if age > 0 else "in_the_future")
    return stamp


# -- what an event says ----------------------------------------------------------------------------


def _notice(declared: dict, event: dict, delivery: str | None) -> Notice:
    kind = at(event, declared["type"]) if declared.get("type") else "*"
    rule = _rule(declared.get("types") or (), "" if kind is None else str(kind))
    key = at(event, declared["object_id"])
    key = str(key) if isinstance(key, (str, int)) and not isinstance(key, bool) else ""
    try:
        moment = (
            moment_of(at(event, declared["occurred_at"])) if declared.get("occurred_at") else None
        )
    except ConnectorError:
        moment = None
    own = at(event, declared["event_id"]) if declared.get("event_id") else delivery
    if isinstance(own, (dict, list, bool)) or own in (None, ""):
        own = None
    payload = strict_json.dumps(event)
    action, reason = rule["action"] if rule else "ignored", ""
    if action == "ignored":
        reason = str(kind)[:80]
    elif not key or len(key) > 120:
        action, reason = "ignored", "no_object_id"
    entity = (rule or {}).get("entity") or next(
        (one["entity"] for one in declared.get("types") or () if one.get("entity")), ""
    )
    return Notice(
        entity=entity,
        external_id=key[:120],
        # without an id of its own an event is what it says
        event_key=f"{own}|{key}".encode() if own is not None else payload,
        kind="notice" if action == "change" else "event",
        changed_at=moment,
        version=iso(moment) if moment else None,
        payload=payload,
        action=action,
        reason=reason,
    )


def _rule(types: Sequence[dict], kind: str) -> dict | None:
    """The rule of an event's type: the same word, else the longest beginning (``client.*``)."""
    exact = [rule for rule in types if rule["type"] == kind]
    begins = [
        rule for rule in types
        if rule["type"].endswith("*") and kind.startswith(rule["type"][:-1])
    ]  # fmt: skip
    return next(iter(exact + sorted(begins, key=lambda rule: -len(rule["type"]))), None)
