"""Writing properties back to HubSpot."""

import json
from decimal import Decimal

from lead_to_cash_hub.connectors.parts import Write


def seed(hubspot, count=3):
    hubspot.sandbox.seed(
        objects=[
            {"type": "deals", "id": str(n), "properties": {"dealname": f"D{n}"}}
            for n in range(1, count + 1)
        ]
    )


def write(key, external_id, **values):
    return Write(key, "opportunity", "update", external_id, values)


def deals(hubspot):
    return {key: row["properties"] for key, row in hubspot.sandbox.store.objects["deals"].items()}


def test_values_become_text(hubspot):
    seed(hubspot)
    values = {"a": Decimal("10.50"), "b": None, "c": True, "d": False, "e": 7, "f": "x"}
    (outcome,) = hubspot.connector().deliver("opportunity", [write("k1", "1", **values)])
    assert outcome.ok and outcome.external_id == "1"
    sent = json.loads(hubspot.calls("POST", "update")[0]["body"])["inputs"][0]["properties"]
    assert sent == {"a": "10.50", "b": "", "c": "true", "d": "false", "e": "7", "f": "x"}


def test_a_hundred_a_call_in_order(hubspot):
    seed(hubspot, 230)
    writes = [write(f"k{n}", str(n), dealname="new") for n in range(230, 0, -1)]
    outcomes = hubspot.connector().deliver("opportunity", writes)
    assert [outcome.key for outcome in outcomes] == [one.key for one in writes]
    assert all(outcome.ok for outcome in outcomes)
    assert len(hubspot.calls("POST", "update")) == 3


def test_one_missing_deal_does_not_stop_the_others(hubspot):
    seed(hubspot)
    writes = [write("k1", "1", dealname="x"), write("k9", "9", dealname="x")]
    good, bad = hubspot.connector().deliver("opportunity", writes)
    assert good.ok and not bad.ok
    assert (bad.error.kind, bad.error.code) == ("reference", "not_found")


def test_one_bad_value_is_found_by_halves(hubspot):
    seed(hubspot, 16)
    writes = [write(f"k{n}", str(n), amount="12") for n in range(1, 17)]
    writes[10] = write("k11", "11", amount="a lot")
    outcomes = hubspot.connector().deliver("opportunity", writes)
    assert [outcome.key for outcome in outcomes if not outcome.ok] == ["k11"]
    error = outcomes[10].error
    assert (error.kind, error.code, error.transient) == ("data", "validation", False)
    assert error.params["properties"] == ["amount"]
    assert len(hubspot.calls("POST", "update")) <= 9


def test_a_deal_twice_in_one_delivery(hubspot):
    seed(hubspot)
    writes = [write("a", "1", dealname="first"), write("b", "1", dealname="second")]
    outcomes = hubspot.connector().deliver("opportunity", writes)
    assert all(outcome.ok for outcome in outcomes)
    assert deals(hubspot)["1"]["dealname"] == "second"


def test_a_merged_deal_answers_with_its_survivor(hubspot):
    seed(hubspot)
    survivor = hubspot.sandbox.store.merge("deals", "1", "2", new_id=True)["id"]
    (outcome,) = hubspot.connector().deliver("opportunity", [write("k", "1", dealname="x")])
    assert (outcome.ok, outcome.external_id) == (True, survivor)


def test_merged_without_trace_ids_is_found_by_its_losers(hubspot, monkeypatch):
    """An older batch answer repeats no trace id."""
    seed(hubspot)
    survivor = hubspot.sandbox.store.merge("deals", "1", "2", new_id=True)["id"]
    view = hubspot.sandbox._view
    names = ["hs_merged_object_ids"]
    monkeypatch.setattr(hubspot.sandbox, "_view", lambda row, _names: view(row, names))
    connector = hubspot.connector()
    call = connector._call

    def without_traces(method, path, json=None, **kwargs):
        for item in (json or {}).get("inputs", ()):
            item.pop("objectWriteTraceId", None)
        return call(method, path, json=json, **kwargs)

    connector._call = without_traces
    (outcome,) = connector.deliver("opportunity", [write("k", "1", dealname="x")])
    assert (outcome.ok, outcome.external_id) == (True, survivor)


def test_lost_answers_and_their_repeat(hubspot):
    seed(hubspot)
    connector = hubspot.connector()
    for fault in ({"kind": "reset_after"}, {"kind": "malformed"}, {"kind": "html", "status": 504}):
        hubspot.fault(**fault)
        (outcome,) = connector.deliver("opportunity", [write("k", "1", dealname="x")])
        assert (outcome.ok, outcome.error.kind) == (False, "unknown"), fault
        assert outcome.error.transient
    (outcome,) = connector.deliver("opportunity", [write("k", "1", dealname="x")])
    assert outcome.ok


def test_faults_of_a_whole_call_are_in_each_outcome(hubspot):
    seed(hubspot)
    writes = [write(f"k{n}", str(n), dealname="x") for n in (1, 2, 3)]
    for fault, kind in (
        ({"kind": "status", "status": 429}, "rate"),
        ({"kind": "status", "status": 503}, "product_down"),
        ({"kind": "revoked_token"}, "sign_in"),
        ({"kind": "html", "status": 403}, "permission"),
    ):
        hubspot.fault(**fault)
        outcomes = hubspot.connector().deliver("opportunity", writes)
        assert [outcome.error.kind for outcome in outcomes] == [kind] * 3
        assert len(hubspot.calls("POST", "update")) == 1, "a fault of all is not halved"
        hubspot.sandbox.journal.clear()


def test_missing_scope_is_named(hubspot):
    seed(hubspot)
    hubspot.sandbox.settings["scopes"] = ["crm.objects.deals.read"]
    (outcome,) = hubspot.connector().deliver("opportunity", [write("k", "1", dealname="x")])
    assert (outcome.error.kind, outcome.error.code) == ("permission", "missing_scopes")
    assert outcome.error.params["scopes"] == ["crm.objects.deals.write"]


def test_what_cannot_be_sent_is_refused_here(hubspot):
    writes = [
        Write("a", "opportunity", "explode", None, {}),
        Write("b", "opportunity", "update", None, {}),
        Write("c", "opportunity", "update", "1/../2", {}),
    ]
    outcomes = hubspot.connector().deliver("opportunity", writes)
    assert [outcome.error.code for outcome in outcomes] == [
        "not_supported",
        "not_linked",
        "not_linked",
    ]
    assert not hubspot.sandbox.journal


def create(key, **values):
    return Write(key, "customer", "create", None, values)


def companies(hubspot):
    return [row["properties"] for row in hubspot.sandbox.store.objects["companies"].values()]


def test_companies_are_made_a_hundred_a_call_and_once(hubspot):
    writes = [create(f"k{n}", name=f"C{n}", annualrevenue=Decimal("1.50")) for n in range(150)]
    connector = hubspot.connector()
    for _turn in range(2):
        outcomes = connector.deliver("customer", writes)
        assert all(outcome.ok and outcome.external_id for outcome in outcomes)
        assert [outcome.key for outcome in outcomes] == [write.key for write in writes]
    assert len(companies(hubspot)) == 150
    assert companies(hubspot)[0]["annualrevenue"] == "1.50"
    assert [outcome.response["created"] for outcome in outcomes] == [False] * 150
    assert len(hubspot.calls("POST", "companies/batch/upsert")) == 4


def test_a_company_whose_answer_was_lost_is_not_made_twice(hubspot):
    connector = hubspot.connector()
    for attempt, kind in enumerate(("reset_after", "truncated", "malformed", "empty"), 1):
        hubspot.fault(kind)
        (outcome,) = connector.deliver("customer", [create("k1", name="Acme")])
        assert (outcome.ok, outcome.error.kind) == (False, "unknown"), (attempt, kind)
    (outcome,) = connector.deliver("customer", [create("k1", name="Acme")])
    assert outcome.ok and len(companies(hubspot)) == 1


def test_updates_and_creations_in_one_delivery(hubspot):
    hubspot.sandbox.seed(objects=[{"type": "companies", "id": "7", "properties": {"name": "Old"}}])
    writes = [
        create("a", name="New"),
        Write("b", "customer", "update", "7", {"name": "Known"}),
        create("c", name="Bad", amount="a lot"),
        Write("d", "customer", "update", "999", {"name": "Nobody"}),
    ]
    outcomes = hubspot.connector().deliver("customer", writes)
    assert [outcome.ok for outcome in outcomes] == [True, True, False, False]
    assert (outcomes[2].error.kind, outcomes[3].error.kind) == ("data", "reference")
    assert sorted(row["name"] for row in companies(hubspot)) == ["Known", "New"]


def test_without_the_property_nothing_is_made(hubspot):
    hubspot.sandbox.settings["unique_properties"] = ()
    (outcome,) = hubspot.connector().deliver("customer", [create("k", name="Acme")])
    assert (outcome.ok, outcome.error.kind) == (False, "data")
    assert not companies(hubspot)
