"""Stable hashes: the same thing gets the same key in every process, on every day."""

import hashlib
import json


def order_key(system_id: int, entity: str, external_id: str, direction: str = "in") -> int:
    """Signed 64-bit key of one business record in one system and direction.

    Messages with the same key apply in order; a message that waits for another record carries that
    record's key.
    """
    raw = "\x1f".join((str(system_id), entity, str(external_id), direction)).encode()
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "big", signed=True)


def event_key(system_id: int, account: str, provider_key: bytes) -> bytes:
    """16 bytes that name one event of one account of one system, whatever is delivered again."""
    raw = b"\x1f".join((str(system_id).encode(), account.encode(), provider_key))
    return hashlib.sha256(raw).digest()[:16]


def fingerprint(*parts: object) -> str:
    """Text key of a root cause: exceptions with the same one are one issue."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def digest(values: object) -> str:
    """Digest of JSON-like values; Decimals and dates count by their text."""
    text = json.dumps(values, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def idempotency_key(database: str, stream_id: int, record: str, content: str) -> str:
    """Key of one delivery: the same database, record and content always give the same key.

    The database's own identifier is part of it, so a copied database cannot repeat a payment.
    """
    return fingerprint("deliver", database, stream_id, record, content)
