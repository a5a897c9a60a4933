"""Three-way merge and ownership, by examples and by properties that hold for every value."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.merge import (
    AGREE,
    CONFLICT,
    KEEP,
    UNKNOWN,
    WRITE,
    Outcome,
    View,
    blank,
    couple,
    merge,
    next_base,
    same,
)
from lead_to_cash_hub.core.ownership import RULES, Book, Claim, Rule, clashes

A, B = 1, 2
NOW = datetime(2026, 3, 1)

values = st.one_of(
    st.none(), st.just(""), st.sampled_from("abcd"), st.integers(0, 3), st.booleans()
)
sides = st.one_of(st.just(UNKNOWN), values)
owners = st.sampled_from([None, A, B])
rules = st.builds(Rule, st.sampled_from(RULES), owners)
moments = st.one_of(st.none(), st.integers(0, 3).map(lambda day: NOW + timedelta(days=day)))
views = st.builds(
    View,
    incoming=values,
    base=sides,
    odoo=sides,
    held=sides,
    meant=st.just(UNKNOWN),
    sent=sides,
    known=st.booleans(),
    fresh=st.just(False),
    required=st.booleans(),
    edited=st.booleans(),
    changed_at=moments,
    odoo_at=moments,
    first=owners,
    choice=st.sampled_from([None, None, "source", "odoo"]),
    released=st.booleans(),
)


# -- what holds always ---------------------------------------------------------------------------


@given(rules, views)
def test_each_outcome_is_one_of_four_with_a_reason(rule, view):
    outcome = merge(rule, A, view)
    assert outcome.action in (WRITE, AGREE, KEEP, CONFLICT) and outcome.why
    if outcome.action in (WRITE, AGREE):
        assert outcome.settled and not outcome.owed
    if outcome.action == CONFLICT:
        assert not outcome.settled


@given(rules, views)
def test_what_a_rule_does_not_listen_to_is_written_by_a_persons_choice_only(rule, view):
    outcome = merge(rule, A, view)
    if outcome.action == WRITE and not rule.listens_to(A):
        assert view.choice == "source" and rule.name != "none"


@given(views)
def test_a_field_that_is_not_exchanged_is_never_touched(view):
    assert merge(Rule("none"), A, view).action == KEEP


@given(rules, views)
def test_nothing_is_written_that_odoo_has_already(rule, view):
    if view.odoo is not UNKNOWN and same(view.incoming, view.odoo):
        assert merge(rule, A, view).action != WRITE
        assert merge(rule, A, view).action != CONFLICT


@given(rules, views)
def test_an_edit_in_odoo_survives_when_the_source_said_nothing_new(rule, view):
    view = view._replace(choice=None, released=False)
    if view.base is not UNKNOWN and same(view.incoming, view.base):
        assert merge(rule, A, view).action in (KEEP, AGREE)


@given(rules, views)
def test_merging_the_result_again_changes_nothing(rule, view):
    """Idempotent: after the outcome was carried out, the same message finds nothing to write."""
    outcome = merge(rule, A, view)
    base = next_base({"f": view.base}, {"f": view.incoming}, {"f": outcome}).get("f", UNKNOWN)
    odoo = view.incoming if outcome.action == WRITE else view.odoo
    held = odoo if outcome.agreed else view.held
    again = merge(
        rule,
        A,
        view._replace(base=base, odoo=odoo, held=held, known=True, choice=None, released=False),
    )
    if outcome.settled and odoo is not UNKNOWN:
        assert again.action in (KEEP, AGREE), (outcome, again)
    elif not outcome.settled and base is not UNKNOWN and view.choice is None:
        assert again.action in (outcome.action, WRITE, CONFLICT)


@given(rules, values, values, values)
def test_our_own_value_that_comes_back_is_no_change(rule, old, sent, today):
    """No echo: Odoo sent ``sent`` and may have gone on to ``today``; the source repeats ``sent``."""
    view = View(incoming=sent, base=old, odoo=today, held=sent, sent=sent, edited=True)
    outcome = merge(rule, A, view)
    assert outcome.action in (KEEP, AGREE), outcome


@given(st.sampled_from(["hold", "newest"]), values, values, values)
def test_two_changes_are_never_decided_silently_without_a_time(name, base, incoming, odoo):
    view = View(incoming=incoming, base=base, odoo=odoo, held=base, meant=incoming)
    outcome = merge(Rule(name), A, view)
    both = not same(incoming, base) and not same(odoo, base) and not same(incoming, odoo)
    if both:
        assert outcome.action == CONFLICT
    elif not same(incoming, base) and same(odoo, base) and not blank(incoming):
        assert outcome.action == WRITE


@given(st.lists(st.tuples(st.sampled_from([A, B]), values), max_size=8), st.data())
def test_the_newest_change_wins_however_two_systems_interleave(changes, data):
    """Each system's own changes come in order; those of two systems arrive in any order."""
    stamped = [
        (system, value, NOW + timedelta(days=day)) for day, (system, value) in enumerate(changes)
    ]
    queues = {s: [change for change in stamped if change[0] == s] for s in (A, B)}
    odoo, at = "start", NOW - timedelta(days=1)
    base, held = {A: "start", B: "start"}, {A: "start", B: "start"}
    newest = (at, odoo)
    while any(queues.values()):
        system = data.draw(st.sampled_from([s for s in queues if queues[s]]))
        _system, value, when = queues[system].pop(0)
        view = View(value, base[system], odoo, held[system], changed_at=when, odoo_at=at)
        outcome = merge(Rule("newest"), system, view)
        assert outcome.action != CONFLICT
        changed = not same(value, base[system])
        if changed:
            newest = max(newest, (when, value), key=lambda pair: pair[0])
        if changed and outcome.action in (WRITE, AGREE):
            odoo, at = value, max(at, when)
        base[system] = value
        if changed and outcome.agreed:
            held[system] = odoo
    assert same(odoo, newest[1])


@given(st.sampled_from(["system", "system_unless_blank", "first"]), values, values, values)
def test_what_a_person_typed_is_kept_until_it_is_released(name, base, incoming, typed):
    view = View(incoming, base, typed, held=base, edited=True, first=A)
    outcome = merge(Rule(name, A), A, view)
    if not same(typed, base) and not same(typed, incoming) and not blank(typed):
        assert outcome.action == KEEP
    released = merge(Rule(name, A), A, view._replace(released=True))
    assert released.action in (WRITE, AGREE)


@given(views)
def test_a_blank_never_empties_a_field_where_the_rule_forbids_it(view):
    view = view._replace(incoming=None, choice=None, released=False)
    outcome = merge(Rule("system_unless_blank"), A, view)
    if view.odoo is not UNKNOWN and not blank(view.odoo):
        assert outcome.action == KEEP
    assert merge(Rule("hold"), A, view._replace(known=True)).action != WRITE or (
        view.odoo is UNKNOWN or blank(view.odoo) or view.odoo_changed
    )


# -- each rule, in words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "view", "expected"),
    [
        (Rule("system"), View("b", "a", "a", "a"), (WRITE, "owner")),
        (Rule("system"), View("b", "a", "x", "a", edited=True), (KEEP, "edited")),
        (Rule("system"), View("b", "a", "x", "a"), (WRITE, "owner")),
        (Rule("system"), View(None, "a", "a", "a"), (WRITE, "owner")),
        (Rule("system", B), View("b", "a", "a", "a"), (KEEP, "other_owner")),
        (Rule("system_unless_blank"), View("", "a", "a", "a"), (KEEP, "blank")),
        (Rule("odoo"), View("b", "a", "a", "a"), (KEEP, "odoo_owns")),
        (Rule("odoo"), View("b", fresh=True, required=True), (WRITE, "new")),
        (Rule("odoo"), View("b", fresh=True), (KEEP, "odoo_owns")),
        (Rule("hold"), View("b", "a", "x", "a"), (CONFLICT, "both_changed")),
        (Rule("hold"), View("b", "a", "a", "a"), (WRITE, "only_change")),
        (Rule("hold"), View("a", "a", "x", "a"), (KEEP, "unchanged")),
        (Rule("hold"), View("", "a", "a", "a"), (CONFLICT, "cleared")),
        # linked, and never read: nothing was there that could have been emptied
        (Rule("hold"), View("", odoo="a"), (KEEP, "first_link")),
        (Rule("hold"), View("", odoo=None), (AGREE, "same")),
        (Rule("hold"), View("b", "a", "x", "a", choice="source"), (WRITE, "chosen")),
        (Rule("hold"), View("b", "a", "x", "a", choice="odoo"), (KEEP, "chosen")),
        (Rule("hold"), View("b", odoo="x", known=False), (KEEP, "first_link")),
        (Rule("hold"), View("b", odoo=None, known=False), (WRITE, "filled")),
        (Rule("first"), View("b", "a", "x", "a", first=B), (KEEP, "not_first")),
        (Rule("first"), View("b", "a", "a", "a", first=A), (WRITE, "first")),
        (Rule("first"), View("b", "a", None, "a", first=B), (WRITE, "first")),
        (
            Rule("newest"),
            View("b", "a", "x", "a", changed_at=NOW, odoo_at=NOW - timedelta(1)),
            (WRITE, "newer"),
        ),
        (Rule("newest"), View("b", "a", "x", "a", changed_at=NOW, odoo_at=NOW), (KEEP, "older")),
        # another spelling in Odoo is neither a change nor a conflict
        (
            Rule("hold"),
            View("Germany", "Germany", "DE", "DE", meant="DE"),
            (AGREE, "same"),
        ),
        (Rule("hold"), View("France", "Germany", "DE", "DE", meant="FR"), (WRITE, "only_change")),
    ],
)
def test_rules_by_example(rule, view, expected):
    assert merge(rule, A, view)[:2] == expected


# -- fields that belong together -----------------------------------------------------------------


def test_an_amount_is_not_written_without_its_currency():
    outcomes = {
        "amount": Outcome(CONFLICT, "both_changed", settled=False),
        "currency": Outcome(WRITE, "only_change"),
        "name": Outcome(WRITE, "owner"),
    }
    joined = couple(outcomes, [("amount", "currency")])
    assert joined["currency"] == Outcome(CONFLICT, "with_other", settled=False)
    assert joined["name"].action == WRITE


def test_an_unchanged_field_holds_nothing_back():
    outcomes = {"amount": Outcome(KEEP, "unchanged"), "currency": Outcome(WRITE, "owner")}
    assert couple(outcomes, [("amount", "currency")])["currency"].action == WRITE


def test_the_base_moves_only_where_it_is_settled():
    outcomes = {
        "a": Outcome(WRITE, "owner"),
        "b": Outcome(CONFLICT, "both_changed", settled=False),
        "c": Outcome(KEEP, "edited", settled=False),
    }
    base = {"a": 1, "b": 1}
    assert next_base(base, {"a": 2, "b": 2, "c": 2, "d": 2}, outcomes) == {"a": 2, "b": 1, "d": 2}


def test_a_record_of_a_few_fields_leaves_the_base_of_the_others():
    base, outcomes = {"a": 1, "b": 1}, {"a": Outcome(WRITE, "only_change")}
    assert next_base(base, {"a": 2}, outcomes, partial=True) == {"a": 2, "b": 1}
    assert next_base(base, {"a": 2}, outcomes) == {"a": 2}, "a full record has no more fields"


# -- who owns what -------------------------------------------------------------------------------


def test_a_company_may_differ_and_the_direction_decides_where_nobody_chose():
    book = Book(
        {"vat": "in", "balance": "out", "name": "both"},
        [("vat", None, "hold", None), ("vat", 7, "system", A)],
    )
    assert book.of("vat") == Rule("hold")
    assert book.of("vat", 7) == Rule("system", A)
    assert book.of("vat", 8) == Rule("hold")
    assert book.of("balance").name == "odoo" and not book.of("balance").set
    assert book.of("name").name == "hold"
    assert book.of("never heard of").name == "system"


@given(rules)
def test_what_a_system_owns_is_never_sent_back_to_it(rule):
    if rule.name in ("system", "system_unless_blank") and rule.listens_to(A):
        assert not rule.sends_to(A)
    if rule.name == "none":
        assert not rule.sends_to(A) and not rule.listens_to(A)


def test_two_owners_of_one_odoo_field_clash():
    found = clashes(
        [
            Claim("name", "name", Rule("system", A)),
            Claim("title", "name", Rule("system", B)),
            Claim("zip", "zip", Rule("system", B)),
        ]
    )
    assert [(c.code, c.fields) for c in found] == [("two_owners", ("name", "title"))]


def test_writing_an_owners_value_back_to_it_is_a_cycle_also_through_another_field():
    direct = clashes([Claim("name", "name", Rule("system", A), frozenset({A}))])
    assert [c.code for c in direct] == ["cycle"]
    through = clashes(
        [
            Claim("name", "name", Rule("system", A)),
            Claim("title", "name", Rule("odoo"), frozenset({A})),
        ]
    )
    assert [(c.code, c.system) for c in through] == [("cycle", A)]
    assert not clashes([Claim("name", "name", Rule("system", A), frozenset({B}))])
    assert not clashes([Claim("a", "", Rule("system", A)), Claim("b", "", Rule("system", B))])
