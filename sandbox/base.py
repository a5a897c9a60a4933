"""What all sandboxes share: a server, routes, a journal, faults on demand and a control plane.

The control plane stands under ``/__sandbox__/`` and needs no sign-in; ``docs`` of each route are in
its handler. Everything else behaves as the product's public documentation says.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from .faults import Faults
from .sender import Sender

CONTROL = "/__sandbox__/"


class Refusal(Exception):
    """An answer of the product that is not 2xx."""

    def __init__(self, status: int, body, headers: dict | None = None):
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


def answer(body, status: int = 200, headers: dict | None = None) -> Response:
    """A JSON answer."""
    return Response(
        json.dumps(body, ensure_ascii=False), status, headers, content_type="application/json"
    )


def html(status: int, title: str) -> Response:
    """A page as a proxy or a web server in front of the product would send it."""
    page = f"<!DOCTYPE html><html><head><title>{status} {title}</title></head><body></body></html>"
    return Response(page, status, content_type="text/html;charset=utf-8")


class Sandbox:
    """A product's API over state in memory. A subclass adds routes with :meth:`route`."""

    name = "sandbox"
    limit = (100, 10.0)  # calls and seconds, enforced when settings["limits"] is true
    default_settings: dict = {}

    def __init__(self, **settings):
        self.lock = threading.RLock()
        self.routes: list[tuple[str, re.Pattern, Callable]] = []
        self.controls: list[tuple[str, re.Pattern, Callable]] = []
        self._given = settings
        self.faults = Faults(self)
        self.sender = Sender(self)
        self.control("GET", "health", lambda request: {"ok": True, "product": self.name})
        self.control("POST", "reset", self._control_reset)
        self.control("POST", "settings", self._control_settings)
        self.control("POST", "clock", self._control_clock)
        self.control("POST", "faults", lambda request: self.faults.add(request.get_json()))
        self.control("GET", "journal", lambda request: {"calls": list(self.journal)})
        self.control("DELETE", "journal", lambda request: {"dropped": self._forget_journal()})
        self.control("GET", "events", lambda request: {"events": self.sender.events})
        self.control("POST", "deliver", lambda request: self.sender.deliver(request.get_json()))
        self.reset()

    # -- state --------------------------------------------------------------------------------

    def takes_code(self, form) -> bool:
        """Whether a code is the one given out, to the one who asked for it: ``settings["challenge"]``, if set, is
        what came with the question (RFC 7636)."""
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        ours = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        good = form.get("code") == self.settings["code"] and form.get("redirect_uri")
        return bool(good) and self.settings.get("challenge") in (None, ours)

    def reset(self) -> None:
        """Forget everything; the settings go back to those given at the start."""
        self.settings = {"limits": False, **self.default_settings, **self._given}
        self.journal: deque = deque(maxlen=100_000)
        self.offset = timedelta()
        self._last_id = 0
        self._calls: deque = deque()
        self.faults.clear()
        self.sender.clear()

    def now(self) -> datetime:
        """The sandbox's time, UTC, with milliseconds."""
        moment = datetime.now(timezone.utc) + self.offset
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def next_id(self, start: int = 0) -> int:
        """A number that was not used before; ids grow."""
        with self.lock:
            self._last_id = max(self._last_id, start) + 1
            return self._last_id

    def _control_reset(self, _request):
        with self.lock:
            self.reset()
        return {"ok": True}

    def _control_settings(self, request):
        """Body: settings to change, for example ``{"limits": true, "token": "other"}``."""
        with self.lock:
            self.settings.update(request.get_json())
        return {
            name: value
            for name, value in self.settings.items()
            if not re.search("secret|token|key", name)
        }

    def _control_clock(self, request):
        """Body: ``{"advance": seconds}`` moves the clock, ``{"set": iso}`` sets it."""
        body = request.get_json()
        if "set" in body:
            target = datetime.fromisoformat(body["set"].replace("Z", "+00:00"))
            self.offset = target - datetime.now(timezone.utc)
        self.offset += timedelta(seconds=body.get("advance", 0))
        return {"now": self.now().isoformat()}

    def _forget_journal(self) -> int:
        count = len(self.journal)
        self.journal.clear()
        return count

    # -- routes -------------------------------------------------------------------------------

    def route(self, method: str, pattern: str, handler: Callable) -> None:
        """Answer ``method`` on paths that fully match ``pattern``; groups become arguments."""
        self.routes.append((method, re.compile(pattern), handler))

    def control(self, method: str, name: str, handler: Callable) -> None:
        """Add ``/__sandbox__/<name>``."""
        self.controls.append((method, re.compile(re.escape(CONTROL) + name), handler))

    def authorize(self, request: Request) -> None:
        """Raise a :class:`Refusal` if the call is not signed in."""

    def open_path(self, path: str) -> bool:
        """Whether a path needs no sign-in (token endpoints)."""
        return False

    def not_found(self, request: Request) -> Response:
        """The answer to a path that the product does not know."""
        return html(404, "Not Found")

    def refuse_status(self, status: int) -> Response:
        """The product's answer with this status, as a fault injects it."""
        return answer({"message": "injected"}, status)

    def token_error(self, kind: str) -> Response:
        """The product's answer to an ``expired_token`` or ``revoked_token``."""
        return self.refuse_status(401)

    def decorate(self, request: Request, response: Response) -> None:
        """Headers that the product puts on its answers."""

    def too_many(self) -> Response:
        """The product's answer past its limit."""
        return self.refuse_status(429)

    def _over_limit(self) -> bool:
        calls, seconds = self.limit
        now = time.monotonic()
        while self._calls and self._calls[0] <= now - seconds:
            self._calls.popleft()
        self.remaining = max(calls - len(self._calls) - 1, 0)
        if len(self._calls) >= calls:
            return self.settings["limits"]
        self._calls.append(now)
        return False

    # -- serving ------------------------------------------------------------------------------

    def __call__(self, environ, start_response):
        request = Request(environ)
        if request.path.startswith(CONTROL):
            response = self._dispatch(self.controls, request) or answer({"error": "unknown"}, 404)
        else:
            response = self._serve(request)
        return response(environ, start_response)

    def _serve(self, request: Request) -> Response:
        body = request.get_data(cache=True)
        entry = {
            "at": self.now().isoformat(),
            "method": request.method,
            "path": request.path,
            "query": request.query_string.decode("ascii", "replace"),
            "body": body.decode("utf-8", "replace"),
            "idempotency_key": request.headers.get("Idempotency-Key"),
            "signed_in": "Authorization" in request.headers,
            "status": None,
            "fault": None,
        }
        with self.lock:
            entry["n"] = len(self.journal) + 1
            self.journal.append(entry)
            over = self._over_limit()
        fault = self.faults.take(request)
        entry["fault"] = fault.kind if fault else None
        response = fault.before(self, request) if fault else None
        if response is None:
            response = self.too_many() if over else self._handle(request)
        entry["status"] = response.status_code
        if fault:
            response = fault.after(self, request, response)
        self.decorate(request, response)
        return response

    def _handle(self, request: Request) -> Response:
        with self.lock:
            try:
                if not self.open_path(request.path):
                    self.authorize(request)
                return self._dispatch(self.routes, request) or self.not_found(request)
            except Refusal as refusal:
                return answer(refusal.body, refusal.status, refusal.headers)

    def _dispatch(self, routes, request: Request) -> Response | None:
        for method, pattern, handler in routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                result = handler(request, **match.groupdict())
                if isinstance(result, Response):
                    return result
                return answer(*result) if isinstance(result, tuple) else answer(result)
        return None

    # -- webhooks; a product that sends some fills these ----------------------------------------

    batch_size = 1

    def webhook_body(self, events: list[dict]) -> bytes:
        """The body of one delivery."""
        return json.dumps(events[0]).encode()

    def webhook_headers(self, url: str, body: bytes, moment: datetime, secret: str) -> dict:
        """The headers that sign it."""
        return {}

    def start(self, port: int = 0) -> Running:
        """Serve on 127.0.0.1 in a thread of its own; port 0 takes a free one."""
        return Running(self, port)


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive, as the products do

    def log(self, *args, **kwargs):
        """The journal is the log."""


class Running:
    """A sandbox that is being served; a context manager that stops it."""

    def __init__(self, sandbox: Sandbox, port: int):
        self.sandbox = sandbox
        self.server = make_server(
            "127.0.0.1", port, sandbox, threaded=True, request_handler=_Handler
        )
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self.server.shutdown()
        self.server.server_close()


def shuffled(items: list, seed) -> list:
    """A copy in another order, the same for the same seed."""
    items = list(items)
    random.Random(seed).shuffle(items)
    return items


def main(sandbox: Sandbox, default_port: int) -> None:
    """The command line: ``--port N``, ``--limits``."""
    parser = argparse.ArgumentParser(description=f"A local server that answers like {sandbox.name}")
    parser.add_argument("--port", type=int, default=default_port)
    parser.add_argument("--limits", action="store_true", help="enforce the product's rate limits")
    arguments = parser.parse_args()
    sandbox._given["limits"] = arguments.limits
    sandbox.reset()
    with sandbox.start(arguments.port) as running:
        print(f"{sandbox.name} sandbox on {running.url} (control plane: {CONTROL})", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
