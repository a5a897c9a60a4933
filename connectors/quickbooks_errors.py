"""QuickBooks Online's errors in our classes.

A refusal is ``{"Fault": {"Error": [{"Message", "Detail", "code", "element"}], "type"}, "time"}``; inside a good
answer it may stand for one record. The HTTP status says little: a stale object and a closed period are both 400.

Source: Intuit Developer, "Handling common errors", "Top QuickBooks Online API Errors and How to Handle Them",
"API call limits and throttles".
"""

from __future__ import annotations

from typing import Any

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text

THROTTLED = 15.0  # seconds; Intuit names no time, its window is a minute

# code -> (kind, our code)
_CODES = {
    "120": ("permission", "ledger_not_allowed"),
    "500": ("data", "ledger_refused"),
    "610": ("reference", "ledger_not_found"),
    "2010": ("data", "ledger_bad_field"),
    "2020": ("data", "ledger_field_missing"),
    "2050": ("data", "ledger_too_long"),
    "2170": ("data", "ledger_bad_field"),
    "2500": ("reference", "ledger_not_found"),
    "3001": ("rate", "rate_limited"),
    "3100": ("sign_in", "other_account"),
    "3200": ("sign_in", "token_expired"),
    "4000": ("bug", "malformed_query"),
    "4001": ("bug", "malformed_query"),
    "5010": ("conflict", "ledger_stale"),
    "5020": ("permission", "ledger_not_allowed"),
    "6000": ("data", "ledger_rule"),
    "6070": ("data", "ledger_amounts"),
    "6140": ("identity", "ledger_number_taken"),
    "6190": ("permission", "ledger_subscription"),
    "6200": ("data", "ledger_period_closed"),
    "6210": ("data", "ledger_period_closed"),
    "6240": ("identity", "ledger_name_taken"),
    "6430": ("data", "ledger_account_type"),
    "6540": ("data", "ledger_deposited"),
    "10000": ("product_down", "server_error"),
}


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None; a fault inside a 200 is one too."""
    error = answer.plain_error(write)
    fault = _fault(answer)
    if fault is None:
        if error is not None and error.kind == "rate" and error.retry_after is None:
            error.retry_after = THROTTLED
        if error is not None and answer.status == 401:
            error.code = "token_expired"
        return error
    items = fault.get("Error")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    found = from_item(first, answer.status)
    if found.code == "ledger_refused" and error is not None and error.kind != "data":
        # a code that this table does not have: the status says more
        if answer.status == 401:
            error.code = "token_expired"
        if error.kind == "rate":
            error.retry_after = error.retry_after or THROTTLED
        return error
    if found.kind == "product_down" and write and answer.status in (502, 504):
        return error
    return found


def from_item(item: dict, status: int | None = None) -> ConnectorError:
    """The error that one ``Fault.Error`` says."""
    code = str(item.get("code") or "").lstrip("0")[:20]
    kind, ours = _CODES.get(code, ("data", "ledger_refused"))
    params: dict[str, Any] = {"reason": code}
    if kind in ("data", "reference", "identity", "conflict", "permission"):
        # Intuit's own words, without what could be personal; "Detail" says more than "Message"
        params["message"] = mask_text(str(item.get("Detail") or item.get("Message") or ""))
        if isinstance(item.get("element"), str) and item["element"]:
            params["properties"] = [item["element"][:80]]
    retry_after = THROTTLED if kind == "rate" else None
    return ConnectorError(kind, ours, status=status, params=params, retry_after=retry_after)


def _fault(answer: Answer) -> dict | None:
    if b"Fault" not in answer.body[:400_000] and b"fault" not in answer.body[:2000]:
        return None
    details = answer.details()
    fault = details.get("Fault") or details.get("fault")
    return fault if isinstance(fault, dict) else None
