"""Declared connectors under attack: files, addresses, rights, RPC."""

import base64

from odoo import tools
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, tagged

from sandbox.bureau import declaration

from .declared_common import KEY, DeclaredMixin

GOOD = declaration("https://bureau.example")
PARTS = ("connector", "connector.stream", "connector.write", "connector.type", "connector.error")


@tagged("post_install", "-at_install")
class TestDeclaredAccess(DeclaredMixin, TransactionCase):
    """What a file, a form or a call must not be able to do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._make_role("looker", "viewer")
        cls.resolver = cls._make_role("mender", "resolver")
        cls.nobody = cls._make_role("nobody")

    def _system(self, connector):
        return self.env["hub.system"].create(
            {"name": "Bureau", "product": connector.code, "company_ids": [(6, 0, self.company.ids)]}
        )

    # -- files -----------------------------------------------------------------------------------

    def test_a_file_with_a_secret_is_refused_and_kept_nowhere(self):
        for document in (
            {**GOOD, "headers": {"X-Version": "sk_live_51H8abcDEF123456"}},
            {**GOOD, "sign_in": {**GOOD["sign_in"], "value": KEY}},
            {**GOOD, "secrets": {"api_key": KEY}},
        ):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._import(document)
        self.assertFalse(self.env["hub.connector"].search([]))

    def test_hostile_files_are_refused_in_a_sentence(self):
        for raw, words in (
            (b"a: &a [x]\nb: [*a, *a]\n", "anchors"),
            (b"a: !!python/object/apply:os.system ['id']\n", "build objects"),
            (b"[" * 5000, "nested"),
            (b"\xff\xfe\x00", "UTF-8"),
            (b"hello", "neither a declaration"),
            (b'{"swagger": "2.0", "paths": {}}', "Swagger 2.0"),
            (b'{"openapi": "3.0.0", "paths": {"/a": {"get": {"parameters": 5}}}}', "address"),
            (b"a: {", "line"),
        ):
            with self.assertRaises(UserError) as error, self.env.cr.savepoint():
                self._import(raw)
            self.assertIn(words, str(error.exception), raw)

    def test_no_file_binds_anything_to_users_or_to_odoo_itself(self):
        """A declaration knows entities only by their code; what an entity is bound to is no part of it."""
        before = (
            self.env["hub.entity"].search_count([]),
            self.env["hub.entity.field"].search_count([]),
        )
        for entity in ("res.users", "ir.model.access", "res_users"):
            document = {**GOOD, "streams": [{**GOOD["streams"][0], "entity": entity}], "writes": []}
            document.pop("webhook")
            try:
                with self.env.cr.savepoint():
                    connector = self._import(document)
            except ValidationError:
                continue
            self.assertFalse(connector.stream_ids.entity_id)
            self.assertNotIn("streams", connector.declaration)
        openapi = {
            "openapi": "3.1.0", "info": {"title": "Evil"}, "servers": [{"url": "https://a.example"}],
            "paths": {f"/{name}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {
                "type": "array", "items": {"properties": {"id": {}, "group_ids": {}, "name": {}}}}}}}}}}
                for name in ("res.users", "users", "groups", "ir.model", "res_groups")},
        }  # fmt: skip
        connector = self._import(openapi)
        models = set(connector.stream_ids.entity_id.mapped("model_name"))
        self.assertLessEqual(models, {"hr.employee"})
        after = (
            self.env["hub.entity"].search_count([]),
            self.env["hub.entity.field"].search_count([]),
        )
        self.assertEqual(before, after)
        for mapping in self.env["hub.mapping"].search([("product", "=", connector.code)]):
            self.assertLessEqual(set(mapping.line_ids.field_id.entity_id), {mapping.entity_id})

    def test_an_openapi_file_does_not_move_a_connector_that_is_there(self):
        self._import(GOOD)
        openapi = {"openapi": "3.0.0", "info": {"title": "Bureau"},
                   "servers": [{"url": "https://evil.example"}], "paths": {"/a": {}}}  # fmt: skip
        with self.assertRaises(UserError):
            self._import(openapi)

    # -- addresses -------------------------------------------------------------------------------

    def test_only_settings_administrators_say_where_a_product_is(self):
        connector = self._import(GOOD)
        other = self.env(user=self.manager)["hub.connector"]
        mine = other.browse(connector.id)
        for field, url in (
            ("base_url", "https://evil.example"),
            ("token_url", "https://evil.example/token"),
            ("authorize_url", "https://evil.example/authorize"),
        ):
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                mine.write({field: url})
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            other.create({"name": "X", "code": "xx", "base_url": "https://evil.example"})
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            mine.copy({"code": "yy"})
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            self._import({**GOOD, "base_url": "https://evil.example"}, user=self.manager)
        # the rest is the integration manager's
        mine.write({"base_url": GOOD["base_url"], "scope": "read"})
        mine.stream_ids[0].since_overlap = 120
        self.assertEqual(connector.declaration["streams"][0]["since"]["overlap"], 120)

    def test_a_new_token_address_clears_the_secrets(self):
        connector = self._import(GOOD)
        system = self._system(connector)
        credential = system.credential_ids.filtered(lambda c: c.name == "api_key")
        credential.secret = KEY
        system.state = "connected"
        connector.write(
            {"sign_in_kind": "client_credentials", "token_url": "https://login.bureau.example/t"}
        )
        self.assertFalse(credential.is_set)
        self.assertEqual(system.state, "draft")
        self.assertEqual(
            system._origins(), ["https://bureau.example", "https://login.bureau.example"]
        )

    def test_a_new_address_of_the_connector_moves_no_system(self):
        connector = self._import(GOOD)
        system = self._system(connector)
        connector.base_url = "https://other.example"
        self.assertEqual(system.base_url, GOOD["base_url"])

    def test_loopback_and_other_hosts_are_not_reached(self):
        """Bureau is served on this machine, and the configuration file does not allow it."""
        self._start_engine()
        sandbox = self._serve_bureau()
        connector = self._declare()
        system = self._connect(connector)
        self.assertEqual(system.state, "connected")
        tools.config.options["hub_local_hosts"] = ""
        calls = len(sandbox.journal)
        system.action_test_connection()
        self.assertEqual(system.state, "error")
        self.assertEqual(len(sandbox.journal), calls)

    # -- rights ----------------------------------------------------------------------------------

    def test_who_may_read_and_change(self):
        connector = self._import(GOOD)
        for name in PARTS:
            model = f"hub.{name}"
            for user, reads in ((self.viewer, True), (self.resolver, True), (self.nobody, False)):
                records = self.env(user=user)[model]
                self.assertEqual(records.has_access("read"), reads, model)
                for operation in ("create", "write", "unlink"):
                    self.assertFalse(records.has_access(operation), f"{model} {operation}")
        for model in ("hub.connector.import", "hub.look", "hub.look.line"):
            self.assertFalse(self.env(user=self.resolver)[model].has_access("create"), model)
        for user in (self.viewer, self.resolver, self.nobody):
            mine = connector.with_user(user)
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                mine.write({"scope": "all"})
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                mine.stream_ids.write({"path": "/x"})
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                self._import(GOOD, user=user)
        with self.assertRaises(AccessError):
            connector.with_user(self.nobody).action_export()

    def test_a_look_is_ones_own_and_a_managers(self):
        connector = self._import(GOOD)
        system = self._system(connector)
        stream = system.all_stream_ids.filtered(lambda s: s.direction == "in")[:1]
        for user in (self.viewer, self.resolver):
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                stream.with_user(user).action_look()
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                stream.with_user(user).action_switch_on()
            with self.assertRaises(AccessError), self.env.cr.savepoint():
                stream.with_user(user).action_map()
        look = self.env(user=self.manager)["hub.look"].create({"stream_id": stream.id})
        line = self.env["hub.look.line"].create({"look_id": look.id, "payload": '{"a": 1}'})
        line.flush_recordset()
        other = self._make_role("integrator2", "manager")
        self.assertFalse(self.env(user=other)["hub.look"].search([("id", "=", look.id)]))
        with self.assertRaises(AccessError):
            self.env(user=other)["hub.look.line"].browse(line.id).read(["payload"])

    def test_another_company_sees_no_system_of_it(self):
        connector = self._import(GOOD)
        self._system(connector)
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        user = self._make_role("integrator3", "manager", company=elsewhere)
        mine = self.env(user=user)["hub.connector"].browse(connector.id)
        self.assertFalse(self.env(user=user)["hub.system"].search([("product", "=", "bureau")]))
        # in use elsewhere all the same: that it is, and no more, is known
        with self.assertRaises(UserError):
            mine.unlink()

    def test_the_stored_declaration_is_nobodys_to_write(self):
        """What speaks is what the forms say: a declaration that is written past them is judged away."""
        connector = self._import(GOOD)
        evil = {**GOOD, "base_url": "https://evil.example"}
        mine = connector.with_user(self.manager)
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            mine.write({"declaration": evil})
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            mine.write({"stamp": "x"})
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            mine.with_context(hub_connector_whole=True).write({"webhook_signed": "{timestamp}"})

    def test_an_upload_is_read_by_nobody_else(self):
        wizard = self.env(user=self.admin)["hub.connector.import"].create(
            {"file": base64.b64encode(b"{}")}
        )
        with self.assertRaises(AccessError):
            self.env(user=self.manager)["hub.connector.import"].browse(wizard.id).action_read()
