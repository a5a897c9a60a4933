"""What a source has, held against what arrived: one word for each record, counts and control totals."""

from dataclasses import dataclass, field
from decimal import Decimal

# agreed: the same here; on_way: received, not finished; person: before a person; left_out: decided
# to be left out; missing: never arrived; stale: an older version, or other values, are here
CLASSES = ("agreed", "on_way", "person", "left_out", "missing", "stale")
ON_WAY = ("received", "pending", "waiting", "held", "sending")
KEPT = 500  # ids that are kept to show and to ask for again


@dataclass(frozen=True)
class Known:
    """What is known here of a record of the source.

    :param version, amount: of its link, that is of the last values both sides agreed on.
    :param state, reason, heard: of the last message about it; ``heard`` is that message's version.
    """

    linked: bool = False
    version: str | None = None
    amount: Decimal | None = None
    state: str | None = None
    reason: str | None = None
    heard: str | None = None


def classify(version: str | None, amount: Decimal | None, known: Known) -> str:
    """The class of one record of the source.

    :param version, amount: what the source says now; None where it says nothing.
    """
    if known.state in ON_WAY:
        return "on_way"
    if known.state in ("failed", "dead"):
        return "person"
    # A version that arrived and was decided is no gap, whatever became of it.
    heard = bool(version and known.heard and known.heard >= version)
    if not known.linked:
        if known.state == "skipped" and known.reason not in ("no_stream", "superseded"):
            return "left_out" if heard or not version else "missing"
        return "missing"
    if version and known.version and known.version < version:
        return "left_out" if heard else "stale"
    if amount is not None and known.amount is not None and amount != known.amount:
        return "left_out" if heard else "stale"
    return "agreed"


@dataclass
class Tally:
    """Counts and totals of one comparison, and the ids that have to be asked for again."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    source_total: Decimal = Decimal()
    hub_total: Decimal = Decimal()
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def add(self, key: str, version: str | None, amount: Decimal | None, known: Known) -> str:
        """Count one record of the source; gives its class."""
        word = classify(version, amount, known)
        self.counts[word] += 1
        self.source_total += amount or 0
        self.hub_total += (known.amount or 0) if known.linked else 0
        if word in ("missing", "stale"):
            getattr(self, word).append(key)
        return word

    @property
    def source_count(self) -> int:
        return sum(self.counts.values())

    @property
    def gaps(self) -> list[str]:
        return [*self.missing, *self.stale]
