"""Transactions of the engine's own. Odoo's cursors are REPEATABLE READ; the hub's short statements
must see what others committed a moment ago, so they run as READ COMMITTED on a cursor of their own."""

from contextlib import contextmanager
from functools import partial

from odoo import sql_db

LOCK_TIMEOUT = "2s"


@contextmanager
def short_cursor(env):
    """A READ COMMITTED transaction for a few hub statements; commits on leaving, else rolls back."""
    with env.registry.cursor() as cr:
        # In tests every cursor is a savepoint of one transaction, whose isolation is settled.
        if isinstance(cr, sql_db.Cursor):
            cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cr.execute("SET LOCAL lock_timeout = %s", [LOCK_TIMEOUT])
        yield cr


@contextmanager
def business_cursor(env):
    """A transaction (REPEATABLE READ) in which business records are written.

    Only the engine ends it: code of other modules that commits half-way would break "all or
    nothing", so its ``commit`` is refused.
    """
    with env.registry.cursor() as cr:
        cr.execute("SET LOCAL lock_timeout = '3s'")
        commit, execute = cr.commit, cr.execute

        def refuse():
            raise RuntimeError("a module tried to commit while the hub applies messages")

        cr.commit = refuse
        cr.hub_commit = commit
        # A failing statement is judged by who applies; logged, it would show the row it was about.
        cr.execute = partial(execute, log_exceptions=False)
        try:
            yield cr
        finally:
            cr.commit, cr.execute = commit, execute
