"""Rules in the engine: what blocks, holds and warns, for whom, and what it costs."""

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .hub_common import HubCase
from .test_ownership_deal import DealCase


class RuleCase(HubCase):
    def _entity(self, code):
        return self.env["hub.entity"].search([("code", "=", code)])

    def _field(self, entity, name):
        return self._entity(entity).field_ids.filtered(lambda f: f.name == name)

    def _rule(self, entity="customer", field=None, **values):
        values = {
            "name": "Tax number known",
            "entity_id": self._entity(entity).id,
            "sentence": "{name} has no tax number.",
            "field_id": self._field(entity, field).id if field else False,
            **values,
        }
        if values.get("effect") == "hold":
            values.setdefault(
                "approver_group_id", self.env.ref("lead_to_cash_hub.group_hub_manager").id
            )
        return self.env["hub.rule"].create(values)


@tagged("post_install", "-at_install")
class TestRules(RuleCase):
    def test_a_blocked_record_says_the_rules_own_sentence_and_comes_back_by_itself(self):
        self._rule(field="zip", sentence="{name} has no ZIP.")
        message = self.work(self._company("1", 1, name="Acme"))
        exception = self.assertExplained(message, "rule_block")
        self.assertEqual(exception.sentence, "Acme has no ZIP.")
        self.assertFalse(self.partner_of("1"))
        self.assertStates(self.work(self._company("1", 2, name="Acme", zip="1000")), "done")
        self.assertTrue(self.partner_of("1"))
        self.assertEqual((exception.state, message.reason), ("resolved", "superseded"))

    def test_what_a_rule_blocked_passes_once_the_rule_is_off(self):
        rule = self._rule(field="zip")
        message = self.work(self._company("1"))
        self.assertStates(message, "failed")
        rule.active = False
        message.action_replay()
        self.drain()
        self.assertStates(message, "done")

    def test_many_that_one_rule_blocks_are_one_issue_named_by_the_rule(self):
        self._rule(field="vat")
        self.work(self._company("1"), self._company("2"))
        issue = self.issues("rule_block")
        self.assertEqual(issue.exception_count, 2)
        self.assertEqual(issue.sentence, "Tax number known: 2 records of HubSpot")

    def test_a_warning_stays_until_the_record_is_right(self):
        self._rule(field="zip", effect="warn", sentence="{name} has no ZIP.")
        message = self.work(self._company("1", 1, name="Acme"))
        self.assertStates(message, "done")
        self.assertEqual(message.warning_text, "Acme has no ZIP.")
        warning = self.env["hub.warning"].search([])
        self.assertEqual(
            (warning.res_id, warning.sentence), (self.partner_of("1").id, "Acme has no ZIP.")
        )
        self.work(self._company("1", 2, name="Acme", zip="1000"))
        self.assertFalse(self.env["hub.warning"].search([]))

    def test_a_new_rule_counts_for_what_is_replayed(self):
        message = self.work(self._company("1", 1, name="Acme"))
        rule = self._rule(field="zip", effect="warn", sentence="{name} has no ZIP.")
        message.action_replay()
        self.drain()
        self.assertStates(message, "skipped:unchanged")
        self.assertEqual(self.env["hub.warning"].search([]).rule_id, rule)

    def test_a_rule_is_for_its_system_company_and_process(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        master = self.env.ref("lead_to_cash_hub.process_master_data")
        deals = self.env.ref("lead_to_cash_hub.process_deal_to_project")
        for values, state in (
            ({"company_id": other.id}, "done"),
            ({"process_id": deals.id}, "done"),
            ({"process_id": master.id}, "failed"),
            ({"system_id": self.system.id}, "failed"),
            ({"when": 'record["name"] == "Company 9"'}, "done"),
        ):
            rule = self._rule(field="vat", **values)
            key = str(100 + rule.id)
            self.assertStates(self.work(self._company(key)), state)
            rule.active = False

    def test_a_rule_that_cannot_be_judged_lets_nothing_pass(self):
        self._rule(test="expression", formula='record["zip"] > 5')
        message = self.work(self._company("1", zip="1000"))
        self.assertIn("cannot be judged", self.assertExplained(message, "rule_block").sentence)

    def test_a_stored_rule_that_fits_no_more_lets_nothing_pass(self):
        rule = self._rule(field="zip", test="words", words="1000\n2000")
        self.env.cr.execute(
            "UPDATE hub_rule SET words = '', stamp = 'other' WHERE id = %s", [rule.id]
        )
        self.assertExplained(self.work(self._company("1", zip="1000")), "rule_block")

    def test_a_sentence_is_read_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        rule = self._rule(field="vat")
        rule.with_context(lang="fr_FR").sentence = "{city} : {name} n'a pas de numéro de TVA."
        message = self.work(self._company("1", name="Acme", city="Gand"))
        exception = self.assertExplained(message, "rule_block")
        self.assertEqual(
            exception.with_context(lang="fr_FR").sentence, "Gand : Acme n'a pas de numéro de TVA."
        )

    def test_bad_rules_are_refused_with_a_sentence(self):
        for values, text in (
            ({"test": "expression", "formula": "record.__class__"}, "not allowed"),
            ({"test": "expression", "formula": "(" * 300}, "not allowed"),
            ({"test": "expression", "formula": 'find("a[") == 1'}, "path"),
            (
                {"test": "range", "field_id": self._field("customer", "name").id, "least": "1"},
                "compared",
            ),
            ({"test": "present", "field_id": self._field("opportunity", "name").id}, "no field"),
            ({"test": "present"}, "not complete"),
            ({"field_id": self._field("customer", "vat").id, "sentence": "{nonsense}"}, "nonsense"),
            (
                {"field_id": self._field("customer", "vat").id, "when": "while True: pass"},
                "not allowed",
            ),
            (
                {
                    "field_id": self._field("customer", "vat").id,
                    "effect": "hold",
                    "approver_group_id": False,
                },
                "lets them through",
            ),
        ):
            with self.subTest(values), self.assertRaisesRegex(ValidationError, text):
                self._rule(**values)

    def test_other_records_are_counted_only_where_messages_may_go(self):
        base = {
            "test": "others",
            "field_id": self._field("customer", "name").id,
            "match_field": "name",
        }
        for model, more, text in (
            ("res.users", {}, "not counted"),
            ("ir.config_parameter", {}, "not counted"),
            ("res.partner", {"match_field": "child_ids"}, "cannot be compared"),
            (
                "res.partner",
                {"model_domain": "[('name', '=', __import__('os'))]"},
                "cannot be read",
            ),
            ("res.partner", {"model_domain": "[('nothing', '=', 1)]"}, "cannot be read"),
            ("res.partner", {"most_others": -1}, "allowed"),
        ):
            values = base | {"model_id": self.env["ir.model"]._get(model).id} | more
            with self.subTest(model=model, **more), self.assertRaisesRegex(ValidationError, text):
                self._rule(**values)

    def test_who_may_change_rules(self):
        rule = self._rule(field="vat")
        for groups in (("viewer",), ("resolver",), ("auditor",), ("billing_approver",)):
            user = self._make_role(f"role_{groups[0]}", *groups)
            with self.assertRaises(AccessError):
                rule.with_user(user).write({"active": False})
            with self.assertRaises(AccessError):
                rule.with_user(user).copy()
        manager = self._make_role("role_manager", "manager")
        rule.with_user(manager).active = False

    def test_rules_of_another_company_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        rule = self._rule(field="vat", company_id=other.id)
        user = self._make_role("role_manager", "manager")
        self.assertFalse(self.env["hub.rule"].with_user(user).search([("id", "=", rule.id)]))

    def test_the_live_test_says_what_the_engine_would(self):
        rule = self._rule(field="zip", effect="warn", sentence="{name} has no ZIP.")
        wrong, right = self.receive(self._company("1", name="Acme"), self._company("2", zip="1"))
        form = rule.new(origin=rule)
        form.test_message_id = wrong
        self.assertIn("Acme has no ZIP.", form.test_html)
        form.test_message_id = right
        self.assertIn("would pass", form.test_html)
        self.assertIn("<code>zip</code>", form.test_html)

    def test_the_live_test_shows_no_payload_to_who_may_not_read_it(self):
        rule = self._rule(field="zip")
        message = self.receive(self._company("1", name="Acme"))
        viewer = self._make_role("role_viewer", "viewer")
        form = rule.with_user(viewer).new(origin=rule.with_user(viewer))
        with self.assertRaises(AccessError):
            form.test_message_id = message.with_user(viewer)
            self.assertFalse(form.test_html)


@tagged("post_install", "-at_install")
class TestRulesAcrossRecords(RuleCase, DealCase):
    """Rules that look at other records, and at lines."""

    def _open_deal(self, key, company, number=1, amount="1000"):
        payload = {
            "id": key,
            "properties": {
                "dealname": f"Deal {key}",
                "amount": amount,
                "deal_currency_code": self.own.name,
                "closedate": "2026-06-30",
            },
            "pipeline_stage": {"isWon": False, "isClosed": False},
            "companies": [company],
            "line_items": [],
        }
        return self._incoming("opportunity", key, payload, number)

    def _one_open_deal(self):
        return self._rule(
            "opportunity",
            "customer",
            test="others",
            model_id=self.env["ir.model"]._get("crm.lead").id,
            match_field="partner_id",
            model_domain="[('won_status', '=', 'pending')]",
            sentence="{name}: the customer has {count} open deals already.",
        )

    def test_a_second_one_is_blocked_even_in_the_same_batch(self):
        self._one_open_deal()
        self.work(self._company("1"), self._company("2"))
        messages = self.work(
            self._open_deal("A", "1"), self._open_deal("B", "1"), self._open_deal("C", "2")
        )
        self.assertStates(messages, "done", "failed", "done")
        self.assertIn("1 open deals", self.assertExplained(messages[1], "rule_block").sentence)
        self.assertStates(self.work(self._open_deal("A", "1", 2, amount="5")), "done")  # its own

    def test_others_cost_one_query_a_batch(self):
        self._one_open_deal()
        keys = [str(n) for n in range(1, 31)]
        self.work(*(self._company(key) for key in keys))

        def queries(part):
            self.receive(*(self._open_deal(f"D{key}", key) for key in part))
            self.env.flush_all()
            self.env.invalidate_all()
            seen = []
            count = self.registry["hub.rule"]._count_others

            def counted(*arguments):
                seen.append(len(arguments[2]))
                return count(*arguments)

            self._patch("hub.rule", "_count_others", counted)
            self.drain()
            return seen

        self.assertEqual(queries(keys[:10]), [10])
        self.assertEqual(queries(keys[10:]), [20])

    def test_a_record_leads_to_a_complete_one(self):
        self._rule(
            "opportunity",
            "customer",
            test="points",
            needed="zip, city | country_id.code",
            sentence="{name}: {value}",
        )
        self.work(self._company("1", name="Acme"), self._company("2", zip="1", city="Gent"))
        messages = self.work(self._open_deal("A", "1"), self._open_deal("B", "2"))
        self.assertStates(messages, "failed", "done")
        self.assertEqual(
            self.assertExplained(messages[0], "rule_block").sentence, "Deal A: Acme: Zip, City"
        )
        for needed, text in (
            ("nothing", "no field"),
            ("user_ids.totp_secret", "leads to no single record"),
            ("signup_type", "some groups only"),
            ("parent_id.parent_id.parent_id.name", "too far"),
            ("", "what makes it complete"),
        ):
            with self.subTest(needed), self.assertRaisesRegex(ValidationError, text):
                self._rule("opportunity", "customer", test="points", needed=needed)

    def test_the_shipped_rules_work_when_they_are_switched_on(self):
        rules = self.env["hub.rule"].with_context(active_test=False).search([])
        points = self.env["hub.checkpoint"].with_context(active_test=False).search([])
        self.assertGreater(len(rules), 10)
        self.assertGreater(len(points), 2)
        for rule in rules:
            rule.active = True
            rule._check_rule()
        self.work(self._company("1"))
        self.assertStates(self.work(self._open_deal("A", "1")), "done")
        points.active = True
        points._check_checkpoint()
        self.assertStates(self.work(self._company("2")), "held")

    def test_a_rule_on_the_customer_of_a_deal_reads_its_id(self):
        self._rule("opportunity", test="expression", formula='record["customer"] != "1"')
        self.work(self._company("1"))
        self.assertStates(self.work(self._open_deal("A", "1")), "failed")


@tagged("post_install", "-at_install")
class TestRulesCost(RuleCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["hub.lane"].search([]).workers = 1

    def _queries(self, keys):
        self.receive(*(self._company(key, name=f"N{key}-{key[::-1]}") for key in keys))
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.drain()
        return self.env.cr.sql_log_count - before

    def test_rules_cost_no_query_a_message(self):
        keys = [f"{n:05}" for n in range(200, 300)]
        self._queries(keys[:2])
        without = self._queries(keys[2:12])
        self._rule(field="zip", effect="warn", sentence="{name}")
        self._rule(field="name", least="", test="present")
        self._queries(keys[12:14])
        single = self._queries(keys[14:24])
        double = self._queries(keys[24:44])
        self.assertLessEqual(single, without + 4, "the warnings of a batch are one statement")
        each = (without // 10) + 1  # what Odoo itself asks for a new company
        self.assertLessEqual(double - single, 10 * each)

    def test_nothing_is_compiled_twice(self):
        self._rule(field="name", test="present")
        compiled = []
        plain = self.registry["hub.rule"]._plain

        def counted(rule):
            compiled.append(rule.id)
            return plain(rule)

        self._patch("hub.rule", "_plain", counted)
        self.work(self._company("1"))
        self.work(self._company("2"))
        self.assertEqual(len(compiled), 1)

    def test_a_rule_without_people_costs_nothing_where_there_is_none(self):
        keys = [f"{n:05}" for n in range(300, 320)]
        self._queries(keys[:2])
        before = self._queries(keys[2:10])
        # A rule of another entity is none of this one's.
        self._rule("contact", "email", sentence="{name}")
        self.assertLessEqual(self._queries(keys[10:18]), before + 1)


@tagged("post_install", "-at_install")
class TestHeldByRule(RuleCase):
    def test_a_held_record_goes_on_when_somebody_lets_it_through(self):
        manager = self._make_role("boss", "manager")
        self._rule(
            field="vat",
            effect="hold",
            approver_ids=[Command.set(manager.ids)],
            approver_group_id=False,
        )
        message = self.work(self._company("1", name="Acme"))
        self.assertStates(message, "held:held_for")
        self.assertIn("Tax number known", message.explanation)
        self.assertFalse(self.partner_of("1"))
        approval = message.approval_ids
        self.assertEqual(approval.with_user(manager).why, "Acme has no tax number.")
        approval.with_user(manager).action_approve()
        self.drain()
        self.assertStates(message, "done")
        self.assertTrue(self.partner_of("1"))

    def test_a_held_record_is_judged_anew_when_its_rule_is_gone(self):
        rule = self._rule(field="vat", effect="hold")
        message = self.work(self._company("1"))
        rule.unlink()
        self.later()
        self.drain()
        self.assertStates(message, "done")
