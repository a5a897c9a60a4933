"""A workspace of Toggl Track on this machine: API v9 under ``/api/v9``, reports under ``/reports/api/v3``.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"users": [...], "clients": [...], "projects": [...], "tasks":
[...], "project_users": [...], "time_entries": [...]}`` seeds rows (Toggl's own fields; an entry has ``user_id``,
``start``, ``stop``); ``POST approve`` ``{"ids": [...], "state"?: "approved"}`` puts the weeks of these entries into a
state; ``POST update`` and ``POST delete`` ``{"kind", "id", ...}``. ``GET state``: all rows, and ``timesheets``. Changes
are events of the webhooks; ``POST ping`` adds a ping, with ``{"validation_code"?: ...}``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import date, timedelta
from operator import itemgetter

from werkzeug.wrappers import Request, Response

from .base import Sandbox, answer, main
from .toggl_store import KINDS, Store, invalid, moment, stamp

WORKSPACE, ORGANIZATION = 3_134_975, 3_011_976
ID = r"[0-9]+"
MODELS = {"time_entries": "time_entry", "projects": "project", "clients": "client", "tasks": "task"}
QUOTA = "You have hit your hourly limit for API calls. The quota will reset in 900 seconds."


class TogglSandbox(Sandbox):
    """The API over a :class:`~sandbox.toggl_store.Store`."""

    name = "Toggl Track"
    limit = (1, 1.0)
    default_settings = {
        "token": "toggl-sandbox-token",
        "workspace": WORKSPACE,
        "role": "admin",
        "zone": "UTC",
        "approvals": True,
        "paid": True,
        "quota": 600,
        "page_size": 1000,
    }

    def reset(self) -> None:
        super().reset()
        self.store = Store(self.now, self.next_id)
        self._event = 0

    def __init__(self, **settings):
        super().__init__(**settings)
        space = rf"/api/v9/workspaces/(?P<space>{ID})"
        self.route("GET", "/api/v9/me", lambda request: self._me())
        self.route("GET", space, self._workspace)
        members = rf"/api/v9/organizations/{ID}/workspaces/(?P<space>{ID})/workspace_users"
        self.route("GET", members, self._members)
        self.route("GET", f"{space}/clients", self._clients)
        self.route(
            "POST", rf"{space}/clients/(?P<key>{ID})/(?P<what>archive|restore)", self._archive
        )
        self.route("GET", f"{space}/projects", self._projects)
        self.route("GET", f"{space}/tasks", self._all_tasks)
        self.route("GET", f"{space}/project_users", self._project_users)
        self.route("POST", f"{space}/rates", self._rate)
        self.route("GET", f"{space}/timesheets", self._timesheets)
        tasks = rf"{space}/projects/(?P<project>{ID})/(?P<kind>tasks)"
        self.route("GET", tasks, self._tasks)
        for path in (tasks, rf"{space}/(?P<kind>clients|projects|project_users)"):
            self.route("POST", path, self._create)
            self.route("GET", rf"{path}/(?P<key>{ID})", self._get)
            self.route("PUT", rf"{path}/(?P<key>{ID})", self._put)
        report = rf"/reports/api/v3/workspace/(?P<space>{ID})/search/time_entries"
        self.route("POST", report, self._search)
        self.route("POST", f"{report}/totals", self._totals)
        self.control("POST", "objects", lambda request: self.seed(**request.get_json()))
        self.control("POST", "approve", self._control_approve)
        self.control("POST", "update", self._control_update)
        self.control("POST", "delete", self._control_delete)
        self.control("POST", "ping", lambda request: self.ping(**request.get_json()))
        self.control("GET", "state", lambda request: self._state())

    # -- sign-in, errors ----------------------------------------------------------------------

    def authorize(self, request: Request) -> None:
        pair = base64.b64encode(f"{self.settings['token']}:api_token".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            raise invalid("Incorrect username and/or password", 403)
        parts = request.path.split("/")
        for word in ("workspaces", "workspace"):
            if word in parts and parts[parts.index(word) + 1] != str(self.settings["workspace"]):
                raise invalid("User does not have access to this resource", 403)

    def token_error(self, kind: str) -> Response:
        return answer("Incorrect username and/or password", 403)

    def refuse_status(self, status: int) -> Response:
        words = {402: QUOTA, 429: "Too Many Requests", 403: "User does not have access"}
        return answer(words.get(status, "injected"), status)

    def not_found(self, request: Request) -> Response:
        return answer("Not found", 404)

    def decorate(self, request: Request, response: Response) -> None:
        if response.status_code < 400:
            left = max(self.settings["quota"] - len(self.journal), 0)
            response.headers["X-Toggl-Quota-Remaining"] = str(left)
            response.headers["X-Toggl-Quota-Resets-In"] = "1800"

    # -- the account ----------------------------------------------------------------------------

    def _me(self) -> dict:
        return {
            "id": 1,
            "email": "admin@sandbox.example",
            "fullname": "Sandbox Admin",
            "timezone": self.settings["zone"],
            "default_workspace_id": self.settings["workspace"],
        }

    def _workspace(self, request: Request, space: str) -> dict:
        return {
            "id": self.settings["workspace"],
            "organization_id": ORGANIZATION,
            "name": "Sandbox Services",
            "premium": self.settings["approvals"],
            "admin": self.settings["role"] == "admin",
            "role": self.settings["role"],
            "default_currency": "USD",
        }

    def _members(self, request: Request, space: str) -> list[dict]:
        return [
            {
                **{name: value for name, value in row.items() if name != "id"},
                "id": 900_000 + row["id"],
                "user_id": row["id"],
                "workspace_id": self.settings["workspace"],
                "active": True,
            }
            for row in self.store.rows["users"].values()
        ]

    # -- lists and records ------------------------------------------------------------------------

    def _page(self, request: Request, rows: list[dict], most: int = 200) -> list[dict]:
        page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 151))
        if size > most:
            raise invalid(f"per_page must be at most {most}")
        return rows[(page - 1) * size : page * size]

    def _clients(self, request: Request, space: str):
        rows = list(self.store.rows["clients"].values())
        if request.args.get("status", "active") == "active":
            rows = [row for row in rows if not row["archived"]]
        return rows or None  # so does Toggl

    def _projects(self, request: Request, space: str):
        rows = list(self.store.rows["projects"].values())
        if request.args.get("active", "true") == "true":
            rows = [row for row in rows if row["active"]]
        wanted = request.args.getlist("client_ids")
        if wanted:
            rows = [row for row in rows if str(row["client_id"]) in wanted]
        return self._page(request, rows) or None

    def _all_tasks(self, request: Request, space: str) -> dict:
        self._needs_paid()
        rows = list(self.store.rows["tasks"].values())
        part = self._page(request, rows)
        return {"total_count": len(rows), "page": 1, "per_page": 200, "data": part or None}

    def _tasks(self, request: Request, space: str, project: str, kind: str):
        self.store.get("projects", int(project))
        rows = [r for r in self.store.rows["tasks"].values() if r["project_id"] == int(project)]
        if request.args.get("active", "true") == "true":
            rows = [row for row in rows if row["active"]]
        return rows or None

    def _project_users(self, request: Request, space: str):
        wanted = request.args.get("project_ids", "").split(",")
        rows = self.store.rows["project_users"].values()
        return [row for row in rows if str(row["project_id"]) in wanted] or None

    def _get(self, request: Request, space: str, kind: str, key: str, project: str | None = None):
        row = self.store.get(kind, int(key))
        if project and row["project_id"] != int(project):
            raise invalid("Task not found", 404)
        return row

    def _needs_paid(self) -> None:
        if not self.settings["paid"]:
            raise invalid("Workspace needs to be in a paid plan for this feature", 402)

    def _create(self, request: Request, space: str, kind: str, project: str | None = None):
        values = request.get_json()
        if project:
            self._needs_paid()
            values["project_id"] = int(project)
        if {"rate", "billable", "estimated_hours"} & values.keys():
            self._needs_paid()
        with self.lock:
            row = self.store.create(kind, {name: values[name] for name in values if name != "id"})
            self._tell(kind, "created", row)
        return row

    def _put(self, request: Request, space: str, kind: str, key: str, project: str | None = None):
        with self.lock:
            row = self.store.update(kind, int(key), request.get_json())
            self._tell(kind, "updated", row)
        return row

    def _archive(self, request: Request, space: str, key: str, what: str):
        self.store.update("clients", int(key), {"archived": what == "archive"})
        return []

    def _rate(self, request: Request, space: str):
        body = request.get_json()
        if body.get("level") != "task" or body.get("type") != "billable_rates":
            raise invalid("Unsupported level")
        row = self.store.update("tasks", body["level_id"], {"rate": float(body["amount"])})
        return {"id": self.next_id(), "amount": row["rate"], "planned_task_id": row["id"]}

    # -- approvals ----------------------------------------------------------------------------------

    def _timesheets(self, request: Request, space: str):
        if not self.settings["approvals"]:
            raise invalid("Approvals are a premium feature", 402)
        query = request.args
        rows = sorted(self.store.sheets.values(), key=itemgetter("start_date", "member_id"))
        if "after" in query:
            rows = [row for row in rows if row["start_date"] > query["after"]]
        if "before" in query:
            rows = [row for row in rows if row["start_date"] < query["before"]]
        size = int(query.get("per_page", 20))
        size = 20 if size > 1000 else size
        page = int(query.get("page", 1))
        part = rows[(page - 1) * size : page * size]
        return {"data": part, "page": page, "per_page": size, "total_count": len(rows)}

    # -- reports --------------------------------------------------------------------------------------

    def _found(self, body: dict) -> list[dict]:
        first, last = body.get("start_date"), body.get("end_date")
        if not first or not last or first > last:
            raise invalid("end_date should be greater than start_date")
        if date.fromisoformat(last) - date.fromisoformat(first) > timedelta(days=366):
            raise invalid("The date range can't be greater than 366 days")
        rows = []
        for row in self.store.rows["time_entries"].values():
            if not first <= stamp(moment(row["start"]))[:10] <= last or row["stop"] is None:
                continue
            for name, of in (("user_ids", "user_id"), ("time_entry_ids", "id")):
                if body.get(name) is not None and row[of] not in body[name]:
                    break
            else:
                rows.append(row)
        return sorted(rows, key=lambda row: (moment(row["start"]), row["id"]))

    def _search(self, request: Request, space: str):
        body = request.get_json()
        rows = self._found(body)
        if "first_id" in body and "first_row_number" in body:
            return []
        size = min(int(body.get("page_size", 50)), self.settings["page_size"])
        begin = int(body.get("first_row_number", 1)) - 1
        part = rows[begin : begin + size]
        shown = [self._shown(row, begin + number) for number, row in enumerate(part, 1)]
        headers = {}
        if begin + size < len(rows):
            headers = {
                "X-Next-Row-Number": str(begin + size + 1),
                "X-Next-ID": str(rows[begin + size]["id"]),
            }
        return answer(shown, 200, headers)

    def _shown(self, row: dict, number: int) -> dict:
        rows = self.store.rows
        user = rows["users"].get(row["user_id"], {})
        project = rows["projects"].get(row["project_id"] or 0, {})
        task = rows["tasks"].get(row["task_id"] or 0, {})
        return {
            "user_id": row["user_id"],
            "username": user.get("name"),
            "project_id": row["project_id"],
            "project_name": project.get("name"),
            "task_id": row["task_id"],
            "task_name": task.get("name"),
            "billable": row["billable"],
            "description": row["description"],
            "tag_ids": [],
            "currency": "USD",
            "hourly_rate_in_cents": row["hourly_rate_in_cents"],
            "row_number": number,
            "time_entries": [
                {
                    "id": row["id"],
                    "seconds": self.store.seconds(row),
                    "start": row["start"],
                    "stop": row["stop"],
                    "at": row["at"],
                }
            ],
        }

    def _totals(self, request: Request, space: str) -> dict:
        rows = self._found(request.get_json())
        seconds = sum(self.store.seconds(row) for row in rows)
        return {"seconds": seconds, "tracked_days": 1, "resolution": "day"}

    # -- control plane, webhooks ----------------------------------------------------------------------

    def seed(self, **kinds) -> dict:
        """Rows by kind; answers their ids by kind."""
        made = {}
        with self.lock:
            for kind in KINDS:
                if kind in kinds:
                    rows = [self.store.create(kind, values) for values in kinds[kind]]
                    made[kind] = [row["id"] for row in rows]
                    for row in rows if kind == "time_entries" else ():
                        self._tell(kind, "created", row)
        return made

    def approve(self, ids: list[int], state: str = "approved") -> list[dict]:
        with self.lock:
            return self.store.approve([int(key) for key in ids], state)

    def _control_approve(self, request: Request) -> dict:
        return {"timesheets": self.approve(**request.get_json())}

    def _control_update(self, request: Request) -> dict:
        body = request.get_json()
        return self.change(body.pop("kind"), int(body.pop("id")), body)

    def change(self, kind: str, key: int, values: dict) -> dict:
        with self.lock:
            row = self.store.update(kind, key, values)
            self._tell(kind, "updated", row)
        return row

    def _control_delete(self, request: Request) -> dict:
        body = request.get_json()
        self.remove(body["kind"], int(body["id"]))
        return {"ok": True}

    def remove(self, kind: str, key: int) -> None:
        with self.lock:
            self._tell(kind, "deleted", self.store.delete(kind, key))

    def _state(self) -> dict:
        return {**self.store.rows, "timesheets": list(self.store.sheets.values())}

    def ping(self, validation_code: str | None = None) -> dict:
        """A ping, with a code if the address is not validated yet."""
        body = {"payload": "ping", "metadata": {"request_type": "POST", "event_user_id": 1}}
        return self._add(
            {**body, **({"validation_code": validation_code} if validation_code else {})}, 0
        )

    def _tell(self, kind: str, action: str, row: dict) -> None:
        if kind not in MODELS:
            return
        metadata = {
            "action": action,
            "model": MODELS[kind],
            "event_user_id": "1",
            "workspace_id": str(self.settings["workspace"]),
            "path": f"/api/v9/workspaces/{self.settings['workspace']}/{kind}/{row['id']}",
        }
        payload = {"id": row["id"], "workspace_id": self.settings["workspace"], "at": row["at"]}
        self._event += 1
        self._add({"metadata": metadata, "payload": payload}, self._event)

    def _add(self, body: dict, event: int) -> dict:
        made = stamp(self.now())
        event = {
            "event_id": event,
            "created_at": made,
            "creator_id": 1,
            "subscription_id": 6,
            **body,
        }
        self.sender.add(event)
        return event

    def webhook_headers(self, url: str, body: bytes, moment, secret: str) -> dict:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Webhook-Signature-256": f"sha256={digest}"}


if __name__ == "__main__":
    main(TogglSandbox(), 8109)
