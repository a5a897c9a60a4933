"""Toggl Track: days of work, timesheets, windows, quotas, projects and webhooks."""

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from test_contract_toggl import CLIENT, PROJECT, TASK, USER, entries, firm

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadBody, BadSignature, ConnectorError
from lead_to_cash_hub.connectors.http import Answer, Headers, Session
from lead_to_cash_hub.connectors.parts import WebhookRequest, Write
from lead_to_cash_hub.connectors.toggl_errors import from_answer
from sandbox.toggl import WORKSPACE, TogglSandbox

SECRET = "PGuRrhCFajIyEvFlreKL"  # of the published example
PING = (
    b'{"event_id":0,"created_at":"2022-06-25T03:58:10.207820267Z","creator_id":6,"metadata":'
    b'{"request_type":"POST","event_user_id":6},"payload":"ping","subscription_id":6}'
)
PING_SIGNATURE = "sha256=55343383e52a9cd2f56bd4e9fb5b6ce6982fb45955f26ea816cf7495d98c5fd2"
SETTINGS = {"account_id": str(WORKSPACE)}
VALUES = {
    "code": "C-0012",
    "name": "Rollout",
    "client": {"name": "Acme", "key": "c1"},
    "is_billable": True,
    "hourly_rate": Decimal("150.00"),
    "budget": Decimal("100"),
    "tasks": [
        {"key": "t1", "name": "Build", "hourly_rate": Decimal("160.55")},
        {"key": "t2", "name": "Travel"},
    ],
    "people": [
        {"key": "e1", "email": "ANN@firm.example", "hourly_rate": Decimal("90")},
        {"key": "e2", "email": "nobody@firm.example"},
    ],
    "active": True,
}


@pytest.fixture
def workspace(served):
    if "toggl" not in served:
        served["toggl"] = TogglSandbox().start()
    running = served["toggl"]
    running.sandbox.reset()

    def connector(**settings):
        made = get_connector_class("toggl")(
            Session(local_hosts=[running.host]),
            running.url,
            {**SETTINGS, **settings},
            {"api_token": "toggl-sandbox-token"},
            lambda: datetime.now(timezone.utc),
        )
        return made

    running.sandbox.connector = connector
    return running.sandbox


def drain(connector, entity, cursor, now):
    records, more = [], True
    while more:
        page = connector.poll(entity, json.loads(json.dumps(cursor)), now)
        records, cursor, more = records + page.records, page.cursor, page.more
    return records, cursor


def payloads(records):
    return {one.external_id: json.loads(one.payload, parse_float=Decimal) for one in records}


def send(connector, values, key=None, operation="create"):
    return connector.deliver("project", [Write("k", "project", operation, key, values)])[0]


# -- time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "clock", "day"),
    [
        ("Pacific/Auckland", "2026-01-05T13:30:00+00:00", "2026-01-06"),
        ("America/Los_Angeles", "2026-01-05T03:00:00+00:00", "2026-01-04"),
        ("UTC", "2026-01-05T23:59:59+00:00", "2026-01-05"),
    ],
)
def test_the_day_is_that_of_the_person_who_worked(workspace, zone, clock, day):
    firm(workspace, zone)
    at = datetime.fromisoformat(clock)
    (key,) = entries(workspace, 1, at)
    records, _cursor = drain(workspace.connector(), "time_entry", {}, at + timedelta(days=9))
    assert payloads(records)[key]["date"] == day


def test_an_entry_says_all_that_is_mapped(workspace, now):
    (key,) = entries(workspace, 1, now - timedelta(days=2), hours=1 / 3, hourly_rate_in_cents=15050)
    found = payloads(workspace.connector().fetch("time_entry", [key]).values())[key]
    assert found["project_task"] == f"{PROJECT}/{TASK}"
    assert (found["project_name"], found["task_name"]) == ("P0", "Design")
    assert (found["user_id"], found["user_name"]) == (str(USER), "Ann Lee")
    assert round(found["hours"] * 3600, 4) == 1200, "whole seconds can be had back"
    assert found["billed_rate"] == Decimal("150.5")
    assert (found["running"], found["approval_status"]) == (False, "open")


def test_an_entry_without_a_project_and_a_person_who_is_gone(workspace, now):
    (key,) = entries(workspace, 1, now - timedelta(days=2), project_id=None, task_id=None)
    del workspace.store.rows["users"][USER]
    found = payloads(
        workspace.connector(time_zone="Asia/Tokyo").fetch("time_entry", [key]).values()
    )
    assert (found[key]["project_id"], found[key]["project_task"]) == (None, None)
    assert (found[key]["user_id"], found[key]["time_zone"]) == (str(USER), "Asia/Tokyo")


def test_every_entity_is_polled_and_fetched(workspace, now):
    firm(workspace)
    for entity, key in (
        ("employee", str(USER)),
        ("customer", str(CLIENT)),
        ("project", str(PROJECT)),
        ("task", f"{PROJECT}/{TASK}"),
    ):
        connector = workspace.connector()
        records, _cursor = drain(connector, entity, {}, now)
        assert [record.external_id for record in records] == [key]
        assert connector.fetch(entity, [key, "999"])[key].payload == records[0].payload


def test_what_moves_with_each_tracked_hour_is_no_change_of_a_project(workspace, now):
    firm(workspace)
    before = workspace.connector().fetch("project", [str(PROJECT)])
    workspace.store.update("projects", PROJECT, {"actual_seconds": 999})
    assert workspace.connector().fetch("project", [str(PROJECT)]) == before


# -- approval ---------------------------------------------------------------------------------------


def test_what_lies_in_an_approved_timesheet_is_approved(workspace, now):
    monday = now - timedelta(days=now.weekday() + 7)
    keys = entries(workspace, 2, monday) + entries(workspace, 1, monday - timedelta(days=3))
    workspace.approve([int(keys[0])])
    found = payloads(drain(workspace.connector(), "time_entry", {}, now)[0])
    assert [found[key]["approval_status"] for key in keys] == ["approved", "approved", "open"]
    assert [found[key]["approver_id"] for key in keys] == [str(USER), str(USER), None]
    for state in ("submitted", "rejected", "reopened"):
        workspace.approve([int(keys[0])], state=state)
        found = payloads(workspace.connector().fetch("time_entry", keys).values())
        shown = "open" if state == "reopened" else state
        assert found[keys[1]]["approval_status"] == shown
        assert found[keys[1]]["approver_id"] is None


def test_the_timesheets_of_others_approve_nothing(workspace, now):
    (key,) = entries(workspace, 1, now - timedelta(days=2))
    workspace.seed(users=[{"id": 8, "name": "Bob", "email": "bob@firm.example"}])
    (other,) = entries(workspace, 1, now - timedelta(days=2), user_id=8)
    workspace.approve([int(other)])
    found = payloads(drain(workspace.connector(), "time_entry", {}, now)[0])
    assert (found[key]["approval_status"], found[other]["approval_status"]) == ("open", "approved")


@pytest.mark.parametrize("shape", ["list", "bare"])
def test_both_described_shapes_of_the_timesheets_are_read(workspace, now, shape, monkeypatch):
    (key,) = entries(workspace, 1, now - timedelta(days=2))
    workspace.approve([int(key)])
    told = workspace._timesheets

    def reshaped(request, space):
        body = told(request, space)
        return [body] if shape == "list" else body["data"]

    routes = [
        (method, pattern, reshaped if handler == told else handler)
        for method, pattern, handler in workspace.routes
    ]
    monkeypatch.setattr(workspace, "routes", routes)
    found = payloads(drain(workspace.connector(), "time_entry", {}, now)[0])
    assert found[key]["approval_status"] == "approved"


def test_an_old_period_is_seen_again_when_it_is_approved(workspace, now):
    (old,) = entries(workspace, 1, now - timedelta(days=60))
    entries(workspace, 1, now - timedelta(days=1))
    _records, cursor = drain(workspace.connector(), "time_entry", {}, now)
    quiet, cursor = drain(workspace.connector(), "time_entry", cursor, now)
    assert old not in payloads(quiet)
    workspace.approve([int(old)])
    found, _cursor = drain(workspace.connector(), "time_entry", cursor, now)
    assert payloads(found)[old]["approval_status"] == "approved"


def test_a_plan_without_approvals_still_gives_its_time(workspace, now):
    workspace.settings["approvals"] = False
    (key,) = entries(workspace, 1, now - timedelta(days=2))
    found = payloads(drain(workspace.connector(), "time_entry", {}, now)[0])
    assert found[key]["approval_status"] == "open"


def test_a_lost_right_to_timesheets_takes_no_approval_back(workspace, now):
    entries(workspace, 1, now - timedelta(days=2))
    workspace.faults.add({"kind": "status", "status": 403, "path": "/timesheets"})
    with pytest.raises(ConnectorError) as caught:
        drain(workspace.connector(), "time_entry", {}, now)
    assert (caught.value.kind, caught.value.code) == ("permission", "not_allowed")


def test_a_used_up_quota_is_no_missing_feature(workspace, now):
    """Both are 402: taken for the other, approved time would be shown as open."""
    entries(workspace, 1, now - timedelta(days=2))
    workspace.faults.add({"kind": "status", "status": 402, "path": "/timesheets"})
    with pytest.raises(ConnectorError) as caught:
        drain(workspace.connector(), "time_entry", {}, now)
    assert (caught.value.kind, caught.value.retry_after) == ("rate", 900.0)


# -- windows ----------------------------------------------------------------------------------------


def test_rows_that_slip_past_while_pages_are_turned_are_read_after_all(workspace, now):
    keys = entries(workspace, 1100, now - timedelta(days=5))
    connector, cursor, seen, turn, more = workspace.connector(), {}, set(), 0, True
    while more:
        page = connector.poll("time_entry", cursor, now)
        seen |= {record.external_id for record in page.records}
        cursor, more, turn = page.cursor, page.more, turn + 1
        if turn == 1:
            for key in keys[:3]:
                workspace.remove("time_entries", int(key))
    assert set(keys[3:]) <= seen


def test_a_report_that_gives_smaller_pages_than_asked_for_is_read_to_its_end(workspace, now):
    workspace.settings["page_size"] = 50
    keys = entries(workspace, 120, now - timedelta(days=5))
    records, _cursor = drain(workspace.connector(), "time_entry", {}, now)
    assert sorted(record.external_id for record in records) == sorted(keys)


def test_the_next_polls_are_short_and_once_a_day_they_reach_back(workspace, now):
    firm(workspace)
    _records, cursor = drain(workspace.connector(), "time_entry", {}, now)
    workspace.journal.clear()
    _records, cursor = drain(workspace.connector(), "time_entry", cursor, now)
    calls = [(call["method"], call["path"].rsplit("/", 1)[-1]) for call in workspace.journal]
    assert calls == [("GET", "timesheets"), ("POST", "time_entries")]
    assert json.loads(workspace.journal[-1]["body"])["start_date"] == str(
        (now - timedelta(days=24)).date()
    )
    workspace.journal.clear()
    drain(workspace.connector(), "time_entry", cursor, now + timedelta(days=1))
    assert json.loads(workspace.journal[-1]["body"])["start_date"] == str(
        (now - timedelta(days=91)).date()
    )


# -- proofs -----------------------------------------------------------------------------------------


def test_a_sweep_is_proved_by_the_sum_of_the_seconds(workspace, now):
    keys = entries(workspace, 3, now - timedelta(days=2))
    day = now.date()
    found = workspace.connector().sweep("time_entry", day - timedelta(days=9), day)
    assert found == set(keys)
    workspace.faults.add({"kind": "body", "body": '{"seconds": 2701}', "path": "totals"})
    with pytest.raises(ConnectorError) as caught:
        workspace.connector().sweep("time_entry", day - timedelta(days=9), day)
    assert caught.value.code == "listing_incomplete"


def test_a_listing_is_of_the_days_of_the_people(workspace):
    firm(workspace, "Pacific/Auckland")
    at = datetime(2026, 1, 5, 13, 30, tzinfo=timezone.utc)
    (key,) = entries(workspace, 1, at)

    def days(first, last):
        since, until = (
            datetime.combine(date.fromisoformat(day), datetime.min.time(), timezone.utc)
            for day in (first, last)
        )
        parts = workspace.connector().listing("time_entry", since, until)
        return [record.external_id for part in parts for record in part]

    assert days("2026-01-06", "2026-01-06") == [key]
    assert days("2026-01-05", "2026-01-05") == []


# -- errors, limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (402, b'"You have hit your hourly limit for API calls. The quota will reset in 133 seconds."',
         {}, ("rate", "rate_limited", 133.0)),
        (402, b"", {"X-Toggl-Quota-Remaining": "0", "X-Toggl-Quota-Resets-In": "42"},
         ("rate", "rate_limited", 42.0)),
        (402, b'"Approvals are a premium feature"', {"X-Toggl-Quota-Remaining": "12"},
         ("permission", "not_in_plan", None)),
        (429, b'"Too Many Requests"', {}, ("rate", "rate_limited", 5.0)),
        (403, b'"Incorrect username and/or password"', {}, ("sign_in", "token_invalid", None)),
        (403, b'"User does not have access to this resource"', {},
         ("permission", "not_allowed", None)),
        (401, b"unauthorized", {}, ("sign_in", "token_invalid", None)),
        (400, b'"Name has already been taken"', {}, ("conflict", "already_exists", None)),
        (400, b'"Project not found"', {}, ("reference", "not_found", None)),
        (400, b'"JSON is not valid"', {}, ("data", "validation", None)),
        (404, b"<html>", {}, ("schema", "unexpected_page", None)),
        (410, b'"This API version is gone"', {}, ("reference", "not_found", None)),
        (500, b'"Internal Server Error"', {}, ("product_down", "server_error", None)),
    ],
)  # fmt: skip
def test_the_words_of_an_error(status, body, headers, said):
    error = from_answer(Answer(status, Headers(headers), body), False)
    assert (error.kind, error.code, error.retry_after) == said


def test_what_is_left_of_the_quota_is_told(workspace, now):
    connector = workspace.connector()
    workspace.settings["quota"] = 240
    answer = connector.below("GET", "")
    (left,) = connector._allowances(answer)
    assert (left.remaining, left.most, left.seconds) == (239, 240, 1800.0)


# -- projects ---------------------------------------------------------------------------------------


def test_a_project_is_set_up_whole(workspace):
    firm(workspace)
    outcome = send(workspace.connector(), VALUES)
    assert outcome.ok, outcome.error
    project = workspace.store.rows["projects"][int(outcome.external_id)]
    assert (project["name"], project["rate"]) == ("Rollout [C-0012]", 150.0)
    assert (project["billable"], project["estimated_seconds"]) == (True, 360000)
    rows = workspace.store.rows["tasks"].values()
    mine = {row["name"]: row for row in rows if row["project_id"] == project["id"]}
    assert mine["Build"]["rate"] == 160.55 and mine["Travel"]["rate"] is None
    (member,) = workspace.store.rows["project_users"].values()
    assert (member["user_id"], member["rate"]) == (USER, 90.0)
    assert outcome.response["unknown_people"] == ["e2"]
    assert outcome.links["task:t1"] == f"{project['id']}/{mine['Build']['id']}"
    assert outcome.links["employee:e1"] == str(USER)
    assert outcome.links["customer:c1"] == str(project["client_id"])


def test_the_same_again_sends_nothing(workspace):
    firm(workspace)
    key = send(workspace.connector(), VALUES).external_id
    workspace.journal.clear()
    for known, operation in ((None, "create"), (key, "update")):
        outcome = send(workspace.connector(), VALUES, known, operation)
        assert outcome.ok and outcome.external_id == key
    assert {call["method"] for call in workspace.journal} == {"GET"}


def test_what_a_contract_does_not_say_is_not_sent(workspace):
    firm(workspace)
    silent = {
        **VALUES,
        "hourly_rate": "",
        "budget": "",
        "tasks": [{"name": "A", "hourly_rate": ""}],
    }
    outcome = send(workspace.connector(), silent)
    assert outcome.ok, outcome.error
    project = workspace.store.rows["projects"][int(outcome.external_id)]
    assert (project["rate"], project["estimated_seconds"]) == (None, None)


def test_another_project_of_the_same_name_is_not_taken(workspace):
    firm(workspace)
    (client,) = workspace.seed(clients=[{"name": "Acme"}])["clients"]
    for name in ("Rollout", "Rollout [C-00123]"):
        workspace.seed(projects=[{"name": name, "client_id": client}])
    outcome = send(workspace.connector(), VALUES)
    assert workspace.store.rows["projects"][int(outcome.external_id)]["name"].endswith("[C-0012]")
    assert len(workspace.store.rows["projects"]) == 4


def test_a_new_rate_begins_today(workspace):
    firm(workspace)
    key = send(workspace.connector(), VALUES).external_id
    workspace.journal.clear()
    outcome = send(workspace.connector(), {**VALUES, "hourly_rate": Decimal("155")}, key, "update")
    assert outcome.ok
    (call,) = (call for call in workspace.journal if call["method"] == "PUT")
    assert json.loads(call["body"]) == {"rate": 155.0, "rate_change_mode": "start-today"}


def test_a_closed_project_is_archived_and_comes_back(workspace):
    firm(workspace)
    key = send(workspace.connector(), VALUES).external_id
    project = workspace.store.rows["projects"][int(key)]
    for active in (False, False, True):
        outcome = send(workspace.connector(), {**VALUES, "active": active}, key, "update")
        assert outcome.ok and project["active"] is active


def test_an_archived_client_is_restored_for_a_new_project(workspace):
    firm(workspace)
    (client,) = workspace.seed(clients=[{"name": "Acme", "archived": True}])["clients"]
    outcome = send(workspace.connector(), VALUES)
    assert outcome.ok, outcome.error
    assert workspace.store.rows["clients"][client]["archived"] is False


def test_a_plan_that_cannot_hold_a_rate_is_a_persons_matter(workspace):
    firm(workspace)
    workspace.settings["paid"] = False
    outcome = send(workspace.connector(), VALUES)
    assert (outcome.error.kind, outcome.error.code) == ("permission", "not_in_plan")
    assert "paid plan" in outcome.error.params["message"]


# -- webhooks ---------------------------------------------------------------------------------------


def request(body, signature=None, secret=SECRET):
    signed = (
        signature
        or TogglSandbox().webhook_headers("", body, None, secret)["X-Webhook-Signature-256"]
    )
    return WebhookRequest(
        "POST", "https://hub.example/x", {"X-Webhook-Signature-256": signed}, body
    )


def verify(call, *secrets):
    return get_connector_class("toggl").verify(
        call, list(secrets or [SECRET]), SETTINGS, datetime.now(timezone.utc)
    )


def event(**changed):
    body = {
        "event_id": 4,
        "created_at": "2026-01-05T10:00:00Z",
        "subscription_id": 6,
        "metadata": {
            "action": "updated",
            "model": "time_entry",
            "workspace_id": str(WORKSPACE),
        },
        "payload": {"id": 77, "workspace_id": WORKSPACE},
    }
    return json.dumps({**body, **changed}).encode()


def test_the_published_ping_is_proved_and_ignored():
    (notice,) = verify(request(PING, PING_SIGNATURE))
    assert (notice.action, notice.reason) == ("ignored", "ping")
    for call in (request(PING + b" ", PING_SIGNATURE), request(PING, "sha256=00")):
        with pytest.raises(BadSignature):
            verify(call)


def test_secrets_of_several_subscriptions():
    assert verify(request(event(), secret="b"), "a b,c\nd")
    with pytest.raises(BadSignature):
        verify(request(event(), secret="e"), "a b,c\nd")


def test_a_ping_that_wants_the_address_validated_gets_its_code_back():
    cls = get_connector_class("toggl")
    body = json.loads(PING)
    call = request(json.dumps({**body, "validation_code": "abc-1_Z"}).encode())
    assert cls.reply(call) == (200, b'{"validation_code":"abc-1_Z"}', "application/json")
    for odd in ({"validation_code": "<b>"}, {"validation_code": 5}, {}):
        assert cls.reply(request(json.dumps({**body, **odd}).encode()))[1] == b""
    assert cls.reply(request(event(validation_code="abc")))[1] == b"", "no ping"


@pytest.mark.parametrize(
    ("model", "action", "entity", "kind"),
    [
        ("time_entry", "created", "time_entry", "change"),
        ("time_entry", "deleted", "time_entry", "delete"),
        ("project", "updated", "project", "change"),
        ("client", "created", "customer", "change"),
        ("client", "deleted", "time_entry", "ignored"),
        ("tag", "created", "time_entry", "ignored"),
    ],
)
def test_what_an_event_hints_at(model, action, entity, kind):
    said = {"action": action, "model": model, "workspace_id": str(WORKSPACE)}
    (notice,) = verify(request(event(metadata=said)))
    assert (notice.entity, notice.action, notice.external_id) == (entity, kind, "77")
    assert notice.event_key == verify(request(event(metadata=said)))[0].event_key
    assert notice.event_key != verify(request(event(metadata=said, event_id=5)))[0].event_key


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"metadata": {"action": "updated", "model": "time_entry", "workspace_id": "9"}}, 403),
        ({"metadata": {"action": "updated", "model": "time_entry"}, "payload": {"id": 7}}, 403),
        ({"payload": {"id": "../7", "workspace_id": WORKSPACE}}, 400),
        ({"payload": "pong"}, 400),
        ({"event_id": None}, 400),
    ],
)
def test_events_of_others_and_of_no_shape(changed, status):
    with pytest.raises(BadBody) as caught:
        verify(request(event(**changed)))
    assert caught.value.status == status


def test_the_sandbox_tells_what_happens_in_it(workspace, now):
    (key,) = entries(workspace, 1, now)
    workspace.remove("time_entries", int(key))
    actions = []
    for one in workspace.sender.events:
        body = workspace.webhook_body([one])
        notices = verify(request(body))
        actions += [(n.entity, n.external_id, n.action) for n in notices]
    assert actions == [("time_entry", key, "change"), ("time_entry", key, "delete")]
