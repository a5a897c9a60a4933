"""A declared connector under change control: how a product speaks is configuration like the rest."""

import base64

from odoo.exceptions import AccessError, RedirectWarning, ValidationError
from odoo.fields import Command
from odoo.tests import TransactionCase, tagged

from ..connectors import documents
from .declared_common import DeclaredMixin
from .test_declared_access import GOOD


@tagged("post_install", "-at_install")
class TestChangeConnector(DeclaredMixin, TransactionCase):
    """Proposed, approved and in force row by row, and judged as a whole."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.approver = cls._make_role("chief", "configuration_approver")
        cls.finance = cls._make_role("finance", "billing_approver")
        cls.connector = cls._import(cls, GOOD)
        cls.system = cls.env["hub.system"].create(
            {"name": "Bureau", "product": cls.connector.code, "company_ids": [(6, 0, cls.company.ids)],
             "environment": "production"}
        )  # fmt: skip
        cls.system.needs_approval = True
        cls.stream = cls.connector.stream_ids.filtered(lambda s: s.entity_id.code == "customer")

    def setUp(self):
        super().setUp()
        self._start_engine()

    def propose(self, act):
        """What a form would do, as a draft; first it is refused."""
        with self.assertRaises(RedirectWarning) as caught, self.env.cr.savepoint():
            act()
        self.env.invalidate_all()
        wanted = caught.exception.args[3]["hub_proposal"]
        model = self.env["hub.change"].with_user(self.admin)
        action = model.with_context(hub_proposal=wanted)._propose_here()
        change = model.browse(action["res_id"])
        change.why = "The product changed."
        return change

    def in_force(self, change):
        change.action_submit()
        for user in (self.approver, self.finance):
            if change.state == "submitted":
                change.with_user(user).action_approve()
        change.with_user(self.approver).action_apply()
        self.assertEqual((change.state, change.problem), ("applied", False))

    def test_forms_parts_and_files_are_proposed(self):
        mine = self.connector.with_user(self.admin)
        part = self.stream.with_user(self.admin)
        for name, act in {
            "the form": lambda: mine.write({"scope": "all"}),
            "a part in the form": lambda: mine.write({"stream_ids": [Command.update(part.id, {"path": "/people"})]}),
            "a part by itself": lambda: part.write({"path": "/people"}),
            "a part less": lambda: part.unlink(),
            "a part more": lambda: part.copy({"entity_id": self._entity("contact").id}),
        }.items():  # fmt: skip
            with self.subTest(name), self.assertRaises(RedirectWarning), self.env.cr.savepoint():
                act()
        mine.note = "what is no part of the declaration may change"
        document = {**GOOD, "writes": []}
        wizard = self.env(user=self.admin)["hub.connector.import"].create(
            {"file": base64.b64encode(documents.write_yaml(document).encode())}
        )
        action = wizard.action_read()
        self.assertEqual(action["res_model"], "hub.change")
        self.assertIn("writes", self.connector.declaration, "nothing counts yet")
        change = self.env["hub.change"].with_user(self.admin).browse(action["res_id"])
        change.why = "Nothing is sent any more."
        self.in_force(change)
        self.assertNotIn("writes", self.connector.declaration)

    def test_it_speaks_differently_from_then_on_and_back_again(self):
        before = self.connector.declaration
        change = self.propose(
            lambda: self.connector.with_user(self.admin).write(
                {"scope": "read", "stream_ids": [Command.update(self.stream.id, {"path": "/people"})]}
            )
        )  # fmt: skip
        self.assertEqual(
            {(item.res_model, item.kind) for item in change.item_ids},
            {("hub.connector", "write"), ("hub.connector.stream", "write")},
        )
        self.assertIn("/people", " ".join(change.item_ids.mapped("difference")))
        self.assertEqual(change.system_ids, self.system)
        self.assertEqual(self.connector.declaration, before)
        self.in_force(change)
        spoken = self.system._connector_class().declaration
        path = {one["entity"]: one["path"] for one in spoken["streams"]}["customer"]
        self.assertEqual((path, spoken["sign_in"]["scope"]), ("/people", "read"))
        change.action_undo()
        self.assertEqual(self.connector.declaration, before)

    def test_a_new_part_brings_its_stream_once(self):
        contact = self._entity("contact")
        change = self.propose(
            lambda: self.connector.with_user(self.admin).write(
                {"stream_ids": [Command.create({"entity_id": contact.id, "path": "/contacts", "id_path": "id"})]}
            )
        )  # fmt: skip
        self.assertEqual(change.item_ids.mapped("res_model"), ["hub.connector.stream"])
        self.in_force(change)
        self.assertEqual(len(self._stream(self.system, "contact")), 1)
        self.assertFalse(self._stream(self.system, "contact").active)

    def test_what_only_works_together_comes_together(self):
        """Each difference alone would be refused; the whole is judged."""
        change = self.propose(
            lambda: self.connector.with_user(self.admin).write(
                {"webhook_signed": "{timestamp}.{body}", "webhook_time_header": "X-Time"}
            )
        )
        self.in_force(change)
        with self.assertRaises(ValidationError):
            self.env["hub.change"].with_user(self.admin).propose(
                "hub.connector", "write", self.connector.ids, {"webhook_time_header": False}
            )

    def test_an_address_is_for_settings_administrators_in_a_change_too(self):
        model = self.env["hub.change"].with_user(self.manager)
        with self.assertRaisesRegex(AccessError, "Settings"), self.env.cr.savepoint():
            model.propose(
                "hub.connector", "write", self.connector.ids, {"base_url": "https://evil.example"}
            )
        self.env["hub.connector"].browse(self.connector.id).write(
            {"sign_in_kind": "client_credentials", "token_url": "https://bureau.example/token",
             "sign_in_name": False}
        )  # fmt: skip
        self.env["hub.credential"].search([("system_id", "=", self.system.id)]).unlink()
        secret = self.env["hub.credential"].create(
            {
                "system_id": self.system.id,
                "name": "client_secret",
                "secret": "for the former address",
            }
        )
        change = self.propose(
            lambda: self.connector.with_user(self.admin).write(
                {"token_url": "https://new.example/token"}
            )
        )
        self.assertTrue(secret.envelope)
        self.in_force(change)
        self.assertFalse(secret.envelope, "a secret never travels to another address")
