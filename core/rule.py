"""Validation rules on canonical values: what a record has to be like before it moves.

A rule says what is *right*; a record that is not gives a :class:`Finding`. Rules are compiled once for
each change of them and judge plain data: numbers as exact decimals, days and times as ISO text, terms and
references as their codes and ids, lines as lists of such records. What is blank is judged by ``present``
alone: a range or a comparison says nothing about a value that is not there.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, DecimalException
from typing import Any, NamedTuple

from .expression import compile_expression
from .expression_functions import Failed
from .facts import DAYS, NUMBERS, placeholders, shown
from .problem import Problem

TESTS = ("present", "range", "words", "compare", "sum", "others", "points", "expression")
ASKING = ("others", "points")  # what only Odoo can answer
EFFECTS = ("block", "hold", "warn")
UNMAPPED = "unmapped"  # why a rule could not be judged: nothing tells the field that it is about
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_LIST = ("refs", "lines")
_TODAY = re.compile(r"today\s*(?:([+-])\s*(\d{1,4}))?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """One rule as it was entered.

    :attr id: names it; :attr effect: one of ``EFFECTS``.
    :attr field: canonical field that it is about, with its canonical type ``kind``; with ``part``, a field of
        each of the record's lines, which stand in the field ``part``.
    :attr least, most: bounds of a range: a number, an ISO day, or ``today``, ``today+30``, ``today-365``.
    :attr words: what the field may be.
    :attr operator, other, other_kind: the field that it is compared with; of ``sum``, the lines.
    :attr formula: an expression; of each line for ``sum`` (``value`` is the line), of the record for
        ``expression``. In every expression ``record`` is the whole record.
    :attr tolerance: how far a sum may be off, in the field's own unit.
    :attr when: an expression; the rule holds only for records for which it is true.
    :attr mapped: its fields come by a mapping: a record without one of them, not even blank, says nothing about it.
    :attr most_others: how many other records may stand beside this one (test ``others``).
    :attr sentence: what a person reads, with ``{fields}`` in it.
    """

    id: int
    test: str
    effect: str
    field: str = ""
    kind: str = "text"
    part: str = ""
    least: str = ""
    most: str = ""
    words: frozenset = frozenset()
    operator: str = "="
    other: str = ""
    other_kind: str = ""
    formula: str = ""
    tolerance: Decimal = Decimal(0)
    when: str = ""
    mapped: bool = False
    most_others: int = 0
    sentence: str = ""
    process: int | None = None
    company: int | None = None
    system: int | None = None


class Finding(NamedTuple):
    """A record is not as a rule wants it.

    :attr facts: what the sentence's placeholders stand for, as text.
    :attr failed: the rule itself could not be judged; why, as a machine word.
    """

    rule: Rule
    facts: dict
    failed: str = ""


def refused(code, **params):
    return Problem(code, kind="schema", **params)


def _blank(value):
    return value is None or value == "" or value == []


def _day(text: str) -> str:
    return str(text)[:10]


def _bound(kind: str, text: str) -> Callable[[date], Any] | None:
    """A bound of a range as a function of today; None where there is none.

    :raise Problem: ``rule_bad_bound``.
    """
    text = text.strip()
    if not text:
        return None
    if kind in DAYS:
        relative = _TODAY.fullmatch(text)
        if relative:
            sign, days = relative.groups()
            shift = timedelta(days=int(days or 0) * (-1 if sign == "-" else 1))
            return lambda today: (today + shift).isoformat()
        try:
            if not _DAY.fullmatch(text):
                raise ValueError
            fixed = date.fromisoformat(text).isoformat()
        except ValueError as error:
            raise refused("rule_bad_bound", value=text[:40], expected="date") from error
        return lambda _today: fixed
    try:
        number = Decimal(text)
    except DecimalException as error:
        raise refused("rule_bad_bound", value=text[:40], expected="number") from error
    if not number.is_finite():
        raise refused("rule_bad_bound", value=text[:40], expected="number")
    return lambda _today: number


def _group(kind: str) -> str:
    base = kind.partition(":")[0]
    return "number" if base in NUMBERS else "day" if base in DAYS else base


# -- compiling --------------------------------------------------------------------------------------


class Check:
    """A rule that is ready to judge.

    :raise Problem: on making it: what could not be judged for any record (``bad_expression``,
        ``rule_bad_bound``, ``rule_wrong_type``, ``rule_incomplete``).
    """

    def __init__(self, rule: Rule):
        self.rule = rule
        self._when = compile_expression(rule.when) if rule.when.strip() else None
        self._test = getattr(self, f"_{rule.test}")()
        self._named = placeholders(rule.sentence)

    def applies(self, company, process, system) -> bool:
        rule = self.rule
        return (
            rule.company in (None, company)
            and rule.process in (None, process)
            and rule.system in (None, system)
        )

    def judge(self, record: dict, today: date, answer: Any = None) -> Finding | None:
        """:param answer: what Odoo was asked for: how many other records there are (``others``), or what the
        record that the field points to lacks, as text (``points``). None where it was not asked."""
        try:
            if self._when is not None and not self._when(None, record):
                return None
            unmapped = self._unmapped(record) if self.rule.mapped else None
            if unmapped:
                return Finding(self.rule, {"field": unmapped}, UNMAPPED)
            wrong = self._test(record, today, answer)
        except Failed as error:
            return Finding(self.rule, {}, error.why)
        return None if wrong is None else Finding(self.rule, self._facts(record, wrong))

    def _unmapped(self, record):
        """The field that nothing tells, if there is one."""
        rule = self.rule
        wanted = [rule.part or rule.field, rule.other]
        missing = [name for name in wanted if name and name not in record]
        if not missing and rule.part:
            missing = [rule.field for line in record[rule.part] or () if rule.field not in line]
        return missing[0] if missing else None

    def concerns(self, record: dict) -> bool:
        """Whether ``judge`` needs an answer of Odoo."""
        name, part = self.rule.field, self.rule.part
        values = [line.get(name) for line in record.get(part) or ()] if part else [record.get(name)]
        try:
            return not all(map(_blank, values)) and (
                self._when is None or bool(self._when(None, record))
            )
        except Failed:
            return False

    def _facts(self, record, wrong):
        found = {name: record.get(name) for name in self._named} | wrong
        return {name: shown(found.get(name)) for name in self._named}

    # Each gives a function (record, today, answer) -> None, or what is wrong, by name.

    def _each(self, wrong_of):
        """``wrong_of`` of the field's value, or of that of each line."""
        name, part = self.rule.field, self.rule.part
        if not name:
            raise refused("rule_incomplete", what="field")
        if not part:
            return lambda record, today, _count: wrong_of(record.get(name), today)

        def test(record, today, _count):
            for line in record.get(part) or ():
                wrong = wrong_of(line.get(name), today)
                if wrong is not None:
                    return wrong
            return None

        return test

    def _present(self):
        return self._each(lambda value, _today: {"value": None} if _blank(value) else None)

    def _range(self):
        kind = self.rule.kind.partition(":")[0]
        if kind not in NUMBERS + DAYS:
            raise refused("rule_wrong_type", field=self.rule.field, expected="number or date")
        least, most = _bound(kind, self.rule.least), _bound(kind, self.rule.most)
        if least is None and most is None:
            raise refused("rule_incomplete", what="bound")
        some = date(2000, 1, 1)
        if least and most and least(some) > most(some) and _same_base(self.rule):
            raise refused("rule_empty_range", least=self.rule.least, most=self.rule.most)
        whole_day = kind in DAYS

        def wrong_of(value, today):
            if _blank(value):
                return None
            compared = _day(value) if whole_day else value
            low, high = least and least(today), most and most(today)
            if (low is None or compared >= low) and (high is None or compared <= high):
                return None
            return {"value": value, "least": low, "most": high}

        return self._each(wrong_of)

    def _words(self):
        allowed = self.rule.words
        if not allowed:
            raise refused("rule_incomplete", what="words")
        if self.rule.kind.partition(":")[0] in (*NUMBERS, *DAYS, *_LIST, "boolean"):
            raise refused("rule_wrong_type", field=self.rule.field, expected="text")

        def wrong_of(value, _today):
            return None if _blank(value) or str(value) in allowed else {"value": value}

        return self._each(wrong_of)

    def _compare(self):
        rule = self.rule
        if rule.operator not in OPERATORS or not rule.other:
            raise refused("rule_incomplete", what="other field")
        group = _group(rule.kind)
        ordered = rule.operator not in ("=", "!=")
        if group != _group(rule.other_kind) or (ordered and group not in ("number", "day")):
            raise refused("rule_wrong_type", field=rule.other, expected=rule.kind)
        if rule.part or group in _LIST:
            raise refused("rule_wrong_type", field=rule.field, expected="number or date")
        whole_day = group == "day" and rule.kind != rule.other_kind
        compare = _COMPARE[rule.operator]

        def test(record, _today, _count):
            one, other = record.get(rule.field), record.get(rule.other)
            if _blank(one) or _blank(other):
                return None
            pair = (_day(one), _day(other)) if whole_day else (one, other)
            return None if compare(*pair) else {"value": one, "other": other}

        return test

    def _sum(self):
        rule = self.rule
        if _group(rule.kind) != "number" or rule.part:
            raise refused("rule_wrong_type", field=rule.field, expected="number")
        if rule.other_kind.partition(":")[0] != "lines":
            raise refused("rule_wrong_type", field=rule.other, expected="lines")
        if not rule.formula.strip():
            raise refused("rule_incomplete", what="formula")
        if rule.operator not in OPERATORS:
            raise refused("rule_incomplete", what="operator")
        amount_of, right = compile_expression(rule.formula), _within(rule.operator, rule.tolerance)

        def test(record, _today, _count):
            amount = record.get(rule.field)
            if _blank(amount):
                return None
            total = Decimal(0)
            for line in record.get(rule.other) or ():
                part = amount_of(line, record)
                if isinstance(part, bool) or not isinstance(part, (int, Decimal)):
                    raise Failed("type")
                total += part
            if right(amount, total):
                return None
            return {"value": amount, "sum": total}

        return test

    def _others(self):
        if not self.rule.field or self.rule.part:
            raise refused("rule_incomplete", what="field")

        def test(record, _today, count):
            if _blank(record.get(self.rule.field)) or count is None:
                return None
            if count <= self.rule.most_others:
                return None
            return {"value": record[self.rule.field], "count": count}

        return test

    def _points(self):
        if self.rule.kind.partition(":")[0] not in ("ref", "term"):
            raise refused("rule_wrong_type", field=self.rule.field, expected="ref or term")
        return lambda _record, _today, missing: {"value": missing} if missing else None

    def _expression(self):
        if not self.rule.formula.strip():
            raise refused("rule_incomplete", what="expression")
        holds = compile_expression(self.rule.formula)
        name = self.rule.field

        def test(record, _today, _count):
            value = record.get(name) if name else None
            result = holds(value, record)
            if not isinstance(result, bool):
                raise Failed("type")  # a rule that is never sure must not pass for one that holds
            return None if result else {"value": value}

        return test


_COMPARE = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def _within(operator, tolerance):
    """A comparison of two numbers that may be off by a tolerance."""
    compare = _COMPARE[operator]
    if operator in ("=", "!="):
        return lambda one, other: (abs(one - other) <= tolerance) == (operator == "=")
    slack = tolerance if operator in ("<", "<=") else -tolerance
    return lambda one, other: compare(one, other + slack)


def _same_base(rule):
    """Whether two bounds can be compared on any day: both fixed, or both counted from today."""
    return rule.least.strip().startswith("today") == rule.most.strip().startswith("today")


class Broken(Check):
    """A stored rule that no longer fits its entity: it says so for each record, and lets none pass."""

    def __init__(self, rule: Rule, why: str):
        self.rule, self._why = rule, why

    def judge(self, record, today, answer=None):
        return Finding(self.rule, {}, self._why)

    def concerns(self, record):
        return False


def compile_rules(rules: Iterable[Rule], strict: bool = True) -> tuple[Check, ...]:
    """Blocking rules first: what is stopped for good need not be held.

    :param strict: raise what :class:`Check` raises; else such a rule becomes :class:`Broken`.
    """
    return tuple(
        sorted(
            (_compiled(rule, strict) for rule in rules),
            key=lambda check: EFFECTS.index(check.rule.effect),
        )
    )


def _compiled(rule, strict):
    try:
        return Check(rule)
    except Problem as problem:
        if strict:
            raise
        return Broken(rule, problem.code)
