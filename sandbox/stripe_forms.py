"""Stripe's forms: ``metadata[order]=5&expand[]=customer&items[0][price]=p`` as nested values."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl


def parse(raw: bytes) -> dict:
    """Nested dicts and lists of text. An empty ``metadata`` clears all of it."""
    result: dict = {}
    for name, value in parse_qsl(raw.decode(), keep_blank_values=True):
        head, *rest = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        _put(result, head, rest, value)
    return _lists(result)


def _put(target: dict, name: str, rest: list[str], value: str) -> None:
    if not rest:
        target[name] = value
        return
    inner = target.setdefault(name, {})
    if not isinstance(inner, dict):
        inner = target[name] = {}
    key = rest[0] or str(len(inner))
    _put(inner, key, rest[1:], value)


def _lists(value):
    """Dicts whose keys are 0, 1, 2… are lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if inner and list(inner) == [str(index) for index in range(len(inner))]:
        return list(inner.values())
    return inner
