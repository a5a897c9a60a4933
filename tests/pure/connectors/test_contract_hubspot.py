"""HubSpot under the contract of all connectors."""

import time
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_store import stamp

EPOCH = 1_700_000_000_000


class HubSpotSubject(Subject):
    product = "hubspot"
    sandbox_class = HubSpotSandbox
    settings = {"account_id": "49648261", "client_id": "sandbox-client"}
    secrets = {
        "access_token": "pat-na1-sandbox-token",
        "client_secret": "sandbox-client-secret",
        "refresh_token": "sandbox-refresh-token",
    }
    entity = "customer"
    write_entity = "opportunity"
    batches = merges = renews = True
    rate_headers = {"Retry-After": "2500"}
    wrong_environment = ({"live_mode": True}, {})
    missing_rights = tuple(
        (
            {"scopes": [s for s in ALL if s != scope]},
            {"code": "write" if scope.endswith("write") else "read", "scope": scope},
        )
        for ALL in (
            [
                f"crm.objects.{name}.{right}"
                for name in ("companies", "contacts", "deals", "line_items", "products", "owners")
                for right in ("read", "write")
            ],
        )
        for scope in (
            "crm.objects.deals.read",
            "crm.objects.companies.read",
            "crm.objects.contacts.read",
            "crm.objects.line_items.read",
            "crm.objects.owners.read",
            "crm.objects.deals.write",
        )
    )

    def _objects(self, kind, count, at, properties):
        rows = [{"type": kind, "properties": properties, "at": stamp(at)} for _ in range(count)]
        return self.sandbox.seed(objects=rows)["ids"]

    def seed(self, count, at):
        return self._objects("companies", count, at, {"name": "Acme"})

    def touch(self, key, at):
        self.sandbox.store.update("companies", key, {"name": "Later"}, at=stamp(at), quiet=True)

    def delete(self, key):
        self.sandbox.store.archive("companies", key)

    def merge(self, winner, loser):
        return self.sandbox.store.merge("companies", winner, loser, new_id=True)["id"]

    def seed_text(self, text, at):
        return self._objects("companies", 1, at, {"name": text})[0]

    def text_of(self, payload):
        return payload["properties"]["name"]

    def seed_money(self, amount, currency, at):
        values = {"amount": amount, "deal_currency_code": currency}
        return "opportunity", self._objects("deals", 1, at, values)[0]

    def money_of(self, payload):
        return Decimal(payload["properties"]["amount"])

    def lazily(self, count):
        def row(number):
            moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(EPOCH // 1000 + number))
            properties = {"hs_object_id": str(number), "name": f"C{number}"}
            properties["hs_lastmodifieddate"] = moment
            return {"id": str(number), "properties": properties, "updatedAt": moment}

        def search(request):
            body = request.get_json()
            at = max(int(body["filterGroups"][0]["filters"][0]["value"]), EPOCH)
            first = -(-(at - EPOCH) // 1000)
            last = min(first + body["limit"], count)
            return {"total": count - first, "results": [row(n) for n in range(first, last)]}

        return [("POST", "/crm/v3/objects/companies/search", search)]

    def write(self, number=1):
        key = str(500 + number)
        if key not in self.sandbox.store.objects["deals"]:
            self.sandbox.seed(objects=[{"type": "deals", "id": key, "properties": {}}])
        return Write(f"k{number}", "opportunity", "update", key, {"description": f"text {number}"})

    def bad_write(self, number):
        write = self.write(number)
        return Write(write.key, write.entity, "update", write.external_id, {"amount": "a lot"})

    def effects(self, write):
        row = self.sandbox.store.objects["deals"][write.external_id]["properties"]
        return int(row.get("description") == write.values["description"])


class TestHubSpot(Contract):
    subject = HubSpotSubject
