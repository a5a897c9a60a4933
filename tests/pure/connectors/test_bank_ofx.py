"""OFX 1.x and 2.x: the same statement in both; what a well-known library reads of it; files that are refused."""

import io
from datetime import date
from decimal import Decimal

import pytest
from ofxparse import OfxParser

from lead_to_cash_hub.connectors import bank
from lead_to_cash_hub.core.problem import Problem

SGML = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX>
<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260331120000[-5:EST]<LANGUAGE>ENG
</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS>
<STMTRS><CURDEF>USD
<BANKACCTFROM><BANKID>121099999<ACCTID>999-988<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260301<DTEND>20260331
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260315120000.000[-5:EST]<TRNAMT>1200.50<FITID>F1
<NAME>Caf\u00e9 &amp; Co<MEMO>INV/2026/00012
</STMTTRN>
<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20260316<TRNAMT>-200.00<FITID>F2<CHECKNUM>1025<MEMO>
<NAME>John
</STMTTRN>
</BANKTRANLIST>
<LEDGERBAL><BALAMT>5000.25<DTASOF>20260331</LEDGERBAL>
<AVAILBAL><BALAMT>4900.00<DTASOF>20260331</AVAILBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
XML = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>
<STMTRS><CURDEF>USD</CURDEF>
<BANKACCTFROM><BANKID>121099999</BANKID><ACCTID>999-988</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260301</DTSTART><DTEND>20260331</DTEND>
<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20260315120000</DTPOSTED><TRNAMT>1200.50</TRNAMT><FITID>F1</FITID>
<NAME>Caf\u00e9 &amp; Co</NAME><MEMO>INV/2026/00012</MEMO></STMTTRN>
<STMTTRN><TRNTYPE>CHECK</TRNTYPE><DTPOSTED>20260316</DTPOSTED><TRNAMT>-200.00</TRNAMT><FITID>F2</FITID>
<CHECKNUM>1025</CHECKNUM><NAME>John</NAME><MEMO/></STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>5000.25</BALAMT><DTASOF>20260331</DTASOF></LEDGERBAL>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"""


def sgml(old="", new=""):
    return SGML.replace(old, new).encode("cp1252")


def refused(data):
    with pytest.raises(Problem) as caught:
        bank.read(data)
    return caught.value.code


@pytest.mark.parametrize(
    "data", [sgml(), XML.encode(), SGML.encode(), XML.replace("\n", "").encode()]
)
def test_both_versions_say_the_same(data):
    (statement,) = bank.read(data)
    assert (statement.account, statement.currency) == ("999988", "USD")
    assert (statement.opening, statement.closing) == (None, Decimal("5000.25"))
    paid, check = statement.entries
    assert (paid.day, paid.amount, paid.bank_id) == (date(2026, 3, 15), Decimal("1200.50"), "F1")
    assert (paid.name, paid.texts) == ("Caf\u00e9 & Co", ("INV/2026/00012",))
    assert (check.amount, check.references, check.name) == (-200, ("1025",), "John")


@pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning")
def test_a_library_that_many_use_reads_the_same():
    # It reads no letter beyond ASCII in version 2, and no empty element in its short form.
    for data in (sgml(), XML.replace("\u00e9", "e").replace("<MEMO/>", "").encode()):
        (mine,) = bank.read(data)
        theirs = OfxParser.parse(io.BytesIO(data)).account
        assert theirs.statement.currency.upper() == mine.currency
        assert theirs.statement.balance == mine.closing
        assert [(t.date.date(), t.amount, t.id) for t in theirs.statement.transactions] == [
            (e.day, e.amount, e.bank_id) for e in mine.entries
        ]


def test_credit_cards_and_payees():
    data = (
        "OFXHEADER:100\n<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>EUR<CCACCTFROM><ACCTID>4111</CCACCTFROM>"
        "<BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260301<TRNAMT>-12,50<FITID>1<PAYEE><NAME>Shop<CITY>Bonn</PAYEE>"
        "<BANKACCTTO><ACCTID>77</BANKACCTTO></STMTTRN></BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>"
    )
    (statement,) = bank.read(data.encode())
    (bought,) = statement.entries
    assert (statement.account, bought.amount) == ("4111", Decimal("-12.50"))
    assert (bought.name, bought.account) == ("Shop", "77")


def test_the_balance_of_today_closes_no_earlier_days():
    (statement,) = bank.read(
        sgml("<BALAMT>5000.25<DTASOF>20260331", "<BALAMT>5000.25<DTASOF>20260415")
    )
    assert statement.closing is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sgml()[:-60], "bank_cut"),
        (sgml()[:300], "bank_cut"),
        (sgml("<CURDEF>USD", ""), "bank_no_currency"),
        (sgml("1200.50", "1.200,50"), "bank_amount"),
        (sgml("<DTPOSTED>20260316", "<DTPOSTED>16.03.2026"), "bank_day"),
        (sgml("<DTPOSTED>20260316", ""), "bank_no_day"),
        (sgml("<FITID>F2", "<FITID>F2<CORRECTFITID>F0<CORRECTACTION>DELETE"), "bank_correction"),
        (
            sgml("<FITID>F2", "<FITID>F2<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>"),
            "bank_currencies",
        ),
        (sgml("<OFX>", '<!DOCTYPE x [<!ENTITY a "b">]><OFX>'), "bank_unreadable"),
        (b"OFXHEADER:100\nCHARSET:1252\n<OFX>\x81\x8d</OFX>", "bank_encoding"),
        (b"OFXHEADER:100\n<OFX></OFX>", "bank_empty"),
    ],
)
def test_what_is_refused(data, code):
    assert refused(data) == code
