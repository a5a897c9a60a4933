from datetime import date
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError
from psycopg2.errors import UniqueViolation

from ..core.problem import Term
from .business_common import BusinessCase

JULY = date(2025, 7, 1), date(2025, 7, 31)


@tagged("post_install", "-at_install")
class TestBusinessLedger(BusinessCase):
    """The billing ledger decides: credits, hand edits and late changes bill nothing twice."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()

    # --- credits (F1) -----------------------------------------------------------------------------

    def _credit(self, invoice, quantity, price=None, kind="price"):
        note = invoice._reverse_moves([{"hub_credit_kind": kind}])
        line = note.invoice_line_ids
        line.quantity = quantity
        if price is not None:
            line.price_unit = price
        self._approve(note)
        return note

    def test_partial_credit_makes_nothing_billable(self):
        invoice = self._invoice(self.contract, *["1"] * 8)
        self._credit(invoice, 3.5)
        self._book(self.contract, "1", day=date(2025, 7, 2))
        again = self._bill(self.contract, *JULY)
        self.assertEqual(again.invoice_line_ids.quantity, 1)
        everything = self.contract.sale_order_id.order_line
        self.assertEqual(everything.qty_to_invoice, 0)

    def test_goodwill_makes_nothing_billable(self):
        invoice = self._invoice(self.contract, *["1"] * 8)
        entries = invoice.hub_billing_ids.entry_id
        self._credit(invoice, 1, 50, "goodwill")
        self.assertEqual(entries.timesheet_invoice_id, invoice)
        self.assertFalse(self._bill(self.contract, None, JULY[1]))

    def test_full_credit_makes_nothing_billable_by_itself(self):
        invoice = self._invoice(self.contract, *["1"] * 8)
        self._credit(invoice, 8)
        self.assertEqual(set(invoice.hub_billing_ids.mapped("state")), {"credited"})
        self.assertFalse(self._bill(self.contract, None, JULY[1]))

    def test_hours_credited_to_be_billed_again(self):
        invoice = self._invoice(self.contract, *["1"] * 8)
        self._credit(invoice, 8, kind="hours")
        self.assertEqual(self._bill(self.contract, None, JULY[1]).invoice_line_ids.quantity, 8)

    def test_some_hours_credited_need_to_be_named(self):
        invoice = self._invoice(self.contract, "5", "3")
        note = invoice._reverse_moves([{"hub_credit_kind": "hours"}])
        note.invoice_line_ids.quantity = 3
        with self.assertRaises(UserError):  # only this one rolls back, assertRaisesRegex does not
            self._approve(note)
        note.hub_credited_entry_ids = invoice.hub_billing_ids.entry_id.filtered(
            lambda entry: entry.unit_amount == 3
        )
        self._approve(note)
        self.assertEqual(self._bill(self.contract, None, JULY[1]).invoice_line_ids.quantity, 3)

    def test_credit_note_taken_back_restores_the_ledger(self):
        invoice = self._invoice(self.contract, "5", "3")
        rows = invoice.hub_billing_ids
        for kind, state in (("hours", "released"), ("price", "credited")):
            note = self._credit(invoice, 8, kind=kind)
            self.assertEqual(set(rows.mapped("state")), {state})
            note.with_user(self.approver).button_draft()
            self.assertEqual(set(rows.mapped("state")), {"posted"})
            self.assertEqual(rows.entry_id.timesheet_invoice_id, invoice)
            self.assertFalse(self._bill(self.contract, None, JULY[1]))
            note.unlink()

    def test_credit_note_is_not_taken_back_when_its_hours_are_billed_again(self):
        invoice = self._invoice(self.contract, "8")
        note = self._credit(invoice, 8, kind="hours")
        again = self._bill(self.contract, None, JULY[1])
        for button in ("button_draft", "button_cancel"):
            with self.assertRaisesRegex(UserError, "billed again"):
                getattr(note.with_user(self.approver), button)()
        self.assertEqual((note.state, again.state), ("posted", "draft"))
        again.unlink()
        note.with_user(self.approver).button_cancel()
        self.assertEqual(invoice.hub_billing_ids.filtered(lambda r: r.move_id).state, "posted")

    # --- drafts (F2, F3) --------------------------------------------------------------------------

    def test_draft_edited_by_hand_is_not_posted(self):
        self._book(self.contract, "8")
        invoice = self._bill(self.contract)
        invoice.invoice_line_ids.quantity = 6
        self.assertTrue(invoice.hub_edited)
        with self.assertRaisesRegex(UserError, "the draft says 6, the billing ledger 8"):
            self._approve(invoice)
        self.assertEqual(invoice.state, "draft")
        invoice.action_hub_restore_quantities()
        self._approve(invoice)
        self.assertEqual(invoice.amount_untaxed, 1200)
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 0)

    def test_entry_on_a_draft_is_released_changed_and_billed_again(self):
        entry, other = self._book(self.contract, "8", "2")
        invoice = self._bill(self.contract)
        item = self._change(entry, hours=Decimal("6.5"))
        self.assertFalse(item.problem)
        self.assertEqual(invoice.invoice_line_ids.quantity, 8.5)
        self.assertEqual(invoice.amount_untaxed, 1275)
        self.assertEqual(invoice.hub_approval, "to_approve")
        self.assertEqual(entry.timesheet_invoice_id, invoice)
        live = invoice.hub_billing_ids.filtered(lambda row: row.state == "draft")
        self.assertEqual(sum(live.mapped("quantity")), 8.5)
        self.assertEqual(live.entry_id, entry | other)
        self._approve(invoice)

    def test_entry_moved_out_of_the_period_leaves_the_draft(self):
        entry, _other = self._book(self.contract, "8", "2")
        invoice = self._bill(self.contract)
        self._change(entry, date=date(2025, 7, 3))
        self.assertEqual(invoice.invoice_line_ids.quantity, 2)
        self.assertEqual(self._bill(self.contract, *JULY).invoice_line_ids.quantity, 8)

    def test_approval_withdrawn_empties_the_draft(self):
        entry = self._book(self.contract, "8")
        invoice = self._bill(self.contract)
        self._change(entry, approval=Term("submitted"))
        self.assertFalse(invoice.exists())
        self.assertFalse(entry.hub_billing_id)
        self.assertFalse(entry.timesheet_invoice_id)

    def test_rejecting_in_odoo_does_the_same(self):
        entries = self._book(self.contract, "8", "2")
        invoice = self._bill(self.contract)
        entries[0].action_hub_reject_time()
        self.assertEqual(invoice.invoice_line_ids.quantity, 2)

    def test_deleted_draft_makes_its_time_billable(self):
        self._book(self.contract, "8")
        self._bill(self.contract).unlink()
        self.assertEqual(self._bill(self.contract).invoice_line_ids.quantity, 8)

    def test_cancelled_invoice_makes_its_time_billable(self):
        invoice = self._invoice(self.contract, "8")
        invoice.button_draft()
        self.assertEqual(set(invoice.hub_billing_ids.mapped("state")), {"draft"})
        self.assertEqual(invoice.hub_approval, "to_approve")
        invoice.button_cancel()
        self.assertEqual(self._bill(self.contract).invoice_line_ids.quantity, 8)

    # --- after billing ----------------------------------------------------------------------------

    def test_changed_after_billing_asks_a_person(self):
        invoice = self._invoice(self.contract, "8")
        entry = invoice.hub_billing_ids.entry_id
        item = self._change(entry, hours=Decimal(5))
        self.assertEqual(item.problem.code, "changed_after_billing")
        params = item.problem.params
        self.assertEqual(
            (params["old_hours"], params["new_hours"], params["amount"], params["invoice"]),
            ("8", "5", "1200.00", invoice.name),
        )
        self.assertEqual(entry.unit_amount, 8)
        self.assertEqual(
            self._change(entry, approval=Term("rejected")).problem.code,
            "approval_withdrawn_after_billing",
        )

    def test_note_of_a_billed_entry_may_change(self):
        entry = self._invoice(self.contract, "8").hub_billing_ids.entry_id
        item = self._change(entry, note="more precise")
        self.assertFalse(item.problem)
        self.assertEqual(entry.name, "more precise")

    def test_undone_change_closes_itself(self):
        entry = self._invoice(self.contract, "8").hub_billing_ids.entry_id
        item = self._change(entry, ["hours", "approval"])
        self.assertFalse(item.problem)

    def test_deleted_in_the_tracker(self):
        entry = self._invoice(self.contract, "8").hub_billing_ids.entry_id
        item = self._item("time_entry", {}, record=entry, action="delete")
        self._handler("time_entry")._hub_delete([item])
        self.assertEqual(item.problem.code, "deleted_at_source")
        self.assertTrue(entry.exists())
        with self.assertRaises(UserError):
            entry.unlink()

    # --- the ledger -------------------------------------------------------------------------------

    @mute_logger("odoo.sql_db")
    def test_ledger_takes_an_entry_once(self):
        invoice = self._invoice(self.contract, "8")
        row = invoice.hub_billing_ids
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            row.copy({"entry_id": row.entry_id.id})

    def test_nobody_writes_the_ledger(self):
        row = self._invoice(self.contract, "8").hub_billing_ids
        for user in (self.approver, self.resolver, self.accountant):
            with self.assertRaises(AccessError):
                row.with_user(user).write({"state": "released"})

    def test_link_of_a_billed_entry_cannot_be_cleared(self):
        invoice = self._invoice(self.contract, "8")
        entry = invoice.hub_billing_ids.entry_id
        entry.sudo().write({"timesheet_invoice_id": False})
        self.assertEqual(entry.timesheet_invoice_id, invoice)

    # --- nobody writes around it --------------------------------------------------------------

    def test_what_guards_billing_is_not_written_by_hand(self):
        entry = self._invoice(self.contract, "8").hub_billing_ids.entry_id
        boss = self._make_user(
            "boss",
            "sales_team.group_sale_manager",
            "project.group_project_manager",
            "hr_timesheet.group_timesheet_manager",
            "account.group_account_manager",
            "lead_to_cash_hub.group_hub_manager",
        )
        forged = {"hub_own_code": True}
        for record, values in (
            (self.contract.sale_order_id, {"hub_contract_id": False}),
            (self.contract.project_id, {"hub_contract_id": False}),
            (self.contract.project_id, {"hub_code": "X"}),
            (self.contract.lead_id, {"hub_contract_id": False}),
            (entry, {"hub_billing_id": False}),
            (entry, {"hub_source_hours": 0.0}),
            (self.contract, {"sale_order_id": False}),
            (self.contract, {"project_id": False}),
            (self.contract, {"state": "draft"}),
            (self.contract, {"line_ids": [Command.clear()]}),
            (self.contract.line_ids, {"unit_price": 1.0}),
            (self.contract.line_ids, {"sale_line_id": False}),
        ):
            with self.assertRaises(UserError):
                record.with_user(boss).with_context(**forged).write(values)
        with self.assertRaises(UserError):
            self.contract.with_user(boss).unlink()
        milestone = self.env["project.milestone"].create(
            {"name": "M", "project_id": self.contract.project_id.id}
        )
        with self.assertRaises(UserError):
            milestone.with_user(boss).write({"hub_billing_id": False})
        self.contract.with_user(boss).write({"name": "Renamed", "po_number": "PO-1"})

    def test_ledger_is_asked_and_not_the_entry(self):
        entry = self._invoice(self.contract, "8").hub_billing_ids.entry_id
        self.env.cr.execute(
            "UPDATE account_analytic_line SET hub_billing_id = NULL WHERE id = %s", [entry.id]
        )
        self.env.invalidate_all()
        self.assertFalse(self._bill(self.contract, None, JULY[1]))

    def test_row_that_exists_already_leaves_out_its_contract_only(self):
        other = self._start_deal()
        self._book(self.contract, "1")
        self._book(other, "2")
        bill = type(self.env["hub.billing"])._enter

        def taken(rows, vals_list):
            if any(vals["contract_id"] == other.id for vals in vals_list):
                raise UniqueViolation("billed meanwhile")
            return bill(rows, vals_list)

        with patch.object(type(self.env["hub.billing"]), "_enter", taken):
            moves, failures = (
                self.env["hub.billing.run"]
                .with_user(self.resolver)
                ._run(self.company, None, JULY[1], self.contract | other)
            )
        self.assertEqual(moves.hub_contract_id, self.contract)
        self.assertEqual([failure["contract"] for failure in failures], [other.display_name])
