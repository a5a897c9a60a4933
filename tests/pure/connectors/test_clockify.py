"""Clockify: days of work, approval, windows, deletions, projects and webhooks."""

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from test_contract_clockify import CATEGORY, CLIENT, PROJECT, TASK, USER, entries, firm

from lead_to_cash_hub.connectors import clockify_shapes as shapes
from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from sandbox.clockify import WORKSPACE, ClockifySandbox
from sandbox.faults import Fault

OTHER = f"{77:024x}"
TOKEN = "clockify-webhook-token-0123456789ab"
VALUES = {
    "code": "C-0012",
    "name": "Rollout",
    "note": "From the deal",
    "client": {"name": "Acme", "key": "c1"},
    "is_billable": True,
    "hourly_rate": Decimal("150.00"),
    "budget": Decimal("100"),
    "tasks": [
        {"key": "t1", "name": "Build", "billable": True, "hourly_rate": Decimal("160.55")},
        {"key": "t2", "name": "Travel", "billable": False},
    ],
    "people": [
        {"key": "e1", "email": "ANN@firm.example", "hourly_rate": Decimal("90")},
        {"key": "e2", "email": "nobody@firm.example"},
    ],
    "active": True,
}


@pytest.fixture
def workspace():
    with ClockifySandbox().start() as running:
        firm(running.sandbox)
        yield running


def connector(running, clock=None, **settings):
    return get_connector_class("clockify")(
        Session(local_hosts=[running.host]),
        running.url + "/api/v1",
        {"account_id": WORKSPACE, "live_mode": False, **settings},
        {"api_key": "clockify-sandbox-key"},
        clock or (lambda: datetime.now(timezone.utc)),
    )


def drain(one, entity, cursor, now):
    seen = []
    while True:
        page = one.poll(entity, json.loads(json.dumps(cursor or {})), now)
        seen += page.records
        cursor = page.cursor
        if not page.more:
            return seen, cursor


def states(records):
    """What was seen last of each."""
    return {r.external_id: json.loads(r.payload)["approvalStatus"] for r in records}


def calls(running, path):
    return [call for call in running.sandbox.journal if path in call["path"]]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


# -- the day of work -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "start", "day"),
    [
        # clocks go forward and back in Berlin: 23:30 is another UTC hour before and after
        ("Europe/Berlin", "2026-03-28T22:30:00", "2026-03-28"),
        ("Europe/Berlin", "2026-03-29T21:30:00", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "2026-03-30"),
        ("Europe/Berlin", "2026-10-25T22:30:00", "2026-10-25"),
        ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25"),
        # the last evening of a month is another month in UTC
        ("America/Los_Angeles", "2026-12-01T06:30:00", "2026-11-30"),
        ("Pacific/Auckland", "2026-11-30T11:00:00", "2026-12-01"),
        ("Asia/Kolkata", "2026-11-30T18:29:59", "2026-11-30"),
        ("Asia/Kolkata", "2026-11-30T18:30:00", "2026-12-01"),
    ],
)
def test_the_day_is_that_of_the_person_who_worked(workspace, zone, start, day):
    workspace.sandbox.store.rows["users"][USER]["timeZone"] = zone
    workspace.sandbox.settings["zone"] = "Pacific/Kiritimati"  # the key's owner sits elsewhere
    (key,) = entries(workspace.sandbox, 1, utc(start))
    one = connector(workspace)
    polled, _cursor = drain(one, "time_entry", {}, utc(start) + timedelta(days=3))
    read = one.fetch("time_entry", [key])[key]
    assert [json.loads(record.payload)["date"] for record in (*polled, read)] == [day, day]
    assert json.loads(read.payload)["start"] == start + "Z"


def test_hours_across_a_change_of_clocks_are_those_that_passed(workspace):
    workspace.sandbox.store.rows["users"][USER]["timeZone"] = "Europe/Berlin"
    # 01:30 to 03:30 by the clock on the wall: one hour
    (key,) = entries(workspace.sandbox, 1, utc("2026-03-29T00:30:00"), hours=1)
    payload = json.loads(connector(workspace).fetch("time_entry", [key])[key].payload)
    assert (payload["hours"], payload["date"]) == (1, "2026-03-29")


def test_a_person_without_a_zone_takes_the_accounts(workspace, now):
    workspace.sandbox.store.rows["users"][USER]["timeZone"] = None
    at = utc("2026-11-10T23:30:00")
    (key,) = entries(workspace.sandbox, 1, at)
    for settings, day in (({}, "2026-11-10"), ({"time_zone": "Europe/Berlin"}, "2026-11-11")):
        payload = json.loads(
            connector(workspace, **settings).fetch("time_entry", [key])[key].payload
        )
        assert payload["date"] == day


def test_durations():
    for text, seconds in (("PT1H30M", 5400), ("PT20M15S", 1215), ("P1DT1H", 90000), ("PT0S", 0)):
        assert shapes.seconds_of(text) == seconds
    assert shapes.seconds_of(5400) == 5400
    assert shapes.hours_of(Decimal(1200)) == Decimal("0.33333333")
    for text in ("", "PT", "P", "1:30", None, "PT1.5H", "-PT1H", True):
        with pytest.raises(ConnectorError):
            shapes.seconds_of(text)
    assert [shapes.duration_of(h) for h in (100, "7.5", "0.01", 0)] == [
        "PT100H",
        "PT7H30M",
        "PT36S",
        "PT0S",
    ]
    with pytest.raises(ConnectorError):
        shapes.duration_of(-1)


def test_every_second_is_kept(workspace, now):
    entries(workspace.sandbox, 1, now - timedelta(days=1), hours=1 / 3)
    (record,), _cursor = drain(connector(workspace), "time_entry", {}, now)
    hours = json.loads(record.payload, parse_float=Decimal)["hours"]
    assert round(hours * 3600) == 1200


# -- what is read --------------------------------------------------------------------------------------


def test_every_entity_is_polled_and_fetched(workspace, now):
    entries(workspace.sandbox, 1, now - timedelta(days=1))
    workspace.sandbox.seed(
        expenses=[
            {
                "userId": USER,
                "projectId": PROJECT,
                "categoryId": CATEGORY,
                "date": "2026-11-20",
                "total": 1234.5,
                "fileId": OTHER,
                "fileName": "taxi.pdf",
            }
        ]
    )
    one = connector(workspace)
    for entity in one.entities_in:
        records, _cursor = drain(one, entity, {}, now)
        assert len(records) == 1, entity
        assert one.fetch(entity, [records[0].external_id, OTHER, "../x"]) == {
            records[0].external_id: records[0]
        }, entity
    (expense,), _cursor = drain(one, "expense", {}, now)
    payload = json.loads(expense.payload, parse_float=Decimal)
    assert (payload["amount"], payload["categoryName"]) == (Decimal("12.345"), "Travel")
    assert payload["receiptId"] == OTHER


def test_an_entry_refers_to_its_task_as_the_link_names_it(workspace, now):
    entries(workspace.sandbox, 1, now - timedelta(days=1))
    one = connector(workspace)
    (entry,), _cursor = drain(one, "time_entry", {}, now)
    (task,), _cursor = drain(one, "task", {}, now)
    payload = json.loads(entry.payload)
    assert payload["project_task"] == task.external_id == f"{PROJECT}/{TASK}"
    assert (payload["projectName"], payload["taskName"]) == ("P0", "Design")


def test_people_are_told_without_what_they_set_up_for_themselves(workspace, now):
    workspace.sandbox.seed(
        users=[{"id": OTHER, "name": "Leaver", "email": "l@firm.example", "membership": "INACTIVE"}]
    )
    records, _cursor = drain(connector(workspace), "employee", {}, now)
    people = {row["name"]: row for row in (json.loads(r.payload) for r in records)}
    assert (people["Ann Lee"]["active"], people["Leaver"]["active"]) == (True, False)
    assert "profilePicture" not in people["Ann Lee"] and "settings" not in people["Ann Lee"]


def test_breaks_and_leave_are_no_work_and_a_timer_runs(workspace, now):
    at = now - timedelta(hours=5)
    for kind in ("BREAK", "TIME_OFF", "HOLIDAY"):
        entries(workspace.sandbox, 1, at, type=kind)
    (running,) = entries(workspace.sandbox, 1, at, end=None)
    one = connector(workspace)
    assert drain(one, "time_entry", {}, now)[0] == []
    payload = json.loads(one.fetch("time_entry", [running])[running].payload)
    assert (payload["running"], payload["hours"]) == (True, 0)


# -- approval ------------------------------------------------------------------------------------------


def test_what_the_report_says_of_approval(workspace, now):
    sandbox = workspace.sandbox
    keys = entries(sandbox, 1, now - timedelta(days=1))
    keys += entries(sandbox, 1, now - timedelta(days=2))
    keys += entries(sandbox, 1, now - timedelta(days=3))
    sandbox.approve(keys[:1], state="APPROVED")
    sandbox.seed(users=[{"id": OTHER, "name": "Bo", "email": "bo@firm.example"}])
    sandbox.store.update("time_entries", keys[1], {"userId": OTHER}, seed=True)
    sandbox.approve([keys[1]], state="PENDING")
    wanted = dict(zip(keys, ("APPROVED", "PENDING", "UNSUBMITTED"), strict=True))
    one = connector(workspace)
    assert states(drain(one, "time_entry", {}, now)[0]) == wanted
    assert states(one.fetch("time_entry", keys).values()) == wanted
    sandbox.approve(keys[:1], state="WITHDRAWN_APPROVAL")
    assert states(one.fetch("time_entry", keys[:1]).values()) == {keys[0]: "UNSUBMITTED"}


def test_who_approved_is_read_from_the_requests_once(workspace, now):
    sandbox = workspace.sandbox
    keys = entries(sandbox, 3, now - timedelta(days=1))
    sandbox.approve(keys[:2])
    one = connector(workspace)
    asked = []
    rows = one.rows

    def counted(path, query):
        asked.append(path)
        return rows(path, query)

    one.rows = counted
    records, _cursor = drain(one, "time_entry", {}, now)
    told = {r.external_id: json.loads(r.payload) for r in records}
    boss = next(iter(sandbox.store.rows["users"].values()))
    assert {key: told[key]["approverId"] for key in keys} == {
        keys[0]: boss["id"],
        keys[1]: boss["id"],
        keys[2]: None,
    }
    assert told[keys[0]]["approverName"] == boss["name"]
    assert asked.count("/approval-requests") == 1
    # a request that says nothing of itself names nobody, and is looked for once
    for request in sandbox.store.requests.values():
        del request["status"]["updatedBy"]
    again = connector(workspace)
    found = json.loads(again.fetch("time_entry", keys[:1])[keys[0]].payload)
    assert (found["approvalStatus"], found["approverId"]) == ("APPROVED", None)


def on_the_same_day(cursor, moment):
    """The cursor of a poll that looked far back that day: at midnight the next one would."""
    return {**cursor, "deep": moment.date().isoformat()}


def test_an_old_period_is_seen_again_when_it_is_approved(workspace, now):
    """Approved long after the window of each poll: the request tells of it."""
    old = entries(workspace.sandbox, 2, now - timedelta(days=80))
    one = connector(workspace)
    records, cursor = drain(one, "time_entry", {}, now)
    assert set(states(records).values()) == {"UNSUBMITTED"}
    soon = now + timedelta(minutes=5)
    records, cursor = drain(one, "time_entry", on_the_same_day(cursor, soon), soon)
    assert not set(old) & set(states(records)), "the short window does not reach so far"
    workspace.sandbox.approve(old[:1])
    soon = now + timedelta(minutes=10)
    records, cursor = drain(one, "time_entry", on_the_same_day(cursor, soon), soon)
    assert states(records)[old[0]] == "APPROVED"
    # What overlaps is read once more; an hour later by both clocks it is no longer.
    later = now + timedelta(minutes=60)
    cursor = {**cursor, "since": later.strftime("%Y-%m-%dT%H:%M:%SZ")}
    workspace.sandbox.journal.clear()
    soon = later + timedelta(minutes=5)
    drain(one, "time_entry", on_the_same_day(cursor, soon), soon)
    assert len(calls(workspace, "reports/detailed")) <= 4


def test_a_plan_without_approval_still_gives_its_entries(workspace, now):
    workspace.sandbox.settings["features"] = []
    keys = entries(workspace.sandbox, 2, now - timedelta(days=1))
    one = connector(workspace)
    _records, cursor = drain(one, "time_entry", {}, now)
    records, _cursor = drain(one, "time_entry", cursor, now + timedelta(minutes=5))
    assert states(records) == dict.fromkeys(keys, "UNSUBMITTED")


def test_expenses_carry_their_approval(workspace, now):
    row = {"userId": USER, "categoryId": CATEGORY, "total": 500}
    days = ("2026-11-20", "2026-11-21", "2024-02-29")
    keys = workspace.sandbox.seed(expenses=[{**row, "date": day} for day in days])["expenses"]
    workspace.sandbox.approve([keys[0], keys[2]], kind="expenses")
    one = connector(workspace)
    records, _cursor = drain(one, "expense", {}, now)
    wanted = dict(zip(keys, ("APPROVED", "UNSUBMITTED", "APPROVED"), strict=True))
    assert states(records) == wanted == states(one.fetch("expense", keys).values())


# -- windows -------------------------------------------------------------------------------------------


def test_the_first_load_goes_back_to_the_start_date_in_parts_that_every_plan_allows(workspace, now):
    workspace.sandbox.settings["report_days"] = 31  # the free plan
    keys = [
        entries(workspace.sandbox, 1, now - timedelta(days=days))[0] for days in range(1, 700, 29)
    ]
    one = connector(workspace, start_date=(now - timedelta(days=500)).date().isoformat())
    records, cursor = drain(one, "time_entry", {}, now)
    young = [key for number, key in enumerate(keys) if 1 + 29 * number <= 500]
    assert sorted(states(records)) == sorted(young)
    assert set(cursor) == {"deep", "since"}


def test_the_next_polls_are_short_and_once_a_day_they_reach_back(workspace, now):
    old = entries(workspace.sandbox, 1, now - timedelta(days=80))
    one = connector(workspace)
    _records, cursor = drain(one, "time_entry", {}, now)
    workspace.sandbox.journal.clear()
    records, cursor = drain(one, "time_entry", cursor, now + timedelta(minutes=5))
    assert (records, len(calls(workspace, "reports/detailed"))) == ([], 4)
    workspace.sandbox.store.update("time_entries", old[0], {"description": "later"}, seed=True)
    records, _cursor = drain(one, "time_entry", cursor, now + timedelta(days=1))
    assert set(states(records)) == set(old)


def test_rows_that_slip_past_while_pages_are_turned_are_read_after_all(workspace, now):
    keys = entries(workspace.sandbox, 1100, now - timedelta(days=2))
    one = connector(workspace)
    page = one.poll("time_entry", {}, now)
    # one of the first page goes: all others move up by one, one of them out of sight
    workspace.sandbox.store.delete("time_entries", keys[3])
    records, _cursor = drain(one, "time_entry", page.cursor, now)
    seen = set(states([*page.records, *records]))
    assert seen >= set(keys) - {keys[3]}


def test_a_run_that_was_under_way_at_the_update_goes_on_where_it_stood(workspace, now):
    keys = entries(workspace.sandbox, 1100, now - timedelta(days=2))
    page = connector(workspace).poll("time_entry", {}, now)
    former = dict(page.cursor)
    former["todo"] = former.pop("windows")  # as up to 19.0.1.2.0
    records, cursor = drain(connector(workspace), "time_entry", former, now)
    assert set(states([*page.records, *records])) == set(keys)
    assert len(states(records)) < len(keys), "what was read is not read again"
    assert set(cursor) == {"deep", "since"}


def test_the_reports_of_a_region_and_of_the_world(workspace):
    for base, reports in (
        ("https://api.clockify.me/api/v1", "https://reports.api.clockify.me/v1"),
        ("https://euc1.clockify.me/api/v1", "https://euc1.clockify.me/report/v1"),
        ("https://firm.clockify.me/api/v1", "https://firm.clockify.me/report/v1"),
        # a host that only looks like it gets no key of ours from here
        (
            "https://api.clockify.me.evil.example/api",
            "https://api.clockify.me.evil.example/report/v1",
        ),
    ):
        one = get_connector_class("clockify")(Session(), base, {}, {}, None)
        assert one.entries.address() == reports


def test_the_developer_environment_is_no_production(workspace, monkeypatch):
    for live, wanted in ((True, [False]), (False, [True])):
        one = connector(workspace, live_mode=live)
        monkeypatch.setattr(
            one.session, "join", lambda base, path: workspace.url + "/api/v1" + path
        )
        one.base_url = "https://developer.clockify.me/api/v1"
        monkeypatch.setattr(one.entries, "address", lambda: workspace.url + "/report/v1")
        items = one.check()
        assert [item.ok for item in items if item.code == "environment"] == wanted


# -- deletions, proofs -----------------------------------------------------------------------------------


def test_a_sweep_is_proved_by_the_reports_own_count(workspace, now):
    keys = entries(workspace.sandbox, 3, now - timedelta(days=40))
    workspace.sandbox.approve(keys[:1])
    day = (now - timedelta(days=40)).date()
    one = connector(workspace)
    assert one.sweep("time_entry", day, day) == set(keys)
    workspace.sandbox.store.delete("time_entries", keys[0])
    assert one.sweep("time_entry", day - timedelta(days=45), day) == set(keys[1:])


@pytest.mark.parametrize("entity", ["time_entry", "expense"])
def test_a_listing_that_does_not_add_up_is_none(workspace, now, entity):
    entries(workspace.sandbox, 2, now - timedelta(days=1))
    row = {"userId": USER, "categoryId": CATEGORY, "total": 5, "date": now.date().isoformat()}
    workspace.sandbox.seed(expenses=[row, row])
    one = connector(workspace)
    listed = [r for part in one.listing(entity, now - timedelta(days=2), now) for r in part]
    assert len(listed) == 2
    body = (
        {"timeentries": [], "totals": [{"entriesCount": 2}]}
        if entity == "time_entry"
        else {"expenses": {"expenses": [], "count": 2}}
    )
    for read in (
        lambda: list(one.listing(entity, now - timedelta(days=2), now)),
        lambda: one.sweep(entity, now.date() - timedelta(days=2), now.date()),
    ):
        workspace.sandbox.faults.clear()
        workspace.sandbox.faults.add({"kind": "body", "body": json.dumps(body), "times": 2})
        with pytest.raises(ConnectorError) as caught:
            read()
        assert caught.value.code == "listing_incomplete"


def test_a_listing_is_of_the_days_of_the_people(workspace):
    workspace.sandbox.store.rows["users"][USER]["timeZone"] = "Pacific/Auckland"
    entries(workspace.sandbox, 1, utc("2026-11-09T10:59:00"))  # the 9th, 23:59
    inside = entries(workspace.sandbox, 1, utc("2026-11-09T11:00:00"))  # the 10th
    inside += entries(workspace.sandbox, 1, utc("2026-11-10T10:59:00"))
    entries(workspace.sandbox, 1, utc("2026-11-10T11:00:00"))
    noon = utc("2026-11-10T12:00:00")
    found = [r for part in connector(workspace).listing("time_entry", noon, noon) for r in part]
    assert {record.external_id for record in found} == set(inside)


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"message": "Project doesn't belong to Workspace", "code": 501}, "reference", "not_found"),
        (400, {"message": "Project name is required", "code": 501}, "data", "validation"),
        (400, {"message": "Client with this name already exists", "code": 501}, "conflict", "already_exists"),
        (403, {"message": "Time entry is locked", "code": 4005}, "conflict", "locked"),
        (403, {"message": "Access Denied", "code": 403}, "permission", "not_allowed"),
        (403, {"message": "Feature is not in your plan", "code": 4033}, "permission", "not_allowed"),
        (401, {"message": "Api key does not exist", "code": 4003}, "sign_in", "token_invalid"),
        (401, {"message": "Multiple or none auth tokens present", "code": 1000}, "sign_in", "token_missing"),
        (404, {"message": "No static resource x.", "code": 3000}, "reference", "not_found"),
        (429, {"message": "Too many requests", "code": 429}, "rate", "rate_limited"),
    ],
)  # fmt: skip
def test_the_number_and_the_words_of_an_error(workspace, monkeypatch, status, body, kind, code):
    answer = json.dumps(body)
    monkeypatch.setattr(
        Fault, "before", lambda *_args: __import__("werkzeug").Response(answer, status)
    )
    workspace.sandbox.faults.add({"kind": "status", "times": 9})
    with pytest.raises(ConnectorError) as caught:
        connector(workspace)._call("GET", "/user")
    assert (caught.value.kind, caught.value.code) == (kind, code)


def test_an_owner_is_an_administrator_too(workspace):
    for role, wanted in (("OWNER", True), ("WORKSPACE_ADMIN", True), ("PROJECT_MANAGER", False)):
        workspace.sandbox.settings["role"] = role
        (line,) = (item for item in connector(workspace).check() if item.code == "role")
        assert line.ok is wanted


def test_a_key_of_another_workspace_is_named(workspace):
    items = connector(workspace, account_id=OTHER).check()
    (line,) = (item for item in items if item.code == "account")
    assert (line.ok, line.params["kind"]) == (False, "permission")


# -- writing ---------------------------------------------------------------------------------------------


def deliver(running, external_id=None, operation="create", **changes):
    write = Write("key-1", "project", operation, external_id, {**VALUES, **changes})
    (outcome,) = connector(running).deliver("project", [write])
    return outcome


def rows(running, kind):
    return running.sandbox.store.rows[kind]


def test_a_project_is_set_up_whole(workspace):
    outcome = deliver(workspace)
    assert outcome.ok, outcome.error
    project = rows(workspace, "projects")[outcome.external_id]
    assert project["note"] == "From the deal [C-0012]"
    assert project["hourlyRate"]["amount"] == 15000
    assert project["timeEstimate"] == {"active": True, "type": "MANUAL", "estimate": "PT100H"}
    tasks = {
        t["name"]: t for t in rows(workspace, "tasks").values() if t["projectId"] == project["id"]
    }
    assert tasks["Build"]["hourlyRate"]["amount"] == 16055
    assert (tasks["Build"]["billable"], tasks["Travel"]["billable"]) == (True, False)
    (member,) = project["memberships"]
    assert (member["userId"], member["hourlyRate"]["amount"]) == (USER, 9000)
    assert outcome.response["unknown_people"] == ["e2"]
    assert outcome.links == {
        "customer:c1": project["clientId"],
        "task:t1": f"{project['id']}/{tasks['Build']['id']}",
        "task:t2": f"{project['id']}/{tasks['Travel']['id']}",
        "employee:e1": USER,
    }


def test_a_contract_of_several_rates_or_none_has_no_rate_of_the_project(workspace):
    outcome = deliver(workspace, hourly_rate="", budget="")
    assert outcome.ok, outcome.error
    project = rows(workspace, "projects")[outcome.external_id]
    assert "hourlyRate" not in project or not (project["hourlyRate"] or {}).get("amount")
    assert not (project.get("timeEstimate") or {}).get("active")


def test_the_same_again_sends_nothing(workspace):
    first = deliver(workspace)
    workspace.sandbox.journal.clear()
    for known in (None, first.external_id):
        again = deliver(workspace, known)
        assert (again.ok, again.external_id) == (True, first.external_id)
    assert {call["method"] for call in workspace.sandbox.journal} == {"GET"}


def test_two_workers_that_make_the_same_at_once_make_it_once(workspace):
    """The second one has looked before the first one made anything."""
    second = connector(workspace)
    real, looked = second.every, set()

    def stale(path, query):
        rows = real(path, query)
        place = path.rsplit("/", 1)[-1]
        if place == "users" or place in looked:
            return rows
        looked.add(place)
        return []

    second.every = stale
    one = deliver(workspace)
    (other,) = second.deliver("project", [Write("key-2", "project", "create", None, VALUES)])
    assert looked == {"clients", "projects", "tasks"}
    assert (other.ok, other.external_id, other.links) == (True, one.external_id, one.links)
    assert other.response["created"] == []


def test_another_project_of_the_same_name_is_not_taken(workspace):
    rows(workspace, "clients")[CLIENT]["name"] = "Acme"
    rows(workspace, "projects")[PROJECT].update(name="Rollout", note="made by hand [C-00123]")
    outcome = deliver(workspace)
    assert (outcome.ok, outcome.error.code) == (False, "already_exists")


def test_a_change_leaves_alone_what_is_not_ours(workspace):
    outcome = deliver(workspace)
    project = rows(workspace, "projects")[outcome.external_id]
    project.update(color="#ff0000", public=False)
    rows(workspace, "clients")[project["clientId"]].update(ccEmails=["a@b.example"], archived=True)
    changed = deliver(workspace, outcome.external_id, "update", name="Rollout II")
    assert changed.ok, changed.error
    assert (project["name"], project["color"], project["public"]) == (
        "Rollout II",
        "#ff0000",
        False,
    )
    client = rows(workspace, "clients")[project["clientId"]]
    assert (client["archived"], client["ccEmails"]) == (False, ["a@b.example"])


def test_a_closed_project_is_archived_and_comes_back(workspace):
    key = deliver(workspace).external_id
    assert deliver(workspace, key, "update", active=False).ok
    assert rows(workspace, "projects")[key]["archived"]
    workspace.sandbox.journal.clear()
    assert deliver(workspace, key, "update", active=False, name="Other").ok
    assert {call["method"] for call in workspace.sandbox.journal} == {"GET"}
    assert deliver(workspace, key, "update", active=True).ok
    assert not rows(workspace, "projects")[key]["archived"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_whichever_answer_is_lost_nothing_stands_twice(workspace, method):
    lost = 0
    for _turn in range(30):
        workspace.sandbox.faults.add({"kind": "reset_after", "method": method})
        outcome = deliver(workspace)
        left = bool(workspace.sandbox.faults.queue)
        workspace.sandbox.faults.clear()
        assert outcome.ok or outcome.error.kind == "unknown", outcome.error
        if outcome.ok and left:
            break
        lost += 1
    assert lost, "no answer was lost at all"
    names = [
        row["name"]
        for kind in ("projects", "clients", "tasks")
        for row in rows(workspace, kind).values()
    ]
    assert sorted(names) == ["Acme", "Build", "Design", "Other", "P0", "Rollout", "Travel"]
    assert len(rows(workspace, "projects")[outcome.external_id]["memberships"]) == 1


@pytest.mark.parametrize("values", [{"budget": "many"}, {"hourly_rate": "x"}, {"tasks": [{}]}])
def test_what_cannot_be_read_goes_to_a_person(workspace, values):
    outcome = deliver(workspace, **values)
    assert not outcome.ok and not outcome.error.transient


# -- webhooks --------------------------------------------------------------------------------------------


def hook(event="TIME_ENTRY_UPDATED", token=TOKEN, **body):
    headers = {"Clockify-Signature": token, "clockify-webhook-event-type": event}
    content = json.dumps({"id": OTHER, "workspaceId": WORKSPACE, **body}).encode()
    return WebhookRequest("POST", "https://hub.example/hub/webhook/x", headers, content)


def verify(request, secrets=(TOKEN,), at=None, **settings):
    at = at or utc("2026-11-26T10:00:00")
    settings = {"account_id": WORKSPACE, **settings}
    return get_connector_class("clockify").verify(request, list(secrets), settings, at)


def test_a_webhook_of_the_sandbox_comes_through_the_door(workspace, door, now):
    (key,) = entries(workspace.sandbox, 1, now - timedelta(days=1))
    workspace.sandbox._changed("time_entries", key, {"description": "later"}, seed=True)
    workspace.sandbox._gone("time_entries", key)
    deliveries = workspace.sandbox.sender.deliver({"url": door.url})["deliveries"]
    assert [one["status"] for one in deliveries] == [200, 200]
    told = [verify(request, at=now)[0] for request in door.requests]
    assert [(n.entity, n.external_id, n.kind, n.action) for n in told] == [
        ("time_entry", key, "notice", "change"),
        ("time_entry", key, "event", "delete"),
    ]
    workspace.sandbox.sender.deliver({"url": door.url, "again": True, "signature": "wrong"})
    with pytest.raises(BadSignature):
        verify(door.requests[-1])


def test_tokens_of_several_webhooks(workspace):
    secret = f"first-token-of-a-webhook\n{TOKEN}, third"
    assert verify(hook(), [secret])
    assert verify(hook(token="third"), ["old", secret])
    for token in ("", "first-token", f"{TOKEN}x", secret, "first-token-of-a-webhook\n"[:-2]):
        with pytest.raises(BadSignature):
            verify(hook(token=token), [secret])
    for secrets in ([], [""], ["  "], [","]):
        with pytest.raises(BadSignature):
            verify(hook(token=""), secrets)
        with pytest.raises(BadSignature):
            verify(hook(), secrets)


def test_a_change_that_is_taken_back_is_told_again_and_a_repeat_is_not():
    first, again = verify(hook()), verify(hook(), at=utc("2026-11-26T10:00:40"))
    later = verify(hook(), at=utc("2026-11-26T10:07:00"))
    assert first[0].event_key == again[0].event_key != later[0].event_key


def test_events_of_others_and_of_no_concern():
    with pytest.raises(BadBody) as caught:
        verify(hook(workspaceId=OTHER))
    assert (caught.value.status, caught.value.code) == (403, "other_account")
    with pytest.raises(BadBody):
        verify(hook(id="../../x"))
    with pytest.raises(BadBody):
        verify(hook(event="no event"))
    for event in ("APPROVAL_REQUEST_STATUS_UPDATED", "NEW_TAG", "NEW_TIMER_STARTED", "UNHEARD_OF"):
        (notice,) = verify(hook(event=event))
        assert (notice.action, notice.reason) == ("ignored", event)
    (notice,) = verify(hook("EXPENSE_UPDATED", expenseId=USER))
    assert (notice.entity, notice.external_id) == ("expense", USER)


def test_the_day_of_a_sweep_is_wide_enough_for_every_zone(workspace):
    day = date(2026, 11, 10)
    for zone, start in (
        ("Pacific/Kiritimati", "2026-11-09T10:30:00"),
        ("Pacific/Niue", "2026-11-11T10:30:00"),
    ):
        workspace.sandbox.store.rows["users"][USER]["timeZone"] = zone
        (key,) = entries(workspace.sandbox, 1, utc(start))
        assert json.loads(connector(workspace).fetch("time_entry", [key])[key].payload)[
            "date"
        ] == str(day)
        assert key in connector(workspace).sweep("time_entry", day, day)
