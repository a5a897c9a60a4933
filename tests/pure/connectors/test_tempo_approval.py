"""Tempo's timesheets: whether time is approved, what is read for it and how often, and rights that are missing."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from test_contract_tempo import BOB, USER, firm, open_site, without, worklogs
from test_tempo import ADMIN, calls, drain, payloads, read

from lead_to_cash_hub.connectors import tempo_memory
from lead_to_cash_hub.connectors.errors import ConnectorError


@pytest.fixture
def site(served):
    return open_site(served)


# -- approval ---------------------------------------------------------------------------------------


def test_what_lies_in_an_approved_timesheet_is_approved(site, now):
    monday = now - timedelta(days=now.weekday() + 7)
    keys = worklogs(site, 2, monday) + worklogs(site, 1, monday - timedelta(days=3))
    site.approve(USER, str(monday.date()))
    found = read(site, now)
    assert [found[key]["approval_status"] for key in keys] == ["APPROVED", "APPROVED", "OPEN"]
    assert [found[key]["approver_id"] for key in keys] == [ADMIN, ADMIN, None]
    for status, shown in (
        ("IN_REVIEW", "IN_REVIEW"),
        ("WAITING_FOR_APPROVAL", "IN_REVIEW"),
        ("REJECTED", "REJECTED"),
        ("SOMETHING_NEW", "OPEN"),
    ):
        site.approve(USER, str(monday.date()), status)
        one = payloads(site.connector().fetch("time_entry", keys[:1]).values())[keys[0]]
        assert (one["approval_status"], one["approver_id"]) == (shown, None)


def test_who_is_in_no_team_is_asked_for_alone(site, now):
    firm(site)
    site.seed(users=[BOB])
    mine, other = worklogs(site, 1, now) + worklogs(site, 1, now, author=BOB["accountId"])
    site.approve(BOB["accountId"], str(now.date()))
    found = read(site, now)
    assert (found[mine]["approval_status"], found[other]["approval_status"]) == ("OPEN", "APPROVED")
    assert len(calls(site, "/timesheet-approvals/user/")) == 1


@pytest.mark.parametrize("scope", ["approvals", "periods"])
@pytest.mark.parametrize("days", [0, 1], ids=["the same day", "the next day"])
def test_a_right_that_is_lost_takes_no_approval_back(site, now, scope, days):
    (key,) = worklogs(site, 1, now)
    site.approve(USER, str(now.date()))
    found, cursor = drain(site.connector(), "time_entry", {}, now)
    assert payloads(found)[key]["approval_status"] == "APPROVED"
    site.settings.update(without(scope))
    with pytest.raises(ConnectorError) as caught:
        drain(site.connector(), "time_entry", cursor, now + timedelta(days=days))
    assert (caught.value.kind, caught.value.code) == ("permission", "not_allowed")
    site.settings.update(without())
    found, _cursor = drain(site.connector(), "time_entry", cursor, now + timedelta(days=days))
    assert payloads(found)[key]["approval_status"] == "APPROVED", "it went on where it stood"


def test_of_whom_tempo_does_not_know_any_more_no_state_is_said(site, now):
    firm(site)
    site.seed(users=[BOB])
    (key,) = worklogs(site, 1, now, author=BOB["accountId"])
    gone = {
        "kind": "status",
        "status": 404,
        "path": f"/timesheet-approvals/user/{BOB['accountId']}",
    }
    site.faults.add(gone)
    found = read(site, now)[key]
    assert (found["approval_status"], found["approver_id"]) == (None, None), (
        "neither open nor approved"
    )


def test_without_teams_each_person_is_asked_for_alone(site, now):
    (key,) = worklogs(site, 1, now)
    site.approve(USER, str(now.date()))
    site.settings.update(without("teams"))
    assert read(site, now)[key]["approval_status"] == "APPROVED"


@pytest.mark.parametrize("scope", ["Teams: View", "Audit (deleted worklogs)"])
def test_a_right_that_is_not_needed_is_only_told_of(site, scope):
    site.settings.update(without(scope.split(":")[0].split(" ")[0].lower()))
    items = site.connector().check()
    assert all(item.ok for item in items)
    told = [item.params for item in items if item.code == "optional"]
    assert told == [{"scope": f"Tempo: {scope}"}]
    site.faults.add({"kind": "status", "status": 500, "path": "/4/teams|/audit/", "times": 2})
    assert not all(item.ok for item in site.connector().check()), "a fault is no missing right"


# -- calls ------------------------------------------------------------------------------------------


def departments(site, count, people=1):
    """Teams of people, all of whom logged time today; the people."""
    firm(site)
    teams, staff = [], []
    for number in range(count):
        members = [f"557058:p{number}-{one}" for one in range(people)]
        teams.append({"members": members})
        staff += members
    site.seed(teams=teams, users=[{"accountId": user, "displayName": user} for user in staff])
    return staff


def test_an_odd_day_reads_nothing_between_it_and_the_others(site, now):
    departments(site, 3)
    worklogs(site, 1, now)
    typed = [worklogs(site, 1, now, startDate=day)[0] for day in ("2062-11-20", "1999-01-04")]
    site.approve(USER, "2062-11-20")
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    site.journal.clear()
    found = payloads(drain(site.connector(), "time_entry", cursor, now)[0])
    assert [found[key]["approval_status"] for key in typed] == ["APPROVED", "OPEN"]
    assert len(calls(site, "/4/periods")) == 3, "the last weeks, and each of the days"
    assert len(calls(site, "/timesheet-approvals/user/")) == 2
    weeks = {call["query"] for call in calls(site, "/timesheet-approvals/team/")}
    assert len(weeks) <= 8, "the last 35 days and the next 7"


def test_a_period_is_read_by_teams_or_by_people_whichever_is_less(site, now):
    staff = departments(site, 2, people=3)
    week = now - timedelta(days=60)
    for user in staff[:2]:
        worklogs(site, 1, week, author=user)
    read(site, now)
    assert (len(calls(site, "approvals/team/")), len(calls(site, "approvals/user/"))) == (0, 2)
    for user in staff[2:]:
        worklogs(site, 1, week, author=user)
    site.journal.clear()
    read(site, now)
    assert (len(calls(site, "approvals/team/")), len(calls(site, "approvals/user/"))) == (3, 0)


def slices(site, cursor, now):
    """Each page is read by a connector of its own, as the engine does it."""
    records, more = [], True
    while more:
        page = site.connector().poll("time_entry", json.loads(json.dumps(cursor)), now)
        records, cursor, more = records + page.records, page.cursor, page.more
    return records, cursor


def test_decided_timesheets_do_not_read_the_site_anew_each(site, now):
    staff = departments(site, 5, people=4)
    day = now - timedelta(days=14)
    keys = [
        worklogs(site, 1, day, author=user, updatedAt="2026-01-01T00:00:00Z")[0] for user in staff
    ]
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    for user in staff:
        site.approve(user, str(day.date()))
    site.journal.clear()
    found = payloads(slices(site, cursor, now)[0])
    assert {found[key]["approval_status"] for key in keys} == {"APPROVED"}
    assert len(calls(site, "/worklogs/user/")) == len(staff)
    for once in ("/accounts/search", "/field", "/4/teams", "/periods"):
        assert len(calls(site, once)) == 1, once
    assert not calls(site, "/approvals/user/")
    weeks = len({call["query"] for call in calls(site, "/approvals/team/")})
    assert len(calls(site, "/approvals/team/")) == weeks * 6


def test_a_page_of_another_process_asks_for_its_person_alone(site, now):
    staff = departments(site, 5)
    day = now - timedelta(days=14)
    worklogs(site, 1, day, author=staff[0], updatedAt="2026-01-01T00:00:00Z")
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    site.approve(staff[0], str(day.date()))
    page = site.connector().poll("time_entry", cursor, now)
    tempo_memory.forget()
    site.journal.clear()
    page = site.connector().poll("time_entry", page.cursor, now)
    assert [one["approval_status"] for one in payloads(page.records).values()] == ["APPROVED"]
    assert not calls(site, "/4/teams") and not calls(site, "/approvals/team/")
    assert len(site.journal) <= 9


def test_what_a_cut_off_slice_has_read_is_not_read_again(site, now):
    departments(site, 30)
    worklogs(site, 1, now)
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    site.journal.clear()
    tries, left = 0, []

    def impatient():
        """A connector that may make 50 calls, as a slice may begin calls for so long only."""
        connector = site.connector()
        left[:] = [50]

        def before_call(bucket):
            left[0] -= 1
            if left[0] < 0:
                raise ConnectorError("rate", "own_pace")

        connector.session.before_call = before_call
        return connector

    site.approve(USER, str(now.date()))
    more, started = True, datetime.now(timezone.utc)
    while more:
        tries += 1
        assert tries < 12, "it does not come to an end"
        try:
            page = impatient().poll("time_entry", cursor, now)
        except ConnectorError as error:
            assert error.code == "own_pace"
            continue
        cursor, more = page.cursor, page.more
    assert tries > 3
    asked = [(call["path"], call["query"]) for call in calls(site, "/approvals/team/")]
    assert len(asked) == len(set(asked))
    assert cursor["since"] <= started.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_run_never_has_what_was_read_before_it_began(site, now):
    (key,) = worklogs(site, 1, now)
    _records, cursor = slices(site, {}, now)
    for status in ("APPROVED", "OPEN", "APPROVED"):
        site.approve(USER, str(now.date()), status)
        found, cursor = slices(site, cursor, now)
        assert payloads(found)[key]["approval_status"] == status


def test_what_was_read_long_ago_is_read_again(site, now):
    worklogs(site, 1100, now)
    cursor = site.connector().poll("time_entry", {}, now).cursor
    for minutes, read_again in ((9, 0), (11, 1)):
        site.journal.clear()
        connector = site.connector()
        connector.clock = lambda late=minutes: datetime.now(timezone.utc) + timedelta(minutes=late)
        page = connector.poll("time_entry", cursor, now)
        assert page.records and len(calls(site, "/accounts/search")) == read_again
        cursor = page.cursor


def test_too_many_calls_are_no_missing_right(site, now):
    worklogs(site, 1, now)
    site.faults.add({"kind": "status", "status": 429, "path": "/timesheet-approvals"})
    with pytest.raises(ConnectorError) as caught:
        read(site, now)
    assert (caught.value.kind, caught.value.retry_after) == ("rate", 5.0)


def test_an_approval_and_its_withdrawal_are_seen_although_no_worklog_changed(site, now):
    (old,) = worklogs(site, 1, now - timedelta(days=25))
    worklogs(site, 1, now)
    day = str((now - timedelta(days=25)).date())
    _records, cursor = drain(site.connector(), "time_entry", {}, now)
    for status in ("APPROVED", "OPEN"):
        quiet, cursor = drain(site.connector(), "time_entry", {**cursor, "since": later()}, now)
        assert old not in payloads(quiet)
        site.approve(USER, day, status)
        found, cursor = drain(site.connector(), "time_entry", cursor, now)
        assert payloads(found)[old]["approval_status"] == status


def later():
    """A moment after all that was decided so far."""
    return (datetime.now(timezone.utc) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
