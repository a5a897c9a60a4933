"""External payload ⇄ canonical record, by the lines that an admin edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .paths import compile_path, is_writable, put, reader
from .problem import Problem
from .schema import bad_value, coercer
from .transforms import TRANSFORMS, make
from .unfit import Unfit

__all__ = ["TRANSFORMS", "CompiledMapping", "Line", "compile_path", "to_canonical", "to_external"]


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

    def check(self, direction: str = "in") -> None:
        """Refuse what could not work for any payload.

        :raise Problem: ``bad_path``, ``bad_argument``, ``bad_expression``; outbound also
            ``not_reversible`` for a path that is more than keys or a transform without a way back.
        """
        if self.path:
            compile_path(self.path)
        outward = make(self.transform, self.argument)[1]
        if direction == "out" and (outward is None or not is_writable(self.path)):
            raise Problem(
                "not_reversible", kind="schema", cause=self.path[:40], path=self.path[:80],
                transform=self.transform,
            )  # fmt: skip


@dataclass(frozen=True)
class Explained:
    """What one line makes of one record: what stands at the path, the canonical value, or why not."""

    field: str
    raw: Any
    value: Any
    problem: Problem | None


class _Step:
    """A line, ready to be used for every record."""

    __slots__ = (
        "always",
        "coerce",
        "field",
        "inward",
        "kind",
        "line",
        "outward",
        "problem",
        "read",
        "target",
    )

    def __init__(self, line):
        self.line = line
        self.field, self.kind = line.field, line.kind
        self.problem = None
        base, _sep, self.target = line.kind.partition(":")
        self.coerce = None if base == "lines" else coercer(line.kind)
        self.always = TRANSFORMS[line.transform].always
        try:
            self.read = reader(line.path) if line.path else None
            self.inward, self.outward = make(line.transform, line.argument)
        except Problem as problem:
            self.problem = problem
        if self.problem is None and line.transform == "none":
            self.inward = None  # most lines: nothing to call

    def value(self, payload, country, mappings, problems):
        """The canonical value of this line in a payload.

        :raise Problem: it has none.
        """
        if self.problem is not None:
            raise _again(self.problem)
        raw = self.read(payload) if self.read is not None else None
        if self.inward is not None and (raw is not None or self.always):
            try:
                raw = self.inward(raw, payload)
            except Unfit as unfit:
                raise bad_value(self.field, raw, unfit.expected) from unfit
        if self.coerce is not None:
            return self.coerce(self.field, raw, country)
        return self._lines(raw, mappings, problems)

    def _lines(self, raw, mappings, problems):
        if raw is None:
            return []
        if not isinstance(raw, list):
            raise bad_value(self.field, raw, "list")
        below = mappings.get(self.target)
        result = []
        for entry in raw:
            values, found = below.canonical(entry) if below else ({}, [])
            result.append(values)
            problems.extend(found)
        return result


def _again(problem):
    """A problem of its own for each record; the stored one belongs to the line."""
    return Problem(problem.code, kind=problem.kind, cause=problem.cause, **problem.params)


class CompiledMapping:
    """Lines of one entity, checked and made ready once, then used for every payload.

    :param mappings: compiled mappings of the line entities (``lines:<entity>``), by entity name.
    """

    def __init__(
        self, lines: Sequence[Line], mappings: Mapping[str, "CompiledMapping"] | None = None
    ):
        # The country first: phone numbers of the same record are read by it.
        self._steps = [
            _Step(line) for line in sorted(lines, key=lambda line: line.kind != "country")
        ]
        self._mappings = {} if mappings is None else mappings

    @property
    def fields(self) -> frozenset:
        """Names of the canonical fields that are mapped."""
        return frozenset(step.field for step in self._steps)

    def canonical(self, payload: Any) -> tuple[dict, list[Problem]]:
        """Map one payload.

        :return: ``(values, problems)``: what could be mapped, and one Problem for each field that
            could not. All are reported together, so a person sees the whole record once.
        """
        values, problems, country = {}, [], None
        for step in self._steps:
            try:
                value = step.value(payload, country, self._mappings, problems)
            except Problem as problem:
                problems.append(problem)
                continue
            if step.kind == "country" and isinstance(value, str) and len(value) == 2:
                country = value.upper()
            if step.line.required and value in (None, []):
                problems.append(
                    Problem(
                        "missing_value", cause=step.field, field=step.field, path=step.line.path
                    )
                )
                continue
            values[step.field] = value
        return values, problems

    def explain(self, payload: Any) -> list[Explained]:
        """Line by line what becomes of a payload, for the editor."""
        values, problems = self.canonical(payload)
        by_field = {problem.params.get("field"): problem for problem in problems}
        result = []
        for step in self._steps:
            raw, problem = None, step.problem or by_field.get(step.field)
            try:
                raw = step.read(payload) if step.problem is None and step.read else None
            except Problem as error:
                problem = error
            if step.field not in values and problem is None:
                # Its problem names no field (an expression, a path): ask again, for this line alone.
                try:
                    step.value(payload, None, self._mappings, [])
                except Problem as error:
                    problem = error
            result.append(Explained(step.field, raw, values.get(step.field), problem))
        return result

    def external(self, values: Mapping) -> dict:
        """Only what is mapped leaves.

        :raise Problem: ``bad_value``: a value has no form at the other side; or the line is none
            that can be turned round.
        """
        result: dict = {}
        for step in self._outward:
            if step.field in values:
                self._put(step, values[step.field], result)
        return result

    def explain_external(self, values: Mapping) -> tuple[list[Explained], dict]:
        """Line by line what becomes of canonical values on their way out, for the editor.

        :return: with it, the record that the lines make which hold.
        """
        explained, result = [], {}
        for step in self._outward:
            value, sent, problem = values.get(step.field), None, None
            try:
                step.line.check("out")
                if step.field in values:
                    sent = self._put(step, value, result)
            except Problem as error:
                problem = error
            explained.append(Explained(step.field, sent, value, problem))
        return explained, result

    def parts(self, content: Mapping) -> dict[str, tuple[Any, str]]:
        """What each field has become in an external record: ``{field: (value, path)}``."""
        result = {}
        for step in self._steps:
            part: Any = content
            for key in step.line.path.split("."):
                part = part.get(key) if isinstance(part, Mapping) else None
            if part is not None:
                result[step.field] = part, step.line.path
        return result

    @property
    def _outward(self):
        """Lines whose argument reads another value of the record come after it."""
        return sorted(
            self._steps, key=lambda step: TRANSFORMS[step.line.transform].argument == "path"
        )

    def _put(self, step, value, record):
        if step.problem is not None:
            raise _again(step.problem)
        sent = self._external(step, value, record)
        put(record, step.line.path, sent)
        return sent

    def _external(self, step, value, record):
        always = TRANSFORMS[step.line.transform].always
        if value is None and not always:
            return ""
        if step.line.transform != "none":
            if step.outward is None:
                raise Problem(
                    "not_reversible", kind="schema", cause=step.line.path[:40],
                    path=step.line.path[:80], transform=step.line.transform,
                )  # fmt: skip
            try:
                value = step.outward(value, record)
            except Unfit as unfit:
                raise bad_value(step.field, value, unfit.expected) from unfit
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, (date, datetime)):
            return value.isoformat()
        return value


def compile_all(lines: Mapping[str, Sequence[Line]]) -> dict[str, CompiledMapping]:
    """Compiled mappings of all entities of a system, each aware of its line entities."""
    result: dict[str, CompiledMapping] = {}
    for entity, own in lines.items():
        result[entity] = CompiledMapping(own, result)
    return result


def to_canonical(
    lines: Sequence[Line], payload: Any, sub: Mapping[str, Sequence[Line]] | None = None
):
    """Map one payload by lines that are used once; see :meth:`CompiledMapping.canonical`."""
    return CompiledMapping(lines, compile_all(sub or {})).canonical(payload)


def to_external(lines: Sequence[Line], values: Mapping) -> dict:
    """External values by lines that are used once; see :meth:`CompiledMapping.external`."""
    return CompiledMapping(lines).external(values)
