"""The stage of a trial: a PostgreSQL of its own, a supervised prefork Odoo with real crons, two products."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Running as Serving
from sandbox.harvest import HarvestSandbox
from sandbox.hubspot import HubSpotSandbox

from .. import databases, paths, private
from ..running import Running
from ..steps import step
from ..supervisor import Supervisor

ADDONS = Path(__file__).with_name("addons")
# Seconds without a sign after which Odoo kills a cron worker. An idle one gives a sign each 60 to 70 seconds.
HANG_LIMIT = 80
MEMORY_LIMIT = 4 << 30  # bytes of address space of a worker

SET_UP = """
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
P = PARAMS
env.cr.commit()
registry = Registry.new(env.cr.dbname, update_module=True, install_modules=["hub_chaos"])
with registry.cursor() as cr:
    env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
    env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", P["odoo"])
    env["hub.epoch"]._require(confirm=True)

    def system(product, url, account, secrets, streams):
        record = env["hub.system"].create({
            "name": product, "product": product, "base_url": url, "account_ref": account,
            "environment": "sandbox"})
        env["hub.credential"].create([
            {"system_id": record.id, "name": name, "secret": secret}
            for name, secret in secrets.items()])
        record.state = "connected"
        record.action_grant_write_back()
        every = env["hub.stream"].with_context(active_test=False).search(
            [("system_id", "=", record.id)])
        every.poll = False
        for stream in every:
            stream.active = (stream.entity_id.code, stream.direction) in streams
        return record

    hubspot = system("hubspot", P["hubspot"], P["portal"], {
        "access_token": P["token"], "client_secret": P["secret"]},
        {("customer", "in"), ("contact", "in"), ("customer", "out")})
    harvest = system("harvest", P["harvest"] + "/v2", P["account"],
        {"access_token": P["harvest_token"]}, {("project", "out")})
    print("RESULT", hubspot.id, harvest.id, hubspot.webhook_url)
"""


@dataclass
class Stage:
    """What a trial plays on.

    :param running: :class:`devtools.running.Running`
    :param hubspot: the CRM in this process, both ways; :param harvest: the time tracker, outbound
    :param systems: ids of their `hub.system`
    :param webhook_url: where the CRM's events go
    """

    running: Running
    hubspot: HubSpotSandbox
    harvest: HarvestSandbox
    systems: tuple
    webhook_url: str

    @property
    def odoo(self):
        """The supervisor of Odoo."""
        return self.running.odoo

    @property
    def cluster(self):
        """The PostgreSQL server, which may be stopped."""
        return self.running.session.server.cluster

    def sql(self, query, parameters=()):
        """Run one statement and return its rows."""
        return self.running.sql(query, parameters)


@contextlib.contextmanager
def stage(session):
    """Build the stage and remove it after the block.

    :return: a :class:`Stage` whose Odoo answers
    """
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(private.postgres(session))
        hubspot = stack.enter_context(Serving(HubSpotSandbox(), 0))
        harvest = stack.enter_context(Serving(HarvestSandbox(), 0))
        odoo = Supervisor(
            own,
            stack.enter_context(databases.lent(own, "chaos")),
            addons_path=",".join(map(str, [*own.odoo.addons_path, paths.ADDONS, ADDONS])),
            hub_local_hosts=f"{hubspot.host},{harvest.host}",
            limit_time_real_cron=HANG_LIMIT,
            limit_memory_hard=MEMORY_LIMIT,
        )
        stack.callback(odoo.stop)
        running = Running(odoo)
        with step("Installing the module that misbehaves, connecting the products"):
            systems, url = _set_up(running, hubspot, harvest)
        with step("Starting Odoo"):
            odoo.start()
        yield Stage(running, hubspot.sandbox, harvest.sandbox, systems, url)


def _set_up(running, hubspot, harvest):
    crm, tracker = hubspot.sandbox.settings, harvest.sandbox.settings
    values = {
        "odoo": running.url,
        "hubspot": hubspot.url,
        "harvest": harvest.url,
        "portal": str(crm["portal_id"]),
        "token": crm["token"],
        "secret": crm["webhook_secret"],
        "account": str(tracker["account_id"]),
        "harvest_token": tracker["token"],
    }
    printed = running.shell(SET_UP.replace("PARAMS", repr(values)))
    first, second, url = printed.split("RESULT", 1)[1].split()
    return (int(first), int(second)), url
