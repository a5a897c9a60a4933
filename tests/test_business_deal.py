from datetime import date
from decimal import Decimal

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..core.problem import Term
from .business_common import BusinessCase


@tagged("post_install", "-at_install")
class TestBusinessDeal(BusinessCase):
    """Deals: leads while they are open, one contract, order and project once won."""

    def _mixed(self):
        return [
            self._line(self.consulting, 100, "150.00"),
            self._line(self.architecture, 20, "210.50"),
            self._line(self.milestone_service, 1, "12345.67", "Design"),
            self._line(self.milestone_service, 1, "20000", "Build"),
            self._line(self.milestone_service, 1, "15654.33", "Go-live"),
            self._line(self.travel, 1, "3000", "Travel at cost"),
        ]

    def test_open_deal_is_a_lead_and_no_more(self):
        item = self._apply(self._item("opportunity", self._deal(stage="open")))
        lead = self.env["crm.lead"].browse(item.res_id)
        self.assertEqual((lead.hub_amount, lead.expected_revenue), (15000.0, 15000.0))
        self.assertFalse(lead.hub_contract_id)
        self.assertFalse(lead.hub_won_at)

    def test_a_deal_with_a_negative_quantity_makes_nothing(self):
        lines = [self._line(self.consulting, -10, "150.00")]
        item = self._item("opportunity", self._deal(lines, amount=Decimal("-1500.00")))
        self._apply(item)
        self.assertProblem(item, "negative_deal")
        self.assertFalse(item.res_id)

    def test_mixed_services_make_one_order_and_one_project(self):
        projects = self.env["project.project"].search_count([])
        contract = self._start_deal(self._mixed())
        order = contract.sale_order_id
        self.assertEqual(self.env["project.project"].search_count([]), projects + 1)
        self.assertEqual(order.project_ids, contract.project_id)
        self.assertEqual(contract.amount_total, 70210.0)
        self.assertEqual(order.amount_untaxed, 70210.0)
        self.assertEqual(
            contract.line_ids.mapped("kind"),
            ["time_material"] * 2 + ["milestone"] * 3 + ["reimbursable"],
        )
        milestones = contract.project_id.milestone_ids
        self.assertEqual(set(milestones.mapped("name")), {"Design", "Build", "Go-live"})
        self.assertEqual(set(milestones.mapped("quantity_percentage")), {1.0})
        # the template's tasks fit no single hourly line; each line has a task of its own
        for line in contract.line_ids.filtered(lambda line: line.kind == "time_material"):
            self.assertEqual(line.sale_line_id.task_id.sale_line_id, line.sale_line_id)

    def test_milestones_bill_their_amounts_to_the_cent(self):
        contract = self._start_deal(self._mixed())
        billed = {}
        for milestone in contract.project_id.milestone_ids:
            milestone.is_reached = True
            moves = self._bill(contract, None, date(2100, 1, 1))
            billed[milestone.name] = moves.amount_untaxed
            self._approve(moves)
        self.assertEqual(billed, {"Design": 12345.67, "Build": 20000.0, "Go-live": 15654.33})
        self.assertFalse(self._bill(contract, None, date(2100, 1, 1)))

    def _design(self):
        """A contract with its milestone "Design" for 12,345.67, and a task that leads to it, as a template may have."""
        contract = self._start_deal(self._mixed())
        milestone = contract.project_id.milestone_ids.filtered(lambda one: one.name == "Design")
        task = self.env["project.task"].create(
            {
                "name": "Draw",
                "project_id": contract.project_id.id,
                "milestone_id": milestone.id,
                "sale_line_id": milestone.sale_line_id.id,
            }
        )
        return contract, milestone, task

    def test_time_on_a_milestones_task_is_paid_by_the_milestone(self):
        contract, milestone, task = self._design()
        entry = self._book(contract, "8", task=task.id)
        self.assertEqual(entry.so_line, milestone.sale_line_id)
        self.assertFalse(self._bill(contract, None, date(2100, 1, 1)))
        batch = self.env["hub.billing.batch"].create(
            {"company_id": self.company.id, "date_to": date(2100, 1, 1)}
        )
        batch.action_propose()
        self.assertFalse(batch.line_ids)
        self._book(contract, "8", task=task.id, approval="submitted")
        self.assertFalse(milestone.sale_line_id._hub_waiting_time(), "it bills nothing either")
        milestone.is_reached = True
        invoice = self._bill(contract, None, date(2100, 1, 1))
        self.assertEqual(invoice.amount_untaxed, 12345.67)
        self.assertFalse(invoice.hub_billing_ids.entry_id)

    def test_time_that_moves_to_a_milestones_task_leaves_the_draft(self):
        contract, milestone, task = self._design()
        hourly = contract.line_ids.filtered(lambda line: line.product_id == self.consulting)
        entry = self._book(contract, "8", task=hourly.sale_line_id.task_id.id)
        milestone.is_reached = True
        invoice = self._bill(contract, None, date(2100, 1, 1))
        self.assertEqual(invoice.amount_untaxed, 1200.0 + 12345.67)
        self.assertFalse(self._change(entry, task=task.id).problem)
        self.assertEqual(invoice.amount_untaxed, 12345.67)

    def test_template_task_names_its_service(self):
        self.template.task_ids.filtered(
            lambda task: task.name == "Kick-off"
        ).hub_product_id = self.architecture
        contract = self._start_deal(self._mixed())
        task = contract.project_id.task_ids.filtered(lambda task: task.name == "Kick-off")
        line = contract.line_ids.filtered(lambda line: line.product_id == self.architecture)
        self.assertEqual(task.sale_line_id, line.sale_line_id)

    def test_template_milestones_are_used_and_not_shared_out(self):
        self.template.allow_milestones = True
        self.env["project.milestone"].create(
            [{"name": name, "project_id": self.template.id} for name in ("Design", "Build")]
        )
        contract = self._start_deal(self._mixed())
        self.assertEqual(len(contract.project_id.milestone_ids), 3)

    def test_same_deal_again_creates_nothing(self):
        contract = self._start_deal()
        count = self.env["sale.order"].search_count([])
        item = self._item("opportunity", self._deal(), record=contract.lead_id, changed=())
        self._apply(item)
        self.assertFalse(item.problem)
        self.assertEqual(self.env["sale.order"].search_count([]), count)
        self.assertEqual(contract.lead_id.hub_contract_ids, contract)

    def test_what_people_changed_survives_another_change(self):
        item = self._apply(self._item("opportunity", self._deal(stage="open")))
        lead = self.env["crm.lead"].browse(item.res_id)
        lead.name = "Renamed in Odoo"
        values = self._deal(stage="open", name="Acme rollout", close_date=date(2025, 8, 1))
        self._apply(self._item("opportunity", values, record=lead, changed=["close_date"]))
        self.assertEqual(lead.name, "Renamed in Odoo")
        self.assertEqual(lead.date_deadline, date(2025, 8, 1))

    def test_open_then_won(self):
        item = self._apply(self._item("opportunity", self._deal(stage="open")))
        lead = self.env["crm.lead"].browse(item.res_id)
        self._apply(self._item("opportunity", self._deal(), record=lead, changed=["stage"]))
        self.assertEqual(lead.won_status, "won")
        self.assertEqual(str(lead.hub_won_at), "2025-05-30 16:00:00")
        self.assertEqual(lead.hub_contract_id.won_at, lead.hub_won_at)

    def test_a_stage_that_is_not_the_sources_to_say_starts_nothing_until_odoo_says_it_too(self):
        item = self._apply(self._item("opportunity", self._deal(stage="open")))
        lead = self.env["crm.lead"].browse(item.res_id)
        self._apply(self._item("opportunity", self._deal(), record=lead, changed=["close_date"]))
        self.assertEqual(lead.won_status, "pending")
        self.assertFalse(lead.hub_contract_id)
        lead.action_set_won()
        self._apply(self._item("opportunity", self._deal(), record=lead, changed=["close_date"]))
        self.assertEqual(lead.hub_contract_id.amount_total, 15000.0)

    def test_lost_and_open_again(self):
        item = self._apply(self._item("opportunity", self._deal(stage="open")))
        lead = self.env["crm.lead"].browse(item.res_id)
        self._apply(
            self._item("opportunity", self._deal(stage="lost"), record=lead, changed=["stage"])
        )
        self.assertEqual(lead.won_status, "lost")
        self._apply(
            self._item("opportunity", self._deal(stage="open"), record=lead, changed=["stage"])
        )
        self.assertEqual((lead.won_status, lead.active), ("pending", True))

    # --- roles ------------------------------------------------------------------------------------

    def test_one_person_with_the_role_is_the_team(self):
        contract = self._start_deal()
        project = contract.project_id
        self.assertEqual(project.hub_team_ids, self.consultant)
        self.assertEqual(project.task_ids.user_ids, self.consultant_user)
        self.assertTrue(contract.ready_at)

    def test_open_role_is_a_request_and_not_an_error(self):
        self.template.task_ids[1].role_ids |= self.open_role
        contract = self._start_deal()
        project = contract.project_id
        self.assertEqual(project.hub_open_role_ids, self.open_role)
        self.assertIn("Architect", project.activity_ids.summary)
        self.assertFalse(contract.ready_at)
        project.hub_fill_role(self.open_role, self.architect)
        self.assertFalse(project.hub_open_role_ids)
        self.assertFalse(project.activity_ids)
        self.assertIn(self.architect, project.hub_team_ids)
        self.assertTrue(contract.ready_at)

    # --- all or nothing ---------------------------------------------------------------------------

    def _refused(self, code, **values):
        before = [
            self.env[model].search_count([])
            for model in ("crm.lead", "sale.order", "project.project", "hub.contract")
        ]
        item = self._item("opportunity", {**self._deal(), **values})
        with self.assertProblem(item, code):
            self._apply(item)
        after = [
            self.env[model].search_count([])
            for model in ("crm.lead", "sale.order", "project.project", "hub.contract")
        ]
        self.assertEqual(before, after)
        self.assertEqual(item.at_risk.amount, item.values["amount"] or 0)
        sentence = self.env["hub.sentence"]._sentence(code, item.problem.params)
        self.assertNotEqual(sentence, code)
        return item.problem.params, sentence

    def test_incomplete_deal(self):
        params, sentence = self._refused("deal_incomplete", service_line=None, lines=[])
        self.assertEqual(params["missing"], ["lines", "service_line"])
        self.assertIn("15,000.00 USD", sentence)

    def test_amount_and_lines_differ_by_a_cent(self):
        self._refused("deal_total_differs", amount=Decimal("15000.01"))

    def test_service_that_no_rule_bills(self):
        self.consulting.invoice_policy = "order"
        self._refused("service_not_billable")

    def test_template_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.template.company_id = other
        self._refused("wrong_company")

    def test_prices_that_include_tax_are_found(self):
        self.tax.price_include_override = "tax_included"
        item = self._item("opportunity", self._deal())
        with self.assertRaisesRegex(Exception, "deal_total_differs"):
            self._apply(item)
        self.assertFalse(self.env["hub.contract"].search([]))

    # --- after the start --------------------------------------------------------------------------

    def _after_start(self, code, changed, **values):
        contract = self._start_deal()
        self._book(contract, "8")
        item = self._item(
            "opportunity", {**self._deal(), **values}, record=contract.lead_id, changed=changed
        )
        with self.assertProblem(item, code):
            self._apply(item)
        self.assertEqual(item.problem.kind, "conflict")
        self.assertEqual(item.problem.params["hours"], "8.00")
        self.assertEqual(contract.state, "active")
        self.assertEqual(contract.lead_id.won_status, "won")
        self.assertIn("8.00 h", self.env["hub.sentence"]._sentence(code, item.problem.params))

    def test_reopened(self):
        self._after_start("deal_reopened", ["stage"], stage=Term("open"))

    def test_lost_after_start(self):
        self._after_start("deal_lost_after_start", ["stage"], stage=Term("lost"))

    def test_amount_changed(self):
        self._after_start("amount_changed_after_start", ["amount"], amount=Decimal(16000))

    def test_lines_changed(self):
        lines = [self._line(self.architecture, 100, "150.00")]
        self._after_start("lines_changed_after_start", ["lines"], lines=lines)

    def test_payment_terms_changed(self):
        terms = self.env["account.payment.term"].create({"name": "90 days"})
        term = Term("net90", "account.payment.term", terms.id)
        self._after_start("terms_changed_after_start", ["payment_terms"], payment_terms=term)

    def test_payment_terms_that_were_agreed_pass(self):
        terms = self.env["account.payment.term"].create({"name": "90 days"})
        contract = self._start_deal()
        contract.payment_term_id = terms
        for code, res_id in (("net90", terms.id), ("standard", None)):
            item = self._item(
                "opportunity",
                self._deal(payment_terms=Term(code, "account.payment.term", res_id)),
                record=contract.lead_id,
                changed=["payment_terms"],
            )
            self._apply(item)
            self.assertFalse(item.problem)
        self.assertEqual(contract.payment_term_id, terms)

    def test_purchase_order_number_follows(self):
        contract = self._start_deal()
        item = self._item(
            "opportunity",
            self._deal(po_number="PO-7"),
            record=contract.lead_id,
            changed=["po_number"],
        )
        self._apply(item)
        self.assertEqual(contract.po_number, "PO-7")
        self.assertEqual(contract.sale_order_id.client_order_ref, "PO-7")

    def test_deleted_in_the_crm(self):
        contract = self._start_deal()
        item = self._item("opportunity", {}, record=contract.lead_id, action="delete")
        self._handler("opportunity")._hub_delete([item])
        self.assertEqual(item.problem.code, "deal_deleted_after_start")
        self.assertTrue(contract.exists())

    # --- currency ---------------------------------------------------------------------------------

    def test_foreign_currency_without_a_rate_waits(self):
        self.env.ref("base.EUR").active = True
        self.env["res.currency.rate"].search([]).unlink()
        _params, sentence = self._refused("no_exchange_rate", currency="EUR")
        self.assertIn("2025-05-30", sentence)

    def test_foreign_currency_rules_order_and_invoice(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].search([]).unlink()
        self.env["res.currency.rate"].create(
            [
                {"currency_id": euro.id, "name": day, "rate": 0.8, "company_id": self.company.id}
                for day in ("2025-05-28", date.today())
            ]
        )
        contract = self._start_deal(currency="EUR")
        self.assertEqual(contract.sale_order_id.currency_id, euro)
        self.assertEqual(contract.sale_order_id.amount_untaxed, 15000.0)
        self.assertEqual(contract.lead_id.expected_revenue, 18750.0)
        invoice = self._invoice(contract, "8")
        self.assertEqual((invoice.currency_id, invoice.amount_untaxed), (euro, 1200.0))

    def test_old_rate_is_no_rate(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].search([]).unlink()
        self.env["res.currency.rate"].create(
            {
                "currency_id": euro.id,
                "name": "2025-05-01",
                "rate": 0.8,
                "company_id": self.company.id,
            }
        )
        self._refused("no_exchange_rate", currency="EUR")

    # --- what is sent -----------------------------------------------------------------------------

    def test_project_is_composed_for_the_tracker(self):
        contract = self._start_deal(start_date=date(2025, 6, 2))
        values = self._handler("project")._hub_compose(contract.project_id, self.system)
        project = values[contract.project_id.id]
        self.assertEqual(project["code"], contract.code)
        self.assertEqual(project["customer"], {"key": self.customer.id, "name": "Acme Ltd"})
        self.assertEqual(project["hourly_rate"], Decimal("150.0"))
        self.assertEqual(project["budget_hours"], Decimal("100.0"))
        self.assertEqual({task["billable"] for task in project["tasks"]}, {True})
        self.assertEqual([p["email"] for p in project["people"]], ["cora@firm.example"])

    def test_roots_follow_invoices_and_contracts(self):
        contract = self._start_deal()
        invoice = self._invoice(contract, "8")
        handler = self._handler("opportunity")
        self.assertEqual(handler._hub_roots("account.move", invoice.ids), contract.lead_id.ids)
        self.assertEqual(handler._hub_roots("hub.contract", contract.ids), contract.lead_id.ids)
        project = self._handler("project")
        self.assertEqual(
            project._hub_roots("project.task", contract.project_id.task_ids.ids),
            contract.project_id.ids,
        )

    # --- rights -----------------------------------------------------------------------------------

    def test_project_manager_fills_a_role(self):
        self.template.task_ids[1].role_ids = self.open_role
        contract = self._start_deal()
        project = contract.project_id
        self.assertFalse(contract.ready_at)
        lead = self._make_user("projectlead", "project.group_project_manager")
        action = project.with_user(lead).action_hub_fill_role()
        wizard = self.env["hub.fill.role"].with_user(lead).with_context(**action["context"])
        wizard = wizard.create({"employee_id": self.architect.id})
        self.assertEqual(wizard.role_id, self.open_role)
        wizard.action_fill()
        self.env.invalidate_all()
        self.assertIn(self.architect, project.hub_team_ids)
        self.assertFalse(project.hub_open_role_ids)
        self.assertTrue(contract.ready_at)

    def test_role_taken_off_by_hand_makes_ready(self):
        self.template.task_ids[1].role_ids = self.open_role
        contract = self._start_deal()
        self.assertFalse(contract.ready_at)
        contract.project_id.task_ids.write({"role_ids": [Command.clear()]})
        self.assertTrue(contract.ready_at)

    def test_who_sees_a_contract_and_its_money(self):
        mine, other = self._start_deal(), self._start_deal()
        seller = self._make_user("seller", "sales_team.group_sale_salesman")
        member = self._make_user("member", "project.group_project_user")
        approver = self._make_user("timeapprover", "hr_timesheet.group_hr_timesheet_approver")
        mine.lead_id.user_id = seller
        self.env.flush_all()
        found = (mine | other).with_user(seller).search([("id", "in", (mine | other).ids)])
        self.assertEqual(found, mine)
        self.assertEqual(found.line_ids.mapped("unit_price"), [150])
        with self.assertRaises(AccessError):
            other.with_user(seller).line_ids.read(["unit_price"])
        seen = other.with_user(member)
        self.assertEqual(seen.read(["code", "name", "state"])[0]["code"], other.code)
        for name in ("amount_total", "invoiced_amount", "paid_amount", "overdue_amount"):
            with self.assertRaises(AccessError):
                seen.read([name])
        with self.assertRaises(AccessError):
            other.line_ids.with_user(member).read(["unit_price"])
        with self.assertRaises(AccessError):
            self.env["hub.billing"].with_user(approver).search([])
        for user in (self.viewer, self.accountant):
            self.assertEqual(other.with_user(user).amount_total, 15000)
            self.env["hub.billing"].with_user(user).search([])
        for view in ("list", "form", "kanban"):
            other.with_user(member).get_view(view_type=view)
