from ast import literal_eval
from unittest.mock import patch

from lxml import etree
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .bank_common import BankCase, camt


@tagged("post_install", "-at_install")
class TestBankMatch(BankCase):
    """What is certain is settled by Odoo's own means; the rest is proposed with what speaks for it."""

    def _paid(self, invoice):
        self.env.invalidate_all()
        return invoice.payment_state, invoice.amount_residual

    def test_reference_and_amount_settle_at_once(self):
        invoice = self._open(250)
        line = self._import(
            camt([{"amount": "250.00", "text": f"Payment {invoice.name}, thank you"}])
        )
        self.assertEqual((line.hub_match, line.is_reconciled), ("matched", True))
        self.assertEqual(self._paid(invoice), ("paid", 0))
        self.assertEqual(line.partner_id, self.customer)
        self.assertIn(invoice.name, line.hub_explanation)
        self.assertIn("exactly what is open", line.hub_explanation)
        self.assertEqual(line.hub_documents, invoice.name)
        suspense = line.journal_id.suspense_account_id
        self.assertNotIn(suspense, line.line_ids.account_id)
        audit = self.env["hub.audit"].search([("action", "=", "bank_match")], limit=1)
        self.assertEqual(audit.res_id, line.id)

    def test_one_movement_for_several_invoices_that_are_all_named(self):
        first, second, third = (self._open(amount) for amount in (100, 250.5, 70))
        text = f"{first.name} {second.name.replace('/', ' ')}"
        line = self._import(camt([{"amount": "350.50", "text": text}]))
        self.assertEqual(line.hub_match, "matched")
        self.assertEqual({self._paid(m)[0] for m in (first, second)}, {"paid"})
        self.assertEqual(self._paid(third)[0], "not_paid")

    def test_a_credit_note_that_is_named_too_is_taken_off(self):
        invoice, note = self._open(100), self._open(30, move_type="out_refund")
        line = self._import(camt([{"amount": "70.00", "text": f"{invoice.name} less {note.name}"}]))
        self.assertEqual(line.hub_match, "matched")
        self.assertEqual(self._paid(invoice), ("paid", 0))
        self.assertEqual(self._paid(note)[1], 0)

    def test_paid_less_is_proposed_and_leaves_the_rest_open(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "240.00", "text": invoice.name}]))
        self.assertEqual((line.hub_match, line.is_reconciled), ("proposed", False))
        self.assertIn("10.00 less", line.hub_explanation)
        self.assertEqual(self._paid(invoice), ("not_paid", 250))
        line.with_user(self.cashier).action_hub_accept()
        self.assertEqual(self._paid(invoice), ("partial", 10))
        self.assertEqual(line.hub_match, "accepted")

    def test_paid_more_leaves_unapplied_cash(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "260.00", "text": invoice.name}]))
        self.assertEqual(line.hub_match, "proposed")
        line.with_user(self.cashier).action_hub_accept()
        self.assertEqual(self._paid(invoice), ("paid", 0))
        rest = line.line_ids.filtered(
            lambda item: item.account_id.account_type == "asset_receivable" and not item.reconciled
        )
        self.assertEqual((rest.amount_residual, rest.partner_id), (-10, self.customer))

    def test_amount_alone_is_only_proposed(self):
        invoice = self._open(123.45)
        line = self._import(camt([{"amount": "123.45", "text": "thanks", "name": "Acme Limited"}]))
        self.assertEqual((line.hub_match, line.hub_documents), ("proposed", invoice.name))
        self.assertIn("customer's name", line.hub_explanation)
        self.assertEqual(self._paid(invoice)[0], "not_paid")

    def test_the_account_of_another_customer_stops_what_would_be_certain(self):
        other = self._make_customer("Other Ltd")
        self.env["res.partner.bank"].create(
            {"acc_number": "DE02120300000000202051", "partner_id": other.id}
        )
        invoice = self._open(250)
        line = self._import(
            camt([{"amount": "250.00", "text": invoice.name, "iban": "DE02120300000000202051"}])
        )
        self.assertEqual(line.hub_match, "proposed")
        self.assertIn("somebody else", line.hub_explanation)

    def test_two_movements_for_one_invoice_are_both_asked_about(self):
        invoice = self._open(250)
        one = {"amount": "250.00", "text": invoice.name}
        lines = self._import(camt([one | {"ref": "A"}, one | {"ref": "B"}]))
        self.assertEqual(lines.mapped("hub_match"), ["proposed", "proposed"])
        with self.assertRaisesRegex(UserError, "by two of these"):
            lines.with_user(self.cashier).action_hub_accept()
        lines[0].with_user(self.cashier).action_hub_accept()
        with self.assertRaisesRegex(UserError, "has changed"):
            lines[1].with_user(self.cashier).action_hub_accept()

    def test_a_payment_that_is_in_odoo_is_not_booked_twice(self):
        invoice = self._open(250)
        payment = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": self.bank.id, "payment_date": "2025-07-10"})
            ._create_payments()
        )
        open_twin = self._open(250)
        self.assertFalse(payment.is_matched)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        self.env.invalidate_all()
        self.assertEqual(line.hub_match, "matched")
        self.assertTrue(payment.is_matched)
        self.assertEqual(line.hub_documents, payment.name)
        self.assertEqual(self._paid(open_twin)[0], "not_paid")
        receivable = self.customer.property_account_receivable_id
        balance = sum(
            self.env["account.move.line"]
            .search([("account_id", "=", receivable.id), ("partner_id", "=", self.customer.id)])
            .mapped("balance")
        )
        self.assertEqual(balance, 250)  # the twin alone

    def test_a_refund_that_went_out_meets_its_payment(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 40,
                "date": "2025-07-14",
                "journal_id": self.bank.id,
                "memo": "REFUND-2025-77",
            }
        )
        payment.action_post()
        line = self._import(camt([{"amount": "-40.00", "text": "REFUND-2025-77"}]))
        self.env.invalidate_all()
        self.assertEqual(line.hub_match, "matched")
        self.assertTrue(payment.is_matched)

    def test_another_currency_is_not_settled(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        invoice = self._open(250, currency_id=euro.id)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        self.assertEqual((line.hub_match, line.is_reconciled), ("open", False))
        self.assertIn("Nothing that is open fits", line.hub_explanation)

    def test_a_journal_in_another_currency_settles_its_invoices(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        for day, rate in (("2025-07-01", 0.9), ("2025-07-15", 0.8)):
            self.env["res.currency.rate"].create(
                {"currency_id": euro.id, "name": day, "rate": rate, "company_id": self.company.id}
            )
        self._make_bank_journal("FR1420041010050500013M02606", code="EUB", currency_id=euro.id)
        first, second = (self._open(amount, currency_id=euro.id) for amount in (33.33, 66.67))
        line = self._import(
            camt(
                [{"amount": "100.00", "text": f"{first.name}, {second.name}"}],
                currency="EUR",
                account="FR1420041010050500013M02606",
            )
        )
        self.assertEqual(line.hub_match, "matched")
        self.assertEqual([self._paid(m) for m in (first, second)], [("paid", 0), ("paid", 0)])
        self.assertEqual(round(sum(line.line_ids.mapped("balance")), 2), 0)

    # --- people -----------------------------------------------------------------------------------

    def _choose(self, line, **values):
        """Settle a line by hand; what the form says before it is done."""
        form = self.env["hub.bank.choose"].with_user(self.cashier)
        wizard = form.create({"line_id": line.id, **values})
        said = wizard.rest_text
        wizard.action_settle()
        self.env.invalidate_all()
        return said

    def _receivable(self, move):
        return move.line_ids.filtered(lambda i: i.account_id.account_type == "asset_receivable")

    def test_another_document_is_chosen(self):
        invoice = self._open(99)
        line = self._import(camt([{"amount": "120.00", "text": "thanks"}]))
        self.assertEqual(line.hub_match, "open")
        said = self._choose(line, item_ids=[Command.set(self._receivable(invoice).ids)])
        self.assertIn("21.00 stays on", said)
        self.assertEqual(self._paid(invoice), ("paid", 0))
        self.assertEqual(line.hub_match, "accepted")
        self.assertIn("Cashier", line.hub_explanation)

    def test_unapplied_cash_stays_with_the_customer_and_can_be_used(self):
        line = self._import(camt([{"amount": "120.00", "text": "advance"}]))
        self._choose(line, partner_id=self.customer.id)
        self.assertEqual((line.hub_match, line.is_reconciled), ("unapplied", True))
        credit = self._receivable(line.move_id)
        self.assertEqual((credit.amount_residual, credit.partner_id), (-120, self.customer))
        invoice = self._open(120)
        invoice.js_assign_outstanding_line(credit.id)  # Odoo's own way, on the invoice
        self.assertEqual(self._paid(invoice), ("paid", 0))

    def _unapplied(self):
        """What the filter of unapplied cash shows."""
        arch = self.env.ref("lead_to_cash_hub.account_bank_statement_line_view_search_hub").arch
        found = etree.fromstring(arch).find(".//filter[@name='unapplied']").get("domain")
        return self.env["account.bank.statement.line"].search(
            [("journal_id", "=", self.bank.id), *literal_eval(found)]
        )

    def test_unapplied_cash_is_what_is_open_of_it(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "260.00", "text": invoice.name}]))
        self.assertEqual(line.hub_unapplied, 0)
        line.with_user(self.cashier).action_hub_accept()
        self.env.invalidate_all()
        self.assertEqual((line.hub_unapplied, self._unapplied()), (10, line))
        later = self._open(10)
        later.js_assign_outstanding_line(
            self._receivable(line.move_id).filtered("amount_residual").id
        )
        self.env.invalidate_all()
        self.assertEqual((line.hub_unapplied, len(self._unapplied())), (0, 0))
        # Taken apart on the invoice, it is unapplied again, whatever the line was matched with.
        later.line_ids.remove_move_reconcile()
        self.env.invalidate_all()
        self.assertEqual((line.hub_unapplied, self._unapplied()), (10, line))

    def test_money_that_went_out_is_nobodys_unapplied_cash(self):
        line = self._import(camt([{"amount": "-120.00", "text": "Insurance"}]))
        with self.assertRaisesRegex(UserError, "went out"):
            self._choose(line, partner_id=self.customer.id)
        self.assertFalse(line.is_reconciled)

    def test_unapplied_cash_is_paid_back(self):
        came, went = self._import(
            camt([{"amount": "120.00", "text": "twice"}, {"amount": "-120.00", "text": "back"}])
        )
        self._choose(came, partner_id=self.customer.id)
        credit = self._receivable(came.move_id)
        said = self._choose(went, item_ids=[Command.set(credit.ids)])
        self.assertIn("settled exactly", said)
        self.assertTrue(credit.reconciled)
        self.assertEqual((came.hub_unapplied, went.hub_match), (0, "accepted"))

    def test_more_went_out_than_was_owed(self):
        note = self._open(30, move_type="out_refund")
        line = self._import(camt([{"amount": "-40.00", "text": "refund"}]))
        said = self._choose(line, item_ids=[Command.set(self._receivable(note).ids)])
        self.assertIn("the customer owes it", said)
        self.assertEqual(self._paid(note)[1], 0)
        self.assertEqual(line.hub_unapplied, 0)

    def test_choosing_begins_with_what_is_proposed(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "240.00", "text": invoice.name}]))
        form = self.env["hub.bank.choose"].with_user(self.cashier)
        wizard = form.with_context(**line.with_user(self.cashier).action_hub_choose()["context"])
        wizard = wizard.create({})
        self.assertEqual(wizard.item_ids, self._receivable(invoice))
        self.assertEqual(wizard.partner_id, self.customer)
        self.assertIn("10.00 of the documents stays open", wizard.rest_text)
        self.assertFalse(form.create({"line_id": line.id}).rest_text)  # nothing is chosen yet

    # --- what concerns no customer ----------------------------------------------------------------

    def _post(self, lines, account, **values):
        action = lines.with_user(self.cashier).action_hub_post()
        wizard = self.env["hub.bank.post"].with_user(self.cashier).with_context(**action["context"])
        wizard.create({"account_id": account.id, **values}).action_post()
        self.env.invalidate_all()

    def _account(self, account_type):
        return self.env["account.account"].search(
            [("account_type", "=", account_type), ("company_ids", "in", self.company.ids)], limit=1
        )

    def test_fees_are_posted_on_an_account_and_taken_back(self):
        lines = self._import(
            camt([{"amount": "-4.50", "text": "Fee"}, {"amount": "0.30", "text": "Interest"}])
        )
        account = self._account("expense")
        self._post(lines, account)
        self.assertEqual(set(lines.mapped("hub_match")), {"account"})
        self.assertEqual(lines.mapped("is_reconciled"), [True, True])
        posted = lines.line_ids.filtered(lambda item: item.account_id == account)
        self.assertEqual(sorted(posted.mapped("balance")), [-0.30, 4.50])
        self.assertIn(account.code, lines[0].hub_explanation)
        audit = self.env["hub.audit"].search([("action", "=", "bank_post")])
        self.assertEqual(audit.mapped("user_id"), self.cashier)
        lines.with_user(self.cashier).action_hub_undo()
        self.assertEqual(set(lines.mapped("hub_match")), {"open"})
        self.assertEqual(lines.mapped("is_reconciled"), [False, False])

    def test_a_branch_posts_on_an_account_of_its_parent(self):
        branch = self.env["res.company"].create({"name": "Branch", "parent_id": self.company.id})
        self.cashier.company_ids += branch
        self.env = self.env(context={**self.env.context, "allowed_company_ids": branch.ids})
        journal = self._make_bank_journal(
            None,
            name="Branch Bank",
            code="BBK",
            company_id=branch.id,
            suspense_account_id=self.bank.suspense_account_id.id,
        )
        line = self.env["account.bank.statement.line"].create(
            {"journal_id": journal.id, "date": "2025-07-15", "payment_ref": "Fee", "amount": -4.5}
        )
        account = self._account("expense")
        self._post(line, account)
        self.assertIn(account, line.line_ids.account_id)

    def test_a_line_of_another_company_is_not_shown(self):
        line = self._import(camt([{"amount": "-4.50", "text": "Fee"}]))
        other = self.env["res.company"].create({"name": "Other"})
        self.cashier.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        wizards = self.env["hub.bank.choose"].with_user(self.cashier)
        wizards = wizards.with_context(allowed_company_ids=other.ids)
        with self.assertRaises(AccessError):
            wizards.create({"line_id": line.id})
        with self.assertRaises(AccessError):
            self.assertFalse(wizards.new({"line_id": line.id}).label)

    def test_what_is_for_a_customer_is_not_posted_on_an_account(self):
        line = self._import(camt([{"amount": "-4.50", "text": "Fee"}]))
        for account in (self._account("asset_receivable"), line.journal_id.suspense_account_id):
            with self.assertRaisesRegex(UserError, "another account"):
                self._post(line, account)
        payable = self._account("liability_payable")
        with self.assertRaisesRegex(UserError, "vendor"):
            self._post(line, payable)
        vendor = self._make_customer("Vendor Ltd")
        clerk = self.env["res.partner"].create({"name": "Vera", "parent_id": vendor.id})
        self._post(line, payable, partner_id=clerk.id)  # the bill is the firm's
        item = line.line_ids.filtered(lambda item: item.account_id == payable)
        self.assertEqual((item.partner_id, item.amount_residual), (vendor, 4.50))

    def test_what_odoo_takes_back_is_to_be_decided_again(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        self.assertEqual(line.hub_match, "matched")
        line.action_undo_reconciliation()  # by another screen than the hub's
        self.assertEqual((line.hub_match, line.hub_documents), ("open", ""))
        self.assertIn("took the match back", line.hub_explanation)

    def test_a_match_is_taken_back(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        line.with_user(self.cashier).action_hub_undo()
        self.assertEqual(self._paid(invoice), ("not_paid", 250))
        self.assertEqual((line.hub_match, line.is_reconciled), ("open", False))
        self.assertEqual(line.amount, 250)
        self.assertIn(line.journal_id.suspense_account_id, line.line_ids.account_id)
        line.with_user(self.cashier).action_hub_match()  # asked again, it is only proposed
        self.assertEqual((line.hub_match, line.is_reconciled), ("proposed", False))
        line.with_user(self.cashier).action_hub_accept()
        self.assertEqual(self._paid(invoice), ("paid", 0))

    def test_settled_lines_are_not_settled_again(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        with self.assertRaisesRegex(UserError, "matched already"):
            self._choose(line, partner_id=self.customer.id)

    def test_one_that_odoo_refuses_leaves_the_others_settled(self):
        good, bad = self._open(250), self._open(260)
        lines = type(self.env["account.bank.statement.line"])
        replace, why = lines._hub_replace_suspense, "The period is closed."

        def refuse(line, parts):
            if line.amount == 260:
                raise UserError(why)
            return replace(line, parts)

        with patch.object(lines, "_hub_replace_suspense", refuse):
            one, other = self._import(
                camt(
                    [
                        {"amount": "250.00", "text": good.name},
                        {"amount": "260.00", "text": bad.name},
                    ]
                )
            )
        self.assertEqual((one.hub_match, other.hub_match), ("matched", "proposed"))
        self.assertIn(why, other.hub_explanation)
        self.assertEqual((self._paid(good)[0], self._paid(bad)[0]), ("paid", "not_paid"))

    def test_only_who_does_the_bank_decides(self):
        invoice = self._open(250)
        line = self._import(camt([{"amount": "240.00", "text": invoice.name}]))
        for user in (self.approver, self.viewer):
            for name in ("action_hub_accept", "action_hub_undo", "action_hub_match"):
                with self.assertRaises(AccessError):
                    getattr(line.with_user(user), name)()

    def test_where_another_module_matches_nothing_is_done(self):
        self.env["ir.module.module"].search([("name", "=", "account_accountant")]).unlink()
        self.env["ir.module.module"].create({"name": "account_accountant", "state": "installed"})
        invoice = self._open(250)
        line = self._import(camt([{"amount": "250.00", "text": invoice.name}]))
        self.assertFalse(line.hub_match or line.is_reconciled)

    # --- cost -------------------------------------------------------------------------------------

    def test_proposing_costs_no_query_a_line_but_what_is_kept(self):
        for n in range(12):
            self._open(50 + n)
        lines = self._import(
            camt([{"amount": f"{n}.00", "text": f"T{n}"} for n in range(200, 240)])
        )

        def queries(some):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            some._hub_matches()
            return self.env.cr.sql_log_count - before

        queries(lines)
        self.assertEqual(queries(lines), queries(lines[:20]))
