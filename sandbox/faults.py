"""Faults on demand: what a network, a proxy and a product do on a bad day."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import struct
import time
from dataclasses import dataclass, field

from werkzeug.wrappers import Request, Response

KINDS = frozenset(
    {
        "status",
        "html",
        "timeout",
        "reset_before",
        "reset_after",
        "malformed",
        "truncated",
        "empty",
        "body",
        "doubled",
        "drip",
        "gzip_bomb",
        "redirect",
        "expired_token",
        "revoked_token",
    }
)


@dataclass
class Fault:
    """One fault for the next matching calls.

    :param method, path: which calls: exact method, regular expression found in the path.
    :param skip: matching calls to let pass first. :param times: calls to hit.
    :param status: for ``status`` and ``html``. :param headers: added to the answer.
    :param seconds: for ``timeout``: how long the answer waits; ``taken`` says whether the
        call has its effect first. For ``drip``: the pause between bytes.
    :param body: for ``body``: what the answer says instead, with status 200; the call has its effect.
    :param location: for ``redirect``. :param size: for ``gzip_bomb``: bytes once unpacked.
    """

    kind: str
    method: str | None = None
    path: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    headers: dict = field(default_factory=dict)
    seconds: float = 1.0
    taken: bool = False
    body: str = ""
    location: str = ""
    size: int = 300_000_000

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault: {self.kind}")

    def before(self, sandbox, request: Request) -> Response | None:
        """An answer instead of the product's, or None to let the call have its effect."""
        if self.kind == "reset_before":
            reset(request)
        if self.kind == "timeout" and not self.taken:
            time.sleep(self.seconds)
            return sandbox.refuse_status(503)
        if self.kind == "status":
            response = sandbox.refuse_status(self.status)
            response.headers.update(self.headers)
            return response
        if self.kind == "html":
            from .base import html

            return html(self.status, "Error")
        if self.kind in ("expired_token", "revoked_token"):
            return sandbox.token_error(self.kind)
        if self.kind == "redirect":
            return Response(b"", 302, {"Location": self.location})
        if self.kind == "gzip_bomb":
            packed = b"".join(_zeros(self.size))
            headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            return Response(packed, 200, headers)
        return None

    def after(self, sandbox, request: Request, response: Response) -> Response:
        """What happens to the product's own answer on its way back."""
        if self.kind == "timeout" and self.taken:
            time.sleep(self.seconds)
        elif self.kind == "reset_after":
            reset(request)
        elif self.kind == "malformed":
            response.set_data(response.get_data()[: max(len(response.get_data()) // 2, 1)])
        elif self.kind in ("empty", "body"):
            response = Response(self.body, 200, content_type="application/json")
        elif self.kind == "truncated":
            data = response.get_data()
            response = Response(data[: len(data) // 2], response.status_code, response.headers)
            response.automatically_set_content_length = False
            response.headers["Content-Length"] = str(len(data))
            response.headers["Connection"] = "close"
        elif self.kind == "doubled":
            response.set_data(response.get_data() * 2)
        elif self.kind == "drip":
            data, pause = response.get_data(), self.seconds

            def slowly():
                for byte in data:
                    time.sleep(pause)
                    yield bytes((byte,))

            headers = [pair for pair in response.headers if pair[0] != "Content-Length"]
            response = Response(slowly(), response.status_code, headers)
        return response


def _zeros(size: int):
    block = b"0" * 1_000_000
    packed = gzip.compress(block)
    for _ in range(size // len(block)):
        yield packed  # a gzip stream may have many members


def reset(request: Request) -> None:
    """Break the connection off (RST), as a dying load balancer does."""
    sock = request.environ["werkzeug.socket"]
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        # the handler's own files still hold the descriptor; shut what is left
        sock.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("injected")


class Faults:
    """The queue of faults of a sandbox."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.queue: list[Fault] = []

    def clear(self) -> None:
        self.queue = []

    def add(self, body) -> dict:
        """Control plane: ``{"faults": [{"kind": …}]}`` or one fault; ``[]`` forgets all."""
        faults = body.get("faults", [body]) if isinstance(body, dict) else body
        if not faults:
            self.clear()
        self.queue += [Fault(**fault) for fault in faults]
        return {"queued": len(self.queue)}

    def take(self, request: Request) -> Fault | None:
        """The fault for this call, if one waits for it."""
        with self.sandbox.lock:
            for fault in self.queue:
                if fault.method not in (None, request.method):
                    continue
                if not re.search(fault.path, request.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.queue.remove(fault)
                return fault
        return None
