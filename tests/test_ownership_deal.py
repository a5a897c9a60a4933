"""Deals under rules of ownership: their stage, and amounts of two currencies."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .test_ownership import OwnershipCase


class DealCase(OwnershipCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = cls._make_role("seller", "resolver", "sales_team.group_sale_manager")
        cls.own = cls.company.currency_id

    def deal(self, number, stage="open", amount="1000", currency=None):
        payload = {
            "id": "D1",
            "properties": {
                "dealname": "Rollout",
                "amount": amount,
                "deal_currency_code": currency or self.own.name,
                "closedate": "2026-06-30",
            },
            "pipeline_stage": {"isWon": stage == "won", "isClosed": stage != "open"},
            "companies": [],
            "line_items": [],
        }
        return self.work(self._incoming("opportunity", "D1", payload, number))

    def lead(self):
        leads = self.env["crm.lead"].with_context(active_test=False)
        return leads.search([("name", "=", "Rollout")])

    def sells(self):
        return self.lead().with_user(self.seller)


@tagged("post_install", "-at_install")
class TestDealStage(DealCase):
    """The stage is set where the source changed it and may say it, and nowhere else."""

    def test_a_deal_that_was_lost_in_odoo_stays_lost_while_its_amount_changes(self):
        self.deal(1)
        self.sells().action_set_lost()
        self.assertStates(self.deal(2, amount="1200"), "done")
        self.assertEqual((self.lead().won_status, self.lead().active), ("lost", False))
        self.assertEqual(self.lead().expected_revenue, 1200)
        self.deal(3, stage="lost", amount="1200")
        self.deal(4, amount="1200")
        self.assertTrue(self.lead().active, "the source opened it again")

    def test_a_lead_that_was_moved_stays_where_it_is(self):
        stages = self.env["crm.stage"].create([{"name": "Source's"}, {"name": "Seller's"}])
        vocabulary = self.env.ref("lead_to_cash_hub.vocabulary_deal_stage")
        vocabulary.model_id = self.env["ir.model"]._get("crm.stage")
        self.env.ref("lead_to_cash_hub.term_deal_stage_open").res_id = stages[0].id
        self.deal(1)
        self.assertEqual(self.lead().stage_id, stages[0])
        self.sells().stage_id = stages[1]
        self.deal(2, amount="1200")
        self.assertEqual((self.lead().stage_id, self.lead().expected_revenue), (stages[1], 1200))

    def test_a_stage_that_odoo_owns_is_not_won_by_the_source(self):
        self.rule("stage", "odoo", entity="opportunity")
        self.deal(1)
        self.assertStates(self.deal(2, stage="won", amount="1200"), "done")
        lead = self.lead()
        self.assertEqual((lead.won_status, lead.expected_revenue), ("pending", 1200))
        self.assertFalse(lead.hub_contract_id)
        # a dispute about the amount holds back nothing else, as nothing is about to start
        self.sells().expected_revenue = 1500
        self.assertExplained(self.deal(3, stage="won", amount="1300"), "merge_conflict")
        # won in Odoo as well it is due, and says what it lacks
        self.deal(4, stage="won", amount="1500")
        self.sells().action_set_won()
        self.assertExplained(self.deal(5, stage="won", amount="1600"), "deal_incomplete")


@tagged("post_install", "-at_install")
class TestDealCurrency(DealCase):
    """A deal in another currency than the company's: Odoo's expected revenue is its value there."""

    def setUp(self):
        super().setUp()
        code = "EUR" if self.own.name != "EUR" else "USD"
        self.foreign = self.env.ref(f"base.{code}")
        self.foreign.active = True
        self.env["res.currency.rate"].search([]).unlink()
        self.env["res.currency.rate"].create(
            {
                "currency_id": self.foreign.id,
                "company_id": self.company.id,
                "name": fields.Date.today() - timedelta(days=1),
                "rate": 2.0,
            }
        )
        self.deal(1, amount="1000", currency=self.foreign.name)
        self.assertEqual((self.lead().hub_amount, self.lead().expected_revenue), (1000, 500))

    def test_the_same_number_in_another_currency_is_another_amount(self):
        self.assertStates(self.deal(2, amount="500", currency=self.foreign.name), "done")
        self.assertEqual((self.lead().hub_amount, self.lead().expected_revenue), (500, 250))

    def test_in_dispute_each_amount_names_its_currency_and_a_choice_holds(self):
        self.sells().expected_revenue = 700
        message = self.deal(2, amount="900", currency=self.foreign.name)
        exception = self.assertExplained(message, "merge_conflict")
        action = exception.with_user(self.seller).action_decide()
        conflict = self.env["hub.conflict"].with_user(self.seller).browse(action["res_id"])
        line = conflict.line_ids
        own, foreign = self.own.name, self.foreign.name
        self.assertEqual(
            (line.base, line.odoo, line.incoming),
            (f"1000 {foreign}", f"700 {own}", f"900 {foreign}"),
        )
        line.take = "source"
        conflict.reason = "the customer signed it"
        conflict.action_confirm()
        self.drain()
        self.assertStates(message, "done")
        self.assertEqual((self.lead().hub_amount, self.lead().expected_revenue), (900, 450))

    def test_the_source_comes_to_the_value_in_odoo_in_the_companys_currency(self):
        self.sells().expected_revenue = 700
        self.assertExplained(self.deal(2, "open", "900", self.foreign.name), "merge_conflict")
        self.assertStates(self.deal(3, amount="700"), "done")
        self.assertFalse(self.issues("merge_conflict"))
