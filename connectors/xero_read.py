"""Reading Xero: pages of what was modified since, and what is kept of a record.

A list is sorted by its time of change and paged by number. A row that changes while we read moves to the end, and what
follows it moves up. So the pages of a window are read from the last to the first: what moves up is still to come, and
what was moved to the end belongs to the next window.

Source: Xero Developer, "Requests and responses" (paging, ``If-Modified-Since``), OpenAPI description of the Accounting
API 16.1 (``getInvoices``, ``getCreditNotes``, ``getPayments``, ``getContacts``; ``MergedToContactID`` is told
when paging only).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from ..core import strict_json
from .base import chunks
from .errors import ConnectorError
from .http import Answer
from .parts import Record
from .times import iso, parse_iso
from .xero_webhook import GUID

API = "/api.xro/2.0"
PAGE = 500  # rows asked for; Xero gives up to 1,000
IDS = 40  # ids in one address


class Kind(NamedTuple):
    """One list of the API. ``where``: which of its rows concern us; ``by_ids``: whether it takes many ids."""

    list: str
    id: str
    prefix: str
    where: str
    by_ids: bool


KINDS: dict[str, tuple[Kind, ...]] = {
    "customer": (Kind("Contacts", "ContactID", "", "", True),),
    "service_item": (Kind("Items", "ItemID", "", "", False),),
    "invoice": (
        Kind("Invoices", "InvoiceID", "", 'Type=="ACCREC"', True),
        Kind("CreditNotes", "CreditNoteID", "cn-", 'Type=="ACCRECCREDIT"', False),
    ),
    "payment": (Kind("Payments", "PaymentID", "", 'PaymentType=="ACCRECPAYMENT"', False),),
}
KEPT: dict[str, tuple[str, ...]] = {
    "Contacts": (
        *("Name", "EmailAddress", "TaxNumber", "ContactStatus", "ContactNumber", "AccountNumber"),
        *("Addresses", "Phones", "Website", "IsCustomer", "IsSupplier", "MergedToContactID"),
    ),
    "Items": ("Code", "Name", "Description", "IsSold"),
    "Invoices": (
        *("Type", "InvoiceNumber", "Reference", "Status", "CurrencyCode", "CurrencyRate", "Total"),
        *("SubTotal", "TotalTax", "AmountDue", "AmountPaid", "AmountCredited", "DateString"),
        *("DueDateString",),
    ),
    "CreditNotes": (
        *("Type", "CreditNoteNumber", "Reference", "Status", "CurrencyCode", "CurrencyRate"),
        *("Total", "SubTotal", "TotalTax", "RemainingCredit", "DateString"),
    ),
    "Payments": (
        *("Amount", "BankAmount", "CurrencyRate", "Reference", "Status", "PaymentType"),
        *("IsReconciled", "BatchPaymentID"),
    ),
}
_STAMP = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_PROVIDERS = re.compile(r"(?:ch|py|pi|re|PM|PAY)[_-][A-Za-z0-9_-]{6,80}")


def moment(value: Any) -> datetime | None:
    """A time as Xero writes it: ``/Date(1541176592690+0000)/`` (UTC, whatever the zone says), or ISO.

    :raise ConnectorError: kind ``schema`` if it is no such text.
    """
    match = _STAMP.fullmatch(str(value or ""))
    if match:
        start = datetime(1970, 1, 1, tzinfo=timezone.utc)
        return start + timedelta(milliseconds=int(match[1]))
    return parse_iso(value)


class XeroReader:
    """The reading half; ``call`` is the connector's own, with the organisation's header."""

    def __init__(self, call: Callable[..., Answer]):
        self._call = call

    def page(self, kind: Kind, query: Mapping, since: datetime | None = None):
        """One page of a list.

        :return: ``(rows, number of pages, number of rows of all pages)``.
        """
        headers = {"If-Modified-Since": f"{since:%Y-%m-%dT%H:%M:%S}"} if since else {}
        answer = self._call("GET", f"{API}/{kind.list}", query=query, headers=headers)
        body = answer.json()
        rows = body.get(kind.list) if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(_is_row(row, kind) for row in rows):
            raise ConnectorError("schema", "no_records", params={"object": kind.list})
        paging = body.get("pagination")
        paging = paging if isinstance(paging, dict) else {}
        pages, total = paging.get("pageCount"), paging.get("itemCount")
        if not isinstance(pages, int) or not isinstance(total, int):
            # lists that are not paged come whole
            pages, total = 1, len(rows)
        return rows, pages, total

    def changes(self, kind: Kind, state: dict, start: datetime | None, begun: Callable):
        """One page of a window, from the last to the first.

        State: ``since`` (where the window starts), ``begun`` (when it was opened, by Xero's clock), ``page``.

        :return: ``(rows, next state, whether there is more)``; a state without ``page`` is a window's end.
        """
        state = dict(state)
        since = parse_iso(state.get("since")) or start
        query = _query(kind) | {"page": state.get("page", 1), "order": "UpdatedDateUTC"}
        rows, pages, _total = self.page(kind, query, since)
        if "page" not in state:
            state["begun"] = iso(begun())
            if pages <= 1:
                return rows, {"since": state["begun"]}, False
            # the first page is read again as the last one: it may have moved on by then
            return rows, {**state, "page": pages}, True
        if state["page"] <= 1:
            return rows, {"since": state["begun"]}, False
        return rows, {**state, "page": state["page"] - 1}, True

    def listing(self, kind: Kind, since: datetime, until: datetime) -> Iterator[list[dict]]:
        """Rows by the time of their last change, page by page.

        :raise ConnectorError: kind ``connection``, code ``listing_incomplete``.
        """
        number, read = 1, 0
        while True:
            query = _query(kind) | {"page": number, "order": "UpdatedDateUTC"}
            rows, pages, total = self.page(kind, query, since)
            read += len(rows)
            yield [row for row in rows if moment(row.get("UpdatedDateUTC")) < until]
            if number >= pages:
                break
            number += 1
        if read != total:
            raise ConnectorError("connection", "listing_incomplete", params={"read": read})

    def by_ids(self, kind: Kind, ids: Sequence[str]) -> list[dict]:
        """Rows by id: 40 a call where the list takes ids, else one."""
        ids = list(dict.fromkeys(ids))
        found: list[dict] = []
        if kind.by_ids:
            for part in chunks(ids, IDS):
                query = {"IDs": ",".join(part), "page": 1, "pageSize": IDS}
                if kind.list == "Contacts":
                    query["includeArchived"] = "true"
                found += self.page(kind, query)[0]
            return found
        for key in ids:
            try:
                body = self._call("GET", f"{API}/{kind.list}/{key}").json()
            except ConnectorError as error:
                if error.kind == "reference":
                    continue
                raise
            rows = body.get(kind.list) if isinstance(body, dict) else None
            if not isinstance(rows, list) or not all(_is_row(row, kind) for row in rows):
                raise ConnectorError("schema", "no_records", params={"object": kind.list})
            found += rows
        return found


def own_id(entity: str, key: str) -> tuple[Kind, str] | None:
    """(list, its id) for an id as we name it; None for what is none."""
    for kind in reversed(KINDS[entity]):
        bare = key[len(kind.prefix) :].lower()
        if key.startswith(kind.prefix) and re.fullmatch(GUID, bare):
            return kind, bare
    return None


def record(entity: str, kind: Kind, row: dict) -> Record:
    """A row as a record."""
    changed = moment(row.get("UpdatedDateUTC"))
    if changed is None:
        raise ConnectorError("schema", "no_time_of_change", params={"object": kind.list})
    kept = {name: row[name] for name in KEPT[kind.list] if name in row}
    kept |= {"id": row[kind.id], "object": kind.list, "changed": iso(changed)}
    merged = None
    if kind.list in ("Invoices", "CreditNotes"):
        kept["document"] = _document(kind, row)
    elif kind.list == "Payments":
        kept["paid"] = _paid(row)
    elif kind.list == "Contacts":
        kept["reach"] = _reach(row)
        merged = str(row.get("MergedToContactID") or "").lower() or None
    gone = kind.list in ("Payments", "Invoices", "CreditNotes") and row.get("Status") == "DELETED"
    key = f"{kind.prefix}{row[kind.id]}".lower()
    payload = strict_json.dumps(kept)
    return Record(entity, key, iso(changed), changed, payload, deleted=gone, merged_into=merged)


def _document(kind: Kind, row: dict) -> dict:
    """Number, day and open amount. A bill of a supplier has a number of the supplier's, which is none of ours."""
    ours = row.get("Type") in ("ACCREC", "ACCRECCREDIT")
    number = row.get("InvoiceNumber" if kind.list == "Invoices" else "CreditNoteNumber")
    return {
        "number": number if ours and number else f"{row.get('Type')} {row[kind.id]}",
        "date": str(row.get("DateString") or "")[:10] or None,
        "open": row.get("AmountDue" if kind.list == "Invoices" else "RemainingCredit"),
        "state": str(row.get("Status") or "").lower(),
    }


def _paid(row: dict) -> dict:
    """What the books have to know of a payment.

    Its day has no time: it is named at 10:00 UTC, which is that day from Hawaii to Auckland. A reference counts only
    if it is that of a payment provider: others repeat, and two payments must not be taken for one.
    """
    invoice = row.get("Invoice") if isinstance(row.get("Invoice"), dict) else {}
    contact = invoice.get("Contact") if isinstance(invoice.get("Contact"), dict) else {}
    day, reference = moment(row.get("Date")), str(row.get("Reference") or "")
    number = invoice.get("InvoiceNumber")
    return {
        "date": f"{day:%Y-%m-%d}T10:00:00Z" if day else None,
        "status": "succeeded" if row.get("Status") == "AUTHORISED" else "canceled",
        "currency": invoice.get("CurrencyCode"),
        "invoice": number,
        "customer": None if number else contact.get("ContactID"),
        "reference": reference if _PROVIDERS.fullmatch(reference) else f"Xero {row['PaymentID']}",
    }


def _reach(row: dict) -> dict:
    """The address and telephone that count, of the several that a contact has."""
    addresses = {one.get("AddressType"): one for one in row.get("Addresses") or () if _filled(one)}
    address = addresses.get("POBOX") or addresses.get("STREET") or {}
    phones = {one.get("PhoneType"): one for one in row.get("Phones") or () if isinstance(one, dict)}
    phone = next(
        (phones[kind] for kind in ("DEFAULT", "MOBILE") if phones.get(kind, {}).get("PhoneNumber")),
        {},
    )
    parts = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")
    number = " ".join(str(phone[part]) for part in parts if phone.get(part))
    if phone.get("PhoneCountryCode"):
        number = f"+{number.lstrip('+')}"
    return {
        "street": address.get("AddressLine1") or None,
        "street2": address.get("AddressLine2") or None,
        "city": address.get("City") or None,
        "zip": address.get("PostalCode") or None,
        "state": address.get("Region") or None,
        "country": address.get("Country") or None,
        "phone": number or None,
    }


def _filled(address: Any) -> bool:
    names = ("AddressLine1", "City", "PostalCode", "Country")
    return isinstance(address, dict) and any(address.get(name) for name in names)


def _query(kind: Kind) -> dict:
    query: dict[str, Any] = {"pageSize": PAGE}
    if kind.where:
        query["where"] = kind.where
    if kind.list == "Contacts":
        query["includeArchived"] = "true"
    return query


def _is_row(row: Any, kind: Kind) -> bool:
    return isinstance(row, dict) and re.fullmatch(GUID, str(row.get(kind.id)).lower()) is not None


def total(row: Mapping) -> Decimal:
    """What a document amounts to."""
    return Decimal(str(row.get("Total") or 0))
