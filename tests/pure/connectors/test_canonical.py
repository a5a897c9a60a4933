"""Events of the canonical API at a consumer that checks them, and the proof of what is pushed."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from lead_to_cash_hub.connectors.canonical import NOWHERE, Canonical
from lead_to_cash_hub.connectors.errors import BadSignature
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from sandbox.consumer import SECRET, ConsumerSandbox

HUB = "https://hub.firm.example"
WRITE = Write("k1", "invoice", "create", None, {"number": "INV/7", "total": "1200.50"}, record=7)
# the specification's own example
VECTOR = WebhookRequest(
    "POST",
    "",
    {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    b'{"test": 2432232314}',
)
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def consumer(served):
    running = served.setdefault("consumer", None) or ConsumerSandbox().start()
    served["consumer"] = running
    running.sandbox.reset()
    return running


def connector(running, *, path="/events", secret=SECRET, **options):
    session = Session(local_hosts=[running.host], **options)
    return Canonical(
        session,
        running.url + path,
        {"hub_url": HUB},
        {"event_secret": secret},
        lambda: datetime.now(timezone.utc),
    )


def one(outcomes):
    (outcome,) = outcomes
    return outcome


def test_a_write_is_one_signed_event(consumer):
    outcome = one(connector(consumer).deliver("invoice", [WRITE]))
    assert (outcome.ok, outcome.external_id) == (True, "odoo-7"), outcome.error
    assert consumer.sandbox.events["k1"] == {
        "specversion": "1.0",
        "id": "k1",
        "source": f"{HUB}/hub",
        "type": "hub.invoice.changed",
        "subject": "odoo-7",
        "datacontenttype": "application/json",
        "dataschema": f"{HUB}/hub/v1/schema/invoice",
        "data": {"number": "INV/7", "total": "1200.50"},
    }


def test_a_record_keeps_its_name(consumer):
    product = connector(consumer)
    name = one(product.deliver("invoice", [WRITE])).external_id
    later = replace(WRITE, key="k2", operation="update", external_id=name)
    assert one(product.deliver("invoice", [later])).external_id == name
    assert consumer.sandbox.events["k2"]["subject"] == name


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset_after"},
        {"kind": "truncated", "status": 200},
        {"kind": "html", "status": 504},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_lost_answer_is_repeated_as_the_same_bytes_under_the_same_id(consumer, fault):
    consumer.sandbox.faults.add(fault)
    outcome = one(connector(consumer).deliver("invoice", [WRITE]))
    if not outcome.ok:
        assert (outcome.error.kind, outcome.error.transient) == ("unknown", True)
    assert one(connector(consumer).deliver("invoice", [replace(WRITE, attempt=2)])).ok
    assert len(consumer.sandbox.events) == 1
    bodies = {call["body"] for call in consumer.sandbox.journal}
    assert len(consumer.sandbox.journal) == 2 and len(bodies) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, "product_down"),
        ({"kind": "status", "status": 503}, "product_down"),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "7"}}, "rate"),
        ({"kind": "status", "status": 400}, "data"),
        ({"kind": "status", "status": 401}, "sign_in"),
        ({"kind": "status", "status": 403}, "sign_in"),
        ({"kind": "status", "status": 410}, "schema"),
        ({"kind": "html", "status": 404}, "schema"),
        ({"kind": "redirect", "location": "http://127.0.0.1:1/"}, "schema"),
        ({"kind": "reset_before"}, "unknown"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else value,
)
def test_what_the_consumer_answers(consumer, fault, kind):
    consumer.sandbox.faults.add(fault)
    outcome = one(connector(consumer).deliver("invoice", [WRITE]))
    assert (outcome.ok, outcome.error.kind) == (False, kind)
    assert not consumer.sandbox.events
    assert outcome.error.retry_after == (7 if kind == "rate" else None)


def test_one_refused_event_does_not_stop_the_others(consumer):
    consumer.sandbox.faults.add({"kind": "status", "status": 400, "skip": 1})
    writes = [replace(WRITE, key=f"k{number}") for number in range(3)]
    outcomes = connector(consumer).deliver("invoice", writes)
    assert [outcome.key for outcome in outcomes] == ["k0", "k1", "k2"]
    assert [outcome.ok for outcome in outcomes] == [True, False, True]


def test_another_secret_is_refused_by_the_consumer_and_a_broken_one_is_never_used(consumer):
    stranger = "whsec_" + base64.b64encode(b"x" * 32).decode()
    outcome = one(connector(consumer, secret=stranger).deliver("invoice", [WRITE]))
    assert (outcome.error.kind, outcome.error.code) == ("sign_in", "event_refused")
    consumer.sandbox.journal.clear()
    for secret in ("", "whsec_not base64"):
        outcome = one(connector(consumer, secret=secret).deliver("invoice", [WRITE]))
        assert outcome.error.kind == "sign_in"
    assert not consumer.sandbox.journal


def test_money_and_odd_texts_survive(consumer):
    text = 'Ærø & Søns "株式会社" <b>\u202e🚀'
    write = replace(WRITE, values={"name": text, "total": "0.10"})
    assert one(connector(consumer).deliver("invoice", [write])).ok
    assert consumer.sandbox.events["k1"]["data"] == {"name": text, "total": "0.10"}


def test_the_connection_test_sends_an_event_that_says_nothing(consumer):
    assert all(item.ok for item in connector(consumer).check())
    assert not consumer.sandbox.events
    failed = connector(consumer, path="/elsewhere").check()
    assert [(item.code, item.params["error"]) for item in failed] == [("event", "no_such_place")]
    failed = connector(consumer, secret="").check()
    assert failed[0].params["error"] == "secret_missing"


def test_a_partner_that_only_pushes_is_not_called():
    session = Session(on_call=lambda report: pytest.fail("called"))
    product = Canonical(session, NOWHERE, {}, {}, lambda: datetime.now(timezone.utc))
    assert [(item.code, item.ok) for item in product.check()] == [("pushed_only", True)]


def test_an_address_inside_the_firm_is_not_called(consumer):
    session = Session()  # no local hosts
    for url in ("http://127.0.0.1:9/events", consumer.url, "https://169.254.169.254/latest"):
        product = Canonical(
            session, url, {}, {"event_secret": SECRET}, lambda: datetime.now(timezone.utc)
        )
        assert one(product.deliver("invoice", [WRITE])).error.kind == "connection"
    assert not consumer.sandbox.journal


# -- what is pushed --------------------------------------------------------------------------------


def test_the_specifications_own_example_is_proved():
    now = datetime.fromtimestamp(1614265330, timezone.utc)
    assert Canonical.prove(VECTOR, [VECTOR_SECRET], now) == VECTOR.headers["webhook-id"]
    for seconds in (-301, 301):
        with pytest.raises(BadSignature):
            Canonical.prove(VECTOR, [VECTOR_SECRET], now + timedelta(seconds=seconds))
    for name in VECTOR.headers:
        headers = {k: v for k, v in VECTOR.headers.items() if k != name}
        with pytest.raises(BadSignature):
            Canonical.prove(replace(VECTOR, headers=headers), [VECTOR_SECRET], now)


def test_webhooks_of_products_are_not_proved_here():
    now = datetime.fromtimestamp(1614265330, timezone.utc)
    with pytest.raises(BadSignature):
        Canonical.verify(VECTOR, [VECTOR_SECRET], {}, now)
