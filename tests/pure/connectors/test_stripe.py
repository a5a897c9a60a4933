"""Stripe: events as hints, payments and refunds in minor units, writes with keys."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from lead_to_cash_hub.connectors import get_connector_class, stripe_shapes
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from lead_to_cash_hub.connectors.stripe_webhook import sign
from lead_to_cash_hub.connectors.times import to_epoch

Stripe = get_connector_class("stripe")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
SETTINGS = {"account_id": "acct_1", "live_mode": False}


def receive(event, settings=SETTINGS):
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    stamp = str(to_epoch(NOW))
    headers = {"Stripe-Signature": f"t={stamp},v1={sign('whsec_x', stamp, raw)}"}
    request = WebhookRequest("POST", "https://odoo.example/hub/x", headers, raw)
    return Stripe.verify(request, ["whsec_x"], settings, NOW)


def event(kind, thing, **changes):
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-08-26.dahlia",
        "created": 1795327349,
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
        **changes,
    }


def drain(connector, entity, cursor, now):
    seen = []
    while True:
        page = connector.poll(entity, json.loads(json.dumps(cursor or {})), now)
        seen += page.records
        cursor = page.cursor
        if not page.more:
            return seen, cursor


# -- webhooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "thing", "entity", "key", "action"),
    [
        ("payment_intent.succeeded", {"id": "pi_1"}, "payment", "pi_1", "change"),
        ("payment_intent.newthing", {"id": "pi_1"}, "payment", "pi_1", "change"),
        ("charge.refunded", {"id": "ch_1", "payment_intent": "pi_1"}, "payment", "pi_1", "change"),
        (
            "charge.updated",
            {"id": "ch_1", "payment_intent": {"id": "pi_1"}},
            "payment",
            "pi_1",
            "change",
        ),
        ("refund.created", {"id": "re_1"}, "refund", "re_1", "change"),
        ("charge.refund.updated", {"id": "re_1"}, "refund", "re_1", "change"),
        ("charge.succeeded", {"id": "ch_1", "payment_intent": None}, "payment", "ch_1", "ignored"),
        ("charge.dispute.created", {"id": "dp_1"}, "dispute", "dp_1", "change"),
        ("charge.dispute.funds_reinstated", {"id": "du_1"}, "dispute", "du_1", "change"),
        ("charge.dispute.closed", None, "payment", "", "ignored"),
        ("payout.paid", {"id": "po_1"}, "payout", "po_1", "change"),
        ("payout.reconciliation_completed", {"id": "po_1"}, "payout", "po_1", "change"),
        ("payout.failed", {"id": ["po_1"]}, "payment", "", "ignored"),
        ("payment_intent.succeeded", {"id": "../x"}, "payment", "../x", "ignored"),
        ("payment_intent.succeeded", {"id": 7}, "payment", "", "ignored"),
        ("payment_intent.succeeded", None, "payment", "", "ignored"),
    ],
)
def test_events_are_hints(kind, thing, entity, key, action):
    (notice,) = receive(event(kind, thing))
    assert (notice.entity, notice.external_id, notice.action) == (entity, key, action)
    assert notice.kind == ("notice" if action == "change" else "event")
    assert notice.event_key == b"evt_1"
    assert notice.changed_at == datetime(2026, 11, 22, 6, 2, 29, tzinfo=timezone.utc)


def test_what_is_kept_of_an_event_is_not_private():
    thing = {"id": "pi_1", "client_secret": "pi_1_secret_x", "receipt_email": "a@b.example"}
    (notice,) = receive(event("payment_intent.succeeded", thing))
    assert b"secret" not in notice.payload and b"@" not in notice.payload


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"[]", 400, "not_an_event"),
        (event("x", {}, id="e"), 400, "not_an_event"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, livemode=True), 403, "other_mode"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, livemode=None), 403, "other_mode"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, account="acct_2"), 403, "other_account"),
    ],
)
def test_signed_but_refused(body, status, code):
    with pytest.raises(BadBody) as caught:
        receive(body)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_a_connected_account_may_be_named():
    assert receive(event("payment_intent.succeeded", {"id": "pi_1"}, account="acct_1"))
    with pytest.raises(BadSignature):
        Stripe.verify(WebhookRequest("POST", "https://x/", {}, b"{}"), ["s"], SETTINGS, NOW)


# -- reading ----------------------------------------------------------------------------------


def test_a_payment_with_its_fee(stripe_product, now):
    sandbox = stripe_product.sandbox
    (key,) = sandbox.pay(10050, metadata={"odoo_invoice": "INV/1"})["ids"]
    record = stripe_product.connector().fetch("payment", [key, "pi_404", "x/../y"])[key]
    data = json.loads(record.payload)
    balance = data["latest_charge"]["balance_transaction"]
    assert (data["amount_received"], data["currency"], data["status"]) == (
        10050,
        "usd",
        "succeeded",
    )
    assert (balance["amount"], balance["fee"], balance["net"]) == (10050, 321, 9729)
    assert data["metadata"] == {"odoo_invoice": "INV/1"}
    assert b"client_secret" not in record.payload and b"@" not in record.payload
    assert b"4242" not in record.payload


def test_a_refund_knows_its_payment(stripe_product):
    sandbox = stripe_product.sandbox
    (key,) = sandbox.pay(10000, "eur", metadata={"odoo_invoice": "INV/1"})["ids"]
    refund = sandbox.store.refund(sandbox.store.rows["payment_intents"][key], 2500)
    data = json.loads(
        stripe_product.connector().fetch("refund", [refund["id"]])[refund["id"]].payload
    )
    assert (data["amount"], data["payment_intent"]) == (2500, key)
    assert data["payment_metadata"] == {"odoo_invoice": "INV/1"}
    assert (data["balance_transaction"]["amount"], data["balance_transaction"]["currency"]) == (
        -2750,
        "usd",
    )


def test_a_payout_with_its_parts(stripe_product, now):
    sandbox = stripe_product.sandbox
    for cents in (10050, 25000, 4000):
        (last,) = sandbox.pay(cents)["ids"]
    sandbox.store.refund(sandbox.store.rows["payment_intents"][last], 2500)
    sandbox.pay(9999, "jpy")  # of another balance
    payout = sandbox.pay_out(fees=[200], trace="TRACE4711")
    data = json.loads(
        stripe_product.connector().fetch("payout", [payout["id"]])[payout["id"]].payload
    )
    # 97.29 + 242.45 + 38.54 - 25.00 - 2.00
    assert (data["amount"], data["currency"], data["status"]) == (35128, "usd", "paid")
    assert (data["trace"], data["reconciliation_status"]) == ("TRACE4711", "completed")
    parts = sorted(
        (part["kind"], part["amount"], part["fee"], part["net"]) for part in data["parts"]
    )
    assert parts == [
        ("charge", 4000, 146, 3854),
        ("charge", 10050, 321, 9729),
        ("charge", 25000, 755, 24245),
        ("fee", -200, 0, -200),
        ("refund", -2500, 0, -2500),
    ]
    assert sum(part["net"] for part in data["parts"]) == data["amount"]
    assert {part["source"][:3] for part in data["parts"] if part["source"]} == {"ch_", "re_"}


def test_parts_beyond_a_page_and_whole_yen(stripe_product):
    stripe_product.sandbox.settings["rates"] = {}
    stripe_product.sandbox.pay(1000, "jpy", count=130)
    payout = stripe_product.sandbox.pay_out("jpy")
    (record,) = stripe_product.connector().fetch("payout", [payout["id"]]).values()
    data = json.loads(record.payload)
    assert len({part["id"] for part in data["parts"]}) == 130
    assert sum(part["net"] for part in data["parts"]) == data["amount"]
    assert len(stripe_product.calls("GET", "balance_transactions")) == 2


@pytest.mark.parametrize(
    "values", [{"status": "in_transit"}, {"automatic": False, "amount": 5000, "status": "paid"}]
)
def test_parts_that_are_not_known_are_not_asked_for(stripe_product, values):
    stripe_product.sandbox.pay(10000)
    payout = stripe_product.sandbox.pay_out(**values)
    (record,) = stripe_product.connector().fetch("payout", [payout["id"]]).values()
    assert json.loads(record.payload)["parts"] == []
    assert not stripe_product.calls("GET", "balance_transactions")


def test_a_payout_that_comes_back_is_told_by_its_events(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    sandbox.pay(10000)
    payout = sandbox.pay_out(created=to_epoch(now) - 600)
    records, cursor = drain(connector, "payout", {}, now)
    assert [json.loads(record.payload)["status"] for record in records] == ["paid"]
    sandbox.store.send_back(sandbox.store.rows["payouts"][payout["id"]])
    (record,), _cursor = drain(connector, "payout", cursor, now + timedelta(minutes=1))
    data = json.loads(record.payload)
    assert (data["status"], data["failure_code"]) == ("failed", "account_closed")
    assert data["failure_balance_transaction"]["amount"] == payout["amount"]
    # the money is a part of the next payout
    following = sandbox.pay_out()
    assert following["amount"] == payout["amount"]
    (record,) = connector.fetch("payout", [following["id"]]).values()
    (part,) = json.loads(record.payload)["parts"]
    assert (part["kind"], part["source"]) == ("payout_reversal", payout["id"])


def test_a_dispute_with_what_it_took_and_gave_back(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (key,) = sandbox.pay(4000)["ids"]
    dispute = sandbox.store.dispute(sandbox.store.rows["payment_intents"][key])

    def read():
        (record,) = connector.fetch("dispute", [dispute["id"]]).values()
        assert b"@" not in record.payload, "no evidence"
        return json.loads(record.payload)

    data = read()
    taken = data["withdrawn"]
    assert (data["payment_intent"], data["status"]) == (key, "needs_response")
    assert (taken["amount"], taken["fee"], taken["net"]) == (-4000, 1500, -5500)
    assert data["reinstated"] is None
    sandbox.store.close(dispute, "won", fee_back=1500)
    data = read()
    back = data["reinstated"]
    assert (back["amount"], back["fee"], back["net"]) == (4000, -1500, 5500)
    assert data["withdrawn"]["id"] == taken["id"]
    # all of it is paid out: 38.54 - 55.00 + 55.00
    payout = sandbox.pay_out()
    (record,) = connector.fetch("payout", [payout["id"]]).values()
    data = json.loads(record.payload)
    assert sorted(part["kind"] for part in data["parts"]) == [
        "charge",
        "dispute",
        "dispute_reversal",
    ]
    assert data["amount"] == sum(part["net"] for part in data["parts"]) == 3854


def test_what_a_dispute_took_is_told_from_its_other_movements():
    def move(key, category, amount, fee=0):
        return {
            "id": key,
            "reporting_category": category,
            "amount": amount,
            "fee": fee,
            "net": amount - fee,
        }

    moves = [
        move("txn_fee", "fee", -1500),
        move("txn_credit", "other_adjustment", 1500),
        move("txn_small", "dispute", -300),
        move("txn_taken", "dispute", -4000, 1500),
        move("txn_back", "dispute_reversal", 4000),
    ]
    kept = stripe_shapes.dispute({"id": "du_1", "balance_transactions": moves})
    assert (kept["withdrawn"]["id"], kept["withdrawn"]["net"]) == ("txn_taken", -5500)
    assert kept["reinstated"]["id"] == "txn_back"
    assert kept["unclear"] == "txn_small, txn_taken", "somebody is asked which counts"
    del moves[2]
    kept = stripe_shapes.dispute({"id": "du_1", "balance_transactions": moves})
    assert (kept["withdrawn"]["id"], kept["unclear"]) == ("txn_taken", None)
    kept = stripe_shapes.dispute({"id": "du_1", "balance_transactions": moves[:2]})
    assert (kept["withdrawn"], kept["reinstated"]) == (None, None)


def test_an_inquiry_takes_nothing(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (key,) = sandbox.pay(4000)["ids"]
    intent = sandbox.store.rows["payment_intents"][key]
    dispute = sandbox.store.dispute(intent, status="warning_needs_response")
    records, cursor = drain(connector, "dispute", {}, now)
    (data,) = (json.loads(record.payload) for record in records)
    assert (data["withdrawn"], data["reinstated"]) == (None, None)
    sandbox.store.close(dispute, "warning_closed")
    (record,), _cursor = drain(connector, "dispute", cursor, now + timedelta(minutes=1))
    assert json.loads(record.payload)["status"] == "warning_closed"


def test_payouts_are_listed_with_their_parts(stripe_product, now):
    stripe_product.sandbox.pay(10000)
    payout = stripe_product.sandbox.pay_out(created=to_epoch(now) - 60)
    ((record,),) = stripe_product.connector().listing("payout", now - timedelta(days=1), now)
    assert (record.external_id, record.version) == (payout["id"], None)
    assert len(json.loads(record.payload)["parts"]) == 1


def test_what_breaks_while_parts_are_read_loses_the_whole_page(stripe_product, now):
    stripe_product.sandbox.pay(10000)
    stripe_product.sandbox.pay_out()
    stripe_product.fault("malformed", path="balance_transactions")
    with pytest.raises(ConnectorError) as caught:
        drain(stripe_product.connector(), "payout", {}, now)
    assert (caught.value.kind, caught.value.code) == ("schema", "bad_json")


def test_first_the_list_then_events(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    old = to_epoch(now - timedelta(days=60))
    sandbox.pay(1000, count=120, created=old)
    records, cursor = drain(connector, "payment", {}, now)
    assert len({record.external_id for record in records}) == 120
    assert len(stripe_product.calls("GET", "payment_intents")) == 2
    sandbox.journal.clear()
    (key,) = sandbox.pay(2000)["ids"]
    intent = sandbox.store.rows["payment_intents"][records[0].external_id]
    sandbox.store.refund(intent, 100)
    changed, cursor = drain(connector, "payment", cursor, now + timedelta(minutes=1))
    assert {record.external_id for record in changed} == {key, intent["id"]}
    assert len(stripe_product.calls("GET", "/v1/payment_intents/")) == 2, "each is read once"
    data = {r.external_id: json.loads(r.payload) for r in changed}
    assert data[intent["id"]]["latest_charge"]["amount_refunded"] == 100


def test_the_same_events_give_the_same_versions(stripe_product, now):
    connector = stripe_product.connector()
    _records, cursor = drain(connector, "payment", {}, now)
    stripe_product.sandbox.pay(1000)
    first, _cursor = drain(connector, "payment", cursor, now)
    again, _cursor = drain(connector, "payment", cursor, now)
    assert [record.version for record in first] == [record.version for record in again]
    fetched = connector.fetch("payment", [first[0].external_id])
    assert first[0].version.endswith(".999Z")
    assert fetched[first[0].external_id].version[-4:] == "000Z", "by Stripe's clock, not by ours"


def test_events_of_one_second_are_paged_and_resumed(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    _records, cursor = drain(connector, "payment", {}, now)
    made = set(sandbox.pay(1000, count=130, created=to_epoch(now))["ids"])
    page = connector.poll("payment", cursor, now + timedelta(seconds=2))
    assert page.more
    # made while we read; newest first, so this is no part of the window that is being walked
    late = set(sandbox.pay(1000, created=to_epoch(now) + 1)["ids"])
    cursor = json.loads(json.dumps(page.cursor))
    rest, cursor = drain(stripe_product.connector(), "payment", cursor, now + timedelta(seconds=3))
    assert {record.external_id for record in page.records + rest} == made
    following, _cursor = drain(connector, "payment", cursor, now + timedelta(seconds=4))
    assert late <= {record.external_id for record in following}


def test_a_silence_longer_than_events_are_kept(stripe_product, now):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (key,) = sandbox.pay(1000, created=to_epoch(now - timedelta(days=50)))["ids"]
    cursor = {"mode": "events", "since": to_epoch(now - timedelta(days=40))}
    records, cursor = drain(connector, "payment", cursor, now)
    assert [record.external_id for record in records] == [key]
    assert cursor["mode"] == "events" and cursor["since"] > to_epoch(now) - 600


def test_start_date(stripe_product, now):
    sandbox = stripe_product.sandbox
    sandbox.pay(1000, created=to_epoch(now - timedelta(days=400)))
    (key,) = sandbox.pay(1000)["ids"]
    settings = {"start_date": (now - timedelta(days=10)).date().isoformat()}
    records, _cursor = drain(stripe_product.connector(settings=settings), "payment", {}, now)
    assert [record.external_id for record in records] == [key]


def test_every_call_pins_the_version(stripe_product, monkeypatch):
    seen = []
    authorize = stripe_product.sandbox.authorize
    monkeypatch.setattr(
        stripe_product.sandbox,
        "authorize",
        lambda request: (seen.append(request.headers["Stripe-Version"]), authorize(request)),
    )
    stripe_product.connector().check()
    assert set(seen) == {"2026-08-26.dahlia"}


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"kind": "status", "status": 429}, "rate", "rate_limited"),
        ({"kind": "status", "status": 500}, "product_down", "server_error"),
        ({"kind": "html", "status": 503}, "product_down", "server_error"),
        ({"kind": "html", "status": 404}, "schema", "unexpected_page"),
        ({"kind": "expired_token"}, "sign_in", "key_expired"),
        ({"kind": "malformed"}, "schema", "bad_json"),
        ({"kind": "reset_after"}, "connection", "broken_off"),
    ],
)
def test_faults(stripe_product, now, fault, kind, code):
    stripe_product.fault(**fault)
    with pytest.raises(ConnectorError) as caught:
        stripe_product.connector().poll("payment", {}, now)
    assert (caught.value.kind, caught.value.code) == (kind, code)


def test_connection_check(stripe_product):
    stripe_product.sandbox.settings["permissions"] = ["balance", "payment_intents", "events"]
    stripe_product.sandbox.settings["live_mode"] = True
    connector = stripe_product.connector(settings={"account_id": "acct_2"})
    items = connector.check()
    failed = [(item.code, item.params.get("entity")) for item in items if not item.ok]
    assert failed == [
        ("account", None),
        ("mode", None),
        ("read", "charge"),
        ("read", "refund"),
        ("read", "balance_transaction"),
    ]
    told = [item.params["entity"] for item in items if item.code == "optional"]
    assert told == ["payout", "dispute"], "payments go on with a key of before there were such"
    for key, error in (("sk_test_other", "key_invalid"), ("sk_live_other", "wrong_environment")):
        wrong = {"api_key": key, "webhook_secret": ""}
        (item,) = stripe_product.connector(secrets=wrong).check()
        assert (item.params["kind"], item.params["error"]) == ("sign_in", error)
        assert key not in str(item)


def test_a_key_of_the_other_mode_is_not_sent_at_all(stripe_product, now):
    connector = stripe_product.connector(settings={"live_mode": True})
    with pytest.raises(ConnectorError) as caught:
        connector.poll("payment", {}, now)
    assert (caught.value.kind, caught.value.code) == ("sign_in", "wrong_environment")
    assert not stripe_product.sandbox.journal


# -- writing ----------------------------------------------------------------------------------


def refund(key, intent, amount, attempt=1):
    values = {"payment_intent": intent, "amount": amount, "metadata": {"odoo": "1"}}
    return Write(key, "refund", "create", None, values, attempt)


def test_a_refund_is_made_once(stripe_product):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (intent,) = sandbox.pay(10000)["ids"]
    (first,) = connector.deliver("refund", [refund("k1", intent, 1000)])
    (again,) = connector.deliver("refund", [refund("k1", intent, 1000)])
    assert first.ok and again.external_id == first.external_id
    assert len(sandbox.store.rows["refunds"]) == 1


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "malformed", "truncated"])
@pytest.mark.parametrize("forgotten", [False, True])
def test_a_lost_answer_is_settled_by_key_or_by_looking(stripe_product, fault, forgotten):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (intent,) = sandbox.pay(10000)["ids"]
    stripe_product.fault(fault, method="POST")
    (lost,) = connector.deliver("refund", [refund("k1", intent, 1000)])
    assert (lost.ok, lost.error.kind) == (False, "unknown")
    if forgotten:
        sandbox.keys.clear()  # a day went by
    (found,) = connector.deliver("refund", [refund("k1", intent, 1000, attempt=2)])
    assert found.ok
    assert len(sandbox.store.rows["refunds"]) == 1


def test_a_key_is_not_used_for_other_values(stripe_product):
    sandbox, connector = stripe_product.sandbox, stripe_product.connector()
    (intent,) = sandbox.pay(10000)["ids"]
    connector.deliver("refund", [refund("k1", intent, 1000)])
    (other,) = connector.deliver("refund", [refund("k1", intent, 2000)])
    assert (other.error.kind, other.error.code) == ("bug", "idempotency_mismatch")


def test_metadata_is_merged_and_cleared(stripe_product):
    (intent,) = stripe_product.sandbox.pay(10000, metadata={"a": "1", "b": "2"})["ids"]
    write = Write("m", "payment", "update", intent, {"metadata": {"b": None, "c": "Ä&=[]"}})
    (outcome,) = stripe_product.connector().deliver("payment", [write])
    assert outcome.ok
    row = stripe_product.sandbox.store.rows["payment_intents"][intent]
    assert row["metadata"] == {"a": "1", "c": "Ä&=[]"}


@pytest.mark.parametrize(
    ("write", "kind", "code"),
    [
        (refund("k", "pi_404", 1), "reference", "not_found"),
        (refund("k", "pi_404", -5), "reference", "not_found"),
        (Write("k", "refund", "create", None, {}), "data", "validation"),
        (Write("k", "refund", "update", "re_1", {}), "data", "not_supported"),
        (Write("k", "refund", "create", None, {"amount": 1.5}), "data", "bad_values"),
    ],
)
def test_what_cannot_be_refunded(stripe_product, write, kind, code):
    (outcome,) = stripe_product.connector().deliver("refund", [write])
    assert (outcome.ok, outcome.error.kind, outcome.error.code) == (False, kind, code)


def test_too_large_a_refund_is_refused(stripe_product):
    (intent,) = stripe_product.sandbox.pay(1000)["ids"]
    (outcome,) = stripe_product.connector().deliver("refund", [refund("k", intent, 1001)])
    assert (outcome.error.kind, outcome.error.params["param"]) == ("data", "amount")


def test_forms():
    values = {"a": {"b": 1, "c": True}, "d": ["x", "y"], "e": [{"f": None}]}
    assert stripe_shapes.form(values) == [
        ("a[b]", "1"),
        ("a[c]", "true"),
        ("d[]", "x"),
        ("d[]", "y"),
        ("e[0][f]", ""),
    ]
