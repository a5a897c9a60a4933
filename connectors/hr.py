"""HR data in files: people, their leave and their assignments, as an HR product exports them.

No product is called. A person uploads one file for each kind of record (CSV; the system's page, *Streams*), and what
the columns mean is the mapping. Settings and secrets: none. A declared connector (``docs/connectors/declared.md``)
reads the same from an HR product's interface, into the same entities.
"""

from __future__ import annotations

from typing import ClassVar

from .base import Connector
from .canonical import NOWHERE
from .parts import CheckItem, Page


class HrFiles(Connector):
    """What people save from an HR product."""

    product = "hr"
    label = "HR data (files)"
    default_base_url = NOWHERE
    asks: ClassVar = False
    by_file: ClassVar = True
    renews_with = ()

    def check(self) -> list[CheckItem]:
        """There is nothing to sign in to."""
        return [CheckItem("uploaded_only", True)]

    def account_id(self) -> str:
        """Files name no account."""
        return ""

    def poll(self, entity, cursor, now):
        """Nothing comes by itself."""
        return Page([], cursor or {}, False)

    def fetch(self, entity, ids):
        """Nothing can be asked for: what is not known yet is in a file that comes later."""
        return {}
