from decimal import Decimal

from odoo.tests import tagged

from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessFlow(BusinessCase):
    """The whole way: a won deal, its hours, the invoice, the money."""

    def test_from_won_deal_to_paid_invoice(self):
        contract = self._start_deal()
        self.assertEqual(contract.state, "active")
        self.assertEqual(contract.sale_order_id.state, "sale")
        self.assertEqual(contract.sale_order_id.amount_untaxed, 15000.0)
        self.assertEqual(contract.project_id.hub_code, contract.code)
        self.assertTrue(contract.ready_at)

        entries = self._book(contract, "8", "7.5")
        self.assertEqual(entries.so_line, contract.sale_order_id.order_line)
        invoice = self._bill(contract)
        self.assertEqual(invoice.amount_untaxed, 15.5 * 150)
        self.assertEqual(invoice.hub_approval, "to_approve")
        self._approve(invoice)
        self.assertEqual(invoice.state, "posted")
        self.assertEqual(invoice.hub_approved_by_id, self.approver)

        item = self._apply(self._item("payment", self._pay(invoice, fee="77.83")))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        self.assertEqual(invoice.payment_state, "paid")
        contract.invalidate_recordset()
        self.assertEqual(contract.invoiced_amount, invoice.amount_total)
        self.assertEqual(contract.paid_amount, invoice.amount_total)
        values = self._handler("opportunity")._hub_compose(contract.lead_id, None)
        self.assertEqual(
            values[contract.lead_id.id]["paid_amount"], Decimal(str(invoice.amount_total))
        )
