"""How lines and contacts look when they are given to Xero.

Source: OpenAPI description of the Accounting API 16.1 (``LineItem``, ``Contact``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import ledger

PLACES = 4  # decimal places of quantities and prices that Xero keeps


def line_of(line: Mapping) -> dict:
    """A line of ours (:func:`.ledger.parts`) as a line item."""
    both = ledger.priced(line)
    if both and any(-number.normalize().as_tuple().exponent > PLACES for number in both):
        both = None
    quantity, price = both or (Decimal(1), line["untaxed"])
    result = {
        "Description": line["name"][:4000] or "-",
        "Quantity": quantity,
        "UnitAmount": price,
        "LineAmount": line["untaxed"],
        "AccountCode": line["account"],
        "TaxType": line["tax"],
    }
    if line["item"]:
        result["ItemCode"] = line["item"]
    if line["tax_amount"] is not None:
        result["TaxAmount"] = line["tax_amount"]
    return result


def contact_of(name: str, given: Mapping) -> dict:
    """A customer of ours as a new contact."""
    address = {
        "AddressType": "POBOX",
        "AddressLine1": given.get("street"),
        "AddressLine2": given.get("street2"),
        "City": given.get("city"),
        "Region": given.get("state"),
        "PostalCode": given.get("zip"),
        "Country": given.get("country"),
    }
    contact: dict[str, Any] = {"Name": name}
    contact["Addresses"] = [{key: str(value) for key, value in address.items() if value}]
    if given.get("email"):
        contact["EmailAddress"] = given["email"]
    if given.get("vat"):
        contact["TaxNumber"] = str(given["vat"])[:50]
    if given.get("phone"):
        phone = {"PhoneType": "DEFAULT", "PhoneNumber": str(given["phone"])[:50]}
        contact["Phones"] = [phone]
    return contact
