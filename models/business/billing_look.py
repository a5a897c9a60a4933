"""What a billing run looks at before it proposes an invoice; everything is read once for all contracts."""

from odoo import fields
from odoo.fields import Domain
from odoo.tools import SQL

UNUSUAL = 50  # percent away from the last period from which on a person shall look


def disputed(contracts):
    """Posted invoices that are blocked or contested: ``{contract id: (names, open amount)}``; one query."""
    groups = (
        contracts.env["account.move"]
        .sudo()  # names and sums; the contracts are the user's own
        ._read_group(
            [
                ("hub_contract_id", "in", contracts.ids),
                ("state", "=", "posted"),
                ("move_type", "=", "out_invoice"),
                "|",
                ("payment_state", "=", "blocked"),
                ("hub_dispute_ids.state", "=", "open"),
            ],
            ["hub_contract_id"],
            ["name:array_agg", "amount_residual:sum"],
        )
    )
    return {contract.id: (", ".join(sorted(names)), open_) for contract, names, open_ in groups}


def holds(contract, amount, disputes):
    """Why an invoice of ``amount`` is billed only if somebody takes it in, as findings.

    :param disputes: see :func:`disputed`
    """
    found = []

    def add(code, params, value):
        found.append({"code": code, "severity": "hold", "params": params, "amount": value})

    if contract.billing_held:
        add("held", {"reason": contract.billing_held_reason or ""}, amount)
    if contract.id in disputes:
        names, open_ = disputes[contract.id]
        add("disputed", {"invoices": names}, open_)
    if amount < contract.invoice_minimum:
        add("minimum", {"least": contract.invoice_minimum}, amount)
    return found


class BillingLook:
    """Findings of a run, as values of ``hub.billing.finding`` without the line.

    :param batch: the run
    :param orders: orders of its contracts, with sudo
    :param lines: their lines that the ledger decides
    """

    def __init__(self, batch, orders, lines):
        self.batch, self.env = batch, batch.env
        self.company = batch.company_id
        contracts = orders.hub_contract_id
        self.previous = self._previous(contracts)
        self._disputes = disputed(contracts)
        self._in_ledger = lines
        self._unapproved = lines._hub_waiting_time(batch.date_from, batch.date_to)
        self._early = self._earlier(lines)
        self._unrated = self._without_rate(lines)
        self._locks = self._locked()
        self._unaccepted = orders.order_line._hub_not_accepted(batch.date_to)
        self._cap_used = contracts._hub_cap_used()
        self._first = batch.date_from or batch.date_to.replace(day=1)
        contracts.purchase_order_ids.mapped("used")  # one query for all

    # --- read once ----------------------------------------------------------------------------------

    def _previous(self, contracts):
        """Untaxed, what each contract was billed for its last period before the cut-off."""
        self.env["account.move"].flush_model(
            ["hub_contract_id", "hub_period_to", "invoice_date", "amount_untaxed", "state"]
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT contract, SUM(amount)
                  FROM (SELECT m.hub_contract_id AS contract, m.amount_untaxed AS amount,
                               RANK() OVER (PARTITION BY m.hub_contract_id
                                            ORDER BY COALESCE(m.hub_period_to, m.invoice_date) DESC) AS place
                          FROM account_move m
                         WHERE m.hub_contract_id = ANY(%(ids)s) AND m.state = 'posted'
                           AND m.move_type = 'out_invoice'
                           AND COALESCE(m.hub_period_to, m.invoice_date) < %(day)s) last
                 WHERE place = 1
              GROUP BY contract
                """,
                ids=contracts.ids,
                day=self.batch.date_to,
            )
        )
        return {contract: float(amount) for contract, amount in rows}

    def _earlier(self, lines):
        """Approved and not billed, from before the first day: ``{order: (count, hours, amount)}``."""
        if not self.batch.date_from:
            return {}
        entries = self.env["account.analytic.line"].sudo()  # sums, not entries
        groups = entries._read_group(
            self.env["account.move.line"]._hub_billable_domain(lines)
            & Domain("date", "<", self.batch.date_from),
            ["so_line"],
            ["__count", "hub_billable_quantity:sum"],
        )
        found = {}
        for line, count, quantity in groups:
            before = found.get(line.order_id, (0, 0.0, 0.0))
            time = line.qty_delivered_method == "timesheet"  # else an expense, by the piece
            found[line.order_id] = (
                before[0] + count,
                before[1] + (quantity if time else 0.0),
                before[2] + (quantity * line.hub_hour_price if time else line._hub_worth(quantity)),
            )
        return found

    def _without_rate(self, lines):
        """Approved time that found no rate, of the period and before: ``{order: [count, hours, names]}``.

        One query, or none.
        """
        unrated = lines._hub_unrated()
        if not unrated:
            return {}
        entries = self.env["account.analytic.line"].sudo()  # sums and names, not entries
        groups = entries._read_group(
            self.env["account.move.line"]._hub_open_domain(unrated)
            & Domain("is_so_line_edited", "=", False)
            & lines._hub_period(None, self.batch.date_to),
            ["so_line"],
            ["__count", "hub_billable_quantity:sum", "employee_id:recordset"],
        )
        found = {}
        for line, count, hours, people in groups:
            sums = found.setdefault(line.order_id, [0, 0.0, set()])
            sums[0] += count
            sums[1] += hours
            sums[2].update(people.mapped("name"))
        return found

    def _locked(self):
        """The locks on the invoice's date; Odoo would move it in silence."""
        day = self.batch.invoice_date or fields.Date.context_today(self.batch)
        company = self.company
        locks = company._get_lock_date_violations(day, purchase=False)
        if not locks:
            return None
        return {"date": fields.Date.to_string(day), "locks": company._format_lock_dates(locks)}

    # --- findings of a contract ---------------------------------------------------------------------

    def findings(self, contract, own, amount):
        """What stops the invoice, holds it, or is to be looked at.

        :param own: ``{order line: [(field, record, quantity)]}``
        :param amount: untaxed
        """
        found = [
            {"code": code, "severity": severity, "params": params, "amount": value}
            for code, severity, params, value in (
                *self._missing(contract, amount),
                *self._prices(contract, own, amount),
            )
        ]
        found += holds(contract, amount, self._disputes)
        found += self._missed(own)
        before = self.previous.get(contract.id, 0.0)
        percent = round(100 * amount / before) if before > 0 else 100
        if abs(percent - 100) >= UNUSUAL:
            found.append(
                {
                    "code": "unusual",
                    "severity": "warning",
                    "params": {"percent": percent, "previous": before},
                    "amount": amount - before,
                }
            )
        return found

    def _missed(self, own):
        """Instalments and periods that an earlier run should have billed: they are billed now, and named."""
        late = [
            row
            for sources in own.values()
            for field, record, _quantity in sources
            if field == "milestone_id"
            for row in record.hub_instalment_ids
            if row.date < self._first
        ]
        if not late:
            return []
        return [
            {
                "code": "missed",
                "severity": "warning",
                "count": len(late),
                "amount": sum(row.amount for row in late),
                "params": {
                    "first": fields.Date.to_string(self._first),
                    "names": ", ".join(row.sale_line_id.name for row in late),
                },
            }
        ]

    def _missing(self, contract, amount):
        partner = contract.bill_partner_id or contract.partner_id
        day = self.batch.invoice_date or fields.Date.context_today(self.batch)
        if contract.purchase_order_ids:
            if not contract._hub_purchase_order(amount, day):
                left = sum(contract.purchase_order_ids.mapped("left"))
                yield "po_used_up", "blocking", {"left": left}, amount
        elif contract.po_required and not contract.po_number:
            yield "purchase_order", "blocking", {}, amount
        if contract.billing_contact_required and partner == contract.partner_id:
            yield "billing_contact", "blocking", {}, amount
        missing = partner._hub_missing_for_billing()
        if missing:
            params = {"customer": partner.display_name, "missing": ", ".join(missing)}
            yield "customer_data", "blocking", params, amount
        if self._locks:
            yield "period_lock", "blocking", self._locks, amount

    def _prices(self, contract, own, amount):
        for line in own:
            if not line.product_id.default_code:
                yield "service_code", "blocking", {"line": line.name}, amount
            agreed = line._hub_agreed_price()
            price = line.price_unit * (1 - (line.discount or 0.0) / 100)
            if contract.currency_id.compare_amounts(price, agreed):
                params = {"line": line.name, "price": price, "contract": agreed}
                yield "rate", "blocking", params, amount

    def over_cap(self, order, over):
        """What is over the cap of the contract: shown, kept and not billed."""
        parts = [(line, source) for line in order.order_line for source in over.get(line.id, ())]
        if not parts:
            return []
        contract = order.hub_contract_id
        return [
            {
                "code": "over_cap" if contract.cap_amount else "retainer_over",
                "severity": "waiting",
                "count": len(parts),
                "hours": sum(source[1].hub_billable_quantity for _line, source in parts),
                "amount": sum(line._hub_worth(source[2]) for line, source in parts),
                "params": {
                    "cap": contract.cap_amount,
                    "used": self._cap_used.get(contract.id, 0.0),
                },
            }
        ]

    def waiting(self, order):
        """What of the contract is not included because it waits or is from before the period."""
        found = []
        sums = self._unapproved.get(order)
        if sums:
            found.append(
                {
                    "code": "unapproved",
                    "severity": "waiting",
                    "count": sums["count"],
                    "hours": sums["hours"],
                    "amount": sums["amount"],
                    "params": {"people": len(sums["people"])},
                }
            )
        if order in self._unaccepted:
            count, amount = self._unaccepted[order]
            found.append(
                {"code": "not_accepted", "severity": "waiting", "count": count, "amount": amount}
            )
        if order in self._unrated:
            count, hours, people = self._unrated[order]
            card = order.hub_contract_id.rate_card_id.name
            found.append(
                {
                    "code": "no_rate",
                    "severity": "waiting",
                    "count": count,
                    "hours": hours,
                    "params": {"people": ", ".join(sorted(people)), "card": card},
                }
            )
        if order in self._early:
            count, hours, amount = self._early[order]
            found.append(
                {
                    "code": "earlier",
                    "severity": "waiting",
                    "count": count,
                    "hours": hours,
                    "amount": amount,
                }
            )
        return found

    def outside(self, order):
        """What the order bills by Odoo's own policy: invoiced from the order, never by a run."""
        lines = (order.order_line - self._in_ledger).filtered(
            lambda line: not line.display_type and line.qty_to_invoice > 0
        )
        if not lines:
            return []
        return [
            {
                "code": "outside",
                "severity": "waiting",
                "count": len(lines),
                "amount": sum(line._hub_worth(line.qty_to_invoice) for line in lines),
                "params": {"lines": ", ".join(lines.mapped("name"))},
            }
        ]
