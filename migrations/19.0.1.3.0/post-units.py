"""Amounts name their currency, quantities their unit."""

from odoo import SUPERUSER_ID, api
from odoo.addons.lead_to_cash_hub.hooks import keep_the_admins

UNITS = {
    "currency": """
        opportunity_amount opportunity_contracted_amount opportunity_invoiced_amount opportunity_paid_amount
        opportunity_overdue_amount deal_line_unit_price deal_line_unit_cost expense_amount payment_amount
        refund_amount retainer_term_amount retainer_term_rate_above change_order_amount employee_cost_rate
        contract_amount contract_line_unit_price contract_line_amount invoice_untaxed invoice_total invoice_open
        invoice_ledger_open invoice_line_unit_price invoice_line_untaxed invoice_line_tax_amount refund_net
    """,
    "settlement_currency": """
        payment_fee payment_net
    """,
    "company.currency": """
        customer_balance customer_overdue
    """,
    "contract.currency": """
        project_hourly_rate time_entry_billed_rate
    """,
    "h": """
        project_budget_hours time_entry_hours time_entry_billable_hours task_hours assignment_hours
    """,
    "h/week": """
        employee_target_hours
    """,
    "%": """
        opportunity_likelihood
    """,
    "period": """
        retainer_term_carried_over
    """,
    "service.unit": """
        deal_line_quantity contract_line_quantity
    """,
    "item.unit": """
        invoice_line_quantity
    """,
}


def migrate(cr, version):
    """An update leaves canonical fields as the admin has them: what has no unit yet gets the shipped one."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    for unit, names in UNITS.items():
        for name in names.split():
            field = env.ref(f"lead_to_cash_hub.field_{name}", raise_if_not_found=False)
            if field and not field.unit:
                field.unit = unit
    env["hub.entity.version"]._publish_all()  # the data's own turn was before this
    keep_the_admins(env)  # rows that are new with this version are the admin's from now on, too
