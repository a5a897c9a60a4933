"""What a hostile network or product does to the one way out: each case of ``docs/security.md``, *Going out*,
that no test of :mod:`test_http_session` or of a product shows already.
"""

import gzip
import logging
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lead_to_cash_hub.connectors import http
from lead_to_cash_hub.connectors.errors import ConnectorError
from lead_to_cash_hub.connectors.http import Session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PEER = "https://api.example.com/"


def error_of(call, *args, **kwargs) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        call(*args, **kwargs)
    return caught.value


class Server:
    """A socket that says what a test wants. ``heard`` is what it was told, connection by connection."""

    def __init__(self, script):
        self.heard: list[bytes] = []
        self.over = threading.Event()
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self.over.is_set():
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.heard.append(b"")
                try:
                    self._script(self, connection)
                except (OSError, ssl.SSLError):
                    continue

    def listen(self, connection) -> None:
        self.heard[-1] += connection.recv(65536)

    def stop(self):
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@contextmanager
def serving(script):
    server = Server(script)
    try:
        yield server
    finally:
        server.stop()


def saying(*parts, endless=b""):
    """A script: hear the request, say the parts, and the last one again until the other side hangs up."""

    def script(server, connection):
        server.listen(connection)
        for part in parts:
            connection.sendall(part)
        while endless and not server.over.is_set():
            connection.sendall(endless)

    return script


# -- who is reached --------------------------------------------------------------------------------


class Pretender(socket.socket):
    """A connection that really leads to our server and says that it leads elsewhere."""

    peer = ("8.8.8.8", 443)

    def getpeername(self):
        return self.peer


def lead(monkeypatch, port, peers):
    """All connections go to the server; their other sides are ``peers``, one after the other."""
    real, turns = socket.create_connection, iter(peers)

    def connect(address, *args, **kwargs):
        made = real(("127.0.0.1", port))
        pretender = Pretender(fileno=made.detach())
        pretender.peer = (next(turns), 443)
        return pretender

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)


@pytest.mark.parametrize(
    "peer",
    [
        "169.254.169.254",  # the metadata of a cloud machine
        "100.100.100.200",
        "fd00:ec2::254",
        "::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "0.0.0.0",
        "10.0.0.8",
        "192.168.0.10",
    ],
)
def test_a_peer_that_is_not_public_gets_no_byte(monkeypatch, peer):
    with serving(saying(OK)) as server:
        lead(monkeypatch, server.port, [peer])
        session = Session()
        monkeypatch.setattr(session, "_check_address", lambda url: None)
        error = error_of(
            session.call, "GET", f"http://[{peer}]/" if ":" in peer else f"http://{peer}/"
        )
        assert (error.kind, error.code) == ("connection", "address_refused")
    assert b"".join(server.heard) == b""


def test_a_name_that_was_public_a_moment_ago_is_looked_at_again(monkeypatch):
    """Rebinding between two calls of one session: each new connection is judged."""
    with serving(saying(OK)) as server:
        lead(monkeypatch, server.port, ["8.8.8.8", "127.0.0.1"])
        session = Session()
        monkeypatch.setattr(session, "_check_address", lambda url: None)
        assert session.call("GET", "http://api.example.com/").status == 200
        session.close()
        error = error_of(session.call, "GET", "http://api.example.com/")
        assert error.code == "address_refused"
    # The second connection is let go before a byte of it; the server may not even have met it.
    assert [bool(text) for text in server.heard][:2] in ([True], [True, False])


def test_an_exception_for_a_sandbox_is_for_that_port_alone():
    with serving(saying(OK)) as server:
        session = Session(local_hosts=[f"127.0.0.1:{server.port + 1}"])
        assert error_of(session.call, "GET", f"http://{server.host}/").code == "not_https"
        assert error_of(session.call, "GET", f"https://{server.host}/").code == "address_refused"
    assert b"".join(server.heard) == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "location", ["https://evil.example/", "http://169.254.169.254/latest/", "/same/host"]
)
def test_no_redirect_of_any_kind_is_followed(status, method, location):
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    with serving(saying(answer.encode())) as server:
        session = Session(local_hosts=[server.host])
        error = error_of(session.call, method, f"http://{server.host}/start")
        assert (error.kind, error.code) == ("schema", "redirect_refused")
    assert len(server.heard) == 1


# -- TLS -----------------------------------------------------------------------------------------------


def certificate(folder, name, *, days=1):
    """A certificate for ``name`` that nobody else signed: a file that is its own authority, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(timezone.utc) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}{days}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def over_tls(path, **limits):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    for name, value in limits.items():
        setattr(context, name, value)

    def script(server, connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            server.listen(secure)
            secure.sendall(OK)

    return script


@pytest.mark.parametrize(
    ("name", "days", "trusted", "code"),
    [
        ("localhost", 1, True, None),
        ("localhost", 1, False, "tls_failed"),  # signed by nobody that we know
        ("other.example", 1, True, "tls_failed"),  # good, but for another name
        ("localhost", -1, True, "tls_failed"),  # of yesterday
    ],
)
def test_a_certificate_must_be_good_and_for_that_name(
    monkeypatch, tmp_path, name, days, trusted, code
):
    path = certificate(tmp_path, name, days=days)
    if trusted:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    with serving(over_tls(path)) as server:
        session = Session(local_hosts=[f"localhost:{server.port}"])
        url = f"https://localhost:{server.port}/"
        headers = {"Authorization": "Bearer secret-of-ours"}
        if code is None:
            assert session.call("GET", url, headers=headers).status == 200
        else:
            assert error_of(session.call, "GET", url, headers=headers).code == code
    assert (b"secret-of-ours" in b"".join(server.heard)) is (code is None)


def test_an_authority_from_the_environment_counts_for_nothing(monkeypatch, tmp_path):
    path = certificate(tmp_path, "localhost")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(path))
    with serving(over_tls(path)) as server:
        session = Session(local_hosts=[f"localhost:{server.port}"])
        error = error_of(session.call, "GET", f"https://localhost:{server.port}/")
    assert error.code == "tls_failed"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_version_of_tls_is_not_spoken(monkeypatch, tmp_path):
    path = certificate(tmp_path, "localhost")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    with serving(over_tls(path, **old)) as server:
        session = Session(local_hosts=[f"localhost:{server.port}"])
        error = error_of(session.call, "GET", f"https://localhost:{server.port}/")
    assert error.code == "tls_failed"


# -- how long and how large ----------------------------------------------------------------------------


def silent(server, connection):
    """Takes the connection and answers nothing, not even the handshake."""
    server.listen(connection)
    server.over.wait(5)


def test_a_handshake_without_an_answer_ends(monkeypatch):
    with serving(silent) as server:
        reports = []
        session = Session(
            local_hosts=[server.host], deadline=5.0, connect_timeout=0.2, on_call=reports.append
        )
        error = error_of(session.call, "POST", f"https://{server.host}/", json={})
        server.over.set()
    # nothing of the request had gone out: it may be sent again without a look
    assert (error.kind, error.code) == ("connection", "timeout")
    assert reports[0].seconds < 3


@pytest.mark.parametrize(
    ("parts", "endless"),
    [
        ((), b"HTTP/1.1 100 Continue\r\n\r\n"),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",), b"1\r\n{\r\n"),
        ((b"HTTP/1.1 200 OK\r\n\r\n",), b"{"),
    ],
    ids=["continue", "chunks", "no-length"],
)
def test_an_answer_without_end_ends(parts, endless):
    with serving(saying(*parts, endless=endless)) as server:
        reports = []
        session = Session(
            local_hosts=[server.host], deadline=0.4, max_answer=10_000, on_call=reports.append
        )
        error = error_of(session.call, "GET", f"http://{server.host}/")
        assert error.code in ("timeout", "answer_too_large")
    assert reports[0].seconds < 3


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 1_000 + b"\r\n",),
        (b"HTTP/1.1 200 " + b"a" * 200_000 + b"\r\n\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"a" * 200_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"not a number\r\n{}\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"-5\r\n{}\r\n0\r\n\r\n"),
        (b"no http at all\r\n\r\n",),
        (b"",),
    ],
    ids=["header", "headers", "reason", "chunk-line", "chunk-word", "chunk-less", "noise", "none"],
)
def test_what_is_no_http_is_a_broken_answer(parts):
    with serving(saying(*parts)) as server:
        session = Session(local_hosts=[server.host])
        assert error_of(session.call, "GET", f"http://{server.host}/").code == "broken_off"
        write = error_of(session.call, "POST", f"http://{server.host}/", json={})
        assert (write.kind, write.code) == ("unknown", "answer_lost")


def test_a_line_that_announces_a_chunk_is_not_gathered_without_end(monkeypatch):
    """urllib3 of the releases that Odoo names reads this line whole, whatever its length."""
    monkeypatch.setattr(
        "urllib3.response.HTTPResponse.read_chunked",
        lambda *args, **kwargs: pytest.fail("its lines have no limit in every release"),
    )
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(saying(head, b"2\r\n{}\r\n0\r\n\r\n")) as server:
        session = Session(local_hosts=[server.host])
        assert session.call("GET", f"http://{server.host}/").body == b"{}"


def packed(*texts, coding="gzip"):
    body = b"".join(gzip.compress(text) for text in texts)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (packed(b"a" * 600, b"b" * 600), "answer_too_large"),  # each member alone is small enough
        (packed(gzip.compress(b"a" * 600), coding="gzip, gzip"), "unknown_encoding"),
        (packed(b"a", coding="deflate"), "unknown_encoding"),
        (packed(b"a", coding="br"), "unknown_encoding"),
        (packed(b"{}" + b" " * 600)[:-20], "broken_off"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
            "broken_off",
        ),
    ],
    ids=["members", "twice", "deflate", "brotli", "cut", "no-gzip"],
)
def test_packed_answers(answer, code):
    with serving(saying(answer)) as server:
        session = Session(local_hosts=[server.host], max_answer=1_000)
        assert error_of(session.call, "GET", f"http://{server.host}/").code == code


# -- what leaves and what is told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\n", "\u0416"]
)
def test_no_value_makes_another_header(text):
    with serving(saying(OK)) as server:
        session = Session(local_hosts=[server.host])
        url = f"http://{server.host}/"
        error = error_of(session.call, "POST", url, headers={"Idempotency-Key": text}, json={})
        assert error.code == "bad_request_text"
        assert error_of(session.call, "POST", url, headers={text: "1"}, json={}).code == (
            "bad_request_text"
        )
    assert server.heard == []


@pytest.mark.parametrize("text", ["x\r\nHost: evil.example", "x HTTP/1.1\r\nX-Evil: 1\r\n\r\n"])
def test_no_path_makes_another_request(text):
    with serving(saying(OK)) as server:
        session = Session(local_hosts=[server.host])
        session.call("GET", session.join(f"http://{server.host}", text))
    (heard,) = server.heard
    assert heard.count(b"\r\n\r\n") == 1 and b"\nX-Evil" not in heard
    assert f"Host: {server.host}\r\n".encode() in heard and b"\nHost: evil" not in heard


def test_nothing_of_the_query_stands_in_a_log(caplog, monkeypatch):
    """The library below tells its log each address with its query, where some products want their key."""
    log = logging.getLogger("urllib3.connectionpool")
    # Whatever another test, or a library that it used, made of this log before.
    monkeypatch.setattr(log, "disabled", False)
    monkeypatch.setattr(log, "handlers", [caplog.handler])
    with serving(saying(OK)) as server, caplog.at_level(logging.DEBUG, logger=log.name):
        session = Session(local_hosts=[server.host])
        session.call("GET", f"http://{server.host}/things?key=secret-of-ours&mail=ann@firm.example")
    assert b"secret-of-ours" in server.heard[0]
    assert "/things" in caplog.text
    assert "secret-of-ours" not in caplog.text and "ann@firm" not in caplog.text


def test_a_fault_tells_neither_the_request_nor_the_answer():
    """Whatever goes wrong, what is raised holds codes and numbers alone, down to its causes."""
    body = b'HTTP/1.1 422 No\r\nContent-Length: 28\r\n\r\n{"key": "echo secret-of-ours'
    for answer in (body, b"", b"secret-of-ours\r\n\r\n", OK[:-1]):
        with serving(saying(answer)) as server:
            session = Session(local_hosts=[server.host])
            headers = {"Authorization": "Bearer secret-of-ours"}
            error = error_of(
                session.call, "POST", f"http://{server.host}/?k=secret-of-ours", headers=headers,
                json={"pin": "secret-of-ours"},
            )  # fmt: skip
        assert error.__cause__ is None and error.__suppress_context__
        assert "secret-of-ours" not in f"{error!r} {error} {error.params}"


def test_the_limits_are_those_of_the_documentation():
    session = Session()
    assert (session.deadline, session.connect_timeout) == (30.0, 5.0)
    assert (session.max_answer, http.MAX_ANSWER) == (25_000_000, 25_000_000)
