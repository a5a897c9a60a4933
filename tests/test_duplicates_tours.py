from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .view_common import HubBrowser, HubScreens

NAME = "<img src=x onerror=alert(1)> Globex"


@tagged("post_install", "-at_install")
class TestDuplicatesTours(HubScreens, HubBrowser):
    """Duplicates and thresholds, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        for user in (cls.resolver, cls.manager):
            user.group_ids += cls.env.ref("base.group_partner_manager")
        systems = cls.make_system(), cls.make_system("Second system")
        shared = {"is_company": True, "phone": "+49301234567", "zip": "10115"}
        cls.first, cls.second = cls.env["res.partner"].create(
            [
                {"name": "Globex GmbH", "street": "Old Street 1", **shared},
                {"name": "Globex", "street": "New Street 2", **shared},
            ]
        )
        cls.link(systems[0], "customer", "70", cls.first)
        cls.link(systems[1], "customer", "9", cls.second)
        cls.env["hub.duplicate"]._look()
        cls.group = cls.env["hub.duplicate"].search(
            [("line_ids.partner_id", "=", cls.first.id), ("state", "=", "open")]
        )

    def test_a_group_is_merged(self):
        self.second.name = NAME
        self.start_tour("/odoo/hub-duplicates", "hub_duplicates", login="hub_resolver", timeout=180)
        self.env.invalidate_all()
        self.assertEqual((self.first.exists(), self.group.state), (self.first.browse(), "merged"))
        self.assertEqual(self.second.name, "Globex GmbH")
        self.assertEqual(self.second.street, "New Street 2")
        links = self.env["hub.link"].search([("res_id", "=", self.second.id)])
        self.assertEqual(set(links.mapped("external_id")), {"70", "9"})

    def test_not_the_same_and_back(self):
        self.start_tour(
            "/odoo/hub-duplicates", "hub_duplicates_apart", login="hub_resolver", timeout=180
        )
        self.env.invalidate_all()
        self.assertEqual(self.group.state, "open")
        self.assertFalse(self.env["hub.distinct"].search([]))

    def test_thresholds_are_tried_and_used(self):
        self.start_tour("/odoo/hub-likeness", "hub_likeness", login="hub_manager", timeout=180)
        self.env.invalidate_all()
        self.assertEqual(self.env["hub.likeness"]._stored(), (90, 45))

    # -- the same page without a browser ---------------------------------------------------------------

    def _trial(self, user, **values):
        return self.env["hub.likeness.trial"].with_user(user).create(values)

    def test_what_is_counted_and_shown_is_what_the_reader_may_see(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        trial = self._trial(self.manager, link_from=75, ask_from=45)
        trial.action_try()
        seen = trial.sample_count
        self.assertEqual(seen, trial.linked + trial.asked + trial.created)
        self.assertIn(self.first, trial.line_ids.partner_id)
        self.env["res.partner"].create(
            [
                {
                    "name": "Secret",
                    "is_company": True,
                    "phone": "+49301",
                    "company_id": elsewhere.id,
                }
                for _number in range(2)
            ]
        )
        trial.action_try()
        self.assertEqual(trial.sample_count, seen)
        self.assertNotIn("Secret", trial.line_ids.partner_id.mapped("name"))

    def test_thresholds_change_the_effect_and_are_saved_only_when_it_was_seen(self):
        trial = self._trial(self.manager, link_from=75, ask_from=45)
        trial.action_try()
        before = trial.linked
        self.assertGreaterEqual(before, 2)
        trial.link_from = 100
        with self.assertRaises(UserError):
            trial.action_save()
        trial.action_try()
        self.assertLess(trial.linked, before)
        trial.action_save()
        self.assertEqual(self.env["hub.likeness"]._stored(), (100, 45))
        trial.ask_from = 101
        with self.assertRaises(UserError):
            trial.action_try()
        with self.assertRaises(AccessError):
            self._trial(self.resolver, link_from=75, ask_from=45)
