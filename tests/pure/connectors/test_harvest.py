"""Harvest: reading along links, proving a listing, and setting a project up."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from lead_to_cash_hub.connectors.errors import ConnectorError
from lead_to_cash_hub.connectors.parts import Write

VALUES = {
    "code": "P-1",
    "name": "Rollout",
    "client": {"name": "Acme", "key": "c1"},
    "is_billable": True,
    "hourly_rate": Decimal("150.00"),
    "budget": Decimal("100"),
    "starts_on": "2026-12-01",
    "notes": "From the deal",
    "tasks": [
        {"key": "t1", "name": "Design", "billable": True, "hourly_rate": Decimal("160")},
        {"key": "t2", "name": "Travel", "billable": False},
    ],
    "people": [
        {"key": "e1", "email": "ANN@firm.example", "hourly_rate": Decimal("90")},
        {"key": "e2", "email": "nobody@firm.example"},
    ],
}


@pytest.fixture
def account(harvest):
    harvest.sandbox.seed(
        users=[{"id": 7, "first_name": "Ann", "last_name": "Lee", "email": "ann@firm.example"}],
        clients=[{"id": 5, "name": "Other"}],
        tasks=[{"id": 9, "name": "design"}],
        projects=[{"id": 11, "name": "P0", "code": "P-1", "client_id": 5}],
        task_assignments=[{"id": 12, "project_id": 11, "task_id": 9}],
    )
    return harvest


def entries(harvest, count, **more):
    rows = [
        {"user": 7, "project": 11, "task": 9, "spent_date": "2026-11-20", "hours": 0.25, **more}
        for _ in range(count)
    ]
    return [str(key) for key in harvest.sandbox.seed(time_entries=rows)["time_entries"]]


def drain(connector, entity, cursor, now):
    seen, pages = [], 0
    while True:
        page = connector.poll(entity, json.loads(json.dumps(cursor or {})), now)
        seen += page.records
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            return seen, cursor, pages


def create(**changes):
    return Write("key-1", "project", "create", None, {**VALUES, **changes})


def rows(harvest, kind):
    return list(harvest.sandbox.store.rows[kind].values())


# -- reading ----------------------------------------------------------------------------------


def test_every_entity_is_polled_and_fetched(account, now):
    entries(account, 1)
    account.sandbox.seed(
        expenses=[{"user": 7, "project": 11, "spent_date": "2026-11-20", "total_cost": 12.35}]
    )
    connector = account.connector()
    for entity in connector.entities_in:
        records, _cursor, _pages = drain(connector, entity, {}, now)
        assert len(records) == 1, entity
        assert connector.fetch(entity, [records[0].external_id, "404", "1/../2"]) == {
            records[0].external_id: records[0]
        }, entity


def test_an_entry_refers_to_its_task_as_the_link_names_it(account, now):
    entries(account, 1)
    connector = account.connector()
    (entry,), _cursor, _pages = drain(connector, "time_entry", {}, now)
    (task,), _cursor, _pages = drain(connector, "task", {}, now)
    data = json.loads(entry.payload, parse_float=Decimal)
    assert data["project_task"] == task.external_id == "11/9"
    assert data["hours"] == Decimal("0.25")
    assert entry.version == data["updated_at"]


def test_pages_are_walked_along_the_links_and_resumed(account, now):
    made = entries(account, 1203)
    connector = account.connector()
    page = connector.poll("time_entry", {}, now)
    assert page.more and len(page.records) == 500
    cursor = json.loads(json.dumps(page.cursor))
    # entries made while we read do not move the pages that are left
    late = entries(account, 20)
    rest, cursor, pages = drain(account.connector(), "time_entry", cursor, now)
    keys = [record.external_id for record in page.records + rest]
    assert sorted(keys) == sorted(made) and pages == 2
    records, _cursor, _pages = drain(account.connector(), "time_entry", cursor, now)
    assert set(late) <= {record.external_id for record in records}, "the next window has them"


def test_a_window_looks_back(account, now):
    connector = account.connector()
    _records, cursor, _pages = drain(connector, "time_entry", {}, now)
    old = now - timedelta(minutes=4)  # saved before, visible only now
    entries(account, 1, updated_at=old.strftime("%Y-%m-%dT%H:%M:%SZ"))
    older = now - timedelta(minutes=30)
    entries(account, 1, updated_at=older.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert len(drain(connector, "time_entry", cursor, now + timedelta(minutes=1))[0]) == 1


def test_a_stored_link_that_is_refused_starts_the_window_anew(account, now):
    entries(account, 3)
    cursor = {
        "since": "2026-01-01T00:00:00Z",
        "started": "2026-11-20T10:00:00Z",
        "next": account.running.url + "/v2/time_entries?cursor=gone",
    }
    connector = account.connector()
    page = connector.poll("time_entry", cursor, now)
    assert (page.records, page.cursor, page.more) == ([], {"since": cursor["since"]}, True)
    assert len(drain(connector, "time_entry", page.cursor, now)[0]) == 3


def test_a_link_to_another_host_is_not_followed(account, now):
    cursor = {"since": None, "started": "2026-11-20T10:00:00Z", "next": "https://evil.example/v2/x"}
    with pytest.raises(ConnectorError) as caught:
        account.connector().poll("time_entry", cursor, now)
    assert caught.value.code == "foreign_link"


def test_approval_is_a_change(account, now):
    (key,) = entries(account, 1)
    account.sandbox.store.approve("time_entries", int(key), "approved")
    data = json.loads(account.connector().fetch("time_entry", [key])[key].payload)
    assert (data["approval_status"], data["is_closed"], data["is_locked"]) == (
        "approved",
        True,
        True,
    )


def test_a_sweep_proves_what_is_there(account):
    account.sandbox.settings["max_page"] = 2000
    made = entries(account, 30)
    entries(account, 2, spent_date="2026-10-31")
    account.sandbox.store.delete("time_entries", int(made[3]))
    found = account.connector().sweep("time_entry", date(2026, 11, 1), date(2026, 11, 30))
    assert found == set(made) - {made[3]}


@pytest.mark.parametrize("change", [-1, 1])
def test_a_listing_that_does_not_add_up_proves_nothing(account, monkeypatch, change):
    entries(account, 5)
    paged = account.sandbox._paged

    def lying(request, kind, found):
        body = paged(request, kind, found)
        body["total_entries"] += change
        return body

    monkeypatch.setattr(account.sandbox, "_paged", lying)
    with pytest.raises(ConnectorError) as caught:
        account.connector().sweep("time_entry", date(2026, 11, 1), date(2026, 11, 30))
    assert (caught.value.code, caught.value.transient) == ("listing_incomplete", True)


@pytest.mark.parametrize(
    ("fault", "kind", "retry_after"),
    [
        ({"kind": "status", "status": 429}, "rate", 15.0),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "3"}}, "rate", 3.0),
        ({"kind": "status", "status": 403}, "permission", None),
        ({"kind": "status", "status": 500}, "product_down", None),
        ({"kind": "html", "status": 502}, "product_down", None),
        ({"kind": "html", "status": 404}, "schema", None),
        ({"kind": "expired_token"}, "sign_in", None),
        ({"kind": "malformed"}, "schema", None),
        ({"kind": "reset_after"}, "connection", None),
    ],
)
def test_faults(account, now, fault, kind, retry_after):
    account.fault(**fault)
    with pytest.raises(ConnectorError) as caught:
        account.connector().poll("time_entry", {}, now)
    assert (caught.value.kind, caught.value.retry_after) == (kind, retry_after)


def test_connection_check(account):
    account.sandbox.settings.update(role="member", approval_feature=False)
    failed = [item for item in account.connector().check() if not item.ok]
    assert [(item.code, item.params.get("feature")) for item in failed] == [
        ("role", None),
        ("feature", "approval_feature"),
    ]
    (item,) = account.connector(settings={"account_id": "999"}).check()
    assert (item.code, item.ok, item.params["kind"]) == ("sign_in", False, "sign_in")
    assert account.connector().account_id() == "1234567"


def test_refresh(account):
    connector = account.connector(settings={"client_id": "harvest-client"})
    connector.token_url = account.running.url + "/api/v2/oauth2/token"
    token = connector.refresh(connector.secrets)
    assert token.access.startswith("oauth-")
    with pytest.raises(ConnectorError) as caught:
        connector.refresh({**connector.secrets, "refresh_token": "burnt"})
    assert (caught.value.kind, caught.value.code) == ("sign_in", "reconnect")


# -- setting a project up ---------------------------------------------------------------------


def test_a_project_is_made_whole(account):
    (outcome,) = account.connector().deliver("project", [create()])
    assert outcome.ok, outcome.error
    project = account.sandbox.store.rows["projects"][int(outcome.external_id)]
    assert project["client"]["id"] != 5, "the code of another client's project is not ours"
    assert (project["bill_by"], project["hourly_rate"]) == ("Project", 150.0)
    assert (project["budget_by"], project["budget"]) == ("project", 100.0)
    assert outcome.links == {
        "customer:c1": str(project["client"]["id"]),
        "task:t1": f"{project['id']}/9",
        "task:t2": f"{project['id']}/{rows(account, 'tasks')[-1]['id']}",
        "employee:e1": "7",
    }
    assert outcome.response["unknown_people"] == ["e2"]
    mine = [a for a in rows(account, "task_assignments") if a["project"]["id"] == project["id"]]
    assert [(a["billable"], a["hourly_rate"]) for a in mine] == [(True, 160.0), (False, None)]
    (person,) = rows(account, "user_assignments")
    assert (person["use_default_rates"], person["hourly_rate"]) == (False, 90.0)


def test_a_contract_of_several_rates_or_none_has_no_rate_of_the_project(account):
    write = Write("k", "project", "create", None, {**VALUES, "hourly_rate": "", "budget": ""})
    (outcome,) = account.connector().deliver("project", [write])
    assert outcome.ok, outcome.error
    project = account.sandbox.store.rows["projects"][int(outcome.external_id)]
    assert (project["bill_by"], project["hourly_rate"]) == ("People", None)
    assert (project["budget_by"], project["budget"]) == ("none", None)


def test_a_repeat_changes_nothing(account):
    connector = account.connector()
    (first,) = connector.deliver("project", [create()])
    posts = len(account.calls("POST")), len(account.calls("PATCH"))
    (again,) = account.connector().deliver("project", [create()])
    assert (again.external_id, again.links) == (first.external_id, first.links)
    assert (again.response["created"], again.response["changed"]) == ([], [])
    assert (len(account.calls("POST")), len(account.calls("PATCH"))) == posts


@pytest.mark.parametrize("step", range(7))
@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "malformed"])
def test_an_answer_lost_at_any_step_makes_nothing_twice(account, step, fault):
    """The seven POSTs: client, project, task, two task and one user assignment, and none."""
    account.fault(fault, method="POST", skip=step)
    (outcome,) = account.connector().deliver("project", [create()])
    if step < 6:
        assert (outcome.ok, outcome.error.kind) == (False, "unknown")
        if step > 1:
            assert outcome.external_id and outcome.links["customer:c1"]
    (outcome,) = account.connector().deliver("project", [create()])
    assert outcome.ok
    counts = {kind: len(found) for kind, found in account.sandbox.store.rows.items()}
    assert counts == {
        "users": 1,
        "clients": 2,
        "tasks": 2,
        "projects": 2,
        "task_assignments": 3,
        "user_assignments": 1,
        "time_entries": 0,
        "expenses": 0,
    }


def test_two_workers_that_make_the_same_at_once_make_it_once(account):
    """The second one has looked before the first one made anything."""
    first, second = account.connector(), account.connector()
    real, looked = second._list, set()

    def stale(path, query):
        rows = real(path, query)
        place = path.rsplit("/", 1)[-1]
        if place == "users" or place in looked:
            return rows
        looked.add(place)
        return []

    second._list = stale
    (one,) = first.deliver("project", [create()])
    (other,) = second.deliver("project", [create()])
    assert looked == {"clients", "projects", "tasks", "task_assignments", "user_assignments"}
    assert (other.ok, other.external_id, other.links) == (True, one.external_id, one.links)
    assert other.response["created"] == []


def test_default_tasks_that_harvest_adds_itself_are_found(account):
    """Harvest puts default tasks on each new project: to assign one again would be refused."""
    account.sandbox.store.rows["tasks"][9]["is_default"] = True
    (outcome,) = account.connector().deliver("project", [create()])
    assert outcome.ok, outcome.error
    assert f"{outcome.external_id}/9" == outcome.links["task:t1"]


def test_an_update_changes_only_what_differs(account):
    connector = account.connector()
    (made,) = connector.deliver("project", [create()])
    changed = Write(
        "key-2",
        "project",
        "update",
        made.external_id,
        {**VALUES, "name": "Rollout 2", "budget": Decimal("120.0")},
    )
    account.sandbox.journal.clear()
    (outcome,) = connector.deliver("project", [changed])
    assert outcome.ok and outcome.external_id == made.external_id
    (patch,) = account.calls("PATCH")
    assert json.loads(patch["body"]) == {"name": "Rollout 2", "budget": 120.0}
    assert not account.calls("POST")


def test_an_archived_client_is_taken_back(account):
    account.sandbox.store.rows["clients"][5]["is_active"] = False
    (outcome,) = account.connector().deliver(
        "project", [create(client={"name": " OTHER ", "key": "c5"}, code="P-9")]
    )
    assert outcome.ok, outcome.error
    assert outcome.links["customer:c5"] == "5"


def test_a_project_of_the_same_client_and_code_is_taken(account):
    (outcome,) = account.connector().deliver(
        "project", [create(client={"name": "Other", "key": "c5"})]
    )
    assert (outcome.ok, outcome.external_id) == (True, "11")


@pytest.mark.parametrize(
    ("write", "kind", "code"),
    [
        (Write("k", "project", "update", None, VALUES), "reference", "not_linked"),
        (Write("k", "project", "update", "404", VALUES), "reference", "not_found"),
        (Write("k", "project", "create", None, {"name": "x"}), "data", "client_missing"),
        (Write("k", "project", "create", None, {"client": {"name": ""}}), "data", "validation"),
        (Write("k", "project", "create", None, {"client": {"key": "x"}}), "schema", "bad_shape"),
        (Write("k", "project", "delete", "11", {}), "data", "not_supported"),
    ],
)
def test_what_cannot_be_set_up(account, write, kind, code):
    (outcome,) = account.connector().deliver("project", [write])
    assert (outcome.ok, outcome.error.kind, outcome.error.code) == (False, kind, code)


def test_faults_in_the_middle_are_told_by_kind(account):
    for fault, kind in (
        ({"kind": "status", "status": 429}, "rate"),
        ({"kind": "status", "status": 503}, "product_down"),
        ({"kind": "expired_token"}, "sign_in"),
    ):
        account.fault(**fault, path="task_assignments")
        (outcome,) = account.connector().deliver("project", [create()])
        assert (outcome.ok, outcome.error.kind) == (False, kind)
    account.sandbox.settings["role"] = "member"
    (outcome,) = account.connector().deliver("project", [create(name="Other name")])
    assert outcome.error.kind == "permission"
