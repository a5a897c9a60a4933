"""Any REST product, as an admin declared it (:mod:`.declaration`): the one class that reads all of them.

Settings: ``account_id`` (what ``test.account`` must show), ``start_date`` (ISO date of the oldest
change to read), ``client_id`` (OAuth only). Secrets, by the way of signing in: ``api_key``;
``username`` and ``password``; ``client_secret``, with ``access_token`` kept by the engine;
``refresh_token`` where a person signed in; ``webhook_secret``.

Reading is in :mod:`.declared_read`, writing in :mod:`.declared_write`, webhooks in
:mod:`.declared_webhook`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from . import declared_webhook, declared_write
from .base import Connector
from .declaration import check, origins
from .declared_read import Reader, at, listed
from .errors import ConnectorError
from .oauth import read_token, token_error
from .parts import (
    Allowance,
    CheckItem,
    Notice,
    Outcome,
    Page,
    Record,
    SecretField,
    TokenAnswer,
    WebhookRequest,
)
from .probe import clock_item, probe
from .times import from_epoch

API_KEY = SecretField("api_key", "API key", True)
# way of signing in -> the secrets that it needs
SECRETS = {
    "none": (),
    "header": (API_KEY,),
    "query": (API_KEY,),
    "bearer": (SecretField("access_token", "Access token", True),),
    "basic": (
        SecretField("username", "User name", True),
        SecretField("password", "Password"),
    ),
    "client_credentials": (
        SecretField("client_secret", "Client secret", True),
        SecretField("access_token", "Access token"),
    ),
    "authorization_code": (
        SecretField("client_secret", "Client secret", True),
        SecretField("refresh_token", "Refresh token (OAuth)", True),
        SecretField("access_token", "Access token"),
    ),
}
RENEWS = {"client_credentials": ("client_secret",), "authorization_code": ("refresh_token",)}
WEBHOOK_SECRET = SecretField("webhook_secret", "Webhook signing secret", True)


class Declared(Connector):
    """One account of a declared product. :attr declaration: checked, as plain data."""

    declaration: ClassVar[dict]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.readers = {
            stream["entity"]: Reader(stream, self)
            for stream in self.declaration.get("streams") or ()
        }
        self.writes = {write["entity"]: write for write in self.declaration.get("writes") or ()}

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        headers = dict(self.declaration.get("headers") or {})
        sign_in = self.declaration["sign_in"]
        kind = sign_in["kind"]
        if kind == "header":
            headers[sign_in["name"]] = (sign_in.get("prefix") or "") + self._secret("api_key")
        elif kind == "basic":
            user, password = self._secret("username"), self.secrets.get("password") or ""
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif kind not in ("none", "query"):
            prefix = sign_in.get("prefix") or "Bearer "
            headers["Authorization"] = prefix + self._secret("access_token")
        return headers

    def _call(self, method, path, *, query=None, **options):
        sign_in = self.declaration["sign_in"]
        if sign_in["kind"] == "query":
            query = {**(query or {}), sign_in["name"]: self._secret("api_key")}
        return super()._call(method, path, query=query, **options)

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """New access token, by the refresh token or the client's own credentials (RFC 6749)."""
        sign_in = self.declaration["sign_in"]
        client = str(self.settings.get("client_id") or "")
        secret = secrets.get("client_secret") or ""
        if sign_in["kind"] == "client_credentials":
            form = [("grant_type", "client_credentials")]
        else:
            form = [("grant_type", "refresh_token")]
            form += [("refresh_token", secrets.get("refresh_token") or "")]
        if sign_in.get("scope"):
            form.append(("scope", sign_in["scope"]))
        headers = {}
        if sign_in.get("client_in") == "basic":
            pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        else:
            form += [("client_id", client), ("client_secret", secret)]
        answer = self.session.call(
            "POST",
            sign_in["token_url"],
            form=form,
            headers=headers,
            write=False,
            classify=token_error,
        )
        return read_token(answer, self.clock())

    # -- errors and limits --------------------------------------------------------------------

    def _error_from(self, answer, write):
        """The declared table first, in its order; then what the status alone says."""
        plain = answer.plain_error(write)
        pace = self.declaration.get("pace") or {}
        if plain is not None and pace.get("retry_after_unit") == "ms":
            plain.retry_after = answer.retry_after(0.001)
        rules = self.declaration.get("errors") or ()
        details = answer.details() if any(rule.get("path") for rule in rules) else {}
        for rule in rules:
            # without a status a rule is about errors; an error inside a 200 has to be named
            if rule.get("status") != answer.status and (rule.get("status") or plain is None):
                continue
            found = at(details, rule["path"]) if rule.get("path") else None
            if rule.get("path") and (
                found in (None, False, "", [], {})
                if not rule.get("code")
                else str(found) != rule["code"]
            ):
                continue
            sentence = rule.get("sentence")
            return ConnectorError(
                rule["kind"],
                str(rule.get("code") or f"declared_{answer.status}"),
                status=answer.status,
                retry_after=plain.retry_after if plain is not None else None,
                params={"sentence": sentence} if sentence else {},
            )
        if answer.status == 401 and self.renews_with:
            plain.code = "token_expired"
        return plain

    def _allowances(self, answer) -> Sequence[Allowance]:
        pace = self.declaration.get("pace") or {}
        if not pace.get("remaining"):
            return ()
        try:
            left = int(answer.headers.get(pace["remaining"], ""))
            most = int(answer.headers.get(pace.get("limit") or "", pace["calls"]))
            seconds = float(answer.headers.get(pace.get("reset") or "", pace["seconds"]))
            kind = pace.get("reset_kind") or "seconds"
            if pace.get("reset") and kind != "seconds":
                moment = from_epoch(seconds, 1000 if kind == "epoch_ms" else 1)
                seconds = (moment - self.clock()).total_seconds()
        except (ValueError, ConnectorError):
            return ()
        return [Allowance(left, most, min(max(seconds, 0.0), 86400.0))]

    # -- testing ------------------------------------------------------------------------------

    def account_id(self) -> str:
        """What ``test.account`` finds; empty where none is declared."""
        test = self.declaration.get("test") or {}
        if not test.get("account"):
            return ""
        found = at(self._call("GET", test["path"]).json(), test["account"])
        if found in (None, ""):
            raise ConnectorError("schema", "no_account")
        return str(found)

    def check(self) -> list[CheckItem]:
        """Sign-in and account by the test path, then a page of each stream."""
        items: list[CheckItem] = []
        test = self.declaration.get("test") or {}
        if test:
            answer = probe(items, "sign_in", lambda: self._call("GET", test["path"]))
            if answer is None:
                return items
            items.append(clock_item(answer, self.clock()))
            if test.get("account"):
                self._check_account(items, at(answer.details(), test["account"]))
        for entity, reader in self.readers.items():
            answer = probe(items, "read", reader.first_call, {"entity": entity})
            if answer is not None:
                try:
                    listed(answer.json(), reader.stream.get("items"))
                except ConnectorError as error:
                    items.append(CheckItem("no_list", False, {"entity": entity, **error.params}))
        if self.webhook_secret_field:
            there = bool(self.secrets.get(self.webhook_secret_field))
            items.append(CheckItem("webhook_secret", there))
        return items

    def _check_account(self, items, found):
        wanted = str(self.settings.get("account_id") or "")
        found = "" if found is None else str(found)
        items.append(CheckItem("account", not wanted or found == wanted, {"account_id": found}))

    # -- for the engine -----------------------------------------------------------------------

    @classmethod
    def verify(
        cls,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
        now: datetime,
    ) -> list[Notice]:
        """The declared scheme, then its events as thin notices: see :mod:`.declared_webhook`."""
        return declared_webhook.notices(
            cls.declaration.get("webhook"), request, secrets, settings, now
        )

    def _reader(self, entity: str) -> Reader:
        if entity not in self.readers:
            raise ConnectorError("data", "not_supported", params={"operation": "read"})
        return self.readers[entity]

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """A page of what changed since the last window."""
        return self._reader(entity).poll(cursor, now)

    def poll_deleted(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """A page of the declared list of deleted records, if there is one."""
        return self._reader(entity).poll_deleted(cursor, now)

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """What changed in a window, page by page."""
        return self._reader(entity).listing(since, until)

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, together where that is declared; else by the list, if none is read alone."""
        return self._reader(entity).fetch(ids, self.clock())

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """Create and update as declared: see :mod:`.declared_write`."""
        if entity not in self.writes:
            error = ConnectorError("data", "not_supported", params={"operation": "write"})
            return [Outcome(w.key, False, w.external_id, error=error) for w in writes]
        return declared_write.Writer(self.writes[entity], self._call).run(writes)


def connector_class(declaration: dict) -> type[Declared]:
    """The connector that speaks as ``declaration`` says.

    :raise BadDeclaration: it cannot be used.
    """
    check(declaration)
    streams, writes = declaration.get("streams") or [], declaration.get("writes") or []
    pace = declaration.get("pace") or {"calls": 5, "seconds": 1}
    webhook = (declaration.get("webhook") or {"kind": "none"})["kind"] != "none"
    return type(
        "DeclaredProduct",
        (Declared,),
        {
            "declaration": declaration,
            "product": declaration["code"],
            "label": declaration["name"],
            "default_base_url": declaration["base_url"].rstrip("/"),
            "origins": tuple(origins(declaration)),
            "auth": SECRETS[declaration["sign_in"]["kind"]]
            + ((WEBHOOK_SECRET,) if webhook else ()),
            "entities_in": tuple(stream["entity"] for stream in streams),
            "entities_out": tuple(write["entity"] for write in writes),
            "lists": {
                stream["entity"]: "changed"
                for stream in streams
                if stream.get("since") and stream.get("changed_at")
            },
            "renews_with": RENEWS.get(declaration["sign_in"]["kind"], ()),
            "pace": {"default": (pace["calls"], float(pace["seconds"]))},
            "batch_read": max([(s.get("read") or {}).get("most") or 1 for s in streams] or [1]),
            "batch_write": max([(w.get("update") or {}).get("most") or 1 for w in writes] or [1]),
            "webhook_secret_field": "webhook_secret" if webhook else None,
        },
    )
