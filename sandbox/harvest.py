"""A Harvest account on this machine: API V2 under ``/v2`` (and ``/api/v2/oauth2/token``).

Control plane (``/__sandbox__/``): ``POST objects`` ``{"users": [...], "clients": [...], "projects":
[...], "tasks": [...], "task_assignments": [...], "user_assignments": [...], "time_entries": [...],
"expenses": [...]}`` seeds rows (Harvest's own fields; in entries ``user``, ``project`` and ``task``
are ids); ``POST entries`` ``{"count", "user", "project", "task", "spent_date", "hours",
"updated_at"?}`` makes many; ``POST approve`` ``{"ids"?: [...], "kind"?: "time_entries", "state"?:
"approved"}``; ``POST update`` and ``POST delete`` ``{"kind", "id", ...}``. Answered by ``GET
state``: all rows.
"""

from __future__ import annotations

import re
import uuid
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .harvest_store import KINDS, Store

NUMBER = r"(?P<key>[^/]+)"


class HarvestSandbox(Sandbox):
    """The API over a :class:`~sandbox.harvest_store.Store`."""

    name = "Harvest"
    limit = (100, 15.0)
    default_settings = {
        "token": "harvest-sandbox-token",
        "account_id": "1234567",
        "role": "administrator",
        "approval_feature": True,
        "expense_feature": True,
        "client_id": "harvest-client",
        "client_secret": "harvest-client-secret",
        "refresh_token": "harvest-refresh-token",
        "max_page": 2000,
    }

    def reset(self) -> None:
        super().reset()
        self.tokens = {self.settings["token"]}
        self.store = Store(self.now, self.next_id)

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", "/api/v2/oauth2/token", self._token)
        self.route("GET", "/v2/company", self._company)
        self.route("GET", "/v2/users/me", lambda r: self._me())
        sub = "task_assignments|user_assignments"
        nested = rf"/v2/projects/(?P<project>[0-9]+)/(?P<kind>{sub})"
        self.route("GET", nested, self._list_nested)
        self.route("POST", nested, self._create_nested)
        self.route("PATCH", f"{nested}/{NUMBER}", self._patch_nested)
        self.route("DELETE", f"{nested}/{NUMBER}", self._delete)
        top = rf"/v2/(?P<kind>{'|'.join(KINDS)})"
        self.route("GET", top, self._list)
        self.route("POST", top, self._create)
        self.route("GET", f"{top}/{NUMBER}", self._get)
        self.route("PATCH", f"{top}/{NUMBER}", self._patch)
        self.route("DELETE", f"{top}/{NUMBER}", self._delete)
        self.control("POST", "objects", self._control_objects)
        self.control("POST", "entries", self._control_entries)
        self.control("POST", "approve", self._control_approve)
        self.control("POST", "update", self._control_update)
        self.control("POST", "delete", self._control_delete)
        self.control("GET", "state", lambda request: self.store.rows)

    # -- sign-in, errors ----------------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path == "/api/v2/oauth2/token"

    def authorize(self, request: Request) -> None:
        if not request.headers.get("User-Agent"):
            raise Refusal(
                400, {"error": "invalid_request", "error_description": "User-Agent missing"}
            )
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refusal(
                401,
                self._invalid_token("The access token provided is expired, revoked or malformed."),
            )
        if request.headers.get("Harvest-Account-Id") != self.settings["account_id"]:
            # a token of another account, or none said
            raise Refusal(
                401, {"error": "invalid_account", "error_description": "Account not found."}
            )
        if request.method != "GET" and self.settings["role"] != "administrator":
            raise Refusal(403, {"message": "You are not authorized to access this resource."})

    @staticmethod
    def _invalid_token(text: str) -> dict:
        return {"error": "invalid_token", "error_description": text}

    def token_error(self, kind: str) -> Response:
        return answer(self._invalid_token("The access token expired"), 401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            return self.too_many()
        if status == 403:
            return answer({"message": "You are not authorized to access this resource."}, 403)
        return Response("", status)  # Harvest's own 5xx have no body

    def too_many(self) -> Response:
        body = {
            "error": "too_many_requests",
            "error_description": "You have been rate limited. Please try again in 15 seconds.",
        }
        return answer(body, 429, {"Retry-After": "15"})

    def not_found(self, request: Request) -> Response:
        return answer({"status": 404, "error": "Not Found"}, 404)

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["X-Request-Id"] = uuid.uuid4().hex

    def _token(self, request: Request):
        form, settings = request.form, self.settings
        names = ("client_id", "client_secret", "refresh_token")
        if any(form.get(name) != settings[name] for name in names):
            return {"error": "invalid_grant", "error_description": "The grant is invalid."}, 401
        token = f"oauth-{uuid.uuid4().hex}"
        self.tokens = {token}
        return {
            "access_token": token,
            "refresh_token": settings["refresh_token"],
            "token_type": "bearer",
            "expires_in": 1209600,
        }

    def _company(self, request: Request) -> dict:
        return {
            "base_uri": "https://sandbox.harvestapp.com",
            "full_domain": "sandbox.harvestapp.com",
            "name": "Sandbox Services",
            "is_active": True,
            "week_start_day": "Monday",
            "time_format": "decimal",
            "date_format": "%Y-%m-%d",
            "currency": "USD",
            "plan_type": "sponsored",
            "approval_feature": self.settings["approval_feature"],
            "expense_feature": self.settings["expense_feature"],
            "invoice_feature": True,
        }

    def _me(self) -> dict:
        return {
            "id": 1,
            "first_name": "Sandbox",
            "last_name": "Admin",
            "email": "admin@sandbox.example",
            "is_active": True,
            "access_roles": [self.settings["role"]],
        }

    # -- lists --------------------------------------------------------------------------------

    def _list(self, request: Request, kind: str):
        rows = list(self.store.rows[kind].values())
        return self._paged(request, kind, [row for row in rows if self._wanted(request, kind, row)])

    def _list_nested(self, request: Request, kind: str, project: str):
        rows = [r for r in self.store.rows[kind].values() if str(r["project"]["id"]) == project]
        if int(project) not in self.store.rows["projects"]:
            return {"status": 404, "error": "Not Found"}, 404
        rows = [row for row in rows if self._wanted(request, kind, row)]
        return self._paged(request, kind, rows)

    def _wanted(self, request: Request, kind: str, row: dict) -> bool:
        query = request.args
        if "updated_since" in query and row["updated_at"] < _utc(query["updated_since"]):
            return False
        if "from" in query and row.get("spent_date", "") < query["from"]:
            return False
        if "to" in query and row.get("spent_date", "") > query["to"]:
            return False
        for name in ("client", "project", "user", "task"):
            if (
                f"{name}_id" in query
                and str((row.get(name) or {}).get("id")) != query[f"{name}_id"]
            ):
                return False
        for name in ("is_active", "is_billed", "is_running"):
            if name in query and row.get(name) != (query[name] == "true"):
                return False
        return (
            "approval_status" not in query or row.get("approval_status") == query["approval_status"]
        )

    def _paged(self, request: Request, kind: str, rows: list[dict]):
        """Newest first, along a cursor that is an id: what is added meanwhile moves nothing."""
        size = int(request.args.get("per_page", 2000))
        if not 1 <= size <= self.settings["max_page"]:
            return {"message": "per_page must be between 1 and 2000"}, 422
        rows.sort(key=lambda row: -row["id"])
        total = len(rows)
        cursor = request.args.get("cursor")
        left = [row for row in rows if cursor is None or row["id"] < _uncursor(cursor)]
        page, left = left[:size], left[size:]
        query = {k: v for k, v in request.args.items() if k not in ("cursor", "page")}
        here = request.base_url
        following = None
        if left:
            query_next = {**query, "cursor": f"c{page[-1]['id']}"}
            following = f"{here}?{urlencode(query_next)}"
        return {
            kind: [self.store.view(kind, row) for row in page],
            "per_page": size,
            "total_pages": max(1, -(-total // size)),
            "total_entries": total,
            "next_page": None,
            "page": 1,
            "links": {
                "first": f"{here}?{urlencode(query)}",
                "next": following,
                "previous": None,
                "last": None,
            },
        }

    # -- rows ---------------------------------------------------------------------------------

    def _get(self, request: Request, kind: str, key: str):
        row = self.store.rows[kind].get(int(key)) if key.isdigit() else None
        if row is None:
            return {"status": 404, "error": "Not Found"}, 404
        return self.store.view(kind, row)

    def _create(self, request: Request, kind: str):
        return self.store.view(kind, self.store.create(kind, request.get_json())), 201

    def _create_nested(self, request: Request, kind: str, project: str):
        values = {**request.get_json(), "project_id": int(project)}
        return self.store.view(kind, self.store.create(kind, values)), 201

    def _patch(self, request: Request, kind: str, key: str):
        if not key.isdigit() or int(key) not in self.store.rows[kind]:
            return {"status": 404, "error": "Not Found"}, 404
        return self.store.view(kind, self.store.update(kind, int(key), request.get_json()))

    def _patch_nested(self, request: Request, kind: str, project: str, key: str):
        return self._patch(request, kind, key)

    def _delete(self, request: Request, kind: str, key: str, project: str | None = None):
        if not key.isdigit() or int(key) not in self.store.rows[kind]:
            return {"status": 404, "error": "Not Found"}, 404
        self.store.delete(kind, int(key))
        return Response(status=200)

    # -- control plane ------------------------------------------------------------------------

    def _control_objects(self, request: Request) -> dict:
        with self.lock:
            return self.seed(**request.get_json())

    def seed(self, **kinds) -> dict:
        """Rows by kind; answers their ids by kind."""
        with self.lock:
            return {
                kind: [self.store.create(kind, values, seed=True)["id"] for values in kinds[kind]]
                for kind in KINDS
                if kind in kinds
            }

    def _control_entries(self, request: Request) -> dict:
        body = request.get_json()
        count = body.pop("count", 1)
        with self.lock:
            ids = [
                self.store.create("time_entries", dict(body), seed=True)["id"] for _ in range(count)
            ]
        return {"ids": ids}

    def _control_approve(self, request: Request) -> dict:
        body = request.get_json(silent=True) or {}
        kind, state = body.get("kind", "time_entries"), body.get("state", "approved")
        with self.lock:
            ids = body.get("ids") or list(self.store.rows[kind])
            for key in ids:
                self.store.approve(kind, int(key), state)
        return {"ids": ids}

    def _control_update(self, request: Request) -> dict:
        body = request.get_json()
        kind, key = body.pop("kind"), int(body.pop("id"))
        with self.lock:
            return self.store.update(kind, key, body, seed=True)

    def _control_delete(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            self.store.delete(body["kind"], int(body["id"]))
        return {"ok": True}


def _utc(text: str) -> str:
    """A query's time in the form in which rows keep theirs."""
    text = re.sub(r"(\.\d+)?(Z|\+00:00)$", "Z", text)
    return text if "T" in text else f"{text}T00:00:00Z"


def _uncursor(text: str) -> int:
    if not re.fullmatch(r"c\d+", text):
        raise Refusal(422, {"message": "Invalid cursor"})
    return int(text[1:])


if __name__ == "__main__":
    main(HarvestSandbox(), 8102)
