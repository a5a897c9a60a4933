"""Chapters 6 and 7: the money comes in, part of it goes back, and the CRM sees it."""


def tell(world):
    """A payment (reported twice), a partial refund, and the deal's figures in HubSpot."""
    step, context = world.context.steps.step, world.context
    cents = round(world.ids["invoice_total"] * 100)
    context.checkpoint()
    with step("Stripe reports the payment, and the same event again", "all taken") as s:
        intent = world.control(
            "stripe",
            "payments",
            {
                "amount": cents,
                "currency": "usd",
                "metadata": {"odoo_invoice": world.ids["invoice_name"]},
            },
        )["ids"][0]
        answer = world.deliver("stripe", duplicate=1)
        answer = answer and world.deliver("stripe", again=True)
        s.seen = "all taken" if answer else "refused"
    context.checkpoint()
    with step(
        "  one payment in the Stripe journal, fee booked, invoice paid", [1, "paid", True]
    ) as s:
        world.until(
            "SELECT payment_state FROM account_move WHERE id = %s", "paid", (world.ids["invoice"],)
        )
        world.quiet()
        payments = world.read(
            "account.payment",
            [("journal_id", "=", world.ids["journal"]), ("payment_type", "=", "inbound")],
            ["hub_gross", "hub_fee", "hub_net"],
        )
        charge_fee = (
            sum(
                row["fee"]
                for row in world.control("stripe", "state")["balance_transactions"].values()
            )
            / 100
        )
        move = world.read("account.move", [("id", "=", world.ids["invoice"])], ["payment_state"])[0]
        s.seen = [
            len(payments),
            move["payment_state"],
            bool(payments) and abs(payments[0]["hub_fee"] - charge_fee) < 0.005,
        ]
    context.link("Payments", "/odoo/account.payment")
    context.checkpoint()
    with step(
        "A refund of 500.00: outbound payment, and a credit note that waits", [1, "to_approve"]
    ) as s:
        world.control(
            "stripe",
            "refunds",
            {"payment_intent": intent, "amount": 50000, "reason": "requested_by_customer"},
        )
        world.deliver("stripe", duplicate=1)
        world.until(
            "SELECT count(*) FROM account_move WHERE move_type = 'out_refund' AND hub_approval = 'to_approve'",
            1,
        )
        world.quiet()
        notes = world.read(
            "account.move",
            [("move_type", "=", "out_refund")],
            ["hub_approval", "amount_total", "state"],
        )
        s.seen = [
            world.count(
                "account.payment",
                [("journal_id", "=", world.ids["journal"]), ("payment_type", "=", "outbound")],
            ),
            notes[0]["hub_approval"] if notes else None,
        ]
    context.checkpoint()
    with step(
        "  Ben approves the credit note: reconciled; no hour is billable again",
        ["posted", 500.0, 0.0, 0],
    ) as s:
        note = world.read("account.move", [("move_type", "=", "out_refund")], ["id"])[0]["id"]

        def approved():
            if (
                world.read("account.move", [("id", "=", note)], ["state"], user="ben")[0]["state"]
                == "posted"
            ):
                return True
            world.call("account.move", "action_hub_approve", [note], user="ben")
            return None

        context.eventually(approved, timeout=120)
        row = world.read(
            "account.move",
            [("id", "=", note)],
            ["state", "amount_total", "amount_residual"],
            user="ben",
        )[0]
        billable = world.sql(
            """SELECT count(*) FROM account_analytic_line
                WHERE project_id = %s AND employee_id IS NOT NULL AND hub_approval = 'approved'
                  AND hub_source_hours IS NOT NULL AND timesheet_invoice_id IS NULL""",
            (world.ids["project"],),
        )[0][0]
        s.seen = [row["state"], row["amount_total"], row["amount_residual"], billable]
    context.checkpoint()
    total = world.ids["invoice_total"]
    expected = {
        "odoo_contracted_amount": "48000.00",
        "odoo_invoiced_amount": f"{total - 500:.2f}",
        "odoo_paid_amount": f"{total - 500:.2f}",
        "odoo_overdue_amount": "0.00",
        "odoo_last_invoice": world.ids["invoice_name"],
        "odoo_contract_state": "active",
    }
    with step(
        "HubSpot's deal shows contracted, invoiced, paid, overdue, last invoice", expected
    ) as s:

        def shown():
            objects = world.control("hubspot", "state")["objects"]
            properties = objects["deals"][str(world.ids["acme"]["deal"])]["properties"]
            return {name: _money(properties.get(name)) for name in expected}

        context.eventually(lambda: shown() == expected, timeout=60)
        s.seen = shown()
    with step("  its company shows balance and overdue", ["0.00", "0.00"]) as s:

        def company():
            objects = world.control("hubspot", "state")["objects"]
            properties = objects["companies"][str(world.ids["acme"]["company"])]["properties"]
            return [_money(properties.get("odoo_balance")), _money(properties.get("odoo_overdue"))]

        context.eventually(lambda: company() == ["0.00", "0.00"], timeout=60)
        s.seen = company()


def _money(text):
    try:
        return f"{float(text):.2f}"
    except (TypeError, ValueError):
        return text
