"""The mapping editor: what it shows to whom, what lines make of a payload, and its way in a browser."""

import json

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .hub_common import HubCase
from .view_common import HubBrowser, HubScreens


class EditorCase(HubCase, HubScreens):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.customer = cls.env.ref("lead_to_cash_hub.entity_customer")
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id == cls.customer and m.direction == "in"
        )
        cls.mapping.line_ids.filtered(lambda line: line.field_id.name in ("city", "phone")).unlink()

    def setUp(self):
        super().setUp()
        self.message = self.receive_payload(
            "77", name="Ädam", town="Ulm", phone="+49 731 1234", country="DE", vat_number="x" * 50
        )

    def receive_payload(self, key, **properties):
        return self.receive(self._incoming("customer", key, {"id": key, "properties": properties}))

    def field(self, name):
        return self.customer.field_ids.filtered(lambda field: field.name == name)

    def line(self, name, path, transform="none", argument=""):
        return {
            "field_id": self.field(name).id,
            "path": path,
            "transform": transform,
            "argument": argument,
        }

    def preview(self, *lines, user=None, message=None):
        mapping = self.mapping.with_user(user or self.manager)
        return mapping.get_data_preview((message or self.message).id, list(lines))


@tagged("post_install", "-at_install")
class TestMappingEditor(EditorCase):
    def test_lines_that_are_not_saved_are_shown_live(self):
        found = self.preview(
            self.line("name", "properties.name", "upper"),
            self.line("city", "properties.["),
            self.line("vat", "properties.vat_number"),
            self.line("country", "", "expression", "value.__class__"),
        )
        results = {
            self.customer.field_ids.browse(int(k)).name: v for k, v in found["results"].items()
        }
        self.assertEqual(results["name"]["value"], "ÄDAM")
        self.assertEqual(results["name"]["raw"], "Ädam")
        for name in ("city", "vat", "country"):
            self.assertTrue(results[name]["problem"], name)
            self.assertFalse(results[name]["value"], name)
        self.assertEqual(found["payload"]["properties"]["town"], "Ulm")
        json.dumps(found)  # all of it is JSON

    def test_fields_without_a_line_get_a_suggestion_that_fits(self):
        found = self.preview(self.line("name", "properties.name"))
        suggestions = {
            self.customer.field_ids.browse(s["field_id"]).name: s for s in found["suggestions"]
        }
        self.assertEqual(suggestions["phone"]["path"], "properties.phone")
        self.assertEqual(suggestions["country"]["path"], "properties.country")
        self.assertNotIn("street", suggestions)
        self.assertNotIn("name", suggestions)

    def test_words_and_references_are_shown_as_what_they_are_in_odoo(self):
        deals = self.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "opportunity" and m.direction == "in"
        )
        self.work(self._company("5"))
        payload = {"properties": {"stage": "won", "odd": "Signed off"}, "companies": ["5", "6"]}
        deal = self.receive(self._incoming("opportunity", "d1", payload))
        fields = {field.name: field.id for field in deals.entity_id.field_ids}
        found = deals.with_user(self.manager).get_data_preview(
            deal.id,
            [
                {"field_id": fields["stage"], "path": "properties.stage", "transform": "none"},
                {"field_id": fields["customer"], "path": "companies[0]", "transform": "none"},
                {"field_id": fields["service_line"], "path": "properties.odd", "transform": "none"},
            ],
        )["results"]
        self.assertIn("Won", found[fields["stage"]]["odoo"])
        self.assertEqual(found[fields["customer"]]["odoo"], "Company 5")
        self.assertIn("Signed off", found[fields["service_line"]]["problem"])

    def test_payloads_are_for_those_who_may_read_them_and_reading_is_kept(self):
        for user in (self.viewer, self.resolver, self.approver):
            mapping = self.mapping.with_user(user)
            self.assertEqual(mapping.get_data_editor()["samples"], [])
            with self.subTest(user.login), self.assertRaises(AccessError):
                mapping.get_data_preview(self.message.id, [])
        self.preview()
        self.preview()
        rows = self.env["hub.audit"].search(
            [("action", "=", "read_payload"), ("message_id", "=", self.message.id)]
        )
        self.assertEqual(rows.user_id, self.manager)
        self.assertEqual(len(rows), 1, "once an hour, not with each key")
        sample = self.mapping.with_user(self.manager).get_data_editor()["samples"][0]
        states = dict(self.message._fields["state"]._description_selection(self.env))
        self.assertEqual(sample["name"], f"77 · {states[self.message.state]}")
        self.preview(user=self.auditor)
        self.assertFalse(self.mapping.with_user(self.auditor).get_data_editor()["can_edit"])

    def test_the_payload_of_a_record_that_one_may_not_read_is_not_shown(self):
        self.drain()
        self.env["ir.rule"].create(
            {
                "name": "not this partner",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": [("id", "!=", self.message.res_id)],
            }
        )
        self.message = self.work(self._company("8"))
        self.env["ir.rule"].search([("name", "=", "not this partner")]).domain_force = [
            ("id", "!=", self.message.res_id)
        ]
        self.env.registry.clear_cache()
        with self.assertRaises(AccessError):
            self.preview()

    def test_a_message_of_another_system_or_entity_is_refused(self):
        other = self._make_system("Other", account_ref="2")
        contact = self.receive(self._contact("c1"))
        foreign = HubCase.receive(self, self._company("9"), system=other)
        for message in (contact, foreign, self.env["hub.message"]):
            with self.assertRaises(UserError):
                self.mapping.with_user(self.manager).get_data_preview(message.id or 10**9, [])

    def test_what_is_saved_is_what_was_seen_and_nothing_bad_is_saved(self):
        lines = [
            {"id": line.id, "field_id": line.field_id.id, "path": line.path, "transform": line.transform,
             "argument": line.argument or ""}
            for line in self.mapping.line_ids
        ]  # fmt: skip
        gone = self.mapping.line_ids.filtered(lambda line: line.field_id.name == "website")
        lines = [line for line in lines if line["id"] != gone.id]
        changed = next(line for line in lines if line["field_id"] == self.field("name").id)
        changed["transform"] = "upper"
        revision = self.mapping.revision
        lines.append(self.line("city", "properties.town"))
        self.mapping.with_user(self.manager).action_save_editor(lines)
        self.assertFalse(gone.exists())
        self.assertGreater(self.mapping.revision, revision)
        self.work(self._company("11", town="Ulm"))
        partner = self.partner_of("11")
        self.assertEqual((partner.name, partner.city), ("COMPANY 11", "Ulm"))
        with self.assertRaises(ValidationError):
            self.mapping.with_user(self.manager).action_save_editor(
                [*lines[:-1], self.line("phone", "a.[")]
            )
        with self.assertRaises(AccessError):
            self.mapping.with_user(self.resolver).action_save_editor(lines)

    def test_a_line_that_reads_a_whole_record_through_an_expression_stays_small(self):
        message = self.receive_payload("12", name="n", notes="x" * 30000)
        found = self.preview(self.line("name", "", "expression", "record"), message=message)
        shown = found["results"][self.field("name").id]
        self.assertTrue(shown["problem"])
        self.assertLess(len(json.dumps(shown)), 1000)


@tagged("post_install", "-at_install")
class TestMappingEditorTour(EditorCase, HubBrowser):
    def test_a_value_is_picked_from_a_payload_and_saved(self):
        self.start_tour(
            f"/odoo/hub-mappings/{self.mapping.id}",
            "hub_mapping_editor",
            login="hub_manager",
            timeout=180,
        )
        self.env.invalidate_all()
        lines = {line.field_id.name: line.path for line in self.mapping.line_ids}
        self.assertEqual((lines["city"], lines["phone"]), ("properties.town", "properties.phone"))
