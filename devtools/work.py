"""The everyday commands: setup, odoo, shell, db, update."""

import argparse
import json

from . import config, databases, paths
from .processes import foreground
from .session import free_port
from .steps import say, step

DEV = "hub_dev"


def setup(session, arguments):
    """Set up everything, the template database too, and write `.odoo/READY`."""
    argparse.ArgumentParser(prog="hub setup").parse_args(arguments)
    base, template = databases.templates(session)
    facts = {
        "python": str(paths.PYTHON),
        "odoo": str(session.odoo.program),
        "odoo_library": str(session.odoo.library),
        "odoo_origin": session.odoo.origin,
        "config": str(paths.CONFIG),
        "environment": {
            **session.server.environment(), "ODOO_RC": str(paths.CONFIG), "PYTHONPATH": str(session.odoo.library)
        },
        "postgresql": session.server.origin,
        "postgresql_socket": session.server.host,
        "base_template": base,
        "template": template,
    }  # fmt: skip
    paths.READY.write_text(json.dumps(facts, indent=2) + "\n")
    print(paths.READY.read_text(), end="")
    with paths.locked("template"):
        databases.ensure_template(session)
    return 0


def odoo(session, arguments):
    """Start Odoo's own program; as a server it gets free ports and a database unless the arguments name them."""
    given = " ".join(arguments)
    is_server = not arguments or arguments[0].startswith("-") or arguments[0] == "server"
    if is_server and not any(word in given for word in ("--help", "--version")):
        if not any(word in arguments or f"{word}=" in given for word in ("-d", "--database")):
            ensure_database(session, DEV)
            arguments = [*arguments, "-d", DEV]
        if "--http-port" not in given and "-p" not in arguments:
            port = free_port(8069)
            say(f"Odoo will answer at http://127.0.0.1:{port}")
            arguments = [*arguments, f"--http-port={port}"]
        arguments = [*arguments, f"--gevent-port={free_port()}"]
    return _odoo(session, arguments)


def shell(session, arguments):
    """Open Odoo's shell on a database."""
    parser = argparse.ArgumentParser(prog="hub shell")
    parser.add_argument("--db", default=DEV)
    options, rest = parser.parse_known_args(arguments)
    ensure_database(session, options.db)
    return _odoo(
        session, ["shell", "-d", options.db, "--no-http", "--log-level=warn", *rest], options.db
    )


def db(session, arguments):
    """Make a fresh database."""
    parser = argparse.ArgumentParser(prog="hub db")
    parser.add_argument("name")
    parser.add_argument(
        "--base", action="store_true", help="without the addon, only with what it depends on"
    )
    options = parser.parse_args(arguments)
    with step(f"Making database {options.name}"):
        databases.clone(session, options.name, base_only=options.base)
    return 0


def update(session, arguments):
    """Bring a database up to the addon's files."""
    parser = argparse.ArgumentParser(prog="hub update")
    parser.add_argument("--db", default=DEV)
    name = parser.parse_args(arguments).db
    command = ["-d", name, "-u", paths.MODULE, "--stop-after-init", "--no-http", "--workers=0"]
    return _odoo(session, command, name)


def ensure_database(session, name):
    """Make the database from the template unless it is there."""
    if not databases.exists(session, name):
        with step(f"Making database {name}"):
            databases.clone(session, name)


def _odoo(session, arguments, database=None):
    """Run Odoo's program in the foreground and return its exit code."""
    conf = paths.CONFIG
    if database:
        conf = config.write(paths.RUNS / f"{database}.conf", session, database)
    return foreground(session.odoo_command(*arguments), session.environment(conf))
