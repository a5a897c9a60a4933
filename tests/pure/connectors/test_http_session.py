"""The hardened session against a hostile network."""

import socket
import threading

import pytest

from lead_to_cash_hub.connectors import http, masking
from lead_to_cash_hub.connectors.errors import ConnectorError
from lead_to_cash_hub.connectors.http import Answer, Session
from lead_to_cash_hub.connectors.transport import is_public
from sandbox.hubspot import HubSpotSandbox


@pytest.fixture
def api(hubspot):
    hubspot.path = "/account-info/v3/details"
    hubspot.write = "/crm/v3/objects/deals/batch/update"
    return hubspot


def error_of(call, *args, **kwargs) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        call(*args, **kwargs)
    return caught.value


def update(api, **options):
    api.sandbox.seed(objects=[{"type": "deals", "id": "7", "properties": {"dealname": "a"}}])
    body = {"inputs": [{"id": "7", "properties": {"dealname": "b"}}]}
    return error_of(api.connector(**options)._call, "POST", api.write, json=body)


def test_a_call_is_reported_without_query_and_paced(api):
    api.connector()._call("GET", api.path, query={"email": "a@b.example"}, bucket="search")
    (report,) = api.reports
    assert (report.method, report.path, report.status) == ("GET", api.path, 200)
    assert report.error_kind is None and 0 < report.seconds < 5
    assert api.buckets == ["search"]


def test_lost_answers(api):
    """A write whose answer was lost is unknown; a read is only a broken connection."""
    for kind in ("reset_before", "reset_after"):
        api.fault(kind)
        assert update(api).kind == "unknown"
        api.fault(kind)
        error = error_of(api.connector()._call, "GET", api.path)
        assert (error.kind, error.transient) == ("connection", True)
    assert api.reports[-1].error_kind == "connection"


def test_truncated_answer_is_lost_too(api):
    api.fault("truncated")
    assert update(api).kind == "unknown"
    api.fault("truncated")
    assert error_of(api.connector()._call, "GET", api.path).kind == "connection"


def test_a_write_that_only_reads_says_so(api):
    api.fault("reset_after")
    error = error_of(api.connector()._call, "POST", api.write, json={}, write=False)
    assert error.kind == "connection"


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    session = Session(local_hosts=[f"127.0.0.1:{port}"])
    error = error_of(session.call, "POST", f"http://127.0.0.1:{port}/x", json={})
    assert (error.kind, error.code) == ("connection", "not_reached")


@pytest.mark.parametrize("fault", ["timeout", "drip"])
def test_the_deadline_ends_a_whole_call(api, fault):
    api.fault(fault, seconds=0.2, times=2)
    error = error_of(api.connector(deadline=0.15)._call, "GET", api.path)
    assert (error.kind, error.code) == ("connection", "timeout")
    assert api.reports[-1].seconds < 1
    assert update(api, deadline=0.15).kind == "unknown"


def test_the_deadline_ends_dripping_headers():
    """Header bytes that each arrive in time must not stretch a call without end."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip():
        connection, _peer = server.accept()
        with connection:
            connection.recv(65536)
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.02):
                    connection.sendall(b"X-A: b\r\n")
            except OSError:
                pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    host = f"127.0.0.1:{server.getsockname()[1]}"
    reports = []
    session = Session(local_hosts=[host], deadline=0.2, on_call=reports.append)
    error = error_of(session.call, "GET", f"http://{host}/")
    stop.set()
    thread.join()
    server.close()
    assert (error.code, reports[0].seconds < 1) == ("timeout", True)


def test_gzip_is_read_and_a_bomb_is_not(api):
    api.fault("gzip_bomb", size=1_000_000, times=1)
    error = error_of(lambda: api.connector()._call("GET", api.path).json())
    assert error.code == "bad_json", "a million zeros are within the limit, and no number"
    api.fault("gzip_bomb", size=200_000_000)
    assert error_of(api.connector()._call, "GET", api.path).code == "answer_too_large"


def test_plain_bodies_have_a_limit_too(api):
    error = error_of(api.connector(max_answer=100)._call, "GET", api.path)
    assert (error.kind, error.code) == ("schema", "answer_too_large")


def test_no_redirect_is_followed(api):
    with HubSpotSandbox().start() as other:
        api.fault("redirect", location=f"{other.url}/steal")
        error = error_of(api.connector()._call, "GET", api.path)
        assert (error.kind, error.code) == ("schema", "redirect_refused")
        assert not other.sandbox.journal


def test_environment_changes_nothing(api, monkeypatch, tmp_path):
    """netrc would replace our token; a proxy would see it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert api.connector()._call("GET", api.path).status == 200


def test_cookies_are_not_kept(api, monkeypatch):
    seen = []
    decorate = api.sandbox.decorate

    def with_cookie(request, response):
        seen.append(request.headers.get("Cookie"))
        response.set_cookie("session", "1")
        decorate(request, response)

    monkeypatch.setattr(api.sandbox, "decorate", with_cookie)
    connector = api.connector()
    connector._call("GET", api.path)
    connector._call("GET", api.path)
    assert seen == [None, None]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_loopback_by_any_name_is_refused(api, address, monkeypatch):
    """A private peer is refused after connecting and before a byte is sent."""
    port = api.running.port
    session = Session(local_hosts=[f"other.example:{port}"])
    # past the check of the scheme, which would refuse first
    monkeypatch.setattr(session, "_check_address", lambda url: None)
    error = error_of(session.call, "POST", f"http://{address}:{port}{api.path}", json={})
    assert (error.kind, error.code) in (
        ("connection", "address_refused"),
        ("connection", "not_reached"),  # the sandbox does not listen on IPv6
    )
    assert not api.sandbox.journal


def test_a_name_that_resolves_to_a_private_address_is_refused(api, monkeypatch):
    """Rebinding: whatever a look-up said before, the connected socket decides."""
    real = socket.getaddrinfo

    def rebound(host, *args, **kwargs):
        return real("127.0.0.1" if host == "api.example.com" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    session = Session()
    url = f"https://api.example.com:{api.running.port}/"
    assert error_of(session.call, "GET", url).code == "address_refused"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.example/",
        "file:///etc/passwd",
        "https://user:pass@x.example/",
        "https:///path",
        "https://x.example:99999/",
        "https://x.example\\@evil.example/",
    ],
)
def test_strange_addresses_are_refused(url):
    assert error_of(Session().call, "GET", url).code == "bad_address"


def test_plain_http_is_for_local_hosts_only():
    assert error_of(Session().call, "GET", "http://api.example.com/").code == "not_https"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v2/next",
        "http://api.example.com/v2/next",
        "https://api.example.com:444/v2/next",
        "https://api.example.com.evil.example/",
    ],
)
def test_paging_links_stay_at_home(link):
    error = error_of(Session().join, "https://api.example.com/v2", link)
    assert (error.kind, error.code) == ("schema", "foreign_link")


def test_join_keeps_the_base_path():
    session = Session()
    base = "https://api.example.com/v2/"
    assert session.join(base, "/users") == "https://api.example.com/v2/users"
    assert session.join(base, "https://api.example.com/v2/users?c=1").endswith("users?c=1")


def test_a_line_break_in_a_secret_sends_nothing(api):
    connector = api.connector(secrets={"access_token": "a\r\nX-Evil: 1"})
    assert error_of(connector._call, "GET", api.path).code == "bad_request_text"
    assert not api.sandbox.journal


def test_an_error_holds_no_request(api):
    """The chain of a ConnectorError must not lead to our Authorization header."""
    api.fault("reset_after")
    error = error_of(api.connector()._call, "GET", api.path)
    assert error.__cause__ is None and error.__suppress_context__
    assert "pat-na1" not in repr(error) + str(error.params)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "data"),
        (401, "sign_in"),
        (403, "permission"),
        (404, "reference"),
        (405, "schema"),
        (408, "connection"),
        (409, "conflict"),
        (425, "rate"),
        (429, "rate"),
        (500, "product_down"),
        (502, "product_down"),
        (503, "product_down"),
        (504, "product_down"),
    ],
)
def test_statuses(api, status, kind):
    answer = http.Answer(status, http.Headers(), b'{"message":"x"}')
    error = answer.plain_error(False)
    assert error.kind == kind
    assert error.transient == (status in (408, 425, 429) or status >= 500)


def test_a_gateway_that_gave_up_leaves_a_write_unknown():
    for status in (408, 502, 504):
        assert http.Answer(status, http.Headers(), b"").plain_error(True).kind == "unknown"


def test_pages_are_no_statements_about_records():
    page = b"<!DOCTYPE html><html></html>"
    for status in (400, 404, 405, 409):
        assert http.Answer(status, http.Headers(), page).plain_error(False).kind == "schema"
    assert error_of(http.Answer(200, http.Headers(), page).json).code == "bad_json"


def test_masking():
    text = "Bearer abc.def-1 from ann@firm.example, +43 660 1234567, DE89370400440532013000, k=topsecret"
    masked = masking.mask_text(text, secrets=["topsecret"])
    for hidden in ("abc", "ann@", "660", "DE89", "topsecret"):
        assert hidden not in masked
    assert masking.mask_text("4242 4242 4242 4242") == masking.HIDDEN
    assert len(masking.mask_text("x" * 100_000)) == 300
    headers = masking.mask_headers({"Authorization": "Bearer x", "X-Api-Key": "y", "Accept": "z"})
    assert headers == {
        "Authorization": masking.HIDDEN,
        "X-Api-Key": masking.HIDDEN,
        "Accept": "z",
    }


@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("body", [b'{"message": "Name has al', b'{"message": "x"}{"message": "x"}'])
def test_a_refusal_that_cannot_be_read_says_nothing_of_the_record(status, body):
    """Cut or doubled on its way: a write is asked for again instead of being given up."""
    answer = Answer(status, {}, body)
    assert answer.spoilt_refusal(write=True).kind == "unknown"
    assert answer.spoilt_refusal(write=False).kind == "connection"
    assert Answer(status, {}, b'{"message": "Name"}').spoilt_refusal(write=True) is None
    assert Answer(401, {}, body).spoilt_refusal(write=True) is None
