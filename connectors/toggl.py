"""Toggl Track: people, clients, projects, tasks and time in; projects out.

Settings: ``account_id`` (workspace id), ``start_date`` (ISO date of the oldest day of work to read), ``time_zone`` (of
people whose profile has none), ``overlap_seconds`` (300).
Secrets: ``api_token``; ``webhook_secret`` (one or several, see :mod:`.toggl_webhook`).

Lists are read whole, entries by windows (:mod:`.toggl_report`). A record carries no version: an approval moves none
of an entry's times, and the engine knows by the content what is new.

Source: Toggl Track API documentation, "Authentication", "Overview" (rate limiting, API quotas), "Me", "Workspaces",
"Clients", "Projects", "Tasks", "Organizations" (workspace users), "Detailed reports", "Approvals".
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from ..core import strict_json
from . import setup, toggl_errors, toggl_webhook
from .base import Connector, path_id
from .clockify_shapes import midnight, windows
from .errors import ConnectorError
from .http import Answer
from .parts import Allowance, CheckItem, Outcome, Page, Record, SecretField
from .probe import clock_item, probe
from .row_windows import of_days
from .times import parse_iso
from .toggl_report import Entries
from .toggl_setup import ProjectSetup

SIZE = 200  # rows of a list's page: the most that projects give
QUOTAS = (30, 240, 600)  # calls in an hour of the plans Free, Starter, Premium
DAY = timedelta(days=1)
# canonical entity -> (path below the workspace, what else to ask for, whether it has pages)
LISTS: dict[str, tuple[str, dict, bool]] = {
    "customer": ("/clients", {"status": "both"}, False),
    "project": ("/projects", {"active": "both"}, True),
    "task": ("/tasks", {"active": "both"}, True),
}
NUMBER = r"[1-9][0-9]{0,17}"


class Toggl(Connector):
    """One workspace of Toggl Track."""

    product = "toggl"
    label = "Toggl Track"
    default_base_url = "https://api.track.toggl.com"
    auth = (
        SecretField("api_token", "API token", True),
        SecretField("webhook_secret", "Secrets of the webhooks"),
    )
    entities_in = ("employee", *LISTS, "time_entry")
    entities_out = ("project",)
    lists: ClassVar = {"time_entry": "date"}
    # a leaky bucket; the quota of the hour is told by the answers
    pace: ClassVar = {"default": (1, 1.0)}
    renews_with = ()
    batch_read = 100
    batch_write = 1
    webhook_secret_field = "webhook_secret"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._people: dict[str, dict] | None = None
        self.entries = Entries(self)

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        pair = f"{self._secret('api_token')}:api_token".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _error_from(self, answer, write):
        return toggl_errors.from_answer(answer, write)

    def _allowances(self, answer: Answer) -> Sequence[Allowance]:
        """What is left of the hour's quota. Its size depends on the plan and is not told: the smallest that fits."""
        left = toggl_errors.number(answer.headers.get("X-Toggl-Quota-Remaining"))
        seconds = toggl_errors.number(answer.headers.get("X-Toggl-Quota-Resets-In"))
        if left is None or not seconds:
            return ()
        most = next((quota for quota in QUOTAS if quota >= left), int(left))
        return (Allowance(int(left), most, min(seconds, toggl_errors.HOUR)),)

    def workspace(self) -> str:
        """The workspace's id.

        :raise ConnectorError: kind ``sign_in``, code ``account_not_set``.
        """
        key = str(self.settings.get("account_id") or "")
        if not key:
            raise ConnectorError("sign_in", "account_not_set")
        return path_id(key, NUMBER)

    def account_id(self) -> str:
        """The workspace's id, as it says itself."""
        return str(self._space()["id"])

    def _space(self) -> dict:
        body = self.below("GET", "").json()
        if not isinstance(body, dict) or not isinstance(body.get("id"), int):
            raise ConnectorError("schema", "no_account")
        return body

    def check(self) -> list[CheckItem]:
        """Token, clock, workspace, administrator's role, approvals, each list.

        Who is no administrator sees only part of the entries, in silence: totals would be wrong.
        """
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self._call("GET", "/api/v9/me"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        named = {"account_id": str(self.settings.get("account_id") or "")}
        space = probe(items, "account", lambda: self.below("GET", ""), named)
        if space is None:
            return items
        details = space.details()
        admin = details.get("admin") is True or details.get("role") == "admin"
        items.append(CheckItem("role", admin, {"wanted": "administrator"}))
        feature = {"feature": "approvals"}
        probe(items, "feature", lambda: self.below("GET", "/timesheets", query=ONE), feature)
        for entity, (path, query, pages) in LISTS.items():
            asked = {**query, **(ONE if pages else {})}
            probe(
                items,
                "read",
                lambda path=path, asked=asked: self.below("GET", path, query=asked),
                {"entity": entity},
            )
        probe(items, "read", lambda: self._members(details), {"entity": "employee"})
        probe(items, "read", self._try_report, {"entity": "time_entry"})
        return items

    def _try_report(self) -> Answer:
        now = self.clock()
        (window,) = windows(now - DAY, now)
        return self.entries.answer(window, page_size=1)

    @classmethod
    def verify(cls, request, secrets, settings, now):
        """See :mod:`.toggl_webhook`."""
        toggl_webhook.check_signature(request, secrets)
        return toggl_webhook.read(request, settings)

    @classmethod
    def reply(cls, request):
        """A ping that wants the address validated gets its code back."""
        code = toggl_webhook.validation(request)
        if code is None:
            return super().reply(request)
        return 200, strict_json.dumps({"validation_code": code}), "application/json"

    # -- calls --------------------------------------------------------------------------------

    def below(self, method: str, path: str, **options) -> Answer:
        """A call below the workspace."""
        return self._call(method, f"/api/v9/workspaces/{self.workspace()}{path}", **options)

    def report(self, path: str, body: dict) -> Answer:
        """A question to the reports of the workspace: a POST that changes nothing."""
        where = f"/reports/api/v3/workspace/{self.workspace()}{path}"
        return self._call("POST", where, json=body, write=False)

    def rows(self, path: str, query: Mapping[str, Any]) -> list[dict]:
        """The rows of one answer below the workspace. An empty list is ``null`` there."""
        body = self.below("GET", path, query=query).json()
        rows = body.get("data", body) if isinstance(body, dict) else body
        rows = [] if rows is None else rows
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConnectorError("schema", "no_list", params={"list": path.rsplit("/", 1)[-1]})
        return rows

    def every(self, path: str, query: Mapping[str, Any] | None = None, pages: bool = False):
        """All rows of a list."""
        if not pages:
            return self.rows(path, query or {})
        rows: list[dict] = []
        page, full = 1, True
        while full:
            part = self.rows(path, {**(query or {}), "page": page, "per_page": SIZE})
            rows, full, page = rows + part, len(part) >= SIZE, page + 1
        return rows

    def one(self, path: str) -> dict | None:
        """One record below the workspace; None if it is not there (any more)."""
        try:
            row = self.below("GET", path).json()
        except ConnectorError as error:
            if error.kind == "reference":
                return None
            raise
        if not isinstance(row, dict) or not row.get("id"):
            raise ConnectorError("schema", "no_record")
        return row

    def _members(self, space: Mapping) -> Answer:
        """The members of the workspace: their list belongs to its organization."""
        organization = path_id(space.get("organization_id"), NUMBER)
        place = f"/api/v9/organizations/{organization}/workspaces/{self.workspace()}"
        return self._call("GET", f"{place}/workspace_users")

    def people(self) -> dict[str, dict]:
        """Members of the workspace by their user's id, read once: their zones say on which day an entry was."""
        if self._people is None:
            rows = self._members(self._space()).json()
            if not isinstance(rows, list):
                raise ConnectorError("schema", "no_list", params={"list": "workspace_users"})
            self._people = {person["id"]: person for person in map(_person, rows)}
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
        if entity == "employee":
            return Page([_record(entity, row) for row in self.people().values()], {}, False)
        path, query, pages = LISTS[entity]
        page = int(cursor.get("page") or 1)
        asked = {**query, **({"page": page, "per_page": SIZE} if pages else {})}
        rows = self.rows(path, asked)
        more = pages and len(rows) >= SIZE
        records = [_record(entity, row) for row in rows]
        return Page(records, {"page": page + 1} if more else {}, more)

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id. A deleted one is left out."""
        keys = [key for key in dict.fromkeys(map(str, ids)) if _proper(entity, key)]
        if entity == "time_entry":
            return self.entries.fetch(keys)
        found: dict[str, Record] = {}
        for key in keys:
            if entity == "employee":
                row = self.people().get(key)
            elif entity == "task":
                project, _, task = key.partition("/")
                row = self.one(f"/projects/{project}/tasks/{task}")
            else:
                row = self.one(f"{LISTS[entity][0]}/{key}")
            if row is not None:
                found[key] = _record(entity, row)
        return found

    def sweep(self, entity: str, date_from: date, date_to: date) -> set[str]:
        """Ids of all entries of a period, and some around it.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``, unless Toggl's own sum agrees:
            only a proven list may say that what it lacks was deleted.
        """
        return self.entries.ids(date_from, date_to)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Entries by their day."""
        if entity not in self.lists:
            yield from super().listing(entity, since, until)
            return
        start, end = midnight(since.date()) - DAY, midnight(until.date()) + 2 * DAY
        yield from of_days(self.entries.listing(start, end), since, until)

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Set projects up, one after the other: see :mod:`.toggl_setup`."""
        return setup.projects(entity, writes, lambda: ProjectSetup(self))


ONE = {"page": 1, "per_page": 1}


def _person(row: Mapping) -> dict:
    """A member: who it is, whether it still works here, its zone and rates."""
    key = row.get("user_id") or row.get("uid") if isinstance(row, dict) else None
    if not isinstance(key, int):
        raise ConnectorError("schema", "no_id")
    cost = row.get("labor_cost")
    return {
        "id": str(key),
        "name": row.get("name"),
        "email": row.get("email"),
        "active": not row.get("inactive"),
        "timezone": row.get("timezone"),
        "rate": row.get("rate"),
        "labor_cost": row.get("labour_cost") if cost is None else cost,
    }


# what moves with each hour that is tracked, or is another one's view of the record
MOVING = ("actual_hours", "actual_seconds", "tracked_seconds", "at", "permissions", "pinned")


def _record(entity: str, row: Mapping) -> Record:
    if not row.get("id"):
        raise ConnectorError("schema", "no_id")
    key, payload = str(row["id"]), {k: v for k, v in row.items() if k not in MOVING}
    if entity == "task":
        # as entries name it in ``project_task``
        key = f"{row.get('project_id')}/{key}"
    return Record(entity, key, None, None, strict_json.dumps(payload))


def _proper(entity: str, key: str) -> bool:
    try:
        path_id(key, f"{NUMBER}/{NUMBER}" if entity == "task" else NUMBER)
    except ConnectorError:
        return False
    return True
