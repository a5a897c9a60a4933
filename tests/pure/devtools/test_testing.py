"""`./hub test` runs what its arguments name, and nothing else."""

import pytest

from devtools import paths, testing
from devtools.steps import Stop


@pytest.fixture
def tests_folder(tmp_path, monkeypatch):
    for name in (
        "test_flow.py",
        "pure/core/test_retry.py",
        "process/test_kill.py",
        "chaos/test_all.py",
    ):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_it(): pass\n")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(testing, "TESTS", tmp_path / "tests")
    return tmp_path / "tests"


def test_without_arguments_all_rings_run(tests_folder):
    assert [part.name for part in testing.divide([])] == ["pure", "odoo", "process", "chaos"]


def test_a_path_runs_only_its_ring_and_keeps_the_test_it_names(tests_folder):
    (part,) = testing.divide(["tests/test_flow.py::TestFlow::test_once"])
    assert part.name == "odoo"
    assert part.paths == [f"{tests_folder}/test_flow.py::TestFlow::test_once"]


def test_a_folder_of_pure_tests_is_pure(tests_folder):
    (part,) = testing.divide(["tests/pure/core"])
    assert (part.name, part.paths) == ("pure", [f"{tests_folder}/pure/core"])


def test_a_path_outside_the_tests_is_refused(tests_folder, tmp_path):
    (tmp_path / "core").mkdir()
    with pytest.raises(Stop, match="no test of this project"):
        testing.divide(["core"])


def test_options_keep_their_values_even_when_a_file_has_that_name(tests_folder, monkeypatch):
    monkeypatch.chdir(tests_folder.parent)
    assert testing.split(["-k", "tests", "-x", "tests/test_flow.py"]) == (
        ["tests/test_flow.py"],
        ["-k", "tests", "-x"],
    )


def test_a_test_that_drives_a_browser_is_recognised(tests_folder):
    assert not testing.needs_browser(tests_folder)
    (tests_folder / "test_tour.py").write_text("self.start_tour('/odoo', 'hub_tour')\n")
    assert testing.needs_browser(tests_folder)
