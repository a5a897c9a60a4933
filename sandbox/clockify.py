"""A Clockify workspace on this machine: the API under ``/api/v1``, its reports under ``/report/v1``.

As in the product: lists tell their end by the header ``Last-Page``; an entry does not say whether it is
approved, a report does; a report's dates are read and written in the zone that is asked for; a record that is
gone answers 400 with code 501; a change replaces the record; nothing is recognised when it is sent twice.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"users": [...], "clients": [...], "projects": [...],
"tasks": [...], "categories": [...], "time_entries": [...], "expenses": [...]}`` seeds rows (Clockify's own
fields; of entries ``start`` and ``end``, of users ``timeZone``); ``POST approve`` ``{"ids"?: [...], "kind"?:
"time_entries", "state"?: "APPROVED"}``; ``POST update`` and ``POST delete`` ``{"kind", "id", ...}`` (each also
makes the event of its webhook). Answered by ``GET state``: all rows, and the approval requests.
"""

from __future__ import annotations

import json

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .clockify_report import Reports
from .clockify_store import KINDS, Store, invalid, iso_duration, stamp

WORKSPACE = "64a687e29ae1f428e7ebe303"
OWNER = "5a0ab5acb07987125438b60f"
HEX = "[0-9a-f]{24}"
EVENTS = {
    "time_entries": ("NEW_TIME_ENTRY", "TIME_ENTRY_UPDATED", "TIME_ENTRY_DELETED"),
    "expenses": ("EXPENSE_CREATED", "EXPENSE_UPDATED", "EXPENSE_DELETED"),
    "projects": ("NEW_PROJECT", "PROJECT_UPDATED", "PROJECT_DELETED"),
    "clients": ("NEW_CLIENT", "CLIENT_UPDATED", "CLIENT_DELETED"),
}


class ClockifySandbox(Reports, Sandbox):
    """The API over a :class:`~sandbox.clockify_store.Store`."""

    name = "Clockify"
    limit = (50, 1.0)
    default_settings = {
        "api_key": "clockify-sandbox-key",
        "workspace": WORKSPACE,
        "webhook_secret": "clockify-webhook-token-0123456789ab",
        "role": "WORKSPACE_ADMIN",
        "features": ["APPROVAL", "EXPENSES", "TIME_TRACKING"],
        "zone": "UTC",  # of the key's owner: what a report falls back to
        "report_days": 366,
    }

    def reset(self) -> None:
        super().reset()
        self.store = Store(self.settings["workspace"], self.now, self.next_id)
        self._sending = ""

    def __init__(self, **settings):
        super().__init__(**settings)
        space = f"/api/v1/workspaces/(?P<space>{HEX})"
        reports = f"/report/v1/workspaces/(?P<space>{HEX})/reports"
        self.route("GET", "/api/v1/user", lambda request: self._me())
        self.route("GET", "/api/v1/workspaces", self._workspaces)
        self.route("GET", space, self._workspace)
        self.route("GET", f"{space}/users", self._users)
        for kind in ("clients", "projects"):
            self.route("GET", f"{space}/(?P<kind>{kind})", self._list)
            self.route("POST", f"{space}/(?P<kind>{kind})", self._create)
            self.route("GET", f"{space}/(?P<kind>{kind})/(?P<key>{HEX})", self._get)
            self.route("PUT", f"{space}/(?P<kind>{kind})/(?P<key>{HEX})", self._replace)
        project = f"{space}/projects/(?P<project>{HEX})"
        self.route("PATCH", f"{project}/estimate", self._estimate)
        self.route("POST", f"{project}/memberships", self._members)
        self.route("PUT", f"{project}/users/(?P<user>{HEX})/hourly-rate", self._user_rate)
        self.route("GET", f"{project}/(?P<kind>tasks)", self._list)
        self.route("POST", f"{project}/(?P<kind>tasks)", self._create)
        task = f"{project}/(?P<kind>tasks)/(?P<key>{HEX})"
        self.route("GET", task, self._get)
        self.route("PUT", task, self._replace)
        self.route("PUT", f"{task}/hourly-rate", self._task_rate)
        self.route("GET", f"{space}/time-entries/(?P<key>{HEX})", self._entry)
        self.route("DELETE", f"{space}/time-entries/(?P<key>{HEX})", self._delete_entry)
        self.route("GET", f"{space}/expenses", self._expenses)
        self.route("GET", f"{space}/expenses/categories", self._categories)
        self.route("GET", f"{space}/expenses/(?P<key>{HEX})", self._expense)
        self.route("GET", f"{space}/approval-requests", self._requests)
        self.route("POST", f"{reports}/detailed", self._detailed)
        self.route("POST", f"{reports}/expenses/detailed", self._expense_report)
        self.control("POST", "objects", lambda request: self.seed(**request.get_json()))
        self.control("POST", "approve", self._control_approve)
        self.control("POST", "update", self._control_update)
        self.control("POST", "delete", self._control_delete)
        self.control("GET", "state", lambda request: self._state())

    # -- sign-in, errors ----------------------------------------------------------------------

    def authorize(self, request: Request) -> None:
        key = request.headers.get("X-Api-Key")
        if not key or "Authorization" in request.headers:
            raise invalid("Multiple or none auth tokens present", 1000, 401)
        if key != self.settings["api_key"]:
            raise invalid("Api key does not exist", 4003, 401)
        parts = request.path.split("/")
        if "workspaces" in parts and parts[-1] != "workspaces":
            asked = parts[parts.index("workspaces") + 1]
            if asked != self.settings["workspace"]:
                raise invalid("Access Denied", 403, 403)

    def token_error(self, kind: str) -> Response:
        return answer({"message": "Api key does not exist", "code": 4003}, 401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            return answer({"message": "Too many requests", "code": 429}, 429)
        return answer({"message": "injected", "code": 3000}, status)

    def not_found(self, request: Request) -> Response:
        return answer({"message": f"No static resource {request.path}.", "code": 3000}, 404)

    # -- the account ----------------------------------------------------------------------------

    def _me(self) -> dict:
        space = self.settings["workspace"]
        return {
            "id": OWNER,
            "name": "Sandbox Admin",
            "email": "admin@sandbox.example",
            "activeWorkspace": space,
            "defaultWorkspace": space,
            "settings": {"timeZone": self.settings["zone"], "weekStart": "MONDAY"},
            "status": "ACTIVE",
        }

    def _workspace(self, request: Request, space: str) -> dict:
        return {
            "id": space,
            "name": "Sandbox Services",
            "features": self.settings["features"],
            "currencies": [{"id": "1", "code": "USD", "isDefault": True}],
            "workspaceSettings": {"trackTimeDownToSecond": True},
        }

    def _workspaces(self, request: Request) -> list[dict]:
        mine = request.args.get("roles") in (None, self.settings["role"])
        return [self._workspace(request, self.settings["workspace"])] if mine else []

    def _users(self, request: Request, space: str):
        rows = []
        for row in self.store.rows["users"].values():
            active = row["membership"] == "ACTIVE"
            if request.args.get("status", "ACTIVE") == "ACTIVE" and not active:
                continue
            shown = {
                "id": row["id"],
                "name": row["name"],
                "email": row["email"],
                "status": row["status"],
                "profilePicture": "https://img.clockify.me/no-user-image.png",
                "settings": {"timeZone": row["timeZone"]} if row["timeZone"] else None,
                "memberships": [
                    {
                        "userId": row["id"],
                        "targetId": space,
                        "membershipType": "WORKSPACE",
                        "membershipStatus": row["membership"],
                        "hourlyRate": row.get("hourlyRate"),
                        "costRate": row.get("costRate"),
                    }
                ],
            }
            rows.append(shown)
        return self._paged(request, rows)

    # -- lists and records ------------------------------------------------------------------------

    def _paged(self, request: Request, rows: list[dict]):
        page = int(request.args.get("page", 1))
        size = int(request.args.get("page-size", 50))
        if page < 1 or not 1 <= size <= 5000:
            raise invalid("page-size must be between 1 and 5000")
        part = rows[(page - 1) * size : page * size]
        last = "true" if page * size >= len(rows) else "false"
        return answer(part, 200, {"Last-Page": last})

    def _list(self, request: Request, space: str, kind: str, project: str | None = None):
        if project:
            self.store.get("projects", project)
        rows = [
            self._shown(row)
            for row in self.store.rows[kind].values()
            if project is None or row["projectId"] == project
        ]
        if "clients" in request.args:
            rows = [row for row in rows if row["clientId"] in request.args.getlist("clients")]
        if request.args.get("archived") == "false":
            rows = [row for row in rows if not row["archived"]]
        return self._paged(request, rows)

    def _shown(self, row: dict) -> dict:
        return {**row, "workspaceId": self.settings["workspace"]}

    def _get(self, request: Request, space: str, kind: str, key: str, project: str | None = None):
        row = self.store.get(kind, key)
        if project and row["projectId"] != project:
            raise invalid("Task doesn't belong to Project")
        return self._shown(row)

    def _create(self, request: Request, space: str, kind: str, project: str | None = None):
        values = {"name": "", **request.get_json()}
        values.pop("id", None)
        if project:
            self.store.get("projects", project)
            values["projectId"] = project
        if "isPublic" in values:
            values["public"] = values.pop("isPublic")
        return self._shown(self._made(kind, values)), 201

    def _replace(self, request: Request, space: str, kind: str, key: str, project=None):
        """What is not sent goes back to nothing, except rates."""
        values = request.get_json()
        if "isPublic" in values:
            values["public"] = values.pop("isPublic")
        cleared = {
            "clients": {"ccEmails": [], "address": None, "email": None, "note": None},
            "projects": {"note": "", "archived": False, "clientId": ""},
            "tasks": {"assigneeIds": [], "status": "ACTIVE", "estimate": "PT0S"},
        }[kind]
        return self._shown(self._changed(kind, key, {"name": "", **cleared, **values}))

    def _estimate(self, request: Request, space: str, project: str):
        row = self.store.get("projects", project)
        row.update(request.get_json())
        return self._shown(row)

    def _members(self, request: Request, space: str, project: str):
        row, body = self.store.get("projects", project), request.get_json()
        for user in body["userIds"]:
            self.store.get("users", user)
            row["memberships"] = [one for one in row["memberships"] if one["userId"] != user]
            if not body.get("remove"):
                member = {"userId": user, "targetId": project, "membershipType": "PROJECT"}
                row["memberships"].append({**member, "hourlyRate": None})
        return self._shown(row)

    def _user_rate(self, request: Request, space: str, project: str, user: str):
        row = self.store.get("projects", project)
        members = [one for one in row["memberships"] if one["userId"] == user]
        if not members:
            raise invalid("User is not a member of the project")
        members[0]["hourlyRate"] = {**request.get_json(), "currency": "USD"}
        return self._shown(row)

    def _task_rate(self, request: Request, space: str, project: str, kind: str, key: str):
        row = self.store.get("tasks", key)
        row["hourlyRate"] = {**request.get_json(), "currency": "USD"}
        return self._shown(row)

    # -- time -------------------------------------------------------------------------------------

    def _core(self, row: dict) -> dict:
        names = ("id", "description", "billable", "userId", "projectId", "taskId", "tagIds", "type")
        running = row["end"] is None
        return {
            **{name: row[name] for name in names},
            "workspaceId": self.settings["workspace"],
            "timeInterval": {
                "start": row["start"],
                "end": row["end"],
                "duration": None if running else iso_duration(row["seconds"]),
            },
            "customFieldValues": [],
            "kioskId": None,
            "hourlyRate": None,
            "costRate": None,
            "isLocked": self.store.approved(row),
        }

    def _entry(self, request: Request, space: str, key: str) -> dict:
        return self._core(self.store.get("time_entries", key))

    def _delete_entry(self, request: Request, space: str, key: str):
        self._gone("time_entries", key, seed=False)
        return Response(status=204)

    # -- expenses ---------------------------------------------------------------------------------

    def _expense_view(self, row: dict, flat: bool) -> dict:
        names = ("id", "userId", "date", "notes", "quantity", "total", "billable", "fileId")
        shown = {name: row[name] for name in names}
        shown.update(workspaceId=self.settings["workspace"], isLocked=self.store.approved(row))
        if flat:
            return {**shown, **{n: row[n] for n in ("categoryId", "projectId", "taskId")}}
        category = self.store.rows["categories"][row["categoryId"]]
        project = self.store.rows["projects"].get(row["projectId"])
        shown["category"] = category
        shown["project"] = project and {"id": project["id"], "name": project["name"]}
        return {**shown, "fileName": row["fileName"]}

    def _expenses(self, request: Request, space: str):
        rows = sorted(self.store.rows["expenses"].values(), key=lambda r: (r["date"], r["id"]))
        rows.reverse()
        page, size = int(request.args.get("page", 1)), int(request.args.get("page-size", 50))
        part = rows[(page - 1) * size : page * size]
        return {
            "expenses": {
                "expenses": [self._expense_view(row, False) for row in part],
                "count": len(rows),
            },
            "dailyTotals": [],
            "weeklyTotals": [],
        }

    def _expense(self, request: Request, space: str, key: str) -> dict:
        return self._expense_view(self.store.get("expenses", key), True)

    def _categories(self, request: Request, space: str) -> dict:
        rows = list(self.store.rows["categories"].values())
        page, size = int(request.args.get("page", 1)), int(request.args.get("page-size", 50))
        return {"categories": rows[(page - 1) * size : page * size], "count": len(rows)}

    # -- approval -----------------------------------------------------------------------------------

    def _requests(self, request: Request, space: str):
        if "APPROVAL" not in self.settings["features"]:
            raise Refusal(403, {"message": "Feature is not in your plan", "code": 4033})
        wanted = request.args.get("status")
        found = [r for r in self.store.requests.values() if r["status"]["state"] == wanted]
        found.sort(key=lambda one: one["status"]["updatedAt"], reverse=True)
        return self._paged(request, [{"approvalRequest": one} for one in found])

    # -- control plane, webhooks ----------------------------------------------------------------

    def seed(self, **kinds) -> dict:
        """Rows by kind; answers their ids by kind."""
        with self.lock:
            return {
                kind: [self.store.create(kind, dict(row), seed=True)["id"] for row in kinds[kind]]
                for kind in KINDS
                if kind in kinds
            }

    def approve(self, keys=None, kind: str = "time_entries", state: str = "APPROVED") -> list[str]:
        """What an approver does in Clockify (``PENDING``: the person hands it in)."""
        with self.lock:
            keys = list(keys or self.store.rows[kind])
            for one in self.store.request(kind, keys, state):
                event = "NEW_APPROVAL_REQUEST" if state == "PENDING" else None
                self._tell(event or "APPROVAL_REQUEST_STATUS_UPDATED", one)
            return keys

    def _control_approve(self, request: Request) -> dict:
        body = request.get_json(silent=True) or {}
        kind, state = body.get("kind", "time_entries"), body.get("state", "APPROVED")
        return {"ids": self.approve(body.get("ids"), kind, state)}

    def _control_update(self, request: Request) -> dict:
        body = request.get_json()
        row = self._changed(body.pop("kind"), body.pop("id"), body, seed=True)
        return {name: value for name, value in row.items() if name != "at"}

    def _control_delete(self, request: Request) -> dict:
        body = request.get_json()
        self._gone(body["kind"], body["id"])
        return {"ok": True}

    def _state(self) -> dict:
        rows = {
            kind: {
                key: {name: value for name, value in row.items() if name != "at"}
                for key, row in rows.items()
            }
            for kind, rows in self.store.rows.items()
        }
        return {**rows, "approval_requests": self.store.requests}

    def _made(self, kind: str, values: dict) -> dict:
        with self.lock:
            row = self.store.create(kind, values)
            self._of_row(kind, 0, row)
            return row

    def _changed(self, kind: str, key: str, values: dict, seed: bool = False) -> dict:
        with self.lock:
            row = self.store.update(kind, key, values, seed=seed)
            self._of_row(kind, 1, row)
            return row

    def _gone(self, kind: str, key: str, seed: bool = True) -> None:
        with self.lock:
            self._of_row(kind, 2, self.store.delete(kind, key, seed=seed))

    def _of_row(self, kind: str, which: int, row: dict) -> None:
        if kind not in EVENTS:
            return
        if kind == "time_entries":
            body = self._core(row)
        elif kind == "expenses" and which:
            body = {"expenseId": row["id"], "userId": row["userId"]}
        else:
            body = {"id": row["id"], "name": row.get("name")}
        self._tell(EVENTS[kind][which], body)

    def _tell(self, event: str, body: dict) -> None:
        body = {**body, "workspaceId": self.settings["workspace"]}
        self.sender.add({"event": event, "body": body, "at": stamp(self.now())})

    def webhook_body(self, events: list[dict]) -> bytes:
        self._sending = events[0]["event"]
        return json.dumps(events[0]["body"]).encode()

    def webhook_headers(self, url: str, body: bytes, moment, secret: str) -> dict:
        """The token as it is: neither the body nor the time is signed."""
        return {"Clockify-Signature": secret, "Clockify-Webhook-Event-Type": self._sending}


if __name__ == "__main__":
    main(ClockifySandbox(), 8104)
