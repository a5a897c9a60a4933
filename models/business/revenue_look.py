"""How contract lines stand at the end of a day; everything is read once for all contracts."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from odoo.tools import SQL

from ...core.billing import exact, rounded
from ...core.revenue import NOTHING, earned, elapsed, progress


class RevenueLook:
    """What of each contract line is earned and billed by a day.

    :param run: the ``hub.revenue.run``
    :param contracts: started contracts of its company, with sudo
    """

    def __init__(self, run, contracts):
        self.env, self.company, self.day = run.env, run.company_id, run.date_to
        self.first, self.contracts = run.date_from, contracts
        self.lines = contracts.line_ids.filtered(
            lambda line: line.sale_line_id or line.instalment_ids.sale_line_id
        )
        self.place = self._places()
        self.env.flush_all()
        self._billed = self._read_billed()
        self._reached = self._read_milestones()
        self._hours = self._read_hours()
        self._unbilled = self._read_unbilled()
        orders = contracts.sale_order_id.order_line
        self.waiting = orders.filtered(lambda line: line.id in self.place)._hub_waiting_time(
            None, self.day
        )
        self.elsewhere = self._read_elsewhere()
        self.rates = self._read_rates()

    def _places(self):
        """The contract line of each order line: its own, those of its instalments and periods, of the rates of its
        time, of single expenses."""
        place = {
            sale.id: line
            for line in self.lines
            for sale in line.sale_line_id | line.instalment_ids.sale_line_id
        }
        expenses = {
            line.contract_id: line for line in self.lines[::-1] if line.kind == "reimbursable"
        }
        for line in self.contracts.sale_order_id.order_line:
            base = place.get(line.hub_rated_from_id.id)
            if not base and line.is_expense:
                base = expenses.get(line.order_id.hub_contract_id)
            if base:
                place.setdefault(line.id, base)
        return place

    # --- read once ----------------------------------------------------------------------------------

    def _rows(self, query, **values):
        return self.env.execute_query(
            SQL(query, lines=list(self.place), day=self.day, first=self.first, **values)
        )

    def _read_billed(self):
        """Untaxed, posted by the day: ``{contract line id: [billed, in company currency, taken off the price]}``.

        A credit note that makes work billable again takes it back; any other one lowers the price itself.
        """
        rows = self._rows(
            """
            SELECT sale, -SUM(amount_currency), -SUM(balance),
                   COALESCE(SUM(amount_currency) FILTER (WHERE move_type = 'out_refund'
                                                           AND hub_credit_kind IS DISTINCT FROM 'hours'), 0)
              FROM (SELECT DISTINCT ON (a.id) r.order_line_id AS sale, a.amount_currency, a.balance, m.move_type,
                           m.hub_credit_kind
                      FROM sale_order_line_invoice_rel r
                      JOIN account_move_line a ON a.id = r.invoice_line_id
                      JOIN account_move m ON m.id = a.move_id
                     WHERE r.order_line_id = ANY(%(lines)s) AND a.display_type = 'product' AND m.state = 'posted'
                       AND m.move_type IN ('out_invoice', 'out_refund') AND m.date <= %(day)s
                  ORDER BY a.id, r.order_line_id) billed
          GROUP BY sale
            """
        )
        found = defaultdict(lambda: [NOTHING, NOTHING, NOTHING])
        for sale, *amounts in rows:
            sums = found[self.place[sale].id]
            for position, amount in enumerate(amounts):
                sums[position] += exact(amount)
        return found

    def _read_milestones(self):
        """The part of each line whose milestones are reached, from the day of acceptance on where the contract asks for
        it or somebody has entered it."""
        rows = self._rows(
            """
            SELECT p.sale_line_id, COUNT(*), COUNT(*) FILTER (WHERE p.done),
                   COALESCE(SUM(p.quantity_percentage) FILTER (WHERE p.done), 0)
              FROM (SELECT p.*, p.is_reached AND p.reached_date <= %(day)s
                           AND COALESCE(p.hub_accepted_on <= %(day)s, NOT c.acceptance_required, TRUE) AS done
                      FROM project_milestone p
                      JOIN sale_order_line l ON l.id = p.sale_line_id
                      JOIN sale_order o ON o.id = l.order_id
                 LEFT JOIN hub_contract c ON c.sale_order_id = o.id
                     WHERE p.sale_line_id = ANY(%(lines)s)) p
          GROUP BY p.sale_line_id
            """
        )
        return {
            self.place[sale].id: Fraction(1) if done == count else Fraction(exact(share))
            for sale, count, done, share in rows
        }

    def _read_hours(self):
        """Approved hours on the tasks of each line, up to the day."""
        rows = self._rows(
            """
            SELECT a.so_line, SUM(a.unit_amount)
              FROM account_analytic_line a
             WHERE a.so_line = ANY(%(lines)s) AND a.project_id IS NOT NULL AND a.hub_approval = 'approved'
               AND a.date <= %(day)s
          GROUP BY a.so_line
            """
        )
        found = defaultdict(lambda: NOTHING)
        for sale, hours in rows:
            found[self.place[sale].id] += exact(hours)
        return found

    def _read_unbilled(self):
        """What is worked and approved up to the day and not billed by then: ``{contract line id: amount}``.

        What could be billed now is said by billing itself, with its terms (cap, rounding, retainer, rate); the ledger
        says what of it was billed, or credited, since the day.
        """
        found = defaultdict(lambda: NOTHING)
        worked = self.lines.filtered(lambda line: line.revenue_method == "worked")
        orders = worked.contract_id.sale_order_id.order_line._hub_in_ledger()
        sources, _over = orders._hub_sources(None, self.day)
        later = self._credited_later(sources)
        for line in orders:
            quantity = sum(
                exact(quantity)
                for name, record, quantity in sources.get(line.id, ())
                if (name, record.id) not in later
            )
            if quantity and line.id in self.place:
                step = exact(line.currency_id.rounding)
                found[self.place[line.id].id] += rounded(exact(line._hub_worth(quantity)), step)
        rows = self._rows(
            """
            SELECT b.sale_line_id,
                   COALESCE(SUM(b.amount) FILTER (WHERE b.date <= %(day)s
                                                    AND NOT (m.state = 'posted' AND m.date <= %(day)s)), 0)
                 - COALESCE(SUM(b.amount) FILTER (WHERE b.date > %(day)s AND m.state = 'posted'
                                                    AND m.date <= %(day)s), 0)
              FROM hub_billing b JOIN account_move m ON m.id = b.move_id
             WHERE b.sale_line_id = ANY(%(lines)s) AND b.state IN ('draft', 'posted')
          GROUP BY b.sale_line_id
            """
        )
        for sale, amount in rows:
            found[self.place[sale].id] += exact(amount)
        return found

    def _credited_later(self, sources):
        """What is billable again by a credit note after the day was billed on the day: ``{(field, id)}``."""
        ids = [
            record.id
            for parts in sources.values()
            for name, record, _q in parts
            if name == "entry_id"
        ]
        rows = self._rows(
            """
            SELECT b.entry_id
              FROM hub_billing b
              JOIN account_move m ON m.id = b.move_id
              JOIN account_move c ON c.id = b.credit_id
             WHERE b.entry_id = ANY(%(ids)s) AND b.state = 'released' AND m.state = 'posted'
               AND m.date <= %(day)s AND c.state = 'posted' AND c.date > %(day)s
            """,
            ids=ids,
        )
        return {("entry_id", entry) for (entry,) in rows}

    def _read_elsewhere(self):
        """Untaxed, billed in the month under a contract and on none of its lines: ``{contract id: amount}``."""
        rows = self._rows(
            """
            SELECT m.hub_contract_id, -SUM(a.amount_currency)
              FROM account_move m JOIN account_move_line a ON a.move_id = m.id
             WHERE m.hub_contract_id = ANY(%(contracts)s) AND m.state = 'posted'
               AND m.move_type IN ('out_invoice', 'out_refund') AND a.display_type = 'product'
               AND m.date BETWEEN %(first)s AND %(day)s
               AND NOT EXISTS (SELECT 1 FROM sale_order_line_invoice_rel r
                                WHERE r.invoice_line_id = a.id AND r.order_line_id = ANY(%(lines)s))
          GROUP BY m.hub_contract_id
            """,
            contracts=self.contracts.ids,
        )
        return {contract: float(amount) for contract, amount in rows if amount}

    def _read_rates(self):
        """``{currency: (rate of the day into the company's currency, whether it is young enough)}``."""
        company = self.company
        oldest = self.day - timedelta(days=company.hub_rate_max_age)
        currencies = self.contracts.currency_id
        groups = self.env["res.currency.rate"]._read_group(
            [
                ("currency_id", "in", (currencies | company.currency_id).ids),
                ("company_id", "in", (False, company.root_id.id)),
                ("name", ">=", oldest),
                ("name", "<=", self.day),
            ],
            ["currency_id"],
        )
        young = {currency for (currency,) in groups} | {company.currency_id}
        return {
            currency: (
                exact(
                    currency._get_conversion_rate(currency, company.currency_id, company, self.day)
                ),
                currency in young,
            )
            for currency in currencies
        }

    # --- a line -------------------------------------------------------------------------------------

    def figures(self, line, before):
        """What of a contract line is earned and billed, to date.

        :param before: :class:`core.revenue.Standing` of the last posted month
        :return: dict with ``earned``, ``billed``, ``booked`` (``Decimal``), ``share`` (``Fraction`` or None), ``hours``
            and ``period``; ``missing``: the code of what it cannot be worked out without, then ``earned`` is as before
        """
        billed, booked, off = self._billed.get(line.id, (NOTHING, NOTHING, NOTHING))
        method = line.revenue_method
        result = {"billed": billed, "booked": booked, "share": None, "missing": None}
        result.update(hours=self._hours[line.id], period=self._period(line))
        if method == "worked":
            result["earned"] = billed + self._unbilled[line.id]
            return result
        share, missing = self._share(method, line, result)
        price = exact(line.amount) - off
        if missing:
            result.update(earned=before.earned, missing=missing)
        elif share is None:
            result["earned"] = billed
        else:
            step = exact(line.currency_id.rounding)
            result.update(share=share, earned=earned(price, share, step), price=price)
        return result

    @staticmethod
    def _period(line):
        contract = line.contract_id
        return line.service_from or contract.date_start, line.service_to or contract.date_end

    def _share(self, method, line, found):
        """The part of the price that is earned, and what is missing to say it; None of what is as billed."""
        first, last = found["period"]
        if method == "milestone":
            return self._reached.get(line.id, Fraction(0)), None
        if method == "straight_line":
            if not (first and last) or first > last:
                return None, "no_period"
            return elapsed(first, last, self.day), None
        if method == "hours":
            if not line.estimate_on:
                return None, "no_estimate"
            return progress(found["hours"], Decimal(str(line.estimate_hours))), None
        return None, None
