"""What a Jira site with Tempo holds, and the rules that Tempo keeps."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from .base import Refusal

SITE = "firm.atlassian.net"
# kind -> the name of its id, in the order in which rows point at each other
KINDS = {
    "users": "accountId",
    "teams": "id",
    "customers": "id",
    "accounts": "id",
    "projects": "id",
    "issues": "id",
    "worklogs": "tempoWorklogId",
    "links": "id",
}
DEFAULTS: dict[str, dict] = {
    "users": {"accountType": "atlassian", "active": True, "timeZone": "Europe/Oslo"},
    "teams": {"name": "Team", "members": []},
    "accounts": {"status": "OPEN", "global": False, "customerKey": None},
    "issues": {"summary": "", "project": 0, "account": None},
    "worklogs": {"description": "", "startTime": "09:00:00", "account": None},
}


def invalid(text: str, status: int = 400) -> Refusal:
    """A refusal as Tempo words it."""
    return Refusal(status, {"errors": {"message": text}})


def stamp(at: datetime) -> str:
    """A time as Tempo writes it."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Rows by kind and id, timesheets by person and first day, deleted worklogs."""

    def __init__(self, now, next_id):
        self.now, self.next_id = now, next_id
        self.rows: dict[str, dict] = {kind: {} for kind in KINDS}
        self.sheets: dict[tuple[str, str], dict] = {}
        self.deleted: list[dict] = []

    def get(self, kind: str, key) -> dict:
        if key not in self.rows[kind]:
            raise invalid(f"{kind} '{key}' not found", 404)
        return self.rows[kind][key]

    def create(self, kind: str, values: dict) -> dict:
        """Make a row; the control plane may set its id and, of a worklog, when it changed."""
        name = KINDS[kind]
        row = {**DEFAULTS.get(kind, {}), **values}
        row.setdefault(name, self.next_id(1000))
        if kind == "worklogs":
            self._worklog(row)
        self._check(kind, row)
        self.rows[kind][row[name]] = row
        return row

    def _worklog(self, row: dict) -> None:
        row.setdefault("billableSeconds", row["timeSpentSeconds"])
        row.setdefault("createdAt", stamp(self.now()))
        row.setdefault("updatedAt", row["createdAt"])

    def update(self, kind: str, key, values: dict) -> dict:
        row = self.get(kind, key)
        if kind == "worklogs":
            values.setdefault("updatedAt", stamp(self.now()))
        row.update(values)
        return row

    def replace_account(self, key: str, values: dict) -> dict:
        """A change of an account says all of it: what is not said is gone."""
        row = next((r for r in self.rows["accounts"].values() if r["key"] == key), None)
        if row is None:
            raise invalid(f"Account '{key}' not found", 404)
        changed = {**DEFAULTS["accounts"], **values, "id": row["id"]}
        self._check("accounts", changed)
        row.clear()
        row.update(changed)
        return row

    def delete(self, kind: str, key) -> None:
        self.get(kind, key)
        del self.rows[kind][key]
        if kind == "worklogs":
            when = self.now().strftime("%Y-%m-%dT%H:%M:%S.%f")
            # so the published example writes both ids
            gone = {"deletedAt": when, "tempoWorklogId": str(key), "jiraWorklogId": str(key)}
            self.deleted.append(gone)

    def _check(self, kind: str, row: dict) -> None:
        if kind not in ("accounts", "customers"):
            return
        word = kind[:-1].title()
        if not str(row.get("name") or "").strip():
            raise invalid(f"{word} name must not be empty")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", str(row.get("key") or "")):
            raise invalid(f"{word} key is not valid")
        for other in self.rows[kind].values():
            if other["key"] == row["key"] and other["id"] != row["id"]:
                raise invalid(f"{word} with key '{row['key']}' already exists")
        if kind == "accounts":
            if not row.get("leadAccountId") or row["status"] not in ("OPEN", "CLOSED", "ARCHIVED"):
                raise invalid("leadAccountId and status are required")
            known = {one["key"] for one in self.rows["customers"].values()}
            if row["customerKey"] and row["customerKey"] not in known:
                raise invalid(f"Customer '{row['customerKey']}' not found")


def shown_account(row: dict, store: Store) -> dict:
    """An account as Tempo answers it."""
    customers = store.rows["customers"].values()
    customer = next((one for one in customers if one["key"] == row["customerKey"]), None)
    shown = {
        "self": f"https://api.tempo.io/4/accounts/{row['id']}",
        **{name: row[name] for name in ("id", "key", "name", "status", "global")},
        "lead": {"accountId": row["leadAccountId"]},
    }
    if customer:
        shown["customer"] = customer
    if row.get("monthlyBudget") is not None:
        shown["monthlyBudget"] = row["monthlyBudget"]
    if row.get("categoryKey"):
        shown["category"] = {"id": 1, "key": row["categoryKey"], "name": row["categoryKey"]}
    return shown
