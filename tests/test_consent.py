from dataclasses import replace
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged

from ..connectors.hubspot import HubSpot
from .hub_common import PORTAL, SECRET, HubMixin


@tagged("post_install", "-at_install")
class TestConsent(HubMixin, HttpCase):
    """A person lets the hub in on the product's own page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.system = cls._make_system()
        cls.manager = cls._make_role("hub_consenter", "manager")
        cls.other = cls._make_role("hub_other_consenter", "manager")
        cls.env["ir.config_parameter"].set_param(
            "lead_to_cash_hub.public_url", "https://hub.example.com"
        )

    def setUp(self):
        super().setUp()
        self.sandbox = self._use_sandbox()
        self.system.client_id = "sandbox-client"
        self.system.credential_ids.filtered(lambda c: c.name == "access_token").unlink()
        self.system.state = "draft"
        self.authenticate("hub_consenter", "hub_consenter")

    def begin(self, user=None):
        """Go there; gives the word that comes back."""
        action = self.system.with_user(user or self.manager).action_sign_in()
        self.env.flush_all()
        self.assertEqual((action["type"], action["target"]), ("ir.actions.act_url", "self"))
        parts = urlsplit(action["url"])
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.assertEqual(parts.netloc, "app.hubspot.com")
        self.assertEqual(
            (query["response_type"], query["client_id"], query["redirect_uri"]),
            ("code", "sandbox-client", "https://hub.example.com/hub/oauth/return"),
        )
        self.assertIn("crm.objects.deals.read", query["scope"].split())
        self.assertGreater(len(query["state"]), 40)
        self.assertEqual(query["code_challenge_method"], "S256")
        self.sandbox.settings["challenge"] = query["code_challenge"]
        return query["state"]

    def back(self, **query):
        answer = self.url_open(
            "/hub/oauth/return?" + "&".join(f"{k}={v}" for k, v in query.items()),
            allow_redirects=False,
        )
        self.env.invalidate_all()
        return answer

    def stored(self):
        secrets = self.env["hub.credential"]._read_all(self.system)
        return {name: values[0] for name, values in secrets.items()}

    def assertNothingStored(self):
        self.assertEqual(self.stored(), {"client_secret": SECRET})

    def test_a_consent_brings_tokens_and_the_account(self):
        self.system.account_ref = False
        answer = self.back(state=self.begin(), code="sandbox-code")
        self.assertEqual(answer.status_code, 303, answer.text)
        self.assertTrue(answer.headers["Location"].endswith(f"/odoo/hub-systems/{self.system.id}"))
        stored = self.stored()
        self.assertEqual(stored["refresh_token"], "sandbox-refresh-token")
        self.assertIn(stored["access_token"], self.sandbox.tokens)
        access = self.system.credential_ids.filtered(lambda c: c.name == "access_token")
        self.assertGreater(access.expires_at, fields.Datetime.now())
        self.assertEqual((self.system.account_ref, self.system.state), (PORTAL, "connected"))
        self.assertFalse(self.env["hub.consent"].search([]))

    def test_the_way_back_leads_to_the_step_that_it_came_from(self):
        action = self.system.with_user(self.manager).action_connect()
        self.env.flush_all()
        answer = self.back(state=self.begin(), code="sandbox-code")
        self.assertTrue(
            answer.headers["Location"].endswith(f"/odoo/hub-connect/{action['res_id']}")
        )

    def test_a_word_counts_once(self):
        word = self.begin()
        self.assertEqual(self.back(state=word, code="sandbox-code").status_code, 303)
        before = self.stored()
        self.sandbox.settings["code"] = "sandbox-code"
        answer = self.back(state=word, code="sandbox-code")
        self.assertEqual(answer.status_code, 403)
        self.assertIn("was used already", answer.text)
        self.assertEqual(self.stored(), before)

    def test_a_word_of_somebody_else_or_of_nobody_or_an_old_one_lets_nobody_in(self):
        old = self.begin()
        self.env.cr.execute(
            "UPDATE hub_consent SET create_date = create_date - interval '11 minutes'"
        )
        for word in (self.begin(self.other), "made-up", "", old):
            with self.subTest(word):
                self.assertEqual(self.back(state=word, code="sandbox-code").status_code, 403)
                self.assertNothingStored()
        self.assertFalse([call for call in self.sandbox.journal if "/oauth/" in call["path"]])

    def test_a_code_that_the_product_does_not_take(self):
        answer = self.back(state=self.begin(), code="stolen")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("could not sign in", answer.text)
        self.assertNotIn("unknown auth code", answer.text)
        self.assertNothingStored()
        self.assertEqual(self.back(state=self.begin(), code="sandbox-code").status_code, 303)

    def test_a_code_of_another_question_is_refused(self):
        """Somebody who got hold of a code does not know what its challenge was made of."""
        first = self.begin()
        challenge = self.sandbox.settings["challenge"]
        second = self.begin()
        self.assertNotEqual(self.sandbox.settings["challenge"], challenge)
        self.assertIn("could not sign in", self.back(state=first, code="sandbox-code").text)
        self.assertNothingStored()
        self.assertEqual(self.back(state=second, code="sandbox-code").status_code, 303)

    def test_who_says_no_there_is_told_so_here(self):
        answer = self.back(
            state=self.begin(), error="access_denied", error_description="%3Cscript%3Ealert(1)"
        )
        self.assertIn("did not let the hub in", answer.text)
        self.assertNotIn("alert(1)", answer.text)
        self.assertNothingStored()

    def test_another_account_than_the_systems_is_refused(self):
        named = replace(HubSpot.consent, account="portal")  # as QuickBooks names the company
        with patch.object(HubSpot, "consent", named):
            answer = self.back(state=self.begin(), code="sandbox-code", portal="7")
            self.assertIn("into account 7, but this system is of account", answer.text)
            self.assertNothingStored()
            self.back(state=self.begin(), code="sandbox-code", portal=PORTAL)
        self.assertEqual(self.system.state, "connected")

    def test_without_an_app_there_is_nowhere_to_go(self):
        self.system.client_id = False
        with self.assertRaisesRegex(UserError, "https://hub.example.com/hub/oauth/return"):
            self.system.with_user(self.manager).action_sign_in()

    def test_while_tokens_are_renewed_nothing_is_stored(self):
        word = self.begin()
        self.assertTrue(self.env["hub.token"]._lease(self.system, "somebody"))
        answer = self.back(state=word, code="sandbox-code")
        self.assertIn("sign in again in a minute", answer.text)
        self.assertNothingStored()

    def test_only_a_manager_signs_in(self):
        viewer = self._make_role("hub_consent_viewer", "viewer")
        with self.assertRaises(AccessError):
            self.system.with_user(viewer).action_sign_in()
        word = self.begin()
        self.authenticate("hub_consent_viewer", "hub_consent_viewer")
        self.assertEqual(self.back(state=word, code="sandbox-code").status_code, 403)
        self.authenticate(None, None)
        self.assertIn("/web/login", self.back(state=word, code="sandbox-code").headers["Location"])
        self.assertNothingStored()
