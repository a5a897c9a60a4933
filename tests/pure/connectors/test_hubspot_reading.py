"""Polling and fetching from HubSpot."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from lead_to_cash_hub.connectors.errors import ConnectorError

OWNER = {"id": "42", "email": "ann@firm.example", "firstName": "Ann", "lastName": "Lee"}


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def deal(key, moment=None, **more):
    properties = {
        "dealname": f"Deal {key}",
        "amount": "1200.50",
        "pipeline": "7712",
        "dealstage": "771202",
        "hubspot_owner_id": "42",
    }
    item = {"type": "deals", "id": str(key), "properties": properties, **more}
    return {**item, "at": stamp(moment)} if moment else item


def drain(connector, entity, cursor, now, *, crash_after=None):
    """Poll to the end; ``crash_after`` raises once after that many pages."""
    seen = []
    while True:
        # a cursor survives being stored as JSON
        page = connector.poll(entity, json.loads(json.dumps(cursor or {})), now)
        seen += page.records
        cursor = page.cursor
        if crash_after is not None:
            crash_after -= 1
            if crash_after == 0:
                return seen, cursor
        if not page.more:
            return seen, cursor


def payload(record):
    return json.loads(record.payload, parse_float=Decimal)


def test_a_deal_has_all_that_a_mapping_needs(hubspot, now):
    hubspot.sandbox.seed(
        owners=[OWNER],
        objects=[
            {"type": "companies", "id": "500", "properties": {"name": "Acme"}},
            {"type": "companies", "id": "501", "properties": {"name": "Acme Holding"}},
            {"type": "contacts", "id": "600", "properties": {"email": "bo@acme.example"}},
            deal(
                700,
                companies=["501", "500"],
                contacts=["600"],
                line_items=[{"name": "Consulting", "quantity": "10", "price": "150"}],
            ),
        ],
    )
    settings = {"properties": {"opportunity": ["po_number"]}}
    (record,), _cursor = drain(hubspot.connector(settings=settings), "opportunity", {}, now)
    data = payload(record)
    assert (record.entity, record.external_id, record.deleted) == ("opportunity", "700", False)
    assert data["companies"] == ["501", "500"], "the primary company comes first"
    assert data["contacts"] == ["600"]
    assert data["line_items"][0]["properties"]["price"] == "150"
    assert data["owner"] == OWNER
    assert data["pipeline_stage"] == {
        "id": "771202",
        "label": "Signed",
        "pipeline": "Services",
        "isClosed": True,
        "isWon": True,
        "probability": "1.0",
    }
    assert data["properties"]["po_number"] is None
    line = data["line_items"][0]["properties"]["hs_lastmodifieddate"]
    assert record.version == max(data["updatedAt"], line), "a changed line makes a newer version"


def test_all_entities_are_polled_and_fetched(hubspot, now):
    hubspot.sandbox.seed(
        owners=[OWNER, {**OWNER, "id": "43", "archived": True}],
        objects=[
            {"type": "companies", "id": "500", "properties": {"name": "Acme"}},
            {"type": "contacts", "id": "600", "properties": {"email": "b@a"}, "companies": ["500"]},
            {"type": "products", "id": "800", "properties": {"name": "Hour"}},
            deal(700),
        ],
    )
    connector = hubspot.connector()
    for entity in connector.entities_in:
        records, _cursor = drain(connector, entity, {}, now)
        assert records, entity
        fetched = connector.fetch(entity, [records[0].external_id, "99999"])
        assert fetched == {records[0].external_id: records[0]}, entity
    assert [payload(r)["archived"] for r in drain(connector, "employee", {}, now)[0]] == [
        False,
        True,
    ]
    contact = connector.fetch("contact", ["600"])["600"]
    assert payload(contact)["companies"] == ["500"]


def test_paging_crash_and_resume(hubspot, now):
    start = now - timedelta(hours=1)
    moments = [start + timedelta(seconds=n // 30) for n in range(950)]
    hubspot.sandbox.seed(
        owners=[OWNER], objects=[deal(n + 1, moment) for n, moment in enumerate(moments)]
    )
    first, cursor = drain(hubspot.connector(), "opportunity", {}, now, crash_after=2)
    rest, cursor = drain(hubspot.connector(), "opportunity", cursor, now)
    keys = [record.external_id for record in first + rest]
    assert sorted(keys, key=int) == [str(n + 1) for n in range(950)]
    assert len(keys) == len(set(keys)), "nothing twice within a window"
    again, _cursor = drain(hubspot.connector(), "opportunity", cursor, now + timedelta(minutes=1))
    assert not again, "an old quiet window is not read again"


def test_more_rows_than_the_search_can_page(hubspot, now, monkeypatch):
    """10,000 rows (here 1,000) end HubSpot's paging; ours asks for first pages only. Half of the
    rows share one instant."""
    monkeypatch.setattr("sandbox.hubspot_search.MAX_RESULTS", 1000)
    start = now - timedelta(days=1)
    store = hubspot.sandbox.store
    for n in range(1400):
        moment = start if n % 2 else start + timedelta(milliseconds=n)
        store.create("companies", {"name": f"C{n}"}, at=stamp(moment), quiet=True)
    records, _cursor = drain(hubspot.connector(), "customer", {}, now)
    assert len({record.external_id for record in records}) == 1400
    body = {"limit": 200, "after": "900"}
    with pytest.raises(ConnectorError):  # the limit is there
        hubspot.connector()._call(
            "POST", "/crm/v3/objects/companies/search", json=body, write=False
        )


def test_a_late_index_is_covered_by_the_overlap(hubspot, now):
    connector = hubspot.connector()
    hubspot.sandbox.settings["index_lag"] = 25
    hubspot.sandbox.seed(objects=[deal(1, now - timedelta(seconds=10))], owners=[OWNER])
    records, cursor = drain(connector, "opportunity", {}, now)
    assert not records
    hubspot.sandbox.settings["index_lag"] = 0
    records, cursor = drain(connector, "opportunity", cursor, now + timedelta(seconds=30))
    assert [record.external_id for record in records] == ["1"]
    again, _cursor = drain(connector, "opportunity", cursor, now + timedelta(seconds=60))
    assert [r.version for r in again] == [r.version for r in records], "same version, no effect"


def test_rows_that_change_while_read_are_not_skipped(hubspot, now):
    start = now - timedelta(hours=1)
    hubspot.sandbox.seed(
        owners=[OWNER], objects=[deal(n, start + timedelta(seconds=n)) for n in range(1, 451)]
    )
    connector, seen, cursor, more = hubspot.connector(), set(), {}, True
    while more:
        page = connector.poll("opportunity", cursor, now)
        seen |= {record.external_id for record in page.records}
        cursor, more = page.cursor, page.more
        if len(seen) == 200:
            for key in range(100, 201):  # these move to the end; offsets would now skip 101 rows
                hubspot.sandbox.store.update("deals", str(key), {"dealname": "x"}, quiet=True)
    assert seen == {str(n) for n in range(1, 451)}


def test_a_changed_line_item_brings_its_deal(hubspot, now):
    old = now - timedelta(days=2)
    hubspot.sandbox.seed(
        owners=[OWNER], objects=[deal(700, old, line_items=[{"name": "A", "price": "1"}])]
    )
    connector = hubspot.connector()
    (record,), cursor = drain(connector, "opportunity", {}, now - timedelta(hours=1))
    line = payload(record)["line_items"][0]["id"]
    hubspot.sandbox.store.update("line_items", line, {"price": "2"}, at=stamp(now), quiet=True)
    (changed,), _cursor = drain(connector, "opportunity", cursor, now)
    assert payload(changed)["line_items"][0]["properties"]["price"] == "2"
    assert changed.version > record.version, "the line's time makes a newer version of the deal"


def test_start_date_limits_the_first_window(hubspot, now):
    hubspot.sandbox.seed(
        owners=[OWNER],
        objects=[deal(1, now - timedelta(days=400)), deal(2, now - timedelta(days=3))],
    )
    settings = {"start_date": (now - timedelta(days=30)).date().isoformat()}
    records, _cursor = drain(hubspot.connector(settings=settings), "opportunity", {}, now)
    assert [record.external_id for record in records] == ["2"]


@pytest.mark.parametrize("new_id", [True, False])
def test_a_merged_id_leads_to_its_survivor(hubspot, new_id):
    hubspot.sandbox.seed(
        objects=[
            {"type": "companies", "id": str(n), "properties": {"name": f"C{n}"}} for n in (1, 2, 3)
        ]
    )
    survivor = hubspot.sandbox.store.merge("companies", "1", "2", new_id=new_id)["id"]
    found = hubspot.connector().fetch("customer", ["1", "2", "3", "4"])
    assert set(found) == {"1", "2", "3"}
    assert found["2"].merged_into == survivor
    assert payload(found["2"])["id"] == survivor
    assert found["1"].merged_into == (survivor if new_id else None)
    assert found["3"].merged_into is None


def test_archived_is_deleted_and_restored_is_not(hubspot, now):
    hubspot.sandbox.seed(objects=[deal(1), deal(2)], owners=[OWNER])
    hubspot.sandbox.store.archive("deals", "1")
    connector = hubspot.connector()
    found = connector.fetch("opportunity", ["1", "2"])
    assert (found["1"].deleted, found["2"].deleted) == (True, False)
    page = connector.poll_deleted("opportunity", {}, now)
    assert [(r.external_id, r.deleted) for r in page.records] == [("1", True)]
    later = connector.poll_deleted("opportunity", page.cursor, now + timedelta(hours=1))
    assert [r.external_id for r in later.records] == ["1"], "within the overlap"
    hubspot.sandbox.store.archive("deals", "1", restore=True)
    assert not connector.fetch("opportunity", ["1"])["1"].deleted


def test_ids_are_read_a_hundred_a_call(hubspot):
    hubspot.sandbox.seed(objects=[deal(n) for n in range(1, 251)], owners=[OWNER])
    found = hubspot.connector().fetch("opportunity", [str(n) for n in range(1, 251)])
    assert len(found) == 250
    assert len(hubspot.calls("POST", "deals/batch/read")) == 3
    assert len(hubspot.calls("POST", "associations")) == 3
    assert len(hubspot.calls("GET", "owners")) == len(hubspot.calls("GET", "pipelines")) == 1


def test_bad_ids_ask_nothing(hubspot):
    assert hubspot.connector().fetch("opportunity", ["1/../../x", "", "abc"]) == {}
    assert all(not call["body"].count("..") for call in hubspot.sandbox.journal)


def test_many_associations_are_paged(hubspot):
    hubspot.sandbox.seed(
        owners=[OWNER],
        objects=[deal(1)] + [{"type": "contacts", "id": str(n)} for n in range(2000, 3100)],
    )
    for n in range(2000, 3100):
        hubspot.sandbox.store.associate("deals", "1", "contacts", str(n), quiet=True)
    record = hubspot.connector().fetch("opportunity", ["1"])["1"]
    assert len(payload(record)["contacts"]) == 1100


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"kind": "status", "status": 500}, "product_down", "server_error"),
        ({"kind": "status", "status": 503}, "product_down", "server_error"),
        ({"kind": "html", "status": 502}, "product_down", "server_error"),
        ({"kind": "html", "status": 404}, "schema", "unexpected_page"),
        ({"kind": "html", "status": 200}, "schema", "bad_json"),
        ({"kind": "malformed"}, "schema", "bad_json"),
        ({"kind": "expired_token"}, "sign_in", "token_expired"),
        ({"kind": "revoked_token"}, "sign_in", "token_invalid"),
        ({"kind": "reset_before"}, "connection", "broken_off"),
        ({"kind": "reset_after"}, "connection", "broken_off"),
    ],
)
def test_faults_and_a_poll_that_goes_on_after_them(hubspot, now, fault, kind, code):
    hubspot.sandbox.seed(objects=[deal(1)], owners=[OWNER])
    connector = hubspot.connector()
    hubspot.fault(**fault)
    with pytest.raises(ConnectorError) as caught:
        connector.poll("opportunity", {}, now)
    assert (caught.value.kind, caught.value.code) == (kind, code)
    assert hubspot.reports[-1].error_kind == (None if code == "bad_json" else kind)
    assert len(drain(connector, "opportunity", {}, now)[0]) == 1


def test_retry_after_is_in_milliseconds(hubspot, now):
    hubspot.fault("status", status=429, headers={"Retry-After": "2500"})
    with pytest.raises(ConnectorError) as caught:
        hubspot.connector().poll("opportunity", {}, now)
    assert (caught.value.kind, caught.value.retry_after) == ("rate", 2.5)


def test_a_used_up_day_waits_for_the_portals_midnight(hubspot):
    moment = datetime(2026, 11, 20, 3, 0, tzinfo=timezone.utc)  # 22:00 in New York
    hubspot.fault("status", status=429, headers={"X-HubSpot-RateLimit-Daily-Remaining": "0"})
    hubspot.sandbox.decorate = lambda request, response: None
    try:
        connector = hubspot.connector(
            clock=lambda: moment, settings={"time_zone": "America/New_York"}
        )
        with pytest.raises(ConnectorError) as caught:
            connector.account_id()
    finally:
        del hubspot.sandbox.decorate
    assert (caught.value.code, caught.value.retry_after) == ("daily_limit", 7200)


def test_the_sandbox_keeps_its_limit(hubspot):
    hubspot.sandbox.settings["limits"] = True
    connector = hubspot.connector()
    with pytest.raises(ConnectorError) as caught:
        for _ in range(200):
            connector.account_id()
    assert (caught.value.kind, caught.value.retry_after) == ("rate", 10.0)
    assert len(hubspot.sandbox.journal) == 191


def test_connection_check_names_what_is_missing(hubspot):
    scopes = [f"crm.objects.{n}.read" for n in ("deals", "companies", "line_items", "owners")]
    hubspot.sandbox.settings["scopes"] = scopes
    connector = hubspot.connector(secrets={"access_token": "pat-na1-sandbox-token"})
    failed = [item for item in connector.check() if not item.ok]
    assert [(item.code, item.params.get("scope")) for item in failed] == [
        ("read", "crm.objects.contacts.read"),
        ("read", "crm.objects.products.read"),
        ("write", "crm.objects.deals.write"),
        ("write", "crm.objects.companies.write"),
        ("webhook_secret", None),
    ]
    assert failed[0].params["scopes"] == ["crm.objects.contacts.read"]


def test_connection_check_sees_another_portal_and_a_wrong_clock(hubspot, now):
    connector = hubspot.connector(
        settings={"account_id": "1"}, clock=lambda: now - timedelta(minutes=10)
    )
    failed = {item.code: item.params for item in connector.check() if not item.ok}
    assert set(failed) == {"clock", "account"}
    assert -610 < failed["clock"]["seconds"] < -590


def test_connection_check_without_a_token(hubspot):
    (item,) = hubspot.connector(secrets={}).check()
    assert (item.ok, item.params["kind"], item.params["error"]) == (
        False,
        "sign_in",
        "secret_missing",
    )


def test_refresh(hubspot, now):
    connector = hubspot.connector(settings={"client_id": "sandbox-client"})
    token = connector.refresh(connector.secrets)
    assert token.access.startswith("oauth-") and token.refresh == "sandbox-refresh-token"
    assert timedelta(minutes=29) < token.expires_at - now < timedelta(minutes=31)
    with pytest.raises(ConnectorError) as caught:
        connector.account_id()
    assert caught.value.kind == "sign_in", "the old token is dead"
    with pytest.raises(ConnectorError) as caught:
        connector.refresh({**connector.secrets, "refresh_token": "burnt"})
    assert (caught.value.kind, caught.value.code) == ("sign_in", "reconnect")
