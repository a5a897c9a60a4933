"""Retries, keys, merges, envelopes and identity: the rules on plain data."""

import base64
import os
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from lead_to_cash_hub.core import envelope, identity, keys, merge, retry
from lead_to_cash_hub.core.problem import Problem, Term

NOW = datetime(2026, 3, 1)
SEAL = {"system": "s1", "field": "token", "origins": ["https://a.example"]}


# -- retry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["connection", "lock", "product_down", "rate", "unknown"])
def test_a_transient_fault_is_tried_again_later_each_time(kind):
    waits = [
        (retry.decide(kind, tries, NOW, rand=lambda: 1.0).retry_at - NOW).total_seconds()
        for tries in range(1, 11)
    ]
    assert waits == sorted(waits) and waits[0] == 4 and waits[-1] == 2048
    assert (retry.decide("rate", 40, NOW, rand=lambda: 1.0).retry_at - NOW).total_seconds() == 3600


def test_not_all_wait_alike():
    moments = {retry.decide("connection", 5, NOW).retry_at for _turn in range(50)}
    assert len(moments) > 40
    assert all(NOW < moment <= NOW + timedelta(seconds=64) for moment in moments)


@pytest.mark.parametrize(
    "kind", ["data", "reference", "identity", "conflict", "permission", "rule", "schema", "bug"]
)
def test_a_fault_that_no_repetition_heals_goes_to_a_person_at_once(kind):
    assert retry.decide(kind, 1, NOW) == retry.Decision(None)


def test_a_used_up_budget_is_dead_but_a_rate_limit_uses_none():
    policy = retry.Policy(budget=3)
    assert retry.decide("connection", 2, NOW, policy=policy).retry_at
    assert retry.decide("connection", 3, NOW, policy=policy) == retry.Decision(None, dead=True)
    assert retry.decide("rate", 99, NOW, policy=policy).retry_at


def test_never_earlier_than_the_product_asked():
    assert retry.decide(
        "rate", 1, NOW, retry_after=90, rand=lambda: 0.0
    ).retry_at >= NOW + timedelta(seconds=90)


# -- keys ----------------------------------------------------------------------------------------


def test_keys_differ_in_each_part_and_never_change():
    assert keys.order_key(1, "customer", "7") == keys.order_key(1, "customer", "7")
    different = [
        (1, "customer", "7"),
        (2, "customer", "7"),
        (1, "contact", "7"),
        (1, "customer", "8"),
        (1, "customer", "7", "out"),
    ]
    assert len({keys.order_key(*parts) for parts in different}) == 5
    assert -(2**63) <= keys.order_key(1, "customer", "7") < 2**63
    assert keys.order_key(1, "customer", 7) == keys.order_key(1, "customer", "7")
    # stored in databases: a change here would let every event in again
    assert keys.order_key(1, "customer", "7") == 6958371036151902636


def test_one_event_is_one_key_in_one_account_of_one_system():
    one = keys.event_key(1, "a", b"k")
    assert len(one) == 16
    assert (
        len(
            {
                one,
                keys.event_key(2, "a", b"k"),
                keys.event_key(1, "b", b"k"),
                keys.event_key(1, "a", b"l"),
            }
        )
        == 4
    )


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert keys.digest({"a": 1, "b": Decimal("1.0")}) == keys.digest({"b": Decimal("1.0"), "a": 1})
    assert keys.digest({"a": "1"}) != keys.digest({"a": 1})


def test_another_database_has_other_idempotency_keys():
    one = keys.idempotency_key("db1", 1, "r", "c")
    assert one == keys.idempotency_key("db1", 1, "r", "c")
    assert (
        len(
            {
                one,
                keys.idempotency_key("db2", 1, "r", "c"),
                keys.idempotency_key("db1", 1, "r", "d"),
            }
        )
        == 3
    )


# -- merge ---------------------------------------------------------------------------------------


def test_only_what_differs_from_the_last_agreed_values_is_a_change():
    base = {"a": "1", "b": None, "gone": "x"}
    assert merge.changed_fields(base, {"a": "1", "b": None, "c": None}) == frozenset()
    assert merge.changed_fields(base, {"a": "2", "b": "y"}) == {"a", "b"}
    assert merge.changed_fields(None, {"a": None}) == {"a"}


def test_values_become_plain_data():
    value = {"t": Term("won"), "d": Decimal("1.50"), "l": [NOW, True, None, 5, "x"]}
    assert merge.plain(value) == {"t": "won", "d": "1.50", "l": [str(NOW), True, None, 5, "x"]}


# -- problems ------------------------------------------------------------------------------------


def test_a_problem_carries_any_parameter_and_shows_no_value():
    problem = Problem("error_data", kind="data", code="INVALID", status=400)
    assert (problem.code, problem.params) == ("error_data", {"code": "INVALID", "status": 400})
    assert "INVALID" not in str(problem)


# -- envelopes -----------------------------------------------------------------------------------


def key():
    return os.urandom(32)


def test_a_sealed_secret_is_opened_in_its_place_only():
    one = {1: key()}
    sealed = envelope.seal("secret", one, **SEAL)
    assert envelope.open_(sealed, one, **SEAL) == "secret"
    assert "secret" not in sealed
    for part, other in (
        ("system", "s2"),
        ("field", "other"),
        ("origins", ["https://b.example"]),
        ("origins", []),
    ):
        with pytest.raises(envelope.NotBound):
            envelope.open_(sealed, one, **SEAL | {part: other})


def test_the_newest_key_seals_and_older_ones_open():
    first, second = key(), key()
    old = envelope.seal("secret", {1: first}, **SEAL)
    new = envelope.seal("secret", {1: first, 2: second}, **SEAL)
    assert (old[:2], new[:2]) == ("1:", "2:")
    assert envelope.open_(old, {1: first, 2: second}, **SEAL) == "secret"
    with pytest.raises(envelope.NoKey):
        envelope.open_(old, {2: second}, **SEAL)
    with pytest.raises(envelope.NotBound):
        envelope.open_(old, {1: second}, **SEAL)


def test_no_key_seals_nothing():
    with pytest.raises(envelope.NoKey):
        envelope.seal("secret", {}, **SEAL)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "1",
        "1:",
        "x:abc",
        ":::",
        "1:not base64!",
        "1:" + base64.b64encode(b"short").decode(),
        "99:AAAA",
    ],
)
def test_a_broken_envelope_is_refused_not_a_crash(broken):
    with pytest.raises((envelope.NoKey, envelope.NotBound)):
        envelope.open_(broken, {1: key()}, **SEAL)


@pytest.mark.parametrize(
    "text",
    [
        "1:abc",
        "abc",
        "x:" + base64.b64encode(bytes(32)).decode(),
        "1:" + base64.b64encode(bytes(16)).decode(),
    ],
)
def test_a_key_of_another_form_is_refused(text):
    with pytest.raises(envelope.NoKey):
        envelope.parse_keys(text)


def test_no_keys_are_no_keys():
    assert envelope.parse_keys(None) == envelope.parse_keys(" , ") == {}


# -- identity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("vat", ["DE136695976", "de 136.695.976", "136695976", "DE-136-695-976"])
def test_one_tax_number_in_any_spelling(vat):
    assert identity.vat_key(vat, "DE") == "DE136695976"


@pytest.mark.parametrize(
    "vat",
    [
        None,
        "",
        "n/a",
        "unknown",
        "UNKNOWN",
        "pending",
        "not available",
        "000000000",
        "999999999",
        "DE136695977",
        "-",
    ],
)
def test_what_is_no_tax_number_is_no_key(vat):
    assert identity.vat_key(vat) is None
    assert identity.vat_key(vat, "DE") is None


def test_domains_come_from_addresses_but_not_from_mail_providers():
    assert identity.domain_key("https://www.Acme.example:443/x") == "acme.example"
    assert identity.domain_key("", email="a@Acme.example") == "acme.example"
    for text in ("gmail.com", "web.de", "https://www.orange.fr", "localhost", "", None):
        assert identity.domain_key(text) is None


def test_an_address_is_a_key_in_lower_case():
    assert identity.email_key(" Pat@Firm.Example ") == "pat@firm.example"
    for text in ("a@b", "a@@b.de", "", None):
        assert identity.email_key(text) is None
