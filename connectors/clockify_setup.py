"""A project in Clockify, set up whole: client, project, estimate, tasks, people; archived when it is closed.

Clockify knows no idempotency keys (a sent one is not looked at) and its projects have no code. So the code of
ours stands at the end of the project's note, in brackets, and every step looks before it makes: what stands
already is taken, what differs is changed, what is missing is made. The whole may be repeated after any crash
or lost answer and ends in the same state. What is in Clockify and not in our values is left alone.

A change of a client, project or task replaces the record: what we do not mean to change is sent as it stands.

Source: Clockify API, "Client", "Project", "Task" (also "Update project estimate", "Assign/remove users to/from
the project", "Update a task's billable rate"); "clockify-ts-sdk", "Discrepancies" (rates are in hundredths, a
project is archived by its update).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from .base import path_id
from .clockify_shapes import duration_of, seconds_of
from .clockify_webhook import HEX_ID
from .errors import ConnectorError
from .parts import Outcome, Write
from .setup import TrackerProject, named, same

CLIENT = ("name", "address", "email", "note", "ccEmails", "currencyId", "archived")
PROJECT = ("name", "clientId", "billable", "note", "color", "isPublic", "archived")
TASK = ("name", "billable", "status", "assigneeIds", "userGroupIds", "estimate", "budgetEstimate")


class ProjectSetup(TrackerProject):
    """One write of entity ``project``; calls are made below the workspace."""

    CLIENT = "clientId"

    def _set_up(self, write: Write, outcome: Outcome, done: dict) -> None:
        values = write.values
        project = self._project(write, outcome, done)
        outcome.external_id = project["id"]
        if project.get("archived"):
            return
        self._estimate(project, values.get("budget"), done)
        self._tasks(project, values.get("tasks") or (), outcome, done)
        self._people(project, values.get("people") or (), outcome, done)
        if values.get("active") is False:
            self._change("project", f"/projects/{project['id']}", project, ARCHIVED, done)

    # -- client and project -------------------------------------------------------------------

    def _client(self, values: dict, outcome: Outcome, done: dict) -> dict:
        name, known = str(values["name"]).strip(), values.get("id")
        clients = self._list("/clients", {})
        found = [row for row in clients if row["id"] == known] if known else []
        found = found or [row for row in clients if same(row["name"], name)]
        if found:
            client = found[0]
            if client.get("archived"):
                client = self._change(
                    "client", f"/clients/{client['id']}", client, {"archived": False}, done
                )
        else:
            client = self._make(
                "client", "/clients", {"name": name}, done, lambda: self._named("/clients", name)
            )
        if values.get("key"):
            outcome.links[f"customer:{values['key']}"] = client["id"]
        return client

    def _is_open(self, project: dict) -> bool:
        return not project.get("archived")

    def _wanted(self, values: dict) -> dict:
        return project_values(values)

    def _bring(self, project: dict, wanted: dict, closed: bool, done: dict) -> dict:
        if not closed:
            wanted["archived"] = False
        path = f"/projects/{project['id']}"
        changed = self._change("project", path, project, wanted, done)
        # what a change answers may lack the members
        return {**project, **changed}

    def _known(self, client: str, values: dict) -> dict | None:
        rows = self._list("/projects", {"clients": client})
        rows = [row for row in rows if row.get("clientId") in (None, client)]
        code = str(values.get("code") or "").strip()
        if code:
            found = [row for row in rows if marker(code) in str(row.get("note") or "")]
        else:
            found = [row for row in rows if same(row["name"], values["name"])]
        return self._read(found[0]["id"]) if found else None

    def _read(self, key: str) -> dict:
        return self._call("GET", f"/projects/{path_id(key, HEX_ID)}").json()

    def _estimate(self, project: dict, budget, done: dict) -> None:
        if budget in (None, ""):  # an empty text is how the hub says that there is none
            return
        now = project.get("timeEstimate") or {}
        wanted = duration_of(budget)
        manual = now.get("active") and now.get("type") == "MANUAL"
        if manual and seconds_of(now.get("estimate") or "PT0S") == seconds_of(wanted):
            return
        body = {"timeEstimate": {"active": True, "type": "MANUAL", "estimate": wanted}}
        self._answer("PATCH", f"/projects/{project['id']}/estimate", body)
        done["changed"].append(f"estimate:{project['id']}")

    # -- tasks and people ---------------------------------------------------------------------

    def _tasks(self, project: dict, tasks, outcome: Outcome, done: dict) -> None:
        if not tasks:
            return
        path = f"/projects/{project['id']}/tasks"
        every = self._list(path, {})
        for task in tasks:
            name = str(task["name"]).strip()
            found = [row for row in every if same(row["name"], name)]
            if found:
                row = found[0]
            else:
                row = self._make(
                    "task", path, {"name": name}, done, lambda name=name: self._named(path, name)
                )
                every.append(row)
            own = f"{path}/{row['id']}"
            wanted = {"billable": bool(task.get("billable", True)), "status": "ACTIVE"}
            self._change("task", own, row, wanted, done)
            self._rate(own, row.get("hourlyRate"), task.get("hourly_rate"), done)
            if task.get("key"):
                outcome.links[f"task:{task['key']}"] = f"{project['id']}/{row['id']}"

    def _people(self, project: dict, people, outcome: Outcome, done: dict) -> None:
        if not people:
            return
        path = f"/projects/{project['id']}"
        users = {
            str(row.get("email") or "").strip().casefold(): row
            for row in self._list("/users", {"status": "ACTIVE"})
        }
        members = {row["userId"]: row for row in project.get("memberships") or ()}
        known, new = [], []
        for person in people:
            user = users.get(str(person.get("email") or "").strip().casefold())
            if user is None:
                # someone who does not track time in Clockify is no reason to stop the project
                done["unknown_people"].append(str(person.get("key") or ""))
                continue
            known.append((person, user["id"]))
            if user["id"] not in members:
                new.append(user["id"])
        if new:
            self._answer("POST", f"{path}/memberships", {"userIds": new, "remove": False})
            done["created"] += [f"member:{key}" for key in new]
        for person, user in known:
            rate = (members.get(user) or {}).get("hourlyRate")
            self._rate(f"{path}/users/{user}", rate, person.get("hourly_rate"), done)
            if person.get("key"):
                outcome.links[f"employee:{person['key']}"] = user

    def _rate(self, path: str, now: dict | None, wanted, done: dict) -> None:
        if wanted is None or (now or {}).get("amount") == cents(wanted):
            return
        self._answer("PUT", f"{path}/hourly-rate", {"amount": cents(wanted)})
        done["changed"].append(f"rate:{path.rsplit('/', 1)[-1]}")

    # -- one step -----------------------------------------------------------------------------

    def _named(self, path: str, name: str) -> dict | None:
        return named(self._list(path, {}), name)

    def _change(self, what: str, path: str, now: dict, wanted: dict, done: dict) -> dict:
        """Replace a record by itself with the wanted values; nothing is sent if it has them."""
        if "public" in now:
            now = {**now, "isPublic": now["public"]}
        if all(_equal(now.get(name), value) for name, value in wanted.items()):
            return now
        names = {"client": CLIENT, "project": PROJECT, "task": TASK}[what]
        kept = {name: now[name] for name in names if now.get(name) is not None}
        row = self._answer("PUT", path, {**kept, **wanted})
        done["changed"].append(f"{what}:{row['id']}")
        return row


ARCHIVED = {"archived": True}


def project_values(values: dict) -> dict:
    """Clockify's fields of a project from ours; what we do not say is not touched."""
    wanted: dict[str, Any] = {}
    if values.get("name") is not None:
        wanted["name"] = values["name"]
    if values.get("is_billable") is not None:
        wanted["billable"] = values["is_billable"]
    code, note = str(values.get("code") or "").strip(), str(values.get("note") or "").strip()
    if code:
        wanted["note"] = f"{note} {marker(code)}".strip()
    elif note:
        wanted["note"] = note
    if values.get("hourly_rate") not in (None, ""):  # as in _estimate
        wanted["hourlyRate"] = {"amount": cents(values["hourly_rate"])}
    return wanted


def marker(code: str) -> str:
    """How our code stands in a note: ``[C-0012]`` is not found in ``[C-00123]``."""
    return f"[{code}]"


def cents(amount: Any) -> int:
    """An amount in hundredths, as Clockify takes rates.

    :raise ConnectorError: kind ``data``, code ``bad_number``.
    """
    try:
        exact = Decimal(str(amount)) * 100
        return int(exact.to_integral_value(ROUND_HALF_UP))
    except (InvalidOperation, OverflowError, ValueError):
        raise ConnectorError("data", "bad_number", params={"field": "hourly_rate"}) from None


def _equal(now: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(now, dict) and all(now.get(key) == wanted[key] for key in wanted)
    return now == wanted
