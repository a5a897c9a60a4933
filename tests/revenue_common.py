"""What the tests of revenue share: a company with accounts for it, contracts of any kind, and months."""

from datetime import date

from dateutil.relativedelta import relativedelta
from odoo.fields import Command

from .business_common import BusinessCase

MONTHS = [date(2025, month, 1) + relativedelta(day=31) for month in range(1, 13)]


class RevenueCase(BusinessCase):
    """A firm in USD with EUR (2.00 USD each to begin with), JPY and KWD."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.accrued, cls.deferred = cls.env["account.account"].create(
            [
                {"name": "Accrued income", "code": "119900", "account_type": "asset_current"},
                {"name": "Deferred income", "code": "219900", "account_type": "liability_current"},
            ]
        )
        cls.company.write(
            {
                "hub_revenue_journal_id": cls.company_data["default_journal_misc"].id,
                "hub_accrued_account_id": cls.accrued.id,
                "hub_deferred_account_id": cls.deferred.id,
                "hub_rate_max_age": 31,
            }
        )
        cls.euro = cls._currency("EUR", ("2025-01-01", 0.5))
        cls.income = cls.company_data["default_account_revenue"]

    @classmethod
    def _currency(cls, code, *rates):
        """A currency with rates: how many of it one USD is."""
        return cls.setup_other_currency(code, rates=[("1900-01-01", rates[0][1]), *rates]).with_env(
            cls.env
        )

    def _contract(self, *lines, currency=None, **values):
        contract = self.env["hub.contract"].create(
            {
                "name": "Revenue",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "currency_id": (currency or self.company.currency_id).id,
                "line_ids": [Command.create(line) for line in lines],
                **values,
            }
        )
        contract._hub_start({contract.id: self.template})
        return contract

    def _hourly(self, price=150.0, **values):
        return {
            "name": "Consulting",
            "kind": "time_material",
            "product_id": self.consulting.id,
            "quantity": 100,
            "unit_price": price,
            **values,
        }

    def _fixed(self, price, **values):
        return {
            "name": "Fixed fee",
            "kind": "milestone",
            "product_id": self.milestone_service.id,
            "quantity": 1,
            "unit_price": price,
            **values,
        }

    def _method(self, line, method, first=False, last=False):
        line.with_user(self.approver)._change_revenue(method, first, last, "As signed")

    def _reach(self, contract, day):
        milestone = contract.project_id.milestone_ids
        milestone.is_reached = True
        milestone.reached_date = day
        return milestone

    def _billed_on(self, contract, day):
        """A posted invoice of what can be billed, of that day."""
        moves = self._bill(contract, None, day)
        moves.invoice_date = day
        return self._approve(moves)

    def _credit(self, invoice, day, kind, quantity=None, price=None):
        note = invoice._reverse_moves([{"hub_credit_kind": kind, "invoice_date": day}])
        if quantity:
            note.invoice_line_ids.quantity = quantity
        if price:
            note.invoice_line_ids.price_unit = price
        return self._approve(note)

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _run(self, day, user=None):
        run = (
            self.env["hub.revenue.run"]
            .with_user(user or self.resolver)
            .create({"company_id": self.company.id, "date_to": day})
        )
        run.action_propose()
        return self._fresh(run)

    def _posted(self, day):
        run = self._run(day)
        run.with_user(self.approver).action_approve()
        return self._fresh(run)

    def _codes(self, run):
        return set(run.finding_ids.mapped("code"))

    def _in_books(self, accounts, last, first=None):
        """The balance of accounts, of posted items of some days."""
        domain = [
            ("account_id", "in", accounts.ids),
            ("parent_state", "=", "posted"),
            ("company_id", "=", self.company.id),
            ("date", "<=", last),
        ]
        if first:
            domain.append(("date", ">=", first))
        items = self.env["account.move.line"].search(domain)
        return self.company.currency_id.round(sum(items.mapped("balance")))

    def _revenue(self, day):
        """What Odoo's revenue account shows of the month."""
        return -self._in_books(self.income, day, day.replace(day=1))
