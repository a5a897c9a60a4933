"""Stripe's webhooks: proof of origin, and what an event hints at.

An event is a hint: its snapshot may be older than the object is now, and events come in any order.
So each becomes a thin notice of the payment, refund, payout or dispute concerned, which is then read.

Source: Stripe API documentation, "Verify webhook signatures manually", "Types of events".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core import strict_json
from .errors import BadBody, BadSignature, ConnectorError
from .parts import Notice, WebhookRequest
from .times import from_epoch, iso, to_epoch

TOLERANCE = 300  # seconds, to both sides
MAX_SIGNATURES = 20

# events of a charge tell nothing that its payment intent does not tell; since API version
# 2022-11-15 a charge does not list its refunds, which have events of their own
_CHARGE_EVENTS = frozenset(
    {
        "charge.captured",
        "charge.expired",
        "charge.failed",
        "charge.pending",
        "charge.refunded",
        "charge.succeeded",
        "charge.updated",
    }
)
_REFUND_EVENTS = frozenset(
    {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"}
)
OBJECT_ID = r"[A-Za-z]{1,12}_[A-Za-z0-9_]{1,250}"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """hex(HMAC-SHA256(secret, timestamp + "." + body)); the secret is used as text, ``whsec_`` and
    all."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def check_signature(request: WebhookRequest, secrets: Sequence[str], now: datetime) -> None:
    """Raise :class:`BadSignature` unless a ``v1`` of the header is that of one of the secrets.

    While a secret is being rolled, Stripe signs with both; ``v0`` is a test scheme and counts not.
    """
    secrets = [secret for secret in secrets if secret]
    if not secrets:
        raise BadSignature("no_secret")
    header = request.header("Stripe-Signature")
    if not header:
        raise BadSignature("missing")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _eq, value in parts if name == "t"]
    given = [value for name, _eq, value in parts if name == "v1" and value.isascii()]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{9,11}", times[0]) or not given:
        raise BadSignature("malformed")
    age = to_epoch(now) - int(times[0])
    if abs(age) > TOLERANCE:
        raise BadSignature("too_old" if age > 0 else "in_the_future")
    expected = [sign(secret, times[0], request.body) for secret in secrets]
    matches = [
        hmac.compare_digest(one, other) for one in expected for other in given[:MAX_SIGNATURES]
    ]
    if not any(matches):
        raise BadSignature("mismatch")


def read_event(body: bytes, settings: Mapping[str, Any]) -> dict:
    """The event, of the connected account and mode.

    :raise BadBody: 400 for what is no event, 403 for another account's or the other mode's.
    """
    try:
        event = strict_json.loads(body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    if not isinstance(event, dict) or not re.fullmatch(OBJECT_ID, str(event.get("id") or "")):
        raise BadBody(400, "not_an_event")
    if event.get("livemode") is not bool(settings.get("live_mode")):
        raise BadBody(403, "other_mode")
    # Only events of connected accounts name one; the endpoint's own secret stands for the account
    # else.
    account = event.get("account") or event.get("context")
    if account is not None and account != settings.get("account_id"):
        raise BadBody(403, "other_account")
    return event


def concerned(event: dict) -> tuple[str, str] | None:
    """(entity, id) that an event hints at; None if it is about nothing that is read."""
    kind = str(event.get("type") or "")
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    thing = data.get("object") if isinstance(data.get("object"), dict) else {}
    if kind.startswith("payment_intent."):
        entity, key = "payment", thing.get("id")
    elif kind in _CHARGE_EVENTS:
        entity, key = "payment", _id_of(thing.get("payment_intent"))
    elif kind in _REFUND_EVENTS:
        entity, key = "refund", thing.get("id")
    elif kind.startswith("payout."):
        entity, key = "payout", thing.get("id")
    elif kind.startswith("charge.dispute."):
        entity, key = "dispute", thing.get("id")
    else:
        return None
    return (entity, key) if isinstance(key, str) and re.fullmatch(OBJECT_ID, key) else None


def notice(event: dict) -> Notice:
    """One event as a notice. What is stored of it has no personal data and no client secret."""
    try:
        changed = from_epoch(event.get("created"))
    except ConnectorError:
        changed = None
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    thing = data.get("object") if isinstance(data.get("object"), dict) else {}
    kept = {name: event.get(name) for name in ("id", "type", "created", "livemode", "api_version")}
    names = ("id", "object", "status", "amount", "currency", "payment_intent", "charge", "payout")
    kept["object"] = {
        name: thing[name] for name in names if isinstance(thing.get(name), (str, int))
    }
    found = concerned(event)
    thing_id = thing.get("id") if isinstance(thing.get("id"), str) else ""
    return Notice(
        entity=found[0] if found else "payment",
        external_id=found[1] if found else thing_id,
        event_key=str(event["id"]).encode(),
        kind="notice" if found else "event",
        changed_at=changed,
        version=iso(changed) if changed else None,
        payload=strict_json.dumps(kept),
        action="change" if found else "ignored",
        reason="" if found else "unknown_event",
    )


def _id_of(value) -> str | None:
    """A reference, expanded or not."""
    return value.get("id") if isinstance(value, dict) else value
