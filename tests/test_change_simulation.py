import time
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..models.flow.simulation import MOST_MESSAGES
from .change_common import ChangeCase

APART = (
    "hub_simulation",
    "hub_simulation_message",
    "hub_simulation_line",
    "hub_simulation_res_company_rel",
)


class SimulatedCase(ChangeCase):
    """Changes that are simulated, and all that is stored, beside the report."""

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

    def simulate(self, change, user=None, steps=True):
        change = change.with_user(user or self.author)
        action = change.action_simulate()
        simulation = change.env["hub.simulation"].browse(action["res_id"])
        if steps:
            simulation._run()
        return simulation


@tagged("post_install", "-at_install")
class TestChangeSimulation(SimulatedCase):
    """What a Change would do to stored messages, and nothing else, is shown; nothing stays."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        country = cls.env["hub.mapping.line"].search(
            [("mapping_id", "=", cls.mapping.id), ("field_id.name", "=", "country")]
        )
        cls.country = country

    def outcomes(self, simulation):
        return {
            row.message_id.external_id: (row.outcome, row.today) for row in simulation.message_ids
        }

    def differences(self, simulation):
        lines = simulation.sudo().line_ids.filtered(lambda line: line.res_model == "res.partner")
        return {line.res_id: line.values for line in lines}

    def test_fields_that_would_change_and_nothing_stays(self):
        self.work(
            self._company("1", city="Boston", town="Austin"),
            self._company("2", city="Rome", town="Rome"),
            self._company("3", city="Oslo", town="Bergen"),
        )
        self.partner_of("3").with_user(self.author).city = "Typed"
        change = self.city()
        before = self.content()
        simulation = self.simulate(change)
        self.assertEqual(self.content(), before)
        self.assertEqual(
            self.differences(simulation)[self.partner_of("1").id], {"city": ["Boston", "Austin"]}
        )
        self.assertNotIn(self.partner_of("2").id, self.differences(simulation))
        self.assertIn("Boston → Austin", str(simulation.line_ids.mapped("difference")))
        self.assertEqual(change.simulation_state, "done")
        self.assertIn("Contact", change.simulation_html)
        self.city("properties.place")
        self.assertEqual(change.simulation_state, "old")

    def test_new_failures_and_those_that_are_cured(self):
        """Beside what today's configuration would make of the same messages."""
        self.work(
            self._company("1", country="Germany", land="Atlantis"),
            self._company("2", country="Lemuria", land="Germany"),
            self._company("3", country="Lemuria", land="Atlantis"),
            self._company("4", country="Germany", land="Germany"),
        )
        change = self.propose(self.country, values={"path": "properties.land"})
        simulation = self.simulate(change)
        outcomes = self.outcomes(simulation)
        self.assertEqual(outcomes["1"][0], "failed")
        self.assertNotEqual(outcomes["1"][1], "failed")
        self.assertEqual(outcomes["2"], ("done", "failed"))
        self.assertEqual(outcomes["3"], ("failed", "failed"))
        self.assertEqual(outcomes["4"][0], outcomes["4"][1])
        for text in ("Would fail; did not before", "fails today", "Would fail again", "Atlantis"):
            self.assertIn(text, simulation.report_html)

    def test_the_newest_message_of_each_record_of_the_entity(self):
        self.work(self._company("1", 1, city="Boston", town="Old"))
        self.work(self._company("1", 2, city="Boston", town="New"), self._contact("9", company="1"))
        simulation = self.simulate(self.city())
        self.assertEqual(list(self.outcomes(simulation)), ["1"])
        self.assertEqual(
            self.differences(simulation)[self.partner_of("1").id], {"city": ["Boston", "New"]}
        )

    def test_a_chosen_set_and_a_number(self):
        self.work(*(self._company(str(key), city="a", town="b") for key in range(1, 6)))
        change = self.city()
        change.message_domain = "[('external_id', 'in', ['2', '3'])]"
        self.assertEqual(set(self.outcomes(self.simulate(change))), {"2", "3"})
        change.write({"message_domain": "[]", "sample": 3})
        self.assertEqual(set(self.outcomes(self.simulate(change))), {"3", "4", "5"})
        change.message_domain = "[('external_id', '=', '99')]"
        with self.assertRaises(UserError):
            self.simulate(change)
        for bad in ("nonsense", "__import__('os')", "[("):
            change.message_domain = bad
            with self.subTest(bad), self.assertRaises(UserError):
                self.simulate(change)

    def test_cancelled_half_way_nothing_stays(self):
        self.work(*(self._company(str(key), city="a", town="b") for key in range(1, 9)))
        change = self.city()
        before = self.content()
        simulation = self.simulate(change, steps=False)
        simulation._keep({"slice_size": 2})
        simulation._step(seconds=0.0001)
        self.assertEqual((simulation.state, simulation.progress), ("running", 25))
        simulation.action_cancel()
        simulation.action_step()
        self.assertEqual((simulation.state, simulation.progress), ("cancelled", 25))
        self.assertEqual(self.content(), before)

    def test_more_than_may_be_looked_at_cancelled_half_way(self):
        """The limit is over ten thousand; here it is ten, so that it is met in a moment."""
        self.assertGreater(MOST_MESSAGES, 10_000)
        self.work(*(self._company(str(key), city="a", town="b") for key in range(1, 15)))
        change = self.city()
        place = "odoo.addons.lead_to_cash_hub.models"
        with (
            patch(f"{place}.config.change_simulation.MOST", 10),
            self.assertRaises(ValidationError),
            self.env.cr.savepoint(),
        ):
            change.sample = 11
        before = self.content()
        with patch(f"{place}.flow.simulation.MOST_MESSAGES", 10):
            simulation = self.simulate(change, steps=False)
        self.assertEqual((simulation.message_count, simulation.further_count), (10, 4))
        simulation._keep({"slice_size": 5})
        simulation._step(seconds=0.0001)
        simulation.action_cancel()
        self.assertEqual((simulation.state, simulation.progress), ("cancelled", 50))
        with self.assertRaisesRegex(UserError, "not edited"):
            simulation.write({"state": "running"})
        self.assertEqual(self.content(), before)
        simulation.unlink()
        self.assertEqual(self.content(), before, "the report goes, and nothing with it")

    def test_a_change_that_was_edited_meanwhile(self):
        self.work(*(self._company(str(key), city="a", town="b") for key in range(1, 4)))
        change = self.city()
        simulation = self.simulate(change, steps=False)
        self.city("properties.place")
        simulation._step()
        self.assertEqual(
            {outcome for outcome, _today in self.outcomes(simulation).values()}, {"failed"}
        )

    def test_who_may_not(self):
        change = self.city()
        self.work(self._company("1"))
        with self.assertRaises(AccessError):
            self.simulate(change, user=self._make_role("v", "viewer"))

    def test_it_does_not_grow_with_the_change(self):
        """Thirty messages with a Change of one line; what it takes is told, beside today's own."""
        self.work(*(self._company(str(key), city="a", town="b") for key in range(1, 31)))
        change = self.city()
        started = time.monotonic()
        simulation = self.simulate(change)
        self.assertEqual(len(self.differences(simulation)), 30)
        self.assertLess(time.monotonic() - started, 30)


@tagged("post_install", "-at_install")
class TestWhatWouldBeSent(SimulatedCase):
    """The same for what leaves: composed with both configurations, beside each other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.out = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "customer"
        )
        cls.out.active = True
        cls.balance = cls.env["hub.mapping.line"].search(
            [("mapping_id.system_id", "=", cls.system.id), ("field_id.name", "=", "balance")]
        )

    def sent(self):
        """Balances of two customers that went out."""
        self._use_stub()
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                r.id: {"balance": Decimal("12.50"), "overdue": Decimal(0)} for r in records
            },
        )
        self.work(self._company("1"), self._company("2"))
        self.drain()
        messages = self.env["hub.message"].search(
            [("system_id", "=", self.system.id), ("direction", "=", "out")]
        )
        self.assertEqual(len(messages), 2)
        return messages

    def differing(self, simulation):
        return {
            line.res_id: line.difference
            for line in simulation.with_user(self.author).line_ids
            if line.kind == "send"
        }

    def test_another_path_shows_what_would_be_sent(self):
        messages = self.sent()
        change = self.propose(self.balance, values={"path": "finance.balance"})
        before = self.content()
        simulation = self.simulate(change)
        self.assertEqual(self.content(), before)
        found = self.differing(simulation)
        self.assertEqual(set(found), set(messages.mapped("res_id")))
        for text in ("HubSpot: odoo_balance: 12.50 → –", "HubSpot: finance.balance: – → 12.50"):
            self.assertIn(text, found[messages[0].res_id])
        self.assertNotIn("overdue", found[messages[0].res_id])
        outgoing = simulation.message_ids.filtered(lambda row: row.message_id in messages)
        self.assertEqual(set(outgoing.mapped("outcome")), {"sent"})
        self.assertEqual(change.simulation_state, "done")
        self.assertIn("Sent Otherwise", change.simulation_html)

    def test_what_ownership_and_write_back_stop(self):
        messages = self.sent()
        grant = self.system.grant_ids.filtered(lambda g: g.field_id == self.balance.field_id)
        simulation = self.simulate(self.propose(grant, values={"active": False}))
        found = self.differing(simulation)
        self.assertIn("odoo_balance: 12.50 → –", found[messages[0].res_id])
        self.assertNotIn("overdue", found[messages[0].res_id])

    def test_a_record_that_can_no_longer_be_composed(self):
        messages = self.sent()
        change = self.propose(self.balance, values={"transform": "epoch_ms"})
        simulation = self.simulate(change)
        rows = simulation.message_ids.filtered(lambda row: row.message_id in messages)
        self.assertEqual(set(rows.mapped("outcome")), {"failed"})
        self.assertIn("Would fail; did not before", simulation.report_html)

    def test_an_inbound_change_looks_at_nothing_that_leaves(self):
        messages = self.sent()
        simulation = self.simulate(self.city())
        self.assertFalse(simulation.message_ids.message_id & messages)
        self.assertEqual(self.city().simulation_state, "done")

    def test_what_cannot_be_looked_at_is_not_called_simulated(self):
        self.out.active = False
        self.work(self._company("1"))
        self.out.active = True
        change = self.propose(self.balance, values={"path": "finance.balance"})
        with self.assertRaises(UserError):  # it is about nothing that came in, and nothing left yet
            change.message_domain = "[('direction', '=', 'out')]"
            self.simulate(change)
        change.message_domain = "[]"
        self.simulate(change)
        self.assertEqual(change.simulation_state, "part")
        self.assertEqual(change.unsent_text, self.out.name)

    def test_values_of_a_class_are_shown_to_whom_the_class_is_shown(self):
        messages = self.sent()
        retention = self.env.ref("lead_to_cash_hub.retention_financial")
        retention.reader_ids = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        change = self.propose(self.balance, values={"path": "finance.balance"})
        simulation = self.simulate(change)
        self.assertEqual(self.balance.field_id.data_class, "financial")
        self.assertNotIn("12.50", self.differing(simulation)[messages[0].res_id])
