"""A copy of the database, restored beside it while messages were on their way: it must stay silent."""

import json
import subprocess

from psycopg2 import sql

from .. import databases, server
from ..running import Running

GO = """
partner = env["res.partner"].browse(env["hub.link"].search([("res_model", "=", "res.partner")], limit=1).res_id)
partner.name = "Changed in the copy r1"
# What it applies is not the question, and it holds poison.
env.cr.execute("UPDATE hub_message SET state = 'skipped' WHERE direction = 'in' AND state = 'pending'")
env.cr.commit()
env["hub.engine"]._drain()
env.cr.commit()
env.cr.execute(
    "SELECT count(*) FILTER (WHERE direction = 'out'), count(*) FILTER (WHERE state = 'received')"
    "  FROM hub_message WHERE state IN ('received', 'pending', 'sending')")
import json
print("RESULT" + json.dumps(env.cr.fetchone()))
"""


def restore(stage):
    """Dump the database as it is now, with messages under way, and load it under another name.

    :return: the copy's name
    """
    session, name = stage.running.session, f"{stage.running.database}_copy"
    databases.execute(session, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    folder = server.binaries()
    dump = subprocess.Popen(
        [folder / "pg_dump", "--no-owner", stage.running.database],
        env=session.environment(),
        stdout=subprocess.PIPE,
    )
    load = [folder / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", name]
    done = subprocess.run(load, env=session.environment(), stdin=dump.stdout, check=False)
    if dump.wait() or done.returncode:
        raise RuntimeError("the database could not be copied")
    return name


def run(stage, name):
    """Let a drainer work in the copy.

    :return: ``(messages that it would have to send or fetch, calls that a product saw)``
    """
    before = _calls(stage)
    printed = running(stage, name).shell(GO)
    waiting = sum(json.loads(printed.split("RESULT", 1)[1].splitlines()[0]))
    return waiting, _calls(stage) - before


def running(stage, name):
    """The copy, as what runs scripts in it; no server works there."""
    copy = Running(stage.odoo)
    copy.database = name
    return copy


def _calls(stage):
    return len(stage.hubspot.journal) + len(stage.harvest.journal)
