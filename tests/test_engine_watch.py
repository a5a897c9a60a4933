from odoo.tests import tagged
from odoo.tools import mute_logger

from .hub_common import HubCase


@tagged("post_install", "-at_install")
class TestEngineWatch(HubCase):
    """No silence, and no noise: who is told, once, and what each night remembers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rita = cls._make_role("rita", "resolver")
        cls.omar = cls._make_role("omar", "resolver")

    def _alerts(self, owner):
        activities = self.env["mail.activity"].search(
            [("user_id", "=", owner.id), ("res_model", "=", "hub.issue")]
        )
        mails = self.env["mail.mail"].search([("email_to", "ilike", owner.email)])
        return len(activities), len(mails)

    def _fail(self, *countries, owner=None, impact="high"):
        process = self.env.ref("lead_to_cash_hub.process_master_data")
        process.write({"owner_id": (owner or self.rita).id, "impact": impact})
        self.work(*(self._company(name, country=name) for name in countries))

    def test_many_causes_of_one_owner_are_one_activity_and_one_mail(self):
        self._fail("Atlantis", "Lemuria", "Xanadu")
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (1, 1))
        mail = self.env["mail.mail"].search([("email_to", "ilike", self.rita.email)])
        for name in ("Atlantis", "Lemuria", "Xanadu"):
            self.assertIn(name, mail.body_html)

    def test_nobody_is_told_twice(self):
        self._fail("Atlantis")
        for _turn in range(4):
            self.later(0)
        self.assertEqual(self._alerts(self.rita), (1, 1))
        self._fail("Lemuria")
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (2, 2))

    def test_each_owner_is_told_of_the_own_causes(self):
        self._fail("Atlantis")
        self._fail("Lemuria", owner=self.omar)
        self.later(0)
        self.assertEqual((self._alerts(self.rita), self._alerts(self.omar)), ((1, 1), (1, 1)))

    def test_a_cause_of_normal_impact_is_told_after_an_hour(self):
        self._fail("Atlantis", impact="normal")
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (0, 0))
        self.env.cr.execute("UPDATE hub_issue SET opened_at = opened_at - interval '61 minutes'")
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (1, 1))

    def test_a_thousand_exceptions_of_one_cause_are_one_alert(self):
        self._fail("Atlantis")
        self.work(*(self._company(f"x{number}", country="Atlantis") for number in range(30)))
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (1, 1))
        self.assertEqual(self.issues().exception_count, 31)

    def test_markup_in_what_a_source_sends_is_text_in_the_alert(self):
        self._fail("<img src=x onerror=alert(1)>")
        self.later(0)
        mail = self.env["mail.mail"].search([("email_to", "ilike", self.rita.email)])
        self.assertNotIn("<img", mail.body_html)

    def test_an_owner_without_an_address_gets_an_activity(self):
        self.rita.email = False
        self._fail("Atlantis")
        self.later(0)
        self.assertEqual(
            self.env["mail.activity"].search_count([("user_id", "=", self.rita.id)]), 1
        )

    def test_an_alert_that_fails_is_tried_again_and_told_once(self):
        self._fail("Atlantis")
        original = self.registry["hub.alert"]._tell

        def fail(alert, env, owner, issues):
            raise ValueError

        self._patch("hub.alert", "_tell", fail)
        with mute_logger("odoo.addons.lead_to_cash_hub.models.flow.engine"):
            self.later(0)
        self._patch("hub.alert", "_tell", original)
        self.later(0)
        self.later(0)
        self.assertEqual(self._alerts(self.rita), (1, 1))

    def test_the_snapshot_is_written_once_a_day(self):
        self.env["crm.lead"].create(
            {"name": "Open deal", "type": "opportunity", "expected_revenue": 500}
        )
        self.env["hub.snapshot"]._take()
        rows = self.env["hub.snapshot"].search([])
        self.assertTrue(rows)
        self.env["hub.snapshot"]._take()
        self.assertEqual(self.env["hub.snapshot"].search([]), rows)

    def test_lag_counts_what_waits_and_what_is_throttled(self):
        self._use_stub()
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "contact" and s.direction == "in"
        )
        self.work(self._contact("9", company="1"))
        self.env.cr.execute("UPDATE hub_message SET received_at = received_at - interval '1 hour'")
        stream.invalidate_recordset()
        self.assertGreater(stream.lag, 3500)
        self.assertEqual((stream.waiting_count, stream.health), (1, "late"))

    def test_a_stream_with_failures_asks_for_attention(self):
        stream = self.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        self.work(self._company("1"))
        self.assertEqual(stream.health, "ok")
        self.work(self._company("2", country="Atlantis"))
        stream.invalidate_recordset()
        self.assertEqual((stream.health, stream.attention_count), ("attention", 1))
