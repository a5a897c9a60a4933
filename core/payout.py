"""Whether a payout to the bank is the sum of its parts, and whether each part is in the books. Pure.

A provider keeps what customers paid, less fees, refunds and disputes, and pays out what is left. Each movement of
its balance that a payout carries to the bank is a part; in the books it stands as something that was booked already,
or it belongs on an account (a fee of the provider's own), or it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

# What a part is, in the hub's words. Of "fee" nothing else is booked: it belongs on the fee account.
KINDS = ("charge", "refund", "fee", "dispute", "dispute_reversal", "payout_reversal", "adjustment")


@dataclass(frozen=True)
class Part:
    """One movement of the provider's balance.

    :param net: what it did to the balance, after its fee; what came in is positive.
    :param booked: what the record that it stands for did to the provider's account in the books; None without one.
    """

    key: str
    kind: str
    net: Decimal
    booked: Decimal | None = None

    @property
    def rest(self) -> Decimal:
        """What is not in the books of it."""
        return self.net - (self.booked or Decimal(0))

    @property
    def own_fee(self) -> bool:
        """A fee of the provider's own that nobody booked: it is posted with the payout."""
        return self.kind == "fee" and self.booked is None


def unproved(amount: Decimal, parts: Iterable[Part]) -> Decimal:
    """What a payout of ``amount`` is more than its parts; zero where it is their sum."""
    return amount - sum((part.net for part in parts), Decimal(0))


def missing(parts: Iterable[Part]) -> list[Part]:
    """Parts that are not in the books, or for another amount, and are no fee of the provider's own."""
    return [part for part in parts if not part.own_fee and (part.booked is None or part.rest)]


def leaves(amount: Decimal, accounted: Iterable[Part]) -> Decimal:
    """What leaves the provider's account in the books with a payout of ``amount``, whose ``accounted`` parts are posted
    on accounts together with it: afterwards that account holds what the provider holds."""
    return amount - sum((part.rest for part in accounted), Decimal(0))
