"""Of an OpenAPI file: where the product is, and how one signs in."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .errors import ConnectorError
from .http import origin
from .openapi_schema import Schemas


class Note(NamedTuple):
    """Something that a person should know or decide: a machine word and its parameters."""

    code: str
    params: dict


class Account:
    """What the file says of addresses and signing in. Notes are collected for a person.

    :param base_url: where the product is, if a person said it; the file cannot change that.
    """

    def __init__(self, document: dict, base_url: str):
        self.document = document
        self.notes: list[Note] = []
        self.schemas = Schemas(document)
        self.base = self._base(base_url)

    def note(self, code: str, **params) -> None:
        one = Note(code, params)
        if one not in self.notes and len(self.notes) < 60:
            self.notes.append(one)

    # -- addresses ----------------------------------------------------------------------------

    def _base(self, given: str) -> str:
        servers = self.document.get("servers")
        for server in servers if isinstance(servers, list) else []:
            url = self._server_url(server)
            if not url or "://" not in url:
                continue
            try:
                origin(url)
            except ConnectorError:
                continue
            if given and origin(given) != origin(url):
                self.note("other_server", url=url[:120])
                break
            return given or url.rstrip("/")
        if not given:
            self.note("no_server")
        return given

    def _server_url(self, server: Any) -> str:
        """A server's address with the defaults of its variables."""
        if not isinstance(server, dict) or not isinstance(server.get("url"), str):
            return ""
        url, variables = server["url"], server.get("variables")
        for name, one in (variables if isinstance(variables, dict) else {}).items():
            default = one.get("default") if isinstance(one, dict) else ""
            url = url.replace(f"{{{name}}}", str(default or ""))
        return "" if re.search(r"[{}\s]", url) else url

    def _same_origin(self, url: str) -> bool:
        try:
            return bool(self.base) and origin(url) == origin(self.base)
        except ConnectorError:
            return False

    # -- sign-in ------------------------------------------------------------------------------

    def _sign_in(self) -> dict:
        components = self.document.get("components")
        schemes = (components if isinstance(components, dict) else {}).get("securitySchemes")
        schemes = schemes if isinstance(schemes, dict) else {}
        order = [
            name
            for rule in self._rules()
            if isinstance(rule, dict) and len(rule) == 1
            for name in rule
        ]
        for name in [*order, *schemes]:
            found = self._scheme(self.schemas.get(schemes.get(name)))
            if found:
                if len(schemes) > 1:
                    self.note("sign_in_chosen", name=str(name)[:60])
                return found
        self.note("no_sign_in")
        return {"kind": "none"}

    def _rules(self) -> list:
        rules = self.document.get("security")
        return rules if isinstance(rules, list) else []

    def _scheme(self, scheme: dict) -> dict | None:
        kind = scheme.get("type")
        if kind == "apiKey" and scheme.get("in") in ("header", "query"):
            return {"kind": scheme["in"], "name": str(scheme.get("name") or "")[:80]}
        if kind == "http":
            way = str(scheme.get("scheme") or "").lower()
            return {"kind": way} if way in ("bearer", "basic") else None
        flows = scheme.get("flows")
        if kind != "oauth2" or not isinstance(flows, dict):
            return None
        for flow, name in (
            ("clientCredentials", "client_credentials"),
            ("authorizationCode", "authorization_code"),
        ):
            found = self.schemas.get(flows.get(flow))
            if found.get("tokenUrl"):
                return self._oauth(name, found)
        return None

    def _oauth(self, kind: str, flow: dict) -> dict | None:
        result = {"kind": kind}
        for key, name in (("tokenUrl", "token_url"), ("authorizationUrl", "authorize_url")):
            url = str(flow.get(key) or "")
            if url.startswith("/") and not url.startswith("//") and self.base:
                parts = urlsplit(self.base)
                url = f"{parts.scheme}://{parts.netloc}{url}"
            if not url or (key == "authorizationUrl" and kind == "client_credentials"):
                continue
            if not self._same_origin(url):
                # a file must not say where secrets go: a person types that
                self.note("other_token_host", url=url[:120])
                continue
            result[name] = url
        scopes = flow.get("scopes")
        if isinstance(scopes, dict) and scopes:
            self.note("scopes", scopes=", ".join(map(str, scopes))[:300])
        return result if result.get("token_url") else None
