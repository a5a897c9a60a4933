"""Time trackers: Odoo sets up projects there, people work on them, and somebody approves their time."""

from datetime import datetime, timedelta

from .player import Player

CATEGORY = "Travel"


class Tracker(Player):
    """A time tracker."""

    kind = "tracker"

    def __init__(self, world):
        super().__init__(world)
        self.users = []  # ids, in the order in which they were hired

    def hire(self, people):
        """Those who work: `(first name, last name, e-mail address)` each."""
        raise NotImplementedError

    def projects(self, code):
        """Projects with a contract's code: `(id, ids of its tasks by name, ids of its people)` each."""
        raise NotImplementedError

    def book(self, project, entries, expenses):
        """Work and costs, some of them approved, the others handed in.

        :param project: as :meth:`projects` gives it
        :param entries: `(which user, name of the task, day, hours as text, approved)` each
        :param expenses: `(which user, day, amount, what for)` each; all are approved
        """
        raise NotImplementedError

    def approved(self):
        """Approved entries, as they stand there."""
        raise NotImplementedError

    def hundredths(self, entry):
        """The hours of an entry, in hundredths."""
        raise NotImplementedError

    def rows(self, kind):
        """What stands there, by the sandbox's name of the list."""
        return list(self.control("state")[kind].values())

    def counts(self):
        """How many entries, approved entries and expenses stand there."""
        return [len(self.rows("time_entries")), len(self.approved()), len(self.rows("expenses"))]

    def hours(self):
        """Approved hours, in hundredths."""
        return sum(map(self.hundredths, self.approved()))


class Harvest(Tracker):
    """An account: each entry carries its approval."""

    name, label = "harvest", "Harvest"
    path = "/v2"
    account = "1234567"
    settings = {"contact_email": "it@northwind.example"}

    @classmethod
    def secrets(cls, url):
        return {"access_token": "harvest-sandbox-token"}

    def hire(self, people):
        rows = [
            {"first_name": first, "last_name": last, "email": email}
            for first, last, email in people
        ]
        self.users = self.seed(users=rows)["users"]

    def projects(self, code):
        names = {task["id"]: task["name"] for task in self.rows("tasks")}
        found = []
        for project in self.rows("projects"):
            if project["code"] == code:
                tasks = self._assigned("task", project)
                by_name = {names[key]: key for key in tasks}
                found.append((project["id"], by_name, self._assigned("user", project)))
        return found

    def _assigned(self, what, project):
        rows = self.rows(f"{what}_assignments")
        return [row[what]["id"] for row in rows if row["project"]["id"] == project["id"]]

    def book(self, project, entries, expenses):
        key, tasks, people = project
        new = {self.users[entry[0]] for entry in entries} - set(people)
        self.seed(user_assignments=[{"project": key, "user": user} for user in sorted(new)])
        self.seed(
            time_entries=[
                {
                    "user": self.users[who],
                    "project": key,
                    "task": tasks[task],
                    "spent_date": day,
                    "hours": float(hours),
                    "billable_rate": 150.0,
                    "notes": "Work",
                    "approval_status": "approved" if approved else "submitted",
                }
                for who, task, day, hours, approved in entries
            ],
            expenses=[
                {
                    "user": self.users[who],
                    "project": key,
                    "expense_category": {"id": 9, "name": CATEGORY},
                    "spent_date": day,
                    "total_cost": amount,
                    "notes": text,
                    "approval_status": "approved",
                }
                for who, day, amount, text in expenses
            ],
        )

    def approved(self):
        return [row for row in self.rows("time_entries") if row["approval_status"] == "approved"]

    def hundredths(self, entry):
        return round(entry["hours"] * 100)


class Clockify(Tracker):
    """A workspace: an entry has times and no hours, and what is approved is a person's period."""

    name, label = "clockify", "Clockify"
    path = "/api/v1"
    account = "64a687e29ae1f428e7ebe303"

    @classmethod
    def secrets(cls, url):
        return {
            "api_key": "clockify-sandbox-key",
            "webhook_token": "clockify-webhook-token-0123456789ab",
        }

    def hire(self, people):
        rows = [{"name": f"{first} {last}", "email": email} for first, last, email in people]
        self.users = self.seed(users=rows)["users"]

    def projects(self, code):
        tasks = self.rows("tasks")
        return [
            (
                project["id"],
                {row["name"]: row["id"] for row in tasks if row["projectId"] == project["id"]},
                [member["userId"] for member in project["memberships"]],
            )
            for project in self.rows("projects")
            if f"[{code}]" in project["note"]
        ]

    def book(self, project, entries, expenses):
        key, tasks, _people = project
        (category,) = self.seed(categories=[{"name": CATEGORY}])["categories"]
        made = self.seed(
            time_entries=[
                {
                    "userId": self.users[who],
                    "projectId": key,
                    "taskId": tasks[task],
                    "description": "Work",
                    **_times(day, hours),
                }
                for who, task, day, hours, _approved in entries
            ],
            expenses=[
                {
                    "userId": self.users[who],
                    "projectId": key,
                    "categoryId": category,
                    "date": day,
                    "total": round(amount * 100),
                    "notes": text,
                }
                for who, day, amount, text in expenses
            ],
        )
        for state, wanted in (("APPROVED", True), ("PENDING", False)):
            ids = [
                one
                for one, entry in zip(made["time_entries"], entries, strict=True)
                if entry[-1] is wanted
            ]
            self.control("approve", {"ids": ids, "state": state})
        self.control("approve", {"ids": made["expenses"], "kind": "expenses"})

    def approved(self):
        requests = self.rows("approval_requests")
        approved = {one["id"] for one in requests if one["status"]["state"] == "APPROVED"}
        return [row for row in self.rows("time_entries") if row["approvalRequestId"] in approved]

    def hundredths(self, entry):
        return round(entry["seconds"] / 36)


def _times(day, hours):
    start = datetime.fromisoformat(f"{day}T09:00:00")
    end = start + timedelta(seconds=round(float(hours) * 3600))
    return {"start": f"{start.isoformat()}Z", "end": f"{end.isoformat()}Z"}
