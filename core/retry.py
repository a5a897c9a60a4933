"""When to try again. Decisions are values; carrying them out is the engine's part."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .problem import TRANSIENT


@dataclass(frozen=True)
class Policy:
    """How a stream retries: delays in seconds; ``budget`` is the number of tries."""

    base: float = 2.0
    cap: float = 3600.0
    budget: int = 12


@dataclass(frozen=True)
class Decision:
    """``retry_at`` is set for a transient fault within the budget; else a person is asked.

    ``dead`` tells a used-up budget from a fault that no repetition can heal.
    """

    retry_at: datetime | None
    dead: bool = False


def decide(
    kind: str,
    attempts: int,
    now: datetime,
    *,
    policy: Policy = Policy(),
    retry_after: float | None = None,
    rand: Callable[[], float] = random.random,
) -> Decision:
    """Exponential backoff with full jitter, never earlier than the product asked for.

    :param kind: class of error (see ``core.problem.Problem``).
    :param attempts: tries made so far, this one included.
    :param retry_after: what the product asked for, in seconds. Waiting for a rate limit does not
        use up the budget: nothing is wrong with the message.
    """
    if kind not in TRANSIENT and kind != "unknown":
        return Decision(None)
    if attempts >= policy.budget and kind != "rate":
        return Decision(None, dead=True)
    ceiling = min(policy.cap, policy.base * 2 ** min(attempts, 30))
    delay = max(ceiling * rand(), 0.05)
    if retry_after:
        delay = retry_after + delay * 0.1
    return Decision(now + timedelta(seconds=delay))
