"""Xero: contacts, items, invoices, credit notes and payments in; invoices, credit notes and receipts out.

Settings: ``account_id`` (the organisation's tenant id), ``live_mode`` (no demo company), ``client_id``, ``start_date``
(ISO date of the oldest change to read), ``overlap_seconds`` (how far a poll looks back, 300), ``sent`` (the entities
that are sent, for the connection test).
Secrets: ``client_secret``, ``refresh_token`` (none: a custom connection, by client credentials), ``webhook_key``;
the engine keeps ``access_token``.

Each refresh token counts once, and for half an hour more if the answer was lost: so a refresh that failed on its way
is made again with the same one.

Source: Xero Developer, "The standard authorization code flow", "Token types", "Custom connections", "Scopes" (granular
ones for apps made since March 2026), "Rate limits"; OpenAPI descriptions of the Accounting API 16.1 and of the
identity API. See the other ``xero_*`` modules.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ..core import strict_json
from . import declared_webhook, xero_errors, xero_webhook, xero_words
from .base import Connector
from .errors import ConnectorError
from .oauth import TokenEndpoint, by_client_credentials
from .parts import CheckItem, Consent, Notice, Outcome, Page, Record, SecretField, TokenAnswer
from .probe import clock_item, probe
from .times import answered_at, iso, parse_iso
from .xero_read import API, KINDS, XeroReader, own_id, record
from .xero_receipt import XeroReceipts
from .xero_write import BATCH, XeroWriter

OVERLAP = 300
# what each list needs, the least first; a broader or an older scope stands for it as well
READS: dict[str, tuple[str, ...]] = {
    "Contacts": ("accounting.contacts.read", "accounting.contacts"),
    "Invoices": ("accounting.invoices.read", "accounting.invoices"),
    "CreditNotes": ("accounting.invoices.read", "accounting.invoices"),
    "Payments": ("accounting.payments.read", "accounting.payments"),
    "Accounts": ("accounting.settings.read", "accounting.settings"),
    "TaxRates": ("accounting.settings.read", "accounting.settings"),
    "Items": ("accounting.settings.read", "accounting.settings"),
}
WRITES: dict[str, tuple[str, ...]] = {
    "Invoices": ("accounting.invoices", "accounting.transactions"),
    "Contacts": ("accounting.contacts",),
    "Payments": ("accounting.payments", "accounting.transactions"),
}
SCOPES = (
    "offline_access",
    "accounting.invoices",
    "accounting.contacts",
    "accounting.payments",
    "accounting.settings.read",
)


class Xero(TokenEndpoint, Connector):
    """One Xero organisation."""

    product = "xero"
    label = "Xero"
    default_base_url = "https://api.xero.com"
    token_url = "https://identity.xero.com/connect/token"
    auth = (
        SecretField("access_token", "Access token"),
        SecretField("refresh_token", "Refresh token (OAuth)"),
        SecretField("client_secret", "Client secret (OAuth)", True),
        SecretField("webhook_key", "Webhook key"),
    )
    renews_with: ClassVar = ("client_secret",)
    entities_in = tuple(KINDS)
    entities_out = ("invoice", "receipt")
    lists: ClassVar = dict.fromkeys(KINDS, "changed")
    # by minute and organisation; the day's limit is in each answer
    pace: ClassVar = {"default": (60, 60.0)}
    batch_read = 40
    batch_write = BATCH
    document_words = ("account", "tax")
    receipt_words = ("account",)
    keeps_books = True
    credit_prefix = KINDS["invoice"][1].prefix
    origins: ClassVar = ("https://identity.xero.com",)
    consent: ClassVar = Consent("https://login.xero.com/identity/connect/authorize", SCOPES)
    webhook_path_hint = "xero"
    webhook_secret_field = "webhook_key"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reader = XeroReader(self._in_organisation)
        self.writer = XeroWriter(self._in_organisation, self.reader)
        self.receipts = XeroReceipts(self._in_organisation, self.reader)

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret('access_token')}"}

    def _error_from(self, answer, write):
        self.answered = answered_at(answer.headers, self.clock())
        return xero_errors.from_answer(answer, write)

    def _allowances(self, answer):
        return xero_errors.allowances(answer)

    def _in_organisation(self, method: str, path: str, *, headers: Mapping | None = None, **more):
        """A call about the organisation, which a header names."""
        tenant = str(self.settings.get("account_id") or "").strip().lower()
        if not tenant:
            raise ConnectorError("sign_in", "account_not_set")
        return self._call(
            method, path, headers={"xero-tenant-id": tenant, **(headers or {})}, **more
        )

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """A new access token (half an hour) and a new refresh token; a custom connection has none."""
        if secrets.get("refresh_token"):
            return super().refresh(secrets)
        return by_client_credentials(
            self.session, self.token_url, self.settings, secrets, self.clock()
        )

    def admitted_account(self) -> str | None:
        tenants = self._tenants()
        return str(tenants[0]["tenantId"]) if len(tenants) == 1 else None

    def account_id(self) -> str:
        """The organisation's id, which is its tenant id."""
        key = self._organisation().get("OrganisationID")
        if not isinstance(key, str):
            raise ConnectorError("schema", "no_account")
        return key

    def _organisation(self) -> dict:
        return _organisation_of(self._in_organisation("GET", f"{API}/Organisation"))

    # -- "Test connection" ----------------------------------------------------------------------

    def check(self) -> list[CheckItem]:
        """Sign-in, organisation, environment, clock, each scope for reading and writing, the webhook key, the day."""
        items: list[CheckItem] = []
        if fault := self._token_fault():
            return [fault]
        answer = probe(
            items, "sign_in", lambda: self._in_organisation("GET", f"{API}/Organisation")
        )
        if answer is None:
            return [*items, *self._connected()]
        items.append(clock_item(answer, self.clock()))
        try:
            organisation = _organisation_of(answer)
        except ConnectorError:
            organisation = {}
        found = str(organisation.get("OrganisationID") or "")
        same = found.lower() == str(self.settings.get("account_id") or "").lower() != ""
        items.append(CheckItem("account", same, {"account_id": found}))
        live = organisation.get("IsDemoCompany") is False
        right = live is bool(self.settings.get("live_mode"))
        items.append(CheckItem("environment", right, {"live_mode": live}))
        for name, scopes in READS.items():
            params = {"entity": name, "scope": f"{name} ({scopes[0]})"}
            # accounts and tax rates are not paged: they come whole
            query = {"page": 1, "pageSize": 1} if name != "Items" else {}
            read = lambda name=name, query=query: self._in_organisation(  # noqa: E731
                "GET", f"{API}/{name}", query=query
            )
            found = probe(items, "read", read, params)
            if found is not None and name in xero_words.SAID:
                items += xero_words.items(name, found)
        granted = scopes_of(self.secrets.get("access_token"))
        for name, scopes in WRITES.items() if granted is not None else ():
            if name == "Payments" and "receipt" not in (self.settings.get("sent") or ()):
                continue  # where none are sent, reading them is enough
            params = {"entity": name, "scope": f"{name} ({scopes[0]})"}
            items.append(CheckItem("write", not granted.isdisjoint(scopes), params))
        items.append(CheckItem("webhook_secret", bool(self.secrets.get("webhook_key"))))
        left = answer.headers.get("X-DayLimit-Remaining", "")
        if left.isdigit():
            items.append(CheckItem("calls_left", int(left) > 0, {"left": int(left)}))
        return items

    def _tenants(self) -> list[dict]:
        rows = self._call("GET", "/connections").json()
        rows = rows if isinstance(rows, list) else []
        return [row for row in rows if isinstance(row, dict) and row.get("tenantId")]

    def _connected(self) -> list[CheckItem]:
        """The organisations that this sign-in reaches, for whom has to enter the id of one."""
        try:
            rows = self._tenants()
        except ConnectorError:
            return []
        found = [f"{row.get('tenantName')} ({row['tenantId']})" for row in rows[:10]]
        return [CheckItem("accounts_found", bool(found), {"accounts": ", ".join(found)})]

    # -- webhooks -----------------------------------------------------------------------------

    @classmethod
    def verify(
        cls, request, secrets: Sequence[str], settings: Mapping[str, Any], now: datetime
    ) -> list[Notice]:
        """Signature, then the events of the organisation: see :mod:`.xero_webhook`."""
        declared_webhook.prove(xero_webhook.SCHEME, request, secrets, now)
        return xero_webhook.notices(request.body, settings)

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """What was modified, one list after the other; deletions are statuses of records."""
        cursor = dict(cursor or {})
        kinds = KINDS[entity]
        place = int(cursor.get("list") or 0)
        kind = kinds[place]
        start = parse_iso(self.settings.get("start_date"))
        rows, state, more = self.reader.changes(
            kind, cursor.get(kind.list) or {}, start, lambda: self._begun(now)
        )
        if not more:
            overlap = timedelta(seconds=int(self.settings.get("overlap_seconds") or OVERLAP))
            state = {"since": iso(parse_iso(state["since"]) - overlap)}
            place = (place + 1) % len(kinds)
            more = place > 0
        cursor |= {kind.list: state, "list": place}
        # who only sells to the firm is no customer of it
        ours = [row for row in rows if not row.get("IsSupplier") or row.get("IsCustomer")]
        return Page([record(entity, kind, row) for row in ours], cursor, more)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Records by the time of their last change."""
        for kind in KINDS[entity]:
            for rows in self.reader.listing(kind, since, until):
                yield [record(entity, kind, row) for row in rows]

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id; a bill of a supplier is a record too, whose number is none of ours."""
        wanted: dict[Any, list[str]] = {}
        for key in ids:
            known = own_id(entity, str(key))
            if known:
                wanted.setdefault(known[0], []).append(known[1])
        found = {}
        for kind, keys in wanted.items():
            for row in self.reader.by_ids(kind, keys):
                one = record(entity, kind, row)
                found[one.external_id] = one
        return found

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Documents and receipts, made once, changed or taken back: see :mod:`.xero_write` and ``…_receipt``."""
        writer = self.receipts if entity == "receipt" else self.writer
        return writer.deliver(entity, writes, self.entities_out)


def scopes_of(token: str | None) -> set[str] | None:
    """The scopes that an access token of our own names (a JWT, here only read); None if it is none."""
    parts = str(token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = strict_json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (strict_json.BadJson, binascii.Error, ValueError):
        return None
    scopes = claims.get("scope") if isinstance(claims, dict) else None
    if isinstance(scopes, str):
        return set(scopes.split())
    return {str(one) for one in scopes} if isinstance(scopes, list) else None


def _organisation_of(answer) -> dict:
    body = answer.json()
    rows = body.get("Organisations") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        raise ConnectorError("schema", "no_account")
    return rows[0]
