"""Deals of the CRM that say how their lines are billed: by instalments, or each month, quarter or year."""

from datetime import date
from decimal import Decimal

from odoo.tests import tagged

from .schedule_common import ScheduleCase

START = date(2025, 6, 16)


@tagged("post_install", "-at_install")
class TestScheduleDeal(ScheduleCase):
    def _support(self, **values):
        """12 months at 1,000.00."""
        line = self._line(self.milestone_service, 1, "1000.00", "Support")
        return {**line, "billing_interval": "month", "billing_periods": 12, **values}

    def _rows_of(self, *rows):
        names = ("line", "date", "name", "percent", "amount")
        return [dict(zip(names, row, strict=False)) for row in rows]

    def _deal_of(self, *lines, **values):
        worth = sum(
            line["quantity"] * line["unit_price"] * line.get("billing_periods", 1) for line in lines
        )
        return self._deal(list(lines), amount=worth, **values)

    def _refused(self, why, *lines, **values):
        item = self._apply(self._item("opportunity", self._deal_of(*lines, **values)))
        with self.assertProblem(item, "schedule_incomplete"):
            pass
        self.assertEqual(item.problem.params["why"], why)
        self.assertFalse(self.env["hub.contract"].search([("company_id", "=", self.company.id)]))
        return item.problem

    def test_a_deal_with_a_service_a_fee_and_time(self):
        fee = self._line(self.milestone_service, 1, "90000.00", "Rollout")
        time = self._line(self.consulting, 10, "150.00")
        deal = self._deal_of(
            self._support(billed_in="arrears"), fee, time,
            start_date=START,
            instalments=self._rows_of(
                (fee["external_id"], date(2025, 7, 31), "Half way", Decimal(50)),
                (fee["external_id"], date(2025, 6, 16), "On signature", None, Decimal("30000.00")),
                (fee["external_id"], date(2025, 12, 31), "Rest"),
            ),
        )  # fmt: skip
        item = self._apply(self._item("opportunity", deal))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        contract = self.env["crm.lead"].browse(item.res_id).hub_contract_id
        service, fixed, hours = contract.line_ids
        self.assertEqual(
            (
                service.kind,
                service.interval,
                service.bill_when,
                str(service.billed_to),
                service.amount,
            ),
            ("recurring", "month", "arrears", "2026-06-15", 12000.0),
        )
        self.assertEqual(
            self._rows(fixed),
            [
                ("2025-06-16", 30000.0, "due"),
                ("2025-07-31", 45000.0, "due"),
                ("2025-12-31", 15000.0, "due"),
            ],
        )
        self.assertEqual(hours.kind, "time_material")
        self.assertEqual((contract.amount_total, contract.state), (103500.0, "active"))
        line = self._run("2025-07-15")
        self.assertEqual((line.amount, line.source_count), (31000.0, 2))  # and the first month
        self.assertIn(
            "06/16/2025 to 07/15/2025", " ".join(self._post(line).invoice_line_ids.mapped("name"))
        )
        return item, deal

    def test_what_a_started_deal_says_later_is_asked_about(self):
        item, deal = self.test_a_deal_with_a_service_a_fee_and_time()
        lead = self.env["crm.lead"].browse(item.res_id)
        other = {**deal, "instalments": deal["instalments"][:2]}
        service = {**deal["lines"][0], "billing_periods": 6, "unit_price": Decimal("2000.00")}
        for values, changed in (
            (other, ["instalments"]),
            ({**deal, "lines": [service, *deal["lines"][1:]]}, ["lines"]),
        ):
            known = self._item("opportunity", values, record=lead, changed=changed)
            self._apply(known)
            self.assertProblem(known, "lines_changed_after_start")
            self.assertEqual(known.problem.code, "lines_changed_after_start")
        same = self._item("opportunity", deal, record=lead, changed=["lines", "instalments"])
        self._apply(same)
        self.assertFalse(same.problem, same.problem and same.problem.params)

    def test_instalments_of_the_only_fee_need_no_line(self):
        fee = self._line(self.milestone_service, 1, "100.00", "Rollout")
        rows = [{"date": date(2025, 6, 1), "name": "All of it"}]
        item = self._apply(self._item("opportunity", self._deal_of(fee, instalments=rows)))
        self.assertFalse(item.problem, item.problem and item.problem.params)
        lead = self.env["crm.lead"].browse(item.res_id)
        self.assertEqual(lead.hub_contract_id.line_ids.kind, "schedule")

    def test_incomplete_data_is_asked_about_and_starts_nothing(self):
        self._refused("interval", self._support(billing_interval="fortnight"), start_date=START)
        self._refused("billed_in", self._support(billed_in="later"), start_date=START)
        self._refused("periods", self._support(billing_periods=0), start_date=START)
        self._refused("first_day", self._support())
        hourly = self._line(self.consulting, 1, "100.00")
        recurring = {"billing_interval": "month", "billing_periods": 12}
        self._refused("service", {**hourly, **recurring}, start_date=START)
        fee = self._line(self.milestone_service, 1, "100.00", "Rollout")
        day = date(2025, 6, 1)
        problem = self._refused(
            "sum", fee, instalments=self._rows_of((None, day, "A", Decimal(90)))
        )
        sentence = self.env["hub.sentence"]._sentence(problem.code, problem.params)
        self.assertIn("its instalments come to 90.00 USD, and it is worth 100.00 USD", sentence)
        self._refused("line", fee, instalments=self._rows_of(("x", day, "A")))
        self._refused(
            "line", fee, {**fee, "external_id": "y"}, instalments=self._rows_of((None, day, "A"))
        )
        self._refused(
            "nothing", fee,
            instalments=self._rows_of((None, day, "A", None, Decimal(100)), (None, day, "B")),
        )  # fmt: skip
        self._refused(
            "service_days", fee,
            instalments=[{"date": day, "name": "A", "service_from": day}],
        )  # fmt: skip
        self._refused(
            "both", self._support(), start_date=START,
            instalments=self._rows_of((self._support()["external_id"], day, "A")),
        )  # fmt: skip
        self._refused(
            "service", hourly, instalments=self._rows_of((hourly["external_id"], day, "A"))
        )
