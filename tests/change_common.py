"""What the tests of change control share: a system in production under control, and two persons."""

from .hub_common import HubCase


class ChangeCase(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.author = cls._make_role("author", "manager", "base.group_partner_manager")
        cls.approver = cls._make_role("chief", "configuration_approver")
        cls.finance = cls._make_role("finance", "billing_approver")
        cls.system.environment = "production"
        cls.system.with_user(cls.author).needs_approval = True
        cls.mapping = cls.env["hub.mapping"].search(
            [("system_id", "=", cls.system.id), ("entity_id.code", "=", "customer"), ("direction", "=", "in")]
        )  # fmt: skip
        cls.line = cls.mapping.line_ids.filtered(lambda line: line.field_id.name == "city")

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", False)

    def propose(self, row, method="write", values=None, user=None, why="It is needed."):
        """A draft as the button “Propose Instead” makes it."""
        model = self.env["hub.change"].with_user(user or self.author)
        action = model.propose(row._name, method, row.ids, values)
        change = model.browse(action["res_id"])
        change.why = why
        return change

    def city(self, path="properties.town", **options):
        return self.propose(self.line, values={"path": path}, **options)

    def approved(self, change):
        change.action_submit()
        change.with_user(self.approver).action_approve()
        if change.state != "approved":
            change.with_user(self.finance).action_approve()
        self.assertEqual(change.state, "approved")
        return change

    def in_force(self, change):
        self.approved(change).with_user(self.approver).action_apply()
        self.assertEqual((change.state, change.problem), ("applied", False))
        return change

    def new_transaction(self):
        """What follows is of another transaction, as far as versions go."""
        self.env.flush_all()
        self.env.cr.execute("UPDATE hub_version SET xid = NULL")
