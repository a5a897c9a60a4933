"""Forms that a person fills in hold values of records and choices: they are that person's own."""

import base64

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_ownership import OwnershipCase


@tagged("post_install", "-at_install")
class TestFormsOfOthers(OwnershipCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The same rights, in the same company: nothing else keeps them apart.
        cls.eve = cls._make_role("eve", "resolver", "manager", "base.group_partner_manager")

    def assertOwn(self, form, **vals):
        """``form`` is open to whoever made it, and to nobody else."""
        form.read()
        theirs = form.with_user(self.eve)
        with mute_logger("odoo.addons.base.models.ir_rule"):
            for call in (theirs.read, lambda: theirs.write(vals), theirs.unlink):
                with self.assertRaises(AccessError), self.env.cr.savepoint():
                    call()
        self.assertFalse(theirs.search([("id", "in", form.ids)]))

    def test_every_form_of_the_hub_is_its_makers_own(self):
        forms = [
            model
            for name, model in self.env.items()
            if model._transient and name.startswith("hub.")
        ]
        self.assertGreaterEqual(len(forms), 11)
        for model in forms:
            for operation in ("read", "write", "create", "unlink"):
                rules = self.env["ir.rule"].with_user(self.eve)
                domain = str(rules._compute_domain(model._name, operation))
                self.assertIn(f"('create_uid', 'in', [{self.eve.id}])", domain, model._name)

    def test_a_dispute(self):
        self.work(self._company("1", 1, address="1 First St"))
        self.types(self.partner_of("1"), street="9 Odoo St")
        message = self.work(self._company("1", 2, address="2 Second St"))
        exception = self.assertExplained(message, "merge_conflict")
        action = exception.with_user(self.ann).action_decide()
        conflict = self.env["hub.conflict"].with_user(self.ann).browse(action["res_id"])
        self.assertOwn(conflict, reason="mine")
        self.assertOwn(conflict.line_ids, take="source")
        conflict.line_ids.take = "odoo"
        conflict.reason = "asked the customer"
        conflict.action_confirm()

    def test_an_upload_and_what_is_sent_by_hand(self):
        streams = self.system.with_context(active_test=False).stream_ids
        customers = streams.filtered(lambda s: s.entity_id.code == "customer")
        upload = (
            self.env["hub.upload.wizard"]
            .with_user(self.ann)
            .create(
                {
                    "stream_id": customers.filtered(lambda s: s.direction == "in").id,
                    "file": base64.b64encode(b"external_id,name\n71,Ann Works\n"),
                }
            )
        )
        upload.action_check()
        self.assertOwn(upload, file_name="x.csv")
        self.assertOwn(upload.line_ids, content="x")
        out = customers.filtered(lambda s: s.direction == "out")
        out.paused = True
        by_hand = self.env["hub.by.hand"].with_user(self.boss).create({"stream_id": out.id})
        self.assertOwn(by_hand, file_name="x.csv")
