import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_ownership import OwnershipCase


@tagged("post_install", "-at_install")
class TestOwnershipConflict(OwnershipCase):
    """Both sides changed the same field: a person decides, and everything else goes on."""

    def setUp(self):
        super().setUp()
        self.work(self._company("1", 1, address="1 First St", zip="02139", city="Boston"))
        self.partner = self.partner_of("1")
        self.types(self.partner, street="9 Odoo St", zip="90000")
        self.message = self.work(
            self._company("1", 2, address="2 Second St", zip="02140", city="Cambridge")
        )

    def _decide(self, take, always=False, user=None, reason="asked the customer"):
        exception = self.message.exception_ids.filtered(lambda e: e.state == "open")
        action = exception.with_user(user or self.ann).action_decide()
        conflict = self.env["hub.conflict"].with_user(user or self.ann).browse(action["res_id"])
        conflict.line_ids.write({"take": take, "always": always})
        conflict.reason = reason
        return conflict

    def test_one_exception_with_all_disputed_fields_and_the_rest_is_applied(self):
        exception = self.assertExplained(self.message, "merge_conflict")
        self.assertEqual(len(self.message.exception_ids), 1)
        self.assertIn("Street, ZIP changed both in Odoo and in HubSpot", exception.sentence)
        self.assertEqual(self.partner.city, "Cambridge", "not in dispute")
        self.assertEqual((self.partner.street, self.partner.zip), ("9 Odoo St", "90000"))
        self.assertNotIn(
            "Odoo St", str(exception.params), "no values where every viewer reads them"
        )

    def test_three_columns(self):
        conflict = self._decide("odoo")
        rows = {
            line.field_id.name: (line.base, line.odoo, line.incoming) for line in conflict.line_ids
        }
        self.assertEqual(
            rows,
            {
                "street": ("1 First St", "9 Odoo St", "2 Second St"),
                "zip": ("02139", "90000", "02140"),
            },
        )

    def test_the_source_is_taken_and_the_person_is_remembered(self):
        self._decide("source").action_confirm()
        self.drain()
        self.assertStates(self.message, "done")
        self.assertEqual((self.partner.street, self.partner.zip), ("2 Second St", "02140"))
        stamp = self.stamp(self.partner, "street")
        self.assertEqual((stamp["why"], stamp["by"]), ("chosen", self.ann.id))
        self.assertFalse(self.issues("merge_conflict"))
        self.work(self._company("1", 3, address="3 Third St", zip="02140", city="Cambridge"))
        self.assertEqual(self.partner.street, "3 Third St", "one change only: no question")

    def test_odoo_is_taken_and_not_asked_again_about_the_same_value(self):
        self._decide("odoo").action_confirm()
        self.drain()
        self.assertStates(self.message, "skipped:kept")
        self.assertEqual((self.partner.street, self.partner.zip), ("9 Odoo St", "90000"))
        again = self.work(
            self._company("1", 3, address="2 Second St", zip="02140", city="Somerville")
        )
        self.assertStates(again, "done")
        self.assertEqual(self.partner.street, "9 Odoo St")

    def test_each_field_has_its_own_choice(self):
        conflict = self._decide("odoo")
        conflict.line_ids.filtered(lambda line: line.field_id.name == "zip").take = "source"
        conflict.action_confirm()
        self.drain()
        self.assertEqual((self.partner.street, self.partner.zip), ("9 Odoo St", "02140"))

    def test_a_choice_between_values_that_have_changed_since_is_asked_again(self):
        self._decide("source").action_confirm()
        self.types(self.partner, street="10 Odoo St")
        self.drain()
        exception = self.assertExplained(self.message, "merge_conflict")
        self.assertIn("Street changed", exception.sentence)
        self.assertEqual(self.partner.street, "10 Odoo St")
        self.assertEqual(self.partner.zip, "02140")

    def test_the_same_content_again_is_the_same_question(self):
        again = self.work(
            self._company("1", 3, address="2 Second St", zip="02140", city="Cambridge")
        )
        self.assertExplained(again, "merge_conflict")
        self.assertStates(self.message, "skipped:superseded")
        self.assertEqual(
            len(self.issues("merge_conflict").exception_ids.filtered(lambda e: e.state == "open")),
            1,
        )

    def test_the_source_gives_in_and_it_closes_by_itself(self):
        self.work(self._company("1", 3, address="9 Odoo St", zip="90000", city="Cambridge"))
        self.assertStates(self.message, "skipped:superseded")
        self.assertFalse(self.issues("merge_conflict"))

    def test_nothing_is_confirmed_without_choice_and_reason(self):
        with self.refuses(UserError, "Choose a value"):
            self._decide(False).action_confirm()
        with self.refuses(UserError, "Give a reason"):
            self._decide("odoo", reason=" ").action_confirm()

    def test_who_may_decide(self):
        viewer = self._make_role("victor", "viewer", "base.group_partner_manager")
        with self.assertRaises(AccessError):
            self._decide("odoo", user=viewer)
        stranger = self._make_role(
            "stranger", "resolver", company=self.env["res.company"].create({"name": "Other"})
        )
        with self.assertRaises(AccessError):
            self._decide("odoo", user=stranger)

    def test_always_so_is_proposed_and_another_manager_confirms_it(self):
        self._decide("source", always=True, user=self.boss).action_confirm()
        proposals = self.env["hub.ownership.proposal"].search([])
        self.assertEqual(set(proposals.mapped("field_id.name")), {"street", "zip"})
        self.assertEqual(set(proposals.mapped("rule")), {"system"})
        with self.assertRaises(AccessError):
            proposals.with_user(self.ann).action_confirm()
        with self.refuses(UserError, "You proposed this rule"):
            proposals.with_user(self.boss).action_confirm()
        with self.refuses(UserError, "not edited"):
            proposals.sudo().write({"proposer_id": self.ann.id})
        second = self._make_role("second", "manager", "base.group_partner_manager")
        proposals[0].with_user(second).action_confirm()
        proposals[1].with_user(second).action_refuse()
        rule = self.env["hub.ownership"].search([("field_id", "=", proposals[0].field_id.id)])
        self.assertEqual((rule.rule, rule.owner_id), ("system", self.system))
        self.assertEqual(proposals.mapped("state"), ["confirmed", "refused"])
        with self.refuses(UserError, "decided already"):
            proposals[1].with_user(second).action_confirm()

    def test_a_choice_by_rpc_in_the_form_of_a_message_is_refused(self):
        with self.assertRaises(UserError):
            self.message.with_user(self.ann).write({"decision": {"merge": {}}})

    def test_where_fields_come_from(self):
        origins = self.env["hub.origins"].with_user(self.ann)
        data = origins.get_origins("res.partner", self.partner.id)
        rows = {row["name"]: row for section in data["sections"] for row in section["rows"]}
        self.assertEqual(rows["street"]["state"], "disputed")
        self.assertEqual(rows["street"]["agreed"], "1 First St")
        self.assertEqual(rows["street"]["edited_by"], self.ann.name)
        self.assertEqual(rows["city"]["source"], "HubSpot")
        self.assertEqual(rows["city"]["message"], self.message.id)
        self.assertEqual(rows["name"]["owner"], "HubSpot")
        note = self.partner.with_user(self.ann).hub_owned_note
        self.assertIn("Owned by HubSpot: Name", note)
        nobody = self._make_role("nobody", "base.group_partner_manager")
        with self.assertRaises(AccessError):
            self.env["hub.origins"].with_user(nobody).get_origins("res.partner", self.partner.id)

    def test_each_form_where_people_type_says_who_owns_its_fields(self):
        company = self.company
        project = self.env["project.project"].create({"name": "P", "company_id": company.id})
        task = self.env["project.task"].create({"name": "T", "project_id": project.id})
        employee = self.env["hr.employee"].create(
            {"name": "Cora", "work_email": "cora@firm.example", "company_id": company.id}
        )
        entry = self.env["account.analytic.line"].create(
            {"project_id": project.id, "employee_id": employee.id, "unit_amount": 1, "name": "Work"}
        )
        reader = self._make_role(
            "reads-forms", "viewer", "hr.group_hr_user", "project.group_project_user",
            "hr_timesheet.group_hr_timesheet_approver",
        )  # fmt: skip
        for record, entity, form, owned in (
            (task, "task", "project.view_task_form2", "Name"),
            (employee, "employee", "hr.view_employee_form", "E-mail"),
            (entry, "time_entry", "hr_timesheet.timesheet_view_form_user", "Hours"),
        ):
            with self.subTest(entity):
                field = self.env["hub.entity.field"].search(
                    [("entity_id.code", "=", entity), ("label", "=", owned)]
                )
                self.env["hub.link"]._store(
                    self.env.cr,
                    [{"system_id": self.system.id, "entity_id": field.entity_id.id, "entity": entity,
                      "external_id": "x1", "company_id": None, "res_model": record._name, "res_id": record.id,
                      "base": json.dumps({field.name: "x"}), "version": None}],
                )  # fmt: skip
                self.env.invalidate_all()
                theirs = record.with_user(reader)
                self.assertIn(f"Owned by HubSpot: {owned}", theirs.hub_owned_note)
                self.assertIn("Edit there, or take over", theirs.hub_owned_note)
                data = (
                    self.env["hub.origins"].with_user(reader).get_origins(record._name, record.id)
                )
                self.assertEqual(data["sections"][0]["rows"][0]["name"], field.name)
                arch = theirs.get_view(self.env.ref(form).id, "form")["arch"]
                self.assertIn("hub_owned_note", arch)
                self.assertEqual(
                    arch.count('name="action_hub_origins"'), 2, "above, and in its box"
                )
        arch = project.with_user(reader).get_view(view_type="form")["arch"]
        self.assertIn("hub_owned_note", arch)

    def test_a_field_that_somebody_may_not_read_is_not_among_the_origins(self):
        self._patch(
            "res.partner",
            "_has_field_access",
            lambda partner, field, operation: field.name != "zip",
        )
        data = (
            self.env["hub.origins"].with_user(self.ann).get_origins("res.partner", self.partner.id)
        )
        names = {row["name"] for section in data["sections"] for row in section["rows"]}
        self.assertIn("street", names)
        self.assertNotIn("zip", names)


@tagged("post_install", "-at_install")
class TestDealInDispute(OwnershipCase):
    """A deal that is about to start a contract starts with what is agreed, or not yet."""

    def _deal(self, number, closed="2026-06-30", amount="1000", stage="open"):
        payload = {
            "id": "D1",
            "properties": {
                "dealname": "Rollout",
                "amount": amount,
                "deal_currency_code": self.company.currency_id.name,
                "closedate": closed,
            },
            "pipeline_stage": {"isWon": stage == "won", "isClosed": stage != "open"},
            "companies": [],
            "line_items": [],
        }
        return self.work(self._incoming("opportunity", "D1", payload, number))

    def setUp(self):
        super().setUp()
        self.seller = self._make_role("seller", "resolver", "sales_team.group_sale_manager")
        self._deal(1)
        self.lead = self.env["crm.lead"].search([("name", "=", "Rollout")])
        self.assertEqual(self.lead.expected_revenue, 1000)
        self.lead.with_user(self.seller).write({"expected_revenue": 1500})
        self.env.flush_all()

    def test_amount_and_currency_stay_together_and_the_rest_goes_on(self):
        message = self._deal(2, closed="2026-07-31", amount="1200")
        exception = self.assertExplained(message, "merge_conflict")
        self.assertIn("Amount changed", exception.sentence)
        self.assertEqual(self.lead.expected_revenue, 1500)
        self.assertEqual(str(self.lead.date_deadline), "2026-07-31")

    def test_a_won_deal_waits_as_a_whole(self):
        message = self._deal(2, closed="2026-07-31", amount="1200", stage="won")
        self.assertExplained(message, "merge_conflict")
        self.assertEqual(self.lead.won_status, "pending")
        self.assertEqual(str(self.lead.date_deadline), "2026-06-30", "nothing of it is written")
        again = self._deal(3, closed="2026-07-31", amount="1500")
        self.assertStates(again, "done")
        self.assertEqual(str(self.lead.date_deadline), "2026-07-31", "the source gave in")
