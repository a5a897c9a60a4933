from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, tagged

from ..connectors import get_connector_class
from .hub_common import PORTAL, SECRET, TOKEN, HubCase, HubMixin
from .view_common import HubBrowser


class ConnectMixin(HubMixin):
    """A portal with three companies and two contacts that nobody has connected yet."""

    def portal(self):
        self.env["ir.config_parameter"].set_param(
            "lead_to_cash_hub.public_url", "https://hub.example.com"
        )
        sandbox = self._use_sandbox(self.env["hub.system"])
        for number in range(1, 4):
            name = f"Firm {'ABC'[number - 1] * 5}"
            sandbox.store.create(
                "companies", {"name": name, "domain": f"firm{number}.example"}, id=f"70{number}"
            )
        for number in (1, 2):
            person = {
                "firstname": "Pat",
                "lastname": f"Person {number}",
                "email": f"p{number}@firm1.example",
            }
            sandbox.store.create("contacts", person, id=f"80{number}")
            sandbox.store.associate(
                "contacts", f"80{number}", "companies", f"70{number}", primary=True, quiet=True
            )
        return sandbox

    def _point(self, system, url):
        self.url = url
        self.env.flush_all()


@tagged("post_install", "-at_install")
class TestConnect(ConnectMixin, HubCase):
    def setUp(self):
        super().setUp()
        self.portal()
        self.manager = self._make_role("hub_connecter", "manager")

    def begin(self, **values):
        form = Form(self.env["hub.connect"].with_user(self.manager))
        form.product = "hubspot"
        self.assertEqual((form.name, form.address), ("HubSpot", "https://api.hubapi.com"))
        form.environment = "sandbox"
        form.address = self.url
        for name, value in values.items():
            setattr(form, name, value)
        return form.save()

    def sign_in(self, connect):
        connect.action_make()
        connect.account_ref = PORTAL
        for line in connect.secret_ids:
            line.secret = {"access_token": TOKEN, "client_secret": SECRET}.get(line.name, False)
        connect.action_test()
        connect.action_exchange()

    def choose(self, connect, *codes):
        for line in connect.stream_ids:
            line.chosen = line.entity_id.code in codes
        connect.action_choose()

    def names(self):
        return self.env["res.partner"].search(
            [("name", "like", "Firm %"), ("is_company", "=", True)]
        )

    def test_from_nothing_to_live_records(self):
        connect = self.begin(name="Main portal")
        self.sign_in(connect)
        system = connect.system_id
        self.assertEqual(
            (system.name, system.state, system.paused), ("Main portal", "connected", True)
        )
        self.choose(connect, "customer", "contact")
        self.assertEqual(
            set(system.stream_ids.filtered(lambda s: s.direction == "in").entity_id.mapped("code")),
            {"customer", "contact"},
        )
        connect.action_try()
        connect.invalidate_recordset()
        self.assertFalse(connect.fault_text)
        rows = connect.simulation_id.message_ids
        self.assertEqual((len(rows), set(rows.mapped("outcome"))), (5, {"done"}))
        self.assertIn("Would be applied", connect.report_html)
        self.drain()
        self.assertFalse(self.names(), "a try applies nothing, and a paused system reads nothing")
        connect.action_load()
        self.drain()
        self.assertEqual(len(self.names()), 3)
        connect.stream_ids.invalidate_recordset()
        line = connect.stream_ids.filtered(lambda one: one.entity_id.code == "customer")
        self.assertEqual(
            (line.read_count, line.done_count, line.open_count, line.asked_count, line.reading),
            (3, 3, 0, 0, False),
            "what was tried is not read twice",
        )
        self.assertEqual(connect.action_finish()["res_id"], system.id)

    def test_a_first_load_goes_behind_live_traffic(self):
        connect = self.begin()
        self.sign_in(connect)
        self.choose(connect, "customer")
        connect.action_load()
        self.drain()
        batch = self.env.ref("lead_to_cash_hub.lane_batch")
        self.env.cr.execute(
            "SELECT DISTINCT lane FROM hub_message WHERE system_id = %s", [connect.system_id.id]
        )
        self.assertEqual(self.env.cr.fetchall(), [(batch.number,)])

    def test_a_closed_lane_does_not_keep_a_first_load_waiting(self):
        batch = self.env.ref("lead_to_cash_hub.lane_batch")
        self.assertEqual(self.env["hub.lane"]._of_first_loads(), batch.number)
        batch.closed = True
        self.assertIsNone(self.env["hub.lane"]._of_first_loads())

    def test_a_secret_goes_to_the_credentials_only(self):
        connect = self.begin()
        connect.action_make()
        line = connect.secret_ids.filtered(lambda one: one.name == "access_token")
        self.assertFalse(line.is_set)
        line.secret = TOKEN
        line.secret = TOKEN  # entered again: there is still one
        self.env.flush_all()
        self.assertTrue(line.is_set)
        self.env.invalidate_all()
        self.assertFalse(line.secret)
        self.env.cr.execute("SELECT row_to_json(s)::text FROM hub_connect_secret s")
        self.assertNotIn(TOKEN, str(self.env.cr.fetchall()))

    def test_what_is_missing_is_said(self):
        connect = self.begin()
        connect.action_make()
        with self.assertRaisesRegex(UserError, "does not work yet"):
            connect.action_exchange()
        with self.assertRaisesRegex(UserError, "Still missing: Access token"):
            connect.action_test()
        for line in connect.secret_ids:
            line.secret = "pat-wrong" if line.required else False
        connect.action_test()
        self.env.invalidate_all()
        self.assertEqual((connect.state, connect.step), ("error", "sign_in"))
        self.assertIn("✗", connect.check_text)

    def test_no_address_no_choice_no_journal(self):
        with self.assertRaisesRegex(UserError, "address of its own"):
            self.begin(address=False).action_make()
        connect = self.begin()
        self.sign_in(connect)
        with self.assertRaisesRegex(UserError, "at least one kind"):
            self.choose(connect)
        payment = self.env["hub.stream"].create(
            {
                "system_id": connect.system_id.id,
                "entity_id": self.env.ref("lead_to_cash_hub.entity_payment").id,
                "process_id": self.env.ref("lead_to_cash_hub.process_master_data").id,
                "active": False,
            }
        )
        connect.stream_ids = [(0, 0, {"stream_id": payment.id})]
        with self.assertRaisesRegex(UserError, "choose the bank or cash journal"):
            self.choose(connect, "payment")

    def test_a_product_that_fails_is_a_sentence_and_the_rest_is_tried(self):
        connect = self.begin()
        self.sign_in(connect)
        self.choose(connect, "customer", "contact")
        connector = type(connect.system_id._connector())
        real = connector.poll

        def poll(own, entity, cursor, now):
            if entity == "contact":
                raise ValueError("no sentence of a connector")
            return real(own, entity, cursor, now)

        self.patch(connector, "poll", poll)
        with self.assertLogs("odoo.addons.lead_to_cash_hub", "ERROR") as logs:
            connect.action_try()
        self.assertNotIn("no sentence of a connector", str(logs.output))
        connect.invalidate_recordset()
        self.assertIn("Contact", connect.fault_text)
        self.assertEqual(len(connect.simulation_id.message_ids), 3)

    def test_a_running_system_is_not_tried(self):
        connect = self.begin()
        self.sign_in(connect)
        self.choose(connect, "customer")
        connect.action_load()
        with self.assertRaisesRegex(UserError, "runs already"):
            connect.action_try()

    def test_it_goes_on_where_it_stood(self):
        connect = self.begin()
        connect.action_make()
        again = self.env["hub.connect"].browse(connect.system_id.action_connect()["res_id"])
        self.assertEqual((again.step, again.system_id), ("sign_in", connect.system_id))
        connect.system_id.sudo().state = "connected"
        again = self.env["hub.connect"].browse(connect.system_id.action_connect()["res_id"])
        self.assertEqual(again.step, "exchange")

    def test_only_a_manager_connects(self):
        resolver = self._make_role("hub_connect_resolver", "resolver")
        with self.assertRaises(AccessError):
            self.env["hub.connect"].with_user(resolver).create({"product": "hubspot"})
        with self.assertRaises(AccessError):
            self.env["hub.system"].create({"name": "Mine", "product": "hubspot"}).with_user(
                resolver
            ).action_connect()


@tagged("post_install", "-at_install")
class TestConnectTour(ConnectMixin, HubBrowser, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company, cls.system = cls.env.company, cls.env["hub.system"]

    def test_a_system_is_connected_step_by_step(self):
        self.portal()
        self._make_role("hub_connecter", "manager")
        self.patch(get_connector_class("hubspot"), "default_base_url", self.url)
        self.start_tour("/odoo/hub-connect", "hub_connect", login="hub_connecter", timeout=180)
        system = self.env["hub.system"].search([("name", "=", "HubSpot by tour")])
        self.assertEqual((system.state, system.paused), ("connected", False))
