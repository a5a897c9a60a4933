"""The moments at which a wake-up or a change could be lost, met on purpose in real transactions."""

import pytest

from devtools import databases
from devtools.chaos import races
from devtools.running import Running
from devtools.supervisor import Supervisor

TIMES = 25
SET_UP = """
system = env["hub.system"].create({
    "name": "Races", "product": "hubspot", "base_url": "https://api.hubapi.com",
    "account_ref": "1", "environment": "sandbox"})
system.state = "connected"
system.stream_ids.poll = False
system.action_grant_write_back()
env.cr.commit()
print("RESULT", system.id)
"""


@pytest.fixture(scope="module")
def seen(hub_env):
    """What `races.run` saw, in a database without a server."""
    with databases.lent(hub_env, "process") as name:
        odoo = Supervisor(hub_env, name)
        running = Running(odoo)
        system = int(running.shell(SET_UP).split("RESULT", 1)[1])
        yield races.run(running, system, TIMES)
        odoo.stop()


def test_a_record_that_arrives_while_its_contact_is_parked_wakes_it(seen):
    assert seen["parked"] == TIMES, "each contact looked before its company came"
    assert seen["lost"] == 0


def test_a_message_that_comes_while_a_drainer_signs_off_is_not_left_alone(seen):
    assert seen["trusted"] == TIMES, (
        "each message came when the drainer had looked for the last time"
    )
    assert seen["unwoken"] == 0


def test_of_two_who_compose_one_record_at_once_the_older_values_are_not_the_last(seen):
    assert seen["composed"] == TIMES, "each was read before the change and stored after it"
    assert seen["stale"] == 0
