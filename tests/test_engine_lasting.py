import itertools
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connectors.errors import ConnectorError
from ..models.flow.cursors import business_cursor
from ..models.flow.rests import Rests
from .hub_common import ENGINE, HubCase

FAULT = "odoo.addons.lead_to_cash_hub.models.flow.fault"
FETCH = "odoo.addons.lead_to_cash_hub.models.flow.fetch"


@tagged("post_install", "-at_install")
class TestEngineReads(HubCase):
    """Reading goes on, however slow a product is and whatever single records are like."""

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.names = itertools.count(1)

    def _notices(self, *numbers):
        for number in numbers:
            key = str(number)
            self.stub.records["customer", key] = {
                "id": key,
                "properties": {"name": f"A {next(self.names)}"},
            }
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

    def test_no_call_of_a_product_that_reads_many_ids_stays_half_empty(self):
        with patch.object(self.system._connector_class(), "batch_read", 200):
            self._notices(*range(1, 151))
            with self.engine_env() as env:
                env["hub.fetch"]._slice()
        self.assertEqual([len(ids) for ids in self._fetches()], [150])

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


@tagged("post_install", "-at_install")
class TestEngineLasting(HubCase):
    """What lasts (a deleted record, a restart, another company) is nobody else's trouble."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolver = cls._make_role("rita", "resolver", "base.group_partner_manager")

    def _link_to(self, issue, partner):
        issue.with_user(self.resolver)._fix_link(partner)
        self.drain()

    # -- deleted or merged in Odoo -----------------------------------------------------------------

    def test_a_linked_record_that_was_deleted_asks_for_another_one(self):
        self.work(self._company("1"), self._company("2"))
        self.partner_of("1").unlink()
        gone, other = self.work(
            self._company("1", 2, city="Rome"), self._company("2", 2, city="Rome")
        )
        self.assertStates(other, "done")
        issue = self.assertExplained(gone, "record_gone").issue_id
        self.assertTrue(issue.can_link)
        substitute = self.env["res.partner"].create({"name": "Substitute", "is_company": True})
        self._link_to(issue, substitute)
        self.assertStates(gone, "done")
        self.assertEqual(self.partner_of("1"), substitute)
        self.assertEqual(substitute.city, "Rome")
        self.assertEqual(issue.state, "resolved")

    def test_what_points_to_a_deleted_record_asks_and_goes_on(self):
        self.work(self._company("1"))
        self.partner_of("1").unlink()
        one, other = self.work(self._contact("9", company="1"), self._contact("8"))
        self.assertStates(other, "done")
        issue = self.assertExplained(one, "record_gone").issue_id
        substitute = self.env["res.partner"].create({"name": "Substitute", "is_company": True})
        self._link_to(issue, substitute)
        self.assertStates(one, "done")
        self.assertEqual(self.partner_of("9", "contact").parent_id, substitute)

    def test_the_deletion_of_what_odoo_has_deleted_is_done(self):
        self.work(self._company("1"))
        self.partner_of("1").unlink()
        message = self.work(self._event("customer", "1", number=2))
        self.assertStates(message, "skipped:record_gone")
        self.assertTrue(message.explanation)

    def test_links_follow_a_merge_in_odoo(self):
        self.work(self._company("1"), self._company("2"))
        winner, loser = self.partner_of("1"), self.partner_of("2")
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge([winner.id, loser.id], winner, extra_checks=False)
        self.env.flush_all()
        self.assertFalse(loser.exists())
        links = self.env["hub.link"].search([("res_id", "=", winner.id)])
        self.assertEqual(set(links.mapped("external_id")), {"1", "2"})
        self.assertEqual(len(links.record_id), 1)
        self.assertFalse(self.env["hub.identity"].search([("res_id", "=", loser.id)]))
        message = self.work(self._company("2", 2, city="Oslo"))
        self.assertStates(message, "done")
        self.assertEqual(winner.city, "Oslo")

    def test_a_merge_moves_the_link_to_a_partner_that_had_none(self):
        self.work(self._company("2"))
        loser = self.partner_of("2")
        winner = self.env["res.partner"].create({"name": "Winner", "is_company": True})
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge([winner.id, loser.id], winner, extra_checks=False)
        self.assertEqual(self.partner_of("2"), winner)
        self.assertEqual(self.env["hub.link"].search([]).record_id.res_id, winner.id)

    # -- restarts ------------------------------------------------------------------------------------

    def _die(self, times):
        """The worker is killed while it applies a batch, so many times; gives the sizes."""
        sizes = []
        self.env.ref("lead_to_cash_hub.lane_near_real_time").workers = 1  # all partitions at once
        self.env.flush_all()
        for _time in range(times):
            with self.engine_env() as env, business_cursor(env) as cr:
                claim = env["hub.claim"]
                parts = claim._lock_parts(cr, 1)
                claim._bury(cr, 1, parts)
                rows = claim._claim(cr, 1, parts, 6400)
                sizes.append(len(rows))
                env["hub.apply"]._open_run(1, parts, [row["id"] for row in rows])
                cr.hub_commit()
        return sizes

    def test_three_restarts_are_no_poison(self):
        messages = self.receive(*(self._company(str(number)) for number in range(1, 51)))
        self.assertEqual(self._die(3), [50, 32, 8])
        self.drain()
        self.assertStates(messages, *["done"] * 50)

    # -- faults that last ----------------------------------------------------------------------------

    def test_a_part_that_fails_rests_and_the_others_go_on(self):
        tries, now = [], [1000.0]

        def fail(part):
            tries.append(now[0])
            raise ValueError("broken")

        self._patch("hub.compose", "_slice", fail)
        self.env.cr.execute("INSERT INTO hub_outbox (model, res_id) VALUES ('res.partner', 1)")
        messages = self.receive(self._company("1"))
        rests = Rests()
        with patch("time.monotonic", lambda: now[0]), mute_logger(ENGINE), self.engine_env() as env:
            engine = env["hub.engine"]
            self.assertTrue(engine._has_work(rests=rests))
            for _second in range(200):
                engine._once(rests=rests)
                now[0] += 1
            self.assertFalse(engine._has_work(rests=rests), "it is not woken for a rest")
        waits = [int(late - early) for early, late in itertools.pairwise(tries)]
        self.assertEqual(waits, [5, 10, 20, 40, 60, 60])
        self.assertStates(messages, "done")

    def test_a_batch_recomputes_only_the_issues_that_it_touched(self):
        self.work(self._company("1", country="Atlantis"), self._company("2", country="Lemuria"))
        one, other = (
            self.issues().filtered(lambda i, w=w: w in str(i.params)) for w in ("Atl", "Lemur")
        )
        self.env.cr.execute("UPDATE hub_issue SET exception_count = 9")
        self.env.invalidate_all()
        self.work(self._company("3", country="Atlantis"))
        self.assertEqual((one.exception_count, other.exception_count), (2, 9))
        self.later(0)
        self.assertEqual(other.exception_count, 1)

    # -- another company -------------------------------------------------------------------------------

    def test_marks_of_a_company_that_is_not_served_are_left_out(self):
        other = self.env["res.company"].create({"name": "Not served"})
        handler = self.env["hub.handler.customer"].with_user(self.technical)
        handler = handler.with_context(allowed_company_ids=self.company.ids)
        self.env["account.journal"].create(
            {"name": "Entries", "code": "E", "type": "general", "company_id": other.id}
        )
        partner = self.env["res.partner"].create({"name": "P", "company_id": other.id})
        move = (
            self.env["account.move"]
            .with_company(other)
            .create({"move_type": "entry", "partner_id": partner.id})
        )
        self.env["account.move"].flush_model()
        self.env.cr.execute(
            "UPDATE account_move SET commercial_partner_id = partner_id WHERE id = %s", move.ids
        )
        self.assertEqual(handler._hub_roots("account.move", move.ids), [])
        for name in ("hub.handler.opportunity", "hub.handler.project"):
            model = "project.project" if name.endswith("project") else "account.move"
            other_handler = self.env[name].with_context(allowed_company_ids=self.company.ids)
            self.assertEqual(other_handler._hub_roots(model, move.ids), [])

    # -- left out by the handler -----------------------------------------------------------------------

    def test_what_a_handler_leaves_out_is_not_agreed_on(self):
        self.work(self._company("1", 1, city="Boston"))
        link = self.env["hub.link"].search([("external_id", "=", "1")])
        base = link.base
        original = self.registry["hub.handler.customer"]._hub_check

        def check(handler, items):
            for item in items:
                item.skip = "running"

        self._patch("hub.handler.customer", "_hub_check", check)
        self.assertStates(self.work(self._company("1", 2, city="Rome")), "skipped:running")
        self.assertEqual(link.base, base)
        self._patch("hub.handler.customer", "_hub_check", original)
        self.assertStates(self.work(self._company("1", 3, city="Rome")), "done")
        self.assertEqual(self.partner_of("1").city, "Rome")
