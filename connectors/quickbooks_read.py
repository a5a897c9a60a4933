"""Reading QuickBooks Online: its query language, windows of change, and what is kept of a record.

A query sorts and pages by offset, which skips rows that move while we read. So each page asks anew for what
changed at or after the last one (:mod:`.window`); only rows of one and the same second are paged by offset, with
one row of overlap, so that a row that leaves is noticed and the second read again.

Source: Intuit Developer, "Query operations and syntax", "Change data capture operation", API Explorer pages
"Customer", "Item", "Invoice", "CreditMemo", "Payment"; "Deep Dive: SQL Queries" (only active list objects are
given unless ``Active`` is asked for).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..core import strict_json
from . import window
from .base import chunks
from .errors import ConnectorError
from .http import Answer
from .parts import Record
from .times import from_epoch, iso, parse_iso, to_epoch

PAGE = 500  # rows of a query; QuickBooks gives up to 1,000
IDS = 100  # ids in one IN (…)
# canonical entity -> objects of the API, with the prefix of their ids among ours
OBJECTS: dict[str, dict[str, str]] = {
    "customer": {"Customer": ""},
    "service_item": {"Item": ""},
    "invoice": {"Invoice": "", "CreditMemo": "cm-"},
    "payment": {"Payment": ""},
}
# objects that are never deleted, only made inactive, and are then given only if asked for
LISTED = frozenset({"Customer", "Item"})

_COMMON = ("Id", "SyncToken", "MetaData", "CurrencyRef", "Active")
_DOCUMENT = ("DocNumber", "TxnDate", "TotalAmt", "CustomerRef", "PrivateNote", "ExchangeRate")
KEPT: dict[str, tuple[str, ...]] = {
    "Customer": (
        *("DisplayName", "CompanyName", "PrimaryEmailAddr", "PrimaryPhone", "WebAddr", "BillAddr"),
        *("PrimaryTaxIdentifier", "ParentRef", "Job", "FullyQualifiedName"),
    ),
    "Item": ("Name", "Sku", "FullyQualifiedName", "Type", "UnitPrice", "Description"),
    "Invoice": (*_DOCUMENT, "DueDate", "Balance", "TxnTaxDetail"),
    "CreditMemo": (*_DOCUMENT, "Balance", "RemainingCredit", "TxnTaxDetail"),
    "Payment": (*_DOCUMENT, "PaymentRefNum", "UnappliedAmt", "DepositToAccountRef", "Line"),
}
_PROVIDERS = re.compile(r"(?:ch|py|pi|re|PM|PAY)[_-][A-Za-z0-9_-]{6,80}")


def quoted(text: Any) -> str:
    """A text inside a query, which nobody can end early."""
    inner = str(text).replace("\\", "\\\\").replace("'", "\\'")
    inner = "".join(char if char.isprintable() else " " for char in inner)
    return f"'{inner}'"


def own_id(entity: str, key: str) -> tuple[str, str] | None:
    """(object, its id) for an id as we name it; None for what is none."""
    for name, prefix in reversed(OBJECTS[entity].items()):
        if key.startswith(prefix) and re.fullmatch(r"[0-9]{1,20}", key[len(prefix) :]):
            return name, key[len(prefix) :]
    return None


class QuickBooksReader:
    """The reading half; ``call`` is the connector's own, below the company's address."""

    def __init__(self, call: Callable[..., Answer]):
        self._call = call

    def query(self, text: str) -> dict:
        """What a query answers.

        :raise ConnectorError: kind ``schema`` if it is no such answer; an empty one has no rows in it.
        """
        body = self._call("GET", "query", query={"query": text}).json()
        result = body.get("QueryResponse") if isinstance(body, dict) else None
        if not isinstance(result, dict):
            raise ConnectorError("schema", "no_records")
        return result

    def rows(self, name: str, where: Iterable[str], tail: str = "", columns: str = "*") -> list:
        """Rows of one object.

        :param where: conditions, all of which must hold; :param tail: order and place.
        """
        conditions = list(where)
        if name in LISTED:
            conditions.append("Active in (true, false)")
        clause = f" where {' and '.join(conditions)}" if conditions else ""
        found = self.query(f"select {columns} from {name}{clause}{tail}").get(name, [])
        if not isinstance(found, list) or not all(_is_row(row) for row in found):
            raise ConnectorError("schema", "no_records", params={"object": name})
        return found

    def count(self, name: str, where: Iterable[str] = ()) -> int:
        """How many rows there are, by QuickBooks' own count."""
        conditions = [*where, *(["Active in (true, false)"] if name in LISTED else [])]
        clause = f" where {' and '.join(conditions)}" if conditions else ""
        total = self.query(f"select count(*) from {name}{clause}").get("totalCount")
        if not isinstance(total, int):
            raise ConnectorError("schema", "no_count", params={"object": name})
        return total

    def by_ids(self, name: str, ids: Sequence[str], columns: str = "*") -> list:
        """Rows by their ids, a hundred a query; ids are digits."""
        found = []
        for part in chunks(list(dict.fromkeys(ids)), IDS):
            listed = ", ".join(quoted(key) for key in part)
            tail = f" maxresults {IDS}"
            found += self.rows(name, [f"Id in ({listed})"], tail, columns)
        return found

    # -- what changed -------------------------------------------------------------------------

    def changes(
        self, name: str, state: dict, first: int, overlap: int, begun: Callable[[], datetime]
    ):
        """One page of what changed, oldest first.

        :param state: see :mod:`.window`; times are whole seconds, in milliseconds.
        :param first: where the very first window starts; :param begun: when the product answered.
        :return: ``(rows, next state, whether there is more)``.
        """
        fresh = "upto" not in state
        state = window.begin(state, now=0, first=first)
        if state.get("by_id") is not None:
            return self._one_second(name, state)
        since = f"MetaData.LastUpdatedTime >= {quoted(_moment(state['at']))}"
        tail = f" orderby MetaData.LastUpdatedTime startposition 1 maxresults {PAGE}"
        rows = self.rows(name, [since], tail)
        if fresh:
            state["upto"] = to_epoch(begun(), 1000)
        places = [(_second(row), str(row["Id"])) for row in rows]
        seconds = [second for second, _key in places]
        if seconds != sorted(seconds):
            raise ConnectorError("schema", "not_sorted", params={"object": name})
        if len(rows) >= PAGE and places[-1][0] <= state["at"]:
            # a whole page of one second: it is read by itself
            return rows, {**state, "seen": [], "by_id": "", "offset": 1}, True
        new, state, more = window.advance(state, places, limit=PAGE, overlap=overlap)
        return [rows[index] for index in new], state, more

    def _one_second(self, name: str, state: dict):
        span = [
            f"MetaData.LastUpdatedTime >= {quoted(_moment(state['at']))}",
            f"MetaData.LastUpdatedTime < {quoted(_moment(state['at'] + 1000))}",
        ]
        tail = f" orderby Id startposition {state['offset']} maxresults {PAGE}"
        rows = self.rows(name, span, tail)
        if state["by_id"] and (not rows or str(rows[0]["Id"]) != state["by_id"]):
            # one that was read has left this second, and what follows moved up: once more
            return [], {**state, "by_id": "", "offset": 1}, True
        if len(rows) < PAGE:
            return rows, {"at": state["at"] + 1000, "seen": [], "upto": state["upto"]}, True
        after = {"by_id": str(rows[-1]["Id"]), "offset": state["offset"] + len(rows) - 1}
        return rows, {**state, **after}, True

    def deleted(self, name: str, since: datetime) -> tuple[list[dict], datetime | None, bool]:
        """What was deleted since, by change data capture.

        :return: ``(rows with Id and status, QuickBooks' time, whether the answer was cut)``.
        """
        query = {"entities": name, "changedSince": iso(since, 0)}
        body = self._call("GET", "cdc", query=query).json()
        outer = body.get("CDCResponse") if isinstance(body, dict) else None
        if not isinstance(outer, list):
            raise ConnectorError("schema", "no_records")
        rows = []
        for one in outer:
            for result in one.get("QueryResponse") or () if isinstance(one, dict) else ():
                found = result.get(name) if isinstance(result, dict) else None
                rows += [row for row in found or () if isinstance(row, dict)]
        gone = [row for row in rows if row.get("status") == "Deleted" and row.get("Id")]
        return gone, parse_iso(body.get("time")), len(rows) >= 1000

    # -- records ------------------------------------------------------------------------------

    def records(self, entity: str, name: str, rows: Sequence[dict]) -> list[Record]:
        """Rows as records; a payment gets the numbers of the invoices that it is for."""
        numbers = self._numbers(rows) if name == "Payment" else {}
        prefix = OBJECTS[entity][name]
        return [_record(entity, name, prefix, row, numbers) for row in rows]

    def _numbers(self, rows: Sequence[dict]) -> dict[str, str]:
        ids = [key for row in rows for key in linked(row, "Invoice")]
        found = self.by_ids("Invoice", ids, "Id, DocNumber") if ids else []
        return {str(row["Id"]): str(row.get("DocNumber") or "") for row in found}


def linked(row: dict, kind: str) -> list[str]:
    """Ids of the documents that the lines of a payment are for."""
    found = []
    for line in row.get("Line") or ():
        for one in (line.get("LinkedTxn") or ()) if isinstance(line, dict) else ():
            key = str(one.get("TxnId") or "") if isinstance(one, dict) else ""
            if one.get("TxnType") == kind and re.fullmatch(r"[0-9]{1,20}", key):
                found.append(key)
    return list(dict.fromkeys(found))


def _record(entity: str, name: str, prefix: str, row: dict, numbers: dict) -> Record:
    changed = parse_iso(row["MetaData"]["LastUpdatedTime"])
    kept = {key: row[key] for key in (*_COMMON, *KEPT[name]) if key in row}
    kept["object"] = name
    if name in ("Invoice", "CreditMemo"):
        kept["state"] = _state(row)
    elif name == "Payment":
        kept["paid"] = _paid(row, numbers)
    return Record(entity, f"{prefix}{row['Id']}", iso(changed), changed, strict_json.dumps(kept))


def _state(row: dict) -> str:
    """How far a document has come: open, paid, or void (its amounts are zero then)."""
    if _amount(row.get("TotalAmt")) == 0 and str(row.get("PrivateNote") or "").startswith("Voided"):
        return "void"
    return "paid" if _amount(row.get("Balance")) == 0 else "open"


def _paid(row: dict, numbers: dict[str, str]) -> dict:
    """What the books have to know of a payment.

    Its day has no time: it is named at 10:00 UTC, which is that day from Hawaii to Auckland. A reference counts
    only if it is that of a payment provider: numbers of cheques repeat, and two payments must not be taken for one.
    """
    invoices = linked(row, "Invoice")
    number = numbers.get(invoices[0]) if len(invoices) == 1 else None
    reference = str(row.get("PaymentRefNum") or "")
    # a payment of nothing only joins a credit memo to an invoice, or was voided
    return {
        "date": f"{row['TxnDate']}T10:00:00Z" if row.get("TxnDate") else None,
        "status": "succeeded" if _amount(row.get("TotalAmt")) else "canceled",
        "invoice": number,
        # of several, or of none, the customer's open invoices have to tell
        "customer": None if number else (row.get("CustomerRef") or {}).get("value"),
        "reference": reference if _PROVIDERS.fullmatch(reference) else f"QuickBooks {row['Id']}",
    }


def _amount(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value or 0))


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and re.fullmatch(r"[0-9]{1,20}", str(row.get("Id"))) is not None


def _second(row: dict) -> int:
    meta = row.get("MetaData")
    changed = parse_iso(meta.get("LastUpdatedTime")) if isinstance(meta, dict) else None
    if changed is None:
        raise ConnectorError("schema", "no_time_of_change")
    return to_epoch(changed) * 1000


def _moment(milliseconds: int) -> str:
    return iso(from_epoch(milliseconds, 1000), 0)
