"""Abuse: what a source writes into a name, a link or a note stays text wherever it is shown or exported."""

import io
import json

from odoo import http
from odoo.addons.web.controllers.export import CSVExport
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import HttpCase, tagged
from openpyxl import load_workbook

from .hub_common import HubCase
from .view_common import HubBrowser

EVIL = '<img src=x onerror="window.hubPwned=1">'
FIXED = '<div style="position:fixed;top:0;left:0;width:100%;height:100%">now</div>'
REMOTE = '<img src="https://tracker.example/p.gif">'
FORMULAS = ('=HYPERLINK("http://evil.example","x")', "+1+cmd", "-1+cmd", "@SUM(1)", "\t=1", "\r=1")


@tagged("post_install", "-at_install")
class TestMarkup(HubCase):
    def setUp(self):
        super().setUp()
        self.entity = self.env.ref("lead_to_cash_hub.entity_customer")
        field = self.env["hub.entity.field"].create(
            {"entity_id": self.entity.id, "name": "notes", "label": "Notes", "kind": "text",
             "binding": "field", "odoo_field": "comment"}
        )  # fmt: skip
        mapping = self.system.mapping_ids.filtered(
            lambda m: m.entity_id == self.entity and m.direction == "in"
        )
        self.env["hub.mapping.line"].create(
            {"mapping_id": mapping.id, "field_id": field.id, "path": "properties.notes"}
        )

    def test_styles_and_remote_images_of_a_note_are_text(self):
        for number, note in enumerate((EVIL, FIXED, REMOTE), 1):
            with self.subTest(note):
                self.work(self._company(str(number), notes=note))
                comment = str(self.partner_of(str(number)).comment)
                self.assertIn("&lt;", comment)
                for tag in ("<img", "<div style", "<script"):
                    self.assertNotIn(tag, comment)

    def test_a_link_that_runs_a_script_is_no_web_address(self):
        for number, link in enumerate(("javascript:alert(1)", "JaVaScRiPt:alert(1)//x.example",
                                       "data:text/html,<b>x</b>", "vbscript:x"), 1):  # fmt: skip
            with self.subTest(link):
                message = self.work(self._company(str(number), website=link))
                self.assertExplained(message, "bad_value")
        self.assertStates(self.work(self._company("9", website="www.fine.example")), "done")
        self.assertStates(self.work(self._company("10", website="https://other.example/a")), "done")

    def test_names_are_escaped_in_the_chatter_and_in_every_report(self):
        self.work(self._company("1", name=EVIL))
        partner = self.partner_of("1")
        partner.message_post(body=self.env._("Renamed to %s", partner.name))
        self.assertNotIn("<img", partner.message_ids[0].body)
        failed = self.work(self._company("2", name=EVIL, country=EVIL))
        self.issues().message_post(body=self.issues().sentence)
        self.assertNotIn("<img", self.issues().message_ids[0].body)
        replay = self.env["hub.replay"]._of(failed, why=EVIL)
        self.assertIn("&lt;img", replay.plan_html)
        action = failed.action_simulate()
        simulation = self.env["hub.simulation"].browse(action["res_id"])
        simulation._run()
        for html in (replay.plan_html, simulation.report_html):
            self.assertNotIn("<img", str(html))


@tagged("post_install", "-at_install")
class TestExports(HubCase):
    """Lists of the hub and of the records it brought, as Odoo's own export makes files of them."""

    def setUp(self):
        super().setUp()
        self.work(*[self._company(str(n), name=f"{text} {n}") for n, text in enumerate(FORMULAS)])
        self.partners = self.partner_of("0")
        for number in range(1, len(FORMULAS)):
            self.partners |= self.partner_of(str(number))

    def cells(self, records, name):
        return [row[0] for row in records.export_data([name])["datas"]]

    def test_no_cell_begins_a_formula(self):
        words = self.env["hub.vocabulary.word"].create(
            [
                {"term_id": self.env.ref("lead_to_cash_hub.term_deal_stage_won").id,
                 "system_id": self.system.id, "word": f"{text} {number}"}
                for number, text in enumerate(FORMULAS)
            ]
        )  # fmt: skip
        for records, name in ((self.partners, "name"), (words, "word"), (words, "display_name")):
            for cell in self.cells(records, name):
                with self.subTest(f"{records._name}: {cell!r}"):
                    self.assertFalse(cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell)
        self.partners[0].phone = "+49301234567"
        self.assertEqual(
            self.cells(self.partners[0], "phone"), ["+49301234567"], "a number stays one"
        )

    def test_neither_in_a_csv_file(self):
        rows = self.partners.export_data(["name"])["datas"]
        text = CSVExport().from_data([], ["Name"], rows)
        for line in text.splitlines()[1:]:
            self.assertTrue(line.startswith("\"'"), line)


@tagged("post_install", "-at_install")
class TestExcel(HttpCase):
    """Odoo's own route, whatever the list: names of customers are read through records of any model."""

    def export(self, records, *names, groupby=()):
        """The file of a list, as the web client asks for it."""
        fields = [{"name": name, "label": name, "type": "char"} for name in names]
        data = {"model": records._name, "fields": fields, "ids": records.ids, "domain": [],
                "import_compat": False, "groupby": list(groupby)}  # fmt: skip
        answer = self.url_open(
            "/web/export/xlsx",
            data={"data": json.dumps(data), "csrf_token": http.Request.csrf_token(self)},
        )
        self.assertEqual(answer.status_code, 200, answer.text[:500])
        cells = [cell for row in load_workbook(io.BytesIO(answer.content)).active for cell in row]
        return [cell for cell in cells if cell.value is not None]

    def test_no_cell_and_no_heading_is_a_formula(self):
        evil = FORMULAS[0]
        customer = self.env["res.partner"].create({"name": evil, "is_company": True})
        employee = self.env["hr.employee"].create({"name": evil})
        project = self.env["project.project"].create({"name": evil, "partner_id": customer.id})
        note = self.env["account.analytic.line"].create(
            {"name": evil, "project_id": project.id, "employee_id": employee.id, "unit_amount": 1}
        )
        self.authenticate("admin", "admin")
        for records, names, groupby in (
            (note, ("name", "employee_id/name", "project_id"), ()),
            (note, ("name", "project_id"), ("partner_id", "employee_id")),
            (customer, ("display_name",), ("name",)),
            (employee, ("name",), ()),
            (project, ("name", "partner_id/name"), ("partner_id",)),
        ):
            with self.subTest(f"{records._name} by {groupby}"):
                cells = self.export(records, *names, groupby=groupby)
                texts = [cell for cell in cells if "HYPERLINK" in str(cell.value)]
                self.assertGreaterEqual(len(texts), len(names) + bool(groupby))
                self.assertEqual({cell.data_type for cell in cells}, {"s"}, "texts, no formula")


@tagged("post_install", "-at_install")
class TestNeutralized(HubCase):
    def test_a_neutralized_copy_holds_everything_and_knows_no_secret(self):
        stub = self._use_stub()
        waiting = self.receive(self._company("1"), self._notice("customer", "2"))
        stream = self.system.stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "customer"
        )
        stream.with_context(active_test=False).active = True
        self.env.flush_all()
        for query in get_neutralization_queries(["base", "lead_to_cash_hub"]):
            self.env.cr.execute(query)
        self.env.cr.execute(
            """INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')
               ON CONFLICT (key) DO UPDATE SET value = 'true'"""
        )
        self.env.registry.clear_all_caches()
        self.env.invalidate_all()
        with self.engine_env() as env:
            while env["hub.engine"]._once(online=not env["hub.epoch"]._held()):
                pass
        self.assertFalse(stub.calls, "nothing was read or sent")
        self.assertEqual(waiting[1].state, "received")
        for table, column in self._secret_columns():
            self.env.cr.execute(f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL")
            self.assertEqual(self.env.cr.fetchone()[0], 0, f"{table}.{column}")

    def _secret_columns(self):
        """Where secrets lie: looked for, so that a new place is not forgotten."""
        self.env.cr.execute(
            """SELECT table_name, column_name FROM information_schema.columns
                WHERE table_schema = current_schema() AND table_name LIKE 'hub\\_%'
                  AND (column_name LIKE '%envelope%' OR column_name LIKE '%secret%'
                       OR column_name IN ('access_token', 'refresh_token', 'password'))"""
        )
        found = self.env.cr.fetchall()
        self.assertIn(("hub_credential", "envelope"), found)
        return found


@tagged("post_install", "-at_install")
class TestMarkupInTheBrowser(HubCase, HubBrowser):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo's own tour of first steps would load its scripts while our pages are looked at.
        cls.env.ref("base.user_admin").tour_enabled = False

    def test_nothing_that_a_source_wrote_runs_on_a_page(self):
        self.work(self._company("1", name=EVIL))
        failed = self.work(self._company("2", name=EVIL, country=EVIL))
        partner = self.partner_of("1")
        partner.message_post(body=self.env._("Renamed to %s", partner.name))
        self.env["crm.lead"].create(
            {"name": EVIL, "partner_id": partner.id, "type": "opportunity",
             "user_id": self.env.ref("base.user_admin").id}
        )  # fmt: skip
        self.assertEqual(failed.state, "failed")
        self.env.flush_all()
        pages = [
            (f"/odoo/hub-issues/{self.issues().id}", ".o_form_renderer"),
            (f"/odoo/res.partner/{partner.id}", ".o-mail-Message-body"),
            ("/odoo/action-crm.crm_lead_action_pipeline", ".o_kanban_record"),
        ]
        for path, ready in pages:
            with self.subTest(path):
                self.browser_js(
                    path,
                    "if (window.hubPwned || document.querySelector('img[src=x]')) "
                    "{console.error('the markup of a source runs')} "
                    "else if (!document.body.innerText.includes('<img src=x')) "
                    "{console.error('it is not shown as text')} else {console.log('test successful')}",
                    f"document.querySelector({json.dumps(ready)}) && document.body.innerText.includes('<img src=x')",
                    login="admin",
                    timeout=180,
                )
