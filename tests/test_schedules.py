"""Fixed fees by schedule: figures worked out by hand, and what people may change of them."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools.date_utils import end_of

from .schedule_common import ScheduleCase, day


@tagged("post_install", "-at_install")
class TestSchedules(ScheduleCase):
    def _thirds(self, **values):
        """100,000.00 in three: the last takes the cent."""
        return self._fee(
            100000,
            ("2025-05-01", "On signature", {"percent": 33.333333}),
            ("2025-06-15", "Half way", {"percent": 33.333333, "date_from": "2025-05-01", "date_to": "2025-06-15"}),
            ("2025-07-31", "At the end", {"percent": 33.333334}),
            **values,
        )  # fmt: skip

    def test_instalments_are_billed_when_they_are_due_and_come_to_the_fee(self):
        contract = self._contract(self._thirds())
        self.assertEqual(
            self._rows(contract.line_ids),
            [("2025-05-01", 33333.33, "due"), ("2025-06-15", 33333.33, "due"), ("2025-07-31", 33333.34, "due")],
        )  # fmt: skip
        order = contract.sale_order_id
        self.assertEqual((order.amount_untaxed, len(order.order_line)), (100000.0, 3))
        self.assertEqual((contract.amount_total, contract.to_come_amount), (100000.0, 100000.0))
        line = self._run("2025-06-30", "2025-06-01")
        self.assertEqual((line.amount, line.source_count, line.state), (66666.66, 2, "proposed"))
        missed = line.finding_ids.filtered(lambda finding: finding.code == "missed")
        self.assertEqual((missed.count, missed.amount, missed.severity), (1, 33333.33, "warning"))
        self.assertIn("On signature", missed.sentence)
        move = self._post(line)
        self.assertEqual(move.amount_untaxed, 66666.66)
        self.assertEqual(
            [(one.name.split(": ", 1)[-1], one.price_subtotal) for one in move.invoice_line_ids],
            [("On signature", 33333.33), ("Half way (05/01/2025 to 06/15/2025)", 33333.33)],
        )
        half_way = move.invoice_line_ids[1]
        self.assertEqual(
            (half_way.hub_service_from, half_way.hub_service_to),
            (day("2025-05-01"), day("2025-06-15")),
        )
        self.assertEqual(contract.to_come_amount, 33333.34)
        line = self._run("2025-07-31", "2025-07-01")
        self.assertEqual((line.amount, line.finding_ids.mapped("code")), (33333.34, ["unusual"]))
        self._post(line)
        self.assertFalse(self._run("2025-12-31"))  # nothing twice
        self.assertAlmostEqual(sum(contract.move_ids.mapped("amount_untaxed")), 100000.0, 4)
        self.assertEqual(order.invoice_status, "invoiced")

    def test_a_revenue_run_counts_what_is_billed_of_a_fee_as_its_own(self):
        contract = self._contract(self._thirds())
        move = self._post(self._run("2025-06-30", "2025-06-01"))
        run = (
            self.env["hub.revenue.run"]
            .with_user(self.resolver)
            .create({"company_id": self.company.id, "date_to": end_of(move.date, "month")})
        )
        run.action_propose()
        run = self._fresh(run)
        self.assertEqual(run.line_ids.contract_line_id, contract.line_ids)
        self.assertEqual(
            [(line.billed, line.earned, line.position) for line in run.line_ids],
            [(66666.66, 66666.66, 0.0)],
        )
        self.assertNotIn("elsewhere", run.finding_ids.mapped("code"))

    def test_parts_by_the_smallest_coin_of_each_currency(self):
        # 12.5 % , an amount, and the rest
        for name, fee, fixed, parts in (
            ("EUR", 9999.99, 3000.01, (1250.00, 3000.01, 5749.98)),  # 12.5 % are 1,249.99875
            ("USD", 100.02, 50.00, (12.50, 50.00, 37.52)),  # 12.5025
            ("JPY", 1000001, 333333, (125000, 333333, 541668)),  # 125,000.125
            ("KWD", 1000.101, 333.333, (125.013, 333.333, 541.755)),  # 125.012625
        ):
            with self.subTest(name):
                contract = self._contract(
                    self._fee(
                        fee,
                        ("2025-06-01", "First", {"percent": 12.5}),
                        ("2025-06-02", "Second", {"fixed": fixed}),
                        ("2025-06-03", "Rest", {}),
                    ),
                    currency=name,
                )
                rows = [row.amount for row in contract.line_ids.instalment_ids]
                for amount, part in zip(rows, parts, strict=True):
                    self.assertAlmostEqual(amount, part, 4)
                line = self._run("2025-06-30", contract=contract)
                self.assertAlmostEqual(line.amount, fee, 4)
                move = self._post(line)
                self.assertAlmostEqual(move.amount_untaxed, fee, 4)
                billed = sorted(move.hub_billing_ids.mapped("amount"))
                for amount, part in zip(billed, sorted(parts), strict=True):
                    self.assertAlmostEqual(amount, part, 4)

    def test_a_fee_is_spread_over_its_periods(self):
        contract = self._draft(
            self._fee(
                1000, bill_when="arrears", interval="month", billed_from="2025-01-31", billed_to="2025-04-29"
            )
        )  # fmt: skip
        line = contract.line_ids.with_user(self.resolver)
        line.action_spread()
        self.assertEqual(
            [(str(r.date_from), str(r.date), r.amount) for r in line.instalment_ids],
            [
                ("2025-01-31", "2025-02-27", 333.33),
                ("2025-02-28", "2025-03-30", 333.33),
                ("2025-03-31", "2025-04-29", 333.34),
            ],
        )
        line.action_spread()
        self.assertEqual((len(line.instalment_ids), line.unplanned), (3, 0.0))

    def test_the_form_says_what_is_still_to_plan(self):
        contract = self._draft(self._fee(900, ("2025-05-01", "Begin", {"fixed": 300})))
        with Form(contract.line_ids.with_user(self.resolver)) as form:
            self.assertEqual(form.unplanned, 600.0)
            with form.instalment_ids.new() as row:
                row.date, row.name, row.percent = day("2025-06-01"), "Then", 50
            self.assertEqual(form.unplanned, 150.0)
            with form.instalment_ids.new() as row:
                row.date, row.name = day("2025-07-01"), "Rest"
            self.assertEqual(form.unplanned, 0.0)
        self.assertEqual(contract.line_ids.instalment_ids.mapped("amount"), [300.0, 450.0, 150.0])

    def test_nothing_starts_with_half_a_schedule(self):
        for line, sentence in (
            (self._fee(900), "has no instalments"),
            (self._fee(900, ("2025-05-01", "A", {"percent": 90})), r"come to \$.810.00, and its fee is \$.900.00"),
            (self._fee(900, ("2025-05-01", "A", {}), ("2025-06-01", "B", {})), "take"),
            (self._fee(900, ("2025-05-01", "A", {"fixed": 900}), ("2025-06-01", "B", {})), "comes to nothing"),
            (self._service(0, "2025-05-01"), "no price"),
            ({"kind": "recurring", "name": "Support", "unit_price": 5}, "from which day on"),
        ):  # fmt: skip
            contract = self._draft(line)
            with self.assertRaisesRegex(UserError, sentence):
                contract.with_user(self.resolver).action_activate()
            with self.assertRaisesRegex(UserError, sentence):
                contract.with_user(self.resolver).write({"state": "active"})
            self.assertEqual((contract.state, len(contract.sale_order_id.order_line)), ("draft", 0))
        contract = self._draft(self._thirds(), sale_order_id=False)
        with self.assertRaisesRegex(UserError, "its order and its project"):
            contract.action_activate()

    def test_what_cannot_be_billed_by_schedule(self):
        with self.assertRaisesRegex(ValidationError, "Based on Milestones"):
            self._draft(self._fee(900, product_id=self.consulting.id))
        included = self.tax.copy({"name": "Included", "price_include_override": "tax_included"})
        service = self._milestone_service(included)
        with self.assertRaisesRegex(ValidationError, "include their tax"):
            self._draft(self._service(100, "2025-05-01", product_id=service.id))
        for figures in (
            {"percent": -1},
            {"percent": 101},
            {"fixed": -1},
            {"date_from": "2025-05-01"},
        ):
            with self.assertRaises(ValidationError):
                self._draft(self._fee(900, ("2025-05-01", "A", figures)))

    def test_what_cannot_be_opened_stands_alone(self):
        service = self._milestone_service(self.tax)
        broken = self._contract(self._service(100, "2025-05-01", product_id=service.id))
        good = self._contract(self._service(100, "2025-05-01", "2025-05-31"))
        included = self.tax.copy({"name": "Included", "price_include_override": "tax_included"})
        service.taxes_id = included
        lines = self._run("2025-05-31")
        self.assertEqual(lines.contract_id, good)
        said = " ".join(lines.batch_id.message_ids.mapped("body"))
        self.assertIn("instalments or periods could not be opened", said)
        self.assertIn(broken.code, said)
        self.assertIn("its tax is included", broken.activity_ids.note)
        self.assertFalse(broken.line_ids.instalment_ids)
        run = self.env["hub.billing.run"].with_user(self.resolver)
        moves, failures = run._run(self.company, None, day("2025-05-31"))
        self.assertEqual([failure["contract"] for failure in failures], [broken.display_name])
        self.assertEqual(moves.amount_untaxed, 100.0)
        self._fresh(moves).with_env(self.env).unlink()
        service.taxes_id = self.tax
        self.assertEqual(self._run("2025-05-31").mapped("amount"), [100.0, 100.0])

    # --- afterwards ---------------------------------------------------------------------------------

    def test_credited_instalments_are_billed_again_only_if_somebody_says_so(self):
        contract = self._contract(self._thirds())
        move = self._post(self._run("2025-05-31"))
        self._credit(move, "goodwill")
        self.assertEqual(self._rows(contract.line_ids)[0][2], "credited")
        self.assertFalse(self._run("2025-05-31"))
        move = self._post(self._run("2025-06-30"))
        self._credit(move)
        self.assertEqual(self._rows(contract.line_ids)[1], ("2025-06-15", 33333.33, "due"))
        line = self._run("2025-06-30")
        self.assertEqual(line.amount, 33333.33)
        self._post(line)

    def test_a_draft_holds_its_instalment_until_it_is_deleted(self):
        contract = self._contract(self._thirds())
        draft = self._bill(contract, None, day("2025-05-31"))
        self.assertEqual(self._rows(contract.line_ids)[0], ("2025-05-01", 33333.33, "draft"))
        self.assertFalse(self._run("2025-05-31"))
        draft.unlink()
        self.assertEqual(self._run("2025-05-31").amount, 33333.33)

    def _agreed(self, contract, fee, rows, reason="Change order 2"):
        """A change order by a resolver: coming instalments as ``(day, label, amount)``."""
        line = contract.line_ids
        change = self.env["hub.schedule.change"].with_user(self.resolver)
        wizard = change.with_context(default_line_id=line.id).create({"reason": reason, "fee": fee})
        known = list(wizard.row_ids)
        for figures in rows:
            values = dict(zip(("date", "name", "amount"), figures, strict=True))
            if known:
                known.pop(0).write(values)
            else:
                wizard.row_ids = [Command.create(values)]
        wizard.row_ids = [Command.delete(row.id) for row in known]
        return wizard

    def test_a_change_order_changes_what_is_coming_and_nothing_else(self):
        contract = self._contract(self._thirds())
        move = self._post(self._run("2025-05-31"))
        wizard = self._agreed(
            contract, 120000,
            [("2025-07-01", "Half way", 40000), ("2025-08-01", "More", 40000), ("2025-09-01", "End", 6666.67)],
        )  # fmt: skip
        self.assertEqual((wizard.billed, wizard.unplanned), (33333.33, 0.0))
        wizard.action_confirm()
        self.assertEqual(
            self._rows(contract.line_ids),
            [
                ("2025-05-01", 33333.33, "billed"),
                ("2025-07-01", 40000.0, "due"),
                ("2025-08-01", 40000.0, "due"),
                ("2025-09-01", 6666.67, "due"),
            ],
        )
        order = contract.sale_order_id
        self.assertEqual((contract.amount_total, order.amount_untaxed), (120000.0, 120000.0))
        self.assertIn("Change order 2", contract.message_ids[0].body)
        self.assertEqual(move.amount_untaxed, 33333.33)
        self.assertFalse(self._run("2025-06-30"))  # the second is due on 1 July now
        self._post(self._run("2025-12-31"))
        self.assertAlmostEqual(sum(contract.move_ids.mapped("amount_untaxed")), 120000.0, 4)

    def test_a_change_order_may_take_away(self):
        contract = self._contract(self._thirds())
        self._post(self._run("2025-05-31"))
        self._agreed(contract, 50000, [("2025-07-01", "Rest", 16666.67)]).action_confirm()
        self.assertEqual(
            [row[1:] for row in self._rows(contract.line_ids)],
            [(33333.33, "billed"), (16666.67, "due"), (33333.34, "dropped")],
        )
        self.assertEqual(contract.sale_order_id.amount_untaxed, 50000.0)
        self.assertEqual(self._run("2025-12-31").amount, 16666.67)

    def test_a_change_order_comes_to_its_fee(self):
        contract = self._contract(self._thirds())
        self._post(self._run("2025-05-31"))
        for fee, rows, reason, sentence in (
            (
                100000,
                [("2025-07-01", "Rest", 1)],
                "CO",
                r"\$.33,333.33 are billed and \$.1.00 are planned",
            ),
            (33333.33, [("2025-07-01", "Rest", 0)], "CO", "comes to something"),
            (33334.33, [("2025-07-01", "Rest", 1)], " ", "Say what was agreed"),
        ):
            with self.assertRaisesRegex(UserError, sentence):
                self._agreed(contract, fee, rows, reason).action_confirm()
        with self.assertRaises(AccessError):
            self.env["hub.schedule.change"].with_user(self.viewer).create(
                {"line_id": contract.line_ids.id, "fee": 1, "reason": "CO"}
            )

    def test_the_rest_is_billed_when_the_contract_ends(self):
        contract = self._contract(
            self._fee(900, ("2025-05-01", "A", {"fixed": 300}), ("2036-01-01", "B", {}))
        )
        self._post(self._run("2025-05-31"))
        resolver = contract.with_user(self.resolver)
        action = resolver.action_close()
        self.assertEqual((action["res_model"], contract.state), ("hub.contract.close", "active"))
        with self.assertRaisesRegex(UserError, "Press Close"):
            resolver.write({"state": "closed"})
        wizard = self.env["hub.contract.close"].with_user(self.resolver)
        wizard = wizard.create({"contract_id": contract.id, "reason": "Finished early"})
        self.assertEqual((wizard.rest_count, wizard.rest_amount), (1, 600.0))
        wizard.action_confirm()
        line = self._run(self.env["hub.instalment"]._fields["date"].today())
        self.assertEqual((line.amount, contract.state), (600.0, "active"))
        self._post(line)
        resolver.action_close()
        self.assertEqual(contract.state, "closed")

    def test_the_rest_is_dropped_when_the_contract_ends(self):
        contract = self._contract(self._thirds(), self._service(100, "2025-05-01"))
        self._post(self._run("2025-05-31"))
        wizard = self.env["hub.contract.close"].with_user(self.resolver)
        wizard = wizard.create(
            {"contract_id": contract.id, "rest": "drop", "reason": "Project stopped"}
        )
        wizard.action_confirm()
        self._fresh(contract)
        self.assertEqual(contract.state, "closed")
        fee = contract.line_ids.filtered(lambda line: line.kind == "schedule")
        self.assertEqual([row[2] for row in self._rows(fee)], ["billed", "dropped", "dropped"])
        self.assertEqual(fee.instalment_ids[1].dropped_by_id, self.resolver)
        self.assertEqual(contract.to_come_amount, 0.0)
        self.assertFalse(self._run("2025-12-31"))

    def test_the_list_finds_them_by_what_became_of_them(self):
        contract = self._contract(self._thirds())
        self._post(self._run("2025-05-31"))
        self._bill(contract, None, day("2025-06-30"))
        self._agreed(contract, 66666.66, []).action_confirm()
        rows = self.env["hub.instalment"].with_user(self.viewer)
        own = [("contract_id", "=", contract.id)]
        for state, count in (
            ("billed", 1),
            ("draft", 1),
            ("dropped", 1),
            ("due", 0),
            ("planned", 0),
        ):
            found = rows.search([*own, ("state", "=", state)])
            self.assertEqual(
                (len(found), set(found.mapped("state")) <= {state}), (count, True), state
            )

    def test_due_and_not_billed_is_revenue_that_may_be_lost(self):
        contract = self._contract(
            self._fee(900, ("2025-05-01", "A", {"fixed": 300}), ("2036-01-01", "B", {}))
        )
        leakage = self.env["hub.leakage"].with_user(self.viewer)
        domain = [("contract_id", "=", contract.id), ("kind", "=", "instalment")]
        self.assertEqual(leakage.search(domain).mapped("amount"), [300.0])
        self._post(self._run("2025-05-31"))
        self.assertFalse(leakage.search(domain))

    # --- who may what -------------------------------------------------------------------------------

    def test_what_is_agreed_is_not_written_by_a_call(self):
        contract = self._contract(self._thirds())
        row = contract.line_ids.instalment_ids[0]
        resolver = row.with_user(self.resolver)
        for values in ({"fixed": 1}, {"date": "2020-01-01"}, {"amount": 1}, {"name": "X"}):
            with self.assertRaisesRegex(UserError, "kept as signed"):
                resolver.write(values)
        with self.assertRaisesRegex(UserError, "kept as signed"):
            resolver.unlink()
        with self.assertRaisesRegex(UserError, "kept as signed"):
            resolver.create(
                {"line_id": row.line_id.id, "name": "X", "date": "2025-05-01", "fixed": 1}
            )
        for values in ({"bill_when": "arrears"}, {"billed_from": "2020-01-01"}, {"unit_price": 1}):
            with self.assertRaisesRegex(UserError, "kept as signed"):
                contract.line_ids.with_user(self.resolver).write(values)
        draft = self._draft(self._thirds())
        own = draft.line_ids.instalment_ids[0].with_user(self.resolver)
        for name in ("dropped", "milestone_id", "sale_line_id", "reason"):
            with self.assertRaisesRegex(AccessError, "nobody writes this by hand"):
                own.write({name: row[name].id if name.endswith("_id") else "x"})
        own.write({"amount": 1.0})  # worked out anew, at the latest when it starts
        with self.assertRaises(AccessError):
            own.with_user(self.viewer).write({"name": "x"})
        draft.with_user(self.resolver).action_activate()
        self.assertEqual(self._rows(draft.line_ids)[0][1], 33333.33)
        with self.assertRaises(AccessError):
            own.with_user(self.consultant_user).read(["amount"])

    def test_a_milestone_of_a_schedule_is_reached_on_its_day(self):
        contract = self._contract(
            self._fee(900, ("2025-05-01", "A", {"fixed": 300}), ("2036-01-01", "B", {}))
        )
        manager = self._make_user("manager", "base.group_user", "project.group_project_manager")
        milestone = contract.line_ids.instalment_ids[1].milestone_id.with_user(manager)
        self.assertEqual((milestone.is_reached, str(milestone.deadline)), (False, "2036-01-01"))
        for values in ({"is_reached": True}, {"sale_line_id": False}, {"quantity_percentage": 0.5}):
            with self.assertRaisesRegex(UserError, "billed by the schedule"):
                milestone.write(values)
        with self.assertRaisesRegex(UserError, "billed by the schedule"):
            milestone.unlink()
        milestone.name = "Another name"

    def test_another_price_on_the_order_blocks_the_invoice(self):
        contract = self._contract(self._thirds())
        contract.sale_order_id.order_line[0].price_unit = 30000
        line = self._run("2025-05-31")
        self.assertEqual((line.state, line.finding_ids.mapped("code")[0]), ("left_out", "rate"))

    def test_before_it_starts_nothing_is_due(self):
        contract = self._draft(self._thirds())
        self.assertEqual({row[2] for row in self._rows(contract.line_ids)}, {"planned"})
        rows = self.env["hub.instalment"].with_user(self.viewer)
        own = [("contract_id", "=", contract.id)]
        self.assertEqual(rows.search_count([*own, ("state", "=", "planned")]), 3)
        self.assertFalse(rows.search([*own, ("state", "=", "due")]))

    def test_a_contract_is_copied_without_its_schedule(self):
        contract = self._contract(self._thirds())
        copied = contract.copy()
        self.assertEqual((copied.line_ids.kind, copied.line_ids.amount), ("schedule", 100000.0))
        self.assertFalse(copied.line_ids.instalment_ids)
