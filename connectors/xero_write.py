"""Writing to Xero: invoices and credit notes made once, or changed, with their contacts, up to 25 a call; a credit note
is then allocated to the invoice that it credits, as far as both are open, which may be repeated. One that was cancelled
is voided there, as long as nothing is paid or allocated.

A call that makes things is a PUT, which never changes what is there, and Xero lets no number stand twice. Beside that
each call carries an ``Idempotency-Key``, and a document is looked for by its number before it is made: so a repeat
after a lost answer finds what the first try made, in whatever company it goes.

Source: Xero Developer, "Idempotent requests", "Invoices", "Credit notes" (allocations), "Contacts"; OpenAPI description
of the Accounting API 16.1 (``summarizeErrors``: a good answer with an outcome an element; ``Idempotency-Key`` of at
most 128 characters; ``TaxAmount`` of a line counts instead of the reckoned one; ``unitdp=4``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from . import ledger
from .errors import ConnectorError
from .http import Answer
from .parts import Outcome, Write
from .xero_errors import of_element
from .xero_read import API, KINDS, Kind, XeroReader, own_id, total
from .xero_shapes import PLACES, contact_of, line_of
from .xero_webhook import GUID

BATCH = 25
ID = rf"(?:cn-)?{GUID}"
NUMBERS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber"}
TYPES = {"Invoices": "ACCREC", "CreditNotes": "ACCRECCREDIT"}
(INVOICES, CREDIT_NOTES), (CONTACTS,) = KINDS["invoice"], KINDS["customer"]


class XeroWriter:
    """The writing half. :param reader: the reading half."""

    def __init__(self, call: Callable[..., Answer], reader: XeroReader):
        self._call, self._reader = call, reader

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """An outcome a write, in their order."""
        outcomes: dict[str, Outcome] = {}
        ready: dict[str, Write] = {}
        for write in writes:
            refused = ledger.refusal(entity, write, entities, ID)
            if refused:
                outcomes[write.key] = refused
            else:
                ready.setdefault(write.key, write)
                outcomes[write.key] = Outcome(write.key, False, write.external_id)
        try:
            self._all(list(ready.values()), outcomes)
        except ConnectorError as error:
            for key in ready:
                if not outcomes[key].ok and outcomes[key].error is None:
                    outcomes[key].error = error
        return [outcomes[write.key] for write in writes]

    def _all(self, writes: list[Write], outcomes: dict[str, Outcome]) -> None:
        """:raise ConnectorError: for all that have neither outcome nor error yet."""
        for kind in (INVOICES, CREDIT_NOTES):
            new = [w for w in writes if w.operation == "create" and _kind(w) is kind]
            asked, new = new, self._without_known(kind, new, outcomes)
            known = [w for w in asked if w not in new]
            bodies = self._bodies(kind, new, outcomes)
            self._name_contacts(bodies, outcomes)
            self._send("PUT", kind, _open(bodies, outcomes), outcomes)
            changed = [w for w in writes if w.operation == "update" and _kind(w) is kind]
            self._void(kind, [w for w in changed if w.values.get("void")], outcomes)
            for write in [w for w in changed if w.values.get("void") is False]:
                # void for good: it cannot be brought back there
                params = {"number": str(write.values.get("number"))}
                outcomes[write.key].error = ConnectorError("identity", "ledger_void", params=params)
            changed = [w for w in changed if w.values.get("void") is None]
            for write in changed:
                # a paid one takes no change, not even none
                outcomes[write.key].ok = write.values.keys() == {"credits"}
            told = [w for w in changed if not outcomes[w.key].ok]
            self._send("POST", kind, self._bodies(kind, told, outcomes), outcomes)
            if kind is CREDIT_NOTES:
                self._allocate([*new, *changed, *known], outcomes)

    def _without_known(self, kind: Kind, writes: list[Write], outcomes) -> list[Write]:
        """Documents whose number stands there are ours if they say the same; the others are to be made."""
        numbers = [str(w.values.get("number") or "") for w in writes]
        numbers = [number for number in numbers if number]
        if not numbers:
            return writes
        name = NUMBERS[kind.list]
        if kind is INVOICES:
            query = {"InvoiceNumbers": ",".join(numbers), "page": 1, "pageSize": 100}
        else:
            query = {"where": any_of(name, numbers), "page": 1, "pageSize": 100}
        rows, _pages, _total = self._reader.page(kind, query)
        alive = [row for row in rows if row.get("Type") == TYPES[kind.list]]
        known = {str(row.get(name)): row for row in alive if row.get("Status") != "DELETED"}
        for write in writes:
            row = known.get(str(write.values.get("number") or ""))
            if row is None:
                continue
            try:
                _require_same(row, write)
                self._done(kind, row, outcomes[write.key])
            except ConnectorError as error:
                outcomes[write.key].error = error
        return [w for w in writes if not outcomes[w.key].ok and outcomes[w.key].error is None]

    def _void(self, kind: Kind, writes: Sequence[Write], outcomes) -> None:
        """Void documents, in two calls; one that is void or gone there is as it should be, one that is paid is an
        error of its own."""
        if not writes:
            return
        keys = {w.key: own_id("invoice", str(w.external_id))[1] for w in writes}
        rows = self._reader.by_ids(kind, list(keys.values()))
        there = {str(row[kind.id]).lower(): row for row in rows}
        bodies = []
        for write in writes:
            row = there.get(keys[write.key], {})
            if row.get("Status") in (None, "VOIDED", "DELETED"):
                outcomes[write.key].ok = True
            elif _is_used(kind, row):
                params = {"number": str(write.values.get("number"))}
                outcomes[write.key].error = ConnectorError("conflict", "ledger_paid", params=params)
            else:
                bodies.append((write, {kind.id: keys[write.key], "Status": "VOIDED"}))
        self._send("POST", kind, bodies, outcomes)

    def _bodies(self, kind: Kind, writes: Sequence[Write], outcomes) -> list[tuple[Write, dict]]:
        """What is to be sent; a write that cannot be said whole is an error of its own."""
        bodies = []
        for write in writes:
            try:
                bodies.append((write, _body(kind, write)))
            except ConnectorError as error:
                outcomes[write.key].error = error
        return bodies

    # -- contacts ---------------------------------------------------------------------------------

    def _name_contacts(self, bodies: Sequence[tuple[Write, dict]], outcomes) -> None:
        """Give each document its contact: by id, else by name (unique there), else made, all in two calls."""
        wanted: dict[str, dict] = {}
        for write, body in bodies:
            given = write.values["customer"]
            if given.get("id"):
                body["Contact"] = {"ContactID": str(given["id"])}
            else:
                wanted.setdefault(_name(given), given)
        if not wanted:
            return
        found = self._contacts(list(wanted))
        missing = {name: given for name, given in wanted.items() if name.casefold() not in found}
        if missing:
            found |= self._make_contacts(missing)
        for write, body in bodies:
            if "Contact" in body:
                continue
            given, outcome = write.values["customer"], outcomes[write.key]
            contact = found.get(_name(given).casefold())
            if isinstance(contact, ConnectorError):
                outcome.error = contact
            elif contact is None:
                outcome.error = ConnectorError("unknown", "no_outcome")
            else:
                body["Contact"] = {"ContactID": contact}
                if given.get("key"):
                    outcome.links[f"customer:{given['key']}"] = contact

    def _contacts(self, names: Sequence[str]) -> dict[str, Any]:
        query = {"where": any_of("Name", names), "page": 1, "pageSize": 100}
        rows, _pages, _total = self._reader.page(CONTACTS, {**query, "includeArchived": "true"})
        found: dict[str, Any] = {}
        for row in rows:
            archived = row.get("ContactStatus") == "ARCHIVED"
            key = str(row.get("MergedToContactID") or row["ContactID"]).lower()
            if archived and not row.get("MergedToContactID"):
                # no document can be made for an archived contact, and its name is taken
                params = {"message": "", "properties": ["ContactStatus"]}
                error = ConnectorError("identity", "ledger_archived", params=params)
                found.setdefault(str(row.get("Name")).casefold(), error)
            else:
                found[str(row.get("Name")).casefold()] = key
        return found

    def _make_contacts(self, missing: Mapping[str, dict]) -> dict[str, Any]:
        rows = [contact_of(name, given) for name, given in missing.items()]
        keys = [str(given.get("key")) for given in missing.values()]
        answered = self._rows("PUT", CONTACTS, rows, ledger.once_key("contacts", *keys, *missing))
        result: dict[str, Any] = {}
        for name, row in zip(missing, answered, strict=True):
            if row.get("StatusAttributeString") == "ERROR" or row.get("HasValidationErrors"):
                result[name.casefold()] = of_element(row)
            else:
                result[name.casefold()] = str(row["ContactID"]).lower()
        return result

    # -- documents --------------------------------------------------------------------------------

    def _send(self, method: str, kind: Kind, bodies: list[tuple[Write, dict]], outcomes) -> None:
        if not bodies:
            return
        once = ledger.once_key(method, *(write.key for write, _body in bodies))
        rows = self._rows(method, kind, [body for _write, body in bodies], once)
        for (write, _body), row in zip(bodies, rows, strict=True):
            outcome = outcomes[write.key]
            outcome.error = self._refused(kind, row)
            if outcome.error is None:
                self._done(kind, row, outcome)

    def _refused(self, kind: Kind, row: dict) -> ConnectorError | None:
        """The error of one element of an answer; None if it was taken."""
        flags = ("HasErrors", "HasValidationErrors")
        if row.get("StatusAttributeString") == "ERROR" or any(row.get(flag) for flag in flags):
            return of_element(row)
        return None if row.get(kind.id) else ConnectorError("unknown", "no_outcome")

    def _done(self, kind: Kind, row: dict, outcome: Outcome) -> None:
        outcome.ok, outcome.error = True, None
        outcome.external_id = f"{kind.prefix}{row[kind.id]}".lower()
        outcome.response = {"status": row.get("Status"), "total": row.get("Total")}

    # -- credit notes and their invoices ------------------------------------------------------------

    def _allocate(self, writes: Sequence[Write], outcomes) -> None:
        """Set the credit notes that stand there off against their invoices. What a person did with either since is
        left as it is: only what is open of both counts."""
        credits = {
            w.key: str(w.values["credits"])
            for w in writes
            if outcomes[w.key].ok and w.values.get("credits")
        }
        if not credits:
            return
        query = {"InvoiceNumbers": ",".join(credits.values()), "page": 1, "pageSize": 100}
        rows = self._reader.page(INVOICES, query)[0]
        ours = TYPES[INVOICES.list]
        invoices = {row.get("InvoiceNumber"): row for row in rows if row.get("Type") == ours}
        keys = {
            key: own_id("invoice", str(outcomes[key].external_id))[1]
            for key, number in credits.items()
            if number in invoices
        }
        notes = {
            str(row[CREDIT_NOTES.id]).lower(): row
            for row in self._reader.by_ids(CREDIT_NOTES, list(keys.values()))
        }
        for key, note_id in keys.items():
            invoice, note = invoices[credits[key]], notes.get(note_id, {})
            amount = min(_open_of(note, "RemainingCredit"), _open_of(invoice, "AmountDue"))
            if amount <= 0:
                continue
            try:
                self._allocation(note_id, invoice, amount, str(note.get("DateString") or "")[:10])
                # one more of the batch may credit the same invoice
                invoice["AmountDue"] = _open_of(invoice, "AmountDue") - amount
            except ConnectorError as error:
                outcomes[key].ok, outcomes[key].error = False, error

    def _allocation(self, note: str, invoice: Mapping, amount: Decimal, day: str) -> None:
        """:raise ConnectorError: Xero's own; kind ``unknown`` if its answer cannot be read."""
        row = {"Invoice": {"InvoiceID": invoice[INVOICES.id]}, "Amount": amount, "Date": day}
        answer = self._call(
            "PUT",
            f"{API}/{CREDIT_NOTES.list}/{note}/Allocations",
            json={"Allocations": [row]},
            headers={
                "Idempotency-Key": ledger.once_key(note, str(invoice[INVOICES.id]), str(amount))
            },
        )
        try:
            body = answer.json()
        except ConnectorError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("Allocations"), list):
            raise ConnectorError("unknown", "answer_lost", status=answer.status)

    def _rows(self, method: str, kind: Kind, rows: list[dict], once: str) -> list[dict]:
        """What became of each element, in their order.

        :raise ConnectorError: kind ``unknown``: it was taken, but the answer cannot be read.
        """
        answer = self._call(
            method,
            f"{API}/{kind.list}",
            query={"summarizeErrors": "false", "unitdp": PLACES},
            json={kind.list: rows},
            headers={"Idempotency-Key": once},
        )
        try:
            body = answer.json()
        except ConnectorError:
            body = None
        found = body.get(kind.list) if isinstance(body, dict) else None
        if not isinstance(found, list) or len(found) != len(rows):
            raise ConnectorError("unknown", "answer_lost", status=answer.status)
        if not all(isinstance(row, dict) for row in found):
            raise ConnectorError("unknown", "answer_lost", status=answer.status)
        return found


def _open(bodies, outcomes) -> list:
    return [pair for pair in bodies if outcomes[pair[0].key].error is None]


def _open_of(row: Mapping, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))


def _is_used(kind: Kind, row: Mapping) -> bool:
    """Whether something is paid or allocated, so that it cannot be voided."""
    if kind is CREDIT_NOTES:
        return _open_of(row, "RemainingCredit") != total(row)
    return bool(_open_of(row, "AmountPaid") or _open_of(row, "AmountCredited"))


def _kind(write: Write) -> Kind:
    if write.operation == "update":
        return own_id("invoice", str(write.external_id))[0]
    return CREDIT_NOTES if write.values.get("kind") == "credit_note" else INVOICES


def any_of(name: str, values: Sequence[str]) -> str:
    """A filter for any of these texts, none of which can end early."""
    texts = (str(one).replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return " OR ".join(f'{name}=="{text}"' for text in texts)


def _name(given: Mapping) -> str:
    return " ".join(str(given.get("name") or "").split())[:255]


def _body(kind: Kind, write: Write) -> dict:
    """A document: all of it when it is made, what is given when it is changed."""
    values, made = write.values, write.operation == "create"
    if made:
        ledger.required(values, "number", "date", "currency", "total", "untaxed")
        ledger.customer(values)
    body: dict[str, Any] = {"Type": TYPES[kind.list], "Status": "AUTHORISED"} if made else {}
    if not made:
        body[kind.id] = own_id("invoice", str(write.external_id))[1]
    if values.get("number"):
        body[NUMBERS[kind.list]] = str(values["number"])
    if values.get("note"):
        body["Reference"] = str(values["note"])[:255]
    if values.get("date"):
        body["Date"] = values["date"]
    if kind is INVOICES and (values.get("due_date") or made):
        body["DueDate"] = values.get("due_date") or values["date"]
    if values.get("currency"):
        body["CurrencyCode"] = values["currency"]
    if made or "lines" in values:
        body["LineAmountTypes"] = "Exclusive"
        body["LineItems"] = [line_of(line) for line in ledger.parts(values)]
    return body


def _require_same(row: dict, write: Write) -> None:
    """A document that has our number is ours if it says the same.

    :raise ConnectorError: kind ``identity``, code ``ledger_number_taken``.
    """
    currency = row.get("CurrencyCode") or write.values.get("currency")
    theirs, ours = total(row), abs(ledger.number(write.values.get("total")))
    if theirs != ours or currency != write.values.get("currency"):
        params = {"number": str(write.values.get("number"))}
        params |= {"theirs": f"{theirs} {currency}", "ours": f"{ours} {write.values['currency']}"}
        raise ConnectorError("identity", "ledger_number_taken", params=params)
