"""What another program pushes: the body of a call, item by item, judged by the published schema. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker

from .brief import brief
from .problem import Problem
from .schema import to_datetime

MOST_ITEMS = 1000
ACTIONS = ("change", "delete", "merge")
_KEY = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^\S(.*\S)?$"}

# One item of a call, without its ``data``; published with the description of the interface.
ENVELOPE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "external_id": {**_KEY, "title": "The record's id in the system that pushes it"},
        "idempotency_key": {
            **_KEY,
            "title": "Names this change: what is pushed again under the same key has no second effect",
        },
        "action": {"enum": list(ACTIONS), "default": "change"},
        "changed_at": {
            "type": "string",
            "format": "date-time",
            "title": "When the record changed there; what is older than what was applied is left out",
        },
        "merged_into": {**_KEY, "title": "With the action merge: the id that goes on"},
        "data": {"type": "object", "title": "The whole record; a field left out is empty"},
    },
    "required": ["external_id"],
    "additionalProperties": False,
}

# what a body calls the version of the schema that its items were made for
VERSION = "schema_version"
MOST_VERSION = 999_999_999


def version_of(body: Any) -> int | None:
    """The version of the schema that a body names; None if it names none.

    :raise Problem: ``bad_value``: it is no number of a version.
    """
    number = body.get(VERSION) if isinstance(body, dict) else None
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= MOST_VERSION:
        raise Problem("bad_value", field=VERSION, value=brief(number, 80), expected="whole number")
    return number


FORMATS = FormatChecker(formats=())


@FORMATS.checks("date", raises=ValueError)
def _is_date(value):
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@FORMATS.checks("date-time", raises=Problem)
def _is_moment(value):
    """RFC 3339: a moment names its zone, so nothing is guessed."""
    if not isinstance(value, str):
        return True
    clock = value[11:]
    zoned = clock.endswith("Z") or "+" in clock or "-" in clock
    return value[10:11] == "T" and zoned and bool(to_datetime("", value))


class Pushed(NamedTuple):
    """One item that is good.

    :param key: its idempotency key; None if the item names none.
    """

    index: int
    external_id: str
    key: str | None
    action: str
    changed_at: datetime | None
    merged_into: str | None
    data: dict


class Refused(NamedTuple):
    """One item that is not taken; ``field`` is the path of what is wrong with it, if one is."""

    index: int
    external_id: str | None
    field: str | None
    problem: Problem


class Judge:
    """Judges items of one entity.

    :param schema: JSON Schema of what the entity takes (``core.published.inbound``).
    """

    def __init__(self, schema: Mapping[str, Any]):
        self._data = Draft202012Validator(schema, format_checker=FORMATS)
        self._envelope = Draft202012Validator(ENVELOPE, format_checker=FORMATS)

    def items(self, body: Any) -> list[Pushed | Refused]:
        """Each item of a body, in order.

        :param body: ``{"items": […]}``, read from JSON, with or without a ``schema_version``.
        :raise Problem: ``push_shape``: it is no such object; ``push_too_many``.
        """
        if not isinstance(body, dict) or body.keys() - {VERSION} != {"items"}:
            raise Problem("push_shape", kind="schema")
        items = body["items"]
        if not isinstance(items, list) or not items:
            raise Problem("push_shape", kind="schema")
        if len(items) > MOST_ITEMS:
            raise Problem("push_too_many", count=len(items), limit=MOST_ITEMS)
        return [self._item(index, item) for index, item in enumerate(items)]

    def _item(self, index, item):
        key = item.get("external_id") if isinstance(item, dict) else None
        key = key if isinstance(key, str) else None
        if not self._envelope.is_valid(item):
            return Refused(index, key, *_explained(self._envelope, item, ""))
        action = item.get("action", "change")
        for name, wanted in (("data", "change"), ("merged_into", "merge")):
            if (name in item) != (action == wanted):
                code = "missing_value" if action == wanted else "unknown_field"
                return Refused(index, key, name, Problem(code, cause=name, field=name))
        data = item.get("data", {})
        if action == "change" and not self._data.is_valid(data):
            return Refused(index, key, *_explained(self._data, data, "data"))
        moment = item.get("changed_at")
        return Pushed(
            index,
            key,
            item.get("idempotency_key"),
            action,
            to_datetime("changed_at", moment) if moment else None,
            item.get("merged_into"),
            data,
        )


# what should be there, by the canonical type, in the words that sentences know
_EXPECTED = {
    "decimal": "number as text",
    "money": "number as text",
    "integer": "whole number",
    "date": "date",
    "datetime": "date and time",
    "boolean": "true or false",
    "currency": "currency code",
    "email": "e-mail address",
    "url": "web address",
    "refs": "list",
    "lines": "list",
}


def _explained(validator, value, place):
    """``(field, Problem)`` of the first thing that is wrong, by its place in the value."""
    errors = validator.iter_errors(value)
    error = min(errors, key=lambda e: ([str(step) for step in e.absolute_path], e.validator))
    steps = [place] if place else []
    for step in error.absolute_path:
        steps.append(f"[{step}]" if isinstance(step, int) else str(step))
    if error.validator == "required":
        steps.append(next(n for n in error.validator_value if n not in error.instance))
    elif error.validator == "additionalProperties":
        steps.append(brief(sorted(set(error.instance) - set(error.schema["properties"]))[0], 80))
    field = ".".join(steps).replace(".[", "[") or None
    return field, _problem(error, field or "item")


def _problem(error, field):
    kind, found = error.validator, error.instance
    if kind == "required" or found is None or found in ("", []):
        return Problem("missing_value", cause=field, field=field)
    if kind == "additionalProperties":
        return Problem("unknown_field", cause=field, field=field)
    if kind == "maxLength":
        limit = error.validator_value
        return Problem("too_long", cause=field, field=field, length=len(found), limit=limit)
    base = error.schema.get("x-hub-kind", "").partition(":")[0]
    expected = _EXPECTED.get(base, "text")
    if kind == "enum":
        expected = ", ".join(error.validator_value)
    elif error.schema.get("type") == "object":
        expected = "object"
    elif error.schema.get("format") == "date-time":
        expected = "date and time"
    return Problem("bad_value", cause=field, field=field, value=brief(found, 80), expected=expected)
