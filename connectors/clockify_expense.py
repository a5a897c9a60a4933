"""Expenses of a workspace: a list without dates and without approval; the expense report says what is approved.

The list states how many there are, so that it can be proved. Amounts are taken from the list, whose unit is
known; of the report only which ids are approved.

Source: Clockify API, "Get all expenses on a workspace", "Get an expense by ID", "Generate an expense report";
"clockify-ts-sdk", "Discrepancies" (totals are in hundredths, the list does not filter by date).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ..core import strict_json
from . import clockify_shapes as shapes
from .errors import ConnectorError
from .parts import Record

if TYPE_CHECKING:
    from .clockify import Clockify

SIZE = 200
STATES = ("UNAPPROVED", "APPROVED")


class Expenses:
    """Reads the expenses of a connector's workspace."""

    def __init__(self, connector: Clockify):
        self._of = connector
        self._categories: dict[str, str] | None = None

    def _list(self, page: int) -> tuple[list[dict], int]:
        query = {"page": page, "page-size": SIZE}
        answer = self._of._call("GET", f"{self._of.workspace()}/expenses", query=query)
        found = answer.details().get("expenses")
        rows = found.get("expenses") if isinstance(found, dict) else None
        if not isinstance(rows, list):
            raise ConnectorError("schema", "no_list", params={"list": "expenses"})
        return rows, int(found.get("count") or 0)

    def page(self, number: int) -> tuple[list[Record], bool]:
        """One page of the list, and whether it is the last."""
        rows, _count = self._list(number)
        start = self._of.settings.get("start_date") or ""
        wanted = [row for row in rows if str(row.get("date") or "")[:10] >= start]
        return self._records(wanted), len(rows) < SIZE

    def _every(self) -> Iterator[tuple[list[dict], int]]:
        page = 1
        while True:
            rows, count = self._list(page)
            yield rows, count
            if len(rows) < SIZE:
                return
            page += 1

    def listing(self) -> Iterator[tuple[list[Record], bool]]:
        """All expenses, and with the last part whether Clockify's own count agrees."""
        keys, read, counts = set(), 0, set()
        for rows, count in self._every():
            keys.update(row["id"] for row in rows)
            read += len(rows)
            counts.add(count)
            yield self._records(rows), True
        yield [], counts == {len(keys)} and read == len(keys)

    def ids(self) -> set[str]:
        """Ids of all expenses.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``.
        """
        keys, read, counts = set(), 0, set()
        for rows, count in self._every():
            keys.update(row["id"] for row in rows)
            read += len(rows)
            counts.add(count)
        if counts != {len(keys)} or read != len(keys):
            raise ConnectorError("connection", "listing_incomplete", params={"read": len(keys)})
        return keys

    def fetch(self, keys: Sequence[str]) -> dict[str, Record]:
        """Expenses by id."""
        rows = [row for row in (self._of.one(f"/expenses/{key}") for key in keys) if row]
        projects = {row.get("projectId") for row in rows} - {None, ""}
        found = {key: self._of.one(f"/projects/{key}") for key in sorted(projects)}
        names = {key: row.get("name") or "" for key, row in found.items() if row}
        return {record.external_id: record for record in self._records(rows, names)}

    def _records(self, rows: Sequence[dict], projects: dict | None = None) -> list[Record]:
        if not rows:
            return []
        names = {key: one["name"] or "" for key, one in self._of.people().items()}
        names |= projects or {}
        if any(not row.get("category") for row in rows):
            names |= self._category_names()
        states = self._states(rows)
        return [
            Record(
                "expense",
                row["id"],
                None,
                None,
                strict_json.dumps(shapes.expense(row, names, states.get(row["id"], "UNSUBMITTED"))),
            )
            for row in rows
        ]

    def _category_names(self) -> dict[str, str]:
        if self._categories is None:
            self._categories = {}
            page = 1
            while True:
                query = {"page": page, "page-size": SIZE}
                path = f"{self._of.workspace()}/expenses/categories"
                rows = self._of._call("GET", path, query=query).details().get("categories")
                if not isinstance(rows, list):
                    raise ConnectorError("schema", "no_list", params={"list": "categories"})
                self._categories.update({row["id"]: row.get("name") or "" for row in rows})
                if len(rows) < SIZE:
                    break
                page += 1
        return self._categories

    def _states(self, rows: Sequence[dict]) -> dict[str, str]:
        """What the report says of the approval of these, by id."""
        days = sorted({str(row.get("date") or "")[:10] for row in rows})
        if not days[0]:
            raise ConnectorError("schema", "bad_shape", params={"entity": "expense"})
        states: dict[str, str] = {}
        for window in _spans(days):
            for state in STATES:
                for row in self._report(window, state):
                    states[str(row.get("id"))] = shapes.approval(row, state)
        return states

    def _report(self, window: Sequence, state: str) -> Iterator[dict]:
        page = 1
        while True:
            paging = {"page": page, "pageSize": SIZE, "sortColumn": "ID"}
            found = self._of.entries.ask("expenses/detailed", window, state, paging)
            rows = found.get("expenses")
            if not isinstance(rows, list):
                raise ConnectorError("schema", "no_list", params={"list": "expenses"})
            yield from rows
            if len(rows) < SIZE:
                return
            page += 1


def _spans(days: Sequence[str]) -> Iterator[list]:
    """Windows of at most 30 days that hold these days, without the empty stretches between them."""
    try:
        dates = [date.fromisoformat(day) for day in days]
    except ValueError:
        raise ConnectorError("schema", "bad_time") from None
    first = last = dates[0]
    for day in [*dates[1:], None]:
        if day is not None and day - first < timedelta(days=28):
            last = day
            continue
        yield [f"{first}T00:00:00Z", f"{last}T23:59:59Z", None]
        if day is not None:
            first = last = day
