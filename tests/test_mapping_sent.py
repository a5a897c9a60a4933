"""The mapping editor of what leaves: an Odoo record, what each line makes of it, and the whole payload."""

import json
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .hub_common import HubCase
from .view_common import HubBrowser, HubScreens


class SentCase(HubCase, HubScreens):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_people()
        cls.customer = cls.env.ref("lead_to_cash_hub.entity_customer")
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id == cls.customer and m.direction == "out"
        )

    def setUp(self):
        super().setUp()
        self._use_stub()
        self._patch(
            "hub.handler.customer",
            "_hub_compose",
            lambda handler, records, system: {
                r.id: {"balance": Decimal("12.50"), "overdue": Decimal(3)} for r in records
            },
        )
        self.work(self._company("1"), self._company("2"))
        self.partner = self.partner_of("1")

    def field(self, name):
        return self.customer.field_ids.filtered(lambda field: field.name == name)

    def line(self, name, path, transform="none", argument=""):
        return {
            "field_id": self.field(name).id,
            "path": path,
            "transform": transform,
            "argument": argument,
        }

    def preview(self, *lines, user=None, record=None):
        mapping = self.mapping.with_user(user or self.manager)
        found = mapping.get_data_preview_sent((record or self.partner).id, list(lines))
        json.dumps(found)
        results = {
            self.customer.field_ids.browse(key).name: row for key, row in found["results"].items()
        }
        return found, results


@tagged("post_install", "-at_install")
class TestMappingSent(SentCase):
    def test_lines_that_are_not_saved_and_the_whole_payload_are_shown_live(self):
        marks = self.env["hub.message"].search_count([])
        found, results = self.preview(
            self.line("balance", "finance.balance"),
            self.line("overdue", "finance.overdue", "epoch_ms"),
        )
        self.assertEqual(found["payload"], {"finance": {"balance": "12.50"}})
        self.assertEqual(
            (results["balance"]["value"], results["balance"]["sent"]), ("12.50", "12.50")
        )
        self.assertEqual(results["balance"]["problem"], "")
        self.assertEqual(results["overdue"]["value"], "3")
        self.assertTrue(results["overdue"]["problem"])
        self.assertTrue(found["note"], "nothing would leave while a line fails")
        self.assertEqual(self.env["hub.message"].search_count([]), marks)

    def test_saved_lines_make_what_is_sent(self):
        lines = [
            self.line(line.field_id.name, line.path, line.transform, line.argument or "")
            for line in self.mapping.line_ids
        ]
        found, _results = self.preview(*lines)
        self.assertEqual(found["payload"], {"odoo_balance": "12.50", "odoo_overdue": "3"})
        self.assertEqual(found["note"], "")
        self.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id == self.customer
        ).active = True
        self.env["hub.compose"]._mark_all("res.partner", self.partner.ids)
        self.drain()
        message = self.env["hub.message"].search([("direction", "=", "out")])
        self.assertEqual(json.loads(message.payload_id.text), found["payload"])

    def test_a_line_that_could_not_be_saved_says_why(self):
        for line, text in (
            (self.line("balance", "a["), "a["),
            (self.line("balance", "a[0]"), "cannot be turned round"),
            (self.line("balance", "a", "expression", "value"), "cannot be turned round"),
            (self.line("balance", "", "upper"), "cannot be turned round"),
        ):
            found, results = self.preview(line)
            self.assertIn(text, results["balance"]["problem"])
            self.assertEqual(found["payload"], {})

    def test_two_lines_in_each_others_way_are_a_sentence(self):
        _found, results = self.preview(self.line("balance", "a"), self.line("overdue", "a.b"))
        self.assertIn("a.b", results["overdue"]["problem"])

    def test_what_would_not_leave_says_why(self):
        self.system.grant_ids.filtered(
            lambda g: g.field_id == self.field("overdue")
        ).action_revoke()
        found, results = self.preview(
            self.line("balance", "balance"),
            self.line("overdue", "overdue"),
            self.line("phone", "phone"),
        )
        self.assertEqual(found["payload"], {"balance": "12.50"})
        self.assertIn("granted", results["overdue"]["left_out"])
        self.assertEqual(results["overdue"]["sent"], "3")
        self.assertTrue(results["phone"]["left_out"])
        self.assertFalse(results["balance"]["left_out"])

    def test_the_record_of_the_last_message_comes_first_else_one_that_fits(self):
        data = self.mapping.with_user(self.manager).get_data_editor()
        self.assertEqual(data["model"], "res.partner")
        self.assertTrue(self.env["res.partner"].browse(data["record_id"]).is_company)
        self.assertEqual(data["samples"], [])
        self.system.with_context(active_test=False).stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id == self.customer
        ).active = True
        other = self.partner_of("2")
        self.env["hub.compose"]._mark_all("res.partner", other.ids)
        self.drain()
        data = self.mapping.with_user(self.manager).get_data_editor()
        self.assertEqual(data["record_id"], other.id)

    def test_payloads_are_for_those_who_may_read_them_and_reading_is_kept(self):
        for user in (self.viewer, self.resolver, self.approver):
            self.assertFalse(self.mapping.with_user(user).get_data_editor()["record_id"])
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.preview(user=user)
        self.preview()
        self.preview()
        rows = self.env["hub.audit"].search(
            [("action", "=", "read_payload"), ("res_model", "=", "res.partner"),
             ("res_id", "=", self.partner.id)]
        )  # fmt: skip
        self.assertEqual(rows.user_id, self.manager)
        self.assertEqual(len(rows), 1, "once an hour, not with each key")
        self.preview(user=self.auditor)

    def test_a_record_that_one_may_not_read_is_not_shown(self):
        self.env["ir.rule"].create(
            {
                "name": "not this partner",
                "model_id": self.env.ref("base.model_res_partner").id,
                "domain_force": [("id", "!=", self.partner.id)],
            }
        )
        self.env.registry.clear_cache()
        with self.assertRaises(AccessError):
            self.preview()

    def test_values_of_a_class_are_shown_to_whom_the_class_is_shown(self):
        retention = self.env.ref("lead_to_cash_hub.retention_financial")
        retention.reader_ids = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        found, results = self.preview(
            self.line("balance", "balance"), self.line("overdue", "overdue", "epoch_ms")
        )
        self.assertNotIn("12.5", json.dumps(found))
        self.assertEqual(found["payload"], {"balance": "•••"})
        self.assertEqual(results["balance"]["value"], "•••")
        self.assertIn("not shown", results["overdue"]["problem"])

    def test_a_record_of_another_company_or_none_is_refused(self):
        company = self.env["res.company"].create({"name": "Other Ltd"})
        stranger = self.env["res.partner"].create(
            {"name": "Stranger", "is_company": True, "company_id": company.id}
        )
        gone = self.env["res.partner"].create({"name": "Gone"})
        gone_id = gone.id
        gone.unlink()
        self.manager.company_ids |= company
        mapping = self.mapping.with_user(self.manager).with_context(
            allowed_company_ids=self.manager.company_ids.ids
        )
        for res_id in (stranger.id, gone_id):
            with self.assertRaises(UserError):
                mapping.get_data_preview_sent(res_id, [])
        inbound = self.system.mapping_ids.filtered(
            lambda m: m.entity_id == self.customer and m.direction == "in"
        )
        with self.assertRaises(UserError):
            inbound.with_user(self.manager).get_data_preview_sent(self.partner.id, [])


@tagged("post_install", "-at_install")
class TestMappingSentJudged(SentCase):
    """What rules, checkpoints and the process would say, before anything is sent."""

    def rule(self, effect, **values):
        group = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        return self.env["hub.rule"].create(
            {
                "name": f"Overdue ({effect})",
                "entity_id": self.customer.id,
                "direction": "out",
                "effect": effect,
                "test": "range",
                "field_id": self.field("overdue").id,
                "most": "2",
                "sentence": "{overdue} is overdue, more than {most}.",
                "approver_group_id": group.id if effect == "hold" else False,
                **values,
            }
        )

    def verdict(self, **options):
        self.env.flush_all()  # a preview reads what is stored
        lines = (self.line("balance", "balance"), self.line("overdue", "overdue"))
        found, _results = self.preview(*lines, **options)
        return [(one["effect"], one["text"]) for one in found["verdict"]]

    def test_what_nothing_stops_says_nothing(self):
        self.rule("block", most="3")
        self.assertEqual(self.verdict(), [])

    def test_each_effect_is_shown_with_the_rules_own_sentence(self):
        messages = self.env["hub.message"].search_count([])
        said = "3 is overdue, more than 2."
        warning, holding = self.rule("warn"), self.rule("hold")
        self.assertEqual([effect for effect, _text in self.verdict()], ["hold", "warn"])
        for _effect, text in self.verdict():
            self.assertIn(said, text)
        blocking = self.rule("block")
        self.assertEqual([effect for effect, _text in self.verdict()], ["block"])
        self.assertIn(blocking.name, self.verdict()[0][1])
        (warning | holding | blocking).active = False
        self.assertEqual(self.verdict(), [])
        self.assertFalse(self.env["hub.approval"].search([]))
        self.assertFalse(self.env["hub.warning"].search([]))
        self.assertEqual(self.env["hub.message"].search_count([]), messages)

    def test_a_checkpoint_is_named(self):
        self.env["hub.checkpoint"].create(
            {
                "name": "Balances leave",
                "entity_id": self.customer.id,
                "direction": "out",
                "approver_group_id": self.env.ref("lead_to_cash_hub.group_hub_billing_approver").id,
            }
        )
        ((effect, text),) = self.verdict()
        self.assertEqual(effect, "hold")
        self.assertIn("Balances leave", text)

    def test_a_rule_tells_no_value_that_one_is_not_shown(self):
        self.rule("warn", sentence="{overdue} of {balance}: {value} is too much.")
        retention = self.env.ref("lead_to_cash_hub.retention_financial")
        retention.reader_ids = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        ((_effect, text),) = self.verdict()
        self.assertIn("••• of •••: ••• is too much.", text)

    def test_what_a_process_leaves_out_or_only_shows_says_so(self):
        stream = self.env["hub.stream"].with_context(active_test=False).search(
            [("system_id", "=", self.system.id), ("entity_id", "=", self.customer.id), ("direction", "=", "out")]
        )  # fmt: skip
        process = stream.process_id
        process.mode = "shadow"
        self.assertEqual([effect for effect, _text in self.verdict()], ["process"])
        process.mode = "live"
        process.country_ids = self.env.ref("base.nz")
        ((effect, text),) = self.verdict()
        self.assertEqual(effect, "process")
        self.assertIn("switched on", text)

    def test_where_a_line_fails_no_rule_is_asked(self):
        self.rule("block")
        found, _results = self.preview(self.line("overdue", "overdue", "epoch_ms"))
        self.assertEqual(found["verdict"], [])


@tagged("post_install", "-at_install")
class TestMappingSentTour(SentCase, HubBrowser):
    def test_a_path_is_changed_beside_what_would_leave(self):
        self.start_tour(
            f"/odoo/hub-mappings/{self.mapping.id}",
            "hub_mapping_editor_sent",
            login="hub_manager",
            timeout=180,
        )
        self.env.invalidate_all()
        lines = {line.field_id.name: line.path for line in self.mapping.line_ids}
        self.assertEqual(lines["balance"], "finance.balance")
