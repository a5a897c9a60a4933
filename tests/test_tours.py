from unittest.mock import patch

from odoo.tests import HttpCase, common, tagged

from .view_common import HubScreens


@tagged("post_install", "-at_install")
class TestTours(HubScreens, HttpCase):
    """The two ways that people take through the hub most often, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A machine that does much at once starts a browser, and builds its first page, slowly.
        cls.startClassPatcher(patch.object(common, "CHECK_BROWSER_ITERATIONS", 900))
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
