from datetime import datetime, timezone
from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..core.problem import Term
from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestTentative(BusinessCase):
    """A likely deal has a tentative project; it becomes the contract's, or is archived unless people worked on it."""

    def setUp(self):
        super().setUp()
        self.company.hub_tentative_from = 70

    def open(self, likelihood, **values):
        deal = self._deal(stage="open", **values)
        deal.pop("won_at")
        if likelihood is not None:
            deal["likelihood"] = Decimal(likelihood)
        return deal

    def apply(self, values, record=None):
        item = self._apply(self._item("opportunity", values, record=record))
        self.assertFalse(item.problem, item.problem)
        return self.env["crm.lead"].with_context(active_test=False).browse(item.res_id)

    def tentative(self, lead):
        projects = self.env["project.project"].with_context(active_test=False)
        found = projects.search([("hub_tentative_lead_id", "=", lead.id)])
        return found.with_env(self.env)

    def won(self, lead, **values):
        return self.apply(self._deal(**values), lead)

    def test_from_its_likelihood_on_and_once(self):
        lead = self.apply(self.open(69))
        self.assertFalse(self.tentative(lead))
        self.apply(self.open(70), lead)
        project = self.tentative(lead)
        self.assertEqual(
            (
                project.name,
                project.partner_id,
                project.allow_timesheets,
                project.hub_contract_id.ids,
            ),
            ("Acme rollout", self.customer, False, []),
        )
        self.assertEqual(
            set(project.task_ids.mapped("name")), set(self.template.task_ids.mapped("name"))
        )
        self.apply(self.open(90, name="Acme rollout II"), lead)
        self.assertEqual(self.tentative(lead), project)

    def test_none_unless_the_company_wants_it_or_the_deal_names_no_template(self):
        self.assertFalse(self.tentative(self.apply(self.open(90, service_line=None))))
        self.company.hub_tentative_from = 0
        self.assertFalse(self.tentative(self.apply(self.open(90))))

    def test_odoos_own_estimate_counts_where_the_source_says_none(self):
        lead = self.apply(self.open(None))
        lead.probability = 80
        self.apply(self.open(None, name="Acme rollout II"), lead)
        self.assertTrue(self.tentative(lead))

    def test_won_it_is_the_project_of_the_contract(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        self.won(lead)
        contract = lead.hub_contract_id
        self.assertEqual(contract.project_id, project)
        self.assertEqual(project.name, f"{contract.code} Acme rollout")
        self.assertTrue(project.allow_timesheets and project.active)
        self.assertFalse(project.hub_tentative_lead_id)
        self.assertTrue(project.task_ids.sale_line_id)
        self.assertEqual(project.task_ids.user_ids, self.consultant.user_id)
        self.assertEqual(project.hub_team_ids, self.consultant)
        self.assertTrue(contract.ready_at)
        count = self.env["project.project"].search_count([("partner_id", "=", self.customer.id)])
        self.assertEqual(count, 1)

    def test_of_another_template_it_makes_way(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        other = self.template.copy({"name": "Audit", "is_template": True})
        self.won(lead, service_line=Term("audit", "project.project", other.id))
        self.assertNotEqual(lead.hub_contract_id.project_id, project)
        self.assertFalse(project.active)

    def test_lost_it_is_archived_and_comes_back_with_the_deal(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        lost = self.open(0)
        lost["stage"] = Term("lost")
        self.apply(lost, lead)
        self.assertFalse(project.active)
        self.apply(self.open(75), lead)
        self.assertTrue(project.active)
        self.won(lead)
        self.assertEqual(lead.hub_contract_id.project_id, project)

    def lost(self):
        values = self.open(0)
        values["stage"] = Term("lost")
        return values

    def test_it_is_archived_below_and_comes_back_above(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        self.apply(self.open(69), lead)
        self.assertFalse(project.active)
        self.assertEqual(self.tentative(lead), project, "kept, not deleted")
        self.apply(self.open(70), lead)
        self.assertTrue(project.active and all(project.task_ids.mapped("active")))
        self.assertFalse(project.activity_ids, "nobody worked on it: nobody is asked")

    def test_who_is_only_planned_did_not_work_on_it(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        project.task_ids[0].user_ids = self.consultant_user
        self.apply(self.open(20), lead)
        self.assertFalse(project.active)

    def asked(self, project, *words):
        """It is left alone, and somebody is asked once."""
        self.assertTrue(project.active)
        self.assertTrue(project.hub_tentative_doubt)
        self.assertEqual(len(project.activity_ids), 1)
        for word in words:
            self.assertIn(word, project.activity_ids.note)

    def test_people_worked_on_it_so_somebody_is_asked_once(self):
        self.template.user_id = False
        lead = self.apply(self.open(80))
        lead.user_id = self.approver
        project = self.tentative(lead)
        project.task_ids[0].state = "1_done"
        self.apply(self.open(40), lead)
        self.asked(project, "Acme rollout", "less likely")
        self.assertEqual(project.activity_ids.user_id, self.approver)
        project.activity_ids.action_done()
        self.apply(self.open(30), lead)
        self.assertFalse(project.activity_ids, "it was answered: to keep it")
        self.assertTrue(project.active)
        self.apply(self.open(90), lead)
        self.assertFalse(project.hub_tentative_doubt)
        self.apply(self.open(10), lead)
        self.asked(project)

    def test_the_question_ends_when_the_deal_is_likely_again_or_won(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        self.env["project.task"].create({"name": "Extra", "project_id": project.id})
        self.apply(self.open(40), lead)
        self.asked(project)
        self.apply(self.open(80), lead)
        self.assertFalse(project.activity_ids or project.hub_tentative_doubt)
        self.apply(self.open(40), lead)
        self.asked(project)
        self.won(lead)
        self.assertEqual(lead.hub_contract_id.project_id, project)
        self.assertFalse(project.hub_tentative_doubt)
        self.assertNotIn("less likely", " ".join(project.activity_ids.mapped("note")))

    def test_each_way_of_working_on_it_counts(self):
        def book(project):
            self.env["account.analytic.line"].create(
                {"name": "work", "project_id": project.id, "account_id": project.account_id.id,
                 "employee_id": self.consultant.id, "unit_amount": 1}
            )  # fmt: skip

        def write(project):
            project.task_ids[0].message_post(body="A first draft", message_type="comment")

        def talk(project):
            project.message_post(body="A first draft", message_type="comment")

        for number, work in enumerate((book, write, talk)):
            lead = self.apply(self.open(80, name=f"Rollout {number}"))
            project = self.tentative(lead)
            if work is book:
                project.allow_timesheets = True
            work(project)
            self.apply(self.lost(), lead)
            with self.subTest(work=work.__name__):
                self.asked(project, "lost")

    def test_of_another_template_it_stays_if_people_worked_on_it(self):
        lead = self.apply(self.open(80))
        project = self.tentative(lead)
        project.message_post(body="A first draft", message_type="comment")
        other = self.template.copy({"name": "Audit", "is_template": True})
        self.won(lead, service_line=Term("audit", "project.project", other.id))
        self.asked(project, "another project")

    def test_twice_as_many_that_fall_cost_no_query_more_to_look_at(self):
        def queries(number):
            items = [self._item("opportunity", self.open(90)) for _one in range(number)]
            self._apply(*items)
            projects = self.env["project.project"].search([("hub_tentative_lead_id", "!=", False)])
            projects = projects.filtered(
                lambda one: one.hub_tentative_lead_id.id in {item.res_id for item in items}
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertFalse(projects._hub_worked_on())
            return self.env.cr.sql_log_count - before

        queries(2)
        self.assertEqual(queries(3), queries(6))

    def test_nobody_says_so_by_hand(self):
        project = self.tentative(self.apply(self.open(80)))
        admin = self.env.ref("base.user_admin")
        with self.assertRaises(AccessError):
            project.with_user(admin).write({"hub_tentative_lead_id": False})

    def test_twice_as_many_deals_cost_no_query_more_to_look_at(self):
        def queries(number):
            items = [self._item("opportunity", self.open(10)) for _one in range(number)]
            self._apply(*items)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._handler("opportunity")._follow_tentative(items, 70)
            return self.env.cr.sql_log_count - before

        queries(2)
        self.assertEqual(queries(5), queries(10))

    def test_a_won_deal_without_one_is_as_before(self):
        deal = self._deal(won_at=datetime(2025, 5, 30, 16, tzinfo=timezone.utc))
        lead = self.apply(deal)
        self.assertTrue(lead.hub_contract_id.project_id.active)
