from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo import fields, tools
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from sandbox.toggl import WORKSPACE, TogglSandbox

from .business_common import BusinessCase
from .hub_common import HubMixin

SECRET = "toggl-webhook-secret"


class TogglMixin:
    """A system of Toggl Track, connected to a sandbox of its own."""

    @classmethod
    def _make_toggl(cls):
        cls.system = cls.env["hub.system"].create(
            {
                "name": "Toggl",
                "product": "toggl",
                "account_ref": str(WORKSPACE),
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )
        cls.system.action_grant_write_back()

    def _connect(self):
        running = TogglSandbox().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.system.base_url = running.url
        # one call a second is Toggl's pace; a test has no time for it
        self.system.limit_ids.calls = 1000
        self.env["hub.credential"].create(
            [
                {"system_id": self.system.id, "name": name, "secret": secret}
                for name, secret in (
                    ("api_token", "toggl-sandbox-token"),
                    ("webhook_secret", SECRET),
                )
            ]
        )
        self.env.flush_all()
        (self.user,) = self.sandbox.seed(
            users=[
                {
                    "name": "Cora Consultant",
                    "email": "cora@firm.example",
                    "timezone": "Pacific/Auckland",
                }
            ]
        )["users"]
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)


@tagged("post_install", "-at_install")
class TestToggl(TogglMixin, HubMixin, BusinessCase):
    """A contract's project goes to a sandbox over HTTP, and the time that is booked there comes back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._make_toggl()

    def setUp(self):
        super().setUp()
        self._start_engine()
        self._connect()

    def _set_up(self):
        """A started contract and its project in Toggl."""
        contract = self._start_deal()
        self.drain()
        (project,) = self.sandbox.store.rows["projects"].values()
        self.assertTrue(project["name"].endswith(f"[{contract.code}]"))
        return contract, project

    def _entry(self, project, start, seconds=5400, **values):
        task = next(
            row
            for row in self.sandbox.store.rows["tasks"].values()
            if row["project_id"] == project["id"]
        )
        row = {
            "user_id": self.user,
            "project_id": project["id"],
            "task_id": task["id"],
            "start": start.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "stop": (start + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            **values,
        }
        return self.sandbox.seed(time_entries=[row])["time_entries"][0]

    def _booked(self, key):
        link = self.env["hub.link"].search(
            [("entity_id.code", "=", "time_entry"), ("external_id", "=", str(key))]
        )
        return self.env["account.analytic.line"].browse(link.res_id)

    def _poll(self):
        self.later()
        self.drain()

    def test_time_comes_back_on_its_project_with_its_day_and_its_approval(self):
        contract, project = self._set_up()
        (member,) = self.sandbox.store.rows["project_users"].values()
        self.assertEqual(member["user_id"], self.user)
        # half past one in the afternoon UTC is the next day in Auckland, winter and summer
        start = (fields.Datetime.now() - timedelta(days=2)).replace(hour=13, minute=30, second=0)
        key = self._entry(project, start, 1200, description="calls")
        self._poll()
        line = self._booked(key)
        self.assertEqual(line.project_id, contract.project_id)
        self.assertEqual(line.employee_id, self.consultant)
        self.assertEqual(line.date, start.date() + timedelta(days=1))
        self.assertAlmostEqual(line.unit_amount, 1 / 3, 9)
        self.assertEqual((line.name, line.hub_approval), ("calls", "draft"))
        self.assertTrue(line.so_line)

        count = self.env["hub.message"].search_count([])
        self._poll()
        self.assertEqual(self.env["hub.message"].search_count([]), count, "nothing is new")

        sheets = self.sandbox.approve([key])
        sheets[0].update(end_date=str(start.date() + timedelta(days=9)))
        self._poll()
        self.assertEqual(line.hub_approval, "approved")
        self.assertEqual(line.hub_approved_by_id, self.consultant.work_contact_id)
        self.sandbox.approve([key], state="reopened")
        self._poll()
        self.assertEqual(line.hub_approval, "draft")

    def test_a_deleted_entry_is_asked_about(self):
        _contract, project = self._set_up()
        key = self._entry(project, fields.Datetime.now() - timedelta(days=1))
        self._poll()
        line = self._booked(key)
        self.sandbox.remove("time_entries", key)
        stream = self.system.stream_ids.filtered(lambda s: s.entity_id.code == "time_entry")
        with self.engine_env() as env:
            self.assertEqual(env["hub.sweep"]._stream(env["hub.stream"].browse(stream.id)), 1)
        self.drain()
        self.assertTrue(line.exists())
        self.assertTrue(self.issues("deleted_at_source"))

    def test_a_closed_contract_archives_its_project(self):
        contract, project = self._set_up()
        self.assertTrue(project["active"])
        contract.action_close()
        self._poll()
        self.assertFalse(project["active"])


@tagged("post_install", "-at_install")
class TestTogglDoor(TogglMixin, HubMixin, HttpCase):
    """Toggl sends nothing to an address before it was validated: the code of the ping goes back in the answer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls._make_toggl()
        cls.env["hub.credential"].create(
            {"system_id": cls.system.id, "name": "webhook_secret", "secret": SECRET}
        )
        cls.sandbox = TogglSandbox()

    def _post(self, event, secret=SECRET):
        body = self.sandbox.webhook_body([event])
        moment = datetime.now(timezone.utc)
        return self.opener.post(
            f"{self.base_url()}/hub/webhook/{self.system.webhook_token}",
            data=body,
            headers={
                "Content-Type": "application/json",
                **self.sandbox.webhook_headers("", body, moment, secret),
            },
            timeout=30,
        )

    def test_the_address_is_validated_by_its_answer(self):
        ping = self.sandbox.ping("code-1")
        answer = self._post(ping)
        self.assertEqual((answer.status_code, answer.json()), (200, {"validation_code": "code-1"}))
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        refused = self._post(ping, "another secret")
        self.assertEqual((refused.status_code, refused.content), (401, b""))
        self.assertEqual(self._post(self.sandbox.ping()).content, b"")
