"""Salesforce under the contract of all connectors."""

import time
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors import salesforce_read
from lead_to_cash_hub.connectors.parts import Write
from sandbox.salesforce import SalesforceSandbox
from sandbox.salesforce_store import make_id, stamp

EPOCH = 1_700_000_000
WRITTEN = {
    "opportunity": ["Odoo_Contract_State__c", "Odoo_Paid_Amount__c"],
    "customer": ["Odoo_Balance__c"],
}


class SalesforceSubject(Subject):
    product = "salesforce"
    sandbox_class = SalesforceSandbox
    settings = {
        "account_id": "00DHs000000sbx1MAA",
        "client_id": "3MVG9.sandbox.consumer",
        "live_mode": False,
        "written": WRITTEN,
    }
    secrets = {
        "access_token": "00DHs000000sbx1!sandbox.session",
        "consumer_secret": "sandbox-consumer-secret",
    }
    entity = "customer"
    page = 500
    write_entity = "customer"
    writing_method = "PATCH"
    creates = merges = renews = True
    wrong_environment = ({"live_mode": True}, {})
    other_account = "00DHs000000othrMAA"
    missing_rights = (
        *(
            ({"hidden_objects": (name,)}, {"code": "read", "entity": entity, "scope": name})
            for entity, name in (
                ("customer", "Account"),
                ("contact", "Contact"),
                ("opportunity", "Opportunity"),
                ("employee", "User"),
                ("service_item", "Product2"),
                ("deal_line", "OpportunityLineItem"),
            )
        ),
        (
            {"read_only": ("Odoo_Paid_Amount__c",)},
            {
                "code": "write",
                "scope": "Opportunity.Odoo_Paid_Amount__c",
                "error": "field_read_only",
            },
        ),
        (
            {"hidden_fields": {"Account": ("Odoo_Balance__c",)}},
            {"code": "write", "scope": "Account.Odoo_Balance__c", "error": "field_missing"},
        ),
    )

    def __init__(self, sandbox, running):
        super().__init__(sandbox, running)
        salesforce_read._known.clear()

    def _make(self, name, count, at, fields):
        rows = [{"type": name, "fields": fields, "at": stamp(at)} for _ in range(count)]
        return self.sandbox.seed(rows)["ids"]

    def seed(self, count, at):
        return self._make("Account", count, at, {"Name": "Acme"})

    def touch(self, key, at):
        self.sandbox.store.write("Account", key, {"Name": "Later"}, at=stamp(at))

    def delete(self, key):
        self.sandbox.store.delete("Account", key)

    def merge(self, winner, loser):
        self.sandbox.store.merge("Account", winner, loser)
        return winner

    def seed_text(self, text, at):
        return self._make("Account", 1, at, {"Name": text})[0]

    def text_of(self, payload):
        return payload["Name"]

    def seed_money(self, amount, currency, at):
        values = {"Name": "D", "Amount": float(amount), "CurrencyIsoCode": currency}
        return "opportunity", self._make("Opportunity", 1, at, values)[0]

    def money_of(self, payload):
        return Decimal(str(payload["Amount"]))

    def lazily(self, count):
        def part(first):
            rows = [
                {
                    "attributes": {"type": "Account"},
                    "Id": make_id("001", number + 1),
                    "Name": f"C{number}",
                    "SystemModstamp": time.strftime(
                        "%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(EPOCH + number)
                    ),
                }
                for number in range(first, min(first + 500, count))
            ]
            body = {"totalSize": count, "done": first + 500 >= count, "records": rows}
            if not body["done"]:
                link = f"/services/data/v67.0/query/0r8lazy-{first + 500}"
                body["nextRecordsUrl"] = link
            return body

        return [
            ("GET", "/services/data/v67.0/query", lambda request: part(0)),
            (
                "GET",
                r"/services/data/v67.0/query/0r8lazy-(?P<first>\d+)",
                lambda request, first: part(int(first)),
            ),
        ]

    def write(self, number=1):
        return Write(f"key-{number}", "customer", "create", None, {"Name": f"Made {number}"})

    def bad_write(self, number):
        return Write(f"key-{number}", "customer", "create", None, {"Name": ""})

    def effects(self, write):
        rows = self.sandbox.store.rows["Account"].values()
        return sum(row.get("Odoo_Key__c") == write.key for row in rows)


class TestSalesforce(Contract):
    subject = SalesforceSubject
