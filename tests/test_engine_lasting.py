from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connectors.errors import ConnectorError
from .hub_common import HubCase

FAULT = "odoo.addons.lead_to_cash_hub.models.flow.fault"
FETCH = "odoo.addons.lead_to_cash_hub.models.flow.fetch"


@tagged("post_install", "-at_install")
class TestEngineReads(HubCase):
    """Reading goes on, however slow a product is and whatever single records are like."""

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()

    def _notices(self, *numbers):
        for number in numbers:
            key = str(number)
            self.stub.records["customer", key] = {"id": key, "properties": {"name": f"A {key}"}}
        return self.receive(*(self._notice("customer", str(number)) for number in numbers))

    def _one_a_call(self):
        patcher = patch.object(self.system._connector_class(), "batch_read", 1)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _fetches(self):
        return [call[2] for call in self.stub.calls if call[0] == "fetch"]

    # -- time ------------------------------------------------------------------------------------

    def test_a_connector_that_reads_one_id_a_call_stores_each_as_it_comes(self):
        self._one_a_call()
        messages = self._notices(*range(1, 6))
        states = []
        fetch = self.stub.fetch

        def watched(entity, ids):
            self.env["hub.message"].invalidate_model()
            states.append(sorted(messages.mapped("state")).count("pending"))
            return fetch(entity, ids)

        self.stub.fetch = watched
        with self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.assertEqual(states, [0, 1, 2, 3, 4])
        self.assertEqual({len(ids) for ids in self._fetches()}, {1})

    def test_a_slice_ends_when_its_time_is_over_and_the_rest_is_free_at_once(self):
        self._one_a_call()
        messages = self._notices(*range(1, 6))
        with patch(f"{FETCH}.SECONDS", 0.0), self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.assertEqual(len(self._fetches()), 1)
        self.assertEqual(sorted(messages.mapped("state")), ["pending", *["received"] * 4])
        self.assertEqual(set(messages.mapped("attempts")), {0})
        self.drain()  # nothing is leased any more
        self.assertStates(messages, *["done"] * 5)

    def test_what_was_read_before_a_fault_of_the_product_is_kept(self):
        self._one_a_call()
        messages = self._notices(1, 2, 3)
        self.stub.bad["2"] = ConnectorError("product_down", "server_error", status=503)
        with self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.assertStates(messages, "pending", "received", "received")
        self.assertEqual(messages[1].reason, "error_product_down")

    # -- one that cannot be read -----------------------------------------------------------------

    def test_an_answer_that_one_record_makes_unreadable_stops_only_that_record(self):
        for kind in ("schema", "permission"):
            messages = self._notices(*range(1, 21))
            self.stub.bad["1"] = ConnectorError(kind, "bad_json")
            self.drain()
            self.assertStates(messages[1:], *["done"] * 19)
            self.assertExplained(messages[0], "error_data")
            messages[0].with_user(self.env.ref("base.user_admin"))._skip("next")
            for number in range(1, 21):
                self.stub.records.pop(("customer", str(number)), None)
            self.env["hub.link"].search([]).unlink()

    def test_the_same_of_a_connector_that_reads_one_id_a_call(self):
        self._one_a_call()
        messages = self._notices(1, 2, 3)
        self.stub.bad["1"] = ConnectorError("permission", "forbidden", status=403)
        self.drain()
        self.assertStates(messages, "failed", "done", "done")

    def test_when_nothing_can_be_read_it_is_the_system_and_few_calls_are_made(self):
        messages = self._notices(*range(1, 101))
        self.stub.error = ConnectorError("schema", "bad_json")
        self.drain()
        self.assertEqual(set(messages.mapped("state")), {"received"})
        self.assertEqual(self.issues().code, "error_schema")
        self.assertLess(len(self._fetches()), 20)

    @mute_logger(FAULT)
    def test_an_error_of_ours_is_that_ones_alone(self):
        self._one_a_call()
        messages = self._notices(1, 2)
        self.stub.bad["1"] = KeyError("x")
        self.drain()
        self.assertStates(messages, "failed", "done")
