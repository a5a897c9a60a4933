"""The commands of `./hub`, and how one is found and started."""

import importlib
import sys

from .steps import Stop, say

COMMANDS = {
    "setup": ("work", "set up everything and write .odoo/READY"),
    "odoo": (
        "work",
        "[arguments]: Odoo itself with the project's settings (database hub_dev unless -d names one)",
    ),
    "shell": ("work", "[--db NAME]: Odoo's shell; reads a script from stdin"),
    "db": ("work", "NAME: make NAME, a fresh database with the addon installed"),
    "update": ("work", "[--db NAME]: bring a database up to the addon's files"),
    "test": ("testing", "[pytest arguments]: run all tests, or those in the paths named"),
    "bench": (
        "bench",
        "[NAMES] [--json FILE] [--quick]: how fast it is, beside what it is measured against",
    ),
    "lint": ("linting", "ruff, pylint with pylint-odoo, and OCA's module checks"),
    "chaos": ("chaos", "[--n N] [--seed S]: break the hub on purpose and count what is lost"),
    "replays": (
        "replays",
        "[--count N]: failed messages mended, simulated, replayed and taken back in a browser, with pictures",
    ),
    "declare": (
        "declare",
        "[--pictures]: a product without code connected in a browser, from its OpenAPI file to flowing records",
    ),
    "year": (
        "year",
        "[--seed N] [--scale F] [--twice]: a year of a made-up firm, reconciled to the cent",
    ),
    "demo": (
        "demo",
        "[--with NAMES] [--port N] [--once] [--keep-db] [--kill N]: the whole story against local sandboxes",
    ),
}


def main(arguments):
    """Run one command and return its exit code."""
    name, *rest = arguments or ["help"]
    if name not in COMMANDS:
        say(__doc__ if name in ("help", "-h", "--help") else f"hub knows no command {name!r}.")
        for command, (_module, text) in COMMANDS.items():
            say(f"  ./hub {command:7} {text}")
        return 0 if name in ("help", "-h", "--help") else 2
    try:
        session_module = importlib.import_module(f"{__package__}.session")
        session = session_module.prepare()
        module = importlib.import_module(f"{__package__}.{COMMANDS[name][0]}")
        return getattr(module, name)(session, rest)
    except Stop as stop:
        say(f"✗ {stop}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        sys.stdout.flush()
