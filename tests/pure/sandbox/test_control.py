"""The control plane of the sandboxes, over HTTP as the demo and the Odoo tests use it."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.harvest import HarvestSandbox
from sandbox.hubspot import HubSpotSandbox
from sandbox.stripe import StripeSandbox

ROOT = Path(__file__).resolve().parents[3]
SANDBOXES = {"HubSpot": HubSpotSandbox, "Harvest": HarvestSandbox, "Stripe": StripeSandbox}


class Api:
    """A served sandbox, called over HTTP."""

    def __init__(self, running, token, **headers):
        self.url, self.sandbox = running.url, running.sandbox
        self.headers = {"Authorization": f"Bearer {token}", "User-Agent": "test", **headers}

    def control(self, method, name, body=None):
        answer = requests.request(method, f"{self.url}/__sandbox__/{name}", json=body, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def call(self, method, path, **options):
        return requests.request(method, self.url + path, headers=self.headers, timeout=5, **options)


@pytest.fixture
def hubspot():
    with HubSpotSandbox().start() as running:
        yield Api(running, "pat-na1-sandbox-token")


@pytest.fixture
def harvest():
    with HarvestSandbox().start() as running:
        yield Api(running, "harvest-sandbox-token", **{"Harvest-Account-Id": "1234567"})


@pytest.fixture
def stripe():
    with StripeSandbox().start() as running:
        yield Api(running, "rk_test_sandbox_key")


@pytest.mark.parametrize("name", SANDBOXES)
def test_health_clock_settings_and_reset(name):
    with SANDBOXES[name](token="mine").start() as running:
        api = Api(running, "mine")
        assert api.control("GET", "health") == {"ok": True, "product": name}
        assert api.control("POST", "clock", {"set": "2026-11-20T10:00:00Z"})["now"][:16] == (
            "2026-11-20T10:00"
        )
        shown = api.control("POST", "settings", {"limits": True})
        assert shown["limits"] and not [key for key in shown if "token" in key or "secret" in key]
        assert api.control("POST", "reset") == {"ok": True}
        assert running.sandbox.settings["limits"] is False
        assert running.sandbox.settings["token"] == "mine"
        assert running.host.startswith("127.0.0.1:")


def test_hubspot_seeds_changes_and_tells(hubspot):
    seeded = hubspot.control(
        "POST",
        "objects",
        {
            "owners": [{"id": 42, "email": "a@b.example", "firstName": "A", "lastName": "B"}],
            "objects": [
                {"type": "companies", "id": 500, "properties": {"name": "Acme"}},
                {"type": "companies", "id": 501, "properties": {"name": "Acme Inc"}},
                {"type": "deals", "id": 700, "properties": {}, "companies": [500]},
            ],
        },
    )
    assert seeded == {"ids": ["500", "501", "700"]}
    change = {"type": "deals", "id": 700, "properties": {"dealname": "x"}}
    hubspot.control("POST", "update", change)
    link = {"type": "deals", "id": 700, "other": "companies", "other_id": 501}
    hubspot.control("POST", "associate", link)
    merge = {"type": "companies", "primary": 500, "loser": 501, "new_id": True}
    survivor = hubspot.control("POST", "merge", merge)["id"]
    hubspot.control("POST", "archive", {"type": "deals", "id": 700})
    kinds = [event["subscriptionType"] for event in hubspot.control("GET", "events")["events"]]
    assert kinds == [
        "deal.propertyChange",
        "deal.associationChange",
        "company.merge",
        "deal.deletion",
    ]
    assert hubspot.call("GET", "/crm/v3/objects/companies/500").json()["id"] == survivor
    assert hubspot.call("GET", "/crm/v3/objects/deals/700").status_code == 404
    state = hubspot.control("GET", "state")["objects"]
    assert list(state["companies"]) == [survivor]


def test_associations_follow_a_merge_and_the_old_id_has_none(hubspot):
    store = hubspot.sandbox.store
    hubspot.control(
        "POST",
        "objects",
        {
            "objects": [
                {"type": "companies", "id": 1},
                {"type": "companies", "id": 2},
                {"type": "deals", "id": 7, "companies": [2]},
            ]
        },
    )
    survivor = store.merge("companies", "1", "2", new_id=True)["id"]
    assert [row["toObjectId"] for row in store.associated("deals", "7", "companies")] == [survivor]
    assert store.associated("companies", "2", "deals") == []


def test_harvest_seeds_approves_and_deletes(harvest):
    ids = harvest.control(
        "POST",
        "objects",
        {
            "users": [{"first_name": "A", "last_name": "B", "email": "a@b.example"}],
            "clients": [{"id": 5, "name": "Acme"}],
            "projects": [{"id": 11, "name": "P", "client": 5}],
            "tasks": [{"id": 9, "name": "T"}],
        },
    )
    entry = {"user": ids["users"][0], "project": 11, "task": 9, "spent_date": "2026-11-20"}
    made = harvest.control("POST", "entries", {**entry, "count": 3, "hours": 2})["ids"]
    harvest.control("POST", "approve", {"ids": made[:2]})
    harvest.control("POST", "update", {"kind": "time_entries", "id": made[2], "hours": 3})
    harvest.control("POST", "delete", {"kind": "time_entries", "id": made[0]})
    page = harvest.call("GET", "/v2/time_entries", params={"approval_status": "approved"}).json()
    assert [row["id"] for row in page["time_entries"]] == [made[1]]
    locked = harvest.call("PATCH", f"/v2/time_entries/{made[1]}", json={"hours": 9})
    assert locked.status_code == 422
    assert harvest.call("GET", f"/v2/time_entries/{made[2]}").json()["hours"] == 3.0


def test_harvest_demands_its_headers(harvest):
    harvest.headers["User-Agent"] = ""
    assert harvest.call("GET", "/v2/users").status_code == 400
    harvest.headers.update({"User-Agent": "x", "Harvest-Account-Id": "9"})
    assert harvest.call("GET", "/v2/users").status_code == 401


def test_stripe_pays_and_refunds(stripe):
    (key,) = stripe.control("POST", "payments", {"amount": 1000, "metadata": {"a": "b"}})["ids"]
    refund = stripe.control("POST", "refunds", {"payment_intent": key, "amount": 400})
    assert (refund["amount"], refund["status"]) == (400, "succeeded")
    (open_key,) = stripe.control(
        "POST", "payments", {"amount": 5, "status": "requires_payment_method"}
    )["ids"]
    assert stripe.control("POST", "succeed", {"id": open_key})["status"] == "succeeded"
    for status in ("failed", "canceled", "processing"):
        stripe.control("POST", "payments", {"amount": 5, "status": status})
    stripe.control("POST", "events", {"type": "payout.paid", "object": {"id": "po_1"}})
    events = stripe.call("GET", "/v1/events", params={"limit": 100}).json()["data"]
    assert {"refund.created", "payment_intent.canceled", "payout.paid"} <= {
        event["type"] for event in events
    }
    assert requests.get(f"{stripe.url}/v1/events", timeout=5).status_code == 401
    stripe.headers["Stripe-Version"] = "2011-01-01"
    assert stripe.call("GET", "/v1/events").status_code == 400


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 30), (17, 30), (18, 31), (100, 33), (10050, 321), (1_000_000, 29030)]
)
def test_the_fee_is_rounded_half_up(stripe, amount, fee):
    assert stripe.sandbox.store.fee(amount) == fee


def test_the_journal_shows_calls_faults_and_duplicates(stripe):
    stripe.control(
        "POST",
        "faults",
        {"faults": [{"kind": "status", "status": 503, "path": "balance$", "skip": 1}]},
    )
    statuses = [stripe.call("GET", "/v1/balance").status_code for _ in range(3)]
    assert statuses == [200, 503, 200]
    calls = stripe.control("GET", "journal")["calls"]
    assert [(call["n"], call["status"], call["fault"]) for call in calls] == [
        (1, 200, None),
        (2, 503, "status"),
        (3, 200, None),
    ]
    assert "rk_test" not in str(calls)
    assert stripe.control("DELETE", "journal") == {"dropped": 3}


def test_a_lost_answer_had_its_effect(stripe):
    stripe.control("POST", "faults", {"kind": "reset_after", "method": "POST"})
    with pytest.raises(requests.ConnectionError):
        stripe.call("POST", "/v1/payment_intents", data={"amount": "5", "currency": "usd"})
    assert len(stripe.sandbox.store.rows["payment_intents"]) == 1
    stripe.control("POST", "faults", {"kind": "reset_before", "method": "POST"})
    with pytest.raises(requests.ConnectionError):
        stripe.call("POST", "/v1/payment_intents", data={"amount": "5", "currency": "usd"})
    assert len(stripe.sandbox.store.rows["payment_intents"]) == 1


def test_an_unknown_fault_is_refused(stripe):
    with pytest.raises(requests.HTTPError):
        stripe.control("POST", "faults", {"kind": "earthquake"})


@pytest.mark.parametrize("name", ["hubspot", "harvest", "stripe"])
def test_the_command_line_serves(name):
    command = [sys.executable, "-m", f"sandbox.{name}", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        url = line.split(" on ")[1].split()[0]
        assert requests.get(f"{url}/__sandbox__/health", timeout=5).json()["ok"]
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()
