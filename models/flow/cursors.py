"""Transactions of the engine's own. Odoo's cursors are REPEATABLE READ; the hub's short statements
must see what others committed a moment ago, so they run as READ COMMITTED on a cursor of their own."""

import time
from contextlib import contextmanager
from functools import partial

from odoo import sql_db
from odoo.tools import SQL

SIMULATED = "hub_simulated"  # an attribute of a cursor whose work leaves nothing
CALLS_UNTIL = "hub_calls_until"  # an attribute of the cursor of a slice that calls a product
NOTHING = SQL()
_SETTLE = SQL("SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '2s';")


@contextmanager
def short_cursor(env):
    """A READ COMMITTED transaction for a few hub statements; commits on leaving, else rolls back."""
    with env.registry.cursor() as cr:
        if settling := _settling(cr):
            cr.execute(settling)
        yield cr


@contextmanager
def own_transaction(cr):
    """The same on a cursor that has nothing to lose, as a request's: what it has read so far is given
    up, and what is written is committed on leaving. It saves a door a second connection.

    :return: what has to stand in front of the first statement; sent alone it would cost a door one
        more way to PostgreSQL and back.
    """
    cr.rollback()
    yield _settling(cr)
    cr.commit()  # pylint: disable=invalid-commit


def _settling(cr):
    # In tests every cursor is a savepoint of one transaction, whose isolation is settled.
    return _SETTLE if isinstance(cr, sql_db.Cursor) else NOTHING


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


@contextmanager
def rolled_back_cursor(env, seconds):
    """A transaction (REPEATABLE READ) of which nothing stays: it cannot be committed, and whoever
    calls out or mails looks at :func:`is_simulated` first. Only numbers of sequences are used up.

    :param seconds: a statement that runs longer is ended.
    """
    registry = env.registry
    pending = set(registry.cache_invalidated)
    with registry.cursor() as cr:
        cr.execute("SET LOCAL lock_timeout = '2s'")
        cr.execute("SET LOCAL statement_timeout = %s", [f"{int(seconds * 1000)}ms"])
        commit, execute = cr.commit, cr.execute

        def refuse():
            raise RuntimeError("a module tried to commit in a simulation")

        # As in the engine's own transactions: what is written here is not a person's edit.
        cr.commit = cr.hub_commit = refuse
        cr.execute = partial(execute, log_exceptions=False)
        setattr(cr, SIMULATED, True)
        try:
            yield cr
        finally:
            cr.rollback()
            cr.commit, cr.execute = commit, execute
            # What was cached meanwhile may come from rows that never were.
            if registry.registry_invalidated:
                registry.reset_changes()
            touched = registry.cache_invalidated - pending
            if touched:
                registry.clear_cache(*touched)
                registry.cache_invalidated.clear()
                registry.cache_invalidated.update(pending)


def is_simulated(cr):
    """Whether all that is done with this cursor is rolled back: no call may leave, no mail be sent."""
    return bool(getattr(cr, SIMULATED, False))


@contextmanager
def calling(cr, seconds):
    """While a slice of the engine calls a product: no transaction stays open over a call, and no call
    begins after so many seconds. Whoever goes out asks :func:`let_go` first.

    :param cr: the slice's own cursor, with which it only reads.
    """
    setattr(cr, CALLS_UNTIL, time.monotonic() + seconds)
    try:
        yield
    finally:
        delattr(cr, CALLS_UNTIL)


def let_go(cr):
    """End the transaction before a call leaves, if this is a slice's cursor: an old snapshot would keep
    PostgreSQL from cleaning up, however slow the product is. A person's transaction stays as it is.

    :return: whether the slice may make this call.
    """
    until = getattr(cr, CALLS_UNTIL, None)
    if until is None:
        return True
    cr.commit()  # pylint: disable=invalid-commit
    return time.monotonic() < until
