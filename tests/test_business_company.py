from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessCompany(BusinessCase):
    """Two companies, one database: neither sees, bills nor numbers for the other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Entity DE"})
        cls.foreigner = cls._make_user(
            "foreigner",
            "base.group_user",
            "lead_to_cash_hub.group_hub_resolver",
            "lead_to_cash_hub.group_hub_billing_approver",
            "lead_to_cash_hub.group_hub_manager",
        )
        cls.foreigner.write(
            {"company_ids": [Command.set(cls.other.ids)], "company_id": cls.other.id}
        )

    def test_other_company_sees_nothing(self):
        contract = self._start_deal()
        invoice = self._invoice(contract, "8")
        for record in (contract, contract.line_ids, invoice.hub_billing_ids, invoice.hub_check_ids):
            seen = record.with_user(self.foreigner).with_context(allowed_company_ids=self.other.ids)
            self.assertFalse(seen.search([("id", "in", record.ids)]))
            with self.assertRaises(AccessError):
                seen.read(["company_id"])

    def test_other_company_neither_bills_nor_approves(self):
        contract = self._start_deal()
        self._book(contract, "8")
        run = (
            self.env["hub.billing.run"]
            .with_user(self.foreigner)
            .with_context(allowed_company_ids=self.other.ids)
        )
        with self.assertRaises(AccessError):
            run._run(self.company, None, "2025-06-30", contract.with_env(run.env))
        moves, _failures = run._run(self.other, None, "2025-06-30")
        self.assertFalse(moves)
        invoice = self._bill(contract)
        with self.assertRaises(AccessError):
            invoice.with_user(self.foreigner).with_context(
                allowed_company_ids=self.other.ids
            ).action_hub_approve()

    def test_records_of_two_companies_do_not_mix(self):
        contract = self._start_deal()
        with self.assertRaises(UserError):
            contract.company_id = self.other

    def test_payment_into_a_journal_of_another_company(self):
        contract = self._start_deal()
        invoice = self._invoice(contract, "8")
        item = self._item("payment", self._pay(invoice))
        self.technical.company_ids |= self.other
        self.system.company_ids |= self.other
        handler = self._handler("payment").with_context(allowed_company_ids=self.other.ids)
        handler._hub_check([item])
        self.assertEqual(item.problem.code, "no_payment_journal")
