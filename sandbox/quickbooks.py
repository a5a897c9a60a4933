"""A QuickBooks Online company on this machine: the Accounting API and Intuit's token endpoint.

Behaviour by Intuit's documentation: queries, change data capture, create and sparse update with ``SyncToken``,
``requestid``, unique customer names, the closing date, faults, rotating refresh tokens, webhooks in both shapes.

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
from datetime import datetime, timezone
from decimal import Decimal

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .quickbooks_query import BadQuery, run

OBJECTS = ("Customer", "Item", "TaxCode", "Account", "Invoice", "CreditMemo", "Payment")
LISTED = frozenset({"Customer", "Item", "TaxCode", "Account"})
COMPANY = r"/v3/company/(?P<realm>\d+)"


def stamp(moment: datetime) -> str:
    """A time as QuickBooks writes it, here always in UTC so that texts sort as times do."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault(status: int, code: str, message: str, detail: str = "", kind: str = "ValidationFault"):
    item = {"Message": message, "Detail": detail or message, "code": code, "element": ""}
    return Refusal(status, {"Fault": {"Error": [item], "type": kind}, "time": "now"})


class QuickBooksSandbox(Sandbox):
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

    def _post(self, request: Request, realm: str, kind: str) -> dict:
        name = {one.lower(): one for one in OBJECTS}[kind]
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise fault(400, "2010", "Request has invalid or unsupported property")
        if body.get("Id"):
            row = self.rows[name].get(str(body["Id"]))
            if row is None:
                raise fault(400, "610", "Object Not Found", "Object Not Found : Something is gone")
            if str(body.get("SyncToken")) != row["SyncToken"]:
                raise fault(400, "5010", "Stale Object Error", "You and someone else were working")
            row = {**(row if body.get("sparse") else {"Id": row["Id"]}), **body}
        else:
            row = dict(body)
        self._judge(name, row)
        if name == "Payment":
            self._link(row)
        row = self._store(name, row)
        return {name: row, "time": stamp(self.now())}

    def _judge(self, name: str, row: dict) -> None:
        if name == "Customer":
            same = [
                one
                for one in self.rows[name].values()
                if one["DisplayName"].casefold() == str(row.get("DisplayName")).casefold()
                and one["Id"] != row.get("Id")
            ]
            if not row.get("DisplayName") or ":" in row["DisplayName"]:
                raise fault(400, "2010", "Request has invalid or unsupported property")
            if same or row["DisplayName"] in self.settings["vendors"]:
                raise fault(400, "6240", "Duplicate Name Exists Error", "The name exists already")
            return
        if name == "Payment":
            return
        try:
            day = datetime.strptime(str(row.get("TxnDate")), "%Y-%m-%d")
        except ValueError:
            raise fault(400, "2010", "Request has invalid or unsupported property") from None
        if self.settings["closed_until"] and f"{day:%Y-%m-%d}" <= self.settings["closed_until"]:
            raise fault(400, "6210", "Account Period Closed", "The account period has closed")
        if (row.get("CustomerRef") or {}).get("value") not in self.rows["Customer"]:
            raise fault(400, "2500", "Invalid Reference Id", "Customer not found")
        for line in row.get("Line") or ():
            detail = line.get("SalesItemLineDetail") or {}
            if (detail.get("ItemRef") or {}).get("value") not in self.rows["Item"]:
                raise fault(400, "2500", "Invalid Reference Id", "Items element id not found")
            if "Qty" in detail:
                product = Decimal(str(detail["Qty"])) * Decimal(str(detail["UnitPrice"]))
                if abs(product - Decimal(str(line["Amount"]))) > Decimal("0.01"):
                    raise fault(400, "6070", "Amount is not equal to UnitPrice * Qty")
        if not row.get("Line"):
            raise fault(400, "2020", "Required param missing", "Required parameter Line")

    def _link(self, payment: dict) -> None:
        """What a payment says of documents: no more than is open, and as much credit as it leaves unpaid."""
        parts = []
        for line in payment["Line"]:
            linked, amount = line["LinkedTxn"][0], Decimal(str(line["Amount"]))
            row = self.rows[linked["TxnType"]].get(str(linked["TxnId"]))
            if row is None:
                raise fault(400, "2500", "Invalid Reference Id", "Transaction not found")
            if not 0 < amount <= Decimal(str(row["Balance"])):
                raise fault(
                    400, "6000", "A business validation error has occurred", "Amount too large"
                )
            parts.append((linked["TxnType"], row, amount))
        paid = sum(amount for name, _row, amount in parts if name == "Invoice")
        credited = sum(amount for name, _row, amount in parts if name == "CreditMemo")
        if paid - credited != Decimal(str(payment.get("TotalAmt") or 0)):
            raise fault(400, "6000", "A business validation error has occurred", "Does not add up")
        for name, row, amount in parts:
            row["paid_so_far"] = str(Decimal(str(row.get("paid_so_far") or 0)) + amount)
            self._store(name, dict(row))

    def _store(self, name: str, row: dict, at: datetime | None = None, quiet: bool = False) -> dict:
        known = self.rows[name].get(str(row.get("Id")))
        when = stamp(at or self.now())
        row["Id"] = str(row.get("Id") or self.next_id())
        row["SyncToken"] = str(int(known["SyncToken"]) + 1) if known else "0"
        row["MetaData"] = {"CreateTime": when, "LastUpdatedTime": when}
        row.pop("sparse", None)
        if name in LISTED:
            row.setdefault("Active", True)
            row.setdefault("FullyQualifiedName", row.get("DisplayName") or row.get("Name"))
        if name in ("Invoice", "CreditMemo") and "Line" in row and not row.get("voided"):
            lines = sum((Decimal(str(line["Amount"])) for line in row["Line"]), Decimal())
            tax = Decimal(str((row.get("TxnTaxDetail") or {}).get("TotalTax") or 0))
            paid = Decimal(str((known or {}).get("paid_so_far") or 0))
            row["TotalAmt"] = _money(lines + tax)
            row["Balance"] = _money(lines + tax - paid)
        self.rows[name].pop(row["Id"], None)
        self.rows[name][row["Id"]] = row
        if not quiet:
            self._event(name, row["Id"], "updated" if known else "created")
        return row

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

    # -- what happens in QuickBooks ---------------------------------------------------------------

    def seed(self, objects: dict[str, list[dict]], quiet: bool = False) -> dict:
        """Rows by object; answers their ids in the order given."""
        ids = {}
        with self.lock:
            for name, rows in objects.items():
                ids[name] = []
                for row in rows:
                    row = dict(row)
                    at = row.pop("at", None)
                    at = datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None
                    ids[name].append(self._store(name, row, at, quiet)["Id"])
        return ids

    def pay(self, invoice: str, amount=None, reference: str = "") -> dict:
        """Somebody records a payment of an invoice."""
        with self.lock:
            row = self.rows["Invoice"][invoice]
            amount = Decimal(str(amount if amount is not None else row["Balance"]))
            paid = Decimal(str(row.get("paid_so_far") or 0)) + amount
            row["paid_so_far"] = str(paid)
            self._store("Invoice", dict(row))
            payment = {
                "TotalAmt": _money(amount),
                "CurrencyRef": row.get("CurrencyRef"),
                "CustomerRef": row["CustomerRef"],
                "TxnDate": f"{self.now():%Y-%m-%d}",
                "PaymentRefNum": reference,
                "Line": [
                    {
                        "Amount": _money(amount),
                        "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}],
                    }
                ],
            }
            return {"id": self._store("Payment", payment)["Id"]}

    def void(self, object: str, id: str) -> dict:
        with self.lock:
            row = dict(self.rows[object][id], TotalAmt=0, Balance=0, voided=True)
            row["PrivateNote"] = f"Voided - {row.get('PrivateNote') or ''}"
            self._store(object, row, quiet=True)
            self._event(object, id, "voided")
        return {"id": id}

    def delete(self, object: str, id: str) -> dict:
        with self.lock:
            del self.rows[object][id]
            meta = {"LastUpdatedTime": stamp(self.now())}
            self.gone[object].append({"Id": id, "status": "Deleted", "MetaData": meta})
            self._event(object, id, "deleted")
        return {"id": id}

    def merge(self, winner: str, loser: str) -> dict:
        with self.lock:
            row = dict(self.rows["Customer"][loser], Active=False)
            row["DisplayName"] += " (deleted)"
            self._store("Customer", row, quiet=True)
            self._event("Customer", winner, "merged", {"deletedid": loser})
        return {"id": winner}


def _money(value: Decimal):
    return int(value) if value == int(value) else float(value)


if __name__ == "__main__":
    main(QuickBooksSandbox(), 8106)
