"""The short form of `./hub year`: a quarter of a small firm, through real routes and polls, to the cent."""

import pytest

from devtools.year import books, command, plan

SEED, SCALE = 2025, "0.05"


@pytest.fixture(scope="module")
def end(hub_env):
    end = command.play(hub_env, plan.make(SEED, SCALE))
    print(end.text())
    return end


def test_no_ledger_differs_from_another(end):
    assert end.rows
    assert [row for row in end.rows if books.difference(row)] == []


def test_the_hubs_own_comparisons_are_explained(end):
    assert len(end.compared) == 2 * len(books.KINDS)
    assert {state for _house, _kind, state, *_counts in end.compared} <= {"agreed", "explained"}


def test_nothing_is_left_to_a_person(end):
    assert end.left == []
    assert end.agrees
