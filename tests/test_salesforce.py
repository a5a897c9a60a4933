from datetime import timedelta
from unittest.mock import patch

from odoo import tools
from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from sandbox.salesforce import SalesforceSandbox

from ..connectors import salesforce
from .business_common import BusinessCase
from .hub_common import HubMixin

ORG = "00DHs000000sbx1MAA"
CONSUMER = "3MVG9.sandbox.consumer"


class SalesforceMixin(HubMixin):
    """A Salesforce account with its preset."""

    @classmethod
    def _make_salesforce(cls, **values):
        system = cls.env["hub.system"].create(
            {
                "name": "Salesforce",
                "product": "salesforce",
                "base_url": "https://firm--uat.sandbox.my.salesforce.com",
                "account_ref": ORG,
                "client_id": CONSUMER,
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
                **values,
            }
        )
        system.action_grant_write_back()
        return system

    def _serve(self, system):
        """Serve an org from this process, and connect the system with it."""
        running = SalesforceSandbox().start()
        self.addCleanup(running.stop)
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        system.base_url = running.url
        self.env["hub.credential"].create(
            {
                "system_id": system.id,
                "name": "consumer_secret",
                "secret": "sandbox-consumer-secret",
            }
        )
        self.env.flush_all()
        return running.sandbox


@tagged("post_install", "-at_install")
class TestSalesforce(SalesforceMixin, BusinessCase):
    """Opportunities of a sandbox through the whole engine, over HTTP, and figures back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        vocabulary = "lead_to_cash_hub.vocabulary_"
        cls.env["hub.vocabulary.term"].create(
            [
                {
                    "vocabulary_id": cls.env.ref(vocabulary + name).id,
                    "code": code,
                    "name": code,
                    "res_id": record.id,
                }
                for name, code, record in (
                    ("service_item", "CON", cls.consulting),
                    ("service_line", "rollout", cls.template),
                )
            ]
        )
        cls.system = cls._make_salesforce()

    def setUp(self):
        super().setUp()
        self._start_engine()
        self.sandbox = self._serve(self.system)
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)

    def _seed(self, name, **fields):
        return self.sandbox.seed([{"type": name, "fields": fields}])["ids"][0]

    def _opportunity(self, **values):
        account = self._seed(
            "Account",
            Name="Initech",
            BillingStreet="1 Main St",
            BillingCity="Boston",
            BillingPostalCode="02110",
            BillingCountry="United States",
            Website="https://www.initech.example",
        )
        product = self._seed("Product2", Name="Consulting", ProductCode="CON")
        owner = self._seed("User", LastName="Lee", Email="resolver@firm.example")
        key = self._seed(
            "Opportunity",
            Name="Initech rollout",
            AccountId=account,
            OwnerId=owner,
            CurrencyIsoCode="USD",
            CloseDate="2026-11-20",
            StageName="Prospecting",
            Service_Line__c="rollout",
            **values,
        )
        self._seed(
            "OpportunityLineItem", OpportunityId=key, Product2Id=product, Quantity=10, UnitPrice=150
        )
        return key, account

    def _lead(self, key):
        link = self.env["hub.link"].search(
            [("entity_id.code", "=", "opportunity"), ("external_id", "=", key)]
        )
        return self.env["crm.lead"].browse(link.res_id)

    def _row(self, key, name="Opportunity"):
        return self.sandbox.store.rows[name][key]

    def test_a_won_opportunity_becomes_a_project_and_its_figures_go_back(self):
        key, account = self._opportunity()
        self.drain()
        lead = self._lead(key)
        self.assertEqual(lead.partner_id.name, "Initech")
        self.assertEqual(lead.partner_id, self.partner_of(account))
        self.assertEqual(lead.partner_id.country_id.code, "US")
        self.assertEqual((lead.expected_revenue, lead.won_status), (1500.0, "pending"))
        self.assertEqual(lead.user_id.login, "resolver")
        self.assertFalse(lead.hub_contract_id)

        self.sandbox.store.write("Opportunity", key, {"StageName": "Closed Won"})
        self.later()
        self.drain()
        contract = self._lead(key).hub_contract_id
        self.assertEqual(contract.state, "active")
        self.assertEqual(contract.sale_order_id.amount_untaxed, 1500.0)
        self.assertEqual(contract.sale_order_id.state, "sale")
        self.assertEqual(contract.project_id.hub_code, contract.code)
        row = self._row(key)
        self.assertEqual(row["Odoo_Contract_State__c"], "active")
        self.assertEqual(row["Odoo_Contracted_Amount__c"], contract.amount_total)
        self.assertEqual(row["Odoo_Project_Code__c"], contract.code)

        lead.partner_id.email = "billing@initech.example"
        invoice = self._invoice(contract, "4")
        self.later()
        self.drain()
        row = self._row(key)
        self.assertEqual(row["Odoo_Invoiced_Amount__c"], invoice.amount_total)
        self.assertEqual(row["Odoo_Last_Invoice__c"], invoice.name)
        self.assertEqual(self._row(account, "Account")["Odoo_Balance__c"], invoice.amount_total)
        # what we wrote comes back as a change there, and changes nothing here
        self.later()
        self.drain()
        self.assertEqual(self.env["hub.contract"].search_count([("lead_id", "=", lead.id)]), 1)
        self.assertFalse(self.issues())

    def test_a_session_that_ends_is_renewed_and_nobody_is_asked(self):
        key, _account = self._opportunity()
        token = self.env["hub.credential"].search(
            [("system_id", "=", self.system.id), ("name", "=", "access_token")]
        )
        self.assertTrue(token.expires_at, "taken anew before Salesforce ends it")
        self.sandbox.tokens.clear()
        self.drain()
        self.assertTrue(self._lead(key))
        self.assertEqual(self.system.state, "connected")
        tokens = [call for call in self.sandbox.journal if call["path"].endswith("/token")]
        self.assertEqual(len(tokens), 2, "one for the test, one for the whole run")

    def test_a_user_who_is_blocked_stops_the_system_until_a_person_mends_it(self):
        self._opportunity()
        self.sandbox.tokens.clear()
        self.sandbox.settings["run_as"] = False
        self.drain()
        self.system.invalidate_recordset()
        self.assertEqual(self.system.state, "error")
        self.assertTrue(self.issues("reconnect"))
        self.system.action_test_connection()
        self.assertIn("no user to run as", self.system.check_text)
        self.sandbox.settings["run_as"] = True
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)
        self.assertFalse(self.issues("reconnect"))

    def test_merged_accounts_lead_to_one_customer(self):
        _key, account = self._opportunity()
        other = self._seed("Account", Name="Initech Inc", BillingCountry="United States")
        self.drain()
        self.assertTrue(self.partner_of(account))
        self.sandbox.store.merge("Account", account, other)
        self.later()
        with patch.object(salesforce, "DELETIONS_EVERY", timedelta()):
            self.drain()
        messages = self.env["hub.message"].search(
            [("system_id", "=", self.system.id), ("action", "=", "merge")]
        )
        self.assertEqual(messages.mapped("external_id"), [other])
        self.assertEqual(messages.merged_into, account)

    def test_the_connection_test_says_what_is_missing(self):
        self.sandbox.settings.update(
            hidden_objects=("Contact",), read_only=("Odoo_Paid_Amount__c",), is_sandbox=False
        )
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "error")
        for text in (
            "✗ May read: Contact: the user does not see it",
            "✗ May write: Opportunity.Odoo_Paid_Amount__c: the user may not change the field",
            "✗ The account is what is set here: production or sandbox",
            "✓ API version 67.0 (the newest there is 68.0)",
            "✓ Calls used of those of 24 hours",
        ):
            self.assertIn(text, self.system.check_text)

    def test_a_sandbox_does_not_sign_in_to_a_production_system(self):
        self.system.environment = "production"
        self.env["hub.credential"].search([("name", "=", "access_token")]).unlink()
        self.system.action_test_connection()
        self.assertIn("of the other environment", self.system.check_text)
        self.assertEqual(self.system.state, "error")

    def test_mappings_say_what_is_asked_for_and_written(self):
        settings = self.system._settings()
        self.assertIn("Service_Line__c", settings["properties"]["opportunity"])
        self.assertIn("ProductCode", settings["properties"]["line_items"])
        self.assertIn("Odoo_Overdue__c", settings["written"]["customer"])

    def test_a_gap_in_the_list_of_deletions_reads_all_anew(self):
        key, _account = self._opportunity()
        self.drain()
        cursor = self.env["hub.cursor"].search([("stream_id.entity_id.code", "=", "opportunity")])
        cursor = cursor.filtered(lambda c: c.stream_id.direction == "in")
        position = dict(cursor.position)
        self.assertIn("main", position["changes"])
        position["deleted"] = {"covered": "2026-01-01T00:00:00.000Z"}
        position["phase"] = "deleted"
        page = self.env["hub.poll"]._page(self.system._connector(), "opportunity", position)
        self.assertNotIn("changes", page.cursor)
        self.assertNotIn("resync", page.cursor["deleted"])
        self.assertTrue(self._lead(key))


@tagged("post_install", "-at_install")
class TestSalesforceDoor(SalesforceMixin, HttpCase):
    """Outbound messages through the real route."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls.system = cls._make_salesforce()
        cls.org = SalesforceSandbox()
        cls.org.seed([{"type": "Account", "fields": {"Name": "Initech & Søns"}}])

    def _post(self, body, kind="text/xml; charset=utf-8"):
        url = f"{self.base_url()}/hub/webhook/{self.system.webhook_token}"
        return self.opener.post(url, data=body, headers={"Content-Type": kind}, timeout=30)

    def _stored(self):
        return self.env["hub.message"].search([("system_id", "=", self.system.id)])

    def test_a_message_is_stored_and_acknowledged_exactly(self):
        body = self.org.webhook_body(self.org.sender.events)
        for _turn in range(2):
            answer = self._post(body)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(answer.headers["Content-Type"], "text/xml; charset=utf-8")
            self.assertIn(
                '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound">'
                "<Ack>true</Ack></notificationsResponse>",
                answer.text,
            )
        message = self._stored()
        self.assertEqual(len(message), 1, "delivered twice, stored once")
        (key,) = self.org.store.rows["Account"]
        self.assertEqual((message.external_id, message.state), (key, "received"))
        body = bytes(message.payload_id.body).decode()
        self.assertNotIn("secret-session", body)

    def test_another_organisation_and_bad_xml_are_not_acknowledged(self):
        body = self.org.webhook_body(self.org.sender.events)
        other = body.replace(ORG.encode(), b"00DHs000000otherMA")
        for bad, status in ((other, 401), (b"<!DOCTYPE x []><x/>", 400), (b"", 400)):
            answer = self._post(bad)
            self.assertEqual(answer.status_code, status)
            self.assertNotIn("Ack", answer.text)
        self.assertFalse(self._stored())
