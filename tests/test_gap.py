from datetime import datetime, timedelta

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from ..connectors.errors import ConnectorError
from ..connectors.parts import Record
from ..core import strict_json
from .hub_common import HubCase, version


@tagged("post_install", "-at_install")
class TestGap(HubCase):
    """What a source has is held against what arrived; what is missing is asked for again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._make_role("gap-manager", "manager")
        cls.viewer = cls._make_role("gap-viewer", "viewer")
        cls.stream = cls.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "customer" and s.direction == "in"
        )
        cls.deals = cls.system.stream_ids.filtered(
            lambda s: s.entity_id.code == "opportunity" and s.direction == "in"
        )

    def setUp(self):
        super().setUp()
        self.stub = self._use_stub()
        self.listed = []
        self.stub.listing = self._listing

    def _listing(self, entity, since, until):
        self.stub._call("listing", entity, since, until)
        half = len(self.listed) // 2
        yield self.listed[:half]
        yield self.listed[half:]

    def _list(self, *records):
        """What the source says: ``(id, version, properties)``."""
        self.listed = [
            Record(
                "", key, version(number), None, strict_json.dumps({"id": key, "properties": values})
            )
            for key, number, values in records
        ]

    def _compare(self, stream=None):
        gap = self.env["hub.gap"].create((stream or self.stream)._window())
        with self.engine_env() as env:
            env["hub.gap"].browse(gap.id)._compare()
        return gap

    def test_what_never_arrived_is_found_asked_for_and_mended(self):
        self.work(self._company("1"))
        self._list(("1", 1, {}), ("2", 1, {}))
        self.stub.records["customer", "2"] = {"id": "2", "properties": {"name": "Second"}}
        gap = self._compare()
        self.assertEqual((gap.state, gap.gaps, gap.requested_count), ("different", ["2"], 1))
        self.assertEqual((gap.source_count, gap.agreed_count, gap.missing_count), (2, 1, 1))
        issue = self.issues("gap_found")
        self.assertEqual(issue.stream_id, self.stream)
        self.assertIn("1 records", issue.sentence)
        self.drain()
        self.assertTrue(self.partner_of("2"))
        with self.engine_env() as env:
            env["hub.gap"]._mend()
        self.assertEqual((gap.state, issue.state), ("mended", "resolved"))
        self.assertEqual(self._compare().state, "agreed")

    def test_a_missed_change_is_found_by_its_version(self):
        self.work(self._company("1", 1))
        self._list(("1", 5, {}))
        self.stub.records["customer", "1"] = {
            "id": "1",
            "version": 5,
            "properties": {"name": "New name"},
        }
        self.assertEqual(self._compare().stale_count, 1)
        self.drain()
        self.assertEqual(self.partner_of("1").name, "New name")
        self.assertEqual(self._compare().state, "agreed")

    def test_what_waits_failed_or_was_left_out_is_no_gap(self):
        self.work(self._company("1", country="Atlantis"))
        left = self.work(self._company("2", country="Atlantis"))
        left._skip("not ours")
        self.receive(self._notice("customer", "3"))
        self._list(("1", 1, {}), ("2", 1, {}), ("3", 1, {}))
        gap = self._compare()
        self.assertEqual(
            (gap.state, gap.person_count, gap.left_out_count, gap.on_way_count), ("agreed", 1, 1, 1)
        )
        self.assertFalse(self.issues("gap_found"))

    def test_control_totals_come_from_the_mapped_field(self):
        self.assertEqual(self.deals.control_field_id.name, "amount")
        link = {
            "system_id": self.system.id,
            "entity_id": self.deals.entity_id.id,
            "entity": "opportunity",
        }
        lead = self.env["crm.lead"].create({"name": "Deal"})
        self.env["hub.link"]._store(
            self.env.cr,
            [
                link
                | {
                    "external_id": "7",
                    "company_id": None,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                    "version": version(3),
                    "base": '{"amount": "100.10"}',
                }
            ],
        )
        self._list(("7", 2, {"amount": "100.25"}), ("8", 2, {"amount": "5.00"}))
        gap = self._compare(self.deals)
        self.assertEqual(gap.control, "amount")
        self.assertAlmostEqual(gap.source_total, 105.25)
        self.assertAlmostEqual(gap.hub_total, 100.10)
        self.assertAlmostEqual(gap.difference, 5.15)
        self.assertEqual((gap.stale_count, gap.missing_count), (1, 1))

    def test_a_source_that_cannot_be_read_changes_nothing(self):
        self.stub.error = ConnectorError("product_down", "down", status=503)
        gap = self._compare()
        self.assertEqual(gap.state, "failed")
        self.assertIn("503" if "503" in gap.sentence else "error", gap.sentence)
        self.assertFalse(self.issues("gap_found"))
        self.stub.error = None
        self._list(("1", 1, {}))

        def broken(entity, since, until):
            yield self.listed
            raise ConnectorError("connection", "listing_incomplete")

        self.stub.listing = broken
        before = self.env["hub.message"].search_count([])
        self.assertEqual(self._compare().state, "failed")
        self.assertEqual(
            self.env["hub.message"].search_count([]), before, "half a list proves nothing"
        )

    def test_the_night_compares_each_stream_once_a_day(self):
        self._list()
        for _turn in range(2):
            with self.engine_env() as env:
                env["hub.gap"]._plan()
        planned = self.env["hub.gap"].search([("system_id", "=", self.system.id)])
        self.assertEqual(
            sorted(planned.stream_id.entity_id.mapped("code")),
            ["contact", "customer", "opportunity"],
        )
        self.assertEqual(len(planned), 3)
        self.env["hub.gap"].search([]).unlink()
        self.system.action_pause()
        with self.engine_env() as env:
            env["hub.gap"]._plan()
        self.assertFalse(self.env["hub.gap"].search([("system_id", "=", self.system.id)]))

    def test_a_manager_asks_for_a_comparison_and_cannot_write_its_result(self):
        action = self.stream.with_user(self.manager).action_compare()
        gap = self.env["hub.gap"].search(action["domain"])
        self.assertEqual(gap.state, "due")
        gaps = self.env["hub.gap"].with_user(self.manager)
        with self.assertRaisesRegex(AccessError, "In the Source, State"):
            gaps.create({**self.stream._window(), "state": "agreed", "source_count": 9})
        with self.assertRaises(AccessError):
            gap.with_user(self.manager).state = "agreed"
        with self.assertRaises(AccessError):
            self.stream.with_user(self.viewer).action_compare()

    def test_impossible_windows_and_streams_are_refused(self):
        now = datetime.now().replace(microsecond=0)
        with self.assertRaises(ValidationError):
            self.env["hub.gap"].create(
                {"stream_id": self.stream.id, "since": now, "until": now - timedelta(days=1)}
            )
        stream = self.env["hub.stream"].create(
            {
                "system_id": self.system.id,
                "entity_id": self.env.ref("lead_to_cash_hub.entity_employee").id,
                "process_id": self.stream.process_id.id,
                "active": False,
            }
        )
        self.assertFalse(stream.can_compare)
        with self.assertRaises(UserError):
            self.env["hub.gap"].create(stream._window())

    def test_another_company_sees_no_comparison(self):
        gap = self.env["hub.gap"].create(self.stream._window())
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._make_role("gap-stranger", "manager", company=other)
        self.assertFalse(self.env["hub.gap"].with_user(stranger).search([("id", "=", gap.id)]))

    def test_the_cost_does_not_grow_with_the_listing(self):
        def cost(count):
            self._list(*((f"{count}-{n}", 1, {}) for n in range(count)))
            gap = self.env["hub.gap"].create(self.stream._window())
            self.env.flush_all()
            with self.engine_env() as env:
                before = env.cr.sql_log_count
                env["hub.gap"].browse(gap.id)._compare()
                env.flush_all()
                return env.cr.sql_log_count - before

        cost(4)
        self.assertLessEqual(cost(80), cost(40) + 2)
