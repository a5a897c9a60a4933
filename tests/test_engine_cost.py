import hashlib

from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..models.flow.context import HUB_CONTEXT
from ..models.flow.cursors import short_cursor
from .hub_common import HubCase


def unlike(key):
    """A name that resembles no other."""
    return hashlib.sha256(key.encode()).hexdigest()[:20]


@tagged("post_install", "-at_install")
class TestEngineCost(HubCase):
    """What one more message costs: nothing beyond what Odoo's own create or write asks for the same values, which
    is measured beside it. Each test doubles its data and counts the queries."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # One worker takes all partitions: else twice as many records can need a second batch.
        cls.env["hub.lane"].search([]).workers = 1

    def _queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def assertFlat(self, prepare, work, count=20, each=0, own=None):
        """``work`` on twice as much asks the database no more often, not once.

        :param each: queries for each further record that are inside Odoo's own create or write
        :param own: function from a number of records to the queries that Odoo itself makes for them; it must
            need ``each``
        """
        prepare(2)
        work()  # fills the caches of configuration
        prepare(count)
        single = self._queries(work)
        prepare(2 * count)
        double = self._queries(work)
        self.assertLessEqual(
            double - single, each * count, f"{count}: {single}, {2 * count}: {double}"
        )
        if own:
            self.assertGreaterEqual(own(2 * count) - own(count), each * count)

    def _odoos_own(self, work):
        """A function from a number to the queries of ``work`` on so many partners, done by Odoo alone: as the
        technical user, with what the engine gives along. Nothing of it stays.

        :param work: gets the model ``res.partner`` and the number
        """

        def own(count):
            with self.engine_env() as env:
                partners = self.env(cr=env.cr, user=self.technical, context=HUB_CONTEXT)[
                    "res.partner"
                ]
                with env.cr.savepoint() as savepoint:
                    before = env.cr.sql_log_count
                    work(partners, count)
                    partners.env.flush_all()
                    asked = env.cr.sql_log_count - before
                    partners.env.invalidate_all()
                    savepoint.rollback()
                return asked

        own(2)  # fills its caches
        return own

    def _numbers(self, count):
        self.last = getattr(self, "last", 0) + count
        return [str(number) for number in range(self.last - count + 1, self.last + 1)]

    def _apply(self):
        with self.engine_env() as env:
            for _turn in range(10):
                if not env["hub.apply"]._slice(1, 200):
                    return
        self.fail("there is always more")

    def test_receiving_is_one_statement(self):
        def count(number):
            incoming = [self._notice("customer", key) for key in self._numbers(number)]
            with short_cursor(self.env) as cr:
                before = cr.sql_log_count
                self.env["hub.receive"]._store(cr, self.system.id, "x", incoming)
                return cr.sql_log_count - before

        self.assertEqual([count(1), count(50), count(100)], [1, 1, 1])

    def test_applying_customers(self):
        def prepare(count):
            self.receive(*(self._company(key, name=unlike(key)) for key in self._numbers(count)))

        own = self._odoos_own(
            lambda partners, count: partners._load_records_create(
                [{"name": unlike(f"own{n}"), "is_company": True} for n in range(count)]
            )
        )
        self.assertFlat(prepare, self._apply, own=own)
        self.assertEqual(own(40), own(20), "Odoo creates them together")
        self.assertEqual(set(self.env["hub.message"].search([]).mapped("state")), {"done"})

    def test_texts_come_through_as_they_are(self):
        odd = "Say \"x\" \\ {1,NULL}, 'both' %s"
        self.work(self._company("900", 1, name=odd))
        link = self.env["hub.link"].search([("external_id", "=", "900")])
        self.assertEqual((link.base["name"], link.held["name"]), (odd, odd))
        audit = self.env["hub.audit"].search(
            [("res_model", "=", "res.partner"), ("action", "=", "apply")]
        )
        self.assertEqual(audit[0].value_ids.body["name"], [None, odd])

    def test_applying_changes_of_customers(self):
        keys = self._numbers(42)
        self.receive(*(self._company(key, 1, name=unlike(key)) for key in keys))
        self._apply()
        turn = iter(range(2, 100))

        def prepare(count):
            number = next(turn)
            self.receive(
                *(
                    self._company(key, number, name=unlike(key), zip=f"{number}{key}")
                    for key in keys[:count]
                )
            )

        ids = self.env["hub.link"].search([]).mapped("res_id")

        def write(partners, count):
            for partner in partners.browse(ids[:count]):
                partner.write({"zip": f"own{partner.id}"})

        # The values differ, so Odoo writes each partner by itself, with a query for each. (Alone it makes two.)
        self.assertFlat(prepare, self._apply, each=1, own=self._odoos_own(write))

    def test_leaving_out_what_did_not_change(self):
        keys = self._numbers(42)
        self.receive(*(self._company(key, 1, name=unlike(key)) for key in keys))
        self._apply()
        turn = iter(range(2, 100))

        def prepare(count):
            number = next(turn)
            self.receive(*(self._company(key, number, name=unlike(key)) for key in keys[:count]))

        self.assertFlat(prepare, self._apply)

    def test_applying_contacts(self):
        self.work(self._company("1"))
        self.last = 1

        def prepare(count):
            self.receive(*(self._contact(key, company="1") for key in self._numbers(count)))

        company = self.partner_of("1").id

        def create(partners, count):
            partners.create(
                [{"name": unlike(f"own{n}"), "parent_id": company} for n in range(count)]
            )

        # Odoo copies the address of its company to each new contact, with a query for each. (Alone it makes two.)
        self.assertFlat(prepare, self._apply, each=1, own=self._odoos_own(create))

    def test_failing_and_waiting(self):
        self._use_stub()

        def fail(count):
            self.receive(*(self._company(key, country="Atlantis") for key in self._numbers(count)))

        def wait(count):
            self.receive(*(self._contact(key, company=f"x{key}") for key in self._numbers(count)))

        self.assertFlat(fail, self._apply)
        self.assertFlat(wait, self._apply)

    def test_money_of_what_fails_or_waits(self):
        self._use_stub()
        self.work(self._company("1"))
        self.last = 1
        foreign = self.env.ref("base.CHF")
        foreign.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "name": "2020-01-01", "rate": 4}
        )

        def deal(key, company="1"):
            properties = {
                "dealname": key,
                "amount": "100",
                "deal_currency_code": "CHF",
                "service_line": "nobody knows it",
            }
            payload = {"id": key, "properties": properties, "companies": [company]}
            return self._incoming("opportunity", key, payload)

        def fail(count):
            self.receive(*(deal(key) for key in self._numbers(count)))

        def wait(count):
            self.receive(*(deal(key, company=f"x{key}") for key in self._numbers(count)))

        self.assertFlat(fail, self._apply)
        deals = self.env["hub.message"].search([("entity_id.code", "=", "opportunity")])
        self.assertEqual(set(deals.mapped("state")), {"failed"})
        self.assertEqual(set(deals.mapped("amount")), {100})
        self.assertEqual(set(deals.mapped("amount_company")), {25})
        self.assertFlat(wait, self._apply)

    def test_fetching(self):
        stub = self._use_stub()

        def prepare(count):
            for key in self._numbers(count):
                stub.records["customer", key] = {"id": key, "properties": {"name": key}}
                self.receive(self._notice("customer", key))

        def work():
            with self.engine_env() as env:
                env["hub.fetch"]._slice()

        self.assertFlat(prepare, work)

    def test_failing_to_fetch(self):
        stub = self._use_stub()
        stub.error = ConnectorError("data", "refused", status=400)

        def work():
            with self.engine_env() as env:
                rows, leave = env["hub.fetch"]._lease()
                system, entity = (
                    env["hub.system"].browse(rows[0]["system_id"]),
                    env["hub.entity"].browse(rows[0]["entity_id"]),
                )
                with env["hub.place"]._calls(leave):
                    env["hub.fetch"]._failed(system, entity, rows, stub.error, leave)

        self.assertFlat(
            lambda count: self.receive(
                *(self._notice("customer", key) for key in self._numbers(count))
            ),
            work,
        )

    def _prepare_sending(self):
        """Companies with a balance that changes each time; functions that mark some and compose."""
        stream = (
            self.env["hub.stream"]
            .with_context(active_test=False)
            .search(
                [
                    ("system_id", "=", self.system.id),
                    ("entity_id.code", "=", "customer"),
                    ("direction", "=", "out"),
                ]
            )
        )
        self._use_stub()
        self.receive(*(self._company(key, name=unlike(key)) for key in self._numbers(42)))
        self._apply()
        stream.active = True
        partners = self.env["hub.link"].search([]).mapped("res_id")
        balance = iter(range(1, 100))
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                key: {"balance": str(self.now)} for key in records.ids
            },
        )

        def mark(count):
            self.now = next(balance)
            self.env["hub.compose"]._mark_all("res.partner", partners[:count])

        return mark

    def _compose(self):
        with self.engine_env() as env:
            env["hub.compose"]._slice()

    def _deliver(self):
        with self.engine_env() as env:
            while env["hub.deliver"]._slice():
                pass

    def _sent(self):
        return self.env["hub.message"].search([("direction", "=", "out")])

    def test_composing(self):
        mark = self._prepare_sending()

        def prepare(count):
            self._deliver()  # what the former turn composed does not stand in the way of this one
            mark(count)

        self.assertFlat(prepare, self._compose)
        self.assertStates(self._sent(), *["pending"] * 40, *["done"] * 22)

    def test_composing_what_did_not_change(self):
        mark = self._prepare_sending()
        mark(42)
        self._compose()
        self._deliver()
        value = self.now

        def prepare(count):
            mark(count)
            self.now = value

        self.assertFlat(prepare, self._compose)
        self.assertStates(self._sent(), *["done"] * 42)

    def test_delivering(self):
        mark = self._prepare_sending()

        def prepare(count):
            mark(count)
            self._compose()

        self.assertFlat(prepare, self._deliver)
        self.assertStates(self._sent(), *["done"] * 62)

    def test_failing_to_deliver(self):
        mark = self._prepare_sending()
        stub = self._use_stub()
        stub.error = ConnectorError("product_down", "down", status=503)

        def prepare(count):
            self.later()
            self._close_circuit()
            self.env.cr.execute("DELETE FROM hub_outbox")
            mark(count)
            self._compose()

        def work():
            with self.engine_env() as env:
                env["hub.deliver"]._slice()

        self.assertFlat(prepare, work)

    def _close_circuit(self):
        self.env.cr.execute("DELETE FROM hub_circuit")
