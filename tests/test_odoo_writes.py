"""Time and documents in another Odoo, judged by Odoo's own endpoint; projects that begin there."""

from dataclasses import replace
from datetime import date
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..connectors.errors import ConnectorError
from ..connectors.http import Session
from ..connectors.parts import Write
from .odoo_common import OdooItselfCase


@tagged("post_install", "-at_install")
class TestOdooTimeItself(OdooItselfCase):
    def _time(self, operation="create", external_id=None, **values):
        values = {
            "project_id": str(self.project.id),
            "task_id": None,
            "employee_id": str(self.employee.id),
            "date": "2026-03-04",
            "unit_amount": "0.333333",
            "name": "workshop",
            **values,
        }
        return Write("k", "time_entry", operation, external_id, values, record=9)

    def _deliver(self, write):
        (outcome,) = self.ask(lambda: self._connector().deliver(write.entity, [write]))
        return outcome

    def test_time_is_made_once_and_changed(self):
        task = self.env["project.task"].create({"name": "Build", "project_id": self.project.id})
        keys = {self._deliver(self._time(task_id=str(task.id))).external_id for _turn in range(2)}
        line = self.env["account.analytic.line"].browse(int(keys.pop()))
        self.assertFalse(keys, "the same bytes again are the same entry")
        self.assertEqual(
            (line.project_id, line.task_id, line.employee_id, line.date, line.name),
            (self.project, task, self.employee, date(2026, 3, 4), "workshop"),
        )
        self.assertAlmostEqual(line.unit_amount, 1 / 3, 6)
        change = Write("k2", "time_entry", "update", str(line.id),
                       {"unit_amount": "2.5", "name": "", "task_id": None})  # fmt: skip
        outcome = self._deliver(change)
        self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
        self.assertEqual((line.unit_amount, line.name, line.task_id.id), (2.5, "/", False))
        self.assertIn(str(line.id), self.read("time_entry"))

    def test_who_or_what_is_not_known_there_is_a_question(self):
        outcome = self._deliver(self._time(employee_id=None, project_id=None))
        self.assertEqual((outcome.error.kind, outcome.error.code), ("reference", "odoo_incomplete"))
        self.assertEqual(outcome.error.params["properties"], ["project_id", "employee_id"])


@tagged("post_install", "-at_install")
class TestOdooInvoiceItself(OdooItselfCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls.company_data["default_tax_sale"]
        cls.account = cls.company_data["default_account_revenue"]
        cls.journal = cls.env["account.journal"].create(
            {
                "name": "Of the other Odoo",
                "code": "OTHR",
                "type": "sale",
                "company_id": cls.company.id,
            }
        )
        cls.service = cls.env["product.product"].create(
            {"name": "Consulting", "default_code": "CON", "type": "service"}
        )

    def _document(self, operation="create", external_id=None, **values):
        rate = self.tax.amount
        document = {
            "number": "INV/2026/00042",
            "kind": "invoice",
            "date": "2026-03-31",
            "due_date": "2026-04-30",
            "currency": self.company.currency_id.name,
            "note": "C-7",
            "journal": "OTHR",
            "customer": {"key": 5, "name": "Newcomer", "vat": None, "city": "Ghent", "country": "BE"},
            "lines": [
                {"name": "Consulting in March", "quantity": "2", "unit_price": "150.00",
                 "untaxed": "300.00", "tax_amount": f"{3 * rate:.2f}", "item": "CON", "account": None,
                 "tax": self.tax.name},
                {"name": "20 minutes", "quantity": "0.333333", "unit_price": "150.00",
                 "untaxed": "50.00", "tax_amount": "0.00", "item": None, "account": self.account.code,
                 "tax": "none"},
            ],
            "untaxed": "350.00",
            "total": f"{350 + 3 * rate:.2f}",
            **values,
        }  # fmt: skip
        return Write("k", "invoice", operation, external_id, document, record=42)

    def _deliver(self, *writes):
        return self.ask(lambda: self._connector().deliver("invoice", list(writes)))

    def _there(self):
        return self.env["account.move"].search([("journal_id", "=", self.journal.id)])

    def test_a_document_stands_there_once_with_our_number_and_to_the_cent(self):
        for _turn in range(2):
            (outcome,) = self._deliver(self._document())
            self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
        move = self._there()
        self.assertEqual(outcome.external_id, str(move.id))
        self.assertEqual(
            (move.name, move.state, move.move_type), ("INV/2026/00042", "posted", "out_invoice")
        )
        self.assertEqual(
            (move.invoice_date, move.invoice_date_due), (date(2026, 3, 31), date(2026, 4, 30))
        )
        self.assertEqual((move.amount_untaxed, move.invoice_origin), (350.0, "C-7"))
        first, second = move.invoice_line_ids
        self.assertEqual(
            (first.product_id, first.quantity, first.tax_ids), (self.service, 2.0, self.tax)
        )
        self.assertEqual((second.account_id, second.tax_ids.ids), (self.account, []))
        self.assertEqual((move.partner_id.name, move.partner_id.city), ("Newcomer", "Ghent"))
        told = self.read("invoice")[str(move.id)].payload
        self.assertIn(b'"ledger_state":"open"', told)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({}).action_create_payments()
        self.assertIn(b'"ledger_state":"paid"', self.read("invoice")[str(move.id)].payload)
        changed = self._document("update", str(move.id), total="1.00", untaxed="1.00")
        (outcome,) = self._deliver(changed)
        self.assertEqual(outcome.error.code, "ledger_paid", "what is paid is not changed")

    def test_whichever_answer_is_lost_nothing_stands_twice(self):
        """Each call that changes something takes effect, and its answer does not come."""
        real, lost = Session.call, set()

        def losing(session, method, url, **options):
            answer = real(session, method, url, **options)
            step = url.rpartition("/json/2/")[2]
            if options.get("write") and step not in lost:
                lost.add(step)
                raise ConnectorError("unknown", "answer_lost")
            return answer

        with patch.object(Session, "call", losing):
            for _turn in range(9):
                (outcome,) = self._deliver(self._document())
                if outcome.ok:
                    break
                self.assertEqual(outcome.error.kind, "unknown")
        self.assertTrue(outcome.ok)
        self.assertIn("account.move/action_post", lost)
        self.assertEqual(len(self._there()), 1)
        self.assertEqual(len(self._there().invoice_line_ids), 2)
        self.assertEqual(self.env["res.partner"].search_count([("name", "=", "Newcomer")]), 1)

    def test_what_does_not_come_to_our_total_stays_a_draft_and_is_a_question(self):
        (outcome,) = self._deliver(self._document(total="999.00"))
        self.assertEqual((outcome.error.kind, outcome.error.code), ("data", "ledger_amounts"))
        self.assertEqual(self._there().state, "draft")
        (outcome,) = self._deliver(self._document())
        self.assertTrue(outcome.ok, "mended, it goes on with the same draft")
        self.assertEqual((len(self._there()), self._there().state), (1, "posted"))
        (outcome,) = self._deliver(self._document(total="999.00"))
        self.assertEqual(outcome.error.code, "ledger_number_taken")

    def test_a_changed_document_is_changed_there_while_nothing_is_paid(self):
        (outcome,) = self._deliver(self._document())
        line = {"name": "Fixed", "quantity": "1", "unit_price": "80.00", "untaxed": "80.00",
                "tax_amount": "0.00", "item": "CON", "tax": "none"}  # fmt: skip
        change = Write("k2", "invoice", "update", outcome.external_id,
                       {"lines": [line], "untaxed": "80.00", "total": "80.00"})  # fmt: skip
        (outcome,) = self._deliver(change)
        self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
        move = self._there()
        self.assertEqual(
            (move.amount_total, move.state, move.name), (80.0, "posted", "INV/2026/00042")
        )

    def test_a_credit_note(self):
        (invoice,) = self._deliver(self._document())
        note = self._document(number="RINV/2026/00003", kind="credit_note", total="-350.00",
                              untaxed="-350.00", credits="INV/2026/00042")  # fmt: skip
        note = replace(note, key="k2", record=43)
        for line in note.values["lines"]:
            line["tax"] = "none"
        (outcome,) = self._deliver(note)
        self.assertTrue(outcome.ok, outcome.error and outcome.error.params)
        move = self.env["account.move"].browse(int(outcome.external_id))
        self.assertEqual(
            (move.move_type, move.amount_total, move.state), ("out_refund", 350.0, "posted")
        )
        self.assertEqual(str(move.reversed_entry_id.id), invoice.external_id)

    @mute_logger("odoo.http")
    def test_what_is_not_known_there_is_named(self):
        for change, word in (
            ({"journal": "NONE"}, "NONE"),
            ({"currency": "XXX"}, "XXX"),
            ({"lines": [{**self._document().values["lines"][0], "item": "NOPE"}]}, "NOPE"),
            (
                {"lines": [{**self._document().values["lines"][0], "tax": "21% of nothing"}]},
                "21% of nothing",
            ),
        ):
            with self.subTest(word):
                (outcome,) = self._deliver(self._document(**change))
                self.assertEqual(
                    (outcome.error.code, outcome.error.params["word"]), ("ledger_word", word)
                )
        self.assertFalse(self._there().filtered(lambda move: move.state == "posted"))
