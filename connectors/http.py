"""The one hardened way out. Every call of every connector passes here."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from threading import Timer
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests import exceptions as faults
from urllib3 import exceptions as low

from ..core import strict_json
from .errors import ConnectorError, from_status
from .transport import CallGuard, GuardedAdapter, PeerRefused, cut

USER_AGENT = "LeadToCashHub/19.0 (Odoo addon; integrations@localhost)"
MAX_ANSWER = 25_000_000
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Headers(Mapping):
    """Headers, read by name in any case. Of several with one name the last counts."""

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()):
        pairs = items.items() if isinstance(items, Mapping) else items
        self._items = {str(name).lower(): (str(name), str(value)) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    def __iter__(self):
        return (name for name, _value in self._items.values())

    def __len__(self) -> int:
        return len(self._items)


@dataclass(frozen=True)
class CallReport:
    """What is remembered of a call: no query, no header, no body. ``seconds`` includes reading;
    ``allowances`` is what the product said of its limits."""

    method: str
    path: str
    status: int | None
    seconds: float
    error_kind: str | None
    bucket: str = "default"
    allowances: Sequence = ()


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``body`` is decoded and within the size limit."""

    status: int
    headers: Headers
    body: bytes

    @property
    def structured(self) -> bool:
        """Whether the body is JSON text by its first character (a label may lie)."""
        return self.body.lstrip()[:1] in (b"{", b"[")

    def json(self) -> Any:
        """The body as JSON. One record with an unusable text or number does not spoil its page:
        the mapping judges it, record by record.

        :raise ConnectorError: kind ``schema``, code ``bad_json`` with the reader's reason.
        """
        try:
            return strict_json.loads(self.body, repair=True)
        except strict_json.BadJson as error:
            raise ConnectorError(
                "schema", "bad_json", status=self.status, params={"reason": error.code}
            ) from None

    def details(self) -> dict:
        """The JSON object of an error answer; {} if it is anything else."""
        try:
            value = strict_json.loads(self.body) if self.structured else {}
        except strict_json.BadJson:
            return {}
        return value if isinstance(value, dict) else {}

    def spoilt_refusal(self, write: bool) -> ConnectorError | None:
        """The error of a refusal of a record whose JSON cannot be read: cut or doubled on its way, it says nothing
        of the record."""
        error = from_status(self.status, write=write)
        if error is None or error.kind not in ("data", "reference", "conflict"):
            return None
        try:
            if self.structured:
                strict_json.loads(self.body, repair=True)
        except strict_json.BadJson:
            kind, code = ("unknown", "answer_lost") if write else ("connection", "broken_off")
            return ConnectorError(kind, code, status=self.status)
        return None

    def plain_error(self, write: bool) -> ConnectorError | None:
        """The error by HTTP status alone, with ``Retry-After`` read as seconds."""
        error = from_status(self.status, write=write, structured=self.structured)
        if error is not None:
            error.retry_after = self.retry_after()
        return error

    def retry_after(self, unit: float = 1.0) -> float | None:
        """The ``Retry-After`` header in seconds; ``unit`` is what one of its units lasts."""
        try:
            seconds = float(self.headers.get("Retry-After", "")) * unit
        except ValueError:
            return None
        return seconds if 0 <= seconds < 7 * 86400 else None


class Session:
    """An HTTP session for one system.

    :param user_agent: how we introduce ourselves (some products demand it).
    :param local_hosts: ``"host:port"`` texts that may be reached although they are not public, and
        without TLS: sandboxes on this machine. From the configuration file only, never from a form.
    :param before_call: called with the name of the pace bucket before each call; may wait.
    :param on_call: called with a :class:`CallReport` after each call, whatever came of it.
    :param deadline: seconds that a whole call may last, from connecting to the last byte.
    :param connect_timeout: seconds for connecting, and for the TLS handshake.
    :param max_answer: bytes of a decoded body.
    """

    def __init__(
        self,
        *,
        user_agent: str = USER_AGENT,
        local_hosts: Iterable[str] = (),
        before_call: Callable[[str], None] | None = None,
        on_call: Callable[[CallReport], None] | None = None,
        deadline: float = 30.0,
        connect_timeout: float = 5.0,
        max_answer: int = MAX_ANSWER,
    ):
        self.user_agent = user_agent
        self.local_hosts = frozenset(local_hosts)
        self.before_call = before_call
        self.on_call = on_call
        self.deadline = deadline
        self.connect_timeout = connect_timeout
        self.max_answer = max_answer
        self._guard = CallGuard()
        self._requests = requests.Session()
        # ~/.netrc would replace our Authorization, proxy variables would see our secrets
        self._requests.trust_env = False
        self._requests.headers.clear()
        self._requests.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = GuardedAdapter(self._guard, self.local_hosts)
        self._requests.mount("https://", adapter)
        self._requests.mount("http://", adapter)

    def close(self) -> None:
        """Close idle connections."""
        self._requests.close()

    # -- addresses ----------------------------------------------------------------------------

    def join(self, base_url: str, path: str) -> str:
        """An address below ``base_url``, or a paging link of the same origin.

        :raise ConnectorError: kind ``schema``, code ``foreign_link``, if it leads elsewhere.
        """
        if "://" not in path:
            path = base_url.rstrip("/") + "/" + path.lstrip("/")
        url = urljoin(base_url, path)
        if origin(url) != origin(base_url):
            raise ConnectorError("schema", "foreign_link")
        return url

    def _check_address(self, url: str) -> None:
        scheme, host, port = origin(url)
        if f"{host}:{port}" in self.local_hosts:
            return
        if scheme != "https":
            raise ConnectorError("connection", "not_https")

    # -- the call -----------------------------------------------------------------------------

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Sequence[tuple[str, str]] | None = None,
        bucket: str = "default",
        write: bool | None = None,
        classify: Callable[[Answer, bool], ConnectorError | None] | None = None,
        allowances: Callable[[Answer], Sequence] | None = None,
    ) -> Answer:
        """Make one call and read the whole answer. Never retries, never follows a redirect.

        :param json: a body to send as JSON. :param form: or as a form, in this order.
        :param write: whether the call can change something; by default by its method.
        :param classify: turns an answer into an error, or None; by status if not given.
        :param allowances: reads from an answer what is left of the product's limits.
        :return: the answer, if it is none that ``classify`` calls an error.
        :raise ConnectorError: ``connection`` if the product was not reached, ``unknown`` if a
            write's answer was lost after the request went out, else as classified.
        """
        write = method not in READS if write is None else write
        self._check_address(url)
        request = self._prepare(method, url, headers, json, form)
        if self.before_call:
            self.before_call(bucket)
        started = time.monotonic()
        answer = error = None
        try:
            answer = self._exchange(request, write)
            error = answer.spoilt_refusal(write) or (classify or Answer.plain_error)(answer, write)
        except ConnectorError as caught:
            error = caught
        finally:
            if self.on_call:
                self.on_call(
                    CallReport(
                        method,
                        urlsplit(url).path,
                        answer.status if answer else None,
                        time.monotonic() - started,
                        error.kind if error else None,
                        bucket,
                        allowances(answer) if answer and allowances else (),
                    )
                )
        if error is not None:
            # 'from None': the lower exception holds the request, and the request holds our secret
            raise error from None
        return answer

    def _prepare(self, method, url, headers, json, form):
        fields = {
            "User-Agent": self.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            **(headers or {}),
        }
        body = None
        if json is not None:
            body = strict_json.dumps(json)
            fields.setdefault("Content-Type", "application/json")
        elif form is not None:
            body = urlencode(form).encode("ascii")
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            prepared = requests.Request(method, url, headers=fields, data=body).prepare()
            # what http.client would refuse only after connecting, and by an error that shows the value
            for name, value in prepared.headers.items():
                f"{name}{value}".encode("latin-1")
        except (faults.RequestException, ValueError, UnicodeError):
            # a line break or a foreign letter in a secret, an address that is none
            raise ConnectorError("sign_in", "bad_request_text") from None
        return prepared

    def _exchange(self, request, write: bool) -> Answer:
        guard = self._guard
        guard.begin()
        timer = Timer(self.deadline, self._cut, [guard.__dict__])
        timer.daemon = True
        timer.start()
        response = None
        try:
            response = self._requests.send(
                request,
                timeout=(self.connect_timeout, self.deadline),
                allow_redirects=False,
                stream=True,
                verify=True,
                proxies={},
            )
            body = self._read(response)
            if guard.cut:
                raise low.ReadTimeoutError(None, None, "deadline")
            return Answer(response.status_code, Headers(response.headers), body)
        except ConnectorError:
            raise
        except (faults.RequestException, low.HTTPError, OSError, zlib.error) as fault:
            raise self._network_error(fault, guard, write) from None
        finally:
            timer.cancel()
            guard.sock = None
            if response is not None:
                response.close()

    @staticmethod
    def _cut(state: dict) -> None:
        # runs in the timer's thread, where the thread-local guard itself would be another one
        state["cut"] = True
        cut(state.get("sock"))

    def _read(self, response) -> bytes:
        """The body, decoded here so that a small answer cannot unpack into all our memory."""
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip"):
            raise ConnectorError("schema", "unknown_encoding", status=response.status_code)
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
        parts: list[bytes] = []
        size = received = 0
        for chunk in self._chunks(response.raw):
            received += len(chunk)
            while chunk:
                if unpack is None:
                    part, chunk = chunk, b""
                else:
                    part = unpack.decompress(chunk, self.max_answer - size + 1)
                    chunk = unpack.unconsumed_tail
                    if unpack.eof and unpack.unused_data:
                        chunk = unpack.unused_data
                        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
                    elif not part:
                        chunk = b""
                size += len(part)
                if size > self.max_answer:
                    raise ConnectorError("schema", "answer_too_large", status=response.status_code)
                parts.append(part)
        # older urllib3 does not notice that a body is shorter than it was announced
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) != received:
            raise low.ProtocolError("the answer ended early")
        if unpack is not None and received and not unpack.eof:
            raise low.ProtocolError("the answer ended early")
        return b"".join(parts)

    @staticmethod
    def _chunks(raw) -> Iterator[bytes]:
        """The body as it comes, by Python's own reader: in urllib3's (``stream``), up to the releases that Odoo
        asks for, the line that announces a chunk has no limit."""
        while True:
            try:
                chunk = raw.read(65536, decode_content=False)
            except (ValueError, OverflowError):
                raise low.ProtocolError("a chunk of no length") from None
            if not chunk:
                return
            yield chunk

    def _network_error(self, fault, guard, write: bool) -> ConnectorError:
        if _caused_by(fault, PeerRefused):
            return ConnectorError("connection", "address_refused")
        if not guard.sent:
            # a handshake without an answer is a time-out of reading, to requests
            timed_out = guard.cut or isinstance(fault, faults.Timeout)
            if _caused_by(fault, low.SSLError) or isinstance(fault, faults.SSLError):
                return ConnectorError("connection", "tls_failed")
            return ConnectorError("connection", "timeout" if timed_out else "not_reached")
        timed_out = guard.cut or isinstance(fault, (faults.Timeout, low.TimeoutError))
        if write:
            return ConnectorError("unknown", "answer_lost", params={"timeout": timed_out})
        return ConnectorError("connection", "timeout" if timed_out else "broken_off")


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address.

    :raise ConnectorError: kind ``connection``, code ``bad_address``: another scheme, user data in
        the
        address, or no host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        raise ConnectorError("connection", "bad_address") from None
    if not parts.hostname or "@" in parts.netloc or "\\" in url:
        raise ConnectorError("connection", "bad_address")
    return parts.scheme, parts.hostname, port


def _caused_by(fault: BaseException, kind: type) -> bool:
    """Whether an exception of ``kind`` hides in the wrappings of requests and urllib3."""
    seen: set[int] = set()
    stack: list = [fault]
    while stack:
        current = stack.pop()
        if isinstance(current, kind):
            return True
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            stack += [current.__cause__, current.__context__, getattr(current, "reason", None)]
            stack += [item for item in current.args if isinstance(item, BaseException)]
    return False
