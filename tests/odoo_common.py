"""Another Odoo: our own JSON-2, asked over HTTP by the connector, and a sandbox that the engine speaks with."""

from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo import fields, tools
from odoo.addons.account.tests.common import AccountTestInvoicingHttpCommon
from odoo.fields import Command

from sandbox.odoo import OdooSandbox

from ..connectors.http import Session
from ..connectors.odoo import Odoo
from .business_common import BusinessCase
from .hub_common import HubMixin


class OdooItselfCase(HubMixin, AccountTestInvoicingHttpCommon):
    """A database with a customer, a project, an employee and books, and a user of the other side with a key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # As in BusinessCase: the test looks at everything, the key's user has rights of its own.
        cls.company = cls.company_data["company"]
        cls.env = cls.env(
            user=cls.env.ref("base.user_root"),
            context={**cls.env.context, "allowed_company_ids": cls.company.ids},
        )
        cls.company = cls.company.with_env(cls.env)
        cls.robot = cls._make_role(
            "robot",
            "base.group_partner_manager",
            "project.group_project_manager",
            "hr.group_hr_user",
            "hr_timesheet.group_timesheet_manager",
            "account.group_account_invoice",
        )
        cls.partner = cls.env["res.partner"].create(
            {"name": "Acme", "is_company": True, "vat": "BE0477472701", "city": "Ghent",
             "country_id": cls.env.ref("base.be").id}
        )  # fmt: skip
        cls.env["res.partner"].create(
            {"name": "Pat", "parent_id": cls.partner.id, "type": "contact"}
        )
        cls.employee = cls.env["hr.employee"].create(
            {"name": "Cora", "work_email": "cora@firm.example"}
        )
        cls.project = cls.env["project.project"].create(
            {"name": "Rollout", "allow_timesheets": True}
        )
        cls.line = cls.env["account.analytic.line"].create(
            {"name": "calls", "project_id": cls.project.id, "employee_id": cls.employee.id,
             "unit_amount": 1 / 3, "date": "2026-03-02"}
        )  # fmt: skip

    def setUp(self):
        super().setUp()
        keys = self.env["res.users.apikeys"].with_user(self.robot)
        self.key = keys._generate("rpc", "hub", fields.Datetime.now() + timedelta(hours=1))

    def _connector(self, key=None, **settings):
        session = Session(local_hosts=[self.base_url().removeprefix("http://")])
        return Odoo(
            session,
            self.base_url(),
            {"account_id": self.env.cr.dbname, "hub_url": "https://a.example", "database": "a",
             "written": {"project": ["name"]}, **settings},
            {"api_key": key or self.key},
            lambda: datetime.now(timezone.utc),
        )  # fmt: skip

    def ask(self, function):
        """Call out to this very server."""
        self.env.flush_all()
        with self.allow_requests(all_requests=True):
            result = function()
        self.env.invalidate_all()
        return result

    def read(self, entity):
        connector, records, cursor, more = self._connector(), [], {}, True

        def walk():
            nonlocal cursor, more
            while more:
                page = connector.poll(entity, cursor, datetime.now(timezone.utc))
                records.extend(page.records)
                cursor, more = page.cursor, page.more

        self.ask(walk)
        return {record.external_id: record for record in records}


class OdooCase(HubMixin, BusinessCase):
    """A firm that is connected with a served Odoo; Cora works for both."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.env["hub.system"].create(
            {
                "name": "Other",
                "product": "odoo",
                "account_ref": "other",
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )
        cls.system.action_grant_write_back()

    def setUp(self):
        super().setUp()
        self._start_engine()
        running = OdooSandbox().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        person = {"name": "Cora Consultant", "work_email": "cora@firm.example"}
        (self.cora,) = self.sandbox.seed(**{"hr.employee": [person]})["hr.employee"]
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.system.base_url = running.url
        self.env["hub.credential"].create(
            {"system_id": self.system.id, "name": "api_key", "secret": "odoo-sandbox-key"}
        )
        self.env.flush_all()
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)
