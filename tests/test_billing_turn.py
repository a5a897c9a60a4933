from datetime import date

from odoo.sql_db import db_connect
from odoo.tests import tagged
from psycopg2.errors import SerializationFailure

from .business_common import BusinessCase

NOBODY = -17, -16  # contracts that do not exist: what two transactions commit here concerns nobody


@tagged("post_install", "-at_install")
class TestBillingTurn(BusinessCase):
    """What is left of a cap, a retainer or a purchase order is used by one billing at a time."""

    def test_of_two_transactions_the_second_begins_again(self):
        turn = self.env["hub.billing.turn"]
        self.patch(type(self.env["hub.contract"]), "_hub_shares_a_limit", lambda self: self)
        connection = db_connect(self.env.cr.dbname)
        with connection.cursor() as first, connection.cursor() as second:
            try:
                for cr in (first, second):
                    cr.execute("SELECT 1")  # its snapshot
                contracts = self.env["hub.contract"].browse(NOBODY)
                turn.with_env(self.env(cr=first))._take(contracts.with_env(self.env(cr=first)))
                first.commit()
                other = self.env(cr=second)
                with self.assertRaises(SerializationFailure):
                    turn.with_env(other)._take(contracts.with_env(other)[1])
                second.rollback()
                turn.with_env(other)._take(contracts.with_env(other))
                second.rollback()
            finally:
                first.execute("DELETE FROM hub_billing_turn WHERE contract_id < 0")
                first.commit()

    def _turns(self, contract):
        self.env.cr.execute(
            "SELECT turns FROM hub_billing_turn WHERE contract_id = %s", [contract.id]
        )
        return sum(row[0] for row in self.env.cr.fetchall())

    def test_who_uses_a_limit_takes_the_turn(self):
        capped, retained, ordered, free = (self._start_deal(name=name) for name in "ABCD")
        capped.cap_amount = 1000
        ordered.purchase_order_ids = [(0, 0, {"number": "PO-1", "amount": 1000})]
        retainer = self.env["hub.retainer"].create(
            {
                "contract_id": retained.id,
                "allowance": 20,
                "fee": 0,
                "product_id": self.milestone_service.id,
                "date_from": date(2025, 6, 1),
                "overage_allowed": True,
            }
        )
        for contract in (capped, retained, ordered, free):
            self._book(contract, "21" if contract == retained else "2")
        retainer._refresh(date(2025, 6, 30))
        moves = self._bill()
        self.assertEqual(len(moves), 4)
        self.assertEqual(self._turns(free), 0, "nothing of it runs out")
        for contract in (capped, retained, ordered):
            self.assertTrue(self._turns(contract), contract.name)
        before = self._turns(retained)
        retainer.period_ids[0].action_close()
        self.assertEqual(self._turns(retained), before + 1)
        before = self._turns(capped)
        entry = capped.project_id.timesheet_ids
        self._change(entry, hours=3)
        self.assertGreater(self._turns(capped), before, "a draft that is computed anew")
