"""Fields that go straight into Odoo fields: when they are emptied, and who decides about them."""

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .test_canonical import CanonicalCase


@tagged("post_install", "-at_install")
class TestBoundBlanks(CanonicalCase):
    def setUp(self):
        super().setUp()
        for name, ttype in (("x_flag", "boolean"), ("x_fee", "float")):
            self.custom_field("res.partner", name, ttype)
        self.note = self.add_field(self.customer, "industry", "text", "ref")
        for field in (
            self.note,
            self.add_field(self.customer, "flag", "boolean", "x_flag"),
            self.add_field(self.customer, "fee", "decimal", "x_fee"),
        ):
            self.add_line(field, f"properties.{field.name}")

    def test_what_is_emptied_at_the_source_is_emptied_in_odoo(self):
        self.work(self._company("1", industry="Mining", flag=True, fee="2.5"))
        partner = self.partner_of("1")
        self.assertEqual((partner.ref, partner.x_flag, partner.x_fee), ("Mining", True, 2.5))
        message = self.work(self._company("1", 2, industry="", flag=None, fee=None))
        self.assertStates(message, "done")
        self.assertFalse(partner.ref)
        self.assertEqual(partner.x_fee, 0)
        self.assertTrue(partner.x_flag, "unknown is not no")

    def test_not_where_the_rule_says_otherwise_or_odoo_requires_it(self):
        self.env["hub.ownership"].set_rule(self.note.id, "system_unless_blank")
        self.work(self._company("1", industry="Mining"))
        self.work(self._company("1", 2, industry=""))
        partner = self.partner_of("1")
        self.assertEqual(partner.ref, "Mining")
        self.env["hub.ownership"].set_rule(self.note.id, "system")
        self._require("ref")
        self.work(self._company("1", 3, industry="Coal"))
        self.assertStates(self.work(self._company("1", 4, industry="")), "done")
        self.assertEqual(partner.ref, "Coal")

    def _require(self, name):
        field = self.env["res.partner"]._fields[name]
        former = field.required
        self.addCleanup(setattr, field, "required", former)
        field.required = True

    def test_a_record_that_people_kept_before_loses_nothing(self):
        known = self.env["res.partner"].create(
            {"name": "Known", "is_company": True, "website": "https://c1.example", "ref": "Mine"}
        )
        self.work(self._company("1", name="Known", industry=""))
        self.assertEqual((self.partner_of("1"), known.ref), (known, "Mine"))


@tagged("post_install", "-at_install")
class TestWhoBinds(CanonicalCase):
    """What a message can write, and what can be read to be sent, is for Settings users to decide."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("binds", "manager")

    def refuses(self, field, **vals):
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            field.with_user(self.manager).write(vals)

    def test_a_binding_made_for_sending_is_not_opened_to_writing(self):
        field = self.add_field(self.customer, "industry", "text", "ref", direction="out")
        self.refuses(field, direction="both")
        self.refuses(field, direction="in")
        field.direction = "both"  # with the Settings right

    def test_a_field_of_the_entitys_own_is_not_pointed_elsewhere(self):
        phone = self.env.ref("lead_to_cash_hub.field_customer_phone")
        self.refuses(phone, odoo_field="barcode")
        self.refuses(phone, entity_id=self.env.ref("lead_to_cash_hub.entity_employee").id)
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            phone.with_user(self.manager).create(
                {
                    "entity_id": self.customer.id,
                    "name": "probe",
                    "label": "Probe",
                    "odoo_field": "barcode",
                }
            )
        phone.with_user(self.manager).write({"label": "Telephone", "direction": "both"})
        self.assertEqual((phone.odoo_field, phone.direction), ("phone", "both"))

    def test_what_is_for_some_groups_or_a_secret_is_not_even_compared(self):
        employee = self.env.ref("lead_to_cash_hub.field_employee_name")
        phone = self.env.ref("lead_to_cash_hub.field_customer_phone")
        for field, name in ((employee, "pin"), (phone, "signup_type"), (phone, "image_1920")):
            with self.subTest(name):
                self.assertIn(name, self.env[field.entity_id.model_name]._fields)
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    field.odoo_field = name
