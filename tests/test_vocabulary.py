"""Vocabularies: unknown words as one issue, words of one company, terms in use."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from ..models.flow.bound import Bound
from .hub_common import HubCase
from .view_common import HubBrowser


class VocabularyCase(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls.env.ref("lead_to_cash_hub.entity_customer")
        cls.vocabulary = cls.env["hub.vocabulary"].create({"name": "Industry", "code": "industry"})
        cls.mining, cls.trade, cls.health = cls.env["hub.vocabulary.term"].create(
            [
                {"vocabulary_id": cls.vocabulary.id, "code": code, "name": code.capitalize()}
                for code in ("mining", "trade", "health")
            ]
        )
        field = cls.env["hub.entity.field"].create(
            {"entity_id": cls.customer.id, "name": "industry", "label": "Industry", "kind": "term:industry",
             "binding": "field", "odoo_field": "ref"}
        )  # fmt: skip
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id == cls.customer and m.direction == "in"
        )
        cls.env["hub.mapping.line"].create(
            {"mapping_id": cls.mapping.id, "field_id": field.id, "path": "properties.industry"}
        )

    def resolve(self, issue, user=None, **choices):
        wizard = (
            self.env["hub.resolve"]
            .with_user(user or self.env.user)
            .with_context(default_issue_id=issue.id, default_mode="map")
            .create({})
        )
        for line in wizard.word_ids:
            if line.word in choices:
                line.term_id = choices[line.word]
        return wizard


@tagged("post_install", "-at_install")
class TestUnknownWords(VocabularyCase):
    def test_all_unknown_words_are_one_issue_fixed_in_one_screen(self):
        messages = self.work(
            self._company("1", industry="Minning"), self._company("2", industry="minning "),
            self._company("3", industry="Healthcare"), self._company("4", industry="Zzz"),
            self._company("5", industry="TRADE"),
        )  # fmt: skip
        self.assertEqual(
            messages[4].state, "done", "a term's own code is a word, however it is written"
        )
        issue = self.issues("unknown_term")
        self.assertEqual(len(issue), 1)
        self.assertEqual(issue.exception_count, 4)
        for text in ("3 unknown words", "Industry", "HubSpot", "4 records", "Minning"):
            self.assertIn(text, issue.sentence)
        resolver = self._make_role("words", "resolver")
        wizard = self.resolve(issue, user=resolver)
        suggested = {line.word: line.term_id for line in wizard.word_ids}
        self.assertEqual(suggested["Minning"], self.mining)
        self.assertFalse(suggested["Zzz"])
        counts = {line.word: line.record_count for line in wizard.word_ids}
        self.assertEqual(counts["Minning"], 2)
        next(line for line in wizard.word_ids if line.word == "Healthcare").term_id = self.health
        wizard.action_confirm()
        self.drain()
        self.assertStates(messages[:4], "done", "done", "done", "failed")
        self.assertEqual(self.partner_of("2").ref, "mining")
        self.env.invalidate_all()
        issue = self.issues("unknown_term")
        self.assertIn("Zzz", issue.sentence)
        self.assertEqual(issue.exception_count, 1)

    def test_a_single_word_says_which_and_keeps_its_suggestion(self):
        self.work(self._company("1", industry="Heallth"))
        issue = self.issues("unknown_term")
        self.assertIn("Heallth", issue.sentence)
        wizard = self.resolve(issue)
        self.assertFalse(wizard.has_words)
        self.assertEqual(wizard.term_id, self.health)
        wizard.action_confirm()
        self.drain()
        self.assertEqual(self.partner_of("1").ref, "health")

    def test_terms_of_another_vocabulary_and_nobody_without_the_right(self):
        self.work(self._company("1", industry="A"), self._company("2", industry="B"))
        issue = self.issues("unknown_term")
        with self.assertRaises(UserError):
            issue._fix_words({"A": self.env.ref("lead_to_cash_hub.term_deal_stage_won")})
        with self.assertRaises(UserError):
            self.resolve(issue).action_confirm()
        viewer = self._make_role("words-viewer", "viewer")
        with self.assertRaises(AccessError):
            issue.with_user(viewer)._fix_words({"A": self.mining.with_user(viewer)})

    def test_reading_many_issues_costs_one_query(self):
        self.work(*[self._company(str(n), industry=f"w{n}") for n in range(6)])
        issues = self.issues()
        issues.mapped("sentence")
        self.env.invalidate_all()
        with self.assertQueryCount(30):
            issues.mapped("sentence")


@tagged("post_install", "-at_install")
class TestOverlays(VocabularyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "GmbH"})
        cls.technical.company_ids |= cls.other
        cls.system.company_ids |= cls.other

    def word(self, word, term, company=None, system=None):
        return self.env["hub.vocabulary.word"].create(
            {"word": word, "term_id": term.id, "system_id": (system or self.system).id,
             "company_id": company.id if company else False}
        )  # fmt: skip

    def test_a_companys_own_word_wins_for_its_records(self):
        opportunity = self.env.ref("lead_to_cash_hub.entity_opportunity")
        stage = opportunity.field_ids.filtered(lambda f: f.name == "stage")
        self.assertEqual(stage.kind, "term:deal_stage")
        words = self.env["hub.vocabulary.word"]
        self.word("Zu", self.env.ref("lead_to_cash_hub.term_deal_stage_lost"))
        self.word("Zu", self.env.ref("lead_to_cash_hub.term_deal_stage_won"), self.other)
        plain, overlays = words._words_of(self.system)
        self.assertEqual(plain["deal_stage", "zu"][1], "lost")
        self.assertEqual(overlays["deal_stage", "zu", self.other.id][1], "won")

    def test_what_goes_out_is_said_in_the_words_of_the_records_company(self):
        """A field that is bound to a record, for records of three companies and of none."""
        third = self.env["res.company"].create({"name": "SA"})
        branch = self.env["res.partner.industry"].create({"name": "Mining"})
        vocabulary = self.env["hub.vocabulary"].create(
            {"name": "Branch", "code": "branch", "model_id": self.env["ir.model"]._get_id(branch._name)}
        )  # fmt: skip
        term = self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": vocabulary.id, "code": "own_code", "name": "Mining", "res_id": branch.id}
        )  # fmt: skip
        self.env["hub.entity.field"].create(
            {"entity_id": self.customer.id, "name": "branch", "label": "Branch", "kind": "term:branch",
             "binding": "field", "odoo_field": "industry_id", "direction": "both"}
        )  # fmt: skip
        companies = [self.company.id, self.other.id, third.id, False]
        partners = self.env["res.partner"].create(
            [{"name": "P", "industry_id": branch.id, "company_id": one} for one in companies]
        )

        def said():
            bound = Bound(self.env, self.customer, "out")
            return [bound.read(one, self.system)[one.id]["branch"] for one in partners]

        self.word("Bergbau", term, self.other)
        self.assertEqual(said(), ["own_code", "Bergbau", "own_code", "own_code"])
        self.word("Common", term)
        self.word("Ours", term, self.company)
        self.assertEqual(said(), ["Ours", "Bergbau", "Common", "Common"])

    def test_customers_are_shared_so_the_common_word_counts(self):
        self.word("Bergbau", self.mining)
        self.word("Bergbau", self.trade, self.other)
        self.word("Handel", self.trade, self.other)
        common, own = self.work(
            self._company("1", industry="Bergbau"), self._company("2", industry="Handel")
        )
        self.assertEqual(self.partner_of("1").ref, "mining")
        self.assertEqual(common.state, "done")
        self.assertExplained(own, "unknown_term")

    def test_words_that_wait_for_the_company_are_translated_once_it_is_known(self):
        """Projects decide the company of their entries: the word is read after that."""
        self.customer.company_mode = "rule"
        self.system.mapping_ids.line_ids.flush_recordset()
        field = self.env["hub.entity.field"].create(
            {
                "entity_id": self.customer.id,
                "name": "selling_company",
                "label": "Company",
                "kind": "term:company",
            }
        )
        self.env["hub.mapping.line"].create(
            {"mapping_id": self.mapping.id, "field_id": field.id, "path": "properties.firm"}
        )
        firm = self.env.ref("lead_to_cash_hub.vocabulary_company")
        self.env["hub.vocabulary.term"].create(
            [
                {"vocabulary_id": firm.id, "code": code, "name": code, "res_id": company.id}
                for code, company in (("inc", self.company), ("gmbh", self.other))
            ]
        )
        self.word("Bergbau", self.mining)
        self.word("Bergbau", self.trade, self.other)
        self.word("Handel", self.trade, self.other)
        messages = self.work(
            self._company("1", industry="Bergbau", firm="inc"),
            self._company("2", industry="Bergbau", firm="gmbh"),
            self._company("3", industry="Handel", firm="gmbh"),
            self._company("4", industry="Handel", firm="inc"),
        )
        self.assertEqual(
            [self.partner_of(str(n)).ref for n in (1, 2, 3)], ["mining", "trade", "trade"]
        )
        self.assertExplained(messages[3], "unknown_term")
        link = self.env["hub.link"].search(
            [("external_id", "=", "2"), ("system_id", "=", self.system.id)]
        )
        self.assertEqual(link.base["industry"], "trade", "what was agreed is what was written")

    def test_an_overlay_for_a_company_that_one_may_not_see_is_refused(self):
        manager = self._make_role("words-manager", "manager")
        values = {"word": "X", "term_id": self.mining.id, "system_id": self.system.id}
        with self.assertRaises(AccessError):
            self.env["hub.vocabulary.word"].with_user(manager).create(
                {**values, "company_id": self.other.id}
            )
        foreign = self.env["res.company"].create({"name": "Elsewhere"})
        with self.assertRaises(ValidationError):
            self.word("Y", self.mining, foreign)
        hidden = self.word("Z", self.mining, self.other)
        self.assertNotIn(hidden, self.env["hub.vocabulary.word"].with_user(manager).search([]))


@tagged("post_install", "-at_install")
class TestTermsInUse(VocabularyCase):
    def test_a_term_in_use_is_not_deleted(self):
        word = self.env["hub.vocabulary.word"].create(
            {"word": "Digging", "term_id": self.mining.id, "system_id": self.system.id}
        )
        with self.assertRaises(UserError):
            self.mining.unlink()
        self.work(self._company("1", industry="Digging"))
        word.unlink()
        with self.assertRaises(UserError):
            self.mining.unlink()  # a link still agrees on it
        self.trade.unlink()
        with self.assertRaises(UserError):
            self.env.ref("lead_to_cash_hub.term_deal_stage_won").unlink()
        with self.assertRaises(UserError):
            self.vocabulary.unlink()
        self.vocabulary.write({"term_ids": [Command.delete(self.health.id)]})
        with self.assertRaises(UserError):
            self.vocabulary.write({"term_ids": [Command.delete(self.mining.id)]})

    def test_a_vocabulary_that_only_the_lines_of_a_ledger_use_stays(self):
        for name in ("ledger_account", "tax_code"):
            with self.assertRaisesRegex(UserError, "in use"), self.env.cr.savepoint():
                self.env.ref(f"lead_to_cash_hub.vocabulary_{name}").unlink()


@tagged("post_install", "-at_install")
class TestWordsTour(VocabularyCase, HubBrowser):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._make_role("hub_words", "resolver")

    def test_three_words_get_their_terms_in_one_screen(self):
        self.work(
            self._company("1", industry="Minning"), self._company("2", industry="Healthcare"),
            self._company("3", industry="Wholesale"), self._company("4", industry="wholesale"),
        )  # fmt: skip
        self.env.flush_all()
        self.start_tour("/odoo/hub-issues", "hub_map_words", login="hub_words", timeout=180)
        self.drain()
        self.assertEqual(
            [self.partner_of(str(n)).ref for n in (1, 3, 4)], ["mining", "trade", "trade"]
        )
        self.assertFalse(self.partner_of("2"))
