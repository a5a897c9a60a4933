import base64
import gzip
import json
import logging
import os
import re
import subprocess
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from jsonschema import Draft202012Validator
from odoo import fields, tools
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from sandbox.consumer import SECRET as CONSUMER
from sandbox.consumer import ConsumerSandbox

from ..connectors.declared_webhook import STANDARD, signature
from ..connectors.times import to_epoch
from .business_common import BusinessCase
from .hub_common import HubMixin

SECRET = "whsec_" + base64.b64encode(b"a partner's secret, 32 bytes lon").decode()
WON = {
    "name": "Initech rollout",
    "amount": "3000.00",
    "currency": "USD",
    "stage": "won",
    "customer": "C-1",
    "service_line": "rollout",
    "won_at": "2026-03-02T10:00:00+01:00",
    "lines": [{"service": "CON", "quantity": "20", "unit_price": "150.00"}],
}
INITECH = {"name": "Initech", "street": "1 Main St", "city": "Boston", "country": "US"}


class PushMixin(HubMixin):
    """A partner that pushes to us over HTTP."""

    @classmethod
    def _make_partner(cls, name="Middleware", **values):
        system = cls.env["hub.system"].create(
            {
                "name": name,
                "product": "canonical",
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
                **values,
            }
        )
        cls.env["hub.credential"].create(
            {"system_id": system.id, "name": "webhook_secret", "secret": SECRET}
        )
        return system

    def _key_of(self, user):
        keys = self.env["res.users.apikeys"].with_user(user)
        return keys._generate(None, "push", fields.Datetime.now() + timedelta(hours=1))

    def _signed(self, body, call="msg_1", secret=SECRET, seconds=0):
        stamp = str(to_epoch(datetime.now(timezone.utc)) + seconds)
        message = f"{call}.{stamp}.".encode() + body
        return {
            "webhook-id": call,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + signature(STANDARD, secret, message),
        }

    def _post(self, entity, body, headers=None, system=None, kind="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = self._signed(body) if headers is None else headers
        token = (system or self.system).webhook_token
        return self.opener.post(
            f"{self.base_url()}/hub/v1/{entity}?system={token}",
            data=body,
            headers={"Content-Type": kind, **headers},
            allow_redirects=False,
            timeout=60,
        )

    def _push(self, entity, *items, **options):
        return self._post(entity, {"items": list(items)}, **options)

    def _stored(self):
        return self.env["hub.message"].search([("system_id", "=", self.system.id)], order="id")

    def statuses(self, answer):
        return [result["status"] for result in answer.json()["results"]]


@tagged("post_install", "-at_install")
class TestPushDoor(PushMixin, HttpCase):
    """The canonical API through the real route: what is proved and good is stored, the rest is refused."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.ref("base.main_company")
        cls.system = cls._make_partner()
        cls.robot = cls._make_role("robot")

    def _customer(self, key="C-1", **values):
        return {"external_id": key, "data": {"name": f"Customer {key}", **values}}

    def assertRefused(self, answer, status):
        self.assertEqual(answer.status_code, status, answer.text[:300])
        self.assertFalse(self._stored())
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))
        self.assertTrue(answer.json()["message"])

    # -- the version of the schema -----------------------------------------------------------------

    def _version(self):
        return self.env["hub.entity.version"]._numbered("customer").number

    def test_each_message_keeps_the_version_that_it_was_judged_by(self):
        number = self._version()
        self._push("customer", self._customer("C-1"))
        self.assertEqual(self._stored().schema_version, number)

    def test_a_call_names_the_version_that_its_records_were_made_for(self):
        older = self._version()
        field = self.env.ref("lead_to_cash_hub.field_customer_phone")
        field.required = True
        self.env.flush_all()
        now = self._push("customer", self._customer("C-1"))
        self.assertEqual(now.json()["results"][0]["code"], "missing_value")
        body = {"schema_version": older, "items": [self._customer("C-2")]}
        self.assertEqual(self.statuses(self._post("customer", body)), ["accepted"])
        newer = self._customer("C-3", phone="1") | {"idempotency_key": "C-3"}
        body = {"schema_version": older + 1, "items": [newer]}
        self.assertEqual(self.statuses(self._post("customer", body)), ["accepted"])
        self.assertEqual(self._stored().mapped("schema_version"), [older, older + 1])

    @mute_logger("odoo.http")
    def test_a_version_that_was_never_published_is_refused_with_a_sentence(self):
        for bad, code in (
            (self._version() + 1, "push_no_version"),
            ("x", "bad_value"),
            (0, "bad_value"),
        ):
            answer = self._post("customer", {"schema_version": bad, "items": [self._customer()]})
            with self.subTest(bad):
                self.assertRefused(answer, 400)
                self.assertEqual(answer.json()["code"], code)
        message = self._post(
            "customer", {"schema_version": 999, "items": [self._customer()]}
        ).json()["message"]
        for text in ("999", "customer", str(self._version())):
            self.assertIn(text, message)

    # -- what is taken -----------------------------------------------------------------------------

    def test_a_signed_call_is_stored_before_it_is_answered(self):
        answer = self._push("customer", self._customer("C-1"), self._customer("C-2"))
        self.assertEqual((answer.status_code, self.statuses(answer)), (202, ["accepted"] * 2))
        self.assertEqual(self._stored().mapped("external_id"), ["C-1", "C-2"])
        self.assertStates(self._stored(), "pending", "pending")
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))

    def test_a_repeated_call_is_answered_and_stored_once(self):
        for expected in ("accepted", "duplicate", "duplicate"):
            answer = self._push("customer", self._customer())
            self.assertEqual((answer.status_code, self.statuses(answer)), (202, [expected]))
        self.assertEqual(len(self._stored()), 1)

    def test_each_item_has_its_own_key_across_calls_and_within_one(self):
        one, two = (self._customer() | {"idempotency_key": key} for key in "ab")
        answer = self._push("customer", one, one, two)
        self.assertEqual(self.statuses(answer), ["accepted", "duplicate", "accepted"])
        body = json.dumps({"items": [two, self._customer("C-9")]}).encode()
        answer = self._post("customer", body, self._signed(body, "msg_2"))
        self.assertEqual(self.statuses(answer), ["duplicate", "accepted"])
        self.assertEqual(len(self._stored()), 3)

    def test_a_refused_item_does_not_harm_its_neighbours(self):
        answer = self._push(
            "customer", self._customer("C-1"), self._customer("C-2", email="nobody"), {}
        )
        self.assertEqual(answer.status_code, 207)
        self.assertEqual(self.statuses(answer), ["accepted", "refused", "refused"])
        refused = answer.json()["results"][1]
        self.assertEqual((refused["field"], refused["code"]), ("data.email", "bad_value"))
        self.assertIn("data.email is “nobody”", refused["message"])
        self.assertEqual(self._stored().mapped("external_id"), ["C-1"])
        rejection = self.env["hub.rejection"].search([("system_id", "=", self.system.id)])
        self.assertIn("the answer said which", rejection.sentence)

    def test_where_every_item_is_refused_so_is_the_call(self):
        answer = self._push("customer", self._customer(balance="12.00"))
        self.assertEqual((answer.status_code, self.statuses(answer)), (422, ["refused"]))
        self.assertFalse(self._stored())

    def test_what_is_accepted_can_be_mapped_and_what_cannot_is_refused(self):
        odd = [
            {"language": "de_DE", "website": "https://a.example/?b=c:d", "phone": "+49 30 901820"},
            {"website": "javascript:alert(1)"},
            {"name": "x" * 4001},
            {"name": " "},
            {"vat": "BE0477472701", "country": "Belgium"},
            {"zip": 12345},
        ]
        answer = self._push("customer", *[self._customer(str(n), **v) for n, v in enumerate(odd)])
        good = [r["external_id"] for r in answer.json()["results"] if r["status"] == "accepted"]
        self.assertEqual(self._stored().mapped("external_id"), good)
        self._start_engine()
        self.drain()
        failed = self._stored().filtered(
            lambda m: m.reason in ("bad_value", "too_long", "bad_json")
        )
        self.assertFalse(failed, failed.mapped("explanation"))

    def test_an_unmapped_field_is_refused_and_a_mapped_one_taken_at_once(self):
        line = self.system.mapping_ids.line_ids.filtered(
            lambda x: x.field_id == self.env.ref("lead_to_cash_hub.field_customer_city")
        )
        line.unlink()
        answer = self._push("customer", self._customer(city="Berlin"))
        self.assertEqual(answer.json()["results"][0]["field"], "data.city")
        self.env["hub.mapping.line"].create(
            {
                "mapping_id": self.system.mapping_ids.filtered(
                    lambda m: m.entity_id.code == "customer" and m.direction == "in"
                ).id,
                "field_id": self.env.ref("lead_to_cash_hub.field_customer_city").id,
                "path": "city",
            }
        )
        self.assertEqual(
            self.statuses(self._push("customer", self._customer(city="Berlin"))), ["accepted"]
        )

    def test_only_entities_whose_stream_is_on_are_taken(self):
        self.assertRefused(self._push("payment", self._customer()), 404)
        self.assertRefused(self._push("nothing", self._customer()), 404)
        self.assertEqual(self._push("customer", self._customer()).status_code, 202)
        self.system.stream_ids.active = False
        self.assertEqual(self._push("customer", self._customer("C-2")).status_code, 404)

    # -- who may -----------------------------------------------------------------------------------

    def test_the_key_of_a_named_user_pushes_and_the_user_needs_no_right(self):
        bearer = {"Authorization": f"Bearer {self._key_of(self.robot)}"}
        self.assertRefused(self._push("customer", self._customer(), headers=bearer), 401)
        self.system.api_user_ids = self.robot
        answer = self._push("customer", self._customer(), headers=bearer)
        self.assertEqual(answer.json()["results"][0]["field"], "idempotency_key")
        named = {**bearer, "Idempotency-Key": "run 7"}
        for status in ("accepted", "duplicate"):
            answer = self._push("customer", self._customer(), headers=named)
            self.assertEqual(self.statuses(answer), [status])
        self.assertEqual(self._stored().author_id, self.robot, "who pushes approves none of it")

    def test_a_user_of_one_system_need_not_name_it(self):
        self.system.api_user_ids = self.robot
        headers = {
            "Authorization": f"Bearer {self._key_of(self.robot)}",
            "Idempotency-Key": "1",
            "Content-Type": "application/json",
        }
        body = json.dumps({"items": [self._customer()]})
        address = f"{self.base_url()}/hub/v1/customer"
        answer = self.opener.post(address, data=body, headers=headers, timeout=60)
        self.assertEqual(answer.status_code, 202, answer.text)
        self._make_partner("Another", api_user_ids=[Command.set(self.robot.ids)])
        answer = self.opener.post(address, data=body, headers=headers, timeout=60)
        self.assertEqual(answer.status_code, 401)

    def test_a_key_lies_in_another_program_so_it_opens_no_more_than_this(self):
        with self.assertRaises(ValidationError):
            self.system.api_user_ids = self.env.ref("base.user_admin")

    @mute_logger("odoo.http")
    def test_who_is_not_proved_is_refused_and_nobody_can_tell_why(self):
        self.system.api_user_ids = self.robot
        other = self._make_partner("Another")
        body = json.dumps({"items": [self._customer()]}).encode()
        stranger = "whsec_" + base64.b64encode(b"another secret of thirty-two byt").decode()
        archived = self._make_role("gone")
        self.system.api_user_ids += archived
        gone = {"Authorization": f"Bearer {self._key_of(archived)}"}
        archived.active = False
        texts = set()
        for name, headers in {
            "nothing": {},
            "another secret": self._signed(body, secret=stranger),
            "an old signature": self._signed(body, seconds=-900),
            "a future signature": self._signed(body, seconds=900),
            "another body": self._signed(body + b" "),
            "no id": {k: v for k, v in self._signed(body).items() if k != "webhook-id"},
            "a wrong key": {"Authorization": "Bearer 0123456789abcdef"},
            "a password": {"Authorization": "Basic cm9ib3Q6cm9ib3Q="},
            "an archived user": gone,
            # a key is tried before a signature, and alone
            "a wrong key beside a good signature": {
                **self._signed(body),
                "Authorization": "Bearer 0123456789abcdef",
            },
        }.items():
            with self.subTest(name):
                answer = self._post("customer", body, headers)
                self.assertRefused(answer, 401)
                texts.add(answer.text)
        key = {"Authorization": f"Bearer {self._key_of(self.robot)}"}
        texts.add(self._post("customer", body, key, system=other).text)
        address = f"{self.base_url()}/hub/v1/customer?system=unknown"
        headers = {"Content-Type": "application/json", **self._signed(body)}
        texts.add(self.opener.post(address, data=body, headers=headers, timeout=60).text)
        self.assertEqual(len(texts), 1)
        self.assertFalse(self._stored())
        codes = (
            self.env["hub.rejection"].search([("system_id", "=", self.system.id)]).mapped("code")
        )
        self.assertIn("mismatch", codes)

    def test_another_products_address_is_no_door_of_this_api(self):
        hubspot = self._make_system(name="HubSpot")
        self.assertRefused(self._push("customer", self._customer(), system=hubspot), 401)
        answer = self.opener.post(
            f"{self.base_url()}/hub/webhook/{self.system.webhook_token}",
            data=b"{}",
            headers={"Content-Type": "application/json", **self._signed(b"{}")},
            timeout=60,
        )
        self.assertEqual(answer.status_code, 401)

    def test_a_signed_in_browser_is_no_key(self):
        self.system.api_user_ids = self.robot
        self.authenticate("robot", "robot")
        self.assertRefused(self._push("customer", self._customer(), headers={}), 401)

    def test_without_a_secret_the_door_is_closed(self):
        self.system.credential_ids.unlink()
        self.assertRefused(self._push("customer", self._customer()), 401)

    # -- what cannot be read -----------------------------------------------------------------------

    def test_large_packed_and_other_bodies_are_refused(self):
        body = json.dumps({"items": [self._customer()]}).encode()
        large = body + b" " * (4_000_001 - len(body))
        self.assertRefused(self._post("customer", large), 413)
        packed = gzip.compress(body)
        headers = {**self._signed(packed), "Content-Encoding": "gzip"}
        self.assertRefused(self._post("customer", packed, headers), 415)
        for kind in (
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
        ):
            self.assertRefused(self._post("customer", body, kind=kind), 415)
        many = {"items": [self._customer()] * 1001}
        self.assertRefused(self._post("customer", many), 413)

    def test_what_is_no_strict_json_is_refused(self):
        for name, body in {
            "empty": b"",
            "not JSON": b"{",
            "not UTF-8": b'{"items": ["\xff"]}',
            "UTF-16": '{"items": []}'.encode("utf-16"),
            "an escaped NUL": b'{"items": ["\\u0000"]}',
            "a lone surrogate": b'{"items": ["\\ud800"]}',
            "nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
            "an endless number": b'{"items": [1e999999]}',
            "NaN": b'{"items": [NaN]}',
            "a key twice": b'{"items": [], "items": []}',
            "no items": b"{}",
            "a list": b"[]",
        }.items():
            with self.subTest(name):
                self.assertRefused(self._post("customer", body), 400)

    def test_no_pushed_value_and_no_key_reaches_the_log(self):
        key = self._key_of(self.robot)
        with self.assertLogs(level=logging.DEBUG) as logs:
            self._push("customer", self._customer(email="Private Person"))
            self._push("customer", self._customer(name="Private Person"))
            bearer = {"Authorization": f"Bearer {key}"}
            self._push("customer", self._customer(name="Private Person"), headers=bearer)
        text = "\n".join(logs.output)
        for private in ("Private Person", key, SECRET):
            self.assertNotIn(private, text)

    # -- at what cost ------------------------------------------------------------------------------

    def test_a_thousand_items_cost_as_many_queries_as_five_hundred(self):
        counts = {}
        self._patch("hub.engine", "_wake", lambda engine, cr=None: None)  # asks now and then only
        with self.engine_env() as env:
            push = env["hub.push"]
            door = push._find(self.system.webhook_token)
            for size in (1, 500, 1000):
                items = [self._customer(f"{size}-{n}") for n in range(size)]
                raw = json.dumps({"items": items}).encode()
                before = env.cr.sql_log_count
                answer = push._take(door, "customer", raw, f"call {size}")
                counts[size] = env.cr.sql_log_count - before
                self.assertEqual({r["status"] for r in answer.content["results"]}, {"accepted"})
        self.assertEqual(counts[500], counts[1000])
        self.assertLessEqual(counts[1000], 8)  # those of the first call read the configuration
        self.assertEqual(len(self._stored()), 1501)

    # -- the description ---------------------------------------------------------------------------

    @mute_logger("odoo.http")
    def test_the_description_says_what_this_system_may_push(self):
        address = f"/hub/v1/openapi.json?system={self.system.webhook_token}"
        self.assertEqual(self.url_open(address).status_code, 401)
        bearer = {"Authorization": f"Bearer {self._key_of(self.robot)}"}
        self.assertEqual(self.url_open(address, headers=bearer).status_code, 403)
        self.system.api_user_ids = self.robot
        document = self.url_open("/hub/v1/openapi.json", headers=bearer).json()
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertEqual(
            sorted(document["paths"]),
            ["/hub/v1/contact", "/hub/v1/customer", "/hub/v1/opportunity"],
        )
        schema = document["components"]["schemas"]["customer"]
        Draft202012Validator.check_schema(schema)
        self.assertNotIn("balance", schema["properties"])
        self.assertEqual(schema["required"], ["name"])
        viewer = {"Authorization": f"Bearer {self._key_of(self._make_role('looks', 'viewer'))}"}
        self.assertEqual(self.url_open(address, headers=viewer).json(), document)


@tagged("post_install", "-at_install")
class TestPushFlow(PushMixin, BusinessCase, HttpCase):
    """What is pushed becomes records, by way of the ordinary engine."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        vocabulary = "lead_to_cash_hub.vocabulary_"
        cls.env["hub.vocabulary.term"].create(
            [
                {
                    "vocabulary_id": cls.env.ref(vocabulary + name).id,
                    "code": code,
                    "name": code,
                    "res_id": record.id,
                }
                for name, code, record in (
                    ("service_item", "CON", cls.consulting),
                    ("service_line", "rollout", cls.template),
                )
            ]
        )
        cls.stripe, cls.system = cls.system, cls._make_partner()

    def setUp(self):
        super().setUp()
        self._start_engine()

    def _one(self, entity, key, data, call, **item):
        body = json.dumps({"items": [{"external_id": key, "data": data, **item}]}).encode()
        answer = self._post(entity, body, self._signed(body, call))
        self.assertEqual(answer.status_code, 202, answer.text)
        self.drain()
        return self._stored()[-1]

    def test_a_customer_and_a_won_deal_become_partner_contract_and_project(self):
        message = self._one("customer", "C-1", INITECH, "1")
        self.assertStates(message, "done")
        partner = self.partner_of("C-1")
        self.assertEqual(
            (partner.name, partner.city, partner.country_code), ("Initech", "Boston", "US")
        )
        message = self._one("opportunity", "D-1", WON, "2")
        self.assertStates(message, "done")
        lead = self.partner_of("D-1", "opportunity")
        contract = self.env["hub.contract"].search([("lead_id", "=", lead.id)])
        self.assertEqual((contract.state, contract.partner_id), ("active", partner))
        self.assertEqual(contract.sale_order_id.amount_untaxed, 3000.0)
        self.assertEqual(contract.project_id.hub_code, contract.code)

    def test_what_comes_before_its_customer_waits_for_it_and_asks_nobody(self):
        deal = self._one("opportunity", "D-1", WON, "1")
        self.assertStates(deal, "waiting:waits_for")
        self.assertFalse(self.issues())
        self._one("customer", "C-1", INITECH, "2")
        self.drain()
        self.env.invalidate_all()
        self.assertStates(deal, "done")

    def test_an_older_version_changes_nothing(self):
        times = ["2026-03-01T12:00:00Z", "2026-03-01T13:30:00+01:00", "2026-03-01T11:00:00Z"]
        for number, moment in enumerate(times):
            message = self._one(
                "customer",
                "C-1",
                {**INITECH, "city": f"City {number}"},
                f"{number}",
                changed_at=moment,
            )
        self.assertStates(message, "skipped:stale")
        self.assertEqual(self.partner_of("C-1").city, "City 1")

    def test_a_deletion_is_a_question_and_deletes_nothing(self):
        self._one("customer", "C-1", INITECH, "1")
        body = json.dumps({"items": [{"external_id": "C-1", "action": "delete"}]}).encode()
        self.assertEqual(self._post("customer", body, self._signed(body, "2")).status_code, 202)
        self.drain()
        self.assertExplained(self._stored()[-1], "deleted_at_source")
        self.assertTrue(self.partner_of("C-1").exists())

    def test_a_word_nobody_mapped_is_put_before_a_person(self):
        self._one("customer", "C-1", INITECH, "1")
        deal = self._one("opportunity", "D-1", {**WON, "stage": "signed"}, "2")
        self.assertExplained(deal, "unknown_term")

    def _consume(self, **settings):
        """Serve a consumer, and tell it of invoices of this firm."""
        running = ConsumerSandbox(**settings).start()
        self.addCleanup(running.stop)
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self.system.base_url = running.url + "/events"
        self.system.credential_ids.secret = SECRET  # a new address has forgotten it
        self.env["hub.credential"].create(
            {"system_id": self.system.id, "name": "event_secret", "secret": CONSUMER}
        )
        self.system.all_stream_ids.filtered(
            lambda s: s.direction == "out" and s.entity_id.code == "invoice"
        ).active = True
        self.system.action_grant_write_back()
        self.system.action_test_connection()
        self.assertEqual(self.system.state, "connected", self.system.check_text)
        self.env.flush_all()
        return running.sandbox

    def _contract(self):
        self._one("customer", "C-1", INITECH, "1")
        self._one("opportunity", "D-1", WON, "2")
        partner = self.partner_of("C-1")
        partner.email = "billing@initech.example"
        return self.env["hub.contract"].search([("partner_id", "=", partner.id)])

    def _receive_payment(self, invoice):
        with patch.object(type(self), "system", self.stripe):
            item = self._apply(self._item("payment", self._pay(invoice)))
        self.assertFalse(item.problem)
        self.assertEqual(invoice.payment_state, "paid")

    def _sent(self):
        return self.env["hub.message"].search(
            [("system_id", "=", self.system.id), ("direction", "=", "out")], order="id"
        )

    def test_an_invoice_goes_out_as_an_event_and_again_once_it_is_paid(self):
        consumer = self._consume()
        invoice = self._invoice(self._contract(), "4")
        self.drain()
        (event,) = consumer.events.values()
        self.assertEqual(event["type"], "hub.invoice.changed")
        self.env.cr.execute(
            "SELECT idempotency_key FROM hub_message WHERE id = %s", self._sent().ids
        )
        self.assertEqual(self.env.cr.fetchone(), (event["id"],))
        data = event["data"]
        self.assertEqual(
            (data["number"], data["payment_state"], data["currency"]),
            (invoice.name, "not_paid", "USD"),
        )
        self.assertEqual(Decimal(data["total"]), Decimal(str(invoice.amount_total)))
        self._receive_payment(invoice)
        self.drain()
        self.assertEqual(len(consumer.events), 2, list(consumer.events.values()))
        first, second = consumer.events.values()
        self.assertEqual(second["data"]["payment_state"], "paid")
        self.assertEqual(second["subject"], first["subject"])
        self.assertEqual(second["data"]["number"], invoice.name, "an event holds the whole record")
        self.drain()
        self.assertEqual(len(consumer.events), 2, "what did not change is not told again")

    def test_a_lost_answer_is_repeated_under_the_same_id(self):
        consumer = self._consume()
        contract = self._contract()
        consumer.faults.add({"kind": "reset_after"})
        self._invoice(contract, "4")
        for _turn in range(2):
            self.drain()
            self.later()
        self.assertStates(self._sent(), "done")
        self.assertEqual(list(consumer.deliveries.values()), [2])
        self.assertEqual(len(consumer.events), 1)

    def test_a_consumer_that_refuses_the_signature_gets_everything_once_it_is_mended(self):
        consumer = self._consume()
        contract = self._contract()
        consumer.settings["secret"] = SECRET
        self._invoice(contract, "4")
        self.drain()
        self.assertFalse(consumer.events)
        self.assertNotIn(self._sent().state, ("done", "failed", "dead"))
        self.assertTrue(self.issues("reconnect"))
        consumer.settings["secret"] = CONSUMER
        self.system.action_test_connection()
        self.later()
        self.drain()
        self.assertStates(self._sent(), "done")
        self.assertEqual(len(consumer.events), 1)

    def test_a_consumer_is_told_of_what_its_process_lets_through(self):
        consumer = self._consume()
        own = self.env["hub.process"].create(
            {
                "name": "Paid invoices to the warehouse",
                "kind": "reporting",
                "filter_ids": [
                    Command.create(
                        {
                            "entity_id": self.env.ref("lead_to_cash_hub.entity_invoice").id,
                            "when": 'record["payment_state"] == "paid"',
                        }
                    )
                ],
            }
        )
        self.system.stream_ids.filtered(lambda s: s.direction == "out").process_id = own
        invoice = self._invoice(self._contract(), "4")
        self.drain()
        self.assertFalse(consumer.events)
        self._receive_payment(invoice)
        self.drain()
        (event,) = consumer.events.values()
        self.assertEqual(event["data"]["payment_state"], "paid")

    def test_nothing_is_told_that_nobody_granted(self):
        consumer = self._consume()
        self.system.grant_ids.action_revoke()
        self._invoice(self._contract(), "4")
        self.drain()
        self.assertFalse(consumer.events)

    def test_the_examples_of_the_documentation_work(self):
        """Each shell block of the page, as it stands, against this server."""
        page = Path(__file__).parents[1] / "docs" / "connectors" / "canonical.md"
        script = "\n".join(
            re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
        )
        robot = self._make_role("robot")
        self.system.api_user_ids = robot
        given = {
            "HUB": self.base_url(),
            "KEY": self._key_of(robot),
            "SYSTEM": self.system.webhook_token,
            "SECRET": SECRET,
            "PATH": os.environ["PATH"],
        }
        with self.allow_requests(all_requests=True):
            told = subprocess.run(
                ["sh", "-euc", script], env=given, capture_output=True, text=True, check=False
            )
        self.assertEqual(told.returncode, 0, told.stderr)
        results = [result for call in _objects(told.stdout) for result in call["results"]]
        self.assertEqual(
            [(r["external_id"], r["status"]) for r in results],
            [("C-1", "accepted"), ("D-1", "accepted")],
        )
        self.drain()
        self.assertEqual(self.partner_of("D-1", "opportunity").partner_id, self.partner_of("C-1"))


def _objects(text):
    """JSON values that stand one after the other."""
    while text := text.strip():
        value, end = json.JSONDecoder().raw_decode(text)
        yield value
        text = text[end:]
