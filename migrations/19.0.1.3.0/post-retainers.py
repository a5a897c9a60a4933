"""Of the balances that people were told of before the update they are not told again."""


def migrate(cr, version):
    cr.execute(
        """UPDATE hub_retainer_period SET told_of = COALESCE(opening, 0) + COALESCE(added, 0)
            WHERE told > 0 AND told_of IS NULL"""
    )
