import json

from odoo.tests import tagged
from odoo.tools import SQL

from ..models.flow import low_water
from ..models.flow.cursors import short_cursor
from ..models.flow.due import TO_READ, TO_SEND, heads
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestLowWater(HubCase):
    """A claim begins where something may be pending, and finds all the same what came late."""

    def setUp(self):
        super().setUp()
        self.patch(low_water, "_claimed", {})
        self.patch(low_water, "RAISE_AFTER", 1)
        self.patch(low_water, "RESCAN_PARTS", 10_000)

    def _raise(self):
        """Raise it as if no transaction were writing messages; this test's own always is."""

        def horizon(model, cr):
            cr.execute("SELECT clock_timestamp() AT TIME ZONE 'UTC'")
            return cr.fetchone()[0]

        with self.engine_env() as env:
            patched = type(env["hub.low.water"])
            kept, patched._horizon = patched._horizon, horizon
            try:
                env["hub.low.water"]._raise()
            finally:
                patched._horizon = kept

    def _low_water(self, message):
        self.env.cr.execute(
            """SELECT l.low_water FROM hub_lane_part l JOIN hub_message m ON m.lane = l.lane AND m.part = l.part
                WHERE m.id = %s""",
            [message.id],
        )
        return self.env.cr.fetchone()[0]

    def test_it_passes_what_is_done_and_stops_at_what_is_pending(self):
        done = self.work(self._company("1"))
        self._raise()
        self.assertGreater(self._low_water(done), done.next_attempt_at)
        pending = self.receive(self._company("2"))
        self._raise()
        self._raise()
        self.assertLessEqual(self._low_water(pending), pending.next_attempt_at)
        self.drain()
        self.assertStates(pending, "done")

    def test_what_becomes_pending_below_it_is_found_by_the_next_full_look(self):
        done = self.work(self._company("1"))
        self._raise()
        late = self.receive(self._company("1", 2, zip="9"))
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = next_attempt_at - interval '1 hour' WHERE id = %s",
            [late.id],
        )
        self.drain()
        self.assertStates(done + late, "done", "pending")
        self._raise()
        self.drain()
        self.assertStates(late, "pending")
        self.env.cr.execute(
            "UPDATE hub_lane_part SET scanned_at = scanned_at - interval '301 seconds'"
        )
        self._raise()
        self.drain()
        self.assertStates(late, "done")

    def test_a_clock_that_was_set_back_hides_nothing(self):
        self.work(self._company("1"))
        self._raise()
        self.env.cr.execute("UPDATE hub_lane_part SET low_water = low_water + interval '1 hour'")
        self.assertStates(self.work(self._company("1", 2, zip="8")), "done")
        message = self.receive(self._company("1", 3, zip="9"))
        low_water.claimed(self.env.cr.dbname, 1, dict.fromkeys(range(64), 1))
        self._raise()
        self.drain()
        self.assertStates(message, "done")

    def test_it_passes_what_is_paused_which_goes_on_at_once_when_it_is_resumed(self):
        stream = self.env["hub.stream"].search(
            [
                ("system_id", "=", self.system.id),
                ("entity_id.code", "=", "customer"),
                ("direction", "=", "in"),
            ]
        )
        stream.paused = True
        message = self.work(self._company("1"))
        self._raise()
        self.assertGreater(self._low_water(message), message.next_attempt_at)
        self.assertFalse(self.step())
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work())
        stream.paused = False
        self.env.flush_all()
        with self.engine_env() as env:
            self.assertTrue(env["hub.engine"]._has_work())
        self.drain()
        self.assertStates(message, "done")

    def test_a_transaction_that_writes_messages_holds_it_back(self):
        message = self.receive(self._company("1"))  # by this very transaction, which is not over
        with short_cursor(self.env) as cr:
            horizon = self.env["hub.low.water"]._horizon(cr)
        self.assertLess(horizon, message.next_attempt_at)


@tagged("post_install", "-at_install")
class TestCallsAreFlat(HubCase):
    """What may not be sent or read now costs the search for the next nothing, however much waits."""

    FEW, MANY = 2_000, 10_000
    ROOM = 50  # pages, of indexes that grew; a walk over as many messages looks at some hundreds

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls._make_system(name="Other", account_ref="2")
        cls.streams = (
            cls.env["hub.stream"]
            .with_context(active_test=False)
            .search([("system_id", "=", cls.other.id)])
        )

    def _wait(self, stream, count, state, lane=1, seconds=0):
        """Messages of a stream that wait since ever, or for ``seconds`` still."""
        self.env.flush_all()
        self.env.cr.execute(
            """
            INSERT INTO hub_message (system_id, stream_id, entity_id, external_id, order_key, part, lane,
                                     direction, kind, action, state, next_attempt_at)
            SELECT %(system)s, %(stream)s, %(entity)s, n, n, n & 63, %(lane)s, %(direction)s, %(kind)s,
                   'change', %(state)s, clock_timestamp() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 second'
              FROM generate_series(%(count)s, 2 * %(count)s - 1) n
            """,
            {
                "system": stream.system_id.id,
                "stream": stream.id,
                "entity": stream.entity_id.id,
                "direction": stream.direction,
                "kind": "notice" if state == "received" else "snapshot",
                "count": count,
                "state": state,
                "lane": lane,
                "seconds": seconds or -3600,
            },
        )

    def _pages(self, query):
        """How many pages PostgreSQL looks at for a query."""
        self.env.flush_all()
        self.env.cr.execute("ANALYZE hub_message")
        self.env.cr.execute(SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) %s", query))
        plan = self.env.cr.fetchone()[0]
        plan = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    def assertFlat(self, stream, state, what, **options):
        self._wait(stream, self.FEW, state, **options)
        few = self._pages(heads(what))
        self._wait(stream, self.MANY, state, **options)
        many = self._pages(heads(what))
        self.assertLessEqual(many, few + self.ROOM)
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work())

    def _stream(self, direction):
        return self.streams.filtered(
            lambda s: s.direction == direction and s.entity_id.code == "customer"
        )

    def _each(self, block):
        """The same for what waits to be sent and what waits to be read."""
        for direction, state, what in (("out", "pending", TO_SEND), ("in", "received", TO_READ)):
            with self.subTest(direction):
                stream = self._stream(direction)
                self.assertTrue(stream)
                self.assertFlat(stream, state, what, **(block(stream) or {}))

    def test_of_a_paused_stream(self):
        self._each(lambda stream: stream.write({"paused": True}) and None)

    def test_of_a_paused_process(self):
        self._each(lambda stream: stream.process_id.write({"paused": True}) and None)

    def test_of_a_paused_system(self):
        self._each(lambda stream: stream.system_id.write({"paused": True}) and None)

    def test_of_a_system_that_is_signed_out(self):
        self._each(lambda stream: stream.system_id.write({"state": "error"}) and None)

    def test_behind_an_open_circuit(self):
        def block(stream):
            self.env.cr.execute(
                """INSERT INTO hub_circuit (system_id, state, failures, generation, retry_at)
                   VALUES (%s, 'open', 5, 1, clock_timestamp() AT TIME ZONE 'UTC' + interval '1 hour')
                   ON CONFLICT DO NOTHING""",
                [stream.system_id.id],
            )

        self._each(block)

    def test_in_a_closed_lane(self):
        lane = self.env["hub.lane"].create({"name": "Night"})
        lane.closed = True
        self._each(lambda stream: {"lane": lane.number})

    def test_that_waits_for_its_next_try(self):
        self._each(lambda stream: {"seconds": 3600})

    def test_that_is_held(self):
        self.assertFlat(self._stream("out"), "held", TO_SEND)

    def test_of_others_are_sent_meanwhile(self):
        stub = self._use_stub()
        blocked = self._stream("out")
        blocked.paused = True
        self._wait(blocked, self.MANY, "pending")
        self.receive(self._notice("customer", "7"))
        stub.records["customer", "7"] = {"id": "7", "properties": {"name": "Seven"}}
        self.drain()
        self.assertTrue(self.partner_of("7"))
