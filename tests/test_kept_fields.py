"""Each field of the hub is typed by people somewhere, or declared as the hub's own, or there is a reason."""

from odoo.tests import tagged

from .hub_common import HubCase
from .kept_common import Edited, is_ours, is_plain, kept_of, written_models
from .test_forged_states import RIGHTS

# Why a field that no form lets people type may be written by whoever may write its model.
REASONS = {
    "account.analytic.line.hub_approval": "whoever writes it is asked for the right to approve time",
    "hub.grant.field_id": "said when it is given, in the matrix; a grant is never edited",
    "hub.grant.system_id": "said when it is given, in the matrix; a grant is never edited",
    "hub.vocabulary.word.product": "makes a word a preset of its product, as the file of a connector does",
}


@tagged("post_install", "-at_install")
class TestKeptFields(HubCase):
    """A new field of a state or stamp that anybody with the right to write could forge is found here."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = [n if "." in n else f"group_hub_{n}" for n in RIGHTS]
        names = [n if "." in n else f"lead_to_cash_hub.{n}" for n in names]
        cls.person = cls._make_role("kept-mighty", *names)
        cls.models = [
            model
            for model in written_models(cls.env, cls.person)
            if model.startswith("hub.")
            or any(name.startswith("hub_") for name in cls.env[model]._fields)
        ]

    def test_what_nobody_can_type_is_declared_as_kept(self):
        edited = Edited(self.env, self.models).names
        open_ = {
            f"{model}.{name}"
            for model in self.models
            for name, field in self.env[model]._fields.items()
            if is_plain(field)
            and is_ours(self.env, model, name)
            and not field.readonly
            and name != "active"  # Odoo's own menu archives
            and name not in edited[model]
            and name not in kept_of(self.env, model)
        }
        self.assertEqual(open_ - REASONS.keys(), set(), "declare it: readonly=True, copy=False")
        self.assertEqual(REASONS.keys() - open_, set(), "a reason that nothing needs any more")

    def test_what_is_kept_is_not_copied(self):
        """A copy is another row: it begins with a state, a stamp and moments of its own."""
        copied = {
            f"{model}.{name}"
            for model in self.models
            if isinstance(self.env[model], self.env.registry["hub.kept"])
            for name, field in self.env[model]._fields.items()
            if is_plain(field) and is_ours(self.env, model, name) and field.readonly and field.copy
        }
        self.assertEqual(copied, {"hub.grant.active"})
