"""CAMT.053, the statement of ISO 20022, versions 001.02 to 001.13.

What differs between versions is small: the state of an entry is text (.02 to .07) or a code element (.08 on), the name
of a party stands in ``Dbtr`` or in ``Dbtr/Pty``, the amount of a detail in ``AmtDtls/TxAmt`` or beside it. All are read
alike; names of elements are taken without their namespace. Source: the message definitions and their schemas
(iso20022.org).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element

from . import xml_safe
from .bank import (
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

MOST_ELEMENTS = 600_000
_OTHERS = {
    "BkToCstmrAcctRpt": "CAMT.052",
    "BkToCstmrDbtCdtNtfctn": "CAMT.054",
    "CstmrCdtTrfInitn": "PAIN.001",
    "CstmrPmtStsRpt": "PAIN.002",
}


def read(data: bytes) -> list[Statement]:
    """The statements of a file.

    :raise Problem: it is no CAMT.053, broken, or says things that do not fit together.
    """
    try:
        root = xml_safe.read(data, MOST_ELEMENTS)
    except xml_safe.BadXml as error:
        raise bad("unreadable", why=str(error)[:120]) from None
    body = next(iter(root), None)
    name = _name(body) if body is not None else ""
    if _name(root) != "Document" or name != "BkToCstmrStmt":
        raise bad("wrong_kind", message=_OTHERS.get(name, _name(root)[:40]))
    statements = [_statement(node) for node in _all(body, "Stmt")]
    if not statements:
        raise bad("empty")
    within(sum(len(statement.entries) for statement in statements))
    return statements


def _statement(node):
    account = _one(node, "Acct")
    number = _text(account, "Id", "IBAN") or _text(account, "Id", "Othr", "Id")
    statement = Statement(
        account_number(number), currency(_text(account, "Ccy")), name=clean(_text(node, "Id"))
    )
    _balances(node, statement)
    for entry in _all(node, "Ntry"):
        state = _text(entry, "Sts", "Cd") or _text(entry, "Sts", "Prtry") or _text(entry, "Sts")
        if state not in ("BOOK", ""):
            statement.pending += 1
            continue
        statement.entries += _entries(entry, statement)
    return statement


def _balances(node, statement):
    """Opening and closing; a page of a statement has interim balances instead."""
    found: dict[str, list[Decimal]] = {}
    for balance in _all(node, "Bal"):
        code = _text(balance, "Tp", "CdOrPrtry", "Cd")
        value = _money(balance, statement)
        found.setdefault(code, []).append(_signed(balance, value))
    interim = found.get("ITBD", [])
    opening = found.get("OPBD") or found.get("PRCD") or interim[:1]
    closing = found.get("CLBD") or (interim[-1:] if len(interim) > 1 or "OPBD" in found else [])
    statement.opening = opening[0] if opening else None
    statement.closing = closing[-1] if closing else None


def _money(node, statement):
    """The amount of a node in the currency of the account; the first one says which that is."""
    element = _one(node, "Amt")
    value = amount(element.text if element is not None else None, _name(node))
    code = currency(element.get("Ccy"))
    statement.currency = statement.currency or code
    if code and code != statement.currency:
        raise bad("currencies", account=statement.currency, entry=code)
    if value < 0:
        raise bad("amount", value=str(value), where=_name(node))
    return value


def _signed(node, value):
    """``CdtDbtInd`` says how it was booked, of a reversal too."""
    direction = _text(node, "CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        raise bad("direction", value=direction[:40])
    return value if direction == "CRDT" else -value


def _entries(node, statement):
    """An entry, or what a batch consists of where its parts add up to it."""
    total = _signed(node, _money(node, statement))
    details = [detail for group in _all(node, "NtryDtls") for detail in _all(group, "TxDtls")]
    day = _day(node, "BookgDt") or _day(node, "ValDt")
    if day is None:
        raise bad("no_day", value=str(total))
    common = {
        "day": day,
        "value_day": _day(node, "ValDt"),
        "reversal": _text(node, "RvslInd") in ("true", "1"),
        "kind": _kind(node),
    }
    own = reference(_text(node, "AcctSvcrRef")) or reference(_text(node, "NtryRef"))
    note = clean(_text(node, "AddtlNtryInf"))
    if len(details) > 1:
        parts = [_part(detail, statement.currency, total) for detail in details]
        if None not in parts and sum(parts) == total:
            return [
                Entry(amount=part, **_what(detail, own, note, part, common))
                for detail, part in zip(details, parts, strict=True)
            ]
    return [Entry(amount=total, **_joined(details, own, note, total, common))]


def _part(detail, account_currency, total):
    """What a detail comes to in the currency of the account, or None where the file does not say it."""
    direction = _text(detail, "CdtDbtInd")
    for path in (("Amt",), ("AmtDtls", "TxAmt", "Amt"), ("AmtDtls", "InstdAmt", "Amt")):
        element = _one(detail, *path)
        if element is not None and currency(element.get("Ccy")) == account_currency:
            value = amount(element.text, "TxDtls")
            positive = direction == "CRDT" if direction else total > 0
            return value if positive else -value
    return None


def _joined(details, own, note, total, common):
    """What all details of one movement say together; the other side only where it is one."""
    if not details:
        return {**common, "bank_id": own, "texts": several([note])}
    found = [_what(detail, own, note, total, common) for detail in details]
    if len(found) == 1:
        return found[0]
    values = {
        **common,
        "bank_id": own,
        "texts": several(text for values in found for text in values["texts"]),
        "references": several(text for values in found for text in values["references"]),
    }
    for name in ("name", "account"):
        same = {one[name] for one in found}
        values[name] = same.pop() if len(same) == 1 else ""
    return values


def _what(detail, own, note, value, common):
    """Who and what for, of one detail."""
    references, parties, remittance = (
        _one(detail, name) for name in ("Refs", "RltdPties", "RmtInf")
    )
    # Parties keep their parts in a reversal: the debtor is still who owed.
    side = "Dbtr" if (value > 0) != common["reversal"] else "Cdtr"
    documents = [_text(document, "Nb") for document in _every(remittance, "Strd", "RfrdDocInf")]
    structured = [_text(ref, "Ref") for ref in _every(remittance, "Strd", "CdtrRefInf")]
    return {
        **common,
        "bank_id": reference(_text(references, "AcctSvcrRef")) or own,
        "texts": several(
            clean(text)
            for text in [
                *(node.text for node in _every(remittance, "Ustrd")),
                *(node.text for node in _every(remittance, "Strd", "AddtlRmtInf")),
                _text(detail, "AddtlTxInf"),
                note,
            ]
        ),
        "references": several(
            reference(text) for text in [*structured, *documents, _text(references, "EndToEndId")]
        ),
        "name": clean(
            _text(parties, side, "Nm")
            or _text(parties, side, "Pty", "Nm")
            or _text(parties, f"Ultmt{side}", "Nm")
            or _text(parties, f"Ultmt{side}", "Pty", "Nm")
        )[:140],
        "account": account_number(
            _text(parties, f"{side}Acct", "Id", "IBAN")
            or _text(parties, f"{side}Acct", "Id", "Othr", "Id")
        ),
        "original": _original(detail, value),
    }


def _original(detail, value):
    """What was paid in another currency, before the bank exchanged it."""
    for path in (("AmtDtls", "InstdAmt", "Amt"), ("AmtDtls", "TxAmt", "Amt")):
        element = _one(detail, *path)
        if element is not None and _one(detail, "AmtDtls", path[1], "CcyXchg") is not None:
            paid = amount(element.text, "AmtDtls")
            return (paid if value > 0 else -paid, currency(element.get("Ccy")))
    return None


def _kind(node):
    code = _one(node, "BkTxCd")
    parts = [
        _text(code, "Domn", "Cd"),
        _text(code, "Domn", "Fmly", "Cd"),
        _text(code, "Domn", "Fmly", "SubFmlyCd"),
    ]
    return clean("-".join(part for part in parts if part) or _text(code, "Prtry", "Cd"))[:64]


def _day(node, name):
    text = _text(node, name, "Dt") or _text(node, name, "DtTm")
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise bad("day", value=text[:40]) from None


# --- elements without their namespace ---------------------------------------------------------------


def _name(node: Element) -> str:
    return re.sub(r"^\{.*\}", "", node.tag)


def _all(node, name):
    return [child for child in node if _name(child) == name] if node is not None else []


def _every(node, *path):
    nodes = [node] if node is not None else []
    for name in path:
        nodes = [child for parent in nodes for child in _all(parent, name)]
    return nodes


def _one(node, *path):
    return next(iter(_every(node, *path)), None)


def _text(node, *path) -> str:
    """The text of the first such element, or nothing."""
    found = _one(node, *path)
    return (found.text or "").strip() if found is not None else ""
