"""An admin's own expression on plain data: a small language, read with Python's grammar.

Nothing of Python is evaluated. The text is parsed, each node is looked up in a whitelist, and only
what is listed becomes a function. There are no attributes, so nothing leads from a value to a class
or a module; no loops, so it ends; and every result is bounded, so it cannot fill the memory.

``value`` is what the line's path found, ``record`` the whole payload. Numbers are exact decimals.
"""

import ast
import operator
from collections.abc import Callable
from decimal import Decimal, DecimalException
from functools import lru_cache
from typing import Any

from .expression_functions import (
    FUNCTIONS,
    MAX_ITEMS,
    MAX_TEXT,
    NUMBERS,
    Failed,
    number,
    plain_in,
    whole,
)
from .paths import reader
from .problem import Problem

MAX_LENGTH = 500  # characters of an expression
MAX_NODES = 150
MAX_DEPTH = 25
MAX_WORK = 200_000  # characters and items touched by one evaluation: the limit of its time


class _Run:
    """One evaluation: the names it may read, and how much work it has left."""

    __slots__ = ("names", "work")

    def __init__(self, value, record):
        self.names = {"value": value, "record": record}
        self.work = MAX_WORK

    def spend(self, *values):
        for value in values:
            self.work -= 1 + (len(value) if isinstance(value, (str, list, dict)) else 0)
        if self.work < 0:
            raise Failed("too_long")


def _refused(text, why):
    return Problem("bad_expression", kind="schema", cause=text[:40], text=text[:80], why=why)


@lru_cache(maxsize=512)
def compile_expression(text: str) -> Callable[[Any, Any], Any]:
    """A function ``(value, record) -> value`` of an expression.

    :raise Problem: code ``bad_expression``; ``why`` is ``length``, ``syntax``, ``size`` or the
        kind of node that is not allowed.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH:
        raise _refused(text, "length")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _refused(text, "syntax") from error
    if sum(1 for _node in ast.walk(tree)) > MAX_NODES:
        raise _refused(text, "size")
    evaluate = _Compiler(text).node(tree, 0)

    def run(value, record):
        """:raise Failed: it does not fit these values, or would do too much."""
        work = _Run(plain_in(value), record)
        try:
            return evaluate(work)
        except (DecimalException, ArithmeticError) as error:
            raise Failed("number") from error
        except (TypeError, ValueError, KeyError, IndexError, RecursionError) as error:
            raise Failed("type") from error

    return run


class _Compiler:
    """Whitelisted nodes to functions of a run."""

    def __init__(self, text):
        self.text = text

    def node(self, node, depth):
        make = getattr(self, f"_{type(node).__name__}", None)
        if make is None:
            raise _refused(self.text, type(node).__name__)
        if depth > MAX_DEPTH:
            raise _refused(self.text, "size")
        return make(node, depth + 1)

    def _Constant(self, node, _depth):
        value = node.value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            # As it is written: 0.1 is a tenth, not the nearest binary fraction.
            written = ast.get_source_segment(self.text, node) or ""
            try:
                value = number(Decimal(written))
            except (Failed, DecimalException) as error:
                raise _refused(self.text, "number") from error
        elif not (value is None or isinstance(value, (bool, str))):
            raise _refused(self.text, type(value).__name__)
        return lambda run: value

    def _Name(self, node, _depth):
        name = node.id
        if name not in ("value", "record"):
            raise _refused(self.text, f"name {name[:30]}")
        return lambda run: run.names[name]

    def _List(self, node, depth):
        parts = [self.node(part, depth) for part in node.elts]

        def make(run):
            values = [part(run) for part in parts]
            run.spend(values)
            return values

        return make

    def _BoolOp(self, node, depth):
        parts = [self.node(part, depth) for part in node.values]
        is_and = isinstance(node.op, ast.And)

        def make(run):
            value = None
            for part in parts:
                value = part(run)
                if bool(value) != is_and:
                    break
            return value

        return make

    def _UnaryOp(self, node, depth):
        operand = self.node(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda run: not operand(run)
        if isinstance(node.op, ast.USub):
            return lambda run: NUMBERS.minus(number(operand(run)))
        if isinstance(node.op, ast.UAdd):
            return lambda run: number(operand(run))
        raise _refused(self.text, type(node.op).__name__)

    def _BinOp(self, node, depth):
        left, right = self.node(node.left, depth), self.node(node.right, depth)
        combine = _ARITHMETIC.get(type(node.op))
        if combine is None:
            raise _refused(self.text, type(node.op).__name__)
        adds = isinstance(node.op, ast.Add)

        def make(run):
            one, other = left(run), right(run)
            if adds and isinstance(one, (str, list)) and type(one) is type(other):
                if len(one) + len(other) > (MAX_TEXT if isinstance(one, str) else MAX_ITEMS):
                    raise Failed("too_long")
                run.spend(one, other)
                return one + other
            run.spend(None)
            # Only numbers: `"x" * 10**9` fills the memory, `"%999999999d" % 1` as well.
            return number(combine(number(one), number(other)))

        return make

    def _Compare(self, node, depth):
        first = self.node(node.left, depth)
        rest = []
        for op, part in zip(node.ops, node.comparators, strict=True):
            compare = _COMPARISON.get(type(op))
            if compare is None:
                raise _refused(self.text, type(op).__name__)
            rest.append((compare, self.node(part, depth)))

        def make(run):
            left = first(run)
            for compare, part in rest:
                right = part(run)
                run.spend(left, right)
                if not compare(plain_in(left), plain_in(right)):
                    return False
                left = right
            return True

        return make

    def _IfExp(self, node, depth):
        test = self.node(node.test, depth)
        yes, no = self.node(node.body, depth), self.node(node.orelse, depth)
        return lambda run: yes(run) if test(run) else no(run)

    def _Subscript(self, node, depth):
        container = self.node(node.value, depth)
        if isinstance(node.slice, ast.Slice):
            return self._slice(container, node.slice, depth)
        index = self.node(node.slice, depth)

        def make(run):
            value, key = container(run), index(run)
            run.spend(None)
            if isinstance(value, dict):
                return value.get(key) if isinstance(key, str) else None
            if isinstance(value, (list, str)):
                place = whole(key)
                return value[place] if -len(value) <= place < len(value) else None
            return None

        return make

    def _slice(self, container, node, depth):
        if node.step is not None:
            raise _refused(self.text, "step")
        lower = self.node(node.lower, depth) if node.lower else None
        upper = self.node(node.upper, depth) if node.upper else None

        def make(run):
            value = container(run)
            if not isinstance(value, (str, list)):
                raise Failed("type")
            run.spend(value)
            return value[
                whole(lower(run)) if lower else None : whole(upper(run)) if upper else None
            ]

        return make

    def _Call(self, node, depth):
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise _refused(self.text, "call")
        name = node.func.id
        if name == "find":
            return self._find(node, depth)
        entry = FUNCTIONS.get(name)
        if entry is None:
            raise _refused(self.text, f"function {name[:30]}")
        function, least, most = entry
        if not least <= len(node.args) <= most:
            raise _refused(self.text, f"arguments of {name}")
        parts = [self.node(part, depth) for part in node.args]

        def make(run):
            values = [part(run) for part in parts]
            run.spend(*values)
            result = function(*values)
            run.spend(result)
            return result

        return make

    def _find(self, node, _depth):
        """``find("a.b[0]")``: a JMESPath into the record, checked when the line is saved."""
        only = node.args[0] if len(node.args) == 1 else None
        if not (isinstance(only, ast.Constant) and isinstance(only.value, str)):
            raise _refused(self.text, "arguments of find")
        read = reader(only.value)

        def make(run):
            found = read(run.names["record"])
            run.spend(found)
            return found

        return make


_ARITHMETIC = {
    ast.Add: NUMBERS.add,
    ast.Sub: NUMBERS.subtract,
    ast.Mult: NUMBERS.multiply,
    ast.Div: NUMBERS.divide,
    ast.FloorDiv: NUMBERS.divide_int,
    ast.Mod: NUMBERS.remainder,
}


def _contains(item, container):
    if isinstance(container, (str, list, dict)):
        return item in container
    raise Failed("type")


_COMPARISON = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: _contains,
    ast.NotIn: lambda item, container: not _contains(item, container),
}
