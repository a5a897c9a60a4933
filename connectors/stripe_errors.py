"""Stripe's errors in our classes. Source: Stripe API documentation, "Errors", "Idempotent requests",
"Rate limits"."""

from __future__ import annotations

from .errors import ConnectorError


def from_answer(answer, write: bool) -> ConnectorError | None:
    """Stripe's error table. Its 429 tells no waiting time."""
    error = answer.plain_error(write)
    if error is None:
        return None
    details = answer.details().get("error")
    details = details if isinstance(details, dict) else {}
    kind, code = str(details.get("type") or ""), str(details.get("code") or "")
    status = answer.status
    names = ("type", "code", "param", "decline_code")
    params = {n: details[n][:80] for n in names if isinstance(details.get(n), str)}
    if status == 401:
        expired = code == "api_key_expired"
        return ConnectorError("sign_in", "key_expired" if expired else "key_invalid", status=401)
    if status == 429:
        locked = code == "lock_timeout"
        return ConnectorError(
            "rate",
            "locked" if locked else "rate_limited",
            status=429,
            retry_after=1.0 if locked else 2.0,
            params={"reason": answer.headers.get("Stripe-Rate-Limited-Reason", "")[:40]},
        )
    if kind == "idempotency_error" and status == 400:
        # the same key with other values: our own mistake, and nothing was done
        return ConnectorError("bug", "idempotency_mismatch", status=400)
    if status == 409:
        if code == "idempotency_key_in_use":
            return ConnectorError("unknown", "still_running", status=409, retry_after=2.0)
        return ConnectorError("conflict", "conflict", status=409, params=params)
    if answer.headers.get("Stripe-Should-Retry") == "true" and not error.transient:
        return ConnectorError("product_down", "asked_to_retry", status=status, params=params)
    if error.kind == "data":
        return ConnectorError(
            "data",
            "card_error" if kind == "card_error" else "validation",
            status=status,
            params=params,
        )
    error.params = params
    return error
