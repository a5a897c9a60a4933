"""A HubSpot portal on this machine. See :mod:`sandbox.hubspot_control` for its control plane.

Behaviour by HubSpot's API documentation: CRM objects v3, search, associations v4, owners,
pipelines, account information, OAuth tokens, webhooks with signature v3, error shapes and
rate-limit headers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, html, main
from .hubspot_batch import HubSpotBatches, error, true
from .hubspot_control import HubSpotControl
from .hubspot_search import search
from .hubspot_store import ASSOCIATION_TYPES, TYPES, Store

KIND = f"(?P<kind>{'|'.join(TYPES)}|{'|'.join(t[0] for t in TYPES.values())})"
NAMES = {type_id: name for name, (type_id, _one) in TYPES.items()}
V3 = rf"/crm/(?:v3/objects|objects/2026-0[39])/{KIND}"


class HubSpotSandbox(HubSpotControl, HubSpotBatches, Sandbox):
    """The API over a :class:`~sandbox.hubspot_store.Store`."""

    name = "HubSpot"
    limit = (190, 10.0)
    batch_size = 100
    default_settings = {
        "token": "pat-na1-sandbox-token",
        "portal_id": 49648261,
        "app_id": 10639157,
        "client_id": "sandbox-client",
        "webhook_secret": "sandbox-client-secret",
        "refresh_token": "sandbox-refresh-token",
        "code": "sandbox-code",
        "scopes": None,  # None: all; else a list
        "unique_properties": ("odoo_key", "email"),
        "index_lag": 0,  # seconds that search does not see
    }

    def reset(self) -> None:
        super().reset()
        self.tokens = {self.settings["token"]}
        self.store = Store(self.now, self.next_id, self._event)

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("GET", "/account-info/v3/details", self._account)
        self.route("POST", "/oauth/v1/token", self._token)
        self.route("POST", "/oauth/v2/private-apps/get/access-token-info", self._token_info)
        self.route("GET", "/crm/v3/owners/?", self._owners)
        self.route("GET", r"/crm/v3/owners/(?P<key>\w+)", self._owner)
        self.route("GET", "/crm/v3/pipelines/deals/?", lambda r: {"results": self.store.pipelines})
        self.route("POST", V3 + "/search", self._search)
        self.route("POST", V3 + "/batch/read", self._batch_read)
        self.route("POST", V3 + "/batch/update", self._batch_update)
        self.route("POST", V3 + "/batch/create", self._batch_create)
        self.route("POST", V3 + "/batch/upsert", self._batch_upsert)
        self.route("POST", V3 + "/batch/archive", self._batch_archive)
        self.route("GET", V3, self._list)
        self.route("POST", V3, self._create)
        self.route("GET", V3 + r"/(?P<key>\w+)", self._get)
        self.route("PATCH", V3 + r"/(?P<key>\w+)", self._patch)
        self.route("DELETE", V3 + r"/(?P<key>\w+)", self._delete)
        pair = rf"{KIND}/(?P<other>{'|'.join(TYPES)})"
        self.route("POST", f"/crm/v4/associations/{pair}/batch/read", self._associations)
        self.add_controls()

    # -- sign-in, limits, errors ----------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path == "/oauth/v1/token"

    def authorize(self, request: Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            message = (
                "Authentication credentials not found. This API supports OAuth 2.0 authentication"
            )
            raise Refusal(401, error(message, "INVALID_AUTHENTICATION"))

    def _need(self, scope: str) -> None:
        scopes = self.settings["scopes"]
        if scopes is not None and scope not in scopes:
            context = {"requiredGranularScopes": [scope]}
            inner = {
                "message": "One or more of the following scopes are required.",
                "context": context,
            }
            message = "This app hasn't been granted all required scopes to make this call."
            raise Refusal(403, error(message, "MISSING_SCOPES", errors=[inner]))

    def token_error(self, kind: str) -> Response:
        if kind == "expired_token":
            message = "The OAuth token used to make this call expired 5 minutes ago."
            return answer(error(message, "EXPIRED_AUTHENTICATION"), 401)
        return answer(error("The access token is not active.", "INVALID_AUTHENTICATION"), 401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            return self.too_many()
        return answer(
            error("Service unavailable" if status == 503 else "internal error", "SERVER"), status
        )

    def too_many(self) -> Response:
        body = error(
            "You have reached your ten_secondly_rolling limit.",
            "RATE_LIMITS",
            policyName="TEN_SECONDLY_ROLLING",
            errorType="RATE_LIMIT",
        )
        return answer(body, 429, {"Retry-After": "10000"})

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["X-HubSpot-Correlation-Id"] = str(uuid.uuid4())
        if not request.path.endswith("/search"):  # search tells no limits
            calls, seconds = self.limit
            response.headers["X-HubSpot-RateLimit-Max"] = str(calls)
            response.headers["X-HubSpot-RateLimit-Remaining"] = str(self.remaining)
            response.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = str(int(seconds * 1000))
            response.headers["X-HubSpot-RateLimit-Daily"] = "250000"
            response.headers["X-HubSpot-RateLimit-Daily-Remaining"] = "249000"

    def _account(self, request: Request) -> dict:
        return {
            "portalId": self.settings["portal_id"],
            "accountType": "SANDBOX",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-05:00",
            "utcOffsetMilliseconds": -18000000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }

    def _token(self, request: Request):
        form, settings = request.form, self.settings
        good = form.get("client_secret") == settings["webhook_secret"]
        if not good or form.get("client_id") != settings["client_id"]:
            return {"status": "BAD_CLIENT_ID", "message": "missing or unknown client id"}, 400
        if form.get("grant_type") == "authorization_code":
            if not self.takes_code(form):
                body = {"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"}
                return body, 400
            settings["code"] = None  # counts once
        elif form.get("refresh_token") != settings["refresh_token"]:
            body = {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}
            return body, 400
        token = f"oauth-{uuid.uuid4().hex}"
        self.tokens = {token}
        return {
            "token_type": "bearer",
            "access_token": token,
            "refresh_token": settings["refresh_token"],
            "expires_in": 1800,
        }

    def _token_info(self, request: Request):
        names = ("companies", "contacts", "deals", "line_items", "products", "owners")
        every = [f"crm.objects.{name}.{act}" for name in names for act in ("read", "write")]
        scopes = self.settings["scopes"]
        return {
            "userId": 1,
            "hubId": self.settings["portal_id"],
            "appId": self.settings["app_id"],
            "scopes": every if scopes is None else scopes,
        }

    # -- objects ------------------------------------------------------------------------------

    def _kind(self, kind: str, write: bool = False) -> str:
        kind = NAMES.get(kind, kind)
        self._need(f"crm.objects.{kind}.{'write' if write else 'read'}")
        return kind

    def _find(self, kind: str, key: str, archived: bool = False) -> dict | None:
        """A merged id answers with its survivor."""
        row = self.store.objects[kind].get(self.store.merged.get((kind, key), key))
        return row if row is not None and row["archived"] == archived else None

    def _view(self, row: dict, names) -> dict:
        """A row with the properties that were asked for, and those always given."""
        given = row["properties"]
        always = [name for name in given if name in ("createdate", "hs_object_id")]
        always += [name for name in given if name.endswith("lastmodifieddate")]
        return {**row, "properties": {name: given.get(name) for name in [*always, *names]}}

    def _names(self, request: Request) -> list[str]:
        return [n for part in request.args.getlist("properties") for n in part.split(",") if n]

    def _get(self, request: Request, kind: str, key: str):
        kind = self._kind(kind)
        row = self._find(kind, key, true(request.args.get("archived")))
        if row is None:
            return html(404, "Not Found")  # seen at HubSpot: a page, on this route only
        return self._view(row, self._names(request))

    def _list(self, request: Request, kind: str):
        kind = self._kind(kind)
        archived = true(request.args.get("archived"))
        limit = min(int(request.args.get("limit", 10)), 100)
        rows = [r for r in self.store.objects[kind].values() if r["archived"] == archived]
        rows.sort(key=lambda row: int(row["id"]))
        after = int(request.args.get("after", 0))
        rows = [row for row in rows if int(row["id"]) > after]
        body: dict = {"results": [self._view(row, self._names(request)) for row in rows[:limit]]}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1]["id"], "link": "?"}}
        return body

    def _search(self, request: Request, kind: str):
        kind = self._kind(kind)
        lag = self.settings["index_lag"]
        return search(self.store, kind, request.get_json(), self.now(), lag, self._view, error)

    def _create(self, request: Request, kind: str):
        kind, body = self._kind(kind, write=True), request.get_json()
        self._check_values(body.get("properties") or {})
        row = self.store.create(kind, body.get("properties") or {})
        for link in body.get("associations") or ():
            wanted = link["types"][0]["associationTypeId"]
            pairs = ASSOCIATION_TYPES.items()
            other = next(b for (a, b), ids in pairs if a == kind and wanted in ids)
            self.store.associate(kind, row["id"], other, str(link["to"]["id"]), quiet=True)
        return self._view(row, body.get("properties") or {}), 201

    def _patch(self, request: Request, kind: str, key: str):
        kind, properties = self._kind(kind, write=True), request.get_json().get("properties") or {}
        row = self._find(kind, key)
        if row is None:
            return error("resource not found", "OBJECT_NOT_FOUND"), 404
        self._check_values(properties)
        return self._view(self.store.update(kind, row["id"], properties), properties)

    def _delete(self, request: Request, kind: str, key: str):
        kind = self._kind(kind, write=True)
        if self._find(kind, key):
            self.store.archive(kind, key)
        return Response(status=204)

    def _check_values(self, properties: dict) -> None:
        problems = self.store.problems(properties)
        if problems:
            listed = [
                {
                    "isValid": False,
                    "message": problem["message"],
                    "error": problem["code"],
                    "name": problem["context"]["propertyName"][0],
                }
                for problem in problems
            ]
            message = f"Property values were not valid: {json.dumps(listed)}"
            raise Refusal(400, error(message, "VALIDATION_ERROR", errors=problems))

    # -- owners -------------------------------------------------------------------------------

    def _owners(self, request: Request):
        self._need("crm.objects.owners.read")
        archived = true(request.args.get("archived"))
        limit, after = int(request.args.get("limit", 100)), int(request.args.get("after", 0))
        rows = [row for row in self.store.owners.values() if row["archived"] == archived]
        rows = sorted((r for r in rows if int(r["id"]) > after), key=lambda row: int(row["id"]))
        body: dict = {"results": rows[:limit]}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1]["id"], "link": "?"}}
        return body

    def _owner(self, request: Request, key: str):
        self._need("crm.objects.owners.read")
        row = self.store.owners.get(key)
        if row is None or row["archived"] != (true(request.args.get("archived"))):
            return error("resource not found", "OBJECT_NOT_FOUND"), 404
        return row

    # -- webhooks -----------------------------------------------------------------------------

    def _event(self, kind: str, what: str, details: dict) -> None:
        self.sender.add(
            {
                "eventId": self.next_id(1000),
                "subscriptionId": 3442089,
                "portalId": self.settings["portal_id"],
                "appId": self.settings["app_id"],
                "occurredAt": int(self.now().timestamp() * 1000),
                "subscriptionType": f"{TYPES[kind][1]}.{what}",
                "attemptNumber": 0,
                "changeSource": "CRM_UI",
                **details,
            }
        )

    def webhook_body(self, events: list[dict]) -> bytes:
        return json.dumps(events).encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        timestamp = str(int(moment.timestamp() * 1000))
        message = b"POST" + url.encode() + body + timestamp.encode()
        mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
        return {
            "X-HubSpot-Signature-v3": base64.b64encode(mac).decode(),
            "X-HubSpot-Request-Timestamp": timestamp,
            "X-HubSpot-Signature-Version": "v1",
            "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
            "User-Agent": "HubSpot Webhooks",
        }


if __name__ == "__main__":
    main(HubSpotSandbox(), 8101)
