"""Who owns a field, and by which rule: plain data, compiled once for a batch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

RULES = ("system", "system_unless_blank", "odoo", "newest", "first", "hold", "none")
OWNED_BY_SYSTEM = frozenset({"system", "system_unless_blank"})


class Rule(NamedTuple):
    """How one field is decided.

    :param name: one of ``RULES``.
    :param owner: id of the only system that is listened to; None: every system that maps the field.
    :param set: whether somebody (or the shipped proposal) chose it; else it follows from the direction.
    """

    name: str
    owner: int | None = None
    set: bool = True

    def listens_to(self, system: int) -> bool:
        """Whether what this system says may reach Odoo at all."""
        if self.name in ("none", "odoo"):
            return False
        return self.owner is None or self.owner == system

    def sends_to(self, system: int) -> bool:
        """Whether Odoo's value may go to this system: never back to who owns it, nor beside it.

        It is no permission: that is a grant (write-back), which is asked for as well.
        """
        if self.name in OWNED_BY_SYSTEM:
            return self.owner is not None and self.owner != system
        return self.name != "none"


# What holds where nobody chose: what only comes in is the source's, what only goes out is Odoo's.
BY_DIRECTION = {
    "in": Rule("system", set=False),
    "out": Rule("odoo", set=False),
    "both": Rule("hold", set=False),
}


class Book:
    """The rules of one entity, by field and company."""

    def __init__(
        self,
        directions: Mapping[str, str],
        rows: Iterable[tuple[str, int | None, str, int | None]] = (),
    ):
        """
        :param directions: ``in``, ``out`` or ``both`` of each field.
        :param rows: ``(field, company or None, rule, owner or None)``; a company's own row comes first.
        """
        self._default = {name: BY_DIRECTION[way] for name, way in directions.items()}
        self._rules = {
            (name, company or None): Rule(rule, owner or None)
            for name, company, rule, owner in rows
        }
        self.names = {rule for rule, _owner, _set in self._rules.values()}

    def of(self, field: str, company: int | None = None) -> Rule:
        """The rule of ``field`` for records of ``company``."""
        return (
            (self._rules.get((field, company)) if company else None)
            or self._rules.get((field, None))
            or self._default.get(field)
            or BY_DIRECTION["in"]
        )


class Claim(NamedTuple):
    """What one canonical field says about the Odoo field that it becomes."""

    field: str
    column: str
    rule: Rule
    granted: frozenset = frozenset()  # systems that may be written to


class Clash(NamedTuple):
    """Why the rules of one entity cannot stand together."""

    code: str  # "two_owners" | "cycle"
    fields: tuple
    system: int


def clashes(claims: Iterable[Claim]) -> list[Clash]:
    """What is wrong with the ownership of one entity: a column of Odoo has one owner, and an owner's
    value is never written back to it (it would answer itself for ever).

    Canonical fields that become the same Odoo field are judged together.
    """
    found = []
    by_column = defaultdict(list)
    for claim in claims:
        by_column[claim.column or f"field {claim.field}"].append(claim)
    for group in by_column.values():
        owned = [c for c in group if c.rule.name in OWNED_BY_SYSTEM and c.rule.owner]
        names = tuple(sorted(c.field for c in group))
        owners = {c.rule.owner for c in owned}
        if len(owners) > 1:
            found.append(Clash("two_owners", names, min(owners)))
        for owner in sorted(owners & frozenset().union(*(c.granted for c in group))):
            found.append(Clash("cycle", names, owner))
    return found
