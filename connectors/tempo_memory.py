"""What a run has read, kept for its next page: each page is read by a connector of its own.

People, accounts, issues and timesheets cost many calls, at five a second. They stay in this process for some minutes,
for the same site, tokens and run. What was read before a run began is not for it: what changes meanwhile is then found
by the next run, which asks from this one's beginning on. A page that failed leaves what it has read, too, so that the
next try goes on there. Who reads a page takes it all out, so that no two threads share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.keys import fingerprint
from .tempo_approval import Timesheets
from .tempo_directory import Directory

if TYPE_CHECKING:
    from .tempo import Tempo

FRESH = timedelta(minutes=10)
_kept: dict[str, Known] = {}  # this process's


@dataclass(frozen=True)
class Known:
    """What was read since ``begun``, by our clock."""

    directory: Directory
    sheets: Timesheets
    begun: datetime

    def with_connector(self, connector: Tempo | None) -> Known:
        """The same, read on by another connector."""
        directory, sheets = copy(self.directory), copy(self.sheets)
        directory.connector = sheets.connector = connector
        return replace(self, directory=directory, sheets=sheets)


def nothing(connector: Tempo) -> Known:
    """What is known at first."""
    return Known(Directory(connector), Timesheets(connector), connector.clock())


def take(connector: Tempo, cursor: Mapping) -> Known:
    """What is known for the page at this cursor."""
    known = _kept.pop(_key(connector, cursor), None)
    if known is None or connector.clock() - known.begun >= FRESH:
        return nothing(connector)
    return known.with_connector(connector)


def keep(connector: Tempo, cursor: Mapping, known: Known) -> None:
    """Keep it for the page at this cursor, without the connector, which has secrets."""
    for key, one in list(_kept.items()):
        if connector.clock() - one.begun >= FRESH:
            _kept.pop(key, None)
    _kept[_key(connector, cursor)] = known.with_connector(None)


def forget() -> None:
    """Forget all that is kept in this process."""
    _kept.clear()


def _key(connector: Tempo, cursor: Mapping) -> str:
    # before its first page, a run has no windows; ``since`` still is the one before it
    tokens = (connector.secrets.get(field.name) for field in connector.auth)
    under_way = bool(cursor.get("windows"))
    return fingerprint(connector.base_url, *tokens, under_way, cursor.get("since"))
