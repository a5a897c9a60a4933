"""Salesforce's objects in our words: names, fields, ids, and texts inside SOQL.

Source: Salesforce Object Reference ("Account", "Contact", "Opportunity", "OpportunityLineItem", "User",
"Product2"); SOQL and SOSL Reference, "Quoted String Escape Sequences", "Date Formats and Date Literals".
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from .errors import ConnectorError
from .times import iso

# The version is pinned: another one is a change that somebody tests. Each is supported three years at least.
API_VERSION = "67.0"
DATA = f"/services/data/v{API_VERSION}"

# canonical entity -> object of the API
OBJECTS = {
    "customer": "Account",
    "contact": "Contact",
    "opportunity": "Opportunity",
    "employee": "User",
    "service_item": "Product2",
}
ENTITIES = {name: entity for entity, name in OBJECTS.items()}
LINES = "OpportunityLineItem"
# objects whose records are merged (the losers name their winner), and those that can be deleted
MERGED = frozenset({"Account", "Contact"})
DELETED = frozenset(OBJECTS.values()) - {"User"}
# users of portals and of automated processes are nobody's colleagues
CONDITIONS = {"User": "UserType = 'Standard'"}

_COMMON = ("Id", "Name", "CurrencyIsoCode", "CreatedDate", "LastModifiedDate", "SystemModstamp")
# What is asked for; a field that an org or its user does not have is left out (see ``describe``).
FIELDS: dict[str, tuple[str, ...]] = {
    "Account": (
        *_COMMON,
        *("IsDeleted", "MasterRecordId", "ParentId", "OwnerId", "Owner.Name", "Owner.Email"),
        *("AccountNumber", "Website", "Phone", "Industry", "Type"),
        *("BillingStreet", "BillingCity", "BillingPostalCode", "BillingState", "BillingStateCode"),
        *("BillingCountry", "BillingCountryCode"),
    ),
    "Contact": (
        *_COMMON,
        *("IsDeleted", "MasterRecordId", "AccountId", "OwnerId", "Owner.Name", "Owner.Email"),
        *("FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title"),
        *("MailingCountry", "MailingCountryCode"),
    ),
    "Opportunity": (
        *_COMMON,
        *("IsDeleted", "AccountId", "OwnerId", "Owner.Name", "Owner.Email", "Pricebook2Id"),
        *("Amount", "StageName", "IsWon", "IsClosed", "CloseDate", "LastStageChangeDate"),
        *("Probability", "Type", "NextStep", "Description"),
    ),
    LINES: (
        *_COMMON,
        *("IsDeleted", "OpportunityId", "PricebookEntryId", "Product2Id", "Product2.Name"),
        *("ProductCode", "Description", "Quantity", "UnitPrice", "TotalPrice", "Discount"),
        *("ServiceDate", "SortOrder"),
    ),
    "User": (
        *_COMMON,
        *("Username", "FirstName", "LastName", "Email", "Title", "IsActive", "UserType"),
    ),
    "Product2": (*_COMMON, "IsDeleted", "ProductCode", "Description", "Family", "IsActive"),
}

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}\+0000")
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def record_id(value: Any) -> str:
    """An id in the form of 18 characters, which alone is unique without regard to case.

    The last three say which of the first fifteen are capitals, five bits each.

    :raise ConnectorError: kind ``data``, code ``bad_id``.
    """
    text = str(value)
    if not _ID.fullmatch(text):
        raise ConnectorError("data", "bad_id")
    if len(text) == 18:
        return text
    parts = (text[start : start + 5] for start in (0, 5, 10))
    bits = (sum(char.isupper() << place for place, char in enumerate(part)) for part in parts)
    return text + "".join(_SUFFIX[number] for number in bits)


def same_id(left: Any, right: Any) -> bool:
    """Whether two ids are of one record, whichever form they have."""
    return str(left or "")[:15] == str(right or "")[:15] != ""


def quoted(text: Any) -> str:
    """A text inside SOQL, which nobody can end early."""
    escapes = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    inner = "".join(
        escapes.get(char, char) for char in str(text) if ord(char) >= 32 or char in "\n\r\t"
    )
    return f"'{inner}'"


def moment(value: datetime) -> str:
    """A time inside SOQL, which stands there without quotes."""
    return iso(value, 0)


def plain(row: Any) -> Any:
    """A row without the ``attributes`` that Salesforce adds to each object, its times as ISO 8601 has them."""
    if isinstance(row, dict):
        return {name: plain(value) for name, value in row.items() if name != "attributes"}
    if isinstance(row, str) and _TIME.fullmatch(row):
        return row[:-5] + "Z"
    return row
