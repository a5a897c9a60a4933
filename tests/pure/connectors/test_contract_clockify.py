"""Clockify under the contract of all connectors."""

from datetime import timedelta
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.clockify import WORKSPACE, ClockifySandbox

USER, CLIENT, PROJECT, TASK, CATEGORY = (f"{number:024x}" for number in range(1, 6))


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def firm(sandbox, zone="UTC"):
    """A person, a client, a project with a task, and a category of expenses."""
    if not sandbox.store.rows["users"]:
        sandbox.seed(
            users=[{"id": USER, "name": "Ann Lee", "email": "ann@firm.example", "timeZone": zone}],
            clients=[{"id": CLIENT, "name": "Other"}],
            projects=[{"id": PROJECT, "name": "P0", "clientId": CLIENT}],
            tasks=[{"id": TASK, "name": "Design", "projectId": PROJECT}],
            categories=[{"id": CATEGORY, "name": "Travel"}],
        )


def entries(sandbox, count, start, hours=0.25, **more):
    """Ids of entries that begin at ``start``."""
    firm(sandbox)
    row = {
        "userId": USER,
        "projectId": PROJECT,
        "taskId": TASK,
        "start": stamp(start),
        "end": stamp(start + timedelta(hours=hours)),
        **more,
    }
    return sandbox.seed(time_entries=[row] * count)["time_entries"]


class ClockifySubject(Subject):
    product = "clockify"
    sandbox_class = ClockifySandbox
    base_path = "/api/v1"
    settings = {"account_id": WORKSPACE, "live_mode": False}
    secrets = {"api_key": "clockify-sandbox-key"}
    entity = "time_entry"
    page = 500
    write_entity = "project"
    creates = True
    deletions = "fetch"
    missing_rights = (
        ({"role": "TEAM_MANAGER"}, {"code": "role", "wanted": "administrator"}),
        ({"features": ["EXPENSES"]}, {"code": "feature", "feature": "APPROVAL"}),
        ({"features": ["APPROVAL"]}, {"code": "feature", "feature": "EXPENSES"}),
    )

    def seed(self, count, at):
        return entries(self.sandbox, count, at)

    def touch(self, key, at):
        self.sandbox.store.update("time_entries", key, {"description": "later"}, seed=True)

    def delete(self, key):
        self.sandbox.store.delete("time_entries", key)

    def seed_text(self, text, at):
        return entries(self.sandbox, 1, at, description=text)[0]

    def text_of(self, payload):
        return payload["description"]

    def seed_money(self, amount, currency, at):
        firm(self.sandbox)
        row = {
            "userId": USER,
            "projectId": PROJECT,
            "categoryId": CATEGORY,
            "date": at.date().isoformat(),
            "total": float(Decimal(amount) * 100),  # hundredths, as a number with a point
        }
        return "expense", self.sandbox.seed(expenses=[row])["expenses"][0]

    def money_of(self, payload):
        return payload["amount"]

    def lazily(self, count):
        firm(self.sandbox)
        newest = []

        def report(request, space):
            body = request.get_json()
            newest.append(body["dateRangeEnd"]) if not newest else None
            mine = body["dateRangeEnd"] == newest[0] and body["approvalState"] == "UNAPPROVED"
            paging = body["detailedFilter"]
            after = (paging["page"] - 1) * paging["pageSize"]
            last = min(after + paging["pageSize"], count) if mine else after
            interval = {"start": "2026-01-05T09:00:00Z", "end": "2026-01-05T10:30:00Z"}
            return {
                "totals": [{"entriesCount": count if mine else 0}],
                "timeentries": [
                    {
                        "_id": f"{number:024x}",
                        "userId": USER,
                        "timeInterval": {**interval, "duration": 5400},
                    }
                    for number in range(after, last)
                ],
            }

        path = rf"/report/v1/workspaces/(?P<space>{WORKSPACE})/reports/detailed"
        return [("POST", path, report)]

    def write(self, number=1):
        values = {
            "code": f"C-{number}",
            "name": f"Rollout {number}",
            "note": "From the deal",
            "client": {"name": f"Acme {number}", "key": str(number)},
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
        projects = [row for row in rows["projects"].values() if code in row["note"]]
        clients = [
            row for row in rows["clients"].values() if row["name"] == write.values["client"]["name"]
        ]
        if len(projects) == len(clients) == 1 and projects[0]["timeEstimate"]["active"]:
            (task,) = (
                row for row in rows["tasks"].values() if row["projectId"] == projects[0]["id"]
            )
            assert (task["name"], task["hourlyRate"]["amount"]) == ("Build", 16000)
            assert projects[0]["timeEstimate"]["estimate"] == "PT7H30M"
        return max(len(projects), len(clients))


class TestClockify(Contract):
    subject = ClockifySubject
