import json

from odoo.tests import tagged

from .view_common import HubBrowser, HubScreens


@tagged("post_install", "-at_install")
class TestOwnershipTours(HubScreens, HubBrowser):
    """The matrix, the conflict form and the origins of fields, in a browser."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.system = cls.make_system()
        cls.partner = cls.env["res.partner"].create(
            {"name": "Acme Ltd", "is_company": True, "street": "9 Odoo St", "phone": "+1 111"}
        )
        for user in (cls.resolver, cls.manager):
            user.group_ids += cls.env.ref("base.group_partner_manager")

    def agree(self, external_id, base, held, unsettled=None, stamps=()):
        """A link as the engine leaves it."""
        self.link(self.system, "customer", external_id, self.partner)
        self.env.cr.execute(
            "UPDATE hub_link SET base = %s, held = %s, unsettled = %s WHERE external_id = %s",
            [json.dumps(base), json.dumps(held), json.dumps(unsettled), external_id],
        )
        stamp = {
            "system": self.system.id,
            "at": "2026-03-01 12:00:00",
            "rule": "system",
            "why": "owner",
        }
        self.env.cr.execute(
            "UPDATE hub_record SET provenance = %s WHERE res_model = 'res.partner' AND res_id = %s",
            [json.dumps(dict.fromkeys(stamps, stamp)), self.partner.id],
        )
        self.env.invalidate_all()

    def test_the_matrix(self):
        self.start_tour(
            "/odoo/hub-ownership", "hub_ownership_matrix", login="hub_manager", timeout=180
        )
        self.env.invalidate_all()
        phone = self.env.ref("lead_to_cash_hub.field_customer_phone")
        rule = self.env["hub.ownership"].search([("field_id", "=", phone.id)])
        self.assertEqual((rule.rule, rule.owner_id), ("system", self.system))
        grant = self.env["hub.grant"].search([("system_id", "=", self.system.id)])
        self.assertEqual((grant.field_id.name, grant.approver_id), ("balance", self.manager))

    def test_a_conflict_is_decided(self):
        self.agree(
            "70",
            {"street": "1 First St"},
            {"street": "1 First St"},
            {"disputed": {"street": "2 Second St"}},
        )
        messages = self.receive(self.system, "customer", "70")
        self.need_person(
            messages, "merge_conflict", {"fields": ["street"], "entity_code": "customer"}
        )
        self.start_tour("/odoo/hub-issues", "hub_conflict", login="hub_resolver", timeout=180)
        self.env.invalidate_all()
        self.assertEqual(messages.state, "pending")
        self.assertEqual(messages.decision["merge"]["street"]["take"], "source")
        self.assertEqual(messages.decision["by"], self.resolver.id)

    def test_where_fields_come_from_and_a_release(self):
        self.agree(
            "71",
            {"name": "Acme Ltd", "phone": "+1 222"},
            {"name": "Acme Ltd", "phone": "+1 222"},
            stamps=("name", "phone"),
        )
        messages = self.receive(self.system, "customer", "71")
        self.start_tour(
            f"/odoo/res.partner/{self.partner.id}", "hub_origins", login="hub_resolver", timeout=180
        )
        self.env.invalidate_all()
        self.assertEqual(messages.decision["release"], ["phone"])
