from odoo import api, models

from ...core.billing import to_seconds
from ...core.reconcile import Entry


class HubLedgerBilling(models.AbstractModel):
    """Approved billable work in Odoo against the billing ledger, in seconds: what is not in it waits for an invoice."""

    _name = "hub.ledger.billing"
    _inherit = "hub.ledger"
    _description = "Billing Ledgers"

    @api.model
    def _there(self, run):
        """What is billed: live rows of the ledger, as it was worked."""
        self.env["hub.billing"].flush_model()
        self.env.cr.execute(
            """
            SELECT b.entry_id, coalesce(nullif(b.worked, 0), b.quantity)::text, a.date, m.name
              FROM hub_billing b
              JOIN account_analytic_line a ON a.id = b.entry_id
              LEFT JOIN account_move m ON m.id = b.move_id
             WHERE b.company_id = %s AND b.state != 'released' AND a.project_id IS NOT NULL
               AND a.date BETWEEN %s AND %s
            """,
            [run.company_id.id, run.date_from, run.date_to],
        )
        return [
            Entry(str(entry), to_seconds(hours), "h", day.isoformat(), reference=invoice)
            for entry, hours, day, invoice in self.env.cr.fetchall()
        ]

    @api.model
    def _here(self, run, there):
        """What is approved on an order line that bills time."""
        self.env["account.analytic.line"].flush_model()
        self.env["sale.order.line"].flush_model(["qty_delivered_method"])
        self.env.cr.execute(
            """
            SELECT a.id, a.hub_billable_quantity::text, a.date
              FROM account_analytic_line a
              JOIN sale_order_line s ON s.id = a.so_line AND s.qty_delivered_method = 'timesheet'
             WHERE a.company_id = %s AND a.project_id IS NOT NULL AND a.hub_approval = 'approved'
               AND coalesce(a.hub_billable, 'yes') = 'yes' AND a.date BETWEEN %s AND %s
            """,
            [run.company_id.id, run.date_from, run.date_to],
        )
        return [
            Entry(str(entry), to_seconds(hours), "h", day.isoformat())
            for entry, hours, day in self.env.cr.fetchall()
        ]

    @api.model
    def _own_cause(self, difference):
        return "to_bill" if difference.reason == "missing_there" else None

    @api.model
    def _records(self, run, entries):
        return {entry.key: ("account.analytic.line", int(entry.key)) for entry in entries}


class HubLedgerInvoiceLine(models.AbstractModel):
    """What the billing ledger says was billed against the invoice lines themselves, in the invoice's currency."""

    _name = "hub.ledger.invoice"
    _inherit = "hub.ledger"
    _description = "Invoice Ledgers"

    @api.model
    def _there(self, run):
        """Invoice lines as they stand in accounting."""
        return self._rows(
            run,
            """
            SELECT l.id, l.price_subtotal::text, c.name, m.invoice_date, m.name
              FROM account_move_line l
              JOIN account_move m ON m.id = l.move_id
              JOIN res_currency c ON c.id = l.currency_id
             WHERE m.company_id = %s AND m.state = 'posted' AND m.invoice_date BETWEEN %s AND %s
               AND l.id IN (SELECT invoice_line_id FROM hub_billing WHERE invoice_line_id IS NOT NULL)
            """,
        )

    @api.model
    def _here(self, run, there):
        """The same lines as the rows of the ledger make them."""
        return self._rows(
            run,
            """
            SELECT b.invoice_line_id, sum(b.amount)::text, c.name, m.invoice_date, m.name
              FROM hub_billing b
              JOIN account_move m ON m.id = b.move_id
              JOIN res_currency c ON c.id = b.currency_id
             WHERE b.company_id = %s AND m.state = 'posted' AND m.invoice_date BETWEEN %s AND %s
               AND b.invoice_line_id IS NOT NULL
               AND (b.state != 'released' OR b.credit_id IS NOT NULL)
             GROUP BY 1, 3, 4, 5
            """,
        )

    @api.model
    def _rows(self, run, query):
        for model in ("hub.billing", "account.move", "account.move.line"):
            self.env[model].flush_model()
        self.env.cr.execute(query, [run.company_id.id, run.date_from, run.date_to])
        rows, currencies = self.env.cr.fetchall(), self._currencies()
        return [
            Entry(
                str(line),
                self._steps(amount, currencies[currency]),
                currency,
                day.isoformat(),
                reference=invoice,
            )
            for line, amount, currency, day, invoice in rows
        ]

    @api.model
    def _records(self, run, entries):
        self.env.cr.execute(
            "SELECT id, move_id FROM account_move_line WHERE id = ANY(%s)",
            [[int(entry.key) for entry in entries]],
        )
        return {str(line): ("account.move", move) for line, move in self.env.cr.fetchall()}
