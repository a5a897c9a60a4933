from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from odoo.fields import Command
from odoo.tests import tagged

from ..core.problem import Term
from .revenue_common import MONTHS, RevenueCase

JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP = MONTHS[:9]


@tagged("post_install", "-at_install")
class TestRevenue(RevenueCase):
    """Figures by hand, one case a method; Odoo's accounts have to show the same, month by month."""

    def assertMonths(self, contract, *rows):
        """Run, approve and compare month by month.

        :param rows: ``(day, earned, billed, position)`` to date in the contract's currency and ``(recognised, exchange,
            closing)`` in USD
        """
        for day, earned, billed, position, recognised, exchange, closing in rows:
            with self.subTest(day):
                run = self._posted(day)
                line = run.line_ids.filtered(lambda line: line.contract_id == contract)
                self.assertEqual(
                    (line.earned, line.billed, line.position), (earned, billed, position)
                )
                self.assertEqual(
                    (line.recognised_company, line.exchange_company, line.closing_company),
                    (recognised, exchange, closing),
                )
                self.assertEqual(self._revenue(day), recognised, "Odoo's revenue of the month")
                self.assertEqual((run.difference, run.ledger_balance), (0.0, closing))
                accounts = self.accrued if position > 0 else self.deferred
                self.assertEqual(self._in_books(accounts, day), closing)
                first = day + relativedelta(days=1)
                self.assertEqual(self._in_books(self.accrued | self.deferred, first), 0.0)
                rolled = run.opening + run.recognised - run.billed + run.exchange
                self.assertAlmostEqual(rolled, run.closing, 3)

    def _straight(self, price, months, currency=None):
        contract = self._contract(
            self._fixed(price),
            currency=currency,
            date_start=date(2025, 1, 1),
            date_end=MONTHS[months - 1],
        )
        self._method(contract.line_ids, "straight_line")
        self._reach(contract, date(2025, 1, 5))
        return contract, self._billed_on(contract, date(2025, 1, 5))

    def test_a_year_billed_in_advance(self):
        # 12,000.00 USD: 1,000.00 a month; 11,000.00 are deferred at the end of January, nothing at the end of December
        contract, _invoice = self._straight(12000, 12)
        rows = [
            (day, 1000.0 * n, 12000.0, 1000.0 * n - 12000, 1000.0, 0.0, 1000.0 * n - 12000)
            for n, day in enumerate(MONTHS, 1)
        ]
        self.assertMonths(contract, *rows)

    def test_deferred_euros_are_earned_at_the_rate_they_were_billed_with(self):
        # 300.00 EUR at 2.00: 600.00 USD; the rate of February and March alters nothing of it
        self.euro.rate_ids.create(
            {
                "currency_id": self.euro.id,
                "name": "2025-02-20",
                "rate": 0.25,
                "company_id": self.company.id,
            }
        )
        contract, _invoice = self._straight(300, 3, self.euro)
        self.assertMonths(
            contract,
            (JAN, 100.0, 300.0, -200.0, 200.0, 0.0, -400.0),
            (FEB, 200.0, 300.0, -100.0, 200.0, 0.0, -200.0),
            (MAR, 300.0, 300.0, 0.0, 200.0, 0.0, 0.0),
        )

    def test_yen_have_no_cents(self):
        # 100,000 JPY at 100 for a dollar: 1,000.00 USD. 33,333 + 33,334 + 33,333; 66,667 of 1,000.00 are 666.67
        yen = self._currency("JPY", ("2025-01-01", 100.0))
        contract, _invoice = self._straight(100000, 3, yen)
        self.assertMonths(
            contract,
            (JAN, 33333.0, 100000.0, -66667.0, 333.33, 0.0, -666.67),
            (FEB, 66667.0, 100000.0, -33333.0, 333.34, 0.0, -333.33),
            (MAR, 100000.0, 100000.0, 0.0, 333.33, 0.0, 0.0),
        )

    def test_dinars_have_three_digits(self):
        # 100.000 KWD at 0.5 for a dollar: 200.00 USD. 33.333 + 33.334 + 33.333; 66.667 are worth 133.33,
        # and what is left of them in February 33.333 / 66.667 of that: 66.66
        dinar = self._currency("KWD", ("2025-01-01", 0.5))
        contract, _invoice = self._straight(100, 3, dinar)
        self.assertMonths(
            contract,
            (JAN, 33.333, 100.0, -66.667, 66.67, 0.0, -133.33),
            (FEB, 66.667, 100.0, -33.333, 66.67, 0.0, -66.66),
            (MAR, 100.0, 100.0, 0.0, 66.66, 0.0, 0.0),
        )

    def test_a_milestone_billed_before_it_is_accepted(self):
        # 5,000.00 USD, billed in June; the customer accepts on 10 July
        contract = self._contract(self._fixed(5000))
        milestone = self._reach(contract, date(2025, 6, 12))
        self._billed_on(contract, date(2025, 6, 12))
        contract.acceptance_required = True
        self.assertMonths(contract, (JUN, 0.0, 5000.0, -5000.0, 0.0, 0.0, -5000.0))
        milestone.write(
            {
                "hub_accepted_on": date(2025, 7, 10),
                "hub_accepted_by": "P. Customer",
                "hub_evidence": "Minutes no. 12",
            }
        )
        self.assertMonths(contract, (JUL, 5000.0, 5000.0, 0.0, 5000.0, 0.0, 0.0))

    def test_time_not_billed_at_the_end_of_a_month(self):
        # 10 h at 150.00 in June, billed on 5 July; 4 h more in July
        contract = self._contract(self._hourly())
        self._book(contract, "10", day=date(2025, 6, 20))
        self.assertMonths(contract, (JUN, 1500.0, 0.0, 1500.0, 1500.0, 0.0, 1500.0))
        self._billed_on(contract, date(2025, 7, 5))
        self._book(contract, "4", day=date(2025, 7, 20))
        self.assertMonths(
            contract,
            (JUL, 2100.0, 1500.0, 600.0, 600.0, 0.0, 600.0),
            (AUG, 2100.0, 1500.0, 600.0, 0.0, 0.0, 600.0),
        )

    def test_accrued_euros_gain_by_exchange_until_they_are_billed(self):
        # 1,500.00 EUR at 2.00 in June: 3,000.00 USD. Billed on 5 July at 2.50 (3,750.00): 750.00 gained. 4 h more at
        # 150.00 are 600.00 EUR, at 4.00 of the end of July 2,400.00
        for day, rate in (("2025-06-30", 0.5), ("2025-07-05", 0.4), ("2025-07-31", 0.25)):
            self.euro.rate_ids.create(
                {
                    "currency_id": self.euro.id,
                    "name": day,
                    "rate": rate,
                    "company_id": self.company.id,
                }
            )
        contract = self._contract(self._hourly(), currency=self.euro)
        self._book(contract, "10", day=date(2025, 6, 20))
        self.assertMonths(contract, (JUN, 1500.0, 0.0, 1500.0, 3000.0, 0.0, 3000.0))
        self._billed_on(contract, date(2025, 7, 5))
        self._book(contract, "4", day=date(2025, 7, 20))
        self.assertMonths(contract, (JUL, 2100.0, 1500.0, 600.0, 2400.0, 750.0, 2400.0))
        gain = self.company.income_currency_exchange_account_id
        self.assertEqual(self._in_books(gain, JUL), -750.0)

    def test_a_fixed_fee_by_hours_with_a_changed_estimate(self):
        # 10,000.00 USD. June: 20 h of 80: 2,500.00. July: 40 h of 80, for 40 are left: 5,000.00. August: 70 h of 105:
        # 6,666.67. September: nothing is left: 10,000.00, the last month takes what rounding left
        contract = self._contract(self._fixed(10000))
        line = contract.line_ids
        self._method(line, "hours")
        contract.project_id.task_ids[0].sale_line_id = line.sale_line_id
        for day, hours, left, earned, recognised in (
            (JUN, "20", 60, 2500.0, 2500.0),
            (JUL, "20", 40, 5000.0, 2500.0),
            (AUG, "30", 35, 6666.67, 1666.67),
            (SEP, "1", 0, 10000.0, 3333.33),
        ):
            self._book(contract, hours, day=day)
            self._book(
                contract, "50", day=day, approval="submitted"
            )  # not earned before it is approved
            line.with_user(self.resolver).write({"estimate_hours": left, "estimate_on": day})
            self.assertMonths(contract, (day, earned, 0.0, earned, recognised, 0.0, earned))
        notes = "".join(contract.message_ids.mapped("body"))
        self.assertIn("40 h to complete", notes)
        self.assertIn("before: 60 h", notes)

    def test_a_credit_note_in_the_next_month_makes_hours_billable_again(self):
        # 8 h are 1,200.00, billed in June and credited in July: they are unbilled work again
        contract = self._contract(self._hourly())
        self._book(contract, "8", day=date(2025, 6, 10))
        invoice = self._billed_on(contract, date(2025, 6, 15))
        self._credit(invoice, date(2025, 7, 10), "hours")
        self.assertMonths(
            contract,
            # June is proposed late, and shows what was so at its end
            (JUN, 1200.0, 1200.0, 0.0, 1200.0, 0.0, 0.0),
            (JUL, 1200.0, 0.0, 1200.0, 0.0, 0.0, 1200.0),
        )

    def test_a_credit_note_of_the_price_lowers_what_is_earned(self):
        # 8 h are 1,200.00; in July 2 h of them are credited as goodwill: 300.00
        contract = self._contract(self._hourly())
        self._book(contract, "8", day=date(2025, 6, 10))
        invoice = self._billed_on(contract, date(2025, 6, 15))
        self._credit(invoice, date(2025, 7, 10), "goodwill", quantity=2)
        self.assertMonths(
            contract,
            (JUN, 1200.0, 1200.0, 0.0, 1200.0, 0.0, 0.0),
            (JUL, 900.0, 900.0, 0.0, -300.0, 0.0, 0.0),
        )

    def test_a_credit_note_of_a_fixed_price_lowers_what_is_still_earned(self):
        # 300.00 over three months, 60.00 credited in February: 2/3 of 240.00 are earned by its end
        contract, invoice = self._straight(300, 3)
        self._credit(invoice, date(2025, 2, 10), "price", price=60)
        self.assertMonths(
            contract,
            (JAN, 100.0, 300.0, -200.0, 100.0, 0.0, -200.0),
            (FEB, 160.0, 240.0, -80.0, 60.0, 0.0, -80.0),
            (MAR, 240.0, 240.0, 0.0, 80.0, 0.0, 0.0),
        )

    # --- what follows the ledger ----------------------------------------------------------------------

    def test_time_is_earned_at_the_rate_of_the_card(self):
        # 2 h of the consultant at 165.00, whatever the line of the contract says
        card = self.env["hub.rate.card"].create(
            {
                "name": "2025",
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.customer.id,
                "line_ids": [
                    Command.create(
                        {"role_id": self.role.id, "price": 165, "date_from": date(2025, 1, 1)}
                    )
                ],
            }
        )
        contract = self._contract(self._hourly(), rate_card_id=card.id)
        self._book(contract, "2", day=date(2025, 6, 10))
        self.assertMonths(contract, (JUN, 330.0, 0.0, 330.0, 330.0, 0.0, 330.0))
        self._billed_on(contract, date(2025, 7, 2))
        self.assertMonths(contract, (JUL, 330.0, 330.0, 0.0, 0.0, 0.0, 0.0))

    def test_what_is_written_off_or_over_the_cap_is_not_earned(self):
        # 5 h are 750.00 below the cap of 1,000.00; the next 5 h are over it and wait. 1 h is written off.
        contract = self._contract(self._hourly(), cap_amount=1000)
        self._book(contract, "5", day=date(2025, 6, 10))
        self._book(contract, "5", day=date(2025, 6, 11))
        off = self._book(contract, "1", day=date(2025, 6, 9))
        one = self.env["hub.write.off"].with_user(self.resolver)._propose(off, "Goodwill")
        one.with_user(self.approver).action_approve()
        self._fresh(one)
        self.assertMonths(contract, (JUN, 750.0, 0.0, 750.0, 750.0, 0.0, 750.0))

    def test_a_draft_at_the_end_of_the_month_is_unbilled_and_late_time_is_the_next_month(self):
        contract = self._contract(self._hourly())
        self._book(contract, "2", day=date(2025, 6, 10))
        draft = self._bill(contract, None, JUN)
        self.assertMonths(contract, (JUN, 300.0, 0.0, 300.0, 300.0, 0.0, 300.0))
        self._book(contract, "1", day=date(2025, 6, 11))  # arrives after June is posted
        draft.invoice_date = date(2025, 7, 3)
        self._approve(draft)
        self.assertMonths(contract, (JUL, 450.0, 300.0, 150.0, 150.0, 0.0, 150.0))

    def test_work_billed_ahead_of_its_day_is_deferred(self):
        contract = self._contract(self._hourly())
        self._book(contract, "2", day=date(2025, 7, 10))
        self._bill(contract, None, JUL).invoice_date = date(2025, 6, 30)
        self._approve(contract.move_ids)
        self.assertMonths(
            contract,
            (JUN, 0.0, 300.0, -300.0, 0.0, 0.0, -300.0),
            (JUL, 300.0, 300.0, 0.0, 300.0, 0.0, 0.0),
        )

    def test_expenses_are_earned_when_they_are_approved(self):
        contract = self._contract(
            self._hourly(),
            {
                "name": "Travel",
                "kind": "reimbursable",
                "product_id": self.travel.id,
                "quantity": 1,
                "unit_price": 500,
            },
        )
        travel = contract.line_ids.filtered(lambda line: line.kind == "reimbursable")
        self.assertEqual(travel.revenue_method, "worked")
        item = self._item(
            "expense",
            {
                "project": contract.project_id.id,
                "employee": self.consultant.id,
                "date": date(2025, 6, 12),
                "amount": Decimal("80.00"),
                "currency": "USD",
                "note": "Train",
                "approval": Term("approved"),
                "billable": True,
            },
        )
        self._apply(item)
        self.assertFalse(item.problem, item.problem)
        line = self._run(JUN).line_ids.filtered(lambda line: line.contract_line_id == travel)
        self.assertEqual((line.earned, line.billed, line.position), (80.0, 0.0, 80.0))
