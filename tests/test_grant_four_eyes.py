from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import tagged

from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestGrantFourEyes(HubCase):
    """Write-back to a production system outside a Change: it counts when a second person has confirmed it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls._make_role("boss", "manager")
        cls.chief = cls._make_role(
            "chief", "manager", "lead_to_cash_hub.group_hub_configuration_approver"
        )
        cls.approver = cls._make_role("approver", "configuration_approver")
        cls.system.environment = "production"
        cls.stream = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "customer"
        )

    def ask(self, user=None):
        self.system.grant_ids.action_revoke()
        self.system.with_user(user or self.boss).action_grant_write_back()
        self.env.invalidate_all()
        return self.system.waiting_grant_ids

    def granted(self):
        return self.env["hub.grant"]._granted(self.system, self.stream.entity_id)

    def test_it_counts_from_the_second_person_on(self):
        waiting = self.ask()
        self.assertTrue(waiting)
        self.assertFalse(self.granted() or self.system.grant_ids)
        self.assertFalse(self.system.ungranted, "what was asked for is not proposed again")
        self.assertEqual(waiting.asked_by_id, self.boss)
        self.assertFalse(any(waiting.with_user(self.boss).mapped("may_confirm")))
        mine = waiting.with_user(self.approver)
        self.assertTrue(all(mine.mapped("may_confirm")))
        mine.action_confirm()
        self.assertTrue(self.granted())
        self.assertEqual(self.system.grant_ids.approver_id, self.approver)
        audit = self.env["hub.audit"].search([("action", "in", ("ask_grant", "grant"))])
        self.assertLessEqual({self.boss, self.approver}, set(audit.user_id))
        with self.assertRaisesRegex(UserError, "any more"):
            mine.action_confirm()

    def test_not_by_the_same_person_and_not_by_anybody(self):
        waiting = self.ask(self.chief)
        with self.assertRaisesRegex(UserError, "Another person"):
            waiting.with_user(self.chief).action_confirm()
        for user in (self.boss, self._make_role("v", "viewer")):
            with self.assertRaises(AccessError):
                waiting.with_user(user).action_confirm()
        with self.assertRaises(UserError):
            waiting.with_user(self.chief).write({"active": True})
        with self.assertRaises(AccessError):
            waiting.with_user(self.approver).sudo().action_confirm()
        field = waiting[0].field_id
        waiting.with_user(self.chief).action_revoke()
        grants, values = self.env["hub.grant"].with_user(self.chief), {
            "system_id": self.system.id, "field_id": field.id, "active": True,
        }  # fmt: skip
        for name, forged in (
            ("approver_id", self.boss.id),
            ("asked_by_id", self.boss.id),
            ("approved_at", "2026-01-01"),
        ):
            with self.assertRaises(AccessError):
                grants.create({**values, name: forged})
        asked = grants.with_context(default_approved_at="2026-01-01").create(values)
        self.assertFalse(asked.active or asked.approved_at or asked.approver_id)
        self.assertEqual(asked.asked_by_id, self.chief)
        self.assertFalse(self.granted())

    def test_the_matrix_asks_and_withdraws(self):
        field = self.system.grant_ids.field_id.filtered(lambda f: f.name == "balance")
        grants = self.env["hub.grant"].with_user(self.boss)
        self.system.grant_ids.action_revoke()
        cell = self.cell(field)
        self.assertEqual((cell["granted"], cell["waiting"]), (False, False))
        self.assertIs(grants.toggle_grant(self.system.id, field.id), True)
        cell = self.cell(field)
        self.assertEqual((cell["granted"], cell["waiting"]), (False, True))
        self.assertIn(self.boss.name, cell["grant_text"])
        grants.toggle_grant(self.system.id, field.id)
        self.assertFalse(self.cell(field)["waiting"])

    def cell(self, field):
        self.env.invalidate_all()
        matrix = self.env["hub.ownership"].with_user(self.boss).get_matrix(field.entity_id.id)
        row = next(row for row in matrix["rows"] if row["id"] == field.id)
        return next(cell for cell in row["cells"] if cell["system"] == self.system.id)

    def test_a_sandbox_that_becomes_production_asks_again(self):
        trial = self._make_system("Trial", account_ref="7")
        trial.grant_ids.action_revoke()
        trial.with_user(self.boss).action_grant_write_back()
        self.assertTrue(trial.grant_ids)
        trial.with_user(self.boss).environment = "production"
        self.env.invalidate_all()
        self.assertFalse(trial.grant_ids)
        self.assertEqual(trial.waiting_grant_ids.asked_by_id, self.boss)
        trial.waiting_grant_ids.with_user(self.approver).action_confirm()
        self.env.invalidate_all()
        self.assertTrue(trial.grant_ids)
        self.assertFalse(trial.waiting_grant_ids)

    def test_under_change_control_it_is_a_change(self):
        waiting = self.ask()
        self.system.needs_approval = True
        with self.assertRaises(RedirectWarning), self.env.cr.savepoint():
            waiting.with_user(self.approver).action_confirm()
        action = self.env["hub.change"].with_user(self.boss).propose(
            "hub.grant", "write", waiting.ids, {"active": True}
        )  # fmt: skip
        change = self.env["hub.change"].with_user(self.boss).browse(action["res_id"])
        change.why = "It is needed."
        change.action_submit()
        change.with_user(self.approver).action_approve()
        if change.state == "submitted":
            change.with_user(self._make_role("f", "billing_approver")).action_approve()
        change.with_user(self.approver).action_apply()
        self.assertFalse(change.problem)
        self.assertEqual(self.system.grant_ids.approver_id, self.approver)
