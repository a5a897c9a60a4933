"""The part of SOQL that connectors speak: SELECT … FROM … WHERE … ORDER BY … LIMIT … OFFSET."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)"
    r"|(?P<word>[A-Za-z_0-9][\w.:+-]*))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


class BadQuery(Exception):
    """What Salesforce calls MALFORMED_QUERY."""


class Query:
    """A parsed query: ``fields``, ``name``, ``where`` (a function of a getter), ``order``, ``limit``."""

    def __init__(self, text: str):
        self.tokens, place = [], 0
        text = text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if not match:
                raise BadQuery(f"unexpected token: '{text[place : place + 10]}'")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))
            place = match.end()
        self.at = 0
        self.used: list[str] = []  # fields in conditions and in the order
        self._expect("SELECT")
        self.fields = self._fields()
        self._expect("FROM")
        self.name = self._word()
        self.where = self._either() if self._accept("WHERE") else lambda get: True
        self.order: list[tuple[str, bool]] = []
        if self._accept("ORDER"):
            self._expect("BY")
            self._ordering()
        self.limit = int(self._word()) if self._accept("LIMIT") else None
        self.offset = int(self._word()) if self._accept("OFFSET") else 0
        if self.at != len(self.tokens):
            raise BadQuery(f"unexpected token: '{self.tokens[self.at][1]}'")

    def _fields(self) -> list[str]:
        fields = []
        while True:
            name = self._word()
            if name.upper() == "COUNT" and self._accept("("):
                self._expect(")")
                name = "COUNT()"
            fields.append(name)
            if not self._accept(","):
                return fields

    def _ordering(self) -> None:
        while True:
            name = self._word()
            self.used.append(name)
            down = self._accept("DESC")
            if not down:
                self._accept("ASC")
            self.order.append((name, down))
            if not self._accept(","):
                return

    # -- tokens -------------------------------------------------------------------------------

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "")

    def _accept(self, text: str) -> bool:
        kind, value = self._peek()
        if kind != "text" and value.upper() == text:
            self.at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise BadQuery(f"expecting {text}, found '{self._peek()[1]}'")

    def _word(self) -> str:
        kind, value = self._peek()
        if kind != "word":
            raise BadQuery(f"unexpected token: '{value}'")
        self.at += 1
        return value

    # -- conditions -----------------------------------------------------------------------------

    def _either(self):
        left = self._both()
        while self._accept("OR"):
            left = _joined(any, left, self._both())
        return left

    def _both(self):
        left = self._one()
        while self._accept("AND"):
            left = _joined(all, left, self._one())
        return left

    def _one(self):
        if self._accept("NOT"):
            inner = self._one()
            return lambda get: not inner(get)
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        name = self._word()
        self.used.append(name)
        negative = self._accept("NOT")
        if self._accept("IN"):
            self._expect("(")
            values = {self._value()}
            while self._accept(","):
                values.add(self._value())
            self._expect(")")
            return lambda get: (_comparable(get(name)) in values) != negative
        kind, operator = self._peek()
        if kind != "op" or operator in ("(", ")", ","):
            raise BadQuery(f"unexpected token: '{operator}'")
        self.at += 1
        value = self._value()
        return lambda get: _holds(_comparable(get(name)), operator, value)

    def _value(self):
        kind, text = self._peek()
        self.at += 1
        if kind == "text":
            return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.S)
        if kind != "word":
            raise BadQuery(f"unexpected token: '{text}'")
        known = {"TRUE": True, "FALSE": False, "NULL": None}
        if text.upper() in known:
            return known[text.upper()]
        if re.match(r"\d{4}-\d\d-\d\dT", text):
            return _stamp(text)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return text
        try:
            return float(text)
        except ValueError:
            raise BadQuery(f"unexpected token: '{text}'") from None


def _joined(how, left, right):
    return lambda get: how(one(get) for one in (left, right))


def _stamp(text: str) -> str:
    """A time in the form in which rows keep theirs, so that texts sort as times do."""
    try:
        moment = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
    except ValueError:
        raise BadQuery(f"unexpected token: '{text}'") from None
    text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text[:-3] + "+0000"


def _comparable(value):
    return (
        float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    )


def _holds(left, operator: str, right) -> bool:
    if operator in ("=", "!=", "<>"):
        return (left == right) == (operator == "=")
    if left is None or right is None or type(left) is not type(right):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[
        operator
    ]
