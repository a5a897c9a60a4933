"""QuickBooks Online: customers, items, invoices, credit memos and payments in; invoices, credit memos, receipts out.

Settings: ``account_id`` (the company's id, "realm"), ``live_mode`` (a live company), ``client_id``, ``start_date``
(ISO date of the oldest change to read), ``overlap_seconds`` (how far a poll looks back, 300).
Secrets: ``refresh_token``, ``client_secret``, ``verifier_token`` (signs webhooks); the engine keeps ``access_token``.

Refresh tokens rotate: each answer of the token endpoint may bring another one, which counts from then on.

Source: Intuit Developer, "Set up OAuth 2.0", "Change data capture operation", "Minor versions of our API" (1 to 74
are no longer served), "API call limits and throttles" (500 calls a minute and company). See the other ``quickbooks_*``
modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from . import declared_webhook, ledger, quickbooks_errors, quickbooks_webhook
from .base import Connector
from .errors import ConnectorError
from .oauth import TokenEndpoint
from .parts import CheckItem, Consent, Notice, Outcome, Page, Record, SecretField
from .probe import clock_item, probe
from .quickbooks_read import OBJECTS, PAGE, QuickBooksReader, own_id, quoted
from .quickbooks_receipt import QuickBooksReceipts
from .quickbooks_write import BATCH, QuickBooksWriter
from .times import answered_at, iso, parse_iso, to_epoch

MINOR_VERSION = "75"
SCOPE = "com.intuit.quickbooks.accounting"
OVERLAP = 300
DELETIONS_KEPT = timedelta(days=29)  # Intuit says 30 days
DELETIONS_EVERY = timedelta(minutes=10)
READ = ("Customer", "Item", "TaxCode", "Account", "Invoice", "CreditMemo", "Payment")


class QuickBooks(TokenEndpoint, Connector):
    """One QuickBooks Online company."""

    product = "quickbooks"
    label = "QuickBooks Online"
    default_base_url = "https://quickbooks.api.intuit.com"
    token_url = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"
    auth = (
        SecretField("access_token", "Access token"),
        SecretField("refresh_token", "Refresh token (OAuth)"),
        SecretField("client_secret", "Client secret (OAuth)", True),
        SecretField("verifier_token", "Verifier token of webhooks"),
    )
    entities_in = tuple(OBJECTS)
    entities_out = ("invoice", "receipt")
    lists: ClassVar = dict.fromkeys(OBJECTS, "changed")
    # by minute and company
    pace: ClassVar = {"default": (500, 60.0)}
    batch_read = 100
    batch_write = BATCH
    # the account is that of the item
    document_words = ("item", "tax")
    keeps_books = True
    credit_prefix = OBJECTS["invoice"]["CreditMemo"]
    origins: ClassVar = ("https://oauth.platform.intuit.com",)
    consent: ClassVar = Consent("https://appcenter.intuit.com/connect/oauth2", (SCOPE,), "realmId")
    webhook_path_hint = "quickbooks"
    webhook_secret_field = "verifier_token"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reader = QuickBooksReader(self._in_company)
        scope = (self.base_url, str(self.settings.get("account_id") or ""))
        means = (self._in_company, self.reader, scope, self.clock)
        self.writer, self.receipts = QuickBooksWriter(*means), QuickBooksReceipts(*means)

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        production = is_production(self.base_url)
        if production is not None and production is not bool(self.settings.get("live_mode")):
            raise ConnectorError("sign_in", "wrong_environment")
        return {"Authorization": f"Bearer {self._secret('access_token')}"}

    def _error_from(self, answer, write):
        self.answered = answered_at(answer.headers, self.clock())
        return quickbooks_errors.from_answer(answer, write)

    def _in_company(self, method: str, path: str, *, query: Mapping | None = None, **more):
        """A call below the company's address, with the pinned minor version."""
        realm = str(self.settings.get("account_id") or "").strip()
        if not realm.isdigit() or len(realm) > 30:
            raise ConnectorError("sign_in", "account_not_set")
        query = {**(query or {}), "minorversion": MINOR_VERSION}
        return self._call(method, f"/v3/company/{realm}/{path}", query=query, **more)

    def account_id(self) -> str:
        """The company's id: QuickBooks answers for it or not, and names it nowhere."""
        self._company()
        return str(self.settings["account_id"])

    def _company(self) -> dict:
        realm = str(self.settings.get("account_id") or "")
        return _company_of(self._in_company("GET", f"companyinfo/{realm}"))

    # -- "Test connection" ----------------------------------------------------------------------

    def check(self) -> list[CheckItem]:
        """Sign-in, company, environment, clock, each object that is read, and the webhooks' token."""
        items: list[CheckItem] = []
        if fault := self._token_fault():
            return [fault]
        realm = str(self.settings.get("account_id") or "")
        answer = probe(items, "sign_in", lambda: self._in_company("GET", f"companyinfo/{realm}"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        try:
            named = bool(_company_of(answer))
        except ConnectorError:
            named = False
        items.append(CheckItem("account", named, {"account_id": realm}))
        production = is_production(self.base_url)
        if production is not None:
            live = bool(self.settings.get("live_mode"))
            items.append(CheckItem("environment", production is live, {"live_mode": production}))
        for name in READ:
            params = {"entity": name, "scope": f"{name} ({SCOPE})"}
            try:
                self.reader.count(name)
            except ConnectorError as error:
                failed = {"kind": error.kind, "error": error.code, "status": error.status}
                items.append(CheckItem("read", False, {**params, **failed}))
                continue
            items.append(CheckItem("read", True, params))
        for name in ("Item", "TaxCode"):
            items += self._words(name)
        items.append(CheckItem("webhook_secret", bool(self.secrets.get("verifier_token"))))
        return items

    def _words(self, name: str) -> list[CheckItem]:
        """The words that documents may name, for whom has to enter them."""
        try:
            rows = self.reader.rows(name, [], f" maxresults {PAGE}")
        except ConnectorError:
            return []  # its line says it already
        alive = [row for row in rows if row.get("Active") is not False]
        fits = [row for row in alive if row.get("Type") != "Category"]
        return ledger.words_item(
            name, [(row.get("FullyQualifiedName") or row.get("Name"), None) for row in fits]
        )

    # -- webhooks -----------------------------------------------------------------------------

    @classmethod
    def verify(
        cls, request, secrets: Sequence[str], settings: Mapping[str, Any], now: datetime
    ) -> list[Notice]:
        """Signature and company, then the events: see :mod:`.quickbooks_webhook`."""
        declared_webhook.prove(quickbooks_webhook.SCHEME, request, secrets, now)
        return quickbooks_webhook.notices(request.body, settings)

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Changed records, oldest first, one object of the API after the other."""
        cursor = dict(cursor or {})
        names = list(OBJECTS[entity])
        name = cursor.get("object") or names[0]
        start = parse_iso(self.settings.get("start_date"))
        first = to_epoch(start) * 1000 if start else 0
        overlap = int(self.settings.get("overlap_seconds") or OVERLAP) * 1000
        rows, cursor[name], more = self.reader.changes(
            name, cursor.get(name) or {}, first, overlap, lambda: self._begun(now)
        )
        records = self.reader.records(entity, name, rows)
        if not more:
            following = names[names.index(name) + 1 :]
            cursor["object"], more = (following[0], True) if following else (None, False)
        return Page(records, cursor, more)

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """Documents that change data capture lists as deleted. Customers and items are never deleted."""
        cursor = dict(cursor or {})
        names = [name for name in OBJECTS[entity] if name not in ("Customer", "Item")]
        name = cursor.pop("object", None) or (names[0] if names else None)
        covered = parse_iso(cursor.get(name)) if name else None
        if not name or (covered and now - covered < DELETIONS_EVERY):
            return Page([], cursor, False)
        oldest = now - DELETIONS_KEPT
        rows, told, cut = self.reader.deleted(name, max(covered or oldest, oldest))
        records = [self._gone(entity, name, row) for row in rows]
        cursor[name] = iso(min(told or now, self._begun(now)) - timedelta(minutes=1))
        if (covered and covered < oldest) or cut:
            # the list does not say all: what changed is read anew
            cursor["resync"] = True
        following = names[names.index(name) + 1 :]
        if following:
            cursor["object"] = following[0]
        return Page(records, cursor, bool(following))

    @staticmethod
    def _gone(entity: str, name: str, row: dict) -> Record:
        meta = row.get("MetaData") if isinstance(row.get("MetaData"), dict) else {}
        when = parse_iso(meta.get("LastUpdatedTime"))
        body = f'{{"Id":"{str(row["Id"])[:20]}","object":"{name}","status":"Deleted"}}'.encode()
        key = f"{OBJECTS[entity][name]}{row['Id']}"
        return Record(entity, key, iso(when) if when else None, when, body, deleted=True)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Records by the time of their last change, in the order of their ids."""
        window = [
            f"MetaData.LastUpdatedTime >= {quoted(iso(since, 0))}",
            f"MetaData.LastUpdatedTime < {quoted(iso(until, 0))}",
        ]
        for name in OBJECTS[entity]:
            total, count = self.reader.count(name, window), 0
            while True:
                tail = f" orderby Id startposition {count + 1} maxresults {PAGE}"
                rows = self.reader.rows(name, window, tail)
                count += len(rows)
                yield self.reader.records(entity, name, rows)
                if len(rows) < PAGE:
                    break
            if count != total:
                raise ConnectorError("connection", "listing_incomplete", params={"read": count})

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, a hundred a query."""
        wanted: dict[str, list[str]] = {}
        for key in ids:
            known = own_id(entity, str(key))
            if known:
                wanted.setdefault(known[0], []).append(known[1])
        found = {}
        for name, keys in wanted.items():
            for record in self.reader.records(entity, name, self.reader.by_ids(name, keys)):
                found[record.external_id] = record
        return found

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Documents and receipts, made once, changed or voided: see :mod:`.quickbooks_write` and ``…_receipt``."""
        writer = self.receipts if entity == "receipt" else self.writer
        return writer.deliver(entity, writes, self.entities_out)


def is_production(url: str) -> bool | None:
    """Whether an address is that of live companies; None if it is none of Intuit's."""
    host = (urlsplit(url).hostname or "").lower()
    if not host.endswith(".intuit.com"):
        return None
    return not host.startswith("sandbox")


def _company_of(answer) -> dict:
    body = answer.json()
    company = body.get("CompanyInfo") if isinstance(body, dict) else None
    if not isinstance(company, dict):
        raise ConnectorError("schema", "no_account")
    return company
