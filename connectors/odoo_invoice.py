"""A posted invoice or credit note of ours in the books of another Odoo.

It stands there with our number, in the sales journal of the code that the mapping says: a journal of its own, so that
its numbers are ours and no other's. What has that number there already is the document if it says the same. Else a
draft is made that carries our external id, is given its lines, is compared to the cent with what we posted, and only
then posted; each step may be repeated after a lost answer, and a draft that differs stays one.

Source: Odoo 19, ``addons/account/models/account_move.py`` (``action_post``, ``button_draft``, ``_compute_name``: a
number may be given to a draft; ``_compute_invoice_date_due``), ``account_move_line.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import ledger
from .errors import ConnectorError
from .parts import Outcome, Write

TYPES = {"invoice": "out_invoice", "credit_note": "out_refund"}
READ = ("name", "state", "payment_state", "amount_untaxed", "amount_total", "currency_id", "company_id",
        "journal_id")  # fmt: skip
PLACES = 2  # digits of quantities and prices that every Odoo keeps
# part of a line → model there, field that is our word, what else must be so
WORDS: dict[str, tuple[str, str, list]] = {
    "item": ("product.product", "default_code", [("active", "=", True), ("sale_ok", "=", True)]),
    "account": ("account.account", "code", [("active", "=", True)]),
    "tax": ("account.tax", "name", [("active", "=", True), ("type_tax_use", "=", "sale")]),
}
NO_TAX = "none"


class Document:
    """One write of an invoice or credit note.

    :param writer: of which ``odoo``, ``make``, ``one`` and ``partner`` are used.
    """

    def __init__(self, writer, write: Write, outcome: Outcome):
        self.writer, self.odoo = writer, writer.odoo
        self.write, self.values, self.outcome = write, write.values, outcome
        self.made = write.operation == "create"

    def run(self) -> None:
        """:raise ConnectorError: with what a person has to mend; a draft that was made waits for the next try."""
        move = self._begun() if self.made else self._read(int(self.write.external_id or 0))
        if move["state"] == "posted":
            if self.made or self._says_the_same(move):
                self._require_same(move)
                self.outcome.external_id = str(move["id"])
                return
            self._reopen(move)
        self._fill(move)
        move = self._read(move["id"])
        if not self._says_the_same(move):
            raise ConnectorError("data", "ledger_amounts", params=self._both(move))
        self._do("action_post", move)
        self.outcome.external_id = str(move["id"])

    # -- the document there -----------------------------------------------------------------------

    def _begun(self) -> dict:
        """The document of our number there, or a draft of ours."""
        values = self.values
        ledger.required(values, "number", "date", "currency", "journal", "total", "untaxed")
        customer, kind = ledger.customer(values), TYPES[values.get("kind") or "invoice"]
        journal = self.writer.one(
            "account.journal", [("type", "=", "sale"), ("code", "=", values["journal"])]
        )
        if journal is None:
            raise _no_word("account.journal", values["journal"])
        same = [("journal_id", "=", journal), ("name", "=", values["number"])]
        found = self.odoo.rows("account.move", [*same, ("move_type", "=", kind)], READ, 1)
        if found:
            return found[0]
        partner = self.writer.partner(customer)
        if not customer.get("id"):
            self.outcome.links[f"customer:{customer['key']}"] = str(partner)
        row = {"move_type": kind, "journal_id/.id": str(journal), "partner_id/.id": str(partner)}
        return self._read(
            self.writer.make("account.move", self.write.record or self.write.key, row)
        )

    def _read(self, key: int) -> dict:
        rows = self.odoo.rows("account.move", [("id", "=", key)], READ, 1)
        if not rows:
            raise ConnectorError("reference", "ledger_not_found", params={"message": ""})
        if rows[0]["state"] == "cancel":
            raise ConnectorError("conflict", "ledger_void", params={"number": rows[0]["name"]})
        return rows[0]

    def _reopen(self, move: dict) -> None:
        """Back to draft, if nothing was paid."""
        if move["payment_state"] != "not_paid":
            raise ConnectorError("conflict", "ledger_paid", params={"number": move["name"]})
        self._do("button_draft", move)

    def _do(self, method: str, move: dict) -> None:
        self.odoo.rpc("account.move", method, write=True, ids=[move["id"]])

    # -- what it says -----------------------------------------------------------------------------

    def _fill(self, move: dict) -> None:
        values, told = self.values, {}
        if values.get("number"):
            told["name"] = values["number"]
        if values.get("date"):
            told["invoice_date"] = values["date"]
        if values.get("due_date"):
            # a term there would reckon another day
            told |= {"invoice_payment_term_id": False, "invoice_date_due": values["due_date"]}
        if values.get("note"):
            told["invoice_origin"] = values["note"]
        if values.get("credits"):
            same = [("journal_id", "=", move["journal_id"][0]), ("name", "=", values["credits"])]
            credited = self.writer.one("account.move", [*same, ("move_type", "=", "out_invoice")])
            if credited:  # one of before does not stand there
                told["reversed_entry_id"] = credited
        if values.get("currency"):
            told["currency_id"] = self._currency(values["currency"])
        if self.made or "lines" in values:
            lines = ledger.parts(values)
            words = self._words(lines, move)
            told["invoice_line_ids"] = [[5, 0, 0], *([0, 0, _line(one, words)] for one in lines)]
        if told:
            done = self.odoo.rpc(
                "account.move", "write", write=True, ids=[move["id"]], vals=told,
                context={"allowed_company_ids": [move["company_id"][0]]},
            )  # fmt: skip
            if done is not True:
                raise ConnectorError("unknown", "answer_lost")

    def _currency(self, code: str) -> int:
        found = self.writer.one("res.currency", [("name", "=", code), ("active", "=", True)])
        if found is None:
            raise _no_word("res.currency", code)
        return found

    def _words(self, lines: list[dict], move: dict) -> dict[tuple[str, str], int]:
        """What our words mean there, in the company of the journal: a query a kind of word."""
        company = move["company_id"][0]
        found: dict[tuple[str, str], int] = {}
        for part, (model, field, more) in WORDS.items():
            said = {line[part] for line in lines if line[part]} - {NO_TAX if part == "tax" else ""}
            if not said:
                continue
            domain = [(field, "in", sorted(said)), *more]
            if part == "tax":
                domain.append(("company_id", "=", company))
            rows = self.odoo.rows(
                model, domain, [field], len(said) + 1, allowed_company_ids=[company]
            )
            named = [row[field] for row in rows]
            for word in said:
                if named.count(word) != 1:
                    raise _no_word(model, word)
            found |= {(part, row[field]): row["id"] for row in rows}
        return found

    def _says_the_same(self, move: dict) -> bool:
        """Whether the amounts are ours, as far as this write names them."""
        for name, field in (("total", "amount_total"), ("untaxed", "amount_untaxed")):
            ours = self.values.get(name)
            if ours not in (None, "") and abs(ledger.number(ours)) != _exact(move[field]):
                return False
        return self.values.get("currency") in (None, "", (move["currency_id"] or ("", ""))[1])

    def _require_same(self, move: dict) -> None:
        if not self._says_the_same(move):
            raise ConnectorError("identity", "ledger_number_taken", params=self._both(move))

    def _both(self, move: dict) -> dict:
        currency = (move["currency_id"] or ("", ""))[1]
        ours = f"{abs(ledger.number(self.values.get('total') or 0))} {self.values.get('currency') or currency}"
        theirs = f"{_exact(move['amount_total']):f} {currency}"
        return {"number": self.values.get("number") or move["name"], "ours": ours, "theirs": theirs}


def _exact(amount: Any) -> Decimal:
    """An amount that JSON tells as a float; no currency has more than four digits."""
    return Decimal(str(amount)).quantize(Decimal("0.0001")).normalize()


def _line(line: dict, words: dict) -> dict:
    both = ledger.priced(line)
    if both and any(-number.normalize().as_tuple().exponent > PLACES for number in both):
        both = None
    quantity, price = both or (Decimal(1), line["untaxed"])
    tax = words.get(("tax", line["tax"]))
    told: dict[str, Any] = {
        "name": line["name"] or "-",
        "quantity": quantity,
        "price_unit": price,
        "discount": 0,
        "tax_ids": [[6, 0, [tax] if tax else []]],
    }
    for part, field in (("item", "product_id"), ("account", "account_id")):
        if line[part]:
            told[field] = words[part, line[part]]
    return told


def _no_word(model: str, word: str) -> ConnectorError:
    return ConnectorError("data", "ledger_word", params={"word": word, "object": model})
