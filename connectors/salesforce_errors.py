"""Salesforce's errors in our classes.

A body is a list of ``{"errorCode", "message", "fields"}``; inside a composite answer the code is called
``statusCode``. The HTTP status says little: a locked row is 400, a used-up day 403.

Source: REST API Developer Guide, "Status Codes and Error Responses"; SOAP API Developer Guide, "Core Data Types
Used in API Calls" (StatusCode, ExceptionCode); "API Request Limits and Allocations".
"""

from __future__ import annotations

import re
from typing import Any

from ..core import strict_json
from .errors import ConnectorError
from .http import Answer
from .masking import mask_text
from .parts import Allowance

DAY = 86400.0
PARKED = 3600.0  # the day rolls on: some calls are free again after an hour

# code -> (kind, our code)
_CODES = {
    "INVALID_SESSION_ID": ("sign_in", "token_expired"),
    "INVALID_AUTH_HEADER": ("sign_in", "token_invalid"),
    "SERVER_UNAVAILABLE": ("product_down", "server_error"),
    "UNKNOWN_EXCEPTION": ("product_down", "server_error"),
    "QUERY_TIMEOUT": ("product_down", "query_timeout"),
    "UNABLE_TO_LOCK_ROW": ("rate", "locked"),
    "INVALID_QUERY_LOCATOR": ("data", "query_locator"),
    "INVALID_REPLICATION_DATE": ("data", "bad_window"),
    "EXCEEDED_ID_LIMIT": ("data", "too_many"),
    "MALFORMED_QUERY": ("bug", "malformed_query"),
    "MALFORMED_ID": ("data", "bad_id"),
    "INVALID_FIELD": ("data", "invalid_field"),
    "INVALID_TYPE": ("permission", "object_hidden"),
    "API_DISABLED_FOR_ORG": ("permission", "api_disabled"),
    "API_CURRENTLY_DISABLED": ("permission", "api_disabled"),
    "FUNCTIONALITY_NOT_ENABLED": ("permission", "not_allowed"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": ("data", "refused_by_automation"),
    "ENTITY_IS_LOCKED": ("data", "record_locked"),
    "DUPLICATES_DETECTED": ("identity", "already_exists"),
    "DUPLICATE_VALUE": ("conflict", "already_exists"),
    "DUPLICATE_EXTERNAL_ID": ("identity", "already_exists"),
    "ENTITY_IS_DELETED": ("reference", "not_found"),
    "INVALID_CROSS_REFERENCE_KEY": ("reference", "not_found"),
    "NOT_FOUND": ("reference", "not_found"),
}


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    items = _items(answer)
    if not items:
        return error
    found = from_item(items[0], answer.status)
    if found.kind == "data" and found.code == "refused" and error.kind != "data":
        # a code that this table does not have: the status says more
        error.params.update(found.params)
        return error
    return found


def from_item(item: dict, status: int | None = None) -> ConnectorError:
    """The error of one record, or of a whole call."""
    code = str(item.get("errorCode") or item.get("statusCode") or "")[:80]
    message = str(item.get("message") or "")
    if code == "REQUEST_LIMIT_EXCEEDED":
        # "TotalRequests" are those of the day; the others are calls that run at one time
        whole_day = "concurrent" not in message.lower()
        return ConnectorError(
            "rate",
            "daily_limit" if whole_day else "rate_limited",
            status=status,
            retry_after=PARKED if whole_day else 5.0,
        )
    if code.startswith("INSUFFICIENT_ACCESS"):
        kind, ours = "permission", "not_allowed"
    else:
        kind, ours = _CODES.get(code, ("data", "refused"))
    params: dict[str, Any] = {"reason": code}
    if kind in ("data", "identity", "conflict", "permission"):
        params["message"] = mask_text(message)
        fields = item.get("fields")
        names = [str(name)[:80] for name in fields] if isinstance(fields, list) else []
        params["properties"] = names[:20]
    return ConnectorError(kind, ours, status=status, params=params)


def allowances(answer: Answer) -> list[Allowance]:
    """What is left of the calls that the org has in 24 hours (``Sforce-Limit-Info``)."""
    found = used(answer)
    if found is None:
        return []
    calls, most = found
    return [Allowance(max(most - calls, 0), most, DAY)]


def used(answer: Answer) -> tuple[int, int] | None:
    """(calls made, calls allowed) in the last 24 hours, as an answer tells it."""
    text = answer.headers.get("Sforce-Limit-Info", "")
    match = re.search(r"(?:^|[\s;,])api-usage=([0-9]{1,12})/([0-9]{1,12})", text)
    return (int(match[1]), int(match[2])) if match else None


def _items(answer: Answer) -> list[dict]:
    try:
        body = strict_json.loads(answer.body) if answer.structured else None
    except strict_json.BadJson:
        return []
    items = body if isinstance(body, list) else [body]
    return [item for item in items if isinstance(item, dict) and item.get("errorCode")]
