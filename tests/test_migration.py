from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import file_path

from .hub_common import HubCase

FOLDER = "lead_to_cash_hub/migrations"
# What 19.0.1.0.0 had where this version has something else.
FORMER_LANES = """
    DELETE FROM ir_model_data WHERE module = 'lead_to_cash_hub' AND model = 'hub.lane';
    ALTER TABLE hub_stream DROP COLUMN lane_id, DROP COLUMN webhook_lane_id, DROP COLUMN webhook_lane;
    ALTER TABLE hub_stream ALTER COLUMN lane TYPE varchar USING lane::text;
    ALTER TABLE hub_stream ALTER COLUMN lane SET NOT NULL;
    DROP TABLE hub_lane_window;
    DROP TABLE hub_lane;
    CREATE TABLE hub_lane (id serial PRIMARY KEY, lane int4 NOT NULL, part int4 NOT NULL);
    INSERT INTO hub_lane (lane, part)
    SELECT lane, part FROM generate_series(0, 2) lane, generate_series(0, 63) part;
    CREATE INDEX hub_message__stream_id_index ON hub_message(stream_id);
    INSERT INTO ir_model_fields_selection (field_id, value, name, sequence)
    SELECT id, '2', '{"en_US": "Batch"}', 2 FROM ir_model_fields WHERE model = 'hub.stream' AND name = 'lane';
"""


def migrate(env, name, version="19.0.1.1.0"):
    """Run a script of the update as Odoo does."""
    script = load_script(file_path(f"{FOLDER}/{version}/{name}.py"), name)
    env.flush_all()
    script.migrate(env.cr, "19.0.1.0.0")
    env.flush_all()


@tagged("post_install", "-at_install")
class TestLanesMigration(HubCase):
    def rows(self, query, *parameters):
        self.env.cr.execute(query, parameters)
        return self.env.cr.fetchall()

    def test_each_stream_keeps_its_lane(self):
        numbers = {s.id: i % 3 for i, s in enumerate(self.system.stream_ids)}
        self.assertEqual(set(numbers.values()), {0, 1, 2})
        self.env.flush_all()
        self.env.cr.execute(FORMER_LANES)
        for stream_id, number in numbers.items():
            self.env.cr.execute(
                "UPDATE hub_stream SET lane = %s WHERE id = %s", [str(number), stream_id]
            )
        migrate(self.env, "pre-lanes")
        streams = self.rows(
            """SELECT s.id, s.lane, own.number, s.webhook_lane, hooks.number FROM hub_stream s
                 JOIN hub_lane own ON own.id = s.lane_id
                 JOIN hub_lane hooks ON hooks.id = s.webhook_lane_id WHERE s.id = ANY(%s)""",
            list(numbers),
        )
        self.assertEqual(sorted(streams), sorted((i, n, n, 0, 0) for i, n in numbers.items()))
        self.assertFalse(
            self.rows("SELECT id FROM hub_stream WHERE lane_id IS NULL OR webhook_lane_id IS NULL")
        )
        self.assertEqual(
            self.rows(
                """SELECT d.name, l.name->>'en_US', l.number, d.noupdate FROM hub_lane l
                     JOIN ir_model_data d ON d.model = 'hub.lane' AND d.res_id = l.id ORDER BY number"""
            ),
            [
                ("lane_real_time", "Real time", 0, True),
                ("lane_near_real_time", "Near real time", 1, True),
                ("lane_batch", "Batch", 2, True),
            ],
        )
        self.assertFalse(
            self.rows(
                """SELECT s.id FROM ir_model_fields_selection s JOIN ir_model_fields f ON f.id = s.field_id
                    WHERE f.model = 'hub.stream' AND f.name = 'lane'"""
            ),
            "a number has no words",
        )

    def test_lanes_that_are_there_stay(self):
        before = self.rows("SELECT id, number, xmin::text FROM hub_lane ORDER BY id")
        migrate(self.env, "pre-lanes")
        self.assertEqual(
            self.rows("SELECT id, number, xmin::text FROM hub_lane ORDER BY id"), before
        )


@tagged("post_install", "-at_install")
class TestGrantsMigration(HubCase):
    """A system that sent without grants, because there were none."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outbound = cls.system.with_context(active_test=False).stream_ids.filtered(
            lambda stream: stream.direction == "out"
        )
        cls.outbound.active = True
        cls.env.flush_all()
        cls.env.cr.execute("DELETE FROM hub_grant")
        cls.env.invalidate_all()

    def granted(self, system=None):
        return (system or self.system).grant_ids.field_id

    def test_what_was_sent_is_sent_on_and_the_system_says_so(self):
        fields = self.system._proposed_grants()
        self.assertTrue(fields)
        migrate(self.env, "post-grants")
        self.assertEqual(self.granted(), fields)
        note = self.system.message_ids[0].body
        for field in fields:
            self.assertIn(field.label, note)
        audit = self.env["hub.audit"].search([("action", "=", "grant")], limit=len(fields))
        self.assertEqual(set(audit.mapped("res_id")), set(fields.ids))

    def test_a_change_made_before_the_update_still_goes_out(self):
        stub = self._use_stub()
        partner = self.partner_of(self.work(self._company("7")).external_id)
        self.env.cr.execute("DELETE FROM hub_outbox")
        self.env["hub.compose"]._mark_all("res.partner", partner.ids)
        migrate(self.env, "post-grants")
        self.drain()
        self.assertTrue(stub.effects, "the mark was kept, and what it stands for was sent")

    def test_what_was_switched_off_gets_no_grant(self):
        off, on = self.outbound[0], self.outbound[1:]
        off.active = False
        draft = self._make_system("Draft", account_ref="2")
        draft.with_context(active_test=False).stream_ids.active = True
        draft.state = "draft"
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM hub_grant")
        self.env.invalidate_all()
        migrate(self.env, "post-grants")
        self.assertEqual(self.granted().entity_id, on.entity_id)
        self.assertFalse(self.granted(draft))

    def test_what_only_comes_in_is_not_granted_and_named(self):
        field = self.system._proposed_grants()[0]
        field.direction = "in"
        migrate(self.env, "post-grants")
        self.assertNotIn(field, self.granted())
        notes = self.system.message_ids.mapped("body")
        self.assertTrue(any("Not sent any more" in note and field.label in note for note in notes))

    def test_a_decision_that_was_made_stands(self):
        self.system.action_grant_write_back()
        self.system.grant_ids.action_revoke()
        migrate(self.env, "post-grants")
        self.assertFalse(self.granted())

    def test_limits_places_and_rows_of_the_admin(self):
        limits = {(one.bucket, one.calls) for one in self.system.limit_ids}
        lane = self.env.ref("lead_to_cash_hub.lane_batch")
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM hub_pace_limit")
        self.env.cr.execute("DELETE FROM hub_lane_part WHERE lane = %s", [lane.number])
        self.env.cr.execute(
            "UPDATE ir_model_data SET noupdate = FALSE WHERE model = 'hub.ownership'"
        )
        self.env.cr.execute(
            """INSERT INTO hub_issue (fingerprint, code, kind, system_id, state, opened_at)
               VALUES ('sign-in', 'reconnect', 'sign_in', %s, 'open', now() AT TIME ZONE 'UTC') RETURNING id""",
            [self.system.id],
        )
        issue = self.env["hub.issue"].browse(self.env.cr.fetchone())
        bound = self.env.ref("lead_to_cash_hub.field_opportunity_start_date")
        bound.odoo_field = False
        self.env.invalidate_all()
        migrate(self.env, "post-grants")
        self.env.invalidate_all()
        self.assertEqual({(one.bucket, one.calls) for one in self.system.limit_ids}, limits)
        parts = self.env["hub.lane.part"].search_count([("lane", "=", lane.number)])
        self.assertEqual(parts, self.env["hub.lane.part"].search_count([("lane", "=", 0)]))
        self.assertTrue(parts)
        self.assertFalse(
            self.env["ir.model.data"].search(
                [("model", "=", "hub.ownership"), ("noupdate", "=", False)]
            )
        )
        self.assertTrue(issue.standing)
        self.assertEqual(bound.odoo_field, "hub_start_date")


@tagged("post_install", "-at_install")
class TestTimeMigration(HubCase):
    def test_what_was_worked_is_what_is_billed(self):
        account = self.env["account.analytic.account"].create(
            {"name": "A", "plan_id": self.env["account.analytic.plan"].search([], limit=1).id}
        )
        lines = self.env["account.analytic.line"].create(
            [
                {"name": "x", "account_id": account.id, "unit_amount": amount}
                for amount in (1 / 3, 2)
            ]
        )
        self.env.flush_all()
        self.env.cr.execute(
            "ALTER TABLE account_analytic_line DROP COLUMN hub_billable_quantity CASCADE"
        )
        script = load_script(
            file_path("lead_to_cash_hub/migrations/19.0.1.2.0/pre-time.py"), "pre-time"
        )
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()
        self.assertEqual(lines.mapped("hub_billable_quantity"), lines.mapped("unit_amount"))


@tagged("post_install", "-at_install")
class TestIdentityMigration(HubCase):
    def test_each_process_has_its_own_and_the_shipped_ones_that_of_every_database(self):
        processes = self.env["hub.process"]
        own = processes.create([{"name": name, "kind": "reporting"} for name in ("A", "B")])
        self.env.flush_all()
        self.env.cr.execute("UPDATE hub_process SET identity = NULL")
        script = load_script(
            file_path("lead_to_cash_hub/migrations/19.0.1.2.0/post-identity.py"), "post-identity"
        )
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()
        self.assertTrue(all(own.mapped("identity")))
        self.assertNotEqual(*own.mapped("identity"))
        shipped = self.env.ref("lead_to_cash_hub.process_master_data")
        self.assertEqual(shipped.identity, "lead_to_cash_hub.process_master_data")


@tagged("post_install", "-at_install")
class TestOwnershipMigration(HubCase):
    def test_a_rule_that_somebody_chose_is_taken_for_the_shipped_one(self):
        """Else the update would make a second row for the field, and end there."""
        shipped = self.env.ref("lead_to_cash_hub.ownership_agreement_bill_to")
        field = shipped.field_id
        shipped.unlink()
        chosen = self.env["hub.ownership"].create({"field_id": field.id, "rule": "odoo"})
        self.env.flush_all()
        script = load_script(
            file_path("lead_to_cash_hub/migrations/19.0.1.3.0/pre-ownership.py"), "pre-ownership"
        )
        script.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        row = self.env["ir.model.data"].search([("name", "=", "ownership_agreement_bill_to")])
        self.assertEqual((row.res_id, row.noupdate), (chosen.id, True))
        self.assertEqual(
            self.env.ref("lead_to_cash_hub.ownership_customer_vat").rule, "hold", "not touched"
        )


@tagged("post_install", "-at_install")
class TestUnitsMigration(HubCase):
    def test_what_has_no_unit_gets_the_shipped_one_and_an_admins_stays(self):
        amount = self.env.ref("lead_to_cash_hub.field_opportunity_amount")
        hours = self.env.ref("lead_to_cash_hub.field_time_entry_hours")
        amount.unit, hours.unit = False, "decimal hours"
        self.env["ir.model.data"].search(
            [("name", "=", "field_opportunity_amount")]
        ).noupdate = True
        script = load_script(
            file_path("lead_to_cash_hub/migrations/19.0.1.3.0/post-units.py"), "post-units"
        )
        script.migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual((amount.unit, hours.unit), ("currency", "decimal hours"))
        schema = self.env["hub.entity.version"]._numbered("opportunity").schema
        self.assertEqual(schema["properties"]["amount"]["x-hub-unit"], "currency")


@tagged("post_install", "-at_install")
class TestDriftMigration(HubCase):
    def test_the_shipped_rhythm_becomes_hourly_and_a_chosen_one_stays(self):
        script = load_script(
            file_path("lead_to_cash_hub/migrations/19.0.1.3.0/post-drift.py"), "post-drift"
        )
        cron = self.env.ref("lead_to_cash_hub.cron_drift")
        for number, kind, after in ((1, "days", "hours"), (2, "days", "days")):
            cron.write({"interval_number": number, "interval_type": kind})
            self.env.flush_all()
            script.migrate(self.env.cr, "19.0.1.2.0")
            self.env.invalidate_all()
            self.assertEqual((cron.interval_number, cron.interval_type), (number, after))


@tagged("post_install", "-at_install")
class TestPresetsMigration(HubCase):
    def test_new_lines_of_a_preset_reach_systems_that_copied_it_before(self):
        ledger = self._make_system("Books", product="xero", account_ref="t")
        mapping = self.env["hub.mapping"].search(
            [
                ("system_id", "=", ledger.id),
                ("entity_id.code", "=", "invoice"),
                ("direction", "=", "in"),
            ]
        )
        news = {"ledger_date": "document.date", "ledger_tax": "TotalTax"}

        def mapped():
            return {
                line.field_id.name: line.path
                for line in mapping.line_ids
                if line.field_id.name in news
            }

        self.assertEqual(mapped(), news)
        mapping.line_ids.filtered(lambda line: line.field_id.name == "ledger_date").unlink()
        own = mapping.line_ids.filtered(lambda line: line.field_id.name == "ledger_tax")
        own.path = "SubTotal"
        for _again in range(2):
            migrate(self.env, "post-presets", "19.0.1.3.0")
            self.assertEqual(mapped(), {"ledger_date": "document.date", "ledger_tax": "SubTotal"})


@tagged("post_install", "-at_install")
class TestOdooMigration(HubCase):
    def test_what_another_odoo_can_do_now_reaches_systems_of_before_switched_off(self):
        system = self._make_system("Sister", product="odoo", account_ref="sister")
        mine = [("system_id", "=", system.id)]
        mappings = self.env["hub.mapping"].with_context(active_test=False)
        streams = self.env["hub.stream"].with_context(active_test=False)

        def has(model):
            return sorted((row.entity_id.code, row.direction) for row in model.search(mine))

        now = has(mappings), has(streams)
        streams.search(mine).active = True
        news = [("entity_id.code", "=", "invoice"), *mine]
        mappings.search(news).unlink()
        streams.search(news).unlink()
        for _again in range(2):
            migrate(self.env, "post-odoo", "19.0.1.3.0")
            self.assertEqual((has(mappings), has(streams)), now)
        self.assertFalse(any(streams.search(news).mapped("active")))
        self.assertTrue(all((streams.search(mine) - streams.search(news)).mapped("active")))


@tagged("post_install", "-at_install")
class TestReceiptsMigration(HubCase):
    def test_payments_and_voids_reach_ledgers_of_before_and_change_nothing(self):
        for product in ("quickbooks", "xero"):
            system = self._make_system("Books", product=product, account_ref=product)
            mine = [("system_id", "=", system.id)]
            streams = self.env["hub.stream"].with_context(active_test=False)
            mapped = [("mapping_id.system_id", "=", system.id)]
            lines = self.env["hub.mapping.line"]
            void = [*mapped, ("field_id.name", "=", "void")]
            streams.search([*mine, ("entity_id.code", "=", "receipt")]).unlink()
            self.env["hub.mapping"].search([*mine, ("entity_id.code", "=", "receipt")]).unlink()
            lines.search(void).unlink()
            system.grant_ids.action_revoke()
            system.action_grant_write_back()
            for _turn in range(2):
                migrate(self.env, "post-receipts", "19.0.1.4.0")
            stream = streams.search([*mine, ("entity_id.code", "=", "receipt")])
            self.assertEqual((len(stream), stream.active), (1, False))
            self.assertEqual(len(lines.search(void)), 1)
            self.assertEqual(len(lines.search([*mapped, ("entity_id.code", "=", "receipt")])), 7)
            granted = [
                self.env["hub.grant"]._granted(
                    system, self.env.ref(f"lead_to_cash_hub.entity_{name}")
                )
                for name in ("invoice", "receipt")
            ]
            self.assertIn("lines", granted[0])
            self.assertNotIn("void", granted[0])
            self.assertFalse(granted[1])
