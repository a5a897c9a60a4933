"""Published and re-computed vectors, and the official libraries, against our checks of
signatures."""

from datetime import datetime, timedelta, timezone

import pytest

from lead_to_cash_hub.connectors import hubspot_webhook, stripe_webhook
from lead_to_cash_hub.connectors.errors import BadSignature
from lead_to_cash_hub.connectors.parts import WebhookRequest

HUBSPOT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
HUBSPOT_URL = "https://www.example.com/webhook_uri"
HUBSPOT_BODY = b"{'example_field':'example_value'}"
HUBSPOT_TIME = "1693657560000"
HUBSPOT_V3 = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
STRIPE_SECRET = "whsec_test_secret"
STRIPE_BODY = b'{"id":"evt_test","object":"event"}'
STRIPE_TIME = "1614265330"
STRIPE_V1 = "fbd6bf5496b9d6310e422a2c072578f95f5eb492111ab57a5510e9cd79c1b304"


def at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=milliseconds)


def hubspot_check(url=HUBSPOT_URL, secrets=(HUBSPOT_SECRET,), now=None, **changes):
    headers = {
        "x-hubspot-signature-V3": HUBSPOT_V3,
        "X-HUBSPOT-REQUEST-TIMESTAMP": HUBSPOT_TIME,
        **changes,
    }
    headers = {name: value for name, value in headers.items() if value is not None}
    request = WebhookRequest("POST", url, headers, HUBSPOT_BODY)
    hubspot_webhook.check_signature(request, secrets, now or at(int(HUBSPOT_TIME) + 1000))


def stripe_check(header, secrets=(STRIPE_SECRET,), now=None, body=STRIPE_BODY):
    request = WebhookRequest("POST", "https://x.example/", {"stripe-signature": header}, body)
    stripe_webhook.check_signature(request, secrets, now or at(1614265331_000))


def code_of(check, *args, **kwargs):
    with pytest.raises(BadSignature) as caught:
        check(*args, **kwargs)
    return caught.value.code


def test_hubspot_published_vector():
    args = (HUBSPOT_SECRET, "POST", HUBSPOT_URL, HUBSPOT_BODY, HUBSPOT_TIME)
    assert hubspot_webhook.signature_v3(*args) == HUBSPOT_V3
    hubspot_check()


def test_hubspot_accepts_the_previous_secret():
    hubspot_check(secrets=("new-secret", HUBSPOT_SECRET))


def test_hubspot_refuses():
    late, early = at(int(HUBSPOT_TIME) + 300_001), at(int(HUBSPOT_TIME) - 300_001)
    assert code_of(hubspot_check, secrets=()) == "no_secret"
    assert code_of(hubspot_check, secrets=("", None)) == "no_secret"
    assert code_of(hubspot_check, secrets=("other",)) == "mismatch"
    assert code_of(hubspot_check, url=HUBSPOT_URL + "?x=1") == "mismatch"
    assert code_of(hubspot_check, now=late) == "too_old"
    assert code_of(hubspot_check, now=early) == "in_the_future"
    assert code_of(hubspot_check, **{"x-hubspot-signature-V3": None}) == "missing"
    assert code_of(hubspot_check, **{"X-HUBSPOT-REQUEST-TIMESTAMP": "١٢٣٤٥٦٧٨٩٠١٢٣"}) == "malformed"
    assert (
        code_of(hubspot_check, **{"X-HUBSPOT-REQUEST-TIMESTAMP": "-1693657560000"}) == "malformed"
    )
    assert code_of(hubspot_check, **{"x-hubspot-signature-V3": "é" * 44}) == "malformed"


def test_hubspot_edges_of_the_tolerance_hold():
    hubspot_check(now=at(int(HUBSPOT_TIME) + 300_000))
    hubspot_check(now=at(int(HUBSPOT_TIME) - 300_000))


def test_hubspot_signs_the_decoded_address():
    url = "https://x.example/hub/a%3Ab%2fc?d=%40e%20f"
    assert hubspot_webhook.decoded_url(url) == "https://x.example/hub/a:b/c?d=@e%20f"
    for signed in (url, hubspot_webhook.decoded_url(url)):
        mac = hubspot_webhook.signature_v3("s", "POST", signed, HUBSPOT_BODY, HUBSPOT_TIME)
        hubspot_check(url=url, secrets=("s",), **{"x-hubspot-signature-V3": mac})


def test_hubspot_official_library_agrees(judge):
    signature = judge("hubspot.utils.signature").Signature
    theirs = signature.get_signature(
        HUBSPOT_SECRET,
        HUBSPOT_BODY.decode(),
        "v3",
        HUBSPOT_URL,
        "POST",
        HUBSPOT_TIME,
    )
    assert theirs == HUBSPOT_V3


def test_stripe_vector():
    assert stripe_webhook.sign(STRIPE_SECRET, STRIPE_TIME, STRIPE_BODY) == STRIPE_V1
    stripe_check(f"t={STRIPE_TIME},v1={STRIPE_V1}")
    stripe_check(f"t={STRIPE_TIME}, v0=x, v1={'0' * 64}, v1={STRIPE_V1}")
    stripe_check(f"v1={STRIPE_V1},t={STRIPE_TIME}", secrets=("whsec_new", STRIPE_SECRET))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "missing"),
        (f"t={STRIPE_TIME}", "malformed"),
        (f"v1={STRIPE_V1}", "malformed"),
        (f"t={STRIPE_TIME},t={STRIPE_TIME},v1={STRIPE_V1}", "malformed"),
        (f"t={STRIPE_TIME},v0={STRIPE_V1}", "malformed"),
        (f"t=1e9,v1={STRIPE_V1}", "malformed"),
        (f"t={STRIPE_TIME},v1={'é' * 32}", "malformed"),
        (f"t={STRIPE_TIME},v1={STRIPE_V1[:-1]}0", "mismatch"),
        (f"t={int(STRIPE_TIME) + 1},v1={STRIPE_V1}", "mismatch"),
        ("=,=,==,", "malformed"),
    ],
)
def test_stripe_refuses(header, code):
    assert code_of(stripe_check, header) == code


def test_stripe_time_window_and_secrets():
    good = f"t={STRIPE_TIME},v1={STRIPE_V1}"
    assert code_of(stripe_check, good, now=at(1614265331_000 + 300_000)) == "too_old"
    assert code_of(stripe_check, good, now=at(1614265330_000 - 301_000)) == "in_the_future"
    assert code_of(stripe_check, good, secrets=()) == "no_secret"
    assert code_of(stripe_check, good, body=STRIPE_BODY + b" ") == "mismatch"


def test_stripe_official_library_agrees(judge):
    stripe = judge("stripe")
    header = f"t={STRIPE_TIME},v1={STRIPE_V1}"
    assert stripe.WebhookSignature.verify_header(STRIPE_BODY.decode(), header, STRIPE_SECRET, None)
