"""The firm of the story: what its Odoo admin sets up before the first deal. Runs in Odoo's shell."""

import json

from .cast import PLAYERS
from .cast.tracker import CATEGORY

SCRIPT = r"""
from odoo import fields
from odoo.fields import Command

P = PARAMS
ref = env.ref
env = env(context=dict(env.context, tracking_disable=True, no_reset_password=True))
company = ref("base.main_company")
company.write(
    {
        "name": "Northwind Advisory",
        "street": "12 Harbor Street",
        "city": "Boston",
        "zip": "02110",
        "country_id": ref("base.us").id,
        "email": "billing@northwind.example",
        "hub_timesheet_approval": True,
    }
)
env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", P["odoo_url"])
env["ir.config_parameter"].set_param("web.base.url", P["odoo_url"])
usd = ref("base.USD")
if company.currency_id != usd:
    company.currency_id = usd
if not company.chart_template:
    env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
env["hub.billing"].action_set_unit_precision()
env.registry.clear_cache()


# people: who approves, who resolves, who works
def user(login, name, groups):
    return env["res.users"].create(
        {
            "name": name,
            "login": login,
            "password": login,
            "email": f"{login}@northwind.example",
            "group_ids": [Command.set([ref(g).id for g in groups])],
        }
    )


ben = user(
    "ben", "Ben Approver", ["base.group_user", "lead_to_cash_hub.group_hub_billing_approver"]
)
rita = user(
    "rita",
    "Rita Resolver",
    [
        "base.group_user",
        "lead_to_cash_hub.group_hub_resolver",
        "project.group_project_user",
        "sales_team.group_sale_salesman_all_leads",
        "account.group_account_readonly",
        "hr.group_hr_user",
    ],
)
ann_user = user("ann", "Ann Lee", ["base.group_user", "hr_timesheet.group_hr_timesheet_user"])
bob_user = user("bob", "Bob Ruiz", ["base.group_user", "hr_timesheet.group_hr_timesheet_user"])
employees = env["hr.employee"].create(
    [
        {
            "name": "Ann Lee",
            "work_email": "ann@northwind.example",
            "user_id": ann_user.id,
            "hourly_cost": 70,
        },
        {
            "name": "Bob Ruiz",
            "work_email": "bob@northwind.example",
            "user_id": bob_user.id,
            "hourly_cost": 60,
        },
        {"name": "Mary Okafor", "work_email": "mary.okafor@northwind.example", "hourly_cost": 65},
    ]
)
roles = env["project.role"].create(
    [
        {"name": "Consultant", "hub_employee_ids": [Command.set(employees[0].ids)]},
        {"name": "Developer", "hub_employee_ids": [Command.set(employees[1].ids)]},
        {"name": "Change Manager"},
    ]
)


# what is sold
def product(name, code, price, **more):
    return env["product.product"].create(
        {
            "name": name,
            "default_code": code,
            "type": "service",
            "list_price": price,
            "taxes_id": [Command.clear()],
        }
        | more
    )


hour = ref("uom.product_uom_hour")
tax = company.account_sale_tax_id
cons = product(
    "Consulting",
    "CONS",
    150,
    service_policy="delivered_timesheet",
    uom_id=hour.id,
    taxes_id=[Command.set(tax.ids)],
)
mile = product(
    "Go-live",
    "MILESTONE",
    0,
    service_policy="delivered_milestones",
    taxes_id=[Command.set(tax.ids)],
)
travel = product(
    "Travel expenses",
    "TRAVEL",
    0,
    expense_policy="cost",
    can_be_expensed=True,
    taxes_id=[Command.set(tax.ids)],
)

# how an engagement starts
template = env["project.project"].create(
    {
        "name": "Implementation",
        "user_id": rita.id,
        "is_template": True,
        "allow_billable": True,
        "allow_milestones": True,
        "allow_timesheets": True,
        "task_ids": [
            Command.create(
                {
                    "name": "Analysis",
                    "role_ids": [Command.set(roles[0].ids)],
                    "hub_product_id": cons.id,
                }
            ),
            Command.create(
                {
                    "name": "Build",
                    "role_ids": [Command.set(roles[1].ids)],
                    "hub_product_id": cons.id,
                }
            ),
            Command.create(
                {
                    "name": "Training",
                    "role_ids": [Command.set(roles[2].ids)],
                    "hub_product_id": cons.id,
                }
            ),
        ],
        "milestone_ids": [Command.create({"name": "Go-live"})],
    }
)

# customers that are there already
globex = env["res.partner"].create(
    {
        "name": "Globex Corporation",
        "is_company": True,
        "vat": "DE136695976",
        "country_id": ref("base.de").id,
        "street": "Hauptstrasse 1",
        "city": "Berlin",
        "email": "info@globex.example",
    }
)
initech = env["res.partner"].create(
    {
        "name": "Initech Software Ltd.",
        "is_company": True,
        "street": "4 Main St",
        "city": "Austin",
        "country_id": ref("base.us").id,
    }
)

# what the words of the systems mean
V = {v.code: v for v in env["hub.vocabulary"].search([])}


def term(vocabulary, code, name, record):
    return env["hub.vocabulary.term"].create(
        {"vocabulary_id": V[vocabulary].id, "code": code, "name": name, "res_id": record.id}
    )


term("service_item", "CONS", "Consulting", cons)
term("service_item", "MILESTONE", "Go-live milestone", mile)
travel_term = term("service_item", "TRAVEL", "Travel expenses", travel)
term("service_line", "implementation", "Implementation", template)

# where the money goes
account = env["account.account"].create(
    {"code": "101990", "name": "Stripe balance", "account_type": "asset_cash"}
)
fee = env["account.account"].create(
    {"code": "650900", "name": "Payment provider fees", "account_type": "expense"}
)
journal = env["account.journal"].create(
    {"name": "Stripe", "code": "STRIP", "type": "bank", "default_account_id": account.id}
)
journal.action_hub_use_own_account()

# the systems
owner = rita.id


def connect(values, secrets, terms):
    record = env["hub.system"].create(
        {
            "environment": "sandbox",
            "company_ids": [Command.set(company.ids)],
            "owner_id": owner,
            **values,
        }
    )
    env["hub.credential"].create(
        [{"system_id": record.id, "name": key, "secret": value} for key, value in secrets.items()]
    )
    for vocabulary, code, what in terms:
        term(vocabulary, code, code, {"income": income, "tax": tax}[what])
    return record


income = cons.product_tmpl_id.get_product_accounts()["income"]
systems = {kind: connect(**entered) for kind, entered in P["systems"].items()}
systems["provider"].write({"journal_id": journal.id, "fee_account_id": fee.id})
# The administrator who connects them lets Odoo write back what their outbound mappings name: nothing
# leaves without it.
for kind in systems.keys() - {"provider"}:
    systems[kind].with_user(ref("base.user_admin")).action_grant_write_back()
# The story asks the time tracker often: not each has webhooks.
tracker = systems["tracker"]
tracker.stream_ids.filtered("poll").write({"interval": 5})
env["hub.vocabulary.word"].create(
    {"term_id": travel_term.id, "system_id": tracker.id, "word": P["category"]}
)
env["hub.process"].search([]).write({"owner_id": owner})
# Whoever looks at the demo as its administrator sees the pages of all roles; a firm gives them to several people.
ref("base.user_admin").group_ids += (
    ref("lead_to_cash_hub.group_hub_billing_approver") + ref("lead_to_cash_hub.group_hub_cash")
)
# the story speaks with Odoo as its users do
from datetime import timedelta

keys = {
    login: env(user=env["res.users"].search([("login", "=", login)]).id)[
        "res.users.apikeys"
    ]._generate("rpc", "story", fields.Datetime.now() + timedelta(days=1))
    for login in ("admin", "ben", "rita")
}
env.cr.commit()
import json

print(
    "RESULT"
    + json.dumps(
        {
            "company": company.id,
            "systems": {kind: system.id for kind, system in systems.items()},
            "webhooks": {kind: system.webhook_url for kind, system in systems.items()},
            "journal": journal.id,
            "fee": fee.id,
            "template": template.id,
            "products": [cons.id, mile.id, travel.id],
            "employees": employees.ids,
            "globex": globex.id,
            "initech": initech.id,
            "tax": tax.amount,
            "rita": rita.id,
            "ben": ben.id,
            "keys": keys,
        }
    )
)
"""


def set_up(context):
    """Set up the firm in Odoo.

    :return: ids and addresses that the story needs, as a dict
    """
    params = {
        "odoo_url": context.odoo_url,
        "category": CATEGORY,
        "systems": {
            PLAYERS[name].kind: PLAYERS[name].connection(url)
            for name, url in context.sandboxes.items()
        },
    }
    printed = context.running.shell(SCRIPT.replace("PARAMS", repr(params), 1))
    return json.loads(printed.split("RESULT", 1)[1].splitlines()[0])
