"""Documents for a ledger that wait together: held, gathered, approved, sent, and what the ledger answered."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .ledger_common import XeroCase
from .view_common import HubBrowser, HubScreens


class BatchCase(XeroCase):
    """Xero, with payments, and everything held for batches."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        vocabulary = cls.env.ref("lead_to_cash_hub.vocabulary_ledger_account")
        cls.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": vocabulary.id,
                "code": "090",
                "name": "Bank",
                "res_id": cls.journal.default_account_id.id,
            }
        )
        streams = cls.ledger.with_context(active_test=False).stream_ids
        streams.filtered(lambda s: s.entity_id.code == "receipt").active = True
        cls.ledger.action_grant_write_back()
        names = ("checkpoint_ledger_batch_invoices", "checkpoint_ledger_batch_receipts")
        cls.points = cls.env["hub.checkpoint"]
        for name in names:
            cls.points |= cls.env.ref(f"lead_to_cash_hub.{name}")
        assert not any(cls.points.mapped("active")), "shipped switched off"
        cls.points.active = True
        cls.second = cls._make_user(
            "second", "base.group_user", "lead_to_cash_hub.group_hub_billing_approver"
        )

    def batch(self, user=None, **values):
        batch = (
            self.env["hub.finance.batch"]
            .with_user(user or self.resolver)
            .create({"company_id": self.company.id, "system_id": self.ledger.id, **values})
        )
        batch.action_gather()
        return batch

    def approve(self, batch, user=None):
        batch.with_user(user or self.second).action_approve()
        self.settle()

    def answers(self, batch):
        self.env.invalidate_all()
        return {line.number: line.answer for line in batch.line_ids}


@tagged("post_install", "-at_install")
class TestFinanceBatch(BatchCase):
    def test_documents_wait_until_a_batch_is_approved_and_payments_come_with_the_next(self):
        move = self.posted("4", "150.00")
        payment = self._apply(self._item("payment", self._pay(move)))
        entry = self.env["account.payment"].browse(payment.res_id).move_id
        credit = self.credited(move)
        self.settle()
        self.assertFalse(self.documents())
        self.assertStates(self.message(move) | self.message(credit), "held", "held")
        self.assertFalse(self.env["mail.activity"].search([("res_model", "=", "hub.approval")]))

        batch = self.batch()
        self.assertEqual(set(self.answers(batch).values()), {"waiting"})
        by_kind = {line.kind: line for line in batch.line_ids}
        self.assertEqual(by_kind["invoice"].amount, move.amount_total)
        self.assertEqual(by_kind["credit_note"].amount, -credit.amount_total)
        # 4 h at 150.00 and 15 % tax: 690.00, credited as a whole
        shown = batch.totals_html.replace("\ufeff", "")  # Odoo puts it after a minus
        self.assertIn("690.00", shown)
        self.assertIn("-690.00", shown)
        self.assertIn("does not know this customer", batch.line_ids[0].warning)
        self.assertIn("invoices that the ledger does not have yet: 1", batch.left_html)

        self.approve(batch)
        self.assertEqual(set(self.answers(batch).values()), {"sent"})
        self.assertEqual((batch.state, batch.approved_by_id), ("done", self.second))
        self.assertEqual(
            self.documents(),
            sorted([(move.name, move.amount_total), (credit.name, credit.amount_total)]),
        )
        self.assertStates(self.message(entry)[:1], "held")
        following = self.batch()
        self.assertEqual(self.answers(following), {entry.name: "waiting"})
        self.assertEqual(following.line_ids.kind, "payment")

    def test_a_payment_is_sent_with_the_batch_after_its_invoice(self):
        move = self.posted()
        self.settle()
        self.approve(self.batch())
        payment = self._apply(self._item("payment", self._pay(move)))
        entry = self.env["account.payment"].browse(payment.res_id).move_id
        self.settle()
        batch = self.batch()
        self.assertFalse(batch.line_ids.filtered(lambda line: line.kind != "payment"))
        self.approve(batch)
        (paid,) = self.sandbox.rows["Payments"].values()
        self.assertEqual((paid["Reference"], paid["Amount"]), (entry.name, move.amount_total))
        self.assertEqual(self.answers(batch), {entry.name: "sent"})
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_without_a_checkpoint_everything_goes_at_once(self):
        self.points.active = False
        move = self.posted()
        self.settle()
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        batch = self.batch()
        self.assertFalse(batch.line_ids)
        with self.assertRaisesRegex(UserError, "Nothing of .* waits"):
            batch.with_user(self.second).action_approve()

    def test_who_posted_it_does_not_release_it(self):
        move = self.posted()
        self.settle()
        batch = self.batch()
        with self.assertRaisesRegex(AccessError, "another person approves it"):
            batch.with_user(self.approver).action_approve()
        self.assertEqual(self.answers(batch), {move.name: "waiting"})
        self.assertEqual(batch.state, "open")
        self.points.four_eyes = False
        self.approve(batch, self.approver)
        self.assertEqual(self.answers(batch), {move.name: "sent"})

    def test_who_may_decide_about_some_sends_those(self):
        mine = self.posted()
        self.settle()
        theirs = self.posted("2", "100.00")
        self.settle()
        approval = self.message(theirs).approval_ids
        self.env.cr.execute(
            "UPDATE hub_approval SET authors = %s WHERE id = %s",
            [f"[{self.second.id}]", approval.id],
        )
        self.env.invalidate_all()
        batch = self.batch()
        self.approve(batch)
        self.assertEqual(self.answers(batch), {mine.name: "sent", theirs.name: "waiting"})
        self.assertEqual(batch.state, "open")
        self.assertIn("another person approves it", str(batch.message_ids[0].body))
        third = self._make_user(
            "third", "base.group_user", "lead_to_cash_hub.group_hub_billing_approver"
        )
        self.approve(batch, third)
        self.assertEqual(batch.state, "done")

    def test_a_second_press_finds_it_decided(self):
        self.posted()
        self.settle()
        batch = self.batch()
        self.approve(batch)
        for press in (batch.with_user(self.second).action_approve, batch.action_gather):
            with self.assertRaisesRegex(UserError, "was decided already, by Second"):
                press()
        self.assertEqual(len(self.documents()), 1)

    def test_what_is_left_out_waits_for_the_next(self):
        first, second = self.posted(), self.posted("2", "100.00")
        self.settle()
        batch = self.batch()
        line = batch.line_ids.filtered(lambda one: one.number == second.name)
        line.with_user(self.resolver).action_leave_out()
        batch.action_gather()
        self.assertEqual(self.answers(batch), {first.name: "waiting", second.name: "left_out"})
        self.assertNotIn(f"{second.amount_total:,.2f}", batch.totals_html)
        line = batch.line_ids.filtered(lambda one: one.number == second.name)
        line.with_user(self.resolver).action_take_in()
        self.assertEqual(set(self.answers(batch).values()), {"waiting"})
        line.with_user(self.resolver).action_leave_out()
        self.approve(batch)
        self.assertEqual(self.documents(), [(first.name, first.amount_total)])
        self.assertEqual(batch.state, "done")
        self.assertEqual(self.answers(self.batch()), {second.name: "waiting"})

    def test_what_changed_since_it_was_gathered_is_not_sent(self):
        move = self.document()
        self.settle()
        batch = self.batch()
        move.button_draft()
        move.invoice_line_ids.price_unit = 60
        move.action_post()
        self.settle()
        self.assertEqual(self.answers(batch), {move.name: "changed"})
        with self.assertRaisesRegex(UserError, "Gather it again"):
            batch.with_user(self.second).action_approve()
        self.assertFalse(self.documents())
        batch.action_gather()
        self.approve(batch)
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])

    def test_a_refusal_stands_on_its_document_and_stays_there(self):
        move = self.posted()
        self.settle()
        batch = self.batch()
        self.sandbox.settings["lock_date"] = "2099-12-31"
        self.approve(batch)
        line = batch.line_ids
        self.assertEqual((line.answer, batch.refused_count, batch.state), ("refused", 1, "done"))
        self.assertIn("books are closed", line.answer_text)
        following = self.batch()
        self.assertIn(move.name, following.left_html)
        self.assertIn("books are closed", following.left_html)
        self.env["hub.finance.batch"]._keep_answers()
        self.env.cr.execute(
            "UPDATE hub_finance_batch_line SET message_id = NULL WHERE id = %s", [line.id]
        )
        self.env.invalidate_all()
        self.assertEqual(line.answer, "refused")
        self.assertIn("books are closed", line.answer_text)

    def test_a_later_day_waits(self):
        move = self.posted()
        self.settle()
        batch = self.batch(date_to=move.invoice_date - timedelta(days=1))
        self.assertFalse(batch.line_ids)
        self.assertIn("a day after the cut-off: 1", batch.left_html)
        batch.date_to = move.invoice_date
        batch.action_gather()
        self.approve(batch)
        late = self.posted("1", "100.00")
        late_there = late.invoice_date <= batch.date_to
        self.settle()
        line = self.batch().line_ids
        self.assertEqual(late_there, "before the cut-off" in (line.warning or ""))

    def test_the_clock_gathers_once_a_day_and_asks_the_approvers(self):
        batches = self.env["hub.finance.batch"]
        batches._clock()
        self.assertFalse(batches.search([("system_id", "=", self.ledger.id)]))
        self.posted()
        self.settle()
        batches._clock()
        self.assertFalse(batches.search([("system_id", "=", self.ledger.id)]), "it is of today")
        self.document()
        self.settle()
        self.points.batch = "hand"
        batches._clock()
        self.assertFalse(batches.search([("system_id", "=", self.ledger.id)]))
        self.points.batch = "day"
        batches._clock()
        batch = batches.search([("system_id", "=", self.ledger.id)])
        self.assertEqual(len(batch.line_ids), 1)
        self.assertLess(batch.date_to, fields.Date.today())
        self.assertIn(self.second, batch.activity_ids.user_id)
        gathered = batch.gathered_at
        batches._clock()
        self.assertEqual(batch.gathered_at, gathered)
        self.approve(batch)
        self.assertFalse(batch.activity_ids)

    def test_one_batch_of_a_ledger_is_open_at_a_time(self):
        self.batch()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            self.batch()

    def test_only_what_goes_out_is_decided_in_batches(self):
        entity = self.env.ref("lead_to_cash_hub.entity_customer")
        with self.assertRaisesRegex(ValidationError, "decided in batches"):
            self.points[0].copy({"entity_id": entity.id, "process_id": False})

    def test_who_may_do_what(self):
        self.posted()
        self.settle()
        batch = self.batch()
        for call in (
            lambda user: batch.with_user(user).action_gather(),
            lambda user: batch.with_user(user).action_approve(),
            lambda user: batch.line_ids.with_user(user).action_leave_out(),
        ):
            with self.assertRaises(AccessError):
                call(self.viewer)
        with self.assertRaisesRegex(AccessError, "none of the approvers"):
            batch.with_user(self.resolver).action_approve()
        for user in (self.resolver, self.second):
            with self.assertRaises(AccessError):
                batch.with_user(user).write({"state": "done"})
            with self.assertRaises(AccessError):
                batch.line_ids.with_user(user).write({"left_by_id": False})
        self.approve(batch)
        with self.assertRaisesRegex(UserError, "is kept"):
            batch.with_user(self.resolver).unlink()

    def test_another_company_sees_nothing_of_it(self):
        self.posted()
        self.settle()
        batch = self.batch()
        other = self._create_company(name="Other Inc")
        stranger = self._make_user(
            "stranger", "base.group_user", "lead_to_cash_hub.group_hub_billing_approver"
        )
        stranger.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        theirs = batch.with_user(stranger).with_context(allowed_company_ids=other.ids)
        for call in (theirs.action_approve, theirs.action_gather, lambda: theirs.read(["name"])):
            with self.assertRaises(AccessError):
                call()
        self.assertFalse(theirs.search([]))
        lines = self.env["hub.finance.batch.line"].with_user(stranger)
        self.assertFalse(lines.with_context(allowed_company_ids=other.ids).search([]))
        draft = theirs.new({"company_id": self.company.id, "system_id": self.ledger.id})
        self.assertFalse(draft.left_html)
        with self.assertRaisesRegex(ValidationError, "does not serve"), self.env.cr.savepoint():
            batch.sudo().create({"company_id": other.id, "system_id": self.ledger.id})

    def test_gathering_asks_as_much_for_many_as_for_few(self):
        contract = self._start_deal()
        for hours in ("1", "2"):
            self._invoice(contract, hours)
        self.settle()

        def cost(batch):
            # in one second it would be gathered at the same moment, and not be written
            self.env.cr.execute("UPDATE hub_finance_batch SET gathered_at = NULL")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            batch._gather()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        batch = self.batch()
        cost(batch)
        few = cost(batch)
        for hours in ("3", "4"):
            self._invoice(contract, hours)
        self.settle()
        batch._gather()
        self.assertLessEqual(cost(batch), few)
        self.assertEqual(len(batch.line_ids), 4)


@tagged("post_install", "-at_install")
class TestFinanceBatchTour(BatchCase, HubScreens, HubBrowser):
    def test_a_controller_sends_what_waits(self):
        self.second.password = self.second.login
        contract = self._start_deal()
        first, second = self._invoice(contract, "1"), self._invoice(contract, "2")
        self.settle()
        self.start_tour(
            "/odoo/hub-ledger-batches", "hub_finance_batch", login=self.second.login, timeout=180
        )
        batch = self.env["hub.finance.batch"].search([("system_id", "=", self.ledger.id)])
        self.assertEqual((batch.state, batch.approved_by_id), ("done", self.second))
        self.settle()
        self.assertEqual(self.answers(batch), {first.name: "sent", second.name: "left_out"})
