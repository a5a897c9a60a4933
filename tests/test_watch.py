from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..models.flow import watch
from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestWatch(HubCase):
    """No silence: what stands still is found, told once, and forgotten when it moves again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["hub.system"].search([("id", "!=", cls.system.id)]).paused = True
        cls.rita = cls._make_role("watch-rita", "manager")
        cls.system.owner_id = cls.rita
        cls.stream = cls.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        cls.env["ir.cron"].search([]).lastcall = datetime.now()

    def setUp(self):
        super().setUp()
        # As if this process had run for long.
        looks = patch.dict(watch._first_look, {self.env.cr.dbname: float("-inf")})
        looks.start()
        self.addCleanup(looks.stop)
        self.env["hub.engine"]._sign("1", 3)
        self._age(days=40)

    def _age(self, **ago):
        """As if all streams, and what they brought, were so much older."""
        self.env.flush_all()
        for table, column in (
            ("hub_stream", "watched_from"),
            ("hub_stream", "create_date"),
            ("hub_message", "received_at"),
            ("hub_cursor", "last_success_at"),
            ("hub_issue", "opened_at"),
        ):
            self.env.cr.execute(f"UPDATE {table} SET {column} = {column} - %s", [timedelta(**ago)])
        self.env.invalidate_all()

    def _watch(self):
        with self.engine_env() as env:
            env["hub.watch"]._run()
        return self.issues().filtered(lambda issue: issue.code.startswith("watch_"))

    def test_a_calm_stream_without_expectations_is_no_issue(self):
        self.assertFalse(self._watch())

    def test_a_message_that_waits_too_long_is_told_and_resolves_by_itself(self):
        self._use_stub()
        self.work(self._contact("9", company="1"))
        self._age(minutes=50)
        self.assertFalse(self._watch())
        self._age(minutes=20)
        issue = self._watch()
        self.assertEqual((issue.code, issue.owner_id), ("watch_lagging", self.rita))
        self.assertIn("Contact", issue.sentence)
        self.assertIn("70 minutes", issue.sentence)
        self.assertTrue(issue.advice)
        self.assertEqual(issue.stream_id.health, "late")
        self.assertEqual(
            self.env["mail.activity"].search_count(
                [("res_model", "=", "hub.issue"), ("user_id", "=", self.rita.id)]
            ),
            1,
        )
        self.assertEqual(self._watch(), issue, "one issue, however often it is seen")
        self.work(self._company("1"))
        self.assertFalse(self._watch())
        self.assertEqual(issue.state, "resolved")

    def test_a_standing_issue_survives_the_refresh_of_totals(self):
        self._use_stub()
        self.work(self._contact("9", company="1"))
        self._age(hours=5)
        issue = self._watch()
        self.env["hub.issue"]._refresh()
        issue.invalidate_recordset()
        self.assertEqual(issue.state, "open")

    def test_a_throttled_notice_counts_as_lag(self):
        message = self.receive(self._notice("customer", "1"))
        self.env.cr.execute(
            """UPDATE hub_message SET reason = 'error_rate',
                      next_attempt_at = next_attempt_at + interval '3 hours' WHERE id = %s""",
            [message.id],
        )
        self._age(hours=2)
        self.assertEqual(self._watch().code, "watch_lagging")

    def test_what_failed_stands_before_a_person_already(self):
        self.work(self._company("1", country="Atlantis"))
        self._age(hours=5)
        self.assertFalse(self._watch())

    def test_nothing_new_within_the_expected_time(self):
        self.work(self._company("1"))
        self.stream.expected_hours = 4
        self._age(hours=3)
        self.assertFalse(self._watch())
        self._age(hours=2)
        issue = self._watch()
        self.assertEqual((issue.code, issue.stream_id), ("watch_quiet", self.stream))
        self.work(self._company("2"))
        self.assertFalse(self._watch())

    def test_only_working_hours_count_as_silence(self):
        calendar = self.env["resource.calendar"].create(
            {
                "name": "Mondays",
                "tz": "UTC",
                "attendance_ids": [
                    Command.create(
                        {
                            "name": "Monday",
                            "dayofweek": "0",
                            "hour_from": 9,
                            "hour_to": 12,
                            "day_period": "morning",
                        }
                    )
                ],
            }
        )
        self.work(self._company("1"))
        self.stream.write({"expected_hours": 4, "calendar_id": calendar.id})
        row = {"calendar_id": calendar.id, "since": None}
        watch = self.env["hub.watch"]
        friday, tuesday = datetime(2026, 3, 6, 12), datetime(2026, 3, 10, 12)
        self.assertEqual(watch._working_seconds({**row, "latest": friday}, tuesday), 3 * 3600)
        self.assertEqual(
            watch._working_seconds({**row, "latest": friday, "calendar_id": None}, tuesday),
            96 * 3600,
        )
        week = tuesday + timedelta(days=7)
        self.assertEqual(watch._working_seconds({**row, "latest": friday}, week), 6 * 3600)

    def test_a_stream_that_was_paused_was_not_silent(self):
        self.stream.expected_hours = 4
        self._age(hours=9)
        self.assertTrue(self._watch())
        self.stream.action_pause()
        self.assertFalse(self._watch(), "who is paused is not late")
        self._age(hours=9)
        self.stream.action_resume()
        self.assertFalse(self._watch())
        self._age(hours=9)
        self.assertTrue(self._watch())

    def test_outside_the_hours_of_its_lane_nothing_is_late(self):
        self.receive(self._notice("customer", "1"))
        self._age(hours=5)
        lane = self.env.ref("lead_to_cash_hub.lane_near_real_time")
        lane.closed = True
        self.assertFalse(self._watch())
        lane.write({"closed": False, "opened_at": datetime.now() - timedelta(minutes=5)})
        self.assertFalse(self._watch(), "it may begin before it is late")
        lane.opened_at = datetime.now() - timedelta(hours=4)
        self.assertTrue(self._watch())

    def test_polls_that_do_not_work(self):
        self.stream.poll = True
        self.env.cr.execute(
            """UPDATE hub_cursor SET last_success_at = now() AT TIME ZONE 'UTC' - interval '2 minutes'
                WHERE stream_id = %s""",
            [self.stream.id],
        )
        self.assertFalse(self._watch())
        self._age(hours=1)
        issue = self._watch()
        self.assertEqual(issue.code, "watch_poll_silent")
        self.assertIn("60 minutes", issue.sentence)

    def test_polls_that_bring_nothing_are_counted(self):
        self._use_stub()
        self.stream.write({"poll": True, "empty_limit": 2})
        cursor = self.stream.cursor_ids

        def poll():
            self.env["hub.cursor"]._poll_now(self.stream)
            self.drain()

        poll()
        self.assertEqual(cursor.empty_runs, 1)
        self.assertFalse(self._watch())
        poll()
        self.assertEqual(self._watch().code, "watch_empty_runs")

    def test_a_dead_engine_is_told_even_though_it_cannot_tell(self):
        self.env.cr.execute(
            "UPDATE hub_drainer SET reported_at = reported_at - interval '5 minutes'"
        )
        issue = self._watch()
        self.assertEqual(issue.code, "watch_engine")
        self.assertIn("5 minutes", issue.sentence)
        self.assertEqual(
            self.env["mail.activity"].search_count(
                [("res_model", "=", "hub.issue"), ("user_id", "=", self.rita.id)]
            ),
            1,
        )
        self.env["hub.engine"]._sign("1", 3)
        self.assertFalse(self._watch())

    def test_changes_in_odoo_that_nobody_looks_at(self):
        self.env["hub.outbox"].create(
            {"model": "res.partner", "res_id": self.env.company.partner_id.id}
        )
        self.assertFalse(self._watch())
        self.env.cr.execute("UPDATE hub_outbox SET marked_at = marked_at - interval '42 minutes'")
        issue = self._watch()
        self.assertEqual((issue.code, issue.owner_id), ("watch_marks", self.rita))
        self.assertIn("40 minutes", issue.sentence)
        self.drain()
        self.assertFalse(self._watch())

    def test_a_paused_hub_is_not_dead(self):
        self.env.cr.execute("DELETE FROM hub_drainer")
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.paused", "1")
        self.assertFalse(self._watch())

    def test_a_job_that_was_switched_off(self):
        job = self.env.ref("lead_to_cash_hub.cron_sweep")
        job.active = False
        issue = self._watch()
        self.assertEqual(issue.code, "watch_job")
        self.assertIn(job.name, issue.sentence)
        job.active = True
        self.assertFalse(self._watch())

    def test_the_drainers_miss_the_watch(self):
        job = self.env.ref("lead_to_cash_hub.cron_watch")
        self.later(0)
        self.assertFalse(self.issues("watch_job"))
        job.lastcall = datetime.now() - timedelta(hours=1)
        self.later(0)
        self.assertIn(job.name, self.issues("watch_job").sentence)
        job.lastcall = datetime.now()
        self.later(0)
        self.assertFalse(self.issues("watch_job"))

    def test_what_was_overdue_when_odoo_started_may_run_first(self):
        watch._first_look.clear()
        self.env.ref("lead_to_cash_hub.cron_watch").lastcall = datetime.now() - timedelta(days=3)
        self.env.ref("lead_to_cash_hub.cron_sweep").lastcall = datetime.now() - timedelta(days=3)
        self.later(0)
        self.assertFalse(self._watch())

    def test_the_cost_does_not_grow_with_the_messages(self):
        self._use_stub()

        def cost(count):
            self.work(
                *(self._contact(f"{count}-{n}", company=f"x{count}-{n}") for n in range(count))
            )
            self._age(hours=5)
            self._watch()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            with patch.object(self.registry["hub.alert"], "_send"), self.engine_env() as env:
                env["hub.watch"]._run()
            return self.env.cr.sql_log_count - before

        self.assertLessEqual(cost(20), cost(10))
