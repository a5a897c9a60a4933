"""What the tests of payouts and provider disputes share: paid invoices and a payout with its parts."""

from datetime import datetime, timezone
from decimal import Decimal

from odoo.fields import Command

from ..core.problem import Term
from .bank_common import BankCase, camt
from .view_common import HubScreens


def moment(day, hour=9):
    return datetime(2025, 7, day, hour, tzinfo=timezone.utc)


class PayoutCase(HubScreens, BankCase):
    """Three invoices that were paid through the provider."""

    def setUp(self):
        super().setUp()
        self.transfers = self.company.transfer_account_id
        self.invoices = [self._open(amount) for amount in (100.50, 250, 40)]

    def _charge(self, invoice, fee):
        """A payment of an invoice, booked net of its fee."""
        item = self._done("payment", self._pay(invoice, fee=fee))
        return self.env["account.payment"].browse(item.res_id)

    def _done(self, entity, values, **more):
        item = self._apply(self._item(entity, values, **more))
        self.assertFalse(item.problem, item.problem and (item.problem, item.problem.params))
        return item

    def _refund_values(self, payment, amount):
        return {
            "payment": payment.id,
            "amount": Decimal(amount),
            "currency": payment.currency_id.name,
            "date": moment(16),
            "status": Term("succeeded"),
            "reference": f"re_{payment.id}",
        }

    def _refund(self, payment, amount):
        item = self._done("refund", self._refund_values(payment, amount))
        return self.env["account.payment"].browse(item.res_id)

    def _by_hand(self, direction, amount, memo):
        """What somebody booked in the provider's journal, in Odoo's own form."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": direction,
                "amount": float(amount),
                "journal_id": self.journal.id,
                "payment_method_line_id": self.journal._hub_method_line(direction).id,
                "date": "2025-07-17",
                "partner_id": self.customer.id,
                "memo": memo,
            }
        )
        payment.action_post()
        return payment

    def _part(self, kind, net, reference=None, fee="0", currency="USD", key=None):
        return {
            "key": key or f"txn_{kind}_{reference}_{net}",
            "kind": kind,
            "reference": reference,
            "gross": Decimal(net) + Decimal(fee),
            "fee": Decimal(fee),
            "net": Decimal(net),
            "currency": currency,
        }

    def _payout(self, amount, parts, reference="po_77001", **values):
        return {
            "amount": Decimal(amount),
            "currency": "USD",
            "date": moment(18),
            "status": Term("succeeded"),
            "reconciliation": "completed",
            "reference": reference,
            "trace": "TRACE4711",
            "parts": parts,
            **values,
        }

    def _whole(self):
        """Payments of 97.29, 242.45 and 38.54 net, a refund of 25.00: 353.28, less 2.00 of the provider's own."""
        first, second, third = (
            self._charge(invoice, fee)
            for invoice, fee in zip(self.invoices, ("3.21", "7.55", "1.46"), strict=True)
        )
        refund = self._refund(second, "25.00")
        return [
            self._part("charge", "97.29", first.hub_reference, "3.21"),
            self._part("charge", "242.45", second.hub_reference, "7.55"),
            self._part("charge", "38.54", third.hub_reference, "1.46"),
            self._part("refund", "-25.00", refund.hub_reference),
            self._part("fee", "-2.00"),
        ]

    def _booked(self, amount, parts, **values):
        item = self._done("payout", self._payout(amount, parts, **values))
        return self.env["account.payment"].browse(item.res_id)

    def _problem(self, code, values, *words, **more):
        """The problem with a payout, of which nothing is booked."""
        count = self.env["account.payment"].search_count([])
        item = self._apply(self._item("payout", values, **more))
        self.assertTrue(item.problem, item.skip)
        self.assertEqual(item.problem.code, code)
        self.assertEqual(self.env["account.payment"].search_count([]), count)
        sentence = self.env["hub.sentence"]._sentence(code, item.problem.params)
        for word in words:
            self.assertIn(word, sentence)
        return item.problem

    def _waits(self, params):
        """A payout that waits for its parts, as the engine leaves it: its message and issue."""
        message = self.receive(self.system, "payout", params["reference"])
        process = "payment_to_receivable"
        return message, self.need_person(message, "payout_part_missing", params, process=process)

    def _mended(self, message):
        """What became of it when the watch looked."""
        self.env["hub.payout.part"]._mend()
        message.invalidate_recordset()
        return message.state

    def _balance(self, account, field="balance"):
        lines = self.env["account.move.line"].search(
            [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        )
        return round(sum(lines.mapped(field)), 2)

    def _bank(self, amount, text, **values):
        return self._import(camt([{"amount": amount, "text": text, **values}]))

    def _in_yen(self):
        """The provider's balance and the bank in yen, of a company in dollars; 150 yen a dollar, later 160."""
        yen = self.env.ref("base.JPY")
        yen.active = True
        self.env["res.currency.rate"].create(
            [
                {"currency_id": yen.id, "name": day, "rate": rate, "company_id": self.company.id}
                for day, rate in (("2025-06-01", 150), ("2025-07-20", 160))
            ]
        )
        self.journal = self.env["account.journal"].create(
            {"name": "Stripe JPY", "type": "bank", "code": "STRJ", "currency_id": yen.id}
        )
        self.journal.action_hub_use_own_account()
        self.system.journal_id = self.journal
        self.bank = self._make_bank_journal(
            "JP0001", name="Bank JPY", code="MBJ", currency_id=yen.id
        )
        return self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "currency_id": yen.id,
                "invoice_date": "2025-07-01",
                "date": "2025-07-01",
                "invoice_line_ids": [
                    Command.create({"name": "Work", "price_unit": 10000, "tax_ids": []})
                ],
            }
        )
