"""Odoo's configuration files, written for each run."""

import base64
import configparser
import contextlib
import os
import secrets

from . import paths

KEYS = paths.STATE / "keys"


def hub_keys():
    """Return the encryption keys (`<version>:<base64 of 32 bytes>`) of this `.odoo/`, made once."""
    with paths.locked("keys"):
        if not KEYS.exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            with _private(KEYS) as out:
                out.write(f"1:{key}\n")
        return KEYS.read_text().strip()


def write(path, session, database=None, **options):
    """Write an Odoo configuration file, readable by its owner only.

    :param path: the file
    :param session: the :class:`devtools.session.Session` that knows Odoo and the server
    :param database: the one database that may be served
    :param options: what replaces or adds to the values below
    """
    values = {
        "addons_path": ",".join([*session.odoo.addons_path, str(paths.ADDONS)]),
        "admin_passwd": secrets.token_urlsafe(24),
        "data_dir": paths.DATA,
        "db_host": session.server.host,
        "db_port": session.server.port,
        "db_user": session.server.user,
        "db_password": session.server.password,
        "http_interface": "127.0.0.1",
        "list_db": False,
        "log_handler": ":INFO,odoo.tools.config:ERROR",
        "max_cron_threads": 2,
        "with_demo": False,
        "workers": 2,
        "hub_keys": hub_keys(),
        "hub_local_hosts": "",
    }
    if database:
        values |= {"db_name": database, "dbfilter": f"^{database}$"}
    values |= options
    parser = configparser.RawConfigParser()
    parser["options"] = {name: str(value) for name, value in values.items() if value != ""}
    with _private(path) as out:
        parser.write(out)
    return path


@contextlib.contextmanager
def _private(path):
    """Open `path` for its owner only; readers see the old file or the whole new one."""
    fresh = f"{path}.{os.getpid()}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        yield out
    os.replace(fresh, path)
