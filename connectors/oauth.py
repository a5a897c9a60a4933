"""The part of OAuth that is alike everywhere: reading the answer of a token endpoint (RFC 6749)."""

from __future__ import annotations

from datetime import datetime, timedelta

from .base import TokenAnswer
from .errors import ConnectorError
from .http import Answer


def read_token(answer: Answer, now: datetime) -> TokenAnswer:
    """Tokens and their end.

    :raise ConnectorError: kind ``schema`` if the answer holds no access token.
    """
    body = answer.details()
    access, refresh = body.get("access_token"), body.get("refresh_token")
    if not isinstance(access, str) or not access:
        raise ConnectorError("schema", "no_access_token", status=answer.status)
    try:
        seconds = int(body.get("expires_in") or 1800)
    except (TypeError, ValueError):
        raise ConnectorError("schema", "no_access_token", status=answer.status) from None
    return TokenAnswer(access, refresh or None, now + timedelta(seconds=seconds))


def token_error(answer: Answer, write: bool) -> ConnectorError | None:
    """The error of a token endpoint: ``invalid_grant`` means that a person must reconnect."""
    error = answer.plain_error(write)
    if error is not None and answer.status in (400, 401, 403):
        code = str(answer.details().get("error") or answer.details().get("status") or "")
        known = {"invalid_grant", "invalid_client", "unauthorized_client", "BAD_REFRESH_TOKEN"}
        reconnect = code in ("invalid_grant", "BAD_REFRESH_TOKEN")
        return ConnectorError(
            "sign_in",
            "reconnect" if reconnect else "token_refused",
            status=answer.status,
            params={"reason": code} if code in known else {},
        )
    return error
