"""A product that the code does not know: declared in forms, then records flow both ways."""

import base64
import json
from datetime import datetime, timedelta, timezone

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged

from sandbox.bureau import declaration

from ..connectors import documents
from .declared_common import DeclaredMixin

PUBLIC = "https://hub.firm.example"


@tagged("post_install", "-at_install")
class TestDeclared(DeclaredMixin, HttpCase):
    """Bureau, from its OpenAPI file to flowing records."""

    def setUp(self):
        super().setUp()
        self._start_engine()
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", PUBLIC)
        self._serve_bureau()
        self.connector = self._declare()
        self.system = self._connect(self.connector)

    # -- hands -----------------------------------------------------------------------------------

    def _customers(self):
        """Customers flow in: mapped, switched on."""
        self._map(self.system, "customer", name="trading_name", vat="tax_id", email="mail",
                  city="address.town", zip="address.post_code", country="address.nation")  # fmt: skip
        self._stream(self.system, "customer").action_switch_on()

    def _two_way(self):
        """Customers flow out as well; that a name may be written back is decided by an admin."""
        field = self._entity("customer").field_ids.filtered(lambda f: f.name == "name")
        field.direction = "both"
        rule = self.env["hub.ownership"].search([("field_id", "=", field.id)])
        rule.rule = "hold"
        self._map(self.system, "customer", "out", name="trading_name",
                  balance="ledger.outstanding", overdue="ledger.overdue")  # fmt: skip
        self.system.action_grant_write_back()
        self._stream(self.system, "customer", "out").action_switch_on()
        self.env.flush_all()

    def _firm(self, name):
        partner = self.env["res.partner"].create({"name": name, "is_company": True})
        self.env.flush_all()
        return partner

    def _out(self):
        return self.env["hub.message"].search(
            [("system_id", "=", self.system.id), ("direction", "=", "out")], order="id"
        )

    def _poll(self):
        self.env["hub.cursor"]._poll_now(self.system.stream_ids)
        self.env.flush_all()
        self.drain()

    def _note(self, about, number, **how):
        """A signed note of Bureau at the real door."""
        note = {"note_no": f"n-{about}-{number}", "about": about, "number": number}
        body = json.dumps({"office": how.pop("office", "OFFICE-7"), "notes": [note]}).encode()
        secret = how.pop("secret", "bureau-note-secret")
        headers = self.bureau.webhook_headers("", body, datetime.now(timezone.utc), secret)
        return self.opener.post(
            f"{self.base_url()}/hub/webhook/{self.system.webhook_token}",
            data=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=30,
        )

    # -- connecting ------------------------------------------------------------------------------

    def test_the_file_and_the_forms_connect_it(self):
        self.assertEqual(self.system.state, "connected", self.system.check_text)
        self.assertEqual(self.system.base_url, f"{self.url}/api/2")
        self.assertIn("OFFICE-7", self.system.check_text)
        self.assertEqual(
            dict(self.system._fields["product"]._description_selection(self.env))["bureau"],
            "Bureau",
        )
        codes = {(s.entity_id.code, s.direction) for s in self.system.all_stream_ids}
        self.assertLessEqual({("customer", "in"), ("customer", "out"), ("time_entry", "in")}, codes)
        self.assertFalse(
            any(self.system.all_stream_ids.mapped("active")), "nothing moves by itself"
        )
        self.assertEqual(self.system.limit_ids.calls, 60)
        # what the file described is proposed as a mapping, and copied to the system
        lines = self.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        self.assertEqual(
            lines.line_ids.filtered(lambda line: line.field_id.name == "name").path, "trading_name"
        )

    def test_an_export_is_what_was_declared_and_can_be_read_again(self):
        text = self.connector.text
        again = documents.read(text.encode())
        self.assertEqual(again, self.connector.declaration)
        self.assertNotIn("bureau-sandbox-key", text)
        self.connector.stream_ids.filtered(lambda s: s.entity_id.code == "project").active = False
        self.assertNotIn("/jobs", [s["path"] for s in self.connector.declaration["streams"]])
        back = self._import(text.encode())
        self.assertEqual(back, self.connector)
        self.assertEqual(self.connector.declaration, again)

    def test_one_file_declares_all_of_it(self):
        """How it speaks, what it maps, its words and the processes it takes part in: nothing else is entered."""
        document = declaration(self.url) | {"code": "bureau_two", "name": "Bureau Two"}
        connector = self._import(document)
        system = self._connect(connector)
        self.assertEqual(system.state, "connected", system.check_text)
        self.assertFalse(any(system.all_stream_ids.mapped("active")), "nothing moves by itself")
        booked = self._stream(system, "time_entry")
        self.assertEqual(
            booked.process_id, self.env.ref("lead_to_cash_hub.process_time_to_invoice")
        )
        person = self.env["hr.employee"].create(
            {"name": "Ann", "work_email": "ann@firm.example", "company_id": self.company.id}
        )
        project = self.env["project.project"].create({"name": "Rollout", "allow_timesheets": True})
        self.bureau.seed(clients=[{"trading_name": "Mill", "address": {"nation": "Germany"}}])
        staff = self.bureau.seed(staff=[{"full_name": "Ann", "mail": "ann@firm.example"}])["staff"][
            0
        ]
        job = self.bureau.seed(jobs=[{"title": "Rollout"}])["jobs"][0]
        self.env["hub.claim.wizard"].create(
            {"res_model": "project.project", "res_id": project.id, "system_id": system.id,
             "entity_id": self._entity("project").id, "external_id": job, "look_up": True}
        ).action_claim()  # fmt: skip
        booking = self.bureau.seed(
            bookings=[{"job_no": job, "staff_no": staff, "hours": "1.50", "text": "Design",
                       "status": "signed", "billable": False}]
        )["bookings"][0]  # fmt: skip
        for codes in (("customer", "employee"), ("time_entry",)):
            for code in codes:
                self._stream(system, code).action_switch_on()
            self.env["hub.cursor"]._poll_now(system.stream_ids)
            self.env.flush_all()
            self.drain()
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
        link = self.env["hub.link"].search([("external_id", "=", booking)])
        entry = self.env["account.analytic.line"].browse(link.res_id)
        self.assertEqual(
            (entry.employee_id, entry.unit_amount, entry.hub_approval), (person, 1.5, "approved")
        )
        mill = self.env["res.partner"].search([("name", "=", "Mill")])
        self.assertEqual(mill.country_id.code, "DE")

    def test_the_file_that_is_exported_is_the_one_that_was_read(self):
        document = declaration(self.url) | {"code": "bureau_two", "name": "Bureau Two"}
        connector = self._import(document)
        exported = documents.read(self._exported(connector))
        self.assertEqual(exported["presets"], document["presets"])
        # read again, it changes nothing and doubles nothing
        self.assertEqual(self._import(exported), connector)
        self.assertEqual(documents.read(self._exported(connector)), exported)

    def _exported(self, connector):
        action = connector.action_export()
        wizard = self.env["hub.connector.export"].browse(int(action["url"].split("/")[4]))
        return base64.b64decode(wizard.file)

    def test_a_file_that_names_what_is_not_there_says_all_of_it(self):
        document = declaration(self.url) | {"code": "bureau_two", "name": "Bureau Two"}
        document["presets"] = {
            "mappings": [{"entity": "customer", "direction": "in", "lines": [{"field": "shoe_size", "path": "a"}]}],
            "words": [{"vocabulary": "approval_state", "term": "perhaps", "word": "x"}],
            "processes": [{"entity": "spaceship", "direction": "in", "process": "reporting"}],
        }  # fmt: skip
        with self.assertRaises(ValidationError) as error, self.env.cr.savepoint():
            self._import(document)
        for words in ("“shoe_size” of Customer", "“perhaps”", "“spaceship”"):
            self.assertIn(words, str(error.exception))
        document["presets"] = {"mappings": [{"entity": "customer", "direction": "up", "lines": []}]}
        with self.assertRaisesRegex(ValidationError, "is none of"), self.env.cr.savepoint():
            self._import(document)
        self.assertFalse(self.env["hub.connector"]._named("bureau_two"))

    def test_a_page_is_looked_at_before_anything_moves(self):
        self.bureau.seed(clients=[{"trading_name": "Mill", "address": {"town": "Leeds"}}, {}])
        stream = self._stream(self.system, "customer")
        look = self.env["hub.look"].browse(stream.action_look()["res_id"]).with_user(self.admin)
        self.assertEqual((look.count, look.fault), (2, False))
        self.assertIn("Mill", look.line_ids[0].result)
        self.assertIn("missing", look.line_ids[1].problems)
        self.assertFalse(self.env["hub.message"].search([("system_id", "=", self.system.id)]))
        # the mapping editor shows the record, and what lines that are not saved make of it
        mapping = look.mapping_id
        field = mapping.entity_id.field_ids.filtered(lambda f: f.name == "city")
        sample = next(
            s for s in mapping.get_data_editor()["samples"] if s["id"] == -look.line_ids[0].id
        )
        shown = mapping.get_data_preview(
            sample["id"], [{"field_id": field.id, "path": "address.town", "transform": "none"}]
        )
        self.assertEqual(shown["results"][field.id]["value"], "Leeds")
        with self.assertRaises(UserError):
            mapping.with_user(self.manager).get_data_preview(sample["id"], [])
        # kept for the next system of the product
        mapping.line_ids = [Command.create({"field_id": field.id, "path": "address.town"})]
        look.action_keep()
        other = self._connect(self.connector)
        kept = other.mapping_ids.filtered(
            lambda m: m.entity_id.code == "customer" and m.direction == "in"
        )
        self.assertIn("address.town", kept.line_ids.mapped("path"))

    def test_a_look_says_what_is_wrong(self):
        self.connector.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer"
        ).items = "nowhere"
        look = self.env["hub.look"].browse(
            self._stream(self.system, "customer").action_look()["res_id"]
        )
        self.assertIn("no list where the declaration says", look.fault)
        self.system.action_test_connection()
        self.assertIn("no list where the declaration says", self.system.check_text)

    # -- in --------------------------------------------------------------------------------------

    def test_customers_come_in_changed_and_struck_off(self):
        self._customers()
        numbers = self.bureau.seed(
            clients=[{"trading_name": f"Unlike {'abcdefg'[n] * 9}", "mail": f"a@n{n}.example",
                      "address": {"town": "Leeds", "nation": "GB"}} for n in range(3)]
        )["clients"]  # fmt: skip
        self._poll()
        partner = self.partner_of(numbers[0])
        self.assertEqual((partner.city, partner.country_id.code), ("Leeds", "GB"))
        self.bureau.change("clients", numbers[0], address={"town": "York"})
        self.bureau.strike(numbers[1])
        self._poll()
        self.assertEqual(partner.city, "York")
        gone = self.env["hub.message"].search(
            [("external_id", "=", numbers[1]), ("action", "=", "delete")]
        )
        self.assertExplained(gone, "deleted_at_source")
        self.assertTrue(self.partner_of(numbers[1]).active, "quarantined, never deleted")

    def test_time_comes_in_by_words_and_links(self):
        self._map(self.system, "employee", name="full_name", email="mail", active="active")
        self._map(self.system, "time_entry", project="job_no", employee="staff_no", date="day",
                  hours="hours", note="text", approval="status", billable="billable")  # fmt: skip
        person = self.env["hr.employee"].create(
            {"name": "Ann Lee", "work_email": "ann@firm.example", "company_id": self.company.id}
        )
        project = self.env["project.project"].create(
            {"name": "Rollout", "allow_timesheets": True, "company_id": self.company.id}
        )
        staff = self.bureau.seed(staff=[{"full_name": "Ann Lee", "mail": "ann@firm.example"}])[
            "staff"
        ][0]
        job = self.bureau.seed(jobs=[{"title": "Rollout"}])["jobs"][0]
        booking = self.bureau.seed(
            bookings=[{"job_no": job, "staff_no": staff, "hours": "1.50", "text": "Design",
                       "status": "signed", "billable": False}]
        )["bookings"][0]  # fmt: skip
        for code in ("employee", "time_entry"):
            self._stream(self.system, code).action_switch_on()
        self._poll()
        self.assertTrue(self.issues("unknown_term"), "the product's own word is asked about once")
        vocabulary = self.env["hub.vocabulary"].search([("code", "=", "approval_state")])
        approved = vocabulary.term_ids.filtered(lambda term: term.code == "approved")
        self.env["hub.vocabulary.word"].create(
            {"term_id": approved.id, "word": "signed", "system_id": self.system.id}
        )
        self.env["hub.claim.wizard"].create(
            {"res_model": "project.project", "res_id": project.id, "system_id": self.system.id,
             "entity_id": self._entity("project").id, "external_id": job, "look_up": True}
        ).action_claim()  # fmt: skip
        message = self.env["hub.message"].search([("external_id", "=", booking)])
        message._replay("the word and the project are known now")
        self.drain()
        self.assertEqual(message.state, "done", message.explanation)
        link = self.env["hub.link"].search([("external_id", "=", booking)])
        entry = self.env["account.analytic.line"].browse(link.res_id)
        self.assertEqual((entry.employee_id, entry.project_id), (person, project))
        self.assertEqual(entry.unit_amount, 1.5)

    def test_a_webhook_is_read_and_applied_and_nothing_unproved_is_taken(self):
        self._customers()
        number = self.bureau.seed(clients=[{"trading_name": "Mill Lane"}])["clients"][0]
        self.assertEqual(self._note("client.changed", number, secret="wrong").status_code, 401)
        self.assertEqual(self._note("client.changed", number, office="OFFICE-8").status_code, 403)
        self.assertFalse(self.env["hub.message"].search([("system_id", "=", self.system.id)]))
        answer = self._note("client.changed", number)
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(self._note("client.changed", number).status_code, 200)
        self.env.invalidate_all()
        self.system.stream_ids.poll = False
        self.drain()
        messages = self.env["hub.message"].search([("system_id", "=", self.system.id)])
        self.assertStates(messages, "done")
        self.assertEqual(self.partner_of(number).name, "Mill Lane")

    def test_the_door_learns_of_a_changed_declaration_at_once(self):
        number = self.bureau.seed(clients=[{"trading_name": "Mill"}])["clients"][0]
        self.assertEqual(self._note("client.changed", number).status_code, 200)
        self.connector.webhook_kind = "none"
        self.env.flush_all()
        self.assertEqual(self._note("client.changed", f"{number}0").status_code, 401)

    # -- out -------------------------------------------------------------------------------------

    def test_a_customer_goes_out_once_whatever_happens_to_the_answer(self):
        self._two_way()
        self.bureau.faults.add({"kind": "reset_after", "method": "POST"})
        partner = self._firm("Mill Lane Brewery")
        self.drain()
        self.assertStates(self._out(), "pending:error_unknown")
        self.later()
        self.drain()
        self.assertStates(self._out(), "done")
        (row,) = self.bureau.rows["clients"].values()
        self.assertEqual(row["trading_name"], "Mill Lane Brewery")
        self.assertEqual(self.partner_of(row["client_no"]), partner)

    def test_a_product_that_finds_its_records_late_gets_none_twice(self):
        self._two_way()
        customers = self.connector.write_ids.filtered(lambda w: w.entity_id.code == "customer")
        customers.look_up_lag = 8
        self.bureau.settings["search_lag"] = 5
        self.bureau.faults.add({"kind": "reset_after", "method": "POST"})
        self._firm("Mill Lane Brewery")
        self.drain()
        out = self._out()
        self.assertStates(out, "pending:error_unknown")
        self.env.cr.execute(
            """SELECT extract(epoch FROM next_attempt_at - clock_timestamp() AT TIME ZONE 'UTC') > 8,
                      (SELECT state FROM hub_circuit WHERE system_id = m.system_id)
                 FROM hub_message m WHERE id = %s""",
            out.ids,
        )
        self.assertEqual(self.env.cr.fetchone()[0], True, "it is not looked for before")
        # A worker that took over at once, or a person who was quick, asks too early.
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = %s",
            out.ids,
        )
        self.env.invalidate_all()
        self.drain()
        self.assertStates(out, "pending:error_unknown")
        self.assertEqual(len(self.bureau.rows["clients"]), 1)
        self.env.cr.execute("SELECT DISTINCT state FROM hub_circuit")
        self.assertNotIn(("open",), self.env.cr.fetchall())
        self.bureau.offset += timedelta(seconds=30)
        self.later(30)
        self.drain()
        self.assertStates(out, "done")
        self.assertEqual(len(self.bureau.rows["clients"]), 1, "and none is made again")

    def test_a_change_goes_out_and_what_came_in_is_no_change(self):
        self._customers()
        self._two_way()
        number = self.bureau.seed(clients=[{"trading_name": "Mill"}])["clients"][0]
        self._poll()
        self.drain()
        bodies = [call["body"] for call in self.bureau.journal if call["method"] == "PATCH"]
        self.assertIn("outstanding", bodies[0], "what only Odoo knows goes out")
        self.assertNotIn("trading_name", "".join(bodies), "what came in does not go back")
        self.partner_of(number).name = "Mill Lane"
        self.env.flush_all()
        self.drain()
        row = self.bureau.rows["clients"][number]
        self.assertEqual(row["trading_name"], "Mill Lane")
        self.assertEqual(float(row["ledger"]["outstanding"]), 0.0)

    def test_too_many_calls_wait_as_long_as_the_product_says(self):
        self._two_way()
        self.bureau.faults.add(
            {"kind": "status", "status": 429, "method": "POST", "headers": {"Retry-After": "3000"}}
        )
        self._firm("Mill Lane Brewery")
        self.drain()
        self.assertStates(self._out(), "pending:error_rate")
        before = len(self.bureau.journal)
        self.drain()
        self.assertEqual(len(self.bureau.journal), before, "nobody calls before")
        self.later()
        self.drain()
        self.assertStates(self._out(), "done")

    def test_an_error_is_said_in_the_words_of_the_declaration(self):
        self._two_way()
        self.bureau.faults.add({"kind": "status", "status": 422, "method": "POST"})
        self._firm("Mill Lane Brewery")
        self.drain()
        exception = self.assertExplained(self._out(), "error_data")
        self.assertEqual(exception.sentence, "Bureau: Bureau does not take the name.")

    def test_nothing_leaves_that_nobody_granted(self):
        self._map(self.system, "customer", "out", balance="ledger.outstanding")
        self._stream(self.system, "customer", "out").action_switch_on()
        self._firm("Mill Lane Brewery")
        self.drain()
        self.assertFalse(self.bureau.rows["clients"])

    # -- the forms -------------------------------------------------------------------------------

    def test_what_cannot_work_is_refused_in_sentences(self):
        for values, words in (
            ({"base_url": "ftp://bureau.example"}, "no address of an API"),
            ({"sign_in_name": False}, "this is needed"),
            ({"headers": "Authorization: Bearer x"}, "proves who we are"),
            ({"webhook_signed": "{timestamp}"}, "has to hold {body} once"),
            ({"test_path": "https://evil.example/me"}, "is no path"),
        ):
            with self.assertRaises(ValidationError) as error, self.env.cr.savepoint():
                self.connector.write(values)
            self.assertIn(words, str(error.exception))
        write = self.connector.write_ids.filtered(lambda w: w.entity_id.code == "customer")
        with self.assertRaises(ValidationError) as error, self.env.cr.savepoint():
            write.look_up_parameter = False
        self.assertIn("would double the record", str(error.exception))
        self.assertIn("(Customer)", str(error.exception))
        stream = self.connector.stream_ids[0]
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            stream.path = "/a/../../etc"
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            stream.copy()

    def test_a_connector_in_use_stays(self):
        for act in (self.connector.unlink, lambda: self.connector.write({"active": False})):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                act()
        with self.assertRaises(UserError):
            self.connector.code = "other"

    def test_a_system_of_an_unknown_product_is_refused(self):
        with self.assertRaises(UserError):
            self.env["hub.system"].create(
                {"name": "x", "product": "no_such_product", "base_url": "https://x.example"}
            )

    def test_each_change_is_kept(self):
        self.connector.scope = "read"
        audit = self.env["hub.audit"].search(
            [("res_model", "=", "hub.connector"), ("res_id", "=", self.connector.id)], limit=1
        )
        self.assertEqual(audit.action, "declare")
        self.assertIn("sign_in", self.connector.message_ids[:1].body)

    def test_declared_in_the_form_alone(self):
        form = Form(self.env["hub.connector"].with_user(self.admin))
        form.name, form.code, form.base_url = "Plain", "plain", "https://plain.example"
        form.sign_in_kind = "bearer"
        with form.stream_ids.new() as stream:
            stream.entity_id, stream.path = self._entity("customer"), "/people"
        connector = form.save()
        self.assertEqual(connector.declaration["sign_in"], {"kind": "bearer"})
        copied = connector.copy()
        self.assertNotEqual(copied.code, connector.code)
        connector.unlink()
