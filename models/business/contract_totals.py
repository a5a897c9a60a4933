from odoo import fields, models
from odoo.tools import SQL

from .contract import SEE_MONEY


class HubContractTotals(models.Model):
    """What was invoiced and paid under a contract, taxes included, in its own currency."""

    _inherit = "hub.contract"

    invoiced_amount = fields.Monetary(
        string="Invoiced",
        compute="_compute_totals",
        compute_sudo=True,
        groups=SEE_MONEY,
        help="Posted invoices less posted credit notes, taxes included.",
    )
    paid_amount = fields.Monetary(
        string="Paid", compute="_compute_totals", compute_sudo=True, groups=SEE_MONEY
    )
    overdue_amount = fields.Monetary(
        string="Overdue", compute="_compute_totals", compute_sudo=True, groups=SEE_MONEY
    )
    draft_amount = fields.Monetary(
        string="In Draft Invoices",
        compute="_compute_totals",
        compute_sudo=True,
        groups=SEE_MONEY,
    )
    invoice_count = fields.Integer(compute="_compute_totals", compute_sudo=True)
    last_invoice = fields.Char(compute="_compute_totals", compute_sudo=True)
    last_invoice_date = fields.Date(compute="_compute_totals", compute_sudo=True)
    next_due_date = fields.Date(compute="_compute_totals", compute_sudo=True)

    def _compute_totals(self):
        """One query for all contracts.

        The figures are shown also without accounting rights, to those who see what a contract is
        worth (``SEE_MONEY``): totals are what the contract page is for, single entries are not.
        """
        totals = self._hub_totals()
        for contract in self:
            for name, value in totals[contract.id].items():
                contract[name] = value

    def _hub_totals(self):
        """Totals of ``self`` by contract id, in one query."""
        moves = self.env["account.move"]
        moves.flush_model(
            [
                "hub_contract_id",
                "state",
                "move_type",
                "amount_total",
                "amount_residual",
                "invoice_date",
                "invoice_date_due",
                "name",
                "currency_id",
            ]
        )
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT m.hub_contract_id AS id,
                       COUNT(*) AS invoice_count,
                       COALESCE(SUM(s.sign * m.amount_total)
                                FILTER (WHERE m.state = 'posted'), 0) AS invoiced_amount,
                       COALESCE(SUM(s.sign * (m.amount_total - m.amount_residual))
                                FILTER (WHERE m.state = 'posted'), 0) AS paid_amount,
                       COALESCE(SUM(s.sign * m.amount_residual)
                                FILTER (WHERE m.state = 'posted'
                                          AND m.invoice_date_due < %(today)s), 0)
                                AS overdue_amount,
                       COALESCE(SUM(s.sign * m.amount_total)
                                FILTER (WHERE m.state = 'draft'), 0) AS draft_amount,
                       MIN(m.invoice_date_due)
                           FILTER (WHERE m.state = 'posted' AND m.move_type = 'out_invoice'
                                     AND m.amount_residual > 0) AS next_due_date,
                       (ARRAY_AGG(m.name ORDER BY m.invoice_date DESC, m.id DESC)
                           FILTER (WHERE m.state = 'posted' AND m.move_type = 'out_invoice')
                       )[1] AS last_invoice,
                       MAX(m.invoice_date)
                           FILTER (WHERE m.state = 'posted' AND m.move_type = 'out_invoice')
                           AS last_invoice_date
                  FROM account_move m
                  JOIN hub_contract c ON c.id = m.hub_contract_id
                                     AND c.currency_id = m.currency_id
                 CROSS JOIN LATERAL (
                       SELECT CASE m.move_type WHEN 'out_refund' THEN -1 ELSE 1 END AS sign) s
                 WHERE m.hub_contract_id IN %(ids)s
                   AND m.move_type IN ('out_invoice', 'out_refund')
                   AND m.state != 'cancel'
              GROUP BY m.hub_contract_id
                """,
                ids=tuple(self.ids) or (0,),
                today=fields.Date.context_today(self),
            )
        )
        found = {row.pop("id"): row for row in rows}
        nothing = {
            "invoice_count": 0,
            "invoiced_amount": 0.0,
            "paid_amount": 0.0,
            "overdue_amount": 0.0,
            "draft_amount": 0.0,
            "next_due_date": False,
            "last_invoice": False,
            "last_invoice_date": False,
        }
        return {contract.id: found.get(contract.id, nothing) for contract in self}
