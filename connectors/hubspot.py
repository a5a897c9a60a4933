"""HubSpot: deals, companies, contacts, products and owners in; properties of deals, companies out.

Settings: ``account_id`` (portal id, as text), ``start_date`` (ISO date of the oldest change to
read), ``properties`` (``{entity: [further property names]}``), ``time_zone`` (of the portal, for
its daily quota), ``overlap_seconds`` (how far a poll looks back, 120), ``client_id`` (OAuth only).
Secrets: ``access_token`` (of a private app, or OAuth's current one), ``client_secret`` (signs
webhooks, and refreshes), ``refresh_token`` (OAuth only).

Source: HubSpot API documentation: "CRM search", "Batch update", "Private apps", "OAuth tokens".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ..core import strict_json
from . import hubspot_errors, hubspot_webhook, window
from .base import Connector
from .errors import ConnectorError
from .hubspot_objects import OBJECTS, modified_property
from .hubspot_read import SEARCH_PAGE, V3, HubSpotReader
from .hubspot_write import BATCH, HubSpotWriter
from .oauth import code_form, read_token, token_error
from .parts import (
    CheckItem,
    Consent,
    Notice,
    Outcome,
    Page,
    Record,
    SecretField,
    TokenAnswer,
    WebhookRequest,
)
from .probe import clock_item, probe
from .times import iso, parse_iso, to_epoch

SCOPES = (
    "oauth",
    *(f"crm.objects.{name}.read" for name in ("deals", "line_items", "products", "companies", "contacts", "owners")),
    *(f"crm.objects.{name}.write" for name in ("deals", "companies")),
)  # fmt: skip
INDEX_LAG = 30  # seconds that the search index may be behind


class HubSpot(Connector):
    """One HubSpot portal."""

    product = "hubspot"
    label = "HubSpot"
    default_base_url = "https://api.hubapi.com"
    auth = (
        SecretField("access_token", "Access token", True),
        SecretField("client_secret", "App client secret (signs webhooks)", True),
        SecretField("refresh_token", "Refresh token (OAuth)"),
    )
    entities_in = ("customer", "contact", "opportunity", "employee", "service_item")
    entities_out = ("opportunity", "customer")
    lists: ClassVar = dict.fromkeys(OBJECTS, "changed")
    # a private app may make 100 calls in 10 s on the smallest plan, and 5 searches a second
    pace: ClassVar = {"default": (100, 10.0), "search": (5, 1.0)}
    batch_read = 100
    batch_write = BATCH
    consent: ClassVar = Consent("https://app.hubspot.com/oauth/authorize", SCOPES)
    webhook_path_hint = "hubspot"
    webhook_secret_field = "client_secret"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reader = HubSpotReader(self._call, self.settings.get("properties"))
        self.writer = HubSpotWriter(self._call)

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret('access_token')}"}

    def _error_from(self, answer, write):
        zone = str(self.settings.get("time_zone") or "UTC")
        return hubspot_errors.from_answer(answer, write, self.clock(), zone)

    def _allowances(self, answer):
        zone = str(self.settings.get("time_zone") or "UTC")
        return hubspot_errors.allowances(answer, self.clock(), zone)

    def account_id(self) -> str:
        """The portal's id (GET /account-info/v3/details)."""
        return str(self._account()["portalId"])

    def _account(self) -> dict:
        details = self._call("GET", "/account-info/v3/details").json()
        if not isinstance(details, dict) or "portalId" not in details:
            raise ConnectorError("schema", "no_account")
        return details

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """New access token (30 minutes). HubSpot's refresh tokens do not change."""
        return self._granted(
            secrets, "refresh_token", ("refresh_token", secrets.get("refresh_token") or "")
        )

    def admit(self, code: str, redirect: str, verifier: str) -> TokenAnswer:
        return self._granted(
            self.secrets, "authorization_code", *code_form(code, redirect, verifier)
        )

    def _granted(
        self, secrets: Mapping[str, str], kind: str, *more: tuple[str, str]
    ) -> TokenAnswer:
        """HubSpot wants the client's secret in the form."""
        form = [
            ("grant_type", kind),
            ("client_id", str(self.settings.get("client_id") or "")),
            ("client_secret", secrets.get("client_secret") or ""),
            *more,
        ]
        url = self.session.join(self.base_url, "/oauth/v1/token")
        answer = self.session.call("POST", url, form=form, write=False, classify=token_error)
        return read_token(answer, self.clock())

    def check(self) -> list[CheckItem]:
        """Account, clock, each scope that a stream needs, and the secret that webhooks need."""
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self._call("GET", "/account-info/v3/details"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        details = answer.details()
        found, wanted = str(details.get("portalId")), str(self.settings.get("account_id") or "")
        items.append(
            CheckItem(
                "account",
                not wanted or found == wanted,
                {"account_id": found, "type": str(details.get("accountType") or "")},
            )
        )
        if "live_mode" in self.settings:
            live = str(details.get("accountType") or "STANDARD") == "STANDARD"
            same = live is bool(self.settings["live_mode"])
            items.append(CheckItem("environment", same, {"live_mode": live}))
        objects = [*OBJECTS.items(), ("deal_line", "line_items")]
        for entity, name in objects:
            probe(
                items,
                "read",
                lambda name=name: self._call("GET", f"{V3}/{name}", query={"limit": 1}),
                {"entity": entity, "scope": f"crm.objects.{name}.read"},
            )
        scope = {"entity": "employee", "scope": "crm.objects.owners.read"}
        probe(items, "read", lambda: self._call("GET", "/crm/v3/owners/"), scope)
        stages = {"entity": "stage"}
        probe(items, "read", lambda: self._call("GET", "/crm/v3/pipelines/deals"), stages)
        self._check_write_scopes(items)
        items.append(CheckItem("webhook_secret", bool(self.secrets.get("client_secret"))))
        return items

    def _check_write_scopes(self, items: list[CheckItem]) -> None:
        """A private app's token tells its own scopes; an OAuth token is only known by trying."""
        try:
            body = {"tokenKey": self._secret("access_token")}
            path = "/oauth/v2/private-apps/get/access-token-info"
            scopes = self._call("POST", path, json=body, write=False).details().get("scopes")
        except ConnectorError:
            return
        for name in ("deals", "companies"):
            scope = f"crm.objects.{name}.write"
            items.append(CheckItem("write", scope in (scopes or ()), {"scope": scope}))

    # -- webhooks -----------------------------------------------------------------------------

    @classmethod
    def verify(
        cls,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
        now: datetime,
    ) -> list[Notice]:
        """Signature v3, then the events: see :mod:`.hubspot_webhook`."""
        hubspot_webhook.check_signature(request, secrets, now)
        events = hubspot_webhook.read_events(request.body, settings)
        return [notice for event in events for notice in hubspot_webhook.notices(event)]

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Changed objects, oldest first (see :mod:`.window`), in at most one page of 200.

        For deals a second search looks for changed line items and reads their deals, since a line
        can change without its deal. Archived objects are not in a search: see ``poll_deleted``.
        """
        if entity == "employee":
            return self._poll_owners(cursor)
        cursor = dict(cursor or {})
        name = OBJECTS[entity]
        if cursor.get("phase") != "lines":
            rows, cursor["main"], more = self._search(name, cursor.get("main"), now)
            records = self.reader.records(name, rows)
            if entity == "opportunity" and not more:
                # the first time all deals are read with their lines anyway
                started = {"next": cursor["main"]["next"]}
                first_time = "lines" not in cursor
                cursor.setdefault("lines", started)
                if not first_time:
                    cursor["phase"], more = "lines", True
            return Page(records, cursor, more)
        rows, cursor["lines"], more = self._search("line_items", cursor["lines"], now)
        deals: dict[str, list[str]] = {}
        if rows:
            deals = self.reader.associated("line_items", "deals", [str(row["id"]) for row in rows])
        ids = sorted({deal for found in deals.values() for deal in found}, key=int)
        if not more:
            cursor.pop("phase")
        return Page(self.reader.records("deals", self.reader.read("deals", ids)), cursor, more)

    def _search(self, name: str, state: dict | None, now: datetime):
        start = parse_iso(self.settings.get("start_date"))
        first = to_epoch(start, 1000) if start else 0
        opens = "upto" not in (state or {})
        state = window.begin(state, now=to_epoch(now, 1000), first=first)
        modified = modified_property(name)
        if state.get("by_id") is not None:
            filters = [
                {"propertyName": modified, "operator": "EQ", "value": str(state["at"])},
                {"propertyName": "hs_object_id", "operator": "GT", "value": state["by_id"]},
            ]
            sort = "hs_object_id"
        else:
            filters = [{"propertyName": modified, "operator": "GTE", "value": str(state["at"])}]
            sort = modified
        rows = self.reader.search(name, filters, sort, SEARCH_PAGE)
        if opens:
            state["upto"] = to_epoch(self._begun(now), 1000)
        keys = []
        for row in rows:
            moment = parse_iso(row["properties"].get(modified) or row.get("updatedAt"))
            if moment is None:
                raise ConnectorError("schema", "no_time_of_change", params={"object": name})
            keys.append((to_epoch(moment, 1000), str(row["id"])))
        seconds = max(int(self.settings.get("overlap_seconds") or 120), INDEX_LAG)
        new, state, more = window.advance(state, keys, limit=SEARCH_PAGE, overlap=seconds * 1000)
        return [rows[index] for index in new], state, more

    def _poll_owners(self, cursor: dict | None) -> Page:
        """All owners, those who left last; there are few, and no "changed since" exists."""
        cursor = cursor or {}
        archived = bool(cursor.get("archived"))
        rows, after = self.reader.owners(cursor.get("after"), archived)
        records = [_owner_record(row) for row in rows]
        if after:
            return Page(records, {"archived": archived, "after": after}, True)
        return Page(records, {} if archived else {"archived": True}, not archived)

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Archived objects (90 days in HubSpot's bin), those archived since the last full pass."""
        if entity not in OBJECTS:
            return Page([], {}, False)
        cursor = dict(cursor or {})
        name = OBJECTS[entity]
        query = {"limit": 100, "archived": "true", "properties": modified_property(name)}
        if cursor.get("after"):
            query["after"] = cursor["after"]
        answer = self._call("GET", f"{V3}/{name}", query=query).json()
        cursor.setdefault("started", iso(self._begun(now)))
        since = cursor.get("since") or ""
        rows = [row for row in answer["results"] if (row.get("archivedAt") or "~") >= since]
        records = self.reader.records(name, rows, deleted=True)
        after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        if after:
            return Page(records, {**cursor, "after": after}, True)
        overlap = timedelta(seconds=int(self.settings.get("overlap_seconds") or 120))
        since = iso(parse_iso(cursor["started"]) - overlap)
        return Page(records, {"since": since}, False)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Objects by the time of their last change, without what hangs on them."""
        return self.reader.window(OBJECTS[entity], to_epoch(since, 1000), to_epoch(until, 1000))

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, 100 a call, with associations, line items, owner and stage."""
        if entity != "employee":
            return self.reader.fetch(entity, ids)
        wanted = {str(key) for key in ids}
        found: dict[str, Record] = {}
        cursor: dict = {}
        while True:
            page = self._poll_owners(cursor)
            found.update({r.external_id: r for r in page.records if r.external_id in wanted})
            if not page.more or len(found) == len(wanted):
                return found
            cursor = page.cursor

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Update properties of linked records, or create some: see :mod:`.hubspot_write`."""
        return self.writer.deliver(entity, writes, self.entities_out)


def _owner_record(row: dict) -> Record:
    version = row.get("updatedAt")
    names = ("id", "email", "firstName", "lastName", "userId", "archived", "createdAt", "updatedAt")
    payload = {name: row.get(name) for name in names}
    payload["id"] = str(row["id"])
    return Record(
        "employee", payload["id"], version, parse_iso(version), strict_json.dumps(payload)
    )
