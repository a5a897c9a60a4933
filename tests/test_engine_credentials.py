import json
from unittest.mock import patch

from odoo import tools
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .hub_common import SECRET, TOKEN, HubCase, make_key


@tagged("post_install", "-at_install")
class TestEngineCredentials(HubCase):
    """Secrets are bound to their place, are never shown, and need a key from outside the database."""

    def setUp(self):
        super().setUp()
        self.access = self.system.credential_ids.filtered(lambda c: c.name == "access_token")

    def _keys(self, text):
        patcher = patch.dict(tools.config.options, {"hub_keys": text})
        patcher.start()
        self.addCleanup(patcher.stop)

    def _secrets(self, system=None):
        return self.env["hub.credential"]._read_all(system or self.system)

    def _put(self, credential, column, envelope):
        self.env.flush_all()
        self.env.cr.execute(
            f"UPDATE hub_credential SET {column} = %s WHERE id = %s", [envelope, credential.id]
        )
        self.env.invalidate_all()

    # -- stored --------------------------------------------------------------------------------------

    def test_a_secret_is_stored_encrypted_and_opened_for_its_system(self):
        self.assertEqual(self._secrets()["access_token"], [TOKEN])
        self.env.cr.execute("SELECT row_to_json(c)::text FROM hub_credential c")
        self.assertNotIn(TOKEN, str(self.env.cr.fetchall()))
        self.assertTrue(self.access.is_set)

    def test_the_same_secret_twice_gives_different_envelopes(self):
        before = self.access.envelope
        self.access.secret = TOKEN
        self.assertNotEqual(self.access.envelope, before)

    def test_without_a_key_saving_is_refused_with_a_sentence(self):
        self._keys("")
        with self.assertRaisesRegex(UserError, "No encryption key is configured"):
            self.access.secret = "new"
        with self.assertRaisesRegex(UserError, "No encryption key"):
            self.env["hub.credential"].create(
                {"system_id": self.system.id, "name": "refresh_token", "secret": "x"}
            )

    def test_a_key_that_is_none_is_refused_with_a_sentence(self):
        for text in ("1:short", "x:" + make_key(), make_key(), "1:not base64"):
            self._keys(text)
            with self.assertRaisesRegex(UserError, "cannot be read"):
                self._secrets()

    def test_a_secret_is_one_line_of_text(self):
        for secret in ("two\nlines", "a\x00b", "x" * 8001):
            with self.assertRaises(ValidationError):
                self.access.secret = secret

    def test_storing_a_secret_is_in_the_audit_without_its_value(self):
        self.access.secret = "brand new token"
        self.env.flush_all()
        row = self.env["hub.audit"].search([("action", "=", "secret")], limit=1)
        self.assertEqual((row.user_id, row.system_id), (self.env.user, self.system))
        self.assertNotIn("brand new", json.dumps(row.value_ids.mapped("body")))

    # -- bound ---------------------------------------------------------------------------------------

    def test_an_envelope_copied_to_another_system_cannot_be_opened(self):
        other = self._make_system("Second")
        theirs = other.credential_ids.filtered(lambda c: c.name == "access_token")
        self._put(theirs, "envelope", self.access.envelope)
        with self.assertRaisesRegex(UserError, "cannot be opened"):
            self._secrets(other)

    def test_an_envelope_copied_to_another_field_cannot_be_opened(self):
        client = self.system.credential_ids - self.access
        self._put(client, "envelope", self.access.envelope)
        with self.assertRaisesRegex(UserError, "cannot be opened"):
            self._secrets()

    def test_an_envelope_whose_system_moved_to_another_address_cannot_be_opened(self):
        self.env.cr.execute(
            "UPDATE hub_system SET base_url = 'https://evil.example' WHERE id = %s", self.system.ids
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "cannot be opened"):
            self._secrets()

    def test_a_credential_moved_to_another_system_cannot_be_opened(self):
        other = self.env["hub.system"].create(
            {"name": "Trap", "product": "hubspot", "base_url": "https://evil.example"}
        )
        self.access.write({"system_id": other.id})
        with self.assertRaises(UserError):
            self._secrets(other)

    def test_a_changed_bit_is_noticed(self):
        version, _sep, body = self.access.envelope.partition(":")
        broken = body[:-4] + ("A" if body[-4] != "A" else "B") + body[-3:]
        self._put(self.access, "envelope", f"{version}:{broken}")
        with self.assertRaisesRegex(UserError, "cannot be opened"):
            self._secrets()

    def test_a_changed_address_clears_the_secrets_and_disconnects(self):
        self.system.base_url = "https://api.eu.hubapi.com"
        self.assertEqual(self.system.state, "draft")
        self.assertFalse(self._secrets())
        self.assertFalse(any(self.system.credential_ids.mapped("is_set")))

    def test_another_path_at_the_same_address_keeps_the_secrets(self):
        self.system.base_url = "https://api.hubapi.com/v9"
        self.assertEqual(self._secrets()["access_token"], [TOKEN])

    def test_only_the_settings_right_may_change_an_address(self):
        manager = self._make_role("max", "manager")
        with self.assertRaisesRegex(UserError, "Settings right"):
            self.system.with_user(manager).base_url = "https://evil.example"
        self.assertEqual(self._secrets()["access_token"], [TOKEN])

    def test_a_copied_system_has_no_secrets_and_its_own_address(self):
        copy = self.system.copy()
        self.assertFalse(self._secrets(copy))
        self.assertNotEqual(
            (copy.uuid, copy.webhook_token), (self.system.uuid, self.system.webhook_token)
        )
        self.assertEqual(copy.state, "draft")

    # -- rotated --------------------------------------------------------------------------------------

    def test_a_new_key_opens_old_envelopes_and_seals_new_ones(self):
        old = tools.config["hub_keys"]
        self._keys(f"{old}, 7:{make_key()}")
        self.assertEqual(self._secrets()["access_token"], [TOKEN])
        self.access.secret = "again"
        self.assertTrue(self.access.envelope.startswith("7:"))
        self.assertEqual(self._secrets()["access_token"][0], "again")

    def test_a_key_that_is_gone_is_told_in_a_sentence(self):
        self._keys(f"9:{make_key()}")
        with self.assertRaisesRegex(UserError, "Enter it again"):
            self._secrets()

    def test_another_key_of_the_same_version_opens_nothing(self):
        self._keys(f"1:{make_key()}")
        with self.assertRaisesRegex(UserError, "cannot be opened"):
            self._secrets()

    def test_a_rotated_webhook_secret_keeps_the_former_one_for_a_day(self):
        client = self.system.credential_ids - self.access
        client._store("new one", keep_previous=True)
        self.assertEqual(self._secrets()["client_secret"], ["new one", SECRET])
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE hub_credential SET previous_until = previous_until - interval '25 hours'"
        )
        self.env.invalidate_all()
        self.assertEqual(self._secrets()["client_secret"], ["new one"])

    def test_the_webhook_secret_of_a_form_keeps_the_former_one_too(self):
        for system, name in ((self.system, "client_secret"), (self._stripe(), "webhook_secret")):
            credential = system.credential_ids.filtered(lambda c, name=name: c.name == name)
            former = self._secrets(system)[name][0]
            credential.secret = "rotated"
            self.assertEqual(self._secrets(system)[name], ["rotated", former])

    def _stripe(self):
        stripe = self.env["hub.system"].create(
            {"name": "Stripe", "product": "stripe", "base_url": "https://api.stripe.com"}
        )
        self.env["hub.credential"].create(
            {"system_id": stripe.id, "name": "webhook_secret", "secret": "whsec_1"}
        )
        return stripe

    # -- never shown ------------------------------------------------------------------------------------

    def test_no_role_reads_a_secret_in_any_way(self):
        roles = {
            name: self._make_role(f"user-{name}", name)
            for name in (
                "viewer",
                "resolver",
                "manager",
                "auditor",
                "billing_approver",
                "base.group_system",
            )
        }
        roles["manager and settings"] = self._make_role("both", "manager", "base.group_system")
        for name, user in roles.items():
            with self.subTest(name):
                credentials = self.env["hub.credential"].with_user(user)
                seen = []
                for look in (
                    lambda c=credentials: c.search_read([]),
                    lambda c=credentials: c.search([]).read(),
                    lambda c=credentials: c.search([]).export_data(["name", "secret", "is_set"]),
                    lambda c=credentials: c.name_search(""),
                    lambda c=credentials: c.formatted_read_group([], ["name"], ["__count"]),
                    lambda c=credentials: c.search([]).web_read({"secret": {}, "name": {}}),
                    lambda c=credentials, u=user: self.system.with_user(u).read(),
                ):
                    try:
                        seen.append(str(look()))
                    except (AccessError, UserError, ValueError):
                        seen.append("refused")
                text = " ".join(seen)
                self.assertNotIn(TOKEN, text)
                self.assertNotIn(SECRET, text)

    def test_the_secret_field_cannot_be_searched(self):
        manager = self._make_role("max", "manager")
        credentials = self.env["hub.credential"].with_user(manager)
        for domain in (
            [("secret", "=", TOKEN)],
            [("secret", "like", "pat-%")],
            [("envelope", "like", "1:%")],
        ):
            try:
                found = credentials.search(domain)
            except (UserError, ValueError):
                found = None  # refused
            self.assertFalse(found, domain)

    def test_a_manager_neither_reads_nor_writes_envelopes(self):
        manager = self._make_role("max", "manager")
        for name in ("envelope", "previous_envelope"):
            with self.assertRaises(AccessError):
                self.access.with_user(manager).read([name])
            with self.assertRaises(AccessError):
                self.access.with_user(manager).write({name: "1:x"})
