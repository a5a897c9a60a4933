"""`./hub lint`: the project's own style, and what OCA asks of a module."""

import argparse
import subprocess
import time

from . import addon, paths
from .steps import say

# Plain Python, not Odoo models: pylint-odoo's rules about models and logging do not apply to it.
PROGRAMS = ("benchmarks", "connectors", "core", "devtools", "sandbox")
NOT_FOR_PROGRAMS = (
    "method-required-super,missing-return,print-used,except-pass,super-method-mismatch"
)
# What pylint-odoo finds and is no fault here, with the reason. (`.pylintrc` cannot leave out single
# checks of a group that it switches on.)
NOT_OURS = (
    # Every model extension is a file of its own, by design.
    "consider-merging-classes-inherited",
    # `_ = self.env._` at the head of a method with many sentences is that very function.
    "prefer-env-translation",
    # Entities, systems, languages and countries are small tables.
    "no-search-all",
    # Messages, payloads, links and the audit refuse every write and deletion.
    "method-required-super",
    "no-raise-unlink",
    # A long `write` is split into named steps, and the last of them goes on with super().
    "super-method-mismatch",
)


def lint(session, arguments):
    """Run all checks, print what they find, and return 0 when they find nothing."""
    parser = argparse.ArgumentParser(prog="hub lint")
    parser.add_argument("--fix", action="store_true", help="mend what the tools can mend")
    fix = parser.parse_args(arguments).fix
    failed = [
        name for name, command, folder in checks(fix) if not _passes(session, name, command, folder)
    ]
    say(f"✗ {', '.join(failed)}" if failed else "✓ nothing to mend")
    return 1 if failed else 0


def checks(fix=False):
    """Return the checks as (name, command, folder to run it in)."""
    programs = paths.VENV / "bin"
    module = addon.link()
    ruff, pylint = programs / "ruff", [programs / "pylint", f"--rcfile={paths.ROOT / '.pylintrc'}"]
    mend = ["--fix"] if fix else []
    look = [] if fix else ["--check", "--output-format=concise"]
    folders = [name for name in PROGRAMS if (paths.ROOT / name).is_dir()]
    # Named one by one: pylint does not follow links that it finds while walking a folder.
    parts = [
        path.relative_to(paths.ADDONS)
        for path in sorted(module.iterdir())
        if path.name not in PROGRAMS and (path.suffix == ".py" or any(path.glob("**/*.py")))
    ]
    terms = sorted(path.name for path in (paths.ROOT / "i18n").glob("*.po*"))
    found = [
        ("ruff check", [ruff, "check", "--output-format=concise", *mend, "."], paths.ROOT),
        ("ruff format", [ruff, "format", *look, "."], paths.ROOT),
        ("pylint-odoo", [*pylint, f"--disable={','.join(NOT_OURS)}", *parts], paths.ADDONS),
        ("pylint", [*pylint, f"--disable={NOT_FOR_PROGRAMS}", *folders], paths.ROOT),
        (
            "OCA module checks",
            [programs / "oca-checks-odoo-module", *mend, module.name],
            paths.ADDONS,
        ),
    ]
    if terms:
        found.append(
            ("OCA term checks", [programs / "oca-checks-po", *mend, *terms], paths.ROOT / "i18n")
        )
    return found


def _passes(session, name, command, folder):
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**session.environment(), "RUFF_CACHE_DIR": str(paths.STATE / "ruff")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    say(f"{'✗' if done.returncode else '✓'} {name} ({time.monotonic() - started:.1f} s)")
    if done.returncode:
        print(done.stdout.strip(), flush=True)
    return done.returncode == 0
