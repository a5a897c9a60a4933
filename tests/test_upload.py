import base64
import json

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .hub_common import HubCase


class UploadMixin:
    """A resolver (``rita``) and her files for a stream (``stream``); goes in front of a test case of the engine."""

    def _wizard(self, text, stream=None, user=None, **options):
        data = text if isinstance(text, bytes) else text.encode()
        wizard = (
            self.env["hub.upload.wizard"]
            .with_user(user or self.rita)
            .create(
                {
                    "stream_id": (stream or self.stream).id,
                    "file": base64.b64encode(data),
                    "file_name": "customers.csv",
                    **options,
                }
            )
        )
        wizard.action_check()
        return wizard

    def _upload(self, text, **options):
        action = self._wizard(text, **options).action_upload()
        messages = self.env["hub.message"].search(action["domain"])
        self.drain()
        return messages


@tagged("post_install", "-at_install")
class TestUpload(UploadMixin, HubCase):
    """A file takes the same way as a product's records, and is judged line by line before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rita = cls._make_role("upload-rita", "resolver")
        cls.viewer = cls._make_role("upload-viewer", "viewer")
        cls.stream = cls._stream("customer")

    @classmethod
    def _stream(cls, entity, direction="in"):
        return cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.entity_id.code == entity and s.direction == direction
        )

    def test_canonical_columns_become_records(self):
        messages = self._upload("external_id,name,city\n71,Ann Works,Bonn\n72,Bob Works,\n")
        self.assertStates(messages, "done", "done")
        self.assertEqual(self.partner_of("71").city, "Bonn")
        self.assertEqual(self.partner_of("72").name, "Bob Works")

    def test_paths_of_the_product_become_its_payload(self):
        (message,) = self._upload("id;properties.name;properties.city\n71;Ann Works;Köln\n")
        self.assertEqual(self.partner_of("71").city, "Köln")
        payload = json.loads(message.sudo().payload_id.text)
        self.assertEqual(payload, {"id": "71", "properties": {"name": "Ann Works", "city": "Köln"}})

    def test_the_same_row_again_changes_nothing(self):
        text = "id,name\n71,Ann Works\n"
        self.assertStates(self._upload(text), "done:applied")
        self.assertStates(self._upload(text), "skipped:unchanged")

    def test_what_was_true_before_can_be_true_again(self):
        for city in ("Bonn", "Berlin", "Bonn"):
            self._upload(f"id,name,city\n71,Ann Works,{city}\n")
            self.assertEqual(self.partner_of("71").city, city)

    def test_one_form_is_taken_once_and_says_so(self):
        wizard = self._wizard("id,name\n71,Ann Works\n72,Bob Works\n")
        wizard.action_upload()
        again = wizard.action_upload()
        self.assertIn("2 of 2 rows", again["params"]["message"])
        self.assertFalse(self.env["hub.message"].search(again["params"]["next"]["domain"]))
        self.drain()
        self.assertEqual(self.env["hub.message"].search_count([("direction", "=", "in")]), 2)

    def test_rows_of_files_and_records_of_the_product_do_not_stand_for_each_other(self):
        self.work(self._company("71", 1, name="Ann Works"))
        first = self.receive(
            self._company("71", 5, name="Ann Smith", city="Bonn", zip="53111"), lane=None
        )
        self._wizard("id,city\n71,Berlin\n").action_upload()
        self._wizard("id,zip\n71,10115\n").action_upload()
        self.drain()
        self.later(120)
        self.drain()
        messages = self.env["hub.message"].search([("id", ">=", first.id)], order="id")
        self.assertStates(messages, "done", "done", "done")
        partner = self.partner_of("71")
        self.assertEqual(
            (partner.name, partner.city, partner.zip), ("Ann Smith", "Berlin", "10115")
        )

    def test_a_row_does_not_close_what_a_person_has_to_decide_about_the_product_s_record(self):
        failed = self.work(self._company("71", 5, name="Ann Works", country="Atlantis"))
        self._upload("id,name,city\n71,Ann Works,Berlin\n")
        self.assertStates(failed, "failed")
        self.assertEqual(self.partner_of("71").city, "Berlin")

    def test_a_row_closes_what_a_person_has_to_decide_about_an_earlier_row_of_its_own_columns_only(
        self,
    ):
        other = self._upload("id,name,country\n71,Ann Works,Atlantis\n")
        self.assertExplained(other, "unknown_country")
        self._upload("id,name,phone\n71,Ann Works,+16175550100\n")
        self.assertStates(other, "failed")
        self._upload("id,name,country,city\n71,Ann Works,Germany,Berlin\n")
        self.assertStates(other, "skipped:superseded")
        self.assertFalse(self.issues())
        partner = self.partner_of("71")
        self.assertEqual((partner.country_id.code, partner.phone), ("DE", "+16175550100"))

    def test_a_column_leaves_what_was_agreed_about_the_others(self):
        values = {"name": "Ann Works", "zip": "53111"}
        self.work(self._company("71", 1, city="Bonn", **values))
        self._upload("id,city\n71,Berlin\n")
        partner = self.partner_of("71")
        self.assertEqual(partner.city, "Berlin")
        editor = self._make_role("upload-editor", "resolver", "base.group_partner_manager")
        partner.with_user(editor).zip = "99999"
        message = self.work(self._company("71", 2, city="Berlin", phone="+16175550100", **values))
        self.assertStates(message, "done:applied")
        self.assertEqual((partner.phone, partner.zip), ("+16175550100", "99999"))
        written = self.env["hub.audit"].search([("message_id", "=", message.id)]).value_ids.body
        self.assertEqual(set(written), {"phone"})

    def test_a_file_is_never_the_newest(self):
        field = self.env.ref("lead_to_cash_hub.field_customer_city")
        self.env["hub.ownership"].set_rule(field.id, "newest", False)
        self.work(self._company("71", 1, name="Ann Works", city="Bonn"))
        editor = self._make_role("upload-editor", "resolver", "base.group_partner_manager")
        partner = self.partner_of("71")
        partner.with_user(editor).city = "Berlin"
        self.env.flush_all()
        message = self._upload("id,city\n71,Hamburg\n")
        self.assertEqual(partner.city, "Berlin")
        self.assertExplained(message, "merge_conflict")

    def test_what_the_product_brings_later_is_the_same_record(self):
        self._upload("id,name,city\n71,Ann Works,Bonn\n")
        partner = self.partner_of("71")
        self.work(self._company("71", 1, name="Ann Works", city="Berlin"))
        self.assertEqual(self.partner_of("71"), partner)
        self.assertEqual(partner.city, "Berlin")

    def test_a_file_with_few_columns_changes_only_these(self):
        self.work(self._company("71", 1, name="Ann Works", city="Bonn", zip="53111"))
        self._upload("id,city\n71,Berlin\n")
        partner = self.partner_of("71")
        self.assertEqual(
            (partner.name, partner.city, partner.zip), ("Ann Works", "Berlin", "53111")
        )

    def test_references_are_ids_of_the_product(self):
        self.work(self._company("71"))
        fields = self.env["hub.upload"]._column_kinds(self._stream("contact"))
        reference = next(name for name, kind in fields.items() if kind == "ref:customer")
        required = [f.name for f in self._stream("contact").entity_id.field_ids if f.required]
        self._upload(
            f"id,{reference},{','.join(required)},email\n81,71,{','.join('x' for _ in required)},a@b.example\n",
            stream=self._stream("contact"),
        )
        self.assertEqual(self.partner_of("81", "contact").parent_id, self.partner_of("71"))

    def test_faults_are_told_by_line_and_the_good_rows_go_on(self):
        wizard = self._wizard(
            "id,name,email\n71,Ann,no address\n,Bob,\n73,,\n74,Dora,d@x.example\n"
        )
        self.assertEqual((wizard.good_count, wizard.bad_count), (1, 3))
        faults = {line.number: line.fault for line in wizard.line_ids if line.fault}
        self.assertEqual(set(faults), {2, 3, 4})
        self.assertIn("no address", faults[2])
        self.assertIn("missing", faults[4])
        action = wizard.action_upload()
        self.assertEqual(self.env["hub.message"].search_count(action["domain"]), 1)

    def test_what_is_no_table_is_told_in_a_sentence(self):
        for text, words in (
            ("\n", "no rows"),
            ("name\nAnn\n", "external_id"),
            ("id,colour\n1,red\n", "No column is a field"),
            (b"\x00\x01", "not CSV"),
            ("id,name\n1,Ann,Lee\n", "more cells"),
        ):
            wizard = self._wizard(text)
            self.assertEqual(wizard.state, "choose")
            self.assertIn(words, wizard.fault_text)
            with self.assertRaises(UserError):
                wizard.action_upload()

    def test_unused_columns_are_named(self):
        wizard = self._wizard("id,name,colour\n1,Ann,red\n")
        self.assertIn("colour", wizard.found_text)

    def test_who_may_upload_and_where(self):
        with self.assertRaises(AccessError):
            self._wizard("id,name\n1,Ann\n", user=self.viewer)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._make_role("upload-stranger", "resolver", company=other)
        with self.assertRaises(AccessError):
            self._wizard("id,name\n1,Ann\n", user=stranger)
        with self.assertRaises(UserError):
            self._wizard("id,name\n1,Ann\n", stream=self._stream("customer", "out"))
        self.stream.active = False
        with self.assertRaises(UserError):
            self._wizard("id,name\n1,Ann\n")

    def test_what_is_booked_or_approved_asks_for_the_uploader_s_own_right(self):
        manager = self._make_role("upload-manager", "manager")
        streams = self._make_product("stripe", "https://api.stripe.com").stream_ids
        streams |= self._make_product("harvest", "https://api.harvestapp.com").stream_ids
        streams = streams.filtered(lambda s: s.direction == "in")
        streams.active = True
        upload = self.env["hub.upload"]
        for code, right in (
            ("payment", "account.group_account_invoice"),
            ("refund", "account.group_account_invoice"),
            ("time_entry", "hr_timesheet.group_hr_timesheet_approver"),
            ("expense", "hr_timesheet.group_hr_timesheet_approver"),
        ):
            stream = streams.filtered(lambda s, code=code: s.entity_id.code == code)
            with self.assertRaisesRegex(AccessError, "integration manager"):
                self._wizard("id,amount,currency\n1,5,EUR\n", stream=stream)
            entitled = self._make_role(f"upload-{code}", "resolver", right)
            for user in (entitled, manager):
                upload.with_user(user)._require(stream.with_user(user))

    def _make_product(self, product, url):
        return (
            self.env["hub.system"]
            .with_context(active_test=False)
            .create(
                {
                    "name": product,
                    "product": product,
                    "base_url": url,
                    "company_ids": [Command.set(self.company.ids)],
                }
            )
        )

    def test_a_file_is_taken_while_the_system_is_paused_and_waits(self):
        self.system.action_pause()
        messages = self._upload("id,name\n71,Ann Works\n")
        self.assertStates(messages, "pending")
        self.system.action_resume()
        self.drain()
        self.assertStates(messages, "done")

    def test_the_upload_is_kept_in_the_audit_without_its_values(self):
        self._upload("id,name\n71,Ann Works\n")
        audit = self.env["hub.audit"].search([("action", "=", "upload")])
        self.assertEqual((audit.user_id, audit.system_id), (self.rita, self.system))
        self.assertEqual(audit.value_ids.body, {"file": "customers.csv", "records": 1, "new": 1})

    def test_the_form_offers_only_inbound_streams(self):
        with Form(self.env["hub.upload.wizard"].with_user(self.rita)) as form:
            form.stream_id = self.stream
            form.file = base64.b64encode(b"id,name\n1,Ann\n")
            self.assertIn("external_id, ", form.columns_text)
