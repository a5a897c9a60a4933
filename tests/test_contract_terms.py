from datetime import date
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .business_common import JUNE, BusinessCase

JULY = date(2025, 7, 1), date(2025, 7, 31)


@tagged("post_install", "-at_install")
class TestContractTerms(BusinessCase):
    """Caps, rounding, purchase orders and discounts: figures worked out by hand."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()  # 150.00 an hour

    def _propose(self, **values):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(self.resolver)
            .create({"company_id": self.company.id, "date_to": JUNE[1], **values})
        )
        batch.action_propose()
        return self._fresh(batch)

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _decide(self, batch):
        batch.with_user(self.approver).action_approve()
        return self._fresh(batch)

    # --- cap --------------------------------------------------------------------------------------

    def test_over_the_cap_is_shown_and_not_billed(self):
        # 1,000.00 of 150.00: 4 h + 2 h = 900.00 fit, the 3 h of the 12th (450.00) do not, nor the 0.5 h behind
        self.contract.cap_amount = 1000
        self._book(self.contract, "3", day=date(2025, 6, 12))
        self._book(self.contract, "0.5", day=date(2025, 6, 13))
        self._book(self.contract, "4", day=date(2025, 6, 10))
        self._book(self.contract, "2", day=date(2025, 6, 11))
        batch = self._propose()
        line = batch.line_ids
        self.assertEqual((line.amount, line.hours, line.state), (900.0, 6.0, "proposed"))
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.count, finding.hours), ("over_cap", 2, 3.5))
        self.assertEqual(finding.amount, 525.0)
        self._decide(batch)
        self.assertEqual(self.contract.move_ids.amount_untaxed, 900.0)
        self.assertEqual((self.contract.cap_used, self.contract.cap_percent), (900.0, 90))
        # Approved = billed + over: 9.5 h, and the rest waits for a decision.
        nothing = self._propose().line_ids
        self.assertEqual((nothing.state, nothing.amount), ("left_out", 0.0))
        self.contract.cap_amount = 1350
        again = self._propose()
        self.assertEqual(
            (again.line_ids.amount, again.line_ids.finding_ids.code), (450.0, "over_cap")
        )

    def test_drafts_by_the_other_way_keep_the_cap_too(self):
        self.contract.cap_amount = 300
        self._book(self.contract, "2", "1")
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300.0)
        self.assertFalse(self._bill(self.contract), "nothing is left below the cap")
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 0)

    def test_draft_that_grows_over_the_cap_is_not_posted(self):
        self.contract.cap_amount = 300
        entry = self._book(self.contract, "2")
        draft = self._bill(self.contract)
        self._change(entry, hours=3)
        with self.assertRaisesRegex(UserError, "150.00 USD more than the cap"):
            self._approve(draft)
        self.contract.cap_amount = 450
        self._approve(draft)

    def test_two_open_runs_do_not_fill_a_cap_twice(self):
        self.contract.cap_amount = 300
        self._book(self.contract, "2")
        first = self._propose()
        self._book(self.contract, "1", day=date(2025, 6, 11))
        second = self._propose()
        line = second.line_ids
        self.assertEqual((line.state, line.amount), ("left_out", 0.0))
        self.assertEqual(set(line.finding_ids.mapped("code")), {"other_run", "over_cap"})
        self._decide(first)
        self.assertEqual(sum(self.contract.move_ids.mapped("amount_untaxed")), 300.0)

    def test_the_ledger_is_asked_once_for_the_checks_of_all_documents(self):
        drafts = self.env["account.move"]
        for contract in (self.contract, self._start_deal(), self._start_deal()):
            contract.cap_amount = 1000
            self._book(contract, "2")
            drafts += self._bill(contract)

        names = {"hub.billing": "_billed_by_line", "hub.contract": "_hub_cap_used"}
        for model, name in names.items():
            with patch.object(
                self.registry[model],
                name,
                autospec=True,
                side_effect=getattr(self.registry[model], name),
            ) as asked:
                drafts._hub_run_checks()
            self.assertEqual(asked.call_count, 1, name)

    def test_expenses_and_milestones_are_not_under_the_cap(self):
        contract = self._start_deal(
            [
                self._line(self.consulting, 10, "150.00"),
                self._line(self.milestone_service, 1, "5000.00"),
            ]
        )
        contract.cap_amount = 150
        contract.project_id.milestone_ids.is_reached = True
        contract.project_id.milestone_ids.reached_date = JUNE[0]
        self._book(contract, "1", "1")
        self.assertEqual(self._propose().line_ids.amount, 5150.0)

    def test_notices_at_80_and_100_percent(self):
        contracts = self.env["hub.contract"]
        self.contract.cap_amount = 1500
        self.contract.lead_id.user_id = self.resolver
        told = []
        for hours in ("7.9", "0.1", "1.9", "0.1", "5"):  # 79, 80, 99, 100, 150 %
            self._book(self.contract, hours)
            contracts._hub_tell_limits()
            told.append(self.contract.cap_told)
        self.assertEqual(told, [0, 80, 80, 100, 100])
        self.assertEqual(len(self.contract.activity_ids), 2)
        self.assertEqual(self.contract.activity_ids.user_id, self.resolver)

    def test_raised_cap_is_told_anew(self):
        contracts = self.env["hub.contract"]
        self.contract.cap_amount = 1500
        self._book(self.contract, "10")  # 100 %
        self.assertEqual((contracts._hub_tell_limits(), self.contract.cap_told), (1, 100))
        self.contract.write({"cap_amount": 1500, "name": "The same cap"})
        self.assertEqual(contracts._hub_tell_limits(), 0)
        self.contract.cap_amount = 3000
        self.assertEqual(contracts._hub_tell_limits(), 0)  # 50 %
        self._book(self.contract, "6")
        self.assertEqual((contracts._hub_tell_limits(), self.contract.cap_told), (1, 80))

    # --- rounding ---------------------------------------------------------------------------------

    def test_rounding_levels_on_the_invoice(self):
        # 3 x 20 min on one day
        for level, minutes, direction, hours in (
            ("none", 15, "up", 1.0),
            ("entry", 30, "up", 1.5),
            ("entry", 15, "nearest", 0.75),
            ("day", 15, "up", 1.0),
            ("day", 45, "up", 1.5),
            ("invoice", 120, "up", 2.0),
        ):
            contract = self._start_deal()
            contract.write(
                {"round_level": level, "round_minutes": minutes, "round_direction": direction}
            )
            entries = self._book(contract, "0.333333", "0.333333", "0.333334")
            invoice = self._bill(contract)
            self.assertEqual(invoice.invoice_line_ids.quantity, hours, level)
            self.assertEqual(invoice.amount_untaxed, hours * 150, level)
            self.assertAlmostEqual(sum(entries.mapped("unit_amount")), 1.0, 5)  # worked is kept
            self.assertAlmostEqual(sum(invoice.hub_billing_ids.mapped("quantity")), hours, 6)
            self._approve(invoice)

    def test_each_invoice_line_is_rounded_by_itself(self):
        contract = self._start_deal(
            [
                self._line(self.consulting, 100, "150.00"),
                self._line(self.architecture, 100, "200.00"),
            ]
        )
        contract.write({"round_level": "invoice", "round_minutes": 60})
        tasks = contract.project_id.task_ids.grouped(lambda task: task.sale_line_id.product_id)
        self._book(contract, "0.25", "0.25", task=tasks[self.consulting][:1].id)
        self._book(contract, "0.75", "0.5", task=tasks[self.architecture][:1].id)
        draft = self._bill(contract)  # 30 and 75 min: 1 + 2 h, not the 2 h that the sum would be
        self.assertEqual(draft.invoice_line_ids.mapped("quantity"), [1.0, 2.0])
        self.assertEqual(draft.amount_untaxed, 550.0)

    def test_rounding_below_a_cap_is_billed_as_proposed(self):
        for level in ("day", "invoice"):
            with self.subTest(level):
                contract = self._start_deal()
                contract.write({"round_level": level, "round_minutes": 60, "cap_amount": 150})
                self._book(contract, "0.25", "0.25", "0.6")
                batch = self._propose(contract_domain=f"[('id', '=', {contract.id})]")
                line = batch.line_ids
                self.assertEqual((line.amount, line.finding_ids.code), (150.0, "over_cap"))
                self._decide(batch)
                self.assertEqual((line.failure, line.move_id.amount_untaxed), (False, 150.0))

    def test_rounding_beside_another_open_run_is_billed_as_proposed(self):
        for level in ("day", "invoice"):
            with self.subTest(level):
                contract = self._start_deal()
                contract.write({"round_level": level, "round_minutes": 60, "cap_amount": 300})
                mine = {"contract_domain": f"[('id', '=', {contract.id})]"}
                self._book(contract, "0.25")
                self.assertEqual(self._propose(**mine).line_ids.amount, 150.0)
                self._book(contract, "0.25")
                second = self._propose(**mine)
                line = second.line_ids
                self.assertEqual((line.amount, line.finding_ids.code), (150.0, "other_run"))
                self._decide(second)
                self.assertEqual((line.failure, line.move_id.amount_untaxed), (False, 150.0))

    def test_late_entry_of_a_rounded_day_fills_it(self):
        self.contract.write({"round_level": "day", "round_minutes": 30})
        self._book(self.contract, "0.333333")
        self._approve(self._bill(self.contract))  # 0.5 h
        self._book(self.contract, "0.5")  # 50 min that day: 1.0 h, 0.5 of it billed
        self.assertEqual(self._bill(self.contract).invoice_line_ids.quantity, 0.5)

    def test_changed_entry_on_a_rounded_draft(self):
        self.contract.write({"round_level": "day", "round_minutes": 60})
        changed, _other = self._book(self.contract, "0.5", "0.75")
        draft = self._bill(self.contract)
        self.assertEqual(draft.invoice_line_ids.quantity, 2.0)
        self._change(changed, hours="0.25")
        self.assertEqual(draft.invoice_line_ids.quantity, 1.0)
        self._approve(draft)

    def test_currencies_by_their_own_cents(self):
        # 100 min at the price of an hour, rounded to 6 minutes up: 1.7 h
        for name, price, amount in (
            ("USD", "150.55", 255.94),  # 255.935
            ("EUR", "99.99", 169.98),  # 169.983
            ("JPY", "15001", 25502),  # 25,501.7
            ("KWD", "45.555", 77.444),  # 77.4435
        ):
            currency = self.env.ref(f"base.{name}")
            currency.active = True
            if name != "USD":
                self.env["res.currency.rate"].create(
                    {
                        "currency_id": currency.id,
                        "company_id": self.company.id,
                        "name": "2025-05-30",
                        "rate": 2.0,
                    }
                )
            contract = self._start_deal([self._line(self.consulting, 1000, price)], currency=name)
            contract.write({"round_level": "entry", "round_minutes": 6})
            self._book(contract, "1.666667")
            batch = self._propose(contract_domain=f"[('id', '=', {contract.id})]")
            self.assertAlmostEqual(batch.line_ids.amount, amount, 4, name)
            self._decide(batch)
            self.assertFalse(batch.line_ids.failure)
            move = contract.move_ids
            self.assertEqual((move.state, move.currency_id), ("posted", currency))
            self.assertAlmostEqual(move.amount_untaxed, amount, 4, name)
            self.assertAlmostEqual(sum(move.hub_billing_ids.mapped("amount")), amount, 4)

    # --- purchase orders --------------------------------------------------------------------------

    def test_purchase_order_is_drawn_down_and_the_next_one_releases(self):
        orders = self.env["hub.purchase.order"]
        first = orders.create({"contract_id": self.contract.id, "number": "PO-1", "amount": 1000})
        self._book(self.contract, "6")  # 900.00
        self._decide(self._propose())
        move = self.contract.move_ids
        self.assertEqual((move.hub_purchase_order_id, move.ref), (first, "PO-1"))
        self.assertEqual((first.used, first.left, first.used_percent), (900.0, 100.0, 90))
        self._book(self.contract, "1")  # 150.00 do not fit
        batch = self._propose()
        line = batch.line_ids
        self.assertEqual((line.state, line.blocked), ("left_out", True))
        self.assertEqual(line.finding_ids.mapped("code"), ["po_used_up"])
        second = orders.create({"contract_id": self.contract.id, "number": "PO-2", "amount": 5000})
        batch.with_user(self.resolver).action_propose()
        self._decide(self._fresh(batch))
        self.assertEqual(batch.line_ids.move_id.hub_purchase_order_id, second)
        self.assertEqual((first.left, second.left), (100.0, 4850.0))

    def test_purchase_order_out_of_date_blocks_the_invoice(self):
        self.env["hub.purchase.order"].create(
            {"contract_id": self.contract.id, "number": "PO-1", "date_to": JUNE[1]}
        )
        self._book(self.contract, "1")
        draft = self._bill(self.contract)
        with self.assertRaisesRegex(UserError, "No purchase order"):
            self._approve(draft)
        self.assertFalse(draft.hub_purchase_order_id)

    def test_purchase_order_notices_and_use(self):
        order = self.env["hub.purchase.order"].create(
            {"contract_id": self.contract.id, "number": "PO-1", "amount": 300}
        )
        orders = self.env["hub.purchase.order"]
        self._invoice(self.contract, "1.6")  # 240.00 = 80 %
        self.assertEqual((orders._tell(), orders._tell(), order.told), (1, 0, 80))
        with self.assertRaises(UserError):
            order.number = "PO-9"
        with self.assertRaises(UserError):
            order.unlink()
        with self.assertRaises(ValidationError):
            order.write({"date_from": JUNE[1], "date_to": JUNE[0]})
        with self.assertRaises(AccessError):
            order.with_user(self.viewer).write({"amount": 1.0})

    def test_credit_note_gives_its_amount_back_to_the_purchase_order(self):
        for name, price, amounts in (
            ("USD", "150.10", (900.6, 750.51)),
            ("EUR", "99.99", (599.94, 449.85)),
            ("KWD", "45.555", (273.33, 123.24)),
        ):
            with self.subTest(name):
                drawn, left_drawn = amounts
                currency = self.env.ref(f"base.{name}")
                currency.active = True
                if name != "USD":
                    self.env["res.currency.rate"].create(
                        {
                            "currency_id": currency.id,
                            "company_id": self.company.id,
                            "name": "2025-05-30",
                            "rate": 2.0,
                        }
                    )
                contract = self._start_deal(
                    [self._line(self.consulting, 1000, price)], currency=name
                )
                order = self.env["hub.purchase.order"].create(
                    {"contract_id": contract.id, "number": "PO-1", "amount": 1000}
                )
                invoice = self._invoice(contract, "6")
                self.assertEqual(order.used, drawn)
                note = invoice._reverse_moves([{"hub_credit_kind": "price"}])
                note.invoice_line_ids.write({"quantity": 1, "price_unit": 150.09})
                note._hub_run_checks()
                self._fresh(note)
                self.assertEqual(order.used, drawn, "a draft gives nothing back")
                self._approve(note)
                self.assertEqual((note.hub_purchase_order_id, order.used), (order, left_drawn))
                self.assertEqual(order.left, round(1000 - left_drawn, 2))
                note.button_draft()
                self._fresh(note)
                self.assertEqual(order.used, drawn)
                self._approve(note)
                self.assertEqual(order.used, left_drawn)
                note.button_draft()
                note.button_cancel()
                self._fresh(note)
                self.assertEqual(order.used, drawn)
                self._approve(invoice._reverse_moves([{"hub_credit_kind": "hours"}]))
                self.assertEqual((order.used, order.left), (0.0, 1000.0))

    def test_what_a_credit_note_gave_back_is_drawn_again(self):
        order = self.env["hub.purchase.order"].create(
            {"contract_id": self.contract.id, "number": "PO-1", "amount": 900}
        )
        invoice = self._invoice(self.contract, "6")  # 900.00: all of it
        self._approve(invoice._reverse_moves([{"hub_credit_kind": "hours"}]))
        again = self._decide(self._propose()).line_ids.move_id
        self.assertEqual((again.hub_purchase_order_id, again.state), (order, "posted"))
        self.assertEqual(order.left, 0.0)

    def test_purchase_order_of_another_contract_is_refused(self):
        other = self._start_deal()
        order = self.env["hub.purchase.order"].create(
            {"contract_id": other.id, "number": "PO-1", "amount": 900}
        )
        self._book(self.contract, "1")
        with self.assertRaises(ValidationError):
            self._bill(self.contract).hub_purchase_order_id = order

    def test_raised_purchase_order_is_told_anew(self):
        orders = self.env["hub.purchase.order"]
        order = orders.create({"contract_id": self.contract.id, "number": "PO-1", "amount": 300})
        self._invoice(self.contract, "2")  # 100 %
        self.assertEqual((orders._tell(), order.told), (1, 100))
        order.amount = 600
        self.assertEqual(orders._tell(), 0)  # 50 %
        self._invoice(self.contract, "1.2")
        self.assertEqual((orders._tell(), orders._tell(), order.told), (1, 0, 80))

    # --- discounts --------------------------------------------------------------------------------

    def test_discount_is_part_of_what_was_signed(self):
        contract = self.env["hub.contract"].create(
            {
                "name": "Discounted",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "line_ids": [
                    Command.create(
                        {
                            "name": "Consulting",
                            "kind": "time_material",
                            "product_id": self.consulting.id,
                            "quantity": 10,
                            "unit_price": 150,
                            "discount": 10,
                        }
                    )
                ],
            }
        )
        self.assertEqual(contract.amount_total, 1350.0)
        contract._hub_start({contract.id: self.template})
        self.assertEqual(contract.sale_order_id.amount_untaxed, 1350.0)
        self._book(contract, "2")
        batch = self._propose()
        self.assertEqual((batch.line_ids.amount, batch.line_ids.state), (270.0, "proposed"))
        self._decide(batch)
        self.assertEqual(contract.move_ids.amount_untaxed, 270.0)
        with self.assertRaises(UserError):
            contract.line_ids.with_user(self.resolver).discount = 50

    def test_terms_that_make_no_sense_are_refused(self):
        for values in ({"cap_amount": -1}, {"round_minutes": 0}, {"invoice_minimum": -1}):
            with self.assertRaises(ValidationError):
                self.contract.write(values)

    # --- cost -------------------------------------------------------------------------------------

    def test_queries_of_terms_do_not_grow_with_entries(self):
        self.contract.write({"cap_amount": 1_000_000, "round_level": "day"})

        def cost(count, day):
            self._book(self.contract, *["0.5"] * count, day=day)
            self._fresh(self.contract)
            before = self.env.cr.sql_log_count
            self._propose(date_from=day, date_to=day)
            return self.env.cr.sql_log_count - before

        cost(2, date(2025, 6, 2))
        few, many = cost(30, date(2025, 6, 3)), cost(60, date(2025, 6, 4))
        self.assertLessEqual(many - few, 3)
