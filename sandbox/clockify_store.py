"""What a Clockify workspace holds, and the rules that Clockify keeps."""

from __future__ import annotations

from datetime import datetime, timezone

from .base import Refusal

KINDS = ("users", "clients", "projects", "tasks", "time_entries", "expenses", "categories")
DEFAULTS = {
    "users": {"status": "ACTIVE", "timeZone": "UTC", "membership": "ACTIVE", "roles": []},
    "clients": {
        "archived": False,
        "address": None,
        "email": None,
        "note": None,
        "ccEmails": [],
        "currencyId": None,
    },
    "projects": {
        "clientId": "",
        "billable": True,
        "color": "#795548",
        "archived": False,
        "public": True,
        "template": False,
        "note": "",
        "hourlyRate": {"amount": 0, "currency": "USD"},
        "costRate": None,
        "memberships": [],
        "duration": "PT0S",
        "timeEstimate": {"active": False, "type": "AUTO", "estimate": "PT0S"},
        "budgetEstimate": None,
    },
    "tasks": {
        "billable": True,
        "status": "ACTIVE",
        "assigneeIds": [],
        "userGroupIds": [],
        "estimate": "PT0S",
        "budgetEstimate": None,
        "duration": "PT0S",
        "hourlyRate": None,
        "costRate": None,
    },
    "time_entries": {
        "description": "",
        "billable": True,
        "projectId": None,
        "taskId": None,
        "tagIds": [],
        "type": "REGULAR",
        "end": None,
        "approvalRequestId": None,
    },
    "expenses": {
        "projectId": "",
        "taskId": "",
        "notes": "",
        "quantity": 1,
        "billable": True,
        "fileId": "",
        "fileName": "",
        "approvalRequestId": None,
    },
    "categories": {
        "archived": False,
        "hasUnitPrice": False,
        "priceInCents": 0,
        "unit": "",
    },
}


def invalid(message: str, code: int = 501, status: int = 400) -> Refusal:
    """A refusal as Clockify words it: a text and a number."""
    return Refusal(status, {"message": message, "code": code})


def moment(text: str) -> datetime:
    """A time as Clockify writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_duration(seconds: int) -> str:
    """``PT1H30M`` of 5400."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "H"), (minutes, "M"), (rest, "S"))
    return "PT" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0S")


class Store:
    """Rows by kind and id, and approval requests."""

    def __init__(self, workspace: str, now, next_id):
        self.workspace, self.now, self._next = workspace, now, next_id
        self.rows: dict[str, dict[str, dict]] = {kind: {} for kind in KINDS}
        self.requests: dict[str, dict] = {}

    def key(self) -> str:
        return f"{self._next(1_000_000):024x}"

    def get(self, kind: str, key: str) -> dict:
        """A row, or the refusal by which Clockify answers for one that is gone or never was."""
        row = self.rows[kind].get(key)
        if row is None:
            word = kind.rstrip("s").replace("_", " ").capitalize()
            raise invalid(f"{word} doesn't belong to Workspace")
        return row

    def create(self, kind: str, values: dict, seed: bool = False) -> dict:
        """Make a row; ``seed`` may set ids."""
        key = values.get("id") or self.key()
        row = {**DEFAULTS[kind], **values, "id": key}
        self._check(kind, row)
        if kind == "time_entries":
            self._timed(row)
        if kind == "users":
            row.setdefault("name", row.get("email"))
        if kind == "projects":
            row["memberships"] = list(row["memberships"])
        self.rows[kind][key] = row
        return row

    def update(self, kind: str, key: str, values: dict, seed: bool = False) -> dict:
        row = self.get(kind, key)
        if kind == "time_entries" and not seed:
            self._unlocked(row)
        changed = {**row, **values}
        self._check(kind, changed)
        if kind == "time_entries":
            self._timed(changed)
        row.update(changed)
        return row

    def delete(self, kind: str, key: str, seed: bool = True) -> dict:
        row = self.get(kind, key)
        if kind == "time_entries" and not seed:
            self._unlocked(row)
        return self.rows[kind].pop(key)

    def approved(self, row: dict) -> bool:
        request = self.requests.get(row.get("approvalRequestId") or "")
        return bool(request) and request["status"]["state"] == "APPROVED"

    def _unlocked(self, row: dict) -> None:
        if self.approved(row):
            raise invalid("Time entry is locked", 4005, 403)

    def request(self, kind: str, keys: list[str], state: str) -> list[dict]:
        """Hand entries in, one request a person, or change the state of those they are in."""
        made: dict[str, dict] = {}
        for key in keys:
            row = self.rows[kind][key]
            request = self.requests.get(row["approvalRequestId"] or "") or made.get(row["userId"])
            if request is None:
                request = self._new_request(row["userId"])
            made[row["userId"]] = request
            row["approvalRequestId"] = request["id"]
            day = moment(row["start"] if kind == "time_entries" else f"{row['date']}T00:00:00Z")
            period = request["dateRange"]
            period["start"] = stamp(min(day, moment(period["start"] or stamp(day))))
            period["end"] = stamp(max(day, moment(period["end"] or stamp(day))))
        for request in made.values():
            request["status"].update(
                state=state, updatedAt=stamp(self.now()), updatedBy=next(iter(self.rows["users"]))
            )
            if state.startswith("WITHDRAWN") or state == "REJECTED":
                self._release(request["id"])
        return list(made.values())

    def _new_request(self, user: str) -> dict:
        key = self.key()
        who = self.rows["users"][user]
        self.requests[key] = {
            "id": key,
            "workspaceId": self.workspace,
            "dateRange": {"start": None, "end": None},
            "owner": {"userId": user, "userName": who["name"], "timeZone": who["timeZone"]},
            "status": {"state": "PENDING", "updatedAt": None, "updatedBy": None, "note": ""},
        }
        return self.requests[key]

    def _release(self, request: str) -> None:
        for kind in ("time_entries", "expenses"):
            for row in self.rows[kind].values():
                if row["approvalRequestId"] == request:
                    row["approvalRequestId"] = None

    def _timed(self, row: dict) -> None:
        row["at"] = moment(row["start"])
        row["seconds"] = int((moment(row["end"]) - row["at"]).total_seconds()) if row["end"] else 0

    def _check(self, kind: str, row: dict) -> None:
        if kind in ("clients", "projects", "tasks", "categories"):
            name = str(row.get("name") or "").strip()
            if not name:
                raise invalid(f"{kind.rstrip('s').capitalize()} name is required")
            peers = [other for other in self.rows[kind].values() if other["id"] != row["id"]]
            scope = {"projects": "clientId", "tasks": "projectId"}.get(kind)
            for other in peers:
                if other["name"].casefold() == name.casefold() and (
                    not scope or other[scope] == row[scope]
                ):
                    word = kind.rstrip("s").capitalize()
                    raise invalid(f"{word} with this name already exists")
        for name, of in (("clientId", "clients"), ("projectId", "projects"), ("userId", "users")):
            if row.get(name) and row[name] not in self.rows[of]:
                raise invalid(f"{of.rstrip('s').capitalize()} doesn't belong to Workspace")
        if (
            kind == "projects"
            and row["clientId"]
            and self.rows["clients"][row["clientId"]]["archived"]
        ):
            raise invalid("Client is archived")
