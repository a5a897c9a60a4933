"""What only Salesforce has: its sign-ins, SOQL, what hangs on an opportunity, deletions and merges, SOAP."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from contract import drain, payload, stored
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from test_contract_salesforce import SalesforceSubject

from lead_to_cash_hub.connectors import get_connector_class, salesforce_auth, salesforce_webhook
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from lead_to_cash_hub.connectors.salesforce_errors import from_item
from lead_to_cash_hub.connectors.salesforce_objects import quoted, record_id
from sandbox.salesforce import SalesforceSandbox
from sandbox.salesforce_store import long_id, stamp

Salesforce = get_connector_class("salesforce")
ORG = "00DHs000000sbx1MAA"
SETTINGS = {"account_id": ORG}


@pytest.fixture(scope="session")
def pair():
    """An RSA key as an admin pastes it, and its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.fixture
def org(served):
    if "salesforce" not in served:
        served["salesforce"] = SalesforceSandbox().start()
    running = served["salesforce"]
    running.sandbox.reset()
    return SalesforceSubject(running.sandbox, running)


@pytest.fixture
def jwt(org, pair):
    """An org that knows our certificate: ``jwt(**secrets)`` makes a connector that has no token yet."""
    org.sandbox.settings["certificate"] = pair[1]

    def make(settings=None, **more):
        secrets = {"private_key": pair[0].replace("\n", " "), "username": "hub@firm.example"}
        clock = more.pop("clock", None)
        return org.connector(settings=settings, secrets={**secrets, **more}, clock=clock)

    return make


def seed(org, *objects):
    return org.sandbox.seed(
        [{"type": name, "fields": fields, "at": at} for name, fields, at in objects]
    )["ids"]


def deal(org, now, lines=1, **fields):
    """An opportunity with all that hangs on it: ``(opportunity, account, contacts, lines)``."""
    at = stamp(now - timedelta(days=2))
    owner, account, first, second, product = seed(
        org,
        ("User", {"FirstName": "Ann", "LastName": "Lee", "Email": "ann@firm.example"}, at),
        ("Account", {"Name": "Acme"}, at),
        ("Contact", {"LastName": "Bo"}, at),
        ("Contact", {"LastName": "Cy"}, at),
        ("Product2", {"Name": "Consulting", "ProductCode": "CON"}, at),
    )
    values = {
        "Name": "Rollout",
        "AccountId": account,
        "OwnerId": owner,
        "StageName": "Closed Won",
        "CloseDate": "2026-11-20",
        "CurrencyIsoCode": "EUR",
        **fields,
    }
    (key,) = seed(org, ("Opportunity", values, at))
    line = {"OpportunityId": key, "Product2Id": product, "Quantity": 10.0, "UnitPrice": 150.5}
    items = seed(
        org, *[("OpportunityLineItem", {**line, "SortOrder": n}, at) for n in range(lines)]
    )
    for contact, primary in ((first, False), (second, True)):
        role = {"OpportunityId": key, "ContactId": contact, "IsPrimary": primary}
        seed(org, ("OpportunityContactRole", role, at))
    return key, account, [second, first], items


# -- signing in -------------------------------------------------------------------------------------


def test_a_signed_assertion_is_judged_by_another_library(jwt, org, pair, judge):
    library = judge("jwt")
    connector = jwt()
    token = connector.refresh(connector.secrets)
    assert token.access.startswith(ORG[:15]) and token.refresh is None
    assert timedelta(minutes=20) < token.expires_at - datetime.now(timezone.utc)
    (call,) = org.sandbox.journal
    sent = dict(part.split("=") for part in call["body"].split("&"))["assertion"]
    claims = library.decode(sent, pair[1], algorithms=["RS256"], audience=salesforce_auth.TEST)
    assert (claims["iss"], claims["sub"]) == ("3MVG9.sandbox.consumer", "hub@firm.example")
    assert 100 < claims["exp"] - datetime.now(timezone.utc).timestamp() < 300
    assert connector.check()[0].ok


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nxx\n-----END"])
def test_a_key_that_is_none_is_named_and_not_shown(jwt, text):
    with pytest.raises(ConnectorError) as caught:
        jwt(private_key=text or " ", consumer_secret="").refresh(
            {"private_key": text or " ", "username": "hub@firm.example"}
        )
    assert (caught.value.kind, caught.value.code) == ("sign_in", "bad_private_key")
    assert caught.value.__cause__ is None


def test_keys_of_both_forms_are_read():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        for text in (
            pem.decode(),
            pem.decode().replace("\n", ""),
            pem.decode().replace("\n", "\\n"),
        ):
            assert salesforce_auth._key(text).private_numbers() == key.private_numbers()


def test_client_credentials(org):
    connector = org.connector()
    assert connector.refresh(connector.secrets).access
    org.sandbox.settings["run_as"] = False
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(connector.secrets)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "no_run_as_user")
    with pytest.raises(ConnectorError) as caught:
        connector.refresh({"consumer_secret": "wrong"})
    assert caught.value.kind == "sign_in"
    with pytest.raises(ConnectorError) as caught:
        connector.refresh({})
    assert caught.value.params == {"secret": "consumer_secret"}


@pytest.mark.parametrize("minutes", [-30, 30])
def test_an_assertion_of_a_wrong_clock_is_signed_again_by_theirs(jwt, org, minutes):
    wrong = timedelta(minutes=minutes)
    connector = jwt(clock=lambda: datetime.now(timezone.utc) + wrong)
    assert connector.refresh(connector.secrets).access
    assert len(org.calls_to("/token")) == 2


def test_what_was_revoked_is_a_persons_matter(jwt, org, now):
    org.sandbox.settings["approved"] = False
    connector = jwt()
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(connector.secrets)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "not_approved")
    assert len(org.sandbox.journal) == 1, "and is not tried again"


def test_a_session_that_ends_is_renewed_once_and_no_more(jwt, org, now):
    connector = jwt(access_token="an old one")
    renewals = []

    def renew():
        renewals.append(1)
        return {**connector.secrets, "access_token": connector.refresh(connector.secrets).access}

    connector.renew = renew
    org.seed(1, now - timedelta(hours=1))
    assert len(drain(connector, "customer", {}, now)[0]) == 1
    assert len(renewals) == 1
    org.fault("expired_token", times=9, path="/services/data")
    with pytest.raises(ConnectorError) as caught:
        connector.poll("customer", {}, now)
    assert (caught.value.kind, len(renewals)) == ("sign_in", 2)


@pytest.mark.parametrize(
    ("settings", "sandbox", "code"),
    [
        ({"live_mode": True}, {}, "wrong_environment"),
        ({}, {"is_sandbox": False}, "wrong_environment"),
        ({"account_id": "00DHs000000otherMAA"[:18]}, {}, "other_account"),
        ({}, {"instance_url": "https://evil.my.salesforce.com"}, "other_instance"),
    ],
)
def test_a_token_counts_for_one_org_in_one_environment(org, settings, sandbox, code):
    org.sandbox.settings.update(sandbox)
    connector = org.connector(settings=settings)
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(connector.secrets)
    assert (caught.value.kind, caught.value.code) == ("sign_in", code)


def test_the_audience_tells_the_environments_apart(jwt, org):
    connector = jwt(settings={"live_mode": True})
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(connector.secrets)
    assert caught.value.code == "wrong_environment"


@pytest.mark.parametrize(
    ("host", "production"),
    [
        ("acme.my.salesforce.com", True),
        ("login.salesforce.com", True),
        ("test.salesforce.com", False),
        ("acme--uat.sandbox.my.salesforce.com", False),
        ("acme--uat.my.salesforce.com", False),
        ("acme-dev-ed.develop.my.salesforce.com", False),
        ("acme.scratch.my.salesforce.com", False),
        ("acme.example", None),
        ("my.salesforce.com.evil.example", None),
    ],
)
def test_an_address_tells_its_environment_before_a_byte_is_sent(host, production):
    url = f"https://{host}"
    assert salesforce_auth.is_production(url) is production
    for live in (True, False):
        if production is None or production is live:
            salesforce_auth.require_environment(url, live)
            continue
        with pytest.raises(ConnectorError) as caught:
            salesforce_auth.require_environment(url, live)
        assert caught.value.code == "wrong_environment"


# -- what is read -------------------------------------------------------------------------------------


def test_an_opportunity_has_all_that_a_mapping_needs(org, now):
    key, account, contacts, lines = deal(org, now, lines=2, Service_Line__c="rollout")
    settings = {"properties": {"opportunity": ["Service_Line__c", "No_Such__c", "won"]}}
    (record,), _cursor = drain(org.connector(settings=settings), "opportunity", {}, now)
    data = payload(record)
    assert (record.external_id, data["AccountId"]) == (key, account)
    assert data["contacts"] == contacts, "the primary one comes first"
    assert [line["Id"] for line in data["line_items"]] == lines
    assert data["line_items"][0]["Product2"] == {"Name": "Consulting"}
    assert data["line_items"][0]["ProductCode"] == "CON"
    assert data["Owner"] == {"Name": "Ann Lee", "Email": "ann@firm.example"}
    assert (data["IsWon"], data["IsClosed"], data["CurrencyIsoCode"]) == (True, True, "EUR")
    assert (data["Amount"], data["Service_Line__c"]) == (Decimal("3010.0"), "rollout")
    assert "No_Such__c" not in data and "attributes" not in json.dumps(data, default=str)


def test_an_org_of_one_currency_names_it(org, now):
    org.sandbox.settings.update(multi_currency=False, currency="CHF")
    key, *_rest = deal(org, now)
    for _turn in range(2):
        record = org.connector().fetch("opportunity", [key])[key]
        assert payload(record)["CurrencyIsoCode"] == "CHF"
    assert len(org.calls_to("/connect/organization")) == 1, "asked once an hour"


def test_a_changed_and_a_deleted_product_bring_their_opportunity(org, now):
    key, _account, _contacts, lines = deal(org, now, lines=2)
    connector = org.connector()
    (first,), cursor = drain(connector, "opportunity", {}, now - timedelta(hours=1))
    org.sandbox.store.rows["OpportunityLineItem"][lines[0]].update(
        UnitPrice=99.0, SystemModstamp=stamp(now - timedelta(minutes=30))
    )
    records, cursor = drain(connector, "opportunity", cursor, now)
    changed = {record.external_id: record for record in records}[key]
    assert payload(changed)["line_items"][0]["UnitPrice"] == 99
    assert changed.version > first.version
    row = org.sandbox.store.rows["OpportunityLineItem"][lines[1]]
    row.update(IsDeleted=True, SystemModstamp=stamp(now - timedelta(seconds=5)))
    records, cursor = drain(connector, "opportunity", cursor, now)
    gone = {record.external_id: record for record in records}[key]
    assert len(payload(gone)["line_items"]) == 1
    assert gone.version > changed.version, "its end is a change of the opportunity"


def test_a_link_that_is_no_longer_known_goes_on_from_the_last_row(org, now):
    keys = [key for n in range(3) for key in org.seed(400, now - timedelta(days=9 - n))]
    connector = org.connector()
    seen, cursor, more = set(), {}, True
    while more:
        org.sandbox.locators.clear()
        page = connector.poll("customer", stored(cursor), now)
        seen |= {record.external_id for record in page.records}
        cursor, more = page.cursor, page.more
    assert seen == set(keys)
    assert len(org.calls_to("/query")) < 12


def test_a_foreign_link_is_not_followed(org, now):
    org.seed(1, now - timedelta(hours=1))
    for link in ("https://evil.example/x", "//evil.example/x", "/other/path", "services/data/x"):
        cursor = {"main": {"next": link, "begun": "2026-11-01T00:00:00.000Z"}}
        with pytest.raises(ConnectorError) as caught:
            org.connector().poll("customer", cursor, now)
        assert caught.value.code == "foreign_link"


def test_a_field_that_was_taken_away_is_asked_for_no_more(org, now):
    org.seed(1, now - timedelta(hours=1))
    drain(org.connector(), "customer", {}, now)
    org.sandbox.settings["hidden_fields"] = {"Account": ("Industry",)}
    (record,), _cursor = drain(org.connector(), "customer", {}, now)
    assert "Industry" not in payload(record)


def test_colleagues_only(org, now):
    ann, bot = seed(
        org,
        ("User", {"LastName": "Lee", "Email": "ann@firm.example"}, stamp(now)),
        ("User", {"LastName": "Bot", "UserType": "AutomatedProcess"}, stamp(now)),
    )
    records, _cursor = drain(org.connector(), "employee", {}, now)
    assert [record.external_id for record in records] == [ann]
    assert set(org.connector().fetch("employee", [ann, bot])) == {ann}


def test_a_window_is_listed_and_must_add_up(org, now):
    org.seed(700, now - timedelta(days=2))
    org.seed(3, now - timedelta(days=9))
    window = now - timedelta(days=3), now - timedelta(days=1)
    parts = list(org.connector().listing("customer", *window))
    assert len({record.external_id for part in parts for record in part}) == 700
    connector = org.connector()
    query = connector.reader.query
    connector.reader.query = lambda soql, **more: {**query(soql, **more), "totalSize": 701}
    with pytest.raises(ConnectorError) as caught:
        list(connector.listing("customer", *window))
    assert caught.value.code == "listing_incomplete"


@pytest.mark.parametrize(
    "text", ["O'Neill", "x' OR Name != '", "\\' OR 1=1", "a\nb\\", "\x00é\u2028"]
)
def test_a_text_in_soql_stays_a_text(org, now, text):
    plain = text.replace("\x00", "")
    seed(
        org,
        ("Account", {"Name": plain}, stamp(now)),
        ("Account", {"Name": "someone else"}, stamp(now)),
    )
    connector = org.connector()
    soql = connector.reader.select("Account", [f"Name = {quoted(text)}"], fields=["Id", "Name"])
    assert [row["Name"] for row in connector.reader.every(soql)] == [plain]


def test_ids_of_both_forms_name_one_record(org, now):
    (key,) = org.seed(1, now - timedelta(hours=1))
    assert record_id(key[:15]) == key
    found = org.connector().fetch("customer", [key[:15]])
    assert payload(found[key[:15]])["Id"] == key
    assert long_id("00D000000000062") == record_id("00D000000000062") == "00D000000000062EAA"


# -- deletions and merges -------------------------------------------------------------------------------


def test_restored_and_purged_records(org, now):
    kept, purged, restored, _other = org.seed(4, now - timedelta(hours=1))
    for key in (kept, purged, restored):
        org.sandbox.store.delete("Account", key)
    org.sandbox.store.purge("Account", purged)
    org.sandbox.store.restore("Account", restored)
    connector = org.connector()
    page = connector.poll_deleted("customer", {}, now)
    assert {record.external_id for record in page.records} == {kept, purged}
    assert all(record.deleted and record.version for record in page.records)
    before = len(org.sandbox.journal)
    assert connector.poll_deleted("customer", page.cursor, now).records == []
    assert len(org.sandbox.journal) == before, "not asked again for some minutes"
    later = org.seed(1, now)[0]
    org.sandbox.store.delete("Account", later)
    page = connector.poll_deleted("customer", page.cursor, now + timedelta(minutes=11))
    assert later in {record.external_id for record in page.records}


def test_a_merge_is_told_as_one_and_followed_to_its_end(org, now):
    first, second, third = org.seed(3, now - timedelta(hours=1))
    org.sandbox.store.merge("Account", second, first)
    org.sandbox.store.merge("Account", third, second)
    connector = org.connector()
    found = connector.fetch("customer", [first, second, third])
    assert [found[key].merged_into for key in (first, second, third)] == [third, third, None]
    assert payload(found[first])["Id"] == third
    page = connector.poll_deleted("customer", {}, now)
    assert {(r.external_id, r.merged_into, r.deleted) for r in page.records} == {
        (first, third, False),
        (second, third, False),
    }


def test_a_merge_into_what_was_deleted_is_a_deletion(org, now):
    first, second = org.seed(2, now - timedelta(hours=1))
    org.sandbox.store.merge("Account", second, first)
    org.sandbox.store.delete("Account", second)
    found = org.connector().fetch("customer", [first, second])
    assert found[second].deleted and not found[second].merged_into
    assert (found[first].merged_into, found[first].deleted) == (second, False)


def test_too_long_a_silence_reads_all_anew(org, now):
    connector = org.connector()
    old = {"covered": (now - timedelta(days=40)).isoformat()}
    page = connector.poll_deleted("customer", old, now)
    assert page.cursor.get("resync") is True
    page = connector.poll_deleted("customer", {"covered": page.cursor["covered"]}, now)
    assert "resync" not in page.cursor
    org.sandbox.store.purged_before = stamp(now - timedelta(hours=2))
    recent = {"covered": (now - timedelta(hours=5)).isoformat()}
    assert connector.poll_deleted("customer", recent, now).cursor["resync"] is True
    assert "resync" not in connector.poll_deleted("customer", {}, now).cursor, "the first time"


def test_too_many_deletions_for_one_window_are_read_by_parts(org, now):
    keys = org.seed(40, now - timedelta(days=9))
    for number, key in enumerate(keys):
        org.sandbox.store.delete("Account", key)
        when = stamp(now - timedelta(hours=number * 6, minutes=5))
        org.sandbox.store.deleted[-1] = ("Account", key, when)
    org.sandbox.settings["most_deleted"] = 15
    connector, seen, cursor, more = org.connector(), set(), {}, True
    while more:
        page = connector.poll_deleted("customer", stored(cursor), now)
        seen |= {record.external_id for record in page.records}
        cursor, more = page.cursor, page.more
    assert seen == set(keys)
    assert len(org.calls_to("/deleted")) < 20


def test_an_object_that_the_user_does_not_see_is_a_missing_right(org, now):
    deal(org, now)
    org.sandbox.settings["hidden_objects"] = ("OpportunityLineItem",)
    with pytest.raises(ConnectorError) as caught:
        org.connector().poll("opportunity", {}, now)
    assert (caught.value.kind, caught.value.code) == ("permission", "object_hidden")


def test_deletions_by_their_clock(org, now):
    (key,) = org.seed(1, now - timedelta(hours=1))
    org.sandbox.store.delete("Account", key)
    wrong = now + timedelta(days=2)
    connector = org.connector(clock=lambda: wrong)
    page = connector.poll_deleted("customer", {"covered": wrong.isoformat()[:10]}, wrong)
    assert page.cursor["covered"] < (now + timedelta(minutes=1)).isoformat()


# -- writing ------------------------------------------------------------------------------------------------


def update(key, record, **values):
    return Write(key, "opportunity", "update", record, values)


def opportunities(org, now, count):
    values = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-11-20"}
    return seed(org, *[("Opportunity", values, stamp(now - timedelta(days=1)))] * count)


def test_two_hundred_a_call_each_with_its_own_outcome(org, now):
    keys = opportunities(org, now, 450)
    writes = [
        update(f"k{n}", key, Odoo_Paid_Amount__c=Decimal("1.5")) for n, key in enumerate(keys)
    ]
    writes[7] = update("k7", keys[7], Amount=-1)
    writes[8] = update("k8", "006Hs000000none1AA"[:15], Odoo_Paid_Amount__c=1)
    outcomes = org.connector().deliver("opportunity", writes)
    assert [n for n, outcome in enumerate(outcomes) if not outcome.ok] == [7, 8]
    refused, unknown = outcomes[7].error, outcomes[8].error
    assert (refused.kind, refused.params["reason"]) == ("data", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert refused.params["properties"] == ["Amount"]
    assert "@" not in refused.params["message"], "personal data is masked"
    assert (unknown.kind, unknown.code) == ("reference", "not_found")
    assert len(org.calls_to("/composite/sobjects")) == 3
    rows = org.sandbox.store.rows["Opportunity"]
    assert sum(rows[key].get("Odoo_Paid_Amount__c") == 1.5 for key in keys) == 448


def test_what_cannot_be_read_is_found_by_halves(org, now):
    keys = opportunities(org, now, 16)
    writes = [update(f"k{n}", key, NextStep="x") for n, key in enumerate(keys)]
    writes[5] = update("k5", keys[5], No_Such__c=1)
    outcomes = org.connector().deliver("opportunity", writes)
    assert [n for n, outcome in enumerate(outcomes) if not outcome.ok] == [5]
    assert outcomes[5].error.code == "invalid_field"
    assert len(org.calls_to("/composite/sobjects")) <= 9


def test_a_record_twice_in_one_delivery(org, now):
    (key,) = opportunities(org, now, 1)
    writes = [update("a", key, NextStep="first"), update("b", key, NextStep="second")]
    assert all(outcome.ok for outcome in org.connector().deliver("opportunity", writes))
    assert org.sandbox.store.rows["Opportunity"][key]["NextStep"] == "second"


def test_what_was_merged_away_is_written_where_it_went_on(org, now):
    winner, loser, gone = org.seed(3, now - timedelta(hours=1))
    org.sandbox.store.merge("Account", winner, loser)
    org.sandbox.store.delete("Account", gone)
    writes = [
        Write("a", "customer", "update", loser, {"Odoo_Balance__c": 5}),
        Write("b", "customer", "update", gone, {"Odoo_Balance__c": 5}),
        Write("c", "customer", "update", winner, {"Odoo_Overdue__c": 1}),
    ]
    first, second, third = org.connector().deliver("customer", writes)
    assert (first.ok, first.external_id, third.ok) == (True, winner, True)
    assert (second.ok, second.error.kind) == (False, "reference")
    row = org.sandbox.store.rows["Account"][winner]
    assert (row["Odoo_Balance__c"], row["Odoo_Overdue__c"]) == (5, 1)


# -- limits and errors -------------------------------------------------------------------------------------------


def test_the_days_calls_are_known_and_their_end_parks_the_system(org, now):
    org.sandbox.settings.update(calls_used=90, calls_most=100)
    connector = org.connector()
    connector.account_id()
    (left,) = org.reports[-1].allowances
    assert (left.remaining, left.most, left.seconds) == (9, 100, 86400)
    quota = next(item for item in connector.check() if item.code == "quota")
    assert quota.params["most"] == 100
    org.sandbox.settings["calls_used"] = 100
    with pytest.raises(ConnectorError) as caught:
        connector.poll("customer", {}, now)
    error = caught.value
    assert (error.kind, error.code, error.status) == ("rate", "daily_limit", 403)
    assert error.retry_after == 3600


@pytest.mark.parametrize(
    ("code", "kind", "transient"),
    [
        ("UNABLE_TO_LOCK_ROW", "rate", True),
        ("REQUEST_LIMIT_EXCEEDED", "rate", True),
        ("SERVER_UNAVAILABLE", "product_down", True),
        ("QUERY_TIMEOUT", "product_down", True),
        ("REQUIRED_FIELD_MISSING", "data", False),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "data", False),
        ("DUPLICATES_DETECTED", "identity", False),
        ("DUPLICATE_VALUE", "conflict", False),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "permission", False),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "permission", False),
        ("INVALID_CROSS_REFERENCE_KEY", "reference", False),
        ("ENTITY_IS_DELETED", "reference", False),
        ("A_CODE_OF_NEXT_YEAR", "data", False),
    ],
)
def test_the_table_of_errors(code, kind, transient):
    error = from_item({"errorCode": code, "message": "m"}, 400)
    assert (error.kind, error.transient) == (kind, transient)
    assert (error.params.get("reason") == code) is (code != "REQUEST_LIMIT_EXCEEDED")


def test_calls_at_one_time_are_not_the_days():
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    error = from_item({"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}, 403)
    assert (error.code, error.retry_after) == ("rate_limited", 5)


def test_a_version_that_is_no_longer_spoken_is_said(org, monkeypatch):
    monkeypatch.setattr("sandbox.salesforce.VERSIONS", ("67.0", "68.0", "69.0"))
    (item,) = [item for item in org.connector().check() if item.code == "api_version"]
    assert (item.ok, item.params) == (True, {"version": "67.0", "newest": "69.0"})


# -- outbound messages ---------------------------------------------------------------------------------------


def message(org, *events):
    for event in events:
        org.sandbox.sender.add(event)
    return org.sandbox.webhook_body(org.sandbox.sender.events)


def verify(body, settings=SETTINGS):
    request = WebhookRequest("POST", "https://hub.example/hub/webhook/x", {}, body)
    return Salesforce.verify(request, [], settings, datetime.now(timezone.utc))


def test_nobody_uses_up_the_id_of_a_message_to_come(org, now):
    """Who knows the address can send any notification: the true one, with the same id, still counts."""
    deal(org, now)
    body = org.sandbox.webhook_body(org.sandbox.sender.events)
    true = verify(body)
    assert [n.event_key for n in verify(body)] == [n.event_key for n in true], "a repeat is known"
    other = true[0].external_id[:-3] + "ZZZ"
    forged = verify(body.replace(true[0].external_id.encode(), other.encode()))
    assert forged[0].external_id != true[0].external_id
    assert forged[0].event_key != true[0].event_key


def test_a_message_becomes_thin_notices(org, now):
    key, account, contacts, _lines = deal(org, now)
    notices = verify(org.sandbox.webhook_body(org.sandbox.sender.events))
    found = {(notice.entity, notice.external_id) for notice in notices if notice.action == "change"}
    assert {("opportunity", key), ("customer", account), ("contact", contacts[0])} <= found
    assert len({notice.event_key for notice in notices}) == len(notices)
    assert [n.action for n in notices].count("ignored") == 2, "roles of contacts"
    assert all(n.kind == "notice" for n in notices if n.action == "change")
    kept = b"".join(notice.payload for notice in notices)
    assert b"secret-session" not in kept and b"ann@firm" not in kept and b"Rollout" not in kept


def test_a_message_of_another_organisation_is_not_proved(org, now):
    org.seed(1, now)
    body = org.sandbox.webhook_body(org.sandbox.sender.events)
    assert len(verify(body)) == 1
    assert len(verify(body, {"account_id": ORG[:15]})) == 1, "either form of the id"
    for settings in ({}, {"account_id": ""}, {"account_id": "00DHs000000otherMAA"}):
        with pytest.raises(BadSignature):
            verify(body, settings)


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode(
            "utf-16"
        ),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b"<x>&unknown;</x>",
        b"<a>" * 200 + b"</a>" * 200,
        b"<x>" + b"<a/>" * 60_000 + b"</x>",
        b"<x><y></x>",
        b"\x00",
        b"<Envelope><Body/></Envelope>",
    ],
    ids=range(9),
)
def test_dangerous_and_broken_xml_is_refused(body):
    with pytest.raises(BadBody) as caught:
        verify(body)
    assert caught.value.status == 400


def test_the_acknowledgement_is_what_salesforce_reads(judge):
    zeep = judge("lxml.etree")
    root = zeep.fromstring(Salesforce.ok_body)
    names = {"o": "http://soap.sforce.com/2005/09/outbound"}
    assert root.xpath("string(//o:notificationsResponse/o:Ack)", namespaces=names) == "true"
    assert Salesforce.ok_type.startswith("text/xml")
    assert salesforce_webhook.MAX_NOTIFICATIONS == 100


# -- the judge: a library of Salesforce's users, which knows the API since many years ---------------------------


class _Plain:
    """An adapter that sends to our sandbox, without TLS, what the library sends by https."""

    def __new__(cls, host):
        import requests

        class Adapter(requests.adapters.HTTPAdapter):
            def send(self, request, **more):
                request.url = request.url.replace("https://", "http://", 1)
                return super().send(request, **more)

        return Adapter()


@pytest.fixture
def library(org, judge):
    import requests

    sf = judge("simple_salesforce")
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Plain(org.running.host))
    client = sf.Salesforce(
        instance_url=f"https://{org.running.host}",
        session_id=org.secrets["access_token"],
        version="67.0",
        session=session,
    )
    return sf, client


def test_the_library_creates_reads_changes_and_deletes(library, org):
    sf, client = library
    made = client.Account.create({"Name": "Initech", "Website": "https://initech.example"})
    assert made["success"] and len(made["id"]) == 18
    assert client.Account.get(made["id"])["Name"] == "Initech"
    assert client.Account.update(made["id"], {"Name": "Initech Ltd"}) == 204
    assert client.Account.upsert("Odoo_Key__c/key-1", {"Name": "Upserted"}) == 201
    assert client.Account.upsert("Odoo_Key__c/key-1", {"Name": "Again"}) == 200
    assert client.Account.get_by_custom_id("Odoo_Key__c", "key-1")["Name"] == "Again"
    assert client.Account.delete(made["id"]) == 204
    with pytest.raises(sf.SalesforceResourceNotFound):
        client.Account.get(made["id"])
    now = datetime.now(timezone.utc)
    deleted = client.Account.deleted(now - timedelta(days=1), now)
    assert [row["id"] for row in deleted["deletedRecords"]] == [made["id"]]
    names = {field["name"] for field in client.Account.describe()["fields"]}
    assert {"Name", "MasterRecordId", "Odoo_Balance__c"} <= names
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.api_usage["api-usage"].total == 100_000


def test_the_library_queries_all_pages_and_what_was_deleted(library, org, now):
    sf, client = library
    keys = org.seed(4300, now - timedelta(days=1))
    org.sandbox.store.delete("Account", keys[0])
    soql = sf.format_soql("SELECT Id, Name, Owner.Name FROM Account WHERE Name = {}", "Acme")
    assert client.query_all(soql)["totalSize"] == 4299
    rows = list(client.query_all_iter(soql, include_deleted=True))
    assert [row["Id"] for row in rows] == keys
    assert rows[0]["attributes"]["type"] == "Account" and rows[0]["Owner"] is None
    text = sf.format_soql("SELECT COUNT() FROM Account WHERE Name = {name}", name="O'Neill \\ x")
    assert client.query(text)["totalSize"] == 0
    assert sf.format_soql("{}", "O'Neill \\ x") == quoted("O'Neill \\ x"), "we quote alike"


def test_the_library_knows_the_errors(library, org):
    sf, client = library
    for fault, error in (
        ({"kind": "expired_token"}, sf.SalesforceExpiredSession),
        ({"kind": "status", "status": 403}, sf.SalesforceRefusedRequest),
        ({"kind": "status", "status": 503}, sf.SalesforceGeneralError),
    ):
        org.fault(**fault)
        with pytest.raises(error):
            client.query("SELECT Id FROM Account")
    with pytest.raises(sf.SalesforceMalformedRequest) as caught:
        client.query("SELECT No_Such__c FROM Account")
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(sf.SalesforceMalformedRequest) as caught:
        client.Account.create({"Name": ""})
    assert caught.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    with pytest.raises(sf.SalesforceMalformedRequest) as caught:
        client.query("DELETE FROM Account")
    assert caught.value.content[0]["errorCode"] == "MALFORMED_QUERY"


def test_the_library_signs_in_by_client_credentials_and_by_certificate(org, pair, judge):
    import requests

    login = judge("simple_salesforce.login")
    org.sandbox.settings["certificate"] = pair[1]
    session = requests.Session()
    session.trust_env = False

    class Here(type(_Plain(org.running.host))):
        def send(self, request, **more):
            request.url = f"https://{org.running.host}/services/oauth2/token"
            return super().send(request, **more)

    session.mount("https://", Here())
    client = {"consumer_key": "3MVG9.sandbox.consumer", "session": session}
    for how in (
        {"consumer_secret": "sandbox-consumer-secret", "domain": "acme.my"},
        {"username": "hub@firm.example", "privatekey": pair[0], "domain": "test"},
    ):
        token, host = login.SalesforceLogin(**client, **how)
        assert token in org.sandbox.tokens and host == org.running.host
