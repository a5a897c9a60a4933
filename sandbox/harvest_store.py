"""What a Harvest account holds, and the rules that Harvest keeps."""

from __future__ import annotations

from .base import Refusal

KINDS = (
    "users",
    "clients",
    "tasks",
    "projects",
    "task_assignments",
    "user_assignments",
    "time_entries",
    "expenses",
)
DEFAULTS = {
    "users": {
        "telephone": "",
        "timezone": "Eastern Time (US & Canada)",
        "has_access_to_all_future_projects": False,
        "is_contractor": False,
        "is_active": True,
        "weekly_capacity": 126000,
        "default_hourly_rate": None,
        "cost_rate": None,
        "roles": [],
        "access_roles": ["member"],
    },
    "clients": {"is_active": True, "address": None, "currency": "USD"},
    "tasks": {
        "billable_by_default": True,
        "default_hourly_rate": None,
        "is_default": False,
        "is_active": True,
    },
    "projects": {
        "code": None,
        "is_active": True,
        "is_billable": True,
        "is_fixed_fee": False,
        "bill_by": "none",
        "hourly_rate": None,
        "budget": None,
        "budget_by": "none",
        "budget_is_monthly": False,
        "notify_when_over_budget": False,
        "show_budget_to_all": False,
        "cost_budget": None,
        "cost_budget_include_expenses": False,
        "fee": None,
        "notes": None,
        "starts_on": None,
        "ends_on": None,
    },
    "task_assignments": {"is_active": True, "billable": True, "hourly_rate": None, "budget": None},
    "user_assignments": {
        "is_active": True,
        "is_project_manager": False,
        "use_default_rates": True,
        "hourly_rate": None,
        "budget": None,
    },
    "time_entries": {
        "hours": 1.0,
        "notes": None,
        "is_locked": False,
        "locked_reason": None,
        "is_closed": False,
        "approval_status": "unsubmitted",
        "is_billed": False,
        "timer_started_at": None,
        "started_time": None,
        "ended_time": None,
        "is_running": False,
        "billable": True,
        "budgeted": False,
        "billable_rate": None,
        "cost_rate": None,
        "external_reference": None,
        "invoice": None,
    },
    "expenses": {
        "notes": None,
        "total_cost": 0.0,
        "units": 1.0,
        "is_closed": False,
        "approval_status": "unsubmitted",
        "is_locked": False,
        "is_billed": False,
        "locked_reason": None,
        "billable": True,
        "receipt": {"url": None, "file_name": None, "file_size": None, "content_type": None},
        "invoice": None,
    },
}
REFERENCES = {
    "projects": ("client",),
    "task_assignments": ("project", "task"),
    "user_assignments": ("project", "user"),
    "time_entries": ("user", "project", "task"),
    "expenses": ("user", "project"),
}


NUMBERS = frozenset({"hourly_rate", "budget", "cost_budget", "fee", "hours", "total_cost", "units"})


def invalid(message: str) -> Refusal:
    """Harvest's 422."""
    return Refusal(422, {"message": message})


class Store:
    """Rows by kind and id."""

    def __init__(self, now, next_id):
        self.now, self.next_id = now, next_id
        self.rows: dict[str, dict[int, dict]] = {kind: {} for kind in KINDS}

    def _stamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")  # Harvest's times have whole seconds

    def create(self, kind: str, values: dict, seed: bool = False) -> dict:
        """Make a row; ``seed`` may set ids and times, and skips what only the API refuses."""
        values = self._resolve(kind, dict(values))
        key = int(values.pop("id", 0)) or self.next_id(10_000)
        self._check(kind, values, None, seed)
        stamp = values.pop("updated_at", None) or self._stamp()
        row = {"id": key, **DEFAULTS[kind], **values, "created_at": stamp, "updated_at": stamp}
        if kind in ("time_entries", "expenses"):
            self._entry(row)
        self.rows[kind][key] = row
        if kind == "projects" and not seed:
            for task in self.rows["tasks"].values():
                if task["is_default"] and task["is_active"]:
                    values = {"project_id": key, "task_id": task["id"]}
                    self.create("task_assignments", values, seed=True)
        return row

    def update(self, kind: str, key: int, values: dict, seed: bool = False) -> dict:
        row = self.rows[kind][key]
        values = self._resolve(kind, dict(values))
        if row.get("is_locked") and not seed:
            raise invalid("Time entry is locked")
        self._check(kind, {**row, **values}, key, seed)
        stamp = values.pop("updated_at", None) or self._stamp()
        row.update(values, updated_at=stamp)
        return row

    def delete(self, kind: str, key: int) -> None:
        del self.rows[kind][key]

    def approve(self, kind: str, key: int, state: str) -> None:
        """What an approver does on Harvest's page; the API has no call for it."""
        row = self.rows[kind][key]
        closed = state == "approved"
        row.update(
            approval_status=state,
            is_closed=closed,
            is_locked=closed,
            locked_reason="Item Approved and Locked" if closed else None,
            updated_at=self._stamp(),
        )

    def view(self, kind: str, row: dict) -> dict:
        """A row as the API shows it: references with the names of today."""
        shown = dict(row)
        for name in REFERENCES.get(kind, ()):
            target = self.rows[f"{name}s"].get(row[name]["id"], {})
            reference = {"id": row[name]["id"], "name": self._name(name, target)}
            if name == "project":
                reference["code"] = target.get("code")
            if name == "client":
                reference["currency"] = target.get("currency")
            shown[name] = reference
        return shown

    @staticmethod
    def _name(name: str, target: dict) -> str:
        if name == "user":
            return f"{target.get('first_name', '')} {target.get('last_name', '')}".strip()
        return target.get("name", "")

    def _resolve(self, kind: str, values: dict) -> dict:
        """``client_id: 5`` (or ``client: 5``) becomes ``client: {"id": 5}``."""
        for name in REFERENCES.get(kind, ()):
            given = values.pop(f"{name}_id", values.get(name))
            if given is None:
                continue
            key = given["id"] if isinstance(given, dict) else int(given)
            if key not in self.rows[f"{name}s"]:
                raise invalid(f"{name.capitalize()} is invalid")
            values[name] = {"id": key}
        for name in NUMBERS & set(values):
            # decimals may come as text; they go out as numbers
            values[name] = None if values[name] is None else float(values[name])
        return values

    def _check(self, kind: str, values: dict, key: int | None, seed: bool) -> None:
        for name in REFERENCES.get(kind, ()):
            if name not in values:
                raise invalid(f"{name.capitalize()} can't be blank")
        others = [row for other, row in self.rows[kind].items() if other != key]
        if kind in ("clients", "tasks", "projects") and not str(values.get("name") or "").strip():
            raise invalid("Name can't be blank")
        if kind in ("clients", "tasks"):
            taken = [row for row in others if _same(row["name"], values["name"])]
            if taken:
                raise invalid("Name has already been taken")
        if kind == "projects":
            mine = [row for row in others if row["client"] == values["client"]]
            if any(_same(row["name"], values["name"]) for row in mine):
                raise invalid("Name has already been taken")
            if not seed and not self.rows["clients"][values["client"]["id"]]["is_active"]:
                raise invalid("Client is archived")
            for name in ("is_billable", "bill_by", "budget_by"):
                if not seed and name not in values:
                    raise invalid(f"{name} can't be blank")
        for of, name in (("task_assignments", "task"), ("user_assignments", "user")):
            if kind == of and any(
                r["project"] == values["project"] and r[name] == values[name] for r in others
            ):
                raise invalid(f"{name.capitalize()} has already been taken")
        if kind == "users" and any(_same(r["email"], values["email"]) for r in others):
            raise invalid("Email has already been taken")

    def _entry(self, row: dict) -> None:
        project = self.rows["projects"][row["project"]["id"]]
        row["client"] = project["client"]
        client = self.rows["clients"][project["client"]["id"]]
        row["client"] = {"id": client["id"], "name": client["name"], "currency": client["currency"]}
        if "task" in row:
            row.setdefault("rounded_hours", row["hours"])
            row.setdefault("hours_without_timer", row["hours"])
            if row["billable_rate"] is None and row["billable"]:
                row["billable_rate"] = project["hourly_rate"]
        else:
            row.setdefault(
                "expense_category", {"id": 4195926, "name": "Travel", "unit_price": None}
            )


def _same(left, right) -> bool:
    return str(left or "").strip().casefold() == str(right or "").strip().casefold()
