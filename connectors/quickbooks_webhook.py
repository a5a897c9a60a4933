"""QuickBooks Online's webhooks: proof of origin, and the thin events in them.

Two shapes are read: the CloudEvents list that Intuit sends since May 2026, and the older
``eventNotifications``. One verifier token signs for every company that connected the app, and one delivery may be about
several: events of other companies are taken, and left out.

Source: Intuit Developer, "Webhooks", "Managing webhooks notifications", "Understanding the data object" (a merge
names ``deletedid``); CloudEvents 1.0.
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
# base64(HMAC-SHA256(verifier token, body)), without a time: what is sent again is recognised by each event's key.
SCHEME = {"kind": "hmac", "header": "intuit-signature", "encoding": "base64"}
# name in an event, in small letters -> (canonical entity, prefix of the id)
ENTITIES = {
    "customer": ("customer", ""),
    "invoice": ("invoice", ""),
    "creditmemo": ("invoice", "cm-"),
    "payment": ("payment", ""),
    "item": ("service_item", ""),
}
_CHANGED = frozenset({"create", "created", "update", "updated", "void", "voided", "emailed"})
_DELETED = frozenset({"delete", "deleted"})
_MERGED = frozenset({"merge", "merged"})
_TYPE = re.compile(r"qbo\.([A-Za-z]{2,40})\.([A-Za-z]{2,20})\.v\d{1,3}")


def notices(body: bytes, settings: Mapping[str, Any]) -> list[Notice]:
    """What a delivery says of the connected company.

    :raise BadBody: 400 for what is no list of events.
    """
    account = str(settings.get("account_id") or "")
    try:
        value = strict_json.loads(body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    events = _older(value) if isinstance(value, dict) else value
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise BadBody(400, "not_a_list")
    if not all(isinstance(event, dict) for event in events):
        raise BadBody(400, "not_an_event")
    return [_notice(event, account) for event in events]


def _older(body: dict) -> list[dict]:
    """The older shape, event by event in the words of the newer one."""
    outer = body.get("eventNotifications")
    if not isinstance(outer, list):
        raise BadBody(400, "not_a_list")
    events = []
    for one in outer:
        change = one.get("dataChangeEvent") if isinstance(one, dict) else None
        entities = change.get("entities") if isinstance(change, dict) else None
        if not isinstance(entities, list):
            raise BadBody(400, "not_an_event")
        for entity in entities:
            if not isinstance(entity, dict):
                raise BadBody(400, "not_an_event")
            kind = f"qbo.{entity.get('name')}.{entity.get('operation')}.v0".lower()
            events.append(
                {
                    "type": kind,
                    "time": entity.get("lastUpdated"),
                    "intuitentityid": entity.get("id"),
                    "intuitaccountid": one.get("realmId"),
                    "data": {"deletedId": entity.get("deletedId")},
                }
            )
    return events


def _notice(event: dict, account: str) -> Notice:
    match = _TYPE.fullmatch(str(event.get("type") or ""))
    name, what = (match[1].lower(), match[2].lower()) if match else ("", "")
    known = ENTITIES.get(name)
    entity, prefix = known or ("invoice", "")
    thing_id = _id(event.get("intuitentityid"))
    data = event.get("data") if isinstance(event.get("data"), dict) else {}
    loser = _id(data.get("deletedId") or data.get("deletedid"))
    try:
        changed = parse_iso(event.get("time"))
    except ConnectorError:
        changed = None
    reason, action, kind, merged_into = "", "change", "notice", None
    if not account or str(event.get("intuitaccountid") or "") != account:
        reason, thing_id = "other_organisation", None
    elif not known:
        reason = "unknown_object" if match else "unknown_event"
    elif thing_id is None:
        reason = "no_object_id"
    elif what in _DELETED:
        action, kind = "delete", "event"
    elif what in _MERGED and loser:
        # the event is about the record that goes on; the other one is gone
        action, kind, merged_into, thing_id = "merge", "event", prefix + thing_id, loser
    elif what not in _CHANGED:
        reason = "unknown_event"
    if reason:
        action, kind = "ignored", "event"
    names = ("id", "type", "time", "intuitentityid")
    kept = {} if reason == "other_organisation" else {name: event.get(name) for name in names}
    key = [event.get(name) for name in (*names, "intuitaccountid")]
    return Notice(
        entity=entity,
        external_id=prefix + thing_id if thing_id else "",
        event_key=strict_json.dumps([*key, loser]),
        kind=kind,
        changed_at=changed,
        version=iso(changed) if changed else None,
        payload=strict_json.dumps(kept),
        action=action,
        reason=reason,
        merged_into=merged_into,
    )


def _id(value: Any) -> str | None:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[0-9]{1,20}", text) else None
