from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..connectors.parts import Outcome
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestEngineLost(HubCase):
    """An answer that was lost stays in mind until the product has said what became of the write."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.out = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "out"
        )

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.balance = "0"
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                key: {"balance": self.balance} for key in records.ids
            },
        )
        self.work(self._company("1"))
        self.partner = self.partner_of("1")
        self.out.active = True
        self._change("0")
        self.drain()
        self.writes = []
        self._answer()

    def _answer(self, *kinds):
        """The next writes meet these faults; what follows is taken."""
        faults = list(kinds)

        def outcome(write):
            self.writes.append((next(iter(write.values.values())), write.key, write.attempt))
            if faults:
                return Outcome(write.key, False, error=ConnectorError(faults.pop(0), "x"))
            return Outcome(write.key, True, write.external_id)

        self.stub.outcome = outcome

    def _change(self, balance):
        self.balance = balance
        self.env["hub.compose"]._mark_all("res.partner", self.partner.ids)
        with self.engine_env() as env:
            env["hub.compose"]._slice()

    def _last(self, count=1):
        return self.env["hub.message"].search([("direction", "=", "out")], limit=count)[::-1]

    def _lose(self, *kinds):
        """A write of "1" whose answer is lost, then these faults."""
        self._answer("unknown", *kinds)
        self._change("1")
        self.drain()
        for _kind in kinds:
            self.later()
            self.drain()
        return self._last()

    def test_the_next_fault_does_not_make_forget_it(self):
        lost = self._lose("connection")
        self.assertStates(lost, "pending:error_connection")
        self._change("2")
        self.assertStates(self._last(2), "pending", "pending")
        self.later()
        self.drain()
        self.later()
        self.drain()
        self.assertStates(self._last(2), "done", "done")
        self.assertEqual([value for value, _key, _attempt in self.writes], ["1", "1", "1", "2"])
        self.assertEqual(len({key for _value, key, _attempt in self.writes[:3]}), 1)
        self.assertFalse(lost.maybe_sent)

    def test_one_that_was_given_up_is_settled_before_the_next(self):
        self.out.retry_budget = 2
        lost = self._lose("connection")
        self.assertStates(lost, "dead")
        self._change("2")
        self.assertStates(self._last(2), "pending:error_unknown", "pending")
        self.assertFalse(lost.exception_ids.filtered(lambda e: e.state == "open"))
        self.drain()
        self.drain()
        self.assertEqual([value for value, _key, _attempt in self.writes], ["1", "1", "1", "2"])
        self.assertStates(self._last(2), "done", "done")

    def test_the_next_one_looks_first_if_the_lost_one_cannot_be_settled(self):
        self.out.retry_budget = 1
        lost = self._lose()
        self.assertStates(lost, "dead")
        self._answer("unknown")
        self._change("2")
        self.drain()
        self.assertStates(self._last(2), "dead", "done")
        self.assertEqual(self.writes[-1][::2], ("2", 2), "not as if it were the first try")

    def test_a_refusal_tells_that_it_has_not_taken_effect(self):
        lost = self._lose("data")
        self.assertStates(lost, "failed")
        self._change("2")
        self.drain()
        self.assertStates(self._last(2), "skipped:superseded", "done")
        self.assertEqual(self.writes[-1][::2], ("2", 1))

    def test_a_worker_that_died_while_sending_is_remembered_too(self):
        self._change("1")
        with self.engine_env() as env:
            env["hub.deliver"]._lease(lambda system: 10)  # and the worker dies
        self.later(121)
        self._answer("connection")
        self.drain()
        self.assertStates(self._last(), "pending:error_connection")
        self.assertTrue(self._last().maybe_sent)
        self._change("2")
        self.assertStates(self._last(2), "pending", "pending")

    # -- taken back ------------------------------------------------------------------------------------

    def test_a_change_that_is_taken_back_before_it_left_does_not_leave(self):
        self.out.paused = True
        self._change("1")
        self._change("0")
        self.assertStates(self._last(), "skipped:superseded")
        self.out.paused = False
        self.drain()
        self.assertFalse(self.writes)

    def test_nor_does_one_that_failed_wait_for_a_replay(self):
        self._answer("data")
        self._change("1")
        self.drain()
        failed = self._last()
        self.assertExplained(failed, "error_data")
        self._change("0")
        self.assertStates(failed, "skipped:superseded")
        self.assertEqual(failed.exception_ids.mapped("state"), ["resolved"])

    def test_one_that_is_being_sent_is_followed_by_the_value_from_before(self):
        self._change("1")
        with self.engine_env() as env:
            env["hub.deliver"]._lease(lambda system: 10)  # and no answer comes
        self._change("0")
        self.assertStates(self._last(2), "sending", "pending")
        self._change("0")
        self.assertStates(self._last(2), "sending", "pending")
        self.later(121)
        self.drain()
        self.assertEqual([value for value, _key, _attempt in self.writes], ["1", "0"])

    def test_one_that_may_have_taken_effect_is_followed_by_the_value_from_before(self):
        self._lose()
        self._change("0")
        self.later()
        self.drain()
        self.assertEqual([value for value, _key, _attempt in self.writes], ["1", "1", "0"])

    def test_a_record_that_is_gone_is_not_made_in_the_product(self):
        self.out.write({"paused": True, "create_missing": True})
        partner = self.env["res.partner"].create({"name": "Short-lived", "is_company": True})
        self.env["hub.compose"]._mark_all("res.partner", partner.ids)
        self._change("0")
        message = self._last()
        self.assertStates(message, "pending")
        ids = partner.ids
        partner.unlink()
        self.env["hub.compose"]._mark_all("res.partner", ids)
        self._change("0")
        self.assertStates(message, "skipped:superseded")

    def test_nobody_is_asked_to_enter_it_by_hand(self):
        lost = self._lose("connection")
        self.out.paused = True
        self.assertFalse(self.env["hub.message"]._to_send_by_hand(self.out) & lost)
