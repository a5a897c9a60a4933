import random
from collections import Counter
from datetime import date, timedelta

from odoo.tests import tagged

from ..core.billing import exact, to_seconds
from .business_common import BusinessCase

END = date(2025, 7, 31)


@tagged("post_install", "-at_install")
class TestApprovedIsAccounted(BusinessCase):
    """The identity of tests/pure/core/test_approved_is_accounted.py, in Odoo: seeded, over each kind of contract."""

    def setUp(self):
        super().setUp()
        self.chance = random.Random(20251126)
        self.plain, self.capped, self.retained, self.late = (
            self._start_deal(
                [
                    self._line(self.consulting, 100, "150.00"),
                    self._line(self.architecture, 100, "187.35"),
                ],
                name=name,
            )
            for name in ("Plain", "Capped", "Retained", "Late")
        )
        self.contracts = self.plain | self.capped | self.retained | self.late
        self.capped.write({"cap_amount": 4000, "round_level": "day", "round_minutes": 30})
        self.env["hub.retainer"].create(
            [
                {
                    "contract_id": contract.id,
                    "allowance": 8,
                    "fee": 900,
                    "product_id": self.milestone_service.id,
                    "date_from": date(2025, 6, 1),
                    "date_to": END,
                    "carry": "all",
                    "overage_allowed": True,
                }
                for contract in (self.retained, self.late)
            ]
        )

    def _draw(self):
        """Entries of two months: ``[(product, day, hours, approval, billable)]``."""
        return [
            (
                self.chance.choice([self.consulting, self.architecture]),
                date(2025, 6, 1) + timedelta(days=self.chance.randrange(58)),
                self.chance.choice(["0.333333", "1", "2.75", "4.5", "0.016667"]),
                self.chance.choice(["approved"] * 4 + ["submitted"]),
                self.chance.random() > 0.1,
            )
            for _number in range(10)
        ]

    def _book_drawn(self, contract, drawn):
        tasks = {task.sale_line_id.product_id: task.id for task in contract.project_id.task_ids}
        entries = self.env["account.analytic.line"]
        for product, day, hours, approval, billable in drawn:
            entries += self._book(
                contract, hours, day=day, task=tasks[product], approval=approval, billable=billable
            )
        return entries

    def _fresh(self):
        self.env.flush_all()
        self.env.invalidate_all()

    def _account(self, contract):
        """Seconds of approved time by place, asked of what bills it."""
        lines = contract.sale_order_id.order_line
        billable, over = lines._hub_sources()
        waiting = {record.id for sources in billable.values() for _f, record, _q in sources}
        beyond = {record.id for sources in over.values() for _f, record, _q in sources}
        shares = {}
        for retainer in contract.retainer_ids:
            rows, shares, late = retainer._state()[retainer]
            beyond |= late
            for row in rows:
                self.assertGreaterEqual(min(vars(row).values()), 0, "never negative")
        sums = Counter()
        for entry in contract.project_id.timesheet_ids.filtered(
            lambda entry: entry.hub_approval == "approved"
        ):
            worked, rows = to_seconds(entry.unit_amount), entry.hub_billing_ids
            rows = rows.filtered(lambda row: row.state != "released")
            self.assertLessEqual(len(rows), 1, "nothing stands twice in the ledger")
            covered = to_seconds(rows.consumed) if rows else shares.get(entry.id, (0,))[0]
            places = (bool(rows), entry.id in waiting, entry.id in beyond, not entry.so_line)
            sums["covered"] += covered
            if covered < worked:
                self.assertEqual(sum(places), 1, f"{entry.name} is in one place")
                place = ("ledger", "waiting", "over", "not billable")[places.index(True)]
                sums[rows.state if rows else place] += worked - covered
        return sums

    def _check(self):
        self._fresh()
        for contract in self.contracts:
            approved = contract.project_id.timesheet_ids.filtered(
                lambda entry: entry.hub_approval == "approved"
            )
            worked = sum(to_seconds(entry.unit_amount) for entry in approved)
            self.assertEqual(sum(self._account(contract).values()), worked, contract.name)
            invoices = contract.move_ids.filtered(lambda move: move.move_type == "out_invoice")
            for line in invoices.invoice_line_ids.filtered("hub_ledger"):
                # Also what was credited since belongs to the line on which it was billed.
                rows = line.hub_billing_ids.filtered(lambda r: r.state != "released" or r.credit_id)
                billed = sum(exact(row.amount) for row in rows)
                self.assertEqual(sum(exact(row.quantity) for row in rows), exact(line.quantity))
                self.assertEqual(billed, exact(contract.currency_id.round(line.price_subtotal)))
            if contract.cap_amount:
                self.assertLessEqual(
                    contract._hub_cap_used().get(contract.id, 0), contract.cap_amount
                )

    def test_approved_is_billed_waiting_written_off_covered_over_or_not_billable(self):
        drawn = self._draw()
        for contract in self.plain | self.capped:
            self._book_drawn(contract, drawn)
        self._book_drawn(self.retained, drawn)
        self._book_drawn(self.late, drawn[5:])
        self.retained.retainer_ids._refresh(END)
        self.late.retainer_ids._refresh(END)
        self._check()
        # What waits for approval is approved, what was approved is withdrawn.
        waiting = self.plain.project_id.timesheet_ids.filtered(
            lambda e: e.hub_approval != "approved"
        )
        waiting.action_hub_approve_time()
        self._check()
        # A month is billed, one draft is left; some of what is left is written off.
        moves = self._bill(None, date(2025, 6, 1), date(2025, 6, 30))
        self._check()
        self._approve(moves[1:])
        open_ones = self.plain.project_id.timesheet_ids.filtered(
            lambda e: e.hub_approval == "approved" and e.so_line and not e.hub_billing_id
        )
        if open_ones:
            proposal = self.env["hub.write.off"]._propose(open_ones[:2], "Agreed")
            proposal.with_user(self.approver).action_approve()
        self._check()
        # On the draft an entry loses its approval; of a posted invoice an hour is credited to be billed again.
        draft = moves[0].hub_billing_ids.entry_id[:1]
        draft.hub_approval = "rejected"
        self._check()
        invoice = moves[1:].filtered(lambda move: move.hub_billing_ids.entry_id)[:1]
        row = invoice.hub_billing_ids.filtered("entry_id")[:1]
        note = row._credit_note(1, date(2025, 7, 1), self.env["hub.message"], "Wrong task")
        self._approve(note)
        self._check()
        # The rest arrives late, and all of it is billed.
        self._book_drawn(self.late, drawn[:5])
        draft.hub_approval = "approved"
        self._check()
        self._approve(moves[0])
        rest = self._bill(None, date(2025, 6, 1), END)
        self._approve(rest)
        self._check()
        for contract in self.contracts - self.capped:
            self.assertFalse(self._account(contract)["waiting"], contract.name)
        self.assertFalse(self._bill(None, date(2025, 6, 1), END), "nothing is billed twice")

    def test_the_order_of_arrival_does_not_change_the_total(self):
        drawn = [(p, day, hours, "approved", True) for p, day, hours, _a, _b in self._draw()]
        self._book_drawn(self.retained, drawn)
        for part in (drawn[6:], drawn[3:6], drawn[:3]):
            self._book_drawn(self.late, part)
            self._approve(self._bill(self.late, date(2025, 6, 1), END))
        self._approve(self._bill(self.retained, date(2025, 6, 1), END))
        for contract in self.retained | self.late:
            contract.retainer_ids._refresh(END)
        self._check()
        self.assertEqual(self._account(self.late), self._account(self.retained))
