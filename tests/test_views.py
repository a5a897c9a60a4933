from lxml import etree
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, TransactionCase, new_test_user, tagged

from .view_common import HubScreens

WINDOW = "ir.actions.act_window"
READERS = ("viewer", "resolver", "manager", "auditor", "approver")
# What each role may press on the forms, beyond looking.
BUTTONS = {
    "hub.system": {"action_test_connection": {"manager"}, "action_pause": {"manager"}},
    "hub.stream": {"action_poll_now": {"manager"}},
    "hub.message": {"action_plan_replay": {"resolver", "manager"}},
    "hub.issue": {
        "action_map": {"resolver", "manager"},
        "action_skip": {"resolver", "manager"},
        "action_plan_replay": {"resolver", "manager"},
    },
    "account.move": {"action_hub_approve": {"approver"}},
}


@tagged("post_install", "-at_install")
class TestViews(HubScreens, TransactionCase):
    """Every screen opens for every role, and offers only what the role may do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()  # the hub's short transactions stay in the test
        cls.make_people()
        cls.system = cls.make_system()
        cls.issue = cls.unknown_word(cls.system, "900", "901")
        cls.customer = cls.env["res.partner"].create({"name": "Journey Ltd", "is_company": True})
        cls.link(cls.system, "customer", "50", cls.customer)

    def actions(self, user):
        """Window actions of the addon that ``user`` reaches through a menu."""
        menus = self.env["ir.ui.menu"].with_user(user)
        visible = menus.browse(menus._visible_menu_ids())
        for menu in visible.sudo():
            name = menu.get_external_id().get(menu.id, "")
            action = menu.action
            if name.startswith("lead_to_cash_hub.") and action and action._name == WINDOW:
                yield action

    def arch(self, model, kind, user, view_id=None):
        views = self.env[model].with_user(user).get_views([(view_id, kind), (None, "search")])
        return etree.fromstring(views["views"][kind]["arch"])

    def test_odoo_has_nothing_to_say_against_any_view(self):
        """What it writes into the log of an installation: words left out, rights that do not fit."""
        views = self.env["ir.ui.view"].search([("model_data_id.module", "=", "lead_to_cash_hub")])
        self.assertGreater(len(views), 100)
        with self.assertNoLogs("odoo.addons.base.models.ir_ui_view", "WARNING"):
            views._check_xml()

    def test_every_menu_opens_for_every_role(self):
        for role in READERS:
            user = getattr(self, role)
            seen = 0
            for action in self.actions(user):
                seen += 1
                with self.subTest(role=role, action=action.name):
                    model = self.env[action.res_model].with_user(user)
                    views = model.get_views([*action.views, (action.search_view_id.id, "search")])
                    if model._transient:
                        continue
                    for kind, view in views["views"].items():
                        if kind != "search":
                            arch = etree.fromstring(view["arch"])
                            names = arch.xpath("//field[not(ancestor::field)]/@name")
                            model.search([], limit=5).read(list(set(names)))
            self.assertGreater(seen, 8)

    def test_someone_without_a_role_does_not_see_the_app(self):
        employee = new_test_user(self.env, "hub_nobody", groups="base.group_user")
        self.assertFalse(list(self.actions(employee)))

    def test_buttons_are_those_of_the_role(self):
        for model, buttons in BUTTONS.items():
            for role in READERS:
                user = getattr(self, role)
                if not self.env[model].with_user(user).has_access("read"):
                    continue
                arch = self.arch(model, "form", user)
                for button, roles in buttons.items():
                    with self.subTest(model=model, role=role, button=button):
                        found = arch.xpath(f"//header/button[@name='{button}']")
                        self.assertEqual(bool(found), role in roles)

    def test_secrets_are_offered_to_managers_only_and_never_come_back(self):
        self.assertTrue(
            self.arch("hub.system", "form", self.manager).xpath("//page[@name='credentials']")
        )
        for user in (self.viewer, self.resolver, self.auditor):
            page = self.arch("hub.system", "form", user).xpath("//page[@name='credentials']")
            self.assertFalse(page)
        secret = self.arch("hub.system", "form", self.manager).xpath(
            "//page[@name='credentials']//list/field[@name='secret']"
        )
        self.assertEqual(secret[0].get("password"), "True")

    def test_stored_content_is_for_managers_and_auditors(self):
        message = self.issue.exception_ids.message_id[0]
        for user in (self.viewer, self.resolver):
            self.assertFalse(
                self.arch("hub.message", "form", user).xpath("//page[@name='payload']")
            )
            with self.assertRaises(AccessError):
                message.with_user(user).read(["payload_text"])
        for user in (self.manager, self.auditor):
            self.assertIn("Ädam", message.with_user(user).payload_text)

    def test_content_follows_the_record_that_it_became(self):
        message = self.issue.exception_ids.message_id[0]
        lead = self.env["crm.lead"].create({"name": "Secret deal", "type": "opportunity"})
        self.env.cr.execute(
            "UPDATE hub_message SET res_model = 'crm.lead', res_id = %s WHERE id = %s",
            [lead.id, message.id],
        )
        self.env.invalidate_all()
        # An auditor without rights in sales reads neither the deal's name nor its payload.
        seen = message.with_user(self.auditor)
        self.assertNotIn("Ädam", seen.payload_text)
        self.assertFalse(seen.record_name)

    def test_no_field_of_raw_data_is_on_a_screen(self):
        """Stored JSON is raw; what is computed for a widget is made for its reader."""
        views = self.env["ir.ui.view"].search(
            [("model", "=like", "hub.%"), ("type", "in", ("form", "list", "kanban"))]
        )
        raw = [
            (view.name, name)
            for view in views
            for name in etree.fromstring(view.get_combined_arch()).xpath(
                "//field[not(ancestor::field)]/@name"
            )
            if self.env[view.model]._fields[name].type == "json"
            and self.env[view.model]._fields[name].store
        ]
        self.assertEqual(raw, [])

    def test_streams_are_found_by_their_health(self):
        streams = self.env["hub.stream"]
        attention = streams.search([("health", "=", "attention")])
        self.assertIn(
            "opportunity",
            attention.filtered(lambda stream: stream.system_id == self.system).mapped(
                "entity_id.code"
            ),
        )
        self.assertFalse(
            streams.search([("health", "=", "paused"), ("system_id", "=", self.system.id)])
        )
        self.system.action_pause()
        self.env.invalidate_all()  # what a next request would see
        paused = streams.search([("health", "=", "paused"), ("system_id", "=", self.system.id)])
        self.assertEqual(paused, self.system.stream_ids)

    def test_a_resolver_without_rights_on_models_decides(self):
        messages = self.receive(self.system, "customer", "77")
        issue = self.need_person(
            messages,
            "possible_duplicate",
            {"name": "Jurney", "candidate_names": "Journey Ltd", "candidates": [self.customer.id]},
            process="master_data",
        )
        action = issue.with_user(self.resolver).action_link()
        wizard = Form(
            self.env["hub.resolve"].with_user(self.resolver).with_context(**action["context"])
        )
        self.assertEqual(wizard.record_id, self.customer.id)
        self.assertEqual(wizard.model_name, "res.partner")
        wizard.save().action_confirm()
        messages.invalidate_recordset()
        self.assertEqual(messages.state, "pending")
        self.assertEqual(messages.decision["link"], self.customer.id)

    def test_a_payment_that_fits_nothing_is_told_its_invoice(self):
        system = self.env["hub.system"].create(
            {
                "name": "Stripe",
                "product": "stripe",
                "base_url": "https://stripe.invalid",
                "company_ids": [Command.set(self.env.company.ids)],
            }
        )
        messages = self.receive(system, "payment", "pi_1")
        issue = self.need_person(
            messages,
            "payment_unmatched",
            {"amount": "100.00", "currency": "USD"},
            process="payment_to_receivable",
        )
        invoice = self.env["account.move"].create(
            {"move_type": "out_invoice", "partner_id": self.customer.id}
        )
        action = issue.action_link()
        wizard = self.env["hub.resolve"].with_context(**action["context"]).create({})
        with self.assertRaises(UserError):
            wizard.action_confirm()
        wizard.invoice_id = invoice
        wizard.action_confirm()
        messages.invalidate_recordset()
        self.assertEqual(messages.state, "pending")
        self.assertEqual(messages.decision["invoice"], invoice.id)
        self.assertNotIn("link", messages.decision)

    def test_a_partner_shows_its_journey(self):
        self.env.cr.execute(
            "UPDATE hub_message SET res_model = 'res.partner', res_id = %s WHERE id = ANY(%s)",
            [self.customer.id, self.receive(self.system, "customer", "51", "52").ids],
        )
        # A failed message has no record yet; the link of its source's record knows the customer.
        self.need_person(
            self.receive(self.system, "customer", "50"),
            "missing_value",
            {"field": "Name"},
            process="master_data",
        )
        customer = self.customer.with_user(self.viewer)
        self.assertEqual(customer.hub_link_count, 1)
        self.assertEqual(customer.hub_message_count, 2)
        self.assertEqual(customer.hub_exception_count, 1)
        domain = customer.action_hub_messages()["domain"]
        self.assertEqual(self.env["hub.message"].search_count(domain), 2)
        domain = customer.action_hub_exceptions()["domain"]
        self.assertEqual(self.env["hub.exception"].search_count(domain), 1)

    def test_journeys_of_many_cost_what_one_costs(self):
        partners = self.env["res.partner"].create([{"name": f"P{i}"} for i in range(20)])
        for index, partner in enumerate(partners):
            self.link(self.system, "customer", f"6{index:02}", partner)

        def cost(records):
            self.env.flush_all()
            self.env.invalidate_all()
            records = records.with_user(self.viewer)
            before = self.env.cr.sql_log_count
            self.assertEqual(sum(records.mapped("hub_link_count")), len(records))
            return self.env.cr.sql_log_count - before

        cost(partners[:1])  # caches of access rights
        self.assertLessEqual(cost(partners), cost(partners[:2]))

    def test_a_contract_is_one_journey_with_its_deal(self):
        lead = self.env["crm.lead"].create({"name": "Deal", "type": "opportunity"})
        contract = self.env["hub.contract"].create(
            {"name": "Deal", "partner_id": self.customer.id, "lead_id": lead.id}
        )
        self.link(self.system, "opportunity", "321", lead)
        self.assertEqual(contract.hub_link_count, 1)
        self.assertEqual(lead.hub_link_count, 1)

    def test_names_and_values_are_read_as_sentences(self):
        found = self.env["hub.link"].search([("external_id", "=", "50")])
        self.assertEqual(found.record_name, "Journey Ltd")
        self.assertEqual(found.base_text, "Name: Journey Ltd")
        row = self.env["hub.audit"].search([("system_id", "=", self.system.id)], limit=1)
        self.assertIn("hubspot", row.with_user(self.auditor).values_text.lower())
        self.assertEqual(row.record_name, "Tour system")
