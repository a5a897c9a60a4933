import psycopg2.errors
from odoo.sql_db import db_connect
from odoo.tests import tagged

from ..connectors.base import Connector
from ..connectors.errors import ConnectorError
from ..connectors.parts import Outcome
from ..models.flow import compose as compose_module
from ..models.flow import deliver
from ..models.flow.rests import Busy, Rests
from .hub_common import HubCase

DELIVER = "odoo.addons.lead_to_cash_hub.models.flow.deliver"
ENGINE = "odoo.addons.lead_to_cash_hub.models.flow.engine"


class Death(BaseException):
    """The worker dies here."""


@tagged("post_install", "-at_install")
class TestEngineCrashes(HubCase):
    """Between "to be sent" and "sent": whatever ends there, each change takes effect once.

    Deaths of whole processes at every statement: ``tests/process/test_engine_parallel.py``.
    """

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.stream = (
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
        self.value = "1"
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {r.id: {"balance": self.value} for r in records},
        )
        self.addCleanup(deliver._seconds_a_call.clear)

    def _changed(self, count):
        """So many customers changed; their messages wait to be sent."""
        self.stream.active = False
        self.work(
            *(
                self._company(str(number), name=f"{'abcdefghijkl'[number]}" * 9)
                for number in range(1, count + 1)
            )
        )
        self.stream.active = True
        self.partners = self.env["res.partner"].union(
            *(self.partner_of(str(number)) for number in range(1, count + 1))
        )
        self.env["hub.compose"]._mark_all("res.partner", self.partners.ids)
        with self.engine_env() as env:
            env["hub.compose"]._slice()
        messages = self.env["hub.message"].search([("direction", "=", "out")], order="id")
        self.assertStates(messages, *["pending"] * count)
        return messages

    def _slice(self):
        with self.engine_env() as env:
            return env["hub.deliver"]._slice()

    def _sent(self):
        """How often each key took effect."""
        return [len(effects) for effects in self.stub.effects.values()]

    def _one_a_call(self, size=1):
        self._patch(
            "hub.system",
            "_connector_class",
            lambda system: type("One", (Connector,), {"batch_write": size}),
        )

    # -- before the call -----------------------------------------------------------------------------

    def test_a_change_whose_wake_up_was_lost_is_found_by_the_next_run(self):
        self._changed(1)
        with self.engine_env() as env:
            self.assertTrue(env["hub.engine"]._has_work())
        self.drain()
        self.assertEqual(self._sent(), [1])

    def test_a_death_before_the_mark_is_committed_leaves_it_pending(self):
        message = self._changed(1)

        def die(model, cr, system_id):
            raise Death

        self._patch("hub.circuit", "_admit", die)
        with self.engine_env() as env, self.assertRaises(Death), env.cr.savepoint():
            env["hub.deliver"]._slice()
        self.env.invalidate_all()
        self.assertStates(message, "pending")
        self.assertFalse(self.stub.calls)

    # -- after the call -------------------------------------------------------------------------------

    def _unstable(self, error, times):
        """Storing answers fails so often."""
        original, failures = type(self.env["hub.deliver"])._confirm, []

        def confirm(model, cr, *arguments):
            original(model, cr, *arguments)
            if len(failures) < times:
                failures.append(1)
                raise error

        self._patch("hub.deliver", "_confirm", confirm)
        return failures

    def test_an_answer_that_cannot_be_stored_is_stored_again_and_no_call_repeated(self):
        for error in (
            psycopg2.errors.SerializationFailure("x"),
            psycopg2.errors.DeadlockDetected("x"),
            psycopg2.errors.LockNotAvailable("x"),
            psycopg2.OperationalError("the connection is gone"),
            psycopg2.InterfaceError("the connection is gone"),
        ):
            with self.subTest(type(error).__name__):
                self.value = type(error).__name__
                messages = self._changed(2) if not self.stub.effects else self._again()
                failures = self._unstable(error, 2)
                self.stub.effects = {}
                self._slice()
                self.assertEqual((self._sent(), len(failures)), ([1, 1], 2))
                self.assertStates(messages, "done", "done")
                audits = self.env["hub.audit"].search(
                    [("message_id", "in", messages.ids), ("action", "=", "deliver")]
                )
                self.assertEqual(len(audits), 2)

    def _again(self):
        before = self.env["hub.message"].search([], limit=1).id
        self.env["hub.compose"]._mark_all("res.partner", self.partners.ids)
        with self.engine_env() as env:
            env["hub.compose"]._slice()
        return self.env["hub.message"].search([("id", ">", before)], order="id")

    def test_an_answer_that_can_never_be_stored_is_a_lost_one(self):
        message = self._changed(1)
        self._unstable(psycopg2.OperationalError("gone"), deliver.STORE_TRIES)
        with self.engine_env() as env:
            try:  # assertRaises would take back what was committed before
                env["hub.deliver"]._slice()
            except psycopg2.OperationalError as error:
                seen = str(error)
        self.assertEqual(seen, "gone")
        self.env.invalidate_all()
        self.assertStates(message, "sending")
        self.later(121)
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual(self._sent(), [2], "the same key twice: the product makes it one")

    def test_a_batch_that_was_killed_is_unknown_item_by_item(self):
        messages = self._changed(4)
        with self.engine_env() as env:
            rows, _leave = env["hub.deliver"]._lease(lambda system: 10)  # and the worker dies
        self.assertEqual(len(rows), 4)
        self.later(121)

        def outcome(write):
            if write.external_id == "2":
                return Outcome(write.key, False, error=ConnectorError("data", "x", status=400))
            self.stub.effects.setdefault(write.key, []).append(write.values)
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome
        self.drain()
        self.assertStates(messages, "done", "failed", "done", "done")
        self.assertEqual(
            set(self.stub.effects),
            {r["idempotency_key"] for r in rows} - {rows[1]["idempotency_key"]},
        )

    def test_one_that_kills_its_worker_is_given_up_and_takes_no_other_with_it(self):
        messages = self._changed(3)

        def outcome(write):
            if write.external_id == "2":
                raise Death
            self.stub.effects.setdefault(write.key, []).append(write.values)
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome
        deaths = 0
        for _turn in range(12):
            with self.engine_env() as env:
                try:  # assertRaises would take back what was committed before
                    env["hub.deliver"]._slice()
                except Death:
                    deaths += 1
            self.later(121)
        self.assertStates(messages, "done", "dead:kills_worker", "done")
        self.assertEqual(deaths, 4, "at last it died alone")
        self.assertExplained(messages[1], "kills_worker")
        self.assertTrue(messages[1].maybe_sent)
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work())

    def test_each_item_of_a_batch_has_an_outcome_of_its_own(self):
        messages = self._changed(5)
        errors = {"2": "data", "3": "unknown", "4": "conflict"}

        def answer(entity, writes):
            return [
                Outcome(
                    w.key,
                    w.external_id not in errors,
                    w.external_id,
                    error=ConnectorError(errors[w.external_id], "x")
                    if w.external_id in errors
                    else None,
                )
                for w in writes
                if w.external_id != "5"  # the connector forgets one
            ]

        self.stub.deliver = answer
        self._slice()
        self.env.invalidate_all()
        self.assertStates(
            messages,
            "done",
            "failed:error_data",
            "pending:error_unknown",
            "failed:error_conflict",
            "pending:error_unknown",
        )

    def test_a_late_answer_is_kept_and_changes_nothing(self):
        message = self._changed(1)
        with self.engine_env() as env:
            rows, leave = env["hub.deliver"]._lease(lambda system: 10)
        self.later(121)
        self.drain()
        with self.engine_env() as env:
            late = [(rows[0], Outcome(rows[0]["idempotency_key"], True, "another id"))]
            env["hub.deliver"]._answer(
                env["hub.system"].browse(self.system.id),
                env["hub.entity"].browse(rows[0]["entity_id"]),
                late,
                leave,
            )
        self.assertEqual(message.external_id, "1")
        self.assertIn("late_answer", message.attempt_ids.mapped("outcome"))
        self.assertFalse(self.env["hub.link"].search([("external_id", "=", "another id")]))

    def test_a_replay_asks_the_product_first_because_its_memory_of_keys_may_be_over(self):
        self.stream.retry_budget = 1
        message = self._changed(1)
        tries = []

        def outcome(write):
            tries.append(write.attempt)
            return Outcome(write.key, False, error=ConnectorError("unknown", "answer_lost"))

        self.stub.outcome = outcome
        self.drain()
        self.assertStates(message, "dead")
        message.action_replay()
        self.drain()
        self.assertEqual(
            tries, [1, 2], "connectors look before they create when it is not the first try"
        )

    # -- call after call -------------------------------------------------------------------------------

    def test_when_the_time_is_over_the_rest_is_free_at_once_and_has_lost_no_try(self):
        self._one_a_call(2)
        messages = self._changed(6)
        self.patch(deliver, "SECONDS", 0.0)
        self.patch(deliver, "_seconds_a_call", {})
        self._patch("hub.deliver", "_most", lambda model, system_id: 6)
        self.assertEqual(self._slice(), 2)
        self.env.invalidate_all()
        self.assertStates(messages, "done", "done", *["pending"] * 4)
        self.assertEqual(messages[2:].mapped("attempts"), [0] * 4)
        self.assertFalse(messages[2:].attempt_ids, "a try that was not made is none")
        tries = []

        def outcome(write):
            tries.append(write.attempt)
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome
        self.drain()
        self.assertEqual(tries, [1] * 4, "no product is asked whether it has them already")
        self.assertStates(messages, *["done"] * 6)

    def test_after_a_fault_of_the_product_no_further_call_is_made(self):
        self._one_a_call()
        messages = self._changed(5)
        self._patch("hub.deliver", "_most", lambda model, system_id: 5)

        def outcome(write):
            if write.external_id == "2":
                return Outcome(
                    write.key, False, error=ConnectorError("product_down", "x", status=503)
                )
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome
        self.assertEqual(self._slice(), 2)
        self.env.invalidate_all()
        self.assertStates(messages, "done", "pending:error_product_down", *["pending"] * 3)
        self.assertEqual(messages.mapped("attempts"), [1, 1, 0, 0, 0])

    def test_a_refused_one_does_not_end_the_slice(self):
        self._one_a_call()
        messages = self._changed(3)
        self._patch("hub.deliver", "_most", lambda model, system_id: 5)
        self.stub.outcome = lambda write: Outcome(
            write.key,
            write.external_id != "1",
            write.external_id,
            error=ConnectorError("data", "x"),
        )
        self.assertEqual(self._slice(), 3)
        self.env.invalidate_all()
        self.assertStates(messages, "failed", "done", "done")

    def test_only_the_issues_that_a_delivery_touched_are_counted_anew(self):
        self._changed(2)
        refreshed = []
        self._patch("hub.issue", "_refresh", lambda model, touched=None: refreshed.append(touched))
        self._slice()
        self.assertNotIn(None, refreshed)

    # -- compose ------------------------------------------------------------------------------------------

    def test_two_workers_do_not_compose_at_once(self):
        self.stream.write({"active": True, "create_missing": True})
        partner = self.env["res.partner"].create({"name": "One", "is_company": True})
        self.env["hub.compose"]._mark_all("res.partner", partner.ids)
        message = [("direction", "=", "out"), ("res_id", "=", partner.id)]
        with db_connect(self.env.cr.dbname).cursor() as other:
            other.execute("SELECT pg_advisory_xact_lock(hashtext('hub.compose'))")
            with self.engine_env() as env:
                try:
                    env["hub.compose"]._slice()
                except Busy as busy:
                    rest = busy.seconds
            self.assertLess(rest, 1)
            self.assertFalse(self.env["hub.message"].search(message))
        with self.engine_env() as env:
            env["hub.compose"]._slice()
        self.assertStates(self.env["hub.message"].search(message), "pending")

    def test_composing_rests_when_another_holds_what_it_needs(self):
        self._changed(1)
        self.drain()
        self.value = "2"
        self.env["hub.compose"]._mark_all("res.partner", self.partners.ids)
        calls = []

        def compose(model, *_arguments):
            calls.append(1)
            raise psycopg2.errors.LockNotAvailable("x")

        original = type(self.env["hub.compose"])._compose
        self._patch("hub.compose", "_compose", compose)
        self.patch(compose_module.random, "uniform", lambda least, most: 600.0)
        rests = Rests()
        with self.engine_env() as env, self.assertNoLogs(ENGINE, "ERROR"):
            for _turn in range(5):
                env["hub.engine"]._once(True, rests)
        self.assertEqual(len(calls), 1, "it does not come again at once")
        self.assertIn("hub.compose", rests)
        self._patch("hub.compose", "_compose", original)
        self.drain()
        self.assertEqual(len(self._sent()), 2, "the mark stayed")
