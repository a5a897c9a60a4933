"""A practice-management product that nobody sells: "Bureau", API 2 under ``/api/2``.

It exists to be connected without code: the hub knows nothing of it. Its names, its four ways of
paging, its sign-in, its faults and its signed notes are its own; ``GET /api/2/openapi.json`` (no
sign-in) describes it.

Control plane (``/__sandbox__/``): ``POST objects`` ``{"clients": [...], "jobs": [...], "bookings":
[...], "staff": [...]}`` seeds rows; ``POST change`` ``{"kind", "number", ...}`` changes one; ``POST
strike`` ``{"number"}`` strikes a client off; ``POST note`` ``{"about", "number"}`` is told with the next
``deliver``; ``GET state``: all rows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main

API = "/api/2"
OPENAPI = Path(__file__).with_name("bureau_openapi.json")
# kind -> (name of its number, first number, beginning of it)
KINDS = {
    "clients": ("client_no", 1000, "C-"),
    "jobs": ("job_no", 500, "J-"),
    "bookings": ("booking_no", 9000, "B-"),
    "staff": ("staff_no", 10, "S-"),
}
DEFAULTS = {
    "clients": {
        "trading_name": "",
        "tax_id": None,
        "mail": None,
        "telephone": None,
        "homepage": None,
        "address": {"line1": None, "town": None, "post_code": None, "nation": None},
        "struck_off": False,
        "merged_with": None,
        "external_ref": None,
        "ledger": {"outstanding": None, "overdue": None},
    },
    "jobs": {"title": "", "client_no": None, "external_ref": None},
    "bookings": {
        "job_no": None,
        "staff_no": None,
        "day": "2026-11-02",
        "hours": "1.00",
        "text": "",
        "status": "open",
        "billable": True,
    },
    "staff": {"full_name": "", "mail": None, "active": True},
}


class BureauSandbox(Sandbox):
    """The API over dicts of rows."""

    name = "Bureau"
    limit = (60, 10.0)
    default_settings = {
        "api_key": "bureau-sandbox-key",
        "client_id": "bureau-client",
        "client_secret": "bureau-client-secret",
        "webhook_secret": "bureau-note-secret",
        "office": "OFFICE-7",
        "page": 50,
        "search_lag": 0,  # seconds until a client is found by its external_ref
    }

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("GET", f"{API}/openapi.json", lambda r: self.openapi(r.host_url.rstrip("/")))
        self.route("POST", f"{API}/token", self._token)
        self.route(
            "GET", f"{API}/office", lambda r: {"office": {"number": self.settings["office"]}}
        )
        self.route("GET", f"{API}/staff", self._staff)
        self.route("GET", f"{API}/clients", self._clients)
        self.route("GET", f"{API}/bookings", self._bookings)
        self.route("GET", f"{API}/jobs", self._jobs)
        one = rf"{API}/(?P<kind>{'|'.join(KINDS)})/(?P<number>[^/]+)"
        self.route("GET", one, self._get)
        self.route("PATCH", one, self._patch)
        self.route("POST", rf"{API}/(?P<kind>clients|jobs|bookings)", self._create)
        self.control("POST", "objects", lambda r: self.seed(**r.get_json()))
        self.control("POST", "change", self._control_change)
        self.control("POST", "strike", lambda r: self.strike(r.get_json()["number"]))
        self.control("POST", "note", lambda r: self.note(**r.get_json()))
        self.control("GET", "state", lambda request: self.rows)

    def reset(self) -> None:
        super().reset()
        self.rows: dict[str, dict[str, dict]] = {kind: {} for kind in KINDS}
        self.tokens: set[str] = set()
        self.requests: dict[str, str] = {}

    @staticmethod
    def openapi(host: str) -> dict:
        """The product's own description, with the address at which it is served."""
        document = json.loads(OPENAPI.read_text())
        document["servers"] = [{"url": f"{host}{API}"}]
        return document

    # -- sign-in, errors ----------------------------------------------------------------------

    def open_path(self, path: str) -> bool:
        return path in (f"{API}/token", f"{API}/openapi.json")

    def authorize(self, request: Request) -> None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        known = request.headers.get("X-Bureau-Key") == self.settings["api_key"]
        if not known and bearer not in self.tokens:
            raise Refusal(401, self._fault("E-401", "Who are you?"))

    @staticmethod
    def _fault(number: str, words: str) -> dict:
        return {"fault": {"no": number, "words": words}}

    def refuse_status(self, status: int) -> Response:
        return answer(self._fault(f"E-{status}", "injected"), status)

    def too_many(self) -> Response:
        return answer(self._fault("E-429", "Slowly, please."), 429, {"Retry-After": "7"})

    def not_found(self, request: Request) -> Response:
        return answer(self._fault("E-404", "There is no such thing."), 404)

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["X-Bureau-Left"] = str(getattr(self, "remaining", self.limit[0]))
        response.headers["X-Bureau-Limit"] = str(self.limit[0])

    def _token(self, request: Request):
        form, settings = request.form, self.settings
        wanted = (settings["client_id"], settings["client_secret"])
        if (
            form.get("grant_type") != "client_credentials"
            or (form.get("client_id"), form.get("client_secret")) != wanted
        ):
            return {"error": "invalid_client"}, 401
        token = uuid.uuid4().hex
        self.tokens = {token}
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600}

    # -- lists --------------------------------------------------------------------------------

    def _sorted(self, kind: str, field: str) -> list[dict]:
        number = KINDS[kind][0]
        return sorted(self.rows[kind].values(), key=lambda row: (row[field], row[number]))

    def _clients(self, request: Request):
        """By token: the place is kept by the product."""
        query = request.args
        rows = self._sorted("clients", "changed")
        if "external_ref" in query:
            rows = [row for row in rows if row["external_ref"] == query["external_ref"]]
            # the search may be behind (settings["search_lag"], in seconds)
            latest = self.now() - timedelta(seconds=self.settings["search_lag"])
            rows = [
                row
                for row in rows
                if datetime.fromisoformat(row["changed"].replace("Z", "+00:00")) <= latest
            ]
        if "changed_after" in query:
            since = datetime.fromisoformat(query["changed_after"].replace("Z", "+00:00"))
            rows = [
                row
                for row in rows
                if datetime.fromisoformat(row["changed"].replace("Z", "+00:00")) >= since
            ]
        total = len(rows)
        if "page_token" in query:
            place = json.loads(base64.urlsafe_b64decode(query["page_token"]))
            rows = [row for row in rows if [row["changed"], row["client_no"]] > place]
        size = min(int(query.get("limit", self.settings["page"])), self.settings["page"])
        token = None
        if len(rows) > size:
            place = [rows[size - 1]["changed"], rows[size - 1]["client_no"]]
            token = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
        return {"clients": rows[:size], "paging": {"total": total, "next_token": token}}

    def _bookings(self, request: Request):
        """By link: a full address of the next page. Times are milliseconds since 1970."""
        query = request.args
        rows = self._sorted("bookings", "changed_ms")
        if "changed_from" in query:
            rows = [row for row in rows if row["changed_ms"] >= int(query["changed_from"])]
        size, following = self.settings["page"], None
        if "after" in query:
            moment, _sep, number = query["after"].partition(".")
            rows = [r for r in rows if (r["changed_ms"], r["booking_no"]) > (int(moment), number)]
        if len(rows) > size:
            last = rows[size - 1]
            place = f"{last['changed_ms']}.{last['booking_no']}"
            following = f"{request.base_url}?after={place}"
        return {"data": rows[:size], "links": {"next": following}}

    def _jobs(self, request: Request):
        """By offset."""
        rows = sorted(self.rows["jobs"].values(), key=lambda row: row["job_no"])
        start, size = int(request.args.get("offset", 0)), int(request.args.get("limit", 20))
        return {"jobs": rows[start : start + size]}

    def _staff(self, request: Request):
        """By number; the answer is the list."""
        rows = sorted(self.rows["staff"].values(), key=lambda row: row["staff_no"])
        page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 25))
        return answer(rows[(page - 1) * size : page * size])

    # -- rows ---------------------------------------------------------------------------------

    def _get(self, request: Request, kind: str, number: str):
        row = self.rows[kind].get(number)
        return row if row else (self._fault("E-404", "There is no such thing."), 404)

    def _create(self, request: Request, kind: str):
        values = request.get_json()
        if kind == "clients" and not values.get("trading_name"):
            return self._fault("E-NAME", "A client has a trading name."), 422
        key = request.headers.get("Bureau-Request-Id")
        if kind != "clients" and key in self.requests:
            return self.rows[kind][self.requests[key]], 200
        row = self.put(kind, values)
        if key:
            self.requests[key] = row[KINDS[kind][0]]
        return row, 201

    def _patch(self, request: Request, kind: str, number: str):
        if number not in self.rows[kind]:
            return self._fault("E-404", "There is no such thing."), 404
        return self.change(kind, number, **request.get_json())

    def put(self, kind: str, values: dict) -> dict:
        """A new row, with its own number unless one is given."""
        name, first, prefix = KINDS[kind]
        row = json.loads(json.dumps(DEFAULTS[kind]))
        row[name] = values.get(name) or f"{prefix}{self.next_id(first)}"
        self.rows[kind][row[name]] = row
        return self.change(kind, row[name], **values)

    def change(self, kind: str, number: str, **values) -> dict:
        """Change a row, and the time at which it was changed."""
        row = self.rows[kind][number]
        for key, value in values.items():
            nested = isinstance(value, dict) and isinstance(row.get(key), dict)
            row[key] = {**row[key], **value} if nested else value
        moment = self.now()
        if "changed" not in values:
            row["changed"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if "changed_ms" not in values:
            row["changed_ms"] = int(moment.timestamp() * 1000)
        return row

    def strike(self, number: str) -> dict:
        """Strike a client off: it stays in the list, marked."""
        return self.change("clients", number, struck_off=True)

    def seed(self, **kinds) -> dict:
        """Rows by kind; answers their numbers by kind."""
        with self.lock:
            return {
                kind: [self.put(kind, values)[KINDS[kind][0]] for values in kinds[kind]]
                for kind in KINDS
                if kind in kinds
            }

    def _control_change(self, request: Request) -> dict:
        values = request.get_json()
        return self.change(values.pop("kind"), values.pop("number"), **values)

    # -- notes (webhooks) ---------------------------------------------------------------------

    def note(self, about: str, number: str) -> dict:
        """Something to tell with the next delivery (``POST /__sandbox__/deliver``)."""
        when = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        one = {"note_no": uuid.uuid4().hex, "about": about, "number": number, "when": when}
        self.sender.add(one)
        return one

    def webhook_body(self, events: list[dict]) -> bytes:
        return json.dumps({"office": self.settings["office"], "notes": events}).encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        stamp = str(int(moment.astimezone(timezone.utc).timestamp()))
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
        return {"X-Bureau-Time": stamp, "X-Bureau-Signature": f"sha256={digest.hexdigest()}"}


def declaration(host: str) -> dict:
    """Bureau as an admin would declare it: what ``./hub declare`` and the tests enter in forms."""
    return {
        "hub_connector": 1,
        "code": "bureau",
        "name": "Bureau",
        "base_url": f"{host}{API}",
        "sign_in": {"kind": "header", "name": "X-Bureau-Key"},
        "test": {"path": "/office", "account": "office.number"},
        "streams": [
            {
                "entity": "customer",
                "path": "/clients",
                "items": "clients",
                "id": "client_no",
                "changed_at": "changed",
                "paging": {
                    "kind": "token",
                    "parameter": "page_token",
                    "next": "paging.next_token",
                    "size_parameter": "limit",
                    "size": 50,
                },
                "since": {"parameter": "changed_after", "format": "iso", "overlap": 60},
                "read": {"path": "/clients/{id}"},
                "deleted": {"path": "struck_off"},
                "merged_into": "merged_with",
            },
            {
                "entity": "time_entry",
                "path": "/bookings",
                "items": "data",
                "id": "booking_no",
                "changed_at": "changed_ms",
                "paging": {"kind": "link", "next": "links.next"},
                "since": {"parameter": "changed_from", "format": "epoch_ms"},
                "read": {"path": "/bookings/{id}"},
            },
            {
                "entity": "project",
                "path": "/jobs",
                "items": "jobs",
                "id": "job_no",
                "changed_at": "changed",
                "paging": {
                    "kind": "offset",
                    "parameter": "offset",
                    "size_parameter": "limit",
                    "size": 10,
                },
            },
            {
                "entity": "employee",
                "path": "/staff",
                "id": "staff_no",
                "paging": {
                    "kind": "page",
                    "parameter": "page",
                    "size_parameter": "per_page",
                    "size": 10,
                },
                "read": {"path": "/staff/{id}"},
            },
        ],
        "writes": [
            {
                "entity": "customer",
                "create": {"method": "POST", "path": "/clients"},
                "update": {"method": "PATCH", "path": "/clients/{id}"},
                "id": "client_no",
                "look_up": {
                    "path": "/clients",
                    "parameter": "external_ref",
                    "field": "external_ref",
                    "ours": True,
                    "items": "clients",
                    "id": "client_no",
                },
            },
            {
                "entity": "project",
                "create": {"method": "POST", "path": "/jobs"},
                "id": "job_no",
                "idempotency_header": "Bureau-Request-Id",
            },
        ],
        "webhook": {
            "kind": "hmac",
            "header": "X-Bureau-Signature",
            "prefix": "sha256=",
            "signed": "{timestamp}.{body}",
            "time_header": "X-Bureau-Time",
            "events": "notes",
            "event_id": "note_no",
            "type": "about",
            "object_id": "number",
            "occurred_at": "when",
            "account": "office",
            "types": [
                {"type": "client.*", "entity": "customer", "action": "change"},
                {"type": "booking.*", "entity": "time_entry", "action": "change"},
            ],
        },
        "pace": {
            "calls": 60,
            "seconds": 10,
            "remaining": "X-Bureau-Left",
            "limit": "X-Bureau-Limit",
        },
        "errors": [
            {
                "status": 422,
                "path": "fault.no",
                "code": "E-NAME",
                "kind": "data",
                "sentence": "Bureau wants a trading name.",
            }
        ],
        "presets": {
            "mappings": [
                {
                    "entity": "customer",
                    "direction": "in",
                    "lines": [
                        {"field": "name", "path": "trading_name"},
                        {"field": "vat", "path": "tax_id"},
                        {"field": "email", "path": "mail"},
                        {"field": "city", "path": "address.town"},
                        {
                            "field": "country",
                            "path": "address.nation",
                            "transform": "country_code",
                        },
                    ],
                },
                {
                    "entity": "customer",
                    "direction": "out",
                    "lines": [{"field": "balance", "path": "ledger.outstanding"}],
                },
                {
                    "entity": "employee",
                    "direction": "in",
                    "lines": [
                        {"field": "name", "path": "full_name"},
                        {"field": "email", "path": "mail"},
                    ],
                },
                {
                    "entity": "time_entry",
                    "direction": "in",
                    "lines": [
                        {"field": "project", "path": "job_no"},
                        {"field": "employee", "path": "staff_no"},
                        {"field": "date", "path": "day"},
                        {"field": "hours", "path": "hours"},
                        {"field": "note", "path": "text"},
                        {"field": "approval", "path": "status"},
                        {"field": "billable", "path": "billable"},
                    ],
                },
            ],
            "words": [
                {"vocabulary": "approval_state", "term": "draft", "word": "open"},
                {"vocabulary": "approval_state", "term": "approved", "word": "signed"},
            ],
            "processes": [
                {"entity": "customer", "direction": "in", "process": "master_data"},
                {"entity": "time_entry", "direction": "in", "process": "time_to_invoice"},
            ],
        },
    }


if __name__ == "__main__":
    main(BureauSandbox(), 8074)
