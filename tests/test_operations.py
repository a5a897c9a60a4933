from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged

from .view_common import HubScreens


@tagged("post_install", "-at_install")
class TestOperations(HubScreens, TransactionCase):
    """The operations page: right figures, the reader's own, at a fixed cost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()  # the hub's short transactions stay in the test
        cls.make_people()
        # What other tests or a demo left in the database is not looked at.
        cls.company = cls.env["res.company"].create({"name": "Operations test"})
        cls.viewer.write(
            {"company_ids": [Command.set(cls.company.ids)], "company_id": cls.company.id}
        )
        cls.operations = cls.env["hub.operations"].with_user(cls.viewer)

    def read(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.operations.get_data()

    def test_without_a_system_the_page_is_empty_and_says_who_may_connect(self):
        data = self.read()
        self.assertEqual(data["systems"], [])
        self.assertFalse(data["can_connect"])
        manager = self.env["hub.operations"].with_user(self.manager)
        self.assertTrue(manager.get_data()["can_connect"])

    def test_figures_are_those_of_the_messages(self):
        system = self.make_system("HubSpot", self.company)
        self.receive(system, "customer", "1", "2", "3")
        self.receive(system, "opportunity", "9", kind="notice")
        self.unknown_word(system, "10", "11", amount=250.0)
        data = self.read()
        queue = {row["state"]: row["count"] for row in data["queue"]}
        self.assertEqual((queue["pending"], queue["received"], queue["failed"]), (3, 1, 2))
        (card,) = data["systems"]
        self.assertEqual((card["queue"], card["attention"]), (4, 2))
        self.assertEqual(card["health"], "off")
        streams = {(row["entity"], row["direction"]): row for row in data["streams"]}
        self.assertEqual(streams["Opportunity", "in"]["attention"], 2)
        self.assertEqual(streams["Customer", "in"]["waiting"], 3)
        self.assertEqual(
            data["money"],
            [
                {
                    "currency": self.company.currency_id.id,
                    "amount": 500.0,
                    "records": 2,
                    "waiting": 0,
                    "count": 1,
                }
            ],
        )
        (cause,) = data["causes"]
        self.assertIn("“Signed off”", cause["sentence"])
        self.assertEqual((cause["records"], cause["amount"]), (2, 500.0))

    def test_a_system_is_in_step_paused_or_needs_a_person(self):
        system = self.make_system("HubSpot", self.company)
        self.env.cr.execute("UPDATE hub_system SET state = 'connected' WHERE id = %s", [system.id])
        self.assertEqual(self.read()["systems"][0]["health"], "ok")
        self.unknown_word(system, "10")
        self.assertEqual(self.read()["systems"][0]["health"], "attention")
        system.action_pause()
        self.assertEqual(self.read()["systems"][0]["health"], "paused")

    def test_other_companies_are_not_shown(self):
        self.unknown_word(self.make_system("Elsewhere", self.env.company), "10")
        data = self.read()
        self.assertEqual((data["systems"], data["streams"], data["causes"]), ([], [], []))
        self.assertEqual(sum(row["count"] for row in data["queue"]), 0)
        self.assertEqual(data["money"], [])

    def cost(self):
        """Queries of one call, when access rights and translations are known already."""
        self.read()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.operations.get_data()
        return self.env.cr.sql_log_count - before

    def test_the_cost_does_not_grow_with_the_data(self):
        self.unknown_word(self.make_system("HubSpot", self.company), "10", "11")
        cost = self.cost()
        self.assertLess(cost, 30)
        for name in ("Second", "Third", "Fourth"):
            self.unknown_word(self.make_system(name, self.company), "20", "21", "22", "23")
        self.assertLessEqual(self.cost(), cost)

    def test_a_silent_drainer_is_no_sign_of_life(self):
        self.env.cr.execute("DELETE FROM hub_drainer")
        self.assertFalse(self.read()["engine"]["alive"])
        self.env["hub.engine"]._sign("1", 3)
        self.assertTrue(self.read()["engine"]["alive"])
        self.env.cr.execute(
            """UPDATE hub_drainer
                  SET reported_at = (clock_timestamp() AT TIME ZONE 'UTC') - interval '2 minutes'"""
        )
        engine = self.read()["engine"]
        self.assertFalse(engine["alive"])
        self.assertGreater(engine["silent"], 90)

    def test_invoices_are_counted_for_those_who_may_see_them(self):
        self.assertIsNone(self.read()["approvals"])
        approvals = self.env["hub.operations"].with_user(self.approver).get_data()["approvals"]
        self.assertIn("count", approvals)

    def test_an_employee_without_the_right_gets_nothing(self):
        employee = new_test_user(self.env, "hub_nobody", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.env["hub.operations"].with_user(employee).get_data()
