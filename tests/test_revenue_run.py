from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from ..models.guard import own_code
from .revenue_common import MONTHS, RevenueCase

MAY, JUN, JUL, AUG = MONTHS[4:8]
JUNE_WORK = date(2025, 6, 10)
HUB = "lead_to_cash_hub.group_hub_"


@tagged("post_install", "-at_install")
class TestRevenueRun(RevenueCase):
    """Who proposes and who decides; what blocks, what is told, what is posted and taken back."""

    def _unbilled(self, hours="2", **values):
        contract = self._contract(self._hourly(), **values)
        self._book(contract, hours, day=JUNE_WORK)
        return contract

    def assertBlocked(self, run, code, words):
        """The run has this blocking finding, says what to do, and is not posted."""
        finding = run.finding_ids.filtered(lambda finding: finding.code == code)
        self.assertEqual(finding.severity, "blocking")
        self.assertIn(words, finding.sentence)
        with self.assertRaisesRegex(UserError, words.split()[0]), self.env.cr.savepoint():
            run.with_user(self.approver).action_approve()
        self.env.invalidate_all()
        self.assertEqual((run.state, run.move_id.id), ("proposed", False))

    # --- people -----------------------------------------------------------------------------------------

    def test_one_proposes_and_another_one_approves(self):
        self.company.hub_four_eyes_limit = 100
        self._unbilled()
        run = self._run(JUN, self.approver)
        self.assertFalse(run.move_id, "nothing is posted before it is approved")
        with self.assertRaisesRegex(AccessError, "another billing approver"):
            run.with_user(self.approver).action_approve()
        other = self._make_user("other", "base.group_user", HUB + "billing_approver")
        run.with_user(other).action_approve()
        run = self._fresh(run)
        self.assertEqual((run.state, run.approved_by_id), ("posted", other))
        self.assertEqual(run.move_id.line_ids.mapped("create_uid"), other)

    def test_below_the_limit_one_person_may_do_both(self):
        self.company.hub_four_eyes_limit = 301
        self._unbilled()
        run = self._run(JUN, self.approver)
        run.with_user(self.approver).action_approve()
        self.assertEqual(self._fresh(run).state, "posted")

    def test_who_may_do_what(self):
        contract = self._unbilled()
        run, line = self._run(JUN), contract.line_ids
        for user in (self.viewer, self.resolver, self.accountant, self.consultant_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                run.with_user(user).action_approve()
            with self.assertRaises(AccessError):
                run.with_user(user).action_undo()
            with self.assertRaises(AccessError):
                line.with_user(user)._change_revenue("as_billed", False, False, "x")
        for user in (self.viewer, self.accountant, self.consultant_user):
            for method in ("action_propose", "action_discard"):
                with self.subTest(user.login, method=method), self.assertRaises(AccessError):
                    getattr(run.with_user(user), method)()
            with self.assertRaises(AccessError):
                run.line_ids.with_user(user).action_carry()
        self.assertEqual(self._fresh(run).state, "proposed")

    def test_what_only_buttons_set_is_refused(self):
        contract = self._unbilled()
        run = self._run(JUN)
        position, line = run.line_ids, contract.line_ids
        move = self.company_data["default_journal_misc"]
        for user in (self.resolver, self.approver):
            env = self.env(user=user)
            runs, mine = env["hub.revenue.run"], run.with_env(env)
            values = {"company_id": self.company.id, "date_to": JUL}
            attempts = [
                (position.with_env(env).write, {"earned": 1}),
                (env["hub.revenue.line"].create, {"run_id": run.id}),
                (env["hub.revenue.finding"].create, {"run_id": run.id, "code": "gap"}),
                (position.with_env(env).unlink,),
                (mine.write, {"line_ids": [Command.update(position.id, {"earned": 1})]}),
                (line.with_env(env).write, {"revenue_method": "as_billed"}),
                (line.with_env(env).write, {"service_to": "2030-01-01"}),
            ]
            for name, value in {
                "state": "posted",
                "author_ids": [Command.clear()],
                "approved_by_id": user.id,
                "journal_id": move.id,
                "accrued_account_id": self.deferred.id,
            }.items():
                attempts += [
                    (mine.write, {name: value}),
                    (runs.create, {**values, name: value}),
                ]
            for attempt, *args in attempts:
                with (
                    self.subTest(user.login, args=args),
                    self.assertRaises(AccessError),
                    self.env.cr.savepoint(),
                ):
                    attempt(*args)
            forged = runs.with_context(default_state="posted").create(values)
            self.assertEqual(forged.state, "draft")
            forged.unlink()
        for vals in ({"date_to": JUL}, {"company_id": self.company.id}):
            with self.assertRaisesRegex(UserError, "rests on its month"):
                run.with_user(self.resolver).write(vals)
        with self.assertRaisesRegex(UserError, "Discard it"):
            run.with_user(self.resolver).unlink()

    def test_another_company_is_not_seen(self):
        self._unbilled()
        run = self._run(JUN)
        other = self.env["res.company"].create({"name": "Other Firm"})
        stranger = self._make_user("stranger", "base.group_user", HUB + "billing_approver")
        stranger.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        env = self.env(user=stranger, context={"allowed_company_ids": other.ids})
        self.assertFalse(env["hub.revenue.run"].search([]))
        with self.assertRaises(AccessError):
            run.with_env(env).action_approve()

    # --- method ------------------------------------------------------------------------------------------

    def test_a_method_is_proposed_by_service_and_company(self):
        self.company.hub_revenue_method = "straight_line"
        plain = self._contract(self._fixed(100), self._hourly())
        self.assertEqual(plain.line_ids.mapped("revenue_method"), ["straight_line", "worked"])
        self.milestone_service.product_tmpl_id.hub_revenue_method = "hours"
        self.consulting.product_tmpl_id.hub_revenue_method = "straight_line"  # fits no time
        chosen = self._contract(self._fixed(100), self._hourly())
        self.assertEqual(chosen.line_ids.mapped("revenue_method"), ["hours", "worked"])
        self.assertEqual(plain.line_ids.mapped("revenue_method"), ["straight_line", "worked"])

    def test_another_method_needs_a_reason_and_fits_the_line(self):
        contract = self._contract(self._fixed(1200), self._hourly())
        fixed, time = contract.line_ids
        wizard = (
            self.env["hub.revenue.change"]
            .with_user(self.approver)
            .create(
                {
                    "line_id": fixed.id,
                    "method": "straight_line",
                    "service_from": "2025-06-01",
                    "service_to": "2025-07-31",
                    "reason": "Support, delivered evenly",
                }
            )
        )
        wizard.action_confirm()
        self._fresh(fixed)
        self.assertEqual((fixed.revenue_method, fixed.service_to), ("straight_line", JUL))
        note = contract.message_ids[0]
        self.assertIn("Support, delivered evenly", note.body)
        self.assertIn("Milestones accepted", note.body)
        self.assertEqual(note.author_id, self.approver.partner_id)
        with self.assertRaisesRegex(ValidationError, "Choose one of"):
            self._method(time, "straight_line")
        with self.assertRaisesRegex(ValidationError, "Say why"):
            fixed.with_user(self.approver)._change_revenue("hours", False, False, "  ")
        with self.assertRaisesRegex(ValidationError, "before it begins"):
            self._method(fixed, "straight_line", JUL, JUN)

    def test_another_method_catches_up_and_is_told(self):
        contract = self._contract(
            self._fixed(1200), date_start=date(2025, 5, 1), date_end=date(2025, 8, 31)
        )
        self._reach(contract, JUNE_WORK)
        self._posted(JUN)
        self.assertEqual(contract.revenue_position, 1200.0)
        self._method(contract.line_ids, "straight_line")
        run = self._run(JUL)
        self.assertIn("changed", self._codes(run))
        line = run.line_ids
        self.assertEqual((line.opening, line.recognised, line.position), (1200.0, -300.0, 900.0))

    # --- what blocks -------------------------------------------------------------------------------------

    def test_accounts_have_to_be_set(self):
        self.company.write({"hub_revenue_journal_id": False, "hub_deferred_account_id": False})
        self._unbilled()
        run = self._run(JUN)
        words = "Journal of Revenue Runs, Deferred Income"
        self.assertIn(words, run.finding_ids.sentence)
        with self.assertRaisesRegex(UserError, "company's settings"):
            run.with_user(self.approver).action_approve()

    def test_a_closed_period_is_said_and_nothing_moved(self):
        self._unbilled()
        self.company.fiscalyear_lock_date = JUN
        self.assertBlocked(self._run(JUN), "period_lock", "06/30/2025 is in a locked period")

    def test_a_lock_that_came_since_is_seen(self):
        self._unbilled()
        run = self._run(JUN)
        self.company.fiscalyear_lock_date = date(2025, 7, 1)
        with self.assertRaisesRegex(UserError, "locked period"):
            run.with_user(self.approver).action_approve()

    def test_hours_without_an_estimate(self):
        contract = self._contract(self._fixed(1000))
        self._method(contract.line_ids, "hours")
        run = self._run(JUN)
        self.assertBlocked(run, "no_estimate", "It is earned by hours")
        # left as it was, nothing is earned of it and the others can be posted
        run.line_ids.with_user(self.resolver).action_carry()
        run = self._fresh(run)
        self.assertEqual((self._codes(run), run.line_ids.earned), ({"carried"}, 0.0))
        self.assertEqual(run.line_ids.carried_by_id, self.resolver)
        run.line_ids.with_user(self.resolver).action_carry_no_more()
        run = self._fresh(run)
        self.assertEqual(self._codes(run), {"no_estimate"})
        contract.line_ids.with_user(self.resolver).write({"estimate_hours": 10, "estimate_on": MAY})
        run.with_user(self.resolver).action_propose()
        run = self._fresh(run)
        self.assertEqual(self._codes(run), {"old_estimate"})
        with self.assertRaises(ValidationError):
            contract.line_ids.estimate_hours = -1

    def test_a_line_without_a_period(self):
        contract = self._contract(self._fixed(1000))
        self._method(contract.line_ids, "straight_line")
        self.assertBlocked(self._run(JUN), "no_period", "It is earned straight")

    def test_a_currency_without_a_rate_of_the_day(self):
        self.company.hub_rate_max_age = 7
        contract = self._contract(self._hourly(), currency=self.euro)
        self._book(contract, "2", day=JUNE_WORK)
        self.assertBlocked(self._run(JUN), "no_rate", "There is no exchange rate of EUR")

    def test_a_service_without_an_income_account(self):
        self._unbilled()
        self.company.income_account_id = False
        self.consulting.product_tmpl_id.property_account_income_id = False
        self.consulting.categ_id.property_account_income_categ_id = False
        self.assertBlocked(self._run(JUN), "no_income", "Consulting has no income account")

    def test_exchange_without_its_accounts(self):
        for day, rate in (("2025-06-30", 0.5), ("2025-07-31", 0.25)):
            self.euro.rate_ids.create(
                {
                    "currency_id": self.euro.id,
                    "name": day,
                    "rate": rate,
                    "company_id": self.company.id,
                }
            )
        contract = self._contract(self._hourly(), currency=self.euro)
        self._book(contract, "2", day=JUNE_WORK)
        self._posted(JUN)
        self.company.income_currency_exchange_account_id = False
        self.assertBlocked(self._run(JUL), "no_exchange_account", "600.00 of exchange")

    # --- what is told ------------------------------------------------------------------------------------

    def test_what_is_told_and_does_not_block(self):
        contract = self._unbilled()
        self._book(contract, "3", day=JUNE_WORK, approval="submitted")
        self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": JUNE_WORK,
                "line_ids": [
                    Command.create({"account_id": self.accrued.id, "balance": 50}),
                    Command.create({"account_id": self.income.id, "balance": -50}),
                ],
            }
        ).action_post()
        run = self._run(JUN)
        self.assertEqual(self._codes(run), {"unapproved", "ledger"})
        said = " ".join(run.finding_ids.mapped("sentence"))
        self.assertRegex(said, r"1 entries \(3.00 h, .*450.00\) wait for approval")
        self.assertRegex(said, "hold .*50.00")
        run.with_user(self.approver).action_approve()
        run = self._fresh(run)
        self.assertEqual((run.closing, run.ledger_balance, run.difference), (300.0, 350.0, 50.0))

    def test_more_billed_than_agreed_stays_deferred(self):
        # 100.00 are billed, then a change order lowers the price to 80.00
        contract = self._contract(self._fixed(100))
        self._reach(contract, JUNE_WORK)
        self._billed_on(contract, JUNE_WORK)
        own_code(contract.line_ids).unit_price = 80
        run = self._run(JUN)
        self.assertEqual(self._codes(run), {"over_price"})
        self.assertIn("20.00 more is billed", run.finding_ids.sentence)
        self.assertEqual((run.recognised, run.closing), (80.0, -20.0))

    def test_months_left_out_are_caught_up(self):
        contract = self._unbilled()
        self._posted(JUN)
        self._book(contract, "1", day=date(2025, 7, 10))
        run = self._run(AUG)
        self.assertEqual(self._codes(run), {"gap"})
        self.assertEqual((run.opening, run.recognised, run.closing), (300.0, 150.0, 450.0))

    def test_a_closed_contract_is_cleared(self):
        contract = self._unbilled()
        self._posted(JUN)
        contract.action_close()
        run = self._run(JUL)
        self.assertEqual(self._codes(run), {"closed"})
        self.assertIn("300.00", run.finding_ids.sentence)
        self.assertEqual((run.recognised, run.closing), (-300.0, 0.0))
        run.with_user(self.approver).action_approve()
        self.assertFalse(self._run(AUG).line_ids)

    def test_what_is_billed_on_no_line_is_told(self):
        contract = self._unbilled()
        bill = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": JUNE_WORK,
                "hub_contract_id": contract.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Fee",
                            "quantity": 1,
                            "price_unit": 70,
                            "product_id": self.consulting.id,
                        }
                    )
                ],
            }
        )
        self._approve(bill)
        run = self._run(JUN)
        self.assertEqual(self._codes(run), {"elsewhere"})
        self.assertIn("70.00", run.finding_ids.sentence)

    # --- deciding ----------------------------------------------------------------------------------------

    def test_what_changed_since_is_not_posted(self):
        contract = self._unbilled()
        run = self._run(JUN)
        self._book(contract, "1", day=JUNE_WORK)
        with self.assertRaisesRegex(UserError, contract.code):
            run.with_user(self.approver).action_approve()
        run.with_user(self.resolver).action_propose()
        self.assertEqual(self._fresh(run).closing, 450.0)
        run.with_user(self.approver).action_approve()
        self.assertEqual(self._fresh(run).state, "posted")

    def test_a_month_has_one_run_and_ends_with_its_last_day(self):
        self._run(JUN)
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self._run(JUN)
        with self.assertRaisesRegex(ValidationError, "not the last day"):
            self._run(date(2025, 7, 15))

    def test_an_earlier_month_is_not_posted_after_a_later_one(self):
        self._unbilled()
        self._posted(JUL)
        with self.assertRaisesRegex(UserError, "rests on what was known then"):
            self._posted(JUN)

    def test_a_month_that_is_not_over_is_not_posted(self):
        self._unbilled()
        run = self._run(date(2099, 12, 31))
        with self.assertRaisesRegex(UserError, "is not over"):
            run.with_user(self.approver).action_approve()

    def test_entries_are_balanced_reversed_and_without_taxes(self):
        contract = self._unbilled()
        self.income.tax_ids = [Command.set(self.tax.ids)]
        run = self._posted(JUN)
        move, reversal = run.move_id, run.reversal_id
        self.assertEqual((move.state, move.date), ("posted", JUN))
        self.assertEqual((reversal.state, reversal.date), ("posted", date(2025, 7, 1)))
        self.assertEqual(reversal.reversed_entry_id, move)
        items = [(line.account_id, line.balance, line.partner_id) for line in move.line_ids]
        self.assertEqual(
            items,
            [(self.accrued, 300.0, self.customer), (self.income, -300.0, self.customer)],
        )
        self.assertFalse(move.line_ids.tax_ids)
        self.assertIn(contract.code, move.line_ids[0].name)
        distribution = contract.line_ids.sale_line_id.analytic_distribution
        self.assertEqual(move.line_ids[1].analytic_distribution, distribution)
        self.assertFalse(move.line_ids[0].analytic_distribution)
        with self.assertRaisesRegex(UserError, "is posted"):
            run.with_user(self.approver).action_discard()
        with self.assertRaisesRegex(UserError, "is posted"):
            run.with_user(self.approver).action_propose()
        run.with_user(self.approver).action_approve()  # a second click does nothing
        self.assertEqual(self._fresh(run).move_id, move)

    def test_a_month_is_taken_back_and_run_anew(self):
        contract = self._unbilled()
        june, july = self._posted(JUN), self._posted(JUL)
        with self.assertRaisesRegex(UserError, "Take back the last one first"):
            june.with_user(self.approver).action_undo()
        july.with_user(self.approver).action_undo()
        june.with_user(self.approver).action_undo()
        self._fresh(june)
        self.assertEqual(set((june | july).mapped("state")), {"undone"})
        self.assertEqual(set((june.move_id | june.reversal_id).mapped("state")), {"cancel"})
        self.assertEqual(self._in_books(self.accrued, AUG), 0.0)
        self.assertEqual(contract.revenue_position, 0.0)
        self._book(contract, "1", day=JUNE_WORK)
        self.assertEqual(self._posted(JUN).closing, 450.0)

    def test_an_entry_that_somebody_changes_shows_as_a_difference(self):
        self._unbilled()
        run = self._posted(JUN)
        self.assertEqual(run.difference, 0.0)
        run.move_id.button_draft()
        self.assertEqual(self._fresh(run).difference, -300.0)

    def test_a_run_of_nothing_is_posted_without_an_entry(self):
        run = self._posted(JUN)
        self.assertEqual((run.state, run.move_id.id, run.difference), ("posted", False, 0.0))

    # --- cost --------------------------------------------------------------------------------------------

    def test_queries_do_not_grow_with_contract_lines(self):
        def cost(count):
            for _ in range(count):
                contract = self._contract(self._hourly(), self._fixed(100))
                self._book(contract, "1", day=JUNE_WORK)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run = self._run(JUN)
            proposed = self.env.cr.sql_log_count - before
            self.assertTrue(run.line_ids)
            run.with_user(self.approver).action_discard()
            return proposed

        cost(1)
        few, many = cost(3), cost(4)
        self.assertLessEqual(many - few, 4, "four contracts more, each of two lines")
