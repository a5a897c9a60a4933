from odoo.tests import new_test_user, tagged

from .view_common import HubBrowser, HubScreens

APPROVER = "lead_to_cash_hub.group_hub_configuration_approver"


@tagged("post_install", "-at_install")
class TestChangeTours(HubScreens, HubBrowser):
    """A mapping of a system under control changes in a browser: proposed, simulated, approved, in force."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.chief = new_test_user(cls.env, "hub_chief", groups=APPROVER)
        cls.manager.group_ids += cls.env.ref("base.group_partner_manager")
        cls.system = cls.make_system()
        cls.system.environment = "production"
        cls.system.with_user(cls.manager).needs_approval = True
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        cls.line = cls.mapping.line_ids.filtered(lambda line: line.field_id.name == "city")
        messages = cls.receive(cls.system, "customer", "70")
        cls.env.cr.execute(
            "UPDATE hub_message SET action = 'change' WHERE id = ANY(%s)", [messages.ids]
        )
        cls.env.invalidate_all()

    def test_proposed_simulated_approved_and_in_force(self):
        self.start_tour(
            f"/odoo/hub-mappings/{self.mapping.id}", "hub_change_propose", login="hub_manager", timeout=240
        )  # fmt: skip
        self.env.invalidate_all()
        change = self.env["hub.change"].search([])
        self.assertEqual((change.state, change.author_id), ("submitted", self.manager))
        self.assertEqual(self.line.path, "properties.city")
        self.assertEqual(change.simulation_id.state, "done")
        self.start_tour("/odoo/hub-changes", "hub_change_approve", login="hub_chief", timeout=240)
        self.env.invalidate_all()
        self.assertEqual((change.state, self.line.path), ("applied", "properties.town"))
        self.assertEqual(change.approval_ids.user_id, self.chief)

    def test_the_mapping_editor_proposes(self):
        action = self.mapping.action_editor()
        self.assertEqual(action["tag"], "lead_to_cash_hub.mapping_editor")
        self.start_tour(
            f"/odoo/hub-mappings/{self.mapping.id}", "hub_change_editors", login="hub_manager", timeout=240
        )  # fmt: skip
        self.env.invalidate_all()
        change = self.env["hub.change"].search([])
        self.assertEqual(change.state, "draft")
        self.assertIn("properties.place", change.item_ids.difference)
        self.assertEqual(self.line.path, "properties.city")
