from datetime import date, datetime, timezone
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..core.problem import Problem, Term
from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessPayment(BusinessCase):
    """Payments and refunds: booked to the cent, matched or shown to a person."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()
        self.invoice = self._invoice(self.contract, "8", "0.35")

    def _paid(self, **values):
        item = self._apply(self._item("payment", self._pay(self.invoice, **values)))
        self.assertFalse(item.problem, item.problem and (item.problem, item.problem.params))
        return self.env["account.payment"].browse(item.res_id)

    def _balance(self, account):
        lines = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        return round(sum(lines.mapped("balance")), 2)

    def _refused(self, code, **values):
        count = self.env["account.payment"].search_count([])
        item = self._item("payment", {**self._pay(self.invoice), **values})
        try:
            self._apply(item)
        except Exception as error:  # raised while writing: the engine turns it into a problem
            item.problem = error
        self.assertEqual(item.problem.code, code)
        self.assertEqual(self.env["account.payment"].search_count([]), count)
        self.assertNotEqual(self.env["hub.sentence"]._sentence(code, item.problem.params), code)
        return item.problem

    # --- payments ---------------------------------------------------------------------------------

    def test_fee_and_net_add_up_to_the_cent(self):
        self.assertEqual(self.invoice.amount_total, 1440.38)  # 8.35 h at 150.00 and 15 % tax
        payment = self._paid(fee="42.07")
        self.assertEqual(self.invoice.payment_state, "paid")
        self.assertEqual(self.invoice.amount_residual, 0)
        self.assertTrue(self.invoice.hub_paid_at)
        self.assertEqual(
            (payment.hub_gross, payment.hub_fee, payment.hub_net), (1440.38, 42.07, 1398.31)
        )
        self.assertEqual(payment.state, "paid")
        self.assertEqual(self._balance(self.journal.default_account_id), 1398.31)
        fees = payment.move_id.line_ids.filtered(lambda row: row.account_id == self.fee_account)
        self.assertEqual(fees.debit, 42.07)

    def test_same_payment_again_is_not_booked_again(self):
        payment = self._paid()
        item = self._item("payment", self._pay(self.invoice), record=payment, changed=())
        self._apply(item)
        self.assertEqual(item.skip, "unchanged")
        unlinked = self._apply(self._item("payment", self._pay(self.invoice)))
        self.assertEqual(unlinked.res_id, payment.id)  # known by the provider's reference
        self.assertEqual(self._balance(self.journal.default_account_id), 1440.38)

    def test_payment_link_of_odoo_is_found_by_its_reference(self):
        own = self.env["account.payment"].create(
            {"amount": 10, "partner_id": self.customer.id, "journal_id": self.journal.id}
        )
        provider = self.env["payment.provider"].create({"name": "Card", "state": "test"})
        self.env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "provider_reference": "pi_own",
                "reference": "own",
                "state": "done",
                "payment_method_id": self.env["payment.method"]
                .create({"name": "Card", "code": "hub_card"})
                .id,
                "amount": 10,
                "currency_id": self.company.currency_id.id,
                "partner_id": self.customer.id,
                "payment_id": own.id,
            }
        )
        item = self._item("payment", self._pay(self.invoice, reference="ch_own"))
        item.external_id = "pi_own"  # what Odoo's own provider keeps
        self._apply(item)
        self.assertEqual(item.res_id, own.id)
        self.assertEqual(own.hub_reference, "ch_own")

    def test_not_succeeded_is_left_out(self):
        for state in ("pending", "failed", "canceled"):
            item = self._item("payment", self._pay(self.invoice, status=Term(state)))
            self.assertEqual(self._apply(item).skip, f"payment_{state}")

    def _says(self, problem, *texts):
        sentence = self.env["hub.sentence"]._sentence(problem.code, problem.params)
        for text in texts:
            self.assertIn(text, sentence)

    def test_fee_that_is_not_known_yet_is_waited_for(self):
        problem = self._refused("fee_pending", net=None, fee=None, settlement_currency=None)
        self.assertTrue(problem.transient)
        self._says(problem, "1,440.38")
        payment = self._paid(fee="42.07")
        self.assertEqual((payment.hub_fee, payment.hub_net), (42.07, 1398.31))

    def test_booked_payment_that_changed_is_a_question(self):
        payment = self._paid(fee="42.07")
        later = self._pay(self.invoice, fee="43.00")
        item = self._apply(self._item("payment", later, record=payment, changed=["fee", "net"]))
        self.assertEqual((item.problem.code, item.problem.kind), ("payment_changed", "conflict"))
        self._says(item.problem, "fee 42.07 to 43.00", "net 1398.31 to 1397.38")
        self.assertEqual(payment.hub_fee, 42.07)
        same = self._pay(self.invoice, fee="42.07", note="x")
        self.assertFalse(
            self._apply(self._item("payment", same, record=payment, changed=["note"])).problem
        )

    def test_booked_payment_that_fails_is_a_question(self):
        payment = self._paid()
        item = self._item(
            "payment",
            self._pay(self.invoice, status=Term("failed")),
            payment.hub_reference,
            payment,
        )
        self.assertEqual(self._apply(item).problem.code, "refund_failed_after_booking")
        self._says(item.problem, "The payment of 1,440.38")

    def test_booked_parts_are_not_written_by_hand(self):
        payment = self._paid()
        for values in ({"hub_reference": "ch_other"}, {"hub_gross": 1.0}):
            with self.assertRaises(AccessError):
                payment.with_user(self.accountant).write(values)

    def test_exact_amount_of_the_customer(self):
        self._paid(invoice_number=None, customer=self.customer.id)
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_one_payment_for_two_invoices(self):
        self._book(self.contract, "2", day=date(2025, 7, 1))
        second = self._approve(self._bill(self.contract, None, date(2025, 7, 31)))
        total = Decimal(str(self.invoice.amount_total)) + Decimal(str(second.amount_total))
        self._paid(amount=total, invoice_number=None, customer=self.customer.id)
        self.assertEqual((self.invoice | second).mapped("payment_state"), ["paid", "paid"])

    def test_two_payments_of_a_batch_are_not_for_one_invoice(self):
        values = self._pay(self.invoice, invoice_number=None, customer=self.customer.id)
        again = {**values, "reference": "ch_again"}
        with self.assertRaises(Problem) as caught, self.env.cr.savepoint():
            self._apply(self._item("payment", values), self._item("payment", again))
        self.assertEqual(caught.exception.code, "payment_unmatched")
        self.assertEqual(caught.exception.params["reference"], "ch_again")

    def test_unknown_number_asks_with_candidates(self):
        problem = self._refused("payment_unmatched", invoice_number="INV/NOPE")
        self.assertEqual(problem.kind, "identity")
        self.assertEqual([row["id"] for row in problem.params["invoices"]], self.invoice.ids)

    def test_two_equal_invoices_are_not_guessed(self):
        self._book(self.contract, "8", "0.35", day=date(2025, 7, 1))
        self._approve(self._bill(self.contract, None, date(2025, 7, 31)))
        self._refused("payment_unmatched", invoice_number=None, customer=self.customer.id)

    def test_a_person_chooses_the_invoice(self):
        item = self._item("payment", self._pay(self.invoice, invoice_number=None))
        item.decision = {"invoice": self.invoice.id}
        self.assertFalse(self._apply(item).problem)
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_a_disputed_invoice_is_paid_where_the_payment_names_it(self):
        self.invoice.action_toggle_block_payment()
        self.assertEqual(self.invoice.payment_state, "blocked")
        self._refused("payment_unmatched", invoice_number=None, customer=self.customer.id)
        self._paid()
        self.assertEqual(self.invoice.amount_residual, 0)

    def test_paid_twice(self):
        self._paid()
        self._refused("invoice_already_paid", reference="ch_second")

    def test_paid_twice_in_one_batch(self):
        items = [
            self._item("payment", self._pay(self.invoice, reference=reference))
            for reference in ("ch_a", "ch_b")
        ]
        with self.assertRaisesRegex(Exception, "invoice_already_paid"):
            self._apply(*items)

    def test_paid_short_stays_open(self):
        self._paid(amount="1400.00")
        self.assertEqual(self.invoice.payment_state, "partial")
        self.assertEqual(self.invoice.amount_residual, 40.38)

    def test_paid_too_much_is_a_visible_credit(self):
        payment = self._paid(amount="1500.00")
        self.assertEqual(self.invoice.payment_state, "paid")
        open_lines = payment.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        self.assertEqual(open_lines.amount_residual, -59.62)
        self.assertEqual(
            self.customer.with_company(self.company)._hub_balance()[self.customer.id]["balance"],
            -59.62,
        )

    def test_closed_period(self):
        self.company.fiscalyear_lock_date = date(2025, 7, 31)
        self._refused("period_closed")
        self.company.fiscalyear_lock_date = False
        payment = self._paid()
        self.assertEqual(payment.move_id.date, date(2025, 7, 15))

    def test_parts_that_do_not_add_up(self):
        self._refused("payment_parts_differ", net=Decimal("1400.00"), fee=Decimal("42.07"))

    def test_journal_on_a_shared_account(self):
        self.journal.inbound_payment_method_line_ids.payment_account_id = False
        self._refused("journal_not_ready")

    def test_missing_configuration(self):
        self.system.fee_account_id = False
        self._refused("no_fee_account", fee=Decimal("1"), net=Decimal("1439.38"))
        self.system.journal_id = False
        self._refused("no_payment_journal")

    def test_euro_settled_in_dollars(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].search([]).unlink()
        self.env["res.currency.rate"].create(
            [
                {"currency_id": euro.id, "name": day, "rate": 0.8, "company_id": self.company.id}
                for day in ("2025-05-28", date.today())
            ]
        )
        contract = self._start_deal(currency="EUR")
        invoice = self._invoice(contract, "8")
        values = self._pay(
            invoice,
            settlement_currency="USD",
            fee="43.21",
            net=Decimal("1705.55"),
        )
        item = self._apply(self._item("payment", {**values, "net": Decimal("1705.55")}))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(self._balance(self.journal.default_account_id), 1705.55)
        no_net = self._item("payment", {**values, "net": None, "reference": "ch_other"})
        self.assertEqual(self._apply(no_net).problem.code, "no_exchange_info")

    def test_settled_in_a_currency_without_journal(self):
        self.env.ref("base.EUR").active = True
        self._refused("settlement_currency", settlement_currency="EUR", net=Decimal("1300"))

    # --- refunds ----------------------------------------------------------------------------------

    def _refund(self, payment, amount, **values):
        return self._item(
            "refund",
            {
                "payment": payment.id,
                "amount": Decimal(amount),
                "currency": "USD",
                "date": datetime(2025, 8, 1, 9, tzinfo=timezone.utc),
                "status": Term("succeeded"),
                "reason": "late delivery",
                "reference": f"re_{amount}",
                **values,
            },
        )

    def test_refund_is_booked_and_explained_by_a_credit_note(self):
        payment = self._paid()
        hours = self.contract.sale_order_id.order_line.qty_to_invoice
        item = self._apply(self._refund(payment, "100.01"))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        refund = self.env["account.payment"].browse(item.res_id)
        self.assertEqual((refund.payment_type, refund.amount), ("outbound", 100.01))
        self.assertEqual(self._balance(self.journal.default_account_id), 1340.37)
        note = self.env["account.move"].search([("hub_refund_payment_id", "=", refund.id)])
        self.assertEqual(
            (note.state, note.hub_approval, note.amount_total, note.reversed_entry_id),
            ("draft", "to_approve", 100.01, self.invoice),
        )
        self.assertFalse(note.invoice_line_ids.sale_line_ids)
        self._approve(note)
        self.assertEqual(note.payment_state, "paid")
        self.assertEqual(self.invoice.payment_state, "paid")
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, hours)
        self.contract.invalidate_recordset()
        self.assertEqual(self.contract.invoiced_amount, 1340.37)
        self.assertEqual(self.contract.paid_amount, 1340.37)
        self.assertEqual(self.customer._hub_balance()[self.customer.id]["balance"], 0)

    def test_a_credit_note_names_the_services_that_were_invoiced(self):
        """A ledger that books on items takes the credit note as it took the invoice."""
        travel = self.env["product.product"].create(
            {"name": "Travel", "default_code": "TRAVEL", "type": "service"}
        )
        self.invoice.button_draft()
        vals = {
            "product_id": travel.id,
            "price_unit": 100.0,
            "tax_ids": [Command.set(self.tax.ids)],
        }
        self.invoice.write({"invoice_line_ids": [Command.create(vals)]})
        self._approve(self.invoice)
        item = self._apply(self._refund(self._paid(), "100.01"))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        note = self.env["account.move"].search([("hub_refund_payment_id", "=", item.res_id)])
        self.assertEqual(note.invoice_line_ids.product_id, self.consulting | travel)
        self.assertEqual(note.invoice_line_ids.mapped("quantity"), [1.0, 1.0])
        self.assertEqual(note.amount_total, 100.01)

    def test_every_refund_is_met_to_the_cent(self):
        payment = self._paid()
        for cents in (1, 2, 3, 7, 10, 13, 99, 333):
            amount = str(Decimal(cents) / 100)
            item = self._apply(self._refund(payment, amount))
            note = self.env["account.move"].search([("hub_refund_payment_id", "=", item.res_id)])
            self.assertEqual(note.amount_total, float(amount))
            note.unlink()

    def test_refund_again_is_not_booked_again(self):
        payment = self._paid()
        first = self._apply(self._refund(payment, "50.00"))
        second = self._apply(self._refund(payment, "50.00"))
        self.assertEqual(first.res_id, second.res_id)
        self.assertEqual(payment.hub_refund_ids.ids, [first.res_id])

    def test_refund_of_more_than_was_paid(self):
        payment = self._paid()
        self._apply(self._refund(payment, "1000.00"))
        item = self._apply(self._refund(payment, "500.00"))
        self.assertEqual(item.problem.code, "refund_exceeds_payment")

    def test_refund_of_a_payment_without_invoice(self):
        payment = self.env["account.payment"].create(
            {
                "amount": 10,
                "partner_id": self.customer.id,
                "journal_id": self.journal.id,
                "payment_type": "inbound",
            }
        )
        item = self._apply(self._refund(payment, "5.00"))
        self.assertEqual(item.problem.code, "refund_without_invoice")

    def test_refund_credit_note_needs_an_approver(self):
        item = self._apply(self._refund(self._paid(), "50.00"))
        note = self.env["account.move"].search([("hub_refund_payment_id", "=", item.res_id)])
        with self.assertRaises(UserError):
            note.with_user(self.accountant).action_post()
        with self.assertRaises(AccessError):
            note.with_user(self.accountant).action_hub_approve()

    def test_booked_refund_that_fails_is_a_question(self):
        payment = self._paid()
        first = self._apply(self._refund(payment, "50.00"))
        item = self._apply(self._refund(payment, "50.00", status=Term("failed")))
        self.assertEqual(item.problem.code, "refund_failed_after_booking")
        self.assertEqual(item.problem.kind, "conflict")
        self._says(item.problem, "The refund of 50.00")
        self.assertEqual(payment.hub_refund_ids.ids, [first.res_id])
        unknown = self._apply(self._refund(payment, "60.00", status=Term("failed")))
        self.assertEqual(unknown.skip, "refund_failed")

    def test_refund_without_a_contract_needs_approval_too(self):
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": date(2025, 6, 30),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.consulting.id,
                            "quantity": 1,
                            "price_unit": 100,
                            "tax_ids": [Command.set(self.tax.ids)],
                        }
                    )
                ],
            }
        )
        invoice.action_post()
        paid = self._apply(self._item("payment", self._pay(invoice)))
        payment = self.env["account.payment"].browse(paid.res_id)
        item = self._apply(self._refund(payment, "23.00"))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        note = self.env["account.move"].search([("hub_refund_payment_id", "=", item.res_id)])
        self.assertEqual((note.hub_contract_id.id, note.hub_approval), (False, "to_approve"))
        with self.assertRaises(UserError):
            note.with_user(self.accountant).action_post()
        with self.assertRaises(UserError):
            note.with_user(self.accountant).write({"state": "posted"})
        self._approve(note)
        self.assertEqual((note.state, note.payment_state), ("posted", "paid"))
