from odoo.tests import tagged

from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestRegisterTours(HubScreens, HubBrowser):
    """The register and the words of one company, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.system = cls.make_system()

    def test_somebody_answers_for_what_alters_billable_values(self):
        self.start_tour("/odoo/hub-register", "hub_register", login="hub_manager", timeout=180)
        self.env.invalidate_all()
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "opportunity" and s.direction == "in"
        )
        self.assertEqual(stream.business_owner_id, self.resolver)

    def test_a_word_of_one_company(self):
        other = self.env["res.company"].create({"name": "Daughter"})
        self.env.ref("lead_to_cash_hub.user_hub").company_ids += other
        self.system.company_ids += other
        self.manager.company_ids += other
        self.manager.group_ids += self.env.ref("base.group_multi_company")
        vocabulary = self.env.ref("lead_to_cash_hub.vocabulary_deal_stage")
        self.start_tour(
            f"/odoo/hub-vocabularies/{vocabulary.id}",
            "hub_vocabulary_overlay",
            login="hub_manager",
            timeout=180,
            cookies={"cids": f"{self.env.company.id}-{other.id}"},  # both are switched on
        )
        word = self.env["hub.vocabulary.word"].search([("word", "=", "Chiuso")])
        self.assertEqual(
            (word.company_id, word.system_id, word.term_id),
            (other, self.system, self.env.ref("lead_to_cash_hub.term_deal_stage_lost")),
        )
