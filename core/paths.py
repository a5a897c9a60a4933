"""Paths into a payload: JMESPath, checked once, and read fast where they are plain."""

import re
from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import jmespath

from .problem import Problem

MAX_PATH = 300
MAX_NODES = 80
MAX_FLATTENED = 3
MAX_GROWTH = 64  # how often what is read may stand in a result

# ``a.b[0].c``: most paths of most mappings. A walk costs a tenth of JMESPath's own tree of visits.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[-?\d{1,6}\]|\.[A-Za-z_][A-Za-z0-9_]*)*")
_WRITABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|-?\d+")
# steps of an expression whose further parts do not read the record itself
_OF_ITS_LEFT = frozenset(
    [
        "subexpression",
        "index_expression",
        "pipe",
        "projection",
        "value_projection",
        "filter_projection",
    ]
)
# JMESPath's functions let some of Python's own errors through on values that they do not expect.
_FAULTS = (
    jmespath.exceptions.JMESPathError,
    ArithmeticError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


def _bad_path(path):
    return Problem("bad_path", kind="schema", cause=path[:40], path=path[:80])


@lru_cache(maxsize=1024)
def _parsed(path: str):
    if len(path) > MAX_PATH:
        raise _bad_path(path)
    try:
        compiled = jmespath.compile(path)
    except jmespath.exceptions.JMESPathError as error:
        raise _bad_path(path) from error
    nodes, flattened = _size(compiled.parsed)
    if nodes > MAX_NODES or flattened > MAX_FLATTENED or _growth(compiled.parsed) > MAX_GROWTH:
        raise _bad_path(path)
    return compiled


def compile_path(path: str):
    """A checked JMESPath expression.

    :raise Problem: code ``bad_path``: too long or too involved, or not a JMESPath expression.
    """
    return _parsed(path)


def _size(tree: dict) -> tuple[int, int]:
    """Nodes of an expression, and how often it flattens: each ``[@, @][]`` doubles its result."""
    nodes, flattened, stack = 0, 0, [tree]
    while stack:
        node = stack.pop()
        nodes += 1
        flattened += node["type"] == "flatten"
        stack += [child for child in node["children"] if isinstance(child, dict)]
    return nodes, flattened


def _growth(tree: dict) -> int:
    """How many times over an expression can hold what it reads, at most, in any step of it.

    ``[@, @] | [@, @]`` holds it four times, ``{a: x, b: y}`` twice.
    """
    kind, children = tree["type"], [c for c in tree["children"] if isinstance(c, dict)]
    parts = [_growth(child) for child in children]
    if kind == "function_expression":
        name = tree["value"]
        if name == "join" and children and children[0]["type"] != "literal":
            return MAX_GROWTH + 1  # between any two texts of a list the same long one
        if name == "to_string":
            return 2 * sum(parts)  # each quote and backslash gets a backslash before it
        if name != "map":
            return max(1, sum(parts))
    if kind in ("multi_select_list", "multi_select_dict"):
        return max(1, sum(parts))
    return prod(max(1, part) for part in parts)


def reader(path: str) -> Callable[[Any], Any]:
    """A function that reads ``path`` out of a payload; ``None`` where there is nothing.

    :raise Problem: code ``bad_path``, here for a path that is none, from the function for one that
        does not fit the payload (a function of JMESPath on a value of another type).
    """
    compiled = compile_path(path)
    if not _PLAIN.fullmatch(path):

        def search(payload):
            try:
                return compiled.search(payload)
            except _FAULTS as error:
                raise _bad_path(path) from error

        return search
    steps = [int(step) if step[0] in "-0123456789" else step for step in _STEP.findall(path)]
    if len(steps) == 1:
        only = steps[0]
        return lambda payload: payload.get(only) if isinstance(payload, dict) else None

    def walk(payload):
        value = payload
        for step in steps:
            if isinstance(step, str):
                if not isinstance(value, dict):
                    return None
                value = value.get(step)
            elif isinstance(value, list) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    return walk


def is_writable(path: str) -> bool:
    """Whether a value can be put at ``path``: keys and nothing else."""
    return bool(_WRITABLE.fullmatch(path))


def keys_read(path: str) -> list[str]:
    """Which columns of a table an expression reads, in order: ``a.b`` is one, ``[first, "Last Name"] | [?@]`` reads
    two. What stands in a list of the record is in no column.

    :raise Problem: ``bad_path``.
    """
    found, stack = [], [compile_path(path).parsed]
    while stack:
        node = stack.pop()
        children = [child for child in node["children"] if isinstance(child, dict)]
        keys = _keys(node)
        if keys:
            found.append(".".join(keys))
            continue
        if node["type"] in _OF_ITS_LEFT:
            # the rest reads what the first part has found
            children = [] if node["type"] != "pipe" and _keys(children[0]) else children[:1]
        stack += reversed(children)
    return list(dict.fromkeys(found))


def _keys(node: dict) -> list[str]:
    """The keys of a plain path; nothing where it is more than keys."""
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] != "subexpression":
        return []
    parts = [_keys(child) for child in node["children"]]
    keys = [key for part in parts for key in part]
    return keys if all(parts) and is_writable(".".join(keys)) else []


def leaves(value: Any, path: str) -> dict[str, Any]:
    """``{path: value}`` of what stands in nested keys and lists; what is empty is a leaf itself."""
    if isinstance(value, dict):
        parts = [(f"{path}.{key}", part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{place}]", part) for place, part in enumerate(value)]
    else:
        parts = []
    if not parts:
        return {path: value}
    return {name: leaf for below, part in parts for name, leaf in leaves(part, below).items()}


def put(record: dict, path: str, value: Any) -> None:
    """Put ``value`` at a dotted path of keys, made where they are missing.

    :raise Problem: ``bad_path``: a value stands where the path needs keys.
    """
    *parents, leaf = path.split(".")
    for key in parents:
        record = record.setdefault(key, {})
        if not isinstance(record, dict):
            raise _bad_path(path)
    record[leaf] = value
