"""The canonical model in forms: bound fields, entities on further models, and what can never be bound."""

import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .hub_common import HubCase


class CanonicalCase(HubCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls.env.ref("lead_to_cash_hub.entity_customer")
        cls.mapping = cls.system.mapping_ids.filtered(
            lambda m: m.entity_id == cls.customer and m.direction == "in"
        )

    @classmethod
    def add_field(cls, entity, name, kind, odoo_field, **more):
        return cls.env["hub.entity.field"].create(
            {
                "entity_id": entity.id,
                "name": name,
                "label": name.capitalize(),
                "kind": kind,
                "binding": "field",
                "odoo_field": odoo_field,
                **more,
            }
        )

    @classmethod
    def add_line(cls, field, path, mapping=None, **more):
        return cls.env["hub.mapping.line"].create(
            {"mapping_id": (mapping or cls.mapping).id, "field_id": field.id, "path": path, **more}
        )

    def custom_field(self, model, name, ttype, **more):
        self.env["ir.model.fields"].create(
            {
                "model_id": self.env["ir.model"]._get_id(model),
                "name": name,
                "field_description": name,
                "ttype": ttype,
                **more,
            }
        )


@tagged("post_install", "-at_install")
class TestBoundFields(CanonicalCase):
    def test_a_field_bound_in_a_form_flows_in_through_the_shipped_handler(self):
        self.add_line(self.add_field(self.customer, "notes", "text", "comment"), "properties.notes")
        self.add_line(
            self.add_field(self.customer, "industry", "text", "ref"), "properties.industry"
        )
        done = self.work(
            self._company("1", notes="<b>bold</b>", industry="Mining"), self._company("2")
        )
        self.assertStates(done, "done", "done")
        partner = self.partner_of("1")
        self.assertIn("&lt;b&gt;bold&lt;/b&gt;", partner.comment, "markup of a source stays text")
        self.assertEqual(partner.ref, "Mining")
        self.assertFalse(self.partner_of("2").ref)
        # A change at the source comes through; an edit in Odoo survives what is unrelated to it.
        self.work(self._company("1", number=2, notes="<b>bold</b>", industry="Coal"))
        self.assertEqual(partner.ref, "Coal")
        partner.ref = "Quarry"
        self.work(self._company("1", number=3, notes="<b>bold</b>", industry="Coal", city="Ulm"))
        self.assertEqual((partner.ref, partner.city), ("Quarry", "Ulm"))

    def test_a_record_that_people_kept_before_is_filled_up_not_overwritten(self):
        self.add_line(
            self.add_field(self.customer, "industry", "text", "ref"), "properties.industry"
        )
        known = self.env["res.partner"].create(
            {"name": "Known", "is_company": True, "website": "https://c1.example", "ref": "Mine"}
        )
        self.work(self._company("1", name="Known", industry="Theirs"))
        self.assertEqual((self.partner_of("1"), known.ref), (known, "Mine"))

    def test_fields_that_were_added_by_hand_of_each_type(self):
        kinds = {
            "x_count": ("integer", "integer", 7, 7),
            "x_ratio": ("float", "decimal", "0.25", 0.25),
            "x_flag": ("boolean", "boolean", True, True),
            "x_when": ("datetime", "datetime", "2026-03-01T10:00:00+02:00", "2026-03-01 08:00:00"),
            "x_day": ("date", "date", "2026-03-01", "2026-03-01"),
            "x_level": ("selection", "text", "gold", "gold"),
        }
        for name, (ttype, kind, _value, _found) in kinds.items():
            more = {}
            if ttype == "selection":
                more["selection_ids"] = [Command.create({"value": "gold", "name": "Gold"})]
            self.custom_field("res.partner", name, ttype, **more)
            self.add_line(self.add_field(self.customer, name, kind, name), f"properties.{name}")
        values = {name: value for name, (_t, _k, value, _f) in kinds.items()}
        self.assertStates(self.work(self._company("1", **values)), "done")
        partner = self.partner_of("1")
        for name, (_ttype, _kind, _value, found) in kinds.items():
            shown = partner[name]
            self.assertEqual(str(shown) if isinstance(found, str) else shown, found, name)
        # what Odoo cannot hold stands alone before a person
        bad, good = self.work(self._company("2", x_level="tin"), self._company("3", x_level="gold"))
        self.assertExplained(bad, "bad_value")
        self.assertEqual(good.state, "done")

    def test_bound_fields_cost_no_query_per_record(self):
        self.add_line(
            self.add_field(self.customer, "industry", "text", "ref"), "properties.industry"
        )
        counts = []
        self.work(*[self._company(f"w{n}", industry="warm") for n in range(3)])
        for size, prefix in ((10, "a"), (20, "b")):
            self.receive(
                *[self._company(f"{prefix}{n}", industry=f"i{n % 3}") for n in range(size)]
            )
            before = self.env.cr.sql_log_count
            self.drain()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1] - counts[0], 10, counts)

    def test_a_changed_field_maps_equal_payloads_anew(self):
        revision = self.mapping.revision
        field = self.add_field(self.customer, "industry", "text", "ref")
        self.add_line(field, "properties.industry")
        self.work(self._company("1", industry="7"))
        self.assertEqual(self.partner_of("1").ref, "7")
        self.add_line(
            self.add_field(self.customer, "kind_of", "text", "function"), "properties.industry"
        )
        self.assertGreater(self.mapping.revision, revision)
        self.work(self._company("1", industry="7", number=2))
        self.assertEqual(self.partner_of("1").function, "7")

    def test_one_line_serves_both_directions(self):
        field = self.add_field(self.customer, "industry", "text", "ref", direction="both")
        self.add_line(
            field, "properties.industry", both_ways=True, transform="choose", argument="M = Mining"
        )
        self.work(self._company("1", industry="M"))
        partner = self.partner_of("1")
        self.assertEqual(partner.ref, "Mining")
        compiled = self.env["hub.mapping"]._compiled_of(self.system, "out")["customer"][0]
        self.assertEqual(
            compiled.external({"industry": "Mining"}), {"properties": {"industry": "M"}}
        )
        self.assertIn("ref", partner._hub_watched(), "a change of it concerns another system")
        with self.assertRaises(ValidationError):
            self.add_line(
                self.add_field(self.customer, "first", "text", "function", direction="both"),
                "properties.a || properties.b", both_ways=True,
            )  # fmt: skip


@tagged("post_install", "-at_install")
class TestGenericEntity(CanonicalCase):
    """An entity on a model that the hub knows nothing of."""

    def setUp(self):
        super().setUp()
        model = self.env["ir.model"]._get("utm.campaign")
        self.entity = self.env["hub.entity"].create(
            {
                "name": "Campaign",
                "code": "campaign",
                "handler": "hub.handler.generic",
                "model_id": model.id,
                "company_mode": "shared",
                "field_ids": [
                    Command.create(
                        {"name": "title", "label": "Title", "kind": "text", "required": True, "identity": True,
                         "binding": "field", "odoo_field": "title"}
                    ),
                    Command.create(
                        {"name": "color", "label": "Color", "kind": "integer", "binding": "field",
                         "odoo_field": "color"}
                    ),
                ],
            }
        )  # fmt: skip
        self.env["ir.model.access"].create(
            {
                "name": "hub campaign",
                "model_id": model.id,
                "group_id": self.env.ref("lead_to_cash_hub.group_hub_viewer").id,
                "perm_read": True, "perm_write": True, "perm_create": True,
            }
        )  # fmt: skip
        self.technical.group_ids |= self.env.ref("lead_to_cash_hub.group_hub_viewer")
        title, color = self.entity.field_ids
        self.map = self.env["hub.mapping"].create(
            {
                "system_id": self.system.id,
                "entity_id": self.entity.id,
                "line_ids": [
                    Command.create({"field_id": title.id, "path": "t"}),
                    Command.create({"field_id": color.id, "path": "c"}),
                ],
            }
        )
        self.env["hub.stream"].create(
            {
                "system_id": self.system.id,
                "entity_id": self.entity.id,
                "process_id": self.system.stream_ids[0].process_id.id,
                "poll": False,
            }
        )

    def campaign(self, key, title, color=1, number=1):
        return self._incoming("campaign", key, {"t": title, "c": color}, number)

    def found(self, key):
        return self.partner_of(key, "campaign")

    def test_records_are_created_matched_and_changed(self):
        known = self.env["utm.campaign"].create({"title": "Spring 100%"})
        done = self.work(
            self.campaign("1", "spring 100%", 3), self.campaign("2", "Summer", 4),
            self.campaign("3", "SUMMER"), self.campaign("4", "Spring 100x"),
        )  # fmt: skip
        self.assertStates(done, "done", "done", "done", "done")
        self.assertEqual(self.found("1"), known)
        self.assertEqual(known.color, 3)
        self.assertEqual(self.found("2"), self.found("3"), "two of one batch are one record")
        self.assertNotIn(self.found("4"), known | self.found("2"), "% is no wildcard")
        self.work(self.campaign("2", "Summer", 9, number=2))
        self.assertEqual(self.found("2").color, 9)

    def test_several_that_fit_are_a_question(self):
        self.env["utm.campaign"].create([{"title": "Twin"}, {"title": "twin"}])
        self.assertExplained(self.work(self.campaign("1", "TWIN")), "ambiguous_match")

    def test_without_rights_of_the_technical_user_nothing_is_written(self):
        self.env["ir.model.access"].search(
            [("model_id.model", "=", "utm.campaign")]
        ).perm_create = False
        self.env.registry.clear_cache()
        with mute_logger("odoo.addons.base.models.ir_model"):
            self.assertExplained(self.work(self.campaign("1", "New")), "permission")

    def test_what_odoo_requires_must_be_bound_before_the_stream_is_switched_on(self):
        self.env["hub.stream"].search([("entity_id", "=", self.entity.id)]).active = False
        self.map.line_ids.filtered(lambda line: line.field_id.name == "title").unlink()
        with self.assertRaises(ValidationError):
            self.env["hub.stream"].search(
                [("entity_id", "=", self.entity.id), ("active", "=", False)]
            ).active = True
        self.env["hub.mapping.line"].create(
            {"mapping_id": self.map.id, "field_id": self.entity.field_ids[0].id, "path": "t"}
        )
        self.entity.field_ids.filtered(lambda f: f.name == "title").odoo_field = "name"
        self.assertEqual(self.entity._unfilled(), ["Campaign Name"])

    def test_a_binding_that_is_no_longer_allowed_is_refused_when_it_is_used(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE hub_entity_field SET odoo_field = 'create_uid' WHERE entity_id = %s AND name = 'color'",
            [self.entity.id],
        )
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertExplained(self.work(self.campaign("1", "New")), "binding_refused")

    def test_a_query_for_each_step_not_for_each_record(self):
        self.work(self.campaign("w", "Warm"))
        counts = []
        for size, prefix in ((10, "a"), (20, "b")):
            self.receive(*[self.campaign(f"{prefix}{n}", f"{prefix} {n}") for n in range(size)])
            before = self.env.cr.sql_log_count
            self.drain()
            counts.append(self.env.cr.sql_log_count - before)
        # Odoo itself asks once for each new campaign whether its name is taken.
        self.assertLess(counts[1] - counts[0], 10 * 3, counts)


@tagged("post_install", "-at_install")
class TestNeverBound(CanonicalCase):
    """No way in makes a message write what governs access, the books or the hub."""

    DENIED_MODELS = (
        "res.users", "res.groups", "ir.rule", "ir.model.access", "ir.cron", "ir.actions.server", "ir.config_parameter",
        "hub.system", "hub.link", "hub.contract", "mail.template", "mail.alias", "res.company", "res.partner.bank",
        "account.journal", "account.payment.term", "account.account", "res.config.settings",
    )  # fmt: skip
    DENIED_FIELDS = (
        ("customer", "user_ids", "text"), ("customer", "category_id", "text"), ("customer", "bank_ids", "text"),
        ("customer", "child_ids", "refs:contact"), ("customer", "company_id", "text"), ("customer", "id", "integer"),
        ("customer", "create_uid", "text"), ("customer", "image_1920", "text"), ("customer", "contact_address", "text"),
        ("customer", "no_such_field", "text"), ("customer", "signup_token", "text"), ("customer", "name", "integer"),
        ("customer", "property_account_receivable_id", "text"), ("customer", "user_id", "ref:employee"),
        ("customer", "parent_id", "ref:project"), ("employee", "user_id", "ref:employee"),
        ("employee", "barcode", "text"), ("opportunity", "user_id", "ref:contact"),
        ("payment", "state", "text"), ("payment", "memo", "text"), ("payment", "amount", "money"),
        ("time_entry", "unit_amount", "decimal"), ("time_entry", "hub_approval", "text"),
        ("project", "alias_name", "text"),
    )  # fmt: skip

    def test_models_that_govern_are_refused(self):
        for model in self.DENIED_MODELS:
            with self.subTest(model), self.assertRaises(ValidationError):
                self.env["hub.entity"].create(
                    {
                        "name": model,
                        "code": model.replace(".", "_"),
                        "handler": "hub.handler.generic",
                        "model_id": self.env["ir.model"]._get_id(model),
                    }
                )

    def test_fields_that_govern_are_refused(self):
        for code, name, kind in self.DENIED_FIELDS:
            entity = self.env.ref(f"lead_to_cash_hub.entity_{code}")
            with self.subTest(f"{code}.{name}"), self.assertRaises(ValidationError):
                self.add_field(entity, "probe", kind, name)
        field = self.add_field(self.customer, "fine", "text", "ref")
        for vals in ({"odoo_field": "user_ids"}, {"kind": "integer"}, {"odoo_field": False}):
            with self.subTest(str(vals)), self.assertRaises(ValidationError):
                field.write(vals)

    def test_a_computed_field_with_an_inverse_is_refused(self):
        field = self.env["res.partner"]._fields["company_name"]
        self.assertFalse(field.inverse)
        inverses = [
            name for name, f in self.env["res.partner"]._fields.items()
            if f.inverse and f.type in ("char", "text", "boolean")
        ]  # fmt: skip
        self.assertTrue(inverses)
        kinds = {"char": "text", "text": "text", "boolean": "boolean"}
        for name in inverses:
            with self.subTest(name), self.assertRaises(ValidationError):
                kind = kinds[self.env["res.partner"]._fields[name].type]
                self.add_field(self.customer, "probe", kind, name)

    def test_bindings_are_for_settings_admins_by_form_import_and_call(self):
        manager = self._make_role("binds", "manager")
        values = {"entity_id": self.customer.id, "name": "probe", "label": "Probe", "kind": "text"}
        bound = values | {"binding": "field", "odoo_field": "ref"}
        Fields = self.env["hub.entity.field"].with_user(manager)
        with self.assertRaises(AccessError):
            Fields.create(bound)
        with self.assertRaises(AccessError):
            self.customer.with_user(manager).write({"field_ids": [Command.create(bound)]})
        plain = Fields.create(values)  # a canonical field that nothing writes is a manager's
        with self.assertRaises(AccessError):
            plain.write({"binding": "field", "odoo_field": "ref"})
        with self.assertRaises(AccessError):
            self.add_field(self.customer, "mine", "text", "ref").with_user(
                manager
            ).odoo_field = "function"
        loaded = Fields.load(
            ["entity_id/.id", "name", "label", "kind", "binding", "odoo_field"],
            [[str(self.customer.id), "loaded", "Loaded", "text", "field", "ref"]],
        )
        self.assertFalse(loaded["ids"])
        self.assertFalse(self.env["hub.entity.field"].search([("name", "=", "loaded")]))
        with self.assertRaises(AccessError):
            self.env["hub.entity"].with_user(manager).create(
                {"name": "X", "code": "x", "handler": "hub.handler.generic",
                 "model_id": self.env["ir.model"]._get_id("utm.campaign")}
            )  # fmt: skip
        with self.assertRaises(AccessError):
            self.customer.with_user(manager).model_id = self.env["ir.model"]._get_id("utm.campaign")

    def test_two_fields_do_not_write_one_field(self):
        with self.assertRaises(ValidationError):
            self.add_field(self.customer, "second", "text", "city")

    def test_types_that_are_none(self):
        for kind in ("number", "ref", "text:x", "term", "", "lines"):
            with self.subTest(kind), self.assertRaises(ValidationError):
                self.add_field(self.customer, "probe", kind, "ref")


@tagged("post_install", "-at_install")
class TestPublished(CanonicalCase, HttpCase):
    def get(self, path, user=None):
        headers = {}
        if user:
            key = (
                self.env["res.users.apikeys"]
                .with_user(user)
                ._generate(None, "schema", fields.Datetime.now() + timedelta(hours=1))
            )
            headers["Authorization"] = f"Bearer {key}"
        return self.url_open(path, headers=headers)

    def test_the_schema_is_published_with_its_version(self):
        viewer = self._make_role("reads-schema", "viewer")
        answer = self.get("/hub/v1/schema/opportunity", viewer)
        self.assertEqual(answer.status_code, 200)
        schema = answer.json()
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        self.assertEqual(schema["properties"]["lines"]["items"], {"$ref": "#/$defs/deal_line"})
        self.assertEqual(schema["properties"]["amount"]["x-hub-data-class"], "financial")
        number = schema["x-hub-version"]
        self.add_field(
            self.env.ref("lead_to_cash_hub.entity_opportunity"), "campaign_text", "text", "referred"
        )
        newer = self.get("/hub/v1/schema/opportunity", viewer).json()
        self.assertEqual(newer["x-hub-version"], number + 1)
        self.assertIn("campaign_text", newer["properties"])
        older = self.get(f"/hub/v1/schema/opportunity?version={number}", viewer).json()
        self.assertEqual(json.dumps(older, sort_keys=True), json.dumps(schema, sort_keys=True))

    def test_each_change_of_an_entity_is_published_whether_somebody_asks_or_not(self):
        versions = self.env["hub.entity.version"]
        opportunity = self.env.ref("lead_to_cash_hub.entity_opportunity")
        line = self.env.ref("lead_to_cash_hub.entity_deal_line")
        self.assertEqual(
            len(versions.search([]).entity_id),
            self.env["hub.entity"].search_count([]),
            "from the start",
        )

        def newest(entity=opportunity):
            return versions.search([("entity_id", "=", entity.id)], limit=1)

        field = opportunity.field_ids.filtered(lambda f: f.name == "amount")
        before = newest().number
        for values, key, said in (
            ({"label": "Signed amount"}, "title", "Signed amount"),
            ({"data_class": "confidential"}, "x-hub-data-class", "confidential"),
            ({"unit": "currency_code"}, "x-hub-unit", "currency_code"),
            ({"required": not field.required}, None, None),
        ):
            field.write(values)
            before += 1
            self.assertEqual(newest().number, before, values)
            if key:
                self.assertEqual(newest().schema["properties"]["amount"][key], said)
        field.write({"label": "Signed amount", "sequence": field.sequence})
        self.assertEqual(newest().number, before, "nothing changed")
        opportunity.name = "Deal"
        self.assertEqual(newest().schema["title"], "Deal")
        # what has its records as lines says something else as well
        numbers = newest().number, newest(line).number
        line.field_ids[0].label = "Other"
        self.assertEqual((newest().number, newest(line).number), (numbers[0] + 1, numbers[1] + 1))
        self.add_field(opportunity, "campaign_note", "text", "referred").unlink()
        self.assertEqual(newest().number, numbers[0] + 3)

    @mute_logger("odoo.http")
    def test_who_may_read_it(self):
        viewer = self._make_role("reads-schema", "viewer")
        outsider = self._make_role("no-hub-role")
        self.assertEqual(self.get("/hub/v1/schema/customer").status_code, 401)
        self.assertEqual(self.get("/hub/v1/schema/customer", outsider).status_code, 403)
        for path in ("nothing", "customer?version=99", "customer?version=x", "customer?version=-1"):
            self.assertEqual(self.get(f"/hub/v1/schema/{path}", viewer).status_code, 404, path)
