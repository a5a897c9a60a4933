"""Tests of whole processes: Odoo in prefork mode, supervised, on a database of its own.

They run in the project's virtual environment through `./hub test tests/process`.
"""

import contextlib

import pytest

from devtools import private
from devtools import session as sessions
from devtools.running import odoo_on_clone


@pytest.fixture(scope="session")
def hub_env():
    """The :class:`devtools.session.Session`: Odoo, PostgreSQL, the environment of programs."""
    return sessions.prepare()


@pytest.fixture(scope="module")
def odoo_server(hub_env):
    """A running Odoo that a module's tests share: a :class:`devtools.running.Running`."""
    with odoo_on_clone(hub_env, "process") as running:
        yield running


@pytest.fixture
def start_odoo(hub_env):
    """A function that starts an Odoo for one test: `start_odoo(workers=4, hub_local_hosts=...)`."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(odoo_on_clone(hub_env, "process", **options))


@pytest.fixture
def odoo_with_postgres(hub_env):
    """A running Odoo on a PostgreSQL of its own, which the test may stop and start.

    `odoo_with_postgres.session.server.cluster.restart("immediate")` is a crash.
    """
    with private.postgres(hub_env) as own, odoo_on_clone(own, "process") as running:
        yield running
