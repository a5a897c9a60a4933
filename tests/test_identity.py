from odoo.tests import tagged

from .hub_common import HubCase

GERMAN, OTHER_GERMAN = "DE136695976", "DE129273398"


@tagged("post_install", "-at_install")
class TestIdentity(HubCase):
    """Who is who: one sure match links, everything else asks a person, nothing is guessed."""

    def _partner(self, name, **values):
        return self.env["res.partner"].create({"name": name, "is_company": True, **values})

    def test_the_same_tax_number_is_the_same_customer_however_it_is_written(self):
        globex = self._partner(
            "Globex Corporation", vat=GERMAN, country_id=self.env.ref("base.de").id
        )
        for number, vat in enumerate(
            (GERMAN, "DE 136 695 976", "136695976", "de136695976"), start=1
        ):
            self.work(
                self._company(
                    str(number), name="Quite Another Name", vat_number=vat, country="DE", domain=""
                )
            )
            self.assertEqual(self.partner_of(str(number)), globex, vat)

    def test_a_tax_number_that_is_none_joins_nobody(self):
        globex = self._partner(
            "Globex Corporation", vat=GERMAN, country_id=self.env.ref("base.de").id
        )
        names = ("Umbrella", "Stark", "Wayne", "Oscorp", "Tyrell")
        vats = ("DE136695977", "unknown", "unknown", "000000000", "000000000")
        for number, (name, vat) in enumerate(zip(names, vats, strict=True), start=1):
            message = self.work(self._company(str(number), name=name, vat_number=vat))
            if message.state != "done":  # Odoo's own check may refuse the number
                self.assertExplained(message, "odoo_rule")
            self.assertNotEqual(self.partner_of(str(number)), globex)
        linked = [self.partner_of(str(number)).id for number in range(1, 6)]
        linked = [key for key in linked if key]
        self.assertEqual(len(set(linked)), len(linked))

    def test_the_same_domain_is_the_same_customer(self):
        acme = self._partner("Acme Industries", website="https://www.acme.example/home")
        self.work(self._company("1", name="ACME", domain="acme.example"))
        self.assertEqual(self.partner_of("1"), acme)

    def test_an_address_at_a_mail_provider_says_nothing(self):
        self._partner("Someone", email="someone@gmail.com")
        self.work(self._company("1", name="Another Firm", domain="gmail.com"))
        self.assertNotEqual(self.partner_of("1").name, "Someone")

    def test_a_different_tax_number_is_another_customer_even_at_one_domain(self):
        first = self._partner(
            "Acme DE",
            vat=GERMAN,
            country_id=self.env.ref("base.de").id,
            website="https://acme.example",
        )
        self.work(
            self._company(
                "1",
                name="Acme Second",
                vat_number=OTHER_GERMAN,
                country="DE",
                domain="acme.example",
            )
        )
        self.assertNotEqual(self.partner_of("1"), first)
        self.assertTrue(self.partner_of("1"))

    def test_two_partners_with_one_key_are_a_question(self):
        for name in ("Acme One", "Acme Two"):
            self._partner(name, website="https://acme.example")
        exception = self.assertExplained(
            self.work(self._company("1", name="Acme", domain="acme.example")), "ambiguous_match"
        )
        self.assertIn("2 records", exception.sentence)

    def test_a_like_name_is_a_question_that_shows_both(self):
        self._partner("Initech Software Ltd.")
        exception = self.assertExplained(
            self.work(self._company("1", name="Initech Sofware")), "possible_duplicate"
        )
        self.assertIn("Initech Sofware", exception.sentence)
        self.assertIn("Initech Software Ltd.", exception.sentence)

    def test_an_unlike_name_is_a_new_customer(self):
        self._partner("Initech Software Ltd.")
        self.assertStates(self.work(self._company("1", name="Vandelay Imports")), "done")

    def test_two_messages_of_one_customer_in_a_batch_make_one_partner(self):
        first, second = self.work(
            self._company("1", name="Globex", vat_number=GERMAN, country="DE", domain=""),
            self._company("2", name="Globex Corp", vat_number=GERMAN, country="DE", domain=""),
        )
        self.assertStates(first + second, "done", "done")
        self.assertEqual(self.partner_of("1"), self.partner_of("2"))
        self.assertEqual(self.env["res.partner"].search_count([("vat", "=", GERMAN)]), 1)

    def test_two_systems_with_one_customer_make_one_partner(self):
        other = self._make_system("Second portal", account_ref="2")
        self.work(self._company("1", name="Globex", vat_number=GERMAN, country="DE"))
        self.work(
            self._company("77", name="Globex Inc", vat_number=GERMAN, country="DE"), system=other
        )
        self.assertEqual(self.partner_of("1"), self.partner_of("77", system=other))

    def test_a_known_partner_is_filled_up_and_not_overwritten(self):
        acme = self._partner("Acme Industries", website="https://acme.example", city="By hand")
        self.work(
            self._company("1", name="ACME", domain="acme.example", city="Austin", zip="73301")
        )
        self.assertEqual((acme.name, acme.city, acme.zip), ("Acme Industries", "By hand", "73301"))

    def test_an_archived_partner_is_no_match(self):
        acme = self._partner("Acme Industries", website="https://acme.example", active=False)
        self.work(self._company("1", name="Acme Industries", domain="acme.example"))
        self.assertNotEqual(self.partner_of("1"), acme)

    def test_a_contact_is_found_by_mail_and_two_of_them_are_a_question(self):
        pat = self.env["res.partner"].create({"name": "Pat", "email": "Pat@Firm.example"})
        self.work(self._contact("9", email="pat@firm.example"))
        self.assertEqual(self.partner_of("9", "contact"), pat)
        pat.copy({"name": "Pat again", "email": "pat@firm.example"})
        self.assertExplained(
            self.work(self._contact("8", email="pat@firm.example")), "ambiguous_match"
        )

    def test_the_same_digits_of_another_country_are_another_company(self):
        self.env["res.partner"].create(
            {
                "name": "American Digits Inc.",
                "is_company": True,
                "country_id": self.env.ref("base.us").id,
                "vat": "136695976",
            }
        )
        (message,) = self.work(
            self._company(
                "77", name="Berliner Ziffern", vat_number="DE136695976", country="Germany"
            )
        )
        self.assertEqual(message.state, "done")
        self.assertEqual(self.partner_of("77").name, "Berliner Ziffern")

    def test_a_link_says_who_it_is_whatever_changed_since(self):
        self.work(self._company("1", 1, name="Acme", domain="acme.example"))
        partner = self.partner_of("1")
        self.work(self._company("1", 2, name="Renamed Entirely", domain="renamed.example"))
        self.assertEqual(self.partner_of("1"), partner)
        self.assertEqual(partner.name, "Renamed Entirely")
