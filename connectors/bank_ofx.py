"""OFX: 1.x, SGML whose elements are mostly not closed, and 2.x, XML. Read by one small scanner.

An OFX element has either a value or children and never attributes, so both forms are the same sequence of names and
values. Only the aggregates that are known here open a level, so an element that is empty and not closed misleads
nobody; there are no entities but the five characters. Source: OFX 1.0.3 and 2.2 (ofx.net).
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal

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

_ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._]*)[ \t\r\n]*/?>([^<]*)")
_STATEMENTS = frozenset(["STMTRS", "CCSTMTRS"])
_PARTS = frozenset(
    [
        "BANKACCTFROM",
        "CCACCTFROM",
        "BANKTRANLIST",
        "STMTTRN",
        "LEDGERBAL",
        "AVAILBAL",
        "PAYEE",
        "BANKACCTTO",
        "CCACCTTO",
        "CURRENCY",
        "ORIGCURRENCY",
        "BALLIST",
        "BANKTRANLISTP",
        "STMTTRNP",
    ]
)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&nbsp;": " ", "&quot;": '"', "&apos;": "'"}
_ENTITY = re.compile("|".join(_ENTITIES))


def is_ofx(data: bytes) -> bool:
    """Whether the file says that it is OFX."""
    begin = data[:4000].replace(b"\0", b"").upper()
    return b"OFXHEADER" in begin or b"<OFX>" in begin


def read(data: bytes) -> list[Statement]:
    """The statements of bank accounts and credit cards.

    :raise Problem: it is cut, or says things that do not fit together.
    """
    text = _decode(data)
    start = text.upper().find("<OFX>")
    if start < 0 or "</OFX>" not in text[start:].upper():
        raise bad("cut")
    if "<!" in text:
        raise bad("unreadable", why="document type")
    statements = [_statement(node) for node in _nodes(text[start:])]
    if not statements:
        raise bad("empty")
    return statements


def _decode(data):
    """Many banks say Windows-1252 and mean UTF-8: bytes that are UTF-8 are taken as that."""
    header = data[:1000].decode("latin-1")
    said = re.search(r"""CHARSET:\s*([\w-]+)|encoding=["']([\w-]+)""", header)
    said = next((group for group in said.groups() if group), "") if said else ""
    names = ["utf-8-sig"]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        names = ["utf-16"]
    elif said.upper() in ("8859-1", "ISO-8859-1"):
        names.append("iso-8859-1")
    elif not said or "1252" in said or said.upper() == "NONE":
        names.append("cp1252")
    for name in names:
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    raise bad("encoding", encoding=names[-1])


def _nodes(text):
    """Statements as ``{part: [{name: value}]}``; their own values under an empty name."""
    statements, current, stack = [], None, []
    for closing, name, value in _ELEMENT.findall(text):
        name = name.upper()
        if name in _STATEMENTS:
            current = None if closing else {"": [{}]}
            stack = []
            if current:
                statements.append(current)
        elif current is None:
            continue
        elif closing:
            if name in stack:
                del stack[stack.index(name) :]
        elif name in _PARTS:
            stack.append(name)
            if name == "STMTTRN":
                within(len(current.get(name, ())))
            # Parts of an entry are kept as its own, under their path.
            if "STMTTRN" not in stack[:-1]:
                current.setdefault(name, []).append({})
        elif value.strip():
            _put(current, stack, name, value.strip())
    return statements


def _put(statement, stack, name, value):
    if "STMTTRN" in stack:
        inner = stack[stack.index("STMTTRN") + 1 :]
        target, name = statement["STMTTRN"][-1], "/".join([*inner, name])
    else:
        target = statement[stack[-1] if stack else ""][-1]
    target.setdefault(name, _ENTITY.sub(lambda match: _ENTITIES[match[0]], value))


def _statement(node):
    own = node[""][0]
    account = (node.get("BANKACCTFROM") or node.get("CCACCTFROM") or [{}])[0]
    listed = (node.get("BANKTRANLIST") or [{}])[0]
    balance = (node.get("LEDGERBAL") or [{}])[0]
    statement = Statement(account_number(account.get("ACCTID")), currency(own.get("CURDEF")))
    if not statement.currency:
        raise bad("no_currency")
    statement.pending = len(node.get("STMTTRNP", ()))
    statement.entries = [_entry(values, statement) for values in node.get("STMTTRN", ())]
    if "BALAMT" in balance:
        until = _day(listed.get("DTEND"))
        # A list of earlier days comes with the balance of today, which closes nothing.
        if not until or (_day(balance.get("DTASOF")) or until) <= until + timedelta(days=1):
            statement.closing = _amount(balance["BALAMT"])
    statement.name = " – ".join(
        str(day) for day in (_day(listed.get("DTSTART")), _day(listed.get("DTEND"))) if day
    )
    return statement


def _entry(values, statement):
    day = _day(values.get("DTPOSTED"))
    if day is None:
        raise bad("no_day", value=values.get("TRNAMT", ""))
    if values.get("CORRECTFITID"):
        raise bad("correction", value=values["CORRECTFITID"][:40])
    other = currency(values.get("CURRENCY/CURSYM"))
    if other and other != statement.currency:
        raise bad("currencies", account=statement.currency, entry=other)
    return Entry(
        day=day,
        amount=_amount(values.get("TRNAMT")),
        bank_id=reference(values.get("FITID")),
        texts=several([clean(values.get("MEMO"))]),
        references=several(reference(values.get(name)) for name in ("REFNUM", "CHECKNUM")),
        name=clean(values.get("NAME") or values.get("PAYEE/NAME"))[:140],
        account=account_number(values.get("BANKACCTTO/ACCTID") or values.get("CCACCTTO/ACCTID")),
        value_day=_day(values.get("DTAVAIL")),
        kind=clean(values.get("TRNTYPE"))[:64],
    )


def _amount(text) -> Decimal:
    """Some banks write a comma, against the standard."""
    text = (text or "").strip()
    return amount(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)


def _day(text):
    """``YYYYMMDD`` with or without a time and zone: the day that the bank says."""
    if not text:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise bad("day", value=text[:40]) from None
