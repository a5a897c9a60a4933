"""What connectors of accounting ledgers share: a document of ours, read and checked before it is sent.

A document, as the outbound mapping makes it: ``kind`` (``invoice`` or ``credit_note``), ``customer`` (dict with
``key``, ``name``, ``id`` in the ledger if it is known, address), ``lines`` (dicts with ``name``, ``quantity``,
``unit_price``, ``untaxed``, ``tax_amount``, and the ledger's words ``item``, ``account``, ``tax``), ``untaxed`` and
``total``. Amounts come as text, exact to the last digit; those of a credit note are positive in its lines. Of one that
was cancelled in Odoo only ``number`` and ``void`` (true) come; ``void`` (false) says that it was, and is posted again.

A receipt is what one entry of a bank, cash or provider's journal pays of our invoices: ``number``, ``date``,
``currency``, ``account`` (the ledger's word for where the money is), ``reference``, ``amount`` (all that it pays) and
``applied`` (dicts with ``invoice``, a number of ours, and ``amount``). One that pays nothing any more has none: it is
taken back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from .errors import ConnectorError
from .parts import CheckItem, Outcome, Write

MOST_WORDS = 60  # of one kind that the connection test names


def number(value: Any) -> Decimal:
    """An amount or quantity.

    :raise ConnectorError: kind ``data``, code ``ledger_incomplete``.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ConnectorError("data", "ledger_incomplete", params={"properties": ["amount"]})
    return found


def parts(values: Mapping) -> list[dict]:
    """The lines of a document with exact amounts; what is not granted or not mapped is not sent in part.

    :raise ConnectorError: kind ``data``, code ``ledger_incomplete``, with what is missing.
    """
    lines = values.get("lines")
    if not isinstance(lines, list) or not lines or not all(isinstance(one, dict) for one in lines):
        raise ConnectorError("data", "ledger_incomplete", params={"properties": ["lines"]})
    result = []
    for line in lines:
        one = {"name": str(line.get("name") or ""), "untaxed": number(line.get("untaxed"))}
        for name in ("quantity", "unit_price", "tax_amount"):
            one[name] = number(line[name]) if line.get(name) not in (None, "") else None
        for name in ("item", "account", "tax"):
            one[name] = str(line.get(name) or "").strip()
        result.append(one)
    return result


def priced(line: Mapping) -> tuple[Decimal, Decimal] | None:
    """Quantity and price of a line, if they multiply to its amount to the cent; ledgers refuse others."""
    quantity, price = line["quantity"], line["unit_price"]
    if not quantity or price is None:
        return None
    cents = Decimal(1).scaleb(min(line["untaxed"].as_tuple().exponent, 0))
    same = (quantity * price).quantize(cents, ROUND_HALF_UP) == line["untaxed"]
    return (quantity, price) if same else None


def applied(values: Mapping) -> dict[str, Decimal]:
    """What a receipt pays: ``{number of the invoice: amount}``, which adds up to its amount.

    :raise ConnectorError: kind ``data``, code ``ledger_incomplete``, with what is missing.
    """
    required(values, "number", "date", "currency")
    rows = values.get("applied")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConnectorError("data", "ledger_incomplete", params={"properties": ["applied"]})
    found: dict[str, Decimal] = {}
    for row in rows:
        required(row, "invoice", "amount")
        name = str(row["invoice"])
        found[name] = found.get(name, Decimal()) + number(row["amount"])
    if sum(found.values()) != number(values.get("amount")):
        raise ConnectorError("data", "ledger_incomplete", params={"properties": ["amount"]})
    return found


def require_open(invoice: str, amount: Decimal, left: Decimal) -> None:
    """Refuse to pay more of an invoice than the ledger still expects: somebody entered the payment there as well.

    :raise ConnectorError: kind ``conflict``, code ``ledger_settled``.
    """
    if amount > left:
        params = {"number": invoice, "ours": str(amount), "theirs": str(left)}
        raise ConnectorError("conflict", "ledger_settled", params=params)


def not_there(number_of: str) -> ConnectorError:
    """The error of a receipt whose invoice the ledger does not have any more."""
    params = {"message": number_of, "properties": [number_of]}
    return ConnectorError("reference", "ledger_not_found", params=params)


def customer(values: Mapping) -> dict:
    """Whom a document is for.

    :raise ConnectorError: kind ``data``, code ``ledger_incomplete``.
    """
    found = values.get("customer")
    if not isinstance(found, dict) or not str(found.get("name") or "").strip():
        raise ConnectorError("data", "ledger_incomplete", params={"properties": ["customer"]})
    return found


def required(values: Mapping, *names: str) -> None:
    """Refuse a document that lacks one of these."""
    missing = [name for name in names if values.get(name) in (None, "")]
    if missing:
        raise ConnectorError("data", "ledger_incomplete", params={"properties": missing})


def once_key(*given: str) -> str:
    """A key of 32 characters that is the same for the same thing, whatever its length was."""
    return hashlib.sha256("\n".join(given).encode()).hexdigest()[:32]


def refusal(entity: str, write: Write, entities: Sequence[str], pattern: str) -> Outcome | None:
    """The outcome of a write that this connector does not do; None if it does.

    :param pattern: what an id looks like.
    """
    error = None
    if entity not in entities or write.operation not in ("create", "update"):
        error = ConnectorError("data", "not_supported", params={"operation": write.operation})
    elif write.operation == "update" and not re.fullmatch(pattern, write.external_id or ""):
        error = ConnectorError("reference", "not_linked")
    return error and Outcome(write.key, False, write.external_id, error=error)


def words_item(name: str, pairs: Iterable[tuple[Any, Any]]) -> list[CheckItem]:
    """A line of "Test connection" with the words that a ledger takes, for whom has to enter them.

    :param pairs: (word, what it is called there); without a word there is nothing to enter.
    """
    said = [
        f"{word} ({label})" if label and label != word else str(word)
        for word, label in pairs
        if word
    ]
    if not said:
        return []
    more = ["…"] if len(said) > MOST_WORDS else []
    text = ", ".join([*said[:MOST_WORDS], *more])
    return [CheckItem("ledger_words", True, {"object": name, "words": text[:2000]})]
