from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from ..connectors.errors import ConnectorError
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestClaim(HubCase):
    """A record made by hand says which one it is in a product; then it is not made twice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rita = cls._make_role("claim-rita", "resolver", "base.group_partner_manager")
        cls.viewer = cls._make_role("claim-viewer", "viewer", "base.group_partner_manager")
        cls.partner = cls.env["res.partner"].create({"name": "By hand", "is_company": True})

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()

    def _claim(self, record=None, external_id="71", user=None, **options):
        record = record or self.partner
        wizard = (
            self.env["hub.claim.wizard"]
            .with_user(user or self.rita)
            .with_context(active_model=record._name, active_id=record.id)
            .create(
                {
                    "system_id": self.system.id,
                    "external_id": external_id,
                    "look_up": False,
                    **options,
                }
            )
        )
        return wizard.action_claim()

    def _count(self):
        return self.env["res.partner"].search_count([])

    def test_a_claimed_record_is_not_made_again(self):
        self.stub.records["customer", "71"] = {
            "id": "71",
            "properties": {"name": "Theirs", "city": "Bonn"},
        }
        self._claim()
        before = self._count()
        self.drain()
        self.work(self._company("71", 5, name="Theirs", city="Bonn"))
        self.assertEqual(self._count(), before)
        self.assertEqual(self.partner_of("71"), self.partner)
        self.assertEqual(self.partner.city, "Bonn", "it was read from the product")
        audit = self.env["hub.audit"].search([("action", "=", "claim")])
        self.assertEqual((audit.user_id, audit.res_id), (self.rita, self.partner.id))

    def test_what_failed_or_waited_for_the_id_goes_on(self):
        failed = self.work(self._company("71", country="Atlantis"))
        waits = self.work(self._contact("81", company="72"))
        self.assertStates(failed + waits, "failed", "waiting")
        self._claim(external_id="72")
        self.drain()
        self.assertEqual(self.partner_of("81", "contact").parent_id, self.partner)
        other = self.env["res.partner"].create({"name": "Second", "is_company": True})
        self._claim(other, "71")
        self.assertStates(failed, "pending")

    def test_an_id_that_is_taken_says_by_which_record_and_whom(self):
        self._claim()
        other = self.env["res.partner"].create({"name": "Second", "is_company": True})
        with self.assertRaisesRegex(UserError, "By hand.*claim-rita"):
            self._claim(other)
        self.work(self._company("72", name="From the product"))
        with self.assertRaisesRegex(UserError, "From the product.*by the hub"):
            self._claim(other, "72")

    def test_a_record_has_one_id_in_a_system(self):
        self._claim()
        with self.assertRaisesRegex(UserError, "71"):
            self._claim(external_id="72")

    def test_rights_and_companies(self):
        with self.assertRaises(AccessError):
            self._claim(user=self.viewer)
        no_partners = self._make_role("claim-none", "resolver")
        with self.assertRaises(AccessError):
            self._claim(user=no_partners)
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._make_role(
            "claim-stranger", "resolver", "base.group_partner_manager", company=elsewhere
        )
        with self.assertRaises(AccessError):
            self._claim(user=stranger)
        self.rita.company_ids += elsewhere
        self.partner.company_id = elsewhere
        with self.assertRaisesRegex(UserError, "Elsewhere"):
            self._claim(
                user=self.rita.with_context(allowed_company_ids=[self.company.id, elsewhere.id])
            )
        self.assertFalse(self.env["hub.link"].search([("res_id", "=", self.partner.id)]))

    def test_ids_that_are_none_are_refused(self):
        for bad in (" ", "x" * 201, "1\n2"):
            with self.assertRaises(ValidationError):
                self._claim(external_id=bad)
        self._claim(external_id="  71 ")
        self.assertEqual(self.partner_of("71"), self.partner)

    def test_a_record_of_another_kind_is_refused(self):
        with self.assertRaisesRegex(UserError, "Project"):
            self._claim(entity_id=self.env.ref("lead_to_cash_hub.entity_project").id)

    def test_the_product_is_asked_first(self):
        with self.assertRaisesRegex(UserError, "no Customer 71"):
            self._claim(look_up=True)
        self.stub.error = ConnectorError("product_down", "down", status=503)
        with self.assertRaisesRegex(UserError, "could not be asked"):
            self._claim(look_up=True)
        self.stub.error = None
        self.stub.records["customer", "71"] = {"id": "71", "properties": {"name": "Theirs"}}
        self._claim(look_up=True)
        self.assertEqual(self.partner_of("71"), self.partner)

    def test_the_form_knows_what_a_record_is(self):
        person = self.env["res.partner"].create({"name": "Ann", "is_company": False})
        for record, code in ((self.partner, "customer"), (person, "contact")):
            wizard = self.env["hub.claim.wizard"].with_context(
                active_model="res.partner", active_id=record.id
            )
            with Form(wizard.with_user(self.rita)) as form:
                form.system_id = self.system
                form.external_id = "1"
                self.assertEqual(form.entity_id.code, code)
                self.assertEqual(form.record_name, record.display_name)
