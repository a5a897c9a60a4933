"""CAMT.053 as banks write it: versions, batches, reversals, pages; and files that are refused."""

from datetime import date
from decimal import Decimal

import pytest

from lead_to_cash_hub.connectors import bank
from lead_to_cash_hub.core.problem import Problem

# As a German bank writes it in 001.02: state as text, name right below the debtor, amount of the detail in AmtDtls.
V02 = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <BkToCstmrStmt>
  <GrpHdr><MsgId>053D2026-03-02</MsgId><CreDtTm>2026-03-02T20:05:00+01:00</CreDtTm></GrpHdr>
  <Stmt>
   <Id>0352C5320260302</Id><ElctrncSeqNb>42</ElctrncSeqNb>
   <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>
   <Bal><Tp><CdOrPrtry><Cd>PRCD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">112.72</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
   <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">158780.32</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>
   <Ntry>
    <Amt Ccy="EUR">158700.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
    <BookgDt><Dt>2026-03-02</Dt></BookgDt><ValDt><Dt>2026-03-03</Dt></ValDt>
    <AcctSvcrRef>2026030218004500</AcctSvcrRef>
    <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
    <NtryDtls><TxDtls>
     <Refs><EndToEndId>CCT-2026-0815</EndToEndId></Refs>
     <AmtDtls><TxAmt><Amt Ccy="EUR">158700.00</Amt></TxAmt></AmtDtls>
     <RltdPties><Dbtr><Nm>Telefabrik &amp; Söhne GmbH</Nm></Dbtr>
      <DbtrAcct><Id><IBAN>DE21 5005 0000 0123 4560 78</IBAN></Id></DbtrAcct></RltdPties>
     <RmtInf><Ustrd>Rechnung INV/2026/00012</Ustrd><Ustrd>vom 15.02.</Ustrd></RmtInf>
    </TxDtls></NtryDtls>
   </Ntry>
   <Ntry>
    <Amt Ccy="EUR">32.40</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>
    <BookgDt><DtTm>2026-03-02T09:00:00+01:00</DtTm></BookgDt>
    <AcctSvcrRef>NONREF</AcctSvcrRef><AddtlNtryInf>Account fee</AddtlNtryInf>
   </Ntry>
   <Ntry><Amt Ccy="EUR">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts></Ntry>
  </Stmt>
 </BkToCstmrStmt>
</Document>"""


def document(entries, version="08", balances="", currency="EUR", root="BkToCstmrStmt", head=""):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><{root}><Stmt><Id>S</Id>'
        f"<Acct><Id><Othr><Id>0123-456</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>{balances}{entries}"
        f"</Stmt></{root}></Document>"
    ).encode()


def entry(
    details="",
    amount="100.00",
    sign="CRDT",
    more="",
    state="<Sts><Cd>BOOK</Cd></Sts>",
    currency="EUR",
):
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}{state}'
        f"<BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>E1</AcctSvcrRef>"
        f"<NtryDtls>{details}</NtryDtls></Ntry>"
    )


def detail(name, amount="", text="", ref="", side="Dbtr", sign=""):
    money = f'<Amt Ccy="EUR">{amount}</Amt>' if amount else ""
    money += f"<CdtDbtInd>{sign}</CdtDbtInd>" if sign else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{ref or 'NOTPROVIDED'}</EndToEndId></Refs>{money}"
        f"<RltdPties><{side}><Pty><Nm>{name}</Nm></Pty></{side}></RltdPties>"
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


def balance(code, amount, sign="CRDT"):
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd></Bal>"
    )


def only(data):
    (statement,) = bank.read(data)
    return statement


def refused(data):
    with pytest.raises(Problem) as caught:
        bank.read(data)
    return caught.value.code


def test_version_02():
    statement = only(V02.encode())
    assert (statement.account, statement.currency) == ("DE89370400440532013000", "EUR")
    assert (statement.opening, statement.closing) == (Decimal("112.72"), Decimal("158780.32"))
    assert (statement.difference, statement.pending) == (0, 1)
    paid, fee = statement.entries
    assert (paid.day, paid.value_day) == (date(2026, 3, 2), date(2026, 3, 3))
    assert (paid.amount, paid.bank_id) == (Decimal("158700.00"), "2026030218004500")
    assert (paid.name, paid.account) == ("Telefabrik & Söhne GmbH", "DE21500500000123456078")
    assert paid.texts == ("Rechnung INV/2026/00012", "vom 15.02.")
    assert paid.references == ("CCT-2026-0815",)
    assert paid.kind == "PMNT-RCDT-ESCT"
    assert (fee.amount, fee.bank_id, fee.texts) == (Decimal("-32.40"), "", ("Account fee",))


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "10", "13"])
def test_names_and_states_of_each_version(version):
    old = version in ("02", "03", "04", "06")
    state = "<Sts>BOOK</Sts>" if old else "<Sts><Cd>BOOK</Cd></Sts>"
    name = "<Nm>Acme</Nm>" if old else "<Pty><Nm>Acme</Nm></Pty>"
    data = document(
        entry(f"<TxDtls><RltdPties><Dbtr>{name}</Dbtr></RltdPties></TxDtls>", state=state), version
    )
    statement = only(data)
    assert (statement.entries[0].name, statement.account) == ("Acme", "0123456")


def test_a_batch_is_taken_apart_where_its_parts_add_up():
    parts = detail("A", "60.00", "one") + detail("B", "40.00", "two", ref="E2E")
    first, second = only(document(entry(parts))).entries
    assert (first.amount, first.name, first.texts) == (Decimal("60.00"), "A", ("one",))
    assert (second.amount, second.name, second.references) == (Decimal("40.00"), "B", ("E2E",))
    assert {first.bank_id, second.bank_id} == {"E1"}
    mixed = detail("A", "130.00", sign="CRDT") + detail("B", "30.00", sign="DBIT")
    assert [e.amount for e in only(document(entry(mixed))).entries] == [130, -30]


def test_a_batch_whose_parts_do_not_add_up_stays_one_movement_with_all_it_says():
    for parts in (
        detail("A", "60.00", "one", "X-1001") + detail("B", "41.00", "two", "X-1002"),
        detail("A", text="one", ref="X-1001") + detail("B", text="two", ref="X-1002"),
    ):
        (whole,) = only(document(entry(parts))).entries
        assert (whole.amount, whole.name) == (Decimal("100.00"), "")
        assert whole.texts == ("one", "two")
        assert whole.references == ("X-1001", "X-1002")


def test_a_reversal_goes_the_way_it_was_booked():
    more = "<RvslInd>true</RvslInd>"
    back = only(document(entry(detail("Acme", side="Dbtr"), sign="DBIT", more=more))).entries[0]
    assert (back.amount, back.reversal) == (Decimal("-100.00"), True)
    assert back.name == "Acme"  # the debtor is still who owed


def test_structured_references_and_documents():
    strd = (
        "<TxDtls><RmtInf><Strd><RfrdDocInf><Nb>INV-7</Nb></RfrdDocInf><CdtrRefInf><Ref>RF18539007547034</Ref>"
        "</CdtrRefInf><AddtlRmtInf>thanks</AddtlRmtInf></Strd></RmtInf></TxDtls>"
    )
    paid = only(document(entry(strd))).entries[0]
    assert paid.references == ("RF18539007547034", "INV-7")
    assert paid.texts == ("thanks",)


def test_what_the_bank_exchanged_is_kept():
    exchanged = (
        '<TxDtls><AmtDtls><InstdAmt><Amt Ccy="USD">110.00</Amt><CcyXchg><SrcCcy>USD</SrcCcy></CcyXchg></InstdAmt>'
        '<TxAmt><Amt Ccy="EUR">100.00</Amt></TxAmt></AmtDtls></TxDtls>'
    )
    assert only(document(entry(exchanged))).entries[0].original == (Decimal("110.00"), "USD")


def test_balances_of_a_page_and_overdrafts():
    page = only(
        document(entry(), balances=balance("ITBD", "5.00", "DBIT") + balance("ITBD", "95.00"))
    )
    assert (page.opening, page.closing, page.difference) == (-5, 95, 0)
    short = only(document(entry(), balances=balance("OPBD", "5.00") + balance("CLBD", "95.00")))
    assert short.difference == Decimal("-10.00")
    assert only(document(entry(), balances=balance("CLBD", "95.00"))).difference is None


def test_three_and_no_digits_stay_exact():
    assert only(document(entry(amount="12.345", currency="KWD"), currency="KWD")).total == Decimal(
        "12.345"
    )
    assert only(document(entry(amount="1200", currency="JPY"), currency="JPY")).total == 1200


def test_several_statements():
    one = V02[V02.index("<Stmt>") : V02.index("</Stmt>") + 7]
    assert len(bank.read(V02.replace("</BkToCstmrStmt>", one + "</BkToCstmrStmt>").encode())) == 2


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bank_empty"),
        (b" \n", "bank_empty"),
        (b"PK\x03\x04", "bank_packed"),
        (b"\x1f\x8b\x08", "bank_packed"),
        (b"day;amount\n", "bank_unknown_kind"),
        (b"%PDF-1.7", "bank_unknown_kind"),
        (V02.encode()[:-30], "bank_unreadable"),
        (V02.encode()[:900], "bank_unreadable"),
        (V02.encode("latin-1"), "bank_unreadable"),  # says UTF-8
        (b"<html><body>Please sign in</body></html>", "bank_wrong_kind"),
        (document(entry(), root="BkToCstmrAcctRpt"), "bank_wrong_kind"),
        (document(entry(), root="BkToCstmrDbtCdtNtfctn"), "bank_wrong_kind"),
        (document(entry(), head=BOMB), "bank_unreadable"),
        (document(entry("<x>" * 60 + "</x>" * 60)), "bank_unreadable"),
        (document(entry(amount="1,00")), "bank_amount"),
        (document(entry(amount="-1.00")), "bank_amount"),
        (document(entry(amount="1e9")), "bank_amount"),
        (document(entry(amount="NaN")), "bank_amount"),
        (document(entry(sign="UP")), "bank_direction"),
        (document(entry(currency="USD")), "bank_currencies"),
        (document(entry(currency="EURO")), "bank_currency"),
        (document(entry().replace("<Dt>2026-03-02</Dt>", "<Dt>02.03.2026</Dt>")), "bank_day"),
        (document(entry().replace("<BookgDt><Dt>2026-03-02</Dt></BookgDt>", "")), "bank_no_day"),
        (document(entry() * (bank.MOST_ENTRIES + 1)), "bank_too_many"),
        (b"<" + b" " * bank.MOST_BYTES, "bank_too_large"),
    ],
)
def test_what_is_refused(data, code):
    assert refused(data) == code


def test_encodings_that_the_file_declares():
    for name in ("iso-8859-1", "utf-16", "windows-1252"):
        text = V02.replace('encoding="UTF-8"', f'encoding="{name}"')
        assert "Söhne" in only(text.encode(name)).entries[0].name
