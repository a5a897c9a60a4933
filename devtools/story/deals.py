"""Chapters 1 to 3: deals that are won in the CRM."""

from .acts import LINES, fix, lead_of
from .cast import listed


def tell(world):
    """Connect the systems, win four deals, and mend what a person has to mend."""
    step = world.context.steps.step
    world.context.checkpoint()
    players = world.players.values()
    names = listed([player.label for player in players])
    with step(f"Test connection of {names}", ["connected"] * len(players)) as s:
        systems = [player.system for player in players]
        _hire(world)
        world.call("hub.system", "action_test_connection", systems)
        s.seen = [
            row["state"] for row in world.read("hub.system", [("id", "in", systems)], ["state"])
        ]
        if s.seen != s.expected:
            rows = world.read("hub.system", [("id", "in", systems)], ["name", "check_text"])
            s.seen = [(row["name"], row["check_text"]) for row in rows]
    _first_deal(world)
    _unknown_code(world)
    _known_companies(world)


def _hire(world):
    world.crm.hire("Rita", "Resolver", "rita@northwind.example")
    world.tracker.hire(
        [
            ("Ann", "Lee", "ann@northwind.example"),
            ("Bob", "Ruiz", "bob@northwind.example"),
            ("M.", "Okafor", "mokafor@oldmail.example"),
        ]
    )


def _first_deal(world):
    step, context = world.context.steps.step, world.context
    made = world.crm.deal(
        "Acme rollout",
        {
            "name": "Acme Industries",
            "domain": "acme.example",
            "street": "1 Market Street",
            "city": "San Francisco",
            "state": "CA",
            "zip": "94105",
            "country": "United States",
            "phone": "(415) 555-0100",
        },
        LINES,
        contacts=[
            {
                "first": "Zoë",
                "last": "Park",
                "email": "zoe@acme.example",
                "phone": "415-555-0101",
                "country": "US",
                "title": "CFO",
                "language": "en",
            },
            {
                "first": "Sam",
                "last": "Ode 🚀",
                "email": "sam@acme.example",
                "phone": "+1 415 555 0102",
                "country": "US",
            },
        ],
        start="2026-11-03",
    )
    world.ids["acme"] = made
    context.checkpoint()
    with step("Deal 1 of 48,000 USD is won; webhook twice, split and shuffled", "all taken") as s:
        answer = world.crm.win(made, duplicate=1, shuffle=3, split=1)
        s.seen = "all taken" if answer else "refused"
    context.checkpoint()
    with step("  it comes to rest in Odoo", True) as s:
        s.seen = world.quiet()
    lead = lead_of(world, made)
    world.ids["acme_lead"] = lead
    with step(
        "  opportunity won, one contract, one confirmed order of 48,000.00",
        ["won", 1, "sale", 48000.0],
    ) as s:
        state = world.read("crm.lead", [("id", "=", lead)], ["won_status", "hub_contract_id"])[0]
        orders = world.read(
            "sale.order",
            [("opportunity_id", "=", lead)],
            ["state", "amount_untaxed", "project_id", "name"],
        )
        s.seen = [state["won_status"], len(orders), orders[0]["state"], orders[0]["amount_untaxed"]]
        world.ids |= {
            "contract": state["hub_contract_id"][0],
            "order": orders[0]["id"],
            "project": orders[0]["project_id"][0],
        }
    with step(
        "  one project with 3 tasks, 1 milestone, 2 people and 1 request", [1, 3, 1, 2, 1]
    ) as s:
        project = world.ids["project"]
        data = world.read("project.project", [("id", "=", project)], ["hub_team_ids", "hub_code"])[
            0
        ]
        s.seen = [
            world.count("project.project", [("hub_contract_id", "=", world.ids["contract"])]),
            world.count("project.task", [("project_id", "=", project)]),
            world.count("project.milestone", [("project_id", "=", project)]),
            len(data["hub_team_ids"]),
            world.count(
                "mail.activity", [("res_model", "=", "project.project"), ("res_id", "=", project)]
            ),
        ]
        world.ids["code"] = data["hub_code"]
    with step(
        "  company and contacts: E.164, country, language",
        [["Acme Industries", "+16175550142", "US"], ["+14155550101", "US", "en_US"], "Sam Ode 🚀"],
    ) as s:
        order = world.read("sale.order", [("id", "=", world.ids["order"])], ["partner_id"])[0]
        partner = world.read(
            "res.partner",
            [("id", "=", order["partner_id"][0])],
            ["name", "phone_sanitized", "country_code"],
        )[0]
        world.ids["acme_partner"] = partner["id"]
        people = world.read(
            "res.partner",
            [("parent_id", "=", partner["id"]), ("type", "=", "contact")],
            ["name", "phone_sanitized", "country_code", "lang"],
            order="id",
        )
        zoe = next(p for p in people if p["name"].startswith("Zoë"))
        sam = next(p for p in people if p["name"].startswith("Sam"))
        s.seen = [
            [partner["name"], partner["phone_sanitized"], partner["country_code"]],
            [zoe["phone_sanitized"], zoe["country_code"], zoe["lang"]],
            sam["name"],
        ]
    with step(
        f"  {world.tracker.label} has the project with its code, 3 tasks and 2 people", [1, 3, 2]
    ) as s:

        def set_up():
            found = world.tracker.projects(world.ids["code"])
            if not found:
                return None
            world.ids["booked_on"] = found[0]
            return [len(found), len(found[0][1]), len(found[0][2])]

        context.eventually(lambda: set_up() == [1, 3, 2], timeout=60)
        s.seen = set_up()
    context.link("Project of deal 1", f"/odoo/project.project/{world.ids['project']}")
    context.link("Contract of deal 1", f"/odoo/hub.contract/{world.ids['contract']}")


def _unknown_code(world):
    step, context = world.context.steps.step, world.context
    made = world.crm.deal(
        "Umbra advisory",
        {"name": "Umbra Biotech", "domain": "umbra.example", "country": "US"},
        [("ADV-2", "Advisory", 40, 250)],
    )
    other = world.crm.deal(
        "Umbra advisory phase 2", made["company"], [("adv-2", "Advisory", 20, 250)]
    )
    context.checkpoint()
    with step(
        "Deals 2a and 2b carry the service code ADV-2, which nobody mapped", "all taken"
    ) as s:
        world.crm.win(made)
        answer = world.crm.win(other, touch_company=False)
        s.seen = "all taken" if answer else "refused"
    with step(
        "  no project; one cause with 2 records and 15,000 USD at risk", [0, 1, 2, 15000.0]
    ) as s:
        world.until(
            "SELECT count(*) FROM hub_exception WHERE code = 'unknown_term' AND state = 'open'", 2
        )
        world.until(
            "SELECT coalesce(sum(exception_count), 0) FROM hub_issue WHERE code = 'unknown_term' AND state = 'open'",
            2,
        )
        issues = world.read(
            "hub.issue",
            [("code", "=", "unknown_term"), ("state", "=", "open")],
            ["sentence", "advice", "at_risk", "exception_count"],
            user="rita",
        )
        s.seen = [
            world.count("project.project", [("partner_id.name", "=", "Umbra Biotech")]),
            len(issues),
            issues[0]["exception_count"],
            issues[0]["at_risk"],
        ]
        issue = f"/odoo/hub.issue/{issues[0]['id']}"
        context.screen("issue_before", issue)
        context.screen("issues", "/odoo/action-lead_to_cash_hub.hub_issue_action")
        context.screen("exceptions", "/odoo/action-lead_to_cash_hub.hub_exception_action")
        context.screen("operations", "/odoo/action-lead_to_cash_hub.hub_operations_action")
    context.checkpoint()
    with step(
        "  the fix in the form: ADV-2 is Consulting; both deals go through", [True, 2, 0]
    ) as s:
        term = world.read("hub.vocabulary.term", [("code", "=", "CONS")], ["id"])[0]["id"]
        fixed = fix(world, "unknown_term", "map", term_id=term)
        world.quiet()
        context.screen("issue_after", issue)
        s.seen = [
            fixed,
            world.count("project.project", [("partner_id.name", "=", "Umbra Biotech")]),
            world.count("hub.issue", [("code", "=", "unknown_term"), ("state", "=", "open")]),
        ]


def _known_companies(world):
    step, context = world.context.steps.step, world.context
    third = world.crm.deal(
        "Globex migration",
        {
            "name": "GLOBEX Corp.",
            "vat": "DE 136 695 976",
            "domain": "globex-group.example",
            "country": "Germany",
        },
        [("CONS", "Consulting", 60, 150)],
    )
    fourth = world.crm.deal(
        "Initech audit",
        {"name": "Initech Sofware", "domain": "initech.example", "country": "US"},
        [("CONS", "Consulting", 30, 150)],
    )
    context.checkpoint()
    with step(
        "Deal 3: “GLOBEX Corp.” with the same VAT number is linked, not doubled",
        [1, "Globex Corporation"],
    ) as s:
        world.crm.win(third, touch_company=False)
        world.quiet()
        lead = lead_of(world, third)
        partner = world.read("crm.lead", [("id", "=", lead)], ["partner_id"])[0]["partner_id"]
        s.seen = [
            world.count("res.partner", [("name", "ilike", "globex"), ("is_company", "=", True)]),
            partner[1],
        ]
    context.checkpoint()
    with step(
        "Deal 4: “Initech Sofware” only resembles a customer: a person is asked", [1, 1, 4500.0]
    ) as s:
        world.crm.win(fourth, touch_company=False)
        world.until(
            "SELECT count(*) FROM hub_exception WHERE code = 'possible_duplicate' AND state = 'open'",
            1,
        )
        world.until(
            "SELECT coalesce(max(at_risk), 0)::int FROM hub_issue WHERE code = 'possible_duplicate' AND state = 'open'",
            4500,
        )
        issue = world.read(
            "hub.issue",
            [("code", "=", "possible_duplicate"), ("state", "=", "open")],
            ["exception_count", "waiting_count", "at_risk", "sentence"],
            user="rita",
        )[0]
        s.seen = [issue["exception_count"], issue["waiting_count"], issue["at_risk"]]
    with step("  linked by a person; the deal that waited goes through", [True, 1, "sale"]) as s:
        fixed = fix(
            world, "possible_duplicate", "link", record_ref=f"res.partner,{world.ids['initech']}"
        )
        world.until(
            "SELECT count(*) FROM sale_order WHERE partner_id = %s AND state = 'sale'",
            1,
            (world.ids["initech"],),
        )
        orders = world.read("sale.order", [("partner_id", "=", world.ids["initech"])], ["state"])
        s.seen = [fixed, len(orders), orders[0]["state"] if orders else None]
