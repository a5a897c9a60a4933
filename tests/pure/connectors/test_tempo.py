"""Tempo with Jira: worklogs, accounts, deletions, two addresses, and accounts that are set up."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from test_contract_tempo import (
    ACCOUNT,
    BOB,
    ISSUE,
    USER,
    TempoSubject,
    firm,
    open_site,
    without,
    worklogs,
)

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import ConnectorError
from lead_to_cash_hub.connectors.http import Answer, Headers, Session
from lead_to_cash_hub.connectors.parts import Write
from lead_to_cash_hub.connectors.tempo_errors import from_answer
from sandbox.tempo_store import SITE

ADMIN = "557058:admin"
VALUES = {
    "code": "C-0012",
    "name": "Rollout",
    "client": {"name": "Acme", "key": "c1"},
    "is_billable": True,
    "hourly_rate": Decimal("150.00"),
    "tasks": [{"key": "t1", "name": "Build"}],
    "active": True,
}


@pytest.fixture
def site(served):
    return open_site(served)


def drain(connector, entity, cursor, now):
    records, more = [], True
    while more:
        page = connector.poll(entity, json.loads(json.dumps(cursor)), now)
        records, cursor, more = records + page.records, page.cursor, page.more
    return records, cursor


def payloads(records):
    return {one.external_id: json.loads(one.payload, parse_float=Decimal) for one in records}


def read(site, now):
    return payloads(drain(site.connector(), "time_entry", {}, now)[0])


def calls(site, path):
    return [call for call in site.journal if path in call["path"]]


def send(connector, values, key=None, operation="create"):
    return connector.deliver("project", [Write("k", "project", operation, key, values)])[0]


# -- time -------------------------------------------------------------------------------------------


def test_a_start_far_ahead_is_no_fault_and_the_first_run_is_still_to_come(site, now):
    settings = {"start_date": (now + timedelta(days=90)).date().isoformat()}
    assert drain(site.connector(**settings), "time_entry", {}, now) == ([], {})


def test_a_worklog_says_all_that_is_mapped(site, now):
    day = now - timedelta(days=2)
    (key,) = worklogs(site, 1, day, 1200, billableSeconds=600, description="calls")
    found = payloads(site.connector().fetch("time_entry", [key]).values())[key]
    assert (found["project_id"], found["project_name"]) == (str(ACCOUNT), "P zero")
    assert (found["issue_key"], found["issue_summary"]) == ("PRO-1", "Design")
    assert (found["jira_project"], found["note"]) == ("PRO", "PRO-1 Design: calls")
    assert (found["user_id"], found["user_name"]) == (USER, "Ann Lee")
    assert found["date"] == day.date().isoformat()
    assert round(found["hours"] * 3600, 4) == 1200, "whole seconds can be had back"
    assert round(found["billable_hours"] * 3600, 4) == 600
    assert (found["billable"], found["approval_status"]) == (True, "OPEN")


@pytest.mark.parametrize(
    ("seconds", "billable", "hours"), [(0, False, 0), (None, None, None), (900, True, 0.25)]
)
def test_what_is_to_be_billed_is_no_guess(site, now, seconds, billable, hours):
    (key,) = worklogs(site, 1, now, billableSeconds=seconds)
    found = read(site, now)[key]
    assert (found["hours"], found["billable"], found["billable_hours"]) == (0.25, billable, hours)


def test_a_worklogs_own_account_counts_before_its_issues(site, now):
    firm(site)
    values = {"id": 8, "key": "P8", "name": "P eight", "leadAccountId": USER, "status": "ARCHIVED"}
    site.seed(accounts=[values])
    own, other = worklogs(site, 1, now, account=8) + worklogs(site, 1, now)
    assert read(site, now)[own]["project_id"] == str(ACCOUNT), "the attribute is not of the kind"
    site.settings["account_attribute"] = True
    found = read(site, now)
    assert [found[key]["project_id"] for key in (own, other)] == ["8", str(ACCOUNT)]


def test_an_issue_without_an_account_or_hidden_from_us_stops_nothing(site, now):
    firm(site)
    site.seed(issues=[{"id": 10012, "key": "PRO-2", "summary": "None"}])
    bare, hidden = worklogs(site, 1, now, issue=10012) + worklogs(site, 1, now, issue=99)
    found = read(site, now)
    assert (found[bare]["project_id"], found[bare]["issue_key"]) == (None, "PRO-2")
    assert (found[hidden]["project_id"], found[hidden]["issue_key"]) == (None, None)
    assert found[hidden]["issue_id"] == "99"


def test_issues_are_read_together_and_once(site, now):
    firm(site)
    for number in range(250):
        site.seed(issues=[{"id": 20000 + number, "key": f"PRO-{number + 9}"}])
        worklogs(site, 1, now, issue=20000 + number)
    assert len(read(site, now)) == 250
    assert len(calls(site, "bulkfetch")) == 3
    assert len(calls(site, "/field")) == len(calls(site, "/accounts/search")) == 1


def test_every_list_is_polled_and_fetched(site, now):
    firm(site)
    site.seed(users=[BOB, {"accountId": "qm:help", "accountType": "customer", "displayName": "C"}])
    for entity, keys in (
        ("employee", [USER, BOB["accountId"]]),
        ("customer", ["5"]),
        ("project", [str(ACCOUNT)]),
    ):
        connector = site.connector()
        records, _cursor = drain(connector, entity, {}, now)
        assert [record.external_id for record in records] == keys
        assert connector.fetch(entity, [keys[0], "999"])[keys[0]].payload == records[0].payload
    found = payloads(drain(site.connector(), "employee", {}, now)[0])
    assert [one["email"] for one in found.values()] == ["ann@firm.example", None], "hidden"


# -- windows ----------------------------------------------------------------------------------------


def test_the_next_polls_are_short_and_once_a_day_they_reach_back(site, now):
    firm(site)
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    site.journal.clear()
    _records, cursor = drain(site.connector(), "time_entry", cursor, now)
    (asked,) = [call["query"] for call in calls(site, "/4/worklogs")]
    assert f"updatedFrom={(now - timedelta(days=1, seconds=300)).date()}" in asked
    assert "from=" not in asked.replace("updatedFrom=", ""), "it goes with no other filter"
    site.journal.clear()
    drain(site.connector(), "time_entry", cursor, now + timedelta(days=1))
    firsts = [call["query"].split("&")[0] for call in calls(site, "/4/worklogs")]
    assert f"from={(now - timedelta(days=91)).date()}" in firsts


def test_another_account_of_an_issue_is_seen_within_a_day(site, now):
    (key,) = worklogs(site, 1, now - timedelta(days=60))
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    site.store.update("issues", ISSUE, {"account": None})
    found, _cursor = drain(site.connector(), "time_entry", cursor, now + timedelta(days=1))
    assert payloads(found)[key]["project_id"] is None


def test_rows_that_slip_past_while_pages_are_turned_are_read_after_all(site, now):
    keys = worklogs(site, 1100, now - timedelta(days=5))
    connector, cursor, seen, turn, more = site.connector(), {}, set(), 0, True
    while more:
        page = connector.poll("time_entry", cursor, now)
        seen |= {record.external_id for record in page.records}
        cursor, more, turn = page.cursor, page.more, turn + 1
        if turn == 1:
            for key in keys[:3]:
                site.store.delete("worklogs", int(key))
    assert set(keys[3:]) <= seen


def test_a_long_listing_has_each_worklog_once(site, now):
    days = [now - timedelta(days=number) for number in range(200)]
    keys = [worklogs(site, 1, day)[0] for day in days]
    parts = list(site.connector().listing("time_entry", days[-1], now))
    assert sorted(record.external_id for part in parts for record in part) == sorted(keys)
    assert len(calls(site, "/4/worklogs")) == 3


def test_a_listing_is_proved_by_rows_that_stand_still(site, now):
    keys = worklogs(site, 600, now - timedelta(days=5)) + worklogs(site, 1, now)
    connector = site.connector()
    since, until = now - timedelta(days=9), now - timedelta(days=1)
    parts = list(connector.listing("time_entry", since, until))
    assert {record.external_id for part in parts for record in part} == set(keys[:600])
    with pytest.raises(ConnectorError) as caught:
        for turn, _part in enumerate(connector.listing("time_entry", since, until)):
            if not turn:
                site.store.delete("worklogs", int(keys[0]))
    assert caught.value.code == "listing_incomplete"


# -- deletions --------------------------------------------------------------------------------------


def test_all_pages_of_the_audit_are_read_and_the_next_time_the_rest(site, now):
    keys = worklogs(site, 1100, now)
    for key in keys[:1050]:
        site.store.delete("worklogs", int(key))
    connector, cursor, found, more = site.connector(), {}, [], True
    while more:
        page = connector.poll_deleted("time_entry", json.loads(json.dumps(cursor)), now)
        found, cursor, more = found + page.records, page.cursor, page.more
    assert [record.external_id for record in found] == keys[:1050]
    assert all(record.deleted and record.changed_at for record in found)
    assert set(cursor) == {"since"} and cursor["since"].endswith("Z")
    site.store.deleted.clear()
    site.store.delete("worklogs", int(keys[-1]))
    page = connector.poll_deleted("time_entry", cursor, now)
    assert [record.external_id for record in page.records] == keys[-1:]


def test_a_token_that_may_not_see_the_audit_does_not_stop_the_time(site, now):
    site.settings.update(without("audit"))
    page = site.connector().poll_deleted("time_entry", {"since": "2026-01-05T00:00:00Z"}, now)
    assert (page.records, page.more) == ([], False)
    assert page.cursor == {"since": "2026-01-05T00:00:00Z"}, "nothing was seen since"


# -- two addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "tempo", "jira"),
    [
        ("https://firm.atlassian.net", "https://api.tempo.io/4/teams",
         "https://firm.atlassian.net/rest/api/3/myself"),
        ("https://api.atlassian.com/ex/jira/8f1c", "https://api.tempo.io/4/teams",
         "https://api.atlassian.com/ex/jira/8f1c/rest/api/3/myself"),
        ("https://atlassian.net.evil.example", "https://atlassian.net.evil.example/4/teams",
         "https://atlassian.net.evil.example/rest/api/3/myself"),
    ],
)  # fmt: skip
def test_each_token_goes_to_its_own_product(address, tempo, jira):
    seen = []

    class Recorder(Session):
        def call(self, method, url, *, headers=None, **options):
            seen.append((url, headers["Authorization"].split(" ")[0]))
            return Answer(200, Headers(), b"{}")

    made = get_connector_class("tempo")(
        Recorder(), address, {}, TempoSubject.secrets, lambda: datetime.now(timezone.utc)
    )
    made.tempo("GET", "/teams")
    made.jira("GET", "/myself")
    assert seen == [(tempo, "Bearer"), (jira, "Basic")]


def test_a_token_of_another_site_is_noticed(site, now):
    worklogs(site, 1, now)
    told = site._server
    site.settings["site"] = "other.atlassian.net"
    routes = [
        (method, pattern, (lambda request: {"baseUrl": f"https://{SITE}"}) if h == told else h)
        for method, pattern, h in site.routes
    ]
    kept, site.routes = site.routes, routes
    try:
        failed = [item for item in site.connector().check() if not item.ok]
    finally:
        site.routes = kept
    assert [(item.code, item.params["error"]) for item in failed] == [("account", "other_account")]


# -- errors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "headers", "said"),
    [
        (429, b"", {}, ("rate", "rate_limited", 5.0)),
        (429, b"{}", {"Retry-After": "11"}, ("rate", "rate_limited", 11.0)),
        (401, b"<html>", {}, ("sign_in", "token_invalid", None)),
        (403, b"<html>", {}, ("permission", "not_allowed", None)),
        (404, b'{"errors": {"message": "Account \'xyz\' not found"}}', {},
         ("reference", "not_found", None)),
        (404, b"<html>", {}, ("schema", "unexpected_page", None)),
        (400, b'{"errors": [{"message": "Account with key \'A\' already exists"}]}', {},
         ("conflict", "already_exists", None)),
        (400, b'{"errors": {"message": "Customer \'A\' not found"}}', {},
         ("reference", "not_found", None)),
        (400, b'{"errorMessages": [], "errors": {"project": "is required"}}', {},
         ("data", "validation", None)),
        (503, b"<html>", {"Retry-After": "9"}, ("product_down", "server_error", 9.0)),
        (409, b'{"errors": {"message": "locked"}}', {}, ("conflict", "conflict", None)),
    ],
)  # fmt: skip
def test_the_words_of_an_error(status, body, headers, said):
    error = from_answer(Answer(status, Headers(headers), body), False)
    assert (error.kind, error.code, error.retry_after) == said


def test_a_refusal_says_what_the_product_said():
    body = b'{"errorMessages": ["No project"], "errors": {"name": "too long"}}'
    error = from_answer(Answer(400, Headers(), body), True)
    assert error.params == {"message": "No project; too long"}


# -- accounts ---------------------------------------------------------------------------------------


def test_an_account_is_set_up_with_its_customer(site):
    outcome = send(site.connector(), VALUES)
    assert outcome.ok, outcome.error
    account = site.store.rows["accounts"][int(outcome.external_id)]
    assert (account["key"], account["name"], account["status"]) == ("C-0012", "Rollout", "OPEN")
    assert (account["leadAccountId"], account["global"]) == (ADMIN, False)
    (customer,) = site.store.rows["customers"].values()
    assert (customer["key"], customer["name"]) == ("ODOO-c1", "Acme")
    assert account["customerKey"] == customer["key"]
    assert outcome.links == {"customer:c1": str(customer["id"])}


def test_the_same_again_sends_nothing(site):
    site.seed(projects=[{"id": 10000, "key": "PRO", "name": "Rollout"}])
    key = send(site.connector(), VALUES).external_id
    site.journal.clear()
    for known, operation in ((None, "create"), (key, "update")):
        outcome = send(site.connector(), VALUES, known, operation)
        assert outcome.ok and outcome.external_id == key
    changing = [c for c in site.journal if c["method"] != "GET" and "search" not in c["path"]]
    assert not changing


def test_a_change_keeps_what_we_do_not_say(site):
    key = send(site.connector(), VALUES).external_id
    account = site.store.rows["accounts"][int(key)]
    kept = {"categoryKey": "DEV", "monthlyBudget": 600, "global": True, "leadAccountId": "qm:lead"}
    account.update(kept)
    assert send(site.connector(), {**VALUES, "name": "Roll-out"}, key, "update").ok
    assert account["name"] == "Roll-out"
    assert {name: account[name] for name in kept} == kept


def test_a_closed_project_closes_its_account_and_comes_back(site):
    key = send(site.connector(), VALUES).external_id
    account = site.store.rows["accounts"][int(key)]
    for active, status in ((False, "CLOSED"), (False, "CLOSED"), (True, "OPEN")):
        outcome = send(site.connector(), {**VALUES, "active": active}, key, "update")
        assert outcome.ok and account["status"] == status
    account["status"] = "ARCHIVED"
    assert send(site.connector(), {**VALUES, "active": False}, key, "update").ok
    assert account["status"] == "ARCHIVED", "somebody archived it: it is closed all the same"
    assert send(site.connector(), VALUES).external_id == key, "an archived one is found, too"


def test_a_code_that_is_no_key_is_made_one(site):
    outcome = send(site.connector(), {**VALUES, "code": "S 0001/é"})
    assert outcome.ok, outcome.error
    assert site.store.rows["accounts"][int(outcome.external_id)]["key"] == "S_0001_"


def test_the_jira_project_of_the_same_name_is_linked(site):
    site.seed(
        projects=[
            {"id": 10000, "key": "PRO", "name": "ROLLOUT"},
            {"id": 10001, "key": "TWO", "name": "Rollout two"},
        ]
    )
    assert send(site.connector(), VALUES).response["created"][-1] == "link:PRO"
    (link,) = site.store.rows["links"].values()
    assert (link["accountKey"], link["scopeId"], link["scopeType"]) == ("C-0012", 10000, "PROJECT")


@pytest.mark.parametrize("names", [[], ["Rollout", "rollout"], ["Rollout two"]])
def test_without_one_jira_project_of_the_name_a_person_links(site, names):
    site.seed(projects=[{"id": 1 + n, "key": f"P{n}", "name": x} for n, x in enumerate(names)])
    assert send(site.connector(), VALUES).ok
    assert not site.store.rows["links"]


def test_a_token_that_may_only_view_accounts_is_a_persons_matter(site):
    site.faults.add({"kind": "status", "status": 403, "method": "POST", "path": "^/4/customers$"})
    outcome = send(site.connector(), VALUES)
    assert (outcome.error.kind, outcome.error.code) == ("permission", "not_allowed")
