"""What HubSpot's events become."""

import json
from datetime import datetime, timezone

import pytest

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature
from lead_to_cash_hub.connectors.hubspot_webhook import signature_v3
from lead_to_cash_hub.connectors.parts import WebhookRequest
from lead_to_cash_hub.connectors.times import to_epoch

HubSpot = get_connector_class("hubspot")
URL = "https://odoo.example/hub/webhook/hubspot/abc"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
SETTINGS = {"account_id": "49648261"}
EVENT = {
    "eventId": 100,
    "subscriptionId": 3442089,
    "portalId": 49648261,
    "appId": 10639157,
    "occurredAt": 1744311835599,
    "subscriptionType": "deal.propertyChange",
    "attemptNumber": 0,
    "objectId": 123,
    "propertyName": "dealstage",
    "propertyValue": "closedwon",
    "changeSource": "CRM_UI",
}


def receive(body, settings=SETTINGS, secret="s"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(to_epoch(NOW, 1000))
    headers = {
        "X-HubSpot-Signature-v3": signature_v3("s", "POST", URL, raw, stamp),
        "X-HubSpot-Request-Timestamp": stamp,
    }
    return HubSpot.verify(WebhookRequest("POST", URL, headers, raw), [secret], settings, NOW)


def event(subscription, **changes):
    return {**EVENT, "subscriptionType": subscription, **changes}


def test_a_property_change_is_a_thin_notice():
    (notice,) = receive([EVENT])
    assert (notice.entity, notice.external_id) == ("opportunity", "123")
    assert (notice.kind, notice.action) == ("notice", "change")
    assert notice.changed_at == datetime(2025, 4, 10, 19, 3, 55, 599000, tzinfo=timezone.utc)
    assert notice.version == "2025-04-10T19:03:55.599Z"
    assert json.loads(notice.payload) == EVENT


@pytest.mark.parametrize(
    ("subscription", "entity", "kind", "action"),
    [
        ("deal.creation", "opportunity", "notice", "change"),
        ("deal.restore", "opportunity", "notice", "change"),
        ("deal.deletion", "opportunity", "event", "delete"),
        ("company.propertyChange", "customer", "notice", "change"),
        ("contact.creation", "contact", "notice", "change"),
        ("contact.privacyDeletion", "contact", "event", "delete"),
        ("product.propertyChange", "service_item", "notice", "change"),
        ("deal.newThing", "opportunity", "event", "ignored"),
        ("ticket.creation", "opportunity", "event", "ignored"),
        ("conversation.newMessage", "opportunity", "event", "ignored"),
    ],
)
def test_types(subscription, entity, kind, action):
    (notice,) = receive([event(subscription)])
    assert (notice.entity, notice.kind, notice.action) == (entity, kind, action)
    assert (notice.reason != "") == (action == "ignored")


def test_generic_subscriptions_name_the_type_by_number():
    (notice,) = receive([event("object.propertyChange", objectTypeId="0-2")])
    assert (notice.entity, notice.external_id) == ("customer", "123")


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        ("DEAL_TO_COMPANY", 1, 2, ("opportunity", "1")),
        ("COMPANY_TO_DEAL", 1, 2, ("opportunity", "2")),
        ("LINE_ITEM_TO_DEAL", 1, 2, ("opportunity", "2")),
        ("CONTACT_TO_COMPANY", 1, 2, ("contact", "1")),
    ],
)
def test_an_association_concerns_the_deal_or_the_contact(kind, left, right, expected):
    source = kind.split("_TO_")[0].lower()
    changes = {"fromObjectId": left, "toObjectId": right, "associationType": kind, "objectId": None}
    (notice,) = receive([event(f"{source}.associationChange", **changes)])
    assert (notice.entity, notice.external_id) == expected
    assert notice.kind == "notice"


def test_a_merge_into_a_new_id():
    changes = {"primaryObjectId": 1, "mergedObjectIds": [1, 2], "newObjectId": 3, "objectId": 1}
    notices = receive([event("company.merge", **changes)])
    assert [(n.external_id, n.kind, n.action, n.merged_into) for n in notices] == [
        ("1", "event", "merge", "3"),
        ("2", "event", "merge", "3"),
        ("3", "notice", "change", None),
    ]
    assert len({n.event_key for n in notices}) == 3


def test_a_merge_into_the_primary_id():
    changes = {"primaryObjectId": 1, "mergedObjectIds": [2], "objectId": 1}
    notices = receive([event("contact.merge", **changes)])
    assert [(n.external_id, n.action) for n in notices] == [("2", "merge"), ("1", "change")]


def test_event_keys_are_of_the_event_and_not_of_the_delivery():
    (first,) = receive([EVENT])
    (again,) = receive([{**EVENT, "attemptNumber": 3}])
    assert first.event_key == again.event_key
    for name in ("eventId", "subscriptionId", "objectId", "propertyName", "occurredAt"):
        (other,) = receive([{**EVENT, name: "7" if name == "propertyName" else 7}])
        assert other.event_key != first.event_key, name


def test_a_hundred_events_in_one_delivery():
    notices = receive([event("deal.creation", objectId=n, eventId=n) for n in range(1, 101)])
    assert len({n.event_key for n in notices}) == 100


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"\xef\xbb\xbf[]", 400, "bom"),
        (b"[" * 10_000, 400, "depth"),
        (b'[{"a":1e999999}]', 400, "number"),
        (b'"text"', 400, "not_a_list"),
        (b"[1]", 400, "not_an_event"),
        ([{**EVENT, "portalId": 1}], 403, "other_account"),
        ([EVENT, {**EVENT, "portalId": 1}], 403, "other_account"),
        ([{}], 403, "other_account"),
    ],
)
def test_signed_but_refused(body, status, code):
    with pytest.raises(BadBody) as caught:
        receive(body)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_fails_closed():
    with pytest.raises(BadBody):
        receive([EVENT], settings={})
    with pytest.raises(BadSignature) as caught:
        receive([EVENT], secret="")
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"objectId": None},
        {"objectId": "1/../../x"},
        {"objectId": True},
        {"objectId": {"a": 1}},
        {"occurredAt": "soon"},
        {"occurredAt": 10**29},
        {"subscriptionType": None},
        {"subscriptionType": 7},
        {"subscriptionType": "company.merge", "mergedObjectIds": "12"},
        {"subscriptionType": "deal.associationChange", "associationType": 5},
    ],
)
def test_odd_values_are_stored_or_ignored_and_never_crash(changes):
    for notice in receive([{**EVENT, **changes}]):
        assert notice.external_id == "" or notice.external_id.isdigit()
