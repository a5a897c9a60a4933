"""What one value of a declaration may be, each as a check that yields what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..core.paths import compile_path
from ..core.problem import Problem
from .errors import ConnectorError
from .http import origin
from .masking import looks_secret

CODE = re.compile(r"[a-z][a-z0-9_]{1,39}")
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,79}")
PARAMETER = re.compile(r"[A-Za-z_$][\w$.\[\]:-]{0,79}")
_ROUTE = re.compile(r"/[A-Za-z0-9_.~!$&'()*+,;=:@%/{}-]{0,300}")
HOLES = re.compile(r"\{([A-Za-z_]\w*)\}")
# Names of headers that prove who we are, and of those that HTTP itself needs.
_RESERVED = re.compile(
    r"authorization|cookie|token|secret|signature|api[_-]?key|password|session"
    r"|^(?:host|content-.*|transfer-encoding|connection|te|upgrade|accept-encoding)$",
    re.I,
)


class Fault(NamedTuple):
    """One thing that is wrong: where (``streams[0].path``), a machine word, and its parameters."""

    where: str
    code: str
    params: dict


class Field(NamedTuple):
    """One key of a declaration: what it may hold, and whether it must be there."""

    check: Callable[[str, Any], Iterator[Fault]]
    required: bool = False


def wrong(where: str, code: str, **params) -> Iterator[Fault]:
    yield Fault(where, code, params)


def text(most: int = 200):
    def check(where, value):
        if not isinstance(value, str):
            yield from wrong(where, "not_text")
        elif len(value) > most:
            yield from wrong(where, "too_long", most=most)
        elif not value.isprintable():
            yield from wrong(where, "line_break")
        elif looks_secret(value):
            yield from wrong(where, "secret")

    return check


def matching(pattern, code):
    def check(where, value):
        yield from text()(where, value)
        if isinstance(value, str) and not pattern.fullmatch(value):
            yield from wrong(where, code, value=value[:80])

    return check


def one_of(*choices):
    def check(where, value):
        if value not in choices or isinstance(value, bool):
            value = str(value)[:40]
            yield from wrong(where, "choice", value=value, choices=", ".join(map(str, choices)))

    return check


def number(least: float, most: float, whole: bool = True):
    def check(where, value):
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            yield from wrong(where, "number", least=least, most=most)

    return check


def flag(where, value):
    if not isinstance(value, bool):
        yield from wrong(where, "not_flag")


def json_path(where, value):
    """A JMESPath into an answer; empty: the answer itself."""
    yield from text(300)(where, value)
    if isinstance(value, str) and value:
        try:
            compile_path(value)
        except Problem:
            yield from wrong(where, "bad_path", value=value[:80])


def route(*holes):
    """A path below the base address; ``{id}`` and the like stand for one step of it.

    :param holes: the holes that it must have; others are names of what is sent.
    """

    def check(where, value):
        yield from text(300)(where, value)
        if not isinstance(value, str):
            return
        plain = HOLES.sub("x", value)
        steps = plain.split("/")
        if (
            not _ROUTE.fullmatch(value)
            or value.startswith("//")
            or "{" in plain
            or "}" in plain
            or "%" in plain
            or any(step in (".", "..") for step in steps)
        ):
            yield from wrong(where, "bad_route", value=value[:80])
            return
        for hole in holes:
            if f"{{{hole}}}" not in value:
                yield from wrong(where, "no_hole", hole=f"{{{hole}}}")

    return check


def address(where, value):
    yield from text(300)(where, value)
    if not isinstance(value, str):
        return
    try:
        scheme, host, _port = origin(value)
    except ConnectorError:
        scheme = host = ""
    parts = urlsplit(value) if host else None
    if scheme not in ("https", "http") or not host or parts.query or parts.fragment:
        yield from wrong(where, "bad_url", value=value[:80])


def named_texts(key_pattern, code):
    """Fixed headers or parameters: names with plain texts."""

    def check(where, value):
        if not isinstance(value, dict):
            yield from wrong(where, "not_object")
            return
        if len(value) > 20:
            yield from wrong(where, "too_many", most=20)
        for name, one in value.items():
            here = f"{where}.{name}"[:120]
            if not isinstance(name, str) or not key_pattern.fullmatch(name):
                yield from wrong(here, code, value=str(name)[:80])
            elif _RESERVED.search(name):
                yield from wrong(here, "reserved", value=name)
            yield from text(300)(here, one)

    return check


def record_of(fields: dict[str, Field]):
    def check(where, value):
        if not isinstance(value, dict):
            yield from wrong(where, "not_object")
            return
        dot = f"{where}." if where else ""
        for key in value:
            if key not in fields:
                yield from wrong(where or str(key)[:60], "unknown_key", key=str(key)[:60])
        for key, field in fields.items():
            if key in value and value[key] is not None:
                yield from field.check(f"{dot}{key}", value[key])
            elif field.required:
                yield from wrong(f"{dot}{key}", "missing")

    return check


def list_of(check_entry, most):
    def check(where, value):
        if not isinstance(value, list):
            yield from wrong(where, "not_list")
            return
        if len(value) > most:
            yield from wrong(where, "too_many", most=most)
            return
        for number, entry in enumerate(value):
            yield from check_entry(f"{where}[{number}]", entry)

    return check
