"""Eight workers and one OAuth token that rotates: the provider revokes all when a spent one comes again."""

import json

import pytest

from devtools import databases
from devtools.running import Running
from devtools.supervisor import Supervisor

RACE = r"""
import datetime, json, threading, uuid
from odoo import SUPERUSER_ID, api, fields
from odoo.addons.lead_to_cash_hub.connectors.errors import ConnectorError
from odoo.addons.lead_to_cash_hub.connectors.oauth import TokenAnswer
WORKERS, EXPIRIES = 8, 5
registry = env.registry
system = env["hub.system"].create({
    "name": "Rotating", "product": "hubspot", "base_url": "https://api.hubapi.com",
    "account_ref": "1", "environment": "sandbox"})
env["hub.credential"].create([
    {"system_id": system.id, "name": "access_token", "secret": "access-0"},
    {"system_id": system.id, "name": "refresh_token", "secret": "refresh-0"}])
system.state = "connected"
env.cr.commit()


class Provider:
    # Each refresh token is good once; a second use revokes the family.
    def __init__(self):
        self.good, self.access, self.revoked, self.renewals = "refresh-0", "access-0", False, 0
        self.lock = threading.Lock()

    def refresh(self, secrets):
        with self.lock:
            if self.revoked or secrets["refresh_token"] != self.good:
                self.revoked = True
                raise ConnectorError("sign_in", "invalid_grant")
            self.renewals += 1
            self.good, self.access = f"refresh-{self.renewals}", f"access-{self.renewals}"
            answer = self.good, self.access
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        return TokenAnswer(access=answer[1], refresh=answer[0], expires_at=until)


provider = Provider()
registry["hub.system"]._connector_with = lambda self, secrets: provider
wrong, gate, renewed = [], threading.Barrier(WORKERS), threading.Event()
model = registry["hub.token"]
lease, keep = model._lease, model._keep


def late(token, system, me):
    # Half of the workers look while the old token stands, and ask for the lease when it is spent.
    if threading.current_thread().name == "late":
        renewed.wait(30)
    return lease(token, system, me)


def kept(*arguments):
    try:
        return keep(*arguments)
    finally:
        renewed.set()


model._lease, model._keep = late, kept


def work():
    for _turn in range(EXPIRIES):
        gate.wait()
        with registry.cursor() as cr:
            own = api.Environment(cr, SUPERUSER_ID, {})
            mine = own["hub.system"].browse(system.id)
            try:
                token = own["hub.token"]._secrets(mine)["access_token"]
                if token not in (provider.access, f"access-{provider.renewals - 1}"):
                    wrong.append(token)
            except ConnectorError as error:
                if error.kind != "connection":  # another worker renews it just now
                    wrong.append(str(error))
            except Exception as error:
                wrong.append(repr(error))
        if gate.wait() == 0:
            with registry.cursor() as cr:
                own = api.Environment(cr, SUPERUSER_ID, {})
                access = own["hub.credential"].search(
                    [("system_id", "=", system.id), ("name", "=", "access_token")])
                access.expires_at = fields.Datetime.now() - datetime.timedelta(minutes=1)
            renewed.clear()
        gate.wait()


threads = [
    threading.Thread(target=work, name="late" if number % 2 else "early")
    for number in range(WORKERS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
env.cr.rollback()
env.invalidate_all()
stored = {name: values[0] for name, values in env["hub.credential"]._read_all(system).items()}
print("RESULT" + json.dumps(
    [provider.renewals, provider.revoked, wrong, stored["refresh_token"] == provider.good, system.state]))
"""


@pytest.fixture(scope="module")
def running(hub_env):
    """A database without a server: the workers are threads of the script."""
    with databases.lent(hub_env, "process") as name:
        odoo = Supervisor(hub_env, name)
        yield Running(odoo)
        odoo.stop()


def test_a_token_that_rotates_is_renewed_once_an_expiry_by_eight_workers(running):
    printed = running.shell(RACE)
    renewals, revoked, wrong, kept, state = json.loads(
        printed.split("RESULT", 1)[1].splitlines()[0]
    )
    assert not revoked, "a spent token was used again"
    assert wrong == []
    assert renewals == 5, "one renewal an expiry"
    assert kept, "the newest token is the one that is stored"
    assert state == "connected"
