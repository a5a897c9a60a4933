"""A QuickBooks Online company on this machine: the Accounting API and Intuit's token endpoint.

Behaviour by Intuit's documentation: queries, change data capture, create and sparse update with ``SyncToken``,
``requestid``, unique customer names, the closing date, faults, rotating refresh tokens, webhooks in both shapes. What
writes the books is in :mod:`.quickbooks_books`.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"Customer": [...], "Item": [...], "Payment": [...]}`` seeds rows
(``at``: time of change); ``POST pay`` ``{"invoice", "amount"?, "reference"?}``; ``POST void`` and ``POST delete``
``{"object", "id"}``; ``POST merge`` ``{"winner", "loser"}`` of customers; ``GET state``: all rows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime

from werkzeug.wrappers import Request, Response

from .base import Sandbox, answer, main
from .quickbooks_books import LISTED, OBJECTS, QuickBooksBooks, fault, stamp
from .quickbooks_query import BadQuery, run

COMPANY = r"/v3/company/(?P<realm>\d+)"


class QuickBooksSandbox(QuickBooksBooks, Sandbox):
    """The API over rows in memory."""

    name = "QuickBooks Online"
    limit = (500, 60.0)
    batch_size = 30
    default_settings = {
        "token": "qbo-sandbox-token",
        "realm": "9341453474484455",
        "client_id": "qbo-client",
        "client_secret": "qbo-client-secret",
        "refresh_token": "qbo-refresh-1",
        "code": "qbo-code",
        "webhook_secret": "verifier-token-sandbox",
        "hidden_objects": (),
        "closed_until": "",  # books are closed to this day
        "vendors": (),  # names that no customer can have
        "deposited": (),  # payments that are part of a deposit
        "older_webhooks": False,
    }

    def reset(self) -> None:
        super().reset()
        self.tokens = {self.settings["token"]}
        self.rows: dict[str, dict[str, dict]] = {name: {} for name in OBJECTS}
        self.gone: dict[str, list[dict]] = {name: [] for name in OBJECTS}
        self.answers: dict[str, tuple] = {}
        self.refreshes = 0
        codes = [{"Name": "TAX", "Active": True}, {"Name": "NON", "Active": True}]
        self.seed({"TaxCode": [*codes, {"Name": "20.0% S", "Active": True}]}, quiet=True)
        self.seed({"Account": [{"Name": "Sales", "AccountType": "Income"}]}, quiet=True)
        self.seed({"Item": [{"Name": "Services", "Type": "Service"}]}, quiet=True)

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", "/oauth2/v1/tokens/bearer", self._token)
        self.route("GET", f"{COMPANY}/companyinfo/{r'(?P<key>[0-9]+)'}", self._company)
        self.route("GET", f"{COMPANY}/query", self._query)
        self.route("GET", f"{COMPANY}/cdc", self._cdc)
        self.route("POST", f"{COMPANY}/(?P<kind>customer|invoice|creditmemo|payment)", self._post)
        self.control("POST", "objects", lambda r: self.seed(r.get_json()))
        self.control("POST", "pay", lambda r: self.pay(**r.get_json()))
        self.control("POST", "void", lambda r: self.void(**r.get_json()))
        self.control("POST", "delete", lambda r: self.delete(**r.get_json()))
        self.control("POST", "merge", lambda r: self.merge(**r.get_json()))
        self.control("GET", "state", lambda request: self.rows)

    # -- sign-in, errors ------------------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path == "/oauth2/v1/tokens/bearer"

    def authorize(self, request: Request) -> None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            message = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
            raise fault(401, "3200", message, "Token expired", "AUTHENTICATION")
        if f"/company/{self.settings['realm']}/" not in request.path:
            message = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
            raise fault(403, "3100", message, kind="AuthorizationFault")
        if request.args.get("minorversion") != "75":
            raise fault(400, "2010", "Request has invalid or unsupported property", "minorversion")

    def token_error(self, kind: str) -> Response:
        return self.refuse_status(401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            error = {"Message": "message=ThrottleExceeded; errorCode=003001", "code": "3001"}
        elif status == 401:
            error = {"Message": "message=AuthenticationFailed; errorCode=003200", "code": "3200"}
        elif status >= 500:
            error = {"Message": "An application error has occurred", "code": "10000"}
        else:
            error = {"Message": "Refused", "Detail": "Refused", "code": "6000"}
        return answer({"Fault": {"Error": [error], "type": "SystemFault"}}, status)

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["intuit_tid"] = uuid.uuid4().hex

    def _token(self, request: Request):
        settings, form = self.settings, request.form
        pair = f"{settings['client_id']}:{settings['client_secret']}".encode()
        if request.headers.get("Authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return {"error": "invalid_client"}, 401
        if form.get("grant_type") == "authorization_code":
            good = self.takes_code(form)
        else:
            good = form.get("refresh_token") == settings["refresh_token"]
        if not good:
            return {"error": "invalid_grant", "error_description": "Incorrect or expired"}, 400
        self.refreshes += 1
        settings["refresh_token"] = f"qbo-refresh-{self.refreshes + 1}"
        token = f"qbo-{uuid.uuid4().hex}"
        self.tokens = {token}
        return {
            "access_token": token,
            "refresh_token": settings["refresh_token"],
            "token_type": "bearer",
            "expires_in": 3600,
            "x_refresh_token_expires_in": 8726400,
        }

    # -- reading ----------------------------------------------------------------------------------

    def _company(self, request: Request, realm: str, key: str) -> dict:
        company = {"CompanyName": "Sandbox Company_US_1", "Country": "US", "Id": "1"}
        return {"CompanyInfo": company, "time": stamp(self.now())}

    def _query(self, request: Request, realm: str) -> dict:
        text = request.args.get("query", "")
        for name in self.settings["hidden_objects"]:
            if f"from {name}" in text:
                message = "Authorization Failure: You do not have access"
                raise fault(403, "120", message, kind="AuthorizationFault")
        try:
            found = run(text, self.rows, LISTED)
        except BadQuery as error:
            raise fault(400, "4000", "Error parsing query", f"QueryParserError: {error}") from None
        return {"QueryResponse": found, "time": stamp(self.now())}

    def _cdc(self, request: Request, realm: str) -> dict:
        since, found = request.args.get("changedSince", ""), []
        if (self.now() - datetime.fromisoformat(since.replace("Z", "+00:00"))).days > 30:
            raise fault(400, "6000", "changedSince lookback more than 30 days")
        for name in request.args.get("entities", "").split(","):
            if name not in OBJECTS:
                raise fault(400, "2170", "Invalid Enumeration", name)
            rows = [*self.rows[name].values(), *self.gone[name]]
            rows = [row for row in rows if row["MetaData"]["LastUpdatedTime"] >= since]
            found.append({name: rows[:1000]} if rows else {})
        return {"CDCResponse": [{"QueryResponse": found}], "time": stamp(self.now())}

    # -- writing ----------------------------------------------------------------------------------

    def _handle(self, request: Request) -> Response:
        """A request id that was seen is answered as it was, and has no other effect."""
        once = request.args.get("requestid") if request.method == "POST" else None
        with self.lock:
            if once and once in self.answers:
                kept, status = self.answers[once]
                return Response(kept, status, content_type="application/json")
            response = super()._handle(request)
            if once and response.status_code == 200:
                self.answers[once] = (response.get_data(), 200)
            return response

    # -- webhooks ---------------------------------------------------------------------------------

    def _event(self, name: str, key: str, what: str, data: dict | None = None) -> None:
        self.sender.add(
            {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
                "type": f"qbo.{name.lower()}.{what}.v1",
                "datacontenttype": "application/json",
                "time": stamp(self.now()),
                "intuitentityid": key,
                "intuitaccountid": self.settings["realm"],
                "data": data or {},
            }
        )

    def webhook_body(self, events: list[dict]) -> bytes:
        if not self.settings["older_webhooks"]:
            return json.dumps(events).encode()
        names = {name.lower(): name for name in OBJECTS}
        entities = []
        for event in events:
            _qbo, name, what, _v1 = event["type"].split(".")
            operation = {"created": "Create", "updated": "Update", "deleted": "Delete"}.get(what)
            entity = {"name": names[name], "id": event["intuitentityid"]}
            entity |= {"operation": operation or what.rstrip("ed").title() + "e"}
            entity["lastUpdated"] = event["time"]
            if event["data"].get("deletedid"):
                entity |= {"operation": "Merge", "deletedId": event["data"]["deletedid"]}
            entities.append(entity)
        change = {"realmId": self.settings["realm"], "dataChangeEvent": {"entities": entities}}
        return json.dumps({"eventNotifications": [change]}).encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        mac = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        return {"intuit-signature": mac}


if __name__ == "__main__":
    main(QuickBooksSandbox(), 8106)
