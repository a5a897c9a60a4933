"""Another Odoo under the contract of all connectors."""

from datetime import timedelta
from decimal import Decimal

from contract import Contract, Subject

from lead_to_cash_hub.connectors.parts import Write
from sandbox.odoo import OdooSandbox


class OdooSubject(Subject):
    product = "odoo"
    sandbox_class = OdooSandbox
    settings = {
        "account_id": "other",
        "hub_url": "https://hub.firm.example",
        "database": "main",
        "written": {"project": ["name"], "customer": ["name"]},
    }
    secrets = {"api_key": "odoo-sandbox-key"}
    entity = "customer"
    page = 500
    write_entity = "project"
    creates = True
    deletions = "fetch"
    other_account = "elsewhere"
    missing_rights = (
        ({"no_read": ["hr.employee"]}, {"code": "read", "entity": "employee"}),
        ({"no_write": ["project.project"]}, {"code": "write", "scope": "project.project (create)"}),
    )
    # an empty list is an answer: there is no row
    not_answers = (b"", b"null", b'"text"', b"{}", b'{"error": "oops"}', b"<html>")

    def fault(self, kind, **details):
        # every call is a POST; those that change something are told by their method
        if details.get("method") == "POST":
            details["path"] = "/(load|write)$"
        super().fault(kind, **details)

    def seed(self, count, at):
        rows = [{"name": "Acme", "is_company": True, "write_date": at}] * count
        return [str(key) for key in self.sandbox.seed(**{"res.partner": rows})["res.partner"]]

    def touch(self, key, at):
        self.sandbox.change("res.partner", int(key), {"city": "Later"}, at)

    def delete(self, key):
        del self.sandbox.data["res.partner"][int(key)]

    def seed_text(self, text, at):
        row = {"name": text, "is_company": True, "write_date": at}
        return str(self.sandbox.make("res.partner", row))

    def text_of(self, payload):
        return payload["name"]

    def seed_money(self, amount, currency, at):
        row = {"name": "INV/1", "amount_total": float(amount), "write_date": at}
        return "invoice", str(self.sandbox.make("account.move", row))

    def money_of(self, payload):
        return Decimal(payload["amount_total"])

    def lazily(self, count):
        def rows(request):
            domain = {leaf[0]: leaf[2] for leaf in request.get_json()["domain"]}
            first = domain["id"]
            return [
                {"id": key, "name": f"C{key}", "write_date": "2026-01-05 09:00:00"}
                for key in range(first + 1, min(first + 500, count) + 1)
            ]

        return [("POST", r"/json/2/res\.partner/search_read", rows)]

    def write(self, number=1):
        values = {
            "name": f"Rollout {number}",
            "date_start": "2026-03-01",
            "customer": {"key": number, "name": f"Acme {number}"},
            "tasks": [
                {"key": 10 * number, "name": "Build"},
                {"key": 10 * number + 1, "name": "Run"},
            ],
        }
        return Write(f"k{number}", "project", "create", None, values, record=number)

    def bad_write(self, number):
        write = self.write(number)
        return Write(
            write.key, "project", "create", None, {**write.values, "name": ""}, record=number
        )

    def effects(self, write):
        rows, values = self.sandbox.data, write.values
        projects = [r for r in rows["project.project"].values() if r["name"] == values["name"]]
        partners = [
            r for r in rows["res.partner"].values() if r["name"] == values["customer"]["name"]
        ]
        if len(projects) == len(partners) == 1 and projects[0]["partner_id"]:
            tasks = [
                r for r in rows["project.task"].values() if r["project_id"] == projects[0]["id"]
            ]
            if len(tasks) != 2 or projects[0]["date_start"] != "2026-03-01":
                return 0
        return max(len(projects), len(partners))


class TestOdoo(Contract):
    subject = OdooSubject

    def test_a_record_of_a_page_that_changes_is_read_again(self, product, now):
        """Times are whole seconds there, and pages go by id: both at the border of a page."""
        keys = product.seed(product.page, now - timedelta(hours=1))
        page = product.connector().poll("customer", {}, now)
        assert page.more
        product.touch(keys[0], now)
        rest = product.connector().poll("customer", page.cursor, now)
        again = product.connector().poll("customer", rest.cursor, now + timedelta(seconds=5))
        assert keys[0] in {record.external_id for record in again.records}
