"""What people do in the story again and again: find what a deal became, mend a cause."""

from .world import Refused

# what a deal sells: code, name, quantity, price
LINES = [
    ("CONS", "Consulting", 200, 150),
    ("MILESTONE", "Go-live", 1, 15000),
    ("TRAVEL", "Travel allowance", 1, 3000),
]


def lead_of(world, made):
    """The lead that a deal became, or None."""
    rows = world.sql(
        """SELECT l.res_id FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id
            WHERE l.system_id = %s AND e.code = 'opportunity' AND l.external_id = %s""",
        (world.crm.system, str(made["deal"])),
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
