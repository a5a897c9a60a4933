from functools import partial

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..core.item import Item
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

    def test_the_address_of_who_signs_in_is_changed_in_odoo_alone(self):
        admin = self._make_role("identity-admin", "base.group_system")
        guest = self._partner("Guest", is_company=False, email="guest@firm.example")
        admin.partner_id.email = "admin@firm.example"
        for number, active in ((1, True), (3, False)):
            admin.active = active
            self.work(self._contact("1", number=number, email="admin@firm.example"))
            self.assertEqual(self.partner_of("1", "contact"), admin.partner_id)
            message = self.work(self._contact("1", number=number + 1, email="x@evil.example"))
            exception = self.assertExplained(message, "employee_login")
            self.assertNotIn("evil", exception.sentence)
            self.assertEqual(admin.partner_id.email, "admin@firm.example")
        self.work(self._contact("2", number=1, email="guest@firm.example"))
        self.work(self._contact("2", number=2, email="guest@new.example"))
        self.assertEqual(guest.email, "guest@new.example", "who has no user")

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

    def test_the_same_name_and_domain_are_the_same_customer(self):
        acme = self._partner("Acme Industries", website="https://www.acme.example/home")
        self.work(self._company("1", name="ACME Industries Inc.", domain="acme.example"))
        self.assertEqual(self.partner_of("1"), acme)

    def test_a_short_name_under_the_same_domain_may_be_its_parent(self):
        self._partner("Acme Industries", website="https://www.acme.example/home")
        exception = self.assertExplained(
            self.work(self._company("1", name="ACME", domain="acme.example")), "possible_duplicate"
        )
        self.assertIn("one name contains the other", exception.sentence)
        self.assertIn("the same internet domain", exception.sentence)

    def test_another_name_under_the_same_domain_is_a_question(self):
        self._partner("Acme Industries", website="https://www.acme.example/home")
        self.assertExplained(
            self.work(self._company("1", name="Umbrella Biotech", domain="acme.example")),
            "possible_duplicate",
        )

    def test_what_a_group_shares_links_nobody(self):
        """Subsidiaries with the web address, telephone and house of their parent, all in one batch."""
        germany = self.env.ref("base.de")
        shared = {"phone": "+49 30 1234567", "zip": "10115", "city": "Berlin"}
        parent = self._partner(
            "Globex AG",
            website="https://globex.example",
            street="Hauptstraße 5",
            country_id=germany.id,
            **shared,
        )
        names = ("Globex Logistics GmbH", "Globex Holding GmbH", "Globex GmbH & Co. KG")
        messages = self.work(
            *(
                self._company(
                    str(number), name=name, domain="globex.example", address="Hauptstr. 5", country="DE", **shared
                )
                for number, name in enumerate(names, start=1)
            )
        )  # fmt: skip
        for message in messages:
            self.assertExplained(message, "possible_duplicate")
            self.assertEqual(message.exception_ids.params["candidates"], [parent.id])
        self.assertEqual(len(self.issues("possible_duplicate")), 3, "each is decided by itself")

    def test_two_branches_in_one_batch_are_not_joined(self):
        first, second = self.work(
            self._company("1", name="Fitbox Hamburg", domain="fitbox.example"),
            self._company("2", name="Fitbox Berlin", domain="fitbox.example"),
        )
        self.assertStates(first, "done")
        self.assertExplained(second, "possible_duplicate")
        self.assertIn("Fitbox Hamburg", second.exception_ids.sentence)

    def test_a_second_record_of_one_system_is_a_question_though_it_looks_the_same(self):
        values = {"name": "Globex", "domain": "globex.example", "phone": "+49301234567"}
        self.work(self._company("1", **values))
        self.assertExplained(self.work(self._company("2", **values)), "possible_duplicate")
        other = self._make_system("Second portal", account_ref="2")
        self.work(self._company("9", **values), system=other)
        self.assertEqual(self.partner_of("9", system=other), self.partner_of("1"))

    def test_telephone_or_address_confirm_a_name(self):
        germany = self.env.ref("base.de").id
        phone = self._partner("Müller Bau GmbH", phone="030 1234567", country_id=germany)
        house = self._partner("Łódź Sp. z o.o.", street="Bahnhofstraße 12", zip="80331")
        self.work(
            self._company("1", name="MUELLER BAU", phone="+49 (30) 1234567", country="DE", domain=""),
            self._company("2", name="Lodz", address="BAHNHOFSTR. 12", zip="80331", domain=""),
        )  # fmt: skip
        self.assertEqual(self.partner_of("1"), phone)
        self.assertEqual(self.partner_of("2"), house)

    def test_names_that_would_break_a_query_or_a_page_are_only_names(self):
        names = ("<img src=x onerror=alert(1)>", "'; DROP TABLE x; --", "a:* & !b | 'c'")
        for name in names:
            self._partner(name)
        for number, name in enumerate(names, start=1):
            message = self.work(self._company(str(number), name=name, domain=""))
            self.assertEqual(message.exception_ids.code, "possible_duplicate", name)
            self.assertIn(name, message.exception_ids.sentence)

    def test_a_partner_of_another_company_is_neither_linked_nor_shown(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self._partner("Globex", website="https://globex.example", company_id=elsewhere.id)
        self.work(self._company("1", name="Globex", domain="globex.example"))
        self.assertFalse(self.partner_of("1").company_id)

    def test_who_was_said_to_be_another_one_is_remembered(self):
        initech = self._partner("Initech Software Ltd.")
        self.work(self._company("1", name="Initech Sofware"))
        self.issues("possible_duplicate")._fix_create()
        self.drain()
        pair = sorted([initech.id, self.partner_of("1").id])
        distinct = self.env["hub.distinct"].search([])
        self.assertEqual([distinct.low, distinct.high], pair)
        self.assertEqual(distinct.user_id, self.env.user)

    def test_thresholds_are_a_managers(self):
        likeness = self.env["hub.likeness"]
        manager, viewer = self._make_role("m", "manager"), self._make_role("v", "viewer")
        with self.assertRaises(AccessError):
            likeness.with_user(viewer)._set(90, 50)
        with self.assertRaises(UserError):
            likeness.with_user(manager)._set(40, 50)
        with self.assertRaises(AccessError):
            likeness.with_user(viewer).create({"link_from": 1, "ask_from": 1})
        likeness.with_user(manager)._set(99, 96)
        self._partner("Acme Industries", website="https://acme.example")
        self.work(self._company("1", name="Acme Industires", domain="acme.example"))
        self.assertEqual(self.partner_of("1").name, "Acme Industires", "90 points are too few now")
        audit = self.env["hub.audit"].search([("action", "=", "likeness")])
        self.assertEqual(audit.user_id, manager)

    def test_queries_do_not_grow_with_the_batch(self):
        """What is asked for one company is asked for all of a batch at once."""
        stock = [
            {
                "name": f"{word} Werke {number}",
                "is_company": True,
                "website": f"https://{word}{number}.example",
                "phone": f"+4930{number:07}",
            }
            for number in range(40)
            for word in ("Alpha", "Beta")
        ]
        self.env["res.partner"].create(stock)
        handler = self.env["hub.handler.customer"]

        def queries(first, count):
            items = [
                Item(
                    number,
                    self.system.id,
                    "customer",
                    str(number),
                    values={"name": f"Alpha Werke {number}", "domain": f"alpha{number}.example"},
                )
                for number in range(first, first + count)
            ]
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            handler._hub_match(items)
            spent = self.env.cr.sql_log_count - before
            self.assertTrue(all(item.res_id for item in items))
            return spent

        queries(0, 2)
        self.assertEqual(queries(0, 10), queries(10, 20))

    def test_names_are_searched_by_their_words_whatever_postgresql_knows(self):
        """No other index can answer: it would be walked from end to end, once for each name."""
        names = [f"Company{number:04} Works{number:04}" for number in range(3000)]
        # Put in a moment ago: PostgreSQL has no statistics of them.
        self.env.cr.execute(
            """INSERT INTO res_partner (name, is_company, active, type, zip, street, phone_sanitized, autopost_bills)
               SELECT name, true, true, 'contact', '10115', 'Street 1', '+4930' || (1000000 + n), 'ask'
                 FROM unnest(%s::varchar[]) WITH ORDINALITY u(name, n)""",
            [names],
        )
        self.assertEqual(self._read_by_names(names), {"res_partner_hub_name_index"})
        # Statistics can make any index that has something to offer look cheaper. With the words' index out of
        # question (it is read as a bitmap only), none is left.
        self.env.cr.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
        self.assertLessEqual(
            self._read_by_names(names), {"res_partner_hub_name_index", "res_partner"}
        )

    def _read_by_names(self, names):
        """What a search by names reads. Each is found among the thousand that begin alike, wherever in the table it
        stands."""
        return self._read(
            lambda: self.assertTrue(all(self.env["hub.matcher"]._by_name(names[:25] + names[-25:])))
        )

    def _read(self, search):
        """Indexes of partners, and the table itself if it is walked, that a search reads."""

        def scans():
            self.env.cr.execute(
                """SELECT c.relname, pg_stat_get_xact_numscans(c.oid) FROM pg_class c
                    WHERE c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'res_partner'::regclass)
                       OR c.oid = 'res_partner'::regclass"""
            )
            return dict(self.env.cr.fetchall())

        before = scans()
        search()
        return {name for name, count in scans().items() if count != before[name]}

    def test_keys_are_searched_by_their_own_index_whatever_postgresql_knows(self):
        """During a first load all others were empty when it looked last, and seem to cost nothing."""
        self.env.cr.execute(
            """INSERT INTO res_partner (name, is_company, active, type, zip, street, phone_sanitized, vat, website,
                                        email_normalized, autopost_bills)
               SELECT 'Company ' || n, true, true, 'contact', '10115', 'Street ' || n, '+4930' || (1000000 + n),
                      'DE' || (100000000 + n), 'https://www.web' || n || '.example', 'a@mail' || n || '.example', 'ask'
                 FROM generate_series(1, 3000) n"""
        )
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for index, kind, value in (
            ("vat", "vat", "DE100002999"),
            ("host", "domain", "web2999.example"),
            ("domain", "domain", "mail2999.example"),
            ("phone", "phone", "+49301002999"),
            ("place", "place", "10115/2999"),
        ):
            domains = {"host", "domain"} if kind == "domain" else {index}
            own = {f"res_partner_hub_{name}_index" for name in domains}
            with self.subTest(index):
                read = self._read(partial(self._find, kind, value))
                self.assertEqual(read - {"res_partner_pkey", "res_partner"}, own)

    def _find(self, kind, value):
        found = self.env["hub.matcher"]._find([(kind, value)])
        self.assertEqual(len(found[kind, value]), 1)

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
            self.work(self._company("1", name="Acme", domain="acme.example")), "possible_duplicate"
        )
        self.assertIn("an internet domain that several customers have", exception.sentence)
        for number in range(2):
            self._partner(f"Twin {number}", vat=GERMAN, country_id=self.env.ref("base.de").id)
        twins = self._company("2", name="Twin", vat_number=GERMAN, country="DE", domain="")
        exception = self.assertExplained(self.work(twins), "ambiguous_match")
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
            self._company(
                "1", name="ACME Industries", domain="acme.example", city="Austin", zip="73301"
            )
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
