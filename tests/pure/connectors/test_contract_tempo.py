"""Tempo with Jira under the contract of all connectors."""

from datetime import datetime, timezone

from contract import Contract, Subject

from lead_to_cash_hub.connectors import get_connector_class, tempo_memory
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import Write
from sandbox.tempo import SCOPES, TempoSandbox
from sandbox.tempo_store import SITE

USER, ISSUE, ACCOUNT = "557058:ann-lee", 10011, 7
BOB = {"accountId": "5b10a2844c20165700ede21g", "displayName": "Bob", "emailAddress": ""}


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def firm(sandbox):
    """A person in a team, an account of a customer, an issue that has it."""
    if not sandbox.store.rows["users"]:
        sandbox.seed(
            users=[
                {"accountId": USER, "displayName": "Ann Lee", "emailAddress": "ann@firm.example"}
            ],
            teams=[{"id": 3, "members": [USER]}],
            customers=[{"id": 5, "key": "OTHER", "name": "Other"}],
            accounts=[
                {
                    "id": ACCOUNT,
                    "key": "P0",
                    "name": "P zero",
                    "leadAccountId": USER,
                    "customerKey": "OTHER",
                }
            ],
            projects=[{"id": 10000, "key": "PRO", "name": "Product"}],
            issues=[
                {"id": ISSUE, "key": "PRO-1", "summary": "Design", "project": 10000,
                 "account": ACCOUNT},
            ],
        )  # fmt: skip


def worklogs(sandbox, count, at, seconds=900, **more):
    """Ids of worklogs of a moment's day, changed then."""
    firm(sandbox)
    row = {
        "author": USER,
        "issue": ISSUE,
        "startDate": at.date().isoformat(),
        "timeSpentSeconds": seconds,
        "updatedAt": stamp(at),
        **more,
    }
    return [str(key) for key in sandbox.seed(worklogs=[row] * count)["worklogs"]]


def without(*scopes):
    return {"scopes": [scope for scope in SCOPES if scope not in scopes]}


def open_site(served):
    """An empty site, and ``connector(**settings)``: a fresh connector to it."""
    if "tempo" not in served:
        served["tempo"] = TempoSandbox().start()
    running = served["tempo"]
    running.sandbox.reset()
    tempo_memory.forget()
    running.sandbox.connector = lambda **settings: get_connector_class("tempo")(
        Session(local_hosts=[running.host]),
        running.url,
        {"account_id": SITE, **settings},
        TempoSubject.secrets,
        lambda: datetime.now(timezone.utc),
    )
    return running.sandbox


class TempoSubject(Subject):
    product = "tempo"
    sandbox_class = TempoSandbox
    settings = {"account_id": SITE}
    secrets = {
        "tempo_token": "tempo-sandbox-token",
        "jira_email": "admin@sandbox.example",
        "jira_token": "jira-sandbox-token",
    }
    entity = "time_entry"
    page = 500
    write_entity = "project"
    creates = True
    money = False
    rate_headers = {"Retry-After": "7"}
    other_account = "other.atlassian.net"
    missing_rights = (
        (without("worklogs"), {"code": "read", "scope": "Tempo: Worklogs: View"}),
        (without("accounts"), {"code": "read", "scope": "Tempo: Accounts: View"}),
        (without("periods"), {"code": "read", "scope": "Tempo: Periods: View"}),
        (without("approvals"), {"code": "read", "scope": "Tempo: Approvals: View"}),
        ({"browse_users": False}, {"code": "read", "scope": "Jira: Browse users and groups"}),
        ({"tempo_token": "another"}, {"code": "read", "error": "token_invalid"}),
        ({"jira_token": "another"}, {"code": "sign_in", "api": "Jira"}),
    )

    def __init__(self, *args):
        super().__init__(*args)
        tempo_memory.forget()

    def fault(self, kind, **details):
        """A POST that changes something: searches are posts, too."""
        if details.get("method") == "POST":
            details["path"] = r"^/4/(?:accounts|customers|account-links)$"
        super().fault(kind, **details)

    def seed(self, count, at):
        return worklogs(self.sandbox, count, at)

    def touch(self, key, at):
        values = {"description": "later", "updatedAt": stamp(at)}
        self.sandbox.store.update("worklogs", int(key), values)

    def delete(self, key):
        self.sandbox.store.delete("worklogs", int(key))

    def seed_text(self, text, at):
        return worklogs(self.sandbox, 1, at, description=text)[0]

    def text_of(self, payload):
        return payload["description"]

    def lazily(self, count):
        firm(self.sandbox)
        newest = []

        def rows(request):
            query = request.args
            newest.append(query["to"]) if not newest else None
            offset = int(query["offset"])
            last = min(offset + int(query["limit"]), count) if query["to"] == newest[0] else offset
            shown = [
                {
                    "tempoWorklogId": number + 1,
                    "issue": {"id": ISSUE},
                    "author": {"accountId": USER},
                    "startDate": "2026-01-05",
                    "timeSpentSeconds": 5400,
                }
                for number in range(offset, last)
            ]
            more = {"next": "more"} if offset < last < count else {}
            return {"metadata": {"count": len(shown), **more}, "results": shown}

        return [("GET", "/4/worklogs", rows)]

    def write(self, number=1):
        values = {
            "code": f"C-{number}",
            "name": f"Rollout {number}",
            "client": {"name": f"Acme {number}", "key": str(number)},
            "active": True,
        }
        return Write(f"k{number}", "project", "create", None, values)

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, "project", "create", None, {**write.values, "name": ""})

    def effects(self, write):
        rows = self.sandbox.store.rows
        made = [row for row in rows["accounts"].values() if row["key"] == write.values["code"]]
        name = write.values["client"]["name"]
        customers = [row for row in rows["customers"].values() if row["name"] == name]
        return max(len(made), len(customers))


class TestTempo(Contract):
    subject = TempoSubject
