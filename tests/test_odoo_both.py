"""Projects that begin in another Odoo, time that is booked here and goes there, and how both end."""

from odoo.tests import tagged

from ..connectors.odoo_write import marker_module, marker_name
from ..models.guard import own_code
from .odoo_common import OdooCase


@tagged("post_install", "-at_install")
class TestOdooBoth(OdooCase):
    def setUp(self):
        super().setUp()
        self.system.start_date = "2025-01-01"  # the cut-over: what was worked before is not sent
        self.drain()

    def _both(self, *names):
        """Let these fields of an entity go both ways, as a Settings user and a manager would."""
        for name in names:
            field = self.env.ref(f"lead_to_cash_hub.field_{name}")
            field.direction = "both"
            rule = self.env["hub.ownership"].search([("field_id", "=", field.id)])
            if rule:
                rule.rule = "hold"
            else:
                self.env["hub.ownership"].create({"field_id": field.id, "rule": "hold"})
        self.system.action_grant_write_back()
        self.system.stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "time_entry"
        ).create_missing = True

    def _time_both(self):
        names = ("project", "task", "employee", "date", "hours", "note")
        self._both(*(f"time_entry_{name}" for name in names))

    def _project_there(self, name="Theirs", **values):
        rows = {"project.project": [{"name": name, **values}]}
        return self.sandbox.seed(**rows)["project.project"][0]

    def _settle(self):
        for _turn in range(3):
            self.later()
            self.drain()
        self.env.invalidate_all()

    def _lines(self):
        return list(self.sandbox.data["account.analytic.line"].values())

    def test_as_shipped_projects_are_not_made_and_time_is_not_sent(self):
        key = self._project_there()
        contract = self._start_deal()
        self._book(contract, "2")
        self._settle()
        self.assertFalse(self.partner_of(str(key), "project"))
        self.assertFalse(self._lines())
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_a_project_that_begins_there_is_made_here_once_and_follows(self):
        self._both("project_name", "project_active")
        (customer,) = self.sandbox.seed(
            **{"res.partner": [{"name": "Initech", "is_company": True}]}
        )["res.partner"]
        key = self._project_there(partner_id=customer, date_start="2025-06-01")
        self._settle()
        project = self.partner_of(str(key), "project")
        self.assertEqual((project.name, project.partner_id.name), ("Theirs", "Initech"))
        self.assertTrue(project.allow_timesheets)
        self.assertFalse(project.allow_billable, "no contract of ours bills it")
        self.assertEqual(project.company_id, self.company)
        self.sandbox.change("project.project", key, {"name": "Theirs, phase 2"})
        self._settle()
        self.assertEqual(project.name, "Theirs, phase 2")
        self.assertEqual(len(self.sandbox.data["project.project"]), 1, "nothing is sent back")
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_a_project_of_a_contract_stays_as_it_is(self):
        self._both("project_name")
        contract = self._start_deal()
        self.drain()
        (row,) = self.sandbox.data["project.project"].values()
        name = contract.project_id.name
        self.sandbox.change("project.project", row["id"], {"name": "Another name"})
        self._settle()
        self.assertEqual(contract.project_id.name, name)

    def test_two_projects_of_one_name_are_a_question(self):
        self._both("project_name")
        self.env["project.project"].create([{"name": "Theirs"}] * 2)
        self._project_there()
        self._settle()
        self.assertEqual(self.issues().mapped("code"), ["ambiguous_match"])

    def test_time_goes_there_once_with_its_task_and_comes_back_unchanged(self):
        self._time_both()
        contract = self._start_deal()
        self._settle()
        task = contract.project_id.task_ids.filtered("sale_line_id")[:1]
        line = self.env["account.analytic.line"].create(
            {"name": "typed here", "project_id": contract.project_id.id, "task_id": task.id,
             "employee_id": self.consultant.id, "unit_amount": 1 / 3, "date": "2025-06-10"}
        )  # fmt: skip
        approval = line.hub_approval
        self._settle()
        (row,) = self._lines()
        self.assertEqual(
            (row["name"], row["date"], row["employee_id"]), ("typed here", "2025-06-10", self.cora)
        )
        self.assertAlmostEqual(row["unit_amount"], 1 / 3, 6)
        self.assertEqual(self.sandbox.data["project.task"][row["task_id"]]["name"], task.name)
        self.assertEqual(self.partner_of(str(row["id"]), "time_entry"), line)
        self.assertEqual(line.hub_approval, approval, "the other side does not know who approves")
        line.unit_amount = 2
        self._settle()
        self.assertEqual([one["unit_amount"] for one in self._lines()], [2])
        self.sandbox.change("account.analytic.line", row["id"], {"unit_amount": 3.0})
        self._settle()
        self.assertEqual((line.unit_amount, line.hub_approval), (3.0, approval))
        self.assertEqual(len(contract.project_id.timesheet_ids), 1)
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_what_corrects_a_billed_entry_is_not_sent_as_another_one(self):
        self._time_both()
        contract = self._start_deal()
        self._settle()
        lines = own_code(self.env["account.analytic.line"])
        values = {"name": "typed here", "project_id": contract.project_id.id,
                  "employee_id": self.consultant.id, "date": "2025-06-10"}  # fmt: skip
        line = lines.create({**values, "unit_amount": 2})
        self._settle()
        self.assertEqual([one["unit_amount"] for one in self._lines()], [2])
        lines.create({**values, "unit_amount": -0.5, "hub_adjusts_id": line.id})
        line.hub_adjusted = -0.5
        self._settle()
        self.assertEqual([one["unit_amount"] for one in self._lines()], [2])

    def test_time_of_projects_that_are_not_there_stays_here(self):
        self._time_both()
        project = self.env["project.project"].create({"name": "Ours", "allow_timesheets": True})
        self.env["account.analytic.line"].create(
            {"name": "typed", "project_id": project.id, "employee_id": self.consultant.id,
             "unit_amount": 1, "date": "2025-06-10"}
        )  # fmt: skip
        self._settle()
        self.assertFalse(self._lines())
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))

    def test_a_person_who_is_not_known_there_is_a_question(self):
        self._time_both()
        contract = self._start_deal()
        self._settle()
        self.env["account.analytic.line"].create(
            {"name": "typed", "project_id": contract.project_id.id, "employee_id": self.architect.id,
             "unit_amount": 1, "date": "2025-06-10"}
        )  # fmt: skip
        self._settle()
        (issue,) = self.issues()
        self.assertIn("does not know", issue.sentence)

    def test_what_is_read_carries_the_others_name_and_what_they_read_is_ours(self):
        """Both sides read hours, and neither writes: without names each would take the other's copies for new."""
        contract = self._start_deal()
        self._settle()
        (project,) = self.sandbox.data["project.project"].values()
        row = {"name": "there", "date": "2025-06-10", "unit_amount": 1.5, "employee_id": self.cora,
               "project_id": project["id"]}  # fmt: skip
        (key,) = self.sandbox.seed(**{"account.analytic.line": [row]})["account.analytic.line"]
        self._settle()
        line = self.partner_of(str(key), "time_entry")
        name = self.env["ir.model.data"].search(
            [("model", "=", line._name), ("res_id", "=", line.id)]
        )
        self.assertEqual(name.module, marker_module(self.system.base_url, "other"))
        self.assertEqual(name.name, marker_name(line._name, key))
        # their hub has read one of ours in the same way
        ours = self._book(contract, "2")
        own = marker_module(self.system._public_url(), self.env.cr.dbname)
        (copy,) = self.sandbox.seed(**{"account.analytic.line": [row]})["account.analytic.line"]
        marker = f"{own}.{marker_name(line._name, ours.id)}"
        self.sandbox.markers[marker] = (line._name, copy)
        self._settle()
        self.assertEqual(self.partner_of(str(copy), "time_entry"), ours)
        self.assertEqual(len(contract.project_id.timesheet_ids), 2)
        # one that is taken already is not taken again
        (other,) = self.sandbox.seed(**{"account.analytic.line": [row]})["account.analytic.line"]
        self.sandbox.markers[marker] = (line._name, other)
        self._settle()
        self.assertNotEqual(self.partner_of(str(other), "time_entry"), ours)

    def test_the_state_of_an_invoice_that_we_made_there_comes_back(self):
        move = self._invoice(self._start_deal(), "2")
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "invoice" and s.direction == "in"
        )
        self.assertTrue(stream.active)
        alike = {"name": move.name, "amount_total": 1.0, "move_type": "out_invoice"}
        (strange,) = self.sandbox.seed(**{"account.move": [alike]})["account.move"]
        self._settle()
        self.assertFalse(self.partner_of(str(strange), "invoice"), "it only reads alike")
        self.assertFalse(self.issues(), self.issues().mapped("sentence"))
