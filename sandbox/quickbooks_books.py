"""What a QuickBooks company does with what it is given: judging, reckoning, keeping, and people at work in it."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from werkzeug.wrappers import Request

from .base import Refusal

OBJECTS = ("Customer", "Item", "TaxCode", "Account", "Invoice", "CreditMemo", "Payment")
LISTED = frozenset({"Customer", "Item", "TaxCode", "Account"})
# object -> the (operation, include) of its address that voids one; a credit memo has none
_VOIDS = {"Invoice": [("void", None)], "Payment": [("update", "void")]}


def stamp(moment: datetime) -> str:
    """A time as QuickBooks writes it, here always in UTC so that texts sort as times do."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def fault(status: int, code: str, message: str, detail: str = "", kind: str = "ValidationFault"):
    item = {"Message": message, "Detail": detail or message, "code": code, "element": ""}
    return Refusal(status, {"Fault": {"Error": [item], "type": kind}, "time": "now"})


class QuickBooksBooks:
    """The half of the sandbox that writes; mixed into :class:`~sandbox.quickbooks.QuickBooksSandbox`."""

    # -- what is given by the API -----------------------------------------------------------------

    def _post(self, request: Request, realm: str, kind: str) -> dict:
        name = {one.lower(): one for one in OBJECTS}[kind]
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise fault(400, "2010", "Request has invalid or unsupported property")
        if body.get("Id"):
            row = self.rows[name].get(str(body["Id"]))
            if row is None:
                raise fault(400, "610", "Object Not Found", "Object Not Found : Something is gone")
            if str(body.get("SyncToken")) != row["SyncToken"]:
                raise fault(400, "5010", "Stale Object Error", "You and someone else were working")
            asked = (request.args.get("operation"), request.args.get("include"))
            if asked in _VOIDS.get(name, ()):
                return self._void_asked(request, name, row)
            if asked != (None, None):
                raise fault(400, "2010", "Request has invalid or unsupported property", "operation")
            row = {**(row if body.get("sparse") else {"Id": row["Id"]}), **body}
        else:
            row = dict(body)
        self._judge(name, row)
        if name == "Payment":
            before = self.rows[name].get(str(body.get("Id")), {})
            self._unlink(before)
            try:
                self._link(row)
            except Refusal:
                if before.get("Line"):
                    self._link(before)  # nothing has changed
                raise
        row = self._store(name, row)
        return {name: row, "time": stamp(self.now())}

    def _void_asked(self, request: Request, name: str, row: dict) -> dict:
        """Void by the API: an invoice that nothing pays, a payment that is in no deposit; not in closed books."""
        self._open_on(row)
        if name == "Payment":
            if row["Id"] in self.settings["deposited"]:
                raise fault(400, "6540", "Deposited Transaction cannot be changed")
            self._unlink(row)
        elif Decimal(str(row["Balance"])) != Decimal(str(row["TotalAmt"])):
            raise fault(400, "6000", "A business validation error has occurred", "It is paid")
        self.void(name, row["Id"])
        return {name: self.rows[name][row["Id"]], "time": stamp(self.now())}

    def _judge(self, name: str, row: dict) -> None:
        if name == "Customer":
            same = [
                one
                for one in self.rows[name].values()
                if one["DisplayName"].casefold() == str(row.get("DisplayName")).casefold()
                and one["Id"] != row.get("Id")
            ]
            if not row.get("DisplayName") or ":" in row["DisplayName"]:
                raise fault(400, "2010", "Request has invalid or unsupported property")
            if same or row["DisplayName"] in self.settings["vendors"]:
                raise fault(400, "6240", "Duplicate Name Exists Error", "The name exists already")
            return
        self._open_on(row)
        if name == "Payment":
            account = (row.get("DepositToAccountRef") or {}).get("value")
            if account and account not in self.rows["Account"]:
                raise fault(400, "2500", "Invalid Reference Id", "Account not found")
            if len(str(row.get("PaymentRefNum") or "")) > 21:
                raise fault(400, "2050", "String length is either shorter or longer", "21")
            return
        if (row.get("CustomerRef") or {}).get("value") not in self.rows["Customer"]:
            raise fault(400, "2500", "Invalid Reference Id", "Customer not found")
        for line in row.get("Line") or ():
            detail = line.get("SalesItemLineDetail") or {}
            if (detail.get("ItemRef") or {}).get("value") not in self.rows["Item"]:
                raise fault(400, "2500", "Invalid Reference Id", "Items element id not found")
            if "Qty" in detail:
                product = Decimal(str(detail["Qty"])) * Decimal(str(detail["UnitPrice"]))
                if abs(product - Decimal(str(line["Amount"]))) > Decimal("0.01"):
                    raise fault(400, "6070", "Amount is not equal to UnitPrice * Qty")
        if not row.get("Line"):
            raise fault(400, "2020", "Required param missing", "Required parameter Line")

    def _open_on(self, row: dict) -> None:
        try:
            day = datetime.strptime(str(row.get("TxnDate")), "%Y-%m-%d")
        except ValueError:
            raise fault(400, "2010", "Request has invalid or unsupported property") from None
        if self.settings["closed_until"] and f"{day:%Y-%m-%d}" <= self.settings["closed_until"]:
            raise fault(400, "6210", "Account Period Closed", "The account period has closed")

    def _unlink(self, payment: dict) -> None:
        """What a payment paid is open again."""
        for line in payment.get("Line") or ():
            linked, amount = line["LinkedTxn"][0], Decimal(str(line["Amount"]))
            row = dict(self.rows[linked["TxnType"]][str(linked["TxnId"])])
            row["paid_so_far"] = str(Decimal(str(row.get("paid_so_far") or 0)) - amount)
            self.rows[linked["TxnType"]][row["Id"]]["paid_so_far"] = row["paid_so_far"]
            self._store(linked["TxnType"], row)

    def _link(self, payment: dict) -> None:
        """What a payment says of documents: no more than is open, and as much credit as it leaves unpaid."""
        parts = []
        for line in payment["Line"]:
            linked, amount = line["LinkedTxn"][0], Decimal(str(line["Amount"]))
            row = self.rows[linked["TxnType"]].get(str(linked["TxnId"]))
            if row is None:
                raise fault(400, "2500", "Invalid Reference Id", "Transaction not found")
            if not 0 < amount <= Decimal(str(row["Balance"])):
                raise fault(
                    400, "6000", "A business validation error has occurred", "Amount too large"
                )
            parts.append((linked["TxnType"], row, amount))
        paid = sum(amount for name, _row, amount in parts if name == "Invoice")
        credited = sum(amount for name, _row, amount in parts if name == "CreditMemo")
        if paid - credited != Decimal(str(payment.get("TotalAmt") or 0)):
            raise fault(400, "6000", "A business validation error has occurred", "Does not add up")
        for name, row, amount in parts:
            row["paid_so_far"] = str(Decimal(str(row.get("paid_so_far") or 0)) + amount)
            self._store(name, dict(row))

    def _store(self, name: str, row: dict, at: datetime | None = None, quiet: bool = False) -> dict:
        known = self.rows[name].get(str(row.get("Id")))
        when = stamp(at or self.now())
        row["Id"] = str(row.get("Id") or self.next_id())
        row["SyncToken"] = str(int(known["SyncToken"]) + 1) if known else "0"
        row["MetaData"] = {"CreateTime": when, "LastUpdatedTime": when}
        row.pop("sparse", None)
        if name in LISTED:
            row.setdefault("Active", True)
            row.setdefault("FullyQualifiedName", row.get("DisplayName") or row.get("Name"))
        if name in ("Invoice", "CreditMemo") and "Line" in row and not row.get("voided"):
            lines = sum((Decimal(str(line["Amount"])) for line in row["Line"]), Decimal())
            tax = Decimal(str((row.get("TxnTaxDetail") or {}).get("TotalTax") or 0))
            paid = Decimal(str((known or {}).get("paid_so_far") or 0))
            row["TotalAmt"] = _money(lines + tax)
            row["Balance"] = _money(lines + tax - paid)
        self.rows[name].pop(row["Id"], None)
        self.rows[name][row["Id"]] = row
        if not quiet:
            self._event(name, row["Id"], "updated" if known else "created")
        return row

    # -- what happens in QuickBooks ---------------------------------------------------------------

    def seed(self, objects: dict[str, list[dict]], quiet: bool = False) -> dict:
        """Rows by object; answers their ids in the order given."""
        ids = {}
        with self.lock:
            for name, rows in objects.items():
                ids[name] = []
                for row in rows:
                    row = dict(row)
                    at = row.pop("at", None)
                    at = datetime.fromisoformat(at.replace("Z", "+00:00")) if at else None
                    ids[name].append(self._store(name, row, at, quiet)["Id"])
        return ids

    def pay(self, invoice: str, amount=None, reference: str = "") -> dict:
        """Somebody records a payment of an invoice."""
        with self.lock:
            row = self.rows["Invoice"][invoice]
            amount = Decimal(str(amount if amount is not None else row["Balance"]))
            paid = Decimal(str(row.get("paid_so_far") or 0)) + amount
            row["paid_so_far"] = str(paid)
            self._store("Invoice", dict(row))
            payment = {
                "TotalAmt": _money(amount),
                "CurrencyRef": row.get("CurrencyRef"),
                "CustomerRef": row["CustomerRef"],
                "TxnDate": f"{self.now():%Y-%m-%d}",
                "PaymentRefNum": reference,
                "Line": [
                    {
                        "Amount": _money(amount),
                        "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}],
                    }
                ],
            }
            return {"id": self._store("Payment", payment)["Id"]}

    def void(self, object: str, id: str) -> dict:
        with self.lock:
            row = dict(self.rows[object][id], TotalAmt=0, Balance=0, voided=True)
            if object == "Payment":
                row["Line"] = []
            row["PrivateNote"] = f"Voided - {row.get('PrivateNote') or ''}"
            self._store(object, row, quiet=True)
            self._event(object, id, "voided")
        return {"id": id}

    def delete(self, object: str, id: str) -> dict:
        with self.lock:
            del self.rows[object][id]
            meta = {"LastUpdatedTime": stamp(self.now())}
            self.gone[object].append({"Id": id, "status": "Deleted", "MetaData": meta})
            self._event(object, id, "deleted")
        return {"id": id}

    def merge(self, winner: str, loser: str) -> dict:
        with self.lock:
            row = dict(self.rows["Customer"][loser], Active=False)
            row["DisplayName"] += " (deleted)"
            self._store("Customer", row, quiet=True)
            self._event("Customer", winner, "merged", {"deletedid": loser})
        return {"id": winner}


def _money(value: Decimal):
    return int(value) if value == int(value) else float(value)
