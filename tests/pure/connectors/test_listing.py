"""Listing a window of a source, to compare ourselves with it."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from lead_to_cash_hub.connectors.errors import ConnectorError

NOON = datetime(2026, 11, 10, 12, tzinfo=timezone.utc)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def listed(connector, entity, since, until):
    return [record for part in connector.listing(entity, since, until) for record in part]


def deals(product, numbers, moment=NOON):
    product.sandbox.seed(
        objects=[
            {
                "type": "deals",
                "id": str(number),
                "properties": {"dealname": f"Deal {number}", "amount": "7.5"},
                "at": stamp(moment),
            }
            for number in numbers
        ]
    )


def test_hubspot_lists_what_was_changed_in_the_window(hubspot):
    for number, day in ((1, 9), (2, 10), (3, 11)):
        deals(hubspot, [number], NOON.replace(day=day))
    since = NOON.replace(day=10)
    (record,) = listed(hubspot.connector(), "opportunity", since, NOON.replace(day=11))
    assert (record.external_id, record.version) == ("2", stamp(since))
    assert json.loads(record.payload)["properties"]["amount"] == "7.5"
    assert not hubspot.calls(path="associations"), "nothing that hangs on it is read"


def test_hubspot_lists_more_than_a_page_of_one_instant_once(hubspot):
    deals(hubspot, range(1, 451))
    window = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    keys = [record.external_id for record in listed(hubspot.connector(), "opportunity", *window)]
    assert sorted(map(int, keys)) == list(range(1, 451))


def test_a_hubspot_window_that_does_not_add_up_is_no_comparison(hubspot, monkeypatch):
    deals(hubspot, range(1, 4))
    connector = hubspot.connector()
    monkeypatch.setattr(connector.reader, "_total", lambda name, filters: 4)
    with pytest.raises(ConnectorError) as caught:
        listed(connector, "opportunity", NOON, NOON + timedelta(hours=1))
    assert caught.value.code == "listing_incomplete"


def test_harvest_lists_entries_by_their_date_and_projects_by_their_change(harvest):
    sandbox = harvest.sandbox
    sandbox.settings["max_page"] = 2000
    sandbox.seed(
        users=[{"id": 7, "first_name": "Ann", "last_name": "Lee", "email": "ann@firm.example"}],
        clients=[{"id": 5, "name": "Other"}],
        tasks=[{"id": 9, "name": "design"}],
        projects=[{"id": 11, "name": "P0", "code": "P-1", "client_id": 5}],
        task_assignments=[{"id": 12, "project_id": 11, "task_id": 9}],
    )
    row = {"user": 7, "project": 11, "task": 9, "hours": 1.25}
    keys = sandbox.seed(
        time_entries=[
            {**row, "spent_date": day} for day in ("2026-11-09", "2026-11-10", "2026-11-11")
        ]
    )["time_entries"]
    connector = harvest.connector()
    found = listed(connector, "time_entry", NOON, NOON)
    assert [record.external_id for record in found] == [str(keys[1])]
    assert json.loads(found[0].payload)["hours"] == 1.25
    now = datetime.now(timezone.utc)
    assert listed(connector, "project", now - timedelta(hours=1), now + timedelta(hours=1))
    assert not listed(connector, "project", now + timedelta(hours=1), now + timedelta(hours=2))


def test_stripe_lists_payments_by_the_time_they_were_made(stripe_product):
    store = stripe_product.sandbox.store
    for minutes in range(-1, 130):
        store.succeed(
            store.intent(1050, "usd", int((NOON + timedelta(minutes=minutes)).timestamp()))
        )
    found = listed(stripe_product.connector(), "payment", NOON, NOON + timedelta(minutes=120))
    assert len({record.external_id for record in found}) == len(found) == 120
    assert {record.version for record in found} == {None}
    assert json.loads(found[0].payload)["amount"] == 1050


def test_a_refused_listing_is_told_by_its_kind(stripe_product):
    stripe_product.fault("status", status=503)
    with pytest.raises(ConnectorError) as caught:
        listed(stripe_product.connector(), "payment", NOON, NOON)
    assert caught.value.kind == "product_down"
