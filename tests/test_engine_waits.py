from unittest.mock import patch

import psycopg2
from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..models.flow.request import request_records
from .hub_common import APPLY, HubCase

WEBHOOKS, BULK = 0, 2


@tagged("post_install", "-at_install")
class TestEngineWaits(HubCase):
    """What waits goes on as soon as it can, and costs little until then."""

    def test_what_was_parked_behind_a_notice_goes_on_when_its_newer_one_is_read(self):
        self.work(self._company("1"))
        stub = self._use_stub()
        stub.records["customer", "1"] = {"id": "1", "properties": {"name": "Read"}, "version": 4}
        first = self.receive(self._notice("customer", "1", 2))
        merge = self.receive(self._event("customer", "1", "delete", number=3))
        with self.engine_env() as env:
            env["hub.apply"]._slice(1, 100)
        self.assertStates(merge, "waiting:waits_for_earlier")
        second = self.receive(self._notice("customer", "1", 4))
        with self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.assertStates(first | second | merge, "skipped:superseded", "pending", "pending")

    def test_a_webhook_does_not_wait_for_the_lane_of_what_came_before_it(self):
        """A row of a file has no version: what comes after it waits for it, and files may wait for the night."""
        batch = self.env.ref("lead_to_cash_hub.lane_batch")
        row = self.receive(self._company("1", None, name="Of the file"), lane=batch.number)
        self.env.cr.execute("UPDATE hub_lane SET closed = TRUE WHERE number = %s", [batch.number])
        webhook = self.receive(self._company("1", 5, name="Of the webhook"), lane=WEBHOOKS)
        self.drain()
        self.assertStates(row | webhook, "done", "done")
        self.assertEqual(self.partner_of("1").name, "Of the webhook")

    def test_a_retry_that_holds_a_webhook_back_keeps_its_time(self):
        batch = self.env.ref("lead_to_cash_hub.lane_batch")
        row = self.receive(self._company("1", None), lane=batch.number)
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = next_attempt_at + interval '1 hour' WHERE id = %s",
            [row.id],
        )
        self.env.invalidate_all()
        due = row.next_attempt_at
        webhook = self.work(self._company("1", 5), lane=WEBHOOKS)
        self.assertStates(row | webhook, "pending", "waiting:waits_for_earlier")
        self.env.cr.execute("SELECT lane FROM hub_message WHERE id = %s", [row.id])
        self.assertEqual(self.env.cr.fetchone()[0], WEBHOOKS)
        self.assertEqual(row.next_attempt_at, due)

    def test_who_parks_looks_again_whether_the_earlier_one_was_decided_meanwhile(self):
        self.work(self._company("1"))
        first = self.receive(self._event("customer", "1", number=2))
        self.env.cr.execute("UPDATE hub_message SET state = 'held' WHERE id = %s", [first.id])
        second = self.receive(self._event("customer", "1", number=3))
        plain = type(self.env["hub.apply"])._newest_only

        def decided_meanwhile(apply, cr, rows, effects):
            chosen = plain(apply, cr, rows, effects)
            apply.env.cr.execute("UPDATE hub_message SET state = 'done' WHERE id = %s", [first.id])
            return chosen

        self._patch("hub.apply", "_newest_only", decided_meanwhile)
        self.drain()
        self.assertExplained(second, "deleted_at_source")

    def test_the_longer_something_waits_the_rarer_it_is_looked_at(self):
        self._use_stub()
        contact = self.work(self._contact("50", "7"))
        self.assertStates(contact, "waiting:waits_for")
        waits = []
        for hours in (0, 1, 12):
            self.env.cr.execute(
                """UPDATE hub_message SET params = jsonb_set(params, '{since}', to_jsonb(
                          to_char(clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 hour',
                                  'YYYY-MM-DD"T"HH24:MI:SS.US')))
                    WHERE id = %s""",
                [hours, contact.id],
            )
            self.later(1200)
            self.drain()
            self.env.cr.execute(
                """SELECT extract(epoch FROM next_attempt_at - clock_timestamp() AT TIME ZONE 'UTC')::int
                     FROM hub_message WHERE id = %s AND state = 'waiting'""",
                [contact.id],
            )
            waits.append(self.env.cr.fetchone()[0])
        self.assertTrue(
            50 <= waits[0] <= 75 and 890 <= waits[1] <= 1125 and 890 <= waits[2] <= 1125, waits
        )

    def test_asking_for_a_missing_record_reads_no_more_of_a_long_table(self):
        company = self.env.ref("lead_to_cash_hub.entity_customer")
        plan = []

        def explain(cr, query, params):
            cr.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", params)
            found = cr.fetchone()[0][0]["Plan"]
            plan.append(found["Shared Hit Blocks"] + found["Shared Read Blocks"])

        class Explaining:
            rowcount = 0

            def __init__(self, cr):
                self.execute = lambda query, params: explain(cr, query, params)

        self.env.cr.execute("SET LOCAL enable_seqscan = on")
        for many in (100, 5000):
            self.env.cr.execute(
                """INSERT INTO hub_message (system_id, entity_id, external_id, order_key, part, direction, kind,
                                            action, state)
                   SELECT %s, %s, 'x' || n, n, 0, 'in', 'snapshot', 'change', 'done'
                     FROM generate_series(1, %s) n""",
                [self.system.id, company.id, many],
            )
            self.env.cr.execute("ANALYZE hub_message")
            request_records(
                Explaining(self.env.cr), self.system.id, {(company.id, "customer", f"y{many}", 1)}
            )
        self.assertLess(plan[1], plan[0] + 60)


@tagged("post_install", "-at_install")
class TestEngineFaultsOfOthers(HubCase):
    breaks = True

    def test_a_database_that_goes_away_is_no_fault_of_a_message(self):
        messages = self.receive(self._company("1"), self._company("2"))
        lost = [psycopg2.OperationalError("server closed the connection unexpectedly")]
        plain = type(self.env["hub.apply"])._apply_rows

        def goes_away(apply, *args, **options):
            if lost:
                raise lost.pop()
            return plain(apply, *args, **options)

        self._patch("hub.apply", "_apply_rows", goes_away)
        with self.assertLogs(APPLY, "WARNING") as logs:
            self.step()
        self.assertNotIn("server closed", "".join(logs.output))
        self.assertStates(messages, "pending", "pending")
        self.assertEqual(messages.mapped("crashes"), [0, 0])
        self.drain()
        self.assertStates(messages, "done", "done")

    def test_a_product_that_is_down_and_says_for_how_long_is_left_alone_so_long(self):
        stub = self._use_stub()
        stub.error = ConnectorError("product_down", "x", status=503, retry_after=3600)
        self.work(self._notice("customer", "1"))
        calls = len(stub.calls)
        self.later(600)
        self.drain()
        self.assertEqual(len(stub.calls), calls)
        stub.error = None
        self.later(3100)
        self.drain()
        self.assertGreater(len(stub.calls), calls)

    def test_a_stream_whose_sweep_breaks_does_not_take_the_others_with_it(self):
        streams = self.system.stream_ids.filtered(lambda s: s.direction == "in")[:2]
        self.assertEqual(len(streams), 2)
        self.system.stream_ids.sweep_days = 0
        streams.sweep_days = 30
        self.system.state = "connected"
        looked = []

        def sweep(connector, entity, since, until):
            looked.append(entity)
            raise ValueError("no date")

        with patch.object(self.system._connector_class(), "sweep", sweep, create=True):
            self.env["hub.sweep"]._run()
        self.assertEqual(len(looked), 2)
        self.assertEqual(streams.cursor_ids.mapped("last_error"), ["bug", "bug"])

    def test_bytes_of_a_notice_that_was_decided_meanwhile_are_not_kept(self):
        stub = self._use_stub()
        stub.records["customer", "1"] = {"id": "1", "properties": {"name": "Read"}}
        message = self.receive(self._notice("customer", "1"))
        plain = stub.fetch

        def slow(entity, ids):
            self.env.cr.execute(
                "UPDATE hub_message SET state = 'skipped', reason = 'by_person' WHERE id = %s",
                [message.id],
            )
            return plain(entity, ids)

        stub.fetch = slow
        self.env.cr.execute("SELECT count(*) FROM hub_payload")
        before = self.env.cr.fetchone()
        with self.engine_env() as env:
            env["hub.fetch"]._slice()
        self.env.cr.execute("SELECT count(*) FROM hub_payload")
        self.assertEqual(self.env.cr.fetchone(), before)
