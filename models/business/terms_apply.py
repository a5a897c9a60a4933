from odoo import fields, models
from odoo.tools import SQL

from ...core.billing import exact, rounded, to_seconds
from ...core.terms import Work, plan


class SaleOrderLine(models.Model):
    """What is billed of approved time where the contract rounds it or has a cap (``core.terms``)."""

    _inherit = "sale.order.line"

    def _hub_sources(self, start_date=None, end_date=None):
        """What may be billed on each line, and what is over a cap.

        :return: ``(billable, over)``, both as ``{order line id: [(field, record, quantity in the line's unit)]}``
        """
        return self._hub_by_terms(self._hub_worked(start_date, end_date))

    def _hub_by_terms(self, sources):
        # Terms are read with sudo: whoever invoices an order keeps to them.
        contracts = self.order_id.hub_contract_id.sudo()._hub_has_terms()
        if not contracts:
            return sources, {}
        over = {}
        used = contracts._hub_cap_used()
        days = self._hub_billed_days(contracts.filtered(lambda c: c.round_level == "day"), sources)
        for contract in contracts:
            lines = self.filtered(
                lambda line, contract=contract: (
                    line.order_id.hub_contract_id == contract
                    and line.qty_delivered_method == "timesheet"
                )
            )
            records, works, facts = {}, [], {}
            for line in lines:
                facts[line.id] = (line._hub_untaxed_price(), line._hub_unit_seconds())
                for _field, entry, _quantity in sources.get(line.id, ()):
                    records[entry.id] = entry
                    works.append(
                        Work(
                            entry.id,
                            to_seconds(entry.hub_billable_quantity),
                            entry.date,
                            (entry.employee_id.id, line.id),
                            line.id,
                        )
                    )
            if not works:
                continue
            room = (
                exact(contract.currency_id.round(contract.cap_amount - used.get(contract.id, 0.0)))
                if contract.cap_amount
                else None
            )
            result = plan(
                works,
                contract._hub_rounding(),
                facts,
                room,
                days,
                exact(contract.currency_id.rounding),
            )
            for line in lines:
                own = sources.pop(line.id, ())
                kept = [
                    ("entry_id", record, float(result.billed[record.id]))
                    for _field, record, _quantity in own
                    if record.id in result.billed
                ]
                if kept:
                    sources[line.id] = kept
                rest = set(result.over)
                beyond = [source for source in own if source[1].id in rest]
                if beyond:
                    over[line.id] = beyond
        return sources, over

    def _hub_billed_days(self, contracts, sources, besides=None):
        """What was worked and billed of the days of ``sources`` before.

        :param besides: an invoice line that is computed anew and does not count
        :return: ``{((employee id, order line id), day): (worked seconds, billed seconds)}``; one query.
        """
        lines = self.filtered(lambda line: line.order_id.hub_contract_id in contracts)
        days = {
            record.date
            for line in lines
            for field, record, _quantity in sources.get(line.id, ())
            if field == "entry_id"
        }
        if not days:
            return {}
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT b.employee_id, b.sale_line_id, b.date, SUM(a.hub_billable_quantity), SUM(b.quantity)
                  FROM hub_billing b JOIN account_analytic_line a ON a.id = b.entry_id
                 WHERE b.sale_line_id = ANY(%(lines)s) AND b.date = ANY(%(days)s)
                   AND b.state IN ('draft', 'posted')
                   AND b.invoice_line_id IS DISTINCT FROM %(besides)s
              GROUP BY b.employee_id, b.sale_line_id, b.date
                """,
                lines=lines.ids,
                days=sorted(days),
                besides=besides.id if besides else None,
            )
        )
        seconds = {line.id: line._hub_unit_seconds() for line in lines}
        return {
            ((employee, line), fields.Date.to_date(day)): (
                to_seconds(worked),
                int(rounded(exact(billed) * seconds[line], 1)),
            )
            for employee, line, day, worked, billed in rows
        }

    def _hub_billed_quantity(self, entries, besides):
        """What ``entries`` come to on this line by the contract's rounding: ``{entry: quantity}``.

        For a draft line (``besides``) that is computed anew; a cap is looked at by the checks of the invoice.
        """
        self.ensure_one()
        sources = {
            self.id: [
                (
                    "entry_id",
                    entry,
                    entry.product_uom_id._compute_quantity(
                        entry.hub_billable_quantity,
                        self.product_uom_id,
                        round=False,
                        raise_if_failure=False,
                    ),
                )
                for entry in entries
            ]
        }
        contract = self.order_id.hub_contract_id.sudo()  # as above
        if contract.round_level != "none" and self.qty_delivered_method == "timesheet":
            works = [
                Work(
                    e.id,
                    to_seconds(e.hub_billable_quantity),
                    e.date,
                    (e.employee_id.id, self.id),
                    self.id,
                )
                for e in entries
            ]
            facts = {self.id: (self._hub_untaxed_price(), self._hub_unit_seconds())}
            days = self._hub_billed_days(
                contract if contract.round_level == "day" else contract.browse(), sources, besides
            )
            billed = plan(works, contract._hub_rounding(), facts, None, days).billed
            return {e: float(billed[e.id]) for e in entries}
        return {entry: quantity for _field, entry, quantity in sources[self.id]}
