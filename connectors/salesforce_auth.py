"""Signing in at Salesforce, server to server: a signed assertion (JWT bearer) or client credentials.

Both are asked at the org's own address (My Domain), so that no secret goes anywhere else. Neither gives a refresh
token, and no answer says when a token ends: it is taken anew before half an hour is over, and at once when
Salesforce calls it expired.

Source: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "OAuth 2.0 Client
Credentials Flow", "Identity URLs", "My Domain URL Formats"; RFC 7523.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from ..core import strict_json
from .errors import ConnectorError
from .http import Answer, origin
from .salesforce_objects import same_id
from .times import to_epoch

TOKEN = "/services/oauth2/token"
GRANT_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = 180  # seconds of an assertion; Salesforce allows at most five minutes
LOGIN = "https://login.salesforce.com"
TEST = "https://test.salesforce.com"


def assertion(key: str, consumer: str, username: str, audience: str, now: datetime) -> str:
    """A JWT (RS256) that says who we are, for whom, and until when.

    :param key: an RSA key in PEM; the line breaks may have been lost.
    :raise ConnectorError: kind ``sign_in``, code ``bad_private_key``.
    """
    claims = {"iss": consumer, "sub": username, "aud": audience, "exp": to_epoch(now) + LIFE}
    parts = [strict_json.dumps({"alg": "RS256", "typ": "JWT"}), strict_json.dumps(claims)]
    signed = b".".join(_base64(part) for part in parts)
    signature = _key(key).sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + _base64(signature)).decode("ascii")


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _key(text: str) -> rsa.RSAPrivateKey:
    match = re.search(r"-----BEGIN[^-]*-----(.*?)-----END", text.replace("\\n", " "), re.S)
    body = re.sub(r"\s", "", match[1] if match else text)
    try:
        key = load_der_private_key(base64.b64decode(body, validate=True), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        # 'from None': the lower error may quote the key
        raise ConnectorError("sign_in", "bad_private_key") from None
    return key


def is_production(url: str) -> bool | None:
    """Whether an address is that of a production org; None if it is no address of Salesforce."""
    host = (urlsplit(url).hostname or "").lower()
    if not host.endswith((".salesforce.com", ".force.com")):
        return None
    if host in ("login.salesforce.com", "test.salesforce.com"):
        return host.startswith("login")
    other = r"--|\.(?:sandbox|scratch|develop|trailblaze|demo|patch)\.my\.|^cs\d+\."
    return not re.search(other, host)


def require_environment(url: str, live: bool) -> None:
    """Refuse an address that is of the other environment than the system.

    :raise ConnectorError: kind ``sign_in``, code ``wrong_environment``.
    """
    production = is_production(url)
    if production is not None and production is not live:
        raise ConnectorError("sign_in", "wrong_environment")


def audience(url: str, live: bool) -> str:
    """For whom an assertion is: a developer's org signs in where production does."""
    if ".develop.my." in url:
        return LOGIN
    return LOGIN if live else TEST


def require_instance(answer: Answer, base_url: str, settings: Mapping) -> None:
    """A token counts for the org that the system is about, and for no other.

    :raise ConnectorError: kind ``sign_in``: ``other_instance``, ``other_account``, ``wrong_environment``.
    """
    body = answer.details()
    instance, identity = body.get("instance_url"), str(body.get("id") or "")
    try:
        same = isinstance(instance, str) and origin(instance) == origin(base_url)
    except ConnectorError:
        same = False
    if not same:
        raise ConnectorError("sign_in", "other_instance")
    match = re.fullmatch(r"https://([\w.-]+)/id/(\w{15,18})/\w{15,18}", identity)
    if not match:
        return
    wanted = settings.get("account_id")
    if wanted and not same_id(match[2], wanted):
        raise ConnectorError("sign_in", "other_account")
    if match[1] in ("login.salesforce.com", "test.salesforce.com") and "live_mode" in settings:
        developer = ".develop.my." in base_url
        production = match[1].startswith("login") and not developer
        if production is not bool(settings["live_mode"]):
            raise ConnectorError("sign_in", "wrong_environment")


# part of ``error_description`` -> what it means; the order matters
_HINTS = (
    ("audience", "wrong_environment"),
    ("hasn't approved", "not_approved"),
    ("not approved", "not_approved"),
    ("client credentials user", "no_run_as_user"),
    ("assertion", "assertion_refused"),
    ("expired", "assertion_refused"),
)


def token_error(answer: Answer, write: bool) -> ConnectorError | None:
    """What the token endpoint refused, for a person to mend."""
    error = answer.plain_error(write)
    if error is None or answer.status not in (400, 401, 403):
        return error
    body = answer.details()
    text = str(body.get("error_description") or "").lower()
    code = next((code for part, code in _HINTS if part in text), "reconnect")
    known = {"invalid_grant", "invalid_client_id", "invalid_client", "invalid_request"}
    known |= {"inactive_user", "inactive_org", "unsupported_grant_type", "rate_limit_exceeded"}
    reason = body.get("error")
    params = {"reason": reason} if reason in known else {}
    return ConnectorError("sign_in", code, status=answer.status, params=params)
