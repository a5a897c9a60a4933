from odoo.tests import tagged

from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestTours(HubScreens, HubBrowser):
    """The two ways that people take through the hub most often, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.system = cls.make_system()
        cls.issue = cls.unknown_word(cls.system, "900")

    def test_from_the_apps_menu_to_the_connection_test(self):
        self.start_tour("/odoo", "hub_operations", login="hub_manager", timeout=180)

    def test_an_unknown_word_is_mapped_and_its_message_goes_on(self):
        self.start_tour("/odoo/hub-issues", "hub_map_word", login="hub_resolver", timeout=180)
        self.env.invalidate_all()
        message = self.env["hub.message"].search([("external_id", "=", "900")])
        self.assertEqual(message.state, "pending")
        word = self.env["hub.vocabulary.word"].search([("word", "=", "Signed off")])
        self.assertEqual(word.term_id, self.env.ref("lead_to_cash_hub.term_deal_stage_won"))
        self.assertEqual(word.system_id, self.system)

    def test_failed_messages_are_planned_simulated_and_replayed(self):
        messages = self.receive(self.system, "customer", "801")
        self.env.cr.execute(
            "UPDATE hub_message SET action = 'change' WHERE id = ANY(%s)", [messages.ids]
        )
        self.need_person(messages, "unknown_country", {"value": "Atlantis"}, amount=0.0)
        self.start_tour("/odoo/hub-replays", "hub_replay", login="hub_resolver", timeout=180)
        self.env.invalidate_all()
        replay = self.env["hub.replay"].search([("why", "=", "Country added")])
        self.assertEqual(replay.line_ids.message_id, messages + self.issue.exception_ids.message_id)
        self.assertEqual((replay.state, replay.started_by), ("running", self.resolver))
        self.assertEqual(messages.state, "pending")
        self.assertEqual(self.env["hub.simulation"].search([]).state, "done")
