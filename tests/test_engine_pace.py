from contextlib import suppress
from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from psycopg2 import OperationalError

from ..connectors.errors import KINDS, ConnectorError
from ..connectors.parts import Allowance, Outcome
from ..core.retry import Policy, Route, route
from ..models.flow import pace
from ..models.flow.cursors import short_cursor
from .hub_common import HubCase

HTTP = "odoo.addons.lead_to_cash_hub.models.flow.http"
PLACE = "odoo.addons.lead_to_cash_hub.models.flow.place"


@tagged("post_install", "-at_install")
class TestEngineCircuit(HubCase):
    """A system that does not answer is left alone, and tried by one worker at a time."""

    def setUp(self):
        super().setUp()
        self.circuits = self.env["hub.circuit"]

    def _admit(self):
        with short_cursor(self.env) as cr:
            return self.circuits._admit(cr, self.system.id)

    def _row(self):
        self.env.invalidate_all()
        return self.circuits.search([("system_id", "=", self.system.id)])

    def _open(self):
        """Let so many calls fail that the circuit opens; the leave of one of them."""
        leave = self._admit()
        for _call in range(self.circuits.OPEN_AFTER):
            self.circuits._failed(self._admit())
        self.assertEqual(self._row().state, "open")
        return leave

    def test_some_failures_do_not_open_it_and_a_success_forgets_them(self):
        for _call in range(self.circuits.OPEN_AFTER - 1):
            self.circuits._failed(self._admit())
        self.assertEqual((self._row().state, self._row().failures), ("closed", 4))
        self.circuits._answered(self._admit())
        self.assertEqual((self._row().state, self._row().failures), ("closed", 0))

    def test_nobody_is_let_through_while_it_is_open(self):
        self._open()
        self.assertIsNone(self._admit())

    def test_one_worker_at_a_time_is_let_through_on_trial(self):
        self._open()
        self.later(21)
        trial = self._admit()
        self.assertTrue(trial.probing)
        self.assertIsNone(self._admit(), "the other one waits for the outcome")

    def test_the_end_of_a_long_outage_is_noticed_as_soon_as_that_of_a_short_one(self):
        self._open()
        for _trial in range(10):
            self.later(41)
            trial = self._admit()
            self.assertTrue(trial and trial.probing)
            self.circuits._failed(trial)
            self.later(21)
            self.assertIsNone(self._admit(), "a failed trial opens it for longer")
        self.later(41)
        self.circuits._answered(self._admit())
        self.assertEqual(self._row().state, "closed")

    def test_the_trial_of_a_worker_that_died_passes_to_another(self):
        self._open()
        self.later(21)
        dead = self._admit()
        self.later(80)
        trial = self._admit()
        self.assertTrue(trial.probing)
        self.circuits._answered(dead)
        self.assertEqual(
            self._row().state, "probing", "the dead one's answer is another generation's"
        )
        self.circuits._answered(trial)
        self.assertEqual(self._row().state, "closed")

    def test_a_trial_that_is_rolled_back_is_given_back(self):
        self._open()
        self.later(21)
        with short_cursor(self.env) as cr:
            self.assertTrue(self.circuits._admit(cr, self.system.id).probing)
            cr.rollback()
        self.assertTrue(self._admit().probing)

    def test_a_late_success_of_before_does_not_close_it(self):
        before = self._open()
        self.circuits._answered(before._replace(spotless=False))
        self.assertEqual(self._row().state, "open")

    def test_a_late_failure_of_before_does_not_open_it_again(self):
        before = self._open()
        self.later(21)
        self.circuits._answered(self._admit())
        for _late in range(10):
            self.circuits._failed(before)
        self.assertEqual((self._row().state, self._row().failures), ("closed", 0))

    def test_a_trial_that_was_not_made_says_nothing_of_the_product(self):
        self._open()
        self.later(21)
        trial = self._admit()
        self.env["hub.outage"]._report(
            self.system, ConnectorError("rate", "own_pace", retry_after=3), trial
        )
        self.assertEqual(self._row().state, "open")
        self.assertFalse(self.env["hub.pace"].search([("blocked_until", "!=", False)]))
        self.later(4)
        self.assertTrue(self._admit().probing)

    def test_any_answer_closes_it_but_its_own_fault(self):
        for kind in sorted(KINDS):
            with self.subTest(kind):
                self.circuits._close(self.system.id)
                self._open()
                self.later(21)
                self.env["hub.outage"]._report(
                    self.system, ConnectorError(kind, "x"), self._admit()
                )
                down = kind in ("connection", "product_down", "unknown", "bug")
                self.assertEqual(self._row().state, "open" if down else "closed")

    def test_the_trial_is_one_message(self):
        stub = self._use_stub()
        for key in map(str, range(1, 9)):
            stub.records["customer", key] = {"id": key, "properties": {"name": f"Acme {key}"}}
        self._open()
        messages = self.receive(*(self._notice("customer", str(key)) for key in range(1, 9)))
        self.later(21)
        self.step()
        self.assertEqual(len(stub.calls[0][2]), 1)
        self.drain()
        self.assertEqual(set(messages.mapped("state")), {"done"})
        self.assertEqual(len(stub.calls), 2, "the rest goes together")


@tagged("post_install", "-at_install")
class TestEnginePace(HubCase):
    """All workers together keep to what a product allows."""

    def setUp(self):
        super().setUp()
        self.pace = self.env["hub.pace"]
        self.addCleanup(pace._held.clear)

    def _queries(self, work):
        before = self.env.cr.sql_log_count
        work()
        return self.env.cr.sql_log_count - before

    def test_in_no_window_leave_more_calls_than_the_product_allows(self):
        for calls, seconds, reserve in ((100, 1.0, 10), (50, 0.5, 40), (20, 1.0, 0)):
            with self.subTest(calls=calls, reserve=reserve):
                bucket = f"b{calls}"
                self.pace._next(self.system.id, bucket, calls, seconds, reserve)
                self.later(3600)  # after a silence a burst is possible
                moments = []
                for worker in range(10_000):
                    if worker % 7 == 0:
                        pace._held.clear()  # another process
                    wait = self.pace._next(self.system.id, bucket, calls, seconds, reserve)
                    if wait > pace.MAX_WAIT:
                        break
                    moments.append(wait)
                self.assertGreater(len(moments), 3 * calls / seconds * (1 - reserve / 100) / 7)
                moments.sort()
                for first in moments:
                    within = [m for m in moments if first <= m < first + seconds * 0.98]
                    self.assertLessEqual(len(within), calls)

    def test_slots_are_reserved_some_at_a_time(self):
        take = lambda: self.pace._next(self.system.id, "default", 1000, 1.0)  # noqa: E731
        first = self._queries(take)
        self.assertEqual([self._queries(take) for _call in range(pace.MOST_SLOTS - 1)], [0] * 19)
        self.assertEqual(self._queries(take), first)

    def test_a_slow_product_is_reserved_one_by_one(self):
        waits = [self.pace._next(self.system.id, "default", 1, 1.0, 0) for _call in range(3)]
        self.assertFalse(pace._held)
        for index, wait in enumerate(waits):
            self.assertAlmostEqual(wait, index, delta=0.5)

    def test_a_queue_that_is_too_long_takes_no_slot(self):
        for _call in range(20):
            wait = self.pace._next(self.system.id, "default", 1, 1.0, 0)
        self.assertGreater(wait, pace.MAX_WAIT)
        self.assertLess(wait, pace.MAX_WAIT + 2, "who was sent away did not make it longer")

    def test_a_product_that_asks_to_wait_is_obeyed_by_slots_that_are_held_too(self):
        self.pace._next(self.system.id, "default", 1000, 1.0)
        self.assertTrue(pace._held)
        self.pace._block(self.system.id, 60)
        for bucket in ("default", "search"):
            self.assertGreater(self.pace._next(self.system.id, bucket, 1000, 1.0), 58)
        self.pace._block(self.system.id, 5)
        self.assertGreater(self.pace._next(self.system.id, "default", 1000, 1.0), 50)
        self.later(80)
        self.assertEqual(self.pace._next(self.system.id, "default", 1000, 1.0), 0)

    def test_where_little_is_left_the_rest_is_spread_over_its_window(self):
        self.pace._next(self.system.id, "default", 1000, 1.0)
        self.pace._heed(self.system.id, "default", [Allowance(50, 100, 10.0)], 10)
        self.assertLess(self.pace._next(self.system.id, "default", 1000, 1.0), 0.5)
        self.pace._heed(
            self.system.id, "default", [Allowance(50, 100, 10.0), Allowance(4, 100, 10.0)], 10
        )
        self.assertAlmostEqual(self.pace._next(self.system.id, "default", 1000, 1.0), 2, delta=0.5)

    def test_headers_of_the_product_slow_the_next_calls_down(self):
        self._use_sandbox()
        answer = self.system._connector()._call("GET", "/account-info/v3/details")
        self.assertTrue(answer.headers.get("X-HubSpot-RateLimit-Remaining"))
        heeded = []
        self._patch("hub.pace", "_heed", lambda *arguments: heeded.append(arguments[1:]))
        self.system._connector()._call("GET", "/account-info/v3/details")
        system_id, bucket, allowances, reserve = heeded[0]
        self.assertEqual((system_id, bucket, reserve), (self.system.id, "default", 10))
        self.assertEqual(len(allowances), 2, "of the ten seconds and of the day")

    def test_a_limit_of_the_form_counts_at_once(self):
        limit = self.system.limit_ids.filtered(lambda one: one.bucket == "default")
        self.assertEqual((limit.calls, limit.seconds, limit.reserve), (100, 10.0, 10))
        limit.write({"calls": 7, "seconds": 3, "reserve": 20})
        asked = []

        def take(pace_model, *arguments):
            asked.append(arguments)
            return 0.0

        self._patch("hub.pace", "_next", take)
        session = self.env["hub.http"]._session(self.system)
        session.before_call("default")
        self.assertEqual(asked, [(self.system.id, "default", 7, 3.0, 20)])

    def test_impossible_limits_are_refused(self):
        for values in (
            {"calls": 0},
            {"seconds": 0},
            {"seconds": 90_000},
            {"reserve": 91},
            {"reserve": -1},
        ):
            with self.subTest(values), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.system.limit_ids[0].write(values)

    def test_too_long_a_wait_is_the_messages_not_the_workers(self):
        self.pace._block(self.system.id, 600)
        session = self.env["hub.http"]._session(self.system)
        with patch(f"{HTTP}.time.sleep") as sleep, self.assertRaises(ConnectorError) as caught:
            session.before_call("default")
        self.assertEqual((caught.exception.kind, caught.exception.code), ("rate", "own_pace"))
        self.assertGreater(caught.exception.retry_after, 590)
        sleep.assert_not_called()

    def test_connections_are_kept_between_batches_and_not_shared_between_systems(self):
        sessions = self.env["hub.http"]
        other = self._make_system("Other", account_ref="2")
        first = sessions._session(self.system)
        self.assertIs(sessions._session(self.system), first)
        self.assertIsNot(sessions._session(other), first)


@tagged("post_install", "-at_install")
class TestEngineClasses(HubCase):
    """Each class of error has one fate, in reading and in writing."""

    WAITING = {Route.AGAIN: 1, Route.FREE: 0, Route.SYSTEM: 0}

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()

    def _fresh(self):
        """As if nothing had failed: what still waits for its next try is due, and the product answers."""
        self.stub.error = self.stub.outcome = None
        self.env.cr.execute("DELETE FROM hub_circuit; DELETE FROM hub_pace")
        self.system.state = "connected"
        self.later(60)

    def assertFate(self, message, kind, way):
        self.env.invalidate_all()
        if way is Route.PERSON:
            self.assertExplained(message, f"error_{kind}")
            self.assertEqual(message.state, "failed")
            return
        state = "received" if message.direction == "in" else "pending"
        self.assertStates(message, f"{state}:error_{kind}")
        self.assertEqual(message.attempts, self.WAITING[way])
        self.assertFalse(message.exception_ids)

    def test_a_read_that_fails(self):
        for number, kind in enumerate(sorted(KINDS), 1):
            with self.subTest(kind):
                self._fresh()
                self.stub.error = ConnectorError(kind, "x", status=500)
                message = self.receive(self._notice("customer", str(number)))
                with self.engine_env() as env:
                    env["hub.fetch"]._slice()
                self.assertFate(message, kind, route(kind, reading=True))

    def test_a_write_that_fails(self):
        stream = (
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
        for number, kind in enumerate(sorted(KINDS), 1):
            with self.subTest(kind):
                self._fresh()
                stream.active = False
                self.work(self._company(f"9{number}"))
                stream.active = True
                partner = self.partner_of(f"9{number}")
                self._patch(
                    "hub.handler.customer",
                    "_hub_compose",
                    lambda handler, records, system, n=number: {
                        key: {"balance": str(n)} for key in records.ids
                    },
                )
                self.env["hub.compose"]._mark_all("res.partner", partner.ids)
                self.stub.outcome = lambda write, kind=kind: Outcome(
                    write.key, False, error=ConnectorError(kind, "x", status=500)
                )
                with self.engine_env() as env:
                    env["hub.compose"]._slice()
                    env["hub.deliver"]._slice()
                message = self.env["hub.message"].search(
                    [("direction", "=", "out"), ("res_id", "=", partner.id)]
                )
                self.assertFate(message, kind, route(kind))

    def test_what_a_stream_says_about_its_tries(self):
        stream = self.system.stream_ids[0]
        self.assertEqual(stream._retry_policy(), Policy(2.0, 3600, 12))
        stream.write({"retry_base": 5, "retry_cap": 60, "retry_budget": 4})
        self.assertEqual(stream._retry_policy(), Policy(5.0, 60, 4))
        for values in (
            {"retry_budget": 0},
            {"retry_budget": 51},
            {"retry_base": 0},
            {"retry_base": 301},
            {"retry_cap": 1},
            {"retry_cap": 90_000},
        ):
            with self.subTest(values), self.assertRaises(ValidationError), self.env.cr.savepoint():
                stream.write(values)

    def test_no_wait_is_longer_than_the_streams_cap(self):
        self.system.stream_ids.write({"retry_base": 1, "retry_cap": 3, "retry_budget": 40})
        self.stub.error = ConnectorError("product_down", "x", status=500)
        message = self.receive(self._notice("customer", "1"))
        for _turn in range(12):
            self.env.cr.execute("DELETE FROM hub_circuit")
            with self.engine_env() as env:
                env["hub.fetch"]._slice()
            self.env.cr.execute(
                """SELECT extract(epoch FROM next_attempt_at - clock_timestamp() AT TIME ZONE 'UTC')
                     FROM hub_message WHERE id = %s""",
                [message.id],
            )
            self.assertLessEqual(self.env.cr.fetchone()[0], 3)
            self.later(4)
        self.assertEqual(message.attempts, 12)


@tagged("post_install", "-at_install")
class TestEnginePlace(HubCase):
    """A slow product holds one drainer, and another serves all others."""

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.other = self._make_system("Another portal", account_ref="2")
        self.place = self.env["hub.place"]

    def _lease(self):
        """What a drainer would read next: the system's id and its leave."""
        with self.engine_env() as env:
            rows, leave = env["hub.fetch"]._lease()
        return (rows[0]["system_id"], leave) if rows else (None, None)

    def _read(self, system, seconds):
        """A slice that lasts so long."""
        self.receive(self._notice("customer", str(len(self.stub.calls))), system=system)
        with patch(f"{PLACE}.QUICK", 1 - seconds):
            self.drain()

    def test_only_one_drainer_calls_what_is_not_known_to_be_quick(self):
        self.receive(self._notice("customer", "1"))
        self.receive(self._notice("customer", "1"), system=self.other)
        system, leave = self._lease()
        self.assertEqual(self._lease(), (None, None), "the other drainer reads nothing")
        with self.engine_env() as env, env["hub.place"]._calls(leave):
            pass
        self.assertNotEqual(self._lease()[0], system, "what was never called goes first")

    def test_quick_ones_are_called_side_by_side_with_a_slow_one(self):
        self._read(self.other, seconds=0)
        self._read(self.system, seconds=1)
        self.receive(self._notice("customer", "8"))
        self.assertEqual(self._lease()[0], self.system.id)
        self.receive(self._notice("customer", "9"))
        self.assertEqual(self._lease(), (None, None))
        self.receive(self._notice("customer", "9"), system=self.other)
        self.assertEqual(self._lease()[0], self.other.id)
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work(), "a drainer does not turn for nothing")

    def test_that_it_was_slow_is_forgotten_after_an_hour_not_after_a_quick_answer(self):
        for seconds, quick in ((0, True), (1, False), (0, False)):
            self._read(self.system, seconds)
            with short_cursor(self.env) as cr:
                self.assertEqual(
                    self.env["hub.circuit"]._admit(cr, self.system.id).quick, quick, seconds
                )
        self.later(3601)
        with short_cursor(self.env) as cr:
            self.assertTrue(self.env["hub.circuit"]._admit(cr, self.system.id).quick)

    def test_the_place_of_a_dead_drainer_is_free(self):
        self.receive(self._notice("customer", "1"))
        self.receive(self._notice("customer", "1"), system=self.other)
        first = self._lease()[0]
        self.env.cr.execute("UPDATE hub_place SET pid = 0")
        self.assertEqual({first, self._lease()[0]}, {self.system.id, self.other.id})

    def test_the_place_is_given_back_when_the_database_fails_after_the_call(self):
        self.receive(self._notice("customer", "1"))
        self.receive(self._notice("customer", "1"), system=self.other)
        first, leave = self._lease()
        broken = patch.object(type(self.place), "_remember", side_effect=OperationalError)
        with (
            self.engine_env() as env,
            broken,
            suppress(OperationalError),
            env["hub.place"]._calls(leave),
        ):
            pass
        self.assertEqual({first, self._lease()[0]}, {self.system.id, self.other.id})

    def test_a_drainer_that_begins_gives_back_what_it_could_not_before(self):
        self.receive(self._notice("customer", "1"))
        self.receive(self._notice("customer", "1"), system=self.other)
        with self.engine_env() as env:
            env = env(context={**env.context, "cron_id": 7})
            first = env["hub.fetch"]._lease()[0][0]["system_id"]
            self.assertFalse(env["hub.fetch"]._lease()[0])
        with (
            self.engine_env() as env,
            patch.object(type(env["hub.engine"]), "_paused", return_value=True),
        ):
            env["hub.engine"].with_context(cron_id=7)._drain()
        self.assertEqual({first, self._lease()[0]}, {self.system.id, self.other.id})

    def test_a_slice_begins_no_call_when_its_time_is_over(self):
        message = self.receive(self._notice("customer", "1"))
        with self.engine_env() as env, patch(f"{PLACE}.CALLS", 0.0):
            session = env["hub.http"]._session(self.system.with_env(env))
            _rows, leave = env["hub.fetch"]._lease()
            fault = None
            with env["hub.place"]._calls(leave):
                try:  # assertRaises would make a savepoint, which the end of the transaction takes along
                    session.before_call("default")
                except ConnectorError as error:
                    fault = error
        self.assertEqual((fault.kind, fault.code), ("rate", "own_pace"))
        self.assertEqual(message.attempts, 0)
