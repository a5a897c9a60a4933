from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain

from .account_move_line import NOT_BILLED
from .billing import LEDGER_READERS
from .chosen import chosen_of


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    product_uom_qty = fields.Float(digits="Product Unit", min_display_digits=2)
    hub_billing_ids = fields.One2many(
        "hub.billing", "sale_line_id", string="Billing Ledger", groups=LEDGER_READERS
    )
    hub_contract_line_ids = fields.One2many("hub.contract.line", "sale_line_id")
    hub_milestone_ids = fields.One2many("project.milestone", "sale_line_id")

    # --- delivered: approved time only ------------------------------------------------------------

    @api.depends("timesheet_ids.hub_approval", "analytic_line_ids.hub_approval")
    def _compute_qty_delivered(self):
        return super()._compute_qty_delivered()

    def _timesheet_compute_delivered_quantity_domain(self):
        """Time counts as delivered when it is approved."""
        domain = super()._timesheet_compute_delivered_quantity_domain()
        return list(Domain(domain) & Domain("hub_approval", "=", "approved"))

    # --- to invoice: what the ledger does not hold yet --------------------------------------------

    def _hub_in_ledger(self):
        """The lines of ``self`` whose invoiced quantity the billing ledger decides."""
        return self.filtered(
            lambda line: (
                not line.display_type
                and line.order_id.hub_contract_id
                and line.qty_delivered_method in ("timesheet", "milestones", "analytic")
                and (line.product_id.invoice_policy == "delivery" or line.is_expense)
            )
        )

    def _hub_of_entries(self):
        """Those of them that bill each entry or expense; a milestone's line bills the milestone, whatever it took."""
        return self._hub_in_ledger().filtered(
            lambda line: line.qty_delivered_method == "timesheet" or line.is_expense
        )

    @api.depends(
        "order_id.hub_contract_id",
        "hub_billing_ids.state",
        "timesheet_ids.hub_approval",
        "timesheet_ids.hub_billable_quantity",
        "reached_milestones_ids.quantity_percentage",
    )
    def _compute_qty_to_invoice(self):
        result = super()._compute_qty_to_invoice()
        self._hub_set_qty_to_invoice()
        return result

    def _recompute_qty_to_invoice(self, start_date, end_date):
        """Restrict what is invoiced to a period, for time, milestones and expenses alike."""
        result = super()._recompute_qty_to_invoice(start_date, end_date)
        self._hub_set_qty_to_invoice(start_date, end_date)
        if chosen_of(self.env):  # nobody decided about what the order bills by Odoo's own policy
            (self - self._hub_in_ledger()).filtered("qty_to_invoice").qty_to_invoice = 0.0
        return result

    def _hub_set_qty_to_invoice(self, start_date=None, end_date=None):
        lines = self._hub_in_ledger().filtered(lambda line: line.state == "sale")
        if not lines:
            return
        open_quantities = lines._hub_open_quantities(start_date, end_date)
        for line in lines:
            line.qty_to_invoice = line._hub_round(open_quantities.get(line.id, 0.0))

    def _hub_round(self, quantity):
        """A quantity of this line, rounded once and not entry by entry."""
        self.ensure_one()
        return self.product_uom_id.round(quantity) if self.product_uom_id else quantity

    def _hub_agreed_price(self):
        """The price that was signed, after discount; that of the order where no line of a contract says one."""
        lines = self.sudo().hub_contract_line_ids  # a price, shown on the invoice anyway
        line = lines.filtered(lambda line: line.kind != "reimbursable")[:1]
        if not line:
            return float(self._hub_net_price())
        return line.amount if line.kind == "milestone" else line._hub_net_price()

    @api.model
    def _hub_period(self, start_date, end_date):
        period = Domain.TRUE
        if start_date:
            period &= Domain("date", ">=", start_date)
        if end_date:
            period &= Domain("date", "<=", end_date)
        return period

    def _hub_reached_domain(self, end_date):
        domain = Domain("is_reached", "=", True) & NOT_BILLED
        return domain & Domain("reached_date", "<=", end_date) if end_date else domain

    def _hub_reached(self, end_date):
        """Reached milestones of ``self`` that no live row of the ledger holds."""
        lines = self.filtered(lambda line: line.qty_delivered_method == "milestones")
        if not lines:
            return self.env["project.milestone"]
        domain = Domain("sale_line_id", "in", lines.ids) & self._hub_reached_domain(end_date)
        chosen = chosen_of(self.env)
        if chosen:
            domain &= Domain("id", "in", chosen.milestones)
        # Read with sudo: the quantity of an order line does not depend on who looks at it.
        return self.env["project.milestone"].sudo().search(domain)

    def _hub_waiting_time(self, start_date=None, end_date=None):
        """Billable time on ``self`` that waits for approval, by order; one query.

        :return: ``{order: {"count", "hours", "amount", "people": set of employee ids}}``
        """
        groups = (
            self.env["account.analytic.line"]
            .sudo()
            ._read_group(  # totals, not entries
                Domain("so_line", "in", self.ids)
                & Domain("so_line.qty_delivered_method", "=", "timesheet")
                & Domain("project_id", "!=", False)
                & Domain("hub_approval", "in", ("draft", "submitted"))
                & self._hub_period(start_date, end_date),
                ["so_line"],
                ["__count", "hub_billable_quantity:sum", "employee_id:array_agg_distinct"],
            )
        )
        found = {}
        for line, count, hours, people in groups:
            sums = found.setdefault(
                line.order_id, {"count": 0, "hours": 0.0, "amount": 0.0, "people": set()}
            )
            sums["count"] += count
            sums["hours"] += hours
            sums["amount"] += hours * line.hub_hour_price
            sums["people"].update(people)
        return found

    def _hub_open_quantities(self, start_date=None, end_date=None):
        """What may still be billed on each line of ``self``, in its unit; two queries."""
        real = self._origin
        quantities = defaultdict(float)
        # Terms are read with sudo: the quantity of an order line does not depend on who looks at it.
        termed = real.filtered(lambda line: line.order_id.hub_contract_id.sudo()._hub_has_terms())
        for line_id, parts in termed._hub_billable(start_date, end_date).items():
            quantities[line_id] = sum(quantity for _field, _record, quantity in parts)
        real -= termed
        groups = (
            self.env["account.analytic.line"]
            .sudo()
            ._read_group(  # as in _hub_reached
                self.env["account.move.line"]._hub_billable_domain(real)
                & self._hub_period(start_date, end_date),
                ["so_line", "product_uom_id"],
                ["hub_billable_quantity:sum"],
            )
        )
        for line, unit, amount in groups:
            quantities[line.id] += unit._compute_quantity(
                amount, line.product_uom_id, round=False, raise_if_failure=False
            )
        for milestone in real._hub_reached(end_date):
            line = milestone.sale_line_id
            quantities[line.id] += milestone.quantity_percentage * line.product_uom_qty
        return {line.id: quantities.get(line._origin.id, 0.0) for line in self}

    def _hub_billable(self, start_date=None, end_date=None):
        """What may be billed on each line: approved, reached, with no live row in the ledger, by the contract's terms.

        :return: ``{order line id: [(field, record, quantity in the line's unit)]}``, as
            ``hub.billing._bill`` wants it.
        """
        return self._hub_sources(start_date, end_date)[0]

    def _hub_worked(self, start_date=None, end_date=None):
        """The same as it was worked, before any terms; two queries."""
        sources = defaultdict(list)
        entries = (
            self.env["account.analytic.line"]
            .sudo()
            .search_fetch(  # as in _hub_reached
                self.env["account.move.line"]._hub_billable_domain(self)
                & self._hub_period(start_date, end_date),
                [
                    "so_line",
                    "hub_billable_quantity",
                    "product_uom_id",
                    "date",
                    "employee_id",
                    "project_id",
                ],
                order="date, id",
            )
        )
        for entry in entries:
            line = entry.so_line
            quantity = entry.product_uom_id._compute_quantity(
                entry.hub_billable_quantity,
                line.product_uom_id,
                round=False,
                raise_if_failure=False,
            )
            sources[line.id].append(("entry_id", entry, quantity))
        for milestone in self._hub_reached(end_date):
            line = milestone.sale_line_id
            quantity = milestone.quantity_percentage * line.product_uom_qty
            sources[line.id].append(("milestone_id", milestone, quantity))
        return sources
