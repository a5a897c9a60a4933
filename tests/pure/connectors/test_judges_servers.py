"""Our connectors against servers that we did not write: ``backlot`` (HubSpot) and
``localstripe``."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from lead_to_cash_hub.connectors import get_connector_class
from lead_to_cash_hub.connectors.errors import BadSignature, ConnectorError
from lead_to_cash_hub.connectors.http import Session
from lead_to_cash_hub.connectors.parts import WebhookRequest


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def serve(command, port, folder, path="/"):
    """Start a server and wait until it answers; the process is the caller's to end."""
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    for _ in range(400):
        try:
            requests.get(f"http://127.0.0.1:{port}{path}", timeout=2)
            return process
        except requests.ConnectionError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    process.kill()
    pytest.fail(f"{command[2]} did not start: {(folder / 'log').read_text()[-500:]}")


def end(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# -- HubSpot, by backlot ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def backlot_url(tmp_path_factory):
    if sys.version_info < (3, 11):
        pytest.skip("the judge 'backlot' is made for Python 3.11 and later")
    folder, port = tmp_path_factory.mktemp("backlot"), free_port()
    run = [sys.executable, "-m", "backlot"]
    # its usage telemetry would call out; the tests stay on this machine
    quiet = {**os.environ, "BACKLOT_DATA_DIR": str(folder), "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [*run, "import", "--bundled"], cwd=folder, env=quiet, capture_output=True, text=True
    )
    if done.returncode:
        pytest.fail(f"the judge 'backlot' is not installed or broken: {done.stderr[-300:]}")
    command = [*run, "serve", "--port", str(port), "--data-dir", str(folder)]
    process = serve([*command, "--disable-telemetry"], port, folder)
    yield f"http://127.0.0.1:{port}/hubspot"
    end(process)


@pytest.fixture
def other_hubspot(backlot_url):
    session = Session(local_hosts=[backlot_url.split("/")[2]])
    return get_connector_class("hubspot")(
        session,
        backlot_url,
        {"account_id": "1"},
        {"access_token": "admin-service-token"},
        lambda: datetime.now(timezone.utc),
    )


def test_records_of_another_server(other_hubspot):
    """Batch reads with ids that are not there, and the look for a survivor behind them."""
    reader = other_hubspot.reader
    rows = {
        row["properties"]["name"]: row["id"] for row in reader.search("companies", [], "name", 9)
    }
    key = rows["Northwind Analytics"]
    found = other_hubspot.fetch("customer", [key, "4040404"])
    assert list(found) == [key]
    data = json.loads(found[key].payload)
    assert (data["properties"]["country"], data["archived"]) == ("Netherlands", False)
    assert found[key].version == data["updatedAt"] == "2026-01-14T09:00:00.000Z"
    for name in ("contacts", "deals"):
        ids = [row["id"] for row in reader.search(name, [], "hs_object_id", 100)]
        assert ids and {row["id"] for row in reader.read(name, [*ids, "4040404"])} == set(ids)


def test_search_of_another_server(other_hubspot):
    by_stage = [{"propertyName": "dealstage", "operator": "EQ", "value": "contractsent"}]
    rows = other_hubspot.reader.search("deals", by_stage, "dealname", 10)
    assert [row["properties"]["amount"] for row in rows] == ["620000"]


def test_errors_of_another_server(other_hubspot):
    """It answers a missing record with the page that HubSpot was seen to answer with."""
    with pytest.raises(ConnectorError) as caught:
        other_hubspot._call("GET", "/crm/v3/objects/deals/4040404")
    assert (caught.value.kind, caught.value.status) == ("schema", 404)
    bad = {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "NO"}]}]}
    with pytest.raises(ConnectorError) as caught:
        other_hubspot._call("POST", "/crm/v3/objects/deals/search", json=bad, write=False)
    assert (caught.value.kind, caught.value.status) == ("data", 400)
    other_hubspot.secrets = {"access_token": "wrong"}
    with pytest.raises(ConnectorError) as caught:
        other_hubspot._call("GET", "/crm/v3/objects/deals")
    assert (caught.value.kind, caught.value.code) == ("sign_in", "token_invalid")


# -- Stripe, by localstripe -------------------------------------------------------------------

# It keeps its state in one file for the whole machine, where another user's would be in the way: here
# the file lies in the folder that it runs in.
LOCALSTRIPE = """
import builtins, runpy, sys
real = builtins.open
def here(file, *more, **named):
    return real("state" if file == "/tmp/localstripe.pickle" else file, *more, **named)
builtins.open = here
sys.argv[0] = "localstripe"
runpy.run_module("localstripe", run_name="__main__")
"""


@pytest.fixture(scope="module")
def localstripe_url(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("localstripe"), free_port()
    command = [sys.executable, "-c", LOCALSTRIPE, "--port", str(port), "--from-scratch"]
    process = serve(command, port, folder)
    yield f"http://127.0.0.1:{port}"
    end(process)


def test_webhooks_that_another_server_signed(localstripe_url):
    received, arrived = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(WebhookRequest("POST", "/", dict(self.headers.items()), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if b"payment_intent.succeeded" in body:
                arrived.set()

        def log_message(self, *args):
            pass

    door = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=door.serve_forever, args=(0.02,), daemon=True).start()
    url, auth = localstripe_url, ("sk_test_1", "")
    hook = {"url": f"http://127.0.0.1:{door.server_port}/", "secret": "whsec_theirs"}
    assert requests.post(f"{url}/_config/webhooks/one", json=hook, timeout=5).ok
    card = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": 12}
    card |= {"card[exp_year]": 2030, "card[cvc]": "123"}
    method = requests.post(f"{url}/v1/payment_methods", data=card, auth=auth, timeout=5).json()
    values = {"amount": 4200, "currency": "usd", "payment_method": method["id"], "confirm": "true"}
    intent = requests.post(f"{url}/v1/payment_intents", data=values, auth=auth, timeout=5).json()
    assert arrived.wait(10), "no signed webhook came"
    door.shutdown()
    door.server_close()
    connector = get_connector_class("stripe")
    settings = {"account_id": "acct_1", "live_mode": False}
    now = datetime.now(timezone.utc)
    notices = [connector.verify(r, ["whsec_theirs"], settings, now)[0] for r in received]
    assert ("payment", intent["id"]) in [(n.entity, n.external_id) for n in notices]
    with pytest.raises(BadSignature):
        connector.verify(received[0], ["whsec_other"], settings, now)
