from datetime import datetime, timezone

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..models.flow.cursors import short_cursor
from ..models.flow.rests import Rests
from .hub_common import HubCase

CLOSED = [Command.create({"days": "6", "hour_from": 3.0, "hour_to": 4.0})]  # an hour on Sundays
WEDNESDAY = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
SUNDAY = datetime(2026, 3, 8, 3, 30, tzinfo=timezone.utc)


@tagged("post_install", "-at_install")
class TestLanes(HubCase):
    """Lanes are rows that a form changes; what they say counts with the next batch."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("lane-manager", "manager")
        cls.resolver = cls._make_role("lane-resolver", "resolver")
        cls.stream = cls.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )

    def _lane(self, **values):
        lane = self.env["hub.lane"].with_user(self.manager).create({"name": "Nights", **values})
        return lane.with_env(self.env)

    def _nights(self, now=WEDNESDAY):
        lane = self._lane(time_zone="UTC", window_ids=CLOSED)
        lane._settle(now)
        return lane

    def test_a_new_lane_is_served_and_a_stream_chooses_it(self):
        lane = self._lane(priority=15, slice_size=50)
        self.assertGreater(lane.number, 2)
        self.stream.with_user(self.manager).lane_id = lane
        message = self.receive(self._company("1"), lane=None)
        self.env.cr.execute("SELECT lane FROM hub_message WHERE id = %s", [message.id])
        self.assertEqual(self.env.cr.fetchone()[0], lane.number)
        self.drain()
        self.assertStates(message, "done")

    def test_webhooks_take_the_lane_that_the_stream_has_for_them(self):
        batch = self.env.ref("lead_to_cash_hub.lane_batch")

        def lane_of_a_webhook(number):
            with short_cursor(self.env) as cr:
                self.env["hub.receive"]._store(
                    cr, self.system.id, "x", [self._notice("customer", number)], webhook=True
                )
                cr.execute("SELECT lane FROM hub_message WHERE external_id = %s", [number])
                return cr.fetchone()[0]

        self.assertEqual(lane_of_a_webhook("71"), 0)
        self.stream.webhook_lane_id = batch
        self.env.flush_all()
        self.assertEqual(lane_of_a_webhook("72"), batch.number)

    def test_the_most_urgent_lane_is_served_between_two_batches_of_others(self):
        slow = self._lane(priority=90)
        waiting = self.receive(self._company("1"), lane=slow.number)
        urgent = self.receive(self._company("9"), lane=0)
        self.step()
        self.assertStates(waiting + urgent, "pending", "done")
        self.drain()
        self.assertStates(waiting, "done")

    def test_a_backlog_of_one_part_starves_no_other(self):
        stub = self._use_stub()
        out = self.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "out"
        )
        self.work(self._company("1"))
        out.active = True
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {key: {"balance": "7"} for key in records.ids},
        )
        self.stream.poll = True
        self.env["hub.cursor"]._poll_now(self.stream)
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("1").ids)
        urgent, waiting = self.receive(self._company("8"), lane=0), self.receive(self._company("9"))
        self._patch("hub.fetch", "_slice", lambda part: 1)  # notices without end
        rests = Rests()
        with self.engine_env() as env:
            env["hub.engine"]._once(rests=rests)
        self.assertStates(urgent + waiting, "done", "pending")
        with self.engine_env() as env:
            for _turn in range(5):
                env["hub.engine"]._once(rests=rests)
        self.assertStates(waiting, "done")
        self.assertTrue(stub.effects, "it was sent")
        self.assertIn("poll", [call[0] for call in stub.calls])

    def test_a_changed_priority_counts_at_once(self):
        slow = self._lane(slice_size=1, priority=90)
        first = self.receive(self._company("1"), lane=slow.number)
        self.receive(self._company("2"), lane=1)
        slow.with_user(self.manager).priority = 1
        self.step()
        self.assertStates(first, "done")

    def test_reading_begins_with_the_most_urgent_lane(self):
        stub = self._use_stub()
        first = self._lane(priority=1)
        for number, lane in (("1", 0), ("2", first.number)):
            stub.records["customer", number] = {"id": number, "properties": {"name": number}}
            stub.records["contact", number] = {"id": number, "properties": {"lastname": number}}
            self.receive(self._notice(("contact", "customer")[lane != 0], number), lane=lane)
        with self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.assertEqual(stub.calls, [("fetch", "customer", ["2"])])

    def test_outside_its_hours_a_lane_waits_says_so_and_wakes_nobody(self):
        lane = self._nights()
        self.stream.lane_id = lane
        messages = self.receive(self._company("1"), self._notice("customer", "2"), lane=None)
        stub = self._use_stub()
        self.drain()
        self.assertStates(messages, "pending", "received")
        self.assertFalse(stub.calls)
        self.assertTrue(lane.closed)
        self.assertEqual(self.stream.health, "closed")
        self.assertIn("Nights", self.stream.waits_text)
        self.assertIn("2026-03-08 03:00 (UTC)", lane.state_text)
        self.assertEqual(lane.waiting_count, 2)
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work(), "closed hours keep no drainer turning")
        stub.records["customer", "2"] = {"id": "2", "properties": {"name": "Two"}}
        lane._settle(SUNDAY)
        self.drain()
        self.assertStates(messages, "done", "done")
        self.assertFalse(self.stream.waits_text)

    def test_a_closed_lane_is_not_polled(self):
        stub = self._use_stub()
        self.stream.write({"lane_id": self._nights().id, "poll": True})
        self.env["hub.cursor"]._poll_now(self.stream)
        self.drain()
        self.assertFalse(stub.calls)
        self.stream.lane_id._settle(SUNDAY)
        self.drain()
        self.assertTrue(stub.calls)

    def test_nothing_is_sent_outside_the_hours(self):
        stub = self._use_stub()
        out = (
            self.env["hub.stream"]
            .with_context(active_test=False)
            .search(
                [
                    ("system_id", "=", self.system.id),
                    ("entity_id.code", "=", "customer"),
                    ("direction", "=", "out"),
                ]
            )
        )
        self.work(self._company("1"))
        out.write({"active": True, "lane_id": self._nights().id})
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {key: {"balance": "7"} for key in records.ids},
        )
        self.env["hub.compose"]._mark_all("res.partner", self.partner_of("1").ids)
        self.drain()
        message = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertStates(message, "pending")
        self.assertFalse(stub.effects)
        out.lane_id._settle(SUNDAY)
        self.drain()
        self.assertStates(message, "done")

    def test_the_engine_opens_a_lane_when_its_time_has_come(self):
        lane = self._nights()
        lane.window_ids.unlink()
        self.assertFalse(lane.closed)
        lane.write({"closed": True, "changes_at": "2026-03-01 00:00:00"})
        self.env.flush_all()
        with self.engine_env() as env:
            env["hub.lane"]._turn()
        self.assertFalse(lane.closed)

    def test_no_more_workers_than_the_lane_allows(self):
        lane = self._lane(workers=2)
        self.receive(*(self._company(str(n)) for n in range(1, 90)), lane=lane.number)
        self.env.flush_all()
        with short_cursor(self.env) as cr:
            parts = self.env["hub.claim"]._lock_parts(cr, lane.number)
        self.assertLessEqual(len(parts), 32, "the second worker has its share")
        lane.workers = 1
        self.env.flush_all()
        with short_cursor(self.env) as cr:
            alone = self.env["hub.claim"]._lock_parts(cr, lane.number)
        self.assertGreater(len(alone), 32)

    def test_impossible_numbers_and_hours_are_refused(self):
        for values in ({"slice_size": 0}, {"slice_size": 100000}, {"workers": 0}, {"workers": 99}):
            with self.assertRaises(ValidationError):
                self._lane(**values)
        for hours in ((-1.0, 3.0), (24.0, 3.0), (3.0, 25.0)):
            window = Command.create({"days": "all", "hour_from": hours[0], "hour_to": hours[1]})
            with self.assertRaises(ValidationError):
                self._lane(window_ids=[window])

    def test_the_number_of_a_lane_never_changes(self):
        with self.assertRaisesRegex(AccessError, "Number"):
            self._lane(number=0)
        lane = self._lane()
        with self.assertRaisesRegex(AccessError, "Number"):
            lane.with_user(self.manager).number = 0
        self.assertGreater(lane.number, 2)
        number = lane.number
        lane.number = 0
        self.assertEqual(lane.number, number)

    def test_a_lane_with_messages_or_streams_is_kept(self):
        lane = self._lane()
        self.receive(self._company("1"), lane=lane.number)
        with self.assertRaises(UserError):
            lane.unlink()
        with self.assertRaises(UserError):
            self.env.ref("lead_to_cash_hub.lane_batch").unlink()
        unused = self._lane()
        number = unused.number
        unused.unlink()
        self.env.cr.execute("SELECT count(*) FROM hub_lane_part WHERE lane = %s", [number])
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_only_managers_change_lanes(self):
        with self.assertRaises(AccessError):
            self.env["hub.lane"].with_user(self.resolver).create({"name": "Mine"})
        with self.assertRaises(AccessError):
            self.env.ref("lead_to_cash_hub.lane_batch").with_user(self.resolver).priority = 1
