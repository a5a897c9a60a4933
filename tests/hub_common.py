"""What the tests of the engine share: a HubSpot account, messages for it, and the engine run by hand.

The engine opens cursors of its own, so every test runs in Odoo's registry test mode, where they are
savepoints of the test's one transaction. Its time is PostgreSQL's: :meth:`HubMixin.later` moves what
is due instead of waiting for it.
"""

import base64
import itertools
import json
import os
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields, tools
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tests.common import TransactionCase, _super_send

from sandbox.hubspot import HubSpotSandbox

from ..connectors.parts import Outcome, Page, Record
from ..core import strict_json
from ..models.flow.cursors import short_cursor
from ..models.flow.receive import Incoming

PORTAL = "49648261"
ENGINE = "odoo.addons.lead_to_cash_hub.models.flow.engine"
APPLY = "odoo.addons.lead_to_cash_hub.models.flow.apply"
TOKEN = "pat-na1-sandbox-token"
SECRET = "sandbox-client-secret"
OPEN = ("received", "pending", "waiting", "held", "sending", "failed", "dead")
_numbers = itertools.count(1)


def make_key():
    """A new encryption key, as Odoo's configuration writes it."""
    return base64.b64encode(os.urandom(32)).decode()


def version(number):
    """The source's version of a record: a time, later for a higher number."""
    return f"2026-03-01T00:{number // 60:02}:{number % 60:02}.000Z"


class Stub:
    """A product in memory, in place of a connector.

    :attr records: ``{(entity, id): payload}``; :attr pages: pages that ``poll`` gives, in order.
    :attr error: raised by the next calls, as often as :attr times says (None: always).
    """

    def __init__(self):
        self.records, self.pages, self.effects, self.calls = {}, [], {}, []
        self.error, self.times, self.bad = None, None, {}
        self.outcome = None

    def _call(self, *call):
        self.calls.append(call)
        if self.error is not None and self.times != 0:
            self.times = None if self.times is None else self.times - 1
            raise self.error

    def fetch(self, entity, ids):
        self._call("fetch", entity, list(ids))
        for key in ids:
            if key in self.bad:
                raise self.bad[key]
        return {
            key: self.record(entity, key, self.records[entity, key])
            for key in ids
            if (entity, key) in self.records
        }

    @staticmethod
    def record(entity, key, payload, number=1):
        number = payload.get("version", number)
        return Record(entity, key, version(number), None, strict_json.dumps(payload))

    def poll(self, entity, cursor, now):
        self._call("poll", entity, cursor)
        return self.pages.pop(0) if self.pages else Page([], cursor, False)

    def poll_deleted(self, entity, cursor, now):
        return Page([], cursor, False)

    def deliver(self, entity, writes):
        self._call("deliver", entity, [write.key for write in writes])
        outcomes = []
        for write in writes:
            if self.outcome is not None:
                outcomes.append(self.outcome(write))
                continue
            self.effects.setdefault(write.key, []).append(write.values)
            outcomes.append(Outcome(write.key, True, write.external_id or f"new-{write.key[:6]}"))
        return outcomes


class HubMixin:
    """Fixtures and hands; goes in front of a test case of Odoo."""

    breaks = False  # whether a test breaks parts of the engine on purpose

    @classmethod
    def _request_handler(cls, session, request, /, **kwargs):
        # Odoo's own guard compares the time-out with a number; ours is a pair.
        assert request.url.startswith("http://127.0.0.1:"), request.url
        return _super_send(session, request, **kwargs)

    @classmethod
    def _make_system(cls, name="HubSpot", **values):
        """A connected HubSpot account that is not polled, and that gets nothing."""
        system = cls.env["hub.system"].create(
            {
                "name": name,
                "product": "hubspot",
                "base_url": "https://api.hubapi.com",
                "account_ref": PORTAL,
                "environment": "sandbox",
                "company_ids": [Command.set(cls.company.ids)],
                **values,
            }
        )
        cls.env["hub.credential"].create(
            [
                {"system_id": system.id, "name": "access_token", "secret": TOKEN},
                {"system_id": system.id, "name": "client_secret", "secret": SECRET},
            ]
        )
        system.state = "connected"
        system.action_grant_write_back()
        system.stream_ids.poll = False
        system.stream_ids.filtered(lambda stream: stream.direction == "out").active = False
        return system

    @classmethod
    def _make_role(cls, login, *groups, company=None):
        """A user with these rights of the hub (``"viewer"``) or of Odoo (``"base.group_user"``)."""
        company = company or cls.company
        names = [g if "." in g else f"lead_to_cash_hub.group_hub_{g}" for g in groups]
        return new_test_user(
            cls.env,
            login,
            groups=",".join(["base.group_user", *names]),
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def _start_engine(self):
        """Make the engine's cursors savepoints of this test."""
        if not self._registry_patched:  # an HttpCase is in that mode already
            mode = self.enter_registry_test_mode()
            mode.__enter__()
            self.addCleanup(mode.__exit__, None, None, None)
        # A batch is what was claimed, however slow the machine is.
        timeless = patch(f"{APPLY}.SECONDS", None)
        timeless.start()
        self.addCleanup(timeless.stop)
        self.env["ir.config_parameter"].set_param("lead_to_cash_hub.database", False)
        # Tests that last longer than half an hour do not miss the watch.
        self.env.ref("lead_to_cash_hub.cron_watch").sudo().lastcall = fields.Datetime.now()

    def _use_sandbox(self, system=None):
        """Serve a HubSpot portal from this process; the system speaks with it over HTTP."""
        running = HubSpotSandbox().start()
        self.addCleanup(running.stop)
        allowed = patch.dict(tools.config.options, {"hub_local_hosts": running.host})
        allowed.start()
        self.addCleanup(allowed.stop)
        self._point((system or self.system), running.url)
        return running.sandbox

    def _point(self, system, url):
        """Connect a system with another address; its secrets are entered again."""
        system.base_url = url
        for credential in system.credential_ids:
            credential.secret = {"access_token": TOKEN, "client_secret": SECRET}[credential.name]
        system.state = "connected"
        self.env.flush_all()

    def _use_stub(self):
        """Put a :class:`Stub` in place of every system's connector."""
        stub = Stub()
        self._patch("hub.system", "_connector", lambda system: stub)
        return stub

    def _patch(self, model, name, function):
        patcher = patch.object(self.registry[model], name, function)
        patcher.start()
        self.addCleanup(patcher.stop)

    # -- what arrives ------------------------------------------------------------------------------

    def _incoming(
        self, entity, external_id, payload, number=1, kind="snapshot", action="change", **more
    ):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        key = more.pop("key", f"{entity}:{external_id}:{number}:{next(_numbers)}").encode()
        changed = datetime(2026, 3, 1, tzinfo=timezone.utc)
        return Incoming(
            entity,
            external_id,
            key,
            kind,
            action,
            changed,
            version(number) if number is not None else None,
            body,
            **more,
        )

    def _company(self, external_id, number=1, **properties):
        """A company as HubSpot gives it."""
        values = {
            "name": f"Company {external_id}",
            "domain": f"c{external_id}.example",
            **properties,
        }
        return self._incoming(
            "customer", external_id, {"id": external_id, "properties": values}, number
        )

    def _contact(self, external_id, company=None, number=1, **properties):
        values = {
            "firstname": "Pat",
            "lastname": external_id,
            "email": f"p{external_id}@firm.example",
            **properties,
        }
        payload = {
            "id": external_id,
            "properties": values,
            "companies": [company] if company else [],
        }
        return self._incoming("contact", external_id, payload, number)

    def _notice(self, entity, external_id, number=1):
        return self._incoming(entity, external_id, {"objectId": external_id}, number, kind="notice")

    def _event(self, entity, external_id, action="delete", number=1, **more):
        return self._incoming(
            entity,
            external_id,
            {"objectId": external_id},
            number,
            kind="event",
            action=action,
            **more,
        )

    def receive(self, *incoming, system=None, lane=1):
        """Store messages as a door does.

        :return: the new ``hub.message`` records, in the order of ``incoming``
        """
        system = system or self.system
        self.env.flush_all()
        before = self.env["hub.message"].search([], limit=1).id or 0
        with short_cursor(self.env) as cr:
            self.env["hub.receive"]._store(
                cr, system.id, system.account_ref or "", list(incoming), lane=lane
            )
        self.env.invalidate_all()
        messages = self.env["hub.message"].search([("id", ">", before)], order="id")
        place = {one.external_id: index for index, one in enumerate(incoming)}
        return messages.sorted(lambda message: (place[message.external_id], message.version or ""))

    # -- the engine --------------------------------------------------------------------------------

    @contextmanager
    def engine_env(self):
        """An environment as a drainer has it."""
        self.env.flush_all()
        with self.registry.cursor() as cr:
            cr.execute("SELECT 1")  # its savepoint lies below those of the engine's own cursors
            yield api.Environment(cr, SUPERUSER_ID, {})
        self.env.invalidate_all()

    def step(self):
        """One slice of the engine; says whether there was work."""
        watch = nullcontext() if self.breaks else self.assertNoLogs(ENGINE, "ERROR")
        with watch, self.engine_env() as env:
            return env["hub.engine"]._once()

    def drain(self, slices=200):
        """Run the engine until it has nothing that is due."""
        for _turn in range(slices):
            if not self.step():
                return
        self.fail("the engine does not come to rest")

    def later(self, seconds=7200):
        """So many seconds pass, as far as the engine's tables know; then what wakes by time wakes."""
        self.env.flush_all()
        for table, columns in {
            "hub_message": ("next_attempt_at",),
            "hub_circuit": ("retry_at", "probe_until", "quick_from"),
            "hub_place": ("until",),
            "hub_pace": ("tat", "blocked_until"),
            "hub_cursor": ("next_poll_at", "lease_until"),
            "hub_attempt": ("at",),
            "hub_lane_part": ("low_water", "scanned_at"),
        }.items():
            for column in columns:
                self.env.cr.execute(
                    f"UPDATE {table} SET {column} = {column} - %s * interval '1 second' WHERE {column} IS NOT NULL",
                    [seconds],
                )
        with self.engine_env() as env:
            env["hub.engine"]._chores()

    def work(self, *incoming, **options):
        """Receive and drain; gives the messages."""
        messages = self.receive(*incoming, **options)
        self.drain()
        return messages

    # -- what must be seen -------------------------------------------------------------------------

    def partner_of(self, external_id, entity="customer", system=None):
        link = self.env["hub.link"].search(
            [
                ("system_id", "=", (system or self.system).id),
                ("entity_id.code", "=", entity),
                ("external_id", "=", external_id),
            ]
        )
        return self.env[link.res_model].browse(link.res_id) if link else self.env["res.partner"]

    def issues(self, code=None):
        domain = [("state", "=", "open")] + ([("code", "=", code)] if code else [])
        return self.env["hub.issue"].search(domain)

    def assertStates(self, messages, *states):
        self.assertEqual(
            [
                f"{m.state}:{m.reason}" if ":" in s else m.state
                for m, s in zip(messages, states, strict=True)
            ],
            list(states),
        )

    def assertExplained(self, message, code):
        """The message stands in front of a person, with a sentence and what to do."""
        exception = message.exception_ids.filtered(lambda e: e.state == "open")
        self.assertEqual(exception.code, code, f"{message.state} {message.reason} {message.params}")
        self.assertIn(message.state, ("failed", "dead"))
        for text in (exception.sentence, exception.issue_id.sentence, message.explanation):
            self.assertRegex(text or "", r"\w.* .*\w")  # words, not a machine's code
            self.assertNotIn("False", text)
        self.assertTrue(exception.advice)
        return exception


class HubCase(HubMixin, TransactionCase):
    """One company and one HubSpot account; no chart of accounts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(
            context={**cls.env.context, "no_reset_password": True, "tracking_disable": True}
        )
        cls.company = cls.env.ref("base.main_company")
        cls.technical = cls.env.ref("lead_to_cash_hub.user_hub")
        cls.system = cls._make_system()

    def setUp(self):
        super().setUp()
        self._start_engine()
