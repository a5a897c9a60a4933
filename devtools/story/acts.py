"""What people do in the story again and again: make a deal, win it, mend a cause."""

from .world import Refused


def deal(world, name, company, lines, amount, contacts=(), **properties):
    """Seed a company (dict or id), contacts and an open deal; answers their ids."""
    objects = []
    if isinstance(company, dict):
        objects.append({"type": "companies", "properties": company})
    objects += [{"type": "contacts", "properties": contact} for contact in contacts]
    made = world.control("hubspot", "objects", {"objects": objects})["ids"] if objects else []
    company_id = made.pop(0) if isinstance(company, dict) else company
    for contact in made:
        world.control(
            "hubspot",
            "associate",
            {
                "type": "contacts",
                "id": contact,
                "other": "companies",
                "other_id": company_id,
                "primary": True,
            },
        )
    deal_id = world.control(
        "hubspot",
        "objects",
        {
            "objects": [
                {
                    "type": "deals",
                    "companies": [company_id],
                    "contacts": made,
                    "line_items": lines,
                    "properties": {
                        "dealname": name,
                        "amount": amount,
                        "deal_currency_code": "USD",
                        "dealstage": "contractsent",
                        "pipeline": "default",
                        "hubspot_owner_id": "42",
                        "service_line": "implementation",
                    }
                    | properties,
                }
            ]
        },
    )["ids"][0]
    return {"deal": deal_id, "company": company_id, "contacts": made}


def win(world, made, touch_company=True, **options):
    """Move a deal to closed-won, and send the webhooks."""
    if touch_company:
        world.control(
            "hubspot",
            "update",
            {
                "type": "companies",
                "id": made["company"],
                "properties": {"phone": "+1 617 555 0142"},
            },
        )
    world.control(
        "hubspot",
        "update",
        {
            "type": "deals",
            "id": made["deal"],
            "properties": {"dealstage": "closedwon", "closedate": "2026-11-02T15:00:00Z"},
        },
    )
    return world.deliver("hubspot", **options)


def line(sku, name, quantity, price):
    return {
        "properties": {"hs_sku": sku, "name": name, "quantity": str(quantity), "price": str(price)}
    }


LINES = [
    line("CONS", "Consulting", 200, 150),
    line("MILESTONE", "Go-live", 1, 15000),
    line("TRAVEL", "Travel allowance", 1, 3000),
]


def lead_of(world, made):
    """The lead that a deal became, or None."""
    rows = world.sql(
        """SELECT l.res_id FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id
            WHERE l.system_id = %s AND e.code = 'opportunity' AND l.external_id = %s""",
        (world.ids["hubspot"], str(made["deal"])),
    )
    return rows[0][0] if rows else None


def fix(world, code, mode, cause=None, user="rita", **values):
    """Open the fix of an issue as its button does, decide, and confirm; repeatable."""
    domain = [("code", "=", code), ("state", "=", "open")]

    def decide():
        issues = world.read("hub.issue", domain, ["params", "sentence"], user=user)
        issues = [i for i in issues if cause is None or cause in str(i["params"])]
        if not issues:
            return True
        wizard = world.create(
            "hub.resolve", {"issue_id": issues[0]["id"], "mode": mode, **values}, user=user
        )
        try:
            world.call("hub.resolve", "action_confirm", [wizard], user=user)
        except Refused as error:  # an answer that was lost: the second confirmation finds it done
            if "already" not in str(error):
                raise
        world.quiet()
        return None

    return bool(world.context.eventually(decide, timeout=120))
