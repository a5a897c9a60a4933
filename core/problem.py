"""What stands between a message and its effect, as data that a sentence is made of."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .retry import transient


class Problem(Exception):
    """One record cannot be applied or sent.

    :param code: machine word of the sentence, for example ``"unknown_term"``; the sentence itself
        is made in the reader's language (``models/flow/sentences.py``).
    :param kind: class of error, one of ``core.retry.ROUTES``, which says what becomes of it.
    :param params: plain JSON values shown in the sentence; no secret, no whole payload.
    :param cause: what exceptions with one root cause share, beside system, entity and code
        (for example the unknown word). Defaults to nothing: all of one code are one issue.
    """

    def __init__(self, code: str, /, *, kind: str = "data", cause: str = "", **params: Any):
        super().__init__(code)
        self.code = code
        self.kind = kind
        self.cause = cause
        self.params = params

    @property
    def transient(self) -> bool:
        return transient(self.kind)

    def __str__(self) -> str:
        return f"{self.code}({', '.join(sorted(self.params))})"


@dataclass(frozen=True)
class Money:
    """An amount in one currency (ISO 4217 code)."""

    amount: Decimal
    currency: str


@dataclass
class Term:
    """A canonical word of a vocabulary, with the Odoo record it stands for, if any."""

    code: str
    res_model: str | None = None
    res_id: int | None = None


@dataclass
class Link:
    """What the hub knows of a record in one system: the Odoo record and the last agreed values."""

    id: int
    res_model: str
    res_id: int
    base: dict = field(default_factory=dict)
    version: str | None = None
    # Odoo's values when both last agreed, and what is open: disputed, owed, sent (models/flow/link.py)
    held: dict | None = None
    unsettled: dict | None = None
    merged_into: str | None = None  # the id that it was merged into at the source
