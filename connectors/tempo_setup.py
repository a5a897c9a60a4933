"""A Tempo account for each project: made, renamed, closed, opened again; linked to the Jira project of the same name.

Tempo knows no idempotency keys, but an account has a key of its own, which is ours to choose: the contract's code. So
every step looks before it makes, and the whole may be repeated after any crash or lost answer and ends in the same
state. A change of an account replaces it whole: what Tempo has and we do not say is sent back as it is.

A closed project's account is *closed*, not archived: nobody can log time on it, and its time stays in Tempo's reports.

Rates, tasks and people have no place in a Tempo account, and its budget is one of a month: none of them is sent.

Source: Tempo REST API documentation version 4, "Accounts", "Account - Links", "Customers"; Tempo Help Center,
"Changing the Tempo Account Status", "Linking Tempo Accounts to Jira Spaces"; Jira Cloud platform REST API, "Get
projects paginated", "Get current user".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .base import path_id
from .errors import ConnectorError
from .harvest_setup import differing
from .parts import Outcome, Write
from .setup import Setup, named, same
from .tempo_directory import EVERY_STATUS

if TYPE_CHECKING:
    from .tempo import Tempo

CLOSED = ("CLOSED", "ARCHIVED")


class AccountSetup(Setup):
    """One write of entity ``project``.

    :param connector: makes the calls.
    """

    def __init__(self, connector: Tempo):
        super().__init__(connector.tempo, connector.every)
        self._of = connector

    def _set_up(self, write: Write, outcome: Outcome, done: dict) -> None:
        values = write.values
        closed = values.get("active") is False
        account = self._known(write)
        if account is not None:
            outcome.external_id = str(account["id"])
            if closed and account.get("status") in CLOSED:
                return
        wanted: dict[str, Any] = {}
        if account is None or values.get("name") is not None:
            wanted["name"] = str(values["name"]).strip()
            if not wanted["name"]:
                raise ConnectorError("data", "name_missing")
        if values.get("client"):
            wanted["customerKey"] = self._customer(values["client"], outcome, done)
        wanted["status"] = "CLOSED" if closed else "OPEN"
        account = self._make_account(account, values, wanted, done)
        outcome.external_id = str(account["id"])
        if not closed:
            self._link(account, done)

    # -- the account --------------------------------------------------------------------------

    def _known(self, write: Write) -> dict | None:
        """The account that is linked, or that an earlier try made."""
        if write.external_id:
            return self._call("GET", f"/accounts/{path_id(write.external_id)}").json()
        if write.operation == "update":
            raise ConnectorError("reference", "not_linked")
        return self._by_key(key_of(write.values))

    def _by_key(self, key: str) -> dict | None:
        asked = {"keys": [key], "statuses": EVERY_STATUS}
        rows = self._list("/accounts/search", asked)
        return next((row for row in rows if same(row.get("key"), key)), None)

    def _make_account(self, account: dict | None, values: dict, wanted: dict, done: dict) -> dict:
        if account is None:
            key = key_of(values)
            lead = self._of.jira("GET", "/myself").json()["accountId"]
            body = {"key": key, "leadAccountId": lead, "global": False, **wanted}
            return self._make("account", "/accounts", body, done, lambda: self._by_key(key))
        now = as_input(account)
        if not differing(now, wanted):
            return account
        path = f"/accounts/{path_id(account['key'], KEY)}"
        row = self._answer("PUT", path, {**now, **wanted})
        done["changed"].append(f"account:{row['id']}")
        return row

    # -- customer, Jira project ---------------------------------------------------------------

    def _customer(self, values: dict, outcome: Outcome, done: dict) -> str:
        """The key of the customer: the one that is known, else of this name, else a new one."""
        name, known = str(values["name"]).strip(), str(values.get("id") or "")

        def find() -> dict | None:
            rows = self._list("/customers")
            return next((r for r in rows if str(r["id"]) == known), None) or named(rows, name)

        customer = find()
        if customer is None:
            body = {"key": _safe(f"ODOO-{values.get('key') or name}"), "name": name}
            customer = self._make("customer", "/customers", body, done, find)
        if values.get("key"):
            outcome.links[f"customer:{values['key']}"] = str(customer["id"])
        return customer["key"]

    def _link(self, account: dict, done: dict) -> None:
        """Link the account to the one Jira project of its name, so that its issues may have it. With none or several
        of the name, a person does that in Tempo."""
        name = account["name"]
        found = self._of.jira("GET", "/project/search", query={"query": name, "maxResults": 50})
        projects = [row for row in found.json()["values"] if same(row.get("name"), name)]
        if len(projects) != 1 or account.get("global"):
            return
        project, key = int(projects[0]["id"]), path_id(account["key"], KEY)
        links = self._list(f"/accounts/{key}/links")
        if any((link.get("scope") or {}).get("id") == project for link in links):
            return
        body = {"accountKey": account["key"], "scopeId": project, "scopeType": "PROJECT"}
        self._answer("POST", "/account-links", body)
        done["created"].append(f"link:{projects[0]['key']}")


KEY = r"[A-Za-z0-9_.-]{1,255}"


def _safe(text: str) -> str:
    """A text as a key of Tempo may be."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:100]


def key_of(values: dict) -> str:
    """The key of a project's account: its code, else made of its name."""
    text = str(values.get("code") or "").strip() or str(values["name"]).strip()
    if not text:
        raise ConnectorError("data", "name_missing")
    return _safe(text)


def as_input(account: dict) -> dict:
    """An account as it has to be sent back whole."""
    contact = account.get("contact") or {}
    outside = contact.get("type") == "EXTERNAL"
    sent = {
        "key": account.get("key"),
        "name": account.get("name"),
        "status": account.get("status"),
        "global": account.get("global"),
        "leadAccountId": (account.get("lead") or {}).get("accountId"),
        "customerKey": (account.get("customer") or {}).get("key"),
        "categoryKey": (account.get("category") or {}).get("key"),
        "monthlyBudget": account.get("monthlyBudget"),
        "externalContactName": contact.get("displayName") if outside else None,
        "contactAccountId": None if outside else contact.get("accountId"),
    }
    return {name: value for name, value in sent.items() if value is not None}
