"""JSON from outside, read strictly; and one canonical way to write it.

Python's own reader takes NaN, keeps the last of two equal keys, recurses as deep as the text says
and makes a number of a million digits when it is asked politely. Each of these was used as an
attack, so each is refused here, with a code that can be shown.
"""

import json
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

MAX_DEPTH = 100
MAX_EXPONENT = 30
MAX_DIGITS = 40

# A string (closed or not: an unclosed one runs to the end, so the scan stays linear) or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*"?|[\[{]|[\]}]', re.DOTALL)

_UNTEXT = re.compile("[\x00\ud800-\udfff]")


class BadJson(ValueError):
    """The text is refused. ``code`` says why: empty, bom, encoding, nul, depth, duplicate_key,
    constant, number, surrogate, syntax."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def _check_depth(raw: bytes) -> None:
    """Refuse deep nesting before the parser, which recurses, sees it."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return  # nearly every record: it has not as many brackets at all
    depth = 0
    for match in _TOKEN.finditer(raw):
        first = match.group()[0]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadJson("depth")
        elif first in b"]}":
            depth -= 1


def _pairs(pairs: list) -> dict:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJson("duplicate_key")
    return result


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadJson("number")
    return int(text)


def _decimal(text: str) -> Decimal:
    # int(Decimal('1e999999')) takes half a minute, so the exponent is bounded before it is a
    # number.
    if len(text) > 2 * MAX_DIGITS:
        raise BadJson("number")
    exponent = re.search(r"[eE]([+-]?\d+)$", text)
    if exponent and (len(exponent[1]) > 4 or abs(int(exponent[1])) > MAX_EXPONENT):
        raise BadJson("number")
    return Decimal(text)


def _constant(_text: str):
    raise BadJson("constant")


def _check_text(value: Any) -> None:
    """Refuse NUL and lone surrogates, which PostgreSQL and UTF-8 cannot hold."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            if "\x00" in current:
                raise BadJson("nul")
            try:
                current.encode("utf-8")
            except UnicodeEncodeError:
                raise BadJson("surrogate") from None
        elif isinstance(current, dict):
            stack.extend(current)
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def _number_or_text(read):
    """A number of absurd size as its text, which no mapping takes for a number."""

    def keep(text: str):
        try:
            return read(text)
        except BadJson:
            return text

    return keep


def _repaired(value: Any) -> Any:
    """The same value without NUL and lone surrogates in its texts."""
    if isinstance(value, str):
        return _UNTEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_repaired(key): _repaired(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_repaired(entry) for entry in value]
    return value


def loads(raw: bytes, repair: bool = False) -> Any:
    """Read one JSON value.

    :param raw: the bytes as received: UTF-8 without a byte order mark.
    :param repair: for an answer that holds many records, where one must not stop the others: what
        is valid JSON and yet of no use is replaced (NUL, lone surrogates and broken UTF-8 by
        U+FFFD, absurd numbers by their text; of equal keys the last counts).
    :return: dict, list, str, int, bool, None; a number with a fraction or an exponent is a
        ``Decimal``, so no cent is lost.
    :raise BadJson: with the code of the first reason to refuse.
    """
    raw = bytes(raw)
    if repair:
        raw = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", "\ufffd".encode())
    if not raw.strip():
        raise BadJson("empty")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise BadJson("bom")
    if b"\x00" in raw:
        raise BadJson("nul")
    _check_depth(raw)
    try:
        text = raw.decode("utf-8", "replace" if repair else "strict")
    except UnicodeDecodeError:
        raise BadJson("encoding") from None
    try:
        value = json.loads(
            text,
            strict=not repair,
            parse_float=_number_or_text(_decimal) if repair else _decimal,
            parse_int=_number_or_text(_int) if repair else _int,
            parse_constant=str if repair else _constant,
            object_pairs_hook=dict if repair else _pairs,
        )
    except BadJson:
        raise
    except (ValueError, RecursionError):
        raise BadJson("syntax") from None
    if "\\u" in text:
        if repair:
            return _repaired(value)
        _check_text(value)
    return value


def _write(value: Any, out: list, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadJson("depth")
    if value is None or value is True or value is False:
        out.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        out.append(encode_basestring(value))
    elif isinstance(value, int):
        out.append(str(int(value)))
    elif isinstance(value, (Decimal, float)):
        number = value if isinstance(value, Decimal) else Decimal(repr(value))
        if not number.is_finite():
            raise BadJson("constant")
        if abs(number.adjusted()) > 2 * MAX_DIGITS:
            raise BadJson("number")
        out.append(format(number, "f"))
    elif isinstance(value, dict):
        out.append("{")
        for index, key in enumerate(sorted(value)):
            if not isinstance(key, str):
                raise TypeError("the keys of a JSON object are text")
            out.append("," if index else "")
            out.append(encode_basestring(key) + ":")
            _write(value[key], out, depth + 1)
        out.append("}")
    elif isinstance(value, (list, tuple)):
        out.append("[")
        for index, item in enumerate(value):
            out.append("," if index else "")
            _write(item, out, depth + 1)
        out.append("]")
    else:
        raise TypeError(f"{type(value).__name__} is not JSON")


def dumps(value: Any) -> bytes:
    """Write a value the one canonical way: sorted keys, no spaces, UTF-8.

    Decimals are written digit by digit as they are (``1.50`` stays ``1.50``), never as floats, so
    two equal payloads have equal bytes and money survives.

    :raise BadJson: for NaN, infinity, a number of absurd size, nesting past ``MAX_DEPTH`` or a
        lone surrogate.
    :raise TypeError: for what JSON cannot hold (dates are the caller's to format).
    """
    out: list = []
    _write(value, out, 0)
    try:
        return "".join(out).encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("surrogate") from None
