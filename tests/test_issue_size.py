from ast import literal_eval

from lxml import etree
from odoo.tests import TransactionCase, tagged

from .view_common import HubScreens


@tagged("post_install", "-at_install")
class TestIssueSize(HubScreens, TransactionCase):
    """What was resolved still says how much it was."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()  # the hub's short transactions stay in the test
        cls.make_people()
        cls.system = cls.make_system()

    def _close(self, exceptions):
        exceptions.sudo().write({"state": "resolved"})
        self.env.flush_all()
        self.env["hub.issue"]._refresh()
        self.env.invalidate_all()

    def test_a_resolved_issue_says_how_many_records_and_how_much_it_had(self):
        issue = self.unknown_word(self.system, "1", "2", "3", amount=100.0)
        self.assertEqual((issue.exception_count, issue.record_total, issue.risk_total), (3, 3, 300))
        said = issue.sentence
        self._close(issue.exception_ids[0])
        self.assertEqual((issue.exception_count, issue.record_total, issue.risk_total), (2, 3, 300))
        self._close(issue.exception_ids)
        self.assertEqual((issue.state, issue.exception_count, issue.at_risk), ("resolved", 0, 0))
        self.assertEqual((issue.record_total, issue.risk_total), (3, 300))
        self.assertEqual(issue.sentence, said)

    def test_words_are_found_with_what_they_mean(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "lead_to_cash_hub.hub_vocabulary_word_action"
        )
        self.assertEqual(action["res_model"], "hub.vocabulary.word")
        term = self.env["hub.vocabulary.term"].search([], limit=1)
        word = self.env["hub.vocabulary.word"].create(
            {"term_id": term.id, "system_id": self.system.id, "word": "ADV-2"}
        )
        view = self.env.ref("lead_to_cash_hub.hub_vocabulary_word_view_search")
        self.assertIn("ADV-2", word.word)
        found = self.env["hub.vocabulary.word"].with_user(self.viewer)
        self.assertIn(word, found.search([("term_id.code", "ilike", term.code)]))
        self.assertIn("term_id.code", view.arch)

    def test_each_act_of_the_audit_is_in_one_filter(self):
        audit = self.env["hub.audit"]
        view = self.env.ref("lead_to_cash_hub.hub_audit_view_search")
        found = []
        for node in etree.fromstring(view.arch).iter("filter"):
            if "action" in (node.get("domain") or ""):
                ((_field, _operator, actions),) = literal_eval(node.get("domain"))
                found += actions
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(set(found), set(audit._sentences()))
