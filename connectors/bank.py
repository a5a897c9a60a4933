"""What a bank says in a file: statements with entries. One shape for all formats, amounts exact, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from ..core.problem import Problem

MOST_BYTES = 20_000_000
# Booking and settling one takes about a tenth of a second, and a person waits for the whole file.
MOST_ENTRIES = 1_000
MOST_TEXT = 2_000  # characters of one text
# What banks write where they have no reference.
_NONE = frozenset(["", "NOTPROVIDED", "NONREF", "NOREF", "NONE", "NA", "NULL", "0"])
_CURRENCY = re.compile(r"[A-Z]{3}")
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{0,9})?|[+-]?\.\d{1,9}")


def bad(code: str, **params) -> Problem:
    """A file that is not taken: the code of its sentence and what stands in it."""
    return Problem(f"bank_{code}", kind="data", **params)


@dataclass(frozen=True)
class Entry:
    """One booked movement.

    :param amount: in the currency of the account; what comes in is positive.
    :param bank_id: the bank's own id of the entry, which banks reuse and alter.
    :param texts: what was written for people.
    :param references: what was given for programs: end-to-end id, creditor reference, number of a document.
    :param name, account: of the other side.
    :param reversal: the bank took an earlier movement back.
    :param original: amount and currency before the bank exchanged it.
    """

    day: date
    amount: Decimal
    bank_id: str = ""
    texts: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    name: str = ""
    account: str = ""
    value_day: date | None = None
    reversal: bool = False
    kind: str = ""
    original: tuple[Decimal, str] | None = None


@dataclass
class Statement:
    """Entries of one account for some days.

    :param account: IBAN or account number; empty where the file does not say it.
    :param pending: number of movements that the bank has not booked yet; they are left out.
    """

    account: str
    currency: str
    entries: list[Entry] = field(default_factory=list)
    name: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    pending: int = 0

    @property
    def total(self) -> Decimal:
        return sum((entry.amount for entry in self.entries), Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        """What is missing: closing less opening and entries; None where the file has no two balances."""
        if self.opening is None or self.closing is None:
            return None
        return self.closing - self.opening - self.total


def amount(text: str | None, where: str = "") -> Decimal:
    """A plain number with a point.

    :raise Problem: ``bank_amount``.
    """
    text = (text or "").strip()
    if not _NUMBER.fullmatch(text):
        raise bad("amount", value=text[:40], where=where)
    try:
        return Decimal(text)
    except InvalidOperation:  # pragma: no cover - the pattern lets none through
        raise bad("amount", value=text[:40], where=where) from None


def currency(text: str | None) -> str:
    """A currency code, or nothing where there is none.

    :raise Problem: ``bank_currency``.
    """
    code = (text or "").strip().upper()
    if code and not _CURRENCY.fullmatch(code):
        raise bad("currency", value=code[:40])
    return code


def reference(text: str | None) -> str:
    """A reference, or nothing where the bank only says that there is none."""
    text = clean(text)
    return "" if re.sub(r"\W", "", text).upper() in _NONE else text


def clean(text: str | None) -> str:
    """A text on one line, of bounded length, without characters that cannot be stored."""
    text = "".join(sign if sign.isprintable() else " " for sign in (text or "")[: MOST_TEXT * 2])
    return " ".join(text.split())[:MOST_TEXT]


def account_number(text: str | None) -> str:
    """An account number as it is compared: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", text or "").upper()[:64]


def several(values: Iterable[str]) -> tuple[str, ...]:
    """The texts that say something, each once, in their order."""
    return tuple(dict.fromkeys(value for value in values if value))


def within(count: int) -> None:
    """
    :raise Problem: ``bank_too_many``.
    """
    if count > MOST_ENTRIES:
        raise bad("too_many", limit=MOST_ENTRIES)


def read(data: bytes) -> list[Statement]:
    """The statements of a file that says itself what it is: CAMT.053 or OFX.

    :raise Problem: ``bank_…``: empty, too large, another kind of file, or broken.
    """
    from . import bank_camt, bank_ofx

    if not data.strip():
        raise bad("empty")
    if len(data) > MOST_BYTES:
        raise bad("too_large", limit=MOST_BYTES // 1_000_000)
    if data[:2] in (b"PK", b"\x1f\x8b"):
        raise bad("packed")
    if bank_ofx.is_ofx(data):
        return bank_ofx.read(data)
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t\0")[:1] == b"<" or b"<?xml" in data[:200]:
        return bank_camt.read(data)
    raise bad("unknown_kind")
