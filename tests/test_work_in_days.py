from datetime import date, timedelta
from decimal import Decimal

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .business_common import JUNE, BusinessCase

MAY = date(2025, 5, 20)


@tagged("post_install", "-at_install")
class TestWorkInDays(BusinessCase):
    """Time in hours on an order line in days, with a discount: 1,000.00 a day less 10 % are 112.50 an hour."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.by_day = cls.env["product.product"].create(
            {
                "name": "Consulting by the Day",
                "default_code": "DAY",
                "type": "service",
                "company_id": False,
                "uom_id": cls.env.ref("uom.product_uom_day").id,
                "taxes_id": [Command.set(cls.tax.ids)],
                "invoice_policy": "delivery",
                "service_type": "timesheet",
            }
        )
        cls.included = cls.tax.copy(
            {"name": "15 % in it", "price_include_override": "tax_included"}
        )

    def _days(self, **values):
        contract = self.env["hub.contract"].create(
            {
                "name": "By the day",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "line_ids": [
                    Command.create(
                        {
                            "name": "Consulting",
                            "kind": "time_material",
                            "product_id": self.by_day.id,
                            "quantity": 10,
                            "unit_price": 1000,
                            "discount": 10,
                        }
                    )
                ],
            }
        )
        contract._hub_start({contract.id: self.template})
        contract.write({"state": "active", **values})
        return contract

    def _run(self, contract, **values):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(self.resolver)
            .create(
                {
                    "company_id": self.company.id,
                    "date_to": JUNE[1],
                    "contract_domain": f"[('id', '=', {contract.id})]",
                    **values,
                }
            )
        )
        batch.action_propose()
        self._fresh()
        return batch.with_env(self.env).line_ids

    def _fresh(self):
        self.env.flush_all()
        self.env.invalidate_all()

    def _retainer(self, contract, **values):
        return self.env["hub.retainer"].create(
            {
                "contract_id": contract.id,
                "basis": "amount",
                "allowance": 500,
                "fee": 500,
                "product_id": self.milestone_service.id,
                "date_from": JUNE[0],
                "date_to": JUNE[1],
                **values,
            }
        )

    def _include_tax(self, contract):
        """15 % are in the price from now on: 1,035.00 with tax are 900.00."""
        line = contract.sale_order_id.order_line
        line.tax_ids = self.included
        line.price_unit = 1150
        contract.line_ids.unit_price = 1150
        return line

    def test_it_is_billed_by_the_day(self):
        contract = self._days()
        self._book(contract, "4")
        self.assertEqual(self._run(contract).amount, 450.0)

    def test_findings_of_a_run(self):
        for code, prepare, expected in (
            ("unapproved", self._book_unapproved, (1, 2.0, 225.0)),
            ("earlier", self._book_before, (1, 4.0, 450.0)),
            ("other_run", self._book_twice, (1, 4.0, 450.0)),
            ("negative", self._book_less_than_nothing, (1, -2.0, -225.0)),
            ("over_cap", self._book_over_cap, (1, 4.0, 450.0)),
            ("retainer_over", self._book_over_retainer, (1, 6.0, 675.0)),
        ):
            for included in (False, True):
                with self.subTest(code, tax_included=included):
                    contract = self._days()
                    if included:
                        self._include_tax(contract)
                    values = prepare(contract) or {}
                    finding = self._run(contract, **values).finding_ids.filtered(
                        lambda finding, code=code: finding.code == code
                    )
                    self.assertEqual((finding.count, finding.hours, finding.amount), expected)

    def _book_unapproved(self, contract):
        self._book(contract, "2", approval="submitted")

    def _book_before(self, contract):
        self._book(contract, "4", day=MAY)
        return {"date_from": JUNE[0]}

    def _book_twice(self, contract):
        self._book(contract, "4")
        self._run(contract)

    def _book_less_than_nothing(self, contract):
        self._book(contract, "2").unit_amount = -2

    def _book_over_cap(self, contract):
        self._book(contract, "4")
        contract.cap_amount = 449.99

    def _book_over_retainer(self, contract):
        self._book(contract, "6")
        self._retainer(contract)

    def test_caps_count_untaxed_amounts(self):
        for included in (False, True):
            with self.subTest(tax_included=included):
                contract = self._days()
                if included:
                    self._include_tax(contract)
                contract.cap_amount = 450
                self._book(contract, "4")
                self._fresh()
                self.assertEqual(self.env["hub.contract"]._hub_worked_of_caps()[contract.id], 450.0)
                line = self._run(contract)
                self.assertEqual((line.amount, line.finding_ids.ids), (450.0, []))

    def test_money_of_a_retainer(self):
        contract = self._days()
        retainer = self._retainer(contract, overage_allowed=True)
        self._book(contract, "4", "2")  # 675.00: 175.00 beyond 500.00
        line = self._run(contract)
        self.assertEqual((retainer.period_ids.used, retainer.period_ids.over), (500.0, 175.0))
        self.assertEqual(line.amount, 675.0)  # the fee, and what is beyond it

    def test_leakage(self):
        contract = self._days()
        today = fields.Date.context_today(self.env.user)
        self._book(contract, "4", day=today - timedelta(days=60))
        entry = self._book(contract, "2", day=today)
        entry.write({"is_so_line_edited": True, "so_line": False})
        self._fresh()
        rows = self.env["hub.leakage"].search([("contract_id", "=", contract.id)])
        found = {(row.kind, row.hours, row.amount) for row in rows if row.entry_id}
        self.assertEqual(found, {("unbilled", 4.0, 450.0), ("no_line", 2.0, 225.0)})

    def test_money_at_risk_of_an_entry(self):
        contract = self._days()
        item = self._apply(self._item("time_entry", self._time(contract, "2")))
        self.assertEqual(item.at_risk.amount, 225)

    def test_tracker_gets_hours_and_their_price(self):
        project = self._days().project_id
        values = self._handler("project")._hub_compose(project, self.system)[project.id]
        self.assertEqual((values["hourly_rate"], values["budget_hours"]), (112.5, 80))
        self.assertEqual({task["hourly_rate"] for task in values["tasks"]}, {Decimal("112.5")})

    def test_price_of_an_hour_follows_its_line(self):
        line = self._days().sale_order_id.order_line
        for values, price in (
            ({}, 112.5),
            ({"discount": 0}, 125.0),
            ({"price_unit": 800}, 100.0),
            ({"product_uom_id": self.hour.id, "price_unit": 150}, 150.0),
        ):
            line.write(values)
            self.assertEqual(line.hub_hour_price, price)
        seller = self._make_user("seller", "sales_team.group_sale_manager")
        for attempt in (
            lambda: line.with_user(seller).write({"hub_hour_price": 1}),
            lambda: line.order_id.with_user(seller).write(
                {"order_line": [(0, 0, {"product_id": self.by_day.id, "hub_hour_price": 1})]}
            ),
        ):
            with self.assertRaises(AccessError):
                attempt()
