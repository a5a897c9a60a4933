"""What a declaration may say, and files that hold one: everything else is refused with a reason."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lead_to_cash_hub.connectors import documents
from lead_to_cash_hub.connectors.declaration import BadDeclaration, check, faults, origins
from lead_to_cash_hub.connectors.documents import BadDocument
from sandbox.bureau import declaration

GOOD = declaration("https://bureau.example")


def changed(path, value):
    """The good declaration with one thing changed; ``None`` takes it out."""
    result = copy.deepcopy(GOOD)
    *parents, leaf = path
    place = result
    for step in parents:
        place = place[step]
    if value is None:
        del place[leaf]
    else:
        place[leaf] = value
    return result


def codes(document):
    return {(fault.where, fault.code) for fault in faults(document)}


def test_a_good_one_is_good():
    assert faults(GOOD) == []
    assert check(GOOD) is GOOD
    assert origins(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "where", "code"),
    [
        (("hub_connector",), 2, "hub_connector", "choice"),
        (("name",), None, "name", "missing"),
        (("code",), "Bureau!", "code", "bad_code"),
        (("surprise",), 1, "surprise", "unknown_key"),
        (("base_url",), "file:///etc/passwd", "base_url", "bad_url"),
        (("base_url",), "https://user:pw@bureau.example", "base_url", "bad_url"),
        (("base_url",), "https://bureau.example/?key=1", "base_url", "bad_url"),
        (("base_url",), "https://a\r\nb.example", "base_url", "line_break"),
        (("sign_in", "kind"), "magic", "sign_in.kind", "choice"),
        (("sign_in", "name"), None, "sign_in.name", "missing"),
        (("sign_in", "name"), "X-Key\r\nHost", "sign_in.name", "bad_header"),
        (("sign_in", "name"), "Host", "sign_in.name", "reserved"),
        (("headers",), {"Authorization": "x"}, "headers.Authorization", "reserved"),
        (("headers",), {"X-Api-Key": "x"}, "headers.X-Api-Key", "reserved"),
        (("headers",), {"X-Version": "1\r\nX: y"}, "headers.X-Version", "line_break"),
        (("test", "path"), "https://evil.example/me", "test.path", "bad_route"),
        (("presets", "surprise"), [], "presets", "unknown_key"),
        (("presets", "words"), [{"word": "x"}], "presets.words[0].term", "missing"),
        (
            ("presets", "processes", 0, "direction"),
            "up",
            "presets.processes[0].direction",
            "choice",
        ),
        (
            ("presets", "mappings", 0, "lines", 0, "argument"),
            "Bearer sk_live_51Hx0aaaaaaaaaaaaaaaa",
            "presets.mappings[0].lines[0].argument",
            "secret",
        ),
        (("streams", 0, "path"), "//evil.example/x", "streams[0].path", "bad_route"),
        (("streams", 0, "path"), "/a/../../b", "streams[0].path", "bad_route"),
        (("streams", 0, "path"), "/a/%2e%2e/b", "streams[0].path", "bad_route"),
        (("streams", 0, "path"), "/a?b=c", "streams[0].path", "bad_route"),
        (("streams", 0, "path"), "clients", "streams[0].path", "bad_route"),
        (("streams", 0, "id"), "a[", "streams[0].id", "bad_path"),
        (("streams", 0, "id"), "[@,@][][@,@][][@,@][][@,@][]", "streams[0].id", "bad_path"),
        (("streams", 0, "read", "path"), "/clients", "streams[0].read.path", "no_hole"),
        (("streams", 0, "paging", "next"), None, "streams[0].paging.next", "missing"),
        (("streams", 0, "paging", "size"), 10**9, "streams[0].paging.size", "number"),
        (("streams", 0, "since", "overlap"), True, "streams[0].since.overlap", "number"),
        (("streams", 0, "query"), {"api_key": "x"}, "streams[0].query.api_key", "reserved"),
        (("streams", 1, "entity"), "customer", "streams[1].entity", "twice"),
        (("streams", 0, "deleted"), {"value": "yes"}, "streams[0].deleted.path", "missing"),
        (("writes", 0, "look_up"), None, "writes[0].create", "unsafe_create"),
        (("writes", 0, "id"), None, "writes[0].id", "missing"),
        (("writes", 0, "create", "method"), "DELETE", "writes[0].create.method", "choice"),
        (("webhook", "header"), None, "webhook.header", "missing"),
        (("webhook", "signed"), "{timestamp}", "webhook.signed", "bad_signed"),
        (("webhook", "signed"), "{body}{secret}", "webhook.signed", "bad_signed"),
        (("webhook", "time_header"), None, "webhook.time_header", "missing"),
        (("webhook", "types", 0, "entity"), "payment", "webhook.types[0].entity", "no_stream"),
        (("pace", "calls"), 0, "pace.calls", "number"),
        (("errors", 0, "kind"), "bug", "errors[0].kind", "choice"),
        (("errors", 0, "path"), None, "errors[0].path", "missing"),
        (("streams",), {}, "streams", "not_list"),
        (("streams",), [5], "streams[0]", "not_object"),
    ],
)
def test_what_is_refused(path, value, where, code):
    assert (where, code) in codes(changed(path, value))
    with pytest.raises(BadDeclaration):
        check(changed(path, value))


@pytest.mark.parametrize(
    "secret",
    ["sk_live_51H8abcDEF123456", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "pat-na1-11111111-2222-3333", "A1b2C3d4E5f6G7h8I9j0K1l2M3"],
)  # fmt: skip
def test_a_secret_is_no_part_of_a_declaration(secret):
    assert ("sign_in.prefix", "too_long") in codes(changed(("sign_in", "prefix"), secret)) or (
        "sign_in.prefix", "secret") in codes(changed(("sign_in", "prefix"), secret))  # fmt: skip
    document = changed(("headers",), {"X-Version": secret})
    assert ("headers.X-Version", "secret") in codes(document)
    assert ("sign_in", "unknown_key") in codes(changed(("sign_in", "value"), secret))


def test_what_resembles_a_secret_only_a_little_is_none():
    for path in ("pk_customer", "invoice.last_modified_timestamp", "token.value"):
        assert not codes(changed(("streams", 0, "version"), path)), path


def test_a_token_address_is_named_as_one_that_sees_secrets():
    document = changed(("sign_in",), {
        "kind": "client_credentials", "token_url": "https://login.bureau.example/token"})  # fmt: skip
    assert faults(document) == []
    assert origins(document) == ["https://login.bureau.example"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(st.sampled_from(sorted(GOOD)), JSON)
@settings(max_examples=300)
def test_whatever_stands_somewhere_is_judged_and_never_fails(key, value):
    assert isinstance(faults({**GOOD, key: value}), list)
    assert isinstance(faults(value), list)


# -- files -----------------------------------------------------------------------------------------


def test_yaml_and_json_say_the_same():
    text = documents.write_yaml(GOOD)
    assert documents.read(text.encode()) == GOOD
    assert documents.read(json.dumps(GOOD).encode()) == GOOD


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a: &x [1]\nb: *x\n", "alias"),
        (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "alias"),
        (b"a: !!python/object/apply:os.system ['id']\n", "tag"),
        (b"!hub a: 1\n", "tag"),
        (b"a: 1\na: 2\n", "duplicate_key"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b"a: " + b"[" * 80 + b"]" * 80, "depth"),
        (b"[" * 5000 + b"]" * 5000, "depth"),
        (b"- 1\n", "not_object"),
        (b"just words", "not_object"),
        (b"", "not_object"),
        (b"\xff\xfea", "encoding"),
        (b"a: {", "syntax"),
        (b"a: 1\n---\nb: 2\n", "syntax"),
        (b"{" + b" " * 12_000_001, "too_large"),
        (b"a: " + b"x" * 3_000_001, "too_large"),
    ],
)
def test_files_that_are_refused(raw, code):
    with pytest.raises(BadDocument) as error:
        documents.read(raw)
    assert error.value.code == code


def test_yaml_has_the_values_of_json_only():
    raw = b"no: no\nday: 2026-01-02\nbig: 0x10\nn: -5\nf: 1.5\nt: true\nz: ~\nq: '5'\n"
    assert documents.read(raw) == {
        "no": "no", "day": "2026-01-02", "big": "0x10", "n": -5, "f": 1.5, "t": True, "z": None, "q": "5",
    }  # fmt: skip
