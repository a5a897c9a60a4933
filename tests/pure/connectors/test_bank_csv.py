"""CSV by a layout: one amount or two columns, marks and dates as banks write them, balances that prove it whole."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lead_to_cash_hub.connectors import bank_csv
from lead_to_cash_hub.core.problem import Problem

GERMAN = bank_csv.Layout(
    day="Buchungstag",
    date_format="dmy_dot",
    decimal=",",
    amount="Betrag",
    texts=("Verwendungszweck",),
    references=("Kundenreferenz",),
    name="Name",
    account="IBAN",
    balance="Saldo",
    currency="Währung",
    own_account="Konto",
)
FILE = """Umsätze;;;
Zeitraum: 01.03. - 31.03.;;

Konto;Buchungstag;Name;IBAN;Verwendungszweck;Kundenreferenz;Betrag;Saldo;Währung
DE89 3704;03.03.2026;Acme GmbH;DE21 5005;"Rechnung; INV/2026/00012";NONREF;1.200,50;2.188,00;EUR
DE89 3704;02.03.2026;Bank;;Gebühr;;12,50-;987,50;EUR
;;;;;;Summe: ;;
"""
BRITISH = bank_csv.Layout(
    day="Date",
    date_format="dmy_slash",
    decimal=".",
    delimiter=",",
    came_in="Paid in",
    went_out="Paid out",
    texts=("Details",),
)


def read(text, layout=GERMAN):
    return bank_csv.read(text if isinstance(text, bytes) else text.encode(), layout)


def refused(text, layout=GERMAN):
    with pytest.raises(Problem) as caught:
        read(text, layout)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_file_with_the_newest_first_is_proved_by_its_balances(encoding):
    text = FILE.replace("Summe: ", "")
    (statement,) = read(text.encode(encoding))
    assert (statement.account, statement.currency) == ("DE893704", "EUR")
    assert (statement.opening, statement.closing, statement.difference) == (1000, 2188, 0)
    fee, paid = statement.entries
    assert (fee.day, fee.amount, fee.texts) == (date(2026, 3, 2), Decimal("-12.50"), ("Gebühr",))
    assert (paid.amount, paid.name, paid.account) == (Decimal("1200.50"), "Acme GmbH", "DE215005")
    assert (paid.texts, paid.references) == (("Rechnung; INV/2026/00012",), ())


def test_two_columns_with_and_without_a_sign():
    (statement,) = read(
        'Date,Details,Paid out,Paid in\n31/03/2026,Rent,100.00,\n31/03/2026,Fee,-5.00,\n31/03/2026,Acme,,"1,200.00"\n',
        BRITISH,
    )
    assert [entry.amount for entry in statement.entries] == [-100, -5, 1200]
    assert (statement.account, statement.difference) == ("", None)


def test_balances_with_a_line_missing_prove_nothing():
    lines = (
        "Konto;Buchungstag;Name;IBAN;Verwendungszweck;Kundenreferenz;Betrag;Saldo;Währung\n"
        + "".join(
            f"1;0{day}.03.2026;a;;b;;10,00;{balance};EUR\n"
            for day, balance in ((1, "10,00"), (2, "30,00"))
        )
    )
    (statement,) = read(lines)
    assert statement.difference is None


def test_accounts_are_told_apart():
    two = FILE.replace("Summe: ", "").replace("DE89 3704;02", "DE99;02")
    assert {s.account for s in read(two)} == {"DE893704", "DE99"}


@pytest.mark.parametrize(
    ("key", "text"), [(key, example) for key, (_f, example) in bank_csv.DATE_FORMATS.items()]
)
def test_dates(key, text):
    (statement,) = read(
        f"Date,Details,Paid out,Paid in\n{text},x,,1.00\n", replace(BRITISH, date_format=key)
    )
    assert statement.entries[0].day == date(2026, 3, 31)


def test_what_is_refused():
    assert refused("").code == "bank_empty"
    assert refused("a;b\n1;2\n").code == "bank_no_header"
    assert refused(FILE.splitlines()[3]).code == "bank_empty"
    assert refused(FILE.replace("03.03.2026", "2026-03-03")).params["line"] == 5
    assert refused(FILE.replace("1.200,50", "zwölf")).params == {
        "line": 5,
        "why": "bank_amount",
        "value": "zwölf",
    }
    assert (
        refused(FILE.encode("utf-16"), replace(GERMAN, encoding="utf-8-sig")).code
        == "table_encoding"
    )
    assert refused(FILE).params["value"] == "Summe:"  # a sum below is no movement of a day
