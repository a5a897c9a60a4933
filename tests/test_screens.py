"""What every screen keeps, whichever page it is."""

from lxml import etree
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import TransactionCase, tagged
from odoo.tests.common import new_test_user


@tagged("post_install", "-at_install")
class TestScreens(TransactionCase):
    """Acts that cannot be undone ask first, and are called the same everywhere."""

    def test_people_of_other_apps_find_what_is_theirs(self):
        root = self.env.ref("lead_to_cash_hub.hub_menu_root")
        for group, own, never in (
            ("hr.group_hr_user", {"Leaves", "Cost Rates"}, {"Operations", "Systems", "Issues"}),
            (
                "account.group_account_readonly",
                {"Bank Lines", "Invoices to Approve"},
                {"Operations"},
            ),
            ("project.group_project_manager", {"Assignments"}, {"Operations", "Systems"}),
        ):
            user = new_test_user(self.env, "of_" + group.split(".")[1], groups=group)
            menus = self.env["ir.ui.menu"].with_user(user)
            visible = self.env["ir.ui.menu"].browse(menus._visible_menu_ids())
            names = set(
                visible.filtered(lambda m: f"{root.id}/" in f"{m.parent_path}").mapped("name")
            )
            self.assertIn(root.name, names, group)
            self.assertLessEqual(own, names, group)
            self.assertFalse(never & names, group)

    def test_limits_of_the_company_are_seen_by_who_approves_and_who_audits(self):
        for role in ("billing_approver", "auditor"):
            user = new_test_user(
                self.env, f"limits_{role}", groups=f"lead_to_cash_hub.group_hub_{role}"
            )
            shown = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            self.assertIn(self.env.ref("lead_to_cash_hub.hub_menu_companies").id, shown)
            company = self.env.company.with_user(user)
            self.assertEqual(company.read(["hub_four_eyes_limit"])[0]["hub_four_eyes_limit"], 0)
            with self.assertRaises(AccessError):
                company.hub_four_eyes_limit = 1

    def test_a_new_installation_gives_nobody_two_hands(self):
        admin = self.env.ref("base.user_admin")
        self.assertTrue(admin.has_group("lead_to_cash_hub.group_hub_manager"))
        for group in ("billing_approver", "cash", "configuration_approver", "auditor"):
            self.assertFalse(admin.has_group(f"lead_to_cash_hub.group_hub_{group}"), group)

    def test_lines_of_mappings_are_seen_where_their_system_is(self):
        other = self.env["res.company"].create({"name": "Other Firm"})
        self.env.ref("lead_to_cash_hub.user_hub").company_ids = [Command.link(other.id)]
        system = self.env["hub.system"].create(
            {
                "name": "Theirs",
                "product": "hubspot",
                "company_ids": [Command.set(other.ids)],
                "user_id": self.env.ref("lead_to_cash_hub.user_hub").id,
            }
        )
        manager = new_test_user(
            self.env, "lines_manager", groups="lead_to_cash_hub.group_hub_manager"
        )
        lines = self.env["hub.mapping.line"].search([("mapping_id.system_id", "=", system.id)])
        self.assertTrue(lines)
        self.assertFalse(lines.with_user(manager).search([("id", "in", lines.ids)]))

    def _arch(self, name, model, kind):
        view = self.env.ref(f"lead_to_cash_hub.{name}")
        return etree.fromstring(self.env[model].get_view(view.id, kind)["arch"])

    def test_posting_is_asked_first_under_one_name(self):
        pages = (
            ("account_move_view_list_approval", "account.move", "list", "action_hub_approve", 2),
            (
                "hub_billing_batch_line_view_list",
                "hub.billing.batch.line",
                "list",
                "action_approve",
                1,
            ),
            (
                "hub_billing_batch_line_view_form",
                "hub.billing.batch.line",
                "form",
                "action_approve",
                1,
            ),
            ("hub_billing_batch_view_form", "hub.billing.batch", "form", "action_approve", 1),
            ("hub_revenue_run_view_form", "hub.revenue.run", "form", "action_approve", 1),
        )
        self.env.user.group_ids += self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        for view, model, kind, method, count in pages:
            buttons = self._arch(view, model, kind).findall(f".//button[@name='{method}']")
            self.assertEqual(len(buttons), count, view)
            for button in buttons:
                self.assertEqual(button.get("string"), "Approve and Post", view)
                self.assertTrue(button.get("confirm"), view)
