from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .business_common import BusinessCase
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestSnapshot(BusinessCase):
    def test_backlog_is_what_was_signed_less_what_was_invoiced_before_taxes(self):
        contract = self._start_deal()
        self._book(contract, "8", "7.5")
        invoice = self._bill(contract)
        self._approve(invoice)
        self.env["hub.snapshot"]._take()
        self.env["hub.snapshot"]._take()
        row = self.env["hub.snapshot"].search([("contract_id", "=", contract.id)])
        self.assertEqual(len(row), 1)
        self.assertEqual((row.amount, row.invoiced), (15000.0, 15.5 * 150))
        self.assertEqual(row.remaining, 15000.0 - 15.5 * 150)
        self.assertEqual(row.currency_id, contract.currency_id)


@tagged("post_install", "-at_install")
class TestPayloadAccess(HubCase):
    def test_bytes_are_read_by_nobody_but_through_the_text(self):
        (message,) = self.work(self._company("1"))
        manager = self._make_role("payload_manager", "manager")
        payload = message.with_user(manager).payload_id
        for fields in (["body"], ["digest", "body"]):
            with self.assertRaises(AccessError):
                payload.read(fields)
            with self.assertRaises(AccessError):
                payload.search_read([], fields)
        self.assertIn("Company 1", payload.text)

    def test_text_follows_the_record_that_the_payload_became(self):
        (message,) = self.work(self._company("2"))
        manager = self._make_role("payload_manager", "manager")
        self.env["ir.rule"].create(
            {
                "name": "nobody sees this partner",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {message.res_id})]",
            }
        )
        with self.assertRaises(AccessError):
            message.with_user(manager).payload_id.read(["text"])


@tagged("post_install", "-at_install")
class TestBinding(HubCase):
    def test_binding_an_entity_needs_the_settings_right(self):
        manager = self._make_role("binding_manager", "manager")
        entities = self.env["hub.entity"].with_user(manager)
        entity = entities.search([("code", "=", "customer")])
        entity.name = "Client"  # its words are the manager's
        leads = self.env["ir.model"]._get("crm.lead")
        with self.assertRaises(AccessError):
            entity.write({"model_id": leads.id})
        with self.assertRaises(AccessError):
            entities.create({"name": "X", "code": "x", "handler": "hub.handler.customer"})

    def test_not_even_settings_users_bind_users_groups_or_the_system(self):
        for model in ("res.users", "res.groups", "ir.actions.server", "hub.system"):
            bound = self.env["ir.model"]._get(model)
            with self.assertRaises(ValidationError):
                self.env["hub.entity"].create({"name": "X", "code": "x", "model_id": bound.id})
            with self.assertRaises(ValidationError):
                self.env["hub.vocabulary"].create({"name": "X", "code": "x", "model_id": bound.id})
