"""Processes that are switched on by company, country, unit or filter, and processes in shadow."""

import json

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .test_approvals import OutboundCase
from .test_ownership_deal import DealCase
from .test_rules import RuleCase


class ProcessCase(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.master = cls.env.ref("lead_to_cash_hub.process_master_data")
        cls.deals = cls.env.ref("lead_to_cash_hub.process_deal_to_project")
        cls.belgium, cls.france = cls.env.ref("base.be"), cls.env.ref("base.fr")


@tagged("post_install", "-at_install")
class TestScope(ProcessCase, DealCase):
    def _filter(self, process, entity, when):
        process.filter_ids = [Command.create({"entity_id": self._entity(entity).id, "when": when})]

    def test_only_customers_of_a_country_and_the_others_can_be_replayed_later(self):
        self.master.country_ids = self.belgium
        messages = self.work(
            self._company("1", country="Belgium"),
            self._company("2", country="France"),
            self._company("3"),
        )
        self.assertStates(messages, "done", "skipped:out_of_scope", "skipped:out_of_scope")
        self.assertIn("the customer's country", messages[1].explanation)
        self.assertFalse(self.partner_of("2"))
        self.assertEqual(self.master.left_out_count, 2)
        self.master.country_ids |= self.france
        action = self.master.with_user(self.boss).action_replay_left_out()
        replay = self.env["hub.replay"].browse(action["res_id"])
        self.assertEqual(replay.todo_count, 2)
        replay.with_user(self.boss).action_start()
        self.drain()
        self.assertStates(messages, "done", "done", "skipped:out_of_scope")

    def test_a_filter_on_values(self):
        self._filter(self.master, "customer", 'record["zip"] == "1000"')
        messages = self.work(
            self._company("1", zip="1000"), self._company("2", zip="2000"), self._contact("9")
        )
        self.assertStates(messages, "done", "skipped:out_of_scope", "done")
        with self.assertRaisesRegex(ValidationError, "not allowed"):
            self._filter(self.deals, "opportunity", "__import__('os')")

    def test_a_changed_filter_is_followed_at_once(self):
        self._filter(self.master, "customer", 'record["zip"] == "1000"')
        self.assertStates(self.work(self._company("1", zip="2000")), "skipped:out_of_scope")
        self.master.filter_ids.when = 'record["zip"] == "2000"'
        self.assertStates(self.work(self._company("1", 2, zip="2000")), "done")
        self.master.filter_ids.unlink()
        self.assertFalse(self.master.scoped)
        self.assertStates(self.work(self._company("2", zip="5")), "done")

    def test_deals_of_a_business_unit(self):
        north = self.env["crm.team"].create({"name": "North", "company_id": self.company.id})
        self.seller.email = "seller@firm.example"
        self.env["crm.team.member"].create({"user_id": self.seller.id, "crm_team_id": north.id})
        self.assertStates(self.deal(1), "done")
        self.deals.team_ids = north
        self.assertStates(self.deal(2, amount="7"), "skipped:out_of_scope")
        self.lead().team_id = north
        self.assertStates(self.deal(3, amount="8"), "done")

    def test_deals_of_a_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.deals.company_ids = other
        self.assertStates(self.deal(1), "skipped:out_of_scope")
        self.assertIn("its company", self.env["hub.message"].search([], limit=1).explanation)
        self.deals.company_ids |= self.company
        self.assertStates(self.deal(2), "done")

    def test_a_process_of_one_company_is_not_switched_on_in_another(self):
        with self.assertRaisesRegex(ValidationError, "switched on there alone"):
            self.master.write(
                {
                    "company_id": self.company.id,
                    "company_ids": [Command.create({"name": "Elsewhere"})],
                }
            )

    def test_countries_are_found_once_a_batch(self):
        self.master.country_ids = self.belgium
        self.env["hub.lane"].search([]).workers = 1
        keys = [f"{n:05}" for n in range(100, 170)]

        def queries(part):
            self.receive(*(self._company(key, country="France") for key in part))
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.drain()
            return self.env.cr.sql_log_count - before

        queries(keys[:2])
        self.assertLessEqual(queries(keys[22:62]), queries(keys[2:22]) + 4)


@tagged("post_install", "-at_install")
class TestShadow(ProcessCase):
    def _tables(self):
        self.env.flush_all()
        counts = {}
        for table in ("res_partner", "hub_link", "hub_identity", "hub_record", "hub_exception"):
            self.env.cr.execute(f"SELECT count(*) FROM {table}")
            counts[table] = self.env.cr.fetchone()[0]
        return counts

    def test_everything_is_worked_out_and_nothing_is_written(self):
        self._use_stub()
        self.master.mode = "shadow"
        before = self._tables()
        messages = self.work(
            self._company("1", name="Acme"),
            self._company("2", country="Atlantis"),
            self._contact("9", company="1"),
        )
        self.assertStates(messages, *["skipped:shadow"] * 3)
        self.assertEqual(self._tables(), before)
        self.assertEqual(
            [message.params["outcome"] for message in messages], ["done", "failed", "done"]
        )
        self.assertIn("Would be applied", messages[0].explanation)
        self.assertIn("Atlantis", messages[1].explanation)
        report = messages[0].shadow_id
        self.assertEqual(report, messages[2].shadow_id)
        created = report.line_ids.filtered(lambda line: line.kind == "create")
        self.assertIn("Acme", created.mapped("record_name"))
        # Later ones see what came before them.
        later = self.work(self._contact("10", company="1"))
        self.assertEqual(later.params["outcome"], "done")

    def test_set_live_what_was_shadowed_is_replayed(self):
        self.master.mode = "shadow"
        messages = self.work(self._company("1", name="Acme"), self._contact("9", company="1"))
        self.assertEqual(self.master.shadowed_count, 2)
        manager = self._make_role("governor", "manager")
        with self.assertRaisesRegex(UserError, "live first"):
            self.master.with_user(manager).action_replay_left_out()
        self.master.mode = "live"
        action = self.master.with_user(manager).action_replay_left_out()
        self.env["hub.replay"].browse(action["res_id"]).with_user(manager).action_start()
        self.drain()
        self.assertStates(messages, "done", "done")
        self.assertEqual(self.partner_of("9", "contact").parent_id, self.partner_of("1"))

    def test_rules_are_judged_in_shadow_and_ask_nobody(self):
        self.master.mode = "shadow"
        self._rule(field="zip", effect="hold")
        message = self.work(self._company("1"))
        self.assertEqual((message.state, message.params["outcome"]), ("skipped", "held"))
        self.assertFalse(self.env["hub.approval"].search([]))

    def test_who_governs_sees_it_and_a_viewer_of_another_company_does_not(self):
        self.master.mode = "shadow"
        message = self.work(self._company("1", name="Acme"))
        lines = message.shadow_id.line_ids
        manager = self._make_role("governor", "manager", "base.group_partner_manager")
        self.assertIn("Acme", lines.with_user(manager).mapped("record_name"))
        viewer = self._make_role("looker", "viewer")
        self.assertNotIn("Acme", lines.with_user(viewer).mapped("record_name"))
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._make_role("stranger", "manager", company=other)
        self.assertFalse(self.env["hub.simulation"].with_user(stranger).search([]))

    def test_one_worker_at_a_time_and_no_work_where_there_is_none(self):
        self.assertFalse(self.env["hub.shadow"]._slice())
        self.master.mode = "shadow"
        self.receive(self._company("1"))
        with self.engine_env() as env:
            self.assertTrue(env["hub.engine"]._has_work())
        self.drain()
        with self.engine_env() as env:
            self.assertFalse(env["hub.engine"]._has_work())


@tagged("post_install", "-at_install")
class TestShadowOutbound(OutboundCase):
    """A process in shadow keeps what it would send."""

    def test_it_keeps_what_it_would_send_and_sends_it_once_it_is_live(self):
        self.stream.process_id.mode = "shadow"
        self._type(self.clerk, "1000")
        message = self._out()[-1]
        self.assertStates(message, "skipped:shadow")
        self.assertIn("would have been sent", message.explanation)
        self.assertEqual(json.loads(message.payload_text), {"properties": {"zip": "1000"}})
        self.assertFalse(self._sent())
        self.partner._hub_mark(self.partner.ids)
        self.drain()
        self.assertEqual(self._out()[-1], message, "the same is not shown twice")
        self.stream.process_id.mode = "live"
        message.action_replay()
        self.drain()
        self.assertStates(self._out()[-1], "done")
        self.assertEqual(len(self._sent()), 1)

    def test_records_out_of_scope_are_not_composed(self):
        self.stream.process_id.country_ids = self.env.ref("base.be")
        self._type(self.clerk, "1000")
        self.assertFalse(self._out())
        self.partner.country_id = self.env.ref("base.be")
        self._type(self.clerk, "2000")
        self.assertStates(self._out()[-1], "done")
