"""Chapter 8: the numbers are proved."""

from datetime import date

from .time_and_bill import APPROVED_HOURS

# What names a record, and where: no name may come twice.
SHOULD_BE_ONE = {
    "company": "lower(name) FROM res_partner WHERE is_company AND active GROUP BY 1",
    "contact": """email_normalized FROM res_partner
                   WHERE NOT is_company AND email_normalized LIKE '%%@acme.example' GROUP BY 1""",
    "order": "opportunity_id FROM sale_order WHERE opportunity_id IS NOT NULL GROUP BY 1",
    "project": "hub_contract_id FROM project_project WHERE hub_contract_id IS NOT NULL GROUP BY 1",
    "lead": "name FROM crm_lead GROUP BY 1",
    "billed entry": """entry_id FROM hub_billing
                        WHERE state IN ('draft', 'posted') AND entry_id IS NOT NULL GROUP BY 1""",
    "link": "external_id FROM hub_link GROUP BY system_id, entity_id, external_id",
}


# Ledgers that the hub compares itself: kind, which player it is held against, what must come of it.
LEDGERS = (
    ("contract", "crm", ("agreed", "explained")),
    ("time", "tracker", ("agreed", "explained")),
    ("billing", None, ("agreed", "explained")),
    ("invoice", None, ("agreed",)),
    ("payment", "provider", ("agreed",)),
)


def _reconcile(world):
    """The hub's own reconciliation, started by a resolver and signed off by an approver."""
    step = world.context.steps.step
    runs = {}
    # The work is of November 2026, payments are of the day on which the story is told.
    last = max(date(2026, 12, 31), date.today()).isoformat()
    for kind, player, _states in LEDGERS:
        values = {"kind": kind, "date_from": "2026-01-01", "date_to": last}
        if player:
            values["system_id"] = world.players[player].system
        runs[kind] = world.create("hub.reconciliation", values, user="rita")
    ids = list(runs.values())
    world.call("hub.reconciliation", "action_compare", ids, user="rita")
    world.until(
        "SELECT count(*) FROM hub_reconciliation WHERE id = ANY(%s) AND state = 'due'", 0, (ids,)
    )
    with step(
        "Reconciliation: five pairs of ledgers agree, or each difference is explained", True
    ) as s:
        rows = {
            row["kind"]: row
            for row in world.read(
                "hub.reconciliation",
                [("id", "in", ids)],
                [
                    "kind",
                    "state",
                    "agreed_count",
                    "difference_count",
                    "unexplained_count",
                    "proved",
                ],
            )
        }
        s.seen = ", ".join(
            f"{kind} {row['state']} {row['agreed_count']}+{row['difference_count']}"
            for kind, row in rows.items()
        )
        s.ok = all(
            rows[kind]["state"] in states and rows[kind]["proved"]
            for kind, _player, states in LEDGERS
        )
    with step("An approver signs them off", 5) as s:
        world.call("hub.reconciliation", "action_sign", ids, user="ben")
        s.seen = world.count("hub.reconciliation", [("state", "=", "signed")])
    world.context.link("Reconciliation", "/odoo/hub-reconciliation")
    world.context.screen("reconciliation", f"/odoo/hub-reconciliation/{runs['time']}")


def _books(world):
    """Each posted document stands in the accounting ledger, once, with its number and its total."""
    posted = world.sql(
        """SELECT name, amount_total::text FROM account_move
            WHERE state = 'posted' AND move_type IN ('out_invoice', 'out_refund')"""
    )
    posted = sorted([name, f"{float(total):.2f}"] for name, total in posted)
    label = world.books.label
    with world.context.steps.step(
        f"{label} has each posted document once, with the same number and total", posted
    ) as s:
        world.context.eventually(lambda: world.books.documents() == posted, timeout=60)
        s.seen = world.books.documents()


def tell(world):
    """Messages, hours, money, and that nothing stands twice."""
    step = world.context.steps.step
    world.context.checkpoint()
    with step(
        "Every message is done, skipped with a reason, or before a person", [True, 0, 0]
    ) as s:
        rest = world.quiet()
        left = world.sql(
            """SELECT count(*) FROM hub_message
                WHERE state NOT IN ('done', 'skipped')
                  AND id NOT IN (SELECT message_id FROM hub_exception WHERE state = 'open')"""
        )[0][0]
        silent = world.sql(
            "SELECT count(*) FROM hub_message WHERE state = 'skipped' AND reason IS NULL"
        )[0][0]
        s.seen = [rest, left, silent]
    world.context.checkpoint()
    with step(
        f"Hours: {world.tracker.label} approved = timesheets = invoiced + waiting (in 1/100 h)",
        [APPROVED_HOURS] * 3,
    ) as s:
        row = world.sql(
            """
            WITH entry AS (
                SELECT round(hub_source_hours::numeric * 100) AS hundredths,
                       timesheet_invoice_id IS NOT NULL AS invoiced
                  FROM account_analytic_line
                 WHERE project_id = %s AND employee_id IS NOT NULL AND hub_approval = 'approved'
                   AND hub_source_hours IS NOT NULL)
            SELECT coalesce(sum(hundredths), 0)::int,
                   coalesce(sum(hundredths) FILTER (WHERE invoiced), 0)::int,
                   coalesce(sum(hundredths) FILTER (WHERE NOT invoiced), 0)::int
              FROM entry
            """,
            (world.ids["project"],),
        )[0]
        s.seen = [world.tracker.hours(), row[0], row[1] + row[2]]
    provider = world.provider
    with step(
        f"{provider.label}'s balance = the {provider.label} journal's, to the cent", True
    ) as s:
        net = provider.balance("net")
        booked = world.sql(
            """SELECT round(sum(l.balance) * 100)::int
                 FROM account_move_line l JOIN account_journal j ON j.default_account_id = l.account_id
                WHERE j.id = %s AND l.parent_state = 'posted'""",
            (world.ids["journal"],),
        )[0][0]
        s.ok, s.seen = net == booked, f"{net / 100:.2f} = {(booked or 0) / 100:.2f}"
        s.expected = f"{net / 100:.2f} on both sides"
    if world.books:
        _books(world)
    _reconcile(world)
    with step("No business record stands twice", {}) as s:
        doubled = {}
        for name, rest in SHOULD_BE_ONE.items():
            rows = world.sql(f"SELECT {rest} HAVING count(*) > 1")
            if rows:
                doubled[name] = len(rows)
        for kind in ("projects", "clients"):
            names = [row.get("code") or row["name"] for row in world.tracker.rows(kind)]
            if len(names) != len(set(names)):
                doubled[f"{world.tracker.label} {kind}"] = len(names) - len(set(names))
        s.seen = doubled
    world.context.link("Operations", "/odoo/action-lead_to_cash_hub.hub_operations_action")
    world.context.link("Exceptions", "/odoo/action-lead_to_cash_hub.hub_exception_action")
    screen = world.context.screen
    for name, path in {
        "systems": "/odoo/action-lead_to_cash_hub.hub_system_action",
        "system": f"/odoo/hub.system/{world.crm.system}",
        "streams": "/odoo/action-lead_to_cash_hub.hub_stream_action",
        "messages": "/odoo/action-lead_to_cash_hub.hub_message_action",
        "mapping": "/odoo/action-lead_to_cash_hub.hub_mapping_action",
        "contract": f"/odoo/hub.contract/{world.ids['contract']}",
        "project": f"/odoo/project.project/{world.ids['project']}",
        "invoice": f"/odoo/account.move/{world.ids['invoice']}",
        "partner": f"/odoo/res.partner/{world.ids['acme_partner']}",
        "audit": "/odoo/action-lead_to_cash_hub.hub_audit_action",
    }.items():
        screen(name, path)
