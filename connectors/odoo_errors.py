"""Odoo's errors in our classes. What JSON-2 answers beside the message (a traceback) is never kept.

Source: Odoo 19, ``http.py`` (``Json2Dispatcher.handle_error``), ``exceptions.py`` (``http_status``).
"""

from __future__ import annotations

from .errors import ConnectorError
from .http import Answer
from .masking import mask_text

MESSAGE = 200  # characters of a message that are kept


def from_answer(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of an answer, or None."""
    error = answer.plain_error(write)
    if error is None:
        return None
    details = answer.details()
    name = str(details.get("name") or "").rpartition(".")[2]
    status = answer.status
    if status == 401 or name == "AccessDenied":
        return ConnectorError("sign_in", "key_invalid", status=status)
    if name == "AccessError":
        return ConnectorError("permission", "not_allowed", status=status)
    if name == "MissingError":
        return ConnectorError("reference", "not_found", status=status)
    if name in ("ValidationError", "UserError", "RedirectWarning", "LockError"):
        return refused(details.get("message"), status)
    if name == "NotFound":  # a model whose app is not installed there
        return ConnectorError("schema", "object_hidden", status=status)
    if name == "UnprocessableEntity" or (
        status == 500 and name in ("ValueError", "TypeError", "KeyError")
    ):
        return ConnectorError("schema", "not_supported", status=status)
    if error.kind == "rate" and error.retry_after is None:  # a proxy's: Odoo itself knows no limit
        error.retry_after = 15.0
    return error


def refused(message, status: int | None = None) -> ConnectorError:
    """Odoo's own rules refuse a record."""
    text = mask_text(str(message or ""))[:MESSAGE]
    return ConnectorError("data", "validation", status=status, params={"message": text})
