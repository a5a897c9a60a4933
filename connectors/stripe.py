"""Stripe: payments, refunds, payouts and disputes in; metadata and refunds out.

Settings: ``account_id`` (``acct_…``), ``live_mode`` (bool), ``start_date`` (ISO date of the oldest
payment to read), ``overlap_seconds`` (how far a poll looks back, 300).
Secrets: ``api_key`` (a
restricted key), ``webhook_secret`` (``whsec_…`` of the endpoint).

Source: Stripe API documentation: "Authentication", "Versioning", "Idempotent requests", "Errors",
"Pagination", "Expanding responses", "List all events" (kept for 30 days), "Payout reconciliation"
(https://docs.stripe.com/payouts/reconciliation: the parts of an automatic payout are the balance
transactions listed with ``payout``, once ``payout.reconciliation_completed`` was sent; those of a
manual one are not known to Stripe), "How disputes work"
(https://docs.stripe.com/disputes/how-disputes-work: the amount and a fee are taken at once).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ..core import strict_json
from . import stripe_errors, stripe_webhook
from . import stripe_shapes as shapes
from .base import Connector, path_id
from .errors import ConnectorError
from .parts import CheckItem, Notice, Outcome, Page, Record, SecretField, WebhookRequest, Write
from .probe import clock_item, probe
from .times import from_epoch, iso, parse_iso, to_epoch

API_VERSION = "2026-08-26.dahlia"
EVENTS_KEPT = timedelta(days=29)  # Stripe says 30 days
# A payment may still change long after it was made (a late refund): how far back payments are
# listed again when events are no longer kept.
LOOK_BACK = timedelta(days=180)
PAGE = 100
# Each payout of a page is followed by calls for its parts.
PAGES = {"payout": 20}
# entity -> (path, what to expand, events)
THINGS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "payment": (
        "/v1/payment_intents",
        ("latest_charge.balance_transaction",),
        (
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "payment_intent.canceled",
            "payment_intent.processing",
            "charge.refunded",
            "charge.updated",
        ),
    ),
    "refund": (
        "/v1/refunds",
        ("balance_transaction", "charge", "payment_intent"),
        ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
    ),
    "payout": (
        "/v1/payouts",
        ("failure_balance_transaction",),
        (
            "payout.created",
            "payout.updated",
            "payout.paid",
            "payout.failed",
            "payout.canceled",
            "payout.reconciliation_completed",
        ),
    ),
    "dispute": (
        "/v1/disputes",
        (),
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
    ),
}
SHAPES = {"payment": shapes.intent, "refund": shapes.refund, "dispute": shapes.dispute}


class Stripe(Connector):
    """One Stripe account in one mode."""

    product = "stripe"
    label = "Stripe"
    default_base_url = "https://api.stripe.com"
    auth = (
        SecretField("api_key", "Restricted API key", True),
        SecretField("webhook_secret", "Webhook signing secret", True),
    )
    entities_in = tuple(THINGS)
    entities_out = ("payment", "refund")
    # live mode allows 100 calls a second, an endpoint 25
    pace: ClassVar = {"default": (25, 1.0)}
    batch_read = 1
    batch_write = 1
    lists: ClassVar = dict.fromkeys(THINGS, "created")
    webhook_path_hint = "stripe"
    webhook_secret_field = "webhook_secret"

    # -- signing in ---------------------------------------------------------------------------

    def _sign_in_headers(self) -> dict[str, str]:
        key = self._secret("api_key")
        wrong = "_test_" if self.settings.get("live_mode") else "_live_"
        if wrong in key[:12]:
            raise ConnectorError("sign_in", "wrong_environment")
        return {
            "Authorization": f"Bearer {key}",
            "Stripe-Version": API_VERSION,
        }

    def _error_from(self, answer, write):
        return stripe_errors.from_answer(answer, write)

    def account_id(self) -> str:
        """The key's account (GET /v1/account)."""
        account = self._call("GET", "/v1/account").details().get("id")
        if not isinstance(account, str):
            raise ConnectorError("schema", "no_account")
        return account

    def check(self) -> list[CheckItem]:
        """Account, mode, clock, the kind of key, each right it needs, and the webhook's secret."""
        items: list[CheckItem] = []
        answer = probe(items, "sign_in", lambda: self._call("GET", "/v1/account"))
        if answer is None:
            return items
        items.append(clock_item(answer, self.clock()))
        found, wanted = answer.details().get("id"), self.settings.get("account_id")
        items.append(CheckItem("account", not wanted or found == wanted, {"account_id": found}))
        balance = probe(
            items, "read", lambda: self._call("GET", "/v1/balance"), {"entity": "balance"}
        )
        if balance is not None:
            live = balance.details().get("livemode")
            same = live is bool(self.settings.get("live_mode"))
            items.append(CheckItem("mode", same, {"live_mode": live}))
        restricted = (self.secrets.get("api_key") or "").startswith("rk_")
        items.append(CheckItem("restricted_key", restricted))
        for entity, path, needed in (
            ("payment", "/v1/payment_intents", True),
            ("charge", "/v1/charges", True),
            ("refund", "/v1/refunds", True),
            ("event", "/v1/events", True),
            ("balance_transaction", "/v1/balance_transactions", True),
            # by their own streams only: payments go on with a key of before there were such
            ("payout", "/v1/payouts", False),
            ("dispute", "/v1/disputes", False),
        ):
            probe(
                items,
                "read",
                lambda path=path: self._call("GET", path, query={"limit": 1}),
                {"entity": entity},
                needed,
            )
        items.append(CheckItem("webhook_secret", bool(self.secrets.get("webhook_secret"))))
        return items

    # -- webhooks -----------------------------------------------------------------------------

    @classmethod
    def verify(
        cls,
        request: WebhookRequest,
        secrets: Sequence[str],
        settings: Mapping[str, Any],
        now: datetime,
    ) -> list[Notice]:
        """Signature, mode and account, then one notice: see :mod:`.stripe_webhook`."""
        stripe_webhook.check_signature(request, secrets, now)
        return [stripe_webhook.notice(stripe_webhook.read_event(request.body, settings))]

    # -- reading ------------------------------------------------------------------------------

    def poll(self, entity: str, cursor: dict | None, now: datetime) -> Page:
        """First the list of all since ``start_date``, then events, which also tell of changes.

        Both come newest first; a window is walked to its end before the next one starts where this
        one began (less the overlap), so a crash in the middle loses nothing. After a silence longer
        than events are kept, the list is walked again.
        """
        cursor = dict(cursor or {})
        if not cursor.get("after"):
            cursor = self._open_window(cursor, now)
        query: list[tuple[str, Any]] = [("limit", PAGES.get(entity, PAGE))]
        if cursor.get("since"):
            query.append(("created[gte]", cursor["since"]))
        if cursor.get("after"):
            query.append(("starting_after", cursor["after"]))
        path, expand, types = THINGS[entity]
        if cursor["mode"] == "events":
            query += [("types[]", name) for name in types]
            answer = self._call("GET", "/v1/events", query=query)
        else:
            query += [("expand[]", f"data.{name}") for name in expand]
            answer = self._call("GET", path, query=query)
        if not cursor.get("after"):
            cursor["started"] = to_epoch(self._begun(now))
        body = answer.json()
        rows = body.get("data") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise ConnectorError("schema", "no_list")
        if cursor["mode"] == "events":
            records = self._of_events(entity, rows)
        else:
            records = [self._record(entity, row, self.answered) for row in rows]
        if body.get("has_more") and rows:
            return Page(records, {**cursor, "after": rows[-1]["id"]}, True)
        overlap = int(self.settings.get("overlap_seconds") or 300)
        return Page(records, {"mode": "events", "since": cursor["started"] - overlap}, False)

    def _open_window(self, cursor: dict, now: datetime) -> dict:
        started, since = to_epoch(now), cursor.get("since")
        if cursor.get("mode") == "events" and since:
            if started - since < EVENTS_KEPT.total_seconds():
                return {"mode": "events", "since": since, "started": started}
            since -= int(LOOK_BACK.total_seconds())
            return {"mode": "list", "since": since, "started": started}
        start = parse_iso(self.settings.get("start_date"))
        return {"mode": "list", "since": to_epoch(start) if start else None, "started": started}

    def _of_events(self, entity: str, events: list[dict]) -> list[Record]:
        """The things that the events are about, each read once, as they are now."""
        newest: dict[str, int] = {}
        for event in events:
            found = stripe_webhook.concerned(event)
            if found and found[0] == entity:
                newest[found[1]] = max(newest.get(found[1], 0), int(event["created"]))
        records = []
        for key, created in newest.items():
            # The whole second of the event counts as its time: a record that was read earlier in
            # that second may not have seen it. The same event read twice gives the same version.
            changed = from_epoch(created) + timedelta(milliseconds=999)
            records += self._read(entity, key, changed)
        return records

    def _read(self, entity: str, key: str, changed: datetime | None = None) -> list[Record]:
        path, expand, _types = THINGS[entity]
        query = [("expand[]", name) for name in expand]
        try:
            safe = path_id(key, stripe_webhook.OBJECT_ID)
            answer = self._call("GET", f"{path}/{safe}", query=query)
        except ConnectorError as error:
            if error.kind == "reference" or error.code == "bad_id":
                return []
            raise
        return [self._record(entity, answer.json(), changed or self.answered)]

    def _record(self, entity: str, row: dict, changed: datetime) -> Record:
        """Stripe's objects have no time of change and no version: what counts is when they were
        seen."""
        shape = SHAPES.get(entity) or (lambda one: shapes.payout(one, self._parts(one)))
        payload = shape(row)
        return Record(entity, str(row["id"]), iso(changed), changed, strict_json.dumps(payload))

    def _parts(self, payout: dict) -> list[dict]:
        """The balance transactions that a payout carries to the bank; none while Stripe does not
        know them."""
        if payout.get("reconciliation_status") != "completed":
            return []
        key = path_id(payout["id"], stripe_webhook.OBJECT_ID)
        query = [("payout", key), ("limit", PAGE)]
        return [
            row
            for rows in self._pages("/v1/balance_transactions", query)
            for row in rows
            if not (row.get("type") == "payout" and row.get("source") == key)
        ]

    def _pages(self, path: str, query: list[tuple[str, Any]]) -> Iterator[list[dict]]:
        after: list[tuple[str, Any]] = []
        while True:
            body = self._call("GET", path, query=[*query, *after]).json()
            rows = body.get("data") if isinstance(body, dict) else None
            if not isinstance(rows, list):
                raise ConnectorError("schema", "no_list")
            yield rows
            if not body.get("has_more") or not rows:
                return
            after = [("starting_after", rows[-1]["id"])]

    def listing(self, entity: str, since: datetime, until: datetime) -> Iterator[list[Record]]:
        """Things by the time they were made. Stripe states no total; its list
        ends where it says so."""
        path, expand, _types = THINGS[entity]
        query = [
            ("limit", PAGES.get(entity, PAGE)),
            ("created[gte]", to_epoch(since)),
            ("created[lt]", to_epoch(until)),
            *(("expand[]", f"data.{name}") for name in expand),
        ]
        for rows in self._pages(path, query):
            records = [self._record(entity, row, until) for row in rows]
            for record in records:
                record.version = None  # Stripe's objects have none
            yield records

    def fetch(self, entity: str, ids: Sequence[str]) -> dict[str, Record]:
        """Records by id, one call each (Stripe reads no ids together)."""
        found = [record for key in dict.fromkeys(ids) for record in self._read(entity, str(key))]
        return {record.external_id: record for record in found}

    # -- writing ------------------------------------------------------------------------------

    def deliver(self, entity: str, writes) -> list[Outcome]:
        """``payment`` update: ``{"metadata": {}}``. ``refund`` create: ``{"payment_intent",
        "amount" in minor units, "reason", "metadata"}``. Both carry the write's key as idempotency
        key."""
        return [self._deliver(entity, write) for write in writes]

    def _deliver(self, entity: str, write: Write) -> Outcome:
        outcome = Outcome(write.key, False, write.external_id)
        try:
            if entity == "payment" and write.operation == "update":
                key = path_id(write.external_id, stripe_webhook.OBJECT_ID)
                values = {"metadata": write.values.get("metadata") or {}}
                row = self._post(f"/v1/payment_intents/{key}", values, write.key)
            elif entity == "refund" and write.operation == "create":
                row = self._refund(write)
            else:
                raise ConnectorError("data", "not_supported", params={"operation": write.operation})
            outcome.ok, outcome.external_id = True, str(row["id"])
            outcome.response = {"status": row.get("status")}
        except ConnectorError as error:
            outcome.error = error
        except (TypeError, KeyError) as error:
            outcome.error = ConnectorError("data", "bad_values", params={"error": str(error)[:80]})
        return outcome

    def _refund(self, write: Write) -> dict:
        values = dict(write.values)
        values["metadata"] = {**(values.get("metadata") or {}), "hub_key": write.key[:500]}
        if write.attempt > 1:
            # Stripe forgets keys after a day, and a day may have passed since the first attempt
            query = {"payment_intent": values["payment_intent"], "limit": 100}
            found = self._call("GET", "/v1/refunds", query=query).json()["data"]
            for row in found:
                if (row.get("metadata") or {}).get("hub_key") == values["metadata"]["hub_key"]:
                    return row
        return self._post("/v1/refunds", values, write.key)

    def _post(self, path: str, values: dict, key: str) -> dict:
        if len(key) > 200:
            key = hashlib.sha256(key.encode()).hexdigest()
        answer = self._call(
            "POST", path, form=shapes.form(values), headers={"Idempotency-Key": key}
        )
        try:
            row = answer.json()
        except ConnectorError:
            raise ConnectorError("unknown", "answer_lost", status=answer.status) from None
        if not isinstance(row, dict) or "id" not in row:
            raise ConnectorError("unknown", "answer_lost", status=answer.status)
        return row
