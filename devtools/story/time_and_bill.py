"""Chapters 4 and 5: time and expenses from Harvest, and the invoice."""

from .acts import fix

PERIOD = ("2026-11-01", "2026-11-30")
# forty entries: consultant (0 Ann, 1 Bob, 2 the unknown one), day, hours, approved
ENTRIES = [
    (who, f"2026-11-{3 + number % 18:02d}", hours, approved)
    for number, (who, hours, approved) in enumerate(
        [(0, "7.50", True)] * 14
        + [(1, "6.25", True)] * 16
        + [(2, "8.00", True)]
        + [(0, "3.33", False)] * 5
        + [(1, "4.00", False)] * 4
    )
]
APPROVED_HOURS = sum(
    round(float(hours) * 100) for _who, _day, hours, ok in ENTRIES if ok
)  # in hundredths


def tell(world):
    """Forty entries, thirty-one approved; one of an unknown consultant; two expenses; one invoice."""
    _time(world)
    _invoice(world)


def _rows(table):
    return list(table.values())


def _time(world):
    step, context = world.context.steps.step, world.context
    context.checkpoint()
    state = world.control("harvest", "state")
    project = world.ids["harvest_project"]
    assignments = [
        t
        for t in _rows(state["task_assignments"])
        if (t["project"] if isinstance(t["project"], int) else t["project"]["id"]) == project
    ]
    tasks = {t["id"]: t["name"] for t in _rows(state["tasks"])}
    by_name = {
        tasks[a["task"] if isinstance(a["task"], int) else a["task"]["id"]]: (
            a["task"] if isinstance(a["task"], int) else a["task"]["id"]
        )
        for a in assignments
    }
    users = world.ids["harvest_users"]
    with step("Harvest: 40 time entries, 31 approved, and 2 expenses", [40, 31, 2]) as s:
        world.control(
            "harvest", "objects", {"user_assignments": [{"project": project, "user": users[2]}]}
        )
        made = world.control(
            "harvest",
            "objects",
            {
                "time_entries": [
                    {
                        "user": users[who],
                        "project": project,
                        "task": by_name["Build" if who == 1 else "Analysis"],
                        "spent_date": day,
                        "hours": float(hours),
                        "billable_rate": 150.0,
                        "notes": "Work",
                        "approval_status": "approved" if ok else "submitted",
                    }
                    for who, day, hours, ok in ENTRIES
                ]
            },
        )["time_entries"]
        category = {"id": 9, "name": "Travel"}
        world.control(
            "harvest",
            "objects",
            {
                "expenses": [
                    {
                        "user": users[0],
                        "project": project,
                        "expense_category": category,
                        "spent_date": "2026-11-05",
                        "total_cost": 412.35,
                        "notes": "Flight",
                        "approval_status": "approved",
                    },
                    {
                        "user": users[1],
                        "project": project,
                        "expense_category": category,
                        "spent_date": "2026-11-06",
                        "total_cost": 88.4,
                        "notes": "Hotel",
                        "approval_status": "approved",
                    },
                ]
            },
        )
        state = world.control("harvest", "state")
        s.seen = [
            len(made),
            len([e for e in _rows(state["time_entries"]) if e["approval_status"] == "approved"]),
            len(state["expenses"]),
        ]
    context.checkpoint()
    with step(
        "  39 entries arrive; 1 of an unknown consultant is an exception", [39, 30, 1, 1200.0]
    ) as s:
        world.until(
            "SELECT count(*) FROM account_analytic_line WHERE project_id = %s AND employee_id IS NOT NULL",
            39,
            (world.ids["project"],),
        )
        world.until(
            "SELECT count(*) FROM hub_exception WHERE code = 'unknown_consultant' AND state = 'open'",
            1,
        )
        world.quiet()
        lines = [("project_id", "=", world.ids["project"]), ("employee_id", "!=", False)]
        risk = world.sql(
            "SELECT amount::float FROM hub_exception WHERE code = 'unknown_consultant' AND state = 'open'"
        )
        s.seen = [
            world.count("account.analytic.line", lines),
            world.count("account.analytic.line", [*lines, ("hub_approval", "=", "approved")]),
            len(risk),
            risk[0][0] if risk else None,
        ]
    context.checkpoint()
    with step("  a person links M. Okafor to Mary Okafor; her entry arrives", [True, 31]) as s:
        fixed = fix(
            world,
            "unknown_consultant",
            "link",
            record_ref=f"hr.employee,{world.ids['employees'][2]}",
        )
        query = """SELECT count(*) FROM account_analytic_line
                    WHERE project_id = %s AND employee_id IS NOT NULL AND hub_approval = 'approved'"""
        s.seen = [fixed, world.until(query, 31, (world.ids["project"],))]
    with step(
        "  each on its task and order line, with its employee and rate", [40, 1, [150.0]]
    ) as s:
        rows = world.sql(
            """SELECT count(*) FILTER (WHERE l.task_id IS NOT NULL AND l.so_line IS NOT NULL),
                      count(DISTINCT s.order_id), array_agg(DISTINCT s.price_unit::float)
                 FROM account_analytic_line l JOIN sale_order_line s ON s.id = l.so_line
                WHERE l.project_id = %s AND l.employee_id IS NOT NULL AND l.task_id IS NOT NULL""",
            (world.ids["project"],),
        )
        s.seen = list(rows[0])
    with step("  the 2 expenses stand on the order for re-invoicing", 2) as s:
        s.seen = world.until(
            """SELECT count(*) FROM hub_link l JOIN hub_entity e ON e.id = l.entity_id WHERE e.code = 'expense'""",
            2,
        )


def _invoice(world):
    step, context = world.context.steps.step, world.context
    context.checkpoint()
    contract = world.ids["contract"]
    with step(
        "Time to invoice: the run makes one draft of 31 entries, 2 expenses",
        [1, "draft", "to_approve"],
    ) as s:

        def drafted():
            moves = world.read(
                "account.move",
                [
                    ("hub_contract_id", "=", contract),
                    ("move_type", "=", "out_invoice"),
                    ("state", "!=", "cancel"),
                ],
                ["state", "hub_approval", "amount_untaxed", "amount_total"],
                user="ben",
            )
            if not moves:
                run = world.create(
                    "hub.billing.run",
                    {
                        "date_from": PERIOD[0],
                        "date_to": PERIOD[1],
                        "contract_ids": [[6, 0, [contract]]],
                    },
                    user="ben",
                )
                world.call("hub.billing.run", "action_run", [run], user="ben")
                return None
            return moves

        moves = context.eventually(drafted, timeout=120)
        s.seen = [len(moves), moves[0]["state"], moves[0]["hub_approval"]]
        world.ids["invoice"] = moves[0]["id"]
    context.checkpoint()
    with step("  a check blocks: the customer has no e-mail address; completed", 1) as s:
        s.seen = world.count(
            "hub.invoice.check",
            [("move_id", "=", world.ids["invoice"]), ("severity", "=", "blocking")],
            user="ben",
        )
        world.call(
            "res.partner", "write", [world.ids["acme_partner"]], vals={"email": "ap@acme.example"}
        )
        world.call("account.move", "action_hub_run_checks", [world.ids["invoice"]], user="ben")
    with step("  checks: nothing blocks; 9 unapproved entries are named", [0, True]) as s:
        checks = world.read(
            "hub.invoice.check",
            [("move_id", "=", world.ids["invoice"])],
            ["code", "severity", "sentence"],
            user="ben",
        )
        s.seen = [
            len([c for c in checks if c["severity"] == "blocking"]),
            any("9" in c["sentence"] for c in checks if c["severity"] == "warning"),
        ]
        world.ids["checks"] = [(c["severity"], c["sentence"]) for c in checks]
    hours = APPROVED_HOURS / 100
    untaxed = round(hours * 150 + 412.35 + 88.40, 2)
    with step(
        f"  its sum: {hours:.2f} h × 150 + 500.75 expenses, to the cent", f"{untaxed:.2f}"
    ) as s:
        move = world.read(
            "account.move", [("id", "=", world.ids["invoice"])], ["amount_untaxed"], user="ben"
        )[0]
        s.seen = f"{move['amount_untaxed']:.2f}"
    context.checkpoint()
    with step(
        "  Ben approves: posted by him, 31 entries billed, 9 carry no invoice",
        ["posted", "approved", 31, 9],
    ) as s:

        def approved():
            move = world.read(
                "account.move", [("id", "=", world.ids["invoice"])], ["state"], user="ben"
            )[0]
            if move["state"] == "posted":
                return True
            world.call("account.move", "action_hub_approve", [world.ids["invoice"]], user="ben")
            return None

        context.screen("invoice_to_approve", f"/odoo/account.move/{world.ids['invoice']}")
        context.eventually(approved, timeout=120)
        move = world.read(
            "account.move",
            [("id", "=", world.ids["invoice"])],
            ["state", "hub_approval", "name", "amount_total"],
            user="ben",
        )[0]
        world.ids |= {"invoice_name": move["name"], "invoice_total": move["amount_total"]}
        rows = world.sql(
            """SELECT count(*) FILTER (WHERE timesheet_invoice_id = %s),
                      count(*) FILTER (WHERE timesheet_invoice_id IS NULL)
                 FROM account_analytic_line
                WHERE project_id = %s AND employee_id IS NOT NULL AND hub_approval IS NOT NULL
                  AND hub_source_hours IS NOT NULL""",
            (world.ids["invoice"], world.ids["project"]),
        )[0]
        s.seen = [move["state"], move["hub_approval"], *rows]
    context.link("Invoice", f"/odoo/account.move/{world.ids['invoice']}")
