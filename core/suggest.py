"""Which path of a payload may be which canonical field: by name, and by values that fit."""

import json
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from .mapping import CompiledMapping, Line

MAX_LEAVES = 400
MAX_DEPTH = 6
LEAST = 0.62  # likeness of names below which nothing is suggested
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a source may have meant, in the order in which it is tried: as it is first.
_TRANSFORMS: dict[str, list[tuple[str, str]]] = {
    "date": [("date_format", "DD.MM.YYYY"), ("date_format", "MM/DD/YYYY"), ("epoch_seconds", "")],
    "datetime": [("epoch_seconds", "")],
    "decimal": [("number", "1.234,56"), ("number", "1,234.56"), ("duration", "hh:mm"), ("duration", "iso")],
    "money": [("number", "1.234,56"), ("number", "1,234.56")],
    "currency": [("upper", "")],
    "country": [("country_code", "")],
    "language": [("language_code", "")],
    "email": [("email", "")],
    "boolean": [("choose", "yes = true; no = false"), ("choose", "1 = true; 0 = false")],
}  # fmt: skip
# Types whose values say a lot: a text that is an e-mail address is one.
_TELLING = ("date", "datetime", "email", "boolean", "currency", "country")


class Wanted(NamedTuple):
    """A canonical field that is not mapped yet."""

    name: str
    label: str
    kind: str


class Suggestion(NamedTuple):
    """A line that would map ``field``, with how sure it is (0 to 1) and the value that it reads."""

    field: str
    path: str
    transform: str
    argument: str
    score: float
    value: Any


def leaves(payload: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Paths of all values of a payload; of a list, those of its first entry."""
    if depth > MAX_DEPTH:
        return
    if isinstance(payload, dict):
        for key, value in payload.items():
            quoted = key if _NAME.fullmatch(key) else json.dumps(key, ensure_ascii=False)
            yield from leaves(value, f"{path}.{quoted}" if path else quoted, depth + 1)
    elif isinstance(payload, list):
        if path:
            yield path, payload
        if payload:
            yield from leaves(payload[0], f"{path}[0]", depth + 1)
    elif path:
        yield path, payload


def _words(name):
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", spaced.casefold()))


def _likeness(field, path):
    keys = [_words(key) for key in path.split(".")]
    last = keys[-1]
    best = 0.0
    for name in {_words(field.name), _words(field.label)}:
        for found in (last, " ".join(keys[-2:])):
            if name == found:
                return 1.0
            ratio = SequenceMatcher(None, name, found, autojunk=False).ratio()
            if name in found.split():
                ratio = max(ratio, 0.8)
            best = max(best, ratio)
    return best


def _fit(field, path, payload):
    """The first transform that makes a value of the field's type, with that value."""
    base = field.kind.partition(":")[0]
    for transform, argument in [("none", ""), *_TRANSFORMS.get(base, ())]:
        line = Line(field.name, field.kind, path, transform, argument)
        values, problems = CompiledMapping([line]).canonical(payload)
        value = values.get(field.name)
        if not problems and value not in (None, []):
            if base == "country" and len(str(value)) != 2:
                continue
            return transform, argument, value
    return None


def suggest(fields: Sequence[Wanted], payload: Any, taken: Sequence[str] = ()) -> list[Suggestion]:
    """The best path for each field, the surest first; none where nothing resembles.

    :param taken: paths that other lines read already.
    """
    found = []
    paths = [path for path, _value in _first(leaves(payload)) if path not in taken]
    for field in fields:
        if field.kind.startswith("lines"):
            continue
        best = None
        for path in paths:
            likeness = _likeness(field, path)
            if likeness < LEAST or (best and likeness <= best.score):
                continue
            fit = _fit(field, path, payload)
            if fit:
                telling = field.kind in _TELLING
                score = min(1.0, likeness + (0.1 if telling else 0.0))
                best = Suggestion(field.name, path, fit[0], fit[1], round(score, 2), fit[2])
        if best:
            found.append(best)
    return sorted(found, key=lambda suggestion: -suggestion.score)


def _first(pairs: Iterator[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The first :data:`MAX_LEAVES` of many."""
    return [pair for pair, _number in zip(pairs, range(MAX_LEAVES), strict=False)]
