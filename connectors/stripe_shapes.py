"""Stripe's objects as the hub keeps them: what a mapping needs, and nothing that is secret or
private.

A payment intent carries its ``client_secret``, a charge the payer's address and card. Neither
belongs in a message, so what is kept is named here. Amounts stay in minor units, with their
currency beside them.

Source: Stripe API documentation, "The PaymentIntent object", "The Charge object", "The Refund
object", "The Balance Transaction object", "The Payout object", "The Dispute object" ("zero, one, or
two balance transactions that show funds withdrawn and reinstated"), "Making requests" (form encoding);
"Reporting categories" (https://docs.stripe.com/reports/reporting-categories), which finance goes by
instead of ``type``: it tells a dispute, its reversal and a fee among the adjustments.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_INTENT = (
    "id", "object", "amount", "amount_received", "amount_capturable", "currency", "status",
    "created", "canceled_at", "cancellation_reason", "customer", "description", "metadata",
    "livemode",
)  # fmt: skip
_CHARGE = (
    "id", "object", "amount", "amount_captured", "amount_refunded", "currency", "status", "paid",
    "captured", "refunded", "disputed", "created", "failure_code", "metadata",
)  # fmt: skip
_REFUND = (
    "id", "object", "amount", "currency", "status", "reason", "failure_reason", "created",
    "metadata",
)  # fmt: skip
_BALANCE = (
    "id", "object", "type", "reporting_category", "amount", "fee", "net", "currency",
    "exchange_rate", "status", "created", "available_on",
)  # fmt: skip
_PAYOUT = (
    "id", "object", "amount", "currency", "status", "created", "arrival_date", "automatic", "method",
    "reconciliation_status", "statement_descriptor", "failure_code", "livemode",
)  # fmt: skip
_PART = (
    "id", "object", "type", "reporting_category", "amount", "fee", "net", "currency", "created",
    "available_on",
)  # fmt: skip
_DISPUTE = (
    "id", "object", "amount", "currency", "status", "reason", "created", "is_charge_refundable",
    "livemode",
)  # fmt: skip
# reporting category -> kind of part; what is not here is an adjustment that a person looks at
_KINDS = {
    "charge": "charge",
    "refund": "refund",
    "fee": "fee",
    "dispute": "dispute",
    "dispute_reversal": "dispute_reversal",
    "payout_reversal": "payout_reversal",
}


def intent(row: dict) -> dict:
    """A payment intent with its latest charge and that charge's balance transaction."""
    kept = _pick(row, _INTENT)
    kept["customer"] = _id(row.get("customer"))
    kept["latest_charge"] = charge(row.get("latest_charge"))
    error = row.get("last_payment_error")
    kept["last_payment_error"] = _pick(error, ("code", "decline_code", "type")) if error else None
    return kept


def charge(row: Any) -> dict | None:
    """A charge; one that was not expanded is its id."""
    if not isinstance(row, dict):
        return {"id": row} if row else None
    kept = _pick(row, _CHARGE)
    kept["payment_method_type"] = (row.get("payment_method_details") or {}).get("type")
    kept["balance_transaction"] = balance(row.get("balance_transaction"))
    return kept


def balance(row: Any) -> dict | None:
    """A balance transaction: what really came in, after fees, in the account's own currency."""
    if not isinstance(row, dict):
        return {"id": row} if row else None
    return _pick(row, _BALANCE)


def refund(row: dict) -> dict:
    """A refund, with the charge and payment it belongs to and what the payment was for."""
    kept = _pick(row, _REFUND)
    kept["balance_transaction"] = balance(row.get("balance_transaction"))
    paid, charged = row.get("payment_intent"), row.get("charge")
    kept["charge"], kept["payment_intent"] = _id(charged), _id(paid)
    kept["payment_metadata"] = (paid.get("metadata") or {}) if isinstance(paid, dict) else {}
    kept["charge_metadata"] = (charged.get("metadata") or {}) if isinstance(charged, dict) else {}
    return kept


def payout(row: dict, parts: list[dict]) -> dict:
    """A payout with its parts, what became of it, and by what the bank names it (its trace id)."""
    kept = _pick(row, _PAYOUT)
    trace = row.get("trace_id")
    kept["trace"] = trace.get("value") if isinstance(trace, dict) else None
    kept["failure_balance_transaction"] = balance(row.get("failure_balance_transaction"))
    kept["parts"] = [part(one) for one in parts]
    return kept


def dispute(row: dict) -> dict:
    """A dispute: what it is about, until when it is answered, and the money that it took and gave back. No evidence:
    it is full of the customer's data."""
    kept = _pick(row, _DISPUTE)
    kept["charge"], kept["payment_intent"] = _id(row.get("charge")), _id(row.get("payment_intent"))
    kept["due_by"] = (row.get("evidence_details") or {}).get("due_by")
    moves = [balance(one) for one in row.get("balance_transactions") or [] if isinstance(one, dict)]
    unclear: list[str] = []  # what Stripe says there is never: two of one kind
    for name, category in (("withdrawn", "dispute"), ("reinstated", "dispute_reversal")):
        own = [one for one in moves if one["reporting_category"] == category]
        kept[name] = max(own, key=lambda one: abs(one["amount"] or 0), default=None)
        unclear += [one["id"] for one in own] if len(own) > 1 else []
    kept["unclear"] = ", ".join(unclear) or None
    return kept


def part(row: dict) -> dict:
    """A balance transaction of a payout: what it is about, and its kind in the hub's words."""
    kept = _pick(row, _PART)
    kept["source"] = _id(row.get("source"))
    kept["kind"] = _KINDS.get(row.get("reporting_category"), "adjustment")
    return kept


def _pick(row: dict, names) -> dict:
    return {name: row.get(name) for name in names}


def _id(value: Any) -> str | None:
    return value.get("id") if isinstance(value, dict) else value


def form(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Values as Stripe's forms: ``metadata[order]=5``, ``expand[]=customer``; None clears.

    :raise TypeError: for what a form cannot say.
    """
    pairs: list[tuple[str, str]] = []

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                add(f"{name}[{key}]", inner)
        elif isinstance(value, (list, tuple)):
            for index, inner in enumerate(value):
                add(f"{name}[{index}]" if isinstance(inner, Mapping) else f"{name}[]", inner)
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif value is None:
            pairs.append((name, ""))
        elif isinstance(value, Decimal):
            pairs.append((name, format(value, "f")))
        elif isinstance(value, (str, int)):
            pairs.append((name, str(value)))
        else:
            raise TypeError(f"{type(value).__name__} is not a form value")

    for name, value in values.items():
        add(str(name), value)
    return pairs
