"""When to try again. Decisions are values; carrying them out is the engine's part."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Route(Enum):
    """What becomes of a fault."""

    AGAIN = "again"  # it heals by itself: tried again later, within a budget
    FREE = "free"  # the same, but nothing is wrong with the message: no try is used up
    SYSTEM = "system"  # it lies with the account or the address: waits, keeps its tries
    PERSON = "person"  # no repetition heals it: a person is asked at once


# Each class of error has one place that decides: here.
ROUTES = {
    "connection": Route.AGAIN,
    "product_down": Route.AGAIN,
    "lock": Route.AGAIN,
    # A write whose answer was lost: repeated under its key, or looked up first.
    "unknown": Route.AGAIN,
    "rate": Route.FREE,
    "sign_in": Route.SYSTEM,
    # One refused read says nothing of a record; a refused write does (see READING).
    "permission": Route.PERSON,
    "schema": Route.PERSON,
    "data": Route.PERSON,
    "reference": Route.PERSON,
    "identity": Route.PERSON,
    "conflict": Route.PERSON,
    "rule": Route.PERSON,
    "bug": Route.PERSON,
}
# Where a read differs: it changes nothing, and not to be reached is the network's fault alone.
READING = {"permission": Route.SYSTEM, "schema": Route.SYSTEM, "connection": Route.FREE}

SYSTEM_WAIT = 60.0  # seconds


def route(kind: str, *, reading: bool = False) -> Route:
    """What becomes of a fault of this class.

    :param reading: whether the call could not have changed anything.
    """
    usual = ROUTES.get(kind, Route.PERSON)
    return READING.get(kind, usual) if reading else usual


def transient(kind: str) -> bool:
    """Whether trying the same again later can help without a person."""
    return ROUTES.get(kind) in (Route.AGAIN, Route.FREE)


@dataclass(frozen=True)
class Policy:
    """How a stream retries: delays in seconds; ``budget`` is the number of tries."""

    base: float = 2.0
    cap: float = 3600.0
    budget: int = 12


@dataclass(frozen=True)
class Decision:
    """``retry_at`` is set for a fault that is tried again; else a person is asked.

    ``dead`` tells a used-up budget from a fault that no repetition can heal; ``counts`` whether
    this try is one of the budget.
    """

    retry_at: datetime | None
    dead: bool = False
    counts: bool = True


def decide(
    kind: str,
    attempts: int,
    now: datetime,
    *,
    policy: Policy = Policy(),
    retry_after: float | None = None,
    reading: bool = False,
    rand: Callable[[], float] = random.random,
) -> Decision:
    """Exponential backoff with full jitter, never earlier than the product asked for.

    :param kind: class of error (see ``ROUTES``).
    :param attempts: tries made so far, this one included.
    :param retry_after: what the product asked for, in seconds.
    :param reading: see :func:`route`.
    """
    way = route(kind, reading=reading)
    if way is Route.PERSON:
        return Decision(None)
    if way is Route.SYSTEM:
        return Decision(now + timedelta(seconds=SYSTEM_WAIT), counts=False)
    if way is Route.AGAIN and attempts >= policy.budget:
        return Decision(None, dead=True)
    ceiling = min(policy.cap, policy.base * 2 ** min(attempts, 30))
    delay = max(ceiling * rand(), 0.05)
    if retry_after:
        delay = retry_after + delay * 0.1
    return Decision(now + timedelta(seconds=delay), counts=way is Route.AGAIN)
