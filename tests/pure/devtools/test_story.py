"""The demo records what its story sees, kills at its checkpoints, and fails when a step does."""

import json
from types import SimpleNamespace

import pytest

from devtools import context, demo, killer


@pytest.fixture
def stage(tmp_path):
    supervisor = SimpleNamespace(
        wait_until_ready=lambda: None,
        kill_master=lambda: 1,
        kill_worker=lambda kind: {"http": 2, "cron": 3}[kind],
    )
    running = SimpleNamespace(odoo=supervisor)
    steps = context.Recorder(tmp_path / "demo.json")
    return context.Context("http://127.0.0.1:1", "hub_demo_1", {}, running, steps)


def _story(run):
    return SimpleNamespace(run=run, CHECKPOINTS=6)


def _see(stage, seen):
    with stage.steps.step("Count the deals", 3) as step:
        step.seen = seen


def test_a_story_whose_steps_are_as_expected_is_good(stage):
    demo.tell(_story(lambda stage: _see(stage, 3)), stage)
    assert stage.steps.ok
    (written,) = json.loads(stage.steps.path.read_text())
    assert (written["step"], written["expected"], written["seen"]) == ("Count the deals", 3, 3)


def test_one_step_that_sees_something_else_spoils_the_story(stage):
    demo.tell(_story(lambda stage: (_see(stage, 2), _see(stage, 3))), stage)
    assert [step.ok for step in stage.steps.steps] == [False, True]
    assert not stage.steps.ok


def test_a_story_that_breaks_or_shows_nothing_is_not_good(stage):
    demo.tell(_story(lambda stage: None), stage)
    assert not stage.steps.ok
    demo.tell(_story(lambda stage: 1 / 0), stage)
    assert not stage.steps.ok
    assert "ZeroDivisionError" in stage.steps.steps[-1].seen


def test_kills_go_round_cron_http_and_master(stage):
    def run(stage):
        for _action in range(6):
            stage.checkpoint()
        _see(stage, 3)

    demo.tell(_story(run), stage, kills=3)
    assert sorted(stage.killer.killed) == [("cron", 3), ("http", 2), ("master", 1)]
    assert stage.steps.ok


def test_a_story_that_ends_before_its_kills_is_not_good(stage):
    demo.tell(_story(lambda stage: _see(stage, 3)), stage, kills=2)
    assert not stage.steps.ok


@pytest.mark.parametrize(
    ("times", "checkpoints", "due"), [(1, 6, [3]), (3, 6, [1, 3, 5]), (4, 2, [0, 0, 1, 1])]
)
def test_kills_are_spread_evenly(times, checkpoints, due):
    assert killer.spread(times, checkpoints) == due
