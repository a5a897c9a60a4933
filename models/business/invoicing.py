from odoo import api, models
from odoo.exceptions import RedirectWarning, UserError
from psycopg2 import IntegrityError


class HubInvoicing(models.AbstractModel):
    """Documents of contracts by Odoo's own invoicing of their orders; the billing ledger says what they bill."""

    _name = "hub.invoicing"
    _description = "Invoicing of Contracts"

    @api.model
    def _orders(self, contracts, date_from, date_to):
        """The confirmed orders of ``contracts``, for a period.

        With sudo: who prepares invoices that others decide about needs no rights in sales or accounting for
        it. Which contracts are the user's own was decided before.
        """
        company = contracts.company_id
        company.ensure_one()
        orders = contracts.sudo().sale_order_id.filtered(lambda order: order.state == "sale")
        return orders.with_company(company).with_context(
            timesheet_start_date=date_from, timesheet_end_date=date_to
        )

    @api.model
    def _draft(self, orders, date_from, date_to):
        """Draft invoices of ``orders`` for a period: ``(moves with sudo, failures)``.

        :return: failures as ``[{"contract": name, "why": sentence}]``: a contract that fails is left out whole
            and does not stop the others.
        """
        lines = orders.order_line
        lines._recompute_qty_to_invoice(date_from, date_to)
        billable = orders.filtered(
            lambda order: any(line.qty_to_invoice for line in order.order_line._hub_in_ledger())
        )
        moves, failures = self._invoice(billable)
        # The quantities were those of the period; from now on they are those of all time.
        self.env.add_to_compute(lines._fields["qty_to_invoice"], lines)
        moves.write({"hub_period_from": date_from, "hub_period_to": date_to})
        return moves, failures

    @api.model
    def _invoice(self, orders):
        """Invoices of ``orders``; on an error, halved until the order that fails stands alone."""
        if not orders:
            return self.env["account.move"].sudo(), []
        try:
            with self.env.cr.savepoint():
                return orders._create_invoices(grouped=True), []
        except (UserError, RedirectWarning, IntegrityError) as error:
            why = self._why(error)
        if len(orders) == 1:
            contract = orders.hub_contract_id
            return self.env["account.move"].sudo(), [
                {"contract": contract.display_name, "why": why}
            ]
        middle = len(orders) // 2
        first, failed = self._invoice(orders[:middle])
        second, also_failed = self._invoice(orders[middle:])
        return first | second, failed + also_failed

    @api.model
    def _why(self, error):
        """An error as a sentence."""
        if isinstance(error, IntegrityError):
            return self.env._(
                "Some of its time, expenses or milestones was billed by somebody else at the same "
                "moment. Start the run again."
            )
        return str(error.args[0])
