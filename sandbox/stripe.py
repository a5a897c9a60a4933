"""A Stripe account on this machine: payment intents, charges, refunds, payouts, disputes, balance, events.

Control plane (``/__sandbox__/``): ``POST payments`` ``{"amount" (minor units), "currency"?,
"metadata"?, "status"?: succeeded|failed|processing|canceled|requires_payment_method, "created"?:
epoch, "count"?}``; ``POST succeed`` ``{"id"}``; ``POST refunds`` ``{"payment_intent", "amount"?,
"status"?, "reason"?}``; ``POST payouts`` ``{"currency"?, "automatic"?, "amount"?, "fees"?: [minor
units], "trace"?, "status"?: in_transit|paid|failed}`` pays out what is in the balance; ``POST
send_back`` ``{"id"}`` a payout that the bank refuses later; ``POST disputes`` ``{"payment_intent",
"amount"?, "fee"?, "status"?}``; ``POST close`` ``{"id", "status": won|lost|warning_closed,
"fee_back"?}``; ``POST events`` ``{"type", "object": {}}`` raises any event; ``GET state``: all objects.
``deliver`` sends the events signed, one a call (``again: true`` sends all anew).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from datetime import datetime

from werkzeug.wrappers import Request, Response

from .base import Refusal, Sandbox, answer, main
from .stripe_forms import parse
from .stripe_store import KINDS, Invalid, Store

VERSIONS = {"2026-08-26.dahlia", "2026-10-28.endive"}


class StripeSandbox(Sandbox):
    """The API over a :class:`~sandbox.stripe_store.Store`."""

    name = "Stripe"
    limit = (25, 1.0)
    default_settings = {
        "api_key": "rk_test_sandbox_key",
        "account_id": "acct_1SandboxHub0001",
        "webhook_secret": "whsec_sandbox_secret",
        "live_mode": False,
        "settlement_currency": "usd",
        "rates": {"eur": 1.1, "gbp": 1.3},
        "permissions": None,  # None: all; else kinds that may be read or written
        "default_version": "2026-08-26.dahlia",
    }

    def reset(self) -> None:
        super().reset()
        self.store = Store(self.now, self.next_id, self.settings, self._event)
        self.keys: dict[str, dict] = {}

    def __init__(self, **settings):
        super().__init__(**settings)
        self.route("GET", "/v1/account", self._account)
        self.route("GET", "/v1/balance", self._balance)
        kind = rf"/v1/(?P<kind>{'|'.join(KINDS)})"
        self.route("GET", kind, self._list)
        self.route("GET", kind + r"/(?P<key>\w+)", self._get)
        self.route("POST", kind, self._create)
        self.route("POST", kind + r"/(?P<key>\w+)", self._update)
        self.route(
            "POST", r"/v1/(?P<kind>payment_intents)/(?P<key>\w+)/(?P<act>confirm|cancel)", self._act
        )
        self.route("DELETE", r"/v1/(?P<kind>customers)/(?P<key>\w+)", self._delete)
        self.control("POST", "payments", self._control_payments)
        self.control("POST", "succeed", self._control_succeed)
        self.control("POST", "refunds", self._control_refunds)
        self.control("POST", "payouts", self._control_payouts)
        self.control("POST", "send_back", self._control_send_back)
        self.control("POST", "disputes", self._control_disputes)
        self.control("POST", "close", self._control_close)
        self.control("POST", "events", self._control_events)
        self.control("GET", "state", lambda request: self.store.rows)

    # -- sign-in, versions, errors --------------------------------------------------------------

    def authorize(self, request: Request) -> None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.authorization and request.authorization.type == "basic":
            key = request.authorization.username
        if key != self.settings["api_key"]:
            hidden = f"{key[:8]}{'*' * 8}" if key else "(none)"
            message = f"Invalid API Key provided: {hidden}"
            raise Refusal(401, {"error": {"message": message, "type": "invalid_request_error"}})
        version = request.headers.get("Stripe-Version", self.settings["default_version"])
        if version not in VERSIONS:
            raise Invalid(400, f"Invalid Stripe API version: {version}")
        part = request.path.split("/")[2]
        allowed = self.settings["permissions"]
        if allowed is not None and part not in allowed and part != "account":
            account = self.settings["account_id"]
            message = f"The key 'rk_test_*****' lacks the permissions for '{part}' on '{account}'."
            raise Refusal(403, {"error": {"message": message, "type": "invalid_request_error"}})

    def token_error(self, kind: str) -> Response:
        message = "Expired API Key provided: rk_test_*****"
        body = {"message": message, "type": "invalid_request_error", "code": "api_key_expired"}
        return answer({"error": body}, 401)

    def refuse_status(self, status: int) -> Response:
        if status == 429:
            return self.too_many()
        message = "An unknown error occurred"
        return answer({"error": {"message": message, "type": "api_error"}}, status)

    def too_many(self) -> Response:
        body = {
            "message": "Request rate limit exceeded.",
            "type": "invalid_request_error",
            "code": "rate_limit",
        }
        return answer({"error": body}, 429, {"Stripe-Rate-Limited-Reason": "global-rate"})

    def not_found(self, request: Request) -> Response:
        message = f"Unrecognized request URL ({request.method}: {request.path})."
        return answer({"error": {"message": message, "type": "invalid_request_error"}}, 404)

    def decorate(self, request: Request, response: Response) -> None:
        response.headers["Request-Id"] = f"req_{uuid.uuid4().hex[:14]}"
        version = request.headers.get("Stripe-Version", self.settings["default_version"])
        response.headers["Stripe-Version"] = version

    def _handle(self, request: Request) -> Response:
        """Idempotency around everything: a known key answers again what it answered before."""
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            return self._plain(request)
        digest = hashlib.sha256(request.path.encode() + b"\n" + request.get_data()).hexdigest()
        with self.lock:
            known = self.keys.get(key)
            if known is None:
                response = self._plain(request)
                if response.status_code not in (400, 401, 403, 404, 429):
                    kept = (response.get_data(), response.status_code)
                    self.keys[key] = {"digest": digest, "answer": kept}
                return response
        if known["digest"] != digest:
            message = "Keys for idempotent requests can only be used with the same parameters."
            return answer({"error": {"message": message, "type": "idempotency_error"}}, 400)
        body, status = known["answer"]
        headers = {"Idempotent-Replayed": "true"}
        return Response(body, status, headers, content_type="application/json")

    def _plain(self, request: Request) -> Response:
        try:
            return super()._handle(request)
        except Invalid as invalid:
            return answer({"error": invalid.error}, invalid.status)

    # -- objects ------------------------------------------------------------------------------

    def _account(self, request: Request) -> dict:
        return {
            "id": self.settings["account_id"],
            "object": "account",
            "charges_enabled": True,
            "payouts_enabled": True,
            "country": "US",
            "default_currency": self.settings["settlement_currency"],
            "email": "owner@firm.example",
            "type": "standard",
        }

    def _balance(self, request: Request) -> dict:
        return {
            "object": "balance",
            "available": [],
            "pending": [],
            "livemode": self.settings["live_mode"],
        }

    def _get(self, request: Request, kind: str, key: str) -> dict:
        expand = parse(request.query_string).get("expand") or []
        return self.store.view(self.store.get(kind, key), expand)

    def _list(self, request: Request, kind: str) -> dict:
        query = parse(request.query_string)
        limit = int(query.get("limit", 10))
        if not 1 <= limit <= 100:
            message = "Invalid limit: must be between 1 and 100"
            raise Invalid(400, message, "parameter_invalid_integer", "limit")
        rows = sorted(
            self.store.rows[kind].values(), key=lambda r: (r["created"], r["_order"]), reverse=True
        )
        rows = [row for row in rows if self._wanted(row, query)]
        places = [row["id"] for row in rows]
        if query.get("starting_after"):
            self.store.get(kind, query["starting_after"], "starting_after")
            after = self.store.rows[kind][query["starting_after"]]
            rows = [
                r for r in rows if (r["created"], r["_order"]) < (after["created"], after["_order"])
            ]
        elif query.get("ending_before"):
            rows = rows[: places.index(query["ending_before"])][-limit:]
        expand = [path.removeprefix("data.") for path in query.get("expand") or []]
        return {
            "object": "list",
            "url": f"/v1/{kind}",
            "has_more": len(rows) > limit,
            "data": [self.store.view(row, expand) for row in rows[:limit]],
        }

    @staticmethod
    def _wanted(row: dict, query: dict) -> bool:
        created = query.get("created") or {}
        if isinstance(created, str):
            created = {"gte": created, "lte": created}
        checks = {
            "gte": lambda a, b: a >= b,
            "gt": lambda a, b: a > b,
            "lte": lambda a, b: a <= b,
            "lt": lambda a, b: a < b,
        }
        if not all(checks[name](row["created"], int(value)) for name, value in created.items()):
            return False
        if query.get("types") and row.get("type") not in query["types"]:
            return False
        if "payout" in query and row.get("_payout") != query["payout"]:
            return False
        names = ("payment_intent", "charge", "customer", "type", "source")
        return all(row.get(name) == query[name] for name in names if name in query)

    def _create(self, request: Request, kind: str) -> dict:
        form = parse(request.get_data())
        expand = form.pop("expand", [])
        if kind == "payment_intents":
            row = self._create_intent(form)
        elif kind == "refunds":
            row = self._create_refund(form)
        elif kind == "customers":
            row = self.store.add(kind, {"metadata": {}, "email": None, "name": None, **form})
            self._event("customer.created", row)
        else:
            raise Invalid(404, f"Unrecognized request URL (POST: /v1/{kind}).")
        return self.store.view(row, expand)

    def _create_intent(self, form: dict) -> dict:
        amount = _integer(form, "amount")
        if not form.get("currency"):
            raise Invalid(400, "Missing required param: currency.", "parameter_missing", "currency")
        names = ("customer", "description", "metadata", "receipt_email")
        values = {name: form[name] for name in names if name in form}
        row = self.store.intent(amount, form["currency"], **values)
        if form.get("confirm") == "true":
            self._confirm(row, form)
        return row

    def _confirm(self, row: dict, form: dict) -> None:
        if form.get("payment_method") == "pm_card_chargeDeclined":
            self.store.fail(row)
            error = {**row["last_payment_error"], "payment_intent": {"id": row["id"]}}
            raise Refusal(402, {"error": error})
        self.store.succeed(row)

    def _create_refund(self, form: dict) -> dict:
        if form.get("payment_intent"):
            intent = self.store.get("payment_intents", form["payment_intent"], "payment_intent")
        elif form.get("charge"):
            charge = self.store.get("charges", form["charge"], "charge")
            intent = self.store.get("payment_intents", charge["payment_intent"])
        else:
            message = "One of these params should be provided: payment_intent or charge."
            raise Invalid(400, message, "parameter_missing")
        values = {name: form[name] for name in ("metadata", "reason") if name in form}
        amount = _integer(form, "amount") if "amount" in form else None
        return self.store.refund(intent, amount, **values)

    def _update(self, request: Request, kind: str, key: str) -> dict:
        row, form = self.store.get(kind, key, "intent"), parse(request.get_data())
        expand = form.pop("expand", [])
        metadata = form.pop("metadata", {})
        row.setdefault("metadata", {})
        for name, value in (metadata or {}).items():
            if value == "":
                row["metadata"].pop(name, None)  # empty text removes a key
            else:
                row["metadata"][name] = value
        names = ("description", "customer", "email", "name")
        row.update({name: form[name] for name in names if name in form})
        return self.store.view(row, expand)

    def _act(self, request: Request, kind: str, key: str, act: str) -> dict:
        row, form = self.store.get(kind, key, "intent"), parse(request.get_data())
        if act == "confirm":
            self._confirm(row, form)
        else:
            self.store.cancel(row)
        return self.store.view(row, form.get("expand") or [])

    def _delete(self, request: Request, kind: str, key: str) -> dict:
        self.store.get(kind, key)
        del self.store.rows[kind][key]
        return {"id": key, "object": "customer", "deleted": True}

    # -- events -------------------------------------------------------------------------------

    def _event(self, kind: str, row: dict, created: int | None = None) -> dict:
        event = self.store.add(
            "events",
            {
                "api_version": self.settings["default_version"],
                "type": kind,
                "data": {"object": self.store.view(row)},
                "pending_webhooks": 1,
                "request": {"id": f"req_{uuid.uuid4().hex[:14]}", "idempotency_key": None},
            },
            created,
        )
        self.sender.add(self.store.view(event))
        return event

    def webhook_body(self, events: list[dict]) -> bytes:
        return json.dumps(events[0], indent=2).encode()  # Stripe's own bodies are indented

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        timestamp = str(int(moment.timestamp()))
        macs = [
            hmac.new(one.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            # while a secret is rolled, both sign
            for one in (secret, self.settings.get("previous_webhook_secret"))
            if one
        ]
        signatures = ",".join(f"v1={mac}" for mac in macs)
        return {
            "Stripe-Signature": f"t={timestamp},{signatures},v0={'0' * 64}",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }

    # -- control plane ------------------------------------------------------------------------

    def _control_payments(self, request: Request) -> dict:
        return self.pay(**request.get_json())

    def pay(
        self, amount, currency="usd", status="succeeded", count=1, created=None, **values
    ) -> dict:
        """Payments of an amount in minor units, brought to a state; answers their ids."""
        ids = []
        with self.lock:
            for _ in range(count):
                row = self.store.intent(int(amount), currency, created, **values)
                if status == "succeeded":
                    self.store.succeed(row, created)
                elif status == "failed":
                    self.store.fail(row, created=created)
                elif status == "canceled":
                    self.store.cancel(row)
                elif status == "processing":
                    row["status"] = "processing"
                    self._event("payment_intent.processing", row, created)
                ids.append(row["id"])
        return {"ids": ids}

    def _control_succeed(self, request: Request) -> dict:
        with self.lock:
            row = self.store.succeed(self.store.get("payment_intents", request.get_json()["id"]))
            return self.store.view(row)

    def _control_refunds(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            intent = self.store.get("payment_intents", body.pop("payment_intent"))
            row = self.store.refund(intent, body.pop("amount", None), **body)
            return self.store.view(row)

    def _control_payouts(self, request: Request) -> dict:
        return self.pay_out(**request.get_json())

    def pay_out(
        self, currency="usd", status="paid", fees=(), trace=None, created=None, **values
    ) -> dict:
        """A payout of what is in the balance, brought to a state, with fees of Stripe's own as parts."""
        with self.lock:
            for fee in fees:
                self.store.adjust(-fee, currency, "stripe_fee", "fee", created)
            row = self.store.payout(currency, created, **values)
            if status in ("paid", "failed"):
                self.store.arrive(row, trace, created)
            if status == "failed":
                self.store.send_back(row, created=created)
            return self.store.view(row)

    def _control_send_back(self, request: Request) -> dict:
        with self.lock:
            row = self.store.send_back(self.store.get("payouts", request.get_json()["id"]))
            return self.store.view(row)

    def _control_disputes(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            intent = self.store.get("payment_intents", body.pop("payment_intent"))
            return self.store.view(self.store.dispute(intent, **body))

    def _control_close(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            return self.store.view(
                self.store.close(self.store.get("disputes", body.pop("id")), **body)
            )

    def _control_events(self, request: Request) -> dict:
        body = request.get_json()
        with self.lock:
            return self.store.view(self._event(body["type"], body["object"], body.get("created")))


def _integer(form: dict, name: str) -> int:
    if not re.fullmatch(r"-?\d+", str(form.get(name, ""))):
        raise Invalid(400, f"Invalid integer: {form.get(name)}", "parameter_invalid_integer", name)
    return int(form[name])


if __name__ == "__main__":
    main(StripeSandbox(), 8103)
