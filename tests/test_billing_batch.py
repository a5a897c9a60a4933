from datetime import date
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2.errors import UniqueViolation

from .business_common import JUNE, BusinessCase

JULY_END = date(2025, 7, 31)
HUB = "lead_to_cash_hub.group_hub_"
MODULE = "odoo.addons.lead_to_cash_hub.models.business."
CARRY_OUT = MODULE + "billing_carry_out"


@tagged("post_install", "-at_install")
class TestBillingBatch(BusinessCase):
    """A billing run proposes, a person decides, and exactly what was shown is billed."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()

    def _propose(self, user=None, **values):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(user or self.resolver)
            .create({"company_id": self.company.id, "date_to": JUNE[1], **values})
        )
        batch.action_propose()
        return self._fresh(batch)

    def _fresh(self, records):
        self.env.flush_all()
        self.env.invalidate_all()
        return records.with_env(self.env)

    def _decide(self, records, user=None):
        records.with_user(user or self.approver).action_approve()
        return self._fresh(records)

    def _approve_later(self, records):
        """Approve as many at once that they are made in the background."""
        with patch(f"{CARRY_OUT}.AT_ONCE", 0):
            return records.with_user(self.approver).action_approve()

    def _clock(self):
        with patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *a, **k: 100.0):
            self.env["hub.billing.batch"]._run()

    def _codes(self, line):
        return set(line.finding_ids.mapped("code"))

    def test_what_only_buttons_set_is_refused(self):
        self._book(self.contract, "2")
        batch = self._propose()
        owner = self._make_user("owner", *(f"{HUB}{name}" for name in ("manager", "resolver")))
        values = {"company_id": self.company.id, "date_to": JUNE[1]}
        forged = {"state": "done", "author_ids": [(6, 0, [])], "proposed_at": "2025-01-01"}
        line = batch.line_ids
        finding = {"line_id": line.id, "code": "held", "severity": "hold"}
        for user in (self.resolver, self.approver, owner):
            env = self.env(user=user)
            runs, run = env["hub.billing.batch"], batch.with_env(env)
            attempts = [
                (line.with_env(env).write, {"approved_by_id": user.id}),
                (line.source_ids.with_env(env).write, {"amount": 0}),
                (env["hub.billing.finding"].create, finding),
                (run.write, {"line_ids": [(1, line.id, {"state": "approved"})]}),
                (run.write, {"line_ids": [(0, 0, {"contract_id": self.contract.id})]}),
            ]
            for name, value in forged.items():
                context = {f"default_{name}": value}
                attempts += [
                    (run.write, {name: value}),
                    (runs.create, {**values, name: value}),
                    (runs.with_context(**context).create, values),
                ]
            for attempt, written in attempts:
                with self.subTest(user.login, written=written), self.assertRaises(AccessError):
                    attempt(written)

    # --- what is proposed -------------------------------------------------------------------------

    def test_figures_of_a_proposal(self):
        # 2 x 1.5 h + 20 min at 150.00 = 500.00, with 15 % tax 575.00
        self._book(self.contract, "1.5", "1.5", "0.333333")
        line = self._propose().line_ids
        self.assertEqual(line.contract_id, self.contract)
        self.assertEqual((line.amount, line.amount_total), (500.0, 575.0))
        self.assertEqual((line.state, line.source_count), ("proposed", 3))
        self.assertAlmostEqual(line.hours, 3.333333, 5)
        sources = line.source_ids
        self.assertEqual(sorted(sources.mapped("amount")), [50.0, 225.0, 225.0])
        self.assertFalse(self.contract.move_ids, "nothing is invoiced before it is approved")
        self._decide(line)  # a third of an hour is the same third afterwards
        self.assertEqual((line.failure, self.contract.move_ids.amount_untaxed), (False, 500.0))

    def test_approved_is_billed_and_posted_with_exactly_these(self):
        entries = self._book(self.contract, "2", "3")
        batch = self._propose()
        self._book(self.contract, "4")  # approved after the proposal: the next run's
        self._decide(batch)
        move = batch.line_ids.move_id
        self.assertEqual((move.state, move.amount_untaxed), ("posted", 750.0))
        self.assertEqual(move.hub_billing_ids.entry_id, entries)
        self.assertEqual(move.hub_approved_by_id, self.approver)
        self.assertEqual(move.hub_author_ids, self.resolver)
        self.assertEqual((move.hub_period_to, batch.state), (JUNE[1], "done"))
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 4)

    def test_difference_to_the_last_period(self):
        self._invoice(self.contract, "8")  # June: 1,200.00
        self._book(self.contract, "2", day=date(2025, 7, 3))
        line = self._propose(date_to=JULY_END).line_ids
        self.assertEqual((line.previous_amount, line.difference), (1200.0, -900.0))
        self.assertEqual(self._codes(line), {"unusual"})
        self.assertIn("25 %", line.note)
        self.assertEqual(line.state, "proposed", "a warning does not stop it")

    def test_what_waits_for_approval_is_said_and_not_billed(self):
        self._book(self.contract, "2")
        self._book(self.contract, "3", "1", approval="submitted")
        line = self._propose().line_ids
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.count, finding.hours), ("unapproved", 2, 4.0))
        self.assertEqual((finding.amount, line.amount), (600.0, 300.0))
        self.assertIn("4.00 h, $\xa0600.00 (entries: 2, people: 1)", finding.sentence)

    def test_contract_with_nothing_approved_is_named(self):
        self._book(self.contract, "3", approval="submitted")
        line = self._propose().line_ids
        self.assertEqual((line.state, line.amount), ("left_out", 0.0))
        with self.assertRaises(UserError):
            line.with_user(self.resolver).action_take_in()

    def test_what_is_from_before_the_period_is_named(self):
        self._book(self.contract, "2", day=date(2025, 5, 30))
        self._book(self.contract, "1")
        line = self._propose(date_from=JUNE[0]).line_ids
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.hours, finding.amount), ("earlier", 2.0, 300.0))
        self.assertEqual(line.amount, 150.0)

    def test_blocked_contracts_are_left_out_until_they_are_mended(self):
        self._book(self.contract, "2")
        for code, breaks, mends in (
            ("purchase_order", {"po_required": True}, {"po_number": "PO-7"}),
            ("billing_contact", {"billing_contact_required": True}, None),
        ):
            self.contract.write(breaks)
            batch = self._propose()
            line = batch.line_ids
            self.assertEqual((line.state, line.blocked, line.amount), ("left_out", True, 300.0))
            self.assertEqual(self._codes(line), {code})
            with self.assertRaises(UserError):
                line.with_user(self.resolver).action_take_in()
            with self.assertRaises(UserError):
                self._decide(line)
            if not mends:
                person = self.customer.copy({"parent_id": self.customer.id, "type": "invoice"})
                mends = {"bill_partner_id": person.id}
            self.contract.write(mends)
            batch.with_user(self.resolver).action_propose()
            self.assertEqual(self._fresh(batch).line_ids.state, "proposed")
            batch.with_user(self.resolver).action_discard()
        self.assertFalse(self.contract.move_ids)

    def test_incomplete_address_price_and_locked_day_block(self):
        self._book(self.contract, "2")
        self.customer.street = False
        self.contract.sale_order_id.order_line.price_unit = 140
        self.consulting.default_code = False
        self.company.sale_lock_date = JUNE[1]
        line = self._propose(invoice_date=JUNE[1]).line_ids
        self.assertEqual(
            self._codes(line), {"customer_data", "rate", "service_code", "period_lock"}
        )
        self.assertEqual(set(line.finding_ids.mapped("severity")), {"blocking"})

    def test_held_and_small_contracts_are_billed_only_if_somebody_takes_them_in(self):
        self._book(self.contract, "2")
        with self.assertRaises(ValidationError):
            self.contract.billing_held = True
        self.contract.write({"billing_held": True, "billing_held_reason": "Deal reopened"})
        self.contract.invoice_minimum = 300.01
        batch = self._propose()
        line = batch.line_ids
        self.assertEqual(self._codes(line), {"held", "minimum"})
        self.assertIn("Deal reopened", line.note)
        self.assertEqual(line.state, "left_out")
        line.with_user(self.approver).action_take_in()
        self.assertEqual((line.state, line.taken_in_by_id), ("proposed", self.approver))
        self._decide(batch)
        self.assertEqual(
            (line.state, line.move_id.hub_author_ids), ("billed", self.resolver | self.approver)
        )

    def test_exactly_the_smallest_invoice_is_billed(self):
        self._book(self.contract, "2")
        self.contract.invoice_minimum = 300
        self.assertEqual(self._propose().line_ids.state, "proposed")

    def test_disputed_customer_invoice_holds_the_contract(self):
        invoice = self._invoice(self.contract, "8")
        invoice.with_user(self.accountant).action_toggle_block_payment()
        self._book(self.contract, "2", day=date(2025, 7, 3))
        line = self._propose(date_to=JULY_END).line_ids
        self.assertIn("disputed", self._codes(line))
        self.assertIn(invoice.name, line.note)
        self.assertEqual(line.state, "left_out")

    def test_contracts_by_filter(self):
        other = self._start_deal()
        for contract in (self.contract, other):
            self._book(contract, "1")
        batch = self._propose(contract_domain=f"[('code', '=', '{other.code}')]")
        self.assertEqual(batch.line_ids.contract_id, other)
        for wrong in ("[('nothing', '=', 1)]", "__import__('os')", "[("):
            with self.assertRaises(ValidationError):
                batch.copy({"contract_domain": wrong})

    # --- who decides ------------------------------------------------------------------------------

    def test_nobody_else_approves(self):
        self._book(self.contract, "1")
        batch = self._propose()
        for user in (self.resolver, self.viewer, self.accountant, self.technical):
            with self.assertRaises(AccessError):
                batch.with_user(user).action_approve()
        for user in (self.viewer, self.accountant):
            with self.assertRaises(AccessError):
                batch.line_ids.with_user(user).action_leave_out()
            with self.assertRaises(AccessError):
                batch.with_user(user).action_propose()
        self.assertFalse(self.contract.move_ids)

    def test_nobody_writes_a_proposal(self):
        self._book(self.contract, "1")
        batch = self._propose()
        line = batch.line_ids
        for user in (self.resolver, self.approver):
            for record, values in (
                (line, {"amount": 1.0}),
                (line, {"state": "approved"}),
                (line.source_ids, {"quantity": 9.0}),
                (batch, {"state": "done"}),
                (batch, {"author_ids": [(5,)]}),
                (batch, {"date_to": JULY_END}),
            ):
                with self.assertRaises(UserError):
                    record.with_user(user).with_context(hub_own_code=True).write(values)
            with self.assertRaises(UserError):
                batch.with_user(user).unlink()

    def test_four_eyes_from_the_limit_of_the_company_on(self):
        hub = "lead_to_cash_hub.group_hub_"
        second = self._make_user("second", "base.group_user", hub + "billing_approver")
        other = self._start_deal()
        for contract in (self.contract, other):
            self._book(contract, "2")  # 345.00 each with tax
        self.company.hub_four_eyes_limit = 690
        batch = self._propose(self.approver)
        with self.assertRaisesRegex(AccessError, "another billing approver"):
            self._decide(batch)
        self._decide(batch.line_ids[0])  # 345.00 alone are below the limit
        with self.assertRaisesRegex(AccessError, "another billing approver"):
            self._decide(batch.line_ids.filtered(lambda line: line.state == "proposed"))
        self._decide(batch, second)
        self.assertEqual(set(batch.line_ids.mapped("state")), {"billed"})
        self.assertEqual(batch.line_ids.move_id.hub_approved_by_id, self.approver | second)

    def test_proposer_below_the_limit_may(self):
        self._book(self.contract, "2")
        self.company.hub_four_eyes_limit = 345.01
        batch = self._propose(self.approver)
        self._decide(batch)
        self.assertEqual(batch.state, "done")

    def test_taking_in_what_a_rule_holds_makes_an_author(self):
        self._book(self.contract, "2")
        self.contract.invoice_minimum = 500
        self.company.hub_four_eyes_limit = 345
        batch = self._propose()
        batch.line_ids.with_user(self.approver).action_take_in()
        with self.assertRaises(AccessError):
            self._decide(batch)

    def test_other_companies_are_not_seen(self):
        self._book(self.contract, "2")
        batch = self._propose()
        other = self.env["res.company"].create({"name": "Another"})
        stranger = self._make_user(
            "stranger", "base.group_user", "lead_to_cash_hub.group_hub_billing_approver"
        )
        stranger.write({"company_id": other.id, "company_ids": [(6, 0, other.ids)]})
        own = {"allowed_company_ids": other.ids}
        for record in (batch, batch.line_ids, batch.line_ids.source_ids):
            theirs = record.with_user(stranger).with_context(**own)
            self.assertFalse(theirs.search([("id", "in", record.ids)]))
        with self.assertRaises(AccessError):
            batch.line_ids.with_user(stranger).with_context(**own).action_approve()

    # --- some of it -------------------------------------------------------------------------------

    def test_one_bad_line_is_left_out_and_stays_billable(self):
        other = self._start_deal()
        self._book(self.contract, "1")
        self._book(other, "2")
        batch = self._propose()
        bad = batch.line_ids.filtered(lambda line: line.contract_id == other)
        bad.with_user(self.approver).action_leave_out()
        batch.with_user(self.resolver).action_propose()  # proposing again keeps the decision
        bad = self._fresh(batch).line_ids.filtered(lambda line: line.contract_id == other)
        self.assertEqual((bad.state, bad.left_by_id), ("left_out", self.approver))
        self._decide(batch)
        self.assertEqual(batch.state, "done")
        self.assertFalse(other.move_ids)
        self.assertEqual(self._propose().line_ids.contract_id, other)

    def test_discarded_run_bills_nothing_and_frees_its_entries(self):
        self._book(self.contract, "1")
        batch = self._propose()
        batch.with_user(self.resolver).action_discard()
        self.assertEqual((batch.state, batch.line_ids.state), ("discarded", "discarded"))
        with self.assertRaises(UserError):
            self._decide(batch)
        batch.line_ids.with_user(self.resolver).action_leave_out()
        self.assertEqual(batch.state, "discarded")
        self.assertEqual(self._propose().line_ids.state, "proposed")

    # --- nothing twice ------------------------------------------------------------------------------

    def test_entries_of_another_open_run_are_not_proposed_again(self):
        self._book(self.contract, "2")
        first = self._propose()
        self._book(self.contract, "1")
        second = self._propose()
        line = second.line_ids
        self.assertEqual(line.amount, 150.0)
        self.assertEqual((line.finding_ids.code, line.finding_ids.amount), ("other_run", 300.0))
        self._decide(first)
        self._decide(second)
        self.assertEqual(sorted(self.contract.move_ids.mapped("amount_untaxed")), [150.0, 300.0])

    def test_two_runs_that_overlap_bill_nothing_twice(self):
        self._book(self.contract, "2")
        first = self._propose()
        first.line_ids.with_user(self.resolver).action_leave_out()
        second = self._propose()
        first.line_ids.with_user(self.resolver).action_take_in()  # now both propose the same entry
        self._decide(second)
        self._decide(first)
        self.assertEqual((second.line_ids.state, first.line_ids.state), ("billed", "failed"))
        self.assertIn("1 of its 1 entries", first.line_ids.failure)
        self.assertEqual(self.contract.move_ids.amount_untaxed, 300.0)

    def test_what_changed_since_is_not_billed(self):
        kept, changed = self._book(self.contract, "2", "3")
        batch = self._propose()
        self._change(changed, hours=4)
        self._decide(batch)
        line = batch.line_ids
        self.assertEqual((line.state, self.contract.move_ids.ids), ("failed", []))
        batch.with_user(self.resolver).action_propose()
        self._decide(batch)
        self.assertEqual(batch.line_ids.move_id.amount_untaxed, 900.0)
        self.assertEqual(batch.line_ids.move_id.hub_billing_ids.entry_id, kept | changed)

    def test_another_price_since_is_not_billed(self):
        self._book(self.contract, "2")
        batch = self._propose()
        self.contract.sale_order_id.order_line.price_unit = 140
        self._decide(batch)
        self.assertEqual(batch.line_ids.state, "failed")
        self.assertIn("280.00", batch.line_ids.failure)
        self.assertFalse(self.contract.move_ids)

    # --- failures -----------------------------------------------------------------------------------

    def test_one_that_fails_does_not_stop_the_others(self):
        contracts = self.contract
        for _ in range(4):
            contracts |= self._start_deal()
        for contract in contracts:
            self._book(contract, "1")
        bad, taken = contracts[1], contracts[3]
        batch = self._propose()
        bad.sale_order_id.order_line.tax_ids = False  # the invoice's own check finds it
        bill = type(self.env["hub.billing"])._enter

        def taken_meanwhile(rows, vals_list):
            if any(vals["contract_id"] == taken.id for vals in vals_list):
                raise UniqueViolation("billed meanwhile")
            return bill(rows, vals_list)

        self.company.account_sale_tax_id = self.tax
        with patch.object(type(self.env["hub.billing"]), "_enter", taken_meanwhile):
            self._decide(batch)
        failed = batch.line_ids.filtered(lambda line: line.state == "failed")
        self.assertEqual(failed.contract_id, bad | taken)
        self.assertFalse((bad | taken).move_ids)
        billed = batch.line_ids - failed
        self.assertEqual(set(billed.move_id.mapped("state")), {"posted"})
        self.assertEqual(len(billed.move_id), 3)

    def test_nothing_left_to_bill_is_said_and_does_not_stop_the_others(self):
        capped, cancelled = self._start_deal(), self._start_deal()
        for contract in (self.contract, capped, cancelled):
            self._book(contract, "2")
        batch = self._propose()
        capped.cap_amount = 100
        cancelled.sale_order_id.action_cancel()
        self._decide(batch)
        failed = batch.line_ids.filtered(lambda line: line.state == "failed")
        self.assertEqual(failed.contract_id, capped | cancelled)
        for line in failed:
            self.assertIn("Nothing of what was proposed", line.failure)
        self.assertEqual((batch.line_ids - failed).state, "billed")

    def test_unforeseen_error_fails_its_contract_alone(self):
        other = self._start_deal()
        for contract in (self.contract, other):
            self._book(contract, "1")
        batch = self._propose()
        line = type(self.env["hub.billing.batch.line"])
        agree = line._agree

        def broken(self_, move):
            if self_.contract_id == other:
                raise KeyError("nobody thought of this")
            return agree(self_, move)

        with (
            patch.object(line, "_agree", broken),
            mute_logger(MODULE + "invoicing"),
        ):
            self._decide(batch)
        failed = batch.line_ids.filtered(lambda line: line.state == "failed")
        self.assertEqual(failed.contract_id, other)
        self.assertIn("KeyError", failed.failure)
        self.assertEqual((self.contract.move_ids.state, other.move_ids.ids), ("posted", []))

    def test_contract_closed_since_is_not_billed(self):
        self._book(self.contract, "1")
        batch = self._propose()
        self.contract.state = "closed"
        self._decide(batch)
        self.assertEqual((batch.line_ids.state, self.contract.move_ids.ids), ("failed", []))
        self.assertIn("closed", batch.line_ids.failure)

    # --- held since ---------------------------------------------------------------------------------

    def test_held_since_the_proposal_is_left_out_and_said(self):
        other = self._start_deal()
        for contract in (self.contract, other):
            self._book(contract, "2")
        batch = self._propose()
        self.contract.write({"billing_held": True, "billing_held_reason": "Customer in dispute"})
        answer = batch.with_user(self.approver).action_approve()
        self._fresh(batch)
        self.assertEqual(answer["params"]["type"], "warning")
        held = batch.line_ids.filtered(lambda line: line.contract_id == self.contract)
        self.assertEqual((held.state, self.contract.move_ids.ids), ("left_out", []))
        self.assertIn("Customer in dispute", held.note)
        self.assertEqual((batch.line_ids - held).state, "billed")
        held.with_user(self.approver).action_take_in()
        self._decide(batch)
        self.assertEqual(held.state, "billed", "somebody decided about exactly this hold")

    def test_another_hold_than_the_one_that_was_taken_in(self):
        self._book(self.contract, "2")
        self.contract.invoice_minimum = 500
        batch = self._propose()
        batch.line_ids.with_user(self.approver).action_take_in()
        self.contract.write({"billing_held": True, "billing_held_reason": "Legal says stop"})
        self._decide(batch)
        self.assertEqual(batch.line_ids.state, "left_out")
        self.assertEqual(self._codes(batch.line_ids), {"minimum", "held"})

    def test_disputed_while_it_waits_in_the_background(self):
        invoice = self._invoice(self.contract, "8")
        self._book(self.contract, "8", day=date(2025, 7, 3))
        batch = self._propose(date_to=JULY_END)
        self._approve_later(batch)
        invoice.with_user(self.accountant).action_toggle_block_payment()
        self._clock()
        self._fresh(batch)
        self.assertEqual((batch.line_ids.state, batch.state), ("left_out", "proposed"))
        self.assertIn(invoice.name, batch.line_ids.note)
        self.assertEqual(batch.activity_ids.user_id, self.approver)

    def test_held_and_disputed_contracts_get_no_draft(self):
        disputed = self._start_deal()
        invoice = self._invoice(disputed, "8")
        invoice.with_user(self.accountant).action_toggle_block_payment()
        for contract in (self.contract, disputed):
            self._book(contract, "2", day=date(2025, 7, 3))
        self.contract.write({"billing_held": True, "billing_held_reason": "Deal reopened"})
        run = self.env["hub.billing.run"].with_user(self.resolver)
        for chosen in (None, self.contract | disputed):
            moves, failures = run._run(self.company, None, JULY_END, chosen)
            self.assertFalse(moves)
            why = " ".join(failure["why"] for failure in failures)
            self.assertIn("Deal reopened", why)
            self.assertIn(invoice.name, why)

    def test_draft_of_a_contract_that_is_held_since_is_not_posted(self):
        self._book(self.contract, "2")
        draft = self._bill(self.contract)
        self.contract.write({"billing_held": True, "billing_held_reason": "Deal reopened"})
        with self.assertRaisesRegex(UserError, "Deal reopened"):
            self._approve(draft)
        self.contract.billing_held = False
        self._approve(draft)

    # --- lines outside the ledger -------------------------------------------------------------------

    def test_line_that_the_order_itself_bills_is_named_and_not_in_the_run(self):
        self._book(self.contract, "2")
        order = self.contract.sale_order_id
        product = self.env["product.product"].create(
            {
                "name": "Licence",
                "default_code": "LIC",
                "type": "service",
                "invoice_policy": "order",
                "taxes_id": [Command.set(self.tax.ids)],
            }
        )
        order.order_line = [
            Command.create(
                {
                    "name": "Licence",
                    "product_id": product.id,
                    "product_uom_qty": 3,
                    "price_unit": 40,
                }
            )
        ]
        line = self._propose().line_ids
        finding = line.finding_ids
        self.assertEqual(
            (finding.code, finding.severity, finding.amount), ("outside", "waiting", 120.0)
        )
        self.assertIn("Licence", finding.sentence)
        self._decide(line)
        self.assertEqual((line.failure, line.state), (False, "billed"))
        self.assertEqual(line.move_id.amount_untaxed, 300.0)
        own = order.order_line.filtered(lambda sold: sold.product_id == product)
        self.assertEqual(own.qty_to_invoice, 3)
        order._create_invoices()  # as Odoo's own button does
        self.assertEqual(own.qty_to_invoice, 0)

    # --- in the background ----------------------------------------------------------------------------

    def test_run_that_is_being_billed_can_be_stopped(self):
        self._book(self.contract, "1")
        batch = self._propose()
        self._approve_later(batch)
        batch.with_user(self.resolver).action_discard()
        self._clock()
        self.assertEqual((batch.state, self.contract.move_ids.ids), ("discarded", []))

    def test_approver_who_is_gone_bills_nothing_and_the_others_are_told(self):
        self._book(self.contract, "1")
        batch = self._propose()
        self._approve_later(batch)
        batch.line_ids._keep({"approved_by_id": False})  # as when the user is deleted
        self._clock()
        self._fresh(batch)
        self.assertEqual((batch.line_ids.state, self.contract.move_ids.ids), ("failed", []))
        self.assertIn("is gone", batch.line_ids.failure)
        self.assertIn(self.approver, batch.activity_ids.user_id)

    def test_run_that_breaks_does_not_stop_the_others_and_somebody_is_told(self):
        other = self._start_deal()
        batches = self.env["hub.billing.batch"]
        for contract in (self.contract, other):
            self._book(contract, "1")
            batches |= self._propose(contract_domain=f"[('id', '=', {contract.id})]")
        self._approve_later(batches.line_ids)
        lines = type(self.env["hub.billing.batch.line"])
        changed = lines._changed

        def broken(self_):
            if self_.contract_id == self.contract:
                raise ValueError("nobody thought of this")
            return changed(self_)

        with (
            patch.object(lines, "_changed", broken),
            mute_logger(MODULE + "invoicing"),
        ):
            self._clock()
        self._fresh(batches)
        bad, good = batches
        self.assertEqual((bad.line_ids.state, good.line_ids.state), ("failed", "billed"))
        self.assertEqual((bad.state, good.state), ("proposed", "done"))
        self.assertEqual(bad.activity_ids.user_id, self.approver)
        self.assertIn("ValueError", bad.line_ids.failure)
        self.assertFalse(good.activity_ids)
        bad.with_user(self.resolver).action_propose()
        self._decide(bad)
        self.assertEqual(bad.state, "done")

    def test_step_of_the_clock_that_breaks_does_not_stop_the_others(self):
        contracts, orders = type(self.env["hub.contract"]), type(self.env["hub.purchase.order"])
        with (
            patch.object(contracts, "_hub_tell_limits", side_effect=KeyError("x")),
            patch.object(orders, "_tell") as last,
            mute_logger(MODULE + "billing_clock"),
        ):
            self._clock()
        last.assert_called_once()

    def test_many_are_made_in_the_background_in_the_name_of_the_approver(self):
        self._book(self.contract, "1")
        batch = self._propose()
        answer = self._approve_later(batch)
        self.assertEqual((answer["tag"], batch.state), ("display_notification", "working"))
        self._clock()
        self._fresh(batch)
        self.assertEqual(batch.line_ids.move_id.hub_approved_by_id, self.approver)
        self.assertEqual(batch.state, "done")
        self.assertIn("1 invoices are posted", batch.message_ids[0].body)

    def test_right_lost_meanwhile_bills_nothing(self):
        self._book(self.contract, "1")
        batch = self._propose()
        self._approve_later(batch)
        group = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        self.approver.group_ids -= group
        self._clock()
        self.assertEqual(self._fresh(batch).line_ids.state, "failed")
        self.assertFalse(self.contract.move_ids)

    def test_last_month_is_proposed_by_itself_once(self):
        self._book(self.contract, "1")
        batches = self.env["hub.billing.batch"]
        self.company.hub_billing_day = 1
        batches._propose_due()
        batches._propose_due()
        made = batches.search([("company_id", "=", self.company.id)])
        self.assertEqual(len(made), 1)
        self.assertEqual((made.state, made.date_to), ("proposed", batches._last_month_end()))
        self.assertEqual(made.line_ids.amount, 150.0)
        self._decide(made)
        self.assertEqual(made.state, "done", "nobody proposed it, any approver approves")

    def _due(self):
        """What the clock proposes of last month, for a company that wants it."""
        batches = self.env["hub.billing.batch"]
        self.company.hub_billing_day = 1
        before = batches.search([])
        batches._propose_due()
        return batches.search([]) - before

    def test_no_other_run_takes_the_place_of_the_months(self):
        self._book(self.contract, "1")
        cut_off = self.env["hub.billing.batch"]._last_month_end()
        ask = {"date_to": cut_off}
        self._propose(**ask).with_user(self.resolver).action_discard()
        self._propose(**ask, contract_domain=f"[('id', '=', {self.contract.id})]")
        self._propose(**ask, date_from=cut_off)
        self.env["hub.billing.batch"].with_user(self.resolver).create(ask)
        made = self._due()
        self.assertEqual((len(made), made.date_to), (1, cut_off))
        made.with_user(self.resolver).action_discard()
        self.assertFalse(self._due(), "once a month, whatever people make of it")

    def test_run_that_a_person_proposed_is_the_months(self):
        self._book(self.contract, "1")
        cut_off = self.env["hub.billing.batch"]._last_month_end()
        self._propose(date_from=cut_off.replace(day=1), date_to=cut_off)
        self.assertFalse(self._due())

    def test_proposal_that_fails_is_told_to_those_who_approve(self):
        self._book(self.contract, "1")
        precision = self.env["decimal.precision"].search([("name", "=", "Product Unit")])
        precision.digits = 2
        made = self._due()
        self.assertEqual(made.state, "draft")
        self.assertIn(self.approver, made.activity_ids.user_id)
        self.assertIn("1,999.50", made.activity_ids[0].note)
        self.assertFalse(self._due())
        made.activity_ids.unlink()
        precision.digits = 6
        made.with_user(self.resolver).action_propose()
        self.assertEqual(made.line_ids.state, "proposed")

    def test_unforeseen_error_in_one_company_does_not_stop_the_others(self):
        other = self.env["res.company"].create({"name": "Another", "hub_billing_day": 1})
        batch = type(self.env["hub.billing.batch"])
        propose = batch._propose

        def broken(self_):
            if self_.company_id == other:
                raise ValueError("nobody thought of this")
            return propose(self_)

        self._book(self.contract, "1")
        with patch.object(batch, "_propose", broken), mute_logger(MODULE + "invoicing"):
            made = self._due()
        self.assertEqual(
            {run.company_id: run.state for run in made}, {self.company: "proposed", other: "draft"}
        )

    # --- cost -----------------------------------------------------------------------------------------

    def test_queries_do_not_grow_with_entries(self):
        def cost(count, day):
            self._book(self.contract, *["0.5"] * count, day=day)
            self._fresh(self.contract)
            before = self.env.cr.sql_log_count
            batch = self._propose(date_from=day, date_to=day)
            proposed = self.env.cr.sql_log_count - before
            before = self.env.cr.sql_log_count
            self._decide(batch)
            self.assertEqual(batch.line_ids.source_count, count)
            return proposed, self.env.cr.sql_log_count - before

        cost(2, date(2025, 6, 2))
        few, many = cost(40, date(2025, 6, 3)), cost(80, date(2025, 6, 4))
        self.assertLessEqual(many[0] - few[0], 3)
        self.assertLessEqual(many[1] - few[1], 3)

    def test_queries_of_one_more_contract_are_bounded(self):
        def cost(count):
            contracts = [self._start_deal() for _ in range(count)]
            for contract in contracts:
                self._book(contract, "1")
            self._fresh(self.contract)
            before = self.env.cr.sql_log_count
            batch = self._propose()
            proposed = self.env.cr.sql_log_count - before
            before = self.env.cr.sql_log_count
            self._decide(batch)
            return proposed, self.env.cr.sql_log_count - before

        cost(1)
        few, many = cost(3), cost(6)
        self.assertLessEqual((many[0] - few[0]) / 3, 3)
        self.assertLessEqual((many[1] - few[1]) / 3, 60)
