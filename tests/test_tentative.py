from datetime import datetime, timezone
from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..core.problem import Term
from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestTentative(BusinessCase):
    """A likely deal has a tentative project; it becomes the contract's, or is archived."""

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
        return projects.search([("hub_tentative_lead_id", "=", lead.id)])

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
