from datetime import timedelta
from unittest.mock import patch

from odoo import fields, tools
from odoo.fields import Command
from odoo.tests import tagged

from sandbox.tempo import TempoSandbox
from sandbox.tempo_store import SITE

from .business_common import BusinessCase
from .hub_common import HubMixin

SECRETS = {
    "tempo_token": "tempo-sandbox-token",
    "jira_email": "admin@sandbox.example",
    "jira_token": "jira-sandbox-token",
}
CORA, ISSUE = "557058:cora", 10011


@tagged("post_install", "-at_install")
class TestTempo(HubMixin, BusinessCase):
    """A contract's project becomes an account in a sandbox, over HTTP, and the time that is logged on it comes back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.env["hub.system"].create(
            {
                "name": "Tempo",
                "product": "tempo",
                "account_ref": SITE,
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )
        cls.system.action_grant_write_back()

    def setUp(self):
        super().setUp()
        self._start_engine()
        running = TempoSandbox().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.system.base_url = running.url
        # five calls a second is Tempo's pace; a test has no time for it
        self.system.limit_ids.calls = 1000
        self.env["hub.credential"].create(
            [
                {"system_id": self.system.id, "name": name, "secret": secret}
                for name, secret in SECRETS.items()
            ]
        )
        self.env.flush_all()
        self.sandbox.seed(
            users=[
                {
                    "accountId": CORA,
                    "displayName": "Cora Consultant",
                    "emailAddress": "cora@firm.example",
                }
            ],
            teams=[{"members": [CORA]}],
        )
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)

    def _set_up(self):
        """A started contract, its account, and an issue in Jira that has the account."""
        contract = self._start_deal()
        self.drain()
        (account,) = self.sandbox.store.rows["accounts"].values()
        self.assertEqual(account["key"], contract.code)
        issue = {"id": ISSUE, "key": "ACME-1", "summary": "Build", "account": account["id"]}
        self.sandbox.seed(issues=[issue])
        return contract, account

    def _worklog(self, days_ago=2, seconds=5400, **values):
        day = fields.Date.today() - timedelta(days=days_ago)
        row = {"author": CORA, "issue": ISSUE, "startDate": str(day), "timeSpentSeconds": seconds}
        (key,) = self.sandbox.seed(worklogs=[{**row, **values}])["worklogs"]
        return key, day

    def _booked(self, key):
        link = self.env["hub.link"].search(
            [("entity_id.code", "=", "time_entry"), ("external_id", "=", str(key))]
        )
        return self.env["account.analytic.line"].browse(link.res_id)

    def _poll(self):
        self.later()
        self.drain()

    def test_time_comes_back_on_its_project_with_its_approval_and_its_withdrawal(self):
        contract, _account = self._set_up()
        key, day = self._worklog(seconds=1200, billableSeconds=600, description="calls")
        self._poll()
        line = self._booked(key)
        self.assertEqual(line.project_id, contract.project_id)
        self.assertEqual((line.employee_id, line.date), (self.consultant, day))
        self.assertAlmostEqual(line.unit_amount, 1 / 3, 9)
        self.assertAlmostEqual(line.hub_billable_quantity, 1 / 6, 9)
        self.assertTrue(line.so_line)
        self.assertEqual((line.name, line.hub_approval), ("ACME-1 Build: calls", "draft"))

        count = self.env["hub.message"].search_count([])
        self._poll()
        self.assertEqual(self.env["hub.message"].search_count([]), count, "nothing is new")

        self.sandbox.approve(CORA, str(day))
        self._poll()
        self.assertEqual(line.hub_approval, "approved")
        self.sandbox.approve(CORA, str(day), "OPEN")
        self._poll()
        self.assertEqual(line.hub_approval, "draft")

    def test_a_deleted_worklog_is_asked_about(self):
        self._set_up()
        key, _day = self._worklog()
        self._poll()
        line = self._booked(key)
        self.assertTrue(line)
        self.sandbox.store.delete("worklogs", key)
        self._poll()
        self.assertTrue(line.exists())
        self.assertTrue(self.issues("deleted_at_source"))

    def test_a_closed_contract_closes_its_account(self):
        contract, account = self._set_up()
        self.assertEqual(account["status"], "OPEN")
        contract.action_close()
        self._poll()
        self.assertEqual(account["status"], "CLOSED")
