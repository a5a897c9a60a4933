from lxml import html
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .test_collections_dunning import DunningCase

REPORT = "lead_to_cash_hub.customer_statement_report"


@tagged("post_install", "-at_install")
class TestStatement(DunningCase):
    """The statement of account: what is open, by currency and age, of one company."""

    def _statement(self, user=None, partner=None):
        self._fresh()
        receivables = self.env["hub.receivable"].with_user(user or self.accountant)
        customer = (partner or self.customer).with_env(receivables.env)
        found = receivables._statements(customer, self.company.with_env(receivables.env))
        return {part["currency"].name: part for part in found.get(customer.id, [])}

    def test_open_items_what_is_not_applied_and_their_age(self):
        new, part, old = self._open(100, -10), self._open(1000, 31), self._open(70, 120)
        self._settle(part, 400)
        credit = self._open(30, 5, move_type="out_refund")
        cash = self._settle(self.customer, 45)
        opening = self._charge(500, 130)  # owed by an entry: as late as an invoice
        euros = self._open(500, 61, currency=self.euro)
        self._settle(self._open(9, 9), 9)  # paid: not shown
        found = self._statement()
        self.assertEqual(set(found), {"USD", "EUR"})
        dollars = found["USD"]
        self.assertEqual(dollars["items"].move_id, opening + old + part + new)
        self.assertEqual(dollars["loose"].move_id, credit + cash)
        self.assertEqual(
            dollars["buckets"],
            {"not_due": 100, "1_30": 0, "31_60": 600, "61_90": 0, "over_90": 570},
        )
        # 100 + 600 + 570 - 30 - 45
        self.assertEqual((dollars["unapplied"], dollars["total"]), (-75, 1195))
        self.assertEqual(found["EUR"]["items"].move_id, euros)
        self.assertEqual((found["EUR"]["buckets"]["61_90"], found["EUR"]["total"]), (500, 500))

    def _text(self, partner, user=None):
        report = self.env["ir.actions.report"].with_user(user or self.accountant)
        content, _kind = report._render_qweb_html(REPORT, partner.ids)
        return " ".join(html.fromstring(content).text_content().split())

    def test_the_document(self):
        move, euros = self._open(1234, 10), self._open(500, 61, currency=self.euro)
        euros.action_toggle_block_payment()  # for a reason of the firm's own
        self._note(move, "dispute", words="why")
        text = self._text(self.customer)
        for words in (
            "Acme Ltd",
            move.name,
            "1,234.00",
            "in dispute",
            euros.name,
            "500.00",
            "61–90",
        ):
            self.assertIn(words, text)
        self.assertNotIn("why", text, "what is said inside stays inside")
        self.assertEqual(text.count("in dispute"), 1, "what the firm blocks nobody contests")
        other = self._make_customer("Quiet Ltd")
        self.assertIn("Nothing is open", self._text(other))

    def test_of_a_contact_it_is_the_company_s(self):
        self._open(1234, 10)
        contact = self.env["res.partner"].create({"name": "Pat", "parent_id": self.customer.id})
        action = contact.with_user(self.accountant).action_hub_statement()
        self.assertEqual(action["report_name"], "lead_to_cash_hub.customer_statement")
        self.assertEqual(action["context"]["active_ids"], self.customer.ids)

    def test_who_sees_no_receivables_gets_none(self):
        self._open(1234, 10)
        for user in (self.viewer, self.consultant_user):
            with self.assertRaises(AccessError):
                self.customer.with_user(user).action_hub_statement()
            with self.assertRaises(AccessError):
                self._text(self.customer, user)

    def test_another_company_s_items_are_not_in_it(self):
        self._open(1234, 10)
        other = self.env["res.company"].create({"name": "Other Ltd"})
        stranger = self._make_user("stranger", "base.group_user", "account.group_account_invoice")
        stranger.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        report = self.env["ir.actions.report"].with_user(stranger)
        report = report.with_context(allowed_company_ids=other.ids)
        content, _kind = report._render_qweb_html(REPORT, self.customer.ids)
        self.assertIn("Nothing is open", html.fromstring(content).text_content())

    def test_attached_where_the_level_asks_for_it(self):
        self.second.statement = True
        self._open(1000, 10)
        first = self._send(self._run())
        self.assertFalse(self._mails(first).attachment_ids)
        second = self._send(self._run(days=10))
        attached = self._mails(second).attachment_ids
        self.assertEqual(len(attached), 1)
        self.assertIn("Statement of account", attached.name)
        self.assertEqual((attached.res_model, attached.res_id), (second._name, second.id))

    def test_twice_as_many_customers_cost_no_more_queries(self):
        customers = self.env["res.partner"]
        for i in range(8):
            customers += self._make_customer(f"C{i}")
            self._open(10, i * 20, partner=customers[-1])

        def cost(some):
            self._fresh()
            before = self.env.cr.sql_log_count
            found = self.env["hub.receivable"]._statements(some, self.company)
            self.assertEqual(len(found), len(some))
            return self.env.cr.sql_log_count - before

        cost(customers)
        self.assertLessEqual(cost(customers), cost(customers[:4]))
