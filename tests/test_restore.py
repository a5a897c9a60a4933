from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..connectors.parts import Record
from ..core import strict_json
from .hub_common import HubCase, version


@tagged("post_install", "-at_install")
class TestRestore(HubCase):
    """A restored database reads again at once, and sends only what a person compared before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("restore-manager", "manager")
        cls.resolver = cls._make_role("restore-resolver", "resolver")
        cls.out = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "out"
        )
        cls.out.active = True

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.balance = "1"
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                key: {"balance": self.balance} for key in records.ids
            },
        )
        self.listed = []
        self.stub.listing = lambda entity, since, until: iter([self.listed])
        self.work(self._company("71", name="One"))
        self.stub.effects.clear()

    def _change(self, balance="1b"):
        self.balance = balance
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("71").ids)
        self.drain()

    def _restore(self):
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", "1:2:3")
        self.system.with_user(self.manager).action_confirm_database()
        self.env.flush_all()

    def _compare(self):
        self.out.with_user(self.manager).action_compare()
        with self.engine_env() as env:
            env["hub.gap"].search([("state", "=", "due")])._compare()
        return self.env["hub.gap"].search([("stream_id", "=", self.out.id)], limit=1)

    def _sent(self):
        return self.env["hub.message"].search([("direction", "=", "out"), ("state", "=", "done")])

    def test_reading_goes_on_and_sending_waits_for_a_comparison(self):
        self._restore()
        self.assertTrue(self.out.restored_at and self.out.paused)
        self.assertEqual(
            len(self.issues("restored").filtered(lambda i: i.stream_id == self.out)), 1
        )
        self._change()
        self.assertStates(self.work(self._company("72", name="Two")), "done")
        self.assertFalse(self.stub.effects)
        with self.assertRaisesRegex(UserError, "restored"):
            self.out.with_user(self.manager).action_resume()
        with self.assertRaisesRegex(UserError, "compared"):
            self.out.with_user(self.manager).action_reopen()
        self.assertFalse(self.stub.effects)

    def test_after_the_comparison_today_s_values_are_sent(self):
        self.out.paused = True
        self._change()
        self.env.cr.execute("UPDATE hub_message SET received_at = received_at - interval '1 hour'")
        self._restore()
        self.listed = [
            Record("customer", key, version(1), None, strict_json.dumps({"id": key}))
            for key in ("71", "99")
        ]
        gap = self._compare()
        self.assertEqual((gap.state, gap.gaps, gap.requested_count), ("different", ["99"], 0))
        self.assertIn("1 records of the product are not linked", gap.sentence)
        self.balance = "2"
        self.out.with_user(self.manager).action_reopen()
        self.assertFalse(self.out.restored_at or self.out.paused)
        self.drain()
        (values,) = [value for sent in self.stub.effects.values() for value in sent]
        self.assertIn("2", str(values))
        audit = self.env["hub.audit"].search([("action", "=", "reopen")])
        self.assertEqual((audit.user_id, audit.res_id), (self.manager, self.out.id))
        self.assertEqual(audit.value_ids.body["not_linked"], 1)
        self.assertFalse(self.issues("restored").filtered(lambda i: i.stream_id == self.out))

    def test_the_comparison_begins_at_the_last_thing_that_was_sent(self):
        self._change()
        self.env.cr.execute(
            """UPDATE hub_message SET done_at = done_at - interval '10 days',
                      received_at = received_at - interval '10 days'"""
        )
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", "1:2:3")
        self.receive(self._company("72", name="Two"))  # a closed database receives all the same
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("71").ids)
        self.balance = "2"
        with self.engine_env() as env:
            env["hub.compose"]._slice()
        self.system.with_user(self.manager).action_confirm_database()
        self.env.flush_all()
        age = fields.Datetime.now() - self.out._window()["since"]
        self.assertEqual(round(age / timedelta(days=1), 1), 11)

    def test_a_comparison_from_before_or_one_that_failed_does_not_count(self):
        self._compare()
        self._restore()
        self.env.cr.execute("UPDATE hub_gap SET compared_at = compared_at - interval '1 hour'")
        self.env.invalidate_all()
        with self.assertRaises(UserError):
            self.out.with_user(self.manager).action_reopen()

    def test_the_window_begins_with_the_last_thing_sent_whatever_came_in_since(self):
        self._change()
        backup = fields.Datetime.now() - timedelta(days=10)
        self.env.cr.execute(
            "UPDATE hub_message SET received_at = %s, done_at = %s WHERE direction = 'out'",
            [backup, backup],
        )
        self.receive(self._company("72"))  # the doors are open before anybody confirms
        self._restore()
        gap = self._compare()
        self.assertEqual(gap.since, backup - timedelta(days=1))

    def test_the_lock_opens_by_no_write_and_by_no_narrow_comparison(self):
        self._restore()
        closed = self.out.with_user(self.manager)
        for vals in ({"restored_at": False, "paused": False}, {"restored_at": False}):
            with self.assertRaises(AccessError):
                closed.write(vals)
        now = fields.Datetime.now()
        for since, until in ((1, 0), (60 * 24 * 30, 60 * 24)):
            gap = (
                self.env["hub.gap"]
                .with_user(self.manager)
                .create(
                    {
                        "stream_id": self.out.id,
                        "since": now - timedelta(minutes=since),
                        "until": now - timedelta(minutes=until),
                    }
                )
            )
            with self.engine_env() as env:
                env["hub.gap"].browse(gap.id)._compare()
            self.assertEqual(gap.state, "agreed")
            with self.assertRaisesRegex(UserError, "not compared"):
                closed.action_reopen()
        self.assertTrue(self.out.restored_at and self.out.paused)
        self._compare()
        closed.action_reopen()
        self.assertFalse(self.out.restored_at or self.out.paused)

    def test_only_managers_reopen(self):
        self._restore()
        self._compare()
        with self.assertRaises(AccessError):
            self.out.with_user(self.resolver).action_reopen()

    def _say(self, reason, user=None, **values):
        """Say in the form that the database was restored."""
        wizard = self.env["hub.restored"].with_user(user or self.manager)
        wizard.create({"reason": reason, **values}).action_confirm()
        self.env.flush_all()

    def test_a_restore_that_leaves_no_mark_is_said_by_a_manager(self):
        self._change()
        self.stub.effects.clear()
        with self.assertRaises(AccessError):
            self._say("A snapshot", self.resolver)
        with self.assertRaisesRegex(UserError, "reason"):
            self._say(" ")
        self._say("A snapshot of the disk")
        self.assertTrue(self.out.restored_at and self.out.paused)
        self._change("2")
        self.assertFalse(self.stub.effects)
        audit = self.env["hub.audit"].search([("action", "=", "confirm_database")])
        self.assertEqual(audit.value_ids.body["reason"], "A snapshot of the disk")
        self._compare()
        self.out.with_user(self.manager).action_reopen()
        self.drain()
        self.assertTrue(self.stub.effects)

    def test_a_stream_that_is_switched_on_later_is_closed_too(self):
        self.out.active = False
        self._restore()
        self.out.active = True
        self.assertTrue(self.out.restored_at and self.out.paused)
        self._change()
        self.assertFalse(self.stub.effects)

    def test_where_nothing_can_be_compared_a_reason_is_asked_for(self):
        self._restore()
        self._patch("hub.stream", "_can_compare", lambda stream: False)
        action = self.out.with_user(self.manager).action_reopen()
        self.assertEqual(action["res_model"], "hub.restored")
        self.assertTrue(self.out.restored_at)
        self._say("Looked at by hand", stream_ids=action["context"]["default_stream_ids"])
        self.assertFalse(self.out.restored_at or self.out.paused)
        audit = self.env["hub.audit"].search([("action", "=", "reopen")])
        self.assertEqual(audit.value_ids.body["reason"], "Looked at by hand")
