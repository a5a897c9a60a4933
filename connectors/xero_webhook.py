"""Xero's webhooks: proof of origin, and the thin events in them.

Xero first asks whether we mean to receive: several deliveries without events, some of them signed wrongly. They
need no treatment of their own: a good signature is answered 200 and another one 401, both with an empty body and no
cookie. One key signs for every organisation that connected the app, and a delivery that is refused for a day ends the
webhook: events of other organisations are taken, and left out.

Source: Xero Developer, "Webhooks: configuring your server", "Webhooks: creating webhooks"; OpenAPI description of the
webhooks API 16.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..core import strict_json
from .errors import BadBody, ConnectorError
from .parts import Notice
from .times import iso, parse_iso

MAX_EVENTS = 1000
# base64(HMAC-SHA256(webhook key, body)).
SCHEME = {"kind": "hmac", "header": "x-xero-signature", "encoding": "base64"}
GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# category -> (canonical entity, prefix of the id)
CATEGORIES = {
    "CONTACT": ("customer", ""),
    "INVOICE": ("invoice", ""),
    "CREDITNOTE": ("invoice", "cn-"),
}


def notices(body: bytes, settings: Mapping[str, Any]) -> list[Notice]:
    """What a delivery says of the connected organisation.

    :raise BadBody: 400 for what is no delivery.
    """
    try:
        value = strict_json.loads(body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise BadBody(400, "not_a_list")
    if not all(isinstance(event, dict) for event in events):
        raise BadBody(400, "not_an_event")
    account = str(settings.get("account_id") or "").lower()
    return [_notice(event, account) for event in events]


def _notice(event: dict, account: str) -> Notice:
    entity, prefix = CATEGORIES.get(str(event.get("eventCategory") or ""), ("invoice", ""))
    key = str(event.get("resourceId") or "").lower()
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    reason = ""
    if not account or str(event.get("tenantId") or "").lower() != account:
        reason, key = "other_organisation", ""
    elif event.get("eventCategory") not in CATEGORIES:
        reason = "unknown_object"
    elif not re.fullmatch(GUID, key):
        reason, key = "no_object_id", ""
    elif data.get("Type") == "ACCPAYCREDIT":
        reason = "not_of_sales"
    elif event.get("eventType") not in ("CREATE", "UPDATE"):
        reason = "unknown_event"
    try:
        changed = parse_iso(event.get("eventDateUtc"))
    except ConnectorError:
        changed = None
    names = ("tenantId", "resourceId", "eventCategory", "eventType", "eventDateUtc")
    kept = {} if reason == "other_organisation" else {name: event.get(name) for name in names}
    return Notice(
        entity=entity,
        external_id=prefix + key if key else "",
        # there is no id of an event
        event_key=strict_json.dumps([event.get(name) for name in names]),
        kind="event" if reason else "notice",
        changed_at=changed,
        version=iso(changed) if changed else None,
        payload=strict_json.dumps(kept),
        action="ignored" if reason else "change",
        reason=reason,
    )
