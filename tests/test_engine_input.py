import ast
from datetime import date
from pathlib import Path
from unittest.mock import patch

from odoo.tests import tagged

from .business_common import BusinessCase
from .hub_common import HubCase, HubMixin, version


@tagged("post_install", "-at_install")
class TestEngineInput(HubCase):
    """What sources send on a bad day: refused with a sentence, or taken as it is meant."""

    def test_an_emoji_in_a_name_is_kept(self):
        self.work(self._company("1", name="Zoë & Söhne 🚀 株式会社"))
        self.assertEqual(self.partner_of("1").name, "Zoë & Söhne 🚀 株式会社")

    def test_a_name_of_ten_thousand_characters_is_refused_with_its_length(self):
        exception = self.assertExplained(
            self.work(self._company("1", name="x" * 10_000)), "too_long"
        )
        self.assertIn("10000", exception.sentence)
        self.assertFalse(self.partner_of("1"))

    def test_markup_in_a_name_stays_text(self):
        name = "<img src=x onerror=alert(1)>"
        self.work(self._company("1", name=name))
        self.assertEqual(self.partner_of("1").name, name)

    def test_a_number_as_text_is_a_number_and_a_list_as_a_name_is_refused(self):
        self.work(self._company("1", zip=10115))
        self.assertEqual(self.partner_of("1").zip, "10115")
        self.assertExplained(self.work(self._company("2", name=["a", "b"])), "bad_value")

    def test_each_word_for_what_was_expected_is_a_sentence_of_its_reader(self):
        """``core`` names what would have fitted with a machine's word; a person reads a translated one."""
        addon = Path(__file__).parents[1]
        files = [*(addon / "core").glob("*.py"), addon / "models" / "flow" / "bound.py"]
        words = {"country", "currency"}  # Bound gives the kind of its field
        for file in files:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    place = {"Unfit": 0, "_text": 1, "_epoch": 1, "bad_value": 2}.get(node.func.id)
                    given = [] if place is None else node.args[place : place + 1]
                    words |= {arg.value for arg in given if isinstance(arg, ast.Constant)}
        self.assertGreater(len(words), 15)
        sentences = self.env["hub.sentence"]
        known = sentences._expected_words()
        self.assertEqual(words - known.keys(), set())
        params = {"field": "amount", "value": "many", "expected": "number"}
        self.assertEqual(
            sentences._sentence("bad_value", params),
            "amount is “many”, but it should be a number.",
        )

        def french(_env, text, /, *args, **named):
            text = {"a number": "un nombre"}.get(text, text)
            return text % (args or named) if args or named else text

        with patch.object(type(self.env), "_", french):
            self.assertIn("un nombre", sentences._sentence("bad_value", params))

    def test_an_unknown_country_is_a_question(self):
        exception = self.assertExplained(
            self.work(self._company("1", country="Atlantis")), "unknown_country"
        )
        self.assertIn("Atlantis", exception.sentence)

    def test_a_required_value_that_is_missing_is_named(self):
        for number, name in enumerate(("", None, "   "), start=1):
            message = self.work(self._company(str(number), name=name))
            self.assertExplained(message, "missing_value")
        self.assertEqual(len(self.issues()), 1, "one cause, one issue")
        self.assertEqual(self.issues().exception_count, 3)

    def test_bytes_that_are_no_json_are_kept_and_shown(self):
        for number, body in enumerate(
            (b"\xff\xfe", b"{", b"[1]", b'"x"', b"", b"[" * 5000, b'{"a": NaN}'), start=1
        ):
            message = self.work(self._incoming("customer", str(number), body))
            self.assertExplained(message, "bad_json")
            self.assertEqual(bytes(message.payload_id.body or b""), body)

    def test_a_blank_at_the_source_never_empties_a_value_in_odoo(self):
        self.work(self._company("1", 1, city="Boston"))
        self.work(self._company("1", 2, city=""))
        self.assertEqual(self.partner_of("1").city, "Boston")

    def test_a_contact_of_nothing_waits_for_nothing(self):
        payload = {"id": "9", "properties": {"firstname": "Pat"}}
        for companies in ([], [None], [""], None):
            with self.subTest(companies=companies):
                message = self.work(
                    self._incoming(
                        "contact", "9", payload | {"companies": companies}, key=f"{companies}"
                    )
                )
                self.assertIn(message.state, ("done", "skipped"))
        self.assertFalse(self.partner_of("9", "contact").parent_id)

    def test_two_blanks_around_a_word_are_no_other_word(self):
        self.work(self._company("1", name="  Acme  "))
        self.assertEqual(self.partner_of("1").name, "Acme")

    def test_a_mapping_that_cannot_be_read_says_so(self):
        line = self.system.mapping_ids.line_ids.filtered(
            lambda line: line.field_id.name == "city" and line.mapping_id.direction == "in"
        )
        self.env.cr.execute(
            "UPDATE hub_mapping_line SET path = 'properties.[' WHERE id = %s", line.ids
        )
        self.env.invalidate_all()
        self.assertExplained(self.work(self._company("1")), "bad_path")

    def test_a_stream_without_a_mapping_fails_closed(self):
        self.system.mapping_ids.filtered(lambda m: m.entity_id.code == "customer").unlink()
        self.assertExplained(self.work(self._company("1")), "bad_path")

    def test_a_changed_mapping_applies_equal_content_anew(self):
        message = self.work(self._company("1", city="Boston", address2="Hall 7"))
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        line = mapping.line_ids.filtered(lambda line: line.field_id.name == "city")
        mapping.write({"line_ids": [(1, line.id, {"path": "properties.address2"})]})
        message.action_replay()
        self.drain()
        self.assertEqual(self.partner_of("1").city, "Hall 7")

    def test_a_changed_line_of_a_mapping_counts_as_a_change_too(self):
        message = self.work(self._company("1", city="Boston", address2="Hall 7"))
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        mapping.line_ids.filtered(
            lambda line: line.field_id.name == "city"
        ).path = "properties.address2"
        message.action_replay()
        self.drain()
        self.assertEqual(self.partner_of("1").city, "Hall 7")

    def test_a_linked_record_that_was_deleted_in_odoo_is_a_question(self):
        self.work(self._company("1", 1))
        self.partner_of("1").unlink()
        self.assertExplained(self.work(self._company("1", 2, city="Bonn")), "record_gone")

    def test_a_word_of_another_case_or_spacing_is_the_same_word(self):
        words = self.env["hub.vocabulary.word"]
        self.assertEqual(words._key("  Closed   WON "), words._key("closed won"))

    def test_a_phone_number_becomes_international_and_a_strange_one_stays(self):
        self.work(
            self._company("1", phone="(415) 555-0100", country="United States"),
            self._company("2", phone="ring twice"),
        )
        self.assertEqual(self.partner_of("2").phone, "ring twice")
        self.assertTrue(self.partner_of("1").phone)


@tagged("post_install", "-at_install")
class TestEngineDeals(HubMixin, BusinessCase):
    """Deals through the whole engine: all of one, or nothing and a sentence."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["hub.vocabulary.term"].create(
            [
                {
                    "vocabulary_id": cls.env.ref("lead_to_cash_hub.vocabulary_service_item").id,
                    "code": "CONS",
                    "name": "Consulting",
                    "res_id": cls.consulting.id,
                },
                {
                    "vocabulary_id": cls.env.ref("lead_to_cash_hub.vocabulary_service_line").id,
                    "code": "rollout",
                    "name": "Rollout",
                    "res_id": cls.template.id,
                },
            ]
        )
        cls.hubspot = cls._make_system(company_ids=[(6, 0, cls.company.ids)])
        cls.system = cls.hubspot

    def setUp(self):
        super().setUp()
        self._start_engine()
        self.work(
            self._company(
                "1",
                name="Deal customer",
                country="US",
                city="Boston",
                address="1 Main St",
                zip="02110",
            )
        )

    def _deal_message(self, key="100", number=1, lines=None, won=True, **properties):
        lines = lines if lines is not None else [self._line_of()]
        values = {
            "dealname": "Rollout",
            "amount": "1500",
            "deal_currency_code": "USD",
            "closedate": "2026-02-03T15:00:00Z",
            "service_line": "rollout",
            **properties,
        }
        payload = {
            "id": key,
            "properties": values,
            "companies": ["1"],
            "contacts": [],
            "line_items": lines,
            "owner": None,
            "pipeline_stage": {"isWon": won, "isClosed": won},
        }
        return self._incoming("opportunity", key, payload, number)

    def _line_of(self, **properties):
        return {
            "id": "1",
            "properties": {
                "hs_sku": "CONS",
                "name": "Consulting",
                "quantity": "10",
                "price": "150",
                **properties,
            },
        }

    def _made(self):
        """What deals made: leads, orders, projects, contracts."""
        self.env.flush_all()
        return tuple(
            self.env[model].with_context(active_test=False).search_count([])
            for model in ("crm.lead", "sale.order", "project.project", "hub.contract")
        )

    def _refused(self, code, **options):
        before = self._made()
        message = self.work(self._deal_message(**options))
        exception = self.assertExplained(message, code)
        self.assertEqual(self._made(), before, "nothing half-made")
        return exception

    def test_a_won_deal_makes_one_of_each(self):
        before = self._made()
        message = self.work(self._deal_message())
        self.assertStates(message, "done")
        self.assertEqual(
            [now - was for was, now in zip(before, self._made(), strict=True)], [1, 1, 1, 1]
        )
        message.action_replay()
        self.drain()
        self.assertEqual(
            [now - was for was, now in zip(before, self._made(), strict=True)], [1, 1, 1, 1]
        )

    def test_a_failed_deal_carries_its_money_at_risk(self):
        exception = self._refused("unknown_term", lines=[self._line_of(hs_sku="ADV-2")])
        self.assertEqual(exception.amount, 1500)
        self.assertEqual(exception.issue_id.at_risk, 1500)

    def test_an_undo_takes_back_all_that_an_amount_became(self):
        self.work(self._deal_message(won=False))
        change = self.work(self._deal_message(number=2, won=False, amount="1800"))
        lead = self.env["crm.lead"].browse(change.res_id)
        self.assertEqual((lead.hub_amount, lead.expected_revenue), (1800, 1800))

        def undo():
            query = self.env["hub.message"]._search([("id", "in", change.ids)])
            found = self.env["hub.undo"]._of(query)
            found.why = "Wrong amount"
            found.action_start()
            found.action_step()
            return found.line_ids

        # The two go back together: what a person changed keeps both.
        lead.expected_revenue = 1700
        self.assertEqual((undo().verdict, lead.hub_amount), ("left", 1800))
        lead.expected_revenue = 1800
        self.assertEqual(undo().outcome, "write")
        self.assertEqual((lead.hub_amount, lead.expected_revenue), (1500, 1500))

    def test_an_unknown_currency_leaves_nothing(self):
        self._refused("currency_not_active", deal_currency_code="ZZZ")

    def test_a_currency_that_is_none_leaves_nothing(self):
        self._refused("bad_value", deal_currency_code="dollars")

    def test_a_number_that_is_none_leaves_nothing(self):
        for key, quantity in enumerate(("ten", "1e5", "1,5", "NaN", "--1"), start=200):
            self._refused("bad_value", key=str(key), lines=[self._line_of(quantity=quantity)])

    def test_a_date_that_is_none_leaves_nothing(self):
        for key, day in enumerate(("2026-02-30", "soon", "0001-01-01T00:00:00+14:00"), start=300):
            self._refused("bad_value", key=str(key), closedate=day)

    def test_an_error_half_way_leaves_nothing(self):
        original = self.registry["project.project"].create

        def fail(projects, vals_list):
            original(projects, vals_list)
            raise ValueError("half-way")

        before = self._made()
        self._patch("project.project", "create", fail)
        with self.assertLogs("odoo.addons.lead_to_cash_hub.models.flow.apply_batch", "WARNING"):
            message = self.work(self._deal_message())
        self.assertExplained(message, "bug")
        self.assertEqual(self._made(), before)

    def test_one_bad_deal_among_good_ones_stands_alone(self):
        deals = [self._deal_message(str(key)) for key in range(400, 403)]
        bad = self._deal_message("499", lines=[self._line_of(hs_sku="?")])
        messages = self.work(deals[0], bad, *deals[1:])
        self.assertStates(messages, "done", "failed", "done", "done")

    def test_amounts_keep_each_cent(self):
        line = self._line_of(quantity="3", price="33.33")
        message = self.work(self._deal_message(lines=[line], amount="99.99"))
        self.assertStates(message, "done")
        lead = self.env["crm.lead"].browse(message.res_id)
        self.assertEqual(lead.hub_contract_id.sale_order_id.amount_untaxed, 99.99)
        self.assertEqual(
            self.env["hub.link"].search([("external_id", "=", "100")]).version, version(1)
        )
        self.assertIsInstance(lead.date_deadline or date.today(), date)
