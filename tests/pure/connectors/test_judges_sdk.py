"""The vendors' own libraries as judges of our sandboxes: if they are content, the sandbox speaks
truly.

And what their code signs or verifies is compared with ours.
"""

import time

import pytest
import urllib3

from lead_to_cash_hub.connectors import get_connector_class, stripe_webhook

# -- Stripe -----------------------------------------------------------------------------------


@pytest.fixture
def stripe_sdk(judge, stripe_product):
    stripe = judge("stripe")
    client = stripe.StripeClient(
        "rk_test_sandbox_key",
        base_addresses={"api": stripe_product.running.url},
        http_client=stripe.RequestsClient(),
        max_network_retries=0,
    )
    return stripe, client


def test_stripes_library_pays_refunds_and_lists(stripe_sdk, stripe_product):
    stripe, client = stripe_sdk
    customer = client.v1.customers.create({"name": "Acme", "metadata": {"odoo": "5"}})
    intent = client.v1.payment_intents.create(
        {
            "amount": 10050,
            "currency": "usd",
            "customer": customer.id,
            "confirm": True,
            "payment_method": "pm_card_visa",
            "metadata": {"odoo_invoice": "INV/1"},
            "expand": ["latest_charge.balance_transaction", "customer"],
        }
    )
    assert isinstance(intent, stripe.PaymentIntent) and intent.status == "succeeded"
    assert isinstance(intent.latest_charge.balance_transaction, stripe.BalanceTransaction)
    assert intent.latest_charge.balance_transaction.fee == 321
    assert intent.customer.metadata["odoo"] == "5"
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 50})
    again = client.v1.refunds.create({"payment_intent": intent.id})
    assert (refund.status, again.amount) == ("succeeded", 10000)
    found = client.v1.refunds.list({"payment_intent": intent.id, "limit": 1})
    assert [row.id for row in found.auto_paging_iter()] == [again.id, refund.id]
    events = client.v1.events.list({"types": ["refund.created"], "limit": 100})
    assert [event.data.object.id for event in events.data] == [again.id, refund.id]
    client.v1.payment_intents.update(intent.id, {"metadata": {"odoo_invoice": "", "b": "2"}})
    assert client.v1.payment_intents.retrieve(intent.id).metadata.to_dict() == {"b": "2"}
    client.v1.customers.delete(customer.id)


def test_stripes_library_knows_the_errors(stripe_sdk, stripe_product):
    stripe, client = stripe_sdk
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_404")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.CardError) as declined:
        values = {"amount": 1, "currency": "usd", "confirm": True}
        client.v1.payment_intents.create({**values, "payment_method": "pm_card_chargeDeclined"})
    assert declined.value.error.decline_code == "generic_decline"
    for kind, error in (
        ({"kind": "status", "status": 429}, stripe.RateLimitError),
        ({"kind": "expired_token"}, stripe.AuthenticationError),
        ({"kind": "status", "status": 500}, stripe.APIError),
        ({"kind": "html", "status": 503}, stripe.APIError),
        ({"kind": "reset_after"}, stripe.APIConnectionError),
    ):
        stripe_product.fault(**kind)
        with pytest.raises(error):
            client.v1.balance.retrieve()
    stripe_product.sandbox.settings["permissions"] = []
    with pytest.raises(stripe.PermissionError):
        client.v1.balance.retrieve()


def test_stripes_library_replays_a_key(stripe_sdk, stripe_product):
    stripe, client = stripe_sdk
    values, options = {"amount": 5, "currency": "usd"}, {"idempotency_key": "k1"}
    first = client.v1.payment_intents.create(values, options)
    again = client.v1.payment_intents.create(values, options)
    assert first.id == again.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({**values, "amount": 6}, options)


def test_stripes_library_repeats_a_lost_answer_without_harm(judge, stripe_product):
    """The SDK retries by itself with the same key; the sandbox makes one payment."""
    stripe = judge("stripe")
    client = stripe.StripeClient(
        "rk_test_sandbox_key",
        base_addresses={"api": stripe_product.running.url},
        http_client=stripe.RequestsClient(),
        max_network_retries=2,
    )
    stripe_product.fault("reset_after")
    client.v1.payment_intents.create({"amount": 5, "currency": "usd"})
    assert len(stripe_product.calls("POST")) == 2
    assert len(stripe_product.sandbox.store.rows["payment_intents"]) == 1


def test_stripes_library_verifies_what_the_sandbox_sends(stripe_sdk, stripe_product, door, now):
    stripe, _client = stripe_sdk
    stripe_product.sandbox.pay(500)
    sent = stripe_product.sandbox.sender.deliver({"url": door.url})
    assert {d["status"] for d in sent["deliveries"]} == {200} and len(door.requests) == 3
    connector = get_connector_class("stripe")
    settings = {"account_id": "acct_1SandboxHub0001", "live_mode": False}
    for request in door.requests:
        header = request.header("stripe-signature")
        event = stripe.Webhook.construct_event(request.body, header, "whsec_sandbox_secret")
        (notice,) = connector.verify(request, ["whsec_sandbox_secret"], settings, now)
        assert notice.event_key.decode() == event.id
    # and the other way round: what we sign, their library accepts
    stamp = str(int(time.time()))
    header = f"t={stamp},v1={stripe_webhook.sign('whsec_a', stamp, b'{}')}"
    assert stripe.WebhookSignature.verify_header("{}", header, "whsec_a", tolerance=300)


# -- HubSpot ----------------------------------------------------------------------------------


@pytest.fixture
def hubspot_sdk(judge, hubspot):
    client = judge("hubspot").Client.create(
        access_token="pat-na1-sandbox-token",
        host=hubspot.running.url,
        # urllib3 would take HubSpot's milliseconds for seconds and wait for hours
        retry=urllib3.Retry(0),
    )
    hubspot.sandbox.seed(
        owners=[{"id": "42", "email": "ann@firm.example", "firstName": "Ann", "lastName": "Lee"}],
        objects=[
            {"type": "companies", "id": "500", "properties": {"name": "Acme"}},
            {"type": "deals", "id": "700", "properties": {"dealname": "A"}, "companies": ["500"]},
            {"type": "deals", "id": "701", "properties": {"dealname": "B"}},
        ],
    )
    return client


def test_hubspots_library_reads_and_searches(hubspot_sdk):
    deals = hubspot_sdk.crm.deals
    row = deals.basic_api.get_by_id("700", properties=["dealname"])
    assert (row.properties["dealname"], row.archived) == ("A", False)
    assert row.updated_at.tzinfo is not None
    page = deals.basic_api.get_page(limit=1)
    assert page.paging.next.after == "700"
    found = deals.search_api.do_search(
        {
            "filterGroups": [
                {"filters": [{"propertyName": "dealname", "operator": "EQ", "value": "B"}]}
            ],
            "limit": 10,
        }
    )
    assert (found.total, found.results[0].id) == (1, "701")
    assert [owner.email for owner in hubspot_sdk.crm.owners.get_all()] == ["ann@firm.example"]
    (first, _second) = hubspot_sdk.crm.pipelines.pipelines_api.get_all("deals").results
    assert first.stages[2].metadata["isClosed"] == "true"


def test_hubspots_library_reads_batches_and_associations(hubspot_sdk):
    batch = hubspot_sdk.crm.deals.batch_api.read(
        {"properties": ["dealname"], "inputs": [{"id": "700"}, {"id": "999"}]}
    )
    assert [row.id for row in batch.results] == ["700"]
    assert (batch.num_errors, batch.errors[0].context["ids"]) == (1, ["999"])
    links = hubspot_sdk.crm.associations.v4.batch_api.get_page(
        from_object_type="deals",
        to_object_type="companies",
        batch_input_public_fetch_associations_batch_request={"inputs": [{"id": "700"}]},
    )
    (row,) = links.results
    assert (row._from.id, row.to[0].to_object_id) == ("700", "500")
    assert row.to[0].association_types[0].label == "Primary"


def test_hubspots_library_writes(hubspot_sdk):
    deals = hubspot_sdk.crm.deals
    made = deals.basic_api.create({"properties": {"dealname": "C", "amount": "5"}})
    deals.basic_api.update(made.id, {"properties": {"amount": "6"}})
    result = deals.batch_api.update(
        {
            "inputs": [
                {"id": made.id, "properties": {"amount": "7"}, "objectWriteTraceId": "t1"},
                {"id": "999", "properties": {"amount": "7"}, "objectWriteTraceId": "t2"},
            ]
        }
    )
    assert [row.object_write_trace_id for row in result.results] == ["t1"]
    assert result.errors[0].context["objectWriteTraceId"] == ["t2"]
    deals.basic_api.archive(made.id)
    assert [row.id for row in deals.basic_api.get_page(archived=True).results] == [made.id]


def test_hubspots_library_upserts_by_a_unique_property(hubspot_sdk):
    batch = hubspot_sdk.crm.companies.batch_api
    one = {"id": "key-1", "idProperty": "odoo_key", "objectWriteTraceId": "t1"}
    first = batch.upsert({"inputs": [{**one, "properties": {"name": "Acme"}}]})
    again = batch.upsert({"inputs": [{**one, "properties": {"name": "Acme Ltd"}}]})
    assert [(row.new, row.properties["name"]) for row in (*first.results, *again.results)] == [
        (True, "Acme"),
        (False, "Acme Ltd"),
    ]
    assert first.results[0].id == again.results[0].id


def test_hubspots_library_knows_the_errors(judge, hubspot_sdk, hubspot):
    errors = judge("hubspot.crm.deals.exceptions")
    api = hubspot_sdk.crm.deals.basic_api
    with pytest.raises(errors.ApiException) as missing:
        api.get_by_id("999")
    assert missing.value.status == 404
    with pytest.raises(errors.ApiException) as invalid:
        api.update("700", {"properties": {"amount": "a lot"}})
    assert (invalid.value.status, "VALIDATION_ERROR" in invalid.value.body) == (400, True)
    hubspot.fault("status", status=429)
    with pytest.raises(errors.ApiException) as limited:
        api.get_by_id("700")
    assert limited.value.status == 429


def test_hubspots_library_refreshes_a_token(hubspot_sdk):
    token = hubspot_sdk.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id="sandbox-client",
        client_secret="sandbox-client-secret",
        refresh_token="sandbox-refresh-token",
    )
    assert (token.token_type, token.expires_in) == ("bearer", 1800)


def test_hubspots_library_verifies_what_the_sandbox_sends(judge, hubspot_sdk, hubspot, door, now):
    signature = judge("hubspot.utils.signature").Signature
    hubspot.sandbox.store.update("deals", "700", {"dealname": "Ä"})
    hubspot.sandbox.sender.deliver({"url": door.url})
    (request,) = door.requests
    assert signature.is_valid(
        request.header("x-hubspot-signature-v3"),
        "sandbox-client-secret",
        request.body.decode(),
        door.url,
        "POST",
        "v3",
        request.header("x-hubspot-request-timestamp"),
    )
    (notice,) = get_connector_class("hubspot").verify(
        request, ["sandbox-client-secret"], {"account_id": "49648261"}, now
    )
    assert (notice.entity, notice.external_id) == ("opportunity", "700")
