"""A PostgreSQL that shares nothing with other runs, for tests that stop it and for measurements."""

import contextlib
import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path

from psycopg2 import sql

from . import databases, paths, server
from .steps import Stop, step


@contextlib.contextmanager
def postgres(session, *, durable=False):
    """Start a server of its own with the addon's template in it, and remove it after the block.

    :param session: the :class:`devtools.session.Session` to take the template from
    :param durable: True waits for the disk as a real server does, for measurements
    :return: a :class:`Session` on the new server; `session.server.cluster` has `stop()`, `start()`, `restart()`
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=paths.RUNS))
    folder.chmod(0o755)
    own = dataclasses.replace(session, server=server.embedded(folder, durable=durable))
    cluster = own.server.cluster
    try:
        _transfer(session, own)
        yield own
    finally:
        cluster.release()
        cluster.stop("immediate")
        shutil.rmtree(folder)


def _transfer(session, own):
    """Copy the addon's template from one server to another, through the programs of PostgreSQL."""
    with (
        databases.lent(session, "dump") as source,
        step("Copying the template to a server of its own"),
    ):
        _base, name = databases.templates(session)
        databases.execute(own, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        binaries = server.binaries()
        dump = subprocess.Popen(
            [binaries / "pg_dump", "--no-owner", source],
            env=session.environment(),
            stdout=subprocess.PIPE,
        )
        load = subprocess.run(
            [binaries / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", name],
            env=own.environment(),
            stdin=dump.stdout,
        )
        if dump.wait() or load.returncode:
            raise Stop("The template could not be copied.", "Read the lines above.")
