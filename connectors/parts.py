"""What passes between the engine and a connector: plain data, whatever the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .errors import ConnectorError
from .http import Headers


@dataclass(frozen=True)
class WebhookRequest:
    """One HTTP request at our door.

    ``url`` is the public address as configured, with path and query; it never comes from proxy or
    Host headers, because some products sign it.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        """A header by name, whatever its case; None if it is not there."""
        return Headers(self.headers).get(name)


@dataclass(frozen=True)
class Notice:
    """One thing received by webhook.

    :param event_key: bytes that name the product's event, equal for each delivery of it.
    :param kind: ``notice`` (thin: fetch the record), ``snapshot`` (payload is the full record) or
        ``event`` (never superseded: merge, deletion).
    :param version: sortable text of the source's version or time.
    :param action: change, delete, merge, or ignored (stored as skipped, for ``reason``).
    :param merged_into: the id that goes on after a merge.
    """

    entity: str
    external_id: str
    event_key: bytes
    kind: str
    changed_at: datetime | None
    version: str | None
    payload: bytes
    action: str = "change"
    reason: str = ""
    merged_into: str | None = None


@dataclass
class Record:
    """A full record of the source; ``payload`` is canonical JSON with all that a mapping needs.

    ``merged_into`` names the survivor if this id was merged away; the payload then is the
    survivor's.
    """

    entity: str
    external_id: str
    version: str | None
    changed_at: datetime | None
    payload: bytes
    deleted: bool = False
    merged_into: str | None = None


@dataclass
class Page:
    """Part of a poll. Store ``cursor`` in the transaction that stores ``records``: it is plain
    JSON, and a poll that starts from it goes on where this page ended."""

    records: list[Record]
    cursor: dict
    more: bool


@dataclass(frozen=True)
class Write:
    """One change to send. ``key`` stays the same over repeats; ``attempt`` counts them from 1; ``record`` is
    the id of our record, the same in all its changes; ``waited`` says how many seconds ago this change was last
    tried, None if it never was or nobody knows."""

    key: str
    entity: str
    operation: str
    external_id: str | None
    values: dict
    attempt: int = 1
    record: int | None = None
    waited: float | None = None


@dataclass
class Outcome:
    """What became of a write; ``links`` are further ids that it made or found; ``more`` are further ids of the same
    record, where the product keeps one of ours as several of its own."""

    key: str
    ok: bool
    external_id: str | None = None
    links: dict[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()
    error: ConnectorError | None = None
    response: dict = field(default_factory=dict)


@dataclass(frozen=True)
class CheckItem:
    """One line of "Test connection". ``code`` is a machine word; ``params`` are safe to show."""

    code: str
    ok: bool
    params: dict = field(default_factory=dict)


@dataclass(frozen=True)
class TokenAnswer:
    """New tokens; ``refresh`` is None if the product keeps the old one."""

    access: str
    refresh: str | None
    expires_at: datetime


@dataclass(frozen=True)
class Consent:
    """The page on which a person lets us in (RFC 6749, 4.1).

    :param scopes: what is asked for, no more. :param account: parameter of the way back that names the
        account, where the product has one.
    """

    url: str
    scopes: tuple[str, ...]
    account: str = ""


@dataclass(frozen=True)
class Allowance:
    """What a product says is left: ``remaining`` of ``most`` calls, for the next ``seconds``."""

    remaining: int
    most: int
    seconds: float


@dataclass(frozen=True)
class SecretField:
    """A secret that an admin enters: technical name, label, and whether it must be there."""

    name: str
    label: str
    required: bool = False
