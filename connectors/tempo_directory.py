"""What worklogs point at, read together and once in a run: people and issues of Jira, accounts of Tempo.

Source: Jira Cloud platform REST API, "Get all users" (privacy settings may hide an e-mail), "Bulk fetch issues", "Get
fields"; Tempo REST API documentation version 4, "Accounts" (search; the list itself lacks archived ones), "Work
Attributes"; Tempo Help Center, "Account REST APIs for Jira Cloud".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .base import chunks
from .errors import ConnectorError

if TYPE_CHECKING:
    from .tempo import Tempo

USERS = 1000  # of a page: the most that Jira gives
ISSUES = 100  # of a call, whatever is asked of them
KEPT = 5000  # issues that are remembered
ACCOUNT_FIELD = "io.tempo.jira__account"
EVERY_STATUS = ["OPEN", "CLOSED", "ARCHIVED"]


class Directory:
    """Remembers for one run."""

    def __init__(self, connector: Tempo):
        self.connector = connector
        self._people: dict[str, dict] | None = None
        self._accounts: dict[str, dict] | None = None
        self._issues: dict[str, dict] = {}
        self._field: str | None = None
        self._attributes: set[str] | None = None

    def people(self) -> dict[str, dict]:
        """People by accountId. Apps and customers of a help desk log no time."""
        if self._people is None:
            rows: list[dict] = []
            while part := self._users(len(rows)):
                rows += part
            self._people = {
                str(row["accountId"]): _person(row)
                for row in rows
                if row.get("accountId") and row.get("accountType", "atlassian") == "atlassian"
            }
        return self._people

    def _users(self, start: int) -> list[dict]:
        query = {"startAt": start, "maxResults": USERS}
        rows = self.connector.jira("GET", "/users/search", query=query).json()
        return _listed(rows, "users")

    def accounts(self) -> dict[str, dict]:
        """Tempo accounts by id, whatever their status."""
        if self._accounts is None:
            rows = self.connector.every("/accounts/search", json={"statuses": EVERY_STATUS})
            self._accounts = {str(row["id"]): account(row) for row in rows if row.get("id")}
        return self._accounts

    # -- issues -------------------------------------------------------------------------------

    def know_issues(self, keys: Iterable[str]) -> None:
        """Read these issues, as far as they are not known. What the user may not see stays unknown."""
        if len(self._issues) > KEPT:
            self._issues.clear()
        left = sorted(set(keys) - self._issues.keys())
        for part in chunks(left, ISSUES):
            body = {"issueIdsOrKeys": part, "fields": ["summary", "project", self._account_field()]}
            found = self.connector.jira("POST", "/issue/bulkfetch", json=body, write=False).json()
            rows = _listed(found.get("issues") if isinstance(found, dict) else None, "issues")
            self._issues.update({key: {} for key in part})
            self._issues.update({str(row.get("id")): self._issue(row) for row in rows})

    def issue(self, key: str | None) -> dict:
        """``{"key", "summary", "project", "account"}`` of a known issue; {} of another."""
        return self._issues.get(key or "", {})

    def _issue(self, row: Mapping) -> dict:
        fields = row.get("fields") or {}
        named = fields.get(self._account_field())
        if isinstance(named, dict):
            named = named.get("id")
        return {
            "key": row.get("key"),
            "summary": fields.get("summary"),
            "project": (fields.get("project") or {}).get("key"),
            "account": None if named is None else str(named),
        }

    def _account_field(self) -> str:
        """The id of Tempo's own field in this Jira; its key where there is none."""
        if self._field is None:
            rows = _listed(self.connector.jira("GET", "/field").json(), "fields")
            self._field = next((str(row["id"]) for row in rows if _is_account(row)), ACCOUNT_FIELD)
        return self._field

    # -- which account ------------------------------------------------------------------------

    def account_of(self, worklog: Mapping, issue: Mapping) -> dict | None:
        """The account of a worklog: its own word (a key), else its issue's (an id)."""
        said = worklog.get("attributes")
        values = (said.get("values") if isinstance(said, dict) else said) or ()
        keys = {one.get("value") for one in values if one.get("key") in self._account_attributes()}
        for row in self.accounts().values():
            if row["key"] in keys:
                return row
        return self.accounts().get(issue.get("account") or "")

    def _account_attributes(self) -> set[str]:
        if self._attributes is None:
            rows = self.connector.every("/work-attributes")
            self._attributes = {row["key"] for row in rows if row.get("type") == "ACCOUNT"}
        return self._attributes


def account(row: Mapping) -> dict:
    """An account as our mappings read it."""
    return {
        "id": str(row["id"]),
        "key": row.get("key"),
        "name": row.get("name"),
        "status": row.get("status"),
        "active": row.get("status") == "OPEN",
        "global": row.get("global"),
        "customer_id": _id(row.get("customer")),
        "customer_name": (row.get("customer") or {}).get("name"),
        "category": (row.get("category") or {}).get("name"),
        "lead_id": (row.get("lead") or {}).get("accountId"),
        "monthly_budget": row.get("monthlyBudget"),
    }


def _id(row: Mapping | None) -> str | None:
    key = (row or {}).get("id")
    return None if key is None else str(key)


def _person(row: Mapping) -> dict:
    return {
        "id": str(row["accountId"]),
        "name": row.get("displayName"),
        # hidden by the person's own settings: an empty text says that, too
        "email": row.get("emailAddress") or None,
        "active": row.get("active"),
        "time_zone": row.get("timeZone"),
    }


def _is_account(field: Mapping) -> bool:
    custom = str((field.get("schema") or {}).get("custom") or "")
    return field.get("key") == ACCOUNT_FIELD or custom.endswith(f":{ACCOUNT_FIELD}")


def _listed(rows: Any, name: str) -> list[dict]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConnectorError("schema", "no_list", params={"list": name})
    return rows
