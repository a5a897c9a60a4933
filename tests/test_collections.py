from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .collections_common import CollectionsCase


@tagged("post_install", "-at_install")
class TestPromises(CollectionsCase):
    """A promise to pay: noted, kept, broken, replaced."""

    def _promise(self, move, days=5, amount=None, **values):
        values = {
            "date": self.today + timedelta(days=days),
            "words": "Ms Okafor, by telephone",
            **values,
        }
        if amount is not None:
            values["amount"] = amount
        self._note(move, "promise", **values)
        return move.hub_promise_ids[:1]

    def test_noted_with_who_and_how_much(self):
        move = self._open(1000, 10)
        promise = self._promise(move, amount=600)
        self.assertEqual(
            (promise.state, promise.amount, promise.residual, promise.noted_by_id, promise.note),
            ("open", 600, 1000, self.approver, "Ms Okafor, by telephone"),
        )
        self.assertEqual(move.hub_promised_until, self.today + timedelta(days=5))
        said = move.message_ids[0]
        self.assertIn("600.00", said.body)
        self.assertIn("Ms Okafor", said.body)
        self.assertEqual(said.author_id, self.approver.partner_id)

    def test_kept_as_soon_as_so_much_is_paid(self):
        move = self._open(1000, 10, currency=self.euro)
        promise = self._promise(move, amount=600)
        self._settle(move, 599.99)
        self._look()
        self.assertEqual(promise.state, "open")
        self._settle(move, 0.01)
        self._look()
        self.assertEqual((promise.state, promise.settled_on), ("kept", self.today))
        self.assertEqual((move.amount_residual, move.hub_promised_until), (400, False))

    def test_broken_only_after_its_day_and_then_somebody_is_told(self):
        move = self._open(1000, 10)
        promise = self._promise(move)
        self._settle(move, 300)
        self._look(days=5)
        self.assertEqual(promise.state, "open", "on the day itself it may still be kept")
        self.assertFalse(move.activity_ids)
        self._look(days=6)
        self.assertEqual(promise.state, "broken")
        self.assertFalse(move.hub_promised_until)
        activity = move.activity_ids
        self.assertEqual(activity.user_id, self.approver, "who noted it")
        self.assertIn("700.00", activity.summary)
        self._look(days=7)
        self.assertEqual(len(move.activity_ids), 1, "once")

    def test_a_credit_note_counts_like_money(self):
        move = self._open(1000, 10)
        promise = self._promise(move, amount=400)
        credit = self._open(400, 0, move_type="out_refund")
        lines = (move + credit).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        lines.reconcile()
        self._look(days=6)
        self.assertEqual(promise.state, "kept")

    def test_a_new_promise_replaces_the_open_one(self):
        move = self._open(1000, 10)
        first = self._promise(move, days=2)
        second = self._promise(move, days=9)
        self.assertEqual((first.state, second.state), ("replaced", "open"))
        self.assertEqual(move.hub_promised_until, self.today + timedelta(days=9))

    def test_an_invoice_that_goes_back_to_draft_has_none(self):
        move = self._open(1000, 10)
        promise = self._promise(move)
        move.button_draft()
        self._look()
        self.assertEqual(promise.state, "withdrawn")

    def test_what_is_no_promise_is_refused(self):
        move = self._open(1000, 10)
        for days, amount in ((-1, 1000), (1, 0), (1, -5), (1, 1000.01)):
            with self.assertRaises(UserError):
                self._promise(move, days=days, amount=amount)
        with self.assertRaises(UserError):
            self._promise(move, date=False)
        self._settle(move, 1000)
        with self.assertRaises(UserError):
            self._promise(move)
        with self.assertRaises(UserError):
            self._promise(self._open(10, 0, move_type="out_refund"))

    def test_only_who_may_write_the_invoice_notes_and_nobody_edits(self):
        move = self._open(1000, 10)
        promise = self._promise(move)
        for user in (self.viewer, self.resolver):
            with self.assertRaises(AccessError):
                self.env["hub.collect"].with_user(user).create({"move_id": move.id})
        for user in (self.approver, self.accountant):
            with self.assertRaises(AccessError):
                promise.with_user(user).write({"amount": 1})
            with self.assertRaises(AccessError):
                move.with_user(user).write({"hub_promise_ids": [(2, promise.id)]})

    def test_a_customer_in_the_portal_does_not_read_what_is_noted(self):
        portal = self._make_user("portal-pat", "base.group_portal")
        names = ["name", "hub_promised_until", "hub_disputed", "hub_promise_ids"]
        names += ["hub_dispute_ids", "hub_dunning_item_ids", "hub_check_ids", "hub_billing_ids"]
        self.assertEqual(
            set(self.env["account.move"].with_user(portal).fields_get(names)), {"name"}
        )


@tagged("post_install", "-at_install")
class TestDisputes(CollectionsCase):
    """A dispute holds an invoice as Odoo blocks one, with a reason, until somebody says how it ended."""

    def test_opened_and_closed_with_words(self):
        move = self._open(1000, 10)
        self._settle(move, 300)
        self._note(move, "dispute", words="6 hours contested")
        dispute = move.hub_dispute_ids
        self.assertEqual(
            (move.payment_state, move.hub_disputed, dispute.opened_by_id),
            ("blocked", "6 hours contested", self.approver),
        )
        self.assertIn("6 hours contested", move.message_ids[0].body)
        self._note(move, "close", user=self.accountant, words="2 hours credited")
        self.assertEqual(
            (
                move.payment_state,
                move.hub_disputed,
                dispute.state,
                dispute.outcome,
                dispute.closed_by_id,
            ),
            ("partial", False, "closed", "2 hours credited", self.accountant),
        )
        self.assertIn("2 hours credited", move.message_ids[0].body)
        self._note(move, "dispute", words="again")
        self.assertEqual(len(move.hub_dispute_ids), 2)

    def test_words_are_asked_for_and_once_is_enough(self):
        move = self._open(1000, 10)
        with self.assertRaises(UserError):
            self._note(move, "dispute", words="  ")
        with self.assertRaises(UserError):
            self._note(move, "close", words="there was none")
        self._note(move, "dispute", words="why")
        with self.assertRaises(UserError):
            self._note(move, "dispute", words="why again")
        with self.assertRaises(UserError):
            self._note(move, "close", words="")

    def test_what_is_blocked_by_odoos_button_is_disputed_all_the_same(self):
        move = self._open(1000, 10)
        move.action_toggle_block_payment()
        self._note(move, "dispute", words="why")
        self.assertEqual(move.payment_state, "blocked")
        move.with_user(self.approver).action_toggle_block_payment()
        self._fresh()
        self.assertEqual((move.payment_state, move.hub_dispute_ids.state), ("not_paid", "closed"))

    def test_what_is_paid_is_in_dispute_no_more(self):
        move = self._open(1000, 10)
        self._note(move, "dispute", words="why")
        self._settle(move, 999)
        self._look()
        self.assertEqual((move.payment_state, move.hub_dispute_ids.state), ("blocked", "open"))
        self._settle(move, 1)
        self.assertEqual(move.payment_state, "blocked", "Odoo leaves it blocked")
        self._look()
        self.assertEqual((move.payment_state, move.hub_dispute_ids.state), ("paid", "closed"))

    def test_the_other_company_sees_nothing(self):
        move = self._open(1000, 10)
        self._note(move, "dispute", words="why")
        self._note(move, "promise", date=self.today)
        other = self.env["res.company"].create({"name": "Other Ltd"})
        stranger = self._make_user("stranger", "base.group_user", "account.group_account_invoice")
        stranger.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        for model in ("hub.dispute", "hub.promise", "hub.receivable"):
            rows = self.env[model].with_user(stranger).with_context(allowed_company_ids=other.ids)
            self.assertFalse(rows.search([("move_id", "=", move.id)]), model)
        with self.assertRaises(AccessError):
            theirs = move.with_context(allowed_company_ids=other.ids)
            self._note(theirs, "close", user=stranger, words="not mine")
