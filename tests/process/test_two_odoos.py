"""Two Odoos that both run a hub, on databases of their own: what one has comes to the other by JSON-2, both ways, once,
and then nothing moves any more."""

import json
import time
from contextlib import ExitStack

import pytest

from devtools.running import odoo_on_clone
from devtools.session import free_port

LONGEST = 180  # seconds until everything has to be at rest

FIRM = r"""
from odoo import fields
from odoo.fields import Command
P = PARAMS
env = env(context=dict(env.context, tracking_disable=True, no_reset_password=True))
env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", P["url"])
company = env.ref("base.main_company")
company.name = P["name"]
if not company.chart_template:
    env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
env["hub.billing"].action_set_unit_precision()
# Odoo's own example on its internal project, of nobody who is known on the other side
env["account.analytic.line"].search([("project_id", "!=", False)]).unlink()
env.ref("lead_to_cash_hub.entity_project").on_missing = "fetch"
env["hr.employee"].create({"name": "Cora", "work_email": "cora@firm.example"})
income = env["account.account"].search([("account_type", "=", "income")], limit=1)
sales = {"type": "sale", "default_account_id": income.id}
env["account.journal"].create([
    {**sales, "name": "Of the other", "code": P["other"]}, {**sales, "name": "Own", "code": P["name"]}])
robot = env["res.users"].create({"name": "Robot", "login": "robot", "group_ids": [Command.set([env.ref(g).id for g in (
    "base.group_user", "base.group_partner_manager", "project.group_project_manager", "hr.group_hr_user",
    "hr_timesheet.group_timesheet_manager", "account.group_account_invoice")])]})
until = fields.Datetime.add(fields.Datetime.now(), days=1)
key = env["res.users.apikeys"].with_user(robot)._generate("rpc", "hub", until)
env.cr.commit()
print("RESULT" + json.dumps({"key": key}))
"""

CONNECT = r"""
P = PARAMS
system = env["hub.system"].create({"name": P["other"], "product": "odoo", "base_url": P["other_url"],
    "account_ref": P["other_db"], "environment": "sandbox", "start_date": "2026-01-01",
    "company_ids": [(6, 0, env.ref("base.main_company").ids)]})
env["hub.credential"].create({"system_id": system.id, "name": "api_key", "secret": P["key"]})
names = [("customer", "name"), ("customer", "city"), ("project", "name")]
names += [("time_entry", name) for name in ("project", "task", "employee", "date", "hours", "note")]
for entity, name in names:
    field = env.ref(f"lead_to_cash_hub.field_{entity}_{name}")
    field.direction = "both"
    rule = env["hub.ownership"].search([("field_id", "=", field.id)])
    (rule or env["hub.ownership"].create({"field_id": field.id, "rule": "hold"})).rule = "hold"
system.action_grant_write_back()
system.stream_ids.filtered(lambda s: s.direction == "out").create_missing = True
system.stream_ids.interval = 5
env.cr.commit()
system.action_test_connection()
assert system.state == "connected", system.check_text
env.cr.commit()
"""

WORK = r"""
P = PARAMS
customer = env["res.partner"].create({"name": P["customer"], "is_company": True, "city": P["city"]})
project = env["project.project"].create({"name": P["project"], "partner_id": customer.id, "allow_timesheets": True})
line = env["account.analytic.line"].create({"name": P["project"], "project_id": project.id, "date": "2026-03-02",
    "employee_id": env["hr.employee"].search([("name", "=", "Cora")]).id, "unit_amount": P["hours"]})
journal = env["account.journal"].search([("code", "=", P["name"])])
move = env["account.move"].create({"move_type": "out_invoice", "partner_id": customer.id, "journal_id": journal.id,
    "invoice_date": "2026-03-31", "invoice_line_ids": [(0, 0, {"name": "Work", "price_unit": P["price"],
    "quantity": 1, "tax_ids": [(6, 0, [])]})]})
move.action_post()
env.cr.commit()
"""

CHANGE = r"""
env["res.partner"].search([("name", "=", PARAMS["customer"])]).city = PARAMS["city"]
env["account.analytic.line"].search([("name", "=", PARAMS["project"])]).unit_amount = PARAMS["hours"]
env.cr.commit()
"""

QUERIES = {
    "customers": "SELECT name, city FROM res_partner WHERE name LIKE 'Customer %%' ORDER BY 1",
    "projects": "SELECT name->>'en_US', active FROM project_project WHERE name->>'en_US' LIKE 'Rollout %%' ORDER BY 1",
    "time": """SELECT l.name, round(l.unit_amount::numeric, 2)::float, p.name->>'en_US', e.name, l.date::text
                 FROM account_analytic_line l JOIN project_project p ON p.id = l.project_id
                 JOIN hr_employee e ON e.id = l.employee_id WHERE l.name LIKE 'Rollout %%' ORDER BY 1""",
    "invoices": """SELECT m.name, m.state, m.amount_total::float, p.name FROM account_move m
                     JOIN res_partner p ON p.id = m.commercial_partner_id
                    WHERE m.move_type = 'out_invoice' ORDER BY 1""",
}


class Side:
    """One Odoo of the two."""

    def __init__(self, running, name, other):
        self.running, self.name, self.other = running, name, other

    def run(self, script, **params):
        params = {"url": self.running.url, "name": self.name, "other": self.other, **params}
        printed = self.running.shell("import json\n" + script.replace("PARAMS", repr(params)))
        return json.loads(printed.partition("RESULT")[2] or "null")

    def has(self):
        """What stands here, in terms that both sides share."""
        return {name: self.running.sql(query) for name, query in QUERIES.items()}

    def moves(self):
        """What would still change something: messages under way, and the last number of those that did."""
        return self.running.sql(
            """SELECT count(*) FILTER (WHERE state NOT IN ('done', 'skipped', 'failed', 'dead')),
                      coalesce(max(id) FILTER (WHERE state <> 'skipped'), 0) FROM hub_message"""
        )[0]

    def issues(self):
        return self.running.sql("SELECT code, params FROM hub_issue WHERE state = 'open'")

    def polled(self):
        """When the next poll is due: of what is due first."""
        query = """SELECT min(c.next_poll_at) FROM hub_cursor c JOIN hub_stream s ON s.id = c.stream_id
                    WHERE s.active AND s.poll AND s.direction = 'in' AND s.system_id IS NOT NULL"""
        return self.running.sql(query)[0][0]


@pytest.fixture(scope="module")
def sides(hub_env):
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        east, west = (
            Side(
                stack.enter_context(
                    odoo_on_clone(
                        hub_env, name.lower(), ports=(port,), hub_local_hosts=f"127.0.0.1:{theirs}"
                    )
                ),
                name,
                other,
            )
            for name, other, port, theirs in (
                ("EAST", "WEST", *ports),
                ("WEST", "EAST", *ports[::-1]),
            )
        )
        keys = {side.name: side.run(FIRM)["key"] for side in (east, west)}
        for side, other in ((east, west), (west, east)):
            side.run(CONNECT, key=keys[other.name], other_url=other.running.url,
                     other_db=other.running.database)  # fmt: skip
        yield east, west


def rest(sides, wanted, what):
    """Wait until both sides have what is wanted, and two more rounds of polls have moved nothing.

    :param wanted: says of both sides' content whether it is there.
    """
    deadline = time.monotonic() + LONGEST
    calm, before = 0, None
    while time.monotonic() < deadline:
        polled = [side.polled() for side in sides]
        while any(
            now <= then for now, then in zip((s.polled() for s in sides), polled, strict=True)
        ):
            if time.monotonic() > deadline:
                break
            time.sleep(0.3)
        now = [side.moves() for side in sides]
        calm = calm + 1 if now == before and not any(open_ for open_, _last in now) else 0
        before = now
        if calm >= 2 and wanted():
            return
    pytest.fail(
        f"{what}: {[side.has() for side in sides]}, {[side.issues() for side in sides]}, {before}"
    )


def test_customers_projects_time_and_invoices_go_both_ways_once_and_come_to_rest(sides):
    east, west = sides
    east.run(
        WORK, customer="Customer East", city="Boston", project="Rollout East", hours=1.5, price=100
    )
    west.run(
        WORK, customer="Customer West", city="Ghent", project="Rollout West", hours=0.25, price=70
    )
    rest(
        sides,
        lambda: east.has() == west.has() and len(east.has()["time"]) == 2,
        "not the same on both sides",
    )
    has = east.has()
    assert has["customers"] == [("Customer East", "Boston"), ("Customer West", "Ghent")]
    assert has["projects"] == [("Rollout East", True), ("Rollout West", True)]
    assert [row[:2] for row in has["time"]] == [("Rollout East", 1.5), ("Rollout West", 0.25)]
    assert [(state, total, customer) for _name, state, total, customer in has["invoices"]] == [
        ("posted", 100.0, "Customer East"),
        ("posted", 70.0, "Customer West"),
    ]
    assert [side.issues() for side in sides] == [[], []]

    # each side changes what the other one made
    east.run(CHANGE, customer="Customer West", city="Bruges", project="Rollout West", hours=3)
    west.run(CHANGE, customer="Customer East", city="Salem", project="Rollout East", hours=2)
    rest(sides, lambda: east.has() == west.has() and ("Customer West", "Bruges") in west.has()["customers"],
         "a change of what the other made")  # fmt: skip
    has = east.has()
    assert has["customers"] == [("Customer East", "Salem"), ("Customer West", "Bruges")]
    assert [row[:2] for row in has["time"]] == [("Rollout East", 2.0), ("Rollout West", 3.0)]
    assert [side.issues() for side in sides] == [[], []]
