"""Schema drift: what appears, vanishes or changes its type in a source."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from lead_to_cash_hub.core.shape import ENOUGH, Drift, compare, learn, shape

OLD = {"id": 1, "p": {"name": "Ann", "amount": Decimal("1.5"), "note": None}}


def known(*payloads, times=ENOUGH):
    return learn({}, [shape(payload) for payload in payloads] * times)


def test_equal_payloads_do_not_drift():
    assert compare(known(OLD), [shape(OLD)] * ENOUGH) == []


def test_what_appears_vanishes_or_changes_its_type():
    new = {"id": 1, "p": {"amount": "1,50", "city": "Ulm", "note": "x"}}
    assert compare(known(OLD), [shape(new)] * ENOUGH) == [
        Drift("p.amount", "type", "number", "text"),
        Drift("p.city", "appeared", "", "text"),
        Drift("p.name", "vanished", "text", ""),
    ]


def test_a_few_payloads_prove_nothing():
    new = {"id": 1, "p": {"amount": 2}}
    assert compare(known(OLD, times=ENOUGH - 1), [shape(new)] * ENOUGH) == []
    assert compare(known(OLD), [shape(new)] * (ENOUGH - 1)) == []


def test_what_was_there_sometimes_only_does_not_vanish():
    assert compare(known(OLD, {"id": 1}), [shape({"id": 2})] * ENOUGH) == []


def test_an_empty_value_has_no_type():
    assert compare(known(OLD), [shape({"id": None, "p": {"name": "", "amount": None}})]) == []


PAYLOADS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.none() | st.integers() | st.text(max_size=2)),
    max_size=30,
)


@given(PAYLOADS, PAYLOADS)
def test_what_was_learned_does_not_drift_again(first, second):
    shapes = [shape(payload) for payload in second]
    after = learn(learn({}, map_shapes(first)), shapes)
    assert after["count"] == len(first) + len(second)
    assert [d for d in compare(after, shapes) if d.change != "vanished"] == []


def map_shapes(payloads):
    return [shape(payload) for payload in payloads]
