"""The part of OAuth that is alike everywhere: asking a token endpoint and reading its answer (RFC 6749)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from .errors import ConnectorError
from .http import Answer, Session
from .parts import CheckItem, TokenAnswer


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


def refreshed(
    session: Session, url: str, settings: Mapping, secrets: Mapping[str, str], now: datetime
) -> TokenAnswer:
    """A new access token by the refresh token; the client signs in as Basic (RFC 6749, 2.3.1).

    :raise ConnectorError: kind ``sign_in``: ``secret_missing``, ``reconnect``, ``token_refused``.
    """
    token = _needed("refresh_token", secrets)
    form = [("grant_type", "refresh_token"), ("refresh_token", token)]
    return _granted(session, url, form, settings, secrets, now)


def by_code(
    session: Session,
    url: str,
    settings: Mapping,
    secrets: Mapping[str, str],
    now: datetime,
    *,
    code: str,
    redirect: str,
    verifier: str,
) -> TokenAnswer:
    """The first tokens, by the code of a person's consent (RFC 6749, 4.1.3); the client signs in as Basic.

    :param redirect: the address that the code came to, which the product knows.
    :param verifier: what the challenge was made of that went with the question (RFC 7636, 4.5).
    :raise ConnectorError: as :func:`refreshed`.
    """
    form = [("grant_type", "authorization_code"), *code_form(code, redirect, verifier)]
    return _granted(session, url, form, settings, secrets, now)


def code_form(code: str, redirect: str, verifier: str) -> list[tuple[str, str]]:
    """What names a code, and proves that it is ours."""
    return [("code", code), ("redirect_uri", redirect), ("code_verifier", verifier)]


def by_client_credentials(
    session: Session, url: str, settings: Mapping, secrets: Mapping[str, str], now: datetime
) -> TokenAnswer:
    """A new access token of the client itself, signed in as Basic.

    :raise ConnectorError: as :func:`refreshed`.
    """
    form = [("grant_type", "client_credentials")]
    return _granted(session, url, form, settings, secrets, now)


def _granted(session, url, form, settings, secrets, now) -> TokenAnswer:
    client, secret = _needed("client_id", settings), _needed("client_secret", secrets)
    pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    answer = session.call(
        "POST", url, form=form, headers=headers, write=False, classify=token_error
    )
    return read_token(answer, now)


def _needed(name: str, values: Mapping) -> str:
    value = str(values.get(name) or "").strip()
    if not value:
        raise ConnectorError("sign_in", "secret_missing", params={"secret": name})
    return value


class TokenEndpoint:
    """Of a connector: a token endpoint that takes refresh tokens and codes, at an address of its own."""

    token_url: ClassVar[str]
    session: Session
    settings: dict[str, Any]
    secrets: Mapping[str, str]

    def refresh(self, secrets: Mapping[str, str]) -> TokenAnswer:
        """A new access token and, since refresh tokens rotate, mostly another refresh token."""
        return refreshed(self.session, self.token_url, self.settings, secrets, self.clock())

    def admit(self, code: str, redirect: str, verifier: str) -> TokenAnswer:
        """The first tokens, see :meth:`~connectors.base.Connector.admit`."""
        return by_code(
            self.session,
            self.token_url,
            self.settings,
            self.secrets,
            self.clock(),
            code=code,
            redirect=redirect,
            verifier=verifier,
        )

    def _token_fault(self) -> CheckItem | None:
        """For the connection test: get an access token, if there is none yet; the line that says why not."""
        if self.secrets.get("access_token"):
            return None
        try:
            self.secrets = {**self.secrets, "access_token": self.refresh(self.secrets).access}
        except ConnectorError as error:
            failed = {"kind": error.kind, "error": error.code, "status": error.status}
            return CheckItem("sign_in", False, {**failed, **error.params})
        return None
