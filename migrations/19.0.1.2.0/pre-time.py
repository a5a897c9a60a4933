"""Time entries tell what was worked from what is billed."""


def migrate(cr, version):
    """Until now both were the same; Odoo would work it out entry by entry."""
    cr.execute(
        """ALTER TABLE account_analytic_line ADD COLUMN IF NOT EXISTS hub_billable_quantity double precision;
           UPDATE account_analytic_line SET hub_billable_quantity = unit_amount
            WHERE hub_billable_quantity IS NULL;"""
    )
