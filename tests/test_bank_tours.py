from odoo.tests import tagged

from .bank_common import BankCase
from .view_common import HubBrowser


@tagged("post_install", "-at_install")
class TestBankTours(BankCase, HubBrowser):
    """Somebody who does the bank imports a file and decides about what is left."""

    def test_a_file_is_imported_and_its_lines_are_decided(self):
        self.cashier.password = self.cashier.login
        self.bank.name = "Main Bank"
        sure = self._open(250, payment_reference="TOUR-10001")
        less = self._open(250, payment_reference="TOUR-10002")
        url = "/odoo/hub-bank-lines"
        self.start_tour(url, "hub_bank_import", login=self.cashier.login, timeout=180)
        self.env.invalidate_all()
        lines = self._lines()
        self.assertEqual(lines.mapped("hub_match"), ["matched", "proposed", "open"])
        self.assertEqual(lines.statement_id.balance_end_real, 1610)
        self.assertEqual((sure.payment_state, less.payment_state), ("paid", "not_paid"))
        self.start_tour(url, "hub_bank_lines", login=self.cashier.login, timeout=180)
        self.env.invalidate_all()
        self.assertEqual(lines.mapped("hub_match"), ["open", "accepted", "unapplied"])
        self.assertEqual((sure.payment_state, less.payment_state), ("not_paid", "partial"))
