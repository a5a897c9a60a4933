from datetime import date
from decimal import Decimal

from odoo.tests import tagged

from ..core.problem import Term
from ..models.flow.take_back import TakeBack
from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessExpense(BusinessCase):
    """Approved expenses are re-invoiced once, at cost, and book nothing by themselves."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal(
            [self._line(self.consulting, 10, "150"), self._line(self.travel, 1, "3000", "Travel")]
        )

    def _expense(self, amount="412.37", record=None, changed=None, **values):
        return self._item(
            "expense",
            {
                "project": self.contract.project_id.id,
                "employee": self.consultant.id,
                "date": date(2025, 6, 12),
                "amount": Decimal(amount),
                "currency": "USD",
                "note": "Train",
                "approval": Term("approved"),
                "billable": True,
                **values,
            },
            record=record,
            changed=changed,
        )

    def _entry(self, item):
        self.assertFalse(item.problem, item.problem and item.problem.params)
        return self.env["account.analytic.line"].browse(item.res_id)

    def test_expense_is_billed_once_at_cost(self):
        moves = self.env["account.move"].search_count([])
        entry = self._entry(self._apply(self._expense()))
        self.assertEqual(entry.amount, -412.37)
        self.assertEqual(entry.account_id, self.contract.project_id.account_id)
        self.assertEqual(self.env["account.move"].search_count([]), moves)
        self.assertEqual(self.contract.sale_order_id.amount_untaxed, 4500)
        invoice = self._bill(self.contract)
        self.assertEqual(invoice.invoice_line_ids.mapped("price_subtotal"), [412.37])
        self.assertEqual(invoice.hub_billing_ids.entry_id, entry)
        self._approve(invoice)
        self.assertFalse(self._bill(self.contract))

    def test_allowance_is_never_billed_by_itself(self):
        self._book(self.contract, "2")
        self.assertEqual(self._bill(self.contract).amount_untaxed, 300)

    def test_not_approved_is_left_out(self):
        item = self._apply(self._expense(approval=Term("submitted")))
        self.assertEqual(item.skip, "not_approved")

    def test_changed_on_a_draft(self):
        entry = self._entry(self._apply(self._expense()))
        invoice = self._bill(self.contract)
        item = self._expense("400.00", record=entry, changed=["amount"])
        self._apply(item)
        self.assertFalse(item.problem)
        self.assertEqual(invoice.amount_untaxed, 400)
        self.assertEqual(entry.amount, -400)
        self._approve(invoice)

    def test_a_price_that_stands_on_the_order_is_not_taken_back_alone(self):
        entry = self._entry(self._apply(self._expense()))
        self._apply(self._expense("400.00", record=entry, changed=["amount"]))
        write = {
            "audit_id": 1,
            "at": self.env.cr.now(),
            "user_id": self.env.uid,
            "res_model": entry._name,
            "res_id": entry.id,
            "trace": {"created": False, "fields": {"amount": [-412.37, -400.0]}},
        }
        result = TakeBack(self.env, [write]).run()[1]
        self.assertEqual((result.verdict, result.reason), ("left", "order_line"))
        self.assertEqual((entry.amount, entry.so_line.price_unit), (-400, 400))
        write["trace"]["fields"] = {"name": ["Bus", "Train"]}
        self.assertEqual(TakeBack(self.env, [write]).run()[1].verdict, "write")
        self.assertEqual(entry.name, "Bus")
        # One that is not invoiced has its price in one place only.
        own = self._entry(self._apply(self._expense("50.00", billable=False)))
        write |= {
            "res_id": own.id,
            "trace": {"created": False, "fields": {"amount": [-40.0, -50.0]}},
        }
        self.assertEqual(TakeBack(self.env, [write]).run()[1].verdict, "write")
        self.assertEqual(own.amount, -40)

    def test_changed_after_billing(self):
        entry = self._entry(self._apply(self._expense()))
        self._approve(self._bill(self.contract))
        item = self._apply(self._expense("400.00", record=entry, changed=["amount"]))
        self.assertEqual(item.problem.code, "changed_after_billing")
        self.assertIn(
            "400.00", self.env["hub.sentence"]._sentence(item.problem.code, item.problem.params)
        )

    def test_changed_after_it_was_written_off(self):
        entry = self._entry(self._apply(self._expense()))
        one = self.env["hub.write.off"]._propose(entry, "Agreed with Acme")
        self.assertEqual(one.amount, 412.37)
        one.with_user(self.approver).action_approve()
        item = self._apply(self._expense("400.00", record=entry, changed=["amount"]))
        self.assertEqual(item.problem.code, "changed_after_billing")
        self.assertEqual((entry.amount, entry.hub_billing_id.written_off), (-412.37, 412.37))

    def test_not_billable_is_a_cost_only(self):
        entry = self._entry(self._apply(self._expense(billable=False)))
        self.assertFalse(entry.so_line)
        self.assertEqual(entry.amount, -412.37)
        self.assertFalse(self._bill(self.contract))

    def test_without_contract(self):
        project = self.env["project.project"].create({"name": "Plain"})
        item = self._apply(self._expense(project=project.id))
        self.assertEqual(item.problem.code, "no_valid_contract")
        self.assertIn(
            "412.37", self.env["hub.sentence"]._sentence(item.problem.code, item.problem.params)
        )

    def test_foreign_expense_without_rate(self):
        self.env.ref("base.EUR").active = True
        self.env["res.currency.rate"].search([]).unlink()
        item = self._apply(self._expense(currency="EUR"))
        self.assertEqual(item.problem.code, "no_exchange_rate")

    def test_moved_expense_is_a_question(self):
        entry = self._entry(self._apply(self._expense()))
        other = self._start_deal().project_id
        for values in ({"billable": False}, {"project": other.id}):
            item = self._apply(
                self._expense(record=entry, changed=list(values), **{"billable": True, **values})
            )
            self.assertIn(item.problem.code, ("expense_moved", "no_reimbursable_line"))
        service = Term("x", "product.product", self.milestone_service.id)
        item = self._apply(self._expense(record=entry, changed=["service"], service=service))
        self.assertEqual((item.problem.code, item.problem.kind), ("expense_moved", "conflict"))
        self.assertIn(
            "service", self.env["hub.sentence"]._sentence(item.problem.code, item.problem.params)
        )
        item = self._expense(record=entry, changed=["employee"], employee=self.architect.id)
        self.assertFalse(self._apply(item).problem)
        self.assertEqual(entry.employee_id, self.architect)
