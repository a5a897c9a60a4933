"""Recurring services: periods, pro rata, indexation, pauses and cancellation, with figures worked out by hand."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta
from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .schedule_common import ScheduleCase, day


@tagged("post_install", "-at_install")
class TestRecurring(ScheduleCase):
    def test_a_service_with_broken_months_is_billed_once_a_period(self):
        contract = self._contract(self._service(1000, "2025-03-15", "2025-06-14"))
        # 17 of 31 days of March, 14 of 30 of June
        self.assertAlmostEqual(contract.amount_total, 548.39 + 1000 + 1000 + 466.67, 4)
        self.assertFalse(contract.line_ids.instalment_ids)
        billed = []
        for cut_off in ("2025-03-31", "2025-04-30", "2025-05-31", "2025-06-30", "2025-07-31"):
            for _again in range(2):  # the second run finds nothing
                line = self._run(cut_off)
                if line:
                    billed += self._post(line).invoice_line_ids
        self.assertEqual(
            [(one.name.split(": ", 1)[-1], one.price_subtotal) for one in billed],
            [
                ("03/15/2025 to 03/31/2025 (17 of 31 days)", 548.39),
                ("04/01/2025 to 04/30/2025", 1000.0),
                ("05/01/2025 to 05/31/2025", 1000.0),
                ("06/01/2025 to 06/14/2025 (14 of 30 days)", 466.67),
            ],
        )
        self.assertEqual(
            [(one.hub_service_from, one.hub_service_to) for one in billed[:1]],
            [(day("2025-03-15"), day("2025-03-31"))],
        )
        invoiced = sum(contract.move_ids.mapped("amount_untaxed"))
        self.assertAlmostEqual(invoiced, contract.amount_total, 4)
        self.assertEqual(contract.sale_order_id.amount_untaxed, contract.amount_total)

    def test_parts_by_the_smallest_coin_of_each_currency(self):
        # from 15 March, 17 of 31 days, then April
        for name, price, parts in (
            ("EUR", 1000, (548.39, 1000.0)),
            ("USD", 999.99, (548.38, 999.99)),  # the first 14 days are 451.608
            ("JPY", 10001, (5484, 10001)),  # 4,516.58
            ("KWD", 1000.001, (548.388, 1000.001)),  # 451.61335
        ):
            with self.subTest(name):
                contract = self._contract(
                    self._service(price, "2025-03-15", "2025-04-30"), currency=name
                )
                line = self._run("2025-04-30", contract=contract)
                move = self._post(line)
                for one, part in zip(move.invoice_line_ids, parts, strict=True):
                    self.assertAlmostEqual(one.price_subtotal, part, 4)
                self.assertAlmostEqual(move.amount_untaxed, sum(parts), 4)
                self.assertAlmostEqual(contract.amount_total, sum(parts), 4)

    def test_quantity_and_discount_count_a_period(self):
        contract = self._contract(
            self._service(19.99, "2025-05-01", "2025-06-30", quantity=7, discount=10)
        )
        # 7 × 19.99 less 10 % = 125.937
        self.assertEqual(contract.amount_total, 251.88)
        self.assertEqual(self._run("2025-05-31").amount, 125.94)

    def test_in_arrears_a_period_is_due_on_its_last_day(self):
        contract = self._contract(
            self._service(
                300, "2025-01-31", interval="quarter", aligned="start", bill_when="arrears"
            )
        )
        self.assertEqual(contract.amount_total, 1200.0)  # until cancelled: a year
        self.assertFalse(self._run("2025-04-28"))
        line = self._run("2025-04-29")
        self.assertEqual(line.amount, 300.0)
        self.assertIn("01/31/2025 to 04/29/2025", self._post(line).invoice_line_ids.name)

    def test_missed_periods_are_caught_up_and_named(self):
        contract = self._contract(self._service(100, "2025-01-01"))
        line = self._run("2025-03-31", "2025-03-01")
        self.assertEqual((line.amount, line.source_count), (300.0, 3))
        missed = line.finding_ids.filtered(lambda finding: finding.code == "missed")
        self.assertEqual((missed.count, missed.amount), (2, 200.0))
        self.assertIn("01/01/2025 to 01/31/2025", missed.sentence)
        self.assertNotIn("03/01/2025 to", missed.sentence)
        self._post(line)
        line = self._run("2025-04-30", "2025-04-01")
        self.assertEqual((line.amount, line.source_count), (100.0, 1))
        self.assertNotIn("missed", line.finding_ids.mapped("code"))
        self.assertEqual(len(contract.line_ids.instalment_ids), 4)

    def test_no_more_than_a_month_ahead_is_opened(self):
        today = fields.Date.context_today(self.env.user)
        first = today + relativedelta(day=1)
        contract = self._contract(self._service(100, first))
        self._run(today + timedelta(days=400))
        dates = contract.line_ids.instalment_ids.mapped("date")
        self.assertTrue(max(dates) <= today + relativedelta(months=1))
        # A run with an earlier cut-off takes back nothing of it, and bills what is due.
        line = self._run(today)
        self.assertEqual(line.amount, 100.0)
        self.assertEqual(contract.line_ids.instalment_ids.mapped("date"), dates)
        self.assertFalse(contract.line_ids.instalment_ids.filtered("dropped"))

    # --- what is agreed later -----------------------------------------------------------------------

    def test_indexation_counts_from_its_day_and_leaves_what_is_billed(self):
        contract = self._contract(self._service(1000, "2025-01-01", "2025-12-31"))
        self._post(self._run("2025-03-31"))
        self._run("2025-05-31")  # April and May are open and not billed
        self._change(contract.line_ids, "index", "2025-04-16", percent=2.5)
        # April: 15 days at 1,000.00 and 15 at 1,025.00: 500.00 + 512.50
        self.assertEqual(
            self._rows(contract.line_ids)[3:5],
            [("2025-04-01", 1012.5, "due"), ("2025-05-01", 1025.0, "due")],
        )
        self.assertEqual(contract.amount_total, 3000 + 1012.5 + 8 * 1025)
        self.assertFalse(contract.activity_ids)
        self.assertIn("Indexation 2.5 %", contract.message_ids[0].body)
        line = self._run("2025-05-31")
        self.assertEqual((line.amount, line.state), (2037.5, "proposed"))
        move = self._post(line)
        self.assertEqual(sorted(move.invoice_line_ids.mapped("price_unit")), [1012.5, 1025.0])

    def test_another_price_from_a_day_on(self):
        contract = self._contract(self._service(1000, "2025-01-01", "2025-12-31"))
        self._change(contract.line_ids, "price", "2025-07-01", price=800)
        self.assertEqual(contract.amount_total, 6000 + 4800)

    def test_a_change_of_what_is_billed_is_told(self):
        contract = self._contract(self._service(310, "2025-01-01", "2025-12-31"))
        self._post(self._run("2025-01-31"))
        change = self._change(contract.line_ids, "pause", "2025-01-22", date_to="2025-01-31")
        self.assertEqual(self._rows(contract.line_ids)[0], ("2025-01-01", 310.0, "billed"))
        self.assertIn("100.00 more than is agreed now", contract.activity_ids.note)
        change.unlink()
        self.assertIn("100.00 less than is agreed now", contract.activity_ids[-1].note)
        self.assertIn("Taken back", contract.message_ids.filtered("body")[0].body)

    def test_another_end_of_the_contract_ends_its_services_and_is_told(self):
        contract = self._contract(self._service(310, "2025-01-01"), date_end="2025-01-10")
        self._post(self._run("2025-01-31"))
        self.assertEqual(self._rows(contract.line_ids), [("2025-01-01", 100.0, "billed")])
        contract.with_user(self.resolver).date_end = "2025-02-28"
        self._fresh(contract)
        # What is billed of January stays; that it is 21 days short is told.
        self.assertIn("210.00 less than is agreed now", contract.activity_ids.note)
        self.assertEqual(self._rows(contract.line_ids)[1:], [("2025-02-01", 310.0, "due")])

    def test_what_ran_until_a_past_end_is_not_closed_away(self):
        contract = self._contract(
            self._service(310, "2025-01-01", bill_when="arrears"), date_end="2025-01-10"
        )
        self.assertEqual(
            contract.with_user(self.resolver).action_close()["res_model"], "hub.contract.close"
        )
        self.assertEqual(self._rows(contract.line_ids), [("2025-01-10", 100.0, "due")])

    def test_a_pause_drops_its_periods_until_it_is_taken_back(self):
        contract = self._contract(self._service(310, "2025-01-01", "2025-04-30"))
        self._run("2025-02-28")
        contract.sale_order_id.action_lock()
        change = self._change(contract.line_ids, "pause", "2025-01-11", date_to="2025-02-28")
        self.assertEqual(
            self._rows(contract.line_ids),
            [
                ("2025-01-01", 100.0, "due"),
                ("2025-02-01", 310.0, "dropped"),
                ("2025-03-01", 310.0, "due"),  # opened with the change: they are due today
                ("2025-04-01", 310.0, "due"),
            ],
        )
        line = self._run("2025-03-31")
        self.assertEqual((line.amount, line.source_count), (410.0, 2))
        change.unlink()
        self.assertEqual(self._run("2025-03-31").amount, 930.0)
        self.assertEqual(contract.sale_order_id.amount_untaxed, 1240.0)
        self.assertTrue(contract.sale_order_id.locked)

    def test_cancelled_with_notice_to_the_end_of_a_period(self):
        contract = self._contract(self._service(100, "2025-01-01", notice_months=1))
        self._run("2025-06-30")
        change = self._change(contract.line_ids, "cancel", "2025-03-10")
        self.assertEqual(str(change.date_to), "2025-04-30")
        self.assertEqual(str(contract.line_ids.ends_on), "2025-04-30")
        self.assertEqual(
            [row[2] for row in self._rows(contract.line_ids)], ["due"] * 4 + ["dropped"] * 2
        )
        self.assertEqual(contract.amount_total, 400.0)
        self._post(self._run("2025-12-31"))
        self.assertFalse(self._run("2025-12-31"))
        contract.with_user(self.resolver).action_close()
        self.assertEqual(contract.state, "closed")
        with self.assertRaisesRegex(UserError, "is closed"):
            self._change(contract.line_ids, "price", "2025-01-01", price=1)

    def test_cancelled_on_another_day_than_by_notice(self):
        contract = self._contract(self._service(310, "2025-01-01", notice_months=3))
        self._change(contract.line_ids, "cancel", "2025-01-10", date_to="2025-01-10")
        self.assertEqual(self._run("2025-12-31").amount, 100.0)

    def test_a_service_that_runs_is_ended_with_its_contract(self):
        contract = self._contract(self._service(310, "2025-01-01"))
        self._post(self._run("2025-01-31"))
        resolver = contract.with_user(self.resolver)
        self.assertEqual(resolver.action_close()["res_model"], "hub.contract.close")
        wizard = self.env["hub.contract.close"].with_user(self.resolver)
        wizard = wizard.create(
            {"contract_id": contract.id, "reason": "Done", "last_day": "2025-02-14", "rest": "bill"}
        )
        wizard.action_confirm()
        self._fresh(contract)
        line = self._run("2025-12-31")
        self.assertEqual(line.amount, 155.0)  # 14 of 28 days
        self._post(line)
        resolver.action_close()
        self.assertEqual(contract.state, "closed")

    def test_a_credited_period_is_billed_again_as_it_is_agreed_then(self):
        contract = self._contract(self._service(310, "2025-01-01", "2025-03-31"))
        move = self._post(self._run("2025-01-31"))
        self._change(contract.line_ids, "pause", "2025-01-22", date_to="2025-01-31")
        self._credit(move)
        line = self._run("2025-01-31")
        self.assertEqual((line.amount, line.source_count), (210.0, 1))
        self.assertIn("21 of 31 days", self._post(line).invoice_line_ids.name)

    def test_the_night_opens_what_is_due_and_leakage_sees_it(self):
        today = fields.Date.context_today(self.env.user)
        first = today - relativedelta(months=3)
        contract = self._contract(self._service(100, first, aligned="start"))
        self.env["hub.instalment"]._run()
        self.assertEqual(len(contract.line_ids.instalment_ids), 4)
        self.company.hub_unbilled_days = 20
        leaks = self.env["hub.leakage"].search([("contract_id", "=", contract.id)])
        self.assertEqual(set(leaks.mapped("kind")), {"instalment"})
        self.assertEqual(sum(leaks.mapped("amount")), 300.0)

    def test_the_form_shows_the_periods_that_come(self):
        today = fields.Date.context_today(self.env.user)
        contract = self._draft(self._service(100, today + relativedelta(day=1)))
        shown = contract.line_ids.with_user(self.viewer).coming_html
        self.assertEqual(shown.count("<tr>"), 14)  # the head, this month, and twelve that come
        self.assertIn("Planned", shown)

    # --- who may what -------------------------------------------------------------------------------

    def test_what_is_refused_of_a_change(self):
        contract = self._contract(self._service(100, "2025-01-01"), self._service(5, "2025-01-01"))
        line = contract.line_ids[0]
        for kind, values in (
            ("index", {}),
            ("index", {"percent": -100}),
            ("price", {"price": -1}),
            ("pause", {"date_to": "2024-12-31"}),
        ):
            with self.assertRaises(ValidationError):
                self._change(line, kind, "2025-02-01", **values)
        change = self._change(line, "index", "2025-02-01", percent=3)
        with self.assertRaisesRegex(UserError, "kept"):
            change.percent = 30
        with self.assertRaises(AccessError):
            change.with_user(self.viewer).unlink()
        with self.assertRaises(AccessError):
            self.env["hub.recurring.change"].with_user(self.viewer).create(
                {"line_id": line.id, "kind": "price", "date_from": "2025-02-01", "reason": "x"}
            )
        draft = self._draft(self._fee(100, ("2025-01-01", "A", {})))
        with self.assertRaisesRegex(ValidationError, "no recurring service"):
            self._change(draft.line_ids, "index", "2025-02-01", percent=3)

    def test_periods_are_not_written_by_a_call(self):
        contract = self._draft(self._service(100, "2025-01-01"))
        rows = self.env["hub.instalment"].with_user(self.resolver)
        with self.assertRaisesRegex(UserError, "opened by the hub"):
            rows.create({"line_id": contract.line_ids.id, "name": "X", "date": "2025-05-01"})
        for values in ({"billed_to": "2024-12-31"}, {"notice_months": -1}):
            with self.assertRaises(ValidationError):
                contract.line_ids.write(values)

    def test_queries_do_not_grow_with_lines(self):
        """What is open already is looked at in one go; what is opened costs what Odoo's own lines cost."""
        few = self._contract(*[self._service(100, "2025-01-01", "2025-03-31") for _n in range(4)])
        many = self._contract(*[self._service(100, "2025-01-01", "2025-03-31") for _n in range(8)])

        def queries(work):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            work()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        opened = [
            queries(lambda c=c: c._hub_open_due(day("2025-03-31"))) for c in (few, many)
        ]  # 12 and 24 periods
        self.assertLess((opened[1] - opened[0]) / 12, 12)
        again = [queries(lambda c=c: c._hub_open_due(day("2025-03-31"))) for c in (few, many)]
        self.assertEqual(again[0], again[1])
        proposed = [queries(lambda c=c: self._run("2025-03-31", contract=c)) for c in (few, many)]
        self.assertLess(proposed[1] - proposed[0], 8)
