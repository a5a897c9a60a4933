import base64
import csv
import io

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestByHand(HubCase):
    """What waits to be sent leaves as a file, and what a person entered is not sent again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("hand-manager", "manager")
        cls.resolver = cls._make_role("hand-resolver", "resolver")
        cls.out = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "out"
        )

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.balance = {}
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                key: {"balance": self.balance.get(key, "=1+1")} for key in records.ids
            },
        )
        self.work(self._company("71", name="One"))
        self.out.write({"active": True, "create_missing": True, "paused": True})
        self.new = self.env["res.partner"].create({"name": "New one", "is_company": True})
        self.known = self.partner_of("71")
        self._change(self.new + self.known)
        self.messages = self.env["hub.message"].search([("direction", "=", "out")], order="id")

    def _change(self, partners):
        self.env["hub.compose"]._mark_all("res.partner", partners.ids)
        self.drain()

    def _wizard(self, user=None):
        return (
            self.env["hub.by.hand"]
            .with_user(user or self.manager)
            .create({"stream_id": self.out.id})
        )

    def _lines(self, wizard):
        return {line.message_id.res_id: line for line in wizard.line_ids}

    def test_what_waits_is_exported_and_no_cell_is_a_formula(self):
        self.assertEqual(set(self.messages.mapped("state")), {"pending"})
        wizard = self._wizard()
        words = dict(wizard.line_ids._fields["action"]._description_selection(self.env))
        self.assertEqual(
            {res_id: words[line.action] for res_id, line in self._lines(wizard).items()},
            {self.new.id: "Create it", self.known.id: "Change it"},
        )
        wizard.action_export()
        text = base64.b64decode(wizard.file).decode("utf-8-sig")
        rows = {row["record"]: row for row in csv.DictReader(io.StringIO(text))}
        self.assertEqual(set(rows), {"New one", "One"})
        self.assertEqual(rows["One"]["external_id"], "71")
        (value,) = {value for name, value in rows["New one"].items() if name.endswith("balance")}
        self.assertEqual(value, "'=1+1")
        self.assertTrue(self.env["hub.audit"].search([("action", "=", "export")]))

    def test_what_was_entered_is_linked_and_not_sent_again(self):
        wizard = self._wizard()
        lines = self._lines(wizard)
        lines[self.new.id].write({"sent": True, "external_id": " 99 "})
        lines[self.known.id].sent = True
        wizard.action_sent()
        self.assertEqual(set(self.messages.mapped("state")), {"done"})
        self.assertEqual(self.partner_of("99"), self.new)
        self.assertIn("hand-manager", self.messages[0].explanation)
        self.out.action_resume()
        self._change(self.new + self.known)
        self.assertFalse(self.stub.effects, "the same values do not go out again")
        self.balance = {self.new.id: "7"}
        self._change(self.new)
        self.assertEqual(len(self.stub.effects), 1)

    def test_what_was_entered_adds_to_what_is_known_of_the_other_side(self):
        message = self.messages.filtered(lambda m: m.res_id == self.known.id)
        self.env.cr.execute(
            """UPDATE hub_link SET sent = '{"name": "One"}' WHERE external_id = '71'"""
        )
        self.env.cr.execute(
            """UPDATE hub_message SET offers = '{"phone": "+49 1"}' WHERE id = %s""", [message.id]
        )
        self.env.invalidate_all()
        wizard = self._wizard()
        self._lines(wizard)[self.known.id].sent = True
        wizard.action_sent()
        self.env.invalidate_all()
        link = self.env["hub.link"].search([("external_id", "=", "71")])
        self.assertEqual(link.sent, {"name": "One", "odoo_balance": "=1+1"})
        self.assertEqual(link.held["phone"], "+49 1")
        self.assertEqual(link.unsettled["sent"], {"phone": "+49 1"}, "it comes back as an echo")

    def test_what_is_made_there_needs_its_id(self):
        wizard = self._wizard()
        self._lines(wizard)[self.new.id].sent = True
        with self.assertRaisesRegex(UserError, "Which id"):
            wizard.action_sent()
        self._lines(wizard)[self.new.id].external_id = "71"
        with self.assertRaisesRegex(UserError, "another record"):
            wizard.action_sent()
        self._lines(wizard)[self.new.id].external_id = "7\n1"
        with self.assertRaises(ValidationError):
            wizard.action_sent()
        self.assertEqual(set(self.messages.mapped("state")), {"pending"})

    def test_nothing_is_exported_while_the_stream_sends(self):
        self.out.paused = False
        with self.assertRaisesRegex(UserError, "Pause"):
            self._wizard()

    def test_a_message_that_was_replaced_meanwhile_is_not_marked(self):
        wizard = self._wizard()
        self.balance = {self.known.id: "8"}
        self._change(self.known)
        self._lines(wizard)[self.known.id].sent = True
        with self.assertRaisesRegex(UserError, "meanwhile"):
            wizard.action_sent()

    def test_what_may_have_taken_effect_is_not_entered_again(self):
        self.env.cr.execute(
            """UPDATE hub_message SET reason = 'error_connection', maybe_sent = TRUE
                WHERE id = %s""",
            [self.messages[0].id],
        )
        self.env.invalidate_all()
        self.assertNotIn(self.messages[0], self._wizard().line_ids.message_id)

    def test_only_managers_of_the_company(self):
        with self.assertRaises(AccessError):
            self._wizard(self.resolver)
        with self.assertRaises(AccessError):
            self.out.with_user(self.resolver).action_by_hand()
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        with self.assertRaises(AccessError):
            self._wizard(self._make_role("hand-stranger", "manager", company=elsewhere))

    def test_ticking_nothing_does_nothing(self):
        with self.assertRaises(UserError):
            self._wizard().action_sent()
