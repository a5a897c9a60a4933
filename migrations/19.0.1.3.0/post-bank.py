"""What a bank line was matched with follows what Odoo has of it."""


def migrate(cr, version):
    """Matches that Odoo took back on another screen are to be decided again."""
    cr.execute(
        """WITH back AS (
               UPDATE account_bank_statement_line SET hub_match = 'open'
                WHERE hub_match IN ('matched', 'accepted', 'unapplied') AND is_reconciled IS NOT TRUE
            RETURNING id
           )
           DELETE FROM hub_bank_line_item_rel r USING back WHERE r.statement_line_id = back.id"""
    )
