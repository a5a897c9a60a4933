from contextlib import contextmanager
from datetime import date

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .business_common import JUNE, BusinessCase

JAN, MID, RAISE = date(2025, 1, 1), date(2025, 6, 14), date(2025, 6, 15)


@tagged("post_install", "-at_install")
class TestRateCards(BusinessCase):
    """Time costs what the card says on the day of the work; figures worked out by hand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro = cls.setup_other_currency("EUR", rates=[("1900-01-01", 0.5)]).with_env(cls.env)
        cls.yen = cls.env.ref("base.JPY")
        cls.yen.active = True
        # Cora is a consultant: 150.00 an hour, from the 15th on 165.00. Arno costs 1,200.00 a day.
        cls.card = cls._card(
            {"role_id": cls.role.id, "price": 150, "date_to": MID},
            {"role_id": cls.role.id, "price": 165, "date_from": RAISE},
            {"employee_id": cls.architect.id, "price": 1200, "unit": "day"},
        )
        cls.before, cls.after, cls.daily = cls.card.line_ids.sorted("id")

    @classmethod
    def _card(cls, *lines, **values):
        return cls.env["hub.rate.card"].create(
            {
                "name": "Acme 2025",
                "company_id": cls.company.id,
                "currency_id": cls.euro.id,
                "partner_id": cls.customer.id,
                "line_ids": [Command.create({"date_from": JAN, **line}) for line in lines],
                **values,
            }
        )

    def _contract(self, card=None, discount=0, **values):
        card = card or self.card
        contract = self.env["hub.contract"].create(
            {
                "name": "By the card",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "currency_id": card.currency_id.id,
                "rate_card_id": card.id,
                "line_ids": [
                    Command.create(
                        {
                            "name": "Consulting",
                            "kind": "time_material",
                            "product_id": self.consulting.id,
                            "quantity": 100,
                            "unit_price": 100,
                            "discount": discount,
                        }
                    )
                ],
                **values,
            }
        )
        contract._hub_start({contract.id: self.template})
        return contract

    def _run(self, contract, **values):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(self.resolver)
            .create(
                {
                    "company_id": self.company.id,
                    "date_to": JUNE[1],
                    "contract_domain": f"[('id', '=', {contract.id})]",
                    **values,
                }
            )
        )
        batch.action_propose()
        return self._fresh(batch)

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _by_hand(self, contract, hours=2.0, day=date(2025, 6, 10), **values):
        """What the consultant types, who sees neither prices nor orders."""
        entries = self.env["account.analytic.line"].with_user(self.consultant_user)
        entry = entries.create(
            {
                "name": "typed",
                "project_id": contract.project_id.id,
                "task_id": contract.project_id.task_ids.filtered("sale_line_id")[:1].id,
                "employee_id": self.consultant.id,
                "date": day,
                "unit_amount": hours,
                **values,
            }
        )
        return self._fresh(entry)

    def _lines(self, moves):
        return sorted(
            (line.quantity, line.price_unit, line.price_subtotal) for line in moves.invoice_line_ids
        )

    @contextmanager
    def _refused(self, error, words):
        """What is refused leaves nothing behind, as the request it would be in."""
        with self.assertRaisesRegex(error, words), self.env.cr.savepoint():
            yield
        self.env.invalidate_all()

    # --- figures ----------------------------------------------------------------------------------

    def test_a_raise_in_the_middle_of_a_month_is_two_lines(self):
        # EUR: 2 h at 150.00 and 20 min + 2 h 40 min at 165.00: 300.00 + 495.00
        contract = self._contract()
        self._book(contract, "2", day=MID)
        self._book(contract, "0.333333333", "2.666666667", day=RAISE)
        line = self._run(contract).line_ids
        self.assertEqual((line.amount, line.hours, line.state), (795.0, 5.0, "proposed"))
        said = line.source_ids.sorted("date").mapped("rate_source")
        self.assertIn("Acme 2025: Consultant", said[0])
        self.assertIn("150.00", said[0])
        self.assertIn("165.00", said[-1])
        line.batch_id.with_user(self.approver).action_approve()
        self._fresh(line)
        self.assertEqual(self._lines(contract.move_ids), [(2.0, 150.0, 300.0), (3.0, 165.0, 495.0)])
        rows = contract.billing_ids.sorted("id")
        self.assertEqual(sum(rows.mapped("amount")), 795.0)
        self.assertEqual(set(rows.mapped("rate_source")), set(said))
        # Odoo's own margin: 795.00 EUR are 1,590.00 USD, 5 h of Cora cost 300.00
        items = contract.project_id._get_profitability_items(with_action=False)
        revenues = items["revenues"]["total"]
        self.assertEqual(revenues["invoiced"] + revenues["to_invoice"], 1590.0)
        self.assertEqual(sum(contract.project_id.timesheet_ids.mapped("amount")), -300.0)

    def test_day_rate_discount_and_cap(self):
        # 1,200.00 a day less 10 %: 4 h are half a day, 540.00. 165.00 less 10 %: 148.50 an hour.
        contract = self._contract(discount=10, cap_amount=900)
        entry = self._book(contract, "4", employee=self.architect.id)
        self.assertEqual(entry.so_line.hub_hour_price, 135.0)
        self._book(contract, "2", day=RAISE)
        self._book(contract, "1", day=date(2025, 6, 16))
        # 540.00 + 297.00 fit under 900.00, the 148.50 behind them do not
        line = self._run(contract).line_ids
        self.assertEqual(line.amount, 837.0)
        self.assertEqual((line.finding_ids.code, line.finding_ids.amount), ("over_cap", 148.5))
        line.batch_id.with_user(self.approver).action_approve()
        self._fresh(line)
        self.assertEqual(
            self._lines(contract.move_ids), [(0.5, 1200.0, 540.0), (2.0, 165.0, 297.0)]
        )

    def test_yen_are_whole(self):
        # 12,345 an hour: 40 min are 8,230, 10 min 2,057.5, so 50 min 10,287.5: 10,288 as Odoo rounds
        card = self._card({"price": 12346}, currency_id=self.yen.id)
        contract = self._contract(card)
        self._book(contract, "0.666666667", "0.166666667", "0.5")
        # 1 h 20 min of 12,346: 16,461.33
        line = self._run(contract).line_ids
        self.assertEqual(line.amount, 16461.0)
        self.assertEqual(sum(line.source_ids.mapped("amount")), 16461.0)

    def test_work_of_a_time_tracker_and_work_typed_in_cost_the_same(self):
        contract = self._contract()
        tracked = self._book(contract, "1", day=RAISE)
        typed = self._by_hand(contract, 1.0, RAISE)
        self.assertEqual(typed.so_line, tracked.so_line)
        self.assertEqual(
            (typed.so_line.price_unit, typed.so_line.hub_rate_line_id), (165, self.after)
        )
        # another day, another price; the day is what is billed
        typed.date = MID
        self._fresh(typed)
        self.assertEqual(
            (typed.so_line.price_unit, typed.so_line.hub_rate_line_id), (150, self.before)
        )
        item = self._change(tracked, date=MID)
        self.assertFalse(item.problem)
        self.assertEqual(tracked.so_line, typed.so_line)

    def test_a_tracker_is_told_no_price_that_depends_on_who_works(self):
        project = self._contract().project_id
        handler = self._handler("project")
        told = handler._hub_compose(project.with_env(handler.env), self.system)[project.id]
        self.assertIsNone(told["hourly_rate"])
        self.assertEqual({task["hourly_rate"] for task in told["tasks"]}, {None})

    # --- no rate ----------------------------------------------------------------------------------

    def test_no_rate_is_asked_about_with_who_what_and_when(self):
        contract = self._contract()
        self.after.unlink()
        item = self._apply(self._item("time_entry", self._time(contract, "3", day=RAISE)))
        self.assertEqual(item.problem.code, "no_rate")
        sentences = self.env["hub.sentence"]
        said = sentences._sentence("no_rate", item.problem.params)
        advice = sentences._advice("no_rate", item.problem.params)
        for words in (
            "Cora Consultant",
            "2025-06-15",
            "Consultant",
            "Acme 2025",
            "2025-06-14",
            "150.00",
        ):
            self.assertIn(words, said)
        self.assertIn("Extend the rate", advice)
        self.assertEqual(item.at_risk.amount, 300)  # as the order line says, where no rate does
        self.before.date_to = False
        again = self._apply(self._item("time_entry", self._time(contract, "3", day=RAISE)))
        self.assertFalse(again.problem)

    def test_two_roles_are_asked_about_until_one_is_planned(self):
        self.env["hub.rate.line"].create(
            {
                "card_id": self.card.id,
                "role_id": self.open_role.id,
                "price": 190,
                "date_from": JAN,
            }
        )
        self.open_role.hub_employee_ids = self.consultant
        contract = self._contract()
        values = self._time(contract, "1")
        item = self._apply(self._item("time_entry", values))
        self.assertEqual((item.problem.code, item.problem.params["several"]), ("no_rate", True))
        typed = self._by_hand(contract, 1.0)
        self.assertFalse(typed.so_line.hub_rate_line_id)
        self.env["hub.assignment"].create(
            {
                "project_id": contract.project_id.id,
                "company_id": self.company.id,
                "employee_id": self.consultant.id,
                "role_id": self.open_role.id,
                "hours": 40,
                "date_start": JUNE[0],
                "date_end": JUNE[1],
            }
        )
        self._fresh(typed)
        self.assertEqual(typed.so_line.price_unit, 190.0)
        again = self._apply(self._item("time_entry", values))
        self.assertFalse(again.problem)

    def test_a_role_that_is_taken_away_lets_waiting_time_look_again(self):
        self.env["hub.rate.line"].create(
            {"card_id": self.card.id, "role_id": self.open_role.id, "price": 190, "date_from": JAN}
        )
        self.open_role.hub_employee_ids = self.consultant
        typed = self._by_hand(self._contract(), 1.0)
        self.assertFalse(typed.so_line.hub_rate_line_id, "two roles")
        self.open_role.hub_employee_ids = False
        self._fresh(typed)
        self.assertTrue(typed.so_line.hub_rate_line_id)

    def test_time_without_a_rate_waits_and_is_named(self):
        contract = self._contract()
        self.after.unlink()
        self._by_hand(contract, 2.0, MID)
        entry = self._by_hand(contract, 3.0, RAISE)
        line = self._run(contract).line_ids
        self.assertEqual((line.amount, line.hours), (300.0, 2.0))
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.count, finding.hours), ("no_rate", 1, 3.0))
        self.assertIn("Cora Consultant", finding.sentence)
        self.assertIn("Acme 2025", finding.sentence)
        line.batch_id.action_discard()
        self.env["hub.rate.line"].create(
            {
                "card_id": self.card.id,
                "employee_id": self.consultant.id,
                "price": 180,
                "date_from": RAISE,
            }
        )
        self._fresh(entry)
        line = self._run(contract).line_ids
        self.assertEqual((line.amount, line.finding_ids.mapped("code")), (840.0, []))

    def test_time_without_a_rate_from_before_the_period_is_named(self):
        contract = self._contract()
        self.after.unlink()
        self._by_hand(contract, 3.0, RAISE)
        self._book(contract, "4", employee=self.architect.id, day=date(2025, 6, 25))
        line = self._run(contract, date_from=date(2025, 6, 20)).line_ids
        self.assertEqual(line.amount, 600.0)  # half a day of 1,200.00
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.count, finding.hours), ("no_rate", 1, 3.0))

    def test_an_order_line_that_somebody_chose_says_the_price(self):
        # 10 h are billed at 100.00 before there is a card; 2 h more of them cost 200.00
        contract = self._contract(rate_card_id=False)
        billed = self._book(contract, "10", day=MID)
        self.assertEqual(self._approve(self._bill(contract)).amount_untaxed, 1000.0)
        contract.rate_card_id = self.card
        self._fresh(contract)
        billed._hub_correct(7200, MID, billable=True, why="12 h, says the tracker")
        # 3 h that somebody put on the order line: 300.00; 1 h that nobody did has no rate
        base = contract.sale_order_id.order_line
        self.after.unlink()
        values = {"project_id": contract.project_id.id, "employee_id": self.consultant.id}
        chosen = {"so_line": base.id, "is_so_line_edited": True, "unit_amount": 3, "name": "chosen"}
        self.env["account.analytic.line"].create({**values, **chosen, "date": RAISE})
        self._by_hand(contract, 1.0, RAISE)
        line = self._run(contract).line_ids
        self.assertEqual((line.amount, line.hours, line.blocked), (500.0, 5.0, False))
        finding = line.finding_ids.filtered(lambda one: one.severity == "waiting")
        self.assertEqual((finding.code, finding.count, finding.hours), ("no_rate", 1, 1.0))

    def test_a_retainer_in_money_does_not_count_time_that_waits_for_a_rate(self):
        terms = {
            "basis": "amount",
            "allowance": 1000,
            "fee": 1000,
            "product_id": self.milestone_service.id,
            "date_from": JUNE[0],
            "date_to": date(2025, 7, 31),
            "overage_allowed": True,
        }
        contract = self._contract()
        self.after.unlink()
        retainer = self.env["hub.retainer"].create({"contract_id": contract.id, **terms})
        self._book(contract, "2", day=MID)  # 300.00
        entry = self._by_hand(contract, 3.0, RAISE)
        retainer._refresh(date(2025, 7, 31))
        june, july = retainer.period_ids
        june.action_close()
        self._fresh(retainer)
        self.assertEqual((june.used, july.used, entry.sudo().hub_billing_id.state), (300, 0, False))
        person = {"employee_id": self.consultant.id, "price": 180, "date_from": RAISE}
        self.env["hub.rate.line"].create({"card_id": self.card.id, **person})
        retainer._refresh(date(2025, 7, 31))
        self.assertEqual((june.used, july.used), (300, 540), "it is late by now")
        # What was billed before there was a card stays in the statement: 1,200.00, 200.00 beyond it.
        for hours in (None, 13):
            contract = self._contract(rate_card_id=False)
            retainer = self.env["hub.retainer"].create({"contract_id": contract.id, **terms})
            entry = self._book(contract, "12", day=MID)
            retainer._refresh(JUNE[1])
            invoice = self._bill(contract)
            self.assertEqual(invoice.amount_untaxed, 1200.0)
            contract.rate_card_id = self.card
            self._fresh(contract)
            if not hours:
                retainer._refresh(JUNE[1])
                self.assertEqual((retainer.period_ids.used, retainer.period_ids.over), (1000, 200))
                continue
            # Changed on the draft it leaves it, and 13 h at 150.00 are 950.00 beyond
            self.assertFalse(self._change(entry, hours=hours).problem)
            self._fresh(invoice)
            self.assertEqual((invoice.amount_untaxed, entry.so_line.price_unit), (1000.0, 150.0))
            self.assertEqual(self._run(contract).line_ids.amount, 950.0)

    # --- changes ----------------------------------------------------------------------------------

    def test_who_is_archived_keeps_the_role(self):
        contract = self._contract()
        self._book(contract, "2", day=MID)
        invoice = self._approve(self._bill(contract))
        open_ = self._book(contract, "1", day=MID)
        self.consultant.active = False
        self._fresh(contract)
        rate = self.before.with_user(self.accountant)
        with self._refused(UserError, rf"1 entries \(2.00 h.*{invoice.name}"):
            rate.price = 155
        rate.write({"price": 155, "keep_billed": True})
        self._fresh(rate)
        self.assertEqual(open_.so_line.price_unit, 155.0)

    def test_work_on_a_draft_keeps_its_price_while_it_is_there(self):
        contract = self._contract()
        entry, other = self._book(contract, "2", "1", day=MID)
        invoice = self._bill(contract)
        self.before.write({"price": 155, "keep_billed": True})
        self._fresh(invoice)
        self.assertFalse(self._change(entry, hours=3).problem)
        self._fresh(invoice)
        self.assertEqual(self._lines(invoice), [(4.0, 150.0, 600.0)])
        # off the draft it costs what the card says now; so does work of another day
        other.hub_approval = "rejected"
        self._fresh(invoice)
        self.assertEqual(self._lines(invoice), [(3.0, 150.0, 450.0)])
        self.assertEqual(other.so_line.price_unit, 155.0)
        self.assertFalse(self._change(entry, date=date(2025, 6, 13)).problem)
        self._fresh(entry)
        self.assertEqual((entry.so_line.price_unit, entry.hub_billing_id.id), (155.0, False))
        self.assertEqual(self._run(contract).line_ids.amount, 465.0)

    def test_taxes_of_the_order_line_are_those_of_its_rates(self):
        contract = self._contract()
        line = self._book(contract, "1", day=MID).so_line
        line.hub_rated_from_id.tax_ids = False
        self.assertFalse(line.tax_ids)

    def test_what_is_billed_keeps_its_price_only_if_somebody_says_so(self):
        contract = self._contract()
        self._book(contract, "2", day=MID)
        invoice = self._approve(self._bill(contract))
        open_ = self._book(contract, "1", day=MID)
        rate = self.before.with_user(self.accountant)
        with self._refused(UserError, rf"1 entries \(2.00 h.*{invoice.name}"):
            rate.price = 155
        # a more specific rate would touch it as well
        with self._refused(UserError, "Keep Billed"):
            self.env["hub.rate.line"].with_user(self.accountant).create(
                {
                    "card_id": self.card.id,
                    "employee_id": self.consultant.id,
                    "price": 170,
                    "date_from": JUNE[0],
                }
            )
        rate.write({"price": 155, "keep_billed": True})
        self._fresh(rate)
        self.assertEqual(open_.so_line.price_unit, 155.0)
        self.assertEqual(invoice.amount_untaxed, 300.0)
        self.assertEqual(contract.billing_ids.entry_id.so_line.price_unit, 150.0)
        self.assertIn(invoice.name, self.card.message_ids[0].body)
        # what ends behind the billed work, or begins after it, touches nothing
        rate.date_to = date(2025, 6, 14)
        self.assertEqual(self._run(contract).line_ids.amount, 155.0)

    def test_credited_hours_cost_what_the_card_says_now(self):
        contract = self._contract()
        entry = self._book(contract, "2", day=MID)
        invoice = self._approve(self._bill(contract))
        self.before.write({"price": 155, "keep_billed": True})
        note = invoice._reverse_moves([{"hub_credit_kind": "hours"}])
        note.hub_credited_entry_ids = entry
        self._approve(note)
        self.assertEqual(self._run(contract).line_ids.amount, 310.0)

    def test_a_price_that_is_typed_into_the_order_is_found(self):
        contract = self._contract()
        entry = self._book(contract, "2", day=MID)
        entry.so_line.price_unit = 140
        line = self._run(contract).line_ids
        self.assertEqual((line.finding_ids.code, line.blocked), ("rate", True))

    def test_a_card_for_a_contract_that_runs(self):
        contract = self._contract(rate_card_id=False)
        billed = self._book(contract, "1", day=MID)
        self._approve(self._bill(contract))
        open_ = self._book(contract, "1", day=MID)
        self.assertEqual(open_.so_line.price_unit, 100.0)
        contract.rate_card_id = self.card
        self._fresh(contract)
        self.assertEqual((open_.so_line.price_unit, billed.so_line.price_unit), (150.0, 100.0))
        contract.rate_card_id = False
        self._fresh(contract)
        self.assertEqual(open_.so_line.price_unit, 100.0)

    def test_a_contract_takes_the_card_of_its_agreement(self):
        agreement = self.env["hub.agreement"].create(
            {"name": "Frame", "partner_id": self.customer.id, "company_id": self.company.id}
        )
        self.card.agreement_id = agreement
        yen = self._card({"price": 20000}, currency_id=self.yen.id, agreement_id=agreement.id)
        values = {
            "name": "SOW",
            "partner_id": self.customer.id,
            "company_id": self.company.id,
            "agreement_id": agreement.id,
        }
        contracts = self.env["hub.contract"].create(
            [
                {**values, "currency_id": currency.id}
                for currency in (self.euro, self.yen, self.company.currency_id)
            ]
        )
        self.assertEqual([c.rate_card_id for c in contracts], [self.card, yen, self.card.browse()])

    # --- refused ----------------------------------------------------------------------------------

    def test_what_a_card_refuses(self):
        lines = self.env["hub.rate.line"]
        other = self._make_customer("Other Ltd")
        for values, words in (
            ({"role_id": self.role.id, "price": 1, "date_from": MID}, "overlap"),
            ({"price": 0, "date_from": JAN}, "more than nothing"),
            ({"price": 1, "date_from": MID, "date_to": JAN}, "ends after it begins"),
        ):
            with self.subTest(words), self._refused(ValidationError, words):
                lines.create({"card_id": self.card.id, **values})
        contract = self._contract()
        for values in ({"currency_id": self.yen.id}, {"partner_id": other.id}):
            with self.subTest(**values), self._refused(ValidationError, "does not fit"):
                self.card.write(values)
        self._book(contract, "1", day=MID)
        with self._refused(UserError, "is kept"):
            self.before.unlink()

    def test_finance_keeps_the_card_and_nobody_forges_a_price(self):
        for user, may in ((self.viewer, False), (self.approver, False), (self.accountant, True)):
            card = self.card.with_user(user)
            self.assertTrue(card.line_ids[0].price)
            self.assertIs(card.has_access("write"), may)
        with self.assertRaises(AccessError):
            self.card.with_user(self.consultant_user).read(["name"])
        seller = self._make_user("seller", "sales_team.group_sale_manager")
        line = self._contract().sale_order_id.order_line
        for values in (
            {"hub_rate_price": 1},
            {"hub_rate_line_id": self.before.id},
            {"hub_rated_from_id": line.id},
            {"hub_rate_source": "agreed on the phone"},
        ):
            with self.subTest(**values), self.assertRaises(AccessError):
                line.with_user(seller).write(values)
