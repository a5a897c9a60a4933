"""What the sandboxes send, as messily as products do, at our checks of signatures."""

from datetime import timedelta

import pytest

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadSignature

SECRETS = {"hubspot": "sandbox-client-secret", "stripe": "whsec_sandbox_secret"}
SETTINGS = {
    "hubspot": {"account_id": "49648261"},
    "stripe": {"account_id": "acct_1SandboxHub0001", "live_mode": False},
}


@pytest.fixture(params=["hubspot", "stripe"])
def sender(request, door, now):
    """A sandbox with three events, and ``sender.receive()`` that verifies what arrived."""
    name = request.param
    fixture = "hubspot" if name == "hubspot" else "stripe_product"
    product = request.getfixturevalue(fixture)
    if name == "hubspot":
        for n in range(3):
            product.sandbox.store.create("deals", {"dealname": f"D{n}"})
    else:
        product.sandbox.pay(500)

    def deliver(**options):
        return product.sandbox.sender.deliver({"url": door.url, **options})["deliveries"]

    def receive(moment=now, secrets=(SECRETS[name],)):
        connector = get_connector_class(name)
        found, door.requests = door.requests, []
        return [
            notice
            for request in found
            for notice in connector.verify(request, secrets, SETTINGS[name], moment)
        ]

    product.deliver, product.receive = deliver, receive
    return product


def test_good_ones_arrive_and_are_sent_once(sender):
    sender.deliver()
    assert len({notice.event_key for notice in sender.receive()}) == 3
    assert sender.deliver() == []


def test_duplicates_have_the_same_keys(sender):
    sender.deliver(duplicate=2)
    notices = sender.receive()
    assert (len(notices), len({notice.event_key for notice in notices})) == (9, 3)
    sender.deliver(again=True)
    assert {n.event_key for n in sender.receive()} == {n.event_key for n in notices}


def test_shuffled_and_split(sender):
    assert len(sender.deliver(split=1, shuffle=7)) == 3
    assert len(sender.receive()) == 3


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("wrong", "mismatch"),
        ("old", "too_old"),
        ("future", "in_the_future"),
        ("missing", "missing"),
    ],
)
def test_bad_ones_are_refused(sender, signature, code):
    sender.deliver(signature=signature)
    with pytest.raises(BadSignature) as caught:
        sender.receive()
    assert caught.value.code == code


def test_a_good_one_replayed_later_is_too_old(sender, now):
    sender.deliver()
    with pytest.raises(BadSignature):
        sender.receive(now + timedelta(minutes=6))


def test_while_a_secret_is_changed_both_are_good(sender):
    sender.deliver(secret="the-new-one")
    assert sender.receive(secrets=("the-new-one", "the-old-one"))


def test_what_was_refused_stays_pending(sender, door):
    door.status = 503
    assert {delivery["status"] for delivery in sender.deliver()} == {503}
    door.status = 200
    door.requests = []
    sender.deliver()
    assert len(sender.receive()) == 3


def test_stripe_signs_with_both_secrets_while_one_is_rolled(stripe_product, door, now):
    sandbox = stripe_product.sandbox
    sandbox.settings["previous_webhook_secret"] = "whsec_before"
    sandbox.pay(500)
    sandbox.sender.deliver({"url": door.url})
    for secret in ("whsec_before", "whsec_sandbox_secret"):
        assert get_connector_class("stripe").verify(
            door.requests[0], [secret], SETTINGS["stripe"], now
        )
