"""Receipts written to QuickBooks Online: one payment each, with a line for each invoice that it pays; changed where it
is applied in another way, voided where it pays nothing any more.

A payment is looked for by its number (``PaymentRefNum``) before it is made, and each call carries a ``requestid``.

Source: Intuit Developer, API Explorer "Payment" (``LinkedTxn`` of each line, ``DepositToAccountRef``: without one
the money stands in Undeposited Funds; ``PaymentRefNum`` of at most 21 characters, filterable; a sparse update
replaces all lines; void: a sparse update with ``include=void``, refused while the payment is part of a deposit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from . import ledger
from .base import chunks
from .errors import ConnectorError
from .parts import Outcome, Write
from .quickbooks_read import IDS, quoted
from .quickbooks_write import LONGEST_NUMBER, QuickBooksWriter, is_void, mark_of

ID = r"[0-9]{1,20}"


class QuickBooksReceipts(QuickBooksWriter):
    """The half that writes receipts, by the same means as documents."""

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """An outcome a write, in their order; invoices and payments of all are looked up together."""
        outcomes, ready = {}, {}
        for write in writes:
            refused = ledger.refusal(entity, write, entities, ID)
            if refused:
                outcomes[write.key] = refused
            else:
                ready.setdefault(write.key, write)
        try:
            invoices = self._by_number("Invoice", "DocNumber", _invoices_of(ready.values()))
            numbers = [str(write.values.get("number") or "") for write in ready.values()]
            known = self._by_number("Payment", "PaymentRefNum", numbers)
        except ConnectorError as error:
            for key, write in ready.items():
                outcomes[key] = Outcome(key, False, write.external_id, error=error)
            ready = {}
        for key, write in ready.items():
            outcomes[key] = self._receipt(write, invoices, known)
        return [outcomes[write.key] for write in writes]

    def _by_number(self, name: str, column: str, numbers: Sequence[str]) -> dict[str, dict]:
        """Rows that are not void, by a number: ``{number: row}``."""
        found = {}
        for part in chunks(sorted({number for number in numbers if number}), IDS):
            listed = ", ".join(quoted(one) for one in part)
            for row in self._reader.rows(name, [f"{column} in ({listed})"], " maxresults 1000"):
                if not is_void(row):
                    found[str(row.get(column))] = row
        return found

    def _receipt(self, write: Write, invoices: dict, known: dict) -> Outcome:
        outcome = Outcome(write.key, False, write.external_id)
        try:
            wanted = ledger.applied(write.values)
            row = self._standing(write, known)
            if not wanted:
                row = self._take_back(write, row)
            elif row is None:
                row = self._make_payment(write, wanted, invoices)
            elif write.operation == "update" and not _made_by(write, row):
                row = self._change_payment(write, row, wanted, invoices)
            if row is not None:
                outcome.external_id = str(row["Id"])
                outcome.response = {"SyncToken": row.get("SyncToken"), "total": row.get("TotalAmt")}
            outcome.ok = True
        except ConnectorError as error:
            outcome.error = error
        return outcome

    def _standing(self, write: Write, known: dict) -> dict | None:
        """The payment that stands there for this receipt; None: it has to be made."""
        if write.operation == "update":
            rows = self._reader.by_ids("Payment", [str(write.external_id)])
            if rows and not is_void(rows[0]):
                return rows[0]
        row = known.get(str(write.values.get("number") or ""))
        if row is None or write.operation == "update" or _made_by(write, row):
            return row
        if Decimal(str(row.get("TotalAmt") or 0)) == ledger.number(write.values["amount"]):
            return row
        params = {"number": str(write.values["number"]), "existing_id": str(row["Id"])}
        params |= {"theirs": str(row.get("TotalAmt")), "ours": str(write.values["amount"])}
        raise ConnectorError("identity", "ledger_number_taken", params=params)

    def _take_back(self, write: Write, row: dict | None) -> dict | None:
        """Void a payment; one that is not there, or void already, is as it should be."""
        if row is None:
            return None
        token = str(row.get("SyncToken"))
        body = {"Id": str(row["Id"]), "SyncToken": token, "sparse": True}
        once = ledger.once_key("void", write.key, token)
        return self._post("Payment", body, once, operation="update", include="void")

    def _make_payment(self, write: Write, wanted: Mapping[str, Decimal], invoices: dict) -> dict:
        number = str(write.values["number"])
        if len(number) > LONGEST_NUMBER:
            params = {"number": number, "limit": LONGEST_NUMBER}
            raise ConnectorError("data", "ledger_number_long", params=params)
        body = self._payment(write, wanted, invoices, {})
        return self._post("Payment", body, ledger.once_key(write.key))

    def _change_payment(
        self, write: Write, row: dict, wanted: Mapping[str, Decimal], invoices: dict
    ) -> dict:
        token = str(row.get("SyncToken"))
        body = self._payment(write, wanted, invoices, _lines_of(row))
        body |= {"Id": str(row["Id"]), "SyncToken": token, "sparse": True}
        return self._post("Payment", body, ledger.once_key(write.key, token))

    def _payment(
        self, write: Write, wanted: Mapping[str, Decimal], invoices: dict, now: Mapping
    ) -> dict:
        """The payment as it has to stand there.

        :param now: what it pays there today: ``{id of the invoice: amount}``.
        """
        values, lines, payers = write.values, [], {}
        for number, amount in wanted.items():
            invoice = invoices.get(number)
            if invoice is None:
                raise ledger.not_there(number)
            key = str(invoice["Id"])
            left = Decimal(str(invoice.get("Balance") or 0)) + now.get(key, 0)
            ledger.require_open(number, amount, left)
            lines.append({"Amount": amount, "LinkedTxn": [{"TxnId": key, "TxnType": "Invoice"}]})
            payers[str((invoice.get("CustomerRef") or {}).get("value"))] = number
        if len(payers) > 1:
            params = {"number": str(values["number"]), "properties": sorted(payers.values())}
            raise ConnectorError("data", "ledger_payers", params=params)
        note = filter(None, [str(values.get("reference") or ""), mark_of(write.key)])
        body: dict[str, Any] = {
            "CustomerRef": {"value": next(iter(payers))},
            "CurrencyRef": {"value": values["currency"]},
            "TotalAmt": sum(wanted.values()),
            "TxnDate": values["date"],
            "PaymentRefNum": str(values["number"]),
            "PrivateNote": " · ".join(note),
            "Line": lines,
        }
        if values.get("account"):
            account = self._word("Account", str(values["account"]))
            body["DepositToAccountRef"] = {"value": account}
        return body


def _invoices_of(writes) -> list[str]:
    rows = (write.values.get("applied") for write in writes)
    return [
        str(one.get("invoice") or "")
        for given in rows
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict)
    ]


def _lines_of(row: Mapping) -> dict[str, Decimal]:
    """What a payment pays there: ``{id of the invoice: amount}``."""
    found: dict[str, Decimal] = {}
    for line in row.get("Line") or ():
        for one in line.get("LinkedTxn") or ():
            if one.get("TxnType") == "Invoice":
                key = str(one.get("TxnId"))
                found[key] = found.get(key, Decimal()) + Decimal(str(line.get("Amount") or 0))
    return found


def _made_by(write: Write, row: Mapping) -> bool:
    return mark_of(write.key) in str(row.get("PrivateNote") or "")
