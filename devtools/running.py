"""A running Odoo with a database of its own, and the ways to look into it."""

import contextlib
import subprocess

import psycopg2

from . import databases
from .supervisor import Supervisor


class Running:
    """What a test or the demo holds of a running Odoo.

    :param Supervisor odoo: the supervised server
    """

    def __init__(self, odoo):
        self.odoo = odoo
        self.session = odoo.session
        self.database = odoo.database
        self.url = odoo.url

    def shell(self, script, timeout=300):
        """Run a Python script in Odoo's shell on this database.

        :param script: source code with `env` at hand; it commits itself with `env.cr.commit()`
        :param timeout: seconds
        :return: what the script printed
        :raise RuntimeError: when the script failed
        """
        guarded = (
            "import sys, traceback\n"
            "try:\n"
            f"    exec(compile({script!r}, 'script', 'exec'), globals())\n"
            "except BaseException:\n"
            "    traceback.print_exc()\n"
            "    sys.stderr.flush(); sys.stdout.flush()\n"
            "    import os; os._exit(3)\n"
        )
        done = subprocess.run(
            self.session.odoo_command(
                "shell", "-d", self.database, "--no-http", "--log-level=warn", "--logfile="
            ),
            env=self.session.environment(self.odoo.config_file),
            input=guarded,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise RuntimeError(f"The script failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, query, parameters=()):
        """Run one SQL statement in a transaction of its own and return its rows."""
        return databases.execute(self.session, query, parameters, self.database)

    def connect(self):
        """Return a new psycopg2 connection to this database (close it yourself)."""
        return psycopg2.connect(**databases.connection_values(self.session, self.database))


@contextlib.contextmanager
def odoo_on_clone(session, kind, *, ports=(0,), keep=False, **options):
    """Start a supervised Odoo on a fresh clone, and remove both after the block.

    :param session: the :class:`devtools.session.Session`
    :param kind: goes into the name of the database, `hub_<kind>_<n>`
    :param ports: its HTTP port is the first of these that is free; 0 stands for any
    :param keep: leave the database behind
    :param options: values for Odoo's configuration file
    :return: a :class:`Running`
    """
    with databases.lent(session, kind, keep) as name:
        odoo = Supervisor(session, name, ports, **options)
        try:
            yield Running(odoo.start())
        finally:
            odoo.stop()
