from odoo.fields import Command
from odoo.tests import tagged

from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestRuleTours(HubScreens, HubBrowser):
    """Rules, approvals and processes in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.system = cls.make_system()

    def customers(self, *external_ids):
        messages = self.receive(self.system, "customer", *external_ids)
        self.env.cr.execute(
            "UPDATE hub_message SET action = 'change' WHERE id = ANY(%s)", [messages.ids]
        )
        self.env.invalidate_all()
        return messages

    def hold(self, *external_ids):
        """Customers that wait at a checkpoint, as the engine leaves them."""
        point = self.env["hub.checkpoint"].create(
            {
                "name": "New customers",
                "entity_id": self.env.ref("lead_to_cash_hub.entity_customer").id,
                "approver_ids": [Command.set(self.resolver.ids)],
                "note": "Is it a customer of ours?",
            }
        )
        messages = self.customers(*external_ids)
        with self.enter_registry_test_mode():
            for lane in self.env["hub.lane"].search([]).mapped("number"):
                self.env["hub.apply"]._slice(lane, 100)
        self.env.invalidate_all()
        self.assertEqual(set(messages.mapped("state")), {"held"}, messages.mapped("explanation"))
        return point, messages

    def test_a_rule_is_written_and_tried(self):
        self.customers("801")
        self.start_tour("/odoo/hub-rules", "hub_rule", login="hub_manager", timeout=180)
        rule = self.env["hub.rule"].search([("name", "=", "Customers have a ZIP")])
        self.assertEqual(
            (rule.effect, rule.field_id.name, rule.sentence), ("warn", "zip", "{name} has no ZIP.")
        )

    def test_an_approver_decides(self):
        _point, messages = self.hold("802", "803")
        self.start_tour("/odoo/hub-approvals", "hub_approve", login="hub_resolver", timeout=180)
        self.env.invalidate_all()
        self.assertEqual(messages.mapped("state"), ["pending", "skipped"])
        self.assertEqual(messages.approval_ids.decided_by_id, self.resolver)

    def test_a_process_in_shadow(self):
        self.start_tour(
            "/odoo/hub-processes", "hub_process_shadow", login="hub_manager", timeout=180
        )
        process = self.env.ref("lead_to_cash_hub.process_master_data")
        process.invalidate_recordset()
        self.assertEqual((process.mode, process.country_ids.code), ("shadow", "BE"))
