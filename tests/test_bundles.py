import base64
import json
from unittest.mock import patch

from odoo import tools
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..core import bundle
from .change_common import ChangeCase

SEED = base64.b64encode(bytes(range(32))).decode()
NAME, KEY = bundle.signing_key(f"sandbox:{SEED}")


@tagged("post_install", "-at_install")
class TestBundles(ChangeCase):
    """From a sandbox to production: signed, for one place, once, and always as a Change."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandbox = cls._make_system("Trial", account_ref="trial-account")
        trial = cls.sandbox.mapping_ids.filtered(lambda m: m.entity_id == cls.mapping.entity_id)
        cls.trial = trial.filtered(lambda m: m.direction == "in")

    def setUp(self):
        super().setUp()
        keys = {
            "hub_bundle_key": f"sandbox:{SEED}",
            "hub_bundle_trusted": bundle.public_text(NAME, KEY),
        }
        patcher = patch.dict(tools.config.options, keys)
        patcher.start()
        self.addCleanup(patcher.stop)
        self.here = self.env["hub.bundle"]._database()

    def export(self, target=None, environment="production", title="Towns"):
        raw, _left = (
            self.env["hub.bundle"]
            .with_user(self.author)
            ._export(self.sandbox, target or self.here, environment, title)
        )
        return raw

    def take(self, raw, system=None, user=None):
        wizard = (
            self.env["hub.bundle.import"]
            .with_user(user or self.author)
            .create({"system_id": (system or self.system).id, "file": base64.b64encode(raw)})
        )
        action = wizard.action_import()
        if action["res_model"] == "hub.change":
            change = self.env["hub.change"].with_user(self.author).browse(action["res_id"])
            change.why = "Tried in the sandbox."
            return change
        return wizard

    def refused(self, raw, text, **options):
        with self.assertRaisesRegex((UserError, AccessError), text), self.env.cr.savepoint():
            self.take(raw, **options)
        self.assertFalse(self.env["hub.change"].search([]))

    def resigned(self, raw, **more):
        """The same bundle with other content, honestly signed."""
        content = json.loads(raw)["content"]
        return bundle.sign(content | more, NAME, KEY)

    def test_what_differs_comes_as_a_change(self):
        line = self.trial.line_ids.filtered(lambda one: one.field_id.name == "city")
        line.path = "properties.town"
        self.trial.line_ids.filtered(lambda one: one.field_id.name == "phone").unlink()
        term = self.env.ref("lead_to_cash_hub.term_deal_stage_won")
        self.env["hub.vocabulary.word"].create(
            {"term_id": term.id, "system_id": self.sandbox.id, "word": "Gewonnen"}
        )
        stream = self.sandbox.stream_ids.filtered(lambda s: s.entity_id == self.mapping.entity_id)[
            0
        ]
        stream.interval = 77
        raw = self.export()
        text = raw.decode()
        for secret in (
            self.sandbox.base_url,
            self.sandbox.webhook_token,
            self.author.login,
            "envelope",
            self.sandbox.account_ref,
        ):
            self.assertNotIn(secret, text)
        change = self.take(raw)
        self.assertEqual(
            sorted((i.res_model, i.kind) for i in change.item_ids),
            [
                ("hub.mapping.line", "delete"),
                ("hub.mapping.line", "write"),
                ("hub.stream", "write"),
                ("hub.vocabulary.word", "create"),
            ],
        )
        self.assertEqual(self.line.path, "properties.city", "nothing counts yet")
        self.in_force(change)
        self.assertEqual(self.line.path, "properties.town")
        self.assertFalse(self.mapping.line_ids.filtered(lambda one: one.field_id.name == "phone"))
        word = self.env["hub.vocabulary.word"].search(
            [("word", "=", "Gewonnen"), ("system_id", "=", self.system.id)]
        )
        self.assertEqual(word.term_id, term)

    def test_it_is_a_change_without_control_too(self):
        self.system.needs_approval = False
        self.trial.line_ids.filtered(
            lambda one: one.field_id.name == "city"
        ).path = "properties.town"
        change = self.take(self.export())
        self.assertEqual((change.state, self.line.path), ("draft", "properties.city"))

    def test_what_is_refused(self):
        self.trial.line_ids.filtered(
            lambda one: one.field_id.name == "city"
        ).path = "properties.town"
        raw = self.export()
        self.refused(
            raw.replace(b"properties.town", b"properties.evil"), "changed after it was signed"
        )
        self.refused(b"{}", "no bundle")
        self.refused(self.resigned(raw, format=2), "newer release")
        self.refused(self.resigned(raw, release="99.0"), "newer release")
        self.refused(self.export(target="another"), "another database")
        self.refused(self.export(environment="sandbox"), "environment")
        with patch.dict(tools.config.options, {"hub_bundle_trusted": ""}):
            self.refused(raw, "not trusted")
        other = bundle.signing_key(f"sandbox:{base64.b64encode(bytes(32)).decode()}")
        self.refused(bundle.sign(json.loads(raw)["content"], *other), "changed after it was signed")
        viewer = self._make_role("v", "viewer")
        with self.assertRaises(AccessError):
            self.env["hub.bundle"].with_user(viewer)._import(raw, self.system)

    def test_denied_bindings_and_foreign_fields(self):
        self.trial.line_ids.filtered(
            lambda one: one.field_id.name == "city"
        ).path = "properties.town"
        raw = self.export()
        rows = json.loads(raw)["content"]["rows"]
        field = next(row for row in rows if row["model"] == "hub.entity.field")
        cases = {
            "a user": {"model": "res.users", "key": {"login": "x"}, "values": {}},
            "an address": {**rows[-1], "values": {"base_url": "x"}},
            "a secret": {"model": "hub.credential", "key": {}, "values": {"envelope": "x"}},
            "a deputy": {"model": "hub.delegation", "key": {}, "values": {}},
            "an approver": {
                "model": "hub.grant", "key": {}, "values": {"approver_id": "x"},
            },
        }  # fmt: skip
        for name, row in cases.items():
            with self.subTest(name):
                self.refused(self.resigned(raw, rows=[*rows, row]), "no bundle may change")
        bound = {"binding": "field", "odoo_field": "bank_ids", "direction": "in", "kind": "text"}
        row = {**field, "values": {**field["values"], **bound}}
        with self.subTest("a binding without the Settings right"):
            self.refused(self.resigned(raw, rows=[row]), "Settings")
        admin = self._make_role("settings", "manager", "base.group_system")
        for odoo_field in ("bank_ids", "user_ids", "company_id", "property_account_receivable_id"):
            row["values"]["odoo_field"] = odoo_field
            with self.subTest(odoo_field):
                self.refused(self.resigned(raw, rows=[row]), ".", user=admin)
        entity = next(r for r in rows if r["model"] == "hub.entity")
        row = {
            **entity,
            "values": {
                **entity["values"],
                "model_id": {"ref": ["ir.model", {"model": "res.users"}]},
            },
        }
        with self.subTest("users"):
            self.refused(self.resigned(raw, rows=[row]), "govern|access|may not|bound", user=admin)

    def test_twice_and_older(self):
        line = self.trial.line_ids.filtered(lambda one: one.field_id.name == "city")
        line.path = "properties.first"
        first = self.export()
        self.new_transaction()
        line.path = "properties.second"
        second = self.export()
        self.assertGreater(
            json.loads(second)["content"]["number"], json.loads(first)["content"]["number"]
        )
        withdrawn = self.take(second)
        withdrawn.action_cancel()
        change = self.take(second)
        with self.assertRaisesRegex(UserError, "imported already"):
            self.take(second)
        self.in_force(change)
        with self.assertRaisesRegex(UserError, "imported already"):
            self.take(second)
        with self.assertRaisesRegex(UserError, "older"):
            self.take(first)
        self.assertEqual(self.line.path, "properties.second")

    def test_what_has_to_be_there_first(self):
        """Terms that stand for Odoo records, and companies, are made by a person; then it is imported."""
        vocabulary = self.env.ref("lead_to_cash_hub.vocabulary_service_item")
        term = self.env["hub.vocabulary.term"].create(
            {"vocabulary_id": vocabulary.id, "code": "DESIGN", "name": "Design"}
        )
        other = self.env["res.company"].create({"name": "Daughter"})
        self.technical.company_ids += other
        self.sandbox.company_ids += other
        self.env["hub.vocabulary.word"].create(
            {
                "term_id": term.id,
                "system_id": self.sandbox.id,
                "word": "design",
                "company_id": other.id,
            }
        )
        raw = self.export()
        other.name = "Renamed"
        term.word_ids.unlink()
        term.unlink()
        wizard = self.take(raw)
        self.assertEqual(wizard._name, "hub.bundle.import")
        self.assertIn("DESIGN", wizard.missing_text)
        self.assertIn("Daughter", wizard.missing_text)
        self.assertFalse(self.env["hub.change"].search([]))

    def test_no_key_no_export(self):
        without = patch.dict(tools.config.options, {"hub_bundle_key": ""})
        with without, self.assertRaisesRegex(UserError, "no key"):
            self.export()
        self.trial.line_ids[0].write({"transform": "constant", "argument": "https://x.example"})
        with self.assertRaisesRegex(UserError, "address"):
            self.export()
        self.assertTrue(self.env["hub.bundle"].search_count([]) == 0)

    def test_a_new_mapping_comes_with_its_lines(self):
        entity = self.env.ref("lead_to_cash_hub.entity_employee")
        self.env["hub.mapping"].create(
            {
                "system_id": self.sandbox.id,
                "entity_id": entity.id,
                "line_ids": [
                    Command.create({"field_id": field.id, "path": f"x.{field.name}"})
                    for field in entity.field_ids[:2]
                ],
            }
        )
        change = self.take(self.export())
        self.assertEqual(change.item_ids.mapped("kind"), ["create"] * 3)
        self.in_force(change)
        made = self.system.mapping_ids.filtered(lambda m: m.entity_id == entity)
        self.assertEqual(len(made.line_ids), 2)
        change.action_undo()
        self.assertFalse(made.exists())

    def test_what_governs_records_travels_as_well(self):
        """Rules, checkpoints, processes with their filters, and write-back: compared, and a draft."""
        customer = self.mapping.entity_id
        group = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        stream = self.sandbox.stream_ids.filtered(
            lambda s: s.entity_id == customer and s.direction == "in"
        )
        process = self.env["hub.process"].create(
            {"name": "Customers of the north", "kind": "master_data", "mode": "shadow",
             "country_ids": [Command.set(self.env.ref("base.no").ids)], "company_ids": [Command.set(self.company.ids)],
             "filter_ids": [Command.create({"entity_id": customer.id, "when": 'record["city"] != ""'})]}
        )  # fmt: skip
        stream.process_id = process
        field = self.line.field_id
        rule = self.env["hub.rule"].create(
            {"name": "A town", "entity_id": customer.id, "system_id": self.sandbox.id, "test": "words",
             "effect": "hold", "field_id": field.id, "words": "Oslo", "sentence": "{city} is not in the north.",
             "approver_group_id": group.id, "process_id": process.id}
        )  # fmt: skip
        self.env["hub.checkpoint"].create(
            {"name": "Towns", "entity_id": customer.id, "system_id": self.sandbox.id,
             "field_ids": [Command.set(field.ids)], "approver_group_id": group.id,
             "approver_ids": [Command.set(self.approver.ids)]}
        )  # fmt: skip
        revoked = self.system.grant_ids.filtered(lambda g: g.entity_id == customer)
        revoked.action_revoke()
        raw = self.export()
        for secret in (self.approver.login, self.author.login, self.approver.name):
            self.assertNotIn(secret, raw.decode())
        # here nothing of it is known
        stream.process_id = self.system.stream_ids.process_id[0]
        names = (rule.name, "Towns", process.name)
        for model in ("hub.checkpoint", "hub.rule", "hub.process"):
            self.env[model].search([("name", "in", names)]).unlink()
        self.new_transaction()
        change = self.take(raw)
        self.assertEqual(
            {(item.res_model, item.kind) for item in change.item_ids},
            {("hub.process", "create"), ("hub.process.filter", "create"), ("hub.stream", "write"),
             ("hub.rule", "create"), ("hub.checkpoint", "create"), ("hub.grant", "create")},
        )  # fmt: skip
        self.assertIn("is not in the north", " ".join(change.item_ids.mapped("difference")))
        self.assertFalse(self.env["hub.rule"].search([("name", "=", "A town")]), "nothing yet")
        self.in_force(change)
        rule = self.env["hub.rule"].search([("name", "=", "A town")])
        self.assertEqual((rule.system_id, rule.approver_group_id), (self.system, group))
        point = self.env["hub.checkpoint"].search([("name", "=", "Towns")])
        self.assertEqual((point.field_ids, point.approver_ids.ids), (field, []))
        made = rule.process_id
        self.assertEqual(
            (made.mode, made.country_ids.code, made.filter_ids.entity_id), ("live", "NO", customer)
        )
        granted = self.system.grant_ids.filtered(lambda g: g.entity_id == customer)
        self.assertEqual(granted.field_id, revoked.field_id)
        self.assertEqual(granted.approver_id, self.approver)
        with self.assertRaisesRegex(UserError, "change nothing"):
            self.take(self.export_again(raw))
        change.action_undo()
        self.assertFalse(rule.exists() or point.exists() or made.exists())

    def export_again(self, raw):
        """The same content under another id."""
        return self.resigned(raw, id="another")

    def test_who_decides_is_said_where_it_is_decided(self):
        """People do not travel: what only people let through is made here first."""
        values = {
            "name": "Towns",
            "entity_id": self.mapping.entity_id.id,
            "approver_ids": [Command.set(self.approver.ids)],
            "system_id": self.sandbox.id,
        }
        point = self.env["hub.checkpoint"].create(values)
        raw = self.export()
        wizard = self.take(raw)
        self.assertIn("Towns", wizard.missing_text)
        here = point.copy({"system_id": self.system.id, "name": "Towns", "due_hours": 5})
        change = self.take(raw)
        self.assertEqual(
            [(i.res_model, i.kind, sorted(i.values)) for i in change.item_ids],
            [("hub.checkpoint", "write", ["due_hours", "identity"])],
        )
        self.in_force(change)
        self.assertEqual((here.due_hours, here.approver_ids), (24, self.approver))

    def governing(self, system, **more):
        """A rule and a checkpoint of one system."""
        customer = self.mapping.entity_id
        values = {"name": "A town", "entity_id": customer.id, "system_id": system.id, **more}
        rule = self.env["hub.rule"].create(
            {**values, "field_id": self.line.field_id.id, "sentence": "No town."}
        )
        group = self.env.ref("lead_to_cash_hub.group_hub_billing_approver")
        return rule, self.env["hub.checkpoint"].create({**values, "approver_group_id": group.id})

    def difference(self, raw):
        """What a bundle would change, in order."""
        items = self.take(raw).item_ids
        return sorted((i.res_model, i.kind, sorted(i.values)) for i in items)

    def test_what_was_renamed_on_one_side_is_the_same_on_the_other(self):
        self.system.needs_approval = False
        process = self.sandbox.stream_ids.process_id[0]
        there = self.governing(self.sandbox)
        self.in_force(self.take(self.export()))
        here = [
            self.env[one._name].search(
                [("name", "=", "A town"), ("system_id", "=", self.system.id)]
            )
            for one in there
        ]
        self.assertEqual([one.identity for one in here], [one.identity for one in there])
        former = process.name
        for one in (process, *there):
            one.name = "Another name"
        raw = self.export()
        process.name = former  # this database is the other one as well
        change = self.take(raw)
        self.assertEqual(
            sorted((i.res_model, i.kind, i.res_id, list(i.values)) for i in change.item_ids),
            sorted((one._name, "write", one.id, ["name"]) for one in (process, *here)),
        )
        self.in_force(change)
        self.assertEqual({one.name for one in (process, *here)}, {"Another name"})

    def test_one_with_the_name_that_another_had_is_another(self):
        self.system.needs_approval = False
        rule, _point = self.governing(self.sandbox)
        self.in_force(self.take(self.export()))
        rule.write({"name": "Renamed", "sequence": 20})
        self.env["hub.rule"].create(
            {"name": "A town", "entity_id": self.mapping.entity_id.id, "system_id": self.sandbox.id, "sequence": 5,
             "field_id": self.line.field_id.id, "sentence": "Another rule."}
        )  # fmt: skip
        self.assertEqual(
            self.difference(self.export())[1:], [("hub.rule", "write", ["name", "sequence"])]
        )

    def test_what_was_made_on_both_sides_becomes_one(self):
        """Known by its name alone, it takes the identity: from then on each may be renamed."""
        self.system.needs_approval = False
        there, here = self.governing(self.sandbox), self.governing(self.system)
        change = self.take(self.export())
        self.assertEqual(
            sorted((i.res_model, i.kind, i.res_id, list(i.values)) for i in change.item_ids),
            sorted((one._name, "write", one.id, ["identity"]) for one in here),
        )
        self.in_force(change)
        there[0].name = "Another name"
        self.assertEqual(self.difference(self.export()), [("hub.rule", "write", ["name"])])

    def test_what_a_module_ships_is_the_same_everywhere(self):
        for name in ("process_master_data", "rule_handover_document", "checkpoint_big_deals"):
            row = self.env.ref(f"lead_to_cash_hub.{name}")
            self.assertEqual(row.identity, f"lead_to_cash_hub.{name}")
            self.assertNotEqual(row.copy().identity, row.identity)

    def test_two_of_one_name_are_two(self):
        self.governing(self.sandbox)
        self.governing(self.sandbox)
        change = self.take(self.export())
        self.assertEqual(
            [(i.res_model, i.kind) for i in change.item_ids],
            [("hub.rule", "create")] * 2 + [("hub.checkpoint", "create")] * 2,
        )
        identities = self.env["hub.rule"].search([("name", "=", "A town")]).mapped("identity")
        self.assertEqual(len(set(identities)), 2)
        for identity in identities:
            self.assertNotIn(identity, " ".join(change.item_ids.mapped("difference")))

    def test_a_connector_travels_without_its_address(self):
        connector = self.env["hub.connector"].create(
            {"name": "Bureau", "code": "bureau", "base_url": "https://trial.example", "sign_in_name": "X-Key",
             "stream_ids": [
                 Command.create({"entity_id": self.mapping.entity_id.id, "path": "/clients", "id_path": "no"}),
                 Command.create({"path": "/unused", "active": False}),
             ]}
        )  # fmt: skip
        company = {"company_ids": [Command.set(self.company.ids)], "product": "bureau"}
        trial, live = self.env["hub.system"].create(
            [
                {"name": "Trial bureau", "environment": "sandbox", **company},
                {"name": "Bureau", "environment": "production", **company},
            ]
        )
        live.needs_approval = True
        self.sandbox = trial
        connector.write({"headers": "X-Version: 2", "pace_calls": 9})
        contact = self.env.ref("lead_to_cash_hub.entity_contact")
        connector.stream_ids = [Command.create({"entity_id": contact.id, "path": "/people"})]
        raw = self.export()
        self.assertNotIn("trial.example", raw.decode())
        connector.write({"base_url": "https://live.example", "headers": False, "pace_calls": 5})
        connector.stream_ids.filtered(lambda one: one.entity_id == contact).unlink()
        trial.all_stream_ids.filtered(lambda one: one.entity_id == contact).unlink()
        live.all_stream_ids.filtered(lambda one: one.entity_id == contact).unlink()
        change = self.take(raw, system=live)
        models = set(change.item_ids.mapped("res_model"))
        self.assertLessEqual({"hub.connector", "hub.connector.stream"}, models)
        self.in_force(change)
        self.assertEqual(
            (connector.base_url, connector.headers, connector.pace_calls),
            ("https://live.example", "X-Version: 2", 9),
        )
        self.assertEqual(
            {one["entity"] for one in connector.declaration["streams"]}, {"customer", "contact"}
        )
        parts = connector.with_context(active_test=False).stream_ids
        self.assertTrue(parts.filtered(lambda one: one.path == "/unused"), "kept for choosing")
