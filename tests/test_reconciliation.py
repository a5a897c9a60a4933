from datetime import date, datetime, timezone
from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..connectors.parts import Record
from ..core import strict_json
from ..core.problem import Term
from ..core.reconcile import former_seal
from .business_common import BusinessCase

JULY = {"date_from": date(2025, 7, 15), "date_to": date(2025, 7, 15)}
JUNE = {"date_from": date(2025, 6, 1), "date_to": date(2025, 6, 30)}


@tagged("post_install", "-at_install")
class TestReconciliation(BusinessCase):
    """Two ledgers held against each other: totals, reasons, causes, signing off."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.system.state = "connected"
        cls.approver.group_ids += cls.env.ref("lead_to_cash_hub.group_hub_resolver")

    def setUp(self):
        super().setUp()
        entities = ("payment", "refund", "payout", "dispute", "time_entry", "opportunity")
        self.listed = {entity: [] for entity in entities}
        self.error = None
        mode = self.enter_registry_test_mode()  # issues are written by cursors of their own
        mode.__enter__()
        self.addCleanup(mode.__exit__, None, None, None)
        source = SimpleNamespace(listing=self._listing, fetch=self._fetch)
        patcher = patch.object(self.registry["hub.system"], "_connector", lambda system: source)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _listing(self, entity, since, until):
        if self.error:
            raise self.error
        records = [self._record(entity, payload) for payload in self.listed[entity]]
        yield records[:1]
        yield records[1:]

    def _fetch(self, entity, ids):
        found = {str(p["id"]): self._record(entity, p) for p in self.listed[entity]}
        return {key: found[key] for key in ids if key in found}

    def _record(self, entity, payload):
        return Record(entity, str(payload["id"]), None, None, strict_json.dumps(payload))

    def _intent(self, key, cents, fee=0, day=15, currency="usd", status="succeeded"):
        moment = int(datetime(2025, 7, day, 12, tzinfo=timezone.utc).timestamp())
        return {
            "id": key,
            "amount_received": cents,
            "currency": currency,
            "status": status,
            "created": moment,
            "metadata": {},
            "latest_charge": {
                "id": f"ch_{key}",
                "created": moment,
                "balance_transaction": {"fee": fee, "net": cents - fee, "currency": currency},
            },
        }

    def _link(self, entity, external_id, record, system=None):
        system = system or self.system
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {
                    "system_id": system.id,
                    "entity_id": self.env.ref(f"lead_to_cash_hub.entity_{entity}").id,
                    "entity": entity,
                    "external_id": external_id,
                    "company_id": self.company.id,
                    "res_model": record._name,
                    "res_id": record.id,
                }
            ],
        )

    def _paid(self, key, hours="10", fee="7.50"):
        """A posted invoice, paid at the provider under this id."""
        invoice = self._invoice(self.contract, hours)
        item = self._apply(self._item("payment", self._pay(invoice, fee=fee), external_id=key))
        self.assertFalse(item.problem)
        payment = self.env["account.payment"].browse(item.res_id)
        self._link("payment", key, payment)
        return payment

    def _run(self, kind="payment", window=None, system=None, **values):
        run = self.env["hub.reconciliation"].create(
            {
                "kind": kind,
                "company_id": self.company.id,
                "system_id": system.id if system else False,
                **(window or JULY),
                **values,
            }
        )
        run._compare()
        return run

    def _payments(self):
        return self._run(system=self.system)

    def _cents(self, payment):
        return round(payment.hub_gross * 100)

    # -- payments ------------------------------------------------------------------------------------

    def test_payments_agree_to_the_cent(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        self.listed["payment"] = [self._intent("pi_1", self._cents(payment), 750)]
        run = self._payments()
        self.assertEqual((run.state, run.agreed_count, run.proved), ("agreed", 1, True))
        self.assertEqual(run.total_ids.here, run.total_ids.there)
        self.assertIn("1 records", run.sentence)

    def test_each_difference_is_named_and_proved(self):
        self.contract = self._start_deal()
        same, other_fee, other_amount, gone = (
            self._paid(f"pi_{n}", hours) for n, hours in enumerate(("1", "2", "3", "4"))
        )
        self.listed["payment"] = [
            self._intent("pi_0", self._cents(same), 750),
            self._intent("pi_1", self._cents(other_fee), 800),
            self._intent("pi_2", self._cents(other_amount) + 5, 750),
            self._intent("pi_never", 12345, 100),
            self._intent("pi_failed", 99999, status="canceled"),
        ]
        run = self._payments()
        self.assertEqual(run.state, "different")
        found = {line.key: (line.reason, int(line.steps)) for line in run.line_ids}
        self.assertEqual(
            found,
            {
                "payment:pi_1": ("part", 0),
                "payment:pi_2": ("amount", -5),
                "payment:pi_3": ("missing_there", self._cents(gone)),
                "payment:pi_never": ("missing_here", -12345),
            },
        )
        self.assertTrue(run.proved)
        total = run.total_ids
        self.assertEqual(
            int(total.here_steps) - int(total.there_steps),
            sum(steps for _r, steps in found.values()),
        )
        line = run.line_ids.filtered(lambda one: one.reason == "part")
        self.assertEqual(line.sentence, "In Odoo 7.50 USD, there 8.00 USD.")
        self.assertEqual(line.action_open()["res_model"], "account.payment")
        missing = run.line_ids.filtered(lambda one: one.reason == "missing_here")
        self.assertEqual((missing.there, missing.difference), ("123.45 USD", "-123.45 USD"))

    def test_a_payment_typed_into_the_journal_is_seen(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.customer.id,
                "journal_id": self.journal.id,
                "payment_method_line_id": self.journal._hub_method_line("inbound").id,
                "amount": 50.0,
                "date": JULY["date_from"],
            }
        )
        payment.action_post()
        run = self._payments()
        self.assertEqual(run.line_ids.mapped("reason"), ["missing_there"])
        self.assertIn("by hand", run.line_ids.sentence)
        self.assertEqual(run.line_ids.res_id, payment.id)

    def test_a_refund_counts_against(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        self.listed["payment"] = [self._intent("pi_1", self._cents(payment), 750)]
        moment = int(datetime(2025, 7, 15, 13, tzinfo=timezone.utc).timestamp())
        refund = {"id": "re_1", "amount": 700, "currency": "usd", "status": "succeeded"}
        self.listed["refund"] = [{**refund, "created": moment, "payment_intent": "pi_1"}]
        run = self._payments()
        self.assertEqual(
            [(line.reason, line.key, int(line.steps)) for line in run.line_ids],
            [("missing_here", "refund:re_1", 700)],
        )

    def test_payouts_count_against_until_they_come_back(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        self.listed["payment"] = [self._intent("pi_1", self._cents(payment), 750)]
        left = datetime(2025, 7, 15, 18, tzinfo=timezone.utc)
        payout = {"id": "po_1", "amount": round(payment.amount * 100), "currency": "usd"}
        payout |= {"status": "paid", "created": int(left.timestamp())}
        self.listed["payout"] = [payout]
        (line,) = self._payments().line_ids
        self.assertEqual((line.reason, line.key), ("missing_here", "payout:po_1"))
        values = {
            "amount": Decimal(str(payment.amount)),
            "currency": "USD",
            "date": left,
            "status": Term("succeeded"),
            "reconciliation": "not_applicable",
            "reference": "po_1",
        }
        item = self._apply(self._item("payout", values, external_id="po_1"))
        self.assertFalse(item.problem, item.problem)
        record = self.env["account.payment"].browse(item.res_id)
        self._link("payout", "po_1", record)
        run = self._payments()
        self.assertEqual((run.state, run.agreed_count), ("agreed", 2))
        back = {**values, "status": Term("failed"), "returned_at": left}
        self._apply(self._item("payout", back, record=record, changed=["status"]))
        self.assertTrue(record.hub_refund_ids)
        self.listed["payout"] = [{**payout, "status": "failed"}]
        run = self._payments()
        self.assertEqual((run.state, run.agreed_count), ("agreed", 1))

    def test_money_that_a_dispute_took_long_ago_and_gave_back_now(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        gross = Decimal(str(payment.hub_gross))
        cents = self._cents(payment)
        self.listed["payment"] = [self._intent("pi_1", cents, 750)]
        moment = datetime(2025, 7, 15, 18, tzinfo=timezone.utc)
        moved = {"currency": "usd", "created": int(moment.timestamp())}
        dispute = {
            "id": "du_1",
            "amount": cents,
            "status": "won",
            **moved,
            "payment_intent": "pi_1",
        }
        dispute["withdrawn"] = {"id": "txn_1", "net": -cents - 1500, "fee": 1500, **moved}
        dispute["reinstated"] = {"id": "txn_2", "net": cents, "fee": 0, **moved}
        self.listed["dispute"] = [dispute]
        lines = self._payments().line_ids
        self.assertEqual(
            sorted(lines.mapped("key")), ["dispute:du_1:reinstated", "dispute:du_1:withdrawn"]
        )
        values = {
            "payment": payment.id,
            "amount": gross,
            "currency": "USD",
            "status": Term("won"),
            "reference": "du_1",
            "settlement_currency": "USD",
            "withdrawn_at": moment,
            "withdrawn_net": -gross - 15,
            "withdrawn_fee": Decimal(15),
            "withdrawn_reference": "txn_1",
            "reinstated_at": moment,
            "reinstated_net": gross,
            "reinstated_reference": "txn_2",
        }
        item = self._apply(self._item("dispute", values, external_id="du_1"))
        self.assertFalse(item.problem, item.problem)
        run = self._payments()
        self.assertEqual((run.state, run.agreed_count), ("agreed", 3))

    # -- causes --------------------------------------------------------------------------------------

    def _message(self, key, state, reason=None, entity="payment"):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == entity and s.direction == "in"
        )
        self.env.cr.execute(
            """INSERT INTO hub_message (system_id, stream_id, entity_id, external_id, order_key, part, lane,
                                        direction, kind, action, state, reason)
               VALUES (%s, %s, %s, %s, 1, 1, 1, 'in', 'snapshot', 'change', %s, %s)""",
            [self.system.id, stream.id, stream.entity_id.id, key, state, reason],
        )

    def test_what_a_message_says_explains_a_difference(self):
        self.listed["payment"] = [self._intent(f"pi_{n}", 100 + n) for n in range(5)]
        for number, (state, reason) in enumerate(
            (
                ("pending", None),
                ("failed", "payment_unmatched"),
                ("skipped", "by_person"),
                ("skipped", "superseded"),
            )
        ):
            self._message(f"pi_{number}", state, reason)
        run = self._payments()
        self.assertEqual(
            {line.key[-4:]: line.cause for line in run.line_ids},
            {"pi_0": "on_way", "pi_1": "person", "pi_2": "left_out", "pi_3": False, "pi_4": False},
        )
        self.assertEqual((run.state, run.unexplained_count), ("different", 2))
        self.assertEqual(int(run.total_ids.unexplained_steps), 103 + 104)

    def test_a_person_explains_what_is_left_and_it_stays_explained(self):
        self.listed["payment"] = [self._intent("pi_1", 500)]
        run = self._payments()
        issue = self.env["hub.issue"].search([("code", "=", "ledgers_differ")])
        self.assertEqual((issue.state, issue.system_id), ("open", self.system))
        self.assertIn("1 differences", issue.sentence)
        wizard = (
            self.env["hub.reconciliation.accept"]
            .with_user(self.approver)
            .create({"line_ids": run.line_ids.ids, "note": "Another firm's"})
        )
        wizard.action_accept()
        self.assertEqual((run.state, run.unexplained_count), ("explained", 0))
        self.assertIn("Another firm's", run.line_ids.sentence)
        issue.invalidate_recordset()
        self.assertEqual(issue.state, "resolved")
        run._compare()
        self.assertEqual(run.state, "explained")
        self.listed["payment"] = [self._intent("pi_1", 501)]
        run._compare()  # not the difference that was explained
        self.assertEqual(run.state, "different")

    def test_ask_again_makes_a_notice(self):
        self.listed["payment"] = [self._intent("pi_1", 500)]
        run = self._payments()
        run.line_ids.with_user(self.resolver).action_ask_again()
        self.env.cr.execute(
            "SELECT state, kind FROM hub_message WHERE external_id = 'pi_1' AND system_id = %s",
            [self.system.id],
        )
        self.assertEqual(self.env.cr.fetchall(), [("received", "notice")])

    # -- signing off ---------------------------------------------------------------------------------

    def test_what_has_no_explanation_is_not_signed_off(self):
        self.listed["payment"] = [self._intent("pi_1", 500)]
        run = self._payments()
        with self.assertRaisesRegex(UserError, "no explanation"):
            run.with_user(self.approver).action_sign()
        with self.assertRaises(AccessError):
            run.with_user(self.viewer).action_sign()

    def test_a_signed_day_that_changes_says_so(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        self.listed["payment"] = [self._intent("pi_1", self._cents(payment), 750)]
        run = self._payments()
        run.with_user(self.approver).action_sign()
        self.assertEqual((run.state, run.signed_by_id), ("signed", self.approver))
        with self.assertRaises(UserError):
            run.with_user(self.approver).action_compare()
        run._look_again()
        self.assertFalse(run.changed_at)
        self.listed["payment"].append(self._intent("pi_2", 100))
        run._look_again()
        self.assertTrue(run.changed_at)
        self.assertIn("changed after", run.sentence)
        self.assertTrue(self.env["hub.issue"].search([("code", "=", "ledgers_differ")]))
        run.with_user(self.approver).action_compare()
        run._compare()
        self.assertEqual((run.state, run.changed_at), ("different", False))

    def test_an_explained_fee_that_changes_is_explained_no_more(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        cents = self._cents(payment)
        self.listed["payment"] = [self._intent("pi_1", cents, 751)]
        run = self._payments()
        self.assertEqual(run.line_ids.mapped("reason"), ["part"])
        run.line_ids.with_user(self.approver)._accept("A cent of rounding there")
        run._compare()
        self.assertEqual(run.state, "explained")
        run.with_user(self.approver).action_sign()
        run._look_again()
        self.assertFalse(run.changed_at)
        self.listed["payment"] = [self._intent("pi_1", cents, 0)]
        run._look_again()
        self.assertTrue(run.changed_at)
        run._compare()
        self.assertEqual((run.state, run.unexplained_count), ("different", 1))

    def test_what_was_signed_off_by_the_former_seal_is_still_the_same(self):
        self.contract = self._start_deal()
        payment = self._paid("pi_1")
        self.listed["payment"] = [self._intent("pi_1", self._cents(payment), 750)]
        run = self._payments()
        run.with_user(self.approver).action_sign()
        run.seal = former_seal(run._result()[0])
        run._look_again()
        self.assertFalse(run.changed_at)

    def test_an_unreadable_source_agrees_with_nothing(self):
        self.error = ConnectorError("product_down", "server_error")
        run = self._payments()
        self.assertEqual((run.state, run.agreed_count), ("failed", 0))
        self.assertIn("could not be compared", run.sentence)
        with self.assertRaises(UserError):
            run.with_user(self.approver).action_sign()

    # -- time, billing, contracts --------------------------------------------------------------------

    def _harvest(self):
        return self.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "base_url": "https://api.harvestapp.com",
                "user_id": self.technical.id,
                "company_ids": self.company.ids,
                "state": "connected",
            }
        )

    def test_approved_hours_are_those_of_the_tracker(self):
        system = self._harvest()
        contract = self._start_deal()
        entries = self._book(contract, "8", "7.5", "0.3333") + self._book(
            contract, "2", approval="submitted"
        )
        for number, entry in enumerate(entries):
            self._link("time_entry", str(number), entry, system)
        payload = {"spent_date": "2025-06-10", "is_running": False, "project": {"id": 9}}
        self.listed["time_entry"] = [
            {**payload, "id": 0, "hours": 8.0, "approval_status": "approved"},
            {**payload, "id": 1, "hours": 7.25, "approval_status": "approved"},
            {**payload, "id": 2, "hours": 0.3333, "approval_status": "approved"},
            {**payload, "id": 3, "hours": 2.0, "approval_status": "approved"},
        ]
        run = self._run("time", JUNE, system)
        self.assertEqual(
            [(line.key, line.reason, int(line.steps)) for line in run.line_ids],
            [("1", "amount", 900), ("3", "status", -7200)],
        )
        self.assertEqual((run.agreed_count, run.proved), (2, True))
        self.assertEqual(run.line_ids[0].difference, "0.25 h")

    def test_approved_work_is_billed_or_waits(self):
        contract = self._start_deal()
        self._invoice(contract, "8", "4")
        self._book(contract, "2")
        run = self._run("billing", JUNE)
        self.assertEqual((run.state, run.agreed_count), ("explained", 2))
        self.assertEqual(
            [(line.reason, line.cause, line.difference) for line in run.line_ids],
            [("missing_there", "to_bill", "2 h")],
        )
        self.assertEqual(run.line_ids.action_open()["res_model"], "account.analytic.line")

    def test_the_ledger_makes_the_amounts_of_the_invoices(self):
        contract = self._start_deal()
        invoice = self._invoice(contract, "8", "0.333333")
        window = {"date_from": invoice.invoice_date, "date_to": invoice.invoice_date}
        run = self._run("invoice", window)
        self.assertEqual((run.state, run.agreed_count), ("agreed", 1))
        self.env.cr.execute(
            "UPDATE hub_billing SET amount = amount + 0.01 WHERE id = %s",
            [contract.billing_ids[:1].id],
        )
        self.env.invalidate_all()
        run._compare()
        self.assertEqual(run.line_ids.mapped("difference"), ["0.01 USD"])
        self.assertEqual(run.line_ids.res_id, invoice.id)

    def test_deals_won_are_contracts(self):
        system = self.env["hub.system"].create(
            {
                "name": "HubSpot",
                "product": "hubspot",
                "base_url": "https://api.hubapi.com",
                "user_id": self.technical.id,
                "company_ids": self.company.ids,
                "state": "connected",
            }
        )
        contract = self._start_deal()
        self._link("opportunity", "7", contract.lead_id, system)

        def deal(key, amount):
            return {
                "id": key,
                "properties": {
                    "dealname": "Acme",
                    "amount": amount,
                    "deal_currency_code": "USD",
                    "dealstage": "closedwon",
                    "closedate": "2025-05-30T16:00:00Z",
                },
                "pipeline_stage": {"isWon": True, "isClosed": True},
            }

        self.listed["opportunity"] = [deal("7", "15500.00"), deal("8", "900.00")]
        run = self._run(
            "contract", {"date_from": date(2025, 5, 30), "date_to": date(2025, 5, 30)}, system
        )
        self.assertEqual(
            [(line.key, line.reason, line.difference) for line in run.line_ids],
            [("8", "missing_here", "-900.00 USD"), ("7", "amount", "-500.00 USD")],
        )

    # -- planning, rights ----------------------------------------------------------------------------

    def test_each_night_plans_yesterday_once_and_the_month_on_its_first(self):
        self._start_deal()
        mine = [("company_id", "=", self.company.id)]
        Run = self.env["hub.reconciliation"]
        Run._plan(today=date(2025, 7, 1))
        runs = Run.search(mine)
        self.assertEqual(set(runs.mapped("kind")), {"payment", "billing", "invoice"})
        self.assertEqual(
            {(r.date_from, r.date_to) for r in runs},
            {(date(2025, 6, 30), date(2025, 6, 30)), (date(2025, 6, 1), date(2025, 6, 30))},
        )
        Run._plan(today=date(2025, 7, 1))
        self.assertEqual(Run.search(mine), runs)

    def test_nobody_writes_a_result_and_strangers_see_none(self):
        run = self._payments()
        with self.assertRaises(AccessError):
            run.with_user(self.approver).write({"state": "signed"})
        runs = self.env["hub.reconciliation"].with_user(self.resolver)
        with self.assertRaisesRegex(AccessError, "Seal, State"):
            runs.create({"kind": "billing", "state": "signed", "seal": "x", **JULY})
        mine = runs.with_context(default_state="signed").create({"kind": "billing", **JULY})
        self.assertEqual((mine.state, mine.seal), ("due", False))
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self._make_user(
            "stranger", "base.group_user", "lead_to_cash_hub.group_hub_viewer"
        )
        stranger.write({"company_ids": other.ids, "company_id": other.id})
        theirs = self.env(user=stranger, context={"allowed_company_ids": other.ids})
        self.assertFalse(theirs["hub.reconciliation"].search([]))
        self.assertFalse(theirs["hub.reconciliation.line"].search([]))
        with self.assertRaises(ValidationError):
            self._run("time", system=self.system)

    def test_the_number_of_queries_does_not_grow_with_the_records(self):
        self.listed["payment"] = [self._intent(f"pi_{n}", 100) for n in range(20)]
        run = self._payments()

        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run._compare()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        count()
        few = count()
        self.listed["payment"] = [self._intent(f"pi_{n}", 100) for n in range(40)]
        count()
        self.assertLessEqual(count(), few + 2)
