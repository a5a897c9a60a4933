from datetime import date, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .business_common import JUNE, BusinessCase


@tagged("post_install", "-at_install")
class TestAcceptance(BusinessCase):
    """A milestone is reached by the firm and accepted by the customer; both are needed where the contract says so."""

    def setUp(self):
        super().setUp()
        self.contract = self._start_deal(
            [self._line(self.milestone_service, 1, "5000.00", "Design")]
        )
        self.contract.acceptance_required = True
        self.milestone = self.contract.project_id.milestone_ids

    def _reach(self):
        self.milestone.is_reached = True
        self.milestone.reached_date = JUNE[0]

    def _accept(self, day=date(2025, 6, 20), **values):
        self.milestone.write(
            {
                "hub_accepted_on": day,
                "hub_accepted_by": "P. Customer",
                "hub_evidence": "Minutes no. 12",
                **values,
            }
        )

    def _line_of_run(self, day=JUNE[1]):
        batch = (
            self.env["hub.billing.batch"]
            .with_user(self.resolver)
            .create({"company_id": self.company.id, "date_to": day})
        )
        batch.action_propose()
        return batch.with_env(self.env).line_ids

    def test_reached_is_not_enough(self):
        self._reach()
        line = self._line_of_run()
        self.assertEqual((line.state, line.amount), ("left_out", 0.0))
        finding = line.finding_ids
        self.assertEqual((finding.code, finding.count, finding.amount), ("not_accepted", 1, 5000.0))
        self.assertFalse(self._bill(self.contract), "nor by a draft")

    def test_accepted_it_is_billed_and_its_acceptance_kept(self):
        self._reach()
        self._accept()
        self.assertEqual(self.milestone.hub_accepted_user_id, self.env.user)
        line = self._line_of_run()
        self.assertEqual((line.state, line.amount, line.finding_ids.ids), ("proposed", 5000.0, []))
        line.with_user(self.approver).action_approve()
        self.assertEqual(line.move_id.amount_untaxed, 5000.0)
        for values in ({"hub_accepted_on": False}, {"hub_evidence": "Another"}):
            with self.assertRaises(UserError):
                self.milestone.write(values)

    def test_accepted_after_the_cut_off_waits(self):
        self._reach()
        self._accept(date(2025, 7, 2))
        self.assertEqual(self._line_of_run().finding_ids.code, "not_accepted")
        self.assertEqual(self._line_of_run(date(2025, 7, 31)).amount, 5000.0)

    def test_contract_that_does_not_ask_bills_what_is_reached(self):
        self.contract.acceptance_required = False
        self._reach()
        self.assertEqual(self._line_of_run().amount, 5000.0)

    def test_acceptance_needs_somebody_and_something_to_show(self):
        with self.assertRaises(ValidationError):
            self._accept()  # not reached
        self._reach()
        for values in (
            {"hub_accepted_by": False},
            {"hub_evidence": False},
            {"day": fields.Date.today() + timedelta(days=2)},
        ):
            with self.assertRaises(ValidationError):
                self._accept(**values)
        self._accept(hub_evidence=False, hub_evidence_file=b"c2lnbmVk")

    def test_who_entered_it_cannot_be_forged(self):
        self._reach()
        self._accept()
        member = self._make_user("member", "base.group_user", "project.group_project_manager")
        milestones = self.env["project.milestone"].with_user(member)
        mine = self.milestone.with_user(member)
        values = {"name": "Build", "project_id": self.contract.project_id.id}
        forged = {"hub_accepted_user_id": self.approver.id}
        for attempt in (
            lambda: mine.write(forged),
            lambda: mine.write({"hub_accepted_on": JUNE[0], **forged}),
            lambda: mine.write({"hub_evidence": "Another", **forged}),
            lambda: milestones.create({**values, **forged}),
            lambda: milestones.with_context(default_hub_accepted_user_id=self.approver.id).create(
                values
            ),
        ):
            with self.assertRaises(AccessError):
                attempt()
        self.assertEqual(self.milestone.hub_accepted_user_id, self.env.user)
        mine.write({"hub_accepted_on": JUNE[1]})
        self.assertEqual(self.milestone.hub_accepted_user_id, member)
