import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .bank_common import BankCase, camt


@tagged("post_install", "-at_install")
class TestBankImport(BankCase):
    """A bank's file becomes Odoo's own statements and lines, once each, and what does not fit is said."""

    def test_a_file_is_shown_before_and_imported_once(self):
        data = camt(
            [
                {"amount": "100.00", "text": "Rent of a desk", "name": "Tenant Ltd", "ref": "B1"},
                {"amount": "-40.00", "text": "Fee", "ref": "B2", "day": "2025-07-16"},
            ]
        )
        wizard = self._wizard(data)
        wizard.action_check()
        shown = wizard.statement_ids
        self.assertEqual(shown.journal_id, self.bank)  # by its account and currency
        self.assertEqual(
            (shown.opening, shown.closing, shown.count, shown.known_count, shown.new_count),
            (1000, 1060, 2, 0, 2),
        )
        self.assertEqual((shown.came_in, shown.went_out), (100, -40))
        self.assertEqual((str(shown.date_from), str(shown.date_to)), ("2025-07-15", "2025-07-16"))
        self.assertEqual(wizard.entry_ids.mapped("state"), ["new", "new"])
        self.assertFalse(self._lines())
        wizard.action_import()
        lines = self._lines()
        self.assertEqual(lines.mapped("amount"), [100, -40])
        self.assertEqual(lines[0].partner_name, "Tenant Ltd")
        statement = lines.statement_id
        self.assertEqual((statement.balance_start, statement.balance_end_real), (1000, 1060))
        self.assertTrue(statement.is_complete and statement.is_valid)
        self.assertEqual(set(lines.mapped("state")), {"posted"})
        again = self._wizard(data)
        again.action_check()
        self.assertEqual((again.new_count, again.statement_ids.known_count), (0, 2))
        with self.assertRaisesRegex(UserError, "known already"):
            again.action_import()
        self.assertEqual(self._lines(), lines)
        audit = self.env["hub.audit"].search([("action", "=", "bank_import")], limit=1)
        self.assertEqual((audit.res_id, audit.user_id), (statement.id, self.cashier))

    def test_only_what_was_looked_at_is_imported(self):
        seen, other = (camt([{"amount": f"{amount}.00"}]) for amount in (5, 9000))
        wizard = self._wizard(seen)
        with self.assertRaisesRegex(UserError, "Look into"):
            wizard.action_import()
        wizard.action_check()
        wizard.file = base64.b64encode(other)
        with self.assertRaisesRegex(UserError, "Look into"):
            wizard.action_import()
        wizard.file = base64.b64encode(seen)
        second = self._make_bank_journal(False, code="MB2")
        wizard.journal_id = second
        with self.assertRaisesRegex(UserError, "Look into"):
            wizard.action_import()
        wizard.journal_id = False
        wizard.action_choose()  # another file can be chosen
        self.assertEqual((wizard.state, len(wizard.entry_ids)), ("choose", 0))
        wizard.action_check()
        wizard.action_import()
        self.assertEqual(self._lines().amount, 5)

    def test_the_import_says_what_became_of_its_lines(self):
        invoice, less = self._open(250), self._open(90)
        wizard = self._wizard(
            camt(
                [
                    {"amount": "250.00", "text": invoice.name},
                    {"amount": "80.00", "text": less.name},
                    {"amount": "7.00", "text": "who knows"},
                ]
            )
        )
        wizard.action_check()
        notice = wizard.action_import()
        self.assertEqual(
            notice["params"]["message"], "3 lines: 1 matched, 1 proposed, 1 to decide."
        )
        self.assertEqual(notice["params"]["next"]["context"], {"search_default_group_match": 1})

    def test_overlapping_files_bring_each_line_once_and_their_balances_follow(self):
        day = [
            {"amount": f"{n}.00", "text": f"T{n}", "ref": f"R{n}", "day": f"2025-07-{n}"}
            for n in (11, 12, 13)
        ]
        self._import(camt(day[:2]))
        lines = self._import(camt(day[1:], opening="1011.00", name="S-2"))
        self.assertEqual(lines.mapped("amount"), [13])
        self.assertEqual(
            (lines.statement_id.balance_start, lines.statement_id.balance_end_real), (1023, 1036)
        )
        self.assertTrue(lines.statement_id.is_valid and lines.statement_id.is_complete)
        # What was before comes last.
        early = self._import(
            camt(
                [{"amount": "10.00", "text": "T10", "day": "2025-07-10"}, *day],
                opening="990.00",
                name="S-0",
            )
        )
        self.assertEqual(early.mapped("amount"), [10])
        self.assertEqual(
            (early.statement_id.balance_start, early.statement_id.balance_end_real), (990, 1000)
        )
        self.assertEqual(len(self._lines()), 4)

    def test_equal_movements_are_counted(self):
        two = [{"amount": "5.00", "text": "Coffee"}] * 2
        self._import(camt(two))
        three = self._import(camt([*two, two[0]]))
        self.assertEqual((len(three), len(self._lines())), (1, 3))

    def test_another_id_of_the_bank_is_left_out_unless_somebody_takes_it_in(self):
        one = {"amount": "5.00", "text": "Coffee"}
        self._import(camt([one | {"ref": "A"}]))
        wizard = self._wizard(camt([one | {"ref": "B"}]))
        wizard.action_check()
        self.assertEqual((wizard.new_count, wizard.likely_count), (0, 1))
        self.assertIn("but for the bank's id", wizard.remarks_text)
        with self.assertRaisesRegex(UserError, "tick"):
            wizard.action_import()
        wizard.take_likely = True
        wizard.action_import()
        self.assertEqual(len(self._lines()), 2)

    def test_what_does_not_add_up_is_said(self):
        wizard = self._wizard(camt([{"amount": "5.00"}], closing="1010.00"))
        wizard.action_check()
        self.assertIn(
            "$ 5.00 is missing in the file", wizard.remarks_text.replace("\N{NO-BREAK SPACE}", " ")
        )
        wizard.action_import()
        self.assertFalse(self._lines().statement_id.is_complete)

    def test_a_gap_to_the_statement_before_is_said(self):
        self._import(camt([{"amount": "5.00", "day": "2025-07-01"}]))
        wizard = self._wizard(camt([{"amount": "5.00"}], opening="1100.00"))
        wizard.action_check()
        self.assertIn("95.00", wizard.remarks_text)
        self.assertIn("lies between them", wizard.remarks_text)

    def test_a_line_by_hand_of_the_same_day_and_amount_is_said(self):
        self.env["account.bank.statement.line"].create(
            {"journal_id": self.bank.id, "date": "2025-07-15", "amount": 5, "payment_ref": "x"}
        )
        wizard = self._wizard(camt([{"amount": "5.00"}]))
        wizard.action_check()
        self.assertIn("entered by hand", wizard.remarks_text)

    def test_files_that_are_not_taken_say_why(self):
        good = camt([{"amount": "5.00"}])
        self._refused(b" ", "no statement")
        self._refused(b"PK\x03\x04zip", "Unpack")
        self._refused(b"a;b\n1;2\n", "CSV")
        self._refused(good[:-40], "damaged")
        self._refused(camt([{"amount": "5.00"}], currency="EUR"), "EUR", "USD")
        self._refused(
            camt([{"amount": "5.00"}], account="DE02120300000000202051"), "DE02120300000000202051"
        )
        self._refused(
            camt([{"amount": "5.00"}], account="DE02120300000000202051"),
            "another journal",
            journal_id=self.bank.id,
        )
        self._refused(camt([{"amount": "5.005"}], closing="1005.005"), "more digits")
        self.assertFalse(self._lines())

    def test_each_account_of_a_file_goes_into_its_own_journal(self):
        number = "DE02120300000000202051"
        second = self._make_bank_journal(number, code="SEC")
        one, other = (
            camt([{"amount": amount}], account=account).decode()
            for amount, account in (("5.00", "DE89370400440532013000"), ("7.00", number))
        )
        statement = other[other.index("<Stmt>") : other.index("</Stmt>") + len("</Stmt>")]
        both = one.replace("</BkToCstmrStmt>", f"{statement}</BkToCstmrStmt>").encode()
        self._refused(both, "several accounts", journal_id=self.bank.id)
        self._import(both)
        self.assertEqual((self._lines().amount, self._lines(second).amount), (5, 7))

    def test_ofx_and_csv_come_in_the_same_way(self):
        ofx = b"""OFXHEADER:100
            <OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>DE89370400440532013000
            </BANKACCTFROM><BANKTRANLIST><STMTTRN><DTPOSTED>20250715<TRNAMT>9.00<FITID>1<NAME>Acme<MEMO>x
            </STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>109.00<DTASOF>20250715</LEDGERBAL></STMTRS>
            </STMTTRNRS></BANKMSGSRSV1></OFX>"""
        line = self._import(ofx)
        self.assertEqual((line.amount, line.statement_id.balance_start), (9, 100))
        layout = (
            self.env["hub.bank.layout"]
            .with_user(self.cashier)
            .create(
                {
                    "name": "My bank",
                    "journal_id": self.bank.id,
                    "delimiter": ";",
                    "decimal": ",",
                    "date_format": "dmy_dot",
                    "day_column": "Tag",
                    "amount_column": "Betrag",
                    "text_columns": "Zweck",
                    "balance_column": "Saldo",
                }
            )
        )
        text = b"Tag;Zweck;Betrag;Saldo\n16.07.2025;Miete;-1.100,00;-991,00\n"
        line = self._import(text, layout_id=layout.id)
        self.assertEqual((line.amount, line.payment_ref), (-1100, "Miete"))
        self.assertTrue(line.statement_id.is_valid)
        with self.assertRaisesRegex(UserError, "column of the amount"):
            layout.in_column = "Eingang"

    def test_nothing_is_booked_into_a_closed_period(self):
        self.company.fiscalyear_lock_date = "2025-07-31"
        wizard = self._wizard(camt([{"amount": "5.00"}]))
        wizard.action_check()
        with self.assertRaisesRegex(UserError, "closed period"):
            wizard.action_import()
        self.assertFalse(self._lines())

    def test_three_digits_of_a_currency(self):
        dinar = self.env.ref("base.KWD")
        dinar.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": dinar.id,
                "name": "2025-01-01",
                "rate": 0.307,
                "company_id": self.company.id,
            }
        )
        journal = self._make_bank_journal(
            "KW81CBKU0000000000001234560101", code="KWB", currency_id=dinar.id
        )
        line = self._import(
            camt(
                [{"amount": "12.345"}],
                closing="1012.345",
                account="KW81CBKU0000000000001234560101",
                currency="KWD",
            )
        )
        self.assertEqual((line.journal_id, line.amount), (journal, 12.345))
        self.assertTrue(line.statement_id.is_complete)

    # --- rights -----------------------------------------------------------------------------------

    def test_only_who_does_the_bank_imports(self):
        for user in (self.approver, self.resolver, self.viewer):
            with self.assertRaises(AccessError):
                self._wizard(camt([{"amount": "5.00"}]), user)

    def test_the_bank_of_another_company_is_not_seen(self):
        other = self.env["res.company"].create({"name": "Other Firm"})
        number = "FR1420041010050500013M02606"
        journal = self._make_bank_journal(number, company_id=other.id)
        self.assertEqual(journal.company_id, other)
        self._refused(camt([{"amount": "5.00"}], account=number), "No bank journal")

    def test_what_is_kept_of_a_match_is_written_by_nobody(self):
        line = self._import(camt([{"amount": "5.00"}]))
        for values in ({"hub_entry_key": "x"}, {"hub_match": "matched"}, {"hub_item_ids": []}):
            with self.assertRaises(AccessError):
                line.with_user(self.cashier).write(values)

    # --- cost -------------------------------------------------------------------------------------

    def test_booking_costs_each_movement_the_same(self):
        def queries(count, day):
            rows = [
                {"amount": f"{100 + n}.00", "text": self._open(100 + n).name, "day": day}
                for n in range(count)
            ]
            wizard = self._wizard(camt(rows))
            wizard.action_check()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            wizard.action_import()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(2, "2025-07-10")
        ten, twenty = queries(10, "2025-07-11"), queries(20, "2025-07-12")
        self.assertLess(twenty, 2 * ten)

    def test_looking_into_a_file_costs_no_query_a_movement(self):
        def queries(count):
            wizard = self._wizard(
                camt([{"amount": f"{n}.00", "text": f"T{n}"} for n in range(1, count + 1)])
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            wizard._looks()
            return self.env.cr.sql_log_count - before

        queries(5)
        self.assertEqual(queries(60), queries(30))
