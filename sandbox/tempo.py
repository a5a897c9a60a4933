"""A Jira site with Tempo on this machine: Jira under ``/rest/api/3``, Tempo under ``/4``, its audit under ``/audit/1``.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"users": [...], "teams": [...], "customers": [...], "accounts":
[...], "projects": [...], "issues": [...], "worklogs": [...]}`` seeds rows; ``POST approve`` ``{"user", "day",
"status"?: "APPROVED"}`` puts the week of a person's day into a status (``OPEN`` opens it again); ``POST update`` and
``POST delete`` ``{"kind", "id", ...}``. ``GET state``: all rows, and ``sheets``.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, timedelta

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, html, main
from .tempo_store import KINDS, SITE, Store, invalid, shown_account, stamp

ID = r"[0-9]+"
SCOPES = ("worklogs", "accounts", "customers", "periods", "approvals", "teams", "audit")
# first word of a path of Tempo -> the scope that it needs, if it has another name
SCOPE_OF = {
    "account-links": "accounts",
    "work-attributes": "worklogs",
    "timesheet-approvals": "approvals",
}
FIELD = "customfield_10201"


class TempoSandbox(Sandbox):
    """Both interfaces over a :class:`~sandbox.tempo_store.Store`."""

    name = "Tempo with Jira"
    limit = (5, 1.0)
    default_settings = {
        "site": SITE,
        "tempo_token": "tempo-sandbox-token",
        "email": "admin@sandbox.example",
        "jira_token": "jira-sandbox-token",
        "scopes": list(SCOPES),
        "browse_users": True,
        "account_attribute": False,
        "me": "557058:admin",
    }

    def reset(self) -> None:
        super().reset()
        self.store = Store(self.now, self.next_id)

    def __init__(self, **settings):
        super().__init__(**settings)
        jira = "/rest/api/3"
        self.route("GET", f"{jira}/myself", lambda request: {"accountId": self.settings["me"]})
        self.route("GET", f"{jira}/serverInfo", self._server)
        self.route("GET", f"{jira}/users/search", self._users)
        self.route("GET", f"{jira}/field", lambda request: self._fields())
        self.route("GET", f"{jira}/project/search", self._projects)
        self.route("POST", f"{jira}/issue/bulkfetch", self._issues)
        self.route("GET", "/4/worklogs", self._worklogs)
        self.route("GET", r"/4/worklogs/user/(?P<user>[\w:-]+)", self._worklogs)
        self.route("GET", rf"/4/worklogs/(?P<key>{ID})", self._worklog)
        self.route("GET", "/4/work-attributes", self._attributes)
        self.route("GET", "/4/periods", self._periods)
        self.route("GET", "/4/teams", lambda request: self._list(request, "teams"))
        self.route("GET", "/4/timesheet-approvals/waiting", self._waiting)
        sheets = "/4/timesheet-approvals"
        self.route("GET", rf"{sheets}/team/(?P<team>{ID})", self._team_sheets)
        self.route("GET", rf"{sheets}/user/(?P<user>[\w:-]+)", self._user_sheet)
        for kind in ("accounts", "customers"):
            self.route("GET", f"/4/{kind}", lambda request, kind=kind: self._list(request, kind))
            self.route("GET", rf"/4/{kind}/(?P<key>{ID})", self._getter(kind))
            self.route("POST", f"/4/{kind}", self._creator(kind))
        self.route("POST", "/4/accounts/search", self._search_accounts)
        self.route("PUT", r"/4/accounts/(?P<key>[\w.-]+)", self._put_account)
        self.route("GET", r"/4/accounts/(?P<key>[\w.-]+)/links", self._links)
        self.route("POST", "/4/account-links", self._create_link)
        self.route("GET", "/audit/1/events/deleted/types/worklog", self._deleted)
        self.control("POST", "objects", lambda request: self.seed(**request.get_json()))
        self.control("POST", "approve", lambda request: self.approve(**request.get_json()))
        self.control("POST", "update", self._control_update)
        self.control("POST", "delete", self._control_delete)
        self.control("GET", "state", lambda request: {**self.store.rows, "sheets": self._sheets()})

    # -- sign-in, errors ----------------------------------------------------------------------

    def authorize(self, request: Request) -> None:
        given = request.headers.get("Authorization")
        if request.path.startswith("/rest/"):
            pair = f"{self.settings['email']}:{self.settings['jira_token']}".encode()
            if given != f"Basic {base64.b64encode(pair).decode()}":
                raise Refusal(401, {"errorMessages": ["Client must be authenticated"]})
            return
        if given != f"Bearer {self.settings['tempo_token']}":
            raise Refusal(401, {"errors": {"message": "Unauthorized"}})
        word = request.path.split("/")[2] if request.path.startswith("/4/") else "audit"
        if SCOPE_OF.get(word, word) not in self.settings["scopes"]:
            raise Refusal(403, {"errors": {"message": "Forbidden"}})

    def token_error(self, kind: str) -> Response:
        return html(401, "Unauthorized")  # so Tempo documents it

    def refuse_status(self, status: int) -> Response:
        return html(status, "x") if status == 403 else answer(_errors("injected"), status)

    def not_found(self, request: Request) -> Response:
        return answer(_errors("Not found"), 404)

    # -- Jira ---------------------------------------------------------------------------------

    def _server(self, request: Request) -> dict:
        return {"baseUrl": f"https://{self.settings['site']}", "deploymentType": "Cloud"}

    def _users(self, request: Request) -> list[dict]:
        me = {"accountId": self.settings["me"], "accountType": "app", "displayName": "Hub"}
        rows = [me, *self.store.rows["users"].values()] if self.settings["browse_users"] else []
        start, size = int(request.args.get("startAt", 0)), int(request.args.get("maxResults", 50))
        return rows[start : start + size]

    def _fields(self) -> list[dict]:
        custom = "com.atlassian.plugins.atlassian-connect-plugin:io.tempo.jira__account"
        tempo = {"id": FIELD, "key": "io.tempo.jira__account", "name": "Account"}
        return [{"id": "summary", "key": "summary"}, {**tempo, "schema": {"custom": custom}}]

    def _projects(self, request: Request) -> dict:
        query = request.args.get("query", "").casefold()
        every = [
            {"id": "9999", "key": "SYS", "name": "Site"},
            *self.store.rows["projects"].values(),
        ]
        rows = [row for row in every if query in row["name"].casefold()]
        shown = [{**row, "id": str(row["id"])} for row in rows]
        return {"values": shown, "total": len(rows), "isLast": True}

    def _issues(self, request: Request) -> dict:
        body = request.get_json()
        wanted = body["issueIdsOrKeys"]
        if len(wanted) > 100:
            raise Refusal(400, {"errorMessages": ["At most 100 issues"], "errors": {}})
        found = [self.store.rows["issues"].get(int(key)) for key in wanted]
        return {"issues": [self._issue(row, body["fields"]) for row in found if row]}

    def _issue(self, row: dict, fields: list[str]) -> dict:
        account = self.store.rows["accounts"].get(row.get("account") or 0)
        every = {
            "summary": row["summary"],
            "project": {"id": str(row["project"]), "key": row["key"].split("-")[0]},
            FIELD: account and {"id": account["id"], "value": account["name"]},
        }
        shown = {name: value for name, value in every.items() if name in fields}
        return {"id": str(row["id"]), "key": row["key"], "fields": shown}

    # -- Tempo: worklogs ----------------------------------------------------------------------

    def _page(self, request: Request, rows: list[dict], most: int = 5000) -> dict:
        offset, limit = int(request.args.get("offset", 0)), int(request.args.get("limit", 50))
        if limit > most:
            raise invalid(f"limit must be at most {most}")
        part = rows[offset : offset + limit]
        metadata = {"count": len(part), "offset": offset, "limit": limit}
        if offset + limit < len(rows):
            metadata["next"] = f"https://api.tempo.io{request.path}?offset={offset + limit}"
        return {"self": request.base_url, "metadata": metadata, "results": part}

    def _list(self, request: Request, kind: str) -> dict:
        rows = list(self.store.rows[kind].values())
        if kind == "accounts":
            rows = [self._account(row) for row in rows if row["status"] != "ARCHIVED"]
        return self._page(request, rows)

    def _worklogs(self, request: Request, user: str | None = None) -> dict:
        query = request.args
        for name in ("from", "to", "updatedFrom"):
            if name in query:
                _day(query[name])
        rows = [
            row
            for row in self.store.rows["worklogs"].values()
            if (not user or row["author"] == user)
            and query.get("from", "") <= row["startDate"] <= query.get("to", "9")
            and row["updatedAt"][:10] >= query.get("updatedFrom", "")
        ]
        key = "tempoWorklogId" if query.get("orderBy") == "ID" else "startDate"
        rows.sort(key=lambda row: (row[key], row["tempoWorklogId"]))
        return self._page(request, [self._shown(row) for row in rows])

    def _worklog(self, request: Request, key: str) -> dict:
        return self._shown(self.store.get("worklogs", int(key)))

    def _shown(self, row: dict) -> dict:
        values = []
        if self.settings["account_attribute"] and row["account"]:
            key = self.store.rows["accounts"][row["account"]]["key"]
            values = [{"key": "_Account_", "value": key}]
        user = f"https://{self.settings['site']}/rest/api/2/user?accountId={row['author']}"
        return {
            **{name: row[name] for name in row if name not in ("author", "issue", "account")},
            "issue": {"id": row["issue"]},
            "author": {"self": user, "accountId": row["author"]},
            "attributes": {"self": "", "values": values},
        }

    def _attributes(self, request: Request) -> dict:
        rows = [{"key": "_Color_", "name": "Color", "type": "STATIC_LIST"}]
        if self.settings["account_attribute"]:
            rows.append({"key": "_Account_", "name": "Account", "type": "ACCOUNT"})
        return self._page(request, rows)

    def _deleted(self, request: Request) -> dict:
        since = request.args["updatedFrom"]
        if "T" not in since:
            raise invalid("updatedFrom must be a date and a time")
        rows = [row for row in self.store.deleted if row["deletedAt"] >= since]
        start, size = int(request.args.get("lastEvaluatedKey", 0)), int(request.args["limit"])
        metadata = {"count": len(rows[start : start + size]), "limit": size}
        if start + size < len(rows):
            metadata["lastEvaluatedKey"] = str(start + size)
        return {"self": "", "metadata": metadata, "results": rows[start : start + size]}

    # -- Tempo: approvals ---------------------------------------------------------------------

    def _periods(self, request: Request) -> dict:
        first, last = _day(request.args["from"]), _day(request.args["to"])
        monday, found = first - timedelta(days=first.weekday()), []
        while monday <= last:
            found.append({"from": str(monday), "to": str(monday + timedelta(days=6))})
            monday += timedelta(days=7)
        return {"periods": found}

    def _sheet(self, user: str, begin: str) -> dict:
        end = _day(begin) + timedelta(days=6)
        sheet = {"period": {"from": begin, "to": str(end)}, "user": {"accountId": user}}
        return {**sheet, "status": self.store.sheets.get((user, begin), {"key": "OPEN"})}

    def _team_sheets(self, request: Request, team: str) -> dict:
        members = self.store.get("teams", int(team))["members"]
        rows = [self._sheet(user, request.args["from"]) for user in members]
        return {"metadata": {"count": len(rows)}, "results": rows}

    def _user_sheet(self, request: Request, user: str) -> dict:
        return self._sheet(user, request.args["from"])

    def _waiting(self, request: Request) -> dict:
        rows = [sheet for sheet in self._sheets() if sheet["status"]["key"] == "IN_REVIEW"]
        return {"metadata": {"count": len(rows)}, "results": rows}

    def _sheets(self) -> list[dict]:
        return [self._sheet(user, begin) for user, begin in self.store.sheets]

    # -- Tempo: accounts, customers, links ----------------------------------------------------

    def _account(self, row: dict) -> dict:
        return shown_account(row, self.store)

    def _getter(self, kind: str):
        def get(request: Request, key: str) -> dict:
            row = self.store.get(kind, int(key))
            return self._account(row) if kind == "accounts" else row

        return get

    def _creator(self, kind: str):
        def create(request: Request) -> dict:
            with self.lock:
                row = self.store.create(kind, request.get_json())
            return self._account(row) if kind == "accounts" else row

        return create

    def _search_accounts(self, request: Request) -> dict:
        body = request.get_json()
        rows = [
            self._account(row)
            for row in self.store.rows["accounts"].values()
            if row["status"] in body.get("statuses", ["OPEN", "CLOSED"])
            and row["key"] in body.get("keys", [row["key"]])
        ]
        return self._page(request, rows)

    def _put_account(self, request: Request, key: str) -> dict:
        with self.lock:
            return self._account(self.store.replace_account(key, request.get_json()))

    def _links(self, request: Request, key: str) -> dict:
        rows = [row for row in self.store.rows["links"].values() if row["accountKey"] == key]
        return self._page(
            request,
            [{"id": r["id"], "scope": {"id": r["scopeId"], "type": "PROJECT"}} for r in rows],
        )

    def _create_link(self, request: Request) -> dict:
        return self.store.create("links", request.get_json())

    # -- control plane ------------------------------------------------------------------------

    def seed(self, **kinds) -> dict:
        """Rows by kind; answers their ids by kind."""
        with self.lock:
            return {
                kind: [self.store.create(kind, values)[KINDS[kind]] for values in kinds[kind]]
                for kind in KINDS
                if kind in kinds
            }

    def approve(self, user: str, day: str, status: str = "APPROVED") -> dict:
        """Put the week of a person's day into a status."""
        first = _day(day) - timedelta(days=_day(day).weekday())
        who = {"actor": {"accountId": self.settings["me"]}, "updatedAt": stamp(self.now())}
        with self.lock:
            self.store.sheets[(user, str(first))] = {"key": status, **who}
        return self._sheet(user, str(first))

    def _control_update(self, request: Request) -> dict:
        body = request.get_json()
        return self.store.update(body.pop("kind"), body.pop("id"), body)

    def _control_delete(self, request: Request) -> dict:
        body = request.get_json()
        self.store.delete(body["kind"], body["id"])
        return {"ok": True}


def _errors(text: str) -> dict:
    return {"errors": {"message": text}}


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise invalid("'date' must be valid on the format: 'yyyy-MM-dd'") from None


if __name__ == "__main__":
    main(TempoSandbox(), 8110)
