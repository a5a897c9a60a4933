"""A project in Harvest, set up whole: client, project, tasks, people.

Harvest knows no idempotency keys. So every step looks before it makes: what stands already is
taken, what differs is changed, what is missing is made. The whole may be repeated after any crash
or lost answer and ends in the same state. What is in Harvest and not in our values is left alone.

Source: Harvest API V2 documentation: "Clients", "Projects", "Tasks", "Project task assignments",
"Project user assignments".
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from .base import path_id
from .parts import Outcome, Write
from .setup import TrackerProject, named, same


class ProjectSetup(TrackerProject):
    """One write of entity ``project``."""

    DEFAULTS = {"is_billable": True, "bill_by": "none", "budget_by": "none"}

    def _set_up(self, write: Write, outcome: Outcome, done: dict) -> None:
        project = self._project(write, outcome, done)
        outcome.external_id = str(project["id"])
        self._tasks(project, write.values.get("tasks") or (), outcome, done)
        self._people(project, write.values.get("people") or (), outcome, done)

    # -- client and project -------------------------------------------------------------------

    def _client(self, values: dict, outcome: Outcome, done: dict) -> dict:
        name = str(values["name"]).strip()
        known = values.get("id")

        def find() -> dict | None:
            return named(self._list("/clients", {}), name)

        clients = self._list("/clients", {})
        found = [row for row in clients if str(row["id"]) == str(known)] if known else []
        client = found[0] if found else named(clients, name)
        if client is not None:
            if not client.get("is_active", True):
                # no project can be made for an archived client
                client = self._change(
                    f"/clients/{client['id']}", {"is_active": True}, "client", done
                )
        else:
            client = self._make("client", "/clients", {"name": name}, done, find)
        if values.get("key"):
            outcome.links[f"customer:{values['key']}"] = str(client["id"])
        return client

    def _read(self, key: str) -> dict:
        return self._call("GET", f"/projects/{path_id(key)}").json()

    def _is_open(self, project: dict) -> bool:
        return True  # an archived one takes changes as any other

    def _wanted(self, values: dict) -> dict:
        return project_values(values)

    def _bring(self, project: dict, wanted: dict, closed: bool, done: dict) -> dict:
        current = {**project, "client_id": (project.get("client") or {}).get("id")}
        changes = differing(current, wanted)
        if changes:
            self._change(f"/projects/{project['id']}", changes, "project", done)
        return project

    def _known(self, client: int, values: dict) -> dict | None:
        rows = self._list("/projects", {"client_id": client})
        code = str(values.get("code") or "").strip()
        if code:
            return next((row for row in rows if same(row.get("code"), code)), None)
        return named(rows, values["name"])

    # -- tasks and people ---------------------------------------------------------------------

    def _tasks(self, project: dict, tasks, outcome: Outcome, done: dict) -> None:
        if not tasks:
            return
        path = f"/projects/{project['id']}/task_assignments"
        every = self._list("/tasks", {})
        assigned = {row["task"]["id"]: row for row in self._list(path, {})}
        for task in tasks:
            name = str(task["name"]).strip()
            found = [row for row in every if same(row["name"], name)]
            # several may share a name: the one that is already on the project is meant
            found.sort(key=lambda row: (row["id"] not in assigned, not row.get("is_active", True)))
            if found:
                row = found[0]
            else:
                row = self._make(
                    "task",
                    "/tasks",
                    {"name": name},
                    done,
                    lambda name=name: named(self._list("/tasks", {}), name),
                )
                every.append(row)
            wanted = {"billable": bool(task.get("billable", True)), "is_active": True}
            if task.get("hourly_rate") is not None:
                wanted["hourly_rate"] = task["hourly_rate"]
            self._assign(path, "task_id", row, assigned, wanted, done)
            if task.get("key"):
                outcome.links[f"task:{task['key']}"] = f"{project['id']}/{row['id']}"

    def _people(self, project: dict, people, outcome: Outcome, done: dict) -> None:
        if not people:
            return
        path = f"/projects/{project['id']}/user_assignments"
        users = {
            str(row.get("email") or "").strip().casefold(): row
            for row in self._list("/users", {})
            if row.get("is_active", True)
        }
        assigned = {row["user"]["id"]: row for row in self._list(path, {})}
        for person in people:
            user = users.get(str(person.get("email") or "").strip().casefold())
            if user is None:
                # someone who does not track time in Harvest is no reason to stop the project
                done["unknown_people"].append(str(person.get("key") or ""))
                continue
            wanted: dict[str, Any] = {"is_active": True}
            if person.get("hourly_rate") is not None:
                wanted.update(use_default_rates=False, hourly_rate=person["hourly_rate"])
            self._assign(path, "user_id", user, assigned, wanted, done)
            if person.get("key"):
                outcome.links[f"employee:{person['key']}"] = str(user["id"])

    def _assign(self, path, name, row, assigned, wanted, done) -> None:
        current = assigned.get(row["id"])
        if current is None:
            what = name.removesuffix("_id")

            def find() -> dict | None:
                rows = self._list(path, {})
                return next((one for one in rows if one[what]["id"] == row["id"]), None)

            values = {name: row["id"], **wanted}
            assigned[row["id"]] = self._make(f"{what}_assignment", path, values, done, find)
            return
        changes = differing(current, wanted)
        if changes:
            self._change(
                f"{path}/{current['id']}", changes, name.replace("_id", "_assignment"), done
            )

    # -- one step -----------------------------------------------------------------------------

    def _change(self, path: str, values: dict, what: str, done: dict) -> dict:
        row = self._answer("PATCH", path, values)
        done["changed"].append(f"{what}:{row['id']}")
        return row


def project_values(values: dict) -> dict:
    """Harvest's fields of a project from ours; what we do not say is not touched."""
    wanted: dict[str, Any] = {}
    for name in ("name", "code", "is_billable", "notes", "starts_on"):
        if values.get(name) is not None:
            wanted[name] = values[name]
    if isinstance(wanted.get("starts_on"), date):
        wanted["starts_on"] = wanted["starts_on"].isoformat()
    tasks, people = values.get("tasks") or (), values.get("people") or ()
    # An empty text is how the hub says that there is none: a contract of several rates or of none has no one rate.
    if values.get("hourly_rate") not in (None, ""):
        wanted.update(bill_by="Project", hourly_rate=values["hourly_rate"])
    elif any(row.get("hourly_rate") is not None for row in people):
        wanted["bill_by"] = "People"
    elif any(row.get("hourly_rate") is not None for row in tasks):
        wanted["bill_by"] = "Tasks"
    if values.get("budget") not in (None, ""):
        wanted.update(budget_by="project", budget=values["budget"])
    return wanted


def differing(current: dict, wanted: dict) -> dict:
    """The wanted values that are not so yet; numbers are compared as numbers."""
    return {name: value for name, value in wanted.items() if not _equal(current.get(name), value)}


def _equal(left: Any, right: Any) -> bool:
    if left == right:
        return True
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return False
    try:
        return Decimal(str(left)) == Decimal(str(right))
    except InvalidOperation:
        return False
