from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connectors.errors import ConnectorError
from ..connectors.odoo import KINDS
from ..connectors.odoo_write import marker_module, marker_name
from ..connectors.parts import Write
from ..models.flow import marker
from .odoo_common import OdooCase, OdooItselfCase


@tagged("post_install", "-at_install")
class TestOdooItself(OdooItselfCase):
    """The connector and Odoo's own JSON-2, over HTTP: what the sandbox answers is judged by Odoo."""

    def test_the_connection_test_is_green_and_names_what_is_missing(self):
        items = self.ask(lambda: self._connector().check())
        self.assertTrue(items and all(item.ok for item in items), [i for i in items if not i.ok])
        self.robot.group_ids -= self.env.ref("account.group_account_invoice")
        self.robot.group_ids -= self.env.ref("project.group_project_manager")
        with mute_logger("odoo.http"):
            items = self.ask(lambda: self._connector().check())
        failed = {(i.code, i.params["entity"]) for i in items if not i.ok}
        self.assertIn(("read", "invoice"), failed)
        self.assertIn(("write", "project"), failed)

    def test_every_entity_is_read_with_the_fields_that_there_are(self):
        for entity in KINDS:
            with self.subTest(entity):
                self.read(entity)
        record = self.read("customer")[str(self.partner.id)]
        for part in (b'"country_code":"BE"', b'"city":"Ghent"', b'"street":null', b'"active":true'):
            self.assertIn(part, record.payload)
        line = self.read("time_entry")[str(self.line.id)]
        self.assertIn(b'"unit_amount":0.333333', line.payload)
        self.assertIn(f'"project_id":[{self.project.id},"Rollout"]'.encode(), line.payload)

    def test_an_archived_record_is_read_and_a_deleted_one_is_missing(self):
        self.partner.active = False
        self.assertIn(b'"active":false', self.read("customer")[str(self.partner.id)].payload)
        ids = [str(self.line.id), "999999999"]
        self.assertEqual(
            set(self.ask(lambda: self._connector().fetch("time_entry", ids))), {str(self.line.id)}
        )
        day = self.line.date
        swept = self.ask(lambda: self._connector().sweep("time_entry", day, day))
        self.assertIn(str(self.line.id), swept)

    def _project_write(self, **values):
        values = {
            "name": "Migration",
            "description": "From the deal",
            "customer": {"key": 7, "name": "Newcomer"},
            "tasks": [{"key": 1, "name": "Build"}],
            **values,
        }
        return Write("k", "project", "create", None, values, record=5)

    def test_a_project_is_made_once_however_often_it_is_sent(self):
        ids = set()
        for _turn in range(2):
            (outcome,) = self.ask(
                lambda: self._connector().deliver("project", [self._project_write()])
            )
            self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
            ids.add(outcome.external_id)
        project = self.env["project.project"].browse(int(ids.pop()))
        self.assertFalse(ids)
        self.assertEqual(project.name, "Migration")
        self.assertIn("From the deal", project.description)
        self.assertEqual(
            (project.partner_id.name, project.partner_id.is_company), ("Newcomer", True)
        )
        self.assertEqual(project.task_ids.mapped("name"), ["Build"])
        self.assertEqual(outcome.links["task:1"], str(project.task_ids.id))
        later = Write(
            "k2", "project", "update", outcome.external_id, {"name": "Done", "active": False}
        )
        (outcome,) = self.ask(lambda: self._connector().deliver("project", [later]))
        self.assertTrue(outcome.ok, outcome.error)
        self.assertEqual((project.name, project.active), ("Done", False))

    def test_a_customer_with_a_known_tax_number_is_that_customer(self):
        values = {"name": "Acme NV", "vat": "BE0477472701", "country_id": "BE", "city": "Bruges"}
        write = Write("k", "customer", "create", None, values, record=3)
        (outcome,) = self.ask(lambda: self._connector().deliver("customer", [write]))
        self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
        self.assertEqual(outcome.external_id, str(self.partner.id))
        self.assertEqual((self.partner.name, self.partner.city), ("Acme NV", "Bruges"))

    @mute_logger("odoo.http", "odoo.sql_db")
    def test_its_errors_are_told_by_their_class_and_without_its_traceback(self):
        gone = Write("k", "project", "update", "999999999", {"name": "x"})
        blank = Write("k", "customer", "update", str(self.partner.id), {"name": ""})
        unknown = Write("k", "project", "update", str(self.project.id), {"no_such_field": "x"})
        for entity, write, kind in (
            ("project", gone, "reference"),
            ("customer", blank, "data"),
            ("project", unknown, "schema"),
            ("project", self._project_write(name=""), "data"),
        ):
            with self.subTest(kind):
                (outcome,) = self.ask(lambda e=entity, w=write: self._connector().deliver(e, [w]))
                self.assertFalse(outcome.ok)
                self.assertEqual(
                    outcome.error.kind, kind, f"{outcome.error} {outcome.error.params}"
                )
                self.assertNotIn("Traceback", f"{outcome.error} {outcome.error.params}")
        for connector, kind in (
            (self._connector(key="0123456789"), "sign_in"),
            (self._connector(account_id="no-such-database"), "schema"),
        ):
            with self.subTest(kind), self.assertRaises(ConnectorError) as caught:
                self.ask(connector.account_id)
            self.assertEqual(caught.exception.kind, kind)


@tagged("post_install", "-at_install")
class TestOdoo(OdooCase):
    """A contract's project goes to another Odoo, the time that is booked there comes back, and what two hubs
    make of one another's records ends."""

    def test_a_project_goes_out_and_its_time_comes_back(self):
        contract = self._start_deal()
        self.drain()
        (project,) = self.sandbox.data["project.project"].values()
        self.assertEqual(project["name"], contract.project_id.name)
        tasks = [
            t
            for t in self.sandbox.data["project.task"].values()
            if t["project_id"] == project["id"]
        ]
        self.assertEqual(len(tasks), len(contract.project_id.task_ids))
        line_task = contract.project_id.task_ids.filtered("sale_line_id")[:1]
        task = next(t for t in tasks if t["name"] == line_task.name)
        (key,) = self.sandbox.seed(
            **{
                "account.analytic.line": [
                    {"name": "calls", "date": "2025-06-10", "unit_amount": 1.5, "employee_id": self.cora,
                     "project_id": project["id"], "task_id": task["id"]}
                ]
            }
        )["account.analytic.line"]  # fmt: skip
        self.later()
        self.drain()
        line = self.partner_of(str(key), "time_entry")
        self.assertEqual(
            (line.project_id, line.employee_id), (contract.project_id, self.consultant)
        )
        self.assertEqual((line.name, line.unit_amount), ("calls", 1.5))
        self.assertEqual(line.hub_approval, "submitted", "plain Odoo knows no approval")
        calls = [c for c in self.sandbox.journal if c["path"].endswith(("load", "write"))]
        self.later()
        self.drain()
        again = [c for c in self.sandbox.journal if c["path"].endswith(("load", "write"))]
        self.assertEqual(len(again), len(calls), "nothing is sent back")

    def _mark(self, record, key):
        """As if the other hub had made it here of its own record ``key``."""
        self.env["ir.model.data"].create(
            {
                "module": marker_module(self.system.base_url, "other"),
                "name": marker_name(record._name, key),
                "model": record._name,
                "res_id": record.id,
            }
        )

    def test_what_the_other_hub_made_here_is_its_own_record_when_it_comes_in(self):
        partner = self.env["res.partner"].create({"name": "Of the other hub", "is_company": True})
        (key,) = self.sandbox.seed(
            **{"res.partner": [{"name": "Another name by now", "is_company": True}]}
        )["res.partner"]
        self._mark(partner, key)
        self.later()
        self.drain()
        self.assertEqual(self.partner_of(str(key)), partner)
        self.assertFalse(self.issues())

    def test_what_the_other_hub_made_here_is_not_sent_back_as_a_new_record(self):
        contract = self._start_deal()
        (key,) = self.sandbox.seed(**{"project.project": [{"name": "Theirs"}]})["project.project"]
        self._mark(contract.project_id, key)
        self.drain()
        (project,) = self.sandbox.data["project.project"].values()
        self.assertEqual((project["id"], project["name"]), (key, contract.project_id.name))

    def test_the_other_hubs_records_are_found_with_one_query_whatever_their_number(self):
        partners = self.env["res.partner"].create(
            [{"name": f"Theirs {n}", "is_company": True} for n in range(40)]
        )
        counts = []
        for part in (partners[:10], partners[10:]):
            keys = self.sandbox.seed(
                **{"res.partner": [{"name": p.name, "is_company": True} for p in part]}
            )["res.partner"]
            for partner, key in zip(part, keys, strict=True):
                self._mark(partner, key)
            self.env.flush_all()
            entity = self.env.ref("lead_to_cash_hub.entity_customer")
            before = self.env.cr.sql_log_count
            found = marker.made_by(self.env, self.system, entity, [str(key) for key in keys])
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(found), len(part))
        self.assertEqual(counts[0], counts[1])

    def test_a_person_is_not_sent_as_a_company(self):
        """Customers and contacts are both partners; who is told of new customers is told of companies."""
        city = self.env.ref("lead_to_cash_hub.field_customer_city")
        name = self.env.ref("lead_to_cash_hub.field_customer_name")
        ownership = self.env["hub.ownership"].search([("field_id", "in", (city | name).ids)])
        ownership.rule = "hold"
        (city | name).direction = "both"
        self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "out"
        ).create_missing = True
        self.system.action_grant_write_back()
        company = self.env["res.partner"].create(
            {"name": "Initech", "is_company": True, "city": "Boston"}
        )
        self.env["res.partner"].create({"name": "Pat", "parent_id": company.id})
        self.drain()
        names = {
            row["name"]: row["city"]
            for row in self.sandbox.data["res.partner"].values()
            if row["is_company"]
        }
        self.assertEqual(names.get("Initech"), "Boston")
        self.assertNotIn("Pat", {row["name"] for row in self.sandbox.data["res.partner"].values()})
