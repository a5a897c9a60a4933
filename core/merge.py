"""The three-way merge: what the source says, what Odoo holds, and what both last agreed on.

One field at a time, on plain JSON values. The result names what to do and why, so that a person can
be told; nothing is guessed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .ownership import OWNED_BY_SYSTEM, Rule


class _Unknown:
    """Nothing is known, which is another thing than blank."""

    def __repr__(self):
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()

WRITE, AGREE, KEEP, CONFLICT = "write", "agree", "keep", "conflict"


class View(NamedTuple):
    """What is known of one field.

    :param incoming: the source's value now, and ``base``, its value when both last agreed.
    :param odoo: Odoo's value now, and ``held``, Odoo's value when both last agreed; ``meant`` is the
        incoming value in Odoo's terms. Each side is compared in its own terms, so that another
        spelling of the same thing is no change.
    :param sent: Odoo's value that went to this system and has not come back yet.
    :param known: whether the Odoo record was linked to the source's before.
    :param fresh: whether there is no Odoo record yet.
    :param edited: whether a person typed what Odoo holds.
    :param changed_at: when the source changed it; ``odoo_at``: when Odoo's value was written.
    :param first: system that wrote the field first, None if a person did.
    :param choice: what a person decided for this very pair of values: ``source`` or ``odoo``.
    :param released: a person gave the field back to its owner.
    """

    incoming: Any
    base: Any = UNKNOWN
    odoo: Any = UNKNOWN
    held: Any = UNKNOWN
    meant: Any = UNKNOWN
    sent: Any = UNKNOWN
    known: bool = True
    fresh: bool = False
    required: bool = False
    edited: bool = False
    changed_at: datetime | None = None
    odoo_at: datetime | None = None
    first: int | None = None
    choice: str | None = None
    released: bool = False

    @property
    def source_changed(self) -> bool:
        return self.base is UNKNOWN or not same(self.incoming, self.base)

    @property
    def odoo_known(self) -> bool:
        return self.odoo is not UNKNOWN

    def comes_to(self, value) -> bool:
        """Whether the incoming value, in Odoo's terms, is ``value``."""
        meant = self.incoming if self.meant is UNKNOWN else self.meant
        return value is not UNKNOWN and same(meant, value)

    @property
    def odoo_changed(self) -> bool:
        """Unknown counts as unchanged: then the source's change is the only one that is known."""
        return self.odoo_known and self.held is not UNKNOWN and not same(self.odoo, self.held)


class Outcome(NamedTuple):
    """What becomes of one field.

    :param action: ``write`` the incoming value; ``agree``, both hold the same; ``keep`` Odoo's; ``conflict``,
        a person decides.
    :param why: machine word of the reason.
    :param settled: whether the incoming value is the base of the next merge.
    :param owed: whether Odoo's value stands and the source holds another: it is sent where that is allowed.
    """

    action: str
    why: str
    settled: bool = True
    owed: bool = False

    @property
    def agreed(self) -> bool:
        """Whether Odoo's value after this is the one that both sides know (the next ``held``)."""
        return self.action in (WRITE, AGREE) or self.why in ("chosen", "first_link")


def merge(rule: Rule, system: int, view: View) -> Outcome:
    """Decide one field by its rule.

    :param system: id of the system that says ``view.incoming``.
    """
    if rule.name == "none":
        return Outcome(KEEP, "not_exchanged")
    if view.fresh:
        # A record cannot be made without what it requires: then the first value is the source's.
        if rule.listens_to(system) or view.required:
            return Outcome(WRITE, "new")
        return Outcome(KEEP, _not_listened(rule))
    if view.comes_to(view.odoo):
        return Outcome(AGREE, "same")
    if view.choice == "source":
        return Outcome(WRITE, "chosen")
    if view.choice == "odoo":
        return Outcome(KEEP, "chosen", owed=True)
    if not rule.listens_to(system):
        return Outcome(KEEP, _not_listened(rule), owed=view.source_changed)
    if view.released:
        return Outcome(WRITE, "released")
    if not view.source_changed:
        return Outcome(KEEP, "unchanged")
    if view.odoo_known and view.comes_to(view.sent):
        return Outcome(KEEP, "echo")  # our own value comes back; Odoo has gone on since
    if not view.known and view.odoo_known:
        if blank(view.odoo):
            return Outcome(WRITE, "filled")
        return Outcome(KEEP, "first_link", owed=True)
    return _by_rule(rule, system, view)


def _not_listened(rule):
    return "odoo_owns" if rule.name == "odoo" else "other_owner"


def _by_rule(rule, system, view):
    """A known record whose source changed, under a rule that listens to this source."""
    if rule.name in OWNED_BY_SYSTEM:
        if rule.name == "system_unless_blank" and blank(view.incoming):
            return Outcome(KEEP, "blank", owed=True)
        if view.odoo_changed and view.edited:
            return Outcome(KEEP, "edited", settled=False)
        return Outcome(WRITE, "owner")
    if rule.name == "first":
        if not view.odoo_known or blank(view.odoo) or view.first == system:
            if view.odoo_changed and view.edited and not blank(view.odoo):
                return Outcome(KEEP, "edited", settled=False)
            return Outcome(WRITE, "first")
        return Outcome(KEEP, "not_first", owed=True)
    if rule.name == "newest" and view.changed_at and view.odoo_at:
        # By time alone: another system may have said what Odoo holds later than this one did.
        if view.changed_at > view.odoo_at:
            return Outcome(WRITE, "newer")
        return Outcome(KEEP, "older", owed=True)
    if view.odoo_changed:
        return Outcome(CONFLICT, "both_changed", settled=False)
    if rule.name == "hold" and blank(view.incoming) and view.odoo_known:
        if view.base is UNKNOWN:
            # Linked without being read (made there with its name alone): it never had what it lacks.
            return Outcome(KEEP, "first_link", owed=True)
        return Outcome(CONFLICT, "cleared", settled=False)
    return Outcome(WRITE, "only_change")


def couple(outcomes: dict, groups: Iterable[Iterable[str]]) -> dict:
    """Fields that only make sense together (an amount and its currency) are not torn apart.

    :param outcomes: ``{field: Outcome}``; where one of a group is held back, what would be written of
        the others is held back too. An agreed field takes no side.
    """
    for group in groups:
        held_back = [
            outcomes[name]
            for name in group
            if name in outcomes
            and outcomes[name].action in (KEEP, CONFLICT)
            and outcomes[name].why != "unchanged"
        ]
        if not held_back:
            continue
        other = next((one for one in held_back if one.action == CONFLICT), held_back[0])
        for name in group:
            if name in outcomes and outcomes[name].action == WRITE:
                outcomes[name] = other._replace(why="with_other")
    return outcomes


def next_base(
    base: Mapping | None, incoming: Mapping, outcomes: Mapping, partial: bool = False
) -> dict:
    """What both sides agree on from now: the incoming record, but for what is not settled.

    :param partial: ``incoming`` holds some fields only and says nothing about the others.
    """
    result = {**(base or {}), **incoming} if partial else dict(incoming)
    for name, outcome in outcomes.items():
        if outcome.settled:
            continue
        if base is not None and name in base:
            result[name] = base[name]
        else:
            result.pop(name, None)
    return result


# -- values ----------------------------------------------------------------------------------------


def plain(value):
    """A canonical value as JSON data, for the base of a link."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "code"):  # a vocabulary term
        return value.code
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def blank(value) -> bool:
    """Whether a value says nothing. False and 0 are values."""
    return value is None or value == "" or value == []


def same(one, other) -> bool:
    """Whether two plain values mean the same; blank is blank, however it is written."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False  # for Python, True is 1
    return one == other or (blank(one) and blank(other))


def changed_fields(base: dict | None, values: dict) -> frozenset:
    """Names of the fields whose incoming value differs from the link's base.

    Without a base every field is new. A field that the mapping no longer delivers is not a change.
    """
    if base is None:
        return frozenset(values)
    return frozenset(
        name for name, value in values.items() if not same(plain(value), base.get(name))
    )
