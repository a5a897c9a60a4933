from unittest.mock import patch

import psycopg2.errors
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..core.problem import Problem
from .hub_common import HubCase

APPLY = "odoo.addons.lead_to_cash_hub.models.flow.apply"
BATCH = "odoo.addons.lead_to_cash_hub.models.flow.apply_batch"
ENGINE = "odoo.addons.lead_to_cash_hub.models.flow.engine"


@tagged("post_install", "-at_install")
class TestEnginePromises(HubCase):
    """Nothing is lost, nothing happens twice, and no poison stops its neighbours."""

    def _spoil(self, bad, error, method="_hub_write"):
        """Let the handler of customers raise for one external id."""
        original = getattr(self.registry["hub.handler.customer"], method)

        def spoilt(handler, items):
            if any(item.external_id == bad for item in items):
                error(handler)
            return original(handler, items)

        self._patch("hub.handler.customer", method, spoilt)

    def _fifty(self, bad="25"):
        return self.receive(*(self._company(str(number)) for number in range(1, 51))), bad

    # -- one effect ------------------------------------------------------------------------------

    def test_the_same_event_received_again_is_one_message(self):
        one = self._company("1")
        first = self.receive(one, one)
        again = self.receive(one)
        self.assertEqual((len(first), len(again)), (1, 0))

    def test_the_same_event_of_two_accounts_is_two_messages(self):
        other = self._make_system("Second portal", account_ref="2")
        one = self._company("1", key="same")
        self.assertEqual(len(self.receive(one) + self.receive(one, system=other)), 2)

    def test_a_replayed_message_changes_nothing(self):
        message = self.work(self._company("1"))
        partner = self.partner_of("1")
        before = partner.write_date, partner.message_ids
        count = self.env["res.partner"].search_count([])
        for _again in range(3):
            message.action_replay()
            self.drain()
        self.assertStates(message, "skipped:unchanged")
        self.assertEqual((partner.write_date, partner.message_ids), before)
        self.assertEqual(self.env["res.partner"].search_count([]), count)

    def test_another_delivery_of_equal_content_is_left_out_before_it_is_mapped(self):
        self.work(self._company("1", 1))
        self.assertStates(self.work(self._company("1", 2)), "skipped:unchanged")

    def test_a_replay_of_an_old_message_does_not_write_old_values_over_new_ones(self):
        old = self.work(self._company("1", 1, name="Old"))
        self.work(self._company("1", 2, name="New"))
        old.action_replay()
        self.drain()
        self.assertStates(old, "done")  # the plan leaves it out
        self.assertEqual(self.partner_of("1").name, "New")

    def test_an_old_message_that_comes_into_the_queue_all_the_same_writes_nothing(self):
        old = self.work(self._company("1", 1, name="Old"))
        self.work(self._company("1", 2, name="New"))
        self.env.cr.execute("UPDATE hub_message SET state = 'pending' WHERE id = %s", [old.id])
        self.env.invalidate_all()
        self.drain()
        self.assertStates(old, "skipped:stale")
        self.assertEqual(self.partner_of("1").name, "New")

    def test_what_a_person_changed_in_odoo_survives_an_unrelated_change_at_the_source(self):
        self.work(self._company("1", 1, city="Boston"))
        self.partner_of("1").street = "By hand 1"
        self.work(self._company("1", 2, city="Austin"))
        partner = self.partner_of("1")
        self.assertEqual((partner.city, partner.street), ("Austin", "By hand 1"))

    def test_an_unused_event_is_not_applied_by_a_replay(self):
        ignored = self.receive(self._event("customer", "1", action="ignored", reason="company.odd"))
        self.assertStates(ignored, "skipped:ignored_event")
        ignored.action_replay()
        self.drain()
        self.assertStates(ignored, "skipped:ignored_event")

    def test_what_no_stream_reads_is_kept_with_the_reason(self):
        self.system.stream_ids.filtered(lambda s: s.entity_id.code == "contact").active = False
        message = self.work(self._contact("9"))
        self.assertStates(message, "skipped:no_stream")

    # -- poison ----------------------------------------------------------------------------------

    def test_one_that_odoo_refuses_stands_alone_among_fifty(self):
        messages, bad = self._fifty()

        def refuse(handler):
            handler.env["res.partner"].create({"name": "x", "parent_id": -1})

        self._spoil(bad, refuse)
        with mute_logger(BATCH, "odoo.sql_db"):
            self.drain()
        poison = messages.filtered(lambda m: m.external_id == bad)
        self.assertStates(messages - poison, *["done"] * 49)
        self.assertExplained(poison, "odoo_rule")
        self.assertFalse(self.partner_of(bad))

    def test_a_database_error_of_one_leaves_its_neighbours_alone(self):
        messages, bad = self._fifty()
        self._spoil(bad, lambda handler: handler.env.cr.execute("SELECT 1/0"))
        with mute_logger(BATCH, "odoo.sql_db"):
            self.drain()
        poison = messages.filtered(lambda m: m.external_id == bad)
        self.assertStates(messages - poison, *["done"] * 49)
        exception = self.assertExplained(poison, "bug")
        self.assertIn("DivisionByZero", exception.sentence)

    def test_a_problem_of_one_record_is_its_own(self):
        messages, bad = self._fifty()

        def refuse(handler):
            raise Problem("missing_value", field="street")

        self._spoil(bad, refuse)
        self.drain()
        poison = messages.filtered(lambda m: m.external_id == bad)
        self.assertStates(messages - poison, *["done"] * 49)
        self.assertExplained(poison, "missing_value")

    def test_one_that_breaks_a_check_for_all_is_found_and_the_others_go_on(self):
        messages, bad = self._fifty()
        self._spoil(bad, lambda handler: 1 / 0, "_hub_match")
        with mute_logger(APPLY):
            for _time in range(60):
                self.later(5)
                self.drain()
                if not messages.filtered(lambda m: m.state == "pending"):
                    break
        poison = messages.filtered(lambda m: m.external_id == bad)
        self.assertStates(messages - poison, *["done"] * 49)
        self.assertStates(poison, "dead")
        self.assertExplained(poison, "bug")

    def test_a_module_that_commits_while_messages_are_applied_is_refused(self):
        def commit(handler):
            handler.env["res.partner"].create({"name": "Half-way"})
            handler.env.cr.commit()

        self._spoil("1", commit)
        with mute_logger(BATCH):
            message = self.work(self._company("1"))
        self.assertExplained(message, "bug")
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Half-way")]))

    def test_a_lock_that_another_holds_brings_the_whole_batch_again(self):
        tries = []

        def locked(handler):
            tries.append(1)
            if len(tries) < 3:
                raise psycopg2.errors.LockNotAvailable()

        self._spoil("1", locked)
        messages = self.work(self._company("1"), self._company("2"))
        for _time in range(3):
            self.assertStates(messages, *["done" if len(tries) > 2 else "pending"] * 2)
            self.later(10)  # it waits some seconds, with jitter
            self.drain()
        self.assertStates(messages, "done", "done")
        self.assertEqual(len(tries), 3)
        self.assertEqual(messages.mapped("attempts"), [1, 1])

    def test_a_serialization_failure_is_never_a_poison(self):
        tries = []

        def conflict(handler):
            tries.append(1)
            if len(tries) < 5:
                raise psycopg2.errors.SerializationFailure()

        self._spoil("1", conflict)
        self.assertStates(self.work(self._company("1")), "done")

    # -- killed workers ----------------------------------------------------------------------------

    def _killed(self, messages):
        """A worker was killed while it had these in work: its run is left behind."""
        self.env.cr.execute(
            """INSERT INTO hub_run (lane, parts, message_ids)
               SELECT 1, array_agg(DISTINCT part), array_agg(id)
                 FROM hub_message WHERE id = ANY(%s)""",
            [messages.ids],
        )

    def test_a_message_that_kills_its_worker_is_given_up_after_three_times(self):
        messages = self.receive(*(self._company(str(number)) for number in range(1, 6)))
        killer = messages[2]
        for _death in range(2):
            self._killed(killer)
            with self.engine_env() as env:
                env["hub.apply"]._slice(1, 200)  # buries; applies nothing
        self.assertEqual(killer.crashes, 2)
        self._killed(killer)
        self.drain()
        self.assertStates(killer, "dead")
        exception = self.assertExplained(killer, "kills_worker")
        self.assertIn("three times", exception.sentence)
        self.assertStates(messages - killer, *["done"] * 4)

    def test_after_each_death_batches_are_smaller_until_one_message_stands_alone(self):
        messages, _bad = self._fifty()
        sizes = []
        original = self.registry["hub.apply"]._apply_rows

        def count(apply, cr, rows, *arguments):
            sizes.append(len(rows))
            return original(apply, cr, rows, *arguments)

        self._patch("hub.apply", "_apply_rows", count)
        self.env.cr.execute("UPDATE hub_message SET crashes = 1 WHERE id = %s", messages[0].ids)
        self.env.cr.execute("UPDATE hub_message SET crashes = 3 WHERE id = %s", messages[1].ids)
        self.drain()
        self.assertIn(1, sizes)
        self.assertStates(messages, *["done"] * 50)

    def test_a_run_left_behind_after_its_commit_blames_nobody(self):
        """Killed between the commit of the records and the end of the run."""
        messages = self.work(self._company("1"), self._company("2"))
        self._killed(messages)
        self.work(self._company("1", 2, city="Berlin"), self._company("2", 2))
        self.assertEqual(set(messages.mapped("crashes")), {0})

    def test_a_lapsed_lease_of_a_fetch_is_taken_again(self):
        stub = self._use_stub()
        stub.records["customer", "1"] = {"id": "1", "properties": {"name": "Acme"}}
        message = self.receive(self._notice("customer", "1"))
        with self.engine_env() as env:
            env["hub.fetch"]._lease()  # and the worker dies
        self.drain()
        self.assertStates(message, "received")
        self.later(121)
        self.drain()
        self.assertStates(message, "done")

    # -- parts of the engine -----------------------------------------------------------------------

    def test_alerts_that_fail_do_not_stop_the_messages(self):
        def fail(alert):
            raise ValueError("no mail today")

        self._patch("hub.alert", "_send", fail)
        message = self.receive(self._company("1"))
        patches = {"LINGER": 0.0, "RUN_SECONDS": 2.0}
        for name, value in patches.items():
            self._patch_module(name, value)
        with mute_logger(ENGINE), self.engine_env() as env:
            env["hub.engine"]._drain()
        self.assertStates(message, "done")

    def _patch_module(self, name, value):
        patcher = patch(f"{ENGINE}.{name}", value)
        patcher.start()
        self.addCleanup(patcher.stop)

    def test_a_drainer_works_until_nothing_is_due_and_signs_off(self):
        self._patch_module("LINGER", 0.0)
        message = self.receive(self._company("1"))
        with self.engine_env() as env:
            env["hub.engine"]._drain()
        self.assertStates(message, "done")
        drainer = self.env["hub.drainer"].search([("name", "=", "0")])
        self.assertLessEqual(drainer.alive_until, drainer.reported_at)
        self.assertTrue(self.env["hub.engine"]._health()["ok"])

    def test_a_broken_part_does_not_stop_the_other_lanes(self):
        self.breaks = True

        def fail(part):
            raise ValueError("broken")

        for model in ("hub.fetch", "hub.compose", "hub.deliver", "hub.poll"):
            self._patch(model, "_slice", fail)
        with mute_logger(ENGINE):
            messages = self.receive(self._company("1"), lane=1) + self.receive(
                self._company("2"), lane=2
            )
            self.drain()
        self.assertStates(messages, "done", "done")

    def test_a_paused_hub_does_nothing(self):
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.paused", "1")
        message = self.receive(self._company("1"))
        with self.engine_env() as env:
            env["hub.engine"]._drain()
        self.assertStates(message, "pending")

    def test_messages_of_a_paused_stream_process_or_system_are_kept_and_wait(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        for number, record in enumerate((stream, stream.process_id, self.system), start=1):
            record.action_pause()
            message = self.receive(self._company(str(number)))
            self.drain()
            self.assertStates(message, "pending")
            with self.engine_env() as env:
                self.assertFalse(env["hub.engine"]._has_work(), "a pause keeps no drainer turning")
            record.action_resume()
            self.drain()
            self.assertStates(message, "done")
