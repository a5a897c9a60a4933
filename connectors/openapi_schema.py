"""Schemas of an OpenAPI file: references followed a limited way, and records made from them."""

from __future__ import annotations

from typing import Any

MAX_HOPS = 20
MAX_DEPTH = 5
MAX_PROPERTIES = 150
SAMPLE_DEPTH = 3


class Schemas:
    """What ``$ref`` stands for, inside the file only.

    :attr foreign: references that lead out of the file; they are not followed.
    """

    def __init__(self, document: dict):
        self.document = document
        self.foreign: set[str] = set()

    def get(self, node: Any) -> dict:
        """The object itself or what its reference leads to; {} for everything else, cycles too."""
        for _hop in range(MAX_HOPS):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            if not reference.startswith("#/"):
                self.foreign.add(reference[:200])
                return {}
            node = self.document
            for step in reference[2:].split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                node = node.get(step) if isinstance(node, dict) else None
        return {}


def properties(schemas: Schemas, schema: Any, depth: int = 0) -> dict[str, dict]:
    """Properties of an object, those of its parts (``allOf``; of alternatives the first) included."""
    schema = schemas.get(schema)
    if depth > MAX_DEPTH:
        return {}
    found: dict[str, dict] = {}
    for part in schema.get("allOf") or ():
        found |= properties(schemas, part, depth + 1)
    for name in ("oneOf", "anyOf"):
        parts = [part for part in schema.get(name) or () if schemas.get(part)]
        if parts:
            found |= properties(schemas, parts[0], depth + 1)
    own = schema.get("properties")
    for name, one in (own if isinstance(own, dict) else {}).items():
        if len(found) < MAX_PROPERTIES:
            found[str(name)] = schemas.get(one)
    return found


def sample(schemas: Schemas, schema: Any, depth: int = 0) -> Any:
    """A record as its schema describes it: its example, else a value of its type."""
    schema = schemas.get(schema)
    for name in ("example", "default", "const"):
        if schema.get(name) is not None and not isinstance(schema[name], (dict, list)):
            return schema[name]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    fields = properties(schemas, schema)
    if fields:
        if depth >= SAMPLE_DEPTH:
            return {}
        return {name: sample(schemas, one, depth + 1) for name, one in fields.items()}
    return _value(schemas, schema, depth)


def _value(schemas: Schemas, schema: dict, depth: int) -> Any:
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    if kind == "array":
        return [sample(schemas, schema.get("items"), depth + 1)] if depth < SAMPLE_DEPTH else []
    if kind in ("integer", "number"):
        return 1
    if kind == "boolean":
        return True
    if kind == "object":
        return {}
    return {
        "date": "2026-01-31",
        "date-time": "2026-01-31T09:00:00Z",
        "email": "ann@example.com",
        "uri": "https://www.example.com",
        "uuid": "00000000-0000-4000-8000-000000000001",
    }.get(str(schema.get("format")), "text")
