"""HubSpot's webhooks: proof of origin, and the thin events in them.

Source: HubSpot API documentation, "Validating requests" (signature v3) and "Webhooks API".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core import strict_json
from .errors import BadBody, BadSignature, ConnectorError
from .hubspot_objects import ENTITIES, TYPE_NAMES
from .parts import Notice, WebhookRequest
from .times import from_epoch, iso, to_epoch

TOLERANCE_MS = 5 * 60 * 1000
MAX_EVENTS = 1000  # HubSpot sends up to 100; more than ten times that is nothing it sends

# The encoded characters that HubSpot decodes in the address before it signs it.
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def decoded_url(url: str) -> str:
    """The address as HubSpot signs it."""
    return re.sub(r"%[0-9A-Fa-f]{2}", lambda match: _DECODED.get(match[0].upper(), match[0]), url)


def signature_v3(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """base64(HMAC-SHA256(secret, method + url + body + timestamp)); ``timestamp`` is in ms."""
    message = method.encode() + url.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def check_signature(request: WebhookRequest, secrets: Sequence[str], now: datetime) -> None:
    """Raise :class:`BadSignature` unless one of the secrets signed this request just now."""
    secrets = [secret for secret in secrets if secret]
    if not secrets:
        raise BadSignature("no_secret")
    given = request.header("X-HubSpot-Signature-v3")
    timestamp = request.header("X-HubSpot-Request-Timestamp")
    if not given or not timestamp:
        raise BadSignature("missing")
    if not re.fullmatch(r"[0-9]{12,14}", timestamp) or not given.isascii():
        raise BadSignature("malformed")
    age = to_epoch(now, 1000) - int(timestamp)
    if abs(age) > TOLERANCE_MS:
        raise BadSignature("too_old" if age > 0 else "in_the_future")
    # HubSpot's own libraries sign the address as it stands; the documentation decodes it first
    urls = {request.url, decoded_url(request.url)}
    matches = [
        hmac.compare_digest(
            signature_v3(secret, request.method, url, request.body, timestamp), given
        )
        for secret in secrets
        for url in urls
    ]
    if not any(matches):
        raise BadSignature("mismatch")


def read_events(body: bytes, settings: Mapping[str, Any]) -> list[dict]:
    """The events of a delivery, all of the connected account.

    :raise BadBody: 400 for a body that is no list of events, 403 for another account's.
    """
    try:
        events = strict_json.loads(body)
    except strict_json.BadJson as error:
        raise BadBody(400, error.code) from None
    if isinstance(events, dict):
        events = [events]
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise BadBody(400, "not_a_list")
    account = str(settings.get("account_id") or "")
    if not account:
        raise BadBody(403, "account_not_set")
    for event in events:
        if not isinstance(event, dict):
            raise BadBody(400, "not_an_event")
        if str(event.get("portalId", "")) != account:
            # one app secret signs for every portal that installed the app
            raise BadBody(403, "other_account")
    return events


def notices(event: dict) -> list[Notice]:
    """What one event says: usually one thing; a merge says one for each id that ended, and one for
    the record that goes on."""
    subscription = str(event.get("subscriptionType") or "")
    source, _, what = subscription.partition(".")
    if source == "object":
        source = str(event.get("objectTypeId") or "")
    name = TYPE_NAMES.get(source)
    entity = ENTITIES.get(name or "")
    try:
        changed = from_epoch(event.get("occurredAt"), 1000)
    except ConnectorError:
        changed = None
    make = _Maker(event, changed)
    object_id = _id(event.get("objectId"))
    if what == "associationChange":
        return [make.association(event)]
    if entity is None:
        return [make.ignored(entity or "opportunity", object_id, "unknown_object")]
    if what == "merge":
        return make.merge(entity)
    if object_id is None:
        return [make.ignored(entity, None, "no_object_id")]
    if what in ("creation", "propertyChange", "restore"):
        return [make.notice(entity, object_id)]
    if what in ("deletion", "privacyDeletion"):
        return [make.event(entity, object_id, "delete")]
    return [make.ignored(entity, object_id, "unknown_event")]


def _id(value) -> str | None:
    """An object id as text; HubSpot sends numbers."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return text if re.fullmatch(r"[0-9]{1,20}", text) else None


class _Maker:
    """Builds the notices of one event."""

    def __init__(self, event: dict, changed: datetime | None):
        self.payload = strict_json.dumps(event)
        self.changed = changed
        self.raw = event
        # eventId is not unique in all of HubSpot's descriptions, so it is one part of many.
        # attemptNumber is left out: it differs between deliveries of one event.
        self.key = strict_json.dumps(
            [
                event.get(name)
                for name in (
                    "portalId",
                    "subscriptionId",
                    "subscriptionType",
                    "objectTypeId",
                    "objectId",
                    "propertyName",
                    "occurredAt",
                    "eventId",
                    "fromObjectId",
                    "toObjectId",
                    "associationType",
                    "primaryObjectId",
                    "newObjectId",
                    "mergedObjectIds",
                )
            ]
        )

    def _make(self, entity, external_id, kind, action, part=b"", **more) -> Notice:
        return Notice(
            entity=entity,
            external_id=external_id or "",
            event_key=self.key + part,
            kind=kind,
            changed_at=self.changed,
            version=iso(self.changed) if self.changed else None,
            payload=self.payload,
            action=action,
            **more,
        )

    def notice(self, entity: str, external_id: str, part: bytes = b"") -> Notice:
        return self._make(entity, external_id, "notice", "change", part)

    def event(self, entity: str, external_id: str, action: str) -> Notice:
        return self._make(entity, external_id, "event", action)

    def ignored(self, entity: str, external_id: str | None, reason: str) -> Notice:
        return self._make(entity, external_id, "event", "ignored", reason=reason)

    def merge(self, entity: str) -> list[Notice]:
        """The survivor may be a new id; each id that it took over becomes a merge event."""
        event = self.raw
        survivor = _id(event.get("newObjectId")) or _id(event.get("primaryObjectId"))
        merged = event.get("mergedObjectIds")
        ids = [_id(value) for value in (merged if isinstance(merged, list) else [])]
        ids.append(_id(event.get("primaryObjectId")))
        losers = sorted({value for value in ids if value and value != survivor})
        if survivor is None or not losers:
            return [self.ignored(entity, survivor, "incomplete_merge")]
        result = [
            self._make(entity, loser, "event", "merge", b"|" + loser.encode(), merged_into=survivor)
            for loser in losers
        ]
        return [*result, self.notice(entity, survivor, b"|survivor")]

    def association(self, event: dict) -> Notice:
        """A deal's line items, contacts or company changed: read the deal again. Where no deal is
        concerned, the contact."""
        left, _, right = str(event.get("associationType") or "").partition("_TO_")
        ends = {
            left.lower(): _id(event.get("fromObjectId")),
            right.lower(): _id(event.get("toObjectId")),
        }
        for name in ("deal", "contact"):
            if ends.get(name):
                return self.notice(ENTITIES[TYPE_NAMES[name]], ends[name])
        return self.ignored("opportunity", None, "unknown_association")
