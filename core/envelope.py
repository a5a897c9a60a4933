"""Secrets at rest: authenticated encryption, bound to where the secret belongs."""

import base64
import json
import os
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class NoKey(Exception):
    """No usable key is configured: nothing may be stored or read."""


class NotBound(Exception):
    """The envelope does not belong to this system, field or address (or was tampered with)."""


def parse_keys(text: str | None) -> dict[int, bytes]:
    """``"1:<base64 of 32 bytes>, 2:…"`` to ``{version: key}``.

    :raise NoKey: an entry is not a version with 32 bytes.
    """
    keys = {}
    for part in filter(None, (piece.strip() for piece in (text or "").split(","))):
        version, _sep, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not version.isdigit() or len(key) != 32:
            raise NoKey("each entry of hub_keys is VERSION:BASE64 of 32 random bytes")
        keys[int(version)] = key
    return keys


def _bound_to(system: str, field: str, origins: Iterable[str]) -> bytes:
    return json.dumps([system, field, sorted(set(origins))]).encode()


def seal(
    secret: str, keys: Mapping[int, bytes], *, system: str, field: str, origins: Iterable[str]
) -> str:
    """Encrypt with the newest key.

    :return: ``"<version>:<base64 of nonce + ciphertext>"``.
    :raise NoKey: no key is configured.
    """
    if not keys:
        raise NoKey("no key")
    version = max(keys)
    nonce = os.urandom(12)
    sealed = AESGCM(keys[version]).encrypt(
        nonce, secret.encode(), _bound_to(system, field, origins)
    )
    return f"{version}:{base64.b64encode(nonce + sealed).decode()}"


def open_(
    envelope: str, keys: Mapping[int, bytes], *, system: str, field: str, origins: Iterable[str]
) -> str:
    """Decrypt, if the envelope belongs to this system, field and set of addresses.

    :raise NoKey: the key version of the envelope is not configured.
    :raise NotBound: anything differs from what the secret was sealed for.
    """
    version, _sep, encoded = envelope.partition(":")
    if not version.isdigit() or int(version) not in keys:
        raise NoKey(f"key version {version[:4]!r} is not configured")
    try:
        raw = base64.b64decode(encoded, validate=True)
        return (
            AESGCM(keys[int(version)])
            .decrypt(raw[:12], raw[12:], _bound_to(system, field, origins))
            .decode()
        )
    except (InvalidTag, ValueError) as error:
        raise NotBound(field) from error
