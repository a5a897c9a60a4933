"""What a Salesforce org holds: records by object and id, a log of what was deleted, and who may see what."""

from __future__ import annotations

from datetime import datetime, timezone

PREFIX = {
    "Account": "001",
    "Contact": "003",
    "Opportunity": "006",
    "OpportunityLineItem": "00k",
    "OpportunityContactRole": "00K",
    "User": "005",
    "Product2": "01t",
}
_SYSTEM = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted")
_BILLING = ("Street", "City", "PostalCode", "State", "Country", "StateCode", "CountryCode")
# object -> its own fields; custom ones come from the settings of the sandbox
FIELDS = {
    "Account": (
        *(*_SYSTEM, "Name", "MasterRecordId", "ParentId", "OwnerId", "AccountNumber", "Website"),
        *("Phone", "Industry", "Type", *(f"Billing{part}" for part in _BILLING)),
    ),
    "Contact": (
        *(*_SYSTEM, "Name", "MasterRecordId", "AccountId", "OwnerId", "FirstName", "LastName"),
        *("Email", "Phone", "MobilePhone", "Title", "MailingCountry", "MailingCountryCode"),
    ),
    "Opportunity": (
        *(*_SYSTEM, "Name", "AccountId", "OwnerId", "Pricebook2Id", "Amount", "StageName"),
        *("IsWon", "IsClosed", "CloseDate", "LastStageChangeDate", "Probability", "Type"),
        *("NextStep", "Description"),
    ),
    "OpportunityLineItem": (
        *(*_SYSTEM, "Name", "OpportunityId", "PricebookEntryId", "Product2Id", "ProductCode"),
        *("Description", "Quantity", "UnitPrice", "TotalPrice", "Discount", "ServiceDate"),
        "SortOrder",
    ),
    "OpportunityContactRole": (*_SYSTEM, "OpportunityId", "ContactId", "IsPrimary", "Role"),
    "User": (
        *(name for name in _SYSTEM if name != "IsDeleted"),
        *("Name", "Username", "FirstName", "LastName", "Email", "Title", "IsActive", "UserType"),
    ),
    "Product2": (*_SYSTEM, "Name", "ProductCode", "Description", "Family", "IsActive"),
}
# field that refers -> (name of the relationship, object)
RELATIONS = {
    "OwnerId": ("Owner", "User"),
    "AccountId": ("Account", "Account"),
    "Product2Id": ("Product2", "Product2"),
    "OpportunityId": ("Opportunity", "Opportunity"),
    "ContactId": ("Contact", "Contact"),
}
NUMBERS = {"Amount", "Quantity", "UnitPrice", "TotalPrice", "Discount", "Probability"}
NUMBERS |= {f"Odoo_{name}__c" for name in ("Balance", "Overdue")}
NUMBERS |= {f"Odoo_{name}_Amount__c" for name in ("Contracted", "Invoiced", "Paid", "Overdue")}
READ_ONLY = {*_SYSTEM, "MasterRecordId", "IsWon", "IsClosed", "LastStageChangeDate", "TotalPrice"}
REQUIRED = {
    "Account": ("Name",),
    "Contact": ("LastName",),
    "Opportunity": ("Name", "StageName", "CloseDate"),
}
STAGES = {"Closed Won": (True, True), "Closed Lost": (False, True)}
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(text: str) -> str:
    """The 18 characters of an id of 15."""
    if len(text) == 18:
        return text
    result = text
    for start in (0, 5, 10):
        number = 0
        for place in range(5):
            number |= text[start + place].isupper() << place
        result += _SUFFIX[number]
    return result


def make_id(prefix: str, number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _LETTERS[rest] + digits
    return long_id(f"{prefix}Hs0{digits.rjust(9, '0')}")


def stamp(moment: datetime) -> str:
    """Salesforce's text of a time: UTC, with milliseconds and no colon in the zone."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


class Store:
    """The records. ``now`` gives the time of a change, ``event`` is told of each."""

    def __init__(self, now, next_id, settings, event):
        self.now, self.next_id, self.settings, self.event = now, next_id, settings, event
        self.rows: dict[str, dict[str, dict]] = {name: {} for name in PREFIX}
        self.deleted: list[tuple[str, str, str]] = []  # (object, id, when)
        self.purged_before: str | None = None  # the log was shortened up to here

    def fields(self, name: str) -> list[str]:
        """The fields that the user sees."""
        hidden = self.settings["hidden_fields"].get(name, ())
        own = [*FIELDS[name], *self.settings["custom_fields"].get(name, ())]
        if self.settings["multi_currency"] and name != "OpportunityContactRole":
            own.append("CurrencyIsoCode")
        return [field for field in own if field not in hidden]

    def create(self, name: str, values: dict, *, at: str | None = None, id: str | None = None):
        moment = at or stamp(self.now())
        key = long_id(id) if id else make_id(PREFIX[name], self.next_id(1000))
        row = dict.fromkeys(FIELDS[name])
        row.update(Id=key, CreatedDate=moment, IsDeleted=False)
        if name == "User":
            row.pop("IsDeleted")
            row.update(IsActive=True, UserType="Standard")
        self.rows[name][key] = row
        self.write(name, key, values, at=moment)
        return row

    def write(self, name: str, key: str, values: dict, *, at: str | None = None) -> dict:
        row = self.rows[name][key]
        moment = at or stamp(self.now())
        row.update(values)
        row["LastModifiedDate"] = row["SystemModstamp"] = moment
        if name == "Opportunity":
            if "StageName" in values:
                row["LastStageChangeDate"] = moment
            row["IsWon"], row["IsClosed"] = STAGES.get(row.get("StageName"), (False, False))
        if name in ("Contact", "User"):
            names = (row.get("FirstName"), row.get("LastName"))
            row["Name"] = " ".join(part for part in names if part)
        if name == "OpportunityLineItem":
            product = self.rows["Product2"].get(row.get("Product2Id"), {})
            row["ProductCode"] = product.get("ProductCode")
            row["Name"] = product.get("Name")
            row["TotalPrice"] = float(row.get("Quantity") or 0) * float(row.get("UnitPrice") or 0)
            self._roll_up(row["OpportunityId"], at)
        self.event(name, row)
        return row

    def _roll_up(self, key: str, at: str | None) -> None:
        """An opportunity's amount is the sum of its products, if it has any."""
        if key not in self.rows["Opportunity"]:
            return
        lines = [
            row
            for row in self.rows["OpportunityLineItem"].values()
            if row["OpportunityId"] == key and not row["IsDeleted"]
        ]
        if lines:
            amount = round(sum(row["TotalPrice"] for row in lines), 6)
            self.write("Opportunity", key, {"Amount": amount}, at=at)

    def delete(self, name: str, key: str, *, master: str | None = None) -> None:
        """Put a record in the recycle bin; a merged one names who goes on."""
        row = self.rows[name][key]
        row["IsDeleted"] = True
        row["SystemModstamp"] = stamp(self.now())
        if master:
            row["MasterRecordId"] = master
        self.deleted.append((name, key, row["SystemModstamp"]))
        if name == "OpportunityLineItem":
            self._roll_up(row["OpportunityId"], None)

    def restore(self, name: str, key: str) -> None:
        """Take a record out of the bin; the log of deletions keeps it."""
        self.rows[name][key]["IsDeleted"] = False
        self.write(name, key, {})

    def purge(self, name: str, key: str) -> None:
        """The bin is emptied: only the log of deletions knows the record."""
        del self.rows[name][key]

    def merge(self, name: str, winner: str, loser: str) -> None:
        """Merge two records; what hangs on the loser goes over to the winner."""
        self.delete(name, loser, master=winner)
        field = f"{name}Id"
        for other, rows in self.rows.items():
            for key, row in rows.items():
                if row.get(field) == loser:
                    self.write(other, key, {field: winner})
        self.write(name, winner, {})

    def value(self, name: str, row: dict, path: str):
        """A field, or one of a related record."""
        head, dot, rest = path.partition(".")
        if not dot:
            return row.get(path)
        for field, (relation, other) in RELATIONS.items():
            if relation == head and field in FIELDS[name]:
                target = self.rows[other].get(row.get(field))
                return self.value(other, target, rest) if target else None
        return None

    def knows(self, name: str, path: str) -> bool:
        head, dot, rest = path.partition(".")
        if not dot:
            return path in self.fields(name)
        for field, (relation, other) in RELATIONS.items():
            if relation == head and field in self.fields(name):
                return self.knows(other, rest)
        return False

    def problem(self, name: str, values: dict, creates: bool) -> dict | None:
        """What Salesforce would say against these values, record by record."""
        given = {field: value for field, value in values.items() if value not in (None, "")}
        for field in REQUIRED.get(name, ()):
            if (creates and field not in given) or (field in values and field not in given):
                message = f"Required fields are missing: [{field}]"
                return _error("REQUIRED_FIELD_MISSING", message, [field])
        for field in values:
            if field in READ_ONLY or field in self.settings["read_only"]:
                message = (
                    f"Unable to create/update fields: {field}. Please check the security settings."
                )
                return _error("INVALID_FIELD_FOR_INSERT_UPDATE", message, [field])
        amount = values.get("Amount")
        if isinstance(amount, (int, float)) and amount < 0:
            message = "An amount is not negative: pat@client.example"
            return _error("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, ["Amount"])
        return None


def _error(code: str, message: str, fields: list) -> dict:
    return {"statusCode": code, "message": message, "fields": fields}
