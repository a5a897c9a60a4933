"""Inside Odoo: orders with approved time, half of them under contracts of the hub, and both ways of billing them."""

import time
from datetime import date, timedelta

from odoo import api
from odoo.addons.lead_to_cash_hub.models.flow.context import HUB_CONTEXT
from odoo.fields import Command

JUNE = date(2026, 6, 1)
PEOPLE, RATE = 20, 150.0


def prepare(env, orders, entries):
    """Orders with a project and ``entries`` of time each, with and without a contract; their ids."""
    env = env(context={**env.context, **HUB_CONTEXT})
    env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 6
    product = env["product.product"].create(
        {
            "name": "Consulting",
            "default_code": "CON",
            "type": "service",
            "uom_id": env.ref("uom.product_uom_hour").id,
            "list_price": RATE,
            "invoice_policy": "delivery",
            "service_type": "timesheet",
        }
    )
    employees = env["hr.employee"].create(
        [
            {"name": f"Consultant {number}", "company_id": env.company.id, "hourly_cost": 60.0}
            for number in range(PEOPLE)
        ]
    )
    facts = {"governed": [], "plain": [], "contracts": []}
    for number in range(2 * orders):
        customer = env["res.partner"].create(
            {
                "name": f"Customer {number}",
                "is_company": True,
                "street": "1 Main St",
                "city": "Springfield",
                "country_id": env.ref("base.us").id,
                "email": "billing@customer.example",
            }
        )
        order = env["sale.order"].create(
            {
                "partner_id": customer.id,
                "order_line": [
                    Command.create({"product_id": product.id, "product_uom_qty": 100_000})
                ],
            }
        )
        order.with_context(disable_project_task_generation=True).action_confirm()
        project = env["project.project"].create(
            {
                "name": f"Rollout {number}",
                "partner_id": customer.id,
                "company_id": env.company.id,
                "allow_billable": True,
                "allow_timesheets": True,
                "sale_line_id": order.order_line.id,
            }
        )
        governed = number % 2
        facts["governed" if governed else "plain"].append(order.id)
        if governed:
            contract = env["hub.contract"].create(
                {
                    "name": f"Rollout {number}",
                    "partner_id": customer.id,
                    "sale_order_id": order.id,
                    "project_id": project.id,
                    "state": "active",
                }
            )
            facts["contracts"].append(contract.id)
        env["account.analytic.line"].create(
            [
                {
                    "employee_id": employees[place % PEOPLE].id,
                    "project_id": project.id,
                    "date": JUNE + timedelta(days=place % 30),
                    "name": f"Work {place}",
                    "unit_amount": (place % 31 + 1) / 4,
                }
                for place in range(entries)
            ]
        )
        env.cr.commit()
    env.cr.execute("ANALYZE")
    return facts


def _end(env, moves, began, entries, field):
    """Seconds of a billing whose work is proved and then undone, so that the next round finds the same."""
    env.flush_all()
    seconds = time.perf_counter() - began
    if set(moves.mapped("state")) != {"posted"}:
        raise AssertionError("not every invoice is posted")
    billed = env["account.analytic.line"].search_count([(field, "in", moves.ids)])
    amount = sum(moves.mapped("amount_untaxed"))
    env.cr.rollback()
    if billed != entries:
        raise AssertionError(f"{billed} of {entries} entries are billed")
    return seconds, amount


def by_odoo(env, facts, entries):
    """Bill the orders without a contract with Odoo alone: ``[seconds, amount]``."""
    env = api.Environment(env.cr, env.ref("base.user_admin").id, {**HUB_CONTEXT, "lang": "en_US"})
    orders = env["sale.order"].browse(facts["plain"])
    began = time.perf_counter()
    moves = orders._create_invoices(grouped=True)
    moves.action_post()
    return _end(env, moves, began, entries, "timesheet_invoice_id")


def by_run(env, facts, entries):
    """Propose a billing run of the contracts and carry it out: ``[seconds, amount]``."""
    admin = env.ref("base.user_admin")
    admin.group_ids += env.ref("lead_to_cash_hub.group_hub_billing_approver")
    env = api.Environment(env.cr, admin.id, {**HUB_CONTEXT, "lang": "en_US"})
    began = time.perf_counter()
    batch = env["hub.billing.batch"].create({"date_to": JUNE + timedelta(days=29)})
    batch.action_propose()
    lines = batch.line_ids
    lines.action_approve()
    lines.filtered(lambda line: line.state == "approved")._bill()  # what the clock does, in one go
    failed = lines.filtered("failure").mapped("failure")
    if failed:
        raise AssertionError(failed[0])
    return _end(env, lines.move_id, began, entries, "hub_billing_ids.move_id")
