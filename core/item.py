"""One message on its way through apply: plain data that the steps fill in."""

from dataclasses import dataclass, field
from datetime import datetime

from .merge import CONFLICT
from .problem import Link, Money, Problem


@dataclass
class Item:
    """A canonical record of one entity, waiting to be written into Odoo.

    ``values`` holds canonical fields. References to other records of the source are resolved to
    Odoo ids (``int``, or a list of them), vocabulary words to ``Term``. ``changed`` names the
    fields whose value differs from the link's base (the last agreed value): once
    the merge has decided, those of them that may be written, so an update writes only these. Of the
    others ``values`` holds what Odoo holds, where that is known.
    """

    message_id: int
    system_id: int
    entity: str
    external_id: str
    kind: str = "snapshot"
    action: str = "change"
    company_id: int | None = None
    version: str | None = None
    changed_at: datetime | None = None
    partial: bool = False  # whether it says nothing about fields that are not in ``values``
    own: bool = False  # whether the source has it from us: it is Odoo's own record, come back
    values: dict = field(default_factory=dict)
    link: Link | None = None
    changed: frozenset = frozenset()
    decision: dict = field(
        default_factory=dict
    )  # what a person said: {"link": id} or {"create": True}
    # what the merge decided: {field: Outcome}, the incoming values that it compared (in Odoo's terms), and
    # Odoo's afterwards
    outcomes: dict = field(default_factory=dict)
    offered: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)
    party: object = None  # what it says of a company, once it was compared with others
    # results
    res_id: int | None = None
    problem: Problem | None = None
    skip: str | None = None  # reason code, when there is nothing to do
    skip_params: dict = field(default_factory=dict)
    stops: list = field(default_factory=list)  # what holds it until somebody lets it through
    warnings: list = field(
        default_factory=list
    )  # what rules warn of, and the ids of those that looked
    warned_by: list = field(default_factory=list)
    at_risk: Money | None = None  # shown with the exception if this item fails
    audit: dict = field(default_factory=dict)  # field -> (old, new), filled by the handler
    trace: dict = field(default_factory=dict)  # what taking it back needs, filled by the engine

    @property
    def conflicts(self) -> list:
        """Fields that a person has to decide."""
        return [name for name, outcome in self.outcomes.items() if outcome.action == CONFLICT]

    @property
    def all_disputed(self) -> bool:
        """Whether nothing of it can be written before a person has decided."""
        return not self.changed and bool(self.conflicts)

    @property
    def open(self) -> bool:
        """Whether nothing was decided about this item yet."""
        return self.problem is None and self.skip is None and not self.stops
