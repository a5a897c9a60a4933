"""Xero beyond the contract: tokens, limits, statuses, validation errors, the question of intent."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from contract import drain, payload
from test_contract_xero import TENANT, XeroSubject

from lead_to_cash_hub.connectors import declared_webhook, xero, xero_read, xero_webhook
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from sandbox.xero import XeroSandbox

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
# RFC 7636, Appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
KEY = "testkey"
# a body and its signature, computed apart from this code
BODY = b'{"events":[],"lastEventSequence":0,"firstEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}'
SIGNATURE = "YCQTEDEkIZ9OQ6Msa8+goQWfLdvgi93z0RkUcG3XnFA="


@pytest.fixture
def product(served):
    running = served.setdefault("xero", None) or XeroSandbox().start()
    served["xero"] = running
    running.sandbox.reset()
    return XeroSubject(running.sandbox, running)


def sent(product, *writes):
    outcomes = product.connector().deliver("invoice", list(writes))
    return outcomes[0] if len(writes) == 1 else outcomes


def row_of(product, name="Invoices"):
    (row,) = product.sandbox.rows[name].values()
    return row


def verified(events, secrets=(KEY,), account=TENANT, body=None, **headers):
    if body is None:
        body = json.dumps({"events": events, "entropy": "x"}).encode()
    headers = {
        "x-xero-signature": declared_webhook.signature(xero_webhook.SCHEME, KEY, body),
        **headers,
    }
    headers = {name: value for name, value in headers.items() if value is not None}
    request = WebhookRequest("POST", "https://hub.example/hub/webhook/x", headers, body)
    return xero.Xero.verify(request, secrets, {"account_id": account}, NOW)


def event(category="INVOICE", kind="UPDATE", tenant=TENANT, key=None, **more):
    key = key or "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777"
    return {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{key}",
        "resourceId": key,
        "eventDateUtc": "2026-11-20T01:15:39.902",
        "eventType": kind,
        "eventCategory": category,
        "tenantId": tenant,
        "tenantType": "ORGANISATION",
        **more,
    }


# -- signing in -------------------------------------------------------------------------------------


def test_a_consent_brings_the_first_tokens_and_the_organisation(product):
    product.sandbox.settings["challenge"] = CHALLENGE
    answer = product.connector().admit(
        "xero-code", "https://hub.example/hub/oauth/return", VERIFIER
    )
    assert answer.access in product.sandbox.tokens and answer.refresh
    connector = product.connector()
    connector.secrets = {"access_token": answer.access}
    assert connector.admitted_account() == product.sandbox.settings["tenant"]
    connector._tenants = lambda: [{"tenantId": "1"}, {"tenantId": "2"}]
    assert connector.admitted_account() is None, "which of the two is a person's choice"


def test_a_refresh_token_counts_once_and_a_while_longer_if_its_answer_was_lost(product):
    connector = product.connector()
    lost = connector.refresh(product.secrets)
    again = connector.refresh(product.secrets)
    assert (lost.refresh, again.refresh) == ("xero-refresh-2", "xero-refresh-3")
    assert timedelta(minutes=25) < again.expires_at - connector.clock() <= timedelta(minutes=30)
    product.sandbox.offset = timedelta(minutes=31)
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(product.secrets)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "reconnect")
    assert connector.refresh({**product.secrets, "refresh_token": again.refresh}).access


def test_a_custom_connection_signs_in_with_its_client_alone(product):
    secrets = {"client_secret": "xero-client-secret"}
    answer = product.connector().refresh(secrets)
    assert answer.access in product.sandbox.tokens and answer.refresh is None
    with pytest.raises(ConnectorError) as caught:
        product.connector().refresh({})
    assert caught.value.params == {"secret": "client_secret"}


def test_the_connection_test_tells_the_calls_of_the_day_and_old_scopes_count(product):
    product.sandbox.settings["scopes"] = ["accounting.transactions"]
    assert xero.scopes_of(product.connector().secrets.get("access_token", "")) is None
    items = product.connector().check()
    writes = {item.params["entity"]: item.ok for item in items if item.code == "write"}
    assert writes == {"Invoices": True, "Contacts": False}
    (left,) = [item for item in items if item.code == "calls_left"]
    assert left.params == {"left": 5000}
    for token in ("", "a.b", "a.b.c", "a.e30.c", None):
        assert xero.scopes_of(token) is None


def test_who_does_not_know_the_tenant_id_is_told_those_there_are(product):
    for account in ("", "aaaaaaaa-5b7a-4d5f-9c53-0f3a1b2c3d4e"):
        items = product.connector(settings={"account_id": account}).check()
        assert [(item.code, item.ok) for item in items] == [
            ("sign_in", False),
            ("accounts_found", True),
        ]
        assert items[1].params["accounts"] == f"Demo Company (Global) ({TENANT})"


def test_the_connection_test_says_the_codes_that_have_to_be_entered(product):
    said = {
        item.params["object"]: item.params["words"]
        for item in product.connector().check()
        if item.code == "ledger_words"
    }
    assert said == {
        "Accounts": "200 (Sales), 201 (Sales)",
        "TaxRates": "NONE (Tax of 0%), OUTPUT (Tax of 15%)",
    }


# -- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code", "seconds"),
    [
        ({"X-Rate-Limit-Problem": "minute", "Retry-After": "17"}, "rate_limited", 17),
        ({"X-Rate-Limit-Problem": "Minute", "Retry-After": ""}, "rate_limited", 60),
        ({"X-Rate-Limit-Problem": "concurrent", "Retry-After": ""}, "rate_limited", 5),
        ({"X-Rate-Limit-Problem": "appminute", "Retry-After": "3"}, "rate_limited", 3),
        ({"X-Rate-Limit-Problem": "day", "Retry-After": "40000"}, "daily_limit", 40000),
        ({"X-Rate-Limit-Problem": "day", "Retry-After": ""}, "daily_limit", 86400),
    ],
)
def test_each_limit_waits_as_long_as_it_lasts(product, now, headers, code, seconds):
    product.fault("status", status=429, headers=headers)
    with pytest.raises(ConnectorError) as caught:
        product.connector().poll("customer", {}, now)
    error = caught.value
    assert (error.kind, error.code, error.retry_after) == ("rate", code, seconds)


def test_what_is_left_is_told(product, now):
    product.sandbox.settings["day_left"] = 900
    product.connector().poll("customer", {}, now)
    allowances = product.reports[-1].allowances
    assert [(one.remaining, one.most, one.seconds) for one in allowances][1] == (900, 1000, 86400)
    assert allowances[0].most == 60


# -- reading ----------------------------------------------------------------------------------------


def credit_of(product, number, credits, **values):
    note = product.write(number)
    note.values.update(kind="credit_note", total="-517.50", untaxed="-450.00", credits=credits)
    note.values.update(values)
    return note


def test_a_credit_note_is_set_off_against_its_invoice_once(product):
    """Both go in one batch; the answer to the allocation is lost, and the same bytes come again."""
    product.fault("reset_after", path="Allocations")
    invoice, note = product.write(1), credit_of(product, 2, "INV/1")
    first, second = sent(product, invoice, note)
    assert first.ok and second.error.kind == "unknown"
    again = sent(product, note)
    assert again.ok, again.error
    row, credit = row_of(product), row_of(product, "CreditNotes")
    assert (row["AmountDue"], row["AmountCredited"], row["Status"]) == (0, 517.5, "PAID")
    assert (credit["RemainingCredit"], credit["Status"]) == (0, "PAID")
    assert len(product.calls_to("Allocations")) == 1, "what is set off is not set off again"


def test_a_credit_note_is_set_off_as_far_as_both_are_open(product):
    key = sent(product, product.write(1)).external_id
    product.sandbox.pay(key, amount="400")
    notes = sent(product, credit_of(product, 2, "INV/1"), credit_of(product, 3, "INV/1"))
    assert all(note.ok for note in notes)
    left = [row["RemainingCredit"] for row in product.sandbox.rows["CreditNotes"].values()]
    assert (row_of(product)["AmountDue"], sorted(left)) == (0, [400, 517.5])
    unknown = sent(product, credit_of(product, 4, "INV/of before"))
    assert unknown.ok, "one that does not stand there is not waited for"


def test_what_a_sent_credit_note_credits_is_told_later(product):
    note = credit_of(product, 2, None)
    key = sent(product, note).external_id
    assert sent(product, product.write(1)).ok
    told = Write("k9", "invoice", "update", key, {"credits": "INV/1"})
    outcome = sent(product, told)
    assert (outcome.ok, outcome.external_id) == (True, key)
    assert row_of(product)["AmountDue"] == 0


def test_invoices_and_credit_notes_are_one_entity(product, now):
    credit = product.write(2)
    credit.values.update(kind="credit_note", total="-517.50", untaxed="-450.00")
    first, second = sent(product, product.write(), credit)
    assert first.ok and second.ok and second.external_id.startswith("cn-")
    records, cursor = drain(product.connector(), "invoice", {}, now)
    assert {record.external_id for record in records} == {first.external_id, second.external_id}
    documents = {record.external_id: payload(record)["document"] for record in records}
    assert documents[first.external_id]["number"] == "INV/1"
    assert documents[second.external_id] == {
        "date": "2026-01-31",
        "number": "INV/2",
        "open": Decimal("517.5"),
        "state": "authorised",
    }
    found = product.connector().fetch("invoice", [first.external_id, second.external_id])
    assert {key: one.payload for key, one in found.items()} == {
        record.external_id: record.payload for record in records
    }
    assert cursor["list"] == 0


def test_a_bill_of_a_supplier_has_none_of_our_numbers(product):
    row = {"Type": "ACCPAY", "InvoiceNumber": "INV/1", "Status": "AUTHORISED", "Total": 5}
    (key,) = product.sandbox.seed({"Invoices": [row]})["Invoices"]
    found = product.connector().fetch("invoice", [key])[key]
    assert payload(found)["document"]["number"] == f"ACCPAY {key}"


def test_payments_name_their_invoice_and_deleted_ones_are_deletions(product, now):
    key = sent(product, product.write()).external_id
    paid = product.sandbox.pay(key, 500, reference="Direct debit")["id"]
    records, _cursor = drain(product.connector(), "payment", {}, now)
    (one,) = records
    assert payload(one)["paid"] == {
        "date": f"{product.sandbox.now():%Y-%m-%d}T10:00:00Z",
        "status": "succeeded",
        "currency": "USD",
        "invoice": "INV/1",
        "customer": None,
        "reference": f"Xero {paid}",
    }
    product.sandbox.set_status("Payments", paid, "DELETED")
    records, _cursor = drain(product.connector(), "payment", {}, now)
    assert [(record.external_id, record.deleted) for record in records] == [(paid, True)]
    product.sandbox.set_status("Invoices", key, "VOIDED")
    found = product.connector().fetch("invoice", [key])[key]
    assert not found.deleted and payload(found)["document"]["state"] == "voided"


def test_who_only_sells_to_the_firm_is_no_customer(product, now):
    rows = [
        {"Name": "Both", "IsSupplier": True, "IsCustomer": True},
        {"Name": "New"},
        {"Name": "Landlord", "IsSupplier": True, "IsCustomer": False},
    ]
    product.sandbox.seed({"Contacts": rows})
    records, _cursor = drain(product.connector(), "customer", {}, now)
    assert sorted(payload(record)["Name"] for record in records) == ["Both", "New"]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("/Date(1541176592690+0000)/", "2018-11-02T16:36:32.690000+00:00"),
        ("/Date(1541176592690+1300)/", "2018-11-02T16:36:32.690000+00:00"),
        ("/Date(-1000)/", "1969-12-31T23:59:59+00:00"),
        ("2018-11-02T16:36:32Z", "2018-11-02T16:36:32+00:00"),
    ],
)
def test_times_of_both_kinds(text, iso):
    assert xero_read.moment(text).isoformat() == iso


def test_a_time_that_is_none():
    assert xero_read.moment(None) is None
    with pytest.raises(ConnectorError):
        xero_read.moment("/Date(now)/")


# -- writing ----------------------------------------------------------------------------------------


def test_what_is_sent_is_what_the_books_say(product):
    write = product.write()
    write.values["lines"][0]["tax_amount"] = "67.49"  # Odoo rounded it so
    write.values["total"] = "517.49"
    outcome = sent(product, write)
    assert outcome.ok, outcome.error
    row = row_of(product)
    assert (row["Status"], row["Total"], row["TotalTax"]) == ("AUTHORISED", 517.49, 67.49)
    assert (row["Date"], row["DueDate"], row["CurrencyCode"]) == ("2026-01-31", "2026-02-28", "USD")
    (line,) = row["LineItems"]
    assert (line["Quantity"], line["UnitAmount"], line["LineAmount"]) == (3, 150, 450)
    assert (line["AccountCode"], line["TaxType"]) == ("200", "OUTPUT")
    contact = row_of(product, "Contacts")
    assert (contact["Name"], contact["EmailAddress"]) == ("Customer 1", "a@b.example")
    assert outcome.links == {"customer:1": contact["ContactID"]}


def test_a_price_that_xero_cannot_keep_is_said_as_one_amount(product):
    write = product.write()
    write.values["lines"][0].update(quantity="0.333333", unit_price="1350.00135")
    assert sent(product, write).ok
    (line,) = row_of(product)["LineItems"]
    assert (line["Quantity"], line["UnitAmount"]) == (1, 450)


def test_many_go_in_few_calls(product):
    writes = [product.write(number) for number in range(1, 21)]
    outcomes = sent(product, *writes)
    assert all(outcome.ok for outcome in outcomes)
    assert len(product.sandbox.journal) == 4, "numbers, names, contacts, invoices"
    for write in writes:
        assert product.effects(write) == 1


def test_a_number_that_stands_there_is_taken_if_it_says_the_same(product):
    first = sent(product, product.write())
    again = sent(product, replace(product.write(), key="another"))
    assert again.ok and again.external_id == first.external_id
    other = replace(product.write(), key="a-third")
    other.values.update(total="600.00")
    outcome = sent(product, other)
    assert (outcome.error.kind, outcome.error.code) == ("identity", "ledger_number_taken")
    assert outcome.error.params["ours"] == "600.00 USD"


def test_known_contacts_are_taken_archived_ones_asked_about(product):
    other = {"Name": "Customer 2", "ContactStatus": "ARCHIVED"}
    known, _archived = product.sandbox.seed({"Contacts": [{"Name": "customer 1"}, other]})[
        "Contacts"
    ]
    first, second = sent(product, product.write(1), product.write(2))
    assert first.ok and first.links == {"customer:1": known}
    assert second.error.code == "ledger_archived"
    third = product.write(3)
    third.values["customer"]["id"] = known
    outcome = sent(product, third)
    assert outcome.ok and not outcome.links
    quoted = product.write(4)
    quoted.values["customer"]["name"] = 'Smith "Bob" \\ Sons'
    assert sent(product, quoted).ok


def test_a_changed_invoice_is_changed_and_a_paid_one_is_not(product):
    key = sent(product, product.write()).external_id
    change = Write("change", "invoice", "update", key, {"due_date": "2026-03-31"})
    assert sent(product, change).ok
    row = row_of(product)
    assert row["DueDate"] == "2026-03-31" and row["LineItems"] and row["Total"] == 517.5
    product.sandbox.pay(key)
    outcome = sent(product, replace(change, key="later"))
    assert (outcome.error.kind, outcome.error.code) == ("conflict", "ledger_stale")


@pytest.mark.parametrize(
    ("spoil", "kind", "code"),
    [
        (lambda values: values.pop("lines"), "data", "ledger_incomplete"),
        (lambda values: values.pop("customer"), "data", "ledger_incomplete"),
        (lambda values: values.update(total=None), "data", "ledger_incomplete"),
        (lambda values: values["lines"][0].update(account="999"), "reference", "ledger_word"),
        (lambda values: values["lines"][0].update(tax="X"), "reference", "ledger_word"),
        (lambda values: values.update(date="2025-01-01"), "data", "ledger_period_closed"),
    ],
)
def test_what_is_wrong_is_told_one_by_one(product, spoil, kind, code):
    product.sandbox.settings["lock_date"] = "2025-12-31"
    bad, good = product.write(1), product.write(2)
    spoil(bad.values)
    wrong, right = sent(product, bad, good)
    assert right.ok and not wrong.ok
    assert (wrong.error.kind, wrong.error.code) == (kind, code), wrong.error
    assert product.effects(good) == 1 and len(product.sandbox.rows["Invoices"]) == 1


def test_a_refusal_of_the_whole_call_is_read_the_same(product):
    elements = [{"ValidationErrors": [{"Message": "Invoice # must be unique."}]}]
    body = {"ErrorNumber": 10, "Type": "ValidationException", "Elements": elements}
    answer = type("A", (), {})()
    answer.status, answer.headers, answer.structured = 400, {}, True
    answer.details = lambda: body
    answer.plain_error = lambda write: ConnectorError("data", "refused", status=400)
    error = xero.xero_errors.from_answer(answer, True)
    assert (error.kind, error.code) == ("identity", "ledger_number_taken")


# -- the published description as judge -----------------------------------------------------------------

PUBLISHED = json.loads((Path(__file__).parent / "xero_published.json").read_text())
SCHEMAS = {
    "Contacts": "Contact",
    "Invoices": "Invoice",
    "CreditNotes": "CreditNote",
    "Payments": "Payment",
    "Accounts": "Account",
    "TaxRates": "TaxRate",
    "Organisations": "Organisation",
    "pagination": "Pagination",
}
TYPES = {"string": str, "number": (int, float), "integer": int, "boolean": bool}


def judged(schema, value, where):
    """Whether a value is what Xero publishes of a schema: names, types, lengths, choices."""
    for name, inner in value.items():
        place = f"{where}.{name}"
        assert name in PUBLISHED[schema], f"{place} is not published"
        fact = PUBLISHED[schema][name]
        if "list" in fact:
            for one in inner:
                if fact["list"] in PUBLISHED:
                    judged(fact["list"], one, place)
        elif fact.get("is") in PUBLISHED:
            judged(fact["is"], inner, place)
        elif "type" in fact and inner is not None:
            assert isinstance(inner, TYPES[fact["type"]]), (place, inner)
            assert len(str(inner)) <= fact.get("longest", 10_000), (place, inner)
            assert inner in fact.get("one of", [inner]), (place, inner)


def test_what_is_sent_and_what_the_sandbox_answers_is_what_xero_publishes(product, now):
    credit = product.write(2)
    credit.values.update(kind="credit_note", total="-517.50", untaxed="-450.00", note="C/2026/1")
    full = product.write(3)
    full.values["customer"] |= {"vat": "GB123456789", "phone": "+44 20 7946 0000", "zip": "N1"}
    full.values["customer"] |= {"street": "1 High St", "street2": "x", "city": "London"}
    full.values["customer"] |= {"state": "LND", "country": "GB"}
    full.values["lines"][0]["item"] = "CON"
    outcomes = sent(product, product.write(), credit, full)
    assert all(outcome.ok for outcome in outcomes)
    paid = {"number": "BNK/1", "date": "2026-02-10", "currency": "USD", "account": "090"}
    paid |= {"amount": "500.00", "applied": [{"invoice": "INV/1", "amount": "500.00"}]}
    connector = product.connector()
    (receipt,) = connector.deliver("receipt", [Write("r1", "receipt", "create", None, paid)])
    assert receipt.ok, receipt.error
    product.sandbox.pay(outcomes[0].external_id)
    bodies = [json.loads(c["body"]) for c in product.sandbox.journal if c["method"] == "PUT"]
    assert len(bodies) == 5
    for path in ("Contacts", "Invoices", "CreditNotes", "Payments", "Accounts", "TaxRates"):
        answer = connector._in_organisation("GET", f"/api.xro/2.0/{path}", query={"page": 1})
        bodies.append(json.loads(answer.body))
    bodies.append(json.loads(connector._in_organisation("GET", "/api.xro/2.0/Organisation").body))
    seen = set()
    for body in bodies:
        for name, value in body.items():
            if name in SCHEMAS:
                rows = value if isinstance(value, list) else [value]
                seen.add(name)
                for row in rows:
                    judged(SCHEMAS[name], row, name)
    assert seen >= {"Contacts", "Invoices", "CreditNotes", "Payments", "pagination"}


# -- webhooks ---------------------------------------------------------------------------------------


def test_the_vector():
    assert declared_webhook.signature(xero_webhook.SCHEME, KEY, BODY) == SIGNATURE
    assert verified(None, secrets=("new", KEY), body=BODY) == []


def test_what_is_not_proved_is_refused():
    for secrets, headers, code in (
        ((), {}, "no_secret"),
        (("", None), {}, "no_secret"),
        (("other",), {}, "mismatch"),
        ((KEY,), {"x-xero-signature": None}, "missing"),
        ((KEY,), {"x-xero-signature": "é" * 44}, "malformed"),
        ((KEY,), {"x-xero-signature": SIGNATURE}, "mismatch"),
    ):
        with pytest.raises(BadSignature) as caught:
            verified([event()], secrets, **headers)
        assert (caught.value.code, caught.value.status) == (code, 401)


def test_events_become_notices_and_others_organisations_are_left_out():
    found = verified(
        [
            event(),
            event("CONTACT", "CREATE"),
            event("CREDITNOTE", data={"Type": "ACCRECCREDIT", "Status": "DRAFT"}),
            event("CREDITNOTE", data={"Type": "ACCPAYCREDIT", "Status": "DRAFT"}),
            event("SUBSCRIPTION"),
            event(tenant="aaaaaaaa-5b7a-4d5f-9c53-0f3a1b2c3d4e"),
            event(key="1/../../x"),
        ]
    )
    key = "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777"
    assert [(n.entity, n.external_id, n.action, n.reason) for n in found] == [
        ("invoice", key, "change", ""),
        ("customer", key, "change", ""),
        ("invoice", f"cn-{key}", "change", ""),
        ("invoice", f"cn-{key}", "ignored", "not_of_sales"),
        ("invoice", key, "ignored", "unknown_object"),
        ("invoice", "", "ignored", "other_organisation"),
        ("invoice", "", "ignored", "no_object_id"),
    ]
    assert found[5].payload == b"{}"
    assert found[0].version == "2026-11-20T01:15:39.902Z"
    assert [n.action for n in verified([event()], account="")] == ["ignored"]


def test_bodies_that_are_no_deliveries():
    for value in ("text", [], {"events": {}}, {"events": [1]}, {"events": [{}] * 1001}):
        with pytest.raises(BadBody) as caught:
            verified(None, body=json.dumps(value).encode())
        assert caught.value.status == 400
