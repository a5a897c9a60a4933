"""The supervised Odoo comes back, whatever is killed."""

import time
import urllib.request

import pytest


def _answers(running):
    """Say whether Odoo answers, and reaches its database."""
    try:
        with urllib.request.urlopen(f"{running.url}/web/health?db_server_status=1", timeout=20):
            return True
    except OSError:
        return False


def _within(seconds, check):
    """Say whether `check` came true within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.1)
    return False


def test_a_killed_worker_is_replaced_by_the_master(odoo_server):
    odoo = odoo_server.odoo
    master = odoo.master
    killed = {odoo.kill_worker("cron"), odoo.kill_worker("http")}
    assert _within(30, lambda: len(set(odoo.workers()) - killed) == 5)
    assert _answers(odoo_server)
    assert odoo.master == master


def test_a_killed_master_is_started_again_on_the_same_port(odoo_server):
    odoo = odoo_server.odoo
    starts, master = odoo.starts, odoo.kill_master()
    assert _within(30, lambda: odoo.starts == starts + 1)
    odoo.wait_until_ready()
    assert _answers(odoo_server)
    assert odoo.master not in (None, master)


def test_a_request_while_odoo_starts_again_waits_instead_of_being_refused(odoo_server):
    odoo = odoo_server.odoo
    starts = odoo.starts
    odoo.kill_master()
    assert _within(30, lambda: odoo.starts == starts + 1)
    assert _answers(odoo_server)


def test_odoo_comes_back_after_a_crash_of_postgresql(odoo_with_postgres):
    running = odoo_with_postgres
    before = set(running.odoo.workers("cron"))
    running.session.server.cluster.restart("immediate")
    assert _within(60, lambda: _answers(running))
    assert running.sql("SELECT count(*) > 0 FROM ir_module_module") == [(True,)]
    assert _within(60, lambda: len(set(running.odoo.workers("cron")) - before) == 2)


def test_a_script_runs_in_the_shell_and_its_errors_are_told(odoo_server):
    assert odoo_server.shell("print(env.user.login)").strip() == "__system__"
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        odoo_server.shell("1 / 0")
