"""The two companies of the year, as their Odoo admin sets them up. Runs in Odoo's shell."""

import json
from datetime import date

from ..story.cast import PLAYERS
from ..story.cast.player import control
from ..story.cast.tracker import CATEGORY
from .plan import HOUSES, YEAR, rates

# How books call it that nothing is added.
FREE = {"quickbooks": "NON", "xero": "NONE"}

SCRIPT = r"""
from datetime import timedelta
import json
from odoo import fields
from odoo.fields import Command

P = PARAMS
ref = env.ref
env = env(context=dict(env.context, tracking_disable=True, no_reset_password=True))
admin = ref("base.user_admin")
technical = ref("lead_to_cash_hub.user_hub")
for name in ("lead_to_cash_hub.public_url", "web.base.url"):
    env["ir.config_parameter"].set_param(name, P["odoo_url"])
codes = [house["currency"] for house in P["houses"].values()] + ["GBP"]
currencies = {c.name: c for c in env["res.currency"].with_context(active_test=False).search([("name", "in", codes)])}
for currency in currencies.values():
    currency.active = True
hour = ref("uom.product_uom_hour")
V = {v.code: v for v in env["hub.vocabulary"].search([])}


def term(vocabulary, code, name, record):
    return env["hub.vocabulary.term"].create(
        {"vocabulary_id": V[vocabulary].id, "code": code, "name": name, "res_id": record.id}
    )


companies = {}
for place, (name, house) in enumerate(P["houses"].items()):
    values = {
        "name": name,
        "street": "12 Harbor Street",
        "city": "Harbor City",
        "zip": "02110",
        "country_id": ref("base." + house["country"]).id,
        "email": "billing@firm.example",
        "currency_id": currencies[house["currency"]].id,
        "hub_timesheet_approval": True,
        # Each line is worth what it says, as both books take it.
        "tax_calculation_rounding_method": "round_per_line",
    }
    if place:
        company = env["res.company"].create(values)
    else:
        company = ref("base.main_company")
        company.write(values)
    for person in (admin, technical, env.user):
        person.company_ids |= company
    if not company.chart_template:
        env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
        company.write({"currency_id": values["currency_id"], "country_id": values["country_id"]})
    companies[name] = company
env["res.currency.rate"].search([]).unlink()
env["res.currency.rate"].create(
    [
        {
            "company_id": companies[name].id,
            "currency_id": currencies[code].id,
            "name": day,
            "inverse_company_rate": rate,
        }
        for name, house in P["houses"].items()
        for day, worth in house["rates"]
        for code, rate in worth.items()
    ]
)
env["hub.billing"].action_set_unit_precision()
env.registry.clear_cache()
env = env(context=dict(env.context, allowed_company_ids=[c.id for c in companies.values()]))
taxes = [c.account_sale_tax_id.id for c in companies.values()]


def product(name, code, **more):
    return env["product.product"].create(
        {
            "name": name,
            "default_code": code,
            "type": "service",
            "list_price": 1.0,
            "taxes_id": [Command.set(taxes)],
            **more,
        }
    )


cons = product("Consulting", "CONS", service_policy="delivered_timesheet", uom_id=hour.id)
arch = product("Architecture", "ARCH", service_policy="delivered_timesheet", uom_id=hour.id)
mile = product("Milestone", "MILESTONE", service_policy="delivered_milestones")
travel = product("Travel expenses", "TRAVEL", expense_policy="cost", can_be_expensed=True)
template = env["project.project"].create(
    {
        "name": "Engagement",
        "is_template": True,
        "company_id": False,
        "allow_billable": True,
        "allow_milestones": True,
        "allow_timesheets": True,
        "task_ids": [
            Command.create({"name": one.name, "hub_product_id": one.id}) for one in (cons, arch)
        ],
    }
)
for one in (cons, arch, mile):
    term("service_item", one.default_code, one.name, one)
travel_term = term("service_item", "TRAVEL", travel.name, travel)
term("service_line", "implementation", "Engagement", template)


def staff(login, company, *groups):
    return env["res.users"].create(
        {
            "name": login.title(),
            "login": login,
            "email": login + "@firm.example",
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "group_ids": [Command.set([ref(group).id for group in ("base.group_user", *groups)])],
        }
    )


def key(user):
    scope = env(user=user.id)["res.users.apikeys"]
    return scope._generate("rpc", "year", fields.Datetime.now() + timedelta(days=1))


result = {}
hub = "lead_to_cash_hub.group_hub_"
for place, (name, house) in enumerate(P["houses"].items()):
    company = companies[name]
    own = env(context=dict(env.context, allowed_company_ids=[company.id]))
    ben = staff("ben%s" % place, company, hub + "billing_approver")
    rita = staff(
        "rita%s" % place, company, hub + "resolver", "account.group_account_invoice",
        "project.group_project_manager", "sales_team.group_sale_salesman_all_leads",
    )
    own["hr.employee"].create(
        [
            {
                "name": first + " " + last,
                "work_email": email,
                "company_id": company.id,
                "hourly_cost": 60,
            }
            for first, last, email in house["people"]
        ]
    )
    account = own["account.account"].create(
        {"code": "101990", "name": "Stripe balance", "account_type": "asset_cash"}
    )
    fee = own["account.account"].create(
        {"code": "650900", "name": "Payment provider fees", "account_type": "expense"}
    )
    journal = own["account.journal"].create(
        {
            "name": "Stripe",
            "code": "STRIP",
            "type": "bank",
            "company_id": company.id,
            "default_account_id": account.id,
        }
    )
    journal.action_hub_use_own_account()
    home = own["account.fiscal.position"].search(
        [("company_id", "=", company.id), ("country_id", "!=", False)]
    )
    home.country_id = company.country_id  # the chart's own is the United States
    exports = own["account.tax"].search(
        [("company_id", "=", company.id), ("type_tax_use", "=", "sale"), ("amount", "=", 0)]
    )
    term("tax_code", house["free"], house["free"], exports)
    records = {
        "income": cons.with_company(company).product_tmpl_id.get_product_accounts()["income"],
        "tax": company.account_sale_tax_id,
    }
    systems = {}
    for kind, entered in house["systems"].items():
        system = own["hub.system"].create(
            {
                "environment": "sandbox",
                "company_ids": [Command.set(company.ids)],
                "owner_id": rita.id,
                "start_date": P["start"],
                **entered["values"],
                "name": "%s of %s" % (entered["values"]["name"], name),
            }
        )
        own["hub.credential"].create(
            [
                {"system_id": system.id, "name": one, "secret": secret}
                for one, secret in entered["secrets"].items()
            ]
        )
        for vocabulary, code, what in entered["terms"]:
            term(vocabulary, code, code, records[what])
        systems[kind] = system
    for kind in ("provider", "books"):
        systems[kind].journal_id = journal
    systems["provider"].fee_account_id = fee
    for kind in systems.keys() - {"provider"}:
        systems[kind].with_user(admin).action_grant_write_back()
    systems["tracker"].stream_ids.filtered("poll").write({"interval": 5})
    own["hub.vocabulary.word"].create(
        {"term_id": travel_term.id, "system_id": systems["tracker"].id, "word": P["category"]}
    )
    result[name] = {
        "company": company.id,
        "systems": {kind: system.id for kind, system in systems.items()},
        "webhooks": {kind: system.webhook_url for kind, system in systems.items()},
        "journal": journal.id,
        "mile": mile.id,
        "keys": {"admin": key(admin), "ben": key(ben), "rita": key(rita)},
    }
env["hub.system"].search([("product", "in", ["quickbooks", "xero"])]).limit_ids.write(
    {"calls": 100000, "seconds": 1.0}
)
env["hub.process"].search([]).write({"owner_id": admin.id})
env.cr.commit()
print("RESULT" + json.dumps(result))
"""


def products(house):
    """Which products play for a company."""
    return ("hubspot", "harvest", "stripe", HOUSES[house][4])


def set_up(running, sandboxes, plan):
    """Set both companies up.

    :param running: :class:`devtools.running.Running`
    :param sandboxes: `{house: {product: url}}`
    :param plan: :class:`.plan.Plan`
    :return: what a :class:`devtools.story.world.World` of each house needs, by house
    """
    houses = {}
    for house, (currency, country, *_rest) in HOUSES.items():
        urls = sandboxes[house]
        by_week = rates(currency)
        control(
            urls["stripe"],
            "settings",
            {"settlement_currency": currency.lower(), "rates": _settling(by_week)},
        )
        houses[house] = {
            "currency": currency,
            "country": country,
            "free": FREE[HOUSES[house][4]],
            "people": plan.people[house],
            "rates": [
                (day.isoformat(), {code: float(rate) for code, rate in worth.items()})
                for day, worth in by_week
            ],
            "systems": {
                PLAYERS[name].kind: PLAYERS[name].connection(urls[name]) for name in products(house)
            },
        }
        if "quickbooks" in urls:
            control(urls["quickbooks"], "objects", {"Item": [{"Name": "ARCH", "Type": "Service"}]})
    params = {
        "odoo_url": running.url,
        "category": CATEGORY,
        "start": date(YEAR, 1, 1).isoformat(),
        "houses": houses,
    }
    printed = running.shell(SCRIPT.replace("PARAMS", repr(params), 1))
    return json.loads(printed.split("RESULT", 1)[1].splitlines()[0])


def _settling(by_week):
    """Stripe's own rates: those of the middle of the year, and so never quite those of the day."""
    _day, worth = by_week[len(by_week) // 2]
    return {code.lower(): float(rate) for code, rate in worth.items()}
