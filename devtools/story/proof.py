"""Chapter 8: the numbers are proved."""

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


# Ledgers that the hub compares itself: kind, which product it is held against, what must come of it.
LEDGERS = (
    ("contract", "hubspot", ("agreed", "explained")),
    ("time", "harvest", ("agreed", "explained")),
    ("billing", None, ("agreed", "explained")),
    ("invoice", None, ("agreed",)),
    ("payment", "stripe", ("agreed",)),
)


def _reconcile(world):
    """The hub's own reconciliation, started by a resolver and signed off by an approver."""
    step = world.context.steps.step
    runs = {}
    for kind, product, _states in LEDGERS:
        values = {"kind": kind, "date_from": "2026-01-01", "date_to": "2026-12-31"}
        if product:
            values["system_id"] = world.ids[product]
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
            for kind, _product, states in LEDGERS
        )
    with step("An approver signs them off", 5) as s:
        world.call("hub.reconciliation", "action_sign", ids, user="ben")
        s.seen = world.count("hub.reconciliation", [("state", "=", "signed")])
    world.context.link("Reconciliation", "/odoo/hub-reconciliation")
    world.context.screen("reconciliation", f"/odoo/hub-reconciliation/{runs['time']}")


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
        "Hours: Harvest approved = timesheets = invoiced + waiting (in 1/100 h)",
        [APPROVED_HOURS] * 3,
    ) as s:
        state = world.control("harvest", "state")
        source = sum(
            round(e["hours"] * 100)
            for e in state["time_entries"].values()
            if e["approval_status"] == "approved"
        )
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
        s.seen = [source, row[0], row[1] + row[2]]
    with step("Stripe's balance = the Stripe journal's, to the cent", True) as s:
        net = sum(
            t["net"] for t in world.control("stripe", "state")["balance_transactions"].values()
        )
        booked = world.sql(
            """SELECT round(sum(l.balance) * 100)::int
                 FROM account_move_line l JOIN account_journal j ON j.default_account_id = l.account_id
                WHERE j.id = %s AND l.parent_state = 'posted'""",
            (world.ids["journal"],),
        )[0][0]
        s.ok, s.seen = net == booked, f"{net / 100:.2f} = {(booked or 0) / 100:.2f}"
        s.expected = f"{net / 100:.2f} on both sides"
    _reconcile(world)
    with step("No business record stands twice", {}) as s:
        doubled = {}
        for name, rest in SHOULD_BE_ONE.items():
            rows = world.sql(f"SELECT {rest} HAVING count(*) > 1")
            if rows:
                doubled[name] = len(rows)
        harvest = world.control("harvest", "state")
        for kind in ("projects", "clients"):
            names = [row.get("code") or row["name"] for row in harvest[kind].values()]
            if len(names) != len(set(names)):
                doubled[f"Harvest {kind}"] = len(names) - len(set(names))
        s.seen = doubled
    world.context.link("Operations", "/odoo/action-lead_to_cash_hub.hub_operations_action")
    world.context.link("Exceptions", "/odoo/action-lead_to_cash_hub.hub_exception_action")
    screen = world.context.screen
    for name, path in {
        "systems": "/odoo/action-lead_to_cash_hub.hub_system_action",
        "system": f"/odoo/hub.system/{world.ids['hubspot']}",
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
