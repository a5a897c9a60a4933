"""Harvest under the contract of all connectors."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.harvest import HarvestSandbox


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class HarvestSubject(Subject):
    product = "harvest"
    sandbox_class = HarvestSandbox
    base_path = "/v2"
    settings = {"account_id": "1234567", "client_id": "harvest-client"}
    secrets = {
        "access_token": "harvest-sandbox-token",
        "client_secret": "harvest-client-secret",
        "refresh_token": "harvest-refresh-token",
    }
    token_path = "/api/v2/oauth2/token"
    entity = "time_entry"
    page = 500
    write_entity = "project"
    creates = renews = True
    deletions = "fetch"
    rate_headers = {"Retry-After": "15"}
    missing_rights = (
        ({"role": "member"}, {"code": "role", "wanted": "administrator"}),
        ({"approval_feature": False}, {"code": "feature", "feature": "approval_feature"}),
        ({"expense_feature": False}, {"code": "feature", "feature": "expense_feature"}),
    )

    def _firm(self):
        if self.sandbox.store.rows["users"]:
            return
        self.sandbox.seed(
            users=[{"id": 7, "first_name": "Ann", "last_name": "Lee", "email": "ann@firm.example"}],
            clients=[{"id": 5, "name": "Other"}],
            tasks=[{"id": 9, "name": "Design"}],
            projects=[{"id": 11, "name": "P0", "code": "P-0", "client_id": 5}],
        )

    def _entries(self, count, at, **more):
        self._firm()
        row = {"user": 7, "project": 11, "task": 9, "spent_date": at.date().isoformat()}
        rows = [{**row, "updated_at": stamp(at), **more} for _ in range(count)]
        return [str(key) for key in self.sandbox.seed(time_entries=rows)["time_entries"]]

    def seed(self, count, at):
        return self._entries(count, at, hours=0.25)

    def touch(self, key, at):
        values = {"notes": "later", "updated_at": stamp(at)}
        self.sandbox.store.update("time_entries", int(key), values, seed=True)

    def delete(self, key):
        self.sandbox.store.delete("time_entries", int(key))

    def seed_text(self, text, at):
        return self._entries(1, at, notes=text)[0]

    def text_of(self, payload):
        return payload["notes"]

    def seed_money(self, amount, currency, at):
        return "time_entry", self._entries(1, at, billable_rate=float(amount))[0]

    def money_of(self, payload):
        return Decimal(str(payload["billable_rate"]))

    def lazily(self, count):
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        every = [stamp(start + timedelta(seconds=number)) for number in range(0, 100)]

        def listing(request):
            after = int(request.args.get("cursor", "0"))
            last = min(after + int(request.args.get("per_page", 500)), count)
            rows = [
                {"id": n + 1, "hours": 1.5, "notes": "x", "updated_at": every[n % 100]}
                for n in range(after, last)
            ]
            following = f"{request.base_url}?per_page={last - after}&cursor={last}"
            return {
                "time_entries": rows,
                "total_entries": count,
                "links": {"next": following if last < count else None},
            }

        return [("GET", "/v2/time_entries", listing)]

    def write(self, number=1):
        values = {
            "code": f"C-{number}",
            "name": f"Rollout {number}",
            "client": {"name": f"Acme {number}", "key": str(number)},
            "tasks": [{"key": "1", "name": "Build"}],
        }
        return Write(f"k{number}", "project", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, "project", "create", None, {**write.values, "name": "", "code": ""})

    def effects(self, write):
        rows = self.sandbox.store.rows
        counts = {
            sum(row["code"] == write.values["code"] for row in rows["projects"].values()),
            sum(row["name"] == write.values["client"]["name"] for row in rows["clients"].values()),
        }
        if counts == {1}:
            assert sum(row["name"] == "Build" for row in rows["tasks"].values()) == 1
        return max(counts)


class TestHarvest(Contract):
    subject = HarvestSubject
