"""The shipped canonical entities: each with messages as a product sends them, through the engine."""

from datetime import date
from decimal import Decimal

from jsonschema import Draft202012Validator
from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from ..core.problem import Problem
from .business_common import BusinessCase
from .hub_common import HubCase

ISSUE = {  # what the product promises to know, by entity
    "customer": {"parent"}, "contact": {"email"}, "opportunity": {"stage"},
    "agreement": {"customer", "bill_to", "end_client", "payment_terms"},
    "contract": {"lines", "amount", "po_number", "retainers", "stated_change_orders"},
    "contract_line": {"unit_price", "reached"}, "retainer_term": {"period", "amount", "included"},
    "change_order": {"number", "amount", "effective_from"},
    "milestone": {"deadline", "reached"}, "project": {"name"}, "task": {"project", "hours"},
    "assignment": {"employee", "role", "hours", "booking"},
    "employee": {"role", "cost_rate", "cost_from", "selling_company", "target_hours"},
    "leave": {"employee", "starts_at", "ends_at"}, "service_item": {"code"},
    "time_entry": {"hours", "billable_hours", "employee", "enterer", "approver"},
    "expense": {"amount"}, "invoice": {"number", "total", "customer", "lines", "ledger_state"},
    "invoice_line": {"untaxed", "item", "account", "tax"}, "payment": {"amount", "customer"}, "attachment": {"url"},
}  # fmt: skip


class EntityCase(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.process = cls.env.ref("lead_to_cash_hub.process_master_data", False) or cls.env[
            "hub.process"
        ].search([], limit=1)
        template = cls.env["project.project"].create(
            {"name": "Rollout", "company_id": cls.company.id, "allow_billable": True}
        )
        cls.project = template
        cls.employee = cls.env["hr.employee"].create(
            {"name": "Cora", "work_email": "cora@firm.example", "company_id": cls.company.id,
             "hourly_cost": 50}
        )  # fmt: skip
        cls.partner = cls.env["res.partner"].create({"name": "Acme", "is_company": True})

    @classmethod
    def connect(cls, code):
        """A mapping of every inbound field by its own name, and a stream."""
        entity = cls.env["hub.entity"].search([("code", "=", code)])
        mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id == entity and m.direction == "in"
        )
        mapping.unlink()
        cls.env["hub.mapping"].create(
            {
                "system_id": cls.system.id,
                "entity_id": entity.id,
                "line_ids": [
                    Command.create({"field_id": field.id, "path": field.name})
                    for field in entity.field_ids
                    if field.direction != "out" and not field.kind.startswith("lines:")
                ],
            }
        )
        if not cls.system.stream_ids.filtered(
            lambda s: s.entity_id == entity and s.direction == "in"
        ):
            cls.env["hub.stream"].create(
                {"system_id": cls.system.id, "entity_id": entity.id, "poll": False,
                 "process_id": cls.process.id}
            )  # fmt: skip

    def send(self, code, key, number=1, /, **values):
        return self.work(self._incoming(code, key, values, number))

    def found(self, code, key):
        return self.partner_of(key, code)

    def know(self, code, key, record):
        """Odoo's record and the product's are one already."""
        entity = self.env["hub.entity"].search([("code", "=", code)])
        self.env["hub.link"]._store(
            self.env.cr,
            [{"system_id": self.system.id, "entity_id": entity.id, "entity": code, "external_id": key,
              "company_id": None, "res_model": record._name, "res_id": record.id, "base": "{}",
              "version": None}],
        )  # fmt: skip
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestModel(EntityCase):
    def test_every_entity_has_its_fields_a_data_class_and_a_binding(self):
        entities = {entity.code: entity for entity in self.env["hub.entity"].search([])}
        for code, names in ISSUE.items():
            with self.subTest(code):
                entity = entities[code]
                self.assertLessEqual(names, set(entity.field_ids.mapped("name")))
                self.assertTrue(all(entity.field_ids.mapped("data_class")))
                if not code.endswith(("_line", "_term", "change_order")):
                    self.assertTrue(entity.model_name)
                    self.assertTrue(entity.handler)
                for field in entity.field_ids.filtered(lambda f: f.binding == "field"):
                    self.assertIn(field.odoo_field, self.env[entity.model_name]._fields)

    def test_each_is_published_as_a_schema(self):
        entities = self.env["hub.entity"].search([("code", "in", list(ISSUE))])
        for entity, version in zip(
            entities, map(self.env["hub.entity.version"]._publish(entities).get, entities.ids), strict=True
        ):  # fmt: skip
            with self.subTest(entity.code):
                Draft202012Validator.check_schema(version.schema)
                self.assertEqual(
                    set(version.schema["properties"]), set(entity.field_ids.mapped("name"))
                )

    def test_an_amount_names_its_currency_and_a_quantity_its_unit(self):
        fields_ = self.env["hub.entity.field"].search([])
        holders = {}  # the entities that have one as their lines
        for field in fields_.filtered(lambda f: f.kind.startswith("lines:")):
            holders.setdefault(field.kind.partition(":")[2], set()).add(field.entity_id)
        counted = fields_.filtered(lambda f: f.kind in ("money", "decimal"))
        self.assertGreater(len(counted), 40)
        for field in counted:
            entity = field.entity_id
            with self.subTest(f"{entity.code}.{field.name}"):
                self.assertTrue(field.unit)
                schema = entity._json_schema()["properties"][field.name]
                self.assertEqual(schema["x-hub-unit"], field.unit)
                if field.kind != "money":
                    continue
                places = {entity, *holders.get(entity.code, ())}
                named = {f.name for e in places for f in e.field_ids if f.kind == "currency"}
                self.assertIn(field.unit, named | {"company.currency", "contract.currency"})

    def test_every_vocabulary_of_the_process_is_there(self):
        codes = set(self.env["hub.vocabulary"].search([]).mapped("code"))
        self.assertLessEqual(
            {"deal_stage", "project_state", "approval_state", "billing_model", "service_item", "tax_code",
             "payment_terms", "unit", "role", "country"},
            codes,
        )  # fmt: skip


@tagged("post_install", "-at_install")
class TestTerms(EntityCase):
    def test_an_agreement_with_its_parties_and_terms(self):
        self.connect("agreement")
        self.know("customer", "c1", self.partner)
        payer, client = self.env["res.partner"].create(
            [{"name": "Acme Shared Services", "is_company": True}, {"name": "Acme Norge", "is_company": True}]
        )  # fmt: skip
        self.know("customer", "c2", payer)
        self.know("customer", "c3", client)
        terms = self.env["account.payment.term"].create({"name": "30 days"})
        self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_payment_terms").id,
             "code": "net30", "name": "Net 30", "res_id": terms.id}
        )  # fmt: skip
        values = {"code": "MSA-1", "name": "Master", "customer": "c1", "bill_to": "c2", "end_client": "c3",
                  "start_date": "2026-01-01", "end_date": "2027-12-31", "payment_terms": "NET30"}  # fmt: skip
        self.assertStates(self.send("agreement", "a1", **values), "done")
        agreement = self.found("agreement", "a1")
        self.assertEqual(
            (agreement.partner_id, agreement.bill_partner_id, agreement.end_client_id), (self.partner, payer, client)
        )  # fmt: skip
        self.assertEqual((agreement.payment_term_id, agreement.company_id), (terms, self.company))
        self.send("agreement", "a1", 2, **{**values, "end_date": "2028-12-31"})
        self.assertEqual(agreement.date_end, date(2028, 12, 31))
        bad = self.send("agreement", "a2", **{**values, "code": "MSA-2", "end_date": "2020-01-01"})
        self.assertExplained(bad, "odoo_rule")

    def test_terms_that_both_changed_are_a_question(self):
        """Bill-to, terms and dates: who changed alone is followed, a person decides about the rest."""
        self.connect("agreement")
        self.know("customer", "c1", self.partner)
        payer, other = self.env["res.partner"].create(
            [{"name": "Acme Payer", "is_company": True}, {"name": "Acme Other", "is_company": True}]
        )
        self.know("customer", "c2", payer)
        self.know("customer", "c3", other)
        days = self.env["account.payment.term"].create(
            [{"name": f"{n} days"} for n in (30, 60, 90)]
        )
        self.env["hub.vocabulary.term"].create(
            [
                {
                    "vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_payment_terms").id,
                    "code": code,
                    "name": f"Term {code}",
                    "res_id": record.id,
                }
                for code, record in zip(("net30", "net60"), days, strict=False)
            ]
        )
        values = {"code": "MSA-9", "name": "Master", "customer": "c1", "bill_to": "c2", "start_date": "2026-01-01",
                  "end_date": "2027-12-31", "payment_terms": "NET30"}  # fmt: skip
        self.send("agreement", "a1", **values)
        agreement = self.found("agreement", "a1")
        alone = self.send("agreement", "a1", 2, **{**values, "payment_terms": "NET60"})
        self.assertStates(alone, "done")
        self.assertEqual(agreement.payment_term_id, days[1], "only the source changed")
        typed = {
            "bill_partner_id": other.id,
            "payment_term_id": days[2].id,  # which no term stands for
            "date_start": "2026-02-01",
            "date_end": "2028-12-31",
        }
        agreement.write(typed)
        again = {**values, "bill_to": "c1", "payment_terms": "NET30", "start_date": "2026-03-01",
                 "end_date": "2029-12-31"}  # fmt: skip
        exception = self.assertExplained(self.send("agreement", "a1", 3, **again), "merge_conflict")
        self.assertEqual(
            exception.params["fields"], ["bill_to", "end_date", "payment_terms", "start_date"]
        )
        self.assertEqual(
            (agreement.bill_partner_id, agreement.payment_term_id, agreement.date_start),
            (other, days[2], date(2026, 2, 1)),
        )
        action = exception.with_user(self._make_role("decides", "manager")).action_decide()
        conflict = self.env["hub.conflict"].browse(action["res_id"])
        shown = {line.field_id.name: (line.odoo, line.incoming) for line in conflict.line_ids}
        self.assertEqual(shown["payment_terms"], ("90 days", "Term net30"))
        conflict.line_ids.take = "source"
        conflict.reason = "as signed"
        conflict.action_confirm()
        self.drain()
        self.assertEqual(
            (agreement.bill_partner_id, agreement.payment_term_id, agreement.date_end),
            (self.partner, days[0], date(2029, 12, 31)),
        )

    def test_what_is_worth_money_is_a_question_from_the_start(self):
        """The shipped proposal: bill-to, tax number, terms, currency, value, rate, dates, billing contact."""
        rules = self.env["hub.ownership"].search(
            [("company_id", "=", False), ("rule", "=", "hold")]
        )
        held = {(rule.entity_id.code, rule.field_id.name) for rule in rules}
        self.assertLessEqual(
            {
                ("agreement", "bill_to"),
                ("customer", "vat"),
                ("agreement", "payment_terms"),
                ("opportunity", "payment_terms"),
                ("opportunity", "currency"),
                ("opportunity", "amount"),
                ("employee", "cost_rate"),
                ("employee", "currency"),
                ("employee", "cost_from"),
                ("opportunity", "close_date"),
                ("opportunity", "start_date"),
                ("agreement", "start_date"),
                ("agreement", "end_date"),
                ("customer", "email"),
            },
            held,
        )

    def test_terms_that_another_system_states_stand_beside_those_that_were_signed(self):
        self.connect("contract")
        for code in ("retainer_term", "change_order"):
            self.connect(code)
        mapping = self.system.mapping_ids.filtered(lambda m: m.entity_id.code == "contract")
        known = mapping.entity_id.field_ids
        mapping.line_ids = [
            Command.create({"field_id": known.filtered(lambda f, n=n: f.name == n).id, "path": n})
            for n in ("stated_retainers", "stated_change_orders")
        ]
        contract = self.env["hub.contract"].create(
            {"name": "Care", "partner_id": self.partner.id, "company_id": self.company.id}
        )
        contract.action_activate()
        order = {
            "number": "CO-1",
            "name": "Second site",
            "signed_at": "2026-03-01",
            "amount": "5000.00",
        }
        retainer = {
            "name": "Support",
            "period": "month",
            "amount": "2000",
            "included": "10",
            "rate_above": "180",
        }
        message = self.send(
            "contract",
            "k9",
            code=contract.code,
            stated_retainers=[retainer],
            stated_change_orders=[order],
        )
        self.assertStates(message, "done")
        self.assertEqual(contract.stated_change_orders[0]["number"], "CO-1")
        self.assertEqual(contract.stated_retainers[0]["amount"], "2000")
        self.assertEqual(contract.amount_total, 0, "what was signed stays")
        for word in ("Second site", "Support", "5,000.00", "2,000.00"):
            self.assertIn(word, contract.stated_html)
        self.assertStates(
            self.send(
                "contract",
                "k9",
                2,
                code=contract.code,
                stated_retainers=[],
                stated_change_orders=[order],
            ),
            "done",
        )
        self.assertFalse(contract.stated_retainers)
        bad = self.send(
            "contract", "k9", 3, code=contract.code, stated_change_orders=[{"amount": "much"}]
        )
        self.assertStates(bad, "failed")
        with self.assertRaises(AccessError):
            contract.with_user(self.env.ref("base.user_admin")).stated_change_orders = []

    def test_the_retainer_that_odoo_has_goes_out(self):
        contract = self.env["hub.contract"].create(
            {"name": "Care", "partner_id": self.partner.id, "company_id": self.company.id}
        )
        product = self.env["product.product"].create(
            {
                "name": "Care fee",
                "default_code": "CARE",
                "type": "service",
                "service_policy": "delivered_milestones",
            }
        )
        self.env["hub.retainer"].create(
            {"contract_id": contract.id, "product_id": product.id, "allowance": 10, "fee": 1800,
             "date_from": "2026-01-01", "carry": "all", "carry_periods": 2}
        )  # fmt: skip
        composed = self.env["hub.handler.contract"]._hub_compose(contract, self.system)
        (terms,) = composed[contract.id]["retainers"]
        self.assertEqual(
            (terms["service"], terms["period"], terms["basis"], terms["amount"], terms["included"]),
            ("CARE", "month", "hours", Decimal(1800), Decimal(10)),
        )
        self.assertEqual(terms["carried_over"], 2)
        entity = self.env["hub.entity"].search([("code", "=", "retainer_term")])
        self.assertLessEqual(set(terms), set(entity.field_ids.mapped("name")))

    def test_a_contract_is_found_by_its_code_and_its_signed_terms_stay(self):
        self.connect("agreement")
        self.connect("contract")
        contract = self.env["hub.contract"].create(
            {"name": "ERP", "partner_id": self.partner.id, "company_id": self.company.id}
        )
        contract.action_activate()
        frame = self.env["hub.agreement"].create({"name": "Frame", "partner_id": self.partner.id})
        self.know("agreement", "a1", frame)
        done = self.send("contract", "k1", code=contract.code, po_number="PO-7", end_date="2026-12-31",
                         agreement="a1")  # fmt: skip
        self.assertStates(done, "done")
        self.assertEqual(
            (contract.po_number, contract.date_end, contract.agreement_id),
            ("PO-7", date(2026, 12, 31), frame),
        )
        self.assertStates(self.send("contract", "k2", code="no-such"), "skipped:made_in_odoo")
        composed = self.env["hub.handler.contract"]._hub_compose(contract, self.system)
        schema = contract.env["hub.entity"].search([("code", "=", "contract")])._json_schema()
        self.assertEqual(composed[contract.id]["code"], contract.code)
        self.assertLessEqual(set(composed[contract.id]), set(schema["properties"]))

    def test_milestones_and_tasks_of_a_project(self):
        self.connect("milestone")
        self.connect("task")
        self.know("project", "p1", self.project)
        self.assertStates(
            self.send("milestone", "m1", project="p1", name="Go live", deadline="2026-06-30"),
            "done",
        )
        milestone = self.found("milestone", "m1")
        self.assertEqual((milestone.project_id, milestone.is_reached), (self.project, False))
        self.send(
            "milestone", "m1", 2, project="p1", name="Go live", deadline="2026-06-30", reached=True
        )
        self.assertTrue(milestone.is_reached)
        note = "<script>x</script>"
        self.assertStates(
            self.send("task", "t1", project="p1", name="Build", hours="12.5", milestone="m1", note=note), "done"
        )  # fmt: skip
        task = self.found("task", "t1")
        self.assertEqual((task.project_id, task.allocated_hours), (self.project, 12.5))
        self.assertEqual(task.milestone_id, milestone)
        self.assertNotIn("<script", task.description)
        self.assertExplained(self.send("task", "t2", project="p9", name="X"), "unmapped_project")

    def test_a_service_item_is_found_by_its_code_and_never_made(self):
        self.connect("service_item")
        product = self.env["product.product"].create({"name": "Consulting", "default_code": "CON"})
        self.assertStates(self.send("service_item", "s1", code="con"), "skipped:kept")
        self.assertEqual(self.found("service_item", "s1"), product)
        count = self.env["product.product"].search_count([])
        self.assertStates(
            self.send("service_item", "s2", code="NEW", name="New"), "skipped:made_in_odoo"
        )
        self.assertEqual(self.env["product.product"].search_count([]), count)

    def test_a_document_stands_beside_what_it_is_about(self):
        self.connect("attachment")
        self.know("customer", "c1", self.partner)
        self.know("project", "p1", self.project)
        self.assertStates(
            self.send("attachment", "d1", name="Signed.pdf", url="https://sign.example/1", customer="c1",
                      project="p1"), "done",
        )  # fmt: skip
        document = self.found("attachment", "d1")
        self.assertEqual((document.partner_id, document.project_id), (self.partner, self.project))
        self.assertExplained(
            self.send("attachment", "d2", name="X", url="https://x.example"), "odoo_rule"
        )
        self.assertExplained(
            self.send("attachment", "d3", name="X", url="javascript:alert(1)", customer="c1"),
            "bad_value",
        )

    def test_a_parent_company(self):
        self.connect("customer")
        self.know("customer", "c1", self.partner)
        self.assertStates(self.send("customer", "c2", name="Acme Norge", parent="c1"), "done")
        self.assertEqual(self.found("customer", "c2").parent_id, self.partner)


@tagged("post_install", "-at_install")
class TestPeople(EntityCase):
    def setUp(self):
        super().setUp()
        self.connect("employee")
        self.role = self.env["project.role"].create({"name": "Architect"})
        self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": self.env.ref("lead_to_cash_hub.vocabulary_role").id, "code": "arch",
             "name": "Architect", "res_id": self.role.id}
        )  # fmt: skip
        self.values = {"name": "Cora", "email": "cora@firm.example", "job_title": "Architect", "role": "arch",
                       "target_hours": "32", "cost_rate": "60.00", "cost_from": "2026-01-01"}  # fmt: skip

    def test_role_target_and_cost_from_a_day_on(self):
        self.assertStates(self.send("employee", "e1", **self.values), "done")
        self.assertEqual(
            (self.employee.job_title, self.employee.hub_target_hours, self.role.hub_employee_ids),
            ("Architect", 32, self.employee),
        )
        self.send(
            "employee", "e1", 2, **{**self.values, "cost_rate": "75.50", "cost_from": "2026-07-01"}
        )
        self.send(
            "employee", "e1", 3, **{**self.values, "cost_rate": "76.00", "cost_from": "2026-07-01"}
        )
        rates = {str(r.date_from): r.hourly_cost for r in self.employee.hub_cost_rate_ids}
        self.assertEqual(rates, {"2026-01-01": 60.0, "2026-07-01": 76.0})
        today = self.employee._hub_cost_on(fields.Date.today())
        self.assertEqual(self.employee.hourly_cost, 50.0 if today is None else today)

    def test_a_rate_that_a_person_changed_as_well_is_a_question(self):
        self.send("employee", "e1", **self.values)
        self.assertStates(
            self.send("employee", "e1", 2, **{**self.values, "cost_rate": "65.00"}), "done"
        )
        rate = self.employee.hub_cost_rate_ids
        self.assertEqual(rate.hourly_cost, 65.0, "only the source changed")
        rate.hourly_cost = 70.0
        exception = self.assertExplained(
            self.send("employee", "e1", 3, **{**self.values, "cost_rate": "75.00", "cost_from": "2026-02-01"}),
            "merge_conflict",
        )  # fmt: skip
        self.assertEqual(self.employee.hub_cost_rate_ids.mapped("hourly_cost"), [70.0])
        manager = self._make_role("rates", "manager", "hr.group_hr_manager")
        action = exception.with_user(manager).action_decide()
        conflict = self.env["hub.conflict"].with_user(manager).browse(action["res_id"])
        line = conflict.line_ids.filtered(lambda line: line.field_id.name == "cost_rate")
        self.assertEqual((line.base, line.odoo, line.incoming), ("65.00", "70", "75"))
        conflict.line_ids.take = "source"
        conflict.reason = "the new contract"
        conflict.action_confirm()
        self.drain()
        rates = {str(r.date_from): r.hourly_cost for r in self.employee.hub_cost_rate_ids}
        self.assertEqual(rates, {"2026-01-01": 70.0, "2026-02-01": 75.0})

    def test_an_entry_costs_what_the_person_cost_that_day(self):
        self.env["hub.cost.rate"].create(
            [{"employee_id": self.employee.id, "date_from": day, "hourly_cost": cost}
             for day, cost in (("2026-01-01", 60), ("2026-07-01", 80))]
        )  # fmt: skip
        amounts = []
        for day in ("2025-12-31", "2026-06-30", "2026-07-01"):
            line = self.env["account.analytic.line"].create(
                {"project_id": self.project.id, "employee_id": self.employee.id, "unit_amount": 2,
                 "date": day, "name": "Work"}
            )  # fmt: skip
            amounts.append(line.amount)
        self.assertEqual(amounts[1:], [-120.0, -160.0])

    def test_a_rate_in_another_currency_is_a_question(self):
        other = "USD" if self.company.currency_id.name != "USD" else "EUR"
        message = self.send("employee", "e1", **self.values, currency=other)
        self.assertExplained(message, "cost_currency")
        self.assertFalse(self.employee.hub_cost_rate_ids)

    def test_nobody_is_made_an_employee(self):
        self.assertStates(
            self.send("employee", "e2", name="Nobody", email="no@one.example"), "skipped:no_match"
        )

    def test_assignments_of_a_person_and_of_an_open_role(self):
        self.connect("assignment")
        self.know("project", "p1", self.project)
        self.know("employee", "e1", self.employee)
        base = {
            "project": "p1",
            "hours": "80",
            "start_date": "2026-03-01",
            "end_date": "2026-04-30",
        }
        self.assertStates(
            self.send("assignment", "x1", **base, employee="e1", booking="firm"), "done"
        )
        self.assertStates(self.send("assignment", "x2", **base, role="arch"), "done")
        firm, soft = self.found("assignment", "x1"), self.found("assignment", "x2")
        self.assertEqual((firm.employee_id, firm.booking, firm.hours), (self.employee, "firm", 80))
        self.assertEqual((soft.role_id, soft.booking), (self.role, "soft"))
        self.assertExplained(self.send("assignment", "x3", **base), "odoo_rule")
        self.assertExplained(
            self.send("assignment", "x4", **base, role="arch", booking="maybe"), "bad_value"
        )

    def test_an_approved_leave_blocks_the_calendar_and_a_rejected_one_frees_it(self):
        self.connect("leave")
        self.know("employee", "e1", self.employee)
        values = {"employee": "e1", "starts_at": "2026-08-03T06:00:00Z", "ends_at": "2026-08-07T16:00:00Z",
                  "kind": "Holiday"}  # fmt: skip
        self.assertStates(self.send("leave", "l1", **values, approval="submitted"), "done")
        leave = self.found("leave", "l1")
        self.assertFalse(leave.calendar_leave_id)
        self.send("leave", "l1", 2, **values, approval="approved")
        blocked = leave.calendar_leave_id
        self.assertEqual(blocked.resource_id, self.employee.resource_id)
        self.assertEqual(str(blocked.date_from), "2026-08-03 06:00:00")
        self.send("leave", "l1", 3, **values, approval="rejected")
        self.assertFalse(leave.calendar_leave_id or blocked.exists())
        with self.assertRaises(ValidationError):
            leave.date_to = "2026-08-01 00:00:00"


@tagged("post_install", "-at_install")
class TestInvoices(BusinessCase):
    """A posted invoice of a firm with a chart of accounts, as another billing system names it."""

    def item(self, **values):
        return self._item("invoice", values)

    def test_an_invoice_is_known_by_its_number_and_the_books_decide(self):
        contract = self._start_deal()
        move = self._approve(self._invoice(contract, 3.0)) or contract.move_ids
        total = f"{move.amount_total:.2f}"
        item = self.item(number=move.name, total=Decimal(total), currency=move.currency_id.name)
        self._apply(item)
        self.assertEqual((item.res_id, item.problem), (move.id, None))
        wrong = self.item(number=move.name, total=Decimal("1.00"))
        with self.assertRaises(Problem) as caught:
            self._apply(wrong)
        self.assertEqual(caught.exception.code, "invoice_differs")
        unknown = self.item(number="X/9", total=Decimal("1.00"))
        self._apply(unknown)
        self.assertEqual(unknown.skip, "made_in_odoo")
        composed = self._handler("invoice")._hub_compose(move, None)[move.id]
        self.assertEqual((composed["number"], composed["total"]), (move.name, Decimal(total)))
        self.assertEqual(composed["contract"], contract.code)
