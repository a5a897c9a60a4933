"""Writing to QuickBooks Online: an invoice or credit memo made once, or changed, with its customer; a credit memo is
then joined to the invoice that it credits. An invoice that was cancelled is voided there, as long as nothing pays it.

Three things keep a repeat from doubling: the ``requestid`` of each call, under which QuickBooks gives the answer
that it gave before; a look by number before anything is made; and the ``SyncToken`` of what is changed.

Source: Intuit Developer, "Basic ID and field definitions for the QuickBooks Online Accounting API" (request id),
API Explorer "Invoice" (void: amounts become zero, the note begins with "Voided"; a credit memo has no such operation),
"CreditMemo", "Payment" (one of 0.00 links a credit memo and an invoice), "Customer" (sparse update, ``SyncToken``,
``DocNumber`` of at most 21 characters), "Manage sales tax for non-US locales", "Using QuickBooks Online API for
automated sales tax" (an explicit amount of tax is honoured).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from . import ledger
from .errors import ConnectorError
from .http import Answer
from .parts import Outcome, Write
from .quickbooks_read import IDS, OBJECTS, QuickBooksReader, own_id, quoted

BATCH = 10
LONGEST_NUMBER = 21
WORDS_LIVE = 600  # seconds that items and tax codes are remembered
ID = r"(?:cm-)?[0-9]{1,20}"
# tax codes of companies in the United States, whose documents name no others
UNITED_STATES = ("TAX", "NON")
# (address, company, object) -> (when it was read, {name in small letters: id})
_words: dict[tuple[str, ...], tuple[datetime, dict[str, str]]] = {}


class QuickBooksWriter:
    """The writing half. :param scope: which company, for what is remembered of it."""

    def __init__(
        self,
        call: Callable[..., Answer],
        reader: QuickBooksReader,
        scope: tuple[str, str],
        clock: Callable[[], datetime],
    ):
        self._call, self._reader, self._scope, self._clock = call, reader, scope, clock

    def deliver(
        self, entity: str, writes: Sequence[Write], entities: Sequence[str]
    ) -> list[Outcome]:
        """An outcome a write, in their order; what is known already is looked up for all together."""
        outcomes, ready = {}, []
        for write in writes:
            refused = ledger.refusal(entity, write, entities, ID)
            if refused:
                outcomes[write.key] = refused
            elif write.key not in {one.key for one in ready}:
                ready.append(write)
        try:
            numbered = self._numbered([write for write in ready if write.operation == "create"])
            named = self._named([write for write in ready if write.operation == "create"])
        except ConnectorError as error:
            for write in ready:
                outcomes[write.key] = Outcome(write.key, False, write.external_id, error=error)
            ready = []
        for write in ready:
            outcomes[write.key] = self._one(write, numbered, named)
        return [outcomes[write.key] for write in writes]

    def _one(self, write: Write, numbered: dict, named: dict[str, dict]) -> Outcome:
        outcome = Outcome(write.key, False, write.external_id)
        try:
            if write.operation == "update" and write.values.keys() == {"credits"}:
                name, key = own_id("invoice", str(write.external_id))
                row = {"Id": key}
            elif write.operation == "update" and write.values.get("void"):
                row, name = self._void(write)
            elif write.operation == "update":
                row, name = self._change(write)
            else:
                name = _object(write.values)
                row = numbered.get((name, str(write.values.get("number") or "")))
                if row is not None:
                    _require_same(row, write)
                else:
                    row = self._make(name, write, named, outcome)
            if name == "CreditMemo" and write.values.get("credits"):
                self._join(str(row["Id"]), str(write.values["credits"]))
            outcome.external_id = f"{OBJECTS['invoice'][name]}{row['Id']}"
            outcome.ok = True
            outcome.response = {"SyncToken": row.get("SyncToken"), "total": row.get("TotalAmt")}
        except ConnectorError as error:
            outcome.error = error
        return outcome

    # -- what is there already ------------------------------------------------------------------

    def _numbered(self, writes: Sequence[Write]) -> dict[tuple[str, str], dict]:
        """Documents that have one of our numbers, a query an object."""
        wanted: dict[str, list[str]] = {}
        for write in writes:
            if write.values.get("number"):
                wanted.setdefault(_object(write.values), []).append(str(write.values["number"]))
        found = {}
        for name, numbers in wanted.items():
            listed = ", ".join(quoted(one) for one in numbers)
            tail = f" maxresults {IDS}"
            for row in self._reader.rows(name, [f"DocNumber in ({listed})"], tail):
                found[name, str(row.get("DocNumber"))] = row
        return found

    def _named(self, writes: Sequence[Write]) -> dict[str, dict]:
        """Customers by their name, which is unique there; only those whose id we do not know."""
        names = {_display(one) for one in (write.values.get("customer") for write in writes) if one}
        names.discard("")
        if not names:
            return {}
        listed = ", ".join(quoted(one) for one in sorted(names))
        rows = self._reader.rows("Customer", [f"DisplayName in ({listed})"], f" maxresults {IDS}")
        return {str(row.get("DisplayName")).casefold(): row for row in rows}

    def _customer(
        self, write: Write, named: dict[str, dict], outcome: Outcome, currency: str
    ) -> str:
        """The id of the customer, made if QuickBooks does not have it."""
        given = ledger.customer(write.values)
        known = str(given.get("id") or "")
        if known.isdigit():
            return known
        name = _display(given)
        row = named.get(name.casefold())
        if row is None:
            row = named[name.casefold()] = self._new_customer(given, name, currency)
        elif row.get("Active") is False:
            change = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True}
            key = ledger.once_key("active", write.key, str(row["SyncToken"]))
            row = self._post("Customer", {**change, "Active": True}, key)
            named[name.casefold()] = row
        if given.get("key"):
            outcome.links[f"customer:{given['key']}"] = str(row["Id"])
        return str(row["Id"])

    def _new_customer(self, given: Mapping, name: str, currency: str) -> dict:
        key = ledger.once_key("customer", str(given.get("key")), name, currency)
        try:
            return self._post("Customer", _customer(given, name, currency), key)
        except ConnectorError as error:
            if error.code != "ledger_name_taken":
                raise
            # somebody made it meanwhile; a vendor or employee of that name is a person's matter
            rows = self._reader.rows("Customer", [f"DisplayName = {quoted(name)}"])
            if not rows:
                raise
            return rows[0]

    # -- documents --------------------------------------------------------------------------------

    def _make(self, name: str, write: Write, named: dict, outcome: Outcome) -> dict:
        values = write.values
        ledger.required(values, "number", "date", "currency", "total", "untaxed")
        if len(str(values["number"])) > LONGEST_NUMBER:
            params = {"number": values["number"], "limit": LONGEST_NUMBER}
            raise ConnectorError("data", "ledger_number_long", params=params)
        ledger.parts(values)  # a document without lines is none
        body = self._content(name, values)
        currency = str(values["currency"])
        body["CustomerRef"] = {"value": self._customer(write, named, outcome, currency)}
        mark = ledger.once_key(write.key)
        body["PrivateNote"] = " · ".join(filter(None, [values.get("note"), mark_of(write.key)]))
        return self._post(name, body, mark)

    def _change(self, write: Write) -> tuple[dict, str]:
        name, key = own_id("invoice", str(write.external_id))
        content = self._content(name, write.values)
        for last in (False, True):
            rows = self._reader.by_ids(name, [key])
            if not rows:
                raise ConnectorError("reference", "ledger_not_found")
            if is_void(rows[0]):
                params = {"number": str(rows[0].get("DocNumber"))}
                raise ConnectorError("identity", "ledger_void", params=params)
            change = {"Id": key, "SyncToken": rows[0].get("SyncToken"), "sparse": True}
            once = ledger.once_key(write.key, str(rows[0].get("SyncToken")))
            try:
                return self._post(name, {**content, **change}, once), name
            except ConnectorError as error:
                if error.code != "ledger_stale" or last:
                    raise
        raise AssertionError("unreachable")

    def _void(self, write: Write) -> tuple[dict, str]:
        """Void an invoice. One that is void or gone there is as it should be.

        :raise ConnectorError: kind ``conflict``, ``ledger_paid`` (something pays it), ``ledger_void_by_hand``.
        """
        name, key = own_id("invoice", str(write.external_id))
        rows = self._reader.by_ids(name, [key])
        if not rows or is_void(rows[0]):
            return rows[0] if rows else {"Id": key}, name
        params = {"number": str(rows[0].get("DocNumber"))}
        if name != "Invoice":
            raise ConnectorError("conflict", "ledger_void_by_hand", params=params)
        if Decimal(str(rows[0].get("Balance") or 0)) != Decimal(str(rows[0].get("TotalAmt") or 0)):
            raise ConnectorError("conflict", "ledger_paid", params=params)
        token = str(rows[0].get("SyncToken"))
        once = ledger.once_key("void", write.key, token)
        return self._post(name, {"Id": key, "SyncToken": token}, once, operation="void"), name

    def _join(self, memo: str, number: str) -> None:
        """Set a credit memo off against the invoice that it credits, as far as both are open: by a payment of nothing
        that names both. What a person did with either since is left as it is, so this may be repeated."""
        memos = self._reader.by_ids("CreditMemo", [memo])
        invoices = self._reader.rows("Invoice", [f"DocNumber = {quoted(number)}"])
        if not memos or len(invoices) != 1:
            return
        open_of = [Decimal(str(row.get("Balance") or 0)) for row in (memos[0], invoices[0])]
        amount = min(open_of)
        if amount <= 0:
            return
        pairs = (("Invoice", str(invoices[0]["Id"])), ("CreditMemo", memo))
        body = {
            "CustomerRef": {"value": memos[0]["CustomerRef"]["value"]},
            "TotalAmt": 0,
            "TxnDate": memos[0].get("TxnDate"),
            "Line": [
                {"Amount": amount, "LinkedTxn": [{"TxnId": key, "TxnType": name}]}
                for name, key in pairs
            ],
        }
        if memos[0].get("CurrencyRef"):
            body["CurrencyRef"] = {"value": memos[0]["CurrencyRef"]["value"]}
        once = ledger.once_key("join", memo, pairs[0][1], *(str(one) for one in open_of))
        self._post("Payment", body, once)

    def _content(self, name: str, values: Mapping) -> dict:
        """What we say of a document: all of it when it is made, what is given when it is changed."""
        body: dict[str, Any] = {}
        if values.get("number"):
            body["DocNumber"] = str(values["number"])
        if values.get("date"):
            body["TxnDate"] = values["date"]
        if values.get("due_date") and name == "Invoice":
            body["DueDate"] = values["due_date"]
        if values.get("currency"):
            body["CurrencyRef"] = {"value": values["currency"]}
        email = (values.get("customer") or {}).get("email")
        if email:
            body["BillEmail"] = {"Address": email}
        if "lines" in values:
            lines = ledger.parts(values)
            body["Line"] = [self._line(line) for line in lines]
            total, untaxed = (abs(ledger.number(values.get(n))) for n in ("total", "untaxed"))
            if any(line["tax"] not in ("", *UNITED_STATES) for line in lines):
                body["GlobalTaxCalculation"] = "TaxExcluded"
            # the tax of Odoo's books, not one that is reckoned anew
            body["TxnTaxDetail"] = {"TotalTax": total - untaxed}
        return body

    def _line(self, line: dict) -> dict:
        detail: dict[str, Any] = {"ItemRef": {"value": self._word("Item", line["item"])}}
        if line["tax"]:
            detail["TaxCodeRef"] = {"value": self._word("TaxCode", line["tax"])}
        both = ledger.priced(line)
        if both:
            detail["Qty"], detail["UnitPrice"] = both
        return {
            "DetailType": "SalesItemLineDetail",
            "Amount": line["untaxed"],
            "Description": line["name"][:4000],
            "SalesItemLineDetail": detail,
        }

    # -- words ----------------------------------------------------------------------------------

    def _word(self, name: str, word: str) -> str:
        """The id of an item, tax code or account that a word of ours names: by id, by name, or by number.

        :raise ConnectorError: kind ``reference``, code ``ledger_word``: there is no such thing.
        """
        if name == "TaxCode" and word in UNITED_STATES:
            return word
        key = word.casefold()
        for fresh in (False, True):
            known = self._known(name, fresh)
            if key in known:
                return known[key]
        raise ConnectorError("reference", "ledger_word", params={"object": name, "word": word[:80]})

    def _known(self, name: str, fresh: bool) -> dict[str, str]:
        now, place = self._clock(), (*self._scope, name)
        read_at, known = _words.get(place, (None, {}))
        if read_at is None or fresh or not 0 <= (now - read_at).total_seconds() < WORDS_LIVE:
            known = self._names(name)
            _words[place] = (now, known)
        return known

    def _names(self, name: str) -> dict[str, str]:
        found: dict[str, str] = {}
        start = 1
        while True:
            rows = self._reader.rows(name, [], f" startposition {start} maxresults 1000")
            for row in rows:
                if row.get("Active") is not False and row.get("Type") != "Category":
                    for key in ("FullyQualifiedName", "Name", "Sku", "AcctNum"):
                        if row.get(key):
                            found.setdefault(str(row[key]).casefold(), str(row["Id"]))
                    found[str(row["Id"]).casefold()] = str(row["Id"])
            if len(rows) < 1000:
                return found
            start += 1000

    def _post(self, name: str, body: dict, once: str, **query: str) -> dict:
        """Make or change one object.

        :param query: what else the address says, such as an operation.
        :raise ConnectorError: kind ``unknown``: it was taken, but the answer cannot be read.
        """
        answer = self._call("POST", name.lower(), query={"requestid": once, **query}, json=body)
        try:
            found = answer.json()
        except ConnectorError:
            found = None
        row = found.get(name) if isinstance(found, dict) else None
        if not isinstance(row, dict) or not row.get("Id"):
            raise ConnectorError("unknown", "answer_lost", status=answer.status)
        return row


def is_void(row: Mapping) -> bool:
    """Whether an invoice, credit memo or payment was voided."""
    note = str(row.get("PrivateNote") or "")
    return note.startswith("Voided") and not Decimal(str(row.get("TotalAmt") or 0))


def _object(values: Mapping) -> str:
    return "CreditMemo" if values.get("kind") == "credit_note" else "Invoice"


def mark_of(key: str) -> str:
    """What says in a document that this very write made it."""
    return f"Odoo {ledger.once_key(key)[:12]}"


def _require_same(row: dict, write: Write) -> None:
    """A document that has our number is ours if we made it, or if it says the same.

    :raise ConnectorError: kind ``identity``, code ``ledger_number_taken``.
    """
    if mark_of(write.key) in str(row.get("PrivateNote") or ""):
        return
    theirs = Decimal(str(row.get("TotalAmt") or 0))
    currency = (row.get("CurrencyRef") or {}).get("value") or write.values.get("currency")
    ours = abs(ledger.number(write.values.get("total")))
    if theirs != ours or currency != write.values.get("currency"):
        params = {"number": str(row.get("DocNumber")), "existing_id": str(row["Id"])}
        params |= {"theirs": f"{theirs} {currency}", "ours": f"{ours} {write.values['currency']}"}
        raise ConnectorError("identity", "ledger_number_taken", params=params)


def _display(given: Any) -> str:
    """A name as QuickBooks takes it: no colon (it stands for sub-customers), no tab, no line break."""
    name = given.get("name") if isinstance(given, dict) and not given.get("id") else ""
    return " ".join(str(name or "").replace(":", " ").split())[:500]


def _customer(given: Mapping, name: str, currency: str) -> dict:
    address = {
        "Line1": given.get("street"),
        "Line2": given.get("street2"),
        "City": given.get("city"),
        "PostalCode": given.get("zip"),
        "CountrySubDivisionCode": given.get("state"),
        "Country": given.get("country"),
    }
    body: dict[str, Any] = {"DisplayName": name, "CompanyName": name[:100]}
    body["BillAddr"] = {key: str(value) for key, value in address.items() if value}
    if given.get("email"):
        body["PrimaryEmailAddr"] = {"Address": given["email"]}
    if given.get("phone"):
        body["PrimaryPhone"] = {"FreeFormNumber": str(given["phone"])[:30]}
    body["CurrencyRef"] = {"value": currency}
    return body
