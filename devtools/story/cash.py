"""Chapters 6 and 7: the money comes in, part of it goes back, and the CRM sees it."""


def tell(world):
    """A payment (reported twice), a partial refund, and the deal's figures in the CRM."""
    step, context = world.context.steps.step, world.context
    cents = round(world.ids["invoice_total"] * 100)
    provider = world.provider
    context.checkpoint()
    with step(f"{provider.label} reports the payment, and the same event again", "all taken") as s:
        payment = provider.pay(cents, world.ids["invoice_name"])
        answer = provider.deliver(duplicate=1)
        answer = answer and provider.deliver(again=True)
        s.seen = "all taken" if answer else "refused"
    context.checkpoint()
    with step(
        f"  one payment in the {provider.label} journal, fee booked, invoice paid",
        [1, "paid", True],
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
        charge_fee = provider.balance("fee") / 100
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
        provider.refund(payment, 50000)
        provider.deliver(duplicate=1)
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
        "contracted_amount": "48000.00",
        "invoiced_amount": f"{total - 500:.2f}",
        "paid_amount": f"{total - 500:.2f}",
        "overdue_amount": "0.00",
        "last_invoice": world.ids["invoice_name"],
        "contract_state": "active",
    }
    with step(
        f"{world.crm.label}'s deal shows contracted, invoiced, paid, overdue, last invoice",
        expected,
    ) as s:
        s.seen = _shown(world, "deal", expected)
    expected = {"balance": "0.00", "overdue": "0.00"}
    with step("  its company shows balance and overdue", expected) as s:
        s.seen = _shown(world, "company", expected)


def _shown(world, kind, expected):
    """What the CRM shows of the first deal or its company, once it is as expected or a minute is over."""

    def shown():
        figures = world.crm.figures(world.ids["acme"], kind, expected)
        return {name: _money(value) for name, value in figures.items()}

    world.context.eventually(lambda: shown() == expected, timeout=60)
    return shown()


def _money(text):
    try:
        return f"{float(text):.2f}"
    except (TypeError, ValueError):
        return text
