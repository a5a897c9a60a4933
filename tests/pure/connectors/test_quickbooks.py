"""QuickBooks Online beyond the contract: tokens, numbers, sync tokens, closed books, webhooks of both shapes."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from contract import drain, payload
from test_contract_quickbooks import QuickBooksSubject

from lead_to_cash_hub.connectors import declared_webhook, quickbooks, quickbooks_webhook
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from sandbox.quickbooks import QuickBooksSandbox

REALM = "9341453474484455"
TOKEN = "verifier-token-test"
# a body and its signature, computed apart from this code
BODY = (
    b'[{"specversion":"1.0","id":"88cd52aa-33b6-4351-9aa4-47572edbd068",'
    b'"type":"qbo.invoice.created.v1"}]'
)
SIGNATURE = "wQzpeGZgEx/E6rMw8dVoZCFiWhC7y6YeZwyrlObkeM0="
NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
# RFC 7636, Appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def product(served):
    running = served.setdefault("quickbooks", None) or QuickBooksSandbox().start()
    served["quickbooks"] = running
    running.sandbox.reset()
    return QuickBooksSubject(running.sandbox, running)


def sent(product, write):
    (outcome,) = product.connector().deliver("invoice", [write])
    return outcome


def signed(body, token=TOKEN, **headers):
    headers = {
        "intuit-signature": declared_webhook.signature(quickbooks_webhook.SCHEME, token, body),
        **headers,
    }
    headers = {name: value for name, value in headers.items() if value is not None}
    return WebhookRequest("POST", "https://hub.example/hub/webhook/x", headers, body)


def verified(body, secrets=(TOKEN,), account=REALM, **headers):
    request = signed(body, **headers)
    return quickbooks.QuickBooks.verify(request, secrets, {"account_id": account}, NOW)


def event(kind="invoice.updated", key="501", account=REALM, **data):
    return {
        "specversion": "1.0",
        "id": f"88cd-{key}",
        "source": "intuit.x=",
        "type": f"qbo.{kind}.v1",
        "datacontenttype": "application/json",
        "time": "2026-06-20T12:00:00Z",
        "intuitentityid": key,
        "intuitaccountid": account,
        "data": data,
    }


# -- signing in -------------------------------------------------------------------------------------


def test_a_consent_brings_the_first_tokens(product):
    product.sandbox.settings["challenge"] = CHALLENGE
    connector = product.connector()
    answer = connector.admit("qbo-code", "https://hub.example/hub/oauth/return", VERIFIER)
    assert answer.access in product.sandbox.tokens and answer.refresh
    with pytest.raises(ConnectorError) as caught:
        connector.admit("another", "https://hub.example/hub/oauth/return", VERIFIER)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "reconnect")


def test_a_refresh_token_rotates_and_the_old_one_counts_no_more(product):
    connector = product.connector()
    answer = connector.refresh(product.secrets)
    assert answer.refresh == "qbo-refresh-2" and answer.access in product.sandbox.tokens
    assert timedelta(minutes=55) < answer.expires_at - connector.clock() <= timedelta(hours=1)
    with pytest.raises(ConnectorError) as caught:
        connector.refresh(product.secrets)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "reconnect")
    with pytest.raises(ConnectorError) as caught:
        connector.refresh({**product.secrets, "client_secret": ""})
    assert caught.value.params == {"secret": "client_secret"}


@pytest.mark.parametrize(
    ("host", "live"),
    [
        ("https://quickbooks.api.intuit.com", True),
        ("https://sandbox-quickbooks.api.intuit.com", False),
        ("http://127.0.0.1:8106", None),
    ],
)
def test_an_address_says_which_environment_it_is(product, host, live):
    assert quickbooks.is_production(host) is live
    connector = product.connector(settings={"live_mode": not live})
    connector.base_url = host
    if live is not None:
        with pytest.raises(ConnectorError) as caught:
            connector.account_id()
        assert caught.value.code == "wrong_environment"
        assert not product.sandbox.journal, "no call left with the token"


def test_the_connection_test_says_the_words_that_have_to_be_entered(product):
    product.sandbox.seed({"Item": [{"Name": "Old", "Active": False}]})
    said = {
        item.params["object"]: item.params["words"]
        for item in product.connector().check()
        if item.code == "ledger_words"
    }
    assert said == {"Item": "Services", "TaxCode": "TAX, NON, 20.0% S"}


# -- reading ----------------------------------------------------------------------------------------


def test_invoices_and_credit_memos_are_one_entity_with_ids_of_their_own(product, now):
    assert sent(product, product.write()).external_id == "7"
    credit = product.write(2)
    credit = replace(credit, values={**credit.values, "kind": "credit_note", "total": "-517.50"})
    credit.values["untaxed"] = "-450.00"
    assert sent(product, credit).external_id.startswith("cm-")
    records, cursor = drain(product.connector(), "invoice", {}, now)
    states = {record.external_id: payload(record)["state"] for record in records}
    assert len(states) == 2 and set(states.values()) == {"open"}
    found = product.connector().fetch("invoice", list(states))
    assert {key: one.payload for key, one in found.items()} == {
        record.external_id: record.payload for record in records
    }
    assert drain(product.connector(), "invoice", cursor, now)[1].get("object") is None


def test_a_payment_names_the_invoice_it_is_for(product, now):
    sent(product, product.write())
    paid = product.sandbox.pay("7", 500, reference="1053")["id"]
    records, _cursor = drain(product.connector(), "payment", {}, now)
    (values,) = [payload(record) for record in records if record.external_id == paid]
    assert values["paid"]["invoice"] == "INV/1"
    assert values["paid"]["status"] == "succeeded"
    assert values["paid"]["date"].endswith("T10:00:00Z")
    assert values["paid"]["reference"] == f"QuickBooks {paid}", "cheque numbers repeat"
    invoice = product.connector().fetch("invoice", ["7"])["7"]
    assert (payload(invoice)["Balance"], payload(invoice)["state"]) == (Decimal("17.5"), "open")
    product.sandbox.pay("7", reference="ch_3PZx9aLkdIwHu7ix0y1")
    records, _cursor = drain(product.connector(), "payment", {}, now)
    assert payload(records[-1])["paid"]["reference"] == "ch_3PZx9aLkdIwHu7ix0y1"
    assert payload(product.connector().fetch("invoice", ["7"])["7"])["state"] == "paid"


def test_what_is_voided_says_so_and_what_is_deleted_is_listed(product, now):
    sent(product, product.write())
    sent(product, product.write(2))
    product.sandbox.void("Invoice", "7")
    assert payload(product.connector().fetch("invoice", ["7"])["7"])["state"] == "void"
    product.sandbox.delete("Invoice", "9")
    cursor, gone, more = {}, [], True
    while more:
        page = product.connector().poll_deleted("invoice", cursor, now)
        cursor, gone, more = page.cursor, gone + page.records, page.more
    assert [record.external_id for record in gone] == ["9"]


def test_a_list_of_deletions_that_is_too_short_reads_all_anew(product, now):
    long_ago = {"Payment": (now - timedelta(days=60)).isoformat()}
    page = product.connector().poll_deleted("payment", long_ago, now)
    assert page.cursor["resync"] is True
    page = product.connector().poll_deleted("payment", {"Payment": page.cursor["Payment"]}, now)
    assert "resync" not in page.cursor


def test_one_that_leaves_a_crowded_second_hides_nobody(product, now):
    moment = (now - timedelta(days=2)).replace(microsecond=0)
    keys = product.seed(1300, moment)
    connector, seen, cursor, more, turn = product.connector(), set(), {}, True, 0
    while more:
        page = connector.poll("payment", json.loads(json.dumps(cursor)), now)
        seen |= {record.external_id for record in page.records}
        cursor, more, turn = page.cursor, page.more, turn + 1
        if turn in (2, 3):
            for key in keys[turn : turn + 40]:
                product.touch(key, now - timedelta(seconds=1))
    assert seen == set(keys)


# -- writing ----------------------------------------------------------------------------------------


def test_what_is_sent_is_what_the_books_say(product):
    assert sent(product, product.write()).ok
    (row,) = product.sandbox.rows["Invoice"].values()
    assert (row["TotalAmt"], row["TxnTaxDetail"]["TotalTax"]) == (517.5, 67.5)
    (line,) = row["Line"]
    detail = line["SalesItemLineDetail"]
    assert (detail["Qty"], detail["UnitPrice"], line["Amount"]) == (3, 150.00, 450.00)
    assert detail["TaxCodeRef"] == {"value": "TAX"}
    assert row["BillEmail"] == {"Address": "a@b.example"} and row["DueDate"] == "2026-02-28"
    (customer,) = product.sandbox.rows["Customer"].values()
    assert customer["DisplayName"] == "Customer 1"


def test_a_price_that_does_not_multiply_to_the_cent_is_left_out(product):
    write = product.write()
    write.values["lines"][0].update(quantity="0.333333", unit_price="1350.10")
    assert sent(product, write).ok
    (row,) = product.sandbox.rows["Invoice"].values()
    assert "Qty" not in row["Line"][0]["SalesItemLineDetail"] and row["TotalAmt"] == 517.5


def test_known_customers_are_taken_and_others_made_once(product):
    product.sandbox.seed({"Customer": [{"DisplayName": "Customer 1", "Active": False}]})
    first, second = product.write(1), product.write(2)
    second.values["customer"] = first.values["customer"]
    outcomes = product.connector().deliver("invoice", [first, second])
    assert all(outcome.ok for outcome in outcomes)
    (customer,) = product.sandbox.rows["Customer"].values()
    assert customer["Active"] is True, "no document can be made for an inactive one"
    third = product.write(3)
    third.values["customer"]["id"] = outcomes[0].links["customer:1"]
    outcome = sent(product, third)
    assert outcome.ok and not outcome.links


@pytest.mark.parametrize(
    "text",
    ["O'Neill' OR Id > '0", "\\' OR Id > '0", "Mill\r\nselect * from Vendor", "%", "\u2019\u0000"],
)
def test_a_text_in_a_query_stays_a_text(product, text):
    """A name finds itself alone: what another one would find is made anew, under its own name."""
    other = product.write(2)
    assert sent(product, other).ok
    write = product.write()
    write.values["customer"]["name"] = text
    outcome = sent(product, write)
    assert outcome.ok, outcome.error
    names = [row["DisplayName"] for row in product.sandbox.rows["Customer"].values()]
    assert len(names) == 2 and other.values["customer"]["name"] in names


def credit_of(product, number, credits):
    """A credit memo to the customer of the first invoice."""
    memo = product.write(number)
    memo.values.update(
        kind="credit_note", credits=credits, customer=product.write(1).values["customer"]
    )
    memo.values.update({name: f"-{memo.values[name]}" for name in ("total", "untaxed")})
    return memo


def test_a_credit_memo_is_joined_to_its_invoice_once(product):
    """By a payment of nothing; its answer is lost, and the same bytes come again."""
    assert sent(product, product.write(1)).ok
    product.fault("reset_after", path="payment")
    memo = credit_of(product, 2, product.write(1).values["number"])
    assert sent(product, memo).error.kind == "unknown"
    again = sent(product, memo)
    assert again.ok, again.error
    (invoice,) = product.sandbox.rows["Invoice"].values()
    (credit,) = product.sandbox.rows["CreditMemo"].values()
    (payment,) = product.sandbox.rows["Payment"].values()
    assert (invoice["Balance"], credit["Balance"], payment["TotalAmt"]) == (0, 0, 0)


def test_a_credit_memo_is_joined_as_far_as_both_are_open(product):
    key = sent(product, product.write(1)).external_id
    total = product.sandbox.rows["Invoice"][key]["TotalAmt"]
    product.sandbox.pay(key, amount=total - 10)
    number = product.write(1).values["number"]
    assert sent(product, credit_of(product, 2, number)).ok
    (credit,) = product.sandbox.rows["CreditMemo"].values()
    assert (product.sandbox.rows["Invoice"][key]["Balance"], credit["Balance"]) == (0, total - 10)
    assert sent(product, credit_of(product, 3, "one of before")).ok
    told = Write("k9", "invoice", "update", f"cm-{credit['Id']}", {"credits": number})
    assert sent(product, told).ok
    assert len(product.sandbox.rows["Payment"]) == 2, "nothing is open any more"


def test_a_number_that_stands_there_is_taken_if_it_says_the_same(product):
    assert sent(product, product.write()).ok
    again = replace(product.write(), key="another-key")
    outcome = sent(product, again)
    assert outcome.ok and outcome.external_id == "7"
    assert product.effects(again) == 1
    again.values["total"] = "600.00"
    outcome = sent(product, replace(again, key="a-third-key"))
    assert (outcome.error.kind, outcome.error.code) == ("identity", "ledger_number_taken")
    assert outcome.error.params["theirs"] == "517.5 USD"
    assert product.effects(again) == 1


def test_a_changed_invoice_is_changed_and_a_stale_one_read_again(product):
    assert sent(product, product.write()).ok
    change = Write("change", "invoice", "update", "7", {"due_date": "2026-03-31"})
    rows = product.sandbox.rows["Invoice"]
    product.fault("body", method="GET", path="query", body=_old(rows["7"]))
    product.sandbox._store("Invoice", dict(rows["7"], PrivateNote="typed meanwhile"))
    outcome = sent(product, change)
    assert outcome.ok, outcome.error
    assert rows["7"]["DueDate"] == "2026-03-31" and rows["7"]["PrivateNote"] == "typed meanwhile"
    assert rows["7"]["Line"], "what is not said stays"
    gone = replace(change, external_id="999")
    assert sent(product, gone).error.code == "ledger_not_found"


def _old(row):
    return json.dumps({"QueryResponse": {"Invoice": [row]}})


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda values: values.pop("lines"), "ledger_incomplete"),
        (lambda values: values.pop("customer"), "ledger_incomplete"),
        (lambda values: values.update(total="many"), "ledger_incomplete"),
        (lambda values: values.update(number="N" * 22), "ledger_number_long"),
        (lambda values: values["lines"][0].update(item="Nobody's"), "ledger_word"),
        (lambda values: values["lines"][0].update(tax="99%"), "ledger_word"),
    ],
)
def test_what_is_incomplete_or_unknown_is_never_sent_in_part(product, spoil, code):
    write = product.write()
    spoil(write.values)
    outcome = sent(product, write)
    assert (outcome.ok, outcome.error.code, outcome.error.transient) == (False, code, False)
    assert not product.sandbox.rows["Invoice"]


def test_closed_books_and_names_that_a_vendor_has_are_a_persons_matter(product):
    product.sandbox.settings["closed_until"] = "2026-01-31"
    outcome = sent(product, product.write())
    assert (outcome.error.kind, outcome.error.code) == ("data", "ledger_period_closed")
    product.sandbox.settings.update(closed_until="", vendors=("Customer 2",))
    outcome = sent(product, product.write(2))
    assert (outcome.error.kind, outcome.error.code) == ("identity", "ledger_name_taken")


def test_a_fault_inside_a_good_answer_is_one_and_tells_no_personal_data(product):
    fault = {"code": "6000", "Message": "m", "Detail": "call +49 30 1234567", "element": "Line"}
    product.fault(
        "body", method="POST", path="invoice", body=json.dumps({"Fault": {"Error": [fault]}})
    )
    outcome = sent(product, product.write())
    assert (outcome.error.kind, outcome.error.code) == ("data", "ledger_rule")
    assert "1234567" not in json.dumps(outcome.error.params)
    assert outcome.error.params["properties"] == ["Line"]


# -- webhooks ---------------------------------------------------------------------------------------


def test_the_vector():
    request = WebhookRequest("POST", "https://hub.example", {"intuit-signature": SIGNATURE}, BODY)
    declared_webhook.prove(quickbooks_webhook.SCHEME, request, ["new", TOKEN], NOW)


def test_what_is_not_proved_is_refused():
    body = json.dumps([event()]).encode()
    for secrets, headers, code in (
        ((), {}, "no_secret"),
        (("", None), {}, "no_secret"),
        (("other",), {}, "mismatch"),
        ((TOKEN,), {"intuit-signature": None}, "missing"),
        ((TOKEN,), {"intuit-signature": "é" * 44}, "malformed"),
        ((TOKEN,), {"intuit-signature": SIGNATURE}, "mismatch"),
    ):
        with pytest.raises(BadSignature) as caught:
            verified(body, secrets, **headers)
        assert caught.value.code == code


def test_both_shapes_say_the_same():
    older = {
        "eventNotifications": [
            {
                "realmId": REALM,
                "dataChangeEvent": {
                    "entities": [
                        {"name": "Invoice", "id": "501", "operation": "Update",
                         "lastUpdated": "2026-06-20T12:00:00Z"},
                        {"name": "CreditMemo", "id": "7", "operation": "Void",
                         "lastUpdated": "2026-06-20T12:00:00Z"},
                        {"name": "Payment", "id": "9", "operation": "Delete",
                         "lastUpdated": "2026-06-20T05:00:00-0700"},
                        {"name": "Customer", "id": "3", "operation": "Merge", "deletedId": "2",
                         "lastUpdated": "2026-06-20T12:00:00Z"},
                        {"name": "Vendor", "id": "4", "operation": "Create",
                         "lastUpdated": "2026-06-20T12:00:00Z"},
                    ]
                },
            }
        ]
    }  # fmt: skip
    newer = [
        event(),
        event("creditmemo.voided", "7"),
        event("payment.deleted", "9"),
        event("customer.merged", "3", deletedid="2"),
        event("vendor.created", "4"),
    ]

    def told(body):
        return [
            (n.entity, n.external_id, n.action, n.kind, n.merged_into, n.version)
            for n in verified(json.dumps(body).encode())
        ]

    assert told(older) == told(newer)
    at = "2026-06-20T12:00:00.000Z"
    assert told(newer) == [
        ("invoice", "501", "change", "notice", None, at),
        ("invoice", "cm-7", "change", "notice", None, at),
        ("payment", "9", "delete", "event", None, at),
        ("customer", "2", "merge", "event", "3", at),
        ("invoice", "4", "ignored", "event", None, at),
    ]


def test_other_companies_and_bodies_that_are_no_events():
    for body in ("text", {"eventNotifications": [{}]}, [1], [{}] * 1001):
        with pytest.raises(BadBody) as caught:
            verified(json.dumps(body).encode())
        assert caught.value.status == 400
    ours, theirs = verified(json.dumps([event(), event(account="1", key="77")]).encode())
    assert (ours.action, theirs.action) == ("change", "ignored")
    assert (theirs.reason, theirs.external_id, theirs.payload) == ("other_organisation", "", b"{}")
    (unset,) = verified(json.dumps([event()]).encode(), account="")
    assert unset.action == "ignored"
    (odd,) = verified(json.dumps([event("invoice.exploded")]).encode())
    assert (odd.action, odd.reason) == ("ignored", "unknown_event")


@pytest.mark.parametrize("older", [False, True])
def test_the_sandbox_sends_what_the_door_takes(product, door, older):
    product.sandbox.settings["older_webhooks"] = older
    sent(product, product.write())
    product.sandbox.sender.deliver({"url": door.url})
    door.wait(1)
    found = quickbooks.QuickBooks.verify(
        door.requests[0], ["verifier-token-sandbox"], {"account_id": REALM}, NOW
    )
    assert {(n.entity, n.action) for n in found} == {("customer", "change"), ("invoice", "change")}
