"""Files that describe a product: JSON or YAML, read without trusting them.

YAML can name a value once and mean it a million times, build any object of the program that reads it,
and call ``no`` a boolean. None of it is needed to describe an API, so anchors, tags and everything
but JSON's own values are refused or read as text.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from ..core import strict_json

MAX_BYTES = {"json": 12_000_000, "yaml": 3_000_000}
MAX_DEPTH = 60
MAX_EVENTS = 600_000


class BadDocument(ValueError):
    """A file that cannot be read. ``code``: too_large, encoding, alias, tag, depth, syntax, duplicate_key,
    not_object; ``line`` is where, if it is known."""

    def __init__(self, code: str, line: int | None = None):
        super().__init__(code)
        self.code, self.line = code, line


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """JSON's values only, no key twice."""

    def construct_mapping(self, node, deep=False):
        result: dict = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            key = key if isinstance(key, str) else str(key_node.value)
            if key in result:
                raise BadDocument("duplicate_key", key_node.start_mark.line + 1)
            result[key] = self.construct_object(value_node, deep=True)
        return result


def _plain(loader, node):
    """A scalar as JSON knows it."""
    text = node.value
    if re.fullmatch(r"-?(?:0|[1-9]\d{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?\d{1,18}\.\d{1,18}", text):
        return float(text)
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(text, text)


def _map(loader, node):
    return loader.construct_mapping(node)


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:hub,plain", re.compile(r"(?s).*"), None)
_Loader.yaml_constructors = {
    "tag:hub,plain": _plain,
    "tag:yaml.org,2002:str": yaml.SafeLoader.construct_yaml_str,
    "tag:yaml.org,2002:seq": lambda loader, node: loader.construct_sequence(node, deep=True),
    "tag:yaml.org,2002:map": _map,
}


def read(raw: bytes) -> dict:
    """The object in a file.

    :raise BadDocument: it is too large, no text, no JSON or YAML, or no object.
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    kind = "json" if raw.lstrip()[:1] in (b"{", b"[") else "yaml"
    if len(raw) > MAX_BYTES[kind]:
        raise BadDocument("too_large")
    value = _read_json(raw) if kind == "json" else _read_yaml(raw)
    if not isinstance(value, dict):
        raise BadDocument("not_object")
    return value


def _read_json(raw: bytes) -> Any:
    try:
        strict_json.loads(raw)
        return json.loads(raw)  # the same once more: here a number is a number, no amount
    except strict_json.BadJson as error:
        known = ("encoding", "depth", "duplicate_key")
        raise BadDocument(error.code if error.code in known else "syntax") from None


def _read_yaml(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadDocument("encoding") from None
    try:
        _look_through(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise BadDocument("syntax", mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, RecursionError):
        raise BadDocument("syntax") from None


def _look_through(text: str) -> None:
    """Refuse what may grow or build something, before a value is made."""
    depth = 0
    events = yaml.parse(text, Loader=_Loader)
    for number, event in enumerate(events):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise BadDocument("alias", line)
        if getattr(event, "tag", None):
            raise BadDocument("tag", line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise BadDocument("depth", line)
        if number > MAX_EVENTS:
            raise BadDocument("too_large")


def write_yaml(document: dict) -> str:
    """A declaration as YAML, in the order of its keys."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
