"""Rules that are shipped for the hand-over of a deal: each asks the right person at the right moment."""

from odoo.fields import Command
from odoo.tests import tagged

from .business_common import BusinessCase
from .hub_common import HubMixin


@tagged("post_install", "-at_install")
class TestRulePresets(HubMixin, BusinessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls._make_system()
        terms = cls.env["hub.vocabulary.term"]
        cls.net60 = cls.env["account.payment.term"].create({"name": "60 days", "company_id": False})
        for name, code, record in (
            ("service_item", "CONS", cls.consulting),
            ("service_line", "rollout", cls.template),
            ("payment_terms", "net60", cls.net60),
        ):
            vocabulary = cls.env.ref(f"lead_to_cash_hub.vocabulary_{name}")
            terms.create(
                {"vocabulary_id": vocabulary.id, "code": code, "name": code, "res_id": record.id}
            )
        cls.env["hub.vocabulary.word"].create(
            {"term_id": cls.env.ref("lead_to_cash_hub.term_payment_terms_standard").id,
             "system_id": cls.system.id, "word": "Net 30"}
        )  # fmt: skip
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id.code == "opportunity" and m.direction == "in"
        )
        fields = cls.mapping.entity_id.field_ids
        cls.mapping.line_ids = [
            Command.create({"field_id": fields.filtered(lambda f, n=n: f.name == n).id, "path": f"properties.{n}"})
            for n in ("signed_document", "payment_terms")
        ]  # fmt: skip
        cls.signer = cls._make_role("signer", "billing_approver", company=cls.company)
        cls.clerk = cls._make_role("clerk", "resolver", company=cls.company)

    def setUp(self):
        super().setUp()
        self._start_engine()
        self.work(
            self._company(
                "1", name="Acme", country="US", city="Boston", address="1 Main St", zip="02110"
            )
        )

    def on(self, name):
        rule = self.env.ref(f"lead_to_cash_hub.rule_handover_{name}")
        self.assertFalse(rule.active, "nothing is stopped before somebody says so")
        rule.active = True
        return rule

    def deal(self, won=True, cost=None, number=1, **properties):
        line = {"hs_sku": "CONS", "name": "Consulting", "quantity": "10", "price": "150"}
        if cost is not None:
            line["hs_cost_of_goods_sold"] = cost
        payload = {
            "id": "D1",
            "properties": {
                "dealname": "Rollout",
                "amount": "1500",
                "deal_currency_code": "USD",
                "closedate": "2026-02-03T15:00:00Z",
                "service_line": "rollout",
                **properties,
            },
            "companies": ["1"],
            "contacts": [],
            "line_items": [{"id": "1", "properties": line}],
            "owner": None,
            "pipeline_stage": {"isWon": won, "isClosed": won},
        }
        return self.work(self._incoming("opportunity", "D1", payload, number))

    def asks(self, message, *words):
        """It waits, says why, and only who may decide lets it through; then the project starts."""
        self.assertStates(message, "held")
        self.assertFalse(self.env["hub.contract"].search([]))
        approval = message.approval_ids.filtered(lambda one: one.state == "waiting")
        for word in words:
            self.assertIn(word, approval.with_user(self.signer).why)
        self.assertFalse(approval.with_user(self.clerk).may_decide)
        self.assertTrue(approval.with_user(self.signer).may_decide)
        approval.with_user(self.signer).action_approve()
        self.drain()
        self.assertStates(message, "done")
        return self.env["hub.contract"].search([])

    def test_margin_floor(self):
        self.on("margin")
        self.assertStates(self.deal(won=False, cost="120"), "done")  # nothing is asked of an offer
        self.assertEqual(len(self.asks(self.deal(cost="120", number=2), "1500", "1714.29")), 1)

    def test_enough_margin_passes_and_an_unknown_cost_does_not(self):
        self.on("margin")
        message = self.deal()
        self.assertStates(message, "held")
        self.assertIn("cannot be judged", message.approval_ids.with_user(self.signer).why)
        self.assertStates(self.deal(cost="105", number=2), "done")
        self.assertTrue(self.env["hub.contract"].search([]))

    def test_a_customer_on_credit_hold_gets_no_project_unseen(self):
        self.on("credit_hold")
        hold = self.env["hub.credit.hold"]._propose(
            self.partner_of("1"), self.company, "Three invoices overdue"
        )
        self.env.flush_all()
        self.assertStates(self.deal(won=False), "done")
        hold.with_user(self.signer).action_approve()
        self.asks(self.deal(number=2), "credit hold")

    def test_without_a_hold_that_is_decided_it_passes(self):
        self.on("credit_hold")
        hold = self.env["hub.credit.hold"]._propose(
            self.partner_of("1"), self.company, "Three invoices overdue"
        )
        hold.with_user(self.signer).action_refuse()
        self.assertStates(self.deal(), "done")

    def test_signed_document(self):
        self.on("document")
        self.assertStates(self.deal(won=False), "done")
        self.assertTrue(self.asks(self.deal(number=2), "Rollout", "signed document"))

    def test_a_signed_document_is_kept_with_the_contract(self):
        self.on("document")
        self.assertStates(self.deal(signed_document="https://sign.example/d/1"), "done")
        document = self.env["hub.document"].search([])
        self.assertEqual(
            (document.url, document.contract_id.lead_id.name),
            ("https://sign.example/d/1", "Rollout"),
        )

    def test_payment_terms_that_are_not_ours(self):
        self.on("payment_terms")
        self.assertStates(self.deal(won=False, payment_terms="net60"), "done")
        contract = self.asks(self.deal(number=2, payment_terms="net60"), "net60")
        self.assertEqual(contract.payment_term_id, self.net60)
        self.assertEqual(contract.sale_order_id.payment_term_id, self.net60)

    def test_our_own_payment_terms_pass(self):
        self.on("payment_terms")
        self.assertStates(self.deal(payment_terms="Net 30"), "done")
        contract = self.env["hub.contract"].search([])
        self.assertEqual(contract.payment_term_id, contract.partner_id.property_payment_term_id)

    def test_a_deal_that_names_no_payment_terms_has_ours(self):
        self.on("payment_terms")
        self.assertStates(self.deal(), "done")

    def unmapped(self, name, field):
        """No product has a standard property for it: until an admin adds the line, no deal passes unseen."""
        rule = self.on(name)
        line = self.mapping.line_ids.filtered(lambda one: one.field_id.name == field)
        label, values = line.field_id.label, line.copy_data()
        self.assertFalse(rule.unmapped_ids & self.mapping)
        line.unlink()
        rule.invalidate_recordset(["unmapped_ids"])
        self.assertIn(self.mapping, rule.unmapped_ids)
        self.assertIn(
            self.mapping, self.env["hub.mapping"].search(rule.action_view_unmapped()["domain"])
        )
        said = {"payment_terms": "Net 30", "signed_document": "https://sign.example/d/1"}
        self.assertStates(self.deal(won=False, **said), "done")
        message = self.deal(number=2, **said)
        self.assertStates(message, "held")
        why = (
            message.approval_ids.filtered(lambda one: one.state == "waiting")
            .with_user(self.signer)
            .why
        )
        for words in (
            f"nothing says “{label}”",
            "Configuration > Mappings",
            f"“{self.mapping.entity_id.name}”",
        ):
            self.assertIn(words, why)
        self.mapping.line_ids = [Command.create(one) for one in values]
        message.action_replay()
        self.drain()
        self.assertStates(message, "done")

    def test_payment_terms_that_no_line_maps_are_not_taken_for_ours(self):
        self.unmapped("payment_terms", "payment_terms")

    def test_a_signed_document_that_no_line_maps(self):
        self.unmapped("document", "signed_document")
