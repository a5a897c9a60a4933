"""Receipts written to Xero: a payment for each invoice that one pays, all with the receipt's number as their reference.

Payments cannot be changed there, only made and deleted: what stands there under a receipt's number is read, what does
not say what it has to say is deleted, and what is missing is made. So it may be repeated. A receipt of which one part
is refused leaves none there.

Source: Xero Developer, "Payments" (made and deleted, never changed), "Idempotent requests"; OpenAPI description of the
Accounting API 16.1 (``createPayments`` with ``summarizeErrors``, ``deletePayment``; ``Amount`` is at most what is
outstanding).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from . import ledger
from .base import chunks
from .errors import ConnectorError
from .parts import Outcome, Write
from .xero_read import API, KINDS, moment
from .xero_webhook import GUID
from .xero_write import INVOICES, TYPES, XeroWriter, any_of

(PAYMENTS,) = KINDS["payment"]
PAGE = 100
MADE = 50  # payments of one call


class Part(NamedTuple):
    """One payment that has to be made: for which write, and as Xero takes it; ``once`` is the same as long as nothing
    has happened to its invoice."""

    key: str
    once: str
    body: dict


class XeroReceipts(XeroWriter):
    """The half that writes receipts, by the same means as documents."""

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """An outcome a write, in their order; invoices and payments of all are looked up together."""
        outcomes: dict[str, Outcome] = {}
        ready: dict[str, Write] = {}
        for write in writes:
            refused = ledger.refusal(entity, write, entities, GUID)
            if refused:
                outcomes[write.key] = refused
                continue
            outcomes[write.key] = outcome = Outcome(write.key, False, write.external_id)
            try:
                ledger.applied(write.values)
                ready.setdefault(write.key, write)
            except ConnectorError as error:
                outcome.error = error
        try:
            self._receipts(list(ready.values()), outcomes)
        except ConnectorError as error:
            for key in ready:
                if not outcomes[key].ok and outcomes[key].error is None:
                    outcomes[key].error = error
        return [outcomes[write.key] for write in writes]

    def _receipts(self, writes: Sequence[Write], outcomes: dict[str, Outcome]) -> None:
        """:raise ConnectorError: for all that have neither outcome nor error yet."""
        if not writes:
            return
        wanted = {write.key: ledger.applied(write.values) for write in writes}
        there = self._there(writes)
        invoices = self._invoices({number for one in wanted.values() for number in one})
        kept: dict[str, list[str]] = {}
        parts: list[Part] = []
        for write in writes:
            rows = there.get(write.key, [])
            try:
                kept[write.key], new = self._settle(write, wanted[write.key], rows, invoices)
                parts += new
            except ConnectorError as error:
                outcomes[write.key].error = error
        made = self._make(parts, outcomes)
        for write in writes:
            outcome, ids = outcomes[write.key], [*kept.get(write.key, ()), *made[write.key]]
            if outcome.error is not None:
                self._undo(write, made[write.key], outcome)
                continue
            outcome.ok = True
            if ids:
                outcome.external_id, *rest = sorted(ids)
                outcome.more = tuple(rest)

    # -- what is there --------------------------------------------------------------------------

    def _there(self, writes: Sequence[Write]) -> dict[str, list[dict]]:
        """Payments that stand there for each receipt: under its number, or under an id that we know."""
        rows: dict[str, dict] = {}
        numbers = list(dict.fromkeys(str(write.values["number"]) for write in writes))
        for part in chunks(numbers, 25):
            page, pages = 1, 1
            while page <= pages:
                query = {"where": any_of("Reference", part), "page": page, "pageSize": PAGE}
                found, pages, _total = self._reader.page(PAYMENTS, query)
                rows |= {str(row[PAYMENTS.id]).lower(): row for row in found}
                page += 1
        known = {str(w.external_id).lower(): w for w in writes if w.operation == "update"}
        lost = [key for key in known if key not in rows]
        rows |= {str(row[PAYMENTS.id]).lower(): row for row in self._reader.by_ids(PAYMENTS, lost)}
        by_number = {str(write.values["number"]): write.key for write in writes}
        result: dict[str, list[dict]] = {}
        for key, row in rows.items():
            if row.get("Status") == "DELETED" or row.get("PaymentType") != "ACCRECPAYMENT":
                continue
            owner = known[key].key if key in known else by_number.get(str(row.get("Reference")))
            if owner:
                result.setdefault(owner, []).append(row)
        return result

    def _invoices(self, numbers: set[str]) -> dict[str, dict]:
        found = {}
        for part in chunks(sorted(numbers), 40):
            query = {"InvoiceNumbers": ",".join(part), "page": 1, "pageSize": PAGE}
            for row in self._reader.page(INVOICES, query)[0]:
                if row.get("Type") == TYPES[INVOICES.list] and row.get("Status") != "DELETED":
                    found[str(row.get("InvoiceNumber"))] = row
        return found

    # -- one receipt ------------------------------------------------------------------------------

    def _settle(
        self, write: Write, wanted: Mapping[str, Decimal], rows: list[dict], invoices: dict
    ) -> tuple[list[str], list[Part]]:
        """Delete what is not wanted any more.

        :return: ``(ids of payments that stay, what has to be made)``.
        :raise ConnectorError: an invoice is not there, or expects less; a payment cannot be deleted.
        """
        left, kept, gone = dict(wanted), [], []
        for row in rows:
            number = str((row.get("Invoice") or {}).get("InvoiceNumber"))
            day = moment(row.get("Date"))
            dated = day is not None and f"{day:%Y-%m-%d}" == write.values["date"]
            if dated and left.get(number) == _amount(row):
                del left[number]
                kept.append(str(row[PAYMENTS.id]).lower())
            else:
                gone.append((number, row))
        parts = []
        for number, amount in left.items():
            invoice = invoices.get(number)
            if invoice is None:
                raise ledger.not_there(number)
            freed = sum((_amount(row) for name, row in gone if name == number), Decimal())
            due = Decimal(str(invoice.get("AmountDue") or 0)) + freed
            void = invoice.get("Status") == "VOIDED"
            ledger.require_open(number, amount, Decimal() if void else due)
            seen = str(invoice.get("UpdatedDateUTC"))
            once = ledger.once_key(write.key, number, str(amount), seen)
            parts.append(Part(write.key, once, self._payment(write, invoice, amount)))
        for _number, row in gone:
            self._delete(str(row[PAYMENTS.id]).lower())
        return kept, parts

    def _payment(self, write: Write, invoice: Mapping, amount: Decimal) -> dict[str, Any]:
        ledger.required(write.values, "account")
        return {
            "Invoice": {"InvoiceID": invoice[INVOICES.id]},
            "Account": {"Code": str(write.values["account"])},
            "Date": write.values["date"],
            "Amount": amount,
            "Reference": str(write.values["number"])[:255],
        }

    def _make(self, parts: Sequence[Part], outcomes) -> dict[str, list[str]]:
        """Make payments: ``{key of the write: their ids}``; what is refused is the error of its write."""
        made: dict[str, list[str]] = {key: [] for key in outcomes}
        for some in chunks(parts, MADE):
            once = ledger.once_key("PUT", *(part.once for part in some))
            try:
                rows = self._rows("PUT", PAYMENTS, [part.body for part in some], once)
            except ConnectorError as error:
                for part in some:
                    outcomes[part.key].error = outcomes[part.key].error or error
                continue
            for part, row in zip(some, rows, strict=True):
                error = self._refused(PAYMENTS, row)
                if error is None:
                    made[part.key].append(str(row[PAYMENTS.id]).lower())
                else:
                    outcomes[part.key].error = error
        return made

    def _undo(self, write: Write, made: Sequence[str], outcome: Outcome) -> None:
        """Leave nothing of a receipt that was refused in part; if that fails, nobody knows what stands there."""
        if outcome.error.kind == "unknown":
            return  # it is looked for before it goes again
        for key in made:
            try:
                self._delete(key)
            except ConnectorError as error:
                status = error.status
                outcome.error = ConnectorError("unknown", "answer_lost", status=status)

    def _delete(self, key: str) -> None:
        self._call(
            "POST",
            f"{API}/{PAYMENTS.list}/{key}",
            json={"Status": "DELETED"},
            headers={"Idempotency-Key": ledger.once_key("DELETED", key)},
        )


def _amount(row: Mapping) -> Decimal:
    return Decimal(str(row.get("Amount") or 0))
