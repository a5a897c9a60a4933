from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.flow.trace import Trace
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestUndo(HubCase):
    """A run taken back: what nobody has touched, and what Odoo allows; the rest is left, and it is said why."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolver = cls._make_role("resolver", "resolver", "base.group_partner_manager")

    def plan(self, messages, user=None, **options):
        env = self.env(user=user or self.resolver)
        query = env["hub.message"]._search([("id", "in", messages.ids)])
        undo = env["hub.undo"]._of(query, **options)
        undo.why = "Wrong mapping"
        return undo

    def do(self, undo):
        undo.action_start()
        undo.action_step()
        self.env.invalidate_all()
        self.assertEqual(undo.state, "done")
        return undo

    def verdicts(self, undo, field="verdict"):
        return {
            line.message_id.id: f"{line[field]}:{line.reason}" if line.reason else line[field]
            for line in undo.line_ids
        }

    def base(self, external_id):
        return self.env["hub.link"].search([("external_id", "=", external_id)]).base

    def test_former_values_come_back_and_the_next_message_is_judged_as_before(self):
        self.work(self._company("1", 1, city="Boston", zip="1"))
        partner = self.partner_of("1")
        change = self.work(self._company("1", 2, city="Austin", zip="2"))
        undo = self.plan(change)
        self.assertEqual((partner.city, undo.state), ("Austin", "planned"))
        self.assertEqual(self.verdicts(undo), {change.id: "write"})
        self.assertIn("Austin → Boston", undo.line_ids.difference)
        self.assertIn("Former values are set back", undo.report_html)
        self.do(undo)
        self.assertIn("What Was Done", undo.report_html)
        self.assertEqual((undo.progress, undo.line_count), (100, 1))
        self.assertEqual((partner.city, partner.zip), ("Boston", "1"))
        self.assertEqual((self.base("1")["city"], self.base("1")["name"]), ("Boston", "Company 1"))
        link = self.env["hub.link"].search([("external_id", "=", "1")])
        self.assertEqual(link.held["city"], "Boston")
        self.assertFalse(
            self.env["hub.edit"].search([("res_id", "=", partner.id)]), "it is no edit in dispute"
        )
        record = self.env["hub.record"].search(
            [("res_model", "=", "res.partner"), ("res_id", "=", partner.id)]
        )
        self.assertEqual(record.provenance["city"]["undo"], undo.id)
        audit = self.env["hub.audit"].search([("action", "=", "undo")])
        self.assertEqual((audit.user_id, audit.res_id), (self.resolver, partner.id))
        self.assertEqual(audit.value_ids.body["city"], ["Austin", "Boston"])
        # The source says Austin still: its next message, even the same bytes again, applies it.
        change.action_replay()
        self.drain()
        self.assertEqual(partner.city, "Austin")

    def test_what_somebody_changed_since_is_left_field_by_field(self):
        self.work(self._company("1", 1, city="Boston", zip="1"))
        partner = self.partner_of("1")
        change = self.work(self._company("1", 2, city="Austin", zip="2"))
        partner.city = "By hand"
        undo = self.do(self.plan(change))
        self.assertEqual((partner.city, partner.zip), ("By hand", "1"))
        self.assertIn("changed since", undo.line_ids.difference)
        self.assertEqual((self.base("1")["city"], self.base("1")["zip"]), ("Austin", "1"))

    def test_a_chain_of_writes_goes_back_to_its_beginning(self):
        self.work(self._company("1", 1, city="Boston"))
        partner = self.partner_of("1")
        changes = self.work(self._company("1", 2, city="Austin"))
        changes += self.work(self._company("1", 3, city="Rome"))
        self.do(self.plan(changes))
        self.assertEqual((partner.city, self.base("1")["city"]), ("Boston", "Boston"))

    def test_only_the_last_of_two_writes(self):
        first = self.work(self._company("1", 1, city="Boston"))
        second = self.work(self._company("1", 2, city="Austin"))
        third = self.work(self._company("1", 3, city="Rome"))
        undo = self.plan(second)
        self.assertEqual(self.verdicts(undo), {second.id: "left:changed_since"})
        self.do(self.plan(third))
        self.assertEqual(self.partner_of("1").city, "Austin")
        self.assertStates(first + second + third, "done", "done", "done")

    def test_a_created_record_that_nobody_needs_goes_and_comes_again_with_its_message(self):
        created = self.work(self._company("1", domain="one.example"))
        partner = self.partner_of("1")
        undo = self.plan(created)
        self.assertEqual(self.verdicts(undo), {created.id: "delete"})
        self.assertTrue(partner.exists())
        self.do(undo)
        self.assertFalse(partner.exists())
        self.assertFalse(self.env["hub.link"].search([("external_id", "=", "1")]))
        self.assertFalse(self.env["hub.identity"].search([("res_id", "=", partner.id)]))
        created.action_replay()
        self.drain()
        self.assertTrue(self.partner_of("1"))

    def test_a_created_record_that_others_need_or_touched_is_left(self):
        needed, touched = self.work(self._company("1"), self._company("2"))
        self.work(self._contact("9", company="1"))
        self.partner_of("2").with_user(self.resolver).comment = "Call him"
        undo = self.plan(needed + touched)
        self.assertEqual(
            self.verdicts(undo), {needed.id: "left:referenced", touched.id: "left:touched"}
        )
        self.do(undo)
        self.assertTrue(self.partner_of("1") and self.partner_of("2"))

    def test_a_created_record_and_its_later_changes_go_together(self):
        created = self.work(self._company("1", 1))
        changed = self.work(self._company("1", 2, city="Rome"))
        undo = self.do(self.plan(created + changed))
        self.assertEqual(
            self.verdicts(undo, "outcome"), {created.id: "delete", changed.id: "delete"}
        )
        self.assertFalse(self.partner_of("1"))

    def test_what_odoo_refuses_or_the_user_may_not_do_is_left_and_the_rest_goes(self):
        self.work(*(self._company(key, 1, city="Boston") for key in "123"))
        changes = self.work(*(self._company(key, 2, city="Austin") for key in "123"))
        refused = self.partner_of("2")
        original = type(refused).write

        def write(records, vals):
            if refused in records and vals.get("city") == "Boston":
                raise UserError("not this one")  # pylint: disable=translation-required
            return original(records, vals)

        self._patch("res.partner", "write", write)
        undo = self.plan(changes)
        self.assertEqual(
            self.verdicts(undo),
            dict(zip(changes.ids, ["write", "left:refused", "write"], strict=True)),
        )
        self.do(undo)
        self.assertEqual(
            [self.partner_of(key).city for key in "123"], ["Boston", "Austin", "Boston"]
        )
        powerless = self._make_role("powerless", "resolver")
        change = self.work(self._company("1", 4, city="Oslo"))
        self.assertEqual(
            self.verdicts(self.plan(change, user=powerless)), {change.id: "left:no_right"}
        )

    def test_what_changed_between_plan_and_start_is_judged_again(self):
        self.work(self._company("1", 1, city="Boston"))
        change = self.work(self._company("1", 2, city="Austin"))
        undo = self.plan(change)
        self.partner_of("1").city = "By hand"
        self.do(undo)
        self.assertEqual(self.verdicts(undo, "outcome"), {change.id: "left:changed_since"})

    def test_a_replay_is_taken_back_without_what_was_before_it(self):
        message = self.work(self._company("1", country="Atlantis", city="Boston"))
        self.env["res.country"].create({"name": "Atlantis", "code": "QX"})
        replay = message._replay("Mended")
        self.drain()
        replay.action_refresh()
        undo = self.env["hub.undo"].browse(replay.action_undo()["res_id"])
        self.assertEqual((undo.replay_id, self.verdicts(undo)), (replay, {message.id: "delete"}))

    def test_the_plan_changes_nothing_and_costs_the_same_for_twice_as_many(self):
        self.work(*(self._company(str(key), 1, city="Boston") for key in range(1, 41)))
        changes = self.work(*(self._company(str(key), 2, city="Austin") for key in range(1, 41)))
        costs = []
        for count in (2, 20, 40):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            undo = self.plan(changes[:count], user=self.env.user)
            costs.append(self.env.cr.sql_log_count - before)
            self.assertEqual({line.verdict for line in undo.line_ids}, {"write"})
        # Odoo writes each partner by itself, as it may have values of its own.
        self.assertLess((costs[2] - costs[1]) / 20, 12, costs)
        self.assertEqual({self.partner_of(str(key)).city for key in range(1, 41)}, {"Austin"})

    def room(self, writes):
        room = patch("odoo.addons.lead_to_cash_hub.models.flow.undo.MOST", writes)
        room.start()
        self.addCleanup(room.stop)

    def cities(self, keys="123"):
        return [self.partner_of(key).city for key in keys]

    def test_what_has_no_room_in_a_plan_is_said_and_taken_by_the_next(self):
        self.work(*(self._company(key, 1, city="Boston") for key in "123"))
        changes = self.work(*(self._company(key, 2, city="Austin") for key in "123"))
        self.room(2)
        undo = self.do(self.plan(changes))
        self.assertEqual((undo.line_count, undo.further_count), (2, 1))
        self.assertEqual(self.cities(), ["Austin", "Boston", "Boston"])
        undo = self.do(self.plan(changes))
        self.assertEqual((undo.line_ids.message_id, undo.further_count), (changes[0], 0))
        self.assertEqual(self.cities(), ["Boston"] * 3)
        with self.assertRaises(UserError):
            self.plan(changes)

    def test_what_was_left_does_not_keep_older_writes_out_of_the_next_plan(self):
        self.work(*(self._company(key, 1, city="Boston") for key in "123"))
        changes = self.work(*(self._company(key, 2, city="Austin") for key in "123"))
        (self.partner_of("2") + self.partner_of("3")).city = "By hand"
        self.room(2)
        self.do(self.plan(changes))
        self.assertEqual(self.cities(), ["Austin", "By hand", "By hand"])
        undo = self.do(self.plan(changes))
        self.assertIn(changes[0], undo.line_ids.message_id)
        self.assertEqual(self.cities(), ["Boston", "By hand", "By hand"])

    def test_all_writes_of_a_record_are_in_one_plan(self):
        messages = self.work(self._company("1", 1))
        for number in (2, 3):
            messages += self.work(self._company("1", number, city=f"City {number}"))
        self.room(2)
        undo = self.do(self.plan(messages))
        self.assertEqual((undo.line_count, undo.further_count), (3, 0))
        self.assertFalse(self.partner_of("1"))

    def test_a_write_is_taken_back_once(self):
        self.work(self._company("1", 1, city="Boston"))
        change = self.work(self._company("1", 2, city="Austin"))
        first, second = self.plan(change), self.plan(change)
        self.do(first)
        self.partner_of("1").city = "Austin"  # a person means it this time
        self.do(second)
        self.assertEqual(self.partner_of("1").city, "Austin")
        self.assertEqual(self.verdicts(second, "outcome"), {change.id: "left:taken"})

    def test_a_record_whose_fields_cannot_be_traced_is_not_taken_for_a_new_one(self):
        self.work(self._company("1", 1, city="Boston"))
        untraced = patch.object(Trace, "_bound", lambda *_args: ())
        untraced.start()
        self.addCleanup(untraced.stop)
        change = self.work(self._company("1", 2, city="Austin"))
        self.assertEqual(self.verdicts(self.plan(change)), {change.id: "left:nothing"})
        created = self.work(self._company("2"))
        self.assertEqual(self.verdicts(self.plan(created)), {created.id: "delete"})

    def test_who_may(self):
        self.work(self._company("1", 1, city="Boston"))
        change = self.work(self._company("1", 2, city="Austin"))
        viewer = self._make_role("viewer", "viewer")
        with self.assertRaises(AccessError):
            change.with_user(viewer).action_undo()
        undo = self.plan(change)
        with self.assertRaises(AccessError):
            undo.with_user(viewer).action_start()
        with self.assertRaises(AccessError):
            undo.write({"state": "done"})
        with self.assertRaises(AccessError):
            self.env["hub.undo"].with_user(self.resolver).create({"why": "x"})
        with self.assertRaises(UserError):
            undo.line_ids.write({"verdict": "write"})
        undo.why = ""
        with self.assertRaises(UserError):
            undo.action_start()
        failed = self.work(self._company("3", country="Atlantis"))
        with self.assertRaises(UserError):
            self.plan(failed)
        undo.why = "x"
        self.do(undo)
        with self.assertRaises(UserError):
            undo.unlink()
        self.assertLess(undo.started_at - undo.ended_at, timedelta(seconds=1))
