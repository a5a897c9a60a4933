"""What keeps a connection alive and a database honest: tokens, deletions, copies."""

from datetime import timedelta
from unittest.mock import patch

import psycopg2
from odoo import fields, tools
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from sandbox.harvest import HarvestSandbox

from ..connectors.errors import ConnectorError
from ..connectors.hubspot import HubSpot
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestToken(HubCase):
    def setUp(self):
        super().setUp()
        self.sandbox = self._use_sandbox()
        self.system.client_id = "sandbox-client"
        self.refresh = self.env["hub.credential"].create(
            {
                "system_id": self.system.id,
                "name": "refresh_token",
                "secret": "sandbox-refresh-token",
            }
        )
        self.access = self.system.credential_ids.filtered(lambda c: c.name == "access_token")

    def _secrets(self):
        with self.engine_env() as env:
            return env["hub.token"]._secrets(env["hub.system"].browse(self.system.id))

    def _renewals(self):
        return [call for call in self.sandbox.journal if call["path"].endswith("/token")]

    def test_an_expired_token_is_renewed_once_and_kept(self):
        self.access.expires_at = fields.Datetime.now() - timedelta(minutes=1)
        first = self._secrets()["access_token"]
        self.assertNotEqual(first, "pat-na1-sandbox-token")
        self.assertEqual(self._secrets()["access_token"], first)
        self.assertEqual(len(self._renewals()), 1)
        self.assertGreater(self.access.expires_at, fields.Datetime.now())

    def test_a_token_in_its_first_half_is_left_alone(self):
        self.access.write({"expires_at": fields.Datetime.now() + timedelta(hours=2)})
        self.assertEqual(self._secrets()["access_token"], "pat-na1-sandbox-token")
        self.assertFalse(self._renewals())

    def test_while_another_worker_renews_nobody_else_does(self):
        self.access.expires_at = fields.Datetime.now() - timedelta(minutes=1)
        with self.engine_env() as env:
            self.assertTrue(env["hub.token"]._lease(self.system, "another worker"))
        with self.assertRaises(ConnectorError) as caught:
            self._secrets()
        self.assertEqual(caught.exception.kind, "connection")
        self.assertFalse(self._renewals())

    def _expire(self):
        self.access.expires_at = fields.Datetime.now() - timedelta(minutes=1)

    def test_a_token_that_another_worker_renewed_meanwhile_is_taken_not_renewed_again(self):
        """Its predecessor is spent: a provider that sees it again would revoke them all."""
        self._expire()
        lease, others = self.registry["hub.token"]._lease, []

        def after_another(token, system, me):
            if not others:
                others.append(True)
                others.append(self._secrets()["access_token"])
            return lease(token, system, me)

        self._patch("hub.token", "_lease", after_another)
        self.assertEqual(self._secrets()["access_token"], others[1])
        self.assertEqual(len(self._renewals()), 1)

    def test_a_connection_lost_after_the_rotation_loses_no_token(self):
        self._expire()
        store, lost = self.registry["hub.credential"]._store, []

        def cut(credential, *arguments, **options):
            if len(lost) < 3:
                lost.append(True)
                raise psycopg2.OperationalError("server closed the connection unexpectedly")
            return store(credential, *arguments, **options)

        self._patch("hub.credential", "_store", cut)
        token = self._secrets()["access_token"]
        self.assertEqual(len(lost), 3)
        self.assertEqual(len(self._renewals()), 1, "the rotation is never repeated")
        self.assertEqual(self._secrets()["access_token"], token)

    def test_an_answer_that_outlasted_its_lease_does_not_replace_a_newer_token(self):
        self._expire()
        refresh, slow = HubSpot.refresh, []

        def outlast(connector, secrets):
            answer = refresh(connector, secrets)
            if not slow:
                slow.append(answer)
                self.env.cr.execute(
                    "UPDATE hub_token SET lease_until = lease_until - interval '2 minutes'"
                )
                slow.append(self._secrets()["access_token"])
            return answer

        with patch.object(HubSpot, "refresh", outlast):
            token = self._secrets()["access_token"]
        self.assertEqual(token, slow[1])
        self.assertNotEqual(token, slow[0].access)
        self.assertEqual(self._secrets()["access_token"], token)

    def test_a_revoked_refresh_token_is_one_issue_for_the_system(self):
        self.access.expires_at = fields.Datetime.now() - timedelta(minutes=1)
        self.refresh.secret = "revoked"
        with self.engine_env() as env:
            kind = None
            try:  # assertRaises would undo what the engine wrote
                env["hub.token"]._secrets(env["hub.system"].browse(self.system.id))
            except ConnectorError as error:
                kind = error.kind
        self.assertEqual(kind, "sign_in")
        self.assertEqual(self.system.state, "error")
        self.assertEqual(len(self.issues("reconnect")), 1)


@tagged("post_install", "-at_install")
class TestSweep(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.harvest = cls.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "account_ref": "1234567",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )

    def setUp(self):
        super().setUp()
        running = HarvestSandbox().start()
        self.addCleanup(running.stop)
        self.sandbox = running.sandbox
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.harvest.base_url = f"{running.url}/v2"
        self.env["hub.credential"].create(
            {
                "system_id": self.harvest.id,
                "name": "access_token",
                "secret": "harvest-sandbox-token",
            }
        )
        self.harvest.state = "connected"
        self.today = fields.Date.to_string(fields.Date.context_today(self.env.user))
        made = self.sandbox.seed(
            users=[{"first_name": "A", "last_name": "B", "email": "a@firm.example"}],
            clients=[{"name": "Acme"}],
            tasks=[{"name": "Work"}],
        )
        project = self.sandbox.seed(projects=[{"name": "P", "client": made["clients"][0]}])
        self.entries = self.sandbox.seed(
            time_entries=[
                {
                    "user": made["users"][0],
                    "project": project["projects"][0],
                    "task": made["tasks"][0],
                    "spent_date": self.today,
                    "hours": 1.0,
                }
                for _number in range(3)
            ]
        )["time_entries"]
        entity = self.env["hub.entity"].search([("code", "=", "time_entry")])
        project = self.env["project.project"].create({"name": "P", "allow_timesheets": True})
        employee = self.env["hr.employee"].create({"name": "A B"})
        line = self.env["account.analytic.line"].create(
            {"name": "/", "project_id": project.id, "employee_id": employee.id, "unit_amount": 1}
        )
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {
                    "system_id": self.harvest.id,
                    "entity_id": entity.id,
                    "entity": "time_entry",
                    "external_id": str(key),
                    "company_id": self.company.id,
                    "res_model": "account.analytic.line",
                    "res_id": line.id,
                    "base": f'{{"date": "{self.today}"}}',
                }
                for key in self.entries
            ],
        )
        self.stream = self.harvest.stream_ids.filtered(
            lambda s: s.entity_id == entity and s.direction == "in"
        )

    def _sweep(self):
        with self.engine_env() as env:
            return env["hub.sweep"]._stream(env["hub.stream"].browse(self.stream.id))

    def test_what_the_listing_lacks_is_quarantined_not_deleted(self):
        self.sandbox.store.delete("time_entries", self.entries[1])
        self.assertEqual(self._sweep(), 1)
        self.drain()
        message = self.env["hub.message"].search([("action", "=", "delete")])
        self.assertEqual(message.external_id, str(self.entries[1]))
        self.assertEqual(message.state, "failed")
        self.assertEqual(message.reason, "deleted_at_source")
        self.assertTrue(self.env["hub.link"].search([("external_id", "=", message.external_id)]))
        # the next night tells nothing new
        self._sweep()
        self.assertEqual(self.env["hub.message"].search_count([("action", "=", "delete")]), 1)

    def test_a_listing_that_is_not_proven_changes_nothing(self):
        self.sandbox.faults.add({"faults": [{"kind": "status", "status": 500, "times": 5}]})
        self.assertEqual(self._sweep(), 0)
        self.assertFalse(self.env["hub.message"].search([("action", "=", "delete")]))
        self.env.invalidate_all()
        self.assertTrue(self.stream.last_error)


@tagged("post_install", "-at_install")
class TestCopies(HubCase):
    def test_a_copied_database_sends_nothing_until_a_person_confirms(self):
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", "another:1:1")
        with self.assertRaisesRegex(UserError, "copy or was restored"):
            self.system._connector()
        self.assertTrue(self.system.is_copy)
        self.assertTrue(self.env["hub.epoch"]._held())
        self.system.action_confirm_database()
        self.assertFalse(self.env["hub.epoch"]._held())
        self.system._connector()

    def test_a_copied_database_goes_on_applying_what_it_has(self):
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", "another:1:1")
        stub = self._use_stub()
        messages = self.receive(self._company("1"), self._notice("customer", "2"))
        with self.engine_env() as env:
            while env["hub.engine"]._once(online=False):
                pass
        self.assertStates(messages, "done", "received")
        self.assertFalse(stub.calls)

    def test_a_neutralized_database_keeps_no_secret_and_no_door(self):
        token = self.system.webhook_token
        for query in get_neutralization_queries(["lead_to_cash_hub"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(any(self.system.credential_ids.mapped("is_set")))
        self.assertTrue(self.system.paused)
        self.assertNotEqual(self.system.webhook_token, token)


@tagged("post_install", "-at_install")
class TestRejections(HubCase):
    def test_refusals_are_counted_by_day_and_reason_not_kept(self):
        with self.engine_env() as env:
            for _number in range(50):
                env["hub.rejection"]._count(self.system.id, "mismatch")
            env["hub.rejection"]._count(self.system.id, "too_old")
        rows = self.system.rejection_ids
        self.assertEqual(sorted(rows.mapped("code")), ["mismatch", "too_old"])
        self.assertIn("signing secret", rows.filtered(lambda r: r.code == "mismatch").sentence)
