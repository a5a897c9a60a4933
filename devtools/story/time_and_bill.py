"""Chapters 4 and 5: time and expenses from the time tracker, and the invoice."""

from .acts import fix

PERIOD = ("2026-11-01", "2026-11-30")
# forty entries: consultant (0 Ann, 1 Bob, 2 the unknown one), task, day, hours, approved
ENTRIES = [
    (who, "Build" if who == 1 else "Analysis", f"2026-11-{3 + number % 18:02d}", hours, approved)
    for number, (who, hours, approved) in enumerate(
        [(0, "7.50", True)] * 14
        + [(1, "6.25", True)] * 16
        + [(2, "8.00", True)]
        + [(0, "3.33", False)] * 5
        + [(1, "4.00", False)] * 4
    )
]
APPROVED_HOURS = sum(
    round(float(hours) * 100) for _who, _task, _day, hours, ok in ENTRIES if ok
)  # in hundredths
EXPENSES = [(0, "2026-11-05", 412.35, "Flight"), (1, "2026-11-06", 88.40, "Hotel")]


def tell(world):
    """Forty entries, thirty-one approved; one of an unknown consultant; two expenses; one invoice."""
    _time(world)
    _invoice(world)


def _time(world):
    step, context = world.context.steps.step, world.context
    context.checkpoint()
    tracker = world.tracker
    with step(f"{tracker.label}: 40 time entries, 31 approved, and 2 expenses", [40, 31, 2]) as s:
        tracker.book(world.ids["booked_on"], ENTRIES, EXPENSES)
        s.seen = tracker.counts()
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
    spent = sum(amount for _who, _day, amount, _what in EXPENSES)
    untaxed = round(hours * 150 + spent, 2)
    with step(
        f"  its sum: {hours:.2f} h × 150 + {spent:.2f} expenses, to the cent", f"{untaxed:.2f}"
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
    if world.books:
        _in_the_books(world)


def _in_the_books(world):
    """The posted invoice goes to the accounting ledger, and what the ledger says of it comes back."""
    books, invoice = world.books, world.ids["invoice"]
    expected = [[world.ids["invoice_name"], f"{world.ids['invoice_total']:.2f}"], "open"]
    with world.context.steps.step(
        f"  {books.label} has it with the same number and total, and says that it is open", expected
    ) as s:
        world.context.eventually(lambda: books.documents() == expected[:1], timeout=60)
        books.deliver()
        state = "SELECT hub_ledger_state FROM account_move WHERE id = %s"
        s.seen = [*books.documents(), world.until(state, "open", (invoice,))]
        world.context.screen("invoice_in_ledger", f"/odoo/account.move/{invoice}")
