import logging
import traceback

from odoo import api, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from psycopg2.errors import UniqueViolation

from .billing_look import disputed

_logger = logging.getLogger(__name__)


def class_and_place(error):
    """An error nobody thought of, for the log: its own text can hold personal data."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}:{place.lineno}"


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
        self.env["hub.billing.turn"]._take(orders.hub_contract_id)
        lines = orders.order_line
        lines._recompute_qty_to_invoice(date_from, date_to)
        billable = orders.filtered(
            lambda order: any(line.qty_to_invoice for line in order.order_line._hub_in_ledger())
        )
        held = self._held(billable.hub_contract_id)
        moves, failures = self._invoice(
            billable.filtered(lambda order: order.hub_contract_id not in held)
        )
        failures += [
            {"contract": contract.display_name, "why": why} for contract, why in held.items()
        ]
        # The quantities were those of the period; from now on they are those of all time.
        self.env.add_to_compute(lines._fields["qty_to_invoice"], lines)
        moves.write({"hub_period_from": date_from, "hub_period_to": date_to})
        return moves, failures

    @api.model
    def _held(self, contracts):
        """Contracts whose billing is held or disputed: ``{contract: sentence}``; one query."""
        disputes = disputed(contracts)
        found = {}
        for contract in contracts:
            if contract.billing_held:
                found[contract] = self.env._(
                    "Billing is held: %(reason)s. Take the hold off, or take the contract in by a billing run.",
                    reason=contract.billing_held_reason or "",
                )
            elif contract.id in disputes:
                found[contract] = self.env._(
                    "%(invoices)s is disputed. Settle it first, or take the contract in by a billing run.",
                    invoices=disputes[contract.id][0],
                )
        return found

    @api.model
    def _invoice(self, orders):
        """Invoices of ``orders``; on an error, halved until the order that fails stands alone."""
        if not orders:
            return self.env["account.move"].sudo(), []
        try:
            with self.env.cr.savepoint():
                return orders._create_invoices(grouped=True), []
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise  # a savepoint keeps the stale snapshot: all of it begins again
        except Exception as error:
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
        """An error as a sentence; one that nobody thought of is logged too."""
        if isinstance(error, UniqueViolation):
            return self.env._(
                "Some of its time, expenses or milestones was billed by somebody else at the same "
                "moment. Start the run again."
            )
        if isinstance(error, (UserError, RedirectWarning)):
            return str(error.args[0])
        where = class_and_place(error)
        _logger.error("An invoice could not be made: %s", where)
        return self.env._(
            "An unexpected error stopped it (%(error)s); nothing was billed. Try again; if it comes again, show "
            "this sentence to who looks after Odoo.",
            error=where,
        )
