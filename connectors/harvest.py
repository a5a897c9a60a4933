"""Harvest: people, clients, projects, tasks, time and expenses in; projects out.

Settings: ``account_id`` (Harvest account), ``start_date`` (ISO date of the oldest change to read),
``overlap_seconds`` (how far a poll looks back, 300), ``client_id`` (OAuth only).
Secrets: ``access_token`` (personal, or OAuth's current one), ``refresh_token``, ``client_secret``.

Harvest has no webhooks, and a deleted entry simply is no longer listed: ``sweep`` proves a full
listing of a period, so that what is missing from it may be called deleted.

Source: Harvest API V2 documentation: "Authentication", "Pagination", "Rate limiting", "Time
entries", "Expenses", "Users", "Clients", "Projects", "Tasks", "Company".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from ..core import strict_json
from . import harvest_errors, setup
from .base import Connector, path_id
from .errors import ConnectorError
from .harvest_setup import ProjectSetup
from .oauth import read_token, token_error
from .parts import CheckItem, Outcome, Page, Record, SecretField, TokenAnswer
from .probe import clock_item, probe
from .times import iso, parse_iso

# canonical entity -> (path, name of the list in the answer, rows a page)
LISTS = {
    "employee": ("/users", "users", 2000),
    "customer": ("/clients", "clients", 2000),
    "project": ("/projects", "projects", 2000),
    "task": ("/task_assignments", "task_assignments", 2000),
    "service_item": ("/tasks", "tasks", 2000),
    "time_entry": ("/time_entries", "time_entries", 2000),
    "expense": ("/expenses", "expenses", 2000),
}
PAGE = 500  # rows of a poll's page: what the engine stores in one transaction


class Harvest(Connector):
    """One Harvest account."""

    product = "harvest"
    label = "Harvest"
    default_base_url = "https://api.harvestapp.com/v2"
    token_url = "https://id.getharvest.com/api/v2/oauth2/token"
    auth = (
        SecretField("access_token", "Access token", True),
        SecretField("refresh_token", "Refresh token (OAuth)"),
        SecretField("client_secret", "Client secret (OAuth)"),
    )
    entities_in = tuple(LISTS)
    entities_out = ("project",)
    lists: ClassVar = {
        entity: "date" if entity in ("time_entry", "expense") else "changed" for entity in LISTS
    }
    # Harvest allows 100 calls in 15 seconds
    pace: ClassVar = {"default": (100, 15.0)}
    batch_read = 1
    batch_write = 1

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        account = str(self.settings.get("account_id") or "")
        if not account:
            raise ConnectorError("sign_in", "account_not_set")
        return {
            "Authorization": f"Bearer {self._secret('access_token')}",
            "Harvest-Account-Id": account,
        }

    def _error_from(self, answer, write):
        return harvest_errors.from_answer(answer, write)

    def account_id(self) -> str:
        """The account's id: the one we sent, once Harvest has answered to it."""
        if "is_active" not in self._page("/company", {}):
            raise ConnectorError("schema", "no_account")
        return str(self.settings["account_id"])

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """New access token. The token endpoint stands on another host than the API."""
        form = [
            ("grant_type", "refresh_token"),
            ("client_id", str(self.settings.get("client_id") or "")),
            ("client_secret", secrets.get("client_secret") or ""),
            ("refresh_token", secrets.get("refresh_token") or ""),
        ]
        answer = self.session.call(
            "POST", self.token_url, form=form, write=False, classify=token_error
        )
        return read_token(answer, self.clock())

    def check(self) -> list[CheckItem]:
        """Account, clock, the administrator's role, and each list that a stream reads.

        Who is not an administrator sees only part of the entries, in silence: totals would be
        wrong.
        """
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self._call("GET", "/users/me"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        roles = answer.details().get("access_roles") or []
        items.append(CheckItem("role", "administrator" in roles, {"wanted": "administrator"}))
        company = probe(items, "account", lambda: self._call("GET", "/company"))
        if company is not None:
            details = company.details()
            for feature in ("approval_feature", "expense_feature"):
                on = bool(details.get(feature))
                items.append(CheckItem("feature", on, {"feature": feature}))
        for entity, (path, _name, _size) in LISTS.items():
            probe(
                items,
                "read",
                lambda path=path: self._call("GET", path, query={"per_page": 1}),
                {"entity": entity},
            )
        return items

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Changed rows since the last window, page by page along ``links.next``.

        A window starts ``overlap_seconds`` before the last one began, so that nothing that was
        being saved then is missed. If a stored paging link is refused, the window is read anew.
        """
        cursor = dict(cursor or {})
        path, name, _size = LISTS[entity]
        if not cursor.get("next"):
            cursor = {"since": cursor.get("since") or self._first()}
            query: dict[str, Any] = {"per_page": PAGE}
            if cursor["since"]:
                query["updated_since"] = cursor["since"]
            body = self._page(path, query)
            cursor["started"] = iso(self._begun(now), 0)
        else:
            try:
                body = self._page(cursor["next"], {})
            except ConnectorError as error:
                if error.kind not in ("data", "reference"):
                    raise
                return Page([], {"since": cursor["since"]}, True)
        records = [_record(entity, row) for row in _rows(body, name)]
        following = (body.get("links") or {}).get("next")
        if following:
            return Page(records, {**cursor, "next": following}, True)
        overlap = timedelta(seconds=int(self.settings.get("overlap_seconds") or 300))
        since = iso(parse_iso(cursor["started"]) - overlap, 0)
        return Page(records, {"since": since}, False)

    def _first(self) -> str | None:
        start = parse_iso(self.settings.get("start_date"))
        return iso(start, 0) if start else None

    def _page(self, path: str, query: Mapping[str, Any]) -> dict:
        body = self._call("GET", path, query=query).json()
        if not isinstance(body, dict):
            raise ConnectorError("schema", "no_list")
        return body

    def _list(self, path: str, query: Mapping[str, Any]) -> list[dict]:
        """All rows of a list, along its links."""
        name = path.rsplit("/", 1)[-1]
        body = self._page(path, {"per_page": 2000, **query})
        rows = _rows(body, name)
        while (body.get("links") or {}).get("next"):
            body = self._page(body["links"]["next"], {})
            rows += _rows(body, name)
        return rows

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, one call each: Harvest reads no ids together. A deleted one is left
        out."""
        found: dict[str, Record] = {}
        for key in dict.fromkeys(str(i) for i in ids):
            try:
                row = self._one(entity, key)
            except ConnectorError as error:
                if error.kind == "reference" or error.code == "bad_id":
                    continue
                raise
            if row is not None:
                found[key] = _record(entity, row)
        return found

    def _one(self, entity: str, key: str) -> dict | None:
        path, name, _size = LISTS[entity]
        if entity != "task":
            return self._call("GET", f"{path}/{path_id(key)}").json()
        project, _, task = key.partition("/")
        path_id(task)
        for row in self._list(f"/projects/{path_id(project)}/{name}", {}):
            if str(row["task"]["id"]) == task:
                # the list of one project does not repeat the project in each row
                row.setdefault("project", {"id": int(project)})
                return row
        return None

    def sweep(self, entity: str, date_from: date, date_to: date) -> set[str]:
        """Ids of all entries (``time_entry``, ``expense``) whose date lies in a period, both ends
        in.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``, unless the number
            of
            ids equals the total that Harvest states on each page: only a proven list may say that
            what it lacks was deleted.
        """
        query = {"from": date_from.isoformat(), "to": date_to.isoformat()}
        return {str(row["id"]) for rows in self._proven(entity, query) for row in rows}

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Entries and expenses by their date, all else by the time of change."""
        if self.lists[entity] == "date":
            query = {"from": since.date().isoformat(), "to": until.date().isoformat()}
        else:
            query = {"updated_since": iso(since, 0)}
        for rows in self._proven(entity, query):
            yield [
                record
                for record in (_record(entity, row) for row in rows)
                if self.lists[entity] == "date" or (record.changed_at or until) < until
            ]

    def _proven(self, entity: str, query: Mapping[str, Any]) -> Iterator[list[dict]]:
        """The pages of a list; after the last one their rows are held against Harvest's count."""
        path, name, size = LISTS[entity]
        body = self._page(path, {**query, "per_page": size})
        totals, count, found = {body.get("total_entries")}, 0, set()
        while True:
            rows = _rows(body, name)
            count += len(rows)
            found.update(row["id"] for row in rows)
            yield rows
            following = (body.get("links") or {}).get("next")
            if not following:
                break
            body = self._page(following, {})
            totals.add(body.get("total_entries"))
        if totals != {len(found)} or count != len(found):
            raise ConnectorError("connection", "listing_incomplete", params={"read": len(found)})

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Set projects up, one after the other: see :mod:`.harvest_setup`."""
        return setup.projects(entity, writes, lambda: ProjectSetup(self._call, self._list))


def _rows(body: dict, name: str) -> list[dict]:
    rows = body.get(name)
    if not isinstance(rows, list):
        raise ConnectorError("schema", "no_list", params={"list": name})
    return rows


def _record(entity: str, row: dict) -> Record:
    """A row as a record. A task is a task *on a project*: its id is ``<project id>/<task id>``, and
    entries carry the same text as ``project_task`` so that a mapping can refer to it."""
    payload = dict(row)
    project, task = (row.get("project") or {}).get("id"), (row.get("task") or {}).get("id")
    key = str(row["id"])
    if entity == "task":
        key = f"{project}/{task}"
    if project and task:
        payload["project_task"] = f"{project}/{task}"
    version = row.get("updated_at")
    return Record(entity, key, version, parse_iso(version), strict_json.dumps(payload))
