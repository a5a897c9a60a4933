from unittest.mock import patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from ..models.flow import retention, vacuum
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestRetention(HubCase):
    """What was decided goes after its time, bytes first; what is open stays, however old it is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("keep-manager", "manager")
        cls.resolver = cls._make_role("keep-resolver", "resolver")
        cls.stream = cls.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        cls.stream.write({"payload_days": 10, "message_days": 20})

    def _age(self, days):
        self.env.flush_all()
        self.env.cr.execute(
            """UPDATE hub_message SET done_at = done_at - %(days)s * interval '1 day',
                      received_at = received_at - %(days)s * interval '1 day'""",
            {"days": days},
        )
        self.env.cr.execute("UPDATE hub_seen SET seen_at = seen_at - %s * interval '1 day'", [days])
        self.env.invalidate_all()

    def _run(self):
        with self.engine_env() as env:
            env["hub.retention"]._run()

    def test_bytes_go_first_then_the_message_and_what_it_made_stays(self):
        message = self.work(self._company("1", name="Stays"))
        self._age(9)
        self._run()
        self.assertTrue(message.payload_id)
        self._age(2)
        self._run()
        self.assertFalse(message.payload_id)
        self.assertStates(message, "done")
        self._age(10)
        self._run()
        self.assertFalse(message.exists())
        self.assertEqual(self.partner_of("1").name, "Stays")
        self.assertTrue(
            self.env["hub.audit"].search(
                [("action", "=", "apply"), ("res_model", "=", "res.partner")]
            )
        )
        notes = self.env["hub.audit"].search([("action", "=", "retention")], order="id")
        self.assertEqual(
            [note.value_ids.body for note in notes],
            [{"payloads": 1, "messages": 0}, {"payloads": 0, "messages": 1}],
        )

    def test_what_is_open_stays(self):
        self._use_stub()
        failed = self.work(self._company("1", country="Atlantis"))
        waiting = self.work(self._contact("2", company="99"))
        pending = self.receive(self._notice("customer", "3"))
        self._age(4000)
        self._run()
        self.assertEqual(len((failed + waiting + pending).exists()), 3)
        self.assertTrue(failed.payload_id and waiting.payload_id)

    def test_bytes_that_an_open_message_shares_stay(self):
        one, two = self.work(self._company("1"), self._company("2", country="Atlantis"))
        self.env.cr.execute(
            "UPDATE hub_message SET payload_id = %s WHERE id = %s", [two.payload_id.id, one.id]
        )
        self._age(15)
        self._run()
        self.assertTrue(two.payload_id.exists())

    def test_an_event_that_comes_again_after_its_message_is_gone_is_still_once(self):
        incoming = self._company("1", key="the-event")
        self.work(incoming)
        self._age(30)
        self._run()
        self._age(30)
        self._run()
        self.assertFalse(self.receive(incoming))
        self._age(4000)
        self._run()
        self.env.cr.execute("SELECT count(*) FROM hub_seen WHERE system_id = %s", [self.system.id])
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_large_tables_are_worked_on_in_small_steps(self):
        messages = self.work(*(self._company(str(n)) for n in range(7)))
        self._age(30)
        with patch.object(retention, "STEP", 2):
            self._run()
        self.assertFalse(messages.exists())

    def test_the_run_stops_when_its_time_is_over(self):
        messages = self.work(self._company("1"))
        self._age(30)
        with patch.object(retention, "SECONDS", -1):
            self._run()
        self.assertTrue(messages.exists())

    def test_a_replayed_message_without_bytes_is_read_again(self):
        stub = self._use_stub()
        message = self.work(self._company("1", name="First"))
        self._age(15)
        self._run()
        stub.records["customer", "1"] = {"id": "1", "version": 9, "properties": {"name": "Again"}}
        message.action_replay()
        self.drain()
        self.assertEqual(self.partner_of("1").name, "Again")

    def test_a_stream_is_kept_as_long_as_its_most_private_field_allows(self):
        contact = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "contact" and s.direction == "in"
        )
        self.assertIn("personal", contact.entity_id.field_ids.mapped("data_class"))
        days = self.env["hub.retention"]._days(contact + self.stream)
        self.assertEqual(days[contact.id][0], 30)
        self.assertEqual(days[self.stream.id], (10, 20))
        self.assertIn("30 days", contact.retention_text)
        self.env.ref("lead_to_cash_hub.retention_personal").with_user(self.manager).payload_days = 7
        self.assertEqual(self.env["hub.retention"]._days(contact)[contact.id][0], 7)

    def test_impossible_times_are_refused_and_only_managers_set_them(self):
        personal = self.env.ref("lead_to_cash_hub.retention_personal")
        for values in ({"payload_days": 0}, {"payload_days": 500}, {"message_days": 1}):
            with self.assertRaises(ValidationError):
                personal.write(values)
        with self.assertRaises(ValidationError):
            self.stream.payload_days = -1
        with self.assertRaises(AccessError):
            personal.with_user(self.resolver).payload_days = 5

    def test_tables_have_their_settings(self):
        self.env.cr.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relname = ANY(%s)",
            [list(vacuum.SETTINGS)],
        )
        found = {name: set(options or ()) for name, options in self.env.cr.fetchall()}
        for table, settings in vacuum.SETTINGS.items():
            self.assertLessEqual(set(settings.split(", ")), found[table], table)

    def test_what_points_to_messages_and_bytes_is_indexed(self):
        """Else each removed row would read the whole table that points to it."""
        self.env.cr.execute(
            """
            SELECT c.conrelid::regclass::text || '.' || a.attname
              FROM pg_constraint c
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             WHERE c.contype = 'f' AND c.confrelid IN ('hub_message'::regclass, 'hub_payload'::regclass)
               AND NOT EXISTS (SELECT 1 FROM pg_index i
                                WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
               AND c.conrelid::regclass::text NOT LIKE '%wizard%'
            """
        )
        self.assertEqual([row[0] for row in self.env.cr.fetchall()], [])
