"""The canonical model as JSON Schema (2020-12): what another program may rely on.

A canonical record as JSON: amounts and numbers are text, so that no cent is lost in a float; days and
moments are ISO 8601; references are external ids and terms their codes.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from .schema import MAX_TEXT, WEB

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER = r"^[+-]?\d{1,18}(\.\d{1,12})?$"
_PHONE_TEXT = 64


class Field(NamedTuple):
    """What is published of a canonical field."""

    name: str
    label: str
    kind: str
    required: bool = False
    data_class: str = "internal"
    direction: str = "in"
    identity: bool = False
    unit: str = ""


def _text(limit):
    return {"type": "string", "minLength": 1, "maxLength": limit}


_TYPES: dict[str, dict] = {
    "text": _text(MAX_TEXT),
    "integer": {"type": "integer", "minimum": -(2**31) + 1, "maximum": 2**31 - 1},
    "decimal": {"type": "string", "pattern": _NUMBER},
    "money": {"type": "string", "pattern": _NUMBER},
    "date": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "datetime": {"type": "string", "format": "date-time"},
    "boolean": {"type": "boolean"},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "email": {
        "type": "string",
        "maxLength": 254,
        "pattern": r"^[^@\s<>\"A-Z]+@[^@\s<>\"A-Z]+\.[^@\s<>\"A-Z]+$",
    },
    "url": {**_text(1000), "pattern": f"^{WEB}$"},
    "phone": _text(_PHONE_TEXT),
    "country": _text(60),
    "language": _text(60),
    "vat": _text(40),
    "ref": _text(200),
    "term": _text(200),
    "refs": {"type": "array", "items": _text(200)},
}


def _of_field(field: Field) -> dict[str, Any]:
    base, _sep, target = field.kind.partition(":")
    if base == "lines":
        schema: dict[str, Any] = {"type": "array", "items": {"$ref": f"#/$defs/{target}"}}
    else:
        schema = dict(_TYPES[base])
    if field.required:
        if schema["type"] == "array":
            schema["minItems"] = 1
    else:
        schema["type"] = [schema["type"], "null"]
    schema["title"] = field.label
    schema["x-hub-kind"] = field.kind
    schema["x-hub-data-class"] = field.data_class
    schema["x-hub-direction"] = field.direction
    if field.identity:
        schema["x-hub-identity"] = True
    if field.unit:
        schema["x-hub-unit"] = field.unit
    return schema


def _object(fields: Sequence[Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _of_field(field) for field in fields},
        "required": sorted(f.name for f in fields if f.required and f.direction != "out"),
        "additionalProperties": False,
    }


def json_schema(
    entity: str, title: str, fields: Sequence[Field], lines: Mapping[str, Sequence[Field]]
) -> dict[str, Any]:
    """The schema of one entity.

    :param lines: fields of the line entities that ``fields`` point to, by entity.
    :return: JSON Schema 2020-12, without ``$id``: the version that it is published as gives it one.
    """
    schema = {"$schema": DIALECT, "title": title, "x-hub-entity": entity, **_object(fields)}
    if lines:
        schema["$defs"] = {name: _object(own) for name, own in sorted(lines.items())}
    return schema


def inbound(schema: Mapping[str, Any], mapped: Mapping[str, Set[str]]) -> dict[str, Any]:
    """The part of an entity's schema that may come in.

    :param mapped: names of the fields that are taken, by entity (line entities too). What is not
        among them, or only goes out, is no property: an item that has it is refused, not cut.
    """

    def part(entity, own):
        taken = mapped.get(entity, frozenset())
        properties = {
            name: field
            for name, field in own["properties"].items()
            if name in taken and field["x-hub-direction"] != "out"
        }
        required = [name for name in own["required"] if name in properties]
        return {**own, "properties": properties, "required": required}

    result = part(schema["x-hub-entity"], schema)
    if "$defs" in schema:
        result["$defs"] = {name: part(name, own) for name, own in schema["$defs"].items()}
    return result
