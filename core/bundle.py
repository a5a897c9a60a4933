"""A bundle: the configuration of one system as signed JSON, to be proposed in another database.

It holds rows by their natural keys, its own id, where it comes from and what it is for; no secrets, no
addresses, no users. Signed with Ed25519; which keys are trusted is no part of the database.
"""

import base64
import json
from collections.abc import Collection, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .problem import Problem

FORMAT = 1
MOST_BYTES = 5_000_000
_PARTS = {"format", "release", "id", "number", "made_at", "source", "target", "title", "rows"}
_ROW = {"model", "key", "values"}


def refused(code: str, **params: object) -> Problem:
    """Why a bundle is not taken, as a problem that has a sentence."""
    return Problem(f"bundle_{code}", kind="bundle", **params)


# -- keys ------------------------------------------------------------------------------------------


def _split(text, size):
    """``"name:<base64 of size bytes>, …"`` to ``{name: bytes}``."""
    keys = {}
    for part in filter(None, (piece.strip() for piece in (text or "").split(","))):
        name, _sep, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not name.strip() or len(key) != size:
            raise refused("bad_key")
        keys[name.strip()] = key
    return keys


def signing_key(text: str | None) -> tuple[str, Ed25519PrivateKey]:
    """The key of this database.

    :param text: ``"name:<base64 of 32 bytes>"``
    :raise Problem: none, or not one.
    """
    keys = _split(text, 32)
    if len(keys) != 1:
        raise refused("no_key")
    ((name, raw),) = keys.items()
    return name, Ed25519PrivateKey.from_private_bytes(raw)


def trusted_keys(text: str | None) -> dict[str, Ed25519PublicKey]:
    """Keys whose bundles are taken: ``{name: key}``."""
    return {name: Ed25519PublicKey.from_public_bytes(raw) for name, raw in _split(text, 32).items()}


def public_text(name: str, key: Ed25519PrivateKey) -> str:
    """What another database has to trust to take bundles of this key."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"{name}:{base64.b64encode(raw).decode()}"


# -- form ------------------------------------------------------------------------------------------


def canonical(content: Mapping) -> bytes:
    """The one form of a content that is signed."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sign(content: Mapping, name: str, key: Ed25519PrivateKey) -> bytes:
    """The file of a bundle.

    :raise Problem: it holds what no bundle may hold.
    """
    _refuse_addresses(content["rows"])
    value = base64.b64encode(key.sign(canonical(content))).decode()
    signed = {"content": content, "signature": {"key": name, "value": value}}
    return json.dumps(signed, sort_keys=True, indent=1, ensure_ascii=False).encode()


def _once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _never(name):
    raise ValueError(name)


def read(raw: bytes, trusted: Mapping[str, Ed25519PublicKey]) -> tuple[dict, str]:
    """The content of a file whose signature holds, and the name of its key.

    :raise Problem: it is no bundle, its key is unknown, or it was changed after it was signed.
    """
    if len(raw) > MOST_BYTES:
        raise refused("too_large")
    try:
        signed = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_never)
        content, signature = signed["content"], signed["signature"]
        name, value = signature["key"], base64.b64decode(signature["value"], validate=True)
        message = canonical(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refused("unreadable") from error
    if signed.keys() != {"content", "signature"} or not isinstance(name, str):
        raise refused("unreadable")
    if name not in trusted:
        raise refused("unknown_key", key=name[:40])
    try:
        trusted[name].verify(value, message)
    except InvalidSignature as error:
        raise refused("tampered") from error
    return content, name


# -- what it may be --------------------------------------------------------------------------------


def check(
    content: Mapping,
    *,
    release: str,
    database: str,
    product: str,
    environment: str,
    portable: Mapping[str, Collection[str]],
):
    """Refuse what was not made for this place, or holds what a bundle may not hold.

    :param release: version of the addon here; :param portable: ``{model: fields}`` that may travel.
    :raise Problem: see there.
    """
    made = content.get("format") if isinstance(content, dict) else None
    if not isinstance(made, int) or made > FORMAT or _newer(content.get("release"), release):
        raise refused("newer", release=str(content.get("release"))[:20] if made else "?")
    texts = ("id", "made_at", "source", "title")
    if (
        content.keys() != _PARTS
        or not isinstance(content["number"], int)
        or not all(isinstance(content[name], str) for name in texts)
    ):
        raise refused("unreadable")
    target = content["target"]
    if not isinstance(target, dict) or target.get("database") != database:
        raise refused("other_target")
    if target.get("product") != product:
        raise refused("other_product", product=str(target.get("product"))[:40])
    if target.get("environment") != environment:
        raise refused("other_environment", environment=str(target.get("environment"))[:40])
    rows = content["rows"]
    if not isinstance(rows, list):
        raise refused("unreadable")
    for row in rows:
        if not isinstance(row, dict) or row.keys() != _ROW:
            raise refused("unreadable")
        if not isinstance(row["key"], dict) or not isinstance(row["values"], dict):
            raise refused("unreadable")
        allowed = portable.get(row["model"])
        if allowed is None:
            raise refused("forbidden", what=str(row["model"])[:60])
        extra = (row["key"].keys() | row["values"].keys()) - set(allowed)
        if extra:
            raise refused("forbidden", what=f"{row['model']}.{min(extra)}"[:100])
    _refuse_addresses(rows)


def _newer(release, here):
    """Whether a release is later than the one here; what cannot be read is."""
    try:
        return tuple(map(int, release.split("."))) > tuple(map(int, here.split(".")))
    except (AttributeError, ValueError):
        return True


def _refuse_addresses(value):
    """Addresses differ between environments: one that travels would send production's data elsewhere."""
    if isinstance(value, str):
        if "://" in value:
            raise refused("address", text=value[:60])
    elif isinstance(value, dict):
        for part in value.values():
            _refuse_addresses(part)
    elif isinstance(value, list):
        for part in value:
            _refuse_addresses(part)
