"""External payload ⇄ canonical record, by the lines that an admin edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal

import jmespath

from .problem import Problem
from .schema import coerce

MAX_PATH = 300
MAX_NODES = 80
MAX_FLATTENED = 3


@dataclass(frozen=True)
class Line:
    """One mapped field.

    :param path: JMESPath into the payload (inbound), or a dotted path of keys (outbound).
    :param transform: name in ``TRANSFORMS``; ``argument`` is its parameter.
    :param kind: canonical type of the field.
    """

    field: str
    kind: str
    path: str
    transform: str = "none"
    argument: str = ""
    required: bool = False


def compile_path(path: str):
    """A checked JMESPath expression.

    :raise Problem: code ``bad_path``: too long or too involved, or not a JMESPath expression.
    """
    if len(path) > MAX_PATH:
        raise Problem("bad_path", kind="schema", cause=path[:40], path=path[:80])
    try:
        compiled = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        raise Problem("bad_path", kind="schema", cause=path[:40], path=path[:80]) from error
    nodes, flattened = _size(compiled.parsed)
    if nodes > MAX_NODES or flattened > MAX_FLATTENED:
        raise Problem("bad_path", kind="schema", cause=path[:40], path=path[:80])
    return compiled


def _size(tree: dict) -> tuple[int, int]:
    """Nodes of an expression, and how often it flattens: each ``[@, @][]`` doubles its result."""
    nodes, flattened, stack = 0, 0, [tree]
    while stack:
        node = stack.pop()
        nodes += 1
        flattened += node["type"] == "flatten"
        stack += [child for child in node["children"] if isinstance(child, dict)]
    return nodes, flattened


def _minor_units(value, argument, payload):
    """Integer minor units to an amount. ``argument`` is the path of the currency."""
    code = str(jmespath.search(argument, payload) or "").upper() if argument else ""
    digits = 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem(
            "bad_value",
            cause="amount",
            field="amount",
            value=str(value)[:80],
            expected="minor units",
        )
    return Decimal(value).scaleb(-digits)


# Currencies without, or with three, decimals as Stripe's documentation "Supported currencies" lists them.
# fmt: off
ZERO_DECIMAL = frozenset([
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA",
    "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
])
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# fmt: on


def _epoch_seconds(value, _argument, _payload):
    try:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError
        return datetime.fromtimestamp(value, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise Problem(
            "bad_value", cause="time", field="time", value=str(value)[:80], expected="epoch seconds"
        ) from None


def _pair(value, argument, payload):
    """Two ids joined as ``<other>/<this>``: what names a task inside a project."""
    other = jmespath.search(argument, payload)
    return f"{other}/{value}" if value is not None and other is not None else None


TRANSFORMS = {
    "none": lambda value, argument, payload: value,
    "constant": lambda value, argument, payload: argument,
    "default": lambda value, argument, payload: argument if value in (None, "") else value,
    "lower": lambda value, argument, payload: value.lower() if isinstance(value, str) else value,
    "upper": lambda value, argument, payload: value.upper() if isinstance(value, str) else value,
    "minor_units": _minor_units,
    "epoch_seconds": _epoch_seconds,
    "pair": _pair,
    "join": lambda value, argument, payload: (
        (argument or " ").join(str(v) for v in value if v) if isinstance(value, list) else value
    ),
}


def to_canonical(
    lines: Sequence[Line], payload: dict, sub: Mapping[str, Sequence[Line]] | None = None
):
    """Map one payload.

    :param sub: lines of the line entities (``lines:<entity>`` fields), by entity name.
    :return: ``(values, problems)``: what could be mapped, and one Problem for each field that could
        not. All problems are reported together, so a person sees the whole record once.
    """
    sub = sub or {}
    values, problems = {}, []
    country = None
    for line in sorted(lines, key=lambda item: item.kind != "country"):
        try:
            raw = compile_path(line.path).search(payload) if line.path else None
            if raw is not None or line.transform in ("constant", "default"):
                raw = TRANSFORMS[line.transform](raw, line.argument, payload)
            base, _sep, target = line.kind.partition(":")
            if base == "lines":
                value = []
                if raw is not None and not isinstance(raw, list):
                    raise Problem(
                        "bad_value",
                        cause=line.field,
                        field=line.field,
                        value=str(raw)[:80],
                        expected="list",
                    )
                for entry in raw or []:
                    entry_values, entry_problems = to_canonical(sub.get(target, ()), entry, sub)
                    value.append(entry_values)
                    problems.extend(entry_problems)
            else:
                value = coerce(line.field, line.kind, raw, country)
            if line.kind == "country" and isinstance(value, str) and len(value) == 2:
                country = value.upper()
            if value in (None, []) and line.required:
                raise Problem("missing_value", cause=line.field, field=line.field, path=line.path)
            values[line.field] = value
        except jmespath.exceptions.JMESPathError:
            problems.append(
                Problem("bad_path", kind="schema", cause=line.field, path=line.path[:80])
            )
        except Problem as problem:
            problems.append(problem)
    return values, problems


def _external(value, transform):
    if value is None:
        return ""
    if transform == "epoch_ms" and isinstance(value, date):
        moment = datetime.combine(value, time.min, timezone.utc)
        return str(int(moment.timestamp() * 1000))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def to_external(lines: Sequence[Line], values: Mapping) -> dict:
    """Only what is mapped leaves. ``path`` is a dotted path of keys, made where missing."""
    result: dict = {}
    for line in lines:
        if line.field not in values:
            continue
        target = result
        *parents, leaf = line.path.split(".")
        for key in parents:
            target = target.setdefault(key, {})
        target[leaf] = _external(values[line.field], line.transform)
    return result
