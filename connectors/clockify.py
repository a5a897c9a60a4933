"""Clockify: people, clients, projects, tasks, time and expenses in; projects out.

Settings: ``account_id`` (workspace id), ``start_date`` (ISO date of the oldest day of work to read),
``time_zone`` (of people whose profile has none), ``overlap_seconds`` (300), ``live_mode``.
Secrets: ``api_key``; ``webhook_token`` (one or several, see :mod:`.clockify_webhook`).

Nothing in Clockify tells when it changed. Lists are read whole, entries by windows
(:mod:`.clockify_report`); records carry no version, and the engine knows by their content what is new. The
interface "Entity changes" would tell changes, but it is experimental and its answers are not described, so
nothing rests on it.

Source: Clockify API, "Authentication", "API URLs", "Pagination", "User", "Workspace", "Client", "Project",
"Task", "Time entry", "Expense".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ..core import strict_json
from . import clockify_errors, clockify_webhook, setup
from . import clockify_shapes as shapes
from .base import Connector, path_id
from .clockify_expense import Expenses
from .clockify_report import Entries
from .clockify_setup import ProjectSetup
from .clockify_webhook import HEX_ID
from .errors import ConnectorError
from .http import Answer
from .parts import CheckItem, Outcome, Page, Record, SecretField
from .probe import clock_item, probe
from .row_windows import of_days
from .times import parse_iso

# canonical entity -> (path below the workspace, what else to ask for)
LISTS: dict[str, tuple[str, dict]] = {
    "employee": ("/users", {"status": "ALL", "memberships": "WORKSPACE", "sort-column": "ID"}),
    "customer": ("/clients", {}),
    "project": ("/projects", {"sort-column": "ID"}),
}
SIZE = 200  # rows of a list's page
PROJECTS = 20  # projects whose tasks make one page
DAY = timedelta(days=1)
ROLES = ("WORKSPACE_ADMIN", "OWNER")  # that see the whole workspace


class Clockify(Connector):
    """One Clockify workspace."""

    product = "clockify"
    label = "Clockify"
    default_base_url = "https://api.clockify.me/api/v1"
    auth = (
        SecretField("api_key", "API key", True),
        SecretField("webhook_token", "Signing tokens of the webhooks"),
    )
    entities_in = (*LISTS, "task", "time_entry", "expense")
    entities_out = ("project",)
    lists: ClassVar = {"time_entry": "date", "expense": "date"}
    # 50 a second are said of add-ons; of keys nothing, except 30 an hour on the free plan
    pace: ClassVar = {"default": (10, 1.0)}
    renews_with = ()
    batch_read = 10
    batch_write = 1
    webhook_secret_field = "webhook_token"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._people: dict[str, dict] | None = None
        self.approvers: dict[str, str | None] = {}  # by approval request, as far as looked for
        self.entries = Entries(self)
        self.expenses = Expenses(self)

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        return {"X-Api-Key": self._secret("api_key")}

    def _error_from(self, answer, write):
        return clockify_errors.from_answer(answer, write)

    def workspace(self) -> str:
        """The path of the workspace.

        :raise ConnectorError: kind ``sign_in``, code ``account_not_set``.
        """
        key = str(self.settings.get("account_id") or "")
        if not key:
            raise ConnectorError("sign_in", "account_not_set")
        return f"/workspaces/{path_id(key, HEX_ID)}"

    def account_id(self) -> str:
        """The workspace's id, as it says itself."""
        body = self._call("GET", self.workspace()).details()
        if not isinstance(body.get("id"), str):
            raise ConnectorError("schema", "no_account")
        return body["id"]

    def check(self) -> list[CheckItem]:
        """Key, clock, environment, workspace, administrator's role, features of the plan, each list.

        Who is no administrator sees only part of the entries, in silence: totals would be wrong.
        """
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self._call("GET", "/user"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        trial = urlsplit(self.base_url).hostname == "developer.clockify.me"
        if trial:
            items.append(CheckItem("environment", not self.settings.get("live_mode")))
        named = {"account_id": str(self.settings.get("account_id") or "")}
        space = probe(items, "account", lambda: self._call("GET", self.workspace()), named)
        if space is None:
            return items
        features = space.details().get("features") or ()
        for feature in ("APPROVAL", "EXPENSES"):
            items.append(CheckItem("feature", feature in features, {"feature": feature}))
        items.append(self._role())
        paths = {
            **{entity: path for entity, (path, _query) in LISTS.items()},
            "expense": "/expenses",
        }
        for entity, path in paths.items():
            probe(
                items,
                "read",
                lambda path=path: self._call(
                    "GET", self.workspace() + path, query={"page": 1, "page-size": 1}
                ),
                {"entity": entity},
            )
        probe(items, "read", self._try_report, {"entity": "time_entry"})
        return items

    def _try_report(self) -> Answer:
        now = self.clock()
        (window,) = shapes.windows(now - DAY, now)
        return self.entries.answer("detailed", window, "ALL", self.entries.detailed(1, 1))

    def _role(self) -> CheckItem:
        """Whether the key's owner administrates the workspace. Owners do not count as administrators here."""
        wanted = {"wanted": "administrator", "role": "administrator"}
        try:
            mine = [
                row
                for role in ROLES
                for row in self._call("GET", "/workspaces", query={"roles": role}).json()
                if row["id"] == self.settings.get("account_id")
            ]
        except ConnectorError as error:
            return CheckItem("role", False, {**wanted, "kind": error.kind, "error": error.code})
        except (TypeError, KeyError):
            return CheckItem("role", False, {**wanted, "kind": "schema", "error": "no_list"})
        return CheckItem("role", bool(mine), wanted)

    @classmethod
    def verify(cls, request, secrets, settings, now):
        """See :mod:`.clockify_webhook`."""
        clockify_webhook.check_token(request, secrets)
        return clockify_webhook.read(request, settings, now)

    # -- calls --------------------------------------------------------------------------------

    def elsewhere(self, base: str, path: str, body: dict) -> Answer:
        """A reading call to the reports, which may have a host of their own. Of Clockify's: the base is
        made from ours or is a constant."""
        return self.session.call(
            "POST",
            self.session.join(base, path),
            headers=self._sign_in_headers(),
            json=body,
            write=False,
            classify=self._error_from,
        )

    def rows(self, path: str, query: Mapping[str, Any]) -> tuple[list[dict], bool]:
        """One page of a list below the workspace, and whether it is the last (``Last-Page``)."""
        answer = self._call("GET", self.workspace() + path, query=query)
        rows = answer.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConnectorError("schema", "no_list", params={"list": path.rsplit("/", 1)[-1]})
        said = (answer.headers.get("Last-Page") or "").lower()
        return rows, said == "true" or (said != "false" and len(rows) < query["page-size"])

    def every(self, path: str, query: Mapping[str, Any] | None = None) -> list[dict]:
        """All rows of a list."""
        rows: list[dict] = []
        page, last = 1, False
        while not last:
            part, last = self.rows(path, {"page-size": SIZE, **(query or {}), "page": page})
            rows += part
            page += 1
        return rows

    def one(self, path: str) -> dict | None:
        """One record below the workspace; None if it is not there (any more)."""
        try:
            row = self._call("GET", self.workspace() + path).json()
        except ConnectorError as error:
            if error.kind == "reference":
                return None
            raise
        if not isinstance(row, dict) or not row.get("id"):
            raise ConnectorError("schema", "no_record")
        return row

    def people(self) -> dict[str, dict]:
        """Users by id, read once: their zones say on which day an entry was."""
        if self._people is None:
            path, query = LISTS["employee"]
            rows = self.every(path, query)
            space = str(self.settings.get("account_id"))
            self._people = {row["id"]: shapes.person(row, space) for row in rows}
        return self._people

    def begun(self, now: datetime) -> datetime:
        """When what was just read was asked for, by the earlier of both clocks."""
        return self._begun(now)

    def first_day(self) -> datetime | None:
        """The day before the start date, so that no zone cuts into it; None without one."""
        start = parse_iso(self.settings.get("start_date"))
        return start - DAY if start else None

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """The next page; lists are read whole each time."""
        cursor = dict(cursor or {})
        if entity == "time_entry":
            return self.entries.poll(cursor, now)
        page = int(cursor.get("page") or 1)
        if entity == "expense":
            records, last = self.expenses.page(page)
        elif entity == "task":
            query = {"page": page, "page-size": PROJECTS, "sort-column": "ID"}
            projects, last = self.rows("/projects", query)
            records = [
                self._record("task", row)
                for project in projects
                for row in self.every(f"/projects/{path_id(project['id'], HEX_ID)}/tasks")
            ]
        else:
            path, query = LISTS[entity]
            rows, last = self.rows(path, {**query, "page": page, "page-size": SIZE})
            records = [self._record(entity, row) for row in rows]
        return Page(records, {} if last else {"page": page + 1}, not last)

    def _record(self, entity: str, row: dict) -> Record:
        if not isinstance(row.get("id"), str):
            raise ConnectorError("schema", "no_id")
        key, payload = row["id"], row
        if entity == "employee":
            payload = shapes.person(row, str(self.settings.get("account_id")))
        elif entity in ("project", "task"):
            payload = shapes.project(row)
        if entity == "task":
            # as entries name it in ``project_task``
            key = f"{row.get('projectId')}/{row['id']}"
        return Record(entity, key, None, None, strict_json.dumps(payload))

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id. A deleted one is left out."""
        keys = [key for key in dict.fromkeys(map(str, ids)) if _proper(entity, key)]
        if entity == "time_entry":
            return self.entries.fetch(keys)
        if entity == "expense":
            return self.expenses.fetch(keys)
        if not keys:
            return {}
        if entity == "employee":
            rows = self.every(*LISTS["employee"])
            return {row["id"]: self._record(entity, row) for row in rows if row.get("id") in keys}
        found = {}
        for key in keys:
            if entity == "task":
                project, _, task = key.partition("/")
                row = self.one(f"/projects/{project}/tasks/{task}")
            else:
                row = self.one(f"{LISTS[entity][0]}/{key}")
            if row is not None:
                found[key] = self._record(entity, row)
        return found

    def sweep(self, entity: str, date_from: date, date_to: date) -> set[str]:
        """Ids of all entries (``time_entry``, ``expense``) of a period, and some around it.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``, unless Clockify's own count
            agrees: only a proven list may say that what it lacks was deleted.
        """
        if entity == "expense":
            return self.expenses.ids()
        start, end = shapes.midnight(date_from) - DAY, shapes.midnight(date_to) + 2 * DAY
        return self.entries.ids(start, end)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Entries and expenses by their day."""
        if entity not in self.lists:
            yield from super().listing(entity, since, until)
            return
        start, end = shapes.midnight(since.date()) - DAY, shapes.midnight(until.date()) + 2 * DAY
        parts = self.expenses.listing() if entity == "expense" else self.entries.listing(start, end)
        yield from of_days(parts, since, until)

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Set projects up, one after the other: see :mod:`.clockify_setup`."""
        return setup.projects(entity, writes, lambda: ProjectSetup(self._below, self.every))

    def _below(self, method: str, path: str, **options) -> Answer:
        return self._call(method, self.workspace() + path, **options)


def _proper(entity: str, key: str) -> bool:
    try:
        path_id(key, f"{HEX_ID}/{HEX_ID}" if entity == "task" else HEX_ID)
    except ConnectorError:
        return False
    return True
