"""The short form of `./hub chaos`: the same trial with 2,000 events. Times are printed, not judged."""

import pytest

from devtools import session as sessions
from devtools.chaos.stage import stage
from devtools.chaos.trial import Trial

EVENTS, SEED = 2000, 20260301


@pytest.fixture(scope="module")
def report():
    with stage(sessions.prepare()) as built:
        report = Trial(built, EVENTS, SEED, watch=20).run()
    print(report.text())
    return report


@pytest.mark.parametrize("figure", ["lost", "doubled", "out of order", "half-made"])
def test_nothing_is(figure, report):
    count, found = report.demands[figure]
    assert count == 0, found


def test_a_restored_copy_sends_nothing_although_it_has_to(report):
    assert report.figures["messages that the copy held"] > 0
    assert report.demands["calls of the copy"][0] == 0


def test_every_kind_of_fault_struck(report):
    assert all(report.faults.values()), report.faults
    assert report.figures["transactions of the rival writer"] > 0
    assert report.figures["old snapshots held"] > 0
    assert report.figures["duplicates"] > 0
    assert report.figures["the latest, in events after the first"] > EVENTS / 2


def test_all_goes_on_afterwards_and_comes_to_rest(report):
    assert report.demands["not at rest"][0] == 0
