"""An issue remembers how much it was about."""


def migrate(cr, version):
    """The most is not known of what was before: all its records that are still kept."""
    cr.execute(
        """UPDATE hub_issue i
              SET record_total = greatest(i.exception_count, e.n), risk_total = greatest(i.at_risk, e.amount)
             FROM (SELECT issue_id, count(*) AS n, coalesce(sum(amount_company), 0) AS amount
                     FROM hub_exception GROUP BY issue_id) e
            WHERE e.issue_id = i.id"""
    )
