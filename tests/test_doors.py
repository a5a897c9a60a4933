import gzip
import json
import logging
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo import tools
from odoo.tests import HttpCase, tagged
from odoo.tests.common import TEST_CURSOR_COOKIE_NAME

from sandbox.hubspot import HubSpotSandbox
from sandbox.stripe import StripeSandbox

from ..connectors import PRODUCTS
from ..models.flow import receive, rejection
from .hub_common import PORTAL, SECRET, HubMixin

LIMIT = 1_000_000
PUBLIC = "https://hub.firm.example"


@tagged("post_install", "-at_install")
class TestDoors(HubMixin, HttpCase):
    """Webhooks through the real route: what is proved is stored, everything else is refused."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls.env["ir.config_parameter"].set_param("lead_to_cash_hub.public_url", PUBLIC)
        cls.system = cls._make_system()
        cls.signer = HubSpotSandbox()

    # -- hands -----------------------------------------------------------------------------------

    def _event_of(self, number=1, what="company.propertyChange", **more):
        return {
            "eventId": number,
            "subscriptionId": 3442089,
            "portalId": int(PORTAL),
            "appId": 1,
            "occurredAt": 1772323200000 + number,
            "subscriptionType": what,
            "attemptNumber": 0,
            "objectId": number,
            "propertyName": "name",
            **more,
        }

    def _sign(self, body, secret=SECRET, seconds=0, token=None, query=""):
        moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        url = f"{PUBLIC}/hub/webhook/{token or self.system.webhook_token}{query}"
        return self.signer.webhook_headers(url, body, moment, secret)

    def _post(
        self, body, headers=None, token=None, query="", content_type="application/json", data=None
    ):
        """Post a body as it is; signed by the account's secret unless ``headers`` says otherwise."""
        headers = self._sign(body, token=token, query=query) if headers is None else headers
        path = f"/hub/webhook/{token or self.system.webhook_token}{query}"
        return self.opener.post(
            self.base_url() + path,
            data=body if data is None else data,
            headers={"Content-Type": content_type, **headers},
            allow_redirects=False,
            timeout=30,
        )

    def _send(self, *events, **options):
        return self._post(json.dumps(list(events)).encode(), **options)

    def _stored(self):
        return self.env["hub.message"].search([("system_id", "=", self.system.id)], order="id")

    def assertRefused(self, answer, status):
        self.assertEqual(answer.status_code, status, answer.text[:200])
        self.assertLess(len(answer.content), 400)  # Odoo's own short page at most
        self.assertFalse(self._stored())
        own = [
            c
            for c in answer.headers.get("Set-Cookie", "").split(",")
            if c and TEST_CURSOR_COOKIE_NAME not in c
        ]
        self.assertFalse(own, "a door gives no cookie")

    # -- what is taken ---------------------------------------------------------------------------

    def test_a_signed_delivery_is_stored_before_it_is_answered(self):
        answer = self._send(self._event_of(1), self._event_of(2))
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertStates(self._stored(), "received", "received")
        self.assertEqual(self._stored().mapped("external_id"), ["1", "2"])
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))

    def test_the_same_delivery_again_is_answered_alike_and_stored_once(self):
        for attempt in range(3):
            self.assertEqual(self._send(self._event_of(1, attemptNumber=attempt)).status_code, 200)
        self.assertEqual(len(self._stored()), 1)

    def test_an_event_of_an_unknown_type_is_stored_and_left_out_with_its_reason(self):
        self.assertEqual(self._send(self._event_of(1, "company.somethingNew")).status_code, 200)
        message = self._stored()
        self.assertStates(message, "skipped:ignored_event")
        self.assertIn("not used", message.explanation)

    def test_an_event_of_an_unknown_object_is_stored_and_left_out(self):
        self.assertEqual(self._send(self._event_of(1, "ticket.creation")).status_code, 200)
        self.assertStates(self._stored(), "skipped:ignored_event")

    def test_an_event_without_an_object_does_not_harm_its_neighbours(self):
        odd = [
            self._event_of(2, objectId=None),
            self._event_of(3, objectId="1/../../x"),
            self._event_of(4, occurredAt="soon"),
        ]
        self.assertEqual(self._send(self._event_of(1), *odd).status_code, 200)
        states = {m.external_id: m.state for m in self._stored()}
        self.assertEqual(states["1"], "received")
        self.assertEqual(states["4"], "received")
        self.assertEqual(len(self._stored()), 4)

    def test_an_association_to_nothing_is_left_out(self):
        event = self._event_of(
            1,
            "deal.associationChange",
            associationType="DEAL_TO_COMPANY",
            fromObjectId=None,
            toObjectId=None,
        )
        self.assertEqual(self._send(event).status_code, 200)
        self.assertStates(self._stored(), "skipped:ignored_event")

    def test_a_merge_is_an_event_and_a_notice_of_the_survivor(self):
        event = self._event_of(
            1, "company.merge", primaryObjectId=5, mergedObjectIds=[5, 6], newObjectId=9
        )
        self.assertEqual(self._send(event).status_code, 200)
        found = {(m.kind, m.action, m.external_id, m.merged_into) for m in self._stored()}
        self.assertEqual(
            found,
            {
                ("event", "merge", "5", "9"),
                ("event", "merge", "6", "9"),
                ("notice", "change", "9", False),
            },
        )

    def test_the_former_secret_is_accepted_for_a_day(self):
        credential = self.system.credential_ids.filtered(lambda c: c.name == "client_secret")
        credential._store("a-new-secret", keep_previous=True)
        body = json.dumps([self._event_of(1)]).encode()
        self.assertEqual(self._post(body).status_code, 200)
        self.assertEqual(self._post(body, self._sign(body, "a-new-secret")).status_code, 200)
        credential.previous_until = datetime.utcnow() - timedelta(seconds=1)
        self.assertEqual(self._post(body).status_code, 401)

    def test_the_address_of_the_configuration_is_signed_not_the_host_header(self):
        body = json.dumps([self._event_of(1)]).encode()
        headers = {
            **self._sign(body),
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "http",
        }
        self.assertEqual(self._post(body, headers).status_code, 200)

    def test_a_query_is_part_of_what_is_signed(self):
        body = json.dumps([self._event_of(1)]).encode()
        self.assertEqual(self._post(body, query="?tenant=7").status_code, 200)
        self.assertEqual(self._post(body, self._sign(body), query="?db=other").status_code, 401)

    def test_a_body_exactly_at_the_limit_is_read(self):
        self.assertEqual(self._post(self._body_of(LIMIT)).status_code, 200)
        self.assertEqual(len(self._stored()), 1)

    # -- who does not prove it ---------------------------------------------------------------------

    def test_a_wrong_signature_is_refused(self):
        body = json.dumps([self._event_of(1)]).encode()
        self.assertRefused(self._post(body, self._sign(body, "another secret")), 401)

    def test_a_missing_signature_is_refused(self):
        self.assertRefused(self._post(json.dumps([self._event_of(1)]).encode(), {}), 401)

    def test_an_old_and_a_future_signature_are_refused(self):
        body = json.dumps([self._event_of(1)]).encode()
        for seconds in (-601, 601):
            self.assertRefused(self._post(body, self._sign(body, seconds=seconds)), 401)

    def test_a_malformed_signature_is_refused(self):
        body = json.dumps([self._event_of(1)]).encode()
        for value in ("", "not base64 \xff".encode().decode("latin-1"), "A" * 100_00):
            headers = {**self._sign(body), "X-HubSpot-Signature-v3": value}
            self.assertRefused(self._post(body, headers), 401)

    def test_a_changed_body_is_refused(self):
        body = json.dumps([self._event_of(1)]).encode()
        self.assertRefused(self._post(body + b" ", self._sign(body)), 401)

    def test_an_unknown_address_answers_like_a_wrong_signature(self):
        body = json.dumps([self._event_of(1)]).encode()
        wrong = self._post(body, self._sign(body, "another secret"))
        unknown = self._post(body, token="x" * 32)
        self.assertAlike(wrong, unknown)

    def test_every_product_answers_alike_what_is_not_proved(self):
        unknown = self._post(b"{}", {}, token="x" * 32)
        for product in PRODUCTS:
            system = self.env["hub.system"].create({"name": product, "product": product})
            with self.subTest(product):
                self.assertAlike(self._post(b"{}", {}, token=system.webhook_token), unknown)

    def assertAlike(self, first, second):
        """Nobody can tell one answer from the other."""
        self.assertEqual((first.status_code, first.content), (second.status_code, second.content))
        ignored = {"Date", "Set-Cookie"}
        self.assertEqual(
            *({k: v for k, v in a.headers.items() if k not in ignored} for a in (first, second))
        )

    def test_the_address_of_an_archived_system_is_unknown(self):
        self.assertEqual(self._send(self._event_of(1)).status_code, 200)
        self.system.active = False
        self.assertEqual(self._send(self._event_of(2)).status_code, 401)

    def test_what_a_door_remembers_is_forgotten_when_the_configuration_changes(self):
        self.assertEqual(self._send(self._event_of(1)).status_code, 200)
        credential = self.system.credential_ids.filtered(lambda c: c.name == "client_secret")
        for change, status in (
            (lambda: self.system.write({"account_ref": "5"}), 403),
            (lambda: self.system.write({"account_ref": PORTAL}), 200),
            (lambda: credential.write({"secret": "another"}), 200),  # the former one counts a day
            (lambda: credential.write({"previous_until": False}), 401),
            (lambda: credential.write({"secret": SECRET}), 200),
            (credential.unlink, 401),
        ):
            change()
            self.assertEqual(self._send(self._event_of(2)).status_code, status)

    def test_a_known_door_is_found_without_a_query_and_strangers_fill_no_memory(self):
        receive = self.env["hub.receive"]
        receive._find(self.system.webhook_token)
        before = self.env.cr.sql_log_count
        self.assertEqual(receive._find(self.system.webhook_token).system_id, self.system.id)
        self.assertEqual(self.env.cr.sql_log_count, before)
        cache = self.registry._Registry__caches["default"]
        known = len(cache)
        for number in range(20):
            self.assertIsNone(receive._find(f"stranger-{number}"))
        self.assertEqual(len(cache), known)

    def test_what_a_door_remembers_holds_no_readable_secret(self):
        door = self.env["hub.receive"]._find(self.system.webhook_token)
        self.assertNotIn(SECRET, repr(door))
        self.assertEqual(door.secrets(self.env["hub.credential"]._keys()), [SECRET])

    def test_another_portal_under_the_same_app_secret_is_refused(self):
        self.assertRefused(self._send(self._event_of(1, portalId=1)), 403)
        self.assertRefused(self._send(self._event_of(1), self._event_of(2, portalId=1)), 403)

    def test_without_a_secret_the_door_is_closed(self):
        self.system.credential_ids.filtered(lambda c: c.name == "client_secret").unlink()
        self.assertRefused(self._send(self._event_of(1)), 401)

    def test_without_an_encryption_key_the_door_is_closed(self):
        with patch.dict(tools.config.options, {"hub_keys": ""}):
            self.assertRefused(self._send(self._event_of(1)), 401)

    def test_without_an_account_number_the_door_is_closed(self):
        self.system.account_ref = False
        self.assertRefused(self._send(self._event_of(1)), 403)

    def test_only_post_is_answered(self):
        answer = self.opener.get(f"{self.base_url()}/hub/webhook/{self.system.webhook_token}")
        self.assertEqual(answer.status_code, 405)

    def test_a_test_event_on_a_live_account_is_refused(self):
        stripe = self.env["hub.system"].create(
            {
                "name": "Stripe",
                "product": "stripe",
                "base_url": "https://api.stripe.com",
                "account_ref": "acct_1",
                "environment": "production",
            }
        )
        self.env["hub.credential"].create(
            {"system_id": stripe.id, "name": "webhook_secret", "secret": "whsec_1"}
        )
        event = {
            "id": "evt_1",
            "type": "payment_intent.succeeded",
            "livemode": False,
            "created": 1772323200,
            "data": {"object": {"id": "pi_1", "object": "payment_intent"}},
        }
        body = json.dumps(event).encode()
        headers = StripeSandbox().webhook_headers("", body, datetime.now(timezone.utc), "whsec_1")
        self.assertEqual(self._post(body, headers, token=stripe.webhook_token).status_code, 403)
        stripe.environment = "sandbox"
        self.assertEqual(self._post(body, headers, token=stripe.webhook_token).status_code, 200)

    def test_the_signed_address_is_the_configured_one_however_the_path_is_written(self):
        body = json.dumps([self._event_of(1)]).encode()
        token = self.system.webhook_token
        encoded = "".join(f"%{ord(char):02X}" for char in token[:2]) + token[2:]
        self.assertEqual(self._post(body, self._sign(body), token=encoded).status_code, 200)
        self.assertEqual(len(self._stored()), 1)
        for path in (f"/{token}", f"{token}/x", f"../webhook/{token}x", ""):
            with self.subTest(path):
                answer = self.opener.post(
                    f"{self.base_url()}/hub/webhook/{path}",
                    data=body,
                    allow_redirects=False,
                    timeout=30,
                    headers={"Content-Type": "application/json", **self._sign(body)},
                )
                self.assertIn(answer.status_code, (301, 308, 401, 404, 405, 415))

    def test_a_forged_host_changes_nothing(self):
        body = json.dumps([self._event_of(1)]).encode()
        evil = {
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-For": "127.0.0.1",
            "Forwarded": "host=evil.example",
        }
        self.assertEqual(self._post(body, {**self._sign(body), **evil}).status_code, 200)
        signed = self.signer.webhook_headers(
            f"https://evil.example/hub/webhook/{self.system.webhook_token}",
            body,
            datetime.now(timezone.utc),
            SECRET,
        )
        self.assertEqual(self._post(body, {**signed, **evil}).status_code, 401)

    def test_a_replay_after_the_messages_are_gone_is_still_known(self):
        self.assertEqual(self._send(self._event_of(1)).status_code, 200)
        self.env.cr.execute("DELETE FROM hub_message; DELETE FROM hub_payload")
        self.env.invalidate_all()
        self.assertEqual(self._send(self._event_of(1)).status_code, 200)
        self.assertFalse(self._stored())

    def test_a_key_cannot_be_burnt_by_who_cannot_sign(self):
        body = json.dumps([self._event_of(1)]).encode()
        self.assertEqual(self._post(body, self._sign(body, "of a stranger")).status_code, 401)
        self.assertEqual(self._send(self._event_of(1)).status_code, 200)
        self.assertEqual(len(self._stored()), 1)

    def test_ten_thousand_bad_signatures_leave_some_rows(self):
        rejections = self.env["hub.rejection"]
        self.patch(rejection, "_counted", {})
        self.patch(rejection, "_flushed", {})
        for number in range(10_000):
            rejections._count(self.system.id, ("mismatch", "too_old", "missing")[number % 3])
        rows = rejections.search([("system_id", "=", self.system.id)])
        self.assertLessEqual(len(rows), 3)
        kept = sum(rejection._counted.values())
        self.assertEqual(sum(rows.mapped("count")) + kept, 10_000, "and none is forgotten")

    def test_unknown_addresses_leave_no_row_at_all(self):
        for number in range(5):
            self.assertEqual(self._post(b"{}", {}, token=f"stranger{number}").status_code, 401)
        self.assertFalse(self.env["hub.rejection"].search([]))

    # -- what cannot be read -------------------------------------------------------------------------

    def _body_of(self, size):
        event = json.dumps([self._event_of(1)]).encode()
        return event + b" " * (size - len(event))

    def test_five_megabytes_are_too_much(self):
        self.assertRefused(self._post(self._body_of(5_000_000)), 413)

    def test_one_byte_over_the_limit_is_too_much_even_in_chunks(self):
        body = self._body_of(LIMIT + 1)
        self.assertRefused(self._post(body), 413)
        chunks = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
        self.assertRefused(self._post(body, data=chunks), 413)

    def test_a_body_in_chunks_is_read(self):
        body = json.dumps([self._event_of(1)]).encode()
        self.assertEqual(self._post(body, data=iter([body[:10], body[10:]])).status_code, 200)

    def test_packed_bodies_and_forms_are_refused(self):
        body = json.dumps([self._event_of(1)]).encode()
        packed = gzip.compress(body)
        headers = {**self._sign(packed), "Content-Encoding": "gzip"}
        self.assertRefused(self._post(packed, headers), 415)
        for content_type in (
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
        ):
            self.assertRefused(self._post(body, content_type=content_type), 415)

    def test_what_is_no_strict_json_is_refused(self):
        for name, body in {
            "empty": b"",
            "not JSON": b"{",
            "not UTF-8": b'[{"portalId": "\xff"}]',
            "UTF-16": json.dumps([self._event_of(1)]).encode("utf-16"),
            "a byte order mark": b"\xef\xbb\xbf[]",
            "NUL": b'[{"a": "\x00"}]',
            "an escaped NUL": b'[{"a": "\\u0000"}]',
            "a lone surrogate": b'[{"a": "\\ud800"}]',
            "nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
            "an endless number": b'[{"portalId": 1e999999}]',
            "NaN": b'[{"portalId": NaN}]',
            "a key twice": b'[{"portalId": 1, "portalId": 2}]',
            "no list of events": b"[5]",
            "a text": b'"hello"',
        }.items():
            with self.subTest(name):
                self.assertRefused(self._post(body), 400)

    def test_no_refused_body_reaches_the_log(self):
        with self.assertLogs(level=logging.DEBUG) as logs:
            self._post(b'[{"name": "Private Person"')
            self._post(json.dumps([self._event_of(1, propertyValue="Private Person")]).encode(), {})
        text = "\n".join(logs.output)
        self.assertNotIn("Private Person", text)
        self.assertNotIn(SECRET, text)

    def test_a_database_error_while_storing_shows_no_payload(self):
        # The very statement that carries the payload fails: by an error, and by a time-out.
        call = receive._CALL.removeprefix("SELECT ")
        for failing in (
            f"SELECT 1/0, {call}",
            f"SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(5), {call}",
        ):
            with (
                self.subTest(failing[:20]),
                patch.object(receive, "_CALL", failing),
                self.assertLogs(level=logging.DEBUG) as logs,
            ):
                answer = self._send(self._event_of(1, propertyValue="Private Person"))
            self.assertEqual(answer.status_code, 500)
            self.assertNotIn("Private Person", answer.text + "\n".join(logs.output))
            self.assertFalse(self._stored())
        self.assertEqual(self._send(self._event_of(1)).status_code, 200, "and it can come again")

    # -- waking and health --------------------------------------------------------------------------

    def test_a_door_wakes_a_drainer_only_if_none_is_awake(self):
        cron = self.env.ref("lead_to_cash_hub.cron_drainer_1")
        triggers = self.env["ir.cron.trigger"]
        self.env["hub.engine"]._sign("1", 3)
        self._send(self._event_of(1))
        self.assertFalse(triggers.search([("cron_id", "=", cron.id)]))
        self.env["hub.engine"]._sign("1", -1)
        with patch("odoo.addons.lead_to_cash_hub.models.flow.engine._last_wake", {}):
            self._send(self._event_of(2))
        self.assertTrue(triggers.search([("cron_id", "=", cron.id)]))

    def _health(self):
        answer = self.opener.get(f"{self.base_url()}/hub/health")
        return answer.status_code, answer.json()

    def test_health_is_red_until_a_drainer_reports(self):
        self.env.cr.execute("DELETE FROM hub_drainer")
        status, health = self._health()
        self.assertEqual((status, health["ok"]), (503, False))
        self.env["hub.engine"]._sign("1", 3)
        status, health = self._health()
        self.assertEqual((status, health["ok"]), (200, True))

    def test_health_is_red_when_drainers_are_silent_for_90_seconds(self):
        self.env["hub.engine"]._sign("1", 3)
        self.env.cr.execute(
            "UPDATE hub_drainer SET reported_at = reported_at - interval '91 seconds'"
        )
        self.assertEqual(self._health()[0], 503)

    def test_health_is_red_while_the_hub_is_paused(self):
        self.env["hub.engine"]._sign("1", 3)
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.paused", "1")
        self.assertEqual(self._health()[0], 503)

    def test_health_tells_the_age_of_what_is_due_and_no_names(self):
        self.env["hub.engine"]._sign("1", 3)
        self._send(self._event_of(1))
        self.env.cr.execute(
            "UPDATE hub_message SET next_attempt_at = next_attempt_at - interval '500 seconds'"
        )
        _status, health = self._health()
        self.assertGreater(health["oldest_due_seconds"], 499)
        self.assertNotIn("HubSpot", json.dumps(health))
