"""A project in Toggl Track, set up whole: client, project, estimate, tasks, people; archived when it is closed.

Toggl knows no idempotency keys, and its projects have neither a code nor a note. So the code of ours stands at the
end of the project's name, in brackets, and every step looks before it makes: what stands already is taken, what
differs is changed, what is missing is made. The whole may be repeated after any crash or lost answer and ends
in the same state. What is in Toggl and not in our values is left alone.

Rates, estimates, billable projects and tasks belong to the paid plans. A plan without them refuses with 402, and a
person is told which words Toggl found for it.

Source: Toggl Track API documentation, "Clients" (archive, restore), "Projects", "Tasks", "Project users", "Rates"
("start-today").
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from .base import path_id
from .clockify_setup import marker
from .errors import ConnectorError
from .harvest_setup import differing
from .parts import Outcome, Write
from .setup import TrackerProject, named

if TYPE_CHECKING:
    from .toggl import Toggl

NONE = (None, "")  # an empty text is how the hub says that there is none
FROM_TODAY = "start-today"  # a new rate leaves the hours that were tracked before as they are


class ProjectSetup(TrackerProject):
    """One write of entity ``project``.

    :param connector: makes the calls.
    """

    DEFAULTS = {"active": True, "is_private": False}

    def __init__(self, connector: Toggl):
        super().__init__(connector.below, connector.every)
        self._of = connector

    def _set_up(self, write: Write, outcome: Outcome, done: dict) -> None:
        values = write.values
        project = self._project(write, outcome, done)
        outcome.external_id = str(project["id"])
        if not project.get("active", True):
            return
        self._tasks(project, values.get("tasks") or (), outcome, done)
        self._people(project, values.get("people") or (), outcome, done)
        if values.get("active") is False:
            path = f"/projects/{project['id']}"
            self._change("project", path, project, {"active": False}, done)

    # -- client and project -------------------------------------------------------------------

    def _client(self, values: dict, outcome: Outcome, done: dict) -> dict:
        name, known = str(values["name"]).strip(), str(values.get("id") or "")
        clients = self._clients()
        found = [row for row in clients if str(row["id"]) == known]
        client = found[0] if found else named(clients, name)
        if client is None:
            client = self._make(
                "client", "/clients", {"name": name}, done, lambda: named(self._clients(), name)
            )
        elif client.get("archived"):
            # nobody can track time for an archived client; its answer tells the projects that came back
            self._send("POST", f"/clients/{client['id']}/restore", {"restore_all_projects": False})
            done["changed"].append(f"client:{client['id']}")
        if values.get("key"):
            outcome.links[f"customer:{values['key']}"] = str(client["id"])
        return client

    def _clients(self) -> list[dict]:
        return self._list("/clients", {"status": "both"})

    def _read(self, key: str) -> dict:
        return self._call("GET", f"/projects/{path_id(key)}").json()

    def _is_open(self, project: dict) -> bool:
        return project.get("active", True)

    def _wanted(self, values: dict) -> dict:
        return project_values(values)

    def _bring(self, project: dict, wanted: dict, closed: bool, done: dict) -> dict:
        if not closed:
            wanted["active"] = True
        return self._change("project", f"/projects/{project['id']}", project, wanted, done)

    def _known(self, client: int, values: dict) -> dict | None:
        rows = self._list("/projects", {"active": "both", "client_ids": client}, pages=True)
        rows = [row for row in rows if row.get("client_id") in (None, client)]
        code = str(values.get("code") or "").strip()
        if code:
            return next((r for r in rows if str(r.get("name")).endswith(marker(code))), None)
        return named(rows, values["name"])

    # -- tasks and people ---------------------------------------------------------------------

    def _tasks(self, project: dict, tasks, outcome: Outcome, done: dict) -> None:
        if not tasks:
            return
        path = f"/projects/{project['id']}/tasks"

        def listed() -> list[dict]:
            return self._list(path, {"active": "both"})

        every = listed()
        for task in tasks:
            name = str(task["name"]).strip()
            row = named(every, name)
            if row is None:
                row = self._make(
                    "task", path, {"name": name}, done, lambda name=name: named(listed(), name)
                )
                every.append(row)
            elif row.get("active") is False:
                self._change("task", f"{path}/{row['id']}", row, {"active": True}, done)
            self._rate(row, task.get("hourly_rate"), done)
            if task.get("key"):
                outcome.links[f"task:{task['key']}"] = f"{project['id']}/{row['id']}"

    def _rate(self, task: dict, wanted, done: dict) -> None:
        """A task's own rate: it has a call of its own, and its answer names the rate, not the task."""
        if wanted in NONE or not differing(task, {"rate": wanted}):
            return
        body = {
            "amount": wanted,
            "level": "task",
            "level_id": task["id"],
            "mode": FROM_TODAY,
            "type": "billable_rates",
        }
        self._send("POST", "/rates", body)
        done["changed"].append(f"rate:{task['id']}")

    def _people(self, project: dict, people, outcome: Outcome, done: dict) -> None:
        if not people:
            return
        users = {
            str(row.get("email") or "").strip().casefold(): row
            for row in self._of.people().values()
            if row["active"]
        }

        def listed() -> dict[str, dict]:
            rows = self._list("/project_users", {"project_ids": project["id"]})
            mine = [row for row in rows if row.get("project_id") == project["id"]]
            return {str(row["user_id"]): row for row in mine}

        members = listed()
        for person in people:
            user = users.get(str(person.get("email") or "").strip().casefold())
            if user is None:
                # someone who does not track time in Toggl is no reason to stop the project
                done["unknown_people"].append(str(person.get("key") or ""))
                continue
            key, rate = user["id"], person.get("hourly_rate")
            wanted = {} if rate in NONE else {"rate": rate}
            if key in members:
                path = f"/project_users/{members[key]['id']}"
                self._change("member", path, members[key], wanted, done)
            else:
                values = {"project_id": project["id"], "user_id": int(key), **wanted}
                members[key] = self._make(
                    "member", "/project_users", values, done, lambda key=key: listed().get(key)
                )
            if person.get("key"):
                outcome.links[f"employee:{person['key']}"] = key

    # -- one step -----------------------------------------------------------------------------

    def _change(self, what: str, path: str, now: dict, wanted: dict, done: dict) -> dict:
        """Set the values that differ; nothing is sent if none does."""
        now = {**now, "estimated_hours": _hours(now)}
        changes = differing(now, wanted)
        if not changes:
            return now
        if "rate" in changes:
            changes["rate_change_mode"] = FROM_TODAY
        row = self._answer("PUT", path, changes)
        done["changed"].append(f"{what}:{row['id']}")
        return {**now, **row}


def project_values(values: dict) -> dict:
    """Toggl's fields of a project from ours; what we do not say is not touched."""
    wanted: dict[str, Any] = {}
    name, code = values.get("name"), str(values.get("code") or "").strip()
    if name is not None:
        name = str(name).strip()
        if not name:
            raise ConnectorError("data", "name_missing")
        wanted["name"] = f"{name} {marker(code)}" if code else name
    if values.get("is_billable") is not None:
        wanted["billable"] = values["is_billable"]
    if values.get("hourly_rate") not in NONE:
        wanted["rate"] = values["hourly_rate"]
    if values.get("budget") not in NONE:
        # Toggl estimates in whole hours
        try:
            hours = Decimal(str(values["budget"])).to_integral_value(ROUND_CEILING)
        except (InvalidOperation, OverflowError):
            raise ConnectorError("data", "bad_number", params={"field": "budget"}) from None
        if not hours.is_finite() or hours < 0:
            raise ConnectorError("data", "bad_number", params={"field": "budget"})
        wanted.update(estimated_hours=int(hours), auto_estimates=False)
    return wanted


def _hours(project: dict) -> Any:
    """Estimated hours as they are set; seconds say more where both are told."""
    seconds = project.get("estimated_seconds")
    return project.get("estimated_hours") if seconds is None else Decimal(str(seconds)) / 3600
