from datetime import timedelta
from unittest.mock import patch

from odoo import fields, tools
from odoo.fields import Command
from odoo.tests import tagged

from sandbox.clockify import WORKSPACE, ClockifySandbox

from .business_common import BusinessCase
from .hub_common import HubMixin


@tagged("post_install", "-at_install")
class TestClockify(HubMixin, BusinessCase):
    """A contract's project goes to a sandbox over HTTP, and the time that is booked there comes back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.env["hub.system"].create(
            {
                "name": "Clockify",
                "product": "clockify",
                "account_ref": WORKSPACE,
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )
        cls.system.action_grant_write_back()

    def setUp(self):
        super().setUp()
        self._start_engine()
        running = ClockifySandbox().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.system.base_url = f"{running.url}/api/v1"
        self.env["hub.credential"].create(
            {"system_id": self.system.id, "name": "api_key", "secret": "clockify-sandbox-key"}
        )
        self.env.flush_all()
        (self.user,) = self.sandbox.seed(
            users=[
                {
                    "name": "Cora Consultant",
                    "email": "cora@firm.example",
                    "timeZone": "Pacific/Auckland",
                }
            ]
        )["users"]
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)

    def _set_up(self):
        """A started contract and its project in Clockify."""
        contract = self._start_deal()
        self.drain()
        (project,) = self.sandbox.store.rows["projects"].values()
        self.assertIn(f"[{contract.code}]", project["note"])
        return contract, project

    def _entry(self, project, start, seconds=5400, **values):
        task = next(
            row
            for row in self.sandbox.store.rows["tasks"].values()
            if row["projectId"] == project["id"] and row["billable"]
        )
        row = {
            "userId": self.user,
            "projectId": project["id"],
            "taskId": task["id"],
            "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": (start + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **values,
        }
        return self.sandbox.seed(time_entries=[row])["time_entries"][0]

    def _booked(self, key):
        link = self.env["hub.link"].search(
            [("entity_id.code", "=", "time_entry"), ("external_id", "=", key)]
        )
        return self.env["account.analytic.line"].browse(link.res_id)

    def _poll(self):
        self.later()
        self.drain()

    def test_time_comes_back_on_its_project_with_its_day_and_its_approval(self):
        contract, project = self._set_up()
        self.assertEqual([m["userId"] for m in project["memberships"]], [self.user])
        # half past one in the afternoon UTC is the next day in Auckland, winter and summer
        start = (fields.Datetime.now() - timedelta(days=2)).replace(hour=13, minute=30, second=0)
        keys = [self._entry(project, start, 1200), self._entry(project, start, description="calls")]
        self.sandbox.approve(keys[:1])
        self._poll()
        first, second = map(self._booked, keys)
        self.assertEqual(first.project_id, contract.project_id)
        self.assertEqual(first.employee_id, self.consultant)
        self.assertEqual(first.date, start.date() + timedelta(days=1))
        self.assertAlmostEqual(first.unit_amount, 1 / 3, 9)
        self.assertEqual((first.hub_approval, second.hub_approval), ("approved", "draft"))
        self.assertEqual((second.name, second.unit_amount), ("calls", 1.5))
        self.assertTrue(first.so_line)
        self.assertEqual(first.hub_approved_by_id, self.consultant.work_contact_id)
        self.assertFalse(second.hub_approved_by_id)

        count = self.env["hub.message"].search_count([])
        self._poll()
        self.assertEqual(self.env["hub.message"].search_count([]), count, "nothing is new")

        self.sandbox.approve(keys[1:])
        self._poll()
        self.assertEqual(second.hub_approval, "approved")

    def test_the_time_of_a_stranger_is_worth_what_its_order_line_says(self):
        _contract, project = self._set_up()
        (stranger,) = self.sandbox.seed(users=[{"name": "S. Tranger", "email": "s@old.example"}])[
            "users"
        ]
        self._entry(project, fields.Datetime.now() - timedelta(days=1), 5400, userId=stranger)
        self._poll()
        self.assertEqual(self.issues("unknown_consultant").at_risk, 225.0, "1.5 h at 150")

    def test_a_change_that_is_taken_back_is_applied_both_times(self):
        _contract, project = self._set_up()
        key = self._entry(project, fields.Datetime.now() - timedelta(days=1))
        for state in ("APPROVED", "WITHDRAWN_APPROVAL", "APPROVED", "WITHDRAWN_APPROVAL"):
            self.sandbox.approve([key], state=state)
            self._poll()
            wanted = "approved" if state == "APPROVED" else "draft"
            self.assertEqual(self._booked(key).hub_approval, wanted)

    def test_a_deleted_entry_is_asked_about(self):
        _contract, project = self._set_up()
        key = self._entry(project, fields.Datetime.now() - timedelta(days=1))
        self._poll()
        line = self._booked(key)
        self.sandbox.store.delete("time_entries", key)
        stream = self.system.stream_ids.filtered(lambda s: s.entity_id.code == "time_entry")
        with self.engine_env() as env:
            self.assertEqual(env["hub.sweep"]._stream(env["hub.stream"].browse(stream.id)), 1)
        self.drain()
        self.assertTrue(line.exists())
        self.assertTrue(self.issues("deleted_at_source"))

    def test_a_closed_contract_archives_its_project(self):
        contract, project = self._set_up()
        self.assertFalse(project["archived"])
        contract.action_close()
        self._poll()
        self.assertTrue(project["archived"])
