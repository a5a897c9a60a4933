"""The shape of a source's payloads: which paths there are, of which types; and how it drifts.

No value is kept, only paths and types.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from .suggest import MAX_LEAVES, leaves

ENOUGH = 20  # payloads before anything is said of what is new or gone
ALWAYS = 0.95  # share of payloads in which a path counts as always there


class Drift(NamedTuple):
    """One difference. ``change`` is ``appeared``, ``vanished`` or ``type``."""

    path: str
    change: str
    was: str
    now: str


def shape(payload: Any) -> dict[str, str]:
    """``{path: type}`` of the values of a payload; of a list, those of its first entry."""
    found = {}
    for path, value in leaves(payload):
        found[path] = _type(value)
        if len(found) >= MAX_LEAVES:
            break
    return found


def _type(value):
    if value is None or value == "":
        return "empty"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    return "list" if isinstance(value, list) else "text"


def learn(known: Mapping[str, Any], shapes: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """What is known after some more payloads: ``{"count": n, "paths": {path: [seen, [types]]}}``."""
    paths = {path: [seen, list(types)] for path, (seen, types) in known.get("paths", {}).items()}
    for one in shapes:
        for path, kind in one.items():
            entry = paths.setdefault(path, [0, []])
            entry[0] += 1
            if kind != "empty" and kind not in entry[1]:
                entry[1].append(kind)
    return {"count": known.get("count", 0) + len(shapes), "paths": paths}


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    paths = {path: [seen, list(types)] for path, (seen, types) in one.get("paths", {}).items()}
    for path, (seen, types) in other.get("paths", {}).items():
        entry = paths.setdefault(path, [0, []])
        entry[0] += seen
        entry[1] += [kind for kind in types if kind not in entry[1]]
    return {"count": one.get("count", 0) + other.get("count", 0), "paths": paths}


def look(
    known: Mapping[str, Any], recent: Mapping[str, Any], shapes: Sequence[Mapping[str, str]]
) -> tuple[list[Drift], dict[str, Any], dict[str, Any]]:
    """How new payloads differ from what is known.

    What is new or of another type is said of the first payload that has it; what is gone, once :data:`ENOUGH`
    payloads came without it, in however many looks. Nothing is said before :data:`ENOUGH` payloads are known.

    :param known: as :func:`learn` gives it; ``recent``, the same of payloads since what is gone was judged last.
    :return: ``(differences, known, recent)``, the last two for the next look.
    """
    result = _new(_together(known, recent), shapes)
    recent = learn(recent, shapes)
    if recent["count"] >= ENOUGH:
        result += _gone(known, recent)
        known, recent = _together(known, recent), {}
    return sorted(result), dict(known), recent


def _new(known, shapes):
    if known["count"] < ENOUGH:
        return []
    result, paths = [], known["paths"]
    for path, (_seen, types) in learn({}, shapes)["paths"].items():
        if path not in paths:
            result.append(Drift(path, "appeared", "", ", ".join(types)))
            continue
        before = paths[path][1]
        if before and (strange := [kind for kind in types if kind not in before]):
            result.append(Drift(path, "type", ", ".join(before), ", ".join(strange)))
    return result


def _gone(known, recent):
    count = known.get("count", 0)
    if count < ENOUGH:
        return []
    return [
        Drift(path, "vanished", ", ".join(types), "")
        for path, (seen, types) in known["paths"].items()
        if seen >= ALWAYS * count and path not in recent["paths"]
    ]
