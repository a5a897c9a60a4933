from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..core.problem import Term
from .business_common import BusinessCase
from .hub_common import HubMixin


@tagged("post_install", "-at_install")
class TestTimePeople(BusinessCase):
    """Who worked, who entered it and who approved it; what was worked and what is billed."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal()
        self.arno = self.env["hr.employee"].search([("work_email", "=", "arno@firm.example")])

    # --- people -----------------------------------------------------------------------------------

    def test_what_the_source_says_of_people(self):
        entry = self._book(self.contract, "2", enterer=self.arno.id, approver=self.arno.id)
        self.assertEqual(entry.employee_id, self.consultant)
        self.assertEqual(entry.hub_entered_by_id, self.arno.work_contact_id)
        self.assertEqual(entry.hub_approved_by_id, self.arno.work_contact_id)
        self._change(entry, approval=Term("submitted"), approver=None)
        self.assertFalse(entry.hub_approved_by_id)
        self.assertEqual(entry.hub_entered_by_id, self.arno.work_contact_id)

    def test_whoever_is_unknown_is_nobody(self):
        entry = self._book(self.contract, "2", enterer=None, approver=None)
        self.assertFalse(entry.hub_entered_by_id or entry.hub_approved_by_id)
        waiting = self._book(self.contract, "2", approval="submitted", approver=self.arno.id)
        self.assertFalse(waiting.hub_approved_by_id, "nothing is approved yet")

    def test_another_approver_touches_no_invoice(self):
        entry = self._book(self.contract, "2", approver=self.arno.id)
        invoice = self._approve(self._bill(self.contract))
        item = self._change(entry, approver=self.consultant.id)
        self.assertFalse(item.problem)
        self.assertEqual(entry.hub_approved_by_id, self.consultant.work_contact_id)
        self.assertEqual(invoice.state, "posted")

    def test_people_who_type_in_odoo(self):
        worker = self.env["res.users"].create(
            {"name": "Wanda", "login": "wanda", "company_id": self.company.id,
             "company_ids": [Command.set(self.company.ids)],
             "group_ids": [Command.set(self.env.ref("hr_timesheet.group_hr_timesheet_user").ids)]}
        )  # fmt: skip
        self.env["hr.employee"].create({"name": "Wanda", "user_id": worker.id})
        boss = self.env.ref("base.user_admin")
        boss.group_ids += self.env.ref("hr_timesheet.group_timesheet_manager")
        boss.company_ids += self.company
        self.company.hub_timesheet_approval = True
        values = {"project_id": self.contract.project_id.id, "unit_amount": 1, "name": "typed"}
        context = {"allowed_company_ids": self.company.ids}
        entry = (
            self.env["account.analytic.line"]
            .with_user(worker)
            .with_context(**context)
            .create(values)
        )
        self.assertEqual(entry.hub_entered_by_id, worker.partner_id)
        self.assertFalse(entry.hub_approved_by_id)
        entry.with_user(boss).with_context(**context).action_hub_approve_time()
        self.assertEqual(entry.hub_approved_by_id, boss.partner_id)
        entry.with_user(boss).with_context(**context).action_hub_reject_time()
        self.assertFalse(entry.hub_approved_by_id)
        for name in ("hub_entered_by_id", "hub_approved_by_id"):
            with self.assertRaises(AccessError):
                entry.with_user(boss).with_context(**context).write({name: worker.partner_id.id})
        for forged in (
            {"hub_billable_quantity": 9},
            {"hub_approved_at": "2025-01-01"},
            {"hub_submitted_at": "2025-01-01"},
        ):
            with self.assertRaises(AccessError):
                entry.with_user(boss).with_context(**context).write(forged)

    def test_people_cost_one_query_a_batch(self):
        def items(number):
            return [
                self._item(
                    "time_entry",
                    self._time(self.contract, "1", enterer=self.arno.id, approver=self.arno.id),
                )
                for _one in range(number)
            ]

        counts = []
        for number in (10, 20):
            batch = items(number)
            handler = self._handler("time_entry")
            handler._hub_check(batch)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(handler._contacts(batch), {self.arno.id: self.arno.work_contact_id.id})
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])

    # --- worked and billable ----------------------------------------------------------------------

    def test_less_is_billed_than_was_worked(self):
        entry = self._book(self.contract, "8", billable_hours=Decimal(5))
        self.assertEqual((entry.unit_amount, entry.hub_billable_quantity), (8, 5))
        self._book(self.contract, "1")
        line = self._bill(self.contract).invoice_line_ids
        self.assertEqual((line.quantity, line.price_subtotal), (6, 900))
        rows = self.env["hub.billing"].search([("move_id", "=", line.move_id.id)])
        self.assertEqual(sorted(rows.mapped("quantity")), [1, 5])
        self.assertEqual(self.contract.sale_order_id.order_line.qty_to_invoice, 0)

    def test_none_of_it_is_billed(self):
        entry = self._book(self.contract, "8", billable_hours=Decimal(0))
        self.assertEqual(entry.hub_billable, "no")
        self.assertFalse(entry.so_line)
        self.assertFalse(self._bill(self.contract))

    def test_the_source_bills_more_of_it_on_a_draft(self):
        entry = self._book(self.contract, "8", billable_hours=Decimal(5))
        invoice = self._bill(self.contract)
        self._change(entry, hours=Decimal(8), billable_hours=Decimal("6.5"))
        self.assertEqual(invoice.invoice_line_ids.quantity, 6.5)
        self._approve(invoice)
        item = self._change(entry, changed=["billable_hours"], billable_hours=Decimal(7))
        self.assertEqual(item.problem.code, "changed_after_billing")

    def test_of_corrected_hours_the_source_has_said_nothing(self):
        entry = self._book(self.contract, "8", billable_hours=Decimal(5))
        entry.sudo().write({"unit_amount": 7})
        self.assertEqual(entry.hub_billable_quantity, 7)

    def test_thirds_of_hours_add_up(self):
        third = Decimal(1200) / Decimal(3600)
        self._book(self.contract, *[third] * 3, billable_hours=third)
        self.assertEqual(self._bill(self.contract).invoice_line_ids.quantity, 1)


@tagged("post_install", "-at_install")
class TestTimePeopleIn(HubMixin, BusinessCase):
    """From a Harvest payload, through the engine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system = cls.env["hub.system"].create(
            {"name": "Harvest", "product": "harvest", "base_url": "https://api.harvestapp.com",
             "environment": "sandbox", "company_ids": [Command.set(cls.company.ids)]}
        )  # fmt: skip
        cls.system.state = "connected"
        cls.system.stream_ids.poll = False

    def setUp(self):
        super().setUp()
        self._start_engine()
        self.contract = self._start_deal()
        entities = {entity.code: entity.id for entity in self.env["hub.entity"].search([])}
        task = self.contract.project_id.task_ids.filtered("sale_line_id")[:1]
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {"system_id": self.system.id, "entity_id": entities[code], "entity": code, "external_id": key,
                 "company_id": self.company.id, "res_model": record._name, "res_id": record.id}
                for code, key, record in (
                    ("employee", "1", self.consultant), ("project", "1", self.contract.project_id),
                    ("task", "1/1", task),
                )
            ],
        )  # fmt: skip
        lines = self.system.mapping_ids.filtered(lambda m: m.entity_id.code == "time_entry")
        fields = lines.entity_id.field_ids
        lines.line_ids = [
            Command.create({"field_id": fields.filtered(lambda f, n=n: f.name == n).id, "path": f"{n}.id"})
            for n in ("enterer", "approver")
        ]  # fmt: skip

    def entry(self, key, **values):
        payload = {
            "id": key, "spent_date": "2025-06-10", "hours": 1.1, "rounded_hours": 1.25, "notes": "Work",
            "user": {"id": 1, "name": "Cora"}, "project": {"id": 1, "name": "Rollout"},
            "task": {"id": 1, "name": "Build"}, "project_task": "1/1", "approval_status": "approved",
            "billable": True, "is_running": False, "billable_rate": 150.0, **values,
        }  # fmt: skip
        self.work(self._incoming("time_entry", str(key), payload))
        link = self.env["hub.link"].search(
            [("entity_id.code", "=", "time_entry"), ("external_id", "=", str(key))]
        )
        return self.env["account.analytic.line"].browse(link.res_id)

    def test_harvest_bills_its_rounded_hours(self):
        entry = self.entry(7)
        self.assertAlmostEqual(entry.unit_amount, 1.1)
        self.assertAlmostEqual(entry.hub_billable_quantity, 1.25)

    def test_nothing_waits_for_people_who_are_unknown(self):
        entry = self.entry(8, enterer={"id": 1}, approver={"id": 4711})
        self.assertEqual(entry.hub_entered_by_id, self.consultant.work_contact_id)
        self.assertFalse(entry.hub_approved_by_id)
        message = self.env["hub.message"].search([("external_id", "=", "8")])
        self.assertEqual(message.state, "done")
        self.assertFalse(self.env["hub.message"].search([("external_id", "=", "4711")]))
