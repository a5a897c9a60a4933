"""Sandboxes that are served once for all tests, and connectors that speak to them."""

import importlib
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.declared import connector_class
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import WebhookRequest
from sandbox.bureau import BureauSandbox, declaration
from sandbox.harvest import HarvestSandbox
from sandbox.hubspot import HubSpotSandbox
from sandbox.stripe import StripeSandbox

# the suite of all connectors stands beside the tests that use it
sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("contract")

SANDBOXES = {"hubspot": HubSpotSandbox, "harvest": HarvestSandbox, "stripe": StripeSandbox}
SETTINGS = {
    "hubspot": {"account_id": "49648261"},
    "harvest": {"account_id": "1234567"},
    "stripe": {"account_id": "acct_1SandboxHub0001", "live_mode": False},
}
SECRETS = {
    "hubspot": {
        "access_token": "pat-na1-sandbox-token",
        "client_secret": "sandbox-client-secret",
        "refresh_token": "sandbox-refresh-token",
    },
    "harvest": {
        "access_token": "harvest-sandbox-token",
        "client_secret": "harvest-client-secret",
        "refresh_token": "harvest-refresh-token",
    },
    "stripe": {"api_key": "rk_test_sandbox_key", "webhook_secret": "whsec_sandbox_secret"},
}
BASE_PATH = {"harvest": "/v2"}


@pytest.fixture
def judge():
    """Import a library that we did not write. Without it the test proves nothing, so it fails."""

    def load(name: str):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.fail(f"the judge '{name}' is not installed, so nothing was proved ({error})")

    return load


class Product(SimpleNamespace):
    """A served sandbox with a connector: ``sandbox``, ``running``, ``reports``, ``buckets``."""

    def connector(self, *, settings=None, secrets=None, session=None, clock=None, **options):
        """A fresh connector, as each run of a stream makes one."""
        session = session or Session(
            local_hosts=[self.running.host],
            on_call=self.reports.append,
            before_call=self.buckets.append,
            **options,
        )
        return get_connector_class(self.product)(
            session,
            self.running.url + BASE_PATH.get(self.product, ""),
            {**SETTINGS[self.product], **(settings or {})},
            SECRETS[self.product] if secrets is None else secrets,
            clock or (lambda: datetime.now(timezone.utc)),
        )

    def fault(self, kind, **details):
        self.sandbox.faults.add({"kind": kind, **details})

    def calls(self, method=None, path=""):
        return [
            call
            for call in self.sandbox.journal
            if method in (None, call["method"]) and path in call["path"]
        ]


@pytest.fixture(scope="session")
def served():
    running = {}
    yield running
    for one in running.values():
        one.stop()


def _product(served, name):
    if name not in served:
        served[name] = SANDBOXES[name]().start()
    sandbox = served[name].sandbox
    sandbox.reset()
    return Product(product=name, running=served[name], sandbox=sandbox, reports=[], buckets=[])


@pytest.fixture
def hubspot(served):
    return _product(served, "hubspot")


@pytest.fixture
def harvest(served):
    return _product(served, "harvest")


@pytest.fixture
def stripe_product(served):
    return _product(served, "stripe")


class Undeclared(Product):
    """A product that the hub knows only by its declaration (``bureau.declaration``, yours to change)."""

    def connector(self, *, settings=None, secrets=None, **options):
        session = Session(local_hosts=[self.running.host], on_call=self.reports.append, **options)
        return connector_class(self.declaration)(
            session,
            self.declaration["base_url"],
            {"account_id": "OFFICE-7", "client_id": "bureau-client", **(settings or {})},
            {"api_key": "bureau-sandbox-key"} if secrets is None else secrets,
            lambda: datetime.now(timezone.utc),
        )


@pytest.fixture
def bureau(served):
    running = served.setdefault("bureau", None) or BureauSandbox().start()
    served["bureau"] = running
    running.sandbox.reset()
    return Undeclared(
        running=running,
        sandbox=running.sandbox,
        reports=[],
        declaration=declaration(running.url),
    )


@pytest.fixture
def now():
    return datetime.now(timezone.utc)


@pytest.fixture
def door():
    """A receiver of webhooks: ``door.url``, ``door.requests``; ``door.wait(n)`` waits for them."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = dict(self.headers.items())
            server.requests.append(WebhookRequest("POST", server.url, headers, body))
            server.arrived.release()
            self.send_response(server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{server.server_port}/hub/webhook/a%3Ab?x=1"
    server.requests, server.status = [], 200
    server.arrived = threading.Semaphore(0)
    server.wait = lambda count: [server.arrived.acquire(timeout=10) for _ in range(count)]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
