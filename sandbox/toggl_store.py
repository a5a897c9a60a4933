"""What a workspace of Toggl Track holds, and the rules that Toggl keeps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from .base import Refusal

KINDS = ("users", "clients", "projects", "tasks", "project_users", "time_entries")
DEFAULTS: dict[str, dict] = {
    "users": {
        "timezone": "UTC",
        "inactive": False,
        "admin": False,
        "rate": None,
        "labor_cost": None,
    },
    "clients": {"archived": False, "notes": None},
    "projects": {
        "client_id": None,
        "active": True,
        "is_private": True,
        "billable": None,
        "rate": None,
        "currency": "USD",
        "estimated_seconds": None,
        "auto_estimates": False,
        "fixed_fee": None,
        "actual_seconds": 0,
    },
    "tasks": {"active": True, "estimated_seconds": None, "rate": None, "tracked_seconds": 0},
    "project_users": {"manager": False, "rate": None, "labor_cost": None},
    "time_entries": {
        "description": "",
        "billable": True,
        "project_id": None,
        "task_id": None,
        "stop": None,
        "hourly_rate_in_cents": None,
    },
}
WORDS = {"users": "User", "clients": "Client", "projects": "Project", "tasks": "Task"}


def invalid(text: str, status: int = 400) -> Refusal:
    """A refusal as Toggl words it: a sentence as JSON text."""
    return Refusal(status, text)


def moment(text: str) -> datetime:
    """A time as Toggl writes or takes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")


class Store:
    """Rows by kind and id, and timesheets by person and first day."""

    def __init__(self, now, next_id):
        self.now, self.next_id = now, next_id
        self.rows: dict[str, dict[int, dict]] = {kind: {} for kind in KINDS}
        self.sheets: dict[tuple[int, str], dict] = {}

    def get(self, kind: str, key: int) -> dict:
        row = self.rows[kind].get(int(key))
        if row is None:
            raise invalid(f"{WORDS.get(kind, 'Resource')} not found", 404)
        return row

    def create(self, kind: str, values: dict) -> dict:
        """Make a row; the control plane may set its id."""
        values = dict(values)
        key = int(values.pop("id", 0) or self.next_id(2_000_000))
        at = values.pop("at", None) or stamp(self.now())
        row = {**DEFAULTS[kind], **self._told(values), "id": key, "at": at}
        self._check(kind, row)
        self.rows[kind][key] = row
        return row

    def update(self, kind: str, key: int, values: dict) -> dict:
        row = self.get(kind, key)
        changed = {**row, **self._told(values), "at": values.get("at") or stamp(self.now())}
        self._check(kind, changed)
        row.update(changed)
        return row

    def delete(self, kind: str, key: int) -> dict:
        self.get(kind, key)
        return self.rows[kind].pop(int(key))

    @staticmethod
    def _told(values: dict) -> dict:
        """Hours of an estimate are kept as seconds; how a rate begins is not kept."""
        kept = {name: v for name, v in values.items() if name != "rate_change_mode"}
        hours = kept.pop("estimated_hours", None)
        if hours is not None:
            kept["estimated_seconds"] = int(hours) * 3600
        return kept

    def seconds(self, row: dict) -> int:
        return (
            int((moment(row["stop"]) - moment(row["start"])).total_seconds()) if row["stop"] else 0
        )

    def approve(self, keys: list[int], state: str, days: int = 7) -> list[dict]:
        """Timesheets (weeks from Monday) of the days on which these entries are, in a state."""
        made = {}
        for key in keys:
            row = self.rows["time_entries"][key]
            day = moment(row["start"]).date()
            first = day - timedelta(days=day.weekday())
            made[(row["user_id"], first.isoformat())] = first
        for (user, begin), first in made.items():
            sheet = self.sheets.setdefault(
                (user, begin),
                {
                    "timesheet_setup_id": 50 + user,
                    "member_id": user,
                    "member_name": self.rows["users"][user]["name"],
                    "start_date": begin,
                    "end_date": (first + timedelta(days=days - 1)).isoformat(),
                    "periodicity": "weekly",
                },
            )
            sheet.update(status=state, submitted_at=stamp(self.now()))
            decided = state in ("approved", "rejected")
            sheet["approved_or_rejected_at"] = stamp(self.now()) if decided else None
            sheet["approved_or_rejected_id"] = next(iter(self.rows["users"])) if decided else None
        return [self.sheets[key] for key in made]

    def _check(self, kind: str, row: dict) -> None:
        for name, of in (
            ("client_id", "clients"),
            ("project_id", "projects"),
            ("user_id", "users"),
        ):
            if row.get(name) is not None:
                self.get(of, row[name])
        if kind in ("clients", "projects", "tasks"):
            self._named(kind, row)
        if kind == "project_users":
            for other in self.rows[kind].values():
                same = all(other[name] == row[name] for name in ("project_id", "user_id"))
                if same and other["id"] != row["id"]:
                    raise invalid("User already exists in the project")
        client = self.rows["clients"].get(row.get("client_id") or 0)
        if kind == "projects" and client and client["archived"]:
            raise invalid("Client is archived")

    def _named(self, kind: str, row: dict) -> None:
        name = str(row.get("name") or "").strip()
        if not name:
            raise invalid(f"{WORDS[kind]} name can't be blank")
        scope = {"projects": "client_id", "tasks": "project_id"}.get(kind)
        for other in self.rows[kind].values():
            if (
                other["id"] != row["id"]
                and other["name"].casefold() == name.casefold()
                and (not scope or other[scope] == row[scope])
            ):
                raise invalid("Name has already been taken")
