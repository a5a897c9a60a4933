"""A canonical record as rules see it, and the sentences that are told of it."""

import re
from decimal import Decimal, DecimalException
from typing import Any

NUMBERS = ("decimal", "money", "integer")
DAYS = ("date", "datetime")
MAX_SHOWN = 120  # characters of a value in a sentence
_PLACEHOLDER = re.compile(r"\{(\w{1,60})\}")


def typed(kind: str, value: Any) -> Any:
    """A plain canonical value (``core.merge.plain``) as rules compare it: numbers exact, days as text."""
    if value is None or value == "" or value == []:
        return None
    base = kind.partition(":")[0]
    if base in NUMBERS:
        try:
            number = value if isinstance(value, Decimal) else Decimal(str(value))
        except DecimalException:
            return None
        return number if number.is_finite() else None
    if base in DAYS:
        return str(value)
    return value


def facts_of(values: dict, kinds: dict) -> dict:
    """A record that rules can judge.

    :param values: plain canonical values; :param kinds: ``{field: type}``, and for fields with lines
        ``{field: {field of a line: type}}``.
    """
    record = {}
    for name, value in values.items():
        kind = kinds.get(name, "text")
        if isinstance(kind, dict):
            record[name] = [
                facts_of(line, kind) for line in value or () if isinstance(line, dict)
            ] or None
        else:
            record[name] = typed(kind, value)
    return record


def shown(value) -> str:
    """A value as a sentence says it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list):
        return str(len(value))
    return str(value)[:MAX_SHOWN]


def placeholders(text: str) -> frozenset:
    """Names in braces; nothing else of Python's formatting is known."""
    return frozenset(_PLACEHOLDER.findall(text or ""))


def fill(text: str, facts: dict) -> str:
    """A sentence with its placeholders replaced; one without a value becomes "…"."""
    return _PLACEHOLDER.sub(lambda found: str(facts.get(found[1]) or "…"), text or "")
