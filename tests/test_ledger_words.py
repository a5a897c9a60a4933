"""The words that book an invoice in an accounting ledger: who decides about them."""

from odoo.exceptions import RedirectWarning
from odoo.tests import tagged

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestLedgerWords(ChangeCase):
    """They redirect accounts and taxes of every invoice, so finance is asked about each of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ledger = cls.env["hub.system"].create(
            {
                "name": "Ledger",
                "product": "quickbooks",
                "account_ref": "9341453474484455",
                "client_id": "client",
                "environment": "production",
                "company_ids": [(6, 0, cls.company.ids)],
            }
        )
        account = cls.env["account.account"].create(
            {"name": "Consulting sold", "code": "400777", "account_type": "income"}
        )
        tax = cls.env["account.tax"].create({"name": "Tax 7", "amount": 7})
        product = cls.env["product.product"].create({"name": "Consulting", "type": "service"})
        cls.terms = {
            name: cls.env["hub.vocabulary.term"].create(
                {
                    "vocabulary_id": cls.env.ref(f"lead_to_cash_hub.vocabulary_{name}").id,
                    "code": f"T-{name}",
                    "name": name,
                    "res_id": record.id,
                }
            )
            for name, record in
            {"service_item": product, "ledger_account": account, "tax_code": tax}.items()
        }  # fmt: skip
        cls.ledger.action_grant_write_back()
        cls.env["hub.system"].browse(cls.ledger.id).with_user(cls.author).needs_approval = True
        cls.system.sudo().needs_approval = False  # what rules the CRM is no reason

    def test_a_term_without_words_of_its_own_is_under_control_too(self):
        """Its code goes out as the word."""
        for name, term in self.terms.items():
            with self.subTest(name), self.assertRaises(RedirectWarning):
                term.with_user(self.author).res_id += 1

    def test_finance_is_asked_about_each_vocabulary(self):
        words = self.env["hub.vocabulary.word"]
        for number, (name, term) in enumerate(self.terms.items()):
            with self.subTest(name):
                change = self.propose(
                    words,
                    "create",
                    {"term_id": term.id, "system_id": self.ledger.id, "word": "79"},
                    user=self._make_role(f"w{number}", "manager"),
                )
                self.assertTrue(change.needs_finance)
                self.assertIn(self.out().name, change.money_text)
                change.action_submit()
                change.with_user(self.approver).action_approve()
                self.assertEqual((change.state, change.missing_text), ("submitted", "Finance"))

    def test_finance_is_asked_what_record_a_term_stands_for(self):
        for number, (name, term) in enumerate(self.terms.items()):
            user = self._make_role(f"t{number}", "manager")
            with self.subTest(name):
                change = self.propose(term, values={"res_id": term.res_id + 1}, user=user)
                self.assertIn(self.out().name, change.money_text or "")

    def test_the_register_flags_what_books_documents_outside(self):
        self.assertTrue(self.out().touches_postings)
        # figures of invoices for a CRM book nothing
        figures = self.env["hub.stream"].with_context(active_test=False).search(
            [("system_id", "=", self.system.id), ("direction", "=", "out")]
        )  # fmt: skip
        self.assertTrue(figures)
        self.assertFalse(any(figures.mapped("touches_postings")))
        # nor does a ledger that gets no lines; also if nobody granted them yet, words can be changed
        self.ledger.grant_ids.action_revoke()
        self.env.invalidate_all()
        self.assertTrue(self.out().touches_postings)
        lines = self.env["hub.mapping.line"].search(
            [("mapping_id.system_id", "=", self.ledger.id), ("field_id.name", "=", "lines")]
        )
        lines.unlink()
        self.env.invalidate_all()
        self.assertFalse(self.out().touches_postings)

    def test_fields_of_lines_are_under_control(self):
        field = self.env.ref("lead_to_cash_hub.field_invoice_line_tax")
        with self.assertRaises(RedirectWarning):
            field.with_user(self.author).required = True

    def out(self):
        streams = self.ledger.with_context(active_test=False).stream_ids
        return streams.filtered(lambda s: s.direction == "out" and s.entity_id.code == "invoice")
