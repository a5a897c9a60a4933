"""A table of text as people save it, and what its columns mean for one stream. Pure."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import strict_json
from .paths import is_writable, keys_read, put
from .problem import Problem

# The one key of a payload whose fields are canonical already. No product's record looks like it: the
# connectors give each an id. Its values are checked like all others.
UPLOADED = "hub_upload"
MOST_BYTES = 10_000_000
MOST_ROWS = 20_000
MOST_COLUMNS = 200
DELIMITERS = ",;\t|"
ID_NAMES = ("external_id", "id")
NUMBERS = ("money", "decimal", "integer")
WHOLE = ("minor_units", "epoch_seconds", "epoch_ms")  # transforms that take whole numbers only
_GROUPED = re.compile(r"[+-]?\d{1,3}([.,]\d{3})+")
DAYS = ("date", "datetime")
# transforms that take days as ISO 8601 writes them
CLOCKS = ("none", "local_time", "local_date", "day_end")
_DAY = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(\D.*)?")
_YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})(\D.*)?")
_SPACES = re.compile(r"[\s\u00a0\u202f'’]")


def uploaded_columns(payload: bytes) -> set[str] | None:
    """Names of the columns that a stored row of a file has; None if it is no such row."""
    try:
        row = strict_json.loads(payload)
    except strict_json.BadJson:
        return None
    if not isinstance(row, dict) or row.keys() != {UPLOADED}:
        return None
    return set(row[UPLOADED])


@dataclass(frozen=True)
class Table:
    """``rows`` are ``(line number in the file, {column: text})``; blank cells are left out."""

    header: list[str]
    rows: list[tuple[int, dict[str, str]]]
    delimiter: str
    encoding: str


@dataclass
class Entry:
    """One record of a table: its id, its first line, and its values or what is wrong with them."""

    line: int
    key: str
    values: dict[str, Any] = field(default_factory=dict)
    problem: Problem | None = None


def _bad(code, **params):
    return Problem(code, kind="data", **params)


def read_table(data: bytes, delimiter: str = "", encoding: str = "") -> Table:
    """Read a CSV file.

    :param delimiter, encoding: guessed if empty.
    :raise Problem: ``table_…``: it is empty, too large, or no table.
    """
    if len(data) > MOST_BYTES:
        raise _bad("table_too_large", limit=MOST_BYTES // 1_000_000)
    text, encoding = decode(data, encoding)
    if "\0" in text:
        raise _bad("table_unreadable", line=1)
    delimiter = delimiter or _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, rows = None, []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = _header(cells)
                continue
            if len(cells) > len(header):
                raise _bad("table_ragged", line=reader.line_num, columns=len(header))
            if len(rows) == MOST_ROWS:
                raise _bad("table_too_many_rows", limit=MOST_ROWS)
            found = {name: cell for name, cell in zip(header, cells, strict=False) if cell and name}
            rows.append((reader.line_num, found))
    except csv.Error:
        raise _bad("table_unreadable", line=reader.line_num) from None
    if not rows:
        raise _bad("table_empty")
    return Table(header, rows, delimiter, encoding)


def decode(data, encoding):
    if encoding:
        candidates = [encoding]
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = ["utf-16"]
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for name in candidates:
        try:
            return data.decode(name), name
        except (UnicodeDecodeError, LookupError):
            continue
    raise _bad("table_encoding", encoding=candidates[-1])


def _delimiter(text):
    """The one that splits the first line most; a comma if none does."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda mark: (first.count(mark), mark == ","))


def _header(cells):
    if len(cells) > MOST_COLUMNS:
        raise _bad("table_too_wide", limit=MOST_COLUMNS)
    named = [cell for cell in cells if cell]
    twice = next((cell for cell in named if named.count(cell) > 1), None)
    if twice:
        raise _bad("table_column_twice", column=twice[:80])
    return cells


def plain_number(text: str, decimal: str = "") -> str:
    """A number as people write it, with a point and no other mark.

    :param decimal: ``.`` or ``,``; guessed if empty, and refused where the guess could be wrong.
    :raise Problem: ``number_unclear``.
    """
    text = _SPACES.sub("", text)
    if not decimal:
        last = max(text.rfind("."), text.rfind(","))
        if "." in text and "," in text:
            decimal = text[last]
        elif "," in text:
            if _GROUPED.fullmatch(text):
                raise _bad("number_unclear", value=text[:40])
            decimal = ","
        else:
            decimal = "."
    other = "," if decimal == "." else "."
    return text.replace(other, "").replace(decimal, ".")


def plain_day(text: str, order: str = "") -> str:
    """A day as people write it, as ISO 8601 does; what follows it (a clock) stays. What is no such day stays, too.

    :param order: ``dmy`` or ``mdy``; guessed if empty, and refused where the guess could be wrong.
    :raise Problem: ``day_unclear``.
    """
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day, rest = match.groups()
    elif match := _DAY.fullmatch(text):
        first, mark, second, year, rest = match.groups()
        if not order:
            if mark == "." or int(first) > 12 or first == second:
                order = "dmy"
            elif int(second) > 12:
                order = "mdy"
            else:
                raise _bad("day_unclear", value=text[:40])
        day, month = (first, second) if order == "dmy" else (second, first)
    else:
        return text
    return f"{year}-{month:0>2}-{day:0>2}{rest or ''}"


class Columns:
    """What the columns of a table mean for one stream.

    :param fields: canonical fields of the entity, name → type; those of a line entity as
        ``<field>.<name of the line's field>``.
    :param paths: external paths of the mapping → (type, transform).
    :param form: ``canonical`` or ``external``; what explains more columns if empty.
    :param key: columns that name a record together; without them, or where one is not there, one of ``ID_NAMES``.
    :raise Problem: ``table_no_id``, ``table_no_columns``.
    """

    def __init__(
        self,
        header: Sequence[str],
        fields: Mapping[str, str],
        paths: Mapping[str, tuple[str, str]],
        form: str = "",
        key: Sequence[str] = (),
    ):
        names = [name for name in header if name]
        self.key = self._key(names, key)
        # An id is not a value, unless a mapping reads it; what several columns name together may be values, too.
        paths = _columns_of(paths)
        others = [name for name in names if name not in self.key or name in key]
        canonical = [name for name in others if name in fields]
        external = [name for name in others if name in paths]
        if not form:
            form = "canonical" if len(canonical) >= len(external) else "external"
        self.form = form
        self.used = canonical if form == "canonical" else external
        self.unused = [name for name in others if name not in (*self.used, *self.key)]
        if not self.used:
            raise _bad("table_no_columns")
        self._kinds = (
            {name: (fields[name], "none") for name in self.used}
            if form == "canonical"
            else {name: paths[name] for name in self.used}
        )

    @staticmethod
    def _key(names, wanted):
        lower = {name.lower(): name for name in names}
        if wanted and all(name.lower() in lower for name in wanted):
            return [lower[name.lower()] for name in wanted]
        found = next((lower[name] for name in ID_NAMES if name in lower), None)
        if found is None:
            raise _bad("table_no_id", wanted=list(wanted))
        return [found]

    def entries(self, table: Table, decimal: str = "", days: str = "") -> list[Entry]:
        """The records of the table. Rows with the same id and lines in them are one record.

        :param decimal, days: how numbers and days are written (``plain_number``, ``plain_day``).
        """
        entries: dict[str, Entry] = {}
        for line, row in table.rows:
            parts = [row.get(name, "") for name in self.key]
            key = "/".join(parts) if all(parts) else ""
            entry = Entry(line, key)
            if not key:
                entry.problem = _bad("table_no_key", line=line)
                entries[f"\0{line}"] = entry
                continue
            try:
                entry.values = self._values(row, decimal, days)
            except Problem as problem:
                entry.problem = problem
            former = entries.setdefault(key, entry)
            if former is not entry:
                self._join(former, entry)
        return list(entries.values())

    def _values(self, row, decimal, days):
        values: dict[str, Any] = {}
        for name in self.used:
            if name not in row:
                continue
            kind, transform = self._kinds[name]
            value: Any = row[name]
            try:
                if kind in NUMBERS:
                    value = plain_number(value, decimal)
                elif kind in DAYS and transform in CLOCKS:
                    value = plain_day(value, days)
            except Problem as problem:
                problem.params["field"] = name
                raise
            if transform in WHOLE and re.fullmatch(r"-?\d{1,18}", value):
                value = int(value)
            parent, dot, leaf = name.partition(".")
            if self.form == "canonical" and dot:
                values.setdefault(parent, [{}])[0][leaf] = value
            elif is_writable(name):
                put(values, name, value)
            else:
                values[name] = value  # a header in words: one key
        return values

    def _join(self, former, entry):
        """A further row of a record adds its lines; anything else has to be the same."""
        if former.problem or entry.problem:
            former.problem = former.problem or entry.problem
            return
        for name, value in entry.values.items():
            if isinstance(value, list):
                former.values.setdefault(name, []).extend(value)
            elif former.values.setdefault(name, value) != value:
                former.problem = _bad("table_twice", line=entry.line, other=former.line)


def _columns_of(paths):
    """``{column: (type, transform)}`` of what the paths of a mapping read; a part of an expression is text."""
    found = {}
    for path, how in paths.items():
        try:
            keys = keys_read(path)
        except Problem:
            continue  # the mapping says so itself
        alone = len(keys) == 1 and path in (keys[0], f'"{keys[0]}"')
        for key in keys:
            if alone or key not in found:
                found[key] = how if alone else ("text", "none")
    return found


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def safe_cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula; numbers stay numbers."""
    text = "" if value is None else str(value)
    if text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def flat(values: Mapping, prefix: str = "") -> dict[str, Any]:
    """Nested values as columns: ``{"a": {"b": 1}}`` is ``{"a.b": 1}``, lists by position."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result


def write_table(header: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A CSV file as spreadsheets open it: UTF-8 with a mark, commas, guarded cells."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(safe_cell(name) for name in header)
    writer.writerows([safe_cell(row.get(name)) for name in header] for row in rows)
    return text.getvalue().encode("utf-8-sig")
