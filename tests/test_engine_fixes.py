from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .business_common import BusinessCase
from .hub_common import HubCase, HubMixin


@tagged("post_install", "-at_install")
class TestEngineFixes(HubCase):
    """A person decides once, and all that shares the cause goes on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolver = cls._make_role("rita", "resolver", "base.group_partner_manager")

    def _wizard(self, issue, mode, **values):
        wizard = (
            self.env["hub.resolve"]
            .with_user(self.resolver)
            .create({"issue_id": issue.id, "mode": mode, **values})
        )
        wizard.action_confirm()
        self.env.flush_all()
        self.drain()

    def _actions(self):
        return self.env["hub.audit"].search([("user_id", "=", self.resolver.id)]).mapped("action")

    def _similar(self):
        """A message that asks about a partner that exists."""
        self.initech = self.env["res.partner"].create(
            {"name": "Initech Software Ltd.", "is_company": True}
        )
        message = self.work(self._company("1", name="Initech Software", domain="initech.example"))
        return message, self.assertExplained(message, "possible_duplicate").issue_id

    def test_link_says_that_it_is_the_same_one(self):
        message, issue = self._similar()
        self.assertTrue(issue.can_link and issue.can_create and not issue.can_map)
        self._wizard(issue, "link", record_ref=f"res.partner,{self.initech.id}")
        self.assertStates(message, "done")
        self.assertEqual(self.partner_of("1"), self.initech)
        self.assertEqual(issue.state, "resolved")
        self.assertEqual(message.decision["by"], self.resolver.id)
        self.assertEqual(set(self._actions()), {"decide", "replay"})

    def test_the_wizard_proposes_the_likely_record(self):
        _message, issue = self._similar()
        values = (
            self.env["hub.resolve"]
            .with_context(default_issue_id=issue.id, default_mode="link")
            .default_get(["issue_id", "mode", "record_ref"])
        )
        self.assertEqual(values["record_ref"], f"res.partner,{self.initech.id}")

    def test_create_says_that_it_is_another_one(self):
        message, issue = self._similar()
        self._wizard(issue, "create")
        self.assertStates(message, "done")
        self.assertNotEqual(self.partner_of("1"), self.initech)
        self.assertIn("replay", self._actions())

    def test_a_record_of_another_kind_cannot_be_linked(self):
        message, issue = self._similar()
        lead = self.env["crm.lead"].create({"name": "No partner"})
        with self.assertRaises(UserError):
            issue._fix_link(lead)
        self.assertStates(message, "failed")

    def test_skip_needs_a_reason_and_keeps_it(self):
        message, issue = self._similar()
        with self.assertRaises(UserError):
            self._wizard(issue, "skip", why="  ")
        self._wizard(issue, "skip", why="a test account")
        self.assertStates(message, "skipped:by_person")
        self.assertIn("a test account", message.explanation)
        self.assertIn(self.resolver.name, message.explanation)
        self.later(0)
        self.assertEqual(issue.state, "resolved")
        self.assertIn("skip", self._actions())

    def test_a_later_version_of_a_skipped_record_is_looked_at_again(self):
        _message, issue = self._similar()
        self._wizard(issue, "skip", why="later")
        newer = self.work(self._company("1", 2, name="Initech Software", domain="initech.example"))
        self.assertExplained(newer, "possible_duplicate")

    def test_a_decision_without_a_choice_is_asked_again(self):
        _message, issue = self._similar()
        for mode in ("map", "link"):
            with self.assertRaises(UserError):
                self._wizard(issue, mode)

    def test_replay_tries_all_that_share_the_cause(self):
        messages = self.work(
            self._company("1", country="Atlantis"), self._company("2", country="atlantis")
        )
        issue = self.issues("unknown_country")
        self.assertEqual(issue.exception_count, 2)
        self.env["res.country"].create({"name": "Atlantis", "code": "XA"})
        issue.with_user(self.resolver).action_replay()
        self.drain()
        self.assertStates(messages, "done", "done")
        self.assertEqual(issue.state, "resolved")

    def test_what_waits_behind_an_issue_is_counted(self):
        self._use_stub()
        self.work(
            self._company("1", country="Atlantis"),
            self._contact("9", company="1"),
            self._contact("8", company="1"),
        )
        issue = self.issues()
        self.assertEqual((issue.exception_count, issue.waiting_count), (1, 2))

    def test_the_same_cause_after_it_was_resolved_is_a_new_issue(self):
        self.work(self._company("1", 1, country="Atlantis"))
        first = self.issues()
        self.work(self._company("1", 2))
        self.work(self._company("2", country="Atlantis"))
        self.assertEqual(first.state, "resolved")
        self.assertNotEqual(self.issues(), first)


@tagged("post_install", "-at_install")
class TestEngineWords(HubMixin, BusinessCase):
    """Words, consultants and projects that a source uses and Odoo does not know yet."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vocabulary = cls.env.ref("lead_to_cash_hub.vocabulary_service_item")
        cls.term = cls.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": cls.vocabulary.id,
                "code": "CONS",
                "name": "Consulting",
                "res_id": cls.consulting.id,
            }
        )
        cls.env["hub.vocabulary.term"].create(
            {
                "vocabulary_id": cls.env.ref("lead_to_cash_hub.vocabulary_service_line").id,
                "code": "rollout",
                "name": "Rollout",
                "res_id": cls.template.id,
            }
        )
        cls.harvest = cls.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "base_url": "https://api.harvestapp.com/v2",
                "account_ref": "7",
                "company_ids": [(6, 0, cls.company.ids)],
                "state": "connected",
            }
        )
        cls.harvest.stream_ids.poll = False
        cls.system = cls._make_system(company_ids=[(6, 0, cls.company.ids)])

    def setUp(self):
        super().setUp()
        self._start_engine()

    def _won(self, key, sku):
        payload = {
            "id": key,
            "companies": ["1"],
            "contacts": [],
            "owner": None,
            "pipeline_stage": {"isWon": True, "isClosed": True},
            "properties": {
                "dealname": f"Deal {key}",
                "amount": "1500",
                "deal_currency_code": "USD",
                "closedate": "2026-02-03T15:00:00Z",
                "service_line": "rollout",
            },
            "line_items": [
                {
                    "id": "1",
                    "properties": {"hs_sku": sku, "name": "Work", "quantity": "10", "price": "150"},
                }
            ],
        }
        return self._incoming("opportunity", key, payload)

    def _customer(self):
        self.work(self._company("1", country="US", city="Boston", address="1 Main St", zip="02110"))

    def test_a_mapped_word_lets_all_deals_go_on_that_use_it(self):
        self._customer()
        messages = self.work(
            self._won("100", "ADV-2"), self._won("101", "adv-2 "), self._won("102", "OTHER")
        )
        issue = self.issues("unknown_term")
        self.assertEqual(issue.exception_count, 3, "one issue, whatever the words are")
        self.assertIn("2 unknown words", issue.sentence)  # case and blanks make no other word
        words = issue._unknown_words()[issue.id]
        self.assertEqual(
            [(word.strip().upper(), n) for word, n, _ in words], [("ADV-2", 2), ("OTHER", 1)]
        )
        self.assertEqual(words[0][2], 3000)
        wizard = (
            self.env["hub.resolve"]
            .with_user(self.resolver)
            .create({"issue_id": issue.id, "mode": "map", "term_id": self.term.id})
        )
        self.assertEqual(wizard.vocabulary_id, self.vocabulary)
        wizard.action_confirm()
        self.drain()
        self.assertStates(messages, "done", "done", "failed")
        self.assertEqual(
            len(self.env["hub.contract"].search([("lead_id", "in", messages.mapped("res_id"))])), 2
        )
        row = self.env["hub.audit"].search([("action", "=", "map")])
        self.assertEqual((row.user_id, row.system_id), (self.resolver, self.system))
        self.assertStates(self.work(self._won("103", "ADV-2")), "done")

    def test_a_word_cannot_be_mapped_to_a_term_of_another_vocabulary(self):
        self._customer()
        self.work(self._won("100", "ADV-2"))
        with self.assertRaises(UserError):
            self.issues("unknown_term")._fix_map(
                self.env.ref("lead_to_cash_hub.term_deal_stage_won")
            )

    def test_a_linked_consultant_lets_all_hours_go_on(self):
        contract = self._start_deal()
        project = contract.project_id
        for entity, key, record in (
            ("project", "5", project),
            ("task", "5/6", project.task_ids.filtered("sale_line_id")[:1]),
        ):
            self.env["hub.link"]._store(
                self.env.cr,
                [
                    {
                        "system_id": self.harvest.id,
                        "entity_id": self.env.ref(f"lead_to_cash_hub.entity_{entity}").id,
                        "entity": entity,
                        "external_id": key,
                        "company_id": self.company.id,
                        "res_model": record._name,
                        "res_id": record.id,
                    }
                ],
            )
        entries = [
            self._incoming(
                "time_entry",
                str(key),
                {
                    "id": key,
                    "spent_date": "2026-02-10",
                    "hours": "1.5",
                    "rounded_hours": "1.5",
                    "notes": "x",
                    "is_running": False,
                    "billable": True,
                    "billable_rate": "150",
                    "approval_status": "approved",
                    "user": {"id": 9, "name": "M. Okafor"},
                    "project": {"id": 5, "name": "P"},
                    "task": {"id": 6, "name": "T"},
                    "updated_at": "2026-02-10T10:00:00Z",
                },
            )
            for key in range(1, 4)
        ]
        messages = self.work(*entries, system=self.harvest)
        exception = self.assertExplained(messages[0], "unknown_consultant")
        issue = exception.issue_id
        self.assertIn("Okafor", issue.sentence)
        self.assertEqual(issue.exception_count, 3)
        issue.with_user(self.resolver)._fix_link(self.architect.with_user(self.resolver))
        self.drain()
        self.assertStates(messages, "done", "done", "done")
        lines = self.env["account.analytic.line"].browse(messages.mapped("res_id"))
        self.assertEqual(lines.employee_id, self.architect)
        link = self.env["hub.link"].search(
            [("system_id", "=", self.harvest.id), ("entity_id.code", "=", "employee")]
        )
        self.assertEqual((link.external_id, link.res_id), ("9", self.architect.id))
        self.assertLess(link.linked_at - fields.Datetime.now(), timedelta(minutes=1))
