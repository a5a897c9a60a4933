"""Salesforce's outbound messages: SOAP in, one acknowledgement for all of its notifications.

They are not signed. What proves them is the address, which nobody else knows, and the organisation that they name;
and they are only believed to hint: what is stored is an id, and the record is read through the API. The session id
that an admin may have chosen to send along is dropped here.

Source: SOAP API Developer Guide, "Outbound Messaging", "Understanding Notifications", "Understanding the Outbound
Messaging WSDL".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ..core import strict_json
from . import xml_safe
from .errors import BadBody, BadSignature, ConnectorError
from .parts import Notice, WebhookRequest
from .salesforce_objects import ENTITIES, LINES, record_id, same_id

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MAX_NOTIFICATIONS = 100

ACKNOWLEDGED = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
    b"</notificationsResponse></soapenv:Body></soapenv:Envelope>"
)


def notices(request: WebhookRequest, settings: Mapping[str, Any]) -> list[Notice]:
    """The notifications of a message, of the connected organisation.

    :raise BadSignature: the system knows no organisation, or the message names another one.
    :raise BadBody: 400 for what is no outbound message.
    """
    account = str(settings.get("account_id") or "")
    if not account:
        raise BadSignature("account_not_set")
    try:
        root = xml_safe.read(request.body)
    except xml_safe.BadXml:
        raise BadBody(400, "bad_xml") from None
    message = root.find(f"{_SOAP}Body/{_OUTBOUND}notifications")
    if root.tag != f"{_SOAP}Envelope" or message is None:
        raise BadBody(400, "not_a_message")
    if not same_id(message.findtext(f"{_OUTBOUND}OrganizationId"), account):
        raise BadSignature("other_account")
    found = message.findall(f"{_OUTBOUND}Notification")
    if not 0 < len(found) <= MAX_NOTIFICATIONS:
        raise BadBody(400, "not_a_message")
    return [_notice(one) for one in found]


def _notice(notification) -> Notice:
    thing = notification.find(f"{_OUTBOUND}sObject")
    try:
        key = record_id(notification.findtext(f"{_OUTBOUND}Id"))
        if thing is None:
            raise BadBody(400, "not_a_message")
        kind = str(thing.get(_TYPE) or "").rpartition(":")[2]
        values = {child.tag.rpartition("}")[2]: child.text for child in thing}
        thing_id = record_id(values.get("Id"))
        parent = record_id(values["OpportunityId"]) if values.get("OpportunityId") else None
    except ConnectorError:
        raise BadBody(400, "not_a_message") from None
    entity = ENTITIES.get(kind)
    if kind == LINES and parent:
        entity, thing_id = "opportunity", parent
    kept = strict_json.dumps({"notification": key, "type": kind[:80], "id": thing_id})
    return Notice(
        entity=entity or "opportunity",
        external_id=thing_id,
        # Nothing is signed: by its id alone somebody could use up that of a message to come.
        event_key=hashlib.sha256(kept).digest(),
        kind="notice" if entity else "event",
        changed_at=None,  # a message says what is, not since when
        version=None,
        payload=kept,
        action="change" if entity else "ignored",
        reason="" if entity else "unknown_object",
    )
