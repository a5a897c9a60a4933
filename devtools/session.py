"""What every command stands on: Odoo, the environment, PostgreSQL and the addon's folder of links."""

import contextlib
import os
import socket
import sys
from dataclasses import dataclass

from . import addon, config, odoo_source, paths, venv
from .odoo_source import Odoo
from .server import Server, binaries, find
from .steps import Stop


@dataclass(frozen=True)
class Session:
    """:param odoo: the Odoo in use; :param server: the PostgreSQL in use"""

    odoo: Odoo
    server: Server

    def environment(self, config_file=paths.CONFIG):
        """Return the environment in which Odoo, or Python code that imports it, runs.

        :param config_file: the Odoo configuration file that ODOO_RC names
        """
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "PYTHONPATH")}
        return {
            **inherited,
            **self.server.environment(),
            "ODOO_RC": str(config_file),
            "PATH": os.pathsep.join(
                [str(paths.VENV / "bin"), str(binaries()), inherited.get("PATH", "")]
            ),
            "PYTHONPATH": str(self.odoo.library),
            "PYTHONUNBUFFERED": "1",
        }

    def odoo_command(self, *arguments):
        """Return the command line of Odoo's own program (never `python -m odoo`: prefork re-executes it)."""
        return [str(paths.PYTHON), str(self.odoo.program), *map(str, arguments)]


def prepare():
    """Set up all that is missing, and return the :class:`Session`. May start this program again in the venv."""
    if not (paths.ROOT / "__manifest__.py").exists():
        raise Stop(f"{paths.ROOT} holds no addon.", "Start hub from a complete checkout.")
    paths.make_folders()
    with paths.locked("setup"):
        odoo = odoo_source.ensure()
        venv.ensure()
    if os.path.realpath(sys.prefix) != os.path.realpath(paths.VENV):
        os.execv(paths.PYTHON, [str(paths.PYTHON), str(paths.ROOT / "hub"), *sys.argv[1:]])
    session = Session(odoo, find())
    addon.link()
    with paths.locked("config"):
        config.write(paths.CONFIG, session)
    return session


def free_port(wanted=0):
    """Return a port of 127.0.0.1 that nobody listens on: the one wanted when it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    raise Stop("No port of 127.0.0.1 is free.", "End some programs and start again.")
