"""A Xero organisation on this machine: the Accounting API, connections and the identity server's token endpoint.

Behaviour by Xero's documentation and OpenAPI description: pages sorted by time of change, ``If-Modified-Since``, ids
and numbers, PUT and POST with an outcome an element, ``Idempotency-Key``, unique numbers and names, lock dates, limits
and their headers, single-use refresh tokens with half an hour of grace, webhooks and the question of intent.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"Contacts": [...], "Payments": [...]}`` seeds rows (``at``: time
of change); ``POST pay`` ``{"invoice", "amount"?, "reference"?}``; ``POST status`` ``{"list", "id", "status"}``;
``POST merge`` ``{"winner", "loser"}`` of contacts; ``POST intent`` ``{"url"}``; ``GET state``: all rows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import requests
from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .xero_books import IDS, XeroBooks, stamp

API = "/api.xro/2.0"
SCOPES = {
    "Contacts": "accounting.contacts",
    "Invoices": "accounting.invoices",
    "CreditNotes": "accounting.invoices",
    "Payments": "accounting.payments",
    "Accounts": "accounting.settings",
    "TaxRates": "accounting.settings",
    "Items": "accounting.settings",
}
GRACE = timedelta(minutes=30)
_FILTER = re.compile(r'(\w+)=="((?:[^"\\]|\\.)*)"')


def when(row: dict) -> int:
    return int(re.search(r"-?\d+", row["UpdatedDateUTC"])[0])


def token_of(scopes) -> str:
    """An access token as Xero makes them: a JWT that names its scopes."""

    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"scope": list(scopes), "jti": uuid.uuid4().hex}
    return f"{part({'alg': 'none'})}.{part(claims)}.sandbox"


class XeroSandbox(XeroBooks, Sandbox):
    """The API over rows in memory."""

    name = "Xero"
    limit = (60, 60.0)
    batch_size = 30
    default_settings = {
        "tenant": "c2cc9b6e-5b7a-4d5f-9c53-0f3a1b2c3d4e",
        "client_id": "xero-client",
        "client_secret": "xero-client-secret",
        "refresh_token": "xero-refresh-1",
        "code": "xero-code",
        "webhook_secret": "xero-webhook-key",
        "demo": True,
        "scopes": sorted({*SCOPES.values(), "offline_access"}),
        "lock_date": "",
        "day_left": 5000,
        "previous": None,  # (refresh token, until when it still counts)
    }

    def reset(self) -> None:
        super().reset()
        self.tokens = {token_of(self.settings["scopes"])}
        self.rows: dict[str, dict[str, dict]] = {name: {} for name in IDS}
        self.answers: dict[str, tuple] = {}
        self.refreshes = self.sequence = 0
        self.codes = {"200", "201"}
        self.banks = {"090"}  # accounts that take payments
        self.rates = {"OUTPUT": Decimal("0.15"), "NONE": Decimal(0)}

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", "/connect/token", self._token)
        self.route("GET", "/connections", self._connections)
        self.route("GET", f"{API}/Organisation", self._organisation)
        kind = f"(?P<name>{'|'.join(IDS)})"
        self.route("GET", f"{API}/{kind}", self._list)
        self.route("GET", f"{API}/{kind}/(?P<key>[0-9a-f-]+)", self._get)
        self.route("PUT", f"{API}/(?P<name>Contacts|Invoices|CreditNotes)", self._write)
        self.route("POST", f"{API}/(?P<name>Contacts|Invoices|CreditNotes)", self._write)
        self.route("PUT", f"{API}/Payments", self._pay_asked)
        self.route("POST", f"{API}/Payments/(?P<key>[0-9a-f-]+)", self._delete_payment)
        notes = f"{API}/CreditNotes/(?P<key>[0-9a-f-]+)/Allocations"
        self.route("PUT", notes, self._allocate)
        self.control("POST", "objects", lambda r: self.seed(r.get_json()))
        self.control("POST", "pay", lambda r: self.pay(**r.get_json()))
        self.control("POST", "status", lambda r: self.set_status(**r.get_json()))
        self.control("POST", "merge", lambda r: self.merge(**r.get_json()))
        self.control("POST", "intent", lambda r: self.ask_intent(**r.get_json()))
        self.control("GET", "state", lambda request: self.rows)

    # -- sign-in, limits, errors ------------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path == "/connect/token"

    def authorize(self, request: Request) -> None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, _unauthorized("TokenExpired: token expired at 01/01/2026 00:00:00"))
        if request.path == "/connections":
            return
        if request.headers.get("xero-tenant-id", "").lower() != self.settings["tenant"]:
            raise Refusal(403, _unauthorized("AuthenticationUnsuccessful", "Forbidden", 403))
        name = request.path.removeprefix(f"{API}/").split("/")[0]
        need = SCOPES.get(name)
        granted = self.settings["scopes"]
        reads = request.method == "GET"
        if need and not (need in granted or (reads and f"{need}.read" in granted)):
            raise Refusal(401, _unauthorized("AuthorizationUnsuccessful"))

    def token_error(self, kind: str) -> Response:
        return answer(_unauthorized("TokenExpired: token expired"), 401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            return Response("", 429, {"X-Rate-Limit-Problem": "minute", "Retry-After": "17"})
        if status in (401, 403):
            return answer(_unauthorized("AuthenticationUnsuccessful", "Forbidden", status), status)
        if status >= 500:
            return answer({"ErrorNumber": 0, "Type": "InternalServerError"}, status)
        return answer({"ErrorNumber": 10, "Type": "ValidationException", "Message": "A"}, status)

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["X-MinLimit-Remaining"] = str(getattr(self, "remaining", 59))
        response.headers["X-DayLimit-Remaining"] = str(self.settings["day_left"])
        response.headers["xero-correlation-id"] = str(uuid.uuid4())

    def _token(self, request: Request):
        settings, form = self.settings, request.form
        pair = f"{settings['client_id']}:{settings['client_secret']}".encode()
        if request.headers.get("Authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return {"error": "invalid_client"}, 401
        body = {"token_type": "Bearer", "expires_in": 1800, "scope": " ".join(settings["scopes"])}
        if form.get("grant_type") == "authorization_code":
            if not self.takes_code(form):
                return {"error": "invalid_grant"}, 400
            body["refresh_token"] = settings["refresh_token"]
        elif form.get("grant_type") == "refresh_token":
            given, previous = form.get("refresh_token"), settings["previous"]
            late = previous and given == previous[0] and self.now() < previous[1]
            if given != settings["refresh_token"] and not late:
                return {"error": "invalid_grant"}, 400
            self.refreshes += 1
            settings["previous"] = (given, self.now() + GRACE)
            settings["refresh_token"] = f"xero-refresh-{self.refreshes + 1}"
            body["refresh_token"] = settings["refresh_token"]
        token = token_of(settings["scopes"])
        self.tokens = {token}
        return body | {"access_token": token}

    def _connections(self, request: Request) -> list:
        tenant = {"tenantId": self.settings["tenant"], "tenantType": "ORGANISATION"}
        return [{"id": str(uuid.uuid4()), **tenant, "tenantName": "Demo Company (Global)"}]

    def _organisation(self, request: Request) -> dict:
        organisation = {
            "Name": "Demo Company (Global)",
            "OrganisationID": self.settings["tenant"],
            "IsDemoCompany": self.settings["demo"],
            "BaseCurrency": "USD",
            "CountryCode": "US",
        }
        return self._body({"Organisations": [organisation]})

    # -- reading ----------------------------------------------------------------------------------

    def _body(self, content: dict) -> dict:
        envelope = {"Id": str(uuid.uuid4()), "Status": "OK", "ProviderName": "Odoo"}
        return {**envelope, "DateTimeUTC": stamp(self.now()), **content}

    def _list(self, request: Request, name: str) -> dict:
        if name in ("Accounts", "TaxRates"):
            return self._body({name: self._codes(name)})
        rows = [row for row in self.rows[name].values() if self._wanted(name, row, request)]
        rows.sort(key=lambda row: (when(row), row[IDS[name]]))
        size, page = int(request.args.get("pageSize", 100)), int(request.args.get("page", 1))
        count = -(-len(rows) // size)
        shown = [self._view(name, row) for row in rows[(page - 1) * size : page * size]]
        paging = {"page": page, "pageSize": size, "pageCount": count, "itemCount": len(rows)}
        return self._body({"pagination": paging, name: shown})

    def _codes(self, name: str) -> list[dict]:
        """Accounts with those of costs among them, and taxes; neither list is paged."""
        if name == "TaxRates":
            return [
                {"TaxType": code, "Name": f"Tax of {rate:.0%}", "Status": "ACTIVE"}
                | {"CanApplyToRevenue": True, "EffectiveRate": float(rate * 100)}
                for code, rate in sorted(self.rates.items())
            ]
        sales = [
            {"AccountID": str(uuid.uuid4()), "Code": code, "Name": "Sales", "Status": "ACTIVE"}
            | {"Class": "REVENUE", "Type": "REVENUE"}
            for code in sorted(self.codes)
        ]
        banks = [
            {**sales[0], "AccountID": str(uuid.uuid4()), "Code": code, "Name": "Bank"}
            | {"Class": "ASSET", "Type": "BANK"}
            for code in sorted(self.banks)
        ]
        return [*sales, {**sales[0], "Code": "400", "Name": "Rent", "Class": "EXPENSE"}, *banks]

    def _wanted(self, name: str, row: dict, request: Request) -> bool:
        since = request.headers.get("If-Modified-Since")
        if since:
            moment = datetime.fromisoformat(since).replace(tzinfo=timezone.utc)
            if when(row) < moment.timestamp() * 1000:
                return False
        if request.args.get("IDs"):
            return row[IDS[name]] in request.args["IDs"].lower().split(",")
        if request.args.get("InvoiceNumbers"):
            return row.get("InvoiceNumber") in request.args["InvoiceNumbers"].split(",")
        archived = row.get("ContactStatus") == "ARCHIVED"
        if archived and request.args.get("includeArchived") != "true":
            return False
        where = request.args.get("where")
        tests = _FILTER.findall(where) if where else []
        return not tests or any(
            str(row.get(field)).casefold() == re.sub(r"\\(.)", r"\1", text).casefold()
            for field, text in tests
        )

    def _get(self, request: Request, name: str, key: str) -> dict:
        row = self.rows[name].get(key)
        if row is None:
            body = {"Title": "The resource you're looking for cannot be found", "Status": 404}
            raise Refusal(404, body)
        return self._body({name: [self._view(name, row)]})

    def _view(self, name: str, row: dict) -> dict:
        hidden = {"Invoices": ("RemainingCredit",), "CreditNotes": ("AmountDue", "AmountPaid")}
        left_out = hidden.get(name, ())
        shown = {key: value for key, value in row.items() if key[0] != "_" and key not in left_out}
        if name == "Payments" and row.get("_invoice"):
            invoice = self.rows["Invoices"][row["_invoice"]]
            names = ("InvoiceID", "InvoiceNumber", "Type", "CurrencyCode", "Contact")
            shown["Invoice"] = {one: invoice.get(one) for one in names}
        return shown

    # -- once -------------------------------------------------------------------------------------

    def _handle(self, request: Request) -> Response:
        """A key that was seen is answered as it was, and has no other effect."""
        once = request.headers.get("Idempotency-Key")
        with self.lock:
            if once and once in self.answers:
                return Response(self.answers[once], 200, content_type="application/json")
            response = super()._handle(request)
            if once and response.status_code == 200:
                self.answers[once] = response.get_data()
            return response

    # -- webhooks ---------------------------------------------------------------------------------

    def _event(self, name: str, category: str, row: dict, what: str) -> None:
        key = row[IDS[name]]
        event = {
            "resourceUrl": f"https://api.xero.com{API}/{name}/{key}",
            "resourceId": key,
            "tenantId": self.settings["tenant"],
            "tenantType": "ORGANISATION",
            "eventCategory": category,
            "eventType": what,
            "eventDateUtc": f"{self.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3],
        }
        if category == "CREDITNOTE":
            event["data"] = {"Type": row.get("Type"), "Status": row.get("Status")}
        self.sender.add(event)

    def webhook_body(self, events: list[dict]) -> bytes:
        first, self.sequence = self.sequence + 1, self.sequence + len(events)
        body = {"events": events, "firstEventSequence": first, "lastEventSequence": self.sequence}
        return json.dumps({**body, "entropy": "FXNGWLCCGVANWHKILRUB"}).encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"x-xero-signature": mac}

    def ask_intent(self, url: str) -> dict:
        """Whether a receiver means to receive: it must tell good signatures from bad ones, in Xero's manner."""
        right = []
        for secret, status in ((self.settings["webhook_secret"], 200), ("another-key", 401)) * 2:
            body = json.dumps(
                {"events": [], "firstEventSequence": 0, "lastEventSequence": 0, "entropy": secret}
            ).encode()
            headers = self.webhook_headers(url, body, self.now(), secret)
            headers["Content-Type"] = "application/json"
            session = requests.Session()
            session.trust_env = False
            got = session.post(url, data=body, headers=headers, timeout=10, allow_redirects=False)
            bare = not got.content and "Set-Cookie" not in got.headers
            right.append(got.status_code == status and bare)
            session.close()
        return {"activated": all(right)}


def _unauthorized(detail: str, title: str = "Unauthorized", status: int = 401) -> dict:
    return {"Type": None, "Title": title, "Status": status, "Detail": detail}


if __name__ == "__main__":
    main(XeroSandbox(), 8107)
