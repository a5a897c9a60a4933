from collections import defaultdict

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ...core.arrays import array
from ...core.billing import allocate, exact, rounded
from .billing_look import BillingLook
from .chosen import Chosen, only


class HubBillingBatch(models.Model):
    """Proposing: read everything once for all contracts, write the proposal."""

    _inherit = "hub.billing.batch"

    def _propose(self):
        """Replace what is not billed yet by a new proposal. Queries do not grow with entries."""
        self.ensure_one()
        self.env["hub.billing"]._check_unit_precision()
        company = self.company_id
        if company not in self.env.companies:
            raise AccessError(
                self.env._("%(company)s is not one of your companies.", company=company.sudo().name)
            )  # a name, in a refusal
        old = self.line_ids.filtered(lambda line: line.state in ("proposed", "left_out", "failed"))
        left_by = {line.contract_id.id: line.left_by_id.id for line in old if line.left_by_id}
        # With sudo: proposals are written by code only.
        old.sudo().unlink()
        contracts = self._chosen_contracts() - self.line_ids.contract_id
        if not contracts:
            return
        contracts -= self._open_fees(contracts)
        orders = self.env["hub.invoicing"]._orders(contracts, self.date_from, self.date_to)
        lines = orders.order_line._hub_in_ledger()
        sources, over = lines._hub_sources(self.date_from, self.date_to)
        reserved = self._in_other_runs(sources)
        if reserved:
            self._plan_apart(lines, sources, over, reserved)
        look = BillingLook(self, orders, lines)
        values, kept, found = [], [], []
        for order in orders:
            contract = order.hub_contract_id
            own, findings = self._own_sources(order, sources, reserved)
            proposed = self._amounts(order, own)
            proposed["previous"] = look.previous.get(contract.id, 0.0)
            proposed["findings"] = look.findings(contract, own, proposed["amount"]) if own else []
            proposed["findings"] += [
                *findings,
                *look.waiting(order),
                *look.over_cap(order, over),
                *look.outside(order),
            ]
            if not own and not proposed["findings"]:
                continue
            values.append(self._line_values(contract, proposed, left_by))
            kept.append((own, proposed["by_line"]))
            found.append(proposed["findings"])
        made = self.env["hub.billing.batch.line"].sudo().create(values)  # as above
        self._keep_findings(made, found)
        self._keep_sources(made, kept)

    def _open_fees(self, contracts):
        """Open what is billed of ``contracts`` without any work: fees of retainers, instalments, periods of services.

        :return: contracts of which something could not be worked out; they are left out
        """
        # With sudo: fees are among what is billed, whoever proposes.
        contracts = contracts.sudo()
        retained = contracts.retainer_ids._refresh_apart(self.date_to).contract_id
        unopened = (contracts - retained)._hub_open_due_apart(self.date_to)
        if retained:
            self.message_post(
                body=self.env._(
                    "Left out, because the retainer could not be worked out: %s. Activities on the contracts say why.",
                    ", ".join(retained.mapped("display_name")),
                )
            )
        if unopened:
            self.message_post(
                body=self.env._(
                    "Left out, because instalments or periods could not be opened: %s. Activities on the contracts say "
                    "why.",
                    ", ".join(unopened.mapped("display_name")),
                )
            )
        return retained | unopened

    def _chosen_contracts(self):
        domain = Domain("company_id", "=", self.company_id.id) & Domain("state", "=", "active")
        return self.env["hub.contract"].search(domain & self._contract_filter())

    # --- what is billed -----------------------------------------------------------------------------

    def _in_other_runs(self, sources):
        """Entries and milestones that wait for approval in another run: ``{(field, id): run name}``; one query."""
        wanted = defaultdict(list)
        for own in sources.values():
            for field, record, _quantity in own:
                wanted[field].append(record.id)
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.entry_id, s.milestone_id, b.name
                  FROM hub_billing_batch_source s
                  JOIN hub_billing_batch_line l ON l.id = s.line_id AND l.state IN ('proposed', 'approved')
                  JOIN hub_billing_batch b ON b.id = l.batch_id AND b.id != %(own)s
                 WHERE s.entry_id = ANY(%(entries)s) OR s.milestone_id = ANY(%(milestones)s)
                """,
                own=self.id,
                entries=wanted["entry_id"],
                milestones=wanted["milestone_id"],
            )
        )
        return {
            ("entry_id", entry) if entry else ("milestone_id", milestone): name
            for entry, milestone, name in rows
        }

    def _plan_apart(self, lines, sources, over, reserved):
        """Plan anew what no other run holds, alone as it will be when it is billed: what is rounded together changes.

        How much the cap leaves beside what is held elsewhere was said by the first plan.
        """
        free = defaultdict(list)
        for line_id, own in sources.items():
            held = []
            for source in own:
                if (source[0], source[1].id) in reserved:
                    held.append(source)
                else:
                    free[source[0]].append(source[1].id)
            sources[line_id] = held
        chosen = Chosen(free["entry_id"], free["milestone_id"])
        anew, beyond = only(lines, chosen)._hub_sources(self.date_from, self.date_to)
        for into, planned in ((sources, anew), (over, beyond)):
            for line_id, own in planned.items():
                into[line_id] = [*into.get(line_id, ()), *own]

    def _own_sources(self, order, sources, reserved):
        """What one order bills, by line: ``({order line: [(field, record, quantity)]}, findings)``."""
        own, findings, elsewhere = {}, [], []
        for line in order.order_line:
            free = []
            for source in sources.get(line.id, ()):
                taken = reserved.get((source[0], source[1].id))
                if taken:
                    elsewhere.append((taken, line, source))
                else:
                    free.append(source)
            quantity = line._hub_round(sum(quantity for _f, _r, quantity in free))
            if free and quantity > 0:
                own[line] = free
            elif quantity < 0:
                findings.append(
                    {
                        "code": "negative",
                        "severity": "waiting",
                        "count": len(free),
                        "hours": self._hours(free),
                        "amount": line._hub_worth(quantity),
                        "params": {"line": line.name},
                    }
                )
        if elsewhere:
            findings.append(
                {
                    "code": "other_run",
                    "severity": "waiting",
                    "count": len(elsewhere),
                    "hours": self._hours(source for _name, _line, source in elsewhere),
                    "amount": sum(line._hub_worth(source[2]) for _name, line, source in elsewhere),
                    "params": {"runs": ", ".join(sorted({name for name, _l, _s in elsewhere}))},
                }
            )
        return own, findings

    def _hours(self, sources):
        """Billable hours of the time among ``sources``."""
        return sum(
            record.hub_billable_quantity
            for field, record, _quantity in sources
            if field == "entry_id" and record.project_id
        )

    def _amounts(self, order, own):
        """What the invoice would come to, by Odoo's own taxes and rounding; parts of each line."""
        tax, company, currency = self.env["account.tax"], order.company_id, order.currency_id
        bases = [
            line._prepare_base_line_for_taxes_computation(
                quantity=line._hub_round(sum(quantity for _f, _r, quantity in parts))
            )
            for line, parts in own.items()
        ]
        tax._add_tax_details_in_base_lines(bases, company)
        tax._round_base_lines_tax_details(bases, company)
        totals = tax._get_tax_totals_summary(bases, currency, company) if bases else {}
        by_line = {
            line: base["tax_details"]["total_excluded_currency"]
            for line, base in zip(own, bases, strict=True)
        }
        return {
            "by_line": by_line,
            "amount": totals.get("base_amount_currency", 0.0),
            "amount_total": totals.get("total_amount_currency", 0.0),
            "hours": sum(self._hours(parts) for parts in own.values()),
            "count": sum(len(parts) for parts in own.values()),
        }

    # --- rows -----------------------------------------------------------------------------------------

    def _line_values(self, contract, proposed, left_by):
        company = self.company_id
        day = self.invoice_date or fields.Date.context_today(self)

        def own(amount):
            return contract.currency_id._convert(amount, company.currency_id, company, day)

        severities = {finding["severity"] for finding in proposed["findings"]}
        left = not proposed["count"] or severities & {"blocking", "hold"}
        left_by_id = left_by.get(contract.id)
        rank = (
            0 if "blocking" in severities else 1 if "hold" in severities else 2 if severities else 3
        )
        return {
            "batch_id": self.id,
            "company_id": company.id,
            "contract_id": contract.id,
            "partner_id": (contract.bill_partner_id or contract.partner_id).id,
            "currency_id": contract.currency_id.id,
            "amount": proposed["amount"],
            "amount_total": proposed["amount_total"],
            "amount_company": own(proposed["amount"]),
            "total_company": own(proposed["amount_total"]),
            "previous_amount": proposed["previous"],
            "previous_company": own(proposed["previous"]),
            "hours": proposed["hours"],
            "source_count": proposed["count"],
            "state": "left_out" if left or left_by_id else "proposed",
            "left_by_id": left_by_id,
            "blocked": "blocking" in severities,
            "rank": rank,
            "has_warning": int(bool(severities)),
        }

    def _keep_findings(self, made, found):
        company = self.company_id
        day = self.invoice_date or fields.Date.context_today(self)
        values = []
        for line, findings in zip(made, found, strict=True):
            for finding in findings:
                amount = line.currency_id.round(finding.get("amount", 0.0))
                in_company = line.currency_id._convert(amount, company.currency_id, company, day)
                values.append(
                    {
                        "line_id": line.id,
                        **finding,
                        "amount": amount,
                        "amount_company": in_company,
                    }
                )
        self.env["hub.billing.finding"].sudo().create(values)  # facts; nobody writes them

    def _keep_sources(self, made, kept):
        """One statement for all sources, whose number is that of the entries."""
        columns = defaultdict(list)
        for line, (own, by_line) in zip(made, kept, strict=True):
            currency = line.currency_id
            step = exact(currency.rounding)
            for sale_line, parts in own.items():
                weights = [quantity for _f, _r, quantity in parts]
                amounts = allocate(rounded(by_line[sale_line], step), weights, step)
                for (field, record, quantity), amount in zip(parts, amounts, strict=True):
                    entry = field == "entry_id"
                    columns["line"].append(line.id)
                    columns["sale_line"].append(sale_line.id)
                    columns["entry"].append(record.id if entry else None)
                    columns["milestone"].append(None if entry else record.id)
                    columns["employee"].append(record.employee_id.id or None if entry else None)
                    columns["day"].append(record.date if entry else record.reached_date)
                    columns["worked"].append(record.hub_billable_quantity if entry else 0.0)
                    columns["quantity"].append(quantity)
                    columns["price"].append(sale_line.price_unit)
                    columns["amount"].append(amount)
                    columns["currency"].append(currency.id)
        if not columns:
            return
        self.env.flush_all()
        self.env.cr.execute(
            """
            INSERT INTO hub_billing_batch_source (
                line_id, company_id, sale_line_id, entry_id, milestone_id, employee_id, date, worked, quantity,
                price_unit, amount, currency_id, create_date, write_date)
            SELECT line, %(company)s, sale_line, entry, milestone, employee, day, worked, quantity, price, amount,
                   currency, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM unnest(%(line)s::int[], %(sale_line)s::int[], %(entry)s::int[], %(milestone)s::int[],
                          %(employee)s::int[], %(day)s::date[], %(worked)s::float8[], %(quantity)s::numeric[],
                          %(price)s::numeric[], %(amount)s::numeric[], %(currency)s::int[])
                   u(line, sale_line, entry, milestone, employee, day, worked, quantity, price, amount, currency)
            """,
            {
                "company": self.company_id.id,
                **{name: array(values) for name, values in columns.items()},
            },
        )
        made.invalidate_recordset(["source_ids"])
