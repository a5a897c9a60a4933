"""Tempo Timesheets with Jira Cloud: people, accounts and worklogs with their approval in; accounts out.

Two interfaces make one system: Jira tells who people are and what an issue is about, Tempo has the time. The system's
address is Jira's (``https://<site>.atlassian.net``, or ``https://api.atlassian.com/ex/jira/<cloud id>`` for API tokens
with scopes); Tempo's own is the same for all sites. An address that is none of Atlassian's speaks both (a sandbox).

Settings: ``account_id`` (host of the Jira site), ``start_date`` (ISO date of the oldest day of work to read),
``overlap_seconds`` (300). Secrets: ``tempo_token``, ``jira_email``, ``jira_token``.

Tempo accounts are our projects. Lists are read whole, worklogs by :mod:`.tempo_worklogs`. A record carries no version:
an approval moves none of a worklog's times, and the engine knows by the content what is new. What was deleted is listed
by Tempo's audit. Tempo has no webhooks of its own; those of Jira tell of worklogs without Tempo's account, billable
seconds and approval, so they are left out.

Source: Tempo REST API documentation version 4 ("Authentication", "Accounts", "Customers", "Worklogs"); Tempo Audit API
documentation version 1.0 ("Retrieve deleted worklogs"); Tempo Help Center, "Using REST API integrations" (scopes of a
token); Tempo Knowledge Base, "Best Practices for Tempo Cloud REST API"; Jira Cloud platform REST API, version 3
("Basic auth for REST APIs", "Get current user", "Get server info").
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from ..core import strict_json
from . import setup, tempo_errors, tempo_memory
from .base import Connector, path_id
from .errors import ConnectorError
from .http import Answer
from .parts import CheckItem, Outcome, Page, Record, SecretField
from .probe import clock_item, probe
from .row_windows import of_days
from .tempo_directory import Directory, account
from .tempo_setup import AccountSetup
from .tempo_worklogs import Worklogs
from .times import iso, parse_iso

TEMPO = "https://api.tempo.io"
ATLASSIAN = (".atlassian.net", ".atlassian.com")
SIZE = 1000  # rows of a list's page
DELETED = 500  # deletions of a page
DELETED_SINCE = timedelta(days=35)  # how far back deletions are asked for at first
LONG_NUMBER = r"[1-9][0-9]{0,18}"
ACCOUNT_ID = r"[A-Za-z0-9:_-]{1,128}"
ONE = {"limit": 1}
# canonical entity -> list below Tempo's version
LISTS = {"customer": "/customers", "project": "/accounts"}


class Tempo(Connector):
    """One Jira site with Tempo."""

    product = "tempo"
    label = "Tempo Timesheets"
    default_base_url = "https://your-site.atlassian.net"
    origins = (TEMPO,)
    auth = (
        SecretField("tempo_token", "Tempo API token", True),
        SecretField("jira_email", "E-mail of the Atlassian account", True),
        SecretField("jira_token", "Atlassian API token", True),
    )
    entities_in = ("employee", *LISTS, "time_entry")
    entities_out = ("project",)
    lists: ClassVar = {"time_entry": "date"}
    # Tempo lets 5 calls a second through, whoever makes them; Jira's limits are told by its 429
    pace: ClassVar = {"default": (5, 1.0), "jira": (10, 1.0)}
    renews_with = ()
    batch_read = 10
    batch_write = 1

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.known = tempo_memory.nothing(self)
        self.worklogs = Worklogs(self)

    @property
    def directory(self) -> Directory:
        """People, accounts and issues that are known."""
        return self.known.directory

    # -- calls --------------------------------------------------------------------------------

    def _error_from(self, answer, write):
        return tempo_errors.from_answer(answer, write)

    def jira(self, method: str, path: str, **options) -> Answer:
        """A call to Jira, version 3."""
        pair = f"{self._secret('jira_email')}:{self._secret('jira_token')}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return self._call(method, f"/rest/api/3{path}", headers=headers, bucket="jira", **options)

    def tempo(self, method: str, path: str, root: str = "/4", **options) -> Answer:
        """A call to Tempo, version 4; its audit is an interface of its own."""
        here = (urlsplit(self.base_url).hostname or "").endswith(ATLASSIAN)
        base = TEMPO if here else self.base_url
        headers = {"Authorization": f"Bearer {self._secret('tempo_token')}"}
        return self._call(method, root + path, headers=headers, base=base, **options)

    def rows(self, method: str, path: str, **options) -> tuple[list[dict], bool]:
        """Rows of one answer of Tempo, and whether more follow."""
        if method == "POST":
            options["write"] = False
        return _results(self.tempo(method, path, **options))

    def every(self, path: str, json: Any = None) -> list[dict]:
        """All rows of a list, or of a search (a POST that changes nothing)."""
        rows: list[dict] = []
        method, more = ("GET" if json is None else "POST"), True
        while more:
            query = {"offset": len(rows), "limit": SIZE}
            part, more = self.rows(method, path, query=query, json=json)
            rows, more = rows + part, more and bool(part)
        return rows

    def one(self, path: str, name: str = "id") -> dict | None:
        """One record of Tempo; None if it is not there (any more)."""
        try:
            row = self.tempo("GET", path).json()
        except ConnectorError as error:
            if error.kind == "reference":
                return None
            raise
        if not isinstance(row, dict) or not row.get(name):
            raise ConnectorError("schema", "no_record")
        return row

    @staticmethod
    def user_path(user: str) -> str:
        """An accountId inside a path."""
        return quote(path_id(user, ACCOUNT_ID), safe=":")

    def begun(self, now: datetime) -> datetime:
        """When what was just read was asked for, by the earlier of both clocks."""
        return self._begun(now)

    def start(self) -> datetime | None:
        """The first day of work that is read; None for three years back."""
        return parse_iso(self.settings.get("start_date"))

    # -- connecting ---------------------------------------------------------------------------

    def account_id(self) -> str:
        """The host of the Jira site, as it says itself: calls may go by another address."""
        return _site(self.jira("GET", "/serverInfo"))

    def check(self) -> list[CheckItem]:
        """Both tokens, clock, site, and each scope that a stream reads by, by the product's own name of it.

        A token of Tempo sees what its user sees: worklogs of people whom it may not view are left out in silence,
        and no interface tells that.
        """
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self.jira("GET", "/myself"), {"api": "Jira"})
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        worklogs = self._probe_tempo(items, "Worklogs: View", "/worklogs")
        items.append(self._site_item(worklogs))
        for scope, path in (
            ("Accounts: View", "/accounts"),
            ("Periods: View", "/periods"),
            ("Approvals: View", "/timesheet-approvals/waiting"),
        ):
            self._probe_tempo(items, scope, path)
        # what can be done without: teams save calls, and not every form of a token offers the audit
        self._probe_tempo(items, "Teams: View", "/teams", needed=False)
        named = {"scope": "Tempo: Audit (deleted worklogs)"}
        since = self.clock() - DELETED_SINCE
        probe(items, "read", lambda: self._deleted(since), named, needed=False)
        for scope, path, query in (
            ("Jira: Browse users and groups", "/users/search", {"maxResults": 1}),
            ("Jira: Browse Projects", "/project/search", {"maxResults": 1}),
            ("Jira: fields", "/field", None),
        ):
            probe(items, "read", lambda p=path, q=query: self._jira_read(p, q), {"scope": scope})
        return items

    def _probe_tempo(
        self, items: list[CheckItem], scope: str, path: str, needed: bool = True
    ) -> Answer | None:
        today = self.clock().date().isoformat()
        query = {"from": today, "to": today} if path == "/periods" else ONE

        def call() -> Answer:
            answer = self.tempo("GET", path, query=query)
            if path != "/periods":
                _results(answer)
            return answer

        return probe(items, "read", call, {"scope": f"Tempo: {scope}"}, needed)

    def _jira_read(self, path: str, query: dict | None) -> Answer:
        """A list that is empty because the user may not browse is a missing right, too."""
        answer = self.jira("GET", path, query=query)
        body = answer.json()
        rows = body.get("values") if isinstance(body, dict) else body
        if not isinstance(rows, list):
            raise ConnectorError("schema", "no_list", params={"list": path.rsplit("/", 1)[-1]})
        if not rows:
            raise ConnectorError("permission", "not_allowed")
        return answer

    def _site_item(self, worklogs: Answer | None) -> CheckItem:
        """Whether both tokens are of the site that is set here: ids of another site would name other issues."""
        wanted = str(self.settings.get("account_id") or "").strip().casefold()
        said = {"account_id": wanted}
        if not wanted:
            return CheckItem(
                "account", False, {**said, "kind": "sign_in", "error": "account_not_set"}
            )
        try:
            sites = {self.account_id()}
            for row in _results(worklogs)[0] if worklogs else ():
                link = str((row.get("author") or {}).get("self") or "")
                host = (urlsplit(link).hostname or "").casefold()
                sites |= {host} if host.endswith(".atlassian.net") else set()
        except ConnectorError as error:
            return CheckItem("account", False, {**said, "kind": error.kind, "error": error.code})
        wrong = {"kind": "sign_in", "error": "other_account"} if sites != {wanted} else {}
        return CheckItem("account", not wrong, {**said, **wrong})

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """The next page; lists are read whole each time."""
        if entity == "time_entry":
            return self.worklogs.poll(dict(cursor or {}), now)
        if entity == "employee":
            rows = list(self.directory.people().values())
        elif entity == "project":
            rows = list(self.directory.accounts().values())
        else:
            rows = self.every(LISTS[entity])
        return Page([_record(entity, row) for row in rows], {}, False)

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Worklogs that Tempo's audit lists as deleted. A token that may not see it lists none."""
        cursor = dict(cursor or {})
        if entity != "time_entry":
            return Page([], {}, False)
        since = parse_iso(cursor.get("since")) or now - DELETED_SINCE
        try:
            answer = self._deleted(since, cursor.get("after"))
        except ConnectorError as error:
            if error.kind != "permission":
                raise
            return Page([], cursor, False)
        rows, _more = _results(answer)
        after = (answer.json().get("metadata") or {}).get("lastEvaluatedKey")
        started = cursor.get("started") or iso(self._begun(now), 0)
        records = [_gone(row) for row in rows]
        if after and after != cursor.get("after"):
            return Page(records, {"since": iso(since, 0), "started": started, "after": after}, True)
        overlap = timedelta(seconds=int(self.settings.get("overlap_seconds") or 300))
        return Page(records, {"since": iso(parse_iso(started) - overlap, 0)}, False)

    def _deleted(self, since: datetime, after: str | None = None) -> Answer:
        query = {"updatedFrom": iso(since, 0).rstrip("Z"), "limit": DELETED}
        if after:
            query["lastEvaluatedKey"] = after
        answer = self.tempo("GET", "/events/deleted/types/worklog", "/audit/1", query=query)
        _results(answer)
        return answer

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id. A deleted one is left out."""
        pattern = ACCOUNT_ID if entity == "employee" else LONG_NUMBER
        keys = [key for key in dict.fromkeys(map(str, ids)) if re.fullmatch(pattern, key)]
        if entity == "time_entry":
            return self.worklogs.fetch(keys)
        found: dict[str, Record] = {}
        for key in keys:
            if entity == "employee":
                row = self.directory.people().get(key)
            else:
                row = self.one(f"{LISTS[entity]}/{key}")
                row = account(row) if row and entity == "project" else row
            if row is not None:
                found[key] = _record(entity, row)
        return found

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Worklogs by their day."""
        if entity not in self.lists:
            yield from super().listing(entity, since, until)
            return
        parts = self.worklogs.listing(since, until + timedelta(days=1))
        yield from of_days(parts, since, until)

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Set accounts up, one after the other: see :mod:`.tempo_setup`."""
        return setup.projects(entity, writes, lambda: AccountSetup(self))


def _results(answer: Answer) -> tuple[list[dict], bool]:
    """Rows of Tempo's answer, and whether ``metadata`` names a next page."""
    body = answer.json()
    rows = body.get("results") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConnectorError("schema", "no_list", params={"list": "results"})
    return rows, bool((body.get("metadata") or {}).get("next"))


def _site(answer: Answer) -> str:
    host = urlsplit(str(answer.details().get("baseUrl") or "")).hostname
    if not host:
        raise ConnectorError("schema", "no_account")
    return host.casefold()


def _record(entity: str, row: dict) -> Record:
    if not row.get("id"):
        raise ConnectorError("schema", "no_id")
    payload = {name: value for name, value in row.items() if name != "self"}
    return Record(entity, str(row["id"]), None, None, strict_json.dumps(payload))


def _gone(row: dict) -> Record:
    # an example shows the id as a text, the description says a number
    key = path_id(row.get("tempoWorklogId"), LONG_NUMBER)
    payload = strict_json.dumps({"id": key, "deleted": True})
    return Record("time_entry", key, None, parse_iso(row.get("deletedAt")), payload, deleted=True)
