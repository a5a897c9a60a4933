from unittest.mock import patch

from freezegun import freeze_time
from odoo.fields import Command
from odoo.tests import tagged
from psycopg2.errors import SerializationFailure

from ..models.business import dunning_send
from .test_collections_dunning import DunningCase
from .test_migration import migrate


@tagged("post_install", "-at_install")
class TestAfterSending(DunningCase):
    """What became of reminders: somebody learns of those that reached nobody, and they are tried again."""

    def _asked(self, run):
        return run.activity_ids.filtered(lambda one: one.user_id == self.approver)

    def test_what_failed_unseen_is_told_once_and_tried_again(self):
        self.company.hub_dunning_auto = True
        mute = self._make_customer("Mute Ltd")
        mute.email = False
        self._open(10, 10, partner=mute)
        first = self._run()
        self.assertEqual(first.state, "done")
        self.assertIn("Mute Ltd", self._asked(first).summary)
        again = self._run(days=1)
        self.assertFalse(self._asked(first), "the last run asks")
        self.assertEqual(len(self._asked(again)), 1)
        mute.email = "pay@mute.example"
        reminder = again.reminder_ids
        with freeze_time(f"{again.date} 09:00:00"):
            reminder.with_user(self.approver).action_approve()
        self._fresh()
        self.assertEqual((reminder.state, reminder.why), ("sent", False))
        self.assertEqual(len(self._mails(reminder)), 1)
        self.assertFalse(self._asked(again), "nobody is asked any more")

    def test_a_mail_that_was_refused_reminded_nobody(self):
        move = self._open(10, 10)
        reminder = self._send(self._run())
        reminder.message_post(body="Called them.", partner_ids=self.customer.ids)
        note, mail = (
            self._mails(reminder).filtered(
                lambda one, is_note=is_note: one.is_notification == is_note
            )
            for is_note in (True, False)
        )
        (note + mail).write({"state": "exception", "failure_reason": "550 no such mailbox"})
        run = self._run(days=1)
        self.assertEqual((reminder.state, reminder.sent_at), ("failed", False))
        self.assertIn("550 no such mailbox", reminder.why)
        self.assertFalse(move.hub_dunning_item_ids, "it does not count as sent")
        self.assertEqual(mail.state, "cancel", "else it would be sent beside the next one")
        self.assertTrue(self._asked(reminder.run_id))
        self.assertEqual(run.reminder_ids.level_id, self.first, "the same level again")
        self._send(run)
        self.assertEqual(move.hub_dunning_item_ids.level_id, self.first)
        other = self._send(self._run(days=40))
        self._mails(other).unlink()
        other.message_post(body="Called them again.", partner_ids=self.customer.ids)
        self._mails(other).state = "exception"
        self._run(days=41)
        self.assertEqual(other.state, "sent", "a note that did not arrive is no reminder")

    def test_a_call_about_what_is_paid_is_put_away(self):
        self.second.active = False
        self.first.write({"kind": "person", "user_id": self.approver.id})
        paid, open_ = self._open(10, 10), self._open(20, 10, partner=self._make_customer("Beta"))
        calls = self._send(self._run()).grouped("partner_id")
        self._settle(paid, 10)
        self._run(days=1)
        self.assertFalse(calls[self.customer].activity_ids)
        self.assertTrue(calls[open_.partner_id].activity_ids)

    def test_the_day_is_the_company_s_own(self):
        """At 05:40 UTC it is the evening before in California: what is promised for that day is not broken."""
        self.company.partner_id.tz = "America/Los_Angeles"
        move = self._open(10, 10)
        self._note(move, "promise", date=self.today)
        self._open(20, 10, partner=self._make_customer("Beta"))
        no_commit = patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *a, **k: 9.0)
        with freeze_time(f"{self._ago(-1)} 05:40:00"), no_commit:
            self.env["hub.dunning.run"]._nightly()
        self._fresh()
        self.assertEqual(move.hub_promise_ids.state, "open")
        run = self.env["hub.dunning.run"].search([("company_id", "=", self.company.id)])
        self.assertEqual(run.date, self.today)

    def test_many_that_are_approved_wake_the_sender_alone(self):
        self._open(10, 10)
        run = self._run()
        with patch.object(dunning_send, "GROUP", 0):
            self._send(run)
        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id.cron_name", "like", "Lead-to-Cash Hub")]
        )
        self.assertIn(self.env.ref("lead_to_cash_hub.cron_reminders"), triggers.cron_id)
        self.assertNotIn(self.env.ref("lead_to_cash_hub.cron_collections"), triggers.cron_id)
        self.assertEqual((run.state, run.reminder_ids.state), ("working", "approved"))

    def test_who_changes_the_same_rows_costs_neither_the_night_nor_the_rest(self):
        self.company.hub_dunning_auto = True
        for name in ("Beta", "Gamma"):
            self._open(10, 10, partner=self._make_customer(name))
        reminders = type(self.env["hub.dunning.reminder"])
        send, told = reminders._send, []

        def busy(these):
            if these.partner_id.name == "Beta":
                raise SerializationFailure
            return send(these)

        def progress(_cron, done=0, *, remaining):
            told.append(remaining)
            return 9.0

        with (
            patch.object(dunning_send, "GROUP", 1),
            patch.object(reminders, "_send", busy),
            patch.object(self.env.cr, "rollback") as back,
            patch.object(type(self.env["ir.cron"]), "_commit_progress", progress),
            freeze_time(f"{self.today} 06:00:00"),
        ):
            self.env["hub.dunning.run"]._nightly()
        self._fresh()
        back.assert_called_once_with()
        self.assertEqual(told, [2, 1], "first what was proposed is kept, then each group")
        run = self.env["hub.dunning.run"].search([("company_id", "=", self.company.id)])
        states = {one.partner_id.name: one.state for one in run.reminder_ids}
        self.assertEqual(states, {"Beta": "approved", "Gamma": "sent"})

    def test_a_level_whose_days_are_changed_skips_none(self):
        move = self._open(1000, 10)
        self._send(self._run())
        self.first.days = 30
        run = self._run(days=10)
        self.assertEqual(run.reminder_ids.level_id, self.second)
        self._send(run)
        run = self._run(days=30)
        self.assertEqual(run.reminder_ids.level_id, self.call, "the first was sent already")
        self._send(run)
        self.assertEqual(
            move.hub_dunning_item_ids.sorted("id").level_id, self.first + self.second + self.call
        )

    def test_what_was_sent_before_the_update_keeps_the_days_of_its_level(self):
        self._open(1000, 10)
        item = self._send(self._run()).item_ids
        self.env.cr.execute("UPDATE hub_dunning_item SET level_days = NULL")
        migrate(self.env, "post-collections", "19.0.1.4.0")
        self.assertEqual(item.level_days, 5)


@tagged("post_install", "-at_install")
class TestUnderWay(DunningCase):
    """Payments without an entry: Odoo calls an invoice paid for any of them, however small."""

    def _register(self, move, amount, currency=None):
        payment = self.env["account.payment"].create(
            {
                "amount": amount,
                "currency_id": (currency or self.dollar).id,
                "partner_id": self.customer.id,
                "journal_id": self.company_data["default_journal_bank"].id,
                "invoice_ids": [Command.link(move.id)],
            }
        )
        payment.outstanding_account_id = False  # as Odoo leaves it where its accounting app is
        payment.action_post()
        self.assertFalse(payment.move_id)
        self._fresh()

    def test_it_pays_the_parts_that_are_due_first(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days})
                    for days in (0, 5)
                ],
            }
        )
        move = self._open(1000, 20, invoice_payment_term_id=term.id, invoice_date_due=False)
        self._register(move, 500)
        rows = self.env["hub.receivable"].search([("move_id", "=", move.id)])
        self.assertEqual([(row.age, row.under_way) for row in rows], [(20, True), (15, False)])
        self.assertEqual(self._run().reminder_ids.item_ids.due, self._ago(15))

    def test_in_another_currency_it_counts_as_much_as_it_is_worth(self):
        move = self._open(400, 10, currency=self.euro)
        self._register(move, 200)  # 200 USD are 400 EUR
        self.assertTrue(self.env["hub.receivable"].search([("move_id", "=", move.id)]).under_way)
        self.assertFalse(self._run())

    def test_what_was_under_way_before_keeps_no_promise_of_the_rest(self):
        move = self._open(1000, 10)
        self._register(move, 600)
        self._note(move, "promise", amount=400, date=self._ago(-5))
        self._look()
        self.assertEqual(move.hub_promise_ids.state, "open")
        self._register(move, 400)
        self._look()
        self.assertEqual(move.hub_promise_ids.state, "kept")

    def test_what_odoo_calls_paid_can_be_disputed_all_the_same(self):
        contract = self._start_deal()
        move = self._invoice(contract, "2")
        self._register(move, 10)
        self.assertEqual(move.payment_state, "paid")
        self._note(move, "dispute", words="contested")
        self.assertEqual((move.payment_state, move.hub_disputed), ("paid", "contested"))
        row = self.env["hub.receivable"].search([("move_id", "=", move.id)])
        self.assertEqual((row.disputed, row.blocked), (True, True))
        self._book(contract, "3")
        batch = self.env["hub.billing.batch"].with_user(self.approver).create({})
        batch.action_propose()
        found = batch.line_ids.finding_ids.mapped("code")
        self.assertIn("disputed", found)
        self._note(move, "close", words="settled")
        self.assertEqual((move.payment_state, move.hub_disputed), ("paid", False))
