"""Salesforce: accounts, contacts, opportunities with their products, users and products in; fields out.

Settings: ``account_id`` (the organisation's id, 00D…), ``live_mode`` (a production org), ``client_id`` (consumer key),
``start_date`` (ISO date of the oldest change to read), ``overlap_seconds`` (how far a poll looks back, 600),
``properties`` (``{entity: [further field names]}``), ``written`` (``{entity: [field names]}`` to be checked).
Secrets: ``private_key`` and ``username`` (JWT bearer), or ``consumer_secret`` (client credentials).

Source: Salesforce REST API Developer Guide ("Query", "sObject Get Deleted", "sObject Collections", "List Available
REST API Versions", "Limit Info Header"); Object Reference ("Organization"). See the other ``salesforce_*`` modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from . import salesforce_auth as signing
from . import salesforce_errors, salesforce_webhook
from .base import Connector
from .errors import ConnectorError
from .oauth import read_token
from .parts import CheckItem, Notice, Outcome, Page, Record, SecretField, TokenAnswer
from .probe import clock_item, probe
from .salesforce_objects import (
    API_VERSION,
    DATA,
    DELETED,
    LINES,
    OBJECTS,
    moment,
    quoted,
    record_id,
    same_id,
)
from .salesforce_read import PAGE, SalesforceReader
from .salesforce_write import BATCH, SalesforceWriter
from .times import answered_at, iso, parse_iso

# A long transaction shows its rows when it ends, with the time at which each was written.
OVERLAP = 600
DELETIONS_KEPT = timedelta(days=14)  # Salesforce says 15 days
DELETIONS_EVERY = timedelta(minutes=10)


class Salesforce(Connector):
    """One Salesforce org."""

    product = "salesforce"
    label = "Salesforce"
    default_base_url = "https://your-domain.my.salesforce.com"
    auth = (
        SecretField("private_key", "Private key (JWT bearer)"),
        SecretField("username", "Username (JWT bearer)"),
        SecretField("consumer_secret", "Consumer secret (client credentials)"),
    )
    renews_with: ClassVar = ("private_key", "consumer_secret")
    entities_in = tuple(OBJECTS)
    entities_out = ("opportunity", "customer")
    lists: ClassVar = dict.fromkeys(OBJECTS, "changed")
    # No limit by the second is told; 25 long calls may run at one time. The day's limit is in each answer.
    pace: ClassVar = {"default": (20, 1.0)}
    batch_read = 200
    batch_write = BATCH
    mapped_names: ClassVar = r"\b([A-Za-z]\w*)\b"
    webhook_path_hint = "salesforce"
    ok_body = salesforce_webhook.ACKNOWLEDGED
    ok_type = "text/xml; charset=utf-8"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        scope = (self.base_url, str(self.settings.get("client_id") or ""))
        extra = self.settings.get("properties")
        self.reader = SalesforceReader(self._call, scope, extra, self.clock)
        self.writer = SalesforceWriter(self._call, self.reader)

    # -- signing in ---------------------------------------------------------------------------

    def _live(self) -> bool:
        return bool(self.settings.get("live_mode"))

    def _sign_in_headers(self) -> dict[str, str]:
        signing.require_environment(self.base_url, self._live())
        return {"Authorization": f"Bearer {self._secret('access_token')}"}

    def _error_from(self, answer, write):
        self.answered = answered_at(answer.headers, self.clock())
        return salesforce_errors.from_answer(answer, write)

    def _allowances(self, answer):
        return salesforce_errors.allowances(answer)

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """An access token, by a signed assertion if there is a key, else by client credentials.

        An assertion that our wrong clock made too old or too young is signed again by Salesforce's clock.
        """
        signing.require_environment(self.base_url, self._live())
        if not secrets.get("private_key"):
            return self._token(secrets, self.clock())
        try:
            return self._token(secrets, self.clock())
        except ConnectorError as error:
            theirs = self.answered
            if error.code not in ("assertion_refused", "reconnect") or theirs is None:
                raise
            if abs((theirs - self.clock()).total_seconds()) < 60:
                raise
        return self._token(secrets, theirs)

    def _token(self, secrets: Mapping[str, str], now: datetime) -> TokenAnswer:
        def needed(name: str, values: Mapping) -> str:
            value = str(values.get(name) or "").strip()
            if not value:
                raise ConnectorError("sign_in", "secret_missing", params={"secret": name})
            return value

        def classify(answer, write):
            self.answered = answered_at(answer.headers, self.clock())
            return signing.token_error(answer, write)

        consumer = needed("client_id", self.settings)
        if secrets.get("private_key"):
            audience = signing.audience(self.base_url, self._live())
            username = needed("username", secrets)
            signed = signing.assertion(secrets["private_key"], consumer, username, audience, now)
            form = [("grant_type", signing.GRANT_JWT), ("assertion", signed)]
        else:
            secret = needed("consumer_secret", secrets)
            form = [("grant_type", "client_credentials"), ("client_id", consumer)]
            form.append(("client_secret", secret))
        url = self.session.join(self.base_url, signing.TOKEN)
        answer = self.session.call("POST", url, form=form, write=False, classify=classify)
        signing.require_instance(answer, self.base_url, self.settings)
        return read_token(answer, self.clock())

    def account_id(self) -> str:
        """The organisation's id."""
        return record_id(self._organization().get("Id"))

    def _organization(self) -> dict:
        fields = ["Id", "Name", "IsSandbox", "OrganizationType", "InstanceName"]
        soql = f"SELECT {', '.join(fields)} FROM Organization"
        rows = self.reader.query(soql)["records"]
        if len(rows) != 1:
            raise ConnectorError("schema", "no_account")
        return rows[0]

    # -- "Test connection" ----------------------------------------------------------------------

    def check(self) -> list[CheckItem]:
        """Organisation, environment, clock, version, each object and field, and the calls left today."""
        items: list[CheckItem] = []
        if not self.secrets.get("access_token"):
            try:
                self.secrets = {**self.secrets, "access_token": self.refresh(self.secrets).access}
            except ConnectorError as error:
                failed = {"kind": error.kind, "error": error.code, "status": error.status}
                return [CheckItem("sign_in", False, {**failed, **error.params})]
        soql = "SELECT Id, Name, IsSandbox, OrganizationType FROM Organization"
        answer = probe(
            items, "sign_in", lambda: self._call("GET", f"{DATA}/query", query={"q": soql})
        )
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        rows = answer.details().get("records")
        org = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
        found, wanted = str(org.get("Id") or ""), self.settings.get("account_id")
        same = bool(found) and (not wanted or same_id(found, wanted))
        items.append(CheckItem("account", same, {"account_id": found}))
        live = org.get("IsSandbox") is False and org.get("OrganizationType") != "Developer Edition"
        items.append(CheckItem("environment", live is self._live(), {"live_mode": live}))
        self._check_version(items)
        for entity, name in [*OBJECTS.items(), ("deal_line", LINES)]:
            self._check_object(items, entity, name)
        quota = salesforce_errors.used(answer)
        if quota:
            calls, most = quota
            items.append(CheckItem("quota", calls < most, {"used": calls, "most": most}))
        return items

    def _check_version(self, items: list[CheckItem]) -> None:
        """Whether the pinned version is still spoken; the list goes from the oldest to the newest."""
        try:
            rows = self._call("GET", "/services/data/").json()
            versions = [str(row["version"]) for row in rows]
        except (ConnectorError, TypeError, KeyError):
            versions = []
        params = {"version": API_VERSION, "newest": versions[-1] if versions else ""}
        items.append(CheckItem("api_version", API_VERSION in versions, params))

    def _check_object(self, items: list[CheckItem], entity: str, name: str) -> None:
        try:
            known = self.reader.describe(name, fresh=True)
        except ConnectorError as error:
            params = {"kind": error.kind, "error": error.code, "status": error.status}
            items.append(CheckItem("read", False, {"entity": entity, "scope": name, **params}))
            return
        items.append(CheckItem("read", True, {"entity": entity, "scope": name}))
        written = (self.settings.get("written") or {}).get(entity) or ()
        for field in written:
            ok = bool(known.get(field, {}).get("updateable"))
            params = {"entity": entity, "scope": f"{name}.{field}"}
            if not ok:
                params["error"] = "field_missing" if field not in known else "field_read_only"
            items.append(CheckItem("write", ok, params))
        for field in self.reader.extra(name):
            if field.endswith("__c") and field not in known:
                # no fault: a mapping may name what an org does not have, and gets nothing
                params = {"entity": entity, "field": f"{name}.{field}"}
                items.append(CheckItem("field_absent", True, params))

    # -- webhooks -----------------------------------------------------------------------------

    @classmethod
    def verify(
        cls,
        request,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
        now: datetime,
    ) -> list[Notice]:
        """Outbound messages: see :mod:`.salesforce_webhook`."""
        return salesforce_webhook.notices(request, settings)

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Changed records, oldest first, along Salesforce's links; where a link is no longer known, from the
        last record read.

        For opportunities a second pass looks for changed and deleted products and reads what they belong to.
        """
        cursor = dict(cursor or {})
        name = OBJECTS[entity]
        if cursor.get("phase") != "lines":
            rows, cursor["main"], more = self._changes(name, cursor.get("main"), now)
            if entity == "opportunity" and not more:
                # the first time all opportunities are read with their products anyway
                first_time = "lines" not in cursor
                cursor.setdefault("lines", dict(cursor["main"]))
                if not first_time:
                    cursor["phase"], more = "lines", True
            return Page(self.reader.records(name, rows), cursor, more)
        fields = ["Id", "OpportunityId", "SystemModstamp"]
        rows, cursor["lines"], more = self._changes(LINES, cursor["lines"], now, fields)
        ids = sorted({row["OpportunityId"] for row in rows if row.get("OpportunityId")})
        if not more:
            cursor.pop("phase")
        found = self.reader.rows(name, ids)
        alive = [row for row in found.values() if not row.get("IsDeleted")]
        return Page(self.reader.records(name, alive), cursor, more)

    def _changes(self, name: str, state: dict | None, now: datetime, fields=None):
        """One page of what changed: ``(rows, state, whether there is more)``.

        State: ``since`` (where the window starts), ``begun`` (when it was opened, by Salesforce's clock),
        ``at`` and ``id`` (the last row read), ``next`` (link to the next page).
        """
        state = dict(state or {})
        gone = name == LINES
        try:
            page = self.reader.follow(state["next"]) if state.get("next") else None
        except ConnectorError as error:
            if error.code not in ("query_locator", "not_found"):
                raise
            page = None
        if page is None:
            soql = self.reader.select(name, self._since(state), "SystemModstamp, Id", fields)
            page = self._asked(name, soql, gone)
            state.setdefault("begun", iso(self._begun(now)))
        rows = page["records"]
        for row in rows:
            changed = parse_iso(row.get("SystemModstamp"))
            if changed is None or "Id" not in row:
                raise ConnectorError("schema", "no_time_of_change", params={"object": name})
            # what changed again while we read stands further on than it was sorted
            if iso(changed) <= state["begun"]:
                state["at"], state["id"] = iso(changed), str(row["Id"])
        if not page["done"]:
            return rows, {**state, "next": page["nextRecordsUrl"]}, True
        overlap = timedelta(seconds=int(self.settings.get("overlap_seconds") or OVERLAP))
        return rows, {"since": iso(parse_iso(state["begun"]) - overlap)}, False

    def _asked(self, name: str, soql: str, gone: bool) -> dict:
        """The first page; a field that was there a moment ago and is not now is asked for no more."""
        try:
            return self.reader.query(soql, gone=gone, size=PAGE)
        except ConnectorError as error:
            if error.code != "invalid_field":
                raise
        before = self.reader.fields(name)
        self.reader.describe(name, fresh=True)
        after = self.reader.fields(name)
        soql = soql.replace(", ".join(before), ", ".join(after), 1)
        return self.reader.query(soql, gone=gone, size=PAGE)

    def _since(self, state: dict) -> list[str]:
        if state.get("at"):
            at = moment(parse_iso(state["at"]))
            after = f"SystemModstamp = {at} AND Id > {quoted(state['id'])}"
            return [f"SystemModstamp > {at} OR ({after})"]
        since = parse_iso(state.get("since") or self.settings.get("start_date"))
        return [f"SystemModstamp >= {moment(since)}"] if since else []

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """What Salesforce lists as deleted, merged records among them, of at most 15 days.

        If we were silent for longer, or Salesforce has shortened its list, what it lists is not all: the cursor
        says ``resync``, and all that changed is read anew.
        """
        cursor = dict(cursor or {})
        covered = parse_iso(cursor.get("covered"))
        if OBJECTS[entity] not in DELETED or (covered and now - covered < DELETIONS_EVERY):
            return Page([], cursor, False)
        start, end, body = self._deleted(OBJECTS[entity], covered or now - DELETIONS_KEPT, now)
        rows = body.get("deletedRecords")
        earliest = parse_iso(body.get("earliestDateAvailable"))
        until = parse_iso(body.get("latestDateCovered"))
        if not isinstance(rows, list) or until is None:
            raise ConnectorError("schema", "no_records")
        ids = [record_id(row.get("id")) for row in rows if isinstance(row, dict)]
        records = list(self.reader.fetch(OBJECTS[entity], ids).values())
        known = {record.external_id for record in records}
        records += [self._purged(entity, row) for row in rows if record_id(row["id"]) not in known]
        # what was restored meanwhile is no deletion
        records = [record for record in records if record.deleted or record.merged_into]
        after = {"covered": iso(min(until, end))}
        if covered and (start > covered or (earliest and earliest > covered)):
            after["resync"] = True
        more = start < min(until, end) < self._begun(now) - DELETIONS_EVERY
        return Page(records, after, more)

    def _deleted(
        self, name: str, start: datetime, now: datetime
    ) -> tuple[datetime, datetime, dict]:
        """A part of the list: from, to, and what it says.

        A window that Salesforce does not have is asked anew by its clock, one that holds too many by halves.
        """
        end, asked = now, False
        while True:
            # seconds do not count there, and the end has to be a minute later
            begin = min(start, end - timedelta(minutes=2))
            query = {"start": f"{iso(begin, 0)[:-1]}+00:00", "end": f"{iso(end, 0)[:-1]}+00:00"}
            try:
                body = self._call("GET", f"{DATA}/sobjects/{name}/deleted/", query=query).json()
            except ConnectorError as error:
                if error.code == "bad_window" and not asked:
                    asked, end = True, self._begun(now)
                    start = max(start, end - DELETIONS_KEPT)
                elif error.code == "too_many" and end - start > timedelta(minutes=4):
                    end = start + (end - start) / 2
                else:
                    raise
                continue
            if not isinstance(body, dict):
                raise ConnectorError("schema", "no_records")
            return start, end, body

    @staticmethod
    def _purged(entity: str, row: dict) -> Record:
        """A record that left the recycle bin too: only its id is known."""
        key, when = record_id(row.get("id")), parse_iso(row.get("deletedDate"))
        body = f'{{"Id":"{key}","IsDeleted":true}}'.encode()
        return Record(entity, key, iso(when) if when else None, when, body, deleted=True)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Records by the time of their last change, in the order of their ids."""
        name = OBJECTS[entity]
        window = [f"SystemModstamp >= {moment(since)}", f"SystemModstamp < {moment(until)}"]
        page = self.reader.query(self.reader.select(name, window, "Id"))
        total, count = page.get("totalSize"), 0
        while True:
            count += len(page["records"])
            yield self.reader.records(name, page["records"])
            if page["done"]:
                break
            page = self.reader.follow(page["nextRecordsUrl"])
        if count != total:
            raise ConnectorError("connection", "listing_incomplete", params={"read": count})

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, 200 a query, with what hangs on them."""
        return self.reader.fetch(OBJECTS[entity], ids)

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Update fields of linked records, or create some: see :mod:`.salesforce_write`."""
        return self.writer.deliver(entity, writes, self.entities_out)
