"""How long the simulation of a Change takes, and that the database holds the same afterwards.

With ``HUB_FIGURES=1000`` in the environment the promised numbers are measured: 1,000 customers or time entries
in under 30 s, 1,000 deals or payments in under 300 s, every message under today's and under the proposed configuration.
"""

import logging
import os
import time
from datetime import date, timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .business_common import BusinessCase
from .hub_common import HubMixin

_logger = logging.getLogger(__name__)

N = int(os.environ.get("HUB_FIGURES", 12))
APART = (
    "hub_simulation",
    "hub_simulation_message",
    "hub_simulation_line",
    "hub_simulation_res_company_rel",
)
DAY = date(2025, 6, 2)


@tagged("post_install", "-at_install")
class TestChangeFigures(HubMixin, BusinessCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        terms = cls.env["hub.vocabulary.term"]
        terms.create(
            [
                {"vocabulary_id": cls.env.ref(f"lead_to_cash_hub.vocabulary_{name}").id, "code": code, "name": code,
                 "res_id": record.id}
                for name, code, record in (
                    ("service_item", "CONS", cls.consulting), ("service_line", "rollout", cls.template)
                )
            ]
        )  # fmt: skip
        cls.stripe = cls.system
        cls.stripe.state = "connected"
        cls.hubspot = cls._make_system(company_ids=[Command.set(cls.company.ids)])
        cls.harvest = cls.env["hub.system"].create(
            {
                "name": "Harvest",
                "product": "harvest",
                "base_url": "https://api.harvestapp.com",
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
            }
        )
        cls.harvest.state = "connected"
        (cls.stripe | cls.harvest).stream_ids.poll = False
        cls.system = cls.hubspot

    def setUp(self):
        super().setUp()
        self._start_engine()

    def content(self):
        """Rows and checksum of every table but the report's."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
                  AND NOT relname = ANY(%s) ORDER BY relname""",
            [list(APART)],
        )
        found = {}
        for (table,) in self.env.cr.fetchall():
            self.env.cr.execute(
                f"""SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM "{table}" t"""
            )
            found[table] = self.env.cr.fetchone()
        return found

    def measure(self, kind, limit, system, entity, field, **values):
        """Simulate a Change of one line of the mapping over the newest N records.

        :param limit: seconds for 1,000 messages.
        """
        line = system.mapping_ids.filtered(
            lambda m: m.entity_id.code == entity and m.direction == "in"
        ).line_ids.filtered(lambda one: one.field_id.name == field)
        model = self.env["hub.change"]
        change = model.browse(model.propose(line._name, "write", line.ids, values)["res_id"])
        change.sample = N
        before = self.content()
        started, busy = time.monotonic(), time.process_time()
        simulation = self.env["hub.simulation"].browse(change.action_simulate()["res_id"])._run()
        seconds, busy = time.monotonic() - started, time.process_time() - busy
        self.assertEqual(self.content(), before)
        outcomes = simulation.message_ids.mapped("outcome")
        self.assertEqual(len(outcomes), N)
        self.assertNotIn("bug", simulation.message_ids.mapped("reason"))
        _logger.info(
            "%s: %s messages, twice each, in %.1f s (%.1f s of it at work in Python); %s differ; %s",
            kind, N, seconds, busy, simulation.record_count, {o: outcomes.count(o) for o in sorted(set(outcomes))},
        )  # fmt: skip
        if N >= 1000:
            self.assertLess(seconds, limit * N / 1000)
        return simulation

    def test_customers(self):
        self.work(
            *(
                self._company(str(n), city="Boston", town="Austin", country="US")
                for n in range(1, N + 1)
            )
        )
        simulation = self.measure(
            "customers", 30, self.hubspot, "customer", "city", path="properties.town"
        )
        self.assertEqual(simulation.record_count, N)

    def test_deals(self):
        """Won deals: with contract, order, project."""
        self.work(
            self._company(
                "1",
                name="Deal customer",
                country="US",
                city="Boston",
                address="1 Main St",
                zip="02110",
            )
        )
        self.work(*(self._deal_of(n) for n in range(1, N + 1)))
        self.assertEqual(self.env["hub.contract"].search_count([]), N)
        simulation = self.measure(
            "deals", 300, self.hubspot, "opportunity", "name", path="properties.nickname"
        )
        self.assertGreaterEqual(simulation.record_count, N)

    def test_deals_that_are_cured(self):
        """Deals whose service nobody knew: each would become a contract, an order and a project."""
        self.work(
            self._company(
                "1",
                name="Deal customer",
                country="US",
                city="Boston",
                address="1 Main St",
                zip="02110",
            )
        )
        self.work(*(self._deal_of(n, sku="ODD") for n in range(1, N + 1)))
        self.assertFalse(self.env["hub.contract"].search_count([]))
        simulation = self.measure(
            "deals that fail today", 300, self.hubspot, "deal_line", "service",
            transform="constant", argument="CONS",
        )  # fmt: skip
        self.assertEqual(set(simulation.message_ids.mapped("today")), {"failed"})
        self.assertEqual(set(simulation.message_ids.mapped("outcome")), {"done"})
        self.assertFalse(self.env["hub.contract"].search_count([]))

    def test_time_entries(self):
        contract = self._start_deal()
        task = contract.project_id.task_ids.filtered("sale_line_id")[:1]
        self._link_all(
            self.harvest,
            ("employee", "1", self.consultant),
            ("project", "1", contract.project_id),
            ("task", "1/1", task),
        )
        self.work(*(self._entry_of(n) for n in range(1, N + 1)), system=self.harvest)
        simulation = self.measure(
            "time entries", 30, self.harvest, "time_entry", "note", path="external_note"
        )
        self.assertEqual(simulation.record_count, N)

    def test_payments_that_are_cured(self):
        """Payments whose invoice was not found: each would be booked and its invoice paid."""
        contract = self._start_deal()
        numbers = []
        for n in range(N):
            day = DAY + timedelta(days=n)
            self._book(contract, "1", day=day)
            numbers += self._approve(self._bill(contract, day, day)).mapped("name")
        self.work(
            *(self._payment_of(n, number) for n, number in enumerate(numbers, 1)),
            system=self.stripe,
        )
        simulation = self.measure(
            "payments", 300, self.stripe, "payment", "invoice_number", path="metadata.number"
        )
        self.assertIn("done", simulation.message_ids.mapped("outcome"))

    # -- what the sources say ----------------------------------------------------------------------

    def _deal_of(self, n, sku="CONS"):
        payload = {
            "id": f"D{n}",
            "properties": {
                "dealname": f"Rollout {n}",
                "nickname": f"Roll {n}",
                "amount": "1500",
                "deal_currency_code": "USD",
                "closedate": "2026-02-03T15:00:00Z",
                "service_line": "rollout",
            },
            "companies": ["1"],
            "contacts": [],
            "line_items": [
                {
                    "id": f"{n}",
                    "properties": {
                        "hs_sku": sku,
                        "name": "Consulting",
                        "quantity": "10",
                        "price": "150",
                    },
                }
            ],
            "owner": None,
            "pipeline_stage": {"isWon": True, "isClosed": True},
        }
        return self._incoming("opportunity", f"D{n}", payload)

    def _entry_of(self, n):
        payload = {
            "id": n,
            "spent_date": str(DAY + timedelta(days=n % 20)),
            "hours": 1.5,
            "notes": f"Work {n}",
            "external_note": f"Other work {n}",
            "user": {"id": 1, "name": "Cora Consultant"},
            "project": {"id": 1, "name": "Rollout"},
            "task": {"id": 1, "name": "Build"},
            "project_task": "1/1",
            "approval_status": "approved",
            "billable": True,
            "is_running": False,
            "billable_rate": 150.0,
        }
        return self._incoming("time_entry", str(n), payload)

    def _payment_of(self, n, number):
        payload = {
            "id": f"pi_{n}",
            "amount_received": 17250,
            "currency": "usd",
            "created": 1752580800,
            "status": "succeeded",
            "metadata": {"odoo_invoice": "", "number": number},
            "latest_charge": {
                "id": f"ch_{n}",
                "created": 1752580800,
                "balance_transaction": {"fee": 100, "net": 17150, "currency": "usd"},
            },
        }
        return self._incoming("payment", f"pi_{n}", payload)

    def _link_all(self, system, *links):
        entities = {entity.code: entity.id for entity in self.env["hub.entity"].search([])}
        self.env["hub.link"]._store(
            self.env.cr,
            [
                {
                    "system_id": system.id,
                    "entity_id": entities[code],
                    "entity": code,
                    "external_id": external_id,
                    "company_id": self.company.id,
                    "res_model": record._name,
                    "res_id": record.id,
                }
                for code, external_id, record in links
            ],
        )
