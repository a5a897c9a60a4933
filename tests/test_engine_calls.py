from datetime import timedelta
from unittest.mock import patch

from odoo import fields, tools
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from sandbox.hubspot import HubSpotSandbox

from ..connectors import http
from ..connectors.errors import ConnectorError
from ..connectors.parts import CheckItem, Outcome, Page
from .hub_common import HubCase, Stub, version

FAULT = "odoo.addons.lead_to_cash_hub.models.flow.fault"
COMPOSE = "odoo.addons.lead_to_cash_hub.models.flow.compose"
OUTBOX = "odoo.addons.lead_to_cash_hub.models.flow.outbox"
HTTP = "odoo.addons.lead_to_cash_hub.models.flow.http"


@tagged("post_install", "-at_install")
class TestEngineCalls(HubCase):
    """Calls to products: what fails by itself is tried again, the rest stands in front of a person."""

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()

    def _records(self, *ids):
        for key in ids:
            self.stub.records["customer", key] = {"id": key, "properties": {"name": f"Acme {key}"}}

    def _failing(self, kind, code="x", times=None, **more):
        self.stub.error, self.stub.times = ConnectorError(kind, code, **more), times

    def _circuit(self):
        return self.env["hub.circuit"].search([("system_id", "=", self.system.id)])

    def _calls(self, what):
        return [call for call in self.stub.calls if call[0] == what]

    # -- transient ---------------------------------------------------------------------------------

    def test_a_fault_of_the_product_is_tried_again_by_itself(self):
        self._records("1")
        self._failing("product_down", "server_error", times=2, status=503)
        message = self.work(self._notice("customer", "1"))
        self.assertStates(message, "received:error_product_down")
        self.assertEqual(message.attempts, 1)
        for _turn in range(2):
            self.later()
            self.drain()
        self.assertStates(message, "done")
        self.assertFalse(self.issues())
        self.assertEqual(message.attempt_ids.mapped("outcome"), ["error_product_down"] * 2)

    def test_a_try_waits_longer_each_time_and_not_all_wait_alike(self):
        self._failing("product_down", status=503)
        messages = self.receive(*(self._notice("customer", str(number)) for number in range(1, 31)))
        waits = []
        for _turn in range(4):
            self.drain()
            now = fields.Datetime.now()
            seconds = [(m.next_attempt_at - now).total_seconds() for m in messages]
            waits.append(max(seconds))
            self.assertGreater(len({round(s, 3) for s in seconds}), 5, "jitter")
            self.later()
        self.assertGreater(waits[-1], waits[0])

    def test_a_used_up_budget_is_shown_to_a_person_and_a_replay_begins_anew(self):
        self.system.stream_ids.retry_budget = 3
        self._records("1")
        self._failing("product_down", "server_error", status=500)
        message = self.work(self._notice("customer", "1"))
        for _turn in range(5):
            self.later()
            self.drain()
        self.assertStates(message, "dead")
        self.assertExplained(message, "error_product_down")
        self.assertEqual(len(self._calls("fetch")), 3)
        self.stub.error = None
        message.action_replay()
        self.drain()
        self.assertStates(message, "done")
        self.assertFalse(self.issues())

    def test_retry_after_is_obeyed_by_all_and_costs_no_try(self):
        self._records("1", "2")
        self._failing("rate", "rate_limited", times=1, status=429, retry_after=600)
        message = self.work(self._notice("customer", "1"))
        wait = (message.next_attempt_at - fields.Datetime.now()).total_seconds()
        self.assertGreaterEqual(wait, 598)
        self.assertEqual(message.attempts, 0)
        for bucket in ("default", "search"):
            wait = self.env["hub.pace"]._next(self.system.id, bucket, 100, 10)
            self.assertGreater(wait, 500, "no worker calls before, whatever it calls")
        self.later()
        self.drain()
        self.assertStates(message, "done")

    def test_an_open_circuit_makes_no_calls_and_messages_keep_their_tries(self):
        self._records(*map(str, range(1, 9)))
        self._failing("connection", "not_reached")
        for number in range(1, 6):
            self.work(self._notice("customer", str(number)))
        self.assertEqual(self._circuit().state, "open")
        calls = len(self._calls("fetch"))
        messages = self.work(self._notice("customer", "6"))
        self.later(1)
        self.drain()
        self.assertEqual(len(self._calls("fetch")), calls, "nothing goes out while it is open")
        self.stub.error = None
        self.later()
        self.drain()
        self.assertEqual(self._circuit().state, "closed")
        every = self.env["hub.message"].search([])
        self.assertEqual(set(every.mapped("state")), {"done"})
        self.assertEqual(messages.attempts, 1, "its apply; no try was lost to the outage")

    # -- of the system -------------------------------------------------------------------------------

    def test_a_revoked_token_is_one_issue_and_everything_goes_on_after_the_reconnect(self):
        self._records("1", "2", "3")
        self._failing("sign_in", "not_signed_in", status=401)
        messages = self.work(*(self._notice("customer", key) for key in "123"))
        issue = self.issues()
        self.assertEqual(issue.code, "reconnect")
        self.assertIn("refuses the sign-in", issue.sentence)
        self.assertEqual(self.system.state, "error")
        self.assertEqual(set(messages.mapped("state")), {"received"})
        self.assertEqual(set(messages.mapped("attempts")), {0})
        for _hour in range(3):
            self.later()
            self.drain()
        self.assertEqual(len(self._calls("fetch")), 1, "a refused sign-in is not tried in a loop")
        self.assertEqual(len(self.issues()), 1)
        self.stub.error = None
        self.stub.check = lambda: [CheckItem("signed_in", True)]
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected")
        self.later(80)
        self.drain()
        self.assertStates(messages, "done", "done", "done")
        self.assertFalse(self.issues())

    def test_a_page_instead_of_an_answer_is_one_issue_until_a_call_works(self):
        self._records("1")
        self._failing("schema", "unexpected_page", status=200)
        message = self.work(self._notice("customer", "1"))
        issue = self.issues()
        self.assertEqual(issue.code, "error_schema")
        self.assertIn("not understood", issue.sentence)
        self.later()
        self.drain()
        self.assertEqual(self.issues(), issue, "one issue, and it stays open")
        self.assertEqual(message.attempts, 0)
        self.stub.error = None
        self.later()
        self.drain()
        self.assertStates(message, "done")
        self.assertFalse(self.issues())

    def test_a_missing_scope_is_one_issue_until_it_is_granted(self):
        self._records("1")
        self._failing("permission", "not_allowed", status=403)
        message = self.work(self._notice("customer", "1"))
        self.assertEqual(self.issues().code, "error_permission")
        self.stub.error = None
        self.later()
        self.drain()
        self.assertStates(message, "done")
        self.assertFalse(self.issues())

    def test_a_poll_that_may_not_read_says_so(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        stream.poll = True
        self._failing("permission", "not_allowed", status=403)
        self.later()
        self.drain()
        self.assertEqual(self.issues().code, "error_permission")
        self.assertEqual(stream.health, "late")
        self.assertTrue(stream.last_error)
        self.stub.error = None
        self.later()
        self.drain()
        self.assertFalse(self.issues())
        stream.invalidate_recordset()
        self.assertFalse(stream.last_error)

    # -- one bad among many ----------------------------------------------------------------------------

    def test_an_id_that_the_product_refuses_does_not_spoil_the_batch(self):
        self._records(*map(str, range(1, 21)))
        self.stub.bad["7"] = ConnectorError("data", "bad_id", status=400)
        messages = self.work(*(self._notice("customer", str(number)) for number in range(1, 21)))
        bad = messages.filtered(lambda m: m.external_id == "7")
        self.assertStates(messages - bad, *["done"] * 19)
        self.assertExplained(bad, "error_data")
        self.assertLess(len(self._calls("fetch")), 12)

    def test_an_error_that_no_connector_should_raise_is_shown_to_a_person(self):
        self._records("1", "2")
        self.stub.bad["2"] = KeyError("properties")
        with mute_logger(FAULT):
            messages = self.work(self._notice("customer", "1"), self._notice("customer", "2"))
        self.assertStates(messages, "done", "failed")
        self.assertExplained(messages[1], "error_bug")

    def test_an_unforeseen_error_of_a_poll_does_not_stop_the_other_streams(self):
        streams = self.system.stream_ids.filtered(
            lambda s: s.direction == "in" and s.entity_id.code in ("customer", "contact")
        )
        streams.poll = True

        def poll(entity, cursor, now):
            if entity == "customer":
                raise TypeError("a list has no get")
            return Page(
                [
                    Stub.record(
                        "contact",
                        "9",
                        {"id": "9", "properties": {"firstname": "Pat"}, "companies": []},
                    )
                ],
                {},
                False,
            )

        self.stub.poll = poll
        with mute_logger(FAULT):
            self.drain()
        self.assertTrue(self.partner_of("9", "contact"))
        self.assertEqual(self.issues().code, "error_bug")

    def test_a_record_that_is_gone_at_the_source_is_a_question(self):
        message = self.work(self._notice("customer", "404"))
        self.assertExplained(message, "not_found_at_source")
        self._records("404")
        message.action_replay()
        self.drain()
        self.assertStates(message, "done")

    def test_many_notices_of_one_record_are_read_once(self):
        self._records("1")
        messages = self.work(*(self._notice("customer", "1", number) for number in range(1, 6)))
        self.assertEqual(sorted(m.state for m in messages), ["done", *["skipped"] * 4])
        self.assertEqual(len(self._calls("fetch")), 1)

    def test_one_reading_answers_what_waits_for_its_next_try_too(self):
        self._records("1", "2")
        self._failing("product_down", status=503, times=1)
        waiting = self.work(self._notice("customer", "1"), self._notice("customer", "2"))
        self.assertStates(waiting, *["received:error_product_down"] * 2)
        newer = self.work(self._notice("customer", "1", 2))
        self.assertStates(newer, "done")
        self.assertStates(waiting, "skipped:superseded", "received:error_product_down")

    def test_a_slice_reads_as_many_records_as_it_may_however_many_notices_they_have(self):
        self._records(*map(str, range(1, 6)))
        messages = self.receive(
            *(
                self._notice("customer", str(key), number)
                for number in (1, 2, 3)
                for key in range(1, 6)
            )
        )
        with patch.object(type(self.env["hub.fetch"]), "_most", lambda model, system_id: 4):
            self.step()
        ((_what, _entity, ids),) = self._calls("fetch")
        self.assertEqual(sorted(ids), ["1", "2", "3", "4"])
        left = messages.filtered(lambda message: message.state == "received")
        self.assertEqual(left.mapped("external_id"), ["5", "5", "5"])

    def test_what_an_outage_left_of_one_stream_is_no_queue_for_another(self):
        self._records(*map(str, range(1, 6)))
        self.stub.records["contact", "9"] = {"id": "9", "properties": {"firstname": "Pat"}}
        self.receive(*(self._notice("customer", str(key)) for key in range(1, 6)))
        self.receive(self._notice("contact", "9"))
        with patch.object(type(self.env["hub.fetch"]), "_most", lambda model, system_id: 1):
            self.drain()
        read = [entity for _what, entity, _ids in self._calls("fetch")]
        self.assertEqual(len(read), 6)
        self.assertIn("contact", read[:2])

    def test_an_exception_of_a_replayed_notice_closes_when_a_newer_one_takes_its_place(self):
        failed = self.work(self._notice("customer", "1"))
        self._records("1")
        failed.action_replay()
        newer = self.work(self._notice("customer", "1", 2))
        self.assertStates(newer, "done")
        self.assertStates(failed, "skipped:superseded")
        self.assertFalse(self.issues())

    # -- polls -----------------------------------------------------------------------------------------

    def test_a_page_and_its_cursor_are_stored_together_and_nothing_is_read_twice(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        stream.poll = True
        page = [
            Stub.record("customer", str(n), {"id": str(n), "properties": {"name": f"C{n}"}})
            for n in range(3)
        ]
        self.stub.pages = [Page(page[:2], {"at": 2}, True), Page(page[1:], {"at": 3}, False)]
        self.drain()
        self.assertEqual(self.env["hub.message"].search_count([]), 3, "the overlap is stored once")
        self.assertEqual([call[2] for call in self._calls("poll")], [{}, {"at": 2}])
        self.assertEqual(
            self.env["hub.cursor"].search([("stream_id", "=", stream.id)]).position["changes"],
            {"at": 3},
        )

    def test_a_poll_whose_worker_died_is_taken_again_from_the_same_place(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        stream.poll = True
        with self.engine_env() as env:
            self.assertEqual(env["hub.poll"]._lease()[0], stream.id)
            self.assertFalse(env["hub.poll"]._lease())
        self.later(181)
        with self.engine_env() as env:
            self.assertEqual(env["hub.poll"]._lease()[:2], (stream.id, {}))

    # -- out -------------------------------------------------------------------------------------------

    def _outbound(self):
        """Customers are sent to HubSpot; gives the stream."""
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
        stream.active = True
        self.values = {}
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {r.id: {"balance": self._balance(r)} for r in records},
        )
        return stream

    def _balance(self, partner):
        value = self.values.get(partner.ref, "0")
        if value == "poison":
            raise ZeroDivisionError
        return value

    def _customer(self, key, balance="0"):
        """A linked customer whose balance was sent once."""
        self.work(self._company(key))
        partner = self.partner_of(key)
        partner.ref = key
        return partner

    def _change(self, *partners, **values):
        """The balance of customers changes in Odoo."""
        self.values.update(values)
        self.env.flush_all()
        self.env["hub.compose"]._mark_all("res.partner", [p.id for p in partners])

    def _sent(self, partner=None):
        domain = [("direction", "=", "out")] + ([("res_id", "=", partner.id)] if partner else [])
        return self.env["hub.message"].search(domain, order="id")

    def test_only_what_differs_from_what_was_sent_goes_out(self):
        self._outbound()
        acme = self._customer("1")
        self._change(acme, **{"1": "100"})
        self.drain()
        effects = sum(map(len, self.stub.effects.values()))
        self._change(acme)
        self._change(acme)
        self.drain()
        self.assertEqual(sum(map(len, self.stub.effects.values())), effects)

    def test_a_change_in_odoo_wakes_a_drainer_once_it_is_committed(self):
        self._outbound()
        partners = self._customer("1") | self._customer("2")
        self.env.flush_all()
        committed = self.env.cr.postcommit
        committed.clear()
        engine = type(self.env["hub.engine"])
        with patch.object(engine, "_wake") as wake:
            partners[0].name = "Acme One"
            self.env.flush_all()
            partners[1].name = "Acme Two"
            self.env.flush_all()
            wake.assert_not_called()
            committed.run()
            wake.assert_called_once_with()
        with patch.object(engine, "_wake", side_effect=ZeroDivisionError):
            partners[0].name = "Acme"
            self.env.flush_all()
            with self.assertLogs(OUTBOX, "WARNING"):
                committed.run()  # what a person wrote stays written

    def test_two_changes_before_the_delivery_are_one(self):
        self._outbound()
        acme = self._customer("1")
        self.system.action_pause()
        for balance in ("1", "2"):
            self._change(acme, **{"1": balance})
            self.drain()
        self.system.action_resume()
        self.drain()
        last = self._sent(acme)[-1]
        self.assertStates(self._sent(acme)[-2:], "skipped:superseded", "done")
        self.assertIn('"2"', self.env["hub.payload"].browse(last.payload_id.id).text)

    def test_a_lost_answer_is_repeated_with_the_same_bytes_and_key(self):
        self._outbound()
        acme = self._customer("1")
        lost = []

        def outcome(write):
            self.stub.effects.setdefault(write.key, []).append(write.values)
            if not lost:
                lost.append(write)
                return Outcome(write.key, False, error=ConnectorError("unknown", "answer_lost"))
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome
        self._change(acme, **{"1": "77"})
        self.drain()
        message = self._sent(acme)[-1]
        self.assertStates(message, "pending:error_unknown")
        self.later()
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual(len(self.stub.effects[lost[0].key]), 2)
        self.assertEqual(*self.stub.effects[lost[0].key])

    def test_a_change_while_an_answer_is_unknown_waits_until_the_first_is_settled(self):
        self._outbound()
        acme = self._customer("1")
        self.stub.outcome = lambda write: Outcome(
            write.key, False, error=ConnectorError("unknown", "answer_lost")
        )
        self._change(acme, **{"1": "1"})
        self.drain()
        first = self._sent(acme)[-1]
        self._change(acme, **{"1": "2"})
        self.drain()
        second = self._sent(acme)[-1]
        self.assertStates(first + second, "pending", "pending")
        self.stub.outcome, self.stub.effects = None, {}
        self.later()
        self.drain()
        self.assertStates(first + second, "done", "done")
        self.assertEqual(
            [next(iter(e[0].values())) for e in self.stub.effects.values()], ["1", "2"]
        )

    def test_a_worker_killed_while_sending_is_an_unknown_answer(self):
        self._outbound()
        acme = self._customer("1")
        self._change(acme, **{"1": "5"})
        with self.engine_env() as env:
            env["hub.compose"]._slice()
            rows, _leave = env["hub.deliver"]._lease(lambda system: 10)  # and the worker dies
        message = self._sent(acme)[-1]
        self.assertStates(message, "sending")
        self.drain()
        self.assertStates(message, "sending")
        self.later(121)
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual(list(self.stub.effects)[-1], rows[-1]["idempotency_key"])

    def test_an_answer_of_another_records_id_does_not_take_that_ones_link(self):
        """The product has merged one customer into another: the answer names the survivor."""
        self._outbound()
        acme, other = self._customer("1"), self._customer("2")
        self.stub.outcome = lambda write: Outcome(write.key, True, "2")
        self._change(acme, **{"1": "77"})
        self.drain()
        self.assertStates(self._sent(acme)[-1], "done")
        self.assertEqual(self.partner_of("2"), other)
        self.assertEqual(self.partner_of("1"), acme)
        sent = len(self._sent(acme))
        self._change(acme)
        self.drain()
        self.assertEqual(len(self._sent(acme)), sent, "what was sent is remembered")

    def test_a_late_answer_of_a_worker_that_was_given_up_changes_nothing(self):
        self._outbound()
        acme = self._customer("1")
        self._change(acme, **{"1": "5"})
        with self.engine_env() as env:
            env["hub.compose"]._slice()
            rows, leave = env["hub.deliver"]._lease(lambda system: 10)
        self.later(121)
        self.drain()
        with self.engine_env() as env:
            system = env["hub.system"].browse(self.system.id)
            entity = env["hub.entity"].browse(rows[0]["entity_id"])
            for late in (
                Outcome("", False, error=ConnectorError("data", "x")),
                Outcome("", True, "another id"),
            ):
                env["hub.deliver"]._answer(system, entity, [(row, late) for row in rows], leave)
        self.assertStates(self._sent(acme)[-1], "done")
        self.assertFalse(self.issues())

    def test_one_that_waits_for_its_answer_does_not_hold_up_other_systems(self):
        self._outbound()
        acme, other = self._customer("1"), self._customer("2")
        self._change(acme, **{"1": "5"})
        with self.engine_env() as env:
            env["hub.compose"]._slice()
            env["hub.deliver"]._lease(lambda system: 10)
        self._change(acme, **{"1": "6"})
        self.drain()
        self.env.cr.execute(
            """UPDATE hub_message SET next_attempt_at = next_attempt_at - interval '1 minute'
                WHERE direction = 'out' AND state = 'pending'"""
        )
        self._change(other, **{"2": "8"})
        self.drain()
        self.assertStates(self._sent(other)[-1], "done")

    def test_a_record_that_cannot_be_composed_does_not_spoil_the_others(self):
        self._outbound()
        partners = [self._customer(str(number)) for number in range(1, 6)]
        with mute_logger(COMPOSE):
            self.values = {str(number): "9" for number in range(1, 6)} | {"3": "poison"}
            self._change(*partners)
            self.drain()
        for partner in partners:
            if partner.ref != "3":
                self.assertStates(self._sent(partner)[-1], "done")
        poison = self._sent(partners[2])[-1]
        self.assertExplained(poison, "bug")
        self.values["3"] = "4"
        poison.action_replay()
        self.drain()
        self.assertStates(self._sent(partners[2])[-1], "done")
        self.later(1)  # what the replay closed is recounted by the next round of chores
        self.assertFalse(self.issues())

    def test_values_that_the_product_refuses_go_to_a_person_and_a_replay_sends_todays(self):
        self._outbound()
        acme = self._customer("1")
        self.stub.outcome = lambda write: Outcome(
            write.key, False, error=ConnectorError("data", "INVALID", status=400)
        )
        self._change(acme, **{"1": "5"})
        self.drain()
        self.assertExplained(self._sent(acme)[-1], "error_data")
        self.stub.outcome = None
        self._sent(acme)[-1].action_replay()
        self.drain()
        self.assertStates(self._sent(acme)[-1], "done")
        self.assertFalse(self.issues())

    def test_a_replay_of_what_was_sent_never_sends_old_values_over_new_ones(self):
        self._outbound()
        acme = self._customer("1")
        for balance in ("1", "2"):
            self._change(acme, **{"1": balance})
            self.drain()
        old = self._sent(acme)[-2]
        self.assertIn('"1"', self.env["hub.payload"].browse(old.payload_id.id).text)
        self.stub.effects = {}
        old.action_replay()
        self.drain()
        self.assertFalse(self.stub.effects)

    def test_an_unforeseen_error_of_a_delivery_goes_to_a_person(self):
        self._outbound()
        acme = self._customer("1")

        def deliver(entity, writes):
            raise AttributeError("no such field")

        self.stub.deliver = deliver
        self._change(acme, **{"1": "5"})
        with mute_logger(FAULT):
            self.drain()
        self.assertExplained(self._sent(acme)[-1], "error_bug")

    def test_only_mapped_fields_leave(self):
        self._outbound()
        acme = self._customer("1")
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                r.id: {"balance": "1", "secret_note": "x"} for r in records
            },
        )
        self._change(acme)
        self.drain()
        self.assertEqual(
            [list(values) for (values,) in self.stub.effects.values()][-1], ["odoo_balance"]
        )


@tagged("post_install", "-at_install")
class TestEngineHttp(HubCase):
    """The same over HTTP, with faults that a sandbox makes."""

    def setUp(self):
        super().setUp()
        self.sandbox = self._use_sandbox()
        self.sandbox.seed(
            [
                {
                    "type": "companies",
                    "id": "1",
                    "properties": {"name": "Acme 🚀", "domain": "acme.example"},
                }
            ]
        )

    def _fault(self, kind, **options):
        self.sandbox.faults.add({"kind": kind, "path": "batch", **options})

    def test_a_record_is_read_over_http(self):
        message = self.work(self._notice("customer", "1"))
        self.assertStates(message, "done")
        self.assertEqual(self.partner_of("1").name, "Acme 🚀")

    def test_faults_of_the_network_are_tried_again(self):
        for kind in ("reset_before", "reset_after", "truncated", "status"):
            with self.subTest(kind):
                self._fault(kind)
                message = self.work(self._notice("customer", "1"))
                self.assertStates(message, "received")
                self.assertTrue(message.explanation)
                self.later()
                self.drain()
                self.assertIn(message.state, ("done", "skipped"))
                self.later()
        self.assertFalse(self.issues())

    def test_a_time_out_is_tried_again(self):
        self._fault("timeout", seconds=1.0)
        original = http.Session.__init__
        with patch.object(
            http.Session, "__init__", lambda self, **kw: original(self, **{**kw, "deadline": 0.3})
        ):
            message = self.work(self._notice("customer", "1"))
        self.assertStates(message, "received:error_connection")
        self.later()
        self.drain()
        self.assertStates(message, "done")

    def test_a_web_page_instead_of_the_api_is_an_issue(self):
        self._fault("html", status=200)
        self.work(self._notice("customer", "1"))
        self.assertEqual(self.issues().code, "error_schema")

    def test_an_expired_token_asks_to_reconnect_and_a_new_one_lets_all_go_on(self):
        self.sandbox.tokens = {"a-newer-token"}
        message = self.work(self._notice("customer", "1"))
        self.assertEqual(self.issues().code, "reconnect")
        self.system.credential_ids.filtered(
            lambda c: c.name == "access_token"
        ).secret = "a-newer-token"
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)
        self.later(80)
        self.drain()
        self.assertStates(message, "done")
        self.assertFalse(self.issues())

    def test_a_renewed_oauth_token_needs_no_person(self):
        self.env["hub.credential"].create(
            {
                "system_id": self.system.id,
                "name": "refresh_token",
                "secret": "sandbox-refresh-token",
            }
        )
        self.system.client_id = "sandbox-client"
        access = self.system.credential_ids.filtered(lambda c: c.name == "access_token")
        access.expires_at = fields.Datetime.now() - timedelta(hours=1)
        message = self.work(self._notice("customer", "1"))
        self.assertStates(message, "done")
        self.assertGreater(access.expires_at, fields.Datetime.now())

    def test_a_refused_renewal_asks_to_reconnect(self):
        self.env["hub.credential"].create(
            {"system_id": self.system.id, "name": "refresh_token", "secret": "revoked"}
        )
        self.system.client_id = "sandbox-client"
        message = self.work(self._notice("customer", "1"))
        self.assertStates(message, "received")
        self.assertEqual(self.issues().code, "reconnect")

    def test_a_neutralized_copy_sends_nothing(self):
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "1")
        message = self.receive(self._notice("customer", "1"))
        with self.engine_env() as env:
            env["hub.engine"]._drain()
        self.drain()
        with self.assertRaises(UserError):
            self.system.action_test_connection()
        self.assertFalse(self.sandbox.journal)
        self.assertStates(message, "received")

    def test_a_copied_database_sends_nothing_until_a_person_confirms_it(self):
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", "1:2:3")
        message = self.work(self._notice("customer", "1"))
        self.assertFalse(self.sandbox.journal)
        self.assertTrue(self.system.is_copy)
        self.system.action_confirm_database()
        self.system.state = "connected"
        self.later(80)
        self.drain()
        self.assertStates(message, "done")

    def test_a_missing_key_sends_nothing(self):
        with patch.dict(tools.config.options, {"hub_keys": ""}):
            self.work(self._notice("customer", "1"))
        self.assertFalse(self.sandbox.journal)
        self.assertTrue(self.issues())

    def test_an_address_that_is_not_allowed_is_not_called(self):
        with patch.dict(tools.config.options, {"hub_local_hosts": ""}):
            message = self.work(self._notice("customer", "1"))
        self.assertFalse(self.sandbox.journal)
        self.assertStates(message, "received:error_connection")

    def test_an_address_that_changed_gets_no_secret_of_the_former_one(self):
        """Not by *Test Connection* either, nor by what waits for the system."""
        waiting = self._notice("customer", "1")
        with HubSpotSandbox().start() as other:
            allowed = f"{self.system.base_url.removeprefix('http://')},{other.host}"
            with patch.dict(tools.config.options, {"hub_local_hosts": allowed}):
                self.system.base_url = other.url
                self.env.flush_all()
                self.system.action_test_connection()
                self.work(waiting)
            self.assertEqual(self.system.state, "error")
            self.assertFalse(other.sandbox.journal)
            self.assertFalse(self.sandbox.journal)

    def test_no_token_reaches_the_log(self):
        self._fault("status", status=500)
        with self.assertLogs(level="DEBUG") as logs:
            self.work(self._notice("customer", "1"))
        self.assertNotIn("pat-na1-sandbox-token", "\n".join(logs.output))

    def test_versions_of_the_source_order_what_is_read(self):
        self.work(self._notice("customer", "1"))
        self.assertStates(self.work(self._company("1", 1)), "skipped:stale")
        self.assertLess(
            version(1), self.env["hub.link"].search([("external_id", "=", "1")]).version
        )
