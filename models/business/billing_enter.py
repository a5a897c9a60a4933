from odoo import api, models
from odoo.tools import SQL

from ...core.arrays import array

# Columns of the ledger that a row of an invoice line has, and their types in PostgreSQL.
COLUMNS = {
    "company_id": "int",
    "contract_id": "int",
    "sale_line_id": "int",
    "entry_id": "int",
    "milestone_id": "int",
    "move_id": "int",
    "invoice_line_id": "int",
    "date": "date",
    "employee_id": "int",
    "quantity": "numeric",
    "worked": "numeric",
    "consumed": "numeric",
    "of_retainer": "boolean",
    "amount": "numeric",
    "written_off": "numeric",
    "write_off_id": "int",
    "reason": "varchar",
    "currency_id": "int",
    "state": "varchar",
    "user_id": "int",
}
FIGURES = ("quantity", "worked", "consumed", "amount", "written_off")


def _column(name, rows):
    """One column of ``rows``; nothing is a figure too."""
    if name in FIGURES:
        return [row.get(name, 0.0) for row in rows]
    return [row.get(name) or None for row in rows]


class HubBilling(models.Model):
    """What is written for each entry of an invoice: in a statement for all, since they are many."""

    _inherit = "hub.billing"

    @api.model
    def _enter(self, rows):
        """Write the rows of invoice lines and tie their entries to the invoices; one statement, however many.

        Past the ORM, whose own way costs a millisecond an entry: no other module computes anything stored from a row of
        the ledger or from an entry's invoice, and what this module computes from them is said below.

        :param rows: values as :meth:`_bill` makes them
        """
        if not rows:
            return
        entries = self.env["account.analytic.line"]
        entries.flush_model(["hub_billing_id", "timesheet_invoice_id", "project_id"])
        self.flush_model()
        # Who did it is ``user_id``; a second and a third key to users would be looked up for each row.
        self.env.cr.execute(
            SQL(
                """
                WITH made AS (
                    INSERT INTO hub_billing (%(names)s, create_date, write_date)
                    SELECT u.*, %(now)s, %(now)s FROM unnest(%(columns)s) u
                 RETURNING id, entry_id, move_id)
                UPDATE account_analytic_line a
                   SET hub_billing_id = made.id, write_uid = %(uid)s, write_date = %(now)s,
                       timesheet_invoice_id =
                           CASE WHEN a.project_id IS NULL THEN a.timesheet_invoice_id ELSE made.move_id END
                  FROM made WHERE a.id = made.entry_id
                """,
                names=SQL(", ").join(map(SQL.identifier, COLUMNS)),
                uid=self.env.uid,
                now=self.env.cr.now(),
                columns=SQL(", ").join(
                    SQL("%s::" + kind + "[]", array(_column(name, rows)))
                    for name, kind in COLUMNS.items()
                ),
            )
        )
        entries.invalidate_model(["hub_billing_id", "hub_billing_ids", "timesheet_invoice_id"])
        for model in ("account.move", "account.move.line", "sale.order.line", "project.milestone"):
            self.env[model].invalidate_model(["hub_billing_ids"])
        self.env["hub.contract"].invalidate_model(["billing_ids"])
        self.env["account.move"].invalidate_model(["hub_edited", "timesheet_ids"])
        lines = self.env["sale.order.line"].browse({row["sale_line_id"] for row in rows} - {False})
        self.env.add_to_compute(lines._fields["qty_to_invoice"], lines)
        ids = {row["milestone_id"] for row in rows if row.get("milestone_id")}
        milestones = self.env["project.milestone"].browse(ids)
        self.env.add_to_compute(milestones._fields["hub_billing_id"], milestones)

    @api.model
    def _posted(self, moves):
        """What was on a draft is billed; one statement. Which row of an entry is live does not change by it."""
        self.flush_model(["state", "move_id"])
        self.env.cr.execute(
            SQL(
                """UPDATE hub_billing SET state = 'posted', write_uid = %s, write_date = %s
                    WHERE move_id = ANY(%s) AND state = 'draft'""",
                self.env.uid,
                self.env.cr.now(),
                moves.ids,
            )
        )
        self.invalidate_model(["state", "write_uid", "write_date"])

    @api.model
    def _unapproved(self, moves):
        """Entries on these documents whose approval is missing: ``{move id: (number, hours)}``; one query."""
        self.flush_model(["state", "move_id", "entry_id"])
        self.env["account.analytic.line"].flush_model(["hub_approval", "unit_amount"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT b.move_id, COUNT(*), SUM(a.unit_amount)
                  FROM hub_billing b JOIN account_analytic_line a ON a.id = b.entry_id
                 WHERE b.move_id = ANY(%s) AND b.state IN ('draft', 'posted') AND a.hub_approval != 'approved'
              GROUP BY b.move_id
                """,
                moves.ids,
            )
        )
        return {move: (count, hours) for move, count, hours in rows}
