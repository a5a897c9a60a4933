"""Invoices in Odoo against those of an accounting ledger: what agrees, what differs, and why."""

from datetime import timedelta

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .ledger_common import QuickBooksCase, XeroCase


class BooksMixin:
    """The same differences in each product, made there as its bookkeeper would make them."""

    def compared(self, day, until=None):
        run = self.env["hub.reconciliation"].create(
            {
                "kind": "books",
                "company_id": self.company.id,
                "system_id": self.ledger.id,
                "date_from": day,
                "date_to": until or day,
            }
        )
        run._compare()
        self.assertNotEqual(run.state, "failed", run.sentence)
        self.assertTrue(run.proved)
        return run

    def reasons(self, run):
        return [(line.reason, line.cause or "", line.difference) for line in run.line_ids]

    def test_what_was_sent_agrees_also_when_it_was_paid_weeks_later(self):
        move = self.posted()
        self.drain()
        self.credited(move)
        self.settle()
        self.later(40 * 86400)
        self.sandbox.pay(self._key(move))
        run = self.compared(move.invoice_date)
        self.assertEqual(
            (run.state, run.agreed_count, run.line_ids.mapped("sentence")), ("agreed", 2, [])
        )
        (total,) = run.total_ids
        self.assertEqual((total.here, total.there), ("0.00 USD", "0.00 USD"))

    def test_each_difference_has_its_name(self):
        contract = self._start_deal()
        same, other, voided, gone, late = (
            self._invoice(contract, hours) for hours in ("1", "2", "3", "4", "5")
        )
        self.settle()
        self.change(other, 1)
        self.void(voided)
        self.delete(gone)
        # one that waits to be sent, one that only the ledger has
        stream = self.ledger.stream_ids.filtered(lambda s: s.direction == "out")
        stream.action_pause()
        stuck = self._invoice(contract, "6")
        self.drain()
        self.enter_by_hand("MAN-1", 70, same.invoice_date)
        run = self.compared(same.invoice_date)
        self.assertEqual(run.agreed_count, 2, "the first, and the last of those that were sent")
        self.assertEqual(late.state, "posted")
        found = {line.reference: line for line in run.line_ids}
        wanted = {
            "MAN-1": ("missing_here", "-70.00 USD"),
            gone.name: ("missing_there", f"{gone.amount_total:,.2f} USD"),
            stuck.name: ("missing_there", f"{stuck.amount_total:,.2f} USD"),
            other.name: ("amount", "-1.00 USD"),
            voided.name: ("status", f"{voided.amount_total:,.2f} USD"),
        }
        self.assertEqual({k: (v.reason, v.difference) for k, v in found.items()}, wanted)
        self.assertEqual(found[stuck.name].cause, "on_way")
        self.assertEqual(found[stuck.name].message_id, self.message(stuck)[0])
        self.assertFalse(found["MAN-1"].cause)
        self.assertEqual(run.state, "different")
        records = {k: self.env[v.res_model].browse(v.res_id) for k, v in found.items() if v.res_id}
        self.assertEqual(records, {move.name: move for move in (other, voided, gone, stuck)})

    def test_the_tax_and_the_day_are_compared_too(self):
        move = self.posted()
        self.settle()
        self.change(move, 0, tax=1, day=move.invoice_date - timedelta(days=1))
        run = self.compared(move.invoice_date - timedelta(days=2), move.invoice_date)
        self.assertEqual([line.reason for line in run.line_ids], ["part", "date"])

    def test_what_never_went_out_is_sent_when_one_asks(self):
        stream = self.ledger.stream_ids.filtered(lambda s: s.direction == "out")
        stream.active = False
        move = self.posted()
        self.settle()
        run = self.compared(move.invoice_date)
        self.assertEqual(run.line_ids.mapped("reason"), ["missing_there"])
        self.assertIn("never sent", run.line_ids.sentence)
        stream.active = True
        run.line_ids.action_ask_again()
        self.settle()
        self.assertEqual(self.documents(), [(move.name, move.amount_total)])
        run._compare()
        self.assertEqual(run.state, "agreed")

    def test_what_was_before_the_start_is_nobody_s_difference(self):
        move = self.posted()
        self.enter_by_hand("OLD-1", 70, move.invoice_date)
        self.ledger.start_date = move.invoice_date + timedelta(days=1)
        self.settle()
        run = self.compared(move.invoice_date)
        self.assertEqual((run.state, run.agreed_count), ("agreed", 0))

    def test_a_document_of_another_company_is_not_missing_here(self):
        move = self.posted()
        self.settle()
        self.enter_by_hand("MAN-1", 70, move.invoice_date)
        run = self.compared(move.invoice_date)
        self.assertEqual(run.line_ids.mapped("reason"), ["missing_here"])
        other = self.env["res.company"].create({"name": "Other"})
        foreign = self.env["account.move"].search([], order="id desc", limit=1).id + 1000
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {
                    "system_id": self.ledger.id,
                    "entity_id": self.env.ref("lead_to_cash_hub.entity_invoice").id,
                    "entity": "invoice",
                    "external_id": run.line_ids.key,
                    "company_id": other.id,
                    "res_model": "account.move",
                    "res_id": foreign,
                }
            ],
        )
        run._compare()
        self.assertEqual((run.state, run.agreed_count), ("agreed", 1))

    def test_only_a_ledger_is_compared(self):
        with self.assertRaises(ValidationError):
            self.env["hub.reconciliation"].create(
                {
                    "kind": "books",
                    "company_id": self.company.id,
                    "system_id": self.system.id,
                    "date_from": "2025-07-01",
                    "date_to": "2025-07-01",
                }
            )


@tagged("post_install", "-at_install")
class TestQuickBooksBooks(BooksMixin, QuickBooksCase):
    def _row(self, move):
        return self.sandbox.rows["Invoice"][self._key(move)]

    def change(self, move, more, tax=0, day=None):
        row = dict(self._row(move))
        row["TotalAmt"] += more
        if tax:
            row["TxnTaxDetail"] = {"TotalTax": row.get("TxnTaxDetail", {}).get("TotalTax", 0) + tax}
        if day:
            row["TxnDate"] = str(day)
        self.sandbox.rows["Invoice"][row["Id"]] = row

    def void(self, move):
        self.sandbox.void("Invoice", self._key(move))

    def delete(self, move):
        self.sandbox.delete("Invoice", self._key(move))

    def enter_by_hand(self, number, total, day):
        self.sandbox.seed(
            {"Invoice": [{"DocNumber": number, "TotalAmt": total, "TxnDate": str(day),
                          "CurrencyRef": {"value": "USD"}, "CustomerRef": {"value": "1"}}]}
        )  # fmt: skip


@tagged("post_install", "-at_install")
class TestXeroBooks(BooksMixin, XeroCase):
    def change(self, move, more, tax=0, day=None):
        row = self.sandbox.rows["Invoices"][self._key(move)]
        row["Total"] += more
        row["TotalTax"] = row.get("TotalTax", 0) + tax
        if day:
            row["DateString"] = f"{day}T00:00:00"

    def void(self, move):
        self.sandbox.set_status("Invoices", self._key(move), "VOIDED")

    def delete(self, move):
        self.sandbox.set_status("Invoices", self._key(move), "DELETED")

    def enter_by_hand(self, number, total, day):
        self.sandbox.seed(
            {"Invoices": [{"Type": "ACCREC", "InvoiceNumber": number, "Total": total,
                           "CurrencyCode": "USD", "Status": "AUTHORISED",
                           "DateString": f"{day}T00:00:00"}]}
        )  # fmt: skip
