"""Toggl Track under the contract of all connectors."""

from datetime import timedelta
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.base import answer
from sandbox.toggl import WORKSPACE, TogglSandbox

USER, CLIENT, PROJECT, TASK = 7, 5, 11, 9


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def firm(sandbox, zone="UTC"):
    """A person, a client, a project with a task."""
    if not sandbox.store.rows["users"]:
        sandbox.seed(
            users=[{"id": USER, "name": "Ann Lee", "email": "ann@firm.example", "timezone": zone}],
            clients=[{"id": CLIENT, "name": "Other"}],
            projects=[{"id": PROJECT, "name": "P0", "client_id": CLIENT}],
            tasks=[{"id": TASK, "name": "Design", "project_id": PROJECT}],
        )


def entries(sandbox, count, start, hours=0.25, **more):
    """Ids of entries that begin at ``start``."""
    firm(sandbox)
    row = {
        "user_id": USER,
        "project_id": PROJECT,
        "task_id": TASK,
        "start": stamp(start),
        "stop": stamp(start + timedelta(hours=hours)),
        **more,
    }
    return [str(key) for key in sandbox.seed(time_entries=[row] * count)["time_entries"]]


class TogglSubject(Subject):
    product = "toggl"
    sandbox_class = TogglSandbox
    settings = {"account_id": str(WORKSPACE)}
    secrets = {"api_token": "toggl-sandbox-token"}
    entity = "time_entry"
    page = 500
    write_entity = "project"
    creates = True
    deletions = "fetch"
    rate_status = 402
    rate_headers = {"X-Toggl-Quota-Remaining": "0", "X-Toggl-Quota-Resets-In": "900"}
    missing_rights = (
        ({"role": "member"}, {"code": "role", "wanted": "administrator"}),
        ({"approvals": False}, {"code": "feature", "feature": "approvals"}),
        ({"paid": False}, {"code": "read", "entity": "task", "error": "not_in_plan"}),
    )
    # a window of days without work is answered by an empty list
    not_answers = tuple(body for body in Subject.not_answers if body != b"[]")

    def seed(self, count, at):
        return entries(self.sandbox, count, at)

    def touch(self, key, at):
        values = {"description": "later", "at": stamp(at)}
        self.sandbox.store.update("time_entries", int(key), values)

    def delete(self, key):
        self.sandbox.store.delete("time_entries", int(key))

    def seed_text(self, text, at):
        return entries(self.sandbox, 1, at, description=text)[0]

    def text_of(self, payload):
        return payload["description"]

    def seed_money(self, amount, currency, at):
        firm(self.sandbox)
        row = {"name": f"Rate {amount}", "rate": float(amount), "currency": currency}
        return "project", str(self.sandbox.seed(projects=[row])["projects"][0])

    def money_of(self, payload):
        return Decimal(str(payload["rate"]))

    def lazily(self, count):
        firm(self.sandbox)
        newest = []

        def report(request, space):
            body = request.get_json()
            newest.append(body["end_date"]) if not newest else None
            mine = body["end_date"] == newest[0]
            begin = int(body.get("first_row_number", 1)) - 1
            last = min(begin + body["page_size"], count) if mine else begin
            times = {"start": "2026-01-05T09:00:00+00:00", "stop": "2026-01-05T10:30:00+00:00"}
            rows = [
                {"user_id": USER, "time_entries": [{"id": number + 1, "seconds": 5400, **times}]}
                for number in range(begin, last)
            ]
            headers = {"X-Next-Row-Number": str(last + 1)} if mine and last < count else {}
            return answer(rows, 200, headers)

        path = rf"/reports/api/v3/workspace/(?P<space>{WORKSPACE})/search/time_entries"
        return [("POST", path, report)]

    def write(self, number=1):
        values = {
            "code": f"C-{number}",
            "name": f"Rollout {number}",
            "client": {"name": f"Acme {number}", "key": str(number)},
            "is_billable": True,
            "budget": Decimal("7.5"),
            "hourly_rate": Decimal("150.00"),
            "tasks": [{"key": "1", "name": "Build", "hourly_rate": Decimal("160")}],
        }
        return Write(f"k{number}", "project", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, "project", "create", None, {**write.values, "name": ""})

    def effects(self, write):
        rows, code = self.sandbox.store.rows, f"[{write.values['code']}]"
        projects = [row for row in rows["projects"].values() if code in row["name"]]
        clients = [
            row for row in rows["clients"].values() if row["name"] == write.values["client"]["name"]
        ]
        if len(projects) == len(clients) == 1:
            tasks = [
                row for row in rows["tasks"].values() if row["project_id"] == projects[0]["id"]
            ]
            if tasks and tasks[0]["rate"]:
                ((name, rate),) = ((row["name"], row["rate"]) for row in tasks)
                assert (name, rate) == ("Build", 160.0)
                assert projects[0]["estimated_seconds"] == 8 * 3600, "whole hours, rounded up"
                assert projects[0]["rate"] == 150.0
        return max(len(projects), len(clients))


class TestToggl(Contract):
    subject = TogglSubject
