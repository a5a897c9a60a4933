"""One message on its way through apply: plain data that the steps fill in."""

from dataclasses import dataclass, field
from datetime import datetime

from .problem import Link, Money, Problem


@dataclass
class Item:
    """A canonical record of one entity, waiting to be written into Odoo.

    ``values`` holds canonical fields. References to other records of the source are resolved to
    Odoo ids (``int``, or a list of them), vocabulary words to ``Term``. ``changed`` names the
    fields whose value differs from the link's base (the last agreed value): an update writes only
    these, so what a person changed in Odoo meanwhile survives an unrelated change of the source.
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
    values: dict = field(default_factory=dict)
    link: Link | None = None
    changed: frozenset = frozenset()
    decision: dict = field(
        default_factory=dict
    )  # what a person said: {"link": id} or {"create": True}
    # results
    res_id: int | None = None
    problem: Problem | None = None
    skip: str | None = None  # reason code, when there is nothing to do
    at_risk: Money | None = None  # shown with the exception if this item fails
    audit: dict = field(default_factory=dict)  # field -> (old, new), filled by the handler
    trace: dict = field(default_factory=dict)  # what taking it back needs, filled by the engine

    @property
    def open(self) -> bool:
        """Whether nothing was decided about this item yet."""
        return self.problem is None and self.skip is None
