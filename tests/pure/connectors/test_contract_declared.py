"""A product that is only declared, under the contract of all connectors."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.declared import connector_class
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import Write
from sandbox.bureau import BureauSandbox, declaration


def stamp(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class BureauSubject(Subject):
    product = "bureau"
    sandbox_class = BureauSandbox
    settings = {"account_id": "OFFICE-7"}
    secrets = {"api_key": "bureau-sandbox-key", "webhook_secret": "bureau-note-secret"}
    entity = write_entity = "customer"
    page = 50
    creates = merges = True
    deletions = "fetch"
    rate_headers = {"Retry-After": "7"}

    def connector(self, *, settings=None, secrets=None, clock=None, **options):
        session = Session(local_hosts=[self.running.host], on_call=self.reports.append, **options)
        declared = declaration(self.running.url)
        return connector_class(declared)(
            session,
            declared["base_url"],
            {**self.settings, **(settings or {})},
            self.secrets if secrets is None else secrets,
            clock or (lambda: datetime.now(timezone.utc)),
        )

    def _clients(self, count, at, **more):
        rows = [{"changed": stamp(at), **more} for _ in range(count)]
        return self.sandbox.seed(clients=rows)["clients"]

    def seed(self, count, at):
        return self._clients(count, at)

    def touch(self, key, at):
        self.sandbox.change("clients", key, telephone="later", changed=stamp(at))

    def delete(self, key):
        self.sandbox.strike(key)

    def merge(self, winner, loser):
        self.sandbox.change("clients", loser, merged_with=winner)
        return winner

    def seed_text(self, text, at):
        return self._clients(1, at, trading_name=text)[0]

    def text_of(self, payload):
        return payload["trading_name"]

    def seed_money(self, amount, currency, at):
        return "customer", self._clients(1, at, ledger={"outstanding": amount})[0]

    def money_of(self, payload):
        return Decimal(payload["ledger"]["outstanding"])

    def lazily(self, count):
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        every = [stamp(start + timedelta(seconds=number)) for number in range(100)]

        def listing(request):
            after = int(request.args.get("page_token", "t0")[1:])
            last = min(after + 50, count)
            rows = [{"client_no": f"C-{n}", "changed": every[n % 100]} for n in range(after, last)]
            following = f"t{last}" if last < count else None
            return {"clients": rows, "paging": {"total": count, "next_token": following}}

        return [("GET", "/api/2/clients", listing)]

    def write(self, number=1):
        values = {"trading_name": f"Acme {number}", "address": {"town": "Leeds"}}
        return Write(f"key-{number}", "customer", "create", None, values)

    def bad_write(self, number):
        return Write(f"key-{number}", "customer", "create", None, {"trading_name": ""})

    def effects(self, write):
        name = write.values["trading_name"]
        return sum(row["trading_name"] == name for row in self.sandbox.rows["clients"].values())


class TestDeclared(Contract):
    subject = BureauSubject
