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


def compare(known: Mapping[str, Any], shapes: Sequence[Mapping[str, str]]) -> list[Drift]:
    """How new payloads differ from what is known; nothing before :data:`ENOUGH` payloads are."""
    count = known.get("count", 0)
    if count < ENOUGH or not shapes:
        return []
    paths, found = known["paths"], learn({}, shapes)["paths"]
    result = []
    for path, (_seen, types) in found.items():
        if path not in paths:
            result.append(Drift(path, "appeared", "", ", ".join(types)))
            continue
        before = paths[path][1]
        if before and (strange := [kind for kind in types if kind not in before]):
            result.append(Drift(path, "type", ", ".join(before), ", ".join(strange)))
    if len(shapes) >= ENOUGH:
        result += [
            Drift(path, "vanished", ", ".join(types), "")
            for path, (seen, types) in paths.items()
            if seen >= ALWAYS * count and path not in found
        ]
    return sorted(result)
