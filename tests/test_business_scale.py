from datetime import date, timedelta

from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessScale(BusinessCase):
    """What one more record costs is bounded, and does not grow with the batch.

    Each test doubles its data and looks at what the second half cost. The budgets are queries of
    Odoo itself (a deal is an order, a project, its tasks and their analytic account), with room
    for small changes; a query in a loop that should be a batch breaks them.
    """

    def _queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _per_record(self, prepare, count):
        """Queries for each record of the second half of a doubled batch."""
        self._apply(*prepare(2))  # fill caches of configuration
        single, double = prepare(count), prepare(2 * count)
        first = self._queries(lambda: self._apply(*single))
        second = self._queries(lambda: self._apply(*double))
        for item in single + double:
            self.assertFalse(item.problem, item.problem and item.problem.params)
        return (second - first) / count

    def test_won_deals(self):
        def prepare(count):
            return [self._item("opportunity", self._deal()) for _ in range(count)]

        self.assertLess(self._per_record(prepare, 4), 120)

    def test_open_deals(self):
        def prepare(count):
            return [self._item("opportunity", self._deal(stage="open")) for _ in range(count)]

        self.assertLess(self._per_record(prepare, 10), 5)

    def test_time_entries(self):
        contract = self._start_deal()

        def prepare(count):
            return [self._item("time_entry", self._time(contract, "1")) for _ in range(count)]

        self.assertLess(self._per_record(prepare, 100), 0.5)

    def test_payments(self):
        contract = self._start_deal()
        day = date(2025, 6, 1)
        invoices = []
        for index in range(26):
            today = day + timedelta(days=index)
            self._book(contract, "1", day=today)
            invoices.append(self._bill(contract, today, today))
        for invoice in invoices:
            self._approve(invoice)

        def prepare(count):
            return [
                self._item("payment", self._pay(invoices.pop(), fee="1.00")) for _ in range(count)
            ]

        self.assertLess(self._per_record(prepare, 8), 90)

    def test_billing_run(self):
        def billed(count):
            contracts = self.env["hub.contract"]
            for _ in range(count):
                contracts |= self._start_deal()
            for contract in contracts:
                self._book(contract, "1", "2")
            return self._queries(lambda: self._bill(contracts))

        billed(1)
        self.assertLess((billed(6) - billed(3)) / 3, 25)

    def test_entries_of_one_invoice_cost_nothing_each(self):
        contract = self._start_deal()

        def billed(count, day):
            self._book(contract, *["1"] * count, day=day)
            return self._queries(lambda: self._bill(contract, day, day))

        billed(1, date(2025, 6, 1))
        few, many = billed(50, date(2025, 6, 2)), billed(100, date(2025, 6, 3))
        self.assertLess((many - few) / 50, 0.2)

    def test_an_entry_of_a_run_is_written_once_in_each_table(self):
        def written(count, day):
            self._book(contract, *["1"] * count, day=day)
            run = self.env["hub.billing.batch"].with_user(self.resolver)
            run = run.create({"company_id": self.company.id, "date_from": day, "date_to": day})
            run.action_propose()
            self.env.flush_all()
            before = self._rows_written()
            run.with_user(self.approver).action_approve()
            self.env.flush_all()
            self.assertEqual(run.line_ids.move_id.state, "posted")
            return self._rows_written() - before

        contract = self._start_deal()
        few, many = written(5, date(2025, 6, 2)), written(25, date(2025, 6, 3))
        # Its row of the ledger, and its own: which invoice bills it.
        self.assertEqual((many - few) / 20, 2)

    def _rows_written(self):
        """Rows of the ledger and of entries that this transaction has inserted and updated so far."""
        self.env.cr.execute(
            """SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_xact_user_tables
                WHERE relname IN ('hub_billing', 'account_analytic_line')"""
        )
        return self.env.cr.fetchone()[0]

    def test_totals_of_contracts_are_one_query(self):
        contracts = self.env["hub.contract"]
        for _ in range(4):
            contracts |= self._start_deal()
        contracts.fetch(["currency_id", "company_id"])
        contracts._hub_totals()
        few = self._queries(lambda: contracts[:2]._hub_totals())
        many = self._queries(lambda: contracts._hub_totals())
        self.assertEqual(few, many)

    def test_balances_of_customers_are_one_query(self):
        customers = self.env["res.partner"].concat(
            *(self._make_customer(f"Customer {index}") for index in range(6))
        )
        few = self._queries(lambda: customers[:3]._hub_balance())
        many = self._queries(lambda: customers._hub_balance())
        self.assertEqual(few, many)
