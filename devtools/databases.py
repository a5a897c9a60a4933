"""Databases: templates with the addon installed, clones of them, and the end of both."""

import contextlib
import fcntl
import hashlib
import os
import shutil

import psycopg2
from psycopg2 import sql

from . import addon, config, paths
from .steps import Stop, run_logged, step

PREFIX = "hub"


def connection_values(session, database):
    """Return the arguments of :func:`psycopg2.connect` for a database."""
    server = session.server
    return {
        "dbname": database,
        "host": server.host or None,
        "port": server.port,
        "user": server.user or None,
        "password": server.password or None,
    }


def execute(session, query, parameters=(), database="postgres"):
    """Run one statement outside a transaction block and return its rows (an empty list where it has none)."""
    connection = psycopg2.connect(**connection_values(session, database))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def names(session, pattern):
    """Return the names of all databases that match an SQL LIKE pattern."""
    rows = execute(session, "SELECT datname FROM pg_database WHERE datname LIKE %s", (pattern,))
    return [name for (name,) in rows]


def exists(session, name):
    """Say whether the database is there."""
    return bool(execute(session, "SELECT 1 FROM pg_database WHERE datname = %s", (name,)))


def copy(session, source, target):
    """Make database `target` from `source`, files included (as hard links: Odoo never changes one)."""
    execute(
        session,
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(target), sql.Identifier(source)
        ),
    )
    store = paths.DATA / "filestore"
    if (store / source).exists():
        shutil.copytree(
            store / source, store / target, copy_function=_hard_link, dirs_exist_ok=True
        )


def drop(session, name):
    """Remove a database with its files, also while somebody is connected to it."""
    found = execute(session, "SELECT datistemplate FROM pg_database WHERE datname = %s", (name,))
    if found:
        # One whose removal was interrupted can only be removed: it takes no other command.
        if found[0][0]:
            execute(
                session, sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name))
            )
        execute(session, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    shutil.rmtree(paths.DATA / "filestore" / name, ignore_errors=True)


def clone(session, name, base_only=False):
    """Make database `name`, a fresh copy of the addon's template; one that a run made before is replaced.

    :param base_only: copy the template without the addon
    """
    with paths.locked("template"):
        source = ensure_base(session) if base_only else ensure_template(session)
        if exists(session, name):
            if not (paths.RUNS / f"{name}.made").exists():
                raise Stop(f"Database {name} was not made by hub.", "Choose another name.")
            drop(session, name)
        (paths.RUNS / f"{name}.made").touch()
        copy(session, source, name)
    return name


@contextlib.contextmanager
def lent(session, kind, keep=False, base_only=False):
    """Lend a fresh clone of a name of its own, `hub_<kind>_<n>`, and drop it after the block.

    What a killed run left behind is dropped when the next one borrows.
    """
    sweep(session)
    for number in range(1, 1000):
        name = f"{_prefix(session)}_{kind}_{number}"
        if (paths.RUNS / f"{name}.kept").exists():
            continue
        lock = (paths.RUNS / f"{name}.lock").open("w")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        lock.close()
    with lock:
        clone(session, name, base_only)
        try:
            yield name
        finally:
            if keep:
                (paths.RUNS / f"{name}.kept").touch()
            else:
                drop_with_copies(session, name)
            (paths.RUNS / f"{name}.lock").unlink()


def sweep(session):
    """Drop the databases of runs that were killed."""
    for path in paths.RUNS.glob(f"{_prefix(session)}_*.lock"):
        with path.open("w") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not (paths.RUNS / f"{path.stem}.kept").exists():
                drop_with_copies(session, path.stem)
            path.unlink(missing_ok=True)


def drop_with_copies(session, name):
    """Drop a database, and the copies `<name>-gw<n>` that pytest's workers made of it."""
    for found in [name, *names(session, name.replace("_", r"\_") + "-gw%")]:
        drop(session, found)
    for path in paths.RUNS.glob(f"{name}.*"):
        if path.suffix in (".conf", ".made", ".kept"):
            path.unlink()


def templates(session):
    """Return the names of the base template (dependencies only) and of the addon's template, by their hashes."""
    ground = repr(
        (
            sorted(addon.manifest()["depends"]),
            session.odoo.origin,
            str(session.odoo.library),
            paths.LOCK_FILE.read_text(),
        )
    )
    base = hashlib.sha256(ground.encode()).hexdigest()
    full = hashlib.sha256((base + addon.fingerprint() + _ASSETS).encode()).hexdigest()
    return f"{_prefix(session)}_base_{base[:12]}", f"{_prefix(session)}_template_{full[:12]}"


def ensure_base(session):
    """Return the name of the base template, made first where it is missing. Call with the lock held."""
    base, _full = templates(session)
    if not exists(session, base):
        with step("Making the base template: a database with what the addon depends on"):
            _build(session, base, None, addon.manifest()["depends"])
    return base


def ensure_template(session):
    """Return the name of the addon's template, made first where it is missing. Call with the lock held."""
    base, full = templates(session)
    if exists(session, full):
        return full
    ensure_base(session)
    with step(f"Making the template {full}: the addon installed on it"):
        _build(session, full, base, [paths.MODULE])
    for name in names(session, _prefix(session) + r"\_%"):
        if name.startswith(
            (f"{_prefix(session)}_base_", f"{_prefix(session)}_template_")
        ) and name not in (base, full):
            drop(session, name)
    return full


# Odoo makes a page's scripts and styles when a browser first asks for them; in a test that is within the test's own
# transaction, which all other requests of the page wait for, 20 seconds at most, and which is taken back. On a busy
# machine that is not enough, and the page stays white. Kept in the database, so that every copy has them.
_ASSETS = """
parameters = env["ir.config_parameter"]
parameters.set_param("ir_attachment.location", "db")
env["ir.qweb"]._pregenerate_assets_bundles()
parameters.set_param("ir_attachment.location", False)
env.cr.commit()
"""


def _build(session, name, source, modules):
    """Install `modules` on a copy of `source` (or on nothing); it gets its name only when it is complete."""
    draft = f"{_prefix(session)}_draft"
    drop(session, draft)
    if source:
        copy(session, source, draft)
    conf = config.write(paths.RUNS / f"{draft}.conf", session, draft, workers=0, max_cron_threads=0)
    run_logged(
        session.odoo_command(
            "-d", draft, "-i", ",".join(modules), "--stop-after-init", "--no-http"
        ),
        paths.LOGS / f"install-{'addon' if source else 'base'}.log",
        "Mend the addon and start again.",
        env=session.environment(conf),
    )
    if source:
        run_logged(
            session.odoo_command("shell", "-d", draft, "--no-http"),
            paths.LOGS / "assets.log",
            "Mend the addon's scripts and styles and start again.",
            env=session.environment(conf),
            input=_ASSETS.encode(),
        )
    execute(
        session,
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
            sql.Identifier(draft), sql.Identifier(name)
        ),
    )
    execute(
        session,
        sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false").format(
            sql.Identifier(name)
        ),
    )
    store = paths.DATA / "filestore"
    if (store / draft).exists():
        (store / draft).rename(store / name)
    conf.unlink()


def _prefix(session):
    """Names on the user's own server carry a mark of this checkout, for its files lie here."""
    if session.server.cluster:
        return PREFIX
    return PREFIX + hashlib.sha256(os.fsencode(paths.ROOT)).hexdigest()[:4]


def _hard_link(source, target):
    with contextlib.suppress(FileExistsError):
        os.link(source, target)
