from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from psycopg2 import IntegrityError

from ..models.business.locked import locked
from .collections_common import CollectionsCase


class DunningCase(CollectionsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.second, cls.call = cls._levels(cls)

    def _run(self, days=0):
        """The clock's night, so many days from now; the run of the company that came of it."""
        day = self.today + timedelta(days=days)
        no_commit = patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *a, **k: 9.0)
        with freeze_time(f"{day} 06:00:00"), no_commit:
            self.env["hub.dunning.run"]._nightly()
        self._fresh()
        runs = self.env["hub.dunning.run"].search([("company_id", "=", self.company.id)])
        return runs.filtered(lambda run: run.date == day)

    def _send(self, run):
        with freeze_time(f"{run.date} 09:00:00"):
            run.with_user(self.approver).action_approve()
        self._fresh()
        return run.reminder_ids

    def _listed(self, reminder):
        return [
            (item.move_id, item.level_id, item.currency_id.name, item.amount)
            for item in reminder.item_ids.sorted("id")
        ]

    def _mails(self, reminder):
        return self.env["mail.mail"].search(
            [("model", "=", reminder._name), ("res_id", "in", reminder.ids)]
        )


@tagged("post_install", "-at_install")
class TestDunning(DunningCase):
    """Who is reminded of what, when, and never twice."""

    def test_one_mail_a_customer_with_all_that_is_overdue_by_currency(self):
        dollars = self._open(1000, 10)
        self._settle(dollars, 250)
        euros = self._open(400, 45, currency=self.euro)
        young = self._open(80, 3)  # overdue, and no level is due yet
        self._open(5000, 0)  # due today
        self._open(70, 20, move_type="out_refund")  # not applied
        run = self._run()
        self.assertEqual((run.state, run.reminder_count), ("proposed", 1))
        reminder = run.reminder_ids
        self.assertEqual((reminder.partner_id, reminder.level_id), (self.customer, self.first))
        # 1000 - 250 + 80 - 70 = 760 USD; 400 EUR = 200 USD
        self.assertEqual(reminder.amount, 960)
        self.assertEqual(
            {currency.name: amount for currency, amount in reminder._by_currency()},
            {"USD": 760, "EUR": 400},
        )
        levels = {item.move_id: item.level_id for item in reminder.item_ids}
        self.assertEqual(levels[dollars], self.first)
        self.assertEqual(levels[euros], self.first, "however late, the first comes first")
        self.assertFalse(levels[young], "only listed")
        self.assertEqual(len(levels), 4)
        self.assertFalse(self._mails(reminder), "nothing leaves before somebody approves it")
        self._send(run)
        self.assertEqual((run.state, reminder.state), ("done", "sent"))
        mail = self._mails(reminder)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.recipient_ids, self.customer)
        body = str(mail.body_html)
        for words in (
            "Please pay.",
            dollars.name,
            euros.name,
            young.name,
            "750.00",
            "400.00",
            "760.00",
            "-70.00",
        ):
            self.assertIn(
                words,
                body.replace("\N{NO-BREAK SPACE}", "").replace("\N{ZERO WIDTH NO-BREAK SPACE}", ""),
            )
        self.assertNotIn("5,000.00", body)
        self.assertEqual(dollars.hub_dunning_item_ids.level_id, self.first)

    def test_levels_come_one_after_the_other_with_days_between(self):
        move = self._open(1000, 5)
        self._send(self._run())
        self.assertFalse(self._run(days=9), "14 days overdue: the second comes after 20")
        run = self._run(days=15)
        self.assertEqual(run.reminder_ids.level_id, self.second)
        self._send(run)
        self.assertFalse(self._run(days=34), "39 days overdue")
        run = self._run(days=35)
        reminder = run.reminder_ids
        self.assertEqual((reminder.level_id, reminder.kind), (self.call, "person"))
        self._send(run)
        self.assertFalse(self._mails(reminder), "a person calls, no mail goes")
        activity = reminder.activity_ids
        self.assertEqual(activity.user_id, self.approver)
        self.assertIn("Ask when they pay.", activity.note)
        self.assertIn(move.name, activity.note)
        self.assertFalse(self._run(days=200), "nothing comes after the last level")
        self.assertEqual(
            move.hub_dunning_item_ids.sorted("id").level_id, self.first + self.second + self.call
        )

    def test_an_old_one_waits_for_the_days_between(self):
        self._open(1000, 100)
        self._send(self._run())
        self.assertFalse(self._run(days=9))
        self.assertEqual(self._run(days=10).reminder_ids.level_id, self.second)

    def test_a_mail_and_a_call_to_one_customer_are_two(self):
        old, new = self._open(1000, 100), self._open(50, -8)
        self._send(self._run())
        self._send(self._run(days=10))
        run = self._run(days=17)
        by_kind = {reminder.kind: reminder for reminder in run.reminder_ids}
        self.assertEqual(self._listed(by_kind["person"]), [(old, self.call, "USD", 1000)])
        self.assertEqual(
            self._listed(by_kind["mail"]),
            [(old, self.env["hub.dunning.level"], "USD", 1000), (new, self.first, "USD", 50)],
        )
        self.assertEqual(run.amount, 1050, "what both list is overdue once")
        by_kind["mail"].with_user(self.approver).action_leave_out()
        self._fresh()
        self.assertEqual(run.amount, 1000)

    def test_what_is_held_is_not_dunned(self):
        disputed, promised, paid, open_ = (self._open(100 + i, 10) for i in range(4))
        self._note(disputed, "dispute", words="contested")
        self._note(promised, "promise", date=self.today)
        self._settle(paid, 102)
        run = self._run()
        self.assertEqual(self._listed(run.reminder_ids), [(open_, self.first, "USD", 103)])
        self._send(run)
        self._note(disputed, "close", words="settled")
        run = self._run(days=1)
        self.assertEqual(promised.hub_promise_ids.state, "broken")
        # the one of 103 is listed, its second level is not due
        self.assertEqual(
            {move: level for move, level, _c, _a in self._listed(run.reminder_ids)},
            {disputed: self.first, promised: self.first, open_: self.env["hub.dunning.level"]},
        )

    def test_looked_at_again_at_the_moment_of_sending(self):
        paid, disputed, promised, partly = (self._open(100 * i, 10) for i in range(1, 5))
        other = self._make_customer("Beta Ltd")
        gone = self._open(900, 10, partner=other)
        run = self._run()
        self.assertEqual(run.reminder_count, 2)
        self._settle(paid, 100)
        self._note(disputed, "dispute", words="contested")
        self._note(promised, "promise", date=self.today + timedelta(days=3))
        self._settle(partly, 150)
        self._settle(gone, 900)
        late = self._open(7, 10)  # became known after the proposal: listed, not reminded of
        self._send(run)
        reminder = run.reminder_ids.filtered(lambda one: one.partner_id == self.customer)
        self.assertEqual(
            self._listed(reminder),
            [(partly, self.first, "USD", 250), (late, self.env["hub.dunning.level"], "USD", 7)],
        )
        self.assertEqual(reminder.state, "sent")
        left = run.reminder_ids - reminder
        self.assertEqual(left.state, "left_out")
        self.assertFalse(self._mails(left))
        self.assertEqual(self._run(days=1).reminder_ids.item_ids.filtered("level_id").move_id, late)

    def test_what_credits_cover_is_not_dunned(self):
        self._open(100, 10)
        self._open(100, 2, move_type="out_refund")
        euros = self._open(60, 10, currency=self.euro)
        self._settle(self.customer, 30)
        run = self._run()
        self.assertEqual(self._listed(run.reminder_ids), [(euros, self.first, "EUR", 60)])

    def test_parts_of_an_invoice_are_dunned_each_by_its_due_date(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    (0, 0, {"value": "percent", "value_amount": 50, "nb_days": days})
                    for days in (0, 30)
                ],
            }
        )
        move = self._open(1000, 10, invoice_payment_term_id=term.id, invoice_date_due=False)
        run = self._run()
        self.assertEqual(self._listed(run.reminder_ids), [(move, self.first, "USD", 500)])
        self._send(run)
        self._settle(move, 500)
        run = self._run(days=25)  # the second half is 5 days overdue
        self.assertEqual(self._listed(run.reminder_ids), [(move, self.first, "USD", 500)])

    def test_nothing_twice_whatever_happens(self):
        move = self._open(1000, 10)
        reminder = self._send(self._run())
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            reminder.item_ids.copy({"reminder_id": reminder.id, "sent_on": self.today})
            self.env.flush_all()
        with freeze_time(f"{self.today} 10:00:00"):
            reminder.run_id.with_user(self.approver).action_approve()
            with self.assertRaises(UserError):
                self.env["hub.dunning.run"].with_user(self.approver).action_propose()
        self.assertEqual(len(self._mails(reminder)), 1)
        self.assertEqual(len(move.hub_dunning_item_ids), 1)

    def test_a_customer_without_an_address_fails_alone_and_comes_again(self):
        mute = self._make_customer("Mute Ltd")
        mute.email = False
        self._open(10, 10, partner=mute)
        self._open(20, 10)
        run = self._run()
        self._send(run)
        states = {reminder.partner_id: reminder.state for reminder in run.reminder_ids}
        self.assertEqual(states, {mute: "failed", self.customer: "sent"})
        failed = run.reminder_ids.filtered(lambda one: one.partner_id == mute)
        self.assertIn("Mute Ltd", failed.why)
        self.assertEqual(self._run(days=1).reminder_ids.partner_id, mute)

    def test_what_is_no_address_fails_too(self):
        self.customer.email = "accounting department"
        self._open(10, 10)
        reminder = self._send(self._run())
        self.assertEqual((reminder.state, bool(reminder.item_ids.sent_on)), ("failed", False))
        self.assertIn("no valid e-mail address", reminder.why)

    def test_nobody_who_left_is_written_to(self):
        pat, kim = self.env["res.partner"].create(
            [
                {"name": name, "parent_id": self.customer.id, "email": f"{name}@customer.example"}
                for name in ("pat", "kim")
            ]
        )
        for contact in (pat, kim):
            self._open(10, 10, partner=contact)
        run = self._run()
        self.assertIn(run.reminder_ids.recipient_id, pat | kim)
        pat.active = False
        kim.parent_id = self._make_customer("Another Firm")
        self.assertEqual(run.reminder_ids.recipient_id, self.customer)

    def test_an_entry_that_is_not_due_is_not_overdue(self):
        """An opening balance or a charge on the customer's account is no invoice, and has a due date all the same."""
        self._charge(500, -30)
        move = self._open(100, 10)
        run = self._run()
        self.assertEqual(run.reminder_ids.item_ids.move_id, move)
        self._settle(self.customer, 100)
        self.assertEqual(self._send(run).state, "left_out", "a credit covers what is overdue")

    def test_a_small_payment_under_way_holds_neither_a_reminder_nor_a_promise(self):
        """Odoo calls an invoice paid as soon as any payment without an entry is registered."""
        move = self._open(1000, 10)
        self._note(move, "promise", amount=1000, date=self._ago(-5))
        payment = self.env["account.payment"].create(
            {
                "amount": 10,
                "partner_id": self.customer.id,
                "journal_id": self.company_data["default_journal_bank"].id,
                "invoice_ids": [Command.link(move.id)],
            }
        )
        payment.outstanding_account_id = False  # as Odoo leaves it where its accounting app is
        payment.action_post()
        self.assertFalse(payment.move_id)
        self.assertEqual((move.payment_state, move.amount_residual), ("paid", 1000))
        self._look()
        self.assertEqual(move.hub_promise_ids.state, "open")
        self._look(days=6)
        self.assertEqual(move.hub_promise_ids.state, "broken")
        self.assertEqual(self._run().reminder_ids.item_ids.move_id, move)

    def test_a_call_is_not_given_to_who_may_not_see_invoices(self):
        self._open(1000, 100)
        self.call.days_between = self.second.days_between = 0
        for days in (0, 1):
            self._send(self._run(days))
        self.approver.active = False
        run = self._run(2)
        reminder = run.reminder_ids
        self.assertEqual(reminder.kind, "person")
        with freeze_time(f"{run.date} 09:00:00"):
            reminder._approve(self.env.user)
        self._fresh()
        self.assertEqual(reminder.state, "failed")
        self.assertIn("choose who calls", reminder.why)

    def test_approvers_are_asked_and_one_run_is_open(self):
        self._open(10, 10)
        run = self._run()
        self.assertIn(self.approver, run.activity_ids.user_id)
        self.assertFalse(self._run(days=1), "the first one waits")
        run.with_user(self.approver).action_discard()
        self.assertEqual((run.state, run.reminder_ids.state), ("discarded", "left_out"))
        self.assertFalse(run.activity_ids)
        again = self._run(days=1)
        again.reminder_ids.with_user(self.approver).action_leave_out()
        self._fresh()
        self.assertEqual((again.state, again.reminder_ids.state), ("done", "left_out"))

    def test_unseen_where_the_company_wants_it(self):
        self.company.hub_dunning_auto = True
        self._open(10, 10)
        run = self._run()
        self.assertEqual((run.state, run.reminder_ids.state), ("done", "sent"))
        self.assertEqual(len(self._mails(run.reminder_ids)), 1)

    def test_only_approvers_send(self):
        self._open(10, 10)
        run = self._run()
        for user in (self.accountant, self.viewer, self.resolver):
            for act in ("action_approve", "action_discard", "action_propose"):
                with self.assertRaises(AccessError):
                    getattr(run.with_user(user), act)()
            with self.assertRaises(AccessError):
                run.reminder_ids.with_user(user).action_leave_out()
        with self.assertRaises(AccessError):
            run.with_user(self.approver).write({"state": "done"})
        with self.assertRaises(AccessError):
            run.reminder_ids.item_ids.with_user(self.approver).write({"level_id": False})

    def test_levels_that_cannot_be_sent_are_refused(self):
        levels = self.env["hub.dunning.level"]
        values = {"company_id": self.company.id, "name": "X", "days": 99, "sentence": "x"}
        for wrong in (
            {"kind": "person"},
            {"kind": "person", "user_id": self.viewer.id},
            {"template_id": self.env.ref("lead_to_cash_hub.retainer_statement_mail").id},
        ):
            with self.assertRaises(ValidationError):
                levels.create({**values, **wrong})
        with self.assertRaises(IntegrityError), self.env.cr.savepoint():
            levels.create({**values, "days": 5})
            self.env.flush_all()
        with self.assertRaises(AccessError):
            levels.with_user(self.approver).create(values)


@tagged("post_install", "-at_install")
class TestDunningCompanies(DunningCase):
    """Each company reminds of its own, by its own levels, and shows it to its own people."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_data = cls.collect_company_accounting_data(cls._create_company(name="Other Ltd"))
        cls.other = cls.other_data["company"]

    def _theirs(self, amount):
        move = (
            self.env["account.move"]
            .with_company(self.other)
            .with_context(allowed_company_ids=self.other.ids)
            .create(
                {
                    "move_type": "out_invoice",
                    "company_id": self.other.id,
                    "partner_id": self.customer.id,
                    "invoice_date": self._ago(10),
                    "invoice_date_due": self._ago(10),
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [
                        (0, 0, {"name": "Work", "price_unit": amount, "tax_ids": False})
                    ],
                }
            )
        )
        move.action_post()
        return move

    def test_a_customer_of_both_gets_a_mail_of_each_with_its_own_levels(self):
        self.customer.with_company(self.other).property_account_receivable_id = self.other_data[
            "default_account_receivable"
        ]
        ours, theirs = self._open(100, 10), self._theirs(55)
        run = self._run()
        self.assertEqual(self._listed(run.reminder_ids), [(ours, self.first, "USD", 100)])
        self.assertFalse(self.env["hub.dunning.run"].search([("company_id", "=", self.other.id)]))
        level = self.env["hub.dunning.level"].create(
            {"company_id": self.other.id, "name": "Theirs", "days": 1, "sentence": "Pay."}
        )
        self._run(days=1)
        run = self.env["hub.dunning.run"].search([("company_id", "=", self.other.id)])
        self.assertEqual(run.reminder_ids.item_ids.move_id, theirs)
        self.assertEqual(run.reminder_ids.level_id, level)

        # The approver belongs to the first company alone.
        theirs_seen = run.with_user(self.approver).with_context(
            allowed_company_ids=self.company.ids
        )
        with self.assertRaises(AccessError):
            theirs_seen.action_approve()
        with self.assertRaises(AccessError):
            theirs_seen.reminder_ids.action_approve()
        receivables = self.env["hub.receivable"].with_user(self.approver)
        self.assertEqual(receivables.search([("partner_id", "=", self.customer.id)]).move_id, ours)


@tagged("post_install", "-at_install")
class TestReceivables(DunningCase):
    """The ageing of what is open, by currency, from Odoo's residuals."""

    def test_buckets_by_currency(self):
        for amount, overdue in (
            (1, 0),
            (2, 1),
            (4, 30),
            (8, 31),
            (16, 60),
            (32, 61),
            (64, 90),
            (128, 91),
        ):
            self._open(amount, overdue)
        self._open(10, 91, currency=self.euro)
        part = self._open(1000, 45)
        self._settle(part, 400)
        self._open(25, 5, move_type="out_refund", invoice_date=self._ago(40))  # as old as it is
        self._settle(self.customer, 3)
        groups = (
            self.env["hub.receivable"]
            .with_user(self.accountant)
            ._read_group(
                [("partner_id", "=", self.customer.id)],
                ["currency_id", "bucket"],
                ["residual:sum", "company_residual:sum"],
            )
        )
        found = {
            (currency.name, bucket): (total, in_company)
            for currency, bucket, total, in_company in groups
        }
        self.assertEqual(
            found,
            {
                ("USD", "not_due"): (1 - 3, 1 - 3),
                ("USD", "1_30"): (2 + 4, 2 + 4),
                ("USD", "31_60"): (8 + 16 + 600 - 25, 8 + 16 + 600 - 25),
                ("USD", "61_90"): (32 + 64, 32 + 64),
                ("USD", "over_90"): (128, 128),
                ("EUR", "over_90"): (10, 5),
            },
        )

    def test_holds_and_the_last_reminder_stand_beside_it(self):
        move = self._open(10, 10)
        self._send(self._run())
        self._note(move, "promise", date=self.today)
        self._note(move, "dispute", words="why")
        row = self.env["hub.receivable"].search([("move_id", "=", move.id)])
        self.assertEqual(
            (row.kind, row.age, row.level_id, row.promised_until, row.disputed),
            ("invoice", 10, self.first, self.today, True),
        )
        for one in (row, move.hub_promise_ids, move.hub_dispute_ids):
            self.assertEqual(one.action_open()["res_id"], move.id)
        move.hub_dispute_ids._close("settled")
        move.action_toggle_block_payment()
        self._fresh()
        row = self.env["hub.receivable"].search([("move_id", "=", move.id)])
        self.assertEqual((row.disputed, row.blocked), (False, True), "nobody contests it")

    def test_twice_as_much_costs_no_more_queries(self):
        def cost():
            self._fresh()
            before = self.env.cr.sql_log_count
            due = self.env["hub.dunning.reminder"]._due(self.company, self.today)
            return self.env.cr.sql_log_count - before, len(due)

        def fill(count):
            for i in range(count):
                partner = self._make_customer(f"C{i}")
                self._open(100, 10, partner=partner)
                self._open(50, 50, partner=partner, currency=self.euro)

        fill(4)
        cost()
        few, customers = cost()
        fill(4)
        twice, more = cost()
        self.assertEqual(more, 2 * customers)
        self.assertLessEqual(twice, few)

    def test_looking_again_at_twice_as_many_costs_no_more_queries(self):
        for i in range(8):
            self._open(100, 10, partner=self._make_customer(f"C{i}"))
        ids = self._run().reminder_ids.ids

        def cost(some):
            self._fresh()
            before = self.env.cr.sql_log_count
            with self.env.cr.savepoint() as savepoint:
                still = locked(self.env["hub.dunning.reminder"].browse(some), "proposed")
                self.assertEqual(len(still._look_again(self.today)), len(some))
                self.env.flush_all()
                count = self.env.cr.sql_log_count - before
                savepoint.rollback()
            return count

        cost(ids)  # caches
        self.assertLessEqual(cost(ids), cost(ids[:4]))
