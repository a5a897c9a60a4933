"""What a Xero organisation does with what it is given: judging, reckoning, keeping, and people at work in it."""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from decimal import Decimal

from werkzeug.wrappers import Request

from .base import Refusal

IDS = {
    "Contacts": "ContactID",
    "Invoices": "InvoiceID",
    "CreditNotes": "CreditNoteID",
    "Payments": "PaymentID",
    "Accounts": "AccountID",
    "TaxRates": "TaxType",
    "Items": "ItemID",
}
NUMBERS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}


def stamp(moment: datetime) -> str:
    """A time as Xero writes it."""
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"


class XeroBooks:
    """The half of the sandbox that writes; mixed into :class:`~sandbox.xero.XeroSandbox`."""

    # -- what is given by the API -----------------------------------------------------------------

    def _write(self, request: Request, name: str):
        body = request.get_json(silent=True)
        rows = body.get(name) if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise Refusal(400, {"ErrorNumber": 17, "Type": "NoDataProcessedException"})
        made, wrong = [], False
        for row in rows:
            known = self.rows[name].get(str(row.get(IDS[name]) or ""))
            if request.method == "POST" and known is None and name in NUMBERS:
                known = self._numbered(name, row.get(NUMBERS[name]))
            new = {**(known or {}), **row}
            if name in NUMBERS:
                self._reckon(new, known)
            messages = self._judge(name, new, known)
            if messages:
                wrong = True
                shown = {**row, IDS[name]: "00000000-0000-0000-0000-000000000000"}
                errors = [{"Message": message} for message in messages]
                made.append({**shown, "StatusAttributeString": "ERROR", "ValidationErrors": errors})
                continue
            if known is None:
                new.pop(IDS[name], None)
            shown = self._view(name, self._store(name, new))
            made.append({**shown, "StatusAttributeString": "OK"})
        if wrong and request.args.get("summarizeErrors") != "false":
            body = {"ErrorNumber": 10, "Type": "ValidationException", "Elements": made}
            raise Refusal(400, body)
        return self._body({name: made})

    def _allocate(self, request: Request, key: str) -> dict:
        """Set a credit note off against invoices, at most as far as both are open."""
        note = dict(self.rows["CreditNotes"][key])
        made = request.get_json()["Allocations"]
        for one in made:
            invoice = dict(self.rows["Invoices"][one["Invoice"]["InvoiceID"]])
            amount = Decimal(str(one["Amount"]))
            left, due = Decimal(str(note["RemainingCredit"])), Decimal(str(invoice["AmountDue"]))
            if not 0 < amount <= min(left, due):
                message = "The allocation amount is more than what is outstanding"
                body = {"ErrorNumber": 10, "Type": "ValidationException", "Elements": [
                    {"ValidationErrors": [{"Message": message}]}]}  # fmt: skip
                raise Refusal(400, body)
            note["RemainingCredit"] = _money(left - amount)
            note["Status"] = "PAID" if left == amount else note["Status"]
            invoice |= {"AmountDue": _money(due - amount)}
            invoice["AmountCredited"] = _money(
                Decimal(str(invoice.get("AmountCredited") or 0)) + amount
            )
            invoice["Status"] = "PAID" if due == amount else invoice["Status"]
            self._store("Invoices", invoice)
        self._store("CreditNotes", note)
        return self._body({"Allocations": made})

    def _pay_asked(self, request: Request) -> dict:
        """Payments that are given: of open invoices, at most what is outstanding, into accounts that take them."""
        made, wrong = [], False
        for row in request.get_json()["Payments"]:
            messages = self._judge_payment(row)
            if messages:
                wrong = True
                errors = [{"Message": message} for message in messages]
                shown = {**row, "PaymentID": "00000000-0000-0000-0000-000000000000"}
                made.append({**shown, "StatusAttributeString": "ERROR", "ValidationErrors": errors})
                continue
            amount = Decimal(str(row["Amount"]))
            key = self.pay(
                row["Invoice"]["InvoiceID"], amount, row.get("Reference", ""), row["Date"]
            )
            shown = self._view("Payments", self.rows["Payments"][key["id"]])
            made.append({**shown, "StatusAttributeString": "OK"})
        if wrong and request.args.get("summarizeErrors") != "false":
            body = {"ErrorNumber": 10, "Type": "ValidationException", "Elements": made}
            raise Refusal(400, body)
        return self._body({"Payments": made})

    def _judge_payment(self, row: dict) -> list[str]:
        invoice = self.rows["Invoices"].get((row.get("Invoice") or {}).get("InvoiceID"))
        if invoice is None:
            return ["The invoice could not be found"]
        messages = []
        if invoice["Status"] != "AUTHORISED":
            messages.append("Invoice not of valid status for payment")
        if not 0 < Decimal(str(row.get("Amount") or 0)) <= Decimal(str(invoice["AmountDue"])):
            messages.append("Payment amount exceeds the amount outstanding on this document")
        if (row.get("Account") or {}).get("Code") not in self.banks:
            messages.append("Account code is not a valid code for this document.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(row.get("Date") or "")):
            messages.append("A Date must be specified")
        elif self.settings["lock_date"] and row["Date"] <= self.settings["lock_date"]:
            messages.append("The payment date cannot be before the period lock date")
        return messages

    def _delete_payment(self, request: Request, key: str) -> dict:
        """A payment that is taken back; its invoice is open again. Twice is refused, as is one that was reconciled."""
        row = self.rows["Payments"].get(key)
        if row is None or row["Status"] == "DELETED" or row.get("IsReconciled"):
            message = "Payment not of valid status for modification"
            body = {"ErrorNumber": 10, "Type": "ValidationException", "Elements": [
                {"ValidationErrors": [{"Message": message}]}]}  # fmt: skip
            raise Refusal(400, body)
        invoice = dict(self.rows["Invoices"][row["_invoice"]])
        amount = Decimal(str(row["Amount"]))
        due = Decimal(str(invoice["AmountDue"])) + amount
        paid = Decimal(str(invoice["AmountPaid"])) - amount
        invoice |= {"AmountDue": _money(due), "AmountPaid": _money(paid), "Status": "AUTHORISED"}
        self._store("Invoices", invoice)
        row = self._store("Payments", {**row, "Status": "DELETED"})
        return self._body({"Payments": [self._view("Payments", row)]})

    def _numbered(self, name: str, number) -> dict | None:
        rows = self.rows[name].values()
        return next((r for r in rows if number and r.get(NUMBERS[name]) == number), None)

    def _judge(self, name: str, row: dict, known: dict | None) -> list[str]:
        if name == "Contacts":
            taken = any(
                other["Name"].casefold() == str(row.get("Name")).casefold()
                and other["ContactID"] != row.get("ContactID")
                for other in self.rows["Contacts"].values()
            )
            if taken:
                return [f"The contact name {row['Name']} is already assigned to another contact."]
            return [] if row.get("Name") else ["The contact name must be specified."]
        voided = row.get("Status") == "VOIDED"
        used = known and any(
            Decimal(str(known.get(one) or 0)) for one in ("AmountPaid", "AmountCredited")
        )
        if known and (known["Status"] in ("PAID", "VOIDED") or (voided and used)):
            return ["Invoice not of valid status for modification"]
        messages = []
        other = self._numbered(name, row.get(NUMBERS[name]))
        if other is not None and other is not known:
            messages.append("Invoice # must be unique.")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(row.get("Date") or "")):
            messages.append("A Date must be specified")
        elif self.settings["lock_date"] and row["Date"] <= self.settings["lock_date"]:
            messages.append("The document date cannot be before the period lock date")
        contact = (row.get("Contact") or {}).get("ContactID")
        if contact not in self.rows["Contacts"]:
            messages.append("The contact could not be found")
        if not row.get("LineItems"):
            messages.append("One or more line items must be specified")
        for line in row.get("LineItems") or ():
            if line.get("AccountCode") not in self.codes:
                messages.append(f"Account code '{line.get('AccountCode')}' is not a valid code")
            if line.get("TaxType") not in self.rates:
                messages.append(f"The TaxType code '{line.get('TaxType')}' does not exist or")
            amount = Decimal(str(line["Quantity"])) * Decimal(str(line["UnitAmount"]))
            if abs(amount - Decimal(str(line["LineAmount"]))) > Decimal("0.01"):
                messages.append("The line total 0 does not match the expected line total 0")
        return messages

    def _reckon(self, row: dict, known: dict | None) -> None:
        lines = row.get("LineItems") or ()
        net = sum((Decimal(str(line.get("LineAmount") or 0)) for line in lines), Decimal())
        tax = Decimal()
        for line in lines:
            rate = self.rates.get(line.get("TaxType"), Decimal())
            reckoned = Decimal(str(line.get("LineAmount") or 0)) * rate
            tax += Decimal(str(line.get("TaxAmount", round(reckoned, 2))))
        paid = Decimal(str((known or {}).get("AmountPaid") or 0))
        row |= {"SubTotal": _money(net), "TotalTax": _money(tax), "Total": _money(net + tax)}
        row |= {"AmountDue": _money(net + tax - paid), "AmountPaid": _money(paid)}
        row["RemainingCredit"] = row["AmountDue"]
        row["DateString"] = f"{row.get('Date')}T00:00:00"

    def _store(self, name: str, row: dict, at: datetime | None = None, quiet: bool = False) -> dict:
        key = str(row.get(IDS[name]) or uuid.uuid4())
        new = key not in self.rows[name]
        row = {**row, IDS[name]: key, "UpdatedDateUTC": stamp(at or self.now())}
        if name == "Contacts":
            row.setdefault("ContactStatus", "ACTIVE")
        self.rows[name][key] = row
        categories = {"Contacts": "CONTACT", "Invoices": "INVOICE", "CreditNotes": "CREDITNOTE"}
        if not quiet and name in categories:
            self._event(name, categories[name], row, "CREATE" if new else "UPDATE")
        return row

    # -- what happens in Xero ---------------------------------------------------------------------

    def seed(self, objects: dict[str, list[dict]], quiet: bool = False) -> dict:
        """Rows by list; answers their ids in the order given."""
        ids: dict[str, list[str]] = {}
        with self.lock:
            for name, rows in objects.items():
                ids[name] = []
                for row in rows:
                    row = dict(row)
                    at = row.pop("at", None)
                    at = datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None
                    ids[name].append(self._store(name, row, at, quiet)[IDS[name]])
        return ids

    def pay(self, invoice: str, amount=None, reference: str = "", day: str = "") -> dict:
        """A payment of an invoice is recorded; by somebody there, today, unless a day is given."""
        with self.lock:
            row = dict(self.rows["Invoices"][invoice])
            amount = Decimal(str(amount if amount is not None else row["AmountDue"]))
            paid = Decimal(str(row["AmountPaid"])) + amount
            due = Decimal(str(row["Total"])) - paid
            row |= {"AmountPaid": _money(paid), "AmountDue": _money(due)}
            row["Status"] = "PAID" if due == 0 else row["Status"]
            self._store("Invoices", row)
            when = datetime.fromisoformat(f"{day}T00:00:00+00:00") if day else self.now()
            payment = {
                "Date": stamp(when.replace(hour=0, minute=0, second=0, microsecond=0)),
                "Amount": _money(amount),
                "BankAmount": _money(amount),
                "Reference": reference,
                "PaymentType": "ACCRECPAYMENT",
                "Status": "AUTHORISED",
                "_invoice": invoice,
            }
            return {"id": self._store("Payments", payment)["PaymentID"]}

    def set_status(self, list: str, id: str, status: str) -> dict:
        """Somebody voids, deletes or archives."""
        with self.lock:
            field = "ContactStatus" if list == "Contacts" else "Status"
            self._store(list, {**self.rows[list][id], field: status})
        return {"id": id}

    def merge(self, winner: str, loser: str) -> dict:
        with self.lock:
            row = {**self.rows["Contacts"][loser], "ContactStatus": "ARCHIVED"}
            self._store("Contacts", {**row, "MergedToContactID": winner})
        return {"id": winner}


def _money(value: Decimal):
    return int(value) if value == int(value) else float(value)
