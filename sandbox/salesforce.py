"""A Salesforce org on this machine: sign-in, describe, SOQL, deleted records, writes, outbound messages.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"objects": [{"type", "id"?, "fields": {}, "at"?}]}`` seeds and
answers ids; ``POST update`` ``{"type", "id", "fields", "at"?}``; ``POST delete`` ``{"type", "id", "purge"?}``; ``POST
merge`` ``{"type", "winner", "loser"}``; ``POST locators`` forgets the pages of running queries; ``POST shorten``
``{"before": iso}`` shortens the log of deletions; ``GET state``: all records.

Behaviour by Salesforce's REST API Developer Guide (API version 67.0) and SOAP API Developer Guide (outbound messages).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import datetime, timedelta
from urllib.parse import quote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .salesforce_soql import BadQuery, Query
from .salesforce_store import (
    FIELDS,
    NUMBERS,
    PREFIX,
    READ_ONLY,
    RELATIONS,
    Store,
    long_id,
    make_id,
    stamp,
)
from .salesforce_writes import SalesforceWrites

VERSIONS = ("66.0", "67.0", "68.0")
DATA = r"/services/data/v(?P<version>\d+\.\d)"
OBJECT = f"(?P<name>{'|'.join(PREFIX)})"
OUT = {  # what Odoo writes back, as the documentation of the connector asks for it
    "Opportunity": (
        *("Odoo_Contract_State__c", "Odoo_Contracted_Amount__c", "Odoo_Invoiced_Amount__c"),
        *("Odoo_Paid_Amount__c", "Odoo_Overdue_Amount__c", "Odoo_Last_Invoice__c"),
        *("Odoo_Last_Invoice_Date__c", "Odoo_Next_Due_Date__c", "Odoo_Project_Code__c"),
        *("Service_Line__c", "Selling_Company__c", "PO_Number__c", "Service_Start_Date__c"),
        "Odoo_Key__c",
    ),
    "Account": ("Odoo_Balance__c", "Odoo_Overdue__c", "VAT_Number__c", "Odoo_Key__c"),
}


class SalesforceSandbox(SalesforceWrites, Sandbox):
    """The API over a :class:`~sandbox.salesforce_store.Store`."""

    name = "Salesforce"
    limit = (25, 1.0)
    batch_size = 100
    default_settings = {
        "organization": "00DHs000000sbx1MAA",
        "user": "005Hs000000user1AAA",
        "is_sandbox": True,
        "multi_currency": True,
        "currency": "USD",
        "consumer_key": "3MVG9.sandbox.consumer",
        "consumer_secret": "sandbox-consumer-secret",
        "username": "hub@firm.example",
        "certificate": None,  # the public key (PEM) that assertions are checked with
        "token": "00DHs000000sbx1!sandbox.session",
        "approved": True,
        "run_as": True,
        "custom_fields": OUT,
        "hidden_objects": (),
        "hidden_fields": {},
        "read_only": (),
        "most_deleted": 600_000,
        "calls_used": 113,
        "calls_most": 100_000,
        "webhook_secret": "",  # outbound messages are not signed
    }

    def reset(self) -> None:
        super().reset()
        self.tokens = {self.settings["token"]}
        self.locators: dict[str, tuple] = {}
        self.store = Store(self.now, self.next_id, self.settings, self._event)

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("POST", "/services/oauth2/token", self._token)
        self.route("GET", "/services/data/?", lambda request: self._versions())
        self.route("GET", f"{DATA}/query/?", self._query)
        self.route("GET", f"{DATA}/queryAll/?", self._query_all)
        self.route("GET", rf"{DATA}/query/(?P<locator>0r8\w+)-(?P<start>\d+)", self._query_more)
        self.route("GET", f"{DATA}/limits/?", self._limits)
        self.route("GET", f"{DATA}/connect/organization/?", self._connect)
        self.route("GET", f"{DATA}/sobjects/?", self._objects)
        self.route("GET", f"{DATA}/sobjects/{OBJECT}/describe/?", self._describe)
        self.route("GET", f"{DATA}/sobjects/{OBJECT}/deleted/?", self._deleted)
        self.add_writes(DATA, OBJECT)
        self.control("POST", "objects", lambda request: self.seed(**request.get_json()))
        self.control("POST", "update", self._control_update)
        self.control("POST", "delete", self._control_delete)
        self.control("POST", "merge", self._control_merge)
        self.control("POST", "locators", lambda request: self.locators.clear() or {"ok": True})
        self.control("POST", "shorten", self._control_shorten)
        self.control("GET", "state", lambda request: self.store.rows)

    # -- sign-in, errors --------------------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path == "/services/oauth2/token" or path.rstrip("/") == "/services/data"

    def authorize(self, request: Request) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refusal(401, _errors("INVALID_SESSION_ID", "Session expired or invalid"))
        if self.settings["calls_used"] >= self.settings["calls_most"]:
            message = "TotalRequests Limit exceeded."
            raise Refusal(403, _errors("REQUEST_LIMIT_EXCEEDED", message))
        self.settings["calls_used"] += 1
        version = re.match(r"/services/data/v(\d+\.\d)", request.path)
        if version and version[1] not in VERSIONS:
            raise Refusal(404, _errors("NOT_FOUND", "The requested resource does not exist"))

    def token_error(self, kind: str) -> Response:
        return answer(_errors("INVALID_SESSION_ID", "Session expired or invalid"), 401)

    def refuse_status(self, status: int) -> Response:
        if status in (403, 429):
            return self.too_many()
        codes = {503: "SERVER_UNAVAILABLE", 500: "UNKNOWN_EXCEPTION", 400: "MALFORMED_ID"}
        return answer(
            _errors(codes.get(status, "UNKNOWN_EXCEPTION"), "An unexpected error"), status
        )

    def too_many(self) -> Response:
        return answer(_errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), 403)

    def not_found(self, request: Request) -> Response:
        return answer(_errors("NOT_FOUND", "The requested resource does not exist"), 404)

    def decorate(self, request: Request, response: Response) -> None:
        if request.path.startswith("/services/data/v"):
            used, most = self.settings["calls_used"], self.settings["calls_most"]
            response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{most}"

    def _token(self, request: Request):
        form, settings = request.form, self.settings
        grant = form.get("grant_type")
        if grant == "client_credentials":
            basic = request.authorization
            given = (basic.username, basic.password) if basic else (None, None)
            pair = (form.get("client_id") or given[0], form.get("client_secret") or given[1])
            if pair != (settings["consumer_key"], settings["consumer_secret"]):
                return _refused("invalid_client", "invalid client credentials")
            if not settings["run_as"]:
                return _refused("invalid_grant", "no client credentials user enabled")
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            refusal = self._assertion_refused(form.get("assertion", ""))
            if refusal:
                return _refused("invalid_grant", refusal)
        else:
            return _refused("unsupported_grant_type", "grant type not supported")
        token = f"{settings['organization'][:15]}!{uuid.uuid4().hex}"
        self.tokens = {token}
        host = "test" if settings["is_sandbox"] else "login"
        identity = f"{settings['organization']}/{long_id(settings['user'][:15])}"
        return {
            "access_token": token,
            "scope": "api",
            "instance_url": settings.get("instance_url") or request.host_url.rstrip("/"),
            "id": f"https://{host}.salesforce.com/id/{identity}",
            "token_type": "Bearer",
        }

    def _assertion_refused(self, text: str) -> str | None:
        """Why an assertion is not taken; None if it is."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        settings = self.settings
        try:
            signed, _dot, signature = text.rpartition(".")
            claims = json.loads(_unbase64(signed.partition(".")[2]))
            key = load_pem_public_key(settings["certificate"].encode())
            key.verify(_unbase64(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError, AttributeError):
            return "invalid assertion"
        host = "test" if settings["is_sandbox"] else "login"
        left = float(claims["exp"]) - self.now().timestamp()
        if claims["aud"] != f"https://{host}.salesforce.com":
            return "audience is invalid"
        if not 0 < left <= 300:
            return "expired assertion" if left <= 0 else "invalid assertion"
        if (claims["iss"], claims["sub"]) != (settings["consumer_key"], settings["username"]):
            return "user hasn't approved this consumer"
        return None if settings["approved"] else "user hasn't approved this consumer"

    # -- what there is ------------------------------------------------------------------------------

    def _versions(self) -> list[dict]:
        return [{"label": v, "url": f"/services/data/v{v}", "version": v} for v in VERSIONS]

    def _limits(self, request: Request, version: str) -> dict:
        used, most = self.settings["calls_used"], self.settings["calls_most"]
        return {"DailyApiRequests": {"Max": most, "Remaining": most - used}}

    def _connect(self, request: Request, version: str) -> dict:
        several = self.settings["multi_currency"]
        code = None if several else self.settings["currency"]
        return {
            "orgId": self.settings["organization"],
            "name": "Sandbox Org",
            "features": {"multiCurrency": several, "defaultCurrencyIsoCode": code},
        }

    def _objects(self, request: Request, version: str) -> dict:
        return {"sobjects": [{"name": name, "queryable": True} for name in PREFIX]}

    def _visible(self, name: str) -> None:
        if name in self.settings["hidden_objects"] or name not in PREFIX:
            message = f"sObject type '{name}' is not supported."
            raise Refusal(400, _errors("INVALID_TYPE", message))

    def _describe(self, request: Request, version: str, name: str) -> dict:
        if name in self.settings["hidden_objects"]:
            raise Refusal(404, _errors("NOT_FOUND", "The requested resource does not exist"))
        fields = []
        for field in self.store.fields(name):
            relation = RELATIONS.get(field, (None, None))
            changes = field not in READ_ONLY and field not in self.settings["read_only"]
            fields.append(
                {
                    "name": field,
                    "type": "currency" if field in NUMBERS else "string",
                    "updateable": changes,
                    "createable": changes,
                    "custom": field.endswith("__c"),
                    "externalId": field == "Odoo_Key__c",
                    "relationshipName": relation[0],
                    "referenceTo": [relation[1]] if relation[1] else [],
                }
            )
        return {"name": name, "keyPrefix": PREFIX[name], "queryable": True, "fields": fields}

    # -- queries --------------------------------------------------------------------------------------

    def _query(self, request: Request, version: str, gone: bool = False):
        text = request.args.get("q", "")
        try:
            query = Query(text)
        except (BadQuery, ValueError) as error:
            raise Refusal(400, _errors("MALFORMED_QUERY", str(error))) from None
        if query.name == "Organization":
            return self._organization(query)
        self._visible(query.name)
        for path in [*query.fields, *query.used]:
            if path != "COUNT()" and not self.store.knows(query.name, path):
                message = f"No such column '{path}' on entity '{query.name}'."
                raise Refusal(400, _errors("INVALID_FIELD", message))
        rows = self.store.rows[query.name].values()
        value = self.store.value
        found = [
            row
            for row in rows
            if (gone or not row.get("IsDeleted"))
            and query.where(lambda path, row=row: value(query.name, row, path))
        ]
        for path, down in reversed(query.order):
            found.sort(key=lambda row: _order(value(query.name, row, path)), reverse=down)
        found = found[query.offset :][: query.limit]
        if query.fields == ["COUNT()"]:
            return {"totalSize": len(found), "done": True, "records": []}
        options = request.headers.get("Sforce-Query-Options", "")
        size = re.search(r"batchSize=(\d+)", options)
        size = min(max(int(size[1]) if size else 2000, 200), 2000)
        locator = f"0r8{uuid.uuid4().hex[:15]}"
        self.locators[locator] = (query, found, size, version)
        return self._part(locator, 0)

    def _query_all(self, request: Request, version: str):
        return self._query(request, version, gone=True)

    def _query_more(self, request: Request, version: str, locator: str, start: str):
        if locator not in self.locators:
            raise Refusal(400, _errors("INVALID_QUERY_LOCATOR", "invalid query locator"))
        return self._part(locator, int(start))

    def _part(self, locator: str, start: int) -> dict:
        query, rows, size, version = self.locators[locator]
        part = rows[start : start + size]
        done = start + size >= len(rows)
        body: dict = {"totalSize": len(rows), "done": done}
        if done:
            self.locators.pop(locator)
        else:
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{start + size}"
        body["records"] = [self._shown(query, row) for row in part]
        return body

    def _shown(self, query: Query, row: dict) -> dict:
        shown: dict = {"attributes": _attributes(query.name, row["Id"])}
        for path in query.fields:
            value = self.store.value(query.name, row, path)
            head, dot, rest = path.partition(".")
            if not dot:
                shown[path] = value
                continue
            field = next(f for f, (name, _o) in RELATIONS.items() if name == head)
            other = RELATIONS[field][1]
            if row.get(field) not in self.store.rows[other]:
                shown[head] = None
                continue
            shown.setdefault(head, {"attributes": _attributes(other, row[field])})
            if isinstance(shown[head], dict):
                shown[head][rest] = value
        return shown

    def _organization(self, query: Query) -> dict:
        values = {
            "Id": self.settings["organization"],
            "Name": "Sandbox Org",
            "IsSandbox": self.settings["is_sandbox"],
            "OrganizationType": "Enterprise Edition",
            "InstanceName": "CS42",
        }
        row = {field: values.get(field) for field in query.fields}
        return {"totalSize": 1, "done": True, "records": [row]}

    def _deleted(self, request: Request, version: str, name: str) -> dict:
        self._visible(name)
        try:
            start, end = (
                datetime.fromisoformat(request.args[key].replace("Z", "+00:00").replace(" ", "+"))
                for key in ("start", "end")
            )
        except (KeyError, ValueError):
            raise Refusal(400, _errors("INVALID_REPLICATION_DATE", "bad date")) from None
        now = self.now()
        if end - start < timedelta(minutes=1) or now - start > timedelta(days=15) or start > now:
            message = "startDate before org replication enabled date"
            raise Refusal(400, _errors("INVALID_REPLICATION_DATE", message))
        low, high = stamp(start.replace(second=0)), stamp(end.replace(second=0))
        high = stamp(end.replace(second=0, microsecond=0) + timedelta(minutes=1))
        before = self.store.purged_before or ""
        rows = [
            {"id": key, "deletedDate": when}
            for kind, key, when in self.store.deleted
            if kind == name and low <= when < high and when >= before
        ]
        if len(rows) > self.settings["most_deleted"]:
            raise Refusal(400, _errors("EXCEEDED_ID_LIMIT", "Too many ids for the window"))
        earliest = self.store.purged_before or stamp(now - timedelta(days=15))
        return {
            "deletedRecords": rows,
            "earliestDateAvailable": earliest,
            "latestDateCovered": stamp(min(end, now).replace(second=0, microsecond=0)),
        }

    # -- outbound messages ------------------------------------------------------------------------------

    def _event(self, name: str, row: dict) -> None:
        self.sender.add(
            {"id": make_id("04l", self.next_id(1000)), "type": name, "record": row["Id"]}
        )

    def webhook_body(self, events: list[dict]) -> bytes:
        """A message as Salesforce sends it: what the records are now, not what they were."""
        notifications = []
        for event in events:
            row = self.store.rows[event["type"]].get(event["record"]) or {"Id": event["record"]}
            names = [n for n in FIELDS[event["type"]] if row.get(n) is not None and n != "Id"]
            fields = "".join(
                f"<sf:{name}>{escape(str(row[name]))}</sf:{name}>" for name in ["Id", *names]
            )
            notifications.append(
                f"<Notification><Id>{event['id']}</Id>"
                f'<sObject xsi:type="sf:{event["type"]}"'
                f' xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>'
            )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope'
            ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n'
            '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">\n'
            f"<OrganizationId>{self.settings['organization']}</OrganizationId>\n"
            f"<ActionId>{make_id('04k', 7)}</ActionId>\n<SessionId>secret-session</SessionId>\n"
            "<EnterpriseUrl>https://example.com/e</EnterpriseUrl>\n"
            "<PartnerUrl>https://example.com/p</PartnerUrl>\n"
            f"{''.join(notifications)}\n</notifications>\n</soapenv:Body>\n</soapenv:Envelope>"
        )
        return text.encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}

    # -- control plane ------------------------------------------------------------------------------------

    def seed(self, objects=()) -> dict:
        """Records by ``{"type", "fields", "id"?, "at"?}``; answers their ids, in order."""
        with self.lock:
            rows = [
                self.store.create(
                    one["type"], one.get("fields") or {}, at=one.get("at"), id=one.get("id")
                )
                for one in objects
            ]
        return {"ids": [row["Id"] for row in rows]}

    def _control_update(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            values = body.get("fields") or {}
            return self.store.write(body["type"], body["id"], values, at=body.get("at"))

    def _control_delete(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            self.store.delete(body["type"], body["id"])
            if body.get("purge"):
                self.store.purge(body["type"], body["id"])
        return {"ok": True}

    def _control_merge(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            self.store.merge(body["type"], body["winner"], body["loser"])
        return {"ok": True}

    def _control_shorten(self, request: Request) -> dict:
        self.store.purged_before = stamp(datetime.fromisoformat(request.get_json()["before"]))
        return {"ok": True}


def _order(value):
    return (value is not None, value if not isinstance(value, bool) else int(value))


def _attributes(name: str, key: str) -> dict:
    return {"type": name, "url": f"/services/data/v67.0/sobjects/{name}/{quote(key)}"}


def _errors(code: str, message: str, **more) -> list[dict]:
    return [{"message": message, "errorCode": code, **more}]


def _refused(error: str, description: str):
    return {"error": error, "error_description": description}, 400


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if __name__ == "__main__":
    main(SalesforceSandbox(), 8104)
