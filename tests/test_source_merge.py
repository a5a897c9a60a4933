from odoo.tests import tagged

from .hub_common import HubCase

GERMAN, OTHER_GERMAN = "DE136695976", "DE129273398"


@tagged("post_install", "-at_install")
class TestSourceMerge(HubCase):
    """A merge in a source is followed, a split asks; the ids of both are remembered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rita = cls._make_role("merge-rita", "resolver", "base.group_partner_manager")

    def _merged(self, loser="1", winner="7", number=3):
        return self.work(self._event("customer", loser, "merge", number=number, merged_into=winner))

    def _link(self, external_id):
        return self.env["hub.link"].search([("external_id", "=", external_id)])

    def test_both_ids_are_remembered(self):
        self.work(self._company("1"))
        self._use_stub()
        self.assertStates(self._merged(), "skipped:merge_followed")
        self.assertEqual(self._link("1").merged_into, "7")
        self.assertFalse(self._link("7").merged_into)
        self.assertEqual(self.partner_of("1"), self.partner_of("7"))

    def test_a_new_id_for_two_is_merged_in_odoo_by_a_person_and_then_followed(self):
        """HubSpot gives the survivor an id of its own; Salesforce names a master record."""
        self.work(self._company("1", name="Globex"), self._company("2", name="Umbrella"))
        self._use_stub()
        first, second = self.partner_of("1"), self.partner_of("2")
        messages = self._merged("1") + self._merged("2")
        self.assertStates(messages, "skipped:merge_followed", "failed")
        issue = self.assertExplained(messages[1], "merged_at_source").issue_id
        self.assertTrue(issue.can_merge)
        group = self.env["hub.duplicate"].browse(
            issue.with_user(self.rita).action_merge()["res_id"]
        )
        self.assertEqual(group.line_ids.partner_id, first | second)
        group.with_user(self.rita).merge_partners(first.id, {})
        self.env.flush_all()
        self.drain()
        self.assertStates(messages[1], "skipped:merge_followed")
        for external_id in ("1", "2", "7"):
            self.assertEqual(self.partner_of(external_id), first)
        self.assertEqual(self._link("2").merged_into, "7")

    def test_a_merge_of_different_tax_numbers_is_asked_and_confirmed(self):
        for number, vat in (("1", GERMAN), ("2", OTHER_GERMAN)):
            self.work(self._company(number, name=f"Globex {number}", vat_number=vat, country="DE"))
        self._use_stub()
        asked = self._merged("1", "2")
        issue = self.assertExplained(asked, "merged_at_source").issue_id
        group = self.env["hub.duplicate"].browse(
            issue.with_user(self.rita).action_merge()["res_id"]
        )
        self.assertTrue(group.other_vat)
        self.assertNotEqual(self.partner_of("1"), self.partner_of("2"))

    def _asked(self, external_id, name):
        """A customer who may be one that Odoo has: a person is asked."""
        self.env["res.partner"].create({"name": f"{name} Ltd.", "is_company": True})
        message = self.work(self._company(external_id, name=name))
        self.assertExplained(message, "possible_duplicate")
        return message

    def test_a_merge_answers_the_question_who_its_survivor_is(self):
        self.work(self._company("1", name="Globex"))
        asked = self._asked("7", "Umbrella Trading")
        self._use_stub()
        self.assertStates(self._merged(), "skipped:merge_followed")
        self.later(20)
        self.drain()
        self.assertEqual(asked.state, "done")
        self.assertEqual(self.partner_of("7"), self.partner_of("1"))
        self.assertEqual(self.partner_of("7").name, "Umbrella Trading")
        self.assertFalse(self.issues())

    def test_a_merge_answers_the_question_who_its_loser_is(self):
        self.work(self._company("7", name="Globex"))
        asked = self._asked("1", "Umbrella Trading")
        stub = self._use_stub()
        stub.records["customer", "7"] = {"id": "7", "properties": {"name": "Globex"}, "version": 3}
        self.assertStates(self._merged(), "skipped:merge_followed")
        self.later(20)
        self.drain()
        self.assertStates(asked, "skipped:stale")
        self.assertEqual(self.partner_of("1"), self.partner_of("7"))
        self.assertEqual(self.partner_of("7").name, "Globex", "what was read of the loser is older")
        self.assertFalse(self.issues())

    def test_who_waits_for_the_survivor_goes_on_at_once(self):
        self.work(self._company("1", name="Globex"))
        self._use_stub()
        contact = self.work(self._contact("50", "7"))
        self.assertStates(contact, "waiting:waits_for")
        self._merged()
        self.assertStates(contact, "done")

    def test_a_survivor_with_another_tax_number_is_a_question_about_the_number(self):
        self.work(self._company("1", name="Globex", vat_number=GERMAN, country="DE"))
        self._use_stub()
        partner = self.partner_of("1")
        self.assertStates(self._merged(), "skipped:merge_followed")
        message = self.work(
            self._company("7", 4, name="Globex", vat_number=OTHER_GERMAN, country="DE")
        )
        self.assertExplained(message, "merge_conflict")
        self.assertEqual(partner.vat, GERMAN, "never changed unasked")

    def test_an_old_id_that_comes_back_alive_is_a_question(self):
        self.work(self._company("1", name="Globex"))
        self._use_stub()
        self._merged()
        partner = self.partner_of("1")
        late = self.work(self._company("1", 2, name="Read before the merge"))
        self.assertStates(late, "skipped:stale")
        alive = self.work(self._company("1", 5, name="Alive again"))
        exception = self.assertExplained(alive, "split_at_source")
        self.assertIn("7", exception.sentence)
        self.assertNotEqual(partner.name, "Alive again")
        return alive, exception.issue_id, partner

    def _decide(self, issue, mode, **values):
        self.env["hub.resolve"].with_user(self.rita).create(
            {"issue_id": issue.id, "mode": mode, **values}
        ).action_confirm()
        self.env.flush_all()
        self.drain()

    def test_a_split_becomes_a_customer_of_its_own(self):
        alive, issue, partner = self.test_an_old_id_that_comes_back_alive_is_a_question()
        self.assertTrue(issue.can_create and issue.can_link)
        self._decide(issue, "create")
        self.assertStates(alive, "done")
        own = self.partner_of("1")
        self.assertNotEqual(own, partner)
        self.assertEqual((own.name, self.partner_of("7")), ("Alive again", partner))
        self.assertFalse(self._link("1").merged_into)
        self.work(self._company("1", 6, name="And again"))
        self.assertEqual((own.name, partner.name), ("And again", partner.name))

    def test_a_split_stays_the_same_customer(self):
        alive, issue, partner = self.test_an_old_id_that_comes_back_alive_is_a_question()
        self._decide(issue, "link", record_ref=f"res.partner,{partner.id}")
        self.assertStates(alive, "done")
        self.assertEqual(self.partner_of("1"), partner)
        self.assertFalse(self._link("1").merged_into)


@tagged("post_install", "-at_install")
class TestHubSpotMerge(HubCase):
    """The same with HubSpot, over HTTP: the survivor of two companies has an id of its own."""

    def test_two_known_companies_become_a_third_id(self):
        rita = self._make_role("hs-rita", "resolver", "base.group_partner_manager")
        sandbox = self._use_sandbox()
        sandbox.seed(
            [
                {"type": "companies", "id": key, "properties": {"name": name, "domain": domain}}
                for key, name, domain in (
                    ("1", "Globex", "globex.example"),
                    ("2", "Umbrella", "umbrella.example"),
                )
            ]
        )
        self.work(self._notice("customer", "1"), self._notice("customer", "2"))
        first, second = self.partner_of("1"), self.partner_of("2")
        self.assertTrue(first and second and first != second)
        survivor = sandbox.store.merge("companies", "1", "2", new_id=True)["id"]
        messages = self.work(self._notice("customer", "1", 2), self._notice("customer", "2", 2))
        self.assertEqual(sorted(messages.mapped("state")), ["failed", "skipped"])
        asked = messages.filtered(lambda message: message.state == "failed")
        issue = self.assertExplained(asked, "merged_at_source").issue_id
        action = issue.with_user(rita).action_merge()
        group = self.env["hub.duplicate"].browse(action["res_id"])
        self.assertEqual(group.line_ids.partner_id, first | second)
        group.with_user(rita).merge_partners(first.id, {"name": first.id})
        self.env.flush_all()
        self.drain()
        self.assertStates(asked, "skipped:merge_followed")
        self.assertFalse(second.exists())
        for key in ("1", "2", survivor):
            self.assertEqual(self.partner_of(key), first)
        self.assertFalse(self.issues())
