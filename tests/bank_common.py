"""What the tests of bank files share: a firm with a bank journal, open invoices, and files as a bank makes them."""

import base64
from xml.sax.saxutils import escape

from odoo.fields import Command

from .business_common import BusinessCase

IBAN = "DE89370400440532013000"


def camt(entries, opening="1000.00", closing=None, account=IBAN, currency="USD", name="S-1"):
    """A CAMT.053 of version 08.

    :param entries: dicts with amount (signed text), and text, ref, end, name, iban, day.
    """
    if closing is None:
        closing = f"{float(opening) + sum(float(one['amount']) for one in entries):.2f}"

    def money(tag, value):
        sign = "DBIT" if value.startswith("-") else "CRDT"
        return f'<Amt Ccy="{currency}">{value.lstrip("-")}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'

    def balance(code, value):
        return f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{money('Bal', value)}</Bal>"

    def entry(one):
        side = "Cdtr" if one["amount"].startswith("-") else "Dbtr"
        return f"""<Ntry>{money("Ntry", one["amount"])}<Sts><Cd>BOOK</Cd></Sts>
            <BookgDt><Dt>{one.get("day", "2025-07-15")}</Dt></BookgDt>
            <AcctSvcrRef>{one.get("ref", "")}</AcctSvcrRef>
            <NtryDtls><TxDtls><Refs><EndToEndId>{one.get("end", "NOTPROVIDED")}</EndToEndId></Refs>
            <RltdPties><{side}><Pty><Nm>{escape(one.get("name", ""))}</Nm></Pty></{side}>
            <{side}Acct><Id><IBAN>{one.get("iban", "")}</IBAN></Id></{side}Acct></RltdPties>
            <RmtInf><Ustrd>{escape(one.get("text", ""))}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""

    return f"""<?xml version="1.0" encoding="UTF-8"?>
        <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
        <GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt><Id>{name}</Id>
        <Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy></Acct>
        {balance("OPBD", opening)}{balance("CLBD", closing)}
        {"".join(map(entry, entries))}</Stmt></BkToCstmrStmt></Document>""".encode()


class BankCase(BusinessCase):
    """A bank journal with its IBAN, somebody who does the bank, and open invoices."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cashier = cls._make_user(
            "cashier", "base.group_user", "lead_to_cash_hub.group_hub_cash"
        )
        cls.bank = cls._make_bank_journal(IBAN)

    @classmethod
    def _make_bank_journal(cls, number, **values):
        journal = cls.env["account.journal"].create(
            {"name": "Main Bank", "type": "bank", "code": "MBK", "company_id": cls.company.id}
            | values
        )
        if not number:
            return journal
        journal.bank_account_id = cls.env["res.partner.bank"].create(
            {"acc_number": number, "partner_id": journal.company_id.partner_id.id}
        )
        return journal

    def _open(self, amount, partner=None, move_type="out_invoice", **values):
        """A posted invoice without tax."""
        move = self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": (partner or self.customer).id,
                "invoice_date": "2025-07-01",
                "date": "2025-07-01",
                "invoice_line_ids": [
                    Command.create({"name": "Work", "price_unit": amount, "tax_ids": []})
                ],
                **values,
            }
        )
        move.action_post()
        return move

    def _wizard(self, data, user=None, **values):
        return (
            self.env["hub.bank.import"]
            .with_user(user or self.cashier)
            .create({"file": base64.b64encode(data), "file_name": "bank.xml", **values})
        )

    def _import(self, data, user=None, **values):
        """The lines that a file makes."""
        wizard = self._wizard(data, user, **values)
        wizard.action_check()
        self.assertFalse(wizard.fault_text)
        action = wizard.action_import()["params"]["next"]
        self.env.invalidate_all()
        return self.env["account.bank.statement.line"].browse(action["domain"][0][2])

    def _refused(self, data, *words, **values):
        """The file is not taken, and the sentence says the words."""
        wizard = self._wizard(data, **values)
        wizard.action_check()
        self.assertEqual(wizard.state, "choose")
        for word in words:
            self.assertIn(word, wizard.fault_text)

    def _lines(self, journal=None):
        return self.env["account.bank.statement.line"].search(
            [("journal_id", "=", (journal or self.bank).id)], order="date, id"
        )
