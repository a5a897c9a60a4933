import base64
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core import bundle
from lead_to_cash_hub.core.problem import Problem

SEED = base64.b64encode(bytes(range(32))).decode()
NAME, KEY = bundle.signing_key(f"test:{SEED}")
TRUSTED = bundle.trusted_keys(bundle.public_text(NAME, KEY))
TARGET = {"database": "db-1", "product": "hubspot", "environment": "production"}
PORTABLE = {"hub.mapping.line": {"mapping_id", "field_id", "path"}}
HERE = {
    "release": "19.0.1.2.0",
    "database": "db-1",
    "product": "hubspot",
    "environment": "production",
    "portable": PORTABLE,
}


def content(**more):
    return {
        "format": 1,
        "release": "19.0.1.2.0",
        "id": "b-1",
        "number": 7,
        "made_at": "2026-03-01T00:00:00",
        "source": "db-0",
        "target": dict(TARGET),
        "title": "Cities",
        "rows": [
            {
                "model": "hub.mapping.line",
                "key": {"mapping_id": {"ref": ["hub.mapping", {}]}, "field_id": None},
                "values": {"path": "properties.town"},
            }
        ],
        **more,
    }


def refusal(act):
    with pytest.raises(Problem) as caught:
        act()
    return caught.value.code


def test_what_is_signed_is_read():
    made = content()
    assert bundle.read(bundle.sign(made, NAME, KEY), TRUSTED) == (made, "test")
    bundle.check(made, **HERE)


@given(st.data())
def test_no_byte_can_be_changed(data):
    """Any other content under the same signature is refused; blanks outside of texts say nothing."""
    raw = bundle.sign(content(), NAME, KEY)
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != raw[place]))
    changed = raw[:place] + bytes([byte]) + raw[place + 1 :]
    try:
        found, _key = bundle.read(changed, TRUSTED)
    except Problem:
        return
    assert found == content()


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda s: s["content"].update(number=8), "bundle_tampered"),
        (lambda s: s["content"]["rows"].clear(), "bundle_tampered"),
        (lambda s: s["content"]["target"].update(database="db-2"), "bundle_tampered"),
        (
            lambda s: s["signature"].update(value=base64.b64encode(bytes(64)).decode()),
            "bundle_tampered",
        ),
        (lambda s: s["signature"].update(key="other"), "bundle_unknown_key"),
        (lambda s: s.pop("signature"), "bundle_unreadable"),
        (lambda s: s.update(more=1), "bundle_unreadable"),
    ],
)
def test_a_tampered_file(edit, code):
    signed = json.loads(bundle.sign(content(), NAME, KEY))
    edit(signed)
    assert refusal(lambda: bundle.read(json.dumps(signed).encode(), TRUSTED)) == code


def test_a_key_of_the_same_name_is_not_enough():
    other = bundle.signing_key(f"test:{base64.b64encode(os.urandom(32)).decode()}")
    raw = bundle.sign(content(), *other)
    assert refusal(lambda: bundle.read(raw, TRUSTED)) == "bundle_tampered"
    assert refusal(lambda: bundle.read(raw, {})) == "bundle_unknown_key"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b'{"content": NaN}',
        b'{"content": {}, "content": {}, "signature": {}}',
        b"[" * 100_000,
        b'{"content": {}, "signature": {"key": "test", "value": "?"}}',
    ],
)
def test_what_is_no_bundle(raw):
    assert refusal(lambda: bundle.read(raw, TRUSTED)) == "bundle_unreadable"


def test_a_file_that_is_too_large():
    raw = b" " * (bundle.MOST_BYTES + 1)
    assert refusal(lambda: bundle.read(raw, TRUSTED)) == "bundle_too_large"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (content(format=2), "bundle_newer"),
        (content(release="19.0.1.10.0"), "bundle_newer"),
        (content(release="nonsense"), "bundle_newer"),
        ([], "bundle_newer"),
        (content(more=1), "bundle_unreadable"),
        (content(number="7"), "bundle_unreadable"),
        (content(rows={}), "bundle_unreadable"),
        (content(rows=[{"model": "hub.mapping.line"}]), "bundle_unreadable"),
        (content(target=TARGET | {"database": "db-2"}), "bundle_other_target"),
        (content(target=TARGET | {"product": "stripe"}), "bundle_other_product"),
        (content(target=TARGET | {"environment": "sandbox"}), "bundle_other_environment"),
        (content(rows=[{"model": "res.users", "key": {}, "values": {}}]), "bundle_forbidden"),
        (content(rows=[{"model": "hub.mapping.line", "key": {}, "values": {"base_url": "x"}}]), "bundle_forbidden"),
        (content(rows=[{"model": "hub.mapping.line", "key": {}, "values": {"path": ["https://x"]}}]), "bundle_address"),
    ],
)  # fmt: skip
def test_what_is_not_for_this_place(made, code):
    assert refusal(lambda: bundle.check(made, **HERE)) == code


def test_an_older_release_is_taken():
    bundle.check(content(release="19.0.1.1.0"), **HERE)


def test_an_address_is_never_signed():
    made = content()
    made["rows"][0]["values"]["path"] = "https://evil.example"
    assert refusal(lambda: bundle.sign(made, NAME, KEY)) == "bundle_address"


@pytest.mark.parametrize("text", ["", None, "a", "a:b", f"a:{SEED},b:{SEED}", f":{SEED}"])
def test_keys_that_are_none(text):
    assert refusal(lambda: bundle.signing_key(text)) in ("bundle_no_key", "bundle_bad_key")
