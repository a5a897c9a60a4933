"""A bank's CSV file, read by a layout that a person described: which column says what, and how it is written."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from ..core.problem import Problem
from ..core.table import decode, plain_number
from .bank import (
    MOST_BYTES,
    Entry,
    Statement,
    account_number,
    amount,
    bad,
    clean,
    currency,
    reference,
    several,
    within,
)

DATE_FORMATS = {
    "ymd": ("%Y-%m-%d", "2026-03-31"),
    "ymd_plain": ("%Y%m%d", "20260331"),
    "ymd_slash": ("%Y/%m/%d", "2026/03/31"),
    "dmy_dot": ("%d.%m.%Y", "31.03.2026"),
    "dmy_dot_short": ("%d.%m.%y", "31.03.26"),
    "dmy_slash": ("%d/%m/%Y", "31/03/2026"),
    "dmy_dash": ("%d-%m-%Y", "31-03-2026"),
    "mdy_slash": ("%m/%d/%Y", "03/31/2026"),
}
MOST_BEFORE = 50  # lines above the header: the bank's name, the period


@dataclass(frozen=True)
class Layout:
    """Names of columns as they stand in the header, empty where there is none; and how things are written.

    :param texts, references: several columns are possible.
    :param date_format: a key of :data:`DATE_FORMATS`.
    :param decimal: ``.`` or ``,``.
    :param amount: with its sign; else ``came_in`` and ``went_out``.
    :param balance: of the account after the movement.
    """

    day: str
    date_format: str
    decimal: str
    delimiter: str = ";"
    encoding: str = ""
    amount: str = ""
    came_in: str = ""
    went_out: str = ""
    texts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    name: str = ""
    account: str = ""
    bank_id: str = ""
    value_day: str = ""
    balance: str = ""
    currency: str = ""
    own_account: str = ""

    @property
    def columns(self) -> list[str]:
        """Every column that has to be there."""
        one = (self.day, self.amount, self.came_in, self.went_out, self.name, self.account)
        rest = (self.bank_id, self.value_day, self.balance, self.currency, self.own_account)
        return list(several([*one, *rest, *self.texts, *self.references]))


def read(data: bytes, layout: Layout) -> list[Statement]:
    """The statements of a file, one for each account that it names.

    :raise Problem: ``bank_…`` or ``table_…``: no line is the header, or one cannot be read; it says which line.
    """
    if not data.strip():
        raise bad("empty")
    if len(data) > MOST_BYTES:
        raise bad("too_large", limit=MOST_BYTES // 1_000_000)
    text, _encoding = decode(data, layout.encoding)
    statements: dict[tuple[str, str], tuple[Statement, list[Decimal | None]]] = {}
    for line, row in _rows(text, layout):
        try:
            key, entry, balance = _entry(row, layout)
        except Problem as problem:
            raise bad(
                "line", line=line, why=problem.code, value=problem.params.get("value", "")
            ) from None
        statement, balances = statements.setdefault(key, (Statement(*key), []))
        statement.entries.append(entry)
        balances.append(balance)
    if not statements:
        raise bad("empty")
    within(sum(len(statement.entries) for statement, _balances in statements.values()))
    for statement, balances in statements.values():
        _prove(statement, balances)
    return [statement for statement, _balances in statements.values()]


def _rows(text, layout):
    """Line number and cells by column, below the header; lines without day and amount are none (sums, notes)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter)
    wanted, header = {_plain(name) for name in layout.columns}, None
    try:
        for cells in reader:
            cells = [cell.strip().lstrip("\ufeff") for cell in cells]
            if header is None:
                names = [_plain(cell) for cell in cells]
                if wanted <= set(names):
                    header = names
                elif reader.line_num > MOST_BEFORE:
                    break
                continue
            row = dict(zip(header, cells, strict=False))
            said = [
                row.get(_plain(name))
                for name in (layout.amount, layout.came_in, layout.went_out)
                if name
            ]
            if row.get(_plain(layout.day)) or any(said):
                yield reader.line_num, row
    except csv.Error:
        raise bad("line", line=reader.line_num, why="table_unreadable", value="") from None
    if header is None:
        raise bad("no_header", columns=", ".join(layout.columns))


def _plain(name):
    return " ".join(name.split()).casefold()


def _entry(row, layout):
    def cell(name):
        return row.get(_plain(name), "") if name else ""

    if layout.amount:
        value = _number(cell(layout.amount), layout)
    else:
        came, went = (
            _number(cell(name), layout) if cell(name) else Decimal(0)
            for name in (layout.came_in, layout.went_out)
        )
        # Some banks write what went out with a minus, some without.
        value = came - abs(went)
    entry = Entry(
        day=_day(cell(layout.day), layout),
        amount=value,
        bank_id=reference(cell(layout.bank_id)),
        texts=several(clean(cell(name)) for name in layout.texts),
        references=several(reference(cell(name)) for name in layout.references),
        name=clean(cell(layout.name))[:140],
        account=account_number(cell(layout.account)),
        value_day=_day(cell(layout.value_day), layout) if cell(layout.value_day) else None,
    )
    key = account_number(cell(layout.own_account)), currency(cell(layout.currency))
    return key, entry, _number(cell(layout.balance), layout) if cell(layout.balance) else None


def _number(text, layout):
    if text.endswith("-"):  # as some banks write what went out
        text = f"-{text[:-1]}"
    return amount(plain_number(text, layout.decimal))


def _day(text, layout) -> date:
    try:
        return datetime.strptime(text[:10].strip(), DATE_FORMATS[layout.date_format][0]).date()
    except ValueError:
        raise bad("day", value=text[:40]) from None


def _prove(statement, balances):
    """Opening and closing balance, if the balances of the lines follow each other, downwards or upwards."""
    if None in balances:
        return
    for entries, shown in (
        (statement.entries, balances),
        (statement.entries[::-1], balances[::-1]),
    ):
        if all(
            before + entry.amount == after
            for before, entry, after in zip(shown, entries[1:], shown[1:], strict=False)
        ):
            statement.entries = entries
            statement.opening = shown[0] - entries[0].amount
            statement.closing = shown[-1]
            return
