"""`./hub test`: rings of tests, each in a pytest process of its own, and one total."""

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from . import addon, browser, config, databases, paths
from .steps import Stop, say

TESTS = paths.ROOT / "tests"
NEEDS_BROWSER = re.compile(r"\b(start_tour|browser_js|playwright)\b")
OPTIONS_WITH_VALUE = {
    "-k", "-m", "-n", "-p", "-o", "-W", "--maxfail", "--durations", "--tb", "--dist", "--deselect", "--ignore",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One ring of tests: its name, the paths to run, and how pytest is started for them."""

    name: str
    paths: list


def test(session, arguments):
    """Run the tests that the arguments name, or all, and print the total alone on the last line."""
    chosen, options = split(arguments)
    parts = divide(chosen)
    if any(needs_browser(path) for part in parts if part.name != "pure" for path in part.paths):
        try:
            browser.ensure()
        except Stop as stop:
            say(f"✗ {stop}")  # the tests that need it fail by themselves and say so
    passed = failed = skipped = 0
    for part in parts:
        say(f"• {part.name} tests")
        counts = RUNNERS[part.name](session, part, options)
        passed, failed, skipped = (
            sum(pair) for pair in zip(counts, (passed, failed, skipped), strict=True)
        )
    say("")
    print(
        f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""),
        flush=True,
    )
    return 1 if failed or not passed else 0


def split(arguments):
    """Split pytest's arguments into the test paths among them and the rest."""
    chosen, options, value_follows = [], [], False
    for argument in arguments:
        path = argument.split("::")[0]
        if (
            not value_follows
            and argument[0] != "-"
            and (Path(path).exists() or (paths.ROOT / path).exists())
        ):
            chosen.append(argument)
        else:
            options.append(argument)
        value_follows = argument in OPTIONS_WITH_VALUE
    return chosen, options


def divide(chosen):
    """Return the :class:`Part` list that runs the chosen paths; all parts when none is chosen."""
    rings = {"pure": [], "odoo": [], "process": [], "chaos": []}
    for argument in chosen or [str(TESTS)]:
        path, *inside = argument.split("::")
        path = next(
            (p for p in (paths.ROOT / path, Path(path)) if p.exists()), Path(path)
        ).resolve()
        if not path.is_relative_to(TESTS) and path != paths.ROOT:
            raise Stop(f"{argument} is no test of this project.", f"Name a path in {TESTS}.")
        if path in (TESTS, paths.ROOT):
            rings["pure"].append(str(TESTS / "pure"))
            rings["process"].append(str(TESTS / "process"))
            rings["chaos"].append(str(TESTS / "chaos"))
            rings["odoo"].extend(map(str, sorted(TESTS.glob("test_*.py"))))
            continue
        ring = path.relative_to(TESTS).parts[0]
        rings[ring if ring in rings else "odoo"].append("::".join([str(path), *inside]))
    return [Part(name, found) for name, found in rings.items() if found and _has_tests(found)]


def needs_browser(path):
    """Say whether the test file, or one in the folder, drives a browser."""
    path = Path(str(path).split("::")[0])
    files = path.rglob("test_*.py") if path.is_dir() else [path]
    return any(NEEDS_BROWSER.search(file.read_text()) for file in files)


def _has_tests(found):
    return any(
        Path(path.split("::")[0]).is_file() or any(Path(path).rglob("test_*.py")) for path in found
    )


def _run_pure(session, part, options):
    """Plain Python: no Odoo on the path, no plugin of Odoo's."""
    env = {k: v for k, v in session.environment().items() if k != "PYTHONPATH"}
    ours = [
        f"--rootdir={TESTS}",
        f"--confcutdir={TESTS / 'pure'}",
        "-p",
        "no:odoo",
        "--import-mode=importlib",
        "-n",
        "2",
        "--dist=loadfile",
    ]
    return _pytest(part, env, [*ours, *options, *part.paths])


def _run_odoo(session, part, options):
    """Odoo's own test cases, on clones of a database that has the addon installed already."""
    linked = [path.replace(str(paths.ROOT), str(addon.link()), 1) for path in part.paths]
    with databases.lent(session, "test") as database:
        conf = paths.RUNS / f"{database}.conf"
        config.write(conf, session, database, workers=0, max_cron_threads=0)
        ours = [
            f"--rootdir={paths.ADDONS}",
            f"--confcutdir={paths.ADDONS}",
            f"--odoo-config={conf}",
            f"--odoo-database={database}",
            "--odoo-http",
            "-p",
            "devtools.pytest_hub",
            "-n",
            "2",
            "--dist=loadscope",
        ]
        env = _with_devtools(session.environment(conf))
        return _pytest(part, env, [*ours, *options, *linked], cwd=paths.ADDONS)


def _run_alone(session, part, options):
    """Whole processes; the tests start Odoo themselves."""
    ours = [
        f"--rootdir={TESTS}",
        f"--confcutdir={TESTS / part.name}",
        "-p",
        "no:odoo",
        "-p",
        "devtools.pytest_hub",
        "--import-mode=importlib",
    ]
    return _pytest(part, _with_devtools(session.environment()), [*ours, *options, *part.paths])


def _run_process(session, part, options):
    """First what promises a time, with the machine to itself; then the rest, two files at a time."""
    if "-m" in options or "-n" in options:
        return _run_alone(session, part, options)
    first = _run_alone(session, part, ["-m", "alone", *options])
    side_by_side = ["-m", "not alone", "-n", "2", "--dist=loadfile"]
    rest = _run_alone(session, part, [*side_by_side, *options])
    return [sum(pair) for pair in zip(first, rest, strict=True)]


def _with_devtools(env):
    """Let the tests import `devtools` and `sandbox`."""
    return {**env, "PYTHONPATH": os.pathsep.join([env["PYTHONPATH"], str(paths.ROOT)])}


RUNNERS = {"pure": _run_pure, "odoo": _run_odoo, "process": _run_process, "chaos": _run_alone}


def _pytest(part, env, arguments, cwd=paths.ROOT):
    """Run pytest and return how many tests passed, failed and were skipped; a crash counts as a failure."""
    report = paths.LOGS / f"pytest-{part.name}-{os.getpid()}.xml"
    report.unlink(missing_ok=True)
    command = [
        paths.PYTHON,
        "-m",
        "pytest",
        "-c",
        paths.ROOT / "pyproject.toml",
        "-q",
        "--durations=10",
        "--durations-min=15",
        f"--junitxml={report}",
    ]
    done = subprocess.run([*command, *arguments], env=env, cwd=cwd, stdin=subprocess.DEVNULL)
    nothing_matched = done.returncode == 5
    if not report.exists():
        return 0, 0 if nothing_matched else 1, 0
    passed = failed = skipped = 0
    for suite in ElementTree.parse(report).iter("testsuite"):
        skipped += int(suite.get("skipped"))
        failed += int(suite.get("failures")) + int(suite.get("errors"))
        passed += int(suite.get("tests"))
    passed -= skipped + failed
    report.unlink()
    if done.returncode and not failed and not nothing_matched:
        failed = 1
    return passed, failed, skipped
