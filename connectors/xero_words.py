"""Xero's codes of accounts, taxes and items, told to whom has to enter them as words of the vocabularies.

The code of a tax (``OUTPUT2``) stands nowhere in Xero's pages, so the connection test says them.

Source: OpenAPI description of the Accounting API 16.1 (``Account``, ``TaxRate``, ``Item``).
"""

from __future__ import annotations

from .errors import ConnectorError
from .http import Answer
from .ledger import words_item
from .parts import CheckItem

# list -> (code, whether a sales document can name the row)
SAID = {
    "Accounts": ("Code", lambda row: row.get("Class") == "REVENUE"),
    "TaxRates": ("TaxType", lambda row: row.get("CanApplyToRevenue") is not False),
    "Items": ("Code", lambda row: row.get("IsSold") is not False),
}


def items(name: str, answer: Answer) -> list[CheckItem]:
    """A line with the codes of one list; none where the answer cannot be read."""
    code, fits = SAID[name]
    try:
        rows = answer.json()[name]
        alive = [row for row in rows if row.get("Status", "ACTIVE") == "ACTIVE" and fits(row)]
        return words_item(name, [(row.get(code), row.get("Name")) for row in alive])
    except (ConnectorError, KeyError, TypeError, AttributeError):
        return []
